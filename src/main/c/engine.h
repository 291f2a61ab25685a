/* What sqlite.c adds to SQLite's own interface, for connections of the SQLite of this library only. */
#ifndef MV_ENGINE_H
#define MV_ENGINE_H

#include "sqlite3.h"

/* The content of one of the connection's databases was replaced: its text encoding may be another one, which SQLite
 * otherwise reads once in the life of a connection. Called by whoever uses the connection, before the schema is read. */
void mv_engine_content_replaced(sqlite3 *db);

#endif
