/*
 * Registration: each VFS has a face for each host, since SQLite links the VFSes that it knows. See hosts.h and vfs.h.
 */
#include "vfs/hosts.h"

#include "vfs/file.h"

#define SQLITE_CORE 1 /* the table of a host's functions, without macros that call them for ours */
#include "sqlite3ext.h"

#include <string.h>

/*
 * SQLite finds a vfs by its name and then calls it, and nothing keeps it from being unregistered in between. So a vfs is
 * never freed: it retires, refuses to open files, and serves again under another name once many others have retired after it.
 */
static struct {
    mv_vfs *first, *last; /* the longest retired first; under the registry's mutex, as is the count */
    unsigned count;
} retired;

#define REST 256 /* how many retire before one of them serves again */

static mv_vfs *live;     /* all that are registered; under the registry's mutex */
static host *others;     /* all hosts but our own; the same */
static memory_file *foreign; /* all that are open in them; the same */
static const sqlite3_vfs *methods; /* of all faces; the same at each registration; under the registry's mutex */
static host own = {      /* its system: fixed by the first registration */
    .vfs_register = sqlite3_vfs_register,
    .vfs_unregister = sqlite3_vfs_unregister,
    .vfs_find = sqlite3_vfs_find,
    .mprintf = sqlite3_mprintf,
    .uri_boolean = sqlite3_uri_boolean,
    .threadsafe = true,
};

static sqlite3_mutex *registry(void) {
    return sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
}

/* ---- faces: all under the registry's mutex --------------------------------------------------------------------------- */

static void add_face(mv_vfs *vfs, face *made, const host *h) {
    *made = (face){.base = *methods, .vfs = vfs, .host = h, .next = vfs->faces};
    made->base.zName = vfs->name;
    vfs->faces = made;
}

/* The vfs's face for a host. NULL: no memory. */
static face *face_for(mv_vfs *vfs, const host *h) {
    for (face *f = vfs->faces; f; f = f->next) {
        if (f->host == h) return f;
    }
    face *made = sqlite3_malloc(sizeof *made);
    if (made) add_face(vfs, made, h);
    return made;
}

/* Makes the vfs known to a host. SQLITE_MISUSE: the host has another one of that name, and not only for connections that have outlived its registration. */
static int show(mv_vfs *vfs, const host *h) {
    for (sqlite3_vfs *found; (found = h->vfs_find(vfs->name)) != NULL;) {
        if (found->xOpen != methods->xOpen || ((face *)found)->vfs->registered) return SQLITE_MISUSE;
        h->vfs_unregister(found);
        ((face *)found)->registered = false;
    }
    face *f = face_for(vfs, h);
    if (!f) return SQLITE_NOMEM;
    int rc = h->vfs_register(&f->base, 0);
    f->registered = rc == SQLITE_OK;
    return rc;
}

/* From that host; NULL: from all. */
static void hide(mv_vfs *vfs, const host *h) {
    for (face *f = vfs->faces; f; f = f->next) {
        if (!f->registered || (h && f->host != h)) continue;
        f->host->vfs_unregister(&f->base);
        f->registered = false;
    }
}

/* ---- references to a VFS --------------------------------------------------------------------------------------------- */

bool mv_vfs_hold(mv_vfs *vfs, bool database) {
    sqlite3_mutex_enter(registry());
    bool usable = vfs->registered || (!database && vfs->refs > 0);
    vfs->refs += usable;
    sqlite3_mutex_leave(registry());
    return usable;
}

void mv_vfs_release(mv_vfs *vfs) {
    mv_store *store = NULL;
    sqlite3_mutex_enter(registry());
    if (--vfs->refs == 0) {
        hide(vfs, NULL); /* if connections that have outlived its registration needed it to be found */
        store = vfs->store;
        vfs->retired_next = NULL;
        if (retired.last) retired.last->retired_next = vfs;
        else retired.first = vfs;
        retired.last = vfs;
        retired.count++;
    }
    sqlite3_mutex_leave(registry());
    if (store) mv_store_release(store);
}

/* ---- files of other hosts -------------------------------------------------------------------------------------------- */

void mv_hosts_add_file(memory_file *f) {
    if (mv_is_own(f->host)) return;
    sqlite3_mutex_enter(registry());
    f->foreign_next = foreign;
    if (foreign) foreign->foreign_previous = f;
    foreign = f;
    sqlite3_mutex_leave(registry());
}

void mv_hosts_remove_file(memory_file *f) {
    if (mv_is_own(f->host)) return;
    sqlite3_mutex_enter(registry());
    if (f->foreign_next) f->foreign_next->foreign_previous = f->foreign_previous;
    if (f->foreign_previous) f->foreign_previous->foreign_next = f->foreign_next;
    else foreign = f->foreign_next;
    sqlite3_mutex_leave(registry());
}

bool mv_hosts_have_journal(const host *h, const char *name, size_t n) {
    static const char suffix[] = "-journal"; /* the last byte of a name is zero */
    bool ours = false;
    if (n <= sizeof suffix || memcmp(name + n - sizeof suffix, suffix, sizeof suffix) != 0) return false;
    sqlite3_mutex_enter(registry());
    for (memory_file *f = foreign; f && !ours; f = f->foreign_next) ours = mv_database_is_named(f->db, name, n - sizeof suffix);
    sqlite3_mutex_leave(registry());
    int on_disk = 0;
    return ours && h->system->xAccess(h->system, name, SQLITE_ACCESS_EXISTS, &on_disk) == SQLITE_OK && !on_disk;
}

/* ---- registration: under the registry's mutex but for mv_* ----------------------------------------------------------- */

static mv_vfs *new_vfs(void) {
    mv_vfs *vfs = sqlite3_malloc(sizeof *vfs);
    if (!vfs) return NULL;
    *vfs = (mv_vfs){.store = NULL};
    add_face(vfs, &vfs->first, &own);
    mv_mutex_init(&vfs->mutex);
    return vfs;
}

/* One that has rested, or a new one. */
static mv_vfs *unused_vfs(void) {
    mv_vfs *vfs = retired.first;
    if (retired.count <= REST) return new_vfs();
    retired.first = vfs->retired_next;
    retired.count--;
    return vfs;
}

static void go_live(mv_vfs *vfs) {
    vfs->registered = true;
    vfs->live_previous = NULL;
    vfs->live_next = live;
    if (live) live->live_previous = vfs;
    live = vfs;
}

static void end_live(mv_vfs *vfs) {
    vfs->registered = false;
    if (vfs->live_next) vfs->live_next->live_previous = vfs->live_previous;
    if (vfs->live_previous) vfs->live_previous->live_next = vfs->live_next;
    else live = vfs->live_next;
}

int mv_hosts_register(mv_store *store, const char *name, const sqlite3_vfs *vfs_methods, mv_vfs **out) {
    int rc = sqlite3_initialize();
    if (rc) return rc;
    if (strlen(name) > MV_MAX_VFS_NAME) return SQLITE_MISUSE;
    sqlite3_mutex_enter(registry());
    methods = vfs_methods;
    if (!own.system) own.system = sqlite3_vfs_find(NULL);
    mv_vfs *vfs = unused_vfs();
    if (!vfs) rc = SQLITE_NOMEM;
    if (!rc) {
        memcpy(vfs->name, name, strlen(name) + 1);
        vfs->store = store;
        mv_store_hold(store);
        vfs->refs = 1;
        rc = show(vfs, &own);
        for (const host *h = others; h && !rc; h = h->next) rc = h->ready && h->threadsafe ? show(vfs, h) : SQLITE_OK;
        if (rc) hide(vfs, NULL);
        else go_live(vfs);
    }
    sqlite3_mutex_leave(registry());
    if (rc && vfs) mv_vfs_release(vfs);
    if (!rc) *out = vfs;
    return rc;
}

void mv_vfs_unregister(mv_vfs *vfs) {
    sqlite3_mutex_enter(registry());
    end_live(vfs); /* hidden when the last reference goes: VACUUM and ATTACH, of connections that are open, look for the name */
    sqlite3_mutex_leave(registry());
    mv_vfs_release(vfs);
}

mv_store *mv_vfs_store(const char *name) {
    mv_store *store = NULL;
    sqlite3_mutex_enter(registry());
    for (mv_vfs *vfs = live; vfs && !store; vfs = vfs->live_next) {
        if (strcmp(vfs->name, name) == 0) store = vfs->store;
    }
    if (store) mv_store_hold(store);
    sqlite3_mutex_leave(registry());
    return store;
}

/* NULL: no memory. */
static host *host_of(const sqlite3_api_routines *api) {
    for (host *h = others; h; h = h->next) {
        if (h->api == api) return h;
    }
    host *h = sqlite3_malloc(sizeof *h);
    if (!h) return NULL;
    *h = (host){
        .vfs_register = api->vfs_register,
        .vfs_unregister = api->vfs_unregister,
        .vfs_find = api->vfs_find,
        .mprintf = api->mprintf,
        .uri_boolean = api->uri_boolean,
        .api = api,
        .threadsafe = api->xthreadsafe() != 0,
        .system = api->vfs_find(NULL),
        .next = others,
    };
    others = h;
    return h;
}

int mv_vfs_add_host(const sqlite3_api_routines *api, char refused[MV_MAX_VFS_NAME + 1]) {
    int rc = sqlite3_initialize();
    if (rc) return rc;
    sqlite3_mutex_enter(registry());
    host *h = host_of(api);
    if (!h) rc = SQLITE_NOMEM;
    for (mv_vfs *vfs = live; h && !h->ready && vfs && !rc; vfs = vfs->live_next) {
        rc = show(vfs, h);
        if (rc) memcpy(refused, vfs->name, sizeof vfs->name);
    }
    for (mv_vfs *vfs = live; h && rc && vfs; vfs = vfs->live_next) hide(vfs, h);
    if (!rc) h->ready = true;
    sqlite3_mutex_leave(registry());
    return rc;
}
