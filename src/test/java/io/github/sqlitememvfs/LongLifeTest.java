package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/**
 * Finds memory that grows slowly: does as many commits and forks as {@code -Dlong.commits} and {@code -Dlong.forks}
 * say. long_life_test.c does the same without a JVM, and counts each allocation.
 */
class LongLifeTest {

  private static final long COMMITS = Long.getLong("long.commits", 20_000);
  private static final long FORKS = Long.getLong("long.forks", 2_000);
  private static final long ROWS = 2000;
  private static final long SUM = ROWS * (ROWS - 1) / 2;

  private static void fill(SqliteConnection c) {
    c.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, payload BLOB)");
    c.execute("WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r WHERE i < " + (ROWS - 1) + ") INSERT INTO t SELECT i, i, zeroblob(100) FROM r");
  }

  private static long sum(SqliteConnection c) {
    return Sql.number(c, "SELECT sum(n) FROM t");
  }

  @Test
  void commitsBesideOldVersions() throws Exception {
    try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection writer = vfs.open("long"); SqliteConnection old = vfs.open("long")) {
      fill(writer);
      long one = vfs.stats().bytesInUse();
      long most = 0;
      old.execute("BEGIN");
      assertEquals(SUM, sum(old));
      try (Snapshot snapshot = vfs.snapshot("long"); SqliteStatement update = writer.prepare("UPDATE t SET n = n + 1 WHERE id = ?")) {
        Snapshot passer = null;
        for (long i = 0; i < COMMITS; i++) {
          update.bindLong(1, i * 7919 % ROWS);
          update.step();
          update.reset();
          if (i % 1000 == 499) {
            passer = vfs.snapshot("long");
          } else if (i % 1000 == 999) {
            passer.close();
          }
          if (i % 100 == 0) {
            most = Math.max(most, vfs.stats().bytesInUse());
          }
        }
        if (passer != null) {
          passer.close();
        }
        assertTrue(most <= 3 * one && most > one, most + " bytes for three versions of " + one);
        assertEquals(2, vfs.stats().versions());
        assertEquals(SUM, sum(old));
        vfs.deserialize("then", snapshot.newInputStream());
        try (SqliteConnection then = vfs.open("then")) {
          assertEquals(SUM, sum(then));
        }
        vfs.delete("then");
      }
      old.execute("COMMIT");
      assertEquals(SUM + COMMITS, sum(old));
      assertEquals(1, vfs.stats().versions());
      assertEquals(one, vfs.stats().bytesInUse());
    }
  }

  @Test
  void aTemplateIsForkedAndDropped() {
    try (MemoryVfs vfs = MemoryVfs.create()) {
      try (SqliteConnection template = vfs.open("template")) {
        fill(template);
      }
      forkAndDrop(vfs);
      String before = vfs.stats().toString();
      for (long i = 0; i < FORKS; i++) {
        forkAndDrop(vfs);
      }
      assertEquals(before, vfs.stats().toString());
      assertEquals(1, vfs.databases().size());
    }
  }

  private static void forkAndDrop(MemoryVfs vfs) {
    vfs.fork("template", "fork");
    try (SqliteConnection c = vfs.open("fork")) {
      c.execute("UPDATE t SET n = n + 1 WHERE id = 7");
      assertEquals(SUM + 1, sum(c));
    }
    vfs.delete("fork");
  }
}
