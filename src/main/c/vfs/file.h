/*
 * A database file that a connection has open: its state, which the files of vfs/ share. Its methods are in file.c, what
 * it shows in show.c, its pin and transaction in transaction.c, its write lock in wait.c. Private to vfs/.
 */
#ifndef MV_FILE_H
#define MV_FILE_H

#include "store/store.h"
#include "vfs/hosts.h"
#include "vfs/journal.h"
#include "vfs/pages.h"

#define MV_CHECK_AT 24 /* what the pager compares: change counter, size, freelist */
#define MV_CHECK_BYTES 16
#define MV_COOKIE_AT 40 /* the schema cookie: https://sqlite.org/fileformat.html#schema_cookie */
#define MV_SMALLEST_PAGE 512
#define MV_DEFAULT_PAGE 4096
#define MV_NO_VERSION UINT64_MAX

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
    unsigned calm;         /* how many transactions of its own, at most CALM of file.c, have found the version that they left */
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

    uint64_t cached;       /* number of the version that the pager's cache was filled from, or MV_NO_VERSION */
    bool checked;          /* the pager has had a lock before: it compares its mark at each lock */
    uint8_t mark[MV_CHECK_BYTES]; /* what the pager compares; zeros until it has read or written the first page */
    uint32_t page_size;    /* what the first page says that SQLite has read or written last; MV_DEFAULT_PAGE until then */
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

/* Opens a database file where SQLite has room for it. The VFS is held for it: it is released when the file is closed, but
 * not if this fails. *flags: what SQLite asked for; then what it got. */
mv_result mv_file_open(mv_vfs *vfs, const host *h, sqlite3_filename name, sqlite3_file *file, int *flags);

#endif
