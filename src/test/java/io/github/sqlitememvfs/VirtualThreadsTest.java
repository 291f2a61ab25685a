package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A virtual thread that waits for the write lock releases its carrier. The programs run in a JVM of a version that has
 * virtual threads, with few carriers. With one carrier, a thread that slept in native code would keep all others from
 * going on, the one that holds the write lock, too: so these tests need no clock.
 */
class VirtualThreadsTest {
  private static final long HOURS = 10_000_000;

  @TempDir Path folder;

  /** JVMs that have virtual threads, this one first. */
  private static Path java() throws Exception {
    List<Path> homes = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"))));
    Path all = Path.of("/usr/lib/jvm");
    if (Files.isDirectory(all)) {
      try (var folders = Files.list(all)) {
        folders.sorted().forEach(homes::add);
      }
    }
    for (Path home : homes) {
      Path release = home.resolve("release");
      if (Files.isExecutable(home.resolve("bin/java")) && Files.isReadable(release)) {
        String version = Files.readString(release).replaceAll("(?s).*JAVA_VERSION=\"(\\d+).*", "$1");
        if (version.matches("\\d+") && Integer.parseInt(version) >= 21) {
          return home.resolve("bin/java");
        }
      }
    }
    return Needs.missing("a JDK of version 21 or later below /usr/lib/jvm", "it has virtual threads");
  }

  private void run(int carriers, String program) throws Exception {
    String library = System.getProperty(NativeLibrary.PATH_PROPERTY);
    List<String> command = new ArrayList<>(List.of(java().toString(), "-Djdk.virtualThreadScheduler.parallelism=" + carriers,
        "-Djdk.virtualThreadScheduler.maxPoolSize=" + carriers, "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
        "-Xcheck:jni"));
    if (library != null) {
      command.add("-D" + NativeLibrary.PATH_PROPERTY + "=" + library);
    }
    command.add(Programs.class.getName());
    command.add(program);
    File out = folder.resolve("out").toFile();
    Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out).start();
    boolean ended = process.waitFor(300, TimeUnit.SECONDS);
    process.destroyForcibly().waitFor();
    String text = Files.readString(out.toPath());
    assertTrue(ended, "it has not ended: " + text);
    assertEquals(0, process.exitValue(), text);
    assertTrue(text.contains("done: " + program), text);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void writersTakeTurns(int carriers) throws Exception {
    run(carriers, "writers");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void bodiesThatPark(int carriers) throws Exception {
    run(carriers, "bodies");
  }

  @Test
  void allWaysToWait() throws Exception {
    run(1, "ways");
  }

  @Test
  void anInterruptEndsTheWait() throws Exception {
    run(1, "interrupts");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void anInterruptEndsWhatRuns(int carriers) throws Exception {
    run(carriers, "running");
  }

  @Test
  void oneConnectionForAll() throws Exception {
    run(1, "connection");
  }

  /** What runs there. */
  static final class Programs {
    private final ThreadFactory threads;
    private final MemoryVfs vfs = MemoryVfs.builder().busyTimeout(HOURS).build();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    private Programs() throws Exception {
      Object builder = Thread.class.getMethod("ofVirtual").invoke(null); // these sources are too old to know it
      threads = (ThreadFactory) Class.forName("java.lang.Thread$Builder").getMethod("factory").invoke(builder);
      vfs.open("d").execute("CREATE TABLE t(x)");
    }

    public static void main(String[] args) throws Throwable {
      Programs programs = new Programs();
      switch (args[0]) {
        case "writers" -> programs.writers();
        case "bodies" -> programs.bodies();
        case "ways" -> programs.ways();
        case "interrupts" -> programs.interrupts();
        case "running" -> programs.running();
        case "connection" -> programs.connection();
        default -> throw new IllegalArgumentException(args[0]);
      }
      Throwable e = programs.failure.get();
      if (e != null) {
        throw e;
      }
      Sql.assertWhole(programs.vfs, "d");
      System.out.println("done: " + args[0]);
      System.exit(0); // whatever waits for ever
    }

    interface Work {
      void run() throws Throwable;
    }

    private Thread start(Work work) {
      Thread thread = threads.newThread(() -> {
        try {
          work.run();
        } catch (Throwable e) {
          failure.compareAndSet(null, e);
        }
      });
      thread.start();
      return thread;
    }

    private long count() {
      try (SqliteConnection c = vfs.open("d")) {
        return Sql.number(c, "SELECT count(*) FROM t");
      }
    }

    private static void assertSame(long expected, long is) {
      if (expected != is) {
        throw new AssertionError("expected " + expected + " but was " + is);
      }
    }

    /**
     * A query without end, which keeps its carrier: a platform thread interrupts it. Then the carrier is the others'
     * again.
     */
    private void running() throws Exception {
      for (int i = 0; i < 100; i++) {
        Thread thread = start(() -> {
          try (SqliteConnection c = vfs.open("d", OpenOptions.defaults().interruptible(true))) {
            c.execute("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0");
          } catch (SqliteException e) {
            assertSame(9, e.code());
          }
          assertSame(1, Thread.currentThread().isInterrupted() ? 1 : 0);
        });
        Thread.sleep(i % 5);
        thread.interrupt();
        thread.join();
      }
      assertSame(0, count());
    }

    /** 500 writers, each with a connection of its own. */
    private void writers() throws Exception {
      List<Thread> all = new ArrayList<>();
      for (int i = 0; i < 500; i++) {
        int n = i;
        all.add(start(() -> {
          try (SqliteConnection c = vfs.open("d")) {
            for (int k = 0; k < 4; k++) {
              c.transaction(t -> {
                t.execute("INSERT INTO t VALUES (?)", n);
                Thread.yield(); // to all others, with the lock
              });
            }
          }
        }));
      }
      for (Thread thread : all) {
        thread.join();
      }
      assertSame(2000, count());
    }

    /**
     * The bodies wait for somebody else, as those that call a service do; and one that has nothing to do with it runs
     * as often as it likes.
     */
    private void bodies() throws Exception {
      AtomicInteger beats = new AtomicInteger();
      Thread heart = start(() -> {
        try {
          while (true) {
            Thread.sleep(1);
            beats.incrementAndGet();
          }
        } catch (InterruptedException e) {
          return;
        }
      });
      List<Thread> all = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        all.add(start(() -> {
          try (SqliteConnection c = vfs.open("d")) {
            c.transaction(t -> {
              t.execute("INSERT INTO t VALUES (1)");
              int before = beats.get();
              while (beats.get() - before < 3) { // it goes on while this one has the lock, and all others wait for that
                Thread.sleep(1);
              }
            });
          }
        }));
      }
      for (Thread thread : all) {
        thread.join();
      }
      heart.interrupt();
      heart.join();
      assertSame(20, count());
    }

    /** Each kind of wait, with the writer in a thread that needs the only carrier. */
    private void ways() throws Throwable {
      for (WriterWaitTest.Way way : WriterWaitTest.ways().toList()) {
        CountDownLatch locked = new CountDownLatch(1);
        AtomicReference<Thread> waiter = new AtomicReference<>();
        Thread writer = start(() -> {
          try (SqliteConnection c = vfs.open("d")) {
            c.transaction(t -> {
              locked.countDown();
              while (waiter.get() == null || waiter.get().getState() != Thread.State.TIMED_WAITING) { // it is parked, or this would not run
                Thread.sleep(1);
              }
            });
          }
        });
        locked.await();
        Thread thread = threads.newThread(() -> {
          try (SqliteConnection c = vfs.open("d")) {
            way.write().run(vfs, c);
          } catch (Throwable e) {
            failure.compareAndSet(null, new AssertionError(way.toString(), e));
          }
        });
        waiter.set(thread);
        thread.start();
        thread.join();
        writer.join();
      }
    }

    private void interrupts() throws Exception {
      AtomicInteger interrupted = new AtomicInteger();
      SqliteConnection writer = vfs.open("d");
      writer.execute("BEGIN IMMEDIATE");
      List<Thread> all = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        all.add(start(() -> {
          try (SqliteConnection c = vfs.open("d")) {
            c.execute("INSERT INTO t VALUES (1)");
          } catch (SqliteException e) {
            if (e.code() == 9 && Thread.currentThread().isInterrupted()) {
              interrupted.incrementAndGet();
            }
          }
        }));
      }
      for (Thread thread : all) {
        while (thread.getState() != Thread.State.TIMED_WAITING) {
          Thread.sleep(1);
        }
      }
      for (int i = 0; i < 100; i += 2) {
        all.get(i).interrupt();
      }
      for (int i = 0; i < 100; i += 2) {
        all.get(i).join();
      }
      writer.execute("COMMIT");
      for (Thread thread : all) {
        thread.join();
      }
      assertSame(50, interrupted.get());
      assertSame(50, count());
    }

    /** Of all that share a connection one waits for the writer, and the others for the connection. */
    private void connection() throws Exception {
      SqliteConnection writer = vfs.open("d");
      SqliteConnection shared = vfs.open("d");
      List<Thread> all = new ArrayList<>();
      writer.execute("BEGIN IMMEDIATE");
      for (int i = 0; i < 50; i++) {
        all.add(start(() -> shared.transaction(t -> {
          t.execute("INSERT INTO t VALUES (1)");
          Thread.sleep(1);
        })));
      }
      for (Thread thread : all) {
        while (thread.getState() != Thread.State.TIMED_WAITING && thread.getState() != Thread.State.WAITING) {
          Thread.sleep(1);
        }
      }
      start(() -> writer.execute("COMMIT"));
      for (Thread thread : all) {
        thread.join();
      }
      assertSame(50, count());
    }
  }
}
