/*
 * How SQLite's calls map onto the store. See vfs.h.
 *
 * A main database file is a handle to a database, and while it has a lock, a pin:
 *
 *   xLock SHARED          takes the file's lease, with the newest version (or an older one while the program is still on rows of
 *                         it, see store.h), which is what the file then shows
 *   xLock RESERVED        takes the writer's slot: SQLITE_BUSY if another has it, SQLITE_BUSY_SNAPSHOT if the pin is no longer
 *                         the newest. PENDING and EXCLUSIVE add nothing, since readers are in nobody's way
 *   first write           begins a transaction on the pin
 *   COMMIT_PHASETWO       publishes it, and moves the pin: the only place where a change becomes visible
 *   xUnlock               drops what was not published: ROLLBACK, errors, and journal_mode=OFF; NONE puts the lease back
 *
 * Waiting for the slot. SQLite has its own busy timeout, which calls the VFS's xSleep between two tries. A file
 * that is refused the slot is remembered with its thread, and xSleep, called by that thread, sleeps until the slot is free instead
 * of for a time, longer than it was asked to but never beyond the connection's timeout: so PRAGMA busy_timeout and sqlite3_busy_timeout mean
 * what they always mean, and nobody polls. For a caller that sleeps in its own way, as a virtual thread must, the step ends instead: engine.h.
 * Where SQLite says beforehand that a write follows (ours does: the pragma of that date in sqlite.c), the slot is taken before the pin, so
 * that no other commit comes in between. A writer whose read transaction is open is refused at once, as SQLite does it: its version can only become older.
 *
 * Rollback. Our own SQLite keeps its journal as journal.h says, another's in memory, or in a file of this VFS, which is
 * in memory, too. On ROLLBACK SQLite writes the old pages back, all of which is dropped with the lock. If that finds no
 * memory SQLite drops its cache, too, and ROLLBACK succeeds. A transaction in which a write was refused is dropped at
 * once, and what SQLite does to roll it back goes the same way.
 *
 * locking_mode=EXCLUSIVE would keep a lock for ever: a reader would see one old version, and the end of a transaction could not be
 * seen. It has no use here, where nobody is in a reader's way, so it is answered with "normal". A connection
 * whose main database is another VFS's can still set it for an attached one of ours; there, what a
 * transaction left unpublished is dropped when the next one begins.
 *
 * Super-journals. A transaction that writes several files on disk has one beside the main database, and who finds the journal of such a file
 * without it believes that the transaction was committed. One in memory is gone after a crash, and those files would stay half written: so where the
 * main database is here, such a transaction is refused when it is to be committed. (Our own SQLite has no files on disk.)
 *
 * SQLITE_OPEN_MEMORY. SQLite does not count a file that says so among those several, and versions later than 3.36 never
 * change the page size of such a file, by VACUUM or by a backup from pages of another size. Our own SQLite, which has
 * no other files, is not told so. Another's is told unless the name asks for it (resizable=1 in the URI, which
 * MemoryVfs.jdbcUrl has). SQLite counts such a database as a file unless its journal mode is MEMORY. extension.c makes it
 * so for a main database.
 *
 * The pager's cache. When a pager takes a lock it reads 16 bytes at offset 24 (change counter and so on) and keeps its cache if they
 * are the bytes that it remembers: those of the first page as it last read or wrote it. Such bytes can be equal by chance, for example
 * in replaced content, or after a commit that failed when the pager had written the change counter already (ATOMIC_PAGES). They can
 * also differ without reason: an empty file has none. So the file remembers the same 16 bytes (mark), and which version the cache was
 * filled from (cached). It shows the mark when that version is still the one, and anything else when it is not. Thus PRAGMA data_version,
 * which counts how often the pager drops its cache, changes with other connections' commits only.
 *
 * Replaced content. A connection keeps its schema and its statements while the schema cookie at offset 40 is the same, and this one, too,
 * can be equal by chance. So a file that comes to a version of another epoch shows a cookie above all that it has shown before
 * (cookie_shift), and shifts it back on writes. An empty file has no cookie: SQLite takes it for 0 without reading. So where the
 * shifted cookie is not 0, the file shows a database of one page without tables in place of an empty version (stand-in). A
 * transaction that begins on it has that page as its first.
 *
 * Pages that SQLite points into (xFetch) belong to the pin. When the pin moves or a transaction is dropped while some are
 * still in use, they are compared with what the file now shows; if one is gone (it takes blocks larger than pages, or a corrupt
 * database) the old pin or the transaction is kept until it is given back.
 */
#include "vfs/vfs.h"

#include "engine/engine.h"
#include "vfs/journal.h"
#include "vfs/pages.h"
#include "vfs/scratch.h"
#include "store/sync.h"

#define SQLITE_CORE 1 /* the table of a host's functions, without macros that call them for ours */
#include "sqlite3ext.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_AT 24      /* what the pager compares: change counter, size, freelist */
#define CHECK_BYTES 16
#define COOKIE_AT 40     /* the schema cookie: https://sqlite.org/fileformat.html#schema_cookie */
#define COOKIE_BYTES 4
#define PAGE_SIZE_AT 16  /* two bytes; 1 stands for 65536 */
#define WAL_MODE_AT 18   /* write and read version: 2 for a write-ahead log, 1 for a rollback journal */
#define SMALLEST_PAGE 512
#define LARGEST_PAGE 65536
#define DEFAULT_PAGE 4096
#define NO_VERSION UINT64_MAX
#define SECTOR 512
#define MSEC_PER_DAY 86400000.0
/* Any write is, but SQLite would choose the largest page of which it is told as the default, up to 8 KiB: so these are all but that and larger ones. */
#define ATOMIC_PAGES (SQLITE_IOCAP_ATOMIC512 | SQLITE_IOCAP_ATOMIC1K | SQLITE_IOCAP_ATOMIC2K | SQLITE_IOCAP_ATOMIC4K)
#define CALM 2000        /* A cache that others' commits empty must stay below what makes malloc give memory back to the system (glibc: 128 KiB a thread), which
                            takes longer than all else. Writers that take turns make some hundred transactions in one */
#define LONG_SLEEP 25000 /* microseconds. SQLite asks for 100 ms in the end: an interrupt is noticed after so long at the latest */

typedef struct memory_file memory_file;
typedef struct host host;
typedef struct face face;

/*
 * An SQLite of this process: our own, and those that have loaded this library as an extension. What they call and what they are
 * given (names, answers) is theirs; everything else is made with our own. Never freed, and never unloaded: see mv_vfs_add_host.
 */
struct host {
    int (*vfs_register)(sqlite3_vfs *, int); /* all but the last two: fixed before it is in the list */
    int (*vfs_unregister)(sqlite3_vfs *);
    sqlite3_vfs *(*vfs_find)(const char *);
    char *(*mprintf)(const char *, ...);
    int (*uri_boolean)(const char *, const char *, int);
    const void *api;       /* by which it is known; NULL: our own */
    bool threadsafe;
    sqlite3_vfs *system;   /* time, randomness, libraries */
    host *next;            /* under the registry's mutex, as is the next */
    bool ready;            /* it is shown what is registered */
};

/* A vfs as one host knows it: SQLite links them, so each needs its own. Goes with the vfs, that is, never. */
struct face {
    sqlite3_vfs base;
    mv_vfs *vfs;           /* fixed at creation, as is the host */
    const host *host;
    face *next;            /* of the vfs; under the registry's mutex, as is the next */
    bool registered;
};

struct mv_vfs {
    face first;            /* for our own SQLite, so that a vfs is one piece of memory where there is no other host */
    mv_store *store;       /* fixed at registration, as is the name */
    char name[MV_MAX_VFS_NAME + 1];
    mv_mutex mutex;
    memory_file *refused;  /* files that did not get the slot, the latest first; under mutex */
    face *faces;           /* one for each host that it was registered with; under the registry's mutex, as all below */
    uint64_t refs;         /* open files, and 1 while registered */
    bool registered;
    mv_vfs *retired_next;
    mv_vfs *live_next, *live_previous; /* while registered */
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

static mv_vfs *live;     /* all that are registered; under the registry's mutex */
static host *others;     /* all hosts but our own; the same */
static memory_file *foreign; /* all that are open in them; the same */
static host own = {      /* its system: fixed by the first registration */
    .vfs_register = sqlite3_vfs_register,
    .vfs_unregister = sqlite3_vfs_unregister,
    .vfs_find = sqlite3_vfs_find,
    .mprintf = sqlite3_mprintf,
    .uri_boolean = sqlite3_uri_boolean,
    .threadsafe = true,
};

static sqlite3_mutex *registry(void) {
    return sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
}

/* What must outlive its use by the file; either may be NULL. */
typedef struct kept {
    mv_version *pin;
    mv_txn *txn;
    size_t pages; /* in use, that need it */
} kept;

struct memory_file {
    sqlite3_file base;
    mv_pages pages;        /* in place, as pages.h says: a keeper is a `kept`, NULL as long as the file shows the page */
    mv_journal journal;    /* empty but in a transaction that has changed something */
    mv_vfs *vfs;           /* all fields but the last group: the thread that uses the connection only */
    const host *host;
    sqlite3 *connection;   /* whose file it is, once SQLite has said so. Our own SQLite's only, as is what is done with it: for another's it stays NULL */
    mv_database *db;
    mv_lease lease;        /* in use while there is a lock, but for a file that has one version for good */
    mv_version *pin;       /* while there is a lock: the lease's, or that one */
    bool for_good;
    bool cache_chosen;     /* a pragma has said how large the pager's cache is */
    unsigned calm;         /* how many transactions of its own, at most CALM, have found the version that they left */
    uint64_t left;         /* that version's number, 0 for none */
    bool rows_known;       /* the lease knows where the number of held rows stands */
    mv_txn *txn;           /* what is not published yet */
    int lock;
    bool read_only;
    bool resizable;        /* SQLite may change its page size: fixed */
    bool write_follows;    /* SQLite said so: take the slot with the next SHARED lock */
    bool slot;             /* it has the writer's slot */
    bool may_wait;         /* if the slot is refused, the busy handler is next */
    bool resized;          /* the transaction has given the database pages of another size */
    int64_t written;       /* bytes, by the transaction */
    bool prepared;         /* a commit has begun, and can no longer fail; it may still be rolled back because of another file's */
    mv_result doom;        /* why the transaction must not be committed: a write was refused, and what came before it is gone */
    uint64_t ticket;       /* place in the queue for the slot */
    int64_t wait_until;    /* when SQLite's busy handler gives up, 0 if there is another handler or none; read under the vfs mutex while refused */

    uint64_t cached;       /* number of the version that the pager's cache was filled from, or NO_VERSION */
    bool checked;          /* the pager has had a lock before: it compares its mark at each lock */
    uint8_t mark[CHECK_BYTES]; /* what the pager compares; zeros until it has read or written the first page */
    uint32_t page_size;    /* what the first page says that SQLite has read or written last; DEFAULT_PAGE until then */
    bool shown;            /* the file has shown a version. The next two are set */
    uint64_t shown_epoch;  /* of the last one */
    bool shown_nothing;    /* that one was empty, and shown as such */
    bool cookie_known;     /* it has shown a schema cookie. The next is set */
    uint32_t top_cookie;   /* the highest one */
    uint32_t cookie_shift; /* added to the stored cookie */

    memory_file *foreign_next, *foreign_previous; /* of another's SQLite: in that list; under the registry's mutex */

    kept *spare;           /* made with the transaction, so that keeping needs no memory */
    mv_txn *cleared;       /* the last transaction, as memory for the next; NULL: none */
    sqlite3_int64 mmap_limit;

    _Atomic(const void *) refused_thread; /* changed under the vfs mutex, as is the next; NULL: not in the list */
    memory_file *refused_next;
};

/* A temporary file, or a journal that SQLite opens as a file. */
typedef struct private_file {
    sqlite3_file base;
    mv_vfs *vfs;
    const host *super_journal; /* of another's SQLite: for the names of journals; NULL: it is none */
    bool journal;       /* of a main database */
    mv_scratch content;
} private_file;

_Static_assert(offsetof(memory_file, pages) == MV_PAGES_AT, "where pages.c finds them");
_Static_assert(sizeof(memory_file) >= sizeof(private_file), "SQLite has room for either");
_Static_assert(sizeof(memory_file) >= sizeof(mv_open_journal), "SQLite has room for a file of ours where it opens a journal");

static _Thread_local bool limit_reached; /* since it was asked */

bool mv_limit_reached(void) {
    bool reached = limit_reached;
    limit_reached = false;
    return reached;
}

int mv_sqlite_code(mv_result result) {
    switch (result) {
    case MV_OK: return SQLITE_OK;
    case MV_NOMEM: return SQLITE_NOMEM;
    case MV_FULL: limit_reached = true; return SQLITE_FULL;
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

static void hide(mv_vfs *vfs, const host *h);

static void release(mv_vfs *vfs) {
    mv_store *store = NULL;
    sqlite3_mutex_enter(registry());
    if (--vfs->refs == 0) {
        hide(vfs, NULL); /* if connections that have outlived its registration needed it to be found */
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

/*
 * Whether the journal is one of a database here that another's SQLite has open. A file on disk can have the same name:
 * then its journal is there, too, since SQLite makes it before it writes a super-journal.
 */
static bool is_journal_of_ours(const host *h, const char *name, size_t n) {
    static const char suffix[] = "-journal"; /* the last byte of a name is zero */
    bool ours = false;
    if (n <= sizeof suffix || memcmp(name + n - sizeof suffix, suffix, sizeof suffix) != 0) return false;
    sqlite3_mutex_enter(registry());
    for (memory_file *f = foreign; f && !ours; f = f->foreign_next) ours = mv_database_is_named(f->db, name, n - sizeof suffix);
    sqlite3_mutex_leave(registry());
    int on_disk = 0;
    return ours && h->system->xAccess(h->system, name, SQLITE_ACCESS_EXISTS, &on_disk) == SQLITE_OK && !on_disk;
}

static void add_foreign(memory_file *f) {
    if (f->host == &own) return;
    sqlite3_mutex_enter(registry());
    f->foreign_next = foreign;
    if (foreign) foreign->foreign_previous = f;
    foreign = f;
    sqlite3_mutex_leave(registry());
}

static void remove_foreign(memory_file *f) {
    if (f->host == &own) return;
    sqlite3_mutex_enter(registry());
    if (f->foreign_next) f->foreign_next->foreign_previous = f->foreign_previous;
    if (f->foreign_previous) f->foreign_previous->foreign_next = f->foreign_next;
    else foreign = f->foreign_next;
    sqlite3_mutex_leave(registry());
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

/* Has the step end and its caller wait. False: there is none that can, or no memory. */
static bool wait_outside(memory_file *f) {
    int64_t until;
    if (!f->connection || !mv_engine_waits_outside(f->connection, &until)) return false;
    mv_waiter *waiter = mv_waiter_new(f->db, f, f->ticket, until);
    if (waiter) mv_engine_leave_to_wait(f->connection, waiter);
    return waiter != NULL;
}

/* The slot was refused: the busy handler may sleep next. */
static void refuse(memory_file *f) {
    remove_refused(f);
    if (!f->ticket) f->ticket = mv_write_ticket(f->db);
    if (wait_outside(f)) return;
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
    const face *self = (const face *)base;
    mv_vfs *vfs = self->vfs;
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
    if (!db) return self->host->system->xSleep(self->host->system, usec);
    mv_write_wait(db, owner, ticket, span);
    mv_database_release(db);
    mv_engine_waited(mv_now_usec() - from);
    return usec;
}

static mv_result try_slot(memory_file *f) {
    mv_result rc = f->slot ? MV_OK : mv_write_lock(f->db, f);
    f->slot = !rc;
    return rc;
}

/* And the promise of it, which only one that waited can have. */
static void give_slot_up(memory_file *f) {
    if (f->slot || f->ticket) mv_write_unlock(f->db, f);
    f->slot = false;
}

static int take_slot(memory_file *f) {
    mv_result rc = try_slot(f);
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

static const char MAGIC[16] = "SQLite format 3";

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

/* SQLite sees this cookie. Cookies wrap around: one is higher than another if the way up to it is shorter than the way down. */
static void note_cookie(memory_file *f, uint32_t cookie) {
    if (!f->cookie_known || (int32_t)(cookie - f->top_cookie) > 0) f->top_cookie = cookie;
    f->cookie_known = true;
}

/* SQLite has read or written the first page, or a piece of the file that begins with the header: with these bytes, as it sees them. */
static void note_first_page(memory_file *f, const uint8_t *bytes) {
    uint32_t page_size = (uint32_t)bytes[PAGE_SIZE_AT] << 8 | (uint32_t)bytes[PAGE_SIZE_AT + 1] << 16;
    memcpy(f->mark, bytes + CHECK_AT, CHECK_BYTES);
    note_cookie(f, get4(bytes + COOKIE_AT));
    f->shown_nothing = false;
    bool valid = page_size >= SMALLEST_PAGE && page_size <= LARGEST_PAGE && (page_size & (page_size - 1)) == 0;
    f->page_size = valid ? page_size : DEFAULT_PAGE;
}

/* A lock begins: is the content another one than the file showed last? */
static void compare_epoch(memory_file *f) {
    uint64_t epoch = mv_version_epoch(f->pin);
    bool nothing = mv_version_size(f->pin) == 0;
    if (f->shown && epoch != f->shown_epoch && f->cookie_known && !(nothing && f->shown_nothing)) {
        uint8_t stored[COOKIE_BYTES] = {0};
        mv_version_read(f->pin, stored, sizeof stored, COOKIE_AT);
        f->cookie_shift = f->top_cookie + 1 - get4(stored);
        if (f->connection) mv_engine_content_replaced(f->connection, &f->base);
    }
    f->shown = true;
    f->shown_epoch = epoch;
    f->shown_nothing = nothing && !f->cookie_shift;
    if (f->shown_nothing) note_cookie(f, 0);
}

/* A lock begins. */
static void begin_to_show(memory_file *f) {
    compare_epoch(f);
    if (!f->checked) f->cached = mv_version_number(f->pin); /* the pager has nothing in its cache, and compares nothing */
    f->checked = true;
}

/* The bytes that the pager compares, to tell whether its cache is of the version that the file shows. */
static void show_check(memory_file *f, uint8_t *to) {
    memcpy(to, f->mark, CHECK_BYTES);
    if (f->cached != mv_version_number(f->pin)) to[0] ^= 0x80; /* it is not */
    f->cached = mv_version_number(f->pin);
}

/* ---- stand-in for an empty version: a database of one page without tables ----------------------------- */

static bool shows_stand_in(const memory_file *f) {
    return !f->txn && f->cookie_shift && f->pin && mv_version_size(f->pin) == 0;
}

/* n bytes at offset, as they would be stored: its cookie is 0. Returns how many lie within the page. The rest is zeros. */
static size_t read_stand_in(const memory_file *f, void *to, size_t n, int64_t offset) {
    enum { HEADER = 100, LEAF = 13, FROM = 5 }; /* https://sqlite.org/fileformat.html: the header, and behind it that of an empty leaf of a table */
    uint8_t start[HEADER + 8] = {0};
    memcpy(start, MAGIC, sizeof MAGIC);
    size_t page_size = f->page_size;
    start[PAGE_SIZE_AT] = (uint8_t)(page_size >> 8);
    start[PAGE_SIZE_AT + 1] = (uint8_t)(page_size >> 16);
    start[WAL_MODE_AT] = start[WAL_MODE_AT + 1] = 1;
    memcpy(start + 21, "\100\40\40", 3); /* payload fractions */
    put4(start + 28, 1);                 /* pages */
    start[HEADER] = LEAF;
    start[HEADER + FROM] = (uint8_t)(page_size >> 8); /* where cells begin: at the end, for which 0 stands if it is 65536 */
    memset(to, 0, n);
    if (offset < (int64_t)sizeof start) {
        size_t part = sizeof start - (size_t)offset;
        memcpy(to, start + offset, part < n ? part : n);
    }
    if (offset >= (int64_t)page_size) return 0;
    return n < page_size - (size_t)offset ? n : page_size - (size_t)offset;
}

static void shift_cookie(const memory_file *f, uint8_t *bytes, int n, int64_t offset) {
    if (!f->cookie_shift || !covers_cookie(offset, n)) return;
    uint8_t *cookie = bytes + (COOKIE_AT - offset);
    put4(cookie, get4(cookie) + f->cookie_shift);
}

static inline const void *page_at(memory_file *f, int64_t offset, size_t n) {
    return f->txn ? mv_txn_fetch(f->txn, offset, n) : f->pin ? mv_version_fetch(f->pin, offset, n) : NULL;
}

/* What stood there before the transaction. */
static const void *page_before(sqlite3_file *base, int64_t offset, size_t n) {
    const memory_file *f = (const memory_file *)base;
    return f->pin ? mv_version_fetch(f->pin, offset, n) : NULL;
}

/* ---- cell sizes: see mv_engine_check_cells ---------------------------------------------------------- */

enum { CELLS_FIT = 1, CELLS_DO_NOT }; /* marks of blocks */

/* The mark of a page that is a block, and published; else NULL. */
static _Atomic uint8_t *mark_of(const memory_file *f, const void *page, size_t n) {
    if (!f->pin || n != mv_version_block_size(f->pin) || (f->txn && mv_txn_made(f->txn, page))) return NULL;
    return mv_block_mark(page);
}

/* SQLite is given a page, and will check it if it is not known to be fine. */
static void look_at_cells(memory_file *f, const void *page, size_t n, int64_t offset) {
    sqlite3 *db = f->connection;
    if (!db || !mv_engine_is_hardened(db)) return;
    _Atomic uint8_t *mark = offset > 0 ? mark_of(f, page, n) : NULL; /* the first page is hardly ever one of rows, and begins with the header */
    uint8_t known = mark ? atomic_load_explicit(mark, memory_order_relaxed) : CELLS_DO_NOT;
    if (!known) {
        known = mv_engine_cells_fit(db, &f->base, page) ? CELLS_FIT : CELLS_DO_NOT;
        atomic_store_explicit(mark, known, memory_order_relaxed); /* whoever else does so finds the same */
    }
    mv_engine_check_cells(db, known != CELLS_FIT);
}

/* What SQLite is given next was not looked at. */
static void forget_cells(const memory_file *f) {
    if (f->connection && mv_engine_is_hardened(f->connection)) mv_engine_check_cells(f->connection, true);
}

/* ---- pins and transactions -------------------------------------------------------------------------- */

typedef struct replaced {
    memory_file *file;
    kept *keeper;
} replaced;

static void keep_for(void *arg, mv_page_use *use) {
    const replaced *r = arg;
    if (use->keeper || page_at(r->file, use->offset, 1) == use->page) return;
    use->keeper = r->keeper;
    r->keeper->pages++;
}

/* Lets go of a pin and a transaction (NULL: none) that the file has just replaced, unless a page that SQLite points into needs them. */
static void let_go(memory_file *f, mv_version *pin, mv_txn *txn) {
    kept *k = f->pages.in_use > 0 ? f->spare : NULL;
    if (k) {
        *k = (kept){.pin = pin, .txn = txn};
        mv_pages_each(&f->pages, keep_for, &(replaced){.file = f, .keeper = k});
        if (k->pages > 0) {
            f->spare = NULL;
            return;
        }
    }
    if (pin) mv_lease_return(pin);
    if (!txn) return;
    if (f->cleared) {
        mv_txn_drop(txn);
        return;
    }
    mv_txn_clear(txn);
    f->cleared = txn;
}

/* SQLite only reads: as long as it does, it may use again what it makes of the pages. Not if it is still on others. */
static void reuse_pages(memory_file *f) {
    bool anew = f->txn || f->pages.in_use > 0 || (f->connection && mv_engine_checks_each_time(f->connection));
    f->pages.version = anew ? 0 : mv_version_number(f->pin);
}

/* A page is no longer in use. */
static void release_page(void *keeper) {
    kept *k = keeper;
    if (--k->pages > 0) return;
    if (k->pin) mv_lease_return(k->pin);
    mv_txn_drop(k->txn);
    sqlite3_free(k);
}

static mv_result begin_txn(memory_file *f) {
    if (!f->cleared) return mv_txn_begin(f->db, f->pin, &f->txn);
    mv_result rc = mv_txn_begin_again(f->cleared, f->pin);
    if (rc) return rc;
    f->txn = f->cleared;
    f->cleared = NULL;
    return MV_OK;
}

static mv_result begin(memory_file *f) {
    if (f->txn) return MV_OK;
    if (!f->spare) f->spare = sqlite3_malloc(sizeof *f->spare);
    if (!f->spare) return MV_NOMEM;
    if (!shows_stand_in(f)) return begin_txn(f);
    mv_result rc = MV_NOMEM;
    void *page = sqlite3_malloc64(f->page_size);
    if (page) {
        read_stand_in(f, page, f->page_size, 0);
        rc = begin_txn(f);
        if (!rc) rc = mv_txn_write(f->txn, page, f->page_size, 0);
        if (rc) {
            mv_txn_drop(f->txn);
            f->txn = NULL;
        }
        sqlite3_free(page);
    }
    return rc;
}

/*
 * Blocks get the size of pages if that has changed, or if most is written anew: there may have been no memory when it
 * changed. Without memory for it now, blocks stay as they are, and pages are only slower to read.
 */
static void resize_blocks(memory_file *f) {
    if (f->resized || 2 * f->written >= mv_txn_size(f->txn)) mv_txn_resize_blocks(f->txn, f->page_size);
    f->resized = false;
    f->written = 0;
}

static mv_result prepare(memory_file *f) {
    mv_result rc = f->doom;
    f->doom = MV_OK;
    if (rc || !f->txn || f->prepared) return rc;
    resize_blocks(f);
    if (!f->connection || mv_engine_shortens(f->connection, &f->base)) rc = mv_txn_prepare(f->txn);
    f->prepared = !rc;
    return rc;
}

static mv_result commit(memory_file *f) {
    mv_result rc = prepare(f);
    if (rc || !f->txn) return rc;
    mv_txn *published = f->txn;
    mv_version *old = mv_txn_publish(published, &f->lease, f->pages.in_use > 0);
    f->pin = f->lease.version;
    f->cached = mv_version_number(f->pin);
    f->txn = NULL;
    f->prepared = false;
    let_go(f, old, published);
    return MV_OK;
}

/* Drops what is not published. SQLite has rolled it back in its cache, which is then of the pin again, or has emptied that. */
static void drop(memory_file *f) {
    mv_txn *txn = f->txn;
    f->doom = MV_OK;
    f->resized = false;
    f->written = 0;
    if (!txn) return;
    f->txn = NULL;
    f->prepared = false;
    let_go(f, NULL, txn);
}

/* The result of a change of the file. SQLite rolls back a transaction in which one was refused: the memory is better free before that. */
static int changed(memory_file *f, mv_result rc) {
    if (rc) {
        drop(f);
        f->doom = rc;
    }
    return io_code(rc);
}

/* ---- file methods, in the order of sqlite3_io_methods ----------------------------------------------- */

static int file_unlock(sqlite3_file *base, int lock);

static int file_close(sqlite3_file *base) {
    memory_file *f = (memory_file *)base;
    file_unlock(base, SQLITE_LOCK_NONE);
    remove_foreign(f);
    mv_write_unlock(f->db, f); /* a promise of it */
    remove_refused(f);
    mv_lease_close(&f->lease);
    mv_txn_drop(f->cleared);
    mv_database_release(f->db);
    mv_pages_free(&f->pages);
    mv_journal_free(&f->journal);
    sqlite3_free(f->spare);
    release(f->vfs);
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *to, int n, sqlite3_int64 offset) {
    memory_file *f = (memory_file *)base;
    size_t got;
    if (offset == CHECK_AT && n == CHECK_BYTES) { /* a transaction begins */
        drop(f); /* the last one failed, and kept its lock */
        if (f->pin && !f->for_good) {
            show_check(f, to);
            return SQLITE_OK;
        }
    }
    if (shows_stand_in(f)) {
        got = read_stand_in(f, to, (size_t)n, offset);
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
    shift_cookie(f, to, n, offset);
    if (f->pin && offset == 0 && n >= SMALLEST_PAGE) note_first_page(f, to);
    forget_cells(f);
    return got < (size_t)n ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

/*
 * A first page that says that the database is in WAL mode would make it unreadable: there is no write-ahead log here. Two things write such
 * pages: a backup from a database in WAL mode, and PRAGMA journal_mode=WAL with locking_mode=EXCLUSIVE, where SQLite does not ask whether the VFS
 * supports a log. As in mv_load_finish, the database becomes one in rollback mode. It is changed in the pager's own page, which is what SQLite hands to
 * xWrite: with locking_mode=EXCLUSIVE the pager never reads it again.
 */
static void clear_wal_mode(void *first_page) {
    uint8_t *mode = (uint8_t *)first_page + WAL_MODE_AT;
    if (memcmp(first_page, MAGIC, sizeof MAGIC) != 0) return;
    if (mode[0] == 2) mode[0] = 1;
    if (mode[1] == 2) mode[1] = 1;
}

static mv_result shift_cookie_back(memory_file *f, const uint8_t *from, int n, int64_t offset) {
    if (!f->cookie_shift || !covers_cookie(offset, n)) return MV_OK;
    uint8_t cookie[COOKIE_BYTES];
    put4(cookie, get4(from + (COOKIE_AT - offset)) - f->cookie_shift);
    return mv_txn_write(f->txn, cookie, sizeof cookie, COOKIE_AT);
}

static int file_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 offset) {
    memory_file *f = (memory_file *)base;
    if (f->lock < SQLITE_LOCK_RESERVED) return SQLITE_READONLY;
    bool first_page = offset == 0 && n >= SMALLEST_PAGE;
    if (first_page) clear_wal_mode((void *)from);
    mv_result rc = begin(f);
    f->written += n;
    if (!rc) rc = mv_txn_write(f->txn, from, (size_t)n, offset);
    if (!rc) rc = shift_cookie_back(f, from, n, offset);
    if (!rc && first_page) {
        uint32_t page_size = f->page_size;
        note_first_page(f, from);
        if (f->page_size != page_size) f->resized = true;
    }
    f->prepared = false;
    return changed(f, rc);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
    memory_file *f = (memory_file *)base;
    if (f->lock < SQLITE_LOCK_RESERVED) return SQLITE_READONLY;
    mv_result rc = begin(f);
    bool shortens = !rc && size <= mv_txn_size(f->txn);
    if (!rc) rc = mv_txn_truncate(f->txn, size);
    if (!shortens) f->prepared = false; /* what was prepared includes one shortening: SQLite does it after all files of the commit are prepared */
    return changed(f, rc);
}

static int file_sync(sqlite3_file *base, int flags) {
    (void)base;
    (void)flags;
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
    memory_file *f = (memory_file *)base;
    if (shows_stand_in(f)) {
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
        f->may_wait = write_follows || (f->host != &own && !f->read_only); /* another's SQLite may not say so beforehand */
        f->write_follows = false;
        if (write_follows) try_slot(f); /* if that fails, RESERVED says so */
        f->pin = mv_lease_take(&f->lease);
        if (f->left && f->left != mv_version_number(f->pin)) f->calm = 0;
        bool other_version = f->cached != mv_version_number(f->pin);
        if (other_version && f->connection && mv_version_size(f->pin) > 0) mv_engine_was_filled(f->connection, base);
        reuse_pages(f);
        begin_to_show(f);
        f->lock = SQLITE_LOCK_SHARED;
    }
    if (lock >= SQLITE_LOCK_RESERVED && f->lock < SQLITE_LOCK_RESERVED) {
        int rc = take_slot(f);
        if (!rc && !mv_version_is_newest(f->pin)) {
            give_slot_up(f);
            if (f->may_wait) refuse(f); /* to try again at once */
            rc = SQLITE_BUSY_SNAPSHOT;
        }
        if (rc) return rc;
        f->pages.version = 0;
        forget_cells(f);
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
    forget_cells(f);
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
    else let_go(f, mv_lease_leave(&f->lease), NULL);
}

static int file_unlock(sqlite3_file *base, int lock) {
    memory_file *f = (memory_file *)base;
    if (lock >= f->lock) return SQLITE_OK;
    if (f->lock >= SQLITE_LOCK_RESERVED) {
        drop(f);
        give_slot_up(f);
        reuse_pages(f);
    }
    f->lock = lock;
    if (lock == SQLITE_LOCK_NONE) {
        give_slot_up(f); /* taken beforehand, for a write that did not follow */
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
        if (f->txn && !in_transaction(f)) drop(f); /* what one that was rolled back, and kept its lock, has left. SQL can say the pragma, too */
        return SQLITE_OK;
    }
    if (is(arg[1], "cell_size_check")) {
        if (arg[2]) parse_anew(f);
        forget_cells(f); /* it is on, whether the last page needed it or not */
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
        return io_code(prepare(f));
    case SQLITE_FCNTL_COMMIT_PHASETWO:
        return io_code(commit(f));
    case SQLITE_FCNTL_PRAGMA:
        return file_pragma(f, arg);
    case SQLITE_FCNTL_PDB:
        if (f->host == &own) {
            f->connection = *(sqlite3 **)arg;
            mv_engine_opened(base, arg);
        }
        return SQLITE_OK;
    case MV_FCNTL_DECLINE:
        if (!f->slot) {
            give_slot_up(f);
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

static int file_sector_size(sqlite3_file *base) {
    (void)base;
    return SECTOR;
}

static int file_characteristics(sqlite3_file *base) {
    (void)base;
    return ATOMIC_PAGES | SQLITE_IOCAP_SAFE_APPEND | SQLITE_IOCAP_SEQUENTIAL | SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_SUBPAGE_READ;
}

static int file_fetch(sqlite3_file *base, sqlite3_int64 offset, int n, void **page) {
    memory_file *f = (memory_file *)base;
    *page = NULL;
    const void *found = f->cookie_shift && offset <= COOKIE_AT ? NULL : page_at(f, offset, (size_t)n);
    if (!found) {
        forget_cells(f);
        return SQLITE_OK;
    }
    if (!mv_pages_give(&f->pages, f->connection, offset, found)) return SQLITE_OK; /* it will be read instead */
    look_at_cells(f, found, (size_t)n, offset);
    *page = (void *)found;
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
    .xUnfetch = mv_pages_unfetch, /* no xShm*: what a write-ahead log is for, the store does */
};

/* ---- methods of private files, in the same order ---------------------------------------------------- */

static int private_close(sqlite3_file *base) {
    private_file *f = (private_file *)base;
    mv_scratch_truncate(&f->content, 0);
    release(f->vfs);
    return SQLITE_OK;
}

static int private_read(sqlite3_file *base, void *to, int n, sqlite3_int64 offset) {
    const private_file *f = (const private_file *)base;
    return mv_scratch_read(&f->content, to, (size_t)n, offset) < (size_t)n ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

/*
 * A journal of a transaction on several files ends with the super-journal's name and these bytes (writeSuperJournal in
 * SQLite's pager.c). A rollback that finds them asks for the super-journal, and undoes nothing if there is none. That
 * is for what a crash has left behind, which is nothing here. So the journal does not get them, and then has no such
 * name.
 */
static const uint8_t END_OF_SUPER_NAME[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};

static int private_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 offset) {
    private_file *f = (private_file *)base;
    if (f->super_journal && !is_journal_of_ours(f->super_journal, from, (size_t)n)) return SQLITE_CANTOPEN;
    if (f->journal && n == sizeof END_OF_SUPER_NAME && memcmp(from, END_OF_SUPER_NAME, sizeof END_OF_SUPER_NAME) == 0) return SQLITE_OK;
    return mv_scratch_write(&f->content, from, (size_t)n, offset);
}

static int private_truncate(sqlite3_file *base, sqlite3_int64 size) {
    private_file *f = (private_file *)base;
    mv_scratch_truncate(&f->content, size);
    return SQLITE_OK;
}

static int private_size(sqlite3_file *base, sqlite3_int64 *size) {
    const private_file *f = (const private_file *)base;
    *size = f->content.size;
    return SQLITE_OK;
}

static int private_lock(sqlite3_file *base, int lock) {
    (void)base;
    (void)lock;
    return SQLITE_OK;
}

static int private_check_reserved(sqlite3_file *base, int *reserved) {
    (void)base;
    *reserved = 0;
    return SQLITE_OK;
}

static int private_control(sqlite3_file *base, int op, void *arg) {
    (void)base;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static const sqlite3_io_methods private_methods = {
    .iVersion = 1,
    .xClose = private_close,
    .xRead = private_read,
    .xWrite = private_write,
    .xTruncate = private_truncate,
    .xSync = file_sync,
    .xFileSize = private_size,
    .xLock = private_lock,
    .xUnlock = private_lock,
    .xCheckReservedLock = private_check_reserved,
    .xFileControl = private_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
};

/* ---- vfs methods, in the order of sqlite3_vfs ------------------------------------------------------- */

static mv_result open_database(memory_file *f, sqlite3_filename name, int flags) {
    bool for_good = f->host->uri_boolean(name, "nolock", 0) || f->host->uri_boolean(name, "immutable", 0);
    f->read_only = (flags & SQLITE_OPEN_READONLY) || for_good;
    f->resizable = f->host == &own || f->host->uri_boolean(name, "resizable", 0);
    mv_result rc = mv_store_open(f->vfs->store, name, strlen(name), (flags & SQLITE_OPEN_CREATE) != 0, &f->db);
    if (rc) return rc;
    mv_lease_open(&f->lease, f->db);
    if (for_good) {
        f->pin = mv_database_pin(f->db); /* no lock will tell when a transaction begins: one version for good */
        f->lock = SQLITE_LOCK_SHARED;
        f->for_good = true;
        reuse_pages(f);
    }
    return MV_OK;
}

static int vfs_open(sqlite3_vfs *base, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags) {
    const face *self = (const face *)base;
    mv_vfs *vfs = self->vfs;
    bool is_database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    file->pMethods = NULL; /* nothing to close */
    if (flags & SQLITE_OPEN_WAL) return SQLITE_CANTOPEN;
    if (!hold(vfs, is_database)) return SQLITE_CANTOPEN;
    if (is_database) {
        memory_file *f = (memory_file *)file;
        *f = (memory_file){.vfs = vfs, .host = self->host, .calm = CALM, .cached = NO_VERSION, .page_size = DEFAULT_PAGE, .pages.release = release_page,
            .journal = {.file = file, .page = page_before}};
        mv_result rc = open_database(f, name, flags);
        if (rc) {
            release(vfs);
            return mv_sqlite_code(rc);
        }
        f->base.pMethods = &file_methods;
        add_foreign(f);
        if (f->read_only) flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
        if (!f->resizable) flags |= SQLITE_OPEN_MEMORY;
    } else {
        const host *super_journal = self->host != &own && (flags & SQLITE_OPEN_SUPER_JOURNAL) ? self->host : NULL;
        bool journal = (flags & SQLITE_OPEN_MAIN_JOURNAL) != 0;
        *(private_file *)file = (private_file){
            .base.pMethods = &private_methods, .vfs = vfs, .super_journal = super_journal, .journal = journal};
    }
    if (out_flags) *out_flags = flags;
    return SQLITE_OK;
}

/* SQLite deletes journals only, and those are private to their opener. Nothing else is deleted: a database is deleted from its store. */
static int vfs_delete(sqlite3_vfs *base, const char *name, int sync_dir) {
    (void)base;
    (void)name;
    (void)sync_dir;
    return SQLITE_OK;
}

/* Whether SQLite would give a file beside a database that name: a rollback journal, a write-ahead log, a super-journal. */
static bool is_journal_name(const char *name) {
    static const char journal[] = "-journal", wal[] = "-wal", super[] = "-mj"; /* behind the last: six digits, a 9, two digits */
    enum { JOURNAL = sizeof journal - 1, WAL = sizeof wal - 1, SUPER = sizeof super - 1, SUPER_DIGITS = 9, SUPER_NINE = 3 };
    size_t n = strlen(name);
    const char *end = name + n;
    if (n >= JOURNAL && memcmp(end - JOURNAL, journal, JOURNAL) == 0) return true;
    if (n >= WAL && memcmp(end - WAL, wal, WAL) == 0) return true;
    return n >= SUPER + SUPER_DIGITS && memcmp(end - SUPER_DIGITS - SUPER, super, SUPER) == 0 && end[-SUPER_NINE] == '9';
}

/*
 * SQLite asks at every lock whether there is a journal: there is never one that it would have to know. What else it asks about is a folder
 * (PRAGMA temp_store_directory), which the host's own VFS knows. Our own SQLite must reach no file.
 */
static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *answer) {
    const host *h = ((const face *)base)->host;
    *answer = 0;
    if (h == &own || is_journal_name(name)) return SQLITE_OK;
    return h->system->xAccess(h->system, name, flags, answer);
}

static int vfs_full_pathname(sqlite3_vfs *base, const char *name, int room, char *out) {
    (void)base;
    size_t n = strlen(name) + 1;
    if (n > (size_t)room) return SQLITE_CANTOPEN;
    memcpy(out, name, n);
    return SQLITE_OK;
}

static sqlite3_vfs *system_of(sqlite3_vfs *base) {
    return ((const face *)base)->host->system;
}

static void *vfs_dl_open(sqlite3_vfs *base, const char *name) {
    sqlite3_vfs *system = system_of(base);
    return system->xDlOpen(system, name);
}

static void vfs_dl_error(sqlite3_vfs *base, int n, char *message) {
    sqlite3_vfs *system = system_of(base);
    system->xDlError(system, n, message);
}

static void (*vfs_dl_sym(sqlite3_vfs *base, void *library, const char *symbol))(void) {
    sqlite3_vfs *system = system_of(base);
    return system->xDlSym(system, library, symbol);
}

static void vfs_dl_close(sqlite3_vfs *base, void *library) {
    sqlite3_vfs *system = system_of(base);
    system->xDlClose(system, library);
}

static int vfs_randomness(sqlite3_vfs *base, int n, char *out) {
    sqlite3_vfs *system = system_of(base);
    return system->xRandomness(system, n, out);
}

static int vfs_current_time(sqlite3_vfs *base, double *out) {
    sqlite3_vfs *system = system_of(base);
    return system->xCurrentTime(system, out);
}

static int vfs_last_error(sqlite3_vfs *base, int n, char *out) {
    (void)base;
    if (n > 0) *out = 0;
    return 0;
}

static int vfs_current_time_int64(sqlite3_vfs *base, sqlite3_int64 *out) {
    sqlite3_vfs *system = system_of(base);
    if (system->iVersion >= 2 && system->xCurrentTimeInt64) return system->xCurrentTimeInt64(system, out);
    double days;
    int rc = system->xCurrentTime(system, &days);
    *out = (sqlite3_int64)(days * MSEC_PER_DAY);
    return rc;
}

/* ---- registration: all under the registry's mutex but mv_* ------------------------------------------ */

static void add_face(mv_vfs *vfs, face *made, const host *h) {
    *made = (face){.vfs = vfs, .host = h, .next = vfs->faces};
    made->base = (sqlite3_vfs){
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
    vfs->faces = made;
}

/* The vfs's face for a host. NULL: no memory. */
static face *face_for(mv_vfs *vfs, const host *h) {
    for (face *f = vfs->faces; f; f = f->next) {
        if (f->host == h) return f;
    }
    face *made = sqlite3_malloc(sizeof *made);
    if (made) add_face(vfs, made, h);
    return made;
}

/* Makes the vfs known to a host. SQLITE_MISUSE: the host has another one of that name, and not only for connections that have outlived its registration. */
static int show(mv_vfs *vfs, const host *h) {
    for (sqlite3_vfs *found; (found = h->vfs_find(vfs->name)) != NULL;) {
        if (found->xOpen != vfs_open || ((face *)found)->vfs->registered) return SQLITE_MISUSE;
        h->vfs_unregister(found);
        ((face *)found)->registered = false;
    }
    face *f = face_for(vfs, h);
    if (!f) return SQLITE_NOMEM;
    int rc = h->vfs_register(&f->base, 0);
    f->registered = rc == SQLITE_OK;
    return rc;
}

/* From that host; NULL: from all. */
static void hide(mv_vfs *vfs, const host *h) {
    for (face *f = vfs->faces; f; f = f->next) {
        if (!f->registered || (h && f->host != h)) continue;
        f->host->vfs_unregister(&f->base);
        f->registered = false;
    }
}

static mv_vfs *new_vfs(void) {
    mv_vfs *vfs = sqlite3_malloc(sizeof *vfs);
    if (!vfs) return NULL;
    *vfs = (mv_vfs){.store = NULL};
    add_face(vfs, &vfs->first, &own);
    mv_mutex_init(&vfs->mutex);
    return vfs;
}

/* One that has rested, or a new one. */
static mv_vfs *unused_vfs(void) {
    mv_vfs *vfs = retired.first;
    if (retired.count <= REST) return new_vfs();
    retired.first = vfs->retired_next;
    retired.count--;
    return vfs;
}

static void go_live(mv_vfs *vfs) {
    vfs->registered = true;
    vfs->live_previous = NULL;
    vfs->live_next = live;
    if (live) live->live_previous = vfs;
    live = vfs;
}

static void end_live(mv_vfs *vfs) {
    vfs->registered = false;
    if (vfs->live_next) vfs->live_next->live_previous = vfs->live_previous;
    if (vfs->live_previous) vfs->live_previous->live_next = vfs->live_next;
    else live = vfs->live_next;
}

int mv_vfs_register(mv_store *store, const char *name, mv_vfs **out) {
    int rc = sqlite3_initialize();
    if (rc) return rc;
    if (strlen(name) > MV_MAX_VFS_NAME) return SQLITE_MISUSE;
    sqlite3_mutex_enter(registry());
    if (!own.system) own.system = sqlite3_vfs_find(NULL);
    mv_vfs *vfs = unused_vfs();
    if (!vfs) rc = SQLITE_NOMEM;
    if (!rc) {
        memcpy(vfs->name, name, strlen(name) + 1);
        vfs->store = store;
        mv_store_hold(store);
        vfs->refs = 1;
        rc = show(vfs, &own);
        for (const host *h = others; h && !rc; h = h->next) rc = h->ready && h->threadsafe ? show(vfs, h) : SQLITE_OK;
        if (rc) hide(vfs, NULL);
        else go_live(vfs);
    }
    sqlite3_mutex_leave(registry());
    if (rc && vfs) release(vfs);
    if (!rc) *out = vfs;
    return rc;
}

void mv_vfs_unregister(mv_vfs *vfs) {
    sqlite3_mutex_enter(registry());
    end_live(vfs); /* hidden when the last reference goes: VACUUM and ATTACH, of connections that are open, look for the name */
    sqlite3_mutex_leave(registry());
    release(vfs);
}

bool mv_vfs_is_ours(const sqlite3_vfs *vfs) {
    return vfs->xOpen == vfs_open;
}

mv_store *mv_vfs_store(const char *name) {
    mv_store *store = NULL;
    sqlite3_mutex_enter(registry());
    for (mv_vfs *vfs = live; vfs && !store; vfs = vfs->live_next) {
        if (strcmp(vfs->name, name) == 0) store = vfs->store;
    }
    if (store) mv_store_hold(store);
    sqlite3_mutex_leave(registry());
    return store;
}

/* NULL: no memory. */
static host *host_of(const sqlite3_api_routines *api) {
    for (host *h = others; h; h = h->next) {
        if (h->api == api) return h;
    }
    host *h = sqlite3_malloc(sizeof *h);
    if (!h) return NULL;
    *h = (host){
        .vfs_register = api->vfs_register,
        .vfs_unregister = api->vfs_unregister,
        .vfs_find = api->vfs_find,
        .mprintf = api->mprintf,
        .uri_boolean = api->uri_boolean,
        .api = api,
        .threadsafe = api->xthreadsafe() != 0,
        .system = api->vfs_find(NULL),
        .next = others,
    };
    others = h;
    return h;
}

int mv_vfs_add_host(const sqlite3_api_routines *api, char refused[MV_MAX_VFS_NAME + 1]) {
    int rc = sqlite3_initialize();
    if (rc) return rc;
    sqlite3_mutex_enter(registry());
    host *h = host_of(api);
    if (!h) rc = SQLITE_NOMEM;
    for (mv_vfs *vfs = live; h && !h->ready && vfs && !rc; vfs = vfs->live_next) {
        rc = show(vfs, h);
        if (rc) memcpy(refused, vfs->name, sizeof vfs->name);
    }
    for (mv_vfs *vfs = live; h && rc && vfs; vfs = vfs->live_next) hide(vfs, h);
    if (!rc) h->ready = true;
    sqlite3_mutex_leave(registry());
    return rc;
}
