/*
 * Natives for statements. See jni_util.h, and rows.h for how rows and parameters come. Their Java half:
 * StatementHandle.java, and ColumnValues.java for values that are converted or too long.
 */
#include "engine/engine.h"
#include "jni/jni_util.h"
#include "engine/rows.h"

#include "sqlite3.h"

#include <string.h>

#define STMT(handle) MV_POINTER(sqlite3_stmt, handle)

#define MAX_ARRAY (INT32_MAX - 8) /* what a JVM can allocate */

/* Native.fetch */
#define FETCH_START 1
#define FETCH_PENDING 2
#define FETCH_IN_BODY 4
#define FETCH_AHEAD 8
#define FETCH_WAITED 16
#define FETCH_HELD 0x10000 /* in its result, beside the code, as the next */
#define FETCH_NO_ROOM 0x20000

/* ---- statement -------------------------------------------------------------------------------------- */

static jint finalizeStatement(JNIEnv *env, jclass c, jlong stmt) {
    (void)env, (void)c;
    return mv_engine_end(STMT(stmt), sqlite3_finalize);
}

static jint reset(JNIEnv *env, jclass c, jlong stmt) {
    (void)env, (void)c;
    return mv_engine_end(STMT(stmt), sqlite3_reset);
}

/* Copies the first n bytes of an array: what SQLite is given does not change under it. NULL: no memory. */
static char *copy_parameters(JNIEnv *env, jbyteArray from, jint *n, char *space, size_t room) {
    if (!mv_array_range(env, from, 0, n)) *n = 0;
    char *copy = (size_t)*n <= room ? space : sqlite3_malloc64((sqlite3_uint64)*n);
    if (copy && *n) (*env)->GetByteArrayRegion(env, from, 0, *n, (jbyte *)copy);
    return copy;
}

static jlong result_of(int code, int flags, int64_t count) {
    return (jlong)((uint64_t)(count < INT32_MAX ? count : INT32_MAX) << 32 | (uint32_t)flags | (uint16_t)code);
}

/* Rows go to the array by way of the stack: while SQLite runs, nothing of the JVM's is held. */
static jlong fetch_rows(JNIEnv *env, sqlite3_stmt *stmt, mv_fetch *f, jbyteArray rows) {
    char space[MV_ROWS_MEMORY];
    f->room = (size_t)(*env)->GetArrayLength(env, rows);
    f->memory = f->room <= sizeof space ? space : sqlite3_malloc64(f->room);
    if (!f->memory) return result_of(SQLITE_NOMEM, 0, 0);
    int rc = mv_rows_fetch(stmt, f);
    if (f->rows) (*env)->SetByteArrayRegion(env, rows, 0, (jsize)f->used, (jbyte *)f->memory);
    if (f->memory != space) sqlite3_free(f->memory);
    if (!f->rows && rc == MV_ROWS_PENDING) return result_of(rc, FETCH_NO_ROOM, (int64_t)f->used);
    return result_of(rc, f->held ? FETCH_HELD : 0, f->rows);
}

static jlong run_to_end(sqlite3_stmt *stmt, mv_fetch *f) {
    int rc = mv_rows_fetch(stmt, f);
    return result_of(rc, 0, f->changed);
}

static jlong fetch(JNIEnv *env, jclass c, jlong stmt, jint how, jbyteArray parameters, jint size, jint most, jbyteArray rows) {
    (void)c;
    char space[4096];
    mv_fetch f = {.start = how & FETCH_START, .in_body = how & FETCH_IN_BODY, .ahead = how & FETCH_AHEAD, .pending = how & FETCH_PENDING,
        .waited = how & FETCH_WAITED, .most = most};
    if (parameters) {
        char *copy = copy_parameters(env, parameters, &size, space, sizeof space);
        if (!copy) return result_of(SQLITE_NOMEM, 0, 0);
        f.parameters = copy;
        f.parameters_size = (size_t)size;
    }
    jlong result = rows ? fetch_rows(env, STMT(stmt), &f, rows) : run_to_end(STMT(stmt), &f);
    if (f.parameters != space) sqlite3_free((void *)f.parameters);
    return result;
}

static jint interruptWaiting(JNIEnv *env, jclass c, jlong stmt) {
    (void)env, (void)c;
    return mv_rows_interrupt(STMT(stmt));
}

/* Native.batch: its state, which begins with zeros */
enum { BATCH_DONE, BATCH_CHANGED, BATCH_ARRAY, BATCH_AT, BATCH_WAITED, BATCH_LEFT, BATCH_STATE };

static jint batch(JNIEnv *env, jclass c, jlong stmt, jboolean in_body, jobjectArray parameters, jintArray sizes, jlong timer, jlong usec,
                  jlongArray state) {
    (void)c;
    jlong s[BATCH_STATE];
    (*env)->GetLongArrayRegion(env, state, 0, BATCH_STATE, s);
    mv_batch b = {.in_body = in_body, .timer = MV_POINTER(mv_timer, timer), .usec = usec, .at = (size_t)s[BATCH_AT], .waited = s[BATCH_WAITED] != 0,
        .left = s[BATCH_LEFT], .done = s[BATCH_DONE], .changed = s[BATCH_CHANGED]};
    int rc = SQLITE_OK;
    jint count = (*env)->GetArrayLength(env, sizes), i = (jint)s[BATCH_ARRAY];
    if (count > (*env)->GetArrayLength(env, parameters)) return SQLITE_MISUSE; /* threads that share a statement may have mixed them up */
    char space[MV_ROWS_MEMORY];
    for (; i < count; i++) {
        jint n;
        (*env)->GetIntArrayRegion(env, sizes, i, 1, &n);
        jbyteArray array = (*env)->GetObjectArrayElement(env, parameters, i);
        if (!array) return SQLITE_MISUSE;
        char *copy = copy_parameters(env, array, &n, space, sizeof space);
        (*env)->DeleteLocalRef(env, array);
        rc = copy ? mv_rows_batch(STMT(stmt), copy, (size_t)n, &b) : SQLITE_NOMEM;
        if (copy != space) sqlite3_free(copy);
        if (rc != SQLITE_OK) break;
        b.at = 0;
    }
    const jlong results[] = {b.done, b.changed, i, (jlong)b.at, b.waited, b.left};
    (*env)->SetLongArrayRegion(env, state, 0, BATCH_STATE, results);
    return rc;
}

/* ---- parameters that are too long for the others' array ----------------------------------------------- */

/* Whether SQLite would refuse so many bytes: said before they are copied. */
static bool too_big(sqlite3_stmt *stmt, jint n) {
    return n > sqlite3_limit(sqlite3_db_handle(stmt), SQLITE_LIMIT_LENGTH, -1);
}

/* Binds bytes; free: what frees them, also on an error. */
static int bind_bytes(sqlite3_stmt *stmt, int i, const void *bytes, jint n, void (*free)(void *), bool text) {
    return text ? sqlite3_bind_text64(stmt, i, bytes, (sqlite3_uint64)n, free, SQLITE_UTF8)
                : sqlite3_bind_blob64(stmt, i, bytes, (sqlite3_uint64)n, free);
}

static int bind_array(JNIEnv *env, sqlite3_stmt *stmt, int i, jbyteArray from, jint start, jint n, bool text) {
    if (!mv_array_range(env, from, start, &n)) return bind_bytes(stmt, i, "", 0, SQLITE_STATIC, text);
    if (too_big(stmt, n)) return SQLITE_TOOBIG;
    void *copy = sqlite3_malloc64((sqlite3_uint64)n);
    if (!copy) return SQLITE_NOMEM;
    (*env)->GetByteArrayRegion(env, from, start, n, copy);
    return bind_bytes(stmt, i, copy, n, sqlite3_free, text);
}

static jint bindText(JNIEnv *env, jclass c, jlong stmt, jint i, jbyteArray utf8) {
    (void)c;
    return bind_array(env, STMT(stmt), i, utf8, 0, (*env)->GetArrayLength(env, utf8), true);
}

static jint bindBlob(JNIEnv *env, jclass c, jlong stmt, jint i, jbyteArray from, jint start, jint n) {
    (void)c;
    return bind_array(env, STMT(stmt), i, from, start, n, false);
}

static jint bindBlobDirect(JNIEnv *env, jclass c, jlong stmt, jint i, jobject from, jint start, jint n) {
    (void)c;
    const void *bytes = mv_buffer_range(env, from, start, &n);
    if (!bytes) return bind_bytes(STMT(stmt), i, "", 0, SQLITE_STATIC, false);
    if (too_big(STMT(stmt), n)) return SQLITE_TOOBIG;
    return bind_bytes(STMT(stmt), i, bytes, n, SQLITE_TRANSIENT, false);
}

/* A parameter that was bound so, as a copy. */
static jbyteArray bound(JNIEnv *env, jclass c, jlong stmt, jint i) {
    (void)c;
    int n;
    const void *bytes = mv_rows_bound(STMT(stmt), i, &n);
    return bytes ? mv_new_bytes(env, bytes, (size_t)n) : NULL;
}

static jbyteArray parameterName(JNIEnv *env, jclass c, jlong stmt, jint i) {
    (void)c;
    const char *name = sqlite3_bind_parameter_name(STMT(stmt), i);
    return name ? mv_new_bytes(env, name, strlen(name)) : NULL;
}

/* ---- columns ---------------------------------------------------------------------------------------- */

static jint columnCount(JNIEnv *env, jclass c, jlong stmt) {
    (void)env, (void)c;
    return sqlite3_column_count(STMT(stmt));
}

static jbyteArray columnName(JNIEnv *env, jclass c, jlong stmt, jint i) {
    (void)c;
    const char *name = sqlite3_column_name(STMT(stmt), i);
    return name ? mv_new_bytes(env, name, strlen(name)) : NULL;
}

/* A text may have to be copied to be converted. Without memory for that SQLite answers with zero, and the connection has the code. It keeps a
 * code until something else runs, so one from before, of any of its statements, has to go first. */
static void forget_no_memory(sqlite3_stmt *stmt) {
    sqlite3 *db = sqlite3_db_handle(stmt);
    if ((sqlite3_errcode(db) & 0xff) == SQLITE_NOMEM) sqlite3_set_errmsg(db, SQLITE_OK, NULL);
}

static void check_converted(JNIEnv *env, sqlite3_stmt *stmt, jintArray out) {
    if ((sqlite3_errcode(sqlite3_db_handle(stmt)) & 0xff) == SQLITE_NOMEM) mv_set_int(env, out, 0, SQLITE_NOMEM);
}

static jlong columnLong(JNIEnv *env, jclass c, jlong stmt, jint i, jintArray out) {
    (void)c;
    forget_no_memory(STMT(stmt));
    jlong value = sqlite3_column_int64(STMT(stmt), i);
    check_converted(env, STMT(stmt), out);
    return value;
}

static jdouble columnDouble(JNIEnv *env, jclass c, jlong stmt, jint i, jintArray out) {
    (void)c;
    forget_no_memory(STMT(stmt));
    jdouble value = sqlite3_column_double(STMT(stmt), i);
    check_converted(env, STMT(stmt), out);
    return value;
}

/* SQLite returns no bytes for NULL and for an empty blob, and also when it has no memory. */
static jbyteArray column_bytes(JNIEnv *env, sqlite3_stmt *stmt, int i, const void *bytes, jintArray out) {
    int n = sqlite3_column_bytes(stmt, i);
    if (!bytes) {
        int type = sqlite3_column_type(stmt, i);
        if (type == SQLITE_NULL) return NULL;
        if (type != SQLITE_BLOB || n || (sqlite3_errcode(sqlite3_db_handle(stmt)) & 0xff) == SQLITE_NOMEM) {
            mv_set_int(env, out, 0, SQLITE_NOMEM);
            return NULL;
        }
    }
    if (n > MAX_ARRAY) {
        mv_set_int(env, out, 0, SQLITE_TOOBIG);
        return NULL;
    }
    return mv_new_bytes(env, bytes, (size_t)n);
}

static jint columnBytes(JNIEnv *env, jclass c, jlong stmt, jint i, jbyteArray to, jint start, jint n, jintArray out) {
    (void)c;
    forget_no_memory(STMT(stmt));
    bool text = sqlite3_column_type(STMT(stmt), i) == SQLITE_TEXT;
    const void *bytes = text ? (const void *)sqlite3_column_text(STMT(stmt), i) : sqlite3_column_blob(STMT(stmt), i);
    jint length = sqlite3_column_bytes(STMT(stmt), i);
    check_converted(env, STMT(stmt), out);
    if (n > length) n = length;
    if (bytes && mv_array_range(env, to, start, &n)) (*env)->SetByteArrayRegion(env, to, start, n, bytes);
    return length;
}

static jbyteArray columnText(JNIEnv *env, jclass c, jlong stmt, jint i, jintArray out) {
    (void)c;
    forget_no_memory(STMT(stmt));
    return column_bytes(env, STMT(stmt), i, sqlite3_column_text(STMT(stmt), i), out);
}

static jbyteArray columnBlob(JNIEnv *env, jclass c, jlong stmt, jint i, jintArray out) {
    (void)c;
    forget_no_memory(STMT(stmt));
    return column_bytes(env, STMT(stmt), i, sqlite3_column_blob(STMT(stmt), i), out);
}

/* ---- conversions ------------------------------------------------------------------------------------ */

static jint copy_value(JNIEnv *env, jbyteArray bytes, jint start, jint n, char copy[MV_ROWS_MAX_VALUE]) {
    if (n > MV_ROWS_MAX_VALUE) n = MV_ROWS_MAX_VALUE;
    if (!mv_array_range(env, bytes, start, &n)) return 0;
    (*env)->GetByteArrayRegion(env, bytes, start, n, (jbyte *)copy);
    return n;
}

static jlong bytesToLong(JNIEnv *env, jclass c, jlong db, jint type, jbyteArray bytes, jint start, jint n) {
    (void)c;
    char copy[MV_ROWS_MAX_VALUE];
    n = copy_value(env, bytes, start, n, copy);
    return mv_rows_integer(MV_POINTER(sqlite3, db), type, copy, n);
}

static jdouble bytesToDouble(JNIEnv *env, jclass c, jlong db, jint type, jbyteArray bytes, jint start, jint n) {
    (void)c;
    char copy[MV_ROWS_MAX_VALUE];
    n = copy_value(env, bytes, start, n, copy);
    return mv_rows_real(MV_POINTER(sqlite3, db), type, copy, n);
}

static jbyteArray doubleToText(JNIEnv *env, jclass c, jlong db, jdouble value) {
    (void)c;
    char text[MV_ROWS_REAL_TEXT];
    return mv_new_bytes(env, text, (size_t)mv_rows_real_text(MV_POINTER(sqlite3, db), value, text));
}

/* ---- table ----------------------------------------------------------------------------------------- */

static const JNINativeMethod methods[] = {
    MV_NATIVE(finalizeStatement, "(J)I"),
    MV_NATIVE(reset, "(J)I"),
    MV_NATIVE(fetch, "(JI[BII[B)J"),
    MV_NATIVE(interruptWaiting, "(J)I"),
    MV_NATIVE(batch, "(JZ[[B[IJJ[J)I"),
    MV_NATIVE(bindText, "(JI[B)I"),
    MV_NATIVE(bindBlob, "(JI[BII)I"),
    MV_NATIVE(bindBlobDirect, "(JILjava/nio/ByteBuffer;II)I"),
    MV_NATIVE(bound, "(JI)[B"),
    MV_NATIVE(parameterName, "(JI)[B"),
    MV_NATIVE(columnCount, "(J)I"),
    MV_NATIVE(columnName, "(JI)[B"),
    MV_NATIVE(columnLong, "(JI[I)J"),
    MV_NATIVE(columnDouble, "(JI[I)D"),
    MV_NATIVE(columnBytes, "(JI[BII[I)I"),
    MV_NATIVE(columnText, "(JI[I)[B"),
    MV_NATIVE(columnBlob, "(JI[I)[B"),
    MV_NATIVE(bytesToLong, "(JI[BII)J"),
    MV_NATIVE(bytesToDouble, "(JI[BII)D"),
    MV_NATIVE(doubleToText, "(JD)[B"),
};

const mv_natives mv_statement_natives = { methods, sizeof methods / sizeof *methods };
