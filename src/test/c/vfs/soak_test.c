/*
 * Everybody at once, at random: SQLite connections on the VFS and callers of the store, on the same databases.
 *
 *     soak_test [SECONDS] [SEED] [THREADS]
 *
 * SECONDS in all (6); THREADS readers and as many writers (3) beside one each of the others. The seed is printed; what each
 * thread chooses follows from it and the thread's number, what meets what does not.
 *
 * Each database is a bank whose invariants each transaction keeps (check_bank), so that whoever sees half a transaction, or two
 * versions at once, sees that they do not hold. `steady` is never replaced or deleted: there, nothing may get lost either.
 * `bank 0` and `bank 1` are replaced, deleted and made again as a whole; `guest` is also made by SQL, so that it may be empty.
 *
 * What may fail, and nothing else:
 *   SQLITE_CANTOPEN         opening or attaching a name that is deleted now
 *   SQLITE_BUSY             a transaction that has read goes on to write while another one is writing: waiting could not help
 *   SQLITE_BUSY_SNAPSHOT    it goes on to write, but another has written since
 *   SQLITE_LOCKED           DROP TABLE while a statement of the same connection reads
 *   SQLITE_ABORT_ROLLBACK   stepping a statement after its transaction was rolled back
 *   SQLITE_INTERRUPT        on connections that are interrupted
 *   SQLITE_FULL, MV_FULL    changes, where the store has a limit
 *   SQLITE_ERROR            opening or attaching on a VFS that is not registered now, and VACUUM, which attaches
 *   MV_NOTFOUND, MV_EXISTS  the name was deleted, or made by another
 *   MV_CLOSED               once the store is closed
 * Never SQLITE_BUSY for a reader, who has no timeout, or for a writer who says so at the start of his transaction; and never
 * SQLITE_SCHEMA.
 */
#include "../harness/check.h"
#include "store/store.h"
#include "vfs/vfs.h"
#include "sqlite3.h"

#include <pthread.h>

#define NAMES 4       /* the last is never replaced or deleted */
#define STEADY "steady"
#define ACCOUNTS 60
#define MAX_ENTRIES 150
#define IMAGES 5
#define LONG_WAIT (3600 * 1000) /* milliseconds */
#define MAX_ACTORS 80
#define HANG 600      /* seconds after which threads that do not end are taken for hung */

static const char *const names[NAMES] = {"bank 0", "bank 1", "guest", STEADY};

typedef struct image {
    uint8_t *bytes;
    int64_t size;
    int64_t total;                /* of the bank in it */
} image;

typedef struct actor actor;

typedef struct world {
    mv_store *store;
    mv_vfs *vfs;
    char vfs_name[32];
    bool limited;                 /* the store has a limit of bytes */
    image images[IMAGES];
    atomic_bool closing, stop;
    atomic_llong steady_commits;
    atomic_llong failed[256];     /* how often in an allowed way, by primary code */
    atomic_llong reads, commits, upgrades, snapshots, forks, replaced, deleted, attached, interrupts, vfses, opens;
    actor *actors;
    int actor_count;
} world;

struct actor {
    world *w;
    const char *role;
    void (*turn)(actor *);
    uint64_t seed;
    int index;
    pthread_t thread;
    atomic_bool done;
    pthread_mutex_t mutex;
    sqlite3 *target;              /* connection that may be interrupted; under mutex */
    bool interruptible;           /* it is one; the rest is the thread's own, too */
    /* what is kept from turn to turn */
    sqlite3 *db;
    const char *name;
    sqlite3_stmt *check;
    int64_t last;
    mv_version *pins[4];
    uint64_t sums[4];
};

static uint64_t pick(actor *a, uint64_t n) {
    return check_random(&a->seed) % n;
}

static bool one_in(actor *a, uint64_t n) {
    return pick(a, n) == 0;
}

/* ---- what may fail ---------------------------------------------------------------------------------- */

enum {
    NO_NAME = 1,      /* SQLITE_CANTOPEN */
    UPGRADE = 2,      /* SQLITE_BUSY, SQLITE_BUSY_SNAPSHOT */
    OWN_READER = 4,   /* SQLITE_LOCKED */
    ROLLED_BACK = 8,  /* SQLITE_ABORT_ROLLBACK */
    CHANGES = 16,     /* SQLITE_FULL, where there is a limit */
    NO_VFS = 32,      /* SQLITE_ERROR */
};

#define ALLOW(a, db, rc, may) allow(a, db, rc, may, __LINE__)

/* Returns whether it is SQLITE_OK; reports what is neither that nor allowed. */
static bool allow(actor *a, sqlite3 *db, int rc, int may, int line) {
    bool allowed = false;
    switch (rc) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return true;
    case SQLITE_CANTOPEN: allowed = may & NO_NAME; break;
    case SQLITE_BUSY:
    case SQLITE_BUSY_SNAPSHOT: allowed = may & UPGRADE; break;
    case SQLITE_LOCKED: allowed = may & OWN_READER; break;
    case SQLITE_ABORT_ROLLBACK: allowed = may & ROLLED_BACK; break;
    case SQLITE_FULL: allowed = (may & CHANGES) && a->w->limited; break;
    case SQLITE_ERROR: allowed = may & NO_VFS; break;
    case SQLITE_INTERRUPT: allowed = a->interruptible; break;
    }
    if (allowed) {
        atomic_fetch_add(&a->w->failed[rc & 0xff], 1);
        return false;
    }
    check_fail(__FILE__, line, "code %d (%s): %s", rc, sqlite3_errstr(rc), db ? sqlite3_errmsg(db) : "");
    return false;
}

/* The VFS may be unregistered. */
static int no_vfs(world *w) {
    return atomic_load(&w->closing) ? NO_VFS : 0;
}

/* ---- connections ------------------------------------------------------------------------------------ */

static void aim(actor *a, sqlite3 *db) {
    pthread_mutex_lock(&a->mutex);
    a->target = db;
    pthread_mutex_unlock(&a->mutex);
    a->interruptible = db != NULL;
}

/* NULL: not now. Readers get no timeout, writers a long one. Another thread may interrupt it if so asked. */
static sqlite3 *open_on(actor *a, const char *vfs, const char *name, int flags, bool interruptible) {
    sqlite3 *db;
    int rc = sqlite3_open_v2(name, &db, flags, vfs);
    bool gone = vfs != a->w->vfs_name || atomic_load(&a->w->closing);
    atomic_fetch_add(&a->w->opens, 1);
    if (!ALLOW(a, db, rc, (flags & SQLITE_OPEN_CREATE ? 0 : NO_NAME) | (gone ? NO_NAME | NO_VFS : 0))) {
        CHECK_EQ(sqlite3_close(db), SQLITE_OK);
        return NULL;
    }
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, flags & SQLITE_OPEN_READONLY ? 0 : LONG_WAIT);
    if (interruptible) aim(a, db);
    return db;
}

static void close_on(actor *a, sqlite3 *db) {
    if (a->interruptible) aim(a, NULL);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

__attribute__((format(printf, 3, 4))) static int run(actor *a, sqlite3 *db, const char *format, ...) {
    (void)a;
    va_list args;
    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);
    REQUIRE(sql);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return rc;
}

/* Ends a transaction, also one that an error has ended. An interrupt may meet ROLLBACK itself. */
static void roll_back(actor *a, sqlite3 *db) {
    while (!sqlite3_get_autocommit(db))
        if (!ALLOW(a, db, run(a, db, "ROLLBACK"), 0) && !a->interruptible) check_give_up();
}

/* The numbers of the only row. */
static int numbers(sqlite3_stmt *stmt, int64_t *out, int n) {
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        for (int i = 0; i < n; i++) out[i] = sqlite3_column_int64(stmt, i);
        rc = sqlite3_step(stmt);
    }
    int reset = sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc == SQLITE_ROW ? SQLITE_INTERNAL : reset;
}

static int query(sqlite3 *db, const char *sql, int64_t *out, int n) {
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (!rc) rc = numbers(stmt, out, n);
    sqlite3_finalize(stmt);
    return rc;
}

static bool whole(actor *a, sqlite3 *db) {
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL);
    if (!rc && (rc = sqlite3_step(stmt)) == SQLITE_ROW) CHECK_STR((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    return ALLOW(a, db, rc, 0);
}

/* ---- the bank --------------------------------------------------------------------------------------- */

/*
 * The indexes begin with a text. To compare an integer, SQLite reads eight bytes and drops what is behind it, which at the end of a
 * page is the next block's, whoever changes that (hence the 256 readable bytes of mv_version_fetch): TSan would report each.
 */
static int make_bank(actor *a, sqlite3 *db, int balance) {
    return run(a, db,
               "CREATE TABLE account(id INTEGER PRIMARY KEY, owner TEXT, balance INTEGER, padding BLOB);"
               "CREATE INDEX account_balance ON account(owner, balance);"
               "CREATE TABLE ledger(id INTEGER PRIMARY KEY, amount INTEGER, note TEXT);"
               "CREATE INDEX ledger_amount ON ledger(note, amount);"
               "CREATE TABLE bank(total, entries, moved, commits, stamp);"
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
               " INSERT INTO account SELECT i, 'owner ' || i, %d, zeroblob(300) FROM n;"
               "INSERT INTO bank VALUES(%d, 0, 0, 0, random())",
               ACCOUNTS, balance, ACCOUNTS * balance);
}

enum { SUM, TOTAL, ROWS, ENTRIES, INDEX_ROWS, AMOUNTS, MOVED, INDEX_SUM, COMMITS, STAMP, CHECKED };

#define CHECK_BANK(schema) \
    "SELECT (SELECT sum(balance) FROM " schema ".account), total, (SELECT count(*) FROM " schema ".ledger NOT INDEXED), entries," \
    " (SELECT count(*) FROM " schema ".ledger INDEXED BY ledger_amount WHERE amount>=0), (SELECT coalesce(sum(amount),0) FROM " schema ".ledger), moved," \
    " (SELECT sum(balance) FROM " schema ".account INDEXED BY account_balance WHERE balance>-1000000000), commits, stamp FROM " schema ".bank"

/* Half-way through a transaction, or in a mixture of two versions, one of these would not hold. */
static void check_numbers(const int64_t *n) {
    CHECK_EQ(n[SUM], n[TOTAL]);
    CHECK_EQ(n[INDEX_SUM], n[TOTAL]);
    CHECK_EQ(n[ROWS], n[ENTRIES]);
    CHECK_EQ(n[INDEX_ROWS], n[ENTRIES]);
    CHECK_EQ(n[AMOUNTS], n[MOVED]);
}

/* Is there a bank? Only a guest may be without. In a transaction, so that it stays so. */
static int has_bank(sqlite3 *db, bool *has) {
    int64_t n = 0;
    int rc = query(db, "SELECT count(*) FROM sqlite_schema WHERE name='bank'", &n, 1);
    *has = n == 1;
    return rc;
}

/* Checks the main database in a transaction of its own. False: could not. */
static bool check_bank(actor *a, sqlite3 *db, const char *name) {
    int64_t first[CHECKED], second[CHECKED];
    bool has = false;
    int rc = run(a, db, "BEGIN");
    if (!rc) rc = has_bank(db, &has);
    if (!rc) CHECK(has || name == names[2]);
    if (!rc && has) rc = query(db, CHECK_BANK("main"), first, CHECKED);
    if (!rc && has) {
        check_numbers(first);
        rc = query(db, CHECK_BANK("main"), second, CHECKED);
        if (!rc) CHECK_MEM(second, first, sizeof first);
    }
    if (!rc) rc = run(a, db, "COMMIT");
    bool ok = ALLOW(a, db, rc, 0);
    roll_back(a, db);
    if (ok) atomic_fetch_add(&a->w->reads, 1);
    return ok && has;
}

/* The statements of a transaction. */
static int transfer(actor *a, sqlite3 *db, const char *schema) {
    int amount = (int)pick(a, 50), from = 1 + (int)pick(a, ACCOUNTS), to = 1 + (int)pick(a, ACCOUNTS);
    int rc = run(a, db, "UPDATE %s.account SET balance=balance-%d WHERE id=%d", schema, amount, from);
    if (!rc) rc = run(a, db, "INSERT INTO %s.ledger(amount, note) VALUES(%d, hex(randomblob(%d)))", schema, amount, (int)pick(a, 200));
    if (!rc) rc = run(a, db, "UPDATE %s.account SET balance=balance+%d, padding=zeroblob(%d) WHERE id=%d", schema, amount, (int)pick(a, one_in(a, 10) ? 3000 : 400), to);
    if (!rc) rc = run(a, db, "UPDATE %s.bank SET entries=entries+1, moved=moved+%d, commits=commits+1, stamp=random()", schema, amount);
    if (!rc && one_in(a, 10)) {
        rc = run(a, db, "UPDATE %s.bank SET moved=moved-(SELECT coalesce(sum(amount),0) FROM %s.ledger WHERE id<(SELECT max(id)-%d FROM %s.ledger))", schema, schema, MAX_ENTRIES, schema);
        if (!rc) rc = run(a, db, "DELETE FROM %s.ledger WHERE id<(SELECT max(id)-%d FROM %s.ledger)", schema, MAX_ENTRIES, schema);
        if (!rc) rc = run(a, db, "UPDATE %s.bank SET entries=(SELECT count(*) FROM %s.ledger)", schema, schema);
    }
    return rc;
}

static void count_commit(actor *a, const char *name) {
    atomic_fetch_add(&a->w->commits, 1);
    if (name == names[NAMES - 1]) atomic_fetch_add(&a->w->steady_commits, 1);
}

/* ---- writers ---------------------------------------------------------------------------------------- */

/* Says at its start that it will write: waits, and is never refused. */
static void immediate(actor *a, sqlite3 *db, const char *name) {
    bool has = false, keep = !one_in(a, 8);
    int rc = run(a, db, "BEGIN IMMEDIATE");
    if (!rc) rc = has_bank(db, &has);
    if (!rc && !has) rc = make_bank(a, db, 10 + (int)pick(a, 10));
    if (!rc && one_in(a, 8)) {
        rc = run(a, db, "SAVEPOINT s; DELETE FROM account WHERE id%%3=1; DELETE FROM ledger; UPDATE bank SET stamp=0");
        if (!rc) rc = run(a, db, "ROLLBACK TO s; RELEASE s");
    }
    if (!rc) rc = transfer(a, db, "main");
    if (!rc && one_in(a, 25)) rc = run(a, db, one_in(a, 2) ? "CREATE TABLE IF NOT EXISTS extra AS SELECT * FROM account" : "DROP TABLE IF EXISTS extra");
    if (!rc && keep) {
        int64_t n[CHECKED];
        if (one_in(a, 4) && !(rc = query(db, CHECK_BANK("main"), n, CHECKED))) check_numbers(n);
        if (!rc) rc = run(a, db, "COMMIT");
        if (!rc) count_commit(a, name);
    }
    ALLOW(a, db, rc, CHANGES);
    roll_back(a, db);
}

/* Reads first, and writes what it computed from that: if another one wrote in between, or is writing, it must be refused. */
static void upgrade(actor *a, sqlite3 *db, const char *name) {
    int64_t n[CHECKED], x = 0, y = 0;
    bool has = false, upgrading = false;
    int from = 1 + (int)pick(a, ACCOUNTS), to = 1 + (from + (int)pick(a, ACCOUNTS - 1)) % ACCOUNTS;
    int rc = run(a, db, "BEGIN");
    if (!rc) rc = has_bank(db, &has);
    if (!rc && has) {
        char sql[100];
        rc = query(db, CHECK_BANK("main"), n, CHECKED);
        if (!rc) check_numbers(n);
        snprintf(sql, sizeof sql, "SELECT balance FROM account WHERE id=%d", from);
        if (!rc) rc = query(db, sql, &x, 1);
        snprintf(sql, sizeof sql, "SELECT balance FROM account WHERE id=%d", to);
        if (!rc) rc = query(db, sql, &y, 1);
        if (!rc && one_in(a, 4)) sqlite3_sleep(1);
        upgrading = !rc;
        if (!rc) rc = run(a, db, "UPDATE account SET balance=%lld WHERE id=%d", (long long)x - 1, from);
        if (!rc) rc = run(a, db, "UPDATE account SET balance=%lld WHERE id=%d", (long long)y + 1, to);
        if (!rc) rc = run(a, db, "UPDATE bank SET commits=%lld, stamp=random()", (long long)n[COMMITS] + 1);
    }
    if (!rc) rc = run(a, db, "COMMIT");
    if (!rc && has) {
        count_commit(a, name);
        atomic_fetch_add(&a->w->upgrades, 1);
    }
    ALLOW(a, db, rc, CHANGES | (upgrading ? UPGRADE : 0));
    roll_back(a, db);
}

/* One statement, which is a transaction of its own. */
static void autocommit(actor *a, sqlite3 *db, const char *name) {
    if (name == names[2]) return; /* may be empty */
    int rc = run(a, db, "UPDATE bank SET commits=commits+1, stamp=random()");
    if (!rc) count_commit(a, name);
    ALLOW(a, db, rc, CHANGES);
}

static void writer(actor *a) {
    if (a->db && one_in(a, 60)) {
        close_on(a, a->db);
        a->db = NULL;
    }
    if (!a->db) {
        a->name = names[pick(a, NAMES)];
        a->db = open_on(a, a->w->vfs_name, a->name, SQLITE_OPEN_READWRITE, one_in(a, 4));
        if (!a->db) return;
    }
    switch (pick(a, 8)) {
    case 0: upgrade(a, a->db, a->name); break;
    case 1:
    case 2: autocommit(a, a->db, a->name); break;
    default: immediate(a, a->db, a->name);
    }
    if (one_in(a, 200)) {
        int rc = run(a, a->db, "VACUUM");
        ALLOW(a, a->db, rc, CHANGES | no_vfs(a->w));
    }
}

/* Two databases in one transaction, always in this order, so that no two writers wait for each other. */
static void attacher(actor *a) {
    world *w = a->w;
    sqlite3 *db = open_on(a, w->vfs_name, names[0], SQLITE_OPEN_READWRITE, false);
    if (!db) return;
    int rc = run(a, db, "ATTACH '%s' AS other", names[1]);
    if (ALLOW(a, db, rc, NO_NAME | no_vfs(w)))
        for (int i = (int)pick(a, 20); i >= 0; i--) {
            int64_t first[2][CHECKED], second[2][CHECKED];
            bool writing = one_in(a, 2);
            rc = run(a, db, writing ? "BEGIN IMMEDIATE" : "BEGIN");
            if (!rc) rc = query(db, CHECK_BANK("main"), first[0], CHECKED);
            if (!rc) rc = query(db, CHECK_BANK("other"), first[1], CHECKED);
            if (!rc) {
                check_numbers(first[0]);
                check_numbers(first[1]);
                rc = query(db, CHECK_BANK("main"), second[0], CHECKED);
                if (!rc) rc = query(db, CHECK_BANK("other"), second[1], CHECKED);
                if (!rc) CHECK_MEM(second, first, sizeof first);
            }
            if (!rc && writing) rc = transfer(a, db, "main");
            if (!rc && writing) rc = transfer(a, db, "other");
            if (!rc) rc = run(a, db, one_in(a, 5) ? "ROLLBACK" : "COMMIT");
            if (ALLOW(a, db, rc, CHANGES)) atomic_fetch_add(&w->attached, 1);
            roll_back(a, db);
        }
    if (!rc && one_in(a, 2)) ALLOW(a, db, run(a, db, "DETACH other"), 0);
    close_on(a, db);
}

/* ---- readers ---------------------------------------------------------------------------------------- */

/* Keeps its connection and its statement while the content, the page size and the schema change under it. */
static void reader(actor *a) {
    if (a->db && one_in(a, 100)) {
        sqlite3_finalize(a->check);
        close_on(a, a->db);
        a->db = NULL;
    }
    if (!a->db) {
        a->name = names[one_in(a, 2) ? NAMES - 1 : (int)pick(a, 2)];
        a->db = open_on(a, a->w->vfs_name, a->name, SQLITE_OPEN_READONLY, one_in(a, 4));
        a->check = NULL;
        a->last = 0;
        if (!a->db) return;
    }
    if (!a->check) {
        int rc = sqlite3_prepare_v2(a->db, CHECK_BANK("main"), -1, &a->check, NULL);
        if (!ALLOW(a, a->db, rc, 0)) return;
    }
    int64_t first[CHECKED], second[CHECKED];
    int rc = run(a, a->db, "BEGIN");
    if (!rc) rc = numbers(a->check, first, CHECKED);
    if (!rc) {
        check_numbers(first);
        if (one_in(a, 8)) sqlite3_sleep(1);
        rc = numbers(a->check, second, CHECKED);
    }
    if (!rc) {
        CHECK_MEM(second, first, sizeof first);
        if (a->name == names[NAMES - 1]) {
            CHECK(first[COMMITS] >= a->last); /* never back in time */
            a->last = first[COMMITS];
        }
        rc = run(a, a->db, "COMMIT");
    }
    if (ALLOW(a, a->db, rc, 0)) atomic_fetch_add(&a->w->reads, 1);
    roll_back(a, a->db);
    if (one_in(a, 50)) whole(a, a->db);
}

/* Opens, and closes at any moment: in a transaction, on a row, before its statements. */
static void opener(actor *a) {
    world *w = a->w;
    const char *name = names[pick(a, NAMES)];
    bool create = name == names[2] && one_in(a, 2);
    sqlite3 *db = open_on(a, w->vfs_name, name, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), one_in(a, 4));
    if (!db) return;
    if (one_in(a, 10)) return close_on(a, db);
    if (!check_bank(a, db, name)) {
        if (create) immediate(a, db, name);
        return close_on(a, db);
    }
    if (name == names[2]) return close_on(a, db); /* from here on it must not become empty */
    sqlite3_stmt *cursor;
    int rc = sqlite3_prepare_v2(db, "SELECT balance, total FROM account, bank", -1, &cursor, NULL);
    int64_t sum = 0, total = 0;
    bool changed = false;
    if (ALLOW(a, db, rc, 0)) {
        int stop_at = (int)pick(a, 2 * ACCOUNTS);
        for (int i = 0; i != stop_at && ALLOW(a, db, rc = sqlite3_step(cursor), 0) && rc == SQLITE_ROW; i++) {
            sum += sqlite3_column_int64(cursor, 0);
            total = sqlite3_column_int64(cursor, 1);
            if (one_in(a, 40)) sqlite3_sleep(1);
            if (one_in(a, 60)) { /* has read, so this is an upgrade */
                rc = run(a, db, "BEGIN; UPDATE account SET balance=balance+1 WHERE id=1");
                changed |= ALLOW(a, db, rc, UPGRADE | CHANGES);
                if (!rc) ALLOW(a, db, run(a, db, "DROP TABLE account"), OWN_READER | CHANGES);
                if (one_in(a, 2)) {
                    changed = true;
                    if (!rc) ALLOW(a, db, run(a, db, "CREATE TABLE more(x)"), CHANGES); /* its end by ROLLBACK ends the cursor */
                    while (!sqlite3_get_autocommit(db) && ALLOW(a, db, run(a, db, "ROLLBACK"), 0)) {}
                    ALLOW(a, db, rc = sqlite3_step(cursor), ROLLED_BACK);
                }
                break;
            }
        }
        if (rc == SQLITE_DONE && !changed) CHECK_EQ(sum, total);
    }
    if (a->interruptible) aim(a, NULL);
    if (one_in(a, 2)) { /* the connection lives as long as its statement, and its transaction goes with it */
        CHECK_EQ(sqlite3_close_v2(db), SQLITE_OK);
        sqlite3_finalize(cursor);
    } else {
        if (cursor) CHECK_EQ(sqlite3_close(db), SQLITE_BUSY);
        sqlite3_finalize(cursor);
        CHECK_EQ(sqlite3_close(db), SQLITE_OK);
    }
}

/* ---- callers of the store --------------------------------------------------------------------------- */

static mv_version *pin_name(actor *a, const char *name) {
    mv_database *database;
    mv_result rc = mv_store_open(a->w->store, name, strlen(name), false, &database);
    if (rc) {
        CHECK(rc == MV_NOTFOUND || (rc == MV_CLOSED && atomic_load(&a->w->closing)));
        return NULL;
    }
    mv_version *v = mv_database_pin(database);
    mv_database_release(database);
    return v;
}

/* Of all bytes, in pieces of n; by reading or where they lie. */
static uint64_t checksum(const mv_version *v, size_t n, bool in_place) {
    uint64_t sum = 14695981039346656037u;
    uint8_t bytes[5000];
    for (int64_t at = 0; at < mv_version_size(v);) {
        const uint8_t *p = bytes;
        size_t got;
        if (in_place)
            p = mv_version_span(v, at, n, &got);
        else
            got = mv_version_read(v, bytes, n, at);
        if (got == 0) {
            check_fail(__FILE__, __LINE__, "no byte at %lld of %lld", (long long)at, (long long)mv_version_size(v));
            break;
        }
        for (size_t i = 0; i < got; i++) sum = (sum ^ p[i]) * 1099511628211u;
        at += (int64_t)got;
    }
    return sum;
}

/* Holds versions of several ages, lets them go in any order, and looks whether a byte of them has changed. */
static void snapshotter(actor *a) {
    int i = (int)pick(a, 4);
    if (!a->pins[i]) {
        a->pins[i] = pin_name(a, names[pick(a, NAMES)]);
        if (a->pins[i]) a->sums[i] = checksum(a->pins[i], 1 + pick(a, 5000), one_in(a, 2));
    } else {
        CHECK_EQ(checksum(a->pins[i], 1 + pick(a, 5000), one_in(a, 2)), a->sums[i]);
        atomic_fetch_add(&a->w->snapshots, 1);
        if (one_in(a, 3)) {
            mv_version_release(a->pins[i]);
            a->pins[i] = NULL;
        }
    }
}

/* Forks, writes, copies, deletes and goes on using what it deleted. */
static void forker(actor *a) {
    world *w = a->w;
    const char *origin = names[one_in(a, 2) ? NAMES - 1 : (int)pick(a, 2)];
    char name[2][40];
    mv_version *v = pin_name(a, origin);
    if (!v) return;
    uint64_t sum = checksum(v, 4096, true);
    snprintf(name[0], sizeof name[0], "fork %d", a->index);
    snprintf(name[1], sizeof name[1], "fork of fork %d", a->index);
    mv_result rc = mv_store_fork(w->store, v, name[0], strlen(name[0]));
    if (rc) CHECK(rc == MV_CLOSED && atomic_load(&w->closing));
    sqlite3 *db = rc ? NULL : open_on(a, w->vfs_name, name[0], SQLITE_OPEN_READWRITE, false);
    if (db) {
        check_bank(a, db, name[0]);
        for (int i = (int)pick(a, 8); i >= 0; i--) immediate(a, db, name[0]);
        if (one_in(a, 3)) {
            int vacuumed = run(a, db, "VACUUM");
            ALLOW(a, db, vacuumed, CHANGES | no_vfs(w));
        }
        mv_version *w1 = pin_name(a, name[0]);
        if (w1) {
            rc = mv_store_fork(w->store, w1, name[1], strlen(name[1]));
            if (rc) CHECK(rc == MV_CLOSED && atomic_load(&w->closing));
            mv_version_release(w1);
        }
        rc = mv_store_delete(w->store, name[0], strlen(name[0]));
        if (rc) CHECK(atomic_load(&w->closing));
        immediate(a, db, name[0]);
        check_bank(a, db, name[0]);
        if (one_in(a, 2)) whole(a, db);
        sqlite3 *copy = open_on(a, w->vfs_name, name[1], SQLITE_OPEN_READWRITE, false);
        if (copy) {
            check_bank(a, copy, name[1]);
            sqlite3_backup *backup = sqlite3_backup_init(copy, "main", db, "main");
            REQUIRE(backup);
            int step = sqlite3_backup_step(backup, -1);
            sqlite3_backup_finish(backup);
            if (ALLOW(a, copy, step, CHANGES)) check_bank(a, copy, name[1]);
            close_on(a, copy);
        }
        close_on(a, db);
        mv_store_delete(w->store, name[1], strlen(name[1]));
        atomic_fetch_add(&w->forks, 1);
    }
    CHECK_EQ(checksum(v, 777, false), sum);
    mv_version_release(v);
}

/* Replaces or makes a database as a whole. Returns with what; NULL if it did not. */
static const image *publish(actor *a, const char *name) {
    world *w = a->w;
    mv_load *load;
    mv_result rc = mv_load_begin(w->store, name, strlen(name), &load);
    if (rc) {
        CHECK(rc == MV_CLOSED && atomic_load(&w->closing));
        return NULL;
    }
    const image *image = &w->images[pick(a, IMAGES)];
    size_t piece = 1 + pick(a, 20000);
    for (int64_t at = 0; !rc && at < image->size; at += (int64_t)piece) {
        if ((int64_t)piece > image->size - at) piece = (size_t)(image->size - at);
        rc = mv_load_write(load, image->bytes + at, piece);
    }
    if (!rc) rc = mv_load_finish(load);
    if (!rc && one_in(a, 10)) rc = MV_FULL; /* given up */
    else if (!rc && !(rc = mv_store_publish(w->store, name, strlen(name), load, LONG_WAIT * INT64_C(1000)))) load = NULL;
    else if (rc) CHECK((rc == MV_FULL && w->limited) || (rc == MV_CLOSED && atomic_load(&w->closing)));
    if (!rc) atomic_fetch_add(&w->replaced, 1);
    mv_load_drop(load);
    return rc ? NULL : image;
}

/* Replaces what nobody else does, under a connection that must then see that and no other; the headers of some are the same. */
static void owner(actor *a) {
    char name[20];
    snprintf(name, sizeof name, "own %d", a->index);
    const image *image = publish(a, name);
    if (!image) return;
    if (!a->db) a->db = open_on(a, a->w->vfs_name, name, SQLITE_OPEN_READWRITE, false);
    if (!a->db) return;
    int64_t n[CHECKED];
    if (ALLOW(a, a->db, query(a->db, CHECK_BANK("main"), n, CHECKED), 0)) {
        check_numbers(n);
        CHECK_EQ(n[TOTAL], image->total);
    }
    if (one_in(a, 3)) immediate(a, a->db, name);
    if (one_in(a, 2)) sqlite3_sleep(1);
}

static void replacer(actor *a) {
    publish(a, names[pick(a, 3)]);
    if (one_in(a, 2)) sqlite3_sleep((int)pick(a, 10));
}

/* Deletes what others use, and makes it again. */
static void deleter(actor *a) {
    world *w = a->w;
    const char *name = names[pick(a, 3)];
    mv_result rc = mv_store_delete(w->store, name, strlen(name));
    CHECK(rc == MV_OK || rc == MV_NOTFOUND);
    if (!rc) atomic_fetch_add(&w->deleted, 1);
    if (one_in(a, 3)) sqlite3_sleep(1);
    if (name == names[2] && one_in(a, 2)) return;
    mv_version *v = one_in(a, 2) ? pin_name(a, names[NAMES - 1]) : NULL;
    if (!v) {
        publish(a, name);
        return;
    }
    rc = mv_store_fork(w->store, v, name, strlen(name));
    CHECK(rc == MV_OK || rc == MV_EXISTS || (rc == MV_CLOSED && atomic_load(&w->closing)));
    mv_version_release(v);
    sqlite3_sleep((int)pick(a, 20));
}

static void interrupter(actor *a) {
    actor *b = &a->w->actors[pick(a, (uint64_t)a->w->actor_count)];
    pthread_mutex_lock(&b->mutex);
    if (b->target) {
        sqlite3_interrupt(b->target);
        atomic_fetch_add(&a->w->interrupts, 1);
    }
    pthread_mutex_unlock(&b->mutex);
    if (one_in(a, 3)) sqlite3_sleep(1);
}

/* Further VFSes on the same store, whose connections outlive the registration; two of these meet at the same names. */
static void registrar(actor *a) {
    world *w = a->w;
    char vfs_name[50];
    mv_vfs *vfs;
    snprintf(vfs_name, sizeof vfs_name, "%s-%d", w->vfs_name, (int)pick(a, 2));
    int rc = mv_vfs_register(w->store, vfs_name, &vfs);
    const char *name = names[NAMES - 1];
    sqlite3 *db = open_on(a, vfs_name, name, SQLITE_OPEN_READWRITE, false); /* ours, or the other's */
    if (db) check_bank(a, db, name);
    if (rc) {
        CHECK_EQ(rc, SQLITE_MISUSE); /* the other has the name */
    } else {
        mv_vfs_unregister(vfs);
        atomic_fetch_add(&w->vfses, 1);
    }
    if (db) {
        immediate(a, db, name);
        check_bank(a, db, name);
        close_on(a, db);
    }
}

static void observer(actor *a) {
    world *w = a->w;
    char *list;
    size_t len;
    mv_stats stats;
    REQUIRE_EQ(mv_store_names(w->store, &list, &len), MV_OK);
    sqlite3_free(list);
    mv_store_stats(w->store, &stats);
    if (w->limited) CHECK(stats.bytes <= stats.limit);
    mv_database *database;
    const char *name = names[pick(a, NAMES)];
    if (mv_store_open(w->store, name, strlen(name), false, &database) == MV_OK) {
        mv_database_stats(database, &stats);
        CHECK(stats.versions >= 1);
        mv_database_release(database);
    }
    if (one_in(a, 4)) sqlite3_sleep(1);
}

/* ---- together --------------------------------------------------------------------------------------- */

static uint64_t base_seed = 1;
static int seconds = 6, threads = 3;

static void *act(void *arg) {
    actor *a = arg;
    check_context("%s %d, seed %" PRIu64, a->role, a->index, base_seed);
    while (!atomic_load(&a->w->stop)) a->turn(a);
    if (a->turn == reader) sqlite3_finalize(a->check);
    if (a->db) close_on(a, a->db);
    for (int i = 0; i < 4; i++)
        if (a->pins[i]) {
            CHECK_EQ(checksum(a->pins[i], 4096, true), a->sums[i]);
            mv_version_release(a->pins[i]);
        }
    atomic_store(&a->done, true);
    return NULL;
}

static image make_image(world *w, actor *a, int page_size, int balance) {
    sqlite3 *db = open_on(a, w->vfs_name, "image", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, false);
    REQUIRE(db);
    REQUIRE_EQ(run(a, db, "PRAGMA page_size=%d; BEGIN", page_size), SQLITE_OK);
    REQUIRE_EQ(make_bank(a, db, balance), SQLITE_OK);
    REQUIRE_EQ(transfer(a, db, "main"), SQLITE_OK);
    REQUIRE_EQ(run(a, db, "COMMIT"), SQLITE_OK);
    close_on(a, db);
    mv_version *v = pin_name(a, "image");
    image image = {.size = mv_version_size(v), .total = (int64_t)balance * ACCOUNTS};
    image.bytes = malloc((size_t)image.size);
    REQUIRE(image.bytes);
    REQUIRE_EQ(mv_version_read(v, image.bytes, (size_t)image.size, 0), image.size);
    mv_version_release(v);
    REQUIRE_EQ(mv_store_delete(w->store, "image", 5), MV_OK);
    return image;
}

static void add_actor(world *w, const char *role, void (*turn)(actor *), uint64_t *seed) {
    REQUIRE(w->actor_count < MAX_ACTORS);
    actor *a = &w->actors[w->actor_count];
    *a = (actor){.w = w, .role = role, .turn = turn, .index = w->actor_count, .seed = check_random(seed)};
    pthread_mutex_init(&a->mutex, NULL);
    w->actor_count++;
}

/* A whole life of a store. */
static void live(uint32_t block_size, uint64_t max_bytes, bool close_first, int milliseconds, uint64_t *seed) {
    static int count;
    world w = {.limited = max_bytes > 0};
    actor maker = {.w = &w, .role = "maker", .seed = check_random(seed)};
    snprintf(w.vfs_name, sizeof w.vfs_name, "soak-%d", count++);
    check_context("block size %u, limit %" PRIu64 ", seed %" PRIu64, block_size, max_bytes, base_seed);
    w.store = mv_store_new(block_size, max_bytes);
    REQUIRE(w.store);
    REQUIRE_EQ(mv_vfs_register(w.store, w.vfs_name, &w.vfs), SQLITE_OK);
    static const int page_sizes[IMAGES] = {4096, 512, 4096, 16384, 1024};
    for (int i = 0; i < IMAGES; i++) w.images[i] = make_image(&w, &maker, page_sizes[i], 7 + 2 * i);
    for (int i = 0; i < NAMES - 1; i++) publish(&maker, names[i]);
    sqlite3 *db = open_on(&maker, w.vfs_name, STEADY, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, false);
    REQUIRE_EQ(make_bank(&maker, db, 100), SQLITE_OK);
    w.actors = calloc(MAX_ACTORS, sizeof *w.actors);
    REQUIRE(w.actors);
    for (int i = 0; i < threads; i++) {
        add_actor(&w, "reader", reader, seed);
        add_actor(&w, "writer", writer, seed);
    }
    add_actor(&w, "attacher", attacher, seed);
    add_actor(&w, "attacher", attacher, seed);
    add_actor(&w, "opener", opener, seed);
    add_actor(&w, "opener", opener, seed);
    add_actor(&w, "snapshotter", snapshotter, seed);
    add_actor(&w, "forker", forker, seed);
    add_actor(&w, "replacer", replacer, seed);
    add_actor(&w, "deleter", deleter, seed);
    add_actor(&w, "owner", owner, seed);
    add_actor(&w, "registrar", registrar, seed);
    add_actor(&w, "registrar", registrar, seed);
    add_actor(&w, "interrupter", interrupter, seed);
    add_actor(&w, "observer", observer, seed);
    for (int i = 0; i < w.actor_count; i++) REQUIRE_EQ(pthread_create(&w.actors[i].thread, NULL, act, &w.actors[i]), 0);

    sqlite3_sleep(milliseconds);
    if (close_first) { /* under everybody's feet */
        atomic_store(&w.closing, true);
        mv_store_close(w.store);
        sqlite3_sleep(20);
        mv_vfs_unregister(w.vfs);
        sqlite3_sleep(20);
    }
    atomic_store(&w.stop, true);
    for (int i = 0, waited = 0; i < w.actor_count; i++) {
        for (; !atomic_load(&w.actors[i].done); waited++, sqlite3_sleep(10))
            if (waited > HANG * 100) {
                check_fail(__FILE__, __LINE__, "%s %d does not end", w.actors[i].role, i);
                check_give_up();
            }
        pthread_join(w.actors[i].thread, NULL);
        pthread_mutex_destroy(&w.actors[i].mutex);
    }

    CHECK(check_bank(&maker, db, STEADY));
    whole(&maker, db);
    int64_t commits = -1;
    CHECK_EQ(query(db, "SELECT commits FROM bank", &commits, 1), SQLITE_OK);
    CHECK_EQ(commits, atomic_load(&w.steady_commits));
    close_on(&maker, db);
    for (int i = 0; i < w.actor_count; i++) {
        char own[20];
        snprintf(own, sizeof own, "own %d", i);
        mv_store_delete(w.store, own, strlen(own));
    }
    mv_stats stats;
    mv_store_stats(w.store, &stats);
    CHECK_EQ(stats.pins, stats.forks);
    CHECK_EQ(mv_store_check(w.store), stats.bytes);
    if (!close_first) {
        for (int i = 0; i < NAMES; i++) {
            if ((db = open_on(&maker, w.vfs_name, names[i], SQLITE_OPEN_READONLY, false)) == NULL) continue;
            check_bank(&maker, db, names[i]);
            whole(&maker, db);
            close_on(&maker, db);
            CHECK_EQ(mv_store_delete(w.store, names[i], strlen(names[i])), MV_OK);
        }
        mv_vfs_unregister(w.vfs);
    }
    mv_store_stats(w.store, &stats);
    CHECK_EQ(stats.databases, 0);
    CHECK_EQ(stats.bytes, 0);
    CHECK_EQ(stats.blocks, 0);
    CHECK_EQ(stats.versions, 0);
    CHECK_EQ(stats.pins, 0);
    CHECK_EQ(stats.forks, 0);
    CHECK_EQ(mv_store_check(w.store), 0);
    mv_store_release(w.store);
    printf("block size %5u%s%s: %lld reads, %lld commits (%lld of them upgrades), %lld snapshots, %lld forks, %lld replaced, %lld deleted,"
           " %lld attached, %lld interrupts, %lld VFSes, %lld opens; codes",
           block_size, w.limited ? ", limited" : "", close_first ? ", closed early" : "", atomic_load(&w.reads), atomic_load(&w.commits),
           atomic_load(&w.upgrades), atomic_load(&w.snapshots), atomic_load(&w.forks), atomic_load(&w.replaced),
           atomic_load(&w.deleted), atomic_load(&w.attached), atomic_load(&w.interrupts), atomic_load(&w.vfses), atomic_load(&w.opens));
    for (int code = 0; code < 256; code++)
        if (atomic_load(&w.failed[code])) printf(" %d: %lld", code, atomic_load(&w.failed[code]));
    printf("\n");
    CHECK(atomic_load(&w.reads) > 0 && atomic_load(&w.commits) > 0);
    for (int i = 0; i < IMAGES; i++) free(w.images[i].bytes);
    free(w.actors);
}

#define LIVES 6
#define KB(n) ((n) * 1024)
#define LONGEST_LIFE 20000 /* milliseconds */

static void everybody_at_once(void) {
    static const struct {
        uint32_t block_size;
        uint64_t max_bytes;
        bool close_first;
    } lives[LIVES] = {{0, 0, false}, {512, 0, true}, {65536, 0, false}, {0, KB(600), true}, {4096, 0, true}, {1024, KB(450), false}};
    uint64_t seed = base_seed;
    int left = seconds * 1000, each = left / LIVES < LONGEST_LIFE ? left / LIVES : LONGEST_LIFE;
    for (int i = 0; left >= each && each > 0; i++, left -= each)
        live(lives[i % LIVES].block_size, lives[i % LIVES].max_bytes, lives[i % LIVES].close_first, each, &seed);
}

int main(int argc, char **argv) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    base_seed = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (argc > 1) seconds = atoi(argv[1]);
    if (argc > 2) base_seed = strtoull(argv[2], NULL, 10);
    if (argc > 3) threads = atoi(argv[3]);
    if (argc > 4 || seconds <= 0 || threads <= 0 || threads > (MAX_ACTORS - 13) / 2) {
        fprintf(stderr, "usage: soak_test [SECONDS] [SEED] [THREADS]\n");
        return 2;
    }
    check_start(1, argv);
    printf("soak_test %d %" PRIu64 " %d\n", seconds, base_seed, threads);
    RUN(everybody_at_once);
    return check_end();
}
