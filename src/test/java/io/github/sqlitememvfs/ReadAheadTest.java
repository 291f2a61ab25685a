package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows read ahead: the program must not notice that SQLite is no longer on the row that is being read. */
class ReadAheadTest {

  private static final int INTERRUPT = 9;
  private static final int BUSY_SNAPSHOT = 517;

  /** An integer overflow at row n of endless many. */
  private static final String ERROR_AT =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, abs(CASE i WHEN ?1 THEN -9223372036854775807 - 1 ELSE i END) FROM n";

  private final MemoryVfs vfs = MemoryVfs.builder().busyTimeout(0).build();
  private final SqliteConnection connection = vfs.open("test");

  @AfterEach
  void close() {
    connection.close();
    vfs.close();
  }

  private static SqliteStatement prepare(SqliteConnection c, boolean ahead, String sql, Object... args) {
    SqliteStatement s = c.prepare(sql);
    s.readAhead(ahead);
    if (args.length > 0) {
      s.bindAll(args);
    }
    return s;
  }

  private static void numbers(SqliteConnection c, int n) {
    c.execute("CREATE TABLE t(k INTEGER PRIMARY KEY, u UNIQUE, x)");
    c.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO t SELECT i, 'u' || i, i % 10 FROM n", n);
  }

  private static List<Long> longs(SqliteStatement s) {
    List<Long> values = new ArrayList<>();
    while (s.step()) {
      values.add(s.getLong(0));
    }
    return values;
  }

  // ---- how far SQLite is run

  @ParameterizedTest
  @ValueSource(strings = {"SELECT x FROM t WHERE k = 5", "SELECT x FROM t WHERE u = 'u5'", "SELECT count(*) FROM t", "SELECT max(k), min(x) FROM t",
      "SELECT k FROM t LIMIT 1", "SELECT k FROM t ORDER BY k DESC LIMIT 1", "SELECT 1", "SELECT k FROM t LIMIT 1 OFFSET 3"})
  void whatHasOneRowIsOverForSqlite(String sql) {
    numbers(connection, 20);
    for (boolean ahead : new boolean[] {true, false}) {
      try (SqliteStatement s = prepare(connection, ahead, sql)) {
        assertTrue(s.step());
        Object value = s.getObject(0);
        connection.interrupt();
        if (ahead) { // there is nothing to interrupt, but for the statement that is on the row
          connection.execute("DELETE FROM t WHERE k = 50");
        } else {
          assertEquals(INTERRUPT, assertThrows(SqliteException.class, () -> connection.execute("DELETE FROM t WHERE k = 50")).code());
        }
        assertEquals(value, s.getObject(0));
        assertEquals(INTERRUPT, assertThrows(SqliteException.class, s::step).code());
        assertTrue(s.step(), "starts over");
        assertEquals(value, s.getObject(0));
        assertFalse(s.step());
        assertTrue(s.step(), "starts over");
        assertEquals(value, s.getObject(0));
      }
    }
  }

  /** The row behind the first is an error, and must not be come to. */
  @Test
  void ofAScanOnlyTheFirstRowIsComeTo() {
    connection.execute("CREATE TABLE t(x, y); INSERT INTO t VALUES (1, 1), (2, 5), (2, -9223372036854775807 - 1), (2, 7)");
    try (SqliteStatement s = connection.prepare("SELECT y FROM t WHERE x = ? AND abs(y) > 0")) {
      s.bindLong(1, 2);
      for (int i = 0; i < 3; i++) {
        assertTrue(s.step());
        assertEquals(5, s.getLong(0));
        s.reset();
      }
      assertTrue(s.step());
      SqliteException e = assertThrows(SqliteException.class, s::step);
      assertTrue(e.getMessage().contains("integer overflow"), e.getMessage());
    }
    try (SqliteConnection c = vfs.open("test", OpenOptions.defaults().statementTimeout(100))) {
      try (SqliteStatement s = c.prepare(Sql.ONE_ROW_THEN_ENDLESS)) {
        assertTrue(s.step());
        assertEquals(1, s.getLong(0));
        assertEquals(INTERRUPT, assertThrows(SqliteException.class, s::step).code());
        assertTrue(s.step(), "starts over");
      }
    }
  }

  // ---- values

  private static final int[] LENGTHS = {0, 0, 1, 2, 7, 8, 9, 100, 1022, 1023, 1024, 1025, 1026, 2000, 3000};

  private static Object randomValue(Random random) {
    int n = random.nextInt(8) == 0 ? LENGTHS[random.nextInt(LENGTHS.length)] : random.nextInt(30);
    if (random.nextInt(2000) == 0) {
      n = 16_300 + random.nextInt(200);
    }
    return switch (random.nextInt(9)) {
      case 0 -> null;
      case 1 -> random.nextLong() >> random.nextInt(64);
      case 2 -> random.nextGaussian() * Math.pow(10, random.nextInt(40) - 20);
      case 3 -> random.nextBoolean() ? Double.POSITIVE_INFINITY : (double) random.nextLong();
      case 4, 5 -> randomText(random, n);
      case 6 -> new byte[n];
      default -> {
        byte[] bytes = new byte[n];
        random.nextBytes(bytes);
        yield bytes;
      }
    };
  }

  private static String randomText(Random random, int n) {
    String[] from = {"a", "ü", "€", "😀", "\0", "1", " ", "-", ".", "e5"};
    StringBuilder text = new StringBuilder();
    int first = random.nextInt(3);
    if (first == 0) {
      text.append(random.nextInt(3000) - 1500).append(random.nextBoolean() ? "" : ".75e1");
    }
    while (text.length() < n) {
      text.append(first == 1 ? "x" : from[random.nextInt(from.length)]);
    }
    return text.toString();
  }

  @Test
  void randomTablesReadTheSameInEveryWay() {
    Random random = Seed.random("ReadAheadTest");
    for (int round = 0; round < 24; round++) {
      int columns = round % 8 == 7 ? 1990 : 1 + random.nextInt(round % 2 == 0 ? 6 : 60);
      int rows = 1 + random.nextInt(columns > 100 ? 3 : 4000 / columns);
      boolean utf16 = round % 3 == 2;
      String name = "random " + round;
      try (SqliteConnection c = vfs.open(name)) {
        c.execute("PRAGMA page_size = " + (512 << random.nextInt(8)) + "; PRAGMA encoding = '" + (utf16 ? "UTF-16le" : "UTF-8") + "'");
        List<Object[]> expected = new ArrayList<>();
        StringBuilder create = new StringBuilder("CREATE TABLE t(c0");
        StringBuilder insert = new StringBuilder("INSERT INTO t VALUES (?");
        for (int i = 1; i < columns; i++) {
          create.append(", c").append(i);
          insert.append(", ?");
        }
        c.execute(create + ")");
        try (SqliteStatement s = c.prepare(insert + ")")) {
          for (int r = 0; r < rows; r++) {
            Object[] row = new Object[columns];
            Arrays.setAll(row, i -> randomValue(random));
            expected.add(row);
            s.bindAll(row);
            s.step();
          }
        }
        try (SqliteStatement ahead = prepare(c, true, "SELECT * FROM t"); SqliteStatement single = prepare(c, false, "SELECT * FROM t")) {
          for (Object[] row : expected) {
            assertTrue(ahead.step());
            assertTrue(single.step());
            for (int i = 0; i < columns; i++) {
              assertValue(row[i], ahead, i);
              assertValue(row[i], single, i);
              assertConverted(single, ahead, i);
            }
          }
          assertFalse(ahead.step());
          assertFalse(single.step());
        }
        try (SqliteStatement s = c.prepare("SELECT c0, CAST(c0 AS INTEGER), CAST(c0 AS REAL), CAST(c0 AS TEXT), typeof(c0) FROM t")) {
          while (s.step()) {
            String type = s.getText(4);
            if (type.equals("null")) {
              continue;
            }
            assertEquals(s.getLong(1), s.getLong(0), type);
            assertEquals(s.getDouble(2), s.getDouble(0), type);
            if (!type.equals("blob")) {
              assertEquals(s.getText(3), s.getText(0), type);
            }
          }
        }
      }
      assertTrue(vfs.delete(name));
    }
  }

  private static void assertValue(Object expected, SqliteStatement s, int i) {
    byte[] bytes = expected instanceof String text ? text.getBytes(StandardCharsets.UTF_8) : expected instanceof byte[] blob ? blob : null;
    if (bytes == null) {
      assertEquals(expected, s.getObject(i));
      assertEquals(expected == null, s.isNull(i));
    } else if (expected instanceof String) {
      assertEquals(SqliteStatement.SQLITE_DATA_TEXT, s.getColumnType(i));
      assertEquals(expected, s.getText(i));
      assertEquals(expected, s.getObject(i));
    } else {
      assertEquals(SqliteStatement.SQLITE_DATA_BLOB, s.getColumnType(i));
      assertEquals(new String(bytes, StandardCharsets.UTF_8), s.getText(i));
    }
    if (bytes == null) {
      bytes = s.getBlob(i);
    }
    assertEquals(bytes == null ? 0 : bytes.length, s.getLength(i));
    assertArrayEquals(bytes, s.getBlob(i));
    ByteBuffer buffer = s.getBuffer(i);
    if (bytes == null) {
      assertNull(buffer);
      assertEquals(-1, s.getBytes(i, new byte[0], 0));
      return;
    }
    assertTrue(buffer.isReadOnly());
    assertEquals(ByteBuffer.wrap(bytes), buffer);
    byte[] to = new byte[bytes.length + 3];
    assertEquals(bytes.length, s.getBytes(i, to, 2));
    assertEquals(ByteBuffer.wrap(bytes), ByteBuffer.wrap(to, 2, bytes.length));
    assertEquals(0, to[0] | to[1] | to[to.length - 1]);
    int length = bytes.length;
    IndexOutOfBoundsException e = assertThrows(IndexOutOfBoundsException.class, () -> s.getBytes(i, new byte[length], 1));
    assertTrue(e.getMessage().contains(" " + length + " bytes"), e.getMessage());
  }

  private static void assertConverted(SqliteStatement expected, SqliteStatement actual, int i) {
    assertEquals(expected.getColumnType(i), actual.getColumnType(i));
    assertEquals(expected.getText(i), actual.getText(i));
    assertEquals(expected.getLong(i), actual.getLong(i));
    assertEquals(expected.getDouble(i), actual.getDouble(i));
    assertEquals(expected.getInt(i), actual.getInt(i));
    assertEquals(expected.getBoolean(i), actual.getBoolean(i));
  }

  /** Texts and blobs as numbers, at every length up to those that stay with SQLite. */
  @ParameterizedTest
  @ValueSource(strings = {"12", " 42abc", "1\0" + "2\0" + "abc", "\0" + "1\0" + "2\0", "1\0" + ".\0" + "5\0" + "\u00e9", "-9223372036854775808", "9223372036854775808", "1e400", "-1e-400", "0x10", "+5", "1.", ".5", "1e5", "1e", "\t7", "1_000",
      "9e18", "9.3e18", "inf", "nan", "-", "", "123456789012345678901234567890", "0.1", "4.9e-324", "2.2250738585072011e-308", "1\0002"})
  void conversionsAreThoseOfSqlite(String text) {
    String hex = HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    for (String encoding : List.of("UTF-8", "UTF-16le", "UTF-16be")) {
      try (SqliteConnection c = vfs.open("of " + encoding)) {
        c.execute("PRAGMA encoding = '" + encoding + "'; CREATE TABLE IF NOT EXISTS t(x)");
        for (int filler : new int[] {0, 1, 900, 1500}) {
          String blob = "x'" + "20".repeat(filler) + hex + "'";
          try (SqliteStatement s = c.prepare("SELECT CAST(" + blob + " AS TEXT), " + blob + ", CAST(CAST(" + blob + " AS TEXT) AS INTEGER), CAST(CAST("
              + blob + " AS TEXT) AS REAL), CAST(" + blob + " AS INTEGER), CAST(" + blob + " AS REAL)")) {
            assertTrue(s.step());
            assertEquals(s.getLong(2), s.getLong(0));
            assertEquals(s.getDouble(3), s.getDouble(0));
            assertEquals(s.getLong(4), s.getLong(1));
            assertEquals(s.getDouble(5), s.getDouble(1));
          }
        }
      }
    }
  }

  @Test
  void numbersAsTextAreThoseOfSqlite() {
    Random random = Seed.random("ReadAheadTest");
    try (SqliteStatement s = connection.prepare("SELECT ?1, CAST(?1 AS TEXT), CAST(?1 AS INTEGER)")) {
      for (int i = 0; i < 3000; i++) {
        double value = i % 2 == 0 ? Double.longBitsToDouble(random.nextLong()) : random.nextInt() / 1000.0;
        if (Double.isNaN(value)) {
          continue;
        }
        s.bindDouble(1, value);
        assertTrue(s.step());
        assertEquals(s.getText(1), s.getText(0));
        assertArrayEquals(s.getBlob(1), s.getBlob(0));
        assertEquals(s.getLength(1), s.getLength(0));
        assertEquals(s.getLong(2), s.getLong(0), () -> "of " + value);
        s.reset();
      }
    }
  }

  @Test
  void zeroblobsComeWhole() {
    for (int n : new int[] {0, 1, 8, 1023, 1024, 1025, 3000, 100_000}) {
      try (SqliteStatement s = connection.query("SELECT zeroblob(?), x'01' || 'a', 7", n)) {
        assertTrue(s.step());
        assertEquals(n, s.getLength(0));
        assertArrayEquals(new byte[n], s.getBlob(0));
        assertEquals(7, s.getLong(2));
      }
    }
  }

  // ---- the version

  private void assertHoldsItsVersion(boolean ahead, Consumer<SqliteStatement> leave, boolean closes) {
    try (SqliteConnection c = vfs.open("a", OpenOptions.defaults().busyTimeout(600_000)); // which would be in vain
        SqliteConnection other = vfs.open("a"); SqliteConnection b = vfs.open("b")) {
      for (SqliteConnection each : List.of(other, b)) {
        each.execute("DROP TABLE IF EXISTS v; CREATE TABLE v(x); INSERT INTO v VALUES (1)");
      }
      c.execute("ATTACH 'b' AS b");
      try (SqliteStatement s = prepare(c, ahead, "SELECT (SELECT x FROM main.v) + (SELECT x FROM b.v)")) {
        assertTrue(s.step());
        other.execute("UPDATE v SET x = 2");
        b.execute("UPDATE v SET x = 2");
        assertEquals(1, Sql.number(c, "SELECT x FROM main.v"));
        assertEquals(1, Sql.number(c, "SELECT x FROM b.v"));
        for (int i = 0; i < 2; i++) {
          SqliteException e = assertThrows(SqliteBusyException.class, () -> c.execute("UPDATE main.v SET x = 3"));
          assertEquals(BUSY_SNAPSHOT, e.extendedCode());
        }
        assertEquals(2, s.getLong(0));
        leave.accept(s);
        assertEquals(2, Sql.number(c, "SELECT x FROM main.v"));
        assertEquals(2, Sql.number(c, "SELECT x FROM b.v"));
        c.execute("UPDATE main.v SET x = 3");
        assertEquals(3, Sql.number(other, "SELECT x FROM v"));
        if (!closes) {
          assertTrue(s.step());
          assertEquals(5, s.getLong(0));
        }
      }
    }
    assertEquals(0, vfs.stats("a").pins());
    assertEquals(0, vfs.stats("b").pins());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theVersionOfARowStays(boolean ahead) {
    assertHoldsItsVersion(ahead, s -> assertFalse(s.step()), false);
    assertHoldsItsVersion(ahead, SqliteStatement::reset, false);
    assertHoldsItsVersion(ahead, SqliteStatement::close, true);
  }

  @Test
  void twoStatementsHoldItUntilBothAreDone() {
    numbers(connection, 3);
    try (SqliteConnection other = vfs.open("test"); SqliteStatement a = connection.prepare("SELECT x FROM t WHERE k = 1");
        SqliteStatement b = connection.prepare("SELECT x FROM t WHERE k = 2")) {
      assertTrue(a.step());
      assertTrue(b.step());
      other.execute("DELETE FROM t");
      a.reset();
      assertEquals(3, Sql.number(connection, "SELECT count(*) FROM t"));
      a.reset();
      assertEquals(3, Sql.number(connection, "SELECT count(*) FROM t"));
      assertFalse(b.step());
      assertEquals(0, Sql.number(connection, "SELECT count(*) FROM t"));
    }
  }

  @Test
  void aForgottenStatementLetsItGo() throws Exception {
    numbers(connection, 3);
    try (SqliteConnection other = vfs.open("test")) {
      assertTrue(connection.prepare("SELECT x FROM t WHERE k = 1").step());
      other.execute("DELETE FROM t");
      for (int i = 0; i < 1000 && Sql.number(connection, "SELECT count(*) FROM t") != 0; i++) {
        System.gc();
        Thread.sleep(5);
      }
      assertEquals(0, Sql.number(connection, "SELECT count(*) FROM t"));
    }
  }

  @Test
  void anIdleConnectionKeepsNoOldVersion() {
    numbers(connection, 2000);
    try (SqliteConnection other = vfs.open("test"); SqliteStatement s = connection.prepare("SELECT x FROM t WHERE k = ?")) {
      for (int i = 1; i < 50; i++) {
        s.bindLong(1, i);
        assertTrue(s.step());
        assertFalse(s.step());
        other.execute("UPDATE t SET x = x + 1");
      }
      assertTrue(vfs.stats("test").versions() <= 2, () -> vfs.stats("test").toString());
    }
  }

  /** What the connection itself commits is seen by it at once, as in SQLite. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void itsOwnWriteIsSeen(boolean ahead) {
    numbers(connection, 3);
    try (SqliteConnection other = vfs.open("test"); SqliteStatement s = prepare(connection, ahead, "SELECT x FROM t WHERE k = 1")) {
      assertTrue(s.step());
      connection.execute("UPDATE t SET x = 77");
      assertEquals(77, Sql.number(connection, "SELECT x FROM t WHERE k = 2"));
      other.execute("UPDATE t SET x = 78");
      assertEquals(77, Sql.number(connection, "SELECT x FROM t WHERE k = 2"));
      assertEquals(1, s.getLong(0));
      assertFalse(s.step());
      assertEquals(78, Sql.number(connection, "SELECT x FROM t WHERE k = 2"));
    }
  }

  // ---- changes while it is on a row

  private interface Loop {
    void at(SqliteConnection c, long key);
  }

  private List<Long> loop(boolean ahead, Loop body) {
    try (SqliteConnection c = vfs.open("loop")) {
      c.execute("DROP TABLE IF EXISTS t");
      numbers(c, 50);
      List<Long> seen = new ArrayList<>();
      try (SqliteStatement s = prepare(c, ahead, "SELECT k, x FROM t ORDER BY k")) {
        while (s.step() && seen.size() < 300) {
          seen.add(s.getLong(0) * 1000 + s.getLong(1));
          body.at(c, s.getLong(0));
        }
      }
      Sql.assertWhole(c);
      return seen;
    }
  }

  @Test
  void loopsThatChangeWhatTheyReadAreThoseOfSqlite() {
    List<Loop> loops = List.of(
        (c, k) -> c.execute("UPDATE t SET x = x + 100 WHERE k = ?", k),
        (c, k) -> c.execute("UPDATE t SET x = x + 100 WHERE k = ?", k + 1),
        (c, k) -> c.execute("DELETE FROM t WHERE k = ?", k),
        (c, k) -> c.execute("DELETE FROM t WHERE k = ?", k + 1),
        (c, k) -> c.execute("INSERT OR IGNORE INTO t VALUES (?1, 'u' || ?1, 5)", k + 50),
        (c, k) -> c.transaction(body -> {
          body.execute("DELETE FROM t WHERE k = ?", k + 1);
          body.execute("UPDATE t SET x = x + 100 WHERE k = ?", k + 2);
        }),
        (c, k) -> {
          try (SqliteStatement d = c.prepare("DELETE FROM t WHERE k = ?")) {
            d.bindLong(1, k + 1);
            d.addBatch();
            d.executeBatch();
          }
        },
        (c, k) -> {
          try (SqliteStatement d = c.query("DELETE FROM t WHERE k = ? RETURNING k", k + 1)) {
            d.step();
          }
        });
    for (int i = 0; i < loops.size(); i++) {
      assertEquals(loop(false, loops.get(i)), loop(true, loops.get(i)), "loop " + i);
    }
  }

  /**
   * Changes at a row from where many were read ahead: what follows may be of before, but each row is whole, and none
   * comes twice or out of order.
   */
  @Test
  void lateChangesDoNotMixRows() {
    Random random = Seed.random("ReadAheadTest");
    String[] changes = {"UPDATE t SET x = x + 100, u = 'v' || k", "DELETE FROM t WHERE k % 2 = 0", "ALTER TABLE t ADD COLUMN more DEFAULT 5", "ROLLBACK", "COMMIT", "ROLLBACK TO s",
        "DROP TABLE t", "DELETE FROM t"};
    for (int round = 0; round < 80; round++) {
      connection.execute("DROP TABLE IF EXISTS t");
      numbers(connection, 300);
      String change = changes[round % changes.length];
      connection.execute("BEGIN; SAVEPOINT s; UPDATE t SET x = 7 WHERE k > 1000");
      int at = 1 + random.nextInt(200);
      long last = 0;
      SqliteException failure = null;
      try (SqliteStatement s = connection.prepare("SELECT k, u, x FROM t ORDER BY k")) {
        while (s.step()) {
          long k = s.getLong(0);
          assertTrue(k > last, "in order");
          last = k;
          long x = s.getLong(2);
          assertTrue(s.getText(1).equals("u" + k) && x == k % 10 || s.getText(1).equals("v" + k) && x == k % 10 + 100, () -> k + " " + s.getText(1) + " " + x);
          if (k == at) {
            try {
              connection.execute(change);
            } catch (SqliteException e) {
              assertTrue(change.startsWith("DROP"), () -> change + ": " + e);
              assertTrue(e.getMessage().contains("locked"), e.getMessage());
            }
          }
        }
      } catch (SqliteException e) {
        failure = e;
      }
      if (failure != null) {
        assertTrue(change.startsWith("ROLLBACK"), change + ": " + failure);
        assertEquals(516, failure.extendedCode(), failure.toString());
      } else if (!change.startsWith("DELETE") && !change.startsWith("DROP")) {
        assertEquals(300, last, change);
      }
      if (connection.inTransaction()) {
        connection.execute("ROLLBACK");
      }
      Sql.assertWhole(connection);
    }
  }

  // ---- errors

  @Test
  void anErrorComesBehindTheRowsBeforeIt() {
    Random random = Seed.random("ReadAheadTest");
    connection.execute("CREATE TABLE other(a UNIQUE); INSERT INTO other VALUES (1)");
    try (SqliteStatement s = connection.prepare(ERROR_AT)) {
      for (int round = 0; round < 60; round++) {
        int n = round < 20 ? 1 + round : 1 + random.nextInt(3000);
        s.bindLong(1, n);
        for (int turn = 0; turn < 2; turn++) {
          for (int i = 1; i < n; i++) {
            assertTrue(s.step());
            assertEquals(i, s.getLong(0));
            if (i % 97 == 0 || i + 1 == n) {
              SqliteException e = assertThrows(SqliteConstraintException.class, () -> connection.execute("INSERT INTO other VALUES (1)"));
              assertEquals(2067, e.extendedCode());
            }
          }
          SqliteException e = assertThrows(SqliteException.class, s::step);
          assertEquals(1, e.code());
          assertTrue(e.getMessage().startsWith("integer overflow "), e.getMessage());
          assertEquals(ERROR_AT, e.sql());
          assertThrows(IllegalStateException.class, () -> s.getLong(0));
        }
      }
    }
  }

  /** What was bound is what it runs with, also if it was refused before SQLite heard of it. */
  @Test
  void valuesThatSqliteWasNotGivenYetAreNotLost() {
    try (SqliteStatement s = connection.prepare("SELECT ?")) {
      s.bindLong(1, 1);
      assertTrue(s.step());
      s.reset();
      connection.execute("CREATE TABLE t(x)");
      assertThrows(IllegalStateException.class, () -> connection.transaction(c -> {
        c.execute("COMMIT");
        s.bindLong(1, 2);
        s.step();
      }));
      assertTrue(s.step());
      assertEquals(2, s.getLong(0));
    }
    try (SqliteConnection c = vfs.open("utf-16", OpenOptions.defaults().limit(SqliteLimit.LENGTH, 100_000))) {
      c.execute("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(x)");
      try (SqliteStatement s = c.prepare("SELECT ?, ?")) {
        for (int length : new int[] {60_000, 70_000}) { // more than the limit in UTF-16
          s.bindLong(1, length);
          s.bindText(2, "before");
          assertTrue(s.step());
          s.reset();
          assertEquals(18, assertThrows(SqliteException.class, () -> {
            s.bindText(2, "x".repeat(length));
            s.step();
          }).code());
          assertEquals(18, assertThrows(SqliteException.class, s::step).code());
          s.bindText(2, "after");
          assertTrue(s.step());
          assertEquals(length, s.getLong(0));
          assertEquals("after", s.getText(1));
          s.reset();
        }
      }
    }
  }

  // ---- RETURNING

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 13, 14, 100, 600})
  void theFirstStepHasDoneAll(int rows) {
    numbers(connection, rows);
    try (SqliteConnection other = vfs.open("test"); SqliteStatement s = connection.prepare("UPDATE t SET x = 'new' RETURNING k")) {
      assertTrue(s.step());
      assertEquals(rows, Sql.number(other, "SELECT count(*) FROM t WHERE x = 'new'"));
      other.execute("UPDATE t SET x = 'newer'");
      List<Long> keys = new ArrayList<>(List.of(s.getLong(0)));
      keys.addAll(longs(s));
      assertEquals(rows, keys.size());
      assertEquals(rows, keys.stream().distinct().count());
      assertEquals(rows, Sql.number(connection, "SELECT count(*) FROM t WHERE x = 'newer'"));
    }
  }

  /** Its rows are of no version: whoever writes next is on the newest, though he has not left them. */
  @Test
  void rowsOfWhatIsCommittedKeepNobodyFromWriting() {
    numbers(connection, 2);
    try (SqliteConnection other = vfs.open("test"); SqliteStatement s = connection.prepare("UPDATE t SET x = 'new' RETURNING k")) {
      assertTrue(s.step());
      other.execute("UPDATE t SET x = 'newer'");
      assertEquals(2, Sql.number(connection, "SELECT count(*) FROM t WHERE x = 'newer'"));
      assertEquals(2, connection.execute("UPDATE t SET x = 'newest'"));
      assertTrue(s.step());
    }
  }

  @Test
  void aCommitThatFailsFailsTheFirstStep() {
    connection.execute("PRAGMA foreign_keys = ON; CREATE TABLE p(k INTEGER PRIMARY KEY);"
        + " CREATE TABLE c(p REFERENCES p DEFERRABLE INITIALLY DEFERRED, more)");
    try (SqliteStatement s = connection.prepare("INSERT INTO c VALUES (1, ''), (2, ''), (3, '') RETURNING p")) {
      for (int i = 0; i < 2; i++) {
        assertEquals(787, assertThrows(SqliteConstraintException.class, s::step).extendedCode());
        assertThrows(IllegalStateException.class, () -> s.getLong(0));
        assertFalse(connection.inTransaction());
        assertEquals(0, Sql.number(connection, "SELECT count(*) FROM c"));
      }
      connection.transaction(c -> {
        assertTrue(s.step());
        assertEquals(1, s.getLong(0));
        assertEquals(List.of(2L, 3L), longs(s));
        c.execute("INSERT INTO p VALUES (1), (2), (3)");
      });
      assertEquals(3, Sql.number(connection, "SELECT count(*) FROM c"));
      connection.execute("DELETE FROM c; DELETE FROM p");
    }
    // More than fits: it is open until it is left, and that fails.
    String many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO c SELECT i, printf('%0100d', i) FROM n RETURNING p, more";
    for (Consumer<SqliteStatement> leave : List.<Consumer<SqliteStatement>>of(SqliteStatement::reset, SqliteStatement::close, s -> {
      while (s.step()) {}
    })) {
      SqliteStatement s = connection.prepare(many);
      assertTrue(s.step());
      assertEquals(787, assertThrows(SqliteConstraintException.class, () -> leave.accept(s)).extendedCode());
      assertEquals(0, Sql.number(connection, "SELECT count(*) FROM c"));
      s.close();
    }
    connection.execute("PRAGMA foreign_keys = OFF");
    try (SqliteConnection other = vfs.open("test"); SqliteStatement s = connection.prepare(many)) {
      assertTrue(s.step());
      assertEquals(0, Sql.number(other, "SELECT count(*) FROM c"));
      s.reset();
      assertEquals(2000, Sql.number(other, "SELECT count(*) FROM c"));
      assertEquals(2000, longs(s).size());
      assertEquals(4000, Sql.number(other, "SELECT count(*) FROM c"));
    }
  }

  // ---- interrupts and threads

  /** After a write a call brings one row: also where there was no room for it. */
  @ParameterizedTest
  @ValueSource(strings = {"k", "k, zeroblob(900), zeroblob(900)", "k, zeroblob(1000)"})
  void anInterruptAfterAWriteEndsThem(String columns) {
    numbers(connection, 70);
    connection.execute("CREATE TABLE other(x)");
    try (SqliteStatement s = connection.prepare("SELECT " + columns + " FROM t ORDER BY k")) {
      for (int at = 1; at < 70; at++) {
        for (int i = 0; i < at; i++) {
          assertTrue(s.step());
        }
        connection.execute("INSERT INTO other VALUES (1)");
        connection.interrupt();
        int row = at;
        assertEquals(INTERRUPT, assertThrows(SqliteException.class, s::step, () -> "after row " + row).code());
      }
    }
  }

  /**
   * At each place: in the midst of those that were read ahead, at their last, and where there was no room for the next.
   */
  @ParameterizedTest
  @ValueSource(strings = {"k", "k, zeroblob(900), zeroblob(900)", "k, zeroblob(1500)"})
  void anInterruptEndsRowsThatAreHere(String columns) throws Exception {
    numbers(connection, 70);
    try (SqliteStatement s = connection.prepare("SELECT " + columns + " FROM t ORDER BY k")) {
      for (int at = 1; at < 70; at++) {
        for (int i = 0; i < at; i++) {
          assertTrue(s.step());
        }
        Thread thread = new Thread(connection::interrupt);
        thread.start();
        thread.join();
        assertEquals(at, s.getLong(0));
        int row = at;
        assertEquals(INTERRUPT, assertThrows(SqliteException.class, s::step, () -> "after row " + row).code());
        assertThrows(IllegalStateException.class, () -> s.getLong(0));
      }
      assertEquals(70, longs(s).size());
    }
  }

  @Test
  void aTransactionThatIsRolledBackEndsNothingButItself() {
    numbers(connection, 100);
    try (SqliteStatement s = connection.prepare("SELECT k, x FROM t ORDER BY k")) {
      for (int i = 0; i < 10; i++) {
        assertTrue(s.step());
      }
      assertThrows(ArithmeticException.class, () -> connection.transaction(c -> {
        c.execute("UPDATE t SET x = 1000");
        throw new ArithmeticException();
      }));
      long rows = 10;
      try {
        while (s.step()) {
          assertEquals(++rows, s.getLong(0));
          assertEquals(rows % 10, s.getLong(1));
        }
        assertEquals(100, rows);
      } catch (SqliteException e) {
        assertEquals(516, e.extendedCode(), e.toString());
      }
      assertEquals(100, longs(s).size());
    }
  }

  /** Steps and reads take no lock: whatever is closed meanwhile, they say so and no more. */
  @Test
  void closedByAnotherThreadWhileRowsAreRead() throws Exception {
    AtomicLong read = new AtomicLong();
    for (int round = 0; round < 40; round++) {
      int how = round % 3;
      MemoryVfs own = MemoryVfs.create();
      SqliteConnection c = own.open("a");
      numbers(c, 500);
      SqliteStatement s = c.prepare("SELECT k, u, x, zeroblob(1500) FROM t");
      CountDownLatch reading = new CountDownLatch(1);
      Crew crew = new Crew();
      crew.start("reader", () -> {
        try {
          for (;;) {
            while (s.step()) {
              assertEquals("u" + s.getLong(0), s.getText(1));
              assertEquals(1500, read.addAndGet(1) % 5 == 0 ? s.getBlob(3).length : 1500);
              reading.countDown();
            }
          }
        } catch (IllegalStateException expected) {
          assertTrue(expected.getMessage().contains("closed"), expected.getMessage());
        } catch (SqliteException e) {
          assertEquals(INTERRUPT, e.code(), e.toString());
          assertTrue(how == 2, e.toString());
        }
      });
      reading.await();
      switch (how) {
        case 0 -> s.close();
        case 1 -> c.close();
        default -> own.close();
      }
      crew.join();
      own.close();
    }
  }
}
