/* Statement timeouts and interrupts of threads: engine.h. A part of sqlite.c. */
#include "engine/inside/parts.h"

#define TIMER_STEPS 1000 /* of SQLite's machine: some ten microseconds */

struct mv_timer {
    sqlite3 *db;
    const Vdbe *runs;          /* NULL: nothing runs yet, it is compiled */
    int64_t deadline;          /* of timer_now, in the thread that has started it */
    bool expired;
    _Atomic int32_t looks_left; /* until the interrupt of the thread ends what runs; negative: it was not interrupted */
};

static _Thread_local int64_t waited; /* microseconds */

void mv_engine_waited(int64_t usec) {
    waited += usec;
}

/* A clock that stands still while the thread waits for another writer. */
static int64_t timer_now(void) {
    return mv_now_usec() - waited;
}

bool mv_engine_look_for_interrupt(mv_timer *timer) {
    int32_t left = atomic_load_explicit(&timer->looks_left, memory_order_relaxed);
    if (left > 0) atomic_compare_exchange_strong(&timer->looks_left, &left, left - 1); /* fails only if an interrupt comes now, which the next look sees */
    return left == 0;
}

bool mv_engine_thread_was_interrupted(mv_timer *timer) {
    return atomic_load_explicit(&timer->looks_left, memory_order_relaxed) == 0;
}

/* SQLite also asks when a statement has come to its end, and would say SQLITE_INTERRUPT of one that has been
 * committed. One that is compiled anew, since the schema has changed, is halted, too. */
static int timer_progress(void *arg) {
    mv_timer *timer = arg;
    bool interrupted = mv_engine_look_for_interrupt(timer), expired = timer_now() >= timer->deadline;
    if (!interrupted && !expired) return 0;
    if (timer->runs && timer->runs->eVdbeState == VDBE_HALT_STATE && !timer->db->pParse) return 0;
    timer->expired = !interrupted;
    return 1;
}

mv_timer *mv_engine_new_timer(sqlite3 *db) {
    mv_timer *timer = sqlite3_malloc(sizeof *timer);
    if (!timer) return NULL;
    *timer = (mv_timer){.db = db, .deadline = INT64_MAX, .looks_left = -1};
    if (sqlite3_set_clientdata(db, "mv_timer", timer, sqlite3_free) != SQLITE_OK) return NULL; /* it has freed it */
    sqlite3_progress_handler(db, TIMER_STEPS, timer_progress, timer);
    return timer;
}

void mv_engine_start_timer(mv_timer *timer, sqlite3_stmt *stmt, int64_t usec) {
    timer->runs = (const Vdbe *)stmt;
    timer->deadline = mv_deadline(usec) - waited;
    timer->expired = false;
}

void mv_engine_timer_runs(mv_timer *timer, sqlite3_stmt *stmt) {
    timer->runs = (const Vdbe *)stmt;
}

bool mv_engine_timer_expired(const mv_timer *timer) {
    return timer->expired;
}

int64_t mv_engine_time_left(const mv_timer *timer) {
    return timer->deadline - timer_now();
}

void mv_engine_set_looks_left(mv_timer *timer, int32_t looks) {
    atomic_store(&timer->looks_left, looks);
}

int32_t mv_engine_looks_left(mv_timer *timer) {
    return atomic_load(&timer->looks_left);
}

void mv_engine_interrupt_thread(mv_timer *timer) {
    atomic_store(&timer->looks_left, 0); /* first: SQLite forgets the other if a statement begins now */
    sqlite3_interrupt(timer->db);
}
