package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_16;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Messages say what was wrong, where, and what to do. */
class MessagesTest {
  private final MemoryVfs vfs = MemoryVfs.builder().name("words").build();

  @AfterEach
  void close() {
    vfs.close();
  }

  @Test
  void whatIsNotThereIsAskedForByNamesThatAre() {
    assertTrue(message("none").endsWith(", which has none (SQLITE_CANTOPEN, 14)"), message("none"));
    for (int i = 0; i < 25; i++) {
      vfs.open("d" + (char) ('z' - i)).close();
    }
    StringBuilder first = new StringBuilder();
    for (int i = 1; i <= 20; i++) { // the first in their order
      first.append(i == 1 ? "" : ", ").append("\"d").append((char) ('a' + i)).append('"');
    }
    assertTrue(message("da").endsWith(", which has " + first + " and 5 more (SQLITE_CANTOPEN, 14)"), message("da"));
  }

  private String message(String database) {
    return assertThrows(SqliteException.class, () -> vfs.size(database)).getMessage();
  }

  // ---- bytes that are no database ------------------------------------------------------------------

  private byte[] database() {
    try (SqliteConnection connection = vfs.open("real")) {
      connection.execute("CREATE TABLE IF NOT EXISTS t(x); INSERT INTO t VALUES (randomblob(20000))");
    }
    return Sql.bytes(vfs, "real");
  }

  /** The last part of the message: what the bytes look like. The same from all kinds of sources. */
  private String looks(byte[] bytes) throws IOException {
    SqliteCorruptException e = assertThrows(SqliteCorruptException.class, () -> vfs.deserialize("x", List.of(bytes)));
    assertEquals(e.getMessage(), assertThrows(SqliteCorruptException.class,
        () -> vfs.deserialize("x", new ByteArrayInputStream(bytes))).getMessage());
    assertEquals(e.getMessage(), assertThrows(SqliteCorruptException.class,
        () -> vfs.deserialize("x", Channels.newChannel(new ByteArrayInputStream(bytes)))).getMessage());
    assertFalse(vfs.exists("x"));
    String message = e.getMessage();
    assertTrue(message.startsWith("cannot load database \"x\": not an SQLite database: "), message);
    assertTrue(message.endsWith(" (SQLITE_NOTADB, 26)"), message);
    int at = message.indexOf("; it looks like ");
    return at < 0 ? null : message.substring(at + "; it looks like ".length(),
        message.length() - " (SQLITE_NOTADB, 26)".length());
  }

  private interface Wrapper {
    OutputStream wrap(OutputStream out) throws IOException;
  }

  private static byte[] wrapped(byte[] bytes, Wrapper wrapper) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream wrapping = wrapper.wrap(out)) {
      wrapping.write(bytes);
    }
    return out.toByteArray();
  }

  private static byte[] begun(int at, String begin) {
    byte[] bytes = new byte[1000];
    System.arraycopy(begin.getBytes(ISO_8859_1), 0, bytes, at, begin.length());
    return bytes;
  }

  @Test
  void packedBytesAreNamed() throws IOException {
    byte[] database = database();
    assertEquals("gzip data: decompress it first", looks(wrapped(database, GZIPOutputStream::new)));
    assertEquals("zlib data: decompress it first", looks(wrapped(database, DeflaterOutputStream::new)));
    assertEquals("a zip archive: extract the database from it first", looks(wrapped(database, out -> {
      ZipOutputStream zip = new ZipOutputStream(out);
      zip.putNextEntry(new ZipEntry("app.db"));
      return zip;
    })));
    assertEquals("zstd data: decompress it first", looks(begun(0, "\u0028\u00b5\u002f\u00fd")));
    assertEquals("bzip2 data: decompress it first", looks(begun(0, "BZh91AY&SY")));
    assertEquals("xz data: decompress it first", looks(begun(0, "\u00fd7zXZ\0")));
    assertEquals("a tar archive: extract the database from it first", looks(begun(257, "ustar\u000000")));
    assertEquals("a PDF document", looks(begun(0, "%PDF-1.7")));
    assertEquals("a DuckDB database", looks(begun(8, "DUCK")));
  }

  @Test
  void textIsNamed() throws IOException {
    byte[] database = database();
    String html = "an HTML page, perhaps one about an error: check what the server said";
    assertEquals(html, looks("\r\n<!DOCTYPE html>\n<title>502</title>".getBytes(UTF_8)));
    assertEquals(html, looks(("<HTML>" + "ü".repeat(500)).getBytes(UTF_8)));
    assertEquals("XML, perhaps about an error: check what the server said",
        looks("\uFEFF<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>".getBytes(UTF_8)));
    assertEquals("JSON, perhaps about an error: check what the server said", looks("{\"error\": 404}".getBytes(UTF_8)));
    assertEquals("SQL: run it as a script on an empty database",
        looks("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(x);\nCOMMIT;\n".repeat(9).getBytes(UTF_8)));
    assertEquals("a database in base64: decode it first", looks(Base64.getMimeEncoder().encode(database)));
    assertEquals("text in base64: decode it first", looks(Base64.getEncoder().encode(new byte[3000])));
    assertEquals("a database in hexadecimal digits: decode it first",
        looks(HexFormat.of().formatHex(database).getBytes(US_ASCII)));
    assertEquals("text in UTF-16", looks("SQLite format 3".repeat(20).getBytes(UTF_16)));
    assertEquals("text", looks("Moved temporarily".getBytes(UTF_8)));
    assertEquals("a pointer of Git LFS: fetch the file itself (git lfs pull)",
        looks("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n".getBytes(UTF_8)));
  }

  @Test
  void otherFilesOfSqliteAreNamed() throws IOException {
    assertEquals("the write-ahead log of a database (a -wal file): give the database itself",
        looks(begun(0, "\u0037\u007f\u0006\u0082")));
    assertEquals("the rollback journal of a database (a -journal file): give the database itself",
        looks(begun(0, "\u00d9\u00d5\u0005\u00f9\u0020\u00a1\u0063\u00d7")));
    byte[] database = database();
    byte[] later = new byte[database.length + 3];
    System.arraycopy(database, 0, later, 3, database.length);
    assertEquals("a database with other bytes before it: leave them out", looks(later));
    assertEquals("zeros: whoever wrote it has not finished, or a part of the file is missing", looks(new byte[8192]));
  }

  /** SQLCipher's files are random from the first byte on. So is what it is taken for, now and then: the seed is fixed. */
  @Test
  void encryptedBytesAreNamed() throws IOException {
    Random random = new Random(1);
    String encrypted = "encrypted or compressed data: decrypt it first, with SQLCipher by sqlcipher_export";
    for (int n : new int[] {64, 100, 1000, 1024, 4096, 100_000}) {
      byte[] bytes = new byte[n];
      random.nextBytes(bytes);
      assertEquals(encrypted, looks(bytes), n + " bytes");
    }
    byte[] pattern = new byte[4096];
    for (int i = 0; i < pattern.length; i++) {
      pattern[i] = (byte) (i % 60);
    }
    assertEquals(null, looks(pattern));
    byte[] damaged = database();
    damaged[3] ^= 1;
    assertEquals(null, looks(damaged));
  }

  @Test
  void aDatabaseThatIsCutOffLooksLikeNothingElse() {
    byte[] database = database();
    for (int n : new int[] {1, 15, 16, 99}) {
      SqliteCorruptException e = assertThrows(SqliteCorruptException.class, () ->
          vfs.deserialize("x", List.of(Arrays.copyOf(database, n))));
      assertFalse(e.getMessage().contains("looks like"), e.getMessage());
    }
  }

  // ---- limits --------------------------------------------------------------------------------------

  @Test
  void aFullStoreNamesItsLimit() {
    try (MemoryVfs small = MemoryVfs.builder().name("small").maxBytes(100_000).build(); SqliteConnection connection = small.open("a")) {
      String limit = "the limit of 100000 bytes of MemoryVfs small (maxBytes) is reached, ";
      String remedy = " are in use now: delete what is not needed, close statements, snapshots and streams that "
          + "keep old versions, or set a"
          + " higher limit (SQLITE_FULL, 13)";
      connection.execute("CREATE TABLE t(x)");
      String message = assertThrows(SqliteFullException.class, () ->
          connection.execute("INSERT INTO t VALUES (zeroblob(200000))")).getMessage();
      assertTrue(message.startsWith(limit) && message.endsWith(remedy), message);
      message = assertThrows(SqliteFullException.class, () ->
          small.deserialize("b", List.of(zeros(200_000)))).getMessage();
      assertTrue(message.startsWith("database \"b\": " + limit) && message.endsWith(remedy), message);
      connection.execute("PRAGMA max_page_count = 3");
      assertEquals("database or disk is full: PRAGMA max_page_count is reached, or the largest rowid of a table is "
          + "taken (SQLITE_FULL, 13)",
          assertThrows(SqliteFullException.class, () -> connection.execute("INSERT INTO t VALUES "
              + "(zeroblob(20000))")).getMessage());
    }
  }

  private static byte[] zeros(int n) {
    byte[] bytes = new byte[n];
    System.arraycopy("SQLite format 3\0\u0010\0\1\1\0@  ".getBytes(US_ASCII), 0, bytes, 0, 24);
    return bytes;
  }

  // ---- scripts and batches ---------------------------------------------------------------------------

  @Test
  void anErrorInAScriptNamesTheStatement() {
    try (SqliteConnection connection = vfs.open("a")) {
      SqliteException e = assertThrows(SqliteException.class, () -> connection.execute(
          "CREATE TABLE t(x UNIQUE);\n-- a comment\n;;  INSERT INTO t VALUES ('sécret', 1.5e-3, x'ff'),\n  (-1, nope); "
              + "SELECT 1"));
      assertEquals("no such column: nope [statement 2 of the script, line 4, column 8: INSERT INTO t VALUES (?, ?, "
          + "?), (-?, nope);] (SQLITE_ERROR, 1)", e.getMessage());
      assertEquals("INSERT INTO t VALUES ('sécret', 1.5e-3, x'ff'),\n  (-1, nope);", e.sql());
      e = assertThrows(SqliteException.class, () -> connection.execute("INSERT INTO t VALUES (1);\n INSERT INTO t "
          + "VALUES (1)"));
      assertEquals("UNIQUE constraint failed: t.x [statement 2 of the script, line 2, column 2: INSERT INTO t "
          + "VALUES (?)]"
          + " (SQLITE_CONSTRAINT_UNIQUE, 2067)", e.getMessage());
      e = assertThrows(SqliteException.class, () -> connection.execute("SELECT nope; ")); // alone
      assertEquals("no such column: nope (SQLITE_ERROR, 1)", e.getMessage());
      IllegalArgumentException parameters = assertThrows(IllegalArgumentException.class,
          () -> connection.execute("SELECT 1;\nINSERT INTO t VALUES (:a)"));
      assertEquals("statement 2 of the script, line 2, column 1: INSERT INTO t VALUES (:a) has parameters, and a "
          + "script has no values for"
          + " them: execute it alone, with its values", parameters.getMessage());
    }
  }

  @Test
  void sqlInMessagesHasNoData() {
    assertEquals("SELECT ? FROM t1 WHERE a=? AND \"?\" IN (?, ?, -?, ?) OR x1 = ?",
        ScriptPlace.masked("/* 'a' */ SELECT 'it''s' -- '2'\n\n FROM t1 WHERE a=12.5E+3 AND \"b 1\" IN (0x1F, .5, "
            + "-7, x'00') OR x1 = X''"));
    assertEquals("SELECT ?", ScriptPlace.masked("SELECT 'open"));
    assertEquals(83, ScriptPlace.masked("SELECT " + "a, ".repeat(100)).length());
  }

  @Test
  void anErrorInABatchNamesTheRow() {
    try (SqliteConnection connection = vfs.open("a")) {
      connection.execute("CREATE TABLE t(x UNIQUE)");
      try (SqliteStatement insert = connection.prepare("INSERT INTO t VALUES (?)")) {
        for (int value : new int[] {1, 2, 3, 2}) {
          insert.bindLong(1, value);
          insert.addBatch();
        }
        SqliteConstraintException e = assertThrows(SqliteConstraintException.class, insert::executeBatch);
        assertEquals("UNIQUE constraint failed: t.x (SQLITE_CONSTRAINT_UNIQUE, 2067), in row 3 of the batch (the "
            + "first is 0)", e.getMessage());
        assertEquals(3, e.batchIndex());
      }
    }
  }
}
