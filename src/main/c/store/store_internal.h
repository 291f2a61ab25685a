/*
 * The structures of store.h, and what the files of store/ call of each other. Each file calls only those before it in this list:
 *
 *   slab, table, wal, looks   store   version   lease   database   writer   names, stats   txn, load
 *
 * The rules of the structures are at the head of store.h.
 */
#ifndef MV_STORE_INTERNAL_H
#define MV_STORE_INTERNAL_H

#include "store/store.h"
#include "store/sync.h"
#include "store/table.h"

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

struct mv_database {
    mv_store *store;          /* fixed at creation, as are the name and floor */
    char *name;
    size_t name_len;
    uint64_t floor;           /* births up to here belong to the origin; 0 if this is no fork */

    uint64_t hash;            /* of its name; under the store's mutex, as all of this group */
    mv_database *same_hash;
    bool named;               /* found under its name */
    mv_database *previous, *next; /* all databases */

    atomic_bool holds;        /* in the store's list of those of which a lease may keep an old version; set under its mutex, as the next two */
    mv_database *holds_previous, *holds_next;

    mv_mutex mutex;
    uint64_t handles;         /* under mutex, as all below; the name is one */
    uint64_t kept;            /* versions in the list, and those being taken apart */
    _Atomic(mv_version *) newest; /* NULL when there is no handle any more; compared with a version one has a reference to without the mutex */
    mv_version *youngest;     /* head of the list: newest, or the youngest that is pinned */
    mv_version *origin;       /* pinned by this fork while a version inherits from it */
    uint64_t inheriting;      /* versions that do, those being taken apart included */
    uint64_t bytes, blocks;   /* of objects born here and published */
    uint64_t pins, forks;     /* without those of leases */
    mv_lease *leases;         /* those that may have a version */
    const void *writer;       /* owner of the slot */
    const void *promised;     /* the only one who may take a free slot, until then */
    int64_t promised_until;
    int64_t tenure_until;     /* until then, and for a while after it, a free slot is anybody's though others wait */
    mv_waiter *waiting;       /* lowest ticket first */
    uint64_t last_ticket;
};

struct mv_store {
    mv_arena arena;
    uint32_t block_size;      /* 0: each database's page size; fixed at creation */

    mv_mutex mutex;
    uint64_t refs;            /* under mutex, as all below */
    bool closed;
    mv_database **buckets;
    uint64_t bucket_count, named;
    mv_database *all;         /* also those without a name */
    uint64_t looked_at;       /* databases, in all that was done: what must not depend on how many there are can be counted in tests */

    mv_mutex holds_mutex;
    mv_database *holding;     /* under holds_mutex; taken out only under the store's mutex, too */
};

/* ---- store.c */

/* Under the store's mutex: the database is known from now on. */
void mv_store_add(mv_store *store, mv_database *db);
/* A database without versions ends. Takes the store's mutex; the store stays held. */
void mv_store_remove(mv_database *db);
/* The list of databases whose leases may keep an old version. Puts the database there, if it is not there yet. */
void mv_store_remember_held(mv_database *db);
/* Under the store's mutex: takes the database out. */
void mv_store_forget_held(mv_database *db);
/* Under the store's mutex: the first of the list, and the one behind; NULL: none. */
mv_database *mv_store_first_held(mv_store *store);
mv_database *mv_store_next_held(mv_database *db);

/* ---- version.c */

/* A version that is in no list. NULL: no memory. */
mv_version *mv_version_new(mv_database *db, uint64_t number);
/* Makes v the head of the list. Under the mutex, or with a database that nobody knows yet. */
static inline void mv_version_link(mv_database *db, mv_version *v) {
    v->older = db->youngest;
    if (v->older) v->older->newer = v;
    db->youngest = v;
    db->kept++;
    db->inheriting += v->inherits;
}
/* Under the mutex: takes v out of the list. */
static inline void mv_version_unlink(mv_version *v) {
    mv_database *db = v->db;
    if (v->newer) v->newer->older = v->older;
    else db->youngest = v->older;
    if (v->older) v->older->newer = v->newer;
}
/* Gives one reference up: a pin, or the hold that the newest version has. */
void mv_version_unref(mv_version *v, bool pin);

/* ---- lease.c */

/* Under the mutex: how many transactions leases are in, held rows included. */
uint64_t mv_leases_in_use(const mv_database *db);
/* Under the mutex: takes old versions back from leases that are idle, and remembers the database if rows are held of
 * some. Returns one whose last reference this was, for the caller to give up without the mutex and to come again, or
 * NULL if all is done. */
mv_version *mv_leases_collect(mv_database *db);
/* Under the mutex, which it may let go of for a time: all of that. */
void mv_leases_settle(mv_database *db);

/* ---- database.c */

/* A database that nobody knows yet, with one handle and an empty version of that number. Holds the store. NULL: no
 * memory. */
mv_database *mv_database_new(mv_store *store, const char *name, size_t len, uint64_t number);
/* Frees one that nobody came to know, and that has nothing. NULL is allowed. */
void mv_database_free_new(mv_database *db);
/* Makes v the newest, and takes idle leases back. Takes over what the edit made and replaced; if replace, nothing of
 * the old content is in the new. give_back: also a lease's reference to the version that was the newest. The caller has
 * the write lock. Returns the memory of a version, for sqlite3_free or another one, or NULL. */
mv_version *mv_database_publish(mv_database *db, mv_version *v, mv_edit *edit, bool replace, bool give_back);
/* Adds what the database has to the sums. */
void mv_database_add_stats(mv_database *db, mv_stats *out);

/* ---- names.c */

/* Makes the database known under its name. MV_EXISTS, MV_CLOSED: it is still the caller's. */
mv_result mv_store_introduce(mv_store *store, mv_database *db);
/* The number that the next version of the database of that name will have, if nothing comes in between. */
uint64_t mv_store_next_number(mv_store *store, const char *name, size_t len);

#endif
