package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A database with a write-ahead log is loaded as SQLite recovers it on a disk, byte for byte. */
class WriteAheadLogTest {

  private static final int HEADER = 32;
  private static final int FRAME_HEADER = 24;

  @TempDir
  Path folder;

  private final MemoryVfs vfs = MemoryVfs.create();

  @AfterEach
  void close() {
    vfs.close();
  }

  /** The two files at one moment. */
  private record Files2(byte[] database, byte[] wal) {
    Files2 with(byte[] otherWal) {
      return new Files2(database, otherWal);
    }
  }

  private static Files2 copy(Path file) throws IOException {
    Path wal = Path.of(file + "-wal");
    return new Files2(Files.readAllBytes(file), Files.exists(wal) ? Files.readAllBytes(wal) : new byte[0]);
  }

  /**
   * By a statement of its own, which is closed: one that stays on a row keeps a checkpoint or VACUUM from being done.
   */
  private static void run(Statement of, String sql) throws SQLException {
    try (Statement statement = of.getConnection().createStatement()) {
      statement.execute(sql);
    }
  }

  /** Bytes of a database file in rollback mode. */
  private static byte[] inRollbackMode(byte[] database) {
    byte[] copy = database.clone();
    for (int i = 18; i <= 19 && copy.length > 0; i++) {
      copy[i] = copy[i] == 2 ? 1 : copy[i];
    }
    return copy;
  }

  /** What SQLite makes of them: the file after it has recovered the log and written all of it into the database. */
  private byte[] recovered(Files2 files) throws Exception {
    Path file = Files.createTempFile(folder, "recovered", ".db");
    Files.write(file, files.database);
    Files.write(Path.of(file + "-wal"), files.wal);
    try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + file); Statement s = c.createStatement()) {
      run(s, "SELECT count(*) FROM sqlite_schema");
      run(s, "PRAGMA wal_checkpoint(TRUNCATE)");
      return inRollbackMode(whole(Files.readAllBytes(file))); // while the connection is open: closing it may do more
    }
  }

  /**
   * Without bytes behind the last page. A checkpoint may have left some, if the frames are cut off that made the file
   * so long.
   */
  private static byte[] whole(byte[] database) {
    ByteBuffer header = ByteBuffer.wrap(database);
    if (database.length < 100 || header.getInt(24) != header.getInt(92) || header.getInt(28) == 0) {
      return database;
    }
    int pageSize = header.getShort(16) == 1 ? 65536 : header.getShort(16);
    return Arrays.copyOf(database, (int) Math.min(database.length, (long) header.getInt(28) * pageSize));
  }

  private long load(Files2 files) {
    return vfs.deserialize("a", List.of(files.database), Sql.chunks(files.wal, 1000));
  }

  private void assertLoadsAsRecovered(Files2 files, String what) throws Exception {
    byte[] expected = recovered(files);
    load(files);
    byte[] loaded = Sql.bytes(vfs, "a");
    assertEquals(expected.length, loaded.length, what);
    assertArrayEquals(expected, loaded, what);
  }

  /** A small database with three transactions in its log. */
  private Files2 three(int pageSize) throws Exception {
    Path file = Files.createTempFile(folder, "three", ".db");
    Files.delete(file);
    try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + file); Statement s = c.createStatement()) {
      run(s, "PRAGMA page_size = " + pageSize);
      run(s, "PRAGMA journal_mode = WAL");
      run(s, "CREATE TABLE t(x)");
      run(s, "PRAGMA wal_checkpoint(TRUNCATE)");
      for (int i = 1; i <= 3; i++) {
        run(s, "INSERT INTO t VALUES (" + i + "), (zeroblob(" + 3 * pageSize + "))");
      }
      return copy(file);
    }
  }

  private long rows() {
    try (SqliteConnection c = vfs.open("a")) {
      Sql.assertWhole(c);
      return Sql.number(c, "SELECT count(*) FROM t") / 2;
    }
  }

  // ---- by all kinds of sources ----

  @Test
  void everyKindOfSourceTakesALog() throws Exception {
    Files2 files = three(4096);
    Path database = Files.write(folder.resolve("d"), files.database);
    Path wal = Files.write(folder.resolve("w"), files.wal);
    long frames = (files.wal.length - HEADER) / (4096 + FRAME_HEADER);
    assertEquals(frames, vfs.deserialize("a", new ByteArrayInputStream(files.database), new ByteArrayInputStream(files.wal)));
    byte[] expected = Sql.bytes(vfs, "a");
    assertEquals(3, rows());
    try (FileChannel in = FileChannel.open(database); FileChannel log = FileChannel.open(wal)) {
      assertEquals(frames, vfs.deserialize("b", in, log));
    }
    assertArrayEquals(expected, Sql.bytes(vfs, "b"));
    assertEquals(frames, vfs.deserialize("c", Channels.newChannel(new ByteArrayInputStream(files.database)), Channels.newChannel(new ByteArrayInputStream(files.wal))));
    assertArrayEquals(expected, Sql.bytes(vfs, "c"));
    for (int size : new int[] {1, 7, 1000, 1 << 20}) {
      assertEquals(frames, vfs.deserialize("d", Sql.chunks(files.database, size), Sql.chunks(files.wal, size)));
      assertArrayEquals(expected, Sql.bytes(vfs, "d"));
    }
    vfs.deserialize("a", List.of(files.database)); // and without it
    assertEquals(0, rows());
    assertThrows(NullPointerException.class, () -> vfs.deserialize("a", List.of(files.database), null));
  }

  @ParameterizedTest
  @CsvSource({"512, 0", "512, 4096", "1024, 512", "4096, 512", "4096, 65536", "65536, 0", "65536, 1024"})
  void pagesAndBlocksMayDifferInSize(int pageSize, int blockSize) throws Exception {
    Files2 files = three(pageSize);
    byte[] expected = recovered(files);
    MemoryVfs.Builder builder = MemoryVfs.builder();
    if (blockSize > 0) {
      builder.blockSize(blockSize);
    }
    try (MemoryVfs other = builder.build()) {
      other.deserialize("a", List.of(files.database), List.of(files.wal));
      assertArrayEquals(expected, Sql.bytes(other, "a"));
      try (SqliteConnection c = other.open("a")) {
        c.execute("INSERT INTO t VALUES (randomblob(100000)); DELETE FROM t WHERE rowid % 2; VACUUM");
        Sql.assertWhole(c);
      }
    }
  }

  // ---- as SQLite recovers ----

  @Test
  void everyLengthOfALogIsRecoveredAsSqliteDoes() throws Exception {
    Files2 files = three(512);
    int step = 512 + FRAME_HEADER;
    for (int length = 0; length <= files.wal.length; length += length < 100 || length % step > step - 3 || length % step < 40 ? 1 : 61) {
      assertLoadsAsRecovered(files.with(Arrays.copyOf(files.wal, length)), "length " + length);
    }
  }

  /**
   * A transaction that shrinks the database, and one that grows it again; frames of an older generation behind those of
   * the newest.
   */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void generationsAndSizes(boolean incremental) throws Exception {
    Path file = folder.resolve("generations" + incremental + ".db");
    List<Files2> moments = new ArrayList<>();
    try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + file); Statement s = c.createStatement()) {
      run(s, "PRAGMA auto_vacuum = " + (incremental ? "INCREMENTAL" : "FULL"));
      run(s, "PRAGMA journal_mode = WAL");
      run(s, "PRAGMA wal_autocheckpoint = 0");
      run(s, "CREATE TABLE t(x)");
      for (int i = 0; i < 3; i++) {
        run(s, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO t SELECT randomblob(3000) FROM n");
        moments.add(copy(file));
        run(s, "DELETE FROM t WHERE rowid % 3");
        run(s, "PRAGMA incremental_vacuum");
        moments.add(copy(file));
        run(s, "INSERT INTO t SELECT randomblob(3000) FROM t");
        moments.add(copy(file));
        run(s, "PRAGMA wal_checkpoint(" + (i == 1 ? "PASSIVE" : "RESTART") + ")");
        moments.add(copy(file));
        run(s, "INSERT INTO t VALUES (1)");
        moments.add(copy(file));
      }
      run(s, "VACUUM");
      moments.add(copy(file));
    }
    for (int i = 0; i < moments.size(); i++) {
      assertLoadsAsRecovered(moments.get(i), "moment " + i);
    }
  }

  /** Random work with checkpoints, the log cut or changed anywhere. */
  @Test
  void whatSqliteRecoversIsLoaded() throws Exception {
    Random random = Seed.random("WriteAheadLogTest");
    for (int run = 0; run < 6; run++) {
      Path file = folder.resolve("random" + run + ".db");
      int pageSize = 512 << random.nextInt(4);
      try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + file); Statement s = c.createStatement()) {
        run(s, "PRAGMA page_size = " + pageSize);
        run(s, "PRAGMA auto_vacuum = " + random.nextInt(3));
        run(s, "PRAGMA journal_mode = WAL");
        run(s, "PRAGMA cache_size = 10"); // transactions spill
        run(s, "PRAGMA wal_autocheckpoint = " + (random.nextBoolean() ? 0 : 1 + random.nextInt(50)));
        run(s, "CREATE TABLE t(id INTEGER PRIMARY KEY, x)");
        run(s, "CREATE INDEX i ON t(x)");
        for (int step = 0; step < 25; step++) {
          run(s, switch (random.nextInt(8)) {
            case 0 -> "DELETE FROM t WHERE id % " + (2 + random.nextInt(3)) + " = 0";
            case 1 -> "UPDATE t SET x = randomblob(" + (1 + random.nextInt(2000)) + ") WHERE id % 5 = " + random.nextInt(5);
            case 2 -> "PRAGMA wal_checkpoint(" + List.of("PASSIVE", "FULL", "RESTART", "TRUNCATE").get(random.nextInt(4)) + ")";
            case 3 -> "CREATE TABLE IF NOT EXISTS u" + random.nextInt(5) + "(y)";
            case 4 -> random.nextInt(4) == 0 ? "VACUUM" : "PRAGMA incremental_vacuum(3)";
            default -> "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + (1 + random.nextInt(80))
                + ") INSERT INTO t(x) SELECT randomblob(" + (1 + random.nextInt(1500)) + ") FROM n";
          });
          if (random.nextInt(3) > 0) {
            continue;
          }
          Files2 files = copy(file);
          assertLoadsAsRecovered(files, "run " + run + ", step " + step);
          byte[] wal = files.wal;
          if (wal.length > HEADER) {
            assertLoadsAsRecovered(files.with(Arrays.copyOf(wal, random.nextInt(wal.length))), "cut");
            byte[] flipped = wal.clone();
            flipped[4 + random.nextInt(wal.length - 4)] ^= (byte) (1 << random.nextInt(8));
            assertLoadsAsRecovered(files.with(flipped), "flipped");
            assertLoadsAsRecovered(files.with(Arrays.copyOf(wal, wal.length + random.nextInt(5000))), "zeros behind");
          }
        }
        Files2 open;
        run(s, "BEGIN");
        run(s, "INSERT INTO t(x) SELECT randomblob(500) FROM t LIMIT 500"); // frames without a commit
        open = copy(file);
        assertLoadsAsRecovered(open, "open transaction");
        run(s, "ROLLBACK");
      }
    }
  }

  // ---- byte orders ----

  /** Makes the log anew with checksums of words of that order. */
  private static byte[] withOrder(byte[] wal, int pageSize, ByteOrder order) {
    byte[] copy = wal.clone();
    copy[3] = (byte) (order == ByteOrder.BIG_ENDIAN ? 0x83 : 0x82);
    int[] sum = new int[2];
    ByteBuffer big = ByteBuffer.wrap(copy);
    add(copy, 0, 24, order, sum);
    big.putInt(24, sum[0]).putInt(28, sum[1]);
    for (int at = HEADER; at + FRAME_HEADER + pageSize <= copy.length; at += FRAME_HEADER + pageSize) {
      add(copy, at, 8, order, sum);
      add(copy, at + FRAME_HEADER, pageSize, order, sum);
      big.putInt(at + 16, sum[0]).putInt(at + 20, sum[1]);
    }
    return copy;
  }

  private static void add(byte[] bytes, int at, int n, ByteOrder order, int[] sum) {
    ByteBuffer words = ByteBuffer.wrap(bytes, at, n).order(order);
    while (words.hasRemaining()) {
      sum[0] += words.getInt() + sum[1];
      sum[1] += words.getInt() + sum[0];
    }
  }

  @Test
  void checksumsOfBothByteOrders() throws Exception {
    Files2 files = three(1024);
    for (ByteOrder order : new ByteOrder[] {ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN}) {
      byte[] wal = withOrder(files.wal, 1024, order);
      assertLoadsAsRecovered(files.with(wal), "" + order);
      assertEquals(3, rows());
      wal[wal.length - 1] ^= 1; // in the last transaction
      assertLoadsAsRecovered(files.with(wal), "changed, " + order);
      assertEquals(2, rows());
      wal[3] ^= 1; // the other order: no checksum is right
      assertLoadsAsRecovered(files.with(wal), "wrong order");
      assertEquals(0, rows());
    }
  }

  // ---- what is none ----

  private void assertRefused(Files2 files, String message) {
    SqliteException e = assertThrows(SqliteCorruptException.class, () -> load(files));
    assertTrue(e.getMessage().contains(message), e.getMessage());
    assertEquals("old", Sql.text(vfs.open("a"), "SELECT * FROM old"));
  }

  @Test
  void whatIsNoLogIsRefusedAndTheOldContentStays() throws Exception {
    try (SqliteConnection c = vfs.open("a")) {
      c.execute("CREATE TABLE old AS SELECT 'old' AS x");
    }
    Files2 files = three(1024);
    assertRefused(files.with(files.database), "not a write-ahead log: bytes 0 to 3 are 53514c69, not 377f0682 or 377f0683");
    assertRefused(files.with("<html>".getBytes()), "not a write-ahead log: bytes 0 to 3 are 3c68746d, not");
    assertRefused(files.with(three(4096).wal), "the write-ahead log is another database's: its page size (bytes 8 to 11) is 4096, and that of the database 1024");
    byte[] newer = files.wal.clone();
    ByteBuffer.wrap(newer).putInt(4, 3007001);
    assertRefused(files.with(withOrder(newer, 1024, ByteOrder.BIG_ENDIAN)), "write-ahead log of another version: bytes 4 to 7 are 3007001, not 3007000");
    assertRefused(new Files2(Arrays.copyOf(files.database, 50), files.wal), "it ends after 50 bytes");
    assertRefused(new Files2(Arrays.copyOf(files.database, files.database.length - 1024), new byte[0]), "truncated");
    byte[] without2 = files.wal.clone(); // page 2 is neither in the log nor in the database
    for (int at = HEADER; at < without2.length; at += 1024 + FRAME_HEADER) {
      if (ByteBuffer.wrap(without2).getInt(at) == 2) {
        ByteBuffer.wrap(without2).putInt(at, 999);
      }
    }
    without2 = withOrder(without2, 1024, ByteOrder.BIG_ENDIAN);
    assertRefused(new Files2(Arrays.copyOf(files.database, 1024), without2), "page 2 is not in its write-ahead log either");
    byte[] gap = files.wal.clone(); // the last frame's commit claims more pages than there are, and the header's number is not valid
    for (int at = HEADER; at < gap.length; at += 1024 + FRAME_HEADER) {
      if (ByteBuffer.wrap(gap).getInt(at) == 1) {
        gap[at + FRAME_HEADER + 92] ^= 1;
      }
    }
    int last = gap.length - 1024 - FRAME_HEADER;
    for (int pages : new int[] {ByteBuffer.wrap(gap).getInt(last + 4) + 10, -1}) {
      ByteBuffer.wrap(gap).putInt(last + 4, pages);
      assertRefused(files.with(withOrder(gap, 1024, ByteOrder.BIG_ENDIAN)), "is not in its write-ahead log either");
    }
    byte[] bad = files.wal.clone(); // the database's first page, as it is in the log, lacks its magic
    for (int at = HEADER; at < bad.length; at += 1024 + FRAME_HEADER) {
      if (ByteBuffer.wrap(bad).getInt(at) == 1) {
        Arrays.fill(bad, at + FRAME_HEADER, at + FRAME_HEADER + 16, (byte) 'x');
      }
    }
    assertRefused(files.with(withOrder(bad, 1024, ByteOrder.BIG_ENDIAN)), "not an SQLite database");
  }

  /** As pages behind those of the header in a database without a log: SQLite does not use them. */
  @Test
  void pagesThatOnlyTheLogsSizeTellsOfAreDropped() throws Exception {
    Files2 files = three(1024);
    load(files);
    long size = vfs.size("a");
    byte[] more = files.wal.clone();
    int last = more.length - 1024 - FRAME_HEADER;
    for (int pages : new int[] {(int) (size / 1024) + 10, -1}) {
      ByteBuffer.wrap(more).putInt(last + 4, pages);
      assertEquals(files.wal.length / (1024 + FRAME_HEADER), load(files.with(withOrder(more, 1024, ByteOrder.BIG_ENDIAN))));
      assertEquals(size, vfs.size("a"));
      assertEquals(3, rows());
    }
  }

  @Test
  void theLimitOfBytesHoldsForPagesThatWait() throws Exception {
    Files2 files = three(4096);
    byte[] endless = Arrays.copyOf(files.wal, HEADER + 400 * (4096 + FRAME_HEADER));
    for (int at = HEADER; at < endless.length; at += 4096 + FRAME_HEADER) { // frames of one transaction that never commits
      ByteBuffer.wrap(endless).putInt(at, 2).putInt(at + 4, 0).put(at + 8, files.wal, 16, 8);
    }
    try (MemoryVfs small = MemoryVfs.builder().maxBytes(1_000_000).build()) {
      byte[] wal = withOrder(endless, 4096, ByteOrder.LITTLE_ENDIAN);
      assertThrows(SqliteFullException.class, () -> small.deserialize("a", List.of(files.database), List.of(wal)));
      assertFalse(small.exists("a"));
      assertEquals(0, small.stats().bytesInUse());
      small.deserialize("a", List.of(files.database), List.of(files.wal));
      assertTrue(small.size("a") > 0);
    }
  }

  @Test
  void anEmptyDatabaseHasNoLog() throws Exception {
    assertEquals(0, vfs.deserialize("a", List.of(), List.of(three(4096).wal)));
    assertEquals(0, vfs.size("a"));
  }
}
