/* See table.h. */
#include "store/table.h"

#include <assert.h>
#include <string.h>

/* Blocks below one object that stands `level` levels above the blocks. */
static uint64_t blocks_below(unsigned level) {
    return UINT64_C(1) << (level * MV_FANOUT_BITS);
}

static unsigned slot_of(uint64_t number, unsigned level) {
    return (unsigned)(number >> ((level - 1) * MV_FANOUT_BITS)) & (MV_FANOUT - 1);
}

size_t mv_table_read(const mv_table *table, int64_t size, void *to, size_t n, int64_t offset) {
    if (offset < 0 || offset >= size) return 0;
    if ((uint64_t)n > (uint64_t)(size - offset)) n = (size_t)(size - offset);
    size_t block_size = mv_table_block_size(table);
    for (size_t done = 0; done < n;) {
        size_t within = (size_t)(offset + (int64_t)done) & (block_size - 1);
        size_t part = block_size - within < n - done ? block_size - within : n - done;
        const char *block = mv_table_find(table, (uint64_t)(offset + (int64_t)done) >> table->shift);
        if (block) memcpy((char *)to + done, block + within, part);
        else memset((char *)to + done, 0, part);
        done += part;
    }
    return n;
}

/* Objects that lie behind each other, as do their records. */
static void adopt_run(mv_edit *edit, void *first, size_t n) {
    mv_record *record = mv_record_of(first);
    unsigned cls = mv_class_of(first);
    size_t size = mv_class_size(cls);
    char *object = first;
    if (!edit->born.tail) edit->born.tail = object;
    for (size_t i = 0; i < n; i++, object += size) {
        record[i] = (mv_record){.birth = edit->birth, .next = edit->born.head};
        edit->born.head = object;
    }
    edit->born_bytes += n * size;
    if (cls != MV_NODE_CLASS) edit->born_blocks += n;
}

static void adopt(mv_edit *edit, void *object) {
    adopt_run(edit, object, 1);
}

static mv_result make(mv_edit *edit, unsigned cls, void **out) {
    mv_result rc = mv_arena_new(edit->arena, cls, out);
    if (rc) return rc;
    adopt(edit, *out);
    return MV_OK;
}

/* The edit's table no longer holds this object. */
static void discard(mv_edit *edit, void *object) {
    mv_record *record = mv_record_of(object);
    unsigned cls = mv_class_of(object);
    if (record->birth == edit->birth) {
        record->birth |= MV_DISCARDED;
        edit->discarded++;
        edit->born_bytes -= mv_class_size(cls);
        edit->born_blocks -= cls != MV_NODE_CLASS;
    } else if (record->birth > edit->floor) {
        mv_list_push(&edit->replaced, object);
        edit->replaced_bytes += mv_class_size(cls);
        edit->replaced_blocks += cls != MV_NODE_CLASS;
    }
}

/* Everything at and below the object. What another database owns owns all below it, too. */
static void discard_all(mv_edit *edit, void *object, unsigned level) {
    if (!object || mv_birth(object) <= edit->floor) return;
    if (level > 0)
        for (int i = 0; i < MV_FANOUT; i++) discard_all(edit, ((void **)object)[i], level - 1);
    discard(edit, object);
}

static mv_result make_node(mv_edit *edit, void **out) {
    mv_result rc = make(edit, MV_NODE_CLASS, out);
    if (!rc || edit->spares == 0) return rc;
    *out = edit->spare[--edit->spares];
    adopt(edit, *out);
    return MV_OK;
}

/* Makes the node in the slot (or a new empty one) the edit's own. `ready`: where the next node is that the caller has made, or NULL. */
static mv_result own_node(mv_edit *edit, void **slot, void ***ready) {
    void *old = *slot, *node;
    if (old && mv_birth(old) == edit->birth) return MV_OK;
    if (ready) {
        node = *(*ready)++;
        adopt(edit, node);
    } else {
        mv_result rc = make_node(edit, &node);
        if (rc) return rc;
    }
    if (old) {
        memcpy(node, old, mv_class_size(mv_class_of(old))); /* a call: of a constant size it would be `rep movs`, which takes longer */
        discard(edit, old);
    } else {
        memset(node, 0, MV_FANOUT * sizeof(void *));
    }
    *slot = node;
    return MV_OK;
}

/* How many nodes above that place are not the edit's own, or are still to come. */
static size_t missing_nodes(const mv_table *table, const mv_edit *edit, uint64_t number) {
    unsigned height = table->height;
    if (number == 0) return 0;
    while (number >> (height * MV_FANOUT_BITS)) height++;
    if (!table->root) return height;
    if (height > table->height) return height - table->height + height - 1; /* above all that is there, and beside it down to the place */
    const void *node = table->root;
    unsigned level = height;
    while (level > 0 && node && mv_birth(node) == edit->birth) node = ((void *const *)node)[slot_of(number, level--)];
    return level; /* what is below another's is another's */
}

/* Makes the nodes above that place the edit's own; *slot is where its block stands. `ready`: missing_nodes of them, or NULL. */
static mv_result own_path(mv_table *table, mv_edit *edit, uint64_t number, void **ready, void ***slot) {
    void ***next = ready ? &ready : NULL;
    if (number == 0) {
        *slot = &table->first;
        return MV_OK;
    }
    while (number >> (table->height * MV_FANOUT_BITS)) {
        assert(table->height < MV_MAX_HEIGHT);
        if (table->root) {
            void *top = NULL;
            mv_result rc = own_node(edit, &top, next);
            if (rc) return rc;
            *(void **)top = table->root;
            table->root = top;
        }
        table->height++;
    }
    void **at = &table->root;
    for (unsigned level = table->height; level > 0; level--) {
        mv_result rc = own_node(edit, at, next);
        if (rc) return rc;
        at = (void **)*at + slot_of(number, level);
    }
    *slot = at;
    return MV_OK;
}

mv_result mv_table_own(mv_table *table, mv_edit *edit, uint64_t number, bool keep, void **block) {
    const void *old = mv_table_find(table, number);
    if (old && mv_birth(old) == edit->birth) {
        *block = (void *)old;
        return MV_OK;
    }
    void *made[2 * MV_MAX_HEIGHT + 1], **slot;
    size_t nodes = missing_nodes(table, edit, number), size = (size_t)1 << table->shift;
    mv_result rc = mv_arena_new_path(edit->arena, nodes, mv_block_class(table->shift), made);
    if (rc) return rc;
    void *copy = made[nodes];
    own_path(table, edit, number, made, &slot);
    adopt(edit, copy);
    if (keep && old) memcpy(copy, old, size);
    else if (keep) memset(copy, 0, size);
    if (old) discard(edit, (void *)old);
    *slot = copy;
    *block = copy;
    return MV_OK;
}

mv_result mv_table_put_run(mv_table *table, mv_edit *edit, uint64_t number, void *first, size_t n, size_t *put) {
    size_t size = (size_t)1 << table->shift;
    char *block = first;
    *put = 0;
    while (*put < n) { /* as many as share a node */
        void **slot;
        mv_result rc = own_path(table, edit, number + *put, NULL, &slot);
        if (rc) return rc;
        size_t part = number + *put == 0 ? 1 : MV_FANOUT - slot_of(number + *put, 1);
        if (part > n - *put) part = n - *put;
        adopt_run(edit, block, part);
        for (size_t i = 0; i < part; i++, block += size) {
            assert(!slot[i]);
            slot[i] = block;
        }
        *put += part;
    }
    return MV_OK;
}

void mv_table_clear(mv_table *table, mv_edit *edit, uint64_t number) {
    void **slot;
    mv_result rc = own_path(table, edit, number, NULL, &slot);
    assert(rc == MV_OK && mv_birth(*slot) == edit->birth);
    (void)rc;
    discard(edit, *slot);
    *slot = NULL;
}

/* Keeps the first `blocks` (more than none) below the slot, whose nodes on the border are owned. */
static void cut_below(mv_edit *edit, void *object, unsigned level, uint64_t blocks) {
    if (!object || level == 0 || blocks >= blocks_below(level)) return;
    void **children = object;
    uint64_t each = blocks_below(level - 1);
    unsigned first = (unsigned)(blocks / each);
    uint64_t rest = blocks % each;
    if (rest > 0) cut_below(edit, children[first++], level - 1, rest);
    for (unsigned i = first; i < MV_FANOUT; i++) {
        discard_all(edit, children[i], level - 1);
        children[i] = NULL;
    }
}

mv_result mv_table_cut(mv_table *table, mv_edit *edit, uint64_t blocks) {
    if (blocks <= 1) {
        discard_all(edit, table->root, table->height);
        table->root = NULL;
        table->height = 0;
    }
    if (blocks == 0) {
        discard_all(edit, table->first, 0);
        table->first = NULL;
    }
    if (blocks <= 1) return MV_OK;
    if (blocks >= blocks_below(table->height)) return MV_OK;
    void **at = &table->root; /* own the nodes on the border: those that keep some but not all of their blocks */
    uint64_t keep = blocks;
    for (unsigned level = table->height; level > 0 && *at && keep > 0 && keep < blocks_below(level); level--) {
        mv_result rc = own_node(edit, at, NULL);
        if (rc) return rc;
        uint64_t each = blocks_below(level - 1);
        at = (void **)*at + keep / each;
        keep %= each;
    }
    cut_below(edit, table->root, table->height, blocks);
    while (table->height > 0 && blocks <= blocks_below(table->height - 1)) {
        void *top = table->root;
        if (top) {
            table->root = *(void **)top;
            discard(edit, top);
        }
        table->height--;
    }
    return MV_OK;
}

mv_result mv_edit_reserve(mv_edit *edit, const mv_table *table) {
    unsigned most = table->height; /* the border of a cut is one node at each level, of which the first is ours once anything was written */
    if (most > 0 && table->root && mv_birth(table->root) == edit->birth) most--;
    while (edit->spares < most) {
        mv_result rc = mv_arena_new(edit->arena, MV_NODE_CLASS, &edit->spare[edit->spares]);
        if (rc) return rc;
        edit->spares++;
    }
    return MV_OK;
}

static void give_spares_back(mv_edit *edit) {
    mv_list spares = {0};
    while (edit->spares > 0) mv_list_push(&spares, edit->spare[--edit->spares]);
    mv_arena_free(edit->arena, spares);
}

void mv_edit_sweep(mv_edit *edit, void *since, mv_list *to) {
    give_spares_back(edit);
    if (edit->discarded == 0) return;
    mv_list kept = {0};
    void *object = edit->born.head;
    while (object != since) {
        void *next = mv_record_of(object)->next;
        bool discarded = mv_birth(object) & MV_DISCARDED;
        mv_list_push(discarded ? to : &kept, object);
        edit->discarded -= discarded;
        object = next;
    }
    edit->born.head = since;
    if (!since) edit->born.tail = NULL;
    mv_list_join(&edit->born, &kept);
}

void mv_edit_free_discarded(mv_edit *edit, void *since) {
    mv_list discarded = {0};
    mv_edit_sweep(edit, since, &discarded);
    mv_arena_free(edit->arena, discarded);
}

void mv_edit_drop(mv_edit *edit) {
    give_spares_back(edit);
    mv_arena_free(edit->arena, edit->born);
    edit->born = edit->replaced = (mv_list){0};
    edit->born_bytes = edit->born_blocks = edit->replaced_bytes = edit->replaced_blocks = edit->discarded = 0;
}

static void scatter(void *object, unsigned level, uint64_t floor, uint64_t limit, mv_list *older, mv_list *newer) {
    if (!object || mv_birth(object) <= floor) return;
    if (level > 0)
        for (int i = 0; i < MV_FANOUT; i++) scatter(((void **)object)[i], level - 1, floor, limit, older, newer);
    mv_list_push(mv_birth(object) <= limit ? older : newer, object);
}

void mv_table_scatter(const mv_table *table, uint64_t floor, uint64_t limit, mv_list *older, mv_list *newer) {
    scatter(table->first, 0, floor, limit, older, newer);
    scatter(table->root, table->height, floor, limit, older, newer);
}

static uint64_t check(const void *object, unsigned level, uint64_t floor, uint64_t newest) {
    if (!object) return 0;
    uint64_t birth = mv_birth(object);
    assert(birth <= newest);
    if (birth <= floor) return 0;
    uint64_t bytes = mv_class_size(mv_class_of(object));
    if (level > 0)
        for (int i = 0; i < MV_FANOUT; i++) bytes += check(((void *const *)object)[i], level - 1, floor, birth);
    return bytes;
}

uint64_t mv_table_check(const mv_table *table, uint64_t floor, uint64_t newest) {
    return check(table->first, 0, floor, newest) + check(table->root, table->height, floor, newest);
}
