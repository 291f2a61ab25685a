/* See dirty_pages.h. A part of sqlite.c, where it sees SQLite's inside. */
#include "engine/inside/parts.h"

#define SHORT_LIST 12

/* Uses of PCache: pDirty; of PgHdr: pDirtyNext, by which all dirty pages are linked, pgno, and pDirty, by which the result is. */
static PgHdr *mv_dirty_list(PCache *cache) {
    PgHdr *list = NULL;
    int count = 0;
    for (const PgHdr *page = cache->pDirty; page; page = page->pDirtyNext) {
        assert((page->flags & PGHDR_DIRTY) && page->pCache == cache);
        if (++count > SHORT_LIST) return sqlite3_dirty_list(cache);
    }
    for (PgHdr *page = cache->pDirty; page; page = page->pDirtyNext) {
        PgHdr **at = &list;
        while (*at && (*at)->pgno < page->pgno) at = &(*at)->pDirty;
        page->pDirty = *at;
        *at = page;
    }
    return list;
}
