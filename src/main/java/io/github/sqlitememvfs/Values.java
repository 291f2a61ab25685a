package io.github.sqlitememvfs;

import java.math.BigInteger;
import java.nio.ByteBuffer;

/**
 * Objects as values of parameters. Converting runs the caller's code ({@code toString}) and is done before the
 * connection's lock is taken; binding what came of it is done under it.
 */
final class Values {
  /** A text in UTF-8. */
  private static final class Utf8 {
    final byte[] bytes;

    Utf8(byte[] bytes) {
      this.bytes = bytes;
    }
  }

  private Values() {}

  /** UTF-8 of a text that is to be bound. */
  static byte[] utf8(int index, String text) {
    return Text.encode(text, index > 0 ? "text of parameter " + index : "text", "bind its bytes with bindBlob");
  }

  /** Null, Long, Double, Utf8, byte[] or ByteBuffer. */
  static Object convert(int index, Object value) {
    if (value == null || value instanceof Long || value instanceof Double || value instanceof byte[]
        || value instanceof ByteBuffer) {
      return value;
    }
    if (value instanceof CharSequence) {
      return new Utf8(utf8(index, value.toString()));
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

  /** All of them; null is what a single null that was meant as a value comes as. */
  static Object[] convertAll(Object[] values) {
    Object[] converted = new Object[values == null ? 1 : values.length];
    for (int i = 0; values != null && i < values.length; i++) {
      converted[i] = convert(i + 1, values[i]);
    }
    return converted;
  }

  /** Binds what {@link #convert} gave, and returns SQLite's code. */
  static int bind(long statement, int index, Object converted) {
    if (converted == null) {
      return Native.bindNull(statement, index);
    }
    if (converted instanceof Utf8) {
      return Native.bindText(statement, index, ((Utf8) converted).bytes);
    }
    if (converted instanceof Long) {
      return Native.bindLong(statement, index, (Long) converted);
    }
    if (converted instanceof Double) {
      return Native.bindDouble(statement, index, (Double) converted);
    }
    if (converted instanceof byte[]) {
      byte[] blob = (byte[]) converted;
      return Native.bindBlob(statement, index, blob, 0, blob.length);
    }
    ByteBuffer buffer = (ByteBuffer) converted;
    int start = buffer.position();
    int n = Math.max(0, buffer.limit() - start); // another thread may move them: the copy stays within the buffer
    if (buffer.isDirect()) {
      int code = Native.bindBlobDirect(statement, index, buffer, start, n);
      Cleanup.keepAlive(buffer);
      return code;
    }
    if (buffer.hasArray()) {
      return Native.bindBlob(statement, index, buffer.array(), buffer.arrayOffset() + start, n);
    }
    byte[] copy = new byte[n]; // a read-only one
    buffer.duplicate().get(copy);
    return Native.bindBlob(statement, index, copy, 0, n);
  }
}
