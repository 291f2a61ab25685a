/*
 * SQLite's amalgamation as it is, with the options for an engine that keeps everything in memory, is used by many
 * threads, and lives inside a JVM beside any number of other SQLites. sqlite.c is the only file that is compiled with
 * it; each part of sqlite.c includes it, too, so that an editor understands a part by itself.
 *
 * The options are here and not on the compiler's command line because they are SQLite's alone. No other file of ours
 * may depend on one of them: what sqlite3.h declares is the same with and without.
 */
#ifndef MV_AMALGAMATION_H
#define MV_AMALGAMATION_H

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
#define SQLITE_JSON_MAX_DEPTH mv_engine_json_depth() /* 1000, as by default, unless the calling thread's stack ends before: stack.c */

/* Pages and commits. */
#define SQLITE_MAX_MMAP_SIZE 0x400000000000     /* 2^46: the pager reads pages in place (xFetch) for a database of any size */
#define SQLITE_DEFAULT_MMAP_SIZE 0x400000000000 /* and does so without a PRAGMA mmap_size on each connection */
#define SQLITE_DEFAULT_CACHE_SIZE (-4000)       /* KiB. Pages are read in place, so only changed ones need a cache. It is smaller where others change the
                                                   database, too, and empty it each time: see CALM in vfs/file.c */
#define SQLITE_ENABLE_ATOMIC_WRITE 1            /* a commit of one page writes the change counter without a journal for it: see MV_ATOMIC_PAGES in vfs/answers.h */
#define SQLITE_DEFAULT_SYNCHRONOUS 0            /* nothing to sync: memory is as safe before as after */
#define SQLITE_DEFAULT_WAL_SYNCHRONOUS 0        /* the same when somebody asks for WAL */
#define SQLITE_EXPERIMENTAL_PRAGMA_20251114 1   /* the VFS hears that a write follows before it is asked for SHARED: no needless SQLITE_BUSY */

#include "engine/sql_options.h"

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
#define SQLITE_EXTRA_INIT_MUTEXED mv_engine_watch_memory /* called while SQLite is initialized: stack.c */

#include "engine/inside/dirty_pages.h"
#include "engine/inside/memory_journal.h"
#include "engine/inside/sorter.h"
#include "engine/inside/wide_tables.h"

#include "sqlite3.c"

/* What follows reads and writes SQLite's private structures, and what it assumes of them was tried with these versions only. */
#if SQLITE_VERSION_NUMBER != 3054001 && !defined(MV_ANY_SQLITE)
#error "This version of SQLite was not tried. To try it define MV_ANY_SQLITE (mvn \"-Dnative.options=-O2 -DMV_ANY_SQLITE\", cmake -DSQLITEMEMVFS_ANY_SQLITE=ON), run .ci/run, and name the version here"
#endif
#ifndef SQLITE_EXPERIMENTAL_PRAGMA_20251114
#error "The VFS must hear that a write follows: see write_follows in vfs/file.c"
#endif

#include "engine/inside/sqlite_inside.h"

#endif
