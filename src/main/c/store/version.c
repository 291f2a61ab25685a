/* Versions: making, pinning, leasing, reading, and taking apart. See store.h and store_internal.h. */
#include "store/store_internal.h"

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
    mv_leases_forget(db);
    if (db->previous) db->previous->next = db->next;
    else store->all = db->next;
    if (db->next) db->next->previous = db->previous;
    mv_unlock(&store->mutex);
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

mv_version *mv_database_pin(mv_database *db) {
    mv_lock(&db->mutex);
    mv_version *v = db->newest;
    v->refs++;
    db->pins++;
    mv_unlock(&db->mutex);
    return v;
}

/* ---- leases ----------------------------------------------------------------------------------------- */

enum { EMPTY, IDLE, IN_USE, STATE = 3 }; /* the low bits of a lease's word; above them stands the count */

static uintptr_t with_state(uintptr_t word, uintptr_t state) {
    return (word & ~(uintptr_t)STATE) | state;
}

static bool rows_are_held(const mv_lease *lease) {
    return lease->rows && atomic_load_explicit(lease->rows, memory_order_relaxed) != 0;
}

/* 0: none. Else since when there are rows. */
static uint32_t rows_since(const mv_lease *lease) {
    return rows_are_held(lease) ? (uint32_t)atomic_load_explicit(lease->rows + 1, memory_order_relaxed) | 1u << 31 : 0;
}

static bool holds_rows(const mv_lease *lease) {
    uint32_t since = atomic_load_explicit(&lease->held, memory_order_relaxed);
    return since && since == rows_since(lease);
}

static void list_lease(mv_database *db, mv_lease *lease) {
    if (lease->listed) return;
    lease->listed = true;
    lease->previous = NULL;
    lease->next = db->leases;
    if (lease->next) lease->next->previous = lease;
    db->leases = lease;
}

static void unlist_lease(mv_database *db, mv_lease *lease) {
    if (!lease->listed) return;
    lease->listed = false;
    if (lease->previous) lease->previous->next = lease->next;
    else db->leases = lease->next;
    if (lease->next) lease->next->previous = lease->previous;
}

/* Makes an idle lease empty, if its word is still that: its reference is then the caller's. */
static bool empty(mv_lease *lease, uintptr_t word) {
    return atomic_compare_exchange_strong(&lease->state, &word, with_state(word, EMPTY));
}

/*
 * The list of databases whose leases may keep old versions. An idle lease keeps one only for rows that are held: then whoever made the version old, or
 * put the lease back, remembers the database. Whoever looks through its leases has taken it out of the list before that. Either he finds the lease idle,
 * or the flag was taken away before whoever puts it back looks at it, who then sets it again: the lease's word and the flag are sequentially consistent.
 */
void mv_leases_remember(mv_database *db) {
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

void mv_leases_forget(mv_database *db) {
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

mv_version *mv_leases_collect(mv_database *db) {
    mv_version *newest = db->newest;
    bool held = false;
    for (mv_lease *lease = db->leases, *next; lease; lease = next) {
        next = lease->next;
        uintptr_t word = atomic_load(&lease->state); /* after `newest` was stored: see store.h */
        mv_version *v = NULL;
        if ((word & STATE) == IDLE) {
            v = atomic_load_explicit(&lease->version, memory_order_relaxed);
            if (v == newest) continue;
            if (holds_rows(lease)) {
                held = true;
                continue;
            }
            if (!empty(lease, word)) continue;
        } else if ((word & STATE) == IN_USE) {
            continue;
        }
        unlist_lease(db, lease);
        if (!v) continue;
        if (v->refs == 1) return v;
        v->refs--;
    }
    if (held) mv_leases_remember(db);
    return NULL;
}

void mv_leases_settle(mv_database *db) {
    for (mv_version *last; (last = mv_leases_collect(db)) != NULL; mv_lock(&db->mutex)) {
        mv_unlock(&db->mutex);
        mv_version_unref(last, false);
    }
}

uint64_t mv_leases_in_use(const mv_database *db) {
    uint64_t n = 0;
    for (const mv_lease *lease = db->leases; lease; lease = lease->next) {
        uintptr_t state = atomic_load(&lease->state) & STATE;
        n += state == IN_USE || (state == IDLE && holds_rows(lease));
    }
    return n;
}

void mv_lease_open(mv_lease *lease, mv_database *db) {
    *lease = (mv_lease){.db = db};
}

void mv_lease_rows(mv_lease *lease, const _Atomic int32_t *rows) {
    mv_database *db = lease->db;
    mv_lock(&db->mutex);
    lease->rows = rows;
    mv_leases_settle(db); /* what was held is no more */
    mv_unlock(&db->mutex);
}

mv_version *mv_lease_take(mv_lease *lease) {
    mv_database *db = lease->db;
    uintptr_t word = atomic_load_explicit(&lease->state, memory_order_relaxed); /* others change nothing but its state */
    assert((word & STATE) != IN_USE);
    word = atomic_exchange(&lease->state, with_state(word, IN_USE));
    mv_version *old = NULL;
    if ((word & STATE) == IDLE) {
        old = atomic_load_explicit(&lease->version, memory_order_relaxed);
        if (holds_rows(lease)) return old;
    }
    atomic_store_explicit(&lease->held, 0, memory_order_relaxed);
    if (old && old == atomic_load(&db->newest)) return old;
    mv_lock(&db->mutex);
    mv_version *v = db->newest;
    v->refs++;
    if (old && old->refs > 1) {
        old->refs--;
        old = NULL;
    }
    list_lease(db, lease);
    mv_unlock(&db->mutex);
    atomic_store_explicit(&lease->version, v, memory_order_relaxed);
    if (old) mv_version_unref(old, false);
    return v;
}

void mv_lease_put(mv_lease *lease) {
    mv_version *v = atomic_load_explicit(&lease->version, memory_order_relaxed);
    uintptr_t word = atomic_load_explicit(&lease->state, memory_order_relaxed);
    assert((word & STATE) == IN_USE);
    uint32_t held = lease->rows && atomic_load_explicit(lease->rows + 2, memory_order_relaxed) ? rows_since(lease) : 0;
    atomic_store_explicit(&lease->held, held, memory_order_relaxed);
    word = with_state(word + STATE + 1, IDLE);
    atomic_store(&lease->state, word); /* from here on v may be gone; only its address is used */
    if (v == atomic_load(&lease->db->newest)) return;
    if (held) mv_leases_remember(lease->db);
    else if (empty(lease, word)) mv_version_unref(v, false);
}

mv_version *mv_lease_leave(mv_lease *lease) {
    uintptr_t word = atomic_load_explicit(&lease->state, memory_order_relaxed);
    assert((word & STATE) == IN_USE);
    atomic_store(&lease->state, with_state(word, EMPTY));
    return lease->version;
}

void mv_lease_return(mv_version *v) {
    mv_version_unref(v, false);
}

void mv_lease_close(mv_lease *lease) {
    mv_database *db = lease->db;
    mv_lock(&db->mutex);
    unlist_lease(db, lease);
    uintptr_t word = atomic_exchange(&lease->state, EMPTY);
    mv_unlock(&db->mutex);
    assert((word & STATE) != IN_USE);
    if ((word & STATE) == IDLE) mv_version_unref(lease->version, false);
}

/* ---- publishing ------------------------------------------------------------------------------------- */

/* Under the mutex, in which it lets go of the mutex: of the version that was the newest, if nobody has it and nothing is older, all that the edit replaced is
 * dead. That is what most commits leave, and it is done without coming back for the mutex. */
static bool retire_at_once(mv_database *db, mv_version *old, const mv_edit *edit) {
    if (old->older || old->replaced || old->inherits) return false;
    mv_list dead = old->dead;
    old->refs = 0;
    unlink_version(old);
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

/* ---- version: reading ------------------------------------------------------------------------------- */

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
