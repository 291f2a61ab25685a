/* What we assume of SQLite's inside, where no other test would fail if a new SQLite broke it: sqlite_inside.h. Seen
 * from outside, by what a program gets. */
#include "../harness/check.h"
#include "engine/engine.h"
#include "vfs/journal.h"
#include "engine/rows.h"
#include "../harness/vfs_util.h"

/* A query whose rows were read ahead to their end: SQLite has ended it, and the program is on the first of them. */
typedef struct on_rows {
    sqlite3_stmt *stmt;
    bool held;
    int rows;
} on_rows;

static on_rows read_ahead(sqlite3 *db, const char *sql) {
    enum { TRIES = 10000 };
    char memory[MV_ROWS_MEMORY];
    on_rows o = {.stmt = NULL};
    REQUIRE_EQ(sqlite3_prepare_v2(db, sql, -1, &o.stmt, NULL), SQLITE_OK);
    for (int i = 0; i < TRIES; i++) {
        mv_fetch f = {.start = true, .ahead = true, .most = 100, .memory = memory, .room = sizeof memory};
        int rc = mv_rows_fetch(o.stmt, &f);
        o.held = f.held;
        o.rows = f.rows;
        if (rc == SQLITE_DONE) return o;
        REQUIRE_EQ(rc, SQLITE_ROW); /* on a busy machine the first took so long that no more were read */
    }
    check_fail(__FILE__, __LINE__, "%s: never read to its end", sql);
    return o;
}

static void leave_rows(sqlite3 *db, on_rows *o) {
    if (o->held) mv_engine_release_rows(db);
    CHECK_EQ(mv_engine_end(o->stmt, sqlite3_finalize), SQLITE_OK);
}

/* As Java runs a statement. */
static int run_entered(sqlite3 *db, const char *sql) {
    mv_limits limits;
    int rc = mv_engine_enter(db, &limits);
    if (rc == SQLITE_OK) rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return mv_engine_leave(db, &limits, rc);
}

static int txn_state_entered(sqlite3 *db) {
    mv_limits limits;
    CHECK_EQ(mv_engine_enter(db, &limits), SQLITE_OK);
    int state = sqlite3_txn_state(db, "main");
    mv_engine_leave(db, &limits, SQLITE_OK);
    return state;
}

/* Vdbe.bIsReader */
static void what_reads_nothing_is_not_held(void) {
    static const struct {
        const char *sql;
        bool reads;
    } queries[] = {
        {"SELECT 1", false},
        {"SELECT last_insert_rowid()", false},
        {"VALUES (1), (2)", false},
        {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n", false},
        {"SELECT value FROM json_each('[1, 2]')", true}, /* as all virtual tables */
        {"PRAGMA busy_timeout", false},
        {"SELECT * FROM t", true},
        {"SELECT count(*) FROM t", true},
        {"SELECT 1 WHERE EXISTS (SELECT 1 FROM t)", true},
        {"PRAGMA user_version", true},
    };
    env e = env_new(0, 0);
    sqlite3 *db = open_guarded(&e, "a");
    RUN_SQL(db, "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (3)");
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        check_context("%s", queries[i].sql);
        on_rows o = read_ahead(db, queries[i].sql);
        CHECK(o.rows > 0);
        CHECK_EQ(o.held, queries[i].reads);
        CHECK_EQ(txn_state_entered(db), queries[i].reads ? SQLITE_TXN_READ : SQLITE_TXN_NONE);
        leave_rows(db, &o);
        CHECK_EQ(txn_state_entered(db), SQLITE_TXN_NONE);
    }
    check_context("%s", "");
    close_db(db);
    env_end(&e);
}

/* sqlite3.nVdbeActive, sqlite3.nVdbeRead, Btree.inTrans: with rows held SQLite does what it does while a query runs. */
static void rows_held_run(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_guarded(&e, "a"), *other = open_guarded(&e, "a");
    RUN_SQL(db, "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (3); CREATE TABLE u(x)");
    on_rows o = read_ahead(db, "SELECT x FROM t");
    CHECK(o.held);
    CHECK_EQ(run_entered(db, "VACUUM"), SQLITE_ERROR); /* nVdbeActive: SQL statements in progress */
    RUN_SQL(other, "INSERT INTO u VALUES (1)");
    CHECK_EQ(run_entered(db, "SELECT 1; BEGIN; SELECT count(*) FROM u; COMMIT"), SQLITE_OK);
    CHECK_EQ(txn_state_entered(db), SQLITE_TXN_READ); /* nVdbeRead: no statement that ends has ended it */
    mv_limits limits;
    REQUIRE_EQ(mv_engine_enter(db, &limits), SQLITE_OK);
    EXPECT_TEXT(db, "0", "SELECT count(*) FROM u"); /* what the query sees */
    mv_engine_leave(db, &limits, SQLITE_OK);
    CHECK_EQ(run_entered(db, "INSERT INTO u VALUES (2)"), SQLITE_BUSY_SNAPSHOT);
    leave_rows(db, &o);
    CHECK_EQ(run_entered(db, "INSERT INTO u VALUES (2)"), SQLITE_OK);
    EXPECT_TEXT(db, "2", "SELECT count(*) FROM u");
    CHECK_EQ(run_entered(db, "VACUUM"), SQLITE_OK);
    close_db(other);
    close_db(db);
    env_end(&e);
}

/* sqlite3.u1.isInterrupted: rows held are none that an interrupt could end,
    so it does not wait for the next statement. */
static void an_interrupt_is_over(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_guarded(&e, "a");
    RUN_SQL(db, "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (3)");
    on_rows o = read_ahead(db, "SELECT x FROM t");
    CHECK(o.held);
    sqlite3_interrupt(db);
    CHECK_EQ(run_entered(db, "SELECT count(*) FROM t"), SQLITE_OK);
    leave_rows(db, &o);
    close_db(db);
    env_end(&e);
}

/* BTS_INITIALLY_EMPTY: ROLLBACK TO the savepoint that began the transaction does not take the file for still empty. */
static void a_savepoint_on_what_was_empty(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_guarded(&e, "a"), *other = open_guarded(&e, "a");
    EXPECT_TEXT(db, "0", "SELECT count(*) FROM sqlite_schema"); /* it is empty */
    RUN_SQL(other, "CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    RUN_SQL(db, "SAVEPOINT s; CREATE TABLE u(x); ROLLBACK TO s; RELEASE s");
    EXPECT_TEXT(db, "1", "SELECT x FROM t");
    integrity(db);
    EXPECT_TEXT(other, "1", "SELECT x FROM t");
    close_db(other);
    close_db(db);
    env_end(&e);
}

/* Pager.memVfs and the like: what makes SQLite open its journal in memory, where ours is put. The file shows whether it
 * was: nothing else takes a copy of a page. */
static void the_journal_is_ours(void) {
    env e = env_new(0, 0);
    sqlite3 *db = open_guarded(&e, "a");
    RUN_SQL(db, "PRAGMA cache_size = 2000; CREATE TABLE t(x); INSERT INTO t SELECT zeroblob(3000) FROM "
        "json_each('[1,2,3,4,5,6,7,8,9]')");
    for (int mode = 0; mode < 2; mode++) {
        sqlite3_file *journal = NULL;
        RUN_SQL(db, "BEGIN; UPDATE t SET x = zeroblob(3001)");
        REQUIRE_EQ(sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal), SQLITE_OK);
        REQUIRE(journal);
        CHECK(mv_journal_is(journal));
        RUN_SQL(db, mode ? "ROLLBACK" : "COMMIT");
        CHECK(!journal->pMethods); /* closed */
    }
    close_db(db);
    env_end(&e);
}

int main(int argc, char **argv) {
    check_start(argc, argv);
    RUN(what_reads_nothing_is_not_held);
    RUN(rows_held_run);
    RUN(an_interrupt_is_over);
    RUN(a_savepoint_on_what_was_empty);
    RUN(the_journal_is_ours);
    return check_end();
}
