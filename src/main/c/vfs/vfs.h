/*
 * A store as an SQLite VFS.
 *
 * Each mv_vfs is registered under its own name with every SQLite of this process that knows of this library (a host: our own,
 * and those that loaded it as an extension), and its main database files are the databases of one store, for all hosts together.
 * Files of all other kinds (journals, temporary files, when someone asks for them) are private to their opener
 * and no part of the store (scratch.h); no name leads to them, since no journal here is ever hot: a transaction that was not
 * committed is dropped by the store.
 *
 * How SQLite's calls map onto the store is in file.c, how a writer waits in wait.c, and what the hosts know in hosts.c.
 * Locks: the registry's mutex (which names there are, and how often each is
 * used), then a vfs's mutex (files that were refused the write lock), then the store's.
 */
#ifndef MV_VFS_H
#define MV_VFS_H

#include "store/store.h"
#include "vfs/codes.h"

typedef struct mv_vfs mv_vfs;
struct sqlite3_api_routines;
struct sqlite3_vfs;

#define MV_MAX_NAME 1024 /* bytes of a database's name in UTF-8 */
#define MV_MAX_VFS_NAME 64

/* Registers the store under that name with all hosts. Holds the store. Returns an SQLite code:
 * SQLITE_MISUSE if the name is taken in one of them, or too long; SQLITE_NOMEM. */
int mv_vfs_register(mv_store *store, const char *name, mv_vfs **out);

/* The name is free at once, and no database can be opened by it. Connections that are open go on. As long as there are any, the hosts still find
 * the VFS by its name, unless another store was registered under it: VACUUM and ATTACH look for the name of the main database's VFS. The store is held
 * until the last of them is closed. */
void mv_vfs_unregister(mv_vfs *vfs);

/* The store that is registered under that name, held for the caller; NULL: none is. Any thread. */
mv_store *mv_vfs_store(const char *name);

/* Whether all files that this VFS opens are in memory. Any thread. */
bool mv_vfs_is_ours(const struct sqlite3_vfs *vfs);

/* A file control, without an argument, that a database file of ours answers by SQLITE_OK if SQLite may change its page
 * size: file.c. */
#define MV_FCNTL_IS_RESIZABLE 0x6d760003

/* Another SQLite of this process gets all that is registered, now and later; that it has them already is no error. It must never be
 * unloaded, and if it has no mutexes (so that one thread alone uses it) it gets no later ones. Returns an SQLite code: SQLITE_MISUSE if it has a VFS of a name that one of ours has, which is then set; SQLITE_NOMEM. */
int mv_vfs_add_host(const struct sqlite3_api_routines *api, char refused[MV_MAX_VFS_NAME + 1]);

#endif
