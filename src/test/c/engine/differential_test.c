/*
 * Random programs of SQL, run by our engine on our VFS, and by the same SQLite without anything of ours on files.
 *
 *     differential_test PLAIN                  some seeds, which begin at one that is printed. PLAIN: the library made
 *                                              of src/test/plain
 *     differential_test PLAIN FIRST COUNT      COUNT seeds from FIRST on; several processes may share the work
 *
 * A seed is a program: statements run to their end, and queries left on a row, on up to three connections with two
 * databases; transactions, savepoints, schemas that change, and so on. After each step both sides must have the same
 * rows or the same error (extended code, message, place in the SQL), the same changes(), total_changes(),
 * last_insert_rowid() and transaction state, have called the same hooks, and seen the same changes of data_version. In
 * between, what is in the databases is compared, and integrity_check run.
 *
 * The other side has files, of two kinds:
 *
 *   in rollback mode    several connections, but one after the other: a file's readers and writers exclude each other.
 *                       The files must have the same bytes
 *   in WAL mode         as our VFS, where readers and a writer go on beside each other. The content must be the same
 *
 * Our side runs in one of three ways: by SQLite's own interface alone; by the engine's, as Java calls it (rows.h,
 * engine.h), row by row; and with rows read ahead.
 *
 * A program that differs is made shorter as long as it still does, and printed. Each step has random numbers of its
 * own, so that steps can be left out.
 */
#include "../harness/check.h"
#include "engine/engine.h"
#include "engine/rows.h"
#include "../harness/vfs_util.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the two sides ---------------------------------------------------------------------------------- */

#define FUNCTIONS(F) \
    F(open_v2) F(close) F(extended_result_codes) F(exec) F(prepare_v2) F(step) F(reset) F(finalize) F(errmsg) \
    F(extended_errcode) F(error_offset) F(column_count) F(column_type) F(column_int64) F(column_double) \
    F(column_text) F(column_blob) F(column_bytes) F(changes64) F(total_changes64) F(last_insert_rowid) \
    F(get_autocommit) F(txn_state) F(update_hook) F(commit_hook) F(blob_open) F(blob_read) F(blob_write) \
    F(blob_bytes) F(blob_reopen) F(blob_close) F(backup_init) F(backup_step) F(backup_finish) F(serialize) \
    F(free) F(initialize)

typedef struct api {
#define MEMBER(name) __typeof__(sqlite3_##name) *name;
    FUNCTIONS(MEMBER)
} api;

static const api ours = {
#define OWN(name) .name = sqlite3_##name,
    FUNCTIONS(OWN)
};

enum { OURS, PLAIN, SIDES };

static api plain;
static const api *const apis[SIDES] = {&ours, &plain};

static void load_plain(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) check_fail(__FILE__, __LINE__, "%s: %s", path, dlerror());
    REQUIRE(library);
    void *found;
#define LOAD(name) \
    found = dlsym(library, "sqlite3_" #name); \
    REQUIRE(found); \
    memcpy(&plain.name, &found, sizeof found);
    FUNCTIONS(LOAD)
    REQUIRE_EQ(plain.initialize(), SQLITE_OK);
    REQUIRE(plain.open_v2 != ours.open_v2);
}

/* ---- what a step comes to, on either side ----------------------------------------------------------- */

#define SHOWN 600 /* bytes; the rest counts by its hash */

typedef struct result {
    char text[SHOWN];
    size_t shown;
    uint64_t hash, bytes;
} result;

static void put(result *r, const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    if (n == 0) return; /* bytes may be NULL */
    for (size_t i = 0; i < n; i++) r->hash = (r->hash ^ p[i]) * 0x100000001b3u;
    r->bytes += n;
    size_t part = sizeof r->text - 1 - r->shown;
    if (part > n) part = n;
    memcpy(r->text + r->shown, bytes, part);
    for (size_t i = r->shown; i < r->shown + part; i++)
        if (!r->text[i]) r->text[i] = '0';
    r->shown += part;
    r->text[r->shown] = 0;
}

__attribute__((format(CHECK_PRINTF, 2, 3))) static void say(result *r, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = sqlite3_vmprintf(format, args);
    va_end(args);
    REQUIRE(text);
    put(r, text, strlen(text));
    sqlite3_free(text);
}

static void put_value(result *r, int type, int64_t integer, double real, const void *bytes, int n) {
    char text[64];
    switch (type) {
    case SQLITE_INTEGER: say(r, "%" PRId64, integer); break;
    case SQLITE_FLOAT:
        sqlite3_snprintf(sizeof text, text, "%!.17g", real);
        put(r, text, strlen(text));
        break;
    case SQLITE_NULL: put(r, "NULL", 4); break;
    default:
        put(r, type == SQLITE_TEXT ? "'" : "x'", type == SQLITE_TEXT ? 1 : 2);
        put(r, bytes, (size_t)n);
        put(r, "'", 1);
    }
}

/* ---- the state of a program ------------------------------------------------------------------------- */

enum { USERS = 3, SLOTS = 3, STEPS = 70, MOST_ROWS = 3000 };

/* A statement that stays. */
typedef struct slot {
    sqlite3_stmt *stmt[SIDES]; /* NULL: none */
    char sql[500];
    /* Of our side, where rows are read ahead: */
    char memory[MV_ROWS_MEMORY];
    size_t at;
    int rows, code, most; /* rows that are left; what comes behind them */
    bool running, held;
} slot;

typedef struct user {
    sqlite3 *db[SIDES];
    slot slots[SLOTS];
    int64_t data_version[SIDES];
    result hooks[SIDES];
    bool schema_changed;   /* perhaps, by others since it has run something */
} user;

typedef enum way { BY_SQLITE, BY_ENGINE, AHEAD } way;

typedef struct life {
    env e;
    uint64_t program, seed; /* of the step */
    bool wal;
    way way;
    user users[USERS];
    int last;               /* user */
    int copies;             /* that VACUUM INTO has made */
    bool failed;
    bool compile_failed;    /* in this step, by the engine */
    bool schema_changed;    /* of the user at work */
    bool looked, over;      /* the engine may have read a schema again after an error; that cannot be made up for */
    char *trail, *difference;
} life;

static life *running; /* for who looks into a crash */

static uint64_t below(life *l, uint64_t n) {
    return check_random(&l->seed) % n;
}

#define ONE_OF(l, list) ((list)[below(l, sizeof(list) / sizeof *(list))])

__attribute__((format(CHECK_PRINTF, 2, 3))) static void note(life *l, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = sqlite3_vmprintf(format, args);
    va_end(args);
    l->trail = sqlite3_mprintf("%z%z\n", l->trail, text);
    REQUIRE(l->trail);
}

/* The results must be the same. */
static void compare(life *l, const char *what, const result *r) {
    if (l->failed || (r[OURS].hash == r[PLAIN].hash && r[OURS].bytes == r[PLAIN].bytes)) return;
    l->failed = true;
    l->difference = sqlite3_mprintf("%s\n  ours:  %s (%llu bytes, %llx)\n  plain: %s (%llu bytes, %llx)", what,
        r[OURS].text, (long long)r[OURS].bytes, (long long)r[OURS].hash, r[PLAIN].text, (long long)r[PLAIN].bytes,
            (long long)r[PLAIN].hash);
}

/* ---- statements ------------------------------------------------------------------------------------- */

/*
 * After some errors SQLite complains of the schema as it was, though another connection has changed it. The engine
 * looks, and compiles once more (mv_engine_prepare): so where the two differ the other side forgets its schema, and
 * does the same. Afterwards the two know the schemas of different times, and the program ends.
 */
static int prepare_on(life *l, int side, sqlite3 *db, const char *sql, sqlite3_stmt **stmt) {
    static char message[300]; /* of our side, which is the first */
    int rc;
    if (side == OURS && l->way != BY_SQLITE) {
        mv_limits limits;
        rc = mv_engine_enter(db, &limits);
        if (rc == SQLITE_OK) rc = mv_engine_prepare(db, sql, (int)strlen(sql) + 1, stmt, NULL);
        rc = mv_engine_leave(db, &limits, rc);
        if ((rc & 0xff) == SQLITE_ERROR) l->compile_failed = true;
        sqlite3_snprintf(sizeof message, message, "%s", rc == SQLITE_OK ? "" : sqlite3_errmsg(db));
        return rc;
    }
    rc = apis[side]->prepare_v2(db, sql, -1, stmt, NULL);
    if (l->way != BY_SQLITE && (rc & 0xff) == SQLITE_ERROR && l->schema_changed) l->looked = true;
    if (side == OURS || l->way == BY_SQLITE || (rc & 0xff) != SQLITE_ERROR
        || strncmp(message, plain.errmsg(db), sizeof message - 1) == 0) return rc;
    REQUIRE_EQ(plain.exec(db, "PRAGMA writable_schema = RESET", NULL, NULL, NULL), SQLITE_OK);
    l->over = true;
    return plain.prepare_v2(db, sql, -1, stmt, NULL);
}

static int end_on(const life *l, int side, sqlite3_stmt *stmt, bool finalize) {
    if (side == PLAIN || l->way == BY_SQLITE) return finalize ? apis[side]->finalize(stmt) : apis[side]->reset(stmt);
    return mv_engine_end(stmt, finalize ? sqlite3_finalize : sqlite3_reset);
}

static void put_row_of(result *r, const api *a, sqlite3_stmt *stmt) {
    for (int i = 0; i < a->column_count(stmt); i++) {
        int type = a->column_type(stmt, i);
        const void *bytes = type == SQLITE_TEXT ? a->column_text(stmt, i) : type == SQLITE_BLOB
            ? a->column_blob(stmt, i) : NULL;
        put_value(r, type, type == SQLITE_INTEGER ? a->column_int64(stmt, i) : 0, type == SQLITE_FLOAT
            ? a->column_double(stmt, i) : 0, bytes,
            bytes ? a->column_bytes(stmt, i) : 0);
        put(r, ",", 1);
    }
    put(r, "|", 1);
}

/* The next of the rows that mv_rows_fetch has brought. */
static void put_fetched(result *r, slot *s) {
    const char *row = s->memory + s->at;
    int32_t head[2];
    memcpy(head, row, sizeof head);
    size_t values = MV_ROWS_HEAD + (((size_t)head[1] + 7) & ~(size_t)7);
    for (int i = 0; i < head[1]; i++) {
        const char *value = row + values + 8 * (size_t)i;
        int type = row[MV_ROWS_HEAD + i];
        int64_t integer;
        double real;
        int32_t place[2];
        memcpy(&integer, value, sizeof integer);
        memcpy(&real, value, sizeof real);
        memcpy(place, value, sizeof place);
        const void *bytes = row + place[0];
        int n = place[1];
        if ((type == SQLITE_TEXT || type == SQLITE_BLOB) && n == MV_ROWS_ELSEWHERE) {
            bytes = type == SQLITE_TEXT ? (const void *)sqlite3_column_text(s->stmt[OURS], i)
                : sqlite3_column_blob(s->stmt[OURS], i);
            n = sqlite3_column_bytes(s->stmt[OURS], i);
        }
        put_value(r, type, integer, real, bytes, n);
        put(r, ",", 1);
    }
    put(r, "|", 1);
    s->at += (size_t)head[0];
    s->rows--;
}

static void release_held(user *u, slot *s) {
    if (s->held) mv_engine_release_rows(u->db[OURS]);
    s->held = false;
}

/* A step by the engine: SQLITE_ROW, its row is put; or what ends it. */
static int step_engine(life *l, user *u, slot *s, result *r) {
    if (s->rows == 0 && s->running && s->code != SQLITE_ROW && s->code != MV_ROWS_PENDING) {
        release_held(u, s);
        s->running = false;
        return s->code;
    }
    if (s->rows == 0) {
        mv_fetch f = {.start = !s->running, .ahead = l->way == AHEAD, .pending = s->running
            && s->code == MV_ROWS_PENDING, .most = s->most,
            .memory = s->memory, .room = sizeof s->memory, .held = s->held};
        s->code = mv_rows_fetch(s->stmt[OURS], &f);
        s->held = f.held;
        s->rows = f.rows;
        s->at = 0;
        s->running = true;
        if (s->rows == 0) {
            REQUIRE(s->code != MV_ROWS_PENDING);
            release_held(u, s);
            s->running = false;
            return s->code;
        }
        if (l->way == AHEAD && s->most < 256) s->most *= 2;
    }
    put_fetched(r, s);
    return SQLITE_ROW;
}

static int step_on(life *l, int side, user *u, slot *s, result *r) {
    if (side == OURS && l->way != BY_SQLITE) return step_engine(l, u, s, r);
    int rc = apis[side]->step(s->stmt[side]);
    if (rc == SQLITE_ROW) put_row_of(r, apis[side], s->stmt[side]);
    return rc;
}

static int end_slot_on(life *l, int side, user *u, slot *s, bool finalize) {
    if (side == OURS) {
        release_held(u, s);
        s->rows = 0;
        s->running = false;
        s->most = 1;
    }
    int rc = end_on(l, side, s->stmt[side], finalize);
    if (finalize) s->stmt[side] = NULL;
    return rc;
}

static void put_error(life *l, int side, user *u, result *r, int rc) {
    const api *a = apis[side];
    (void)l;
    if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE) say(r, " code %d", rc);
    else say(r, " error %d %d at %d: %s", rc, a->extended_errcode(u->db[side]), a->error_offset(u->db[side]),
        a->errmsg(u->db[side]));
}

/* What a connection tells after each step. */
static void put_state(life *l, int side, user *u, result *r) {
    const api *a = apis[side];
    sqlite3 *db = u->db[side];
    int txn = a->txn_state(db, NULL);
    /* rows that were read ahead have ended their transaction for SQLite */
    if (l->way == AHEAD && txn == SQLITE_TXN_READ) txn = SQLITE_TXN_NONE;
    /* the engine may have ended the read transaction of a statement that did not compile */
    if (l->compile_failed && txn == SQLITE_TXN_READ) txn = SQLITE_TXN_NONE;
    say(r, "; changes %" PRId64 " %" PRId64 ", rowid %" PRId64 ", autocommit %d, transaction %d, hooks %" PRIx64,
        (int64_t)a->changes64(db), (int64_t)a->total_changes64(db), (int64_t)a->last_insert_rowid(db),
            a->get_autocommit(db), txn, u->hooks[side].hash);
}

/* Runs one statement to its end. */
static void run_on(life *l, int side, user *u, const char *sql, result *r) {
    static slot s;
    s = (slot){.most = 1};
    int rc = prepare_on(l, side, u->db[side], sql, &s.stmt[side]), rows = 0;
    while (rc == SQLITE_OK && s.stmt[side] && (rc = step_on(l, side, u, &s, r)) == SQLITE_ROW && ++rows < MOST_ROWS)
        rc = SQLITE_OK;
    put_error(l, side, u, r, rc);
    if (s.stmt[side]) end_slot_on(l, side, u, &s, true);
}

static bool is_idle(const user *u) {
    for (int i = 0; i < SLOTS; i++)
        if (u->slots[i].stmt[OURS]) return false;
    return ours.get_autocommit(u->db[OURS]);
}

static void run_both(life *l, user *u, const char *sql) {
    result r[SIDES] = {{.hash = 0}};
    note(l, "  %d: %s", (int)(u - l->users), sql);
    for (int side = 0; side < SIDES; side++) {
        run_on(l, side, u, sql, &r[side]);
        put_state(l, side, u, &r[side]);
    }
    compare(l, sql, r);
}

static void end_slot(life *l, user *u, slot *s, bool finalize) {
    result r[SIDES] = {{.hash = 0}};
    if (!s->stmt[OURS]) return;
    note(l, "  %d: %s of %s", (int)(u - l->users), finalize ? "end" : "reset", s->sql);
    bool ahead = l->way == AHEAD; /* the code is that of the last step, which was another one */
    for (int side = 0; side < SIDES; side++) {
        int rc = end_slot_on(l, side, u, s, finalize);
        if (!ahead) say(&r[side], "code %d", rc);
        put_state(l, side, u, &r[side]);
    }
    compare(l, s->sql, r);
}

static void end_slots(life *l, user *u) {
    for (int i = 0; i < SLOTS; i++) end_slot(l, u, &u->slots[i], true);
}

static void calm_down(life *l, user *u) {
    end_slots(l, u);
    if (!ours.get_autocommit(u->db[OURS])) run_both(l, u, below(l, 3) ? "COMMIT" : "ROLLBACK");
    if (!ours.get_autocommit(u->db[OURS])) run_both(l, u, "ROLLBACK");
}

/* ---- random SQL ------------------------------------------------------------------------------------- */

static const char *const tables[] = {"t0", "t1", "t2", "t3", "t4", "aux.u0", "aux.u1", "temp.v0", "t0", "t1"};
static const char *const main_tables[] = {"t0", "t1", "t2", "t3", "t4"};
static const char *const columns[] = {"a", "b", "c", "a", "b", "c", "rowid"};

/* Texts that were made for a statement live until it is run. */
static char *pool[400];
static size_t pool_count;

static void empty_pool(void) {
    while (pool_count) sqlite3_free(pool[--pool_count]);
}

__attribute__((format(CHECK_PRINTF, 1, 2))) static const char *text(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *made = sqlite3_vmprintf(format, args);
    va_end(args);
    REQUIRE(made && pool_count < sizeof pool / sizeof *pool);
    return pool[pool_count++] = made;
}

static const char *value(life *l) {
    static const char *const some[] = {"NULL", "0", "-1", "2.5", "'abc'", "'ABC'", "x'00ff'", "''", "1e300",
        "9223372036854775807", "'10'", "'one two three'",
        "'{\"a\":[1,2,{\"b\":3}]}'", "'two'", "zeroblob(20)", "-9223372036854775808"};
    switch (below(l, 6)) {
    case 0: return ONE_OF(l, some);
    case 1: return text("hex(zeroblob(%d))", (int)below(l, below(l, 8) ? 100 : 6000));
    case 2: return text("'w%d w%d x%d'", (int)below(l, 20), (int)below(l, 20), (int)below(l, 5));
    default: return text("%d", (int)below(l, 60) - 5);
    }
}

static const char *term(life *l) {
    switch (below(l, 7)) {
    case 0: return text("%s IS %s", ONE_OF(l, columns), value(l));
    case 1: return text("%s < %s", ONE_OF(l, columns), value(l));
    case 2: return text("%s BETWEEN %d AND %d", ONE_OF(l, columns), (int)below(l, 20), (int)below(l, 60));
    case 3: return text("%s IN (%s, %s, %s)", ONE_OF(l, columns), value(l), value(l), value(l));
    case 4: return text("%s LIKE '%%%d%%'", ONE_OF(l, columns), (int)below(l, 10));
    case 5: return text("abs(rowid) %% %d = 0", (int)below(l, 5) + 1);
    default: return text("typeof(%s) = 'integer' OR %s > %s", ONE_OF(l, columns), ONE_OF(l, columns), value(l));
    }
}

static const char *some_query(life *l, int depth);

static const char *order(life *l) {
    return below(l, 3) ? "" : text(" ORDER BY %d%s%s", (int)below(l, 2) + 1, below(l, 2) ? " DESC" : "", below(l, 3)
        ? "" : " NULLS LAST");
}

static const char *limit(life *l) {
    return below(l, 4) ? "" : text(" LIMIT %d OFFSET %d", (int)below(l, 20), (int)below(l, 4));
}

static const char *simple_query(life *l) {
    const char *t = ONE_OF(l, tables), *o = ONE_OF(l, tables);
    switch (below(l, 21)) {
    case 0: return text("SELECT * FROM %s", t);
    case 1: return text("SELECT a, b FROM %s WHERE %s", t, term(l));
    case 2: return text("SELECT count(*), min(a), max(b), total(a) FROM %s", t);
    case 3: return text("SELECT b, count(*), group_concat(a) FROM %s GROUP BY b HAVING count(*) > %d", t,
        (int)below(l, 3));
    case 4: return text("SELECT DISTINCT b, c FROM %s", t);
    case 5: return text("SELECT x.a, y.b FROM %s AS x JOIN %s AS y ON x.a = y.a", t, o);
    case 6: return text("SELECT x.a, y.c FROM %s AS x LEFT JOIN %s AS y ON x.b = y.b AND y.a > %s", t, o, value(l));
    case 7: return text("SELECT a, sum(a) OVER (ORDER BY a ROWS BETWEEN 2 PRECEDING AND CURRENT ROW), row_number() "
        "OVER (PARTITION BY c) FROM %s", t);
    case 8: return text("SELECT a, lag(b) OVER w, dense_rank() OVER w FROM %s WINDOW w AS (PARTITION BY typeof(a) "
        "ORDER BY b, a)", t);
    case 9: return text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i, i * i "
        "FROM n", (int)below(l, 300));
    case 10: return text("WITH m AS MATERIALIZED (SELECT a, b FROM %s) SELECT m.a, n.b FROM m, m AS n WHERE m.a = n.a",
        t);
    case 11: return text("SELECT a, (SELECT count(*) FROM %s AS y WHERE y.a <= x.a) FROM %s AS x", o, t);
    case 12: return text("SELECT a, EXISTS (SELECT 1 FROM %s AS y WHERE y.b = x.b) FROM %s AS x WHERE %s", o, t,
        "x.a > 3");
    case 13: return text("SELECT rowid, b FROM f WHERE f MATCH 'w%d%s'", (int)below(l, 20), below(l, 2) ? "*"
        : below(l, 2) ? " OR x1" : "");
    case 14: return text("SELECT rowid, snippet(f, 1, '[', ']', '..', 3), bm25(f) FROM f WHERE f MATCH 'w%d OR w%d' "
        "ORDER BY rank", (int)below(l, 20), (int)below(l, 20));
    case 15: return text("SELECT * FROM r WHERE lo > %d AND hi < %d", (int)below(l, 30), (int)below(l, 30) + 30);
    case 16: return text("SELECT key, value, type FROM %s, json_tree(%s)", t,
        "json_array(a, json_object('b', typeof(b)))");
    case 17: return text("SELECT type, name, tbl_name, sql FROM %s", below(l, 2) ? "sqlite_schema"
        : "aux.sqlite_schema");
    case 18: return text("SELECT a, b FROM %s NATURAL JOIN (SELECT a FROM %s)", t, o);
    case 19: return text("SELECT median(a), percentile(a, 20), json_group_array(b) FILTER (WHERE a > 4) FROM %s WHERE "
        "typeof(a) = 'integer'", t);
    default: return text("SELECT %s, %s FROM %s INDEXED BY i%d WHERE %s", "a", "b", t, (int)below(l, 4), term(l));
    }
}

static const char *some_query(life *l, int depth) {
    static const char *const compounds[] = {"UNION", "UNION ALL", "INTERSECT", "EXCEPT"};
    switch (below(l, depth ? 8 : 7)) {
    case 0: return text("SELECT a, b FROM %s %s SELECT b, c FROM %s%s", ONE_OF(l, tables), ONE_OF(l, compounds),
        ONE_OF(l, tables), order(l));
    case 7: return text("SELECT * FROM (%s) WHERE 1%s", some_query(l, depth - 1), limit(l));
    default: return text("%s%s%s", simple_query(l), order(l), limit(l));
    }
}

static const char *many_rows(life *l) {
    int n = (int)below(l, below(l, 6) ? 20 : 400) + 1, size = below(l, 5) ? 5 : (int)below(l, 700);
    return text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i * %d %% 97, 'w' "
        "|| (i %% 20) || hex(zeroblob(%d)), i FROM n",
        n, (int)below(l, 96) + 1, size);
}

static const char *change(life *l) {
    static const char *const conflicts[] = {"", "", "", "", " OR REPLACE", " OR IGNORE", " OR FAIL", " OR ABORT",
        " OR ROLLBACK"};
    const char *t = ONE_OF(l, tables), *returning = below(l, 8) ? "" : " RETURNING a, b, rowid";
    switch (below(l, 17)) {
    case 0: case 1: case 2: return text("INSERT%s INTO %s(a, b, c) VALUES(%s, %s, %s)%s", ONE_OF(l, conflicts), t,
        value(l), value(l), value(l), returning);
    case 3: return text("INSERT%s INTO %s(a, b) VALUES(%s, %s), (%s, %s)%s", ONE_OF(l, conflicts), t, value(l),
        value(l), value(l), value(l), returning);
    case 4: case 5: return text("INSERT%s INTO %s(a, b, c) %s", ONE_OF(l, conflicts), t, many_rows(l));
    case 6: return text("INSERT%s INTO %s(a, b, c) SELECT a, b, c FROM %s%s", ONE_OF(l, conflicts), t,
        ONE_OF(l, tables), limit(l));
    case 7: return text("INSERT INTO %s(a, b) VALUES(%s, %s) ON CONFLICT DO UPDATE SET b = excluded.b || 'u' WHERE a > "
        "3%s", t, value(l), value(l), returning);
    case 8: case 9: return text("UPDATE%s %s SET %s = %s WHERE %s%s", ONE_OF(l, conflicts), t, ONE_OF(l, columns),
        value(l), term(l), returning);
    case 10: return text("UPDATE%s %s SET b = b || 'x', a = a + 1%s", ONE_OF(l, conflicts), t, returning);
    case 11: return text("UPDATE %s SET c = o.b FROM %s AS o WHERE o.a = %s.a", t, ONE_OF(l, main_tables),
        strchr(t, '.') ? strchr(t, '.') + 1 : t);
    case 12: case 13: return text("DELETE FROM %s WHERE %s%s", t, term(l), returning);
    case 14: return text("DELETE FROM %s%s", t, below(l, 2) ? text(" ORDER BY a LIMIT %d", (int)below(l, 9)) : "");
    case 15:
        switch (below(l, 4)) {
        case 0: return text("INSERT INTO f(rowid, a, b) SELECT NULL, a, b FROM %s", t);
        case 1: return text("DELETE FROM f WHERE rowid %% 3 = %d", (int)below(l, 3));
        case 2: return text("UPDATE f SET b = b || ' w%d' WHERE rowid < %d", (int)below(l, 20), (int)below(l, 30));
        default: return text("INSERT INTO f(f) VALUES('%s')", below(l, 3) ? "optimize" : below(l, 2) ? "integrity-check"
            : "rebuild");
        }
    default:
        switch (below(l, 3)) {
        case 0: return text("INSERT OR REPLACE INTO r SELECT abs(a), a, a + %d FROM %s WHERE typeof(a) = 'integer' AND "
            "abs(a) < 1000", (int)below(l, 9), t);
        case 1: return text("DELETE FROM r WHERE id %% 4 = %d", (int)below(l, 4));
        default: return text("UPDATE r SET hi = hi + 1 WHERE lo < %d", (int)below(l, 40));
        }
    }
}

static const char *schema_change(life *l) {
    static const char *const kinds[] = {
        "(a INTEGER PRIMARY KEY, b, c)", "(a, b TEXT, c UNIQUE)", "(a PRIMARY KEY, b, c) WITHOUT ROWID",
            "(a INTEGER PRIMARY KEY AUTOINCREMENT, b, c DEFAULT 7)",
        "(a, b, c AS (a || '-' || b) STORED)", "(a, b, c AS (a || '-' || b))", "(a INT, b ANY, c TEXT) STRICT",
            "(a, b, c, PRIMARY KEY(b, a)) WITHOUT ROWID",
        "(a REFERENCES t0(a) ON DELETE CASCADE ON UPDATE SET NULL, b CHECK(b IS NOT 3), c COLLATE NOCASE)",
            "(a UNIQUE ON CONFLICT REPLACE, b, c)",
    };
    static const char *const events[] = {"AFTER INSERT", "BEFORE INSERT", "AFTER UPDATE", "BEFORE UPDATE OF b",
        "AFTER DELETE", "BEFORE DELETE"};
    static const char *const failures[] = {"ABORT, 'no'", "FAIL, 'no'", "ROLLBACK, 'no'", "IGNORE"};
    const char *t = ONE_OF(l, tables), *m = ONE_OF(l, main_tables);
    int i = (int)below(l, 4);
    switch (below(l, 22)) {
    case 0: case 1: case 2: return text("CREATE TABLE %s%s%s", below(l, 2) ? "IF NOT EXISTS " : "", t,
        ONE_OF(l, kinds));
    case 3: return text("DROP TABLE %s%s", below(l, 2) ? "IF EXISTS " : "", t);
    case 4: return text("CREATE INDEX i%d ON %s(b, c DESC)", i, m);
    case 5: return text("CREATE %s INDEX i%d ON %s(%s)%s", below(l, 3) ? "" : "UNIQUE", i, m, below(l, 2) ? "a"
        : "a || b", below(l, 2) ? "" : " WHERE a > 5");
    case 6: return text("DROP INDEX i%d", i);
    case 7: return text("CREATE TRIGGER g%d %s ON %s BEGIN INSERT INTO %s(a, b) VALUES(1, 'g'); END", i,
        ONE_OF(l, events), m, ONE_OF(l, main_tables));
    case 8: return text("CREATE TRIGGER g%d %s ON %s BEGIN UPDATE %s SET c = c || '.' WHERE rowid = 3; DELETE FROM %s "
        "WHERE a = 4; END", i, ONE_OF(l, events), m,
        ONE_OF(l, main_tables), ONE_OF(l, main_tables));
    case 9: return text("CREATE TRIGGER g%d %s ON %s WHEN (SELECT count(*) FROM t0) > 30 BEGIN SELECT raise(%s); END",
        i, ONE_OF(l, events), m, ONE_OF(l, failures));
    case 10: return text("DROP TRIGGER g%d", i);
    case 11: return text("CREATE VIEW IF NOT EXISTS w%d AS %s", i, some_query(l, 0));
    case 12: return text("SELECT * FROM w%d", i);
    case 13: return text("DROP VIEW w%d", i);
    case 14: return text("ALTER TABLE %s RENAME TO t%d", m, (int)below(l, 5));
    case 15: return text("ALTER TABLE %s ADD COLUMN d%d %s", t, (int)below(l, 3), below(l, 2) ? "DEFAULT 'd'"
        : "AS (a + 1)");
    case 16: return text("ALTER TABLE %s DROP COLUMN d%d", t, (int)below(l, 3));
    case 17: return text("ALTER TABLE %s RENAME COLUMN d0 TO d1", t);
    case 18: return text("CREATE TABLE %s AS %s", t, some_query(l, 0));
    case 19: return text("CREATE TEMP TRIGGER tg%d %s ON %s BEGIN DELETE FROM %s WHERE a = 5; END", i,
        ONE_OF(l, events), m, ONE_OF(l, main_tables));
    case 20: return below(l, 2) ? "CREATE VIRTUAL TABLE IF NOT EXISTS f USING fts5(a, b, prefix=2)"
        : "DROP TABLE IF EXISTS f";
    default: return below(l, 2) ? "CREATE VIRTUAL TABLE IF NOT EXISTS r USING rtree(id, lo, hi)"
        : "DROP TABLE IF EXISTS r";
    }
}

static const char *transaction(life *l) {
    static const char *const some[] = {"BEGIN", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "COMMIT", "COMMIT", "ROLLBACK",
        "SAVEPOINT s0", "SAVEPOINT s1", "SAVEPOINT s2",
        "RELEASE s0", "RELEASE s1", "ROLLBACK TO s0", "ROLLBACK TO s1", "ROLLBACK TO s2", "BEGIN", "SAVEPOINT s1"};
    return ONE_OF(l, some);
}

static const char *pragma(life *l) {
    static const char *const some[] = {
        "user_version", "user_version = 7", "application_id = 12", "aux.user_version = 3", "foreign_keys = 1",
            "foreign_keys = 0", "recursive_triggers = 1",
        "cache_size = 10", "cache_size = 200", "cache_spill = 5", "cache_spill = 0", "secure_delete = 1",
            "secure_delete = 0", "secure_delete = fast",
        "incremental_vacuum(3)", "incremental_vacuum", "page_count", "freelist_count", "page_size", "max_page_count",
            "max_page_count = 60", "max_page_count = 100000",
        "table_info(t0)", "table_xinfo(t1)", "index_list(t0)", "index_xinfo(i0)", "foreign_key_list(t1)",
            "foreign_key_check", "quick_check", "integrity_check(t0)",
        "reverse_unordered_selects = 1", "reverse_unordered_selects = 0", "defer_foreign_keys = 1", "schema_version",
            "schema_version = 9", "encoding", "optimize",
        "cell_size_check = 1", "cell_size_check = 0", "query_only = 1", "query_only = 0", "query_only = 0",
            "count_changes = 1", "count_changes = 0",
        "case_sensitive_like = 1", "ignore_check_constraints = 1", "legacy_alter_table = 1", "legacy_alter_table = 0",
            "automatic_index = 0", "full_column_names = 1",
        "full_column_names = 0", "auto_vacuum", "temp.user_version = 4", "table_list(t0)", "trusted_schema = 0",
            "mmap_size = 0", "mmap_size = 100000",
        "empty_result_callbacks = 1", "index_info(i1)", "shrink_memory", "analysis_limit = 50", "hard_heap_limit",
            "soft_heap_limit", "cell_size_check",
        "writable_schema", "temp_store = 1", "journal_size_limit", "fullfsync",
    };
    return text("PRAGMA %s", ONE_OF(l, some));
}

/* What changes much at a time. */
static const char *large(life *l) {
    static const char *const some[] = {"VACUUM", "VACUUM aux", "ANALYZE", "ANALYZE t0", "REINDEX", "REINDEX t1",
        "ATTACH 'b' AS aux", "DETACH aux", "PRAGMA integrity_check",
        "ATTACH ':memory:' AS m", "CREATE TABLE m.x AS SELECT * FROM t0", "DETACH m", "DROP TABLE sqlite_stat1",
            "DELETE FROM sqlite_sequence"};
    if (below(l, 8) == 0) return text("VACUUM INTO 'copy%d'", l->copies++);
    if (!l->wal && below(l, 6) == 0) return text("PRAGMA auto_vacuum = %d", (int)below(l, 3));
    if (!l->wal && below(l, 6) == 0) return text("PRAGMA page_size = %d; VACUUM", 512 << below(l, 8)); /* a file in WAL mode keeps its size */
    return ONE_OF(l, some);
}

static const char *statement(life *l) {
    switch (below(l, 19)) {
    case 0: case 1: case 2: case 3: return some_query(l, 2);
    case 4: case 5: case 6: case 7: case 8: return change(l);
    case 9: case 10: case 11: return schema_change(l);
    case 12: case 13: case 14: case 15: return transaction(l);
    case 16: return large(l);
    default: return pragma(l);
    }
}

/* ---- steps ------------------------------------------------------------------------------------------ */

static void note_change(void *to, int op, char const *schema, char const *table, sqlite3_int64 rowid) {
    bool random_name = !strncmp(schema, "vacuum_", 7);
    say(to, "%d %s %s %" PRId64 ";", op, random_name ? "vacuum" : schema, table, (int64_t)rowid);
}

static int note_commit(void *to) {
    put(to, "commit;", 7);
    return 0;
}

static void close_user(life *l, user *u) {
    end_slots(l, u);
    for (int side = 0; side < SIDES; side++) REQUIRE_EQ(apis[side]->close(u->db[side]), SQLITE_OK);
    *u = (user){.db = {NULL}};
}

static void open_user(life *l, user *u) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (u->db[OURS]) {
        if (!l->wal) calm_down(l, u);
        close_user(l, u);
    }
    note(l, "  %d: opened", (int)(u - l->users));
    REQUIRE_EQ(sqlite3_open_v2("a", &u->db[OURS], flags, l->e.name), SQLITE_OK);
    if (l->way != BY_SQLITE) REQUIRE_EQ(mv_engine_guard(u->db[OURS]), SQLITE_OK);
    REQUIRE_EQ(plain.open_v2("a", &u->db[PLAIN], flags, NULL), SQLITE_OK);
    REQUIRE_EQ(plain.exec(u->db[PLAIN], l->wal ? "PRAGMA synchronous = 0; PRAGMA wal_autocheckpoint = 50"
        : "PRAGMA synchronous = 0; PRAGMA journal_mode = memory",
        NULL, NULL, NULL), SQLITE_OK);
    for (int side = 0; side < SIDES; side++) {
        apis[side]->extended_result_codes(u->db[side], 1);
        apis[side]->update_hook(u->db[side], note_change, &u->hooks[side]);
        apis[side]->commit_hook(u->db[side], note_commit, &u->hooks[side]);
        u->data_version[side] = -1;
    }
    run_both(l, u, "ATTACH 'b' AS aux");
}

/* Of a connection that stands on rows a change ends the queries: which rows of the new they see, and whether a rollback
 * ends them, is not the same when rows were read ahead. */
static void run_change(life *l, user *u, const char *sql) {
    if (l->way == AHEAD) end_slots(l, u);
    for (int i = 0; i < USERS; i++) l->users[i].schema_changed |= &l->users[i] != u;
    run_both(l, u, sql);
}

static void open_slot(life *l, user *u) {
    slot *s = &u->slots[below(l, SLOTS)];
    result r[SIDES] = {{.hash = 0}};
    end_slot(l, u, s, true);
    const char *sql = below(l, 4) ? some_query(l, 1) : l->way == AHEAD ? "SELECT a FROM t0" : change(l);
    sqlite3_snprintf(sizeof s->sql, s->sql, "%s", sql);
    note(l, "  %d: prepare %s", (int)(u - l->users), s->sql);
    for (int side = 0; side < SIDES; side++) {
        int rc = prepare_on(l, side, u->db[side], s->sql, &s->stmt[side]);
        put_error(l, side, u, &r[side], rc);
        put_state(l, side, u, &r[side]);
    }
    s->most = 1;
    s->rows = 0;
    s->running = s->held = false;
    compare(l, s->sql, r);
}

static void step_slot(life *l, user *u) {
    slot *s = &u->slots[below(l, SLOTS)];
    if (!s->stmt[OURS] || !s->stmt[PLAIN]) return;
    int steps = (int)below(l, 3) + 1;
    if (below(l, 4) == 0) steps = (int)below(l, 60);
    for (int i = 0; i < steps && !l->failed; i++) {
        result r[SIDES] = {{.hash = 0}};
        int rc[SIDES];
        if (i == 0) note(l, "  %d: %d steps of %s", (int)(u - l->users), steps, s->sql);
        for (int side = 0; side < SIDES; side++) {
            rc[side] = step_on(l, side, u, s, &r[side]);
            put_error(l, side, u, &r[side], rc[side]);
            put_state(l, side, u, &r[side]);
        }
        compare(l, s->sql, r);
        if (rc[OURS] != SQLITE_ROW) {
            end_slot(l, u, s, false);
            break;
        }
    }
}

static void compare_data_version(life *l, user *u) {
    result r[SIDES] = {{.hash = 0}}, ignored = {.hash = 0};
    note(l, "  %d: PRAGMA data_version", (int)(u - l->users));
    for (int side = 0; side < SIDES; side++) {
        sqlite3_stmt *stmt;
        /* it tells what the last transaction has seen */
        run_on(l, side, u, "SELECT count(*) FROM sqlite_schema", &ignored);
        REQUIRE_EQ(apis[side]->prepare_v2(u->db[side], "PRAGMA data_version", -1, &stmt, NULL), SQLITE_OK);
        REQUIRE_EQ(apis[side]->step(stmt), SQLITE_ROW);
        int64_t now = apis[side]->column_int64(stmt, 0);
        apis[side]->finalize(stmt);
        say(&r[side], "%s", u->data_version[side] < 0 || now == u->data_version[side] ? "same" : "changed");
        u->data_version[side] = now;
    }
    compare(l, "PRAGMA data_version", r);
}

static void use_blob(life *l, user *u) {
    static const char *const schemas[] = {"main", "main", "aux", "temp"};
    const char *schema = ONE_OF(l, schemas), *table = ONE_OF(l, main_tables), *column = ONE_OF(l, columns);
    bool write = below(l, 2);
    sqlite3_int64 rowid = (sqlite3_int64)below(l, 20), next = (sqlite3_int64)below(l, 20);
    int n = (int)below(l, 30), offset = (int)below(l, 200);
    result r[SIDES] = {{.hash = 0}};
    note(l, "  %d: blob of %s.%s.%s, %lld then %lld, %d bytes at %d%s", (int)(u - l->users), schema, table, column,
        rowid, next, n, offset, write ? ", written" : "");
    for (int side = 0; side < SIDES; side++) {
        const api *a = apis[side];
        sqlite3_blob *blob;
        char bytes[40] = "what is written into a blob";
        int rc = a->blob_open(u->db[side], schema, table, column, rowid, write, &blob);
        put_error(l, side, u, &r[side], rc);
        for (int i = 0; i < 2 && blob; i++) {
            say(&r[side], " %d bytes", a->blob_bytes(blob));
            rc = write ? a->blob_write(blob, bytes, n, offset) : a->blob_read(blob, bytes, n, offset);
            put_error(l, side, u, &r[side], rc);
            if (rc == SQLITE_OK) put(&r[side], bytes, (size_t)n);
            put_error(l, side, u, &r[side], a->blob_reopen(blob, next));
        }
        put_error(l, side, u, &r[side], a->blob_close(blob));
        put_state(l, side, u, &r[side]);
    }
    compare(l, "a blob", r);
}

/* Without the numbers of its nodes, which are those of instructions: there are more where SQLite checks itself. */
static void compare_plan(life *l, user *u) {
    const char *sql = text("EXPLAIN QUERY PLAN %s", below(l, 2) ? some_query(l, 2) : change(l));
    result r[SIDES] = {{.hash = 0}};
    note(l, "  %d: %s", (int)(u - l->users), sql);
    for (int side = 0; side < SIDES; side++) {
        sqlite3_stmt *stmt = NULL;
        int rc = prepare_on(l, side, u->db[side], sql, &stmt);
        while (rc == SQLITE_OK && (rc = apis[side]->step(stmt)) == SQLITE_ROW) {
            rc = SQLITE_OK;
            say(&r[side], "%s|", apis[side]->column_text(stmt, 3));
        }
        put_error(l, side, u, &r[side], rc);
        end_on(l, side, stmt, true);
    }
    compare(l, sql, r);
}

/* ---- what is stored --------------------------------------------------------------------------------- */

static void put_all(life *l, int side, sqlite3 *db, const char *sql, result *r) {
    sqlite3_stmt *stmt = NULL;
    const api *a = apis[side];
    (void)l;
    int rc = a->prepare_v2(db, sql, -1, &stmt, NULL);
    while (rc == SQLITE_OK && (rc = a->step(stmt)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        put_row_of(r, a, stmt);
    }
    if (rc != SQLITE_DONE) say(r, " error %d: %s", rc, a->errmsg(db));
    a->finalize(stmt);
    put(r, "\n", 1);
}

/* By a connection that is opened for it. */
static void compare_content(life *l, const char *name) {
    result r[SIDES] = {{.hash = 0}};
    note(l, "  content of %s", name);
    for (int side = 0; side < SIDES; side++) {
        const api *a = apis[side];
        sqlite3 *db;
        sqlite3_stmt *list;
        int rc = a->open_v2(name, &db, SQLITE_OPEN_READWRITE, side == OURS ? l->e.name : NULL);
        if (rc == SQLITE_OK) {
            put_all(l, side, db, "PRAGMA integrity_check", &r[side]);
            put_all(l, side, db, "PRAGMA page_count", &r[side]);
            put_all(l, side, db, "PRAGMA freelist_count", &r[side]);
            put_all(l, side, db, "PRAGMA user_version", &r[side]);
            put_all(l, side, db, "SELECT * FROM sqlite_schema", &r[side]);
            REQUIRE_EQ(a->prepare_v2(db, "SELECT 'SELECT * FROM ' || quote(name) FROM sqlite_schema WHERE type = "
                "'table'", -1, &list, NULL), SQLITE_OK);
            while (a->step(list) == SQLITE_ROW) put_all(l, side, db, (const char *)a->column_text(list, 0), &r[side]);
            a->finalize(list);
        } else {
            say(&r[side], "error %d", rc);
        }
        REQUIRE_EQ(a->close(db), SQLITE_OK);
    }
    compare(l, text("content of %s", name), r);
}

static uint8_t *file_bytes(const char *name, size_t *n) {
    FILE *file = fopen(name, "rb");
    REQUIRE(file);
    struct stat about;
    REQUIRE_EQ(fstat(fileno(file), &about), 0);
    *n = (size_t)about.st_size;
    uint8_t *bytes = malloc(*n + 1);
    REQUIRE(bytes);
    REQUIRE_EQ(fread(bytes, 1, *n, file), *n);
    fclose(file);
    return bytes;
}

static uint32_t number_at(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/*
 * Clears what need not be the same (https://sqlite.org/fileformat.html). What stands in free pages depends on when the
 * page cache was written. The change counter, which also says for which of its values the size in the header is valid,
 * rises by two on our side if a transaction has changed the first page alone: SQLite counts anew when it writes the
 * page in one piece (SQLITE_ENABLE_ATOMIC_WRITE).
 */
static void clear_free_bytes(uint8_t *bytes, size_t n) {
    enum { COUNTER_AT = 24, VALID_FOR_AT = 92, COUNTER_BYTES = 4 };
    if (n < 512) return;
    CHECK_MEM(bytes + COUNTER_AT, bytes + VALID_FOR_AT, COUNTER_BYTES);
    memset(bytes + COUNTER_AT, 0, COUNTER_BYTES);
    memset(bytes + VALID_FOR_AT, 0, COUNTER_BYTES);
    size_t page_size = (size_t)bytes[16] << 8 | (size_t)bytes[17] << 16;
    uint32_t trunk = number_at(bytes + 32);
    while (trunk && trunk * page_size <= n) {
        uint8_t *page = bytes + (trunk - 1) * page_size;
        uint32_t leaves = number_at(page + 4);
        if (leaves > page_size / 4 - 2) return;
        for (uint32_t i = 0; i < leaves; i++) {
            uint32_t leaf = number_at(page + 8 + 4 * i);
            if (leaf && leaf * page_size <= n) memset(bytes + (leaf - 1) * page_size, 0, page_size);
        }
        memset(page + 8 + 4 * leaves, 0, page_size - 8 - 4 * leaves);
        trunk = number_at(page);
    }
}

static void compare_bytes(life *l, const char *name) {
    size_t n[SIDES];
    uint8_t *bytes[SIDES] = {stored_bytes(&l->e, name, &n[OURS]), file_bytes(name, &n[PLAIN])};
    result r[SIDES] = {{.hash = 0}};
    note(l, "  bytes of %s", name);
    for (int side = 0; side < SIDES; side++) clear_free_bytes(bytes[side], n[side]);
    size_t at = 0;
    while (at < n[OURS] && at < n[PLAIN] && bytes[OURS][at] == bytes[PLAIN][at]) at++;
    for (int side = 0; side < SIDES; side++) {
        say(&r[side], "%lld bytes, at %lld: ", (long long)n[side], (long long)at);
        for (size_t i = at; i < n[side] && i < at + 8; i++) say(&r[side], "%02x ", bytes[side][i]);
        free(bytes[side]);
    }
    compare(l, text("bytes of %s", name), r);
}

static void compare_serialized(life *l, user *u) {
    result r[SIDES] = {{.hash = 0}};
    note(l, "  %d: serialize", (int)(u - l->users));
    for (int side = 0; side < SIDES; side++) {
        sqlite3_int64 n = 0;
        uint8_t *bytes = apis[side]->serialize(u->db[side], "main", &n, 0);
        say(&r[side], "%lld bytes ", bytes ? n : -1);
        if (bytes) clear_free_bytes(bytes, (size_t)n);
        if (bytes && !l->wal) put(&r[side], bytes, (size_t)n);
        apis[side]->free(bytes);
    }
    compare(l, "serialized", r);
}

static void compare_backup(life *l, user *u) {
    result r[SIDES] = {{.hash = 0}};
    int pages = (int)below(l, 20) + 1;
    note(l, "  %d: backup, %d pages a step", (int)(u - l->users), pages);
    for (int side = 0; side < SIDES; side++) {
        const api *a = apis[side];
        sqlite3 *to;
        REQUIRE_EQ(a->open_v2("backup", &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, side == OURS ? l->e.name
            : NULL), SQLITE_OK);
        if (side == PLAIN) a->exec(to, "PRAGMA journal_mode = memory; PRAGMA synchronous = 0", NULL, NULL, NULL);
        sqlite3_backup *backup = a->backup_init(to, "main", u->db[side], "main");
        if (backup) {
            int rc;
            while ((rc = a->backup_step(backup, pages)) == SQLITE_OK) continue;
            say(&r[side], "step %d, finish %d", rc, a->backup_finish(backup));
        }
        say(&r[side], ", code %d %s", a->extended_errcode(to), a->errmsg(to));
        REQUIRE_EQ(a->close(to), SQLITE_OK);
        put_state(l, side, u, &r[side]);
    }
    compare(l, "backup", r);
    compare_content(l, "backup");
    sqlite3_int64 none = mv_store_delete(l->e.store, "backup", 6);
    (void)none;
    unlink("backup");
}

static void check_all(life *l) {
    if (!l->wal)
        for (int i = 0; i < USERS; i++) calm_down(l, &l->users[i]);
    static const char *const names[] = {"a", "b"};
    for (int i = 0; i < 2; i++) {
        compare_content(l, names[i]);
        if (!l->wal && !l->failed) compare_bytes(l, names[i]);
    }
}

static void random_step(life *l) {
    int number = (int)below(l, USERS);
    if (!l->wal && below(l, 4)) number = l->last; /* mostly one connection, and no other is in the midst of something */
    user *u = &l->users[number];
    if (!l->wal && number != l->last) calm_down(l, &l->users[l->last]);
    l->last = number;
    l->schema_changed = u->schema_changed;
    l->compile_failed = false;
    switch (below(l, 24)) {
    case 0: case 1: case 2: open_slot(l, u); break;
    case 3: case 4: case 5: case 6: case 7: step_slot(l, u); break;
    case 8: end_slot(l, u, &u->slots[below(l, SLOTS)], below(l, 2)); break;
    case 9: if (below(l, 2)) compare_data_version(l, u); else compare_plan(l, u); break;
    case 10: if (l->way == BY_SQLITE) use_blob(l, u); break;
    case 11:
        switch (below(l, 5)) {
        case 0: open_user(l, u); break;
        case 1: if (is_idle(u) && l->way == BY_SQLITE) compare_serialized(l, u); break;
        case 2: if (is_idle(u) && l->way == BY_SQLITE) compare_backup(l, u); break;
        default: check_all(l);
        }
        break;
    default: {
        const char *sql = statement(l);
        if (!strncmp(sql, "SELECT", 6) || !strncmp(sql, "WITH", 4)) run_both(l, u, sql);
        else run_change(l, u, sql);
    }
    }
    empty_pool();
    if (l->compile_failed && ours.txn_state(u->db[OURS], NULL) != plain.txn_state(u->db[PLAIN], NULL)) l->over = true;
    if (!l->looked) return;
    l->looked = false;
    /* so does the other side */
    if (is_idle(u)) run_both(l, u, "SELECT count(*) FROM sqlite_schema, aux.sqlite_schema");
    else l->over = true;
    u->schema_changed = false;
}

/* ---- a program -------------------------------------------------------------------------------------- */

/* What both sides begin with. */
static void make_content(life *l, const char *name) {
    static const uint32_t page_sizes[] = {512, 1024, 4096, 4096, 4096, 65536};
    int page_size = (int)ONE_OF(l, page_sizes), auto_vacuum = (int)below(l, 3);
    const char *encoding = l->program % 7 == 0 ? "UTF-16le" : l->program % 7 == 1 ? "UTF-16be" : "UTF-8";
    static const char *const schemas[] = {
        "CREATE TABLE t0(a INTEGER PRIMARY KEY, b, c); CREATE TABLE t1(a, b TEXT, c); CREATE TABLE t2(a PRIMARY KEY, "
            "b, c) WITHOUT ROWID;"
        "CREATE VIRTUAL TABLE f USING fts5(a, b); CREATE VIRTUAL TABLE r USING rtree(id, lo, hi); CREATE INDEX i0 ON "
            "t0(b); CREATE TABLE u0(a, b, c);"
        "INSERT INTO t0 VALUES(1, 'one', 1), (2, 'two', 2), (3, 3, 3.5); INSERT INTO t1 VALUES(1, 2, 3)",
        "CREATE TABLE u0(a, b, c); CREATE TABLE u1(a INTEGER PRIMARY KEY, b, c); CREATE TABLE t0(a, b, c)",
        "",
    };
    /* a file in WAL mode is not empty */
    const char *schema = l->wal || below(l, 4) ? schemas[*name == 'a' ? 0 : 1] : schemas[2];
    note(l, "  %s: page size %d, auto_vacuum %d, %s", name, page_size, auto_vacuum, encoding);
    for (int side = 0; side < SIDES; side++) {
        const api *a = apis[side];
        sqlite3 *db;
        REQUIRE_EQ(a->open_v2(name, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, side == OURS ? l->e.name : NULL),
            SQLITE_OK);
        char *sql = sqlite3_mprintf("%s PRAGMA page_size = %d; PRAGMA auto_vacuum = %d; PRAGMA encoding = '%s'; %s; %s",
            side == PLAIN ? "PRAGMA journal_mode = memory; PRAGMA synchronous = 0;" : "", page_size, auto_vacuum,
                encoding, schema,
            side == PLAIN && l->wal ? "PRAGMA journal_mode = wal" : "");
        char *message = NULL;
        int rc = a->exec(db, sql, NULL, NULL, &message);
        if (rc) check_fail(__FILE__, __LINE__, "%s: %s", sql, message);
        REQUIRE_EQ(rc, SQLITE_OK);
        sqlite3_free(sql);
        REQUIRE_EQ(a->close(db), SQLITE_OK);
    }
}

static void remove_files(const life *l) {
    static const char *const ends[] = {"", "-journal", "-wal", "-shm"};
    for (int i = -3; i < l->copies; i++) {
        for (size_t j = 0; j < sizeof ends / sizeof *ends; j++) {
            char name[64];
            if (i >= 0) snprintf(name, sizeof name, "copy%d%s", i, ends[j]);
            else snprintf(name, sizeof name, "%s%s", i == -3 ? "a" : i == -2 ? "b" : "backup", ends[j]);
            unlink(name);
        }
    }
}

static void live(life *l, uint64_t program, const bool *left_out) {
    static const uint32_t block_sizes[] = {0, 0, 512, 65536};
    *l = (life){.program = program, .seed = program, .wal = program % 2, .way = (way)(program / 2 % 3)};
    running = l;
    l->e = env_new(block_sizes[program / 6 % 4], 0);
    note(l, "  files in %s mode, %s", l->wal ? "WAL" : "rollback", l->way == BY_SQLITE ? "by SQLite's interface"
        : l->way == BY_ENGINE ? "by the engine's" : "rows read ahead");
    make_content(l, "a");
    make_content(l, "b");
    if (!l->wal) compare_bytes(l, "a");
    if (!l->wal) compare_bytes(l, "b");
    for (int i = 0; i < USERS; i++) open_user(l, &l->users[i]);
    for (int i = 0; i < STEPS && !l->failed && !l->over; i++) {
        l->seed = program * 1000003 + (uint64_t)i;
        check_random(&l->seed);
        if (!left_out || !left_out[i]) random_step(l);
    }
    if (!l->failed) check_all(l);
    for (int i = 0; i < l->copies && !l->failed; i++) { /* those that were made */
        const char *name = text("copy%d", i);
        if (access(name, F_OK) == 0) compare_content(l, name);
        if (!l->failed && access(name, F_OK) == 0 && !l->wal) compare_bytes(l, name);
    }
    for (int i = 0; i < USERS; i++) close_user(l, &l->users[i]);
    env_end(&l->e);
    remove_files(l);
    empty_pool();
    running = NULL;
}

static void forget(life *l) {
    sqlite3_free(l->trail);
    sqlite3_free(l->difference);
    l->trail = l->difference = NULL;
}

static bool still_differs(uint64_t program, const bool *left_out) {
    static life l;
    live(&l, program, left_out);
    bool failed = l.failed;
    forget(&l);
    return failed;
}

/* Leaves out what steps it can: large pieces first. */
static void shorten(uint64_t program) {
    static life l;
    bool left_out[STEPS] = {false};
    for (int piece = STEPS / 2; piece > 0; piece /= 2) {
        for (int from = 0; from < STEPS; from += piece) {
            bool before[STEPS];
            memcpy(before, left_out, sizeof before);
            for (int i = from; i < from + piece && i < STEPS; i++) left_out[i] = true;
            if (!still_differs(program, left_out)) memcpy(left_out, before, sizeof before);
        }
    }
    live(&l, program, left_out);
    printf("differential_test PLAIN %" PRIu64 " 1\n%s", program, l.trail);
    check_fail(__FILE__, __LINE__, "%s", l.difference ? l.difference : "differs no more");
    forget(&l);
}

static uint64_t first_seed, seeds = 100;

static void random_programs(void) {
    static life l;
    printf("differential_test PLAIN %" PRIu64 " %" PRIu64 "\n", first_seed, seeds);
    for (uint64_t seed = first_seed; seed - first_seed < seeds; seed++) {
        check_context("differential_test PLAIN %" PRIu64 " 1", seed);
        live(&l, seed, NULL);
        bool failed = l.failed;
        forget(&l);
        if (failed) shorten(seed);
    }
    check_context("%s", "");
}

static void print_program(int signal_number) {
    signal(signal_number, SIG_DFL);
    if (running) fprintf(stderr, "crashed: differential_test PLAIN %" PRIu64 " 1\n%s\n", running->program,
        running->trail);
    raise(signal_number);
}

static char folder[] = "/tmp/differential_test-XXXXXX", shared[] = "/dev/shm/differential_test-XXXXXX";

int main(int argc, char **argv) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    first_seed = (uint64_t)now.tv_sec;
    if (argc < 2) {
        fprintf(stderr, "differential_test PLAIN [FIRST COUNT]: PLAIN is the library made of src/test/plain\n");
        return 2;
    }
    if (argc == 4) {
        char *end;
        first_seed = strtoull(argv[2], &end, 0);
        REQUIRE(end != argv[2] && !*end);
        seeds = strtoull(argv[3], &end, 0);
        REQUIRE(end != argv[3] && !*end);
    }
    signal(SIGABRT, print_program);
    signal(SIGSEGV, print_program);
    load_plain(argv[1]);
    const char *made = mkdtemp(access("/dev/shm", W_OK) == 0 ? shared : folder);
    REQUIRE(made);
    REQUIRE_EQ(chdir(made), 0);
    check_start(1, argv);
    RUN(random_programs);
    REQUIRE_EQ(chdir("/"), 0);
    rmdir(made);
    return check_end();
}
