/* What sqlite.c adds to SQLite's own interface, for connections of the SQLite of this library only. */
#ifndef MV_ENGINE_H
#define MV_ENGINE_H

#include "vfs/own_sqlite.h"

#include "sqlite3.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Rows held. A query whose rows were read ahead until their end (rows.h) has ended for SQLite, which has then given up its read transaction. For the program
 * the query is still on a row, and must have the effects that it has in SQLite:
 *
 *   between calls    the leases of the files that SQLite read at the end keep their versions (store.h), at no cost for whoever moves on with a store
 *   within a call    (mv_engine_enter to mv_engine_leave, mv_engine_end) SQLite counts such queries as running, and its read transactions are open again: it
 *                    goes on with them in BEGIN, refuses to write on an old version, says SQLITE_LOCKED to DROP, and keeps them when other statements end
 *
 * Queries that read no database (Vdbe.bIsReader) are not held, as SQLite keeps no transaction for them.
 */

/* A query, which is running, will be run to its end, and its rows are held from then on: false if that is not possible. */
bool mv_engine_hold_rows(sqlite3 *db);
/* They are held no more. */
void mv_engine_release_rows(sqlite3 *db);
/* sqlite3_reset, or sqlite3_finalize, for a statement of a connection that may hold rows. A waiter that nobody
 * has taken after MV_ENGINE_WAIT ends. */
int mv_engine_end(sqlite3_stmt *stmt, int (*end)(sqlite3_stmt *));

/* sqlite3_prepare_v3. SQLite looks whether its schema is still the database's when it runs a statement, and after a few errors of compiling; after others it
 * does not, and complains of tables as they were. So after any such error this looks, and compiles once more if a schema has changed. As in SQLite that
 * begins no read transaction. */
int mv_engine_prepare(sqlite3 *db, const char *sql, int n, sqlite3_stmt **stmt, const char **tail);

/*
 * Waiting for another writer outside of SQLite. A virtual thread of a JVM must not sleep in C: it would keep its
 * carrier thread from all others, perhaps from the writer that it waits for. So around a step that may be run once
 * more, since the statement has not changed anything yet, whoever can sleep in its own way says so. If a file is
 * refused the writer's slot in it, the VFS leaves a waiter (store.h) here, SQLite's busy handler is not called, and
 * the step ends with SQLITE_BUSY, of which mv_engine_leave makes MV_ENGINE_WAIT. When it is the waiter's turn the
 * statement is stepped again. The busy timeout counts from the first refusal.
 *
 * What the statement has done by then: most go on at the very instruction that was refused. A statement that writes
 * to several databases keeps the slots that it has taken already while it waits for the next one, as it does while
 * SQLite's busy handler sleeps. VACUUM and VACUUM INTO have ended with the refusal, and the next step begins them
 * anew.
 */
#define MV_ENGINE_WAIT (-6) /* beside SQLite's codes */
struct mv_waiter;

typedef enum mv_outside { MV_SLEEP_HERE, MV_WAIT_OUTSIDE, MV_WAIT_OUTSIDE_AGAIN /* after MV_ENGINE_WAIT */ } mv_outside;
void mv_engine_wait_outside(sqlite3 *db, mv_outside how);
/* A statement that has waited has been tried again, or has been ended: what was promised to the connection and not taken goes to the next writer. */
void mv_engine_decline(sqlite3 *db);

/* Whether there is one: the step has ended to wait, and mv_engine_leave will say so. */
bool mv_engine_has_waiter(const sqlite3 *db);
/* After MV_ENGINE_WAIT: the waiter, which is the caller's from now on. */
struct mv_waiter *mv_engine_take_waiter(sqlite3 *db);

/* For content that may be hostile: SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_TRUSTED_SCHEMA off, and cell sizes are checked, as by
 * PRAGMA cell_size_check. For a connection that has no statement yet. */
void mv_engine_harden(sqlite3 *db);

/*
 * The stack. SQLite recurses into views, triggers, foreign key actions, compounds and expressions, as deep as its limits say, each by
 * itself: together that takes more than a thread of a JVM has by default (1 MiB), and beyond its stack a JVM ends. Between enter
 * and leave a recursion that would leave too little of the calling thread's stack is an error instead. What takes no memory at
 * each of its levels has lower limits there: EXPR_DEPTH, PARSER_DEPTH and LIKE_PATTERN_LENGTH, from about 1 MiB, 0.6 MiB and 5 MiB down.
 * Around all that compiles or runs a statement; what is in between may be left by no other way.
 */
typedef struct mv_limits {
    int saved[3];
    int lowered; /* how many */
    bool again;
    int rows;    /* held when it began */
    char *floor, *end;
    struct sqlite3 *outer; /* the connection that the thread was in before */
    int64_t left, reserve;
} mv_limits;

/* For a connection that has just been opened: without it generated columns are not looked at. SQLITE_NOMEM, or SQLITE_OK. */
int mv_engine_guard(sqlite3 *db);
/* SQLITE_OK, or an error that the connection has, too: nothing must be run then but mv_engine_leave. */
int mv_engine_enter(sqlite3 *db, mv_limits *limits);
/* After an error: whether the stack was the reason, and it may suffice for the same with a lower limit for expressions. If so that limit is in
 * force for what is tried next, and until mv_engine_tried, which takes what came of it. */
bool mv_engine_again(sqlite3 *db, mv_limits *limits);
void mv_engine_tried(sqlite3 *db, mv_limits *limits, int rc);
/* rc: what came of it. Returns that, or SQLITE_ERROR if it is an error because of the stack; the connection then has a message that says so. Or
 * MV_ENGINE_WAIT, as above. */
int mv_engine_leave(sqlite3 *db, const mv_limits *limits, int rc);

/*
 * A timer ends what its connection runs, with SQLITE_INTERRUPT: when so many microseconds have passed since
 * mv_engine_start_timer, or when the
 * thread that runs it was interrupted. It looks every thousand steps of SQLite's machine, by the connection's
 * progress handler; a connection
 * without a timer pays nothing. It lives as long as the connection.
 */
typedef struct mv_timer mv_timer;

/* NULL: no memory. */
mv_timer *mv_engine_new_timer(sqlite3 *db);
/* stmt: what runs next, NULL if that is compiled first, of which mv_engine_timer_runs tells then. The timer never
 * ends a statement that has done its work. */
void mv_engine_start_timer(mv_timer *timer, sqlite3_stmt *stmt, int64_t usec);
void mv_engine_timer_runs(mv_timer *timer, sqlite3_stmt *stmt);
/* Whether the time was over and something was ended, since it was started. */
bool mv_engine_timer_expired(const mv_timer *timer);
/* Microseconds that are left since it was started, in the same thread; negative: more than all have passed. */
int64_t mv_engine_time_left(const mv_timer *timer);

/*
 * An interrupt of the thread. sqlite3_interrupt alone is lost if it comes just before a statement begins, and a
 * thread is interrupted only once: so the timer
 * remembers it, as the number of looks after which it ends what runs. Zero: at once. More than zero: the thread came
 * with the interrupt, and may
 * do what is short, such as ROLLBACK. Negative: it was not interrupted.
 */
void mv_engine_set_looks_left(mv_timer *timer, int32_t looks);
int32_t mv_engine_looks_left(mv_timer *timer);
/* From any thread, as sqlite3_interrupt: ends what runs. */
void mv_engine_interrupt_thread(mv_timer *timer);
/* Between two statements of one call: whether the call ends. The first counts as a look. */
bool mv_engine_look_for_interrupt(mv_timer *timer);
bool mv_engine_thread_was_interrupted(mv_timer *timer);

#endif
