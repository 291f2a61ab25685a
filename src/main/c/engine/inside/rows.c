/* See rows.h. A part of sqlite.c, where it sees SQLite's inside: its interface takes some ten nanoseconds a value, which is half of what a row costs. */
#include "engine/inside/parts.h"
#include "engine/rows.h"
#include "store/store.h"

static size_t rows_values_at(int count) {
    return MV_ROWS_HEAD + (((size_t)count + 7) & ~(size_t)7);
}

/* ---- parameters ------------------------------------------------------------------------------------- */

static int bind_bytes(Vdbe *v, int i, int type, const char *bytes, int n, bool stay) {
    sqlite3 *db = v->db;
    bool text = type == SQLITE_TEXT;
    if (n > db->aLimit[SQLITE_LIMIT_LENGTH]) {
        sqlite3ErrorWithMsg(db, SQLITE_TOOBIG, "parameter %d has %d bytes, and the limit is %d", i + 1, n, db->aLimit[SQLITE_LIMIT_LENGTH]);
        return SQLITE_TOOBIG;
    }
    if (!stay || (text && ENC(db) != SQLITE_UTF8)) {
        sqlite3_stmt *stmt = (sqlite3_stmt *)v;
        return text ? sqlite3_bind_text64(stmt, i + 1, bytes, (sqlite3_uint64)n, SQLITE_TRANSIENT, SQLITE_UTF8)
                    : sqlite3_bind_blob64(stmt, i + 1, bytes, (sqlite3_uint64)n, SQLITE_TRANSIENT);
    }
    Mem *value = &v->aVar[i]; /* as SQLITE_STATIC */
    value->z = (char *)bytes;
    value->n = n;
    value->flags = MEM_Static | (text ? MEM_Str : MEM_Blob);
    value->enc = SQLITE_UTF8;
    return SQLITE_OK;
}

/* Sets the parameters of a statement that is at its start to those that begin there. stay: their bytes do as long as it runs. */
static int bind_row(Vdbe *v, const char *parameters, size_t size, size_t at, bool stay) {
    size_t values = at + rows_values_at(v->nVar);
    if (at > size || values > size || (size - values) / 8 < (size_t)v->nVar) return SQLITE_MISUSE;
    for (int i = 0; i < v->nVar; i++) {
        int type = parameters[at + MV_ROWS_HEAD + (size_t)i], rc;
        const char *value = parameters + values + 8 * (size_t)i;
        int32_t place[2];
        if (type == MV_ROWS_LEAVE) continue;
        if ((rc = vdbeUnbind(v, (unsigned)i)) != SQLITE_OK) return rc;
        sqlite3_mutex_leave(v->db->mutex); /* which it has left to us: there is none, see amalgamation.h */
        Mem *mem = &v->aVar[i];
        switch (type) {
        case SQLITE_INTEGER:
            memcpy(&mem->u.i, value, sizeof mem->u.i);
            mem->flags = MEM_Int;
            break;
        case SQLITE_FLOAT: {
            double real;
            memcpy(&real, value, sizeof real);
            sqlite3VdbeMemSetDouble(mem, real);
            break;
        }
        case SQLITE_NULL: break;
        case SQLITE_TEXT:
        case SQLITE_BLOB:
            memcpy(place, value, sizeof place);
            if (place[0] < 0 || place[1] < 0 || (size_t)place[0] > size || (size_t)place[1] > size - (size_t)place[0]) return SQLITE_MISUSE;
            rc = bind_bytes(v, i, type, parameters + place[0], place[1], stay);
            if (rc != SQLITE_OK) return rc;
            break;
        default: return SQLITE_MISUSE;
        }
    }
    return SQLITE_OK;
}

/* Of parameters whose bytes were to stay as long as the statement ran, none may point to them any more: they are NULL. */
static void drop_parameters(Vdbe *v, const char *parameters, size_t size) {
    for (int i = 0; i < v->nVar; i++) {
        Mem *value = &v->aVar[i];
        bool theirs = (value->flags & MEM_Static) && (value->flags & (MEM_Str | MEM_Blob)) && value->z >= parameters && value->z <= parameters + size;
        if (theirs) value->flags = MEM_Null;
    }
}

const void *mv_rows_bound(sqlite3_stmt *stmt, int i, int *n) {
    Vdbe *v = (Vdbe *)stmt;
    Mem *value = &v->aVar[i - 1];
    if (!(value->flags & (MEM_Str | MEM_Blob)) || ExpandBlob(value) != SQLITE_OK) return NULL;
    const void *bytes = value->flags & MEM_Str ? (const void *)sqlite3_value_text(value) : value->z;
    *n = value->n;
    return bytes;
}

/* Those parameters are to stay, though their bytes will not. SQLITE_NOMEM: some are NULL. */
static int keep_parameters(Vdbe *v, const char *parameters, size_t size) {
    int rc = SQLITE_OK;
    for (int i = 0; i < v->nVar && rc == SQLITE_OK; i++) {
        Mem *value = &v->aVar[i];
        if ((value->flags & MEM_Static) && (value->flags & (MEM_Str | MEM_Blob))) rc = sqlite3VdbeMemMakeWriteable(value);
    }
    if (rc != SQLITE_OK) drop_parameters(v, parameters, size);
    return rc;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static int type_of(const Mem *value) {
    if (value->flags & MEM_Null) return SQLITE_NULL;
    if (value->flags & MEM_Int) return SQLITE_INTEGER;
    if (value->flags & (MEM_Real | MEM_IntReal)) return SQLITE_FLOAT;
    return value->flags & MEM_Str ? SQLITE_TEXT : SQLITE_BLOB;
}

/* Bytes of a text in UTF-8 or of a blob, whose zeros may stand behind the n bytes; NULL: no memory to convert them. */
static const char *bytes_of(sqlite3_stmt *stmt, int i, Mem *value, int type, int *n, int *zeros) {
    *zeros = value->flags & MEM_Zero ? value->u.nZero : 0;
    *n = value->n;
    if (type == SQLITE_BLOB || value->enc == SQLITE_UTF8) return value->z ? value->z : "";
    const char *text = (const char *)sqlite3_column_text(stmt, i);
    *n = sqlite3_column_bytes(stmt, i);
    return text;
}

enum put { PUT, PUT_PART, NO_ROOM };

/* Puts the row that the statement is on behind the others. PUT_PART: some bytes are elsewhere. */
static enum put put_row(Vdbe *v, mv_fetch *f) {
    int columns = v->nResColumn;
    char *row = f->memory + f->used, *types = row + MV_ROWS_HEAD;
    size_t room = f->room - f->used, values = rows_values_at(columns), end = values + 8 * (size_t)columns;
    bool must = f->rows == 0 && f->room >= MV_ROWS_MEMORY; /* there will not be more room */
    enum put result = PUT;
    if (end > room) {
        if (f->rows == 0) f->used = end + MV_ROWS_MEMORY;
        return NO_ROOM;
    }
    for (int i = 0; i < columns; i++) {
        Mem *mem = &v->pResultRow[i];
        int type = type_of(mem), n, zeros;
        char *value = row + values + 8 * (size_t)i;
        types[i] = (char)type;
        switch (type) {
        case SQLITE_INTEGER: memcpy(value, &mem->u.i, 8); break;
        case SQLITE_FLOAT: {
            double real = mem->flags & MEM_Real ? mem->u.r : (double)mem->u.i;
            memcpy(value, &real, 8);
            break;
        }
        case SQLITE_NULL: break;
        default: {
            const char *bytes = bytes_of((sqlite3_stmt *)v, i, mem, type, &n, &zeros);
            int32_t place[2] = {(int32_t)end, MV_ROWS_ELSEWHERE};
            bool is_short = bytes && n <= MV_ROWS_MAX_VALUE && zeros <= MV_ROWS_MAX_VALUE - n;
            if (is_short && (size_t)(n + zeros) > room - end) {
                if (!must) {
                    if (f->rows == 0) f->used = MV_ROWS_MEMORY;
                    return NO_ROOM;
                }
                is_short = false;
            }
            if (is_short) {
                memcpy(row + end, bytes, (size_t)n);
                if (zeros) memset(row + end + n, 0, (size_t)zeros);
                place[1] = n + zeros;
                end += (size_t)place[1];
            } else {
                result = PUT_PART;
            }
            memcpy(value, place, sizeof place);
        }
        }
    }
    end = MIN((end + 7) & ~(size_t)7, room);
    const int32_t head[] = {(int32_t)end, columns};
    memcpy(row, head, sizeof head);
    f->used += end;
    f->rows++;
    return result;
}

/* Whether nothing comes behind the row that the statement is on, if that can be seen from what is left of its program: then its next step is its last, and short. */
static bool at_end(const Vdbe *v) {
    if (v->pFrame || v->explain) return false; /* EXPLAIN counts rows, not steps, and these of all programs together */
    const Op *op = v->aOp + v->pc;
    for (int i = 0; i < 8; i++) {
        switch (op->opcode) {
        case OP_Halt: return op->p1 == SQLITE_OK;
        case OP_Goto: op = v->aOp + op->p2; break;
        case OP_DecrJumpZero: /* LIMIT */
            if (v->aMem[op->p1].u.i != 1) return false;
            op = v->aOp + op->p2;
            break;
        default: return false;
        }
    }
    return false;
}

/* The first step may have to compile the statement again, for which it gets more of the stack at a second try; that has changed nothing. */
static int first_step(sqlite3_stmt *stmt, mv_limits *limits) {
    sqlite3 *db = sqlite3_db_handle(stmt);
    u8 autocommit = db->autoCommit;
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE && autocommit == db->autoCommit && mv_engine_again(db, limits)) {
        rc = sqlite3_step(stmt);
        mv_engine_tried(db, limits, rc);
    }
    return rc;
}

/* first: nothing has come of it since it was started, so that it may wait for another writer outside (engine.h). */
static int step(sqlite3_stmt *stmt, mv_limits *limits, bool first, bool waited) {
    sqlite3 *db = sqlite3_db_handle(stmt);
    if (first || waited) mv_engine_wait_outside(db, waited ? MV_WAIT_OUTSIDE_AGAIN : MV_WAIT_OUTSIDE);
    int rc = ((Vdbe *)stmt)->eVdbeState == VDBE_RUN_STATE ? sqlite3_step(stmt) : first_step(stmt, limits);
    if (first || waited) mv_engine_wait_outside(db, MV_SLEEP_HERE);
    return rc;
}

int mv_rows_first_step(sqlite3_stmt *stmt, bool waited) {
    sqlite3 *db = sqlite3_db_handle(stmt);
    mv_engine_wait_outside(db, waited ? MV_WAIT_OUTSIDE_AGAIN : MV_WAIT_OUTSIDE);
    int rc = sqlite3_step(stmt);
    mv_engine_wait_outside(db, MV_SLEEP_HERE);
    return rc;
}

int mv_rows_interrupt(sqlite3_stmt *stmt) {
    Vdbe *v = (Vdbe *)stmt;
    mv_limits limits;
    int rc = mv_engine_enter(v->db, &limits);
    if (rc == SQLITE_OK && v->eVdbeState == VDBE_RUN_STATE) { /* most: SQLite goes on where it was refused, and rolls back what an interrupt does */
        sqlite3_interrupt(v->db);
        rc = sqlite3_step(stmt);
        mv_engine_decline(v->db);
    } else if (rc == SQLITE_OK) { /* VACUUM: it has ended, and would begin anew */
        rc = SQLITE_INTERRUPT;
        sqlite3Error(v->db, rc);
    }
    return mv_engine_leave(v->db, &limits, rc);
}

/*
 * How long a call that brings several rows may take, if its rows can be told apart from the clock: beyond that a call brings one. The clock is looked at after
 * the first row, then after as many as there are, or after some work of SQLite's machine.
 */
#define LONG_CALL_USEC 1000
#define MOST_ROWS_UNSEEN 16
#define MOST_STEPS_UNSEEN 2000 /* some 20 us */

typedef struct pace {
    const Vdbe *v;
    int64_t began; /* 0: nothing is watched */
    int rows;      /* at which it is looked at next, unless there are so many steps before */
    u32 steps;
} pace;

static u32 steps_of(const Vdbe *v) {
    assert(v->aCounter[SQLITE_STMTSTATUS_VM_STEP] == (u32)sqlite3_stmt_status((sqlite3_stmt *)v, SQLITE_STMTSTATUS_VM_STEP, 0));
    return v->aCounter[SQLITE_STMTSTATUS_VM_STEP];
}

static pace start_pace(const Vdbe *v, bool on) {
    return (pace){.v = v, .began = on ? mv_now_usec() : 0, .rows = 1, .steps = steps_of(v)};
}

/* Whether one more row, should it take as long as these did, would make the call a long one. */
static bool is_long_with_next(pace *w, int rows) {
    if (!w->began || (rows < w->rows && steps_of(w->v) - w->steps < MOST_STEPS_UNSEEN)) return false;
    int64_t used = mv_now_usec() - w->began;
    w->rows = rows + MIN(rows, MOST_ROWS_UNSEEN);
    w->steps = steps_of(w->v);
    return used + used / rows > LONG_CALL_USEC;
}

/* As far as there is room, and rows were asked for, and time. */
static int fetch_rows(sqlite3_stmt *stmt, mv_fetch *f, mv_limits *limits) {
    Vdbe *v = (Vdbe *)stmt;
    int most = f->ahead && !v->readOnly ? INT32_MAX : f->most;
    if (f->pending && !v->pResultRow) return SQLITE_MISUSE; /* it was reset, or run by another thread */
    pace w = start_pace(v, most > 1 && v->readOnly);
    int rc = f->pending ? SQLITE_ROW : step(stmt, limits, f->start, f->waited);
    while (rc == SQLITE_ROW) {
        assert(!v->bIsReader || v->db->nVdbeRead > 0);
        enum put put = put_row(v, f);
        if (put == NO_ROOM) return MV_ROWS_PENDING;
        if (put == PUT_PART || ((f->rows >= most || is_long_with_next(&w, f->rows)) && !(f->ahead && at_end(v)))) return SQLITE_ROW;
        if (!f->held && v->readOnly && v->bIsReader) f->held = mv_engine_hold_rows(v->db); /* the next step may end it; what RETURNING gives reads nothing */
        rc = sqlite3_step(stmt);
    }
    return rc;
}

static int run_to_end(sqlite3_stmt *stmt, mv_limits *limits, bool waited) {
    int rc = step(stmt, limits, true, waited);
    while (rc == SQLITE_ROW) rc = sqlite3_step(stmt);
    return rc;
}

/* Rows that a statement has changed since there were so many in all: what the connection counts may be those of an earlier one. */
static i64 changed_since(sqlite3 *db, i64 before) {
    return db->nTotalChange == before ? 0 : db->nChange;
}

static int start(Vdbe *v, const char *parameters, size_t size, size_t at, bool stay) {
    if (v->eVdbeState != VDBE_READY_STATE) mv_engine_end((sqlite3_stmt *)v, sqlite3_reset); /* its code is that of the last step */
    return parameters ? bind_row(v, parameters, size, at, stay) : SQLITE_OK;
}

/* What becomes of MV_ENGINE_WAIT where the parameters' bytes go with the call. */
static int wait_with(Vdbe *v, const char *parameters, size_t size) {
    int rc = keep_parameters(v, parameters, size);
    if (rc == SQLITE_OK) return MV_ENGINE_WAIT;
    mv_waiter_end(mv_engine_take_waiter(v->db), false);
    sqlite3OomClear(v->db);
    sqlite3Error(v->db, rc);
    return rc;
}

int mv_rows_fetch(sqlite3_stmt *stmt, mv_fetch *f) {
    Vdbe *v = (Vdbe *)stmt;
    sqlite3 *db = v->db;
    i64 before = db->nTotalChange;
    if (f->in_body && db->autoCommit) return MV_ROWS_BODY_ENDED;
    bool stay = !f->memory; /* else it may go on after this call */
    int rc = f->start ? start(v, f->parameters, f->parameters_size, 0, stay) : SQLITE_OK;
    if (rc != SQLITE_OK) {
        if (stay) drop_parameters(v, f->parameters, f->parameters_size);
        return rc;
    }
    mv_limits limits;
    rc = mv_engine_enter(db, &limits);
    if (rc == SQLITE_OK) rc = f->memory ? fetch_rows(stmt, f, &limits) : run_to_end(stmt, &limits, f->waited);
    if ((rc & 0xff) == SQLITE_INTERRUPT) f->rows = 0;
    if (f->held && (f->rows == 0 || rc == SQLITE_ROW || rc == MV_ROWS_PENDING)) { /* the statement holds the version itself, or nobody needs it */
        f->held = false;
        mv_engine_release_rows(db);
    }
    rc = mv_engine_leave(db, &limits, rc);
    f->changed = changed_since(db, before);
    if (rc == MV_ENGINE_WAIT && stay) rc = wait_with(v, f->parameters, f->parameters_size);
    else if (stay) drop_parameters(v, f->parameters, f->parameters_size);
    return rc;
}

static bool is_interrupted(sqlite3 *db, mv_timer *timer) {
    return sqlite3_is_interrupted(db) || (timer && mv_engine_thread_was_interrupted(timer));
}

int mv_rows_batch(sqlite3_stmt *stmt, const char *parameters, size_t size, mv_batch *batch) {
    Vdbe *v = (Vdbe *)stmt;
    sqlite3 *db = v->db;
    mv_limits limits;
    int rc = mv_engine_enter(db, &limits);
    while (rc == SQLITE_OK && batch->at < size) {
        int32_t next;
        size_t at = batch->at;
        bool waited = batch->waited;
        i64 before = db->nTotalChange;
        batch->waited = false;
        if (size - at < sizeof next) rc = SQLITE_MISUSE;
        else if (batch->in_body && db->autoCommit) rc = MV_ROWS_BODY_ENDED;
        else if (batch->done && is_interrupted(db, batch->timer)) rc = SQLITE_INTERRUPT; /* which the next step would forget */
        else if (!waited) rc = start(v, parameters, size, at, true);
        if (rc != SQLITE_OK) break;
        if (batch->timer) mv_engine_start_timer(batch->timer, stmt, waited ? batch->left : batch->usec);
        rc = run_to_end(stmt, &limits, waited);
        if (rc != SQLITE_DONE) break;
        batch->changed += changed_since(db, before);
        batch->done++;
        memcpy(&next, parameters + at, sizeof next);
        rc = next > 0 && (size_t)next > at ? SQLITE_OK : SQLITE_MISUSE;
        batch->at = (size_t)next;
    }
    rc = mv_engine_leave(db, &limits, rc);
    if (rc == MV_ENGINE_WAIT) {
        batch->waited = true;
        batch->left = batch->timer ? mv_engine_time_left(batch->timer) : 0;
        return wait_with(v, parameters, size);
    }
    if (v->eVdbeState != VDBE_READY_STATE && rc == SQLITE_OK) mv_engine_end(stmt, sqlite3_reset);
    drop_parameters(v, parameters, size);
    return rc;
}

/* ---- conversions ------------------------------------------------------------------------------------ */

static u8 encoding_of(const sqlite3 *db, int type) {
    return type == SQLITE_BLOB ? ENC(db) : SQLITE_UTF8;
}

int64_t mv_rows_integer(sqlite3 *db, int type, const char *bytes, int n) {
    i64 value = 0;
    sqlite3Atoi64(bytes, &value, n, encoding_of(db, type));
    return value;
}

double mv_rows_real(sqlite3 *db, int type, const char *bytes, int n) {
    u8 encoding = encoding_of(db, type);
    bool wide = encoding != SQLITE_UTF8;
    char text[MV_ROWS_MAX_VALUE + 1];
    double value = 0;
    int length = 0;
    if (wide) n &= ~1;
    for (int i = encoding == SQLITE_UTF16BE; i < n && !(wide && bytes[i ^ 1]); i += wide ? 2 : 1) text[length++] = bytes[i]; /* no ASCII: no number */
    text[length] = 0;
    sqlite3AtoF(text, &value);
    return value;
}

int mv_rows_real_text(sqlite3 *db, double value, char *to) {
    Mem mem = {.db = db, .flags = MEM_Real, .u.r = value};
    vdbeMemRenderNum(MV_ROWS_REAL_TEXT, to, &mem);
    return mem.n;
}
