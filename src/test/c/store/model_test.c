/*
 * The block store (store.h) against a model of it, in random steps.
 *
 *     model_test                   some thousand seeds
 *     model_test FIRST COUNT       COUNT seeds from FIRST on; several processes may share the work
 *
 * The model keeps what each version holds as a plain array of bytes, and beside it which object of memory stands where: each
 * block and each table node that was ever made has a number of its own, and two versions share one exactly if they
 * have the same number there. An object is in memory as long as a version that somebody can still reach, a
 * transaction or a load has it; nothing is on the model's side that looks like a dead list or a birth. It also
 * does the store's sums beforehand: with a limit it tells which step fails, and what that step leaves behind.
 *
 * After each step everything that is alive is compared: each version, also those that only a fork keeps, and each
 * transaction byte for byte; that versions share blocks, and that blocks stay where they are;
 * numbers, epochs, names; and the bytes and blocks in use, of the store and of each database, to the last one.
 *
 * Steps come from bytes, any bytes: compiled with MV_FUZZER defined it is a libFuzzer target.
 */
#include "../harness/check.h"
#include "store/store.h"
#include "../harness/store_util.h"
#include "sqlite3.h"

#define NODE_BYTES 512
#define FANOUT_BITS 6

enum { DATABASES = 6, NAMES = 4, PINS = 8, LOADS = 2, LEASES = 4, LEVELS = 5 };

typedef struct database database;

/* A block or table node. */
typedef struct object {
    uint32_t refs;            /* contents and edits that have it; 0: free */
    uint32_t size;
    bool block;
    uint64_t maker;           /* the edit that made it */
    database *of;             /* where it was published first; NULL: not yet */
    const uint8_t *at;        /* of a block, once seen */
    uint64_t first;           /* of a block: its first bytes at the last look */
    uint64_t step;            /* of the last look, and how many bytes were compared then */
    size_t compared;
} object;

typedef struct ids {
    uint32_t *id;             /* 0: nothing */
    uint64_t n, room;
} ids;

/* What a version holds, or will hold. */
typedef struct content {
    uint8_t *data;
    int64_t size;
    uint32_t block_size;      /* 0: not chosen yet */
    unsigned height;
    ids level[LEVELS];        /* 0: the blocks; above them the nodes */
    int refs;
    database *db;             /* of a published one */
    bool inherits;            /* descends from the fork's origin, and was not replaced since */
    uint64_t number, epoch;
    const mv_version *version; /* of a published one */
    const mv_txn *txn;        /* of one under way */
    struct content *previous, *next; /* all that are alive */
} content;

/* The making of a content. */
typedef struct edit {
    content *work;
    uint64_t maker;
    ids discarded;            /* made, not needed any more, and still in memory */
    unsigned spares;          /* nodes in reserve */
} edit;

typedef struct pin {
    mv_version *v;
    content *c;
} pin;

struct database {
    mv_database *db;
    bool named;
    int name;
    int handles;              /* that the test has; the name is another */
    int leases;               /* of these, the handles of leases */
    content *newest;          /* NULL: it has neither handles nor a name */
    content *origin;          /* of a fork, while a content inherits from it */
    uint64_t inheriting;      /* contents that do */
    uint64_t versions, pins, forks, bytes, blocks;
    mv_txn *txn;              /* open, or published and not dropped; NULL: none */
    pin base;                 /* of it */
    edit edit;                /* of it; work is NULL once it is published */
    bool prepared;
};

/* Has a pin while it is in use or its rows are held: an idle one is nothing to the model. */
typedef struct lease {
    mv_lease lease;
    database *d;              /* NULL: not open */
    pin pin;
    _Atomic int32_t rows[3];
    bool in_use;
} lease;

typedef struct load {
    mv_load *load;
    edit edit;
    uint64_t blocks;          /* in its table */
    uint8_t *file;
    size_t size, fed;
    uint32_t block_size;      /* that it will have */
    mv_result bad_header;     /* what becomes of it when the header is complete */
    mv_result at_end;         /* what mv_load_finish will say */
    mv_result failed;
    bool finished;
    uint64_t number;
} load;

typedef struct model {
    const uint8_t *input;
    size_t left;
    mv_store *store;
    uint32_t block_size;      /* 0: automatic */
    uint32_t unit;            /* the usual size of a write */
    int64_t max_size;         /* of a content */
    uint64_t limit;           /* 0: none */
    bool closed;
    int holds;                /* of the store */
    object *objects;          /* by number; 0 is none */
    uint32_t count, room;
    ids unused;               /* numbers */
    uint64_t bytes, blocks;   /* in use */
    uint64_t published;       /* bytes of what versions have */
    uint64_t makers, stamp, step;
    content contents;         /* head of the list */
    database *dbs[DATABASES]; /* those with a name or a handle */
    pin pins[PINS];
    lease leases[LEASES];
    load loads[LOADS];
    uint64_t versions, references, forks; /* of all databases */
} model;

static const char *const names[NAMES] = {"a", "ab", "b", "\xc3\xa4"};

/* ---- input ------------------------------------------------------------------------------------------ */

static uint32_t next_byte(model *m) {
    if (m->left == 0)
        return 0;
    m->left--;
    return *m->input++;
}

static uint64_t next_number(model *m, uint64_t below) {
    uint32_t high = next_byte(m), low = next_byte(m);
    return (high << 8 | low) * UINT64_C(251) % below;
}

/* ---- objects ---------------------------------------------------------------------------------------- */

static void ids_extend(ids *list, uint64_t n) {
    if (n > list->room) {
        list->room = n + n / 2 + 8;
        list->id = realloc(list->id, sizeof *list->id * list->room);
        REQUIRE(list->id);
    }
    if (n > list->n) {
        memset(list->id + list->n, 0, sizeof *list->id * (n - list->n));
        list->n = n;
    }
}

static void ids_push(ids *list, uint32_t id) {
    ids_extend(list, list->n + 1);
    list->id[list->n - 1] = id;
}

/* 0: the limit forbids it. */
static uint32_t object_new(model *m, bool block, uint32_t size, uint64_t maker) {
    if (m->limit && m->bytes + size > m->limit)
        return 0;
    if (m->unused.n == 0) {
        if (m->count >= m->room) {
            m->room = m->room * 2 + 64;
            m->objects = realloc(m->objects, sizeof *m->objects * m->room);
            REQUIRE(m->objects);
        }
        ids_push(&m->unused, m->count++);
    }
    uint32_t id = m->unused.id[--m->unused.n];
    m->objects[id] = (object){.refs = 1, .size = size, .block = block, .maker = maker};
    m->bytes += size;
    m->blocks += block;
    return id;
}

static void object_unref(model *m, uint32_t id) {
    object *o = &m->objects[id];
    if (--o->refs > 0)
        return;
    m->bytes -= o->size;
    m->blocks -= o->block;
    if (o->of) {
        o->of->bytes -= o->size;
        o->of->blocks -= o->block;
        m->published -= o->size;
    }
    ids_push(&m->unused, id);
}

/* ---- contents --------------------------------------------------------------------------------------- */

static content *content_new(model *m) {
    content *c = calloc(1, sizeof *c);
    REQUIRE(c);
    c->refs = 1;
    c->next = &m->contents;
    c->previous = m->contents.previous;
    c->previous->next = c->next->previous = c;
    return c;
}

static content *content_copy(model *m, const content *from) {
    content *c = content_new(m);
    c->data = allocate((size_t)from->size);
    if (from->size)
        memcpy(c->data, from->data, (size_t)from->size);
    c->size = from->size;
    c->block_size = from->block_size;
    c->height = from->height;
    for (unsigned l = 0; l < LEVELS; l++) {
        ids_extend(&c->level[l], from->level[l].n);
        for (uint64_t i = 0; i < from->level[l].n; i++)
            if ((c->level[l].id[i] = from->level[l].id[i]))
                m->objects[c->level[l].id[i]].refs++;
    }
    return c;
}

static void database_end(database *d) {
    if (d->versions > 0 || d->newest)
        return;
    CHECK_EQ(d->bytes, 0); /* else the model is wrong */
    CHECK(!d->origin && !d->txn);
    free(d);
}

static void content_unref(model *m, content *c) {
    if (--c->refs > 0)
        return;
    c->previous->next = c->next;
    c->next->previous = c->previous;
    for (unsigned l = 0; l < LEVELS; l++) {
        for (uint64_t i = 0; i < c->level[l].n; i++)
            if (c->level[l].id[i])
                object_unref(m, c->level[l].id[i]);
        free(c->level[l].id);
    }
    database *d = c->db;
    content *origin = NULL;
    if (d) {
        d->versions--;
        m->versions--;
        if (c->inherits && --d->inheriting == 0) {
            origin = d->origin;
            d->origin = NULL;
        }
        database_end(d);
    }
    free(c->data);
    free(c);
    if (origin) {
        origin->db->pins--;
        origin->db->forks--;
        m->references--;
        m->forks--;
        content_unref(m, origin);
    }
}

/* It becomes the newest of that database, and takes over the reference. */
static void content_publish(model *m, content *c, database *d, uint64_t maker, bool replaces) {
    content *old = d->newest;
    c->db = d;
    c->txn = NULL;
    c->inherits = old && old->inherits && !replaces;
    c->epoch = old ? old->epoch + replaces : 0;
    d->inheriting += c->inherits;
    d->versions++;
    m->versions++;
    for (unsigned l = 0; l < LEVELS; l++)
        for (uint64_t i = 0; i < c->level[l].n; i++) {
            object *o = &m->objects[c->level[l].id[i]];
            if (c->level[l].id[i] && o->maker == maker) {
                o->of = d;
                d->bytes += o->size;
                d->blocks += o->block;
                m->published += o->size;
            }
        }
    mv_version *v = mv_database_pin(d->db);
    c->version = v;
    mv_version_release(v);
    d->newest = c;
    if (old)
        content_unref(m, old);
}

static void content_resize(content *c, int64_t size) {
    c->data = realloc(c->data, (size_t)size + 1);
    REQUIRE(c->data);
    if (size > c->size)
        memset(c->data + c->size, 0, (size_t)(size - c->size));
    c->size = size;
}

static uint64_t blocks_of(const content *c, int64_t size) {
    return c->block_size ? ((uint64_t)size + c->block_size - 1) / c->block_size : 0;
}

static uint32_t id_at(const content *c, unsigned level, uint64_t index) {
    return index < c->level[level].n ? c->level[level].id[index] : 0;
}

static void put_id(content *c, unsigned level, uint64_t index, uint32_t id) {
    ids_extend(&c->level[level], index + 1);
    c->level[level].id[index] = id;
}

/* ---- edits: what the store's table does, and when the limit stops it --------------------------------- */

static void edit_start(model *m, edit *e, content *work) {
    *e = (edit){.work = work, .maker = ++m->makers};
}

static void edit_sweep(model *m, edit *e) {
    m->bytes -= (uint64_t)e->spares * NODE_BYTES;
    e->spares = 0;
    for (uint64_t i = 0; i < e->discarded.n; i++)
        object_unref(m, e->discarded.id[i]);
    e->discarded.n = 0;
}

static void edit_drop(model *m, edit *e) {
    edit_sweep(m, e);
    free(e->discarded.id);
    if (e->work)
        content_unref(m, e->work);
    *e = (edit){0};
}

/* The content has nothing there any more. */
static void edit_discard(model *m, edit *e, unsigned level, uint64_t index) {
    uint32_t id = id_at(e->work, level, index);
    if (!id)
        return;
    if (m->objects[id].maker == e->maker)
        ids_push(&e->discarded, id);
    else
        object_unref(m, id);
    put_id(e->work, level, index, 0);
}

/* Makes what stands there the edit's own. False: the limit forbids it. */
static bool edit_own(model *m, edit *e, unsigned level, uint64_t index) {
    content *c = e->work;
    uint32_t old = id_at(c, level, index);
    if (old && m->objects[old].maker == e->maker)
        return true;
    uint32_t id = object_new(m, level == 0, level == 0 ? c->block_size : NODE_BYTES, e->maker);
    if (!id && level > 0 && e->spares > 0) {
        e->spares--;
        m->bytes -= NODE_BYTES;
        id = object_new(m, false, NODE_BYTES, e->maker);
    }
    if (!id)
        return false;
    if (old)
        object_unref(m, old);
    put_id(c, level, index, id);
    return true;
}

/* Makes the nodes above that block the edit's own, `most` of them at the most. */
static bool edit_own_path(model *m, edit *e, uint64_t number, uint64_t most) {
    content *c = e->work;
    if (number == 0) /* stands beside the trie */
        return true;
    while (number >> (c->height * FANOUT_BITS)) {
        REQUIRE(c->height + 1 < LEVELS);
        if (c->height > 0 && id_at(c, c->height, 0)) {
            if (most-- == 0 || !edit_own(m, e, c->height + 1, 0))
                return false;
        }
        c->height++;
    }
    for (unsigned level = c->height; level > 0; level--) {
        uint64_t index = number >> (level * FANOUT_BITS);
        uint32_t id = id_at(c, level, index);
        if (id && m->objects[id].maker == e->maker)
            continue;
        if (most-- == 0 || !edit_own(m, e, level, index))
            return false;
    }
    return true;
}

static bool is_own(const model *m, const edit *e, unsigned level, uint64_t index) {
    uint32_t id = id_at(e->work, level, index);
    return id && m->objects[id].maker == e->maker;
}

/* A block and the nodes above it come together or not at all. */
static bool edit_own_block(model *m, edit *e, uint64_t number) {
    const content *c = e->work;
    if (is_own(m, e, 0, number))
        return true;
    bool root = c->height > 0 && id_at(c, c->height, 0);
    unsigned height = number == 0 ? 0 : c->height;
    uint64_t need = c->block_size;
    for (; number >> (height * FANOUT_BITS); height++)
        need += root ? NODE_BYTES : 0;
    for (unsigned level = height; level > 0; level--)
        need += (root && level == height && height > c->height) || is_own(m, e, level, number >> (level * FANOUT_BITS)) ? 0 : NODE_BYTES;
    if (m->limit && m->bytes + need > m->limit)
        return false;
    return edit_own_path(m, e, number, UINT64_MAX) && edit_own(m, e, 0, number);
}

/* Keeps the first blocks only. */
static bool edit_cut(model *m, edit *e, uint64_t blocks) {
    content *c = e->work;
    if (blocks > 0 && blocks >= UINT64_C(1) << (c->height * FANOUT_BITS))
        return true;
    for (unsigned level = c->height; level > 0 && blocks > 1; level--) { /* nodes that keep some of their blocks but not all */
        uint64_t each = UINT64_C(1) << (level * FANOUT_BITS), index = blocks / each;
        if (blocks % each == 0)
            break;
        if (!id_at(c, level, index))
            break;
        if (!edit_own(m, e, level, index))
            return false;
    }
    for (unsigned level = 0; level <= c->height; level++) {
        uint64_t each = UINT64_C(1) << (level * FANOUT_BITS), end = level > 0 && blocks <= 1 ? 0 : (blocks + each - 1) / each;
        for (uint64_t index = end; index < c->level[level].n; index++)
            edit_discard(m, e, level, index);
        if (c->level[level].n > end)
            c->level[level].n = end;
    }
    if (blocks == 0)
        c->height = 0;
    while (c->height > 0 && blocks <= UINT64_C(1) << ((c->height - 1) * FANOUT_BITS))
        edit_discard(m, e, c->height--, 0);
    return true;
}

static bool edit_reserve(model *m, edit *e) {
    uint32_t height = e->work->height, root = height ? id_at(e->work, height, 0) : 0;
    while (e->spares < height - (root && m->objects[root].maker == e->maker)) {
        if (m->limit && m->bytes + NODE_BYTES > m->limit)
            return false;
        m->bytes += NODE_BYTES;
        e->spares++;
    }
    return true;
}

static uint32_t block_size_for(const model *m, uint64_t n) {
    if (m->block_size)
        return m->block_size;
    uint32_t size = MV_MIN_BLOCK;
    while (size < MV_MAX_BLOCK && size < n)
        size *= 2;
    return size;
}

/* Before the content grows to that size: a last block that is not full is zeroed behind the end. */
static bool edit_clear_gap(model *m, edit *e, int64_t to) {
    content *c = e->work;
    uint64_t last = (uint64_t)c->size / c->block_size;
    if (c->size % c->block_size == 0 || to <= c->size || !id_at(c, 0, last))
        return true;
    return edit_own_block(m, e, last);
}

/* The limit is one of length, too, of what grows. */
static bool too_long(const model *m, const content *c, int64_t size) {
    return m->limit && size > c->size && (uint64_t)size > m->limit;
}

static mv_result edit_write(model *m, edit *e, const uint8_t *bytes, size_t n, int64_t offset) {
    content *c = e->work;
    if (n == 0)
        return MV_OK;
    if (too_long(m, c, offset + (int64_t)n))
        return MV_FULL;
    if (!c->block_size)
        c->block_size = block_size_for(m, n);
    if (!edit_clear_gap(m, e, offset))
        return MV_FULL;
    int64_t size = c->block_size, end = offset + (int64_t)n;
    for (int64_t number = offset / size; number * size < end; number++) {
        int64_t from = number * size > offset ? number * size : offset, to = (number + 1) * size < end ? (number + 1) * size : end;
        bool same = id_at(c, 0, (uint64_t)number) && to <= c->size && !memcmp(c->data + from, bytes + (from - offset), (size_t)(to - from));
        if (same || edit_own_block(m, e, (uint64_t)number))
            continue;
        while (number-- > offset / size) /* what it made behind the end goes; what it copied before the end stays */
            if (number * size >= c->size) {
                object_unref(m, id_at(c, 0, (uint64_t)number));
                put_id(c, 0, (uint64_t)number, 0);
            }
        m->bytes -= (uint64_t)e->spares * NODE_BYTES;
        e->spares = 0;
        return MV_FULL;
    }
    if (end > c->size)
        content_resize(c, end);
    memcpy(c->data + offset, bytes, n);
    return MV_OK;
}

static mv_result edit_truncate(model *m, edit *e, int64_t size) {
    content *c = e->work;
    if (too_long(m, c, size))
        return MV_FULL;
    if (size > c->size) {
        if (!c->block_size)
            c->block_size = block_size_for(m, 4096);
        if (!edit_clear_gap(m, e, size))
            return MV_FULL;
    } else {
        if (!edit_cut(m, e, blocks_of(c, size)))
            return MV_FULL;
        if (size == 0)
            c->block_size = 0;
    }
    content_resize(c, size);
    return MV_OK;
}

static bool has_hole(const content *c, int64_t from, int64_t to) {
    for (int64_t at = from; at < to; at += c->block_size)
        if (id_at(c, 0, (uint64_t)at / c->block_size))
            return false;
    return true;
}

/* The blocks and nodes of one content are those of the other, and the other way round. */
static void swap_blocks(content *a, content *b) {
    content old = *a;
    memcpy(a->level, b->level, sizeof a->level);
    a->height = b->height;
    a->block_size = b->block_size;
    memcpy(b->level, old.level, sizeof b->level);
    b->height = old.height;
    b->block_size = old.block_size;
}

static void drop_blocks(content *c) {
    for (int level = 0; level < LEVELS; level++)
        free(c->level[level].id);
}

static mv_result edit_resize_blocks(model *m, edit *e, uint32_t size) {
    content *c = e->work, other = {.block_size = size};
    if (m->block_size || !c->block_size || c->block_size == size)
        return MV_OK;
    swap_blocks(c, &other);
    for (uint64_t number = 0; number < blocks_of(c, c->size); number++) {
        int64_t from = (int64_t)(number * size);
        if (has_hole(&other, from, from + size) || edit_own_block(m, e, number))
            continue;
        swap_blocks(c, &other);
        for (int level = 0; level < LEVELS; level++)
            for (uint64_t i = 0; i < other.level[level].n; i++)
                if (other.level[level].id[i])
                    object_unref(m, other.level[level].id[i]);
        drop_blocks(&other);
        m->bytes -= (uint64_t)e->spares * NODE_BYTES;
        e->spares = 0;
        return MV_FULL;
    }
    swap_blocks(c, &other);
    for (unsigned level = 0; level < LEVELS; level++)
        for (uint64_t i = 0; i < c->level[level].n; i++)
            edit_discard(m, e, level, i);
    swap_blocks(c, &other);
    drop_blocks(&other);
    return MV_OK;
}

/* ---- comparing -------------------------------------------------------------------------------------- */

static const uint8_t *fetch(const content *c, int64_t offset, size_t n) {
    return c->version ? mv_version_fetch(c->version, offset, n) : mv_txn_fetch(c->txn, offset, n);
}

static size_t read_bytes(const content *c, void *to, size_t n, int64_t offset) {
    return c->version ? mv_version_read(c->version, to, n, offset) : mv_txn_read(c->txn, to, n, offset);
}

/* Every byte, block by block. One that several contents share is compared once, over as much of it as any of them shows. */
static void check_blocks(model *m, const content *c) {
    uint64_t blocks = blocks_of(c, c->size);
    for (uint64_t i = 0; i < blocks; i++) {
        int64_t offset = (int64_t)(i * c->block_size);
        size_t n = c->size - offset < (int64_t)c->block_size ? (size_t)(c->size - offset) : c->block_size;
        const uint8_t *p = fetch(c, offset, n);
        uint32_t id = id_at(c, 0, i);
        if (!id || !p) {
            CHECK(!id && !p);
            continue; /* a hole */
        }
        object *o = &m->objects[id];
        if (o->at != p) {
            CHECK(!o->at); /* the same for all that share it, and never moved */
            o->at = p;
        }
        if (o->step != m->step)
            o->compared = 0;
        o->step = m->step;
        if (o->compared >= n)
            continue;
        CHECK_MEM(p, c->data + offset, n);
        o->compared = n;
        memcpy(&o->first, p, sizeof o->first);
    }
}

/* Every byte, by the other ways of reading. */
static void check_reads(const content *c) {
    if (c->version) {
        check_content(c->version, c->data, c->size);
        return;
    }
    uint8_t *got = allocate((size_t)c->size + 16);
    CHECK_EQ(mv_txn_read(c->txn, got, (size_t)c->size + 16, 0), c->size);
    CHECK_MEM(got, c->data, (size_t)c->size);
    free(got);
}

/* At a place that the input chooses. */
static void check_read_somewhere(model *m, const content *c) {
    int64_t offset = (int64_t)next_number(m, (uint64_t)c->size + 100);
    size_t n = next_number(m, 3000);
    size_t inside = offset >= c->size ? 0 : (size_t)(c->size - offset);
    size_t expected = inside < n ? inside : n;
    uint8_t got[3000];
    CHECK_EQ(read_bytes(c, got, n, offset), expected);
    if (expected > 0)
        CHECK_MEM(got, c->data + offset, expected);
    const uint8_t *p = c->block_size ? fetch(c, offset, n) : NULL;
    if (c->block_size && n > 0) {
        bool one = offset / c->block_size == (offset + (int64_t)n - 1) / c->block_size;
        bool can = one && n <= inside && id_at(c, 0, (uint64_t)offset / c->block_size);
        CHECK_EQ(p != NULL, can);
        if (p && can)
            CHECK_MEM(p, c->data + offset, n);
    }
    if (!c->version)
        return;
    size_t len = 77;
    const void *span = mv_version_span(c->version, offset, n, &len);
    CHECK(len <= expected && (len > 0) == (expected > 0));
    if (len > 0 && len <= expected)
        CHECK_MEM(span, c->data + offset, len);
}

static void check_discarded(model *m, const edit *e) {
    for (uint64_t i = 0; i < e->discarded.n; i++) {
        const object *o = &m->objects[e->discarded.id[i]];
        if (o->at)
            CHECK_MEM(o->at, &o->first, sizeof o->first);
    }
}

static void check_stats(mv_stats stats, mv_stats expected) {
    CHECK_EQ(stats.bytes, expected.bytes);
    CHECK_EQ(stats.blocks, expected.blocks);
    CHECK_EQ(stats.versions, expected.versions);
    CHECK_EQ(stats.pins, expected.pins);
    CHECK_EQ(stats.forks, expected.forks);
    CHECK_EQ(stats.databases, expected.databases);
    CHECK_EQ(stats.limit, expected.limit);
}

static void check_database(const database *d) {
    mv_stats expected = {.bytes = d->bytes, .blocks = d->blocks, .versions = d->versions, .pins = d->pins, .forks = d->forks, .databases = 1};
    check_stats(stats_of_database(d->db), expected);
    CHECK_EQ(mv_write_locked(d->db), d->txn != NULL);
}

static void check_names(const model *m) {
    char wanted[NAMES * 4], *got;
    size_t n = 0, len;
    for (int name = 0; name < NAMES; name++)
        for (int i = 0; i < DATABASES; i++)
            if (m->dbs[i] && m->dbs[i]->named && m->dbs[i]->name == name) {
                memcpy(wanted + n, names[name], strlen(names[name]) + 1);
                n += strlen(names[name]) + 1;
            }
    REQUIRE_EQ(mv_store_names(m->store, &got, &len), MV_OK);
    if (CHECK_EQ(len, n))
        CHECK_MEM(got, wanted, n);
    sqlite3_free(got);
}

static void check_all(model *m) {
    m->step++;
    for (content *c = m->contents.next; c != &m->contents; c = c->next) {
        if (c->version) {
            CHECK(!c->db->db || mv_version_database(c->version) == c->db->db);
            CHECK_EQ(mv_version_number(c->version), c->number);
            CHECK_EQ(mv_version_epoch(c->version), c->epoch);
            CHECK_EQ(mv_version_size(c->version), c->size);
            CHECK_EQ(mv_version_block_size(c->version), c->block_size);
            CHECK_EQ(mv_version_is_newest(c->version), c->db->newest == c);
        } else if (c->txn) {
            CHECK_EQ(mv_txn_size(c->txn), c->size);
        } else {
            continue; /* a load cannot be read */
        }
        if (atomic_load(&check_failures) > 0)
            return;
        check_blocks(m, c);
        if (m->step % 16 == 0)
            check_reads(c);
    }
    uint64_t named = 0;
    for (int i = 0; i < DATABASES; i++)
        if (m->dbs[i]) {
            check_database(m->dbs[i]);
            named += m->dbs[i]->named;
            check_discarded(m, &m->dbs[i]->edit);
        }
    CHECK_EQ(mv_store_check(m->store), m->published);
    mv_stats expected = {.bytes = m->bytes, .limit = m->limit, .blocks = m->blocks, .versions = m->versions,
                         .pins = m->references, .forks = m->forks, .databases = named}, stats = stats_of(m->store);
    check_stats(stats, expected);
    CHECK(stats.reserved >= stats.bytes);
    check_names(m);
}

/* ---- pins ------------------------------------------------------------------------------------------ */

/* Without the reference. */
static void clear_pin(model *m, pin *p) {
    if (!p->v)
        return;
    p->c->db->pins--;
    m->references--;
    p->v = NULL;
    content_unref(m, p->c);
}

static void unpin(model *m, pin *p) {
    if (p->v)
        mv_version_release(p->v);
    clear_pin(m, p);
}

/* Takes over the reference to v. */
static void set_pin(model *m, pin *p, mv_version *v, content *c) {
    unpin(m, p);
    *p = (pin){v, c};
    CHECK(v == c->version);
    c->refs++;
    c->db->pins++;
    m->references++;
}

/* ---- databases -------------------------------------------------------------------------------------- */

static int slot_named(const model *m, int name) {
    for (int i = 0; i < DATABASES; i++)
        if (m->dbs[i] && m->dbs[i]->named && m->dbs[i]->name == name)
            return i;
    return -1;
}

static int free_slot(const model *m) {
    for (int i = 0; i < DATABASES; i++)
        if (!m->dbs[i])
            return i;
    return -1;
}

/* One that the input chooses, or NULL if there is none. */
static database *some_database(model *m) {
    uint32_t at = next_byte(m);
    for (uint32_t i = 0; i < DATABASES; i++)
        if (m->dbs[(at + i) % DATABASES])
            return m->dbs[(at + i) % DATABASES];
    return NULL;
}

/* The model's side of one that was just made under that name, without a newest content. */
static database *database_new(model *m, int name) {
    database *d = calloc(1, sizeof *d);
    REQUIRE(d);
    d->named = true;
    d->name = name;
    d->handles = 1;
    REQUIRE_EQ(mv_store_open(m->store, names[name], strlen(names[name]), false, &d->db), MV_OK);
    m->dbs[free_slot(m)] = d;
    return d;
}

static void open_database(model *m, int name, bool create) {
    int slot = slot_named(m, name);
    mv_database *db = NULL;
    mv_result expected = m->closed ? MV_CLOSED : slot >= 0 || create ? MV_OK : MV_NOTFOUND;
    if (slot < 0 && free_slot(m) < 0 && expected == MV_OK)
        return;
    CHECK_EQ(mv_store_open(m->store, names[name], strlen(names[name]), create, &db), expected);
    if (!db) {
        CHECK(expected != MV_OK);
    } else if (slot >= 0) {
        CHECK(db == m->dbs[slot]->db);
        m->dbs[slot]->handles++;
    } else {
        content_publish(m, content_new(m), database_new(m, name), 0, false);
        mv_database_release(db); /* database_new has its own */
    }
}

static void end_txn(model *m, database *d) {
    d->txn = NULL;
    d->prepared = false;
    unpin(m, &d->base);
    mv_write_unlock(d->db, d);
}

static void drop_txn(model *m, database *d) {
    if (!d->txn)
        return;
    mv_txn_drop(d->txn);
    edit_drop(m, &d->edit);
    end_txn(m, d);
}

/* Neither a name nor a handle is left. */
static void forget_unless_used(model *m, database *d) {
    if (d->named || d->handles > 0)
        return;
    for (int i = 0; i < DATABASES; i++)
        if (m->dbs[i] == d)
            m->dbs[i] = NULL;
    content *last = d->newest;
    d->newest = NULL;
    d->db = NULL;
    content_unref(m, last);
}

static void release_handle(model *m, database *d) {
    if (d->handles == d->leases)
        return;
    if (d->handles == 1 && !d->named)
        drop_txn(m, d);
    d->handles--;
    mv_database_release(d->db);
    forget_unless_used(m, d);
}

static void delete_database(model *m, int name) {
    int slot = slot_named(m, name);
    database *d = slot >= 0 ? m->dbs[slot] : NULL;
    if (d && d->handles == 0)
        drop_txn(m, d);
    CHECK_EQ(delete_name(m->store, names[name]), d ? MV_OK : MV_NOTFOUND);
    if (!d)
        return;
    d->named = false;
    forget_unless_used(m, d);
}

static void close_store(model *m) {
    for (int i = 0; i < DATABASES; i++)
        if (m->dbs[i] && m->dbs[i]->handles == 0)
            drop_txn(m, m->dbs[i]);
    mv_store_close(m->store);
    m->closed = true;
    for (int i = 0; i < DATABASES; i++)
        if (m->dbs[i]) {
            m->dbs[i]->named = false;
            forget_unless_used(m, m->dbs[i]);
        }
}

static void fork_pin(model *m, const pin *p, int name) {
    if (!p->v)
        return;
    mv_result expected = m->closed ? MV_CLOSED : slot_named(m, name) >= 0 ? MV_EXISTS : MV_OK;
    if (expected == MV_OK && free_slot(m) < 0)
        return;
    CHECK_EQ(fork_to(m->store, p->v, names[name]), expected);
    if (expected != MV_OK)
        return;
    database *d = database_new(m, name);
    d->origin = p->c;
    p->c->refs++;
    p->c->db->pins++;
    p->c->db->forks++;
    m->references++;
    m->forks++;
    content *c = content_copy(m, p->c);
    c->number = p->c->number;
    content_publish(m, c, d, 0, false);
    c->inherits = true;
    d->inheriting++;
}

/* ---- transactions ----------------------------------------------------------------------------------- */

static bool begin_txn(model *m, database *d) {
    if (d->txn)
        return d->edit.work != NULL;
    REQUIRE_EQ(mv_write_lock(d->db, d), MV_OK);
    set_pin(m, &d->base, mv_database_pin(d->db), d->newest);
    REQUIRE_EQ(mv_txn_begin(d->db, d->base.v, &d->txn), MV_OK);
    content *c = content_copy(m, d->newest);
    c->number = d->newest->number + 1;
    c->txn = d->txn;
    edit_start(m, &d->edit, c);
    return true;
}

/* Whether the model may hold so much. */
static bool fits(const model *m, int64_t offset, size_t n) {
    return offset <= m->max_size && (int64_t)n <= m->max_size - offset;
}

static void write_to(model *m, mv_txn *txn, edit *e, const uint8_t *bytes, size_t n, int64_t offset) {
    mv_result rc = mv_txn_write(txn, bytes, n, offset);
    CHECK_EQ(rc, edit_write(m, e, bytes, n, offset));
}

static void write_new(model *m, mv_txn *txn, edit *e, int64_t offset, size_t n) {
    if (!fits(m, offset, n))
        return;
    uint8_t *bytes = allocate(n);
    fill(bytes, n, ++m->stamp);
    write_to(m, txn, e, bytes, n, offset);
    free(bytes);
}

/* What stands there already, but for some bytes. */
static void write_again(model *m, mv_txn *txn, edit *e, int64_t offset, size_t n, bool change) {
    const content *c = e->work;
    if (offset >= c->size)
        return;
    if ((int64_t)n > c->size - offset)
        n = (size_t)(c->size - offset);
    uint8_t *bytes = allocate(n);
    memcpy(bytes, c->data + offset, n);
    if (change && n > 0)
        bytes[next_number(m, n)] ^= 0x80;
    write_to(m, txn, e, bytes, n, offset);
    free(bytes);
}

/* A place within the content or at its end, often where a block or table node begins. */
static int64_t some_place(model *m, const content *c) {
    uint32_t how = next_byte(m);
    int64_t place = (int64_t)next_number(m, (uint64_t)c->size + 1);
    uint32_t size = c->block_size ? c->block_size : m->unit;
    if (how % 4 == 0)
        return place;
    if (how % 16 == 1)
        size *= 64;
    place -= place % size;
    if (how % 16 == 2 && place > 0)
        place--;
    else if (how % 16 == 3 && place < c->size)
        place++;
    return place;
}

static void write_some(model *m, mv_txn *txn, edit *e, uint32_t how) {
    const content *c = e->work;
    int64_t place = some_place(m, c);
    uint32_t size = c->block_size ? c->block_size : m->unit;
    switch (how) {
    case 0: /* a block or more */
        write_new(m, txn, e, place - place % size, size);
        break;
    case 1:
        write_new(m, txn, e, place - place % size, (size_t)size * (1 + next_byte(m) % 12));
        break;
    case 2: /* some bytes */
        write_new(m, txn, e, place, next_number(m, 2 * (uint64_t)size));
        break;
    case 3: /* beyond the end */
        write_new(m, txn, e, c->size + (int64_t)next_number(m, 3 * (uint64_t)size), 1 + next_number(m, size));
        break;
    case 4: /* far away */
        write_new(m, txn, e, (int64_t)next_number(m, (uint64_t)m->max_size / size + 1) * size, size);
        break;
    default:
        write_again(m, txn, e, place, 1 + next_number(m, 4 * (uint64_t)size), how == 5);
    }
}

static mv_result truncate_to(model *m, mv_txn *txn, edit *e, int64_t size) {
    mv_result rc = mv_txn_truncate(txn, size);
    CHECK_EQ(rc, edit_truncate(m, e, size));
    return rc;
}

static mv_result prepare(model *m, database *d) {
    mv_result rc = mv_txn_prepare(d->txn);
    CHECK_EQ(rc, edit_reserve(m, &d->edit) ? MV_OK : MV_FULL);
    d->prepared = rc == MV_OK;
    return rc;
}

static void resize_blocks(model *m, database *d) {
    uint32_t size = MV_MIN_BLOCK << next_byte(m) % 8;
    mv_result rc = mv_txn_resize_blocks(d->txn, size);
    CHECK_EQ(rc, edit_resize_blocks(m, &d->edit, size));
    d->prepared = false;
}

static void truncate_some(model *m, database *d, int64_t size) {
    bool promised = d->prepared && size <= d->edit.work->size;
    mv_result rc = truncate_to(m, d->txn, &d->edit, size);
    if (promised)
        CHECK_EQ(rc, MV_OK);
    d->prepared = false;
}

/* Makes it shorter, and writes what stood there again. */
static void cut_and_mend(model *m, database *d, int64_t size) {
    content *c = d->edit.work;
    size_t n = (size_t)(c->size - size), most = 1 + next_number(m, 3000);
    if (n > most)
        n = most;
    uint8_t *bytes = allocate(n);
    if (n > 0)
        memcpy(bytes, c->data + size, n);
    truncate_some(m, d, size);
    if (c->size == size)
        write_to(m, d->txn, &d->edit, bytes, n, size);
    free(bytes);
}

/* Of that database, and in use with its newest version; or NULL. */
static lease *lease_of(model *m, const database *d) {
    for (int i = 0; i < LEASES; i++)
        if (m->leases[i].d == d && m->leases[i].in_use && m->leases[i].pin.c == d->newest)
            return &m->leases[i];
    return NULL;
}

/* Publishes. The transaction stays readable until it is dropped, at once if drop; else a lease's version is from then on the new one. */
static void publish_txn(model *m, database *d, bool drop) {
    content *c = d->edit.work, *before = d->newest;
    lease *l = drop ? NULL : lease_of(m, d);
    mv_lease of_our_own;
    m->bytes -= (uint64_t)d->edit.spares * NODE_BYTES;
    d->edit.spares = 0;
    mv_version *v = NULL, *base = d->base.v, *old = NULL;
    if (drop) {
        v = commit_txn(d->db, d->txn);
    } else if (l) {
        old = mv_txn_publish(d->txn, &l->lease, m->step % 2);
    } else {
        mv_lease_open(&of_our_own, d->db);
        CHECK(mv_lease_take(&of_our_own) == base);
        old = mv_txn_publish(d->txn, &of_our_own, m->step % 2);
        v = mv_version_hold(mv_lease_leave(&of_our_own));
        mv_lease_return(v);
        mv_lease_close(&of_our_own);
    }
    CHECK(!old || old == before->version);
    d->edit.work = NULL;
    content_publish(m, c, d, d->edit.maker, false);
    if (v)
        mv_version_release(v);
    if (l) {
        if (old)
            mv_lease_return(old);
        clear_pin(m, &l->pin);
        set_pin(m, &l->pin, l->lease.version, c);
    } else {
        CHECK(v == c->version);
        if (old)
            mv_lease_return(old);
    }
    if (!drop)
        return;
    edit_drop(m, &d->edit);
    end_txn(m, d);
}

/* ---- leases ----------------------------------------------------------------------------------------- */

/* rows: it is put back for them; aside: there are some, but it is put back for something else. */
static void put_lease(model *m, lease *l, bool rows, bool aside) {
    atomic_fetch_add(&l->rows[1], (rows || aside) && !l->rows[0]);
    atomic_store(&l->rows[0], rows || aside);
    atomic_store(&l->rows[2], rows);
    l->in_use = false;
    mv_lease_put(&l->lease);
    if (!rows)
        clear_pin(m, &l->pin);
}

static void close_lease(model *m, lease *l) {
    database *d = l->d;
    if (l->in_use)
        put_lease(m, l, false, false);
    clear_pin(m, &l->pin);
    mv_lease_close(&l->lease);
    l->d = NULL;
    d->leases--;
    release_handle(m, d);
}

static void use_lease(model *m, lease *l, uint32_t how) {
    if (!l->d) {
        if (!(l->d = some_database(m)))
            return;
        l->d->handles++;
        l->d->leases++;
        mv_database_hold(l->d->db);
        mv_lease_open(&l->lease, l->d->db);
        atomic_store(&l->rows[0], 0);
        mv_lease_rows(&l->lease, l->rows);
    } else if (l->in_use && how % 8 == 0) { /* an SQLite that still points into its pages */
        l->in_use = false;
        mv_lease_return(mv_lease_leave(&l->lease));
        clear_pin(m, &l->pin);
        atomic_store(&l->rows[0], 0);
    } else if (l->in_use) {
        put_lease(m, l, how % 2, how / 8 % 2);
    } else if (l->pin.v && how % 4 == 0) { /* held no more */
        atomic_store(&l->rows[0], 0);
        clear_pin(m, &l->pin);
    } else if (l->pin.v && how % 4 == 1) { /* and the connection says so */
        mv_lease_rows(&l->lease, NULL);
        clear_pin(m, &l->pin);
        atomic_store(&l->rows[0], 0);
        mv_lease_rows(&l->lease, l->rows);
    } else if (how % 8 == 2) {
        close_lease(m, l);
    } else {
        mv_version *v = mv_lease_take(&l->lease);
        l->in_use = true;
        if (l->pin.v)
            CHECK(v == l->pin.c->version);
        else
            set_pin(m, &l->pin, v, l->d->newest);
    }
}

/* What must be refused. */
static void begin_wrongly(database *d, const pin *p) {
    int other = 0; /* its address is what counts */
    mv_txn *txn = NULL;
    if (d->txn) {
        CHECK_EQ(mv_write_lock(d->db, &other), MV_BUSY);
        mv_write_unlock(d->db, &other); /* has nothing to give up */
    } else if (p->v && p->c->db == d && p->c != d->newest) {
        REQUIRE_EQ(mv_write_lock(d->db, d), MV_OK);
        CHECK_EQ(mv_write_lock(d->db, d), MV_OK);
        CHECK_EQ(mv_txn_begin(d->db, p->v, &txn), MV_STALE);
        mv_write_unlock(d->db, d);
    }
}

/* ---- loads ------------------------------------------------------------------------------------------ */

/* What a load of these bytes will say. */
static mv_result load_outcome(uint32_t kind, size_t size) {
    if (size == 0)
        return MV_OK;
    if (size < 100)
        return MV_NOTADB;
    return kind == 1 || kind == 2 ? MV_TRUNCATED : MV_OK;
}

static void begin_load_of(model *m, load *l, int name, uint32_t kind) {
    uint32_t page_size = MV_MIN_BLOCK << next_byte(m) % 8;
    uint64_t most = (uint64_t)m->max_size / page_size;
    uint32_t pages = (uint32_t)next_number(m, (most < 100 ? most : 100) + 1);
    *l = (load){.size = (size_t)page_size * pages, .block_size = block_size_for(m, page_size)};
    l->file = new_file(page_size, pages, ++m->stamp);
    if (l->size == 0)
        kind = 0;
    switch (kind) {
    case 1: /* the last byte is missing */
        l->size--;
        break;
    case 2: /* whole pages are missing */
        l->file[31]++;
        break;
    case 3:
        l->file[next_number(m, 16)] ^= 0x20;
        l->bad_header = MV_NOTADB;
        break;
    case 4: /* page size 3 */
        l->file[16] = 0;
        l->file[17] = 3;
        l->bad_header = MV_NOTADB;
        break;
    case 5:
        l->size = next_number(m, 100);
        break;
    case 6: /* more pages than the header tells, by a count that is not valid: the length counts */
        put32(l->file + 28, pages > 1 ? pages - 1 : 1);
        l->file[92]++;
        break;
    case 7: /* write-ahead mode: taken off */
        l->file[18] = l->file[19] = 2;
        break;
    case 8: /* pages are missing, but who wrote it did not know of this field */
        put32(l->file + 28, pages + 1);
        l->file[92]++;
        break;
    default:
        break;
    }
    l->at_end = load_outcome(kind, l->size);
    l->load = begin_load(m->store, names[name]);
    content *c = content_new(m);
    c->block_size = l->block_size;
    edit_start(m, &l->edit, c);
    int slot = slot_named(m, name);
    l->number = slot < 0 ? 1 : m->dbs[slot]->newest->number + 1;
}

/*
 * How many blocks a load takes at once depends on how many lie behind each other in memory, which the model does not
 * know: it is told by the store's count, and then says which nodes there must be above them.
 */
static void learn_blocks(model *m, load *l) {
    mv_stats stats = stats_of(m->store);
    uint64_t limit = m->limit;
    m->limit = 0; /* it did fit */
    REQUIRE(stats.blocks >= m->blocks);
    for (uint64_t more = stats.blocks - m->blocks; more > 0; more--)
        edit_own_block(m, &l->edit, l->blocks++);
    REQUIRE(stats.bytes >= m->bytes && (stats.bytes - m->bytes) % NODE_BYTES == 0);
    uint64_t nodes = (stats.bytes - m->bytes) / NODE_BYTES; /* for a block that did not fit */
    CHECK(nodes == 0 || limit);
    if (nodes > 0)
        edit_own_path(m, &l->edit, l->blocks, nodes);
    CHECK_EQ(m->bytes, stats.bytes);
    m->limit = limit;
    uint64_t in_table = l->blocks * l->block_size;
    if (!l->failed && l->fed >= 100)
        CHECK(in_table >= l->fed && in_table - l->fed <= 1 << 20);
}

/* Whether there is room for one block more and the nodes above it. */
static bool room_for_a_block(const model *m, const load *l) {
    uint64_t need = l->block_size;
    for (unsigned level = 1; level <= l->edit.work->height || l->blocks >> ((level - 1) * FANOUT_BITS); level++)
        need += id_at(l->edit.work, level, l->blocks >> (level * FANOUT_BITS)) ? 0 : NODE_BYTES;
    return m->bytes + need <= m->limit;
}

/* Feeds as many bytes, in chunks and ways that the input chooses. */
static void feed_load(model *m, load *l, size_t n) {
    void *to;
    size_t room;
    if (l->failed)
        CHECK_EQ(mv_load_space(l->load, &to, &room), l->failed);
    if (l->finished || l->failed)
        return;
    if (n > l->size - l->fed)
        n = l->size - l->fed;
    while (n > 0 && !l->failed) {
        uint32_t how = next_byte(m);
        size_t part = how % 4 == 0 ? n : 1 + next_number(m, n < 3 * l->block_size ? n : 3 * l->block_size);
        if (part > n)
            part = n;
        const uint8_t *from = l->file + l->fed;
        mv_result rc;
        if (how % 8 < 4) {
            rc = mv_load_space(l->load, &to, &room);
            if (rc == MV_OK) {
                REQUIRE(room > 0);
                if (part > room)
                    part = room;
                memcpy(to, from, part);
                rc = mv_load_filled(l->load, part);
            }
        } else {
            rc = mv_load_write(l->load, from, part);
        }
        l->failed = rc;
        if (rc == MV_OK) {
            l->fed += part;
            n -= part;
        }
        learn_blocks(m, l);
        if (rc == MV_FULL)
            CHECK(m->limit && !room_for_a_block(m, l));
        else if (rc)
            CHECK(rc == l->bad_header && l->fed + part >= 100 && l->blocks == 0);
        else
            CHECK(l->fed < 100 || !l->bad_header);
        CHECK_EQ(mv_load_size(l->load) >= (int64_t)l->fed, true);
    }
}

static void drop_load(model *m, load *l) {
    if (!l->load)
        return;
    mv_load_drop(l->load);
    edit_drop(m, &l->edit);
    free(l->file);
    l->load = NULL;
}

static void finish_load(model *m, load *l) {
    if (l->finished || (!l->failed && l->fed < l->size))
        return;
    mv_result rc = mv_load_finish(l->load);
    CHECK_EQ(rc, l->failed ? l->failed : l->at_end);
    CHECK_EQ(strlen(mv_load_message(l->load)) > 0, rc == MV_NOTADB || rc == MV_TRUNCATED);
    if (l->failed)
        return;
    l->finished = true;
    if (rc != MV_OK)
        return;
    content *c = l->edit.work;
    if (l->size == 0) {
        c->block_size = 0;
        return;
    }
    edit_cut(m, &l->edit, (l->size + l->block_size - 1) / l->block_size);
    edit_sweep(m, &l->edit);
    c->size = (int64_t)l->size;
    c->data = l->file;
    l->file = NULL;
    if (c->data[18] == 2)
        c->data[18] = 1;
    if (c->data[19] == 2)
        c->data[19] = 1;
}

static void publish_load(model *m, load *l, int name) {
    if (!l->finished || l->at_end)
        return;
    int slot = slot_named(m, name);
    database *d = slot < 0 ? NULL : m->dbs[slot];
    if (!m->closed && !d && free_slot(m) < 0)
        return;
    mv_result expected = m->closed ? MV_CLOSED : d && d->txn ? MV_BUSY : MV_OK;
    mv_result rc = publish(m->store, names[name], l->load, 0);
    CHECK_EQ(rc, expected);
    if (rc != MV_OK)
        return;
    l->load = NULL;
    free(l->file);
    content *c = l->edit.work;
    l->edit.work = NULL;
    c->number = d ? d->newest->number + 1 : l->number;
    if (!d)
        d = database_new(m, name);
    content_publish(m, c, d, l->edit.maker, true);
    edit_drop(m, &l->edit);
}

static load *some_load(model *m, bool unused) {
    uint32_t at = next_byte(m);
    for (uint32_t i = 0; i < LOADS; i++)
        if (!m->loads[(at + i) % LOADS].load == unused)
            return &m->loads[(at + i) % LOADS];
    return NULL;
}

/* ---- steps ------------------------------------------------------------------------------------------ */

/* A step on a database and perhaps its transaction. */
static void step_on(model *m, database *d, uint32_t op) {
    bool writable;
    switch (op) {
    case 0: case 1: case 2: case 3: case 4: case 5: case 6:
        writable = begin_txn(m, d);
        if (writable) {
            d->prepared = false;
            write_some(m, d->txn, &d->edit, op);
        }
        break;
    case 7: /* many, which makes more of a transaction than one step does */
        writable = begin_txn(m, d);
        for (int n = next_byte(m) % 8; writable && n > 0; n--) {
            d->prepared = false;
            write_some(m, d->txn, &d->edit, next_byte(m) % 5);
        }
        break;
    case 8:
        if (begin_txn(m, d))
            truncate_some(m, d, some_place(m, d->edit.work));
        break;
    case 9:
        if (begin_txn(m, d))
            cut_and_mend(m, d, some_place(m, d->edit.work));
        break;
    case 10:
        if (begin_txn(m, d))
            truncate_some(m, d, next_byte(m) % 2 ? 0 : (int64_t)next_number(m, (uint64_t)m->max_size));
        break;
    case 11:
        if (!begin_txn(m, d))
            break;
        if (next_byte(m) % 2)
            resize_blocks(m, d);
        prepare(m, d);
        break;
    case 12: case 13: case 14: /* as the VFS does it */
        if (!d->txn || !d->edit.work)
            break;
        if (prepare(m, d) == MV_OK && next_byte(m) % 4 == 0)
            truncate_some(m, d, some_place(m, d->edit.work));
        publish_txn(m, d, true);
        break;
    case 15:
        if (d->txn && d->edit.work)
            publish_txn(m, d, true);
        break;
    case 16:
        if (d->txn && d->edit.work)
            publish_txn(m, d, false);
        break;
    case 17:
        drop_txn(m, d);
        break;
    case 18: case 19: case 20:
        set_pin(m, &m->pins[next_byte(m) % PINS], mv_database_pin(d->db), d->newest);
        break;
    case 21:
        begin_wrongly(d, &m->pins[next_byte(m) % PINS]);
        break;
    case 22:
        release_handle(m, d);
        break;
    default:
        mv_database_hold(d->db);
        d->handles++;
    }
}

static void step(model *m) {
    uint32_t op = next_byte(m) % 62;
    load *l;
    pin *p, *q;
    if (op < 24) {
        database *d = some_database(m);
        if (d)
            step_on(m, d, op);
        else
            open_database(m, (int)op % NAMES, true);
        return;
    }
    int name = (int)(next_byte(m) % NAMES);
    switch (op) {
    case 24: case 25: case 26:
        unpin(m, &m->pins[next_byte(m) % PINS]);
        break;
    case 27: /* a second pin on the same */
        p = &m->pins[next_byte(m) % PINS];
        q = &m->pins[next_byte(m) % PINS];
        if (p->v && p != q)
            set_pin(m, q, mv_version_hold(p->v), p->c);
        break;
    case 28: case 29: case 30:
        fork_pin(m, &m->pins[next_byte(m) % PINS], name);
        break;
    case 31: case 32:
        delete_database(m, name);
        break;
    case 33:
        open_database(m, name, false);
        break;
    case 34: case 35:
        open_database(m, name, true);
        break;
    case 36: case 37:
        if ((l = some_load(m, true)))
            begin_load_of(m, l, name, next_byte(m) % 16);
        break;
    case 38: case 39: case 40:
        if ((l = some_load(m, false)))
            feed_load(m, l, next_byte(m) % 4 ? SIZE_MAX : next_number(m, 9000));
        break;
    case 41:
        if ((l = some_load(m, false)))
            finish_load(m, l);
        break;
    case 42: case 43:
        if ((l = some_load(m, false))) {
            feed_load(m, l, SIZE_MAX);
            finish_load(m, l);
            publish_load(m, l, name);
        }
        break;
    case 44:
        if ((l = some_load(m, false)))
            drop_load(m, l);
        break;
    case 45: case 46: case 47: case 48:
        p = &m->pins[name + next_byte(m) % 2 * NAMES];
        if (p->v)
            check_read_somewhere(m, p->c);
        break;
    case 49: {
        database *d = some_database(m);
        if (d)
            check_read_somewhere(m, d->txn && d->edit.work ? d->edit.work : d->newest);
        break;
    }
    case 50:
        if (next_byte(m) % 2 && m->holds > 1) {
            mv_store_release(m->store);
            m->holds--;
        } else {
            mv_store_hold(m->store);
            m->holds++;
        }
        break;
    case 51:
        if (next_byte(m) % 16 == 0)
            close_store(m);
        break;
    default:
        use_lease(m, &m->leases[name], next_byte(m));
    }
}

/* Takes one thing away that is still there. False: nothing is. */
static bool take_down(model *m, uint64_t *seed) {
    enum { ALL = DATABASES + PINS + LOADS + LEASES };
    uint64_t at = check_random(seed), how = check_random(seed);
    for (uint64_t i = 0; i < ALL; i++) {
        uint64_t which = (at + i) % ALL;
        database *d = which < DATABASES ? m->dbs[which] : NULL;
        pin *p = which >= DATABASES && which < DATABASES + PINS ? &m->pins[which - DATABASES] : NULL;
        load *l = which >= DATABASES + PINS && which < ALL - LEASES ? &m->loads[which - DATABASES - PINS] : NULL;
        lease *lent = which >= ALL - LEASES ? &m->leases[which - (ALL - LEASES)] : NULL;
        if (d && d->named && (how % 2 || d->handles == 0))
            delete_database(m, d->name);
        else if (d && d->handles > d->leases)
            release_handle(m, d);
        else if (lent && lent->d)
            close_lease(m, lent);
        else if (p && p->v)
            unpin(m, p);
        else if (l && l->load)
            drop_load(m, l);
        else
            continue;
        return true;
    }
    return false;
}

static void after_step(model *m) {
    check_all(m);
    if (atomic_load(&check_failures) > 0)
        check_give_up(); /* nothing after this can be trusted */
}

/* Runs the steps that the bytes say. Any bytes are valid. */
static void run_model(const uint8_t *data, size_t n) {
    model m = {.input = data, .left = n, .count = 1, .holds = 1};
    m.contents.previous = m.contents.next = &m.contents;
    uint32_t sizes = next_byte(&m), shape = next_byte(&m);
    m.block_size = sizes % 9 == 8 ? 0 : MV_MIN_BLOCK << sizes % 9;
    m.unit = m.block_size ? m.block_size : MV_MIN_BLOCK << sizes / 9 % 8;
    /* A few blocks; about as many as a node of the table holds; more than that; more than two levels hold. */
    static const int64_t most[16] = {2, 3, 3, 4, 5, 6, 8, 10, 12, 20, 40, 66, 70, 80, 140, 4200};
    m.max_size = m.unit * most[shape % 16];
    while (m.max_size > (m.unit > 4096 ? 1 << 18 : m.unit > 512 ? 1 << 19 : 3 << 20))
        m.max_size /= 2;
    if (shape / 16 % 4 == 0)
        m.limit = MV_MIN_BLOCK + next_number(&m, 4 * (uint64_t)m.max_size);
    m.store = new_store(m.block_size, m.limit);
    for (after_step(&m); m.left; after_step(&m))
        step(&m);
    for (uint64_t seed = m.stamp; take_down(&m, &seed);)
        after_step(&m);
    CHECK(m.contents.next == &m.contents);
    CHECK_EQ(m.bytes, 0);
    CHECK_EQ(m.versions + m.references + m.forks, 0);
    for (; m.holds > 1; m.holds--)
        mv_store_release(m.store);
    end_store(m.store);
    free(m.objects);
    free(m.unused.id);
    if (atomic_load(&check_failures) > 0)
        check_give_up();
}

#ifdef MV_FUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    run_model(data, n);
    return 0;
}

#else

#ifdef __SANITIZE_ADDRESS__ /* each takes twelve times as long */
static uint64_t first_seed = 1, seeds = 600;
#else
static uint64_t first_seed = 1, seeds = 3000;
#endif

static void random_steps_against_a_model(void) {
    for (uint64_t seed = first_seed; seed - first_seed < seeds; seed++) {
        uint64_t state = seed;
        check_context("model_test %" PRIu64 " 1", seed);
        uint8_t input[1600];
        size_t n = check_random(&state) % sizeof input;
        for (size_t i = 0; i < n; i++)
            input[i] = (uint8_t)(check_random(&state) >> 32);
        run_model(input, n);
    }
}

int main(int argc, char **argv) {
    if (argc == 3) {
        char *end;
        first_seed = strtoull(argv[1], &end, 0);
        REQUIRE(end != argv[1] && !*end);
        seeds = strtoull(argv[2], &end, 0);
        REQUIRE(end != argv[2] && !*end);
        argc = 1;
    }
    check_start(argc, argv);
    RUN(random_steps_against_a_model);
    return check_end();
}

#endif
