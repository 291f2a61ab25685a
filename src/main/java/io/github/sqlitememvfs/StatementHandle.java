package io.github.sqlitememvfs;

import java.nio.ByteBuffer;

/**
 * The native side of one statement.
 *
 * <p><b>Rows read ahead.</b> A call for rows brings as many as are expected to be wanted: one at first, then twice as many as the time
 * before, but no more than a millisecond brings: slow rows come one by one. Behind the last of a call, SQLite is run on only if its end comes
 * next. What that changes for the program is made good: a
 * version whose reading SQLite has ended is held while there is a row of it ({@link Native#rowsHeld}), an error stands until the rows before it were
 * read, an interrupt ends the reading of rows that are there already, too.
 *
 * <p><b>Lock.</b> That of its connection, but for the values of parameters and the rows that are there: a statement is used by one thread at a time, and
 * these never touch SQLite.
 *
 * <p>It belongs to its connection, which finalizes it when it is closed. It never refers to the {@link
 * SqliteStatement}, so that this can be found forgotten.
 */
final class StatementHandle {
  /** Keeps the doubling from overflowing: memory ends a call long before. */
  private static final int MOST_ROWS = 1 << 20;

  final ConnectionHandle connection;
  final String sql;
  final Parameters parameters;

  /** Whether it changes nothing, and gives rows. */
  private final boolean query;

  /** The sqlite3_stmt; zero: closed. */
  long address;

  /** The same as address == 0, or about to be. */
  volatile boolean closed;

  /** Neighbours in the connection's list. */
  StatementHandle previous;

  StatementHandle next;

  /** Null: it gives no rows. */
  final Rows rows;

  /** Whether there is a current row. */
  boolean onRow;

  /** Where SQLite is: behind the rows that came. */
  private enum At {
    START,
    ROW,
    /** On a row for which there was no room. */
    NEXT_ROW,
    END
  }

  private At at = At.START;

  /** What comes behind the rows; null: the end. */
  private RuntimeException failure;

  /** Whether it counts among the connection's rows held. */
  private boolean held;

  /** What the user wants, and since it was started: if false, one row a call, and SQLite is never run beyond it. */
  boolean readAhead = true;

  private boolean ahead;

  /** How many rows were asked for last time. */
  private int most;

  private boolean moreRoom;

  /** What the connection had counted when it was started, and when rows were asked for. */
  private int interrupts;

  private long writes;

  /** Microseconds that it still has, if there is a timer. */
  private long left;

  /** Whether it was ended on a row, which the next step has to say. */
  private boolean interrupted;

  /**
   * Whether the thread that runs it has been interrupted since before it was started. Only where {@link
   * ThreadInterrupts} end it.
   */
  private boolean cameInterrupted;

  /** What such a thread may still do. */
  private int looksLeft;

  StatementHandle(ConnectionHandle connection, String sql, long address, int parameters, int columns, boolean readOnly) {
    this.connection = connection;
    this.sql = sql;
    this.address = address;
    this.parameters = new Parameters(parameters);
    this.query = readOnly && columns > 0;
    this.rows = columns > 0 ? new Rows(columns, !query) : null;
    this.left = connection.statementMicros;
  }

  // ---- rows ----

  /** To the next of the rows that are there already; without the lock. False: ask with it. */
  boolean nextHere() {
    return onRow && !closed && connection.interrupts() == interrupts && (connection.threadInterrupts == null || !isThreadInterrupted())
        && rows.next();
  }

  /** Whether its thread was interrupted since it was started: that has the effect of an interrupt of the connection. */
  private boolean isThreadInterrupted() {
    boolean now = Thread.currentThread().isInterrupted();
    cameInterrupted &= now;
    return now && !cameInterrupted;
  }

  /** Whether what it changes is done, and committed unless a transaction is open: an interrupt cannot undo it, so its rows come. */
  private boolean isDone() {
    return at == At.END && !query;
  }

  /** Runs it to its next row. False: there is none. */
  boolean step() {
    checkNoBatch();
    if (connection.threadInterrupts != null && onRow && !isDone() && isThreadInterrupted() && connection.interrupts() == interrupts) {
      connection.interrupt();
    }
    if (interrupted) {
      reset();
      throw interruptedException();
    }
    if (onRow && !isDone() && connection.interrupts() != interrupts && (at != At.ROW || rows.left() > 0)) { // SQLite would say so, were the rows not here
      reset();
      throw interruptedException();
    }
    if (onRow && rows.next()) {
      return true;
    }
    leaveRow();
    if (at == At.END) {
      end();
      if (failure != null) {
        RuntimeException e = failure;
        failure = null;
        e.fillInStackTrace();
        throw e;
      }
      return false;
    }
    return fetch();
  }

  private boolean fetch() {
    boolean start = at == At.START;
    int how = connection.inBody() ? Native.FETCH_IN_BODY : 0;
    if (start) {
      how |= Native.FETCH_START;
      ahead = readAhead;
      most = 1;
      interrupts = connection.interrupts();
      startInterruptible();
    } else {
      most = ahead && writes == connection.writes() ? Math.min(2 * most, MOST_ROWS) : 1;
    }
    if (ahead) {
      how |= Native.FETCH_AHEAD;
    }
    if (!query) {
      connection.countWrite();
    }
    writes = connection.writes();
    if (at == At.NEXT_ROW) {
      how |= Native.FETCH_PENDING;
    }
    if (moreRoom) {
      moreRoom = false;
      rows.grow(0);
    }
    long result = call(how, start ? parameters.toRun(rows != null) : null);
    while ((result & Native.FETCH_NO_ROOM) != 0) {
      at = At.NEXT_ROW; // also if there is no memory for it now
      rows.grow((int) (result >>> 32));
      how = how & ~Native.FETCH_START | Native.FETCH_PENDING;
      result = call(how, null);
    }
    int code = (short) result;
    int count = rows == null ? 0 : (int) (result >>> 32);
    held = (result & Native.FETCH_HELD) != 0;
    switch (code) {
      case SqliteCodes.ROW:
        at = At.ROW;
        break;
      case Native.ROWS_PENDING:
        at = At.NEXT_ROW;
        moreRoom = rows.memory.length < Rows.ENOUGH;
        break;
      case SqliteCodes.DONE:
        at = At.END;
        break;
      default:
        fail(code, count);
    }
    if (count == 0) {
      end();
      return false;
    }
    rows.come(count);
    onRow = true;
    return true;
  }

  private long call(int how, byte[] values) {
    return run(how, values, rows == null ? null : rows.memory);
  }

  /** Has SQLite run it, and waits for another writer where it has to. */
  private long run(int how, byte[] values, byte[] memory) {
    try {
      connection.startWaits();
      long result = runNow(how, values, memory);
      while ((short) result == Native.WAIT) {
        int code = connection.awaitWriter(address);
        result = code == SqliteCodes.OK ? runNow(how & ~Native.FETCH_START | Native.FETCH_WAITED, null, memory) : code;
      }
      return result;
    } catch (RuntimeException | Error e) {
      if ((how & Native.FETCH_START) != 0) { // only the first step waits; later ones leave the statement on its row
        abandon();
      }
      throw e;
    }
  }

  private long runNow(int how, byte[] values, byte[] memory) {
    if (connection.timer == 0) {
      return Native.fetch(address, how, values, parameters.size(), most, memory);
    }
    ThreadInterrupts interrupts = connection.threadInterrupts;
    if (interrupts == null) {
      return runTimed(how, values, memory);
    }
    try {
      interrupts.begin(looksLeft);
      return runTimed(how, values, memory);
    } finally {
      interrupts.end();
      looksLeft = interrupts.looksLeft();
    }
  }

  private long runTimed(int how, byte[] values, byte[] memory) {
    connection.startTimer(address, left);
    long result = Native.fetch(address, how, values, parameters.size(), most, memory);
    left = connection.timeLeft();
    return result;
  }

  private void startInterruptible() {
    if (connection.threadInterrupts != null) {
      cameInterrupted = Thread.currentThread().isInterrupted();
      looksLeft = ThreadInterrupts.LOOKS;
    }
  }

  /** No memory, or stack, to run it or to wait. It cannot stay as it is: one that waits has begun a transaction. */
  private void abandon() {
    parameters.resend();
    Native.reset(address);
  }

  /** An error, behind so many rows. Of what changes the database none of them is given: the error has undone it. */
  private void fail(int code, int count) {
    RuntimeException e;
    parameters.resend();
    try {
      e = code == Native.ROWS_BODY_ENDED ? connection.bodyEndedException() : connection.error(code, sql, null);
    } finally { // also when there is no memory for the message
      at = At.END;
      Native.reset(address);
      if (count == 0 || !query) {
        releaseHeld();
        end();
      }
    }
    if (count == 0 || !query) {
      throw e;
    }
    failure = e;
  }

  /** It is at its end, and starts over with the next step. */
  private void end() {
    at = At.START;
    left = connection.statementMicros;
  }

  private void leaveRow() {
    onRow = false;
    releaseHeld();
  }

  private void releaseHeld() {
    if (held) {
      held = false;
      connection.releaseRows();
    }
  }

  /** Runs it to its end, and drops its rows. Returns how many it changed. */
  long runToEnd() {
    checkNoBatch();
    reset();
    connection.countWrite();
    most = 1;
    int how = Native.FETCH_START | (connection.inBody() ? Native.FETCH_IN_BODY : 0);
    startInterruptible();
    long result = run(how, parameters.toRun(false), null);
    int code = (short) result;
    end();
    if (code != SqliteCodes.DONE) {
      fail(code, 0);
    }
    int changed = (int) (result >>> 32);
    return changed == Integer.MAX_VALUE ? Native.changes(connection.address()) : changed;
  }

  /** Back to before the first row. */
  void reset() {
    int code = toStart();
    if (code != SqliteCodes.OK) {
      throw connection.error(code, sql, null);
    }
  }

  /** Whether it is on a row for SQLite, which then lets nobody drop a table, and the like. */
  boolean isRunning() {
    return at == At.ROW || at == At.NEXT_ROW;
  }

  /** The same, or on a row that it has read ahead and that keeps its version: that, too, makes SQLite refuse. */
  boolean isOnRow() {
    return isRunning() || held;
  }

  private int toStart() {
    boolean running = isRunning();
    leaveRow();
    failure = null;
    interrupted = false;
    end();
    if (running) {
      connection.stopTimer();
      return Native.reset(address);
    }
    return SqliteCodes.OK;
  }

  /** Ends it if it is on a row: it can no longer be read, and its next step fails, as one that was interrupted. */
  void interrupt() {
    if (onRow) {
      toStart(); // what it changed is undone next
      interrupted = true;
    }
  }

  /** Finalizes it. Returns SQLite's code if that has ended it half-way and it could not be committed. */
  int close() {
    boolean running = isRunning();
    closed = true; // before it has left its row: whoever reads it without the lock says what is so
    leaveRow();
    if (running) {
      connection.stopTimer();
    }
    int code = Native.finalizeStatement(address);
    address = 0;
    return running ? code : SqliteCodes.OK;
  }

  private SqliteException interruptedException() {
    boolean byThread = connection.threadInterrupts != null && Thread.currentThread().isInterrupted();
    return SqliteException.of(SqliteCodes.INTERRUPT, byThread ? "interrupted: the thread was" : "interrupted", sql, -1);
  }

  /** Why there is no row to read. */
  RuntimeException noRow() {
    return interrupted ? interruptedException()
        : new IllegalStateException("statement is not on a row: step() must have returned true: " + sql);
  }

  // ---- parameters: without the lock, but for long values ----

  /** Index from 0 of a parameter. */
  int parameter(int index) {
    if (index < 1 || index > parameters.count) {
      int count = parameters.count;
      throw SqliteException.of(SqliteCodes.RANGE, "there is no parameter " + index + ": the statement has "
          + (count == 0 ? "none" : count == 1 ? "only parameter 1" : "1 to " + count), sql, -1);
    }
    return index - 1;
  }

  /** Throws unless so many values can be bound. */
  void checkCount(int values) {
    int count = parameters.count;
    if (count != values) {
      throw new IllegalArgumentException("the statement has " + count + (count == 1 ? " parameter" : " parameters")
          + ", but " + values + (values == 1 ? " value was" : " values were") + " given: " + sql);
    }
  }

  void setText(int index, String text) {
    int i = parameter(index);
    if (text.length() > Parameters.LONG_VALUE || text.length() > connection.longest || !parameters.setAscii(i, text)) {
      byte[] utf8 = Values.utf8(index, text);
      setBytes(index, SqliteStatement.SQLITE_DATA_TEXT, utf8, 0, utf8.length);
    }
  }

  void setBytes(int index, int type, byte[] from, int start, int n) {
    int i = parameter(index);
    if (n <= Parameters.LONG_VALUE && n <= connection.longest) {
      parameters.setBytes(i, type, from, start, n);
      return;
    }
    enter();
    try {
      Native.reset(address);
      setLeft(i, type, type == SqliteStatement.SQLITE_DATA_TEXT
          ? Native.bindText(address, index, from)
          : Native.bindBlob(address, index, from, start, n));
    } finally {
      connection.exit();
    }
  }

  /** What remains in a buffer. */
  void setBlob(int index, ByteBuffer from) {
    int i = parameter(index);
    ByteBuffer own = from.duplicate(); // another thread may move the position: the copy stays within the buffer
    int n = own.remaining();
    if (n <= Parameters.LONG_VALUE && n <= connection.longest) {
      parameters.setBytes(i, own, n);
    } else if (from.isDirect()) {
      enter();
      try {
        Native.reset(address);
        setLeft(i, SqliteStatement.SQLITE_DATA_BLOB, Native.bindBlobDirect(address, index, own, own.position(), n));
        Cleanup.keepAlive(own);
      } finally {
        connection.exit();
      }
    } else if (from.hasArray()) {
      setBytes(index, SqliteStatement.SQLITE_DATA_BLOB, own.array(), own.arrayOffset() + own.position(), n);
    } else {
      byte[] copy = new byte[n]; // a read-only one
      own.get(copy);
      setBytes(index, SqliteStatement.SQLITE_DATA_BLOB, copy, 0, n);
    }
  }

  private void setLeft(int i, int type, int code) {
    if (code != SqliteCodes.OK) {
      parameters.resend(); // SQLite may have dropped the value before
      throw connection.error(code, sql, null);
    }
    parameters.setLeft(i, type);
  }

  /** Takes the connection's lock. Throws if it or the statement is closed. */
  void enter() {
    connection.enter();
    checkEntered();
  }

  /** The same, by {@link ConnectionHandle#enterUninterruptibly}. */
  void enterUninterruptibly() {
    connection.enterUninterruptibly();
    checkEntered();
  }

  private void checkEntered() {
    if (address == 0) {
      connection.exit();
      throw new IllegalStateException("statement is closed: " + sql);
    }
  }

  // ---- batch ----

  /** Makes the values a row of the batch; without the lock. */
  void addBatch() {
    takeBack();
    parameters.addRow();
  }

  /** In a batch each row has its own long values, and running it sets those of SQLite to others. */
  void takeBack() {
    for (int i = 0; i < parameters.count; i++) {
      if (parameters.left(i) != 0) {
        takeBack(i);
      }
    }
  }

  /** A long value that SQLite was given already. */
  private void takeBack(int i) {
    enter();
    try {
      byte[] bytes = Native.bound(address, i + 1);
      if (bytes == null) {
        throw SqliteException.of(SqliteCodes.NOMEM, "no memory for the value of parameter " + (i + 1), sql, -1);
      }
      parameters.setBytes(i, parameters.left(i), bytes, 0, bytes.length);
    } finally {
      connection.exit();
    }
  }

  /** Runs the rows of the batch, which is empty then. Returns how many rows they changed; results[0]: how many of them were run. */
  long runBatch(long[] results) {
    byte[][] chunks = parameters.chunks();
    int[] sizes = parameters.sizes();
    parameters.clearBatch();
    connection.countWrite();
    int code;
    try {
      connection.startWaits();
      do {
        code = runBatchNow(chunks, sizes, results);
      } while (code == Native.WAIT && (code = connection.awaitWriter(address)) == SqliteCodes.OK);
    } catch (RuntimeException | Error e) {
      abandon();
      throw e;
    }
    if (code != SqliteCodes.OK) {
      fail(code, 0);
    }
    return results[1];
  }

  private int runBatchNow(byte[][] chunks, int[] sizes, long[] results) {
    ThreadInterrupts interrupts = connection.threadInterrupts;
    if (interrupts == null) {
      return Native.batch(address, connection.inBody(), chunks, sizes, connection.timer, connection.statementMicros, results);
    }
    try {
      interrupts.begin(ThreadInterrupts.LOOKS);
      return Native.batch(address, connection.inBody(), chunks, sizes, connection.timer, connection.statementMicros, results);
    } finally {
      interrupts.end();
    }
  }

  private void checkNoBatch() {
    if (parameters.rows() > 0) {
      throw new IllegalStateException("there is a batch of " + parameters.rows() + " rows: executeBatch() or clearBatch() first: " + sql);
    }
  }
}
