package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Short forms of what most tests do with a connection. */
public final class Sql {

  /** Never ends after its first row: for tests that interrupt a statement that is certainly running. */
  public static final String ONE_ROW_THEN_ENDLESS =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i = 1 OR i < 0";

  private Sql() {
  }

  /** All rows; values as {@link SqliteStatement#getObject} gives them, but blobs as ByteBuffer, which can be compared. */
  public static List<List<Object>> rows(SqliteConnection connection, String sql, Object... args) {
    List<List<Object>> rows = new ArrayList<>();
    try (SqliteStatement statement = connection.query(sql, args)) {
      while (statement.step()) {
        List<Object> row = new ArrayList<>();
        for (int i = 0; i < statement.getColumnCount(); i++) {
          Object value = statement.getObject(i);
          row.add(value instanceof byte[] bytes ? ByteBuffer.wrap(bytes) : value);
        }
        rows.add(row);
      }
    }
    return rows;
  }

  /** The only column of the only row. */
  public static Object value(SqliteConnection connection, String sql, Object... args) {
    List<List<Object>> rows = rows(connection, sql, args);
    assertEquals(1, rows.size(), () -> "rows of " + sql);
    assertEquals(1, rows.get(0).size(), () -> "columns of " + sql);
    return rows.get(0).get(0);
  }

  public static long number(SqliteConnection connection, String sql, Object... args) {
    return (Long) value(connection, sql, args);
  }

  public static String text(SqliteConnection connection, String sql, Object... args) {
    return (String) value(connection, sql, args);
  }

  public static void assertWhole(SqliteConnection connection) {
    assertEquals(List.of(List.of("ok")), rows(connection, "PRAGMA integrity_check"));
  }

  public static void assertWhole(MemoryVfs vfs, String database) {
    try (SqliteConnection connection = vfs.open(database)) {
      assertWhole(connection);
    }
  }

  /** The bytes of a database, all in one array. */
  public static byte[] bytes(MemoryVfs vfs, String database) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      vfs.serialize(database, out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** The array cut into pieces of that size; the last may be shorter. */
  public static List<byte[]> chunks(byte[] bytes, int size) {
    List<byte[]> chunks = new ArrayList<>();
    for (int at = 0; at < bytes.length; at += size) {
      chunks.add(java.util.Arrays.copyOfRange(bytes, at, Math.min(bytes.length, at + size)));
    }
    return chunks;
  }
}
