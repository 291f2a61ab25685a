package io.github.sqlitememvfs;

import java.nio.ByteBuffer;

/**
 * The native side of one statement. All fields are under the lock of its connection.
 *
 * <p>It belongs to its connection, which finalizes it when it is closed. It never refers to the {@link
 * SqliteStatement}, so that this can be found forgotten.
 */
final class StatementHandle {
  final ConnectionHandle connection;
  final String sql;

  /** The sqlite3_stmt; zero: closed. */
  long address;

  /** Neighbours in the connection's list. */
  StatementHandle previous;

  StatementHandle next;

  /** Where rows are left ({@link Native#ROW_HEADER}); null until one is needed. */
  ByteBuffer row;

  long rowAddress;

  /** Whether there is a current row. */
  boolean onRow;

  /** Columns of the current row. */
  int columns;

  /** Whether it was run to its end, or to an error, and must be reset before parameters can be bound. */
  boolean ended;

  /** Microseconds that it still has, if there is a limit of them. */
  private long left;

  /** Whether it was ended on a row, which the next step has to say. */
  private boolean interrupted;

  StatementHandle(ConnectionHandle connection, String sql, long address) {
    this.connection = connection;
    this.sql = sql;
    this.address = address;
    this.left = connection.statementMicros;
  }

  /** Runs it to its next row. False: there is none. */
  boolean step() {
    onRow = false;
    if (interrupted) {
      interrupted = false;
      throw interruptedException();
    }
    if (row == null && Native.columnCount(address) > 0) {
      useRow(connection.takeRow(0));
    }
    int code = connection.statementMicros == 0 ? stepOnce() : stepInTime();
    if (code == SqliteCodes.ROW) {
      ended = false;
      columns = row == null ? -1 : row.getInt(0);
      if (columns < 0) {
        enlargeRow();
      }
      onRow = true;
      return true;
    }
    ended = true;
    left = connection.statementMicros;
    if (code == SqliteCodes.DONE) {
      return false;
    }
    try {
      throw code == Native.BODY_ENDED ? connection.bodyEndedException() : connection.error(code, sql, null);
    } finally { // also when there is no memory for the message
      Native.reset(address);
    }
  }

  private int stepOnce() {
    return Native.step(address, connection.inBody(), rowAddress, row == null ? 0 : row.capacity());
  }

  private int stepInTime() {
    connection.startTimer(left);
    int code = stepOnce();
    left = connection.timeLeft();
    return code;
  }

  /** Runs it to its end. Returns how many rows it changed. */
  long runToEnd() {
    long before = Native.totalChanges(connection.address());
    while (step()) {}
    // What the connection counts is that of the last statement that changes rows, which this need not be.
    return Native.totalChanges(connection.address()) == before ? 0 : Native.changes(connection.address());
  }

  /** Sets all parameters to what {@link Values#convertAll} gave. */
  void bindAll(Object[] converted) {
    int count = Native.parameterCount(address);
    if (count != converted.length) {
      throw new IllegalArgumentException("the statement has " + count + (count == 1 ? " parameter" : " parameters")
          + ", but " + converted.length + (converted.length == 1 ? " value was" : " values were") + " given: " + sql);
    }
    for (int i = 0; i < converted.length; i++) {
      check(Values.bind(address, i + 1, converted[i]), i + 1);
    }
  }

  /** Throws what a code of binding a parameter stands for. */
  void check(int code, int index) {
    if (code == SqliteCodes.RANGE) {
      int count = Native.parameterCount(address);
      throw SqliteException.of(code, "there is no parameter " + index + ": the statement has "
          + (count == 0 ? "none" : count == 1 ? "only parameter 1" : "1 to " + count), sql, -1);
    }
    if (code != SqliteCodes.OK) {
      throw connection.error(code, sql, null);
    }
  }

  private SqliteException interruptedException() {
    return SqliteException.of(SqliteCodes.INTERRUPT, "interrupted", sql, -1);
  }

  /** Why there is no row to read. */
  RuntimeException noRow() {
    return interrupted ? interruptedException()
        : new IllegalStateException("statement is not on a row: step() must have returned true: " + sql);
  }

  /** Ends it if it is on a row: it can no longer be read, and its next step fails, as one that was interrupted. */
  void interrupt() {
    if (onRow) {
      reset();
      ended = true;
      interrupted = true;
    }
  }

  /** Back to before the first row. */
  void reset() {
    onRow = false;
    ended = false;
    interrupted = false;
    left = connection.statementMicros;
    Native.reset(address);
  }

  private void useRow(ByteBuffer buffer) {
    row = buffer;
    rowAddress = Native.address(buffer);
  }

  /** For more columns than the memory has room for; a change of the schema can add some to a {@code SELECT *}. */
  private void enlargeRow() {
    useRow(connection.takeRow(Native.columnCount(address)));
    Native.row(address, rowAddress, row.capacity());
    columns = row.getInt(0);
  }
}
