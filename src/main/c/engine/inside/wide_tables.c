/* See wide_tables.h. A part of sqlite.c, where it sees SQLite's inside. */
#include "engine/inside/parts.h"

static int mv_process_join(Parse *parse, Select *select) {
    int failed = sqlite3_process_join(parse, select);
    return failed || parse->nErr;
}

/* Uses of FKey: nCol. It has a term for each column, and they are one chain. */
static Trigger *mv_fk_action_trigger(Parse *parse, Table *table, FKey *key, ExprList *changes) {
    if (sqlite3ExprCheckHeight(parse, key->nCol) != SQLITE_OK) return NULL;
    return fk_action_trigger(parse, table, key, changes);
}
