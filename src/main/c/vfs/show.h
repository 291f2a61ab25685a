/*
 * What a database file shows to SQLite: mostly the bytes of its version, but not always: show.c says when not, and why.
 * Private to vfs/.
 */
#ifndef MV_SHOW_H
#define MV_SHOW_H

#include "vfs/file.h"

#include <string.h>

/* A lock begins: the file shows its pin from now on. */
void mv_show_begin(memory_file *f);
/* SQLite has read or written the first page, or a piece of the file that begins with the header: with these bytes, as
 * it sees them. */
void mv_show_note_first_page(memory_file *f, const uint8_t *bytes);
/* The bytes that the pager compares, to tell whether its cache is of the version that the file shows. */
static inline void mv_show_check(memory_file *f, uint8_t *to) {
    uint64_t number = mv_version_number(f->pin);
    memcpy(to, f->mark, MV_CHECK_BYTES);
    if (f->cached != number) to[0] ^= 0x80; /* it is not */
    f->cached = number;
}

/* Bytes that were read from the store, as the file shows them: with the shifted cookie, if it is among them. */
void mv_show_shift_cookie(const memory_file *f, uint8_t *bytes, int n, int64_t offset);
/* Bytes that were written to the transaction as SQLite sees them get the cookie of the store. */
mv_result mv_show_shift_cookie_back(memory_file *f, const uint8_t *from, int n, int64_t offset);
/* A first page that SQLite writes says rollback mode afterwards. */
void mv_show_clear_wal_mode(void *first_page);

/* Whether the file shows the stand-in for an empty version. */
static inline bool mv_shows_stand_in(const memory_file *f) {
    return !f->txn && f->cookie_shift && f->pin && mv_version_size(f->pin) == 0;
}

/* n bytes of the stand-in at offset, as they would be stored: its cookie is 0. Returns how many lie within the page. The
 * rest is zeros. */
size_t mv_show_read_stand_in(const memory_file *f, void *to, size_t n, int64_t offset);

/* n bytes of the transaction or the version, if they lie in one piece; else NULL. */
static inline const void *mv_show_page(memory_file *f, int64_t offset, size_t n) {
    return f->txn ? mv_txn_fetch(f->txn, offset, n) : f->pin ? mv_version_fetch(f->pin, offset, n) : NULL;
}

#endif
