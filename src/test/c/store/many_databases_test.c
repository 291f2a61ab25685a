/*
 * What a store does with one database takes no time by how many others there are. Counted, not timed: the databases that it looks at.
 */
#include "../harness/check.h"
#include "store/store.h"
#include "store/store_internal.h"
#include "../harness/store_util.h"

enum { MANY = 30000, FEW = 100 };

static void name_of(char *to, size_t room, int i) {
    snprintf(to, room, "tenant-%d", i);
}

static mv_database *open_nth(mv_store *store, int i, bool create) {
    char name[40];
    mv_database *db = NULL;
    name_of(name, sizeof name, i);
    REQUIRE_EQ(mv_store_open(store, name, strlen(name), create, &db), MV_OK);
    return db;
}

/* Opens, counts, forks and deletes some of n databases, and returns how many it looked at for each of those. */
static double looked_at(int n) {
    mv_store *store = new_store(512, 0);
    for (int i = 0; i < n; i++) mv_database_release(open_nth(store, i, true));
    uint64_t before = store->looked_at, calls = 0;
    for (int i = 0; i < n; i += n / FEW) {
        char name[40];
        mv_stats stats;
        mv_database *db = open_nth(store, i, false);
        mv_database_stats(db, &stats);
        CHECK_EQ(stats.versions, 1);
        mv_version *v = mv_database_pin(db);
        name_of(name, sizeof name, n + i);
        CHECK_EQ(mv_store_fork(store, v, name, strlen(name)), MV_OK);
        mv_version_release(v);
        mv_database_release(db);
        CHECK_EQ(mv_store_delete(store, name, strlen(name)), MV_OK);
        calls += 4;
    }
    double each = (double)(store->looked_at - before) / (double)calls;
    before = store->looked_at;
    mv_stats stats;
    mv_store_stats(store, &stats);
    CHECK_EQ(stats.databases, (uint64_t)n);
    char *names;
    size_t len;
    CHECK_EQ(mv_store_names(store, &names, &len), MV_OK);
    sqlite3_free(names);
    for (int i = 0; i < n; i++) {
        mv_database *db = open_nth(store, i, false);
        mv_database_stats_as_they_are(db, &stats);
        mv_database_release(db);
    }
    CHECK(store->looked_at - before <= (uint64_t)n * 6); /* of all: by how many there are, not by the square */
    end_store(store);
    return each;
}

static void one_of_many(void) {
    double of_few = looked_at(FEW), of_many = looked_at(MANY);
    check_context("%.2f of %d, %.2f of %d", of_few, FEW, of_many, MANY);
    CHECK(of_many < 4 && of_few < 4);
}

static void commit_page(mv_database *db) {
    uint8_t page[512];
    mv_txn *txn;
    int owner;
    mv_version *base = mv_database_pin(db);
    fill(page, sizeof page, 1);
    REQUIRE_EQ(mv_write_lock(db, &owner), MV_OK);
    REQUIRE_EQ(mv_txn_begin(db, base, &txn), MV_OK);
    REQUIRE_EQ(mv_txn_write(txn, page, sizeof page, 0), MV_OK);
    REQUIRE_EQ(mv_txn_prepare(txn), MV_OK);
    mv_version_release(commit_txn(db, txn));
    mv_version_release(base);
    mv_write_unlock(db, &owner);
}

/* Leases that keep old versions for rows are found among many databases that have none, whoever made them so. */
static void old_versions_are_found(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db[64];
    mv_lease leases[64];
    _Atomic int32_t rows[64][3];
    for (int i = 0; i < MANY / 10; i++) mv_database_release(open_nth(store, i, true));
    for (int i = 0; i < 64; i++) {
        db[i] = open_nth(store, i * 40, false);
        atomic_init(&rows[i][0], 0);
        atomic_init(&rows[i][1], 0);
        atomic_init(&rows[i][2], 1); /* whatever ends keeps them */
        mv_lease_open(&leases[i], db[i]);
        mv_lease_rows(&leases[i], rows[i]);
        if (i % 2) mv_lease_take(&leases[i]);
        else { /* put back before the version becomes old */
            mv_lease_take(&leases[i]);
            atomic_store(&rows[i][0], 1);
            atomic_store(&rows[i][1], 1);
            mv_lease_put(&leases[i]);
        }
        commit_page(db[i]);
        if (i % 2) { /* and after */
            atomic_store(&rows[i][0], 1);
            atomic_store(&rows[i][1], 1);
            mv_lease_put(&leases[i]);
        }
    }
    mv_stats stats;
    uint64_t before = store->looked_at;
    for (int i = 0; i < 64; i++) {
        mv_database_stats(db[i], &stats);
        CHECK_EQ(stats.versions, 2);
        CHECK_EQ(stats.pins, 1);
    }
    CHECK(store->looked_at - before <= 64 * 64);
    for (int i = 0; i < 64; i++) {
        atomic_store(&rows[i][0], 0);
        mv_database_stats(db[i], &stats);
        CHECK_EQ(stats.versions, 1);
        CHECK_EQ(stats.pins, 0);
    }
    before = store->looked_at;
    mv_database_stats(db[0], &stats);
    CHECK_EQ(store->looked_at - before, 0);
    for (int i = 0; i < 64; i++) {
        mv_lease_close(&leases[i]);
        mv_database_release(db[i]);
    }
    end_store(store);
}

static void the_first_names(void) {
    mv_store *store = new_store(512, 0);
    char *names, *all;
    size_t n, len, count;
    REQUIRE_EQ(mv_store_first_names(store, 3, &names, &n, &count), MV_OK);
    CHECK(n == 0 && count == 0);
    sqlite3_free(names);
    for (int i = 0; i < 200; i++) { /* in any order */
        char name[16];
        int length = snprintf(name, sizeof name, "%d", i * 7919 % 1009);
        mv_database *db;
        REQUIRE_EQ(mv_store_open(store, name, (size_t)length, true, &db), MV_OK);
        mv_database_release(db);
    }
    REQUIRE_EQ(mv_store_names(store, &all, &len), MV_OK);
    const size_t most[] = {1, 2, 20, 199, 200, 1000};
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        REQUIRE_EQ(mv_store_first_names(store, most[i], &names, &n, &count), MV_OK);
        CHECK_EQ(count, 200);
        CHECK(n <= len && !memcmp(names, all, n));
        size_t seen = 0;
        for (size_t k = 0; k < n; k++) seen += !names[k];
        CHECK_EQ(seen, most[i] < 200 ? most[i] : 200);
        sqlite3_free(names);
    }
    sqlite3_free(all);
    end_store(store);
}

int main(int argc, char **argv) {
    check_start(argc, argv);
    RUN(one_of_many);
    RUN(old_versions_are_found);
    RUN(the_first_names);
    return check_end();
}
