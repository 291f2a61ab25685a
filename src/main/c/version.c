/* Versions: making, pinning, reading, and taking apart. See store.h and store_internal.h. */
#include "store_internal.h"

#include "sqlite3.h" /* sqlite3_malloc64, sqlite3_free: the allocator of this library */

#include <assert.h>

/* ---- versions: making and taking apart -------------------------------------------------------------- */

mv_version *mv_version_new(mv_database *db, uint64_t number) {
    mv_version *v = sqlite3_malloc64(sizeof *v);
    if (v) *v = (mv_version){.db = db, .number = number};
    return v;
}

/* Makes v the head of the list. Under the mutex, or with a database that nobody knows yet. */
void mv_version_link(mv_database *db, mv_version *v) {
    v->older = db->youngest;
    if (v->older) v->older->newer = v;
    db->youngest = v;
    db->kept++;
    db->inheriting += v->inherits;
}

static void unlink_version(mv_version *v) {
    mv_database *db = v->db;
    if (v->newer) v->newer->older = v->older;
    else db->youngest = v->older;
    if (v->older) v->older->newer = v->newer;
}

static void free_database(mv_database *db) {
    mv_store *store = db->store;
    assert(!db->youngest && !db->writer && !db->waiting && !db->origin);
    mv_lock(&store->mutex);
    if (db->previous) db->previous->next = db->next;
    else store->all = db->next;
    if (db->next) db->next->previous = db->previous;
    mv_unlock(&store->mutex);
    mv_mutex_destroy(&db->mutex);
    sqlite3_free(db->name);
    sqlite3_free(db);
    mv_store_release(store);
}

/* Frees the objects and takes them off the database's count. */
static void free_objects(mv_database *db, mv_list list) {
    uint64_t bytes = 0, blocks = 0;
    for (void *object = list.head; object; object = mv_record_of(object)->next) {
        unsigned cls = mv_class_of(object);
        bytes += mv_class_size(cls);
        blocks += cls != MV_NODE_CLASS;
    }
    mv_arena_free(&db->store->arena, list);
    mv_lock(&db->mutex);
    db->bytes -= bytes;
    db->blocks -= blocks;
    mv_unlock(&db->mutex);
}

/*
 * Gives one reference up. A version that loses its last is taken out of the list under the mutex, and taken apart
 * without it: the next older version, which may inherit some of the dead objects, is held meanwhile, and nothing younger
 * can reach them. Giving up that hold, and the pin of a fork that has become needless, is the same work again: hence the loop.
 */
void mv_version_unref(mv_version *v, bool pin) {
    while (v) {
        mv_database *db = v->db;
        mv_lock(&db->mutex);
        db->pins -= pin;
        pin = false;
        if (--v->refs > 0) {
            mv_unlock(&db->mutex);
            return;
        }
        mv_version *older = v->older;
        if (older) older->refs++;
        unlink_version(v);
        mv_unlock(&db->mutex);

        mv_list keep = {0}, dead = {0};
        uint64_t limit = older ? older->number : 0;
        for (void *object = v->dead.head, *next; object; object = next) {
            next = mv_record_of(object)->next;
            mv_list_push(mv_birth(object) <= limit ? &keep : &dead, object);
        }
        if (v->replaced) mv_table_scatter(&v->table, db->floor, limit, &keep, &dead);
        free_objects(db, dead);

        mv_lock(&db->mutex);
        if (older) mv_list_join(&older->dead, &keep);
        mv_version *origin = NULL;
        if (v->inherits && --db->inheriting == 0) {
            origin = db->origin;
            db->origin = NULL;
        }
        db->kept--;
        bool last = db->kept == 0 && db->handles == 0;
        mv_unlock(&db->mutex);
        sqlite3_free(v);
        assert(!last || !older);
        if (origin) {
            mv_lock(&origin->db->mutex);
            origin->db->forks--;
            mv_unlock(&origin->db->mutex);
        }
        if (last) free_database(db);
        assert(!older || !origin); /* those that inherit are the oldest */
        pin = origin != NULL;
        v = older ? older : origin;
    }
}

mv_version *mv_version_hold(mv_version *v) {
    mv_lock(&v->db->mutex);
    v->refs++;
    v->db->pins++;
    mv_unlock(&v->db->mutex);
    return v;
}

void mv_version_release(mv_version *v) {
    mv_version_unref(v, true);
}

mv_version *mv_database_pin(mv_database *db) {
    mv_lock(&db->mutex);
    mv_version *v = db->newest;
    v->refs++;
    db->pins++;
    mv_unlock(&db->mutex);
    return v;
}

/* Makes v the newest; a reference that it has already is a pin. The caller has the writer's slot. */
void mv_database_publish(mv_database *db, mv_version *v, mv_edit *edit, bool replace) {
    mv_lock(&db->mutex);
    mv_version *old = db->newest;
    db->pins += v->refs;
    v->refs++;
    v->epoch = old->epoch + replace;
    v->inherits = !replace && old->inherits;
    mv_list_join(&old->dead, &edit->replaced);
    old->replaced = replace;
    mv_version_link(db, v);
    db->newest = v;
    db->bytes += edit->born_bytes;
    db->blocks += edit->born_blocks;
    mv_unlock(&db->mutex);
    mv_version_unref(old, false);
}

/* ---- version: reading ------------------------------------------------------------------------------- */

mv_database *mv_version_database(const mv_version *v) {
    return v->db;
}

bool mv_version_is_newest(const mv_version *v) {
    mv_lock(&v->db->mutex);
    bool newest = v->db->newest == v;
    mv_unlock(&v->db->mutex);
    return newest;
}

uint64_t mv_version_number(const mv_version *v) {
    return v->number;
}

int64_t mv_version_size(const mv_version *v) {
    return v->size;
}

uint32_t mv_version_block_size(const mv_version *v) {
    return v->table.shift ? (uint32_t)mv_table_block_size(&v->table) : 0;
}

uint64_t mv_version_epoch(const mv_version *v) {
    return v->epoch;
}

size_t mv_version_read(const mv_version *v, void *to, size_t n, int64_t offset) {
    return mv_table_read(&v->table, v->size, to, n, offset);
}

const void *mv_version_fetch(const mv_version *v, int64_t offset, size_t n) {
    return mv_table_fetch(&v->table, v->size, offset, n);
}

const void *mv_version_span(const mv_version *v, int64_t offset, size_t max, size_t *n) {
    static const char zeros[MV_MAX_BLOCK];
    *n = 0;
    if (offset < 0 || offset >= v->size || max == 0) return zeros;
    if ((uint64_t)max > (uint64_t)(v->size - offset)) max = (size_t)(v->size - offset);
    size_t block_size = mv_table_block_size(&v->table), within = (size_t)offset & (block_size - 1);
    uint64_t number = (uint64_t)offset >> v->table.shift;
    const char *first = mv_table_find(&v->table, number);
    size_t got = block_size - within;
    while (first && got < max && mv_table_find(&v->table, ++number) == first + within + got) got += block_size;
    *n = got < max ? got : max;
    return first ? first + within : zeros + within;
}
