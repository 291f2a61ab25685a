package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Nothing touches a disk. A JVM of its own does all that makes other builds of SQLite write files, and strace tells
 * which files it opens for writing meanwhile.
 */
@EnabledOnOs(OS.LINUX)
class NoDiskTest {

  private static final String SPY = "no-disk-spy";

  /** What the child does between the two marks. */
  static final class Work {

    public static void main(String[] args) throws Exception {
      boolean spy = args.length > 0;
      try (MemoryVfs vfs = MemoryVfs.create()) {
        byte[] small = run(vfs, 10); // loads the native library and all classes
        Trace.mark(Trace.BEGIN);
        if (spy) {
          Files.write(Path.of(args[0]), small);
        }
        run(vfs, spy ? 10 : 30_000);
        Trace.mark(Trace.END);
      }
    }

    private static byte[] run(MemoryVfs vfs, int rows) throws IOException {
      for (String journalMode : List.of("delete", "truncate", "persist", "memory", "off", "wal")) {
        vfs.delete("a");
        vfs.delete("b");
        vfs.delete("copy");
        try (SqliteConnection c = vfs.open("a", OpenOptions.defaults().hardened(!journalMode.equals("off")))) {
          c.execute("PRAGMA temp_store = 1; PRAGMA cache_size = 5; PRAGMA cache_spill = 1; PRAGMA synchronous = EXTRA; PRAGMA journal_mode = " + journalMode);
          c.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x, y)");
          c.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
              + "INSERT INTO t SELECT i, random(), hex(randomblob(40)) FROM n", rows);
          // A large sort, a large DISTINCT, a large index, a statement that cannot be done in one pass.
          c.execute("SELECT * FROM t ORDER BY y, x");
          c.execute("SELECT count(DISTINCT y || x) FROM t");
          c.execute("CREATE INDEX t_y ON t(y, x)");
          c.execute("UPDATE t SET y = y || 'x' WHERE x IN (SELECT x FROM t ORDER BY y)");
          // Temporary tables and databases.
          c.execute("CREATE TEMP TABLE tt AS SELECT * FROM t; CREATE INDEX temp.tt_y ON tt(y); DELETE FROM tt WHERE id % 2; DROP TABLE temp.tt");
          c.execute("ATTACH '' AS private; CREATE TABLE private.t AS SELECT * FROM main.t; DETACH private");
          // A large transaction with a tiny cache, savepoints, rollback.
          c.execute("BEGIN; UPDATE t SET y = hex(randomblob(50)); SAVEPOINT s; DELETE FROM t WHERE id % 3 = 0");
          c.execute(journalMode.equals("off") ? "RELEASE s" : "ROLLBACK TO s");
          c.execute("ROLLBACK");
          // Two files in one transaction: elsewhere, a super-journal.
          c.execute("ATTACH 'file:b' AS b; PRAGMA b.journal_mode = " + journalMode + "; CREATE TABLE b.t(x);"
              + "BEGIN; INSERT INTO b.t SELECT x FROM main.t; DELETE FROM main.t WHERE id % 2; COMMIT; DETACH b");
          // SQL that means a file: there is no VFS that opens one, and a path is a name like any other.
          for (String sql : List.of("ATTACH 'file:/tmp/no-disk.db?vfs=unix' AS d", "VACUUM INTO 'file:/tmp/no-disk.db?vfs=unix-dotfile'",
              "ATTACH 'file:/tmp/no-disk.db?vfs=none' AS d")) {
            try {
              c.execute(sql);
              throw new AssertionError("worked: " + sql);
            } catch (SqliteException expected) {
              // as it should be
            }
          }
          c.execute("ATTACH '/tmp/no-disk.db' AS d; CREATE TABLE IF NOT EXISTS d.t(x); INSERT INTO d.t VALUES (1); DETACH d");
          c.execute("VACUUM; VACUUM INTO 'file:copy'; PRAGMA integrity_check; REINDEX; ANALYZE");
        }
        vfs.deserialize("b", vfs.serializeChunks("a"));
        vfs.fork("b", "fork");
        vfs.delete("fork");
      }
      return vfs.serialize("a").readAllBytes();
    }
  }

  @Test
  void noFileIsOpenedForWriting(@TempDir Path folder) throws Exception {
    assertEquals(List.of(), Trace.of(folder, List.of(), Work.class).writes, "calls that would touch a disk");
  }

  /** That the test can fail: a file that is written shows. */
  @Test
  void aFileThatIsWrittenIsFound(@TempDir Path folder) throws Exception {
    List<String> found = Trace.of(folder, List.of(), Work.class, folder.resolve(SPY).toString()).writes;
    assertTrue(found.size() == 1 && found.get(0).contains(SPY), found.toString());
  }
}
