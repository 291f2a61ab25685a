/*
 * Databases that are not what SQLite has written: real ones are made, changed where it hurts, loaded, and used like any
 * other. What may come of it is an error of the world's: no crash, no hang, nothing left behind, and no byte of a published version
 * changed.
 *
 *     hostile_test [WORD...]         the tests whose names hold a word; --list prints them
 *     hostile_test SEED COUNT        COUNT mutated databases from SEED on
 *     hostile_test --seeds DIR       the databases that are mutated, as files: a corpus to begin with
 *     hostile_test --file FILE...    what such files (or a fuzzer's findings) lead to
 *
 * Compiled with MV_FUZZER defined it is a libFuzzer target: the first byte says how to use it, the rest is the database.
 *
 * Overreads. SQLite reads pages in place, in blocks that stand side by side, so that a sanitizer could not tell a read behind a
 * page from one in the next block. Some runs therefore give out copies in memory of their own (guard_pages), each with as many
 * bytes behind it as store.h promises, and look whether a copy was written to.
 */
#include "../harness/check.h"
#include "engine/engine.h"
#include "store/store.h"
#include "vfs/vfs.h"
#include "sqlite3.h"

#include <signal.h>
#include <unistd.h>

/* ---- the VFS ---------------------------------------------------------------------------------------- */

#define BEHIND 256               /* bytes behind a fetched page that may be read: store.h */
#define MAX_BYTES (32u << 20)    /* of a store: what hostile content makes of it is bounded by that, too */
#define MAX_STEPS 150            /* thousand opcodes for a statement */
#define MAX_SECONDS 60           /* for one database, with sanitizers on a busy machine: beyond it is a hang */

typedef struct guarded {
    void *copy;
    size_t n;
    uint64_t sum;
    struct guarded *next;
} guarded;

static guarded *guards;          /* pages in use by SQLite */
static bool guard_pages;
static sqlite3_io_methods guard_methods;
static const sqlite3_io_methods *inner_methods;
static int (*inner_open)(sqlite3_vfs *, sqlite3_filename, sqlite3_file *, int, int *);

static uint64_t sum_of(const uint8_t *bytes, size_t n) {
    uint64_t sum = 14695981039346656037u;
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        sum = (sum ^ word) * 1099511628211u;
        sum ^= sum >> 29;
    }
    for (; i < n; i++)
        sum = (sum ^ bytes[i]) * 1099511628211u;
    return sum;
}

static int guard_fetch(sqlite3_file *file, sqlite3_int64 offset, int n, void **page) {
    void *found;
    int rc = inner_methods->xFetch(file, offset, n, &found);
    *page = NULL;
    if (rc || !found)
        return rc;
    guarded *g = malloc(sizeof *g);
    uint8_t *copy = malloc((size_t)n + BEHIND);
    REQUIRE(g && copy);
    memcpy(copy, found, (size_t)n);
    memset(copy + n, 0x5a, BEHIND); /* what is behind must not matter */
    inner_methods->xUnfetch(file, offset, found);
    *g = (guarded){.copy = copy, .n = (size_t)n, .sum = sum_of(copy, (size_t)n + BEHIND), .next = guards};
    guards = g;
    *page = copy;
    return SQLITE_OK;
}

static int guard_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page) {
    if (!page)
        return inner_methods->xUnfetch(file, offset, page);
    guarded **at = &guards;
    while (*at && (*at)->copy != page)
        at = &(*at)->next;
    REQUIRE(*at);
    guarded *g = *at;
    *at = g->next;
    CHECK(sum_of(g->copy, g->n + BEHIND) == g->sum); /* a page that was fetched is written only by way of xWrite */
    free(g->copy);
    free(g);
    return SQLITE_OK;
}

static int guard_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags) {
    int rc = inner_open(vfs, name, file, flags, out_flags);
    if (rc || !guard_pages || !(flags & SQLITE_OPEN_MAIN_DB))
        return rc;
    inner_methods = file->pMethods;
    guard_methods = *inner_methods;
    guard_methods.xFetch = guard_fetch;
    guard_methods.xUnfetch = guard_unfetch;
    file->pMethods = &guard_methods;
    return SQLITE_OK;
}

typedef struct env {
    mv_store *store;
    mv_vfs *vfs;
    char name[32];
} env;

static env env_new(uint32_t block_size) {
    static unsigned count;
    env e;
    snprintf(e.name, sizeof e.name, "hostile-%u", count++ % 1000);
    e.store = mv_store_new(block_size, MAX_BYTES);
    REQUIRE(e.store);
    REQUIRE_EQ(mv_vfs_register(e.store, e.name, &e.vfs), SQLITE_OK);
    sqlite3_vfs *vfs = sqlite3_vfs_find(e.name);
    if (vfs->xOpen != guard_open) { /* one that served before has it already */
        inner_open = vfs->xOpen;
        vfs->xOpen = guard_open;
    }
    return e;
}

/* Nothing may be left, whatever the content was. */
static void env_end(env *e) {
    mv_stats stats;
    mv_store_stats(e->store, &stats);
    CHECK_EQ(stats.pins, 0);
    CHECK_EQ(mv_store_check(e->store), stats.bytes);
    mv_store_close(e->store);
    mv_store_stats(e->store, &stats);
    CHECK_EQ(stats.bytes, 0);
    CHECK_EQ(stats.blocks, 0);
    CHECK_EQ(stats.versions, 0);
    CHECK_EQ(stats.databases, 0);
    CHECK(!guards);
    mv_vfs_unregister(e->vfs);
    mv_store_release(e->store);
}

static mv_version *pin_of(env *e, const char *name) {
    mv_database *db;
    REQUIRE_EQ(mv_store_open(e->store, name, strlen(name), false, &db), MV_OK);
    mv_version *v = mv_database_pin(db);
    mv_database_release(db);
    return v;
}

/* All bytes of a version. For free. */
static uint8_t *bytes_of(mv_version *v, size_t *n) {
    *n = (size_t)mv_version_size(v);
    CHECK(*n <= MAX_BYTES);
    uint8_t *bytes = malloc(*n + 1);
    REQUIRE(bytes);
    CHECK_EQ(mv_version_read(v, bytes, *n, 0), *n);
    return bytes;
}

static uint64_t sum_of_version(mv_version *v) {
    size_t n;
    uint8_t *bytes = bytes_of(v, &n);
    uint64_t sum = sum_of(bytes, n) + n;
    free(bytes);
    return sum;
}

/* Loads the bytes in pieces of chance sizes. */
static mv_result load(env *e, const char *name, const uint8_t *bytes, size_t n, uint64_t *random) {
    mv_load *load;
    REQUIRE_EQ(mv_load_begin(e->store, name, strlen(name), &load), MV_OK);
    mv_result rc = MV_OK;
    for (size_t at = 0, piece; at < n && !rc; at += piece) {
        piece = 1 + check_random(random) % 20000;
        if (piece > n - at)
            piece = n - at;
        rc = mv_load_write(load, bytes + at, piece);
    }
    if (!rc)
        rc = mv_load_finish(load);
    if (rc == MV_NOTADB || rc == MV_TRUNCATED)
        CHECK(mv_load_message(load)[0]);
    if (!rc)
        rc = mv_store_publish(e->store, name, strlen(name), load, 0);
    if (rc)
        mv_load_drop(load);
    return rc;
}

/* ---- the attack ------------------------------------------------------------------------------------- */

/* How the statements of a run are counted. */
typedef struct outcome {
    int ok, errors, corrupt, interrupted;
} outcome;

static int steps_left;

static int count_down(void *unused) {
    (void)unused;
    return --steps_left < 0;
}

/* Whether hostile content can lead to that code. Not: misuse, an error of SQLite's own logic, a lock that nobody holds, or the file of a
 * VFS that has none. */
static bool is_worldly(int code) {
    switch (code & 0xff) {
    case SQLITE_OK: case SQLITE_ROW: case SQLITE_DONE: case SQLITE_ERROR: case SQLITE_CORRUPT: case SQLITE_NOTADB: case SQLITE_FULL:
    case SQLITE_TOOBIG: case SQLITE_CONSTRAINT: case SQLITE_MISMATCH: case SQLITE_READONLY: case SQLITE_INTERRUPT: case SQLITE_SCHEMA:
    case SQLITE_ABORT: case SQLITE_LOCKED:
        return true;
    case SQLITE_NOMEM: /* a length that no allocation may have */
        return true;
    case SQLITE_CANTOPEN: /* a header that tells of a write-ahead log */
        return true;
    }
    return false;
}

/* Runs one statement, reading all that its rows hold. */
static int run(sqlite3 *db, const char *sql, outcome *o) {
    sqlite3_stmt *stmt = NULL;
    steps_left = MAX_STEPS;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    int rows = 0;
    while (!rc && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        uint64_t sum = 0;
        for (int i = 0; i < sqlite3_data_count(stmt); i++) {
            int type = sqlite3_column_type(stmt, i);
            const uint8_t *bytes = type == SQLITE_BLOB ? sqlite3_column_blob(stmt, i) : sqlite3_column_text(stmt, i);
            int n = sqlite3_column_bytes(stmt, i);
            if (bytes)
                sum ^= sum_of(bytes, (size_t)n);
        }
        static volatile uint64_t sink;
        sink = sink ^ sum;
        rc = SQLITE_OK;
        if (++rows > 3000)
            break;
    }
    if (rc == SQLITE_DONE)
        rc = SQLITE_OK;
    int final = sqlite3_finalize(stmt);
    if (!rc)
        rc = final;
    if (!is_worldly(rc))
        check_fail(__FILE__, __LINE__, "%.200s: code %d: %s", sql, rc, sqlite3_errmsg(db));
    o->ok += !rc;
    o->errors += rc != SQLITE_OK;
    o->corrupt += (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
    o->interrupted += rc == SQLITE_INTERRUPT;
    return rc;
}

static int runf(sqlite3 *db, outcome *o, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);
    REQUIRE(sql);
    int rc = run(db, sql, o);
    sqlite3_free(sql);
    return rc;
}

#define MAX_TABLES 40

/* Names of the tables and views, whatever they are. */
static int names_of(sqlite3 *db, char *names[MAX_TABLES]) {
    sqlite3_stmt *stmt = NULL;
    int count = 0;
    steps_left = MAX_STEPS;
    if (!sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type IN ('table','view') AND name IS NOT NULL ORDER BY rootpage=0 DESC", -1, &stmt, NULL)) {
        while (count < MAX_TABLES && sqlite3_step(stmt) == SQLITE_ROW) {
            const char *name = (const char *)sqlite3_column_text(stmt, 0);
            if (name && strlen(name) < 100)
                names[count++] = strdup(name);
        }
    }
    sqlite3_finalize(stmt);
    return count;
}

static const char *const reads[] = {
    "PRAGMA integrity_check(5)", "PRAGMA quick_check(5)", "PRAGMA foreign_key_check", "SELECT * FROM sqlite_schema",
    "SELECT * FROM dbstat LIMIT 300", "PRAGMA page_count", "PRAGMA freelist_count",
};

/* On the tables of `parts`; those that are not there are errors like others. */
static const char *const queries[] = {
    "SELECT a,d,e FROM t WHERE a>'name 5' ORDER BY a DESC,b", "SELECT count(*) FROM t INDEXED BY t_half WHERE id%2 AND b>7",
    "SELECT lower(a) FROM t WHERE lower(a)='name 7' AND abs(b)>0", "SELECT k,n,v FROM w WHERE k='key3' AND n>5", "SELECT * FROM w WHERE v=3",
    "SELECT length(x), substr(y,100,50) FROM big ORDER BY y", "SELECT * FROM pc", "SELECT count(*) FROM t NATURAL JOIN t",
    "SELECT rowid, highlight(ft,1,'<','>'), snippet(ft,1,'[',']','...',5), bm25(ft) FROM ft WHERE ft MATCH 'words AND (row OR lo*) NOT zz' ORDER BY rank",
    "SELECT * FROM ft WHERE ft MATCH 'NEAR(some row,4)'", "SELECT * FROM ftv LIMIT 100", "SELECT docid, snippet(f4), offsets(f4), hex(matchinfo(f4,'pcnalx')) FROM f4 WHERE f4 MATCH 'wo* OR \"of row\"'",
    "SELECT * FROM f4a LIMIT 100", "SELECT id,label FROM rt WHERE x0>2 AND y1<5", "SELECT rtreecheck('rt')", "SELECT name, geopoly_json(_shape) FROM gp WHERE geopoly_overlap(_shape,'[[1,1],[3,1],[3,3],[1,1]]')",
    "SELECT a,count(*),group_concat(c) FROM s GROUP BY a HAVING count(*)>1", "SELECT doc->>'$.c', json(doc), json_extract(doc,'$[1][1]') FROM j", "SELECT * FROM j, json_tree(j.doc)",
};

static const char *const changes[] = {
    "INSERT INTO t(id,a,b,c) VALUES(NULL,'new',-1.5,x'01'),(12,'again',2,zeroblob(9000))", "INSERT OR REPLACE INTO t(id,a,b) SELECT id,a||'x',b+0.25 FROM t WHERE id%5=0",
    "UPDATE t SET a=a||'longer than it was before' WHERE id%3=0", "DELETE FROM t WHERE a LIKE 'name 1%'", "INSERT INTO w SELECT 'z'||k,n+1000,v FROM w", "DELETE FROM w WHERE n%2",
    "UPDATE big SET y=hex(zeroblob(20000)) WHERE rowid=2", "DELETE FROM big WHERE rowid=1", "INSERT INTO gone SELECT zeroblob(900) FROM w LIMIT 60",
    "INSERT INTO child VALUES(3,99)", "UPDATE child SET y=y+1", "DELETE FROM parent WHERE id<9", "INSERT INTO pc(x) VALUES('by view')",
    "INSERT INTO ft(title,body) VALUES('fresh','some words that are new')", "UPDATE ft SET body='other '||rowid WHERE rowid%3=0", "DELETE FROM ft WHERE rowid=2", "INSERT INTO ft(ft) VALUES('integrity-check')", "INSERT INTO ft(ft) VALUES('merge=50')", "INSERT INTO ft(ft) VALUES('optimize')", "INSERT INTO ft(ft) VALUES('rebuild')",
    "INSERT INTO f4(title,body) VALUES('fresh','some words that are new')", "UPDATE f4 SET body='other' WHERE docid=3", "INSERT INTO f4(f4) VALUES('integrity-check')", "INSERT INTO f4(f4) VALUES('merge=20,4')", "INSERT INTO f4(f4) VALUES('optimize')",
    "INSERT INTO rt VALUES(NULL,1,2,3,4,'new')", "UPDATE rt SET x0=x0-1 WHERE id%4=0", "DELETE FROM rt WHERE id<20", "INSERT INTO gp(_shape) VALUES('[[0,0],[1,0],[0,1],[0,0]]')", "DELETE FROM gp WHERE rowid=1",
    "UPDATE s SET a=a+1", "DELETE FROM s WHERE a>5", "UPDATE j SET doc=json_set(doc,'$.z',1)",
    "CREATE TABLE fresh AS SELECT * FROM sqlite_schema", "CREATE INDEX fresh_i ON fresh(name,sql)", "DROP TABLE w", "ALTER TABLE t ADD COLUMN z DEFAULT 7", "ALTER TABLE big RENAME COLUMN y TO yy", "ALTER TABLE t DROP COLUMN z",
    "PRAGMA incremental_vacuum(3)", "REINDEX", "ANALYZE", "PRAGMA optimize", "VACUUM INTO 'copy'", "VACUUM",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void change_tables(sqlite3 *db, char **names, int count, outcome *o) {
    for (int i = 0; i < count; i++) {
        runf(db, o, "INSERT INTO \"%w\" DEFAULT VALUES", names[i]);
        runf(db, o, "INSERT INTO \"%w\" SELECT * FROM \"%w\" LIMIT 5", names[i], names[i]);
        runf(db, o, "DELETE FROM \"%w\" WHERE rowid IN (SELECT rowid FROM \"%w\" LIMIT 3)", names[i], names[i]);
    }
}

/* Everything that one does with a database; how follows from `ways`. */
static void use(env *e, uint64_t *random, unsigned ways, outcome *o) {
    sqlite3 *db;
    char *names[MAX_TABLES];
    int rc = sqlite3_open_v2("h", &db, SQLITE_OPEN_READWRITE, e->name);
    REQUIRE_EQ(rc, SQLITE_OK);
    sqlite3_extended_result_codes(db, 1);
    if (!(ways & 1))
        mv_engine_harden(db);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 4 << 20);
    sqlite3_progress_handler(db, 1000, count_down, NULL);
    mv_version *loaded = pin_of(e, "h");
    uint64_t sum = sum_of_version(loaded);
    int64_t size = mv_version_size(loaded);

    if (ways & 2)
        run(db, "PRAGMA cache_size=3", o);
    for (size_t i = 0; i < COUNT(reads); i++)
        run(db, reads[i], o);
    int count = names_of(db, names);
    for (int i = 0; i < count; i++)
        runf(db, o, "SELECT * FROM \"%w\"", names[i]);
    for (size_t i = 0; i < COUNT(queries); i++)
        run(db, queries[i], o);

    /* All that a transaction changed is gone with it: byte for byte. */
    outcome dropped = {0};
    run(db, "BEGIN", &dropped);
    for (int i = 0; i < 5; i++)
        run(db, changes[check_random(random) % COUNT(changes)], &dropped);
    run(db, "SAVEPOINT a", &dropped);
    change_tables(db, names, count, &dropped);
    run(db, "ROLLBACK TO a", &dropped);
    if (!sqlite3_get_autocommit(db))
        REQUIRE_EQ(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    mv_version *after = pin_of(e, "h");
    if (mv_version_number(after) == mv_version_number(loaded))
        CHECK(sum_of_version(after) == sum);
    mv_version_release(after);

    size_t from = check_random(random) % COUNT(changes);
    bool in_order = !(ways & 4);
    for (size_t i = 0; i < COUNT(changes); i++) {
        run(db, changes[in_order ? i : (i * 7 + from) % COUNT(changes)], o);
        if (i == 20)
            change_tables(db, names, count, o);
    }
    for (size_t i = 0; i < COUNT(reads); i++)
        run(db, reads[i], o);
    for (int i = 0; i < count; i++)
        free(names[i]);

    CHECK_EQ(mv_version_size(loaded), size);
    CHECK(sum_of_version(loaded) == sum); /* published is published */
    mv_version_release(loaded);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

/* Loads and uses a database; and once more what came of it. */
static outcome attack(const uint8_t *bytes, size_t n, unsigned ways, uint64_t seed) {
    static const uint32_t block_sizes[] = {0, 0, 512, 4096, 65536};
    uint64_t random = seed;
    outcome o = {0};
    guard_pages = (ways & 8) != 0;
    env e = env_new(block_sizes[(ways >> 4) % COUNT(block_sizes)]);
    alarm(MAX_SECONDS);
    mv_result rc = load(&e, "h", bytes, n, &random);
    CHECK(rc == MV_OK || rc == MV_NOTADB || rc == MV_TRUNCATED || rc == MV_FULL);
    if (!rc) {
        use(&e, &random, ways, &o);
        mv_version *v = pin_of(&e, "h");
        size_t size;
        uint8_t *again = bytes_of(v, &size);
        mv_version_release(v);
        rc = load(&e, "again", again, size, &random);
        CHECK(rc == MV_OK || rc == MV_NOTADB || rc == MV_TRUNCATED || rc == MV_FULL);
        free(again);
    } else {
        o.errors++;
    }
    alarm(0);
    env_end(&e);
    return o;
}

/* ---- what a fuzzer gives ----------------------------------------------------------------------------- */

static void put2(uint8_t *p, unsigned v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put4(uint8_t *p, uint32_t v) {
    put2(p, v >> 16);
    put2(p + 2, v & 0xffff);
}

static unsigned get2(const uint8_t *p) {
    return (unsigned)p[0] << 8 | p[1];
}

/* Makes the header one that mv_load takes, so that what is behind it is reached. */
static size_t repair(uint8_t *bytes, size_t n) {
    if (n < 512)
        return n;
    memcpy(bytes, "SQLite format 3", 16);
    memcpy(bytes + 18, "\1\1\0\100\40\40", 6); /* versions, no reserved space, payload fractions */
    unsigned page_size = get2(bytes + 16) == 1 ? 65536 : get2(bytes + 16);
    if (page_size < 512 || (page_size & (page_size - 1)) || page_size > n) {
        page_size = 512;
        put2(bytes + 16, page_size);
    }
    n -= n % page_size;
    put4(bytes + 28, (uint32_t)(n / page_size));
    memcpy(bytes + 92, bytes + 24, 4);
    return n;
}

static void hang(int signal) {
    (void)signal;
    static const char message[] = "hostile_test: a database is used for too long\n";
    if (write(STDOUT_FILENO, message, sizeof message - 1) < 0 || write(STDOUT_FILENO, check_about, strlen(check_about)) < 0)
        _exit(3);
    abort(); /* with the stack for whoever looks */
}

#ifdef MV_FUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 1 || n > 1 << 20)
        return 0;
    signal(SIGALRM, hang);
    unsigned ways = data[0];
    uint8_t *bytes = malloc(n);
    REQUIRE(bytes);
    memcpy(bytes, data + 1, n - 1);
    size_t size = ways & 128 ? n - 1 : repair(bytes, n - 1);
    attack(bytes, size, ways, n);
    free(bytes);
    if (atomic_load(&check_failures))
        abort();
    return 0;
}

#else

/* ---- the databases ---------------------------------------------------------------------------------- */

#define NUMBERS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "

/* What a database is made of. Each stands alone; %d is a number of rows, which follows from the page size. */
static const char *const parts[] = {
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b REAL CHECK(b<1e9), c BLOB, d AS (a||b) STORED, e AS (length(c)));"
    "CREATE INDEX t_a ON t(a,b DESC); CREATE UNIQUE INDEX t_half ON t(b) WHERE id%%2; CREATE INDEX t_expr ON t(lower(a),abs(b));"
    NUMBERS "INSERT INTO t(id,a,b,c) SELECT i*3, 'name '||i*7919%%101, i*1.5, zeroblob(i%%50) FROM n;",

    "CREATE TABLE w(k TEXT, n INT, v, PRIMARY KEY(k,n)) WITHOUT ROWID; CREATE INDEX w_v ON w(v);"
    NUMBERS "INSERT INTO w SELECT 'key'||i%%17, i, CASE i%%5 WHEN 0 THEN NULL WHEN 1 THEN i WHEN 2 THEN i/3.0 WHEN 3 THEN 'v'||i ELSE x'00ff' END FROM n;",

    "CREATE TABLE big(x, y); INSERT INTO big VALUES(randomblob(70000), 'small'), (printf('%%.9000c','x'), randomblob(3000)), (1, hex(randomblob(9000)));"
    "CREATE INDEX big_y ON big(y);",

    "CREATE TABLE gone(x); " NUMBERS "INSERT INTO gone SELECT hex(zeroblob(300)) FROM n; DELETE FROM gone WHERE rowid>3;",

    "CREATE TABLE parent(id INTEGER PRIMARY KEY AUTOINCREMENT, x UNIQUE); CREATE TABLE child(p INT REFERENCES parent ON DELETE CASCADE ON UPDATE SET NULL, y NOT NULL DEFAULT 5); CREATE INDEX child_p ON child(p);"
    "CREATE TABLE log(what, at); CREATE TRIGGER child_in AFTER INSERT ON child BEGIN INSERT INTO log VALUES('in '||new.y, new.rowid); END;"
    "CREATE TRIGGER child_up BEFORE UPDATE OF y ON child WHEN new.y>old.y BEGIN UPDATE parent SET x=x||'!' WHERE id=new.p; SELECT RAISE(IGNORE); END;"
    NUMBERS "INSERT INTO parent(x) SELECT 'p'||i FROM n; INSERT INTO child SELECT id,id FROM parent;"
    "CREATE VIEW pc AS SELECT p.x, c.y, row_number() OVER (PARTITION BY c.y%%3 ORDER BY p.id) AS r FROM parent p LEFT JOIN child c ON c.p=p.id;"
    "CREATE TRIGGER pc_in INSTEAD OF INSERT ON pc BEGIN INSERT INTO parent(x) VALUES(new.x); END;",

    "CREATE VIRTUAL TABLE ft USING fts5(title, body, prefix='2 3', tokenize='porter unicode61'); CREATE VIRTUAL TABLE ftv USING fts5vocab(ft,instance);"
    NUMBERS "INSERT INTO ft SELECT 'title '||i, 'some words of row '||i||' and more '||i*31%%7||' or less' FROM n; DELETE FROM ft WHERE rowid%%5=0;",

    "CREATE VIRTUAL TABLE f4 USING fts4(title, body, prefix='2', matchinfo=fts3); CREATE VIRTUAL TABLE f4a USING fts4aux(f4);"
    NUMBERS "INSERT INTO f4 SELECT 'title '||i, 'some words of row '||i||' and more '||i*31%%7 FROM n; INSERT INTO f4(f4) VALUES('optimize'); DELETE FROM f4 WHERE docid%%7=0;",

    "CREATE VIRTUAL TABLE rt USING rtree(id, x0, x1, y0, y1, +label); " NUMBERS "INSERT INTO rt SELECT i, i%%13, i%%13+2, i%%7, i%%7+1, 'l'||i FROM n;",

    "CREATE VIRTUAL TABLE gp USING geopoly(name); INSERT INTO gp(_shape,name) VALUES('[[0,0],[4,0],[4,4],[0,4],[0,0]]','square'),('[[1,1],[2,1],[1,3],[1,1]]','triangle');",

    "CREATE TABLE s(a INT, b TEXT, c ANY) STRICT; CREATE INDEX s_ab ON s(a,b); " NUMBERS "INSERT INTO s SELECT i%%9, 'b'||i%%4, i FROM n; ANALYZE;",

    "CREATE TABLE j(doc); INSERT INTO j VALUES('{\"a\":[1,2,{\"b\":null}],\"c\":\"\\u00e9\"}'), (jsonb('[1,[2,[3,[4]]],\"x\"]')); CREATE INDEX j_c ON j(doc->>'$.c');",
};

enum { part_count = sizeof parts / sizeof *parts, seed_count = 32 };

/* The database of that number: page sizes, modes, encodings and parts vary. For free. */
static uint8_t *make_seed(unsigned number, size_t *n) {
    static const int page_sizes[] = {512, 1024, 4096, 65536, 2048, 512, 8192, 1024, 32768, 512, 16384};
    static const char *const encodings[] = {"UTF-8", "UTF-8", "UTF-16le", "UTF-8", "UTF-16be"};
    int page_size = page_sizes[number % (sizeof page_sizes / sizeof *page_sizes)];
    int rows = page_size <= 1024 ? 60 : page_size <= 8192 ? 120 : 200;
    env e = env_new(0);
    sqlite3 *db;
    bool guard = guard_pages;
    guard_pages = false;
    REQUIRE_EQ(sqlite3_open_v2("s", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, e.name), SQLITE_OK);
    char *sql = sqlite3_mprintf("PRAGMA page_size=%d; PRAGMA encoding='%s'; PRAGMA auto_vacuum=%d; BEGIN;", page_size,
        encodings[number % 5], number % 3);
    REQUIRE_EQ(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_free(sql);
    for (unsigned i = 0; i < part_count; i++) {
        bool wanted = i == number % part_count || number == part_count || (number * 7 + i * 3) % 4 == 0;
        if (!wanted)
            continue;
        sql = sqlite3_mprintf(parts[i], rows);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL))
            check_fail(__FILE__, __LINE__, "%.100s: %s", sql, sqlite3_errmsg(db));
        sqlite3_free(sql);
    }
    sql = number % 4 == 3 ? "COMMIT; VACUUM" : "COMMIT";
    REQUIRE_EQ(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    mv_version *v = pin_of(&e, "s");
    uint8_t *bytes = bytes_of(v, n);
    mv_version_release(v);
    if (number % 6 == 5)
        bytes[18] = bytes[19] = 2; /* as a write-ahead log leaves it */
    env_end(&e);
    guard_pages = guard;
    return bytes;
}

/* ---- mutations --------------------------------------------------------------------------------------- */

static uint32_t get4(const uint8_t *p) {
    return (uint32_t)get2(p) << 16 | get2(p + 2);
}

/* A database and what is known of its shape. */
typedef struct victim {
    uint8_t *bytes;
    size_t n, page_size, pages, room;
    uint64_t *random;
} victim;

static size_t chance(victim *v, size_t n) {
    return n ? check_random(v->random) % n : 0;
}

/* A number that is likely to hurt: small, at an edge, near what it was, or any. */
static uint32_t nasty(victim *v, uint32_t was) {
    switch (chance(v, 9)) {
    case 0: return (uint32_t)chance(v, 4);
    case 1: return UINT32_MAX - (uint32_t)chance(v, 3);
    case 2: return INT32_MAX - (uint32_t)chance(v, 3);
    case 3: return (uint32_t)(v->pages + 2 - chance(v, 4));
    case 4: return was + (uint32_t)chance(v, 7) - 3;
    case 5: return (uint32_t)(v->page_size - chance(v, 12));
    case 6: return (uint32_t)1 << chance(v, 32);
    case 7: return 1 + (uint32_t)chance(v, v->pages);
    default: return (uint32_t)check_random(v->random);
    }
}

static uint8_t *any_page(victim *v) {
    return v->bytes + chance(v, v->pages) * v->page_size;
}

static size_t header_at(victim *v, const uint8_t *page) {
    return page == v->bytes ? 100 : 0;
}

static bool is_btree(victim *v, const uint8_t *page) {
    uint8_t type = page[header_at(v, page)];
    return type == 2 || type == 5 || type == 10 || type == 13;
}

/* A page of a b-tree, or not of one, as far as a few tries find. */
static uint8_t *page_like(victim *v, bool btree) {
    uint8_t *page = any_page(v);
    for (int tries = 0; tries < 30 && is_btree(v, page) != btree; tries++)
        page = any_page(v);
    return page;
}

static void hurt_header(victim *v) {
    static const uint8_t fields[][2] = {{16, 2}, {18, 1}, {19, 1}, {20, 1}, {21, 1}, {22, 1}, {23, 1}, {24, 4}, {28, 4}, {32, 4}, {36, 4},
        {40, 4}, {44, 4}, {48, 4}, {52, 4}, {56, 4}, {60, 4}, {64, 4}, {68, 4}, {92, 4}, {96, 4}};
    const uint8_t *field = fields[chance(v, COUNT(fields))];
    uint8_t *p = v->bytes + field[0];
    if (field[1] == 4)
        put4(p, nasty(v, get4(p)));
    else if (field[1] == 2)
        put2(p, nasty(v, get2(p)) & 0xffff);
    else
        *p = (uint8_t)nasty(v, *p);
}

static void hurt_page_header(victim *v) {
    uint8_t *page = page_like(v, true), *h = page + header_at(v, page);
    switch (chance(v, 6)) {
    case 0: h[0] = (uint8_t[]){0, 2, 5, 10, 13, 255}[chance(v, 6)]; break;
    case 1: put2(h + 1, nasty(v, get2(h + 1)) & 0xffff); break; /* first free block */
    case 2: put2(h + 3, nasty(v, get2(h + 3)) & 0xffff); break; /* cells */
    case 3: put2(h + 5, nasty(v, get2(h + 5)) & 0xffff); break; /* where they begin */
    case 4: h[7] = (uint8_t)nasty(v, h[7]); break;
    default: put4(h + 8, nasty(v, get4(h + 8))); /* right child, or the first cells of a leaf */
    }
}

/* Address of a cell pointer; NULL if there is none. */
static uint8_t *any_cell_pointer(victim *v, uint8_t *page) {
    uint8_t *h = page + header_at(v, page);
    size_t cells = get2(h + 3), at = header_at(v, page) + (h[0] < 9 ? 12 : 8);
    if (at + 2 * cells > v->page_size)
        cells = (v->page_size - at) / 2;
    return cells ? page + at + 2 * chance(v, cells) : NULL;
}

static void hurt_cell_pointer(victim *v) {
    uint8_t *page = page_like(v, true), *p = any_cell_pointer(v, page), *other = any_cell_pointer(v, page);
    if (p)
        put2(p, chance(v, 3) ? nasty(v, get2(p)) & 0xffff : get2(other));
}

/* The head of a cell: child, length of the payload, key, record header. */
static void hurt_cell(victim *v) {
    uint8_t *page = page_like(v, true), *p = any_cell_pointer(v, page);
    if (!p || get2(p) + 16 > v->page_size)
        return;
    uint8_t *cell = page + get2(p);
    switch (chance(v, 4)) {
    case 0: put4(cell, nasty(v, get4(cell))); break;
    case 1: memset(cell, 0xff, 1 + chance(v, 9)); break; /* the longest varint */
    default: cell[chance(v, 16)] = (uint8_t)nasty(v, 0);
    }
}

static void hurt_overflow(victim *v) {
    uint8_t *page = page_like(v, false);
    put4(page, chance(v, 3) ? nasty(v, get4(page)) : (uint32_t)((size_t)(page - v->bytes) / v->page_size) + 1);
}

static void hurt_freelist(victim *v) {
    uint8_t *next = v->bytes + 32;
    for (size_t i = chance(v, 3); i > 0 && get4(next) > 0 && get4(next) <= v->pages; i--)
        next = v->bytes + (get4(next) - 1) * v->page_size;
    size_t field = next == v->bytes + 32 ? chance(v, 2) : chance(v, 6); /* next trunk, count, leaves */
    put4(next + 4 * field, nasty(v, get4(next + 4 * field)));
}

static void hurt_pointer_map(victim *v) {
    if (v->pages < 2)
        return;
    uint8_t *entry = v->bytes + v->page_size + 5 * chance(v, v->pages);
    if (entry + 5 > v->bytes + v->n)
        return;
    if (chance(v, 2))
        entry[0] = (uint8_t)chance(v, 7);
    else
        put4(entry + 1, nasty(v, get4(entry + 1)));
}

/* Bytes of the schema, in UTF-8: words for others of the same length, or any. */
static void hurt_schema(victim *v) {
    static const char *const words[][2] = {{"TABLE", "INDEX"}, {"INDEX", "TABLE"}, {"TEXT", "BLOB"}, {"WITHOUT", "STRICT,"}, {"fts5", "fts4"}, {"fts4", "fts5"}, {"rtree", "fts5a"},
        {"CHECK", "CHE(K"}, {"STORED", "      "}, {"STORED", "UNIQUE"}, {"PRIMARY", "UNIQUE "}, {"INSERT", "DELETE"}, {"UPDATE", "DELETE"}, {"AFTER", "     "}, {"lower", "abort"}, {"length", "random"},
        {"parent", "child "}, {"child", "pc   "}, {"UNIQUE", "      "}, {"NOT NULL", "        "}, {"VIEW", "view"}, {"row_number", "geopoly_bb"}, {"NOCASE", "RTRIM "}, {"prefix", "conten"},
        {"porter", "ascii "}, {"length(c)", "t.e      "}, {"lower(a)", "abs(rowi)"}, {"table", "index"}, {"index", "view "}, {"trigger", "table  "}, {"label", "x0   "}, {"CASCADE", "RESTRICT"}, {"SELECT", "SELECT"}};
    if (chance(v, 3)) {
        const char *const *pair = words[chance(v, COUNT(words))];
        size_t length = strlen(pair[0]);
        if (strlen(pair[1]) < length)
            length = strlen(pair[1]);
        size_t first = chance(v, v->n);
        for (size_t i = 0; i + strlen(pair[0]) < v->n; i++) {
            uint8_t *at = v->bytes + (first + i) % (v->n - strlen(pair[0]));
            if (memcmp(at, pair[0], strlen(pair[0])) == 0) {
                memcpy(at, pair[1], length);
                return;
            }
        }
        return;
    }
    size_t first = chance(v, v->n);
    for (size_t i = 0; i + 6 < v->n; i++) {
        uint8_t *at = v->bytes + (first + i) % (v->n - 6);
        if (memcmp(at, "CREATE", 6) == 0) {
            size_t left = (size_t)(v->bytes + v->n - at), place = chance(v, left < 200 ? left : 200);
            at[place] = (uint8_t) "(),;'\"x0 .*=-\0\xff\x80"[chance(v, 17)];
            return;
        }
    }
}

static void hurt_blindly(victim *v) {
    switch (chance(v, 3)) {
    case 0: v->bytes[chance(v, v->n)] ^= (uint8_t)(1 << chance(v, 8)); break;
    case 1: v->bytes[chance(v, v->n)] = (uint8_t)check_random(v->random); break;
    default: {
        size_t at = chance(v, v->n), length = 1 + chance(v, 40);
        for (size_t i = at; i < at + length && i < v->n; i++)
            v->bytes[i] = (uint8_t)(chance(v, 2) ? check_random(v->random) : 0);
    }
    }
}

static void move_pages(victim *v) {
    uint8_t *to = any_page(v), *from = any_page(v);
    switch (chance(v, 4)) {
    case 0: memset(to, chance(v, 2) ? 0 : 0xff, v->page_size); break;
    case 1: { /* the end of one behind the beginning of another */
        size_t at = chance(v, v->page_size);
        memmove(to + at, from + at, v->page_size - at);
        break;
    }
    default: memmove(to, from, v->page_size);
    }
}

/* Cuts or lengthens the file, also within a page. */
static void change_length(victim *v) {
    size_t unit = chance(v, 4) ? v->page_size : 1, want;
    if (chance(v, 3)) {
        want = v->n - unit * chance(v, v->n / unit);
    } else {
        want = v->n + unit * chance(v, 4);
        if (want > v->room)
            want = v->room;
        for (size_t i = v->n; i < want; i++)
            v->bytes[i] = v->bytes[i - v->page_size];
    }
    v->n = want;
}

static void mutate(victim *v, uint64_t *random) {
    static void (*const kinds[])(victim *) = {hurt_header, hurt_page_header, hurt_page_header, hurt_cell_pointer, hurt_cell_pointer, hurt_cell, hurt_cell, hurt_cell,
        hurt_overflow, hurt_freelist, hurt_pointer_map, hurt_schema, hurt_schema, hurt_blindly, hurt_blindly, move_pages};
    v->random = random;
    v->page_size = get2(v->bytes + 16) == 1 ? 65536 : get2(v->bytes + 16);
    v->pages = v->n / v->page_size;
    for (size_t i = 1 + chance(v, chance(v, 4) ? 4 : 30); i > 0; i--)
        kinds[chance(v, COUNT(kinds))](v);
    if (chance(v, 12) == 0)
        change_length(v);
    if (chance(v, 8))
        v->n = repair(v->bytes, v->n);
}

/* ---- tests ------------------------------------------------------------------------------------------- */

static uint8_t *seeds[seed_count];
static size_t seed_sizes[seed_count];

static void make_seeds(void) {
    for (unsigned i = 0; i < seed_count && !seeds[i]; i++)
        seeds[i] = make_seed(i, &seed_sizes[i]);
}

/* Else nothing would be tested. */
static void what_was_not_changed_works(void) {
    make_seeds();
    for (unsigned i = 0; i < seed_count; i++) {
        check_context("seed %u", i);
        outcome o = attack(seeds[i], seed_sizes[i], (i & 1 ? 8 : 0) | i % 5 << 4, i);
        CHECK_EQ(o.corrupt, 0);
        CHECK_EQ(o.interrupted, 0);
        if (i == part_count)
            CHECK(o.ok >= 110);
    }
}

static uint64_t first_seed = 1, count = 500;

static void mutated_databases_give_errors_only(void) {
    make_seeds();
    uint64_t rejected = 0, corrupt = 0, fine = 0, interrupted = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t random = first_seed + i;
        check_context("hostile_test %" PRIu64 " 1", first_seed + i);
        unsigned seed = (unsigned)(check_random(&random) % seed_count), ways = (unsigned)(check_random(&random) % 80);
        victim v = {.n = seed_sizes[seed], .room = seed_sizes[seed] + 4 * 65536};
        v.bytes = malloc(v.room);
        REQUIRE(v.bytes);
        memcpy(v.bytes, seeds[seed], v.n);
        mutate(&v, &random);
        outcome o = attack(v.bytes, v.n, ways, random);
        free(v.bytes);
        rejected += o.ok == 0;
        corrupt += o.corrupt > 0;
        interrupted += o.interrupted > 0;
        fine += o.ok > 0 && o.corrupt == 0;
    }
    printf("%" PRIu64 " databases: %" PRIu64 " not loaded, %" PRIu64 " corrupt, %" PRIu64 " not found to be, %" PRIu64 " with a statement that was interrupted\n",
        count, rejected, corrupt, fine, interrupted);
    if (count >= 500) { /* all ways to end do come up */
        CHECK(rejected > 0);
        CHECK(corrupt > count / 4);
        CHECK(fine > 0);
    }
}

static bool write_file(const char *dir, const char *name, unsigned ways, const uint8_t *bytes, size_t n) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    bool ok = f && fputc((int)ways, f) != EOF && fwrite(bytes, 1, n, f) == n;
    return f && fclose(f) == 0 && ok;
}

static int write_seeds(const char *dir) {
    make_seeds();
    for (unsigned i = 0; i < seed_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "seed-%02u", i);
        if (seed_sizes[i] > 1 << 18)
            continue; /* too long to be changed in the right place by chance */
        if (!write_file(dir, name, i & 1 ? 8 : 0, seeds[i], seed_sizes[i])) {
            printf("cannot write %s/%s\n", dir, name);
            return 1;
        }
    }
    return 0;
}

static int attack_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        printf("cannot read %s\n", path);
        return 1;
    }
    uint8_t *bytes = malloc(1 << 20);
    REQUIRE(bytes);
    int ways = fgetc(f);
    size_t n = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    if (!(ways & 128))
        n = repair(bytes, n);
    check_context("%s", path);
    outcome o = attack(bytes, n, (unsigned)ways, n + 1);
    printf("%s: %d statements succeeded, %d failed, %d of them with SQLITE_CORRUPT\n", path, o.ok, o.errors, o.corrupt);
    free(bytes);
    return atomic_load(&check_failures) != 0;
}

int main(int argc, char **argv) {
    char *end;
    signal(SIGALRM, hang);
    if (argc == 3 && !strcmp(argv[1], "--seeds"))
        return write_seeds(argv[2]);
    if (argc > 2 && !strcmp(argv[1], "--file")) {
        int failed = 0;
        for (int i = 2; i < argc; i++)
            failed |= attack_file(argv[i]);
        return failed;
    }
    if (argc == 3 && (first_seed = strtoull(argv[1], &end, 0), end != argv[1] && !*end)) {
        count = strtoull(argv[2], NULL, 0);
        check_start(1, argv);
        RUN(mutated_databases_give_errors_only);
        return check_end();
    }
    first_seed = 1;
    check_start(argc, argv);
    RUN(what_was_not_changed_works);
    RUN(mutated_databases_give_errors_only);
    for (unsigned i = 0; i < seed_count; i++)
        free(seeds[i]);
    return check_end();
}

#endif
