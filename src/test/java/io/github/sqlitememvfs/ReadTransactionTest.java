package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sqlite.SQLiteConnection;
import org.sqlite.SQLiteException;

/**
 * A connection reads the same version, for as long, as SQLite in WAL mode does on a file, whether rows are read ahead
 * or not.
 */
class ReadTransactionTest {

  private static final int BUSY_SNAPSHOT = 517;

  private final MemoryVfs vfs = MemoryVfs.builder().busyTimeout(0).build();

  // ---- one by one

  private static SqliteStatement onRow(SqliteConnection c, boolean ahead, String sql) {
    SqliteStatement s = c.prepare(sql);
    s.readAhead(ahead);
    assertTrue(s.step());
    return s;
  }

  private static long count(SqliteConnection c) {
    return Sql.number(c, "SELECT count(*) FROM t");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aQueryThatReadsNoDatabaseKeepsNoVersion(boolean ahead) {
    for (String sql : new String[] {"SELECT last_insert_rowid()", "SELECT 1", "VALUES (1)", "PRAGMA foreign_keys", "PRAGMA busy_timeout",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT count(*) FROM n"}) {
      try (SqliteConnection c = vfs.open("a"); SqliteConnection w = vfs.open("a")) {
        c.execute("DROP TABLE IF EXISTS t; CREATE TABLE t(x); INSERT INTO t VALUES (1)");
        try (SqliteStatement s = onRow(c, ahead, sql)) {
          assertEquals(1, count(c));
          w.execute("INSERT INTO t VALUES (2)");
          assertEquals(2, count(c), sql);
          assertEquals(1, c.execute("INSERT INTO t VALUES (3)"), sql);
          s.reset();
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void rowsOfOneDatabaseKeepNoVersionOfAnotherThatIsNotReadMeanwhile(boolean ahead) {
    try (SqliteConnection c = vfs.open("a"); SqliteConnection w = vfs.open("a"); SqliteConnection b = vfs.open("b")) {
      w.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
      b.execute("CREATE TABLE u(x); INSERT INTO u VALUES (1)");
      c.execute("ATTACH 'b' AS b; CREATE TEMP TABLE temporary(x); INSERT INTO temporary VALUES (1)");
      assertEquals(1, count(c));
      for (String sql : new String[] {"SELECT x FROM u", "SELECT x FROM temporary", "PRAGMA b.user_version", "SELECT count(*) FROM temp.sqlite_schema"}) {
        try (SqliteStatement s = onRow(c, ahead, sql)) {
          w.execute("INSERT INTO t(x) VALUES (2)");
          w.execute("ALTER TABLE t ADD COLUMN more_" + s.getLong(0) + sql.length());
          long n = Sql.number(w, "SELECT count(*) FROM t");
          assertThrows(SqliteException.class, () -> c.prepare("SELECT nosuch FROM t")); // looks at the schemas
          w.execute("INSERT INTO t(x) VALUES (3)");
          assertEquals(n + 1, count(c), sql);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"SELEC 1", "SELECT nosuch FROM t", "SELECT * FROM nosuch", "CREATE TABLE t(x)", "INSERT INTO t VALUES (1, 2, 3)", "DROP INDEX nosuch"})
  void whatDoesNotCompileBeginsNoReadTransaction(String sql) {
    try (SqliteConnection c = vfs.open("a"); SqliteConnection w = vfs.open("a")) {
      c.execute("CREATE TABLE t(x); BEGIN");
      assertThrows(SqliteException.class, () -> c.execute(sql));
      assertThrows(SqliteException.class, () -> c.prepare(sql));
      w.execute("INSERT INTO t VALUES (2)");
      c.execute("INSERT INTO t VALUES (3)");
      c.execute("COMMIT");
      assertEquals(2, count(w));
    }
  }

  /** SQLite says it by the schema that it knows, which may be an old one. */
  @Test
  void whatDoesNotCompileIsSaidOfTheSchemaThatThereIs() {
    try (SqliteConnection c = vfs.open("a"); SqliteConnection w = vfs.open("a")) {
      c.execute("CREATE TABLE t(x)");
      for (int i = 0; i < 3; i++) {
        w.execute("DROP TABLE t; CREATE TABLE u(a, b, c); CREATE INDEX i ON u(a)");
        c.execute(i == 0 ? "CREATE TABLE t(x)" : i == 1 ? "INSERT INTO u VALUES (1, 2, 3)" : "DROP INDEX i");
        c.execute("DROP TABLE IF EXISTS t; CREATE TABLE t(x); DROP TABLE u");
      }
      c.execute("BEGIN");
      assertEquals(0, count(c));
      w.execute("CREATE TABLE later(x)");
      assertThrows(SqliteException.class, () -> c.execute("INSERT INTO later VALUES (1)"));
      c.execute("ROLLBACK; INSERT INTO later VALUES (1)");
    }
  }

  /** SQLite believes that it still is, and that the savepoint's begin was of an empty database. */
  @Test
  void whatOthersPutIntoAnEmptyDatabaseOutlivesRollbackTo() {
    try (SqliteConnection c = vfs.open("a"); SqliteConnection w = vfs.open("a")) {
      assertEquals(0, Sql.number(c, "SELECT count(*) FROM sqlite_schema"));
      w.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
      c.execute("SAVEPOINT s; CREATE TABLE other(x); ROLLBACK TO s");
      assertEquals(1, count(c));
      c.execute("RELEASE s");
      assertEquals(1, count(w));
      Sql.assertWhole(w);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aTransactionGoesOnWithTheVersionOfTheRows(boolean ahead) {
    for (String begin : new String[] {"BEGIN", "SAVEPOINT s"}) {
      for (int rows = 1; rows <= 9; rows++) {
        try (SqliteConnection c = vfs.open("a"); SqliteConnection w = vfs.open("a")) {
          c.execute("DROP TABLE IF EXISTS t; CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (3), (4)");
          try (SqliteStatement s = c.prepare("SELECT x FROM t")) {
            s.readAhead(ahead);
            for (int i = 0; i < rows % 5; i++) {
              assertTrue(s.step());
            }
            if (rows < 5) {
              w.execute("INSERT INTO t VALUES (5)");
            }
            c.execute(begin);
          }
          w.execute("INSERT INTO t VALUES (6)");
          boolean none = rows % 5 == 0;
          assertEquals(none ? 6 - rows / 5 : 4, count(c), begin + " on row " + rows);
          if (!none) {
            assertEquals(BUSY_SNAPSHOT, assertThrows(SqliteException.class, () -> c.execute("INSERT INTO t VALUES (7)")).extendedCode());
          }
          c.execute("ROLLBACK");
          assertEquals(rows < 5 ? 6 : 5, count(c));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whatSqliteRefusesWhileAQueryRuns(boolean ahead) {
    vfs.open("b").close();
    try (SqliteConnection c = vfs.open("a")) {
      c.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1); ATTACH 'b' AS b; CREATE TABLE b.u(x); CREATE TABLE other(x)");
      try (SqliteStatement s = onRow(c, ahead, "SELECT x, (SELECT count(*) FROM u) FROM t")) {
        for (String sql : new String[] {"DROP TABLE t", "DROP TABLE other", "VACUUM", "DETACH b"}) {
          assertThrows(SqliteException.class, () -> c.execute(sql), sql);
        }
        c.execute("CREATE TABLE fine(x); ALTER TABLE other ADD COLUMN y; CREATE INDEX i ON t(x)");
        assertEquals(1, s.getLong(0));
      }
      c.execute("DROP TABLE t; VACUUM; DETACH b");
    }
  }

  // ---- random interleavings

  /** Two connections to the same two databases, and three statements on each. */
  private interface Host extends AutoCloseable {
    String execute(int connection, String sql);

    /** Prepares it in place of what was there. */
    String prepare(int connection, int slot, String sql);

    String step(int connection, int slot);

    String reset(int connection, int slot);

    @Override
    void close() throws Exception;
  }

  private static final int SLOTS = 3;
  private static final String DONE = "done";

  private final class Ours implements Host {
    final boolean ahead;
    final SqliteConnection[] connections = new SqliteConnection[2];
    final SqliteStatement[][] statements = new SqliteStatement[2][SLOTS];

    Ours(boolean ahead) {
      this.ahead = ahead;
      for (int i = 0; i < 2; i++) {
        connections[i] = vfs.open("a" + ahead);
        connections[i].execute("ATTACH 'b" + ahead + "' AS b");
      }
    }

    private String code(SqliteException e) {
      return "code " + e.extendedCode();
    }

    @Override
    public String execute(int connection, String sql) {
      try {
        connections[connection].execute(sql);
        return DONE;
      } catch (SqliteException e) {
        return code(e);
      }
    }

    @Override
    public String prepare(int connection, int slot, String sql) {
      try {
        if (statements[connection][slot] != null) {
          statements[connection][slot].close();
          statements[connection][slot] = null;
        }
        SqliteStatement s = connections[connection].prepare(sql);
        s.readAhead(ahead);
        statements[connection][slot] = s;
        return DONE;
      } catch (SqliteException e) {
        return code(e);
      }
    }

    @Override
    public String step(int connection, int slot) {
      SqliteStatement s = statements[connection][slot];
      try {
        if (s == null) {
          return DONE;
        }
        if (!s.step()) {
          return DONE;
        }
        StringBuilder row = new StringBuilder();
        for (int i = 0; i < s.getColumnCount(); i++) {
          row.append(s.getText(i)).append('|');
        }
        return row.toString();
      } catch (SqliteException e) {
        s.reset(); // as the other one does it
        return code(e);
      }
    }

    @Override
    public String reset(int connection, int slot) {
      try {
        if (statements[connection][slot] != null) {
          statements[connection][slot].reset();
        }
        return DONE;
      } catch (SqliteException e) {
        return code(e);
      }
    }

    @Override
    public void close() {
      for (SqliteConnection c : connections) {
        c.close();
      }
    }
  }

  private static final class Wal implements Host {
    final SQLiteConnection[] connections = new SQLiteConnection[2];
    final PreparedStatement[][] statements = new PreparedStatement[2][SLOTS];
    final ResultSet[][] rows = new ResultSet[2][SLOTS];

    Wal(Path folder) throws SQLException {
      for (int i = 0; i < 2; i++) {
        connections[i] = (SQLiteConnection) DriverManager.getConnection("jdbc:sqlite:" + folder.resolve("a.db"));
        connections[i].setBusyTimeout(0);
        connections[i].getDatabase()._exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; ATTACH '" + folder.resolve("b.db") + "' AS b; PRAGMA b.journal_mode = WAL");
      }
    }

    private String code(SQLException e) {
      return "code " + (e instanceof SQLiteException s ? s.getResultCode().code : e.getErrorCode());
    }

    @Override
    public String execute(int connection, String sql) {
      try {
        connections[connection].getDatabase()._exec(sql);
        return DONE;
      } catch (SQLException e) {
        return code(e);
      }
    }

    @Override
    public String prepare(int connection, int slot, String sql) {
      try {
        reset(connection, slot);
        if (statements[connection][slot] != null) {
          statements[connection][slot].close();
          statements[connection][slot] = null;
        }
        statements[connection][slot] = connections[connection].prepareStatement(sql);
        return DONE;
      } catch (SQLException e) {
        return code(e);
      }
    }

    @Override
    public String step(int connection, int slot) {
      try {
        if (statements[connection][slot] == null) {
          return DONE;
        }
        ResultSet r = rows[connection][slot];
        if (r == null) {
          r = rows[connection][slot] = statements[connection][slot].executeQuery();
        }
        if (!r.next()) {
          reset(connection, slot);
          return DONE;
        }
        StringBuilder row = new StringBuilder();
        for (int i = 1; i <= r.getMetaData().getColumnCount(); i++) {
          row.append(r.getString(i)).append('|');
        }
        return row.toString();
      } catch (SQLException e) {
        reset(connection, slot);
        return code(e);
      }
    }

    @Override
    public String reset(int connection, int slot) {
      try {
        if (rows[connection][slot] != null) {
          rows[connection][slot].close();
          rows[connection][slot] = null;
        }
        return DONE;
      } catch (SQLException e) {
        return code(e);
      }
    }

    @Override
    public void close() throws SQLException {
      for (SQLiteConnection c : connections) {
        c.close();
      }
    }
  }

  /** Of one row: they may stand on it while anything happens. */
  private static final String[] SINGLE = {"SELECT count(*), sum(x) FROM t", "SELECT x FROM t WHERE k = 2", "SELECT count(*), sum(x) FROM b.u",
      "SELECT (SELECT sum(x) FROM t), (SELECT sum(x) FROM b.u)", "SELECT 1", "SELECT last_insert_rowid() + 0", "SELECT count(*) FROM temporary", "PRAGMA user_version",
      "PRAGMA b.user_version", "SELECT k FROM t LIMIT 1", "SELECT max(k) FROM t", "SELECT count(*) FROM sqlite_schema", "SELECT count(*) FROM d",
      "SELECT count(*) FROM json_each('[1, 2]')", "PRAGMA foreign_keys", "SELECT (SELECT count(*) FROM temporary), (SELECT sum(x) FROM t)"};

  /** Of several: what their own connection changes while they are on one of them, they need not show. */
  private static final String[] SEVERAL = {"SELECT k, x FROM t ORDER BY k", "SELECT k, x FROM t ORDER BY x, k", "SELECT u.k, t.x FROM b.u JOIN t USING (k) ORDER BY 1",
      "SELECT value FROM json_each('[1, 2, 3]')", "SELECT k FROM t UNION ALL SELECT k FROM b.u"};

  private static final String[] NO_SQL = {"SELEC 1", "SELECT nosuch FROM t", "SELECT * FROM nosuch", "INSERT INTO nosuch VALUES (1)",
      "INSERT INTO t(k, x, y) VALUES (1, 2, 3)", "DROP TABLE nosuch", "SELECT * FROM b.nosuch", "SELECT abs(1, 2) FROM t"};

  private static final String[] WRITES = {"UPDATE t SET x = x + 1", "INSERT INTO t(x) VALUES (5)", "DELETE FROM t WHERE k > 6", "UPDATE b.u SET x = x + 1",
      "INSERT INTO b.u(x) VALUES (7)", "DELETE FROM b.u WHERE k > 6", "UPDATE t SET x = (SELECT max(x) FROM b.u) + 1 WHERE k = 2", "INSERT INTO temporary VALUES (1)",
      "INSERT INTO t(k, x) VALUES (1, 1)", "INSERT OR ROLLBACK INTO t(k, x) VALUES (1, 1)", "INSERT OR IGNORE INTO t(k, x) VALUES (2, 1)", "PRAGMA user_version = 7",
      "INSERT INTO t(x) SELECT x FROM b.u WHERE k < 3", "UPDATE t SET k = k WHERE k = 1; UPDATE b.u SET x = 3 WHERE k = 2"};

  private static final String[] TRANSACTIONS = {"BEGIN", "BEGIN", "BEGIN IMMEDIATE", "COMMIT", "COMMIT", "ROLLBACK", "SAVEPOINT s", "RELEASE s", "ROLLBACK TO s"};

  private static final String[] SCHEMA = {"CREATE TABLE IF NOT EXISTS d(x)", "DROP TABLE IF EXISTS d", "CREATE INDEX IF NOT EXISTS i ON t(x)", "DROP INDEX IF EXISTS i",
      "CREATE TABLE IF NOT EXISTS b.e(x)", "DROP TABLE IF EXISTS b.e"};

  private static final class Slot {
    boolean several;
    boolean onRow;
  }

  /** One program, run on all of them. */
  private void run(List<Host> hosts, Random random, int steps) {
    Slot[][] slots = new Slot[2][SLOTS];
    for (Slot[] each : slots) {
      for (int i = 0; i < SLOTS; i++) {
        each[i] = new Slot();
      }
    }
    List<String> program = new ArrayList<>();
    boolean[] schemaChanged = new boolean[2];
    for (int n = 0; n < steps; n++) {
      int c = random.nextInt(2);
      int slot = random.nextInt(SLOTS);
      Slot at = slots[c][slot];
      switch (random.nextInt(12)) {
        case 0 -> {
          at.several = random.nextInt(3) == 0;
          at.onRow = false;
          String sql = pick(random, random.nextInt(6) == 0 ? NO_SQL : at.several ? SEVERAL : SINGLE);
          all(hosts, program, c + ": prepare " + slot + ": " + sql, h -> h.prepare(c, slot, sql));
        }
        case 1, 2, 3, 4 -> {
          String row = all(hosts, program, c + ": step " + slot, h -> h.step(c, slot));
          at.onRow = !row.equals(DONE) && !row.startsWith("code");
          if (row.startsWith("code")) { // sqlite-jdbc takes one that could not be compiled again for no query
            all(hosts, program, c + ": prepare " + slot + ": SELECT 1", h -> h.prepare(c, slot, "SELECT 1"));
          }
        }
        case 5 -> {
          all(hosts, program, c + ": reset " + slot, h -> h.reset(c, slot));
          at.onRow = false;
        }
        case 6 -> {
          String sql = pick(random, NO_SQL);
          all(hosts, program, c + ": " + sql, h -> h.execute(c, sql));
        }
        case 7, 8 -> {
          leave(hosts, program, slots, c, false);
          String sql = pick(random, WRITES);
          boolean rolledBack = sql.contains("ROLLBACK") && schemaChanged[c];
          if (rolledBack) {
            leave(hosts, program, slots, c, true);
          }
          all(hosts, program, c + ": " + sql, h -> h.execute(c, sql));
        }
        case 9, 10 -> {
          String sql = pick(random, TRANSACTIONS);
          leave(hosts, program, slots, c, sql.startsWith("ROLLBACK") && schemaChanged[c]);
          all(hosts, program, c + ": " + sql, h -> h.execute(c, sql));
          schemaChanged[c] &= !sql.equals("COMMIT") && !sql.equals("ROLLBACK");
        }
        default -> {
          leave(hosts, program, slots, c, false);
          String sql = random.nextInt(3) == 0 ? pick(random, SCHEMA) : "INSERT INTO t(x) VALUES (9) RETURNING k, x";
          if (sql.startsWith("INSERT")) {
            returning(hosts, program, slots, c, sql);
          } else {
            schemaChanged[c] = true;
            all(hosts, program, c + ": look", h -> h.execute(c, "SELECT 1 FROM main.sqlite_schema, b.sqlite_schema LIMIT 1")); // at the schema as it is
            all(hosts, program, c + ": " + sql, h -> h.execute(c, sql));
          }
        }
      }
    }
  }

  /** To its end: with the first step it has done all where rows are read ahead, and with the last one elsewhere. */
  private void returning(List<Host> hosts, List<String> program, Slot[][] slots, int c, String sql) {
    slots[c][0].several = false;
    slots[c][0].onRow = false;
    if (!all(hosts, program, c + ": prepare 0: " + sql, h -> h.prepare(c, 0, sql)).equals(DONE)) {
      return;
    }
    all(hosts, program, c + ": run 0", h -> {
      String row = h.step(c, 0);
      return row.startsWith("code") ? row : row + h.step(c, 0);
    });
    all(hosts, program, c + ": prepare 0: SELECT 1", h -> h.prepare(c, 0, "SELECT 1"));
  }

  /** Resets the statements that need not show what comes next: those of several rows; all: every one. */
  private void leave(List<Host> hosts, List<String> program, Slot[][] slots, int c, boolean all) {
    for (int i = 0; i < SLOTS; i++) {
      Slot at = slots[c][i];
      if (at.onRow && (all || at.several)) {
        int slot = i;
        all(hosts, program, c + ": reset " + slot, h -> h.reset(c, slot));
        at.onRow = false;
      }
    }
  }

  private static String pick(Random random, String[] from) {
    return from[random.nextInt(from.length)];
  }

  private interface Action {
    String on(Host host);
  }

  private static String all(List<Host> hosts, List<String> program, String what, Action action) {
    String expected = null;
    for (Host h : hosts) {
      String result = action.on(h);
      if (expected == null) {
        expected = result;
        program.add(what + " -> " + result);
      } else {
        assertEquals(expected, result, () -> (h instanceof Ours ours ? "readAhead(" + ours.ahead + ")" : "WAL") + " after\n"
            + String.join("\n", program.subList(Math.max(0, program.size() - Integer.getInteger("differential.shown", 80)), program.size())));
      }
    }
    return expected;
  }

  @Test
  void asSqliteOnAFileInWalMode(@TempDir Path folder) throws Exception {
    Random random = Seed.random("ReadTransactionTest");
    int rounds = Integer.getInteger("differential.rounds", 40);
    for (int round = 0; round < rounds; round++) {
      Path files = Files.createDirectory(folder.resolve("round" + round));
      List<Host> hosts = List.of(new Wal(files), new Ours(false), new Ours(true));
      try {
        List<String> program = new ArrayList<>();
        for (String sql : new String[] {"CREATE TABLE t(k INTEGER PRIMARY KEY, x); INSERT INTO t(x) VALUES (1), (2), (3), (4), (5)",
            "CREATE TABLE b.u(k INTEGER PRIMARY KEY, x); INSERT INTO b.u(x) VALUES (10), (20), (30)"}) {
          all(hosts, program, "0: " + sql, h -> h.execute(0, sql));
        }
        for (int c = 0; c < 2; c++) {
          int connection = c;
          all(hosts, program, c + ": temporary", h -> h.execute(connection, "CREATE TEMP TABLE temporary(x)"));
        }
        run(hosts, random, 250);
        for (int c = 0; c < 2; c++) {
          int connection = c;
          for (int i = 0; i < SLOTS; i++) {
            int slot = i;
            all(hosts, program, c + ": reset " + i, h -> h.reset(connection, slot));
          }
          for (Host h : hosts) {
            h.execute(connection, "ROLLBACK");
          }
        }
        for (Host h : hosts) {
          if (h instanceof Ours ours) {
            Sql.assertWhole(ours.connections[0]);
            assertEquals(0, vfs.stats("a" + ours.ahead).pins());
          }
        }
      } finally {
        for (Host h : hosts) {
          h.close();
        }
      }
      for (boolean ahead : new boolean[] {true, false}) {
        assertTrue(vfs.delete("a" + ahead));
        assertTrue(vfs.delete("b" + ahead));
      }
    }
    vfs.close();
  }
}
