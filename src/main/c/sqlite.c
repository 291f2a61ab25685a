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

#define STACK_KEPT (96 << 10) /* for the JVM's guard pages at its end, and for what does not recurse */
#define STACK_AMPLE (6 << 20) /* enough for SQLite's own limits, all at once */

/* What one level of a recursion may take of the stack: as measured on x86-64, times the share of the stack that it is given. */
static const struct {
    int limit, bytes;
} recursions[] = {
    {SQLITE_LIMIT_EXPR_DEPTH, 2500},         /* 540 in an expression, and 650 in as many views */
    {SQLITE_LIMIT_TRIGGER_DEPTH, 6000},      /* 1500: a trigger is compiled within the one that fires it, and so is a cascade */
    {SQLITE_LIMIT_COMPOUND_SELECT, 3000},    /* 750 */
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100}, /* 47: each % is one level */
    {SQLITE_LIMIT_COLUMN, 700},              /* 660: a generated column that is made from the one before it. Last: see below */
};

void mv_engine_enter(sqlite3 *db, mv_limits *limits) {
    char here, *end = end_of_stack();
    limits->lowered = 0;
    if (!end || &here - end > STACK_AMPLE) return;
    int64_t left = &here - end - STACK_KEPT;
    int count = (int)ArraySize(recursions);
    if (!(db->flags & SQLITE_Defensive)) count--; /* wide tables without a chain are more likely than such a chain, but in hostile schemas */
    for (int i = 0; i < count; i++) {
        int *limit = &db->aLimit[recursions[i].limit], most = left > 0 ? (int)(left / recursions[i].bytes) : 0;
        limits->saved[i] = *limit;
        if (*limit > most) *limit = most > 1 ? most : 1; /* 0 would stand for none */
    }
    limits->lowered = count;
}

void mv_engine_leave(sqlite3 *db, const mv_limits *limits) {
    for (int i = 0; i < limits->lowered; i++) db->aLimit[recursions[i].limit] = limits->saved[i];
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
