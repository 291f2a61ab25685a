/* The write lock of a file's database, and waiting for it. Private to vfs/; see wait.c. */
#ifndef MV_WAIT_H
#define MV_WAIT_H

#include "vfs/file.h"

/* Takes the write lock if it is free, or the file has it. MV_BUSY. */
static inline mv_result mv_wait_try(memory_file *f) {
    mv_result rc = f->slot ? MV_OK : mv_write_lock(f->db, f);
    f->slot = !rc;
    return rc;
}

/* The same, with an SQLite code. If it is refused, and SQLite's busy handler may come next, the refusal is remembered.
 * SQLITE_INTERRUPT: SQLite would wait on. */
int mv_wait_take(memory_file *f);

/* Releases the write lock, or the reservation of it that a file has which waited. Does nothing if it has neither. */
static inline void mv_wait_release(memory_file *f) {
    if (f->slot || f->ticket) mv_write_unlock(f->db, f);
    f->slot = false;
}

/* The write lock was refused: the busy handler may sleep next. */
void mv_wait_refused(memory_file *f);
/* The refusal is forgotten. */
void mv_wait_forget(memory_file *f);
/* xSleep: sleeps until the write lock is free that this thread was refused. False: it was refused none. */
bool mv_wait_sleep(mv_vfs *vfs, int usec);

#endif
