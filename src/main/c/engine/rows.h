/*
 * Statements with many rows a call: parameters and result rows as bytes. For connections of the SQLite of this library only.
 *
 * Both have one form, in native byte order: a head of two int32, a byte for each value with its type, zero up to a multiple of 8, then 8 bytes for
 * each value: the integer, the double, or two int32, offset and length of the bytes of a text (UTF-8) or blob, which stand behind.
 *
 *   result rows   follow each other. Head: length of the row, its columns. Offsets count from the row's start. Length MV_ROWS_ELSEWHERE: the
 *                 bytes are too many, and can be had from the statement, which stays on this row
 *   parameters    of one or more executions. Head: where the next one's begin, and nothing. Offsets count from the start of all,
 *                 and several may lead to the same bytes
 *
 * Its Java half: Rows.java (result rows), Parameters.java (parameters), StatementHandle.java (when rows are fetched).
 * Native.java repeats the constants.
 *
 * Whoever calls uses the connection alone. All of this is checked: parameters that are not so formed are SQLITE_MISUSE.
 */
#ifndef MV_ROWS_H
#define MV_ROWS_H

#include "sqlite3.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MV_ROWS_HEAD 8
#define MV_ROWS_LEAVE 0          /* a parameter's type beside SQLite's: it stays as it is */
#define MV_ROWS_ELSEWHERE (-1)
#define MV_ROWS_MAX_VALUE 1024   /* longer values stay where they are */
#define MV_ROWS_MEMORY (16 << 10) /* enough: with so much a row lacks nothing but bytes that do not fit */

/* Codes beside SQLite's. */
#define MV_ROWS_BODY_ENDED (-3)  /* nothing was run: no transaction is open */
#define MV_ROWS_PENDING (-5)     /* the statement is on a row for which there was no more room */

typedef struct mv_fetch {
    bool start;             /* from the beginning, with these parameters; NULL: with those it has */
    bool waited;            /* the call before ended with MV_ENGINE_WAIT, and now it is its turn */
    bool in_body;           /* only within a transaction */
    bool ahead;             /* it may be run beyond the last of the rows asked for if nothing but its end comes */
    bool pending;           /* begin with the row that was left last time */
    const char *parameters;
    size_t parameters_size;
    int most;               /* rows, at least 1; fewer where more would take longer than a millisecond. What changes something is run as far as there is room,
                               if `ahead` */
    char *memory;           /* NULL: rows are dropped, and it is run to its end */
    size_t room;

    bool held;              /* in and out: it counts among the connection's rows held (mv_engine_rows_held) */
    int rows;               /* that came */
    size_t used;            /* bytes of them. With MV_ROWS_PENDING and no row: room that it needs, at least */
    int64_t changed;        /* rows that were changed, without those by triggers and foreign key actions */
} mv_fetch;

/*
 * Runs a statement on: SQLITE_ROW if it is on the last row that came, MV_ROWS_PENDING, MV_ROWS_BODY_ENDED, SQLITE_DONE or an error after the rows
 * that came; interrupted, none comes. MV_ENGINE_WAIT (engine.h): it has changed nothing yet, and keeps its
 * parameters; it may have taken the slots of some of its databases. VACUUM has ended, and begins anew.
 */
int mv_rows_fetch(sqlite3_stmt *stmt, mv_fetch *fetch);

/* Ends a statement after MV_ENGINE_WAIT, as sqlite3_interrupt ends one that runs: SQLITE_INTERRUPT. */
int mv_rows_interrupt(sqlite3_stmt *stmt);

/* The first step of a statement that was compiled just now, or the same after MV_ENGINE_WAIT; between mv_engine_enter and leave. */
int mv_rows_first_step(sqlite3_stmt *stmt, bool waited);

typedef struct mv_batch {
    bool in_body;
    struct mv_timer *timer; /* each execution has so many microseconds; NULL: no limit */
    int64_t usec;
    size_t at;              /* in and out: where the parameters of the next execution begin */
    bool waited;            /* in and out: that one has ended with MV_ENGINE_WAIT, and keeps its parameters. It had so many microseconds left: */
    int64_t left;
    int64_t done;           /* in and out: executions without an error */
    int64_t changed;        /* in and out: rows that they changed */
} mv_batch;

/* Runs a statement to its end for each of the parameters, and stops at the first error. Rows are dropped. Of the last parameters, texts and blobs are NULL afterwards. SQLITE_OK, MV_ROWS_BODY_ENDED,
 * MV_ENGINE_WAIT (call it again with the same parameters), or an error. */
int mv_rows_batch(sqlite3_stmt *stmt, const char *parameters, size_t size, mv_batch *batch);

/* Bytes of a parameter that is a text or blob, which stay until it is set; NULL: it is something else. Texts in UTF-8: those of a database with another
 * encoding may find no memory. */
const void *mv_rows_bound(sqlite3_stmt *stmt, int i, int *n);

/* At most MV_ROWS_MAX_VALUE bytes of a value of that type as a number, as SQLite reads them: those of a blob in the database's encoding. */
int64_t mv_rows_integer(sqlite3 *db, int type, const char *bytes, int n);
double mv_rows_real(sqlite3 *db, int type, const char *bytes, int n);

#define MV_ROWS_REAL_TEXT 40 /* bytes, at most */
/* A number as the connection writes it; returns the length. */
int mv_rows_real_text(sqlite3 *db, double value, char *to);

#endif
