package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A file with an unusual header or length is loaded with the same content if SQLite opens it on a disk, and refused if
 * SQLite refuses it.
 */
class FilesFromElsewhereTest {

  private static final int PAGE = 4096;

  @TempDir
  static Path folder;

  /** Three pages and more, in rollback mode. */
  private static byte[] database;

  private final MemoryVfs vfs = MemoryVfs.create();

  @BeforeAll
  static void make() throws Exception {
    Path file = folder.resolve("made.db");
    try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + file); Statement s = c.createStatement()) {
      s.execute("CREATE TABLE t(x)");
      s.execute("INSERT INTO t VALUES ('tea'), (zeroblob(5000))");
      s.execute("CREATE INDEX i ON t(x)");
    }
    database = Files.readAllBytes(file);
    assertEquals(0, database.length % PAGE);
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  private static final String[] QUERIES = {"SELECT count(*) * 100000 + sum(length(x)) FROM t", "SELECT count(*) FROM sqlite_schema"};

  /** What SQLite says of a file on a disk: the results of the queries, or an error's primary code. */
  private static String onDisk(byte[] bytes) throws IOException {
    Path file = Files.write(Files.createTempFile(folder, "disk", ".db"), bytes);
    StringBuilder results = new StringBuilder();
    for (String sql : QUERIES) {
      try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + file); Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
        results.append(r.getString(1)).append(' ');
      } catch (SQLException e) {
        results.append("error ").append(e.getErrorCode() & 0xff).append(' ');
      }
    }
    return results.toString();
  }

  private String inMemory(byte[] bytes) {
    vfs.deserialize("a", List.of(bytes));
    StringBuilder results = new StringBuilder();
    for (String sql : QUERIES) {
      try (SqliteConnection c = vfs.open("a", OpenOptions.defaults().hardened(false))) { // which sqlite-jdbc's are not
        results.append(Sql.value(c, sql)).append(' ');
      } catch (SqliteException e) {
        results.append("error ").append(e.code()).append(' ');
      }
    }
    return results.toString();
  }

  private static long pages(byte[] header) {
    return ByteBuffer.wrap(header).getInt(28) & 0xffffffffL;
  }

  private static int pageSize(byte[] header) {
    int size = ByteBuffer.wrap(header).getShort(16) & 0xffff;
    return size == 1 ? 65536 : size;
  }

  // ---- headers ----

  /** Each byte of the header with each of some values. */
  @Test
  void whatSqliteRefusesIsRefusedAndWhatItOpensIsLoaded() throws IOException {
    String old = inMemory(database);
    for (int at = 0; at < 100; at++) {
      for (int value : new TreeSet<>(Arrays.asList(0, 1, 2, 3, 4, 31, 32, 33, 63, 64, 65, 127, 128, 255, (database[at] & 0xff) + 1 & 0xff))) {
        byte[] changed = database.clone();
        changed[at] = (byte) value;
        String what = "byte " + at + " = " + value;
        String disk = onDisk(changed);
        if (disk.equals("error 26 error 26 ")) {
          SqliteException e = assertThrows(SqliteCorruptException.class, () -> inMemory(changed), what);
          assertEquals(26, e.code(), what);
          assertTrue(at < 16 || at == 16 || at == 17 || e.getMessage().contains("byte " + at + " is " + value), what + ": " + e.getMessage());
          try (SqliteConnection c = vfs.open("a")) {
            assertEquals(old, Sql.value(c, QUERIES[0]) + " " + Sql.value(c, QUERIES[1]) + " ", what);
          }
        } else if (disk.equals("error 11 error 11 ") && pages(changed) * pageSize(changed) > changed.length) {
          assertTrue(assertThrows(SqliteCorruptException.class, () -> inMemory(changed), what).getMessage().contains("truncated"), what);
        } else {
          assertEquals(disk, inMemory(changed), what);
          inMemory(database);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"19, 3, 'the read version at byte 19 is 3, and must be at most 2'", "21, 0, 'the payload fraction at byte 21 is 0, and must be 64'",
      "22, 64, 'the payload fraction at byte 22 is 64, and must be 32'", "23, 255, 'the payload fraction at byte 23 is 255, and must be 32'"})
  void theMessageNamesTheByteItsValueAndWhatItMustBe(int at, int value, String message) {
    byte[] changed = database.clone();
    changed[at] = (byte) value;
    SqliteException e = assertThrows(SqliteCorruptException.class, () -> vfs.deserialize("a", List.of(changed)));
    assertTrue(e.getMessage().contains(message), e.getMessage());
    assertFalse(vfs.exists("a"));
  }

  @Test
  void reservedSpaceIsLimitedForSmallPages() throws Exception {
    Path file = folder.resolve("small.db");
    try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + file); Statement s = c.createStatement()) {
      s.execute("PRAGMA page_size = 512");
      s.execute("CREATE TABLE t(x)");
    }
    byte[] small = Files.readAllBytes(file);
    for (int reserved = 0; reserved < 256; reserved++) {
      small[20] = (byte) reserved;
      String disk = onDisk(small);
      assertEquals(reserved > 32, disk.contains("error 26"), disk);
      if (reserved > 32) {
        SqliteException e = assertThrows(SqliteCorruptException.class, () -> inMemory(small));
        assertTrue(e.getMessage().contains("the reserved space at byte 20 is " + reserved + ", and must be at most 32 for pages of 512 bytes"), e.getMessage());
      } else {
        assertEquals(disk, inMemory(small));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 255})
  void aWriteVersionThatSqliteDoesNotKnowMakesTheDatabaseReadOnly(int version) throws IOException {
    byte[] changed = database.clone();
    changed[18] = (byte) version;
    vfs.deserialize("a", List.of(changed));
    try (SqliteConnection c = vfs.open("a")) {
      assertEquals(2, Sql.number(c, "SELECT count(*) FROM t"));
      for (String sql : new String[] {"INSERT INTO t VALUES (1)", "CREATE TABLE u(x)", "DROP TABLE t", "VACUUM"}) {
        SqliteException e = assertThrows(SqliteException.class, () -> c.execute(sql), sql);
        assertEquals(8, e.code(), sql + ": " + e.getMessage());
      }
      Sql.assertWhole(c);
    }
    assertArrayEquals(changed, Sql.bytes(vfs, "a"));
  }

  // ---- lengths ----

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 100, 511, 4095, 4096, 4097, 70_000, 3 << 20})
  void bytesBehindTheLastPageAreDropped(int more) throws IOException {
    byte[] longer = Arrays.copyOf(database, database.length + more);
    Arrays.fill(longer, database.length, longer.length, (byte) 'x');
    assertEquals(onDisk(longer), inMemory(longer));
    assertArrayEquals(database, Sql.bytes(vfs, "a"));
    assertEquals(database.length, vfs.size("a"));
    try (SqliteConnection c = vfs.open("a")) {
      assertEquals(database.length / PAGE, Sql.number(c, "PRAGMA page_count"));
      c.execute("INSERT INTO t VALUES (randomblob(20000))");
      Sql.assertWhole(c);
    }
  }

  /** Without a page count that is valid, SQLite goes by the file's length; a part of a page counts as one. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 100, 511, 4095, 4096, 4097})
  void withoutAValidPageCountTheLengthCounts(int more) throws IOException {
    byte[] longer = Arrays.copyOf(database, database.length + more);
    Arrays.fill(longer, database.length, longer.length, (byte) 'x');
    longer[95]++; // version-valid-for
    longer[31] = 1;
    assertEquals(onDisk(longer), inMemory(longer));
    assertArrayEquals(Arrays.copyOf(longer, (longer.length + PAGE - 1) / PAGE * PAGE), Sql.bytes(vfs, "a"));
    for (int less : new int[] {1, 100, 4095}) {
      byte[] shorter = Arrays.copyOf(longer, database.length - less);
      assertEquals(onDisk(shorter), inMemory(shorter), "" + less);
    }
  }

  @Test
  void whatLacksBytesIsStillTruncated() {
    for (int less : new int[] {1, 100, 4095, 4096, 4097}) {
      SqliteException e = assertThrows(SqliteCorruptException.class, () -> inMemory(Arrays.copyOf(database, database.length - less)));
      assertTrue(e.getMessage().contains("truncated"), e.getMessage());
    }
  }

  /** Blocks of another size than the pages: what is dropped may be a part of a block. */
  @ParameterizedTest
  @ValueSource(ints = {512, 1024, 16384, 65536})
  void blocksOfAnySizeHaveTheSameContent(int blockSize) {
    byte[] longer = Arrays.copyOf(database, database.length + 100_001);
    Arrays.fill(longer, database.length, longer.length, (byte) 'x');
    try (MemoryVfs other = MemoryVfs.builder().blockSize(blockSize).build()) {
      other.deserialize("a", List.of(longer));
      assertArrayEquals(database, Sql.bytes(other, "a"));
      try (SqliteConnection c = other.open("a")) {
        c.execute("INSERT INTO t VALUES (randomblob(300000)); DELETE FROM t; VACUUM");
        Sql.assertWhole(c);
      }
    }
  }
}
