/* Rows held: engine.h says what they are. A part of sqlite.c. */
#include "engine/inside/parts.h"

_Atomic int32_t *mv_engine_rows_held(sqlite3 *db) {
    companion *c = companion_of(db);
    return c ? c->rows_held : NULL;
}

_Static_assert(SQLITE_MAX_ATTACHED + 2 <= 8 * sizeof ((companion *)NULL)->rows_read, "a bit for each database");

static int32_t rows_of(companion *c, int i) {
    return atomic_load_explicit(&c->rows_held[i], memory_order_relaxed);
}

/* Only the thread that uses the connection writes them, so that this need not be one step. */
static void set_rows(companion *c, int i, int32_t value) {
    atomic_store_explicit(&c->rows_held[i], value, memory_order_relaxed);
}

static void note_what_is_read(companion *c) {
    const sqlite3 *db = c->guard.db;
    c->rows_read[0] = c->rows_read[1] = 0;
    for (int i = 0; i < db->nDb; i++) assert(!db->aDb[i].pBt || db->aDb[i].pBt->inTrans == sqlite3BtreeTxnState(db->aDb[i].pBt));
    for (int i = 0; i < db->nDb; i++)
        if (db->aDb[i].pBt && db->aDb[i].pBt->inTrans != TRANS_NONE) c->rows_read[i / 64] |= (uint64_t)1 << (i % 64);
}

bool mv_engine_hold_rows(sqlite3 *db) {
    companion *c = companion_of(db);
    if (!c) return false;
    int32_t rows = rows_of(c, 0);
    if (rows == 0) {
        set_rows(c, 1, (int32_t)((uint32_t)rows_of(c, 1) + 1));
        note_what_is_read(c);
    }
    set_rows(c, 0, rows + 1);
    set_rows(c, 2, true);
    return true;
}

void mv_engine_release_rows(sqlite3 *db) {
    companion *c = companion_of(db);
    if (c) set_rows(c, 0, rows_of(c, 0) - 1);
}

#ifdef SQLITE_DEBUG
/* SQLite counts the statements that run. */
static void link_stand_ins(companion *c, int n) {
    sqlite3 *db = c->guard.db;
    c->stand_ins = calloc((size_t)n, sizeof *c->stand_ins);
    for (int i = 0; c->stand_ins && i < n; i++) {
        Vdbe *v = &c->stand_ins[i];
        v->db = db;
        v->eVdbeState = VDBE_RUN_STATE;
        v->readOnly = v->bIsReader = 1;
        v->ppVPrev = &db->pVdbe;
        v->pVNext = db->pVdbe;
        if (v->pVNext) v->pVNext->ppVPrev = &v->pVNext;
        db->pVdbe = v;
    }
}

static void unlink_stand_ins(companion *c, int n) {
    for (int i = 0; c->stand_ins && i < n; i++) {
        Vdbe *v = &c->stand_ins[i];
        *v->ppVPrev = v->pVNext;
        if (v->pVNext) v->pVNext->ppVPrev = v->ppVPrev;
    }
    free(c->stand_ins);
    c->stand_ins = NULL;
}
#else
static void link_stand_ins(companion *c, int n) {
    (void)c, (void)n;
}
#define unlink_stand_ins link_stand_ins
#endif

/* SQLite counts the queries that are on rows held. But none of them is there to be interrupted. */
static void count_rows(companion *c, int n) {
    sqlite3 *db = c->guard.db;
    assert(db->nVdbeRead >= 0 && db->nVdbeActive >= db->nVdbeRead);
    if (db->nVdbeActive == 0) AtomicStore(&db->u1.isInterrupted, 0);
    db->nVdbeActive += n;
    db->nVdbeRead += n;
    link_stand_ins(c, n);
}

static void uncount_rows(companion *c, int n) {
    sqlite3 *db = c->guard.db;
    unlink_stand_ins(c, n);
    db->nVdbeActive -= n;
    db->nVdbeRead -= n;
}

/* A call begins while rows are held: what they have read is read again. */
static SQLITE_NOINLINE int resume_rows(companion *c, mv_limits *limits) {
    sqlite3 *db = c->guard.db;
    int rc = SQLITE_OK;
    limits->rows = rows_of(c, 0);
    count_rows(c, limits->rows);
    if (!db->autoCommit) return SQLITE_OK; /* they were never closed */
    for (int i = 0; i < db->nDb && rc == SQLITE_OK; i++) {
        bool was_read = c->rows_read[i / 64] >> (i % 64) & 1;
        if (was_read && db->aDb[i].pBt) rc = sqlite3BtreeBeginTrans(db->aDb[i].pBt, 0, NULL);
    }
    if (rc != SQLITE_OK) sqlite3Error(db, rc);
    return rc;
}

/* A call ends while rows are held: unless something that runs, or a transaction, keeps what is read now open, it is closed, and their leases keep it. */
static SQLITE_NOINLINE void leave_rows(companion *c) {
    sqlite3 *db = c->guard.db;
    if (db->autoCommit && db->nVdbeRead == 0) {
        bool noted = false;
        set_rows(c, 2, true);
        for (int i = 0; i < db->nDb; i++) {
            Btree *tree = db->aDb[i].pBt;
            if (!tree || tree->inTrans != TRANS_READ) continue;
            if (!noted) note_what_is_read(c); /* else the last of them has closed all by itself, and noted it before */
            noted = true;
            sqlite3BtreeCommit(tree);
        }
    }
    set_rows(c, 2, false);
}

int mv_engine_end(sqlite3_stmt *stmt, int (*end)(sqlite3_stmt *)) {
    companion *c = stmt ? companion_of(sqlite3_db_handle(stmt)) : NULL;
    int rows = c ? rows_of(c, 0) : 0;
    if (c && c->waiter) mv_waiter_end(mv_engine_take_waiter(c->guard.db), false); /* nobody could wait with it */
    if (rows == 0) return end(stmt);
    count_rows(c, rows); /* what they have read is open, if the statement runs */
    int rc = end(stmt);
    uncount_rows(c, rows);
    leave_rows(c);
    return rc;
}
