/*
 * How SQLite's calls map onto the store. See vfs.h.
 *
 * A main database file is a handle to a database, and while it has a lock, a pin:
 *
 *   xLock SHARED          pins the newest version, which is what the file then shows
 *   xLock RESERVED        takes the writer's slot: SQLITE_BUSY if another has it, SQLITE_BUSY_SNAPSHOT if the pin is no longer
 *                         the newest. PENDING and EXCLUSIVE add nothing, since readers are in nobody's way
 *   first write           begins a transaction on the pin
 *   COMMIT_PHASETWO       publishes it, and moves the pin: the only place where a change becomes visible
 *   xUnlock               drops what was not published: ROLLBACK, errors, and journal_mode=OFF
 *
 * Waiting for the slot. SQLite has its own busy timeout, which calls the VFS's xSleep between two tries. A file
 * that is refused the slot is remembered with its thread, and xSleep, called by that thread, sleeps until the slot is free instead
 * of for a time, longer than it was asked to but never beyond the connection's timeout: so PRAGMA busy_timeout and sqlite3_busy_timeout mean
 * what they always mean, and nobody polls.
 * Where SQLite says beforehand that a write follows (the pragma of that date in sqlite.c), the slot is taken before the pin, so
 * that no other commit comes in between.
 *
 * Rollback. SQLite keeps its journal in its own memory (we report SQLITE_OPEN_MEMORY) and on ROLLBACK writes the old pages
 * back, all of which is dropped with the lock. If that finds no memory SQLite drops its cache, too, and ROLLBACK succeeds. A
 * transaction in which a write was refused is dropped at once, and what SQLite does to roll it back goes the same way.
 *
 * locking_mode=EXCLUSIVE would keep a lock for ever: a reader would see one old version, and the end of a transaction could not be
 * seen. It has no use here, where nobody is in a reader's way, so it is answered with "normal". A connection
 * whose main database is another VFS's can still set it for an attached one of ours; there, what a
 * transaction left unpublished is dropped when the next one begins.
 *
 * Replaced content. A pager believes its cache when 16 bytes at offset 24 are what they were, and a connection its schema
 * when the cookie at offset 40 is. Both may be equal by chance in content that has nothing to do with the old. So a file
 * that sees a version of another epoch shows 16 other bytes once, and from then on a cookie that is the next after the last it
 * has shown, shifting it back on writes.
 *
 * Pages that SQLite points into (xFetch) belong to the pin. When the pin moves or a transaction is dropped while some are
 * still in use, they are compared with what the file now shows; if one is gone (it takes blocks larger than pages, or a corrupt
 * database) the old pin or the transaction is kept until it is given back.
 */
#include "vfs.h"

#include "engine.h"
#include "sync.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_AT 24      /* what the pager compares: change counter, size, freelist */
#define CHECK_BYTES 16
#define COOKIE_AT 40     /* the schema cookie: https://sqlite.org/fileformat.html#schema_cookie */
#define COOKIE_BYTES 4
#define WAL_MODE_AT 18   /* write and read version: 2 for a write-ahead log, 1 for a rollback journal */
#define SECTOR 512
#define LONG_SLEEP 25000 /* microseconds. SQLite asks for 100 ms in the end: an interrupt is noticed after so long at the latest */

typedef struct memory_file memory_file;

struct mv_vfs {
    sqlite3_vfs base;
    sqlite3_vfs *system;   /* time, randomness, libraries; fixed at creation */
    mv_store *store;       /* fixed at registration, as is the name */
    char name[MV_MAX_VFS_NAME + 1];
    mv_mutex mutex;
    memory_file *refused;  /* files that did not get the slot, the latest first; under mutex */
    uint64_t refs;         /* open files, and 1 while registered; under the registry's mutex, as all below */
    bool registered;
    mv_vfs *retired_next;
};

/*
 * SQLite finds a vfs by its name and then calls it, and nothing keeps it from being unregistered in between. So a vfs is
 * never freed: it retires, refuses to open files, and serves again under another name once many others have retired after it.
 */
static struct {
    mv_vfs *first, *last; /* the longest retired first; under the registry's mutex, as is the count */
    unsigned count;
} retired;

#define REST 256 /* how many retire before one of them serves again */

static sqlite3_mutex *registry(void) {
    return sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
}

/* What must outlive its use by the file; either may be NULL. */
typedef struct kept {
    mv_version *pin;
    mv_txn *txn;
    size_t pages; /* fetched pages that need it */
} kept;

/* A page that SQLite points into. */
typedef struct fetched {
    int64_t offset;
    const void *page;
    kept *keeper; /* NULL: the file still shows it */
} fetched;

struct memory_file {
    sqlite3_file base;
    mv_vfs *vfs;           /* all fields but the last group: the thread that uses the connection only */
    sqlite3 *connection;   /* whose file it is, once SQLite has said so */
    mv_database *db;       /* NULL: a private file, which is all in txn */
    mv_version *pin;       /* while there is a lock */
    mv_txn *txn;           /* what is not published yet */
    int lock;
    bool read_only;
    bool write_follows;    /* SQLite said so: take the slot with the next SHARED lock */
    bool may_wait;         /* if the slot is refused, the busy handler is next */
    bool prepared;         /* a commit has begun, and can no longer fail */
    mv_result doom;        /* why the transaction must not be committed: a write was refused, and what came before it is gone */
    uint64_t ticket;       /* place in the queue for the slot */
    int64_t wait_until;    /* when SQLite's busy handler gives up, 0 if there is another handler or none; read under the vfs mutex while refused */

    bool shown;            /* the next four are set: */
    uint64_t shown_epoch;
    uint8_t shown_check[CHECK_BYTES];
    uint32_t shown_cookie;
    bool stale_cache;      /* the pager's is of another epoch, and does not know yet */
    bool altered;          /* so is the pager's first page, from the end of this lock on */
    uint32_t cookie_shift; /* added to the stored cookie */

    fetched *fetches;      /* in use by SQLite */
    size_t fetch_count, fetch_room;
    kept *spare;           /* made with the transaction, so that keeping needs no memory */
    sqlite3_int64 mmap_limit;

    _Atomic(const void *) refused_thread; /* changed under the vfs mutex, as is the next; NULL: not in the list */
    memory_file *refused_next;
};

int mv_sqlite_code(mv_result result) {
    switch (result) {
    case MV_OK: return SQLITE_OK;
    case MV_NOMEM: return SQLITE_NOMEM;
    case MV_FULL: return SQLITE_FULL;
    case MV_BUSY: return SQLITE_BUSY;
    case MV_STALE: return SQLITE_BUSY_SNAPSHOT;
    case MV_NOTFOUND: return SQLITE_CANTOPEN;
    case MV_EXISTS: return SQLITE_ERROR;
    case MV_CLOSED: return SQLITE_CANTOPEN;
    case MV_NOTADB: return SQLITE_NOTADB;
    case MV_TRUNCATED: return SQLITE_CORRUPT;
    }
    return SQLITE_INTERNAL;
}

/* Within a file, SQLite expects a refusal of memory to say that it came from there. */
static int io_code(mv_result result) {
    return result == MV_NOMEM ? SQLITE_IOERR_NOMEM : mv_sqlite_code(result);
}

/* ---- the life of a vfs ------------------------------------------------------------------------------ */

/* For a file that is to be opened: a database only while the vfs is registered, a journal also for a database that is open since then. */
static bool hold(mv_vfs *vfs, bool database) {
    sqlite3_mutex_enter(registry());
    bool usable = vfs->registered || (!database && vfs->refs > 0);
    vfs->refs += usable;
    sqlite3_mutex_leave(registry());
    return usable;
}

static void release(mv_vfs *vfs) {
    mv_store *store = NULL;
    sqlite3_mutex_enter(registry());
    if (--vfs->refs == 0) {
        store = vfs->store;
        vfs->retired_next = NULL;
        if (retired.last) retired.last->retired_next = vfs;
        else retired.first = vfs;
        retired.last = vfs;
        retired.count++;
    }
    sqlite3_mutex_leave(registry());
    if (store) mv_store_release(store);
}

/* ---- waiting for the slot --------------------------------------------------------------------------- */

/* An address that stands for the calling thread. */
static const void *this_thread(void) {
    static _Thread_local char self;
    return &self;
}

static void remove_refused(memory_file *f) {
    mv_vfs *vfs = f->vfs;
    mv_lock(&vfs->mutex);
    if (f->refused_thread) {
        memory_file **at = &vfs->refused;
        while (*at != f) at = &(*at)->refused_next;
        *at = f->refused_next;
        f->refused_thread = NULL;
    }
    mv_unlock(&vfs->mutex);
}

/* When the statement that runs will have waited for as long as its connection's timeout: for all its databases together, as SQLite counts. */
static int64_t end_of_wait(sqlite3 *connection) {
    static _Thread_local struct {
        const sqlite3 *connection;
        int64_t since;
    } wait;
    if (mv_engine_busy_count(connection) == 0 || wait.connection != connection) {
        wait.connection = connection;
        wait.since = mv_now_usec();
    }
    int64_t timeout = mv_engine_busy_timeout(connection);
    return timeout > 0 ? wait.since + timeout * 1000 : 0;
}

/* The slot was refused: the busy handler may sleep next. */
static void refuse(memory_file *f) {
    remove_refused(f);
    if (!f->ticket) f->ticket = mv_write_ticket(f->db);
    f->wait_until = f->connection ? end_of_wait(f->connection) : 0;
    mv_lock(&f->vfs->mutex);
    f->refused_thread = this_thread();
    f->refused_next = f->vfs->refused;
    f->vfs->refused = f;
    mv_unlock(&f->vfs->mutex);
}

/*
 * How long a file may sleep that was to sleep for so long. SQLite's own busy handler begins with 1, 2, 5 and 10 ms and counts what it asked
 * for: sixteen writers that wake as often as that are in the way of the one that runs. So a sleep may be longer, within the timeout, and is
 * over at once when the timeout is.
 */
static int64_t sleep_span(const memory_file *f, int usec) {
    if (!f->wait_until) return usec;
    int64_t left = f->wait_until - mv_now_usec(), span = usec < LONG_SLEEP ? LONG_SLEEP : usec;
    return left < span ? left : span;
}

static int vfs_sleep(sqlite3_vfs *base, int usec) {
    mv_vfs *vfs = (mv_vfs *)base;
    mv_database *db = NULL;
    const void *owner = NULL;
    uint64_t ticket = 0;
    int64_t span = usec, from = mv_now_usec();
    mv_lock(&vfs->mutex);
    for (memory_file **at = &vfs->refused; *at && !db; at = &(*at)->refused_next) {
        memory_file *f = *at;
        if (f->refused_thread != this_thread()) continue;
        db = f->db;
        owner = f;
        ticket = f->ticket;
        span = sleep_span(f, usec);
        mv_database_hold(db); /* the file may be closed by another thread if this sleep is not the one after its refusal */
        *at = f->refused_next;
        f->refused_thread = NULL;
        break;
    }
    mv_unlock(&vfs->mutex);
    if (!db) return vfs->system->xSleep(vfs->system, usec);
    mv_write_wait(db, owner, ticket, span);
    mv_database_release(db);
    mv_engine_waited(mv_now_usec() - from);
    return usec;
}

static int take_slot(memory_file *f) {
    mv_result rc = mv_write_lock(f->db, f);
    if (rc) {
        if (f->connection && sqlite3_is_interrupted(f->connection)) return SQLITE_INTERRUPT; /* SQLite would wait on */
        if (f->may_wait) refuse(f);
        return mv_sqlite_code(rc);
    }
    f->ticket = 0;
    if (f->refused_thread) remove_refused(f);
    return SQLITE_OK;
}

/* ---- what the file shows ---------------------------------------------------------------------------- */

static uint32_t get4(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put4(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static bool covers_cookie(int64_t offset, int n) {
    return offset <= COOKIE_AT && offset + n >= COOKIE_AT + COOKIE_BYTES;
}

/* A lock begins: is the content another one than the file showed last? */
static void compare_epoch(memory_file *f) {
    if (!f->shown || mv_version_epoch(f->pin) == f->shown_epoch) return;
    uint8_t stored[COOKIE_BYTES] = {0};
    mv_version_read(f->pin, stored, sizeof stored, COOKIE_AT);
    f->cookie_shift = f->shown_cookie + 1 - get4(stored); /* wraps around, as the cookie does */
    f->shown_epoch = mv_version_epoch(f->pin);
    f->stale_cache = true;
    if (f->connection) mv_engine_content_replaced(f->connection, &f->base);
}

/* A lock ends: remember what the pager may have in its cache. */
static void note_shown(memory_file *f) {
    uint8_t bytes[COOKIE_AT + COOKIE_BYTES - CHECK_AT] = {0};
    mv_version_read(f->pin, bytes, sizeof bytes, CHECK_AT);
    if (!f->stale_cache) memcpy(f->shown_check, bytes, CHECK_BYTES);
    f->stale_cache |= f->altered;
    f->altered = false;
    f->shown_cookie = get4(bytes + (COOKIE_AT - CHECK_AT)) + f->cookie_shift;
    f->shown_epoch = mv_version_epoch(f->pin);
    f->shown = true;
}

/* Alters what was read from the file as the head of this file says. */
static void disguise(memory_file *f, uint8_t *bytes, int n, int64_t offset) {
    if (f->stale_cache && f->pin && offset == CHECK_AT && n == CHECK_BYTES) {
        if (memcmp(bytes, f->shown_check, CHECK_BYTES) == 0) bytes[0] ^= 0xff;
        f->stale_cache = false;
    }
    if (f->cookie_shift && covers_cookie(offset, n)) {
        uint8_t *cookie = bytes + (COOKIE_AT - offset);
        put4(cookie, get4(cookie) + f->cookie_shift);
    }
}

static const void *page_at(memory_file *f, int64_t offset, size_t n) {
    return f->txn ? mv_txn_fetch(f->txn, offset, n) : f->pin ? mv_version_fetch(f->pin, offset, n) : NULL;
}

/* ---- pins and transactions -------------------------------------------------------------------------- */

/* Lets go of a pin and a transaction (NULL: none) that the file has just replaced, unless a page that SQLite points into needs them. */
static void let_go(memory_file *f, mv_version *pin, mv_txn *txn) {
    kept *k = f->spare;
    if (k) *k = (kept){.pin = pin, .txn = txn};
    for (size_t i = 0; k && i < f->fetch_count; i++) {
        fetched *fetch = &f->fetches[i];
        if (fetch->keeper || page_at(f, fetch->offset, 1) == fetch->page) continue;
        fetch->keeper = k;
        k->pages++;
    }
    if (k && k->pages > 0) {
        f->spare = NULL;
        return;
    }
    if (pin) mv_version_release(pin);
    mv_txn_drop(txn);
}

/* A page is no longer in use. */
static void release_page(kept *k) {
    if (--k->pages > 0) return;
    if (k->pin) mv_version_release(k->pin);
    mv_txn_drop(k->txn);
    sqlite3_free(k);
}

static mv_result begin(memory_file *f) {
    if (f->txn) return MV_OK;
    if (!f->spare) f->spare = sqlite3_malloc(sizeof *f->spare);
    if (!f->spare) return MV_NOMEM;
    return mv_txn_begin(f->db, f->pin, &f->txn);
}

static mv_result prepare(memory_file *f) {
    mv_result rc = f->doom;
    f->doom = MV_OK;
    if (rc || !f->txn || f->prepared) return rc;
    rc = mv_txn_prepare(f->txn);
    f->prepared = !rc;
    return rc;
}

static mv_result commit(memory_file *f) {
    mv_result rc = prepare(f);
    if (rc || !f->txn) return rc;
    mv_version *old = f->pin;
    mv_txn *published = f->txn;
    f->pin = mv_txn_publish(published);
    f->txn = NULL;
    f->prepared = false;
    let_go(f, old, published);
    return MV_OK;
}

/* Drops what is not published. */
static void drop(memory_file *f) {
    mv_txn *txn = f->txn;
    f->doom = MV_OK;
    if (!txn) return;
    f->txn = NULL;
    f->prepared = false;
    let_go(f, NULL, txn);
}

/* The result of a change of the file. SQLite rolls back a transaction in which one was refused: the memory is better free before that. */
static int changed(memory_file *f, mv_result rc) {
    if (rc && f->db) {
        drop(f);
        f->doom = rc;
    }
    return io_code(rc);
}

/* ---- file methods, in the order of sqlite3_io_methods ----------------------------------------------- */

static int file_unlock(sqlite3_file *base, int lock);

static int file_close(sqlite3_file *base) {
    memory_file *f = (memory_file *)base;
    if (f->db) {
        file_unlock(base, SQLITE_LOCK_NONE);
        mv_write_unlock(f->db, f); /* a promise of it */
        remove_refused(f);
        mv_database_release(f->db);
    } else {
        mv_txn_drop(f->txn);
    }
    sqlite3_free(f->fetches);
    sqlite3_free(f->spare);
    release(f->vfs);
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *to, int n, sqlite3_int64 offset) {
    memory_file *f = (memory_file *)base;
    size_t got;
    if (f->db && offset == CHECK_AT && n == CHECK_BYTES) drop(f); /* a transaction begins: the last one failed, and kept its lock */
    if (f->txn) {
        got = mv_txn_read(f->txn, to, (size_t)n, offset);
    } else if (f->pin) {
        got = mv_version_read(f->pin, to, (size_t)n, offset);
    } else { /* the header, before the first lock */
        mv_version *newest = mv_database_pin(f->db);
        got = mv_version_read(newest, to, (size_t)n, offset);
        mv_version_release(newest);
    }
    if (got < (size_t)n) memset((char *)to + got, 0, (size_t)n - got);
    if (f->db) disguise(f, to, n, offset);
    return got < (size_t)n ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

/* A backup of a database in WAL mode would make this one unreadable: as in mv_load_finish, it becomes one in rollback mode. */
static mv_result clear_wal_mode(memory_file *f, const uint8_t *from, int n, int64_t offset) {
    if (offset > WAL_MODE_AT || offset + n < WAL_MODE_AT + 2) return MV_OK;
    const uint8_t *mode = from + (WAL_MODE_AT - offset);
    if (mode[0] != 2 && mode[1] != 2) return MV_OK;
    const uint8_t cleared[] = {mode[0] == 2 ? 1 : mode[0], mode[1] == 2 ? 1 : mode[1]};
    f->altered = true;
    return mv_txn_write(f->txn, cleared, sizeof cleared, WAL_MODE_AT);
}

static mv_result shift_cookie_back(memory_file *f, const uint8_t *from, int n, int64_t offset) {
    if (!f->cookie_shift || !covers_cookie(offset, n)) return MV_OK;
    uint8_t cookie[COOKIE_BYTES];
    put4(cookie, get4(from + (COOKIE_AT - offset)) - f->cookie_shift);
    return mv_txn_write(f->txn, cookie, sizeof cookie, COOKIE_AT);
}

static int file_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 offset) {
    memory_file *f = (memory_file *)base;
    if (f->db && f->lock < SQLITE_LOCK_RESERVED) return SQLITE_READONLY;
    mv_result rc = begin(f);
    if (!rc) rc = mv_txn_write(f->txn, from, (size_t)n, offset);
    if (!rc && f->db) rc = clear_wal_mode(f, from, n, offset);
    if (!rc && f->db) rc = shift_cookie_back(f, from, n, offset);
    f->prepared = false;
    return changed(f, rc);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
    memory_file *f = (memory_file *)base;
    if (f->db && f->lock < SQLITE_LOCK_RESERVED) return SQLITE_READONLY;
    mv_result rc = begin(f);
    if (!rc) rc = mv_txn_truncate(f->txn, size);
    return changed(f, rc);
}

static int file_sync(sqlite3_file *base, int flags) {
    (void)base;
    (void)flags;
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
    memory_file *f = (memory_file *)base;
    if (f->txn) {
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

static int file_lock(sqlite3_file *base, int lock) {
    memory_file *f = (memory_file *)base;
    if (!f->db || lock <= f->lock) return SQLITE_OK;
    if (f->lock == SQLITE_LOCK_NONE) {
        bool write_follows = f->write_follows && !f->read_only;
        f->may_wait = write_follows;
        f->write_follows = false;
        if (write_follows) mv_write_lock(f->db, f); /* if that fails, RESERVED says so */
        f->pin = mv_database_pin(f->db);
        compare_epoch(f);
        f->lock = SQLITE_LOCK_SHARED;
    }
    if (lock >= SQLITE_LOCK_RESERVED && f->lock < SQLITE_LOCK_RESERVED) {
        int rc = take_slot(f);
        if (rc) return rc;
        if (!mv_version_is_newest(f->pin)) {
            mv_write_unlock(f->db, f);
            if (f->may_wait) refuse(f); /* to try again at once */
            return SQLITE_BUSY_SNAPSHOT;
        }
    }
    f->lock = lock;
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int lock) {
    memory_file *f = (memory_file *)base;
    if (!f->db || lock >= f->lock) return SQLITE_OK;
    if (f->lock >= SQLITE_LOCK_RESERVED) {
        drop(f);
        mv_write_unlock(f->db, f);
    }
    f->lock = lock;
    if (lock == SQLITE_LOCK_NONE) {
        mv_write_unlock(f->db, f); /* taken beforehand, for a write that did not follow */
        note_shown(f);
        mv_version *pin = f->pin;
        f->pin = NULL;
        let_go(f, pin, NULL);
    }
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *reserved) {
    memory_file *f = (memory_file *)base;
    *reserved = f->db && mv_write_locked(f->db);
    return SQLITE_OK;
}

static bool is(const char *a, const char *b) {
    return a && sqlite3_stricmp(a, b) == 0;
}

/* Whether SQLite has begun a transaction on the file. */
static bool in_transaction(memory_file *f) {
    const char *schema;
    for (int i = 0; f->connection && (schema = sqlite3_db_name(f->connection, i)) != NULL; i++) {
        sqlite3_file *file = NULL;
        sqlite3_file_control(f->connection, schema, SQLITE_FCNTL_FILE_POINTER, &file);
        if (file == &f->base) return sqlite3_txn_state(f->connection, schema) != SQLITE_TXN_NONE;
    }
    return false;
}

/* Pragmas that must not reach SQLite, or that tell us something. arg: answer or error, name, value or NULL. */
static int file_pragma(memory_file *f, char **arg) {
    if (is(arg[1], "experimental_pragma_20251114")) { /* a transaction that will write begins */
        f->write_follows = f->lock == SQLITE_LOCK_NONE;
        if (f->txn && !in_transaction(f)) drop(f); /* what one that was rolled back, and kept its lock, has left. SQL can say the pragma, too */
        return SQLITE_OK;
    }
    if (is(arg[1], "locking_mode") && is(arg[2], "exclusive")) {
        arg[0] = sqlite3_mprintf("normal");
        return arg[0] ? SQLITE_OK : SQLITE_NOMEM;
    }
    return SQLITE_NOTFOUND;
}

static int file_control(sqlite3_file *base, int op, void *arg) {
    memory_file *f = (memory_file *)base;
    if (op == SQLITE_FCNTL_VFSNAME) {
        *(char **)arg = sqlite3_mprintf("%s", f->vfs->name);
        return *(char **)arg ? SQLITE_OK : SQLITE_NOMEM;
    }
    if (!f->db) return SQLITE_NOTFOUND;
    switch (op) {
    case SQLITE_FCNTL_SYNC: /* the last moment at which a commit can fail in order */
        return io_code(prepare(f));
    case SQLITE_FCNTL_COMMIT_PHASETWO:
        return io_code(commit(f));
    case SQLITE_FCNTL_PRAGMA:
        return file_pragma(f, arg);
    case SQLITE_FCNTL_PDB:
        f->connection = *(sqlite3 **)arg;
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

static int file_sector_size(sqlite3_file *base) {
    (void)base;
    return SECTOR;
}

static int file_characteristics(sqlite3_file *base) {
    (void)base;
    return SQLITE_IOCAP_SAFE_APPEND | SQLITE_IOCAP_SEQUENTIAL | SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_SUBPAGE_READ;
}

static int file_fetch(sqlite3_file *base, sqlite3_int64 offset, int n, void **page) {
    memory_file *f = (memory_file *)base;
    *page = NULL;
    if (!f->db || (f->cookie_shift && offset <= COOKIE_AT)) return SQLITE_OK;
    const void *found = page_at(f, offset, (size_t)n);
    if (!found) return SQLITE_OK;
    if (f->fetch_count == f->fetch_room) {
        size_t room = f->fetch_room ? 2 * f->fetch_room : 16;
        fetched *wide = sqlite3_realloc64(f->fetches, room * sizeof *wide);
        if (!wide) return SQLITE_OK; /* it will be read instead */
        f->fetches = wide;
        f->fetch_room = room;
    }
    f->fetches[f->fetch_count++] = (fetched){.offset = offset, .page = found};
    *page = (void *)found;
    return SQLITE_OK;
}

static int file_unfetch(sqlite3_file *base, sqlite3_int64 offset, void *page) {
    memory_file *f = (memory_file *)base;
    (void)offset;
    if (!page) return SQLITE_OK; /* to forget what is mapped and not in use: nothing is */
    size_t i = f->fetch_count;
    while (i > 0 && f->fetches[i - 1].page != page) i--; /* the latest are the first to go */
    assert(i > 0);
    if (i == 0) return SQLITE_OK;
    kept *keeper = f->fetches[i - 1].keeper;
    f->fetches[i - 1] = f->fetches[--f->fetch_count];
    if (keeper) release_page(keeper);
    return SQLITE_OK;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 3,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xFetch = file_fetch,
    .xUnfetch = file_unfetch, /* no xShm*: what a write-ahead log is for, the store does */
};

/* ---- vfs methods, in the order of sqlite3_vfs ------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *base, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags) {
    mv_vfs *vfs = (mv_vfs *)base;
    memory_file *f = (memory_file *)file;
    mv_result rc;
    if (flags & SQLITE_OPEN_WAL) return SQLITE_CANTOPEN;
    *f = (memory_file){.vfs = vfs};
    if (!hold(vfs, flags & SQLITE_OPEN_MAIN_DB)) return SQLITE_CANTOPEN;
    if (flags & SQLITE_OPEN_MAIN_DB) {
        f->read_only = (flags & SQLITE_OPEN_READONLY) != 0;
        rc = mv_store_open(vfs->store, name, strlen(name), (flags & SQLITE_OPEN_CREATE) != 0, &f->db);
        if (!rc && (sqlite3_uri_boolean(name, "nolock", 0) || sqlite3_uri_boolean(name, "immutable", 0))) {
            f->pin = mv_database_pin(f->db); /* no lock will tell when a transaction begins: one version for good */
            f->lock = SQLITE_LOCK_SHARED;
        }
    } else {
        rc = mv_store_scratch(vfs->store, &f->txn);
    }
    if (rc) {
        release(vfs);
        return mv_sqlite_code(rc);
    }
    f->base.pMethods = &file_methods;
    if (out_flags) *out_flags = flags | SQLITE_OPEN_MEMORY;
    return SQLITE_OK;
}

/* SQLite deletes journals only, and those are private to their opener. */
static int vfs_delete(sqlite3_vfs *base, const char *name, int sync_dir) {
    (void)base;
    (void)name;
    (void)sync_dir;
    return SQLITE_OK;
}

/* SQLite asks for journals only, at every lock: there is never one that it would have to know. */
static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *answer) {
    (void)base;
    (void)name;
    (void)flags;
    *answer = 0;
    return SQLITE_OK;
}

static int vfs_full_pathname(sqlite3_vfs *base, const char *name, int room, char *out) {
    (void)base;
    size_t n = strlen(name) + 1;
    if (n > (size_t)room) return SQLITE_CANTOPEN;
    memcpy(out, name, n);
    return SQLITE_OK;
}

static void *vfs_dl_open(sqlite3_vfs *base, const char *name) {
    sqlite3_vfs *system = ((mv_vfs *)base)->system;
    return system->xDlOpen(system, name);
}

static void vfs_dl_error(sqlite3_vfs *base, int n, char *message) {
    sqlite3_vfs *system = ((mv_vfs *)base)->system;
    system->xDlError(system, n, message);
}

static void (*vfs_dl_sym(sqlite3_vfs *base, void *library, const char *symbol))(void) {
    sqlite3_vfs *system = ((mv_vfs *)base)->system;
    return system->xDlSym(system, library, symbol);
}

static void vfs_dl_close(sqlite3_vfs *base, void *library) {
    sqlite3_vfs *system = ((mv_vfs *)base)->system;
    system->xDlClose(system, library);
}

static int vfs_randomness(sqlite3_vfs *base, int n, char *out) {
    sqlite3_vfs *system = ((mv_vfs *)base)->system;
    return system->xRandomness(system, n, out);
}

static int vfs_current_time(sqlite3_vfs *base, double *out) {
    sqlite3_vfs *system = ((mv_vfs *)base)->system;
    return system->xCurrentTime(system, out);
}

static int vfs_last_error(sqlite3_vfs *base, int n, char *out) {
    (void)base;
    if (n > 0) *out = 0;
    return 0;
}

static int vfs_current_time_int64(sqlite3_vfs *base, sqlite3_int64 *out) {
    sqlite3_vfs *system = ((mv_vfs *)base)->system;
    return system->xCurrentTimeInt64(system, out);
}

static mv_vfs *new_vfs(void) {
    mv_vfs *vfs = sqlite3_malloc(sizeof *vfs);
    if (!vfs) return NULL;
    *vfs = (mv_vfs){.system = sqlite3_vfs_find(NULL)};
    vfs->base = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(memory_file),
        .mxPathname = MV_MAX_NAME + 16, /* SQLite wants room for "-journal" behind the name */
        .zName = vfs->name,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_pathname,
        .xDlOpen = vfs_dl_open,
        .xDlError = vfs_dl_error,
        .xDlSym = vfs_dl_sym,
        .xDlClose = vfs_dl_close,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_current_time,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_current_time_int64,
    };
    mv_mutex_init(&vfs->mutex);
    return vfs;
}

/* One that has rested, or a new one. Under the registry's mutex. */
static mv_vfs *unused_vfs(void) {
    mv_vfs *vfs = retired.first;
    if (retired.count <= REST) return new_vfs();
    retired.first = vfs->retired_next;
    retired.count--;
    return vfs;
}

int mv_vfs_register(mv_store *store, const char *name, mv_vfs **out) {
    int rc = sqlite3_initialize();
    if (rc) return rc;
    if (strlen(name) > MV_MAX_VFS_NAME) return SQLITE_MISUSE;
    sqlite3_mutex_enter(registry());
    mv_vfs *vfs = NULL;
    if (sqlite3_vfs_find(name)) rc = SQLITE_MISUSE;
    else if (!(vfs = unused_vfs())) rc = SQLITE_NOMEM;
    if (!rc) {
        memcpy(vfs->name, name, strlen(name) + 1);
        vfs->store = store;
        vfs->refs = 1;
        vfs->registered = true;
        mv_store_hold(store);
        sqlite3_vfs_register(&vfs->base, 0); /* cannot fail once SQLite is initialized */
        *out = vfs;
    }
    sqlite3_mutex_leave(registry());
    return rc;
}

void mv_vfs_unregister(mv_vfs *vfs) {
    sqlite3_mutex_enter(registry());
    sqlite3_vfs_unregister(&vfs->base);
    vfs->registered = false;
    sqlite3_mutex_leave(registry());
    release(vfs);
}
