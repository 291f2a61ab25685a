/*
 * What a file shows that is not what its version holds. See show.h.
 *
 * The pager's cache. When a pager takes a lock it reads 16 bytes at offset 24 (change counter and so on) and keeps its
 * cache if they are the bytes that it remembers: those of the first page as it last read or wrote it. Such bytes can be
 * equal by chance, for example in replaced content, or after a commit that failed when the pager had written the change
 * counter already. They can also differ without reason: an empty file has none. So the file remembers the same 16 bytes
 * (mark), and which version the cache was filled from (cached). It shows the mark when that version is still the one,
 * and anything else when it is not. Thus PRAGMA data_version, which counts how often the pager drops its cache, changes
 * with other connections' commits only.
 *
 * Replaced content. A connection keeps its schema and its statements while the schema cookie at offset 40 is the same,
 * and this one, too, can be equal by chance. So a file that comes to a version of another epoch shows a cookie above
 * all that it has shown before (cookie_shift), and shifts it back on writes.
 *
 * The stand-in. An empty file has no cookie: SQLite takes it for 0 without reading. So where the shifted cookie is not
 * 0, the file shows a database of one page without tables in place of an empty version. A transaction that begins on it
 * has that page as its first.
 *
 * WAL mode. A first page that says that the database is in WAL mode would make it unreadable: there is no write-ahead
 * log here. Two things write such pages: a backup from a database in WAL mode, and PRAGMA journal_mode=WAL with
 * locking_mode=EXCLUSIVE, where SQLite does not ask whether the VFS supports a log. As in mv_load_finish, the database
 * becomes one in rollback mode. It is changed in the pager's own page, which is what SQLite hands to xWrite: with
 * locking_mode=EXCLUSIVE the pager never reads it again.
 */
#include "vfs/show.h"

#include "vfs/own_sqlite.h"

#include <string.h>

#define COOKIE_AT MV_COOKIE_AT
#define COOKIE_BYTES 4
#define PAGE_SIZE_AT 16 /* two bytes; 1 stands for 65536 */
#define WAL_MODE_AT 18  /* write and read version: 2 for a write-ahead log, 1 for a rollback journal */
#define LARGEST_PAGE 65536

static const char MAGIC[16] = "SQLite format 3";

static uint32_t get4(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put4(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static bool covers_cookie(int64_t offset, int n) {
    return offset <= COOKIE_AT && offset + n >= COOKIE_AT + COOKIE_BYTES;
}

/* SQLite sees this cookie. Cookies wrap around: one is higher than another if the way up to it is shorter than the way down. */
static void note_cookie(memory_file *f, uint32_t cookie) {
    if (!f->cookie_known || (int32_t)(cookie - f->top_cookie) > 0) f->top_cookie = cookie;
    f->cookie_known = true;
}

void mv_show_note_first_page(memory_file *f, const uint8_t *bytes) {
    uint32_t page_size = (uint32_t)bytes[PAGE_SIZE_AT] << 8 | (uint32_t)bytes[PAGE_SIZE_AT + 1] << 16;
    memcpy(f->mark, bytes + MV_CHECK_AT, MV_CHECK_BYTES);
    note_cookie(f, get4(bytes + COOKIE_AT));
    f->shown_nothing = false;
    bool valid = page_size >= MV_SMALLEST_PAGE && page_size <= LARGEST_PAGE && (page_size & (page_size - 1)) == 0;
    f->page_size = valid ? page_size : MV_DEFAULT_PAGE;
}

/* A lock begins: is the content another one than the file showed last? */
static void compare_epoch(memory_file *f) {
    uint64_t epoch = mv_version_epoch(f->pin);
    bool nothing = mv_version_size(f->pin) == 0;
    if (f->shown && epoch != f->shown_epoch && f->cookie_known && !(nothing && f->shown_nothing)) {
        uint8_t stored[COOKIE_BYTES] = {0};
        mv_version_read(f->pin, stored, sizeof stored, COOKIE_AT);
        f->cookie_shift = f->top_cookie + 1 - get4(stored);
        if (f->connection) mv_engine_content_replaced(f->connection, &f->base);
    }
    f->shown = true;
    f->shown_epoch = epoch;
    f->shown_nothing = nothing && !f->cookie_shift;
    if (f->shown_nothing) note_cookie(f, 0);
}

void mv_show_begin(memory_file *f) {
    compare_epoch(f);
    if (!f->checked) f->cached = mv_version_number(f->pin); /* the pager has nothing in its cache, and compares nothing */
    f->checked = true;
}

size_t mv_show_read_stand_in(const memory_file *f, void *to, size_t n, int64_t offset) {
    enum { HEADER = 100, LEAF = 13, FROM = 5 }; /* https://sqlite.org/fileformat.html: the header, and behind it that of an empty leaf of a table */
    uint8_t start[HEADER + 8] = {0};
    memcpy(start, MAGIC, sizeof MAGIC);
    size_t page_size = f->page_size;
    start[PAGE_SIZE_AT] = (uint8_t)(page_size >> 8);
    start[PAGE_SIZE_AT + 1] = (uint8_t)(page_size >> 16);
    start[WAL_MODE_AT] = start[WAL_MODE_AT + 1] = 1;
    memcpy(start + 21, "\100\40\40", 3); /* payload fractions */
    put4(start + 28, 1);                 /* pages */
    start[HEADER] = LEAF;
    start[HEADER + FROM] = (uint8_t)(page_size >> 8); /* where cells begin: at the end, for which 0 stands if it is 65536 */
    memset(to, 0, n);
    if (offset < (int64_t)sizeof start) {
        size_t part = sizeof start - (size_t)offset;
        memcpy(to, start + offset, part < n ? part : n);
    }
    if (offset >= (int64_t)page_size) return 0;
    return n < page_size - (size_t)offset ? n : page_size - (size_t)offset;
}

void mv_show_shift_cookie(const memory_file *f, uint8_t *bytes, int n, int64_t offset) {
    if (!f->cookie_shift || !covers_cookie(offset, n)) return;
    uint8_t *cookie = bytes + (COOKIE_AT - offset);
    put4(cookie, get4(cookie) + f->cookie_shift);
}

mv_result mv_show_shift_cookie_back(memory_file *f, const uint8_t *from, int n, int64_t offset) {
    if (!f->cookie_shift || !covers_cookie(offset, n)) return MV_OK;
    uint8_t cookie[COOKIE_BYTES];
    put4(cookie, get4(from + (COOKIE_AT - offset)) - f->cookie_shift);
    return mv_txn_write(f->txn, cookie, sizeof cookie, COOKIE_AT);
}

void mv_show_clear_wal_mode(void *first_page) {
    uint8_t *mode = (uint8_t *)first_page + WAL_MODE_AT;
    if (memcmp(first_page, MAGIC, sizeof MAGIC) != 0) return;
    if (mode[0] == 2) mode[0] = 1;
    if (mode[1] == 2) mode[1] = 1;
}
