/*
 * SQLite on the VFS (vfs.h), without a JVM.
 *
 *     vfs_test [WORD...]      the tests whose names hold a word; --list prints them
 */
#include "../harness/check.h"
#include "engine/engine.h"
#include "vfs/journal.h"
#include "engine/rows.h"
#include "../harness/sql_util.h"
#include "sqlite3.h"
#include "store/store.h"
#include "../harness/store_util.h"
#include "store/sync.h"
#include "vfs/vfs.h"
#include "../harness/vfs_util.h"

#include <pthread.h>

/* ---- opening and names ------------------------------------------------------------------------------ */

static void a_database_is_found_again_by_its_name(void) {
    env e = env_new(0, 0);
    sqlite3 *db;
    CHECK_EQ(try_open(&e, "a", SQLITE_OPEN_READWRITE, &db), SQLITE_CANTOPEN);
    CHECK_EQ(try_open(&e, "a", SQLITE_OPEN_READONLY, &db), SQLITE_CANTOPEN);
    db = open_on(&e, "a");
    RUN_SQL(db, "CREATE TABLE t(x); INSERT INTO t VALUES('kept')");
    close_db(db);
    db = open_on(&e, "a");
    EXPECT_TEXT(db, "kept", "SELECT x FROM t");
    close_db(db);
    REQUIRE_EQ(try_open(&e, "a", SQLITE_OPEN_READONLY, &db), SQLITE_OK);
    CHECK_EQ(sqlite3_db_readonly(db, "main"), 1);
    EXPECT_TEXT(db, "kept", "SELECT x FROM t");
    EXPECT_CODE(db, SQLITE_READONLY, "INSERT INTO t VALUES(1)");
    EXPECT_CODE(db, SQLITE_READONLY, "CREATE TABLE u(x)");
    sqlite3 *writer = open_on(&e, "a");
    RUN_SQL(writer, "UPDATE t SET x='new'");
    EXPECT_TEXT(db, "new", "SELECT x FROM t");
    close_db(writer);
    close_db(db);
    char uri[80];
    snprintf(uri, sizeof uri, "file:a?mode=ro&vfs=%s", e.name);
    REQUIRE_EQ(sqlite3_open_v2(uri, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, NULL), SQLITE_OK);
    sqlite3_extended_result_codes(db, 1);
    EXPECT_TEXT(db, "new", "SELECT x FROM t");
    EXPECT_CODE(db, SQLITE_READONLY, "DELETE FROM t");
    close_db(db);
    env_end(&e);
}

static void names_are_any_text(void) {
    static const struct {
        const char *name, *encoded;
    } names[] = {{"x", "x"}, {"x-journal", "x-journal"}, {"x-wal", "x-wal"}, {"x-shm", "x-shm"}, {"a?b", "a%3fb"}, {"a#b", "a%23b"}, {"file:x", "file%3Ax"},
        {"../x", "../x"}, {"%41", "%2541"}, {"A", "%41"}, {"\xc3\xbc/%41 \xf0\x9f\x98\x80", "\xc3\xbc/%2541%20\xf0\x9f\x98\x80"}, {" ", "%20"}, {"x ", "x%20"}};
    enum { count = sizeof names / sizeof *names };
    env e = env_new(0, 0);
    sqlite3 *dbs[count];
    for (int i = 0; i < count; i++) {
        char uri[200];
        check_context("name '%s'", names[i].name);
        snprintf(uri, sizeof uri, "file:%s?vfs=%s", names[i].encoded, e.name);
        CHECK_EQ(sqlite3_open_v2(uri, &dbs[i], SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, NULL), SQLITE_OK);
        sqlite3_extended_result_codes(dbs[i], 1);
        RUN_SQL(dbs[i], "PRAGMA journal_mode=DELETE; CREATE TABLE t(x); INSERT INTO t VALUES(%d)", i);
    }
    CHECK_EQ(env_stats(&e).databases, count);
    for (int round = 0; round < 2; round++) { /* what is beside x by its name must not be taken for x's journal, nor go with it */
        static const char *const modes[] = {"DELETE", "TRUNCATE", "PERSIST"};
        RUN_SQL(dbs[0], "PRAGMA journal_mode=%s; BEGIN; UPDATE t SET x=x+100; ROLLBACK; UPDATE t SET x=x", modes[round]);
        sqlite3 *again = open_on(&e, "x");
        EXPECT_TEXT(again, "0", "SELECT x FROM t");
        close_db(again);
    }
    for (int i = 0; i < count; i++) {
        check_context("name '%s'", names[i].name);
        CHECK_EQ(number(dbs[i], "SELECT x FROM t"), i);
        mv_database *db = NULL;
        CHECK_EQ(mv_store_open(e.store, names[i].name, strlen(names[i].name), false, &db), MV_OK);
        if (db)
            mv_database_release(db);
        if (strncmp(names[i].name, "file:", 5)) {
            sqlite3 *plain = open_on(&e, names[i].name);
            CHECK_EQ(number(plain, "SELECT x FROM t"), i);
            close_db(plain);
        }
        close_db(dbs[i]);
    }
    check_context("%s", "");
    char long_name[1100]; /* more than any name may have */
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = 0;
    sqlite3 *db = NULL;
    CHECK_EQ(try_open(&e, long_name, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db), SQLITE_CANTOPEN);
    long_name[MV_MAX_NAME] = 0;
    db = open_on(&e, long_name);
    RUN_SQL(db, "PRAGMA journal_mode=DELETE; CREATE TABLE t(x)");
    close_db(db);
    env_end(&e);
}

static void vfs_names_are_unique_and_come_free(void) {
    env e = env_new(0, 0);
    mv_vfs *second = NULL;
    CHECK_EQ(mv_vfs_register(e.store, e.name, &second), SQLITE_MISUSE);
    CHECK_EQ(mv_vfs_register(e.store, sqlite3_vfs_find(NULL)->zName, &second), SQLITE_MISUSE);
    sqlite3 *db = open_on(&e, "a");
    RUN_SQL(db, "CREATE TABLE t(x)");
    mv_vfs_unregister(e.vfs); /* the connection goes on */
    RUN_SQL(db, "PRAGMA journal_mode=DELETE; INSERT INTO t VALUES(1)");
    EXPECT_TEXT(db, "1", "SELECT x FROM t");
    sqlite3 *none = NULL;
    CHECK_EQ(try_open(&e, "a", SQLITE_OPEN_READWRITE, &none), SQLITE_CANTOPEN);
    CHECK_EQ(mv_vfs_register(e.store, e.name, &e.vfs), SQLITE_OK);
    sqlite3 *other = open_on(&e, "a"); /* a second VFS on the same store */
    EXPECT_TEXT(other, "1", "SELECT x FROM t");
    RUN_SQL(other, "INSERT INTO t VALUES(2)");
    EXPECT_TEXT(db, "3", "SELECT sum(x) FROM t");
    close_db(db);
    close_db(other);
    env_end(&e);
}

typedef struct attacher {
    sqlite3 *db;
    atomic_bool done;
} attacher;

static void *attach_until_done(void *arg) {
    attacher *job = arg;
    while (!atomic_load(&job->done)) {
        if (sqlite3_exec(job->db, "ATTACH 'file:a?vfs=comes-and-goes' AS a", NULL, NULL, NULL)) continue;
        EXPECT_TEXT(job->db, "0", "SELECT count(*) FROM a.sqlite_schema");
        RUN_SQL(job->db, "DETACH a");
    }
    return NULL;
}

/* SQLite may still call a vfs that it found just before it was unregistered. */
static void a_vfs_goes_while_it_is_opened(void) {
    attacher job = {0};
    pthread_t thread;
    REQUIRE_EQ(sqlite3_open_v2(":memory:", &job.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, NULL), SQLITE_OK);
    REQUIRE_EQ(pthread_create(&thread, NULL, attach_until_done, &job), 0);
    for (int i = 0; i < 2000; i++) {
        mv_store *store = mv_store_new(0, 0);
        mv_vfs *vfs;
        REQUIRE(store);
        REQUIRE_EQ(mv_vfs_register(store, "comes-and-goes", &vfs), SQLITE_OK);
        mv_vfs_unregister(vfs);
        mv_store_close(store);
        mv_store_release(store);
    }
    atomic_store(&job.done, true);
    pthread_join(thread, NULL);
    close_db(job.db);
}

/* ---- the matrix -------------------------------------------------------------------------------------- */

static const char *const journal_modes[] = {"delete", "truncate", "persist", "memory", "off"};

enum { MODES = 5, ROWS = 60 };

#define FILL "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "

/* The same statements on ours and on one of SQLite's own databases in memory. */
static void on_both(sqlite3 *ours, sqlite3 *other, const char *sql) {
    RUN_SQL(ours, "%s", sql);
    RUN_SQL(other, "%s", sql);
    int rc1, rc2;
    static const char *const asked = "SELECT count(*), sum(k), sum(length(v)), sum(unicode(v)) FROM t";
    char *a = query(ours, asked, &rc1), *b = query(other, asked, &rc2);
    CHECK_EQ(rc1, rc2);
    CHECK_STR(a, b);
    sqlite3_free(a);
    sqlite3_free(b);
}

static void same_length(env *e, sqlite3 *ours, sqlite3 *other) {
    int64_t want = number(other, "PRAGMA page_count") * number(other, "PRAGMA page_size");
    CHECK_EQ(number(ours, "PRAGMA page_count") * number(ours, "PRAGMA page_size"), want);
    CHECK_EQ(stored_size(e, "m"), want);
}

static void matrix_cell(uint32_t page, uint32_t block, int mode) {
    check_context("page size %u, block size %u, journal_mode %s", page, block, journal_modes[mode]);
    env e = env_new(block, 0);
    sqlite3 *db = open_on(&e, "m"), *other;
    REQUIRE_EQ(sqlite3_open(":memory:", &other), SQLITE_OK);
    RUN_SQL(db, "PRAGMA page_size=%u", page);
    RUN_SQL(other, "PRAGMA page_size=%u", page);
    EXPECT_TEXT(db, journal_modes[mode], "PRAGMA journal_mode=%s", journal_modes[mode]);
    char sql[600];
    on_both(db, other, "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT); CREATE INDEX i ON t(v, k)");
    snprintf(sql, sizeof sql, FILL "INSERT INTO t SELECT i, hex(zeroblob(20+i*7%%300)) || i FROM n", ROWS);
    on_both(db, other, sql);
    same_length(&e, db, other);
    /* ROLLBACK restores, with small and full cache alike. */
    for (int spill = 0; spill < 2; spill++) {
        RUN_SQL(db, "PRAGMA cache_size=%d", spill ? 3 : 2000);
        snprintf(sql, sizeof sql, "BEGIN; UPDATE t SET v = v || 'x'; DELETE FROM t WHERE k%%3=0; " FILL "INSERT INTO t SELECT 1000+i, hex(randomblob(300)) FROM n; ROLLBACK", ROWS);
        on_both(db, other, sql);
        integrity(db);
        same_length(&e, db, other);
        if (mode != 4) { /* SQLite has no savepoints to go back to without a journal */
            on_both(db, other, "BEGIN; SAVEPOINT a; UPDATE t SET v='a' || k; SAVEPOINT b; DELETE FROM t WHERE k>20; INSERT INTO t VALUES(5000, 'in b'); ROLLBACK TO b; "
                               "INSERT INTO t VALUES(5001, 'after b'); RELEASE b; ROLLBACK TO a; UPDATE t SET v=v||'y' WHERE k<10; RELEASE a; COMMIT");
            EXPECT_CODE(db, SQLITE_CONSTRAINT_PRIMARYKEY, "INSERT INTO t SELECT k-1, 'z' FROM t WHERE k>%d UNION ALL SELECT 5, 'z'", ROWS - 1);
            if (sqlite3_get_autocommit(db) == 0)
                RUN_SQL(db, "ROLLBACK");
        }
        integrity(db);
    }
    on_both(db, other, "DELETE FROM t WHERE k % 4");
    same_length(&e, db, other);
    on_both(db, other, "VACUUM");
    same_length(&e, db, other);
    integrity(db);
    sqlite3 *second = open_on(&e, "m");
    integrity(second);
    CHECK_EQ(number(second, "PRAGMA page_size"), page);
    CHECK_EQ(number(second, "SELECT count(*) FROM t"), ROWS / 4);
    close_db(second);
    close_db(other);
    close_db(db);
    CHECK_EQ(mv_store_check(e.store), env_stats(&e).bytes);
    env_end(&e);
}

static void matrix_of_pages_blocks_and_journals(void) {
    for (uint32_t page = 512; page <= 65536; page *= 2) {
        for (int mode = 0; mode < MODES; mode++) {
            matrix_cell(page, 0, mode);
            for (uint32_t block = 512; block <= 65536; block *= 2)
                matrix_cell(page, block, mode);
        }
    }
    check_context("%s", "");
}

static void auto_vacuum_cell(uint32_t page, uint32_t block, bool incremental) {
    check_context("page size %u, block size %u, %s", page, block, incremental ? "incremental" : "full");
    env e = env_new(block, 0);
    sqlite3 *db = open_on(&e, "m"), *other;
    REQUIRE_EQ(sqlite3_open(":memory:", &other), SQLITE_OK);
    char sql[400];
    snprintf(sql, sizeof sql, "PRAGMA page_size=%u; PRAGMA auto_vacuum=%s; CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT)", page, incremental ? "incremental" : "full");
    on_both(db, other, sql);
    snprintf(sql, sizeof sql, FILL "INSERT INTO t SELECT i, hex(zeroblob(i*50)) FROM n", ROWS);
    on_both(db, other, sql);
    same_length(&e, db, other);
    int64_t full = stored_size(&e, "m");
    mv_version *before = pin_name(&e, "m");
    on_both(db, other, "DELETE FROM t WHERE k>10");
    if (incremental) {
        same_length(&e, db, other);
        if (number(db, "PRAGMA freelist_count") > 2) {
            on_both(db, other, "PRAGMA incremental_vacuum(2)");
            same_length(&e, db, other);
        }
        on_both(db, other, "PRAGMA incremental_vacuum");
    }
    same_length(&e, db, other);
    CHECK(stored_size(&e, "m") < full);
    CHECK_EQ(mv_version_size(before), full);
    mv_version_release(before);
    integrity(db);
    on_both(db, other, "BEGIN; DELETE FROM t WHERE k>5; INSERT INTO t VALUES(99, 'x'); ROLLBACK");
    on_both(db, other, "VACUUM");
    same_length(&e, db, other);
    integrity(db);
    close_db(other);
    close_db(db);
    env_end(&e);
}

static void auto_vacuum_gives_back(void) {
    for (uint32_t page = 512; page <= 65536; page *= 8) {
        for (int incremental = 0; incremental < 2; incremental++) {
            auto_vacuum_cell(page, 0, incremental);
            auto_vacuum_cell(page, 512, incremental);
            auto_vacuum_cell(page, 4096, incremental);
            auto_vacuum_cell(page, 65536, incremental);
        }
    }
    check_context("%s", "");
}

/* ---- isolation --------------------------------------------------------------------------------------- */

static void readers_keep_what_they_see(void) {
    for (int mode = 0; mode < MODES; mode++) {
        check_context("journal_mode %s", journal_modes[mode]);
        env e = env_new(0, 0);
        sqlite3 *writer = open_on(&e, "a"), *reader = open_on(&e, "a");
        RUN_SQL(writer, "PRAGMA journal_mode=%s; CREATE TABLE t(x); INSERT INTO t VALUES(1)", journal_modes[mode]);
        RUN_SQL(writer, "PRAGMA cache_size=5");
        RUN_SQL(reader, "BEGIN");
        EXPECT_TEXT(reader, "1", "SELECT x FROM t");
        RUN_SQL(writer, "BEGIN; UPDATE t SET x=2; CREATE TABLE u(y); " FILL "INSERT INTO u SELECT hex(randomblob(500)) FROM n", 200);
        EXPECT_TEXT(reader, "1", "SELECT x FROM t");
        sqlite3 *fresh = open_on(&e, "a"); /* begins while the other writes */
        EXPECT_TEXT(fresh, "1", "SELECT x FROM t");
        EXPECT_CODE(fresh, SQLITE_ERROR, "SELECT * FROM u");
        RUN_SQL(writer, "COMMIT");
        EXPECT_TEXT(reader, "1", "SELECT x FROM t");
        EXPECT_CODE(reader, SQLITE_ERROR, "SELECT * FROM u");
        EXPECT_TEXT(fresh, "2", "SELECT x FROM t");
        EXPECT_TEXT(fresh, "200", "SELECT count(*) FROM u");
        RUN_SQL(writer, "DROP TABLE u; VACUUM; UPDATE t SET x=3");
        EXPECT_TEXT(reader, "1", "SELECT x FROM t");
        integrity(reader);
        RUN_SQL(reader, "COMMIT");
        EXPECT_TEXT(reader, "3", "SELECT x FROM t");
        close_db(fresh);
        close_db(reader);
        close_db(writer);
        env_end(&e);
    }
    check_context("%s", "");
}

/* SQLite then takes no locks: all that it can have is one version. */
static void without_locks_there_is_one_version(void) {
    static const char *const names[] = {"file:a?nolock=1", "file:a?immutable=1"};
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a");
    RUN_SQL(a, "CREATE TABLE t(x, y); CREATE INDEX i ON t(x)");
    for (int how = 0; how < 2; how++) {
        RUN_SQL(a, "DELETE FROM t; " FILL "INSERT INTO t SELECT i, 1 FROM n", 2000);
        sqlite3 *still;
        REQUIRE_EQ(try_open(&e, names[how], SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, &still), SQLITE_OK);
        RUN_SQL(still, "PRAGMA cache_size=1");
        sqlite3_stmt *stmt = prepare(still, "SELECT y FROM t ORDER BY x");
        for (int i = 0; i < 2000; i++) {
            CHECK_EQ(sqlite3_step(stmt), SQLITE_ROW);
            CHECK_EQ(sqlite3_column_int(stmt, 0), 1);
            if (i % 100 == 0)
                RUN_SQL(a, i % 200 ? "DELETE FROM t WHERE x %% 3" : "UPDATE t SET y=y+1, x=-x");
        }
        sqlite3_finalize(stmt);
        EXPECT_TEXT(still, "2000", "SELECT sum(y) FROM t");
        CHECK_EQ(sqlite3_db_readonly(still, "main"), 1);
        static const char *const refused[] = {"DELETE FROM t", "CREATE TABLE u(x)", "PRAGMA user_version=5", "VACUUM"};
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
            EXPECT_CODE(still, SQLITE_READONLY, "%s", refused[i]);
            EXPECT_TEXT(still, "2000,2000", "SELECT sum(y), count(*) FROM t");
        }
        integrity(still);
        close_db(still);
    }
    close_db(a);
    env_end(&e);
}

static void a_second_writer_is_busy(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a");
    RUN_SQL(a, "CREATE TABLE t(x); INSERT INTO t VALUES(0)");
    RUN_SQL(a, "BEGIN IMMEDIATE");
    EXPECT_CODE(b, SQLITE_BUSY, "BEGIN IMMEDIATE");
    EXPECT_CODE(b, SQLITE_BUSY, "INSERT INTO t VALUES(1)");
    EXPECT_CODE(b, SQLITE_BUSY, "BEGIN EXCLUSIVE");
    EXPECT_TEXT(b, "0", "SELECT x FROM t");
    RUN_SQL(a, "UPDATE t SET x=1");
    sqlite3_busy_timeout(b, 60);
    for (int i = 0; i < 2; i++) { /* each time after the whole timeout, and not before */
        int64_t from = mv_now_usec();
        EXPECT_CODE(b, SQLITE_BUSY, "INSERT INTO t VALUES(2)");
        CHECK(mv_now_usec() - from >= 60000);
    }
    EXPECT_TEXT(b, "0", "SELECT x FROM t");
    RUN_SQL(a, "COMMIT");
    RUN_SQL(b, "INSERT INTO t VALUES(2)");
    EXPECT_TEXT(a, "1|2", "SELECT x FROM t ORDER BY x");
    /* EXCLUSIVE keeps no reader out. */
    RUN_SQL(a, "BEGIN EXCLUSIVE; UPDATE t SET x=7");
    EXPECT_TEXT(b, "1|2", "SELECT x FROM t ORDER BY x");
    RUN_SQL(a, "ROLLBACK");
    /* A writer that was refused in its transaction can go on reading, and gives way. */
    RUN_SQL(b, "BEGIN");
    EXPECT_TEXT(b, "1|2", "SELECT x FROM t ORDER BY x");
    RUN_SQL(a, "BEGIN IMMEDIATE");
    EXPECT_CODE(b, SQLITE_BUSY, "UPDATE t SET x=8");
    EXPECT_TEXT(b, "1|2", "SELECT x FROM t ORDER BY x");
    RUN_SQL(a, "ROLLBACK");
    RUN_SQL(b, "UPDATE t SET x=8; COMMIT"); /* nothing was committed in between */
    EXPECT_TEXT(a, "8|8", "SELECT x FROM t");
    close_db(a);
    close_db(b);
    env_end(&e);
}

static void a_stale_reader_cannot_become_writer(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a");
    sqlite3_busy_timeout(a, 100);
    RUN_SQL(a, "CREATE TABLE t(x); INSERT INTO t VALUES(1)");
    RUN_SQL(a, "BEGIN");
    EXPECT_TEXT(a, "1", "SELECT x FROM t");
    RUN_SQL(b, "UPDATE t SET x=2");
    EXPECT_CODE(a, SQLITE_BUSY_SNAPSHOT, "UPDATE t SET x=x+10");
    EXPECT_TEXT(a, "1", "SELECT x FROM t");
    RUN_SQL(b, "UPDATE t SET x=3"); /* the slot was not kept */
    EXPECT_CODE(a, SQLITE_BUSY_SNAPSHOT, "UPDATE t SET x=x+10");
    RUN_SQL(a, "ROLLBACK");
    RUN_SQL(a, "UPDATE t SET x=x+10");
    EXPECT_TEXT(b, "13", "SELECT x FROM t");
    /* Not stale: its own commits, and those of others before it began. */
    RUN_SQL(a, "BEGIN; SELECT * FROM t; UPDATE t SET x=20; COMMIT; BEGIN; SELECT * FROM t; UPDATE t SET x=21; COMMIT");
    EXPECT_TEXT(b, "21", "SELECT x FROM t");
    close_db(a);
    close_db(b);
    env_end(&e);
}

typedef struct job {
    sqlite3 *db;
    const char *sql;
    int rc;
} job;

static void *run_job(void *arg) {
    job *j = arg;
    j->rc = sqlite3_exec(j->db, j->sql, NULL, NULL, NULL);
    return NULL;
}

static void a_waiting_writer_is_served(void) {
    for (int how = 0; how < 2; how++) {
        env e = env_new(0, 0);
        sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a");
        RUN_SQL(a, "CREATE TABLE t(x); INSERT INTO t VALUES(1)");
        if (how)
            sqlite3_busy_timeout(b, 60000);
        else
            RUN_SQL(b, "PRAGMA busy_timeout=60000");
        for (int i = 0; i < 20; i++) {
            RUN_SQL(a, "BEGIN IMMEDIATE; UPDATE t SET x=x+1");
            job j = {b, i % 2 ? "UPDATE t SET x=x+100" : "BEGIN IMMEDIATE; UPDATE t SET x=x+100; COMMIT", -1};
            pthread_t thread;
            REQUIRE_EQ(pthread_create(&thread, NULL, run_job, &j), 0);
            struct timespec some = {0, 2000000};
            nanosleep(&some, NULL);
            RUN_SQL(a, i % 3 ? "COMMIT" : "ROLLBACK");
            pthread_join(thread, NULL);
            CHECK_EQ(j.rc, SQLITE_OK);
        }
        CHECK_EQ(number(a, "SELECT x FROM t"), 1 + 20 * 100 + 13);
        close_db(a);
        close_db(b);
        env_end(&e);
    }
}

/* It waits for the one database, and then for the other, as long as its timeout in all. */
static void a_writer_waits_for_two_databases(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "b"), *both = open_on(&e, "a");
    RUN_SQL(a, "CREATE TABLE t(x)");
    RUN_SQL(b, "CREATE TABLE u(x)");
    RUN_SQL(both, "ATTACH 'file:b' AS b; PRAGMA busy_timeout=60000");
    const struct timespec some = {0, 20000000};
    for (int i = 0; i < 3; i++) {
        RUN_SQL(a, "BEGIN IMMEDIATE");
        RUN_SQL(b, "BEGIN IMMEDIATE");
        job j = {both, "BEGIN IMMEDIATE; INSERT INTO t VALUES(1); INSERT INTO u VALUES(1); COMMIT", -1};
        pthread_t thread;
        REQUIRE_EQ(pthread_create(&thread, NULL, run_job, &j), 0);
        nanosleep(&some, NULL);
        RUN_SQL(a, "COMMIT");
        nanosleep(&some, NULL);
        RUN_SQL(b, "COMMIT");
        pthread_join(thread, NULL);
        CHECK_EQ(j.rc, SQLITE_OK);
    }
    /* And no longer. */
    RUN_SQL(both, "PRAGMA busy_timeout=60");
    RUN_SQL(b, "BEGIN IMMEDIATE");
    int64_t from = mv_now_usec();
    EXPECT_CODE(both, SQLITE_BUSY, "BEGIN IMMEDIATE");
    CHECK(mv_now_usec() - from >= 60000);
    RUN_SQL(b, "COMMIT");
    close_db(a);
    close_db(b);
    close_db(both);
    env_end(&e);
}

/* The pragma by which SQLite tells that a write follows is nothing that SQL can harm a transaction with. */
static void the_pragma_of_a_write_that_follows_does_no_harm(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_on(&e, "a");
    RUN_SQL(db, "PRAGMA cache_size=10; CREATE TABLE t(a INTEGER PRIMARY KEY, b)");
    RUN_SQL(db, "BEGIN; WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<1000) INSERT INTO t SELECT i, randomblob(1000) FROM c");
    RUN_SQL(db, "PRAGMA experimental_pragma_20251114=1");
    integrity(db);
    RUN_SQL(db, "COMMIT");
    integrity(db);
    CHECK_EQ(number(db, "SELECT count(*) FROM t"), 1000);
    close_db(db);
    env_end(&e);
}

/* ---- exclusive locking, WAL, other pragmas ----------------------------------------------------------- */

static void exclusive_locking_mode_is_not_had(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a");
    EXPECT_TEXT(a, "normal", "PRAGMA locking_mode=EXCLUSIVE");
    RUN_SQL(a, "CREATE TABLE t(x)");
    RUN_SQL(b, "INSERT INTO t VALUES(1)");
    EXPECT_TEXT(a, "1", "SELECT x FROM t");
    EXPECT_TEXT(a, "normal", "PRAGMA locking_mode");
    close_db(a);
    close_db(b);
    env_end(&e);
}

/* A connection with the database attached, and exclusive locking mode for all it has, about which only the VFS of its main database is asked. */
static sqlite3 *open_exclusive(env *e, const char *name) {
    sqlite3 *db;
    REQUIRE_EQ(sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, NULL), SQLITE_OK);
    sqlite3_extended_result_codes(db, 1);
    RUN_SQL(db, "ATTACH 'file:%s?vfs=%s' AS d", name, e->name);
    EXPECT_TEXT(db, "exclusive", "PRAGMA locking_mode=EXCLUSIVE");
    return db;
}

static void exclusive_locking_mode_by_another_way(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_exclusive(&e, "a"), *b = open_on(&e, "a");
    RUN_SQL(a, "CREATE TABLE d.t(x); INSERT INTO t VALUES(1)");
    EXPECT_TEXT(b, "1", "SELECT x FROM t"); /* readers see each commit all the same */
    for (int i = 2; i < 20; i++) {
        RUN_SQL(a, "UPDATE t SET x=%d", i);
        CHECK_EQ(number(a, "SELECT x FROM t"), i);
        CHECK_EQ(number(b, "SELECT x FROM t"), i);
        RUN_SQL(a, "BEGIN; UPDATE t SET x=-1; ROLLBACK");
        CHECK_EQ(number(a, "SELECT x FROM t"), i);
        EXPECT_CODE(b, SQLITE_BUSY, "UPDATE t SET x=0");
    }
    RUN_SQL(a, "VACUUM d");
    integrity(a);
    integrity(b);
    CHECK_EQ(env_stats(&e).versions, 1);
    RUN_SQL(a, "PRAGMA locking_mode=NORMAL");
    EXPECT_TEXT(a, "19", "SELECT x FROM t"); /* gives the lock up */
    RUN_SQL(b, "UPDATE t SET x=50");
    EXPECT_TEXT(a, "50", "SELECT x FROM t");
    for (int mode = 0; mode < MODES; mode++) {
        RUN_SQL(a, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA d.journal_mode=%s; UPDATE t SET x=x+1; BEGIN; DELETE FROM t; ROLLBACK; UPDATE t SET x=x+1", journal_modes[mode]);
        EXPECT_CODE(b, SQLITE_BUSY, "UPDATE t SET x=0");
        RUN_SQL(a, "PRAGMA locking_mode=NORMAL; SELECT * FROM t");
        RUN_SQL(b, "UPDATE t SET x=x+1");
        integrity(a);
    }
    EXPECT_TEXT(a, "65", "SELECT x FROM t");
    RUN_SQL(a, "PRAGMA locking_mode=EXCLUSIVE; UPDATE t SET x=1");
    close_db(a); /* gives it up, too */
    RUN_SQL(b, "UPDATE t SET x=2");
    close_db(b);
    env_end(&e);
}

/* The lock, by which the VFS otherwise knows that a transaction has ended, stays. */
static void exclusive_locking_mode_after_an_error(void) {
    env e = env_new(0, 2 << 20);
    sqlite3 *db = open_exclusive(&e, "a");
    RUN_SQL(db, "CREATE TABLE d.t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES(1, 'one'); PRAGMA d.cache_size=10");
    uint64_t before = env_stats(&e).bytes;
    const char *fill = "WITH RECURSIVE c(i) AS (SELECT 2 UNION ALL SELECT i+1 FROM c WHERE i<%d) INSERT INTO t SELECT i, randomblob(1000) FROM c";
    EXPECT_CODE(db, SQLITE_FULL, fill, 5000);
    EXPECT_TEXT(db, "1", "SELECT count(*) FROM t");
    RUN_SQL(db, "BEGIN");
    RUN_SQL(db, fill, 500);
    RUN_SQL(db, "ROLLBACK");
    EXPECT_TEXT(db, "1", "SELECT count(*) FROM t");
    RUN_SQL(db, "INSERT INTO t VALUES(2, 'two')");
    EXPECT_TEXT(db, "one|two", "SELECT b FROM t");
    CHECK(env_stats(&e).bytes <= before + 8192); /* nothing is left of the one that failed, nor of the one that was rolled back */
    integrity(db);
    sqlite3 *other = open_on(&e, "a");
    EXPECT_TEXT(other, "2", "SELECT count(*) FROM t");
    EXPECT_CODE(other, SQLITE_BUSY, "INSERT INTO t VALUES(3, 'three')");
    close_db(other);
    close_db(db);
    env_end(&e);
}

/* Blocks larger than pages: a commit moves pages that an open cursor points into, to a copy of their block. */
static void cursors_over_large_blocks_keep_little(void) {
    env e = env_new(65536, 0);
    sqlite3 *db = open_on(&e, "a");
    RUN_SQL(db, "CREATE TABLE u(a INTEGER PRIMARY KEY, b); CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES(1, 0);"
                "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<3000) INSERT INTO u SELECT i, hex(randomblob(100)) FROM c");
    sqlite3_stmt *read = prepare(db, "SELECT a FROM u"), *write = prepare(db, "UPDATE t SET b=b+1 WHERE a=1");
    uint64_t versions = 0;
    while (sqlite3_step(read) == SQLITE_ROW) {
        CHECK_EQ(sqlite3_step(write), SQLITE_DONE);
        CHECK_EQ(sqlite3_reset(write), SQLITE_OK);
        if (env_stats(&e).versions > versions) versions = env_stats(&e).versions;
    }
    CHECK(versions < 10); /* as many as there are levels in a b-tree */
    CHECK_EQ(sqlite3_finalize(read), SQLITE_OK);
    CHECK_EQ(sqlite3_finalize(write), SQLITE_OK);
    CHECK_EQ(env_stats(&e).versions, 1);
    EXPECT_TEXT(db, "3000", "SELECT b FROM t");
    close_db(db);
    env_end(&e);
}

static bool keeps(env *e, sqlite3 *db, int rows) {
    uint64_t bytes = env_stats(e).bytes;
    RUN_SQL(db, "BEGIN; UPDATE t SET b=randomblob(2000) WHERE a<=%d", rows); /* two rows a page */
    bool kept = env_stats(e).bytes == bytes;
    RUN_SQL(db, "ROLLBACK");
    return kept;
}

static void a_transaction_keeps_what_it_changes_until_its_commit(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_on(&e, "a"), *other = open_on(&e, "a");
    RUN_SQL(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE TABLE n(x); INSERT INTO n VALUES(0);"
                "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<3000) INSERT INTO t SELECT i, zeroblob(2000) FROM c");
    CHECK(keeps(&e, db, 1600)); /* 3.2 MB */
    CHECK(!keeps(&e, db, 3000));
    CHECK(keeps(&e, db, 1600)); /* after a rollback, too */
    RUN_SQL(other, "UPDATE n SET x=x+1");
    CHECK(!keeps(&e, db, 1600));
    CHECK(keeps(&e, db, 700));
    RUN_SQL(db, "CREATE TABLE u(x)"); /* reads the schema anew */
    CHECK(!keeps(&e, db, 1600));
    for (int i = 0; i < 2000; i++) RUN_SQL(db, "UPDATE n SET x=x+1"); /* and no other */
    CHECK(keeps(&e, db, 1600));
    RUN_SQL(other, "UPDATE n SET x=x+1");
    CHECK(keeps(&e, db, 700));
    RUN_SQL(db, "PRAGMA cache_size=-4000"); /* who says how much has that */
    CHECK(keeps(&e, db, 1600));
    RUN_SQL(db, "PRAGMA cache_size=60");
    CHECK(!keeps(&e, db, 700));
    close_db(db);
    db = open_on(&e, "a");
    CHECK(keeps(&e, db, 700));
    RUN_SQL(other, "UPDATE n SET x=x+1");
    CHECK(keeps(&e, db, 700));
    RUN_SQL(db, "PRAGMA cache_spill=1000"); /* the cache has 4 MB again, and beyond it what was said */
    CHECK(keeps(&e, db, 1900));
    CHECK(!keeps(&e, db, 2300));
    close_db(db);
    close_db(other);
    env_end(&e);
}

/* Another connection gives the database its page size after this one was told how many pages to keep. */
static void a_transaction_keeps_no_more_when_pages_become_larger(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_on(&e, "a"), *other = open_on(&e, "a");
    RUN_SQL(db, "BEGIN IMMEDIATE; ROLLBACK");
    RUN_SQL(other, "PRAGMA page_size=65536; CREATE TABLE t(a INTEGER PRIMARY KEY, b)");
    uint64_t bytes = env_stats(&e).bytes;
    RUN_SQL(db, "BEGIN; INSERT INTO t VALUES(1, zeroblob(4000000))"); /* twice as much as is kept, and 62 pages */
    CHECK(env_stats(&e).bytes > bytes);
    RUN_SQL(db, "COMMIT");
    close_db(db);
    close_db(other);
    env_end(&e);
}

typedef struct interrupted {
    sqlite3 *db;
    atomic_bool done;
} interrupted;

static void *interrupt_until_done(void *arg) {
    interrupted *job = arg;
    while (!atomic_load(&job->done)) sqlite3_interrupt(job->db);
    return NULL;
}

/* ---- pages in place --------------------------------------------------------------------------------- */

static int fetches;
static int (*fetch)(sqlite3_file *, sqlite3_int64, int, void **);

static int counted_fetch(sqlite3_file *file, sqlite3_int64 offset, int n, void **page) {
    fetches++;
    return fetch(file, offset, n, page);
}

/* How often SQLite asks that database for a page while it runs that. */
static int fetches_by(sqlite3 *db, const char *schema, const char *sql) {
    static sqlite3_io_methods counting;
    sqlite3_file *file;
    REQUIRE_EQ(sqlite3_file_control(db, schema, SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
    const sqlite3_io_methods *methods = file->pMethods;
    counting = *methods;
    fetch = methods->xFetch;
    counting.xFetch = counted_fetch;
    file->pMethods = &counting;
    fetches = 0;
    RUN_SQL(db, "%s", sql);
    file->pMethods = methods;
    return fetches;
}

static int fetches_of(sqlite3 *db, const char *sql) {
    return fetches_by(db, "main", sql);
}

static void a_page_is_asked_for_once_as_long_as_the_version_is_the_same(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_on(&e, "a"), *other = open_on(&e, "a");
    RUN_SQL(other, "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE TABLE n(x); INSERT INTO n VALUES(0);" FILL "INSERT INTO t SELECT i, zeroblob(100) FROM n", 20000);
    const char *lookup = "SELECT b FROM t WHERE a=777", *twice = "SELECT * FROM t x JOIN t y ON y.a=x.a+1 WHERE x.a=777";
    CHECK(fetches_of(db, lookup) >= 2);
    CHECK_EQ(fetches_of(db, lookup), 0);
    CHECK(fetches_of(db, twice) > 0); /* two cursors on the same pages at a time */
    CHECK_EQ(fetches_of(db, lookup), 0);
    CHECK(fetches_of(db, "SELECT count(y.b) FROM t x JOIN t y ON y.a=1+x.a*7919%5000 WHERE x.a<=5000") < 1000); /* not one for each row */
    RUN_SQL(db, "BEGIN");
    CHECK_EQ(fetches_of(db, lookup), 0);
    RUN_SQL(other, "UPDATE n SET x=x+1");
    CHECK_EQ(fetches_of(db, lookup), 0); /* it still sees that version */
    RUN_SQL(db, "COMMIT");
    CHECK(fetches_of(db, lookup) >= 2);
    CHECK_EQ(fetches_of(db, lookup), 0);
    RUN_SQL(db, "UPDATE n SET x=x+1");
    CHECK(fetches_of(db, lookup) >= 2);
    RUN_SQL(db, "BEGIN IMMEDIATE");
    CHECK(fetches_of(db, lookup) > 0); /* as long as it may write */
    RUN_SQL(db, "ROLLBACK");
    CHECK_EQ(fetches_of(db, lookup), 0);
    RUN_SQL(db, "ATTACH 'a' AS d");
    CHECK(fetches_by(db, "d", "SELECT b FROM d.t WHERE a=777") >= 2);
    CHECK_EQ(fetches_by(db, "d", "SELECT b FROM d.t WHERE a=777"), 0);
    RUN_SQL(db, "PRAGMA cell_size_check=ON"); /* without hardening SQLite checks the pages each time */
    for (int i = 0; i < 2; i++) {
        CHECK(fetches_of(db, lookup) >= 2);
        CHECK(fetches_by(db, "d", "SELECT b FROM d.t WHERE a=777") >= 2);
    }
    RUN_SQL(db, "PRAGMA cell_size_check=OFF");
    RUN_SQL(db, "DETACH d");
    fetches_of(db, lookup);
    CHECK_EQ(fetches_of(db, lookup), 0);
    RUN_SQL(db, "PRAGMA mmap_size=0");
    CHECK_EQ(fetches_of(db, lookup), 0);
    RUN_SQL(db, "PRAGMA mmap_size=1000000000");
    fetches_of(db, lookup); /* SQLite has forgotten that it is to ask here first */
    CHECK_EQ(fetches_of(db, lookup), 0);
    fetches_of(db, "SELECT count(b) FROM t"); /* more pages than are kept */
    fetches_of(db, lookup);
    CHECK_EQ(fetches_of(db, lookup), 0);
    close_db(db);
    close_db(other);
    env_end(&e);
}

/* Each transaction of the other writer changes all rows, and moves some: within one of ours all rows must be of the same. */
static void pages_are_those_of_the_version_that_is_read(void) {
    static const char *const queries[] = {
        "SELECT g FROM t", "SELECT g FROM t ORDER BY p", "SELECT g FROM t WHERE k=1+abs(random()%900)", "SELECT y.g FROM t x JOIN t y ON y.k=x.k*31%900",
        "SELECT g FROM t WHERE p>randomblob(1) ORDER BY p", "SELECT max(g) FROM t UNION ALL SELECT min(g) FROM t",
    };
    enum { QUERIES = sizeof queries / sizeof *queries, STEPS = 4000 };
    static const struct { uint32_t page, block; } sizes[] = {{4096, 0}, {512, 0}, {512, 4096}, {4096, 512}, {1024, 0}};
    for (uint64_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        env e = env_new(sizes[at].block, 0);
        uint64_t seed = at + 1;
        check_context("page %u, block %u, seed %d", sizes[at].page, sizes[at].block, (int)seed);
        sqlite3 *db = open_on(&e, "a"), *other = open_on(&e, "a");
        RUN_SQL(other, "PRAGMA page_size=%u; PRAGMA auto_vacuum=%d; CREATE TABLE t(k INTEGER PRIMARY KEY, g, p); CREATE INDEX i ON t(p, g); CREATE TABLE own(x);", sizes[at].page, at % 2);
        RUN_SQL(other, FILL "INSERT INTO t SELECT i, 0, randomblob(abs(random()%%150)) FROM n", 900);
        sqlite3_stmt *open[QUERIES];
        for (int i = 0; i < QUERIES; i++) open[i] = prepare(db, queries[i]);
        int64_t g = 0, seen = 0, rows = 0;
        for (int step = 0; step < STEPS; step++) {
            sqlite3_stmt *stmt = open[check_random(&seed) % QUERIES];
            uint64_t what = check_random(&seed) % 40;
            if (what == 0 && sqlite3_get_autocommit(other)) {
                int rc = sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL);
                if (rc) continue; /* we write */
                RUN_SQL(other, "DELETE FROM t WHERE k%%%d=0; INSERT OR REPLACE INTO t SELECT 1+abs(random()%%900), 0, randomblob(abs(random()%%150)) FROM t LIMIT 50", (int)(2 + check_random(&seed) % 20));
                RUN_SQL(other, "UPDATE t SET g=%d; COMMIT", (int)++g);
            } else if (what == 1) {
                sqlite3_exec(db, sqlite3_get_autocommit(db) ? "BEGIN" : check_random(&seed) % 2 ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL);
            } else if (what == 2) {
                sqlite3_exec(db, "INSERT INTO own VALUES(randomblob(700)); DELETE FROM own WHERE random()%3=0", NULL, NULL, NULL); /* busy if another came first */
            } else if (what < 5) {
                sqlite3_reset(stmt);
            } else {
                int read = sqlite3_txn_state(db, "main");
                int rc = sqlite3_step(stmt);
                if (rc == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
                    if (read == SQLITE_TXN_NONE) seen = sqlite3_column_int64(stmt, 0);
                    CHECK_EQ(sqlite3_column_int64(stmt, 0), seen);
                    rows++;
                } else if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
                    CHECK_EQ(sqlite3_reset(stmt) & 0xff, SQLITE_ABORT); /* ROLLBACK */
                }
                if (read == SQLITE_TXN_NONE && rc != SQLITE_ROW && sqlite3_txn_state(db, "main") != SQLITE_TXN_NONE) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* nothing was seen in it */
            }
            if (sqlite3_txn_state(db, "main") == SQLITE_TXN_WRITE && check_random(&seed) % 8 == 0) sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        }
        CHECK(g > 10 && rows > STEPS / 4);
        for (int i = 0; i < QUERIES; i++) sqlite3_finalize(open[i]);
        if (!sqlite3_get_autocommit(db)) RUN_SQL(db, "ROLLBACK");
        integrity(db);
        close_db(db);
        close_db(other);
        env_end(&e);
    }
}

static void an_interrupt_ends_the_wait_for_a_writer(void) {
    env e = env_new(0, 0);
    sqlite3 *writer = open_on(&e, "a");
    interrupted job = {.db = open_on(&e, "a")};
    RUN_SQL(writer, "CREATE TABLE t(a); BEGIN IMMEDIATE");
    sqlite3_busy_timeout(job.db, 3600000);
    pthread_t thread;
    REQUIRE_EQ(pthread_create(&thread, NULL, interrupt_until_done, &job), 0);
    EXPECT_CODE(job.db, SQLITE_INTERRUPT, "INSERT INTO t VALUES(1)");
    atomic_store(&job.done, true);
    pthread_join(thread, NULL);
    RUN_SQL(writer, "COMMIT");
    RUN_SQL(job.db, "INSERT INTO t VALUES(1)");
    close_db(job.db);
    close_db(writer);
    env_end(&e);
}

static void write_ahead_mode_changes_nothing(void) {
    for (int exclusive = 0; exclusive < 2; exclusive++) {
        for (int mode = 0; mode < MODES; mode++) {
            check_context("exclusive %d, journal_mode %s", exclusive, journal_modes[mode]);
            env e = env_new(0, 0);
            sqlite3 *a = open_on(&e, "a");
            if (exclusive)
                RUN_SQL(a, "PRAGMA locking_mode=EXCLUSIVE");
            RUN_SQL(a, "PRAGMA journal_mode=%s", journal_modes[mode]);
            for (int filled = 0; filled < 2; filled++) {
                EXPECT_TEXT(a, journal_modes[mode], "PRAGMA journal_mode=WAL");
                EXPECT_TEXT(a, journal_modes[mode], "PRAGMA main.journal_mode='wal'");
                EXPECT_TEXT(a, journal_modes[mode], "PRAGMA journal_mode");
                RUN_SQL(a, "CREATE TABLE IF NOT EXISTS t(x); INSERT INTO t VALUES(1)");
            }
            RUN_SQL(a, "PRAGMA wal_checkpoint; PRAGMA wal_autocheckpoint=10");
            integrity(a);
            size_t n;
            uint8_t *bytes = stored_bytes(&e, "a", &n);
            CHECK_EQ(bytes[18], 1);
            CHECK_EQ(bytes[19], 1);
            free(bytes);
            close_db(a);
            env_end(&e);
        }
    }
    check_context("%s", "");
}

static void other_pragmas_and_controls(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a");
    RUN_SQL(a, "PRAGMA synchronous=OFF; CREATE TABLE t(x); INSERT INTO t VALUES(1); PRAGMA synchronous=EXTRA; INSERT INTO t VALUES(2)");
    char *name = NULL;
    CHECK_EQ(sqlite3_file_control(a, "main", SQLITE_FCNTL_VFSNAME, &name), SQLITE_OK);
    CHECK_STR(name, e.name);
    sqlite3_free(name);
    int state = -1, moved = -1;
    CHECK_EQ(sqlite3_file_control(a, "main", SQLITE_FCNTL_LOCKSTATE, &state), SQLITE_OK);
    CHECK_EQ(state, 0);
    RUN_SQL(a, "BEGIN; SELECT * FROM t");
    CHECK_EQ(sqlite3_file_control(a, "main", SQLITE_FCNTL_LOCKSTATE, &state), SQLITE_OK);
    CHECK_EQ(state, 1);
    RUN_SQL(a, "COMMIT");
    CHECK_EQ(sqlite3_file_control(a, "main", SQLITE_FCNTL_HAS_MOVED, &moved), SQLITE_OK);
    CHECK_EQ(moved, 0);
    sqlite3_int64 hint = 1 << 20;
    sqlite3_file_control(a, "main", SQLITE_FCNTL_SIZE_HINT, &hint);
    int chunk = 1 << 16;
    sqlite3_file_control(a, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
    RUN_SQL(a, "INSERT INTO t VALUES(3)");
    unsigned version = 0, later = 0; /* data_version tells of other connections' commits only */
    sqlite3_file_control(a, "main", SQLITE_FCNTL_DATA_VERSION, &version);
    sqlite3 *b = open_on(&e, "a");
    int64_t pragma_before = number(a, "PRAGMA data_version");
    RUN_SQL(b, "INSERT INTO t VALUES(4)");
    CHECK(number(a, "PRAGMA data_version") != pragma_before);
    sqlite3_file_control(a, "main", SQLITE_FCNTL_DATA_VERSION, &later);
    CHECK(version != later);
    for (int64_t mmap = 0; mmap <= 1 << 20; mmap += 1 << 19) { /* with and without pages that are pointed into */
        RUN_SQL(a, "PRAGMA mmap_size=%lld", (long long)mmap);
        EXPECT_TEXT(a, "10", "SELECT sum(x) FROM t");
        RUN_SQL(a, "INSERT INTO t VALUES(0)");
    }
    RUN_SQL(a, "PRAGMA user_version=77; PRAGMA application_id=78");
    EXPECT_TEXT(b, "77", "PRAGMA user_version");
    RUN_SQL(a, "PRAGMA optimize; ANALYZE; REINDEX");
    integrity(b);
    close_db(a);
    close_db(b);
    env_end(&e);
}

static void vacuum_with_another_page_size_is_whole(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a");
    RUN_SQL(a, "CREATE TABLE t(x); " FILL "INSERT INTO t SELECT hex(zeroblob(i)) FROM n", 300);
    for (uint32_t page = 512; page <= 65536; page *= 4) {
        RUN_SQL(a, "PRAGMA page_size=%u; PRAGMA auto_vacuum=%d; VACUUM", page, page == 2048);
        EXPECT_TEXT(b, "300", "SELECT count(*) FROM t");
        integrity(a);
        integrity(b);
        CHECK_EQ(stored_size(&e, "a"), number(b, "PRAGMA page_count") * number(b, "PRAGMA page_size"));
    }
    close_db(a);
    close_db(b);
    env_end(&e);
}

/* ---- several databases -------------------------------------------------------------------------------- */

static void attached_databases_commit_together(void) {
    for (int mode = 0; mode < MODES; mode++) {
        check_context("journal_mode %s", journal_modes[mode]);
        env e = env_new(0, 0), f = env_new(512, 0);
        sqlite3 *db = open_on(&e, "one"), *two = open_on(&e, "two"), *three = open_on(&f, "three");
        RUN_SQL(db, "ATTACH 'two' AS two");
        RUN_SQL(db, "ATTACH 'file:three?vfs=%s' AS three", f.name);
        RUN_SQL(db, "PRAGMA main.journal_mode=%s; PRAGMA two.journal_mode=%s; PRAGMA three.journal_mode=%s", journal_modes[mode], journal_modes[mode], journal_modes[mode]);
        RUN_SQL(db, "CREATE TABLE t(x); CREATE TABLE two.t2(x); CREATE TABLE three.t3(x)");
        RUN_SQL(db, "BEGIN; INSERT INTO t VALUES(1); INSERT INTO t2 SELECT x+1 FROM t; INSERT INTO t3 SELECT x+1 FROM t2");
        EXPECT_TEXT(two, "0", "SELECT count(*) FROM t2");
        EXPECT_TEXT(three, "0", "SELECT count(*) FROM t3");
        RUN_SQL(db, "COMMIT");
        EXPECT_TEXT(two, "2", "SELECT x FROM t2");
        EXPECT_TEXT(three, "3", "SELECT x FROM t3");
        RUN_SQL(db, "BEGIN; DELETE FROM t; DELETE FROM t2; DELETE FROM t3; ROLLBACK");
        EXPECT_TEXT(db, "1,2,3", "SELECT t.x, t2.x, t3.x FROM t, t2, t3");
        /* One that is busy leaves the others as they were. */
        RUN_SQL(two, "BEGIN IMMEDIATE");
        RUN_SQL(db, "BEGIN; UPDATE t SET x=9");
        EXPECT_CODE(db, SQLITE_BUSY, "UPDATE t2 SET x=9");
        RUN_SQL(db, "ROLLBACK");
        RUN_SQL(two, "ROLLBACK");
        EXPECT_TEXT(db, "1,2,3", "SELECT t.x, t2.x, t3.x FROM t, t2, t3");
        /* The same database twice: it is busy with itself, not broken. */
        RUN_SQL(db, "ATTACH 'one' AS again");
        EXPECT_TEXT(db, "1", "SELECT x FROM again.t");
        RUN_SQL(db, "BEGIN; UPDATE main.t SET x=5");
        EXPECT_CODE(db, SQLITE_BUSY, "UPDATE again.t SET x=6");
        RUN_SQL(db, "ROLLBACK; DETACH again");
        /* A vfs that attaches SQLite's own memory, and the other way round. */
        RUN_SQL(db, "ATTACH ':memory:' AS m; CREATE TABLE m.c AS SELECT * FROM t; INSERT INTO t SELECT x+10 FROM m.c; DETACH m");
        EXPECT_TEXT(db, "1|11", "SELECT x FROM t");
        integrity(db);
        close_db(db);
        close_db(two);
        close_db(three);
        env_end(&e);
        env_end(&f);
    }
    check_context("%s", "");
}

static void each_vfs_has_its_own_names(void) {
    env e = env_new(0, 0), f = env_new(0, 0);
    sqlite3 *a = open_on(&e, "same"), *b = open_on(&f, "same");
    RUN_SQL(a, "CREATE TABLE t AS SELECT 1 AS x");
    RUN_SQL(b, "CREATE TABLE t AS SELECT 2 AS x");
    EXPECT_TEXT(a, "1", "SELECT x FROM t");
    EXPECT_TEXT(b, "2", "SELECT x FROM t");
    close_db(a);
    close_db(b);
    env_end(&e);
    env_end(&f);
}

static void a_deleted_database_stays_for_its_connections(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a");
    RUN_SQL(a, "CREATE TABLE t(x); INSERT INTO t VALUES(1)");
    RUN_SQL(b, "BEGIN; SELECT * FROM t");
    RUN_SQL(a, "BEGIN; INSERT INTO t VALUES(2)");
    CHECK_EQ(mv_store_delete(e.store, "a", 1), MV_OK);
    RUN_SQL(a, "COMMIT");
    EXPECT_TEXT(b, "1", "SELECT x FROM t");
    RUN_SQL(b, "COMMIT");
    EXPECT_TEXT(b, "1|2", "SELECT x FROM t");
    RUN_SQL(b, "INSERT INTO t VALUES(3); VACUUM");
    EXPECT_TEXT(a, "1|2|3", "SELECT x FROM t");
    sqlite3 *none = NULL;
    CHECK_EQ(try_open(&e, "a", SQLITE_OPEN_READWRITE, &none), SQLITE_CANTOPEN);
    sqlite3 *c = open_on(&e, "a");
    EXPECT_CODE(c, SQLITE_ERROR, "SELECT * FROM t");
    RUN_SQL(c, "CREATE TABLE t(x)");
    EXPECT_TEXT(a, "1|2|3", "SELECT x FROM t");
    integrity(a);
    close_db(a);
    close_db(b);
    RUN_SQL(c, "INSERT INTO t VALUES(9)");
    close_db(c);
    env_end(&e);
}

/* ---- replaced content ----------------------------------------------------------------------------------- */

/* Change counter, pages, freelist, schema cookie, and the counter again: all that a connection looks at. */
static void copy_marks(uint8_t *to, const uint8_t *from) {
    memcpy(to + 24, from + 24, 20);
    memcpy(to + 92, from + 92, 4);
}

static void replaced_content_is_seen_though_it_looks_the_same(void) {
    static const uint32_t sizes[][2] = {{4096, 0}, {512, 0}, {65536, 0}, {4096, 512}, {512, 65536}, {1024, 4096}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (int exclusive_read = 0; exclusive_read < 2; exclusive_read++) {
            check_context("page size %u, block size %u, read before %d", sizes[s][0], sizes[s][1], exclusive_read);
            char sql[300];
            size_t n1, n2;
            snprintf(sql, sizeof sql, "PRAGMA page_size=%u; CREATE TABLE t(x, y); INSERT INTO t VALUES('one', 1)", sizes[s][0]);
            uint8_t *first = make_file(sql, &n1);
            snprintf(sql, sizeof sql, "PRAGMA page_size=%u; CREATE TABLE t(a, x, b); INSERT INTO t VALUES(5, 'two', 6)", sizes[s][0]);
            uint8_t *second = make_file(sql, &n2);
            REQUIRE_EQ(n1, n2);
            copy_marks(second, first);
            env e = env_new(sizes[s][1], 0);
            CHECK_EQ(replace(&e, "a", first, n1, 0), MV_OK);
            sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a"), *late;
            sqlite3_stmt *stmt = prepare(a, "SELECT x FROM t");
            CHECK_EQ(sqlite3_step(stmt), SQLITE_ROW);
            CHECK_STR((const char *)sqlite3_column_text(stmt, 0), "one");
            sqlite3_reset(stmt);
            RUN_SQL(b, "BEGIN");
            EXPECT_TEXT(b, "one,1", "SELECT * FROM t");

            CHECK_EQ(replace(&e, "a", second, n2, 0), MV_OK);
            EXPECT_TEXT(b, "one,1", "SELECT * FROM t"); /* its transaction goes on */
            CHECK_EQ(sqlite3_step(stmt), SQLITE_ROW);
            CHECK_STR((const char *)sqlite3_column_text(stmt, 0), "two");
            sqlite3_reset(stmt);
            if (exclusive_read)
                EXPECT_TEXT(a, "5,two,6", "SELECT * FROM t");
            EXPECT_CODE(b, SQLITE_BUSY_SNAPSHOT, "INSERT INTO t VALUES(1, 2)");
            RUN_SQL(b, "COMMIT");
            EXPECT_TEXT(b, "5,two,6", "SELECT * FROM t");

            /* Changes through the open connections, and the cookie as others see it. */
            RUN_SQL(a, "INSERT INTO t VALUES(7, 'three', 8)");
            RUN_SQL(a, "CREATE TABLE u(z); INSERT INTO u VALUES(1)");
            EXPECT_TEXT(b, "1", "SELECT z FROM u");
            RUN_SQL(b, "ALTER TABLE u ADD COLUMN w DEFAULT 4; INSERT INTO u VALUES(2, 3)");
            late = open_on(&e, "a");
            EXPECT_TEXT(late, "1,4|2,3", "SELECT * FROM u");
            EXPECT_TEXT(a, "1,4|2,3", "SELECT * FROM u");
            CHECK_EQ(sqlite3_step(stmt), SQLITE_ROW);
            sqlite3_reset(stmt);
            RUN_SQL(late, "CREATE INDEX i ON t(x); DROP TABLE u");
            EXPECT_CODE(a, SQLITE_ERROR, "SELECT * FROM u");
            EXPECT_CODE(b, SQLITE_ERROR, "SELECT * FROM u");
            integrity(a);
            integrity(b);
            integrity(late);
            RUN_SQL(a, "VACUUM");
            EXPECT_TEXT(late, "2", "SELECT count(*) FROM t");
            RUN_SQL(a, "BEGIN; CREATE TABLE gone(x); DELETE FROM t; ROLLBACK");
            EXPECT_TEXT(b, "2", "SELECT count(*) FROM t");

            /* There and back, again and again, with nothing between. */
            for (int i = 0; i < 6; i++) {
                CHECK_EQ(replace(&e, "a", i % 2 ? first : second, n1, 0), MV_OK);
                if (i % 3)
                    EXPECT_TEXT(a, i % 2 ? "one,1" : "5,two,6", "SELECT * FROM t");
                CHECK_EQ(sqlite3_step(stmt), SQLITE_ROW);
                CHECK_STR((const char *)sqlite3_column_text(stmt, 0), i % 2 ? "one" : "two");
                sqlite3_reset(stmt);
                if (i == 4) { /* write first, read later */
                    RUN_SQL(b, "UPDATE t SET x=upper(x)");
                    EXPECT_TEXT(a, "TWO", "SELECT x FROM t");
                }
            }
            RUN_SQL(a, "CREATE TABLE v(x)");
            integrity(b);
            EXPECT_TEXT(late, "0", "SELECT count(*) FROM v");
            sqlite3_finalize(stmt);
            close_db(a);
            close_db(b);
            close_db(late);
            /* What is stored is what another SQLite accepts. */
            size_t n;
            uint8_t *bytes = stored_bytes(&e, "a", &n);
            sqlite3 *other;
            REQUIRE_EQ(sqlite3_open(":memory:", &other), SQLITE_OK);
            CHECK_EQ(sqlite3_deserialize(other, "main", bytes, (sqlite3_int64)n, (sqlite3_int64)n, SQLITE_DESERIALIZE_READONLY), SQLITE_OK);
            integrity(other);
            EXPECT_TEXT(other, "0", "SELECT count(*) FROM v");
            close_db(other);
            free(bytes);
            sqlite3_free(first);
            sqlite3_free(second);
            env_end(&e);
        }
    }
    check_context("%s", "");
}

/* An empty file has no marks: a pager that has seen one has its first page, and still the marks of what was there before. */
static void replaced_by_nothing_and_back(void) {
    for (int write = 0; write < 3; write++) {
        check_context("write %d", write);
        size_t n;
        uint8_t *bytes = make_file("CREATE TABLE t(x); INSERT INTO t VALUES(1)", &n);
        env e = env_new(0, 0);
        CHECK_EQ(replace(&e, "a", bytes, n, 0), MV_OK);
        sqlite3 *db = open_on(&e, "a");
        EXPECT_TEXT(db, "1", "SELECT x FROM t");
        for (int i = 0; i < 4; i++) {
            CHECK_EQ(replace(&e, "a", NULL, 0, 0), MV_OK);
            EXPECT_TEXT(db, "0", "SELECT count(*) FROM sqlite_schema");
            if (write == 1) RUN_SQL(db, "BEGIN; CREATE TABLE u(y); ROLLBACK");
            if (write == 2) RUN_SQL(db, "BEGIN IMMEDIATE; COMMIT");
            CHECK_EQ(replace(&e, "a", bytes, n, 0), MV_OK);
            EXPECT_TEXT(db, "1", "SELECT x FROM t");
            integrity(db);
        }
        RUN_SQL(db, "INSERT INTO t VALUES(2)");
        EXPECT_TEXT(db, "1|2", "SELECT x FROM t");
        sqlite3_free(bytes);
        close_db(db);
        env_end(&e);
    }
    check_context("%s", "");
}

static void replaced_by_another_page_size(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a");
    RUN_SQL(a, "CREATE TABLE t(x); INSERT INTO t VALUES(0)");
    sqlite3_stmt *stmt = prepare(b, "SELECT x FROM t");
    for (int i = 1; i < 30; i++) {
        uint32_t page = 512u << i * 5 % 8;
        check_context("replacement %d, page size %u", i, page);
        char sql[200];
        snprintf(sql, sizeof sql, "PRAGMA page_size=%u; CREATE TABLE t(x); INSERT INTO t VALUES(%d)", page, i);
        size_t n;
        uint8_t *bytes = make_file(sql, &n);
        CHECK_EQ(replace(&e, "a", bytes, n, 0), MV_OK);
        sqlite3_free(bytes);
        CHECK_EQ(sqlite3_step(stmt), SQLITE_ROW);
        CHECK_EQ(sqlite3_column_int(stmt, 0), i);
        sqlite3_reset(stmt);
        if (i % 3 == 0) {
            RUN_SQL(a, "UPDATE t SET x=x+1000");
            CHECK_EQ(number(b, "SELECT x FROM t"), i + 1000);
        }
        integrity(a); /* first, since the pragma reads nothing */
        CHECK_EQ(number(a, "PRAGMA page_size"), page);
    }
    CHECK_EQ(replace(&e, "a", (const uint8_t *)"", 0, 0), MV_OK); /* an empty one */
    EXPECT_CODE(a, SQLITE_ERROR, "SELECT * FROM t");
    CHECK_EQ(sqlite3_step(stmt), SQLITE_ERROR);
    sqlite3_finalize(stmt);
    RUN_SQL(a, "CREATE TABLE t(x)");
    EXPECT_TEXT(b, "0", "SELECT count(*) FROM t");
    integrity(b);
    close_db(a);
    close_db(b);
    env_end(&e);
    check_context("%s", "");
}

/* The bytes of a database that this SQL makes. For sqlite3_free. */
static uint8_t *made_by(const char *sql, size_t *n) {
    sqlite3 *db;
    REQUIRE_EQ(sqlite3_open(":memory:", &db), SQLITE_OK);
    RUN_SQL(db, "%s", sql);
    sqlite3_int64 size;
    uint8_t *bytes = sqlite3_serialize(db, "main", &size, 0);
    REQUIRE(bytes);
    close_db(db);
    *n = (size_t)size;
    return bytes;
}

static void replace_by(env *e, const char *name, const char *sql) {
    size_t n;
    uint8_t *bytes = made_by(sql, &n);
    CHECK_EQ(replace(e, name, bytes, n, 0), MV_OK);
    sqlite3_free(bytes);
}

/* Runs SQL as Java does it. */
static int call(sqlite3 *db, const char *sql) {
    mv_limits limits;
    int rc = mv_engine_enter(db, &limits);
    if (rc == SQLITE_OK) rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return mv_engine_leave(db, &limits, rc == SQLITE_OK ? rc : sqlite3_extended_errcode(db));
}

static void expect_in_call(sqlite3 *db, const char *text, const char *sql) {
    mv_limits limits;
    CHECK_EQ(mv_engine_enter(db, &limits), SQLITE_OK);
    EXPECT_TEXT(db, text, "%s", sql);
    CHECK_EQ(mv_engine_leave(db, &limits, SQLITE_OK), SQLITE_OK);
}

/* Runs a query to its end as one whose rows are read ahead: the program is still on one of them. */
static void read_ahead(sqlite3 *db, const char *sql) {
    sqlite3_stmt *stmt = prepare(db, sql);
    mv_limits limits;
    CHECK_EQ(mv_engine_enter(db, &limits), SQLITE_OK);
    CHECK_EQ(sqlite3_step(stmt), SQLITE_ROW);
    CHECK(mv_engine_hold_rows(db));
    while (sqlite3_step(stmt) == SQLITE_ROW) continue;
    CHECK_EQ(mv_engine_leave(db, &limits, SQLITE_OK), SQLITE_OK);
    CHECK_EQ(mv_engine_end(stmt, sqlite3_finalize), SQLITE_OK);
}

/* SQLite has ended the read transaction, but to the program it goes on: all that it could see if it did, it sees. */
static void held_rows_keep_the_read_transaction(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a");
    REQUIRE_EQ(mv_engine_guard(a), SQLITE_OK);
    RUN_SQL(b, "CREATE TABLE t(x); INSERT INTO t VALUES(1)");
    sqlite3 *other = open_on(&e, "other");
    RUN_SQL(other, "CREATE TABLE u(y); INSERT INTO u VALUES(1)");
    RUN_SQL(a, "ATTACH 'other' AS other");
    sqlite3_busy_timeout(a, 60000);
    CHECK_EQ(env_stats(&e).pins, 0);

    read_ahead(a, "SELECT x FROM t, u");
    CHECK_EQ(env_stats(&e).pins, 2);
    RUN_SQL(b, "UPDATE t SET x=2");
    RUN_SQL(other, "UPDATE u SET y=2");
    CHECK_EQ(env_stats(&e).versions, 4);
    expect_in_call(a, "1", "SELECT x FROM t");
    expect_in_call(a, "1", "SELECT y FROM u");
    int64_t from = mv_now_usec();
    CHECK_EQ(call(a, "UPDATE t SET x=x+10"), SQLITE_BUSY_SNAPSHOT);
    CHECK_EQ(call(a, "BEGIN IMMEDIATE"), SQLITE_BUSY_SNAPSHOT);
    RUN_SQL(b, "BEGIN IMMEDIATE");
    CHECK_EQ(call(a, "UPDATE t SET x=x+10") & 0xff, SQLITE_BUSY);
    RUN_SQL(b, "COMMIT");
    CHECK(mv_now_usec() - from < 30 * 1000000); /* it has not waited */
    expect_in_call(a, "1", "SELECT x FROM t");
    mv_engine_release_rows(a);
    expect_in_call(a, "2", "SELECT x FROM t");
    CHECK_EQ(env_stats(&e).pins, 0);
    CHECK_EQ(env_stats(&e).versions, 2);
    CHECK_EQ(call(a, "UPDATE t SET x=x+10"), SQLITE_OK);

    /* Its own commits are no news to it, and what it sees next. */
    read_ahead(a, "SELECT x FROM t");
    CHECK_EQ(call(a, "UPDATE t SET x=x+10"), SQLITE_OK);
    CHECK_EQ(call(a, "UPDATE t SET x=x+10"), SQLITE_OK);
    expect_in_call(a, "32", "SELECT x FROM t");
    RUN_SQL(b, "UPDATE t SET x=3");
    expect_in_call(a, "32", "SELECT x FROM t");
    mv_engine_release_rows(a);
    expect_in_call(a, "3", "SELECT x FROM t");

    /* A transaction goes on with the version of the rows, also when they are left. */
    read_ahead(a, "SELECT x FROM t");
    CHECK_EQ(call(a, "BEGIN"), SQLITE_OK);
    mv_engine_release_rows(a);
    RUN_SQL(b, "UPDATE t SET x=33");
    expect_in_call(a, "3", "SELECT x FROM t");
    CHECK_EQ(call(a, "UPDATE t SET x=x+10"), SQLITE_BUSY_SNAPSHOT);
    CHECK_EQ(call(a, "COMMIT"), SQLITE_OK);
    RUN_SQL(b, "UPDATE t SET x=3");

    /* Rows of one database keep nothing of another that is not read meanwhile, also when its schema is. */
    read_ahead(a, "SELECT x FROM t");
    RUN_SQL(other, "UPDATE u SET y=3; CREATE TABLE v(z)");
    mv_limits limits;
    sqlite3_stmt *none;
    CHECK_EQ(mv_engine_enter(a, &limits), SQLITE_OK);
    CHECK_EQ(mv_engine_prepare(a, "SELECT nosuch FROM v", -1, &none, NULL), SQLITE_ERROR);
    CHECK_EQ(mv_engine_leave(a, &limits, SQLITE_OK), SQLITE_OK);
    CHECK_EQ(env_stats(&e).pins, 1);
    RUN_SQL(other, "UPDATE u SET y=4");
    expect_in_call(a, "4", "SELECT y FROM u");
    CHECK_EQ(env_stats(&e).pins, 2);
    mv_engine_release_rows(a);
    CHECK_EQ(env_stats(&e).pins, 0);

    /* What SQLite refuses while a query runs. */
    read_ahead(a, "SELECT x FROM t, u");
    CHECK_EQ(call(a, "DROP TABLE t"), SQLITE_LOCKED);
    CHECK_EQ(call(a, "VACUUM"), SQLITE_ERROR);
    CHECK_EQ(call(a, "DETACH other"), SQLITE_ERROR);

    /* Other content, a name that is deleted. */
    replace_by(&e, "a", "CREATE TABLE t(x); INSERT INTO t VALUES(4)");
    expect_in_call(a, "3", "SELECT x FROM t");
    CHECK_EQ(mv_store_delete(e.store, "other", 5), MV_OK);
    RUN_SQL(other, "UPDATE u SET y=5");
    expect_in_call(a, "4", "SELECT y FROM u");
    mv_engine_release_rows(a);
    CHECK_EQ(call(a, "DETACH other"), SQLITE_OK);
    expect_in_call(a, "4", "SELECT x FROM t");

    /* The connection goes while rows are held, at once or when its last statement does: the number goes first. */
    for (int late = 0; late < 2; late++) {
        read_ahead(a, "SELECT x FROM t");
        sqlite3_stmt *last = late ? prepare(a, "SELECT x FROM t") : NULL;
        CHECK_EQ(sqlite3_close_v2(a), SQLITE_OK);
        RUN_SQL(b, "UPDATE t SET x=x+1");
        if (last) CHECK_EQ(sqlite3_step(last), SQLITE_ROW);
        RUN_SQL(b, "UPDATE t SET x=x+1");
        sqlite3_finalize(last);
        CHECK_EQ(env_stats(&e).pins, 0);
        a = open_on(&e, "a");
        REQUIRE_EQ(mv_engine_guard(a), SQLITE_OK);
    }
    close_db(a);
    close_db(b);
    close_db(other);
    env_end(&e);
}

/* ---- what a next SQLite may lack ---- */

static const sqlite3_io_methods *heard_methods;
static int heard_writes;

static int hear_control(sqlite3_file *file, int op, void *arg) {
    if (op == SQLITE_FCNTL_PRAGMA) heard_writes += strcmp(((char **)arg)[1], "experimental_pragma_20251114") == 0;
    return heard_methods->xFileControl(file, op, arg);
}

/* All else works without it, but writers then wait long, and are refused though nobody was in their way. */
static void sqlite_says_that_a_write_follows(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_on(&e, "a");
    RUN_SQL(db, "CREATE TABLE t(x)");
    sqlite3_file *file = NULL;
    REQUIRE_EQ(sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
    heard_methods = file->pMethods;
    sqlite3_io_methods hearing = *heard_methods;
    hearing.xFileControl = hear_control;
    file->pMethods = &hearing;
    static const struct {
        const char *sql;
        int writes;
    } cases[] = {{"SELECT count(*) FROM t", 0}, {"INSERT INTO t VALUES (1)", 1}, {"BEGIN IMMEDIATE; COMMIT", 1}, {"BEGIN; INSERT INTO t VALUES (1); COMMIT", 1},
        {"BEGIN; SELECT count(*) FROM t; INSERT INTO t VALUES (1); COMMIT", 0}, {"BEGIN EXCLUSIVE; COMMIT", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heard_writes = 0;
        RUN_SQL(db, "%s", cases[i].sql);
        check_context("%s", cases[i].sql);
        CHECK_EQ(heard_writes, cases[i].writes);
    }
    file->pMethods = heard_methods;
    close_db(db);
    env_end(&e);
}

/* FTS5's cursors point into memory that ROLLBACK frees. Rows that were there before and after are all found, once. */
static void match_goes_on_after_rollback(void) {
    static const char *const queries[] = {"SELECT rowid, x, bm25(f) FROM f WHERE f MATCH 'hello'", "SELECT rowid, x FROM f WHERE f MATCH 'hel*'",
        "SELECT rowid, x FROM f WHERE f MATCH 'hello' ORDER BY rank", "SELECT rowid, x FROM f WHERE f MATCH 'hello AND wor*' ORDER BY rowid DESC"};
    static const char *const ends[] = {"ROLLBACK", "ROLLBACK TO s", "INSERT OR ROLLBACK INTO u VALUES (1)"};
    env e = env_new(0, 0);
    sqlite3 *db = open_on(&e, "a");
    REQUIRE_EQ(mv_engine_guard(db), SQLITE_OK);
    RUN_SQL(db, "CREATE VIRTUAL TABLE f USING fts5(x); CREATE TABLE u(k UNIQUE); INSERT INTO u VALUES (1); INSERT INTO f(f, rank) VALUES ('pgsz', 64);"
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO f SELECT 'hello world ' || i FROM n");
    for (size_t q = 0; q < sizeof queries / sizeof *queries; q++)
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
            for (int steps = 0; steps < 3; steps++) {
                check_context("%s, %s after %d", queries[q], ends[i], steps);
                sqlite3_stmt *stmt = prepare(db, queries[q]);
                int rc = sqlite3_step(stmt), rows = 1;
                RUN_SQL(db, "BEGIN; SAVEPOINT s; INSERT INTO f(rowid, x) SELECT 1000 + value, 'hello world again' FROM json_each('[1,2,3,4,5,6,7]')");
                for (int k = 0; k < steps && rc == SQLITE_ROW; k++, rows++) rc = sqlite3_step(stmt);
                CHECK_EQ(sqlite3_exec(db, ends[i], NULL, NULL, NULL), i == 2 ? SQLITE_CONSTRAINT_UNIQUE : SQLITE_OK);
                while (rows < 1000 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
                    CHECK(sqlite3_column_int(stmt, 0) <= 300);
                    rows++;
                }
                CHECK_EQ(rc, SQLITE_DONE);
                CHECK_EQ(rows, 300);
                sqlite3_finalize(stmt);
                if (!sqlite3_get_autocommit(db)) RUN_SQL(db, "ROLLBACK");
            }
    integrity(db);
    close_db(db);
    env_end(&e);
}

/* SQLite looks at the progress handler also when a statement is done, and would then say SQLITE_INTERRUPT of what is
 * committed. */
static void a_timer_ends_no_statement_that_is_done(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_on(&e, "a");
    mv_timer *timer = mv_engine_new_timer(db);
    REQUIRE(timer);
    RUN_SQL(db, "CREATE TABLE t(x)");
    sqlite3_stmt *insert = prepare(db, "INSERT INTO t VALUES (1)");
    for (int by_thread = 0; by_thread < 2; by_thread++) {
        int done = 0, ended = 0;
        for (int i = 0; i < 5000; i++) { /* its steps add up, so that it is looked at in each of its places */
            mv_engine_start_timer(timer, insert, by_thread ? INT64_MAX : 0);
            mv_engine_set_looks_left(timer, by_thread ? 0 : -1);
            int rc = sqlite3_step(insert);
            if (rc == SQLITE_DONE) done++;
            else if (rc == SQLITE_INTERRUPT) ended++;
            else CHECK_EQ(rc, SQLITE_DONE);
            sqlite3_reset(insert);
        }
        mv_engine_start_timer(timer, NULL, INT64_MAX);
        mv_engine_set_looks_left(timer, -1);
        sqlite3_stmt *count = prepare(db, "SELECT count(*) FROM t");
        CHECK_EQ(sqlite3_step(count), SQLITE_ROW);
        CHECK_EQ(sqlite3_column_int(count, 0), done);
        CHECK(done > 4000 && ended > 0);
        sqlite3_finalize(count);
        RUN_SQL(db, "DELETE FROM t");
    }
    sqlite3_finalize(insert);
    close_db(db);
    env_end(&e);
}

static void schema_cookies_at_the_end_of_their_range(void) {
    env e = env_new(0, 0);
    replace_by(&e, "a", "CREATE TABLE t(a, b); INSERT INTO t VALUES('a1', 'b1'); PRAGMA schema_version=-1");
    sqlite3 *db = open_on(&e, "a");
    EXPECT_TEXT(db, "a1,b1", "SELECT a, b FROM t");
    replace_by(&e, "a", "CREATE TABLE t(b, a); INSERT INTO t VALUES('b2', 'a2')");
    EXPECT_TEXT(db, "a2,b2", "SELECT a, b FROM t");
    replace_by(&e, "a", "CREATE TABLE z(q); CREATE TABLE t(x, b, a); INSERT INTO t VALUES('x3', 'b3', 'a3'); PRAGMA schema_version=0");
    EXPECT_TEXT(db, "a3,b3", "SELECT a, b FROM t");
    close_db(db);
    env_end(&e);
}

static void replaced_by_another_text_encoding(void) {
    env e = env_new(0, 0);
    replace_by(&e, "a", "CREATE TABLE t(a); INSERT INTO t VALUES('one')");
    sqlite3 *db = open_on(&e, "a");
    sqlite3_stmt *kept = prepare(db, "SELECT a FROM t");
    CHECK_EQ(sqlite3_step(kept), SQLITE_ROW);
    CHECK_EQ(sqlite3_reset(kept), SQLITE_OK);
    replace_by(&e, "a", "PRAGMA encoding='UTF-16be'; CREATE TABLE t(a); INSERT INTO t VALUES('zwei')");
    CHECK_EQ(sqlite3_step(kept), SQLITE_ROW);
    CHECK(!strcmp((const char *)sqlite3_column_text(kept, 0), "zwei"));
    CHECK_EQ(sqlite3_finalize(kept), SQLITE_OK);
    EXPECT_TEXT(db, "zwei,UTF-16be", "SELECT a, (SELECT encoding FROM pragma_encoding) FROM t");
    RUN_SQL(db, "INSERT INTO t VALUES('drei')");
    replace_by(&e, "a", "CREATE TABLE t(a); INSERT INTO t VALUES('quatre')");
    EXPECT_TEXT(db, "quatre,UTF-8", "SELECT a, (SELECT encoding FROM pragma_encoding) FROM t");
    integrity(db);
    close_db(db);
    env_end(&e);
}

/* All databases of a connection have the same encoding: an error until it is opened anew, but no text is misread. */
static void replaced_by_another_text_encoding_beside_an_attached_one(void) {
    env e = env_new(0, 0);
    replace_by(&e, "a", "CREATE TABLE t(a); INSERT INTO t VALUES('one')");
    replace_by(&e, "o", "CREATE TABLE o(a); INSERT INTO o VALUES('other')");
    sqlite3 *db = open_on(&e, "a");
    RUN_SQL(db, "ATTACH 'o' AS o");
    EXPECT_TEXT(db, "one,other", "SELECT t.a, o.a FROM t, o");
    replace_by(&e, "a", "PRAGMA encoding='UTF-16le'; CREATE TABLE t(a); INSERT INTO t VALUES('zwei')");
    EXPECT_CODE(db, SQLITE_ERROR, "SELECT a FROM t");
    EXPECT_CODE(db, SQLITE_ERROR, "INSERT INTO o VALUES('written')");
    close_db(db);
    db = open_on(&e, "o");
    EXPECT_TEXT(db, "other", "SELECT a FROM o");
    close_db(db);
    env_end(&e);
}

/* A backup copies the header, too, which here would ask for a write-ahead log that no one has. */
static void a_backup_of_a_database_in_wal_mode_can_be_read(void) {
    env e = env_new(0, 0);
    size_t n;
    uint8_t *bytes = made_by("CREATE TABLE t(a); INSERT INTO t VALUES(1), (2)", &n);
    bytes[18] = bytes[19] = 2;
    sqlite3 *from, *to = open_on(&e, "a");
    RUN_SQL(to, "CREATE TABLE old(x)");
    REQUIRE_EQ(sqlite3_open(":memory:", &from), SQLITE_OK);
    REQUIRE_EQ(sqlite3_deserialize(from, "main", bytes, (sqlite3_int64)n, (sqlite3_int64)n, SQLITE_DESERIALIZE_FREEONCLOSE), SQLITE_OK);
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    REQUIRE(backup);
    int rc = sqlite3_backup_step(backup, -1);
    CHECK_EQ(sqlite3_backup_finish(backup), rc == SQLITE_DONE ? SQLITE_OK : rc);
    close_db(from);
    if (rc == SQLITE_DONE) {
        EXPECT_TEXT(to, "2", "SELECT count(*) FROM t");
        sqlite3 *other = open_on(&e, "a");
        EXPECT_TEXT(other, "2", "SELECT count(*) FROM t");
        close_db(other);
        RUN_SQL(to, "INSERT INTO t VALUES(3)");
        integrity(to);
    }
    close_db(to);
    env_end(&e);
}

static void replacing_waits_for_a_writer(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a");
    RUN_SQL(a, "CREATE TABLE t(x); INSERT INTO t VALUES('old')");
    size_t n;
    uint8_t *bytes = make_file("CREATE TABLE t(x); INSERT INTO t VALUES('new')", &n);
    RUN_SQL(a, "BEGIN IMMEDIATE; UPDATE t SET x='mine'");
    CHECK_EQ(replace(&e, "a", bytes, n, 0), MV_BUSY);
    CHECK_EQ(replace(&e, "a", bytes, n, 3000), MV_BUSY);
    RUN_SQL(a, "COMMIT");
    EXPECT_TEXT(a, "mine", "SELECT x FROM t");
    CHECK_EQ(replace(&e, "a", bytes, n, 0), MV_OK);
    EXPECT_TEXT(a, "new", "SELECT x FROM t");
    bytes[18] = bytes[19] = 2; /* a file in write-ahead mode */
    CHECK_EQ(replace(&e, "b", bytes, n, 0), MV_OK);
    sqlite3 *b = open_on(&e, "b");
    EXPECT_TEXT(b, "new", "SELECT x FROM t");
    RUN_SQL(b, "INSERT INTO t VALUES(1)");
    integrity(b);
    close_db(b);
    sqlite3_free(bytes);
    close_db(a);
    env_end(&e);
}

static void a_fork_is_a_database_of_its_own(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a");
    RUN_SQL(a, "CREATE TABLE t(x); " FILL "INSERT INTO t SELECT i FROM n", 1000);
    mv_version *v = pin_name(&e, "a");
    CHECK_EQ(mv_store_fork(e.store, v, "f", 1), MV_OK);
    mv_version_release(v);
    sqlite3 *f = open_on(&e, "f");
    RUN_SQL(a, "DELETE FROM t WHERE x>10; VACUUM");
    RUN_SQL(f, "INSERT INTO t VALUES(5000); CREATE INDEX i ON t(x)");
    EXPECT_TEXT(a, "10", "SELECT max(x) FROM t");
    EXPECT_TEXT(f, "5000", "SELECT max(x) FROM t");
    integrity(a);
    integrity(f);
    CHECK_EQ(mv_store_delete(e.store, "a", 1), MV_OK);
    close_db(a);
    EXPECT_TEXT(f, "1001", "SELECT count(*) FROM t");
    RUN_SQL(f, "DELETE FROM t; VACUUM");
    integrity(f);
    close_db(f);
    env_end(&e);
}

/* ---- limit ------------------------------------------------------------------------------------------------ */

static void full_cell(uint32_t page, uint32_t block, int mode, bool spill) {
    check_context("page size %u, block size %u, journal_mode %s, spill %d", page, block, journal_modes[mode], spill);
    uint64_t limit = 40 * (uint64_t)(page > block ? page : block) + 200000;
    env e = env_new(block, limit);
    sqlite3 *db = open_on(&e, "a"), *reader = open_on(&e, "a");
    RUN_SQL(db, "PRAGMA page_size=%u; PRAGMA journal_mode=%s", page, journal_modes[mode]);
    RUN_SQL(db, "PRAGMA cache_size=%d; PRAGMA cache_spill=%d", spill ? 5 : 100000, spill);
    RUN_SQL(db, "CREATE TABLE t(k INTEGER PRIMARY KEY, v); CREATE INDEX i ON t(v); " FILL "INSERT INTO t SELECT i, hex(randomblob(i%%50)) FROM n", 100);
    for (int round = 0; round < 4; round++) {
        int rc;
        char *before = query(db, "SELECT count(*), sum(k), max(v) FROM t", &rc);
        RUN_SQL(reader, "BEGIN");
        EXPECT_TEXT(reader, before, "SELECT count(*), sum(k), max(v) FROM t");
        if (round < 3)
            RUN_SQL(db, "BEGIN");
        if (round == 2 && mode != 4)
            RUN_SQL(db, "SAVEPOINT s; UPDATE t SET v=v||'s'");
        /* One statement that can never fit, or many that each do. */
        rc = SQLITE_OK;
        for (int i = 0; rc == SQLITE_OK && i < 3000; i++) {
            char sql[300];
            snprintf(sql, sizeof sql, FILL "INSERT INTO t(v) SELECT randomblob(400) FROM n", round % 2 ? 5000 : 50);
            rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
            CHECK(env_stats(&e).bytes <= limit);
            if (rc == SQLITE_OK && !spill && i >= (round % 2 ? 0 : 20)) /* all in the cache: the commit fails */
                rc = sqlite3_exec(db, sqlite3_get_autocommit(db) ? "SELECT 1" : "COMMIT", NULL, NULL, NULL);
        }
        CHECK_EQ(rc & 0xff, SQLITE_FULL);
        if (!sqlite3_get_autocommit(db)) {
            rc = sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
            CHECK_EQ(rc, SQLITE_OK);
        }
        CHECK_EQ(sqlite3_get_autocommit(db), 1);
        EXPECT_TEXT(db, before, "SELECT count(*), sum(k), max(v) FROM t");
        EXPECT_TEXT(reader, before, "SELECT count(*), sum(k), max(v) FROM t");
        RUN_SQL(reader, "COMMIT");
        EXPECT_TEXT(reader, before, "SELECT count(*), sum(k), max(v) FROM t");
        sqlite3_free(before);
        integrity(db);
        integrity(reader);
        RUN_SQL(db, "INSERT INTO t(v) VALUES('room for one more'); DELETE FROM t WHERE v='room for one more'");
        CHECK_EQ(mv_store_check(e.store), env_stats(&e).bytes);
    }
    close_db(reader);
    close_db(db);
    env_end(&e);
}

static void a_full_store_rolls_back_and_goes_on(void) {
    for (int mode = 0; mode < MODES; mode++) {
        for (int spill = 0; spill < 2; spill++) {
            full_cell(4096, 0, mode, spill);
            full_cell(512, 4096, mode, spill);
            full_cell(4096, 512, mode, spill);
        }
    }
    check_context("%s", "");
}

static void a_full_store_has_room_again(void) {
    env e = env_new(0, 2 << 20);
    sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "b");
    RUN_SQL(a, "CREATE TABLE t(x); INSERT INTO t VALUES(zeroblob(1500000))");
    RUN_SQL(b, "CREATE TABLE t(x)");
    EXPECT_CODE(b, SQLITE_FULL, "INSERT INTO t VALUES(zeroblob(1500000))");
    RUN_SQL(a, "DELETE FROM t; VACUUM");
    RUN_SQL(b, "INSERT INTO t VALUES(zeroblob(1500000))");
    mv_version *v = pin_name(&e, "b");
    RUN_SQL(b, "DELETE FROM t; VACUUM");
    EXPECT_CODE(a, SQLITE_FULL, "INSERT INTO t VALUES(zeroblob(1500000))"); /* the pin keeps it */
    mv_version_release(v);
    RUN_SQL(a, "INSERT INTO t VALUES(zeroblob(1500000))");
    close_db(a);
    EXPECT_CODE(b, SQLITE_FULL, "INSERT INTO t VALUES(zeroblob(1500000))");
    CHECK_EQ(mv_store_delete(e.store, "a", 1), MV_OK);
    RUN_SQL(b, "INSERT INTO t VALUES(zeroblob(1500000))");
    integrity(b);
    /* A replacement is built beside the old content: both must fit. */
    size_t n;
    uint8_t *bytes = make_file("CREATE TABLE t(x); INSERT INTO t VALUES(zeroblob(1000000))", &n);
    CHECK_EQ(replace(&e, "b", bytes, n, 0), MV_FULL);
    EXPECT_TEXT(b, "1500000", "SELECT length(x) FROM t");
    RUN_SQL(b, "DELETE FROM t; VACUUM");
    CHECK_EQ(replace(&e, "b", bytes, n, 0), MV_OK);
    EXPECT_TEXT(b, "1000000", "SELECT length(x) FROM t");
    sqlite3_free(bytes);
    close_db(b);
    env_end(&e);
}

/* Others take all that is left in the middle of a transaction, part of which SQLite has in its cache and part not. */
/* The pager may have written the next change counter before the store was full. Another's commit then writes the same. */
static void a_commit_that_was_refused_is_not_taken_for_that_of_another(void) {
    const uint64_t limit = 1 << 20;
    int refused = 0;
    for (uint64_t room = 0; room < 16384; room += 512) {
        check_context("room for %d bytes", (int)room);
        env e = env_new(0, limit);
        sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a");
        RUN_SQL(a, "CREATE TABLE t(x); INSERT INTO t VALUES(1)");
        EXPECT_TEXT(b, "1", "SELECT x FROM t");
        mv_database *other;
        REQUIRE_EQ(mv_store_open(e.store, "filler", 6, true, &other), MV_OK);
        mv_version *empty = mv_database_pin(other);
        mv_txn *filler;
        REQUIRE_EQ(mv_txn_begin(other, empty, &filler), MV_OK);
        for (int64_t i = 0; env_stats(&e).bytes + room < limit; i++) {
            char block[512];
            memset(block, 1, sizeof block);
            REQUIRE_EQ(mv_txn_write(filler, block, sizeof block, i * 512), MV_OK);
        }
        int rc = sqlite3_exec(a, "UPDATE t SET x=2", NULL, NULL, NULL);
        CHECK(rc == SQLITE_OK || (rc & 0xff) == SQLITE_FULL);
        refused += rc != SQLITE_OK;
        mv_txn_drop(filler);
        mv_version_release(empty);
        mv_database_release(other);
        if (room % 1024 == 0) EXPECT_TEXT(b, rc ? "1" : "2", "SELECT x FROM t");
        RUN_SQL(b, "CREATE VIEW v AS SELECT 3 AS y"); /* a change of the first page, which is the one that is never read in place */
        EXPECT_TEXT(a, "3", "SELECT y FROM v");
        RUN_SQL(b, "UPDATE t SET x=3");
        EXPECT_TEXT(a, "3", "SELECT x FROM t");
        RUN_SQL(a, "UPDATE t SET x=x+1");
        EXPECT_TEXT(b, "4", "SELECT x FROM t");
        integrity(a);
        close_db(a);
        close_db(b);
        env_end(&e);
    }
    check_context("%s", "");
    CHECK(refused > 4 && refused < 32);
}

/* The pager of a refused transaction believes that its first page was written, and what another one then writes there looks the same. */
static void an_empty_database_that_could_not_be_filled(void) {
    int refused = 0;
    for (int n = 1; n < 45; n++) {
        check_context("%d more rows", n);
        env e = env_new(0, 256 << 10);
        sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a"), *filler = open_on(&e, "filler");
        RUN_SQL(filler, "CREATE TABLE f(x)");
        for (int i = 0; i < n; i++) RUN_SQL(filler, "INSERT INTO f VALUES(zeroblob(4000))");
        static const char *const fill = "BEGIN; CREATE TABLE t(x); INSERT INTO t VALUES(zeroblob(140000)); COMMIT";
        EXPECT_TEXT(a, "0", "SELECT count(*) FROM sqlite_schema");
        bool full = sqlite3_exec(a, fill, NULL, NULL, NULL) == SQLITE_FULL;
        if (!sqlite3_get_autocommit(a)) RUN_SQL(a, "ROLLBACK");
        close_db(filler);
        CHECK_EQ(mv_store_delete(e.store, "filler", 6), MV_OK);
        if (full) {
            refused++;
            EXPECT_TEXT(a, "0", "SELECT count(*) FROM sqlite_schema");
            RUN_SQL(b, "%s", fill);
        }
        EXPECT_TEXT(a, "140000", "SELECT length(x) FROM t");
        integrity(a);
        integrity(b);
        close_db(a);
        close_db(b);
        env_end(&e);
    }
    check_context("%s", "");
    CHECK(refused > 4 && refused < 40);
}

/* SQLite does not write a page that a transaction frees. The next transaction journals what its cache has of it, which
 * no version has. */
static void rollback_beside_freed_pages(void) {
    uint64_t seed = 12;
    env e = env_new(0, 0);
    sqlite3 *dbs[2] = {open_on(&e, "a")};
    REQUIRE_EQ(sqlite3_open(":memory:", &dbs[1]), SQLITE_OK);
    for (int i = 0; i < 2; i++) RUN_SQL(dbs[i], "PRAGMA page_size=1024; PRAGMA auto_vacuum=INCREMENTAL; CREATE TABLE t(k INTEGER PRIMARY KEY, v); CREATE INDEX i ON t(v)");
    for (int round = 0; round < 600; round++) {
        char *sql = sqlite3_mprintf("BEGIN");
        for (uint64_t n = 1 + check_random(&seed) % 4; n > 0; n--) {
            int k = (int)(check_random(&seed) % 300), more = (int)(check_random(&seed) % 90);
            switch (check_random(&seed) % 3) {
            case 0: sql = sqlite3_mprintf("%z; DELETE FROM t WHERE k BETWEEN %d AND %d", sql, k, k + more); break;
            case 1: sql = sqlite3_mprintf("%z; PRAGMA incremental_vacuum(%d)", sql, 1 + more); break;
            default: sql = sqlite3_mprintf("%z; INSERT OR REPLACE INTO t VALUES(%d, replace(hex(zeroblob(%d)), '0', char(65 + %d)))", sql, k, 30 * more, round % 26);
            }
        }
        sql = sqlite3_mprintf("%z; %s", sql, check_random(&seed) % 3 ? "ROLLBACK" : "COMMIT");
        int64_t sums[2];
        for (int i = 0; i < 2; i++) {
            RUN_SQL(dbs[i], "%s", sql);
            sums[i] = number(dbs[i], "SELECT 1000000 * sum(length(v)) + sum(k) FROM t NOT INDEXED");
        }
        check_context("round %d", round);
        CHECK_EQ(sums[0], sums[1]);
        integrity(dbs[0]);
        sqlite3_free(sql);
    }
    check_context("%s", "");
    for (int i = 0; i < 2; i++) close_db(dbs[i]);
    env_end(&e);
}

static void rollback_needs_no_memory(void) {
    for (int mode = 0; mode < MODES; mode++) {
        for (uint32_t block = 0; block <= 512; block += 512) {
            check_context("journal_mode %s, block size %u", journal_modes[mode], block);
            env e = env_new(block, 4 << 20);
            sqlite3 *db = open_on(&e, "a"), *filler = open_on(&e, "filler");
            RUN_SQL(db, "PRAGMA journal_mode=%s; PRAGMA cache_size=20; CREATE TABLE t(k INTEGER PRIMARY KEY, v)", journal_modes[mode]);
            RUN_SQL(db, FILL "INSERT INTO t SELECT i, zeroblob(1000) FROM n", 400);
            RUN_SQL(db, "BEGIN; UPDATE t SET v=randomblob(1000)");
            RUN_SQL(filler, "PRAGMA page_size=512; CREATE TABLE f(x)");
            int rc = SQLITE_OK;
            while (rc == SQLITE_OK)
                rc = sqlite3_exec(filler, "INSERT INTO f VALUES(zeroblob(50000))", NULL, NULL, NULL);
            for (rc = SQLITE_OK; rc == SQLITE_OK;)
                rc = sqlite3_exec(filler, "INSERT INTO f VALUES(zeroblob(400))", NULL, NULL, NULL);
            CHECK_EQ(rc & 0xff, SQLITE_FULL);
            if (!sqlite3_get_autocommit(filler))
                RUN_SQL(filler, "ROLLBACK");
            RUN_SQL(db, "ROLLBACK");
            EXPECT_TEXT(db, "400", "SELECT count(*) FROM t WHERE v=zeroblob(1000)");
            integrity(db);
            integrity(filler);
            RUN_SQL(db, "UPDATE t SET v=1 WHERE k=5"); /* what the transaction had is free again */
            close_db(db);
            close_db(filler);
            env_end(&e);
        }
    }
    check_context("%s", "");
}

/* The journal that SQLite has open, NULL if it is not one without copies. */
static const mv_journal *journal_of(sqlite3 *db) {
    sqlite3_file *file, *journal;
    REQUIRE_EQ(sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
    REQUIRE_EQ(sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal), SQLITE_OK);
    const mv_journal *found = journal->pMethods ? ((const mv_open_journal *)journal)->journal : NULL;
    return found && found->file == file ? found : NULL;
}

static int64_t get4_at(sqlite3_file *journal, int64_t offset) {
    uint8_t b[4];
    CHECK_EQ(journal->pMethods->xRead(journal, b, 4, offset), SQLITE_OK);
    return (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

/* Each page stands in it as it was, though none was copied. */
static void a_journal_is_whole_without_copies(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_on(&e, "a");
    RUN_SQL(db, "CREATE TABLE t(k INTEGER PRIMARY KEY, v); " FILL "INSERT INTO t SELECT i, randomblob(1000) FROM n", 3000);
    size_t n;
    uint8_t *before = stored_bytes(&e, "a", &n), page[4096];
    for (int spill = 0; spill < 2; spill++) {
        RUN_SQL(db, "PRAGMA cache_size=%d; BEGIN; UPDATE t SET v=randomblob(900); DELETE FROM t WHERE k%%3=0; CREATE TABLE u(x)", spill ? 10 : 5000);
        const mv_journal *j = journal_of(db);
        REQUIRE(j);
        CHECK(j->count > 700);
        CHECK_EQ(j->copies, 0);
        sqlite3_file *file;
        REQUIRE_EQ(sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file), SQLITE_OK);
        sqlite3_int64 size;
        CHECK_EQ(file->pMethods->xFileSize(file, &size), SQLITE_OK);
        CHECK_EQ(size, 512 + (int64_t)j->count * (4096 + 8));
        for (int64_t at = 512; at < size; at += 4096 + 8) {
            int64_t number = get4_at(file, at);
            REQUIRE(number >= 1 && number * 4096 <= (int64_t)n);
            CHECK_EQ(file->pMethods->xRead(file, page, 4096, at + 4), SQLITE_OK);
            CHECK_MEM(page, before + (number - 1) * 4096, 4096);
        }
        RUN_SQL(db, "ROLLBACK");
        size_t after;
        uint8_t *now = stored_bytes(&e, "a", &after);
        CHECK_EQ(after, n);
        CHECK_MEM(now, before, n);
        free(now);
        integrity(db);
    }
    free(before);
    close_db(db);
    env_end(&e);
}

/* SQLite reads the first page with another cookie than is stored, and has to find that again. */
static void a_journal_has_the_page_as_it_was_shown(void) {
    size_t n;
    uint8_t *bytes = make_file("CREATE TABLE t(x); INSERT INTO t VALUES(1)", &n);
    env e = env_new(0, 0);
    CHECK_EQ(replace(&e, "a", bytes, n, 0), MV_OK);
    sqlite3 *db = open_on(&e, "a"), *other = open_on(&e, "a");
    EXPECT_TEXT(db, "1", "SELECT x FROM t");
    CHECK_EQ(replace(&e, "a", bytes, n, 0), MV_OK);
    int64_t cookie = number(db, "PRAGMA schema_version");
    CHECK(cookie != number(other, "PRAGMA schema_version"));
    for (int i = 0; i < 2; i++) {
        RUN_SQL(db, "BEGIN; SAVEPOINT s; CREATE TABLE u(y); INSERT INTO u VALUES(1)");
        REQUIRE(journal_of(db));
        CHECK_EQ(journal_of(db)->copies, 1);
        RUN_SQL(db, i ? "ROLLBACK" : "ROLLBACK TO s; INSERT INTO t VALUES(2); COMMIT");
        CHECK_EQ(number(db, "PRAGMA schema_version"), cookie);
        EXPECT_CODE(db, SQLITE_ERROR, "SELECT * FROM u");
        EXPECT_TEXT(db, "1|2", "SELECT x FROM t");
        EXPECT_TEXT(other, "1|2", "SELECT x FROM t");
    }
    sqlite3_free(bytes);
    close_db(db);
    close_db(other);
    env_end(&e);
}

/* The lock that lets it write opens the journal, and only then the program says that it wants another one. */
static void a_journal_serves_in_the_mode_that_comes_late(void) {
    for (int mode = 0; mode < MODES; mode++) {
        for (int commit = 0; commit < 2; commit++) {
            check_context("journal_mode %s, commit %d", journal_modes[mode], commit);
            env e = env_new(0, 0);
            sqlite3 *db = open_on(&e, "a");
            RUN_SQL(db, "CREATE TABLE t(k INTEGER PRIMARY KEY, v); " FILL "INSERT INTO t SELECT i, i FROM n", 1000);
            RUN_SQL(db, "PRAGMA cache_size=5; BEGIN IMMEDIATE");
            CHECK(journal_of(db));
            EXPECT_TEXT(db, journal_modes[mode], "PRAGMA journal_mode=%s", journal_modes[mode]);
            CHECK_EQ(journal_of(db) == NULL, mode == 4);
            RUN_SQL(db, "UPDATE t SET v=v+1");
            RUN_SQL(db, commit || mode == 4 ? "COMMIT" : "ROLLBACK");
            int more = commit || mode == 4 ? 1000 : 0;
            CHECK_EQ(number(db, "SELECT sum(v) FROM t"), 500500 + more);
            for (int i = 0; i < 3; i++) {
                RUN_SQL(db, "BEGIN; UPDATE t SET v=v+1 WHERE k%%2; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; %s", mode == 4 ? "COMMIT" : "ROLLBACK");
                if (mode != 4) CHECK_EQ(number(db, "SELECT sum(v) FROM t"), 500500 + more);
                RUN_SQL(db, "UPDATE t SET v=v-1 WHERE k=7; UPDATE t SET v=v+1 WHERE k=7");
            }
            RUN_SQL(db, "PRAGMA journal_mode=memory; BEGIN; DELETE FROM t");
            CHECK(journal_of(db));
            RUN_SQL(db, "ROLLBACK");
            if (mode != 4) CHECK_EQ(number(db, "SELECT count(*) FROM t"), 1000);
            integrity(db);
            close_db(db);
            env_end(&e);
        }
    }
    check_context("%s", "");
}

/* Any order of savepoints, with pages that go to the file before the end: the same as on SQLite's own in memory. */
static void savepoints_at_random(void) {
    for (uint64_t first = 1; first <= 60; first++) {
        uint64_t seed = first;
        check_context("seed %" PRIu64, first);
        env e = env_new(first % 5 == 0 ? 512 : 0, 0);
        sqlite3 *db = open_on(&e, "a"), *other;
        REQUIRE_EQ(sqlite3_open(":memory:", &other), SQLITE_OK);
        char sql[300];
        snprintf(sql, sizeof sql, "PRAGMA page_size=%d; PRAGMA auto_vacuum=%d; CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT); CREATE INDEX i ON t(v)", first % 3 ? 1024 : 4096,
            (int)(first % 4));
        on_both(db, other, sql);
        RUN_SQL(db, "PRAGMA cache_size=%d", first % 2 ? 4 : 400);
        int depth = 0;
        for (int step = 0; step < 80; step++) {
            int r = (int)(check_random(&seed) % 1000), at = depth ? (int)(check_random(&seed) % (uint64_t)depth) : 0;
            switch (check_random(&seed) % 9) {
            case 0:
            case 1:
                snprintf(sql, sizeof sql, "SAVEPOINT s%d", depth++);
                break;
            case 2:
                if (!depth) continue;
                snprintf(sql, sizeof sql, "RELEASE s%d", depth = at);
                break;
            case 3:
                if (!depth) continue;
                snprintf(sql, sizeof sql, "ROLLBACK TO s%d", at);
                depth = at + 1;
                break;
            case 4:
                snprintf(sql, sizeof sql, "%s", depth ? r % 3 ? "SELECT 1" : r % 2 ? "ROLLBACK" : "COMMIT" : "PRAGMA incremental_vacuum(3)");
                if (r % 3 == 0) depth = 0;
                break;
            case 5:
                snprintf(sql, sizeof sql, "DELETE FROM t WHERE k%%7=%d", r % 7);
                break;
            case 6:
                snprintf(sql, sizeof sql, "UPDATE t SET v=v||'%d' WHERE k%%5=%d", r, r % 5);
                break;
            default:
                snprintf(sql, sizeof sql, FILL "INSERT OR REPLACE INTO t SELECT i*%d, hex(zeroblob(%d))||i FROM n", 1 + r % 40, 1 + r % 17, r);
            }
            on_both(db, other, sql);
        }
        integrity(db);
        if (depth) on_both(db, other, "ROLLBACK");
        integrity(db);
        close_db(db);
        close_db(other);
        env_end(&e);
    }
    check_context("%s", "");
}

/* ---- cursors, copies, sorts ----------------------------------------------------------------------------- */

static void a_cursor_stays_open_over_commits(void) {
    static const uint32_t sizes[][2] = {{4096, 0}, {512, 65536}, {4096, 512}, {65536, 4096}, {512, 0}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        check_context("page size %u, block size %u", sizes[s][0], sizes[s][1]);
        env e = env_new(sizes[s][1], 0);
        sqlite3 *db = open_on(&e, "a"), *other = open_on(&e, "a");
        RUN_SQL(db, "PRAGMA page_size=%u; CREATE TABLE t(k INTEGER PRIMARY KEY, v); CREATE TABLE log(k, v)", sizes[s][0]);
        RUN_SQL(db, FILL "INSERT INTO t SELECT i, hex(randomblob(100)) || i FROM n", 400);
        RUN_SQL(db, "CREATE TABLE same AS SELECT * FROM t");
        for (int what = 0; what < 4; what++) {
            sqlite3_stmt *stmt = prepare(db, "SELECT k, v FROM same ORDER BY k");
            sqlite3_stmt *own = prepare(db, "SELECT k, v FROM t ORDER BY k");
            int rows = 0;
            CHECK_EQ(sqlite3_step(own), SQLITE_ROW);
            while (sqlite3_step(stmt) == SQLITE_ROW) { /* reads one table while others change, each change a commit */
                int k = sqlite3_column_int(stmt, 0);
                char want[16];
                snprintf(want, sizeof want, "%d", k);
                const char *text = (const char *)sqlite3_column_text(stmt, 1);
                CHECK_EQ(k, ++rows);
                if (strlen(text) != 200 + strlen(want) || strcmp(text + 200, want))
                    CHECK_STR(text + 200, want);
                if (rows % 3)
                    continue;
                if (what == 0)
                    RUN_SQL(db, "INSERT INTO log VALUES(%d, hex(randomblob(200)))", k);
                else if (what == 1)
                    RUN_SQL(db, "UPDATE t SET v=v||'!' WHERE k=%d", k);
                else if (what == 2)
                    RUN_SQL(db, "BEGIN; DELETE FROM log WHERE k>%d; UPDATE t SET v=upper(v) WHERE k%%7=%d; SAVEPOINT x; INSERT INTO log VALUES(%d, 'x'); ROLLBACK TO x; COMMIT", k, k % 7, k);
                else
                    RUN_SQL(db, "DELETE FROM t WHERE k=%d", 401 - k);
                if (rows % 30 == 0)
                    integrity(other);
            }
            CHECK_EQ(rows, 400);
            while (sqlite3_step(own) == SQLITE_ROW)
                ;
            CHECK_EQ(sqlite3_finalize(stmt), SQLITE_OK);
            CHECK_EQ(sqlite3_finalize(own), SQLITE_OK);
            integrity(db);
        }
        CHECK_EQ(number(other, "SELECT count(*) FROM t"), 400 - 133);
        /* The table under the cursor itself: each row is seen at most once, and what is deleted ahead is not seen. */
        sqlite3_stmt *stmt = prepare(db, "SELECT k FROM same");
        int64_t last = 0;
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            int64_t k = sqlite3_column_int64(stmt, 0);
            CHECK(k > last);
            CHECK_EQ(k % 2, 1);
            last = k;
            RUN_SQL(db, "DELETE FROM same WHERE k=%lld", (long long)k + 1);
            if (k == 101) /* a rollback under an open cursor: the read goes on or is ended with a clear code */
                RUN_SQL(db, "BEGIN; INSERT INTO log VALUES(1, 1); ROLLBACK");
        }
        CHECK_EQ(sqlite3_finalize(stmt), SQLITE_OK);
        CHECK_EQ(last, 399);
        integrity(db);
        integrity(other);
        close_db(db);
        close_db(other);
        env_end(&e);
    }
    check_context("%s", "");
}

static void incremental_blobs(void) {
    env e = env_new(512, 0);
    sqlite3 *a = open_on(&e, "a"), *b = open_on(&e, "a");
    RUN_SQL(a, "CREATE TABLE t(x); INSERT INTO t VALUES(zeroblob(100000))");
    sqlite3_blob *in, *out;
    CHECK_EQ(sqlite3_blob_open(b, "main", "t", "x", 1, 0, &in), SQLITE_OK);
    CHECK_EQ(sqlite3_blob_open(a, "main", "t", "x", 1, 1, &out), SQLITE_OK);
    char text[10] = {0};
    CHECK_EQ(sqlite3_blob_write(out, "written", 7, 50000), SQLITE_OK);
    CHECK_EQ(sqlite3_blob_read(in, text, 7, 50000), SQLITE_OK);
    CHECK_EQ(text[0], 0);
    CHECK_EQ(sqlite3_blob_close(out), SQLITE_OK);
    CHECK_EQ(sqlite3_blob_read(in, text, 7, 50000), SQLITE_OK);
    CHECK_EQ(text[0], 0);
    CHECK_EQ(sqlite3_blob_close(in), SQLITE_OK);
    CHECK_EQ(sqlite3_blob_open(b, "main", "t", "x", 1, 0, &in), SQLITE_OK);
    CHECK_EQ(sqlite3_blob_read(in, text, 7, 50000), SQLITE_OK);
    CHECK_STR(text, "written");
    CHECK_EQ(sqlite3_blob_close(in), SQLITE_OK);
    close_db(a);
    close_db(b);
    env_end(&e);
}

static void copies_in_and_out(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a"), *memory;
    RUN_SQL(a, "PRAGMA page_size=1024; CREATE TABLE t(x); " FILL "INSERT INTO t SELECT hex(randomblob(50)) FROM n", 500);
    /* VACUUM INTO another name of this VFS and of another one. */
    env f = env_new(4096, 0);
    RUN_SQL(a, "VACUUM INTO 'copy'");
    RUN_SQL(a, "VACUUM INTO 'file:far?vfs=%s'", f.name);
    sqlite3 *copy = open_on(&e, "copy"), *far = open_on(&f, "far");
    EXPECT_TEXT(copy, "500", "SELECT count(*) FROM t");
    EXPECT_TEXT(far, "500", "SELECT count(*) FROM t");
    integrity(copy);
    integrity(far);
    EXPECT_CODE(a, SQLITE_ERROR, "VACUUM INTO 'copy'"); /* it is there already */
    /* backup to and from SQLite's own memory, with another page size */
    REQUIRE_EQ(sqlite3_open(":memory:", &memory), SQLITE_OK);
    sqlite3_backup *backup = sqlite3_backup_init(memory, "main", a, "main");
    REQUIRE(backup);
    CHECK_EQ(sqlite3_backup_step(backup, 5), SQLITE_OK);
    RUN_SQL(a, "INSERT INTO t VALUES('while it runs')");
    CHECK_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    CHECK_EQ(sqlite3_backup_finish(backup), SQLITE_OK);
    EXPECT_TEXT(memory, "501", "SELECT count(*) FROM t");
    integrity(memory);
    RUN_SQL(memory, "DELETE FROM t WHERE rowid>300; INSERT INTO t VALUES('from memory')");
    for (int way = 0; way < 2; way++) { /* over a database, and into a new one */
        sqlite3 *to = way ? open_on(&e, "new") : a;
        sqlite3 *reader = open_on(&e, way ? "new" : "a");
        backup = sqlite3_backup_init(to, "main", memory, "main");
        REQUIRE(backup);
        CHECK_EQ(sqlite3_backup_step(backup, 10), SQLITE_OK);
        if (!way)
            EXPECT_TEXT(reader, "501", "SELECT count(*) FROM t"); /* not seen before it is done */
        CHECK_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
        CHECK_EQ(sqlite3_backup_finish(backup), SQLITE_OK);
        EXPECT_TEXT(reader, "301", "SELECT count(*) FROM t");
        EXPECT_TEXT(to, "301", "SELECT count(*) FROM t");
        integrity(to);
        integrity(reader);
        RUN_SQL(to, "INSERT INTO t VALUES(1)");
        integrity(reader);
        close_db(reader);
        if (way)
            close_db(to);
    }
    /* serialize gives the stored bytes */
    size_t n;
    sqlite3_int64 size = 0;
    uint8_t *stored = stored_bytes(&e, "a", &n), *bytes = sqlite3_serialize(a, "main", &size, 0);
    CHECK_EQ(size, n);
    if (bytes && size == (sqlite3_int64)n)
        CHECK_MEM(bytes, stored, n);
    free(stored);
    sqlite3_free(bytes);
    close_db(memory);
    close_db(copy);
    close_db(far);
    close_db(a);
    env_end(&f);
    env_end(&e);
}

static void sorts_and_temporary_tables(void) {
    env e = env_new(0, 0);
    sqlite3 *a = open_on(&e, "a");
    RUN_SQL(a, "PRAGMA cache_size=10; CREATE TABLE t(k INTEGER PRIMARY KEY, v); " FILL "INSERT INTO t SELECT i, hex(randomblob(100)) FROM n", 20000);
    CHECK_EQ(number(a, "SELECT count(*) FROM (SELECT v, lag(v) OVER (ORDER BY v) AS before FROM t) WHERE before > v"), 0);
    RUN_SQL(a, "CREATE TEMP TABLE temp_copy AS SELECT * FROM t ORDER BY v; CREATE INDEX temp.ti ON temp_copy(v)");
    CHECK_EQ(number(a, "SELECT count(*) FROM temp_copy JOIN t USING(v)"), 20000);
    RUN_SQL(a, "CREATE INDEX i ON t(v); BEGIN; DELETE FROM t WHERE k%%2; DELETE FROM temp_copy; ROLLBACK");
    CHECK_EQ(number(a, "SELECT count(*) FROM t"), 20000);
    CHECK_EQ(number(a, "SELECT count(*) FROM temp_copy"), 20000);
    RUN_SQL(a, "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f SELECT v FROM t LIMIT 500; CREATE VIRTUAL TABLE r USING rtree(id, x0, x1)");
    integrity(a);
    RUN_SQL(a, "VACUUM");
    integrity(a);
    close_db(a);
    env_end(&e);
}

/* ---- cell sizes: pages that are checked once ---------------------------------------------------------------- */

static uint8_t *page_of(uint8_t *file, uint32_t number) {
    return file + (size_t)(number - 1) * 4096;
}

static uint32_t root_of(sqlite3 *db, const char *table) {
    int rc;
    char *sql = sqlite3_mprintf("SELECT rootpage FROM sqlite_schema WHERE name = %Q", table), *text = query(db, sql, &rc);
    uint32_t root = (uint32_t)atoi(text);
    sqlite3_free(sql);
    sqlite3_free(text);
    REQUIRE(root > 1);
    return root;
}

/*
 * A page is the freelist's trunk, and a leaf of a table. What is inserted leaves it in the pager's cache; SQLite comes to it as a leaf
 * without asking for it again, and has been given good pages in between.
 */
static void a_page_is_checked_in_each_role(void) {
    env e = env_new(4096, 0);
    sqlite3 *db = open_on(&e, "t");
    RUN_SQL(db, "CREATE TABLE t(a); CREATE TABLE big(a); CREATE TABLE good(a); CREATE TABLE other(a);"
                "WITH r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 200) INSERT INTO t SELECT printf('%%200d', i) FROM r;"
                "INSERT INTO good VALUES (1); INSERT INTO big VALUES (zeroblob(40000))");
    uint32_t root = root_of(db, "t"), big = root_of(db, "big");
    close_db(db);
    size_t n;
    uint8_t *file = stored_bytes(&e, "t", &n), *page = page_of(file, root);
    REQUIRE_EQ(page[0], 5);
    const uint8_t *child = page + (page[12] << 8 | page[13]); /* of its first cell: the leaf with rows 1 and 2 */
    uint8_t *leaf = page_of(file, (uint32_t)(child[2] << 8 | child[3])), second[2] = {leaf[10], leaf[11]};
    REQUIRE_EQ(leaf[0], 13);
    memcpy(leaf + 3, (uint8_t[]){1, 0, 0, 0, 4}, 5); /* 256 cells; as a trunk it leads to 4 pages, */
    const uint8_t *free_page = page_of(file, big) + 4092;
    for (int i = 0; i < 4; i++) {
        memcpy(leaf + 8 + 4 * i, free_page, 4); /* whose numbers are no places of cells */
        free_page = page_of(file, (uint32_t)(free_page[2] << 8 | free_page[3]));
    }
    for (int i = 8; i < 256; i++)
        memcpy(leaf + 8 + 2 * i, second, 2); /* all others are row 2 */
    memcpy(file + 32, child, 4);
    memcpy(file + 36, (uint8_t[]){0, 0, 0, 5}, 4);
    CHECK_EQ(replace(&e, "t", file, n, 0), MV_OK);
    free(file);

    for (int apart = 0; apart < 2; apart++) {
        const char *update = "UPDATE t SET a = printf('%200d', -rowid) WHERE rowid = 2";
        db = open_guarded(&e, "t");
        mv_engine_harden(db);
        check_context("apart %d", apart);
        EXPECT_CODE(db, SQLITE_CORRUPT, "UPDATE t SET a = 0 WHERE rowid = 2");
        RUN_SQL(db, "BEGIN; INSERT INTO t VALUES (printf('%%200d', 0)); INSERT INTO other VALUES (zeroblob(5000))");
        if (apart)
            RUN_SQL(db, "COMMIT; BEGIN");
        EXPECT_TEXT(db, "1", "SELECT * FROM good");
        int rc = sqlite3_exec(db, update, NULL, NULL, NULL);
        CHECK_EQ(rc, SQLITE_CORRUPT);
        close_db(db);
    }
    env_end(&e);
}

/* ---- rows read ahead -------------------------------------------------------------------------------------- */

/* With CMake's preset asan: what belongs to the connection is given up before its files are. */
static void a_connection_closes_within_a_transaction(void) {
    env e = env_new(0, 0);
    for (int hardened = 0; hardened < 2; hardened++) {
        sqlite3 *db = open_guarded(&e, "t");
        if (hardened)
            mv_engine_harden(db);
        RUN_SQL(db, "CREATE TABLE IF NOT EXISTS t(a); INSERT INTO t VALUES (1); BEGIN; SELECT * FROM t");
        close_db(db);
    }
    env_end(&e);
}

/* All rows of a statement, one asked for at a time. */
static int count_rows(sqlite3_stmt *stmt) {
    char memory[MV_ROWS_MEMORY];
    int rows = 0, rc = SQLITE_ROW;
    for (bool start = true; rc == SQLITE_ROW; start = false) {
        mv_fetch f = {.start = start, .ahead = true, .most = 1, .memory = memory, .room = sizeof memory};
        rc = mv_rows_fetch(stmt, &f);
        rows += f.rows;
    }
    CHECK_EQ(rc, SQLITE_DONE);
    return rows;
}

/* With CMake's preset asan: its last rows come from no place in the statement's program. */
static void explain_is_read_ahead(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_guarded(&e, "t");
    RUN_SQL(db, "CREATE TABLE t(a)");
    char sql[1000] = "a";
    for (int i = 0; i < 400; i++) { /* programs of many lengths: some end where their memory does */
        char *counted = sqlite3_mprintf("EXPLAIN SELECT %s%s FROM t", i % 2 ? "random(), " : "", sql);
        sqlite3_stmt *stmt;
        REQUIRE_EQ(sqlite3_prepare_v2(db, counted, -1, &stmt, NULL), SQLITE_OK);
        int rows = 0;
        while (sqlite3_step(stmt) == SQLITE_ROW)
            rows++;
        CHECK_EQ(count_rows(stmt), rows);
        sqlite3_finalize(stmt);
        sqlite3_free(counted);
        if (i % 2)
            strcat(sql, "+a");
    }
    close_db(db);
    env_end(&e);
}

static void a_row_that_was_left_is_gone_after_reset(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_guarded(&e, "t");
    sqlite3_stmt *stmt;
    REQUIRE_EQ(sqlite3_prepare_v2(db, "SELECT 1", -1, &stmt, NULL), SQLITE_OK);
    char memory[MV_ROWS_MEMORY];
    mv_fetch f = {.start = true, .most = 1, .memory = memory, .room = 16};
    CHECK_EQ(mv_rows_fetch(stmt, &f), MV_ROWS_PENDING);
    CHECK_EQ(f.rows, 0);
    sqlite3_reset(stmt);
    f = (mv_fetch){.pending = true, .most = 1, .memory = memory, .room = sizeof memory};
    CHECK_EQ(mv_rows_fetch(stmt, &f), SQLITE_MISUSE);
    CHECK_EQ(f.rows, 0);
    sqlite3_finalize(stmt);
    close_db(db);
    env_end(&e);
}

/* ---- the lock page ------------------------------------------------------------------------------------- */

/* Lengthens the database "a" to that many pages, all of them holes. */
static void lengthen(env *e, uint32_t page, uint32_t pages) {
    mv_database *db;
    mv_txn *txn;
    uint8_t count[4];
    int owner;
    put32(count, pages);
    REQUIRE_EQ(mv_store_open(e->store, "a", 1, false, &db), MV_OK);
    REQUIRE_EQ(mv_write_lock(db, &owner), MV_OK);
    mv_version *base = mv_database_pin(db);
    REQUIRE_EQ(mv_txn_begin(db, base, &txn), MV_OK);
    CHECK_EQ(mv_txn_truncate(txn, (int64_t)page * pages), MV_OK);
    CHECK_EQ(mv_txn_write(txn, count, 4, 28), MV_OK);
    CHECK_EQ(mv_txn_prepare(txn), MV_OK);
    mv_version_release(commit_txn(db, txn));
    mv_version_release(base);
    mv_write_unlock(db, &owner);
    mv_database_release(db);
}

static void the_lock_page_is_a_hole(void) {
    static const uint32_t pages[] = {65536, 4096, 512};
    static const uint32_t blocks[] = {0, 4096, 65536};
    for (int p = 0; p < 3; p++) {
        for (int b = 0; b < 3; b++) {
            uint32_t page = pages[p], before = (1u << 30) / page;
            check_context("page size %u, block size %u", page, blocks[b]);
            env e = env_new(blocks[b], 0);
            sqlite3 *db = open_on(&e, "a");
            RUN_SQL(db, "PRAGMA page_size=%u; CREATE TABLE t(x, v)", page);
            close_db(db);
            lengthen(&e, page, before - 2);
            db = open_on(&e, "a");
            CHECK_EQ(number(db, "PRAGMA page_count"), before - 2);
            mv_version *old = pin_name(&e, "a");
            RUN_SQL(db, FILL "INSERT INTO t SELECT i, zeroblob(%u) FROM n", 20, page * 2);
            RUN_SQL(db, "UPDATE t SET v=randomblob(%u)", page * 2);
            EXPECT_TEXT(db, "20", "SELECT count(*) FROM t WHERE length(v)=%u", page * 2);
            CHECK(stored_size(&e, "a") > (1 << 30) + 20 * (int64_t)page);
            mv_version *v = pin_name(&e, "a");
            uint8_t *lock_page = malloc(page);
            REQUIRE(lock_page);
            CHECK_EQ(mv_version_read(v, lock_page, page, 1 << 30), page);
            for (uint32_t i = 0; i < page; i++)
                CHECK_EQ(lock_page[i], 0);
            free(lock_page);
            if (blocks[b] <= page)
                CHECK(!mv_version_fetch(v, 1 << 30, 100));
            mv_version_release(v);
            CHECK(env_stats(&e).bytes < 64 << 20);
            sqlite3 *second = open_on(&e, "a");
            EXPECT_TEXT(second, "20", "SELECT count(*) FROM t WHERE length(v)=%u", page * 2);
            RUN_SQL(second, "BEGIN; UPDATE t SET v=zeroblob(%u); INSERT INTO t SELECT * FROM t; ROLLBACK", page * 3);
            EXPECT_TEXT(db, "20", "SELECT count(*) FROM t WHERE length(v)=%u", page * 2);
            CHECK_EQ(mv_version_size(old), (int64_t)page * (before - 2));
            mv_version_release(old);
            RUN_SQL(second, "VACUUM"); /* to a few pages */
            integrity(db);
            CHECK(stored_size(&e, "a") < 100 * (int64_t)page);
            close_db(second);
            close_db(db);
            env_end(&e);
        }
    }
    check_context("%s", "");
}

/* On demand: takes some 3 GB of memory and a while. */
static void huge_database(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_on(&e, "a");
    RUN_SQL(db, "PRAGMA page_size=65536; CREATE TABLE t(x)");
    for (int i = 0; i < 5; i++)
        RUN_SQL(db, "INSERT INTO t VALUES(zeroblob(500000000))");
    integrity(db);
    CHECK(stored_size(&e, "a") > INT64_C(2500000000));
    RUN_SQL(db, "DELETE FROM t WHERE rowid>1");
    integrity(db);
    close_db(db);
    env_end(&e);
}

/* ---- many threads --------------------------------------------------------------------------------------- */

typedef struct crowd {
    env *e;
    atomic_bool stop;
    atomic_llong added, commits, reads, full;
    int rounds;
    pthread_mutex_t mutex;
    sqlite3 *pool[4]; /* under mutex: those that nobody uses */
} crowd;

static void *autocommit_writer(void *arg) {
    crowd *c = arg;
    sqlite3 *db = open_on(c->e, "shared");
    RUN_SQL(db, "PRAGMA busy_timeout=60000");
    static const char *const sql[] = {"UPDATE counter SET n=n+1", "INSERT INTO t VALUES(1, hex(randomblob(50)))", "BEGIN IMMEDIATE; UPDATE counter SET n=n+1; INSERT INTO t VALUES(2, 'x'); COMMIT",
        "DELETE FROM t WHERE rowid IN (SELECT rowid FROM t LIMIT 1)"};
    for (int i = 0; i < c->rounds; i++) {
        if (!RUN_SQL(db, "%s", sql[i % 4]))
            break;
        if (i % 2 == 0)
            atomic_fetch_add(&c->added, 1);
        atomic_fetch_add(&c->commits, 1);
    }
    close_db(db);
    return NULL;
}

static void *autocommit_writer_with_sqlite_timeout(void *arg) {
    crowd *c = arg;
    sqlite3 *db = open_on(c->e, "shared");
    sqlite3_busy_timeout(db, 60000);
    sqlite3_stmt *stmt = prepare(db, "UPDATE counter SET n=n+1");
    for (int i = 0; i < c->rounds; i++) {
        int rc = sqlite3_step(stmt);
        CHECK_EQ(rc, SQLITE_DONE);
        sqlite3_reset(stmt);
        if (rc != SQLITE_DONE)
            break;
        atomic_fetch_add(&c->added, 1);
    }
    sqlite3_finalize(stmt);
    close_db(db);
    return NULL;
}

/* Two totals that are equal in every commit; sees one version all through a transaction, and never an error. */
static void *shared_reader(void *arg) {
    crowd *c = arg;
    sqlite3 *db = open_on(c->e, "shared");
    do {
        RUN_SQL(db, "BEGIN");
        int64_t n = number(db, "SELECT n FROM counter"), rows = number(db, "SELECT count(*) FROM t");
        CHECK_EQ(number(db, "SELECT n FROM counter"), n);
        CHECK_EQ(number(db, "SELECT count(*) FROM t"), rows);
        RUN_SQL(db, "COMMIT");
        if (atomic_fetch_add(&c->reads, 1) % 50 == 0)
            integrity(db);
    } while (!atomic_load(&c->stop));
    close_db(db);
    return NULL;
}

static void *shared_brancher(void *arg) {
    crowd *c = arg;
    for (int i = 0; !atomic_load(&c->stop) && i < 300; i++) {
        char name[20];
        snprintf(name, sizeof name, "branch %d", i % 3);
        mv_store_delete(c->e->store, name, strlen(name));
        mv_version *v = pin_name(c->e, "shared");
        CHECK_EQ(mv_store_fork(c->e->store, v, name, strlen(name)), MV_OK);
        mv_version_release(v);
        sqlite3 *db = open_on(c->e, name);
        integrity(db);
        RUN_SQL(db, "DELETE FROM t WHERE rowid%%2; UPDATE counter SET n=-1");
        if (i % 4 == 0)
            RUN_SQL(db, "VACUUM");
        integrity(db);
        close_db(db);
    }
    return NULL;
}

static void start_shared(env *e) {
    sqlite3 *db = open_on(e, "shared");
    RUN_SQL(db, "CREATE TABLE counter(n); INSERT INTO counter VALUES(0); CREATE TABLE t(k, v); CREATE INDEX i ON t(v)");
    RUN_SQL(db, FILL "INSERT INTO t SELECT 0, hex(randomblob(30)) FROM n", 100);
    close_db(db);
}

static void crowd_run(uint32_t block_size, int rounds) {
    env e = env_new(block_size, 0);
    start_shared(&e);
    crowd c = {.e = &e, .rounds = rounds};
    void *(*const bodies[])(void *) = {autocommit_writer, autocommit_writer, autocommit_writer, autocommit_writer_with_sqlite_timeout, shared_brancher, shared_reader, shared_reader};
    enum { n = sizeof bodies / sizeof *bodies };
    pthread_t threads[n];
    for (int i = 0; i < n; i++)
        REQUIRE_EQ(pthread_create(&threads[i], NULL, bodies[i], &c), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&c.stop, true);
    for (int i = 4; i < n; i++)
        pthread_join(threads[i], NULL);
    sqlite3 *db = open_on(&e, "shared");
    integrity(db);
    CHECK_EQ(number(db, "SELECT n FROM counter"), atomic_load(&c.added));
    CHECK(atomic_load(&c.reads) > 0);
    close_db(db);
    env_end(&e);
}

static void writers_are_never_busy_and_readers_never_wait(void) {
    crowd_run(0, 400);
    crowd_run(512, 200);
    crowd_run(65536, 200);
}

/* A connection may be used by several threads, one at a time. Some have a timeout and some have none. */
static void *pool_body(void *arg) {
    crowd *c = arg;
    uint64_t seed = (uint64_t)(uintptr_t)&seed;
    for (int i = 0; i < c->rounds; i++) {
        pthread_mutex_lock(&c->mutex);
        sqlite3 *db = NULL;
        int at = (int)(check_random(&seed) % 4);
        for (int j = 0; j < 4 && !db; j++) {
            at = (at + 1) % 4;
            db = c->pool[at];
        }
        if (db)
            c->pool[at] = NULL;
        pthread_mutex_unlock(&c->mutex);
        if (!db)
            continue;
        sqlite3_busy_timeout(db, check_random(&seed) % 2 ? 0 : 60000);
        int rc = sqlite3_exec(db, check_random(&seed) % 4 ? "UPDATE counter SET n=n+1" : "BEGIN; SELECT * FROM counter; UPDATE counter SET n=n+1; COMMIT", NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            atomic_fetch_add(&c->added, 1);
        else
            CHECK_EQ(rc & 0xff, SQLITE_BUSY);
        if (!sqlite3_get_autocommit(db))
            RUN_SQL(db, "ROLLBACK");
        if (check_random(&seed) % 16 == 0) {
            close_db(db);
            db = open_on(c->e, "shared");
        }
        pthread_mutex_lock(&c->mutex);
        c->pool[at] = db;
        pthread_mutex_unlock(&c->mutex);
    }
    return NULL;
}

static void connections_go_from_thread_to_thread(void) {
    env e = env_new(0, 0);
    start_shared(&e);
    crowd c = {.e = &e, .rounds = 800, .mutex = PTHREAD_MUTEX_INITIALIZER};
    for (int i = 0; i < 4; i++)
        c.pool[i] = open_on(&e, "shared");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        REQUIRE_EQ(pthread_create(&threads[i], NULL, pool_body, &c), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(number(c.pool[0], "SELECT n FROM counter"), atomic_load(&c.added));
    integrity(c.pool[1]);
    for (int i = 0; i < 4; i++)
        close_db(c.pool[i]);
    env_end(&e);
}

/* Replaces the content while others read and write it. */
static void *replacing_reader(void *arg) {
    crowd *c = arg;
    sqlite3 *db = open_on(c->e, "r");
    sqlite3_stmt *stmt = prepare(db, "SELECT (SELECT count(*) FROM t), (SELECT rows FROM about)");
    sqlite3_busy_timeout(db, 60000);
    while (!atomic_load(&c->stop)) {
        int rc = sqlite3_step(stmt);
        CHECK_EQ(rc, SQLITE_ROW);
        if (rc == SQLITE_ROW)
            CHECK_EQ(sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1));
        sqlite3_reset(stmt);
        if (atomic_fetch_add(&c->reads, 1) % 4 == 0)
            RUN_SQL(db, "BEGIN IMMEDIATE; INSERT INTO t(x) VALUES('added'); UPDATE about SET rows=rows+1; COMMIT");
    }
    sqlite3_finalize(stmt);
    close_db(db);
    return NULL;
}

static void content_is_replaced_under_readers_and_writers(void) {
    env e = env_new(0, 0);
    enum { kinds = 4 };
    uint8_t *files[kinds];
    size_t sizes[kinds];
    for (int i = 0; i < kinds; i++) {
        char sql[400];
        snprintf(sql, sizeof sql, "PRAGMA page_size=%d; CREATE TABLE about(%s rows); CREATE TABLE t(%s x); INSERT INTO about(rows) VALUES(%d); " FILL "INSERT INTO t(x) SELECT hex(zeroblob(i)) FROM n",
            i == 3 ? 1024 : 4096, i % 2 ? "other," : "", i % 2 ? "" : "a, b,", 50 + i, 50 + i);
        files[i] = make_file(sql, &sizes[i]);
        if (i)
            copy_marks(files[i], files[0]);
        if (i == 3)
            memcpy(files[i] + 92, "\xff\xff\xff\xff", 4); /* the copied count of pages is not valid */
    }
    CHECK_EQ(replace(&e, "r", files[0], sizes[0], 0), MV_OK);
    crowd c = {.e = &e};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        REQUIRE_EQ(pthread_create(&threads[i], NULL, replacing_reader, &c), 0);
    for (int i = 0; i < 400 || (atomic_load(&c.reads) < 300 && !atomic_load(&check_failures)); i++)
        CHECK_EQ(replace(&e, "r", files[i % kinds], sizes[i % kinds], 60000000), MV_OK);
    atomic_store(&c.stop, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&c.reads) > 0);
    sqlite3 *db = open_on(&e, "r");
    integrity(db);
    close_db(db);
    for (int i = 0; i < kinds; i++)
        sqlite3_free(files[i]);
    env_end(&e);
}

/* ---- cells of pages, on hardened connections -------------------------------------------------------- */

/* Puts that page in the place of the second, in a transaction that changes another table. */
static void write_page(sqlite3 *db, const uint8_t *page, int n) {
    sqlite3_file *file = NULL;
    REQUIRE_EQ(sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
    RUN_SQL(db, "BEGIN IMMEDIATE; UPDATE other SET x = x + 1");
    CHECK_EQ(file->pMethods->xWrite(file, page, n, n), SQLITE_OK);
    RUN_SQL(db, "COMMIT");
}

/* A leaf or an interior page whose cell reaches out of it is found each time, by each connection, and in whatever block it comes: by a count, too, which
 * looks at no cell's content. (Not each time in blocks smaller than pages: then SQLite has them in its cache, and checks what it reads into that only once.) */
static void cells_that_reach_out(void) {
    uint64_t seed = 1;
    for (int rows = 10; rows <= 2000; rows += 1990) {
        for (uint32_t block = 0; block <= 4096; block += 4096) {
            check_context("%d rows, blocks of %u", rows, block);
            env e = env_new(block, 0);
            sqlite3 *writer = open_on(&e, "a"), *first = open_on(&e, "a"), *second = open_on(&e, "a");
            sqlite3 *const hardened[] = {first, second};
            RUN_SQL(writer, "PRAGMA page_size = 4096; CREATE TABLE t(x); CREATE TABLE other(x); INSERT INTO other VALUES (1)");
            RUN_SQL(writer, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO t SELECT zeroblob(200) FROM n", rows);
            char count[16];
            snprintf(count, sizeof count, "%d", rows);
            for (int i = 0; i < 2; i++) {
                REQUIRE_EQ(mv_engine_guard(hardened[i]), SQLITE_OK);
                mv_engine_harden(hardened[i]);
            }
            size_t n;
            uint8_t *bytes = stored_bytes(&e, "a", &n), *page = bytes + 4096, bad[4096];
            REQUIRE(n > 8192);
            REQUIRE_EQ(page[0], rows > 1000 ? 5 : 13);
            memcpy(bad, page, sizeof bad);
            bool leaf = rows < 1000;
            int at = leaf ? 8 : 12, cell = leaf ? 4090 : 4091, old = page[at] << 8 | page[at + 1];
            bad[at] = (uint8_t)(cell >> 8);
            bad[at + 1] = (uint8_t)cell;
            memset(bad + cell, leaf ? 0x60 : 0x81, sizeof bad - (size_t)cell); /* a record of 96 bytes; a key that goes on */
            if (!leaf) memcpy(bad + cell, page + old, 4); /* its child is as before */
            bool good = true;
            for (int turn = 0; turn < 60; turn++) {
                for (int i = 0; i < 4; i++) {
                    if (good) EXPECT_TEXT(hardened[i % 2], count, "SELECT count(*) FROM t");
                    else EXPECT_CODE(hardened[i % 2], SQLITE_CORRUPT, "SELECT count(*) FROM t");
                    if (turn % 2) EXPECT_TEXT(hardened[i % 2], "1", "PRAGMA cell_size_check");
                    EXPECT_TEXT(hardened[i % 2], "1", "SELECT count(*) FROM other");
                }
                for (uint64_t more = check_random(&seed) % 4; more > 0; more--) RUN_SQL(writer, "UPDATE other SET x = x + 1"); /* blocks go another way round */
                good = check_random(&seed) % 2;
                write_page(writer, good ? page : bad, sizeof bad);
            }
            free(bytes);
            for (int i = 0; i < 2; i++) close_db(hardened[i]);
            close_db(writer);
            env_end(&e);
        }
    }
}

int main(int argc, char **argv) {
    check_start(argc, argv);
    sqlite3_config(SQLITE_CONFIG_URI, 1);
    RUN(a_database_is_found_again_by_its_name);
    RUN(names_are_any_text);
    RUN(vfs_names_are_unique_and_come_free);
    RUN(a_vfs_goes_while_it_is_opened);
    RUN(readers_keep_what_they_see);
    RUN(without_locks_there_is_one_version);
    RUN(a_second_writer_is_busy);
    RUN(a_stale_reader_cannot_become_writer);
    RUN(held_rows_keep_the_read_transaction);
    RUN(sqlite_says_that_a_write_follows);
    RUN(match_goes_on_after_rollback);
    RUN(a_timer_ends_no_statement_that_is_done);
    RUN(a_waiting_writer_is_served);
    RUN(a_writer_waits_for_two_databases);
    RUN(the_pragma_of_a_write_that_follows_does_no_harm);
    RUN(exclusive_locking_mode_is_not_had);
    RUN(exclusive_locking_mode_by_another_way);
    RUN(exclusive_locking_mode_after_an_error);
    RUN(cursors_over_large_blocks_keep_little);
    RUN(a_transaction_keeps_what_it_changes_until_its_commit);
    RUN(a_transaction_keeps_no_more_when_pages_become_larger);
    RUN(a_page_is_asked_for_once_as_long_as_the_version_is_the_same);
    RUN(pages_are_those_of_the_version_that_is_read);
    RUN(an_interrupt_ends_the_wait_for_a_writer);
    RUN(write_ahead_mode_changes_nothing);
    RUN(other_pragmas_and_controls);
    RUN(vacuum_with_another_page_size_is_whole);
    RUN(attached_databases_commit_together);
    RUN(each_vfs_has_its_own_names);
    RUN(a_deleted_database_stays_for_its_connections);
    RUN(replaced_content_is_seen_though_it_looks_the_same);
    RUN(replaced_by_another_page_size);
    RUN(replaced_by_nothing_and_back);
    RUN(schema_cookies_at_the_end_of_their_range);
    RUN(replaced_by_another_text_encoding);
    RUN(replaced_by_another_text_encoding_beside_an_attached_one);
    RUN(a_backup_of_a_database_in_wal_mode_can_be_read);
    RUN(replacing_waits_for_a_writer);
    RUN(a_fork_is_a_database_of_its_own);
    RUN(a_full_store_rolls_back_and_goes_on);
    RUN(a_commit_that_was_refused_is_not_taken_for_that_of_another);
    RUN(an_empty_database_that_could_not_be_filled);
    RUN(rollback_needs_no_memory);
    RUN(rollback_beside_freed_pages);
    RUN(a_journal_is_whole_without_copies);
    RUN(a_journal_has_the_page_as_it_was_shown);
    RUN(a_journal_serves_in_the_mode_that_comes_late);
    RUN(savepoints_at_random);
    RUN(a_full_store_has_room_again);
    RUN(a_cursor_stays_open_over_commits);
    RUN(incremental_blobs);
    RUN(copies_in_and_out);
    RUN(sorts_and_temporary_tables);
    RUN(a_page_is_checked_in_each_role);
    RUN(a_connection_closes_within_a_transaction);
    RUN(explain_is_read_ahead);
    RUN(a_row_that_was_left_is_gone_after_reset);
    RUN(the_lock_page_is_a_hole);
    RUN(writers_are_never_busy_and_readers_never_wait);
    RUN(connections_go_from_thread_to_thread);
    RUN(content_is_replaced_under_readers_and_writers);
    RUN(matrix_of_pages_blocks_and_journals);
    RUN(auto_vacuum_gives_back);
    RUN(cells_that_reach_out);
    RUN_ON_DEMAND(huge_database);
    return check_end();
}
