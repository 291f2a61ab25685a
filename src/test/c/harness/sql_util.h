/* What the programs that test with SQL share. What fails ends the program. See check.h. */
#ifndef MV_SQL_UTIL_H
#define MV_SQL_UTIL_H

#include "check.h"
#include "sqlite3.h"

__attribute__((unused)) static void run(sqlite3 *db, const char *sql) {
    REQUIRE_EQ(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

__attribute__((unused)) static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *stmt = NULL;
    REQUIRE_EQ(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    return stmt;
}

#endif
