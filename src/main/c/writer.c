/* The writer's slot of a database. See store.h. */
#include "store_internal.h"

#define PROMISE_USEC 10000 /* how long the writer's slot waits for one that was woken */
#define SPIN_USEC 20       /* how long one that was woken too late looks for the slot before it sleeps again */

/* One that sleeps for the writer's slot; on its own stack. */
struct mv_waiter {
    const void *owner;
    uint64_t ticket;
    mv_cond cond;
    bool woken;               /* signalled, and not run since */
    mv_waiter *next;          /* with a higher ticket */
};

/* Under the database's mutex: is a free slot kept for another? */
static bool promised_to_other(const mv_database *db, const void *owner) {
    return db->promised && db->promised != owner && mv_now_usec() < db->promised_until;
}

static void promise(mv_database *db, const void *owner) {
    db->promised = owner;
    db->promised_until = mv_now_usec() + PROMISE_USEC;
}

static void wake(mv_waiter *w) {
    if (w->woken) return;
    w->woken = true;
    mv_signal(&w->cond);
}

/* The slot has become free: the successor gets it; without one the first in the queue is woken, and it is anybody's until then. */
static void offer_slot(mv_database *db) {
    if (db->successor) {
        promise(db, db->successor->owner);
        wake(db->successor);
        db->successor = NULL;
    } else if (db->waiting) {
        wake(db->waiting);
    }
}

mv_result mv_write_lock(mv_database *db, const void *owner) {
    mv_lock(&db->mutex);
    bool mine = db->writer == owner;
    if (!mine && !db->writer && !promised_to_other(db, owner)) {
        db->writer = owner;
        db->promised = NULL;
        mine = true;
    }
    mv_unlock(&db->mutex);
    return mine ? MV_OK : MV_BUSY;
}

void mv_write_unlock(mv_database *db, const void *owner) {
    mv_lock(&db->mutex);
    if (db->writer == owner) {
        db->writer = NULL;
        offer_slot(db);
    } else if (db->promised == owner) {
        db->promised = NULL;
        if (!db->writer) offer_slot(db);
    }
    mv_unlock(&db->mutex);
}

bool mv_write_locked(mv_database *db) {
    mv_lock(&db->mutex);
    bool locked = db->writer != NULL;
    mv_unlock(&db->mutex);
    return locked;
}

uint64_t mv_write_ticket(mv_database *db) {
    mv_lock(&db->mutex);
    uint64_t ticket = ++db->last_ticket;
    mv_unlock(&db->mutex);
    return ticket;
}

/*
 * A slot that becomes free may be taken at once by a thread that runs, since waking another costs more than a short transaction does.
 * The first sleeper is signalled all the same; if it then finds the slot taken it becomes the
 * successor, to whom the slot goes next. So a running writer gets more transactions in for as long as waking takes.
 */
bool mv_write_wait(mv_database *db, const void *owner, uint64_t ticket, int64_t usec) {
    int64_t until = mv_deadline(usec), spin_until = 0;
    mv_waiter self = {.owner = owner, .ticket = ticket};
    mv_cond_init(&self.cond);
    mv_lock(&db->mutex);
    mv_waiter **at = &db->waiting;
    while (*at && (*at)->ticket <= ticket) at = &(*at)->next;
    self.next = *at;
    *at = &self;
    bool served = false;
    for (;;) {
        int64_t now = mv_now_usec();
        if (!db->writer && !promised_to_other(db, owner)) {
            promise(db, owner);
            served = true;
            break;
        }
        if (now >= until) break;
        if (self.woken) {
            self.woken = false;
            if (!db->successor) {
                db->successor = &self;
                spin_until = now + SPIN_USEC;
            }
        }
        if (db->successor == &self && now < spin_until) {
            mv_unlock(&db->mutex);
            mv_yield();
            mv_lock(&db->mutex);
            continue;
        }
        bool free_later = !db->writer && db->promised_until < until; /* a promise that is not kept wakes nobody */
        mv_wait_until(&self.cond, &db->mutex, free_later ? db->promised_until : until);
    }
    at = &db->waiting;
    while (*at != &self) at = &(*at)->next;
    *at = self.next;
    if (db->successor == &self) db->successor = NULL;
    mv_unlock(&db->mutex);
    mv_cond_destroy(&self.cond);
    return served;
}
