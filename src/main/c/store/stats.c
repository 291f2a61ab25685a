/*
 * What a store has in memory: taking old versions back from idle leases, statistics, and the check of the invariants of
 * store.h.
 */
#include "store/store_internal.h"

#include <assert.h>

bool mv_store_collect(mv_store *store) {
    bool any = false;
    mv_lock(&store->mutex);
    for (mv_database *db = mv_store_first_held(store), *next; db; db = next) {
        next = mv_store_next_held(db);
        mv_store_forget_held(db); /* before its leases are looked at: see store.c */
        store->looked_at++;
        mv_lock(&db->mutex);
        mv_version *old = mv_leases_collect(db);
        mv_unlock(&db->mutex);
        if (!old) continue;
        any = true;
        mv_store_remember_held(db); /* there may be more */
        mv_unlock(&store->mutex); /* the last reference to a fork's origin may go, and a database with it */
        mv_version_unref(old, false);
        mv_lock(&store->mutex);
        next = mv_store_first_held(store);
    }
    mv_unlock(&store->mutex);
    return any;
}

void mv_database_stats(mv_database *db, mv_stats *out) {
    mv_store_collect(db->store); /* a lease of a fork keeps the fork's pin here, too */
    mv_database_stats_as_they_are(db, out);
}

void mv_store_stats(mv_store *store, mv_stats *out) {
    *out = (mv_stats){.limit = store->arena.limit};
    mv_store_collect(store);
    mv_lock(&store->mutex);
    for (mv_database *db = store->all; db; db = db->next, store->looked_at++) mv_database_add_stats(db, out);
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
