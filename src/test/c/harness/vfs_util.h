/* What the programs share that test SQLite on the VFS (vfs.h): a store with its VFS, SQL and its results. See check.h. */
#ifndef MV_VFS_UTIL_H
#define MV_VFS_UTIL_H

#include "check.h"
#include "engine/engine.h"
#include "sql_util.h"
#include "sqlite3.h"
#include "store/store.h"
#include "vfs/vfs.h"

/* A store and its VFS under a name of its own. */
typedef struct env {
    mv_store *store;
    mv_vfs *vfs;
    char name[32];
} env;

static atomic_int env_count;

__attribute__((unused)) static env env_new(uint32_t block_size, uint64_t max_bytes) {
    env e;
    snprintf(e.name, sizeof e.name, "test-%d", atomic_fetch_add(&env_count, 1));
    e.store = mv_store_new(block_size, max_bytes);
    REQUIRE(e.store);
    REQUIRE_EQ(mv_vfs_register(e.store, e.name, &e.vfs), SQLITE_OK);
    return e;
}

__attribute__((unused)) static mv_stats env_stats(env *e) {
    mv_stats stats;
    mv_store_stats(e->store, &stats);
    return stats;
}

/* After all connections are closed: nothing may be left but what has a name, and nothing at all without names. */
__attribute__((unused)) static void env_end(env *e) {
    char *names;
    size_t len;
    CHECK_EQ(env_stats(e).pins - env_stats(e).forks, 0);
    CHECK_EQ(mv_store_check(e->store), env_stats(e).bytes);
    REQUIRE_EQ(mv_store_names(e->store, &names, &len), MV_OK);
    for (const char *name = names; name < names + len; name += strlen(name) + 1)
        CHECK_EQ(mv_store_delete(e->store, name, strlen(name)), MV_OK);
    sqlite3_free(names);
    CHECK_EQ(mv_store_check(e->store), 0);
    CHECK_EQ(env_stats(e).bytes, 0);
    CHECK_EQ(env_stats(e).versions, 0);
    mv_vfs_unregister(e->vfs);
    mv_store_release(e->store);
}

__attribute__((unused)) static int try_open(env *e, const char *name, int flags, sqlite3 **db) {
    int rc = sqlite3_open_v2(name, db, flags, e->name);
    if (rc) {
        sqlite3_close(*db);
        *db = NULL;
    } else {
        sqlite3_extended_result_codes(*db, 1);
    }
    return rc;
}

__attribute__((unused)) static sqlite3 *open_on(env *e, const char *name) {
    sqlite3 *db;
    REQUIRE_EQ(try_open(e, name, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db), SQLITE_OK);
    return db;
}

__attribute__((unused)) static sqlite3 *open_guarded(env *e, const char *name) {
    sqlite3 *db = open_on(e, name);
    REQUIRE_EQ(mv_engine_guard(db), SQLITE_OK);
    return db;
}

__attribute__((unused)) static void close_db(sqlite3 *db) {
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

#define RUN_SQL(db, ...) run_sql(__FILE__, __LINE__, db, __VA_ARGS__)
#define EXPECT_CODE(db, code, ...) expect_code(__FILE__, __LINE__, db, code, __VA_ARGS__)
#define EXPECT_TEXT(db, text, ...) expect_text(__FILE__, __LINE__, db, text, __VA_ARGS__)

__attribute__((unused)) static bool expect_code_v(const char *file, int line, sqlite3 *db, int code, const char *format, va_list args) {
    char *sql = sqlite3_vmprintf(format, args);
    REQUIRE(sql);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc != code)
        check_fail(file, line, "%.200s: code %d, not %d: %s", sql, rc, code, sqlite3_errmsg(db));
    sqlite3_free(sql);
    return rc == code;
}

__attribute__((unused)) static bool run_sql(const char *file, int line, sqlite3 *db, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool ok = expect_code_v(file, line, db, SQLITE_OK, format, args);
    va_end(args);
    return ok;
}

__attribute__((unused)) static bool expect_code(const char *file, int line, sqlite3 *db, int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool ok = expect_code_v(file, line, db, code, format, args);
    va_end(args);
    return ok;
}

__attribute__((unused)) static int append_row(void *to, int columns, char **values, char **names) {
    (void)names;
    char **text = to;
    for (int i = 0; i < columns; i++) {
        char *longer = sqlite3_mprintf("%z%s%s", *text, i ? "," : *text ? "|" : "", values[i] ? values[i] : "NULL");
        *text = longer;
    }
    return 0;
}

/* All rows of the query: columns divided by commas, rows by bars. For sqlite3_free. */
__attribute__((unused)) static char *query(sqlite3 *db, const char *sql, int *rc) {
    char *text = NULL;
    *rc = sqlite3_exec(db, sql, append_row, &text, NULL);
    return text ? text : sqlite3_mprintf("");
}

__attribute__((unused)) static bool expect_text(const char *file, int line, sqlite3 *db, const char *want, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);
    int rc;
    char *got = query(db, sql, &rc);
    bool same = rc == SQLITE_OK && !strcmp(got, want);
    if (rc)
        check_fail(file, line, "%.200s: code %d: %s", sql, rc, sqlite3_errmsg(db));
    else if (!same)
        check_fail(file, line, "%.200s: '%.300s', not '%.300s'", sql, got, want);
    sqlite3_free(got);
    sqlite3_free(sql);
    return same;
}

__attribute__((unused)) static int64_t number(sqlite3 *db, const char *sql) {
    int rc;
    char *text = query(db, sql, &rc);
    CHECK_EQ(rc, SQLITE_OK);
    int64_t n = strtoll(text, NULL, 10);
    sqlite3_free(text);
    return n;
}

__attribute__((unused)) static mv_version *pin_name(env *e, const char *name) {
    mv_database *db;
    REQUIRE_EQ(mv_store_open(e->store, name, strlen(name), false, &db), MV_OK);
    mv_version *v = mv_database_pin(db);
    mv_database_release(db);
    return v;
}

__attribute__((unused)) static int64_t stored_size(env *e, const char *name) {
    mv_version *v = pin_name(e, name);
    int64_t size = mv_version_size(v);
    mv_version_release(v);
    return size;
}

/* The content of the database's newest version. For free. */
__attribute__((unused)) static uint8_t *stored_bytes(env *e, const char *name, size_t *n) {
    mv_version *v = pin_name(e, name);
    *n = (size_t)mv_version_size(v);
    uint8_t *bytes = malloc(*n + 1);
    REQUIRE(bytes);
    CHECK_EQ(mv_version_read(v, bytes, *n, 0), *n);
    mv_version_release(v);
    return bytes;
}

__attribute__((unused)) static mv_result replace(env *e, const char *name, const uint8_t *bytes, size_t n, int64_t usec) {
    mv_load *load;
    REQUIRE_EQ(mv_load_begin(e->store, name, strlen(name), &load), MV_OK);
    mv_result rc = mv_load_write(load, bytes, n);
    if (rc == MV_OK)
        rc = mv_load_finish(load);
    if (rc == MV_OK)
        rc = mv_store_publish(e->store, name, strlen(name), load, usec);
    if (rc != MV_OK)
        mv_load_drop(load);
    return rc;
}

__attribute__((unused)) static void integrity(sqlite3 *db) {
    EXPECT_TEXT(db, "ok", "PRAGMA integrity_check");
}

/* The bytes of a database that SQLite makes from the statements. For sqlite3_free. */
__attribute__((unused)) static uint8_t *make_file(const char *sql, size_t *n) {
    sqlite3 *db;
    REQUIRE_EQ(sqlite3_open(":memory:", &db), SQLITE_OK);
    RUN_SQL(db, "%s", sql);
    sqlite3_int64 size = 0;
    uint8_t *bytes = sqlite3_serialize(db, "main", &size, 0);
    REQUIRE(bytes);
    *n = (size_t)size;
    close_db(db);
    return bytes;
}

#endif
