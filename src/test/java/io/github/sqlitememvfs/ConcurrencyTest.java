package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Everybody at once on a bank whose invariant each transaction keeps: the balances add up to the total that the bank itself
 * declares, and there are as many entries in the ledger as the counter says. The work is bounded by what the writers do.
 */
class ConcurrencyTest {

  private static final int ACCOUNTS = 200;
  private static final long PATIENCE = 3_600_000;

  private MemoryVfs vfs;

  private void start(int blockSize) {
    vfs = MemoryVfs.builder().busyTimeout(PATIENCE).blockSize(blockSize).build();
    make(100);
  }

  @AfterEach
  void nothingIsLeft() {
    vfs.databases().forEach(vfs::delete);
    Stats stats = vfs.stats();
    assertEquals(List.of(0L, 0L, 0L, 0L, 0L), List.of(stats.bytesInUse(), stats.blocks(), stats.versions(), stats.pins(), stats.forks()), stats.toString());
    vfs.close();
  }

  // ---- the bank

  private static String[] bank(int balance) {
    return new String[] {
        "CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER, padding BLOB)",
        "CREATE TABLE ledger(id INTEGER PRIMARY KEY, amount INTEGER, note TEXT)",
        "CREATE INDEX ledger_amount ON ledger(amount)",
        "CREATE TABLE bank(total INTEGER, entries INTEGER)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + ACCOUNTS + ") "
            + "INSERT INTO account SELECT i, " + balance + ", zeroblob(200) FROM n",
        "INSERT INTO bank VALUES (" + ACCOUNTS * balance + ", 0)"};
  }

  private static void transfer(SqliteConnection c, Random random) {
    long amount = random.nextInt(50);
    c.execute("UPDATE account SET balance = balance - ? WHERE id = ?", amount, 1 + random.nextInt(ACCOUNTS));
    c.execute("INSERT INTO ledger(amount, note) VALUES (?, hex(randomblob(?)))", amount, random.nextInt(100));
    c.execute("UPDATE account SET balance = balance + ? WHERE id = ?", amount, 1 + random.nextInt(ACCOUNTS));
    c.execute("UPDATE bank SET entries = entries + 1");
  }

  /**
   * Reads, computes in Java, and writes, in a transaction that begins as a reader: if another one wrote in between, or is
   * writing, it must fail, or his work would be lost. SQLite does not wait then, since waiting could not help.
   */
  private static void transferByReading(SqliteConnection c, Random random) {
    int from = 1 + random.nextInt(ACCOUNTS);
    int to = 1 + (from + random.nextInt(ACCOUNTS - 1)) % ACCOUNTS;
    c.execute("BEGIN");
    try {
      long ofFrom = Sql.number(c, "SELECT balance FROM account WHERE id = ?", from);
      long ofTo = Sql.number(c, "SELECT balance FROM account WHERE id = ?", to);
      long entries = Sql.number(c, "SELECT entries FROM bank");
      c.execute("UPDATE account SET balance = ? WHERE id = ?", ofFrom - 1, from);
      c.execute("UPDATE account SET balance = ? WHERE id = ?", ofTo + 1, to);
      c.execute("INSERT INTO ledger(amount, note) VALUES (1, 'by reading')");
      c.execute("UPDATE bank SET entries = ?", entries + 1);
      c.execute("COMMIT");
    } catch (SqliteBusyException e) {
      assertEquals(5, e.code(), e.toString());
      c.execute("ROLLBACK");
    }
  }

  /** Half-way through a transfer, or in a mixture of two versions, one of these would not hold. */
  private static long assertInvariant(SqliteConnection c) {
    List<Object> row = Sql.rows(c, "SELECT (SELECT sum(balance) FROM account), total, (SELECT count(*) FROM ledger), entries,"
        + " (SELECT count(*) FROM ledger INDEXED BY ledger_amount WHERE amount >= 0) FROM bank").get(0);
    assertEquals(row.get(1), row.get(0), "sum of balances");
    assertEquals(row.get(3), row.get(2), "entries of the ledger");
    assertEquals(row.get(3), row.get(4), "entries of the ledger's index");
    return (Long) row.get(3);
  }

  private void assertWholeAndInvariant(String database) {
    try (SqliteConnection c = vfs.open(database)) {
      assertInvariant(c);
      Sql.assertWhole(c);
    }
  }

  private static void assertInvariantForAnotherSqlite(byte[] bytes) {
    OtherSqlite.assertWhole(bytes);
    List<Object> row = OtherSqlite.rows(bytes, "SELECT (SELECT sum(balance) FROM account) = total, (SELECT count(*) FROM ledger) = entries FROM bank").get(0);
    assertEquals(List.of(1, 1), row);
  }

  // ---- who is there

  private void writer(Crew crew, Random random, int transactions) {
    try (SqliteConnection c = vfs.open("bank")) {
      for (int i = 0; i < transactions && crew.working(); i++) {
        int kind = random.nextInt(20);
        if (kind == 0) {
          c.execute("BEGIN IMMEDIATE; DELETE FROM account; DELETE FROM ledger; ROLLBACK");
        } else if (kind == 1) {
          c.transaction(outer -> {
            transfer(outer, random);
            try {
              outer.transaction(inner -> {
                inner.execute("DELETE FROM account");
                throw new IllegalStateException("take it back");
              });
            } catch (IllegalStateException expected) {
              assertTrue(outer.inTransaction());
            }
          });
        } else if (kind < 6) {
          transferByReading(c, random);
        } else {
          c.transaction(body -> transfer(body, random));
        }
      }
    }
  }

  private void reader(Crew crew, boolean rising) {
    long last = 0;
    try (SqliteConnection c = vfs.open("bank", OpenOptions.defaults().readOnly(true).busyTimeout(0))) {
      do {
        long entries = assertInvariant(c);
        assertTrue(!rising || entries >= last, "a reader went back in time");
        last = entries;
        c.transaction(body -> {
          long first = assertInvariant(body);
          assertEquals(first, assertInvariant(body), "one transaction, one version");
        });
      } while (crew.working());
    }
  }

  private void serializer(Crew crew) throws Exception {
    int turn = 0;
    do {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      switch (turn % 4) {
        case 0 -> vfs.serialize("bank", out);
        case 1 -> vfs.serialize("bank", Channels.newChannel(out));
        case 2 -> vfs.serialize("bank").transferTo(out);
        default -> {
          try (InputStream in = vfs.serialize("bank")) {
            in.readNBytes(5000); // given up half-way
          }
          try (Snapshot snapshot = vfs.snapshot("bank")) {
            snapshot.writeTo(out);
          }
        }
      }
      if (turn % 7 == 0) {
        assertInvariantForAnotherSqlite(out.toByteArray());
      }
      vfs.deserialize("copy", Sql.chunks(out.toByteArray(), 10_007));
      assertWholeAndInvariant("copy");
    } while (turn++ >= 0 && crew.working());
  }

  private void snapshotter(Crew crew, Random random, String own) {
    int turn = 0;
    do {
      try (Snapshot snapshot = vfs.snapshot("bank")) {
        String fork = own + turn;
        snapshot.fork(fork);
        assertWholeAndInvariant(fork);
        try (SqliteConnection c = vfs.open(fork)) {
          for (int i = 0; i < 10; i++) {
            c.transaction(body -> transfer(body, random));
          }
          assertInvariant(c);
          vfs.fork(fork, fork + " again");
          assertTrue(vfs.delete(fork));
          c.transaction(body -> transfer(body, random));
          assertInvariant(c);
        }
        assertWholeAndInvariant(fork + " again");
        snapshot.fork(fork + " last");
        assertTrue(vfs.delete(fork + " again"));
        assertWholeAndInvariant(fork + " last");
        assertTrue(vfs.delete(fork + " last"));
      }
      turn++;
    } while (crew.working());
  }

  private void make(int balance) {
    try (SqliteConnection c = vfs.open("bank")) {
      c.transaction(body -> {
        for (String sql : bank(balance)) {
          body.execute(sql);
        }
      });
    }
  }

  // ---- together

  @ParameterizedTest
  @ValueSource(ints = {0, 512, 65536})
  void writersReadersSerializersSnapshotsAndForks(int blockSize) throws Exception {
    Random random = Seed.random("ConcurrencyTest");
    start(blockSize);
    Crew crew = new Crew();
    startWriters(crew, random, 2, 1000);
    crew.start("reader 0", () -> reader(crew, true));
    crew.start("reader 1", () -> reader(crew, true));
    crew.start("serializer", () -> serializer(crew));
    Random seeded = new Random(random.nextLong());
    crew.start("snapshotter", () -> snapshotter(crew, seeded, "fork "));
    crew.join();
    try (SqliteConnection c = vfs.open("bank")) {
      assertTrue(assertInvariant(c) > 2 * 1000 / 2);
    }
    assertWholeAndInvariant("bank");
    assertInvariantForAnotherSqlite(Sql.bytes(vfs, "bank"));
  }

  /** The last writer to end ends the work of all. */
  private void startWriters(Crew crew, Random random, int writers, int transactions) {
    AtomicInteger writing = new AtomicInteger(writers);
    for (int i = 0; i < writers; i++) {
      Random seeded = new Random(random.nextLong());
      crew.start("writer " + i, () -> {
        writer(crew, seeded, transactions);
        if (writing.decrementAndGet() == 0) {
          crew.stop();
        }
      });
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 512, 65536})
  void replacedWhileEverybodyUsesIt(int blockSize) throws Exception {
    Random random = Seed.random("ConcurrencyTest");
    start(blockSize);
    // Other totals, other page sizes, and half of them with the very same header counters.
    byte[][] banks = {OtherSqlite.database(bank(7)), OtherSqlite.database(bank(9)),
        OtherSqlite.database(concat("PRAGMA page_size = 512", bank(11))), OtherSqlite.database(concat("PRAGMA page_size = 32768", bank(13)))};
    Crew crew = new Crew();
    startWriters(crew, random, 2, 1000);
    crew.start("reader 0", () -> reader(crew, false));
    crew.start("reader 1", () -> reader(crew, false));
    crew.start("serializer", () -> serializer(crew));
    Random seeded = new Random(random.nextLong());
    crew.start("replacer", () -> {
      do {
        vfs.deserialize("bank", Sql.chunks(banks[seeded.nextInt(banks.length)], 1 + seeded.nextInt(100_000)));
      } while (crew.working());
    });
    crew.join();
    assertWholeAndInvariant("bank");
    assertInvariantForAnotherSqlite(Sql.bytes(vfs, "bank"));
  }

  private static String[] concat(String first, String[] rest) {
    String[] all = new String[rest.length + 1];
    all[0] = first;
    System.arraycopy(rest, 0, all, 1, rest.length);
    return all;
  }

  @Test
  void databasesComeAndGo() throws Exception {
    Random random = Seed.random("ConcurrencyTest");
    start(0);
    Crew crew = new Crew();
    startWriters(crew, random, 1, 2000);
    for (int i = 0; i < 3; i++) {
      Random seeded = new Random(random.nextLong());
      crew.start("comer and goer " + i, () -> {
        do {
          // The three of them meet at the same names: whatever there is must be a whole bank, or none.
          String name = "shared " + seeded.nextInt(3);
          switch (seeded.nextInt(4)) {
            case 0 -> vfs.delete(name);
            case 1 -> vfs.deserialize(name, vfs.serialize("bank"));
            case 2 -> {
              try {
                vfs.fork("bank", name);
              } catch (IllegalArgumentException taken) {
                assertTrue(taken.getMessage().contains(name));
              }
            }
            default -> {
              try (SqliteConnection c = vfs.open(name, OpenOptions.defaults().mustExist(true))) {
                c.transaction(body -> transfer(body, seeded));
                assertInvariant(c);
                vfs.delete(name);
                c.transaction(body -> transfer(body, seeded));
                assertInvariant(c);
              } catch (SqliteException e) {
                assertEquals(14, e.code(), e.toString());
              }
            }
          }
          vfs.databases();
          vfs.stats();
        } while (crew.working());
      });
    }
    crew.join();
    vfs.databases().forEach(this::assertWholeAndInvariant);
  }

  @Test
  void aReaderWaitsForNoWriterAndNoWriterForAReader() throws Exception {
    start(0);
    try (SqliteConnection held = vfs.open("bank"); SqliteConnection writer = vfs.open("bank")) {
      held.execute("BEGIN");
      assertInvariant(held);
      writer.execute("BEGIN IMMEDIATE");
      // Both stay as they are while the others do all their work: nobody can be waiting for them.
      Crew crew = new Crew();
      for (int i = 0; i < 3; i++) {
        crew.start("reader " + i, () -> {
          for (int turn = 0; turn < 50; turn++) {
            assertEquals(0, reading());
          }
        });
      }
      crew.join();
      transfer(writer, new Random(1));
      writer.execute("COMMIT");
      for (int i = 0; i < 20; i++) {
        writer.transaction(c -> transfer(c, new Random(2)));
      }
      assertEquals(0, assertInvariant(held));
      held.execute("COMMIT");
      assertEquals(21, assertInvariant(held));
    }
  }

  private long reading() {
    try (SqliteConnection c = vfs.open("bank", OpenOptions.defaults().busyTimeout(0))) {
      return assertInvariant(c);
    }
  }
}
