/* Temporary files and journals. Private to vfs/; see private_file.c. */
#ifndef MV_PRIVATE_FILE_H
#define MV_PRIVATE_FILE_H

#include "vfs/hosts.h"

/* Opens one where SQLite has room for it. The VFS is held for it, and released when it is closed. Cannot fail. */
void mv_private_open(mv_vfs *vfs, const host *h, sqlite3_file *file, int flags);

#endif
