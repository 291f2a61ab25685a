/*
 * The content of a private file: a temporary file or a journal, which only the connection that opened it can see.
 *
 * It lies in pieces from sqlite3_malloc, and is freed when the file is closed. It is no part of a store: a store's limit of bytes does not hold for it,
 * and statistics do not count it. A piece that is NULL reads as zeros, and bytes of a piece behind the end of the file are zeros.
 * One thread at a time uses it.
 */
#ifndef MV_SCRATCH_H
#define MV_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#define MV_SCRATCH_PIECE ((size_t)64 << 10)

typedef struct mv_scratch { /* empty if all is zero */
    char **pieces;
    size_t room;  /* how many there are, NULL ones included */
    int64_t size; /* bytes */
} mv_scratch;

/* Copies n bytes from the offset, zeros for those behind the end. Returns how many are not behind it. */
size_t mv_scratch_read(const mv_scratch *scratch, void *to, size_t n, int64_t offset);
/* SQLITE_IOERR_NOMEM: nothing was written. */
int mv_scratch_write(mv_scratch *scratch, const void *from, size_t n, int64_t offset);
/* A longer file gets zeros, which take no memory. */
void mv_scratch_truncate(mv_scratch *scratch, int64_t size);

#endif
