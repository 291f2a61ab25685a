/* What the VFS asks of a connection of our own SQLite: vfs/own_sqlite.h. A part of sqlite.c. */
#include "engine/inside/parts.h"

void mv_engine_content_replaced(sqlite3 *db, sqlite3_file *file) {
    for (int i = 0; i < db->nDb; i++) {
        BtShared *bt = db->aDb[i].pBt ? db->aDb[i].pBt->pBt : NULL;
        if (bt && bt->pPager->fd == file && !bt->pPager->readOnly) bt->btsFlags &= ~BTS_READ_ONLY; /* set again with the header */
    }
    bool only = db->nDb == 2 && !db->aDb[1].pBt; /* the second is of temporary tables, if there are any */
    if (!only || sqlite3PagerFile(sqlite3BtreePager(db->aDb[0].pBt)) != file) return;
    db->mDbFlags &= ~DBFLAG_EncodingFixed; /* set again with the first row of the schema */
}

void mv_engine_was_filled(sqlite3 *db, sqlite3_file *file) {
    for (int i = 0; i < db->nDb; i++) {
        BtShared *bt = db->aDb[i].pBt ? db->aDb[i].pBt->pBt : NULL;
        if (bt && sqlite3PagerFile(bt->pPager) == file) bt->btsFlags &= (u16)~BTS_INITIALLY_EMPTY;
    }
}

int mv_engine_busy_timeout(sqlite3 *db) {
    return db->busyTimeout;
}

int mv_engine_busy_count(sqlite3 *db) {
    return db->busyHandler.nBusy;
}

/* NULL: the connection has not got that far. */
static Pager *pager_of(sqlite3 *db, const sqlite3_file *file) {
    for (int i = 0; i < db->nDb; i++) {
        Pager *pager = db->aDb[i].pBt ? sqlite3BtreePager(db->aDb[i].pBt) : NULL;
        if (pager && pager->fd == file) return pager;
    }
    return NULL;
}

void mv_engine_size_cache(sqlite3 *db, sqlite3_file *file, bool narrow) {
    enum { NARROW = -200, LATE_BYTES = 2 << 20, AT_ONCE = 1 }; /* KiB; szSpill: pages, 1 by default, of which the larger of it and the cache's size counts */
    Pager *pager = pager_of(db, file);
    if (!pager) return;
    PCache *cache = pager->pPCache;
    sqlite3PcacheSetCachesize(cache, narrow ? NARROW : SQLITE_DEFAULT_CACHE_SIZE);
    cache->szSpill = narrow ? LATE_BYTES / (cache->szPage + cache->szExtra) : AT_ONCE;
}

void mv_engine_opened(sqlite3_file *file, void *pdb) {
    const BtShared *bt = (const BtShared *)((const char *)pdb - offsetof(BtShared, db));
    assert(bt->pPager->fd == file);
    (void)file;
    bt->pPager->journalMode = PAGER_JOURNALMODE_MEMORY;
}

sqlite3_file *mv_engine_journal_in_memory(sqlite3 *db, sqlite3_file *file) {
    Pager *pager = pager_of(db, file);
    return pager && pager->journalMode == PAGER_JOURNALMODE_MEMORY && !isOpen(pager->jfd) ? pager->jfd : NULL;
}

bool mv_engine_shortens(sqlite3 *db, sqlite3_file *file) {
    Pager *pager = pager_of(db, file);
    return !pager || pager->dbFileSize > pager->dbSize;
}

bool mv_engine_is_hardened(const sqlite3 *db) {
    const companion *c = companion_of(db);
    return c && c->hardened;
}

bool mv_engine_checks_each_time(const sqlite3 *db) {
    return (db->flags & SQLITE_CellSizeCk) && !mv_engine_is_hardened(db);
}

void mv_engine_check_cells(sqlite3 *db, bool check) {
    /* Within a write transaction SQLite may come to a page, for the first time as one of a B-tree, that it has read before and asks nobody for again. */
    for (int i = 0; i < db->nDb && !check; i++) check = db->aDb[i].pBt && db->aDb[i].pBt->inTrans == TRANS_WRITE;
    if (check) db->flags |= SQLITE_CellSizeCk;
    else db->flags &= ~(u64)SQLITE_CellSizeCk;
}

bool mv_engine_cells_fit(sqlite3 *db, sqlite3_file *file, const void *page) {
    u8 *data = (u8 *)page;
    for (int i = 0; i < db->nDb; i++) {
        BtShared *bt = db->aDb[i].pBt ? db->aDb[i].pBt->pBt : NULL;
        if (!bt || sqlite3PagerFile(bt->pPager) != file) continue;
        bool is_leaf = data[0] == (PTF_LEAF | PTF_LEAFDATA | PTF_INTKEY) || data[0] == (PTF_LEAF | PTF_ZERODATA);
        if (!is_leaf && data[0] != (PTF_LEAFDATA | PTF_INTKEY) && data[0] != PTF_ZERODATA) return false;
        MemPage as_page = {.pBt = bt, .pgno = 2, .aData = data, .nCell = (u16)get2byte(data + 3), .cellOffset = is_leaf ? 8 : 12};
        return as_page.nCell <= MX_CELL(bt) && decodeFlags(&as_page, data[0]) == SQLITE_OK && btreeCellSizeCheck(&as_page) == SQLITE_OK;
    }
    return false;
}
