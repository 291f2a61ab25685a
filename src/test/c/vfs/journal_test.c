/*
 * The rollback journal without copies (journal.h), beside the bytes that SQLite writes into it. How SQLite gets on with it is in vfs_test.
 *
 *     journal_test [WORD...]      the tests whose names hold a word; --list prints them
 */
#include "../harness/check.h"
#include "vfs/journal.h"

enum { PAGE = 1024, PAGES = 40, RECORD = PAGE + 8, MOST = MV_JOURNAL_HEADER + (PAGES + 1) * RECORD };

/* A version of that many pages, and what the journal must be. */
typedef struct world {
    mv_journal journal;
    mv_open_journal open;
    sqlite3_file file;
    uint8_t version[PAGES][PAGE], bytes[MOST];
    int64_t size; /* of bytes */
} world;

static world w;
static uint64_t seed = 1;

static const void *page_of_version(sqlite3_file *file, int64_t offset, size_t n) {
    CHECK(file == &w.file);
    return offset < 0 || offset + (int64_t)n > (int64_t)sizeof w.version ? NULL : (const uint8_t *)w.version + offset;
}

static const sqlite3_io_methods *methods(void) {
    return w.open.base.pMethods;
}

static void open_journal(void) {
    mv_journal_open(&w.journal, &w.open.base);
    w.size = 0;
}

static void begin(void) {
    memset(&w, 0, sizeof w);
    w.journal = (mv_journal){.file = &w.file, .page = page_of_version};
    for (int i = 0; i < PAGES; i++)
        for (int j = 0; j < PAGE; j++) w.version[i][j] = (uint8_t)check_random(&seed);
    open_journal();
}

static void end(void) {
    CHECK_EQ(methods()->xClose(&w.open.base), SQLITE_OK);
    CHECK_EQ(w.journal.copies, 0);
    mv_journal_free(&w.journal);
}

static void put4(uint8_t *to, uint32_t v) {
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(v >> (24 - 8 * i));
}

static int write_at(int64_t offset, const void *from, int n) {
    return methods()->xWrite(&w.open.base, from, n, offset);
}

static void write_header(uint32_t page_size) {
    uint8_t header[MV_JOURNAL_HEADER];
    for (size_t i = 0; i < sizeof header; i++) header[i] = (uint8_t)check_random(&seed);
    put4(header + 24, page_size);
    CHECK_EQ(write_at(0, header, sizeof header), SQLITE_OK);
    memcpy(w.bytes, header, sizeof header);
    w.size = sizeof header;
}

/* https://sqlite.org/fileformat.html#the_rollback_journal: the nonce and each 200th byte from the end on. */
static void sum_up(uint8_t record[RECORD]) {
    uint32_t sum = (uint32_t)w.bytes[12] << 24 | (uint32_t)w.bytes[13] << 16 | (uint32_t)w.bytes[14] << 8 | w.bytes[15];
    for (int at = PAGE - 200; at > 0; at -= 200) sum += record[4 + at];
    put4(record + 4 + PAGE, sum);
}

/* The first `fields` of a record's three. A page behind the first that is in the version is read as it is there,
 * whatever was written. */
static void write_record(uint32_t number, bool changed, int fields) {
    uint8_t record[RECORD];
    bool in_version = number > 0 && number <= PAGES;
    put4(record, number);
    if (in_version) memcpy(record + 4, w.version[number - 1], PAGE);
    else memset(record + 4, 7, PAGE);
    if (changed) record[4 + check_random(&seed) % PAGE] ^= 1;
    sum_up(record);
    CHECK_EQ(write_at(w.size, record, 4), SQLITE_OK);
    if (fields > 1) CHECK_EQ(write_at(w.size + 4, record + 4, PAGE), SQLITE_OK);
    if (fields < 3) return;
    CHECK_EQ(write_at(w.size + 4 + PAGE, record + 4 + PAGE, 4), SQLITE_OK);
    if (in_version && number > 1) {
        memcpy(record + 4, w.version[number - 1], PAGE);
        sum_up(record);
    }
    memcpy(w.bytes + w.size, record, RECORD);
    w.size += RECORD;
}

static void check_range(int64_t offset, int n) {
    uint8_t got[MOST + 100], expected[MOST + 100] = {0};
    memset(got, 0xee, sizeof got);
    int64_t there = w.size - offset < 0 ? 0 : w.size - offset < n ? w.size - offset : n;
    memcpy(expected, w.bytes + offset, (size_t)there);
    CHECK_EQ(methods()->xRead(&w.open.base, got, n, offset), there < n ? SQLITE_IOERR_SHORT_READ : SQLITE_OK);
    CHECK_MEM(got, expected, (size_t)n);
    CHECK_EQ(got[n], 0xee);
}

static void check_all(void) {
    sqlite3_int64 size;
    CHECK_EQ(methods()->xFileSize(&w.open.base, &size), SQLITE_OK);
    CHECK_EQ(size, w.size);
    check_range(0, (int)w.size);
    for (int i = 0; i < 20; i++) check_range((int64_t)(check_random(&seed) % MOST), (int)(check_random(&seed) % (2 * RECORD)));
}

static void what_was_written_is_read(void) {
    begin();
    check_all();
    write_header(PAGE);
    check_all();
    for (uint32_t i = 0; i < PAGES; i++) write_record(1 + i * 7 % PAGES, false, 3);
    CHECK_EQ(w.journal.copies, 0);
    check_all();
    end();
}

static void what_the_version_does_not_have_is_copied(void) {
    begin();
    write_header(PAGE);
    write_record(1, true, 3);
    write_record(4, false, 3);
    write_record(5, true, 3);          /* a free page that was not written */
    write_record(PAGES + 1, false, 3); /* beyond its end */
    write_record(0, false, 3);         /* nowhere */
    CHECK_EQ(w.journal.copies, 3);
    check_all();
    end();
}

/* What SQLite was writing when something failed it writes again, or leaves. */
static void a_record_counts_when_it_is_whole(void) {
    begin();
    write_header(PAGE);
    write_record(1, true, 3);
    for (int fields = 1; fields <= 2; fields++) {
        write_record(PAGES + 2, true, fields);
        check_all();
        write_record(3, false, 3);
        check_all();
    }
    CHECK_EQ(w.journal.copies, 1);
    write_record(PAGES + 1, true, 2);
    CHECK_EQ(w.journal.copies, 2);
    end();
}

/* journal_mode=PERSIST ends a journal by zeros, and writes the next over it. */
static void a_header_begins_it_anew(void) {
    static const uint8_t zeros[28];
    begin();
    for (int i = 0; i < 2; i++) {
        write_header(PAGE);
        check_all();
        for (uint32_t page = 1; page <= 9; page++) write_record(page % 3 ? page : PAGES + page, page % 2, 3);
        check_all();
    }
    CHECK_EQ(write_at(0, zeros, sizeof zeros), SQLITE_OK);
    CHECK_EQ(w.journal.copies, 0);
    w.size = 0;
    check_all();
    write_header(PAGE);
    write_record(7, true, 3);
    check_all();
    end();
}

static void it_is_truncated(void) {
    begin();
    write_header(PAGE);
    for (uint32_t page = 1; page <= 9; page++) write_record(PAGES + page, true, 3);
    CHECK_EQ(methods()->xTruncate(&w.open.base, MV_JOURNAL_HEADER + 20 * RECORD), SQLITE_OK); /* never longer */
    check_all();
    w.size = MV_JOURNAL_HEADER + 4 * RECORD;
    CHECK_EQ(methods()->xTruncate(&w.open.base, w.size), SQLITE_OK);
    CHECK_EQ(w.journal.copies, 4);
    check_all();
    write_record(2, false, 3);
    check_all();
    CHECK_EQ(methods()->xTruncate(&w.open.base, 0), SQLITE_OK);
    w.size = 0;
    check_all();
    end();
}

/* The name of a super-journal, behind all records: nobody will look for it. */
static void the_name_of_a_super_journal_is_dropped(void) {
    static const char name[] = "/somewhere-mj12345678";
    begin();
    write_header(PAGE);
    write_record(1, false, 3);
    uint8_t number[4];
    put4(number, (1 << 30) / PAGE + 1);
    int64_t at = w.size, n = sizeof name - 1;
    CHECK_EQ(write_at(at, number, 4), SQLITE_OK);
    CHECK_EQ(write_at(at + 4, name, (int)n), SQLITE_OK);
    CHECK_EQ(write_at(at + 4 + n, number, 4), SQLITE_OK);
    CHECK_EQ(write_at(at + 8 + n, number, 4), SQLITE_OK);
    CHECK_EQ(write_at(at + 12 + n, "8 bytes.", 8), SQLITE_OK);
    check_all();
    end();
}

/* Rather an error than a journal that says something else. */
static void what_no_journal_looks_like_is_refused(void) {
    begin();
    CHECK_EQ(write_at(MV_JOURNAL_HEADER, "page", 4), SQLITE_IOERR_WRITE); /* without a header */
    write_header(PAGE);
    write_record(1, false, 3);
    write_record(2, false, 3);
    CHECK_EQ(write_at(100, "page", 4), SQLITE_IOERR_WRITE);
    CHECK_EQ(write_at(MV_JOURNAL_HEADER, "page", 4), SQLITE_IOERR_WRITE); /* within what is there */
    check_all();
    end();
}

static void it_is_opened_again_and_again(void) {
    begin();
    for (int i = 0; i < 50; i++) {
        write_header(PAGE);
        for (uint64_t n = check_random(&seed) % PAGES; n > 0; n--) write_record((uint32_t)(check_random(&seed) % (PAGES + 2)), check_random(&seed) % 3 == 0, 3);
        check_all();
        CHECK_EQ(methods()->xClose(&w.open.base), SQLITE_OK);
        CHECK_EQ(w.journal.copies, 0);
        open_journal();
        check_all();
    }
    end();
}

int main(int argc, char **argv) {
    check_start(argc, argv);
    RUN(what_was_written_is_read);
    RUN(what_the_version_does_not_have_is_copied);
    RUN(a_record_counts_when_it_is_whole);
    RUN(a_header_begins_it_anew);
    RUN(it_is_truncated);
    RUN(the_name_of_a_super_journal_is_dropped);
    RUN(what_no_journal_looks_like_is_refused);
    RUN(it_is_opened_again_and_again);
    return check_end();
}
