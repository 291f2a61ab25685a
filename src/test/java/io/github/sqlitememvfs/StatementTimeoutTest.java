package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The statement timeout: which time counts for it, and which does not. */
class StatementTimeoutTest {

  private static final int TIMEOUT = 1000;
  private static final int ROWS = 2000; // enough for the clock to be looked at

  private final MemoryVfs vfs = MemoryVfs.builder().busyTimeout(600_000).build();

  @AfterEach
  void close() {
    vfs.close();
  }

  /** It has a timeout of its own, which is longer here. */
  @Test
  void theWaitForAnotherWriterDoesNotCount() throws Exception {
    String rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + ROWS + ") INSERT INTO t SELECT i FROM n";
    try (SqliteConnection other = vfs.open("a");
        SqliteConnection c = vfs.open("a", OpenOptions.defaults().statementTimeout(TIMEOUT))) {
      other.execute("CREATE TABLE t(x)");
      whileOtherWrites(other, () -> c.execute(rows));
      try (SqliteStatement s = c.prepare(rows + " RETURNING x")) {
        whileOtherWrites(other, s::step);
        while (s.step()) {}
      }
      assertEquals(2 * ROWS, Sql.number(c, "SELECT count(*) FROM t"));
    }
  }

  /**
   * What is done by the end of a statement that was left on a row is not the statement's: here FTS5 writes its index
   * at the commit.
   */
  @Test
  void theEndOfAStatementHasNoTimeout() throws Exception {
    try (SqliteConnection c = vfs.open("a", OpenOptions.defaults().statementTimeout(TIMEOUT))) {
      c.execute("CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f(f, rank) VALUES ('pgsz', 32); CREATE TABLE t(x);"
          + "CREATE TRIGGER tf AFTER INSERT ON t BEGIN INSERT INTO f VALUES (new.x); END");
      try (SqliteStatement s = c.prepare("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + ROWS + ")"
          + " INSERT INTO t SELECT 'word' || i || ' and' || (i * 7) FROM n RETURNING x")) {
        s.readAhead(false);
        assertTrue(s.step());
        Thread.sleep(TIMEOUT + 200);
        s.reset();
      }
      assertEquals(ROWS, Sql.number(c, "SELECT count(*) FROM f WHERE f MATCH 'word*'"));
    }
  }

  /**
   * SQLite compiles a statement anew when another connection has changed the schema; without the timeout this one takes
   * many seconds.
   */
  @Test
  void compilingAnewHasATimeout() {
    int tables = 40;
    StringBuilder join = new StringBuilder("CREATE VIEW b AS SELECT 1 FROM t a0");
    for (int i = 1; i < tables; i++) {
      join.append(", t a").append(i);
    }
    join.append(" WHERE 1");
    for (int i = 1; i < tables; i++) {
      for (int j = 0; j < i; j++) {
        join.append(" AND a").append(i).append(".c").append(j % 8).append(" = a").append(j).append(".c").append(i % 8);
      }
    }
    try (SqliteConnection other = vfs.open("a"); SqliteConnection c = vfs.open("a", OpenOptions.defaults().statementTimeout(TIMEOUT))) {
      other.execute("CREATE TABLE t(c0, c1, c2, c3, c4, c5, c6, c7); CREATE VIEW v AS SELECT 1");
      for (int i = 0; i < 8; i++) {
        other.execute("CREATE INDEX i" + i + " ON t(c" + i + ", c" + (i + 1) % 8 + "); CREATE INDEX j" + i + " ON t(c" + i + ", c" + (i + 3) % 8 + ")");
      }
      try (SqliteStatement s = c.prepare("SELECT * FROM v")) {
        assertTrue(s.step());
        s.reset();
        other.execute("DROP VIEW v; " + join + "; CREATE VIEW v AS SELECT * FROM b" + " UNION ALL SELECT * FROM b".repeat(60));
        assertEquals(SqliteCodes.INTERRUPT, assertThrows(SqliteException.class, s::step).code());
      }
    }
  }

  private static void whileOtherWrites(SqliteConnection other, Runnable work) throws InterruptedException {
    CountDownLatch locked = new CountDownLatch(1);
    Thread writer = new Thread(() -> other.transaction(x -> {
      locked.countDown();
      try {
        Thread.sleep(TIMEOUT + 500);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }));
    writer.start();
    locked.await();
    long from = System.nanoTime();
    work.run();
    assertTrue(System.nanoTime() - from > TIMEOUT * 1_000_000L, "it did not wait");
    writer.join();
  }
}
