/*
 * The pin and the transaction of a file. See transaction.h.
 *
 * Pages that SQLite points into (xFetch) belong to the pin. When the pin moves or a transaction is dropped while some
 * are still in use, they are compared with what the file now shows. If one is gone (it takes blocks larger than pages,
 * or a corrupt database) the old pin or the transaction is kept until the page is given back.
 */
#include "vfs/transaction.h"

#include "vfs/codes.h"
#include "vfs/own_sqlite.h"
#include "vfs/show.h"

typedef struct replaced {
    memory_file *file;
    kept *keeper;
} replaced;

static void keep_for(void *arg, mv_page_use *use) {
    const replaced *r = arg;
    if (use->keeper || mv_show_page(r->file, use->offset, 1) == use->page) return;
    use->keeper = r->keeper;
    r->keeper->pages++;
}

void mv_file_let_go(memory_file *f, mv_version *pin, mv_txn *txn) {
    kept *k = f->pages.in_use > 0 ? f->spare : NULL;
    if (k) {
        *k = (kept){.pin = pin, .txn = txn};
        mv_pages_each(&f->pages, keep_for, &(replaced){.file = f, .keeper = k});
        if (k->pages > 0) {
            f->spare = NULL;
            return;
        }
    }
    if (pin) mv_lease_return(pin);
    if (!txn) return;
    if (f->cleared) {
        mv_txn_drop(txn);
        return;
    }
    mv_txn_clear(txn);
    f->cleared = txn;
}

void mv_file_release_page(void *keeper) {
    kept *k = keeper;
    if (--k->pages > 0) return;
    if (k->pin) mv_lease_return(k->pin);
    mv_txn_drop(k->txn);
    sqlite3_free(k);
}

static mv_result begin_txn(memory_file *f) {
    if (!f->cleared) return mv_txn_begin(f->db, f->pin, &f->txn);
    mv_result rc = mv_txn_begin_again(f->cleared, f->pin);
    if (rc) return rc;
    f->txn = f->cleared;
    f->cleared = NULL;
    return MV_OK;
}

mv_result mv_file_begin(memory_file *f) {
    if (f->txn) return MV_OK;
    if (!f->spare) f->spare = sqlite3_malloc(sizeof *f->spare);
    if (!f->spare) return MV_NOMEM;
    if (!mv_shows_stand_in(f)) return begin_txn(f);
    mv_result rc = MV_NOMEM;
    void *page = sqlite3_malloc64(f->page_size);
    if (page) {
        mv_show_read_stand_in(f, page, f->page_size, 0);
        rc = begin_txn(f);
        if (!rc) rc = mv_txn_write(f->txn, page, f->page_size, 0);
        if (rc) {
            mv_txn_drop(f->txn);
            f->txn = NULL;
        }
        sqlite3_free(page);
    }
    return rc;
}

/*
 * Blocks get the size of pages if that has changed, or if most is written anew: there may have been no memory when it
 * changed. Without memory for it now, blocks stay as they are, and pages are only slower to read.
 */
static void resize_blocks(memory_file *f) {
    if (f->resized || 2 * f->written >= mv_txn_size(f->txn)) mv_txn_resize_blocks(f->txn, f->page_size);
    f->resized = false;
    f->written = 0;
}

mv_result mv_file_prepare(memory_file *f) {
    mv_result rc = f->doom;
    f->doom = MV_OK;
    if (rc || !f->txn || f->prepared) return rc;
    resize_blocks(f);
    if (!f->connection || mv_engine_shortens(f->connection, &f->base)) rc = mv_txn_prepare(f->txn);
    f->prepared = !rc;
    return rc;
}

mv_result mv_file_commit(memory_file *f) {
    mv_result rc = mv_file_prepare(f);
    if (rc || !f->txn) return rc;
    mv_txn *published = f->txn;
    mv_version *old = mv_txn_publish(published, &f->lease, f->pages.in_use > 0);
    f->pin = f->lease.version;
    f->cached = mv_version_number(f->pin);
    f->txn = NULL;
    f->prepared = false;
    mv_file_let_go(f, old, published);
    return MV_OK;
}

void mv_file_drop(memory_file *f) {
    mv_txn *txn = f->txn;
    f->doom = MV_OK;
    f->resized = false;
    f->written = 0;
    if (!txn) return;
    f->txn = NULL;
    f->prepared = false;
    mv_file_let_go(f, NULL, txn);
}
