/* See no_disk.h. */
#include "vfs/no_disk.h"

#include "sqlite3.h"

#include <stddef.h>

static int refuse_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags) {
    (void)vfs, (void)name, (void)flags, (void)out_flags;
    file->pMethods = NULL; /* nothing to close */
    return SQLITE_CANTOPEN;
}

static int refuse_delete(sqlite3_vfs *vfs, const char *name, int sync_dir) {
    (void)vfs, (void)name, (void)sync_dir;
    return SQLITE_CANTOPEN;
}

static int refuse_access(sqlite3_vfs *vfs, const char *name, int flags, int *answer) {
    (void)vfs, (void)name, (void)flags;
    *answer = 0;
    return SQLITE_CANTOPEN;
}

static int refuse_full_pathname(sqlite3_vfs *vfs, const char *name, int room, char *out) {
    (void)vfs, (void)name;
    if (room > 0) *out = 0;
    return SQLITE_CANTOPEN;
}

static int no_last_error(sqlite3_vfs *vfs, int n, char *out) {
    (void)vfs;
    if (n > 0) *out = 0;
    return 0;
}

static sqlite3_vfs no_disk; /* under the static mutex below until it is registered, fixed from then on */

/* The next VFS that opens what the system's does: one function serves all of a system's VFSes. */
static sqlite3_vfs *next_of_system(int (*open)(sqlite3_vfs *, sqlite3_filename, sqlite3_file *, int, int *)) {
    for (sqlite3_vfs *vfs = sqlite3_vfs_find(NULL); vfs; vfs = vfs->pNext) {
        if (vfs->xOpen == open) return vfs;
    }
    return NULL;
}

int mv_no_disk(void) {
    int rc = sqlite3_initialize();
    if (rc) return rc;
    sqlite3_mutex *mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP2);
    sqlite3_mutex_enter(mutex);
    sqlite3_vfs *system = sqlite3_vfs_find(NULL), *other;
    if (system != &no_disk) {
        no_disk = *system;
        no_disk.iVersion = 2; /* the third has only the system's calls for files */
        no_disk.zName = "none";
        no_disk.pNext = NULL;
        no_disk.xOpen = refuse_open;
        no_disk.xDelete = refuse_delete;
        no_disk.xAccess = refuse_access;
        no_disk.xFullPathname = refuse_full_pathname;
        no_disk.xGetLastError = no_last_error;
        no_disk.xSetSystemCall = NULL;
        no_disk.xGetSystemCall = NULL;
        no_disk.xNextSystemCall = NULL;
        rc = sqlite3_vfs_register(&no_disk, 1);
        while (!rc && (other = next_of_system(system->xOpen)) != NULL) rc = sqlite3_vfs_unregister(other);
        if (!rc && (other = sqlite3_vfs_find("memdb")) != NULL) rc = sqlite3_vfs_unregister(other);
    }
    sqlite3_mutex_leave(mutex);
    return rc;
}
