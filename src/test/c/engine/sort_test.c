/*
 * Sorting, and the private files that sorts use: the right rows, in memory that is bounded, refused, and given back.
 *
 *     sort_test [WORD...]      the tests whose names hold a word; --list prints them
 *
 * What is right says the same SQLite on `:memory:`, whose sorter keeps its records in the other way (sorter.h).
 */
#include "vfs/scratch.h"
#include "../harness/sql_util.h"
#include "store/store.h"
#include "vfs/vfs.h"

/* ---- memory that is counted and refused -------------------------------------------------------------- */

static struct {
    int64_t live, peak;    /* bytes */
    int64_t seen, at;      /* allocations; from which on they are refused, 0: none */
} memory;

static sqlite3_mem_methods system_memory;

static bool refuse(void) {
    memory.seen++;
    return memory.at > 0 && memory.seen >= memory.at;
}

static void count(int64_t bytes) {
    memory.live += bytes;
    if (memory.live > memory.peak) memory.peak = memory.live;
}

static void *counted_malloc(int n) {
    void *p = refuse() ? NULL : system_memory.xMalloc(n);
    if (p) count(system_memory.xSize(p));
    return p;
}

static void counted_free(void *p) {
    if (p) count(-(int64_t)system_memory.xSize(p));
    system_memory.xFree(p);
}

static void *counted_realloc(void *old, int n) {
    int64_t before = old ? system_memory.xSize(old) : 0;
    void *p = refuse() ? NULL : system_memory.xRealloc(old, n);
    if (p) count(system_memory.xSize(p) - before);
    return p;
}

static void count_memory(void) {
    sqlite3_mem_methods methods;
    REQUIRE_EQ(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory), SQLITE_OK);
    methods = system_memory;
    methods.xMalloc = counted_malloc;
    methods.xFree = counted_free;
    methods.xRealloc = counted_realloc;
    REQUIRE_EQ(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    REQUIRE_EQ(sqlite3_initialize(), SQLITE_OK);
}

/* ---- private files ----------------------------------------------------------------------------------- */

enum { MOST = 5 * 65536 + 100 };

static void same(const mv_scratch *scratch, const uint8_t *expected, int64_t size) {
    static uint8_t got[MOST + 100];
    CHECK_EQ(scratch->size, size);
    memset(got, 0xee, sizeof got);
    CHECK_EQ(mv_scratch_read(scratch, got, sizeof got, 0), size);
    CHECK_MEM(got, expected, sizeof got);
}

/* Any writes and lengths, against an array; one in eight is refused memory. */
static void a_private_file_is_an_array_of_bytes(void) {
    for (uint64_t seed = 1; seed <= 60; seed++) {
        static uint8_t expected[MOST + 100], bytes[2 * 65536 + 10];
        uint64_t state = seed;
        mv_scratch scratch = {0};
        int64_t size = 0, live = memory.live;
        memset(expected, 0, sizeof expected);
        for (int i = 0; i < 60; i++) {
            check_context("seed %d, step %d", (int)seed, i);
            uint64_t how = check_random(&state);
            int64_t at = (int64_t)(check_random(&state) % MOST);
            size_t n = (size_t)(check_random(&state) % (how % 3 ? 5000 : sizeof bytes));
            if (how % 5 == 1) at = size;
            if (how % 5 == 2) at = at / 65536 * 65536;
            if ((int64_t)n > MOST - at) n = (size_t)(MOST - at);
            if (how % 7 == 0) {
                if (how % 21 == 0) at = 0;
                mv_scratch_truncate(&scratch, at);
                if (at < size) memset(expected + at, 0, (size_t)(size - at));
                size = at;
            } else {
                memset(bytes, (int)(how >> 32) | 1, n);
                if (how >> 16 & 7) memory.at = 0;
                else memory.at = memory.seen + 1 + (int64_t)(how >> 20 & 3);
                int rc = mv_scratch_write(&scratch, bytes, n, at);
                CHECK(rc == SQLITE_OK || (memory.at && rc == SQLITE_IOERR_NOMEM));
                memory.at = 0;
                if (!rc) memcpy(expected + at, bytes, n);
                if (!rc && n > 0 && at + (int64_t)n > size) size = at + (int64_t)n;
            }
            same(&scratch, expected, size);
            uint8_t part[300];
            int64_t from = (int64_t)(check_random(&state) % MOST);
            size_t there = from >= size ? 0 : size - from < 300 ? (size_t)(size - from) : 300;
            CHECK_EQ(mv_scratch_read(&scratch, part, sizeof part, from), there);
            CHECK_MEM(part, expected + from, there);
        }
        mv_scratch_truncate(&scratch, 0);
        CHECK_EQ(memory.live, live);
    }
}

/* A hole takes no memory, also one of many gigabytes. */
static void a_hole_in_a_private_file_takes_no_memory(void) {
    int64_t live = memory.live;
    mv_scratch scratch = {0};
    REQUIRE_EQ(mv_scratch_write(&scratch, "end", 3, INT64_C(1) << 33), SQLITE_OK);
    CHECK(memory.live - live < 8 << 20);
    char text[6];
    CHECK_EQ(mv_scratch_read(&scratch, text, 6, (INT64_C(1) << 33) - 2), 5);
    CHECK_MEM(text, "\0\0end", 5);
    mv_scratch_truncate(&scratch, INT64_C(1) << 40);
    CHECK_EQ(mv_scratch_read(&scratch, text, 6, INT64_C(1) << 39), 6);
    CHECK_MEM(text, "\0\0\0\0\0", 6);
    mv_scratch_truncate(&scratch, 0);
    CHECK_EQ(memory.live, live);
}

/* ---- sorts ------------------------------------------------------------------------------------------- */

static mv_vfs *vfs;

static sqlite3 *open_ours(uint64_t limit) {
    sqlite3 *db;
    mv_store *store = mv_store_new(0, limit);
    REQUIRE(store);
    REQUIRE_EQ(mv_vfs_register(store, "sort", &vfs), SQLITE_OK);
    mv_store_release(store);
    REQUIRE_EQ(sqlite3_open_v2("sort", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "sort"), SQLITE_OK);
    return db;
}

static void close_ours(sqlite3 *db) {
    REQUIRE_EQ(sqlite3_close(db), SQLITE_OK);
    mv_vfs_unregister(vfs);
}

static sqlite3 *open_memory(void) {
    sqlite3 *db;
    REQUIRE_EQ(sqlite3_open(":memory:", &db), SQLITE_OK);
    return db;
}

/* Rows in no order, with a, b, c of mixed types where `kinds` says so; their count stands for the amount of records. */
static void fill(sqlite3 *db, int rows, int payload) {
    char *sql = sqlite3_mprintf("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c, d);"
                                "WITH RECURSIVE r(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM r WHERE i < %d)"
                                "INSERT INTO t SELECT i, 'name-' || (i * 2654435761 %% 99999999977), i * 7919 %% 1009,"
                                " CASE i %% 5 WHEN 0 THEN NULL WHEN 1 THEN i * 0.5 WHEN 2 THEN 'T' || i WHEN 3 THEN x'00ff' || i ELSE -i END,"
                                " zeroblob(%d) FROM r", rows - 1, payload);
    REQUIRE(sql);
    run(db, sql);
    sqlite3_free(sql);
}

/* Of all rows in their order. */
static uint64_t result_of(sqlite3 *db, const char *sql, int *rc) {
    sqlite3_stmt *stmt = NULL;
    uint64_t sum = 1469598103934665603u;
    *rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    while (!*rc && (*rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        *rc = SQLITE_OK;
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            int type = sqlite3_column_type(stmt, i);
            const uint8_t *bytes = sqlite3_column_blob(stmt, i);
            int n = sqlite3_column_bytes(stmt, i);
            sum = (sum ^ (uint64_t)type) * 1099511628211u;
            for (int j = 0; j < n; j++) sum = (sum ^ bytes[j]) * 1099511628211u;
        }
    }
    if (*rc == SQLITE_DONE) *rc = SQLITE_OK;
    sqlite3_finalize(stmt);
    return sum;
}

static uint64_t result(sqlite3 *db, const char *sql) {
    int rc;
    uint64_t sum = result_of(db, sql, &rc);
    CHECK_EQ(rc, SQLITE_OK);
    return sum;
}

static const char *const queries[] = {
    "SELECT * FROM t ORDER BY a",
    "SELECT * FROM t ORDER BY b DESC, c, id",
    "SELECT * FROM t ORDER BY c COLLATE NOCASE DESC NULLS LAST, id",
    "SELECT id, length(d) FROM t ORDER BY d, a",
    "SELECT b, count(*), sum(id), group_concat(c) FROM t GROUP BY b",
    "SELECT c, count(*) FROM t GROUP BY c",
    "SELECT DISTINCT a FROM t",
    "SELECT a, row_number() OVER (PARTITION BY b ORDER BY c, id) FROM t",
    "SELECT id FROM t ORDER BY a LIMIT 10 OFFSET 20000",
    "SELECT 1 FROM t WHERE 0 ORDER BY a",
    "SELECT x.id, y.id FROM t x JOIN t y ON y.a = x.a ORDER BY x.c, x.id LIMIT 5000",
};

/* Those in one piece, in several, and in so many that they are merged twice; also with wide records, which do not fit into a buffer or a piece. */
static void rows_are_the_same_as_with_the_other_sorter(void) {
    static const struct {
        int rows, payload;
        const char *first;
    } cases[] = {
        {0, 0, ""}, {1, 0, ""}, {500, 10, ""}, {60000, 0, ""}, {14000, 3000, "PRAGMA page_size=65536"}, {9, 5000000, ""},
        {20000, 40, "PRAGMA encoding='UTF-16le'; PRAGMA page_size=512"}, {20000, 100, "PRAGMA encoding='UTF-16be'; PRAGMA temp_store=FILE"},
        {20000, 100, "PRAGMA temp_store=MEMORY; PRAGMA cache_size=3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sqlite3 *ours = open_ours(0), *other = open_memory();
        run(ours, cases[i].first);
        run(other, cases[i].first);
        fill(ours, cases[i].rows, cases[i].payload);
        fill(other, cases[i].rows, cases[i].payload);
        for (size_t q = 0; q < sizeof queries / sizeof *queries; q++) {
            check_context("%d rows, %s", cases[i].rows, queries[q]);
            CHECK_EQ(result(ours, queries[q]), result(other, queries[q]));
        }
        check_context("%d rows", cases[i].rows);
        const char *ddl = "CREATE INDEX t_a ON t(a); CREATE UNIQUE INDEX t_ba ON t(b, a, id); CREATE INDEX t_c ON t(c COLLATE NOCASE DESC) WHERE b % 2;"
                          "CREATE TABLE w(a, b, c, PRIMARY KEY(b, a, c)) WITHOUT ROWID; INSERT OR IGNORE INTO w SELECT a, b, id FROM t ORDER BY d, a;"
                          "CREATE INDEX w_c ON w(c); REINDEX; VACUUM";
        run(ours, ddl);
        run(other, ddl);
        CHECK_EQ(result(ours, "PRAGMA integrity_check"), result(other, "PRAGMA integrity_check"));
        CHECK_EQ(result(ours, "SELECT a FROM t ORDER BY a"), result(other, "SELECT a FROM t ORDER BY a"));
        CHECK_EQ(result(ours, "SELECT * FROM w"), result(other, "SELECT * FROM w"));
        REQUIRE_EQ(sqlite3_close(other), SQLITE_OK);
        close_ours(ours);
    }
}

static void many_columns_are_sorted(void) {
    enum { COLUMNS = 1500 };
    sqlite3 *ours = open_ours(0), *other = open_memory();
    sqlite3_str *create = sqlite3_str_new(NULL), *insert = sqlite3_str_new(NULL);
    sqlite3_str_appendall(create, "CREATE TABLE t(c0");
    sqlite3_str_appendall(insert, "WITH RECURSIVE r(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM r WHERE i < 2999) INSERT INTO t SELECT i * 7919 % 3001");
    for (int i = 1; i < COLUMNS; i++) {
        sqlite3_str_appendf(create, ", c%d", i);
        sqlite3_str_appendf(insert, ", i + %d", i);
    }
    sqlite3_str_appendall(create, ")");
    sqlite3_str_appendall(insert, " FROM r");
    char *create_sql = sqlite3_str_finish(create), *insert_sql = sqlite3_str_finish(insert);
    REQUIRE(create_sql && insert_sql);
    sqlite3 *both[] = {ours, other};
    for (int i = 0; i < 2; i++) {
        run(both[i], create_sql);
        run(both[i], insert_sql);
    }
    sqlite3_free(create_sql);
    sqlite3_free(insert_sql);
    CHECK_EQ(result(ours, "SELECT * FROM t ORDER BY c0"), result(other, "SELECT * FROM t ORDER BY c0"));
    REQUIRE_EQ(sqlite3_close(other), SQLITE_OK);
    close_ours(ours);
}

/* A sort takes as much as its records, and some MB: not an allocation for each of them, nor a copy. */
static void memory_of_a_sort_is_bounded_by_what_it_sorts(void) {
    enum { ROWS = 200000, PAYLOAD = 400 };
    sqlite3 *db = open_ours(0);
    fill(db, ROWS, PAYLOAD);
    sqlite3_stmt *stmt = prepare(db, "SELECT id, d FROM t ORDER BY a");
    int64_t live = memory.live, seen = memory.seen, records = (int64_t)ROWS * (PAYLOAD + 30);
    memory.peak = live;
    REQUIRE_EQ(sqlite3_step(stmt), SQLITE_ROW);
    CHECK(memory.peak - live > records / 2);
    CHECK(memory.peak - live < records + (10 << 20));
    CHECK(memory.seen - seen < ROWS / 20);
    while (sqlite3_step(stmt) == SQLITE_ROW) { }
    CHECK(memory.peak - live < records + (10 << 20)); /* SQLite merges up to 16 pieces at once: more need places between, of some MB */
    sqlite3_reset(stmt);
    CHECK(memory.live - live < 1 << 20);
    sqlite3_finalize(stmt);
    close_ours(db);
}

/* maxBytes is for databases. */
static void a_sort_does_not_count_for_the_limit(void) {
    sqlite3 *db = open_ours(16 << 20);
    run(db, "CREATE TABLE t(a); WITH RECURSIVE r(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM r WHERE i < 99999)"
            "INSERT INTO t SELECT 'name-' || (i * 2654435761 % 99999999977) FROM r");
    int rc;
    result_of(db, "SELECT a, zeroblob(1000) FROM t ORDER BY a", &rc); /* 100 MB */
    CHECK_EQ(rc, SQLITE_OK);
    mv_stats before, within;
    mv_store *store = mv_vfs_store("sort");
    mv_store_stats(store, &before);
    sqlite3_stmt *stmt = prepare(db, "SELECT a, zeroblob(1000) FROM t ORDER BY a");
    REQUIRE_EQ(sqlite3_step(stmt), SQLITE_ROW);
    mv_store_stats(store, &within);
    CHECK_EQ(within.bytes, before.bytes);
    sqlite3_finalize(stmt);
    mv_store_release(store);
    close_ours(db);
}

/* Wherever memory ends, the statement fails with that, and the next is right. */
static void a_sort_without_memory_fails_and_leaves_nothing(void) {
    sqlite3 *db = open_ours(0);
    fill(db, 60000, 40);
    const char *const works[] = {"SELECT id, d FROM t ORDER BY a", "CREATE INDEX t_a ON t(a, d)"};
    for (int w = 0; w < 2; w++) {
        int64_t at = 1, refused = 0;
        uint64_t right = w == 0 ? result(db, works[w]) : 0;
        int64_t live = memory.live;
        for (int rc = SQLITE_NOMEM; rc; at += 1 + at / 8) {
            check_context("%s, allocation %d", works[w], (int)at);
            memory.at = memory.seen + at;
            uint64_t got = result_of(db, works[w], &rc);
            memory.at = 0;
            CHECK(rc == SQLITE_OK || (rc & 0xff) == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM);
            refused += rc != SQLITE_OK;
            if (!rc && w == 0) CHECK_EQ(got, right);
            if (rc) CHECK(memory.live < live + (6 << 20)); /* what caches may keep */
        }
        CHECK(refused > 10);
    }
    check_context("%s", "");
    CHECK_EQ(result(db, "SELECT count(*) FROM t INDEXED BY t_a WHERE a > ''"), result(db, "SELECT 60000"));
    close_ours(db);
}

int main(int argc, char **argv) {
    check_start(argc, argv);
    count_memory();
    RUN(a_private_file_is_an_array_of_bytes);
    RUN(a_hole_in_a_private_file_takes_no_memory);
    RUN(rows_are_the_same_as_with_the_other_sorter);
    RUN(many_columns_are_sorted);
    RUN(memory_of_a_sort_is_bounded_by_what_it_sorts);
    RUN(a_sort_does_not_count_for_the_limit);
    RUN(a_sort_without_memory_fails_and_leaves_nothing);
    return check_end();
}
