/* What sqlite.c adds to SQLite's own interface, for connections of the SQLite of this library only. */
#ifndef MV_ENGINE_H
#define MV_ENGINE_H

#include "sqlite3.h"

/* The content of a connection's database was replaced, and its text encoding may be another one, which SQLite otherwise reads once in
 * the life of a connection. Has no effect unless this is the connection's only database, since all of a connection have
 * the same: SQLite then answers with an error until the connection is opened anew. Called by whoever uses the
 * connection, before the schema is read. */
void mv_engine_content_replaced(sqlite3 *db, sqlite3_file *file);

/* For content that may be hostile: SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_TRUSTED_SCHEMA off, and PRAGMA cell_size_check, which
 * has no other interface than SQL. For a connection that has no statement yet. */
void mv_engine_harden(sqlite3 *db);

#endif
