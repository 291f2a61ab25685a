/*
 * What the VFS asks of our own SQLite, and tells it, beyond SQLite's interface: the VFS calls, engine/ answers. All of
 * it is about a connection of our own SQLite, and is called by the thread that uses the connection. Private to vfs/ and
 * engine/.
 */
#ifndef MV_OWN_SQLITE_H
#define MV_OWN_SQLITE_H

#include "sqlite3.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mv_waiter;

/*
 * The content of that file of the connection was replaced; called before SQLite reads the header. SQLite finds out two
 * things once in the life of a connection, and both may have changed: the text encoding, and whether the write version
 * in the header allows writing. All databases of a connection have one encoding. So it is read again only if this is
 * the connection's only database. Otherwise SQLite answers with an error until the connection is opened anew.
 */
void mv_engine_content_replaced(sqlite3 *db, sqlite3_file *file);

/*
 * A transaction begins on a file that has content, and may have been empty when the connection last saw it. SQLite
 * 3.54.1 takes it for still empty until it has read the header, and remembers that. Without this call ROLLBACK TO the
 * savepoint that began the transaction would make the file empty, and lose what others have committed.
 */
void mv_engine_was_filled(sqlite3 *db, sqlite3_file *file);

/* What PRAGMA busy_timeout of the connection says, in milliseconds; 0 or less if it has none, or a busy handler of its
 * own. */
int mv_engine_busy_timeout(sqlite3 *db);
/* How often the busy handler was called since the statement that runs began. */
int mv_engine_busy_count(sqlite3 *db);

/*
 * Three numbers about rows held (engine.h): how many queries of the connection are on such rows; a number that changes
 * when that rises from zero; and whether those rows keep a transaction that ends now. All are written by the thread
 * that uses the connection: the first is raised within a call and lowered at any time, the others are written within
 * calls only. NULL: the connection has none. Valid until the connection's files get MV_FCNTL_ROWS_GONE (no argument):
 * they must have forgotten the numbers when that returns.
 */
_Atomic int32_t *mv_engine_rows_held(sqlite3 *db);
#define MV_FCNTL_ROWS_GONE 0x6d760001

/* A file control, without an argument: a statement that has waited was tried again, or has ended. The file gives up a
 * reservation of the write lock that it has not taken (mv_engine_decline in engine.h). */
#define MV_FCNTL_DECLINE 0x6d760002

/* Whether the refusal of the write lock ends the step, and its caller waits: engine.h. Then *until is when the busy
 * timeout is over, by mv_now_usec. */
bool mv_engine_waits_outside(sqlite3 *db, int64_t *until);

/* If so: takes the waiter over. */
void mv_engine_leave_to_wait(sqlite3 *db, struct mv_waiter *waiter);

/* The calling thread has waited so long for another writer: to its timers that is no time. */
void mv_engine_waited(int64_t usec);

/*
 * Sets how large the page cache of that file is: 4 MB, or, if narrow, 200 KB, for a cache that is soon stale. With a
 * narrow one a transaction keeps up to 2 MB of changed pages before it hands some to the VFS. SQLite counts those in
 * pages, whose size may change, and forgets the setting when it reads the schema: so it is made narrow for each
 * transaction.
 */
void mv_engine_size_cache(sqlite3 *db, sqlite3_file *file, bool narrow);

/*
 * A database file of our own SQLite has been opened, and this is the argument of its SQLITE_FCNTL_PDB. Its journal mode
 * is MEMORY from now on. (SQLite would make it so by itself for a file that says SQLITE_OPEN_MEMORY, but never changes
 * the page size of such a file.)
 */
void mv_engine_opened(sqlite3_file *file, void *pdb);

/* Where SQLite will open the rollback journal of that file of the connection. NULL: it is open already, or will not be
 * in memory. */
sqlite3_file *mv_engine_journal_in_memory(sqlite3 *db, sqlite3_file *file);

/* Whether the commit on that file of the connection, all of which is written, will truncate it before it ends. True
 * also if that is not known. (A rollback may truncate all the same: what it truncates is dropped.) */
bool mv_engine_shortens(sqlite3 *db, sqlite3_file *file);

/*
 * On a hardened connection SQLite checks the sizes of a page's cells each time that it comes to the page, which takes
 * longer than looking something up in it. But the bytes of a published block never change: it is enough to find out
 * once whether its cells fit. So the VFS, when it gives SQLite a page, says whether that is known. SQLite checks the
 * page only if it is not.
 */
bool mv_engine_is_hardened(const sqlite3 *db);
/* PRAGMA cell_size_check is on for a connection that is not hardened: SQLite is to check each page each time. */
bool mv_engine_checks_each_time(const sqlite3 *db);
/* SQLite checks the pages that it is given next, or need not; within a write transaction it always does. */
void mv_engine_check_cells(sqlite3 *db, bool check);
/* What SQLite would find: the page, not the first one, of that file of the connection is one of a B-tree, and its cells
 * lie in it. */
bool mv_engine_cells_fit(sqlite3 *db, sqlite3_file *file, const void *page);

#endif
