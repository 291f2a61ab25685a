/*
 * Waiting for the writer's slot outside: mv_waiter_* of store.h beside mv_write_wait, in one queue.
 *
 * A waiter's caller here sleeps on a flag of its own. Its wake function is called by whoever lets go of the slot.
 */
#include "../harness/check.h"
#include "engine/engine.h"
#include "engine/rows.h"
#include "sqlite3.h"
#include "store/store.h"
#include "../harness/store_util.h"
#include "store/sync.h"
#include "vfs/vfs.h"

#include <pthread.h>
#include <stdlib.h>

static mv_database *open_name(mv_store *store, const char *name) {
    mv_database *db = NULL;
    REQUIRE_EQ(mv_store_open(store, name, strlen(name), true, &db), MV_OK);
    return db;
}

enum { LONG_WAIT = 60 * 1000 * 1000 };

typedef struct sleeper {
    mv_mutex mutex;
    mv_cond cond;
    bool woken;
    atomic_int wakes, forgets;
} sleeper;

static void sleeper_init(sleeper *s) {
    *s = (sleeper){.woken = false};
    mv_mutex_init(&s->mutex);
    mv_cond_init(&s->cond);
}

static void sleeper_free(sleeper *s) {
    mv_cond_destroy(&s->cond);
    mv_mutex_destroy(&s->mutex);
}

static void wake_sleeper(void *arg) {
    sleeper *s = arg;
    mv_lock(&s->mutex);
    s->woken = true;
    mv_signal(&s->cond);
    mv_unlock(&s->mutex);
    atomic_fetch_add(&s->wakes, 1);
}

static void forget_sleeper(void *arg) {
    sleeper *s = arg;
    atomic_fetch_add(&s->forgets, 1);
}

/* Sleeps until it is woken, or so long. False: it was not woken. */
static bool sleep_outside(sleeper *s, int64_t usec) {
    int64_t until = mv_now_usec() + usec;
    mv_lock(&s->mutex);
    while (!s->woken && mv_now_usec() < until) mv_wait_until(&s->cond, &s->mutex, until);
    bool woken = s->woken;
    s->woken = false;
    mv_unlock(&s->mutex);
    return woken;
}

static bool wait_outside(mv_database *db, const void *owner, uint64_t ticket, int64_t usec, bool give_up) {
    sleeper s;
    sleeper_init(&s);
    mv_waiter *w = mv_waiter_new(db, owner, ticket, mv_now_usec() + usec);
    REQUIRE(w);
    mv_waiter_start(w, wake_sleeper, forget_sleeper, &s);
    bool served;
    int64_t span;
    while (!(served = mv_waiter_look(w, &span)) && span > 0) sleep_outside(&s, span);
    mv_waiter_end(w, served && !give_up);
    while (atomic_load(&s.forgets) == 0) mv_yield(); /* one that still wakes it keeps it alive */
    CHECK_EQ(atomic_load(&s.forgets), 1);
    sleeper_free(&s);
    return served && !give_up;
}

static void it_is_promised_what_is_free(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a");
    int a, b;
    CHECK(wait_outside(db, &a, mv_write_ticket(db), 0, false));
    CHECK_EQ(mv_write_lock(db, &b), MV_BUSY);
    CHECK_EQ(mv_write_lock(db, &a), MV_OK);
    CHECK(!wait_outside(db, &b, mv_write_ticket(db), 0, false));
    CHECK(!wait_outside(db, &b, mv_write_ticket(db), 2000, false));
    mv_write_unlock(db, &a);
    CHECK(!wait_outside(db, &a, mv_write_ticket(db), 0, true)); /* a promise that is given back is in nobody's way */
    CHECK_EQ(mv_write_lock(db, &b), MV_OK);
    mv_write_unlock(db, &b);
    mv_database_release(db);
    end_store(store);
}

/* One that never started, as when its caller finds no memory for that, and one whose database is deleted meanwhile. */
static void it_ends_in_any_state(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a");
    int a, b;
    mv_waiter_end(mv_waiter_new(db, &a, mv_write_ticket(db), mv_now_usec()), false);
    CHECK_EQ(mv_write_lock(db, &a), MV_OK);
    sleeper s;
    sleeper_init(&s);
    mv_waiter *w = mv_waiter_new(db, &b, mv_write_ticket(db), mv_now_usec() + LONG_WAIT);
    mv_waiter_start(w, wake_sleeper, forget_sleeper, &s);
    int64_t span;
    CHECK(!mv_waiter_look(w, &span) && span > 0);
    CHECK_EQ(mv_store_delete(store, "a", 1), MV_OK);
    mv_write_unlock(db, &a);
    CHECK_EQ(atomic_load(&s.wakes), 1); /* at once, by whoever let go of it */
    mv_database_release(db);
    CHECK(mv_waiter_look(w, &span));
    mv_waiter_end(w, false);
    CHECK_EQ(atomic_load(&s.forgets), 1);
    sleeper_free(&s);
    end_store(store);
}

static void *serve(void *arg) {
    int owner;
    uint64_t ticket = mv_write_ticket(arg);
    while (mv_write_lock(arg, &owner) != MV_OK) CHECK(wait_outside(arg, &owner, ticket, LONG_WAIT, false));
    mv_write_unlock(arg, &owner);
    return NULL;
}

/* One takes the slot, and another is the first in the queue behind it, asleep. */
static mv_waiter *first_behind(mv_database *db, const void *writer, const void *owner, sleeper *s) {
    uint64_t ticket = mv_write_ticket(db);
    CHECK_EQ(mv_write_lock(db, writer), MV_OK);
    mv_waiter *w = mv_waiter_new(db, owner, ticket, mv_now_usec() + LONG_WAIT);
    sleeper_init(s);
    mv_waiter_start(w, wake_sleeper, forget_sleeper, s);
    int64_t span;
    CHECK(!mv_waiter_look(w, &span));
    return w;
}

/* An owner that was promised the slot and never comes: those behind it, all asleep for long, get it all the same, and nobody stays awake for that. */
static void a_promise_that_is_not_kept(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a");
    int a = 0, lost = 0;
    sleeper s;
    mv_waiter *w = first_behind(db, &a, &lost, &s);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) REQUIRE_EQ(pthread_create(&threads[i], NULL, serve, db), 0);
    sleep_outside(&s, 50000); /* most likely they stand in the queue then */
    mv_write_unlock(db, &a);
    int64_t span;
    CHECK(mv_waiter_look(w, &span));
    mv_waiter_end(w, true);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CHECK(!mv_write_locked(db));
    sleeper_free(&s);
    mv_database_release(db);
    end_store(store);
}

/* The first in the queue never looks again, as a thread that gets no processor: the next one is served. */
static void the_first_who_does_not_come(void) {
    mv_store *store = new_store(512, 0);
    mv_database *db = open_name(store, "a");
    int a = 0, lost = 0, next = 0;
    sleeper s;
    mv_waiter *w = first_behind(db, &a, &lost, &s);
    mv_write_unlock(db, &a);
    CHECK(wait_outside(db, &next, mv_write_ticket(db), LONG_WAIT, false));
    CHECK_EQ(mv_write_lock(db, &next), MV_OK);
    mv_write_unlock(db, &next);
    mv_waiter_end(w, false);
    sleeper_free(&s);
    mv_database_release(db);
    end_store(store);
}

static sqlite3 *open_connection(void) {
    sqlite3 *db;
    REQUIRE_EQ(sqlite3_open_v2("a", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "waiters"), SQLITE_OK);
    REQUIRE_EQ(mv_engine_guard(db), SQLITE_OK);
    sqlite3_busy_timeout(db, LONG_WAIT / 1000);
    return db;
}

/* A statement that is interrupted when its turn has come does not take the slot: the next writer need not wait until the promise is over. */
static void an_interrupted_statement_gives_its_turn_back(void) {
    mv_store *store = new_store(512, 0);
    mv_vfs *vfs;
    REQUIRE_EQ(mv_vfs_register(store, "waiters", &vfs), SQLITE_OK);
    sqlite3 *writer = open_connection(), *waiting = open_connection();
    REQUIRE_EQ(sqlite3_exec(writer, "CREATE TABLE t(x); BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_stmt *stmt;
    REQUIRE_EQ(sqlite3_prepare_v2(waiting, "INSERT INTO t VALUES (1)", -1, &stmt, NULL), SQLITE_OK);
    CHECK_EQ(mv_rows_fetch(stmt, &(mv_fetch){.start = true}), MV_ENGINE_WAIT);
    mv_waiter *w = mv_engine_take_waiter(waiting);
    sleeper s;
    sleeper_init(&s);
    mv_waiter_start(w, wake_sleeper, forget_sleeper, &s);
    int64_t span;
    CHECK(!mv_waiter_look(w, &span));
    REQUIRE_EQ(sqlite3_exec(writer, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    CHECK(mv_waiter_look(w, &span));
    mv_waiter_end(w, true);
    sqlite3_interrupt(waiting);
    CHECK_EQ(mv_rows_fetch(stmt, &(mv_fetch){.waited = true}), SQLITE_INTERRUPT);
    mv_database *db = open_name(store, "a");
    int next;
    CHECK_EQ(mv_write_lock(db, &next), MV_OK);
    mv_write_unlock(db, &next);
    mv_database_release(db);
    sqlite3_finalize(stmt);
    CHECK_EQ(sqlite3_close(waiting), SQLITE_OK);
    CHECK_EQ(sqlite3_close(writer), SQLITE_OK);
    mv_vfs_unregister(vfs);
    sleeper_free(&s);
    end_store(store);
}

typedef struct writers {
    mv_database *db;
    int64_t counter; /* under the slot */
    atomic_int given_up;
    int rounds;
} writers;

typedef struct writer {
    writers *all;
    uint64_t seed;
    bool outside;
} writer;

static void *write_on(void *arg) {
    writer *me = arg;
    writers *all = me->all;
    for (int i = 0; i < all->rounds; i++) {
        uint64_t ticket = 0;
        bool impatient = check_random(&me->seed) % 4 == 0, has = false;
        while (!(has = mv_write_lock(all->db, me) == MV_OK)) {
            if (!ticket) ticket = mv_write_ticket(all->db);
            int64_t usec = impatient ? (int64_t)(check_random(&me->seed) % 50) : LONG_WAIT;
            bool give_up = impatient && check_random(&me->seed) % 2;
            bool served = me->outside ? wait_outside(all->db, me, ticket, usec, give_up) : mv_write_wait(all->db, me, ticket, usec);
            if (impatient && (give_up || !served)) {
                if (!me->outside) mv_write_unlock(all->db, me); /* the promise */
                break;
            }
            REQUIRE(served);
        }
        if (has) all->counter++; /* not atomic: only the owner of the slot may be here */
        else atomic_fetch_add(&all->given_up, 1);
        mv_write_unlock(all->db, me);
    }
    return NULL;
}

static void no_wake_up_is_lost(void) {
    mv_store *store = new_store(512, 0);
    writers all = {.db = open_name(store, "a"), .rounds = 4000};
    writer each[8];
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        each[i] = (writer){&all, (uint64_t)i, i % 4 != 0};
        REQUIRE_EQ(pthread_create(&threads[i], NULL, write_on, &each[i]), 0);
    }
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    CHECK_EQ(all.counter, 8 * all.rounds - atomic_load(&all.given_up));
    CHECK(!mv_write_locked(all.db));
    mv_database_release(all.db);
    end_store(store);
}

int main(int argc, char **argv) {
    check_start(argc, argv);
    RUN(it_is_promised_what_is_free);
    RUN(it_ends_in_any_state);
    RUN(a_promise_that_is_not_kept);
    RUN(the_first_who_does_not_come);
    RUN(an_interrupted_statement_gives_its_turn_back);
    RUN(no_wake_up_is_lost);
    return check_end();
}
