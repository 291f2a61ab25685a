/* The guard of the stack: how deep SQLite may recurse in the calling thread. See engine.h. A part of sqlite.c. */
#include "engine/inside/parts.h"

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
