package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The messages of SQLITE_BUSY and SQLITE_LOCKED say who is in the way, and what helps. */
class LockMessagesTest {
  private MemoryVfs vfs;
  private SqliteConnection c;
  private SqliteConnection other;

  @BeforeEach
  void open() {
    vfs = MemoryVfs.builder().busyTimeout(20).build();
    c = vfs.open("d");
    other = vfs.open("d");
    c.execute("CREATE TABLE t(x); CREATE TABLE u(x); INSERT INTO t VALUES (1), (2), (3)");
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  private static void assertMessage(int code, Executable call, String... parts) {
    SqliteException e = assertThrows(SqliteException.class, call);
    assertEquals(code, e.extendedCode(), e::getMessage);
    assertTrue(e.getMessage().startsWith(parts[0]), e.getMessage());
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), () -> "not in it: " + part + ": " + e.getMessage());
    }
  }

  @Test
  void hasWaited() {
    other.execute("BEGIN IMMEDIATE");
    SqliteException e = assertThrows(SqliteBusyException.class, () -> c.execute("DELETE FROM t"));
    String message = e.getMessage();
    assertTrue(message.matches("database is locked: another connection is writing it, and still was after \\d+ ms\\. The busy timeout is 20 ms \\(SQLITE_BUSY, 5\\)"),
        message);
    assertTrue(Integer.parseInt(message.replaceAll("(?s).*after (\\d+) ms.*", "$1")) >= 20, message);
    assertMessage(5, () -> c.transaction(t -> { }), "database is locked", "still was after");
    assertMessage(5, () -> c.execute("SELECT 1; DELETE FROM t"), "database is locked", "still was after");
    assertMessage(5, () -> vfs.deserialize("d", List.of()), "database \"d\"", "another connection", "busy timeout of 20 ms");
  }

  @Test
  void doesNotWait() {
    other.execute("BEGIN IMMEDIATE");
    c.execute("PRAGMA busy_timeout = 0");
    assertMessage(5, () -> c.execute("DELETE FROM t"), "database is locked", "another connection", "the busy timeout is 0 ms");
  }

  @Test
  void hasReadBefore() {
    other.execute("BEGIN IMMEDIATE");
    c.execute("BEGIN; SELECT * FROM t");
    assertMessage(5, () -> c.execute("DELETE FROM t"), "database is locked", "another connection", "has read it before", "BEGIN IMMEDIATE", "transaction(...)");
    c.execute("ROLLBACK");
    try (SqliteStatement s = c.query("SELECT x FROM t")) {
      s.step();
      assertMessage(5, () -> c.execute("DELETE FROM t"), "database is locked", "still on a row");
    }
  }

  @Test
  void readsAnOlderVersion() {
    c.execute("BEGIN; SELECT * FROM t");
    other.execute("DELETE FROM u");
    other.execute("INSERT INTO u VALUES (1)");
    assertMessage(517, () -> c.execute("DELETE FROM t"), "database is locked", "older version", "BEGIN IMMEDIATE", "transaction(...)");
  }

  @Test
  void aStatementIsOpen() {
    try (SqliteStatement s = c.query("SELECT x FROM t ORDER BY x")) {
      s.readAhead(false);
      s.step();
      assertMessage(6, () -> c.execute("DROP TABLE t"), "database table is locked", "\"SELECT x FROM t ORDER BY x\" is on a row;", "reset or close it");
      try (SqliteStatement second = c.query("SELECT 'a text that is longer than what a message shows of a statement, which is cut off there', x FROM t");
          SqliteStatement third = c.query("SELECT 3, x FROM t")) {
        second.readAhead(false);
        second.step();
        assertMessage(6, () -> c.execute("DROP TABLE t"), "database table is locked", "x F...\" is on a row, and so is one more;");
        third.readAhead(false);
        third.step();
        assertMessage(6, () -> c.execute("DROP TABLE t"), "database table is locked", "\"SELECT 3, x FROM t\" is on a row, and so are 2 more;");
      }
      assertMessage(1, () -> c.execute("VACUUM"), "cannot VACUUM - SQL statements in progress", "\"SELECT x FROM t ORDER BY x\" is on a row;");
    }
    c.execute("DROP TABLE t");
  }

  @Test
  void aStatementHasReadAheadToItsEnd() {
    c.execute("INSERT INTO t VALUES (4), (5), (6)");
    try (SqliteStatement s = c.query("SELECT x FROM t ORDER BY x")) {
      for (int i = 0; i < 4; i++) { // the fourth comes with all that follow, and with the end
        s.step();
      }
      assertMessage(6, () -> c.execute("DROP TABLE t"), "database table is locked",
          "\"SELECT x FROM t ORDER BY x\" is on a row;", "reset or close it");
    }
    c.execute("DROP TABLE t");
  }

  @Test
  void othersStayAsTheyAre() {
    assertMessage(1, () -> c.execute("SELECT * FROM nowhere"), "no such table: nowhere (SQLITE_ERROR, 1)");
    assertMessage(1, () -> c.execute("COMMIT"), "cannot commit - no transaction is active (SQLITE_ERROR, 1)");
  }
}
