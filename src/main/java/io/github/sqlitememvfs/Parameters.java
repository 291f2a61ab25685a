package io.github.sqlitememvfs;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Values of a statement's parameters, as {@link Native#fetch} and {@link Native#batch} take them: rows.h says how. They are collected here, without a
 * call, and go along when the statement is run.
 *
 * <p>Of a batch, the rows that were added come first; behind them stands the row that is being bound, which begins with the values of the one before.
 * A batch is cut into chunks of about {@link #CHUNK} bytes, or four times what its first row takes, each with all that its rows lead to.
 *
 * <p>Not synchronized: threads that share a statement agree on who binds. If they do not, values are mixed up, no more: what is given to SQLite is a copy,
 * and checked.
 */
final class Parameters {
  /** What C keeps on its stack. */
  static final int CHUNK = 16 * 1024;

  /** Longer values are not collected but given to SQLite at once ({@link #setLeft}). */
  static final int LONG_VALUE = 64 * 1024;

  private static final int HEAD = Native.ROWS_HEAD;

  final int count;
  private final int values;
  private final int rowBytes;

  private byte[] memory;
  private ByteBuffer buffer;

  /** Where the row that is being bound begins, and where the next bytes go. */
  private int row;

  private int end;

  /** For each parameter, which bytes may be overwritten by a new value of it. */
  private final int[] places;

  private final int[] room;

  /** Types of those that SQLite has been given already. */
  private byte[] left;

  /** Bytes of the chunk that is being filled: more if its first row begins with long values, which each chunk has anew. */
  private int limit = CHUNK;

  private List<byte[]> chunks;
  private int[] sizes;
  private int chunkCount;
  private int rows;
  private boolean changed = true;

  Parameters(int count) {
    this.count = count;
    this.values = HEAD + (count + 7) / 8 * 8;
    this.rowBytes = values + 8 * count;
    this.places = new int[count];
    this.room = new int[count];
    use(new byte[rowBytes + 16 * count]);
    end = rowBytes;
    clear();
  }

  private void use(byte[] bytes) {
    memory = bytes;
    buffer = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
  }

  // ---- values; index from 0 ----

  /** All are NULL. */
  void clear() {
    Arrays.fill(memory, row + HEAD, row + HEAD + count, (byte) SqliteStatement.SQLITE_DATA_NULL);
    changed = true;
  }

  void setNull(int index) {
    memory[row + HEAD + index] = SqliteStatement.SQLITE_DATA_NULL;
    changed = true;
  }

  void setLong(int index, long value) {
    memory[row + HEAD + index] = SqliteStatement.SQLITE_DATA_INTEGER;
    buffer.putLong(row + values + 8 * index, value);
    changed = true;
  }

  void setDouble(int index, double value) {
    memory[row + HEAD + index] = SqliteStatement.SQLITE_DATA_FLOAT;
    buffer.putDouble(row + values + 8 * index, value);
    changed = true;
  }

  /** False: it is not ASCII, and was not set. */
  @SuppressWarnings("deprecation") // of what takes the lower half of each char, which is all there is
  boolean setAscii(int index, String text) {
    int n = text.length();
    int all = 0;
    for (int i = 0; i < n; i++) {
      all |= text.charAt(i);
    }
    if (all >= 0x80) {
      return false;
    }
    int at = place(index, n);
    text.getBytes(0, n, memory, at);
    set(index, SqliteStatement.SQLITE_DATA_TEXT, at, n);
    return true;
  }

  void setBytes(int index, int type, byte[] from, int start, int n) {
    int at = place(index, n);
    System.arraycopy(from, start, memory, at, n);
    set(index, type, at, n);
  }

  void setBytes(int index, ByteBuffer from, int n) {
    int at = place(index, n);
    from.get(memory, at, n);
    set(index, SqliteStatement.SQLITE_DATA_BLOB, at, n);
  }

  /** SQLite has been given it, and keeps it. */
  void setLeft(int index, int type) {
    memory[row + HEAD + index] = Native.ROWS_LEAVE;
    if (left == null) {
      left = new byte[count];
    }
    left[index] = (byte) type;
    changed = true;
  }

  /** Type of a parameter if SQLite has been given it, else 0. */
  int left(int index) {
    return memory[row + HEAD + index] == Native.ROWS_LEAVE ? left[index] : 0;
  }

  private void set(int index, int type, int at, int n) {
    int value = row + values + 8 * index;
    buffer.putInt(value, at);
    buffer.putInt(value + 4, n);
    memory[row + HEAD + index] = (byte) type;
    changed = true;
  }

  /** Where so many bytes of a parameter go: where its last value stands if there is room, so that binding again and again takes no more memory. */
  private int place(int index, int n) {
    if (n == 0) {
      return row; // nothing is written there
    }
    if (n <= room[index]) {
      return places[index];
    }
    if (rows > 0 && row > 0 && n > limit - end) {
      cut();
    }
    int want = room[index] == 0 ? n : n + n / 2; // it grows
    int at = end;
    if (want > memory.length - at) {
      grow(at + want);
    }
    places[index] = at;
    room[index] = want;
    end = at + want;
    return at;
  }

  private void grow(int least) {
    if (least < 0) {
      throw new OutOfMemoryError("parameters of more than 2 GB");
    }
    use(Arrays.copyOf(memory, Math.max(least, least < CHUNK / 2 ? 2 * least : Math.max(CHUNK, least + least / 4))));
  }

  // ---- one execution ----

  /** What {@link Native#fetch} is given; null: nothing has changed since, and SQLite has all of it. */
  byte[] toRun(boolean kept) {
    boolean send = count > 0 && (changed || !kept);
    changed = false;
    return send ? memory : null;
  }

  /** SQLite may not have taken what it was given: it is given all of it again. */
  void resend() {
    changed = true;
  }

  int size() {
    return end;
  }

  // ---- batch ----

  /** Makes the row that is being bound one of the batch, and begins another one with its values. */
  void addRow() {
    int next = (end + 7) & ~7;
    if (rows == Integer.MAX_VALUE) {
      throw new IllegalStateException("a batch cannot have more than 2,147,483,647 rows");
    }
    buffer.putInt(row, next);
    if (next + rowBytes > limit) {
      finishChunk(next);
    } else {
      if (next + rowBytes > memory.length) {
        grow(next + rowBytes);
      }
      System.arraycopy(memory, row, memory, next, rowBytes);
      row = next;
      end = next + rowBytes;
      Arrays.fill(room, 0);
    }
    rows++;
    changed = true;
  }

  /** The rows before the one that is being bound become a chunk. */
  private void cut() {
    byte[] fresh = memoryFor(row);
    addChunk(memory, row);
    restart(row, fresh);
  }

  /** So does it. */
  private void finishChunk(int size) {
    if (size > memory.length) {
      grow(size);
    }
    byte[] fresh = memoryFor(row); // first what may find no memory: a chunk is added once
    addChunk(memory, size);
    restart(row, fresh);
  }

  private void addChunk(byte[] chunk, int size) {
    if (chunks == null) {
      chunks = new ArrayList<>();
      sizes = new int[16];
    }
    if (chunkCount == sizes.length) {
      sizes = Arrays.copyOf(sizes, 2 * chunkCount);
    }
    chunks.add(chunk);
    sizes[chunkCount++] = size;
  }

  /** New memory for the values of a row. */
  private byte[] memoryFor(int from) {
    int bytes = 0;
    for (int i = 0; i < count; i++) {
      bytes += isBytes(memory[from + HEAD + i]) ? buffer.getInt(from + values + 8 * i + 4) : 0;
    }
    return new byte[Math.max(rows > 0 ? CHUNK : 0, rowBytes + bytes)];
  }

  /** New memory, with the values of a row of the old. */
  private void restart(int from, byte[] fresh) {
    byte[] old = memory;
    ByteBuffer oldBuffer = buffer;
    use(fresh);
    System.arraycopy(old, from, memory, 0, rowBytes);
    row = 0;
    end = rowBytes;
    for (int i = 0; i < count; i++) {
      room[i] = 0;
      if (isBytes(old[from + HEAD + i])) {
        int at = oldBuffer.getInt(from + values + 8 * i);
        int n = oldBuffer.getInt(from + values + 8 * i + 4);
        System.arraycopy(old, at, memory, end, n);
        buffer.putInt(values + 8 * i, end);
        places[i] = end;
        room[i] = n;
        end += n;
      }
    }
    limit = Math.max(CHUNK, (int) Math.min(4L * end, 1 << 30));
    changed = true;
  }

  private static boolean isBytes(byte type) {
    return type == SqliteStatement.SQLITE_DATA_TEXT || type == SqliteStatement.SQLITE_DATA_BLOB;
  }

  /** Rows of the batch. */
  int rows() {
    return rows;
  }

  /** What {@link Native#batch} is given. */
  byte[][] chunks() {
    if (row > 0) {
      cut();
    }
    return chunks.toArray(new byte[0][]);
  }

  int[] sizes() {
    return Arrays.copyOf(sizes, chunkCount);
  }

  /** Drops the batch's rows. The one that is being bound stays. */
  void clearBatch() {
    rows = 0;
    chunkCount = 0;
    chunks = null;
    sizes = null;
    if (row > 0 || memory.length > CHUNK) {
      restart(row, memoryFor(row));
    }
  }
}
