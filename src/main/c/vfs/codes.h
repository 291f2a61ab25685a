/* SQLite's codes for the store's results. */
#ifndef MV_CODES_H
#define MV_CODES_H

#include "store/store.h"

#include "sqlite3.h"

#include <stdbool.h>

/* The SQLite code (primary or extended) for a store's result. */
int mv_sqlite_code(mv_result result);

/* The same within a file, where SQLite expects a refusal of memory to say that it came from there. */
static inline int mv_io_code(mv_result result) {
    return result == MV_OK ? SQLITE_OK : result == MV_NOMEM ? SQLITE_IOERR_NOMEM : mv_sqlite_code(result);
}

/*
 * Whether a store's limit of bytes was given to SQLite as SQLITE_FULL in this thread since the last call. SQLite has
 * other reasons for that code: PRAGMA max_page_count, and a table whose largest rowid is taken.
 */
bool mv_limit_reached(void);

#endif
