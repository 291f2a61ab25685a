/*
 * The hosts of this library, and its VFSes as each host knows them. A host is an SQLite of this process that can open
 * our databases: our own, and each that has loaded the library as an extension. Private to vfs/; see vfs.h.
 */
#ifndef MV_HOSTS_H
#define MV_HOSTS_H

#include "store/sync.h"
#include "vfs/vfs.h"

#include "sqlite3.h"

typedef struct memory_file memory_file;
typedef struct host host;
typedef struct face face;

/*
 * A host. What it calls and what it is given (names, answers) is made with its own functions, everything else with
 * those of our own SQLite. A host is never freed, and its SQLite must never be unloaded: see mv_vfs_add_host.
 */
struct host {
    int (*vfs_register)(sqlite3_vfs *, int); /* all but the last two: fixed before it is in the list */
    int (*vfs_unregister)(sqlite3_vfs *);
    sqlite3_vfs *(*vfs_find)(const char *);
    char *(*mprintf)(const char *, ...);
    int (*uri_boolean)(const char *, const char *, int);
    const void *api;       /* by which it is known; NULL: our own */
    bool threadsafe;
    sqlite3_vfs *system;   /* time, randomness, libraries */
    host *next;            /* under the registry's mutex, as is the next */
    bool ready;            /* it is shown what is registered */
};

/* A vfs as one host knows it: SQLite links them, so each needs its own. Goes with the vfs, that is, never. */
struct face {
    sqlite3_vfs base;
    mv_vfs *vfs;           /* fixed at creation, as is the host */
    const host *host;
    face *next;            /* of the vfs; under the registry's mutex, as is the next */
    bool registered;
};

struct mv_vfs {
    face first;            /* for our own SQLite, so that a vfs is one piece of memory where there is no other host */
    mv_store *store;       /* fixed at registration, as is the name */
    char name[MV_MAX_VFS_NAME + 1];
    mv_mutex mutex;
    memory_file *refused;  /* files that were refused the write lock, the latest first; under mutex */
    face *faces;           /* one for each host that it was registered with; under the registry's mutex, as all below */
    uint64_t refs;         /* open files, and 1 while registered */
    bool registered;
    mv_vfs *retired_next;
    mv_vfs *live_next, *live_previous; /* while registered */
};

static inline bool mv_is_own(const host *h) {
    return h->api == NULL;
}

/* mv_vfs_register. methods: those of each VFS, and the room that a file needs; the same at each call. */
int mv_hosts_register(mv_store *store, const char *name, const sqlite3_vfs *methods, mv_vfs **out);

/* For a file that is to be opened: a database only while the VFS is registered, a journal also for a database that is
 * open since then. False: it must not be opened. */
bool mv_vfs_hold(mv_vfs *vfs, bool database);
/* When the file is closed. */
void mv_vfs_release(mv_vfs *vfs);

/* A database file was opened, or is closed: hosts other than our own have a list of them. */
void mv_hosts_add_file(memory_file *f);
void mv_hosts_remove_file(memory_file *f);

/*
 * Whether the name (n bytes, the last is zero) is that of a journal of a database here that another's SQLite has open.
 * A file on disk can have the same name: then its journal is there, too, since SQLite makes it before it writes a
 * super-journal.
 */
bool mv_hosts_have_journal(const host *h, const char *name, size_t n);

#endif
