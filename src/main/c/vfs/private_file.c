/*
 * Files that only the connection that opened them can see: temporary files, and journals that SQLite opens as files.
 * Their content is scratch memory (scratch.h).
 *
 * Super-journals. A transaction that writes several files on disk has one beside the main database, and who finds the
 * journal of such a file without it believes that the transaction was committed. One in memory is gone after a crash,
 * and those files would stay half written. So where the main database is here, such a transaction is refused when it is
 * to be committed. (Our own SQLite has no files on disk.)
 */
#include "vfs/private_file.h"

#include "vfs/answers.h"
#include "vfs/file.h"
#include "vfs/scratch.h"

#include <string.h>

/* A temporary file, or a journal that SQLite opens as a file. */
typedef struct private_file {
    sqlite3_file base;
    mv_vfs *vfs;
    const host *super_journal; /* of another's SQLite: for the names of journals; NULL: it is none */
    bool journal;       /* of a main database */
    mv_scratch content;
} private_file;

_Static_assert(sizeof(memory_file) >= sizeof(private_file), "SQLite has room for either");

/* ---- methods, in the order of sqlite3_io_methods --------------------------------------------------------------------- */

static int private_close(sqlite3_file *base) {
    private_file *f = (private_file *)base;
    mv_scratch_truncate(&f->content, 0);
    mv_vfs_release(f->vfs);
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
    if (f->super_journal && !mv_hosts_have_journal(f->super_journal, from, (size_t)n)) return SQLITE_CANTOPEN;
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
    .xSync = mv_answer_sync,
    .xFileSize = private_size,
    .xLock = private_lock,
    .xUnlock = private_lock,
    .xCheckReservedLock = private_check_reserved,
    .xFileControl = private_control,
    .xSectorSize = mv_answer_sector_size,
    .xDeviceCharacteristics = mv_answer_characteristics,
};

void mv_private_open(mv_vfs *vfs, const host *h, sqlite3_file *file, int flags) {
    const host *super_journal = !mv_is_own(h) && (flags & SQLITE_OPEN_SUPER_JOURNAL) ? h : NULL;
    bool journal = (flags & SQLITE_OPEN_MAIN_JOURNAL) != 0;
    *(private_file *)file = (private_file){
        .base.pMethods = &private_methods, .vfs = vfs, .super_journal = super_journal, .journal = journal};
}
