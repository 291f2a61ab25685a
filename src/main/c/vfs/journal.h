/*
 * The rollback journal of a transaction on a file of ours: which pages it changes, without what stood in them.
 *
 * SQLite's journal holds each page as it was before the transaction, and one in memory is a second copy of all that a
 * transaction changes. But the version that the transaction began on is pinned until it ends, and has what a rollback
 * must bring back. So of a page that stands there only the number is kept; what does not (a first page whose schema
 * cookie is shown shifted, pages larger than blocks) is copied. Read back, it is a file in the format of
 * https://sqlite.org/fileformat.html#the_rollback_journal: a header of a sector, then for each page its number, its
 * bytes and a checksum.
 *
 * In an open file, and used by whoever uses its connection. SQLite opens a journal in memory by itself, unless it is
 * open already: so it is opened here before that, with the lock that lets the transaction write. When the transaction
 * ends SQLite closes it, as its own journal in memory (memory_journal.h): so it has no page when the pin moves.
 */
#ifndef MV_JOURNAL_H
#define MV_JOURNAL_H

#include "sqlite3.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MV_JOURNAL_HEADER 512 /* bytes: a sector of the file */

typedef struct mv_journal_record {
    uint8_t number[4], checksum[4]; /* as SQLite has written them; the checksum is that of the copy */
    void *copy;                     /* of the page; NULL: it stands in the version */
} mv_journal_record;

typedef struct mv_journal {
    sqlite3_file *file;
    const void *(*page)(sqlite3_file *file, int64_t offset, size_t n); /* so many bytes of the version that the transaction began on, NULL if they are not in one piece; fixed, as is the file */
    size_t page_size;           /* as the header says; 0: there is none */
    mv_journal_record *records; /* behind the `count` whole ones one that is being written */
    size_t count, room, copies;
    uint8_t header[MV_JOURNAL_HEADER];
} mv_journal;

/* What stands where it is open. */
typedef struct mv_open_journal {
    sqlite3_file base;
    mv_journal *journal;
} mv_open_journal;

/* Opens it at a place where SQLite has none open, and has that much room. */
void mv_journal_open(mv_journal *journal, sqlite3_file *at);

/* Whether a file that is open, of whatever kind, is such a journal. */
bool mv_journal_is(const sqlite3_file *file);

/* When the file is closed. */
void mv_journal_free(mv_journal *journal);

#endif
