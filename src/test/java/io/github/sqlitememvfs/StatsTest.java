package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StatsTest {

  private final MemoryVfs vfs = MemoryVfs.create();

  @AfterEach
  void close() {
    vfs.close();
  }

  private SqliteConnection filled(String database) {
    SqliteConnection connection = vfs.open(database);
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x);"
        + "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO t(x) SELECT zeroblob(3000) FROM n");
    return connection;
  }

  @Test
  void startsAtNothing() {
    Stats stats = vfs.stats();
    assertEquals(List.of(0L, 0L, 0L, 0L, 0L, 0L), List.of(stats.bytesInUse(), stats.maxBytes(), stats.blocks(), stats.versions(), stats.pins(),
        stats.forks()));
    assertEquals(0, stats.databases());
    assertTrue(stats.perDatabase().isEmpty());
    try (MemoryVfs limited = MemoryVfs.builder().maxBytes(12_345_678).build()) {
      assertEquals(12_345_678, limited.stats().maxBytes());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 512, 1024, 4096, 65536})
  void countsBlocksAndBytes(int blockSize) {
    try (MemoryVfs own = MemoryVfs.builder().blockSize(blockSize).build(); SqliteConnection connection = own.open("a")) {
      connection.execute("PRAGMA page_size = 2048; CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(1000000))");
      connection.execute("UPDATE t SET x = randomblob(1000000)");
      DatabaseStats stats = own.stats("a");
      int size = blockSize == 0 ? 2048 : blockSize;
      assertEquals(size, stats.blockSize());
      assertEquals(own.size("a"), stats.size());
      assertEquals((stats.size() + size - 1) / size, stats.blocks());
      long data = stats.blocks() * size;
      assertTrue(stats.bytesInUse() >= data && stats.bytesInUse() < data + data / 4 + 100_000, stats.toString());
      assertEquals(1, stats.versions());
      assertEquals(0, stats.pins());
      assertEquals(0, stats.forks());
      Stats all = own.stats();
      assertEquals(stats.bytesInUse(), all.bytesInUse());
      assertEquals(stats.blocks(), all.blocks());
      assertTrue(all.bytesReserved() >= all.bytesInUse(), all.toString());
      assertEquals(stats.toString(), all.perDatabase().get("a").toString());
    }
  }

  @Test
  void anEmptyDatabaseHasNoBlocks() {
    vfs.open("a").close();
    DatabaseStats stats = vfs.stats("a");
    assertEquals(0, stats.size());
    assertEquals(0, stats.blocks());
    assertEquals(1, vfs.stats().databases());
  }

  @Test
  void snapshotsPinVersionsAndKeepOnlyWhatChanged() {
    try (SqliteConnection connection = filled("a")) {
      DatabaseStats before = vfs.stats("a");
      Snapshot first = vfs.snapshot("a");
      Snapshot second = vfs.snapshot("a");
      assertEquals(2, vfs.stats("a").pins());
      assertEquals(1, vfs.stats("a").versions());
      assertEquals(before.blocks(), vfs.stats("a").blocks());
      connection.execute("UPDATE t SET x = zeroblob(2999) WHERE id = 100");
      DatabaseStats after = vfs.stats("a");
      assertEquals(2, after.versions());
      assertEquals(2, after.pins());
      assertTrue(after.version() > before.version());
      assertTrue(after.blocks() > before.blocks() && after.blocks() <= before.blocks() + 4, before + " then " + after);
      first.close();
      assertEquals(1, vfs.stats("a").pins());
      assertEquals(after.blocks(), vfs.stats("a").blocks());
      second.close();
      assertEquals(0, vfs.stats("a").pins());
      assertEquals(1, vfs.stats("a").versions());
      assertEquals(before.blocks(), vfs.stats("a").blocks());
      assertEquals(before.bytesInUse(), vfs.stats("a").bytesInUse());
    }
  }

  @Test
  void aVersionBetweenTwoSnapshotsGivesBackWhatOnlyItSaw() {
    try (SqliteConnection connection = filled("a")) {
      long blocks = vfs.stats("a").blocks();
      Snapshot oldest = vfs.snapshot("a");
      connection.execute("UPDATE t SET x = zeroblob(2999) WHERE id <= 100");
      long withOldest = vfs.stats("a").blocks();
      Snapshot middle = vfs.snapshot("a");
      connection.execute("UPDATE t SET x = zeroblob(2998) WHERE id <= 100");
      assertEquals(3, vfs.stats("a").versions());
      assertTrue(vfs.stats("a").blocks() > withOldest);
      middle.close();
      assertEquals(2, vfs.stats("a").versions());
      assertEquals(withOldest, vfs.stats("a").blocks());
      oldest.close();
      assertEquals(blocks, vfs.stats("a").blocks());
    }
  }

  @Test
  void readersAndStreamsPin() throws Exception {
    try (SqliteConnection connection = filled("a")) {
      assertEquals(0, vfs.stats().pins());
      SqliteStatement s = connection.prepare("SELECT * FROM t");
      assertTrue(s.step());
      assertEquals(1, vfs.stats().pins());
      s.reset();
      assertEquals(0, vfs.stats().pins());
      s.close();
      InputStream untilItsEnd = vfs.serialize("a");
      InputStream untilItsClose = vfs.serialize("a");
      assertEquals(2, vfs.stats().pins());
      untilItsEnd.readAllBytes();
      assertEquals(1, vfs.stats().pins());
      untilItsClose.read();
      untilItsClose.close();
      assertEquals(0, vfs.stats().pins());
      untilItsEnd.close();
      assertEquals(0, vfs.stats().pins());
    }
  }

  @Test
  void forksAreCountedAtTheirOrigin() {
    filled("a").close();
    long bytes = vfs.stats().bytesInUse();
    long blocks = vfs.stats().blocks();
    for (int i = 0; i < 100; i++) {
      vfs.fork("a", "fork " + i);
    }
    Stats stats = vfs.stats();
    assertEquals(100, stats.forks());
    assertEquals(100, vfs.stats("a").forks());
    assertEquals(100, stats.pins());
    assertEquals(101, stats.databases());
    assertEquals(blocks, stats.blocks(), "forks share their blocks");
    assertTrue(stats.bytesInUse() - bytes < 100 * 1000, "a fork costs next to nothing: " + (stats.bytesInUse() - bytes));
    assertEquals(0, vfs.stats("fork 7").blocks());
    assertEquals(vfs.size("a"), vfs.stats("fork 7").size());
    try (SqliteConnection fork = vfs.open("fork 7")) {
      fork.execute("UPDATE t SET x = 1 WHERE id = 5");
    }
    assertTrue(vfs.stats("fork 7").blocks() > 0 && vfs.stats("fork 7").blocks() < 6, vfs.stats("fork 7").toString());
    for (int i = 0; i < 100; i++) {
      assertTrue(vfs.delete("fork " + i));
    }
    assertEquals(0, vfs.stats().forks());
    assertEquals(blocks, vfs.stats().blocks());
    assertEquals(bytes, vfs.stats().bytesInUse());
  }

  @Test
  void anOpenTransactionAndADeletedDatabaseStillCount() {
    SqliteConnection connection = filled("a");
    long blocks = vfs.stats().blocks();
    connection.execute("PRAGMA cache_size = 5; BEGIN; UPDATE t SET x = zeroblob(2900)");
    assertTrue(vfs.stats().blocks() > blocks);
    connection.execute("ROLLBACK");
    assertEquals(blocks, vfs.stats().blocks());
    assertTrue(vfs.delete("a"));
    assertEquals(0, vfs.stats().databases());
    assertEquals(blocks, vfs.stats().blocks());
    assertTrue(vfs.stats().perDatabase().isEmpty());
    assertThrows(SqliteException.class, () -> vfs.stats("a"));
    connection.close();
    assertEquals(0, vfs.stats().blocks());
    assertEquals(0, vfs.stats().bytesInUse());
  }

  @Test
  void memoryComesBackByDeleteAndVacuum() {
    try (SqliteConnection connection = filled("a")) {
      long full = vfs.stats().bytesInUse();
      connection.execute("DELETE FROM t WHERE id > 10; VACUUM");
      assertTrue(vfs.stats().bytesInUse() < full / 5, vfs.stats().toString());
    }
    vfs.delete("a");
    assertEquals(0, vfs.stats().bytesInUse());
    assertEquals(0, vfs.stats().versions());
  }

  @Test
  void aLargeDatabaseGivesItsReserveBack() {
    try (SqliteConnection connection = vfs.open("a")) {
      connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(50000000)), (zeroblob(50000000))");
    }
    assertTrue(vfs.stats().bytesReserved() >= 100_000_000);
    vfs.delete("a");
    assertTrue(vfs.stats().bytesReserved() < 10_000_000, vfs.stats().toString());
  }

  @Test
  void toStringHasTheNumbers() {
    filled("a").close();
    assertTrue(vfs.stats().toString().contains("bytesInUse=" + vfs.stats().bytesInUse()), vfs.stats().toString());
    assertTrue(vfs.stats("a").toString().contains("size=" + vfs.size("a")), vfs.stats("a").toString());
  }
}
