/* See extension.h. */
#include "extension/extension.h"

#include "extension/functions.h"
#include "extension/library.h"
#include "vfs/no_disk.h"
#include "vfs/vfs.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define SQLITE_CORE 1 /* the table of the host's functions, without macros that call them for ours */
#include "sqlite3ext.h"

static atomic_bool no_default;

void mv_extension_no_default(void) {
    atomic_store(&no_default, true);
}

/* Once. Its store lives as long as the process: whoever opens its databases has no handle to it. */
static int add_default(void) {
    static bool added; /* under that mutex */
    sqlite3_mutex *mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP2);
    int rc = SQLITE_OK;
    sqlite3_mutex_enter(mutex);
    if (!added) {
        mv_store *store = mv_store_new(0, 0);
        mv_vfs *vfs;
        rc = store ? mv_vfs_register(store, MV_DEFAULT_VFS, &vfs) : SQLITE_NOMEM;
        if (store) mv_store_release(store); /* the registration holds it */
        added = !rc;
    }
    sqlite3_mutex_leave(mutex);
    return rc;
}

static int refuse(char **error, const sqlite3_api_routines *api, int rc, const char *why) {
    *error = api->mprintf("sqlite-memory-vfs: %s", why);
    return rc;
}

static int note_delete(void *is_delete, int columns, char **values, char **names) {
    (void)columns, (void)names;
    *(bool *)is_delete = values[0] && strcmp(values[0], "delete") == 0;
    return 0;
}

/*
 * Each connection of a host that has just been opened. If its main database says that SQLite may change its page size,
 * and its journal mode is SQLite's default, the mode becomes MEMORY: SQLite then commits a transaction that also writes
 * one file on disk without a super-journal, which we could not keep (vfs/private_file.c). A database whose schema cannot be read
 * keeps the mode that it has, and is opened all the same: the error comes when it is used. Without memory the connection
 * is not opened. SQLite calls this as an auto extension.
 */
static int opened(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
    (void)error; /* the code says it */
    bool is_delete = false;
    if (!api || api->file_control(db, "main", MV_FCNTL_IS_RESIZABLE, NULL) != SQLITE_OK) return SQLITE_OK;
    int rc = api->exec(db, "PRAGMA main.journal_mode", note_delete, &is_delete, NULL);
    if (!rc && is_delete) rc = api->exec(db, "PRAGMA main.journal_mode = MEMORY", NULL, NULL, NULL);
    if (!rc) return SQLITE_OK;
    int code = api->extended_errcode(db);
    api->exec(db, "", NULL, NULL, NULL); /* forgets the error */
    return code == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM ? SQLITE_NOMEM : SQLITE_OK;
}

static int add(sqlite3 *db, char **error, const sqlite3_api_routines *api, bool others) {
    char name[MV_MAX_VFS_NAME + 1] = MV_DEFAULT_VFS;
    int rc = mv_no_disk(); /* starts our own SQLite */
    if (!rc && !others) rc = add_default();
    if (!rc) rc = api->auto_extension((void (*)(void))opened);
    if (!rc) rc = mv_vfs_add_host(api, name);
    if (rc == SQLITE_MISUSE) {
        *error = api->mprintf("sqlite-memory-vfs: this SQLite has another VFS named %s", name);
        return rc;
    }
    if (!rc && !others) rc = mv_functions_add(db, api); /* who has Java has its API */
    if (rc == SQLITE_FULL) return refuse(error, api, rc, "more SQLites of this process have loaded it than it has functions for");
    return rc ? refuse(error, api, rc, rc == SQLITE_NOMEM ? "no memory" : api->errstr(rc)) : SQLITE_OK;
}

MV_EXPORT int sqlite3_sqlitememvfs_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
    bool others = atomic_load(&no_default);
    if (api->libversion_number() < MV_OLDEST_HOST) { /* its table ends before what it has not */
        *error = api->mprintf("sqlite-memory-vfs: this SQLite is version %s, and it takes 3.8.7 or a later one", api->libversion());
        return SQLITE_ERROR;
    }
    if (!api->vfs_find(NULL)) return refuse(error, api, SQLITE_ERROR, "this SQLite has no VFS, so no clock and no random numbers");
    if (others && !api->xthreadsafe()) return refuse(error, api, SQLITE_MISUSE, "this SQLite is built without mutexes, and other threads register VFSes with it");
    mv_keep_library((const void *)api); /* unloaded, it would be called where nothing is */
    /* And so would we. SQLITE_OK_LOAD_PERMANENTLY says as much, but an SQLite before 3.14 does not know it, and an auto extension must not return it. */
    mv_keep_library((const void *)&no_default);
    return add(db, error, api, others);
}
