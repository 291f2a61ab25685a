/*
 * A database that has content gets pages of another size, as a file can: by PRAGMA page_size with VACUUM, by VACUUM
 * INTO and by a backup, in our own SQLite and in another one.
 *
 *     page_size_test [WORD...]      the tests whose names hold a word; --list prints them
 */
#include "../harness/check.h"
#include "../harness/other_sqlite.h"
#include "../harness/vfs_util.h"

#define TABLE                                                                                                                                 \
    "CREATE TABLE t(k INTEGER PRIMARY KEY, v); CREATE INDEX i ON t(v);"                                                                       \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"                                                           \
    "INSERT INTO t SELECT i, CAST(zeroblob(i * 7 %% 900) AS TEXT) || i FROM n; INSERT INTO t VALUES(1000, zeroblob(150000))"
#define SUM "SELECT count(*), sum(length(CAST(v AS BLOB))), max(k) FROM t"
#define EACH_SIZE(size) (uint32_t size = 512; size <= 65536; size *= 2)

static void run_format(const char *file, int line, connection c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);
    REQUIRE(sql);
    expect_result(file, line, c, sql, "");
    sqlite3_free(sql);
}
#define RUN_IN(c, ...) run_format(__FILE__, __LINE__, c, __VA_ARGS__)

/* Our own SQLite needs no parameter. */
static connection open_resizable(const sqlite *api, const env *e, const char *name) {
    char uri[64];
    snprintf(uri, sizeof uri, "file:%s?resizable=1", name);
    return connect_to(api, api == &own ? name : uri, e->name);
}

/* What the connection, which has just read, says of its database, and how that is stored. block: bytes, 0 for as many
 * as a page has. */
static void check_pages(env *e, connection c, const char *name, uint32_t page, uint32_t block) {
    char text[16];
    snprintf(text, sizeof text, "%u", page);
    EXPECT_RESULT(c, "PRAGMA page_size", text);
    EXPECT_RESULT(c, "PRAGMA integrity_check", "ok");
    char *pages = result_of(c, "PRAGMA page_count");
    mv_version *v = pin_name(e, name);
    CHECK_EQ(mv_version_block_size(v), block ? block : page);
    CHECK_EQ(mv_version_size(v), strtoll(pages, NULL, 10) * page);
    mv_version_release(v);
    sqlite3_free(pages);
}

/* ---- VACUUM ------------------------------------------------------------------------------------------ */

/* Other connections are open meanwhile, one of them in a transaction that goes on with what it sees. */
static void vacuum_from_to(const sqlite *api, uint32_t from, uint32_t to, uint32_t block, const char *mode) {
    check_context("from %u to %u, blocks of %u, journal_mode %s", from, to, block, mode);
    env e = env_new(block, 0);
    connection db = open_resizable(api, &e, "a"), same = open_resizable(api, &e, "a"), ours = open_resizable(&own, &e, "a");
    RUN_IN(db, "PRAGMA page_size = %u; " TABLE, from);
    sqlite3_free(result_of(db, mode));
    char *sum = result_of(db, SUM);
    check_pages(&e, db, "a", from, block);
    EXPECT_RESULT(same, SUM, sum);
    EXPECT_RESULT(ours, "BEGIN; " SUM, sum);
    RUN_IN(db, "PRAGMA page_size = %u; VACUUM", to);
    check_pages(&e, db, "a", to, block);
    EXPECT_RESULT(db, SUM, sum);
    EXPECT_RESULT(same, SUM, sum);
    check_pages(&e, same, "a", to, block);
    EXPECT_RESULT(ours, SUM, sum);
    EXPECT_RESULT(ours, "PRAGMA integrity_check", "ok");
    EXPECT_RESULT(ours, "COMMIT; " SUM, sum);
    check_pages(&e, ours, "a", to, block);
    RUN_IN(same, "UPDATE t SET v = v || 'x' WHERE k %% 7 = 0; DELETE FROM t WHERE k = 1000");
    check_pages(&e, db, "a", to, block);
    sqlite3_free(sum);
    disconnect(&db);
    disconnect(&same);
    disconnect(&ours);
    env_end(&e);
    check_context("%s", "");
}

static void vacuum(const sqlite *api) {
    static const char *const modes[] = {"PRAGMA journal_mode = MEMORY", "PRAGMA journal_mode = DELETE", "PRAGMA journal_mode = PERSIST"};
    int n = 0;
    for EACH_SIZE(from) {
        for EACH_SIZE(to) vacuum_from_to(api, from, to, n % 5 ? 0 : 4096, modes[n % 3]), n++;
    }
}

static void vacuum_of_an_attached_one(const sqlite *api) {
    env e = env_new(0, 0);
    connection db = open_resizable(api, &e, "a");
    RUN_IN(db, "PRAGMA page_size = 1024; CREATE TABLE m(x); ATTACH 'file:b?vfs=%s&resizable=1' AS b; PRAGMA b.page_size = 512; CREATE TABLE b.u(x);"
           "INSERT INTO b.u VALUES(zeroblob(100000)); PRAGMA b.page_size = 8192; VACUUM b", e.name);
    EXPECT_RESULT(db, "PRAGMA b.page_size", "8192");
    EXPECT_RESULT(db, "PRAGMA main.page_size", "1024");
    EXPECT_RESULT(db, "SELECT sum(length(x)) FROM u", "100000");
    RUN_IN(db, "BEGIN; INSERT INTO m VALUES(1); INSERT INTO u VALUES(1); COMMIT; BEGIN; DELETE FROM m; DELETE FROM u; ROLLBACK");
    EXPECT_RESULT(db, "SELECT (SELECT count(*) FROM m), (SELECT count(*) FROM u)", "1,2");
    disconnect(&db);
    connection b = open_resizable(api, &e, "b");
    check_pages(&e, b, "b", 8192, 0);
    disconnect(&b);
    env_end(&e);
}

static void vacuum_into(const sqlite *api) {
    env e = env_new(0, 0);
    connection db = open_resizable(api, &e, "a");
    RUN_IN(db, "PRAGMA page_size = 2048; " TABLE);
    char *sum = result_of(db, SUM), name[16];
    for EACH_SIZE(to) {
        check_context("to %u", to);
        snprintf(name, sizeof name, "to%u", to);
        RUN_IN(db, "PRAGMA page_size = %u; VACUUM INTO 'file:%s?vfs=%s'", to, name, e.name);
        connection copy = open_resizable(api, &e, name);
        check_pages(&e, copy, name, to, 0);
        EXPECT_RESULT(copy, SUM, sum);
        disconnect(&copy);
    }
    check_context("%s", "");
    check_pages(&e, db, "a", 2048, 0);
    sqlite3_free(sum);
    disconnect(&db);
    env_end(&e);
}

/* With too little room for blocks of the new size the old ones stay; with less the database stays as it was. */
static void vacuum_at_the_limit(const sqlite *api) {
    enum { LEAST = 560000, MOST = 2200000, STEP = 20000 };
    int fitting = 0, others = 0, refused = 0;
    for (uint64_t room = LEAST; room < MOST; room += STEP) {
        env e = env_new(0, room);
        connection db = open_resizable(api, &e, "a");
        check_context("room for %" PRIu64, room);
        RUN_IN(db, "PRAGMA page_size = 512; " TABLE);
        char *sum = result_of(db, SUM), *done = result_of(db, "PRAGMA page_size = 4096; VACUUM");
        uint32_t block = 512;
        bool vacuumed = strcmp(done, "") == 0;
        if (vacuumed) {
            mv_version *v = pin_name(&e, "a");
            block = mv_version_block_size(v);
            mv_version_release(v);
        } else {
            CHECK_STR(done, "error 13");
        }
        check_pages(&e, db, "a", vacuumed ? 4096 : 512, block);
        EXPECT_RESULT(db, SUM, sum);
        fitting += vacuumed && block == 4096;
        others += vacuumed && block == 512;
        refused += !vacuumed;
        sqlite3_free(sum);
        sqlite3_free(done);
        disconnect(&db);
        env_end(&e);
    }
    check_context("%s", "");
    CHECK(fitting > 0);
    CHECK(others > 0);
    CHECK(refused > 0);
}

/* ---- backup ------------------------------------------------------------------------------------------- */

static void back_up(connection to, connection from, int expected) {
    sqlite3_backup *backup = to.api->backup_init(to.db, "main", from.db, "main");
    REQUIRE(backup);
    CHECK_EQ(to.api->backup_step(backup, 3), expected == SQLITE_DONE ? SQLITE_OK : expected);
    CHECK_EQ(to.api->backup_step(backup, -1), expected);
    CHECK_EQ(to.api->backup_finish(backup), expected == SQLITE_DONE ? SQLITE_OK : expected);
}

/* Over content, while others have it open. */
static void backup(const sqlite *api) {
    for EACH_SIZE(from) {
        connection source = {.api = api};
        REQUIRE_EQ(api->open_v2(":memory:", &source.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
        RUN_IN(source, "PRAGMA page_size = %u; CREATE TABLE more(x); " TABLE, from);
        char *sum = result_of(source, SUM);
        for EACH_SIZE(to) {
            check_context("from %u to %u", from, to);
            env e = env_new(0, 0);
            connection db = open_resizable(api, &e, "a"), reader = open_resizable(&own, &e, "a");
            RUN_IN(db, "PRAGMA page_size = %u; CREATE TABLE old(x); INSERT INTO old VALUES(zeroblob(%d))", to, to % 3 == 1 ? 900000 : 1000);
            EXPECT_RESULT(reader, "SELECT count(*) FROM old", "1");
            back_up(db, source, SQLITE_DONE);
            EXPECT_RESULT(db, SUM, sum);
            check_pages(&e, db, "a", from, 0);
            EXPECT_RESULT(reader, SUM, sum);
            check_pages(&e, reader, "a", from, 0);
            RUN_IN(reader, "INSERT INTO more SELECT v FROM t");
            EXPECT_RESULT(db, "SELECT count(*) FROM more", "201");
            disconnect(&db);
            disconnect(&reader);
            env_end(&e);
        }
        sqlite3_free(sum);
        disconnect(&source);
    }
    check_context("%s", "");
}

/* Without the parameter SQLite takes the database for one in memory, whose page size stays. */
static void without_the_parameter(void) {
    if (!other.open_v2) return;
    env e = env_new(0, 0);
    connection db = connect_to(&other, "a", e.name), source = open_resizable(&other, &e, "source");
    RUN_IN(db, "PRAGMA page_size = 1024; CREATE TABLE old(x); PRAGMA page_size = 2048; VACUUM");
    check_pages(&e, db, "a", 1024, 0);
    RUN_IN(source, "PRAGMA page_size = 512; CREATE TABLE t(x)");
    back_up(db, source, SQLITE_READONLY);
    check_pages(&e, db, "a", 1024, 0);
    disconnect(&db);
    disconnect(&source);
    env_end(&e);
}

/* Blocks for which there was no room get the pages' size once all is written again, and there is. */
static void blocks_follow_later(void) {
    env e = env_new(0, 3000000);
    uint32_t block = 0;
    connection ballast = open_resizable(&own, &e, "ballast");
    for (int bytes = 2300000; block != 512; bytes -= 20000) {
        connection db = open_resizable(&own, &e, "a");
        RUN_IN(db, "DROP TABLE IF EXISTS t; VACUUM; PRAGMA page_size = 512; VACUUM; " TABLE);
        RUN_IN(ballast, "CREATE TABLE b(x); INSERT INTO b VALUES(zeroblob(%d))", bytes);
        char *done = result_of(db, "PRAGMA page_size = 4096; VACUUM");
        mv_version *v = pin_name(&e, "a");
        if (strcmp(done, "") == 0) block = mv_version_block_size(v);
        mv_version_release(v);
        RUN_IN(ballast, "DROP TABLE b; VACUUM");
        if (block == 512) { /* there was no room, and now there is */
            RUN_IN(db, "INSERT INTO t VALUES(1001, 1)");
            v = pin_name(&e, "a");
            CHECK_EQ(mv_version_block_size(v), 512);
            mv_version_release(v);
            RUN_IN(db, "VACUUM");
            check_pages(&e, db, "a", 4096, 0);
        }
        REQUIRE(block != 4096);
        sqlite3_free(done);
        disconnect(&db);
    }
    disconnect(&ballast);
    env_end(&e);
}

/* One that is given up leaves all as it was. */
static void backup_given_up(const sqlite *api) {
    env e = env_new(0, 0);
    connection source = open_resizable(api, &e, "source"), db = open_resizable(api, &e, "a");
    RUN_IN(source, "PRAGMA page_size = 512; " TABLE);
    RUN_IN(db, "PRAGMA page_size = 4096; CREATE TABLE old(x); INSERT INTO old VALUES(zeroblob(100000))");
    sqlite3_backup *backup = api->backup_init(db.db, "main", source.db, "main");
    REQUIRE(backup);
    CHECK_EQ(api->backup_step(backup, 20), SQLITE_OK);
    CHECK_EQ(api->backup_finish(backup), SQLITE_OK);
    check_pages(&e, db, "a", 4096, 0);
    EXPECT_RESULT(db, "SELECT length(x) FROM old", "100000");
    disconnect(&source);
    disconnect(&db);
    env_end(&e);
}

/* ---- both ---------------------------------------------------------------------------------------------- */

static void vacuum_own(void) { vacuum(&own); }
static void vacuum_other(void) { if (other.open_v2) vacuum(&other); }
static void vacuum_of_an_attached_one_own(void) { vacuum_of_an_attached_one(&own); }
static void vacuum_of_an_attached_one_other(void) { if (other.open_v2) vacuum_of_an_attached_one(&other); }
static void vacuum_into_own(void) { vacuum_into(&own); }
static void vacuum_into_other(void) { if (other.open_v2) vacuum_into(&other); }
static void vacuum_at_the_limit_own(void) { vacuum_at_the_limit(&own); }
static void vacuum_at_the_limit_other(void) { if (other.open_v2) vacuum_at_the_limit(&other); }
static void backup_own(void) { backup(&own); }
static void backup_other(void) { if (other.open_v2) backup(&other); }
static void backup_given_up_own(void) { backup_given_up(&own); }
static void backup_given_up_other(void) { if (other.open_v2) backup_given_up(&other); }

int main(int argc, char **argv) {
    check_start(argc, argv);
    load_other();
    RUN(vacuum_own);
    RUN(vacuum_other);
    RUN(vacuum_of_an_attached_one_own);
    RUN(vacuum_of_an_attached_one_other);
    RUN(vacuum_into_own);
    RUN(vacuum_into_other);
    RUN(vacuum_at_the_limit_own);
    RUN(vacuum_at_the_limit_other);
    RUN(backup_own);
    RUN(backup_other);
    RUN(without_the_parameter);
    RUN(blocks_follow_later);
    RUN(backup_given_up_own);
    RUN(backup_given_up_other);
    return check_end();
}
