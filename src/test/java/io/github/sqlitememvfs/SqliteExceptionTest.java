package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Codes, classes, messages, SQL and offsets. */
class SqliteExceptionTest {

  private final MemoryVfs vfs = MemoryVfs.create();
  private final SqliteConnection connection = vfs.open("test");

  @AfterEach
  void close() {
    connection.close();
    vfs.close();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "INSERT INTO t VALUES (1, 1, 1, 1)|1555|SQLITE_CONSTRAINT_PRIMARYKEY|t.id",
      "INSERT INTO t VALUES (2, 1, 1, 1)|2067|SQLITE_CONSTRAINT_UNIQUE|t.u",
      "INSERT INTO t VALUES (2, 2, NULL, 1)|1299|SQLITE_CONSTRAINT_NOTNULL|t.n",
      "INSERT INTO t VALUES (2, 2, 2, 11)|275|SQLITE_CONSTRAINT_CHECK|c < 10",
      "INSERT INTO child VALUES (7)|787|SQLITE_CONSTRAINT_FOREIGNKEY|FOREIGN KEY",
      "INSERT INTO guarded VALUES (7)|1811|SQLITE_CONSTRAINT_TRIGGER|guarded against",
      "INSERT INTO strict VALUES ('x')|3091|SQLITE_CONSTRAINT_DATATYPE|TEXT"})
  void constraints(String sql, int extendedCode, String name, String part) {
    connection.execute("PRAGMA foreign_keys = ON; CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, n NOT NULL, c CHECK (c < 10));"
        + "INSERT INTO t VALUES (1, 1, 1, 1);"
        + "CREATE TABLE child(t REFERENCES t);"
        + "CREATE TABLE guarded(x); CREATE TRIGGER guard BEFORE INSERT ON guarded BEGIN SELECT raise(ABORT, 'guarded against'); END;"
        + "CREATE TABLE strict(x INTEGER) STRICT");
    List<Executable> calls = List.of(() -> connection.execute(sql), () -> connection.execute(sql, new Object[0]), () -> {
      try (SqliteStatement s = connection.prepare(sql)) {
        s.step();
      }
    });
    for (Executable call : calls) {
      SqliteConstraintException e = assertThrows(SqliteConstraintException.class, call);
      assertEquals(19, e.code());
      assertEquals(extendedCode, e.extendedCode());
      assertEquals(sql, e.sql());
      assertTrue(e.getMessage().contains(part), e.getMessage());
      assertTrue(e.getMessage().endsWith(" (" + name + ", " + extendedCode + ")"), e.getMessage());
    }
  }

  @Test
  void theMessageHoldsNoSql() {
    connection.execute("CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES ('secret')");
    SqliteException e = assertThrows(SqliteException.class, () -> connection.execute("INSERT INTO t VALUES ('secret')"));
    assertFalse(e.getMessage().contains("secret"), e.getMessage());
    assertEquals("INSERT INTO t VALUES ('secret')", e.sql());
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "SELECT ^nope",
      "SELECT 'ascii', ^nope FROM (SELECT 1)",
      "SELECT 'ü', ^nope",
      "SELECT '日本語', ^nope",
      "SELECT '😀😀', ^nope, '😀'",
      "  \n\t SELECT ^nope",
      "/* 😀 */ SELECT 1, ^nope",
      "SELECT * FROM (SELECT 1) WHERE ^nope = 1",
      "SELECT 1 ^nope nope2 nope3",
      "^SELEKT 1"})
  void theOffsetIsTheIndexOfAChar(String marked) {
    int offset = marked.indexOf('^');
    String sql = marked.replace("^", "");
    if (marked.contains("nope2")) {
      offset = sql.indexOf("nope2");
    }
    String rest = sql.substring(offset);
    for (Executable call : List.<Executable>of(() -> connection.prepare(sql), () -> connection.query(sql),
        () -> connection.execute(sql, new Object[0]), () -> connection.execute(sql),
        () -> connection.execute("SELECT '😀', 1; CREATE TEMP TABLE IF NOT EXISTS u(x);" + sql))) {
      SqliteException e = assertThrows(SqliteException.class, call);
      assertEquals(1, e.code());
      assertTrue(e.errorOffset() >= 0, e.toString());
      assertEquals(rest, e.sql().substring(e.errorOffset()));
    }
    SqliteException e = assertThrows(SqliteException.class, () -> connection.prepare(sql));
    assertEquals(sql, e.sql());
    assertEquals(offset, e.errorOffset());
  }

  @ParameterizedTest
  @ValueSource(strings = {";;", " ; ;\n", "/* ; */ ;", "-- a; comment\n;", "/* 😀 */;/**/--;\n\t;"})
  void blankStatementsBeforeTheOneThatFailsAreNotPartOfIt(String blank) {
    for (String before : List.of("", "SELECT 1;")) {
      SqliteException e = assertThrows(SqliteException.class, () -> connection.execute(before + blank + "SELEKT 2;" + blank + "SELECT 3"));
      assertEquals("SELEKT 2;", e.sql());
      assertEquals(0, e.errorOffset());
      e = assertThrows(SqliteException.class, () -> connection.execute(before + blank + "SELECT abs(-9223372036854775808)" + blank));
      assertTrue(e.sql().startsWith("SELECT abs(-9223372036854775808)"), e.sql());
      connection.execute(before + blank);
    }
  }

  @Test
  void errorsWithoutAPlaceHaveNoOffset() {
    connection.execute("CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES (1)");
    SqliteException e = assertThrows(SqliteException.class, () -> connection.execute("INSERT INTO t VALUES (1)"));
    assertEquals(-1, e.errorOffset());
    assertThrows(SqliteException.class, () -> connection.prepare("SELECT nope"));
    e = assertThrows(SqliteException.class, () -> connection.execute("COMMIT"));
    assertEquals(-1, e.errorOffset());
    assertEquals("COMMIT", e.sql());
  }

  @Test
  void errorsThatNoSqlLedToHaveNone() {
    SqliteException e = assertThrows(SqliteException.class, () -> vfs.size("missing"));
    assertNull(e.sql());
    assertEquals(-1, e.errorOffset());
    assertEquals(14, e.extendedCode());
  }

  @Test
  void busy() {
    connection.execute("CREATE TABLE t(x); BEGIN IMMEDIATE");
    try (SqliteConnection other = vfs.open("test", OpenOptions.defaults().busyTimeout(0))) {
      SqliteBusyException e = assertThrows(SqliteBusyException.class, () -> other.execute("INSERT INTO t VALUES (1)"));
      assertEquals(5, e.code());
      assertEquals("INSERT INTO t VALUES (1)", e.sql());
      assertTrue(e.getMessage().contains("SQLITE_BUSY"), e.getMessage());
    }
  }

  @Test
  void lockedIsBusyToo() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)");
    try (SqliteStatement s = connection.prepare("SELECT x FROM t")) {
      assertTrue(s.step());
      SqliteBusyException e = assertThrows(SqliteBusyException.class, () -> connection.execute("DROP TABLE t"));
      assertEquals(6, e.code());
    }
  }

  @Test
  void full() {
    connection.execute("CREATE TABLE t(x); PRAGMA max_page_count = 5");
    SqliteFullException e = assertThrows(SqliteFullException.class, () -> connection.execute("INSERT INTO t VALUES (zeroblob(100000))"));
    assertEquals(13, e.code());
    assertTrue(e.getMessage().contains("SQLITE_FULL"), e.getMessage());
    Sql.assertWhole(connection);
  }

  @Test
  void corrupt() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(20000))");
    byte[] bytes = Sql.bytes(vfs, "test");
    Arrays.fill(bytes, 4096, bytes.length, (byte) 0x7f);
    vfs.deserialize("bad", List.of(bytes));
    try (SqliteConnection bad = vfs.open("bad")) {
      SqliteCorruptException e = assertThrows(SqliteCorruptException.class, () -> Sql.rows(bad, "SELECT * FROM t"));
      assertEquals(11, e.code());
      assertTrue(e.getMessage().contains("malformed"), e.getMessage());
      assertEquals("SELECT * FROM t", e.sql());
    }
  }

  @Test
  void otherErrorsArePlain() {
    for (Object[] pair : new Object[][] {{"SELECT nope", 1}, {"SELECT abs(-9223372036854775808)", 1}, {"SELECT json('{')", 1},
        {"INSERT INTO t(id) VALUES ('x')", 20}, {"ATTACH 'file:x?vfs=no-such-vfs' AS x", 1}}) {
      connection.execute("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY)");
      SqliteException e = assertThrows(SqliteException.class, () -> connection.execute((String) pair[0]));
      assertEquals(SqliteException.class, e.getClass());
      assertEquals(pair[1], e.code(), e.toString());
    }
  }

  @Test
  void itIsUnchecked() {
    assertInstanceOf(RuntimeException.class, assertThrows(SqliteException.class, () -> connection.prepare("x")));
  }
}
