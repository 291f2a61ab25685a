/* Waiting for another writer outside of SQLite: engine.h says how. A part of sqlite.c. */
#include "engine/inside/parts.h"

/* To the files of all its databases, without an argument. */
static void tell_files(sqlite3 *db, int op) {
    for (int i = 0; i < db->nDb; i++) {
        sqlite3_file *file = db->aDb[i].pBt ? sqlite3PagerFile(sqlite3BtreePager(db->aDb[i].pBt)) : NULL;
        if (file && file->pMethods) file->pMethods->xFileControl(file, op, NULL);
    }
}

void mv_engine_decline(sqlite3 *db) {
    tell_files(db, MV_FCNTL_DECLINE);
}

void mv_engine_wait_outside(sqlite3 *db, mv_outside how) {
    companion *c = companion_of(db);
    if (!c) return;
    bool tried_again = c->outside == MV_WAIT_OUTSIDE_AGAIN && how == MV_SLEEP_HERE;
    c->outside = how;
    if (tried_again && !c->waiter) mv_engine_decline(db);
    if (how == MV_WAIT_OUTSIDE) c->waits_since = 0;
}

bool mv_engine_waits_outside(sqlite3 *db, int64_t *until) {
    companion *c = companion_of(db);
    if (!c || c->outside == MV_SLEEP_HERE || c->waiter || db->busyTimeout <= 0) return false;
    if (!c->waits_since) c->waits_since = mv_now_usec();
    *until = c->waits_since + (int64_t)db->busyTimeout * 1000;
    return true;
}

void mv_engine_leave_to_wait(sqlite3 *db, mv_waiter *waiter) {
    companion_of(db)->waiter = waiter;
    db->busyHandler.nBusy = -1; /* it has refused: it is not asked */
}

bool mv_engine_has_waiter(const sqlite3 *db) {
    const companion *c = companion_of(db);
    return c && c->waiter;
}

mv_waiter *mv_engine_take_waiter(sqlite3 *db) {
    companion *c = companion_of(db);
    mv_waiter *waiter = c ? c->waiter : NULL;
    if (c) c->waiter = NULL;
    return waiter;
}
