/* See store.h. */
#include "store.h"

#include "sqlite3.h" /* sqlite3_malloc64, sqlite3_free: the allocator of this library */
#include "sync.h"
#include "table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROMISE_USEC 10000 /* how long the writer's slot waits for one that was woken */
#define SPIN_USEC 20       /* how long one that was woken too late looks for the slot before it sleeps again */

#define HEADER 100 /* bytes of an SQLite database's header: https://sqlite.org/fileformat.html#the_database_header */

struct mv_version {
    mv_database *db;          /* fixed at publication, as all but the last group */
    uint64_t number;
    uint64_t epoch;           /* how often the content was replaced before */
    mv_table table;
    int64_t size;             /* bytes; what the last block holds behind it is undefined */
    bool inherits;            /* reaches objects of the fork's origin */

    uint64_t refs;            /* under the database's mutex, as all below; 0 only while being taken apart */
    mv_version *older, *newer;
    mv_list dead;             /* visible to this version but to no newer one */
    bool replaced;            /* nothing that it reaches is visible to a newer one */
};

/* One that sleeps for the writer's slot; on its own stack. */
typedef struct waiter {
    const void *owner;
    uint64_t ticket;
    mv_cond cond;
    bool woken;               /* signalled, and not run since */
    struct waiter *next;      /* with a higher ticket */
} waiter;

struct mv_database {
    mv_store *store;          /* fixed at creation, as are the name and floor */
    char *name;
    size_t name_len;
    uint64_t hash;
    uint64_t floor;           /* births up to here belong to the origin; 0 if this is no fork */

    mv_database *same_hash;   /* under the store's mutex, as all below */
    bool named;               /* found under its name */
    mv_database *previous, *next; /* all databases */

    mv_mutex mutex;
    uint64_t handles;         /* under mutex, as all below; the name is one */
    uint64_t kept;            /* versions in the list, and those being taken apart */
    mv_version *newest;       /* NULL when there is no handle any more */
    mv_version *youngest;     /* head of the list: newest, or the youngest that is pinned */
    mv_version *origin;       /* pinned by this fork while a version inherits from it */
    uint64_t inheriting;      /* versions that do, those being taken apart included */
    uint64_t bytes, blocks;   /* of objects born here and published */
    uint64_t pins, forks;
    const void *writer;       /* owner of the slot */
    const void *promised;     /* the only one who may take a free slot, until then */
    int64_t promised_until;
    waiter *successor;        /* gets the slot when it is given up */
    waiter *waiting;          /* lowest ticket first */
    uint64_t last_ticket;
};

#define BUCKETS_AT_FIRST 64

struct mv_store {
    mv_arena arena;
    uint32_t block_size;      /* 0: each database's page size; fixed at creation */

    mv_mutex mutex;
    uint64_t refs;            /* under mutex, as all below */
    bool closed;
    mv_database **buckets;
    uint64_t bucket_count, named;
    mv_database *all;         /* also those without a name */
};

struct mv_txn {
    mv_database *db;
    mv_version *version;      /* what it will become; already has number and epoch */
    mv_table table;
    mv_edit edit;
    mv_list discarded;        /* once published: what it had made and does not need */
    int64_t size;
    bool scratch;             /* holds its database, and is never committed */
};

struct mv_load {
    mv_store *store;
    mv_version *version;      /* what it will become */
    mv_table table;
    mv_edit edit;
    int64_t size;             /* bytes taken over */
    uint64_t blocks;          /* put in the table */
    uint8_t header[HEADER];   /* collected here first: it tells the block size */
    bool started;             /* the header is complete, and the first blocks are there */
    char *to, *end;           /* where the next bytes go: blocks that lie behind each other */
    size_t run;               /* blocks to ask for next time */
    char message[200];
};

/* ---- tables and bytes ------------------------------------------------------------------------------- */

static size_t block_size_of(const mv_table *table) {
    return (size_t)1 << table->shift;
}

static uint8_t shift_for(uint64_t size) {
    uint8_t shift = 9;
    while (shift < 16 && (UINT64_C(1) << shift) < size) shift++;
    return shift;
}

static uint64_t blocks_for(const mv_table *table, int64_t size) {
    return ((uint64_t)size + block_size_of(table) - 1) >> table->shift;
}

static size_t read_bytes(const mv_table *table, int64_t size, char *to, size_t n, int64_t offset) {
    if (offset < 0 || offset >= size) return 0;
    if ((uint64_t)n > (uint64_t)(size - offset)) n = (size_t)(size - offset);
    size_t block_size = block_size_of(table);
    for (size_t done = 0; done < n;) {
        size_t within = (size_t)(offset + (int64_t)done) & (block_size - 1);
        size_t part = block_size - within < n - done ? block_size - within : n - done;
        const char *block = mv_table_find(table, (uint64_t)(offset + (int64_t)done) >> table->shift);
        if (block) memcpy(to + done, block + within, part);
        else memset(to + done, 0, part);
        done += part;
    }
    return n;
}

static const void *fetch_bytes(const mv_table *table, int64_t size, int64_t offset, size_t n) {
    if (offset < 0 || offset > size || (uint64_t)n > (uint64_t)(size - offset)) return NULL;
    size_t block_size = block_size_of(table), within = (size_t)offset & (block_size - 1);
    if (n > block_size - within) return NULL;
    const char *block = mv_table_find(table, (uint64_t)offset >> table->shift);
    return block ? block + within : NULL;
}

/* ---- versions: making and taking apart -------------------------------------------------------------- */

static mv_version *new_version(mv_database *db, uint64_t number) {
    mv_version *v = sqlite3_malloc64(sizeof *v);
    if (v) *v = (mv_version){.db = db, .number = number};
    return v;
}

/* Makes v the head of the list. Under the mutex, or with a database that nobody knows yet. */
static void link_version(mv_database *db, mv_version *v) {
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
static void unref(mv_version *v) {
    while (v) {
        mv_database *db = v->db;
        mv_lock(&db->mutex);
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
            origin->db->pins--;
            origin->db->forks--;
            mv_unlock(&origin->db->mutex);
        }
        if (last) free_database(db);
        assert(!older || !origin); /* those that inherit are the oldest */
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
    mv_lock(&v->db->mutex);
    v->db->pins--;
    mv_unlock(&v->db->mutex);
    unref(v);
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
static void publish(mv_database *db, mv_version *v, mv_edit *edit, bool replace) {
    mv_lock(&db->mutex);
    mv_version *old = db->newest;
    db->pins += v->refs;
    v->refs++;
    v->epoch = old->epoch + replace;
    v->inherits = !replace && old->inherits;
    mv_list_join(&old->dead, &edit->replaced);
    old->replaced = replace;
    link_version(db, v);
    db->newest = v;
    db->bytes += edit->born_bytes;
    db->blocks += edit->born_blocks;
    mv_unlock(&db->mutex);
    unref(old);
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
    return v->table.shift ? (uint32_t)block_size_of(&v->table) : 0;
}

uint64_t mv_version_epoch(const mv_version *v) {
    return v->epoch;
}

size_t mv_version_read(const mv_version *v, void *to, size_t n, int64_t offset) {
    return read_bytes(&v->table, v->size, to, n, offset);
}

const void *mv_version_fetch(const mv_version *v, int64_t offset, size_t n) {
    return fetch_bytes(&v->table, v->size, offset, n);
}

const void *mv_version_span(const mv_version *v, int64_t offset, size_t max, size_t *n) {
    static const char zeros[MV_MAX_BLOCK];
    *n = 0;
    if (offset < 0 || offset >= v->size || max == 0) return zeros;
    if ((uint64_t)max > (uint64_t)(v->size - offset)) max = (size_t)(v->size - offset);
    size_t block_size = block_size_of(&v->table), within = (size_t)offset & (block_size - 1);
    uint64_t number = (uint64_t)offset >> v->table.shift;
    const char *first = mv_table_find(&v->table, number);
    size_t got = block_size - within;
    while (first && got < max && mv_table_find(&v->table, ++number) == first + within + got) got += block_size;
    *n = got < max ? got : max;
    return first ? first + within : zeros + within;
}

/* ---- databases and names ---------------------------------------------------------------------------- */

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
    for (mv_database *db = *bucket_of(store, hash); db; db = db->same_hash)
        if (db->hash == hash && db->name_len == len && memcmp(db->name, name, len) == 0) return db;
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

/* A database that nobody knows yet, with one handle and an empty version of that number. Holds the store. NULL: no memory. */
static mv_database *new_database(mv_store *store, const char *name, size_t len, uint64_t number) {
    mv_database *db = sqlite3_malloc64(sizeof *db);
    mv_version *first = new_version(db, number);
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
    link_version(db, first);
    mv_mutex_init(&db->mutex);
    mv_store_hold(store);
    return db;
}

/* Frees one that nobody came to know, and that has nothing. NULL is allowed. */
static void free_new_database(mv_database *db) {
    if (!db) return;
    mv_store *store = db->store;
    mv_mutex_destroy(&db->mutex);
    sqlite3_free(db->newest);
    sqlite3_free(db->name);
    sqlite3_free(db);
    mv_store_release(store);
}

/* Makes the database known, under its name if it is to have one. Under the store's mutex. */
static void introduce(mv_store *store, mv_database *db, bool named) {
    db->next = store->all;
    if (db->next) db->next->previous = db;
    store->all = db;
    if (!named) return;
    if (store->named >= store->bucket_count) grow_buckets(store);
    enter(store, db);
    store->named++;
    db->named = true;
}

/* Takes the name away; the handle that it was is the caller's to release. Under the store's mutex. */
static void forget(mv_store *store, mv_database *db) {
    mv_database **at = bucket_of(store, db->hash);
    while (*at != db) at = &(*at)->same_hash;
    *at = db->same_hash;
    store->named--;
    db->named = false;
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
    if (last) unref(last);
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
            introduce(store, db, true);
        }
        if (db) mv_database_hold(db);
        mv_unlock(&store->mutex);
        *out = db;
        if (rc || db) break;
        made = new_database(store, name, len, 0);
        if (!made) return MV_NOMEM;
    }
    free_new_database(made);
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

mv_result mv_store_names(mv_store *store, char **names, size_t *len) {
    mv_lock(&store->mutex);
    size_t total = 0, count = 0;
    for (mv_database *db = store->all; db; db = db->next)
        if (db->named) total += db->name_len + 1, count++;
    char **sorted = sqlite3_malloc64(count * sizeof *sorted + 1), *text = sqlite3_malloc64(total + 1);
    if (!sorted || !text) {
        mv_unlock(&store->mutex);
        sqlite3_free(sorted);
        sqlite3_free(text);
        return MV_NOMEM;
    }
    count = 0;
    for (mv_database *db = store->all; db; db = db->next)
        if (db->named) sorted[count++] = db->name;
    qsort(sorted, count, sizeof *sorted, compare_names);
    char *to = text;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(sorted[i]) + 1;
        memcpy(to, sorted[i], n);
        to += n;
    }
    mv_unlock(&store->mutex);
    sqlite3_free(sorted);
    *names = text;
    *len = total;
    return MV_OK;
}

/* Makes a database of that name known whose content is prepared. MV_EXISTS, MV_CLOSED: it is still the caller's. */
static mv_result introduce_new(mv_store *store, mv_database *db) {
    mv_lock(&store->mutex);
    mv_result rc = store->closed ? MV_CLOSED : find(store, db->name, db->name_len) ? MV_EXISTS : MV_OK;
    if (!rc) introduce(store, db, true);
    mv_unlock(&store->mutex);
    return rc;
}

mv_result mv_store_fork(mv_store *store, mv_version *origin, const char *name, size_t len) {
    assert(origin->db->store == store);
    mv_database *db = new_database(store, name, len, origin->number);
    if (!db) return MV_NOMEM;
    db->floor = origin->number;
    db->newest->table = origin->table;
    db->newest->size = origin->size;
    mv_result rc;
    mv_version_hold(origin);
    mv_lock(&origin->db->mutex);
    origin->db->forks++;
    mv_unlock(&origin->db->mutex);
    db->origin = origin;
    db->newest->inherits = true;
    db->inheriting = 1;
    rc = introduce_new(store, db);
    if (rc) {
        mv_lock(&origin->db->mutex);
        origin->db->forks--;
        mv_unlock(&origin->db->mutex);
        mv_version_release(origin);
        free_new_database(db);
    }
    return rc;
}

static void add_stats(mv_database *db, mv_stats *out) {
    mv_lock(&db->mutex);
    out->bytes += db->bytes;
    out->blocks += db->blocks;
    out->versions += db->kept;
    out->pins += db->pins;
    out->forks += db->forks;
    mv_unlock(&db->mutex);
}

void mv_database_stats(mv_database *db, mv_stats *out) {
    *out = (mv_stats){.databases = 1};
    add_stats(db, out);
}

void mv_store_stats(mv_store *store, mv_stats *out) {
    *out = (mv_stats){.limit = store->arena.limit};
    mv_lock(&store->mutex);
    for (mv_database *db = store->all; db; db = db->next) add_stats(db, out);
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

/* ---- the writer's slot ------------------------------------------------------------------------------ */

/* Under the database's mutex: is a free slot kept for another? */
static bool promised_to_other(const mv_database *db, const void *owner) {
    return db->promised && db->promised != owner && mv_now_usec() < db->promised_until;
}

static void promise(mv_database *db, const void *owner) {
    db->promised = owner;
    db->promised_until = mv_now_usec() + PROMISE_USEC;
}

static void wake(waiter *w) {
    if (w->woken) return;
    w->woken = true;
    mv_signal(&w->cond);
}

/* The slot has become free: the successor gets it; without one the first in the queue is woken, and it is anybody's until then. */
static void offer_slot(mv_database *db) {
    if (db->successor) {
        promise(db, db->successor->owner);
        wake(db->successor);
        db->successor = NULL;
    } else if (db->waiting) {
        wake(db->waiting);
    }
}

mv_result mv_write_lock(mv_database *db, const void *owner) {
    mv_lock(&db->mutex);
    bool mine = db->writer == owner;
    if (!mine && !db->writer && !promised_to_other(db, owner)) {
        db->writer = owner;
        db->promised = NULL;
        mine = true;
    }
    mv_unlock(&db->mutex);
    return mine ? MV_OK : MV_BUSY;
}

void mv_write_unlock(mv_database *db, const void *owner) {
    mv_lock(&db->mutex);
    if (db->writer == owner) {
        db->writer = NULL;
        offer_slot(db);
    } else if (db->promised == owner) {
        db->promised = NULL;
        if (!db->writer) offer_slot(db);
    }
    mv_unlock(&db->mutex);
}

bool mv_write_locked(mv_database *db) {
    mv_lock(&db->mutex);
    bool locked = db->writer != NULL;
    mv_unlock(&db->mutex);
    return locked;
}

uint64_t mv_write_ticket(mv_database *db) {
    mv_lock(&db->mutex);
    uint64_t ticket = ++db->last_ticket;
    mv_unlock(&db->mutex);
    return ticket;
}

/*
 * A slot that becomes free may be taken at once by a thread that runs, since waking another costs more than a short transaction does.
 * The first sleeper is signalled all the same; if it then finds the slot taken it becomes the
 * successor, to whom the slot goes next. So a running writer gets a few more transactions in, and a sleeper waits for one of them.
 */
bool mv_write_wait(mv_database *db, const void *owner, uint64_t ticket, int64_t usec) {
    int64_t until = mv_now_usec() + usec, spin_until = 0;
    waiter self = {.owner = owner, .ticket = ticket};
    mv_cond_init(&self.cond);
    mv_lock(&db->mutex);
    waiter **at = &db->waiting;
    while (*at && (*at)->ticket <= ticket) at = &(*at)->next;
    self.next = *at;
    *at = &self;
    bool served = false;
    for (;;) {
        int64_t now = mv_now_usec();
        if (!db->writer && !promised_to_other(db, owner)) {
            promise(db, owner);
            served = true;
            break;
        }
        if (now >= until) break;
        if (self.woken) {
            self.woken = false;
            if (!db->successor) {
                db->successor = &self;
                spin_until = now + SPIN_USEC;
            }
        }
        if (db->successor == &self && now < spin_until) {
            mv_unlock(&db->mutex);
            mv_yield();
            mv_lock(&db->mutex);
            continue;
        }
        bool free_later = !db->writer && db->promised_until < until; /* a promise that is not kept wakes nobody */
        mv_wait_until(&self.cond, &db->mutex, free_later ? db->promised_until : until);
    }
    at = &db->waiting;
    while (*at != &self) at = &(*at)->next;
    *at = self.next;
    if (db->successor == &self) db->successor = NULL;
    if (!served && !db->writer && !db->promised) offer_slot(db); /* the signal may have been for us */
    mv_unlock(&db->mutex);
    mv_cond_destroy(&self.cond);
    return served;
}

/* ---- transaction ------------------------------------------------------------------------------------ */

static mv_edit new_edit(mv_store *store, uint64_t birth, uint64_t floor) {
    return (mv_edit){.arena = &store->arena, .birth = birth, .floor = floor};
}

mv_result mv_txn_begin(mv_database *db, mv_version *base, mv_txn **out) {
    if (!mv_version_is_newest(base)) return MV_STALE;
    uint64_t number = base->number + 1;
    mv_txn *txn = sqlite3_malloc64(sizeof *txn);
    mv_version *version = new_version(db, number);
    if (!txn || !version) {
        sqlite3_free(txn);
        sqlite3_free(version);
        return MV_NOMEM;
    }
    *txn = (mv_txn){.db = db, .version = version, .table = base->table, .size = base->size};
    txn->edit = new_edit(db->store, number, db->floor);
    *out = txn;
    return MV_OK;
}

mv_result mv_store_scratch(mv_store *store, mv_txn **out) {
    mv_database *db = new_database(store, "", 0, 0);
    if (!db) return MV_NOMEM;
    mv_result rc = mv_txn_begin(db, db->newest, out);
    if (rc) {
        free_new_database(db);
        return rc;
    }
    mv_lock(&store->mutex);
    introduce(store, db, false);
    mv_unlock(&store->mutex);
    (*out)->scratch = true;
    return MV_OK;
}

int64_t mv_txn_size(const mv_txn *txn) {
    return txn->size;
}

size_t mv_txn_read(const mv_txn *txn, void *to, size_t n, int64_t offset) {
    return read_bytes(&txn->table, txn->size, to, n, offset);
}

const void *mv_txn_fetch(const mv_txn *txn, int64_t offset, size_t n) {
    return fetch_bytes(&txn->table, txn->size, offset, n);
}

static void choose_block_size(mv_txn *txn, uint64_t automatic) {
    uint32_t fixed = txn->db->store->block_size;
    if (txn->table.shift == 0) txn->table.shift = shift_for(fixed ? fixed : automatic);
}

/* Zeros what the last block holds behind the end, up to `to`: a shortening leaves it there. */
static mv_result clear_gap(mv_txn *txn, int64_t to) {
    size_t block_size = block_size_of(&txn->table), within = (size_t)txn->size & (block_size - 1);
    uint64_t number = (uint64_t)txn->size >> txn->table.shift;
    if (within == 0 || to <= txn->size || !mv_table_find(&txn->table, number)) return MV_OK;
    void *block;
    mv_result rc = mv_table_own(&txn->table, &txn->edit, number, true, &block);
    if (rc) return rc;
    uint64_t gap = (uint64_t)(to - txn->size);
    memset((char *)block + within, 0, gap < block_size - within ? (size_t)gap : block_size - within);
    return MV_OK;
}

/* Frees what the edit made after that object (NULL: at all) and does not need. */
static void free_discarded(mv_edit *edit, void *since) {
    mv_list discarded = {0};
    mv_edit_sweep(edit, since, &discarded);
    mv_arena_free(edit->arena, discarded);
}

mv_result mv_txn_write(mv_txn *txn, const void *from, size_t n, int64_t offset) {
    mv_table *table = &txn->table;
    if (n == 0) return MV_OK;
    choose_block_size(txn, n); /* SQLite writes whole pages */
    mv_result rc = clear_gap(txn, offset);
    if (rc) return rc;
    size_t block_size = block_size_of(table);
    uint64_t first = (uint64_t)offset >> table->shift, last = ((uint64_t)offset + n - 1) >> table->shift;
    void *block = NULL, *made_before = txn->edit.born.head;
    for (uint64_t number = first; number <= last; number++) { /* all are acquired before one is changed */
        bool whole = first == last && n == block_size;
        rc = mv_table_own(table, &txn->edit, number, !whole, &block);
        if (!rc) continue;
        uint64_t end = blocks_for(table, txn->size);
        while (number-- > first && number >= end) mv_table_clear(table, &txn->edit, number);
        free_discarded(&txn->edit, made_before);
        return rc;
    }
    size_t within = (size_t)offset & (block_size - 1);
    for (size_t done = 0; done < n; within = 0) {
        size_t part = block_size - within < n - done ? block_size - within : n - done;
        if (first < last) block = (void *)mv_table_find(table, ((uint64_t)offset + done) >> table->shift);
        memcpy((char *)block + within, (const char *)from + done, part);
        done += part;
    }
    if (offset + (int64_t)n > txn->size) txn->size = offset + (int64_t)n;
    return MV_OK;
}

mv_result mv_txn_truncate(mv_txn *txn, int64_t size) {
    if (size > txn->size) {
        choose_block_size(txn, 4096);
        mv_result rc = clear_gap(txn, size);
        if (rc) return rc;
    } else {
        mv_result rc = mv_table_cut(&txn->table, &txn->edit, blocks_for(&txn->table, size));
        if (rc) return rc;
        if (size == 0) txn->table.shift = 0;
        if (txn->scratch) free_discarded(&txn->edit, NULL); /* may be made and shortened without end */
    }
    txn->size = size;
    return MV_OK;
}

mv_result mv_txn_prepare(mv_txn *txn) {
    return mv_edit_reserve(&txn->edit, &txn->table);
}

mv_version *mv_txn_publish(mv_txn *txn) {
    mv_version *v = txn->version;
    assert(!txn->scratch && txn->db->newest->number + 1 == v->number);
    mv_edit_sweep(&txn->edit, NULL, &txn->discarded);
    v->table = txn->table;
    v->size = txn->size;
    v->refs = 1; /* the caller's pin */
    publish(txn->db, v, &txn->edit, false);
    txn->version = NULL;
    txn->edit.born = (mv_list){0};
    return v;
}

mv_version *mv_txn_commit(mv_txn *txn) {
    mv_version *v = mv_txn_publish(txn);
    mv_txn_drop(txn);
    return v;
}

void mv_txn_drop(mv_txn *txn) {
    if (!txn) return;
    mv_edit_drop(&txn->edit);
    mv_arena_free(txn->edit.arena, txn->discarded);
    sqlite3_free(txn->version);
    if (txn->scratch) mv_database_release(txn->db);
    sqlite3_free(txn);
}

/* ---- load ------------------------------------------------------------------------------------------- */

#define FIRST_RUN 16             /* blocks */
#define LAST_RUN_BYTES (1 << 20)

mv_result mv_load_begin(mv_store *store, const char *name, size_t len, mv_load **out) {
    mv_load *load = sqlite3_malloc64(sizeof *load);
    mv_version *version = new_version(NULL, 0);
    if (!load || !version) {
        sqlite3_free(load);
        sqlite3_free(version);
        return MV_NOMEM;
    }
    uint64_t number = 1;
    mv_lock(&store->mutex);
    mv_database *db = store->closed ? NULL : find(store, name, len);
    if (db) {
        mv_lock(&db->mutex);
        number = db->newest->number + 1;
        mv_unlock(&db->mutex);
    }
    mv_unlock(&store->mutex);
    *load = (mv_load){.store = store, .version = version, .edit = new_edit(store, number, 0), .run = FIRST_RUN};
    load->to = (char *)load->header;
    load->end = load->to + HEADER;
    mv_store_hold(store);
    *out = load;
    return MV_OK;
}

void mv_load_drop(mv_load *load) {
    if (!load) return;
    mv_store *store = load->store;
    mv_edit_drop(&load->edit);
    sqlite3_free(load->version);
    sqlite3_free(load);
    mv_store_release(store);
}

/* Blocks that lie behind each other, put at the table's end. */
static mv_result more_blocks(mv_load *load) {
    void *first;
    size_t got, size = block_size_of(&load->table);
    mv_result rc = mv_arena_new_run(load->edit.arena, mv_block_class(load->table.shift), load->run, &first, &got);
    if (rc) return rc;
    for (size_t i = 0; i < got; i++) {
        char *block = (char *)first + i * size;
        rc = mv_table_put(&load->table, &load->edit, load->blocks, block);
        if (rc) {
            mv_list rest = {0};
            for (; i < got; i++) mv_list_push(&rest, (char *)first + i * size);
            mv_arena_free(load->edit.arena, rest);
            return rc;
        }
        load->blocks++;
    }
    load->to = first;
    load->end = load->to + got * size;
    if (load->run * size < LAST_RUN_BYTES) load->run *= 2;
    return MV_OK;
}

mv_result mv_load_space(mv_load *load, void **to, size_t *n) {
    if (load->to == load->end) {
        mv_result rc = more_blocks(load);
        if (rc) return rc;
    }
    *to = load->to;
    *n = (size_t)(load->end - load->to);
    return MV_OK;
}

static uint32_t get4(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t page_size_of(const uint8_t *header) {
    uint32_t n = (uint32_t)header[16] << 8 | header[17];
    return n == 1 ? 65536 : n;
}

static const char MAGIC[16] = "SQLite format 3";

static mv_result check_header(mv_load *load) {
    const uint8_t *h = load->header;
    if (memcmp(h, MAGIC, sizeof MAGIC) != 0) {
        char hex[sizeof MAGIC * 2 + 1];
        for (size_t i = 0; i < sizeof MAGIC; i++) snprintf(hex + 2 * i, 3, "%02x", h[i]);
        snprintf(load->message, sizeof load->message,
                 "not an SQLite database: bytes 0 to 15 are %s, not \"SQLite format 3\" and a zero", hex);
        return MV_NOTADB;
    }
    uint32_t page_size = page_size_of(h);
    if (page_size < MV_MIN_BLOCK || page_size > MV_MAX_BLOCK || (page_size & (page_size - 1))) {
        snprintf(load->message, sizeof load->message,
                 "not an SQLite database: the page size at bytes 16 to 17 is %u, not a power of two from 512 to 65536", (unsigned)page_size);
        return MV_NOTADB;
    }
    return MV_OK;
}

/* The header is complete: with the page size known, the blocks can begin. */
static mv_result start(mv_load *load) {
    mv_result rc = check_header(load);
    if (rc) return rc;
    load->table.shift = shift_for(load->store->block_size ? load->store->block_size : page_size_of(load->header));
    rc = more_blocks(load);
    if (rc) return rc;
    if (load->header[18] == 2) load->header[18] = 1; /* write-ahead log: to rollback journal */
    if (load->header[19] == 2) load->header[19] = 1;
    memcpy(load->to, load->header, HEADER);
    load->to += HEADER;
    load->started = true;
    return MV_OK;
}

mv_result mv_load_filled(mv_load *load, size_t n) {
    assert(n <= (size_t)(load->end - load->to));
    load->to += n;
    load->size += (int64_t)n;
    return !load->started && load->to == load->end ? start(load) : MV_OK;
}

mv_result mv_load_write(mv_load *load, const void *from, size_t n) {
    while (n > 0) {
        void *to;
        size_t room;
        mv_result rc = mv_load_space(load, &to, &room);
        if (rc) return rc;
        if (room > n) room = n;
        memcpy(to, from, room);
        rc = mv_load_filled(load, room);
        if (rc) return rc;
        from = (const char *)from + room;
        n -= room;
    }
    return MV_OK;
}

mv_result mv_load_finish(mv_load *load) {
    if (load->size == 0) return MV_OK;
    if (!load->started) {
        snprintf(load->message, sizeof load->message,
                 "not an SQLite database: it ends after %d bytes, within the header of 100", (int)load->size);
        return MV_NOTADB;
    }
    const uint8_t *h = load->header;
    uint32_t page_size = page_size_of(h), pages = get4(h + 28);
    bool pages_valid = pages > 0 && memcmp(h + 24, h + 92, 4) == 0; /* else SQLite goes by the length, too */
    if (pages_valid && (uint64_t)load->size < (uint64_t)pages * page_size) {
        snprintf(load->message, sizeof load->message,
                 "truncated SQLite database: it ends after %lld bytes, but its header (bytes 28 to 31) tells of %u pages of %u bytes, which are %llu",
                 (long long)load->size, (unsigned)pages, (unsigned)page_size, (unsigned long long)pages * page_size);
        return MV_TRUNCATED;
    }
    if (load->size % page_size != 0) {
        snprintf(load->message, sizeof load->message,
                 "truncated SQLite database: it ends after %lld bytes, within page %lld of %u bytes",
                 (long long)load->size, (long long)(load->size / page_size + 1), (unsigned)page_size);
        return MV_TRUNCATED;
    }
    mv_result rc = mv_table_cut(&load->table, &load->edit, blocks_for(&load->table, load->size));
    assert(rc == MV_OK); /* all nodes are the edit's own */
    free_discarded(&load->edit, NULL);
    load->to = load->end = NULL;
    return rc;
}

int64_t mv_load_size(const mv_load *load) {
    return load->size;
}

const char *mv_load_message(const mv_load *load) {
    return load->message;
}

/* Takes the writer's slot, waiting for it until then. */
static mv_result take_slot(mv_database *db, const void *owner, int64_t until) {
    uint64_t ticket = 0;
    for (;;) {
        mv_result rc = mv_write_lock(db, owner);
        int64_t left = until - mv_now_usec();
        if (rc != MV_BUSY || left <= 0) return rc;
        if (!ticket) ticket = mv_write_ticket(db);
        mv_write_wait(db, owner, ticket, left);
    }
}

/* Gives all that the edit made, and has not discarded, another birth. */
static void restamp(mv_edit *edit, uint64_t birth) {
    for (void *object = edit->born.head; object; object = mv_record_of(object)->next) mv_record_of(object)->birth = birth;
    edit->birth = birth;
}

static void publish_over(mv_database *db, mv_load *load) {
    mv_version *v = load->version;
    uint64_t number = db->newest->number + 1; /* cannot change while the slot is ours */
    if (number != load->edit.birth) restamp(&load->edit, number); /* other commits came in between */
    v->db = db;
    v->number = number;
    publish(db, v, &load->edit, true);
}

mv_result mv_store_publish(mv_store *store, const char *name, size_t len, mv_load *load, int64_t usec) {
    int64_t until = mv_now_usec() + usec;
    load->version->table = load->table;
    load->version->size = load->size;
    for (;;) {
        mv_database *db;
        mv_result rc = mv_store_open(store, name, len, false, &db);
        if (rc == MV_NOTFOUND) { /* becomes known with its content, never without */
            db = new_database(store, name, len, load->edit.birth);
            if (!db) return MV_NOMEM;
            db->newest->table = load->table;
            db->newest->size = load->size;
            db->bytes = load->edit.born_bytes;
            db->blocks = load->edit.born_blocks;
            rc = introduce_new(store, db);
            if (rc) free_new_database(db);
            if (rc == MV_EXISTS) continue;
            if (rc) return rc;
            sqlite3_free(load->version);
        } else {
            if (rc) return rc;
            rc = take_slot(db, load, until);
            if (rc) {
                mv_database_release(db);
                return rc;
            }
            mv_lock(&store->mutex);
            bool gone = !db->named;
            mv_unlock(&store->mutex);
            if (!gone) publish_over(db, load);
            mv_write_unlock(db, load);
            mv_database_release(db);
            if (gone) continue; /* deleted while we waited for its writer */
        }
        load->version = NULL;
        load->edit.born = (mv_list){0};
        mv_load_drop(load);
        return MV_OK;
    }
}
