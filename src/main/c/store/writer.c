/*
 * The write lock of a database, here called the writer's slot. See store.h. SQLite's threads wait by vfs/wait.c, those
 * of Java by jni/jni_wait.c and WriteLockWait.java.
 *
 * Waking a sleeper takes longer than a short transaction does, and whoever gets the slot after another finds its page cache stale and the
 * pages in another processor's cache: to hand the slot over costs some 50 to 200 us. So the slot has tenures: while
 * others wait, whoever runs may take it again and again, and only then is it handed to the one who waits
 * longest. That one wakes by its own clock when TENURE_USEC are over, and then stays awake for a moment, so that the slot goes over without a
 * gap. If it is not awake GRACE_USEC later (perhaps the running writer has its processor), the slot is promised to it all the same, and nobody
 * else may take it. So a writer waits at most one tenure with its grace (or one transaction, if that is longer) for each of those before it. One to whom
 * the slot was promised and who does not come (its thread has no processor) costs the others PROMISE_USEC, and until one of them looks.
 *
 * Of those who wait only the first is ever woken: once when the slot becomes free within a tenure, since nobody knows whether it will be taken
 * again, by its clock, whenever the slot becomes free after that, and when the slot is promised to it. One that leaves while the slot is free
 * wakes the next.
 *
 * Some waiters sleep here, on a condition variable (mv_write_wait); others belong to a caller that has its own way to sleep (mv_waiter_*):
 * a virtual thread of a JVM must not sleep in C. Both kinds stand in the same queue and follow the same rules (look). A waiter of the second
 * kind is woken by a function of its caller, which is called after the database's mutex was released; a reference keeps the waiter
 * alive until that call has returned.
 */
#include "store/store_internal.h"
#include "store/memory.h"


#include <assert.h>
#include <stdatomic.h>

#define TENURE_USEC 1000
#define GRACE_USEC 250
#define PROMISE_USEC 10000 /* how long the slot waits for one that was woken */
#define SPIN_USEC 100      /* how long the first in the queue stays awake at the end of a tenure */
/* One that sleeps elsewhere looks so often all the same: its caller may have been unable to wake it, and a promise that is not kept wakes nobody. */
#define LOOK_USEC 200000
#define FIRST_LOOK_USEC 100000 /* the first in the queue */

/* One that waits for the slot. */
struct mv_waiter {
    mv_database *db;          /* fixed at creation, as are the next three */
    const void *owner;
    uint64_t ticket;
    int64_t until;            /* when it gives up */

    mv_wake wake;             /* NULL: its thread sleeps on `cond`. Fixed before it is in the queue, as is its argument */
    mv_wake forget;           /* what becomes of the argument in the end */
    void *arg;

    mv_cond cond;
    mv_waiter *next;          /* with a higher ticket; under the database's mutex, as all below */
    unsigned refs;            /* its caller's, and one for each call of `wake` under way */
    bool queued;
    bool asleep;              /* and not woken since */
    bool spinning;            /* awake, and looking at `promised` */
    bool told;                /* that the slot was free, since it is the first: it wakes by its clock, and has not lain down for good since */
    bool served;              /* the slot is promised to it, and it knows */
    int64_t spin_until;
    atomic_bool promised;     /* the slot, to it; read without the mutex while it spins */
};

/* Wakes one that is asleep. Returns it if that is to be done by `notify`, without the mutex; else NULL. */
static mv_waiter *wake(mv_waiter *w) {
    if (!w->asleep) return NULL;
    w->asleep = false;
    if (w->wake) {
        w->refs++;
        return w;
    }
    mv_signal(&w->cond);
    return NULL;
}

static void release_waiter(mv_waiter *w) {
    mv_lock(&w->db->mutex);
    bool last = --w->refs == 0;
    mv_unlock(&w->db->mutex);
    if (!last) return;
    if (w->forget) w->forget(w->arg);
    mv_database_release(w->db);
    sqlite3_free(w);
}

/* NULL is allowed. */
static void notify(mv_waiter *w) {
    if (!w) return;
    w->wake(w->arg);
    release_waiter(w);
}

/* Under the mutex: may this owner take the free slot? */
static bool open_to(const mv_database *db, const void *owner) {
    if (db->promised) return db->promised == owner || mv_now_usec() >= db->promised_until;
    if (!db->waiting) return true;
    int64_t over = mv_now_usec() - (db->tenure_until + GRACE_USEC); /* if that is long ago, the first was woken and does not come */
    return over < 0 || over >= PROMISE_USEC;
}

static void promise(mv_database *db, const void *owner) {
    db->promised = owner;
    db->promised_until = mv_now_usec() + PROMISE_USEC;
}

/* The slot has become free. Returns what is to be notified without the mutex. */
static mv_waiter *offer_slot(mv_database *db) {
    mv_waiter *first = db->waiting;
    if (!first) return NULL;
    int64_t now = mv_now_usec();
    if (now >= db->tenure_until && (first->spinning || now >= db->tenure_until + GRACE_USEC)) {
        promise(db, first->owner);
        atomic_store_explicit(&first->promised, true, memory_order_relaxed);
        return wake(first);
    }
    if (first->told && now < db->tenure_until) return NULL;
    first->told = true;
    return wake(first);
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
    mv_waiter *woken = NULL;
    mv_lock(&db->mutex);
    if (db->writer == owner) {
        db->writer = NULL;
        woken = offer_slot(db);
    } else if (db->promised == owner) {
        db->promised = NULL;
        if (!db->writer) woken = offer_slot(db);
    }
    mv_unlock(&db->mutex);
    notify(woken);
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

static void enqueue(mv_waiter *self) {
    mv_waiter **at = &self->db->waiting;
    while (*at && (*at)->ticket <= self->ticket) at = &(*at)->next;
    self->next = *at;
    *at = self;
    self->queued = true;
}

/* Leaves the queue, and gives up what is promised to its owner unless it is kept. Returns what is to be notified without the mutex. */
static mv_waiter *dequeue(mv_waiter *self, bool keep) {
    mv_database *db = self->db;
    mv_waiter **at = &db->waiting;
    while (self->queued && *at != self) at = &(*at)->next;
    if (self->queued) *at = self->next;
    self->queued = false;
    if (!keep && db->promised == self->owner) {
        db->promised = NULL;
        return db->writer ? NULL : offer_slot(db);
    }
    return !self->served && db->waiting && !db->writer ? wake(db->waiting) : NULL;
}

/* Stays awake, without the mutex, until the slot is promised to it or the time is over. */
static void spin(mv_waiter *self, int64_t until) {
    self->spinning = true;
    mv_unlock(&self->db->mutex);
    while (!atomic_load_explicit(&self->promised, memory_order_relaxed) && mv_now_usec() < until) mv_yield();
    mv_lock(&self->db->mutex);
    self->spinning = false;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Under the mutex, with the slot free and nothing promised to another: whether the first in the queue has had its chance, and did not come. */
static bool first_is_late(const mv_database *db, int64_t now) {
    return db->promised || now - (db->tenure_until + GRACE_USEC) >= PROMISE_USEC;
}

/* Whether it is the waiter's turn, or its time is over: 0. Else until when it is to sleep unless it is woken. Under the mutex, which it lets go of to
 * stay awake for a moment. *woken: what is to be notified without the mutex before that. */
static int64_t look(mv_waiter *self, mv_waiter **woken) {
    mv_database *db = self->db;
    *woken = NULL;
    for (;;) {
        int64_t now = mv_now_usec();
        bool first = db->waiting == self, promised = db->promised && now < db->promised_until;
        bool promised_to_other = promised && db->promised != self->owner;
        bool turn = first || db->promised == self->owner || (!promised_to_other && first_is_late(db, now));
        if (!db->writer && !promised_to_other && turn) {
            promise(db, self->owner);
            self->served = true;
            return 0;
        }
        if (now >= self->until) return 0;
        if (!first) self->told = false;
        if (first && self->told && now < db->tenure_until) {
            self->spin_until = 0;
            return earlier(self->until, db->tenure_until);
        }
        if (first && self->told && db->writer && now < (self->spin_until ? self->spin_until : (self->spin_until = now + SPIN_USEC))) {
            spin(self, earlier(self->until, self->spin_until));
            continue;
        }
        self->told = false;
        if (!db->writer && !promised) *woken = wake(db->waiting); /* it is another's turn, who does not know */
        int64_t until = !db->writer && promised ? earlier(self->until, db->promised_until) : self->until; /* a promise that is not kept wakes nobody */
        return self->wake ? earlier(until, now + (first ? FIRST_LOOK_USEC : LOOK_USEC)) : until;
    }
}

bool mv_write_wait(mv_database *db, const void *owner, uint64_t ticket, int64_t usec) {
    mv_waiter self = {.db = db, .owner = owner, .ticket = ticket, .until = mv_deadline(usec)};
    mv_cond_init(&self.cond);
    mv_lock(&db->mutex);
    enqueue(&self);
    mv_waiter *woken;
    for (int64_t until; (until = look(&self, &woken)) != 0;) {
        if (woken) {
            mv_unlock(&db->mutex);
            notify(woken);
            mv_lock(&db->mutex);
            continue;
        }
        self.asleep = true;
        mv_wait_until(&self.cond, &db->mutex, until);
        self.asleep = false;
    }
    woken = dequeue(&self, true);
    mv_unlock(&db->mutex);
    mv_cond_destroy(&self.cond);
    notify(woken);
    return self.served;
}

/* ---- waiters that sleep elsewhere ------------------------------------------------------------------- */

mv_waiter *mv_waiter_new(mv_database *db, const void *owner, uint64_t ticket, int64_t until) {
    mv_waiter *w = sqlite3_malloc64(sizeof *w);
    if (!w) return NULL;
    *w = (mv_waiter){.db = db, .owner = owner, .ticket = ticket, .until = until, .refs = 1};
    mv_database_hold(db);
    return w;
}

void mv_waiter_start(mv_waiter *w, mv_wake wake_up, mv_wake forget, void *arg) {
    w->wake = wake_up;
    w->forget = forget;
    w->arg = arg;
    mv_lock(&w->db->mutex);
    assert(!w->queued);
    enqueue(w);
    mv_unlock(&w->db->mutex);
}

bool mv_waiter_look(mv_waiter *w, int64_t *usec) {
    mv_lock(&w->db->mutex);
    w->asleep = false;
    mv_waiter *woken;
    int64_t until = look(w, &woken);
    w->asleep = until != 0;
    bool served = w->served;
    mv_unlock(&w->db->mutex);
    notify(woken);
    int64_t left = until - mv_now_usec();
    *usec = until == 0 ? 0 : left > 1 ? left : 1;
    return served;
}

void mv_waiter_end(mv_waiter *w, bool keep) {
    mv_database *db = w->db;
    mv_lock(&db->mutex);
    w->asleep = false;
    mv_waiter *woken = dequeue(w, keep);
    mv_unlock(&db->mutex);
    notify(woken);
    release_waiter(w);
}
