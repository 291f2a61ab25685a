package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Result rows of a statement that {@link Native#fetch} has read ahead into an array, and which of them is the current
 * one.
 *
 * <p>Reading takes no lock. Threads that share a statement must agree on who reads. If they do not, values are mixed
 * up, or an exception says that an index is wrong, no more.
 *
 * <p>Its C half: src/main/c/engine/rows.h, which also defines the layout of the array.
 */
final class Rows {
  /** Bytes of memory with which any row fits, but for those long texts and blobs that stay with SQLite. */
  static final int ENOUGH = 16 * 1024;

  private static final int HEAD = Native.ROWS_HEAD;
  private static final byte[] EMPTY = {};

  byte[] memory;
  private ByteBuffer buffer;

  /** Where the current row begins, how many columns it has, and where its types and values begin. */
  private int row;

  private int columns;
  private int types;
  private int values;

  /** How many rows come behind the current one. */
  private int left;

  /** all: the statement has to be run to its end, so that the memory should take all of its rows. */
  Rows(int columns, boolean all) {
    use(new byte[all ? ENOUGH : Math.min(ENOUGH, 256 + 64 * columns)]);
  }

  private void use(byte[] bytes) {
    memory = bytes;
    buffer = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
  }

  /** Takes more memory, at least so many bytes. The rows that were there are lost. */
  void grow(int least) {
    use(new byte[Math.max(least, Math.min(ENOUGH, 4 * memory.length))]);
  }

  /** Goes to the first of the rows that have come, of which there is at least one. */
  void begin(int count) {
    left = count - 1;
    goTo(0);
  }

  /** Goes to the next row. Returns false if it must be fetched. */
  boolean next() {
    if (left == 0) {
      return false;
    }
    left--;
    goTo(row + buffer.getInt(row));
    return true;
  }

  private void goTo(int start) {
    row = start;
    columns = buffer.getInt(start + 4);
    types = start + HEAD;
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

  /** Whether the value is a text or a blob. */
  boolean isBytes(int column) {
    int type = type(column);
    return type == SqliteStatement.SQLITE_DATA_TEXT || type == SqliteStatement.SQLITE_DATA_BLOB;
  }

  /** Whether the value is a text or a blob whose bytes are in the memory. */
  boolean isHere(int column) {
    return isBytes(column) && length(column) != Native.ROWS_ELSEWHERE;
  }

  /** Number of a text's or blob's bytes, or {@link Native#ROWS_ELSEWHERE} if they stay with SQLite. */
  int length(int column) {
    return buffer.getInt(values + 8 * column + 4);
  }

  /** Index in the memory of the first byte of a text or blob that is here. */
  int start(int column) {
    return row + buffer.getInt(values + 8 * column);
  }

  String text(int column) {
    return new String(memory, start(column), length(column), UTF_8);
  }

  byte[] copy(int column) {
    int start = start(column);
    int n = length(column);
    return n == 0 ? EMPTY : Arrays.copyOfRange(memory, start, start + n);
  }
}
