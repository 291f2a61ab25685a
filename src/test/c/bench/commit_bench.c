/*
 * What the store costs beside SQLite's own in memory: the same work on our VFS, on `:memory:` and on memdb, with the same SQLite in one process.
 *
 *     commit_bench [ROUNDS [SCALE]]            the CPU time of each work on each, as medians of so many rounds; the default only shows that it works
 *     commit_bench only WORK WHERE [SCALE]     one work on one (ours, memory or memdb), once, for a profiler
 *     commit_bench together [SECONDS [ROUNDS]] a writer (10 updates a transaction) and readers (scans of 1000 rows) at once, each beside what it makes alone
 *
 * SCALE 1 is 10,000 rows. In each round every work runs on all three, one after the other, so that a machine whose speed drifts does so for all.
 */
#include "../harness/check.h"
#include "../harness/sql_util.h"
#include "sqlite3.h"
#include "store/store.h"
#include "vfs/vfs.h"

#include <pthread.h>

enum { OURS, MEMORY, MEMDB, PLACES, MAX_ROUNDS = 101, MAX_READERS = 16 };
static const char *const places[PLACES] = {"ours", "memory", "memdb"};

static int rows = 1000;
static mv_store *store;
static mv_vfs *vfs;

static int64_t now_nsec(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static sqlite3 *open_at(int place) {
    static const char *const names[PLACES] = {"bench", ":memory:", "/bench"};
    static const char *const vfses[PLACES] = {"bench", NULL, "memdb"};
    sqlite3 *db;
    REQUIRE_EQ(sqlite3_open_v2(names[place], &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfses[place]), SQLITE_OK);
    sqlite3_busy_timeout(db, 60000);
    return db;
}

static void finish(sqlite3_stmt *stmt) {
    int rc;
    do rc = sqlite3_step(stmt);
    while (rc == SQLITE_ROW);
    REQUIRE_EQ(rc, SQLITE_DONE);
    sqlite3_reset(stmt);
}

/* ---- works ------------------------------------------------------------------------------------------ */

static void bind_row(sqlite3_stmt *insert, int64_t id) {
    static const char payload[32] = "0123456789abcdef0123456789abcde";
    char name[21];
    snprintf(name, sizeof name, "name-%015d", (int)(id * 7919 % 1000000));
    sqlite3_bind_int64(insert, 1, id);
    sqlite3_bind_text(insert, 2, name, 20, SQLITE_TRANSIENT);
    sqlite3_bind_double(insert, 3, (double)id * 1.5);
    sqlite3_bind_blob(insert, 4, payload, sizeof payload, SQLITE_STATIC);
}

#define INSERT "INSERT INTO t VALUES(?, ?, ?, ?)"

static void create(sqlite3 *db) {
    run(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value REAL, payload BLOB)");
}

static void insert_all(sqlite3 *db) {
    sqlite3_stmt *insert = prepare(db, INSERT);
    run(db, "BEGIN");
    for (int i = 0; i < rows; i++) {
        bind_row(insert, i);
        finish(insert);
    }
    run(db, "COMMIT");
    sqlite3_finalize(insert);
}

static void fill(sqlite3 *db) {
    create(db);
    insert_all(db);
}

static void insert_each(sqlite3 *db) {
    sqlite3_stmt *insert = prepare(db, INSERT);
    for (int i = 0; i < rows; i++) {
        bind_row(insert, i);
        finish(insert);
    }
    sqlite3_finalize(insert);
}

static void update_ten(sqlite3 *db) {
    sqlite3_stmt *begin = prepare(db, "BEGIN"), *commit = prepare(db, "COMMIT"), *update = prepare(db, "UPDATE t SET value = value + 1 WHERE id = ?");
    uint64_t seed = 1;
    for (int i = 0; i < rows / 10; i++) {
        finish(begin);
        for (int j = 0; j < 10; j++) {
            sqlite3_bind_int64(update, 1, (int64_t)(check_random(&seed) % (uint64_t)rows));
            finish(update);
        }
        finish(commit);
    }
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(update);
}

static void look_up(sqlite3 *db) {
    sqlite3_stmt *select = prepare(db, "SELECT name, value FROM t WHERE id = ?");
    uint64_t seed = 1;
    for (int i = 0; i < rows; i++) {
        sqlite3_bind_int64(select, 1, (int64_t)(check_random(&seed) % (uint64_t)rows));
        finish(select);
    }
    sqlite3_finalize(select);
}

static void run_query(sqlite3 *db, const char *sql) {
    sqlite3_stmt *stmt = prepare(db, sql);
    finish(stmt);
    sqlite3_finalize(stmt);
}

static void aggregate(sqlite3 *db) {
    for (int i = 0; i < 4; i++) run_query(db, "SELECT substr(name, 1, 18), count(*), sum(value), max(payload) FROM t GROUP BY 1");
}

static void join(sqlite3 *db) {
    for (int i = 0; i < 4; i++) run_query(db, "SELECT count(*), sum(b.value) FROM t a JOIN t b ON b.id = a.id * 7 % 9973");
}

static void build_index(sqlite3 *db) {
    run(db, "CREATE INDEX by_name ON t(name)");
}

static void update_all(sqlite3 *db) {
    run(db, "UPDATE t SET value = value * 2");
}

static void delete_half(sqlite3 *db) {
    run(db, "DELETE FROM t WHERE id % 2");
}

static const struct {
    const char *name;
    void (*prepare)(sqlite3 *), (*run)(sqlite3 *);
} works[] = {
    {"autocommit", create, insert_each}, {"ten_updates", fill, update_ten}, {"lookups", fill, look_up}, {"inserts", create, insert_all},
    {"aggregates", fill, aggregate}, {"joins", fill, join}, {"index", fill, build_index}, {"updates", fill, update_all}, {"deletes", fill, delete_half},
};
enum { WORKS = sizeof works / sizeof *works };

static int64_t measure(int work, int place) {
    sqlite3 *db = open_at(place);
    works[work].prepare(db);
    int64_t from = now_nsec(CLOCK_THREAD_CPUTIME_ID);
    works[work].run(db);
    int64_t took = now_nsec(CLOCK_THREAD_CPUTIME_ID) - from;
    REQUIRE_EQ(sqlite3_close(db), SQLITE_OK);
    if (place == OURS) REQUIRE_EQ(mv_store_delete(store, "bench", 5), MV_OK);
    return took;
}

static double median(double *values, int n) {
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && values[j] < values[j - 1]; j--) {
            double t = values[j];
            values[j] = values[j - 1];
            values[j - 1] = t;
        }
    return values[n / 2];
}

static int rounds = 1;

static void works_beside_those_of_sqlite(void) {
    static double took[PLACES][WORKS][MAX_ROUNDS], ratio[PLACES][WORKS][MAX_ROUNDS];
    for (int r = 0; r < rounds; r++)
        for (int w = 0; w < WORKS; w++) {
            for (int p = 0; p < PLACES; p++) took[p][w][r] = (double)measure(w, p) / rows;
            for (int p = 0; p < PLACES; p++) ratio[p][w][r] = took[OURS][w][r] / took[p][w][r];
        }
    if (rounds < 3) return;
    printf("ns a row        ours    memory     memdb  ours/memory  ours/memdb\n");
    for (int w = 0; w < WORKS; w++)
        printf("%-12s %7.0f   %7.0f   %7.0f      %7.2f     %7.2f\n", works[w].name, median(took[OURS][w], rounds), median(took[MEMORY][w], rounds),
            median(took[MEMDB][w], rounds), median(ratio[MEMORY][w], rounds), median(ratio[MEMDB][w], rounds));
}

/* ---- together --------------------------------------------------------------------------------------- */

static double seconds = 0.02;
static atomic_bool stop;

typedef struct worker {
    pthread_t thread;
    void *(*body)(void *);
    int64_t done, worst, cpu; /* nanoseconds */
} worker;

static void *write_on(void *arg) {
    worker *me = arg;
    sqlite3 *db = open_at(OURS);
    sqlite3_stmt *begin = prepare(db, "BEGIN IMMEDIATE"), *commit = prepare(db, "COMMIT"), *update = prepare(db, "UPDATE t SET value = value + 1 WHERE id = ?");
    uint64_t seed = 1;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        finish(begin);
        for (int j = 0; j < 10; j++) {
            sqlite3_bind_int64(update, 1, (int64_t)(check_random(&seed) % (uint64_t)rows));
            finish(update);
        }
        finish(commit);
        me->done++;
    }
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(update);
    REQUIRE_EQ(sqlite3_close(db), SQLITE_OK);
    me->cpu = now_nsec(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

static void *read_on(void *arg) {
    worker *me = arg;
    sqlite3 *db = open_at(OURS);
    sqlite3_stmt *select = prepare(db, "SELECT id, name, value, payload FROM t WHERE id >= ? LIMIT 1000");
    uint64_t seed = 2;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        int64_t from = now_nsec(CLOCK_MONOTONIC);
        sqlite3_bind_int64(select, 1, (int64_t)(check_random(&seed) % (uint64_t)(rows - 999)));
        finish(select);
        int64_t took = now_nsec(CLOCK_MONOTONIC) - from;
        if (took > me->worst) me->worst = took;
        me->done++;
    }
    sqlite3_finalize(select);
    REQUIRE_EQ(sqlite3_close(db), SQLITE_OK);
    me->cpu = now_nsec(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

/* Rates a second of the writer and of one reader, worst scan in microseconds, and the writer's part of all CPU time. */
typedef struct rates {
    double writer, reader, worst, share;
    double writer_cpu, reader_cpu; /* rates a second of their CPU time: what they are in each other's way, whoever else has the processors */
} rates;

static rates run_together(bool writer, int readers) {
    worker all[1 + MAX_READERS] = {0};
    int n = 0;
    if (writer) all[n++].body = write_on;
    for (int i = 0; i < readers; i++) all[n++].body = read_on;
    atomic_store(&stop, false);
    int64_t from = now_nsec(CLOCK_MONOTONIC);
    for (int i = 0; i < n; i++) REQUIRE_EQ(pthread_create(&all[i].thread, NULL, all[i].body, &all[i]), 0);
    nanosleep(&(struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)}, NULL);
    atomic_store(&stop, true);
    rates found = {0};
    double cpu = 0, of_readers = 0, of_writer = 0;
    for (int i = 0; i < n; i++) {
        pthread_join(all[i].thread, NULL);
        bool writes = all[i].body == write_on;
        *(writes ? &found.writer : &found.reader) += (double)all[i].done / (writes ? 1 : readers);
        if (!writes && (double)all[i].worst / 1e3 > found.worst) found.worst = (double)all[i].worst / 1e3;
        cpu += (double)all[i].cpu;
        *(writes ? &of_writer : &of_readers) += (double)all[i].cpu / 1e9;
    }
    double took = (double)(now_nsec(CLOCK_MONOTONIC) - from) / 1e9;
    found.writer_cpu = writer ? found.writer / of_writer : 0;
    found.reader_cpu = readers ? found.reader * readers / of_readers : 0;
    found.writer /= took;
    found.reader /= took;
    found.share = writer ? (double)all[0].cpu / cpu : 0;
    return found;
}

static void readers_and_a_writer_together(void) {
    static double of_writer[MAX_ROUNDS], of_reader[MAX_ROUNDS], worst[MAX_ROUNDS], of_many[MAX_ROUNDS], share[MAX_ROUNDS], writer_cpu[MAX_ROUNDS], reader_cpu[MAX_ROUNDS];
    sqlite3 *db = open_at(OURS);
    rows = 10000;
    fill(db);
    for (int r = 0; r < rounds; r++) {
        rates alone = run_together(true, 0), reader = run_together(false, 1), both = run_together(true, 1), many = run_together(true, MAX_READERS);
        of_writer[r] = both.writer / alone.writer;
        of_reader[r] = both.reader / reader.reader;
        worst[r] = both.worst;
        writer_cpu[r] = both.writer_cpu / alone.writer_cpu;
        reader_cpu[r] = both.reader_cpu / reader.reader_cpu;
        of_many[r] = many.writer / alone.writer;
        share[r] = many.share;
        if (seconds >= 0.1) printf("alone: %.0f transactions/s, %.0f scans/s\n", alone.writer, reader.reader);
    }
    if (seconds >= 0.1)
        printf("together, of what each makes alone: writer %.2f, reader %.2f (by CPU time %.2f and %.2f); worst scan %.0f us\n"
               "sixteen readers and a writer: writer %.2f of what it makes alone, %.3f of all CPU time (an equal share: %.3f)\n",
            median(of_writer, rounds), median(of_reader, rounds), median(writer_cpu, rounds), median(reader_cpu, rounds), median(worst, rounds), median(of_many, rounds), median(share, rounds), 1.0 / (1 + MAX_READERS));
    run(db, "PRAGMA integrity_check");
    REQUIRE_EQ(sqlite3_close(db), SQLITE_OK);
    REQUIRE_EQ(mv_store_delete(store, "bench", 5), MV_OK);
}

int main(int argc, char **argv) {
    store = mv_store_new(0, 0);
    REQUIRE(store);
    REQUIRE_EQ(mv_vfs_register(store, "bench", &vfs), SQLITE_OK);
    const char *what = argc > 1 ? argv[1] : "";
    bool together = strcmp(what, "together") == 0;
    check_start(1, argv);
    if (strcmp(what, "only") == 0) {
        REQUIRE(argc > 3);
        if (argc > 4) rows = (int)(strtod(argv[4], NULL) * 10000);
        for (int w = 0; w < WORKS; w++)
            for (int p = 0; p < PLACES; p++)
                if (strcmp(argv[2], works[w].name) == 0 && strcmp(argv[3], places[p]) == 0) measure(w, p);
    } else {
        if (argc > 1 && !together) rounds = atoi(argv[1]);
        if (argc > 2 && !together) rows = (int)(strtod(argv[2], NULL) * 10000);
        else if (argc > 1) rows = 10000;
        if (argc > 2 && together) seconds = strtod(argv[2], NULL);
        if (argc > 3 && together) rounds = atoi(argv[3]);
        if (rounds < 1 || rounds > MAX_ROUNDS) rounds = 1;
        if (!together) RUN(works_beside_those_of_sqlite);
        if (together || argc == 1) RUN(readers_and_a_writer_together);
    }
    mv_store_close(store);
    mv_vfs_unregister(vfs);
    mv_store_release(store);
    return check_end();
}
