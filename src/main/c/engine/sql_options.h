/*
 * The options of SQLite that SQL can see. Included before SQLite by amalgamation.h, and by the SQLite without our hooks that
 * differential_test compares with.
 *
 * What runs on a file with sqlite-jdbc, or with the sqlite3 shell, runs here, and has the same rows.
 * docs/compatibility.md lists the differences that are left, and CompatibilityTest checks that there are no others.
 *
 * Not SQLITE_DQS=0: schemas have strings in double quotes. OpenOptions.doubleQuotedStrings(false) refuses them for a
 * connection.
 * Not SQLITE_LIKE_DOESNT_MATCH_BLOBS: by default LIKE reads a blob as text.
 */
#ifndef MV_SQL_OPTIONS_H
#define MV_SQL_OPTIONS_H

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
/* Not SQLITE_ENABLE_COLUMN_METADATA: only C functions that no Java method calls. JSON, serialize and WAL are on by
 * default and stay. */

#endif
