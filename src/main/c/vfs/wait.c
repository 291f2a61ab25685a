/*
 * How a writer waits for the write lock of its database: here, and in store/writer.c, which says who is next.
 *
 * SQLite has its own busy timeout, which calls the VFS's xSleep between two tries. A file that is refused the write lock
 * is remembered with its thread. Then xSleep, called by that thread, sleeps until the write lock is free, not for a
 * time: longer than it was asked to, but never beyond the connection's timeout. So PRAGMA busy_timeout and
 * sqlite3_busy_timeout mean what they always mean, and nobody polls.
 *
 * A caller that sleeps in its own way, as a virtual thread must, does not sleep here: the step ends (own_sqlite.h).
 */
#include "vfs/wait.h"

#include "vfs/codes.h"
#include "vfs/own_sqlite.h"

/* Microseconds. SQLite asks for 100 ms in the end: an interrupt is noticed after so long at the latest. */
#define LONG_SLEEP 25000

/* An address that stands for the calling thread. */
static const void *this_thread(void) {
    static _Thread_local char self;
    return &self;
}

void mv_wait_forget(memory_file *f) {
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

void mv_wait_refused(memory_file *f) {
    mv_wait_forget(f);
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

bool mv_wait_sleep(mv_vfs *vfs, int usec) {
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
    if (!db) return false;
    mv_write_wait(db, owner, ticket, span);
    mv_database_release(db);
    mv_engine_waited(mv_now_usec() - from);
    return true;
}

int mv_wait_take(memory_file *f) {
    mv_result rc = mv_wait_try(f);
    if (rc) {
        if (f->connection && sqlite3_is_interrupted(f->connection)) return SQLITE_INTERRUPT; /* SQLite would wait on */
        if (f->may_wait) mv_wait_refused(f);
        return mv_sqlite_code(rc);
    }
    f->ticket = 0;
    if (f->refused_thread) mv_wait_forget(f);
    return SQLITE_OK;
}
