/* See scratch.h. */
#include "vfs/scratch.h"

#include "sqlite3.h"

#include <string.h>

#define PIECE MV_SCRATCH_PIECE

static size_t piece_of(int64_t offset) {
    return (size_t)((uint64_t)offset / PIECE);
}

/* How many of the n bytes at the offset lie in one piece. */
static size_t within_piece(int64_t offset, size_t n) {
    size_t left = PIECE - (size_t)((uint64_t)offset % PIECE);
    return n < left ? n : left;
}

/* NULL: zeros. */
static char *place_of(const mv_scratch *scratch, int64_t offset) {
    size_t i = piece_of(offset);
    return i < scratch->room && scratch->pieces[i] ? scratch->pieces[i] + (uint64_t)offset % PIECE : NULL;
}

size_t mv_scratch_read(const mv_scratch *scratch, void *to, size_t n, int64_t offset) {
    int64_t left = scratch->size > offset ? scratch->size - offset : 0;
    for (size_t done = 0, part; done < n; done += part) {
        part = within_piece(offset + (int64_t)done, n - done);
        const char *from = place_of(scratch, offset + (int64_t)done);
        if (from) memcpy((char *)to + done, from, part);
        else memset((char *)to + done, 0, part);
    }
    return (uint64_t)left < n ? (size_t)left : n;
}

static void free_pieces(mv_scratch *scratch, size_t first) {
    for (size_t i = first; i < scratch->room; i++) {
        sqlite3_free(scratch->pieces[i]);
        scratch->pieces[i] = NULL;
    }
}

/* Keeps the pieces with the first `size` bytes, and zeros what they hold behind those. */
static void cut(mv_scratch *scratch, int64_t size) {
    char *end = place_of(scratch, size);
    size_t within = (size_t)((uint64_t)size % PIECE);
    if (end && within > 0) memset(end, 0, PIECE - within);
    free_pieces(scratch, piece_of(size) + (within > 0));
    if (size > 0) return;
    sqlite3_free(scratch->pieces);
    scratch->pieces = NULL;
    scratch->room = 0;
}

static int make_room(mv_scratch *scratch, size_t pieces) {
    if (pieces <= scratch->room) return SQLITE_OK;
    size_t room = 2 * scratch->room > pieces ? 2 * scratch->room : pieces;
    char **wide = sqlite3_realloc64(scratch->pieces, room * sizeof *wide);
    if (!wide) return SQLITE_IOERR_NOMEM;
    memset(wide + scratch->room, 0, (room - scratch->room) * sizeof *wide);
    scratch->pieces = wide;
    scratch->room = room;
    return SQLITE_OK;
}

/* Makes the pieces where the bytes go. */
static int make_pieces(mv_scratch *scratch, size_t first, size_t last) {
    int rc = make_room(scratch, last + 1);
    for (size_t i = first; i <= last && !rc; i++) {
        if (scratch->pieces[i]) continue;
        scratch->pieces[i] = sqlite3_malloc64(PIECE);
        if (scratch->pieces[i]) memset(scratch->pieces[i], 0, PIECE);
        else rc = SQLITE_IOERR_NOMEM;
    }
    return rc;
}

int mv_scratch_write(mv_scratch *scratch, const void *from, size_t n, int64_t offset) {
    if (n == 0) return SQLITE_OK;
    int rc = make_pieces(scratch, piece_of(offset), piece_of(offset + (int64_t)n - 1));
    if (rc) {
        cut(scratch, scratch->size);
        return rc;
    }
    for (size_t done = 0, part; done < n; done += part) {
        part = within_piece(offset + (int64_t)done, n - done);
        memcpy(place_of(scratch, offset + (int64_t)done), (const char *)from + done, part);
    }
    if (offset + (int64_t)n > scratch->size) scratch->size = offset + (int64_t)n;
    return SQLITE_OK;
}

void mv_scratch_truncate(mv_scratch *scratch, int64_t size) {
    if (size < scratch->size) cut(scratch, size);
    scratch->size = size;
}
