/*
 * Memory for blocks and table nodes.
 *
 * An arena hands out objects of nine classes: table nodes (class 0, 512 bytes) and blocks of 512 to 65536 bytes (class 1 to 8).
 * They come from slabs: aligned stretches of MV_SLAB bytes that are filled with objects of one class from the
 * front. At a slab's end stand a mark and a record (its birth and a link) for each object and the slab's own head, so that all are found from an
 * object's address alone, objects are aligned to their size, and at least 256 bytes behind each of them can be read. A mark is zero for
 * a new object, and then for whoever reads it to set, at any time and by any thread, to what follows from an object that does not change any more.
 *
 * An object's link is free for its owner to chain it into one list at a time; a list is what is given back.
 * The first slab of a class stays on small pages and takes only what it touches; later ones ask for huge
 * pages. A slab whose objects are all free is given back to the system, but for one a class.
 *
 * All functions but mv_birth and the list functions may be called by any thread; births and links belong to whoever
 * owns the object. The arena's mutex guards the slabs' lists of free objects and the counts; it is a leaf in the lock
 * order, and is never held while memory is mapped, unmapped, or touched by more than a record.
 */
#ifndef MV_SLAB_H
#define MV_SLAB_H

#include "store/store.h"
#include "store/sync.h"

#include <stdatomic.h>

#define MV_SLAB ((uintptr_t)(sizeof(void *) >= 8 ? 2 << 20 : 256 << 10)) /* 32-bit systems lack address space */
#define MV_CLASSES 9
#define MV_NODE_CLASS 0

typedef struct mv_record {
    uint64_t birth;
    void *next;
} mv_record;

/* The end of a slab. Before it stands the array of records, and before that the array of marks. */
typedef struct mv_slab mv_slab;
struct mv_slab {
    mv_slab *next, *previous; /* in the arena's list of open slabs, or of those being given back; under the arena's mutex, as all below */
    void *free;               /* objects that were used and freed, chained */
    uint32_t capacity;        /* objects; fixed at creation */
    uint32_t fresh;           /* objects from here on were never used */
    uint32_t used;            /* objects handed out */
    uint8_t shift;            /* log2 of an object's size; fixed at creation */
    uint8_t cls;              /* fixed at creation */
    bool is_open;             /* in the arena's list */
};

typedef struct mv_list {
    void *head, *tail; /* objects, chained by their records; the tail's link is NULL */
} mv_list;

typedef struct mv_arena {
    mv_mutex mutex;
    uint64_t limit;                        /* of bytes in use, 0 if none; fixed at creation */
    uint64_t in_use;                       /* bytes of objects handed out; under mutex, as all below */
    uint64_t reserved;                     /* bytes of slabs */
    uint64_t used[MV_CLASSES];             /* objects handed out */
    unsigned slabs[MV_CLASSES];            /* slabs mapped */
    unsigned empty[MV_CLASSES];            /* slabs without a used object: they stand last in `open` */
    mv_slab *open[MV_CLASSES];             /* slabs with room, the first is used next */
    mv_slab *open_last[MV_CLASSES];
} mv_arena;

void mv_arena_init(mv_arena *arena, uint64_t limit);
void mv_arena_destroy(mv_arena *arena); /* all objects must have been freed */

static inline size_t mv_class_size(unsigned cls) {
    return cls == MV_NODE_CLASS ? 512 : (size_t)256 << cls;
}
/* The class for blocks of 2^shift bytes. */
static inline unsigned mv_block_class(unsigned shift) {
    return shift - 8;
}

/* An object of the class, its content undefined. MV_NOMEM, MV_FULL. */
mv_result mv_arena_new(mv_arena *arena, unsigned cls, void **out);
/* A run: 1 to want objects that lie behind each other in memory, as their records do. MV_NOMEM, MV_FULL. */
mv_result mv_arena_new_run(mv_arena *arena, unsigned cls, size_t want, void **first, size_t *got);
/* So many nodes, and behind them in `out` an object of the class, which may lie anywhere: all or none. MV_NOMEM, MV_FULL. */
mv_result mv_arena_new_path(mv_arena *arena, size_t nodes, unsigned cls, void **out);
/* Frees all objects of the list, which may be of several classes. */
void mv_arena_free(mv_arena *arena, mv_list list);

static inline mv_slab *mv_slab_of(const void *object) {
    return (mv_slab *)(((uintptr_t)object & ~(MV_SLAB - 1)) + MV_SLAB - sizeof(mv_slab));
}

static inline unsigned mv_class_of(const void *object) {
    return mv_slab_of(object)->cls;
}

static inline mv_record *mv_record_of(const void *object) {
    mv_slab *slab = mv_slab_of(object);
    size_t index = ((uintptr_t)object & (MV_SLAB - 1)) >> slab->shift;
    return (mv_record *)slab - slab->capacity + index;
}

static inline _Atomic uint8_t *mv_mark_of(const void *object) {
    mv_slab *slab = mv_slab_of(object);
    size_t index = ((uintptr_t)object & (MV_SLAB - 1)) >> slab->shift;
    return (_Atomic uint8_t *)((mv_record *)slab - slab->capacity) - slab->capacity + index;
}

static inline uint64_t mv_birth(const void *object) {
    return mv_record_of(object)->birth;
}

static inline void mv_list_push(mv_list *list, void *object) {
    mv_record_of(object)->next = list->head;
    list->head = object;
    if (!list->tail) list->tail = object;
}

/* Moves all of `from` to the front of `to`. */
static inline void mv_list_join(mv_list *to, mv_list *from) {
    if (!from->head) return;
    mv_record_of(from->tail)->next = to->head;
    if (!to->tail) to->tail = from->tail;
    to->head = from->head;
    from->head = from->tail = NULL;
}

#endif
