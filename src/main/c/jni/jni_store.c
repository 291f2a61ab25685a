/*
 * Natives for stores, versions and loads: store.h and vfs.h for Java. See jni_util.h. Their Java half: StoreHandle.java
 * (stores), PinHandle.java (versions), Load.java (loads).
 */
#include "jni/jni_util.h"

#include "sqlite3.h"
#include "vfs/vfs.h"

#include <string.h>

#define STORE(handle) MV_POINTER(mv_store, handle)
#define VERSION(handle) MV_POINTER(mv_version, handle)
#define LOAD(handle) MV_POINTER(mv_load, handle)

/* ---- store ---------------------------------------------------------------------------------------- */

static jbyteArray sqliteVersion(JNIEnv *env, jclass c) {
    (void)c;
    return mv_new_bytes(env, sqlite3_libversion(), strlen(sqlite3_libversion()));
}

static jlong storeNew(JNIEnv *env, jclass c, jint block_size, jlong max_bytes) {
    (void)env, (void)c;
    return MV_HANDLE(mv_store_new((uint32_t)block_size, (uint64_t)max_bytes));
}

static void storeClose(JNIEnv *env, jclass c, jlong store) {
    (void)env, (void)c;
    mv_store_close(STORE(store));
}

static void storeRelease(JNIEnv *env, jclass c, jlong store) {
    (void)env, (void)c;
    mv_store_release(STORE(store));
}

static jlong vfsRegister(JNIEnv *env, jclass c, jlong store, jbyteArray name, jintArray out) {
    (void)c;
    mv_text text;
    mv_text_get(env, name, &text);
    mv_vfs *vfs = NULL;
    int rc = text.bytes ? mv_vfs_register(STORE(store), text.bytes, &vfs) : SQLITE_NOMEM;
    mv_text_free(&text);
    mv_set_int(env, out, 0, rc);
    return MV_HANDLE(rc ? NULL : vfs);
}

static void vfsUnregister(JNIEnv *env, jclass c, jlong vfs) {
    (void)env, (void)c;
    mv_vfs_unregister(MV_POINTER(mv_vfs, vfs));
}

/* A handle to a database that is there. */
static mv_result open_database(JNIEnv *env, jlong store, jbyteArray name, mv_database **db) {
    mv_text text;
    mv_text_get(env, name, &text);
    mv_result rc = text.bytes ? mv_store_open(STORE(store), text.bytes, (size_t)text.n, false, db) : MV_NOMEM;
    mv_text_free(&text);
    return rc;
}

static jint exists(JNIEnv *env, jclass c, jlong store, jbyteArray name) {
    (void)c;
    mv_database *db;
    mv_result rc = open_database(env, store, name, &db);
    if (!rc) mv_database_release(db);
    return (jint)rc;
}

static jint delete(JNIEnv *env, jclass c, jlong store, jbyteArray name) {
    (void)c;
    mv_text text;
    mv_text_get(env, name, &text);
    mv_result rc = text.bytes ? mv_store_delete(STORE(store), text.bytes, (size_t)text.n) : MV_NOMEM;
    mv_text_free(&text);
    return (jint)rc;
}

static jbyteArray names(JNIEnv *env, jclass c, jlong store) {
    (void)c;
    char *all;
    size_t n;
    if (mv_store_names(STORE(store), &all, &n)) return NULL;
    jbyteArray array = mv_new_bytes(env, all, n);
    sqlite3_free(all);
    return array;
}

static jbyteArray firstNames(JNIEnv *env, jclass c, jlong store, jint most, jintArray out) {
    (void)c;
    char *all;
    size_t n, count;
    if (mv_store_first_names(STORE(store), (size_t)most, &all, &n, &count)) return NULL;
    jbyteArray array = mv_new_bytes(env, all, n);
    sqlite3_free(all);
    if (array) mv_set_int(env, out, 0, count < INT32_MAX ? (jint)count : INT32_MAX);
    return array;
}

static jint fork_version(JNIEnv *env, jclass c, jlong store, jlong version, jbyteArray name) {
    (void)c;
    mv_text text;
    mv_text_get(env, name, &text);
    mv_result rc =
        text.bytes ? mv_store_fork(STORE(store), VERSION(version), text.bytes, (size_t)text.n) : MV_NOMEM;
    mv_text_free(&text);
    return (jint)rc;
}

static void set_stats(JNIEnv *env, jlongArray out, const mv_stats *s) {
    jlong values[] = { (jlong)s->bytes,  (jlong)s->reserved, (jlong)s->limit, (jlong)s->blocks,
                       (jlong)s->versions, (jlong)s->pins,   (jlong)s->forks, (jlong)s->databases };
    (*env)->SetLongArrayRegion(env, out, 0, (jsize)(sizeof values / sizeof *values), values);
}

static void storeStats(JNIEnv *env, jclass c, jlong store, jlongArray out) {
    (void)c;
    mv_stats stats;
    mv_store_stats(STORE(store), &stats);
    set_stats(env, out, &stats);
}

/* Bytes of the newest version, or minus the result. */
static jlong databaseSize(JNIEnv *env, jclass c, jlong store, jbyteArray name) {
    (void)c;
    mv_database *db;
    mv_result rc = open_database(env, store, name, &db);
    if (rc) return -(jlong)rc;
    mv_version *v = mv_database_pin(db);
    jlong size = mv_version_size(v);
    mv_version_release(v);
    mv_database_release(db);
    return size;
}

static jint databaseStats(JNIEnv *env, jclass c, jlong store, jbyteArray name, jboolean exact, jlongArray out) {
    (void)c;
    mv_database *db;
    mv_result rc = open_database(env, store, name, &db);
    if (rc) return (jint)rc;
    mv_stats stats;
    if (exact) mv_database_stats(db, &stats);
    else mv_database_stats_as_they_are(db, &stats); /* before the pin, which it would count */
    set_stats(env, out, &stats);
    mv_version *v = mv_database_pin(db);
    mv_set_long(env, out, 8, mv_version_size(v));
    mv_set_long(env, out, 9, (jlong)mv_version_number(v));
    mv_set_long(env, out, 10, mv_version_block_size(v));
    mv_version_release(v);
    mv_database_release(db);
    return MV_OK;
}

/* ---- version --------------------------------------------------------------------------------------- */

static jlong pin(JNIEnv *env, jclass c, jlong store, jbyteArray name, jintArray out) {
    (void)c;
    mv_database *db;
    mv_version *v = NULL;
    mv_result rc = open_database(env, store, name, &db);
    if (!rc) {
        v = mv_database_pin(db);
        mv_database_release(db); /* the pin keeps it */
    }
    mv_set_int(env, out, 0, (jint)rc);
    return MV_HANDLE(v);
}

static void versionRelease(JNIEnv *env, jclass c, jlong version) {
    (void)env, (void)c;
    mv_version_release(VERSION(version));
}

static jlong versionSize(JNIEnv *env, jclass c, jlong version) {
    (void)env, (void)c;
    return mv_version_size(VERSION(version));
}

static jlong versionNumber(JNIEnv *env, jclass c, jlong version) {
    (void)env, (void)c;
    return (jlong)mv_version_number(VERSION(version));
}

static jint versionRead(JNIEnv *env, jclass c, jlong version, jlong offset, jbyteArray to, jint start, jint n) {
    (void)c;
    if (!mv_array_range(env, to, start, &n)) return 0;
    jint done = 0;
    while (done < n) {
        size_t got;
        const void *bytes = mv_version_span(VERSION(version), offset + done, (size_t)(n - done), &got);
        if (!got) break;
        (*env)->SetByteArrayRegion(env, to, start + done, (jsize)got, bytes);
        done += (jint)got;
    }
    return done;
}

static jint versionReadDirect(JNIEnv *env, jclass c, jlong version, jlong offset, jobject to, jint start, jint n) {
    (void)c;
    void *at = mv_buffer_range(env, to, start, &n);
    return at ? (jint)mv_version_read(VERSION(version), at, (size_t)n, offset) : 0;
}

static jobject versionSpan(JNIEnv *env, jclass c, jlong version, jlong offset, jint min, jint max) {
    (void)c;
    size_t n;
    const void *bytes = mv_version_span(VERSION(version), offset, (size_t)max, &n);
    return n < (size_t)min ? NULL : (*env)->NewDirectByteBuffer(env, (void *)bytes, (jlong)n);
}

/* ---- load ------------------------------------------------------------------------------------------ */

static jlong loadBegin(JNIEnv *env, jclass c, jlong store, jbyteArray name, jintArray out) {
    (void)c;
    mv_text text;
    mv_text_get(env, name, &text);
    mv_load *load = NULL;
    mv_result rc = text.bytes ? mv_load_begin(STORE(store), text.bytes, (size_t)text.n, &load) : MV_NOMEM;
    mv_text_free(&text);
    mv_set_int(env, out, 0, (jint)rc);
    return MV_HANDLE(rc ? NULL : load);
}

static jobject loadSpace(JNIEnv *env, jclass c, jlong load, jint min, jint max, jintArray out) {
    (void)c;
    void *space;
    size_t n;
    mv_result rc = mv_load_space(LOAD(load), &space, &n);
    mv_set_int(env, out, 0, (jint)rc);
    if (rc || n < (size_t)min) return NULL;
    if (n > (size_t)max) n = (size_t)max;
    return (*env)->NewDirectByteBuffer(env, space, (jlong)n);
}

static jint loadFilled(JNIEnv *env, jclass c, jlong load, jint n) {
    (void)env, (void)c;
    return n > 0 ? (jint)mv_load_filled(LOAD(load), (size_t)n) : MV_OK;
}

/* Straight into the blocks: one copy. */
static jint loadWrite(JNIEnv *env, jclass c, jlong load, jbyteArray from, jint start, jint n) {
    (void)c;
    if (!mv_array_range(env, from, start, &n)) return MV_OK;
    if (mv_load_size(LOAD(load)) == 0) { /* together: if they are no database, a message tells what they look like */
        char first[1024];
        jint part = n < (jint)sizeof first ? n : (jint)sizeof first;
        (*env)->GetByteArrayRegion(env, from, start, part, (jbyte *)first);
        mv_result rc = mv_load_write(LOAD(load), first, (size_t)part);
        if (rc) return (jint)rc;
        start += part;
        n -= part;
    }
    while (n > 0) {
        void *space;
        size_t room;
        mv_result rc = mv_load_space(LOAD(load), &space, &room);
        if (rc) return (jint)rc;
        jint part = (size_t)n < room ? n : (jint)room;
        (*env)->GetByteArrayRegion(env, from, start, part, space);
        rc = mv_load_filled(LOAD(load), (size_t)part);
        if (rc) return (jint)rc;
        start += part;
        n -= part;
    }
    return MV_OK;
}

static jint loadWriteDirect(JNIEnv *env, jclass c, jlong load, jobject from, jint start, jint n) {
    (void)c;
    const void *at = mv_buffer_range(env, from, start, &n);
    return at ? (jint)mv_load_write(LOAD(load), at, (size_t)n) : MV_OK;
}

static jint loadFinish(JNIEnv *env, jclass c, jlong load) {
    (void)env, (void)c;
    return (jint)mv_load_finish(LOAD(load));
}

static jint loadWal(JNIEnv *env, jclass c, jlong load) {
    (void)env, (void)c;
    return (jint)mv_load_wal(LOAD(load));
}

static jlong loadFrames(JNIEnv *env, jclass c, jlong load) {
    (void)env, (void)c;
    return (jlong)mv_load_frames(LOAD(load));
}

static jbyteArray loadMessage(JNIEnv *env, jclass c, jlong load) {
    (void)c;
    const char *message = mv_load_message(LOAD(load));
    return mv_new_bytes(env, message, strlen(message));
}

static jint publish(JNIEnv *env, jclass c, jlong store, jbyteArray name, jlong load, jlong usec) {
    (void)c;
    mv_text text;
    mv_text_get(env, name, &text);
    mv_result rc =
        text.bytes ? mv_store_publish(STORE(store), text.bytes, (size_t)text.n, LOAD(load), usec) : MV_NOMEM;
    mv_text_free(&text);
    return (jint)rc;
}

static jlong loadWaiter(JNIEnv *env, jclass c, jlong store, jbyteArray name, jlong load, jlong usec, jintArray out) {
    (void)c;
    mv_text text;
    mv_text_get(env, name, &text);
    mv_waiter *waiter = NULL;
    mv_result rc =
        text.bytes ? mv_load_waiter(STORE(store), text.bytes, (size_t)text.n, LOAD(load), usec, &waiter) : MV_NOMEM;
    mv_text_free(&text);
    mv_set_int(env, out, 0, (jint)rc);
    return MV_HANDLE(rc ? NULL : waiter);
}

static void loadDrop(JNIEnv *env, jclass c, jlong load) {
    (void)env, (void)c;
    mv_load_drop(LOAD(load));
}

/* ---- table ----------------------------------------------------------------------------------------- */

static const JNINativeMethod methods[] = {
    MV_NATIVE(sqliteVersion, "()[B"),
    MV_NATIVE(storeNew, "(IJ)J"),
    MV_NATIVE(storeClose, "(J)V"),
    MV_NATIVE(storeRelease, "(J)V"),
    MV_NATIVE(vfsRegister, "(J[B[I)J"),
    MV_NATIVE(vfsUnregister, "(J)V"),
    MV_NATIVE(exists, "(J[B)I"),
    MV_NATIVE(delete, "(J[B)I"),
    MV_NATIVE(firstNames, "(JI[I)[B"),
    MV_NATIVE(names, "(J)[B"),
    MV_NATIVE_AS(fork, fork_version, "(JJ[B)I"),
    MV_NATIVE(storeStats, "(J[J)V"),
    MV_NATIVE(databaseSize, "(J[B)J"),
    MV_NATIVE(databaseStats, "(J[BZ[J)I"),
    MV_NATIVE(pin, "(J[B[I)J"),
    MV_NATIVE(versionRelease, "(J)V"),
    MV_NATIVE(versionSize, "(J)J"),
    MV_NATIVE(versionNumber, "(J)J"),
    MV_NATIVE(versionRead, "(JJ[BII)I"),
    MV_NATIVE(versionReadDirect, "(JJLjava/nio/ByteBuffer;II)I"),
    MV_NATIVE(versionSpan, "(JJII)Ljava/nio/ByteBuffer;"),
    MV_NATIVE(loadBegin, "(J[B[I)J"),
    MV_NATIVE(loadSpace, "(JII[I)Ljava/nio/ByteBuffer;"),
    MV_NATIVE(loadFilled, "(JI)I"),
    MV_NATIVE(loadWrite, "(J[BII)I"),
    MV_NATIVE(loadWriteDirect, "(JLjava/nio/ByteBuffer;II)I"),
    MV_NATIVE(loadWal, "(J)I"),
    MV_NATIVE(loadFrames, "(J)J"),
    MV_NATIVE(loadFinish, "(J)I"),
    MV_NATIVE(loadMessage, "(J)[B"),
    MV_NATIVE(publish, "(J[BJJ)I"),
    MV_NATIVE(loadWaiter, "(J[BJJ[I)J"),
    MV_NATIVE(loadDrop, "(J)V"),
};

const mv_natives mv_store_natives = { methods, sizeof methods / sizeof *methods };
