/* See wal.h. */
#include "store/wal.h"
#include "store/memory.h"

#include "store/table.h"

#include <stdio.h>
#include <string.h>

#define HEADER 32
#define FRAME_HEADER 24
#define MAGIC 0x377f0682u /* its last bit says whether checksums are of big-endian words */
#define VERSION 3007000u
#define SCRATCH 4096

struct mv_wal {
    mv_arena *arena;
    uint32_t page_size;
    enum { IN_HEADER, IN_FRAME_HEADER, IN_PAGE, ENDED } part;
    uint8_t header[HEADER], frame[FRAME_HEADER];
    bool big_endian;         /* words that checksums are made of */
    uint32_t sum[2];         /* of all so far */
    void *page;              /* of the frame that is being read; NULL: none */
    void *first, *last;      /* pages since the last commit, oldest first */
    uint64_t count;
    bool committed;          /* the caller has been given them */
    uint64_t seen, frames;   /* frames that are valid; those up to the last commit */
    char scratch[SCRATCH];   /* for what follows the last valid frame */
};

static uint32_t big(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t little(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* Goes on with a checksum; n is a multiple of 8. */
static void add_to_sum(mv_wal *wal, const uint8_t *bytes, size_t n) {
    uint32_t a = wal->sum[0], b = wal->sum[1];
    if (wal->big_endian) {
        for (size_t i = 0; i < n; i += 8) {
            a += big(bytes + i) + b;
            b += big(bytes + i + 4) + a;
        }
    } else {
        for (size_t i = 0; i < n; i += 8) {
            a += little(bytes + i) + b;
            b += little(bytes + i + 4) + a;
        }
    }
    wal->sum[0] = a;
    wal->sum[1] = b;
}

static bool sum_is(const mv_wal *wal, const uint8_t *p) {
    return wal->sum[0] == big(p) && wal->sum[1] == big(p + 4);
}

mv_wal *mv_wal_new(mv_arena *arena, uint32_t page_size) {
    mv_wal *wal = sqlite3_malloc64(sizeof *wal);
    if (wal) *wal = (mv_wal){.arena = arena, .page_size = page_size, .part = page_size ? IN_HEADER : ENDED};
    return wal;
}

static void free_pages(mv_wal *wal) {
    mv_arena_free(wal->arena, (mv_list){.head = wal->first, .tail = wal->last});
    wal->first = wal->last = NULL;
    wal->count = 0;
    wal->committed = false;
}

static void free_page(mv_wal *wal) {
    mv_list one = {0};
    if (wal->page) mv_list_push(&one, wal->page);
    mv_arena_free(wal->arena, one);
    wal->page = NULL;
}

/* Nothing more is taken, and what is not committed is gone. */
static mv_result end(mv_wal *wal) {
    free_page(wal);
    free_pages(wal);
    wal->part = ENDED;
    return MV_OK;
}

void mv_wal_free(mv_wal *wal) {
    if (!wal) return;
    end(wal);
    sqlite3_free(wal);
}

mv_result mv_wal_space(mv_wal *wal, char **to, size_t *n) {
    if (wal->committed) free_pages(wal);
    switch (wal->part) {
    case IN_HEADER:
        *to = (char *)wal->header;
        *n = HEADER;
        return MV_OK;
    case IN_FRAME_HEADER:
        *to = (char *)wal->frame;
        *n = FRAME_HEADER;
        return MV_OK;
    case IN_PAGE: {
        mv_result rc = wal->page ? MV_OK : mv_arena_new(wal->arena, mv_block_class(mv_shift_for(wal->page_size)), &wal->page);
        *to = wal->page;
        *n = wal->page_size;
        return rc;
    }
    default:
        *to = wal->scratch;
        *n = SCRATCH;
        return MV_OK;
    }
}

static mv_result no_log(const uint8_t *h, char *message, size_t room) {
    snprintf(message, room, "not a write-ahead log: bytes 0 to 3 are %02x%02x%02x%02x, not 377f0682 or 377f0683", h[0], h[1], h[2], h[3]);
    return MV_NOTADB;
}

/* SQLite takes a header that is not whole for that of a log without a frame: it may have crashed while it wrote it, and then some file systems leave zeros. */
static mv_result header_filled(mv_wal *wal, char *message, size_t room) {
    static const uint8_t zeros[HEADER];
    const uint8_t *h = wal->header;
    uint32_t magic = big(h), page_size = big(h + 8);
    if (memcmp(h, zeros, HEADER) == 0) return end(wal);
    if ((magic & ~1u) != MAGIC) return no_log(h, message, room);
    wal->big_endian = magic & 1;
    add_to_sum(wal, h, HEADER - 8);
    if (!sum_is(wal, h + 24)) return end(wal);
    if (big(h + 4) != VERSION) {
        snprintf(message, room, "write-ahead log of another version: bytes 4 to 7 are %u, not %u", (unsigned)big(h + 4), VERSION);
        return MV_NOTADB;
    }
    if (page_size != wal->page_size) {
        snprintf(message, room, "the write-ahead log is another database's: its page size (bytes 8 to 11) is %u, and that of the database %u",
                 (unsigned)page_size, (unsigned)wal->page_size);
        return MV_NOTADB;
    }
    wal->part = IN_FRAME_HEADER;
    return MV_OK;
}

static mv_result frame_filled(mv_wal *wal) {
    bool valid = memcmp(wal->frame + 8, wal->header + 16, 8) == 0 && big(wal->frame) != 0;
    if (!valid) return end(wal);
    add_to_sum(wal, wal->frame, 8);
    wal->part = IN_PAGE;
    return MV_OK;
}

static mv_result page_filled(mv_wal *wal, mv_wal_pages *pages) {
    add_to_sum(wal, wal->page, wal->page_size);
    if (!sum_is(wal, wal->frame + 16)) return end(wal);
    mv_record_of(wal->page)->birth = big(wal->frame);
    mv_record_of(wal->page)->next = NULL;
    if (wal->last) mv_record_of(wal->last)->next = wal->page;
    else wal->first = wal->page;
    wal->last = wal->page;
    wal->page = NULL;
    wal->count++;
    wal->seen++;
    wal->part = IN_FRAME_HEADER;
    uint32_t commit = big(wal->frame + 4);
    if (commit) {
        *pages = (mv_wal_pages){.first = wal->first, .count = wal->count, .commit = commit};
        wal->committed = true;
        wal->frames = wal->seen;
    }
    return MV_OK;
}

mv_result mv_wal_filled(mv_wal *wal, mv_wal_pages *pages, char *message, size_t room) {
    *pages = (mv_wal_pages){0};
    switch (wal->part) {
    case IN_HEADER: return header_filled(wal, message, room);
    case IN_FRAME_HEADER: return frame_filled(wal);
    case IN_PAGE: return page_filled(wal, pages);
    default: return MV_OK;
    }
}

mv_result mv_wal_end(mv_wal *wal, size_t n, char *message, size_t room) {
    static const uint8_t zeros[HEADER];
    bool no_magic = wal->part == IN_HEADER && n >= 4 && (big(wal->header) & ~1u) != MAGIC && memcmp(wal->header, zeros, n) != 0;
    end(wal);
    return no_magic ? no_log(wal->header, message, room) : MV_OK;
}

uint64_t mv_wal_frames(const mv_wal *wal) {
    return wal->frames;
}
