package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Those who use a database that is deleted keep what they have, and its name is free at once. */
class DeleteInUseTest {

  private final MemoryVfs vfs = MemoryVfs.create();

  @AfterEach
  void close() {
    vfs.close();
  }

  private SqliteConnection made(String value) {
    SqliteConnection connection = vfs.open("a");
    connection.execute("CREATE TABLE t(x)");
    connection.execute("INSERT INTO t VALUES (?)", value);
    return connection;
  }

  @Test
  void connectionsGoOnWithTheOldAndTheNameIsFree() {
    try (SqliteConnection old = made("old")) {
      assertTrue(vfs.delete("a"));
      assertFalse(vfs.exists("a"));
      assertEquals("old", Sql.text(old, "SELECT x FROM t"));
      try (SqliteConnection fresh = made("new")) {
        old.execute("INSERT INTO t VALUES ('still old')");
        assertEquals(2, Sql.number(old, "SELECT count(*) FROM t"));
        assertEquals(1, Sql.number(fresh, "SELECT count(*) FROM t"));
        assertEquals("new", Sql.text(fresh, "SELECT x FROM t"));
        Sql.assertWhole(old);
        // Two writers at once: they are two databases.
        old.execute("BEGIN IMMEDIATE");
        fresh.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (1); COMMIT");
        old.execute("INSERT INTO t VALUES (1); COMMIT; VACUUM");
        Sql.assertWhole(old);
        Sql.assertWhole(fresh);
      }
    }
    vfs.delete("a");
    assertEquals(0, vfs.stats().bytesInUse());
  }

  @Test
  void twoConnectionsToTheDeletedOneStillSeeEachOther() {
    try (SqliteConnection first = made("x"); SqliteConnection second = vfs.open("a")) {
      vfs.delete("a");
      first.execute("INSERT INTO t VALUES ('y')");
      assertEquals(2, Sql.number(second, "SELECT count(*) FROM t"));
      second.execute("DELETE FROM t");
      assertEquals(0, Sql.number(first, "SELECT count(*) FROM t"));
    }
    assertEquals(0, vfs.stats().bytesInUse());
  }

  @Test
  void atEveryPointOfATransaction() {
    SqliteConnection writer = made("x");
    writer.execute("BEGIN; PRAGMA cache_size = 1; INSERT INTO t VALUES (zeroblob(100000))");
    vfs.delete("a");
    writer.execute("INSERT INTO t VALUES (zeroblob(100000)); COMMIT");
    assertEquals(3, Sql.number(writer, "SELECT count(*) FROM t"));
    Sql.assertWhole(writer);
    writer.close();
    assertEquals(0, vfs.stats().bytesInUse());

    writer = made("x");
    SqliteConnection reader = vfs.open("a");
    SqliteStatement half = reader.prepare("SELECT x FROM t");
    assertTrue(half.step());
    writer.execute("BEGIN; DELETE FROM t");
    vfs.delete("a");
    writer.execute("ROLLBACK");
    assertEquals("x", half.getText(0));
    assertFalse(half.step());
    assertEquals("x", Sql.text(writer, "SELECT x FROM t"));
    reader.close();
    writer.close();
    assertEquals(0, vfs.stats().bytesInUse());
  }

  @Test
  void snapshotsAndStreamsKeepTheirs() throws Exception {
    made("old").close();
    byte[] bytes = Sql.bytes(vfs, "a");
    InputStream stream = vfs.serialize("a");
    Iterable<byte[]> chunks = vfs.serializeChunks("a");
    try (Snapshot snapshot = vfs.snapshot("a")) {
      assertEquals('S', stream.read());
      vfs.delete("a");
      vfs.deserialize("a", List.of(OtherSqlite.database("CREATE TABLE other(x)")));
      assertArrayEquals(bytes, snapshot.newInputStream().readAllBytes());
      assertEquals(bytes.length - 1, stream.readAllBytes().length);
      assertArrayEquals(bytes, chunks.iterator().next());
      snapshot.fork("back");
      Sql.assertWhole(vfs, "back");
    }
  }

  @Test
  void deserializeIntoTheFreedName() {
    try (SqliteConnection old = made("old")) {
      vfs.delete("a");
      vfs.deserialize("a", List.of(OtherSqlite.database("CREATE TABLE t(x)", "INSERT INTO t VALUES ('new')")));
      assertEquals("old", Sql.text(old, "SELECT x FROM t"));
      try (SqliteConnection fresh = vfs.open("a")) {
        assertEquals("new", Sql.text(fresh, "SELECT x FROM t"));
      }
    }
  }

  @Test
  void deserializeDoesNotWaitForAWriterOfTheDeletedOne() {
    try (SqliteConnection writer = made("old")) {
      writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
      vfs.delete("a");
      vfs.deserialize("a", List.of(OtherSqlite.database("CREATE TABLE t(x)")));
      writer.execute("COMMIT");
      assertEquals(2, Sql.number(writer, "SELECT count(*) FROM t"));
    }
  }

  @Test
  void manyGenerationsOfOneName() {
    SqliteConnection[] generations = new SqliteConnection[50];
    for (int i = 0; i < generations.length; i++) {
      generations[i] = made("generation " + i);
      assertTrue(vfs.delete("a"));
    }
    assertThrows(SqliteException.class, () -> vfs.size("a"));
    for (int i = 0; i < generations.length; i++) {
      assertEquals("generation " + i, Sql.text(generations[i], "SELECT x FROM t"));
      generations[i].close();
    }
    assertEquals(0, vfs.stats().bytesInUse());
  }
}
