package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A prepared statement. Names and index bases are those of androidx.sqlite: parameters are counted <b>from 1</b>,
 * columns <b>from 0</b>.
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
 * {@link #reset} puts it back to the start; so do {@code step} and {@code bind} after the end. Bindings stay until
 * they are changed or cleared. While it is on a row, the statement keeps its connection's read transaction open, and
 * with it the version that it reads: reset or close it in time.
 *
 * <p><b>Rows read ahead.</b> One call of SQLite brings many rows, in the end some hundred; the steps through them and the reading of their values are
 * cheap. It begins with one, so that a query of which only the first row is wanted costs no more than that; each further call brings up to twice as
 * many as the one before, as long as that is quick. A query that can have only one row is then over for SQLite, too. For the program nothing changes:
 * <ul>
 * <li>All rows of a query are of the version that the first is of, and until it has left the last row, other statements of the connection read that version,
 *     too, unless they write.
 * <li>An error that comes behind some rows comes behind them here, too.
 * <li>A statement that changes something has done all of it with its first step, and is committed if no transaction is open; should
 *     that fail, the first step fails. (Only one that gives more rows than fit into 16 KB stays open, until its last row or {@link #reset}.)
 * <li>An {@linkplain SqliteConnection#interrupt interrupt} ends the rows that were read ahead, too.
 * </ul>
 * What this <em>connection</em> changes while a statement is on a row may be seen by the rows that follow, or not; SQLite leaves that open, and rows that were read
 * ahead do not show it, nor that a transaction was rolled back. After such a change a statement goes on with one row a call: so a loop that changes the
 * row it is on, or deletes the next, does what it does in SQLite. {@link #readAhead readAhead(false)} has each step run SQLite to
 * one row and no further. There, as in SQLite, {@code VACUUM} is refused beside a query on its last row that reads no
 * table, and a query goes no further with {@code SQLITE_ABORT} after the roll-back of a change of the schema; rows that
 * were read ahead come all the same.
 *
 * <p><b>Threads.</b> Of a connection and its statements, one call runs at a time; a second thread waits. But steps,
 * the reading of columns and the binding of parameters are separate calls: threads that share a statement must agree on who uses it when.
 *
 * <p><b>Closing.</b> By {@link #close}, or with the connection. A statement that is forgotten is closed after the
 * garbage collector found it.
 *
 * <p><b>Errors.</b> All methods but {@code close}, {@code sql} and {@code connection} throw an {@link IllegalStateException} if the
 * statement or its connection is closed.
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

  private static final String PREFIXES = ":@$";
  private static final byte[] EMPTY = {};

  private final SqliteConnection connection; // keeps it reachable
  private final ConnectionHandle handle;
  private final StatementHandle statement;
  private final Cleanup cleanup;

  /** Index by parameter name; null until one is looked up. Under the connection's lock. */
  private Map<String, Integer> parameters;

  SqliteStatement(SqliteConnection connection, StatementHandle statement) {
    this.connection = connection;
    this.handle = statement.connection;
    this.statement = statement;
    this.cleanup = Cleanup.register(this, () -> statement.connection.forget(statement));
  }

  // ---- parameters ----

  /**
   * Sets a parameter to NULL.
   *
   * @param index of the parameter, from 1
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void bindNull(int index) {
    StatementHandle to = toBind();
    to.parameters.setNull(to.parameter(index));
    Cleanup.keepAlive(this);
  }

  /**
   * Sets a parameter to an integer.
   *
   * @param index of the parameter, from 1
   * @param value the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void bindLong(int index, long value) {
    StatementHandle to = toBind();
    to.parameters.setLong(to.parameter(index), value);
    Cleanup.keepAlive(this);
  }

  /**
   * Sets a parameter to an integer.
   *
   * @param index of the parameter, from 1
   * @param value the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void bindInt(int index, int value) {
    bindLong(index, value);
  }

  /**
   * Sets a parameter to 1 for true and 0 for false.
   *
   * @param index of the parameter, from 1
   * @param value the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void bindBoolean(int index, boolean value) {
    bindLong(index, value ? 1 : 0);
  }

  /**
   * Sets a parameter to a floating-point number. SQLite makes NULL of NaN.
   *
   * @param index of the parameter, from 1
   * @param value the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void bindDouble(int index, double value) {
    StatementHandle to = toBind();
    to.parameters.setDouble(to.parameter(index), value);
    Cleanup.keepAlive(this);
  }

  /**
   * Sets a parameter to a text. Every text comes back as it was, one with NUL characters too. (In a database whose
   * encoding is UTF-16, SQLite makes U+FFFD of U+FFFE and U+FFFF, which are no characters.)
   *
   * @param index of the parameter, from 1
   * @param value the value
   * @throws IllegalArgumentException if the text has a lone surrogate, which UTF-8 cannot hold
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter; {@code SQLITE_TOOBIG} for more bytes
   *     of UTF-8 than {@link SqliteLimit#LENGTH} allows; {@code SQLITE_NOMEM}
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void bindText(int index, String value) {
    toBind().setText(index, value);
    Cleanup.keepAlive(this);
  }

  /**
   * Sets a parameter to bytes. They are copied.
   *
   * @param index of the parameter, from 1
   * @param value the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter; {@code SQLITE_TOOBIG} for more bytes
   *     than {@link SqliteLimit#LENGTH} allows; {@code SQLITE_NOMEM}
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void bindBlob(int index, byte[] value) {
    toBind().setBytes(index, SQLITE_DATA_BLOB, value, 0, value.length);
    Cleanup.keepAlive(this);
  }

  /**
   * Sets a parameter to an object:
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
   * @throws SqliteException as the method for its type does
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void bind(int index, Object value) {
    Object converted = Values.convert(index, value);
    Values.bind(toBind(), index, converted);
    Cleanup.keepAlive(this);
  }

  /**
   * Sets all parameters, the first value being that of parameter 1.
   *
   * @param values as many as there are parameters, as {@link #bind(int, Object)} takes them
   * @throws IllegalArgumentException if there are more or fewer values than parameters, or one cannot be bound
   * @throws SqliteException as {@link #bind(int, Object)} does
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void bindAll(Object... values) {
    Object[] converted = Values.convertAll(values);
    Values.bindAll(toBind(), converted);
    Cleanup.keepAlive(this);
  }

  /**
   * Sets a parameter to NULL.
   *
   * @param name of the parameter, with its prefix ({@code :a}, {@code @a}, {@code $a}) or without ({@code a})
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter
   * @throws IllegalStateException as {@link #bindNull(int)} does
   */
  public void bindNull(String name) {
    bindNull(index(name));
  }

  /**
   * Sets a parameter to an integer.
   *
   * @param name of the parameter, with its prefix ({@code :a}, {@code @a}, {@code $a}) or without ({@code a})
   * @param value the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter
   * @throws IllegalStateException as {@link #bindLong(int, long)} does
   */
  public void bindLong(String name, long value) {
    bindLong(index(name), value);
  }

  /**
   * Sets a parameter to an integer.
   *
   * @param name of the parameter, with its prefix ({@code :a}, {@code @a}, {@code $a}) or without ({@code a})
   * @param value the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter
   * @throws IllegalStateException as {@link #bindInt(int, int)} does
   */
  public void bindInt(String name, int value) {
    bindLong(index(name), value);
  }

  /**
   * Sets a parameter to 1 for true and 0 for false.
   *
   * @param name of the parameter, with its prefix ({@code :a}, {@code @a}, {@code $a}) or without ({@code a})
   * @param value the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter
   * @throws IllegalStateException as {@link #bindBoolean(int, boolean)} does
   */
  public void bindBoolean(String name, boolean value) {
    bindBoolean(index(name), value);
  }

  /**
   * Sets a parameter to a floating-point number. SQLite makes NULL of NaN.
   *
   * @param name of the parameter, with its prefix ({@code :a}, {@code @a}, {@code $a}) or without ({@code a})
   * @param value the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter
   * @throws IllegalStateException as {@link #bindDouble(int, double)} does
   */
  public void bindDouble(String name, double value) {
    bindDouble(index(name), value);
  }

  /**
   * Sets a parameter to a text.
   *
   * @param name of the parameter, with its prefix ({@code :a}, {@code @a}, {@code $a}) or without ({@code a})
   * @param value the value
   * @throws IllegalArgumentException as {@link #bindText(int, String)} does
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter; as {@link #bindText(int, String)}
   *     does
   * @throws IllegalStateException as {@link #bindText(int, String)} does
   */
  public void bindText(String name, String value) {
    bindText(index(name), value);
  }

  /**
   * Sets a parameter to bytes. They are copied.
   *
   * @param name of the parameter, with its prefix ({@code :a}, {@code @a}, {@code $a}) or without ({@code a})
   * @param value the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter; as {@link #bindBlob(int, byte[])}
   *     does
   * @throws IllegalStateException as {@link #bindBlob(int, byte[])} does
   */
  public void bindBlob(String name, byte[] value) {
    bindBlob(index(name), value);
  }

  /**
   * Sets a parameter to an object, as {@link #bind(int, Object)} does.
   *
   * @param name of the parameter, with its prefix ({@code :a}, {@code @a}, {@code $a}) or without ({@code a})
   * @param value the value, or null
   * @throws IllegalArgumentException as {@link #bind(int, Object)} does
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter; as {@link #bind(int, Object)} does
   * @throws IllegalStateException as {@link #bind(int, Object)} does
   */
  public void bind(String name, Object value) {
    bind(index(name), value);
  }

  /**
   * Sets all parameters to NULL.
   *
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void clearBindings() {
    toBind().parameters.clear();
    Cleanup.keepAlive(this);
  }

  /**
   * How many parameters there are: the highest index that can be bound.
   *
   * @return their number
   * @throws IllegalStateException if the statement is closed
   */
  public int parameterCount() {
    checkOpen();
    return statement.parameters.count;
  }

  /**
   * The name of a parameter.
   *
   * @param index its index, from 1
   * @return the name with its first character, such as {@code :id} or {@code ?3}; null if the parameter is a plain {@code ?}
   * @throws SqliteException if there is no such parameter
   * @throws IllegalStateException if the statement is closed
   */
  public String parameterName(int index) {
    enter();
    try {
      byte[] utf8 = Native.parameterName(statement.address, statement.parameter(index) + 1);
      return utf8 == null ? null : Text.decode(utf8);
    } finally {
      exit();
    }
  }

  // ---- batches ----

  /**
   * Adds the parameters, as they are bound now, to the batch: with them the statement is run once by {@link #executeBatch}. They stay bound, so
   * that only those need be bound that differ in the next row. The rows are kept in this object, in about as many bytes as their values have, and 9 for each.
   *
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void addBatch() {
    toBind().addBatch();
    Cleanup.keepAlive(this);
  }

  /**
   * Runs the statement once for each row of the batch, in their order, in one call. It is done in a transaction of its own, or, if one is open, within a
   * savepoint: all of it, or nothing. Rows that the statement gives are dropped.
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
   * <p>Afterwards the batch is empty, also after an error, unless nothing was begun: another writer was busy, or there was no memory for it.
   *
   * @return how many rows were inserted, changed or deleted, those changed by triggers and foreign key actions not counted
   * @throws SqliteException if the statement fails for one of them; what those before it did is rolled back, and {@link
   *     SqliteException#batchIndex} tells which one it was
   * @throws SqliteBusyException if another writer held the database for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached; then SQLite has rolled back a transaction that was open, too
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
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

  /**
   * Drops the rows of the batch. The parameters stay bound.
   *
   * @throws IllegalStateException if the statement is closed
   */
  public void clearBatch() {
    checkOpen();
    statement.parameters.clearBatch();
    Cleanup.keepAlive(this);
  }

  /**
   * How many rows the batch has.
   *
   * @return their number
   * @throws IllegalStateException if the statement is closed
   */
  public int batchSize() {
    checkOpen();
    return statement.parameters.rows();
  }

  // ---- rows ----

  /**
   * Goes to the next row. If it is not there already, SQLite is run to it; see <i>Rows read ahead</i> above.
   *
   * @return true if there is one; false at the end, after which a further call starts over
   * @throws SqliteException if the statement fails, after which a further call starts over
   * @throws SqliteBusyException if another writer held the database for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalStateException if the statement is closed, or has a batch that was not executed
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
   * @throws SqliteException if the statement changes something, was on one of many rows (of a RETURNING), and that could not be committed
   * @throws IllegalStateException if the statement is closed
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
   * Value of a column as an integer. SQLite converts: NULL is 0, a floating-point number is cut off, a text is read
   * as far as it is a number.
   *
   * @param column of the current row, from 0
   * @return the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such column
   * @throws IllegalStateException if the statement is closed, or not on a row
   */
  public long getLong(int column) {
    Rows rows = row(column);
    long value = rows.type(column) == SQLITE_DATA_INTEGER ? rows.integer(column) : convertedLong(rows, column);
    Cleanup.keepAlive(this);
    return value;
  }

  /**
   * Value of a column as an integer of 32 bits: the lower half of what {@link #getLong} gives.
   *
   * @param column of the current row, from 0
   * @return the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such column
   * @throws IllegalStateException if the statement is closed, or not on a row
   */
  public int getInt(int column) {
    return (int) getLong(column);
  }

  /**
   * Value of a column as a boolean: whether {@link #getLong} gives anything but 0.
   *
   * @param column of the current row, from 0
   * @return the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such column
   * @throws IllegalStateException if the statement is closed, or not on a row
   */
  public boolean getBoolean(int column) {
    return getLong(column) != 0;
  }

  /**
   * Value of a column as a floating-point number. SQLite converts: NULL is 0, a text is read as far as it is a
   * number.
   *
   * @param column of the current row, from 0
   * @return the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such column
   * @throws IllegalStateException if the statement is closed, or not on a row
   */
  public double getDouble(int column) {
    Rows rows = row(column);
    double value = rows.type(column) == SQLITE_DATA_FLOAT ? rows.real(column) : convertedDouble(rows, column);
    Cleanup.keepAlive(this);
    return value;
  }

  /**
   * Value of a column as text. SQLite converts numbers; the bytes of a blob are taken as UTF-8. What is not valid
   * UTF-8 becomes U+FFFD; {@link #getBlob} gives the exact bytes of a text too.
   *
   * @param column of the current row, from 0
   * @return the value; null for NULL
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such column; {@code SQLITE_TOOBIG} if it has more
   *     bytes than a Java array can hold; {@code SQLITE_NOMEM}
   * @throws IllegalStateException if the statement is closed, or not on a row
   */
  public String getText(int column) {
    Rows rows = row(column);
    String value = rows.type(column) == SQLITE_DATA_TEXT && rows.length(column) != Native.ROWS_ELSEWHERE ? rows.text(column) : convertedText(rows, column);
    Cleanup.keepAlive(this);
    return value;
  }

  /**
   * Value of a column as bytes. Those of a text are its UTF-8, those of a number are the UTF-8 of its text.
   *
   * @param column of the current row, from 0
   * @return a new array; null for NULL, an empty one for an empty blob
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such column; {@code SQLITE_TOOBIG} if it has more
   *     bytes than a Java array can hold; {@code SQLITE_NOMEM}
   * @throws IllegalStateException if the statement is closed, or not on a row
   */
  public byte[] getBlob(int column) {
    Rows rows = row(column);
    byte[] value = isHere(rows, column) ? copy(rows, column) : convertedBlob(rows, column);
    Cleanup.keepAlive(this);
    return value;
  }

  /**
   * Bytes of a column as {@link #getBlob} gives them, without a copy if they are at most 1024.
   *
   * @param column of the current row, from 0
   * @return a read-only buffer, from its position to its limit; null for NULL. It is valid until the statement is stepped, reset or
   *     closed; later it may show other bytes
   * @throws SqliteException as {@link #getBlob} does
   * @throws IllegalStateException if the statement is closed, or not on a row
   */
  public ByteBuffer getBuffer(int column) {
    Rows rows = row(column);
    ByteBuffer value = null;
    if (isHere(rows, column)) {
      value = ByteBuffer.wrap(rows.memory, rows.start(column), rows.length(column)).slice().asReadOnlyBuffer();
    } else if (rows.type(column) != SQLITE_DATA_NULL) {
      value = ByteBuffer.wrap(convertedBlob(rows, column)).asReadOnlyBuffer();
    }
    Cleanup.keepAlive(this);
    return value;
  }

  /**
   * Copies the bytes of a column, as {@link #getBlob} gives them, into an array.
   *
   * @param column of the current row, from 0
   * @param to where they go
   * @param start index of the first
   * @return how many there were; -1 for NULL
   * @throws IndexOutOfBoundsException if there is not so much room in the array; its message says how many bytes there are, as {@link #getLength}
   *     does, and nothing was copied
   * @throws SqliteException as {@link #getBlob} does
   * @throws IllegalStateException if the statement is closed, or not on a row
   */
  public int getBytes(int column, byte[] to, int start) {
    Rows rows = row(column);
    if (rows.type(column) == SQLITE_DATA_NULL) {
      return -1;
    }
    int n = length(rows, column);
    if (start < 0 || n > to.length - start) {
      throw new IndexOutOfBoundsException("column " + column + " has " + n + " bytes, and from index " + start + " an array of "
          + to.length + " has no room for them");
    }
    if (isHere(rows, column)) {
      System.arraycopy(rows.memory, rows.start(column), to, start, n);
    } else if (isBytes(rows, column)) {
      n = copyElsewhere(column, to, start, n);
    } else {
      System.arraycopy(convertedBlob(rows, column), 0, to, start, n);
    }
    Cleanup.keepAlive(this);
    return n;
  }

  /**
   * How many bytes {@link #getBlob} would give.
   *
   * @param column of the current row, from 0
   * @return their number; 0 for NULL
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such column; {@code SQLITE_NOMEM}
   * @throws IllegalStateException if the statement is closed, or not on a row
   */
  public int getLength(int column) {
    Rows rows = row(column);
    int n = rows.type(column) == SQLITE_DATA_NULL ? 0 : length(rows, column);
    Cleanup.keepAlive(this);
    return n;
  }

  /**
   * Value of a column as the object that fits its type.
   *
   * @param column of the current row, from 0
   * @return a {@link Long}, {@link Double}, {@link String} or {@code byte[]}; null for NULL
   * @throws SqliteException as {@link #getText} does
   * @throws IllegalStateException if the statement is closed, or not on a row
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
   * Whether a column is NULL.
   *
   * @param column of the current row, from 0
   * @return true if so
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such column
   * @throws IllegalStateException if the statement is closed, or not on a row
   */
  public boolean isNull(int column) {
    return getColumnType(column) == SQLITE_DATA_NULL;
  }

  /**
   * Type of a column's value in the current row.
   *
   * @param column of the current row, from 0
   * @return {@link #SQLITE_DATA_INTEGER}, {@link #SQLITE_DATA_FLOAT}, {@link #SQLITE_DATA_TEXT}, {@link
   *     #SQLITE_DATA_BLOB} or {@link #SQLITE_DATA_NULL}
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such column
   * @throws IllegalStateException if the statement is closed, or not on a row
   */
  public int getColumnType(int column) {
    int type = row(column).type(column);
    Cleanup.keepAlive(this);
    return type;
  }

  /**
   * Says whether rows may be read ahead. If not, each {@link #step} runs SQLite to one row and no further. Which version the rows are of, and for how long
   * the connection keeps it, is the same in both ways. One thing is not: a statement that changes something and returns rows is run to its end, and outside a
   * transaction committed, by its first step if rows are read ahead, and by its last one if not.
   *
   * @param allowed true, as it is at first; from the next time that the statement is started
   * @throws IllegalStateException if the statement is closed
   */
  public void readAhead(boolean allowed) {
    enter();
    try {
      statement.readAhead = allowed;
    } finally {
      exit();
    }
  }

  // ---- what it is ----

  /**
   * How many columns a row has.
   *
   * @return their number; 0 if the statement gives no rows
   * @throws IllegalStateException if the statement is closed
   */
  public int getColumnCount() {
    enter();
    try {
      return Native.columnCount(statement.address);
    } finally {
      exit();
    }
  }

  /**
   * Name of a column, as given by AS, or as SQLite makes it.
   *
   * @param column from 0; there need not be a row
   * @return the name
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such column
   * @throws IllegalStateException if the statement is closed
   */
  public String getColumnName(int column) {
    enter();
    try {
      int count = Native.columnCount(statement.address);
      if (column < 0 || column >= count) {
        throw noColumn(column, count);
      }
      return name(column);
    } finally {
      exit();
    }
  }

  /**
   * Names of all columns, in order.
   *
   * @return an unmodifiable list
   * @throws IllegalStateException if the statement is closed
   */
  public List<String> getColumnNames() {
    enter();
    try {
      String[] names = new String[Native.columnCount(statement.address)];
      for (int i = 0; i < names.length; i++) {
        names[i] = name(i);
      }
      return Collections.unmodifiableList(Arrays.asList(names));
    } finally {
      exit();
    }
  }

  /**
   * The SQL that was prepared. It may be asked for after close too.
   *
   * @return the text, as it was given
   */
  public String sql() {
    return statement.sql;
  }

  /**
   * The connection that it was prepared by. It may be asked for after close too.
   *
   * @return the connection
   */
  public SqliteConnection connection() {
    return connection;
  }

  /**
   * Closes the statement; waits for another thread's call. Does nothing if it is closed already.
   *
   * @throws SqliteException if the statement changes something, was on one of many rows (of a RETURNING), and that could not be committed;
   *     it is closed nevertheless
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
    handle.enter();
    if (statement.address == 0) {
      handle.exit();
      throw new IllegalStateException("statement is closed: " + statement.sql);
    }
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

  private StatementHandle toBind() {
    if (statement.closed || statement.onRow) {
      checkOpen();
      throw new IllegalStateException("statement is on a row: reset() it before parameters are bound: " + statement.sql);
    }
    return statement;
  }

  /** The rows, whose current one has that column. */
  private Rows row(int column) {
    if (statement.closed || !statement.onRow || column < 0 || column >= statement.rows.columns()) {
      checkOpen();
      throw statement.onRow ? noColumn(column, statement.rows.columns()) : statement.noRow();
    }
    return statement.rows;
  }

  // ---- values ----

  private SqliteException noColumn(int column, int count) {
    return SqliteException.of(SqliteCodes.RANGE, "there is no column " + column + ": the statement has "
        + (count == 0 ? "none" : count == 1 ? "only column 0" : "0 to " + (count - 1)), statement.sql, -1);
  }

  private static boolean isBytes(Rows rows, int column) {
    int type = rows.type(column);
    return type == SQLITE_DATA_TEXT || type == SQLITE_DATA_BLOB;
  }

  /** Whether it is a text or blob whose bytes are in the row's memory. */
  private static boolean isHere(Rows rows, int column) {
    return isBytes(rows, column) && rows.length(column) != Native.ROWS_ELSEWHERE;
  }

  private int length(Rows rows, int column) {
    return isHere(rows, column) ? rows.length(column)
        : isBytes(rows, column) ? copyElsewhere(column, EMPTY, 0, 0)
        : convertedBlob(rows, column).length;
  }

  /** Copies up to n bytes that SQLite has, and returns how many there are. */
  private int copyElsewhere(int column, byte[] to, int start, int n) {
    enterRow(column);
    try {
      handle.out[0] = SqliteCodes.OK;
      int length = Native.columnBytes(statement.address, column, to, start, n, handle.out);
      checkConverted(column);
      return length;
    } finally {
      exit();
    }
  }

  private static byte[] copy(Rows rows, int column) {
    int start = rows.start(column);
    int n = rows.length(column);
    return n == 0 ? EMPTY : Arrays.copyOfRange(rows.memory, start, start + n);
  }

  private long convertedLong(Rows rows, int column) {
    switch (rows.type(column)) {
      case SQLITE_DATA_NULL:
        return 0;
      case SQLITE_DATA_FLOAT:
        return (long) rows.real(column);
      default:
    }
    enterRow(column);
    try {
      if (isHere(rows, column)) {
        return Native.bytesToLong(handle.address(), rows.type(column), rows.memory, rows.start(column), rows.length(column));
      }
      handle.out[0] = SqliteCodes.OK;
      long value = Native.columnLong(statement.address, column, handle.out);
      checkConverted(column);
      return value;
    } finally {
      exit();
    }
  }

  private double convertedDouble(Rows rows, int column) {
    switch (rows.type(column)) {
      case SQLITE_DATA_NULL:
        return 0;
      case SQLITE_DATA_INTEGER:
        return (double) rows.integer(column);
      default:
    }
    enterRow(column);
    try {
      if (isHere(rows, column)) {
        return Native.bytesToDouble(handle.address(), rows.type(column), rows.memory, rows.start(column), rows.length(column));
      }
      handle.out[0] = SqliteCodes.OK;
      double value = Native.columnDouble(statement.address, column, handle.out);
      checkConverted(column);
      return value;
    } finally {
      exit();
    }
  }

  private String convertedText(Rows rows, int column) {
    switch (rows.type(column)) {
      case SQLITE_DATA_NULL:
        return null;
      case SQLITE_DATA_INTEGER:
        return Long.toString(rows.integer(column));
      case SQLITE_DATA_BLOB:
        return isHere(rows, column) ? rows.text(column) : Text.decode(elsewhere(rows, column));
      case SQLITE_DATA_FLOAT:
        return Text.decode(realText(rows, column));
      default:
        return Text.decode(elsewhere(rows, column));
    }
  }

  private byte[] convertedBlob(Rows rows, int column) {
    switch (rows.type(column)) {
      case SQLITE_DATA_NULL:
        return null;
      case SQLITE_DATA_INTEGER:
        return Long.toString(rows.integer(column)).getBytes(UTF_8);
      case SQLITE_DATA_FLOAT:
        return realText(rows, column);
      default:
        return elsewhere(rows, column);
    }
  }

  private byte[] realText(Rows rows, int column) {
    enterRow(column);
    try {
      return Native.doubleToText(handle.address(), rows.real(column));
    } finally {
      exit();
    }
  }

  /** A copy of bytes that SQLite has: its statement is on the row of which they are. */
  private byte[] elsewhere(Rows rows, int column) {
    enterRow(column);
    try {
      handle.out[0] = SqliteCodes.OK;
      byte[] bytes = rows.type(column) == SQLITE_DATA_BLOB
          ? Native.columnBlob(statement.address, column, handle.out)
          : Native.columnText(statement.address, column, handle.out);
      checkColumn(bytes, column);
      return bytes;
    } finally {
      exit();
    }
  }

  /** Takes the lock. Another thread may have been there since the row was looked at. */
  private void enterRow(int column) {
    enter();
    if (!statement.onRow || column >= statement.rows.columns()) {
      RuntimeException e = statement.noRow();
      exit();
      throw e;
    }
  }

  private void checkConverted(int column) {
    if (handle.out[0] != SqliteCodes.OK) {
      throw noMemory(column);
    }
  }

  private SqliteException noMemory(int column) {
    return SqliteException.of(SqliteCodes.NOMEM, "no memory for the value of column " + column, statement.sql, -1);
  }

  private void checkColumn(byte[] bytes, int column) {
    if (bytes != null) {
      return;
    }
    if (handle.out[0] == SqliteCodes.TOOBIG) {
      throw SqliteException.of(SqliteCodes.TOOBIG, "column " + column + " has more bytes than a Java array can hold;"
          + " read it in parts with substr()", statement.sql, -1);
    }
    throw noMemory(column);
  }

  private String name(int column) {
    byte[] utf8 = Native.columnName(statement.address, column);
    if (utf8 == null) {
      throw SqliteException.of(SqliteCodes.NOMEM, "no memory for the name of column " + column, statement.sql, -1);
    }
    return Text.decode(utf8);
  }

  private int index(String name) {
    enter();
    try {
      if (parameters == null) {
        parameters = parametersByName();
      }
      Integer index = parameters.get(name);
      if (index == null) {
        throw SqliteException.of(SqliteCodes.RANGE, "there is no parameter " + Text.quote(name)
            + ": the statement has " + (parameters.isEmpty() ? "none with a name" : parameterNames()), statement.sql, -1);
      }
      return index;
    } finally {
      exit();
    }
  }

  /**
   * With and without prefix. A name without prefix stands for the first parameter that has it, in the order {@code
   * :@$}.
   */
  private Map<String, Integer> parametersByName() {
    Map<String, Integer> byName = new HashMap<>();
    int count = statement.parameters.count;
    for (int i = 1; i <= count; i++) {
      byte[] utf8 = Native.parameterName(statement.address, i);
      if (utf8 != null) {
        byName.put(Text.decode(utf8), i);
      }
    }
    for (int p = 0; p < PREFIXES.length(); p++) {
      for (String name : new ArrayList<>(byName.keySet())) {
        if (name.charAt(0) == PREFIXES.charAt(p)) {
          byName.putIfAbsent(name.substring(1), byName.get(name));
        }
      }
    }
    return byName;
  }

  private String parameterNames() {
    List<String> names = new ArrayList<>();
    int count = statement.parameters.count;
    for (int i = 1; i <= count; i++) {
      byte[] utf8 = Native.parameterName(statement.address, i);
      if (utf8 != null) {
        names.add(Text.decode(utf8));
      }
    }
    return String.join(", ", names);
  }
}
