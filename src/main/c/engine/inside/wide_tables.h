/*
 * Expressions that SQLite makes of all columns of a table. Included by amalgamation.h before SQLite.
 *
 * SQLite notes that an expression is deeper than SQLITE_LIMIT_EXPR_DEPTH as an error of the statement, and goes on. In two places it then recurses into
 * the expression before it looks for the error: where a join by USING or NATURAL is expanded (sqlite3ProcessJoin), and where the action of a foreign key
 * is made (fkActionTrigger). With thousands of columns, or of names after USING, that overflows the stack of a thread. So the first is given up as
 * soon as there is an error, and the second is refused beforehand. The limit is never higher than what the stack holds: mv_engine_enter.
 *
 * Each of the two functions has one caller. The macros make that call one of ours, as in sorter.h: in a SQLite that writes it in another way this
 * does not compile.
 */
#ifndef MV_WIDE_TABLES_H
#define MV_WIDE_TABLES_H

struct ExprList;
struct FKey;
struct Parse;
struct Select;
struct Table;
struct Trigger;

static int mv_process_join(struct Parse *parse, struct Select *select); /* wide_tables.c */
static struct Trigger *mv_fk_action_trigger(struct Parse *parse, struct Table *table, struct FKey *key, struct ExprList *changes);

#define sqlite3ProcessJoin(parse, select) MV_PROCESS_JOIN_##parse, select)
#define MV_PROCESS_JOIN_Parse sqlite3_process_join(Parse
#define MV_PROCESS_JOIN_pParse mv_process_join(pParse

#define fkActionTrigger(parse, table, key, changes) MV_FK_ACTION_##parse, table, key, changes)
#define MV_FK_ACTION_Parse fk_action_trigger(Parse
#define MV_FK_ACTION_pParse mv_fk_action_trigger(pParse

#endif
