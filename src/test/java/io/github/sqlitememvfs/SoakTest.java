package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/**
 * Everybody at once, for as long as {@code -Dsoak.seconds} says, while others close what they use, forget to close, and
 * interrupt. Rounds of a few seconds, each with a {@link MemoryVfs} of its own, which at the end of every other round is closed
 * while it is used; of the others nothing may be left.
 *
 * <p>What may fail, and nothing else: {@link IllegalStateException} (for streams, IOException) for what another thread has closed;
 * SQLITE_INTERRUPT after an interrupt or a close; SQLITE_BUSY for a transaction that has read and goes on to write;
 * SQLITE_CANTOPEN for a name that is deleted.
 */
class SoakTest {

  private static final int SECONDS = Integer.getInteger("soak.seconds", 6);
  private static final int ROUND_MILLIS = Math.min(5_000, SECONDS * 1000 / 4);
  private static final int ACCOUNTS = 50;
  private static final int INTERRUPT = 9;
  private static final int CANTOPEN = 14;
  private static final long PATIENCE = 3_600_000;

  /** What others may close: the last thing that a thread was at. */
  private final Map<String, AutoCloseable> inUse = new ConcurrentHashMap<>();

  private final Map<String, Thread> interruptible = new ConcurrentHashMap<>();
  private final AtomicLong commits = new AtomicLong();
  private final AtomicLong reads = new AtomicLong();
  private final AtomicLong closedUnderUse = new AtomicLong();

  private interface Turn {
    void run(Random random) throws Exception;
  }

  @Test
  void everybodyAtOnce() throws Exception {
    Random random = Seed.random("SoakTest");
    long end = System.nanoTime() + SECONDS * 1_000_000_000L;
    int round = 0;
    do {
      live(random, round);
      round++;
    } while (System.nanoTime() < end);
    System.out.println("SoakTest: " + round + " rounds, " + reads + " reads, " + commits + " commits, " + closedUnderUse + " closed under use");
    assertTrue(reads.get() > 0 && commits.get() > 0);
  }

  private void live(Random random, int round) throws Exception {
    int[] blockSizes = {0, 512, 65536};
    MemoryVfs vfs = MemoryVfs.builder().busyTimeout(PATIENCE).blockSize(blockSizes[round % blockSizes.length]).build();
    make(vfs, "bank");
    byte[] bank = Sql.bytes(vfs, "bank");
    vfs.deserialize("other", List.of(bank));
    Crew crew = new Crew();
    ThreadFactory threads = round % 2 == 0 ? Thread::new : virtualThreads();
    for (int i = 0; i < 2; i++) {
      start(crew, threads, random, "reader " + i, vfs, r -> read(vfs, r));
      start(crew, threads, random, "writer " + i, vfs, r -> write(vfs, r));
    }
    start(crew, threads, random, "upgrader", vfs, r -> upgrade(vfs));
    start(crew, threads, random, "snapshotter", vfs, r -> snapshot(vfs, r));
    start(crew, threads, random, "streamer", vfs, r -> stream(vfs, r));
    start(crew, threads, random, "forker", vfs, r -> fork(vfs, r));
    start(crew, threads, random, "replacer", vfs, r -> replace(vfs, r, bank));
    start(crew, threads, random, "forgetter", vfs, r -> forget(vfs, r));
    start(crew, threads, random, "closer", vfs, r -> close(r));
    start(crew, threads, random, "interrupter", vfs, r -> interrupt(r));
    Thread.sleep(ROUND_MILLIS);
    boolean closeFirst = round % 2 == 1;
    if (closeFirst) {
      vfs.close();
    }
    crew.stop();
    crew.join();
    inUse.clear();
    interruptible.clear();
    if (!closeFirst) {
      nothingIsLeft(vfs);
    }
    vfs.close();
  }

  /** A turn after the other, until the crew stops. */
  private void start(Crew crew, ThreadFactory threads, Random random, String name, MemoryVfs vfs, Turn turn) {
    Random seeded = new Random(random.nextLong());
    crew.start(name, () -> {
      Thread[] worker = new Thread[1];
      Throwable[] failure = new Throwable[1];
      worker[0] = threads.newThread(() -> {
        try {
          while (crew.working()) {
            allowClosed(vfs, turn, seeded);
          }
        } catch (Throwable e) {
          failure[0] = e;
        }
      });
      interruptible.put(name, worker[0]);
      worker[0].start();
      worker[0].join();
      if (failure[0] != null) {
        throw failure[0];
      }
    });
  }

  private void allowClosed(MemoryVfs vfs, Turn turn, Random random) throws Exception {
    try {
      turn.run(random);
    } catch (ClosedByInterruptException e) {
      Thread.interrupted();
    } catch (IllegalStateException | IOException e) {
      assertTrue(e.getMessage() == null || e.getMessage().contains("closed"), e::toString);
      closedUnderUse.incrementAndGet();
      if (vfs.isClosed()) {
        Thread.yield();
      }
    } catch (SqliteException e) {
      if (e.code() != INTERRUPT && e.code() != CANTOPEN) {
        throw e;
      }
    } catch (InterruptedException e) {
      // of sleep
    }
    Thread.interrupted(); // must not do anything to the calls above, and not to those below
  }

  // ---- the bank

  private static void make(MemoryVfs vfs, String name) {
    try (SqliteConnection c = vfs.open(name)) {
      c.transaction(x -> {
        x.execute("CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER, padding BLOB);"
            + "CREATE INDEX account_balance ON account(balance);"
            + "CREATE TABLE bank(total INTEGER, stamp INTEGER);"
            + "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + ACCOUNTS + ")"
            + " INSERT INTO account SELECT i, 100, zeroblob(200) FROM n;"
            + "INSERT INTO bank VALUES (" + ACCOUNTS * 100 + ", 0)");
      });
    }
  }

  private static void transfer(SqliteConnection c, Random random) {
    c.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", 1 + random.nextInt(ACCOUNTS));
    c.execute("UPDATE account SET balance = balance + 1, padding = zeroblob(?) WHERE id = ?", random.nextInt(500), 1 + random.nextInt(ACCOUNTS));
    c.execute("UPDATE bank SET stamp = random()");
  }

  /** Returns the stamp of the version. */
  private static long check(SqliteConnection c) {
    List<List<Object>> rows = Sql.rows(c, "SELECT (SELECT sum(balance) FROM account), (SELECT sum(balance) FROM account INDEXED BY account_balance"
        + " WHERE balance > -1000000), total, stamp FROM bank");
    List<Object> row = rows.get(0);
    assertEquals(row.get(2), row.get(0));
    assertEquals(row.get(2), row.get(1));
    return (Long) row.get(3);
  }

  // ---- a turn of each

  private static String pick(Random random) {
    return random.nextBoolean() ? "bank" : "other";
  }

  private <T extends AutoCloseable> T use(T object) {
    inUse.put(Long.toString(Thread.currentThread().getId()) + object.getClass(), object);
    return object;
  }

  private void read(MemoryVfs vfs, Random random) {
    try (SqliteConnection c = use(vfs.open(pick(random), OpenOptions.defaults().readOnly(true).busyTimeout(0)))) {
      for (int i = 0; i < 20; i++) {
        c.transaction(x -> assertEquals(check(x), check(x), "one transaction, one version"));
        reads.incrementAndGet();
      }
      try (SqliteStatement s = use(c.prepare("SELECT id, padding FROM account"))) {
        while (s.step()) {
          s.getLong(0);
          s.getBlob(1);
        }
      }
    }
  }

  private void write(MemoryVfs vfs, Random random) {
    try (SqliteConnection c = use(vfs.open(pick(random), OpenOptions.defaults().mustExist(true)))) {
      for (int i = 0; i < 10; i++) {
        c.transaction(x -> transfer(x, random));
        c.execute("UPDATE bank SET stamp = stamp + 1");
        commits.incrementAndGet();
      }
    }
  }

  private void upgrade(MemoryVfs vfs) {
    try (SqliteConnection c = use(vfs.open("bank", OpenOptions.defaults().mustExist(true)))) {
      c.execute("BEGIN");
      long stamp = check(c);
      try {
        c.execute("UPDATE bank SET stamp = ?", stamp + 1);
        assertEquals(stamp + 1, check(c));
        c.execute("COMMIT");
        commits.incrementAndGet();
      } catch (SqliteBusyException e) {
        c.execute("ROLLBACK");
      }
    }
  }

  private void snapshot(MemoryVfs vfs, Random random) throws IOException {
    try (Snapshot snapshot = use(vfs.snapshot(pick(random)))) {
      long size = snapshot.size();
      assertEquals(size, snapshot.newInputStream().transferTo(OutputStream.nullOutputStream()));
      ByteBuffer some = ByteBuffer.allocateDirect(1 + random.nextInt(10_000));
      assertTrue(snapshot.newByteChannel().read(some) > 0);
      snapshot.writeTo(OutputStream.nullOutputStream());
    }
  }

  private void stream(MemoryVfs vfs, Random random) throws IOException {
    try (InputStream in = use(vfs.serialize(pick(random)))) {
      in.readNBytes(random.nextInt(50_000));
      in.skip(10);
      in.read();
    }
    vfs.stats();
    vfs.databases();
  }

  private void fork(MemoryVfs vfs, Random random) {
    String name = "fork of " + Thread.currentThread().getId();
    vfs.delete(name);
    vfs.fork(pick(random), name);
    try (SqliteConnection c = use(vfs.open(name, OpenOptions.defaults().mustExist(true)))) {
      c.transaction(x -> transfer(x, random));
      check(c);
      vfs.delete(name);
      c.transaction(x -> transfer(x, random));
      check(c);
    }
  }

  private void replace(MemoryVfs vfs, Random random, byte[] bank) {
    if (random.nextInt(4) == 0) {
      vfs.delete("other");
    }
    vfs.deserialize("other", Sql.chunks(bank, 1 + random.nextInt(20_000)));
  }

  /** Closes nothing of it. */
  private void forget(MemoryVfs vfs, Random random) throws Exception {
    for (int i = 0; i < 20; i++) {
      SqliteConnection c = vfs.open("bank", OpenOptions.defaults().mustExist(true));
      c.prepare("SELECT * FROM account").step();
      vfs.snapshot("bank").newInputStream().read();
      vfs.serialize("bank").read();
      vfs.serializeChunks("bank").iterator().next();
    }
    if (random.nextInt(4) == 0) {
      System.gc();
    }
    Thread.sleep(20);
  }

  private void close(Random random) throws Exception {
    for (AutoCloseable object : inUse.values()) {
      if (random.nextInt(20) == 0) {
        object.close();
      }
    }
    Thread.sleep(1 + random.nextInt(5));
  }

  private void interrupt(Random random) throws Exception {
    for (AutoCloseable object : inUse.values()) {
      if (random.nextInt(20) == 0 && object instanceof SqliteConnection) {
        ((SqliteConnection) object).interrupt();
      }
    }
    for (Thread thread : interruptible.values()) {
      if (random.nextInt(20) == 0) {
        thread.interrupt();
      }
    }
    Thread.sleep(1 + random.nextInt(5));
  }

  // ---- the end

  /** What was forgotten goes with a collection of garbage; the rest has gone. */
  private static void nothingIsLeft(MemoryVfs vfs) throws Exception {
    vfs.databases().forEach(name -> {
      try (SqliteConnection c = vfs.open(name)) {
        check(c);
        Sql.assertWhole(c);
      }
      vfs.delete(name);
    });
    while (vfs.stats().bytesInUse() > 0 || vfs.stats().pins() > 0 || vfs.stats().versions() > 0) { // the last version goes just after its bytes
      System.gc();
      Thread.sleep(5);
    }
    Stats stats = vfs.stats();
    assertEquals(List.of(0L, 0L, 0L, 0L), List.of(stats.blocks(), stats.versions(), stats.pins(), stats.forks()), stats::toString);
  }

  /** Where the JVM has them, which these sources are too old to know; else others. */
  private static ThreadFactory virtualThreads() throws Exception {
    try {
      Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
      return (ThreadFactory) Class.forName("java.lang.Thread$Builder").getMethod("factory").invoke(builder);
    } catch (NoSuchMethodException e) {
      return Thread::new;
    }
  }
}
