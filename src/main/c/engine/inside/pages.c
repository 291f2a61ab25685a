/* See pages.h. A part of sqlite.c, where it sees SQLite's inside. */
#include "engine/inside/parts.h"
#include "vfs/pages.h"

#include <assert.h>

#define FIRST_USES 16
#define FIRST_SLOTS 16
#define MOST_SLOTS 512 /* 140 KB, with what is parsed of each: the inner pages of a B-tree with some hundred thousand leaves */

/* A page of a B-tree that was parsed. In use or not it is in no list of the pager's. */
struct mv_page_slot {
    PgHdr *header;    /* NULL: none */
    uint64_t version; /* whose page it is; not 0 */
    mv_page_use use;
    bool used;
};

static mv_pages *pages_of(sqlite3_file *file) {
    return (mv_pages *)((char *)file + MV_PAGES_AT);
}

static bool add_use(mv_pages *pages, mv_page_use use) {
    if (pages->use_count == pages->use_room) {
        size_t room = pages->use_room ? 2 * pages->use_room : FIRST_USES;
        mv_page_use *wide = sqlite3_realloc64(pages->uses, room * sizeof *wide);
        if (!wide) return false;
        pages->uses = wide;
        pages->use_room = room;
    }
    pages->uses[pages->use_count++] = use;
    return true;
}

/* Empties a slot whose page is in use: another cursor needs the same page, or another page the slot. */
static void detach(mv_pages *pages, mv_page_slot *slot) {
    if (add_use(pages, slot->use)) *slot = (mv_page_slot){.header = NULL};
}

static SQLITE_NOINLINE int miss(Pager *pager, Pgno number, DbPage **out, int flags) {
    mv_pages *pages = pages_of(pager->fd);
    mv_page_slot *slot = &pages->slots[number & pages->mask];
    if (slot->used && slot->header->pgno == number) detach(pages, slot);
    return number == 1 ? getPageNormal(pager, number, out, flags) : getPageMMap(pager, number, out, flags);
}

/* Pager.xGet in place of getPageMMap. */
static int get_page(Pager *pager, Pgno number, DbPage **out, int flags) {
    if (pager->eState != PAGER_READER) return flags & PAGER_GET_READONLY ? getPageMMap(pager, number, out, flags) : getPageNormal(pager, number, out, flags);
    mv_pages *pages = pages_of(pager->fd);
    mv_page_slot *slot = &pages->slots[number & pages->mask];
    PgHdr *header = slot->header;
    if (!header || header->pgno != number || slot->version != pages->version || slot->used) return miss(pager, number, out, flags);
    assert(header->pPager == pager && header != pager->pMmapFreelist);
    slot->used = true;
    pages->in_use++;
    pager->nMmapOut++;
    *out = header;
    return SQLITE_OK;
}

/* From now on SQLite asks here first. */
static SQLITE_NOINLINE void watch(mv_pages *pages, sqlite3 *db) {
    Pager *pager = pages->pager ? pages->pager : pager_of(db, (sqlite3_file *)((char *)pages - MV_PAGES_AT));
    if (!pager || pager->xGet != getPageMMap) return;
    if (!pages->slots) {
        pages->slots = sqlite3_malloc64(FIRST_SLOTS * sizeof *pages->slots);
        if (!pages->slots) return;
        memset(pages->slots, 0, FIRST_SLOTS * sizeof *pages->slots);
        pages->mask = FIRST_SLOTS - 1;
    }
    pages->pager = pager;
    pager->xGet = get_page;
}

bool mv_pages_give(mv_pages *pages, sqlite3 *db, int64_t offset, const void *page) {
    if (!add_use(pages, (mv_page_use){.offset = offset, .page = page})) return false;
    pages->in_use++;
    Pager *pager = pages->pager;
    if (db && (!pager || pager->xGet != get_page)) watch(pages, db); /* SQLite sets it anew after an error and when mmap_size changes */
    return true;
}

static void put_at_disposal(Pager *pager, PgHdr *header) {
    header->pDirty = pager->pMmapFreelist;
    pager->pMmapFreelist = header;
}

static void widen(mv_pages *pages) {
    size_t count = pages->mask + 1;
    mv_page_slot *wide = sqlite3_malloc64(2 * count * sizeof *wide);
    if (!wide) return;
    memset(wide, 0, 2 * count * sizeof *wide);
    for (size_t i = 0; i < count; i++) {
        const mv_page_slot *slot = &pages->slots[i];
        if (slot->header) wide[slot->header->pgno & (2 * count - 1)] = *slot;
    }
    sqlite3_free(pages->slots);
    pages->slots = wide;
    pages->mask = 2 * count - 1;
}

/* Whether SQLite parses it with success whenever it comes: it is of a B-tree, and passes the check of cell sizes if that is on. (A page that fails it is left
 * as if it had passed.) */
static bool is_sound(PgHdr *header) {
    MemPage *page = header->pExtra;
    return page->isInit && (!(page->pBt->db->flags & SQLITE_CellSizeCk) || btreeCellSizeCheck(page) == SQLITE_OK);
}

/* SQLite has given up a page that is in no slot. */
static void keep(mv_pages *pages, Pager *pager, PgHdr *header, int64_t offset) {
    mv_page_slot *slot = &pages->slots[header->pgno & pages->mask];
    if (slot->header && slot->header->pgno != header->pgno && slot->version == pages->version && pages->mask + 1 < MOST_SLOTS) {
        widen(pages);
        slot = &pages->slots[header->pgno & pages->mask];
    }
    if (slot->used) detach(pages, slot);
    if (slot->used) return;
    pager->pMmapFreelist = header->pDirty;
    header->pDirty = NULL;
    if (slot->header) put_at_disposal(pager, slot->header);
    *slot = (mv_page_slot){.header = header, .version = pages->version, .use = {.offset = offset, .page = header->pData}};
}

static SQLITE_NOINLINE void let_go_of(mv_pages *pages, mv_page_use *use) {
    if (use->keeper) pages->release(use->keeper);
    use->keeper = NULL;
}

/* Of a page that is in no slot. */
static SQLITE_NOINLINE int unfetch(mv_pages *pages, const void *page, int64_t offset) {
    if (!page) return SQLITE_OK; /* to forget what is mapped and not in use: nothing is */
    size_t i = pages->use_count;
    while (i > 0 && pages->uses[i - 1].page != page) i--; /* the latest are the first to go */
    assert(i > 0);
    if (i == 0) return SQLITE_OK;
    let_go_of(pages, &pages->uses[i - 1]);
    pages->uses[i - 1] = pages->uses[--pages->use_count];
    pages->in_use--;
    Pager *pager = pages->pager;
    if (!pager || pages->version == 0 || pager->eState != PAGER_READER) return SQLITE_OK;
    PgHdr *header = pager->pMmapFreelist; /* its, unless SQLite had no memory for one, or has the page in its cache */
    assert(!header || header->pPager == pager);
    if (header && header->pData == page && is_sound(header)) keep(pages, pager, header, offset);
    return SQLITE_OK;
}

int mv_pages_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page) {
    mv_pages *pages = pages_of(file);
    Pager *pager = pages->pager;
    PgHdr *header = page && pager ? pager->pMmapFreelist : NULL;
    mv_page_slot *slot = header ? &pages->slots[header->pgno & pages->mask] : NULL;
    if (!slot || slot->header != header) return unfetch(pages, page, offset);
    assert(header->pData == page);
    pager->pMmapFreelist = header->pDirty; /* where SQLite has just put it */
    header->pDirty = NULL;
    slot->used = false;
    pages->in_use--;
    if (slot->use.keeper) let_go_of(pages, &slot->use);
    return SQLITE_OK;
}

void mv_pages_each(mv_pages *pages, void (*visit)(void *arg, mv_page_use *use), void *arg) {
    for (size_t i = 0; i < pages->use_count; i++) visit(arg, &pages->uses[i]);
    for (size_t i = 0; pages->slots && i <= pages->mask; i++)
        if (pages->slots[i].used) visit(arg, &pages->slots[i].use);
}

void mv_pages_free(mv_pages *pages) {
    for (size_t i = 0; pages->slots && i <= pages->mask; i++) sqlite3_free(pages->slots[i].header);
    sqlite3_free(pages->slots);
    sqlite3_free(pages->uses);
}
