/* See memory_journal.h. A part of sqlite.c, where it sees SQLite's inside. */
#include "engine/inside/parts.h"
#include "vfs/journal.h"

static int mv_is_in_memory(sqlite3_file *journal) {
    return sqlite3_is_in_memory(journal) || mv_journal_is(journal);
}
