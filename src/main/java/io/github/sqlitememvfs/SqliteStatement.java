package io.github.sqlitememvfs;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * A prepared statement: it takes values for its parameters, runs, and gives rows. Names and index bases are those of
 * androidx.sqlite: parameters are counted <b>from 1</b>, columns <b>from 0</b>.
 *
 * <pre>{@code
 * try (SqliteStatement s = connection.prepare("SELECT id, name FROM person WHERE born > :year")) {
 *   s.bindLong("year", 1900);
 *   while (s.step()) {
 *     System.out.println(s.getLong(0) + " " + s.getText(1));
 *   }
 * }
 * }</pre>
 *
 * <p><b>Life.</b> A statement starts before its first row. {@link #step} runs it to its next row, or to its end.
 * {@link #reset} puts it back to the start; so do {@code step} and {@code bind} after the end. While it is on a row,
 * the statement keeps its connection's read transaction open, and with it the version that it reads: reset or close
 * it in time.
 *
 * <p><b>Binding.</b> Each {@code bind} method sets one parameter, by index or by name. A parameter that was never
 * bound is NULL. A value stays until the parameter is bound anew or {@linkplain #clearBindings cleared}. A name has
 * its prefix ({@code :a}, {@code @a}, {@code $a}) or not ({@code a}); one without stands for the first parameter that
 * has it, in the order {@code :a}, {@code @a}, {@code $a}. All {@code bind} methods throw
 * <ul>
 * <li>a {@link SqliteException} with {@code SQLITE_RANGE} (25) if there is no such parameter;
 * <li>a {@code SqliteException} with {@code SQLITE_TOOBIG} (18) for a text or bytes longer than {@link
 *     SqliteLimit#LENGTH} allows, {@code SQLITE_NOMEM} (7) if there is no memory for them;
 * <li>an {@link IllegalStateException} if the statement is on a row: reset it first.
 * </ul>
 *
 * <p><b>Reading.</b> Each {@code get} method returns the value of one column of the current row. If the value has
 * another type, it is converted as SQLite converts it. All of them throw
 * <ul>
 * <li>a {@link SqliteException} with {@code SQLITE_RANGE} (25) if there is no such column;
 * <li>a {@code SqliteException} with {@code SQLITE_NOMEM} (7) if there is no memory for a text or bytes, {@code
 *     SQLITE_TOOBIG} (18) if they are more than a Java array can hold;
 * <li>an {@link IllegalStateException} if the statement is not on a row.
 * </ul>
 *
 * <p><b>Rows read ahead.</b> One call of SQLite brings many rows, in the end some hundred. So most steps, and the
 * reading of values, do not call native code. The first call brings one row, so that a query of which only the first
 * row is wanted costs no more than that. Each further call brings up to twice as many as the one before, as long as
 * that is quick. SQLite also ends a query that can have only one row with the first call. For the program nothing
 * changes:
 * <ul>
 * <li>All rows of a query are of the version that the first is of. Until the query has left the last row, other
 *     statements of the connection read that version, too, unless they write.
 * <li>An error that comes behind some rows comes behind them here, too.
 * <li>A statement that changes something does all of it in its first step, which also commits if no transaction is
 *     open; should that fail, the first step fails. (Only a statement that gives more rows than fit into 16 KB stays
 *     open, until its last row or {@link #reset}.)
 * <li>An {@linkplain SqliteConnection#interrupt interrupt} ends the rows that were read ahead, too.
 * </ul>
 * SQLite leaves open whether the rows that follow show what this <em>connection</em> changes while a statement is on a
 * row. Rows that were read ahead do not show it, nor that a transaction was rolled back. After such a change a
 * statement goes on with one row a call: so a loop that changes the row it is on, or deletes the next, does what it
 * does in SQLite. With {@link #readAhead readAhead(false)}, each step runs SQLite to one row and no further. Then, as
 * in SQLite, {@code VACUUM} is refused beside a query on its last row that reads no table, and a query fails with
 * {@code SQLITE_ABORT} after the roll-back of a change of the schema; rows that were read ahead come all the same.
 *
 * <p><b>Threads.</b> Of a connection and its statements, one call runs at a time; a second thread waits. But steps,
 * the reading of columns and the binding of parameters are separate calls: threads that share a statement must agree
 * on who uses it when.
 *
 * <p><b>Closing.</b> The caller closes a statement; its connection closes those that are left. A statement that is
 * forgotten is closed after the garbage collector found it.
 *
 * <p><b>Errors.</b> All methods but {@code close}, {@code sql} and {@code connection} throw an {@link
 * IllegalStateException} if the statement or its connection is closed.
 */
public final class SqliteStatement implements AutoCloseable {
  /** Type of a column's value: an integer of up to 64 bits. */
  public static final int SQLITE_DATA_INTEGER = 1;

  /** Type of a column's value: a floating-point number of 64 bits. */
  public static final int SQLITE_DATA_FLOAT = 2;

  /** Type of a column's value: text. */
  public static final int SQLITE_DATA_TEXT = 3;

  /** Type of a column's value: bytes. */
  public static final int SQLITE_DATA_BLOB = 4;

  /** Type of a column's value: NULL. */
  public static final int SQLITE_DATA_NULL = 5;

  private final SqliteConnection connection; // keeps it reachable
  private final ConnectionHandle handle;
  private final StatementHandle statement;
  private final Cleanup cleanup;

  /** Null until a parameter is looked up by name. Under the connection's lock. */
  private ParameterNames names;

  SqliteStatement(SqliteConnection connection, StatementHandle statement) {
    this.connection = connection;
    this.handle = statement.connection;
    this.statement = statement;
    this.cleanup = Cleanup.register(this, () -> statement.connection.forget(statement));
  }

  // ---- parameters ----

  /**
   * Binds NULL to a parameter; see {@linkplain SqliteStatement Binding}.
   *
   * @param index of the parameter, from 1
   */
  public void bindNull(int index) {
    StatementHandle to = toBind();
    to.parameters.setNull(to.parameter(index));
    Cleanup.keepAlive(this);
  }

  /**
   * Binds an integer to a parameter; see {@linkplain SqliteStatement Binding}.
   *
   * @param index of the parameter, from 1
   * @param value the value
   */
  public void bindLong(int index, long value) {
    StatementHandle to = toBind();
    to.parameters.setLong(to.parameter(index), value);
    Cleanup.keepAlive(this);
  }

  /**
   * Binds an integer to a parameter; see {@linkplain SqliteStatement Binding}.
   *
   * @param index of the parameter, from 1
   * @param value the value
   */
  public void bindInt(int index, int value) {
    bindLong(index, value);
  }

  /**
   * Binds 1 for true and 0 for false to a parameter; see {@linkplain SqliteStatement Binding}.
   *
   * @param index of the parameter, from 1
   * @param value the value
   */
  public void bindBoolean(int index, boolean value) {
    bindLong(index, value ? 1 : 0);
  }

  /**
   * Binds a floating-point number to a parameter; see {@linkplain SqliteStatement Binding}. SQLite makes NULL of NaN.
   *
   * @param index of the parameter, from 1
   * @param value the value
   */
  public void bindDouble(int index, double value) {
    StatementHandle to = toBind();
    to.parameters.setDouble(to.parameter(index), value);
    Cleanup.keepAlive(this);
  }

  /**
   * Binds a text to a parameter; see {@linkplain SqliteStatement Binding}. Every text comes back as it was, one with
   * NUL characters too. (In a database whose encoding is UTF-16, SQLite makes U+FFFD of U+FFFE and U+FFFF, which are
   * no characters.)
   *
   * @param index of the parameter, from 1
   * @param value the value
   * @throws IllegalArgumentException if the text has a lone surrogate, which UTF-8 cannot hold
   */
  public void bindText(int index, String value) {
    toBind().setText(index, value);
    Cleanup.keepAlive(this);
  }

  /**
   * Binds bytes to a parameter; see {@linkplain SqliteStatement Binding}. They are copied.
   *
   * @param index of the parameter, from 1
   * @param value the value
   */
  public void bindBlob(int index, byte[] value) {
    toBind().setBytes(index, SQLITE_DATA_BLOB, value, 0, value.length);
    Cleanup.keepAlive(this);
  }

  /**
   * Binds an object to a parameter; see {@linkplain SqliteStatement Binding}. Its class decides the type:
   * <ul>
   * <li>null: NULL;
   * <li>{@link Boolean}: 1 or 0;
   * <li>{@link Byte}, {@link Short}, {@link Integer}, {@link Long}, and a {@link BigInteger} that fits in a long:
   *     integer;
   * <li>{@link Float}, {@link Double}: floating-point number;
   * <li>{@link CharSequence}: text;
   * <li>{@code byte[]}, {@link ByteBuffer} (what remains in it; its position stays): blob.
   * </ul>
   *
   * @param index of the parameter, from 1
   * @param value the value, or null
   * @throws IllegalArgumentException if the object is of another class, or does not fit
   */
  public void bind(int index, Object value) {
    Object converted = Values.convert(index, value);
    Values.bind(toBind(), index, converted);
    Cleanup.keepAlive(this);
  }

  /**
   * Binds all parameters; see {@linkplain SqliteStatement Binding}. The first value is that of parameter 1.
   *
   * @param values as many as there are parameters, as {@link #bind(int, Object)} takes them
   * @throws IllegalArgumentException if there are more or fewer values than parameters, or one cannot be bound
   */
  public void bindAll(Object... values) {
    Object[] converted = Values.convertAll(values);
    Values.bindAll(toBind(), converted);
    Cleanup.keepAlive(this);
  }

  /**
   * Binds NULL to a named parameter, as {@link #bindNull(int)} does.
   *
   * @param name of the parameter, with or without its prefix
   */
  public void bindNull(String name) {
    bindNull(index(name));
  }

  /**
   * Binds an integer to a named parameter, as {@link #bindLong(int, long)} does.
   *
   * @param name of the parameter, with or without its prefix
   * @param value the value
   */
  public void bindLong(String name, long value) {
    bindLong(index(name), value);
  }

  /**
   * Binds an integer to a named parameter, as {@link #bindInt(int, int)} does.
   *
   * @param name of the parameter, with or without its prefix
   * @param value the value
   */
  public void bindInt(String name, int value) {
    bindLong(index(name), value);
  }

  /**
   * Binds 1 or 0 to a named parameter, as {@link #bindBoolean(int, boolean)} does.
   *
   * @param name of the parameter, with or without its prefix
   * @param value the value
   */
  public void bindBoolean(String name, boolean value) {
    bindBoolean(index(name), value);
  }

  /**
   * Binds a floating-point number to a named parameter, as {@link #bindDouble(int, double)} does.
   *
   * @param name of the parameter, with or without its prefix
   * @param value the value
   */
  public void bindDouble(String name, double value) {
    bindDouble(index(name), value);
  }

  /**
   * Binds a text to a named parameter, as {@link #bindText(int, String)} does.
   *
   * @param name of the parameter, with or without its prefix
   * @param value the value
   * @throws IllegalArgumentException if the text has a lone surrogate, which UTF-8 cannot hold
   */
  public void bindText(String name, String value) {
    bindText(index(name), value);
  }

  /**
   * Binds bytes to a named parameter, as {@link #bindBlob(int, byte[])} does.
   *
   * @param name of the parameter, with or without its prefix
   * @param value the value
   */
  public void bindBlob(String name, byte[] value) {
    bindBlob(index(name), value);
  }

  /**
   * Binds an object to a named parameter, as {@link #bind(int, Object)} does.
   *
   * @param name of the parameter, with or without its prefix
   * @param value the value, or null
   * @throws IllegalArgumentException if the object is of a class that cannot be bound, or does not fit
   */
  public void bind(String name, Object value) {
    bind(index(name), value);
  }

  /**
   * Sets all parameters to NULL.
   *
   * @throws IllegalStateException if the statement is on a row: {@link #reset} it first
   */
  public void clearBindings() {
    toBind().parameters.clear();
    Cleanup.keepAlive(this);
  }

  /** {@return the number of parameters: the highest index that can be bound} */
  public int parameterCount() {
    checkOpen();
    return statement.parameters.count;
  }

  /**
   * Returns the name of a parameter.
   *
   * @param index its index, from 1
   * @return the name with its first character, such as {@code :id} or {@code ?3}; null if the parameter is a plain
   *     {@code ?}
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter
   */
  public String parameterName(int index) {
    enter();
    try {
      return ParameterNames.name(statement, statement.parameter(index) + 1);
    } finally {
      exit();
    }
  }

  // ---- batches ----

  /**
   * Adds the current values of the parameters to the batch: {@link #executeBatch} runs the statement once with them.
   * They stay bound, so that for the next row only those need be bound that differ. This object keeps the rows, in
   * about as many bytes as their values have, and 9 for each value.
   *
   * @throws IllegalStateException if the statement is on a row: {@link #reset} it first
   */
  public void addBatch() {
    toBind().addBatch();
    Cleanup.keepAlive(this);
  }

  /**
   * Runs the statement once for each row of the batch, in their order, in one call. All of it is done, or nothing: it
   * runs in a transaction of its own, or, if one is open, within a savepoint. Rows that the statement gives are
   * dropped.
   *
   * <pre>{@code
   * try (SqliteStatement s = connection.prepare("INSERT INTO person VALUES (?, ?)")) {
   *   for (Person p : people) {
   *     s.bindLong(1, p.id());
   *     s.bindText(2, p.name());
   *     s.addBatch();
   *   }
   *   s.executeBatch();
   * }
   * }</pre>
   *
   * <p>Afterwards the batch is empty. It is so after an error, too, unless nothing was begun, since another
   * connection held the write lock or there was no memory for the batch.
   *
   * @return how many rows were inserted, changed or deleted, those changed by triggers and foreign key actions not
   *     counted
   * @throws SqliteException if the statement fails for one of them; what those before it did is rolled back, and
   *     {@link SqliteException#batchIndex} tells which one it was
   * @throws SqliteBusyException if another connection held the write lock for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached; then SQLite has rolled back a transaction that was
   *     open, too
   * @throws IllegalStateException if the statement is on a row: {@link #reset} it first
   */
  public long executeBatch() {
    toBind();
    enter();
    try {
      return handle.runBatch(statement);
    } finally {
      exit();
    }
  }

  /** Drops the rows of the batch. The parameters stay bound. */
  public void clearBatch() {
    checkOpen();
    statement.parameters.clearBatch();
    Cleanup.keepAlive(this);
  }

  /** {@return the number of rows in the batch} */
  public int batchSize() {
    checkOpen();
    return statement.parameters.rows();
  }

  // ---- rows ----

  /**
   * Goes to the next row. If that was not read ahead, SQLite runs to it; see {@linkplain SqliteStatement Rows read
   * ahead}.
   *
   * @return true if there is one; false at the end, after which a further call starts over
   * @throws SqliteException if the statement fails, after which a further call starts over
   * @throws SqliteBusyException if another connection held the write lock for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalStateException if there is a batch that was not executed
   */
  public boolean step() {
    if (statement.nextHere()) {
      Cleanup.keepAlive(this);
      return true;
    }
    enter();
    try {
      return statement.step();
    } finally {
      exit();
    }
  }

  /**
   * Puts the statement back to before its first row. Bindings stay.
   *
   * @throws SqliteException if the statement changes something, was on one of many rows (of a RETURNING), and that
   *     could not be committed
   */
  public void reset() {
    statement.enterUninterruptibly();
    try {
      statement.reset();
    } finally {
      exit();
    }
  }

  /**
   * Returns a column's value as an integer; see {@linkplain SqliteStatement Reading}. NULL becomes 0, a
   * floating-point number is cut off, a text is read as far as it is a number.
   *
   * @param column of the current row, from 0
   * @return the value
   */
  public long getLong(int column) {
    Rows rows = row(column);
    long value = rows.type(column) == SQLITE_DATA_INTEGER
        ? rows.integer(column) : ColumnValues.convertedLong(statement, column);
    Cleanup.keepAlive(this);
    return value;
  }

  /**
   * {@return the lower 32 bits of what {@link #getLong} returns}
   *
   * @param column of the current row, from 0
   */
  public int getInt(int column) {
    return (int) getLong(column);
  }

  /**
   * {@return whether {@link #getLong} returns anything but 0}
   *
   * @param column of the current row, from 0
   */
  public boolean getBoolean(int column) {
    return getLong(column) != 0;
  }

  /**
   * Returns a column's value as a floating-point number; see {@linkplain SqliteStatement Reading}. NULL becomes 0, a
   * text is read as far as it is a number.
   *
   * @param column of the current row, from 0
   * @return the value
   */
  public double getDouble(int column) {
    Rows rows = row(column);
    double value = rows.type(column) == SQLITE_DATA_FLOAT
        ? rows.real(column) : ColumnValues.convertedDouble(statement, column);
    Cleanup.keepAlive(this);
    return value;
  }

  /**
   * Returns a column's value as text; see {@linkplain SqliteStatement Reading}. A number becomes its text, the bytes
   * of a blob are taken as UTF-8. What is not valid UTF-8 becomes U+FFFD; {@link #getBlob} returns the exact bytes of
   * a text, too.
   *
   * @param column of the current row, from 0
   * @return the value; null for NULL
   */
  public String getText(int column) {
    Rows rows = row(column);
    String value = rows.type(column) == SQLITE_DATA_TEXT && rows.length(column) != Native.ROWS_ELSEWHERE
        ? rows.text(column) : ColumnValues.convertedText(statement, column);
    Cleanup.keepAlive(this);
    return value;
  }

  /**
   * Returns a column's value as bytes; see {@linkplain SqliteStatement Reading}. Those of a text are its UTF-8, those
   * of a number are the UTF-8 of its text.
   *
   * @param column of the current row, from 0
   * @return a new array; null for NULL, an empty one for an empty blob
   */
  public byte[] getBlob(int column) {
    Rows rows = row(column);
    byte[] value = rows.isHere(column) ? rows.copy(column) : ColumnValues.convertedBlob(statement, column);
    Cleanup.keepAlive(this);
    return value;
  }

  /**
   * Returns the bytes that {@link #getBlob} returns, without a copy if they are at most 1024.
   *
   * @param column of the current row, from 0
   * @return a read-only buffer, from its position to its limit; null for NULL. It is valid until the statement is
   *     stepped, reset or closed; later it may show other bytes
   */
  public ByteBuffer getBuffer(int column) {
    Rows rows = row(column);
    ByteBuffer value = null;
    if (rows.isHere(column)) {
      value = ByteBuffer.wrap(rows.memory, rows.start(column), rows.length(column)).slice().asReadOnlyBuffer();
    } else if (rows.type(column) != SQLITE_DATA_NULL) {
      value = ByteBuffer.wrap(ColumnValues.convertedBlob(statement, column)).asReadOnlyBuffer();
    }
    Cleanup.keepAlive(this);
    return value;
  }

  /**
   * Copies the bytes that {@link #getBlob} returns into an array.
   *
   * @param column of the current row, from 0
   * @param to where they go
   * @param start index of the first
   * @return how many there were; -1 for NULL
   * @throws IndexOutOfBoundsException if the array has not so much room; its message says how many bytes there are, as
   *     {@link #getLength} does, and nothing was copied
   */
  public int getBytes(int column, byte[] to, int start) {
    int n = row(column).type(column) == SQLITE_DATA_NULL ? -1 : ColumnValues.copy(statement, column, to, start);
    Cleanup.keepAlive(this);
    return n;
  }

  /**
   * {@return how many bytes {@link #getBlob} would return; 0 for NULL}
   *
   * @param column of the current row, from 0
   */
  public int getLength(int column) {
    int n = row(column).type(column) == SQLITE_DATA_NULL ? 0 : ColumnValues.length(statement, column);
    Cleanup.keepAlive(this);
    return n;
  }

  /**
   * Returns a column's value as the object that fits its type; see {@linkplain SqliteStatement Reading}.
   *
   * @param column of the current row, from 0
   * @return a {@link Long}, {@link Double}, {@link String} or {@code byte[]}; null for NULL
   */
  public Object getObject(int column) {
    switch (getColumnType(column)) {
      case SQLITE_DATA_INTEGER:
        return getLong(column);
      case SQLITE_DATA_FLOAT:
        return getDouble(column);
      case SQLITE_DATA_TEXT:
        return getText(column);
      case SQLITE_DATA_BLOB:
        return getBlob(column);
      default:
        return null;
    }
  }

  /**
   * {@return whether a column's value is NULL; see {@linkplain SqliteStatement Reading}}
   *
   * @param column of the current row, from 0
   */
  public boolean isNull(int column) {
    return getColumnType(column) == SQLITE_DATA_NULL;
  }

  /**
   * Returns the type of a column's value in the current row; see {@linkplain SqliteStatement Reading}.
   *
   * @param column of the current row, from 0
   * @return {@link #SQLITE_DATA_INTEGER}, {@link #SQLITE_DATA_FLOAT}, {@link #SQLITE_DATA_TEXT}, {@link
   *     #SQLITE_DATA_BLOB} or {@link #SQLITE_DATA_NULL}
   */
  public int getColumnType(int column) {
    int type = row(column).type(column);
    Cleanup.keepAlive(this);
    return type;
  }

  /**
   * Sets whether rows may be read ahead, from the next start of the statement on. If not, each {@link #step} runs
   * SQLite to one row and no further. Which version the rows are of, and for how long the connection keeps it, is the
   * same in both ways. One thing is not: if rows are read ahead, the first step of a statement that changes something
   * and returns rows runs it to its end, and commits it outside a transaction; if not, the last step does.
   *
   * @param allowed true to read ahead, which is the default
   */
  public void readAhead(boolean allowed) {
    enter();
    try {
      statement.readAhead = allowed;
    } finally {
      exit();
    }
  }

  // ---- columns, SQL and connection ----

  /** {@return the number of columns of a row; 0 if the statement gives no rows} */
  public int getColumnCount() {
    enter();
    try {
      return Native.columnCount(statement.address);
    } finally {
      exit();
    }
  }

  /**
   * Returns the name of a column: that which AS gives it, or else the one that SQLite makes.
   *
   * @param column from 0; there need not be a row
   * @return the name
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such column
   */
  public String getColumnName(int column) {
    enter();
    try {
      int count = Native.columnCount(statement.address);
      if (column < 0 || column >= count) {
        throw ColumnValues.noColumn(statement, column, count);
      }
      return ColumnValues.name(statement, column);
    } finally {
      exit();
    }
  }

  /** {@return the names of all columns, in order, as an unmodifiable list} */
  public List<String> getColumnNames() {
    enter();
    try {
      String[] all = new String[Native.columnCount(statement.address)];
      for (int i = 0; i < all.length; i++) {
        all[i] = ColumnValues.name(statement, i);
      }
      return Collections.unmodifiableList(Arrays.asList(all));
    } finally {
      exit();
    }
  }

  /** {@return the SQL that was prepared, as it was given; after close, too} */
  public String sql() {
    return statement.sql;
  }

  /** {@return the connection that prepared the statement; after close, too} */
  public SqliteConnection connection() {
    return connection;
  }

  /**
   * Closes the statement; waits for another thread's call. Does nothing if it is closed already.
   *
   * @throws SqliteException if the statement changes something, was on one of many rows (of a RETURNING), and that
   *     could not be committed; it is closed nevertheless
   */
  @Override
  public void close() {
    try {
      handle.close(statement);
    } finally {
      if (statement.closed) { // else it can still be forgotten
        cleanup.cancel();
      }
    }
  }

  @Override
  public String toString() {
    return "SqliteStatement[" + statement.sql + "]";
  }

  // ---- lock and checks ----

  private void enter() {
    statement.enter();
  }

  private void exit() {
    handle.exit();
    Cleanup.keepAlive(this);
  }

  private void checkOpen() {
    if (statement.closed) {
      enter(); // says what is closed
      exit();
    }
  }

  /** Returns the statement if its parameters can be bound now, else throws. */
  private StatementHandle toBind() {
    if (statement.closed || statement.onRow) {
      checkOpen();
      throw new IllegalStateException("statement is on a row: reset() it before parameters are bound: "
          + statement.sql);
    }
    return statement;
  }

  /** Returns the rows if there is a current one and it has that column, else throws. */
  private Rows row(int column) {
    if (statement.closed || !statement.onRow || column < 0 || column >= statement.rows.columns()) {
      checkOpen();
      throw statement.onRow ? ColumnValues.noColumn(statement, column, statement.rows.columns()) : statement.noRow();
    }
    return statement.rows;
  }

  private int index(String name) {
    enter();
    try {
      if (names == null) {
        names = new ParameterNames(statement);
      }
      return names.index(name);
    } finally {
      exit();
    }
  }
}
