/* See slab.h. */
#include "store/slab.h"

#include <assert.h>

#ifndef _WIN32
#include <sys/mman.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define MV_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MV_ASAN 1
#endif
#endif
#ifdef MV_ASAN /* free objects are poisoned, so that the sanitizer sees a use after free within a slab */
#include <sanitizer/asan_interface.h>
#define MV_POISON(p, n) ASAN_POISON_MEMORY_REGION((char *)(p) + TAIL_BYTES, (n) - TAIL_BYTES) /* the rest may be read, see below */
#define MV_UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define MV_POISON(p, n) ((void)(p), (void)(n))
#define MV_UNPOISON(p, n) ((void)(p), (void)(n))
#endif

/* Between the last object and the slab's end lie at least its records and head: SQLite may read a little past a corrupt page. */
#define TAIL_BYTES 256

static char *slab_base(const mv_slab *slab) {
    return (char *)((uintptr_t)slab & ~(MV_SLAB - 1));
}

/* ---- the system's memory --------------------------------------------------------------------------- */

#ifdef _WIN32

static void *map_slab(bool huge) {
    (void)huge;
    for (int tries = 0; tries < 64; tries++) { /* another thread may take the aligned place in between */
        char *wide = VirtualAlloc(NULL, 2 * MV_SLAB, MEM_RESERVE, PAGE_READWRITE);
        if (!wide) return NULL;
        char *aligned = (char *)(((uintptr_t)wide + MV_SLAB - 1) & ~(MV_SLAB - 1));
        VirtualFree(wide, 0, MEM_RELEASE);
        void *p = VirtualAlloc(aligned, MV_SLAB, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        if (p) return p;
    }
    return NULL;
}

static void unmap_slab(void *p) {
    VirtualFree(p, 0, MEM_RELEASE);
}

#else

static void *map_slab(bool huge) {
    char *p = mmap(NULL, MV_SLAB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    if ((uintptr_t)p & (MV_SLAB - 1)) {
        munmap(p, MV_SLAB);
        p = mmap(NULL, 2 * MV_SLAB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) return NULL;
        char *aligned = (char *)(((uintptr_t)p + MV_SLAB - 1) & ~(MV_SLAB - 1));
        if (aligned > p) munmap(p, (size_t)(aligned - p));
        char *end = p + 2 * MV_SLAB;
        if (end > aligned + MV_SLAB) munmap(aligned + MV_SLAB, (size_t)(end - (aligned + MV_SLAB)));
        p = aligned;
    }
#ifdef MADV_HUGEPAGE /* only advice: a refusal is no error */
    madvise(p, MV_SLAB, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#else
    (void)huge;
#endif
    return p;
}

static void unmap_slab(void *p) {
    munmap(p, MV_SLAB);
}

#endif

static mv_slab *make_slab(unsigned cls, bool huge) {
    char *base = map_slab(huge);
    if (!base) return NULL;
    mv_slab *slab = mv_slab_of(base);
    size_t size = mv_class_size(cls);
    size_t capacity = (MV_SLAB - sizeof(mv_slab)) / (size + sizeof(mv_record) + 1);
    while (MV_SLAB - capacity * size < TAIL_BYTES) capacity--;
    *slab = (mv_slab){.capacity = (uint32_t)capacity, .cls = (uint8_t)cls};
    while ((size_t)1 << slab->shift < size) slab->shift++;
    for (size_t i = 0; i < capacity; i++) MV_POISON(base + i * size, size);
    return slab;
}

static void destroy_slab(mv_slab *slab) {
    MV_UNPOISON(slab_base(slab), MV_SLAB);
    unmap_slab(slab_base(slab));
}

/* ---- the list of slabs with room; under the arena's mutex ------------------------------------------- */

static void open_slab(mv_arena *arena, mv_slab *slab, bool last) {
    unsigned cls = slab->cls;
    mv_slab **first = &arena->open[cls], **end = &arena->open_last[cls];
    slab->is_open = true;
    slab->previous = last ? *end : NULL;
    slab->next = last ? NULL : *first;
    if (slab->previous) slab->previous->next = slab;
    else *first = slab;
    if (slab->next) slab->next->previous = slab;
    else *end = slab;
}

static void shut_slab(mv_arena *arena, mv_slab *slab) {
    unsigned cls = slab->cls;
    if (slab->previous) slab->previous->next = slab->next;
    else arena->open[cls] = slab->next;
    if (slab->next) slab->next->previous = slab->previous;
    else arena->open_last[cls] = slab->previous;
    slab->is_open = false;
}

/* Takes one object that was used before, of which there is one. */
static void *take_used(mv_slab *slab) {
    void *object = slab->free;
    slab->free = mv_record_of(object)->next;
    slab->used++;
    return object;
}

/* Takes up to want objects that were never used, or else one that was. */
static size_t take(mv_slab *slab, size_t want, void **first) {
    size_t got = slab->capacity - slab->fresh;
    if (got == 0) {
        *first = take_used(slab);
        return 1;
    }
    if (got > want) got = want;
    *first = slab_base(slab) + ((size_t)slab->fresh << slab->shift);
    slab->fresh += (uint32_t)got;
    slab->used += (uint32_t)got;
    return got;
}

/* ---- arena ------------------------------------------------------------------------------------------ */

void mv_arena_init(mv_arena *arena, uint64_t limit) {
    *arena = (mv_arena){.limit = limit};
    mv_mutex_init(&arena->mutex);
}

void mv_arena_destroy(mv_arena *arena) {
    assert(arena->in_use == 0);
    for (unsigned cls = 0; cls < MV_CLASSES; cls++)
        for (mv_slab *slab = arena->open[cls], *next; slab; slab = next) {
            next = slab->next;
            destroy_slab(slab);
        }
    mv_mutex_destroy(&arena->mutex);
}

/* How many objects of that size the limit allows for. Under the mutex. */
static uint64_t room_for(const mv_arena *arena, size_t size) {
    if (!arena->limit) return UINT64_MAX;
    return arena->limit > arena->in_use ? (arena->limit - arena->in_use) / size : 0;
}

/* Under the mutex, of which it may let go for a time. */
static mv_result take_run(mv_arena *arena, unsigned cls, size_t want, void **first, size_t *got) {
    size_t size = mv_class_size(cls);
    while (!arena->open[cls] && room_for(arena, size) > 0) {
        bool huge = arena->slabs[cls] > 0;
        mv_unlock(&arena->mutex);
        mv_slab *slab = make_slab(cls, huge);
        mv_lock(&arena->mutex);
        if (!slab) return MV_NOMEM;
        arena->reserved += MV_SLAB;
        arena->slabs[cls]++;
        arena->empty[cls]++;
        open_slab(arena, slab, true);
    }
    uint64_t room = room_for(arena, size);
    if (room == 0) return MV_FULL;
    if (want > room) want = (size_t)room;
    mv_slab *slab = arena->open[cls];
    if (slab->used == 0) arena->empty[cls]--;
    *got = take(slab, want, first);
    if (slab->used == slab->capacity) shut_slab(arena, slab);
    arena->in_use += *got * size;
    arena->used[cls] += *got;
    MV_UNPOISON(*first, *got * size);
    return MV_OK;
}

/* Under the mutex, of which it may let go for a time. Mostly there is an object that was used before, in the first open
 * slab. */
static mv_result take_one(mv_arena *arena, unsigned cls, void **out) {
    mv_slab *slab = arena->open[cls];
    size_t size = mv_class_size(cls), got;
    if (!slab || !slab->free || room_for(arena, size) == 0) return take_run(arena, cls, 1, out, &got);
    *out = take_used(slab);
    if (slab->used == slab->capacity) shut_slab(arena, slab);
    arena->in_use += size;
    arena->used[cls]++;
    MV_UNPOISON(*out, size);
    return MV_OK;
}

mv_result mv_arena_new_run(mv_arena *arena, unsigned cls, size_t want, void **first, size_t *got) {
    mv_lock(&arena->mutex);
    mv_result rc = take_run(arena, cls, want, first, got);
    mv_unlock(&arena->mutex);
    return rc;
}

mv_result mv_arena_new_path(mv_arena *arena, size_t nodes, unsigned cls, void **out) {
    mv_result rc = MV_OK;
    size_t made = 0;
    mv_lock(&arena->mutex);
    for (; made <= nodes && !rc; made += !rc) rc = take_one(arena, made < nodes ? MV_NODE_CLASS : cls, &out[made]);
    mv_unlock(&arena->mutex);
    if (!rc) return MV_OK;
    mv_list list = {0};
    while (made > 0) mv_list_push(&list, out[--made]);
    mv_arena_free(arena, list);
    return rc;
}

mv_result mv_arena_new(mv_arena *arena, unsigned cls, void **out) {
    mv_lock(&arena->mutex);
    mv_result rc = take_one(arena, cls, out);
    mv_unlock(&arena->mutex);
    return rc;
}

/* Under the mutex. Returns the slab if it is to be given back to the system. */
static mv_slab *free_object(mv_arena *arena, void *object) {
    mv_slab *slab = mv_slab_of(object);
    unsigned cls = slab->cls;
    MV_POISON(object, mv_class_size(cls));
    mv_record_of(object)->next = slab->free;
    atomic_store_explicit(mv_mark_of(object), 0, memory_order_relaxed);
    slab->free = object;
    slab->used--;
    arena->used[cls]--;
    arena->in_use -= mv_class_size(cls);
    if (slab->used > 0) {
        if (!slab->is_open) open_slab(arena, slab, false);
        return NULL;
    }
    if (slab->is_open) shut_slab(arena, slab);
    if (arena->empty[cls] > 0) {
        arena->reserved -= MV_SLAB;
        arena->slabs[cls]--;
        return slab;
    }
    arena->empty[cls]++;
    slab->free = NULL; /* as new, so that runs lie together again */
    slab->fresh = 0;
    open_slab(arena, slab, true);
    return NULL;
}

void mv_arena_free(mv_arena *arena, mv_list list) {
    enum { BATCH = 128 }; /* the mutex is not held for longer than this many objects */
    void *object = list.head;
    while (object) {
        mv_slab *unused = NULL;
        mv_lock(&arena->mutex);
        for (int i = 0; i < BATCH && object; i++) {
            void *next = mv_record_of(object)->next;
            mv_slab *slab = free_object(arena, object);
            if (slab) {
                slab->next = unused;
                unused = slab;
            }
            object = next;
        }
        mv_unlock(&arena->mutex);
        while (unused) {
            mv_slab *next = unused->next;
            destroy_slab(unused);
            unused = next;
        }
    }
}
