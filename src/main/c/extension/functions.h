/* SQL functions of other SQLites that load this library, for programs that have no other way to its databases. */
#ifndef MV_FUNCTIONS_H
#define MV_FUNCTIONS_H

/*
 *   memvfs_serialize(name [, vfs])          the newest committed version, as a blob
 *   memvfs_deserialize(name, blob [, vfs])  makes the blob the content of that database, which is made if it is not there; waits for a writer as
 *                                           long as the connection's busy timeout. Returns NULL
 *   memvfs_fork(from, to [, vfs])           a new database with the newest committed version of another. Returns NULL
 *   memvfs_delete(name [, vfs])             1, or 0 if there was none
 *   memvfs_list([vfs])                      a table of their names and sizes in bytes: name, size. For SQLite 3.9 and later
 *
 * vfs is MV_DEFAULT_VFS if it is not said. None can be used from within a view, a trigger or the like, where the host's SQLite can forbid it (3.30).
 * They know nothing of the transaction that the caller is in. Memory of results is the host's.
 * Sixteen SQLites of a process can have them.
 */
struct sqlite3;
struct sqlite3_api_routines;

/* Adds them to a connection of that host. Returns an SQLite code; SQLITE_FULL: there are too many. */
int mv_functions_add(struct sqlite3 *db, const struct sqlite3_api_routines *api);

#endif
