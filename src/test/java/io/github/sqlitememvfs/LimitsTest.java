package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The bounds of what SQL may cost: SQLite's limits, time, and the thread's stack. */
class LimitsTest {

  private static final String ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0";
  private static final int INTERRUPT = 9;

  private final MemoryVfs vfs = MemoryVfs.create();

  @AfterEach
  void close() {
    vfs.close();
  }

  // ---- limits ----

  /** SQL that goes beyond the limit of 3 (LENGTH: 100), what SQLite says, and a setting with which it works. */
  private enum Beyond {
    LENGTH(100, "SELECT hex(zeroblob(51))", "string or blob too big"),
    SQL_LENGTH(60, "SELECT 1 AS x /* this comment is what makes the statement longer than that */", "string or blob too big"),
    COLUMN(3, "CREATE TABLE t(a, b, c, d)", "too many columns"),
    EXPR_DEPTH(3, "SELECT 1 + 2 + 3 + 4 + 5", "Expression tree is too large (maximum depth 3)"),
    COMPOUND_SELECT(3, "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4", "too many terms in compound SELECT"),
    VDBE_OP(3, "SELECT count(*) FROM sqlite_schema", "out of memory"),
    FUNCTION_ARG(3, "SELECT max(1, 2, 3, 4)", "too many arguments on function max"),
    ATTACHED(3, "ATTACH '' AS a; ATTACH '' AS b; ATTACH '' AS c; ATTACH '' AS d", "too many attached databases - max 3"),
    LIKE_PATTERN_LENGTH(3, "SELECT 'abcd' LIKE 'abcd'", "LIKE or GLOB pattern too complex"),
    VARIABLE_NUMBER(3, "SELECT ?4", "variable number must be between ?1 and ?3"),
    TRIGGER_DEPTH(3, "PRAGMA recursive_triggers = 1; CREATE TABLE t(x); CREATE TRIGGER r AFTER INSERT ON t WHEN new.x < 9 BEGIN INSERT INTO t VALUES (new.x + 1); END;"
        + "INSERT INTO t VALUES (1)", "triggers nested too deep"),
    PARSER_DEPTH(30, "SELECT " + "(".repeat(300) + "1" + ")".repeat(300), "Recursion limit"),
    SCHEMA(3, "CREATE TABLE a(x); CREATE TABLE b(x); CREATE TABLE c(x); CREATE TABLE d(x); CREATE TABLE e(x)", ""),
    TRIGGER_STEPS(3, "CREATE TABLE t(x); CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t; DELETE FROM t; DELETE FROM t; DELETE FROM t; END", "");

    final int value;
    final String sql;
    final String message;

    Beyond(int value, String sql, String message) {
      this.value = value;
      this.sql = sql;
      this.message = message;
    }
  }

  @ParameterizedTest
  @EnumSource(SqliteLimit.class)
  void everyLimitLimits(SqliteLimit limit) {
    Beyond beyond = Beyond.valueOf(limit.name());
    try (SqliteConnection free = vfs.open("free")) {
      free.execute(beyond.sql.replace("?4", "4"));
    }
    try (SqliteConnection limited = vfs.open("limited", OpenOptions.defaults().limit(limit, beyond.value))) {
      SqliteException e = assertThrows(SqliteException.class, () -> {
        if (limit == SqliteLimit.VARIABLE_NUMBER) {
          limited.prepare(beyond.sql);
        }
        limited.execute(beyond.sql);
      });
      assertTrue(e.getMessage().contains(beyond.message), e.getMessage());
    }
    try (SqliteConnection highest = vfs.open("highest", OpenOptions.defaults().limit(limit, Integer.MAX_VALUE))) {
      highest.execute(beyond.sql.replace("?4", "4"));
    }
  }

  /** The message, and in it the second statement of the script as the one that failed. */
  private static String withoutPlace(SqliteException e) {
    assertTrue(e.getMessage().contains("[statement 2 of the script, line 1, column 11: "), e.getMessage());
    return e.getMessage().replaceFirst(" \\[statement 2 of the script, [^\\]]*\\]", "");
  }

  // ---- time ----

  @Test
  void aStatementThatTakesTooLongIsEnded() {
    try (SqliteConnection connection = vfs.open("a", OpenOptions.defaults().statementTimeout(50))) {
      String message = "the statement took longer than its timeout of 50 ms (SQLITE_INTERRUPT, 9)";
      SqliteException e = assertThrows(SqliteException.class, () -> connection.execute("SELECT 1; " + ENDLESS));
      assertEquals(message, withoutPlace(e));
      assertEquals(ENDLESS, e.sql());
      assertEquals(message, assertThrows(SqliteException.class, () -> connection.execute(ENDLESS, new Object[0])).getMessage());
      connection.execute("CREATE VIEW v AS " + ENDLESS);
      try (SqliteStatement statement = connection.prepare("SELECT * FROM v")) {
        for (int i = 0; i < 2; i++) {
          assertEquals(message, assertThrows(SqliteException.class, statement::step).getMessage());
        }
      }
      connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)"); // and goes on
      e = assertThrows(SqliteException.class, () -> connection.transaction(c -> {
        c.execute("INSERT INTO t VALUES (2)");
        c.execute("INSERT INTO t " + ENDLESS);
      }));
      assertEquals(INTERRUPT, e.code());
      assertEquals(1, Sql.number(connection, "SELECT count(*) FROM t"));
      Sql.assertWhole(connection);
    }
  }

  /** Each step alone is short: they count together. */
  @Test
  void theStepsOfAStatementCountTogetherUntilReset() {
    String rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i % 5000 = 0";
    try (SqliteConnection connection = vfs.open("a", OpenOptions.defaults().statementTimeout(300));
        SqliteStatement statement = connection.prepare(rows)) {
      SqliteException e = assertThrows(SqliteException.class, () -> {
        long end = System.nanoTime() + 60_000_000_000L; // else there would be no end
        while (statement.step() && System.nanoTime() - end < 0) {}
      });
      assertEquals(INTERRUPT, e.code());
      assertTrue(statement.step());
      statement.reset();
      assertTrue(statement.step());
    }
  }

  @Test
  void theTimeOfTheCallerDoesNotCount() throws InterruptedException {
    try (SqliteConnection connection = vfs.open("a", OpenOptions.defaults().statementTimeout(2000));
        SqliteStatement statement = connection.prepare("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i % 2000 = 0")) {
      assertTrue(statement.step());
      Thread.sleep(2100);
      assertTrue(statement.step());
    }
  }

  @Test
  void anInterruptIsStillAnInterrupt() throws Exception {
    try (SqliteConnection connection = vfs.open("a", OpenOptions.defaults().statementTimeout(60_000))) {
      AtomicReference<SqliteException> thrown = new AtomicReference<>();
      Thread thread = new Thread(() -> thrown.set(assertThrows(SqliteException.class, () -> connection.execute(ENDLESS))));
      thread.start();
      while (thread.isAlive()) {
        connection.interrupt();
        thread.join(5);
      }
      assertEquals("interrupted (SQLITE_INTERRUPT, 9)", thrown.get().getMessage());
      Thread closed = new Thread(() -> thrown.set(assertThrows(SqliteException.class, () -> connection.execute(ENDLESS))));
      closed.start();
      Thread.sleep(50);
      vfs.close();
      closed.join();
    }
  }

  // ---- stack ----

  private static String chain(int n, String first, String each, String rest) {
    return first + IntStream.range(1, n).mapToObj(i -> each.replace("$i", "" + i).replace("$p", "" + (i - 1)))
        .collect(Collectors.joining()) + rest;
  }

  /** As deep as SQLite allows. */
  private static final String DEEP_JSON = "{\"a\":".repeat(999) + "1" + "}".repeat(999);

  private static final Map<String, byte[]> DEEP = new HashMap<>();

  @BeforeAll
  static void makeDeep() throws InterruptedException {
    String triggers = chain(999, "BEGIN; CREATE TABLE r0(x);", "CREATE TABLE r$i(x); CREATE TRIGGER g$i AFTER INSERT ON r$p BEGIN INSERT INTO r$i VALUES (1); END;", "COMMIT;");
    String cascades = chain(900, "BEGIN; CREATE TABLE f0(x PRIMARY KEY);", "CREATE TABLE f$i(x PRIMARY KEY REFERENCES f$p ON DELETE CASCADE);", "COMMIT;");
    String views = chain(999, "BEGIN; CREATE VIEW v0 AS SELECT 1 AS x;", "CREATE VIEW v$i AS SELECT x FROM v$p LIMIT 5;", "COMMIT");
    run(64 << 20, () -> {
      try (MemoryVfs vfs = MemoryVfs.create()) {
        Map<String, String> scripts = new HashMap<>(Map.of("deep", triggers + cascades + views));
        for (int width : new int[] {200, 1300, 1900, 3000}) { // of many more, SQLite's program would be too long
          scripts.put("wide " + width, chain(width, "CREATE TABLE c(c0", ", c$i AS (c$p)", "); INSERT INTO c VALUES (1)"));
        }
        scripts.forEach((name, script) -> {
          try (SqliteConnection connection = vfs.open(name)) {
            connection.execute(script);
          }
          DEEP.put(name, Sql.bytes(vfs, name));
        });
      }
    });
  }

  /**
   * Schemas and statements that make SQLite recurse as deep as it ever does: each gives a result or an error, in each
   * thread.
   */
  @ParameterizedTest
  @ValueSource(ints = {256, 512, 1024, 2048, 16384})
  void deepRecursionsDoNotOverflowAStack(int kilobytes) throws InterruptedException {
    List<Integer> widths = List.of(200, 1300, 1900, 3000);
    DEEP.forEach((name, bytes) -> vfs.deserialize(name, List.of(bytes)));
    List<String> statements = List.of("INSERT INTO r0 VALUES (1)", "PRAGMA foreign_keys = 1; DELETE FROM f0", "SELECT * FROM v998",
        "SELECT " + "-(".repeat(990) + "1" + ")".repeat(990), "SELECT x" + "+x".repeat(990) + " FROM v0",
        "SELECT 1" + " UNION ALL SELECT 2".repeat(499), "SELECT 1" + " EXCEPT SELECT 2".repeat(499) + " ORDER BY 1",
        "SELECT '" + "a".repeat(24_000) + "' LIKE '" + "%a".repeat(24_000) + "b'", "SELECT '" + "a".repeat(24_000) + "' GLOB '" + "*a".repeat(24_000) + "b'",
        "SELECT json('" + "[".repeat(1000) + "]".repeat(1000) + "')", "SELECT json_patch('" + DEEP_JSON + "', '" + DEEP_JSON + "')",
        "SELECT c0" + ", c0".repeat(32_766) + " FROM (SELECT x AS c0 FROM r0)");
    try (SqliteConnection connection = vfs.open("deep")) {
      run(kilobytes << 10, () -> {
        for (String sql : statements) {
          attempt(connection, sql, kilobytes);
        }
        for (int width : widths) {
          try (SqliteConnection wide = vfs.open("wide " + width)) {
            attempt(wide, "SELECT c" + (width - 1) + " FROM c", kilobytes);
          }
        }
        assertEquals(2, Sql.number(connection, "SELECT 1 + 1"));
      });
    }
  }

  /** What programs do is not refused in a thread of the usual size. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theUsualStackIsEnough(boolean hardened) throws InterruptedException {
    String wide = chain(32_767, "CREATE TABLE wide(c0", ", c$i", ");");
    String views = chain(100, "CREATE VIEW v0 AS SELECT 1 AS x;", "CREATE VIEW v$i AS SELECT x FROM v$p LIMIT 5;", "");
    String triggers = chain(100, "CREATE TABLE r0(x);", "CREATE TABLE r$i(x); CREATE TRIGGER g$i AFTER INSERT ON r$p BEGIN INSERT INTO r$i VALUES (new.x); END;", "");
    run(1 << 20, () -> {
      try (SqliteConnection connection = vfs.open("usual", OpenOptions.defaults().hardened(hardened))) {
        connection.execute(wide + views + triggers + "PRAGMA recursive_triggers = 1; CREATE TABLE n(x);"
            + "CREATE TRIGGER n AFTER INSERT ON n WHEN new.x < 900 BEGIN INSERT INTO n VALUES (new.x + 1); END");
        connection.execute("INSERT INTO n VALUES (1); INSERT INTO r0 VALUES (1); INSERT INTO wide(c32766) VALUES (1)");
        assertEquals(1, Sql.number(connection, "SELECT c32766 FROM wide WHERE c32765 IS NULL"));
        assertEquals(32_767, connection.prepare("SELECT * FROM wide").getColumnCount());
        assertEquals(1, Sql.number(connection, "SELECT json_valid('" + DEEP_JSON + "')"));
        assertEquals(DEEP_JSON, Sql.text(connection, "SELECT json_patch('" + DEEP_JSON + "', '" + DEEP_JSON + "')"));
        assertEquals(900, Sql.number(connection, "SELECT count(*) FROM n"));
        assertEquals(1, Sql.number(connection, "SELECT x FROM r99"));
        assertEquals(1, Sql.number(connection, "SELECT x FROM v99"));
        assertEquals(900, Sql.number(connection, "SELECT count(*) FROM n WHERE x = 1" + " OR x > 0".repeat(899)));
        assertEquals(500, Sql.number(connection, "SELECT count(*) FROM (SELECT 1" + " UNION ALL SELECT 2".repeat(499) + ")"));
        assertEquals(500, Sql.number(connection, "SELECT max(x) FROM (SELECT 1 AS x" + IntStream.range(2, 501).mapToObj(i -> " UNION SELECT " + i).collect(Collectors.joining()) + ")"));
      }
    });
  }

  /** By prepare, execute, and a step that has to compile its statement again. */
  @Test
  void whatIsTooDeepSaysSo() throws InterruptedException {
    String message = "the statement, or the views, triggers and columns it uses, are nested too deeply for the stack of the calling thread: use a thread with a larger stack (Thread's stackSize, -Xss) (SQLITE_ERROR, 1)";
    vfs.deserialize("deep", List.of(DEEP.get("deep")));
    try (SqliteConnection connection = vfs.open("deep"); SqliteConnection other = vfs.open("deep")) {
      connection.execute("CREATE VIEW top AS SELECT 1 AS x");
      SqliteStatement statement = connection.prepare("SELECT x FROM top");
      run(1 << 20, () -> {
        assertTrue(statement.step());
        statement.reset();
        assertEquals(message, assertThrows(SqliteException.class, () -> connection.prepare("SELECT x FROM v900")).getMessage());
        assertEquals(message, withoutPlace(assertThrows(SqliteException.class,
            () -> connection.execute("SELECT 1; SELECT x FROM v900; SELECT 2"))));
        other.execute("DROP VIEW top; CREATE VIEW top AS SELECT x FROM v900");
        assertEquals(message, assertThrows(SqliteException.class, statement::step).getMessage());
        other.execute("DROP VIEW top; CREATE VIEW top AS SELECT 1 AS x");
        assertTrue(statement.step());
      });
      statement.close();
    }
  }

  /** What counts is how long the chains of generated columns are, and not how many there are. */
  @Test
  void manyGeneratedColumnsThatAreNoChainFit() throws InterruptedException {
    String made = chain(10_000, "CREATE TABLE made(c0, base AS (c0 + 1)", ", c$i AS (base + $i)", ");");
    String backwards = "CREATE TABLE backwards(" + IntStream.range(0, 300).mapToObj(i -> "b" + i + " AS (b" + (i + 1) + "), ").collect(Collectors.joining())
        + IntStream.range(0, 5000).mapToObj(i -> "x" + i + " AS (b300), ").collect(Collectors.joining()) + "b300);";
    run(1 << 20, () -> {
      try (SqliteConnection connection = vfs.open("many")) {
        connection.execute(made + backwards + "INSERT INTO made VALUES (1); INSERT INTO backwards VALUES (7)");
        assertEquals(10_001, Sql.number(connection, "SELECT c9999 FROM made"));
        assertEquals(10_001, connection.prepare("SELECT * FROM made").getColumnCount());
        assertEquals(7, Sql.number(connection, "SELECT b0 FROM backwards WHERE x4999 = 7"));
      }
    });
  }

  /** A stack that is too small for JSON is an error, and no other answer. */
  @Test
  void jsonThatIsTooDeepForTheStackIsNeverCalledInvalid() throws InterruptedException {
    List<String> statements = List.of("SELECT json_valid('" + DEEP_JSON + "')", "SELECT json_valid(jsonb('" + DEEP_JSON + "'), 8)",
        "SELECT json_error_position('" + DEEP_JSON + "') = 0", "SELECT json_type('" + DEEP_JSON + "') = 'object'",
        "SELECT json_patch('" + DEEP_JSON + "', '" + DEEP_JSON + "') = '" + DEEP_JSON + "'", "SELECT count(*) = 1000 FROM json_tree('" + DEEP_JSON + "')",
        "SELECT length(json_pretty('" + DEEP_JSON + "', '')) > 1000");
    try (SqliteConnection connection = vfs.open("json")) {
      for (int kilobytes : new int[] {160, 200, 256, 320, 400, 512, 700, 1024, 2048}) {
        run(kilobytes << 10, () -> {
          for (String sql : statements) {
            try {
              assertEquals(1, Sql.number(connection, sql), sql + " with " + kilobytes);
            } catch (SqliteException e) {
              assertTrue(e.getMessage().contains("use a thread with a larger stack"), e.getMessage());
              assertTrue(kilobytes < 1024, e.getMessage());
            }
          }
        });
      }
    }
  }

  private static void attempt(SqliteConnection connection, String sql, int kilobytes) {
    try {
      connection.execute(sql);
    } catch (SqliteException e) {
      assertTrue(e.getMessage().matches("(triggers nested too deep|VIEWs and/or subqueries nested too deep|Expression tree is too large.*"
          + "|.*nested too deeply for the stack of the calling thread: use a thread with a larger stack.*|LIKE or GLOB pattern too complex) .*"), e.getMessage());
      assertTrue(kilobytes < 16384, e.getMessage()); // there is room for all of it
    }
  }

  private static void run(long stack, Runnable work) throws InterruptedException {
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    Thread thread = new Thread(null, () -> {
      try {
        work.run();
      } catch (Throwable e) {
        thrown.set(e);
      }
    }, "stack of " + stack, stack);
    thread.start();
    thread.join();
    assertNull(thrown.get());
  }
}
