/*
 * Queries on SQLite's virtual tables that stand on a row while what they read is written, or their schema changed,
 * and rolled back. They must go on, or fail, without
 * reading what was freed: run under ASan and UBSan (CMake's preset
 * asan), which see that.
 *
 * What a query gives that goes on after a write of its own connection is not defined. After the ROLLBACK a new query
 * must give
 * what it gave before.
 */
#include "../harness/vfs_util.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NUMBERS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "

typedef struct kind {
    const char *create;
    const char *queries[12]; /* up to a NULL */
    const char *writes[12];
} kind;

static const kind kinds[] = {
    {"CREATE VIRTUAL TABLE f USING fts5(x, y, prefix='2'); INSERT INTO f(f, rank) VALUES ('pgsz', 64);"
     "INSERT INTO f " NUMBERS "SELECT 'hello world ' || i, 'other ' || i % 7 FROM n; CREATE VIRTUAL TABLE v USING fts5vocab(f, 'instance');"
     "CREATE VIRTUAL TABLE vr USING fts5vocab(f, 'row'); CREATE VIRTUAL TABLE vc USING fts5vocab(f, 'col')",
     {"SELECT rowid, x, bm25(f), highlight(f, 0, '[', ']'), snippet(f, 0, '', '', '', 4) FROM f WHERE f MATCH 'hello'",
      "SELECT rowid, x FROM f WHERE f MATCH 'he*' ORDER BY rowid DESC", "SELECT rowid, x FROM f WHERE f MATCH 'hello AND wor*' ORDER BY rank", "SELECT rowid, x, y FROM f",
      "SELECT rowid, x FROM f WHERE rowid > 5", "SELECT * FROM v", "SELECT * FROM vr", "SELECT * FROM vc", "SELECT rowid, x FROM f WHERE f MATCH 'NEAR(hello world)'",
      "SELECT rowid FROM f WHERE x MATCH '\"hello world\" NOT 7' AND y MATCH 'other'"},
     {"INSERT INTO f SELECT 'hello world again', value FROM json_each('[1,2,3,4,5,6,7]')", "DELETE FROM f WHERE rowid < 20", "UPDATE f SET x = 'hello ' || x",
      "INSERT INTO f(f) VALUES ('optimize')", "INSERT INTO f(f) VALUES ('rebuild')", "DROP TABLE f", "ALTER TABLE f RENAME TO g", "DROP TABLE v; DROP TABLE vr; DROP TABLE vc",
      "INSERT INTO f(f) VALUES ('delete-all')"}},
    {"CREATE VIRTUAL TABLE f USING fts4(x, y, prefix='2');"
     "INSERT INTO f " NUMBERS "SELECT 'hello world ' || i, 'other ' || i % 7 FROM n; CREATE VIRTUAL TABLE a USING fts4aux(f)",
     {"SELECT docid, x, snippet(f), offsets(f), hex(matchinfo(f, 'pcnalsx')) FROM f WHERE f MATCH 'hello'", "SELECT docid, x FROM f WHERE f MATCH 'he*' ORDER BY docid DESC",
      "SELECT docid, x FROM f WHERE f MATCH 'hello AND wor*'", "SELECT docid, x, y FROM f", "SELECT docid, x FROM f WHERE docid > 5", "SELECT * FROM a",
      "SELECT docid, x FROM f WHERE f MATCH 'hello NEAR/2 world'", "SELECT docid, snippet(f) FROM f WHERE x MATCH '\"hello world\" NOT 7'"},
     {"INSERT INTO f SELECT 'hello world again', value FROM json_each('[1,2,3,4,5,6,7]')", "DELETE FROM f WHERE docid < 20", "UPDATE f SET x = 'hello ' || x",
      "INSERT INTO f(f) VALUES ('optimize')", "INSERT INTO f(f) VALUES ('rebuild')", "DROP TABLE f", "ALTER TABLE f RENAME TO g", "DROP TABLE a", "DELETE FROM f"}},
    {"CREATE VIRTUAL TABLE f USING fts3(x); BEGIN; INSERT INTO f " NUMBERS "SELECT 'hello world ' || i FROM n; COMMIT",
     {"SELECT docid, x, snippet(f), offsets(f) FROM f WHERE f MATCH 'hello'", "SELECT docid, x FROM f WHERE f MATCH 'hello OR 1*'", "SELECT docid, x FROM f"},
     {"INSERT INTO f SELECT 'hello world again' FROM json_each('[1,2,3,4,5,6,7]')", "UPDATE f SET x = 'hello ' || x", "DELETE FROM f", "DROP TABLE f", "ALTER TABLE f RENAME TO g"}},
    {"CREATE VIRTUAL TABLE f USING rtree(id, x0, x1, y0, y1, +note); INSERT INTO f " NUMBERS "SELECT i, i, i + 3, i % 17, i % 17 + 1, 'note ' || i FROM n;"
     "CREATE VIRTUAL TABLE g USING geopoly(a); INSERT INTO g(_shape, a) " NUMBERS "SELECT geopoly_regular(i, i, 5, 6), i FROM n",
     {"SELECT id, x0, note FROM f", "SELECT id, x1, note FROM f WHERE x0 > 5 AND x1 < 250", "SELECT id, note FROM f WHERE id = 7", "SELECT id FROM f WHERE y0 < 8 ORDER BY x0",
      "SELECT rowid, geopoly_json(_shape), a FROM g WHERE geopoly_overlap(_shape, geopoly_regular(100, 100, 50, 4))", "SELECT a.id, b.note FROM f a, f b WHERE b.x0 > a.x1 AND b.x0 < a.x1 + 4",
      "SELECT * FROM g"},
     {"INSERT INTO f " NUMBERS "SELECT 1000 + i, i, i + 9, 1, 2, 'new' FROM n", "DELETE FROM f WHERE id % 3 < 2", "UPDATE f SET x1 = x1 + 5, note = 'changed ' || note", "DELETE FROM f",
      "DROP TABLE f", "ALTER TABLE f RENAME TO h", "DELETE FROM g WHERE a < 200", "DROP TABLE g", "UPDATE g SET _shape = geopoly_regular(a, 1, 9, 5)"}},
    {"CREATE TABLE f(x PRIMARY KEY, y) WITHOUT ROWID; INSERT INTO f " NUMBERS "SELECT i, hex(zeroblob(i * 9)) FROM n; CREATE TABLE t(a, b); CREATE INDEX ti ON t(b);"
     "INSERT INTO t SELECT * FROM f; CREATE VIEW w AS SELECT * FROM t; CREATE VIRTUAL TABLE s USING dbstat",
     {"SELECT * FROM dbstat", "SELECT * FROM s WHERE aggregate = 1", "SELECT * FROM dbstat('main', 1)", "SELECT * FROM pragma_table_list", "SELECT m.name, i.* FROM sqlite_schema m, pragma_table_info(m.name) i",
      "SELECT value, (SELECT count(*) FROM t) FROM json_each((SELECT json_group_array(a) FROM t))", "SELECT * FROM pragma_index_list('t')", "SELECT path, pagetype, ncell FROM s",
      "SELECT * FROM pragma_integrity_check", "SELECT f.x, t.b FROM f, t WHERE f.x = t.a"},
     {"DELETE FROM f", "DROP TABLE t", "CREATE TABLE new(x); INSERT INTO new SELECT * FROM json_each('[1,2,3]')", "INSERT INTO t SELECT x + 1000, y FROM f", "DROP INDEX ti", "ALTER TABLE t ADD COLUMN c DEFAULT 9",
      "ALTER TABLE t DROP COLUMN b", "DROP TABLE s", "UPDATE t SET a = randomblob(5000)", "PRAGMA user_version = 7", "REINDEX"}},
};

static const char *const ends[] = {"ROLLBACK", "ROLLBACK TO s", "INSERT OR ROLLBACK INTO k VALUES (1)"};

/* All columns of the row, as a program reads them. */
static void read_row(sqlite3_stmt *stmt, uint64_t *sum) {
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        int n = sqlite3_column_bytes(stmt, i);
        const unsigned char *bytes = sqlite3_column_blob(stmt, i);
        for (int k = 0; k < n; k++) *sum = *sum * 31 + bytes[k];
    }
}

/* Everything that the queries give. */
static uint64_t content(sqlite3 *db, const kind *kind) {
    uint64_t sum = 0;
    for (const char *const *query = kind->queries; *query; query++) {
        sqlite3_stmt *stmt = prepare(db, *query);
        while (sqlite3_step(stmt) == SQLITE_ROW) read_row(stmt, &sum);
        CHECK_EQ(sqlite3_finalize(stmt), SQLITE_OK);
    }
    return sum;
}

static void a_query_goes_on(sqlite3 *db, const char *query, const char *write, const char *end, int before, int between) {
    check_context("%s, %s, %s after %d and %d rows", query, write, end, before, between);
    sqlite3_stmt *stmt = prepare(db, query);
    uint64_t sum = 0;
    int rc = SQLITE_ROW;
    for (int i = 0; i < before && rc == SQLITE_ROW; i++)
        if ((rc = sqlite3_step(stmt)) == SQLITE_ROW) read_row(stmt, &sum);
    run(db, "BEGIN; SAVEPOINT s");
    (void)sqlite3_exec(db, write, NULL, NULL, NULL); /* SQLITE_LOCKED: it may not be changed while it is read */
    for (int i = 0; i < between && rc == SQLITE_ROW; i++)
        if ((rc = sqlite3_step(stmt)) == SQLITE_ROW) read_row(stmt, &sum);
    (void)sqlite3_exec(db, end, NULL, NULL, NULL);
    for (int i = 0; i < 1000 && rc == SQLITE_ROW; i++)
        if ((rc = sqlite3_step(stmt)) == SQLITE_ROW) read_row(stmt, &sum);
    sqlite3_finalize(stmt);
    if (!sqlite3_get_autocommit(db)) run(db, "ROLLBACK");
}

static void all_of(const kind *kind) {
    env e = env_new(0, 0);
    sqlite3 *db = open_on(&e, "a");
    REQUIRE_EQ(mv_engine_guard(db), SQLITE_OK);
    run(db, "CREATE TABLE k(x UNIQUE); INSERT INTO k VALUES (1)");
    run(db, kind->create);
    uint64_t was = content(db, kind);
    for (const char *const *query = kind->queries; *query; query++)
        for (const char *const *write = kind->writes; *write; write++)
            for (size_t i = 0; i < COUNT(ends); i++)
                for (int before = 1; before < 3; before++)
                    for (int between = 0; between < 3; between++) a_query_goes_on(db, *query, *write, ends[i], before, between);
    CHECK_EQ(content(db, kind), was);
    integrity(db);
    close_db(db);
    env_end(&e);
}

static void queries_on_fts5_go_on(void) {
    all_of(&kinds[0]);
}

static void queries_on_fts4_go_on(void) {
    all_of(&kinds[1]);
}

static void queries_on_fts3_go_on(void) {
    all_of(&kinds[2]);
}

static void queries_on_rtree_go_on(void) {
    all_of(&kinds[3]);
}

static void queries_on_others_go_on(void) {
    all_of(&kinds[4]);
}

int main(int argc, char **argv) {
    check_start(argc, argv);
    RUN(queries_on_fts5_go_on);
    RUN(queries_on_fts4_go_on);
    RUN(queries_on_fts3_go_on);
    RUN(queries_on_rtree_go_on);
    RUN(queries_on_others_go_on);
    return check_end();
}
