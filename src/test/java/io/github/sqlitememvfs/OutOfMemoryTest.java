package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Memory that is refused to the native library, or by the JVM to it: every operation with its first, second, third ...
 * allocation failing. It must fail with an {@link OutOfMemoryError} or {@code SQLITE_NOMEM} and change nothing, or do
 * all of its work; and in the end nothing may be left. In a JVM of its own ({@link JvmFaults}).
 *
 * <p>{@code -Dnomem.all=true} skips none of the allocations of an operation, however many there are.
 */
@EnabledOnOs(OS.LINUX)
class OutOfMemoryTest {
  private static final String DONE = "nothing is left";

  @Test
  @Timeout(value = 600, unit = TimeUnit.SECONDS)
  void whatIsRefusedIsToldAndNothingIsLost(@TempDir Path folder) throws Exception {
    String faults = System.getProperty("nomem.library");
    Assumptions.assumeTrue(faults == null || !faults.isEmpty(), "only the GNU C library lets its allocator be replaced so");
    assertTrue(faults != null && Files.exists(Path.of(faults)), faults);
    Path log = folder.resolve("log.txt");
    ProcessBuilder builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:+UseSerialGC", "-Xmx256m", "-Dnomem.all=" + System.getProperty("nomem.all"), "-cp", System.getProperty("java.class.path"),
        Work.class.getName(), faults, folder.toString());
    builder.environment().put("LD_PRELOAD", faults);
    int exit = builder.redirectErrorStream(true).redirectOutput(log.toFile()).redirectInput(new File("/dev/null")).start().waitFor();
    String said = Files.readString(log);
    assertEquals(0, exit, said);
    assertTrue(said.contains(DONE), said);
  }

  private interface Action {
    Object run() throws Exception;
  }

  /** What the child does. */
  static final class Work {
    private static final String LONG_NAME = "n".repeat(1024); // does not fit in the natives' stack
    private static final String LONG_TEXT = "ä".repeat(3000);

    private final Map<String, Action> operations = new LinkedHashMap<>();
    private final Path file;
    private MemoryVfs vfs;
    private byte[] content;
    private SqliteConnection connection;

    private Work(Path folder) {
      file = folder.resolve("d.db");
    }

    public static void main(String[] args) throws Exception {
      System.load(args[0]);
      NativeLibrary.load();
      check(JvmFaults.install(), "the library was not found");
      Work work = new Work(Path.of(args[1]));
      work.fill();
      long live = 0;
      for (int round = 0; round < 2; round++) { // the first one also loads classes, and leaves vfs structures to be used again
        try (MemoryVfs vfs = MemoryVfs.create()) {
          work.all(vfs, round == 1);
        }
        System.gc(); // streams and chunks that were forgotten
        if (round == 1) {
          check(JvmFaults.live() <= live + 1, "allocations left: " + (JvmFaults.live() - live));
          check(JvmFaults.mapped() == 0, "bytes mapped: " + JvmFaults.mapped());
        }
        live = JvmFaults.live();
      }
      work.stores();
      System.out.println(DONE);
    }

    private static void check(boolean condition, String message) {
      if (!condition) {
        throw new AssertionError(message);
      }
    }

    // ---- operations ----

    private void fill() {
      operations.put("open", () -> {
        try (SqliteConnection c = vfs.open("d")) {
          return Sql.value(c, "SELECT count(*) FROM t");
        }
      });
      operations.put("open a new one", () -> {
        vfs.open(LONG_NAME).close();
        return vfs.delete(LONG_NAME);
      });
      operations.put("open to read", () -> {
        try (SqliteConnection c = vfs.open("d", OpenOptions.defaults().readOnly(true))) {
          return c.isClosed();
        }
      });
      operations.put("execute", () -> connection.execute("UPDATE t SET x = x + 1 WHERE id < ?", 5));
      operations.put("script", () -> connection.execute("BEGIN; DELETE FROM t WHERE id = 3; /* " + LONG_TEXT + " */; INSERT INTO t(x) VALUES(1); COMMIT"));
      operations.put("script that waits", () -> {
        try (SqliteConnection other = vfs.open("d")) {
          other.execute("BEGIN IMMEDIATE");
          Thread script = Thread.currentThread();
          AtomicBoolean ended = new AtomicBoolean();
          Thread writer = new Thread(() -> {
            // without memory to wait in Java it waits in C, which nobody can see
            for (int i = 0; i < 20 && !ended.get() && script.getState() != Thread.State.TIMED_WAITING; i++) {
              LockSupport.parkNanos(1_000_000);
            }
            other.execute("COMMIT");
          });
          writer.start();
          try {
            return connection.execute("DELETE FROM t WHERE id = 3; /* " + LONG_TEXT + " */");
          } finally {
            ended.set(true);
            writer.join();
          }
        }
      });
      operations.put("prepare", () -> {
        try (SqliteStatement s = connection.prepare("SELECT id AS first, y FROM t WHERE id > :a /* " + LONG_TEXT + " */")) {
          s.bindLong("a", 7);
          return s.getColumnNames() + " " + s.getColumnName(1) + s.parameterCount() + s.step();
        }
      });
      operations.put("bind", () -> {
        ByteBuffer direct = ByteBuffer.allocateDirect(5000);
        byte[] blob = new byte[4000];
        try (SqliteStatement s = connection.prepare("SELECT ?1, ?2, ?3, ?4, ?5, ?6, length(?7), ?8")) {
          s.bindText(1, LONG_TEXT);
          s.bindText(2, "short");
          s.bindBlob(3, blob);
          s.bind(4, direct);
          s.bindDouble(5, 1.5);
          s.bindNull(6);
          s.bind(7, ByteBuffer.wrap(blob).asReadOnlyBuffer());
          s.bindAll(LONG_TEXT, "short", blob, direct, 1.5, null, blob, 3);
          check(s.step(), "no row");
          return List.of(s.getText(0), s.getText(1), s.getBlob(2).length, s.getBlob(3).length, s.getDouble(4), s.isNull(5), s.getLong(6), s.getObject(7));
        }
      });
      operations.put("columns", () -> {
        List<Object> values = new ArrayList<>();
        try (SqliteStatement s = connection.query("SELECT id, x, y, z, '12.5' || substr(y, 1, 1), zeroblob(2000), 1e300, ' 17 ', zeroblob(0) FROM t WHERE id < 4")) {
          while (s.step()) {
            for (int i = 0; i < s.getColumnCount(); i++) {
              Object value = s.getObject(i);
              values.add(value instanceof byte[] bytes ? ByteBuffer.wrap(bytes) : value == null ? "null" : value);
              values.add(Objects.toString(s.getText(i)));
              byte[] blob = s.getBlob(i);
              values.add(blob == null ? "null" : ByteBuffer.wrap(blob));
              values.add(s.getDouble(i));
              values.add(s.getLong(i));
            }
          }
        }
        return values;
      });
      operations.put("a long blob as numbers", () -> { // which SQLite copies if texts are UTF-16; no step follows that would tell
        try (SqliteConnection c = vfs.open("wide")) {
          c.execute("PRAGMA encoding = 'UTF-16le'; CREATE TABLE u(x)");
          try (SqliteStatement s = c.query("SELECT CAST(printf('%01400d', 0) || '7.5' AS BLOB)")) {
            return s.step() + " " + s.getDouble(0) + " " + s.getLong(0);
          }
        } finally {
          vfs.delete("wide");
        }
      });
      operations.put("many columns", () -> Sql.rows(connection, "SELECT " + "1,".repeat(400) + "2"));
      operations.put("sort", () -> Sql.rows(connection, "SELECT y, id FROM t ORDER BY y || x, id"));
      operations.put("transaction", () -> connection.transactionWithResult(c -> {
        c.execute("INSERT INTO t(x, y) SELECT x, y || 'new' FROM t");
        c.transaction(inner -> inner.execute("DELETE FROM t WHERE id % 2"));
        return c.changes();
      }));
      operations.put("rolled back", () -> {
        try {
          connection.transaction(c -> {
            c.execute("DELETE FROM t WHERE id < 50");
            throw new IllegalArgumentException("by the body");
          });
          return "no exception";
        } catch (IllegalArgumentException e) {
          return e.getMessage();
        }
      });
      operations.put("an error", () -> {
        try {
          return connection.execute("INSERT INTO t(id) VALUES(1)");
        } catch (SqliteConstraintException e) {
          return e.getMessage();
        }
      });
      operations.put("snapshot", () -> {
        try (Snapshot s = vfs.snapshot("d"); InputStream in = s.newInputStream()) {
          ByteArrayOutputStream out = new ByteArrayOutputStream();
          s.writeTo(out);
          s.writeTo(Channels.newChannel(out));
          ByteBuffer buffer = ByteBuffer.allocateDirect(1000);
          return s.newByteChannel().read(buffer) + in.readAllBytes().length + out.size();
        }
      });
      operations.put("serialize to a stream", () -> {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        vfs.serialize("d", out);
        try (InputStream in = vfs.serialize("d")) {
          check(Arrays.equals(in.readAllBytes(), out.toByteArray()), "bytes differ");
        }
        return ByteBuffer.wrap(out.toByteArray());
      });
      operations.put("serialize to channels", () -> {
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
          vfs.serialize("d", out);
        }
        ByteArrayOutputStream heap = new ByteArrayOutputStream();
        vfs.serialize("d", Channels.newChannel(heap));
        byte[] written = Files.readAllBytes(file);
        check(Arrays.equals(written, heap.toByteArray()), "bytes differ");
        return ByteBuffer.wrap(written);
      });
      operations.put("deserialize a stream", () -> {
        vfs.deserialize("new", new ByteArrayInputStream(content));
        vfs.deserialize("new", new ByteArrayInputStream(content));
        return vfs.size("new");
      });
      operations.put("deserialize channels", () -> {
        Files.write(file, content);
        try (FileChannel in = FileChannel.open(file)) {
          vfs.deserialize("new", in);
        }
        vfs.deserialize(LONG_NAME, Channels.newChannel(new ByteArrayInputStream(content)));
        return vfs.size("new") + vfs.size(LONG_NAME);
      });
      operations.put("deserialize chunks", () -> {
        vfs.deserialize("new", Sql.chunks(content, 5000));
        return vfs.size("new");
      });
      operations.put("refuse to deserialize", () -> {
        try {
          vfs.deserialize("new", new ByteArrayInputStream(new byte[200]));
          return "taken in";
        } catch (SqliteCorruptException e) {
          return e.getMessage();
        }
      });
      operations.put("fork", () -> {
        vfs.fork("d", LONG_NAME);
        vfs.fork(LONG_NAME, "fork");
        return vfs.size("fork");
      });
      operations.put("names and numbers", () -> {
        vfs.fork("d", LONG_NAME);
        Stats stats = vfs.stats();
        return vfs.databases() + " " + vfs.exists("d") + vfs.exists("none") + vfs.exists(LONG_NAME) + stats.databases()
            + stats.perDatabase().keySet() + vfs.stats(LONG_NAME).versions() + vfs.delete(LONG_NAME) + MemoryVfs.sqliteVersion();
      });
      operations.put("no such database", () -> {
        try {
          return vfs.snapshot("none").toString();
        } catch (SqliteException e) {
          if (e.code() == SqliteCodes.CANTOPEN) {
            return e.getMessage();
          }
          throw e;
        }
      });
      // the last: what it pins goes when the garbage collector finds it
      operations.put("serialize as chunks", () -> {
        int n = 0;
        for (byte[] chunk : vfs.serializeChunks("d")) {
          n += chunk.length;
        }
        return n;
      });
    }

    // ---- with allocations failing ----

    private void all(MemoryVfs vfs, boolean fail) throws Exception {
      this.vfs = vfs;
      try (SqliteConnection c = vfs.open("d")) {
        c.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x, y TEXT, z BLOB)");
        c.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
            + " INSERT INTO t SELECT i, i * 1.5, printf('%d.5%.*c', i, i * 40 % 1700, 'y'), zeroblob(i * 97 % 2000) FROM n");
      }
      content = Sql.bytes(vfs, "d");
      for (Map.Entry<String, Action> operation : operations.entrySet()) {
        reset();
        Object result = operation.getValue().run();
        Map<String, byte[]> after = contents();
        for (int all = 0; all < 2 && fail; all++) {
          run(operation.getKey(), operation.getValue(), all == 1, result, after);
        }
      }
      closeConnection();
    }

    private void closeConnection() {
      if (connection != null) {
        connection.close();
        connection = null;
      }
    }

    /** Back to one database with its content, and an open connection. */
    private void reset() {
      for (String name : vfs.databases()) {
        if (!name.equals("d")) {
          vfs.delete(name);
        }
      }
      closeConnection();
      vfs.deserialize("d", List.of(content));
      connection = vfs.open("d");
    }

    private Map<String, byte[]> contents() {
      Map<String, byte[]> contents = new LinkedHashMap<>();
      for (String name : vfs.databases()) {
        contents.put(name, Sql.bytes(vfs, name));
      }
      return contents;
    }

    private void run(String name, Action action, boolean all, Object result, Map<String, byte[]> after) throws Exception {
      long refused = 1;
      for (long at = 1; refused > 0; at += 1 + (Boolean.getBoolean("nomem.all") || at < 300 ? 0 : (at - 300) / 20)) {
        String where = name + ", allocation " + at + (all ? " and all after it" : "");
        reset();
        Throwable thrown = null;
        Object got = null;
        JvmFaults.arm(at, all);
        try {
          got = action.run();
        } catch (Throwable e) {
          thrown = e;
        } finally {
          refused = JvmFaults.disarm();
        }
        if (thrown == null) {
          check(Objects.equals(got, result), where + ": got " + shortened(got) + ", not " + shortened(result));
        } else if (refused == 0 || !(thrown instanceof OutOfMemoryError || (thrown instanceof SqliteException e && e.code() == SqliteCodes.NOMEM))) {
          throw new AssertionError(where, thrown);
        }
        if (!connection.isClosed()) { // the last means of a roll-back is not to be needed
          check(!connection.inTransaction() || name.equals("script"), where + ": still in a transaction");
        } else {
          throw new AssertionError(where + ": the connection is closed", thrown);
        }
        if (connection.inTransaction()) {
          connection.execute("ROLLBACK");
        }
        Sql.assertWhole(connection);
        Map<String, byte[]> now = contents();
        for (Map.Entry<String, byte[]> database : now.entrySet()) { // none is half made
          String at2 = where + ": database " + (database.getKey().length() > 20 ? "with a long name" : database.getKey());
          boolean before = database.getKey().equals("d") && thrown != null;
          byte[] want = before ? content : after.get(database.getKey());
          if (want == null) { // one that a later step would have deleted
            want = database.getKey().equals(LONG_NAME) ? database.getValue().length == 0 ? new byte[0] : content : null;
          }
          check(want != null, at2 + " should not be there");
          check(Arrays.equals(want, database.getValue()), at2 + " has other bytes");
        }
        if (thrown == null) {
          check(now.keySet().equals(after.keySet()), where + ": databases");
        }
        Stats stats = vfs.stats();
        if (!name.equals("serialize as chunks")) {
          check(stats.pins() == stats.forks(), where + ": pins " + stats.pins());
        }
      }
    }

    private static String shortened(Object result) {
      String text = String.valueOf(result).replace(LONG_NAME, "LONG_NAME");
      return text.length() > 1000 ? text.substring(0, 1000) : text;
    }

    /** Making and closing a whole MemoryVfs. */
    private void stores() {
      long refused = 1;
      for (long at = 1; refused > 0; at++) {
        MemoryVfs made = null;
        JvmFaults.arm(at, false);
        try {
          made = MemoryVfs.create();
        } catch (OutOfMemoryError e) {
          check(true, "");
        } catch (SqliteException e) {
          check(e.code() == SqliteCodes.NOMEM, "code " + e.code());
        } finally {
          refused = JvmFaults.disarm();
        }
        check(made != null || refused > 0, "create failed");
        if (made != null) {
          JvmFaults.arm(1, true); // closing needs no memory
          made.close();
          check(JvmFaults.disarm() == 0, "close wanted memory");
        }
      }
    }
  }
}
