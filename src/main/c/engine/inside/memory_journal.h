/*
 * Which journals are in memory. Included by amalgamation.h before SQLite.
 *
 * SQLite asks sqlite3JournalIsInMemory of a rollback journal: one in memory is closed at the end of a transaction, any
 * other is emptied or deleted by its name. Its function knows SQLite's own journal only, and ours (journal.h), which is
 * opened in the place of that one, is in memory, too. The pager calls it as sqlite3JournalIsInMemory(pPager->jfd) or
 * (pPager->sjfd), which the macros make a call of ours, as in sorter.h: in a SQLite that writes it in another way this
 * does not compile.
 */
#ifndef MV_MEMORY_JOURNAL_H
#define MV_MEMORY_JOURNAL_H

struct sqlite3_file;

static int mv_is_in_memory(struct sqlite3_file *journal); /* memory_journal.c */

#define sqlite3JournalIsInMemory(file) MV_IS_IN_MEMORY_##file)
#define MV_IS_IN_MEMORY_sqlite3_file sqlite3_is_in_memory(sqlite3_file
#define MV_IS_IN_MEMORY_pPager mv_is_in_memory(pPager

#endif
