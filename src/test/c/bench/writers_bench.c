/*
 * How several writers share one database: what they make together beside what one makes alone, and how long each waits for its turn.
 *
 *     writers_bench [SECONDS [ROUNDS [UPDATES]]]   seconds of measuring for each number of writers in each round, rows updated in a transaction;
 *                                                  the default only shows that it works
 *
 * Every writer has a thread and a connection, and runs one short transaction after another without a pause. In each round every number
 * of writers has its turn, so that a machine whose speed drifts does so for all; medians of the rounds are printed. The fair share is the
 * time in which each of n writers has one turn: n transactions at the rate of all. A wait is the time from the call of BEGIN IMMEDIATE to
 * its return.
 */
#include "../harness/check.h"
#include "../harness/sql_util.h"
#include "sqlite3.h"
#include "store/store.h"
#include "vfs/vfs.h"

#include <pthread.h>

enum { MAX_WRITERS = 16, MAX_ROUNDS = 50 };
static const int writer_counts[] = {1, 2, 4, 8, 16};
enum { COUNTS = sizeof writer_counts / sizeof *writer_counts };

static double seconds = 0.02;
static int rounds = 1, updates = 10;
static mv_store *store;

static int64_t now_nsec(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

typedef struct writer {
    pthread_t thread;
    sqlite3 *db;
    int64_t transactions;
    int64_t *waits; /* of each transaction, nanoseconds */
    int64_t room;
} writer;

static atomic_bool stop;

static sqlite3 *open_database(void) {
    sqlite3 *db;
    REQUIRE_EQ(sqlite3_open_v2("shared", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "bench"), SQLITE_OK);
    sqlite3_busy_timeout(db, 60000);
    return db;
}

static void step(sqlite3_stmt *stmt) {
    REQUIRE_EQ(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_reset(stmt);
}

static void *write_on(void *arg) {
    writer *w = arg;
    sqlite3_stmt *begin = prepare(w->db, "BEGIN IMMEDIATE"), *commit = prepare(w->db, "COMMIT");
    sqlite3_stmt *update = prepare(w->db, "UPDATE t SET n = n + 1 WHERE id = ?");
    uint64_t seed = (uint64_t)(uintptr_t)w;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        int64_t from = now_nsec();
        step(begin);
        int64_t wait = now_nsec() - from;
        for (int i = 0; i < updates; i++) {
            sqlite3_bind_int64(update, 1, (sqlite3_int64)(check_random(&seed) % 10000));
            step(update);
        }
        step(commit);
        if (w->transactions == w->room) {
            w->room = w->room ? 2 * w->room : 4096;
            w->waits = realloc(w->waits, sizeof *w->waits * (size_t)w->room);
            REQUIRE(w->waits);
        }
        w->waits[w->transactions++] = wait;
    }
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(update);
    return NULL;
}

typedef struct figures {
    double rate;           /* transactions a second, of all */
    double fewest, most;   /* transactions of one writer, as parts of an equal share */
    double p50, p99, p999, worst; /* waits, microseconds */
} figures;

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static figures measure(int writers) {
    writer all[MAX_WRITERS] = {0};
    atomic_store(&stop, false);
    for (int i = 0; i < writers; i++) all[i].db = open_database();
    int64_t from = now_nsec();
    for (int i = 0; i < writers; i++) REQUIRE_EQ(pthread_create(&all[i].thread, NULL, write_on, &all[i]), 0);
    nanosleep(&(struct timespec){(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)}, NULL);
    atomic_store(&stop, true);
    for (int i = 0; i < writers; i++) pthread_join(all[i].thread, NULL);
    double took = (double)(now_nsec() - from) / 1e9;

    int64_t total = 0, fewest = INT64_MAX, most = 0;
    for (int i = 0; i < writers; i++) {
        total += all[i].transactions;
        if (all[i].transactions < fewest) fewest = all[i].transactions;
        if (all[i].transactions > most) most = all[i].transactions;
    }
    int64_t *waits = malloc(sizeof *waits * (size_t)(total + 1)), n = 0;
    REQUIRE(waits);
    for (int i = 0; i < writers; i++) {
        if (all[i].transactions) memcpy(waits + n, all[i].waits, sizeof *waits * (size_t)all[i].transactions);
        n += all[i].transactions;
        free(all[i].waits);
        sqlite3_close(all[i].db);
    }
    qsort(waits, (size_t)n, sizeof *waits, compare);
    double share = (double)total / writers;
#define AT(part) ((double)waits[(int64_t)((double)(n - 1) * (part))] / 1e3)
    figures f = {(double)total / took, (double)fewest / share, (double)most / share, AT(0.5), AT(0.99), AT(0.999), AT(1)};
    free(waits);
    return f;
}

static double median(double *values) {
    for (int i = 1; i < rounds; i++)
        for (int j = i; j > 0 && values[j] < values[j - 1]; j--) {
            double t = values[j];
            values[j] = values[j - 1];
            values[j - 1] = t;
        }
    return values[rounds / 2];
}

#define MEDIAN(count, field) ({ \
    double values_[MAX_ROUNDS]; \
    for (int r_ = 0; r_ < rounds; r_++) values_[r_] = found[r_][count].field; \
    median(values_); \
})

static void writers_share_a_database(void) {
    static figures found[MAX_ROUNDS][COUNTS];
    mv_vfs *vfs;
    store = mv_store_new(0, 0);
    REQUIRE(store);
    REQUIRE_EQ(mv_vfs_register(store, "bench", &vfs), SQLITE_OK);
    sqlite3 *db = open_database();
    run(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, payload BLOB)");
    run(db, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) INSERT INTO t SELECT i, 0, randomblob(80) FROM n");
    for (int r = 0; r < rounds; r++)
        for (int i = 0; i < COUNTS; i++) found[r][i] = measure(writer_counts[i]);
    if (seconds >= 0.1) {
        printf("writers  transactions/s  of one alone  fewest..most of a share  fair share us  wait us: median   99 %%  99.9 %%   worst  (99.9 %% / fair share)\n");
        for (int i = 0; i < COUNTS; i++) {
            double rate = MEDIAN(i, rate), fair = writer_counts[i] / rate * 1e6, late = MEDIAN(i, p999);
            printf("%7d  %14.0f  %12.2f  %11.2f..%4.2f         %13.0f  %15.1f  %5.0f  %6.0f  %6.0f  %6.1f\n", writer_counts[i], rate, rate / MEDIAN(0, rate),
                MEDIAN(i, fewest), MEDIAN(i, most), fair, MEDIAN(i, p50), MEDIAN(i, p99), late, MEDIAN(i, worst), late / fair);
        }
    }
    run(db, "PRAGMA integrity_check");
    sqlite3_close(db);
    mv_store_close(store);
    mv_vfs_unregister(vfs);
    mv_store_release(store);
}

int main(int argc, char **argv) {
    if (argc > 1) seconds = strtod(argv[1], NULL);
    if (argc > 2) rounds = atoi(argv[2]);
    if (argc > 3) updates = atoi(argv[3]);
    if (rounds < 1 || rounds > MAX_ROUNDS) rounds = 1;
    check_start(1, argv);
    RUN(writers_share_a_database);
    return check_end();
}
