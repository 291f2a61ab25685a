package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Scripts, transactions, counters, interrupt, waiting. Use after close is in {@link CloseTest}. */
class SqliteConnectionTest {

  private static final int BUSY = 5;
  private static final int BUSY_SNAPSHOT = 517;
  private static final int INTERRUPT = 9;

  private final MemoryVfs vfs = MemoryVfs.create();
  private final SqliteConnection connection = vfs.open("test");

  @AfterEach
  void close() {
    connection.close();
    vfs.close();
  }

  private long count() {
    return Sql.number(connection, "SELECT count(*) FROM t");
  }

  // ---- execute

  @Test
  void aScriptRunsAllItsStatements() {
    connection.execute("CREATE TABLE t(x); -- a; comment\nINSERT INTO t VALUES (1); INSERT INTO t VALUES (';')\n; SELECT x FROM t;;; ");
    assertEquals(2, count());
    connection.execute("CREATE TRIGGER g AFTER INSERT ON t WHEN new.x = 1 BEGIN DELETE FROM t WHERE x = ';'; UPDATE t SET x = 2; END;"
        + "INSERT INTO t VALUES (1)");
    assertEquals(List.of(List.of(2L), List.of(2L)), Sql.rows(connection, "SELECT x FROM t"));
    for (String empty : List.of("", " ", ";", ";;", "-- nothing", "/* nothing */", "/* not closed", "\n\r\t")) {
      connection.execute(empty);
    }
    connection.execute("SELECT '日本語 😀'; INSERT INTO t VALUES ('日本語 😀')");
    assertEquals(1, Sql.number(connection, "SELECT count(*) FROM t WHERE x = '日本語 😀'"));
  }

  @Test
  void aScriptStopsAtItsFirstErrorAndKeepsWhatRan() {
    SqliteException e = assertThrows(SqliteException.class,
        () -> connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1); INSERT INTO missing VALUES (2); INSERT INTO t VALUES (3)"));
    assertTrue(e.getMessage().contains("missing"), e.getMessage());
    assertEquals("INSERT INTO missing VALUES (2)", e.sql().replace(";", "").trim());
    assertEquals(1, count());
  }

  @Test
  void aScriptHasNoValuesForParameters() {
    connection.execute("CREATE TABLE t(x)");
    assertThrows(IllegalArgumentException.class, () -> connection.execute("INSERT INTO t VALUES (1); INSERT INTO t VALUES (?)"));
    assertEquals(1, count());
  }

  @Test
  void aScriptOfManyStatements() {
    StringBuilder script = new StringBuilder("CREATE TABLE t(x);\n");
    for (int i = 0; i < 20_000; i++) {
      script.append("INSERT INTO t VALUES (").append(i).append(");\n");
    }
    connection.transaction(c -> c.execute(script.toString()));
    assertEquals(20_000, count());
  }

  @Test
  void aStatementWithArgumentsReturnsItsChanges() {
    connection.execute("CREATE TABLE t(x, y)");
    assertEquals(1, connection.execute("INSERT INTO t VALUES (?, ?)", 1, "a"));
    assertEquals(2, connection.execute("INSERT INTO t VALUES (?, ?), (3, 'c')", 2, "b"));
    assertEquals(3, connection.execute("UPDATE t SET y = ?", new Object[] {null}));
    assertEquals(2, connection.execute("DELETE FROM t WHERE x > ?", 1));
    assertEquals(0, connection.execute("DELETE FROM t WHERE x > ?", 1));
    assertEquals(0, connection.execute("SELECT ?", 1));
    assertEquals(0, connection.execute("CREATE TABLE u(x)", new Object[0]));
    assertEquals(1, connection.execute("INSERT INTO t VALUES (?, 'r') RETURNING x", 9));
    assertEquals(2, count());
  }

  @Test
  void aScriptCountsTheRowsThatItChangesItself() {
    assertEquals(0, connection.execute("CREATE TABLE counted(x); CREATE TABLE log(x);"
        + "CREATE TRIGGER logs AFTER INSERT ON counted BEGIN INSERT INTO log VALUES (new.x); END"));
    assertEquals(3, connection.execute("INSERT INTO counted VALUES (1), (2); CREATE TABLE other(x); INSERT INTO counted VALUES (3); SELECT 1"));
    assertEquals(2, connection.execute("UPDATE counted SET x = x + 1 WHERE x > 1"));
    assertEquals(0, connection.execute("DELETE FROM counted WHERE x > 10; ; -- nothing"));
    assertEquals(0, connection.execute(""));
  }

  @Test
  void counters() {
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x)");
    assertEquals(0, connection.lastInsertRowId());
    assertEquals(0, connection.totalChanges());
    connection.execute("INSERT INTO t(x) VALUES (1), (2), (3)");
    assertEquals(3, connection.changes());
    assertEquals(3, connection.lastInsertRowId());
    connection.execute("INSERT INTO t(id, x) VALUES (?, 4)", Long.MAX_VALUE);
    assertEquals(Long.MAX_VALUE, connection.lastInsertRowId());
    assertEquals(1, connection.changes());
    assertEquals(4, connection.totalChanges());
    connection.execute("CREATE TABLE log(x); CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.x); END");
    assertEquals(4, connection.execute("UPDATE t SET x = x + ?", 1));
    assertEquals(4, connection.changes());
    assertEquals(12, connection.totalChanges());
  }

  @Test
  void allFeaturesThatTheEngineIsBuiltWithWork() {
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(text); INSERT INTO words VALUES ('the quick brown fox')");
    assertEquals(1, Sql.number(connection, "SELECT count(*) FROM words WHERE words MATCH 'quick'"));
    connection.execute("CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1); INSERT INTO boxes VALUES (1, 0, 10)");
    assertEquals(1, Sql.number(connection, "SELECT id FROM boxes WHERE x0 < 5 AND x1 > 5"));
    assertEquals("b", Sql.text(connection, "SELECT '{\"a\": [1, \"b\"]}' ->> '$.a[1]'"));
    assertEquals(3.0, Sql.value(connection, "SELECT log2(8.0)"));
    assertTrue(Sql.number(connection, "SELECT count(*) FROM dbstat") > 0);
    List<List<Object>> options = Sql.rows(connection, "SELECT compile_options FROM pragma_compile_options");
    for (String option : List.of("ENABLE_STAT4", "ENABLE_SESSION", "ENABLE_PREUPDATE_HOOK", "THREADSAFE")) {
      assertTrue(options.stream().anyMatch(row -> ((String) row.get(0)).startsWith(option)), option + " in " + options);
    }
    String version = Sql.text(connection, "SELECT sqlite_version()");
    assertTrue(version.startsWith("3.") && Integer.parseInt(version.split("\\.")[1]) >= 54, version);
    Sql.assertWhole(connection);
  }

  // ---- transactions

  @Test
  void aTransactionCommitsAndGivesItsResult() {
    connection.execute("CREATE TABLE t(x)");
    connection.transaction(c -> {
      assertSame(connection, c);
      assertTrue(c.inTransaction());
      c.execute("INSERT INTO t VALUES (1)");
    });
    assertFalse(connection.inTransaction());
    assertEquals("result", connection.transactionWithResult(c -> {
      c.execute("INSERT INTO t VALUES (2)");
      return "result";
    }));
    assertNull(connection.transactionWithResult(c -> null));
    assertEquals(2, count());
  }

  private static class Checked extends Exception {
    private static final long serialVersionUID = 1L;
  }

  @Test
  void whateverIsThrownRollsBackAndIsThrownOn() {
    connection.execute("CREATE TABLE t(x)");
    for (Throwable thrown : List.of(new Checked(), new IOException("io"), new IllegalArgumentException("unchecked"), new AssertionError("error"),
        new StackOverflowError(), new OutOfMemoryError("pretended"))) {
      Throwable caught = assertThrows(Throwable.class, () -> connection.transaction(c -> {
        c.execute("INSERT INTO t VALUES (1)");
        throwAny(thrown);
      }));
      assertSame(thrown, caught);
      assertEquals(0, caught.getSuppressed().length);
      assertFalse(connection.inTransaction());
      assertEquals(0, count());
      caught = assertThrows(Throwable.class, () -> connection.transactionWithResult(c -> {
        c.execute("INSERT INTO t VALUES (1)");
        throwAny(thrown);
        return 1;
      }));
      assertSame(thrown, caught);
      assertEquals(0, count());
    }
  }

  private static void untilTheStackEnds(SqliteConnection c, SqliteStatement s) {
    c.inTransaction();
    s.reset();
    untilTheStackEnds(c, s);
  }

  /** A call that finds no more stack leaves the connection to others. */
  @Test
  void aStackOverflowLocksNobodyOut() throws Exception {
    for (int i = 0; i < 20; i++) {
      SqliteConnection c = MemoryVfs.create().open("d"); // not closed after a failure: that would wait for ever
      SqliteStatement s = c.prepare("SELECT 1");
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      Thread deep = new Thread(null, () -> {
        try {
          untilTheStackEnds(c, s);
        } catch (Throwable e) {
          thrown.set(e);
        }
      }, "deep", 300_000 + 1000 * i);
      deep.start();
      deep.join();
      assertTrue(thrown.get() instanceof StackOverflowError, () -> String.valueOf(thrown.get()));
      Thread other = new Thread(c::close);
      other.setDaemon(true);
      other.start();
      other.join(20_000);
      assertFalse(other.isAlive(), "it waits for the lock");
      assertTrue(c.isClosed());
    }
  }

  private static void transactionsUntilTheStackEnds(SqliteConnection c, long[] begun) {
    begun[0]++;
    try {
      c.transaction(t -> t.execute("INSERT INTO t VALUES (1)"));
      begun[1]++;
    } catch (SqliteException e) { // the stack is too small for SQL, and will be for Java
      assertTrue(e.getMessage().contains("stack"), e.getMessage());
    }
    transactionsUntilTheStackEnds(c, begun);
  }

  private static void recurse(int n) {
    recurse(n + 1);
  }

  /** It is committed or rolled back, and then the connection is the others'. */
  @Test
  void aStackOverflowEndsATransaction() throws Exception {
    for (int i = 0; i < 30; i++) {
      boolean inBody = i % 3 == 0;
      SqliteConnection c = MemoryVfs.create().open("d");
      c.execute("CREATE TABLE t(x)");
      long[] begun = new long[2];
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      Thread deep = new Thread(null, () -> {
        try {
          if (inBody) {
            c.transaction(t -> {
              t.execute("INSERT INTO t VALUES (1)");
              t.transaction(t2 -> recurse(0));
            });
          } else {
            transactionsUntilTheStackEnds(c, begun);
          }
        } catch (Throwable e) {
          thrown.set(e);
        }
      }, "deep", 300_000 + 1000 * i);
      deep.start();
      deep.join();
      assertTrue(thrown.get() instanceof StackOverflowError || thrown.get() instanceof SqliteException, () -> String.valueOf(thrown.get()));
      AtomicReference<Long> rows = new AtomicReference<>();
      Thread other = new Thread(() -> {
        if (!c.isClosed()) {
          c.execute("INSERT INTO t VALUES (2)");
          rows.set(Sql.number(c, "SELECT count(*) FROM t WHERE x = 1"));
        }
        c.close();
      });
      other.setDaemon(true);
      other.start();
      other.join(20_000);
      assertFalse(other.isAlive(), "it waits for the lock");
      assertTrue(rows.get() == null || (rows.get() >= begun[1] && rows.get() <= begun[0]), () -> rows + " " + begun[0] + " " + begun[1]);
    }
  }

  private static void closeUntilTheStackEnds(List<MemoryVfs> all) {
    MemoryVfs vfs = MemoryVfs.create();
    all.add(vfs);
    SqliteConnection c = vfs.open("d");
    try (SqliteStatement s = c.prepare("SELECT 1")) {
      s.step();
    } catch (SqliteException e) { // the stack is too small for SQL, and will be for Java
      assertTrue(e.getMessage().contains("stack"), e.getMessage());
    }
    c.close();
    vfs.close();
    closeUntilTheStackEnds(all);
  }

  /** What cannot be closed there stays open as a whole, and is closed elsewhere. */
  @Test
  void whatCannotBeClosedForWantOfStackIsClosedElsewhere() throws Exception {
    for (int i = 0; i < 4; i++) {
      List<MemoryVfs> all = new ArrayList<>();
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      Thread deep = new Thread(null, () -> {
        try {
          closeUntilTheStackEnds(all);
        } catch (Throwable e) {
          thrown.set(e);
        }
      }, "deep", 300_000 + 1000 * i);
      deep.start();
      deep.join();
      assertTrue(thrown.get() instanceof StackOverflowError, () -> String.valueOf(thrown.get()));
      assertTrue(all.size() > 10, () -> "begun: " + all.size());
      Thread other = new Thread(() -> all.forEach(MemoryVfs::close));
      other.setDaemon(true);
      other.start();
      other.join(60_000);
      assertFalse(other.isAlive(), "it waits for a lock");
      String name = all.get(all.size() - 1).name();
      try (MemoryVfs again = MemoryVfs.builder().name(name).build()) { // nothing holds it
        assertEquals(List.of(), again.databases());
      }
    }
  }

  @SuppressWarnings("unchecked")
  private static <E extends Throwable> void throwAny(Throwable e) throws E {
    throw (E) e;
  }

  /** It compiles: nothing is declared where nothing checked is thrown, and what is declared is just that. */
  @Test
  void theDeclaredExceptionIsThatOfTheWork() {
    connection.transaction(c -> c.execute("CREATE TABLE t(x)"));
    try {
      connection.transaction(c -> {
        if (c.inTransaction()) {
          throw new Checked();
        }
      });
    } catch (Checked expected) {
      assertFalse(connection.inTransaction());
    }
  }

  @Test
  void anErrorOfSqlRollsBack() {
    connection.execute("CREATE TABLE t(x UNIQUE)");
    assertThrows(SqliteConstraintException.class, () -> connection.transaction(c -> {
      c.execute("INSERT INTO t VALUES (1)");
      c.execute("INSERT INTO t VALUES (1)");
    }));
    assertEquals(0, count());
  }

  @Test
  void nestedTransactionsAreSavepoints() {
    connection.execute("CREATE TABLE t(x)");
    connection.transaction(outer -> {
      outer.execute("INSERT INTO t VALUES (1)");
      assertThrows(IllegalStateException.class, () -> outer.transaction(inner -> {
        inner.execute("INSERT INTO t VALUES (2)");
        inner.transaction(innermost -> innermost.execute("INSERT INTO t VALUES (3)"));
        assertEquals(3, count());
        throw new IllegalStateException("only the inner one");
      }));
      assertTrue(outer.inTransaction());
      assertEquals(1, count());
      outer.transaction(inner -> inner.execute("INSERT INTO t VALUES (4)"));
      assertTrue(outer.inTransaction());
    });
    assertEquals(List.of(List.of(1L), List.of(4L)), Sql.rows(connection, "SELECT x FROM t ORDER BY x"));
  }

  @Test
  void theOuterRollsBackWhatTheInnerCommitted() {
    connection.execute("CREATE TABLE t(x)");
    assertThrows(IllegalStateException.class, () -> connection.transaction(outer -> {
      outer.transaction(inner -> inner.execute("INSERT INTO t VALUES (1)"));
      throw new IllegalStateException();
    }));
    assertEquals(0, count());
  }

  @Test
  void deepNesting() {
    connection.execute("CREATE TABLE t(x)");
    nest(100);
    assertEquals(100, count());
  }

  private void nest(int depth) {
    if (depth > 0) {
      connection.transaction(c -> {
        c.execute("INSERT INTO t VALUES (?)", depth);
        nest(depth - 1);
      });
    }
  }

  @Test
  void insideATransactionBegunBySqlItIsASavepoint() {
    connection.execute("CREATE TABLE t(x); BEGIN; INSERT INTO t VALUES (1)");
    connection.transaction(c -> c.execute("INSERT INTO t VALUES (2)"));
    assertTrue(connection.inTransaction());
    assertThrows(Checked.class, () -> connection.transaction(c -> {
      c.execute("INSERT INTO t VALUES (3)");
      throw new Checked();
    }));
    assertTrue(connection.inTransaction());
    assertEquals(2, count());
    connection.execute("ROLLBACK");
    assertEquals(0, count());
  }

  @Test
  void aCommitThatFailsRollsBack() {
    connection.execute("PRAGMA foreign_keys = ON; CREATE TABLE parent(id INTEGER PRIMARY KEY);"
        + "CREATE TABLE t(x REFERENCES parent DEFERRABLE INITIALLY DEFERRED)");
    SqliteConstraintException e = assertThrows(SqliteConstraintException.class,
        () -> connection.transaction(c -> c.execute("INSERT INTO t VALUES (1)")));
    assertEquals(787, e.extendedCode());
    assertFalse(connection.inTransaction());
    assertEquals(0, count());
    connection.transaction(c -> c.execute("INSERT INTO parent VALUES (1); INSERT INTO t VALUES (1)"));
    assertEquals(1, count());
  }

  @Test
  void aBodyThatEndedTheTransactionItselfDoesNoHarm() {
    connection.execute("CREATE TABLE t(x)");
    // What SQLite rolls back on its own, or the user does, cannot be committed; nothing may stay open.
    assertThrows(IllegalStateException.class, () -> connection.transaction(c -> c.execute("INSERT INTO t VALUES (1); ROLLBACK")));
    assertFalse(connection.inTransaction());
    assertEquals(0, count());
    IOException e = assertThrows(IOException.class, () -> connection.transaction(c -> {
      c.execute("INSERT INTO t VALUES (1); ROLLBACK");
      throw new IOException("first");
    }));
    assertEquals("first", e.getMessage());
    assertFalse(connection.inTransaction());
    assertEquals(0, count());
    assertThrows(SqliteConstraintException.class, () -> connection.transaction(c -> {
      c.execute("CREATE TABLE u(x UNIQUE ON CONFLICT ROLLBACK); INSERT INTO u VALUES (1); INSERT INTO u VALUES (1)");
    }));
    assertFalse(connection.inTransaction());
    connection.transaction(c -> c.execute("INSERT INTO t VALUES (2)"));
    assertEquals(1, count());
  }

  /** Ways to end the transaction in its body; in each, x = 1 was inserted. */
  private static final List<TransactionBody<RuntimeException>> ENDS = List.of(
      c -> assertThrows(SqliteConstraintException.class, () -> c.execute("INSERT OR ROLLBACK INTO t VALUES (1)")),
      c -> assertThrows(SqliteConstraintException.class, () -> c.execute("INSERT OR ROLLBACK INTO t VALUES (?)", 1)),
      c -> assertThrows(SqliteConstraintException.class, () -> c.transaction(d -> d.execute("INSERT OR ROLLBACK INTO t VALUES (1)"))),
      c -> c.execute("ROLLBACK"),
      c -> c.execute("ROLLBACK", new Object[0]),
      c -> assertThrows(IllegalStateException.class, () -> c.transaction(d -> d.execute("ROLLBACK; -- and no more"))),
      c -> assertThrows(IllegalStateException.class, () -> c.execute("ROLLBACK; BEGIN; INSERT INTO t VALUES (2)")),
      c -> assertThrows(IllegalStateException.class, () -> c.execute("ROLLBACK; INSERT INTO t VALUES (2)")));

  @Test
  void nothingRunsInABodyWhoseTransactionHasEnded() {
    connection.execute("CREATE TABLE t(x UNIQUE); CREATE TABLE u(x); INSERT INTO u VALUES (1), (2)");
    for (TransactionBody<RuntimeException> end : ENDS) {
      try (SqliteStatement insert = connection.prepare("INSERT INTO t VALUES (3)");
          SqliteStatement select = connection.prepare("SELECT x FROM u")) {
        IllegalStateException e = assertThrows(IllegalStateException.class, () -> connection.transaction(c -> {
          c.execute("INSERT INTO t VALUES (1)");
          assertTrue(select.step());
          end.run(c);
          assertFalse(c.inTransaction());
          for (Executable call : List.<Executable>of(() -> c.execute("INSERT INTO t VALUES (3)"), () -> c.execute("INSERT INTO t VALUES (?)", 3),
              insert::step, select::step, () -> c.execute("BEGIN"), () -> c.execute("BEGIN", new Object[0]), () -> c.execute("SELECT 1"),
              () -> c.transaction(d -> d.execute("INSERT INTO t VALUES (3)")))) {
            String message = assertThrows(IllegalStateException.class, call).getMessage();
            assertTrue(message.contains("rolled it back") && message.contains("test"), message);
          }
        }));
        assertTrue(e.getMessage().contains("rolled it back"), e.getMessage());
        assertFalse(connection.inTransaction());
        assertEquals(0, count());
        assertTrue(select.step());
        connection.transaction(c -> assertFalse(insert.step()));
        assertEquals(1, connection.execute("DELETE FROM t", new Object[0]));
      }
    }
    assertThrows(IllegalStateException.class, () -> connection.transaction(c -> c.execute("INSERT INTO t VALUES (1); COMMIT")));
    assertEquals(1, count(), "a body can commit, though it should not");
    connection.execute("BEGIN; COMMIT; INSERT INTO t VALUES (2)"); // outside a body all is as in SQLite
    assertEquals(2, count());
  }

  @Test
  void anInterruptLeavesNoTransactionOpen() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (3)");
    try (SqliteStatement open = connection.prepare("SELECT x FROM t");
        SqliteConnection other = vfs.open("test", OpenOptions.defaults().busyTimeout(0))) {
      List<TransactionBody<RuntimeException>> bodies = List.of(
          SqliteConnection::interrupt, // the COMMIT fails
          c -> {
            c.interrupt();
            c.execute("INSERT INTO t VALUES (5)");
          },
          c -> c.transaction(d -> d.interrupt()));
      for (TransactionBody<RuntimeException> body : bodies) {
        assertTrue(open.step());
        SqliteException e = assertThrows(SqliteException.class, () -> connection.transaction(c -> {
          c.execute("INSERT INTO t VALUES (4)");
          body.run(c);
        }));
        assertEquals(INTERRUPT, e.code());
        assertEquals(0, e.getSuppressed().length);
        assertFalse(connection.inTransaction());
        assertEquals(INTERRUPT, assertThrows(SqliteException.class, () -> open.getLong(0)).code());
        e = assertThrows(SqliteException.class, open::step);
        assertEquals(INTERRUPT, e.code(), "its rows do not begin anew without a word");
        other.execute("INSERT INTO t VALUES (6); DELETE FROM t WHERE x = 6");
        assertEquals(3, count());
      }
      // Only the inner one, and what it did, is gone.
      assertTrue(open.step());
      connection.transaction(c -> {
        c.execute("INSERT INTO t VALUES (4)");
        assertThrows(SqliteException.class, () -> c.transaction(d -> {
          d.execute("INSERT INTO t VALUES (5)");
          d.interrupt();
        }));
        assertTrue(c.inTransaction());
      });
      assertEquals(4, count());
    }
  }

  @Test
  void anOpenStatementDoesNotKeepATransactionFromItsEnd() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (3)");
    try (SqliteStatement s = connection.prepare("SELECT x FROM t")) {
      assertTrue(s.step());
      connection.transaction(c -> c.execute("INSERT INTO t VALUES (4)"));
      assertThrows(Checked.class, () -> connection.transaction(c -> {
        c.execute("DELETE FROM t");
        throw new Checked();
      }));
    }
    assertEquals(4, count());
  }

  @Test
  void theWorkMayCloseTheConnection() {
    connection.execute("CREATE TABLE t(x)");
    assertThrows(IllegalStateException.class, () -> connection.transaction(c -> {
      c.execute("INSERT INTO t VALUES (1)");
      c.close();
    }));
    assertTrue(connection.isClosed());
    try (SqliteConnection other = vfs.open("test")) {
      assertEquals(0, Sql.number(other, "SELECT count(*) FROM t"));
    }
  }

  @Test
  void closeRollsBackAndClosesStatements() {
    connection.execute("CREATE TABLE t(x)");
    connection.execute("BEGIN; INSERT INTO t VALUES (1)");
    SqliteStatement s = connection.prepare("SELECT * FROM t");
    assertTrue(s.step());
    connection.close();
    connection.close();
    assertTrue(connection.isClosed());
    assertThrows(IllegalStateException.class, s::step);
    try (SqliteConnection other = vfs.open("test")) {
      assertEquals(0, Sql.number(other, "SELECT count(*) FROM t"));
      other.execute("INSERT INTO t VALUES (2)");
    }
  }

  // ---- readers and writers

  @Test
  void readersKeepTheirVersionAndWaitForNobody() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    try (SqliteConnection reader = vfs.open("test", OpenOptions.defaults().busyTimeout(0))) {
      reader.execute("BEGIN");
      assertEquals(1, Sql.number(reader, "SELECT count(*) FROM t"));
      connection.execute("INSERT INTO t VALUES (2)");
      connection.execute("BEGIN EXCLUSIVE; INSERT INTO t VALUES (3); PRAGMA cache_size = 1; UPDATE t SET x = zeroblob(100000)");
      assertEquals(1, Sql.number(reader, "SELECT count(*) FROM t"));
      try (SqliteConnection third = vfs.open("test", OpenOptions.defaults().busyTimeout(0))) {
        assertEquals(2, Sql.number(third, "SELECT count(*) FROM t"));
      }
      connection.execute("COMMIT");
      connection.execute("VACUUM");
      assertEquals(1, Sql.number(reader, "SELECT count(*) FROM t"));
      reader.execute("COMMIT");
      assertEquals(3, Sql.number(reader, "SELECT count(*) FROM t"));
    }
  }

  @Test
  void aSecondWriterIsBusyAfterTheTimeoutOnly() {
    connection.execute("CREATE TABLE t(x)");
    try (SqliteConnection other = vfs.open("test")) {
      other.busyTimeout(0);
      connection.execute("BEGIN IMMEDIATE");
      SqliteBusyException e = assertThrows(SqliteBusyException.class, () -> other.execute("INSERT INTO t VALUES (1)"));
      assertEquals(BUSY, e.code());
      assertThrows(SqliteBusyException.class, () -> other.transaction(c -> c.execute("INSERT INTO t VALUES (1)")));
      assertFalse(other.inTransaction());
      other.busyTimeout(30);
      assertThrows(SqliteBusyException.class, () -> other.execute("BEGIN IMMEDIATE"));
      connection.execute("COMMIT");
      other.execute("INSERT INTO t VALUES (1)");
      assertEquals(1, count());
    }
    assertThrows(IllegalArgumentException.class, () -> connection.busyTimeout(-1));
    connection.busyTimeout(Long.MAX_VALUE);
    connection.busyTimeout(0);
  }

  @Test
  void aTransactionThatReadBeforeAnotherWroteIsBusyAtOnce() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    try (SqliteConnection other = vfs.open("test", OpenOptions.defaults().busyTimeout(3_600_000))) {
      other.execute("BEGIN");
      assertEquals(1, Sql.number(other, "SELECT count(*) FROM t"));
      connection.execute("INSERT INTO t VALUES (2)");
      SqliteBusyException e = assertThrows(SqliteBusyException.class, () -> other.execute("INSERT INTO t VALUES (3)"));
      assertEquals(BUSY_SNAPSHOT, e.extendedCode());
      assertEquals(1, Sql.number(other, "SELECT count(*) FROM t"));
      other.execute("ROLLBACK");
      other.execute("INSERT INTO t VALUES (3)");
      assertEquals(3, count());
    }
  }

  @Test
  void writersTakeTurns() throws Exception {
    connection.execute("CREATE TABLE t(x)");
    Crew crew = new Crew();
    for (int i = 0; i < 3; i++) {
      crew.start("writer " + i, () -> {
        try (SqliteConnection own = vfs.open("test", OpenOptions.defaults().busyTimeout(3_600_000))) {
          for (int turn = 0; turn < 200; turn++) {
            own.transaction(c -> c.execute("INSERT INTO t VALUES (1)"));
          }
        }
      });
    }
    crew.join();
    assertEquals(600, count());
    Sql.assertWhole(connection);
  }

  @Test
  void autocommitWritersAreNeverBusyForACommitInBetween() throws Exception {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (0)");
    Crew crew = new Crew();
    for (int i = 0; i < 4; i++) {
      crew.start("writer " + i, () -> {
        try (SqliteConnection own = vfs.open("test", OpenOptions.defaults().busyTimeout(3_600_000))) {
          for (int turn = 0; turn < 500; turn++) {
            own.execute("UPDATE t SET x = x + 1");
          }
        }
      });
    }
    crew.join();
    assertEquals(2000, Sql.number(connection, "SELECT x FROM t"));
  }

  @Test
  void aWriteThatFailsBeforeItBeginsKeepsNobodyOut() {
    connection.execute("CREATE TABLE t(x); CREATE TABLE u(x)");
    try (SqliteConnection other = vfs.open("test", OpenOptions.defaults().busyTimeout(0));
        SqliteStatement insert = connection.prepare("INSERT INTO t VALUES (1)")) {
      other.execute("DROP TABLE t");
      for (int round = 0; round < 3; round++) {
        assertThrows(SqliteException.class, insert::step);
        other.execute("INSERT INTO u VALUES (1)");
        assertThrows(SqliteException.class, () -> connection.execute("INSERT INTO t VALUES (1)"));
        other.execute("INSERT INTO u VALUES (1)");
        assertThrows(SqliteException.class, () -> connection.execute("INSERT INTO u SELECT abs(-9223372036854775808)"));
        other.execute("INSERT INTO u VALUES (1)");
      }
      assertEquals(9, Sql.number(connection, "SELECT count(*) FROM u"));
    }
  }

  @Test
  void exclusiveLockingModeIsAnsweredWithNormalAndKeepsNobodyOut() {
    assertEquals("normal", Sql.text(connection, "PRAGMA locking_mode = EXCLUSIVE"));
    connection.execute("CREATE TABLE t(x)");
    try (SqliteConnection other = vfs.open("test", OpenOptions.defaults().busyTimeout(0))) {
      for (int i = 0; i < 10; i++) {
        connection.execute("INSERT INTO t VALUES (1)");
        other.execute("INSERT INTO t VALUES (1)");
        assertEquals(2 * i + 2, count());
        assertEquals(2 * i + 2, Sql.number(other, "SELECT count(*) FROM t"));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"NORMAL", "EXCLUSIVE"})
  void askingForWalModeDoesNoHarm(String lockingMode) {
    connection.execute("CREATE TABLE t(x); PRAGMA locking_mode = " + lockingMode);
    String mode = Sql.text(connection, "PRAGMA journal_mode = WAL");
    connection.execute("INSERT INTO t VALUES (1)");
    byte[] bytes = Sql.bytes(vfs, "test");
    assertEquals(List.of(List.of(1)), OtherSqlite.rows(bytes, "SELECT count(*) FROM t"), mode);
    connection.close();
    try (SqliteConnection other = vfs.open("test")) {
      assertEquals(1, Sql.number(other, "SELECT count(*) FROM t"));
      other.execute("INSERT INTO t VALUES (2)");
      Sql.assertWhole(other);
    }
  }

  // ---- interrupt, and threads that share a connection

  @Test
  void interruptEndsWhatIsRunning() throws Exception {
    connection.execute("CREATE TABLE t(x); BEGIN; INSERT INTO t VALUES (1)");
    CountDownLatch running = new CountDownLatch(1);
    Crew crew = new Crew();
    crew.start("endless", () -> {
      try (SqliteStatement s = connection.prepare(Sql.ONE_ROW_THEN_ENDLESS)) {
        assertTrue(s.step());
        running.countDown();
        SqliteException e = assertThrows(SqliteException.class, s::step);
        assertEquals(INTERRUPT, e.code());
      }
    });
    running.await();
    connection.interrupt();
    crew.join();
    assertTrue(connection.inTransaction());
    connection.execute("COMMIT");
    assertEquals(1, count());
  }

  @Test
  void interruptOfNothingDoesNothing() {
    connection.interrupt();
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    connection.interrupt();
    assertEquals(1, count());
  }

  @Test
  void anInterruptLastsForAsLongAsAStatementIsOnARow() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    try (SqliteStatement s = connection.prepare("SELECT x FROM t")) {
      assertTrue(s.step());
      connection.interrupt();
      for (int i = 0; i < 2; i++) {
        assertEquals(INTERRUPT, assertThrows(SqliteException.class, () -> connection.execute("INSERT INTO t VALUES (2)")).code());
      }
      s.reset();
      assertEquals(1, count());
    }
  }

  @Test
  void interruptDoesNotWaitForATransactionOfAnotherThread() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch interrupted = new CountDownLatch(1);
    Crew crew = new Crew();
    crew.start("body", () -> connection.transaction(c -> {
      inside.countDown();
      interrupted.await();
    }));
    inside.await();
    connection.interrupt();
    assertFalse(connection.isClosed());
    interrupted.countDown();
    crew.join();
  }

  @Test
  void aSecondThreadWaitsForTheWholeTransaction() throws Exception {
    connection.execute("CREATE TABLE t(x)");
    AtomicBoolean done = new AtomicBoolean();
    Crew crew = new Crew();
    assertThrows(Checked.class, () -> connection.transaction(c -> {
      Thread second = crew.start("second", () -> {
        connection.execute("INSERT INTO t VALUES (1)");
        done.set(true);
      });
      Crew.awaitWaiting(second);
      assertFalse(done.get());
      throw new Checked();
    }));
    crew.join();
    assertTrue(done.get());
    assertEquals(1, count(), "what the second thread wrote is not part of what was rolled back");
  }

  @Test
  void closeWaitsForATransactionOfAnotherThread() throws Exception {
    connection.execute("CREATE TABLE t(x)");
    Crew crew = new Crew();
    connection.transaction(c -> {
      Thread closer = crew.start("closer", connection::close);
      Crew.awaitWaiting(closer);
      c.execute("INSERT INTO t VALUES (1)");
      assertFalse(c.isClosed());
    });
    crew.join();
    assertTrue(connection.isClosed());
    try (SqliteConnection other = vfs.open("test")) {
      assertEquals(1, Sql.number(other, "SELECT count(*) FROM t"));
    }
  }

  @Test
  void threadsMayShareAConnection() throws Exception {
    connection.execute("CREATE TABLE t(x)");
    Crew crew = new Crew();
    for (int i = 0; i < 4; i++) {
      int own = i;
      crew.start("thread " + i, () -> {
        for (int turn = 0; turn < 100; turn++) {
          connection.transaction(c -> {
            long before = c.totalChanges();
            c.execute("INSERT INTO t VALUES (?)", own);
            c.execute("INSERT INTO t VALUES (?)", own);
            assertEquals(before + 2, c.totalChanges());
          });
          assertEquals(0, Sql.number(connection, "SELECT count(*) FROM t WHERE x = ?", own) % 2);
        }
      });
    }
    crew.join();
    assertEquals(800, count());
  }

  @Test
  void itKnowsItsDatabase() {
    assertEquals("test", connection.database());
    assertSame(vfs, connection.vfs());
    connection.close();
    assertEquals("test", connection.database());
    assertSame(vfs, connection.vfs());
    assertTrue(connection.toString().contains("test"), connection.toString());
  }

  private static int statements(SqliteConnection c) throws ReflectiveOperationException {
    Field handle = SqliteConnection.class.getDeclaredField("handle");
    Field statements = ConnectionHandle.class.getDeclaredField("statements");
    handle.setAccessible(true);
    statements.setAccessible(true);
    int count = 0;
    for (StatementHandle s = (StatementHandle) statements.get(handle.get(c)); s != null; s = s.next) {
      count++;
    }
    return count;
  }

  private static void nest(SqliteConnection c, int depth) {
    if (depth > 0) {
      c.transaction(inner -> nest(inner, depth - 1));
    }
  }

  @Test
  void transactionsInEachOtherLeaveNoMoreStatementsEachTime() throws ReflectiveOperationException {
    try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection c = vfs.open("deep")) {
      nest(c, 30);
      int statements = statements(c);
      nest(c, 30);
      assertEquals(statements, statements(c));
    }
  }
}
