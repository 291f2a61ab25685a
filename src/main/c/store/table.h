/*
 * The block table of a version: which block stands at which place.
 *
 * A persistent hash array-mapped trie, 64-way. Block numbers are dense, so the key is its own hash, every
 * node is a full array of 64 children (NULL: a hole, which reads as zeros), and the trie is as high as its last block
 * needs. Block 0 stands beside the trie: each commit of SQLite changes it, since its header counts them, and would copy the
 * nodes above it each time.
 *
 * A table is changed through an edit, which is the making of one version: objects born in it are changed in place,
 * all others are copied first and recorded as replaced. An object whose birth is at or below the
 * edit's floor is inherited from another database (a fork's origin) and is never recorded. A table that is not
 * being edited never changes.
 *
 * Objects born in the edit stand in `born`, so that all of it can be dropped without a walk. One that is
 * discarded within the same edit keeps its place there and is marked (MV_DISCARDED) until mv_edit_sweep.
 *
 * Nothing here locks: an edit belongs to one thread, and a table that is read is not edited.
 */
#ifndef MV_TABLE_H
#define MV_TABLE_H

#include "store/slab.h"

#define MV_FANOUT_BITS 6
#define MV_FANOUT 64
#define MV_MAX_HEIGHT 8
#define MV_DISCARDED (UINT64_C(1) << 63) /* set in the birth of what an edit made and discarded */

typedef struct mv_table {
    void *first;    /* block 0 */
    void *root;     /* of the trie of all others; NULL: there are none */
    uint8_t height; /* levels of nodes above the blocks; 0 only without a root */
    uint8_t shift;  /* log2 of the block size; 0: not chosen yet */
} mv_table;

typedef struct mv_edit {
    mv_arena *arena;
    uint64_t birth; /* of what it makes */
    uint64_t floor; /* births up to here are another database's */
    mv_list born, replaced;
    uint64_t born_bytes, born_blocks;         /* of objects in `born` that are not discarded */
    uint64_t replaced_bytes, replaced_blocks; /* of objects in `replaced` */
    uint64_t discarded;                       /* objects in `born` that are */
    void *spare[MV_MAX_HEIGHT];               /* nodes kept for a cut that must not fail; not in `born` */
    unsigned spares;
} mv_edit;

static inline mv_edit mv_edit_new(mv_arena *arena, uint64_t birth, uint64_t floor) {
    return (mv_edit){.arena = arena, .birth = birth, .floor = floor};
}

/* The block at that place, or NULL for a hole or beyond the end. */
static inline const void *mv_table_find(const mv_table *table, uint64_t number) {
    if (number == 0) return table->first;
    unsigned bits = table->height * MV_FANOUT_BITS;
    if (number >> bits) return NULL;
    const void *p = table->root;
    while (p && bits) {
        bits -= MV_FANOUT_BITS;
        p = ((void *const *)p)[number >> bits & (MV_FANOUT - 1)];
    }
    return p;
}

static inline size_t mv_table_block_size(const mv_table *table) {
    return (size_t)1 << table->shift;
}
/* How many blocks hold that many bytes. */
static inline uint64_t mv_table_blocks(const mv_table *table, int64_t size) {
    return ((uint64_t)size + mv_table_block_size(table) - 1) >> table->shift;
}
/* The shift for blocks of that many bytes, or the next possible size. */
static inline uint8_t mv_shift_for(uint64_t block_size) {
    uint8_t shift = 9;
    while (shift < 16 && (UINT64_C(1) << shift) < block_size) shift++;
    return shift;
}

/* Of a file of `size` bytes: copies bytes [offset, offset+n), and returns how many there are. */
size_t mv_table_read(const mv_table *table, int64_t size, void *to, size_t n, int64_t offset);
/* Pointer to n bytes at offset if they are within the file and one block that is no hole; else NULL. */
static inline const void *mv_table_fetch(const mv_table *table, int64_t size, int64_t offset, size_t n) {
    if (offset < 0 || offset > size || (uint64_t)n > (uint64_t)(size - offset)) return NULL;
    size_t block_size = mv_table_block_size(table), within = (size_t)offset & (block_size - 1);
    if (n > block_size - within) return NULL;
    const char *block = mv_table_find(table, (uint64_t)offset >> table->shift);
    return block ? block + within : NULL;
}

/* Makes the block at that place one of the edit's own. Its content is what it was (zeros for a hole) if keep, else undefined.
 * MV_NOMEM, MV_FULL: the table reads as before. */
mv_result mv_table_own(mv_table *table, mv_edit *edit, uint64_t number, bool keep, void **block);

/* Puts blocks of one run that the caller has from the arena at that place and those behind it, all holes. MV_NOMEM, MV_FULL: only the first
 * *put of them, the rest is still the caller's. */
mv_result mv_table_put_run(mv_table *table, mv_edit *edit, uint64_t number, void *first, size_t n, size_t *put);

/* Makes a hole of a block that is the edit's own. */
void mv_table_clear(mv_table *table, mv_edit *edit, uint64_t number);

/* Removes all blocks from that place on. Needs at most `height` nodes, one less if the root is the edit's own, and takes the edit's
 * spares when there is no memory. MV_NOMEM, MV_FULL: the table reads as before. */
mv_result mv_table_cut(mv_table *table, mv_edit *edit, uint64_t blocks);

/* Sees to it that one mv_table_cut cannot fail. MV_NOMEM, MV_FULL. */
mv_result mv_edit_reserve(mv_edit *edit, const mv_table *table);
/* Moves what was discarded from `born` to `to`, of what was made after the object `since` (NULL: of all), and gives the spares back. */
void mv_edit_sweep(mv_edit *edit, void *since, mv_list *to);
/* The same, but frees it. */
void mv_edit_free_discarded(mv_edit *edit, void *since);
/* Frees all that the edit made. Needs no memory. */
void mv_edit_drop(mv_edit *edit);

/* Hands each object of the table with a birth above `floor` to one of two lists: `older` if its birth is at most `limit`, else `newer`.
 * The table must not be used any more. */
void mv_table_scatter(const mv_table *table, uint64_t floor, uint64_t limit, mv_list *older, mv_list *newer);

/* Asserts that no node is younger than its parent nor birth above newest, and returns the bytes of objects with a birth above floor. */
uint64_t mv_table_check(const mv_table *table, uint64_t floor, uint64_t newest);

#endif
