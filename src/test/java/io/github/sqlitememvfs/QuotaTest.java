package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The limit of bytes: what fails at it, that no data is damaged then, and how memory is freed. */
class QuotaTest {

  private static final long LIMIT = 4_000_000;
  private static final int FULL = 13;

  private final MemoryVfs vfs = MemoryVfs.builder().maxBytes(LIMIT).build();

  @AfterEach
  void close() {
    vfs.close();
  }

  private static void assertWithin(MemoryVfs vfs) {
    assertTrue(vfs.stats().bytesInUse() <= vfs.stats().maxBytes(), vfs.stats().toString());
  }

  @ParameterizedTest
  @CsvSource({"delete, 2000", "memory, 2000", "truncate, 2000", "persist, 2000", "off, 2000", "memory, 5", "delete, 5", "off, 5"})
  void aTransactionThatIsTooLargeIsRolledBack(String journalMode, int cachePages) {
    try (SqliteConnection connection = vfs.open("a"); SqliteConnection reader = vfs.open("a")) {
      connection.execute("PRAGMA journal_mode = " + journalMode + "; PRAGMA cache_size = " + cachePages
          + "; CREATE TABLE t(id INTEGER PRIMARY KEY, x); INSERT INTO t(x) VALUES (randomblob(100000))");
      byte[] before = Sql.bytes(vfs, "a");
      for (int round = 0; round < 5; round++) {
        SqliteFullException e = assertThrows(SqliteFullException.class, () -> connection.transaction(c -> {
          for (int i = 0; i < 1000; i++) {
            c.execute("INSERT INTO t(x) VALUES (randomblob(50000))");
            assertWithin(vfs);
            assertEquals(1, Sql.number(reader, "SELECT count(*) FROM t"));
          }
        }));
        assertEquals(FULL, e.code());
        assertFalse(connection.inTransaction());
        assertArrayEquals(before, Sql.bytes(vfs, "a"));
        assertEquals(1, Sql.number(connection, "SELECT count(*) FROM t"));
        Sql.assertWhole(connection);
      }
      assertThrows(SqliteFullException.class, () -> connection.execute("INSERT INTO t(x) VALUES (zeroblob(5000000))"));
      assertArrayEquals(before, Sql.bytes(vfs, "a"));
      connection.execute("INSERT INTO t(x) VALUES (randomblob(100000))");
      assertEquals(2, Sql.number(reader, "SELECT count(*) FROM t"));
      Sql.assertWhole(reader);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 512, 4096, 65536})
  void autocommitFillsItUpToTheLimitAndSpaceComesBack(int blockSize) {
    try (MemoryVfs own = MemoryVfs.builder().maxBytes(LIMIT).blockSize(blockSize).build(); SqliteConnection connection = own.open("a")) {
      connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x)");
      for (int round = 0; round < 3; round++) {
        try (SqliteConnection ballast = own.open("ballast")) {
          ballast.execute("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(500000))");
        }
        long inserted = 0;
        try {
          for (;; inserted++) {
            connection.execute("INSERT INTO t(x) VALUES (randomblob(20000))");
            assertWithin(own);
          }
        } catch (SqliteFullException full) {
          assertEquals(inserted, Sql.number(connection, "SELECT count(*) FROM t"));
        }
        assertTrue(inserted > 100 && inserted < 175, "rows: " + inserted);
        assertTrue(own.stats().bytesInUse() > LIMIT * 3 / 4, own.stats().toString());
        Sql.assertWhole(connection);
        // To delete rows takes memory too, until the commit: make some room first.
        own.delete("ballast");
        connection.execute("DELETE FROM t");
        Sql.assertWhole(connection);
        connection.execute("VACUUM");
        assertTrue(own.stats().bytesInUse() < 400_000, own.stats().toString());
      }
    }
  }

  @Test
  void theLimitIsForAllDatabasesTogether() {
    try (SqliteConnection a = vfs.open("a"); SqliteConnection b = vfs.open("b")) {
      a.execute("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(3000000))");
      b.execute("CREATE TABLE t(x)");
      assertThrows(SqliteFullException.class, () -> b.execute("INSERT INTO t VALUES (randomblob(1500000))"));
      Sql.assertWhole(b);
      a.execute("DROP TABLE t; VACUUM");
      b.execute("INSERT INTO t VALUES (randomblob(1500000))");
      a.execute("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(2000000))");
      assertThrows(SqliteFullException.class, () -> b.execute("INSERT INTO t VALUES (randomblob(1500000))"));
    }
    vfs.delete("a");
    try (SqliteConnection b = vfs.open("b")) {
      b.execute("INSERT INTO t VALUES (randomblob(1500000))");
      Sql.assertWhole(b);
    }
  }

  @Test
  void aSnapshotKeepsMemoryUntilItIsClosed() {
    try (SqliteConnection connection = vfs.open("a")) {
      connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(2500000))");
      Snapshot snapshot = vfs.snapshot("a");
      assertThrows(SqliteFullException.class, () -> connection.execute("UPDATE t SET x = randomblob(2500000)"));
      Sql.assertWhole(connection);
      assertEquals(2_500_000, Sql.number(connection, "SELECT length(x) FROM t"));
      connection.execute("DELETE FROM t; VACUUM");
      assertThrows(SqliteFullException.class, () -> connection.execute("INSERT INTO t VALUES (randomblob(2500000))"));
      snapshot.close();
      connection.execute("INSERT INTO t VALUES (randomblob(2500000))");
      Sql.assertWhole(connection);
    }
  }

  @Test
  void forksShareWhatTheyDoNotChange() {
    try (SqliteConnection connection = vfs.open("a")) {
      connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(2500000)), ('small')");
    }
    for (int i = 0; i < 50; i++) {
      vfs.fork("a", "fork " + i);
    }
    try (SqliteConnection fork = vfs.open("fork 1")) {
      fork.execute("UPDATE t SET x = 'own' WHERE x = 'small'");
      assertThrows(SqliteFullException.class, () -> fork.execute("UPDATE t SET x = randomblob(2500000) WHERE length(x) > 100"));
      Sql.assertWhole(fork);
    }
    Sql.assertWhole(vfs, "a");
  }

  @Test
  void deserializeOfTooMuchKeepsTheOldContent() throws Exception {
    byte[] small = OtherSqlite.database("CREATE TABLE t(x)", "INSERT INTO t VALUES ('old')");
    byte[] large = OtherSqlite.database("CREATE TABLE t(x)", "INSERT INTO t VALUES (randomblob(4100000))");
    byte[] half = OtherSqlite.database("CREATE TABLE t(x)", "INSERT INTO t VALUES (randomblob(2500000))");
    vfs.deserialize("a", List.of(small));
    long bytes = vfs.stats().bytesInUse();
    assertThrows(SqliteFullException.class, () -> vfs.deserialize("a", Sql.chunks(large, 10_000)));
    assertThrows(SqliteFullException.class, () -> vfs.deserialize("new", new ByteArrayInputStream(large)));
    assertEquals(bytes, vfs.stats().bytesInUse());
    assertEquals(List.of("a"), vfs.databases());
    try (SqliteConnection connection = vfs.open("a")) {
      assertEquals("old", Sql.text(connection, "SELECT x FROM t"));
      vfs.deserialize("a", List.of(half));
      // Old and new are there at the same time.
      assertThrows(SqliteFullException.class, () -> vfs.deserialize("a", List.of(half)));
      assertEquals(2_500_000, Sql.number(connection, "SELECT length(x) FROM t"));
      vfs.deserialize("a", List.of(small));
      vfs.deserialize("a", List.of(half));
      Sql.assertWhole(connection);
    }
  }

  @Test
  void temporaryTablesDoNotHurtTheDatabase() {
    try (SqliteConnection connection = vfs.open("a")) {
      connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
      // Whether they count or not: the main database is whole, and the memory is back in the end.
      long before = vfs.stats().bytesInUse();
      try {
        connection.execute("CREATE TEMP TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
            + " SELECT randomblob(100000) AS x FROM n");
        connection.execute("DROP TABLE temp.big");
      } catch (SqliteFullException full) {
        assertEquals(FULL, full.code());
      }
      Sql.assertWhole(connection);
      connection.execute("INSERT INTO t VALUES (2)");
      assertEquals(before, vfs.stats().bytesInUse());
    }
    vfs.delete("a");
    assertEquals(0, vfs.stats().bytesInUse());
  }

  @Test
  void aVacuumThatDoesNotFitChangesNothing() {
    try (SqliteConnection connection = vfs.open("a")) {
      connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x);"
          + "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) INSERT INTO t(x) SELECT randomblob(20000) FROM n;"
          + "DELETE FROM t WHERE id % 10 = 0");
      byte[] before = Sql.bytes(vfs, "a");
      try {
        connection.execute("VACUUM");
      } catch (SqliteFullException full) {
        assertArrayEquals(before, Sql.bytes(vfs, "a"));
      }
      assertEquals(135, Sql.number(connection, "SELECT count(*) FROM t"));
      Sql.assertWhole(connection);
      assertWithin(vfs);
    }
  }
}
