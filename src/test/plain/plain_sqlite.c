/*
 * SQLite without anything of ours, as a shared library: the same amalgamation, with the same options as far as SQL can
 * see them. differential_test loads it and compares our engine and VFS with it.
 */
#include "engine/sql_options.h"

#include "sqlite3.c"
