/*
 * What the programs that test the block store (store.h) share: stores, files and loads to test with. See check.h.
 */
#ifndef MV_STORE_UTIL_H
#define MV_STORE_UTIL_H

#include "check.h"
#include "store/store.h"
#include "sqlite3.h"

__attribute__((unused)) static mv_store *new_store(uint32_t block_size, uint64_t max_bytes) {
    mv_store *store = mv_store_new(block_size, max_bytes);
    REQUIRE(store);
    return store;
}

__attribute__((unused)) static mv_stats stats_of(mv_store *store) {
    mv_stats stats;
    memset(&stats, 0xa5, sizeof stats);
    mv_store_stats(store, &stats);
    return stats;
}

__attribute__((unused)) static mv_stats stats_of_database(mv_database *db) {
    mv_stats stats;
    memset(&stats, 0xa5, sizeof stats);
    mv_database_stats(db, &stats);
    return stats;
}

/* Commits a transaction on the newest version, and returns a pin on the one that it has made. */
__attribute__((unused)) static mv_version *commit_txn(mv_database *db, mv_txn *txn) {
    mv_lease lease;
    mv_lease_open(&lease, db);
    mv_lease_take(&lease);
    mv_lease_return(mv_txn_publish(txn, &lease, true));
    mv_txn_drop(txn);
    mv_version *v = mv_version_hold(mv_lease_leave(&lease));
    mv_lease_return(v);
    mv_lease_close(&lease);
    return v;
}

/* The store's own check, and what it says is reachable against what is in use. */
__attribute__((unused)) static void check_store(mv_store *store) {
    uint64_t reachable = mv_store_check(store);
    CHECK_EQ(stats_of(store).bytes, reachable);
}

/* Drops the test's reference of a store in which nothing is used any more. */
__attribute__((unused)) static void end_store(mv_store *store) {
    char *names;
    size_t len;
    REQUIRE_EQ(mv_store_names(store, &names, &len), MV_OK);
    for (const char *name = names; name < names + len; name += strlen(name) + 1)
        CHECK_EQ(mv_store_delete(store, name, strlen(name)), MV_OK);
    sqlite3_free(names);
    check_store(store);
    mv_stats stats = stats_of(store);
    CHECK_EQ(stats.bytes, 0);
    CHECK_EQ(stats.blocks, 0);
    CHECK_EQ(stats.versions, 0);
    CHECK_EQ(stats.pins, 0);
    CHECK_EQ(stats.forks, 0);
    CHECK_EQ(stats.databases, 0);
    mv_store_release(store);
}

__attribute__((unused)) static mv_result fork_to(mv_store *store, mv_version *origin, const char *name) {
    return mv_store_fork(store, origin, name, strlen(name));
}

__attribute__((unused)) static mv_result delete_name(mv_store *store, const char *name) {
    return mv_store_delete(store, name, strlen(name));
}

/* Bytes that depend on the stamp and on their place, none of them zero. */
__attribute__((unused)) static void fill(uint8_t *to, size_t n, uint64_t stamp) {
    uint64_t state = stamp * 0x2545f4914f6cdd1du + 1;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word = check_random(&state) | 0x0101010101010101u;
        memcpy(to + i, &word, n - i < 8 ? n - i : 8);
    }
}

__attribute__((unused)) static void *allocate(size_t n) {
    void *p = malloc(n ? n : 1);
    REQUIRE(p);
    return p;
}

__attribute__((unused)) static void put32(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)(value >> 24);
    to[1] = (uint8_t)(value >> 16);
    to[2] = (uint8_t)(value >> 8);
    to[3] = (uint8_t)value;
}

/* The first 100 bytes of an SQLite database of that page size and number of pages. */
__attribute__((unused)) static void fill_header(uint8_t *to, uint32_t page_size, uint32_t pages, uint32_t counter) {
    memset(to, 0, 100);
    memcpy(to, "SQLite format 3", 16);
    to[16] = (uint8_t)(page_size == 65536 ? 0 : page_size >> 8);
    to[17] = page_size == 65536 ? 1 : 0;
    to[18] = to[19] = 1;
    to[21] = 64;
    to[22] = to[23] = 32;
    put32(to + 24, counter);
    put32(to + 28, pages);
    put32(to + 40, 1);
    put32(to + 44, 4);
    put32(to + 56, 1);
    put32(to + 92, counter);
    put32(to + 96, 3054001);
}

/* What a database file might look like to the store: a header, then bytes of the stamp. Freed by the caller. */
__attribute__((unused)) static uint8_t *new_file(uint32_t page_size, uint32_t pages, uint64_t stamp) {
    size_t n = (size_t)page_size * pages;
    uint8_t *file = allocate(n);
    fill(file, n, stamp);
    if (n)
        fill_header(file, page_size, pages, 7);
    return file;
}

__attribute__((unused)) static mv_load *begin_load(mv_store *store, const char *name) {
    mv_load *load = NULL;
    REQUIRE_EQ(mv_load_begin(store, name, strlen(name), &load), MV_OK);
    REQUIRE(load);
    return load;
}

__attribute__((unused)) static mv_result publish(mv_store *store, const char *name, mv_load *load, int64_t usec) {
    return mv_store_publish(store, name, strlen(name), load, usec);
}

/* Exactly these bytes, by every way of reading. */
__attribute__((unused)) static void check_content(const mv_version *v, const uint8_t *bytes, int64_t n) {
    if (!CHECK_EQ(mv_version_size(v), n))
        return;
    uint8_t *got = allocate((size_t)n + 16);
    memset(got, 0x5a, (size_t)n + 16);
    CHECK_EQ(mv_version_read(v, got, (size_t)n + 16, 0), n);
    CHECK_MEM(got, bytes, (size_t)n);
    free(got);
    for (int64_t at = 0; at < n;) {
        size_t len = 0;
        const void *span = mv_version_span(v, at, 1u << 20, &len);
        REQUIRE(span && len > 0 && (int64_t)len <= n - at);
        if (!CHECK_MEM(span, bytes + at, len))
            return;
        at += (int64_t)len;
    }
}

#endif
