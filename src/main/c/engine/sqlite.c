/*
 * SQLite itself, and our parts of it. A part sees SQLite's private structures, so it is compiled with SQLite: it is
 * included here. inside/amalgamation.h has SQLite's options, inside/sqlite_inside.h lists what the parts use of
 * SQLite's inside.
 */
#include "engine/inside/amalgamation.h"

#include "engine/inside/own_sqlite.c"
#include "engine/inside/stack.c"
#include "engine/inside/held_rows.c"
#include "engine/inside/waiting.c"
#include "engine/inside/connection.c"
#include "engine/inside/timer.c"
#include "engine/inside/pages.c"
#include "engine/inside/rows.c"
#include "engine/inside/sorter.c"
#include "engine/inside/dirty_pages.c"
#include "engine/inside/memory_journal.c"
#include "engine/inside/wide_tables.c"
