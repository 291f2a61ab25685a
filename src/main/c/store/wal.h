/*
 * Reads a write-ahead log (a -wal file: https://sqlite.org/fileformat2.html#the_write_ahead_log) from its begin to its end, and finds what SQLite's
 * recovery (walIndexRecover) finds: the pages of all frames up to the last one that commits, before the first that is not valid.
 *
 *   header   32 bytes: magic, version, page size, checkpoint number, two salts, and a checksum of it
 *   frame    24 bytes: page number, pages of the database if it commits, else 0, the salts, and the checksum of the log so far; then the page
 *
 * A frame is valid if it has the header's salts, which a frame of an older generation has not, and its checksum is right. Pages of a transaction wait in
 * blocks of the arena, so the store's limit holds for them, until its commit comes: only then may the caller use them.
 *
 * Nothing here locks: a log is used by one thread.
 */
#ifndef MV_WAL_H
#define MV_WAL_H

#include "store/slab.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct mv_wal mv_wal;

/* A page of a transaction that was committed: its number is the birth in the block's record. */
typedef struct mv_wal_pages {
    void *first;     /* in the order of the log; each record leads to the next */
    uint64_t count;
    uint32_t commit; /* pages that the database has now; 0: the transaction has not come to its end */
} mv_wal_pages;

/* A log for a database of that page size; 0: of an empty file, whose log SQLite does not read. NULL: no memory. The arena stays the caller's. */
mv_wal *mv_wal_new(mv_arena *arena, uint32_t page_size);
void mv_wal_free(mv_wal *wal); /* NULL is allowed */

/* Where the next bytes of the log go, all n of them. MV_NOMEM, MV_FULL. */
mv_result mv_wal_space(mv_wal *wal, char **to, size_t *n);
/* All n are there. If a transaction is complete, its pages are in *pages until the next call, and then gone. MV_NOTADB: this is no log of that database;
 * the message says why. */
mv_result mv_wal_filled(mv_wal *wal, mv_wal_pages *pages, char *message, size_t room);
/* The log ends n bytes into what was asked for. The same error. */
mv_result mv_wal_end(mv_wal *wal, size_t n, char *message, size_t room);
/* Frames up to the last commit. */
uint64_t mv_wal_frames(const mv_wal *wal);

#endif
