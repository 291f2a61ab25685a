package io.github.sqlitememvfs.bench;

import java.nio.charset.StandardCharsets;

/**
 * The rows of table t(id INTEGER PRIMARY KEY, name TEXT of 20, value REAL, payload BLOB of 32), which keys are looked up, and what the sums of what is
 * read must be. limit.c has the same.
 */
final class Rows {
  static final int KINDS = 1000;
  static final int NAME = 20;
  static final int PAYLOAD = 32;
  /** Rows of a batch. */
  static final int BATCH = 1000;
  /** Of a transaction. */
  static final int UPDATES = 10;

  static final String CREATE = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value REAL, payload BLOB)";
  static final String INSERT = "INSERT INTO t VALUES (?, ?, ?, ?)";
  static final String SCAN4 = "SELECT id, name, value, payload FROM t";
  static final String SCAN2 = "SELECT id, value FROM t";
  static final String LOOKUP = "SELECT id, name, value, payload FROM t WHERE id = ?";
  static final String UPDATE = "UPDATE t SET value = value + ? WHERE id = ?";
  static final String CONTENT =
      "SELECT count(*) + sum(id) + cast(sum(value) AS BIGINT) + sum(length(name)) + sum(length(payload)) FROM t";

  private static final String[] NAMES = new String[KINDS];
  private static final byte[][] PAYLOADS = new byte[KINDS][PAYLOAD];

  static {
    for (int k = 0; k < KINDS; k++) {
      NAMES[k] = String.format("customer-%011d", k * 7919);
      for (int i = 0; i < PAYLOAD; i++) {
        PAYLOADS[k][i] = (byte) (k * 31 + i * 7);
      }
    }
  }

  private Rows() {}

  static String name(long id) {
    return NAMES[(int) (id % KINDS)];
  }

  static double value(long id) {
    return id * 0.5;
  }

  static byte[] payload(long id) {
    return PAYLOADS[(int) (id % KINDS)];
  }

  /** The i-th key that is looked up in so many rows: any order, the same each time. */
  static long key(long i, long rows) {
    long z = (i + 1) * 0x9e3779b97f4a7c15L;
    z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
    z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
    return ((z ^ z >>> 31) >>> 1) % rows;
  }

  /** What a row that was read adds to the sum of a work. */
  static long sum(long id, String name, double value, byte[] payload) {
    return id + name.length() + name.charAt(NAME - 1) + (long) value + payload.length + (payload[PAYLOAD - 1] & 0xff);
  }

  static long sum(long id, double value) {
    return id + (long) value;
  }

  private static long sum(long id) {
    return sum(id, name(id), value(id), payload(id));
  }

  /** The sum that a work must have. */
  static long expected(Work work, long rows, long count) {
    long sum = 0;
    switch (work) {
      case SCAN4:
        for (long id = 0; id < rows; id++) {
          sum += sum(id);
        }
        return sum;
      case SCAN2:
        for (long id = 0; id < rows; id++) {
          sum += sum(id, value(id));
        }
        return sum;
      case LOOKUP:
        for (long i = 0; i < count; i++) {
          sum += sum(key(i, rows));
        }
        return sum;
      default:
        return 0;
    }
  }

  /** What {@link #CONTENT} must give. */
  static long content(long rows) {
    long ids = rows * (rows - 1) / 2;
    return rows + ids + (long) (ids * 0.5) + rows * (NAME + PAYLOAD);
  }

  static {
    if (name(0).getBytes(StandardCharsets.UTF_8).length != NAME) {
      throw new AssertionError(name(0));
    }
  }
}
