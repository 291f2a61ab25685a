/*
 * Versions: making them, counting references, taking them apart when the last reference goes, and reading. The last
 * version of a database that has no handle any more takes the database with it. See store.h and store_internal.h.
 */
#include "store/memory.h"
#include "store/store_internal.h"

#include <assert.h>

/* ---- making and taking apart ----------------------------------------------------------------------------------------- */

mv_version *mv_version_new(mv_database *db, uint64_t number) {
    mv_version *v = sqlite3_malloc64(sizeof *v);
    if (v) *v = (mv_version){.db = db, .number = number};
    return v;
}

static void free_database(mv_database *db) {
    mv_store *store = db->store;
    assert(!db->youngest && !db->writer && !db->waiting && !db->origin);
    mv_store_remove(db);
    mv_mutex_destroy(&db->mutex);
    sqlite3_free(db->name);
    sqlite3_free(db);
    mv_store_release(store);
}

/* Frees the objects, and says what they were. */
static void free_objects(mv_database *db, mv_list list, uint64_t *bytes, uint64_t *blocks) {
    for (void *object = list.head; object; object = mv_record_of(object)->next) {
        unsigned cls = mv_class_of(object);
        *bytes += mv_class_size(cls);
        *blocks += cls != MV_NODE_CLASS;
    }
    mv_arena_free(&db->store->arena, list);
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
        if (--v->refs > 0) {
            mv_unlock(&db->mutex);
            return;
        }
        mv_version *older = v->older;
        if (older) older->refs++;
        mv_version_unlink(v);
        mv_unlock(&db->mutex);

        mv_list keep = {0}, dead = {0};
        uint64_t limit = older ? older->number : 0;
        for (void *object = v->dead.head, *next; object; object = next) {
            next = mv_record_of(object)->next;
            mv_list_push(mv_birth(object) <= limit ? &keep : &dead, object);
        }
        if (v->replaced) mv_table_scatter(&v->table, db->floor, limit, &keep, &dead);
        uint64_t bytes = 0, blocks = 0;
        free_objects(db, dead, &bytes, &blocks);

        mv_lock(&db->mutex);
        db->bytes -= bytes;
        db->blocks -= blocks;
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

/* ---- reading --------------------------------------------------------------------------------------------------------- */

mv_database *mv_version_database(const mv_version *v) {
    return v->db;
}

bool mv_version_is_newest(const mv_version *v) {
    return atomic_load(&v->db->newest) == v; /* the caller has a reference: no other version has its address */
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

_Atomic uint8_t *mv_block_mark(const void *block) {
    return mv_mark_of(block);
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
