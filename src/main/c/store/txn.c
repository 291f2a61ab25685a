/* Transactions. See store.h. */
#include "store/store_internal.h"
#include "store/memory.h"


#include <assert.h>
#include <string.h>

struct mv_txn {
    mv_database *db;
    mv_version *version;      /* what it will become; has its number already. Once published or cleared: memory for one, or NULL */
    mv_table table;
    mv_edit edit;
    mv_list discarded;        /* once published: what it had made and does not need */
    int64_t size;
};

static void start(mv_txn *txn, mv_database *db, mv_version *version, const mv_version *base) {
    *txn = (mv_txn){.db = db, .version = version, .table = base->table, .size = base->size};
    txn->edit = mv_edit_new(&db->store->arena, version->number, db->floor);
}

mv_result mv_txn_begin(mv_database *db, mv_version *base, mv_txn **out) {
    if (!mv_version_is_newest(base)) return MV_STALE;
    mv_txn *txn = sqlite3_malloc64(sizeof *txn);
    mv_version *version = mv_version_new(db, base->number + 1);
    if (!txn || !version) {
        sqlite3_free(txn);
        sqlite3_free(version);
        return MV_NOMEM;
    }
    start(txn, db, version, base);
    *out = txn;
    return MV_OK;
}

mv_result mv_txn_begin_again(mv_txn *txn, mv_version *base) {
    if (!mv_version_is_newest(base)) return MV_STALE;
    mv_database *db = txn->db;
    mv_version *version = txn->version;
    if (version) *version = (mv_version){.db = db, .number = base->number + 1};
    else version = mv_version_new(db, base->number + 1);
    if (!version) return MV_NOMEM;
    start(txn, db, version, base);
    return MV_OK;
}

int64_t mv_txn_size(const mv_txn *txn) {
    return txn->size;
}

size_t mv_txn_read(const mv_txn *txn, void *to, size_t n, int64_t offset) {
    return mv_table_read(&txn->table, txn->size, to, n, offset);
}

const void *mv_txn_fetch(const mv_txn *txn, int64_t offset, size_t n) {
    return mv_table_fetch(&txn->table, txn->size, offset, n);
}

bool mv_txn_made(const mv_txn *txn, const void *block) {
    return mv_birth(block) == txn->edit.birth;
}

static void choose_block_size(mv_txn *txn, uint64_t automatic) {
    uint32_t fixed = txn->db->store->block_size;
    if (txn->table.shift == 0) txn->table.shift = mv_shift_for(fixed ? fixed : automatic);
}

/* Zeros what the last block holds behind the end, up to `to`: a shortening leaves it there. */
static mv_result clear_gap(mv_txn *txn, int64_t to) {
    size_t block_size = mv_table_block_size(&txn->table), within = (size_t)txn->size & (block_size - 1);
    uint64_t number = (uint64_t)txn->size >> txn->table.shift;
    if (within == 0 || to <= txn->size || !mv_table_find(&txn->table, number)) return MV_OK;
    void *block;
    mv_result rc = mv_table_own(&txn->table, &txn->edit, number, true, &block);
    if (rc) return rc;
    uint64_t gap = (uint64_t)(to - txn->size);
    memset((char *)block + within, 0, gap < block_size - within ? (size_t)gap : block_size - within);
    return MV_OK;
}

/* How many of the n bytes from `from` go into the block where `bytes` goes. */
static size_t part_of_block(const mv_txn *txn, const void *from, size_t n, const char *bytes, size_t within) {
    size_t left = n - (size_t)(bytes - (const char *)from), room = mv_table_block_size(&txn->table) - within;
    return left < room ? left : room;
}

/* Whether these bytes stand there already. A rollback writes many that do, and must not need memory for them. */
static bool holds(const mv_txn *txn, uint64_t number, size_t within, const char *bytes, size_t n) {
    const char *block = mv_table_find(&txn->table, number);
    int64_t end = (int64_t)(number << txn->table.shift) + (int64_t)(within + n);
    return block && end <= txn->size && memcmp(block + within, bytes, n) == 0;
}

/* A file that is mostly holes needs little memory, but whoever copies it gets all of its zeros: the limit is for its length, too. */
static bool too_long(const mv_txn *txn, int64_t size) {
    uint64_t limit = txn->edit.arena->limit;
    return limit && size > txn->size && (uint64_t)size > limit;
}

/* Most writes: a whole block within the file. */
static mv_result write_block(mv_txn *txn, const void *from, uint64_t number) {
    size_t n = mv_table_block_size(&txn->table);
    if (holds(txn, number, 0, from, n)) return MV_OK;
    void *block, *made_before = txn->edit.born.head;
    mv_result rc = mv_table_own(&txn->table, &txn->edit, number, false, &block);
    if (rc) {
        mv_edit_free_discarded(&txn->edit, made_before);
        return rc;
    }
    memcpy(block, from, n);
    int64_t end = (int64_t)((number + 1) << txn->table.shift);
    if (end > txn->size) txn->size = end;
    return MV_OK;
}

static mv_result write_bytes(mv_txn *txn, const void *from, size_t n, int64_t offset) {
    mv_table *table = &txn->table;
    if (n == 0) return MV_OK;
    if (too_long(txn, offset + (int64_t)n)) return MV_FULL;
    choose_block_size(txn, n); /* SQLite writes whole pages */
    size_t block_size = mv_table_block_size(table);
    uint64_t first = (uint64_t)offset >> table->shift, last = ((uint64_t)offset + n - 1) >> table->shift;
    if (n == block_size && first == last && offset < txn->size) return write_block(txn, from, first);
    mv_result rc = clear_gap(txn, offset);
    if (rc) return rc;
    const void *made_before = txn->edit.born.head;
    size_t within = (size_t)offset & (block_size - 1), part;
    const char *bytes = from;
    for (uint64_t number = first; number <= last; number++, within = 0, bytes += part) { /* all are acquired before one is changed */
        part = part_of_block(txn, from, n, bytes, within);
        if (holds(txn, number, within, bytes, part)) continue;
        void *block;
        bool whole = first == last && n == block_size;
        rc = mv_table_own(table, &txn->edit, number, !whole, &block);
        if (!rc) continue;
        uint64_t end = mv_table_blocks(table, txn->size);
        while (number-- > first && number >= end) mv_table_clear(table, &txn->edit, number);
        mv_edit_free_discarded(&txn->edit, (void *)made_before);
        return rc;
    }
    within = (size_t)offset & (block_size - 1);
    bytes = from;
    for (uint64_t number = first; number <= last; number++, within = 0, bytes += part) {
        part = part_of_block(txn, from, n, bytes, within);
        char *block = (char *)mv_table_find(table, number);
        if (mv_birth(block) == txn->edit.birth) memcpy(block + within, bytes, part);
    }
    if (offset + (int64_t)n > txn->size) txn->size = offset + (int64_t)n;
    return MV_OK;
}

/* Whether it is worth to try again what has met the limit. */
static bool makes_room(mv_txn *txn, mv_result rc) {
    return rc == MV_FULL && mv_store_collect(txn->db->store);
}

mv_result mv_txn_write(mv_txn *txn, const void *from, size_t n, int64_t offset) {
    mv_result rc = write_bytes(txn, from, n, offset);
    return makes_room(txn, rc) ? write_bytes(txn, from, n, offset) : rc;
}

static mv_result set_size(mv_txn *txn, int64_t size) {
    if (too_long(txn, size)) return MV_FULL;
    if (size > txn->size) {
        choose_block_size(txn, 4096);
        mv_result rc = clear_gap(txn, size);
        if (rc) return rc;
    } else {
        mv_result rc = mv_table_cut(&txn->table, &txn->edit, mv_table_blocks(&txn->table, size));
        if (rc) return rc;
        if (size == 0) txn->table.shift = 0;
    }
    txn->size = size;
    return MV_OK;
}

mv_result mv_txn_truncate(mv_txn *txn, int64_t size) {
    mv_result rc = set_size(txn, size);
    return makes_room(txn, rc) ? set_size(txn, size) : rc;
}

/* Makes the block of `to` at that place from what stands there in the transaction's table. Where that has holes only,
 * it stays a hole. */
static mv_result copy_block(mv_txn *txn, mv_table *to, uint64_t number) {
    size_t n = mv_table_block_size(to), step = mv_table_block_size(&txn->table);
    uint64_t from = number << to->shift;
    bool hole = true;
    void *block;
    for (uint64_t at = from; hole && at < from + n; at += step) hole = !mv_table_find(&txn->table, at >> txn->table.shift);
    if (hole) return MV_OK;
    mv_result rc = mv_table_own(to, &txn->edit, number, false, &block);
    if (!rc) mv_table_read(&txn->table, txn->size, block, n, (int64_t)from);
    return rc;
}

static mv_result copy_blocks(mv_txn *txn, mv_table *to) {
    void *made_before = txn->edit.born.head;
    uint64_t count = mv_table_blocks(to, txn->size);
    for (uint64_t number = 0; number < count; number++) {
        mv_result rc = copy_block(txn, to, number);
        if (!rc) continue;
        mv_table_cut(to, &txn->edit, 0); /* cannot fail, as all cuts to nothing */
        mv_edit_free_discarded(&txn->edit, made_before);
        return rc;
    }
    return MV_OK;
}

mv_result mv_txn_resize_blocks(mv_txn *txn, uint32_t block_size) {
    mv_table sized = {.shift = mv_shift_for(block_size)};
    if (txn->db->store->block_size || txn->table.shift == 0 || txn->table.shift == sized.shift) return MV_OK;
    mv_result rc = copy_blocks(txn, &sized);
    if (makes_room(txn, rc)) rc = copy_blocks(txn, &sized);
    if (rc) return rc;
    mv_table_cut(&txn->table, &txn->edit, 0);
    txn->table = sized;
    return MV_OK;
}

mv_result mv_txn_prepare(mv_txn *txn) {
    mv_result rc = mv_edit_reserve(&txn->edit, &txn->table);
    return makes_room(txn, rc) ? mv_edit_reserve(&txn->edit, &txn->table) : rc;
}

mv_version *mv_txn_publish(mv_txn *txn, mv_lease *lease, bool keep) {
    mv_version *v = txn->version, *old = lease->version;
    assert(lease->db == txn->db && atomic_load(&txn->db->newest)->number + 1 == v->number);
    mv_edit_sweep(&txn->edit, NULL, &txn->discarded);
    v->table = txn->table;
    v->size = txn->size;
    v->refs = 1; /* the lease's */
    txn->version = mv_database_publish(txn->db, v, &txn->edit, false, !keep);
    lease->version = v; /* in use: nobody else looks */
    txn->edit.born = (mv_list){0};
    return keep ? old : NULL;
}

void mv_txn_clear(mv_txn *txn) {
    mv_edit_drop(&txn->edit);
    mv_arena_free(txn->edit.arena, txn->discarded);
    txn->discarded = (mv_list){0};
}

void mv_txn_drop(mv_txn *txn) {
    if (!txn) return;
    mv_txn_clear(txn);
    sqlite3_free(txn->version);
    sqlite3_free(txn);
}
