package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Text goes into a database as UTF-8, and comes back unchanged. */
class TextTest {

  private final MemoryVfs vfs = MemoryVfs.create();
  private final SqliteConnection connection = vfs.open("test");

  @AfterEach
  void close() {
    connection.close();
    vfs.close();
  }

  static Stream<String> texts() {
    return Stream.of("", "a", "ü", "€", "😀", "\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67", "é", "e\u0301", "\0", "a\0b", "\0\0\0", "\0a", "a\0",
        "\u007f\u0080\u07ff\u0800\uffff", "\ud800\udc00", "\udbff\udfff", "\ufffd", "\ufeffbom", "\ufffe", "line\r\nline",
        "'quoted' \"twice\"", "日本語", "\u202eright to left", "x".repeat(1024), "ü".repeat(512), "€".repeat(341) + "x", "😀".repeat(256),
        "😀".repeat(257), "ü".repeat(100_000), "\0".repeat(5000));
  }

  @ParameterizedTest
  @MethodSource("texts")
  void comesBackAsItWentIn(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    connection.execute("CREATE TABLE t(x TEXT)");
    connection.execute("INSERT INTO t VALUES (?)", text);
    try (SqliteStatement s = connection.query("SELECT x, octet_length(x), hex(x), typeof(x) FROM t WHERE x = ?", text)) {
      assertTrue(s.step());
      assertEquals(text, s.getText(0));
      assertEquals(text, s.getObject(0));
      assertArrayEquals(utf8, s.getBlob(0));
      assertEquals(utf8.length, s.getLong(1));
      assertEquals(java.util.HexFormat.of().withUpperCase().formatHex(utf8), s.getText(2));
      assertEquals("text", s.getText(3));
    }
    // Out by another SQLite, which takes the bytes of the file.
    assertEquals(List.of(List.of(java.util.HexFormat.of().withUpperCase().formatHex(utf8))),
        OtherSqlite.rows(Sql.bytes(vfs, "test"), "SELECT hex(x) FROM t"));
  }

  @ParameterizedTest
  @MethodSource("texts")
  void comesBackFromSqlToo(String text) {
    if (text.indexOf('\0') >= 0) {
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> connection.execute("SELECT '" + text + "'"));
      assertTrue(e.getMessage().contains("index " + ("SELECT '" + text).indexOf('\0')), e.getMessage());
      assertThrows(IllegalArgumentException.class, () -> connection.prepare("SELECT '" + text + "'"));
      assertThrows(IllegalArgumentException.class, () -> connection.query("SELECT ?, '" + text + "'", 1));
      assertThrows(IllegalArgumentException.class, () -> connection.execute("SELECT ?, '" + text + "'", 1));
    } else {
      assertEquals(text, Sql.text(connection, "SELECT '" + text.replace("'", "''") + "'"));
      if (!text.isEmpty()) {
        try (SqliteStatement s = connection.prepare("SELECT 1 AS \"" + text.replace("\"", "\"\"") + "\"")) {
          assertEquals(text, s.getColumnName(0));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("texts")
  void isTheSameInAUtf16Database(String text) {
    connection.execute("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(x TEXT)");
    connection.execute("INSERT INTO t VALUES (?)", text);
    assertEquals(text, Sql.text(connection, "SELECT x FROM t WHERE x = ?", text));
  }

  @Test
  void everyCodePointComesBack() {
    StringBuilder all = new StringBuilder();
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
        all.appendCodePoint(c);
      }
    }
    String text = all.toString();
    try (SqliteStatement s = connection.query("SELECT ?", text)) {
      assertTrue(s.step());
      assertEquals(text, s.getText(0));
      assertArrayEquals(text.getBytes(StandardCharsets.UTF_8), s.getBlob(0));
    }
  }

  @Test
  void randomTextComesBack() {
    Random random = Seed.random("TextTest");
    try (SqliteStatement s = connection.prepare("SELECT ?1, ?1 || ?1")) {
      for (int round = 0; round < 2000; round++) {
        String text = random.ints(random.nextInt(60), 0, 1 << (1 + random.nextInt(20)))
            .filter(c -> c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE)
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
        s.bindText(1, text);
        assertTrue(s.step());
        assertEquals(text, s.getText(0));
        assertEquals(text + text, s.getText(1));
        s.reset();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"\ud83d", "\ude00", "ab\ud83d", "ab\ud83dcd", "ab\ude00cd", "ab\ude00\ud83d", "ab\ud83d\ud83d\ude00"})
  void loneSurrogatesAreRefusedWithTheirPlaceAndARemedy(String text) {
    int index = text.startsWith("ab") ? 2 : 0;
    try (SqliteStatement s = connection.prepare("SELECT :v")) {
      for (org.junit.jupiter.api.function.Executable call : List.<org.junit.jupiter.api.function.Executable>of(
          () -> s.bindText(1, text), () -> s.bindText("v", text), () -> s.bind(1, text), () -> s.bindAll(text),
          () -> connection.execute("SELECT ?", text), () -> connection.query("SELECT ?", text))) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
        assertTrue(e.getMessage().contains("index " + index), e.getMessage());
        assertTrue(e.getMessage().contains("bindBlob"), e.getMessage());
      }
      assertTrue(s.step());
      assertTrue(s.isNull(0), "nothing was bound");
    }
    String sql = "SELECT '" + text + "'";
    for (org.junit.jupiter.api.function.Executable call : List.<org.junit.jupiter.api.function.Executable>of(
        () -> connection.execute(sql), () -> connection.execute(sql, new Object[0]), () -> connection.prepare(sql), () -> connection.query(sql))) {
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
      assertTrue(e.getMessage().contains("index " + (index + 8)), e.getMessage());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ff", "80", "c0", "c080", "e282", "f09f98", "eda080", "eda080edb080", "f4908080", "41ff42", "41c3", "c341", "feff0041"})
  void invalidUtf8BecomesReplacementCharactersAndTheBlobIsExact(String hex) {
    byte[] bytes = java.util.HexFormat.of().parseHex(hex);
    connection.execute("CREATE TABLE t(x TEXT); INSERT INTO t VALUES (CAST(x'" + hex + "' AS TEXT))");
    try (SqliteStatement s = connection.prepare("SELECT x, x || '', typeof(x) FROM t")) {
      assertTrue(s.step());
      assertEquals("text", s.getText(2));
      String expected = new String(bytes, StandardCharsets.UTF_8);
      assertTrue(expected.contains("\ufffd"));
      assertEquals(expected, s.getText(0));
      assertEquals(expected, s.getObject(0));
      assertArrayEquals(bytes, s.getBlob(0));
      assertEquals(expected, s.getText(1));
    }
    // The remedy that the message for lone surrogates names.
    connection.execute("INSERT INTO t VALUES (CAST(? AS TEXT))", bytes);
    assertEquals(2, Sql.number(connection, "SELECT count(*) FROM t WHERE hex(x) = upper(?)", hex));
    assertEquals(List.of(List.of(hex.toUpperCase())),
        OtherSqlite.rows(Sql.bytes(vfs, "test"), "SELECT DISTINCT hex(x) FROM t"));
  }

  @Test
  void theReplacementCharacterItselfIsKept() {
    try (SqliteStatement s = connection.query("SELECT ?", "\ufffd")) {
      assertTrue(s.step());
      assertEquals("\ufffd", s.getText(0));
      assertArrayEquals(new byte[] {(byte) 0xef, (byte) 0xbf, (byte) 0xbd}, s.getBlob(0));
    }
  }

  @Test
  void whatSqliteCannotHoldIsAClearError() {
    // Two gigabytes less a byte is the limit of a text or blob.
    SqliteException e = assertThrows(SqliteException.class, () -> connection.execute("SELECT length(zeroblob(2147483648))"));
    assertEquals(18, e.code(), e.toString());
    assertTrue(e.getMessage().contains("SQLITE_TOOBIG"), e.getMessage());
    assertTrue(e.getMessage().contains("too big"), e.getMessage());
    assertEquals(1, Sql.number(connection, "SELECT 1"));
  }
}
