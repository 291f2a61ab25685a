/*
 * The block store: named databases, each a chain of immutable versions made of blocks.
 *
 * Shape. A store owns an arena of memory (slab.h) and a set of named databases. A database is a lineage
 * of versions; a version is a block table (table.h) and a size in bytes. One version is the newest. A
 * counted reference to a version is a pin: while it is held, every byte of the version stays readable, by
 * any number of threads and without a lock, because nothing that a version reaches is ever written again.
 *
 * One transaction per database at a time changes it: it copies what it writes and publishes a new newest version by
 * mv_txn_publish, which is the only place, with mv_store_publish, where a version becomes visible. Everything
 * else is dropped without a trace.
 *
 * Memory. Each block and table node carries its birth, the number of the version that made it. What a commit
 * replaces goes on the dead list of the version before it. When a version loses its last pin, each
 * object on its list moves to the next older pinned version if that one can see it (its number is at least
 * the object's birth), else it is freed. Memory kept for a pin is thus exactly what only that pin and older ones
 * can see. A fork is a new database whose first version is a pin on its origin: it numbers on from there,
 * and objects born at or before that number belong to the origin and are never freed by the fork.
 *
 * Invariants, checked by mv_store_check (the last by its caller, who has the bytes in use from mv_store_stats):
 *  - versions of a database are linked from oldest to newest with rising numbers; the newest is held by the
 *    database itself while any handle is open;
 *  - a node's birth is at least the birth of all below it;
 *  - an object on the dead list of version v has birth <= v.number; v sees it and no newer version does. Older ones
 *    see it if their number is at least its birth;
 *  - bytes in use by the arena are the bytes of all objects reachable from a version, a transaction, a load or a
 *    dead list.
 *
 * Locks, in the order in which they may be taken: store mutex (names), database mutex (versions, the write lock), arena
 * mutex (free objects) or the mutex of the list of databases whose leases keep old versions. None is held while blocks
 * are copied or read. A list of objects is freed under the arena's alone, a hundred or so at a time. Readers of a pinned
 * version take none. With a lease (below) they pin and release without one, too, while nothing is committed.
 *
 * Errors. Functions that can fail return an mv_result; everything fallible is acquired before anything
 * is changed. The store knows neither SQLite's file interface nor the JVM.
 */
#ifndef MV_STORE_H
#define MV_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mv_result {
    MV_OK = 0,
    MV_NOMEM,     /* the system refused memory */
    MV_FULL,      /* the store's limit of bytes is reached */
    MV_BUSY,      /* another writer holds the database */
    MV_STALE,     /* the pinned version is no longer the newest, so it cannot be written on */
    MV_NOTFOUND,  /* no database of that name */
    MV_EXISTS,    /* a database of that name is there already */
    MV_CLOSED,    /* the store was closed */
    MV_NOTADB,    /* loaded bytes are no SQLite database */
    MV_TRUNCATED, /* loaded bytes do not have the length that their header asks for */
} mv_result;

typedef struct mv_store mv_store;
typedef struct mv_database mv_database;
typedef struct mv_version mv_version;
typedef struct mv_txn mv_txn;
typedef struct mv_load mv_load;

#define MV_MIN_BLOCK 512u
#define MV_MAX_BLOCK 65536u

/* ---- store ---------------------------------------------------------------------------------------- */

/* A new store with one reference. block_size: a power of two from 512 to 65536, or 0 for each database's own
 * page size. max_bytes: limit of bytes in use (blocks and table nodes), and of the size that a transaction can give a database, holes
 * included; 0 for none. NULL: no memory. */
mv_store *mv_store_new(uint32_t block_size, uint64_t max_bytes);
void mv_store_hold(mv_store *store);
void mv_store_release(mv_store *store); /* the last release frees it; databases, named or used, each hold one: close it first */

/* Forgets all names; later opens, forks and publishes fail with MV_CLOSED. What is pinned or open stays whole. */
void mv_store_close(mv_store *store);

/* Finds the database of that name (len bytes, no NUL, compared exactly) or makes an empty one if create. The caller owns a
 * handle, given back by mv_database_release. MV_NOTFOUND, MV_NOMEM, MV_CLOSED. */
mv_result mv_store_open(mv_store *store, const char *name, size_t len, bool create, mv_database **out);

/* Frees the name at once; handles and pins keep what they have. MV_NOTFOUND. */
mv_result mv_store_delete(mv_store *store, const char *name, size_t len);

/* All names, each followed by a NUL, in bytewise order, in one block for sqlite3_free. MV_NOMEM. */
mv_result mv_store_names(mv_store *store, char **names, size_t *len);
/* The first `most` of them, at least 1, in time linear in their number; *count: how many there are in all. MV_NOMEM. */
mv_result mv_store_first_names(mv_store *store, size_t most, char **names, size_t *len, size_t *count);

/* A new database of that name whose content is the version's, which must be of this store. Costs the same whatever the size.
 * MV_EXISTS, MV_NOMEM, MV_CLOSED. */
mv_result mv_store_fork(mv_store *store, mv_version *origin, const char *name, size_t len);

typedef struct mv_stats {
    uint64_t bytes;     /* of blocks and table nodes in use, and not yet published ones */
    uint64_t reserved;  /* of address space taken from the system for slabs; store only, 0 for a database */
    uint64_t limit;     /* of bytes, 0 if none; store only */
    uint64_t blocks;    /* blocks in use */
    uint64_t versions;  /* versions kept in memory, the newest included */
    uint64_t pins;      /* references to versions by readers, held rows, snapshots and forks; not by idle leases */
    uint64_t forks;     /* forks made from versions of it that still hold their pin */
    uint64_t databases; /* named databases; 1 for a database */
} mv_stats;

/* Of the whole store. Databases that are deleted but still used are counted in all but `databases`. */
void mv_store_stats(mv_store *store, mv_stats *out);

/* Asserts the invariants at the top of this file; for tests, with no transaction or load under way. Returns the bytes reachable. */
uint64_t mv_store_check(mv_store *store);

/* ---- database ------------------------------------------------------------------------------------- */

/* Whether it was made under that name. */
bool mv_database_is_named(const mv_database *db, const char *name, size_t len);
void mv_database_hold(mv_database *db);
void mv_database_release(mv_database *db);

/* Takes back what leases of all databases keep because rows were held when their version became old, and are no more. Whether there were any. Takes
 * time by how many databases have such leases, not by how many there are. */
bool mv_store_collect(mv_store *store);
/* Of what was born in this database and is still kept; blocks shared from a fork's origin count there. */
void mv_database_stats(mv_database *db, mv_stats *out);
/* The same without mv_store_collect: what that would take back is counted. For many databases, one after the other. */
void mv_database_stats_as_they_are(mv_database *db, mv_stats *out);

/* Pins the newest version. Never fails. Given back by mv_version_release. */
mv_version *mv_database_pin(mv_database *db);

/* The writer's slot: at most one owner (any address that identifies it) at a time. Taking it when the owner has
 * it already is MV_OK. MV_BUSY: another has it, or it is the turn of one that waits. Never waits. */
mv_result mv_write_lock(mv_database *db, const void *owner);

/* A place in the queue of writers, to be passed to each mv_write_wait until the slot was had. If nobody waits yet, the tenure of the writer that
 * runs begins (writer.c). */
uint64_t mv_write_ticket(mv_database *db);

/* Sleeps until the slot is free for this owner, or for usec microseconds at most. True: it is promised to the owner for
 * some milliseconds, within which mv_write_lock takes it. Of those asleep the lowest ticket is served first. */
bool mv_write_wait(mv_database *db, const void *owner, uint64_t ticket, int64_t usec);

/*
 * The same for a caller that must not sleep in C, such as a virtual thread of a JVM: it makes a waiter, looks whether it is its turn, sleeps in its own
 * way as long as it is told to or until it is woken, looks again, and ends. A waiter has one user at a time, and its database stays until it ends.
 */
typedef struct mv_waiter mv_waiter;
typedef void (*mv_wake)(void *arg);

/* until: when it gives up, by mv_now_usec. NULL: no memory. */
mv_waiter *mv_waiter_new(mv_database *db, const void *owner, uint64_t ticket, int64_t until);
/* Puts it into the queue. wake: called by any thread, without a lock, once or not at all after each look that says to sleep; it must not block. forget: called
 * once with the same argument, when wake is not called any more. Both fixed from then on. */
void mv_waiter_start(mv_waiter *waiter, mv_wake wake, mv_wake forget, void *arg);
/* True: it is its turn, and the slot is promised to its owner as by mv_write_wait. Else *usec: how long to sleep at most; 0: its time is over. May stay
 * awake for a tenth of a millisecond, never sleeps. */
bool mv_waiter_look(mv_waiter *waiter, int64_t *usec);
/* Leaves the queue, if it is in it, and frees the waiter. keep: its owner takes the slot next, if it is promised to it; else the next one has it. */
void mv_waiter_end(mv_waiter *waiter, bool keep);

/* Gives the slot up, or the promise of it, or nothing if the owner has neither. */
void mv_write_unlock(mv_database *db, const void *owner);
/* Whether anybody has the slot. */
bool mv_write_locked(mv_database *db);

/* ---- version: all functions may be called by many threads at once, without a lock ------------------- */

mv_version *mv_version_hold(mv_version *v);
void mv_version_release(mv_version *v);
mv_database *mv_version_database(const mv_version *v); /* borrowed: lives at least as long as the pin */
bool mv_version_is_newest(const mv_version *v);
uint64_t mv_version_number(const mv_version *v);
int64_t mv_version_size(const mv_version *v);
uint32_t mv_version_block_size(const mv_version *v); /* 0: empty, not chosen yet */
/* Differs between two versions of a database if the whole content was replaced in between. */
uint64_t mv_version_epoch(const mv_version *v);

/* Copies bytes [offset, offset+n) and returns how many lie within the version. */
size_t mv_version_read(const mv_version *v, void *to, size_t n, int64_t offset);
/* Pointer to n bytes at offset if they lie within the version and within one block that is not a hole; else NULL. At least 256
 * bytes behind it are readable memory. Valid while pinned. */
const void *mv_version_fetch(const mv_version *v, int64_t offset, size_t n);
/* A byte beside a block that was fetched, for what follows from its bytes once they are published: zero at first, set by any reader at any time. Not for
 * blocks that a transaction has made: those still change. */
_Atomic uint8_t *mv_block_mark(const void *block);
/* Pointer to the bytes at offset, *n of them: at most max, at least one unless offset is at the end. Valid while pinned. */
const void *mv_version_span(const mv_version *v, int64_t offset, size_t max, size_t *n);

/* ---- lease: a reader's pin that outlasts its read transactions -------------------------------------- */

/*
 * Whoever reads again and again mostly finds the version that it had. So between two transactions a lease keeps its
 * reference, idle, and needs no mutex to use it again while it is to the newest version. Whoever publishes a version takes idle leases back: an idle one
 * is to the newest, or about to be given up, and keeps nothing in memory that would not be there without it.
 *
 * State. One word: how often the lease was put back, and whether it is EMPTY, IDLE or IN_USE. Its owner, one thread at a time, makes it
 * IN_USE (by an exchange, which tells whether the reference was still there) and IDLE again with the next count; anybody may make it EMPTY if
 * it is IDLE, by comparing and exchanging the whole word under the database's mutex, and has then got its reference. `version` is written only while IN_USE, so
 * whoever saw the word IDLE, read the version and finds the word unchanged has read the version that belongs to it: the count tells
 * a lease that was used in between from one that was not (with words of 32 bits: unless it was used 2^30 times).
 *
 * Why no idle lease keeps an old version. The owner stores IDLE, then loads `newest`; a publisher stores `newest`, then loads the
 * word. All four are sequentially consistent, so at least one of the two sees what the other has stored: the owner, who then
 * takes the reference out itself, or the publisher, who takes it back. (Acquire and release would not do: each could then see what was there before.)
 *
 * Why a lease in use is the newest at its beginning. Its owner has a reference, so no other version can have its address while it
 * is compared with `newest`, of which nothing but the address is looked at.
 *
 * Held rows. While *rows is not zero the owner's program is still on rows that it got in an earlier transaction. A lease that is put back meanwhile, and
 * while rows[2] is not zero, is held: nobody takes it back, and the next transaction has the same version though it be old. One that was put back otherwise
 * has nothing to do with those rows, which may be another database's. rows[1] changes when *rows rises from zero, which ends what was held before. Only
 * the owner makes *rows other than zero, and does so before it puts the lease back, so whoever sees that lease IDLE sees the rows, too. *rows may become
 * zero at any time, by whatever store: then the next publisher, transaction, mv_lease_close or count of statistics takes an old version back.
 *
 * A lease stands in its database's list from when it gets a reference under the mutex until a publisher finds it EMPTY or makes it so: connections that
 * do nothing cost a commit nothing.
 */
typedef struct mv_lease {
    mv_database *db;                 /* fixed by mv_lease_open */
    atomic_uintptr_t state;
    _Atomic(mv_version *) version;   /* not if EMPTY; the owner's while IN_USE */
    _Atomic uint32_t held;           /* since when there are the rows that it was put back for, 0 if for none; as `version` */
    const _Atomic int32_t *rows;     /* three numbers; NULL: none are ever held; written by the owner under the database's mutex */
    bool listed;                     /* under the database's mutex, as the next two */
    struct mv_lease *previous, *next;
} mv_lease;

/* A lease without a version, of a database to which its owner has a handle until it is closed. */
void mv_lease_open(mv_lease *lease, mv_database *db);
/* Where the number of held rows stands from now on, NULL for nowhere: what stood there before is read no more. */
void mv_lease_rows(mv_lease *lease, const _Atomic int32_t *rows);
/* A transaction begins: its version, which is the newest unless it is held. */
mv_version *mv_lease_take(mv_lease *lease);
/* It ends. */
void mv_lease_put(mv_lease *lease);
/* It ends, and its version is from now on a reference of the caller's, for mv_lease_return. */
mv_version *mv_lease_leave(mv_lease *lease);
/* Gives back what mv_lease_leave, or mv_txn_publish, has handed out. */
void mv_lease_return(mv_version *v);
/* For a lease that is not in use. */
void mv_lease_close(mv_lease *lease);

/* ---- transaction: one thread at a time, whose owner holds the writer's slot ------------------------- */

/* Starts the version that will follow base, which must be pinned by the caller. MV_STALE if base is not the newest. */
mv_result mv_txn_begin(mv_database *db, mv_version *base, mv_txn **out);
/* The same in the memory of a transaction of the same database that was cleared. MV_STALE, MV_NOMEM: it is still
 * cleared. */
mv_result mv_txn_begin_again(mv_txn *txn, mv_version *base);
int64_t mv_txn_size(const mv_txn *txn);
size_t mv_txn_read(const mv_txn *txn, void *to, size_t n, int64_t offset);
const void *mv_txn_fetch(const mv_txn *txn, int64_t offset, size_t n);
/* Whether a block that was fetched is the transaction's own. */
bool mv_txn_made(const mv_txn *txn, const void *block);
/* MV_NOMEM, MV_FULL: nothing was written, and the transaction can still be read, dropped or even go on. A write beyond
 * the end leaves zeros between. */
mv_result mv_txn_write(mv_txn *txn, const void *from, size_t n, int64_t offset);
/* Cannot fail to make shorter once mv_txn_prepare succeeded and nothing was written since. */
mv_result mv_txn_truncate(mv_txn *txn, int64_t size);
/*
 * Gives the database blocks of that size, if its store leaves the size to the databases. Copies all of it: for a
 * database whose pages have got another size. What mv_txn_fetch returned stays readable. MV_NOMEM, MV_FULL: the blocks
 * are as before.
 */
mv_result mv_txn_resize_blocks(mv_txn *txn, uint32_t block_size);
/* Acquires all that one mv_txn_truncate and mv_txn_publish need. */
mv_result mv_txn_prepare(mv_txn *txn);
/* Publishes, and makes the new version that of the lease, which is in use. Returns the one that it had, for mv_lease_return, if the caller is to keep it;
 * else gives it back, too, and returns NULL. Cannot fail. The caller still holds the slot, and the transaction is good
 * for mv_txn_clear and mv_txn_drop only, until which what mv_txn_fetch returned stays readable: if the base version is
 * kept, what of it was replaced, too. */
mv_version *mv_txn_publish(mv_txn *txn, mv_lease *lease, bool keep);
/* Drops what was not published, but for the transaction's own memory, which is good for mv_txn_begin_again and
 * mv_txn_drop. Needs no memory. */
void mv_txn_clear(mv_txn *txn);
/* Drops what was not published. Consumes the transaction; needs no memory. NULL is allowed. */
void mv_txn_drop(mv_txn *txn);

/* ---- load: new content built beside the old; one thread at a time. One that has failed stays failed, but for MV_BUSY ---- */

/* name: the database that it will most likely be published to. */
mv_result mv_load_begin(mv_store *store, const char *name, size_t len, mv_load **out);
/* Where the next bytes of the source go: *n of them at the most (at least one). MV_NOMEM, MV_FULL. */
mv_result mv_load_space(mv_load *load, void **to, size_t *n);
/* Takes over n bytes that were put there. MV_NOTADB as soon as the header shows that it is none. */
mv_result mv_load_filled(mv_load *load, size_t n);
/* Space and filled in one, for bytes that lie elsewhere. */
mv_result mv_load_write(mv_load *load, const void *from, size_t n);
/* The database's bytes have ended, and what is taken over next is its write-ahead log: wal.h. MV_NOTADB, MV_NOMEM. */
mv_result mv_load_wal(mv_load *load);
/* Frames that were taken from the log: up to its last commit. */
uint64_t mv_load_frames(const mv_load *load);
/* The source has ended: checks the length against the header, and makes a WAL-mode file a rollback-mode one
 * (header bytes 18 and 19). Bytes behind the last page that the header tells of go; where the header does not tell, the last page may be a part, with zeros
 * behind it. MV_NOTADB, MV_TRUNCATED. */
mv_result mv_load_finish(mv_load *load);
int64_t mv_load_size(const mv_load *load);
/* After MV_NOTADB or MV_TRUNCATED: what was wrong, and where. Lives as long as the load. */
const char *mv_load_message(const mv_load *load);
/* Makes a finished load the content of that database at once, which is made if it is not there. Consumes the load on MV_OK only.
 * Waits up to usec microseconds for a writer: MV_BUSY. MV_NOMEM, MV_CLOSED. */
mv_result mv_store_publish(mv_store *store, const char *name, size_t len, mv_load *load, int64_t usec);
/* For a caller that waits in its own way: it tries mv_store_publish with no time, and if that is MV_BUSY waits for its turn with this waiter, and tries again.
 * usec: how long it waits at most. MV_NOTFOUND: there is nothing to wait for any more. MV_NOMEM, MV_CLOSED. */
mv_result mv_load_waiter(mv_store *store, const char *name, size_t len, mv_load *load, int64_t usec, mv_waiter **out);
void mv_load_drop(mv_load *load); /* NULL is allowed */

#endif
