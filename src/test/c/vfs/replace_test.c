/*
 * Content that is replaced under open connections, compared with what a fresh connection sees.
 *
 *     replace_test                   some hundred seeds, which begin at one that is printed
 *     replace_test FIRST COUNT       COUNT seeds from FIRST on; several processes may share the work
 *
 * A seed is a life of one database: connections of our own SQLite, and of the system's if it is there, keep prepared statements while
 * the content is replaced by images that are made to be mistaken for each other: other tables and columns under the same names, equal
 * change counters and schema cookies, cookies that wrap around, other page sizes, and nothing at all.
 *
 *  - What a connection reads is what a connection reads that was opened for this one query.
 *  - What a connection writes is written on a fork of the database first, by a connection that is opened for it: result and content
 *    must be the same.
 *  - PRAGMA data_version changes exactly if another connection has committed, or content was replaced.
 */
#include "../harness/check.h"
#include "../harness/other_sqlite.h"
#include "../harness/sql_util.h"
#include "../harness/vfs_util.h"

/* ---- images ----------------------------------------------------------------------------------------- */

#define IMAGES 12

static struct {
    uint8_t *bytes;
    size_t n;
} images[IMAGES]; /* the last two are empty */

#define COUNTER_AT 24
#define COOKIE_AT 40
#define VALID_FOR_AT 92

static void put4(uint8_t *to, uint32_t value) {
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The same marks for all of a group, so that by them one is the other. */
static void mark(int image, uint32_t counter, uint32_t cookie) {
    put4(images[image].bytes + COUNTER_AT, counter);
    put4(images[image].bytes + VALID_FOR_AT, counter);
    put4(images[image].bytes + COOKIE_AT, cookie);
}

static void make_images(void) {
    static const char *const sql[IMAGES - 2] = {
        "CREATE TABLE t(x, y); INSERT INTO t VALUES(1, 'one'), (2, 'two')",
        "CREATE TABLE t(y, x); INSERT INTO t VALUES('drei', 3), ('vier', 4)",
        "CREATE TABLE u(a); CREATE TABLE t(x); INSERT INTO t VALUES(5); INSERT INTO u VALUES(6), (7)",
        "CREATE TABLE u(x, y); INSERT INTO u VALUES('u', 8)",
        "CREATE TABLE other(z); INSERT INTO other VALUES(9)",
        "CREATE TABLE t(x PRIMARY KEY, y) WITHOUT ROWID; INSERT INTO t VALUES(10, 11); CREATE INDEX i ON t(y)",
        "PRAGMA page_size=1024; CREATE TABLE t(a, b, x); INSERT INTO t VALUES(12, 13, 14)",
        "PRAGMA page_size=512; PRAGMA auto_vacuum=FULL; CREATE TABLE u(q); CREATE TABLE t(q, x, y); INSERT INTO t VALUES(15, 16, 17)",
        "PRAGMA page_size=65536; CREATE TABLE t(x); CREATE VIEW u AS SELECT x AS a, 18 AS b FROM t; INSERT INTO t VALUES(19)",
        "PRAGMA user_version=20",
    };
    for (int i = 0; i < IMAGES - 2; i++) images[i].bytes = make_file(sql[i], &images[i].n);
    mark(0, 1, 0);
    mark(1, 1, 0);
    mark(2, 1, 1);
    mark(3, 1, 1);
    mark(4, 2, UINT32_MAX);
    mark(5, 2, 0);
    mark(9, 1, 0x7fffffff);
}

/* ---- users ------------------------------------------------------------------------------------------ */

static const char *const queries[] = {
    "SELECT * FROM t",
    "SELECT x FROM t",
    "SELECT count(*), max(x) FROM t",
    "SELECT * FROM u",
    "SELECT t.*, u.* FROM t, u",
    "SELECT type, name, tbl_name, sql FROM sqlite_schema",
    "SELECT count(*) FROM z",
    "PRAGMA table_info(t)",
    "PRAGMA user_version",
    "SELECT y FROM t ORDER BY y",
};
static const char *const writes[] = {
    "INSERT INTO t(x) VALUES(100)",
    "INSERT INTO t VALUES(101, 102)",
    "UPDATE t SET x = 'changed ' || x",
    "DELETE FROM t",
    "CREATE TABLE z(y)",
    "CREATE TABLE t(z, x)",
    "CREATE TABLE u(x)",
    "DROP TABLE t",
    "ALTER TABLE t ADD COLUMN more",
    "CREATE INDEX j ON t(x)",
    "INSERT INTO z VALUES(103)",
    "INSERT INTO u SELECT x FROM t",
    "INSERT INTO t SELECT * FROM t",
    "PRAGMA user_version = 104",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO t(x) SELECT zeroblob(1000) || i FROM n",
};
enum { QUERIES = sizeof queries / sizeof *queries, WRITES = sizeof writes / sizeof *writes, USERS = 4 };

typedef struct user {
    connection connection;
    sqlite3_stmt *query[QUERIES], *write[WRITES]; /* NULL: not prepared yet */
    char *data_version;                           /* as it was read last; NULL: not yet */
    bool others;                                  /* have committed since */
} user;

typedef struct life {
    env e;
    uint64_t seed;
    user users[USERS];
    char trail[4000]; /* what was done, for who looks into a failure */
} life;

static uint64_t below(life *l, uint64_t n) {
    return check_random(&l->seed) % n;
}

static void close_user(user *u) {
    for (int i = 0; i < QUERIES; i++) u->connection.api->finalize(u->query[i]);
    for (int i = 0; i < WRITES; i++) u->connection.api->finalize(u->write[i]);
    sqlite3_free(u->data_version);
    disconnect(&u->connection);
    *u = (user){.data_version = NULL};
}

/*
 * SQLite looks whether its schema is still valid when a table or column is not found. Other errors of a statement that it compiles, for example too many
 * values for a table, it reports as they are by the schema that it has, on files, too: these are tried again once it has looked.
 */
static int compile(connection c, const char *sql, sqlite3_stmt **stmt) {
    int rc = c.api->prepare_v2(c.db, sql, -1, stmt, NULL);
    if (rc != SQLITE_ERROR || strstr(c.api->errmsg(c.db), "no such")) return rc;
    sqlite3_stmt *look;
    REQUIRE_EQ(c.api->prepare_v2(c.db, "SELECT 1 FROM sqlite_schema", -1, &look, NULL), SQLITE_OK);
    c.api->step(look);
    c.api->finalize(look);
    return c.api->prepare_v2(c.db, sql, -1, stmt, NULL);
}

/* The rows, or the code of the error. For sqlite3_free. `kept`: the statement, which is prepared if it is not there; NULL: for this time only. */
static char *rows_of(connection c, const char *sql, sqlite3_stmt **kept) {
    sqlite3_stmt *once = NULL, **stmt = kept ? kept : &once;
    char *text = sqlite3_mprintf("");
    int rc = *stmt ? SQLITE_OK : compile(c, sql, stmt);
    while (!rc && (rc = c.api->step(*stmt)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        for (int i = 0; i < c.api->column_count(*stmt); i++) {
            const unsigned char *value = c.api->column_text(*stmt, i);
            text = sqlite3_mprintf("%z%s%s", text, i ? "," : text[0] ? "|" : "", value ? (const char *)value : "NULL");
        }
    }
    if (rc != SQLITE_DONE) text = sqlite3_mprintf("%zerror %d", text, rc & 0xff);
    bool compiled_again = kept && *kept && rc == SQLITE_ERROR && !strstr(c.api->errmsg(c.db), "no such");
    c.api->reset(*stmt);
    if (compiled_again) { /* because the connection has changed the schema itself: as in compile() */
        c.api->finalize(*kept);
        *kept = NULL;
        sqlite3_free(text);
        return rows_of(c, sql, NULL);
    }
    if (!kept) c.api->finalize(once);
    return text;
}

/* All that is in the database of that name. For sqlite3_free. */
static char *content(life *l, const char *name) {
    connection c = connect_to(&own, name, l->e.name);
    char *text = rows_of(c, "SELECT type, name, sql FROM sqlite_schema ORDER BY rowid", NULL);
    sqlite3_stmt *tables = prepare(c.db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    while (sqlite3_step(tables) == SQLITE_ROW) {
        char *sql = sqlite3_mprintf("SELECT * FROM \"%w\" ORDER BY 1", sqlite3_column_text(tables, 0)), *rows = rows_of(c, sql, NULL);
        text = sqlite3_mprintf("%z\n%z", text, rows);
        sqlite3_free(sql);
    }
    sqlite3_finalize(tables);
    char *check = rows_of(c, "PRAGMA integrity_check", NULL);
    CHECK_STR(check, "ok");
    sqlite3_free(check);
    disconnect(&c);
    return text;
}

static void log_step(life *l, const char *format, ...) {
    va_list args;
    va_start(args, format);
    size_t n = strlen(l->trail);
    if (n < sizeof l->trail - 1) vsnprintf(l->trail + n, sizeof l->trail - n, format, args);
    va_end(args);
}

static bool same(life *l, const char *what, char *actual, char *expected) {
    bool equal = strcmp(actual, expected) == 0;
    if (!equal) {
        check_fail(__FILE__, __LINE__, "%s is '%.300s', not '%.300s'", what, actual, expected);
        printf("after%s\n", l->trail);
    }
    sqlite3_free(actual);
    sqlite3_free(expected);
    return equal;
}

static void others_committed(life *l, const user *by) {
    for (int i = 0; i < USERS; i++) l->users[i].others |= &l->users[i] != by;
}

/* ---- steps: each returns false after a failure ------------------------------------------------------ */

static bool replace_content(life *l) {
    int i = (int)below(l, IMAGES);
    log_step(l, "; image %d", i);
    REQUIRE_EQ(replace(&l->e, "a", images[i].bytes, images[i].n, 0), MV_OK);
    others_committed(l, NULL);
    return true;
}

static bool compare_query(life *l, int number) {
    user *u = &l->users[number];
    connection fresh = connect_to(&own, "a", l->e.name);
    int i = (int)below(l, QUERIES);
    bool keep = below(l, 3) > 0;
    log_step(l, "; %d %s%s", number, keep ? "kept " : "", queries[i]);
    char *expected = rows_of(fresh, queries[i], NULL);
    disconnect(&fresh);
    return same(l, queries[i], rows_of(u->connection, queries[i], keep ? &u->query[i] : NULL), expected);
}

/* BEGIN IMMEDIATE sees no schema: what the statement does then, it does on the newest version. */
static bool compare_write(life *l, int number) {
    user *u = &l->users[number];
    int i = (int)below(l, WRITES), how = (int)below(l, 6);
    bool keep = below(l, 2);
    log_step(l, "; %d %s%s%s", number, how == 0 ? "rolled back " : how == 1 ? "in BEGIN IMMEDIATE " : "", keep ? "kept " : "", writes[i]);
    if (how == 0) { /* spills, and leaves nothing */
        char *before = content(l, "a");
        sqlite3_free(rows_of(u->connection, "PRAGMA cache_size = 5", NULL));
        sqlite3_free(rows_of(u->connection, "BEGIN", NULL));
        sqlite3_free(rows_of(u->connection, writes[i], keep ? &u->write[i] : NULL));
        sqlite3_free(rows_of(u->connection, writes[below(l, WRITES)], NULL));
        sqlite3_free(rows_of(u->connection, "ROLLBACK", NULL));
        return same(l, "after ROLLBACK", content(l, "a"), before);
    }
    mv_version *v = pin_name(&l->e, "a");
    uint64_t before = mv_version_number(v);
    REQUIRE_EQ(mv_store_fork(l->e.store, v, "fork", 4), MV_OK);
    mv_version_release(v);
    connection fresh = connect_to(&own, "fork", l->e.name);
    char *expected = rows_of(fresh, writes[i], NULL);
    disconnect(&fresh);
    char *left = content(l, "fork");
    REQUIRE_EQ(mv_store_delete(l->e.store, "fork", 4), MV_OK);
    if (how == 1) sqlite3_free(rows_of(u->connection, "BEGIN IMMEDIATE", NULL));
    char *actual = rows_of(u->connection, writes[i], keep ? &u->write[i] : NULL);
    if (how == 1) sqlite3_free(rows_of(u->connection, "COMMIT", NULL));
    v = pin_name(&l->e, "a");
    if (mv_version_number(v) != before) others_committed(l, u);
    mv_version_release(v);
    bool ok = same(l, writes[i], actual, expected);
    return same(l, "after it the content", content(l, "a"), left) && ok;
}

/* The pragma tells what the last read transaction has seen: hence the query. */
static bool compare_data_version(life *l, int number) {
    user *u = &l->users[number];
    log_step(l, "; %d data_version", number);
    sqlite3_free(rows_of(u->connection, "SELECT count(*) FROM sqlite_schema", NULL));
    char *now = rows_of(u->connection, "PRAGMA data_version", NULL), *before = u->data_version;
    bool changed = before && strcmp(now, before) != 0, right = !before || changed == u->others;
    if (!right) {
        check_fail(__FILE__, __LINE__, "data_version of connection %d was %s and is %s, but others have committed: %d", number, before, now, u->others);
        printf("after%s\n", l->trail);
    }
    sqlite3_free(before);
    u->data_version = now;
    u->others = false;
    return right;
}

static bool open_anew(life *l, int number) {
    user *u = &l->users[number];
    log_step(l, "; %d opened anew", number);
    if (u->connection.db) close_user(u);
    u->connection = connect_to(number % 2 && other.open_v2 ? &other : &own, "a", l->e.name);
    return true;
}

static void live(uint64_t seed) {
    static const uint32_t block_sizes[] = {0, 0, 512, 65536};
    life l = {.seed = seed};
    l.e = env_new(block_sizes[seed % 4], 0);
    bool ok = true;
    for (int i = 0; i < USERS; i++) open_anew(&l, i);
    for (int steps = 0; steps < 60 && ok; steps++) {
        int number = (int)below(&l, USERS);
        uint64_t step = below(&l, 20);
        ok = step < 6 ? replace_content(&l) : step < 13 ? compare_query(&l, number) : step < 17 ? compare_write(&l, number)
           : step < 19 ? compare_data_version(&l, number) : open_anew(&l, number);
    }
    for (int i = 0; i < USERS; i++) close_user(&l.users[i]);
    env_end(&l.e);
}

static uint64_t first_seed, seeds = 200;

static void random_replacements(void) {
    printf("replace_test %" PRIu64 " %" PRIu64 "\n", first_seed, seeds);
    for (uint64_t seed = first_seed; seed - first_seed < seeds; seed++) {
        check_context("replace_test %" PRIu64 " 1", seed);
        live(seed);
    }
    check_context("%s", "");
}

/* ---- cases ------------------------------------------------------------------------------------------ */

static void put_image(env *e, const uint8_t *bytes, size_t n) {
    REQUIRE_EQ(replace(e, "a", bytes, n, 0), MV_OK);
}

#define NO_SUCH_TABLE "error 1"

/* SQLite takes the schema cookie of an empty file for 0. So did the content before, or what another connection had made of nothing. */
static void nothing_after_cookie_0(const sqlite *api) {
    env e = env_new(0, 0);
    put_image(&e, images[0].bytes, images[0].n);
    connection c = connect_to(api, "a", e.name), fresh;
    EXPECT_RESULT(c, "SELECT * FROM t", "1,one|2,two");
    put_image(&e, NULL, 0);
    EXPECT_RESULT(c, "SELECT * FROM t", NO_SUCH_TABLE);
    EXPECT_RESULT(c, "CREATE TABLE z(y)", "");
    EXPECT_RESULT(c, "INSERT INTO t VALUES(1, 2)", NO_SUCH_TABLE);
    fresh = connect_to(&own, "a", e.name);
    EXPECT_RESULT(fresh, "SELECT name FROM sqlite_schema", "z");
    EXPECT_RESULT(fresh, "SELECT count(*) FROM z", "0");
    disconnect(&fresh);
    disconnect(&c);
    env_end(&e);
}

static void nothing_after_nothing_was_written(const sqlite *api) {
    env e = env_new(0, 0);
    put_image(&e, images[0].bytes, images[0].n);
    connection c = connect_to(api, "a", e.name), w = connect_to(&own, "a", e.name), fresh;
    EXPECT_RESULT(c, "SELECT count(*) FROM t", "2");
    EXPECT_RESULT(w, "SELECT count(*) FROM t", "2");
    put_image(&e, images[0].bytes, images[0].n);
    EXPECT_RESULT(w, "SELECT count(*) FROM t", "2"); /* w sees one replacement more than c */
    put_image(&e, NULL, 0);
    EXPECT_RESULT(w, "SELECT count(*) FROM sqlite_schema", "0");
    EXPECT_RESULT(c, "SELECT count(*) FROM sqlite_schema", "0");
    EXPECT_RESULT(w, "PRAGMA user_version = 1", "");
    EXPECT_RESULT(c, "SELECT count(*) FROM sqlite_schema", "0");
    put_image(&e, images[0].bytes, images[0].n);
    EXPECT_RESULT(c, "SELECT * FROM t", "1,one|2,two");
    put_image(&e, NULL, 0);
    EXPECT_RESULT(c, "SELECT * FROM t", NO_SUCH_TABLE);
    EXPECT_RESULT(c, "CREATE TABLE z(y)", "");
    EXPECT_RESULT(c, "INSERT INTO t VALUES(1, 2)", NO_SUCH_TABLE);
    EXPECT_RESULT(c, "SELECT * FROM z", "");
    fresh = connect_to(&own, "a", e.name);
    EXPECT_RESULT(fresh, "SELECT name FROM sqlite_schema", "z");
    disconnect(&fresh);
    disconnect(&w);
    disconnect(&c);
    env_end(&e);
}

/* In place of nothing a connection that has seen content sees one page. What it makes of that is a database like any other. */
static void nothing_is_filled_again(const sqlite *api) {
    for (int image = 0; image < IMAGES - 2; image++) {
        check_context("image %d", image);
        env e = env_new(0, 0);
        put_image(&e, images[image].bytes, images[image].n);
        connection c = connect_to(api, "a", e.name), fresh;
        EXPECT_RESULT(c, "SELECT count(*) FROM sqlite_schema WHERE name = 'new'", "0");
        put_image(&e, NULL, 0);
        EXPECT_RESULT(c, "SELECT count(*) FROM sqlite_schema; PRAGMA integrity_check", "0|ok");
        EXPECT_RESULT(c, "BEGIN; CREATE TABLE gone(x); ROLLBACK", "");
        CHECK_EQ(stored_size(&e, "a"), 0);
        EXPECT_RESULT(c, "PRAGMA cache_size = 5; BEGIN; CREATE TABLE new(x);"
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO new SELECT zeroblob(1000) FROM n;"
                      "ROLLBACK; SELECT count(*) FROM sqlite_schema", "0");
        CHECK_EQ(stored_size(&e, "a"), 0);
        EXPECT_RESULT(c, "SAVEPOINT s; CREATE TABLE gone(x); ROLLBACK TO s; RELEASE s", "");
        EXPECT_RESULT(c, "CREATE TABLE new(x); INSERT INTO new VALUES(1); PRAGMA integrity_check", "ok");
        fresh = connect_to(&own, "a", e.name);
        EXPECT_RESULT(fresh, "SELECT * FROM new; PRAGMA integrity_check", "1|ok");
        disconnect(&fresh);
        disconnect(&c);
        env_end(&e);
    }
    check_context("%s", "");
}

/* A connection that found the content read-only can write again once it has read the new one. (Another's SQLite keeps this where it is out of our reach.) */
static void read_only_content_is_replaced(void) {
    enum { WRITE_VERSION_AT = 18 };
    env e = env_new(0, 0);
    images[0].bytes[WRITE_VERSION_AT] = 3;
    put_image(&e, images[0].bytes, images[0].n);
    images[0].bytes[WRITE_VERSION_AT] = 1;
    connection c = connect_to(&own, "a", e.name);
    EXPECT_RESULT(c, "DELETE FROM t", "error 8");
    EXPECT_RESULT(c, "SELECT count(*) FROM t", "2");
    put_image(&e, images[0].bytes, images[0].n);
    EXPECT_RESULT(c, "SELECT count(*) FROM t; DELETE FROM t; SELECT count(*) FROM t", "2|0");
    disconnect(&c);
    env_end(&e);
}

#define MANY "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT zeroblob(1000) FROM n;"

/* What a connection does itself never changes its data_version; what others commit always does. */
static void data_version_tells_of_others(const sqlite *api) {
    static const char *const own_work[] = {
        "CREATE TABLE t(x)",
        "CREATE TABLE u(x)",
        "INSERT INTO t VALUES(1)",
        "BEGIN; INSERT INTO t VALUES(2); ROLLBACK",
        "BEGIN; " MANY "ROLLBACK",
        "BEGIN; CREATE TABLE v(x); " MANY "ROLLBACK",
        "BEGIN; INSERT INTO t VALUES(3); SAVEPOINT s; " MANY "ROLLBACK TO s; COMMIT",
        MANY,
        "DELETE FROM t",
        "BEGIN IMMEDIATE; COMMIT",
        "BEGIN IMMEDIATE; ROLLBACK",
        "DROP TABLE u",
        "PRAGMA user_version = 1",
        "SELECT * FROM nothing",
    };
    env e = env_new(0, 0);
    for (int start = 0; start < 3; start++) { /* on an empty database; on nothing in place of content; on content */
        check_context("start %d", start);
        connection c = connect_to(api, "a", e.name), w;
        sqlite3_free(result_of(c, "PRAGMA cache_size = 20; SELECT count(*) FROM sqlite_schema"));
        if (start == 1) put_image(&e, NULL, 0);
        if (start == 2) EXPECT_RESULT(c, "DROP TABLE t", "");
        sqlite3_free(result_of(c, "SELECT count(*) FROM sqlite_schema"));
        char *first = result_of(c, "PRAGMA data_version");
        for (size_t i = 0; i < sizeof own_work / sizeof *own_work; i++) {
            check_context("start %d, %s", start, own_work[i]);
            sqlite3_free(result_of(c, own_work[i]));
            sqlite3_free(result_of(c, "SELECT count(*) FROM sqlite_schema"));
            EXPECT_RESULT(c, "PRAGMA data_version", first);
        }
        w = connect_to(&own, "a", e.name);
        EXPECT_RESULT(w, "INSERT INTO t VALUES(4)", "");
        disconnect(&w);
        sqlite3_free(result_of(c, "SELECT count(*) FROM sqlite_schema"));
        char *second = result_of(c, "PRAGMA data_version");
        CHECK(strcmp(first, second) != 0);
        sqlite3_free(first);
        sqlite3_free(second);
        disconnect(&c);
    }
    check_context("%s", "");
    env_end(&e);
}

#define BOTH(test) \
    static void test##_own(void) { test(&own); } \
    static void test##_other(void) { if (other.open_v2) test(&other); }
BOTH(nothing_after_cookie_0)
BOTH(nothing_after_nothing_was_written)
BOTH(nothing_is_filled_again)
BOTH(data_version_tells_of_others)

int main(int argc, char **argv) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    first_seed = (uint64_t)now.tv_sec;
    bool only_seeds = argc == 3;
    if (only_seeds) {
        char *end;
        first_seed = strtoull(argv[1], &end, 0);
        REQUIRE(end != argv[1] && !*end);
        seeds = strtoull(argv[2], &end, 0);
        REQUIRE(end != argv[2] && !*end);
        argc = 1;
    }
    check_start(argc, argv);
    load_other();
    make_images();
    if (!only_seeds) {
        RUN(nothing_after_cookie_0_own);
        RUN(nothing_after_cookie_0_other);
        RUN(nothing_after_nothing_was_written_own);
        RUN(nothing_after_nothing_was_written_other);
        RUN(nothing_is_filled_again_own);
        RUN(nothing_is_filled_again_other);
        RUN(read_only_content_is_replaced);
        RUN(data_version_tells_of_others_own);
        RUN(data_version_tells_of_others_other);
    }
    RUN(random_replacements);
    for (int i = 0; i < IMAGES - 2; i++) sqlite3_free(images[i].bytes);
    return check_end();
}
