/* Leases: references to versions that outlast read transactions. Why they keep no old version: store.h. */
#include "store/store_internal.h"

#include <assert.h>

enum { EMPTY, IDLE, IN_USE, STATE = 3 }; /* the low bits of a lease's word; above them stands the count */

static uintptr_t with_state(uintptr_t word, uintptr_t state) {
    return (word & ~(uintptr_t)STATE) | state;
}

static bool rows_are_held(const mv_lease *lease) {
    return lease->rows && atomic_load_explicit(lease->rows, memory_order_relaxed) != 0;
}

/* 0: none. Else since when there are rows. */
static uint32_t rows_since(const mv_lease *lease) {
    return rows_are_held(lease) ? (uint32_t)atomic_load_explicit(lease->rows + 1, memory_order_relaxed) | 1u << 31 : 0;
}

static bool holds_rows(const mv_lease *lease) {
    uint32_t since = atomic_load_explicit(&lease->held, memory_order_relaxed);
    return since && since == rows_since(lease);
}

static void list_lease(mv_database *db, mv_lease *lease) {
    if (lease->listed) return;
    lease->listed = true;
    lease->previous = NULL;
    lease->next = db->leases;
    if (lease->next) lease->next->previous = lease;
    db->leases = lease;
}

static void unlist_lease(mv_database *db, mv_lease *lease) {
    if (!lease->listed) return;
    lease->listed = false;
    if (lease->previous) lease->previous->next = lease->next;
    else db->leases = lease->next;
    if (lease->next) lease->next->previous = lease->previous;
}

/* Makes an idle lease empty, if its word is still that: its reference is then the caller's. */
static bool empty(mv_lease *lease, uintptr_t word) {
    return atomic_compare_exchange_strong(&lease->state, &word, with_state(word, EMPTY));
}

/* ---- all leases of a database ---------------------------------------------------------------------------------------- */

mv_version *mv_leases_collect(mv_database *db) {
    mv_version *newest = db->newest;
    bool held = false;
    for (mv_lease *lease = db->leases, *next; lease; lease = next) {
        next = lease->next;
        uintptr_t word = atomic_load(&lease->state); /* after `newest` was stored: see store.h */
        mv_version *v = NULL;
        if ((word & STATE) == IDLE) {
            v = atomic_load_explicit(&lease->version, memory_order_relaxed);
            if (v == newest) continue;
            if (holds_rows(lease)) {
                held = true;
                continue;
            }
            if (!empty(lease, word)) continue;
        } else if ((word & STATE) == IN_USE) {
            continue;
        }
        unlist_lease(db, lease);
        if (!v) continue;
        if (v->refs == 1) return v;
        v->refs--;
    }
    if (held) mv_store_remember_held(db);
    return NULL;
}

void mv_leases_settle(mv_database *db) {
    for (mv_version *last; (last = mv_leases_collect(db)) != NULL; mv_lock(&db->mutex)) {
        mv_unlock(&db->mutex);
        mv_version_unref(last, false);
    }
}

uint64_t mv_leases_in_use(const mv_database *db) {
    uint64_t n = 0;
    for (const mv_lease *lease = db->leases; lease; lease = lease->next) {
        uintptr_t state = atomic_load(&lease->state) & STATE;
        n += state == IN_USE || (state == IDLE && holds_rows(lease));
    }
    return n;
}

/* ---- one lease ------------------------------------------------------------------------------------------------------- */

void mv_lease_open(mv_lease *lease, mv_database *db) {
    *lease = (mv_lease){.db = db};
}

void mv_lease_rows(mv_lease *lease, const _Atomic int32_t *rows) {
    mv_database *db = lease->db;
    mv_lock(&db->mutex);
    lease->rows = rows;
    mv_leases_settle(db); /* what was held is no more */
    mv_unlock(&db->mutex);
}

mv_version *mv_lease_take(mv_lease *lease) {
    mv_database *db = lease->db;
    uintptr_t word = atomic_load_explicit(&lease->state, memory_order_relaxed); /* others change nothing but its state */
    assert((word & STATE) != IN_USE);
    word = atomic_exchange(&lease->state, with_state(word, IN_USE));
    mv_version *old = NULL;
    if ((word & STATE) == IDLE) {
        old = atomic_load_explicit(&lease->version, memory_order_relaxed);
        if (holds_rows(lease)) return old;
    }
    atomic_store_explicit(&lease->held, 0, memory_order_relaxed);
    if (old && old == atomic_load(&db->newest)) return old;
    mv_lock(&db->mutex);
    mv_version *v = db->newest;
    v->refs++;
    if (old && old->refs > 1) {
        old->refs--;
        old = NULL;
    }
    list_lease(db, lease);
    mv_unlock(&db->mutex);
    atomic_store_explicit(&lease->version, v, memory_order_relaxed);
    if (old) mv_version_unref(old, false);
    return v;
}

void mv_lease_put(mv_lease *lease) {
    mv_version *v = atomic_load_explicit(&lease->version, memory_order_relaxed);
    uintptr_t word = atomic_load_explicit(&lease->state, memory_order_relaxed);
    assert((word & STATE) == IN_USE);
    uint32_t held = lease->rows && atomic_load_explicit(lease->rows + 2, memory_order_relaxed) ? rows_since(lease) : 0;
    atomic_store_explicit(&lease->held, held, memory_order_relaxed);
    word = with_state(word + STATE + 1, IDLE);
    atomic_store(&lease->state, word); /* from here on v may be gone; only its address is used */
    if (v == atomic_load(&lease->db->newest)) return;
    if (held) mv_store_remember_held(lease->db);
    else if (empty(lease, word)) mv_version_unref(v, false);
}

mv_version *mv_lease_leave(mv_lease *lease) {
    uintptr_t word = atomic_load_explicit(&lease->state, memory_order_relaxed);
    assert((word & STATE) == IN_USE);
    atomic_store(&lease->state, with_state(word, EMPTY));
    return lease->version;
}

void mv_lease_return(mv_version *v) {
    mv_version_unref(v, false);
}

void mv_lease_close(mv_lease *lease) {
    mv_database *db = lease->db;
    mv_lock(&db->mutex);
    unlist_lease(db, lease);
    uintptr_t word = atomic_exchange(&lease->state, EMPTY);
    mv_unlock(&db->mutex);
    assert((word & STATE) != IN_USE);
    if ((word & STATE) == IDLE) mv_version_unref(lease->version, false);
}
