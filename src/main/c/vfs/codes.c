/* See codes.h. */
#include "vfs/codes.h"

#include "sqlite3.h"

static _Thread_local bool limit_reached; /* since it was asked */

bool mv_limit_reached(void) {
    bool reached = limit_reached;
    limit_reached = false;
    return reached;
}

int mv_sqlite_code(mv_result result) {
    switch (result) {
    case MV_OK: return SQLITE_OK;
    case MV_NOMEM: return SQLITE_NOMEM;
    case MV_FULL: limit_reached = true; return SQLITE_FULL;
    case MV_BUSY: return SQLITE_BUSY;
    case MV_STALE: return SQLITE_BUSY_SNAPSHOT;
    case MV_NOTFOUND: return SQLITE_CANTOPEN;
    case MV_EXISTS: return SQLITE_ERROR;
    case MV_CLOSED: return SQLITE_CANTOPEN;
    case MV_NOTADB: return SQLITE_NOTADB;
    case MV_TRUNCATED: return SQLITE_CORRUPT;
    }
    return SQLITE_INTERNAL;
}
