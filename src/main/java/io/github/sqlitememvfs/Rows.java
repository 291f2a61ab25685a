package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Result rows that {@link Native#fetch} has left here, and which of them is the current one. rows.h says what they look like.
 *
 * <p>Reading takes no lock. Threads that share a statement agree on who reads; if they do not, values are mixed up, or an exception
 * says that an index is wrong, no more.
 */
final class Rows {
  /** With so much, a row lacks nothing but bytes that are too many. */
  static final int ENOUGH = 16 * 1024;

  private static final int HEAD = Native.ROWS_HEAD;

  byte[] memory;
  private ByteBuffer buffer;

  /** The current row, its columns, and where its types and values begin. */
  private int row;

  private int columns;
  private int types;
  private int values;

  /** Rows behind it. */
  private int left;

  /** all: of a statement that has to be run to its end, for as many rows as it takes. */
  Rows(int columns, boolean all) {
    use(new byte[all ? ENOUGH : Math.min(ENOUGH, 256 + 64 * columns)]);
  }

  private void use(byte[] bytes) {
    memory = bytes;
    buffer = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
  }

  /** More memory, at least so much; what was there is lost. */
  void grow(int least) {
    use(new byte[Math.max(least, Math.min(ENOUGH, 4 * memory.length))]);
  }

  /** So many rows have come, at least one: the first is the current one. */
  void come(int count) {
    left = count - 1;
    go(0);
  }

  /** To the next row. False: it must be fetched. */
  boolean next() {
    if (left == 0) {
      return false;
    }
    left--;
    go(row + buffer.getInt(row));
    return true;
  }

  private void go(int at) {
    row = at;
    columns = buffer.getInt(at + 4);
    types = at + HEAD;
    values = types + (columns + 7) / 8 * 8;
  }

  int left() {
    return left;
  }

  int columns() {
    return columns;
  }

  int type(int column) {
    return memory[types + column];
  }

  long integer(int column) {
    return buffer.getLong(values + 8 * column);
  }

  double real(int column) {
    return buffer.getDouble(values + 8 * column);
  }

  /** Length of a text's or blob's bytes, or {@link Native#ROWS_ELSEWHERE}. */
  int length(int column) {
    return buffer.getInt(values + 8 * column + 4);
  }

  /** Where they begin in the memory. */
  int start(int column) {
    return row + buffer.getInt(values + 8 * column);
  }

  String text(int column) {
    return new String(memory, start(column), length(column), UTF_8);
  }
}
