/*
 * The methods of the VFS. See vfs.h. Files are opened in file.c and private_file.c; hosts.c registers.
 */
#include "vfs/vfs.h"

#include "vfs/codes.h"
#include "vfs/file.h"
#include "vfs/private_file.h"
#include "vfs/wait.h"

#include <string.h>

#define MSEC_PER_DAY 86400000.0

/* ---- methods, in the order of sqlite3_vfs ---------------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *base, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags) {
    const face *self = (const face *)base;
    mv_vfs *vfs = self->vfs;
    bool is_database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    file->pMethods = NULL; /* nothing to close */
    if (flags & SQLITE_OPEN_WAL) return SQLITE_CANTOPEN;
    if (!mv_vfs_hold(vfs, is_database)) return SQLITE_CANTOPEN;
    if (is_database) {
        mv_result rc = mv_file_open(vfs, self->host, name, file, &flags);
        if (rc) {
            mv_vfs_release(vfs);
            return mv_sqlite_code(rc);
        }
    } else {
        mv_private_open(vfs, self->host, file, flags);
    }
    if (out_flags) *out_flags = flags;
    return SQLITE_OK;
}

/* SQLite deletes journals only, and those are private to their opener. Nothing else is deleted: a database is deleted from its store. */
static int vfs_delete(sqlite3_vfs *base, const char *name, int sync_dir) {
    (void)base;
    (void)name;
    (void)sync_dir;
    return SQLITE_OK;
}

/* Whether SQLite would give a file beside a database that name: a rollback journal, a write-ahead log, a super-journal. */
static bool is_journal_name(const char *name) {
    static const char journal[] = "-journal", wal[] = "-wal", super[] = "-mj"; /* behind the last: six digits, a 9, two digits */
    enum { JOURNAL = sizeof journal - 1, WAL = sizeof wal - 1, SUPER = sizeof super - 1, SUPER_DIGITS = 9, SUPER_NINE = 3 };
    size_t n = strlen(name);
    const char *end = name + n;
    if (n >= JOURNAL && memcmp(end - JOURNAL, journal, JOURNAL) == 0) return true;
    if (n >= WAL && memcmp(end - WAL, wal, WAL) == 0) return true;
    return n >= SUPER + SUPER_DIGITS && memcmp(end - SUPER_DIGITS - SUPER, super, SUPER) == 0 && end[-SUPER_NINE] == '9';
}

/*
 * SQLite asks at every lock whether there is a journal: there is never one that it would have to know. What else it asks about is a folder
 * (PRAGMA temp_store_directory), which the host's own VFS knows. Our own SQLite must reach no file.
 */
static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *answer) {
    const host *h = ((const face *)base)->host;
    *answer = 0;
    if (mv_is_own(h) || is_journal_name(name)) return SQLITE_OK;
    return h->system->xAccess(h->system, name, flags, answer);
}

static int vfs_full_pathname(sqlite3_vfs *base, const char *name, int room, char *out) {
    (void)base;
    size_t n = strlen(name) + 1;
    if (n > (size_t)room) return SQLITE_CANTOPEN;
    memcpy(out, name, n);
    return SQLITE_OK;
}

static sqlite3_vfs *system_of(sqlite3_vfs *base) {
    return ((const face *)base)->host->system;
}

static void *vfs_dl_open(sqlite3_vfs *base, const char *name) {
    sqlite3_vfs *system = system_of(base);
    return system->xDlOpen(system, name);
}

static void vfs_dl_error(sqlite3_vfs *base, int n, char *message) {
    sqlite3_vfs *system = system_of(base);
    system->xDlError(system, n, message);
}

static void (*vfs_dl_sym(sqlite3_vfs *base, void *library, const char *symbol))(void) {
    sqlite3_vfs *system = system_of(base);
    return system->xDlSym(system, library, symbol);
}

static void vfs_dl_close(sqlite3_vfs *base, void *library) {
    sqlite3_vfs *system = system_of(base);
    system->xDlClose(system, library);
}

static int vfs_randomness(sqlite3_vfs *base, int n, char *out) {
    sqlite3_vfs *system = system_of(base);
    return system->xRandomness(system, n, out);
}

static int vfs_sleep(sqlite3_vfs *base, int usec) {
    sqlite3_vfs *system = system_of(base);
    return mv_wait_sleep(((const face *)base)->vfs, usec) ? usec : system->xSleep(system, usec);
}

static int vfs_current_time(sqlite3_vfs *base, double *out) {
    sqlite3_vfs *system = system_of(base);
    return system->xCurrentTime(system, out);
}

static int vfs_last_error(sqlite3_vfs *base, int n, char *out) {
    (void)base;
    if (n > 0) *out = 0;
    return 0;
}

static int vfs_current_time_int64(sqlite3_vfs *base, sqlite3_int64 *out) {
    sqlite3_vfs *system = system_of(base);
    if (system->iVersion >= 2 && system->xCurrentTimeInt64) return system->xCurrentTimeInt64(system, out);
    double days;
    int rc = system->xCurrentTime(system, &days);
    *out = (sqlite3_int64)(days * MSEC_PER_DAY);
    return rc;
}

static const sqlite3_vfs methods = {
    .iVersion = 2,
    .szOsFile = sizeof(memory_file),
    .mxPathname = MV_MAX_NAME + 16, /* SQLite wants room for "-journal" behind the name */
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_pathname,
    .xDlOpen = vfs_dl_open,
    .xDlError = vfs_dl_error,
    .xDlSym = vfs_dl_sym,
    .xDlClose = vfs_dl_close,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_current_time,
    .xGetLastError = vfs_last_error,
    .xCurrentTimeInt64 = vfs_current_time_int64,
};

int mv_vfs_register(mv_store *store, const char *name, mv_vfs **out) {
    return mv_hosts_register(store, name, &methods, out);
}

bool mv_vfs_is_ours(const sqlite3_vfs *vfs) {
    return vfs->xOpen == vfs_open;
}
