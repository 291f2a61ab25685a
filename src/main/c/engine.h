/* What sqlite.c adds to SQLite's own interface, for connections of the SQLite of this library only. */
#ifndef MV_ENGINE_H
#define MV_ENGINE_H

#include "sqlite3.h"

#include <stdbool.h>
#include <stdint.h>

/* The content of a connection's database was replaced, and its text encoding may be another one, which SQLite otherwise reads once in
 * the life of a connection. Has no effect unless this is the connection's only database, since all of a connection have
 * the same: SQLite then answers with an error until the connection is opened anew. Called by whoever uses the
 * connection, before the schema is read. */
void mv_engine_content_replaced(sqlite3 *db, sqlite3_file *file);

/* What PRAGMA busy_timeout of the connection says, in milliseconds; 0 or less if it has none, or a busy handler of its own. Called by whoever
 * uses the connection. */
int mv_engine_busy_timeout(sqlite3 *db);
/* How often the busy handler was called since the statement that runs began. */
int mv_engine_busy_count(sqlite3 *db);

/* For content that may be hostile: SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_TRUSTED_SCHEMA off, and PRAGMA cell_size_check, which
 * has no other interface than SQL. For a connection that has no statement yet. */
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
    char *floor, *end;
    int64_t left, reserve;
} mv_limits;

/* For a connection that has just been opened: without it generated columns are not looked at. SQLITE_NOMEM, or SQLITE_OK. */
int mv_engine_guard(sqlite3 *db);
void mv_engine_enter(sqlite3 *db, mv_limits *limits);
/* After an error: whether the stack was the reason, and it may suffice for the same with a lower limit for expressions. If so that limit is in
 * force for what is tried next, and until mv_engine_tried, which takes what came of it. */
bool mv_engine_again(sqlite3 *db, mv_limits *limits);
void mv_engine_tried(sqlite3 *db, mv_limits *limits, int rc);
/* rc: what came of it. Returns that, or SQLITE_ERROR if it is an error because of the stack; the connection then has a message that says so. */
int mv_engine_leave(sqlite3 *db, const mv_limits *limits, int rc);

/*
 * A limit of time: what the connection runs after mv_engine_start_timer fails with SQLITE_INTERRUPT once so many microseconds have passed.
 * It is looked at every thousand steps of SQLite's machine. The timer lives as long as the connection, and uses its progress handler;
 * a connection without one pays nothing. NULL: no memory.
 */
typedef struct mv_timer mv_timer;

mv_timer *mv_engine_new_timer(sqlite3 *db);
void mv_engine_start_timer(mv_timer *timer, int64_t usec);
/* Whether it has ended something since it was started. */
bool mv_engine_timer_expired(const mv_timer *timer);
/* Microseconds that are left since it was started, in the same thread; negative: more than all have passed. */
int64_t mv_engine_time_left(const mv_timer *timer);
/* The calling thread has waited so long for another writer: to its timers that is no time. */
void mv_engine_waited(int64_t usec);

#endif
