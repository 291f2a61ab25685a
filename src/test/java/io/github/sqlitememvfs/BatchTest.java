package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A batch does the same as its rows one by one in a transaction. */
class BatchTest {

  private static final int INTERRUPT = 9;
  private static final int UNIQUE = 2067;
  private static final int FOREIGN_KEY = 787;

  private final MemoryVfs vfs = MemoryVfs.builder().busyTimeout(0).build();
  private final SqliteConnection connection = vfs.open("test");

  @AfterEach
  void close() {
    connection.close();
    vfs.close();
  }

  private static void addNumbers(SqliteStatement s, long from, long to) {
    for (long i = from; i < to; i++) {
      s.bindLong(1, i);
      s.addBatch();
    }
  }

  private long count() {
    return Sql.number(connection, "SELECT count(*) FROM t");
  }

  // ---- what is run

  @Test
  void aMillionRows() {
    connection.execute("CREATE TABLE t(k INTEGER PRIMARY KEY, x)");
    try (SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?, ?)")) {
      s.bindText(2, "x");
      addNumbers(s, 0, 1_000_000);
      assertEquals(1_000_000, s.batchSize());
      assertEquals(1_000_000, s.executeBatch());
      assertEquals(0, s.batchSize());
    }
    assertEquals(List.of(List.of(1_000_000L, 0L, 999_999L, 1_000_000L)), Sql.rows(connection, "SELECT count(*), min(k), max(k), count(*) FILTER (WHERE x = 'x') FROM t"));
  }

  /**
   * A batch, and the same rows executed one by one. Values are bound several times, stay, are cleared; buffers are of
   * each kind.
   */
  @Test
  void randomBatchesDoWhatTheirRowsDo() {
    Random random = Seed.random("BatchTest");
    connection.execute("CREATE TABLE a(c0, c1, c2, c3); CREATE TABLE b(c0, c1, c2, c3)");
    for (int round = 0; round < 60; round++) {
      int parameters = 1 + random.nextInt(4);
      String sql = "INTO %s VALUES (?1, " + (parameters > 1 ? "?2, " : "NULL, ") + (parameters > 2 ? "?3, " : "NULL, ") + (parameters > 3 ? "?4)" : "NULL)");
      int rows = round % 5 == 0 ? 1500 : random.nextInt(60);
      int border = 16 * 1024 - random.nextInt(400); // some value ends near the end of a chunk
      try (SqliteStatement batch = connection.prepare("INSERT " + String.format(sql, "a"));
          SqliteStatement single = connection.prepare("INSERT " + String.format(sql, "b"))) {
        int executions = 1 + random.nextInt(3);
        for (int e = 0; e < executions; e++) {
          for (int r = 0; r < rows; r++) {
            int binds = random.nextInt(parameters + 3);
            for (int i = 0; i < binds; i++) {
              bindBoth(random, border, batch, single, 1 + random.nextInt(parameters), rows > 1000);
            }
            if (random.nextInt(20) == 0) {
              batch.clearBindings();
              single.clearBindings();
            }
            batch.addBatch();
            assertFalse(single.step());
          }
          if (random.nextInt(3) == 0) {
            bindBoth(random, border, batch, single, 1, false); // not of the batch, and stays
          }
          assertEquals(rows, batch.batchSize());
          assertEquals(rows, batch.executeBatch());
          if (random.nextBoolean()) { // what is bound is still what it runs with
            batch.step();
            single.step();
          }
        }
      }
      assertEquals(List.of(), Sql.rows(connection, "SELECT rowid FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE a.rowid = b.rowid AND a.c0 IS b.c0 AND a.c1 IS b.c1 AND a.c2 IS b.c2"
          + " AND a.c3 IS b.c3 AND typeof(a.c0) || typeof(a.c1) || typeof(a.c2) || typeof(a.c3) = typeof(b.c0) || typeof(b.c1) || typeof(b.c2) || typeof(b.c3))"));
      assertEquals(Sql.number(connection, "SELECT count(*) FROM b"), Sql.number(connection, "SELECT count(*) FROM a"));
      connection.execute("DELETE FROM a; DELETE FROM b");
    }
  }

  private static void bindBoth(Random random, int border, SqliteStatement a, SqliteStatement b, int index, boolean small) {
    int n = small ? random.nextInt(20) : switch (random.nextInt(12)) {
      case 0 -> border - random.nextInt(50);
      case 1 -> 16 * 1024 + random.nextInt(100) - 50;
      case 2 -> Parameters.LONG_VALUE - 1 + random.nextInt(3);
      case 3 -> random.nextInt(3000);
      case 4 -> 0;
      default -> random.nextInt(100);
    };
    byte[] bytes = new byte[n];
    random.nextBytes(bytes);
    Object value = switch (random.nextInt(8)) {
      case 0 -> null;
      case 1 -> random.nextLong();
      case 2 -> random.nextDouble();
      case 3 -> ("aü" + random.nextInt()).repeat(n / 10 + 1);
      case 4 -> ("a" + random.nextInt()).repeat(n / 10 + 1);
      case 5 -> bytes;
      default -> {
        ByteBuffer buffer = random.nextBoolean() ? ByteBuffer.allocateDirect(n + 7) : ByteBuffer.allocate(n + 7);
        buffer.position(3);
        buffer.put(bytes).flip().position(3);
        buffer = random.nextBoolean() ? buffer.slice() : buffer;
        yield random.nextBoolean() ? buffer.asReadOnlyBuffer() : buffer;
      }
    };
    int position = value instanceof ByteBuffer buffer ? buffer.position() : 0;
    a.bind(index, value);
    b.bind(index, value);
    if (value instanceof ByteBuffer buffer) {
      assertEquals(position, buffer.position());
    }
  }

  @Test
  void rowsChangedAreCountedWithoutThoseOfTriggers() {
    connection.execute("CREATE TABLE t(x); CREATE TABLE log(x); CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.x), (new.x); END");
    try (SqliteStatement insert = connection.prepare("INSERT INTO t VALUES (?1), (?1 + 1)"); SqliteStatement update = connection.prepare("UPDATE t SET x = x WHERE x < ?");
        SqliteStatement select = connection.prepare("SELECT ?"); SqliteStatement returning = connection.prepare("DELETE FROM t WHERE x = ? RETURNING x");
        SqliteStatement none = connection.prepare("INSERT INTO t DEFAULT VALUES")) {
      addNumbers(insert, 0, 5);
      assertEquals(10, insert.executeBatch());
      assertEquals(20, Sql.number(connection, "SELECT count(*) FROM log"));
      addNumbers(update, 1, 3); // 0; 0, 1, 1
      assertEquals(4, update.executeBatch());
      addNumbers(select, 0, 3);
      assertEquals(0, select.executeBatch());
      addNumbers(returning, 0, 3);
      assertEquals(5, returning.executeBatch());
      assertEquals(5, count());
      for (int i = 0; i < 5000; i++) {
        none.addBatch();
      }
      assertEquals(5000, none.executeBatch());
      select.bindLong(1, 9);
      assertTrue(select.step(), "it can be run alone afterwards");
      assertEquals(9, select.getLong(0));
    }
  }

  @Test
  void anEmptyBatchDoesNothing() {
    connection.execute("CREATE TABLE t(x)");
    try (SqliteConnection writer = vfs.open("test"); SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?)")) {
      writer.execute("BEGIN IMMEDIATE");
      assertEquals(0, s.executeBatch());
      addNumbers(s, 0, 10);
      s.clearBatch();
      assertEquals(0, s.batchSize());
      assertEquals(0, s.executeBatch());
      writer.execute("ROLLBACK");
      assertFalse(s.step());
      assertEquals(List.of(List.of(9L)), Sql.rows(connection, "SELECT x FROM t"), "the values stay bound");
    }
  }

  @Test
  void aPendingBatchIsInTheWayOfAStep() {
    connection.execute("CREATE TABLE t(x)");
    SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?)");
    addNumbers(s, 0, 3);
    IllegalStateException e = assertThrows(IllegalStateException.class, s::step);
    assertTrue(e.getMessage().contains("3 rows") && e.getMessage().contains("clearBatch"), e.getMessage());
    s.close();
    assertEquals(0, count());
    assertThrows(IllegalStateException.class, s::executeBatch);
    assertThrows(IllegalStateException.class, s::addBatch);
    assertThrows(IllegalStateException.class, s::clearBatch);
    assertThrows(IllegalStateException.class, s::batchSize);
    try (SqliteStatement query = connection.prepare("SELECT 1")) {
      assertTrue(query.step());
      assertThrows(IllegalStateException.class, query::addBatch);
      assertThrows(IllegalStateException.class, query::executeBatch);
    }
  }

  // ---- what fails

  /** An empty value has no place of its own, wherever the row before it stood. */
  @Test
  void emptyValuesAtEachPlaceOfAChunk() {
    connection.execute("CREATE TABLE t(x, y)");
    try (SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?, ?)")) {
      for (int filler : new int[] {0, 1, 300, 16_000, Parameters.LONG_VALUE, Parameters.LONG_VALUE + 1}) {
        for (int i = 0; i < 60; i++) {
          s.bindBlob(1, new byte[filler]);
          s.bindText(2, "gone");
          s.bindNull(2);
          s.bindText(2, "");
          s.addBatch();
          s.bindBlob(1, new byte[filler]);
          s.bindText(2, "gone");
          s.bindNull(2);
          s.addBatch();
          s.bindBlob(1, new byte[0]);
          s.bind(2, ByteBuffer.allocateDirect(0));
          s.addBatch();
        }
        assertEquals(180, s.executeBatch());
        s.bindBlob(1, new byte[0]);
        s.bindText(2, "");
        assertFalse(s.step());
        assertEquals(181, connection.execute("DELETE FROM t WHERE length(x) IN (0, ?) AND length(y) IS NOT 4", filler));
      }
    }
  }

  /** It is with SQLite already when the batch is run, whose rows come between. */
  @ParameterizedTest
  @ValueSource(ints = {100, Parameters.LONG_VALUE, Parameters.LONG_VALUE + 1, 1_000_000})
  void aLongValueThatIsNotOfTheBatchStaysBound(int length) {
    connection.execute("CREATE TABLE t(x, y)");
    try (SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?, ?)")) {
      for (int i = 0; i < 3; i++) {
        addNumbers(s, 0, 10);
        s.bindText(1, "x".repeat(length));
        s.bindBlob(2, new byte[length]);
        assertEquals(10, s.executeBatch());
        assertFalse(s.step());
        s.addBatch();
        assertEquals(1, s.executeBatch());
        assertEquals(2, connection.execute("DELETE FROM t WHERE typeof(x) = 'text' AND length(x) = ?1 AND y = zeroblob(?1)", length));
      }
    }
  }

  /** First, in the midst, last, in a later chunk (of some hundred rows). */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 500, 1499, 2999})
  void aRowThatFailsUndoesTheBatch(int k) {
    connection.execute("CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES (" + k + ")");
    try (SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?)")) {
      addNumbers(s, 0, 3000);
      assertFailsAt(s, k);
      assertEquals(1, count());
      assertFalse(connection.inTransaction());

      connection.execute("BEGIN; INSERT INTO t VALUES ('kept')");
      addNumbers(s, 0, 3000);
      assertFailsAt(s, k);
      assertTrue(connection.inTransaction());
      assertEquals(2, count());
      addNumbers(s, 5000, 5010);
      assertEquals(10, s.executeBatch());
      connection.execute("COMMIT");
      assertEquals(12, count());

      connection.transaction(c -> {
        c.execute("INSERT INTO t VALUES ('kept, too')");
        addNumbers(s, 0, 3000);
        assertFailsAt(s, k);
        addNumbers(s, 6000, 6010);
        assertEquals(10, s.executeBatch());
      });
      assertEquals(23, count());
      Sql.assertWhole(connection);
    }
  }

  private static void assertFailsAt(SqliteStatement s, long k) {
    SqliteException e = assertThrows(SqliteConstraintException.class, s::executeBatch);
    assertEquals(k, e.batchIndex());
    assertEquals(UNIQUE, e.extendedCode());
    assertTrue(e.getMessage().startsWith("UNIQUE constraint failed: t.x"), e.getMessage());
    assertEquals(s.sql(), e.sql());
    assertEquals(0, s.batchSize());
  }

  @Test
  void aCommitThatFailsIsNoRowsFault() {
    connection.execute("PRAGMA foreign_keys = ON; CREATE TABLE p(k INTEGER PRIMARY KEY); CREATE TABLE t(p REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
    try (SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?)")) {
      addNumbers(s, 0, 10);
      SqliteException e = assertThrows(SqliteConstraintException.class, s::executeBatch);
      assertEquals(FOREIGN_KEY, e.extendedCode());
      assertEquals(-1, e.batchIndex());
      assertEquals(0, s.batchSize());
      assertFalse(connection.inTransaction());
      assertEquals(0, count());
      connection.transaction(c -> {
        addNumbers(s, 0, 2);
        assertEquals(2, s.executeBatch());
        c.execute("INSERT INTO p VALUES (0), (1)");
      });
      assertEquals(2, count());
    }
  }

  @Test
  void whileAnotherWritesTheBatchIsKept() {
    connection.execute("CREATE TABLE t(x)");
    try (SqliteConnection writer = vfs.open("test"); SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?)")) {
      writer.execute("BEGIN IMMEDIATE");
      addNumbers(s, 0, 3000);
      for (int i = 0; i < 2; i++) {
        assertEquals(-1, assertThrows(SqliteBusyException.class, s::executeBatch).batchIndex());
        assertEquals(3000 + i, s.batchSize());
        s.addBatch();
      }
      writer.execute("COMMIT");
      assertEquals(3002, s.executeBatch());
      assertEquals(List.of(List.of(3002L, 2999L)), Sql.rows(connection, "SELECT count(*), max(x) FROM t"));
    }
  }

  @Test
  void noRoomLeft() {
    try (MemoryVfs small = MemoryVfs.builder().maxBytes(1 << 20).build(); SqliteConnection c = small.open("a")) {
      c.execute("CREATE TABLE t(x)");
      try (SqliteStatement s = c.prepare("INSERT INTO t VALUES (zeroblob(?))")) {
        for (int round = 0; round < 2; round++) {
          if (round == 1) {
            c.execute("BEGIN");
          }
          addNumbers(s, 1000, 4000);
          SqliteException e = assertThrows(SqliteFullException.class, s::executeBatch);
          assertTrue(e.batchIndex() > 0, e.toString());
          assertEquals(0, s.batchSize());
          assertEquals(0, Sql.number(c, "SELECT count(*) FROM t"));
          assertFalse(c.inTransaction());
        }
        addNumbers(s, 100, 110);
        assertEquals(10, s.executeBatch());
      }
      Sql.assertWhole(c);
    }
  }

  @Test
  void readOnlyConnectionsRunQueries() {
    connection.execute("CREATE TABLE t(x)");
    try (SqliteConnection c = vfs.open("test", OpenOptions.defaults().readOnly(true)); SqliteStatement insert = c.prepare("INSERT INTO t VALUES (?)");
        SqliteStatement select = c.prepare("SELECT x FROM t WHERE x > ?")) {
      addNumbers(insert, 0, 3);
      SqliteException e = assertThrows(SqliteException.class, insert::executeBatch);
      assertEquals(8, e.code());
      assertEquals(0, e.batchIndex());
      addNumbers(select, 0, 3);
      assertEquals(0, select.executeBatch());
      assertFalse(c.inTransaction());
    }
  }

  @Test
  void statementsThatEndTheTransaction() {
    connection.execute("CREATE TABLE t(x)");
    for (String sql : List.of("COMMIT", "ROLLBACK")) {
      for (int rows = 1; rows < 3; rows++) {
        try (SqliteStatement s = connection.prepare(sql)) {
          for (int i = 0; i < rows; i++) {
            s.addBatch();
          }
          SqliteException e = assertThrows(SqliteException.class, s::executeBatch);
          assertTrue(e.getMessage().contains("no transaction is active"), e.getMessage());
          assertEquals(rows == 1 ? -1 : 1, e.batchIndex(), "the second of two fails, or what commits them");
          assertFalse(connection.inTransaction());
          assertEquals(0, s.batchSize());
          for (int i = 0; i < 2; i++) {
            s.addBatch();
          }
          IllegalStateException ended = assertThrows(IllegalStateException.class, () -> connection.transaction(c -> {
            c.execute("INSERT INTO t VALUES (1)");
            s.executeBatch();
          }));
          assertTrue(ended.getMessage().contains("ended before its body"), ended.getMessage());
          assertFalse(connection.inTransaction());
        }
      }
    }
    assertEquals(2, count(), "what a COMMIT has committed");
  }

  @Test
  void interruptedInTheMidst() throws Exception {
    connection.execute("CREATE TABLE t(x)");
    // The last row never ends; the one before tells that it has come.
    try (SqliteStatement s = connection.prepare("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE ?1 < 0) SELECT i FROM n")) {
      for (int round = 0; round < 5; round++) {
        addNumbers(s, 0, 1000);
        addNumbers(s, -1, 0);
        Crew crew = new Crew();
        crew.start("interrupter", () -> {
          while (crew.working()) {
            connection.interrupt();
            Thread.sleep(4);
          }
        });
        SqliteException e = assertThrows(SqliteException.class, s::executeBatch);
        crew.stop();
        crew.join();
        assertEquals(INTERRUPT, e.code());
        assertTrue(e.batchIndex() <= 1000, e.toString());
        assertEquals(0, s.batchSize() % 1001);
        s.clearBatch();
        assertFalse(connection.inTransaction());
        assertEquals(0, count());
      }
    }
  }

  @Test
  void eachRowHasTheTimeOfAStatement() {
    connection.execute("CREATE TABLE t(x)");
    try (SqliteConnection c = vfs.open("test", OpenOptions.defaults().statementTimeout(200));
        SqliteStatement s = c.prepare("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE ?1 < 0) SELECT i FROM n")) {
      addNumbers(s, 0, 3000);
      addNumbers(s, -1, 0);
      SqliteException e = assertThrows(SqliteException.class, s::executeBatch);
      assertEquals(INTERRUPT, e.code());
      assertEquals(3000, e.batchIndex());
      assertTrue(e.getMessage().contains("timeout of 200 ms"), e.getMessage());
      assertEquals(0, count());
    }
  }

  // ---- values

  @Test
  void bindingAgainTakesNoMoreMemory() {
    String text = "x".repeat(1024);
    for (boolean batch : new boolean[] {false, true}) {
      Parameters parameters = new Parameters(2);
      if (batch) {
        parameters.addRow();
      }
      for (int i = 0; i < 300_000; i++) {
        assertTrue(parameters.setAscii(0, text));
        parameters.setNull(0);
      }
      assertTrue(parameters.size() < 3000, () -> "bytes of parameters: " + parameters.size());
      byte[] bytes = new byte[Parameters.LONG_VALUE];
      for (int i = 0; i < bytes.length; i += 16) { // it grows, and shrinks
        parameters.setBytes(1, SqliteStatement.SQLITE_DATA_BLOB, bytes, 0, i);
        parameters.setBytes(1, SqliteStatement.SQLITE_DATA_BLOB, bytes, 0, 10);
      }
      assertTrue(parameters.size() < 4 * Parameters.LONG_VALUE, () -> "bytes of parameters: " + parameters.size());
    }
  }

  @Test
  void aValueThatIsRefusedLeavesTheOneBefore() {
    connection.execute("CREATE TABLE t(x, y)");
    try (SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?, ?)")) {
      List<List<Object>> expected = new ArrayList<>();
      for (Object value : new Object[] {"before", 7L, null, "ü", "x".repeat(Parameters.LONG_VALUE + 1)}) {
        s.bind(1, value);
        s.bindLong(2, expected.size());
        for (String refused : List.of("\ud83d", "a".repeat(100_000) + "\ude00")) {
          assertThrows(IllegalArgumentException.class, () -> s.bindText(1, refused));
        }
        assertThrows(IllegalArgumentException.class, () -> s.bind(1, new Object()));
        assertInstanceOf(SqliteException.class, assertThrows(RuntimeException.class, () -> s.bindLong(3, 1)));
        assertThrows(NullPointerException.class, () -> s.bindText(1, null));
        s.addBatch();
        expected.add(java.util.Arrays.asList(value, (long) expected.size()));
      }
      s.executeBatch();
      assertEquals(expected, Sql.rows(connection, "SELECT x, y FROM t"));
    }
  }
}
