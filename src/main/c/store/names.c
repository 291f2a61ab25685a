/*
 * The names of a store's databases: which database a name leads to, new names by opening and forking, deleting, and
 * closing the store. See store.h and store_internal.h.
 */
#include "store/memory.h"
#include "store/store_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

/* Makes the database known, under its name if it is to have one. Under the store's mutex. */
static void introduce(mv_store *store, mv_database *db) {
    mv_store_add(store, db);
    db->hash = hash_name(db->name, db->name_len);
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

/* ---- lists of names -------------------------------------------------------------------------------------------------- */

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
