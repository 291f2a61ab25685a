package io.github.sqlitememvfs;

import java.util.Arrays;

/**
 * Options that a connection is opened with. Immutable: each setter returns a changed copy.
 *
 * <pre>{@code
 * vfs.open("shop", OpenOptions.defaults().readOnly(true));
 * }</pre>
 *
 * <p><b>Databases from strangers.</b> Every connection is {@linkplain #hardened(boolean) hardened} by default, since
 * the content of its database can be replaced at any time. Other options bound what a database may cost:
 *
 * <pre>{@code
 * MemoryVfs vfs = MemoryVfs.builder().maxBytes(100_000_000).build();
 * vfs.deserialize("upload", in);
 * vfs.open("upload", OpenOptions.defaults().statementTimeout(2000).limit(SqliteLimit.LENGTH, 1_000_000));
 * }</pre>
 */
public final class OpenOptions {
  /** Value of {@link #getBusyTimeout}: the setting of the {@link MemoryVfs} holds. */
  public static final long BUSY_TIMEOUT_OF_VFS = -1;

  /** Value of {@link #getStatementTimeout}: there is no timeout. */
  public static final long NO_TIMEOUT = 0;

  /** Value of {@link #getLimit}: SQLite's own limit holds. */
  public static final int LIMIT_OF_SQLITE = -1;

  private static final OpenOptions DEFAULTS =
      new OpenOptions(false, false, BUSY_TIMEOUT_OF_VFS, true, true, NO_TIMEOUT, false, noLimits());

  private final boolean readOnly;
  private final boolean mustExist;
  private final long busyTimeout;
  private final boolean hardened;
  private final boolean doubleQuotedStrings;
  private final long statementTimeout;
  private final boolean interruptible;
  private final int[] limits; // by ordinal

  private OpenOptions(boolean readOnly, boolean mustExist, long busyTimeout, boolean hardened,
      boolean doubleQuotedStrings, long statementTimeout, boolean interruptible, int[] limits) {
    this.readOnly = readOnly;
    this.mustExist = mustExist;
    this.busyTimeout = busyTimeout;
    this.hardened = hardened;
    this.doubleQuotedStrings = doubleQuotedStrings;
    this.statementTimeout = statementTimeout;
    this.interruptible = interruptible;
    this.limits = limits;
  }

  private static int[] noLimits() {
    int[] limits = new int[SqliteLimit.values().length];
    Arrays.fill(limits, LIMIT_OF_SQLITE);
    return limits;
  }

  /**
   * Returns the defaults: reading and writing, a database that is not there is created, busy timeout of the {@link
   * MemoryVfs}, hardened, strings in double quotes, no statement timeout, not interruptible, SQLite's limits.
   *
   * @return the defaults
   */
  public static OpenOptions defaults() {
    return DEFAULTS;
  }

  /**
   * Sets whether the connection may only read. A read-only connection never creates a database: it must be there.
   *
   * @param value true to refuse writes with {@code SQLITE_READONLY}
   * @return a copy with that setting
   */
  public OpenOptions readOnly(boolean value) {
    return new OpenOptions(value, mustExist, busyTimeout, hardened, doubleQuotedStrings, statementTimeout,
        interruptible, limits);
  }

  /**
   * Sets whether opening a database that is not there is an error. By default, that creates an empty one.
   *
   * @param value true to refuse with {@code SQLITE_CANTOPEN}
   * @return a copy with that setting
   */
  public OpenOptions mustExist(boolean value) {
    return new OpenOptions(readOnly, value, busyTimeout, hardened, doubleQuotedStrings, statementTimeout,
        interruptible, limits);
  }

  /**
   * Sets how long a statement of the connection waits for the write lock before it fails with a {@link
   * SqliteBusyException}.
   *
   * @param millis milliseconds; 0 not to wait
   * @return a copy with that setting
   * @throws IllegalArgumentException if it is negative
   */
  public OpenOptions busyTimeout(long millis) {
    return new OpenOptions(readOnly, mustExist, checkTimeout(millis), hardened, doubleQuotedStrings, statementTimeout,
        interruptible, limits);
  }

  /**
   * Sets whether the connection expects its database to be hostile; true by default. If so:
   *
   * <ul>
   *   <li>The schema can use only functions and virtual tables that SQLite calls innocuous (its {@code TRUSTED_SCHEMA}
   *       is off). The schema is views, triggers, CHECKs, generated columns and the like; SQL of the program can use
   *       all of them. Some harmless ones are not innocuous to SQLite: {@code snippet}, {@code highlight}, {@code
   *       bm25}, {@code offsets}, {@code matchinfo}, tables of pragmas such as {@code pragma_table_info}, {@code
   *       fts5vocab}, {@code fts4aux}. A view that uses one fails, and so does an ALTER TABLE that looks through the
   *       views. ({@code MATCH} is allowed: a view may search a full text index.) {@code PRAGMA trusted_schema = 1} has
   *       the connection trust the schema after all.
   *   <li>SQL cannot damage the file: no {@code PRAGMA writable_schema}, {@code schema_version} or {@code journal_mode
   *       = OFF}, no writing of the shadow tables of full text indexes and the like (SQLite's {@code DEFENSIVE} is on).
   *       A dump that the {@code sqlite3} shell made of a database with virtual tables needs such writes.
   *   <li>SQLite checks the cells of each page when it first reads it ({@code PRAGMA cell_size_check}).
   * </ul>
   *
   * <p>The table "What a hardened connection refuses" in docs/compatibility.md is complete.
   *
   * @param value false to trust what the database brings and the SQL that is run
   * @return a copy with that setting
   */
  public OpenOptions hardened(boolean value) {
    return new OpenOptions(readOnly, mustExist, busyTimeout, value, doubleQuotedStrings, statementTimeout,
        interruptible, limits);
  }

  /**
   * Sets whether a name in double quotes that names no column is a string; true by default, as in SQLite. {@code WHERE
   * kind = "drink"} then works, but a misspelled column in double quotes goes unnoticed: it is a text. With false, both
   * are an error: {@code no such column}. That holds for the schema, too (SQLite's {@code DQS_DML} and {@code DQS_DDL}
   * are off): a view or a trigger that has such a string cannot be used, and a table whose CHECK or index has one
   * cannot be written, or made anew by VACUUM.
   *
   * @param value false to refuse strings in double quotes
   * @return a copy with that setting
   */
  public OpenOptions doubleQuotedStrings(boolean value) {
    return new OpenOptions(readOnly, mustExist, busyTimeout, hardened, value, statementTimeout, interruptible, limits);
  }

  /**
   * Sets how long a statement of the connection may run before it fails with {@code SQLITE_INTERRUPT} (9), as if {@link
   * SqliteConnection#interrupt} had been called then. This bounds what a database can cost: a view can run without end.
   *
   * <p>The time within SQLite counts, from the first {@link SqliteStatement#step} on; what the caller does between two
   * steps does not. Reset begins anew. Compiling a statement has as much time again, and so has each statement of a
   * script. SQLite looks at the clock every thousand instructions. One instruction can take long, such as the sorting
   * of many rows or a function of one huge value, and ends before SQLite looks: set {@link SqliteLimit#LENGTH}, too.
   * Waiting for the write lock does not count: it has its own {@linkplain #busyTimeout timeout}.
   *
   * @param millis milliseconds; {@link #NO_TIMEOUT} (0), the default, for none
   * @return a copy with that setting
   * @throws IllegalArgumentException if it is negative
   */
  public OpenOptions statementTimeout(long millis) {
    if (millis < 0) {
      throw new IllegalArgumentException(
          "statement timeout is negative: " + millis + " ms; " + NO_TIMEOUT + " stands for none");
    }
    return new OpenOptions(readOnly, mustExist, busyTimeout, hardened, doubleQuotedStrings, millis,
        interruptible, limits);
  }

  /**
   * Sets whether {@link Thread#interrupt} ends a statement that runs; false by default. With true, {@code
   * Future.cancel(true)} and {@code ExecutorService.shutdownNow()} end what their threads execute on the connection:
   * the call fails with {@code SQLITE_INTERRUPT} (9), as by {@link SqliteConnection#interrupt}, and the thread stays
   * interrupted. With false, too, an interrupt ends a wait for the write lock or for another thread's call.
   *
   * <ul>
   *   <li>The interrupt ends queries, writes, batches, scripts and the compiling of SQL. A statement or a batch that
   *       ends so has changed nothing. A script leaves what SQLite leaves, as {@link SqliteConnection#execute(String)}
   *       says. SQLite looks for an interrupt every thousand instructions. One instruction can take long, such as the
   *       sorting of many rows, and ends before SQLite looks.
   *   <li>A query on a row counts as running: if the thread was interrupted since the query began, its next {@link
   *       SqliteStatement#step} fails. A statement that has made all of its changes gives its rows.
   *   <li>The interrupt ends what <em>the connection</em> runs. If several threads use it, that includes a query of
   *       another thread that is on a row.
   *   <li>A thread that is interrupted already can still run what is short, to clean up: 100,000 of SQLite's
   *       instructions, about a millisecond (when compiling, most of a second, since an instruction is longer there). A
   *       longer call fails. The roll-back at the end of a {@link SqliteConnection#transaction} is never interrupted.
   *   <li>Code between the statements, such as the body of a transaction, has to look at its thread's status itself.
   * </ul>
   *
   * <p>Each call of such a connection takes some hundred nanoseconds more.
   *
   * @param value true to let {@link Thread#interrupt} end statements
   * @return a copy with that setting
   */
  public OpenOptions interruptible(boolean value) {
    return new OpenOptions(readOnly, mustExist, busyTimeout, hardened, doubleQuotedStrings, statementTimeout,
        value, limits);
  }

  /**
   * Lowers a limit of the connection.
   *
   * <p>Besides, the stack of the calling thread limits recursions. SQL that is nested deeper is an error that says so;
   * a thread with a larger stack is the remedy. With the JVM's usual 1 MB, an expression may be as deep as SQLite's own
   * limit of 1000, a compound have all of its 500 terms, and a trigger fire itself 1000 times; views may be about 100
   * deep, and so may triggers that fire each other.
   *
   * @param limit which
   * @param value the highest value that is allowed; one above SQLite's own limit stands for that
   * @return a copy with that setting
   * @throws IllegalArgumentException if it is negative
   */
  public OpenOptions limit(SqliteLimit limit, int value) {
    int index = limit.ordinal();
    if (value < 0) {
      throw new IllegalArgumentException("limit " + limit + " is negative: " + value
          + "; without a call, SQLite's own limit is in force");
    }
    int[] changed = limits.clone();
    changed[index] = value;
    return new OpenOptions(readOnly, mustExist, busyTimeout, hardened, doubleQuotedStrings, statementTimeout,
        interruptible, changed);
  }

  /** {@return whether the connection may only read} */
  public boolean isReadOnly() {
    return readOnly;
  }

  /** {@return whether the database must be there; for a read-only connection it must in any case} */
  public boolean isMustExist() {
    return mustExist;
  }

  /** {@return how long statements wait for the write lock, in milliseconds, or {@link #BUSY_TIMEOUT_OF_VFS}} */
  public long getBusyTimeout() {
    return busyTimeout;
  }

  /** {@return whether the connection expects its database to be hostile, as by default} */
  public boolean isHardened() {
    return hardened;
  }

  /** {@return whether a name in double quotes that names no column is a string, as by default} */
  public boolean isDoubleQuotedStrings() {
    return doubleQuotedStrings;
  }

  /** {@return how long a statement may run, in milliseconds, or {@link #NO_TIMEOUT}} */
  public long getStatementTimeout() {
    return statementTimeout;
  }

  /** {@return whether {@link Thread#interrupt} ends a statement that runs} */
  public boolean isInterruptible() {
    return interruptible;
  }

  /**
   * {@return the value that was set for a limit, or {@link #LIMIT_OF_SQLITE}}
   *
   * @param limit which
   */
  public int getLimit(SqliteLimit limit) {
    return limits[limit.ordinal()];
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("OpenOptions[readOnly=" + readOnly + ", mustExist=" + mustExist
        + ", busyTimeout=" + (busyTimeout == BUSY_TIMEOUT_OF_VFS ? "of the VFS" : busyTimeout + " ms") + ", hardened="
        + hardened + ", doubleQuotedStrings=" + doubleQuotedStrings
        + ", statementTimeout=" + (statementTimeout == NO_TIMEOUT ? "none" : statementTimeout + " ms")
        + ", interruptible=" + interruptible);
    for (SqliteLimit limit : SqliteLimit.values()) {
      if (getLimit(limit) != LIMIT_OF_SQLITE) {
        text.append(", ").append(limit).append('=').append(getLimit(limit));
      }
    }
    return text.append(']').toString();
  }

  static long checkTimeout(long millis) {
    if (millis < 0) {
      throw new IllegalArgumentException("busy timeout is negative: " + millis + " ms");
    }
    return millis;
  }
}
