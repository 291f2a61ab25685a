/*
 * The list of a transaction's changed pages, in the order of their numbers. Included by amalgamation.h before SQLite.
 *
 * sqlite3PcacheDirtyList sorts it by merging 32 lists, of which all but one or two are empty after a small transaction: 560 instructions of a commit of two
 * pages. A short list is sorted here instead. The pager calls it as sqlite3PcacheDirtyList(pPager->pPCache), which the macros make a call
 * of ours, as in sorter.h: in a SQLite that writes it in another way this does not compile.
 */
#ifndef MV_DIRTY_PAGES_H
#define MV_DIRTY_PAGES_H

struct PCache;

static struct PgHdr *mv_dirty_list(struct PCache *cache); /* dirty_pages.c */

#define sqlite3PcacheDirtyList(cache) MV_DIRTY_LIST_##cache)
#define MV_DIRTY_LIST_PCache sqlite3_dirty_list(PCache
#define MV_DIRTY_LIST_pPager mv_dirty_list(pPager

#endif
