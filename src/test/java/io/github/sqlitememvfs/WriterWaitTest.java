package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A writer that waits for the write lock: what it does when it gets it, and what ends the wait before. */
@Timeout(120)
class WriterWaitTest {
  private static final long HOURS = 10_000_000;

  private MemoryVfs vfs;
  private SqliteConnection writer;

  @BeforeEach
  void open() {
    vfs = MemoryVfs.builder().busyTimeout(HOURS).build();
    writer = vfs.open("d");
    writer.execute("CREATE TABLE t(x); CREATE TABLE u(x)");
    writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES ('writer')");
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  interface Write {
    void run(MemoryVfs vfs, SqliteConnection connection) throws Exception;
  }

  /** A way to write, by what it is called; it begins nothing that it does not end. */
  record Way(String name, Write write) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Way> ways() {
    return Stream.of(
        new Way("execute", (vfs, c) -> c.execute("INSERT INTO t VALUES (1)")),
        new Way("execute with values", (vfs, c) -> c.execute("INSERT INTO t SELECT ? WHERE ? = 'long enough not to be a number'", 1, "long enough not to be a number")),
        new Way("step", (vfs, c) -> {
          try (SqliteStatement s = c.prepare("INSERT INTO t VALUES (?)")) {
            s.bindText(1, "text");
            s.step();
          }
        }),
        new Way("RETURNING", (vfs, c) -> {
          try (SqliteStatement s = c.query("INSERT INTO t VALUES (?), (?) RETURNING x", "a", "b")) {
            assertTrue(s.step());
            assertEquals("a", s.getText(0));
            assertTrue(s.step());
            assertEquals("b", s.getText(0));
            assertFalse(s.step());
          }
        }),
        new Way("script", (vfs, c) -> assertEquals(2, c.execute("SELECT 1; CREATE TEMP TABLE IF NOT EXISTS s(x); SELECT count(*) FROM t;"
            + " INSERT INTO t VALUES (1); /* then */ INSERT INTO t VALUES (2)"))),
        new Way("batch", (vfs, c) -> batch(c)),
        new Way("batch in a deferred transaction", (vfs, c) -> {
          c.execute("BEGIN");
          batch(c);
          c.execute("COMMIT");
        }),
        new Way("deferred transaction", (vfs, c) -> c.execute("BEGIN; INSERT INTO t VALUES (1); COMMIT")),
        new Way("BEGIN IMMEDIATE", (vfs, c) -> c.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (1); COMMIT")),
        new Way("transaction", (vfs, c) -> c.transaction(t -> t.execute("INSERT INTO t VALUES (1)"))),
        new Way("schema", (vfs, c) -> c.execute("CREATE TABLE IF NOT EXISTS v(x); DROP TABLE v; INSERT INTO t VALUES (1)")),
        new Way("VACUUM", (vfs, c) -> c.execute("VACUUM")),
        new Way("VACUUM, prepared", (vfs, c) -> {
          try (SqliteStatement s = c.prepare("VACUUM")) {
            s.step();
          }
        }),
        new Way("PRAGMA user_version", (vfs, c) -> c.execute("PRAGMA user_version = 7")),
        new Way("REINDEX", (vfs, c) -> c.execute("REINDEX; ANALYZE")),
        new Way("full text", (vfs, c) -> c.execute("DROP TABLE IF EXISTS temp.f; CREATE VIRTUAL TABLE temp.f USING fts5(x); CREATE VIRTUAL TABLE main.g USING fts5(x);"
            + " INSERT INTO g VALUES ('a b'); DROP TABLE g; DROP TABLE f")),
        new Way("deserialize", (vfs, c) -> vfs.deserialize("d", List.of(Sql.bytes(vfs, "d")))));
  }

  private static void batch(SqliteConnection c) {
    try (SqliteStatement s = c.prepare("INSERT INTO t SELECT ? WHERE ? LIKE 'text %'")) {
      for (int i = 0; i < 3000; i++) { // more than one chunk
        s.bindLong(1, i);
        s.bindText(2, "text " + i);
        s.addBatch();
      }
      assertEquals(3000, s.executeBatch());
    }
  }

  /** Waits, in another thread. */
  private final class Waiter {
    private final AtomicReference<Throwable> thrown = new AtomicReference<>();
    private final AtomicReference<Boolean> interrupted = new AtomicReference<>();
    final SqliteConnection connection;
    final Thread thread;

    Waiter(Write write) {
      this(vfs.open("d"), write);
    }

    Waiter(SqliteConnection connection, Write write) {
      this.connection = connection;
      this.thread = new Thread(() -> {
        try {
          write.run(vfs, connection);
        } catch (Throwable e) {
          thrown.set(e);
        }
        interrupted.set(Thread.currentThread().isInterrupted());
      });
      thread.start();
      Crew.awaitWaiting(thread);
    }

    Throwable end() throws InterruptedException {
      thread.join();
      return thrown.get();
    }
  }

  private static void assertInterrupted(Throwable thrown) {
    assertEquals(9, assertInstanceOf(SqliteException.class, thrown).extendedCode(), thrown::toString);
  }

  /** The connection of what was interrupted is as if it had done nothing. */
  private void assertUsable(Way way, SqliteConnection c) throws Exception {
    assertFalse(c.inTransaction());
    writer.execute("COMMIT");
    assertEquals(List.of(List.of("writer")), Sql.rows(c, "SELECT x FROM t"));
    way.write().run(vfs, c);
    Sql.assertWhole(c);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void goesOnWhenItsTurnComes(Way way) throws Exception {
    Waiter waiter = new Waiter(way.write());
    writer.execute("COMMIT");
    assertEquals(null, waiter.end());
    if (way.name().equals("deserialize")) {
      assertEquals(0, Sql.number(writer, "SELECT count(*) FROM t"), "what it has read before");
      return;
    }
    way.write().run(vfs, waiter.connection); // nobody is in its way
    List<List<Object>> once = Sql.rows(writer, "SELECT count(*), count(DISTINCT rowid) FROM t");
    try (MemoryVfs fresh = MemoryVfs.create(); SqliteConnection c = fresh.open("d")) {
      c.execute("CREATE TABLE t(x); CREATE TABLE u(x); INSERT INTO t VALUES ('writer')");
      way.write().run(fresh, c);
      way.write().run(fresh, c);
      assertEquals(Sql.rows(c, "SELECT count(*), count(DISTINCT rowid) FROM t"), once, "it was done twice, not more or less often");
    }
    Sql.assertWhole(writer);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void theThreadIsInterrupted(Way way) throws Exception {
    Waiter waiter = new Waiter(way.write());
    waiter.thread.interrupt();
    Throwable thrown = waiter.end();
    assertInterrupted(thrown);
    assertTrue(thrown.getMessage().contains("the thread was, while it waited"), thrown.getMessage());
    assertTrue(waiter.interrupted.get(), "the thread's status");
    assertUsable(way, waiter.connection);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void theConnectionIsInterrupted(Way way) throws Exception {
    if (way.name().equals("deserialize")) { // which has none
      return;
    }
    Waiter waiter = new Waiter(way.write());
    waiter.connection.interrupt();
    assertInterrupted(waiter.end());
    assertFalse(waiter.interrupted.get());
    assertUsable(way, waiter.connection);
  }

  @ParameterizedTest
  @MethodSource("ways")
  void theVfsIsClosed(Way way) throws Exception {
    Waiter waiter = new Waiter(way.write());
    vfs.close();
    Throwable thrown = waiter.end();
    if (thrown != null && !(thrown instanceof IllegalStateException)) { // null: the writer was closed first, and it had its turn in between
      assertInterrupted(thrown);
    }
  }

  @ParameterizedTest
  @MethodSource("ways")
  void itsTimeIsOver(Way way) throws Exception {
    try (MemoryVfs other = MemoryVfs.builder().busyTimeout(30).build(); SqliteConnection w = other.open("d"); SqliteConnection c = other.open("d")) {
      w.execute("CREATE TABLE t(x); BEGIN IMMEDIATE");
      long start = System.nanoTime();
      SqliteBusyException e = assertThrows(SqliteBusyException.class, () -> way.write().run(other, c));
      assertTrue(System.nanoTime() - start >= 30_000_000, "it has waited");
      assertEquals(5, e.extendedCode());
      assertTrue(e.getMessage().contains("another connection") && e.getMessage().contains("busy timeout"), e.getMessage());
      if (c.inTransaction()) { // the caller's own BEGIN
        c.execute("ROLLBACK");
      }
      w.execute("ROLLBACK");
      way.write().run(other, c);
    }
  }

  /** A thread that comes interrupted does what need not wait, and does not wait. */
  @ParameterizedTest
  @MethodSource("ways")
  void theThreadComesInterrupted(Way way) throws Exception {
    try (SqliteConnection c = vfs.open("d")) {
      Thread.currentThread().interrupt();
      SqliteException e = assertThrows(SqliteException.class, () -> way.write().run(vfs, c));
      assertTrue(Thread.currentThread().isInterrupted());
      assertInterrupted(e);
      writer.execute("COMMIT");
      way.write().run(vfs, c);
      assertTrue(Thread.interrupted());
    } finally {
      Thread.interrupted();
    }
  }

  @Test
  void aTransactionThatIsInterruptedIsRolledBack() throws Exception {
    SqliteConnection c = vfs.open("d");
    vfs.open("other").execute("CREATE TABLE o(x)");
    c.execute("ATTACH 'file:other' AS o; BEGIN; INSERT INTO o VALUES (1)");
    Waiter waiter = new Waiter(c, (vfs, x) -> x.execute("INSERT INTO t VALUES (1)"));
    waiter.thread.interrupt();
    assertInterrupted(waiter.end());
    assertFalse(c.inTransaction());
    assertEquals(0, Sql.number(vfs.open("other"), "SELECT count(*) FROM o"));
  }

  @Test
  void theBusyTimeoutOfAPragmaIsTheConnections() {
    try (SqliteConnection c = vfs.open("d")) {
      c.execute("PRAGMA busy_timeout = 20");
      long start = System.nanoTime();
      assertThrows(SqliteBusyException.class, () -> c.execute("DELETE FROM t"));
      assertTrue(System.nanoTime() - start >= 20_000_000);
      c.execute("PRAGMA busy_timeout = 0");
      SqliteBusyException e = assertThrows(SqliteBusyException.class, () -> c.execute("DELETE FROM t"));
      assertTrue(e.getMessage().contains("timeout is 0"), e.getMessage());
    }
  }

  /** The timeout is that of the statement, for all its databases together, and the locks that it has stay. */
  @Test
  void twoDatabases() throws Exception {
    SqliteConnection other = vfs.open("other");
    other.execute("CREATE TABLE o(x); BEGIN IMMEDIATE; INSERT INTO o VALUES ('other')");
    SqliteConnection c = vfs.open("d");
    c.execute("ATTACH 'file:other' AS o");
    Waiter waiter = new Waiter(c, (vfs, x) -> x.transaction(t -> t.execute("INSERT INTO t VALUES (1); INSERT INTO o VALUES (1)")));
    writer.execute("COMMIT");
    writer.busyTimeout(0);
    while (true) { // until the other has the first lock
      try {
        writer.execute("INSERT INTO u VALUES (1)");
      } catch (SqliteBusyException e) {
        Crew.awaitWaiting(waiter.thread);
        break;
      }
    }
    for (int i = 0; i < 20; i++) {
      assertThrows(SqliteBusyException.class, () -> writer.execute("INSERT INTO u VALUES (1)"), "it keeps the first");
    }
    other.execute("COMMIT");
    assertEquals(null, waiter.end());
    assertEquals(2, Sql.number(writer, "SELECT count(*) FROM t"));
    assertEquals(2, Sql.number(other, "SELECT count(*) FROM o"));
  }

  /** A statement's own limit of time does not count the wait. */
  @Test
  void theStatementTimeoutDoesNotCountTheWait() throws Exception {
    SqliteConnection c = vfs.open("d", OpenOptions.defaults().statementTimeout(50));
    Waiter execute = new Waiter(c, (vfs, x) -> batch(x));
    Waiter script = new Waiter(vfs.open("d", OpenOptions.defaults().statementTimeout(50)), (vfs, x) -> x.execute("SELECT 1; INSERT INTO t VALUES (1)"));
    Thread.sleep(100);
    writer.execute("COMMIT");
    assertEquals(null, execute.end());
    assertEquals(null, script.end());
  }

  /** An interrupted thread can still clean up: reset waits for whoever uses the connection. */
  @Test
  void resetInAnInterruptedThread() throws Exception {
    SqliteConnection c = vfs.open("d");
    SqliteStatement s = c.query("SELECT 1 UNION ALL SELECT 2");
    s.readAhead(false);
    assertTrue(s.step());
    Waiter first = new Waiter(c, (vfs, x) -> x.execute("INSERT INTO u VALUES (1)"));
    Waiter reset = new Waiter(c, (vfs, x) -> {
      Thread.currentThread().interrupt();
      s.reset();
    });
    writer.execute("COMMIT");
    assertEquals(null, first.end());
    assertEquals(null, reset.end());
    assertTrue(reset.interrupted.get());
    assertTrue(s.step());
    assertEquals(1, s.getLong(0));
  }

  /** A second thread that uses the connection waits in Java, too, and is interrupted in the same way. */
  @Test
  void theConnectionIsInUse() throws Exception {
    Waiter first = new Waiter((vfs, c) -> c.execute("INSERT INTO t VALUES (1)"));
    Waiter second = new Waiter(first.connection, (vfs, c) -> c.execute("INSERT INTO t VALUES (2)"));
    Waiter third = new Waiter(first.connection, (vfs, c) -> c.execute("INSERT INTO t VALUES (3)"));
    second.thread.interrupt();
    assertInterrupted(second.end());
    assertTrue(second.interrupted.get());
    writer.execute("COMMIT");
    assertEquals(null, first.end());
    assertEquals(null, third.end());
    assertEquals(List.of(List.of("writer"), List.of(1L), List.of(3L)), Sql.rows(writer, "SELECT x FROM t"));
    CountDownLatch inBody = new CountDownLatch(1), go = new CountDownLatch(1);
    Waiter body = new Waiter(first.connection, (vfs, c) -> c.transaction(t -> {
      inBody.countDown();
      go.await();
    }));
    inBody.await();
    Waiter fourth = new Waiter(first.connection, (vfs, c) -> c.execute("INSERT INTO t VALUES (4)"));
    fourth.thread.interrupt();
    assertInterrupted(fourth.end());
    go.countDown();
    assertEquals(null, body.end());
  }

  /** Those who wait are served in their order, whatever ends the waits of others. */
  @Test
  void inTheirOrder() throws Exception {
    List<Waiter> waiters = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      int n = i;
      waiters.add(new Waiter((vfs, c) -> c.execute("INSERT INTO u VALUES (?)", n)));
    }
    for (int i = 0; i < 12; i += 3) {
      waiters.get(i).thread.interrupt();
    }
    for (int i = 0; i < 12; i += 3) {
      assertInterrupted(waiters.get(i).end());
    }
    writer.execute("COMMIT");
    for (int i = 0; i < 12; i++) {
      waiters.get(i).end();
    }
    assertEquals("1,2,4,5,7,8,10,11", Sql.text(writer, "SELECT group_concat(x, ',') FROM u"));
  }

  private void assertServed() throws Exception {
    Waiter next = new Waiter((vfs, c) -> c.execute("INSERT INTO u VALUES ('next')"));
    writer.execute("COMMIT");
    assertEquals(null, next.end(), "whoever comes after it");
    writer.execute("BEGIN IMMEDIATE");
  }

  /** An Error between taking a waiter and its end, wherever it comes: the waiter is gone, and the queue goes on. */
  @ParameterizedTest
  @MethodSource("errors")
  void anErrorWhileItWaits(Error error) throws Exception {
    writer.execute("COMMIT; BEGIN IMMEDIATE");
    byte[] uri = ("file:d?vfs=" + vfs.name()).getBytes(UTF_8);
    long[] opened = new long[1];
    assertEquals(0, Native.open(uri, vfs.name().getBytes(UTF_8), 2 | 0x40, opened)); // READWRITE, URI
    long db = opened[0];
    try {
      Native.busyTimeout(db, 1_000_000);
      int[] out = new int[4];
      long statement = Native.prepare(db, "INSERT INTO u VALUES ('error')".getBytes(UTF_8), out);
      assertEquals(0, out[0]);
      for (int at = 0; at < 3; at++) {
        int when = at;
        assertEquals(Native.WAIT, (short) Native.fetch(statement, Native.FETCH_START, null, 0, 1, null));
        int[] looked = new int[1];
        Error thrown = assertThrows(Error.class, () -> WriteLockWait.await(() -> {
          if (when == 0) {
            throw error; // before it is taken: SQLite's connection has it still
          }
          return Native.takeWaiter(db);
        }, this, () -> {
          if (++looked[0] == when) {
            throw error;
          }
          LockSupport.unpark(Thread.currentThread()); // it does not sleep, and looks again
          return false;
        }));
        assertSame(error, thrown);
        Native.reset(statement);
        assertServed();
      }
      assertEquals(Native.WAIT, (short) Native.fetch(statement, Native.FETCH_START, null, 0, 1, null));
      assertEquals(WriteLockWait.RESERVED, WriteLockWait.await(() -> 0, this, () -> false), "there is no waiter: it tries again");
      Native.finalizeStatement(statement);
      assertServed();
    } finally {
      Native.closeConnection(db);
    }
    writer.execute("COMMIT");
    assertEquals(4, Sql.number(writer, "SELECT count(*) FROM u"), "those who came next");
    vfs.close();
  }

  static List<Error> errors() {
    return List.of(new OutOfMemoryError("pretended"), new StackOverflowError("pretended"), new Error("as ThreadDeath") {
      private static final long serialVersionUID = 1L;
    });
  }

  /** Threads that wait, give up, are interrupted and come again: nothing is lost, done twice, or left waiting. */
  @Test
  void many() throws Exception {
    writer.execute("COMMIT");
    Crew crew = new Crew();
    long[] done = new long[8];
    for (int i = 0; i < 8; i++) {
      int n = i;
      crew.start("writer " + i, () -> {
        try (SqliteConnection c = vfs.open("d", OpenOptions.defaults().busyTimeout(n % 4 == 0 ? 1 : HOURS))) {
          for (int k = 0; k < 400 && crew.working(); k++) {
            if (n % 4 == 1 && k % 16 == 0) {
              Thread.currentThread().interrupt();
            }
            try {
              c.transaction(t -> {
                t.execute("INSERT INTO u VALUES (?)", n);
                Thread.yield();
              });
              done[n]++;
            } catch (SqliteBusyException e) {
              assertEquals(0, n % 4);
            } catch (SqliteException e) {
              assertInterrupted(e);
              assertEquals(1, n % 4);
            }
            Thread.interrupted();
          }
        }
      });
    }
    crew.join();
    for (int i = 0; i < 8; i++) {
      assertEquals(done[i], Sql.number(writer, "SELECT count(*) FROM u WHERE x = ?", i), "writer " + i);
    }
    assertEquals(800, done[2] + done[3], "those who have time");
  }
}
