package io.github.sqlitememvfs;

/**
 * A connection to one database of a {@link MemoryVfs}: it runs SQL and transactions. Other databases can be attached to
 * it: {@code ATTACH 'file:other' AS o}, or {@code 'file:other?vfs=NAME'} for one of another {@code MemoryVfs}.
 *
 * <p><b>Threads.</b> Several threads may use a connection: one call runs at a time, and a second thread waits. The body
 * of a {@link #transaction} counts as one call. Only {@link #interrupt} and {@link #isClosed} do not wait. To read and
 * write at the same time, open a connection for each thread: any number of readers and one writer work side by side.
 * Readers do not wait for writers, nor writers for readers.
 *
 * <p><b>Writers.</b> Each database has one write lock. A second writer waits for it up to the {@linkplain #busyTimeout
 * busy timeout}, then fails with a {@link SqliteBusyException}. A transaction that has read before it writes fails at
 * once if another one wrote in between, which {@link #transaction} avoids.
 *
 * <p><b>Waiting.</b> A thread that waits for the write lock, or for another thread's call on the same connection, parks
 * in Java: a virtual thread releases its carrier meanwhile. {@link Thread#interrupt} ends the wait: the call fails with
 * {@code SQLITE_INTERRUPT} (9), the thread stays interrupted, and an open transaction is rolled back if the call was a
 * write in it, as by {@link #interrupt}. A call of a thread that is interrupted already works if it need not wait, and
 * fails where it would have to. An interrupt ends a statement that runs only if the connection was opened as
 * {@linkplain OpenOptions#interruptible interruptible}.
 *
 * <p><b>Closing.</b> The caller closes a connection, or its {@link MemoryVfs} does. That rolls back what was not
 * committed, and closes the statements. A connection keeps its {@code MemoryVfs} alive. One that is forgotten, together
 * with its statements, is closed after the garbage collector found it. An open connection costs SQLite's page cache
 * and, while it reads, the version that it reads.
 *
 * <p><b>Errors.</b> All methods but {@code close}, {@code isClosed}, {@code database} and {@code vfs} throw an {@link
 * IllegalStateException} if the connection is closed.
 */
public final class SqliteConnection implements AutoCloseable {
  private final MemoryVfs vfs; // keeps it reachable
  private final ConnectionHandle handle;
  private final Cleanup cleanup;

  SqliteConnection(MemoryVfs vfs, ConnectionHandle handle) {
    this.vfs = vfs;
    this.handle = handle;
    this.cleanup = Cleanup.register(this, handle::forget);
  }

  // ---- SQL ----

  /**
   * Runs a script of any number of statements, separated by semicolons. Rows that they give are dropped. The first
   * error ends the script. What ran before stays, and so does a transaction that is open: the caller commits it or
   * rolls it back.
   *
   * @param script the SQL; empty is fine
   * @return how many rows its statements inserted, changed or deleted, those changed by triggers and foreign key
   *     actions not counted
   * @throws SqliteException if a statement fails; its {@link SqliteException#sql sql} is that statement alone
   * @throws SqliteBusyException if another connection held the write lock for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalArgumentException if the SQL has a NUL or a lone surrogate, or a statement has parameters, which
   *     would have no values; that ends the script like an error
   */
  public long execute(String script) {
    byte[] utf8 = Text.encodeSql(script);
    handle.enter();
    try {
      return handle.execute(utf8);
    } finally {
      exit();
    }
  }

  /**
   * Runs one statement to its end. Rows that it gives are dropped.
   *
   * @param sql the statement
   * @param args values of its parameters, as {@link SqliteStatement#bind(int, Object)} takes them
   * @return how many rows it inserted, changed or deleted, those changed by triggers and foreign key actions not
   *     counted
   * @throws SqliteException if the statement fails
   * @throws SqliteBusyException if another connection held the write lock for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalArgumentException if there is no statement or more than one, if the number of values differs from
   *     that of parameters, or a value cannot be bound
   */
  public long execute(String sql, Object... args) {
    byte[] utf8 = Text.encodeSql(sql);
    Object[] values = Values.convertAll(args);
    handle.enter();
    try {
      StatementHandle statement = handle.prepare(sql, utf8);
      try {
        Values.bindAll(statement, values);
        return statement.runToEnd();
      } finally {
        handle.finalizeStatement(statement);
      }
    } finally {
      exit();
    }
  }

  /**
   * Prepares one statement. The caller binds its parameters, steps through the rows and closes it.
   *
   * @param sql the statement; blanks, comments and semicolons may follow it
   * @return the statement, before its first row
   * @throws SqliteException if SQLite does not take it
   * @throws IllegalArgumentException if there is no statement or more than one, or the SQL has a NUL or a lone
   *     surrogate
   */
  public SqliteStatement prepare(String sql) {
    byte[] utf8 = Text.encodeSql(sql);
    handle.enter();
    try {
      StatementHandle statement = handle.prepare(sql, utf8);
      try {
        return new SqliteStatement(this, statement);
      } catch (Throwable e) { // no memory for it
        handle.finalizeStatement(statement);
        throw e;
      }
    } finally {
      exit();
    }
  }

  /**
   * Prepares one statement and sets its parameters. The caller steps through the rows and closes it.
   *
   * <pre>{@code
   * try (SqliteStatement s = connection.query("SELECT name FROM person WHERE id = ?", 7)) {
   *   return s.step() ? s.getText(0) : null;
   * }
   * }</pre>
   *
   * @param sql the statement
   * @param args values of its parameters, as {@link SqliteStatement#bind(int, Object)} takes them
   * @return the statement, before its first row
   * @throws SqliteException if SQLite does not take it
   * @throws IllegalArgumentException as {@link #prepare} and {@link SqliteStatement#bindAll} do
   */
  public SqliteStatement query(String sql, Object... args) {
    byte[] utf8 = Text.encodeSql(sql);
    Object[] values = Values.convertAll(args);
    handle.enter();
    try {
      StatementHandle statement = handle.prepare(sql, utf8);
      try {
        Values.bindAll(statement, values);
        return new SqliteStatement(this, statement);
      } catch (Throwable e) {
        handle.finalizeStatement(statement);
        throw e;
      }
    } finally {
      exit();
    }
  }

  // ---- transactions ----

  /**
   * Runs a body in a transaction: commits when the body returns, rolls back and rethrows whatever it throws.
   *
   * <p>The outermost transaction is {@code BEGIN IMMEDIATE}, so that it waits for the write lock at its start and not
   * half-way; on a read-only connection it is {@code BEGIN}. Inside a transaction, be it from this method or from SQL,
   * it is a savepoint: only the inner body is rolled back, and the outer one can go on if it catches what was thrown.
   *
   * <p>The body runs nothing outside the transaction. SQLite rolls back all of it after some errors: the limit of bytes
   * or memory is reached, a write is interrupted, {@code ON CONFLICT ROLLBACK}, {@code RAISE(ROLLBACK)}. If the body
   * catches the exception and goes on, whatever it executes, inner transactions included, throws an {@link
   * IllegalStateException}, and so does this method at its end. The same holds for a body that executes {@code COMMIT}
   * or {@code ROLLBACK} itself, which it should not: that statement is done, and those after it fail.
   *
   * <p>When this method returns or throws, its transaction is no longer open. For that, the roll-back after an {@link
   * #interrupt} also ends the connection's statements that are on a row. (If SQLite should be unable to roll back even
   * then, the connection is closed.)
   *
   * <p>Until the body is done, other threads that use the connection wait. The body may close the connection or the
   * {@link MemoryVfs}, which rolls back.
   *
   * @param <E> what the body may throw
   * @param body the work to do in the transaction
   * @throws E if the body threw it; an error of the roll-back is added to it as suppressed
   * @throws SqliteException if the transaction cannot be begun or committed; it is rolled back
   * @throws SqliteBusyException if another connection held the write lock for longer than the busy timeout
   * @throws IllegalStateException if the connection is closed, or if it was closed, or the transaction had ended, by
   *     the time that the body returned
   */
  public <E extends Exception> void transaction(TransactionBody<E> body) throws E {
    if (body == null) {
      throw new NullPointerException("body");
    }
    this.<Void, E>transactionWithResult(connection -> {
      body.run(connection);
      return null;
    });
  }

  /**
   * Runs a body with a result in a transaction, as {@link #transaction} does.
   *
   * @param <T> the type of the result
   * @param <E> what the body may throw
   * @param work the work to do in the transaction
   * @return what the body returned, which may be null
   * @throws E if the body threw it; an error of the roll-back is added to it as suppressed
   * @throws SqliteException if the transaction cannot be begun or committed; it is rolled back
   * @throws SqliteBusyException if another connection held the write lock for longer than the busy timeout
   * @throws IllegalStateException if the connection is closed, or if it was closed, or the transaction had ended, by
   *     the time that the body returned
   */
  public <T, E extends Exception> T transactionWithResult(TransactionWork<T, E> work) throws E {
    if (work == null) {
      throw new NullPointerException("work");
    }
    String savepoint = handle.begin();
    T result;
    try {
      result = work.run(this);
    } catch (Throwable e) {
      handle.rollback(savepoint, e);
      throw e;
    }
    handle.commit(savepoint);
    Cleanup.keepAlive(this);
    return result;
  }

  /** {@return whether a transaction is open, be it by {@link #transaction} or by SQL} */
  public boolean inTransaction() {
    handle.enter();
    try {
      return handle.inTransaction();
    } finally {
      exit();
    }
  }

  // ---- results ----

  /**
   * Returns how many rows the last INSERT, UPDATE or DELETE that ended has changed.
   *
   * @return the number, without those that triggers and foreign key actions changed
   */
  public long changes() {
    handle.enter();
    try {
      return Native.changes(handle.address());
    } finally {
      exit();
    }
  }

  /**
   * Returns how many rows were changed since the connection was opened.
   *
   * @return the number, with those that triggers and foreign key actions changed
   */
  public long totalChanges() {
    handle.enter();
    try {
      return Native.totalChanges(handle.address());
    } finally {
      exit();
    }
  }

  /** {@return the rowid of the last row that this connection inserted; 0 if there was none} */
  public long lastInsertRowId() {
    handle.enter();
    try {
      return Native.lastInsertRowId(handle.address());
    } finally {
      exit();
    }
  }

  // ---- settings ----

  /**
   * Ends what the connection is running, from any thread and without waiting for the end. The interrupted call fails
   * with {@code SQLITE_INTERRUPT} (9). So does a call that waits for the write lock.
   *
   * <p>A statement that is on a row counts as running, between its steps, too: its next step fails, even if the next
   * row was read ahead. Until each such statement was stepped, reset or closed, all else that the connection executes
   * fails as well, unless SQLite has come to the end of each of them already (see {@link SqliteStatement}). If there is
   * no such statement, and no call is running, the interrupt has no effect.
   */
  public void interrupt() {
    boolean open = handle.interrupt();
    Cleanup.keepAlive(this);
    if (!open) {
      throw handle.closedException();
    }
  }

  /**
   * Sets how long a statement waits for the write lock before it fails with a {@link SqliteBusyException}.
   *
   * @param millis milliseconds; 0 not to wait
   * @throws IllegalArgumentException if it is negative
   */
  public void busyTimeout(long millis) {
    int timeout = (int) Math.min(OpenOptions.checkTimeout(millis), Integer.MAX_VALUE);
    handle.enter();
    try {
      int code = Native.busyTimeout(handle.address(), timeout);
      if (code != SqliteCodes.OK) {
        throw handle.error(code, null, null);
      }
    } finally {
      exit();
    }
  }

  /** {@return the name of the database, as it was given to {@link MemoryVfs#open(String)}; after close, too} */
  public String database() {
    return handle.database;
  }

  /** {@return the {@link MemoryVfs} that opened the connection; after close, too} */
  public MemoryVfs vfs() {
    return vfs;
  }

  /** {@return whether the connection is closed} */
  public boolean isClosed() {
    return handle.isClosed();
  }

  /**
   * Rolls back what was not committed, closes the statements, and closes the connection. Waits for another thread's
   * call or transaction to end. Does nothing if it is closed already.
   */
  @Override
  public void close() {
    try {
      handle.close();
    } finally {
      if (isClosed()) { // else it can still be forgotten
        cleanup.cancel();
      }
    }
  }

  @Override
  public String toString() {
    return "SqliteConnection[" + Text.quote(database()) + " of " + vfs.name() + (isClosed() ? ", closed]" : "]");
  }

  private void exit() {
    handle.exit();
    Cleanup.keepAlive(this);
  }
}
