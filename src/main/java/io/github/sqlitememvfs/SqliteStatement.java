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
 * <p><b>Threads.</b> Of a connection and its statements, one call runs at a time; a second thread waits. But steps
 * and the reading of columns are separate calls: threads that share a statement must agree on who uses it when.
 *
 * <p><b>Closing.</b> By {@link #close}, or with the connection. A statement that is forgotten is closed after the
 * garbage collector found it.
 *
 * <p><b>Errors.</b> All methods but {@code close} and {@code sql} throw an {@link IllegalStateException} if the
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
    enterToBind();
    try {
      statement.check(Native.bindNull(statement.address, index), index);
    } finally {
      exit();
    }
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
    enterToBind();
    try {
      statement.check(Native.bindLong(statement.address, index, value), index);
    } finally {
      exit();
    }
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
    enterToBind();
    try {
      statement.check(Native.bindDouble(statement.address, index, value), index);
    } finally {
      exit();
    }
  }

  /**
   * Sets a parameter to a text. Every text comes back as it was, one with NUL characters too. (In a database whose
   * encoding is UTF-16, SQLite makes U+FFFD of U+FFFE and U+FFFF, which are no characters.)
   *
   * @param index of the parameter, from 1
   * @param value the value
   * @throws IllegalArgumentException if the text has a lone surrogate, which UTF-8 cannot hold
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter; {@code SQLITE_TOOBIG} for more than
   *     1,000,000,000 bytes of UTF-8; {@code SQLITE_NOMEM}
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void bindText(int index, String value) {
    byte[] utf8 = Values.utf8(0, value);
    enterToBind();
    try {
      statement.check(Native.bindText(statement.address, index, utf8), index);
    } finally {
      exit();
    }
  }

  /**
   * Sets a parameter to bytes. They are copied.
   *
   * @param index of the parameter, from 1
   * @param value the value
   * @throws SqliteException {@code SQLITE_RANGE} if there is no such parameter; {@code SQLITE_TOOBIG} for more than
   *     1,000,000,000 bytes; {@code SQLITE_NOMEM}
   * @throws IllegalStateException if the statement is closed, or on a row: {@link #reset} it first
   */
  public void bindBlob(int index, byte[] value) {
    int n = value.length;
    enterToBind();
    try {
      statement.check(Native.bindBlob(statement.address, index, value, 0, n), index);
    } finally {
      exit();
    }
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
    enterToBind();
    try {
      statement.check(Values.bind(statement.address, index, converted), index);
    } finally {
      exit();
    }
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
    enterToBind();
    try {
      statement.bindAll(converted);
    } finally {
      exit();
    }
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
    enterToBind();
    try {
      Native.clearBindings(statement.address);
    } finally {
      exit();
    }
  }

  /**
   * How many parameters there are: the highest index that can be bound.
   *
   * @return their number
   * @throws IllegalStateException if the statement is closed
   */
  public int parameterCount() {
    enter();
    try {
      return Native.parameterCount(statement.address);
    } finally {
      exit();
    }
  }

  // ---- rows ----

  /**
   * Runs the statement to its next row.
   *
   * @return true if there is one; false at the end, after which a further call starts over
   * @throws SqliteException if the statement fails, after which a further call starts over
   * @throws SqliteBusyException if another writer held the database for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalStateException if the statement is closed
   */
  public boolean step() {
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
   * @throws IllegalStateException if the statement is closed
   */
  public void reset() {
    enter();
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
    int at = enterColumn(column);
    try {
      return type(at) == SQLITE_DATA_INTEGER
          ? statement.row.getLong(at + 8)
          : convertedLong(column);
    } finally {
      exit();
    }
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
    int at = enterColumn(column);
    try {
      return doubleAt(at, column);
    } finally {
      exit();
    }
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
    int at = enterColumn(column);
    try {
      return textAt(at, column);
    } finally {
      exit();
    }
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
    int at = enterColumn(column);
    try {
      return blobAt(at, column);
    } finally {
      exit();
    }
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
    int at = enterColumn(column);
    try {
      switch (type(at)) {
        case SQLITE_DATA_INTEGER:
          return statement.row.getLong(at + 8);
        case SQLITE_DATA_FLOAT:
          return doubleAt(at, column);
        case SQLITE_DATA_TEXT:
          return textAt(at, column);
        case SQLITE_DATA_BLOB:
          return blobAt(at, column);
        default:
          return null;
      }
    } finally {
      exit();
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
    int at = enterColumn(column);
    try {
      return type(at);
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

  /** Closes the statement; waits for another thread's call. Does nothing if it is closed already. */
  @Override
  public void close() {
    cleanup.cancel();
    handle.close(statement);
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

  private void enterToBind() {
    enter();
    if (statement.onRow) {
      exit();
      throw new IllegalStateException("statement is on a row: reset() it before parameters are bound: " + statement.sql);
    }
    if (statement.ended) {
      statement.reset();
    }
  }

  /** Takes the lock, and returns where in the row's memory the column is. */
  private int enterColumn(int column) {
    enter();
    if (!statement.onRow || column < 0 || column >= statement.columns) {
      RuntimeException e = statement.onRow ? noColumn(column, statement.columns) : statement.noRow();
      exit();
      throw e;
    }
    return Native.ROW_HEADER + column * Native.ROW_COLUMN;
  }

  // ---- under the lock ----

  private SqliteException noColumn(int column, int count) {
    return SqliteException.of(SqliteCodes.RANGE, "there is no column " + column + ": the statement has "
        + (count == 0 ? "none" : count == 1 ? "only column 0" : "0 to " + (count - 1)), statement.sql, -1);
  }

  private int type(int at) {
    return statement.row.getInt(at);
  }

  private double doubleAt(int at, int column) {
    if (type(at) == SQLITE_DATA_FLOAT) {
      return statement.row.getDouble(at + 8);
    }
    handle.out[0] = SqliteCodes.OK;
    double value = Native.columnDouble(statement.address, column, handle.out);
    checkConverted(column);
    return value;
  }

  private long convertedLong(int column) {
    handle.out[0] = SqliteCodes.OK;
    long value = Native.columnLong(statement.address, column, handle.out);
    checkConverted(column);
    return value;
  }

  private void checkConverted(int column) {
    if (handle.out[0] != SqliteCodes.OK) {
      throw noMemory(column);
    }
  }

  private SqliteException noMemory(int column) {
    return SqliteException.of(SqliteCodes.NOMEM, "no memory for the value of column " + column, statement.sql, -1);
  }

  private String textAt(int at, int column) {
    int type = type(at);
    if (type == SQLITE_DATA_NULL) {
      return null;
    }
    ByteBuffer row = statement.row;
    int n = row.getInt(at + 4);
    if (type == SQLITE_DATA_TEXT && n != Native.ROW_ELSEWHERE) {
      row.position((int) row.getLong(at + 8));
      row.get(handle.scratch, 0, n);
      return new String(handle.scratch, 0, n, UTF_8);
    }
    handle.out[0] = SqliteCodes.OK;
    byte[] utf8 = Native.columnText(statement.address, column, handle.out);
    checkColumn(utf8, column);
    return Text.decode(utf8);
  }

  private byte[] blobAt(int at, int column) {
    int type = type(at);
    if (type == SQLITE_DATA_NULL) {
      return null;
    }
    ByteBuffer row = statement.row;
    int n = row.getInt(at + 4);
    if ((type == SQLITE_DATA_BLOB || type == SQLITE_DATA_TEXT) && n != Native.ROW_ELSEWHERE) {
      byte[] bytes = n == 0 ? EMPTY : new byte[n];
      row.position((int) row.getLong(at + 8));
      row.get(bytes);
      return bytes;
    }
    handle.out[0] = SqliteCodes.OK;
    byte[] bytes = type == SQLITE_DATA_BLOB
        ? Native.columnBlob(statement.address, column, handle.out)
        : Native.columnText(statement.address, column, handle.out);
    checkColumn(bytes, column);
    return bytes;
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
    int count = Native.parameterCount(statement.address);
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
    int count = Native.parameterCount(statement.address);
    for (int i = 1; i <= count; i++) {
      byte[] utf8 = Native.parameterName(statement.address, i);
      if (utf8 != null) {
        names.add(Text.decode(utf8));
      }
    }
    return String.join(", ", names);
  }
}
