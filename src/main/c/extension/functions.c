/*
 * See functions.h. A sqlite3, a value or a context here is the host's: it may be given to the host's functions only.
 *
 * Whose it is, a function cannot tell: what it is given is known to its host alone. So each host has a function of its own, which knows the host's
 * table, and goes on to the function that is meant.
 */
#include "extension/functions.h"

#include "extension/extension.h"
#include "vfs/vfs.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#define SQLITE_CORE 1 /* the table of the host's functions, without macros that call them for ours */
#include "sqlite3ext.h"

#define HAS_DIRECTONLY 3030000
#define HAS_EPONYMOUS_TABLES 3009000
#define HAS_VTAB_DIRECTONLY 3031000

/* ---- calls ------------------------------------------------------------------------------------------ */

/* One call of a function, with the store that it is about. */
typedef struct call {
    sqlite3_context *context;
    const sqlite3_api_routines *api;
    mv_store *store; /* held */
} call;

static void fail(const call *c, int code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *message = c->api->vmprintf(format, args);
    va_end(args);
    if (!message) {
        c->api->result_error_nomem(c->context);
        return;
    }
    c->api->result_error(c->context, message, -1);
    c->api->result_error_code(c->context, code); /* keeps the message */
    c->api->free(message);
}

static void fail_result(const call *c, mv_result rc, const char *name) {
    switch (rc) {
    case MV_NOMEM: c->api->result_error_nomem(c->context); return;
    case MV_NOTFOUND: fail(c, SQLITE_CANTOPEN, "no such database: %s", name); return;
    case MV_EXISTS: fail(c, SQLITE_ERROR, "there is a database %s already", name); return;
    case MV_BUSY: fail(c, SQLITE_BUSY, "database %s is being written: end that transaction, or set a longer busy timeout", name); return;
    case MV_FULL: {
        mv_stats stats;
        mv_store_stats(c->store, &stats);
        fail(c, SQLITE_FULL, "no room for database %s: the limit of %lld bytes of its VFS is reached, %lld are in use: delete databases, or end "
             "what reads old versions", name, (sqlite3_int64)stats.limit, (sqlite3_int64)stats.bytes);
        return;
    }
    case MV_CLOSED: fail(c, SQLITE_CANTOPEN, "the VFS of database %s was closed", name); return;
    default: fail(c, mv_sqlite_code(rc), "database %s: error %d", name, (int)rc);
    }
}

/* A text of a parameter, which lives as long as its value is not converted. NULL: the call has failed. */
static const char *text_of(const call *c, sqlite3_value *value, const char *what, int max) {
    if (c->api->value_type(value) == SQLITE_NULL) {
        fail(c, SQLITE_ERROR, "the name of a %s is NULL", what);
        return NULL;
    }
    const char *text = (const char *)c->api->value_text(value);
    int n = c->api->value_bytes(value);
    if (!text) {
        c->api->result_error_nomem(c->context);
        return NULL;
    }
    if (n > 0 && n <= max && strlen(text) == (size_t)n && strcmp(text, ":memory:") != 0) return text;
    fail(c, SQLITE_ERROR, "no %s has the name '%.100s': a name is 1 to %d bytes of UTF-8 without a zero, and not :memory:", what, text, max);
    return NULL;
}

/* vfs: NULL for the default one. False: the call has failed. */
static bool begin(call *c, sqlite3_context *context, const sqlite3_api_routines *api, sqlite3_value *vfs) {
    *c = (call){.context = context, .api = api};
    const char *name = vfs ? text_of(c, vfs, "VFS", MV_MAX_VFS_NAME) : MV_DEFAULT_VFS;
    if (!name) return false;
    c->store = mv_vfs_store(name);
    if (!c->store) fail(c, SQLITE_ERROR, "no such VFS of sqlite-memory-vfs: %s", name);
    return c->store != NULL;
}

/* ---- functions -------------------------------------------------------------------------------------- */

/* Its newest version, pinned; NULL: the call has failed. */
static mv_version *pin(const call *c, const char *name) {
    mv_database *db;
    mv_result rc = mv_store_open(c->store, name, strlen(name), false, &db);
    if (rc) {
        fail_result(c, rc, name);
        return NULL;
    }
    mv_version *v = mv_database_pin(db);
    mv_database_release(db); /* the pin keeps it */
    return v;
}

static void give_bytes(const call *c, const char *name, const mv_version *v) {
    const sqlite3_api_routines *api = c->api;
    int64_t size = mv_version_size(v), limit = api->limit(api->context_db_handle(c->context), SQLITE_LIMIT_LENGTH, -1);
    if (size > limit) {
        fail(c, SQLITE_TOOBIG, "database %s has %lld bytes, but a blob can have %lld here: copy it with VACUUM INTO", name, size, limit);
        return;
    }
    char *bytes = api->malloc(size > 0 ? (int)size : 1);
    if (!bytes) {
        api->result_error_nomem(c->context);
        return;
    }
    mv_version_read(v, bytes, (size_t)size, 0);
    api->result_blob(c->context, bytes, (int)size, api->free);
}

static void serialize(const call *c, sqlite3_value **args) {
    const char *name = text_of(c, args[0], "database", MV_MAX_NAME);
    mv_version *v = name ? pin(c, name) : NULL;
    if (!v) return;
    give_bytes(c, name, v);
    mv_version_release(v);
}

static int64_t busy_timeout(const call *c) {
    const sqlite3_api_routines *api = c->api;
    sqlite3_stmt *stmt = NULL;
    int ms = 0;
    int rc = api->prepare_v2(api->context_db_handle(c->context), "PRAGMA busy_timeout", -1, &stmt, NULL);
    if (!rc && api->step(stmt) == SQLITE_ROW) ms = api->column_int(stmt, 0);
    api->finalize(stmt);
    return (int64_t)ms * 1000;
}

static void deserialize(const call *c, sqlite3_value **args) {
    const char *name = text_of(c, args[0], "database", MV_MAX_NAME);
    if (!name) return;
    if (c->api->value_type(args[1]) != SQLITE_BLOB) {
        fail(c, SQLITE_MISMATCH, "the content of database %s is not a blob", name);
        return;
    }
    const void *bytes = c->api->value_blob(args[1]);
    int n = c->api->value_bytes(args[1]);
    mv_load *load = NULL;
    mv_result rc = n > 0 && !bytes ? MV_NOMEM : mv_load_begin(c->store, name, strlen(name), &load);
    if (!rc) rc = mv_load_write(load, bytes, (size_t)n);
    if (!rc) rc = mv_load_finish(load);
    if (!rc) rc = mv_store_publish(c->store, name, strlen(name), load, busy_timeout(c));
    if (rc == MV_NOTADB || rc == MV_TRUNCATED) fail(c, mv_sqlite_code(rc), "%s", mv_load_message(load));
    else if (rc) fail_result(c, rc, name);
    if (rc) mv_load_drop(load);
}

static void fork_database(const call *c, sqlite3_value **args) {
    const char *from = text_of(c, args[0], "database", MV_MAX_NAME);
    const char *to = from ? text_of(c, args[1], "database", MV_MAX_NAME) : NULL;
    mv_version *v = to ? pin(c, from) : NULL;
    if (!v) return;
    mv_result rc = mv_store_fork(c->store, v, to, strlen(to));
    mv_version_release(v);
    if (rc) fail_result(c, rc, to);
}

static void delete(const call *c, sqlite3_value **args) {
    const char *name = text_of(c, args[0], "database", MV_MAX_NAME);
    if (!name) return;
    mv_result rc = mv_store_delete(c->store, name, strlen(name));
    if (rc && rc != MV_NOTFOUND) fail_result(c, rc, name);
    else c->api->result_int(c->context, !rc);
}

typedef struct function {
    const char *name;
    int args; /* without the VFS */
    void (*run)(const call *, sqlite3_value **);
} function;

static const function functions[] = {
    {"memvfs_serialize", 1, serialize},
    {"memvfs_deserialize", 2, deserialize},
    {"memvfs_fork", 2, fork_database},
    {"memvfs_delete", 1, delete},
};

/* ---- hosts ------------------------------------------------------------------------------------------ */

static void run(const sqlite3_api_routines *api, sqlite3_context *context, int n, sqlite3_value **args) {
    const function *f = api->user_data(context);
    call c;
    if (begin(&c, context, api, n > f->args ? args[f->args] : NULL)) f->run(&c, args);
    if (c.store) mv_store_release(c.store);
}

#define HOSTS(of) of(0) of(1) of(2) of(3) of(4) of(5) of(6) of(7) of(8) of(9) of(10) of(11) of(12) of(13) of(14) of(15)
#define COUNT(i) +1

static const sqlite3_api_routines *hosts[HOSTS(COUNT)]; /* under the mutex until it is set, fixed from then on */

#define ENTRY(i) \
    static void run_##i(sqlite3_context *context, int n, sqlite3_value **args) { run(hosts[i], context, n, args); }
#define NAME(i) run_##i,

HOSTS(ENTRY)
static void (*const entries[])(sqlite3_context *, int, sqlite3_value **) = {HOSTS(NAME)};

/* The host's place, or -1: there are too many. */
static int host_index(const sqlite3_api_routines *api) {
    int i = 0, count = HOSTS(COUNT);
    sqlite3_mutex *mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP3);
    sqlite3_mutex_enter(mutex);
    while (i < count && hosts[i] && hosts[i] != api) i++;
    if (i < count && !hosts[i]) hosts[i] = api;
    sqlite3_mutex_leave(mutex);
    return i < count ? i : -1;
}

/* ---- the table of databases -------------------------------------------------------------------------- */

typedef struct list_table {
    sqlite3_vtab base;
    const sqlite3_api_routines *api;
} list_table;

/* Rows are the names that there were when it was asked. */
typedef struct list_cursor {
    sqlite3_vtab_cursor base;
    mv_store *store; /* held; NULL before the first question */
    char *names;     /* each with a zero behind it */
    const char *at, *end;
} list_cursor;

enum { COLUMN_NAME, COLUMN_SIZE, COLUMN_VFS };

static const sqlite3_api_routines *api_of(const sqlite3_vtab_cursor *cursor) {
    return ((const list_table *)cursor->pVtab)->api;
}

static int list_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out, char **error) {
    const sqlite3_api_routines *api = aux;
    (void)argc, (void)argv, (void)error;
    int rc = api->declare_vtab(db, "CREATE TABLE x(name TEXT, size INTEGER, vfs TEXT HIDDEN)");
    if (rc) return rc;
    if (api->libversion_number() >= HAS_VTAB_DIRECTONLY) api->vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    list_table *table = api->malloc(sizeof *table);
    if (!table) return SQLITE_NOMEM;
    *table = (list_table){.api = api};
    *out = &table->base;
    return SQLITE_OK;
}

static int list_disconnect(sqlite3_vtab *table) {
    ((list_table *)table)->api->free(table);
    return SQLITE_OK;
}

static int list_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
    (void)table;
    info->estimatedCost = 1000;
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn != COLUMN_VFS || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
        if (!info->aConstraint[i].usable) return SQLITE_CONSTRAINT; /* the argument is of a table that comes later */
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        info->idxNum = 1;
        break;
    }
    return SQLITE_OK;
}

static int list_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out) {
    list_cursor *cursor = ((list_table *)table)->api->malloc(sizeof *cursor);
    if (!cursor) return SQLITE_NOMEM;
    *cursor = (list_cursor){0};
    *out = &cursor->base;
    return SQLITE_OK;
}

static void list_clear(list_cursor *cursor) {
    if (cursor->store) mv_store_release(cursor->store);
    sqlite3_free(cursor->names); /* the store's, so ours */
    cursor->store = NULL;
    cursor->names = NULL;
    cursor->at = cursor->end = NULL;
}

static int list_close(sqlite3_vtab_cursor *base) {
    const sqlite3_api_routines *api = api_of(base);
    list_clear((list_cursor *)base);
    api->free(base);
    return SQLITE_OK;
}

static int list_filter(sqlite3_vtab_cursor *base, int index, const char *text, int n, sqlite3_value **args) {
    list_cursor *cursor = (list_cursor *)base;
    const sqlite3_api_routines *api = api_of(base);
    (void)text, (void)n;
    list_clear(cursor);
    const char *name = index ? (const char *)api->value_text(args[0]) : MV_DEFAULT_VFS;
    cursor->store = name ? mv_vfs_store(name) : NULL;
    if (!cursor->store) {
        api->free(base->pVtab->zErrMsg);
        base->pVtab->zErrMsg = api->mprintf("no such VFS of sqlite-memory-vfs: %.100s", name ? name : "NULL");
        return SQLITE_ERROR;
    }
    size_t size = 0;
    mv_result rc = mv_store_names(cursor->store, &cursor->names, &size);
    if (rc) return mv_sqlite_code(rc);
    cursor->at = cursor->names;
    cursor->end = cursor->names + size;
    return SQLITE_OK;
}

static int list_next(sqlite3_vtab_cursor *base) {
    list_cursor *cursor = (list_cursor *)base;
    cursor->at += strlen(cursor->at) + 1;
    return SQLITE_OK;
}

static int list_eof(sqlite3_vtab_cursor *base) {
    const list_cursor *cursor = (const list_cursor *)base;
    return cursor->at >= cursor->end;
}

static int list_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
    const list_cursor *cursor = (const list_cursor *)base;
    const sqlite3_api_routines *api = api_of(base);
    mv_database *db;
    if (column == COLUMN_NAME) {
        api->result_text(context, cursor->at, -1, SQLITE_TRANSIENT);
    } else if (column == COLUMN_SIZE && !mv_store_open(cursor->store, cursor->at, strlen(cursor->at), false, &db)) { /* NULL if it was deleted since */
        mv_version *v = mv_database_pin(db);
        api->result_int64(context, mv_version_size(v));
        mv_version_release(v);
        mv_database_release(db);
    }
    return SQLITE_OK;
}

static int list_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out) {
    const list_cursor *cursor = (const list_cursor *)base;
    *out = cursor->at - cursor->names;
    return SQLITE_OK;
}

static const sqlite3_module list_module = {
    .xConnect = list_connect, /* no xCreate: the table is there by itself, and only so */
    .xBestIndex = list_best_index,
    .xDisconnect = list_disconnect,
    .xOpen = list_open,
    .xClose = list_close,
    .xFilter = list_filter,
    .xNext = list_next,
    .xEof = list_eof,
    .xColumn = list_column,
    .xRowid = list_rowid,
};

/* ----------------------------------------------------------------------------------------------------- */

/* A connection that has them already refuses them while a statement runs, and so does an old SQLite the table: they are the same. */
int mv_functions_add(sqlite3 *db, const sqlite3_api_routines *api) {
    int version = api->libversion_number(), index = host_index(api), rc = SQLITE_OK;
    int flags = SQLITE_UTF8 | (version >= HAS_DIRECTONLY ? SQLITE_DIRECTONLY : 0);
    if (index < 0) return SQLITE_FULL;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const function *f = &functions[i];
        for (int vfs = 0; vfs <= 1 && !rc; vfs++) {
            rc = api->create_function(db, f->name, f->args + vfs, flags, (void *)f, entries[index], NULL, NULL);
            if (rc == SQLITE_BUSY) rc = SQLITE_OK;
        }
    }
    if (rc || version < HAS_EPONYMOUS_TABLES) return rc;
    rc = api->create_module(db, "memvfs_list", &list_module, (void *)api);
    return rc == SQLITE_MISUSE ? SQLITE_OK : rc;
}
