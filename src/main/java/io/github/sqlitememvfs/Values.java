package io.github.sqlitememvfs;

import java.math.BigInteger;
import java.nio.ByteBuffer;

/**
 * Converts objects to values of parameters, and binds them. Converting may run the caller's code ({@code toString}), so
 * it is done for all values before the first one is bound.
 */
final class Values {
  private static final String BIND_BYTES = "bind its bytes with bindBlob";

  private Values() {}

  private static String textOf(int index) {
    return "text of parameter " + index;
  }

  /** Returns the UTF-8 of a text that is to be bound, or throws if it has a lone surrogate. */
  static byte[] utf8(int index, String text) {
    return Text.encode(text, textOf(index), BIND_BYTES);
  }

  /** Returns the value as null, a Long, Double, String, byte[] or ByteBuffer, or throws if it cannot be bound. */
  static Object convert(int index, Object value) {
    if (value == null || value instanceof Long || value instanceof Double || value instanceof byte[]
        || value instanceof ByteBuffer) {
      return value;
    }
    if (value instanceof CharSequence) {
      String text = value.toString();
      Text.check(text, textOf(index), BIND_BYTES);
      return text;
    }
    if (value instanceof Integer || value instanceof Short || value instanceof Byte) {
      return ((Number) value).longValue();
    }
    if (value instanceof Float) {
      return ((Float) value).doubleValue();
    }
    if (value instanceof Boolean) {
      return (Boolean) value ? 1L : 0L;
    }
    if (value instanceof BigInteger) {
      BigInteger integer = (BigInteger) value;
      if (integer.bitLength() < Long.SIZE) {
        return integer.longValue();
      }
      throw new IllegalArgumentException("parameter " + index + ": the java.math.BigInteger needs "
          + (integer.bitLength() + 1) + " bits, and an SQLite integer has 64; bind it as text (toString) or as a blob"
          + " (toByteArray)");
    }
    throw new IllegalArgumentException("parameter " + index + ": cannot bind a " + value.getClass().getTypeName()
        + "; convert it to a Long, Double, String or byte[] first, for example with toString()");
  }

  /** Converts all values. A null array stands for one null: Java passes a single null to varargs so. */
  static Object[] convertAll(Object[] values) {
    Object[] converted = new Object[values == null ? 1 : values.length];
    for (int i = 0; values != null && i < values.length; i++) {
      converted[i] = convert(i + 1, values[i]);
    }
    return converted;
  }

  /** Binds a value that {@link #convert} returned. */
  static void bind(StatementHandle statement, int index, Object converted) {
    int i = statement.parameter(index);
    if (converted == null) {
      statement.parameters.setNull(i);
    } else if (converted instanceof Long) {
      statement.parameters.setLong(i, (Long) converted);
    } else if (converted instanceof Double) {
      statement.parameters.setDouble(i, (Double) converted);
    } else if (converted instanceof String) {
      statement.setText(index, (String) converted);
    } else if (converted instanceof byte[]) {
      byte[] blob = (byte[]) converted;
      statement.setBytes(index, SqliteStatement.SQLITE_DATA_BLOB, blob, 0, blob.length);
    } else {
      statement.setBlob(index, (ByteBuffer) converted);
    }
  }

  /** Binds all values, from parameter 1 on. */
  static void bindAll(StatementHandle statement, Object[] converted) {
    statement.checkCount(converted.length);
    for (int i = 0; i < converted.length; i++) {
      bind(statement, i + 1, converted[i]);
    }
  }
}
