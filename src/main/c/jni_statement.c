/*
 * Natives for statements. See jni_util.h.
 *
 * A row is left in memory that Java reads without a call: Native.ROW_HEADER says how. Columns that are not asked for cost little
 * that way, those that are cost no call; long values stay where they are until they are asked for.
 */
#include "engine.h"
#include "jni_util.h"

#include "sqlite3.h"

#include <string.h>

#define STMT(handle) MV_POINTER(sqlite3_stmt, handle)

#define BODY_ENDED (-3) /* Native.step, beside SQLite's codes */

#define ROW_HEADER 16
#define ROW_ELSEWHERE (-1)
#define ROW_MAX_VALUE 1024
#define MAX_ARRAY (INT32_MAX - 8) /* what a JVM can allocate */

typedef struct row_column {
    int32_t type;
    int32_t length;
    union {
        int64_t integer;
        double real;
        int64_t offset;
    } value;
} row_column;

/* ---- statement -------------------------------------------------------------------------------------- */

static void finalizeStatement(JNIEnv *env, jclass c, jlong stmt) {
    (void)env, (void)c;
    sqlite3_finalize(STMT(stmt));
}

static jlong address(JNIEnv *env, jclass c, jobject buffer) {
    (void)c;
    return MV_HANDLE((*env)->GetDirectBufferAddress(env, buffer));
}

/* Puts the bytes of a text or blob behind the columns, if they are short and there is room. Texts are UTF-8, whatever the database's
 * encoding is, and only then is their length known; a blob's length comes first, since asking for the bytes makes those of a zeroblob. */
static void put_bytes(sqlite3_stmt *stmt, int i, row_column *column, char *row, int64_t *used, int64_t capacity) {
    bool text = column->type == SQLITE_TEXT;
    const void *bytes = text ? sqlite3_column_text(stmt, i) : NULL;
    int n = sqlite3_column_bytes(stmt, i);
    bool fits = n <= ROW_MAX_VALUE && n <= capacity - *used;
    if (fits && !text) bytes = sqlite3_column_blob(stmt, i);
    if (!fits || (!bytes && (n || text))) {
        column->length = ROW_ELSEWHERE;
        return;
    }
    if (n) memcpy(row + *used, bytes, (size_t)n);
    column->length = n;
    column->value.offset = *used;
    *used += n;
}

static void put_row(sqlite3_stmt *stmt, char *row, int64_t capacity) {
    int32_t count = sqlite3_data_count(stmt);
    int64_t used = ROW_HEADER + (int64_t)count * (int64_t)sizeof(row_column);
    if (used > capacity) {
        count = -count;
        memcpy(row, &count, sizeof count);
        return;
    }
    memcpy(row, &count, sizeof count);
    row_column *column = (row_column *)(row + ROW_HEADER);
    for (int i = 0; i < count; i++, column++) {
        column->type = sqlite3_column_type(stmt, i);
        switch (column->type) {
        case SQLITE_INTEGER: column->value.integer = sqlite3_column_int64(stmt, i); break;
        case SQLITE_FLOAT: column->value.real = sqlite3_column_double(stmt, i); break;
        case SQLITE_NULL: break;
        default: put_bytes(stmt, i, column, row, &used, capacity);
        }
    }
}

static jint step(JNIEnv *env, jclass c, jlong stmt, jboolean in_body, jlong row, jint capacity) {
    (void)env, (void)c;
    sqlite3 *db = sqlite3_db_handle(STMT(stmt));
    if (in_body && sqlite3_get_autocommit(db)) return BODY_ENDED;
    mv_limits limits;
    mv_engine_enter(db, &limits);
    bool first = !sqlite3_stmt_busy(STMT(stmt)), autocommit = sqlite3_get_autocommit(db);
    int rc = sqlite3_step(STMT(stmt));
    if (rc != SQLITE_ROW && rc != SQLITE_DONE && first && autocommit == (bool)sqlite3_get_autocommit(db) && mv_engine_again(db, &limits)) {
        rc = sqlite3_step(STMT(stmt)); /* it has to be compiled again, which has changed nothing */
        mv_engine_tried(db, &limits, rc);
    }
    rc = mv_engine_leave(db, &limits, rc);
    if (rc == SQLITE_ROW && row) put_row(STMT(stmt), MV_POINTER(char, row), capacity);
    return rc;
}

static void put_row_again(JNIEnv *env, jclass c, jlong stmt, jlong row, jint capacity) {
    (void)env, (void)c;
    put_row(STMT(stmt), MV_POINTER(char, row), capacity);
}

static void reset(JNIEnv *env, jclass c, jlong stmt) {
    (void)env, (void)c;
    sqlite3_reset(STMT(stmt)); /* its code is that of the last step */
}

static void clearBindings(JNIEnv *env, jclass c, jlong stmt) {
    (void)env, (void)c;
    sqlite3_clear_bindings(STMT(stmt));
}

/* ---- parameters ------------------------------------------------------------------------------------- */

static jint bindNull(JNIEnv *env, jclass c, jlong stmt, jint i) {
    (void)env, (void)c;
    return sqlite3_bind_null(STMT(stmt), i);
}

static jint bindLong(JNIEnv *env, jclass c, jlong stmt, jint i, jlong value) {
    (void)env, (void)c;
    return sqlite3_bind_int64(STMT(stmt), i, value);
}

static jint bindDouble(JNIEnv *env, jclass c, jlong stmt, jint i, jdouble value) {
    (void)env, (void)c;
    return sqlite3_bind_double(STMT(stmt), i, value);
}

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
    char space[1024];
    if ((size_t)n <= sizeof space) {
        (*env)->GetByteArrayRegion(env, from, start, n, (jbyte *)space);
        return bind_bytes(stmt, i, space, n, SQLITE_TRANSIENT, text);
    }
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

static jint parameterCount(JNIEnv *env, jclass c, jlong stmt) {
    (void)env, (void)c;
    return sqlite3_bind_parameter_count(STMT(stmt));
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

/* ---- table ----------------------------------------------------------------------------------------- */

static const JNINativeMethod methods[] = {
    MV_NATIVE(finalizeStatement, "(J)V"),
    MV_NATIVE(address, "(Ljava/nio/ByteBuffer;)J"),
    MV_NATIVE(step, "(JZJI)I"),
    MV_NATIVE_AS(row, put_row_again, "(JJI)V"),
    MV_NATIVE(reset, "(J)V"),
    MV_NATIVE(clearBindings, "(J)V"),
    MV_NATIVE(bindNull, "(JI)I"),
    MV_NATIVE(bindLong, "(JIJ)I"),
    MV_NATIVE(bindDouble, "(JID)I"),
    MV_NATIVE(bindText, "(JI[B)I"),
    MV_NATIVE(bindBlob, "(JI[BII)I"),
    MV_NATIVE(bindBlobDirect, "(JILjava/nio/ByteBuffer;II)I"),
    MV_NATIVE(parameterCount, "(J)I"),
    MV_NATIVE(parameterName, "(JI)[B"),
    MV_NATIVE(columnCount, "(J)I"),
    MV_NATIVE(columnName, "(JI)[B"),
    MV_NATIVE(columnLong, "(JI[I)J"),
    MV_NATIVE(columnDouble, "(JI[I)D"),
    MV_NATIVE(columnText, "(JI[I)[B"),
    MV_NATIVE(columnBlob, "(JI[I)[B"),
};

const mv_natives mv_statement_natives = { methods, sizeof methods / sizeof *methods };
