/*
 * The allocator of this library: sqlite3_malloc64, sqlite3_realloc64 and sqlite3_free. All of the library allocates by
 * it, so that one place can refuse memory in tests. It is all of SQLite that store/ may use.
 */
#ifndef MV_MEMORY_H
#define MV_MEMORY_H

#include "sqlite3.h"

#endif
