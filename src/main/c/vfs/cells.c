/* See cells.h. */
#include "vfs/cells.h"

#include "vfs/own_sqlite.h"

enum { CELLS_FIT = 1, CELLS_DO_NOT }; /* marks of blocks */

/* The mark of a page that is a block, and published; else NULL. */
static _Atomic uint8_t *mark_of(const memory_file *f, const void *page, size_t n) {
    if (!f->pin || n != mv_version_block_size(f->pin) || (f->txn && mv_txn_made(f->txn, page))) return NULL;
    return mv_block_mark(page);
}

void mv_cells_look(memory_file *f, const void *page, size_t n, int64_t offset) {
    sqlite3 *db = f->connection;
    if (!db || !mv_engine_is_hardened(db)) return;
    _Atomic uint8_t *mark = offset > 0 ? mark_of(f, page, n) : NULL; /* the first page is hardly ever one of rows, and begins with the header */
    uint8_t known = mark ? atomic_load_explicit(mark, memory_order_relaxed) : CELLS_DO_NOT;
    if (!known) {
        known = mv_engine_cells_fit(db, &f->base, page) ? CELLS_FIT : CELLS_DO_NOT;
        atomic_store_explicit(mark, known, memory_order_relaxed); /* whoever else does so finds the same */
    }
    mv_engine_check_cells(db, known != CELLS_FIT);
}
