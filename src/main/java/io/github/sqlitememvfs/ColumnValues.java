package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;

/**
 * Reads values of a statement's current row that are not in {@link Rows} as they are wanted. Either the value has
 * another type, and is converted as SQLite converts it; or its bytes are too many for the rows' memory, and stand with
 * SQLite, whose statement is on the same row. Also makes the messages about columns.
 *
 * <p>Each method takes the connection's lock where it calls SQLite, but for {@link #name}: its caller holds the lock.
 * The caller has seen that there is a row with that column; another thread may have ended it since.
 *
 * <p>Its C half: src/main/c/jni/jni_statement.c.
 */
final class ColumnValues {
  private static final byte[] EMPTY = {};

  private ColumnValues() {}

  // ---- numbers ----

  static long convertedLong(StatementHandle statement, int column) {
    Rows rows = statement.rows;
    switch (rows.type(column)) {
      case SqliteStatement.SQLITE_DATA_NULL:
        return 0;
      case SqliteStatement.SQLITE_DATA_FLOAT:
        return (long) rows.real(column);
      default:
    }
    ConnectionHandle connection = enter(statement, column);
    try {
      if (rows.isHere(column)) {
        return Native.bytesToLong(connection.address(), rows.type(column), rows.memory, rows.start(column),
            rows.length(column));
      }
      connection.out[0] = SqliteCodes.OK;
      long value = Native.columnLong(statement.address, column, connection.out);
      checkConverted(statement, column);
      return value;
    } finally {
      connection.exit();
    }
  }

  static double convertedDouble(StatementHandle statement, int column) {
    Rows rows = statement.rows;
    switch (rows.type(column)) {
      case SqliteStatement.SQLITE_DATA_NULL:
        return 0;
      case SqliteStatement.SQLITE_DATA_INTEGER:
        return (double) rows.integer(column);
      default:
    }
    ConnectionHandle connection = enter(statement, column);
    try {
      if (rows.isHere(column)) {
        return Native.bytesToDouble(connection.address(), rows.type(column), rows.memory, rows.start(column),
            rows.length(column));
      }
      connection.out[0] = SqliteCodes.OK;
      double value = Native.columnDouble(statement.address, column, connection.out);
      checkConverted(statement, column);
      return value;
    } finally {
      connection.exit();
    }
  }

  // ---- text and bytes ----

  /** Returns null for NULL. */
  static String convertedText(StatementHandle statement, int column) {
    Rows rows = statement.rows;
    switch (rows.type(column)) {
      case SqliteStatement.SQLITE_DATA_NULL:
        return null;
      case SqliteStatement.SQLITE_DATA_INTEGER:
        return Long.toString(rows.integer(column));
      case SqliteStatement.SQLITE_DATA_BLOB:
        return rows.isHere(column) ? rows.text(column) : Text.decode(elsewhere(statement, column));
      case SqliteStatement.SQLITE_DATA_FLOAT:
        return Text.decode(realText(statement, column));
      default:
        return Text.decode(elsewhere(statement, column));
    }
  }

  /** Returns null for NULL. */
  static byte[] convertedBlob(StatementHandle statement, int column) {
    Rows rows = statement.rows;
    switch (rows.type(column)) {
      case SqliteStatement.SQLITE_DATA_NULL:
        return null;
      case SqliteStatement.SQLITE_DATA_INTEGER:
        return Long.toString(rows.integer(column)).getBytes(UTF_8);
      case SqliteStatement.SQLITE_DATA_FLOAT:
        return realText(statement, column);
      default:
        return elsewhere(statement, column);
    }
  }

  /** Returns how many bytes a value other than NULL has, as a blob. */
  static int length(StatementHandle statement, int column) {
    Rows rows = statement.rows;
    return rows.isHere(column) ? rows.length(column)
        : rows.isBytes(column) ? copyElsewhere(statement, column, EMPTY, 0, 0)
        : convertedBlob(statement, column).length;
  }

  /** Copies the bytes of a value other than NULL into an array, and returns how many there are. */
  static int copy(StatementHandle statement, int column, byte[] to, int start) {
    Rows rows = statement.rows;
    int n = length(statement, column);
    if (start < 0 || n > to.length - start) {
      throw new IndexOutOfBoundsException("column " + column + " has " + n + " bytes, and from index " + start
          + " an array of " + to.length + " has no room for them");
    }
    if (rows.isHere(column)) {
      System.arraycopy(rows.memory, rows.start(column), to, start, n);
    } else if (rows.isBytes(column)) {
      return copyElsewhere(statement, column, to, start, n);
    } else {
      System.arraycopy(convertedBlob(statement, column), 0, to, start, n);
    }
    return n;
  }

  /** Copies up to n bytes that SQLite has, and returns how many there are. */
  private static int copyElsewhere(StatementHandle statement, int column, byte[] to, int start, int n) {
    ConnectionHandle connection = enter(statement, column);
    try {
      connection.out[0] = SqliteCodes.OK;
      int length = Native.columnBytes(statement.address, column, to, start, n, connection.out);
      checkConverted(statement, column);
      return length;
    } finally {
      connection.exit();
    }
  }

  private static byte[] realText(StatementHandle statement, int column) {
    ConnectionHandle connection = enter(statement, column);
    try {
      return Native.doubleToText(connection.address(), statement.rows.real(column));
    } finally {
      connection.exit();
    }
  }

  /** Returns a copy of bytes that SQLite has: its statement is on the row of which they are. */
  private static byte[] elsewhere(StatementHandle statement, int column) {
    ConnectionHandle connection = enter(statement, column);
    try {
      connection.out[0] = SqliteCodes.OK;
      byte[] bytes = statement.rows.type(column) == SqliteStatement.SQLITE_DATA_BLOB
          ? Native.columnBlob(statement.address, column, connection.out)
          : Native.columnText(statement.address, column, connection.out);
      if (bytes == null) {
        throw connection.out[0] == SqliteCodes.TOOBIG ? tooBig(statement, column) : noMemory(statement, column);
      }
      return bytes;
    } finally {
      connection.exit();
    }
  }

  // ---- names ----

  /** Returns the name of a column that there is. Under the connection's lock. */
  static String name(StatementHandle statement, int column) {
    byte[] utf8 = Native.columnName(statement.address, column);
    if (utf8 == null) {
      throw SqliteException.of(SqliteCodes.NOMEM, "no memory for the name of column " + column, statement.sql, -1);
    }
    return Text.decode(utf8);
  }

  // ---- lock and errors ----

  /** Takes the lock, and throws if another thread has ended the row since the caller saw it. */
  private static ConnectionHandle enter(StatementHandle statement, int column) {
    statement.enter();
    if (!statement.onRow || column >= statement.rows.columns()) {
      RuntimeException e = statement.noRow();
      statement.connection.exit();
      throw e;
    }
    return statement.connection;
  }

  private static void checkConverted(StatementHandle statement, int column) {
    if (statement.connection.out[0] != SqliteCodes.OK) {
      throw noMemory(statement, column);
    }
  }

  static SqliteException noColumn(StatementHandle statement, int column, int count) {
    return SqliteException.of(SqliteCodes.RANGE, "there is no column " + column + ": the statement has "
        + (count == 0 ? "none" : count == 1 ? "only column 0" : "0 to " + (count - 1)), statement.sql, -1);
  }

  private static SqliteException noMemory(StatementHandle statement, int column) {
    return SqliteException.of(SqliteCodes.NOMEM, "no memory for the value of column " + column, statement.sql, -1);
  }

  private static SqliteException tooBig(StatementHandle statement, int column) {
    return SqliteException.of(SqliteCodes.TOOBIG, "column " + column + " has more bytes than a Java array can hold;"
        + " read it in parts with substr()", statement.sql, -1);
  }
}
