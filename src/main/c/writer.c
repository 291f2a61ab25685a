/*
 * The writer's slot of a database. See store.h.
 *
 * Waking a sleeper takes longer than a short transaction does, and whoever gets the slot after another finds its page cache stale and the
 * pages in another processor's cache: to hand the slot over costs some 50 to 200 us. So the slot has tenures: while
 * others wait, whoever runs may take it again and again, and only then is it handed to the one who waits
 * longest. That one wakes by its own clock when TENURE_USEC are over, and then stays awake for a moment, so that the slot goes over without a
 * gap. If it is not awake GRACE_USEC later (perhaps the running writer has its processor), the slot is promised to it all the same, and nobody
 * else may take it. So a writer waits at most one tenure with its grace (or one transaction, if that is longer) for each of those before it.
 *
 * Of those who wait only the first is ever woken: once when the slot becomes free within a tenure, since nobody knows whether it will be taken
 * again, by its clock, whenever the slot becomes free after that, and when the slot is promised to it. One that leaves while the slot is free
 * wakes the next.
 */
#include "store_internal.h"

#include <stdatomic.h>

#define TENURE_USEC 1000
#define GRACE_USEC 250
#define PROMISE_USEC 10000 /* how long the slot waits for one that was woken */
#define SPIN_USEC 100      /* how long the first in the queue stays awake at the end of a tenure */

/* One that waits for the slot; on its own stack. */
struct mv_waiter {
    const void *owner;
    uint64_t ticket;
    mv_cond cond;
    mv_waiter *next;          /* with a higher ticket; under the database's mutex, as all below */
    bool asleep;              /* and not signalled since */
    bool spinning;            /* awake, and looking at `promised` */
    bool told;                /* that the slot was free, since it is the first: it wakes by its clock, and has not lain down for good since */
    atomic_bool promised;     /* the slot, to it; read without the mutex while it spins */
};

static void wake(mv_waiter *w) {
    if (!w->asleep) return;
    w->asleep = false;
    mv_signal(&w->cond);
}

/* Under the mutex: may this owner take the free slot? */
static bool open_to(const mv_database *db, const void *owner) {
    if (db->promised) return db->promised == owner || mv_now_usec() >= db->promised_until;
    int64_t over = mv_now_usec() - (db->tenure_until + GRACE_USEC); /* if that is long ago, the first was woken and does not come */
    return !db->waiting || over < 0 || over >= PROMISE_USEC;
}

static void promise(mv_database *db, const void *owner) {
    db->promised = owner;
    db->promised_until = mv_now_usec() + PROMISE_USEC;
}

/* The slot has become free. */
static void offer_slot(mv_database *db) {
    mv_waiter *first = db->waiting;
    if (!first) return;
    int64_t now = mv_now_usec();
    if (now >= db->tenure_until && (first->spinning || now >= db->tenure_until + GRACE_USEC)) {
        promise(db, first->owner);
        atomic_store_explicit(&first->promised, true, memory_order_relaxed);
        wake(first);
    } else if (!first->told || now >= db->tenure_until) {
        first->told = true;
        wake(first);
    }
}

mv_result mv_write_lock(mv_database *db, const void *owner) {
    mv_lock(&db->mutex);
    bool mine = db->writer == owner;
    if (!mine && !db->writer && open_to(db, owner)) {
        if (db->promised && db->waiting) db->tenure_until = mv_now_usec() + TENURE_USEC;
        db->promised = NULL;
        db->writer = owner;
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
    if (!db->waiting) db->tenure_until = mv_now_usec() + TENURE_USEC;
    uint64_t ticket = ++db->last_ticket;
    mv_unlock(&db->mutex);
    return ticket;
}

static void enqueue(mv_database *db, mv_waiter *self) {
    mv_waiter **at = &db->waiting;
    while (*at && (*at)->ticket <= self->ticket) at = &(*at)->next;
    self->next = *at;
    *at = self;
}

static void dequeue(mv_database *db, mv_waiter *self) {
    mv_waiter **at = &db->waiting;
    while (*at != self) at = &(*at)->next;
    *at = self->next;
}

/* Stays awake, without the mutex, until the slot is promised to it or the time is over. */
static void spin(mv_database *db, mv_waiter *self, int64_t until) {
    self->spinning = true;
    mv_unlock(&db->mutex);
    while (!atomic_load_explicit(&self->promised, memory_order_relaxed) && mv_now_usec() < until) mv_yield();
    mv_lock(&db->mutex);
    self->spinning = false;
}

static void sleep_until(mv_database *db, mv_waiter *self, int64_t until) {
    self->asleep = true;
    mv_wait_until(&self->cond, &db->mutex, until);
    self->asleep = false;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

bool mv_write_wait(mv_database *db, const void *owner, uint64_t ticket, int64_t usec) {
    int64_t until = mv_deadline(usec), spin_until = 0;
    mv_waiter self = {.owner = owner, .ticket = ticket};
    mv_cond_init(&self.cond);
    mv_lock(&db->mutex);
    enqueue(db, &self);
    bool served = false;
    for (;;) {
        int64_t now = mv_now_usec();
        bool first = db->waiting == &self, promised_to_other = db->promised && db->promised != owner && now < db->promised_until;
        if (!db->writer && !promised_to_other && (first || db->promised == owner)) {
            promise(db, owner);
            served = true;
            break;
        }
        if (now >= until) break;
        if (!first) self.told = false;
        if (first && self.told && now < db->tenure_until) {
            sleep_until(db, &self, earlier(until, db->tenure_until));
            spin_until = 0;
        } else if (first && self.told && db->writer && now < (spin_until ? spin_until : (spin_until = now + SPIN_USEC))) {
            spin(db, &self, earlier(until, spin_until));
        } else { /* a promise that is not kept wakes nobody */
            self.told = false;
            sleep_until(db, &self, !db->writer && db->promised ? earlier(until, db->promised_until) : until);
        }
    }
    dequeue(db, &self);
    if (!served && db->waiting && !db->writer) wake(db->waiting);
    mv_unlock(&db->mutex);
    mv_cond_destroy(&self.cond);
    return served;
}
