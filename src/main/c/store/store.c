/* The store: its databases and their names. See store.h and store_internal.h. */
#include "store/store_internal.h"

#include "sqlite3.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_AT_FIRST 64

static uint64_t hash_name(const char *name, size_t len) { /* FNV-1a */
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < len; i++) h = (h ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
    return h;
}

/* Under the store's mutex. */
static mv_database **bucket_of(mv_store *store, uint64_t hash) {
    return &store->buckets[hash & (store->bucket_count - 1)];
}

static mv_database *find(mv_store *store, const char *name, size_t len) {
    uint64_t hash = hash_name(name, len);
    for (mv_database *db = *bucket_of(store, hash); db; db = db->same_hash, store->looked_at++)
        if (db->hash == hash && mv_database_is_named(db, name, len)) return db;
    return NULL;
}

static void enter(mv_store *store, mv_database *db) {
    mv_database **bucket = bucket_of(store, db->hash);
    db->same_hash = *bucket;
    *bucket = db;
}

static void grow_buckets(mv_store *store) {
    uint64_t old_count = store->bucket_count;
    mv_database **old = store->buckets, **wide = sqlite3_malloc64(2 * old_count * sizeof *wide);
    if (!wide) return; /* longer chains are no error */
    memset(wide, 0, (size_t)(2 * old_count) * sizeof *wide);
    store->buckets = wide;
    store->bucket_count = 2 * old_count;
    for (uint64_t i = 0; i < old_count; i++)
        for (mv_database *db = old[i], *next; db; db = next) {
            next = db->same_hash;
            enter(store, db);
        }
    sqlite3_free(old);
}

mv_database *mv_database_new(mv_store *store, const char *name, size_t len, uint64_t number) {
    mv_database *db = sqlite3_malloc64(sizeof *db);
    mv_version *first = mv_version_new(db, number);
    char *copy = sqlite3_malloc64(len + 1);
    if (!db || !first || !copy) {
        sqlite3_free(db);
        sqlite3_free(first);
        sqlite3_free(copy);
        return NULL;
    }
    memcpy(copy, name, len);
    copy[len] = 0;
    *db = (mv_database){.store = store, .name = copy, .name_len = len, .hash = hash_name(name, len), .handles = 1, .newest = first};
    first->refs = 1; /* for being the newest */
    mv_version_link(db, first);
    mv_mutex_init(&db->mutex);
    mv_store_hold(store);
    return db;
}

void mv_database_free_new(mv_database *db) {
    if (!db) return;
    mv_store *store = db->store;
    mv_mutex_destroy(&db->mutex);
    sqlite3_free(db->newest);
    sqlite3_free(db->name);
    sqlite3_free(db);
    mv_store_release(store);
}

/* Makes the database known, under its name if it is to have one. Under the store's mutex. */
static void introduce(mv_store *store, mv_database *db) {
    db->next = store->all;
    if (db->next) db->next->previous = db;
    store->all = db;
    if (store->named >= store->bucket_count) grow_buckets(store);
    enter(store, db);
    store->named++;
    db->named = true;
}

/* Takes the name away; the handle that it was is the caller's to release. Under the store's mutex. */
static void forget(mv_store *store, mv_database *db) {
    mv_database **at = bucket_of(store, db->hash);
    for (; *at != db; at = &(*at)->same_hash) store->looked_at++;
    *at = db->same_hash;
    store->named--;
    db->named = false;
}

bool mv_database_is_named(const mv_database *db, const char *name, size_t len) {
    return db->name_len == len && memcmp(db->name, name, len) == 0;
}

void mv_database_hold(mv_database *db) {
    mv_lock(&db->mutex);
    db->handles++;
    mv_unlock(&db->mutex);
}

void mv_database_release(mv_database *db) {
    mv_lock(&db->mutex);
    mv_version *last = NULL;
    if (--db->handles == 0) { /* no newer version will ever be: what the newest shows is for older pins only */
        last = db->newest;
        last->replaced = true;
        db->newest = NULL;
    }
    mv_unlock(&db->mutex);
    if (last) mv_version_unref(last, false);
}

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

void mv_store_close(mv_store *store) {
    mv_lock(&store->mutex);
    store->closed = true;
    for (uint64_t i = 0; i < store->bucket_count; i++)
        while (store->buckets[i]) {
            mv_database *db = store->buckets[i];
            forget(store, db);
            mv_unlock(&store->mutex);
            mv_database_release(db);
            mv_lock(&store->mutex);
        }
    mv_unlock(&store->mutex);
}

/* What may have to be made is made without the mutex: hence two rounds. */
mv_result mv_store_open(mv_store *store, const char *name, size_t len, bool create, mv_database **out) {
    mv_database *made = NULL;
    mv_result rc;
    for (;;) {
        mv_lock(&store->mutex);
        mv_database *db = store->closed ? NULL : find(store, name, len);
        rc = store->closed ? MV_CLOSED : db || create ? MV_OK : MV_NOTFOUND;
        if (!rc && !db && made) {
            db = made;
            made = NULL;
            introduce(store, db);
        }
        if (db) mv_database_hold(db);
        mv_unlock(&store->mutex);
        *out = db;
        if (rc || db) break;
        made = mv_database_new(store, name, len, 0);
        if (!made) return MV_NOMEM;
    }
    mv_database_free_new(made);
    return rc;
}

mv_result mv_store_delete(mv_store *store, const char *name, size_t len) {
    mv_lock(&store->mutex);
    mv_database *db = store->closed ? NULL : find(store, name, len);
    if (db) forget(store, db);
    mv_unlock(&store->mutex);
    if (!db) return MV_NOTFOUND;
    mv_database_release(db);
    return MV_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All names in no order, each followed by a NUL. *total: their length. NULL: no memory. */
static char *copy_names(mv_store *store, size_t *total, size_t *count) {
    *total = *count = 0;
    mv_lock(&store->mutex);
    for (mv_database *db = store->all; db; db = db->next, store->looked_at++)
        if (db->named) *total += db->name_len + 1, ++*count;
    char *text = sqlite3_malloc64(*total + 1), *to = text;
    for (mv_database *db = store->all; db && text; db = db->next) {
        if (!db->named) continue;
        memcpy(to, db->name, db->name_len + 1);
        to += db->name_len + 1;
    }
    mv_unlock(&store->mutex);
    return text;
}

/* They are sorted without the mutex: with many databases that takes time. */
mv_result mv_store_names(mv_store *store, char **names, size_t *len) {
    size_t total, count;
    char *text = copy_names(store, &total, &count), *all = NULL;
    char **sorted = text ? sqlite3_malloc64(count * sizeof *sorted + 1) : NULL;
    if (sorted) all = sqlite3_malloc64(total + 1);
    if (all) {
        char *from = text, *to = all;
        for (size_t i = 0; i < count; i++, from += strlen(from) + 1) sorted[i] = from;
        qsort(sorted, count, sizeof *sorted, compare_names);
        for (size_t i = 0; i < count; i++) {
            size_t n = strlen(sorted[i]) + 1;
            memcpy(to, sorted[i], n);
            to += n;
        }
        *names = all;
        *len = total;
    }
    sqlite3_free(text);
    sqlite3_free(sorted);
    return all ? MV_OK : MV_NOMEM;
}

mv_result mv_store_first_names(mv_store *store, size_t most, char **names, size_t *len, size_t *count) {
    const mv_database **first = sqlite3_malloc64(most * sizeof *first);
    if (!first) return MV_NOMEM;
    size_t n = 0, total = 0;
    *count = 0;
    mv_lock(&store->mutex);
    for (const mv_database *db = store->all; db; db = db->next, store->looked_at++) {
        if (!db->named) continue;
        ++*count;
        if (n == most && strcmp(db->name, first[n - 1]->name) > 0) continue;
        if (n < most) n++;
        size_t i = n - 1;
        for (; i > 0 && strcmp(db->name, first[i - 1]->name) < 0; i--) first[i] = first[i - 1];
        first[i] = db;
    }
    for (size_t i = 0; i < n; i++) total += first[i]->name_len + 1;
    char *to = *names = sqlite3_malloc64(total + 1);
    for (size_t i = 0; i < n && to; to += first[i++]->name_len + 1) memcpy(to, first[i]->name, first[i]->name_len + 1);
    mv_unlock(&store->mutex);
    sqlite3_free(first);
    *len = total;
    return *names ? MV_OK : MV_NOMEM;
}

mv_result mv_store_introduce(mv_store *store, mv_database *db) {
    mv_lock(&store->mutex);
    mv_result rc = store->closed ? MV_CLOSED : find(store, db->name, db->name_len) ? MV_EXISTS : MV_OK;
    if (!rc) introduce(store, db);
    mv_unlock(&store->mutex);
    return rc;
}

uint64_t mv_store_next_number(mv_store *store, const char *name, size_t len) {
    uint64_t number = 1;
    mv_lock(&store->mutex);
    mv_database *db = find(store, name, len);
    if (db) {
        mv_lock(&db->mutex);
        number = atomic_load(&db->newest)->number + 1;
        mv_unlock(&db->mutex);
    }
    mv_unlock(&store->mutex);
    return number;
}

mv_result mv_store_fork(mv_store *store, mv_version *origin, const char *name, size_t len) {
    assert(origin->db->store == store);
    mv_database *db = mv_database_new(store, name, len, origin->number);
    if (!db) return MV_NOMEM;
    db->floor = origin->number;
    mv_version *first = db->newest;
    first->table = origin->table;
    first->size = origin->size;
    mv_result rc;
    mv_version_hold(origin);
    mv_lock(&origin->db->mutex);
    origin->db->forks++;
    mv_unlock(&origin->db->mutex);
    db->origin = origin;
    first->inherits = true;
    db->inheriting = 1;
    rc = mv_store_introduce(store, db);
    if (rc) {
        mv_lock(&origin->db->mutex);
        origin->db->forks--;
        mv_unlock(&origin->db->mutex);
        mv_version_release(origin);
        mv_database_free_new(db);
    }
    return rc;
}

static mv_database *first_holding(mv_store *store) {
    mv_lock(&store->holds_mutex);
    mv_database *first = store->holding;
    mv_unlock(&store->holds_mutex);
    return first;
}

static mv_database *next_holding(mv_database *db) {
    mv_lock(&db->store->holds_mutex);
    mv_database *next = db->holds_next;
    mv_unlock(&db->store->holds_mutex);
    return next;
}

bool mv_store_collect(mv_store *store) {
    bool any = false;
    mv_lock(&store->mutex);
    for (mv_database *db = first_holding(store), *next; db; db = next) {
        next = next_holding(db);
        mv_leases_forget(db); /* before its leases are looked at: see version.c */
        store->looked_at++;
        mv_lock(&db->mutex);
        mv_version *old = mv_leases_collect(db);
        mv_unlock(&db->mutex);
        if (!old) continue;
        any = true;
        mv_leases_remember(db); /* there may be more */
        mv_unlock(&store->mutex); /* the last reference to a fork's origin may go, and a database with it */
        mv_version_unref(old, false);
        mv_lock(&store->mutex);
        next = first_holding(store);
    }
    mv_unlock(&store->mutex);
    return any;
}

static void add_stats(mv_database *db, mv_stats *out) {
    mv_lock(&db->mutex);
    out->bytes += db->bytes;
    out->blocks += db->blocks;
    out->versions += db->kept;
    out->pins += db->pins + mv_leases_in_use(db);
    out->forks += db->forks;
    mv_unlock(&db->mutex);
}

void mv_database_stats_as_they_are(mv_database *db, mv_stats *out) {
    *out = (mv_stats){.databases = 1};
    add_stats(db, out);
}

void mv_database_stats(mv_database *db, mv_stats *out) {
    mv_store_collect(db->store); /* a lease of a fork keeps the fork's pin here, too */
    mv_database_stats_as_they_are(db, out);
}

void mv_store_stats(mv_store *store, mv_stats *out) {
    *out = (mv_stats){.limit = store->arena.limit};
    mv_store_collect(store);
    mv_lock(&store->mutex);
    for (mv_database *db = store->all; db; db = db->next, store->looked_at++) add_stats(db, out);
    out->databases = store->named;
    mv_unlock(&store->mutex);
    mv_lock(&store->arena.mutex);
    out->bytes = store->arena.in_use;
    out->reserved = store->arena.reserved;
    out->blocks = 0;
    for (unsigned cls = MV_NODE_CLASS + 1; cls < MV_CLASSES; cls++) out->blocks += store->arena.used[cls];
    mv_unlock(&store->arena.mutex);
}

static uint64_t check_database(mv_database *db) {
    uint64_t bytes = 0, versions = 0;
    for (mv_version *v = db->youngest; v; v = v->older) {
        assert(v->refs > 0 && v->db == db);
        assert(!v->older || (v->older->number < v->number && v->older->newer == v));
        assert(v != db->newest || (!v->dead.head && !v->replaced));
        for (void *object = v->dead.head; object; object = mv_record_of(object)->next) {
            assert(mv_birth(object) <= v->number && mv_birth(object) > db->floor);
            bytes += mv_class_size(mv_class_of(object));
        }
        uint64_t reached = mv_table_check(&v->table, db->floor, v->number);
        if (v == db->newest || v->replaced) bytes += reached;
        versions++;
    }
    assert(versions == db->kept && (db->newest == db->youngest || !db->newest));
    assert(bytes == db->bytes);
    return bytes;
}

uint64_t mv_store_check(mv_store *store) {
    uint64_t bytes = 0;
    mv_lock(&store->mutex);
    for (mv_database *db = store->all; db; db = db->next) {
        mv_lock(&db->mutex);
        bytes += check_database(db);
        mv_unlock(&db->mutex);
    }
    mv_unlock(&store->mutex);
    return bytes;
}
