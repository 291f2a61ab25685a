package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a database does, for every page size, block size and journal mode; compared with a file of another SQLite. */
class ContractTest {

  /** Block size 0 is automatic. */
  record Setting(int pageSize, int blockSize, String journalMode) {
    @Override
    public String toString() {
      return "page " + pageSize + ", block " + (blockSize == 0 ? "auto" : blockSize) + ", " + journalMode;
    }
  }

  record Blocks(int pageSize, int blockSize) {
    @Override
    public String toString() {
      return "page " + pageSize + ", block " + (blockSize == 0 ? "auto" : blockSize);
    }
  }

  private static final int[] CHUNK_SIZES = {1, 511, 4095, 4096, 4097, 1_000_000};

  private MemoryVfs vfs;
  private SqliteConnection connection;

  static Stream<Blocks> blocks() {
    return powersOfTwo().boxed().flatMap(page -> IntStream.concat(IntStream.of(0), powersOfTwo())
        .mapToObj(block -> new Blocks(page, block)));
  }

  static Stream<Setting> settings() {
    return blocks().flatMap(blocks -> Stream.of("delete", "truncate", "persist", "memory", "off")
        .map(journalMode -> new Setting(blocks.pageSize, blocks.blockSize, journalMode)));
  }

  private static IntStream powersOfTwo() {
    return IntStream.rangeClosed(9, 16).map(n -> 1 << n);
  }

  private void open(Setting setting) {
    boolean hardened = !setting.journalMode.equals("off"); // which keeps a journal
    open(new Blocks(setting.pageSize, setting.blockSize), OpenOptions.defaults().hardened(hardened));
    assertEquals(setting.journalMode, Sql.text(connection, "PRAGMA journal_mode = " + setting.journalMode));
  }

  private void open(Blocks blocks) {
    open(blocks, OpenOptions.defaults());
  }

  private void open(Blocks blocks, OpenOptions options) {
    vfs = MemoryVfs.builder().blockSize(blocks.blockSize).build();
    connection = vfs.open("test", options);
    connection.execute("PRAGMA page_size = " + blocks.pageSize);
  }

  @AfterEach
  void nothingIsLeft() {
    connection.close();
    vfs.delete("test");
    assertEquals(0, vfs.stats().bytesInUse(), "bytes in use");
    assertEquals(0, vfs.stats().pins(), "pins");
    vfs.close();
  }

  /** Fills table t with rows that take one page, several, and parts of one. */
  private static final List<String> FILL = List.of(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, data BLOB)",
      "CREATE INDEX t_name ON t(name)",
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) "
          + "INSERT INTO t SELECT i, 'name ' || (i * 7919 % 1000), zeroblob(i * 131 % 2000) FROM n");

  private static final List<String> THIN = List.of(
      "DELETE FROM t WHERE id % 3 = 0",
      "UPDATE t SET data = zeroblob(3000) WHERE id % 10 = 1");

  private void fill() {
    FILL.forEach(connection::execute);
  }

  private static final String SUMMARY = "SELECT count(*), sum(id), sum(length(data)), count(DISTINCT name) FROM t";
  private static final List<List<Object>> FILLED = List.of(List.of(200L, 20100L, 199100L, 200L));

  @ParameterizedTest
  @MethodSource("settings")
  void createsAndQueries(Setting setting) {
    open(setting);
    fill();
    assertEquals(setting.pageSize, Sql.number(connection, "PRAGMA page_size"));
    assertEquals(Sql.number(connection, "PRAGMA page_count") * setting.pageSize, vfs.size("test"));
    assertEquals(FILLED, Sql.rows(connection, SUMMARY));
    assertEquals(7L, Sql.number(connection, "SELECT id FROM t WHERE name = 'name 433'"));
    Sql.assertWhole(connection);
    Sql.assertWhole(vfs, "test");
  }

  @ParameterizedTest
  @MethodSource("settings")
  void rollsBack(Setting setting) {
    open(setting);
    fill();
    List<List<Object>> before = Sql.rows(connection, SUMMARY);
    byte[] bytes = Sql.bytes(vfs, "test");
    try (SqliteConnection reader = vfs.open("test")) {
      // A small cache, so that pages reach the VFS long before the end of the transaction.
      connection.execute("PRAGMA cache_size = 5");
      connection.execute("BEGIN");
      THIN.forEach(connection::execute);
      connection.execute("INSERT INTO t SELECT id + 1000, name, zeroblob(5000) FROM t");
      connection.execute("DROP INDEX t_name");
      assertEquals(before, Sql.rows(reader, SUMMARY));
      connection.execute("ROLLBACK");
      assertEquals(before, Sql.rows(reader, SUMMARY));
    }
    assertEquals(before, Sql.rows(connection, SUMMARY));
    assertArrayEquals(bytes, Sql.bytes(vfs, "test"));
    Sql.assertWhole(connection);

    connection.execute("BEGIN");
    THIN.forEach(connection::execute);
    connection.execute("COMMIT");
    assertEquals(134L, Sql.number(connection, "SELECT count(*) FROM t"));
    Sql.assertWhole(vfs, "test");
  }

  @ParameterizedTest
  @MethodSource("settings")
  void hasSavepoints(Setting setting) {
    open(setting);
    fill();
    connection.execute("PRAGMA cache_size = 5");
    if (setting.journalMode.equals("off")) {
      // Without a journal SQLite cannot go back to a savepoint, but to the start of the transaction it can here.
      connection.execute("BEGIN; SAVEPOINT a; UPDATE t SET data = zeroblob(4000); RELEASE a");
      assertEquals(200L, Sql.number(connection, "SELECT count(*) FROM t WHERE length(data) = 4000"));
      connection.execute("SAVEPOINT b; DELETE FROM t; ROLLBACK");
      assertEquals(FILLED, Sql.rows(connection, SUMMARY));
    } else {
      connection.execute("BEGIN; SAVEPOINT a; UPDATE t SET data = zeroblob(4000) WHERE id <= 100");
      connection.execute("SAVEPOINT b; DELETE FROM t WHERE id > 50; ROLLBACK TO b; RELEASE b");
      connection.execute("SAVEPOINT c; UPDATE t SET name = 'c'; SAVEPOINT d; DELETE FROM t; RELEASE d; ROLLBACK TO c");
      assertEquals(100L, Sql.number(connection, "SELECT count(*) FROM t WHERE length(data) = 4000"));
      assertEquals(0L, Sql.number(connection, "SELECT count(*) FROM t WHERE name = 'c'"));
      connection.execute("COMMIT");
      assertEquals(List.of(List.of(100L, 200L)), Sql.rows(connection,
          "SELECT sum(length(data) = 4000), count(*) FROM t"));
    }
    Sql.assertWhole(connection);
    Sql.assertWhole(vfs, "test");
  }

  @ParameterizedTest
  @MethodSource("settings")
  void vacuumGivesTheLengthOfAFile(Setting setting) {
    open(setting);
    fill();
    THIN.forEach(connection::execute);
    long before = vfs.size("test");
    connection.execute("VACUUM");
    assertTrue(vfs.size("test") < before);
    byte[] file = vacuumed(setting.pageSize);
    assertEquals(file.length, vfs.size("test"));
    assertEquals(OtherSqlite.rows(file, SUMMARY).toString(), Sql.rows(connection, SUMMARY).toString());
    Sql.assertWhole(vfs, "test");
  }

  private static final Map<Integer, byte[]> VACUUMED = new ConcurrentHashMap<>();

  private static byte[] vacuumed(int pageSize) {
    return VACUUMED.computeIfAbsent(pageSize, size -> {
      List<String> statements = new ArrayList<>(List.of("PRAGMA page_size = " + size));
      statements.addAll(FILL);
      statements.addAll(THIN);
      statements.add("VACUUM");
      return OtherSqlite.database(statements.toArray(new String[0]));
    });
  }

  @ParameterizedTest
  @MethodSource("settings")
  void shrinksByAutoVacuum(Setting setting) {
    open(setting);
    connection.execute("PRAGMA auto_vacuum = FULL");
    fill();
    connection.execute("INSERT INTO t SELECT id + 1000, name, zeroblob(5000) FROM t");
    long full = vfs.size("test");
    connection.execute("DELETE FROM t WHERE id > 1000");
    long less = vfs.size("test");
    assertTrue(less < full, less + " < " + full);
    assertEquals(Sql.number(connection, "PRAGMA page_count") * setting.pageSize, less);
    assertEquals(FILLED, Sql.rows(connection, SUMMARY));
    Sql.assertWhole(connection);

    connection.execute("PRAGMA auto_vacuum = INCREMENTAL");
    connection.execute("INSERT INTO t SELECT id + 1000, name, zeroblob(5000) FROM t");
    connection.execute("DELETE FROM t WHERE id > 1000");
    long free = Sql.number(connection, "PRAGMA freelist_count");
    assertTrue(free > 3);
    connection.execute("PRAGMA incremental_vacuum(3)");
    assertEquals(free - 3, Sql.number(connection, "PRAGMA freelist_count"));
    assertEquals(Sql.number(connection, "PRAGMA page_count") * setting.pageSize, vfs.size("test"));
    connection.execute("PRAGMA incremental_vacuum");
    assertEquals(0, Sql.number(connection, "PRAGMA freelist_count"));
    assertEquals(Sql.number(connection, "PRAGMA page_count") * setting.pageSize, vfs.size("test"));
    Sql.assertWhole(vfs, "test");
    OtherSqlite.assertWhole(Sql.bytes(vfs, "test"));
  }

  @ParameterizedTest
  @MethodSource("settings")
  void isReadByAnotherSqlite(Setting setting) {
    open(setting);
    fill();
    connection.execute("BEGIN");
    THIN.forEach(connection::execute);
    connection.execute("COMMIT");
    byte[] bytes = Sql.bytes(vfs, "test");
    assertEquals(vfs.size("test"), bytes.length);
    OtherSqlite.assertWhole(bytes);
    assertEquals(Sql.rows(connection, SUMMARY).toString(), OtherSqlite.rows(bytes, SUMMARY).toString());
  }

  @ParameterizedTest
  @MethodSource("settings")
  void shrinksAndGrowsAgainWithoutOldBytes(Setting setting) {
    open(setting);
    connection.execute("CREATE TABLE t(data BLOB); INSERT INTO t VALUES (randomblob(300000))");
    connection.execute("DROP TABLE t; VACUUM");
    assertEquals(setting.pageSize, vfs.size("test"));
    connection.execute("CREATE TABLE t(data BLOB); INSERT INTO t VALUES (zeroblob(300000))");
    assertArrayEquals(new byte[300_000], blob("SELECT data FROM t"));
    Sql.assertWhole(connection);
  }

  private byte[] blob(String sql) {
    try (SqliteStatement statement = connection.prepare(sql)) {
      assertTrue(statement.step());
      return statement.getBlob(0);
    }
  }

  @ParameterizedTest
  @MethodSource("settings")
  void readsWhatWasPopulatedWhileTheConnectionWasOpen(Setting setting) {
    open(setting);
    connection.execute("CREATE TABLE old(x); INSERT INTO old VALUES (1)");
    vfs.deserialize("test", List.of(vacuumed(setting.pageSize)));
    assertEquals(List.of(List.of(134L)), Sql.rows(connection, "SELECT count(*) FROM t"));
    assertThrows(SqliteException.class, () -> connection.execute("SELECT * FROM old"));
    assertEquals(setting.journalMode, Sql.text(connection, "PRAGMA journal_mode"));
    connection.execute("UPDATE t SET data = zeroblob(100)");
    Sql.assertWhole(vfs, "test");
  }

  @ParameterizedTest
  @MethodSource("blocks")
  void isPopulatedInChunksOfAnySize(Blocks blocks) {
    open(blocks);
    for (int chunkSize : CHUNK_SIZES) {
      byte[] bytes = image(blocks.pageSize, chunkSize);
      List<byte[]> chunks = new ArrayList<>();
      for (byte[] chunk : Sql.chunks(bytes, chunkSize)) {
        if (chunks.size() % 3 == 0) {
          chunks.add(new byte[0]);
        }
        chunks.add(chunk);
      }
      chunks.add(new byte[0]);
      vfs.deserialize("test", chunks);
      assertEquals(bytes.length, vfs.size("test"));
      assertArrayEquals(bytes, Sql.bytes(vfs, "test"), () -> "chunks of " + chunkSize);
      assertEquals(List.of(List.of("ok")), Sql.rows(connection, "PRAGMA quick_check"));
      connection.execute("INSERT INTO t(data) VALUES (randomblob(10000))");
      Sql.assertWhole(connection);
    }
    assertFalse(connection.inTransaction());
  }

  private static final Map<List<Object>, byte[]> IMAGES = new ConcurrentHashMap<>();

  /** Small where the chunks are tiny, and more than the largest chunk otherwise. */
  private static byte[] image(int pageSize, int chunkSize) {
    int data = chunkSize == 1 ? 3000 : 1_100_000;
    return IMAGES.computeIfAbsent(List.of(pageSize, data), key -> OtherSqlite.database(
        "PRAGMA page_size = " + pageSize,
        "CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) "
            + "INSERT INTO t(data) SELECT randomblob(" + data / 20 + ") FROM n"));
  }
}
