package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Nothing ever touches a disk: a JVM of its own does all that makes SQLite write files elsewhere, and strace tells which
 * files it opened for writing meanwhile.
 */
@EnabledOnOs(OS.LINUX)
class NoDiskTest {

  private static final String BEGIN = "no-disk-begin";
  private static final String END = "no-disk-end";
  private static final String SPY = "no-disk-spy";

  private static final Pattern WRITES = Pattern.compile("O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE|\\b(creat|rename\\w*|unlink\\w*|mkdir\\w*|truncate|link\\w*|symlink\\w*)\\(");

  /** What the child does between the two marks. */
  static final class Work {

    public static void main(String[] args) throws Exception {
      boolean spy = args.length > 0;
      try (MemoryVfs vfs = MemoryVfs.create()) {
        byte[] small = run(vfs, 10); // loads the native library and all classes
        mark(BEGIN);
        if (spy) {
          Files.write(Path.of(args[0]), small);
        }
        run(vfs, spy ? 10 : 30_000);
        mark(END);
      }
    }

    /** An attempt to open a file that is not there shows in the trace. */
    private static void mark(String name) {
      try (FileInputStream in = new FileInputStream(name)) {
        throw new AssertionError("there is a file " + name + ": " + in);
      } catch (IOException expected) {
        System.out.println(name);
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
    assertEquals(List.of(), writes(traceOf(folder)), "calls that would touch a disk");
  }

  /** That the test can fail: a file that is written shows. */
  @Test
  void aFileThatIsWrittenIsFound(@TempDir Path folder) throws Exception {
    List<String> found = writes(traceOf(folder, folder.resolve(SPY).toString()));
    assertTrue(found.size() == 1 && found.get(0).contains(SPY), found.toString());
  }

  private static List<String> writes(List<String> trace) {
    List<String> found = new ArrayList<>();
    boolean between = false;
    int marks = 0;
    for (String line : trace) {
      if (line.contains("\"" + BEGIN + "\"") || line.contains("\"" + END + "\"")) {
        between = line.contains(BEGIN);
        marks++;
      } else if (between && WRITES.matcher(line).find()) {
        found.add(line);
      }
    }
    assertEquals(2, marks, "marks in the trace");
    return found;
  }

  private static List<String> traceOf(Path folder, String... args) throws Exception {
    Path output = folder.resolve("trace.txt");
    checkStrace(folder);
    List<String> command = new ArrayList<>(List.of("strace", "-f", "-qq", "-o", output.toString(), "-e",
        "trace=openat,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,truncate,link,linkat,symlink,symlinkat",
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:-UsePerfData", "-XX:+UseSerialGC"));
    for (String name : System.getProperties().stringPropertyNames()) {
      if (name.startsWith("io.github.sqlitememvfs.")) {
        command.add("-D" + name + "=" + System.getProperty(name));
      }
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Work.class.getName()));
    command.addAll(List.of(args));
    Path log = folder.resolve("log.txt");
    int exit = run(log, command);
    assertEquals(0, exit, () -> read(log));
    return Files.readAllLines(output);
  }

  /** Without strace the test fails; only where the kernel forbids tracing it is skipped. */
  private static void checkStrace(Path folder) throws Exception {
    Path log = folder.resolve("probe.txt");
    int exit;
    try {
      exit = run(log, List.of("strace", "-f", "-o", folder.resolve("probe-trace.txt").toString(), "true"));
    } catch (IOException e) {
      fail("this test needs strace (apt-get install strace): " + e.getMessage());
      return;
    }
    Assumptions.assumeTrue(exit == 0 || !read(log).matches("(?s).*(not permitted|PTRACE_|Permission denied).*"),
        () -> "the kernel does not permit to trace: " + read(log));
    assertEquals(0, exit, () -> read(log));
  }

  private static int run(Path log, List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true)
        .redirectOutput(log.toFile()).redirectInput(new File("/dev/null")).start();
    return process.waitFor();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.toString();
    }
  }
}
