/*
 * Memory that is refused: each operation with its first, second, third ... allocation failing, until it succeeds with none refused.
 *
 *     nomem_test [WORD...]      the tests whose names hold a word; --list prints them
 *
 * Memory comes from two places, SQLite's allocator and the system's mmap for slabs. Both are replaced here by ones that
 * count and refuse, in one of four ways:
 *
 *   ONE      only the Nth allocation fails
 *   ALL      the Nth and all after it, until the operation has returned
 *   NODES    there are N-1 table nodes left, and no more can be had
 *   BLOCKS   the same for blocks
 *
 * After each failure the code must be one that says so, what is stored must be what it was, byte for byte, the numbers of the store
 * must be what they were, and in the end nothing may be left. SQLite does without some allocations: an operation
 * that succeeds all the same must have done all of its work.
 *
 * An operation may need thousands of allocations. After the first some hundred, most are skipped, unless the test
 * every_allocation is asked for.
 */
#include "../harness/check.h"
#include "store/store_internal.h"
#include "vfs/vfs.h"
#include "sqlite3.h"

/* ---- memory that can be refused ---------------------------------------------------------------------- */

typedef enum fault { ONE, ALL, NODES, BLOCKS, FAULTS } fault;

static const char *const fault_names[] = {"one", "all", "nodes", "blocks"};

static struct {
    bool armed;
    fault how;
    int64_t at;           /* ONE, ALL: the first that fails, from 1 */
    const mv_arena *arena; /* NODES, BLOCKS: whose objects have run out, of that class */
    unsigned cls;
    int64_t seen, refused;
    int64_t live;         /* of SQLite's allocator */
    int64_t mapped;       /* bytes of slabs */
} memory;

static sqlite3_mem_methods system_memory;

static bool refuse(bool slab) {
    if (!memory.armed) return false;
    bool out;
    if (memory.how == ONE || memory.how == ALL) {
        memory.seen++;
        out = memory.how == ALL ? memory.seen >= memory.at : memory.seen == memory.at;
    } else {
        out = slab && !memory.arena->open[memory.cls];
    }
    memory.refused += out;
    return out;
}

static void *counted_malloc(int n) {
    if (refuse(false)) return NULL;
    void *p = system_memory.xMalloc(n);
    memory.live += p != NULL;
    return p;
}

static void counted_free(void *p) {
    memory.live -= p != NULL;
    system_memory.xFree(p);
}

static void *counted_realloc(void *p, int n) {
    return refuse(false) ? NULL : system_memory.xRealloc(p, n);
}

#ifdef __linux__ /* elsewhere slabs are not refused, only not counted */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("hidden"))) void *mmap(void *at, size_t n, int protection, int flags, int file, off_t offset) {
    if (refuse(true)) return MAP_FAILED;
#ifdef SYS_mmap2
    void *p = (void *)syscall(SYS_mmap2, at, n, protection, flags, file, offset / 4096);
#else
    void *p = (void *)syscall(SYS_mmap, at, n, protection, flags, file, offset);
#endif
    if (p != MAP_FAILED) memory.mapped += (int64_t)n;
    return p;
}

static struct {
    bool refused;
    int small, huge; /* slabs that were to be of such pages */
} advice;

__attribute__((visibility("hidden"))) int madvise(void *at, size_t n, int what) {
    if (what == MADV_HUGEPAGE || what == MADV_NOHUGEPAGE) {
        CHECK_EQ(n, MV_SLAB);
        CHECK_EQ((uintptr_t)at % MV_SLAB, 0);
        *(what == MADV_HUGEPAGE ? &advice.huge : &advice.small) += 1;
        if (advice.refused) {
            errno = EINVAL; /* a kernel without huge pages */
            return -1;
        }
    }
    return (int)syscall(SYS_madvise, at, n, what);
}

__attribute__((visibility("hidden"))) int munmap(void *at, size_t n) {
    memory.mapped -= (int64_t)n;
    return (int)syscall(SYS_munmap, at, n);
}
#endif

static void count_memory(void) {
    REQUIRE_EQ(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory), SQLITE_OK);
    sqlite3_mem_methods counted = system_memory;
    counted.xMalloc = counted_malloc;
    counted.xFree = counted_free;
    counted.xRealloc = counted_realloc;
    REQUIRE_EQ(sqlite3_config(SQLITE_CONFIG_MALLOC, &counted), SQLITE_OK);
    REQUIRE_EQ(sqlite3_initialize(), SQLITE_OK);
}

static void refuse_from(fault how, int64_t at) {
    memory.how = how;
    memory.at = at;
    memory.seen = memory.refused = 0;
    memory.armed = true;
}

/* Returns how many were refused. */
static int64_t refuse_no_more(void) {
    memory.armed = false;
    return memory.refused;
}

/* A vfs is never freed, but serves again once many others have retired: from here on none is made. */
static void retire_many(void) {
    enum { MANY = 260 };
    mv_store *store = mv_store_new(0, 0);
    mv_vfs *vfs[MANY];
    REQUIRE(store);
    for (int i = 0; i < MANY; i++) {
        char name[32];
        snprintf(name, sizeof name, "retires-%d", i);
        REQUIRE_EQ(mv_vfs_register(store, name, &vfs[i]), SQLITE_OK);
    }
    for (int i = 0; i < MANY; i++) mv_vfs_unregister(vfs[i]);
    mv_store_release(store);
}

/* Adds all objects of a class that can be had without another slab. */
static void take_all(mv_arena *arena, unsigned cls, mv_list *taken) {
    void *object;
    refuse_from(ALL, 1);
    while (mv_arena_new(arena, cls, &object) == MV_OK) mv_list_push(taken, object);
    refuse_no_more();
}

/* Leaves so many objects of a class that can be had without another slab, and returns the others. */
static mv_list leave(mv_arena *arena, unsigned cls, int64_t left) {
    mv_list taken = {0}, back = {0};
    void *object;
    uintptr_t slab = 0;
    take_all(arena, cls, &taken);
    for (int64_t i = 0; i < left;) {
        REQUIRE_EQ(mv_arena_new(arena, cls, &object), MV_OK);
        bool first = slab != ((uintptr_t)object & ~(MV_SLAB - 1)); /* is kept, so that its slab is */
        slab = (uintptr_t)object & ~(MV_SLAB - 1);
        mv_list_push(first ? &taken : &back, object);
        i += !first;
    }
    take_all(arena, cls, &taken);
    mv_arena_free(arena, back);
    return taken;
}

static bool every; /* no allocation is skipped */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SKIPS_FROM = 60, SKIPS = 10, SEEDS = 1 }; /* the same in a time that is not ten times as long */
#else
enum { SKIPS_FROM = 300, SKIPS = 40, SEEDS = 3 };
#endif

static int64_t next(int64_t at) {
    return at + 1 + (every || at < SKIPS_FROM ? 0 : (at - SKIPS_FROM) / SKIPS);
}

/* ---- a store with its content ------------------------------------------------------------------------ */

enum { MAX_DATABASES = 4 };

typedef struct content {
    char name[32];
    uint8_t *bytes;
    size_t n;
} content;

typedef struct scenario scenario;

typedef struct world {
    const scenario *what;
    uint32_t page, block;
    mv_store *store;
    mv_vfs *vfs;
    sqlite3 *db;             /* on database m */
    sqlite3_stmt *stmt;      /* for the scenario's own use, as the rest of this group */
    sqlite3 *other;
    mv_load *load;
    content before[MAX_DATABASES];
    int databases;
    uint64_t rows;           /* what the operation has read */
    bool lookaside;
} world;

struct scenario {
    const char *name;
    const char *setup;             /* makes the databases */
    const char *pragmas;           /* of each connection */
    const char *sql;
    int (*run)(world *w);          /* NULL: executes the SQL */
    void (*ready)(world *w);       /* before each try, with memory; NULL: nothing is to be done */
    void (*tidy)(world *w);        /* after each try, with memory */
    int want;                      /* code of a try in which nothing was refused */
    bool any_content;              /* what is stored after a failure may also be what it is after success */
};

#define VFS "nomem"
#define FLAGS (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI)

static void hash(uint64_t *h, const void *bytes, size_t n) { /* FNV-1a */
    for (size_t i = 0; i < n; i++) *h = (*h ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
}

static int hash_row(void *h, int columns, char **values, char **names) {
    (void)names;
    for (int i = 0; i < columns; i++) hash(h, values[i] ? values[i] : "\1", values[i] ? strlen(values[i]) + 1 : 2);
    return 0;
}

static int execute(sqlite3 *db, const char *sql, uint64_t *rows) {
    *rows = UINT64_C(14695981039346656037);
    return sqlite3_exec(db, sql, hash_row, rows, NULL);
}

static void must(sqlite3 *db, const char *sql) {
    uint64_t rows;
    int rc = execute(db, sql, &rows);
    if (rc) check_fail(__FILE__, __LINE__, "%.200s: code %d: %s", sql, rc, sqlite3_errmsg(db));
}

static sqlite3 *open_db(const char *name) {
    sqlite3 *db;
    REQUIRE_EQ(sqlite3_open_v2(name, &db, FLAGS, VFS), SQLITE_OK);
    sqlite3_extended_result_codes(db, 1);
    return db;
}

static void make_store(world *w) {
    w->store = mv_store_new(w->block, 0);
    REQUIRE(w->store);
    REQUIRE_EQ(mv_vfs_register(w->store, VFS, &w->vfs), SQLITE_OK);
}

static void end_store(world *w) {
    mv_vfs_unregister(w->vfs);
    mv_store_close(w->store);
    mv_store_release(w->store);
}

static mv_version *pin(world *w, const char *name) {
    mv_database *db;
    if (mv_store_open(w->store, name, strlen(name), false, &db) != MV_OK) return NULL;
    mv_version *v = mv_database_pin(db);
    mv_database_release(db);
    return v;
}

static void remember(world *w) {
    char *names;
    size_t len;
    REQUIRE_EQ(mv_store_names(w->store, &names, &len), MV_OK);
    w->databases = 0;
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        REQUIRE(w->databases < MAX_DATABASES);
        content *c = &w->before[w->databases++];
        snprintf(c->name, sizeof c->name, "%s", name);
        mv_version *v = pin(w, name);
        c->n = (size_t)mv_version_size(v);
        c->bytes = malloc(c->n + 1);
        REQUIRE(c->bytes);
        mv_version_read(v, c->bytes, c->n, 0);
        mv_version_release(v);
    }
    sqlite3_free(names);
}

/* What is stored is what it was. */
static bool unchanged(world *w) {
    char *names;
    size_t len;
    int count = 0;
    bool same = true;
    REQUIRE_EQ(mv_store_names(w->store, &names, &len), MV_OK);
    for (const char *name = names; name < names + len; name += strlen(name) + 1) count++;
    sqlite3_free(names);
    same &= count == w->databases;
    for (int i = 0; same && i < w->databases; i++) {
        content *c = &w->before[i];
        mv_version *v = pin(w, c->name);
        same = v && (size_t)mv_version_size(v) == c->n;
        for (size_t at = 0, n; same && at < c->n; at += n) {
            const void *bytes = mv_version_span(v, (int64_t)at, c->n - at, &n);
            same = !memcmp(bytes, c->bytes + at, n);
        }
        if (v) mv_version_release(v);
    }
    return same;
}

static void put_back(world *w) {
    make_store(w);
    for (int i = 0; i < w->databases; i++) {
        content *c = &w->before[i];
        mv_load *load;
        REQUIRE_EQ(mv_load_begin(w->store, c->name, strlen(c->name), &load), MV_OK);
        REQUIRE_EQ(mv_load_write(load, c->bytes, c->n), MV_OK);
        REQUIRE_EQ(mv_load_finish(load), MV_OK);
        REQUIRE_EQ(mv_store_publish(w->store, c->name, strlen(c->name), load, 0), MV_OK);
    }
}

/* A number for all rows of all databases. Wants each of them whole. */
static uint64_t digest(world *w) {
    char *names;
    size_t len;
    uint64_t all = 1, rows;
    REQUIRE_EQ(mv_store_names(w->store, &names, &len), MV_OK);
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        sqlite3 *db = open_db(name);
        uint64_t ok = UINT64_C(14695981039346656037);
        hash(&ok, "ok", 3);
        CHECK_EQ(execute(db, "PRAGMA integrity_check", &rows), SQLITE_OK);
        if (rows != ok) check_fail(__FILE__, __LINE__, "database %s is not whole", name);
        hash(&all, name, strlen(name));
        CHECK_EQ(execute(db, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name", &rows), SQLITE_OK);
        hash(&all, &rows, sizeof rows);
        sqlite3_stmt *stmt;
        REQUIRE_EQ(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type='table' AND sql IS NOT NULL ORDER BY name", -1, &stmt, NULL), SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", sqlite3_column_text(stmt, 0));
            CHECK_EQ(execute(db, sql, &rows), SQLITE_OK);
            sqlite3_free(sql);
            hash(&all, &rows, sizeof rows);
        }
        sqlite3_finalize(stmt);
        CHECK_EQ(sqlite3_close(db), SQLITE_OK);
    }
    sqlite3_free(names);
    return all;
}

/* ---- an operation with each of its allocations failing ------------------------------------------------ */

static void connect(world *w) {
    w->db = open_db("m");
    if (!w->lookaside) REQUIRE_EQ(sqlite3_db_config(w->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0), SQLITE_OK);
    if (w->what->pragmas) must(w->db, w->what->pragmas);
}

static void disconnect(world *w) {
    if (w->db) CHECK_EQ(sqlite3_close(w->db), SQLITE_OK);
    w->db = NULL;
}

static int run(world *w) {
    return w->what->run ? w->what->run(w) : execute(w->db, w->what->sql, &w->rows);
}

static bool says_no_memory(int rc) {
    return rc == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM;
}

static mv_list starve(world *w, fault how, int64_t at) {
    if (how != NODES && how != BLOCKS) return (mv_list){0};
    uint32_t block = w->block ? w->block : w->page;
    memory.arena = &w->store->arena;
    memory.cls = how == NODES ? MV_NODE_CLASS : mv_block_class(mv_shift_for(block));
    return leave(&w->store->arena, memory.cls, at - 1);
}

/* cold: each try has a connection of its own. */
static void fail_each(const scenario *what, uint32_t page, uint32_t block, fault how, bool cold, bool lookaside) {
    world w = {.what = what, .page = page, .block = block, .lookaside = lookaside};
    int64_t live = memory.live, mapped = memory.mapped;
    char sql[64];
    check_context("%s, page %u, block %u, %s%s%s", what->name, page, block, fault_names[how], cold ? ", cold" : "", lookaside ? "" : ", no lookaside");
    make_store(&w);
    sqlite3 *db = open_db("m");
    snprintf(sql, sizeof sql, "PRAGMA page_size=%u", page);
    must(db, sql);
    must(db, what->setup);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
    remember(&w);
    end_store(&w);

    put_back(&w); /* once with memory */
    connect(&w);
    if (what->ready) what->ready(&w);
    REQUIRE_EQ(run(&w), what->want);
    uint64_t want_rows = w.rows;
    if (what->tidy) what->tidy(&w);
    disconnect(&w);
    uint64_t want = digest(&w);
    end_store(&w);
    CHECK_EQ(memory.live, live);

    bool made = false;
    int64_t live_before = 0;
    mv_stats stats = {0};
    for (int64_t at = 1, refused = 1; refused > 0 && atomic_load(&check_failures) < 5; at = next(at)) {
        if (!made) {
            put_back(&w);
            mv_store_stats(w.store, &stats);
            live_before = memory.live;
            made = true;
        }
        if (!w.db) connect(&w);
        if (what->ready) what->ready(&w);
        w.rows = 0;
        mv_list taken = starve(&w, how, at);
        refuse_from(how, at);
        int rc = run(&w);
        refused = refuse_no_more();
        uint64_t rows = w.rows;
        mv_arena_free(&w.store->arena, taken);
        check_context("%s, page %u, block %u, %s %lld%s%s", what->name, page, block, fault_names[how], (long long)at, cold ? ", cold" : "", lookaside ? "" : ", no lookaside");
        if (w.db && !sqlite3_get_autocommit(w.db)) must(w.db, "ROLLBACK");
        if (what->tidy) what->tidy(&w);
        bool success = rc == what->want;
        if (!success) {
            if (!says_no_memory(rc)) check_fail(__FILE__, __LINE__, "code %d: %s", rc, w.db ? sqlite3_errmsg(w.db) : "");
            CHECK(refused > 0);
            if (w.db && !cold) {
                uint64_t told, ok = UINT64_C(14695981039346656037);
                hash(&ok, "ok", 3);
                CHECK_EQ(execute(w.db, "PRAGMA integrity_check", &told), SQLITE_OK);
                CHECK(told == ok);
            }
            success = what->any_content && !unchanged(&w);
            if (!success) CHECK(unchanged(&w));
        } else {
            CHECK(rows == want_rows);
        }
        if (cold || success) disconnect(&w);
        mv_stats now;
        mv_store_stats(w.store, &now);
        if (success) {
            if (digest(&w) != want) check_fail(__FILE__, __LINE__, "done, but the content is another one");
        } else if (!w.db) {
            CHECK_EQ(now.bytes, stats.bytes);
            CHECK_EQ(now.versions, stats.versions);
            CHECK_EQ(now.pins, stats.pins);
            CHECK_EQ(now.databases, stats.databases);
            CHECK_EQ(memory.live, live_before);
        }
        if (!w.db) CHECK_EQ(mv_store_check(w.store), now.bytes);
        if (success) {
            end_store(&w);
            CHECK_EQ(memory.live, live);
            CHECK_EQ(memory.mapped, mapped);
            made = false;
        }
    }
    if (made) {
        disconnect(&w);
        end_store(&w);
    }
    CHECK_EQ(memory.live, live);
    CHECK_EQ(memory.mapped, mapped);
    for (int i = 0; i < w.databases; i++) free(w.before[i].bytes);
}

/* Pages and blocks: as one, blocks smaller, blocks larger. */
static const struct {
    uint32_t page, block;
} sizes[] = {{512, 0}, {4096, 512}, {1024, 65536}, {65536, 0}, {4096, 0}};

enum { SIZES = sizeof sizes / sizeof *sizes };

/* In all four ways, each with other sizes and connections: not every combination, but each scenario sees all of them. */
static void in_all_ways(const scenario *what, int n) {
    static int turn;
    for (int i = 0; i < n; i++, turn++)
        for (int how = ONE; how < FAULTS; how++)
            for (int size = 0; size < SIZES; size++) {
                bool chosen = size == (turn + how) % SIZES;
                if (!every && !chosen) continue;
                fail_each(&what[i], sizes[size].page, sizes[size].block, how, false, how != ONE);
                if (how == ONE || every) fail_each(&what[i], sizes[size].page, sizes[size].block, how, true, false);
            }
}

#define RUN_ALL(scenarios) in_all_ways(scenarios, sizeof(scenarios) / sizeof *(scenarios))

static void registering(void) {
    mv_store *store = mv_store_new(0, 0);
    mv_vfs *vfs = NULL;
    REQUIRE(store);
    int64_t live = memory.live, refused = 1;
    for (int64_t at = 1; refused > 0; at++) {
        refuse_from(at % 2 ? ONE : ALL, (at + 1) / 2);
        int rc = mv_vfs_register(store, "registered", &vfs);
        refused = refuse_no_more();
        CHECK_EQ(rc, refused ? SQLITE_NOMEM : SQLITE_OK);
        CHECK(!!sqlite3_vfs_find("registered") == !refused);
        CHECK_EQ(memory.live, live + !refused);
    }
    mv_vfs_unregister(vfs);
    mv_store_release(store);
}

/* ---- SQL -------------------------------------------------------------------------------------------- */

#define FILL "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<150) "
#define TABLE                                                                        \
    "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT); CREATE INDEX t_v ON t(v, k);" FILL \
    "INSERT INTO t SELECT i, printf('%.*c', 20+i*7%180, char(65+i%26)) || i FROM n;"
#define CHANGES "UPDATE t SET v=v||'x' WHERE k%2; DELETE FROM t WHERE k%5=0; " FILL "INSERT INTO t(v) SELECT printf('%.300c', 'z') FROM n WHERE i<60;"

static void reading(void) {
    static const scenario all[] = {
        {.name = "sorting", .setup = TABLE, .sql = "SELECT v, k FROM t ORDER BY v||'x', k"},
        {.name = "grouping", .setup = TABLE, .sql = "SELECT substr(v,1,1), group_concat(k) FROM t GROUP BY 1; SELECT count(DISTINCT v) FROM t"},
        {.name = "joining", .setup = TABLE, .sql = "SELECT a.k, b.v FROM t a JOIN t b ON b.k=a.k+1 WHERE a.v>'D' LIMIT 20"},
        /* not integrity_check, which tells of memory that it did not have in its rows */
        {.name = "describing", .setup = TABLE, .sql = "PRAGMA table_info(t); EXPLAIN QUERY PLAN SELECT * FROM t WHERE v>'a'; SELECT json_group_array(v) FROM t"},
    };
    RUN_ALL(all);
}

static void writing(void) {
    static const scenario all[] = {
        {.name = "insert", .setup = TABLE, .sql = "INSERT INTO t(v) VALUES('one'),('two')"},
        {.name = "changes", .setup = TABLE, .sql = "BEGIN;" CHANGES "COMMIT"},
        {.name = "changes that spill", .setup = TABLE, .pragmas = "PRAGMA cache_size=3", .sql = "BEGIN;" CHANGES "COMMIT"},
        {.name = "autocommit", .setup = TABLE, .pragmas = "PRAGMA cache_size=3", .sql = "UPDATE t SET v=v||v"},
        {.name = "large values", .setup = TABLE, .sql = "BEGIN; INSERT INTO t VALUES(1000, hex(zeroblob(100000))); UPDATE t SET v=zeroblob(70000) WHERE k=3; DELETE FROM t WHERE k<3; COMMIT"},
        {.name = "savepoints", .setup = TABLE, .pragmas = "PRAGMA cache_size=5",
            .sql = "BEGIN; SAVEPOINT a; " CHANGES " SAVEPOINT b; DELETE FROM t WHERE k>20; ROLLBACK TO b; INSERT INTO t VALUES(5000,'in b'); RELEASE b; RELEASE a; COMMIT"},
        {.name = "rollback", .setup = TABLE, .pragmas = "PRAGMA cache_size=5", .sql = "BEGIN;" CHANGES "ROLLBACK"},
        {.name = "a conflict", .setup = TABLE, .want = SQLITE_CONSTRAINT_PRIMARYKEY, .sql = "INSERT INTO t SELECT 200-k, 'c' FROM t ORDER BY k"},
    };
    RUN_ALL(all);
}

static void journals(void) {
    static const scenario all[] = {
        {.name = "journal_mode off", .setup = TABLE, .pragmas = "PRAGMA journal_mode=OFF; PRAGMA cache_size=3", .sql = "BEGIN;" CHANGES "COMMIT"},
        {.name = "journal_mode truncate", .setup = TABLE, .pragmas = "PRAGMA journal_mode=TRUNCATE; PRAGMA cache_size=3", .sql = "BEGIN;" CHANGES "COMMIT"},
        {.name = "journal_mode persist", .setup = TABLE, .pragmas = "PRAGMA journal_mode=PERSIST; PRAGMA cache_size=3", .sql = "BEGIN; SAVEPOINT a;" CHANGES "ROLLBACK TO a; DELETE FROM t WHERE k%3=0; COMMIT"},
        {.name = "synchronous", .setup = TABLE, .pragmas = "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA", .sql = "BEGIN;" CHANGES "COMMIT"},
    };
    RUN_ALL(all);
}

static void drop_temporary(world *w) {
    must(w->db, "DROP TABLE IF EXISTS temp.tt");
}

static void schemas(void) {
    static const scenario all[] = {
        {.name = "create", .setup = TABLE, .sql = "BEGIN; CREATE TABLE u(a, b UNIQUE, c REFERENCES t); CREATE INDEX u_a ON u(a) WHERE a>1; CREATE VIEW w AS SELECT * FROM t; "
            "CREATE TRIGGER r AFTER INSERT ON u BEGIN INSERT INTO t(v) VALUES(new.a); END; INSERT INTO u VALUES(1,2,3); COMMIT"},
        {.name = "create as", .setup = TABLE, .sql = "CREATE TABLE u AS SELECT * FROM t WHERE k%2"},
        {.name = "drop", .setup = TABLE "CREATE TABLE u(a); INSERT INTO u SELECT v FROM t;", .sql = "BEGIN; DROP TABLE u; DROP INDEX t_v; COMMIT"},
        {.name = "alter", .setup = TABLE, .sql = "BEGIN; ALTER TABLE t RENAME TO s; ALTER TABLE s ADD COLUMN w DEFAULT 7; ALTER TABLE s RENAME COLUMN v TO x; COMMIT"},
        {.name = "temporary", .setup = TABLE, .pragmas = "PRAGMA temp_store=1", .sql = "CREATE TEMP TABLE tt AS SELECT * FROM t; CREATE INDEX temp.tt_v ON tt(v); UPDATE tt SET v=k; SELECT sum(v) FROM tt", .tidy = drop_temporary},
        {.name = "reindex", .setup = TABLE, .sql = "BEGIN; REINDEX; ANALYZE; COMMIT"},
    };
    RUN_ALL(all);
}

static void vacuuming(void) {
    static const scenario all[] = {
        {.name = "vacuum", .setup = TABLE "DELETE FROM t WHERE k%2", .sql = "VACUUM"},
        {.name = "vacuum to another page size", .setup = TABLE "DELETE FROM t WHERE k%2", .sql = "PRAGMA page_size=2048; VACUUM",
            .any_content = true}, /* SQLite sets the pager's page size after the commit, and that can fail */
        {.name = "vacuum into", .setup = TABLE "ATTACH 'file:copy' AS c", .sql = "VACUUM INTO 'file:copy'", .any_content = true},
        {.name = "incremental vacuum", .setup = "PRAGMA auto_vacuum=INCREMENTAL;" TABLE "DELETE FROM t WHERE k>50", .sql = "PRAGMA incremental_vacuum(3); PRAGMA incremental_vacuum", .any_content = true},
        {.name = "auto_vacuum", .setup = "PRAGMA auto_vacuum=FULL;" TABLE, .sql = "DELETE FROM t WHERE k>50"},
    };
    RUN_ALL(all);
}

/* ---- connections ------------------------------------------------------------------------------------ */

static int open_and_close(world *w, const char *name, int flags) {
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(name, &db, flags, VFS);
    if (!rc) rc = execute(db, "SELECT * FROM sqlite_schema", &w->rows);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
    return rc;
}

static int open_one(world *w) {
    return open_and_close(w, "m", FLAGS);
}

static int open_new(world *w) {
    return open_and_close(w, "new", FLAGS);
}

static int open_none(world *w) {
    return open_and_close(w, "none", SQLITE_OPEN_READWRITE);
}

static void detach(world *w) {
    sqlite3_exec(w->db, "DETACH a", NULL, NULL, NULL); /* if it is attached */
}

static void hold_slot(world *w) {
    w->other = open_db("m");
    must(w->other, "BEGIN IMMEDIATE; DELETE FROM t");
    sqlite3_busy_timeout(w->db, 1);
}

static void leave_slot(world *w) {
    must(w->other, "ROLLBACK");
    CHECK_EQ(sqlite3_close(w->other), SQLITE_OK);
}

static void connections(void) {
    static const scenario all[] = {
        {.name = "open", .setup = TABLE, .run = open_one},
        {.name = "open a new one", .setup = TABLE, .run = open_new, .any_content = true},
        {.name = "open none", .setup = TABLE, .run = open_none, .want = SQLITE_CANTOPEN},
        {.name = "attach", .setup = TABLE "ATTACH 'file:a' AS a; CREATE TABLE a.u AS SELECT * FROM t", .sql = "ATTACH 'file:a' AS a; SELECT count(*) FROM a.u; DETACH a", .tidy = detach},
        {.name = "two databases", .setup = TABLE "ATTACH 'file:a' AS a; CREATE TABLE a.u AS SELECT * FROM t", .pragmas = "ATTACH 'file:a' AS a; PRAGMA cache_size=4; PRAGMA a.cache_size=4",
            .sql = "BEGIN; INSERT INTO a.u SELECT k,v FROM t; UPDATE t SET v=v||'y'; DELETE FROM a.u WHERE k<9; COMMIT"},
        {.name = "busy", .setup = TABLE, .sql = "UPDATE t SET v=1", .ready = hold_slot, .tidy = leave_slot, .want = SQLITE_BUSY},
    };
    RUN_ALL(all);
}

/* ---- cursors, whose pages are the store's own --------------------------------------------------------- */

static void begin_reading(world *w) {
    REQUIRE_EQ(sqlite3_prepare_v2(w->db, "SELECT k, v FROM t ORDER BY k", -1, &w->stmt, NULL), SQLITE_OK);
    for (int i = 0; i < 3; i++) CHECK_EQ(sqlite3_step(w->stmt), SQLITE_ROW);
}

static void end_reading(world *w) {
    sqlite3_finalize(w->stmt);
    w->stmt = NULL;
    if (!sqlite3_get_autocommit(w->db)) must(w->db, "ROLLBACK");
}

/* What the cursor reads on is what it was before, or an error. */
static int write_beside_cursor(world *w) {
    uint64_t none;
    int rc = execute(w->db, w->what->sql, &none);
    w->rows = 0;
    int step;
    while ((step = sqlite3_step(w->stmt)) == SQLITE_ROW) {
        int64_t k = sqlite3_column_int64(w->stmt, 0);
        const char *v = (const char *)sqlite3_column_text(w->stmt, 1);
        if (k <= 150 && v) CHECK_EQ(strtoll(v + strspn(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), NULL, 10), k);
        w->rows++;
    }
    if (step == SQLITE_ABORT_ROLLBACK || step == SQLITE_ABORT) CHECK(rc != SQLITE_OK);
    return rc ? rc : step == SQLITE_DONE ? SQLITE_OK : step;
}

static int write_blob(world *w) {
    sqlite3_blob *blob = NULL;
    uint8_t bytes[300];
    memset(bytes, 'q', sizeof bytes);
    int rc = execute(w->db, "BEGIN", &w->rows);
    if (!rc) rc = sqlite3_blob_open(w->db, "main", "b", "x", 777, 1, &blob);
    for (int at = 0; !rc && at < 30000; at += 5000) rc = sqlite3_blob_write(blob, bytes, sizeof bytes, at);
    if (!rc) rc = sqlite3_blob_read(blob, bytes, sizeof bytes, 200);
    if (!rc) hash(&w->rows, bytes, sizeof bytes);
    int closed = sqlite3_blob_close(blob);
    if (!rc) rc = closed;
    return rc ? rc : execute(w->db, "COMMIT", &w->rows);
}

static int back_up(world *w) {
    sqlite3 *to = NULL;
    int rc = sqlite3_open_v2("to", &to, FLAGS, VFS);
    if (!rc) {
        sqlite3_backup *backup = sqlite3_backup_init(to, "main", w->db, "main");
        rc = backup ? SQLITE_OK : sqlite3_extended_errcode(to);
        while (backup && !rc) rc = sqlite3_backup_step(backup, 3);
        int done = sqlite3_backup_finish(backup);
        if (rc == SQLITE_DONE || !rc) rc = done;
    }
    CHECK_EQ(sqlite3_close(to), SQLITE_OK);
    return rc;
}

static void cursors(void) {
    static const scenario all[] = {
        {.name = "beside a cursor", .setup = TABLE, .pragmas = "PRAGMA cache_size=3", .sql = "INSERT INTO t SELECT k+1000, v FROM t", .ready = begin_reading, .run = write_beside_cursor, .tidy = end_reading, .any_content = true},
        {.name = "in a transaction beside a cursor", .setup = TABLE, .sql = "BEGIN; INSERT INTO t SELECT k+1000, v FROM t; COMMIT", .ready = begin_reading, .run = write_beside_cursor, .tidy = end_reading, .any_content = true},
        {.name = "blob", .setup = TABLE "CREATE TABLE b(x); INSERT INTO b(rowid, x) VALUES(777, zeroblob(40000))", .run = write_blob},
        {.name = "backup", .setup = TABLE "ATTACH 'file:to' AS x", .run = back_up},
    };
    RUN_ALL(all);
}

/* ---- the store beside open connections ------------------------------------------------------------------ */

static int code_of(mv_result rc) {
    return mv_sqlite_code(rc);
}

static mv_result load_from(world *w, const char *name, const char *origin) {
    mv_version *v = pin(w, origin);
    size_t n = (size_t)mv_version_size(v);
    mv_load *load = NULL;
    mv_result rc = mv_load_begin(w->store, name, strlen(name), &load);
    for (size_t at = 0, got; !rc && at < n; at += got) {
        const void *bytes = mv_version_span(v, (int64_t)at, n - at, &got);
        rc = mv_load_write(load, bytes, got);
    }
    if (!rc) rc = mv_load_finish(load);
    if (!rc) rc = mv_store_publish(w->store, name, strlen(name), load, 0);
    if (rc) mv_load_drop(load);
    mv_version_release(v);
    return rc;
}

static int replace(world *w) {
    mv_result rc = load_from(w, "m", "other");
    return rc ? code_of(rc) : execute(w->db, w->what->sql, &w->rows);
}

static int load_new(world *w) {
    return code_of(load_from(w, "new", "m"));
}

/* By itself, but the connection cannot know. */
static void replace_by_itself(world *w) {
    CHECK_EQ(load_from(w, "m", "m"), MV_OK);
}

static mv_result fork_to(world *w, const char *origin, const char *name) {
    mv_version *v = pin(w, origin);
    mv_result rc = mv_store_fork(w->store, v, name, strlen(name));
    mv_version_release(v);
    return rc;
}

static int fork_twice(world *w) {
    mv_result rc = fork_to(w, "m", "f");
    if (!rc) rc = fork_to(w, "f", "g");
    return code_of(rc);
}

static void delete_forks(world *w) {
    mv_store_delete(w->store, "f", 1);
}

static void make_forks(world *w) {
    CHECK_EQ(fork_to(w, "m", "f"), MV_OK);
    w->other = open_db("f");
    must(w->other, "PRAGMA cache_size=3; UPDATE t SET v=v||'f' WHERE k%3=0");
}

static int write_fork(world *w) {
    return execute(w->other, w->what->sql, &w->rows);
}

static void end_forks(world *w) {
    if (!sqlite3_get_autocommit(w->other)) must(w->other, "ROLLBACK");
    CHECK_EQ(execute(w->other, "PRAGMA integrity_check", &w->rows), SQLITE_OK);
    CHECK_EQ(sqlite3_close(w->other), SQLITE_OK);
    CHECK_EQ(mv_store_delete(w->store, "f", 1), MV_OK);
}

static int list_names(world *w) {
    char *names;
    size_t len;
    mv_result rc = mv_store_names(w->store, &names, &len);
    if (rc) return code_of(rc);
    hash(&w->rows, names, len);
    sqlite3_free(names);
    return SQLITE_OK;
}

static void versions(void) {
    static const char other[] = TABLE "ATTACH 'file:other' AS o; CREATE TABLE o.t(k, v, w); INSERT INTO o.t SELECT v, k, v||v FROM main.t;";
    static const scenario all[] = {
        {.name = "replaced", .setup = other, .run = replace, .sql = "SELECT * FROM t", .any_content = true},
        {.name = "written when replaced", .setup = TABLE, .ready = replace_by_itself, .sql = "BEGIN;" CHANGES "COMMIT"},
        {.name = "loaded", .setup = other, .run = load_new},
        {.name = "forks", .setup = TABLE, .run = fork_twice, .tidy = delete_forks, .any_content = true},
        {.name = "a fork that is written", .setup = TABLE, .ready = make_forks, .run = write_fork, .sql = "BEGIN;" CHANGES "COMMIT", .tidy = end_forks},
        {.name = "names", .setup = other, .run = list_names},
    };
    RUN_ALL(all);
}

/* ---- the store alone ------------------------------------------------------------------------------------ */

static void a_store_and_its_names(void) {
    int64_t live = memory.live, mapped = memory.mapped, refused = 1;
    mv_store *store = NULL;
    for (int64_t at = 1; refused > 0; at++) {
        refuse_from(at % 2 ? ONE : ALL, (at + 1) / 2);
        store = mv_store_new(0, 0);
        refused = refuse_no_more();
        CHECK_EQ(!store, refused > 0);
        if (!store) CHECK_EQ(memory.live, live);
    }
    char name[32];
    for (int i = 0; i < 300; i++) { /* the table of names grows meanwhile, or does not */
        mv_database *db = NULL;
        snprintf(name, sizeof name, "name %d", i);
        refused = 1;
        for (int64_t at = 1; refused > 0 && !db; at++) {
            int64_t before = memory.live;
            refuse_from(i % 2 ? ONE : ALL, at);
            mv_result rc = mv_store_open(store, name, strlen(name), true, &db);
            refused = refuse_no_more();
            CHECK(rc == MV_OK || (rc == MV_NOMEM && refused > 0));
            if (rc) CHECK_EQ(memory.live, before);
            if (rc) CHECK_EQ(mv_store_open(store, name, strlen(name), false, &db), MV_NOTFOUND);
        }
        REQUIRE(db);
        mv_database_release(db);
    }
    for (int i = 0; i < 300; i++) {
        mv_database *db;
        snprintf(name, sizeof name, "name %d", i);
        REQUIRE_EQ(mv_store_open(store, name, strlen(name), false, &db), MV_OK);
        mv_database_release(db);
        if (i % 2) CHECK_EQ(mv_store_delete(store, name, strlen(name)), MV_OK);
    }
    char *names;
    size_t len;
    for (int64_t at = 1, before = memory.live; at <= 2; at++) {
        refuse_from(ONE, at);
        CHECK_EQ(mv_store_names(store, &names, &len), MV_NOMEM);
        refuse_no_more();
        CHECK_EQ(memory.live, before);
    }
    refuse_from(ALL, 1);
    mv_store_close(store);
    mv_store_release(store);
    refuse_no_more();
    CHECK_EQ(memory.seen, 0);
    CHECK_EQ(memory.live, live);
    CHECK_EQ(memory.mapped, mapped);
}

typedef struct model {
    uint8_t *bytes;
    int64_t size, room;
} model;

static void same_as_model(mv_txn *txn, const model *m) {
    if (!CHECK_EQ(mv_txn_size(txn), m->size)) return;
    uint8_t *got = malloc((size_t)m->size + 1);
    REQUIRE(got);
    CHECK_EQ(mv_txn_read(txn, got, (size_t)m->size, 0), m->size);
    CHECK_MEM(got, m->bytes, (size_t)m->size);
    free(got);
}

static void version_is_model(mv_version *v, const model *m) {
    if (!CHECK_EQ(mv_version_size(v), m->size)) return;
    for (size_t at = 0, n; at < (size_t)m->size; at += n) {
        const void *bytes = mv_version_span(v, (int64_t)at, (size_t)m->size - at, &n);
        if (!CHECK_MEM(bytes, m->bytes + at, n)) return;
    }
}

static bool starved_until_done(mv_store *store, uint32_t block, bool nodes, mv_result (*step)(void *), void *arg, void (*failed)(void *)) {
    for (int64_t left = 0; left < 100000; left = next(left)) {
        memory.arena = &store->arena;
        memory.cls = nodes ? MV_NODE_CLASS : mv_block_class(mv_shift_for(block));
        mv_list taken = leave(&store->arena, memory.cls, left);
        refuse_from(nodes ? NODES : BLOCKS, 0);
        mv_result rc = step(arg);
        int64_t refused = refuse_no_more();
        mv_arena_free(&store->arena, taken);
        if (rc == MV_OK) return true;
        CHECK(rc == MV_NOMEM && refused > 0);
        failed(arg);
    }
    return false;
}

typedef struct change {
    mv_txn *txn;
    const model *was;
    const void *from;
    size_t n;
    int64_t offset; /* or size */
    int kind;       /* 0: write, 1: truncate, 2: prepare */
} change;

static mv_result apply(void *arg) {
    change *c = arg;
    return c->kind == 0 ? mv_txn_write(c->txn, c->from, c->n, c->offset) : c->kind == 1 ? mv_txn_truncate(c->txn, c->offset) : mv_txn_prepare(c->txn);
}

static void not_applied(void *arg) {
    change *c = arg;
    same_as_model(c->txn, c->was);
}

static void model_set_size(model *m, int64_t size) {
    REQUIRE(size <= m->room);
    if (size > m->size) memset(m->bytes + m->size, 0, (size_t)(size - m->size));
    m->size = size;
}

/* Random changes of a database of so many blocks, each with fewer objects to be had than it takes. */
static void change_starved(uint32_t block, int64_t blocks, uint64_t seed) {
    check_context("block %u, %lld blocks, seed %llu", block, (long long)blocks, (unsigned long long)seed);
    int64_t live = memory.live, mapped = memory.mapped;
    uint64_t random = seed;
    mv_store *store = mv_store_new(block, 0);
    mv_database *db;
    REQUIRE(store);
    REQUIRE_EQ(mv_store_open(store, "d", 1, true, &db), MV_OK);
    int64_t room = (blocks + 400) * block;
    model stored = {malloc((size_t)room), 0, room}, now = {malloc((size_t)room), 0, room};
    uint8_t *bytes = malloc(8 * (size_t)block);
    REQUIRE(stored.bytes && now.bytes && bytes);
    for (int round = 0; round < 6; round++) {
        mv_version *base = mv_database_pin(db);
        version_is_model(base, &stored);
        mv_txn *txn = NULL;
        REQUIRE_EQ(mv_write_lock(db, &txn), MV_OK);
        for (int64_t at = 1; at <= 2; at++) {
            int64_t before = memory.live;
            refuse_from(ONE, at);
            CHECK_EQ(mv_txn_begin(db, base, &txn), MV_NOMEM);
            refuse_no_more();
            CHECK_EQ(memory.live, before);
        }
        REQUIRE_EQ(mv_txn_begin(db, base, &txn), MV_OK);
        memcpy(now.bytes, stored.bytes, (size_t)stored.size);
        now.size = stored.size;
        for (int64_t at = 0; round == 0 && at < blocks * block; at += block) {
            for (uint32_t i = 0; i < block; i += 8) memcpy(bytes + i, &at, 8);
            REQUIRE_EQ(mv_txn_write(txn, bytes, block, at), MV_OK);
            model_set_size(&now, at + block);
            memcpy(now.bytes + at, bytes, block);
        }
        for (int step = 0; step < 8; step++) {
            change c = {.txn = txn, .was = &now, .from = bytes};
            int64_t near = (int64_t)(check_random(&random) % (uint64_t)(now.size + 70 * block));
            c.kind = check_random(&random) % 4 == 0;
            c.offset = check_random(&random) % 2 ? near : near / block * block;
            c.n = check_random(&random) % 2 ? block : 1 + check_random(&random) % (5 * block);
            for (size_t i = 0; i < c.n; i++) bytes[i] = (uint8_t)(i * 7 + (size_t)random);
            CHECK(starved_until_done(store, block, check_random(&random) % 2, apply, &c, not_applied));
            if (c.kind == 1) {
                model_set_size(&now, c.offset);
            } else {
                if (c.offset + (int64_t)c.n > now.size) model_set_size(&now, c.offset + (int64_t)c.n);
                memcpy(now.bytes + c.offset, bytes, c.n);
            }
            same_as_model(txn, &now);
        }
        change c = {.txn = txn, .was = &now, .kind = 2};
        CHECK(starved_until_done(store, block, true, apply, &c, not_applied));
        refuse_from(ALL, 1); /* what has been prepared needs nothing more */
        mv_list taken = {0};
        take_all(&store->arena, MV_NODE_CLASS, &taken);
        refuse_from(ALL, 1);
        if (round % 2) {
            int64_t size = (int64_t)(check_random(&random) % (uint64_t)(now.size + 1));
            CHECK_EQ(mv_txn_truncate(txn, size), MV_OK);
            model_set_size(&now, size);
        }
        if (round == 3) {
            mv_txn_drop(txn);
        } else {
            mv_lease lease;
            mv_lease_open(&lease, db);
            mv_lease_take(&lease);
            mv_lease_return(mv_txn_publish(txn, &lease, true));
            mv_txn_drop(txn);
            mv_lease_put(&lease);
            mv_lease_close(&lease);
            model swap = stored;
            stored = now;
            now = swap;
        }
        mv_write_unlock(db, &txn);
        mv_version_release(base);
        refuse_no_more();
        mv_arena_free(&store->arena, taken);
        mv_stats stats;
        mv_store_stats(store, &stats);
        CHECK_EQ(mv_store_check(store), stats.bytes);
        CHECK_EQ(stats.versions, 1);
        CHECK_EQ(stats.pins, 0);
    }
    mv_version *v = mv_database_pin(db);
    version_is_model(v, &stored);
    mv_version_release(v);
    mv_database_release(db);
    mv_store_close(store);
    mv_store_release(store);
    free(stored.bytes);
    free(now.bytes);
    free(bytes);
    CHECK_EQ(memory.live, live);
    CHECK_EQ(memory.mapped, mapped);
}

static void transactions(void) {
    static const struct {
        uint32_t block;
        int64_t blocks;
    } of[] = {{512, 0}, {512, 1}, {512, 64}, {512, 65}, {512, 4090}, {4096, 70}, {65536, 3}, {65536, 66}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        for (uint64_t seed = 1; seed <= (every ? 20 : SEEDS); seed++) change_starved(of[i].block, of[i].blocks, seed);
}

typedef struct loading {
    mv_store *store;
    mv_load *load;
    const uint8_t *bytes;
    size_t n, part;
    uint64_t in_use; /* before it */
} loading;

static void end_loading(void *arg) {
    loading *l = arg;
    void *to;
    size_t n;
    if (l->load) { /* stays failed */
        CHECK_EQ(mv_load_space(l->load, &to, &n), MV_NOMEM);
        CHECK_EQ(mv_load_write(l->load, l->bytes, 1), MV_NOMEM);
        CHECK_EQ(mv_load_finish(l->load), MV_NOMEM);
    }
    mv_load_drop(l->load);
    l->load = NULL;
    mv_stats stats;
    mv_store_stats(l->store, &stats);
    CHECK_EQ(stats.bytes, l->in_use);
}

static mv_result load_all(void *arg) {
    loading *l = arg;
    mv_result rc = mv_load_begin(l->store, "d", 1, &l->load);
    for (size_t at = 0; !rc && at < l->n; at += l->part) {
        rc = mv_load_write(l->load, l->bytes + at, l->n - at < l->part ? l->n - at : l->part);
    }
    return rc ? rc : mv_load_finish(l->load);
}

/* Loads whose blocks or nodes run out; what is published needs memory only for a database that is new, and can be tried again. */
static void loads(void) {
    static const struct {
        uint32_t page, block;
        size_t pages;
    } of[] = {{512, 0, 200}, {512, 0, 5000}, {512, 65536, 300}, {65536, 512, 3}, {4096, 0, 70}, {65536, 0, 40}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        for (int nodes = 0; nodes < 2; nodes++) {
            int64_t live = memory.live, mapped = memory.mapped;
            uint32_t page = of[i].page, block = of[i].block ? of[i].block : page;
            check_context("page %u, block %u, %zu pages, out of %s", page, block, of[i].pages, nodes ? "nodes" : "blocks");
            loading l = {.store = mv_store_new(of[i].block, 0), .n = page * of[i].pages, .part = 30000};
            uint8_t *bytes = calloc(1, l.n);
            REQUIRE(l.store && bytes);
            memcpy(bytes, "SQLite format 3", 16);
            bytes[16] = (uint8_t)(page >> 8);
            bytes[17] = page == 65536;
            bytes[21] = 64;
            bytes[22] = bytes[23] = 32;
            for (size_t at = 100; at < l.n; at += 97) bytes[at] = (uint8_t)at;
            l.bytes = bytes;
            for (int over = 0; over < 2; over++) {
                mv_stats stats;
                mv_store_stats(l.store, &stats);
                l.in_use = stats.bytes;
                l.load = NULL;
                CHECK(starved_until_done(l.store, block, nodes, load_all, &l, end_loading));
                mv_result rc = MV_NOMEM;
                int64_t tries = 0;
                while (rc && tries < 10) {
                    refuse_from(ONE, ++tries);
                    rc = mv_store_publish(l.store, "d", 1, l.load, 0);
                    int64_t refused = refuse_no_more();
                    CHECK_EQ(rc, refused ? MV_NOMEM : MV_OK);
                    mv_store_stats(l.store, &stats);
                    CHECK_EQ(stats.databases, over || !rc);
                }
                CHECK_EQ(tries, over ? 1 : 4); /* the database, its name and its first version */
                mv_database *db;
                REQUIRE_EQ(mv_store_open(l.store, "d", 1, false, &db), MV_OK);
                mv_version *v = mv_database_pin(db);
                model m = {bytes, (int64_t)l.n, (int64_t)l.n};
                version_is_model(v, &m);
                mv_version_release(v);
                mv_database_release(db);
                mv_store_stats(l.store, &stats);
                CHECK_EQ(mv_store_check(l.store), stats.bytes);
            }
            refuse_from(ALL, 1);
            mv_store_close(l.store);
            mv_store_release(l.store);
            refuse_no_more();
            CHECK_EQ(memory.seen, 0);
            free(bytes);
            CHECK_EQ(memory.live, live);
            CHECK_EQ(memory.mapped, mapped);
        }
}

/* ---- rollback, with no memory at all --------------------------------------------------------------------- */

typedef enum ending { BY_ROLLBACK, BY_SAVEPOINT, BY_CLOSE, BY_CLOSE_V2, BY_RESET, ENDINGS } ending;

/* From this statement on nothing can be had. */
static void rollback_without_memory(uint32_t page, uint32_t block, const char *journal_mode, bool spill, ending how, int wanting) {
    static const char *const endings[] = {"ROLLBACK", "ROLLBACK TO", "close", "close_v2", "reset"};
    check_context("page %u, block %u, journal_mode %s%s, %s, memory gone %s", page, block, journal_mode, spill ? ", spilled" : "", endings[how], wanting ? "before the last change" : "after it");
    static const scenario what = {.name = "rollback"};
    world w = {.what = &what, .page = page, .block = block};
    int64_t live = memory.live, mapped = memory.mapped;
    char sql[100];
    make_store(&w);
    connect(&w);
    snprintf(sql, sizeof sql, "PRAGMA page_size=%u; PRAGMA journal_mode=%s", page, journal_mode);
    must(w.db, sql);
    must(w.db, TABLE);
    remember(&w);
    uint64_t want = digest(&w), rows;
    must(w.db, spill ? "PRAGMA cache_size=3" : "PRAGMA cache_size=1000");
    sqlite3_stmt *rollback, *rollback_to, *change;
    REQUIRE_EQ(sqlite3_prepare_v2(w.db, "ROLLBACK", -1, &rollback, NULL), SQLITE_OK);
    must(w.db, "BEGIN;" CHANGES "SAVEPOINT s; DELETE FROM t WHERE k%4=0");
    if (how != BY_SAVEPOINT) /* going back over that makes SQLite compile each statement anew, with memory */
        must(w.db, "CREATE TABLE u(x); INSERT INTO u SELECT hex(zeroblob(k)) FROM t");
    REQUIRE_EQ(sqlite3_prepare_v2(w.db, "ROLLBACK TO s", -1, &rollback_to, NULL), SQLITE_OK);
    REQUIRE_EQ(sqlite3_prepare_v2(w.db, "UPDATE t SET v=v||'more' RETURNING k", -1, &change, NULL), SQLITE_OK);
    int rc;
    if (how == BY_RESET) {
        rc = sqlite3_step(change); /* on a row, with all changes done */
        CHECK(rc == SQLITE_ROW);
    }
    refuse_from(ALL, 1);
    if (wanting && how != BY_RESET) {
        while ((rc = sqlite3_step(change)) == SQLITE_ROW) {}
        CHECK(rc == SQLITE_DONE || says_no_memory(rc));
    }
    if (how == BY_SAVEPOINT) { /* SQLite itself may need memory for that, but not to go on to ROLLBACK */
        rc = sqlite3_step(rollback_to);
        CHECK(rc == SQLITE_DONE || says_no_memory(rc) || (rc == SQLITE_ERROR && sqlite3_get_autocommit(w.db)));
    }
    if (how == BY_RESET) {
        rc = sqlite3_reset(change);
        CHECK(rc == SQLITE_OK || says_no_memory(rc));
    }
    sqlite3_reset(change);
    sqlite3_reset(rollback_to);
    if (how != BY_CLOSE && how != BY_CLOSE_V2 && !sqlite3_get_autocommit(w.db)) {
        CHECK_EQ(sqlite3_step(rollback), SQLITE_DONE);
        CHECK_EQ(sqlite3_reset(rollback), SQLITE_OK);
        CHECK(sqlite3_get_autocommit(w.db));
    }
    sqlite3_finalize(change);
    sqlite3_finalize(rollback_to);
    if (how != BY_CLOSE_V2) sqlite3_finalize(rollback);
    if (how == BY_CLOSE) CHECK_EQ(sqlite3_close(w.db), SQLITE_OK);
    if (how == BY_CLOSE_V2) {
        CHECK_EQ(sqlite3_close_v2(w.db), SQLITE_OK); /* a statement is left */
        sqlite3_finalize(rollback);
    }
    refuse_no_more();
    bool closed = how == BY_CLOSE || how == BY_CLOSE_V2;
    CHECK(unchanged(&w));
    if (!closed) { /* it goes on */
        CHECK_EQ(execute(w.db, "SELECT count(*) FROM t", &rows), SQLITE_OK);
        must(w.db, "BEGIN; DELETE FROM t WHERE k<10; ROLLBACK");
        CHECK_EQ(digest(&w), want);
        must(w.db, "INSERT INTO t(v) VALUES('on'); DELETE FROM t WHERE v='on'");
        disconnect(&w);
    }
    mv_stats stats;
    mv_store_stats(w.store, &stats);
    CHECK_EQ(stats.pins, 0);
    CHECK_EQ(stats.versions, 1);
    CHECK_EQ(mv_store_check(w.store), stats.bytes);
    CHECK_EQ(digest(&w), want);
    end_store(&w);
    CHECK_EQ(memory.live, live);
    CHECK_EQ(memory.mapped, mapped);
    for (int i = 0; i < w.databases; i++) free(w.before[i].bytes);
}

static void rollback_needs_no_memory(void) {
    static const char *const modes[] = {"DELETE", "MEMORY", "TRUNCATE", "PERSIST", "OFF"};
    for (int size = 0; size < SIZES; size++)
        for (int mode = 0; mode < 5; mode++)
            for (int how = 0; how < ENDINGS; how++)
                for (int i = 0; i < 4; i++) rollback_without_memory(sizes[size].page, sizes[size].block, modes[mode], i & 1, how, i >> 1);
}

/* ---- loads of many slabs ----------------------------------------------------------------------------- */

#ifdef __linux__

static void fill_page(uint8_t *page, uint32_t size, uint64_t number) {
    uint64_t seed = number + 1;
    for (uint32_t i = 0; i < size; i += 8) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(page + i, &seed, 8);
    }
    if (number > 0) return;
    memcpy(page, "SQLite format 3", 16);
    page[16] = (uint8_t)(size >> 8);
    page[17] = (uint8_t)(size >> 16);
    page[18] = page[19] = 1;
    page[20] = 0;
    page[21] = 64;
    page[22] = page[23] = 32;
    memset(page + 24, 0, 8); /* no number of pages: the length counts */
}

/* A database of that many pages, in parts of odd lengths. */
static mv_result load_pages(mv_store *store, uint32_t size, uint64_t pages) {
    static uint8_t page[65536];
    mv_load *load;
    mv_result rc = mv_load_begin(store, "a", 1, &load);
    bool begun = rc == MV_OK;
    for (uint64_t i = 0; i < pages && !rc; i++) {
        fill_page(page, size, i);
        uint32_t part = 1 + (uint32_t)(i * 37 % size);
        rc = mv_load_write(load, page, part);
        if (!rc) rc = mv_load_write(load, page + part, size - part);
    }
    if (!rc) rc = mv_load_finish(load);
    if (!rc) rc = mv_store_publish(store, "a", 1, load, 0);
    if (rc && begun) mv_load_drop(load);
    return rc;
}

static void check_pages(mv_store *store, uint32_t size, uint64_t pages) {
    static uint8_t want[65536], page[65536];
    mv_database *db;
    REQUIRE_EQ(mv_store_open(store, "a", 1, false, &db), MV_OK);
    mv_version *v = mv_database_pin(db);
    mv_database_release(db);
    CHECK_EQ(mv_version_size(v), (int64_t)(pages * size));
    uint64_t differ = 0;
    for (uint64_t i = 0; i < pages; i++) {
        fill_page(want, size, i);
        REQUIRE_EQ(mv_version_read(v, page, size, (int64_t)(i * size)), size);
        differ += memcmp(page, want, size) != 0;
    }
    CHECK_EQ(differ, 0);
    mv_version_release(v);
    mv_stats stats;
    mv_store_stats(store, &stats);
    CHECK_EQ(stats.blocks, pages);
    CHECK_EQ(mv_store_check(store), stats.bytes);
}

/* How many pages fill a slab. */
static uint64_t pages_of_slab(uint32_t size) {
    mv_arena arena;
    mv_list all = {0};
    uint64_t pages = 0;
    mv_arena_init(&arena, 0);
    for (int64_t before = memory.mapped; memory.mapped <= before + (int64_t)MV_SLAB; pages++) {
        void *block;
        REQUIRE_EQ(mv_arena_new(&arena, mv_block_class(mv_shift_for(size)), &block), MV_OK);
        mv_list_push(&all, block);
    }
    mv_arena_free(&arena, all);
    mv_arena_destroy(&arena);
    return pages - 1;
}

/* Around the ends of slabs, with huge pages and where the system has none. */
static void loads_of_several_slabs(void) {
    static const uint32_t page_sizes[] = {512, 4096, 65536};
    for (int i = 0; i < 3; i++)
        for (int refused = 0; refused < 2; refused++) {
            uint32_t size = page_sizes[i];
            uint64_t full = pages_of_slab(size);
            for (int slabs = 1; slabs <= 3; slabs++)
                for (int more = -1; more <= 1; more++) {
                    uint64_t pages = full * (uint64_t)slabs + (uint64_t)more;
                    check_context("page size %u, %d slabs %+d pages, huge pages %s", (unsigned)size, slabs, more, refused ? "refused" : "granted");
                    int64_t live = memory.live, mapped = memory.mapped;
                    mv_store *store = mv_store_new(0, 0);
                    REQUIRE(store);
                    advice.refused = refused;
                    advice.small = advice.huge = 0;
                    REQUIRE_EQ(load_pages(store, size, pages), MV_OK);
                    CHECK_EQ(advice.small, 2); /* the first of blocks and that of nodes */
                    CHECK_EQ(advice.huge, (memory.mapped - mapped) / (int64_t)MV_SLAB - 2);
                    CHECK_EQ(advice.huge >= slabs - 1 + (more > 0), true);
                    check_pages(store, size, pages);
                    REQUIRE_EQ(load_pages(store, size, pages), MV_OK); /* over the first */
                    check_pages(store, size, pages);
                    mv_store_close(store);
                    mv_store_release(store);
                    advice.refused = false;
                    CHECK_EQ(memory.live, live);
                    CHECK_EQ(memory.mapped, mapped);
                }
        }
    check_context("%s", "");
}

/* The system has no more slabs half-way: all that were taken go back, and the old content stays. */
static void loads_that_run_out_of_slabs(void) {
    enum { OLD = 3, SLABS = 6 };
    static const uint32_t page_sizes[] = {512, 4096, 65536};
    for (int i = 0; i < 3; i++) {
        uint32_t size = page_sizes[i];
        uint64_t pages = pages_of_slab(size) * SLABS;
        int64_t live = memory.live, mapped = memory.mapped;
        mv_store *store = mv_store_new(0, 0);
        REQUIRE(store);
        REQUIRE_EQ(load_pages(store, size, OLD), MV_OK);
        int64_t old_live = memory.live, old_mapped = memory.mapped;
        mv_result rc = MV_NOMEM;
        for (int at = 1; rc; at++) {
            check_context("page size %u, allocation %d", (unsigned)size, at);
            refuse_from(ALL, at);
            rc = load_pages(store, size, pages);
            int64_t refused = refuse_no_more();
            CHECK_EQ(rc, refused ? MV_NOMEM : MV_OK);
            check_pages(store, size, rc ? OLD : pages);
            if (rc) {
                CHECK_EQ(memory.live, old_live);
                CHECK_EQ(memory.mapped <= old_mapped + (int64_t)MV_SLAB, true); /* one that is empty is kept */
            }
        }
        mv_store_close(store);
        mv_store_release(store);
        CHECK_EQ(memory.live, live);
        CHECK_EQ(memory.mapped, mapped);
    }
    check_context("%s", "");
}

#endif

static void every_allocation(void) {
    every = true;
    transactions();
    loads();
    reading();
    writing();
    journals();
    schemas();
    vacuuming();
    connections();
    cursors();
    versions();
    every = false;
}

int main(int argc, char **argv) {
    check_start(argc, argv);
    count_memory();
    RUN(registering);
    retire_many();
    RUN(a_store_and_its_names);
    RUN(transactions);
    RUN(loads);
    RUN(reading);
    RUN(writing);
    RUN(journals);
    RUN(schemas);
    RUN(vacuuming);
    RUN(connections);
    RUN(cursors);
    RUN(versions);
    RUN(rollback_needs_no_memory);
#ifdef __linux__
    RUN(loads_of_several_slabs);
    RUN(loads_that_run_out_of_slabs);
#endif
    RUN_ON_DEMAND(every_allocation);
    return check_end();
}
