package io.github.sqlitememvfs;

import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The file of an SQLite database of any size, generated while it is read: table {@code t(id INTEGER PRIMARY KEY, data
 * BLOB)} with rows 1 to {@link #rows}, one on each leaf page, whose data follows from its id.
 *
 * <p>Pages: 1 holds the schema, 2 is the root of the table, then come the levels of interior pages from top to bottom, then the
 * leaves in order. The page at 1 GiB is never used, as in every SQLite database.
 */
final class BigDatabase {

  static final int PAGE_SIZE = 4096;
  static final int DATA_SIZE = 4000;
  private static final int FAN_OUT = 400;
  private static final long LOCK_PAGE = (1L << 30) / PAGE_SIZE + 1;

  final long rows;

  /** How many pages each level has: the root first, the leaves last. */
  private final List<Long> levels = new ArrayList<>();

  /** Number of pages, without the one that is not used, before each level. */
  private final List<Long> starts = new ArrayList<>();

  /** Of about that many bytes. */
  BigDatabase(long bytes) {
    rows = Math.max(FAN_OUT, bytes / PAGE_SIZE);
    long n = rows;
    levels.add(n);
    while (n > 1) {
      n = (n + FAN_OUT - 1) / FAN_OUT;
      levels.add(0, n);
    }
    long start = 1;
    for (long level : levels) {
      starts.add(start);
      start += level;
    }
  }

  /** Number of the page that is i-th, from 0, among those in use. */
  private static long page(long i) {
    return i + 1 < LOCK_PAGE ? i + 1 : i + 2;
  }

  long pages() {
    int last = levels.size() - 1;
    return page(starts.get(last) + levels.get(last) - 1);
  }

  long size() {
    return pages() * PAGE_SIZE;
  }

  /** The data of a row. */
  static byte[] data(long id) {
    ByteBuffer data = ByteBuffer.allocate(DATA_SIZE);
    long x = id * 0x9e3779b97f4a7c15L;
    while (data.hasRemaining()) {
      x ^= x << 13;
      x ^= x >>> 7;
      x ^= x << 17;
      data.putLong(x);
    }
    return data.array();
  }

  InputStream newInputStream() {
    return new InputStream() {
      private final byte[] page = new byte[PAGE_SIZE];
      private final long pages = pages();
      private long number;
      private int at = PAGE_SIZE;

      @Override
      public int read() {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] to, int start, int n) {
        if (at == PAGE_SIZE) {
          if (number == pages) {
            return -1;
          }
          fill(++number, ByteBuffer.wrap(page));
          at = 0;
        }
        int got = Math.min(n, PAGE_SIZE - at);
        System.arraycopy(page, at, to, start, got);
        at += got;
        return got;
      }
    };
  }

  private void fill(long number, ByteBuffer page) {
    java.util.Arrays.fill(page.array(), (byte) 0);
    if (number == 1) {
      fillFirst(page);
    } else if (number != LOCK_PAGE) {
      long i = number < LOCK_PAGE ? number - 1 : number - 2;
      int level = 0;
      while (level + 1 < levels.size() && i >= starts.get(level + 1)) {
        level++;
      }
      long index = i - starts.get(level);
      if (level == levels.size() - 1) {
        fillLeaf(page, index + 1);
      } else {
        fillInterior(page, level, index);
      }
    }
  }

  private void fillFirst(ByteBuffer page) {
    page.put("SQLite format 3\0".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
    page.putShort((short) PAGE_SIZE).put((byte) 1).put((byte) 1).put((byte) 0).put((byte) 64).put((byte) 32).put((byte) 32);
    page.putInt(24, 1).putInt(28, (int) pages()).putInt(40, 1).putInt(44, 4).putInt(56, 1).putInt(92, 1).putInt(96, 3_054_001);
    String sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)";
    // Record: type table, name t, tbl_name t, rootpage 2, sql.
    ByteBuffer record = ByteBuffer.allocate(200);
    record.put((byte) 6).put((byte) (13 + 2 * 5)).put((byte) (13 + 2)).put((byte) (13 + 2)).put((byte) 1).put((byte) (13 + 2 * sql.length()));
    if (13 + 2 * sql.length() > 127) { // of two bytes, then
      record.position(0).put((byte) 7).position(5);
      putVarint(record, 13 + 2L * sql.length());
    }
    record.put(("tablett\2" + sql).getBytes(java.nio.charset.StandardCharsets.US_ASCII)).flip();
    ByteBuffer cell = ByteBuffer.allocate(220);
    putVarint(cell, record.remaining());
    putVarint(cell, 1);
    cell.put(record).flip();
    int at = PAGE_SIZE - cell.remaining();
    page.position(100).put((byte) 13).putShort((short) 0).putShort((short) 1).putShort((short) at).put((byte) 0).putShort((short) at);
    page.position(at).put(cell);
  }

  private void fillLeaf(ByteBuffer page, long id) {
    ByteBuffer cell = ByteBuffer.allocate(DATA_SIZE + 30);
    // Record: header of 4 bytes, NULL for the id, a blob.
    putVarint(cell, 4 + DATA_SIZE);
    putVarint(cell, id);
    cell.put((byte) 4).put((byte) 0);
    putVarint(cell, 12 + 2L * DATA_SIZE);
    cell.put(data(id)).flip();
    int at = PAGE_SIZE - cell.remaining();
    page.put((byte) 13).putShort((short) 0).putShort((short) 1).putShort((short) at).put((byte) 0).putShort((short) at);
    page.position(at).put(cell);
  }

  private void fillInterior(ByteBuffer page, int level, long index) {
    long first = firstChild(level, index);
    long end = firstChild(level, index + 1);
    int cells = (int) (end - first) - 1;
    int at = PAGE_SIZE;
    for (int i = 0; i < cells; i++) {
      ByteBuffer cell = ByteBuffer.allocate(14);
      cell.putInt((int) page(starts.get(level + 1) + first + i));
      putVarint(cell, lastRow(level + 1, first + i));
      cell.flip();
      at -= cell.remaining();
      page.putShort(12 + 2 * i, (short) at);
      page.position(at).put(cell);
    }
    page.position(0).put((byte) 5).putShort((short) 0).putShort((short) cells).putShort((short) at).put((byte) 0);
    page.putInt((int) page(starts.get(level + 1) + end - 1));
  }

  /** The children of a level are spread evenly over its pages. */
  private long firstChild(int level, long index) {
    return index * levels.get(level + 1) / levels.get(level);
  }

  private long lastRow(int level, long index) {
    long last = index;
    for (int l = level; l < levels.size() - 1; l++) {
      last = firstChild(l, last + 1) - 1;
    }
    return last + 1;
  }

  private static void putVarint(ByteBuffer to, long value) {
    int bytes = 1;
    while (bytes < 9 && value >>> (7 * bytes) != 0) {
      bytes++;
    }
    for (int i = bytes - 1; i >= 0; i--) {
      to.put((byte) ((value >>> (7 * i) & 0x7f) | (i > 0 ? 0x80 : 0)));
    }
  }
}
