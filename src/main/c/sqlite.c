/*
 * SQLite itself: the amalgamation as it is, with the options for an engine that keeps everything in memory, is used by
 * many threads, and lives inside a JVM beside any number of other SQLites.
 *
 * The options are here and not on the compiler's command line because they are SQLite's alone. No other file of ours
 * may depend on one of them: what sqlite3.h declares is the same with and without.
 */

/* Symbols: no other SQLite in the process may meet ours. Once more what -fvisibility=hidden says, in case a build drops it. */
#if defined(__GNUC__) && !defined(_WIN32)
#define SQLITE_API __attribute__((visibility("hidden")))
#endif

/* Threads and memory. */
#define SQLITE_THREADSAFE 2                     /* each connection is used under its own Java lock: a mutex in it would be a second one */
#define SQLITE_DEFAULT_MEMSTATUS 0              /* counting takes a process-wide mutex in every malloc, and nobody asks for the count */
#define SQLITE_TEMP_STORE 3                     /* temporary tables are in memory, whatever PRAGMA temp_store says; sorters: see sorter.h */
/* Not SQLITE_USE_ALLOCA: balancing 64 KiB pages would take 450 KB of stack, which a Java thread need not have. */

static int mv_engine_json_depth(void);
#define SQLITE_JSON_MAX_DEPTH mv_engine_json_depth() /* 1000, as by default, unless the calling thread's stack ends before: engine.inc */

/* Pages and commits. */
#define SQLITE_MAX_MMAP_SIZE 0x400000000000     /* 2^46: the pager reads pages in place (xFetch) for a database of any size */
#define SQLITE_DEFAULT_MMAP_SIZE 0x400000000000 /* and does so without a PRAGMA mmap_size on each connection */
#define SQLITE_DEFAULT_CACHE_SIZE (-4000)       /* KiB. Pages are read in place, so only changed ones need a cache. It is smaller where others change the
                                                   database, too, and empty it each time: see CALM in vfs.c */
#define SQLITE_ENABLE_ATOMIC_WRITE 1            /* a commit of one page writes the change counter without a journal for it: see ATOMIC_PAGES in vfs.c */
#define SQLITE_DEFAULT_SYNCHRONOUS 0            /* nothing to sync: memory is as safe before as after */
#define SQLITE_DEFAULT_WAL_SYNCHRONOUS 0        /* the same when somebody asks for WAL */
#define SQLITE_EXPERIMENTAL_PRAGMA_20251114 1   /* the VFS hears that a write follows before it is asked for SHARED: no needless SQLITE_BUSY */

/*
 * SQL: what runs on a file with sqlite-jdbc, or with the sqlite3 shell, runs here, and has the same rows. docs/compatibility.md lists the differences
 * that are left, and CompatibilityTest checks that there are no others.
 *
 * Not SQLITE_DQS=0: schemas have strings in double quotes. OpenOptions.doubleQuotedStrings(false) refuses them for a connection.
 * Not SQLITE_LIKE_DOESNT_MATCH_BLOBS: by default LIKE reads a blob as text.
 */
#define SQLITE_MAX_LENGTH 2147483647            /* bytes of a value or a row: as sqlite-jdbc, 1e9 by default */
#define SQLITE_MAX_SQL_LENGTH 1073741824        /* bytes of a statement: as sqlite-jdbc, 1e9 by default */
#define SQLITE_MAX_COLUMN 32767                 /* as sqlite-jdbc, and the largest value there is; 2000 by default */
#define SQLITE_MAX_VARIABLE_NUMBER 250000       /* as sqlite-jdbc, and as Debian's shell; 32766 by default */
#define SQLITE_MAX_ATTACHED 125                 /* as sqlite-jdbc, and the largest value there is; 10 by default */
#define SQLITE_ENABLE_UPDATE_DELETE_LIMIT       /* UPDATE and DELETE with ORDER BY and LIMIT, as both have it */
#define SQLITE_SOUNDEX                          /* soundex(), as Debian's shell has it */
#define SQLITE_STRICT_SUBTYPE 1                 /* a function that gives a subtype without having said so is an error: JSON stays exact */
#define SQLITE_USE_URI 0                        /* a name is a name; open passes SQLITE_OPEN_URI where it means a URI */
#define SQLITE_MAX_SCHEMA_RETRY 1000            /* compile a statement again when the schema has changed, 50 times by default: content may be replaced fast */

/* What a database from elsewhere may need. */
#define SQLITE_ENABLE_FTS5                      /* full text search */
#define SQLITE_ENABLE_FTS4                      /* its forerunners, which Android's databases use: without it their tables cannot be read */
#define SQLITE_ENABLE_FTS3_PARENTHESIS          /* AND, NOT and parentheses in their queries, as Android has it */
#define SQLITE_ENABLE_RTREE                     /* R*Tree indexes */
#define SQLITE_ENABLE_GEOPOLY                   /* polygons on them */
#define SQLITE_ENABLE_MATH_FUNCTIONS            /* sin, log, pow and so on */
#define SQLITE_ENABLE_PERCENTILE                /* median and percentile */
#define SQLITE_ENABLE_STAT4 1                   /* better plans from ANALYZE, and the sqlite_stat4 of files that bring one is used */
#define SQLITE_ENABLE_DBSTAT_VTAB               /* how much room each table takes */
#define SQLITE_ENABLE_PREUPDATE_HOOK            /* what sessions are made from */
#define SQLITE_ENABLE_SESSION                   /* changesets */
/* Not SQLITE_ENABLE_COLUMN_METADATA: only C functions that no Java method calls. JSON, serialize and WAL are on by default and stay. */

/* What nobody can reach from Java. */
#define SQLITE_OMIT_SHARED_CACHE                /* the VFS shares pages between connections already */
#define SQLITE_OMIT_LOAD_EXTENSION              /* SQL must not be able to load machine code */
/* Not SQLITE_OMIT_DEPRECATED: PRAGMA default_cache_size would go with it.
   Not SQLITE_UNTESTABLE: the native tests inject faults through sqlite3_test_control.
   Not SQLITE_OMIT_AUTOINIT: whichever of Java and a foreign host comes first starts the engine, once. */

/* What the C library has, as SQLite's configure script would find. */
#define HAVE_ISNAN 1                            /* C99 */
#ifndef _WIN32
#define HAVE_NANOSLEEP 1                        /* the busy handler's sleeps are not rounded up to seconds */
#define HAVE_LOCALTIME_R 1                      /* 'localtime' without a lock of its own, and safe beside other threads' calls */
#endif
#ifdef __linux__
#define HAVE_STRCHRNUL 1                        /* faster printf; glibc, musl and Android have it */
#endif

/* The stack. */
#define SQLITE_EXTRA_INIT_MUTEXED mv_engine_watch_memory /* called while SQLite is initialized: engine.inc */

#include "dirty_pages.h"
#include "memory_journal.h"
#include "sorter.h"
#include "wide_tables.h"

#include "sqlite3.c"

/* What follows reads and writes SQLite's private structures, and what it assumes of them was tried with these versions only. */
#if SQLITE_VERSION_NUMBER != 3054001 && !defined(MV_ANY_SQLITE)
#error "This version of SQLite was not tried. To try it define MV_ANY_SQLITE (mvn \"-Dnative.options=-O2 -DMV_ANY_SQLITE\", cmake -DSQLITEMEMVFS_ANY_SQLITE=ON), run .ci/run, and name the version here"
#endif
#ifndef SQLITE_EXPERIMENTAL_PRAGMA_20251114
#error "The VFS must hear that a write follows: see write_follows in vfs.c"
#endif

/* What we add, and what sees SQLite's inside. */
#include "engine.inc"
#include "pages.inc"
#include "rows.inc"
#include "sorter.inc"
#include "dirty_pages.inc"
#include "memory_journal.inc"
#include "wide_tables.inc"
