/* This library as an extension of other SQLites. */
#ifndef MV_EXTENSION_H
#define MV_EXTENSION_H

/*
 * Any SQLite of the process can load this library (sqlite3_load_extension, or SQL's load_extension) with the entry point
 * sqlite3_sqlitememvfs_init, which it finds by itself, or make that an auto extension. It then has every VFS that is registered with ours, now and later,
 * and the connection has SQL functions (functions.h) unless somebody else gives VFSes; and the library stays for good.
 * Entered from any thread.
 */

/* The SQLite that can load it at the least: later entries of its table of functions are not used, or not without a look at its version. */
#define MV_OLDEST_HOST 3008007

/* The default VFS of a process that nobody else gives VFSes to. */
#define MV_DEFAULT_VFS "memvfs"

/* Somebody else does: loading adds none. To be called before it is loaded. */
void mv_extension_no_default(void);

#endif
