/*
 * Checking the sizes of a page's cells, once for each published block: why is said at mv_engine_check_cells
 * (own_sqlite.h). For hardened connections of our own SQLite; else these do nothing. Private to vfs/.
 */
#ifndef MV_CELLS_H
#define MV_CELLS_H

#include "vfs/file.h"
#include "vfs/own_sqlite.h"

/* SQLite is given a page, and will check it if it is not known to be fine. */
void mv_cells_look(memory_file *f, const void *page, size_t n, int64_t offset);

/* What SQLite is given next was not looked at. */
static inline void mv_cells_forget(const memory_file *f) {
    if (f->connection && mv_engine_is_hardened(f->connection)) mv_engine_check_cells(f->connection, true);
}

#endif
