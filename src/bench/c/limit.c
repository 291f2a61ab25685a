/*
 * What a C program reaches with the engine that the library has: the limit for everything above it. Compiled with STOCK defined, and with SQLite as it comes
 * instead of the library's objects, it is what a C program reaches whose author has set no option.
 *
 *     limit                          reads commands from standard input, a line each, and answers each with a line; the benchmark drives it so
 *     limit instructions VFS ROWS    runs each work once, for callgrind: what `measured` runs is counted, work by work
 *
 * VFS is `memory` (:memory:), `memdb` (a named database of SQLite's memdb), or, unless compiled with STOCK, `ours`. The answer to a work is its CPU time and its wall time in nanoseconds,
 * then a sum over what it read or left, which Bench compares with everybody else's. Rows and keys are those of Rows.java.
 * Whatever fails ends the program with a message.
 */
#ifndef STOCK
#include "store/store.h"
#include "vfs/vfs.h"
#endif
#include "sqlite3.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { KINDS = 1000, NAME = 20, PAYLOAD = 32, UPDATES = 10, BIG_PAYLOAD = 1000, CHUNK = 1 << 20 };

static sqlite3 *db;
static char names[KINDS][NAME + 1];
static unsigned char payloads[KINDS][PAYLOAD];

__attribute__((noreturn)) static void fail(const char *what, const char *why) {
    fprintf(stderr, "limit: %s: %s\n", what, why);
    exit(1);
}

static void must(int rc, int expected, const char *what) {
    if (rc != expected) fail(what, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

static void run(const char *sql) { must(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, sql); }

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *stmt;
    must(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL), SQLITE_OK, sql);
    return stmt;
}

static void step(sqlite3_stmt *stmt) {
    must(sqlite3_step(stmt), SQLITE_DONE, sqlite3_sql(stmt));
    sqlite3_reset(stmt);
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- rows and keys: the same as in Rows.java -------------------------------------------------------- */

static void make_rows(void) {
    for (int k = 0; k < KINDS; k++) {
        snprintf(names[k], sizeof names[k], "customer-%011d", k * 7919);
        for (int i = 0; i < PAYLOAD; i++) payloads[k][i] = (unsigned char)(k * 31 + i * 7);
    }
}

static int64_t key(uint64_t i, uint64_t rows) {
    uint64_t z = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (int64_t)(((z ^ z >> 31) >> 1) % rows);
}

/* ---- the works ------------------------------------------------------------------------------------ */

enum { FLAGS = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE };

#ifdef STOCK

static void open_ours(const char *vfs) { fail(vfs, "no such VFS in SQLite as it comes"); }
static void forget_ours(void) { }

#else

static mv_vfs *registered;

static void open_ours(const char *vfs) {
    mv_store *store = mv_store_new(0, 0);
    if (!store) fail(vfs, "no memory");
    must(mv_vfs_register(store, "ours", &registered), SQLITE_OK, vfs);
    must(sqlite3_open_v2("bench", &db, FLAGS, "ours"), SQLITE_OK, vfs);
    mv_store_release(store); /* the connection's database holds it */
}

static void forget_ours(void) {
    if (registered) mv_vfs_unregister(registered);
    registered = NULL;
}

#endif

static void create(const char *vfs) {
    sqlite3_close(db);
    db = NULL;
    forget_ours();
    if (!strcmp(vfs, "memory")) {
        must(sqlite3_open_v2(":memory:", &db, FLAGS, NULL), SQLITE_OK, vfs);
    } else if (!strcmp(vfs, "memdb")) {
        must(sqlite3_open_v2("/bench", &db, FLAGS, "memdb"), SQLITE_OK, vfs);
    } else if (!strcmp(vfs, "ours")) {
        open_ours(vfs);
    } else {
        fail(vfs, "no such VFS");
    }
    run("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value REAL, payload BLOB)");
}

static void bind_row(sqlite3_stmt *stmt, int64_t i) {
    int k = (int)(i % KINDS);
    sqlite3_bind_int64(stmt, 1, i);
    sqlite3_bind_text(stmt, 2, names[k], NAME, SQLITE_STATIC);
    sqlite3_bind_double(stmt, 3, (double)i * 0.5);
    sqlite3_bind_blob(stmt, 4, payloads[k], PAYLOAD, SQLITE_STATIC);
}

/* One transaction if so, else one for each row. */
static int64_t insert(int64_t from, int64_t to, bool transaction) {
    if (transaction) run("BEGIN");
    sqlite3_stmt *stmt = prepare("INSERT INTO t VALUES (?, ?, ?, ?)");
    for (int64_t i = from; i < to; i++) {
        bind_row(stmt, i);
        step(stmt);
    }
    sqlite3_finalize(stmt);
    if (transaction) run("COMMIT");
    return 0;
}

/* All bytes are read, the sum needs only some: Java's strings and arrays are made whole, too. */
static volatile uint64_t all_bytes;

static int64_t read_row(sqlite3_stmt *stmt) {
    int64_t id = sqlite3_column_int64(stmt, 0);
    const unsigned char *name = sqlite3_column_text(stmt, 1);
    int name_length = sqlite3_column_bytes(stmt, 1);
    double value = sqlite3_column_double(stmt, 2);
    const unsigned char *payload = sqlite3_column_blob(stmt, 3);
    int payload_length = sqlite3_column_bytes(stmt, 3);
    if (name_length != NAME || payload_length != PAYLOAD) fail("read", "wrong length");
    uint64_t words[(NAME + PAYLOAD) / 8 + 1] = {0}, sum = 0;
    memcpy(words, name, NAME);
    memcpy((char *)words + NAME, payload, PAYLOAD);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) sum += words[i];
    all_bytes = sum;
    return id + name_length + name[NAME - 1] + (int64_t)value + payload_length + payload[PAYLOAD - 1];
}

static int64_t scan4(void) {
    sqlite3_stmt *stmt = prepare("SELECT id, name, value, payload FROM t");
    int64_t sum = 0;
    while (sqlite3_step(stmt) == SQLITE_ROW) sum += read_row(stmt);
    must(sqlite3_finalize(stmt), SQLITE_OK, "scan");
    return sum;
}

static int64_t scan2(void) {
    sqlite3_stmt *stmt = prepare("SELECT id, value FROM t");
    int64_t sum = 0;
    while (sqlite3_step(stmt) == SQLITE_ROW) sum += sqlite3_column_int64(stmt, 0) + (int64_t)sqlite3_column_double(stmt, 1);
    must(sqlite3_finalize(stmt), SQLITE_OK, "scan");
    return sum;
}

static int64_t lookup(int64_t rows, int64_t count) {
    sqlite3_stmt *stmt = prepare("SELECT id, name, value, payload FROM t WHERE id = ?");
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sqlite3_bind_int64(stmt, 1, key((uint64_t)i, (uint64_t)rows));
        must(sqlite3_step(stmt), SQLITE_ROW, "lookup");
        sum += read_row(stmt);
        sqlite3_reset(stmt);
    }
    sqlite3_finalize(stmt);
    return sum;
}

/* Transactions of UPDATES updates. */
static int64_t commits(int64_t rows, int64_t count) {
    sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT"), *stmt = prepare("UPDATE t SET value = value + 1 WHERE id = ?");
    for (int64_t i = 0; i < count; i++) {
        step(begin);
        for (int64_t j = 0; j < UPDATES; j++) {
            sqlite3_bind_int64(stmt, 1, key((uint64_t)(i * UPDATES + j), (uint64_t)rows));
            step(stmt);
        }
        step(commit);
    }
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(stmt);
    return 0;
}

/* Runs a statement to its end: how many rows it had. */
static int64_t rows_of(const char *sql) {
    sqlite3_stmt *stmt = prepare(sql);
    int64_t rows = 0;
    while (sqlite3_step(stmt) == SQLITE_ROW) rows++;
    must(sqlite3_finalize(stmt), SQLITE_OK, sql);
    return rows;
}

/* What is in t, checked after works that write. */
static int64_t content(void) {
    sqlite3_stmt *stmt = prepare("SELECT count(*) + sum(id) + cast(sum(value) AS INTEGER) + sum(length(name)) + sum(length(payload)) FROM t");
    must(sqlite3_step(stmt), SQLITE_ROW, "content");
    int64_t sum = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return sum;
}

/* Takes so much memory from the system, writes to it, and gives it back: the next to take it need not wait for a host to give it. */
static void touch(size_t size) {
    volatile char *bytes = malloc(size);
    if (!bytes) fail("touch", "no memory");
    for (size_t i = 0; i < size; i += 4096) bytes[i] = 1;
    free((void *)bytes);
}

/* Rows of BIG_PAYLOAD bytes, a transaction for each thousand: CPU nanoseconds a row for each step, into memory that was touched before. A database that is
 * full ends it early. */
static void grow(int64_t rows_in_step, int64_t steps, int64_t row_bytes) {
    static unsigned char payload[BIG_PAYLOAD];
    sqlite3_stmt *begin = prepare("BEGIN"), *commit = prepare("COMMIT"), *stmt = prepare("INSERT INTO t VALUES (?, ?, ?, ?)");
    printf("OK");
    int64_t id = 0;
    for (int64_t s = 0; s < steps; s++) {
        touch((size_t)(rows_in_step * row_bytes));
        int64_t from = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
        for (int64_t i = 0; i < rows_in_step; i++, id++) {
            if (i % 1000 == 0) step(begin);
            bind_row(stmt, id);
            sqlite3_bind_blob(stmt, 4, payload, BIG_PAYLOAD, SQLITE_STATIC);
            int rc = sqlite3_step(stmt);
            sqlite3_reset(stmt);
            if (rc == SQLITE_FULL) {
                printf(" full\n");
                sqlite3_finalize(stmt), sqlite3_finalize(begin), sqlite3_finalize(commit);
                return;
            }
            must(rc, SQLITE_DONE, "grow");
            if (i % 1000 == 999 || i == rows_in_step - 1) step(commit);
        }
        printf(" %" PRId64, (nanoseconds(CLOCK_THREAD_CPUTIME_ID) - from) / rows_in_step);
    }
    printf("\n");
    sqlite3_finalize(stmt), sqlite3_finalize(begin), sqlite3_finalize(commit);
}

/* ---- bytes ---------------------------------------------------------------------------------------- */

static char *memory, *target;
static size_t memory_size;

/* Two stretches of memory that were touched. */
static void warm(size_t size) {
    if (size == memory_size) return;
    free(memory);
    free(target);
    memory = malloc(size);
    target = malloc(size);
    if (!memory || !target) fail("warm", "no memory");
    memset(memory, 1, size);
    memset(target, 2, size);
    memory_size = size;
}

static int64_t read_file(const char *path) {
    int file = open(path, O_RDONLY);
    if (file < 0) fail(path, "cannot be opened");
    static char chunk[CHUNK];
    size_t at = 0;
    for (ssize_t n; (n = read(file, chunk, sizeof chunk)) > 0; at += (size_t)n) {
        if ((size_t)n > memory_size - at) fail(path, "is larger than said");
        memcpy(memory + at, chunk, (size_t)n);
    }
    close(file);
    return (int64_t)at;
}

static int64_t copy(void) {
    memcpy(target, memory, memory_size);
    __asm__ volatile("" : : "r"(target) : "memory"); /* the copy must be made */
    return (int64_t)memory_size;
}

/* ---- instructions --------------------------------------------------------------------------------- */

static int64_t work_rows;

static void sql_insert(void) { insert(0, work_rows, true); }
static void sql_autocommit(void) { insert(work_rows, work_rows + work_rows / 10, false); }
static void sql_scan4(void) { scan4(); }
static void sql_scan2(void) { scan2(); }
static void sql_lookup(void) { lookup(work_rows, work_rows); }
static void sql_commits(void) { commits(work_rows, work_rows / 20); }
static void sql_aggregate(void) { run("SELECT name, count(*), sum(value), max(payload) FROM t GROUP BY id % 100"); }
static void sql_join(void) { run("SELECT count(*), sum(a.value - b.value) FROM t a JOIN t b ON b.id = a.id + 1"); }
static void sql_random_join(void) { run("SELECT count(*), sum(a.value - b.value) FROM t a JOIN t b ON b.id = a.id * 7919 % (SELECT max(id) FROM t)"); }
static void sql_sort(void) { run("SELECT id FROM t ORDER BY payload, value DESC LIMIT 10 OFFSET 1000"); }
static void sql_index(void) { run("CREATE INDEX t_name ON t(name, value)"); }
static void sql_by_index(void) { run("SELECT sum(length(payload)) FROM t WHERE name IN (SELECT name FROM t WHERE id < 100)"); }
static void sql_update(void) { run("UPDATE t SET value = value + 1, payload = zeroblob(32) WHERE id % 2"); }
static void sql_delete(void) { run("DELETE FROM t WHERE id % 3 = 0"); }

static const struct {
    const char *name;
    void (*run)(void);
} works[] = {
    {"insert", sql_insert}, {"scan4", sql_scan4}, {"scan2", sql_scan2}, {"lookup", sql_lookup}, {"commit", sql_commits}, {"autocommit", sql_autocommit},
    {"aggregate", sql_aggregate}, {"join", sql_join}, {"join_at_random", sql_random_join}, {"sort", sql_sort}, {"index", sql_index}, {"by_index", sql_by_index}, {"update", sql_update},
    {"delete", sql_delete},
};

/* callgrind counts what this calls, and writes a file when it returns: one for each work, in their order. */
__attribute__((noinline)) void measured(void (*work)(void));
void measured(void (*work)(void)) {
    work();
    __asm__ volatile(""); /* no tail call */
}

/* ---- commands ------------------------------------------------------------------------------------- */

#define TIMED(work) do { \
    int64_t wall_ = nanoseconds(CLOCK_MONOTONIC), cpu_ = nanoseconds(CLOCK_THREAD_CPUTIME_ID), sum_ = (work); \
    cpu_ = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - cpu_; \
    wall_ = nanoseconds(CLOCK_MONOTONIC) - wall_; \
    printf("OK %" PRId64 " %" PRId64 " %" PRId64 "\n", cpu_, wall_, sum_); \
} while (0)

static void answer(const char *line) {
    char text[1024];
    int64_t a, b, bytes;
    if (sscanf(line, "create %1000s", text) == 1) {
        create(text);
        printf("OK\n");
    } else if (sscanf(line, "insert %" SCNd64 " %" SCNd64, &a, &b) == 2) {
        TIMED(insert(a, b, true));
    } else if (sscanf(line, "autocommit %" SCNd64 " %" SCNd64, &a, &b) == 2) {
        TIMED(insert(a, b, false));
    } else if (!strcmp(line, "scan4")) {
        TIMED(scan4());
    } else if (!strcmp(line, "scan2")) {
        TIMED(scan2());
    } else if (sscanf(line, "lookup %" SCNd64 " %" SCNd64, &a, &b) == 2) {
        TIMED(lookup(a, b));
    } else if (sscanf(line, "commits %" SCNd64 " %" SCNd64, &a, &b) == 2) {
        TIMED(commits(a, b));
    } else if (sscanf(line, "sql %1000[^\n]", text) == 1) {
        TIMED(rows_of(text));
    } else if (!strcmp(line, "content")) {
        TIMED(content());
    } else if (sscanf(line, "grow %" SCNd64 " %" SCNd64 " %" SCNd64, &a, &b, &bytes) == 3) {
        grow(a, b, bytes);
    } else if (sscanf(line, "warm %" SCNd64, &a) == 1) {
        warm((size_t)a);
        printf("OK\n");
    } else if (sscanf(line, "read %1000[^\n]", text) == 1) {
        TIMED(read_file(text));
    } else if (!strcmp(line, "copy")) {
        TIMED(copy());
    } else {
        fail(line, "no such command");
    }
    fflush(stdout);
}

int main(int argc, char **argv) {
    make_rows();
    if (argc == 4 && !strcmp(argv[1], "instructions")) {
        work_rows = atoll(argv[3]);
        create(argv[2]);
        for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
            puts(works[i].name);
            measured(works[i].run);
        }
        return 0;
    }
    for (char line[1200]; fgets(line, sizeof line, stdin);) {
        line[strcspn(line, "\n")] = 0;
        answer(line);
    }
    return 0;
}
