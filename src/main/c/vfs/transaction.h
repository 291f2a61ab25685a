/*
 * The pin and the transaction of a file: beginning, publishing and dropping what it writes, and keeping what SQLite
 * still points into. Private to vfs/.
 */
#ifndef MV_TRANSACTION_H
#define MV_TRANSACTION_H

#include "vfs/codes.h"
#include "vfs/file.h"
#include "vfs/own_sqlite.h"

/* A transaction on the pin, unless there is one. MV_NOMEM, MV_STALE. */
mv_result mv_file_begin(memory_file *f);
/* Acquires all that a commit needs: it cannot fail any more. Or says why the transaction must not be committed. */
mv_result mv_file_prepare(memory_file *f);
/* Publishes the transaction, and moves the pin to its version. */
mv_result mv_file_commit(memory_file *f);
/* Drops what is not published. SQLite has rolled it back in its cache, which is then of the pin again, or has emptied
 * that. */
void mv_file_drop(memory_file *f);
/* The SQLite code for the result of a change of the file. SQLite rolls back a transaction in which one was refused: the
 * memory is better free before that. */
static inline int mv_file_changed(memory_file *f, mv_result rc) {
    if (rc == MV_OK) return SQLITE_OK;
    mv_file_drop(f);
    f->doom = rc;
    return mv_io_code(rc);
}

/* Lets go of a pin and a transaction (NULL: none) that the file has just replaced, unless a page that SQLite points into
 * needs them. */
void mv_file_let_go(memory_file *f, mv_version *pin, mv_txn *txn);
/* A page is no longer in use: mv_pages.release. */
void mv_file_release_page(void *keeper);
/* SQLite only reads: as long as it does, it may use again what it makes of the pages. Not if it is still on others. */
static inline void mv_file_reuse_pages(memory_file *f) {
    bool anew = f->txn || f->pages.in_use > 0 || (f->connection && mv_engine_checks_each_time(f->connection));
    f->pages.version = anew ? 0 : mv_version_number(f->pin);
}

#endif
