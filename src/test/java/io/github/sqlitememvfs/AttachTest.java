package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several databases in one connection: of one VFS, of two, and temporary ones. */
class AttachTest {

  private final MemoryVfs vfs = MemoryVfs.create();
  private SqliteConnection connection = vfs.open("main one");

  @AfterEach
  void close() {
    connection.close();
    vfs.close();
  }

  private static String percentEncoded(String name) {
    return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
  }

  @Test
  void anotherDatabaseOfTheSameVfs() {
    try (SqliteConnection other = vfs.open("other")) {
      other.execute("CREATE TABLE t(x); INSERT INTO t VALUES ('of other')");
      connection.execute("ATTACH 'file:other' AS o");
      assertEquals("of other", Sql.text(connection, "SELECT x FROM o.t"));
      other.execute("UPDATE t SET x = 'changed'");
      assertEquals("changed", Sql.text(connection, "SELECT x FROM o.t"));
      connection.execute("INSERT INTO o.t VALUES ('by attached'); CREATE TABLE copy AS SELECT * FROM o.t");
      assertEquals(2, Sql.number(other, "SELECT count(*) FROM t"));
      connection.execute("DETACH o");
      assertThrows(SqliteException.class, () -> connection.execute("SELECT * FROM o.t"));
    }
    Sql.assertWhole(vfs, "other");
  }

  @Test
  void attachingMakesADatabase() {
    connection.execute("ATTACH 'file:new' AS n; CREATE TABLE n.t(x)");
    assertTrue(vfs.exists("new"));
    assertThrows(SqliteException.class, () -> connection.execute("ATTACH 'file:missing?mode=rw' AS m"));
    assertFalse(vfs.exists("missing"));
    connection.execute("ATTACH 'file:new?mode=ro' AS r");
    SqliteException e = assertThrows(SqliteException.class, () -> connection.execute("INSERT INTO r.t VALUES (1)"));
    assertEquals(8, e.code());
  }

  @ParameterizedTest
  @ValueSource(strings = {"a b", "a?b", "a#b", "ü/%41 😀", "../x", "x-journal", "file:x", "/abs", "C:\\x", "日本語"})
  void oddNamesWhenPercentEncoded(String name) {
    try (SqliteConnection other = vfs.open(name)) {
      other.execute("CREATE TABLE t(x)");
      other.execute("INSERT INTO t VALUES (?)", name);
    }
    connection.execute("ATTACH ? AS o", "file:" + percentEncoded(name) + "?vfs=" + vfs.name());
    assertEquals(name, Sql.text(connection, "SELECT x FROM o.t"));
    assertEquals(2, vfs.databases().size());
  }

  @Test
  void aDatabaseOfAnotherVfs() {
    try (MemoryVfs second = MemoryVfs.create(); SqliteConnection other = second.open("other")) {
      other.execute("CREATE TABLE t(x); INSERT INTO t VALUES ('of second')");
      connection.execute("ATTACH 'file:other?vfs=" + second.name() + "' AS o");
      assertEquals("of second", Sql.text(connection, "SELECT x FROM o.t"));
      assertFalse(vfs.exists("other"));
      connection.execute("CREATE TABLE t(x); BEGIN; INSERT INTO t SELECT x FROM o.t; UPDATE o.t SET x = 'both'; COMMIT");
      assertEquals("both", Sql.text(other, "SELECT x FROM t"));
      assertEquals("of second", Sql.text(connection, "SELECT x FROM main.t"));
      connection.execute("BEGIN; DELETE FROM main.t; DELETE FROM o.t; ROLLBACK");
      assertEquals(1, Sql.number(other, "SELECT count(*) FROM t"));
      connection.execute("DETACH o");
    }
  }

  @Test
  void theOtherVfsMayBeClosedMeanwhile() {
    MemoryVfs second = MemoryVfs.create();
    connection.execute("ATTACH 'file:other?vfs=" + second.name() + "' AS o; CREATE TABLE o.t(x); INSERT INTO o.t VALUES (1)");
    second.close();
    // It is whole or refused, but no crash; and our own database goes on.
    try {
      Sql.rows(connection, "SELECT * FROM o.t");
      connection.execute("INSERT INTO o.t VALUES (2)");
    } catch (SqliteException e) {
      assertTrue(e.code() != 0);
    }
    connection.execute("DETACH o; CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    Sql.assertWhole(connection);
    assertThrows(SqliteException.class, () -> connection.execute("ATTACH 'file:other?vfs=" + second.name() + "' AS o"));
  }

  @Test
  void aTransactionOverManyDatabases() {
    for (int i = 0; i < 9; i++) {
      connection.execute("ATTACH 'file:d" + i + "' AS d" + i + "; CREATE TABLE d" + i + ".t(x)");
    }
    for (String end : List.of("ROLLBACK", "COMMIT")) {
      connection.execute("BEGIN");
      for (int i = 0; i < 9; i++) {
        connection.execute("INSERT INTO d" + i + ".t VALUES (?)", i);
      }
      connection.execute(end);
      for (int i = 0; i < 9; i++) {
        try (SqliteConnection own = vfs.open("d" + i)) {
          assertEquals(end.equals("COMMIT") ? 1 : 0, Sql.number(own, "SELECT count(*) FROM t"));
        }
      }
    }
    // SQLite would write a super-journal for this in a file system; here it leaves no name behind.
    assertEquals(10, vfs.databases().size(), vfs.databases().toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"delete", "truncate", "persist", "memory", "off"})
  void journalsHaveNoNames(String journalMode) {
    connection.close();
    connection = vfs.open("main one", OpenOptions.defaults().hardened(!journalMode.equals("off")));
    assertEquals(journalMode, Sql.text(connection, "PRAGMA journal_mode = " + journalMode));
    connection.execute("ATTACH 'file:other' AS o; PRAGMA main.journal_mode = " + journalMode + "; PRAGMA o.journal_mode = " + journalMode);
    connection.execute("CREATE TABLE t(x); CREATE TABLE o.t(x); BEGIN; INSERT INTO t VALUES (1); INSERT INTO o.t VALUES (1)");
    assertEquals(List.of("main one", "other"), vfs.databases());
    connection.execute("COMMIT");
    assertEquals(List.of("main one", "other"), vfs.databases());
    assertEquals(2, Sql.number(connection, "SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM o.t)"));
  }

  @Test
  void temporaryAndPrivateDatabases() {
    connection.execute("ATTACH '' AS t; ATTACH ':memory:' AS m; CREATE TABLE t.x(a); CREATE TABLE m.x(a); CREATE TEMP TABLE y(a)");
    connection.execute("INSERT INTO t.x VALUES (zeroblob(1000000)); INSERT INTO m.x VALUES (1); INSERT INTO y VALUES (1)");
    assertEquals(List.of("main one"), vfs.databases());
    assertEquals(1_000_000, Sql.number(connection, "SELECT length(a) FROM t.x"));
    connection.execute("DETACH t; DETACH m");
  }

  @Test
  void vacuumIntoMakesADatabaseInTheSameVfs() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(100000)); DELETE FROM t; INSERT INTO t VALUES ('small')");
    connection.execute("VACUUM INTO 'file:copy%20of%20it'");
    assertEquals(List.of("copy of it", "main one"), vfs.databases());
    assertTrue(vfs.size("copy of it") < vfs.size("main one"));
    try (SqliteConnection copy = vfs.open("copy of it")) {
      assertEquals("small", Sql.text(copy, "SELECT x FROM t"));
      Sql.assertWhole(copy);
    }
    assertThrows(SqliteException.class, () -> connection.execute("VACUUM INTO 'file:copy%20of%20it'"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"unix", "unix-dotfile", "unix-excl", "unix-none", "win32", "win32-longpath", "win32-none", "memdb"})
  void thereIsNoVfsOfSqlitesOwn(String system) throws IOException {
    Path folder = Files.createTempDirectory("attach");
    String uri = folder.toUri().toString().replaceFirst("^file:/+", "file:/") + "x.db?vfs=" + system;
    for (String sql : List.of("ATTACH ? AS o", "VACUUM INTO ?")) {
      SqliteException e = assertThrows(SqliteException.class, () -> connection.execute(sql, uri));
      assertEquals("no such vfs: " + system + " (SQLITE_ERROR, 1)", e.getMessage());
    }
    Files.delete(folder); // which is empty
    assertEquals(List.of("main one"), vfs.databases());
  }

  @Test
  void theVfsThatIsLeftOpensNothing() {
    SqliteException e = assertThrows(SqliteException.class, () -> connection.execute("ATTACH 'file:/x?vfs=none' AS o"));
    assertEquals("unable to open database: file:/x?vfs=none (SQLITE_CANTOPEN, 14)", e.getMessage());
    assertEquals(64, Sql.text(connection, "SELECT hex(randomblob(32))").length());
    assertTrue(Sql.number(connection, "SELECT unixepoch()") > 1_700_000_000L);
    assertEquals(0, Sql.number(connection, "SELECT hex(randomblob(32)) = hex(randomblob(32))"));
  }

  @Test
  void aPathIsANameLikeAnyOther() throws IOException {
    Path folder = Files.createTempDirectory("attach");
    Path file = folder.resolve("x.db");
    connection.execute("ATTACH ? AS o", file.toString());
    connection.execute("CREATE TABLE o.t(x)");
    assertTrue(vfs.exists(file.toString()));
    Files.delete(folder);
  }

  @Test
  void twoConnectionsToTheSameDatabaseInOne() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1); ATTACH 'file:main%20one' AS again");
    assertEquals(1, Sql.number(connection, "SELECT x FROM again.t"));
    connection.busyTimeout(0);
    connection.execute("BEGIN; UPDATE main.t SET x = 2");
    assertThrows(SqliteBusyException.class, () -> connection.execute("UPDATE again.t SET x = 3"));
    connection.execute("COMMIT");
    assertEquals(2, Sql.number(connection, "SELECT x FROM again.t"));
  }

  @Test
  void replacingAnAttachedDatabaseIsSeen() {
    connection.execute("ATTACH 'file:other' AS o; CREATE TABLE o.t(x)");
    assertEquals(0, Sql.number(connection, "SELECT count(*) FROM o.t"));
    vfs.deserialize("other", List.of(OtherSqlite.database("CREATE TABLE t(x)", "INSERT INTO t VALUES (1), (2)")));
    assertEquals(2, Sql.number(connection, "SELECT count(*) FROM o.t"));
  }

  /** Rows of one database that were read ahead keep no version of another. */
  @Test
  void anAttachedDatabaseIsReadAndWrittenWhileRowsOfAnotherAreHeld() {
    try (MemoryVfs memory = MemoryVfs.create(); SqliteConnection c = memory.open("one"); SqliteConnection writer = memory.open("two")) {
      writer.execute("CREATE TABLE u(v)");
      c.execute("CREATE TABLE t(v); INSERT INTO t VALUES (1); ATTACH 'file:two' AS two");
      try (SqliteStatement count = c.prepare("SELECT count(*) FROM two.u"); SqliteStatement held = c.prepare("SELECT v FROM t LIMIT 1")) {
        assertTrue(count.step());
        count.reset();
        assertTrue(held.step());
        writer.execute("INSERT INTO u VALUES (1)");
        assertTrue(count.step());
        assertEquals(1, count.getLong(0));
        count.reset();
        held.reset();
        assertTrue(held.step());
        writer.execute("INSERT INTO u VALUES (2)");
        assertEquals(1, c.execute("INSERT INTO two.u VALUES (?)", 3));
        assertEquals(1, held.getLong(0));
      }
    }
  }
}
