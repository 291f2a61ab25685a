/* What sqlite.c adds to SQLite's own interface, for connections of the SQLite of this library only. */
#ifndef MV_ENGINE_H
#define MV_ENGINE_H

#include "sqlite3.h"

/* The content of a connection's database was replaced, and its text encoding may be another one, which SQLite otherwise reads once in
 * the life of a connection. Has no effect unless this is the connection's only database, since all of a connection have
 * the same: SQLite then answers with an error until the connection is opened anew. Called by whoever uses the
 * connection, before the schema is read. */
void mv_engine_content_replaced(sqlite3 *db, sqlite3_file *file);

/* What PRAGMA busy_timeout of the connection says, in milliseconds; 0 or less if it has none, or a busy handler of its own. Called by whoever
 * uses the connection. */
int mv_engine_busy_timeout(sqlite3 *db);
/* How often the busy handler was called since the statement that runs began. */
int mv_engine_busy_count(sqlite3 *db);

#endif
