/* Loads: new content from a stream of bytes, and of a write-ahead log. See store.h. Their user in Java: Load.java. */
#include "store/store_internal.h"
#include "store/memory.h"
#include "store/wal.h"

#include "store/looks.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LOCK_BYTE 0x40000000 /* where SQLite locks a file: that page holds nothing */

#define HEADER 100 /* bytes of an SQLite database's header: https://sqlite.org/fileformat.html#the_database_header */

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
    const void *first;        /* within the mv_load_write of the first bytes: these; else NULL */
    size_t first_n;
    bool in_wal;              /* the database's bytes have ended, and those of its write-ahead log come */
    uint64_t ended_at;        /* how many pages these bytes are */
    uint64_t missing_to;      /* up to which page more were told of by their header; 0: none */
    mv_wal *wal;              /* NULL: none, or one that nobody reads */
    uint64_t frames;          /* taken from it */
    mv_result failed;         /* nothing more is taken */
    uint64_t ticket;          /* place in the queue of writers, 0 for none */
    mv_database *waited;      /* that queue's, if mv_load_waiter was called: a handle, whose slot may be promised */
    char message[400];
};

#define FIRST_RUN 16             /* blocks */
#define LAST_RUN_BYTES (1 << 20)

mv_result mv_load_begin(mv_store *store, const char *name, size_t len, mv_load **out) {
    mv_load *load = sqlite3_malloc64(sizeof *load);
    mv_version *version = mv_version_new(NULL, 0);
    if (!load || !version) {
        sqlite3_free(load);
        sqlite3_free(version);
        return MV_NOMEM;
    }
    uint64_t number = mv_store_next_number(store, name, len);
    *load = (mv_load){.store = store, .version = version, .edit = mv_edit_new(&store->arena, number, 0), .run = FIRST_RUN};
    load->to = (char *)load->header;
    load->end = load->to + HEADER;
    mv_store_hold(store);
    *out = load;
    return MV_OK;
}

/* The slot of a database that was waited for is not needed any more: its name may have gone to another one meanwhile. */
static void stop_waiting(mv_load *load) {
    if (!load->waited) return;
    mv_write_unlock(load->waited, load);
    mv_database_release(load->waited);
    load->waited = NULL;
}

void mv_load_drop(mv_load *load) {
    if (!load) return;
    mv_store *store = load->store;
    stop_waiting(load);
    mv_wal_free(load->wal);
    mv_edit_drop(&load->edit);
    sqlite3_free(load->version);
    sqlite3_free(load);
    mv_store_release(store);
}

/* Blocks that lie behind each other, put at the table's end. Near the limit there may be room for blocks but not for the nodes above them, too. */
static mv_result try_more_blocks(mv_load *load) {
    size_t size = mv_table_block_size(&load->table), want = load->run, got, put;
    mv_result rc;
    char *first;
    do {
        void *run;
        rc = mv_arena_new_run(load->edit.arena, mv_block_class(load->table.shift), want, &run, &got);
        if (rc) return rc;
        first = run;
        rc = mv_table_put_run(&load->table, &load->edit, load->blocks, first, got, &put);
        if (rc) {
            mv_list rest = {0};
            for (size_t i = put; i < got; i++) mv_list_push(&rest, first + i * size);
            mv_arena_free(load->edit.arena, rest);
        }
        want = got / 2;
    } while (put == 0 && want > 0);
    if (put == 0) return rc;
    load->blocks += put;
    load->to = first;
    load->end = first + put * size;
    if (load->run * size < LAST_RUN_BYTES) load->run *= 2;
    return MV_OK;
}

static mv_result more_blocks(mv_load *load) {
    mv_result rc = try_more_blocks(load);
    return rc == MV_FULL && mv_store_collect(load->store) ? try_more_blocks(load) : rc;
}

static uint32_t get4(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t page_size_of(const uint8_t *header) {
    uint32_t n = (uint32_t)header[16] << 8 | header[17];
    return n == 1 ? 65536 : n;
}

static const char MAGIC[16] = "SQLite format 3";

/* What SQLite checks before it opens a file: lockBtree in btree.c. */
#define MAX_READ_VERSION 2
#define MIN_USABLE 480 /* bytes of a page without its reserved space */

/* Adds to the message what the bytes look like, n of which are in the header. */
static void add_looks(mv_load *load, size_t n) {
    bool more = load->first_n > n;
    const char *looks = mv_looks_like(more ? load->first : load->header, more ? load->first_n : n);
    size_t length = strlen(load->message);
    if (looks) snprintf(load->message + length, sizeof load->message - length, "; it looks like %s", looks);
}

static mv_result check_header(mv_load *load) {
    const uint8_t *h = load->header;
    if (memcmp(h, MAGIC, sizeof MAGIC) != 0) {
        char hex[sizeof MAGIC * 2 + 1];
        for (size_t i = 0; i < sizeof MAGIC; i++) snprintf(hex + 2 * i, 3, "%02x", h[i]);
        snprintf(load->message, sizeof load->message,
                 "not an SQLite database: bytes 0 to 15 are %s, not \"SQLite format 3\" and a zero", hex);
        add_looks(load, HEADER);
        return MV_NOTADB;
    }
    uint32_t page_size = page_size_of(h);
    if (page_size < MV_MIN_BLOCK || page_size > MV_MAX_BLOCK || (page_size & (page_size - 1))) {
        snprintf(load->message, sizeof load->message,
                 "not an SQLite database: the page size at bytes 16 to 17 is %u, not a power of two from 512 to 65536", (unsigned)page_size);
        return MV_NOTADB;
    }
    if (h[19] > MAX_READ_VERSION) {
        snprintf(load->message, sizeof load->message,
                 "not an SQLite database that can be read: the read version at byte 19 is %d, and must be at most %d", h[19], MAX_READ_VERSION);
        return MV_NOTADB;
    }
    for (int i = 0; i < 3; i++) {
        static const uint8_t fractions[] = {64, 32, 32};
        if (h[21 + i] == fractions[i]) continue;
        snprintf(load->message, sizeof load->message, "not an SQLite database: the payload fraction at byte %d is %d, and must be %d", 21 + i, h[21 + i],
                 fractions[i]);
        return MV_NOTADB;
    }
    if (page_size - h[20] < MIN_USABLE) {
        snprintf(load->message, sizeof load->message, "not an SQLite database: the reserved space at byte 20 is %d, and must be at most %u for pages of %u bytes",
                 h[20], (unsigned)(page_size - MIN_USABLE), (unsigned)page_size);
        return MV_NOTADB;
    }
    return MV_OK;
}

/* WAL mode becomes rollback mode. A write version that SQLite does not know stays: it makes the database read-only. */
static void leave_wal_mode(uint8_t *header) {
    if (header[18] == 2) header[18] = 1;
    if (header[19] == 2) header[19] = 1;
}

static mv_result too_short(mv_load *load) {
    snprintf(load->message, sizeof load->message, "not an SQLite database: it ends after %d bytes, within the header of 100", (int)load->size);
    size_t magic = (size_t)load->size < sizeof MAGIC ? (size_t)load->size : sizeof MAGIC;
    if (memcmp(load->header, MAGIC, magic) != 0) add_looks(load, (size_t)load->size);
    return MV_NOTADB;
}

/* The header is complete: with the page size known, the blocks can begin. */
static mv_result start(mv_load *load) {
    mv_result rc = check_header(load);
    if (rc) return rc;
    load->table.shift = mv_shift_for(load->store->block_size ? load->store->block_size : page_size_of(load->header));
    rc = more_blocks(load);
    if (rc) return rc;
    leave_wal_mode(load->header);
    memcpy(load->to, load->header, HEADER);
    load->to += HEADER;
    load->started = true;
    return MV_OK;
}

/* ---- the write-ahead log ---- */

/* How many pages the header tells of; 0: that is not valid, and SQLite goes by the length. */
static uint32_t told_pages(const uint8_t *h) {
    return memcmp(h + 24, h + 92, 4) == 0 ? get4(h + 28) : 0;
}

/*
 * What the database's bytes lack must be in its log. SQLite takes zeros for a page that is in neither. That is right beyond the pages that the bytes' own
 * header told of, if the header that the log has brings a valid number of pages: a transaction need not write a page that it adds and frees again.
 */
static mv_result find_missing(mv_load *load, uint32_t page_size) {
    uint64_t lock_page = LOCK_BYTE / page_size + 1, last = (uint64_t)load->size / page_size;
    if (told_pages(load->header) > 0 && last > load->missing_to) last = load->missing_to;
    for (uint64_t number = load->ended_at + 1; number <= last; number++) {
        if (number == lock_page || mv_table_find(&load->table, (number - 1) * page_size >> load->table.shift)) continue;
        snprintf(load->message, sizeof load->message,
                 "truncated SQLite database: it ends after page %llu, and page %llu is not in its write-ahead log either",
                 (unsigned long long)load->ended_at, (unsigned long long)number);
        return MV_TRUNCATED;
    }
    return MV_OK;
}

/* Copies a page into the blocks where it lies. */
static mv_result put_page(mv_load *load, const char *page, uint32_t page_size, uint64_t number) {
    size_t block_size = mv_table_block_size(&load->table);
    uint64_t at = (number - 1) * page_size;
    for (uint32_t done = 0; done < page_size;) {
        size_t within = (size_t)(at + done) & (block_size - 1), n = block_size - within;
        if (n > page_size - done) n = page_size - done;
        uint64_t place = (at + done) >> load->table.shift;
        void *block;
        mv_result rc = mv_table_own(&load->table, &load->edit, place, n < block_size, &block);
        if (rc == MV_FULL && mv_store_collect(load->store)) rc = mv_table_own(&load->table, &load->edit, place, n < block_size, &block);
        if (rc) return rc;
        memcpy((char *)block + within, page + done, n);
        if (at + done == 0) {
            memcpy(load->header, block, HEADER);
            leave_wal_mode(load->header);
            memcpy(block, load->header, HEADER);
        }
        done += (uint32_t)n;
    }
    return MV_OK;
}

/* Makes the pages of a transaction, and its size, those of the database. */
static mv_result take_commit(mv_load *load, const mv_wal_pages *pages, uint32_t page_size) {
    for (const void *page = pages->first; page; page = mv_record_of(page)->next) {
        uint64_t number = mv_birth(page);
        mv_result rc = number <= pages->commit ? put_page(load, page, page_size, number) : MV_OK;
        if (rc) return rc;
    }
    load->size = (int64_t)pages->commit * page_size;
    return mv_table_cut(&load->table, &load->edit, mv_table_blocks(&load->table, load->size));
}

static mv_result log_space(mv_load *load) {
    size_t n;
    mv_result rc = mv_wal_space(load->wal, &load->to, &n);
    if (rc == MV_FULL && mv_store_collect(load->store)) rc = mv_wal_space(load->wal, &load->to, &n);
    load->end = rc ? load->to : load->to + n;
    return rc;
}

static mv_result log_filled(mv_load *load) {
    mv_wal_pages pages;
    mv_result rc = mv_wal_filled(load->wal, &pages, load->message, sizeof load->message);
    if (!rc && pages.commit) rc = take_commit(load, &pages, page_size_of(load->header));
    load->frames = mv_wal_frames(load->wal);
    return rc;
}

/* What stands behind the database's last byte becomes zeros, and what is behind its last page goes: pages from the log may come there. */
static mv_result end_of_database(mv_load *load) {
    uint32_t page_size = page_size_of(load->header);
    memset(load->to, 0, (size_t)(load->end - load->to));
    load->to = load->end = NULL;
    uint64_t pages = ((uint64_t)load->size + page_size - 1) / page_size;
    load->ended_at = pages;
    if (told_pages(load->header) > pages) load->missing_to = told_pages(load->header);
    return mv_table_cut(&load->table, &load->edit, mv_table_blocks(&load->table, (int64_t)(pages * page_size)));
}

mv_result mv_load_wal(mv_load *load) {
    if (load->failed || load->in_wal) return load->failed;
    load->in_wal = true;
    if (load->size > 0 && !load->started) return load->failed = too_short(load);
    if (load->started) load->failed = end_of_database(load);
    if (load->failed) return load->failed;
    /* SQLite deletes the log of an empty file without reading it. */
    load->wal = mv_wal_new(&load->store->arena, load->started ? page_size_of(load->header) : 0);
    if (!load->wal) load->failed = MV_NOMEM;
    load->to = load->end = NULL;
    return load->failed;
}

uint64_t mv_load_frames(const mv_load *load) {
    return load->frames;
}

/* ---- bytes ---- */

mv_result mv_load_space(mv_load *load, void **to, size_t *n) {
    if (!load->failed && load->to == load->end) load->failed = load->in_wal ? log_space(load) : more_blocks(load);
    if (load->failed) return load->failed;
    *to = load->to;
    *n = (size_t)(load->end - load->to);
    return MV_OK;
}

mv_result mv_load_filled(mv_load *load, size_t n) {
    assert(n <= (size_t)(load->end - load->to));
    load->to += n;
    if (load->in_wal) {
        if (n > 0 && load->to == load->end) load->failed = log_filled(load);
        return load->failed;
    }
    load->size += (int64_t)n;
    if (!load->started && load->to == load->end) load->failed = start(load);
    return load->failed;
}

static mv_result write_all(mv_load *load, const void *from, size_t n) {
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

mv_result mv_load_write(mv_load *load, const void *from, size_t n) {
    if (load->size == 0) {
        load->first = from;
        load->first_n = n;
    }
    mv_result rc = write_all(load, from, n);
    load->first = NULL;
    load->first_n = 0;
    return rc;
}

mv_result mv_load_finish(mv_load *load) {
    if (load->failed) return load->failed;
    if (load->in_wal) {
        size_t rest = load->end - load->to, n; /* of what was asked for last */
        char *to;
        load->failed = load->to == load->end ? MV_OK : mv_wal_space(load->wal, &to, &n);
        if (!load->failed) load->failed = mv_wal_end(load->wal, load->to == load->end ? 0 : n - rest, load->message, sizeof load->message);
        if (load->failed) return load->failed;
    }
    if (load->size == 0) return MV_OK;
    if (!load->started) return too_short(load);
    if (load->frames) {
        mv_result rc = check_header(load); /* it may be one from the log */
        if (!rc) rc = find_missing(load, page_size_of(load->header));
        if (rc) return rc;
    }
    uint32_t page_size = page_size_of(load->header), pages = told_pages(load->header);
    if ((uint64_t)load->size < (uint64_t)pages * page_size) {
        snprintf(load->message, sizeof load->message,
                 "truncated SQLite database: it ends after %lld bytes, but its header (bytes 28 to 31) tells of %u pages of %u bytes, which are %llu",
                 (long long)load->size, (unsigned)pages, (unsigned)page_size, (unsigned long long)pages * page_size);
        return MV_TRUNCATED;
    }
    if (!load->in_wal) {
        mv_result rc = end_of_database(load);
        if (rc) return rc;
    }
    if (!pages) pages = (uint32_t)(((uint64_t)load->size + page_size - 1) / page_size);
    load->size = (int64_t)pages * page_size;
    mv_result rc = mv_table_cut(&load->table, &load->edit, mv_table_blocks(&load->table, load->size));
    assert(rc == MV_OK); /* all nodes are the edit's own */
    mv_edit_free_discarded(&load->edit, NULL);
    load->to = load->end = NULL;
    return rc;
}

int64_t mv_load_size(const mv_load *load) {
    return load->size;
}

const char *mv_load_message(const mv_load *load) {
    return load->message;
}

#define LONGEST_WAIT 100000 /* microseconds: as long as SQLite's busy handler sleeps; a promise that is not kept wakes nobody */

/* Takes the writer's slot, waiting for it until then. */
static mv_result take_slot(mv_database *db, mv_load *load, int64_t until) {
    for (;;) {
        mv_result rc = mv_write_lock(db, load);
        int64_t left = until - mv_now_usec();
        if (rc != MV_BUSY || left <= 0) return rc;
        if (!load->ticket) load->ticket = mv_write_ticket(db);
        mv_write_wait(db, load, load->ticket, left < LONGEST_WAIT ? left : LONGEST_WAIT);
    }
}

mv_result mv_load_waiter(mv_store *store, const char *name, size_t len, mv_load *load, int64_t usec, mv_waiter **out) {
    mv_database *db;
    mv_result rc = mv_store_open(store, name, len, false, &db);
    if (rc) return rc;
    if (load->waited != db) load->ticket = 0;
    stop_waiting(load);
    load->waited = db;
    if (!load->ticket) load->ticket = mv_write_ticket(db);
    *out = mv_waiter_new(db, load, load->ticket, mv_deadline(usec));
    return *out ? MV_OK : MV_NOMEM;
}

/* Gives all that the edit made, and has not discarded, another birth. */
static void restamp(mv_edit *edit, uint64_t birth) {
    for (void *object = edit->born.head; object; object = mv_record_of(object)->next) mv_record_of(object)->birth = birth;
    edit->birth = birth;
}

static void publish_over(mv_database *db, mv_load *load) {
    mv_version *v = load->version;
    uint64_t number = atomic_load(&db->newest)->number + 1; /* cannot change while the slot is ours */
    if (number != load->edit.birth) restamp(&load->edit, number); /* other commits came in between */
    v->db = db;
    v->number = number;
    sqlite3_free(mv_database_publish(db, v, &load->edit, true, false));
}

mv_result mv_store_publish(mv_store *store, const char *name, size_t len, mv_load *load, int64_t usec) {
    int64_t until = mv_deadline(usec);
    load->version->table = load->table;
    load->version->size = load->size;
    for (;;) {
        mv_database *db;
        mv_result rc = mv_store_open(store, name, len, false, &db);
        if (rc == MV_NOTFOUND) { /* becomes known with its content, never without */
            db = mv_database_new(store, name, len, load->edit.birth);
            if (!db) return MV_NOMEM;
            atomic_load(&db->newest)->table = load->table;
            atomic_load(&db->newest)->size = load->size;
            db->bytes = load->edit.born_bytes;
            db->blocks = load->edit.born_blocks;
            rc = mv_store_introduce(store, db);
            if (rc) mv_database_free_new(db);
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
