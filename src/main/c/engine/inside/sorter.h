/*
 * Sorting: how SQLite's sorter (ORDER BY, GROUP BY, CREATE INDEX) keeps its records. Included by amalgamation.h before SQLite.
 *
 * SQLITE_TEMP_STORE 3 keeps temporary tables in memory, which is what we want of them. For the sorter it means an allocation for each record, and one
 * linked list of all records, which is merged again and again: a million records are cache misses. With temporary files the sorter
 * instead collects records in one piece of memory, sorts a piece when it is full, writes it to its file, and merges the pieces in the end. So
 * sorters, and nothing else, are told to use files. Those of our VFS are memory (scratch.h): a sort takes its records once, and a piece.
 *
 * Its only user, OP_SorterOpen, calls sqlite3VdbeSorterInit(db, ...). The macros below make that call one of mv_sorter_init, and give the function
 * itself another name: its declaration and its definition begin their parameters with a type. In a SQLite that writes one of the three in another way
 * this does not compile.
 */
#ifndef MV_SORTER_H
#define MV_SORTER_H

struct sqlite3;
struct VdbeCursor;

static int mv_sorter_init(struct sqlite3 *db, int fields, struct VdbeCursor *cursor); /* sorter.c */

#define sqlite3VdbeSorterInit(db, fields, cursor) MV_SORTER_INIT_##db, fields, cursor)
#define MV_SORTER_INIT_sqlite3 sqlite3_sorter_init(sqlite3
#define MV_SORTER_INIT_db mv_sorter_init(db

#endif
