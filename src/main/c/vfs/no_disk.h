/* SQLite without a file system. */
#ifndef MV_NO_DISK_H
#define MV_NO_DISK_H

/*
 * Takes from the SQLite of this library every VFS that opens files of the system. SQL can name a VFS ('file:x?vfs=unix'), and a
 * process that keeps its databases in memory does not expect its SQL to reach a disk. The default VFS becomes one that tells the
 * time, gives randomness and sleeps as the system's does, since all others, and SQLite's own random numbers, take these
 * from it; it opens nothing: SQLITE_CANTOPEN. memdb goes, too: its names are the whole process's, and no limit holds for it.
 *
 * For the process, and for good; to be called before a connection is opened. More than one call is one. Returns an SQLite code.
 */
int mv_no_disk(void);

#endif
