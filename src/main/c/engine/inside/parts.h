/* What the parts of sqlite.c share. */
#ifndef MV_PARTS_H
#define MV_PARTS_H

#include "engine/inside/amalgamation.h"

#include "engine/engine.h"
#include "store/store.h"
#include "store/sync.h"
#include "vfs/vfs.h"

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

/* What a connection of ours has. */
typedef struct companion {
    guard guard;
    _Atomic int32_t rows_held[3]; /* see vfs/own_sqlite.h */
    uint64_t rows_read[2];        /* a bit for each database of the connection whose read transaction they keep between calls */
#ifdef SQLITE_DEBUG
    Vdbe *stand_ins;
#endif
    bool hardened;
    mv_outside outside;
    int64_t waits_since; /* of the statement that runs, 0 if it was not refused yet */
    mv_waiter *waiter;   /* from a refusal until the caller takes it; NULL otherwise */
} companion;

static int authorize(void *arg, int action, const char *a, const char *b, const char *schema, const char *trigger);

/* NULL: it is no connection of ours, or not ready yet. */
static companion *companion_of(const sqlite3 *db) {
    return db->xAuth == authorize ? db->pAuthArg : NULL;
}

/* stack.c: where recursion stops in this thread, NULL for nowhere; whether it came there; the connection that it is in. */
static _Thread_local char *stack_floor;
static _Thread_local bool stack_ended;
static _Thread_local sqlite3 *stack_db;

/* The limits that are lowered where the stack is small. */
static const int lowered[] = {SQLITE_LIMIT_EXPR_DEPTH, SQLITE_LIMIT_PARSER_DEPTH, SQLITE_LIMIT_LIKE_PATTERN_LENGTH};

/* own_sqlite.c. NULL: the connection has not got that far. */
static Pager *pager_of(sqlite3 *db, const sqlite3_file *file);

#endif
