package io.github.sqlitememvfs;

/**
 * Names the limits of a connection that {@link OpenOptions#limit} can lower. SQL or a value beyond a limit fails with a
 * {@link SqliteException}.
 *
 * <p>Names and highest values are those of <a href="https://www.sqlite.org/c3ref/c_limit_attached.html">SQLite's
 * run-time limits</a>. (SQLite also has a limit of worker threads, of which this library has none.)
 */
public enum SqliteLimit {
  /**
   * Bytes of a text, a blob or a row: at most 2,147,483,647, at least 30. SQLite's largest allocation has 2,147,483,391
   * bytes (its SQLITE_MAX_ALLOCATION_SIZE). A value that does not fit into that, together with some bytes that SQLite
   * keeps beside it, fails with SQLITE_NOMEM, whatever the limit.
   */
  LENGTH(0),

  /** Bytes of an SQL statement: at most 1,073,741,824. */
  SQL_LENGTH(1),

  /**
   * Columns of a table, an index, a result, or terms of a GROUP BY or ORDER BY: at most 32,767. A schema with a wider
   * table cannot be read, and with less than 5 none can: a {@link SqliteCorruptException}.
   */
  COLUMN(2),

  /**
   * Depth of an expression, and of views and subqueries within each other: at most 1000. A chain of 100 {@code OR} is
   * 100 deep, and {@code IN} with 100 values is not.
   */
  EXPR_DEPTH(3),

  /** SELECTs joined by UNION and the like: at most 500; 0 and 1 both allow no UNION. */
  COMPOUND_SELECT(4),

  /** Instructions of a compiled statement, roughly: at most 250,000,000. Beyond: {@code SQLITE_NOMEM} (7). */
  VDBE_OP(5),

  /** Arguments of a function: at most 1000. */
  FUNCTION_ARG(6),

  /** Attached databases: at most 125. */
  ATTACHED(7),

  /** Bytes of the pattern of LIKE or GLOB: at most 50,000. */
  LIKE_PATTERN_LENGTH(8),

  /** The highest number of a parameter: at most 250,000. */
  VARIABLE_NUMBER(9),

  /** Triggers that fire each other, recursion included: at most 1000. */
  TRIGGER_DEPTH(10),

  /** Depth of the parser's stack: at most 2500. */
  PARSER_DEPTH(12),

  /** Objects of all schemas of the connection, roughly: tables, indexes, views, triggers. */
  SCHEMA(13),

  /** Statements of a trigger: at most 65,000. */
  TRIGGER_STEPS(14);

  static final SqliteLimit[] VALUES = values();

  /** SQLite's number of the limit. */
  final int id;

  SqliteLimit(int id) {
    this.id = id;
  }
}
