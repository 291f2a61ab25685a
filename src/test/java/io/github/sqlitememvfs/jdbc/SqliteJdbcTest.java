package io.github.sqlitememvfs.jdbc;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sqlitememvfs.Crew;
import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.OpenOptions;
import io.github.sqlitememvfs.OtherSqlite;
import io.github.sqlitememvfs.Snapshot;
import io.github.sqlitememvfs.Sql;
import io.github.sqlitememvfs.SqliteBusyException;
import io.github.sqlitememvfs.SqliteConnection;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sqlite.SQLiteConnection;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/** What users of sqlite-jdbc rely on, on databases in memory that our own API has open, too. */
class SqliteJdbcTest {

  private final MemoryVfs vfs = MemoryVfs.create();

  @TempDir
  private Path folder;

  @AfterEach
  void close() {
    vfs.close();
  }

  private Connection connect(String database, String... settings) throws SQLException {
    Properties properties = new Properties();
    for (String setting : settings) {
      properties.setProperty(setting.substring(0, setting.indexOf('=')), setting.substring(setting.indexOf('=') + 1));
    }
    return MemoryDataSource.of(vfs, database, properties).getConnection();
  }

  private void make(String database, String... statements) {
    try (SqliteConnection c = vfs.open(database)) {
      for (String sql : statements) {
        c.execute(sql);
      }
    }
  }

  private static SQLiteErrorCode code(SQLException e) {
    return ((SQLiteException) e).getResultCode();
  }

  // ---- statements

  @Test
  void givesGeneratedKeys() throws SQLException {
    make("a", "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, x)");
    try (Connection c = connect("a")) {
      for (long expected = 1; expected <= 3; expected++) {
        try (PreparedStatement insert = c.prepareStatement("INSERT INTO t(x) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
          insert.setString(1, "x");
          assertEquals(1, insert.executeUpdate());
          try (ResultSet keys = insert.getGeneratedKeys()) {
            assertTrue(keys.next());
            assertEquals(expected, keys.getLong(1));
          }
        }
      }
      make("a", "INSERT INTO t(x) VALUES ('ours')"); // its key is counted on from, too
      assertEquals(5, Jdbc.number(c, "INSERT INTO t(x) VALUES ('y') RETURNING id"));
    }
  }

  @Test
  void runsBatches() throws SQLException {
    make("a", "CREATE TABLE t(x INTEGER NOT NULL UNIQUE)");
    try (Connection c = connect("a"); PreparedStatement insert = c.prepareStatement("INSERT INTO t VALUES (?)"); SqliteConnection ours = vfs.open("a")) {
      c.setAutoCommit(false);
      for (int i = 0; i < 1000; i++) {
        insert.setInt(1, i);
        insert.addBatch();
      }
      assertEquals(1000, Arrays.stream(insert.executeBatch()).sum());
      assertEquals(0, Sql.number(ours, "SELECT count(*) FROM t"));
      c.commit();
      assertEquals(1000, Sql.number(ours, "SELECT count(*) FROM t"));
      insert.setInt(1, 1000);
      insert.addBatch();
      insert.setInt(1, 7); // is there
      insert.addBatch();
      assertEquals(SQLiteErrorCode.SQLITE_CONSTRAINT_UNIQUE, code(assertThrows(SQLException.class, insert::executeBatch)));
      c.rollback();
      assertEquals(1000, Sql.number(ours, "SELECT count(*) FROM t"));
    }
  }

  @Test
  void savepointsRollBackAPart() throws SQLException {
    make("a", "CREATE TABLE t(x)");
    try (Connection c = connect("a")) {
      c.setAutoCommit(false);
      Jdbc.update(c, "INSERT INTO t VALUES ('kept')");
      Savepoint here = c.setSavepoint("here");
      Jdbc.update(c, "INSERT INTO t VALUES (zeroblob(5000000))");
      c.rollback(here);
      Jdbc.update(c, "INSERT INTO t VALUES ('kept, too')");
      c.commit();
    }
    byte[] bytes = Sql.bytes(vfs, "a");
    assertEquals(List.of(List.of("kept"), List.of("kept, too")), OtherSqlite.rows(bytes, "SELECT x FROM t"));
    OtherSqlite.assertWhole(bytes);
  }

  @ParameterizedTest
  @ValueSource(ints = {1_000_001, 10_000_000})
  void keepsLargeBlobs(int size) throws SQLException {
    byte[] blob = new byte[size];
    new Random(size).nextBytes(blob);
    make("a", "CREATE TABLE t(id INTEGER PRIMARY KEY, x)");
    try (Connection c = connect("a"); SqliteConnection ours = vfs.open("a")) {
      Jdbc.update(c, "INSERT INTO t VALUES (1, ?)", (Object) blob);
      ours.execute("INSERT INTO t VALUES (2, ?)", (Object) blob);
      assertArrayEquals(blob, (byte[]) Jdbc.value(c, "SELECT x FROM t WHERE id = 2"));
      try (var statement = ours.query("SELECT x FROM t WHERE id = 1")) {
        assertTrue(statement.step());
        assertArrayEquals(blob, statement.getBlob(0));
      }
      Jdbc.update(c, "DELETE FROM t WHERE id = 2");
      Jdbc.execute(c, "VACUUM");
      assertTrue(vfs.size("a") < 1.1 * size, vfs.size("a") + " bytes");
      Sql.assertWhole(ours);
    }
  }

  @Test
  void metadataNamesTables() throws SQLException {
    make("a", "CREATE TABLE t(x INTEGER PRIMARY KEY, y TEXT)", "CREATE VIEW v AS SELECT * FROM t");
    try (Connection c = connect("a"); ResultSet tables = c.getMetaData().getTables(null, null, null, new String[] {"TABLE", "VIEW"})) {
      assertTrue(tables.next());
      assertEquals("t", tables.getString("TABLE_NAME"));
      assertTrue(tables.next());
      assertEquals("v", tables.getString("TABLE_NAME"));
      assertFalse(tables.next());
    }
  }

  // ---- pragmas

  /** A write-ahead log is not needed, and not made: the answer is the mode in force. */
  @ParameterizedTest
  @CsvSource({"WAL, memory", "DELETE, delete", "TRUNCATE, truncate", "PERSIST, persist", "MEMORY, memory", "OFF, off"})
  void journalModeIsAnswered(String asked, String answer) throws SQLException {
    make("a", "CREATE TABLE t(x)");
    try (Connection c = connect("a")) {
      assertEquals("memory", Jdbc.value(c, "PRAGMA journal_mode"));
      assertEquals(answer, Jdbc.value(c, "PRAGMA journal_mode = " + asked));
      c.setAutoCommit(false);
      Jdbc.update(c, "INSERT INTO t VALUES (1)");
      c.rollback();
      assertEquals(0, Jdbc.number(c, "SELECT count(*) FROM t"));
    }
    try (Connection c = connect("a", "journal_mode=" + asked)) {
      assertEquals(answer, Jdbc.value(c, "PRAGMA journal_mode"));
      Jdbc.update(c, "INSERT INTO t VALUES (1)");
      Jdbc.assertWhole(c);
    }
    assertEquals(List.of("a"), vfs.databases());
    assertEquals(List.of(List.of(1)), OtherSqlite.rows(Sql.bytes(vfs, "a"), "SELECT x FROM t"));
  }

  @Test
  void settingsOfTheConnectionHold() throws SQLException {
    make("a", "CREATE TABLE parent(id INTEGER PRIMARY KEY)", "CREATE TABLE child(parent REFERENCES parent(id))");
    try (Connection c = connect("a", "foreign_keys=true", "busy_timeout=1234", "user_version=42", "cache_size=77", "mmap_size=65536")) {
      SQLException e = assertThrows(SQLException.class, () -> Jdbc.update(c, "INSERT INTO child VALUES (7)"));
      assertEquals(SQLiteErrorCode.SQLITE_CONSTRAINT_FOREIGNKEY, code(e));
      assertEquals(1234, Jdbc.number(c, "PRAGMA busy_timeout"));
      assertEquals(77, Jdbc.number(c, "PRAGMA cache_size"));
      assertEquals(42, Jdbc.number(c, "PRAGMA user_version"));
      assertEquals(65536, Jdbc.number(c, "PRAGMA mmap_size")); // what is said here goes before the URL
      Jdbc.execute(c, "PRAGMA user_version = 43");
      assertEquals("normal", Jdbc.value(c, "PRAGMA locking_mode = EXCLUSIVE"));
    }
    try (SqliteConnection ours = vfs.open("a")) {
      assertEquals(43, Sql.number(ours, "PRAGMA user_version"));
    }
  }

  /** Exclusive locks are not needed either: nobody else is kept out. */
  @Test
  void lockingModeIsAnswered() throws SQLException {
    make("a", "CREATE TABLE t AS SELECT 1 AS x");
    try (Connection c = connect("a", "locking_mode=EXCLUSIVE"); SqliteConnection ours = vfs.open("a")) {
      Jdbc.update(c, "UPDATE t SET x = x + 1");
      ours.execute("UPDATE t SET x = x + 1");
      assertEquals(3, Jdbc.number(c, "SELECT x FROM t"));
    }
  }

  /** Connections with a common cache lock each other's tables, as SQLite has it, and nobody else's. */
  @Test
  void connectionsMayShareACache() throws SQLException {
    make("a", "CREATE TABLE t AS SELECT 1 AS x");
    String url = vfs.jdbcUrl("a") + "&cache=shared";
    try (Connection c = DriverManager.getConnection(url); Connection d = DriverManager.getConnection(url); SqliteConnection ours = vfs.open("a")) {
      c.setAutoCommit(false);
      Jdbc.update(c, "UPDATE t SET x = 2");
      assertEquals(SQLiteErrorCode.SQLITE_LOCKED_SHAREDCACHE, code(assertThrows(SQLException.class, () -> Jdbc.number(d, "SELECT x FROM t"))));
      assertEquals(1, Sql.number(ours, "SELECT x FROM t"));
      c.commit();
      ours.execute("UPDATE t SET x = x + 10");
      assertEquals(12, Jdbc.number(d, "SELECT x FROM t"));
      assertEquals(12, Jdbc.number(c, "SELECT x FROM t"));
      c.commit();
    }
    assertEquals(1, vfs.stats("a").versions());
  }

  /** Pages of a database that was emptied go, whether they are read in place or not. */
  @ParameterizedTest
  @ValueSource(longs = {0, 1L << 40})
  void readsWithAndWithoutPagesInPlace(long mmapSize) throws SQLException {
    make("a", "CREATE TABLE t(x)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO t SELECT randomblob(1000) FROM n");
    try (Connection c = connect("a", "mmap_size=" + mmapSize); SqliteConnection ours = vfs.open("a")) {
      assertEquals(1_000_000, Jdbc.number(c, "SELECT sum(length(x)) FROM t"));
      ours.execute("DELETE FROM t");
      ours.execute("VACUUM");
      assertEquals(0, Jdbc.number(c, "SELECT count(*) FROM t"));
      Jdbc.assertWhole(c);
    }
    assertEquals(1, vfs.stats("a").versions());
  }

  // ---- names

  @ParameterizedTest
  @ValueSource(strings = {" ", "a b", "what?", "#1", "100%", "%41", "a&b=c", "a?mode=ro&vfs=unix", "Größe", "日本", "🐿️", "a+b", "a'b\"c", "../x", "/tmp/x.db",
      "file:x", ":resource:x", "a;b", "\\", "a\nb", "-journal"})
  void anyNameOfADatabaseWillDo(String name) throws SQLException {
    try (Connection c = connect(name)) {
      Jdbc.execute(c, "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)");
    }
    assertEquals(List.of(name), vfs.databases());
    try (Connection c = DriverManager.getConnection(vfs.jdbcUrl(name)); SqliteConnection ours = vfs.open(name)) {
      ours.execute("INSERT INTO t VALUES (2)");
      assertEquals(3, Jdbc.number(c, "SELECT sum(x) FROM t"));
    }
  }

  /** Within a connection, a name is one of the same MemoryVfs, even if it looks like a path. */
  @Test
  void attachesDatabasesByName() throws SQLException {
    Path path = folder.resolve("b.db");
    make("a", "CREATE TABLE t AS SELECT 1 AS x");
    try (Connection c = connect("a")) {
      Jdbc.execute(c, "ATTACH '" + path + "' AS b", "CREATE TABLE b.u(y)");
      c.setAutoCommit(false);
      Jdbc.update(c, "INSERT INTO b.u SELECT x + 10 FROM t");
      Jdbc.update(c, "UPDATE t SET x = 2");
      c.commit();
      Jdbc.update(c, "DELETE FROM b.u");
      Jdbc.update(c, "DELETE FROM t");
      c.rollback();
    }
    assertFalse(Files.exists(path));
    assertEquals(List.of(path.toString(), "a"), vfs.databases());
    try (Connection c = DriverManager.getConnection("jdbc:sqlite::memory:")) { // one that has nothing to do with us
      Jdbc.execute(c, "ATTACH 'file:a?vfs=" + vfs.name() + "' AS a", "ATTACH 'file:" + path + "?vfs=" + vfs.name() + "' AS b");
      assertEquals(List.of(List.of(2, 11)), Jdbc.rows(c, "SELECT x, y FROM a.t, b.u"));
    }
  }

  // ---- backup, restore, serialize

  @Test
  void backsUpIntoAFileAndRestoresFromIt() throws Exception {
    Path file = folder.resolve("backup.db");
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)");
    try (Connection c = connect("a"); SqliteConnection ours = vfs.open("a")) {
      Jdbc.execute(c, "BACKUP TO '" + file + "'");
      assertEquals(List.of(List.of(1)), OtherSqlite.rows(Files.readAllBytes(file), "SELECT x FROM t"));
      ours.execute("DROP TABLE t");
      Jdbc.execute(c, "RESTORE FROM '" + file + "'");
      assertEquals(1, Sql.number(ours, "SELECT x FROM t"));
      Sql.assertWhole(ours);
    }
  }

  /** A file that SQLite itself would write in WAL mode is restored as a database without a log, and readers keep their version meanwhile. */
  @Test
  void restoresAFileOverWhatIsBeingRead() throws Exception {
    Path file = folder.resolve("wal.db");
    Files.write(file, OtherSqlite.database("PRAGMA journal_mode = WAL", "CREATE TABLE other(y)", "INSERT INTO other VALUES (42)"));
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES (1), (2), (3)");
    try (Connection c = connect("a"); SqliteConnection ours = vfs.open("a"); var rows = ours.query("SELECT x FROM t")) {
      assertTrue(rows.step());
      Jdbc.execute(c, "RESTORE FROM '" + file + "'");
      assertTrue(rows.step());
      assertTrue(rows.step());
      assertEquals(3, rows.getLong(0));
      assertFalse(rows.step());
      assertEquals(42, Sql.number(ours, "SELECT y FROM other"));
      assertEquals(42, Jdbc.number(c, "SELECT y FROM other"));
      Sql.assertWhole(ours);
    }
  }

  /** A backup in steps begins anew when somebody commits between two of them: it never mixes versions. */
  @Test
  void backupInStepsIsOfOneVersion() throws Exception {
    Path file = folder.resolve("steps.db");
    make("a", "CREATE TABLE t(x, padding)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO t SELECT 0, zeroblob(1000) FROM n");
    try (Connection c = connect("a"); SqliteConnection ours = vfs.open("a")) {
      int[] steps = {0};
      c.unwrap(SQLiteConnection.class).getDatabase().backup("main", file.toString(), (remaining, pages) -> {
        if (++steps[0] % 2 == 0 && steps[0] <= 6) {
          ours.execute("UPDATE t SET x = x + 1");
        }
      }, 100, 3, 30);
      assertTrue(steps[0] > 6, steps[0] + " steps");
    }
    byte[] bytes = Files.readAllBytes(file);
    OtherSqlite.assertWhole(bytes);
    assertEquals(List.of(List.of(300, 3, 3)), OtherSqlite.rows(bytes, "SELECT count(*), min(x), max(x) FROM t"));
  }

  /** It waits for the writer's place, and in the end gives up. sqlite-jdbc does not say so, for files neither. */
  @Test
  void restoreDoesNotDisturbAWriter() throws Exception {
    Path file = folder.resolve("other.db");
    Files.write(file, OtherSqlite.database("CREATE TABLE other(y)", "INSERT INTO other VALUES (42)"));
    make("a", "CREATE TABLE t(x)");
    try (Connection c = connect("a", "busy_timeout=0"); SqliteConnection ours = vfs.open("a")) {
      ours.execute("BEGIN IMMEDIATE");
      ours.execute("INSERT INTO t VALUES (1)");
      Jdbc.execute(c, "RESTORE FROM '" + file + "'");
      ours.execute("COMMIT");
      assertEquals(1, Jdbc.number(c, "SELECT x FROM t"));
      Jdbc.assertWhole(c);
      Jdbc.execute(c, "RESTORE FROM '" + file + "'");
      assertEquals(42, Sql.number(ours, "SELECT y FROM other"));
    }
  }

  @Test
  void backsUpFromOneMemoryVfsIntoAnother() throws SQLException {
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES (zeroblob(300000))");
    try (MemoryVfs second = MemoryVfs.create(); Connection c = connect("a")) {
      String url = second.jdbcUrl("copy");
      Jdbc.execute(c, "BACKUP TO '" + url.substring("jdbc:sqlite:".length()) + "'");
      assertEquals(List.of("copy"), second.databases());
      try (SqliteConnection copy = second.open("copy")) {
        assertEquals(300000, Sql.number(copy, "SELECT length(x) FROM t"));
        Sql.assertWhole(copy);
      }
    }
  }

  @Test
  void vacuumsIntoAnotherDatabase() throws SQLException {
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)");
    try (Connection c = connect("a")) {
      Jdbc.execute(c, "VACUUM INTO 'file:b?vfs=" + vfs.name() + "'");
      Jdbc.execute(c, "ATTACH 'file:b?vfs=" + vfs.name() + "' AS b");
      assertEquals(1, Jdbc.number(c, "SELECT b.t.x FROM b.t JOIN main.t USING (x)"));
    }
    try (SqliteConnection ours = vfs.open("b")) {
      assertEquals(1, Sql.number(ours, "SELECT x FROM t"));
    }
  }

  @Test
  void serializesTheSameBytesAsOurApi() throws SQLException {
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES (zeroblob(100000))");
    try (Connection c = connect("a")) {
      SQLiteConnection sqlite = c.unwrap(SQLiteConnection.class);
      assertArrayEquals(Sql.bytes(vfs, "a"), sqlite.serialize("main"));
      c.setAutoCommit(false);
      Jdbc.update(c, "INSERT INTO t VALUES (1)"); // is in the one's bytes, and not committed
      assertEquals(List.of(List.of(2)), OtherSqlite.rows(sqlite.serialize("main"), "SELECT count(*) FROM t"));
      assertEquals(List.of(List.of(1)), OtherSqlite.rows(Sql.bytes(vfs, "a"), "SELECT count(*) FROM t"));
      c.rollback();
    }
  }

  /** sqlite-jdbc's deserialize puts bytes of its own in the place of the connection's database; ours stays as it is. */
  @Test
  void deserializeOfSqliteJdbcLeavesOurDatabaseAlone() throws SQLException {
    byte[] bytes = OtherSqlite.database("CREATE TABLE other(y)", "INSERT INTO other VALUES (42)");
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)");
    try (Connection c = connect("a"); SqliteConnection ours = vfs.open("a")) {
      c.unwrap(SQLiteConnection.class).deserialize("main", bytes);
      assertEquals(42, Jdbc.number(c, "SELECT y FROM other"));
      assertEquals(1, Sql.number(ours, "SELECT x FROM t"));
    }
    vfs.delete("a");
    assertEquals(0, vfs.stats().bytesInUse());
  }

  // ---- read-only

  @Test
  void readOnlyConnectionsReadOnly() throws SQLException {
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)");
    try (Connection c = connect("a", "open_mode=1")) {
      assertTrue(c.isReadOnly());
      assertEquals(1, Jdbc.number(c, "SELECT x FROM t"));
      SQLException e = assertThrows(SQLException.class, () -> Jdbc.update(c, "DELETE FROM t"));
      assertEquals(SQLiteErrorCode.SQLITE_READONLY, code(e));
      make("a", "INSERT INTO t VALUES (2)");
      assertEquals(3, Jdbc.number(c, "SELECT sum(x) FROM t"));
    }
    try (Connection c = DriverManager.getConnection(vfs.jdbcUrl("a") + "&mode=ro")) {
      assertEquals(SQLiteErrorCode.SQLITE_READONLY, code(assertThrows(SQLException.class, () -> Jdbc.update(c, "DELETE FROM t"))));
    }
    SQLException e = assertThrows(SQLException.class, () -> connect("b", "open_mode=1").close());
    assertEquals(SQLiteErrorCode.SQLITE_CANTOPEN, code(e));
    assertEquals(List.of("a"), vfs.databases());
  }

  // ---- both APIs at once

  @Test
  void writerIsBusyWhileOurApiWrites() throws Exception {
    make("a", "CREATE TABLE t(x)");
    try (Connection c = connect("a", "busy_timeout=0"); SqliteConnection ours = vfs.open("a")) {
      ours.execute("BEGIN IMMEDIATE");
      SQLException e = assertThrows(SQLException.class, () -> Jdbc.update(c, "INSERT INTO t VALUES (1)"));
      assertEquals(SQLiteErrorCode.SQLITE_BUSY, code(e));
      assertEquals(0, Jdbc.number(c, "SELECT count(*) FROM t")); // reading goes on
      ours.execute("COMMIT");
      assertEquals(1, Jdbc.update(c, "INSERT INTO t VALUES (1)"));
    }
    try (Connection c = connect("a", "busy_timeout=20"); SqliteConnection ours = vfs.open("a")) {
      ours.execute("BEGIN IMMEDIATE");
      SQLException e = assertThrows(SQLException.class, () -> Jdbc.update(c, "INSERT INTO t VALUES (1)")); // after some waiting
      assertEquals(SQLiteErrorCode.SQLITE_BUSY, code(e));
    }
  }

  @Test
  void writerWaitsForOurApi() throws Exception {
    make("a", "CREATE TABLE t(x)");
    try (Connection c = connect("a", "busy_timeout=3600000"); SqliteConnection ours = vfs.open("a")) {
      ours.execute("BEGIN IMMEDIATE");
      ours.execute("INSERT INTO t VALUES ('first')");
      Crew crew = new Crew();
      crew.start("JDBC writer", () -> Jdbc.update(c, "INSERT INTO t SELECT 'after ' || x FROM t"));
      Thread.sleep(20); // it is likely to wait by now, but the test holds if it is not
      ours.execute("COMMIT");
      crew.join();
      assertEquals(List.of(List.of("first"), List.of("after first")), Sql.rows(ours, "SELECT x FROM t ORDER BY rowid"));
    }
  }

  @Test
  void ourApiIsBusyAndWaitsWhileAConnectionWrites() throws Exception {
    make("a", "CREATE TABLE t(x)");
    try (Connection c = connect("a", "transaction_mode=IMMEDIATE"); SqliteConnection ours = vfs.open("a", OpenOptions.defaults().busyTimeout(0));
        SqliteConnection patient = vfs.open("a", OpenOptions.defaults().busyTimeout(3_600_000))) {
      c.setAutoCommit(false);
      Jdbc.value(c, "SELECT count(*) FROM t"); // within a transaction that writes
      assertThrows(SqliteBusyException.class, () -> ours.execute("INSERT INTO t VALUES (1)"));
      Jdbc.update(c, "INSERT INTO t VALUES ('first')");
      Crew crew = new Crew();
      crew.start("our writer", () -> patient.execute("INSERT INTO t SELECT 'after ' || x FROM t"));
      Thread.sleep(20); // it is likely to wait by now, but the test holds if it is not
      c.setAutoCommit(true); // commits; commit() would begin the next one at once
      crew.join();
      assertEquals(List.of(List.of("first"), List.of("after first")), Sql.rows(ours, "SELECT x FROM t ORDER BY rowid"));
    }
  }

  @Test
  void readersOfBothHoldDifferentVersions() throws SQLException {
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)", "CREATE TABLE u(x, padding)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO u SELECT 1, zeroblob(1000) FROM n");
    try (Connection first = connect("a"); Connection second = connect("a"); SqliteConnection ours = vfs.open("a"); SqliteConnection writer = vfs.open("a")) {
      first.setAutoCommit(false);
      second.setAutoCommit(false);
      assertEquals(1, Jdbc.number(first, "SELECT x FROM t"));
      writer.execute("UPDATE t SET x = 2");
      writer.execute("UPDATE u SET x = 2");
      assertEquals(2, Jdbc.number(second, "SELECT x FROM t"));
      ours.execute("BEGIN");
      assertEquals(2, Sql.number(ours, "SELECT x FROM t"));
      writer.execute("UPDATE t SET x = 3");
      writer.execute("UPDATE u SET x = 3");
      writer.execute("VACUUM");
      assertEquals(List.of(1L, 2L, 2L, 3L), List.of(Jdbc.number(first, "SELECT x FROM t"), Jdbc.number(second, "SELECT x FROM t"),
          Sql.number(ours, "SELECT x FROM t"), Sql.number(writer, "SELECT x FROM t")));
      // These pages they have not read before.
      assertEquals(List.of(100L, 200L, 200L, 300L), List.of(Jdbc.number(first, "SELECT sum(x) FROM u"), Jdbc.number(second, "SELECT sum(x) FROM u"),
          Sql.number(ours, "SELECT sum(x) FROM u"), Sql.number(writer, "SELECT sum(x) FROM u")));
      assertEquals(3, vfs.stats("a").versions());
      // What was read is old: nobody may write on the strength of it.
      SQLException e = assertThrows(SQLException.class, () -> Jdbc.update(first, "UPDATE t SET x = x + 10"));
      assertEquals(SQLiteErrorCode.SQLITE_BUSY_SNAPSHOT, code(e));
      first.rollback();
      assertEquals(1, Jdbc.update(first, "UPDATE t SET x = x + 10"));
      first.commit();
      second.commit();
      ours.execute("COMMIT");
      assertEquals(13, Jdbc.number(second, "SELECT x FROM t"));
      second.commit();
    }
    assertEquals(1, vfs.stats("a").versions());
  }

  @Test
  void deserializeWaitsForNobodyWhoReads() throws Exception {
    byte[] bytes = OtherSqlite.database("CREATE TABLE t(x)", "INSERT INTO t VALUES ('new')");
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES ('old')", "CREATE TABLE u AS SELECT zeroblob(100000) AS x");
    try (Connection reader = connect("a"); PreparedStatement kept = reader.prepareStatement("SELECT x FROM t")) {
      reader.setAutoCommit(false);
      assertEquals("old", Jdbc.value(reader, "SELECT x FROM t"));
      vfs.deserialize("a", List.of(bytes));
      try (ResultSet row = kept.executeQuery()) {
        assertEquals("old", row.getString(1));
      }
      assertEquals(200_000, Jdbc.number(reader, "SELECT length(hex(x)) FROM u")); // pages that it had not read before
      reader.commit();
      try (ResultSet row = kept.executeQuery()) { // the same statement
        assertEquals("new", row.getString(1));
      }
      reader.commit();
      Jdbc.update(reader, "UPDATE t SET x = 'newer'");
      reader.commit();
    }
    assertEquals(List.of(List.of("newer")), OtherSqlite.rows(Sql.bytes(vfs, "a"), "SELECT x FROM t"));
  }

  /** A snapshot's bytes stay what they are while a connection writes. */
  @Test
  void snapshotsKeepWhatConnectionsChange() throws Exception {
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)");
    try (Connection c = connect("a"); Snapshot snapshot = vfs.snapshot("a")) {
      Jdbc.update(c, "UPDATE t SET x = 2");
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      try (InputStream in = snapshot.newInputStream()) {
        in.transferTo(out);
      }
      assertEquals(List.of(List.of(1)), OtherSqlite.rows(out.toByteArray(), "SELECT x FROM t"));
    }
  }

  @Test
  void forksAreDatabasesOfTheirOwn() throws SQLException {
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)");
    vfs.fork("a", "fork");
    try (Connection origin = connect("a"); Connection fork = connect("fork")) {
      Jdbc.update(fork, "UPDATE t SET x = 2");
      Jdbc.update(origin, "UPDATE t SET x = 3");
      assertEquals(Map.of("a", 3L, "fork", 2L), Map.of("a", Jdbc.number(origin, "SELECT x FROM t"), "fork", Jdbc.number(fork, "SELECT x FROM t")));
      fork.setAutoCommit(false);
      Jdbc.update(fork, "DELETE FROM t");
      Jdbc.update(origin, "DELETE FROM t"); // writers of two databases do not meet
      fork.rollback();
      assertEquals(2, Jdbc.number(fork, "SELECT x FROM t"));
      fork.commit();
    }
  }

  @Test
  void deletedDatabaseStaysForThoseWhoHaveIt() throws SQLException {
    make("a", "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)");
    try (Connection c = connect("a")) {
      assertEquals(1, Jdbc.number(c, "SELECT x FROM t"));
      assertTrue(vfs.delete("a"));
      assertEquals(1, Jdbc.update(c, "UPDATE t SET x = 2"));
      try (Connection another = connect("a")) { // the name is free: this is a new one
        assertEquals(0, Jdbc.number(another, "SELECT count(*) FROM sqlite_schema"));
      }
      assertEquals(2, Jdbc.number(c, "SELECT x FROM t"));
      Jdbc.assertWhole(c);
    }
    vfs.delete("a");
    assertEquals(0, vfs.stats().bytesInUse());
  }

  @Test
  void reachesTheLimitOfBytes() throws SQLException {
    try (MemoryVfs small = MemoryVfs.builder().maxBytes(1 << 20).build(); Connection c = MemoryDataSource.of(small, "a").getConnection()) {
      Jdbc.execute(c, "CREATE TABLE t(x)");
      SQLException e = assertThrows(SQLException.class, () -> Jdbc.update(c, "INSERT INTO t VALUES (zeroblob(2000000))"));
      assertEquals(SQLiteErrorCode.SQLITE_FULL, code(e));
      assertEquals(1, Jdbc.update(c, "INSERT INTO t VALUES (zeroblob(200000))"));
      Jdbc.assertWhole(c);
    }
  }

  // ---- the end

  @Test
  void closingTheVfsWithinTransactionsCrashesNobody() throws SQLException {
    make("a", "CREATE TABLE t(x)", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT i FROM n");
    MemoryDataSource source = MemoryDataSource.of(vfs, "a");
    try (Connection reader = source.getConnection(); Connection writer = source.getConnection();
        Statement statement = reader.createStatement(); ResultSet rows = statement.executeQuery("SELECT x FROM t ORDER BY x")) {
      assertTrue(rows.next());
      writer.setAutoCommit(false);
      assertEquals(5000, Jdbc.update(writer, "UPDATE t SET x = -x"));
      vfs.close();
      for (int i = 2; i <= 5000; i++) {
        assertTrue(rows.next());
        assertEquals(i, rows.getInt(1));
      }
      assertFalse(rows.next());
      writer.commit();
      assertEquals(-5000, Jdbc.number(reader, "SELECT min(x) FROM t"));
      Jdbc.assertWhole(reader);
      writer.setAutoCommit(true);
      Jdbc.update(writer, "VACUUM");
      Jdbc.assertWhole(reader);
      assertThrows(SQLException.class, source::getConnection);
      assertThrows(IllegalStateException.class, () -> vfs.jdbcUrl("a"));
      SQLException e = assertThrows(SQLException.class, () -> DriverManager.getConnection(source.url()).close());
      assertTrue(e.getMessage().contains("SQLITE_CANTOPEN"), e.getMessage());
    }
  }

  @Test
  void connectionsThatAreOpenKeepWritingWhileTheVfsIsClosed() throws Exception {
    make("a", "CREATE TABLE t(x)");
    int writers = 4;
    CountDownLatch begun = new CountDownLatch(writers);
    Crew crew = new Crew();
    for (int i = 0; i < writers; i++) {
      Connection opened = connect("a", "busy_timeout=3600000");
      crew.start("writer " + i, () -> {
        try (Connection c = opened) {
          begun.countDown();
          for (int n = 0; n < 200; n++) {
            Jdbc.update(c, "INSERT INTO t VALUES (?)", n);
          }
          Jdbc.assertWhole(c);
        }
      });
    }
    begun.await();
    vfs.close();
    crew.join();
  }
}
