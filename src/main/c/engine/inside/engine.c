/* See engine.h. A part of sqlite.c, where it sees SQLite's inside. */
#include "engine/engine.h"
#include "store/store.h"
#include "store/sync.h"
#include "vfs/vfs.h"

void mv_engine_content_replaced(sqlite3 *db, sqlite3_file *file) {
    for (int i = 0; i < db->nDb; i++) {
        BtShared *bt = db->aDb[i].pBt ? db->aDb[i].pBt->pBt : NULL;
        if (bt && bt->pPager->fd == file && !bt->pPager->readOnly) bt->btsFlags &= ~BTS_READ_ONLY; /* set again with the header */
    }
    bool only = db->nDb == 2 && !db->aDb[1].pBt; /* the second is of temporary tables, if there are any */
    if (!only || sqlite3PagerFile(sqlite3BtreePager(db->aDb[0].pBt)) != file) return;
    db->mDbFlags &= ~DBFLAG_EncodingFixed; /* set again with the first row of the schema */
}

void mv_engine_was_filled(sqlite3 *db, sqlite3_file *file) {
    for (int i = 0; i < db->nDb; i++) {
        BtShared *bt = db->aDb[i].pBt ? db->aDb[i].pBt->pBt : NULL;
        if (bt && sqlite3PagerFile(bt->pPager) == file) bt->btsFlags &= (u16)~BTS_INITIALLY_EMPTY;
    }
}

int mv_engine_busy_timeout(sqlite3 *db) {
    return db->busyTimeout;
}

int mv_engine_busy_count(sqlite3 *db) {
    return db->busyHandler.nBusy;
}

/* NULL: the connection has not got that far. */
static Pager *pager_of(sqlite3 *db, const sqlite3_file *file) {
    for (int i = 0; i < db->nDb; i++) {
        Pager *pager = db->aDb[i].pBt ? sqlite3BtreePager(db->aDb[i].pBt) : NULL;
        if (pager && pager->fd == file) return pager;
    }
    return NULL;
}

void mv_engine_size_cache(sqlite3 *db, sqlite3_file *file, bool narrow) {
    enum { NARROW = -200, LATE_BYTES = 2 << 20, AT_ONCE = 1 }; /* KiB; szSpill: pages, 1 by default, of which the larger of it and the cache's size counts */
    Pager *pager = pager_of(db, file);
    if (!pager) return;
    PCache *cache = pager->pPCache;
    sqlite3PcacheSetCachesize(cache, narrow ? NARROW : SQLITE_DEFAULT_CACHE_SIZE);
    cache->szSpill = narrow ? LATE_BYTES / (cache->szPage + cache->szExtra) : AT_ONCE;
}

void mv_engine_opened(sqlite3_file *file, void *pdb) {
    const BtShared *bt = (const BtShared *)((const char *)pdb - offsetof(BtShared, db));
    assert(bt->pPager->fd == file);
    (void)file;
    bt->pPager->journalMode = PAGER_JOURNALMODE_MEMORY;
}

sqlite3_file *mv_engine_journal_in_memory(sqlite3 *db, sqlite3_file *file) {
    Pager *pager = pager_of(db, file);
    return pager && pager->journalMode == PAGER_JOURNALMODE_MEMORY && !isOpen(pager->jfd) ? pager->jfd : NULL;
}

bool mv_engine_shortens(sqlite3 *db, sqlite3_file *file) {
    Pager *pager = pager_of(db, file);
    return !pager || pager->dbFileSize > pager->dbSize;
}

/* Lowest address of the calling thread's stack; NULL: not known. */
static char *end_of_stack(void) {
    static _Thread_local char *end;
    if (end) return end;
#if defined(_WIN32)
    ULONG_PTR low, high;
    GetCurrentThreadStackLimits(&low, &high);
    end = (char *)low;
#elif defined(__APPLE__)
    pthread_t self = pthread_self();
    end = (char *)pthread_get_stackaddr_np(self) - pthread_get_stacksize_np(self);
#else
    extern int pthread_getattr_np(pthread_t, pthread_attr_t *); /* declared for _GNU_SOURCE only */
    pthread_attr_t attributes;
    void *low;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return NULL;
    if (pthread_attr_getstack(&attributes, &low, &size) == 0) end = low;
    pthread_attr_destroy(&attributes);
#endif
    return end;
}

/*
 * How deep SQLite may recurse.
 *
 * Its recursions are of two kinds. Those that take memory at each level (views in views, compounds, triggers and foreign key actions,
 * copies of what a schema holds) are stopped where the stack ends: allocate() returns NULL below stack_floor, and authorize() denies,
 * which has more to say. Below the floor is a reserve for those that take none: along an expression, a pattern of LIKE,
 * a parser's stack, generated columns made from each other. They are bounded by limits that follow from the reserve, which is half
 * of the stack at least: a tree whose copy took the rest can be walked, which takes up to twice as much.
 */
#define STACK_KEPT (96 << 10) /* for the JVM's guard pages at its end, and for what does not recurse */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_FRAMES 4 /* how much larger they make a frame, at most */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STACK_FRAMES 4
#endif
#endif
#ifndef STACK_FRAMES
#define STACK_FRAMES 1
#endif
#define STACK_AMPLE ((6 << 20) * STACK_FRAMES) /* enough for those limits as they are */

/* Bytes that a level takes, with some to spare over what was measured on x86-64. */
#define EXPR_BYTES (650 * STACK_FRAMES)     /* 540: while code is generated for it */
#define PARSER_BYTES (120 * STACK_FRAMES)   /* FROM (SELECT ...): 6 entries of the parser's stack, and a level for those who walk it */
#define PATTERN_BYTES (100 * STACK_FRAMES)  /* 47: each % is one */
#define ROOM_BYTES ((64 << 10) * STACK_FRAMES) /* for what takes memory: as much as a statement without any recursion needs, and more */
#define WINDOW_BYTES (130 * STACK_FRAMES)   /* 96 */
#define COLUMN_BYTES (700 * STACK_FRAMES)   /* 660: a generated column that is made from another one */

#if defined(__GNUC__)
#define HERE() ((char *)__builtin_frame_address(0))
#else
#define HERE() ((char *)_AddressOfReturnAddress())
#endif

/* Of the thread. Between enter and leave only; NULL: no check. */
static _Thread_local char *stack_floor;
static _Thread_local bool stack_ended; /* the floor was reached since enter */

static _Thread_local int64_t stack_left;  /* INT64_MAX: none yet; where code was generated last */
static _Thread_local int64_t stack_chain; /* for generated columns of tables that were used since enter */

/* ---- JSON ---- */

static _Thread_local sqlite3 *stack_db; /* that was entered last */

/*
 * SQLITE_JSON_MAX_DEPTH: how deep JSON may be nested. The functions that recurse into it ask at each level, so the answer can be where the stack
 * ends. A depth of 0 alone would not do: json_valid would say no instead of failing. So the statement also runs out of memory.
 */
static SQLITE_NOINLINE int json_depth_at_floor(void) {
    stack_ended = true;
    if (stack_db) sqlite3OomFault(stack_db);
    return 0;
}

static int mv_engine_json_depth(void) {
    return HERE() < stack_floor ? json_depth_at_floor() : 1000;
}

static sqlite3_mem_methods memory;

static SQLITE_NOINLINE void *stop_at_floor(void) {
    stack_ended = true;
    return NULL;
}

static void *allocate(int n) {
    return HERE() < stack_floor ? stop_at_floor() : memory.xMalloc(n);
}

static void *reallocate(void *old, int n) {
    return HERE() < stack_floor ? stop_at_floor() : memory.xRealloc(old, n);
}

int mv_engine_watch_memory(const char *unused) {
    (void)unused;
    if (sqlite3GlobalConfig.m.xMalloc == allocate) return SQLITE_OK; /* initialized before */
    memory = sqlite3GlobalConfig.m;
    sqlite3GlobalConfig.m.xMalloc = allocate;
    sqlite3GlobalConfig.m.xRealloc = reallocate;
    return SQLITE_OK;
}

/* ---- generated columns and other expressions of a schema ---- */

#define LOOKED 16 /* tables: SQLite asks for each column of each table of a join */

typedef struct guard {
    sqlite3 *db;
    uint64_t state; /* of the schemas that the rest was found for; 0: of none */
    int64_t room;   /* there was to look at them: where there is more, what did not fit is looked at again */
    int64_t alone;  /* stack for the deepest expression that a schema brings: SQLite looks at its depth only when it is created */
    int64_t chain;  /* stack for generated columns, below any expression */
    struct {        /* tables that were looked at by themselves, in that state */
        Table *table; /* NULL: none */
        int64_t room, alone, chain;
    } looked[LOOKED];
    unsigned next;  /* the place in `looked` that is used next */
} guard;

static int64_t height_bytes(const Expr *expr) {
    return expr ? (int64_t)expr->nHeight * EXPR_BYTES : 0;
}

static int64_t list_bytes(const ExprList *list) {
    int64_t most = 0;
    for (int i = 0; list && i < list->nExpr; i++) most = MAX(most, height_bytes(list->a[i].pExpr));
    return most;
}

static int find_generated(Walker *walker, Expr *expr) {
    const Table *table = walker->u.pTab;
    bool column = expr->op == TK_COLUMN && expr->iColumn >= 0 && expr->iColumn < table->nCol;
    if (!column || !(table->aCol[expr->iColumn].colFlags & COLFLAG_GENERATED)) return WRC_Continue;
    walker->eCode = 1;
    return WRC_Abort;
}

static bool uses_generated(Table *table, Expr *expr) {
    Walker walker = {.xExprCallback = find_generated, .u.pTab = table};
    sqlite3WalkExpr(&walker, expr);
    return walker.eCode;
}

/* What SQLite's recursion into a generated column takes by itself; with the columns that this one is made from comes more. */
static int64_t column_bytes(Table *table, Expr *expr) {
    return height_bytes(expr) + (uses_generated(table, expr) ? COLUMN_BYTES - EXPR_BYTES : 0);
}

typedef struct chains {
    Walker walker;   /* the first member */
    int64_t *bytes;  /* for each column, what it takes with those that it is made from, as far as that is known */
    int64_t most;    /* of those that an expression uses */
} chains;

static int find_longest(Walker *walker, Expr *expr) {
    chains *c = (chains *)walker;
    if (expr->op == TK_COLUMN && expr->iColumn >= 0 && expr->iColumn < walker->u.pTab->nCol) c->most = MAX(c->most, c->bytes[expr->iColumn]);
    return WRC_Continue;
}

/*
 * The longest chain of generated columns, each made from the next. Columns are gone through forwards and backwards until nothing changes: once or
 * twice for any usual order of them. INT64_MAX: not found out.
 */
static int64_t longest_chain(Table *table, int64_t room) {
    enum { PASSES = 8 };
    chains c = {.walker = {.xExprCallback = find_longest, .u.pTab = table}};
    size_t size = sizeof(int64_t) * (size_t)table->nCol;
    c.bytes = memory.xMalloc((int)size); /* not allocate(): this is called below the floor, too */
    if (!c.bytes) return INT64_MAX;
    memset(c.bytes, 0, size);
    int64_t longest = 0;
    bool changed = true;
    for (int pass = 0; changed && pass < PASSES; pass++) {
        changed = false;
        for (int j = 0; j < table->nCol; j++) {
            int i = pass % 2 ? table->nCol - 1 - j : j;
            Expr *expr = sqlite3ColumnExpr(table, &table->aCol[i]);
            int64_t bytes = height_bytes(expr);
            if (!expr || !(table->aCol[i].colFlags & COLFLAG_GENERATED)) continue;
            c.most = 0;
            if (bytes <= room) {
                sqlite3WalkExpr(&c.walker, expr);
                bytes = column_bytes(table, expr) + c.most;
            }
            if (bytes == c.bytes[i]) continue;
            changed = true;
            c.bytes[i] = bytes;
            longest = MAX(longest, bytes);
        }
    }
    memory.xFree(c.bytes);
    return changed ? INT64_MAX : longest;
}

/* Generated columns recurse into those they are made from: at worst all that are made from another one are a chain. */
static void look_at_table(guard *g, Table *table, int64_t room) {
    if (!IsOrdinaryTable(table)) return;
    int64_t alone = list_bytes(table->pCheck), chain = 0, leaf = 0;
    for (int i = 0; table->u.tab.pDfltList && i < table->nCol; i++) {
        Expr *expr = sqlite3ColumnExpr(table, &table->aCol[i]);
        int64_t bytes = height_bytes(expr);
        if (!expr || !(table->aCol[i].colFlags & COLFLAG_GENERATED)) alone = MAX(alone, bytes);
        else if (bytes > room) leaf = bytes; /* there is no room to look at it, nor will there be to use it */
        else if (uses_generated(table, expr)) chain += bytes + COLUMN_BYTES - EXPR_BYTES;
        else leaf = MAX(leaf, bytes);
    }
    for (const Index *index = table->pIndex; index; index = index->pNext)
        alone = MAX(alone, MAX(height_bytes(index->pPartIdxWhere), list_bytes(index->aColExpr)));
    chain += leaf;
    if (chain > room) chain = MIN(chain, longest_chain(table, room));
    g->alone = MAX(g->alone, alone);
    g->chain = MAX(g->chain, chain);
}

/* Changes with each change of a schema. */
static uint64_t state_of(const Schema *schema) {
    uint64_t state = (uint64_t)(uintptr_t)schema;
    state = state * 0x9e3779b97f4a7c15u + (uint64_t)(unsigned)schema->iGeneration;
    state = state * 0x9e3779b97f4a7c15u + (uint64_t)(unsigned)schema->schema_cookie;
    state = state * 0x9e3779b97f4a7c15u + ((uint64_t)schema->tblHash.count << 32 | schema->idxHash.count);
    return state;
}

static void look_at_schemas(guard *g, int64_t room) {
    sqlite3 *db = g->db;
    uint64_t state = 1;
    for (int i = 0; i < db->nDb; i++)
        if (db->aDb[i].pSchema) state = (state ^ state_of(db->aDb[i].pSchema)) * 0x9e3779b97f4a7c15u | 1;
    if (state == g->state && (room <= g->room || MAX(g->alone, g->chain) <= g->room)) return;
    g->state = state;
    memset(g->looked, 0, sizeof g->looked);
    g->room = room;
    g->alone = g->chain = 0;
    for (int i = 0; i < db->nDb; i++) {
        Schema *schema = db->aDb[i].pSchema;
        for (HashElem *e = schema ? sqliteHashFirst(&schema->tblHash) : NULL; e; e = sqliteHashNext(e)) look_at_table(g, sqliteHashData(e), room);
    }
}

static bool fits(const guard *g, int64_t reserve) {
    return MAX(g->alone, reserve) + MAX(g->chain, stack_chain) <= stack_left;
}

/* SQLite names a table for each of its columns. */
static void look_again(guard *g, guard *used, Table *table, int64_t room) {
    for (int i = 0; i < LOOKED; i++) {
        if (g->looked[i].table != table || g->looked[i].room != room) continue;
        used->alone = g->looked[i].alone;
        used->chain = g->looked[i].chain;
        return;
    }
    look_at_table(used, table, room);
    unsigned i = g->next++ % LOOKED;
    g->looked[i].table = table;
    g->looked[i].room = room;
    g->looked[i].alone = used->alone;
    g->looked[i].chain = used->chain;
}

/* Whether what a statement does fits: almost always all schemas do; else only the tables that it uses count, as far as SQLite names them. */
static bool fits_schema(guard *g, int action, const char *a, const char *b, const char *schema, int64_t reserve) {
    guard used = {0};
    look_at_schemas(g, reserve);
    if (fits(g, reserve)) return true;
    bool check = action == SQLITE_PRAGMA && (!sqlite3StrICmp(a, "integrity_check") || !sqlite3StrICmp(a, "quick_check") || !sqlite3StrICmp(a, "optimize"));
    bool index = action == SQLITE_CREATE_INDEX || action == SQLITE_CREATE_TEMP_INDEX;
    const char *name = index ? b : action == SQLITE_READ || action == SQLITE_INSERT || action == SQLITE_UPDATE || action == SQLITE_DELETE ? a : NULL;
    Table *table = name ? sqlite3FindTable(g->db, name, schema) : NULL;
    if (table) look_again(g, &used, table, reserve);
    if (check || action == SQLITE_REINDEX || action == SQLITE_ANALYZE || action == SQLITE_ALTER_TABLE) used = *g;
    stack_chain = MAX(stack_chain, used.chain);
    return fits(&used, reserve);
}

/* SQLite asks it about each SELECT, compound, INSERT, UPDATE and DELETE before it generates code for it, of views and triggers, too, and
 * about the columns that these read. */
static int authorize(void *arg, int action, const char *a, const char *b, const char *schema, const char *trigger) {
    (void)trigger;
    if (!stack_floor) return SQLITE_OK;
    if (action == SQLITE_FUNCTION) { /* if of a window: all SELECTs of the statement are walked, one within the other */
        if ((int64_t)((guard *)arg)->db->pParse->nSelect * WINDOW_BYTES <= stack_left) return SQLITE_OK;
        stack_ended = true;
        return SQLITE_DENY;
    }
    char *end = end_of_stack() + STACK_KEPT;
    int64_t reserve = stack_floor - end;
    if (action != SQLITE_READ) stack_left = HERE() - end; /* a column is read within an expression, for which there is the reserve */
    if (stack_left >= reserve && fits_schema(arg, action, a, b, schema, reserve)) return SQLITE_OK;
    stack_ended = true;
    return SQLITE_DENY;
}

/* What a connection of ours has. */
typedef struct companion {
    guard guard;
    _Atomic int32_t rows_held[3]; /* see engine.h */
    uint64_t rows_read[2];        /* a bit for each database of the connection whose read transaction they keep between calls */
#ifdef SQLITE_DEBUG
    Vdbe *stand_ins;
#endif
    bool hardened;
    mv_outside outside;
    int64_t waits_since; /* of the statement that runs, 0 if it was not refused yet */
    mv_waiter *waiter;   /* from a refusal until the caller takes it; NULL otherwise */
} companion;

static companion *companion_of(const sqlite3 *db) {
    return db->xAuth == authorize ? db->pAuthArg : NULL;
}

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

bool mv_engine_is_hardened(const sqlite3 *db) {
    const companion *c = companion_of(db);
    return c && c->hardened;
}

bool mv_engine_checks_each_time(const sqlite3 *db) {
    return (db->flags & SQLITE_CellSizeCk) && !mv_engine_is_hardened(db);
}

void mv_engine_check_cells(sqlite3 *db, bool check) {
    /* Within a write transaction SQLite may come to a page, for the first time as one of a B-tree, that it has read before and asks nobody for again. */
    for (int i = 0; i < db->nDb && !check; i++) check = db->aDb[i].pBt && db->aDb[i].pBt->inTrans == TRANS_WRITE;
    if (check) db->flags |= SQLITE_CellSizeCk;
    else db->flags &= ~(u64)SQLITE_CellSizeCk;
}

bool mv_engine_cells_fit(sqlite3 *db, sqlite3_file *file, const void *page) {
    u8 *data = (u8 *)page;
    for (int i = 0; i < db->nDb; i++) {
        BtShared *bt = db->aDb[i].pBt ? db->aDb[i].pBt->pBt : NULL;
        if (!bt || sqlite3PagerFile(bt->pPager) != file) continue;
        bool is_leaf = data[0] == (PTF_LEAF | PTF_LEAFDATA | PTF_INTKEY) || data[0] == (PTF_LEAF | PTF_ZERODATA);
        if (!is_leaf && data[0] != (PTF_LEAFDATA | PTF_INTKEY) && data[0] != PTF_ZERODATA) return false;
        MemPage as_page = {.pBt = bt, .pgno = 2, .aData = data, .nCell = (u16)get2byte(data + 3), .cellOffset = is_leaf ? 8 : 12};
        return as_page.nCell <= MX_CELL(bt) && decodeFlags(&as_page, data[0]) == SQLITE_OK && btreeCellSizeCheck(&as_page) == SQLITE_OK;
    }
    return false;
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

static const int lowered[] = {SQLITE_LIMIT_EXPR_DEPTH, SQLITE_LIMIT_PARSER_DEPTH, SQLITE_LIMIT_LIKE_PATTERN_LENGTH};

/* Keeps so much of the stack for expressions, and limits them to it. */
static void set_reserve(sqlite3 *db, mv_limits *limits, int64_t reserve) {
    const int64_t room[] = {reserve / EXPR_BYTES, reserve / PARSER_BYTES, limits->left / PATTERN_BYTES};
    stack_floor = limits->end + reserve;
    for (int i = 0; i < limits->lowered; i++) {
        int saved = limits->saved[i];
        db->aLimit[lowered[i]] = saved <= room[i] ? saved : room[i] > 1 ? (int)room[i] : 1; /* 0 would stand for none */
    }
}

static void guard_stack(sqlite3 *db, mv_limits *limits) {
    char *end = end_of_stack();
    *limits = (mv_limits){.floor = stack_floor, .end = end + STACK_KEPT, .outer = stack_db};
    stack_db = db;
    stack_ended = false;
    mv_limit_reached(); /* by another host of this thread, perhaps, which never asks */
    stack_chain = 0;
    stack_left = INT64_MAX;
    stack_floor = NULL;
    if (!end) return;
    int64_t most = (int64_t)SQLITE_MAX_EXPR_DEPTH * EXPR_BYTES;
    limits->left = MAX(HERE() - limits->end, 0);
    if (limits->left < STACK_AMPLE) {
        limits->lowered = (int)ArraySize(lowered);
        for (int i = 0; i < limits->lowered; i++) limits->saved[i] = db->aLimit[lowered[i]];
    }
    set_reserve(db, limits, MAX(MIN(MAX(MIN(limits->left / 4 * 3, limits->left - ROOM_BYTES), 0), most), limits->left / 2));
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

#define TIMER_STEPS 1000 /* of SQLite's machine: some ten microseconds */

struct mv_timer {
    sqlite3 *db;
    const Vdbe *runs;          /* NULL: nothing runs yet, it is compiled */
    int64_t deadline;          /* of timer_now, in the thread that has started it */
    bool expired;
    _Atomic int32_t looks_left; /* until the interrupt of the thread ends what runs; negative: it was not interrupted */
};

static _Thread_local int64_t waited; /* microseconds */

void mv_engine_waited(int64_t usec) {
    waited += usec;
}

/* A clock that stands still while the thread waits for another writer. */
static int64_t timer_now(void) {
    return mv_now_usec() - waited;
}

bool mv_engine_look_for_interrupt(mv_timer *timer) {
    int32_t left = atomic_load_explicit(&timer->looks_left, memory_order_relaxed);
    if (left > 0) atomic_compare_exchange_strong(&timer->looks_left, &left, left - 1); /* fails only if an interrupt comes now, which the next look sees */
    return left == 0;
}

bool mv_engine_thread_was_interrupted(mv_timer *timer) {
    return atomic_load_explicit(&timer->looks_left, memory_order_relaxed) == 0;
}

/* SQLite also asks when a statement has come to its end, and would say SQLITE_INTERRUPT of one that has been
 * committed. One that is compiled anew, since the schema has changed, is halted, too. */
static int timer_progress(void *arg) {
    mv_timer *timer = arg;
    bool interrupted = mv_engine_look_for_interrupt(timer), expired = timer_now() >= timer->deadline;
    if (!interrupted && !expired) return 0;
    if (timer->runs && timer->runs->eVdbeState == VDBE_HALT_STATE && !timer->db->pParse) return 0;
    timer->expired = !interrupted;
    return 1;
}

mv_timer *mv_engine_new_timer(sqlite3 *db) {
    mv_timer *timer = sqlite3_malloc(sizeof *timer);
    if (!timer) return NULL;
    *timer = (mv_timer){.db = db, .deadline = INT64_MAX, .looks_left = -1};
    if (sqlite3_set_clientdata(db, "mv_timer", timer, sqlite3_free) != SQLITE_OK) return NULL; /* it has freed it */
    sqlite3_progress_handler(db, TIMER_STEPS, timer_progress, timer);
    return timer;
}

void mv_engine_start_timer(mv_timer *timer, sqlite3_stmt *stmt, int64_t usec) {
    timer->runs = (const Vdbe *)stmt;
    timer->deadline = mv_deadline(usec) - waited;
    timer->expired = false;
}

void mv_engine_timer_runs(mv_timer *timer, sqlite3_stmt *stmt) {
    timer->runs = (const Vdbe *)stmt;
}

bool mv_engine_timer_expired(const mv_timer *timer) {
    return timer->expired;
}

int64_t mv_engine_time_left(const mv_timer *timer) {
    return timer->deadline - timer_now();
}

void mv_engine_set_looks_left(mv_timer *timer, int32_t looks) {
    atomic_store(&timer->looks_left, looks);
}

int32_t mv_engine_looks_left(mv_timer *timer) {
    return atomic_load(&timer->looks_left);
}

void mv_engine_interrupt_thread(mv_timer *timer) {
    atomic_store(&timer->looks_left, 0); /* first: SQLite forgets the other if a statement begins now */
    sqlite3_interrupt(timer->db);
}
