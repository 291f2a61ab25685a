/* See journal.h. */
#include "vfs/journal.h"

#include <stdbool.h>
#include <string.h>

#define FIRST_RECORDS 16
#define MOST_IDLE_RECORDS 1024 /* 16 KB that wait for the next transaction */
#define NONCE_AT 12            /* in the header, as is the next */
#define PAGE_SIZE_AT 24
#define WORD 4                 /* a number, a checksum */

static mv_journal *journal_of(sqlite3_file *base) {
    return ((mv_open_journal *)base)->journal;
}

static uint32_t get4(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t record_bytes(const mv_journal *j) {
    return (int64_t)j->page_size + 2 * WORD;
}

static int64_t size_of(const mv_journal *j) {
    return j->page_size ? MV_JOURNAL_HEADER + (int64_t)j->count * record_bytes(j) : 0;
}

static void forget_copy(mv_journal *j, mv_journal_record *record) {
    if (!record->copy) return;
    sqlite3_free(record->copy);
    record->copy = NULL;
    j->copies--;
}

/* Keeps so many records. */
static void cut(mv_journal *j, size_t count) {
    for (size_t i = count; j->copies > 0 && i < j->room; i++) forget_copy(j, &j->records[i]);
    if (j->count > count) j->count = count;
}

static void clear(mv_journal *j) {
    cut(j, 0);
    j->page_size = 0;
}

static bool make_room(mv_journal *j) {
    if (j->count < j->room) return true;
    size_t room = j->room ? 2 * j->room : FIRST_RECORDS;
    mv_journal_record *wide = sqlite3_realloc64(j->records, room * sizeof *wide);
    if (!wide) return false;
    memset(wide + j->room, 0, (room - j->room) * sizeof *wide);
    j->records = wide;
    j->room = room;
    return true;
}

static const void *page_in_version(const mv_journal *j, const mv_journal_record *record) {
    return j->page(j->file, ((int64_t)get4(record->number) - 1) * (int64_t)j->page_size, j->page_size);
}

/*
 * SQLite journals a page as its cache has it before the transaction changes it. These are the bytes of the version, but
 * for two kinds of pages. The first page may be shown with other bytes, so it is compared. A page that the last
 * transaction freed may not have been written: nobody needs its bytes, so a rollback may bring back the version's as
 * well. That is why records without a copy get a checksum of their own.
 */
static bool stands_in_version(const mv_journal *j, const mv_journal_record *record, const void *from) {
    const void *page = page_in_version(j, record);
    return page && (get4(record->number) != 1 || memcmp(page, from, j->page_size) == 0);
}

/* Of the record, as the format says: the nonce in the header, and each byte of the page whose distance to its end is a
 * multiple of the step. */
static void checksum_of(const mv_journal *j, const uint8_t *page, uint8_t out[WORD]) {
    enum { STEP = 200 };
    uint32_t sum = get4(j->header + NONCE_AT);
    for (size_t left = j->page_size; left > STEP;) sum += page[left -= STEP];
    for (int i = 0; i < WORD; i++) out[i] = (uint8_t)(sum >> (8 * (WORD - 1 - i)));
}

static int write_page(mv_journal *j, mv_journal_record *record, const void *from) {
    forget_copy(j, record); /* of one that was not written to its end */
    if (stands_in_version(j, record, from)) return SQLITE_OK;
    record->copy = sqlite3_malloc64(j->page_size);
    if (!record->copy) return SQLITE_IOERR_NOMEM;
    memcpy(record->copy, from, j->page_size);
    j->copies++;
    return SQLITE_OK;
}

/* A whole one begins the journal anew, and SQLite ends one by zeros. */
static void write_header(mv_journal *j, const void *from, size_t n) {
    if (n == MV_JOURNAL_HEADER) clear(j);
    memcpy(j->header, from, n);
    j->page_size = get4(j->header + PAGE_SIZE_AT);
    if (j->page_size == 0) clear(j);
}

/* SQLite writes a journal from its beginning to its end, each field at once. (If it wanted to go back, after a ROLLBACK TO that failed half-way, that is an error.) */
static int journal_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 offset) {
    mv_journal *j = journal_of(base);
    if (offset == 0 && n <= MV_JOURNAL_HEADER) {
        write_header(j, from, (size_t)n);
        return SQLITE_OK;
    }
    int64_t within = offset - size_of(j);
    if (j->page_size == 0 || within < 0) return SQLITE_IOERR_WRITE;
    if (!make_room(j)) return SQLITE_IOERR_NOMEM;
    mv_journal_record *record = &j->records[j->count];
    if (within == 0 && n == WORD) {
        memcpy(record->number, from, WORD);
    } else if (within == WORD && n == (int)j->page_size) {
        return write_page(j, record, from);
    } else if (within == WORD + (int64_t)j->page_size && n == WORD) {
        memcpy(record->checksum, from, WORD);
        j->count++;
    }
    return SQLITE_OK; /* anything else is of a super-journal's name, which looks like a record at most up to its number, that of no page: for whoever finds the journal after a crash, and nobody does */
}

static int journal_read(sqlite3_file *base, void *to, int n, sqlite3_int64 offset) {
    mv_journal *j = journal_of(base);
    int64_t size = size_of(j);
    char *out = to;
    size_t left = (size_t)n;
    while (left > 0 && offset < size) {
        uint8_t checksum[WORD];
        const uint8_t *piece = j->header + offset;
        size_t length = (size_t)(MV_JOURNAL_HEADER - offset);
        if (offset >= MV_JOURNAL_HEADER) {
            const mv_journal_record *record = &j->records[(offset - MV_JOURNAL_HEADER) / record_bytes(j)];
            size_t within = (size_t)((offset - MV_JOURNAL_HEADER) % record_bytes(j));
            const uint8_t *page = record->copy ? record->copy : page_in_version(j, record);
            if (!page) return SQLITE_IOERR_READ;
            if (within < WORD) {
                piece = record->number + within;
                length = WORD - within;
            } else if (within < WORD + j->page_size) {
                piece = page + (within - WORD);
                length = WORD + j->page_size - within;
            } else {
                checksum_of(j, page, checksum);
                piece = (record->copy ? record->checksum : checksum) + (within - WORD - j->page_size);
                length = 2 * WORD + j->page_size - within;
            }
        }
        if (length > left) length = left;
        memcpy(out, piece, length);
        out += length;
        left -= length;
        offset += (int64_t)length;
    }
    memset(out, 0, left);
    return left > 0 ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int journal_truncate(sqlite3_file *base, sqlite3_int64 size) {
    mv_journal *j = journal_of(base);
    if (size < MV_JOURNAL_HEADER) clear(j);
    else if (size < size_of(j)) cut(j, (size_t)((size - MV_JOURNAL_HEADER) / record_bytes(j)));
    return SQLITE_OK;
}

static int journal_size(sqlite3_file *base, sqlite3_int64 *size) {
    *size = size_of(journal_of(base));
    return SQLITE_OK;
}

static int journal_close(sqlite3_file *base) {
    mv_journal *j = journal_of(base);
    clear(j);
    if (j->room > MOST_IDLE_RECORDS) mv_journal_free(j);
    return SQLITE_OK;
}

static int journal_flags(sqlite3_file *base, int flags) {
    (void)base;
    (void)flags;
    return SQLITE_OK;
}

static int journal_check_reserved(sqlite3_file *base, int *reserved) {
    (void)base;
    *reserved = 0;
    return SQLITE_OK;
}

static int journal_control(sqlite3_file *base, int op, void *arg) {
    (void)base;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int journal_number(sqlite3_file *base) {
    (void)base;
    return 0;
}

static const sqlite3_io_methods journal_methods = {
    .iVersion = 1,
    .xClose = journal_close,
    .xRead = journal_read,
    .xWrite = journal_write,
    .xTruncate = journal_truncate,
    .xSync = journal_flags,
    .xFileSize = journal_size,
    .xLock = journal_flags,
    .xUnlock = journal_flags,
    .xCheckReservedLock = journal_check_reserved,
    .xFileControl = journal_control,
    .xSectorSize = journal_number, /* SQLite asks the database's file */
    .xDeviceCharacteristics = journal_number,
};

void mv_journal_open(mv_journal *journal, sqlite3_file *at) {
    *(mv_open_journal *)at = (mv_open_journal){.base.pMethods = &journal_methods, .journal = journal};
}

bool mv_journal_is(const sqlite3_file *file) {
    return file->pMethods == &journal_methods;
}

void mv_journal_free(mv_journal *journal) {
    clear(journal);
    sqlite3_free(journal->records);
    journal->records = NULL;
    journal->room = 0;
}
