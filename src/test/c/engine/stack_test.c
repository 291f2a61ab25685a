/*
 * Schemas and statements that make SQLite recurse, on threads with stacks of all sizes: an error or a result, and never a crash. A schema is
 * made on a thread with a large stack, as a hostile database would be; it is used on each of the others, by the connection
 * that made it and by one that has to load it.
 *
 *     stack_test [WORD...]     the tests whose names hold a word; --list prints them
 *
 * Each runs in a process of its own, so that a crash is a failure of a test.
 */
#define _GNU_SOURCE
#include "../harness/check.h"
#include "engine/engine.h"
#include "store/store.h"
#include "vfs/vfs.h"
#include "sqlite3.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FRAMES 4 /* how much larger they make frames, at most */
#define COLUMNS 2000 /* with 32767 a child took longer than its alarm allows */
#else
#define FRAMES 1
#define COLUMNS 32767
#endif

#define MADE_IN ((size_t)64 << 20)
static const size_t stacks[] = {256 << 10, 512 << 10, 1 << 20, 8 << 20};
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- text ------------------------------------------------------------------------------------------- */

typedef struct text {
    char *bytes;
    size_t n, room;
} text;

__attribute__((format(printf, 2, 3))) static void add(text *t, const char *format, ...) {
    for (;;) {
        va_list args;
        va_start(args, format);
        int n = vsnprintf(t->bytes + t->n, t->room - t->n, format, args);
        va_end(args);
        if ((size_t)n < t->room - t->n) {
            t->n += (size_t)n;
            return;
        }
        t->room = t->room * 2 + (size_t)n + 1;
        t->bytes = realloc(t->bytes, t->room);
        REQUIRE(t->bytes);
    }
}

static void add_times(text *t, int n, const char *what) {
    for (int i = 0; i < n; i++)
        add(t, "%s", what);
}

/* -(-(...inner...)) */
static void add_deep(text *t, int depth, const char *inner) {
    add_times(t, depth, "-(");
    add(t, "%s", inner);
    add_times(t, depth, ")");
}

/* ---- as the library runs SQL ------------------------------------------------------------------------ */

#define TOO_DEEP "nested too deeply for the stack"

static int run(sqlite3 *db, const char *sql, char *message, size_t room) {
    mv_limits limits;
    int rc = SQLITE_OK;
    snprintf(message, room, "%s", "");
    mv_engine_enter(db, &limits);
    while (rc == SQLITE_OK && *sql) {
        sqlite3_stmt *stmt = NULL;
        const char *start = sql;
        rc = sqlite3_prepare_v2(db, start, -1, &stmt, &sql);
        if (rc != SQLITE_OK && mv_engine_again(db, &limits)) {
            rc = sqlite3_prepare_v2(db, start, -1, &stmt, &sql);
            mv_engine_tried(db, &limits, rc);
        }
        if (rc == SQLITE_OK && stmt) {
            do rc = sqlite3_step(stmt);
            while (rc == SQLITE_ROW);
            rc = sqlite3_finalize(stmt);
        }
    }
    rc = mv_engine_leave(db, &limits, rc);
    if (rc)
        snprintf(message, room, "%s", sqlite3_errmsg(db));
    return rc;
}

typedef struct job {
    const char *vfs;
    const char *schema; /* run first, if there is one */
    const char *const *statements;
    size_t count;
    size_t stack;
    bool must_work;
    bool hardened;
    sqlite3 *db; /* one that has loaded the schema; or NULL */
} job;

static sqlite3 *open_it(const char *vfs, bool hardened) {
    sqlite3 *db;
    REQUIRE_EQ(sqlite3_open_v2("deep", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs), SQLITE_OK);
    REQUIRE_EQ(mv_engine_guard(db), SQLITE_OK);
    if (hardened)
        mv_engine_harden(db);
    return db;
}

static bool says_so(const char *sql, const char *message) {
    static const char *const known[] = {TOO_DEEP, "Expression tree is too large", "VIEWs and/or subqueries nested too deep", "triggers nested too deep",
        "Recursion limit", "LIKE or GLOB pattern too complex", "too many terms in compound SELECT", "Nested too deep", "fts5: parser stack overflow",
        "fts5 expression tree is too large", "FTS expression tree is too large", "too many references", "malformed JSON", "JSON nested too deep",
        "too many columns in result set", "parser stack overflow", "too many FROM clause terms", "at most 64 tables in a join"};
    for (size_t i = 0; i < COUNT(known); i++)
        if (strstr(message, known[i]))
            return true;
    return !strcmp(sql, "VACUUM") && strstr(message, "malformed"); /* all it says of a schema that it could not load */
}

static void *use(void *arg) {
    job *j = arg;
    sqlite3 *db = j->db ? j->db : open_it(j->vfs, j->hardened);
    for (size_t i = 0; i < j->count; i++) {
        char message[300];
        int rc = run(db, j->statements[i], message, sizeof message);
        check_context("%zu KB: %.60s", j->stack >> 10, j->statements[i]);
        if (rc && (j->must_work || !says_so(j->statements[i], message)))
            check_fail(__FILE__, __LINE__, "%d: %s", rc, message);
        if (!sqlite3_get_autocommit(db))
            run(db, "ROLLBACK", message, sizeof message);
    }
    char message[300];
    if (!j->must_work || !j->db)
        CHECK_EQ(run(db, "SELECT 1 + 1", message, sizeof message), SQLITE_OK);
    if (!j->db)
        CHECK_EQ(sqlite3_close(db), SQLITE_OK);
    return NULL;
}

static void *make(void *arg) {
    job *j = arg;
    char message[300];
    j->db = open_it(j->vfs, j->hardened);
    if (run(j->db, j->schema, message, sizeof message))
        check_fail(__FILE__, __LINE__, "schema: %s", message);
    return NULL;
}

static void *close_it(void *arg) {
    sqlite3_close(((job *)arg)->db);
    return NULL;
}

static void on_stack(void *(*body)(void *), job *j, size_t stack) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    REQUIRE_EQ(pthread_attr_setstacksize(&attributes, stack), 0);
    REQUIRE_EQ(pthread_create(&thread, &attributes, body, j), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

/* In a process of its own: a schema, and statements on a stack of that size. */
static void attempt(const char *schema, const char *const *statements, size_t count, size_t stack, bool loaded, bool hardened, bool must_work) {
    check_context("%zu KB, %s: %.80s", stack >> 10, loaded ? "loaded" : "to load", statements[0]);
    fflush(stdout);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        alarm(100);
        mv_store *store = mv_store_new(0, 0);
        mv_vfs *vfs;
        REQUIRE(store);
        REQUIRE_EQ(mv_vfs_register(store, "stack", &vfs), SQLITE_OK);
        job j = {.vfs = "stack", .schema = schema, .statements = statements, .count = count, .stack = stack, .must_work = must_work, .hardened = hardened};
        on_stack(make, &j, MADE_IN);
        job user = j;
        if (!loaded)
            user.db = NULL;
        on_stack(use, &user, stack);
        on_stack(close_it, &j, MADE_IN);
        _Exit(atomic_load(&check_failures) ? 1 : 0);
    }
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status))
        check_fail(__FILE__, __LINE__, "ended by signal %d", WTERMSIG(status));
    else
        CHECK_EQ(WEXITSTATUS(status), 0);
}

static void everywhere(const char *schema, const char *const *statements, size_t count) {
    for (size_t i = 0; i < COUNT(stacks); i++)
        for (int loaded = 0; loaded < (i % 2 ? 1 : 2); loaded++)
            attempt(schema, statements, count, stacks[i] * FRAMES, loaded, i < 2, false);
}

#define EVERYWHERE(schema, ...)                                       \
    do {                                                              \
        const char *const all[] = {__VA_ARGS__};                      \
        everywhere(schema, all, COUNT(all));                          \
    } while (0)

/* ---- views ------------------------------------------------------------------------------------------ */

static void views_of_compounds(void) {
    static const struct { int views, terms; const char *op, *tail; } shapes[] = {
        {150, 12, "UNION", ""}, {4, 300, "UNION", ""}, {900, 1, "", "LIMIT 5"},
    };
    for (size_t s = 0; s < COUNT(shapes); s++) {
        text t = {0};
        add(&t, "BEGIN; CREATE TABLE v0(x); INSERT INTO v0 VALUES (1);");
        for (int i = 1; i <= shapes[s].views; i++) {
            add(&t, "CREATE VIEW v%d AS SELECT x FROM v%d", i, i - 1);
            for (int k = 1; k < shapes[s].terms; k++)
                add(&t, " %s SELECT %d", shapes[s].op, k);
            add(&t, " %s;", shapes[s].tail);
        }
        add(&t, "COMMIT");
        char a[100], b[200], c[200], d[200], e[200];
        int n = shapes[s].views;
        snprintf(a, sizeof a, "EXPLAIN SELECT count(*) FROM v%d", n);
        snprintf(b, sizeof b, "EXPLAIN SELECT 1 FROM v0 WHERE x IN (SELECT x FROM v%d) OR EXISTS (SELECT 1 FROM v%d WHERE x = v0.x)", n, n - 1);
        snprintf(c, sizeof c, "EXPLAIN WITH c AS (SELECT x FROM v%d), d AS MATERIALIZED (SELECT x FROM c UNION SELECT 1) SELECT (SELECT x FROM d LIMIT 1), sum(x) OVER (ORDER BY x) FROM d", n);
        snprintf(d, sizeof d, "PRAGMA table_info(v%d); EXPLAIN QUERY PLAN SELECT x FROM (SELECT x FROM (SELECT x FROM v%d))", n, n);
        snprintf(e, sizeof e, "ALTER TABLE v0 RENAME TO w0");
        EVERYWHERE(t.bytes, a, b, c, d, e);
        free(t.bytes);
    }
}

/* Each view has an expression that uses the one before it: depths that add up, where SQLite looks only at each. */
static void views_in_deep_expressions(void) {
    static const int shapes[][2] = {{3, 300}, {60, 900}, {300, 300}, {900, 1}};
    for (size_t s = 0; s < COUNT(shapes); s++) {
        text t = {0};
        add(&t, "BEGIN; CREATE TABLE v0(x, z); INSERT INTO v0(x) VALUES (1);");
        for (int i = 1; i <= shapes[s][0]; i++) {
            char inner[100];
            snprintf(inner, sizeof inner, "(SELECT x FROM v%d)", i - 1);
            add(&t, "CREATE VIEW v%d AS SELECT ", i);
            add_deep(&t, shapes[s][1], inner);
            add(&t, " AS x;");
        }
        add(&t, "COMMIT");
        char a[100], b[100];
        snprintf(a, sizeof a, "EXPLAIN SELECT x FROM v%d", shapes[s][0]);
        snprintf(b, sizeof b, "PRAGMA table_xinfo(v%d)", shapes[s][0]);
        EVERYWHERE(t.bytes, a, b, "ALTER TABLE v0 RENAME COLUMN x TO y", "ALTER TABLE v0 DROP COLUMN z");
        free(t.bytes);
    }
}

/* FROM (SELECT ... FROM (...)), in views in each other, with a deep expression at the end. */
static void views_of_subqueries(void) {
    for (int levels = 20; levels <= 100; levels += 80) {
        text t = {0};
        add(&t, "BEGIN; CREATE TABLE v0(x); INSERT INTO v0 VALUES (1);");
        for (int i = 1; i <= 30; i++) {
            add(&t, "CREATE VIEW v%d AS ", i);
            add_times(&t, levels, "SELECT x FROM (");
            add(&t, "SELECT ");
            add_deep(&t, i == 1 ? 900 : 3, "x");
            add(&t, " AS x FROM v%d LIMIT 5", i - 1);
            add_times(&t, levels, ") LIMIT 5");
            add(&t, ";");
        }
        add(&t, "COMMIT");
        EVERYWHERE(t.bytes, "EXPLAIN SELECT x FROM v1", "EXPLAIN SELECT x FROM v2", "EXPLAIN SELECT x FROM v5", "EXPLAIN SELECT x FROM v30", "PRAGMA table_info(v30)");
        free(t.bytes);
    }
}

/* ---- triggers, foreign keys ------------------------------------------------------------------------- */

static void triggers_of_triggers(void) {
    text t = {0};
    add(&t, "BEGIN; CREATE TABLE r0(x); CREATE TABLE v0(x); CREATE VIEW u AS SELECT x FROM (SELECT x FROM v0 UNION SELECT 2 UNION SELECT 3 LIMIT 9) LIMIT 5;");
    for (int i = 1; i < 950; i++) {
        add(&t, "CREATE TABLE r%d(x); CREATE TRIGGER g%d AFTER INSERT ON r%d WHEN ", i, i, i - 1);
        add_deep(&t, i % 7 == 6 ? 900 : 1, "new.x");
        add(&t, " BEGIN INSERT INTO r%d SELECT x FROM u WHERE x <> new.x UNION SELECT ", i);
        add_deep(&t, i % 5 == 4 ? 300 : 1, "new.x");
        add(&t, "; UPDATE v0 SET x = new.x; END;");
    }
    add(&t, "COMMIT");
    EVERYWHERE(t.bytes, "EXPLAIN INSERT INTO r0 VALUES (1)", "EXPLAIN INSERT INTO r940 VALUES (1)", "EXPLAIN INSERT INTO r900 SELECT x FROM u", "ALTER TABLE r0 RENAME TO s0",
        "DROP TABLE r3", "VACUUM");
    free(t.bytes);
}

static void cascades(void) {
    text t = {0};
    add(&t, "BEGIN; CREATE TABLE f0(x PRIMARY KEY);");
    for (int i = 1; i < 900; i++)
        add(&t, "CREATE TABLE f%d(x PRIMARY KEY REFERENCES f%d ON DELETE CASCADE ON UPDATE CASCADE);", i, i - 1);
    add(&t, "COMMIT");
    EVERYWHERE(t.bytes, "PRAGMA foreign_keys = 1; INSERT INTO f0 VALUES (1)", "DELETE FROM f0", "UPDATE f0 SET x = 5", "REPLACE INTO f0 VALUES (1)", "PRAGMA foreign_key_check", "DROP TABLE f0", "PRAGMA integrity_check");
    free(t.bytes);
}

/* ---- columns ---------------------------------------------------------------------------------------- */

static void generated_columns(void) {
    static const struct { int width, depth; const char *kind; } shapes[] = {{1300, 1, "VIRTUAL"}, {500, 1, "STORED"}, {340, 1, "VIRTUAL"}, {30, 300, "VIRTUAL"}};
    for (size_t s = 0; s < COUNT(shapes); s++) {
        text t = {0};
        add(&t, "CREATE TABLE o(x); INSERT INTO o VALUES (1); CREATE TABLE c(c0");
        for (int i = 1; i < shapes[s].width; i++) {
            char before[20];
            snprintf(before, sizeof before, "c%d", i - 1);
            add(&t, ", c%d AS (", i);
            add_deep(&t, shapes[s].depth - 1, before);
            add(&t, ") %s", shapes[s].kind);
        }
        int last = shapes[s].width - 1;
        add(&t, "); CREATE VIEW w AS SELECT c%d AS x FROM c LIMIT 5; CREATE TRIGGER g AFTER INSERT ON o BEGIN INSERT INTO c(c0) VALUES (new.x); SELECT c%d FROM c; END; CREATE TRIGGER g2 AFTER UPDATE ON c BEGIN SELECT old.c%d + new.c%d; END",
            last, last, last, last);
        text deep = {0};
        char name[20], index[60];
        snprintf(name, sizeof name, "c%d", last);
        add(&deep, "SELECT ");
        add_deep(&deep, 900, name);
        add(&deep, " FROM c");
        snprintf(index, sizeof index, "CREATE INDEX i ON c(c%d)", last);
        EVERYWHERE(t.bytes, "INSERT INTO c(c0) VALUES (1)", "INSERT INTO o VALUES (1)", "SELECT * FROM w", deep.bytes, "UPDATE c SET c0 = 2", index, "REINDEX", "PRAGMA integrity_check", "DELETE FROM c",
            "ALTER TABLE o ADD COLUMN y", "ALTER TABLE c RENAME COLUMN c0 TO d0", "VACUUM", "ANALYZE", "DROP TABLE c");
        free(deep.bytes);
        free(t.bytes);
    }
}

static void constraints_and_indexes(void) {
    text t = {0};
    add(&t, "CREATE TABLE t(x, y DEFAULT (");
    add_deep(&t, 900, "1");
    add(&t, "), CHECK (");
    add_deep(&t, 900, "x");
    add(&t, ")); CREATE INDEX i ON t(");
    add_deep(&t, 900, "x");
    add(&t, "); CREATE INDEX p ON t(y) WHERE ");
    add_deep(&t, 900, "x");
    add(&t, "; CREATE VIEW w(x) AS SELECT x FROM t; CREATE TRIGGER g INSTEAD OF INSERT ON w WHEN ");
    add_deep(&t, 900, "new.x");
    add(&t, " BEGIN INSERT INTO t(x) VALUES (new.x); END");
    EVERYWHERE(t.bytes, "INSERT INTO t(x) VALUES (1)", "INSERT INTO w VALUES (1)", "UPDATE t SET x = x + 1", "SELECT * FROM t WHERE y = 1", "DELETE FROM t", "PRAGMA integrity_check", "REINDEX", "VACUUM",
        "ALTER TABLE t RENAME COLUMN x TO z", "ANALYZE", "ALTER TABLE t RENAME TO u");
    free(t.bytes);
}

/* ---- statements ------------------------------------------------------------------------------------- */

/* The text of a statement: head, n times each, middle, n times close, tail. */
static char *nest(const char *head, int n, const char *each, const char *middle, const char *close, const char *tail) {
    text t = {0};
    add(&t, "%s", head);
    add_times(&t, n, each);
    add(&t, "%s", middle);
    add_times(&t, n, close);
    add(&t, "%s", tail);
    return t.bytes;
}

static void deep_statements(void) {
    char *json = nest("SELECT json_patch(j, j), json(j), json_extract(j, '$.a.a.a') FROM (SELECT '", 999, "{\"a\":", "1", "}", "' AS j)");
    const char *const all[] = {
        nest("SELECT ", 990, "-(", "x", ")", " FROM t"), nest("SELECT ", 2400, "(", "x", ")", " FROM t"), nest("SELECT ", 480, "abs(", "x", ")", " FROM t"), nest("SELECT x", 990, " OR x", "", "", " FROM t"),
        nest("SELECT x FROM t WHERE x=1", 450, " OR x=2 AND x=3", "", "", ""), nest("SELECT ", 240, "CASE WHEN x THEN ", "x", " ELSE x END", " FROM t"), nest("SELECT ", 240, "(1,2)=(1,", "2", ")", " FROM t"),
        nest("", 300, "SELECT x FROM (", "SELECT x FROM t", ")", ""), nest("SELECT x FROM t WHERE ", 200, "EXISTS (SELECT 1 FROM t WHERE ", "x", ")", ""), nest("SELECT x FROM t WHERE ", 200, "x IN (SELECT x FROM t WHERE ", "x", ")", ""),
        nest("SELECT ", 300, "(SELECT ", "1", ")", ""), nest("SELECT 1", 499, " UNION SELECT 2", "", "", " ORDER BY 1"), nest("SELECT 1", 499, " UNION ALL SELECT 2", "", "", ""), nest("SELECT 1", 499, " EXCEPT SELECT 2", "", "", ""),
        nest("", 150, "WITH c AS (", "SELECT 1 AS x", ") SELECT x FROM c", ""), nest("", 100, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < (", "SELECT 3", ")) SELECT max(x) FROM c", ""),
        nest("", 150, "SELECT sum(x) OVER (ORDER BY x) AS x FROM (", "SELECT x FROM t", ")", ""), nest("SELECT 1 FROM ", 300, "(", "t", " JOIN t)", ""), nest("SELECT '", 20000, "a", "' LIKE '", "%a", "b'"),
        nest("SELECT '", 20000, "a", "' GLOB '", "*a", "b'"), nest("SELECT json('", 1000, "[", "", "]", "')"), json, nest("SELECT rowid FROM ft WHERE ft MATCH '", 250, "(a AND ", "a", ")", "'"),
        nest("SELECT rowid FROM ft WHERE ft MATCH '", 240, "(a NOT ", "a", ")", "'"), nest("SELECT rowid FROM ft WHERE ft MATCH 'a", 2000, " OR b", "", "", "'"), nest("SELECT rowid FROM f4 WHERE f4 MATCH '", 200, "(a AND ", "a", ")", "'"),
        nest("SELECT rowid FROM f4 WHERE f4 MATCH 'a", 2000, " OR a", "", "", "'"), nest("SELECT ", 300, "printf('%s', ", "x", ")", " FROM t"), nest("UPDATE t SET x = ", 990, "-(", "x", ")", ""),
        nest("DELETE FROM t WHERE ", 990, "-(", "x", ")", ""), nest("INSERT INTO t VALUES (", 990, "-(", "1", ")", ")"), nest("INSERT INTO t VALUES (1)", 4000, ", (2)", "", "", " RETURNING x"),
        nest("CREATE TEMP VIEW z AS SELECT ", 990, "-(", "1", ")", ""), nest("CREATE TEMP TABLE zz AS SELECT ", 990, "-(", "1", ")", ""), nest("SELECT 1 FROM t GROUP BY ", 990, "-(", "x", ")", " HAVING 1"),
    };
    everywhere("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2); CREATE VIRTUAL TABLE ft USING fts5(a); INSERT INTO ft VALUES ('a b'); CREATE VIRTUAL TABLE f4 USING fts4(a); INSERT INTO f4 VALUES ('a b')", all, COUNT(all));
    for (size_t i = 0; i < COUNT(all); i++)
        free((char *)all[i]);
}

/* Of all columns of a table, or of all names after USING, SQLite makes one expression. */
static void wide_tables(void) {
    text schema = {0}, join = {0};
    add(&schema, "BEGIN; CREATE TABLE w(c0");
    for (int i = 1; i < 8000; i++)
        add(&schema, ", c%d", i);
    add(&schema, "); CREATE TABLE parent(c0 UNIQUE");
    for (int i = 1; i < 4000; i++)
        add(&schema, ", c%d", i);
    add(&schema, ", PRIMARY KEY(c0");
    for (int i = 1; i < 4000; i++)
        add(&schema, ", c%d", i);
    add(&schema, ")) WITHOUT ROWID; CREATE TABLE child(c0");
    for (int i = 1; i < 4000; i++)
        add(&schema, ", c%d", i);
    add(&schema, ", FOREIGN KEY(c0");
    for (int i = 1; i < 4000; i++)
        add(&schema, ", c%d", i);
    add(&schema, ") REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);");
    add(&join, "CREATE VIEW v AS SELECT 1 FROM w a JOIN w b USING(c0");
    add_times(&join, 20000, ",c0");
    add(&schema, "%s); COMMIT", join.bytes);
    const char *const all[] = {
        "SELECT * FROM v", "SELECT 1 FROM w a NATURAL JOIN w b", "SELECT 1 FROM w NATURAL LEFT JOIN w b NATURAL JOIN w c", "PRAGMA foreign_keys = 1; DELETE FROM parent",
        "PRAGMA foreign_keys = 1; UPDATE parent SET c0 = 1, c9 = 2", "PRAGMA foreign_keys = 1; INSERT INTO child(c0) VALUES (1)", "PRAGMA foreign_keys = 1; DROP TABLE parent",
    };
    everywhere(schema.bytes, all, COUNT(all));
    free(schema.bytes);
    free(join.bytes);
}

/* ---- what must work on Java's usual stack ------------------------------------------------------------ */

static void what_works_on_1_mb(void) {
    text t = {0};
    add(&t, "BEGIN; CREATE TABLE t(x); INSERT INTO t VALUES (1); CREATE TABLE v0(x); INSERT INTO v0 VALUES (1); CREATE TABLE r0(x);");
    for (int i = 1; i <= 100; i++)
        add(&t, "CREATE VIEW v%d AS SELECT x FROM v%d LIMIT 5; CREATE TABLE r%d(x); CREATE TRIGGER g%d AFTER INSERT ON r%d BEGIN INSERT INTO r%d VALUES (new.x); END;", i, i - 1, i, i, i - 1, i);
    add(&t, "CREATE TABLE n(x); CREATE TRIGGER n AFTER INSERT ON n WHEN new.x < 900 BEGIN INSERT INTO n VALUES (new.x + 1); END;"
        "CREATE TABLE k(x INTEGER PRIMARY KEY, up REFERENCES k ON DELETE CASCADE); CREATE TABLE wide(c0");
    for (int i = 1; i < COLUMNS; i++)
        add(&t, ", c%d", i);
    add(&t, "); CREATE TABLE made(doc");
    for (int i = 1; i < 500; i++)
        add(&t, ", c%d AS (json_extract(doc, '$.c%d'))", i, i);
    add(&t, "); COMMIT");
    const char *const all[] = {
        nest("SELECT x FROM t WHERE x=1", 899, " OR x=2", "", "", ""), nest("SELECT x FROM t WHERE x=1", 400, " AND x=2 OR x=3", "", "", ""), nest("SELECT 1", 499, " UNION ALL SELECT 2", "", "", ""),
        nest("SELECT 1", 499, " UNION SELECT 2", "", "", " ORDER BY 1"), "SELECT x FROM v100", "INSERT INTO r0 VALUES (1)", "PRAGMA recursive_triggers = 1; INSERT INTO n VALUES (1)",
        "PRAGMA foreign_keys = 1; WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < 900) INSERT INTO k SELECT x, nullif(x - 1, 0) FROM i; DELETE FROM k WHERE x = 1",
        "INSERT INTO wide(c1999) VALUES (1); SELECT * FROM wide; UPDATE wide SET c0 = 1; CREATE INDEX wide_i ON wide(c5)", "INSERT INTO made VALUES ('{}'); SELECT * FROM made", "ALTER TABLE t RENAME TO u", "VACUUM", "PRAGMA integrity_check",
    };
    for (int hardened = 0; hardened < 2; hardened++)
        for (int loaded = 0; loaded < 2; loaded++)
            attempt(t.bytes, all, COUNT(all), ((size_t)1 << 20) * FRAMES - (40 << 10), loaded, hardened, true); /* what Java has used */
    for (int i = 0; i < 4; i++)
        free((char *)all[i]);
    free(t.bytes);
}

int main(int argc, char **argv) {
    check_start(argc, argv);
    RUN(what_works_on_1_mb);
    RUN(views_of_compounds);
    RUN(views_in_deep_expressions);
    RUN(views_of_subqueries);
    RUN(triggers_of_triggers);
    RUN(cascades);
    RUN(generated_columns);
    RUN(constraints_and_indexes);
    RUN(deep_statements);
    RUN(wide_tables);
    return check_end();
}
