package io.github.sqlitememvfs;

import java.nio.ByteBuffer;

/**
 * The machinery of one {@link SqliteStatement}: runs the sqlite3_stmt, and keeps its parameters and rows.
 *
 * <p><b>Rows read ahead.</b> A call for rows brings as many as the program is expected to want: one at first, then
 * twice as many as the time before, but no more than SQLite gives in a millisecond: slow rows come one by one. After
 * the last row of a call, SQLite runs on only if the end of the statement comes next. The program must not notice:
 * <ul>
 * <li>SQLite may have ended the reading of a version of which there are still rows here; the connection holds that
 *     version meanwhile ({@link Native#rowsHeld}).
 * <li>An error is kept until the rows before it were read.
 * <li>An interrupt ends the reading of rows that are here already, too.
 * </ul>
 *
 * <p><b>Lock.</b> The connection's lock guards all but the values of parameters and the rows that are here. These
 * never touch SQLite, and the threads that share a statement must agree on who uses it.
 *
 * <p>The connection owns the statement, and finalizes it when it is closed. This object never refers to the {@link
 * SqliteStatement}, so that the garbage collector can find that forgotten.
 *
 * <p>Its C half: src/main/c/jni/jni_statement.c and src/main/c/engine/rows.h.
 */
final class StatementHandle {
  /** Most rows that a call asks for. It keeps the doubling from overflowing: memory ends a call long before. */
  private static final int MOST_ROWS = 1 << 20;

  final ConnectionHandle connection;
  final String sql;
  final Parameters parameters;

  /** Whether the statement changes nothing, and gives rows. */
  private final boolean query;

  /** The sqlite3_stmt; zero: closed. */
  long address;

  /** Whether address is zero, or about to be. */
  volatile boolean closed;

  /** Neighbours in the connection's list. */
  StatementHandle previous;

  StatementHandle next;

  /** Null: the statement gives no rows. */
  final Rows rows;

  /** Whether there is a current row. */
  boolean onRow;

  /** Where SQLite stands, which is behind the rows that it has given. */
  private enum Position {
    /** Before the first row. */
    START,

    /** On the last of the rows that it has given. */
    ROW,

    /** On a row that it has not given yet: there was no room. */
    PENDING,

    /** At the end. */
    END
  }

  private Position position = Position.START;

  /** The error that comes behind the rows; null: the end. */
  private RuntimeException failure;

  /** Whether the connection holds the version of the rows: counts this statement in {@link Native#rowsHeld}. */
  private boolean held;

  /** What the user has set. If false, a call brings one row, and never runs SQLite beyond it. */
  boolean readAhead = true;

  /** Value of {@link #readAhead} when the statement was started. */
  private boolean readingAhead;

  /** How many rows the last call has asked for. */
  private int rowsWanted;

  /** Whether the last row did not fit, so that the memory for rows is to grow. */
  private boolean wantsMemory;

  /** The connection's count of interrupts when the statement was started. */
  private int interrupts;

  /** The connection's count of writes when rows were asked for. */
  private long writes;

  /** Microseconds that the statement may still run, if there is a timer. */
  private long microsLeft;

  /** Whether {@link #interrupt} has ended the statement on a row, which the next step has to say. */
  private boolean interrupted;

  /**
   * Whether the thread was interrupted when it started the statement, and has been so since. Only with {@link
   * ThreadInterrupts}.
   */
  private boolean cameInterrupted;

  /** Looks of the timer ({@link ThreadInterrupts#LOOKS}) after which such a thread's statement ends. */
  private int looksLeft;

  StatementHandle(ConnectionHandle connection, String sql, long address, int parameters, int columns,
      boolean readOnly) {
    this.connection = connection;
    this.sql = sql;
    this.address = address;
    this.parameters = new Parameters(parameters);
    this.query = readOnly && columns > 0;
    this.rows = columns > 0 ? new Rows(columns, !query) : null;
    this.microsLeft = connection.statementMicros;
  }

  // ---- rows ----

  /** Goes to the next of the rows that are here already, without the lock. Returns false if {@link #step} has to. */
  boolean nextHere() {
    return onRow && !closed && connection.interrupts() == interrupts
        && (connection.threadInterrupts == null || !isThreadInterrupted()) && rows.next();
  }

  /** Whether the thread was interrupted since the statement was started. That counts as the connection's interrupt. */
  private boolean isThreadInterrupted() {
    boolean now = Thread.currentThread().isInterrupted();
    cameInterrupted &= now;
    return now && !cameInterrupted;
  }

  /**
   * Whether the statement has made all of its changes, and committed them unless a transaction is open. An interrupt
   * cannot undo them, so the rows come all the same.
   */
  private boolean isDone() {
    return position == Position.END && !query;
  }

  /** Goes to the next row. Returns false at the end. */
  boolean step() {
    checkNoBatch();
    if (connection.threadInterrupts != null && onRow && !isDone() && isThreadInterrupted()
        && connection.interrupts() == interrupts) {
      connection.interrupt();
    }
    // If SQLite were asked for the next row, it would report the interrupt. It is not asked while there are rows here.
    boolean unreported = onRow && !isDone() && connection.interrupts() != interrupts
        && (position != Position.ROW || rows.left() > 0);
    if (interrupted || unreported) {
      reset();
      throw interruptedException();
    }
    if (onRow && rows.next()) {
      return true;
    }
    leaveRow();
    if (position == Position.END) {
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

  /** Has SQLite give the next rows. Returns false at the end. */
  private boolean fetch() {
    boolean start = position == Position.START;
    int flags = connection.inBody() ? Native.FETCH_IN_BODY : 0;
    if (start) {
      flags |= Native.FETCH_START;
      readingAhead = readAhead;
      rowsWanted = 1;
      interrupts = connection.interrupts();
      startInterruptible();
    } else {
      rowsWanted = readingAhead && writes == connection.writes() ? Math.min(2 * rowsWanted, MOST_ROWS) : 1;
    }
    if (readingAhead) {
      flags |= Native.FETCH_AHEAD;
    }
    if (!query) {
      connection.countWrite();
    }
    writes = connection.writes();
    if (position == Position.PENDING) {
      flags |= Native.FETCH_PENDING;
    }
    if (wantsMemory) {
      wantsMemory = false;
      rows.grow(0);
    }
    long result = fetchRows(flags, start ? parameters.toRun(rows != null) : null);
    while ((result & Native.FETCH_NO_ROOM) != 0) {
      position = Position.PENDING; // also if there is no memory for it now
      rows.grow((int) (result >>> 32));
      flags = flags & ~Native.FETCH_START | Native.FETCH_PENDING;
      result = fetchRows(flags, null);
    }
    int code = (short) result;
    int count = rows == null ? 0 : (int) (result >>> 32);
    held = (result & Native.FETCH_HELD) != 0;
    switch (code) {
      case SqliteCodes.ROW:
        position = Position.ROW;
        break;
      case Native.ROWS_PENDING:
        position = Position.PENDING;
        wantsMemory = rows.memory.length < Rows.ENOUGH;
        break;
      case SqliteCodes.DONE:
        position = Position.END;
        break;
      default:
        fail(code, count);
    }
    if (count == 0) {
      end();
      return false;
    }
    rows.begin(count);
    onRow = true;
    return true;
  }

  private long fetchRows(int flags, byte[] values) {
    return run(flags, values, rows == null ? null : rows.memory);
  }

  /** Has SQLite run the statement, and waits for the write lock where it has to. */
  private long run(int flags, byte[] values, byte[] memory) {
    try {
      connection.resetWaits();
      long result = runNow(flags, values, memory);
      while ((short) result == Native.WAIT) {
        int code = connection.awaitWriteLock(address);
        result = code == SqliteCodes.OK
            ? runNow(flags & ~Native.FETCH_START | Native.FETCH_WAITED, null, memory) : code;
      }
      return result;
    } catch (RuntimeException | Error e) {
      if ((flags & Native.FETCH_START) != 0) { // only the first step waits; later ones leave the statement on its row
        abandon();
      }
      throw e;
    }
  }

  private long runNow(int flags, byte[] values, byte[] memory) {
    if (connection.timer == 0) {
      return Native.fetch(address, flags, values, parameters.size(), rowsWanted, memory);
    }
    ThreadInterrupts interrupts = connection.threadInterrupts;
    if (interrupts == null) {
      return runTimed(flags, values, memory);
    }
    try {
      interrupts.begin(looksLeft);
      return runTimed(flags, values, memory);
    } finally {
      interrupts.end();
      looksLeft = interrupts.looksLeft();
    }
  }

  private long runTimed(int flags, byte[] values, byte[] memory) {
    connection.startTimer(address, microsLeft);
    long result = Native.fetch(address, flags, values, parameters.size(), rowsWanted, memory);
    microsLeft = connection.timeLeft();
    return result;
  }

  private void startInterruptible() {
    if (connection.threadInterrupts != null) {
      cameInterrupted = Thread.currentThread().isInterrupted();
      looksLeft = ThreadInterrupts.LOOKS;
    }
  }

  /**
   * Ends the statement after there was no memory, or stack, to run it or to wait. A statement that waits has begun a
   * transaction, which must not stay open.
   */
  private void abandon() {
    parameters.resend();
    Native.reset(address);
  }

  /**
   * Ends the statement with an error that came behind so many rows. Throws it at once if there are none, or if the
   * statement changes the database: the error has undone that, so none of its rows is given. Else keeps it.
   */
  private void fail(int code, int count) {
    RuntimeException e;
    parameters.resend();
    try {
      e = code == Native.ROWS_BODY_ENDED ? connection.bodyEndedException() : connection.error(code, sql, null);
    } finally { // also when there is no memory for the message
      position = Position.END;
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

  /** Has the next step start over. */
  private void end() {
    position = Position.START;
    microsLeft = connection.statementMicros;
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

  /** Runs the statement to its end, and drops its rows. Returns how many rows it changed. */
  long runToEnd() {
    checkNoBatch();
    reset();
    connection.countWrite();
    rowsWanted = 1;
    int flags = Native.FETCH_START | (connection.inBody() ? Native.FETCH_IN_BODY : 0);
    startInterruptible();
    long result = run(flags, parameters.toRun(false), null);
    int code = (short) result;
    end();
    if (code != SqliteCodes.DONE) {
      fail(code, 0);
    }
    int changed = (int) (result >>> 32);
    return changed == Integer.MAX_VALUE ? Native.changes(connection.address()) : changed;
  }

  /** Goes back to before the first row. */
  void reset() {
    int code = toStart();
    if (code != SqliteCodes.OK) {
      throw connection.error(code, sql, null);
    }
  }

  /** Whether SQLite stands on a row. It then lets nobody drop a table, and the like. */
  boolean isRunning() {
    return position == Position.ROW || position == Position.PENDING;
  }

  /** Whether SQLite stands on a row, or holds the version of one that was read ahead: it refuses the same then. */
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

  /** Ends the statement if it is on a row: the row can no longer be read, and the next step fails as interrupted. */
  void interrupt() {
    if (onRow) {
      toStart(); // the caller rolls back what the statement changed
      interrupted = true;
    }
  }

  /** Finalizes the statement. Returns an error if that ended it half-way and its changes could not be committed. */
  int close() {
    boolean running = isRunning();
    closed = true; // first: a thread that reads without the lock then finds it closed, and not off its row
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

  /** Returns the exception that says why there is no row to read. */
  RuntimeException noRow() {
    return interrupted ? interruptedException()
        : new IllegalStateException("statement is not on a row: step() must have returned true: " + sql);
  }

  // ---- parameters: without the lock, but for long values ----

  /** Returns the index from 0 of the parameter with an index from 1, or throws if there is none. */
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
      setSent(i, type, type == SqliteStatement.SQLITE_DATA_TEXT
          ? Native.bindText(address, index, from)
          : Native.bindBlob(address, index, from, start, n));
    } finally {
      connection.exit();
    }
  }

  /** Sets a parameter to the bytes that remain in a buffer. */
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
        setSent(i, SqliteStatement.SQLITE_DATA_BLOB,
            Native.bindBlobDirect(address, index, own, own.position(), n));
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

  /** After a long value was given to SQLite, which has returned that code. */
  private void setSent(int i, int type, int code) {
    if (code != SqliteCodes.OK) {
      parameters.resend(); // SQLite may have dropped the value before
      throw connection.error(code, sql, null);
    }
    parameters.setSent(i, type);
  }

  /** Takes the connection's lock. Throws if it or the statement is closed. */
  void enter() {
    connection.enter();
    checkEntered();
  }

  /** Does the same by {@link ConnectionHandle#enterUninterruptibly}. */
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

  /** Adds the values that are bound as a row of the batch. Without the lock. */
  void addBatch() {
    fetchLongValues();
    parameters.addRow();
  }

  /**
   * Copies long values that were given to SQLite back to {@link #parameters}. Each row of a batch has long values of
   * its own, and running the batch replaces those that SQLite has.
   */
  void fetchLongValues() {
    for (int i = 0; i < parameters.count; i++) {
      if (parameters.sentType(i) != 0) {
        fetchLongValue(i);
      }
    }
  }

  private void fetchLongValue(int i) {
    enter();
    try {
      byte[] bytes = Native.bound(address, i + 1);
      if (bytes == null) {
        throw SqliteException.of(SqliteCodes.NOMEM, "no memory for the value of parameter " + (i + 1), sql, -1);
      }
      parameters.setBytes(i, parameters.sentType(i), bytes, 0, bytes.length);
    } finally {
      connection.exit();
    }
  }

  /**
   * Runs the rows of the batch, which is empty then. Returns how many rows of the database they changed; results[0] is
   * how many of them were run.
   */
  long runBatch(long[] results) {
    byte[][] chunks = parameters.chunks();
    int[] sizes = parameters.sizes();
    parameters.clearBatch();
    connection.countWrite();
    int code;
    try {
      connection.resetWaits();
      do {
        code = runBatchNow(chunks, sizes, results);
      } while (code == Native.WAIT && (code = connection.awaitWriteLock(address)) == SqliteCodes.OK);
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
      return callBatch(chunks, sizes, results);
    }
    try {
      interrupts.begin(ThreadInterrupts.LOOKS);
      return callBatch(chunks, sizes, results);
    } finally {
      interrupts.end();
    }
  }

  private int callBatch(byte[][] chunks, int[] sizes, long[] results) {
    long timer = connection.timer;
    return Native.batch(address, connection.inBody(), chunks, sizes, timer, connection.statementMicros, results);
  }

  private void checkNoBatch() {
    if (parameters.rows() > 0) {
      throw new IllegalStateException("there is a batch of " + parameters.rows()
          + " rows: executeBatch() or clearBatch() first: " + sql);
    }
  }
}
