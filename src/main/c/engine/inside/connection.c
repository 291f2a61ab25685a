/*
 * A connection of ours: what it gets when it is opened, compiling, and the frame of each call (mv_engine_enter to
 * mv_engine_leave). See engine.h. A part of sqlite.c.
 */
#include "engine/inside/parts.h"

/* Ends a read transaction in which nothing is read any more. While other databases are read by more than one statement SQLite would leave it open. */
static void end_read(sqlite3 *db, Btree *tree) {
    int readers = db->nVdbeRead;
    db->nVdbeRead = 0;
    sqlite3BtreeCommit(tree);
    db->nVdbeRead = readers;
}

/* As SQLite looks after some errors (schemaIsValid). */
static int look_for_changes(sqlite3 *db, bool *changed) {
    for (int i = 0; i < db->nDb; i++) {
        Btree *tree = db->aDb[i].pBt;
        if (!tree || !DbHasProperty(db, i, DB_SchemaLoaded)) continue;
        bool open = sqlite3BtreeTxnState(tree) != SQLITE_TXN_NONE;
        int rc = open ? SQLITE_OK : sqlite3BtreeBeginTrans(tree, 0, NULL);
        if (rc != SQLITE_OK) return rc;
        u32 cookie;
        sqlite3BtreeGetMeta(tree, BTREE_SCHEMA_VERSION, &cookie);
        if (cookie != (u32)db->aDb[i].pSchema->schema_cookie) {
            sqlite3ResetOneSchema(db, i);
            *changed = true;
        }
        if (!open) end_read(db, tree);
    }
    return SQLITE_OK;
}

int mv_engine_prepare(sqlite3 *db, const char *sql, int n, sqlite3_stmt **stmt, const char **tail) {
    int rc = sqlite3_prepare_v3(db, sql, n, 0, stmt, tail);
    if ((rc & 0xff) != SQLITE_ERROR) return rc;
    bool changed = false;
    int looked = look_for_changes(db, &changed);
    if (looked != SQLITE_OK) {
        sqlite3Error(db, looked);
        return looked;
    }
    if (!changed) return rc;
    Btree *closed[SQLITE_MAX_ATTACHED + 2]; /* before the schemas are read anew */
    int count = 0;
    for (int i = 0; i < db->nDb; i++)
        if (db->aDb[i].pBt && db->aDb[i].pBt->inTrans == TRANS_NONE) closed[count++] = db->aDb[i].pBt;
    rc = sqlite3_prepare_v3(db, sql, n, 0, stmt, tail);
    while (count-- > 0)
        if (closed[count]->inTrans != TRANS_NONE) end_read(db, closed[count]);
    return rc;
}

/* SQLite's MATCH does nothing but fail: what runs in its place is the virtual table's. So a view may search a full text index. Each connection
 * has a MATCH of its own. It is looked for only there: built-in functions are those of all connections, and of all
 * threads. */
static void trust_match(sqlite3 *db) {
    for (FuncDef *match = sqlite3HashFind(&db->aFunc, "match"); match; match = match->pNext)
        if (match->nArg == 2 && match->xSFunc == sqlite3InvalidFunction) match->funcFlags &= ~(u32)SQLITE_FUNC_UNSAFE;
}

void mv_engine_harden(sqlite3 *db) {
    trust_match(db);
    db->flags |= SQLITE_Defensive | SQLITE_CellSizeCk;
    db->flags &= ~(u64)SQLITE_TrustedSchema;
    companion *c = companion_of(db);
    if (c) c->hardened = true;
}

/* SQLite does it before it closes the files. */
static void free_companion(void *arg) {
    companion *c = arg;
    sqlite3 *db = c->guard.db;
    tell_files(db, MV_FCNTL_ROWS_GONE);
    if (c->waiter) mv_waiter_end(c->waiter, false);
    db->xAuth = NULL; /* closing goes on without it: a transaction that is open ends */
    db->pAuthArg = NULL;
    sqlite3_free(c);
}

/*
 * A query with MATCH on an FTS5 table reads its index by pointers into what FTS5 keeps in memory, and FTS5 has each cursor look for its row anew after a write
 * or ROLLBACK TO (fts5TripCursors). After ROLLBACK SQLite 3.54.1 forgets that, and the next step would read freed memory. So it is done here. Queries in the order
 * of rank have read all beforehand.
 */
static void trip_fts5_cursors(void *arg) {
    sqlite3 *db = arg;
    const Module *module = sqlite3HashFind(&db->aModule, "fts5");
    const Fts5Global *global = module ? module->pAux : NULL;
    assert(!global || global->db == db);
    for (Fts5Cursor *cursor = global ? global->pCsr : NULL; cursor; cursor = cursor->pNext)
        if (cursor->ePlan == FTS5_PLAN_MATCH) CsrFlagSet(cursor, FTS5CSR_REQUIRE_RESEEK);
}

int mv_engine_guard(sqlite3 *db) {
    companion *c = sqlite3_malloc(sizeof *c);
    if (!c) return SQLITE_NOMEM;
    *c = (companion){.guard = {.db = db}};
    sqlite3_rollback_hook(db, trip_fts5_cursors, db);
    int rc = sqlite3_set_clientdata(db, "mv_guard", c, free_companion);
    return rc ? rc : sqlite3_set_authorizer(db, authorize, &c->guard);
}

int mv_engine_enter(sqlite3 *db, mv_limits *limits) {
    guard_stack(db, limits);
    companion *c = companion_of(db);
    return c && rows_of(c, 0) ? resume_rows(c, limits) : SQLITE_OK;
}

bool mv_engine_again(sqlite3 *db, mv_limits *limits) {
    if (!stack_ended || !limits->lowered || limits->again) return false;
    limits->again = true;
    limits->reserve = stack_floor - limits->end;
    set_reserve(db, limits, limits->left / 2);
    return true;
}

void mv_engine_tried(sqlite3 *db, mv_limits *limits, int rc) {
    if (!limits->again) return;
    limits->again = false;
    stack_ended = rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE;
    set_reserve(db, limits, limits->reserve);
}

int mv_engine_leave(sqlite3 *db, const mv_limits *limits, int rc) {
    companion *c = companion_of(db);
    if (limits->rows) uncount_rows(c, limits->rows);
    if (c && rows_of(c, 0)) leave_rows(c);
    for (int i = 0; i < limits->lowered; i++) db->aLimit[lowered[i]] = limits->saved[i];
    stack_floor = limits->floor;
    stack_db = limits->outer;
    if (c && c->waiter) {
        if (rc == SQLITE_BUSY) return MV_ENGINE_WAIT;
        mv_waiter_end(mv_engine_take_waiter(db), false); /* something else has failed since */
    }
    if (!stack_ended) return rc;
    stack_ended = false;
    int code = rc & 0xff;
    if (code != SQLITE_ERROR && code != SQLITE_NOMEM && code != SQLITE_AUTH && code != SQLITE_CORRUPT) return rc;
    sqlite3OomClear(db); /* a step leaves it to the next call: there would be no memory for the message */
    sqlite3ResetAllSchemasOfConnection(db); /* what was too deep may be gone: SQLite looks before it runs a statement, not before it compiles one */
    sqlite3ErrorWithMsg(db, SQLITE_ERROR, "the statement, or the views, triggers and columns it uses, are nested too deeply for the stack of the calling thread:"
        " use a thread with a larger stack (Thread's stackSize, -Xss)");
    db->errByteOffset = -1;
    return SQLITE_ERROR;
}
