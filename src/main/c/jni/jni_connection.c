/*
 * Natives for connections. See jni_util.h. Their Java half: ConnectionHandle.java, and ThreadInterrupts.java for the
 * timer.
 */
#include "engine/engine.h"
#include "jni/jni_util.h"
#include "engine/rows.h"
#include "vfs/vfs.h"

#include "sqlite3.h"

#include <string.h>

#define DB(handle) MV_POINTER(sqlite3, handle)
#define TIMER(handle) MV_POINTER(mv_timer, handle)

/* Codes of Native.prepare and Native.execute beside SQLite's. */
#define NO_STATEMENT (-1)
#define MORE_STATEMENTS (-2)
#define BODY_ENDED (-3)
#define PARAMETERS (-4)

/* ---- connection ------------------------------------------------------------------------------------- */

static jint open_connection(JNIEnv *env, jclass c, jbyteArray uri, jbyteArray vfs, jint flags, jlongArray out) {
    (void)c;
    mv_text name, vfs_name;
    mv_text_get(env, uri, &name);
    mv_text_get(env, vfs, &vfs_name);
    sqlite3 *db = NULL;
    int rc = name.bytes && vfs_name.bytes ? sqlite3_open_v2(name.bytes, &db, flags, vfs_name.bytes) : SQLITE_NOMEM;
    mv_text_free(&name);
    mv_text_free(&vfs_name);
    if (rc == SQLITE_OK) rc = mv_engine_guard(db);
    mv_set_long(env, out, 0, MV_HANDLE(db));
    return rc;
}

static jint closeConnection(JNIEnv *env, jclass c, jlong db) {
    (void)env, (void)c;
    return sqlite3_close_v2(DB(db));
}

static void interrupt(JNIEnv *env, jclass c, jlong db) {
    (void)env, (void)c;
    sqlite3_interrupt(DB(db));
}

static jint busyTimeout(JNIEnv *env, jclass c, jlong db, jint millis) {
    (void)env, (void)c;
    return sqlite3_busy_timeout(DB(db), millis);
}

static jint getBusyTimeout(JNIEnv *env, jclass c, jlong db) {
    (void)env, (void)c;
    return mv_engine_busy_timeout(DB(db));
}

static jlong takeWaiter(JNIEnv *env, jclass c, jlong db) {
    (void)env, (void)c;
    return MV_HANDLE(mv_engine_take_waiter(DB(db)));
}

static void harden(JNIEnv *env, jclass c, jlong db) {
    (void)env, (void)c;
    mv_engine_harden(DB(db));
}

static void refuseDoubleQuotedStrings(JNIEnv *env, jclass c, jlong db) {
    (void)env, (void)c;
    sqlite3_db_config(DB(db), SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(DB(db), SQLITE_DBCONFIG_DQS_DML, 0, NULL);
}

static void limit(JNIEnv *env, jclass c, jlong db, jint id, jint value) {
    (void)env, (void)c;
    sqlite3_limit(DB(db), id, value);
}

static jlong newTimer(JNIEnv *env, jclass c, jlong db) {
    (void)env, (void)c;
    return MV_HANDLE(mv_engine_new_timer(DB(db)));
}

static void startTimer(JNIEnv *env, jclass c, jlong timer, jlong stmt, jlong usec) {
    (void)env, (void)c;
    mv_engine_start_timer(TIMER(timer), MV_POINTER(sqlite3_stmt, stmt), usec);
}

static jboolean timerExpired(JNIEnv *env, jclass c, jlong timer) {
    (void)env, (void)c;
    return mv_engine_timer_expired(TIMER(timer));
}

static jlong timeLeft(JNIEnv *env, jclass c, jlong timer) {
    (void)env, (void)c;
    return mv_engine_time_left(TIMER(timer));
}

static void setLooksLeft(JNIEnv *env, jclass c, jlong timer, jint looks) {
    (void)env, (void)c;
    mv_engine_set_looks_left(TIMER(timer), looks);
}

static jint looksLeft(JNIEnv *env, jclass c, jlong timer) {
    (void)env, (void)c;
    return mv_engine_looks_left(TIMER(timer));
}

static void interruptThread(JNIEnv *env, jclass c, jlong timer) {
    (void)env, (void)c;
    mv_engine_interrupt_thread(TIMER(timer));
}

static jobject rowsHeld(JNIEnv *env, jclass c, jlong db) {
    (void)c;
    return (*env)->NewDirectByteBuffer(env, mv_engine_rows_held(DB(db)), sizeof(int32_t));
}

static jlong changes(JNIEnv *env, jclass c, jlong db) {
    (void)env, (void)c;
    return sqlite3_changes64(DB(db));
}

static jlong totalChanges(JNIEnv *env, jclass c, jlong db) {
    (void)env, (void)c;
    return sqlite3_total_changes64(DB(db));
}

static jlong lastInsertRowId(JNIEnv *env, jclass c, jlong db) {
    (void)env, (void)c;
    return sqlite3_last_insert_rowid(DB(db));
}

static jboolean autocommit(JNIEnv *env, jclass c, jlong db) {
    (void)env, (void)c;
    return sqlite3_get_autocommit(DB(db)) != 0;
}

/* The connection's own message tells more than the code's, if it is about that code. */
static jbyteArray errorMessage(JNIEnv *env, jclass c, jlong db, jint code, jintArray out) {
    (void)c;
    const char *message = sqlite3_errstr(code);
    jint details[] = { code, -1, 0 };
    if (db && (sqlite3_extended_errcode(DB(db)) & 0xff) == (code & 0xff)) {
        message = sqlite3_errmsg(DB(db));
        details[0] = sqlite3_extended_errcode(DB(db));
        details[1] = sqlite3_error_offset(DB(db));
    }
    details[2] = (code & 0xff) == SQLITE_FULL && mv_limit_reached();
    (*env)->SetIntArrayRegion(env, out, 0, 3, details);
    return mv_new_bytes(env, message, strlen(message));
}

/* ---- SQL -------------------------------------------------------------------------------------------- */

/* Compiles the first statement of some SQL. */
static int compile(sqlite3 *db, mv_limits *limits, const char *sql, const char *end, sqlite3_stmt **stmt, const char **tail) {
    int n = (int)(end - sql) + 1; /* with the NUL: SQLite need not copy it */
    int rc = mv_engine_prepare(db, sql, n, stmt, tail);
    if (rc != SQLITE_OK && mv_engine_again(db, limits)) {
        rc = mv_engine_prepare(db, sql, n, stmt, tail);
        mv_engine_tried(db, limits, rc);
    }
    return rc;
}

/* Where the first statement begins: behind blanks, comments and semicolons. */
static char *start_of_statement(char *sql, char *end) {
    for (;;) {
        while (sql < end && strchr(" \t\r\n\f;", *sql)) sql++;
        const char *close = sql[0] == '-' && sql[1] == '-' ? "\n" : sql[0] == '/' && sql[1] == '*' ? "*/" : NULL;
        if (!close) return sql;
        sql = strstr(sql + 2, close);
        if (!sql) return end;
        sql += strlen(close);
    }
}

/* Where the first statement of some SQL ends that cannot be compiled: SQLite says only how far it came. */
static const char *end_of_statement(char *sql, char *end) {
    char *semicolon = sql;
    for (int tries = 0; tries < 100 && (semicolon = strchr(semicolon, ';')) != NULL; tries++) {
        char next = *++semicolon;
        *semicolon = 0;
        bool complete = sqlite3_complete(sql);
        *semicolon = next;
        if (complete) return semicolon;
    }
    return end;
}

/* Runs a statement of a script to its end, and adds to *changed how many rows it changed. MV_ENGINE_WAIT, or it is finalized. */
static int run_one(sqlite3 *db, sqlite3_stmt *stmt, bool in_body, bool waited, jlong *changed) {
    if (in_body && sqlite3_get_autocommit(db)) return sqlite3_finalize(stmt), BODY_ENDED;
    if (sqlite3_bind_parameter_count(stmt)) return sqlite3_finalize(stmt), PARAMETERS;
    sqlite3_int64 before = sqlite3_total_changes64(db);
    int rc = mv_rows_first_step(stmt, waited);
    if (rc == SQLITE_BUSY && mv_engine_has_waiter(db)) return rc;
    while (rc == SQLITE_ROW) rc = sqlite3_step(stmt);
    int final = sqlite3_finalize(stmt); /* the same error, if there was one */
    if (sqlite3_total_changes64(db) != before) *changed += sqlite3_changes64(db); /* else it tells of an earlier statement */
    return final ? final : rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Whether a script ends between two of its statements. */
static bool is_interrupted(sqlite3 *db, mv_timer *timer) {
    return sqlite3_is_interrupted(db) || (timer && mv_engine_look_for_interrupt(timer));
}

/* Native.execute: its state, which begins with zeros */
enum { SCRIPT_CHANGED, SCRIPT_WAITING, SCRIPT_LEFT, SCRIPT_STATE };

/* out: start, end and number of the statement that has failed or waits. Whatever the result, the
 * statement in SCRIPT_WAITING is the caller's to finalize, unless there is 0. */
static jint execute(JNIEnv *env, jclass c, jlong db, jbyteArray sql, jboolean in_body, jlong timer, jlong usec,
                    jintArray out, jlongArray state) {
    (void)c;
    jlong s[SCRIPT_STATE];
    jint place[3];
    (*env)->GetLongArrayRegion(env, state, 0, SCRIPT_STATE, s);
    (*env)->GetIntArrayRegion(env, out, 0, 3, place);
    sqlite3_stmt *stmt = MV_POINTER(sqlite3_stmt, s[SCRIPT_WAITING]);
    bool waited = stmt != NULL, ran = false;
    mv_text text;
    mv_text_get(env, sql, &text);
    if (!text.bytes) {
        mv_engine_end(stmt, sqlite3_finalize); /* else its transaction stays open, and what runs later is not committed */
        s[SCRIPT_WAITING] = 0;
        (*env)->SetLongArrayRegion(env, state, 0, SCRIPT_STATE, s);
        return SQLITE_NOMEM;
    }
    char *end = text.bytes + text.n, *start = waited ? text.bytes + place[0] : start_of_statement(text.bytes, end);
    const char *tail = waited ? text.bytes + place[1] : start;
    jint number = waited ? place[2] : 1;
    mv_limits limits;
    int rc = mv_engine_enter(DB(db), &limits);
    for (; rc == SQLITE_OK && start < end; number += rc == SQLITE_OK) {
        if (timer) mv_engine_start_timer(TIMER(timer), NULL, waited ? s[SCRIPT_LEFT] : usec);
        if (!waited && ran && is_interrupted(DB(db), TIMER(timer))) rc = SQLITE_INTERRUPT; /* compiling would forget it */
        else if (!waited) rc = compile(DB(db), &limits, start, end, &stmt, &tail);
        if (timer && rc == SQLITE_OK) mv_engine_timer_runs(TIMER(timer), stmt);
        if (rc != SQLITE_OK) tail = end_of_statement(start, end);
        else if (stmt) rc = run_one(DB(db), stmt, in_body, waited, &s[SCRIPT_CHANGED]);
        waited = false;
        ran = true;
        if (rc == SQLITE_OK) start = start_of_statement(text.bytes + (tail - text.bytes), end);
    }
    if (waited) sqlite3_finalize(stmt); /* nothing could be run */
    rc = mv_engine_leave(DB(db), &limits, rc);
    if (rc != SQLITE_OK) {
        place[0] = (jint)(start - text.bytes);
        place[1] = (jint)(tail - text.bytes);
        place[2] = number;
        (*env)->SetIntArrayRegion(env, out, 0, 3, place);
    }
    s[SCRIPT_WAITING] = rc == MV_ENGINE_WAIT ? MV_HANDLE(stmt) : 0;
    s[SCRIPT_LEFT] = rc == MV_ENGINE_WAIT && timer ? mv_engine_time_left(TIMER(timer)) : 0;
    (*env)->SetLongArrayRegion(env, state, 0, SCRIPT_STATE, s);
    mv_text_free(&text);
    return rc;
}

/* MORE_STATEMENTS unless the rest of some SQL is only blanks, comments and semicolons. Other errors: it cannot be looked at. */
static int check_rest(sqlite3 *db, const char *sql, const char *end) {
    while (sql < end) {
        while (sql < end && strchr(" \t\r\n\f;", *sql)) sql++;
        if (sql == end) break;
        sqlite3_stmt *stmt;
        int rc = sqlite3_prepare_v3(db, sql, (int)(end - sql) + 1, 0, &stmt, &sql);
        if (rc == SQLITE_OK && !stmt) continue;
        sqlite3_finalize(stmt);
        return (rc & 0xff) == SQLITE_INTERRUPT || (rc & 0xff) == SQLITE_NOMEM ? rc : MORE_STATEMENTS;
    }
    return SQLITE_OK;
}

static jlong prepare(JNIEnv *env, jclass c, jlong db, jbyteArray sql, jintArray out) {
    (void)c;
    mv_text text;
    mv_text_get(env, sql, &text);
    sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_NOMEM;
    if (text.bytes) {
        const char *start = text.bytes, *end = text.bytes + text.n;
        mv_limits limits;
        rc = mv_engine_enter(DB(db), &limits);
        if (rc == SQLITE_OK) do rc = compile(DB(db), &limits, start, end, &stmt, &start);
        while (rc == SQLITE_OK && !stmt && start < end); /* a comment or a semicolon comes first */
        if (rc == SQLITE_OK && !stmt) rc = NO_STATEMENT;
        if (rc == SQLITE_OK) rc = check_rest(DB(db), start, end);
        if (rc != SQLITE_OK) {
            sqlite3_finalize(stmt);
            stmt = NULL;
        }
        rc = mv_engine_leave(DB(db), &limits, rc);
    }
    mv_text_free(&text);
    jint results[] = { rc, sqlite3_bind_parameter_count(stmt), sqlite3_column_count(stmt), sqlite3_stmt_readonly(stmt) };
    (*env)->SetIntArrayRegion(env, out, 0, 4, results);
    return MV_HANDLE(stmt);
}

/* ---- table ----------------------------------------------------------------------------------------- */

static const JNINativeMethod methods[] = {
    MV_NATIVE_AS(open, open_connection, "([B[BI[J)I"),
    MV_NATIVE(closeConnection, "(J)I"),
    MV_NATIVE(interrupt, "(J)V"),
    MV_NATIVE(busyTimeout, "(JI)I"),
    MV_NATIVE(getBusyTimeout, "(J)I"),
    MV_NATIVE(takeWaiter, "(J)J"),
    MV_NATIVE(harden, "(J)V"),
    MV_NATIVE(refuseDoubleQuotedStrings, "(J)V"),
    MV_NATIVE(limit, "(JII)V"),
    MV_NATIVE(newTimer, "(J)J"),
    MV_NATIVE(startTimer, "(JJJ)V"),
    MV_NATIVE(timerExpired, "(J)Z"),
    MV_NATIVE(timeLeft, "(J)J"),
    MV_NATIVE(setLooksLeft, "(JI)V"),
    MV_NATIVE(looksLeft, "(J)I"),
    MV_NATIVE(interruptThread, "(J)V"),
    MV_NATIVE(rowsHeld, "(J)Ljava/nio/ByteBuffer;"),
    MV_NATIVE(changes, "(J)J"),
    MV_NATIVE(totalChanges, "(J)J"),
    MV_NATIVE(lastInsertRowId, "(J)J"),
    MV_NATIVE(autocommit, "(J)Z"),
    MV_NATIVE(errorMessage, "(JI[I)[B"),
    MV_NATIVE(execute, "(J[BZJJ[I[J)I"),
    MV_NATIVE(prepare, "(J[B[I)J"),
};

const mv_natives mv_connection_natives = { methods, sizeof methods / sizeof *methods };
