/*
 * A store: how it begins and ends, and two lists of its databases. One has all databases, the other those whose leases
 * may keep an old version. The databases' names are in names.c. See store.h and store_internal.h.
 */
#include "store/memory.h"
#include "store/store_internal.h"

#include <assert.h>
#include <string.h>

#define BUCKETS_AT_FIRST 64

mv_store *mv_store_new(uint32_t block_size, uint64_t max_bytes) {
    assert(block_size == 0 || (block_size >= MV_MIN_BLOCK && block_size <= MV_MAX_BLOCK && !(block_size & (block_size - 1))));
    mv_store *store = sqlite3_malloc64(sizeof *store);
    mv_database **buckets = sqlite3_malloc64(BUCKETS_AT_FIRST * sizeof *buckets);
    if (!store || !buckets) {
        sqlite3_free(store);
        sqlite3_free(buckets);
        return NULL;
    }
    memset(buckets, 0, BUCKETS_AT_FIRST * sizeof *buckets);
    *store = (mv_store){.block_size = block_size, .refs = 1, .buckets = buckets, .bucket_count = BUCKETS_AT_FIRST};
    mv_mutex_init(&store->mutex);
    mv_mutex_init(&store->holds_mutex);
    mv_arena_init(&store->arena, max_bytes);
    return store;
}

void mv_store_hold(mv_store *store) {
    mv_lock(&store->mutex);
    store->refs++;
    mv_unlock(&store->mutex);
}

void mv_store_release(mv_store *store) {
    mv_lock(&store->mutex);
    bool last = --store->refs == 0;
    mv_unlock(&store->mutex);
    if (!last) return;
    assert(!store->all);
    mv_arena_destroy(&store->arena);
    mv_mutex_destroy(&store->mutex);
    mv_mutex_destroy(&store->holds_mutex);
    sqlite3_free(store->buckets);
    sqlite3_free(store);
}

/* ---- all databases --------------------------------------------------------------------------------------------------- */

void mv_store_add(mv_store *store, mv_database *db) {
    db->next = store->all;
    if (db->next) db->next->previous = db;
    store->all = db;
}

void mv_store_remove(mv_database *db) {
    mv_store *store = db->store;
    mv_lock(&store->mutex);
    mv_store_forget_held(db);
    if (db->previous) db->previous->next = db->next;
    else store->all = db->next;
    if (db->next) db->next->previous = db->previous;
    mv_unlock(&store->mutex);
}

/* ---- databases whose leases may keep an old version ------------------------------------------------------------------ */

/*
 * The list of databases whose leases may keep old versions. An idle lease keeps one only for rows that are held: then whoever made the version old, or
 * put the lease back, remembers the database. Whoever looks through its leases has taken it out of the list before that. Either he finds the lease idle,
 * or the flag was taken away before whoever puts it back looks at it, who then sets it again: the lease's word and the flag are sequentially consistent.
 */
void mv_store_remember_held(mv_database *db) {
    mv_store *store = db->store;
    if (atomic_load(&db->holds)) return;
    mv_lock(&store->holds_mutex);
    if (!atomic_load(&db->holds)) {
        db->holds_previous = NULL;
        db->holds_next = store->holding;
        if (db->holds_next) db->holds_next->holds_previous = db;
        store->holding = db;
        atomic_store(&db->holds, true);
    }
    mv_unlock(&store->holds_mutex);
}

void mv_store_forget_held(mv_database *db) {
    mv_store *store = db->store;
    mv_lock(&store->holds_mutex);
    if (atomic_load(&db->holds)) {
        if (db->holds_previous) db->holds_previous->holds_next = db->holds_next;
        else store->holding = db->holds_next;
        if (db->holds_next) db->holds_next->holds_previous = db->holds_previous;
        atomic_store(&db->holds, false);
    }
    mv_unlock(&store->holds_mutex);
}

mv_database *mv_store_first_held(mv_store *store) {
    mv_lock(&store->holds_mutex);
    mv_database *first = store->holding;
    mv_unlock(&store->holds_mutex);
    return first;
}

mv_database *mv_store_next_held(mv_database *db) {
    mv_lock(&db->store->holds_mutex);
    mv_database *next = db->holds_next;
    mv_unlock(&db->store->holds_mutex);
    return next;
}
