/*
 * Commits that meet maxBytes, or are refused memory: a transaction on several databases of a VFS is published in all of them or in none.
 *
 *     limit_test [WORD...]      the tests whose names hold a word; --list prints them
 */
#include "../harness/check.h"
#include "../harness/other_sqlite.h"
#include "../harness/vfs_util.h"

/* ---- refused memory --------------------------------------------------------------------------------- */

static sqlite3_mem_methods system_memory;
static int64_t refuse_at, seen; /* the allocation that fails, 0 for none; one thread only */

static void *refusing_malloc(int n) {
    if (refuse_at && ++seen >= refuse_at) return NULL;
    return system_memory.xMalloc(n);
}

static void take_memory_over(void) {
    REQUIRE_EQ(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory), SQLITE_OK);
    sqlite3_mem_methods refusing = system_memory;
    refusing.xMalloc = refusing_malloc;
    REQUIRE_EQ(sqlite3_config(SQLITE_CONFIG_MALLOC, &refusing), SQLITE_OK);
}

/* ---- two databases ---------------------------------------------------------------------------------- */

#define ROWS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)"

/* One becomes longer and one shorter, both become shorter, or neither. */
static const char *const changes[] = {
    "BEGIN; INSERT INTO t SELECT zeroblob(500) FROM t LIMIT 9; DELETE FROM u WHERE rowid > 250",
    "BEGIN; DELETE FROM t WHERE rowid > 250; INSERT INTO u SELECT zeroblob(500) FROM u LIMIT 9",
    "BEGIN; DELETE FROM t WHERE rowid > 400; DELETE FROM u WHERE rowid > 250",
    "BEGIN; UPDATE t SET x = x || 1 WHERE rowid < 4; UPDATE u SET x = x || 1 WHERE rowid < 4",
    "BEGIN; INSERT INTO t SELECT zeroblob(500) FROM t LIMIT 9; DROP TABLE v",
};
enum { KINDS = sizeof changes / sizeof *changes };

/* a and b with their first rows, both open on one connection. */
static connection two_databases(const sqlite *api, const env *e, const char *mode) {
    char sql[300];
    connection c = connect_to(api, "a", e->name);
    snprintf(sql, sizeof sql, "PRAGMA page_size = 1024; PRAGMA auto_vacuum = FULL; ATTACH 'file:b?vfs=%s' AS b; PRAGMA b.page_size = 1024; PRAGMA b.auto_vacuum = FULL", e->name);
    EXPECT_RESULT(c, sql, "");
    snprintf(sql, sizeof sql, "PRAGMA main.journal_mode = %s; PRAGMA b.journal_mode = %s", mode, mode);
    sqlite3_free(result_of(c, sql));
    EXPECT_RESULT(c, "CREATE TABLE main.t(x); CREATE TABLE b.u(x); CREATE TABLE b.v(x);"
                  ROWS "INSERT INTO t SELECT zeroblob(500) FROM n;" ROWS "INSERT INTO u SELECT zeroblob(500) FROM n;" ROWS "INSERT INTO v SELECT zeroblob(500) FROM n", "");
    return c;
}

static int64_t rows_in(const env *e, const char *sql, const char *name) {
    connection c = connect_to(&own, name, e->name);
    char *text = result_of(c, sql);
    int64_t n = strtoll(text, NULL, 10);
    sqlite3_free(text);
    EXPECT_RESULT(c, "PRAGMA integrity_check", "ok");
    disconnect(&c);
    return n;
}

/* A number that the change changes. */
static int64_t state_of(const env *e, const char *name) {
    return rows_in(e, name[0] == 'a' ? "SELECT count(*) * 1000000 + sum(length(x)) FROM t" : "SELECT count(*) * 1000000 + sum(length(x)) + (SELECT count(*) FROM sqlite_schema) FROM u", name);
}

/* Whether the commit succeeded. What the connection itself sees is what is stored. */
static bool commit_is_whole(connection c, const env *e, int64_t a, int64_t b) {
    bool done = c.api->exec(c.db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
    refuse_at = 0;
    sqlite3_free(result_of(c, "ROLLBACK")); /* unless SQLite has */
    CHECK_EQ(state_of(e, "a") != a, done);
    CHECK_EQ(state_of(e, "b") != b, done);
    sqlite3_free(result_of(c, "SELECT 1 FROM t, u LIMIT 1"));
    EXPECT_RESULT(c, "PRAGMA integrity_check", "ok");
    return done;
}

static const char *const modes[] = {"MEMORY", "DELETE", "TRUNCATE", "PERSIST"};

/* Memory of a store that is in use elsewhere: by transactions on other databases, with blocks of three sizes. */
enum { SIZES = 3, PIECE = 512 }; /* the smallest block; a node of a block table has as much */

typedef struct piece {
    mv_database *db;
    mv_version *base;
    mv_txn *txn;
} piece;

static piece begin_piece(const env *e, const char *name) {
    piece p;
    REQUIRE_EQ(mv_store_open(e->store, name, strlen(name), true, &p.db), MV_OK);
    REQUIRE_EQ(mv_write_lock(p.db, e), MV_OK);
    p.base = mv_database_pin(p.db);
    REQUIRE_EQ(mv_txn_begin(p.db, p.base, &p.txn), MV_OK);
    return p;
}

static void drop_piece(piece *p) {
    mv_txn_drop(p->txn);
    mv_version_release(p->base);
    mv_database_release(p->db);
}

/* Writes so many blocks, or less if the limit is reached. */
static void fill_piece(const piece *p, size_t size, int count) {
    static const char ones[65536] = {1};
    for (int i = 0; i < count && mv_txn_write(p->txn, ones, size, mv_txn_size(p->txn)) == MV_OK; i++);
}

/* Leaves room for about that many of the smallest blocks, and for none if it is 0. */
static void fill_up(piece ballast[SIZES], const env *e, int room) {
    static const size_t sizes[SIZES] = {65536, 4096, PIECE};
    static const char *const names[SIZES] = {"ballast 0", "ballast 1", "ballast 2"};
    piece spare = begin_piece(e, "spare");
    fill_piece(&spare, PIECE, room);
    for (int i = 0; i < SIZES; i++) {
        ballast[i] = begin_piece(e, names[i]);
        fill_piece(&ballast[i], sizes[i], INT32_MAX);
    }
    mv_write_unlock(spare.db, e);
    drop_piece(&spare);
}

static void drop_ballast(piece ballast[SIZES], const env *e) {
    for (int i = 0; i < SIZES; i++) {
        mv_write_unlock(ballast[i].db, e);
        drop_piece(&ballast[i]);
    }
}

/* The limit is met at each of the steps of a commit. What failed is tried again with more room, by the same connection. */
static void at_each_limit(const sqlite *api) {
    for (int run = 0; run < KINDS * 4; run++) {
        env e = env_new(0, 6 << 20);
        connection c = two_databases(api, &e, modes[run / KINDS]);
        int64_t a = state_of(&e, "a"), b = state_of(&e, "b");
        bool done = false;
        for (int room = 0; !done && room < 4000; room += room < 12 ? 1 : room / 3) {
            check_context("journal_mode %s, change %d, room for %d pieces", modes[run / KINDS], run % KINDS, room);
            piece all[SIZES];
            mv_version *pins[] = {pin_name(&e, "a"), pin_name(&e, "b")}; /* readers: publishing one frees nothing for the other */
            EXPECT_RESULT(c, changes[run % KINDS], "");
            fill_up(all, &e, room);
            done = commit_is_whole(c, &e, a, b);
            CHECK(room > 0 || !done);
            for (int i = 0; i < 2; i++) mv_version_release(pins[i]);
            drop_ballast(all, &e);
        }
        CHECK(done);
        disconnect(&c);
        env_end(&e);
    }
    check_context("%s", "");
}

/* From some allocation on this library, and its own SQLite if it is that, gets no memory. */
static void without_memory(const sqlite *api) {
    for (int run = 0; run < KINDS * 4; run++) {
        env e = env_new(0, 0);
        connection c = two_databases(api, &e, modes[run / KINDS]);
        bool done = false;
        for (int64_t at = 1; !done && at < 2000; at += 1 + at / 8) {
            check_context("journal_mode %s, change %d, allocation %" PRId64, modes[run / KINDS], run % KINDS, at);
            int64_t a = state_of(&e, "a"), b = state_of(&e, "b");
            EXPECT_RESULT(c, changes[run % KINDS], "");
            seen = 0;
            refuse_at = at;
            done = commit_is_whole(c, &e, a, b);
        }
        CHECK(done);
        disconnect(&c);
        env_end(&e);
    }
    check_context("%s", "");
}

/*
 * What another's SQLite does at the end of a commit on several files, when the first of them is published: it shortens this one, and commits it. By then nothing
 * may fail, with no memory left. (Our own SQLite says beforehand whether it will shorten the file: here nobody does.)
 */
static void a_prepared_commit_is_shortened(void) {
    enum { PAGES = 300, LESS = 200, PAGE = 1024 };
    sqlite3_filename name = sqlite3_create_filename("a", "a-journal", "a-wal", 0, NULL);
    REQUIRE(name);
    env e = env_new(0, 1 << 20);
    connection c = connect_to(&own, "a", e.name);
    EXPECT_RESULT(c, "PRAGMA page_size = 1024; CREATE TABLE t(x);" ROWS "INSERT INTO t SELECT zeroblob(900) FROM n WHERE i < 290", "");
    disconnect(&c);
    sqlite3_vfs *vfs = sqlite3_vfs_find(e.name);
    REQUIRE(vfs);
    sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
    REQUIRE(file);
    REQUIRE_EQ(vfs->xOpen(vfs, name, file, SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    const sqlite3_io_methods *methods = file->pMethods;
    static const int locks[] = {SQLITE_LOCK_SHARED, SQLITE_LOCK_RESERVED, SQLITE_LOCK_EXCLUSIVE};
    for (int i = 0; i < 3; i++) REQUIRE_EQ(methods->xLock(file, locks[i]), SQLITE_OK);
    uint8_t page[PAGE];
    CHECK_EQ(methods->xRead(file, page, PAGE, 0), SQLITE_OK);
    page[99]++;
    CHECK_EQ(methods->xWrite(file, page, PAGE, 0), SQLITE_OK);
    CHECK_EQ(methods->xFileControl(file, SQLITE_FCNTL_SYNC, NULL), SQLITE_OK);
    piece all[SIZES];
    fill_up(all, &e, 0);
    CHECK_EQ(methods->xTruncate(file, LESS * PAGE), SQLITE_OK);
    CHECK_EQ(methods->xFileControl(file, SQLITE_FCNTL_COMMIT_PHASETWO, NULL), SQLITE_OK);
    CHECK_EQ(methods->xUnlock(file, SQLITE_LOCK_NONE), SQLITE_OK);
    CHECK_EQ(methods->xClose(file), SQLITE_OK);
    CHECK_EQ(stored_size(&e, "a"), LESS * PAGE);
    drop_ballast(all, &e);
    free(file);
    sqlite3_free_filename(name);
    env_end(&e);
}

static void at_each_limit_own(void) { at_each_limit(&own); }
static void at_each_limit_other(void) { if (other.open_v2) at_each_limit(&other); }
static void without_memory_own(void) { without_memory(&own); }
static void without_memory_other(void) { if (other.open_v2) without_memory(&other); }

int main(int argc, char **argv) {
    check_start(argc, argv);
    take_memory_over();
    load_other();
    RUN(a_prepared_commit_is_shortened);
    RUN(at_each_limit_own);
    RUN(at_each_limit_other);
    RUN(without_memory_own);
    RUN(without_memory_other);
    return check_end();
}
