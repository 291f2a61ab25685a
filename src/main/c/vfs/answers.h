/* What files of all kinds answer to SQLite. Private to vfs/. */
#ifndef MV_ANSWERS_H
#define MV_ANSWERS_H

#include "sqlite3.h"

#define MV_SECTOR 512
/* Any write is atomic. But SQLite would choose the largest page of which it is told as the default, up to 8 KiB: so
 * these are all but that and larger ones. */
#define MV_ATOMIC_PAGES                                                                                                \
    (SQLITE_IOCAP_ATOMIC512 | SQLITE_IOCAP_ATOMIC1K | SQLITE_IOCAP_ATOMIC2K | SQLITE_IOCAP_ATOMIC4K)

static inline int mv_answer_sync(sqlite3_file *base, int flags) {
    (void)base;
    (void)flags;
    return SQLITE_OK;
}

static inline int mv_answer_sector_size(sqlite3_file *base) {
    (void)base;
    return MV_SECTOR;
}

static inline int mv_answer_characteristics(sqlite3_file *base) {
    (void)base;
    return MV_ATOMIC_PAGES | SQLITE_IOCAP_SAFE_APPEND | SQLITE_IOCAP_SEQUENTIAL | SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_SUBPAGE_READ;
}

#endif
