/* See sorter.h. A part of sqlite.c, where it sees SQLite's inside. */
#include "engine/inside/parts.h"
#include "vfs/vfs.h"

#define SORTER_PIECE (2 << 20) /* bytes: fits into a processor's cache; 16 are merged at a time */
#define SORTER_BUFFER 4096     /* bytes: of each piece that is merged, and the first that a sort takes. SQLite has the page size here, for a disk */

/* Uses of VdbeSorter: mnPmaSize, mxPmaSize (0: records stay in a list), pgsz (size of buffers), nMemory, list.aMemory. */
static int mv_sorter_init(sqlite3 *db, int fields, VdbeCursor *cursor) {
    int rc = sqlite3_sorter_init(db, fields, cursor);
    if (rc || !mv_vfs_is_ours(db->pVfs)) return rc; /* another VFS's files may be on a disk */
    VdbeSorter *sorter = cursor->uc.pSorter;
    assert(sorter->mxPmaSize == 0 && !sorter->list.aMemory);
    sorter->mnPmaSize = sorter->mxPmaSize = SORTER_PIECE;
    sorter->pgsz = sorter->nMemory = SORTER_BUFFER;
    sorter->list.aMemory = sqlite3Malloc(SORTER_BUFFER);
    return sorter->list.aMemory ? SQLITE_OK : SQLITE_NOMEM_BKPT;
}
