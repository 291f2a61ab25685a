/*
 * Statements with many rows a call (rows.h), without a JVM. All memory that is given to them is as long as they are told, so that a
 * sanitizer sees each byte too far.
 *
 *     rows_test [WORD...]      the tests whose names hold a word; --list prints them
 *     rows_test SEED COUNT     COUNT hostile parameters from SEED on
 */
#include "../harness/check.h"
#include "engine/engine.h"
#include "engine/rows.h"
#include "../harness/sql_util.h"
#include "sqlite3.h"

static sqlite3 *open_memory(void) {
    sqlite3 *db;
    REQUIRE_EQ(sqlite3_open(":memory:", &db), SQLITE_OK);
    REQUIRE_EQ(mv_engine_guard(db), SQLITE_OK);
    return db;
}

static char *copy_of(const void *bytes, size_t n) {
    char *copy = malloc(n ? n : 1);
    REQUIRE(copy);
    if (n) memcpy(copy, bytes, n);
    return copy;
}

static int32_t int_at(const char *bytes) {
    int32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

#define ROWS 40

/* Row n: n, a text of n * 3 % 101 letters, n as a double, NULL, a blob of n % 9 bytes that end with zeros. */
static const char *const table =
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c, d, e);"
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 39)"
    " INSERT INTO t SELECT i, substr(printf('%0101d', i), 1, i * 3 % 101), i + 0.5, NULL, CAST(substr('abcdefgh', 1, i % 9) AS BLOB) FROM n";

/* Looks at a row, which is the n-th, and returns its length. */
static size_t check_row(const char *row, size_t room, int n) {
    REQUIRE(room >= MV_ROWS_HEAD);
    size_t length = (size_t)int_at(row);
    CHECK(length <= room);
    REQUIRE_EQ(int_at(row + 4), 5);
    const char *types = row + MV_ROWS_HEAD, *values = types + 8;
    const char want[] = {SQLITE_INTEGER, SQLITE_TEXT, SQLITE_FLOAT, SQLITE_NULL, SQLITE_BLOB};
    CHECK_MEM(types, want, sizeof want);
    int64_t integer;
    double real;
    memcpy(&integer, values, 8);
    memcpy(&real, values + 16, 8);
    CHECK_EQ(integer, n);
    CHECK(real == n + 0.5);
    char text[128];
    snprintf(text, sizeof text, "%0101d", n);
    int lengths[] = {n * 3 % 101, n % 9}, at[] = {int_at(values + 8), int_at(values + 32)};
    CHECK_EQ(int_at(values + 12), lengths[0]);
    CHECK_EQ(int_at(values + 36), lengths[1]);
    REQUIRE((size_t)at[0] + (size_t)lengths[0] <= length && (size_t)at[1] + (size_t)lengths[1] <= length);
    CHECK_MEM(row + at[0], text, (size_t)lengths[0]);
    CHECK_MEM(row + at[1], "abcdefgh", (size_t)lengths[1]);
    return length;
}

/* All rows, with that room and so many a call; what has no room gets what it asks for. */
static void read_all(sqlite3_stmt *stmt, size_t room, int most, bool ahead) {
    int n = 0, rc = SQLITE_ROW, calls = 0;
    mv_fetch f = {.start = true, .most = most, .ahead = ahead};
    while (rc == SQLITE_ROW || rc == MV_ROWS_PENDING) {
        check_context("room %zu, most %d, ahead %d, row %d", room, most, ahead, n);
        REQUIRE(++calls < 4 * ROWS);
        f.pending = rc == MV_ROWS_PENDING;
        f.memory = copy_of("", 0);
        f.memory = realloc(f.memory, room ? room : 1);
        f.room = room;
        f.used = 0;
        f.rows = 0;
        rc = mv_rows_fetch(stmt, &f);
        CHECK(f.rows <= most || (ahead && f.rows <= most + 1));
        if (f.rows) {
            CHECK(f.used <= room);
            size_t at = 0;
            for (int i = 0; i < f.rows; i++) at += check_row(f.memory + at, f.used - at, n++);
            CHECK_EQ(at, f.used);
        } else if (rc == MV_ROWS_PENDING) {
            CHECK(f.used > room);
            room = f.used;
        }
        free(f.memory);
        f.start = false;
    }
    CHECK_EQ(rc, SQLITE_DONE);
    CHECK_EQ(n, ROWS);
    if (f.held) mv_engine_release_rows(sqlite3_db_handle(stmt));
}

/* Whatever the room: no byte behind it, and no row lost, twice or torn. */
static void rows_in_little_room(void) {
    sqlite3 *db = open_memory();
    run(db, table);
    sqlite3_stmt *stmt = prepare(db, "SELECT a, b, c, d, e FROM t ORDER BY a");
    for (size_t room = 0; room <= 600; room++)
        for (int most = 1; most <= 5; most++) read_all(stmt, room, most, room % 2);
    sqlite3_finalize(stmt);
    CHECK_EQ(*mv_engine_rows_held(db), 0);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

/* A row that 16 KB do not hold comes without what does not fit. */
static void a_row_that_is_too_wide(void) {
    sqlite3 *db = open_memory();
    char sql[4096] = "SELECT zeroblob(1000)";
    for (int i = 1; i < 30; i++) strcat(sql, ", zeroblob(1000)");
    sqlite3_stmt *stmt = prepare(db, sql);
    mv_fetch f = {.start = true, .most = 1, .ahead = true, .memory = malloc(MV_ROWS_MEMORY), .room = MV_ROWS_MEMORY};
    REQUIRE(f.memory);
    CHECK_EQ(mv_rows_fetch(stmt, &f), SQLITE_ROW);
    CHECK_EQ(f.rows, 1);
    const char *values = f.memory + MV_ROWS_HEAD + 32;
    int here = 0;
    for (int i = 0; i < 30; i++) {
        int n = int_at(values + 8 * i + 4);
        CHECK(n == 1000 || n == MV_ROWS_ELSEWHERE);
        here += n == 1000;
        CHECK_EQ(sqlite3_column_bytes(stmt, i), 1000);
    }
    CHECK(here >= 15 && here < 17);
    free(f.memory);
    sqlite3_finalize(stmt);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

/* Rows that take several milliseconds each, all of them or from the tenth on: none is waited for behind another. */
static void slow_rows_come_one_by_one(void) {
    sqlite3 *db = open_memory();
    run(db, "CREATE TABLE k(i INTEGER PRIMARY KEY); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 16) INSERT INTO k SELECT i FROM n");
    static const char *const slow[] = {
        "SELECT i, (WITH RECURSIVE n(j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM n WHERE j < 100000 + k.i) SELECT count(*) FROM n) FROM k",
        "SELECT i, (WITH RECURSIVE n(j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM n WHERE j < (k.i >= 10) * 100000 + k.i) SELECT count(*) FROM n) FROM k",
        "SELECT i, length(hex(zeroblob((20 << 20) + k.i))) FROM k", /* few steps, each of them long */
    };
    char memory[4096];
    for (int kind = 0; kind < 3; kind++) {
        check_context("kind %d", kind);
        sqlite3_stmt *stmt = prepare(db, slow[kind]);
        int rc = SQLITE_ROW, rows = 0;
        for (mv_fetch f = {.start = true, .ahead = true, .most = 8}; rc == SQLITE_ROW; f.start = false) {
            f.memory = memory;
            f.room = sizeof memory;
            f.used = 0;
            f.rows = 0;
            rc = mv_rows_fetch(stmt, &f);
            if (kind != 1) CHECK(f.rows == 1 || (rc == SQLITE_DONE && f.rows == 0));
            else CHECK(f.rows <= (rows >= 9 ? 1 : 10 - rows));
            rows += f.rows;
            if (f.held) mv_engine_release_rows(db);
            f.held = false;
        }
        CHECK_EQ(rc, SQLITE_DONE);
        CHECK_EQ(rows, 16);
        sqlite3_finalize(stmt);
    }
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

/* ---- parameters ------------------------------------------------------------------------------------- */

#define PARAMETERS 3
#define ROW_BYTES (MV_ROWS_HEAD + 8 + 8 * PARAMETERS)

/* Well-formed rows, one behind the other, whose texts lead anywhere in them. */
static size_t make_parameters(uint64_t *seed, char *to, int rows) {
    size_t size = (size_t)rows * ROW_BYTES;
    memset(to, 0, size);
    for (int r = 0; r < rows; r++) {
        char *row = to + (size_t)r * ROW_BYTES;
        int32_t next = (r + 1) * ROW_BYTES;
        memcpy(row, &next, sizeof next);
        for (int i = 0; i < PARAMETERS; i++) {
            int type = (int)(check_random(seed) % 6);
            row[MV_ROWS_HEAD + i] = (char)type;
            uint64_t value = check_random(seed);
            if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
                int32_t place[2];
                place[0] = (int32_t)(value % (size + 1));
                place[1] = (int32_t)((value >> 32) % (size - (size_t)place[0] + 1));
                memcpy(&value, place, sizeof value);
            }
            memcpy(row + MV_ROWS_HEAD + 8 + 8 * i, &value, sizeof value);
        }
    }
    return size;
}

static bool is_sane(int rc) {
    return rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW || rc == SQLITE_MISUSE || rc == SQLITE_TOOBIG || rc == SQLITE_CONSTRAINT;
}

/* Parameters that are well-formed, changed at some bytes, cut short, or no more than random bytes. */
static void hostile(uint64_t first, int count) {
    sqlite3 *db = open_memory();
    run(db, "CREATE TABLE t(a, b, c)");
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 10000);
    sqlite3_stmt *insert = prepare(db, "INSERT INTO t VALUES (?, ?, ?)"), *select = prepare(db, "SELECT ?, ?, ?, 1");
    int64_t fine = 0;
    for (uint64_t n = first; n < first + (uint64_t)count; n++) {
        check_context("seed %" PRIu64, n);
        uint64_t seed = n;
        char bytes[8 * ROW_BYTES], memory[2048];
        int rows = 1 + (int)(check_random(&seed) % 8), kind = (int)(check_random(&seed) % 4);
        size_t size = make_parameters(&seed, bytes, rows);
        for (int i = 0; kind > 0 && i < kind * kind; i++) bytes[check_random(&seed) % size] = (char)(check_random(&seed) % 2 ? check_random(&seed) : 0xff);
        if (kind == 2) size = check_random(&seed) % size;
        if (kind == 3)
            for (size_t i = 0; i < size; i++) bytes[i] = (char)check_random(&seed);
        char *exact = copy_of(bytes, size), *rows_memory = copy_of(memory, 0);
        rows_memory = realloc(rows_memory, sizeof memory);
        mv_batch batch = {0};
        int rc = mv_rows_batch(insert, exact, size, &batch);
        CHECK(is_sane(rc));
        CHECK(batch.done <= rows && batch.changed == batch.done);
        if (kind == 0) CHECK_EQ(batch.done, rows);
        fine += batch.done;
        mv_fetch f = {.start = true, .most = 2, .ahead = true, .parameters = exact, .parameters_size = size, .memory = rows_memory, .room = sizeof memory};
        rc = mv_rows_fetch(select, &f);
        CHECK(is_sane(rc));
        if (kind == 0) CHECK(rc == SQLITE_DONE || rc == SQLITE_ROW);
        if (f.held) mv_engine_release_rows(db);
        free(exact); /* what was fetched does not need it */
        sqlite3_reset(select);
        f = (mv_fetch){.start = true, .most = 2, .memory = rows_memory, .room = sizeof memory};
        CHECK(is_sane(mv_rows_fetch(select, &f)));
        if (f.held) mv_engine_release_rows(db);
        sqlite3_reset(select);
        free(rows_memory);
    }
    CHECK(fine > 0);
    sqlite3_finalize(insert);
    sqlite3_finalize(select);
    CHECK_EQ(*mv_engine_rows_held(db), 0);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

static void hostile_parameters(void) {
    uint64_t seed = (uint64_t)time(NULL);
    printf("hostile_parameters: rows_test %" PRIu64 " 5000\n", seed);
    hostile(seed, 5000);
}

/* Every length of a row that is cut short, and a next row that is not behind. */
static void parameters_cut_short(void) {
    sqlite3 *db = open_memory();
    sqlite3_stmt *stmt = prepare(db, "SELECT ?, ?, ?"), *none = prepare(db, "SELECT 1");
    char bytes[ROW_BYTES] = {0};
    memset(bytes + MV_ROWS_HEAD, SQLITE_INTEGER, PARAMETERS);
    int32_t next = ROW_BYTES;
    memcpy(bytes, &next, sizeof next);
    for (size_t size = 0; size <= ROW_BYTES; size++) {
        check_context("size %zu", size);
        char *exact = copy_of(bytes, size);
        mv_batch batch = {0};
        CHECK_EQ(mv_rows_batch(stmt, exact, size, &batch), size == ROW_BYTES || size == 0 ? SQLITE_OK : SQLITE_MISUSE);
        CHECK_EQ(batch.done, size == ROW_BYTES);
        mv_fetch f = {.start = true, .most = 1, .parameters = exact, .parameters_size = size};
        CHECK_EQ(mv_rows_fetch(stmt, &f), size == ROW_BYTES ? SQLITE_DONE : SQLITE_MISUSE);
        batch = (mv_batch){0};
        int rc = mv_rows_batch(none, exact, size, &batch);
        CHECK(rc == SQLITE_MISUSE || rc == SQLITE_OK);
        free(exact);
    }
    for (next = -ROW_BYTES; next <= 0; next += ROW_BYTES / 2) {
        memcpy(bytes, &next, sizeof next);
        mv_batch batch = {0};
        CHECK_EQ(mv_rows_batch(stmt, bytes, sizeof bytes, &batch), SQLITE_MISUSE);
        CHECK_EQ(batch.done, 1);
    }
    sqlite3_finalize(stmt);
    sqlite3_finalize(none);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

/* The bytes of a batch are the caller's, and gone when it was run: a parameter that is left as it is does not lead to them. */
static void nothing_points_to_an_old_batch(void) {
    sqlite3 *db = open_memory();
    run(db, "CREATE TABLE t(a, b, c)");
    sqlite3_stmt *stmt = prepare(db, "INSERT INTO t VALUES (?, ?, ?)");
    for (int way = 0; way < 2; way++) {
        char bytes[ROW_BYTES + 8] = {0};
        int32_t next = sizeof bytes, place[] = {ROW_BYTES, 8};
        memcpy(bytes, &next, sizeof next);
        memcpy(bytes + ROW_BYTES, "the text", 8);
        const char types[] = {SQLITE_TEXT, SQLITE_BLOB, SQLITE_INTEGER};
        memcpy(bytes + MV_ROWS_HEAD, types, sizeof types);
        for (int i = 0; i < 2; i++) memcpy(bytes + MV_ROWS_HEAD + 8 + 8 * i, place, sizeof place);
        for (int turn = 0; turn < 2; turn++) {
            char *exact = copy_of(bytes, sizeof bytes);
            mv_batch batch = {0};
            mv_fetch f = {.start = true, .most = 1, .parameters = exact, .parameters_size = sizeof bytes};
            if (way == 0) CHECK_EQ(mv_rows_batch(stmt, exact, sizeof bytes, &batch), SQLITE_OK);
            else CHECK_EQ(mv_rows_fetch(stmt, &f), SQLITE_DONE);
            memset(exact, 'x', sizeof bytes);
            free(exact);
            memset(bytes + MV_ROWS_HEAD, MV_ROWS_LEAVE, sizeof types);
        }
    }
    sqlite3_stmt *rows = prepare(db, "SELECT group_concat(coalesce(a, 'NULL') || ' ' || coalesce(b, 'NULL') || ' ' || c, ', ') FROM t");
    CHECK_EQ(sqlite3_step(rows), SQLITE_ROW);
    CHECK_STR((const char *)sqlite3_column_text(rows, 0), "the text the text 0, NULL NULL 0, the text the text 0, NULL NULL 0");
    sqlite3_finalize(rows);
    sqlite3_finalize(stmt);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

int main(int argc, char **argv) {
    if (argc == 3 && strtoull(argv[1], NULL, 10) > 0) {
        check_start(1, argv);
        hostile(strtoull(argv[1], NULL, 10), atoi(argv[2]));
        return atomic_load(&check_failures) ? 1 : 0;
    }
    check_start(argc, argv);
    RUN(rows_in_little_room);
    RUN(a_row_that_is_too_wide);
    RUN(slow_rows_come_one_by_one);
    RUN(parameters_cut_short);
    RUN(nothing_points_to_an_old_batch);
    RUN(hostile_parameters);
    return check_end();
}
