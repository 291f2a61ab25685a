package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@link OpenOptions#interruptible}: Thread.interrupt() ends what runs. No test depends on when the interrupt comes:
 * before, in or between native calls.
 */
@Timeout(300)
class ThreadInterruptTest {
  private static final OpenOptions INTERRUPTIBLE = OpenOptions.defaults().interruptible(true);
  private static final String NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT %d)";
  private static final String ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0";

  private final MemoryVfs vfs = MemoryVfs.create();
  private SqliteConnection connection;

  @BeforeEach
  void open() {
    connection = vfs.open("d", INTERRUPTIBLE);
    connection.execute("CREATE TABLE t(x); CREATE TABLE u(x); INSERT INTO u " + String.format(NUMBERS, 2000) + " SELECT i FROM n");
  }

  @AfterEach
  void close() {
    Thread.interrupted();
    vfs.close();
  }

  interface Run {
    void run(SqliteConnection connection) throws Exception;
  }

  /** Something that never ends by itself, or only after minutes. */
  record Way(String name, Run run) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Way> ways() {
    return Stream.of(
        new Way("script", c -> c.execute(ENDLESS)),
        new Way("script of short statements", c -> c.execute("SELECT count(*) FROM u; ".repeat(1_000_000))),
        new Way("execute", c -> c.execute(ENDLESS + " + ?", 1)),
        new Way("execute, write", c -> c.execute("INSERT INTO t " + ENDLESS + " + ?", 1)),
        new Way("step", c -> {
          try (SqliteStatement s = c.prepare(ENDLESS)) {
            s.step();
          }
        }),
        new Way("rows", c -> rows(c, true)),
        new Way("rows one by one", c -> rows(c, false)),
        new Way("RETURNING", c -> {
          try (SqliteStatement s = c.prepare("INSERT INTO t " + ENDLESS + " RETURNING x")) {
            s.step();
          }
        }),
        new Way("batch", c -> {
          try (SqliteStatement s = c.prepare("INSERT INTO t SELECT sum(x) + ? FROM u")) {
            for (int i = 0; i < 1_000_000; i++) {
              s.bindLong(1, i);
              s.addBatch();
            }
            s.executeBatch();
          }
        }),
        new Way("transaction", c -> c.transaction(x -> {
          x.execute("INSERT INTO t VALUES ('in the transaction')");
          x.execute("UPDATE u SET x = x + 1");
          x.execute("DELETE FROM u WHERE x IN (" + ENDLESS + ")");
        })),
        new Way("transaction beside a row", c -> {
          try (SqliteStatement s = c.prepare("SELECT x FROM u")) {
            s.readAhead(false);
            assertTrue(s.step());
            c.transaction(x -> {
              x.execute("INSERT INTO t VALUES ('in the transaction')");
              x.execute("SELECT 1; " + ENDLESS);
            });
          }
        }));
  }

  private static void rows(SqliteConnection c, boolean ahead) {
    try (SqliteStatement s = c.prepare("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n")) {
      s.readAhead(ahead);
      while (s.step()) {}
    }
  }

  private static void assertInterrupted(Throwable thrown) {
    SqliteException e = assertInstanceOf(SqliteException.class, thrown);
    assertEquals(9, e.code(), e::toString);
    assertTrue(e.getMessage().contains("interrupted: the thread was"), e.getMessage());
  }

  private static final class Runner {
    final AtomicReference<Throwable> thrown = new AtomicReference<>();
    final AtomicReference<Boolean> interrupted = new AtomicReference<>();
    final CountDownLatch started = new CountDownLatch(1);
    final Thread thread;

    Runner(SqliteConnection c, Run run) {
      thread = new Thread(() -> {
        try {
          started.countDown();
          run.run(c);
        } catch (Throwable e) {
          thrown.set(e);
        }
        interrupted.set(Thread.currentThread().isInterrupted());
      });
      thread.start();
    }

    void interruptAndJoin(int afterMicros) throws InterruptedException {
      started.await();
      TimeUnit.MICROSECONDS.sleep(afterMicros);
      thread.interrupt();
      thread.join();
      assertTrue(interrupted.get(), "the thread's status is kept");
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void anInterruptEndsIt(Way way) throws Exception {
    for (int micros : new int[] {0, 50, 3000, 100_000}) {
      Runner runner = new Runner(connection, way.run);
      runner.interruptAndJoin(micros);
      assertInterrupted(runner.thrown.get());
      assertFalse(connection.inTransaction());
      if (!way.name.startsWith("script")) {
        assertEquals(0, Sql.number(connection, "SELECT count(*) FROM t"));
      }
      connection.execute("INSERT INTO t VALUES (1); DELETE FROM t");
      Sql.assertWhole(connection);
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void aThreadThatComesInterruptedDoesNotRunForLong(Way way) {
    Thread.currentThread().interrupt();
    assertInterrupted(assertThrows(SqliteException.class, () -> way.run.run(connection)));
    assertTrue(Thread.interrupted());
    assertFalse(connection.inTransaction());
    if (!way.name.startsWith("script")) {
      assertEquals(0, Sql.number(connection, "SELECT count(*) FROM t"));
    }
    Sql.assertWhole(connection);
  }

  @Test
  void aThreadThatComesInterruptedDoesWhatIsShort() {
    for (int i = 0; i < 3000; i++) { // more instructions than one statement may take
      Thread.currentThread().interrupt();
      connection.execute("INSERT INTO t VALUES (?)", i);
      connection.transaction(c -> c.execute("UPDATE t SET x = 0 WHERE rowid = 1"));
      connection.execute("BEGIN; INSERT INTO u VALUES (0); ROLLBACK");
      try (SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?)")) {
        for (int k = 0; k < 3; k++) {
          s.bindLong(1, k);
          s.addBatch();
        }
        assertEquals(3, s.executeBatch());
      }
      try (SqliteStatement s = connection.prepare("SELECT x FROM u LIMIT 9")) {
        s.readAhead(i % 2 == 0);
        for (int k = 0; k < 9; k++) {
          assertTrue(s.step());
        }
        assertFalse(s.step());
      }
    }
    assertTrue(Thread.interrupted());
    assertEquals(12_000, Sql.number(connection, "SELECT count(*) FROM t"));
  }

  /** As an interrupt of the connection does. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aQueryOnARowCounts(boolean ahead) {
    try (SqliteStatement s = connection.prepare("SELECT x FROM u"); SqliteStatement other = connection.prepare("SELECT x FROM u")) {
      s.readAhead(ahead);
      for (int rows : new int[] {1, 2, 3, 10, 100, 1999}) {
        for (int i = 0; i < rows; i++) {
          assertTrue(s.step());
        }
        Thread.currentThread().interrupt();
        assertInterrupted(assertThrows(SqliteException.class, s::step));
        assertTrue(s.step(), "begun by a thread that is interrupted, and short");
        assertTrue(s.step());
        assertTrue(Thread.interrupted());
        assertTrue(s.step());
        Thread.currentThread().interrupt();
        assertInterrupted(assertThrows(SqliteException.class, s::step));
        assertTrue(Thread.interrupted());
        assertTrue(other.step());
        other.reset();
      }
    }
  }

  /** The roll-back is done though the thread is interrupted and a query stands on a row. */
  @Test
  void whatCannotBeDoneIsRolledBack() {
    SqliteException e = assertThrows(SqliteException.class, () -> connection.transaction(c -> {
      c.execute("DELETE FROM u");
      Thread.currentThread().interrupt();
      c.execute(ENDLESS, new Object[0]);
    }));
    assertInterrupted(e);
    assertEquals(0, e.getSuppressed().length);
    assertTrue(Thread.interrupted());
    assertEquals(2000, Sql.number(connection, "SELECT count(*) FROM u"));
    connection.execute("BEGIN; DELETE FROM u");
    Thread.currentThread().interrupt();
    assertInterrupted(assertThrows(SqliteException.class, () -> connection.execute(ENDLESS)));
    assertTrue(connection.inTransaction(), "a query is no reason to roll back");
    connection.execute("ROLLBACK");
    assertTrue(Thread.interrupted());
    assertEquals(2000, Sql.number(connection, "SELECT count(*) FROM u"));
  }

  /** Its rows are read ahead, it has changed what it changes, and without a transaction that is committed. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aWriteThatIsDoneGivesItsRows(boolean byThread) {
    try (SqliteStatement s = connection.prepare("INSERT INTO t VALUES (1), (2), (3) RETURNING x")) {
      long before = Sql.number(connection, "SELECT count(*) FROM t");
      assertTrue(s.step());
      if (byThread) {
        Thread.currentThread().interrupt();
      } else {
        connection.interrupt();
      }
      for (int i = 2; i <= 3; i++) {
        assertTrue(s.step());
        assertEquals(i, s.getLong(0));
      }
      assertFalse(s.step());
      assertEquals(byThread, Thread.interrupted());
      assertEquals(before + 3, Sql.number(connection, "SELECT count(*) FROM t"));
    }
  }

  @Test
  void withoutTheOptionNothingEnds() {
    try (SqliteConnection c = vfs.open("d")) {
      Thread.currentThread().interrupt();
      assertEquals(300_000, Sql.number(c, String.format(NUMBERS, 300_000) + " SELECT count(*) FROM n"));
      assertTrue(Thread.interrupted());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void executors(boolean shutdown) throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    try {
      Future<?> future = executor.submit(() -> thrown.set(assertThrows(SqliteException.class, () -> connection.execute(ENDLESS))));
      Thread.sleep(ThreadLocalRandom.current().nextInt(20));
      if (shutdown) {
        executor.shutdownNow();
      } else {
        future.cancel(true);
      }
    } finally {
      executor.shutdown();
    }
    assertTrue(executor.awaitTermination(60, TimeUnit.SECONDS));
    if (thrown.get() != null) { // it had begun
      assertInterrupted(thrown.get());
    }
  }

  @Test
  void aTimeoutBesideIt() throws Exception {
    try (SqliteConnection c = vfs.open("d", INTERRUPTIBLE.statementTimeout(20))) {
      SqliteException e = assertThrows(SqliteException.class, () -> c.execute(ENDLESS));
      assertTrue(e.getMessage().contains("timeout of 20 ms"), e.getMessage());
    }
    try (SqliteConnection c = vfs.open("d", INTERRUPTIBLE.statementTimeout(1_000_000))) {
      Runner runner = new Runner(c, x -> x.execute(ENDLESS));
      runner.interruptAndJoin(1000);
      assertInterrupted(runner.thrown.get());
    }
  }

  /** Waiting for a writer, and then running: the interrupt is seen in both. */
  @Test
  void whereverItIs() throws Exception {
    try (MemoryVfs patient = MemoryVfs.builder().busyTimeout(10_000_000).build(); SqliteConnection writer = patient.open("d")) {
      writer.execute("CREATE TABLE t(x)");
      for (int i = 0; i < 40; i++) {
        SqliteConnection c = patient.open("d", INTERRUPTIBLE);
        writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
        Runner runner = new Runner(c, x -> x.execute("INSERT INTO t " + ENDLESS));
        Crew.awaitWaiting(runner.thread);
        if (i % 2 == 0) {
          writer.execute("COMMIT");
        }
        runner.interruptAndJoin(ThreadLocalRandom.current().nextInt(200));
        SqliteException e = assertInstanceOf(SqliteException.class, runner.thrown.get());
        assertEquals(9, e.code());
        if (i % 2 != 0) {
          writer.execute("COMMIT");
        }
        c.close();
      }
      assertEquals(40, Sql.number(writer, "SELECT count(*) FROM t"));
    }
  }

  /**
   * Interrupts at any moment: what says that it was interrupted has changed nothing, and what says that it was done
   * has.
   */
  @Test
  void atAnyMoment() throws Exception {
    long seed = System.nanoTime();
    System.out.println("ThreadInterruptTest.atAnyMoment: seed " + seed);
    Crew crew = new Crew();
    int threads = 3;
    long[] done = new long[threads];
    for (int n = 0; n < threads; n++) {
      int id = n;
      AtomicReference<Thread> target = new AtomicReference<>();
      Thread worker = crew.start("worker " + n, () -> {
        Random random = new Random(seed + id);
        try (MemoryVfs own = MemoryVfs.create(); SqliteConnection c = own.open("d", INTERRUPTIBLE)) {
          c.execute("CREATE TABLE t(x); CREATE TABLE u(x); INSERT INTO u " + String.format(NUMBERS, 300) + " SELECT i FROM n");
          try (SqliteStatement insert = c.prepare("INSERT INTO t SELECT sum(x) FROM u"); SqliteStatement query = c.prepare("SELECT x FROM u")) {
            target.set(Thread.currentThread());
            for (int k = 0; k < 6000 && crew.working(); k++) {
              long rows = 0;
              try {
                switch (random.nextInt(5)) {
                  case 0 -> rows = c.execute("INSERT INTO t VALUES (?)", k);
                  case 1 -> {
                    insert.step();
                    rows = 1;
                  }
                  case 2 -> {
                    c.transaction(t -> t.execute("INSERT INTO t VALUES (1); INSERT INTO t SELECT max(x) FROM u"));
                    rows = 2;
                  }
                  case 3 -> {
                    for (int i = 0; i < 4; i++) {
                      insert.addBatch();
                    }
                    rows = insert.executeBatch();
                  }
                  default -> {
                    while (query.step()) {}
                  }
                }
              } catch (SqliteException e) {
                assertInterrupted(e);
                insert.clearBatch();
                insert.reset();
                query.reset();
              }
              done[id] += rows;
              Thread.interrupted();
            }
            target.set(null);
          }
          assertEquals(done[id], Sql.number(c, "SELECT count(*) FROM t"));
          Sql.assertWhole(c);
          assertEquals(0, own.stats("d").pins());
        }
      });
      crew.start("interrupter " + n, () -> {
        Random random = new Random(~seed + id);
        while (crew.working() && worker.isAlive()) {
          Thread thread = target.get();
          if (thread != null) {
            thread.interrupt();
          }
          TimeUnit.MICROSECONDS.sleep(random.nextInt(300));
        }
      });
    }
    crew.join();
  }

  /** It is over before the interrupt: whoever reads the result has it, and the next call is as usual. */
  @Test
  void nothingIsLeftOfAnInterruptThatWasCleared() {
    Thread.currentThread().interrupt();
    connection.execute("SELECT 1");
    assertTrue(Thread.interrupted());
    assertEquals(1_000_000, Sql.number(connection, String.format(NUMBERS, 1_000_000) + " SELECT count(*) FROM n"));
    assertNull(assertThrows(IllegalArgumentException.class, () -> connection.execute("SELECT ?")).getCause());
    assertEquals(List.of(List.of(2000L)), Sql.rows(connection, "SELECT count(*) FROM u"));
  }
}
