/*
 * One database: its life, its newest version, and publishing, which is the only place where a version takes the place of
 * another. (The first version of a new name becomes visible in names.c.) See store.h and store_internal.h.
 */
#include "store/memory.h"
#include "store/store_internal.h"

#include <assert.h>
#include <string.h>

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
    *db = (mv_database){.store = store, .name = copy, .name_len = len, .handles = 1, .newest = first};
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

mv_version *mv_database_pin(mv_database *db) {
    mv_lock(&db->mutex);
    mv_version *v = db->newest;
    v->refs++;
    db->pins++;
    mv_unlock(&db->mutex);
    return v;
}

/* ---- publishing ------------------------------------------------------------------------------------------------------ */

/* Under the mutex, in which it lets go of the mutex: of the version that was the newest, if nobody has it and nothing is older, all that the edit replaced is
 * dead. That is what most commits leave, and it is done without coming back for the mutex. */
static bool retire_at_once(mv_database *db, mv_version *old, const mv_edit *edit) {
    if (old->older || old->replaced || old->inherits) return false;
    mv_list dead = old->dead;
    old->refs = 0;
    mv_version_unlink(old);
    db->kept--; /* the new one is there: the database stays */
    db->bytes -= edit->replaced_bytes;
    db->blocks -= edit->replaced_blocks;
    mv_unlock(&db->mutex);
    mv_arena_free(&db->store->arena, dead);
    return true;
}

mv_version *mv_database_publish(mv_database *db, mv_version *v, mv_edit *edit, bool replace, bool give_back) {
    mv_lock(&db->mutex);
    mv_version *old = db->newest;
    v->refs++;
    v->epoch = old->epoch + replace;
    v->inherits = !replace && old->inherits;
    mv_list_join(&old->dead, &edit->replaced);
    old->replaced = replace;
    mv_version_link(db, v);
    atomic_store(&db->newest, v); /* before the leases are looked at: see store.h */
    db->bytes += edit->born_bytes;
    db->blocks += edit->born_blocks;
    mv_leases_settle(db);
    old->refs -= give_back; /* the newest has the database's, too */
    bool last = old->refs == 1;
    if (last && retire_at_once(db, old, edit)) return old;
    old->refs -= !last;
    mv_unlock(&db->mutex);
    if (last) mv_version_unref(old, false);
    return NULL;
}

/* ---- statistics ------------------------------------------------------------------------------------------------------ */

void mv_database_add_stats(mv_database *db, mv_stats *out) {
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
    mv_database_add_stats(db, out);
}
