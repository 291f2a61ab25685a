/*
 * The block store (store.h) by itself: units, threads. Random steps against a model of it are in model_test.c.
 *
 *     store_test [WORD...]         the tests whose names hold a word; --list prints them
 */
#include "../harness/check.h"
#include "store/store.h"
#include "../harness/store_util.h"
#include "store/sync.h"
#include "sqlite3.h"

#include <pthread.h>

/* ---- helpers -------------------------------------------------------------------------------------- */

static mv_database *open_name(mv_store *store, const char *name) {
    mv_database *db = NULL;
    REQUIRE_EQ(mv_store_open(store, name, strlen(name), true, &db), MV_OK);
    REQUIRE(db);
    return db;
}

static const int test_owner; /* its address is the owner in tests of one thread */

typedef struct writing {
    mv_database *db;
    mv_version *base;
    mv_txn *txn;
} writing;

static writing begin(mv_database *db) {
    writing w = {.db = db};
    REQUIRE_EQ(mv_write_lock(db, &test_owner), MV_OK);
    w.base = mv_database_pin(db);
    REQUIRE_EQ(mv_txn_begin(db, w.base, &w.txn), MV_OK);
    return w;
}

/* Returns a pin on what was committed. */
static mv_version *commit_pinned(writing *w) {
    REQUIRE_EQ(mv_txn_prepare(w->txn), MV_OK);
    mv_version *v = commit_txn(w->db, w->txn);
    REQUIRE(v);
    mv_version_release(w->base);
    mv_write_unlock(w->db, &test_owner);
    return v;
}

static void commit(writing *w) {
    mv_version_release(commit_pinned(w));
}

static void drop(writing *w) {
    mv_txn_drop(w->txn);
    mv_version_release(w->base);
    mv_write_unlock(w->db, &test_owner);
}

static void write_stamp(writing *w, uint64_t stamp, size_t n, int64_t offset) {
    uint8_t *bytes = allocate(n);
    fill(bytes, n, stamp);
    CHECK_EQ(mv_txn_write(w->txn, bytes, n, offset), MV_OK);
    free(bytes);
}

static void write_stamp_committed(mv_database *db, uint64_t stamp, size_t n, int64_t offset) {
    writing w = begin(db);
    write_stamp(&w, stamp, n, offset);
    commit(&w);
}

/* The version holds n bytes of that stamp at the offset. */
static void check_stamp(const mv_version *v, uint64_t stamp, size_t n, int64_t offset) {
    uint8_t *want = allocate(n), *got = allocate(n);
    fill(want, n, stamp);
    memset(got, 0x5a, n);
    CHECK_EQ(mv_version_read(v, got, n, offset), n);
    CHECK_MEM(got, want, n);
    free(want);
    free(got);
}

static void check_newest_stamp(mv_database *db, uint64_t stamp, size_t n, int64_t offset) {
    mv_version *v = mv_database_pin(db);
    check_stamp(v, stamp, n, offset);
    mv_version_release(v);
}

static void check_zero(const mv_version *v, size_t n, int64_t offset) {
    uint8_t *want = calloc(1, n), *got = allocate(n);
    REQUIRE(want);
    memset(got, 0x5a, n);
    CHECK_EQ(mv_version_read(v, got, n, offset), n);
    CHECK_MEM(got, want, n);
    free(want);
    free(got);
}

/* Gives the load n bytes in chunks, through both ways in, until it refuses. */
static mv_result feed(mv_load *load, const uint8_t *bytes, size_t n, size_t chunk) {
    for (size_t at = 0, i = 0; at < n; i++) {
        size_t want = n - at < chunk ? n - at : chunk;
        mv_result rc;
        if (i % 2) {
            rc = mv_load_write(load, bytes + at, want);
            if (rc)
                return rc;
            at += want;
        } else {
            void *space = NULL;
            size_t room = 0;
            rc = mv_load_space(load, &space, &room);
            if (rc)
                return rc;
            REQUIRE(space && room > 0);
            if (room > want)
                room = want;
            memcpy(space, bytes + at, room);
            rc = mv_load_filled(load, room);
            if (rc)
                return rc;
            at += room;
        }
    }
    return MV_OK;
}

/* Makes the bytes the content of that database. */
static void load_bytes(mv_store *store, const char *name, const uint8_t *bytes, size_t n, size_t chunk) {
    mv_load *load = begin_load(store, name);
    CHECK_EQ(feed(load, bytes, n, chunk), MV_OK);
    REQUIRE_EQ(mv_load_finish(load), MV_OK);
    CHECK_EQ(mv_load_size(load), n);
    REQUIRE_EQ(publish(store, name, load, 0), MV_OK);
}

static void check_newest(mv_database *db, const uint8_t *bytes, int64_t n) {
    mv_version *v = mv_database_pin(db);
    check_content(v, bytes, n);
    mv_version_release(v);
}

static void for_each_block_size(void (*body)(uint32_t block_size)) {
    body(0);
    for (uint32_t size = MV_MIN_BLOCK; size <= MV_MAX_BLOCK; size *= 2)
        body(size);
    check_context("%s", "");
}

/* ---- names ---------------------------------------------------------------------------------------- */

static void an_empty_store_has_nothing_and_uses_nothing(void) {
    mv_store *store = new_store(4096, 0);
    char *names = NULL;
    size_t len = 99;
    CHECK_EQ(mv_store_names(store, &names, &len), MV_OK);
    CHECK_EQ(len, 0);
    sqlite3_free(names);
    mv_database *db = NULL;
    CHECK_EQ(mv_store_open(store, "a", 1, false, &db), MV_NOTFOUND);
    CHECK_EQ(delete_name(store, "a"), MV_NOTFOUND);
    CHECK_EQ(stats_of(store).limit, 0);
    end_store(store);
    store = new_store(4096, 12345678);
    CHECK_EQ(stats_of(store).limit, 12345678);
    mv_store_hold(store);
    mv_store_release(store);
    end_store(store);
}

static void names_are_compared_byte_by_byte(void) {
    static const char *const names[] = {"a", "A", "ab", "a ", " a", "\xc3\xa4", "a\xcc\x88", "\xf0\x9f\x98\x80", "x-journal", "../x", "file:x",
        "a?b", "%41", "\xc3\xbc/%41 \xf0\x9f\x98\x80", ".", "/"};
    enum { n = sizeof names / sizeof *names };
    mv_store *store = new_store(512, 0);
    mv_database *handles[n], *again;
    for (int i = 0; i < n; i++) {
        CHECK_EQ(mv_store_open(store, names[i], strlen(names[i]), false, &again), MV_NOTFOUND);
        handles[i] = open_name(store, names[i]);
        write_stamp_committed(handles[i], (uint64_t)i, 512, 0);
    }
    CHECK_EQ(stats_of(store).databases, n);
    for (int i = 0; i < n; i++) {
        REQUIRE_EQ(mv_store_open(store, names[i], strlen(names[i]), i % 2, &again), MV_OK);
        CHECK(again == handles[i]);
        check_newest_stamp(again, (uint64_t)i, 512, 0);
        mv_database_release(again);
    }
    char *listed;
    size_t len, count = 0;
    REQUIRE_EQ(mv_store_names(store, &listed, &len), MV_OK);
    const char *last = NULL;
    for (const char *name = listed; name < listed + len; name += strlen(name) + 1) {
        CHECK(!last || strcmp(last, name) < 0);
        last = name;
        bool found = false;
        for (int i = 0; i < n; i++)
            found |= !strcmp(names[i], name);
        CHECK(found);
        count++;
    }
    CHECK_EQ(count, n);
    sqlite3_free(listed);
    check_store(store);
    /* The length counts, not a NUL: a prefix is another name. */
    REQUIRE_EQ(mv_store_open(store, "abcdef", 2, false, &again), MV_OK);
    CHECK(again == handles[2]);
    mv_database_release(again);
    CHECK_EQ(mv_store_open(store, "abcdef", 3, false, &again), MV_NOTFOUND);
    for (int i = 0; i < n; i++)
        mv_database_release(handles[i]);
    end_store(store);
}

static void very_many_names(void) {
    mv_store *store = new_store(512, 0);
    char name[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "database %d", i);
        mv_database_release(open_name(store, name));
    }
    CHECK_EQ(stats_of(store).databases, 2000);
    for (int i = 0; i < 2000; i += 2) {
        snprintf(name, sizeof name, "database %d", i);
        CHECK_EQ(delete_name(store, name), MV_OK);
    }
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "database %d", i);
        mv_database *db;
        mv_result rc = mv_store_open(store, name, strlen(name), false, &db);
        CHECK_EQ(rc, i % 2 ? MV_OK : MV_NOTFOUND);
        if (!rc)
            mv_database_release(db);
    }
    end_store(store);
}

static void a_deleted_name_is_free_at_once(void) {
    mv_store *store = new_store(512, 0);
    mv_database *old = open_name(store, "a");
    write_stamp_committed(old, 1, 2000, 0);
    mv_version *pin = mv_database_pin(old);
    CHECK_EQ(delete_name(store, "a"), MV_OK);
    CHECK_EQ(delete_name(store, "a"), MV_NOTFOUND);
    CHECK_EQ(stats_of(store).databases, 0);
    CHECK(stats_of(store).bytes >= 2000);
    mv_database *db = NULL;
    CHECK_EQ(mv_store_open(store, "a", 1, false, &db), MV_NOTFOUND);
    mv_database *new = open_name(store, "a");
    CHECK(new != old);
    CHECK_EQ(stats_of(store).databases, 1);
    write_stamp_committed(new, 2, 1000, 0);
    /* The old one can still be read and even written by those who have it. */
    check_stamp(pin, 1, 2000, 0);
    write_stamp_committed(old, 3, 700, 100);
    check_newest_stamp(old, 3, 700, 100);
    check_stamp(pin, 1, 2000, 0);
    check_newest_stamp(new, 2, 1000, 0);
    check_store(store);
    mv_database_release(old);
    check_stamp(pin, 1, 2000, 0);
    check_store(store);
    CHECK(mv_version_database(pin) == old);
    CHECK_EQ(fork_to(store, pin, "fork"), MV_OK); /* a pin on what has no name can still be forked */
    mv_version_release(pin);
    mv_database *fork = open_name(store, "fork");
    check_newest_stamp(fork, 1, 2000, 0);
    mv_database_release(fork);
    mv_database_release(new);
    check_newest_stamp(new = open_name(store, "a"), 2, 1000, 0);
    mv_database_release(new);
    end_store(store);
}

static void a_closed_store_keeps_what_is_used(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a"), *other;
    write_stamp_committed(db, 1, 1024, 0);
    mv_version *pin = mv_database_pin(db);
    mv_load *load = begin_load(store, "a");
    uint8_t *file = new_file(512, 3, 1);
    CHECK_EQ(feed(load, file, 512 * 3, 100), MV_OK);
    CHECK_EQ(mv_load_finish(load), MV_OK);
    mv_store_close(store);
    mv_store_close(store);
    CHECK_EQ(mv_store_open(store, "a", 1, true, &other), MV_CLOSED);
    CHECK_EQ(mv_store_open(store, "a", 1, false, &other), MV_CLOSED);
    CHECK_EQ(fork_to(store, pin, "f"), MV_CLOSED);
    CHECK_EQ(publish(store, "a", load, 0), MV_CLOSED);
    mv_load_drop(load);
    free(file);
    CHECK_EQ(stats_of(store).databases, 0);
    write_stamp_committed(db, 2, 1024, 0);
    check_newest_stamp(db, 2, 1024, 0);
    check_stamp(pin, 1, 1024, 0);
    mv_store_release(store); /* the handle and the pin each still hold it */
    check_stamp(pin, 1, 1024, 0);
    mv_database_release(db);
    check_stamp(pin, 1, 1024, 0);
    mv_version_release(pin);
}

static void a_closed_store_is_freed_with_its_last_release(void) {
    mv_store *store = new_store(0, 0);
    mv_database *db = open_name(store, "a");
    write_stamp_committed(db, 1, 40960, 0);
    mv_version *pin = mv_database_pin(db);
    write_stamp_committed(db, 2, 40960, 0);
    CHECK_EQ(fork_to(store, pin, "b"), MV_OK);
    mv_version_release(pin);
    mv_database_release(db);
    mv_store_close(store);
    mv_store_release(store); /* what is left behind is for the leak checker to see */
}

/* ---- reading and writing ------------------------------------------------------------------------- */

static void reads_stop_at_the_end_at_size(uint32_t block_size) {
    check_context("block size %u", block_size);
    mv_store *store = new_store(block_size, 0);
    mv_database *db = open_name(store, "a");
    mv_version *empty = mv_database_pin(db);
    uint8_t got[64];
    CHECK_EQ(mv_version_size(empty), 0);
    CHECK_EQ(mv_version_read(empty, got, 10, 0), 0);
    CHECK_EQ(mv_version_read(empty, got, 10, 1000000), 0);
    CHECK(!mv_version_fetch(empty, 0, 1));
    size_t len = 77;
    mv_version_span(empty, 0, 10, &len);
    CHECK_EQ(len, 0);
    if (block_size == 0)
        CHECK_EQ(mv_version_block_size(empty), 0);

    int64_t size = 3 * (int64_t)(block_size ? block_size : 4096) - 5;
    writing w = begin(db);
    CHECK_EQ(mv_txn_size(w.txn), 0);
    CHECK_EQ(mv_txn_read(w.txn, got, 10, 0), 0);
    CHECK(!mv_txn_fetch(w.txn, 0, 1));
    uint8_t *bytes = allocate((size_t)size);
    fill(bytes, (size_t)size, 5);
    CHECK_EQ(mv_txn_write(w.txn, bytes, (size_t)size, 0), MV_OK);
    CHECK_EQ(mv_txn_size(w.txn), size);
    memset(got, 0x5a, sizeof got);
    CHECK_EQ(mv_txn_read(w.txn, got, 20, size - 7), 7);
    CHECK_MEM(got, bytes + size - 7, 7);
    CHECK_EQ(got[20], 0x5a);
    mv_version *v = commit_pinned(&w);
    memset(got, 0x5a, sizeof got);
    CHECK_EQ(mv_version_read(v, got, 20, size - 7), 7);
    CHECK_MEM(got, bytes + size - 7, 7);
    CHECK_EQ(got[20], 0x5a);
    CHECK_EQ(mv_version_read(v, got, 20, size), 0);
    CHECK_EQ(mv_version_read(v, got, 20, size + 1), 0);
    CHECK_EQ(mv_version_read(v, got, 20, INT64_MAX - 30), 0);
    CHECK_EQ(mv_version_read(v, got, 0, 0), 0);
    check_content(v, bytes, size);
    check_content(empty, bytes, 0);
    CHECK(mv_version_number(v) > mv_version_number(empty));
    CHECK_EQ(mv_version_epoch(v), mv_version_epoch(empty));
    uint32_t actual = mv_version_block_size(v);
    CHECK(actual >= MV_MIN_BLOCK && actual <= MV_MAX_BLOCK && !(actual & (actual - 1)));
    if (block_size)
        CHECK_EQ(actual, block_size);
    mv_version_release(v);
    mv_version_release(empty);
    free(bytes);
    mv_database_release(db);
    end_store(store);
}

static void reads_stop_at_the_end(void) {
    for_each_block_size(reads_stop_at_the_end_at_size);
}

static void gaps_are_zero_at_size(uint32_t block_size) {
    check_context("block size %u", block_size);
    mv_store *store = new_store(block_size, 0);
    mv_database *db = open_name(store, "a");
    int64_t b = block_size ? block_size : 4096;
    write_stamp_committed(db, 1, (size_t)b, 0);
    write_stamp_committed(db, 2, 100, 70 * b + 50); /* far beyond the end, within a block */
    mv_version *v = mv_database_pin(db);
    CHECK_EQ(mv_version_size(v), 70 * b + 150);
    check_stamp(v, 1, (size_t)b, 0);
    check_zero(v, (size_t)(69 * b + 50), b);
    check_stamp(v, 2, 100, 70 * b + 50);
    mv_version_release(v);

    /* A hole is no memory, and nothing can be fetched from it; reading it and its spans gives zeros. */
    uint64_t before = stats_of(store).blocks;
    write_stamp_committed(db, 3, (size_t)b, 5000 * b);
    CHECK_EQ(stats_of(store).blocks, before + 1);
    v = mv_database_pin(db);
    CHECK(!mv_version_fetch(v, 3000 * b, 1));
    check_zero(v, 3000, 3000 * b - 1500);
    size_t len = 0;
    const uint8_t *span = mv_version_span(v, 3000 * b + 3, 1000, &len);
    REQUIRE(span && len > 0 && len <= 1000);
    for (size_t i = 0; i < len; i++)
        CHECK_EQ(span[i], 0);
    CHECK(mv_version_fetch(v, 5000 * b, (size_t)b));
    check_stamp(v, 3, (size_t)b, 5000 * b);
    mv_version_release(v);

    /* A hole that is written in part is zero around it. */
    write_stamp_committed(db, 4, 10, 3000 * b + 20);
    v = mv_database_pin(db);
    check_zero(v, (size_t)b, 2999 * b);
    check_zero(v, 20, 3000 * b);
    check_stamp(v, 4, 10, 3000 * b + 20);
    check_zero(v, (size_t)b - 30, 3000 * b + 30);
    check_zero(v, (size_t)b, 3001 * b);
    mv_version_release(v);
    check_store(store);
    mv_database_release(db);
    end_store(store);
}

static void gaps_are_zero(void) {
    for_each_block_size(gaps_are_zero_at_size);
}

static void what_was_cut_off_does_not_come_back_at_size(uint32_t block_size) {
    check_context("block size %u", block_size);
    int64_t b = block_size ? block_size : 1024;
    const int64_t cuts[] = {0, 1, 100, b - 1, b, b + 1, 2 * b + 17, 3 * b, 3 * b + b / 2, 7 * b - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        /* How it grows again: in the same transaction or a later one; by truncate, by a write at the new end, or by one beyond it. */
        for (int how = 0; how < 12; how++) {
            check_context("block size %u, cut at %d, way %d", block_size, (int)cuts[i], how);
            mv_store *store = new_store(block_size, 0);
            mv_database *db = open_name(store, "a");
            uint8_t *want = calloc(1, (size_t)(10 * b));
            REQUIRE(want);
            mv_version *old = NULL;
            writing w = begin(db);
            /* The first write is a page, for a store that takes its block size from it. */
            CHECK_EQ(mv_txn_write(w.txn, want, (size_t)b, 0), MV_OK);
            write_stamp(&w, 1, (size_t)(7 * b), 0);
            if (how % 2) {
                old = commit_pinned(&w);
                if (how % 4 == 1) {
                    mv_version_release(old);
                    old = NULL;
                }
                w = begin(db);
            }
            CHECK_EQ(mv_txn_truncate(w.txn, cuts[i]), MV_OK);
            CHECK_EQ(mv_txn_size(w.txn), cuts[i]);
            if (how % 3 == 0) {
                commit(&w);
                w = begin(db);
            }
            int64_t size = 10 * b;
            if (how < 4) {
                CHECK_EQ(mv_txn_truncate(w.txn, 10 * b), MV_OK);
            } else if (how < 8) {
                size = 7 * b;
                CHECK_EQ(mv_txn_write(w.txn, "x", 1, size - 1), MV_OK);
                want[size - 1] = 'x';
            } else {
                size = cuts[i] + 3;
                CHECK_EQ(mv_txn_write(w.txn, "xyz", 3, cuts[i]), MV_OK);
                CHECK_EQ(mv_txn_truncate(w.txn, 10 * b), MV_OK);
                size = 10 * b;
            }
            uint8_t *stamp = allocate((size_t)(7 * b));
            fill(stamp, (size_t)(7 * b), 1);
            memcpy(want, stamp, (size_t)cuts[i]);
            if (how >= 8)
                memcpy(want + cuts[i], "xyz", 3);
            free(stamp);
            uint8_t *got = allocate((size_t)size);
            CHECK_EQ(mv_txn_size(w.txn), size);
            CHECK_EQ(mv_txn_read(w.txn, got, (size_t)size, 0), size);
            CHECK_MEM(got, want, (size_t)size);
            free(got);
            commit(&w);
            check_newest(db, want, size);
            if (old) {
                check_stamp(old, 1, (size_t)(7 * b), 0);
                mv_version_release(old);
            }
            check_store(store);
            free(want);
            mv_database_release(db);
            end_store(store);
        }
    }
}

static void what_was_cut_off_does_not_come_back(void) {
    for_each_block_size(what_was_cut_off_does_not_come_back_at_size);
}

static volatile uint8_t sink;

/* Not for the sanitizer, to which what lies behind a block is foreign. */
__attribute__((no_sanitize_address)) static void read_behind(const uint8_t *end) {
    for (int i = 0; i < 256; i++)
        sink = end[i];
}

static void fetch_stays_within_one_block_at_size(uint32_t block_size) {
    check_context("block size %u", block_size);
    mv_store *store = new_store(block_size, 0);
    mv_database *db = open_name(store, "a");
    int64_t b = block_size ? block_size : 2048;
    size_t n = (size_t)(3 * b + 300);
    uint8_t *bytes = allocate(n);
    fill(bytes, n, 9);
    fill_header(bytes, (uint32_t)b, 3, 1);
    writing w = begin(db);
    CHECK_EQ(mv_txn_write(w.txn, bytes, (size_t)b, 0), MV_OK);
    CHECK_EQ(mv_txn_write(w.txn, bytes + b, n - (size_t)b, b), MV_OK);
    const uint8_t *in_txn = mv_txn_fetch(w.txn, b + 10, 100);
    REQUIRE(in_txn);
    CHECK_MEM(in_txn, bytes + b + 10, 100);
    CHECK(!mv_txn_fetch(w.txn, b - 1, 2));
    CHECK(!mv_txn_fetch(w.txn, 3 * b + 299, 2));
    mv_version *v = commit_pinned(&w);
    CHECK_EQ(mv_version_block_size(v), b);
    for (int64_t block = 0; block < 3; block++) {
        const uint8_t *p = mv_version_fetch(v, block * b, (size_t)b);
        REQUIRE(p);
        CHECK_MEM(p, bytes + block * b, (size_t)b);
        read_behind(p + b);
        p = mv_version_fetch(v, block * b + b - 1, 1);
        REQUIRE(p);
        CHECK_EQ(*p, bytes[block * b + b - 1]);
        CHECK(!mv_version_fetch(v, block * b + b - 1, 2));
        CHECK(!mv_version_fetch(v, block * b + 1, (size_t)b));
    }
    const uint8_t *tail = mv_version_fetch(v, 3 * b, 300);
    REQUIRE(tail);
    CHECK_MEM(tail, bytes + 3 * b, 300);
    read_behind(tail + 300);
    CHECK(!mv_version_fetch(v, 3 * b, 301));
    CHECK(!mv_version_fetch(v, 3 * b + 300, 1));
    CHECK(!mv_version_fetch(v, INT64_MAX - 10, 5));

    size_t len = 0;
    const uint8_t *span = mv_version_span(v, 5, 7, &len);
    REQUIRE(span && len >= 1 && len <= 7);
    CHECK_MEM(span, bytes + 5, len);
    span = mv_version_span(v, 3 * b + 290, 1000, &len);
    REQUIRE(span && len >= 1 && len <= 10);
    CHECK_MEM(span, bytes + 3 * b + 290, len);
    len = 5;
    mv_version_span(v, (int64_t)n, 1000, &len);
    CHECK_EQ(len, 0);

    /* What was fetched stays as it was while it is pinned, whatever happens to the database. */
    const uint8_t *kept = mv_version_fetch(v, b, (size_t)b);
    for (uint64_t i = 0; i < 5; i++)
        write_stamp_committed(db, 100 + i, n, 0);
    w = begin(db);
    CHECK_EQ(mv_txn_truncate(w.txn, 0), MV_OK);
    commit(&w);
    CHECK_EQ(delete_name(store, "a"), MV_OK);
    mv_database_release(db);
    CHECK_MEM(kept, bytes + b, (size_t)b);
    mv_version_release(v);
    free(bytes);
    end_store(store);
}

static void fetch_stays_within_one_block(void) {
    for_each_block_size(fetch_stays_within_one_block_at_size);
}

static void automatic_blocks_are_as_large_as_pages(void) {
    mv_store *store = new_store(0, 0);
    for (uint32_t page = 512; page <= 65536; page *= 2) {
        check_context("page size %u", page);
        /* By the first page written, and by a load. */
        mv_database *db = open_name(store, "written");
        uint8_t *file = new_file(page, 3, page);
        writing w = begin(db);
        for (int i = 0; i < 3; i++)
            CHECK_EQ(mv_txn_write(w.txn, file + (size_t)i * page, page, (int64_t)i * page), MV_OK);
        mv_version *v = commit_pinned(&w);
        CHECK_EQ(mv_version_block_size(v), page);
        check_content(v, file, (int64_t)page * 3);
        mv_version_release(v);
        mv_database_release(db);
        CHECK_EQ(delete_name(store, "written"), MV_OK);
        load_bytes(store, "loaded", file, (size_t)page * 3, 777); /* each of another page size over the last */
        db = open_name(store, "loaded");
        v = mv_database_pin(db);
        CHECK_EQ(mv_version_block_size(v), page);
        check_content(v, file, (int64_t)page * 3);
        mv_version_release(v);
        mv_database_release(db);
        free(file);
        check_store(store);
    }
    end_store(store);
}

static void large_offsets(void) {
    mv_store *store = new_store(4096, 0);
    mv_database *db = open_name(store, "a");
    const int64_t far[] = {(int64_t)1 << 30, (int64_t)1 << 31, ((int64_t)1 << 32) + 4096, ((int64_t)1 << 32) * 100, ((int64_t)1 << 45) + 12345};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        write_stamp_committed(db, i, 5000, far[i]);
        mv_version *v = mv_database_pin(db);
        CHECK_EQ(mv_version_size(v), far[i] + 5000);
        for (size_t j = 0; j <= i; j++)
            check_stamp(v, j, 5000, far[j]);
        check_zero(v, 4096, far[i] - 4096);
        mv_version_release(v);
        check_store(store);
    }
    for (size_t i = sizeof far / sizeof *far; i-- > 0;) {
        writing w = begin(db);
        CHECK_EQ(mv_txn_truncate(w.txn, far[i]), MV_OK);
        mv_version *v = commit_pinned(&w);
        for (size_t j = 0; j < i; j++)
            check_stamp(v, j, 5000, far[j]);
        mv_version_release(v);
        check_store(store);
    }
    CHECK_EQ(stats_of(store).blocks, 0);
    mv_database_release(db);
    end_store(store);
}

/* ---- transactions --------------------------------------------------------------------------------- */

static void a_transaction_is_seen_when_it_commits_and_never_if_dropped(void) {
    mv_store *store = new_store(1024, 0);
    mv_database *db = open_name(store, "a");
    write_stamp_committed(db, 1, 10000, 0);
    uint64_t bytes = stats_of(store).bytes;
    writing w = begin(db);
    write_stamp(&w, 2, 10000, 0);
    check_newest_stamp(db, 1, 10000, 0);
    CHECK(stats_of(store).bytes > bytes);
    drop(&w);
    CHECK_EQ(stats_of(store).bytes, bytes);
    check_newest_stamp(db, 1, 10000, 0);
    check_store(store);

    w = begin(db);
    write_stamp(&w, 3, 20000, 5000);
    CHECK_EQ(mv_txn_truncate(w.txn, 12000), MV_OK);
    CHECK_EQ(mv_txn_truncate(w.txn, 3000), MV_OK);
    CHECK_EQ(mv_txn_truncate(w.txn, 30000), MV_OK);
    drop(&w);
    check_newest_stamp(db, 1, 10000, 0);
    CHECK_EQ(stats_of(store).bytes, bytes);
    check_store(store);

    w = begin(db);
    drop(&w); /* nothing was written */
    w = begin(db);
    commit(&w);
    check_newest_stamp(db, 1, 10000, 0);
    CHECK_EQ(stats_of(store).bytes, bytes);
    check_store(store);

    /* What a transaction writes twice costs once. */
    w = begin(db);
    for (uint64_t i = 0; i < 20; i++)
        write_stamp(&w, 50 + i, 10000, 0);
    CHECK(stats_of(store).bytes <= 2 * bytes);
    commit(&w);
    check_newest_stamp(db, 69, 10000, 0);
    CHECK_EQ(stats_of(store).bytes, bytes);

    /* prepare, then one truncate, then commit: as SQLite's commit does it. */
    mv_version *pin = mv_database_pin(db);
    w = begin(db);
    write_stamp(&w, 70, 1000, 0);
    CHECK_EQ(mv_txn_prepare(w.txn), MV_OK);
    CHECK_EQ(mv_txn_truncate(w.txn, 999), MV_OK);
    mv_version *v = commit_txn(db, w.txn);
    mv_version_release(w.base);
    mv_write_unlock(db, &test_owner);
    CHECK_EQ(mv_version_size(v), 999);
    mv_version_release(v);
    check_stamp(pin, 69, 10000, 0);
    mv_version_release(pin);
    check_store(store);
    mv_txn_drop(NULL);
    mv_database_release(db);
    end_store(store);
}

static void only_the_newest_version_can_be_written_on(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a");
    mv_version *old = mv_database_pin(db);
    write_stamp_committed(db, 1, 600, 0);
    CHECK_EQ(mv_write_lock(db, &test_owner), MV_OK);
    mv_txn *txn = NULL;
    CHECK_EQ(mv_txn_begin(db, old, &txn), MV_STALE);
    mv_version *newest = mv_database_pin(db);
    CHECK_EQ(mv_txn_begin(db, newest, &txn), MV_OK);
    mv_txn_drop(txn);
    mv_version_release(newest);
    newest = mv_database_pin(db);
    mv_write_unlock(db, &test_owner);
    uint8_t *file = new_file(512, 2, 1);
    load_bytes(store, "a", file, 1024, 1024);
    free(file);
    CHECK_EQ(mv_write_lock(db, &test_owner), MV_OK);
    CHECK_EQ(mv_txn_begin(db, newest, &txn), MV_STALE);
    mv_write_unlock(db, &test_owner);
    mv_version_release(newest);
    mv_version_release(old);
    check_store(store);
    mv_database_release(db);
    end_store(store);
}

/* ---- pins and what they keep ----------------------------------------------------------------------- */

enum { SHADOW_BLOCKS = 7, SHADOW_VERSIONS = 6 };

/* Which version wrote each block, seen from each version. */
typedef struct shadow {
    int birth[SHADOW_VERSIONS][SHADOW_BLOCKS];
} shadow;

/* How many blocks the versions in the set reach, which is what is to be in memory. */
static int shadow_blocks(const shadow *s, unsigned set) {
    int count = 0;
    for (int block = 0; block < SHADOW_BLOCKS; block++) {
        unsigned births = 0;
        for (int v = 0; v < SHADOW_VERSIONS; v++)
            if (set >> v & 1 && s->birth[v][block] >= 0)
                births |= 1u << s->birth[v][block];
        count += __builtin_popcount(births);
    }
    return count;
}

static void release_in_order(const int *order, int pins, int pattern) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a");
    shadow s;
    memset(&s, 0xff, sizeof s);
    mv_version *pin[SHADOW_VERSIONS];
    unsigned live = 0;
    uint64_t seed = (uint64_t)pattern;
    for (int v = 0; v <= pins; v++) {
        writing w = begin(db);
        if (v)
            memcpy(s.birth[v], s.birth[v - 1], sizeof s.birth[v]);
        for (int block = 0; block < SHADOW_BLOCKS; block++) {
            if (v == 0 || pattern == 0 || check_random(&seed) % 3 == 0) {
                write_stamp(&w, (uint64_t)(v * 100 + block), 512, block * 512);
                s.birth[v][block] = v;
            }
        }
        mv_version *newest = commit_pinned(&w);
        if (v < pins) {
            pin[v] = newest;
            live |= 1u << v;
        } else {
            mv_version_release(newest);
        }
    }
    unsigned newest = 1u << pins;
    CHECK_EQ(stats_of(store).blocks, shadow_blocks(&s, live | newest));
    CHECK_EQ(stats_of(store).versions, pins + 1);
    CHECK_EQ(stats_of(store).pins, pins);
    CHECK_EQ(stats_of_database(db).pins, pins);
    for (int i = 0; i < pins; i++) {
        int v = order[i];
        for (int block = 0; block < SHADOW_BLOCKS; block++)
            check_stamp(pin[v], (uint64_t)(s.birth[v][block] * 100 + block), 512, block * 512);
        mv_version_release(pin[v]);
        live &= ~(1u << v);
        CHECK_EQ(stats_of(store).blocks, shadow_blocks(&s, live | newest));
        CHECK_EQ(stats_of_database(db).blocks, shadow_blocks(&s, live | newest));
        CHECK_EQ(stats_of_database(db).versions, __builtin_popcount(live) + 1);
        check_store(store);
    }
    mv_database_release(db);
    end_store(store);
}

static void permute(int *order, int n, int fixed) {
    if (fixed == n) {
        for (int pattern = 0; pattern < 6; pattern++) {
            check_context("%d pins released in the order %d%d%d%d%d, pattern %d", n, order[0], order[1], order[2], order[3], order[4], pattern);
            release_in_order(order, n, pattern);
        }
        return;
    }
    for (int i = fixed; i < n; i++) {
        int t = order[fixed];
        order[fixed] = order[i];
        order[i] = t;
        permute(order, n, fixed + 1);
        t = order[fixed];
        order[fixed] = order[i];
        order[i] = t;
    }
}

static void memory_goes_back_exactly_when_its_pin_goes(void) {
    for (int n = 1; n <= 5; n++) {
        int order[5] = {0, 1, 2, 3, 4};
        permute(order, n, 0);
    }
}

static void a_pin_counts_its_holders(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a");
    CHECK_EQ(stats_of(store).pins, 0);
    CHECK_EQ(stats_of(store).versions, 1);
    write_stamp_committed(db, 1, 512, 0);
    CHECK_EQ(stats_of(store).pins, 0);
    CHECK_EQ(stats_of(store).versions, 1);
    mv_version *a = mv_database_pin(db), *b = mv_database_pin(db);
    CHECK(a == b);
    CHECK(mv_version_hold(a) == a);
    CHECK_EQ(stats_of(store).pins, 3);
    CHECK_EQ(stats_of(store).versions, 1);
    write_stamp_committed(db, 2, 512, 0);
    CHECK_EQ(stats_of(store).versions, 2);
    CHECK_EQ(stats_of(store).blocks, 2);
    mv_version_release(a);
    mv_version_release(b);
    check_stamp(a, 1, 512, 0);
    CHECK_EQ(stats_of(store).pins, 1);
    CHECK_EQ(stats_of(store).blocks, 2);
    mv_version_release(a);
    CHECK_EQ(stats_of(store).pins, 0);
    CHECK_EQ(stats_of(store).versions, 1);
    CHECK_EQ(stats_of(store).blocks, 1);
    mv_database_hold(db);
    mv_database_release(db);
    check_newest_stamp(db, 2, 512, 0);
    mv_database_release(db);
    end_store(store);
}

static void commits_without_pins_keep_one_version(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a");
    write_stamp_committed(db, 0, 512 * 200, 0);
    uint64_t bytes = stats_of(store).bytes;
    for (uint64_t i = 0; i < 300; i++) {
        write_stamp_committed(db, i, 512, (int64_t)(i % 200) * 512);
        CHECK_EQ(stats_of(store).bytes, bytes);
        CHECK_EQ(stats_of(store).versions, 1);
    }
    /* One old pin: at most one copy more of each block and node, however many commits follow. */
    mv_version *pin = mv_database_pin(db);
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 200; i++)
            write_stamp_committed(db, i + 1000, 512, (int64_t)i * 512);
        CHECK_EQ(stats_of(store).blocks, 400);
        CHECK_EQ(stats_of(store).bytes, 2 * bytes);
    }
    mv_version_release(pin);
    CHECK_EQ(stats_of(store).bytes, bytes);
    check_store(store);
    mv_database_release(db);
    end_store(store);
}

static void truncating_gives_memory_back(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a");
    write_stamp_committed(db, 1, 512 * 5000, 0);
    CHECK_EQ(stats_of(store).blocks, 5000);
    mv_version *pin = mv_database_pin(db);
    for (int64_t blocks = 4800; blocks > 0; blocks -= 800) {
        writing w = begin(db);
        CHECK_EQ(mv_txn_truncate(w.txn, blocks * 512), MV_OK);
        commit(&w);
        CHECK_EQ(stats_of(store).blocks, 5000);
        check_store(store);
    }
    check_stamp(pin, 1, 512 * 5000, 0);
    mv_version_release(pin);
    CHECK_EQ(stats_of(store).blocks, 800);
    writing w = begin(db);
    CHECK_EQ(mv_txn_truncate(w.txn, 0), MV_OK);
    commit(&w);
    CHECK_EQ(stats_of(store).blocks, 0);
    CHECK_EQ(stats_of(store).bytes, 0);
    check_store(store);
    write_stamp_committed(db, 2, 5000, 0);
    check_newest_stamp(db, 2, 5000, 0);
    mv_database_release(db);
    end_store(store);
}

/* ---- forks ------------------------------------------------------------------------------------------- */

static void forks_share_and_part(void) {
    mv_store *store = new_store(512, 0);
    mv_database *a = open_name(store, "a");
    write_stamp_committed(a, 1, 51200, 0);
    mv_stats before = stats_of(store);
    mv_version *pin = mv_database_pin(a);
    CHECK_EQ(fork_to(store, pin, "a"), MV_EXISTS);
    CHECK_EQ(fork_to(store, pin, "b"), MV_OK);
    CHECK_EQ(fork_to(store, pin, "b"), MV_EXISTS);
    mv_version_release(pin);
    CHECK_EQ(stats_of(store).bytes, before.bytes);
    CHECK_EQ(stats_of_database(a).forks, 1);
    CHECK_EQ(stats_of_database(a).pins, 1);
    CHECK_EQ(stats_of(store).databases, 2);
    mv_database *b = open_name(store, "b");
    CHECK_EQ(stats_of_database(b).blocks, 0);
    CHECK_EQ(stats_of_database(b).bytes, 0);
    CHECK_EQ(stats_of_database(b).forks, 0);
    check_newest_stamp(b, 1, 51200, 0);
    write_stamp_committed(b, 2, 512, 1024);
    CHECK_EQ(stats_of_database(b).blocks, 1);
    check_newest_stamp(b, 2, 512, 1024);
    check_newest_stamp(a, 1, 51200, 0);
    write_stamp_committed(a, 3, 51200, 0);
    check_newest_stamp(b, 2, 512, 1024);
    mv_version *v = mv_database_pin(b);
    uint8_t want[51200];
    fill(want, sizeof want, 1);
    fill(want + 1024, 512, 2);
    check_content(v, want, sizeof want);
    mv_version_release(v);
    CHECK_EQ(stats_of(store).blocks, 100 + 100 + 1); /* the fork's origin, a's newest, b's own */
    check_store(store);
    /* However often the fork changes, the origin keeps its blocks. */
    for (uint64_t i = 0; i < 10; i++)
        write_stamp_committed(b, 10 + i, 51200, 0);
    CHECK_EQ(stats_of(store).blocks, 300);
    check_newest_stamp(b, 19, 51200, 0);
    mv_database_release(b);
    CHECK_EQ(delete_name(store, "b"), MV_OK);
    CHECK_EQ(stats_of(store).blocks, 100);
    CHECK_EQ(stats_of_database(a).forks, 0);
    CHECK_EQ(stats_of_database(a).pins, 0);
    check_newest_stamp(a, 3, 51200, 0);
    mv_database_release(a);
    end_store(store);
}

static void forks_of_forks_outlive_their_origins(void) {
    /* a -> b -> c, each changed after; names and handles go in each order. */
    static const char orders[6][4] = {"abc", "acb", "bac", "bca", "cab", "cba"};
    for (int o = 0; o < 6; o++) {
        for (int deleted_first = 0; deleted_first < 2; deleted_first++) {
            check_context("order %s, deleted first %d", orders[o], deleted_first);
            mv_store *store = new_store(512, 0);
            mv_database *dbs[3] = {open_name(store, "a"), NULL, NULL};
            write_stamp_committed(dbs[0], 1, 5120, 0);
            for (int i = 1; i < 3; i++) {
                char name[2] = {(char)('a' + i), 0};
                mv_version *pin = mv_database_pin(dbs[i - 1]);
                CHECK_EQ(fork_to(store, pin, name), MV_OK);
                mv_version_release(pin);
                dbs[i] = open_name(store, name);
                write_stamp_committed(dbs[i - 1], (uint64_t)(10 + i), 512, 0);
                write_stamp_committed(dbs[i], (uint64_t)(20 + i), 512, 512 * i);
            }
            for (int i = 0; i < 3; i++) {
                int which = orders[o][i] - 'a';
                char name[2] = {orders[o][i], 0};
                if (deleted_first) {
                    CHECK_EQ(delete_name(store, name), MV_OK);
                    mv_database_release(dbs[which]);
                } else {
                    mv_database_release(dbs[which]);
                    CHECK_EQ(delete_name(store, name), MV_OK);
                }
                dbs[which] = NULL;
                check_store(store);
                if (dbs[0])
                    check_newest_stamp(dbs[0], 11, 512, 0);
                if (dbs[1]) {
                    check_newest_stamp(dbs[1], 12, 512, 0);
                    check_newest_stamp(dbs[1], 21, 512, 512);
                }
                if (dbs[2]) {
                    uint8_t want[5120];
                    fill(want, sizeof want, 1);
                    fill(want + 512, 512, 21);
                    fill(want + 1024, 512, 22);
                    check_newest(dbs[2], want, sizeof want);
                }
            }
            CHECK_EQ(stats_of(store).bytes, 0);
            end_store(store);
        }
    }
}

static void a_fork_cannot_free_what_its_origin_still_has(void) {
    mv_store *store = new_store(512, 0);
    mv_database *a = open_name(store, "a");
    write_stamp_committed(a, 1, 512 * 10, 0);
    mv_version *first = mv_database_pin(a);
    write_stamp_committed(a, 2, 512 * 5, 0);
    /* A fork of an older version than the newest, whose numbers overlap with its origin's later ones. */
    CHECK_EQ(fork_to(store, first, "f"), MV_OK);
    mv_database *f = open_name(store, "f");
    for (uint64_t i = 0; i < 5; i++) {
        write_stamp_committed(f, 100 + i, 512 * 10, 0);
        write_stamp_committed(a, 200 + i, 512 * 3, 512 * 2);
    }
    check_stamp(first, 1, 512 * 10, 0);
    check_newest_stamp(f, 104, 512 * 10, 0);
    check_newest_stamp(a, 204, 512 * 3, 512 * 2);
    CHECK_EQ(stats_of(store).blocks, 10 + 10 + 5);
    mv_version_release(first);
    CHECK_EQ(stats_of(store).blocks, 10 + 10 + 5); /* the fork holds it */
    CHECK_EQ(delete_name(store, "f"), MV_OK);
    CHECK_EQ(stats_of(store).blocks, 10 + 10 + 5);
    mv_version *last = mv_database_pin(f);
    mv_database_release(f);
    CHECK_EQ(stats_of(store).blocks, 10 + 10 + 5);
    check_stamp(last, 104, 512 * 10, 0);
    mv_version_release(last);
    CHECK_EQ(stats_of(store).blocks, 10);
    check_store(store);
    mv_database_release(a);
    end_store(store);
}

static void *deep_fork_chain(void *unused) {
    (void)unused;
    enum { depth = 10000 };
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "0");
    write_stamp_committed(db, 1, 512 * 3, 0);
    char name[16], last[16] = "0";
    uint64_t bytes = stats_of(store).bytes;
    for (int i = 1; i <= depth; i++) {
        mv_version *pin = mv_database_pin(db);
        snprintf(name, sizeof name, "%d", i);
        REQUIRE_EQ(fork_to(store, pin, name), MV_OK);
        mv_version_release(pin);
        mv_database_release(db);
        CHECK_EQ(delete_name(store, last), MV_OK);
        db = open_name(store, name);
        memcpy(last, name, sizeof last);
        if (i % 100 == 0)
            write_stamp_committed(db, (uint64_t)i, 512, 512);
    }
    CHECK(stats_of(store).bytes > bytes);
    check_newest_stamp(db, depth, 512, 512);
    uint8_t want[512 * 3];
    fill(want, sizeof want, 1);
    fill(want + 512, 512, depth);
    check_newest(db, want, sizeof want);
    check_store(store);
    mv_version *pin = mv_database_pin(db);
    CHECK_EQ(delete_name(store, last), MV_OK);
    mv_database_release(db);
    check_content(pin, want, sizeof want);
    mv_version_release(pin); /* the whole chain goes */
    CHECK_EQ(stats_of(store).bytes, 0);
    end_store(store);
    return NULL;
}

/* On a small stack, so that a recursion along the chain would not go unseen. */
static void a_chain_of_ten_thousand_forks(void) {
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    REQUIRE_EQ(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
    REQUIRE_EQ(pthread_create(&thread, &attr, deep_fork_chain, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attr);
}

static void very_many_forks_of_one_version(void) {
    mv_store *store = new_store(4096, 0);
    mv_database *db = open_name(store, "a");
    write_stamp_committed(db, 1, 4096 * 10, 0);
    mv_version *pin = mv_database_pin(db);
    uint64_t bytes = stats_of(store).bytes;
    char name[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "f%d", i);
        CHECK_EQ(fork_to(store, pin, name), MV_OK);
    }
    CHECK_EQ(stats_of(store).bytes, bytes);
    CHECK_EQ(stats_of_database(db).forks, 1000);
    mv_version_release(pin);
    for (int i = 0; i < 1000; i += 7) {
        snprintf(name, sizeof name, "f%d", i);
        mv_database *f = open_name(store, name);
        write_stamp_committed(f, (uint64_t)i, 4096, 4096);
        mv_database_release(f);
    }
    CHECK_EQ(stats_of(store).blocks, 10 + 143);
    check_store(store);
    mv_database_release(db);
    end_store(store);
}

/* ---- loads ------------------------------------------------------------------------------------------- */

static void loads_give_back_what_went_in_at_size(uint32_t block_size) {
    static const size_t chunks[] = {1, 511, 4095, 4096, 4097, 1000000};
    static const uint32_t pages[] = {512, 1024, 4096, 65536};
    mv_store *store = new_store(block_size, 0);
    for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
        for (size_t p = 0; p < sizeof pages / sizeof *pages; p++) {
            uint32_t count = pages[p] == 65536 ? 2 : 262144 / pages[p] / (chunks[c] == 1 ? 8 : 2) + 1;
            check_context("block size %u, page size %u, chunks of %zu", block_size, pages[p], chunks[c]);
            size_t n = (size_t)pages[p] * count;
            uint8_t *file = new_file(pages[p], count, c * 10 + p);
            mv_load *load = begin_load(store, "a");
            CHECK_EQ(feed(load, file, n, chunks[c]), MV_OK);
            CHECK_EQ(mv_load_finish(load), MV_OK);
            CHECK_EQ(mv_load_size(load), n);
            CHECK_EQ(publish(store, "a", load, 0), MV_OK);
            mv_database *db = open_name(store, "a");
            check_newest(db, file, (int64_t)n);
            check_store(store);
            /* and it can be changed */
            write_stamp_committed(db, 77, 5000, (int64_t)n - 2000);
            check_newest_stamp(db, 77, 5000, (int64_t)n - 2000);
            mv_database_release(db);
            free(file);
        }
    }
    end_store(store);
}

static void loads_give_back_what_went_in(void) {
    loads_give_back_what_went_in_at_size(0);
    loads_give_back_what_went_in_at_size(512);
    loads_give_back_what_went_in_at_size(4096);
    loads_give_back_what_went_in_at_size(65536);
}

/* Loads n bytes and expects the result where it is due at the latest; the old content must stay. */
static void check_refused(const uint8_t *bytes, size_t n, mv_result want, bool in_header) {
    for (int one = 0; one < 2; one++) {
        mv_store *store = new_store(0, 0);
        mv_database *db = open_name(store, "a");
        write_stamp_committed(db, 1, 3000, 0);
        uint64_t before = stats_of(store).bytes;
        mv_load *load = begin_load(store, "a");
        mv_result rc = feed(load, bytes, n, one ? 1 : 1000000);
        if (in_header)
            CHECK_EQ(rc, want);
        if (rc == MV_OK)
            rc = mv_load_finish(load);
        CHECK_EQ(rc, want);
        const char *message = mv_load_message(load);
        CHECK(message && strlen(message) > 10);
        mv_load_drop(load);
        check_newest_stamp(db, 1, 3000, 0);
        check_store(store);
        CHECK_EQ(stats_of(store).bytes, before);
        mv_database_release(db);
        end_store(store);
    }
}

static void what_is_no_database_is_refused(void) {
    uint8_t *file = new_file(4096, 3, 1);
    const size_t n = 3 * 4096;
    for (int i = 0; i < 16; i++) {
        check_context("byte %d of the magic", i);
        file[i] ^= 0x20;
        check_refused(file, n, MV_NOTADB, true);
        file[i] ^= 0x20;
    }
    static const uint16_t bad_sizes[] = {0, 2, 3, 256, 511, 513, 768, 4097, 0x3000, 0xffff};
    for (size_t i = 0; i < sizeof bad_sizes / sizeof *bad_sizes; i++) {
        check_context("page size %u", bad_sizes[i]);
        file[16] = (uint8_t)(bad_sizes[i] >> 8);
        file[17] = (uint8_t)bad_sizes[i];
        check_refused(file, n, MV_NOTADB, true);
    }
    free(file);
    check_context("text");
    static const char text[] = "<html><head><title>404 Not Found</title></head><body>Not every file that can be had is a database, and this one is not.</body></html>";
    check_refused((const uint8_t *)text, sizeof text - 1, MV_NOTADB, true);
    check_refused((const uint8_t *)text, 10, MV_NOTADB, false);
    check_refused((const uint8_t *)"\0", 1, MV_NOTADB, false);
}

static void what_is_too_short_is_refused(void) {
    uint8_t *file = new_file(1024, 8, 1);
    static const size_t lengths[] = {100, 101, 511, 512, 1023, 1024, 1025, 4096, 7 * 1024, 7 * 1024 + 1, 8 * 1024 - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        check_context("%zu bytes of 8192", lengths[i]);
        check_refused(file, lengths[i], MV_TRUNCATED, false);
    }
    /* Less than a header: it may be called either. */
    static const size_t tiny[] = {1, 15, 16, 17, 18, 28, 32, 99};
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i++) {
        check_context("%zu bytes of a header", tiny[i]);
        mv_store *store = new_store(0, 0);
        mv_load *load = begin_load(store, "a");
        mv_result rc = feed(load, file, tiny[i], 5);
        if (rc == MV_OK)
            rc = mv_load_finish(load);
        CHECK(rc == MV_TRUNCATED || rc == MV_NOTADB);
        CHECK(mv_load_message(load) && mv_load_message(load)[0]);
        mv_load_drop(load);
        CHECK_EQ(mv_store_open(store, "a", 1, false, &(mv_database *){NULL}), MV_NOTFOUND);
        end_store(store);
    }
    /* The header says more pages than come. */
    check_context("the header says 9 pages of 8");
    put32(file + 28, 9);
    check_refused(file, 8 * 1024, MV_TRUNCATED, false);
    free(file);
}

static void what_is_longer_than_its_header_says_is_taken(void) {
    mv_store *store = new_store(0, 0);
    uint8_t *file = new_file(1024, 8, 1);
    put32(file + 28, 3);
    /* but what is behind those pages, which may be a part of one, is dropped */
    static const size_t lengths[] = {8 * 1024, 8 * 1024 - 100, 3 * 1024 + 1, 3 * 1024};
    mv_database *db = NULL;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        mv_load *load = begin_load(store, "a");
        CHECK_EQ(feed(load, file, lengths[i], 4096), MV_OK);
        REQUIRE_EQ(mv_load_finish(load), MV_OK);
        CHECK_EQ(mv_load_size(load), 3 * 1024);
        REQUIRE_EQ(publish(store, "a", load, 0), MV_OK);
        if (!db) db = open_name(store, "a");
        check_newest(db, file, 3 * 1024);
        check_store(store);
    }
    /* A count of pages that an old SQLite left behind does not count: the change counter tells. */
    put32(file + 28, 100);
    put32(file + 92, 6);
    load_bytes(store, "a", file, 8 * 1024, 4096);
    check_newest(db, file, 8 * 1024);
    put32(file + 28, 0);
    put32(file + 92, 7);
    load_bytes(store, "a", file, 8 * 1024, 4096);
    check_newest(db, file, 8 * 1024);
    free(file);
    check_store(store);
    mv_database_release(db);
    end_store(store);
}

static void write_ahead_mode_is_taken_off(void) {
    for (size_t chunk = 1; chunk < 10000; chunk = chunk * 19) {
        mv_store *store = new_store(chunk == 1 ? 0 : 65536, 0);
        uint8_t *file = new_file(4096, 2, 3);
        file[18] = file[19] = 2;
        load_bytes(store, "a", file, 8192, chunk);
        file[18] = file[19] = 1;
        mv_database *db = open_name(store, "a");
        check_newest(db, file, 8192);
        free(file);
        mv_database_release(db);
        end_store(store);
    }
}

static void an_empty_source_makes_an_empty_database(void) {
    for (uint32_t block_size = 0; block_size <= 512; block_size += 512) {
        mv_store *store = new_store(block_size, 0);
        load_bytes(store, "a", (const uint8_t *)"", 0, 1);
        mv_database *db = NULL;
        REQUIRE_EQ(mv_store_open(store, "a", 1, false, &db), MV_OK);
        check_newest(db, (const uint8_t *)"", 0);
        write_stamp_committed(db, 1, 3000, 0);
        load_bytes(store, "a", (const uint8_t *)"", 0, 1); /* over content */
        check_newest(db, (const uint8_t *)"", 0);
        CHECK_EQ(stats_of(store).bytes, 0);
        write_stamp_committed(db, 2, 3000, 0);
        check_newest_stamp(db, 2, 3000, 0);
        mv_load *load = begin_load(store, "a"); /* empty chunks */
        CHECK_EQ(mv_load_write(load, "", 0), MV_OK);
        CHECK_EQ(mv_load_finish(load), MV_OK);
        CHECK_EQ(publish(store, "b", load, 0), MV_OK);
        CHECK_EQ(stats_of(store).databases, 2);
        mv_database_release(db);
        end_store(store);
    }
}

static void a_load_can_be_dropped_at_any_time(void) {
    mv_store *store = new_store(0, 0);
    uint8_t *file = new_file(512, 100, 1);
    static const size_t stops[] = {0, 1, 50, 99, 100, 512, 600, 5120, 51200};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        mv_load *load = begin_load(store, "a");
        CHECK_EQ(feed(load, file, stops[i], 333), MV_OK);
        mv_load_drop(load);
        CHECK_EQ(stats_of(store).bytes, 0);
        load = begin_load(store, "a");
        void *space;
        size_t room;
        CHECK_EQ(feed(load, file, stops[i], 333), MV_OK);
        CHECK_EQ(mv_load_space(load, &space, &room), MV_OK); /* asked for and not filled */
        mv_load_drop(load);
        CHECK_EQ(stats_of(store).bytes, 0);
    }
    mv_load *load = begin_load(store, "a");
    CHECK_EQ(feed(load, file, 51200, 51200), MV_OK);
    CHECK_EQ(mv_load_finish(load), MV_OK);
    mv_load_drop(load);
    mv_load_drop(NULL);
    CHECK_EQ(stats_of(store).bytes, 0);
    CHECK_EQ(mv_store_open(store, "a", 1, false, &(mv_database *){NULL}), MV_NOTFOUND);
    free(file);
    end_store(store);
}

static void publishing_replaces_the_content_at_once(void) {
    mv_store *store = new_store(0, 0);
    mv_database *db = open_name(store, "a");
    write_stamp_committed(db, 1, 10240, 0);
    mv_version *v1 = mv_database_pin(db);
    write_stamp_committed(db, 2, 1024, 0);
    mv_version *v2 = mv_database_pin(db);
    CHECK_EQ(mv_version_epoch(v1), mv_version_epoch(v2));
    uint8_t *file = new_file(512, 9, 3);
    mv_load *load = begin_load(store, "a");
    CHECK_EQ(feed(load, file, 9 * 512, 4096), MV_OK);
    CHECK_EQ(mv_load_finish(load), MV_OK);
    /* Others commit while the load stands by: what is published comes after. */
    write_stamp_committed(db, 4, 100, 50);
    write_stamp_committed(db, 5, 100, 20000);
    mv_version *v4 = mv_database_pin(db);
    /* A writer is in the way. */
    int other = 0;
    CHECK_EQ(mv_write_lock(db, &other), MV_OK);
    CHECK_EQ(publish(store, "a", load, 0), MV_BUSY);
    CHECK_EQ(publish(store, "a", load, 2000), MV_BUSY);
    mv_write_unlock(db, &other);
    CHECK_EQ(publish(store, "a", load, 0), MV_OK);
    CHECK(!mv_write_locked(db));
    mv_version *v5 = mv_database_pin(db);
    CHECK(mv_version_number(v5) > mv_version_number(v4));
    CHECK(mv_version_epoch(v5) != mv_version_epoch(v4));
    check_content(v5, file, 9 * 512);
    check_stamp(v1, 1, 10240, 0);
    check_stamp(v2, 2, 1024, 0);
    check_stamp(v4, 4, 100, 50);
    check_stamp(v4, 5, 100, 20000);
    check_store(store);
    mv_version_release(v2);
    check_store(store);
    mv_version_release(v4);
    mv_version_release(v1);
    CHECK_EQ(stats_of(store).blocks, 9);
    CHECK_EQ(stats_of(store).versions, 1);
    mv_version_release(v5);
    /* Under another name than it was begun for, which is new. */
    load = begin_load(store, "a");
    CHECK_EQ(feed(load, file, 9 * 512, 4096), MV_OK);
    CHECK_EQ(mv_load_finish(load), MV_OK);
    CHECK_EQ(publish(store, "new", load, 0), MV_OK);
    mv_database *new = open_name(store, "new");
    check_newest(new, file, 9 * 512);
    write_stamp_committed(new, 6, 512, 0);
    check_newest(db, file, 9 * 512);
    mv_database_release(new);
    /* Over a fork, and over the origin of one. */
    mv_version *pin = mv_database_pin(db);
    CHECK_EQ(fork_to(store, pin, "f"), MV_OK);
    mv_version_release(pin);
    uint8_t *second = new_file(4096, 2, 8);
    load_bytes(store, "f", second, 8192, 8192);
    load_bytes(store, "a", second, 8192, 8192);
    check_newest(db, second, 8192);
    mv_database *f = open_name(store, "f");
    check_newest(f, second, 8192);
    check_store(store);
    mv_database_release(f);
    CHECK_EQ(delete_name(store, "f"), MV_OK);
    CHECK_EQ(stats_of_database(db).blocks, 2);
    free(second);
    free(file);
    mv_database_release(db);
    end_store(store);
}

/* ---- limit ------------------------------------------------------------------------------------------- */

static void a_full_store_refuses_and_recovers_at_size(uint32_t block_size) {
    check_context("block size %u", block_size);
    uint64_t b = block_size ? block_size : 4096, limit = b * 40 + 65536;
    mv_store *store = new_store(block_size, limit);
    mv_database *db = open_name(store, "a");
    uint8_t *page = allocate(b);
    uint8_t *want = calloc(1, limit + b);
    REQUIRE(want);
    for (int round = 0; round < 3; round++) {
        writing w = begin(db);
        int64_t at = 0;
        mv_result rc = MV_OK;
        while (rc == MV_OK && (uint64_t)at <= limit) {
            fill(page, b, (uint64_t)at + 1);
            rc = mv_txn_write(w.txn, page, b, at);
            if (rc == MV_OK) {
                memcpy(want + at, page, b);
                at += (int64_t)b;
            }
            CHECK(stats_of(store).bytes <= limit);
        }
        CHECK_EQ(rc, MV_FULL);
        CHECK((uint64_t)at >= b * 30);
        CHECK_EQ(mv_txn_size(w.txn), at); /* what was refused left no trace */
        uint8_t *got = allocate((size_t)at);
        CHECK_EQ(mv_txn_read(w.txn, got, (size_t)at, 0), at);
        CHECK_MEM(got, want, (size_t)at);
        free(got);
        CHECK_EQ(mv_txn_write(w.txn, page, b, at), MV_FULL);
        CHECK_EQ(mv_txn_write(w.txn, page, b, at + 1000000 * (int64_t)b), MV_FULL);
        CHECK_EQ(mv_txn_size(w.txn), at);
        if (round == 1) { /* shortening needs no memory here, as all nodes are the transaction's own */
            CHECK_EQ(mv_txn_truncate(w.txn, 4 * (int64_t)b), MV_OK);
            CHECK_EQ(mv_txn_read(w.txn, page, b, 3 * (int64_t)b), b);
            CHECK_MEM(page, want + 3 * b, b);
        }
        drop(&w);
        CHECK_EQ(stats_of(store).bytes, 0);
        check_store(store);
    }
    /* A write that needs several blocks and gets only some of them leaves nothing of itself. */
    writing w = begin(db);
    fill(want, limit + b, 99);
    CHECK_EQ(mv_txn_write(w.txn, want, b, 0), MV_OK);
    CHECK_EQ(mv_txn_write(w.txn, want + b, limit, (int64_t)b), MV_FULL);
    CHECK_EQ(mv_txn_size(w.txn), b);
    CHECK_EQ(mv_txn_read(w.txn, page, b, 0), b);
    CHECK_MEM(page, want, b);
    CHECK_EQ(mv_txn_write(w.txn, want + b, b, (int64_t)b), MV_OK);
    mv_version *pin = commit_pinned(&w);
    check_content(pin, want, 2 * (int64_t)b);
    check_store(store);
    /* What a pin keeps counts. */
    w = begin(db);
    CHECK_EQ(mv_txn_write(w.txn, want + 7, b, 0), MV_OK);
    commit(&w);
    CHECK_EQ(stats_of(store).blocks, 3);
    mv_version_release(pin);
    CHECK_EQ(stats_of(store).blocks, 2);
    /* A load that is too large is refused, and what it took comes back. */
    uint64_t before = stats_of(store).bytes;
    uint8_t *file = new_file((uint32_t)b, (uint32_t)(limit / b + 1), 5);
    mv_load *load = begin_load(store, "a");
    CHECK_EQ(feed(load, file, b * (limit / b + 1), 10000), MV_FULL);
    mv_load_drop(load);
    CHECK_EQ(stats_of(store).bytes, before);
    check_store(store);
    free(file);
    free(want);
    free(page);
    mv_database_release(db);
    end_store(store);
}

static void a_full_store_refuses_and_recovers(void) {
    for_each_block_size(a_full_store_refuses_and_recovers_at_size);
}

static void memory_is_given_back_to_the_system(void) {
    mv_store *store = new_store(4096, 0);
    mv_database *db = open_name(store, "a");
    size_t n = 32 << 20;
    uint8_t *bytes = allocate(n);
    fill(bytes, n, 1);
    writing w = begin(db);
    CHECK_EQ(mv_txn_write(w.txn, bytes, n, 0), MV_OK);
    commit(&w);
    free(bytes);
    mv_stats full = stats_of(store);
    CHECK(full.reserved >= full.bytes);
    w = begin(db);
    CHECK_EQ(mv_txn_truncate(w.txn, 4096), MV_OK);
    commit(&w);
    CHECK(stats_of(store).reserved < full.reserved / 2);
    mv_database_release(db);
    end_store(store);

    /* Small databases are small. */
    store = new_store(4096, 0);
    char name[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%d", i);
        db = open_name(store, name);
        write_stamp_committed(db, 1, 4096, 0);
        mv_database_release(db);
    }
    CHECK(stats_of(store).reserved < 64 << 20);
    end_store(store);
}

/* What a load finds just below the limit is what decides: not more, since its runs of blocks are cut down, and after a refusal nothing more is taken. */
static void a_load_needs_no_more_room_than_it_takes(void) {
    enum { PAGES = 600, SIZE = PAGES * 4096 };
    uint8_t *file = calloc(1, SIZE), *got = malloc(SIZE);
    REQUIRE(file && got);
    for (size_t i = 0; i < SIZE; i++) file[i] = (uint8_t)(i * 31 >> 3);
    memset(file, 0, 100);
    memcpy(file, "SQLite format 3", 16);
    file[16] = 0x10; /* pages of 4096 bytes */
    file[21] = 64;
    file[22] = file[23] = 32;
    mv_store *store = new_store(0, 0);
    load_bytes(store, "a", file, SIZE, 4096);
    uint64_t needs = stats_of(store).bytes;
    end_store(store);
    for (uint64_t limit = needs - 8192; limit < needs + 8192; limit += 512) {
        check_context("limit %llu, needs %llu", (unsigned long long)limit, (unsigned long long)needs);
        store = new_store(0, limit);
        mv_load *load;
        mv_result rc = MV_OK;
        REQUIRE_EQ(mv_load_begin(store, "a", 1, &load), MV_OK);
        for (size_t done = 0; done < SIZE && !rc; done += 4096) rc = mv_load_write(load, file + done, 4096);
        CHECK_EQ(rc, limit < needs ? MV_FULL : MV_OK);
        if (rc) {
            CHECK_EQ(mv_load_write(load, file, 1), MV_FULL);
            CHECK_EQ(mv_load_finish(load), MV_FULL);
            mv_load_drop(load);
        } else {
            CHECK_EQ(mv_load_finish(load), MV_OK);
            CHECK_EQ(mv_store_publish(store, "a", 1, load, 0), MV_OK);
            mv_database *db = open_name(store, "a");
            mv_version *v = mv_database_pin(db);
            CHECK_EQ(mv_version_read(v, got, SIZE, 0), SIZE);
            CHECK(!memcmp(file, got, SIZE));
            mv_version_release(v);
            mv_database_release(db);
        }
        end_store(store);
    }
    free(file);
    free(got);
}

/* As a rollback does with most pages: it must not need memory for them. */
static void writing_what_is_there_takes_no_memory(void) {
    mv_store *store = new_store(0, 0);
    mv_database *db = open_name(store, "a");
    write_stamp_committed(db, 1, 40960, 0);
    mv_version *base = mv_database_pin(db);
    uint8_t same[40960];
    CHECK_EQ(mv_version_read(base, same, sizeof same, 0), sizeof same);
    uint64_t before = stats_of(store).bytes;
    int owner;
    mv_txn *txn;
    REQUIRE_EQ(mv_write_lock(db, &owner), MV_OK);
    REQUIRE_EQ(mv_txn_begin(db, base, &txn), MV_OK);
    for (size_t at = 0; at < sizeof same; at += 4096) CHECK_EQ(mv_txn_write(txn, same + at, 4096, (int64_t)at), MV_OK);
    CHECK_EQ(mv_txn_write(txn, same + 100, 10000, 100), MV_OK);
    CHECK_EQ(stats_of(store).bytes, before);
    mv_txn_drop(txn);
    mv_write_unlock(db, &owner);
    mv_version_release(base);
    mv_database_release(db);
    end_store(store);
}

/* ---- the writer's slot ------------------------------------------------------------------------------- */

enum { LONG_WAIT = 60 * 1000 * 1000 };

/* Has the slot when it returns true; false if it was never passed on. */
static bool take_slot(mv_database *db, const void *owner) {
    uint64_t ticket = 0;
    while (mv_write_lock(db, owner) != MV_OK) {
        if (!ticket)
            ticket = mv_write_ticket(db);
        if (!mv_write_wait(db, owner, ticket, LONG_WAIT)) {
            CHECK(!"the slot was never passed on");
            return false;
        }
    }
    return true;
}

static void one_owner_at_a_time(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a"), *other = open_name(store, "b");
    int a, b, c;
    CHECK(!mv_write_locked(db));
    CHECK_EQ(mv_write_lock(db, &a), MV_OK);
    CHECK(mv_write_locked(db));
    CHECK(!mv_write_locked(other));
    CHECK_EQ(mv_write_lock(db, &a), MV_OK);
    CHECK_EQ(mv_write_lock(db, &b), MV_BUSY);
    CHECK_EQ(mv_write_lock(other, &b), MV_OK);
    mv_write_unlock(other, &b);
    mv_write_unlock(db, &b); /* which has nothing to give up */
    CHECK(mv_write_locked(db));
    CHECK_EQ(mv_write_lock(db, &b), MV_BUSY);
    mv_write_unlock(db, &a);
    CHECK(!mv_write_locked(db));
    mv_write_unlock(db, &a);
    CHECK_EQ(mv_write_lock(db, &c), MV_OK); /* a refusal before is no place in a queue */
    mv_write_unlock(db, &c);

    /* Who waits for a free slot is promised it; a promise that is given back or forgotten is in nobody's way for ever. */
    uint64_t first = mv_write_ticket(db), second = mv_write_ticket(db);
    CHECK(second > first);
    CHECK(mv_write_wait(db, &a, first, 0));
    CHECK(take_slot(db, &a));
    CHECK(!mv_write_wait(db, &b, second, 0));
    CHECK(!mv_write_wait(db, &b, second, 2000));
    CHECK_EQ(mv_write_lock(db, &b), MV_BUSY);
    mv_write_unlock(db, &a);
    CHECK(take_slot(db, &c)); /* b, which waits no more, is not waited for */
    mv_write_unlock(db, &c);
    CHECK(mv_write_wait(db, &a, mv_write_ticket(db), LONG_WAIT));
    mv_write_unlock(db, &a);
    CHECK_EQ(mv_write_lock(db, &b), MV_OK);
    mv_write_unlock(db, &b);
    CHECK(mv_write_wait(db, &a, mv_write_ticket(db), LONG_WAIT));
    CHECK(take_slot(db, &b));
    mv_write_unlock(db, &b);
    CHECK(!mv_write_locked(db));
    mv_database_release(db);
    mv_database_release(other);
    end_store(store);
}

typedef struct slot_test {
    mv_database *db;
    int64_t counter; /* under the slot */
    atomic_int given_up, served;
    int rounds;
} slot_test;

typedef struct slot_owner {
    slot_test *test;
    int index;
} slot_owner;

static void *slot_serve(void *arg) {
    slot_owner *me = arg;
    for (int i = 0; i < me->test->rounds; i++) {
        if (!take_slot(me->test->db, me))
            break;
        me->test->counter++;
        mv_write_unlock(me->test->db, me);
    }
    atomic_fetch_add(&me->test->served, 1);
    return NULL;
}

/* One thread takes the slot again and again without a pause; the others must get their turns all the same. */
static void nobody_starves(void) {
    mv_store *store = new_store(512, 0);
    slot_test test = {.db = open_name(store, "a"), .rounds = 100};
    slot_owner owners[4], hog = {&test, -1};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        owners[i] = (slot_owner){&test, i};
        REQUIRE_EQ(pthread_create(&threads[i], NULL, slot_serve, &owners[i]), 0);
    }
    int64_t more = 0;
    while (atomic_load(&test.served) < 4 && take_slot(test.db, &hog)) {
        test.counter++;
        more++;
        mv_write_unlock(test.db, &hog);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(test.counter, 4 * test.rounds + more);
    CHECK(!mv_write_locked(test.db));
    mv_database_release(test.db);
    end_store(store);
}

static void *slot_count(void *arg) {
    slot_owner *me = arg;
    slot_test *test = me->test;
    uint64_t seed = (uint64_t)me->index;
    for (int i = 0; i < test->rounds; i++) {
        if (check_random(&seed) % 4 == 0 && mv_write_lock(test->db, me) != MV_OK) {
            /* Impatient: waits a little, and perhaps goes away, with or without a promise. */
            mv_write_wait(test->db, me, mv_write_ticket(test->db), (int64_t)(check_random(&seed) % 50));
            if (check_random(&seed) % 2) {
                mv_write_unlock(test->db, me);
                atomic_fetch_add(&test->given_up, 1);
                continue;
            }
        }
        if (!take_slot(test->db, me))
            return NULL;
        test->counter++; /* not atomic: only the owner of the slot may be here */
        mv_write_unlock(test->db, me);
    }
    return NULL;
}

static void no_wake_up_is_lost(void) {
    mv_store *store = new_store(512, 0);
    slot_test test = {.db = open_name(store, "a"), .rounds = 5000};
    slot_owner owners[6];
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) {
        owners[i] = (slot_owner){&test, i};
        REQUIRE_EQ(pthread_create(&threads[i], NULL, slot_count, &owners[i]), 0);
    }
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(test.counter, 6 * test.rounds - atomic_load(&test.given_up));
    CHECK(!mv_write_locked(test.db));
    mv_database_release(test.db);
    end_store(store);
}

enum { LONELY_WAIT = 10 * 1000 * 1000 };

typedef struct lonely_wait {
    mv_database *db;
    atomic_bool queued; /* about to wait */
    bool passed_on;
} lonely_wait;

static void *wait_alone(void *arg) {
    lonely_wait *me = arg;
    uint64_t ticket = mv_write_ticket(me->db);
    atomic_store(&me->queued, true);
    int64_t from = mv_now_usec();
    do me->passed_on = mv_write_wait(me->db, me, ticket, LONELY_WAIT);
    while (me->passed_on && mv_write_lock(me->db, me) != MV_OK);
    me->passed_on &= mv_now_usec() - from < LONELY_WAIT / 2; /* at the end of its time whoever is first gets a free slot without being woken */
    mv_write_unlock(me->db, me);
    return NULL;
}

/* The last to give the slot up must not leave it free while another sleeps: not within a tenure, nor in its grace, nor behind that. */
static void the_last_to_leave_wakes_the_next(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a");
    int owner;
    bool ok = true;
    for (int i = 0; i < 600 && ok; i++) {
        int64_t pause = i % 2 ? 25 * (i % 60) : 1100 + 2 * (i % 100); /* microseconds: a tenure and its grace are 1250 */
        check_context("pause of %d us", (int)pause);
        lonely_wait other = {.db = db};
        pthread_t thread;
        REQUIRE_EQ(mv_write_lock(db, &owner), MV_OK);
        REQUIRE_EQ(pthread_create(&thread, NULL, wait_alone, &other), 0);
        while (!atomic_load(&other.queued)) mv_yield();
        int64_t from = mv_now_usec();
        while (mv_now_usec() < from + 40) mv_yield();
        mv_write_unlock(db, &owner); /* tells the other, which then finds it taken again */
        if (mv_write_lock(db, &owner) == MV_OK) {
            while (mv_now_usec() < from + pause) mv_yield();
            mv_write_unlock(db, &owner);
        }
        pthread_join(thread, NULL);
        ok = CHECK_EQ(other.passed_on, true);
    }
    check_context("%s", "");
    CHECK(!mv_write_locked(db));
    mv_database_release(db);
    end_store(store);
}

typedef struct publish_test {
    mv_store *store;
    mv_load *load;
    mv_result result;
} publish_test;

static void *publish_waiting(void *arg) {
    publish_test *test = arg;
    test->result = publish(test->store, "a", test->load, LONG_WAIT);
    return NULL;
}

static void publishing_waits_for_the_writer(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a");
    uint8_t *file = new_file(512, 4, 3);
    for (int i = 0; i < 20; i++) {
        writing w = begin(db);
        write_stamp(&w, 1, 512, 0);
        publish_test test = {.store = store, .load = begin_load(store, "a")};
        CHECK_EQ(feed(test.load, file, 2048, 2048), MV_OK);
        CHECK_EQ(mv_load_finish(test.load), MV_OK);
        pthread_t thread;
        REQUIRE_EQ(pthread_create(&thread, NULL, publish_waiting, &test), 0);
        if (i % 2) {
            struct timespec some = {0, 1000000};
            nanosleep(&some, NULL);
        }
        commit(&w);
        pthread_join(thread, NULL);
        CHECK_EQ(test.result, MV_OK);
        check_newest(db, file, 2048);
    }
    free(file);
    check_store(store);
    mv_database_release(db);
    end_store(store);
}

/* ---- many threads ------------------------------------------------------------------------------------ */

enum { CROWD_MAX_BLOCKS = 40, CROWD_BLOCK = 512 };

/* One database "shared" whose every version carries one stamp in every block, and forks of it that do too. */
typedef struct crowd {
    mv_store *store;
    mv_database *db;
    atomic_bool stop;
    atomic_llong stamp, reads;
    int rounds;
} crowd;

/* The whole content of a stamp: as many pages as it says, a header, and the stamp in each page. */
static int64_t crowd_content(uint8_t *to, int64_t stamp) {
    int64_t blocks = 1 + stamp * 7 % CROWD_MAX_BLOCKS;
    memset(to, 1, (size_t)blocks * CROWD_BLOCK);
    fill_header(to, CROWD_BLOCK, (uint32_t)blocks, (uint32_t)stamp);
    for (int64_t i = 0; i < blocks; i++)
        memcpy(to + i * CROWD_BLOCK + 128, &stamp, sizeof stamp);
    return blocks * CROWD_BLOCK;
}

static void crowd_check(const mv_version *v) {
    int64_t size = mv_version_size(v), first = 0;
    if (size == 0)
        return;
    CHECK_EQ(mv_version_read(v, &first, sizeof first, 128), sizeof first);
    CHECK_EQ(size, (1 + first * 7 % CROWD_MAX_BLOCKS) * CROWD_BLOCK);
    for (int64_t at = 0; at < size; at += CROWD_BLOCK) {
        const uint8_t *p = mv_version_fetch(v, at, CROWD_BLOCK);
        int64_t stamp = -1;
        if (!p) {
            CHECK(!"a block is missing");
            return;
        }
        memcpy(&stamp, p + 128, sizeof stamp);
        CHECK_EQ(stamp, first);
    }
}

static void crowd_write(crowd *c, mv_database *db, const void *owner, uint64_t *seed) {
    uint8_t bytes[CROWD_MAX_BLOCKS * CROWD_BLOCK];
    if (!take_slot(db, owner))
        return;
    mv_version *base = mv_database_pin(db);
    mv_txn *txn = NULL;
    REQUIRE_EQ(mv_txn_begin(db, base, &txn), MV_OK);
    int64_t n = crowd_content(bytes, atomic_fetch_add(&c->stamp, 1) + 1);
    for (int64_t at = 0; at < n; at += CROWD_BLOCK)
        CHECK_EQ(mv_txn_write(txn, bytes + at, CROWD_BLOCK, at), MV_OK);
    if (check_random(seed) % 4 == 0) {
        mv_txn_drop(txn);
    } else {
        CHECK_EQ(mv_txn_prepare(txn), MV_OK);
        CHECK_EQ(mv_txn_truncate(txn, n), MV_OK);
        mv_version *v = commit_txn(db, txn);
        crowd_check(v);
        mv_version_release(v);
    }
    mv_version_release(base);
    mv_write_unlock(db, owner);
}

static void *crowd_writer(void *arg) {
    crowd *c = arg;
    uint64_t seed = 1;
    int owner;
    for (int i = 0; i < c->rounds; i++)
        crowd_write(c, c->db, &owner, &seed);
    return NULL;
}

static void *crowd_reader(void *arg) {
    crowd *c = arg;
    uint64_t last = 0, seed = (uint64_t)(uintptr_t)&last;
    mv_version *kept[4] = {0};
    do {
        mv_version *v = mv_database_pin(c->db);
        CHECK(mv_version_number(v) >= last);
        last = mv_version_number(v);
        crowd_check(v);
        mv_version **slot = &kept[check_random(&seed) % 4]; /* some are kept for a while */
        if (*slot) {
            crowd_check(*slot);
            mv_version_release(*slot);
        }
        *slot = v;
        atomic_fetch_add(&c->reads, 1);
    } while (!atomic_load(&c->stop));
    for (int i = 0; i < 4; i++)
        if (kept[i])
            mv_version_release(kept[i]);
    return NULL;
}

static void *crowd_forker(void *arg) {
    crowd *c = arg;
    uint64_t seed = 2;
    int owner;
    mv_database *last = NULL;
    for (int i = 0; i < c->rounds / 2; i++) {
        char name[16];
        snprintf(name, sizeof name, "fork %d", i % 5);
        mv_version *v = mv_database_pin(last && i % 3 ? last : c->db);
        mv_result rc = fork_to(c->store, v, name);
        if (rc == MV_EXISTS) {
            CHECK_EQ(delete_name(c->store, name), MV_OK);
            rc = fork_to(c->store, v, name);
        }
        CHECK_EQ(rc, MV_OK);
        mv_version_release(v);
        if (last)
            mv_database_release(last);
        last = open_name(c->store, name);
        crowd_write(c, last, &owner, &seed);
        v = mv_database_pin(last);
        crowd_check(v);
        mv_version_release(v);
    }
    if (last)
        mv_database_release(last);
    return NULL;
}

static void *crowd_publisher(void *arg) {
    crowd *c = arg;
    uint8_t bytes[CROWD_MAX_BLOCKS * CROWD_BLOCK];
    for (int i = 0; i < c->rounds / 2; i++) {
        int64_t n = crowd_content(bytes, atomic_fetch_add(&c->stamp, 1) + 1);
        mv_load *load = begin_load(c->store, "shared");
        CHECK_EQ(feed(load, bytes, (size_t)n, 700), MV_OK);
        CHECK_EQ(mv_load_finish(load), MV_OK);
        if (i % 5 == 4)
            mv_load_drop(load);
        else
            CHECK_EQ(publish(c->store, "shared", load, LONG_WAIT), MV_OK);
        char *names;
        size_t len;
        mv_stats stats;
        CHECK_EQ(mv_store_names(c->store, &names, &len), MV_OK);
        sqlite3_free(names);
        mv_store_stats(c->store, &stats);
        mv_database_stats(c->db, &stats);
    }
    return NULL;
}

static void crowd_run(uint32_t block_size, int rounds) {
    check_context("block size %u", block_size);
    crowd c = {.store = new_store(block_size, 0), .rounds = rounds};
    c.db = open_name(c.store, "shared");
    void *(*const bodies[])(void *) = {crowd_writer, crowd_writer, crowd_forker, crowd_publisher, crowd_reader, crowd_reader};
    enum { n = sizeof bodies / sizeof *bodies };
    pthread_t threads[n];
    for (int i = 0; i < n; i++)
        REQUIRE_EQ(pthread_create(&threads[i], NULL, bodies[i], &c), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&c.stop, true);
    for (int i = 4; i < n; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&c.reads) > 0);
    mv_version *v = mv_database_pin(c.db);
    crowd_check(v);
    mv_version_release(v);
    check_store(c.store);
    mv_database_release(c.db);
    end_store(c.store);
}

static void each_version_is_whole_whoever_runs_beside(void) {
    crowd_run(512, 1500);
    crowd_run(0, 500);
    crowd_run(4096, 500);
}

/* Opens, deletes and closes names from several threads at once. */
static void *names_body(void *arg) {
    mv_store *store = arg;
    uint64_t seed = (uint64_t)(uintptr_t)&seed;
    for (int i = 0; i < 3000; i++) {
        char name[2] = {(char)('a' + check_random(&seed) % 4), 0};
        mv_database *db;
        switch (check_random(&seed) % 4) {
        case 0:
            delete_name(store, name);
            break;
        case 1:
            if (mv_store_open(store, name, 1, false, &db) == MV_OK)
                mv_database_release(db);
            break;
        default:
            db = open_name(store, name);
            if (mv_write_lock(db, &seed) == MV_OK) {
                mv_version *base = mv_database_pin(db);
                mv_txn *txn;
                REQUIRE_EQ(mv_txn_begin(db, base, &txn), MV_OK);
                CHECK_EQ(mv_txn_write(txn, name, 1, (int64_t)(check_random(&seed) % 4000)), MV_OK);
                CHECK_EQ(mv_txn_prepare(txn), MV_OK);
                mv_version_release(commit_txn(db, txn));
                mv_version_release(base);
                mv_write_unlock(db, &seed);
            }
            mv_database_release(db);
        }
    }
    return NULL;
}

static void names_come_and_go_in_many_threads(void) {
    mv_store *store = new_store(512, 0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        REQUIRE_EQ(pthread_create(&threads[i], NULL, names_body, store), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    check_store(store);
    end_store(store);
}

/* ---- leases ----------------------------------------------------------------------------------------- */

enum { LEASE_BLOCKS = 70, LEASE_BLOCK = 512, LEASE_NODES = 3 }; /* two levels: a root and two nodes */

/* Makes a version of which each block begins with the same number, by a lease, or by a pin if there is none. */
static void lease_write(mv_database *db, mv_lease *lease, const void *owner, uint64_t number) {
    while (mv_write_lock(db, owner) != MV_OK) mv_yield();
    mv_version *base = lease ? mv_lease_take(lease) : mv_database_pin(db), *v;
    mv_txn *txn;
    REQUIRE_EQ(mv_txn_begin(db, base, &txn), MV_OK);
    for (int i = 0; i < LEASE_BLOCKS; i++) {
        uint8_t block[LEASE_BLOCK];
        fill(block, sizeof block, number * 1000 + (uint64_t)i);
        memcpy(block, &number, sizeof number);
        CHECK_EQ(mv_txn_write(txn, block, sizeof block, i * LEASE_BLOCK), MV_OK);
    }
    CHECK_EQ(mv_txn_prepare(txn), MV_OK);
    if (lease) {
        v = mv_txn_publish(txn, lease, number % 2);
        CHECK(v == (number % 2 ? base : NULL));
        if (v) mv_lease_return(v);
        mv_txn_drop(txn);
        mv_lease_put(lease);
    } else {
        v = commit_txn(db, txn);
        mv_version_release(v);
        mv_version_release(base);
    }
    mv_write_unlock(db, owner);
}

/* The number that all its blocks begin with. */
static uint64_t lease_number(const mv_version *v) {
    uint64_t first = 0, number = 0;
    CHECK_EQ(mv_version_read(v, &first, sizeof first, 0), sizeof first);
    for (int i = 1; i < LEASE_BLOCKS; i++) {
        const void *block = mv_version_fetch(v, i * LEASE_BLOCK, sizeof number);
        REQUIRE(block);
        memcpy(&number, block, sizeof number);
        if (!CHECK_EQ(number, first)) break;
    }
    return first;
}

static void an_idle_lease_keeps_nothing_old(void) {
    const uint64_t one = LEASE_BLOCKS * LEASE_BLOCK + LEASE_NODES * 512;
    mv_store *store = new_store(LEASE_BLOCK, 0);
    mv_database *db = open_name(store, "a");
    mv_lease reader, writer;
    _Atomic int32_t rows[3] = {0, 0, 1};
    mv_lease_open(&reader, db);
    mv_lease_open(&writer, db);
    mv_lease_rows(&reader, rows);
    uint64_t number = 0;
    for (int i = 0; i < 4; i++) {
        lease_write(db, i % 2 ? &writer : NULL, &writer, ++number);
        mv_version *v = mv_lease_take(&reader);
        CHECK_EQ(lease_number(v), number);
        CHECK_EQ(stats_of(store).pins, 1);
        lease_write(db, i % 2 ? &writer : NULL, &writer, ++number);
        CHECK_EQ(lease_number(v), number - 1);
        CHECK_EQ(mv_store_check(store), 2 * one);
        mv_lease_put(&reader); /* it is old already */
        CHECK_EQ(mv_store_check(store), one);
        CHECK_EQ(stats_of(store).pins, 0);
        v = mv_lease_take(&reader);
        CHECK_EQ(lease_number(v), number);
        mv_lease_put(&reader);
        lease_write(db, i % 2 ? &writer : NULL, &writer, ++number); /* takes it back */
        CHECK_EQ(mv_store_check(store), one); /* which does not take it back itself, as a count of statistics does */
        CHECK_EQ(stats_of(store).versions, 1);
    }
    /* Idle or in use, it is of a name that is deleted, too. */
    mv_lease_take(&reader);
    CHECK_EQ(delete_name(store, "a"), MV_OK);
    lease_write(db, &writer, &writer, ++number);
    CHECK_EQ(mv_store_check(store), 2 * one);
    mv_lease_put(&reader);
    CHECK_EQ(mv_store_check(store), one);
    mv_lease_close(&reader);
    mv_lease_close(&writer);
    mv_database_release(db);
    end_store(store);
}

/* A fork that was replaced keeps its origin for as long as rows are held of what it was. */
static void a_lease_of_a_fork_counts_at_its_origin(void) {
    mv_store *store = new_store(LEASE_BLOCK, 0);
    mv_database *origin = open_name(store, "a");
    mv_lease reader;
    _Atomic int32_t rows[3] = {0, 0, 1};
    lease_write(origin, NULL, origin, 1);
    mv_version *v = mv_database_pin(origin);
    CHECK_EQ(mv_store_fork(store, v, "b", 1), MV_OK);
    mv_version_release(v);
    mv_database *fork = open_name(store, "b");
    mv_lease_open(&reader, fork);
    mv_lease_rows(&reader, rows);
    mv_lease_take(&reader);
    atomic_store(&rows[0], 1);
    mv_lease_put(&reader);
    load_bytes(store, "b", (const uint8_t *)"", 0, 1);
    mv_stats stats;
    mv_database_stats(origin, &stats);
    CHECK_EQ(stats.forks, 1);
    atomic_store(&rows[0], 0);
    mv_database_stats(origin, &stats);
    CHECK_EQ(stats.forks, 0);
    CHECK_EQ(stats.pins, 0);
    mv_lease_close(&reader);
    mv_database_release(origin);
    mv_database_release(fork);
    end_store(store);
}

static void held_rows_keep_their_version(void) {
    const uint64_t one = LEASE_BLOCKS * LEASE_BLOCK + LEASE_NODES * 512;
    mv_store *store = new_store(LEASE_BLOCK, 0);
    mv_database *db = open_name(store, "a");
    mv_lease reader;
    _Atomic int32_t rows[3] = {0, 0, 1};
    mv_lease_open(&reader, db);
    mv_lease_rows(&reader, rows);
    uint64_t number = 0;
    for (int how = 0; how < 6; how++) {
        check_context("taken back in way %d", how);
        lease_write(db, NULL, &reader, ++number);
        mv_version *v = mv_lease_take(&reader);
        atomic_store(&rows[0], 2);
        mv_lease_put(&reader);
        CHECK_EQ(stats_of(store).pins, 1);
        lease_write(db, NULL, &reader, ++number);
        lease_write(db, NULL, &reader, ++number);
        CHECK_EQ(mv_store_check(store), 2 * one);
        CHECK_EQ(stats_of(store).versions, 2);
        CHECK(mv_lease_take(&reader) == v);
        CHECK_EQ(lease_number(v), number - 2);
        atomic_store(&rows[0], 1);
        mv_lease_put(&reader);
        CHECK_EQ(stats_of(store).pins, 1);
        atomic_store_explicit(&rows[0], 0, memory_order_relaxed); /* as if by Java */
        CHECK_EQ(mv_store_check(store), 2 * one);
        switch (how) {
        case 0: /* the next publisher */
            lease_write(db, NULL, &reader, ++number);
            break;
        case 1: /* the next transaction */
            CHECK_EQ(lease_number(mv_lease_take(&reader)), number);
            mv_lease_put(&reader);
            break;
        case 2:
            mv_lease_close(&reader);
            break;
        case 3:
            CHECK_EQ(stats_of(store).versions, 1);
            break;
        case 4:
            CHECK_EQ(stats_of_database(db).versions, 1);
            break;
        case 5: /* the memory of the number goes */
            mv_lease_rows(&reader, NULL);
        }
        CHECK_EQ(mv_store_check(store), one);
        CHECK_EQ(stats_of(store).pins, 0);
        if (how == 2) mv_lease_open(&reader, db);
        mv_lease_rows(&reader, rows);
    }
    check_context("%s", "");
    mv_lease_close(&reader);
    mv_database_release(db);
    end_store(store);
}

/* What rows that are held no more still keep is in the way of no write. */
static void what_was_held_makes_room(void) {
    mv_store *store = new_store(LEASE_BLOCK, 2 * (LEASE_BLOCKS + LEASE_NODES + 1) * LEASE_BLOCK); /* two versions, and what a commit has in reserve */
    mv_database *db = open_name(store, "a");
    mv_lease reader;
    _Atomic int32_t rows[3] = {0, 0, 1};
    mv_lease_open(&reader, db);
    mv_lease_rows(&reader, rows);
    lease_write(db, NULL, &reader, 1);
    mv_lease_take(&reader);
    atomic_store(&rows[0], 1);
    mv_lease_put(&reader);
    lease_write(db, NULL, &reader, 2);
    atomic_store(&rows[0], 0);
    mv_database *other = open_name(store, "b");
    lease_write(other, NULL, &reader, 1); /* all the room that there is if that is taken back */
    mv_database_release(other);
    mv_lease_close(&reader);
    mv_database_release(db);
    end_store(store);
}

typedef struct lease_crowd {
    mv_store *store;
    mv_database *db;
    atomic_ullong number;
    bool hold;        /* rows now and then */
    int rounds;
    uint64_t seed;
} lease_crowd;

typedef struct lease_member {
    lease_crowd *crowd;
    int id;
    mv_lease lease;
    _Atomic int32_t *rows; /* freed before the lease is closed */
} lease_member;

static void lease_member_open(lease_member *me) {
    me->rows = allocate(3 * sizeof *me->rows);
    atomic_store(&me->rows[0], 0);
    atomic_store(&me->rows[1], 0);
    atomic_store(&me->rows[2], 1);
    mv_lease_open(&me->lease, me->crowd->db);
    mv_lease_rows(&me->lease, me->rows);
}

static void lease_member_close(lease_member *me) {
    mv_lease_rows(&me->lease, NULL);
    free((void *)me->rows);
    mv_lease_close(&me->lease);
}

static void *lease_reader(void *arg) {
    lease_member *me = arg;
    lease_crowd *c = me->crowd;
    uint64_t seed = c->seed + (uint64_t)me->id, last = 0;
    bool held = false;
    for (int i = 0; i < c->rounds; i++) {
        uint64_t how = check_random(&seed);
        mv_version *v = mv_lease_take(&me->lease);
        uint64_t number = lease_number(v);
        if (held) CHECK_EQ(number, last);
        else CHECK(number >= last);
        last = number;
        if (how % 8 == 0) mv_yield();
        if (how % 16 == 1) {
            char name[16];
            snprintf(name, sizeof name, "fork-%d", me->id);
            CHECK_EQ(fork_to(c->store, v, name), MV_OK);
            mv_database *fork = open_name(c->store, name);
            lease_write(fork, NULL, me, number + 1000000);
            CHECK_EQ(delete_name(c->store, name), MV_OK);
            mv_database_release(fork);
        }
        held = c->hold && how / 16 % 4 == 0;
        atomic_store_explicit(me->rows, held, memory_order_relaxed);
        if (how / 64 % 32 == 0) {
            mv_lease_return(mv_lease_leave(&me->lease));
            held = false;
            atomic_store_explicit(me->rows, 0, memory_order_relaxed);
        } else {
            mv_lease_put(&me->lease);
        }
        if (how / 2048 % 32 == 0) {
            lease_member_close(me);
            lease_member_open(me);
            held = false;
        } else if (held && how / 2048 % 4 == 1) {
            mv_yield();
            held = false;
            atomic_store_explicit(me->rows, 0, memory_order_relaxed);
        }
    }
    atomic_store_explicit(me->rows, 0, memory_order_relaxed);
    return NULL;
}

static void *lease_committer(void *arg) {
    lease_member *me = arg;
    lease_crowd *c = me->crowd;
    for (int i = 0; i < c->rounds; i++) {
        while (mv_write_lock(c->db, me) != MV_OK) mv_yield();
        lease_write(c->db, i % 3 && !c->hold ? &me->lease : NULL, me, atomic_fetch_add(&c->number, 1) + 1);
        if (i % 16 == 0) stats_of_database(c->db);
        if (i % 16 == 8) stats_of(c->store);
    }
    return NULL;
}

/* Many short rounds: what may go wrong does so when the last commit meets the last read. */
static void leases_in_many_threads(bool hold, int crowds, int rounds) {
    const uint64_t one = LEASE_BLOCKS * LEASE_BLOCK + LEASE_NODES * 512;
    lease_crowd c = {.store = new_store(LEASE_BLOCK, 0), .hold = hold, .rounds = rounds};
    c.db = open_name(c.store, "a");
    enum { MEMBERS = 5 };
    lease_member members[MEMBERS];
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = (lease_member){.crowd = &c, .id = i};
        lease_member_open(&members[i]);
    }
    lease_write(c.db, NULL, &c, atomic_fetch_add(&c.number, 1) + 1);
    for (int crowd = 0; crowd < crowds; crowd++) {
        c.seed = (uint64_t)crowd * MEMBERS + 1;
        check_context("crowd %d", crowd);
        pthread_t threads[MEMBERS];
        for (int i = 0; i < MEMBERS; i++)
            REQUIRE_EQ(pthread_create(&threads[i], NULL, i < 2 ? lease_committer : lease_reader, &members[i]), 0);
        for (int i = 0; i < MEMBERS; i++)
            pthread_join(threads[i], NULL);
        if (!hold) CHECK_EQ(mv_store_check(c.store), one); /* the leases are idle still */
        CHECK_EQ(stats_of(c.store).pins, 0);
        CHECK_EQ(stats_of(c.store).bytes, one);
        CHECK_EQ(stats_of(c.store).versions, 1);
        check_store(c.store);
    }
    for (int i = 0; i < MEMBERS; i++)
        lease_member_close(&members[i]);
    check_context("%s", "");
    mv_database_release(c.db);
    end_store(c.store);
}

static void leases_of_readers_meet_commits(void) {
    leases_in_many_threads(false, 300, 3);
    leases_in_many_threads(false, 3, 500);
}

static void leases_with_held_rows_meet_commits(void) {
    leases_in_many_threads(true, 100, 3);
    leases_in_many_threads(true, 3, 500);
}

int main(int argc, char **argv) {
    check_start(argc, argv);
    RUN(an_empty_store_has_nothing_and_uses_nothing);
    RUN(names_are_compared_byte_by_byte);
    RUN(very_many_names);
    RUN(a_deleted_name_is_free_at_once);
    RUN(a_closed_store_keeps_what_is_used);
    RUN(a_closed_store_is_freed_with_its_last_release);
    RUN(reads_stop_at_the_end);
    RUN(gaps_are_zero);
    RUN(what_was_cut_off_does_not_come_back);
    RUN(fetch_stays_within_one_block);
    RUN(automatic_blocks_are_as_large_as_pages);
    RUN(large_offsets);
    RUN(a_transaction_is_seen_when_it_commits_and_never_if_dropped);
    RUN(only_the_newest_version_can_be_written_on);
    RUN(memory_goes_back_exactly_when_its_pin_goes);
    RUN(a_pin_counts_its_holders);
    RUN(commits_without_pins_keep_one_version);
    RUN(truncating_gives_memory_back);
    RUN(forks_share_and_part);
    RUN(forks_of_forks_outlive_their_origins);
    RUN(a_fork_cannot_free_what_its_origin_still_has);
    RUN(a_chain_of_ten_thousand_forks);
    RUN(very_many_forks_of_one_version);
    RUN(loads_give_back_what_went_in);
    RUN(what_is_no_database_is_refused);
    RUN(what_is_too_short_is_refused);
    RUN(what_is_longer_than_its_header_says_is_taken);
    RUN(write_ahead_mode_is_taken_off);
    RUN(an_empty_source_makes_an_empty_database);
    RUN(a_load_can_be_dropped_at_any_time);
    RUN(publishing_replaces_the_content_at_once);
    RUN(a_full_store_refuses_and_recovers);
    RUN(a_load_needs_no_more_room_than_it_takes);
    RUN(writing_what_is_there_takes_no_memory);
    RUN(memory_is_given_back_to_the_system);
    RUN(one_owner_at_a_time);
    RUN(nobody_starves);
    RUN(no_wake_up_is_lost);
    RUN(the_last_to_leave_wakes_the_next);
    RUN(publishing_waits_for_the_writer);
    RUN(each_version_is_whole_whoever_runs_beside);
    RUN(names_come_and_go_in_many_threads);
    RUN(an_idle_lease_keeps_nothing_old);
    RUN(held_rows_keep_their_version);
    RUN(what_was_held_makes_room);
    RUN(a_lease_of_a_fork_counts_at_its_origin);
    RUN(leases_of_readers_meet_commits);
    RUN(leases_with_held_rows_meet_commits);
    return check_end();
}
