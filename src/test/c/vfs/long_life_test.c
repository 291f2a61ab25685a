/*
 * What grows only slowly: a million commits beside readers of old versions, a template that is forked and dropped a hundred thousand times.
 *
 *     long_life_test [COMMITS [FORKS]]
 */
#include "../harness/check.h"
#include "../harness/sql_util.h"
#include "sqlite3.h"
#include "store/store.h"
#include "vfs/vfs.h"

#ifdef __SANITIZE_ADDRESS__ /* each takes six times as long */
static int64_t commits = 100000, forks = 10000;
#else
static int64_t commits = 1000000, forks = 100000;
#endif

/* ---- memory of SQLite's allocator -------------------------------------------------------------------- */

static sqlite3_mem_methods system_memory;
static int64_t live; /* allocations */

static void *counted_malloc(int n) {
    void *p = system_memory.xMalloc(n);
    live += p != NULL;
    return p;
}

static void counted_free(void *p) {
    live -= p != NULL;
    system_memory.xFree(p);
}

static void count_memory(void) {
    REQUIRE_EQ(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory), SQLITE_OK);
    sqlite3_mem_methods counted = system_memory;
    counted.xMalloc = counted_malloc;
    counted.xFree = counted_free;
    REQUIRE_EQ(sqlite3_config(SQLITE_CONFIG_MALLOC, &counted), SQLITE_OK);
}

/* ---- helpers ------------------------------------------------------------------------------------------- */

static mv_store *store;
static mv_vfs *vfs;

static sqlite3 *open_name(const char *name) {
    sqlite3 *db;
    REQUIRE_EQ(sqlite3_open_v2(name, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "long-life"), SQLITE_OK);
    return db;
}

static int64_t number(sqlite3 *db, const char *sql) {
    sqlite3_stmt *stmt = prepare(db, sql);
    REQUIRE_EQ(sqlite3_step(stmt), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

static mv_stats stats(void) {
    mv_stats s;
    mv_store_stats(store, &s);
    return s;
}

static void start(void) {
    store = mv_store_new(0, 0);
    REQUIRE(store);
    REQUIRE_EQ(mv_vfs_register(store, "long-life", &vfs), SQLITE_OK);
}

static void end(const char *name) {
    CHECK_EQ(mv_store_delete(store, name, strlen(name)), MV_OK);
    CHECK_EQ(stats().bytes, 0);
    CHECK_EQ(stats().versions, 0);
    mv_vfs_unregister(vfs);
    mv_store_release(store);
}

/* ---- commits -------------------------------------------------------------------------------------------- */

enum { ROWS = 2000, SUM = ROWS * (ROWS - 1) / 2 };

/* Bytes that the newest version reaches: what is in use when nobody holds another one. */
static uint64_t bytes_of_newest(void) {
    CHECK_EQ(stats().versions, 1);
    return stats().bytes;
}

static void a_million_commits_beside_old_versions(void) {
    start();
    sqlite3 *writer = open_name("long"), *old = open_name("long"), *passer = open_name("long");
    run(writer, "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, payload BLOB); CREATE INDEX i ON t(n)");
    run(writer, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999) INSERT INTO t SELECT i, i, zeroblob(100) FROM n");
    uint64_t one = bytes_of_newest();
    sqlite3_stmt *update = prepare(writer, "UPDATE t SET n = n + 1 WHERE id = ?");
    run(old, "BEGIN");
    CHECK_EQ(number(old, "SELECT sum(n) FROM t"), SUM);
    uint64_t seed = 1, most = 0;
    int64_t live_then = 0, pages_then = 0;
    bool passing = false;
    for (int64_t i = 0; i < commits; i++) {
        sqlite3_bind_int64(update, 1, (sqlite3_int64)(check_random(&seed) % ROWS));
        REQUIRE_EQ(sqlite3_step(update), SQLITE_DONE);
        sqlite3_reset(update);
        if (i % 1000 == 499) {
            run(passer, "BEGIN");
            CHECK_EQ(number(passer, "SELECT sum(n) FROM t"), SUM + i + 1);
            passing = true;
        } else if (passing && i % 1000 == 999) {
            CHECK_EQ(number(passer, "SELECT sum(n) FROM t"), SUM + i + 1 - 500);
            run(passer, "COMMIT");
            passing = false;
        }
        mv_stats s = stats();
        /* Each of the versions that are held, and the newest, reaches so much if they share nothing. Transactions leave nothing behind. */
        if (s.bytes > most) most = s.bytes;
        if (s.versions > 2u + passing) CHECK_EQ(s.versions, 2 + passing);
        if (i == commits / 2 / 1000 * 1000) {
            live_then = live;
            pages_then = number(writer, "PRAGMA page_count");
        }
    }
    /* An index that is changed at random has leaves that are half empty, hence the 3/2. */
    printf("       %" PRId64 " commits: one version %" PRIu64 " KiB, three of them at most %" PRIu64 " KiB\n", commits, one >> 10, most >> 10);
    CHECK(most <= 3 * (one * 3 / 2));
    CHECK(most > one);
    CHECK(live <= live_then + 2 * (number(writer, "PRAGMA page_count") - pages_then)); /* nothing stays but new pages, in the writer's cache and at hand to the one that passes */
    CHECK_EQ(mv_store_check(store), stats().bytes);
    CHECK_EQ(number(old, "SELECT sum(n) FROM t"), SUM);
    CHECK_EQ(number(old, "SELECT count(*) FROM t INDEXED BY i WHERE n < 2000"), ROWS);
    uint64_t held = stats().bytes;
    run(old, "COMMIT");
    CHECK_EQ(stats().versions, 1);
    CHECK(stats().bytes < held - one / 2); /* what only the old version needed is given back at once */
    CHECK(stats().reserved <= 32u << 20);
    CHECK_EQ(number(old, "SELECT sum(n) FROM t"), SUM + commits);
    sqlite3_finalize(update);
    sqlite3_close(writer);
    sqlite3_close(old);
    sqlite3_close(passer);
    end("long");
}

/* ---- forks ---------------------------------------------------------------------------------------------- */

static mv_version *pin(const char *name) {
    mv_database *db;
    REQUIRE_EQ(mv_store_open(store, name, strlen(name), false, &db), MV_OK);
    mv_version *v = mv_database_pin(db);
    mv_database_release(db);
    return v;
}

static void fork_and_drop(int64_t i) {
    mv_version *v = pin("template");
    REQUIRE_EQ(mv_store_fork(store, v, "fork", 4), MV_OK);
    mv_version_release(v);
    if (i % 8 == 0) { /* used as a test would use it */
        sqlite3 *db = open_name("fork");
        run(db, "UPDATE t SET n = n + 1 WHERE id = 7");
        CHECK_EQ(number(db, "SELECT n FROM t WHERE id = 7"), 8);
        if (i % 16 == 0) CHECK_EQ(mv_store_delete(store, "fork", 4), MV_OK); /* while it is open */
        sqlite3_close(db);
    }
    if (i % 16) CHECK_EQ(mv_store_delete(store, "fork", 4), MV_OK);
}

static void a_template_is_forked_and_dropped(void) {
    start();
    sqlite3 *db = open_name("template");
    run(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, payload BLOB)");
    run(db, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999) INSERT INTO t SELECT i, i, zeroblob(100) FROM n");
    fork_and_drop(0);
    mv_stats before = stats();
    int64_t live_before = live;
    for (int64_t i = 1; i <= forks; i++) fork_and_drop(i);
    mv_stats after = stats();
    CHECK_MEM(&after, &before, sizeof after); /* bytes, versions, pins, forks, and the memory that is kept in reserve */
    CHECK_EQ(live, live_before);
    CHECK_EQ(mv_store_check(store), after.bytes);
    CHECK_EQ(number(db, "SELECT sum(n) FROM t"), SUM);
    sqlite3_close(db);
    end("template");
}

int main(int argc, char **argv) {
    if (argc > 1) commits = strtoll(argv[1], NULL, 10);
    if (argc > 2) forks = strtoll(argv[2], NULL, 10);
    check_start(1, argv);
    count_memory();
    RUN(a_million_commits_beside_old_versions);
    RUN(a_template_is_forked_and_dropped);
    return check_end();
}
