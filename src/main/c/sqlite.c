/*
 * SQLite itself: the amalgamation as it is, with the options for an engine that keeps everything in memory, is used by
 * many threads, and lives inside a JVM beside any number of other SQLites.
 *
 * The options are here and not on the compiler's command line because they are SQLite's alone. No other file of ours
 * may depend on one of them: what sqlite3.h declares is the same with and without.
 */

/* Symbols: no other SQLite in the process may meet ours. Once more what -fvisibility=hidden says, in case a build drops it. */
#if defined(__GNUC__) && !defined(_WIN32)
#define SQLITE_API __attribute__((visibility("hidden")))
#endif

/* Threads and memory. */
#define SQLITE_THREADSAFE 2                     /* each connection is used under its own Java lock: a mutex in it would be a second one */
#define SQLITE_DEFAULT_MEMSTATUS 0              /* counting takes a process-wide mutex in every malloc, and nobody asks for the count */
#define SQLITE_TEMP_STORE 3                     /* temporary tables and sorters never see a disk, whatever PRAGMA temp_store says */
/* Not SQLITE_USE_ALLOCA: balancing 64 KiB pages would take 450 KB of stack, which a Java thread need not have. */

#define SQLITE_JSON_MAX_DEPTH 500               /* half of what it is by default: that much json_patch would not fit on a stack of 256 KB */

/* Pages and commits. */
#define SQLITE_MAX_MMAP_SIZE 0x400000000000     /* 2^46: the pager reads pages in place (xFetch) for a database of any size */
#define SQLITE_DEFAULT_MMAP_SIZE 0x400000000000 /* and does so without a PRAGMA mmap_size on each connection */
#define SQLITE_DEFAULT_CACHE_SIZE (-200)        /* KiB. Pages are read in place, so only changed ones need a cache. One that is emptied at each change
                                                   by others must stay below what makes malloc give memory back to the system: glibc's 128 KiB a thread */
#define SQLITE_DEFAULT_SYNCHRONOUS 0            /* nothing to sync: memory is as safe before as after */
#define SQLITE_DEFAULT_WAL_SYNCHRONOUS 0        /* the same when somebody asks for WAL */
#define SQLITE_EXPERIMENTAL_PRAGMA_20251114 1   /* the VFS hears that a write follows before it is asked for SHARED: no needless SQLITE_BUSY */

/* SQL as it is meant today. */
#define SQLITE_DQS 0                            /* "mistyped" is an error, not a string; schemas that have such strings still load */
#define SQLITE_LIKE_DOESNT_MATCH_BLOBS          /* LIKE skips blobs instead of reading them as text; recommended, and faster */
#define SQLITE_STRICT_SUBTYPE 1                 /* a function that gives a subtype without having said so is an error: JSON stays exact */
#define SQLITE_USE_URI 0                        /* a name is a name; open passes SQLITE_OPEN_URI where it means a URI */
#define SQLITE_MAX_SCHEMA_RETRY 1000            /* compile a statement again when the schema has changed, 50 times by default: content may be replaced fast */
#define SQLITE_MAX_ATTACHED 125                 /* databases are cheap here, so let a query join many (the largest value there is) */

/* What a database from elsewhere may need. */
#define SQLITE_ENABLE_FTS5                      /* full text search */
#define SQLITE_ENABLE_FTS4                      /* its forerunners, which Android's databases use: without it their tables cannot be read */
#define SQLITE_ENABLE_FTS3_PARENTHESIS          /* AND, NOT and parentheses in their queries, as Android has it */
#define SQLITE_ENABLE_RTREE                     /* R*Tree indexes */
#define SQLITE_ENABLE_GEOPOLY                   /* polygons on them */
#define SQLITE_ENABLE_MATH_FUNCTIONS            /* sin, log, pow and so on */
#define SQLITE_ENABLE_PERCENTILE                /* median and percentile */
#define SQLITE_ENABLE_STAT4 1                   /* better plans from ANALYZE, and the sqlite_stat4 of files that bring one is used */
#define SQLITE_ENABLE_DBSTAT_VTAB               /* how much room each table takes */
#define SQLITE_ENABLE_PREUPDATE_HOOK            /* what sessions are made from */
#define SQLITE_ENABLE_SESSION                   /* changesets */
/* Not SQLITE_ENABLE_COLUMN_METADATA: only C functions that no Java method calls. JSON, serialize and WAL are on by default and stay. */

/* What nobody can reach from Java. */
#define SQLITE_OMIT_DEPRECATED                  /* interfaces that only old C programs call */
#define SQLITE_OMIT_SHARED_CACHE                /* the VFS shares pages between connections already */
#define SQLITE_OMIT_LOAD_EXTENSION              /* SQL must not be able to load machine code */
/* Not SQLITE_UNTESTABLE: the native tests inject faults through sqlite3_test_control.
   Not SQLITE_OMIT_AUTOINIT: whichever of Java and a foreign host comes first starts the engine, once. */

/* What the C library has, as SQLite's configure script would find. */
#define HAVE_ISNAN 1                            /* C99 */
#ifndef _WIN32
#define HAVE_NANOSLEEP 1                        /* the busy handler's sleeps are not rounded up to seconds */
#define HAVE_LOCALTIME_R 1                      /* 'localtime' without a lock of its own, and safe beside other threads' calls */
#endif
#ifdef __linux__
#define HAVE_STRCHRNUL 1                        /* faster printf; glibc, musl and Android have it */
#endif

/* The stack. */
#define SQLITE_EXTRA_INIT_MUTEXED mv_engine_watch_memory /* called while SQLite is initialized: see below */

#include "sqlite3.c"

/* ---- see engine.h ---- */

#include "engine.h"
#include "sync.h"

void mv_engine_content_replaced(sqlite3 *db, sqlite3_file *file) {
    bool only = db->nDb == 2 && !db->aDb[1].pBt; /* the second is of temporary tables, if there are any */
    if (!only || sqlite3PagerFile(sqlite3BtreePager(db->aDb[0].pBt)) != file) return;
    db->mDbFlags &= ~DBFLAG_EncodingFixed; /* set again with the first row of the schema */
}

int mv_engine_busy_timeout(sqlite3 *db) {
    return db->busyTimeout;
}

int mv_engine_busy_count(sqlite3 *db) {
    return db->busyHandler.nBusy;
}

void mv_engine_harden(sqlite3 *db) {
    db->flags |= SQLITE_Defensive | SQLITE_CellSizeCk;
    db->flags &= ~(u64)SQLITE_TrustedSchema;
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

typedef struct guard {
    sqlite3 *db;
    uint64_t state; /* of the schemas that the rest was found for; 0: of none */
    int64_t room;   /* there was to look at them: where there is more, what did not fit is looked at again */
    int64_t alone;  /* stack for the deepest expression that a schema brings: SQLite looks at its depth only when it is created */
    int64_t chain;  /* stack for generated columns, below any expression */
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
    g->alone = MAX(g->alone, alone);
    g->chain = MAX(g->chain, chain + leaf);
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
    *g = (guard){.db = db, .state = state, .room = room};
    for (int i = 0; i < db->nDb; i++) {
        Schema *schema = db->aDb[i].pSchema;
        for (HashElem *e = schema ? sqliteHashFirst(&schema->tblHash) : NULL; e; e = sqliteHashNext(e)) look_at_table(g, sqliteHashData(e), room);
    }
}

static bool fits(const guard *g, int64_t reserve) {
    return MAX(g->alone, reserve) + MAX(g->chain, stack_chain) <= stack_left;
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
    if (table) look_at_table(&used, table, reserve);
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

int mv_engine_guard(sqlite3 *db) {
    guard *g = sqlite3_malloc(sizeof *g);
    if (!g) return SQLITE_NOMEM;
    *g = (guard){.db = db};
    int rc = sqlite3_set_clientdata(db, "mv_guard", g, sqlite3_free);
    return rc ? rc : sqlite3_set_authorizer(db, authorize, g);
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

void mv_engine_enter(sqlite3 *db, mv_limits *limits) {
    char *end = end_of_stack();
    *limits = (mv_limits){.floor = stack_floor, .end = end + STACK_KEPT};
    stack_ended = false;
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
    for (int i = 0; i < limits->lowered; i++) db->aLimit[lowered[i]] = limits->saved[i];
    stack_floor = limits->floor;
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
    int64_t deadline; /* of timer_now, in the thread that has started it */
    bool expired;
};

static _Thread_local int64_t waited; /* microseconds */

void mv_engine_waited(int64_t usec) {
    waited += usec;
}

/* A clock that stands still while the thread waits for another writer. */
static int64_t timer_now(void) {
    return mv_now_usec() - waited;
}

static int timer_progress(void *arg) {
    mv_timer *timer = arg;
    if (timer_now() < timer->deadline) return 0;
    timer->expired = true;
    return 1;
}

mv_timer *mv_engine_new_timer(sqlite3 *db) {
    mv_timer *timer = sqlite3_malloc(sizeof *timer);
    if (!timer) return NULL;
    *timer = (mv_timer){.deadline = INT64_MAX};
    if (sqlite3_set_clientdata(db, "mv_timer", timer, sqlite3_free) != SQLITE_OK) return NULL; /* it has freed it */
    sqlite3_progress_handler(db, TIMER_STEPS, timer_progress, timer);
    return timer;
}

void mv_engine_start_timer(mv_timer *timer, int64_t usec) {
    timer->deadline = mv_deadline(usec) - waited;
    timer->expired = false;
}

bool mv_engine_timer_expired(const mv_timer *timer) {
    return timer->expired;
}

int64_t mv_engine_time_left(const mv_timer *timer) {
    return timer->deadline - timer_now();
}
