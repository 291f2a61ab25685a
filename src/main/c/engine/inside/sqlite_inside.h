/*
 * What we use of SQLite's inside: the private structures, fields and functions that the parts of sqlite.c (the files
 * beside this one) name, what they assume of it, and what fails if a new SQLite breaks that. Included by amalgamation.h
 * behind SQLite.
 *
 * A field or function that goes, or gets another type, does not compile, here or where it is used. One whose meaning
 * changes fails in an assertion of the parts, which the build with SQLITE_DEBUG has (CMake's preset asan, cmake
 * -DSQLITEMEMVFS_DEBUG=ON), or in the native test that is named. differential_test is for what nobody has thought of.
 * How to move to the next SQLite: docs/design.md.
 *
 * Macros replace calls within SQLite itself, and do not compile if these are written in another way: sorter.h,
 * dirty_pages.h, memory_journal.h, wide_tables.h.
 */
#ifndef MV_SQLITE_INSIDE_H
#define MV_SQLITE_INSIDE_H

#define SAME_FIELD(structure, member, type) \
    _Static_assert(__builtin_types_compatible_p(__typeof__(((structure *)0)->member), type), \
        #structure "." #member " is another one")
#define SAME_FUNCTION(name, ...) \
    _Static_assert(__builtin_types_compatible_p(__typeof__(name), __VA_ARGS__), #name " is another one")
#define SAME_VALUE(a, b) _Static_assert((a) == (b), #a " is not " #b)

/* ---- a connection: held_rows.c, connection.c, waiting.c, stack.c, own_sqlite.c, rows.c ------------------------- */

/* The databases are aDb[0] to aDb[nDb - 1]: main, temp (whose pBt is NULL until it is needed), attached ones. vfs_test:
 * attached_databases_commit_together */
SAME_FIELD(sqlite3, nDb, int);
SAME_FIELD(sqlite3, aDb, Db *);
SAME_FIELD(Db, pBt, Btree *);
SAME_FIELD(Db, pSchema, Schema *);

/* Changed as PRAGMA cell_size_check and trusted_schema and SQLITE_DBCONFIG_DEFENSIVE do. hostile_test:
 * cells_that_reach_out, CompatibilityTest */
SAME_FIELD(sqlite3, flags, u64);
/* DBFLAG_EncodingFixed is set by the first row of a schema that is read, and checked nowhere else. vfs_test:
 * replaced_by_another_text_encoding */
SAME_FIELD(sqlite3, mDbFlags, u32);

/* SQLite asks the handler no more in a statement once nBusy is negative, and sets it to 0 where a statement begins to
 * wait. waiter_test */
SAME_FIELD(sqlite3, busyHandler.nBusy, int);
SAME_FIELD(sqlite3, busyTimeout, int);

/* Statements that run, and those of them that read: the last that ends, ends the read transactions (sqlite3VdbeHalt,
 * sqlite3BtreeCommitPhaseTwo), VACUUM and ROLLBACK ask whether there are others, and an interrupt is forgotten when the
 * first begins. With rows held we add to both and take as much off again. inside_test: rows_held_run,
 * an_interrupt_is_over */
SAME_FIELD(sqlite3, nVdbeActive, int);
SAME_FIELD(sqlite3, nVdbeRead, int);
SAME_FIELD(sqlite3, u1.isInterrupted, int);
SAME_FIELD(sqlite3, autoCommit, u8);
#ifdef SQLITE_DEBUG
SAME_FIELD(sqlite3, pVdbe, Vdbe *); /* whose statements SQLite counts to check the above: stand-ins are put there */
#endif

/* The authorizer is asked of each SELECT, INSERT and so on, and of functions while pParse compiles them; nSelect counts
 * SELECTs so far. stack_test */
SAME_FIELD(sqlite3, xAuth, sqlite3_xauth);
SAME_FIELD(sqlite3, pAuthArg, void *);
SAME_FIELD(sqlite3, pParse, Parse *);
SAME_FIELD(Parse, nSelect, int);
SAME_FIELD(Parse, nErr, int);
SAME_FIELD(sqlite3, aLimit, int[SQLITE_N_LIMIT]);
SAME_FIELD(sqlite3, errByteOffset, int);

/* What changes() and total_changes() say. BatchTest */
SAME_FIELD(sqlite3, nChange, i64);
SAME_FIELD(sqlite3, nTotalChange, i64);

/* ---- B-trees: own_sqlite.c, held_rows.c, connection.c, pages.c ------------------------------------------------------------------- */

/* The transaction of this connection: what sqlite3BtreeTxnState returns. held_rows.c asserts it; inside_test:
 * rows_held_run */
SAME_FIELD(Btree, inTrans, u8);
SAME_VALUE(TRANS_NONE, SQLITE_TXN_NONE);
SAME_VALUE(TRANS_READ, SQLITE_TXN_READ);
SAME_VALUE(TRANS_WRITE, SQLITE_TXN_WRITE);
SAME_FIELD(Btree, pBt, BtShared *);
SAME_FIELD(BtShared, pPager, Pager *);
SAME_FIELD(BtShared, db, sqlite3 *); /* its address is the argument of SQLITE_FCNTL_PDB: page_size_test, journal_test */
/* BTS_READ_ONLY: set with the header. replace_test: read_only_content_is_replaced. BTS_INITIALLY_EMPTY: set where a
 * transaction begins, and asked by ROLLBACK TO the savepoint that began it.
 * inside_test: a_savepoint_on_what_was_empty */
SAME_FIELD(BtShared, btsFlags, u16);

/* Begins a read transaction; ends one, which is a commit of nothing; a read transaction ends only if not more than one
 * statement reads. */
SAME_FUNCTION(sqlite3BtreeBeginTrans, int(Btree *, int, int *));
SAME_FUNCTION(sqlite3BtreeCommit, int(Btree *));
SAME_FUNCTION(sqlite3BtreeTxnState, int(Btree *));
SAME_FUNCTION(sqlite3BtreeGetMeta, void(Btree *, int, u32 *));
SAME_FUNCTION(sqlite3BtreePager, Pager *(Btree *));

/* A page of a B-tree. decodeFlags and btreeCellSizeCheck need these fields only. hostile_test: cells_that_reach_out;
 * vfs_test: a_page_is_checked_in_each_role */
SAME_FIELD(MemPage, isInit, u8);
SAME_FIELD(MemPage, pBt, BtShared *);
SAME_FIELD(MemPage, pgno, Pgno);
SAME_FIELD(MemPage, aData, u8 *);
SAME_FIELD(MemPage, nCell, u16);
SAME_FIELD(MemPage, cellOffset, u16);
SAME_FUNCTION(decodeFlags, int(MemPage *, int));
SAME_FUNCTION(btreeCellSizeCheck, int(MemPage *));

/* ---- the pager: own_sqlite.c, pages.c -------------------------------------------------------------------------- */

SAME_FIELD(Pager, fd, sqlite3_file *);
SAME_FIELD(Pager, readOnly, u8);
/* Where the journal is opened, and whether SQLite would open one in memory there. journal_test, vfs_test;
 * memory_journal.c */
SAME_FIELD(Pager, jfd, sqlite3_file *);
SAME_FIELD(Pager, journalMode, u8);
/* In a commit: a file of more pages than dbSize will be truncated. limit_test */
SAME_FIELD(Pager, dbSize, Pgno);
SAME_FIELD(Pager, dbFileSize, Pgno);
/* How a page is got: set by SQLite after errors and by PRAGMA mmap_size; we put get_page in the place of getPageMMap.
 * PAGER_READER: no write transaction. nMmapOut counts pages that xFetch gave, and pMmapFreelist has those that were
 * given back, the latest first, linked by pDirty. Asserted in pages.c; vfs_test:
 * a_page_is_asked_for_once_as_long_as_the_version_is_the_same */
SAME_FIELD(Pager, eState, u8);
SAME_FIELD(Pager, xGet, int (*)(Pager *, Pgno, DbPage **, int));
SAME_FIELD(Pager, nMmapOut, int);
SAME_FIELD(Pager, pMmapFreelist, PgHdr *);
SAME_FUNCTION(getPageMMap, int(Pager *, Pgno, DbPage **, int));
SAME_FUNCTION(getPageNormal, int(Pager *, Pgno, DbPage **, int));
SAME_FUNCTION(sqlite3PagerFile, sqlite3_file *(Pager *));

/* Pages. pExtra of one that was parsed is its MemPage. All dirty ones are linked by pDirtyNext from PCache.pDirty.
 * dirty_pages.c asserts it */
SAME_FIELD(PgHdr, pgno, Pgno);
SAME_FIELD(PgHdr, pData, void *);
SAME_FIELD(PgHdr, pExtra, void *);
SAME_FIELD(PgHdr, pDirty, PgHdr *);
SAME_FIELD(PgHdr, pDirtyNext, PgHdr *);
SAME_FIELD(PCache, pDirty, PgHdr *);
SAME_FUNCTION(sqlite3_dirty_list, PgHdr *(PCache *));
SAME_FUNCTION(sqlite3_is_in_memory, int(sqlite3_file *));
/* When changed pages are written before the commit: beyond the larger of szSpill and the cache's size, in pages of
 * szPage and szExtra bytes. vfs_test: a_transaction_keeps_what_it_changes_until_its_commit */
SAME_FIELD(Pager, pPCache, PCache *);
SAME_FIELD(PCache, szSpill, int);
SAME_FIELD(PCache, szPage, int);
SAME_FIELD(PCache, szExtra, int);
SAME_FUNCTION(sqlite3PcacheSetCachesize, void(PCache *, int));

/* ---- statements and values: rows.c ----------------------------------------------------------------------------- */

/* Bit-fields, whose type no assertion can see: readOnly, what sqlite3_stmt_readonly returns; bIsReader, it is counted
 * in nVdbeRead while it runs (asserted in rows.c; inside_test: what_reads_nothing_is_not_held); explain. */
SAME_FIELD(Vdbe, db, sqlite3 *);
SAME_FIELD(Vdbe, eVdbeState, u8); /* VDBE_READY_STATE: bound, not begun; VDBE_RUN_STATE: begun, and not ended */
/* The row that a step has come to; NULL if it is on none. rows_test */
SAME_FIELD(Vdbe, pResultRow, Mem *);
SAME_FIELD(Vdbe, nResColumn, u16);
/* The parameters. nVar of them; MEM_Static: their bytes are another's. rows_test, BatchTest */
SAME_FIELD(Vdbe, aVar, Mem *);
SAME_FIELD(Vdbe, nVar, ynVar);
/* The program, and what it is at: of the instructions behind OP_ResultRow those that end it are known (at_end).
 * ReadAheadTest */
SAME_FIELD(Vdbe, aOp, Op *);
SAME_FIELD(Vdbe, pc, int);
SAME_FIELD(Vdbe, aMem, Mem *);
SAME_FIELD(Vdbe, pFrame, VdbeFrame *);
SAME_FIELD(Op, opcode, u8);
SAME_FIELD(Op, p1, int);
SAME_FIELD(Op, p2, int);
/* What sqlite3_stmt_status(SQLITE_STMTSTATUS_VM_STEP) returns: instructions so far. Asserted in rows.c; rows_test:
 * slow_rows_come_one_by_one */
_Static_assert(SQLITE_STMTSTATUS_VM_STEP < sizeof ((Vdbe *)0)->aCounter / sizeof(u32), "the counter of steps");
SAME_FIELD(Vdbe, aCounter[0], u32);

/* Values, as sqlite3_column_* and sqlite3_bind_* read and write them. ReadAheadTest, rows_test */
SAME_FIELD(Mem, u.i, i64);
SAME_FIELD(Mem, u.r, double);
SAME_FIELD(Mem, u.nZero, int);
SAME_FIELD(Mem, z, char *);
SAME_FIELD(Mem, n, int);
SAME_FIELD(Mem, flags, u16);
SAME_FIELD(Mem, enc, u8);
SAME_FIELD(Mem, db, sqlite3 *);
SAME_FUNCTION(vdbeUnbind, int(Vdbe *, unsigned int)); /* leaves with the connection's mutex, of which there is none */
SAME_FUNCTION(sqlite3VdbeMemSetDouble, void(Mem *, double));
SAME_FUNCTION(sqlite3VdbeMemMakeWriteable, int(Mem *));
SAME_FUNCTION(vdbeMemRenderNum, void(int, char *, Mem *));
SAME_FUNCTION(sqlite3Atoi64, int(const char *, i64 *, int, u8));

/* ---- schemas and expressions: stack.c, wide_tables.c ----------------------------------------------------------- */

/* Each change of a schema changes one of these. stack_test: generated_columns */
SAME_FIELD(Schema, iGeneration, int);
SAME_FIELD(Schema, schema_cookie, int);
SAME_FIELD(Schema, tblHash, Hash);
SAME_FIELD(Schema, idxHash, Hash);
SAME_FUNCTION(sqlite3ResetOneSchema, void(sqlite3 *, int));
SAME_FUNCTION(sqlite3ResetAllSchemasOfConnection, void(sqlite3 *));
/* Where a schema has expressions: CHECK, DEFAULT and generated columns, indexes. nHeight: how deep. stack_test:
 * generated_columns, constraints_and_indexes */
SAME_FIELD(Table, nCol, i16);
SAME_FIELD(Table, aCol, Column *);
SAME_FIELD(Table, pIndex, Index *);
SAME_FIELD(Table, pCheck, ExprList *);
SAME_FIELD(Table, u.tab.pDfltList, ExprList *);
SAME_FIELD(Column, colFlags, u16);
SAME_FIELD(Index, pNext, Index *);
SAME_FIELD(Index, pPartIdxWhere, Expr *);
SAME_FIELD(Index, aColExpr, ExprList *);
SAME_FIELD(Expr, nHeight, int);
SAME_FIELD(Expr, op, u8);
SAME_FIELD(Expr, iColumn, ynVar);
SAME_FIELD(Walker, xExprCallback, int (*)(Walker *, Expr *));
SAME_FIELD(Walker, u.pTab, Table *);
SAME_FIELD(Walker, eCode, u16);
SAME_FUNCTION(sqlite3WalkExpr, int(Walker *, Expr *));
SAME_FUNCTION(sqlite3ColumnExpr, Expr *(Table *, Column *));
SAME_FUNCTION(sqlite3FindTable, Table *(sqlite3 *, const char *, const char *));
/* The columns of a key, of whose terms SQLite makes one expression: too many are refused before. stack_test:
 * wide_tables */
SAME_FIELD(FKey, nCol, int);
SAME_FUNCTION(sqlite3ExprCheckHeight, int(Parse *, int));

/* ---- functions, modules, memory: connection.c, stack.c, timer.c, rows.c ---------------------------------------- */

/* MATCH is a function that always fails. CompatibilityTest: MATCH in a view */
SAME_FIELD(FuncDef, xSFunc, void (*)(sqlite3_context *, int, sqlite3_value **));
SAME_FIELD(FuncDef, funcFlags, u32);
SAME_FIELD(FuncDef, nArg, i16);
SAME_FIELD(FuncDef, pNext, FuncDef *);
SAME_FIELD(sqlite3, aFunc, Hash); /* the connection's own functions, by name */
SAME_FUNCTION(sqlite3HashFind, void *(const Hash *, const char *));
SAME_FUNCTION(sqlite3InvalidFunction, void(sqlite3_context *, int, sqlite3_value **));
/* The progress handler is asked at the end of a statement, too: then its state is this one, and pParse is NULL unless it
 * is being compiled anew. vfs_test: a_timer_ends_no_statement_that_is_done; StatementTimeoutTest */
SAME_FIELD(Vdbe, eVdbeState, u8);
_Static_assert(VDBE_HALT_STATE != VDBE_RUN_STATE, "states of a statement");
/* Modules by name; pAux of "fts5" is its Fts5Global, with a list of all cursors of the connection. One that answers a
 * MATCH, not in the order of rank, reads the index on, and looks for its row anew with the flag. connection.c asserts
 * whose they are; vfs_test: match_goes_on_after_rollback, under ASan */
SAME_FIELD(sqlite3, aModule, Hash);
SAME_FIELD(Module, pAux, void *);
SAME_FIELD(Fts5Global, pCsr, Fts5Cursor *);
SAME_FIELD(Fts5Global, db, sqlite3 *);
SAME_FIELD(Fts5Cursor, pNext, Fts5Cursor *);
SAME_FIELD(Fts5Cursor, ePlan, int);
SAME_FIELD(Fts5Cursor, csrflags, int);
SAME_VALUE(FTS5CSR_REQUIRE_RESEEK, 0x20);
/* All of SQLite's allocations. stack_test, nomem_test */
SAME_FIELD(struct Sqlite3Config, m, sqlite3_mem_methods);
SAME_FUNCTION(sqlite3OomFault, void *(sqlite3 *));
SAME_FUNCTION(sqlite3OomClear, void(sqlite3 *));

/* ---- sorting: sorter.c ----------------------------------------------------------------------------------------- */

/* A sorter for memory has mxPmaSize 0, and no memory yet: asserted in sorter.c. With these set it collects records in
 * list.aMemory, of nMemory bytes, up to mxPmaSize, and writes them to a file. sort_test */
SAME_FIELD(VdbeCursor, uc.pSorter, VdbeSorter *);
SAME_FIELD(VdbeSorter, mnPmaSize, int);
SAME_FIELD(VdbeSorter, mxPmaSize, int);
SAME_FIELD(VdbeSorter, pgsz, int);
SAME_FIELD(VdbeSorter, nMemory, int);
SAME_FIELD(VdbeSorter, list.aMemory, u8 *);
SAME_FUNCTION(sqlite3_sorter_init, int(sqlite3 *, int, VdbeCursor *));

#undef SAME_FIELD
#undef SAME_FUNCTION
#undef SAME_VALUE

#endif
