package io.github.sqlitememvfs;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Values of a statement's parameters, in an array that {@link Native#fetch} and {@link Native#batch} take. Binding
 * writes into the array without a native call; the array goes along when the statement is run.
 *
 * <p>In a batch, the rows that were added come first. Behind them stands the row that is being bound, which begins with
 * the values of the row before. A batch is cut into chunks of about {@link #CHUNK} bytes, or four times what its first
 * row takes. Each chunk holds all the bytes that its rows refer to.
 *
 * <p>Not synchronized: threads that share a statement must agree on who binds. If they do not, values are mixed up, no
 * more: SQLite is given a copy, which is checked.
 *
 * <p>Its C half: src/main/c/engine/rows.h, which also defines the layout of the array.
 */
final class Parameters {
  /** Bytes of a chunk: the size of the copy that the C half makes on its stack. */
  static final int CHUNK = 16 * 1024;

  /** Values of more bytes are given to SQLite at once, and not kept here ({@link #setSent}). */
  static final int LONG_VALUE = 64 * 1024;

  private static final int HEAD = Native.ROWS_HEAD;

  final int count;
  private final int values;
  private final int rowBytes;

  private byte[] memory;
  private ByteBuffer buffer;

  /** Where the row that is being bound begins. */
  private int row;

  /** Where the next bytes of a text or blob go. */
  private int end;

  /** For each parameter, where the bytes of its last value begin. A new value may overwrite them. */
  private final int[] places;

  /** For each parameter, how many bytes it may overwrite there. */
  private final int[] room;

  /** Types of the long values that SQLite has been given already; null: there was none. */
  private byte[] sentTypes;

  /**
   * Bytes that the chunk being filled may have: more than {@link #CHUNK} if its first row takes many bytes. Each chunk
   * has those of its first row anew.
   */
  private int limit = CHUNK;

  private List<byte[]> chunks;
  private int[] sizes;
  private int chunkCount;
  private int rows;

  /** Whether SQLite does not have the current values yet. */
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

  /** Sets all to NULL. */
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

  /** Sets a text if it is ASCII. Returns false if it is not. */
  @SuppressWarnings("deprecation") // of String.getBytes, which takes the lower half of each char: ASCII has no other
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

  /** Notes that SQLite has been given a long value of that type, and keeps it. */
  void setSent(int index, int type) {
    memory[row + HEAD + index] = Native.ROWS_LEAVE;
    if (sentTypes == null) {
      sentTypes = new byte[count];
    }
    sentTypes[index] = (byte) type;
    changed = true;
  }

  /** Returns the type of a long value that SQLite has been given; 0 if the value of the parameter is here. */
  int sentType(int index) {
    return memory[row + HEAD + index] == Native.ROWS_LEAVE ? sentTypes[index] : 0;
  }

  private void set(int index, int type, int at, int n) {
    int value = row + values + 8 * index;
    buffer.putInt(value, at);
    buffer.putInt(value + 4, n);
    memory[row + HEAD + index] = (byte) type;
    changed = true;
  }

  /**
   * Returns where the n bytes of a parameter go. They overwrite its last value if there is room, so that binding again
   * and again takes no more memory.
   */
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

  /**
   * Returns what {@link Native#fetch} is given; null if SQLite has kept the values of the last call and none changed.
   */
  byte[] toRun(boolean kept) {
    boolean send = count > 0 && (changed || !kept);
    changed = false;
    return send ? memory : null;
  }

  /** Has the next call give SQLite all values again: it may not have taken them. */
  void resend() {
    changed = true;
  }

  int size() {
    return end;
  }

  // ---- batch ----

  /** Adds the row that is being bound to the batch, and begins another one with its values. */
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

  /** Makes a chunk of the rows before the one that is being bound. */
  private void cut() {
    byte[] fresh = memoryFor(row);
    addChunk(memory, row);
    restart(row, fresh);
  }

  /** Makes a chunk of all rows, the one that is being bound included. */
  private void finishChunk(int size) {
    if (size > memory.length) {
      grow(size);
    }
    byte[] fresh = memoryFor(row); // first, since it may find no memory: a chunk is added once
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

  /** Returns a new array that has room for the values of a row. */
  private byte[] memoryFor(int from) {
    int bytes = 0;
    for (int i = 0; i < count; i++) {
      bytes += isBytes(memory[from + HEAD + i]) ? buffer.getInt(from + values + 8 * i + 4) : 0;
    }
    return new byte[Math.max(rows > 0 ? CHUNK : 0, rowBytes + bytes)];
  }

  /** Goes on in a new array, with the values of a row of the old one. */
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

  /** Returns the number of rows of the batch. */
  int rows() {
    return rows;
  }

  /** Returns the chunks that {@link Native#batch} is given. */
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
