/*
 * A database file: how SQLite's calls map onto the store.
 *
 * A main database file is a handle to a database, and while it has a lock, a pin:
 *
 *   xLock SHARED      takes the file's lease, with the newest version, which is what the file then shows. (An older one
 *                     while the program is still on rows of it: store.h.)
 *   xLock RESERVED    takes the write lock: SQLITE_BUSY if another has it, SQLITE_BUSY_SNAPSHOT if the pin is no longer
 *                     the newest. PENDING and EXCLUSIVE add nothing, since readers are in nobody's way
 *   first write       begins a transaction on the pin
 *   COMMIT_PHASETWO   publishes it, and moves the pin: the only place where a change becomes visible
 *   xUnlock           drops what was not published: ROLLBACK, errors, and journal_mode=OFF; NONE puts the lease back
 *
 * The write lock before the pin. Where SQLite says beforehand that a write follows (ours does: the pragma of that date
 * in engine/inside/amalgamation.h), the write lock is taken before the pin, so that no other commit comes in between. A writer whose read
 * transaction is open is refused at once, as SQLite does it: its version can only become older.
 *
 * Rollback. Our own SQLite keeps its journal as journal.h says, another's in memory, or in a file of this VFS, which is
 * in memory, too. On ROLLBACK SQLite writes the old pages back, all of which is dropped with the lock. If that finds no
 * memory SQLite drops its cache, too, and ROLLBACK succeeds. A transaction in which a write was refused is dropped at
 * once, and what SQLite does to roll it back goes the same way.
 *
 * locking_mode=EXCLUSIVE would keep a lock for ever: a reader would see one old version, and the end of a transaction
 * could not be seen. It has no use here, where nobody is in a reader's way, so it is answered with "normal". A
 * connection whose main database is another VFS's can still set it for an attached one of ours. There, what a
 * transaction left unpublished is dropped when the next one begins.
 *
 * SQLITE_OPEN_MEMORY. SQLite does not count a file that says so among the several files of a commit, and versions later
 * than 3.36 never change the page size of such a file, by VACUUM or by a backup from pages of another size. Our own
 * SQLite, which has no other files, is not told so. Another's is told unless the name asks for it (resizable=1 in the
 * URI, which MemoryVfs.jdbcUrl has). SQLite counts such a database as a file unless its journal mode is MEMORY.
 * extension.c makes it so for a main database.
 */
#include "vfs/file.h"

#include "vfs/answers.h"
#include "vfs/cells.h"
#include "vfs/codes.h"
#include "vfs/own_sqlite.h"
#include "vfs/show.h"
#include "vfs/transaction.h"
#include "vfs/wait.h"

#include <string.h>

/* A cache that others' commits empty must stay below what makes malloc give memory back to the system (glibc: 128 KiB a
 * thread), which takes longer than all else. Writers that take turns make some hundred transactions in one. */
#define CALM 2000

_Static_assert(offsetof(memory_file, pages) == MV_PAGES_AT, "where engine/inside/pages.c finds them");
_Static_assert(sizeof(memory_file) >= sizeof(mv_open_journal), "SQLite has room for a file of ours where it opens a journal");

/* What stood there before the transaction. */
static const void *page_before(sqlite3_file *base, int64_t offset, size_t n) {
    const memory_file *f = (const memory_file *)base;
    return f->pin ? mv_version_fetch(f->pin, offset, n) : NULL;
}

/* ---- methods, in the order of sqlite3_io_methods --------------------------------------------------------------------- */

static int file_unlock(sqlite3_file *base, int lock);

static int file_close(sqlite3_file *base) {
    memory_file *f = (memory_file *)base;
    file_unlock(base, SQLITE_LOCK_NONE);
    mv_hosts_remove_file(f);
    mv_write_unlock(f->db, f); /* a promise of it */
    mv_wait_forget(f);
    mv_lease_close(&f->lease);
    mv_txn_drop(f->cleared);
    mv_database_release(f->db);
    mv_pages_free(&f->pages);
    mv_journal_free(&f->journal);
    sqlite3_free(f->spare);
    mv_vfs_release(f->vfs);
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *to, int n, sqlite3_int64 offset) {
    memory_file *f = (memory_file *)base;
    size_t got;
    if (offset == MV_CHECK_AT && n == MV_CHECK_BYTES) { /* a transaction begins */
        mv_file_drop(f); /* the last one failed, and kept its lock */
        if (f->pin && !f->for_good) {
            mv_show_check(f, to);
            return SQLITE_OK;
        }
    }
    if (mv_shows_stand_in(f)) {
        got = mv_show_read_stand_in(f, to, (size_t)n, offset);
    } else if (f->txn) {
        got = mv_txn_read(f->txn, to, (size_t)n, offset);
    } else if (f->pin) {
        got = mv_version_read(f->pin, to, (size_t)n, offset);
    } else { /* the header, before the first lock */
        mv_version *newest = mv_database_pin(f->db);
        got = mv_version_read(newest, to, (size_t)n, offset);
        mv_version_release(newest);
    }
    if (got < (size_t)n) memset((char *)to + got, 0, (size_t)n - got);
    if (f->cookie_shift) mv_show_shift_cookie(f, to, n, offset);
    if (f->pin && offset == 0 && n >= MV_SMALLEST_PAGE) mv_show_note_first_page(f, to);
    mv_cells_forget(f);
    return got < (size_t)n ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int file_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 offset) {
    memory_file *f = (memory_file *)base;
    if (f->lock < SQLITE_LOCK_RESERVED) return SQLITE_READONLY;
    bool first_page = offset == 0 && n >= MV_SMALLEST_PAGE;
    if (first_page) mv_show_clear_wal_mode((void *)from);
    mv_result rc = mv_file_begin(f);
    f->written += n;
    if (!rc) rc = mv_txn_write(f->txn, from, (size_t)n, offset);
    if (!rc && f->cookie_shift) rc = mv_show_shift_cookie_back(f, from, n, offset);
    if (!rc && first_page) {
        uint32_t page_size = f->page_size;
        mv_show_note_first_page(f, from);
        if (f->page_size != page_size) f->resized = true;
    }
    f->prepared = false;
    return mv_file_changed(f, rc);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
    memory_file *f = (memory_file *)base;
    if (f->lock < SQLITE_LOCK_RESERVED) return SQLITE_READONLY;
    mv_result rc = mv_file_begin(f);
    bool shortens = !rc && size <= mv_txn_size(f->txn);
    if (!rc) rc = mv_txn_truncate(f->txn, size);
    if (!shortens) f->prepared = false; /* what was prepared includes one shortening: SQLite does it after all files of the commit are prepared */
    return mv_file_changed(f, rc);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
    memory_file *f = (memory_file *)base;
    if (mv_shows_stand_in(f)) {
        *size = f->page_size;
    } else if (f->txn) {
        *size = mv_txn_size(f->txn);
    } else if (f->pin) {
        *size = mv_version_size(f->pin);
    } else {
        mv_version *newest = mv_database_pin(f->db);
        *size = mv_version_size(newest);
        mv_version_release(newest);
    }
    return SQLITE_OK;
}

static void size_cache(memory_file *f, bool narrow) {
    if (f->connection && !f->cache_chosen) mv_engine_size_cache(f->connection, &f->base, narrow);
}

static int file_lock(sqlite3_file *base, int lock) {
    memory_file *f = (memory_file *)base;
    if (lock <= f->lock) return SQLITE_OK;
    if (f->lock == SQLITE_LOCK_NONE) {
        bool write_follows = f->write_follows && !f->read_only;
        f->may_wait = write_follows || (!mv_is_own(f->host) && !f->read_only); /* another's SQLite may not say so beforehand */
        f->write_follows = false;
        if (write_follows) mv_wait_try(f); /* if that fails, RESERVED says so */
        f->pin = mv_lease_take(&f->lease);
        if (f->left && f->left != mv_version_number(f->pin)) f->calm = 0;
        bool other_version = f->cached != mv_version_number(f->pin);
        if (other_version && f->connection && mv_version_size(f->pin) > 0) mv_engine_was_filled(f->connection, base);
        mv_file_reuse_pages(f);
        mv_show_begin(f);
        f->lock = SQLITE_LOCK_SHARED;
    }
    if (lock >= SQLITE_LOCK_RESERVED && f->lock < SQLITE_LOCK_RESERVED) {
        int rc = mv_wait_take(f);
        if (!rc && !mv_version_is_newest(f->pin)) {
            mv_wait_release(f);
            if (f->may_wait) mv_wait_refused(f); /* to try again at once */
            rc = SQLITE_BUSY_SNAPSHOT;
        }
        if (rc) return rc;
        f->pages.version = 0;
        mv_cells_forget(f);
        sqlite3_file *place = f->connection ? mv_engine_journal_in_memory(f->connection, base) : NULL;
        if (place) mv_journal_open(&f->journal, place);
        if (f->calm < CALM) size_cache(f, ++f->calm < CALM);
    }
    f->lock = lock;
    return SQLITE_OK;
}

/* The file shows nothing any more. */
static void end_of_read(memory_file *f, mv_version *pin) {
    f->left = mv_version_number(pin);
    f->pin = NULL;
    f->pages.version = 0;
    mv_cells_forget(f);
    if (f->for_good) {
        mv_version_release(pin);
        return;
    }
    if (!f->rows_known && f->connection) { /* rows are held from within a transaction, so this is early enough */
        const _Atomic int32_t *rows = mv_engine_rows_held(f->connection);
        if (rows) mv_lease_rows(&f->lease, rows);
        f->rows_known = rows != NULL;
    }
    if (f->pages.in_use == 0) mv_lease_put(&f->lease);
    else mv_file_let_go(f, mv_lease_leave(&f->lease), NULL);
}

static int file_unlock(sqlite3_file *base, int lock) {
    memory_file *f = (memory_file *)base;
    if (lock >= f->lock) return SQLITE_OK;
    if (f->lock >= SQLITE_LOCK_RESERVED) {
        mv_file_drop(f);
        mv_wait_release(f);
        mv_file_reuse_pages(f);
    }
    f->lock = lock;
    if (lock == SQLITE_LOCK_NONE) {
        mv_wait_release(f); /* taken beforehand, for a write that did not follow */
        end_of_read(f, f->pin);
    }
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *reserved) {
    memory_file *f = (memory_file *)base;
    *reserved = mv_write_locked(f->db);
    return SQLITE_OK;
}

static bool is(const char *a, const char *b) {
    return a && (strcmp(a, b) == 0 || sqlite3_stricmp(a, b) == 0); /* the pragma that comes with every transaction that writes is the first */
}

/* Whether SQLite has begun a transaction on the file. Of another's SQLite that cannot be known: it may have. */
static bool in_transaction(memory_file *f) {
    const char *schema;
    if (!f->connection) return true;
    for (int i = 0; (schema = sqlite3_db_name(f->connection, i)) != NULL; i++) {
        sqlite3_file *file = NULL;
        sqlite3_file_control(f->connection, schema, SQLITE_FCNTL_FILE_POINTER, &file);
        if (file == &f->base) return sqlite3_txn_state(f->connection, schema) != SQLITE_TXN_NONE;
    }
    return false;
}

static const sqlite3_io_methods file_methods;

/* Of all files of the connection: until its transaction ends it parses each page anew. */
static void parse_anew(memory_file *f) {
    const char *schema;
    for (int i = 0; f->connection && (schema = sqlite3_db_name(f->connection, i)) != NULL; i++) {
        sqlite3_file *file = NULL;
        sqlite3_file_control(f->connection, schema, SQLITE_FCNTL_FILE_POINTER, &file);
        if (file && file->pMethods == &file_methods) ((memory_file *)file)->pages.version = 0;
    }
}

/* Pragmas that must not reach SQLite, or that tell us something. arg: answer or error, name, value or NULL. */
static int file_pragma(memory_file *f, char **arg) {
    if (is(arg[1], "experimental_pragma_20251114")) { /* a transaction that will write begins */
        f->write_follows = f->lock == SQLITE_LOCK_NONE;
        if (f->txn && !in_transaction(f)) mv_file_drop(f); /* what one that was rolled back, and kept its lock, has left. SQL can say the pragma, too */
        return SQLITE_OK;
    }
    if (is(arg[1], "cell_size_check")) {
        if (arg[2]) parse_anew(f);
        mv_cells_forget(f); /* it is on, whether the last page needed it or not */
    }
    if (arg[2] && (is(arg[1], "cache_size") || is(arg[1], "cache_spill"))) {
        size_cache(f, false);
        f->cache_chosen = true;
    }
    if (is(arg[1], "locking_mode") && is(arg[2], "exclusive")) {
        arg[0] = f->host->mprintf("normal");
        return arg[0] ? SQLITE_OK : SQLITE_NOMEM;
    }
    return SQLITE_NOTFOUND;
}

static int file_control(sqlite3_file *base, int op, void *arg) {
    memory_file *f = (memory_file *)base;
    switch (op) {
    case SQLITE_FCNTL_VFSNAME:
        *(char **)arg = f->host->mprintf("%s", f->vfs->name);
        return *(char **)arg ? SQLITE_OK : SQLITE_NOMEM;
    case SQLITE_FCNTL_SYNC: /* the last moment at which a commit can fail in order */
        return mv_io_code(mv_file_prepare(f));
    case SQLITE_FCNTL_COMMIT_PHASETWO:
        return mv_io_code(mv_file_commit(f));
    case SQLITE_FCNTL_PRAGMA:
        return file_pragma(f, arg);
    case SQLITE_FCNTL_PDB:
        if (mv_is_own(f->host)) {
            f->connection = *(sqlite3 **)arg;
            mv_engine_opened(base, arg);
        }
        return SQLITE_OK;
    case MV_FCNTL_DECLINE:
        if (!f->slot) {
            mv_wait_release(f);
            f->ticket = 0;
        }
        return SQLITE_OK;
    case MV_FCNTL_IS_RESIZABLE:
        return f->resizable ? SQLITE_OK : SQLITE_NOTFOUND;
    case MV_FCNTL_ROWS_GONE:
        mv_lease_rows(&f->lease, NULL);
        f->rows_known = false;
        return SQLITE_OK;
    case SQLITE_FCNTL_LOCKSTATE:
        *(int *)arg = f->lock;
        return SQLITE_OK;
    case SQLITE_FCNTL_HAS_MOVED: /* a deleted database stays whole for those who have it */
        *(int *)arg = 0;
        return SQLITE_OK;
    case SQLITE_FCNTL_MMAP_SIZE: {
        sqlite3_int64 limit = *(sqlite3_int64 *)arg;
        *(sqlite3_int64 *)arg = f->mmap_limit;
        if (limit >= 0) f->mmap_limit = limit;
        return SQLITE_OK;
    }
    case SQLITE_FCNTL_SIZE_HINT:
        return SQLITE_OK;
    }
    return SQLITE_NOTFOUND;
}

static int file_fetch(sqlite3_file *base, sqlite3_int64 offset, int n, void **page) {
    memory_file *f = (memory_file *)base;
    *page = NULL;
    const void *found = f->cookie_shift && offset <= MV_COOKIE_AT ? NULL : mv_show_page(f, offset, (size_t)n);
    if (!found) {
        mv_cells_forget(f);
        return SQLITE_OK;
    }
    if (!mv_pages_give(&f->pages, f->connection, offset, found)) return SQLITE_OK; /* it will be read instead */
    mv_cells_look(f, found, (size_t)n, offset);
    *page = (void *)found;
    return SQLITE_OK;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 3,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = mv_answer_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = mv_answer_sector_size,
    .xDeviceCharacteristics = mv_answer_characteristics,
    .xFetch = file_fetch,
    .xUnfetch = mv_pages_unfetch, /* no xShm*: what a write-ahead log is for, the store does */
};

/* ---- opening --------------------------------------------------------------------------------------------------------- */

static mv_result open_database(memory_file *f, sqlite3_filename name, int flags) {
    bool for_good = f->host->uri_boolean(name, "nolock", 0) || f->host->uri_boolean(name, "immutable", 0);
    f->read_only = (flags & SQLITE_OPEN_READONLY) || for_good;
    f->resizable = mv_is_own(f->host) || f->host->uri_boolean(name, "resizable", 0);
    mv_result rc = mv_store_open(f->vfs->store, name, strlen(name), (flags & SQLITE_OPEN_CREATE) != 0, &f->db);
    if (rc) return rc;
    mv_lease_open(&f->lease, f->db);
    if (for_good) {
        f->pin = mv_database_pin(f->db); /* no lock will tell when a transaction begins: one version for good */
        f->lock = SQLITE_LOCK_SHARED;
        f->for_good = true;
        mv_file_reuse_pages(f);
    }
    return MV_OK;
}

mv_result mv_file_open(mv_vfs *vfs, const host *h, sqlite3_filename name, sqlite3_file *file, int *flags) {
    memory_file *f = (memory_file *)file;
    *f = (memory_file){.vfs = vfs, .host = h, .calm = CALM, .cached = MV_NO_VERSION, .page_size = MV_DEFAULT_PAGE,
        .pages.release = mv_file_release_page, .journal = {.file = file, .page = page_before}};
    mv_result rc = open_database(f, name, *flags);
    if (rc) return rc;
    f->base.pMethods = &file_methods;
    mv_hosts_add_file(f);
    if (f->read_only) *flags = (*flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    if (!f->resizable) *flags |= SQLITE_OPEN_MEMORY;
    return MV_OK;
}
