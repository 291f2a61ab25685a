package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Objects that are forgotten, and objects that are closed while they are in use. */
class CleanupTest {
  private static final String ENDLESS =
      "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r";

  private MemoryVfs vfs;

  @BeforeEach
  void open() {
    vfs = MemoryVfs.create();
    try (SqliteConnection c = vfs.open("d")) {
      c.execute("CREATE TABLE t(x); WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 10000)"
          + " INSERT INTO t SELECT i FROM r");
    }
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  // ---- forgotten ----

  @Test
  void aForgottenConnectionIsClosedAndRolledBack() throws Exception {
    forgetWritingConnection();
    try (SqliteConnection c = vfs.open("d", OpenOptions.defaults().busyTimeout(0))) {
      eventually("another can write", () -> {
        try {
          c.execute("INSERT INTO t VALUES (0)");
          return true;
        } catch (SqliteBusyException e) {
          return false;
        }
      });
      assertEquals(10_001, count(c));
    }
    assertNoPins();
  }

  private void forgetWritingConnection() {
    SqliteConnection c = vfs.open("d");
    c.execute("BEGIN; INSERT INTO t VALUES (1), (2)");
    SqliteStatement s = c.prepare("SELECT x FROM t");
    assertTrue(s.step());
  }

  @Test
  void aForgottenStatementLetsGoOfItsVersion() throws Exception {
    try (SqliteConnection c = vfs.open("d")) {
      forgetSteppedStatement(c);
      assertEquals(1, vfs.stats("d").pins());
      assertNoPins();
      assertEquals(10_000, count(c));
    }
  }

  private static void forgetSteppedStatement(SqliteConnection c) {
    assertTrue(c.prepare("SELECT x FROM t").step());
  }

  @Test
  void aForgottenStatementOfABusyConnectionIsClosedByItsThread() throws Exception {
    SqliteConnection c = vfs.open("d");
    ExecutorService other = Executors.newSingleThreadExecutor();
    try {
      forgetSteppedStatement(c);
      Future<?> running = other.submit(() -> assertInterrupted(() -> c.execute(ENDLESS)));
      WeakReference<Object> garbage = new WeakReference<>(new Object());
      eventually("a collection", () -> garbage.get() == null);
      interruptUntilDone(c, running);
      assertNoPins();
    } finally {
      other.shutdown();
      c.close();
    }
  }

  @Test
  void forgottenSnapshotsStreamsAndChunksLetGo() throws Exception {
    Object[] kept = {vfs.snapshot("d"), vfs.serialize("d"), vfs.serializeChunks("d")};
    Iterator<byte[]> iterator = ((Iterable<byte[]>) castChunks(kept[2])).iterator();
    InputStream stream = ((Snapshot) kept[0]).newInputStream();
    kept[0] = null;
    kept[2] = null;
    System.gc();
    assertTrue(stream.read() >= 0, "a stream keeps its snapshot");
    assertTrue(iterator.next().length > 0, "an iterator keeps its version");
    assertEquals(3, vfs.stats("d").pins());
    kept[1] = null;
    stream = null;
    iterator = null;
    assertNoPins();
  }

  @SuppressWarnings("unchecked")
  private static Iterable<byte[]> castChunks(Object chunks) {
    return (Iterable<byte[]>) chunks;
  }

  @Test
  void aForgottenVfsIsClosedAfterAllThatUsesIt() throws Exception {
    SqliteConnection c = forgetVfsButNotItsConnection();
    System.gc();
    c.execute("CREATE TABLE t(x)");
    assertThrows(IllegalArgumentException.class, () -> MemoryVfs.builder().name("forgotten").build());
    c = null;
    eventually("the name is free", () -> {
      try {
        MemoryVfs.builder().name("forgotten").build().close();
        return true;
      } catch (IllegalArgumentException e) {
        return false;
      }
    });
  }

  private static SqliteConnection forgetVfsButNotItsConnection() {
    MemoryVfs forgotten = MemoryVfs.builder().name("forgotten").build();
    forgotten.open("other");
    forgotten.open("d").execute("CREATE TABLE u(x)");
    forgotten.snapshot("d");
    forgotten.serialize("d");
    return forgotten.open("d");
  }

  @Test
  void manyForgottenDatabasesDoNotPileUp() throws Exception {
    for (int i = 0; i < 2000; i++) {
      try (MemoryVfs v = MemoryVfs.create()) {
        SqliteConnection c = v.open("d");
        c.execute("CREATE TABLE t(x)");
        c.prepare("SELECT * FROM t").step();
        v.snapshot("d").newInputStream().read();
      }
    }
  }

  /** Runs in a JVM of its own, in which no clean-up thread has been started. */
  public static final class NoThreads {
    private NoThreads() {}

    public static void main(String[] args) throws Exception {
      ThreadFactory working = Cleanup.threads;
      Cleanup.threads = task -> new Thread() {
        @Override
        public void start() {
          throw new OutOfMemoryError("unable to create native thread");
        }
      };
      for (int i = 0; i < 2; i++) {
        try {
          MemoryVfs.builder().name("n").build();
          throw new AssertionError("built without clean-up");
        } catch (OutOfMemoryError expected) {
          continue;
        }
      }
      Cleanup.threads = working;
      build();
      eventually("the forgotten one is closed, and its name free", () -> {
        try {
          build();
          return true;
        } catch (IllegalArgumentException e) {
          return false;
        }
      });
      System.out.print("fine");
    }

    private static void build() {
      MemoryVfs.builder().name("n").build();
    }
  }

  @Test
  void aThreadThatCannotBeStartedSpoilsNothing() throws Exception {
    Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), NoThreads.class.getName()).redirectErrorStream(true).start();
    assertEquals("fine", new String(process.getInputStream().readAllBytes(), UTF_8));
    assertEquals(0, process.waitFor());
  }

  // ---- closed while in use ----

  @Test
  void closingTheVfsEndsWhatIsRunning() throws Exception {
    ExecutorService threads = Executors.newCachedThreadPool();
    try {
      List<Future<?>> running = new ArrayList<>();
      CountDownLatch started = new CountDownLatch(4);
      for (int i = 0; i < 4; i++) {
        SqliteConnection c = vfs.open("d");
        running.add(threads.submit(() -> {
          started.countDown();
          try {
            c.execute(ENDLESS);
            fail("came to an end");
          } catch (SqliteException e) {
            assertEquals(9, e.code());
          } catch (IllegalStateException e) {
            assertTrue(e.getMessage().contains("closed"), e.getMessage());
          }
        }));
      }
      started.await();
      vfs.close();
      for (Future<?> f : running) {
        f.get();
      }
      assertThrows(IllegalStateException.class, () -> vfs.open("d"));
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void closingTheVfsEndsAWaitForTheWriter() throws Exception {
    ExecutorService threads = Executors.newSingleThreadExecutor();
    try {
      for (int round = 0; round < 10; round++) {
        MemoryVfs v = MemoryVfs.builder().busyTimeout(3_600_000).build();
        SqliteConnection one = v.open("d");
        SqliteConnection two = v.open("d");
        one.execute("CREATE TABLE t(x)");
        (round % 2 == 0 ? one : two).execute("BEGIN IMMEDIATE");
        SqliteConnection waiting = round % 2 == 0 ? two : one;
        CountDownLatch started = new CountDownLatch(1);
        Future<?> wait = threads.submit(() -> {
          started.countDown();
          try {
            waiting.execute("BEGIN IMMEDIATE; " + ENDLESS);
            fail("came to an end");
          } catch (SqliteException | IllegalStateException e) {
            assertTrue(e.getMessage().contains("closed") || e.getMessage().contains("interrupt"), e.toString());
          }
        });
        started.await();
        Thread.sleep(round);
        v.close();
        wait.get();
      }
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void closingTheVfsInsideATransactionRollsBack() {
    SqliteConnection c = vfs.open("d");
    IllegalStateException e = assertThrows(IllegalStateException.class, () -> c.transaction(x -> {
      x.execute("INSERT INTO t VALUES (1)");
      vfs.close();
      assertTrue(x.isClosed());
      assertThrows(IllegalStateException.class, () -> x.execute("SELECT 1"));
    }));
    assertTrue(e.getMessage().contains("rolled back"), e.getMessage());
    IOException own = new IOException("own");
    MemoryVfs second = MemoryVfs.create();
    SqliteConnection d = second.open("d");
    assertEquals(own, assertThrows(IOException.class, () -> d.transaction(x -> {
      second.close();
      throw own;
    })));
    assertEquals(0, own.getSuppressed().length);
  }

  @Test
  void closingTheVfsDoesNotWaitForATransactionThatWaitsForTheCloser() throws Exception {
    SqliteConnection one = vfs.open("d");
    SqliteConnection two = vfs.open("e");
    CountDownLatch both = new CountDownLatch(2);
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      Future<?> closer = threads.submit(() -> assertThrows(IllegalStateException.class, () -> one.transaction(x -> {
        both.countDown();
        both.await();
        vfs.close();
      })));
      Future<?> waiter = threads.submit(() -> assertThrows(IllegalStateException.class, () -> two.transaction(x -> {
        both.countDown();
        both.await();
        while (true) {
          one.changes(); // waits for the other's transaction, until the connection is closed
        }
      })));
      closer.get();
      waiter.get();
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void anythingMayBeClosedWhileItIsUsed() throws Exception {
    ExecutorService threads = Executors.newCachedThreadPool();
    try {
      for (int round = 0; round < 30; round++) {
        MemoryVfs v = MemoryVfs.create();
        try (SqliteConnection c = v.open("d")) {
          c.execute("CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(300000)), (1), (2), (3)");
        }
        SqliteConnection c = v.open("d");
        SqliteStatement statement = c.prepare("SELECT * FROM t");
        Snapshot snapshot = v.snapshot("d");
        InputStream stream = v.serialize("d");
        AtomicBoolean done = new AtomicBoolean();
        List<Future<?>> running = new ArrayList<>();
        running.add(threads.submit(() -> until(done, () -> {
          statement.reset();
          while (statement.step()) {
            statement.getBlob(0);
          }
        })));
        running.add(threads.submit(() -> until(done, () -> c.execute("INSERT INTO t VALUES (?)", 1))));
        running.add(threads.submit(() -> until(done, () -> c.transaction(x -> x.execute("UPDATE t SET x = x")))));
        running.add(threads.submit(() -> until(done, () -> snapshot.writeTo(OutputStream.nullOutputStream()))));
        running.add(threads.submit(() -> until(done, () -> snapshot.newByteChannel().read(java.nio.ByteBuffer.allocate(5000)))));
        running.add(threads.submit(() -> until(done, () -> {
          stream.mark(0);
          stream.readAllBytes();
          stream.reset();
        })));
        running.add(threads.submit(() -> until(done, () -> v.fork("d", "f" + System.nanoTime()))));
        running.add(threads.submit(() -> until(done, () -> v.deserialize("e", v.serializeChunks("d")))));
        running.add(threads.submit(() -> until(done, () -> v.open("d").interrupt())));
        running.add(threads.submit(() -> until(done, v::stats)));
        AutoCloseable[] order = {statement, c, snapshot, stream, v};
        Thread.sleep(round % 5);
        for (int i = 0; i < order.length; i++) {
          order[(i + round) % order.length].close();
        }
        done.set(true);
        for (Future<?> f : running) {
          f.get();
        }
      }
    } finally {
      threads.shutdown();
    }
  }

  private interface Use {
    void run() throws Exception;
  }

  /** Uses it until it is closed, which is an IllegalStateException or the exception of its kind. */
  private static Void until(AtomicBoolean done, Use use) throws Exception {
    while (!done.get()) {
      try {
        use.run();
      } catch (IllegalStateException | IOException e) {
        assertTrue(e.getMessage() == null || e.getMessage().contains("closed"), e.toString());
        return null;
      } catch (SqliteException e) {
        assertTrue(e.code() == 9 || e.code() == 5 || e.code() == 14 || e.code() == 4, e.toString());
      }
    }
    return null;
  }

  @Test
  void interruptIsSafeAgainstClose() throws Exception {
    for (int i = 0; i < 200; i++) {
      SqliteConnection c = vfs.open("d");
      Thread interrupter = new Thread(() -> {
        try {
          while (true) {
            c.interrupt();
          }
        } catch (IllegalStateException e) {
          return;
        }
      });
      interrupter.start();
      c.close();
      interrupter.join();
    }
  }

  // ---- helpers ----

  private static long count(SqliteConnection c) {
    try (SqliteStatement s = c.prepare("SELECT count(*) FROM t")) {
      assertTrue(s.step());
      return s.getLong(0);
    }
  }

  private static Void assertInterrupted(Runnable body) {
    assertEquals(9, assertThrows(SqliteException.class, body::run).code());
    return null;
  }

  /** An interrupt that comes before SQLite runs has no effect. */
  private static void interruptUntilDone(SqliteConnection c, Future<?> running) throws Exception {
    while (!running.isDone()) {
      c.interrupt();
      Thread.sleep(1);
    }
    running.get();
  }

  private void assertNoPins() throws Exception {
    eventually("nothing is pinned", () -> vfs.stats("d").pins() == 0);
    assertFalse(vfs.isClosed());
  }

  /** Collects garbage until it is so; the test's timeout is the limit. */
  private static void eventually(String what, Callable<Boolean> condition) throws Exception {
    while (!condition.call()) {
      System.gc();
      Thread.sleep(5);
    }
  }
}
