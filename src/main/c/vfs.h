/*
 * A store as an SQLite VFS.
 *
 * Each mv_vfs is one sqlite3_vfs, registered under its own name, whose main database files are the databases of one store.
 * Files of all other kinds (journals, temporary files, when someone asks for them) are private to their opener
 * and made of the same blocks; no name leads to them, since no journal here is ever hot: a transaction that was not
 * committed is dropped by the store.
 *
 * How SQLite's calls map onto the store is in vfs.c. Locks: the registry's mutex (which names there are, and how often each is
 * used), then a vfs's mutex (files that were refused the writer's slot), then the store's.
 */
#ifndef MV_VFS_H
#define MV_VFS_H

#include "store.h"

typedef struct mv_vfs mv_vfs;

#define MV_MAX_NAME 1024 /* bytes of a database's name in UTF-8 */
#define MV_MAX_VFS_NAME 64

/* Registers the store under that name with the SQLite of this library. Holds the store. Returns an SQLite code:
 * SQLITE_MISUSE if the name is taken or too long, SQLITE_NOMEM. */
int mv_vfs_register(mv_store *store, const char *name, mv_vfs **out);

/* Takes the name back at once. Connections that are open go on, but for VACUUM and ATTACH, which look for the name; the store is held until the
 * last of them is closed. */
void mv_vfs_unregister(mv_vfs *vfs);

/* The SQLite code (primary or extended) for a store's result. */
int mv_sqlite_code(mv_result result);

#endif
