/*
 * Other SQLites of the process as hosts of the library (extension.h): the system's libsqlite3.so.0, a copy of it as one more, ours, and made up ones
 * that are old, poor, or have something against it. Without a JVM.
 *
 *     hosts_test [WORD...]      the tests whose names hold a word; --list prints them
 *
 * The system's is loaded while the program runs, so that nothing of it is needed to build. (Debian: apt-get install libsqlite3-0)
 */
#define _GNU_SOURCE
#include "../harness/check.h"
#include "extension/extension.h"
#include "../harness/sql_util.h"
#include "vfs/vfs.h"

#define SQLITE_CORE 1
#include "sqlite3ext.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

int sqlite3_sqlitememvfs_init(sqlite3 *db, char **error, const sqlite3_api_routines *api);

/* ---- made up hosts ---------------------------------------------------------------------------------- */

/* All of them are one at a time: what was registered with it. */
static struct {
    sqlite3_vfs *list;
    sqlite3_vfs *system;
    const char *taken; /* a VFS of this name is there */
    bool forgetful;    /* no VFS is there, whatever was registered: hosts do not know each other's */
    int functions, modules, registered, extensions;
    int version, threadsafe;
    void (*extension)(void); /* the auto extension that was registered last */
    int pragma_code, last_code; /* what a pragma ends with, and what the connection says of that */
} fake;

static int fake_version(void) { return fake.version; }
static const char *fake_version_text(void) { return "3.8.6"; }
static int fake_threadsafe(void) { return fake.threadsafe; }

static sqlite3_vfs *fake_find(const char *name) {
    static sqlite3_vfs other = {.zName = "other"};
    if (!name) return fake.system;
    if (fake.forgetful) return NULL;
    if (fake.taken && !strcmp(name, fake.taken)) return &other;
    sqlite3_vfs *vfs = fake.list;
    while (vfs && strcmp(vfs->zName, name) != 0) vfs = vfs->pNext;
    return vfs;
}

static int fake_register(sqlite3_vfs *vfs, int is_default) {
    CHECK(!is_default);
    fake.registered++;
    vfs->pNext = fake.list;
    fake.list = vfs;
    return SQLITE_OK;
}

static int fake_unregister(sqlite3_vfs *vfs) {
    sqlite3_vfs **at = &fake.list;
    while (*at && *at != vfs) at = &(*at)->pNext;
    if (*at) *at = vfs->pNext;
    return SQLITE_OK;
}

static int fake_function(sqlite3 *db, const char *name, int args, int flags, void *data, void (*f)(sqlite3_context *, int, sqlite3_value **),
                         void (*step)(sqlite3_context *, int, sqlite3_value **), void (*end)(sqlite3_context *)) {
    (void)db, (void)name, (void)args, (void)data, (void)step, (void)end;
    CHECK(f);
    CHECK_EQ((flags & SQLITE_DIRECTONLY) != 0, fake.version >= 3030000);
    fake.functions++;
    return SQLITE_OK;
}

static int fake_extension(void (*extension)(void)) {
    CHECK(extension);
    fake.extensions++;
    fake.extension = extension;
    return SQLITE_OK;
}

/* All its main databases can be resized. */
static int fake_control(sqlite3 *db, const char *schema, int op, void *arg) {
    (void)db, (void)arg;
    CHECK_STR(schema, "main");
    CHECK_EQ(op, MV_FCNTL_IS_RESIZABLE);
    return SQLITE_OK;
}

static int fake_exec(sqlite3 *db, const char *sql, sqlite3_callback row, void *arg, char **error) {
    (void)db, (void)row, (void)arg, (void)error;
    fake.last_code = sql[0] ? fake.pragma_code : SQLITE_OK;
    return fake.last_code & 0xff;
}

static int fake_code(sqlite3 *db) {
    (void)db;
    return fake.last_code;
}

static int fake_module(sqlite3 *db, const char *name, const sqlite3_module *module, void *data) {
    (void)db, (void)name, (void)module, (void)data;
    CHECK(fake.version >= 3009000);
    fake.modules++;
    return SQLITE_OK;
}

static int first_time(sqlite3_vfs *vfs, double *out) {
    (void)vfs;
    *out = 2461000.25;
    return SQLITE_OK;
}

/* Its system's VFS is of the first version, which has no time in milliseconds. */
static sqlite3_vfs first_system = {.iVersion = 1, .zName = "first", .xCurrentTime = first_time};

static sqlite3_api_routines fake_host(int version) {
    memset(&fake, 0, sizeof fake);
    fake.system = &first_system;
    fake.version = version;
    fake.threadsafe = 1;
    return (sqlite3_api_routines){
        .libversion_number = fake_version,
        .libversion = fake_version_text,
        .mprintf = sqlite3_mprintf,
        .errstr = sqlite3_errstr,
        .vfs_find = fake_find,
        .vfs_register = fake_register,
        .vfs_unregister = fake_unregister,
        .xthreadsafe = fake_threadsafe,
        .uri_boolean = sqlite3_uri_boolean,
        .create_function = fake_function,
        .create_module = fake_module,
        .auto_extension = fake_extension,
        .file_control = fake_control,
        .exec = fake_exec,
        .extended_errcode = fake_code,
    };
}

/* Loads it, and expects that code and, unless NULL, a message that holds those words. */
static void load_into(const sqlite3_api_routines *api, int expected, const char *words) {
    char *error = NULL;
    CHECK_EQ(sqlite3_sqlitememvfs_init(NULL, &error, api), expected);
    CHECK(words ? error && strstr(error, words) : !error);
    if (words && error && !strstr(error, words)) printf("%s\n", error);
    sqlite3_free(error);
}

/* ---- refused memory --------------------------------------------------------------------------------- */

static sqlite3_mem_methods system_memory;
static int64_t refuse_at, seen; /* the allocation that fails, 0 for none; one thread only */

static void *refusing_malloc(int n) {
    if (refuse_at && ++seen == refuse_at) return NULL;
    return system_memory.xMalloc(n);
}

static void take_memory_over(void) {
    REQUIRE_EQ(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory), SQLITE_OK);
    sqlite3_mem_methods refusing = system_memory;
    refusing.xMalloc = refusing_malloc;
    REQUIRE_EQ(sqlite3_config(SQLITE_CONFIG_MALLOC, &refusing), SQLITE_OK);
}

/* The first host of the process: each allocation fails once, also those that start our SQLite. */
static void loading_without_memory(void) {
    static sqlite3_api_routines api;
    api = fake_host(3054000);
    int rc, failures = 0;
    do {
        char *error = NULL;
        refuse_at++;
        seen = 0;
        rc = sqlite3_sqlitememvfs_init(NULL, &error, &api);
        if (!rc) break;
        failures++;
        CHECK_EQ(rc, SQLITE_NOMEM);
        CHECK(!fake.list);
        sqlite3_free(error);
    } while (failures < 1000);
    refuse_at = 0;
    CHECK(failures >= 3);
    CHECK(sqlite3_vfs_find(MV_DEFAULT_VFS)); /* a host that cannot have it takes it from nobody */
    CHECK_EQ(rc, SQLITE_OK);
    CHECK(fake.list && !strcmp(fake.list->zName, MV_DEFAULT_VFS) && !fake.list->pNext);
    load_into(&api, SQLITE_OK, NULL);
    CHECK(fake.list && !fake.list->pNext);
}

/* ---- what hosts have, and have not ------------------------------------------------------------------- */

/* Its table ends before what it has not, and behind it is nothing that can be read. */
static void an_old_host_is_refused(void) {
    fake_host(3008006);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = 2 * page, n = offsetof(sqlite3_api_routines, overload_function);
    char *memory = mmap(NULL, 2 * room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED && n <= room);
    REQUIRE_EQ(mprotect(memory + room, room, PROT_NONE), 0);
    sqlite3_api_routines *api = (sqlite3_api_routines *)(memory + room - n); /* used as far as n alone */
    void *version_number = (void *)fake_version, *version = (void *)fake_version_text, *mprintf_function = (void *)sqlite3_mprintf;
    memcpy((char *)api + offsetof(sqlite3_api_routines, libversion_number), &version_number, sizeof version_number);
    memcpy((char *)api + offsetof(sqlite3_api_routines, libversion), &version, sizeof version);
    memcpy((char *)api + offsetof(sqlite3_api_routines, mprintf), &mprintf_function, sizeof mprintf_function);
    load_into(api, SQLITE_ERROR, "this SQLite is version 3.8.6, and it takes 3.8.7");
    munmap(memory, 2 * room);
}

/* No entry later than 3.8.7's is there to be called. */
static void the_oldest_host(void) {
    static sqlite3_api_routines api;
    api = fake_host(MV_OLDEST_HOST);
    memset((char *)&api + offsetof(sqlite3_api_routines, value_dup), 0xff, sizeof api - offsetof(sqlite3_api_routines, value_dup));
    load_into(&api, SQLITE_OK, NULL);
    CHECK_EQ(fake.functions, 8);
    CHECK_EQ(fake.modules, 0);
    load_into(&api, SQLITE_OK, NULL);
    CHECK(fake.list && !fake.list->pNext);
}

static void a_time_without_milliseconds(void) {
    static sqlite3_api_routines api;
    api = fake_host(3040001);
    load_into(&api, SQLITE_OK, NULL);
    CHECK_EQ(fake.functions, 8);
    CHECK_EQ(fake.modules, 1);
    sqlite3_int64 time = 0;
    REQUIRE(fake.list);
    CHECK_EQ(fake.list->xCurrentTimeInt64(fake.list, &time), SQLITE_OK);
    CHECK_EQ(time, INT64_C(2461000) * 86400000 + 21600000);
}

/* A connection that could not be told how to keep its journal is opened, unless that was for want of memory; no error of ours stays in it. */
static void opening_without_memory(void) {
    static sqlite3_api_routines api;
    static const int codes[][2] = {{SQLITE_OK, SQLITE_OK}, {SQLITE_CORRUPT, SQLITE_OK}, {SQLITE_LOCKED, SQLITE_OK},
        {SQLITE_NOMEM, SQLITE_NOMEM}, {SQLITE_IOERR_NOMEM, SQLITE_NOMEM}, {SQLITE_IOERR_READ, SQLITE_OK}};
    api = fake_host(3040001);
    load_into(&api, SQLITE_OK, NULL);
    REQUIRE(fake.extension);
    int (*opened)(sqlite3 *, char **, const sqlite3_api_routines *) = (int (*)(sqlite3 *, char **, const sqlite3_api_routines *))fake.extension;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char *error = NULL;
        fake.pragma_code = codes[i][0];
        CHECK_EQ(opened(NULL, &error, &api), codes[i][1]);
        CHECK_EQ(fake.last_code, SQLITE_OK);
        CHECK(!error);
    }
}

static void a_taken_name(void) {
    static sqlite3_api_routines api;
    api = fake_host(3040001);
    fake.taken = MV_DEFAULT_VFS;
    load_into(&api, SQLITE_MISUSE, "this SQLite has another VFS named memvfs");
    CHECK(!fake.list);
    fake.taken = NULL;
    load_into(&api, SQLITE_OK, NULL);
    CHECK(fake.list);
}

static void a_host_without_a_system(void) {
    static sqlite3_api_routines api;
    api = fake_host(3040001);
    fake.system = NULL;
    load_into(&api, SQLITE_ERROR, "has no VFS");
    CHECK(!fake.list);
}

/* How many of the made up hosts get a new VFS. */
static int get_a_later_vfs(void) {
    mv_store *store = mv_store_new(0, 0);
    mv_vfs *vfs;
    REQUIRE(store);
    int before = fake.registered;
    REQUIRE_EQ(mv_vfs_register(store, "later", &vfs), SQLITE_OK);
    int registered = fake.registered - before;
    mv_store *found = mv_vfs_store("later");
    CHECK(found == store);
    if (found) mv_store_release(found);
    mv_vfs_unregister(vfs);
    CHECK(!mv_vfs_store("later"));
    mv_store_release(store);
    return registered;
}

/* Its one thread loads it, and others must not register anything there later. */
static void a_host_without_mutexes(void) {
    static sqlite3_api_routines single, api;
    single = fake_host(3040001);
    fake.threadsafe = 0;
    fake.forgetful = true;
    int before = get_a_later_vfs();
    load_into(&single, SQLITE_OK, NULL);
    CHECK(fake.list && !strcmp(fake.list->zName, MV_DEFAULT_VFS));
    CHECK_EQ(fake.functions, 8);
    CHECK_EQ(get_a_later_vfs(), before);
    fake.threadsafe = 1;
    api = single;
    load_into(&api, SQLITE_OK, NULL);
    CHECK_EQ(get_a_later_vfs(), before + 1);
}

/* ---- real ones ---------------------------------------------------------------------------------------- */

/* An SQLite of this process. */
typedef struct other {
    int (*open_v2)(const char *, sqlite3 **, int, const char *);
    int (*close)(sqlite3 *);
    int (*exec)(sqlite3 *, const char *, sqlite3_callback, void *, char **);
    const char *(*errmsg)(sqlite3 *);
    int (*busy_timeout)(sqlite3 *, int);
    int (*auto_extension)(void (*)(void));
    int (*libversion_number)(void);
} other;

static other hosts[3]; /* the last is our own */
#define HOSTS (int)(sizeof hosts / sizeof *hosts)

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) check_fail(__FILE__, __LINE__, "no %s: %s", name, dlerror());
    REQUIRE(found);
    return found;
}

static other other_of(void *library) {
    return (other){
        .open_v2 = symbol(library, "sqlite3_open_v2"),
        .close = symbol(library, "sqlite3_close"),
        .exec = symbol(library, "sqlite3_exec"),
        .errmsg = symbol(library, "sqlite3_errmsg"),
        .busy_timeout = symbol(library, "sqlite3_busy_timeout"),
        .auto_extension = symbol(library, "sqlite3_auto_extension"),
        .libversion_number = symbol(library, "sqlite3_libversion_number"),
    };
}

/* The same file once more: another library to the system, with memory of its own. */
static void *load_copy(void *library) {
    Dl_info info;
    REQUIRE(dladdr(symbol(library, "sqlite3_open_v2"), &info));
    char path[] = "/tmp/hosts-test-XXXXXX", bytes[65536];
    int to = mkstemp(path);
    FILE *from = fopen(info.dli_fname, "rb");
    REQUIRE(to >= 0 && from);
    size_t n;
    while ((n = fread(bytes, 1, sizeof bytes, from)) > 0) REQUIRE_EQ(write(to, bytes, n), n);
    fclose(from);
    close(to);
    void *copy = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(copy);
    unlink(path);
    return copy;
}

/* Made an auto extension, it is there in each connection. */
static void load_hosts(void *library) {
    hosts[0] = other_of(library);
    hosts[1] = other_of(load_copy(library));
    hosts[2] = (other){.open_v2 = sqlite3_open_v2, .close = sqlite3_close, .exec = sqlite3_exec, .errmsg = sqlite3_errmsg, .busy_timeout = sqlite3_busy_timeout};
    REQUIRE(hosts[0].open_v2 != hosts[1].open_v2);
    REQUIRE(hosts[0].open_v2 != sqlite3_open_v2);
    for (int i = 0; i < 2; i++) {
        REQUIRE_EQ(hosts[i].auto_extension((void (*)(void))sqlite3_sqlitememvfs_init), SQLITE_OK);
        sqlite3 *db; /* the first connection only makes the VFS known */
        REQUIRE_EQ(hosts[i].open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
        CHECK_EQ(hosts[i].close(db), SQLITE_OK);
    }
}

static sqlite3 *open_in(const other *host, const char *name) {
    sqlite3 *db;
    int rc = host->open_v2(name, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, MV_DEFAULT_VFS);
    if (rc) check_fail(__FILE__, __LINE__, "%s in host %d: %s", name, (int)(host - hosts), host->errmsg(db));
    REQUIRE_EQ(rc, SQLITE_OK);
    host->busy_timeout(db, 60000);
    return db;
}

static void run_in(const other *host, sqlite3 *db, const char *sql) {
    int rc = host->exec(db, sql, NULL, NULL, NULL);
    if (rc) check_fail(__FILE__, __LINE__, "%s: %s", sql, host->errmsg(db));
    REQUIRE_EQ(rc, SQLITE_OK);
}

static int copy_value(void *to, int columns, char **values, char **names) {
    (void)columns, (void)names;
    snprintf(to, 100, "%s", values[0] ? values[0] : "NULL");
    return 0;
}

static void check_value(const other *host, sqlite3 *db, const char *sql, const char *expected) {
    char value[100] = "no row", *error = NULL;
    host->exec(db, sql, copy_value, value, &error);
    check_context("%s %s", sql, error ? error : "");
    CHECK_STR(value, expected);
    check_context("%s", "");
}

static void delete(const char *name) {
    char sql[100];
    sqlite3 *db = open_in(&hosts[0], "x");
    snprintf(sql, sizeof sql, "SELECT memvfs_delete('%s')", name);
    run_in(&hosts[0], db, sql);
    run_in(&hosts[0], db, "SELECT memvfs_delete('x')");
    CHECK_EQ(hosts[0].close(db), SQLITE_OK);
}

static void all_see_the_same(void) {
    sqlite3 *dbs[HOSTS];
    for (int i = 0; i < HOSTS; i++) dbs[i] = open_in(&hosts[i], "same");
    run_in(&hosts[0], dbs[0], "CREATE TABLE t(host)");
    for (int writer = 0; writer < HOSTS; writer++) {
        run_in(&hosts[writer], dbs[writer], "BEGIN; INSERT INTO t VALUES (1)");
        for (int i = 0; i < HOSTS; i++) {
            char expected[16];
            snprintf(expected, sizeof expected, "%d", writer + (i == writer));
            check_value(&hosts[i], dbs[i], "SELECT count(*) FROM t", expected);
        }
        hosts[(writer + 1) % HOSTS].busy_timeout(dbs[(writer + 1) % HOSTS], 10);
        CHECK_EQ(hosts[(writer + 1) % HOSTS].exec(dbs[(writer + 1) % HOSTS], "INSERT INTO t VALUES (2)", NULL, NULL, NULL), SQLITE_BUSY);
        run_in(&hosts[writer], dbs[writer], "COMMIT");
    }
    /* Each host's functions find the databases, also where another has just been given it. */
    check_value(&hosts[0], dbs[0], "SELECT count(*) FROM memvfs_list WHERE name = 'same'", "1");
    check_value(&hosts[1], dbs[1], "SELECT count(*) FROM memvfs_list WHERE name = 'same'", "1");
    check_value(&hosts[1], dbs[1], "SELECT length(memvfs_serialize('same')) > 0", "1");
    for (int i = 0; i < HOSTS; i++) CHECK_EQ(hosts[i].close(dbs[i]), SQLITE_OK);
    delete("same");
}

#define WRITERS 2 /* in each host */
#define ROUNDS 80

typedef struct worker {
    const other *host;
    int number;
    pthread_t thread;
    atomic_bool *done; /* for readers; NULL: a writer */
} worker;

static void *work(void *argument) {
    const worker *w = argument;
    sqlite3 *db = open_in(w->host, "busy");
    char sql[200];
    if (w->number % 2) run_in(w->host, db, "PRAGMA mmap_size = 1000000000");
    for (int i = 0; w->done ? !atomic_load(w->done) || i == 0 : i < ROUNDS; i++) {
        if (w->done) {
            check_value(w->host, db, "SELECT sum(amount) FROM account", "10000");
            continue;
        }
        snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; UPDATE account SET amount = amount - 1 WHERE id = %d; UPDATE account SET amount = amount + 1 WHERE id = %d;"
                 "UPDATE done SET n = n + 1; COMMIT", 1 + (i + w->number) % 100, 1 + (7 * i + w->number) % 100);
        run_in(w->host, db, sql);
        run_in(w->host, db, "UPDATE done SET n = n + 1"); /* a transaction of its own, which reads first */
    }
    CHECK_EQ(w->host->close(db), SQLITE_OK);
    return NULL;
}

static void threads_of_all(void) {
    sqlite3 *db = open_in(&hosts[0], "busy");
    run_in(&hosts[0], db, "CREATE TABLE account(id INTEGER PRIMARY KEY, amount); CREATE TABLE done(n); INSERT INTO done VALUES (0);"
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO account SELECT i, 100 FROM n");
    atomic_bool done = false;
    worker workers[HOSTS * (WRITERS + 1)];
    for (int i = 0; i < HOSTS * (WRITERS + 1); i++) {
        workers[i] = (worker){.host = &hosts[i % HOSTS], .number = i, .done = i < HOSTS * WRITERS ? NULL : &done};
        REQUIRE_EQ(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < HOSTS * (WRITERS + 1); i++) {
        if (i == HOSTS * WRITERS) atomic_store(&done, true);
        pthread_join(workers[i].thread, NULL);
    }
    char expected[32];
    snprintf(expected, sizeof expected, "%d", 2 * HOSTS * WRITERS * ROUNDS);
    check_value(&hosts[0], db, "SELECT n FROM done", expected);
    check_value(&hosts[0], db, "PRAGMA integrity_check", "ok");
    CHECK_EQ(hosts[0].close(db), SQLITE_OK);
    delete("busy");
}

/* Threads open first connections at once, with VFS and functions. */
static void *open_and_load(void *argument) {
    const other *host = argument;
    for (int i = 0; i < 20; i++) {
        sqlite3 *db = open_in(host, "opened");
        check_value(host, db, "SELECT count(*) >= 0 FROM memvfs_list", "1");
        check_value(host, db, "SELECT length(memvfs_serialize('opened'))", "0");
        CHECK_EQ(host->close(db), SQLITE_OK);
    }
    return NULL;
}

static void threads_that_load(void) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) REQUIRE_EQ(pthread_create(&threads[i], NULL, open_and_load, &hosts[i % 2]), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    delete("opened");
}

/* The pragma by which our own SQLite tells that a write follows can be said by anybody. */
static void a_pragma_does_not_drop_a_transaction(void) {
    sqlite3 *db = open_in(&hosts[0], "pragma"), *reader = open_in(&hosts[1], "pragma");
    run_in(&hosts[0], db, "PRAGMA cache_size = 5; CREATE TABLE t(x); BEGIN;"
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO t SELECT zeroblob(10000) FROM n;"
           "PRAGMA experimental_pragma_20251114; PRAGMA experimental_pragma_20251114 = 2; COMMIT");
    check_value(&hosts[1], reader, "SELECT sum(length(x)) FROM t", "1000000");
    check_value(&hosts[1], reader, "PRAGMA integrity_check", "ok");
    run_in(&hosts[1], reader, "PRAGMA experimental_pragma_20251114 = 1"); /* without a transaction that follows */
    run_in(&hosts[0], db, "INSERT INTO t VALUES (1)");
    CHECK_EQ(hosts[0].close(db), SQLITE_OK);
    CHECK_EQ(hosts[1].close(reader), SQLITE_OK);
    delete("pragma");
}

/* Its super-journal would be in memory: after a crash, the files would stay half written. */
static void transaction_on_several_files(bool resizable) {
    char folder[] = "/tmp/hosts-test-XXXXXX", sql[200];
    REQUIRE(mkdtemp(folder));
    sqlite3 *db = open_in(&hosts[0], resizable ? "file:several?resizable=1" : "several");
    run_in(&hosts[0], db, "CREATE TABLE main.t(x); ATTACH 'file:other?vfs=memvfs' AS other; CREATE TABLE other.t(x)");
    for (int i = 1; i <= 2; i++) {
        snprintf(sql, sizeof sql, "ATTACH 'file:%s/%d?vfs=unix' AS disk%d; CREATE TABLE disk%d.t(x)", folder, i, i, i);
        run_in(&hosts[0], db, sql);
    }
    run_in(&hosts[0], db, "BEGIN; INSERT INTO main.t VALUES (1); INSERT INTO disk1.t VALUES (1); COMMIT");
    run_in(&hosts[0], db, "BEGIN; INSERT INTO main.t VALUES (1); INSERT INTO disk1.t VALUES (1); INSERT INTO disk2.t VALUES (1)");
    CHECK_EQ(hosts[0].exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_CANTOPEN);
    check_value(&hosts[0], db, "SELECT (SELECT count(*) FROM main.t) || (SELECT count(*) FROM disk1.t) || (SELECT count(*) FROM disk2.t)", "110");
    run_in(&hosts[0], db, "BEGIN; INSERT INTO main.t VALUES (1); INSERT INTO other.t VALUES (1); INSERT INTO disk1.t VALUES (1); COMMIT");
    check_value(&hosts[0], db, "SELECT (SELECT count(*) FROM main.t) || (SELECT count(*) FROM other.t) || (SELECT count(*) FROM disk1.t)", "212");
    run_in(&hosts[0], db, "PRAGMA main.journal_mode = DELETE; PRAGMA other.journal_mode = DELETE");
    run_in(&hosts[0], db, "BEGIN; INSERT INTO main.t VALUES (1); INSERT INTO other.t VALUES (1); COMMIT"); /* has one, of ours alone */
    check_value(&hosts[0], db, "SELECT (SELECT count(*) FROM main.t) || (SELECT count(*) FROM other.t)", "32");
    /* One that can be resized is one of several files unless its mode is MEMORY. */
    run_in(&hosts[0], db, "DETACH other; ATTACH 'file:other?vfs=memvfs&resizable=1' AS other");
    if (resizable) run_in(&hosts[0], db, "BEGIN; INSERT INTO main.t VALUES (1); INSERT INTO other.t VALUES (1); COMMIT; DELETE FROM main.t; DELETE FROM other.t");
    delete("other"); /* is open, and still one of ours */
    run_in(&hosts[0], db, "BEGIN; DELETE FROM main.t; DELETE FROM other.t; INSERT INTO main.t VALUES (1), (2), (3); INSERT INTO other.t VALUES (1), (2); COMMIT");
    run_in(&hosts[0], db, "BEGIN; INSERT INTO main.t VALUES (1); INSERT INTO other.t VALUES (1); COMMIT");
    check_value(&hosts[0], db, "SELECT (SELECT count(*) FROM main.t) || (SELECT count(*) FROM other.t)", "43");
    CHECK_EQ(hosts[0].close(db), SQLITE_OK);
    for (int i = 1; i <= 2; i++) {
        snprintf(sql, sizeof sql, "%s/%d", folder, i);
        CHECK_EQ(unlink(sql), 0);
    }
    CHECK_EQ(rmdir(folder), 0);
    delete("several");
}

static void a_transaction_on_several_files(void) {
    transaction_on_several_files(false);
    transaction_on_several_files(true);
}

/* A file on disk and a database here may have one name: the file's journal is none of ours. */
static void a_file_and_a_database_of_one_name(void) {
    char folder[] = "/tmp/hosts-test-XXXXXX", path[100], sql[300];
    REQUIRE(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x", folder);
    snprintf(sql, sizeof sql, "file:%s?resizable=1", path);
    sqlite3 *db = open_in(&hosts[0], sql);
    snprintf(sql, sizeof sql, "PRAGMA journal_mode = DELETE; CREATE TABLE t(x); ATTACH 'file:%s?vfs=unix' AS disk; CREATE TABLE disk.u(x)", path);
    run_in(&hosts[0], db, sql);
    run_in(&hosts[0], db, "BEGIN; INSERT INTO t VALUES (1); INSERT INTO u VALUES (1)");
    CHECK_EQ(hosts[0].exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_CANTOPEN);
    check_value(&hosts[0], db, "SELECT (SELECT count(*) FROM t) || (SELECT count(*) FROM u)", "00");
    run_in(&hosts[0], db, "PRAGMA main.journal_mode = MEMORY; BEGIN; INSERT INTO t VALUES (1); INSERT INTO u VALUES (1); COMMIT");
    check_value(&hosts[0], db, "SELECT (SELECT count(*) FROM t) || (SELECT count(*) FROM u)", "11");
    CHECK_EQ(hosts[0].close(db), SQLITE_OK);
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(rmdir(folder), 0);
    delete(path);
}

/* A main database that can be resized has it in memory; its schema is read for that, and one that cannot be read is no
 * reason not to open. */
static void journals_of_hosts(void) {
    sqlite3 *db = open_in(&hosts[0], "file:journal?resizable=1");
    check_value(&hosts[0], db, "PRAGMA journal_mode", "memory");
    run_in(&hosts[0], db, "PRAGMA encoding = 'UTF-16le'; PRAGMA page_size = 1024; PRAGMA auto_vacuum = FULL; CREATE TABLE t(x);"
           "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE NONSENSE'");
    check_value(&hosts[0], db, "PRAGMA encoding", "UTF-16le");
    check_value(&hosts[0], db, "PRAGMA page_size", "1024");
    check_value(&hosts[0], db, "PRAGMA auto_vacuum", "1");
    CHECK_EQ(hosts[0].close(db), SQLITE_OK);
    db = open_in(&hosts[0], "file:journal?resizable=1");
    CHECK_EQ(hosts[0].exec(db, "SELECT * FROM t", NULL, NULL, NULL), SQLITE_CORRUPT);
    run_in(&hosts[0], db, "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE TABLE t(x)'");
    CHECK_EQ(hosts[0].close(db), SQLITE_OK);
    db = open_in(&hosts[0], "file:journal?resizable=1");
    check_value(&hosts[0], db, "SELECT count(*) FROM t", "0");
    CHECK_EQ(hosts[0].close(db), SQLITE_OK);
    db = open_in(&hosts[0], "journal"); /* SQLite finds it in memory */
    check_value(&hosts[0], db, "PRAGMA journal_mode", "memory");
    CHECK_EQ(hosts[0].close(db), SQLITE_OK);
    delete("journal");
}

/* With locking_mode=EXCLUSIVE the host does not ask the VFS whether it supports a write-ahead log. */
static void beside_a_file_in_exclusive_wal_mode(void) {
    char folder[] = "/tmp/hosts-test-XXXXXX", path[100], sql[200];
    REQUIRE(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/main", folder);
    for (int attached_before = 0; attached_before < 2; attached_before++) {
        sqlite3 *db, *reader = open_in(&hosts[1], "wal");
        REQUIRE_EQ(hosts[0].open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, "unix"), SQLITE_OK);
        run_in(&hosts[0], db, "PRAGMA locking_mode = EXCLUSIVE");
        snprintf(sql, sizeof sql, "%s%s", attached_before ? "ATTACH 'file:wal?vfs=memvfs' AS w; CREATE TABLE w.t(x); INSERT INTO w.t VALUES (1);" : "",
                 "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS main.m(x)");
        run_in(&hosts[0], db, sql);
        if (!attached_before) run_in(&hosts[0], db, "ATTACH 'file:wal?vfs=memvfs' AS w; CREATE TABLE w.t(x); INSERT INTO w.t VALUES (1)");
        check_value(&hosts[0], db, "SELECT count(*) FROM w.t", "1");
        run_in(&hosts[0], db, "INSERT INTO w.t VALUES (2); BEGIN; INSERT INTO w.t VALUES (3); INSERT INTO main.m VALUES (3); COMMIT");
        run_in(&hosts[0], db, "BEGIN; DELETE FROM w.t; ROLLBACK");
        check_value(&hosts[0], db, "SELECT count(*) FROM w.t", "3");
        check_value(&hosts[1], reader, "SELECT count(*) FROM t", "3");
        run_in(&hosts[0], db, "PRAGMA w.journal_mode = MEMORY; INSERT INTO w.t VALUES (4); PRAGMA main.journal_mode = DELETE");
        check_value(&hosts[1], reader, "SELECT count(*) FROM t", "4");
        check_value(&hosts[1], reader, "PRAGMA integrity_check", "ok");
        CHECK_EQ(hosts[0].close(db), SQLITE_OK);
        CHECK_EQ(hosts[1].close(reader), SQLITE_OK);
        delete("wal");
    }
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(rmdir(folder), 0);
}

static int open_on_vfs(const other *host, const char *vfs, sqlite3 **db) {
    return host->open_v2("a", db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, vfs);
}

/* What SQLite looks for by the name of the main database's VFS is found as long as a connection is open, and the name is free all the same. */
static void after_the_vfs_is_unregistered(void) {
    for (int i = 0; i < HOSTS; i++) {
        const other *host = &hosts[i];
        mv_store *stores[2] = {mv_store_new(0, 0), mv_store_new(0, 0)};
        mv_vfs *first, *second;
        sqlite3 *db, *late, *next;
        REQUIRE_EQ(mv_vfs_register(stores[0], "short-lived", &first), SQLITE_OK);
        REQUIRE_EQ(open_on_vfs(host, "short-lived", &db), SQLITE_OK);
        run_in(host, db, "CREATE TABLE t(x); INSERT INTO t VALUES (1)");
        mv_vfs_unregister(first);
        CHECK(!mv_vfs_store("short-lived"));
        run_in(host, db, "CREATE INDEX i ON t(x); VACUUM; ATTACH ':memory:' AS m; CREATE TABLE m.u(x); ATTACH '' AS n; CREATE TABLE n.u(x)");
        CHECK_EQ(host->exec(db, "ATTACH 'b' AS b", NULL, NULL, NULL), SQLITE_CANTOPEN);
        CHECK_EQ(open_on_vfs(host, "short-lived", &late), SQLITE_CANTOPEN);
        host->close(late);

        REQUIRE_EQ(mv_vfs_register(stores[1], "short-lived", &second), SQLITE_OK);
        REQUIRE_EQ(open_on_vfs(host, "short-lived", &next), SQLITE_OK);
        check_value(host, next, "SELECT count(*) FROM sqlite_master", "0");
        run_in(host, next, "CREATE TABLE t(x)");
        run_in(host, db, "VACUUM; INSERT INTO t VALUES (2)");
        check_value(host, next, "SELECT count(*) FROM t", "0");
        check_value(host, db, "SELECT count(*) FROM t", "2");
        CHECK_EQ(host->close(db), SQLITE_OK);
        run_in(host, next, "VACUUM");
        CHECK_EQ(host->close(next), SQLITE_OK);
        mv_vfs_unregister(second);
        CHECK_EQ(open_on_vfs(host, "short-lived", &late), SQLITE_ERROR); /* no such vfs */
        host->close(late);
        for (int j = 0; j < 2; j++) mv_store_release(stores[j]);
    }
}

/* The host's own VFS knows folders. */
static void a_folder_for_temporary_files(void) {
    sqlite3 *db = open_in(&hosts[0], "folder");
    run_in(&hosts[0], db, "PRAGMA temp_store_directory = '/tmp'");
    check_value(&hosts[0], db, "PRAGMA temp_store_directory", "/tmp");
    CHECK_EQ(hosts[0].exec(db, "PRAGMA temp_store_directory = '/tmp/no such folder'", NULL, NULL, NULL), SQLITE_ERROR);
    run_in(&hosts[0], db, "PRAGMA temp_store_directory = ''");
    CHECK_EQ(hosts[0].close(db), SQLITE_OK);
    delete("folder");
}

/* ---- at the end, for they change the process ------------------------------------------------------------- */

static void a_host_too_many(void) {
    static sqlite3_api_routines apis[16];
    int rc = SQLITE_OK, i = 0;
    for (; i < 16 && !rc; i++) {
        apis[i] = fake_host(3040001);
        char *error = NULL;
        rc = sqlite3_sqlitememvfs_init(NULL, &error, &apis[i]);
        CHECK_EQ(rc == SQLITE_OK, !error);
        CHECK(!error || strstr(error, "more SQLites"));
        sqlite3_free(error);
    }
    CHECK_EQ(rc, SQLITE_FULL);
    CHECK(i > 4);
}

/* As in a JVM: no functions, and who has no mutexes is refused, since others register VFSes. */
static void when_somebody_gives_vfses(void) {
    static sqlite3_api_routines api, single;
    mv_extension_no_default();
    single = fake_host(3040001);
    fake.threadsafe = 0;
    load_into(&single, SQLITE_MISUSE, "without mutexes");
    CHECK(!fake.list);
    api = fake_host(3040001);
    load_into(&api, SQLITE_OK, NULL);
    CHECK(fake.list);
    CHECK_EQ(fake.functions + fake.modules, 0);
}

int main(int argc, char **argv) {
    check_start(argc, argv);
    take_memory_over();
    RUN(loading_without_memory);
    RUN(an_old_host_is_refused);
    RUN(the_oldest_host);
    RUN(a_time_without_milliseconds);
    RUN(opening_without_memory);
    RUN(a_taken_name);
    RUN(a_host_without_a_system);
    RUN(a_host_without_mutexes);
    void *library = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        printf("The other tests need libsqlite3.so.0 (apt-get install libsqlite3-0) and are not run: %s\n", dlerror());
        return check_end();
    }
    if (!check_listing) load_hosts(library);
    RUN(all_see_the_same);
    RUN(threads_of_all);
    RUN(threads_that_load);
    RUN(a_pragma_does_not_drop_a_transaction);
    RUN(a_transaction_on_several_files);
    RUN(a_file_and_a_database_of_one_name);
    RUN(journals_of_hosts);
    RUN(beside_a_file_in_exclusive_wal_mode);
    RUN(a_folder_for_temporary_files);
    RUN(after_the_vfs_is_unregistered);
    RUN(a_host_too_many);
    RUN(when_somebody_gives_vfses);
    return check_end();
}
