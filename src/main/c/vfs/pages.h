/*
 * Pages that SQLite reads in place: those that it uses now, and for the SQLite of this library those that it may use again.
 *
 * SQLite gives such a page back as soon as no cursor is on it, and when it comes again asks for its bytes and parses its head anew, where a page
 * that it had copied to its cache would still be there. So what it has made of a B-tree's page (its PgHdr) waits here, under the number of the
 * version whose bytes it was made of: those never change, and as long as the file shows that version SQLite gets it as it is.
 *
 * In an open file, behind its sqlite3_file. Whoever uses the connection uses it.
 */
#ifndef MV_PAGES_H
#define MV_PAGES_H

#include "sqlite3.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A page that SQLite points into. */
typedef struct mv_page_use {
    int64_t offset;
    const void *page;
    void *keeper; /* what must be released when it is given back; NULL: nothing */
} mv_page_use;

typedef struct mv_page_slot mv_page_slot;

typedef struct mv_pages {
    void (*release)(void *keeper); /* fixed */
    uint64_t version;    /* the number of what the file shows, if SQLite only reads and uses no page of anything else; else 0 */
    size_t in_use;       /* pages that SQLite points into: in `uses`, or in a slot */
    mv_page_use *uses;   /* the latest are mostly the last */
    size_t use_count, use_room;
    void *pager;         /* NULL: not known yet, or another SQLite's */
    mv_page_slot *slots; /* by page number; NULL: none */
    size_t mask;         /* their number less one */
} mv_pages;

/* Where in an open file: behind its sqlite3_file. */
#define MV_PAGES_AT ((sizeof(sqlite3_file) + _Alignof(mv_pages) - 1) / _Alignof(mv_pages) * _Alignof(mv_pages))

/* SQLite is given a page by xFetch. db: NULL if it is not ours. False: no memory, it must read the page. */
bool mv_pages_give(mv_pages *pages, sqlite3 *db, int64_t offset, const void *page);

/* The xUnfetch of a file that has pages. */
int mv_pages_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page);

/* Calls it for each page in use. */
void mv_pages_each(mv_pages *pages, void (*visit)(void *arg, mv_page_use *use), void *arg);

/* When the file is closed. */
void mv_pages_free(mv_pages *pages);

#endif
