package io.github.sqlitememvfs;

import java.util.Arrays;

/**
 * How a connection is opened. Immutable: each setter returns a changed copy.
 *
 * <pre>{@code
 * vfs.open("shop", OpenOptions.defaults().readOnly(true));
 * }</pre>
 *
 * <p><b>Databases from strangers.</b> Every connection is {@linkplain #hardened(boolean) hardened} unless one asks for
 * the opposite, since its content can be replaced at any time. What is left to choose is how much a database may cost:
 *
 * <pre>{@code
 * MemoryVfs vfs = MemoryVfs.builder().maxBytes(100_000_000).build();
 * vfs.deserialize("upload", in);
 * vfs.open("upload", OpenOptions.defaults().statementTimeout(2000).limit(SqliteLimit.LENGTH, 1_000_000));
 * }</pre>
 */
public final class OpenOptions {
  /** The value of {@link #getBusyTimeout} that stands for the setting of the {@link MemoryVfs}. */
  public static final long BUSY_TIMEOUT_OF_VFS = -1;

  /** The value of {@link #getStatementTimeout} that stands for none. */
  public static final long NO_TIMEOUT = 0;

  /** The value of {@link #getLimit} that stands for SQLite's own limit. */
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
   * The defaults: reading and writing, a database that is not there is made, busy timeout of the {@link MemoryVfs},
   * hardened, strings in double quotes, no statement timeout, not interruptible, SQLite's limits.
   *
   * @return the defaults
   */
  public static OpenOptions defaults() {
    return DEFAULTS;
  }

  /**
   * Whether the connection may only read. A read-only connection never makes a database: it must be there.
   *
   * @param value true to refuse writes with {@code SQLITE_READONLY}
   * @return a copy with that setting
   */
  public OpenOptions readOnly(boolean value) {
    return new OpenOptions(value, mustExist, busyTimeout, hardened, doubleQuotedStrings, statementTimeout, interruptible, limits);
  }

  /**
   * Whether opening a database that is not there is an error instead of making an empty one.
   *
   * @param value true to refuse with {@code SQLITE_CANTOPEN}
   * @return a copy with that setting
   */
  public OpenOptions mustExist(boolean value) {
    return new OpenOptions(readOnly, value, busyTimeout, hardened, doubleQuotedStrings, statementTimeout, interruptible, limits);
  }

  /**
   * How long a statement of the connection waits for another writer before it fails with a {@link
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
   * Whether the connection expects its database to be hostile; true by default. Then
   *
   * <ul>
   *   <li>views, triggers, CHECKs, generated columns and the like can only call functions, and use virtual tables, that
   *       SQLite calls innocuous (its {@code TRUSTED_SCHEMA} is off). Among the others are harmless ones: {@code
   *       snippet}, {@code highlight}, {@code bm25}, {@code offsets}, {@code matchinfo}, tables of pragmas such as {@code
   *       pragma_table_info}, {@code fts5vocab}, {@code fts4aux}. ({@code MATCH} is allowed: a view may search a full
   *       text index.) SQL of one's own can use them all; a view that does fails, and so does an ALTER TABLE that looks
   *       through the views. {@code PRAGMA trusted_schema = 1} trusts the schema after all, for that connection;
   *   <li>SQL cannot damage the file: no {@code PRAGMA writable_schema}, {@code schema_version} or {@code journal_mode
   *       = OFF}, no writing of the shadow tables of full text indexes and the like (SQLite's {@code DEFENSIVE} is on). A
   *       dump that the {@code sqlite3} shell made of a database with virtual tables needs such writes;
   *   <li>the cells of each page are checked when it is first read ({@code PRAGMA cell_size_check}).
   * </ul>
   *
   * <p>The table "What a hardened connection refuses" in docs/compatibility.md is complete.
   *
   * @param value false to trust what the database brings and the SQL that is run
   * @return a copy with that setting
   */
  public OpenOptions hardened(boolean value) {
    return new OpenOptions(readOnly, mustExist, busyTimeout, value, doubleQuotedStrings, statementTimeout, interruptible, limits);
  }

  /**
   * Whether a name in double quotes that names no column is a string; true by default, as in SQLite. {@code WHERE kind =
   * "drink"} then works, and a column that is misspelled in double quotes goes unnoticed, as text. With false it is an
   * error: {@code no such column}. That holds for the schema, too (SQLite's {@code DQS_DML} and {@code DQS_DDL} are
   * off): a view or a trigger that has such a string cannot be used, and a table whose CHECK or index has one cannot be
   * written, or made anew by VACUUM.
   *
   * @param value false to refuse strings in double quotes
   * @return a copy with that setting
   */
  public OpenOptions doubleQuotedStrings(boolean value) {
    return new OpenOptions(readOnly, mustExist, busyTimeout, hardened, value, statementTimeout, interruptible, limits);
  }

  /**
   * How long a statement of the connection may run before it fails with {@code SQLITE_INTERRUPT} (9), as if {@link
   * SqliteConnection#interrupt} had been called then. It bounds what a database can cost: a view can be without end.
   *
   * <p>Counted is the time within SQLite: from the first {@link SqliteStatement#step} on, without what the caller does
   * between two steps; reset begins anew. Compiling a statement has as much time again, and so has each statement of a
   * script. SQLite looks at the clock every thousand instructions: what takes long within one, as the sorting of many
   * rows or a function of one huge value does, is noticed after it, so set {@link SqliteLimit#LENGTH}, too. Waiting for
   * another writer does not count: it has its own {@linkplain #busyTimeout timeout}.
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
    return new OpenOptions(readOnly, mustExist, busyTimeout, hardened, doubleQuotedStrings, millis, interruptible, limits);
  }

  /**
   * Whether {@link Thread#interrupt} ends a statement that runs; false by default. With true, {@code
   * Future.cancel(true)} and {@code ExecutorService.shutdownNow()} end what their threads execute on the connection: the
   * call fails with {@code SQLITE_INTERRUPT} (9), as by {@link SqliteConnection#interrupt}, and the thread stays
   * interrupted. Waiting for another writer, or for another thread's call, ends so in any case.
   *
   * <ul>
   *   <li>It ends queries, writes, batches, scripts and the compiling of SQL. A statement or a batch that ends so has
   *       changed nothing. A script leaves what SQLite leaves, as {@link SqliteConnection#execute(String)} says. The
   *       interrupt is noticed after a thousand of SQLite's instructions at most; what takes long within one, such as
   *       the sorting of many rows, is noticed after it.
   *   <li>A query on a row counts as running: if the thread was interrupted since the query began, its next {@link
   *       SqliteStatement#step} fails. A statement that has done what it changes gives its rows.
   *   <li>It ends what <em>the connection</em> runs: where several threads use one, also a query of another thread that is
   *       on a row.
   *   <li>A thread that comes interrupted does what is short (100,000 of SQLite's instructions, about a millisecond;
   *       compiling, of which a step is longer, may take most of a second), and fails where it would take longer. So it
   *       can still clean up. The roll-back at the end of a {@link SqliteConnection#transaction} is never interrupted.
   *   <li>Code between the statements, such as the body of a transaction, has to look at its thread's status itself.
   * </ul>
   *
   * <p>Each call of such a connection takes some hundred nanoseconds more.
   *
   * @param value true to let {@link Thread#interrupt} end statements
   * @return a copy with that setting
   */
  public OpenOptions interruptible(boolean value) {
    return new OpenOptions(readOnly, mustExist, busyTimeout, hardened, doubleQuotedStrings, statementTimeout, value, limits);
  }

  /**
   * Lowers a limit of the connection. Beside these, recursions never go deeper than the calling thread's stack allows;
   * what is nested deeper is an error that says so, and a thread with a larger stack is the remedy. With the JVM's usual
   * 1 MB, an expression may be as deep as SQLite's own limit of 1000, a compound have all of its 500 terms, and a
   * trigger fire itself 1000 times; views may be about 100 deep, and so may triggers that fire each other.
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
    return new OpenOptions(readOnly, mustExist, busyTimeout, hardened, doubleQuotedStrings, statementTimeout, interruptible, changed);
  }

  /**
   * Whether the connection may only read.
   *
   * @return true if so
   */
  public boolean isReadOnly() {
    return readOnly;
  }

  /**
   * Whether the database must be there.
   *
   * @return true if so; a read-only connection needs it in any case
   */
  public boolean isMustExist() {
    return mustExist;
  }

  /**
   * How long statements wait for another writer.
   *
   * @return milliseconds, or {@link #BUSY_TIMEOUT_OF_VFS}
   */
  public long getBusyTimeout() {
    return busyTimeout;
  }

  /**
   * Whether the connection expects its database to be hostile.
   *
   * @return true if so, as by default
   */
  public boolean isHardened() {
    return hardened;
  }

  /**
   * Whether a name in double quotes that names no column is a string.
   *
   * @return true if so, as by default
   */
  public boolean isDoubleQuotedStrings() {
    return doubleQuotedStrings;
  }

  /**
   * How long a statement may run.
   *
   * @return milliseconds, or {@link #NO_TIMEOUT}
   */
  public long getStatementTimeout() {
    return statementTimeout;
  }

  /**
   * Whether {@link Thread#interrupt} ends a statement that runs.
   *
   * @return true if so
   */
  public boolean isInterruptible() {
    return interruptible;
  }

  /**
   * A limit of the connection.
   *
   * @param limit which
   * @return the value that was set, or {@link #LIMIT_OF_SQLITE}
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
