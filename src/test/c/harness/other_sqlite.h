/* Another SQLite beside our own: the system's libsqlite3.so.0 as a host of this library, loaded while the program runs, so that nothing of it is
 * needed to build. (Debian: apt-get install libsqlite3-0) */
#ifndef MV_OTHER_SQLITE_H
#define MV_OTHER_SQLITE_H

#include "check.h"
#include "sqlite3.h"
#include "vfs/vfs.h"

#ifndef _WIN32
#include <dlfcn.h>
#define SQLITE_CORE 1 /* the table of a host's functions, without macros that call them for ours */
#include "sqlite3ext.h"
#endif

#include <stddef.h>

typedef struct sqlite {
    int (*open_v2)(const char *, sqlite3 **, int, const char *);
    int (*close)(sqlite3 *);
    int (*exec)(sqlite3 *, const char *, sqlite3_callback, void *, char **);
    int (*prepare_v2)(sqlite3 *, const char *, int, sqlite3_stmt **, const char **);
    int (*step)(sqlite3_stmt *);
    int (*reset)(sqlite3_stmt *);
    int (*finalize)(sqlite3_stmt *);
    int (*column_count)(sqlite3_stmt *);
    const unsigned char *(*column_text)(sqlite3_stmt *, int);
    const char *(*errmsg)(sqlite3 *);
    int (*extended_errcode)(sqlite3 *);
    sqlite3_backup *(*backup_init)(sqlite3 *, const char *, sqlite3 *, const char *);
    int (*backup_step)(sqlite3_backup *, int);
    int (*backup_finish)(sqlite3_backup *);
} sqlite;

static const sqlite own = {
    .open_v2 = sqlite3_open_v2,
    .close = sqlite3_close,
    .exec = sqlite3_exec,
    .prepare_v2 = sqlite3_prepare_v2,
    .step = sqlite3_step,
    .reset = sqlite3_reset,
    .finalize = sqlite3_finalize,
    .column_count = sqlite3_column_count,
    .column_text = sqlite3_column_text,
    .errmsg = sqlite3_errmsg,
    .extended_errcode = sqlite3_extended_errcode,
    .backup_init = sqlite3_backup_init,
    .backup_step = sqlite3_backup_step,
    .backup_finish = sqlite3_backup_finish,
};

static sqlite other; /* without functions if it is not there */

#ifdef _WIN32
static void load_other(void) {
}
#else
static void *other_symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) check_fail(__FILE__, __LINE__, "no %s: %s", name, dlerror());
    REQUIRE(found);
    return found;
}

/* Gives it all VFSes. */
static void load_other(void) {
    static sqlite3_api_routines api;
    char refused[MV_MAX_VFS_NAME + 1];
    void *library = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        printf("Without libsqlite3.so.0 (apt-get install libsqlite3-0) all connections are of our own SQLite: %s\n", dlerror());
        return;
    }
    api.vfs_register = other_symbol(library, "sqlite3_vfs_register");
    api.vfs_unregister = other_symbol(library, "sqlite3_vfs_unregister");
    api.vfs_find = other_symbol(library, "sqlite3_vfs_find");
    api.mprintf = other_symbol(library, "sqlite3_mprintf");
    api.uri_boolean = other_symbol(library, "sqlite3_uri_boolean");
    api.xthreadsafe = other_symbol(library, "sqlite3_threadsafe");
    int (*initialize)(void) = other_symbol(library, "sqlite3_initialize");
    REQUIRE_EQ(initialize(), SQLITE_OK);
    REQUIRE_EQ(mv_vfs_add_host(&api, refused), SQLITE_OK);
    other = (sqlite){
        .open_v2 = other_symbol(library, "sqlite3_open_v2"),
        .close = other_symbol(library, "sqlite3_close"),
        .exec = other_symbol(library, "sqlite3_exec"),
        .prepare_v2 = other_symbol(library, "sqlite3_prepare_v2"),
        .step = other_symbol(library, "sqlite3_step"),
        .reset = other_symbol(library, "sqlite3_reset"),
        .finalize = other_symbol(library, "sqlite3_finalize"),
        .column_count = other_symbol(library, "sqlite3_column_count"),
        .column_text = other_symbol(library, "sqlite3_column_text"),
        .errmsg = other_symbol(library, "sqlite3_errmsg"),
        .extended_errcode = other_symbol(library, "sqlite3_extended_errcode"),
        .backup_init = other_symbol(library, "sqlite3_backup_init"),
        .backup_step = other_symbol(library, "sqlite3_backup_step"),
        .backup_finish = other_symbol(library, "sqlite3_backup_finish"),
    };
}
#endif

/* ---- connections of either -------------------------------------------------------------------------- */

typedef struct connection {
    const sqlite *api;
    sqlite3 *db;
} connection;

__attribute__((unused)) static connection connect_to(const sqlite *api, const char *name, const char *vfs) {
    connection c = {.api = api};
    int rc = api->open_v2(name, &c.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, vfs);
    if (rc) check_fail(__FILE__, __LINE__, "%s: %s", name, api->errmsg(c.db));
    REQUIRE_EQ(rc, SQLITE_OK);
    return c;
}

__attribute__((unused)) static void disconnect(connection *c) {
    CHECK_EQ(c->api->close(c->db), SQLITE_OK);
    c->db = NULL;
}

static int add_row(void *to, int columns, char **values, char **names) {
    (void)names;
    char **text = to;
    for (int i = 0; i < columns; i++) *text = sqlite3_mprintf("%z%s%s", *text, i ? "," : *text ? "|" : "", values[i] ? values[i] : "NULL");
    return 0;
}

/* What the statements result in: columns divided by commas, rows by bars; or "error" and the extended code. For sqlite3_free. */
__attribute__((unused)) static char *result_of(connection c, const char *sql) {
    char *text = NULL;
    int rc = c.api->exec(c.db, sql, add_row, &text, NULL);
    if (!rc) return text ? text : sqlite3_mprintf("");
    sqlite3_free(text);
    return sqlite3_mprintf("error %d", c.api->extended_errcode(c.db));
}

__attribute__((unused)) static bool expect_result(const char *file, int line, connection c, const char *sql, const char *expected) {
    char *text = result_of(c, sql);
    bool same = strcmp(text, expected) == 0;
    if (!same) check_fail(file, line, "%.200s: '%.300s' (%s), not '%.300s'", sql, text, c.api->errmsg(c.db), expected);
    sqlite3_free(text);
    return same;
}

#define EXPECT_RESULT(connection, sql, expected) expect_result(__FILE__, __LINE__, connection, sql, expected)

#endif
