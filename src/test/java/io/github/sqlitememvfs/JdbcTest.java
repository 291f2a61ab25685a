package io.github.sqlitememvfs;

import static io.github.sqlitememvfs.jdbc.Jdbc.execute;
import static io.github.sqlitememvfs.jdbc.Jdbc.number;
import static io.github.sqlitememvfs.jdbc.Jdbc.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Our SQLite and that of sqlite-jdbc use the same databases at the same time. */
class JdbcTest {
  private final MemoryVfs vfs = MemoryVfs.create();

  @AfterEach
  void close() {
    vfs.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"shop", "a?b", "a b#c%20&d=e", "größe/😀", "C:\\x", "../x"})
  void bothSeeTheSameDatabase(String name) throws SQLException {
    try (Connection jdbc = DriverManager.getConnection(vfs.jdbcUrl(name)); SqliteConnection own = vfs.open(name)) {
      execute(jdbc, "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)");
      assertEquals(1, Sql.number(own, "SELECT count(*) FROM t"));
      own.execute("INSERT INTO t VALUES (2)");
      assertEquals(2, number(jdbc, "SELECT count(*) FROM t"));
      assertEquals(List.of(name), vfs.databases());
    }
  }

  @Test
  void vfsesMadeLaterAreThereToo() throws SQLException {
    vfs.jdbcUrl("first"); // loaded by now
    try (MemoryVfs later = MemoryVfs.create()) {
      try (SqliteConnection own = later.open("x")) {
        own.execute("CREATE TABLE t AS SELECT 7 AS x");
      }
      try (Connection jdbc = DriverManager.getConnection("jdbc:sqlite:file:x?vfs=" + later.name())) {
        assertEquals(7, number(jdbc, "SELECT x FROM t"));
        execute(jdbc, "ATTACH 'file:y?vfs=" + vfs.name() + "' AS y", "CREATE TABLE y.u AS SELECT * FROM t");
      }
    }
    assertEquals(List.of("y"), vfs.databases());
  }

  @Test
  void pagesAreReadInPlace() throws SQLException {
    try (Connection jdbc = MemoryDataSource.of(vfs, "a").getConnection()) {
      assertTrue(number(jdbc, "PRAGMA mmap_size") > 1 << 30);
    }
  }

  @Test
  void readersSeeTheVersionThatTheyBeganWith() throws SQLException {
    DataSource source = MemoryDataSource.of(vfs, "a");
    try (Connection reader = source.getConnection(); SqliteConnection writer = vfs.open("a")) {
      writer.execute("CREATE TABLE t AS SELECT 1 AS x");
      reader.setAutoCommit(false);
      assertEquals(1, number(reader, "SELECT x FROM t"));
      writer.execute("UPDATE t SET x = 2");
      assertEquals(1, number(reader, "SELECT x FROM t"));
      reader.commit();
      assertEquals(2, number(reader, "SELECT x FROM t"));
    }
  }

  @Test
  void contentReplacedUnderAnOpenConnectionIsSeenByItsNextTransaction() throws Exception {
    byte[] other = OtherSqlite.database("CREATE TABLE other(y)", "INSERT INTO other VALUES (42)");
    try (Connection jdbc = MemoryDataSource.of(vfs, "a").getConnection()) {
      execute(jdbc, "CREATE TABLE t(x)");
      vfs.deserialize("a", new java.io.ByteArrayInputStream(other));
      assertEquals(42, number(jdbc, "SELECT y FROM other"));
    }
  }

  @Test
  void contentInAnotherTextEncodingWantsANewConnection() throws Exception {
    byte[] other = OtherSqlite.database("PRAGMA encoding = 'UTF-16'", "CREATE TABLE other(y)", "INSERT INTO other VALUES (42)");
    DataSource source = MemoryDataSource.of(vfs, "a");
    try (Connection jdbc = source.getConnection()) {
      execute(jdbc, "CREATE TABLE t(x)");
      vfs.deserialize("a", new java.io.ByteArrayInputStream(other));
      assertTrue(assertThrows(SQLException.class, () -> number(jdbc, "SELECT y FROM other")).getMessage().contains("text encoding"));
      try (Connection anew = source.getConnection()) {
        assertEquals(42, number(anew, "SELECT y FROM other"));
      }
      vfs.deserialize("a", new java.io.ByteArrayInputStream(OtherSqlite.database("CREATE TABLE t AS SELECT 7 AS x")));
      assertEquals(7, number(jdbc, "SELECT x FROM t"));
    }
  }

  @Test
  void writersOfBothWaitForEachOther() throws Exception {
    try (MemoryVfs patient = MemoryVfs.builder().busyTimeout(3_600_000).build()) {
      writersOfBothWaitForEachOther(patient);
    }
  }

  private static void writersOfBothWaitForEachOther(MemoryVfs vfs) throws Exception {
    int rounds = 500;
    DataSource source = MemoryDataSource.of(vfs, "a");
    try (SqliteConnection own = vfs.open("a")) {
      own.execute("CREATE TABLE t(x); INSERT INTO t VALUES (0)");
    }
    Crew crew = new Crew();
    for (int i = 0; i < 2; i++) {
      crew.start("own " + i, () -> {
        try (SqliteConnection own = vfs.open("a")) {
          for (int n = 0; n < rounds; n++) {
            own.execute("UPDATE t SET x = x + 1");
          }
        }
      });
      crew.start("jdbc " + i, () -> {
        try (Connection jdbc = source.getConnection()) {
          for (int n = 0; n < rounds; n++) {
            execute(jdbc, "UPDATE t SET x = x + 1");
          }
        }
      });
    }
    crew.join();
    try (Connection jdbc = source.getConnection()) {
      assertEquals(4 * rounds, number(jdbc, "SELECT x FROM t"));
      assertEquals("ok", text(jdbc, "PRAGMA integrity_check"));
    }
  }

  @Test
  void readersOfBothSeeWholeTransactionsOfAWriter() throws Exception {
    DataSource source = MemoryDataSource.of(vfs, "a");
    try (SqliteConnection own = vfs.open("a")) {
      own.execute("CREATE TABLE t(k INTEGER PRIMARY KEY, x); "
          + "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000) INSERT INTO t SELECT i, 0 FROM n");
    }
    AtomicBoolean done = new AtomicBoolean();
    Crew crew = new Crew();
    for (int i = 0; i < 2; i++) {
      crew.start("jdbc reader", () -> {
        try (Connection jdbc = source.getConnection()) {
          while (!done.get()) {
            assertEquals(1, number(jdbc, "SELECT count(DISTINCT x) FROM t"));
          }
        }
      });
      crew.start("own reader", () -> {
        try (SqliteConnection own = vfs.open("a")) {
          while (!done.get()) {
            assertEquals(1, Sql.number(own, "SELECT count(DISTINCT x) FROM t"));
          }
        }
      });
    }
    crew.start("writers", () -> {
      try (Connection jdbc = source.getConnection(); SqliteConnection own = vfs.open("a")) {
        for (int n = 0; n < 100; n++) {
          execute(jdbc, "UPDATE t SET x = x + 1");
          own.execute("UPDATE t SET x = x + 1");
        }
      } finally {
        done.set(true);
      }
    });
    crew.join();
    try (SqliteConnection own = vfs.open("a")) {
      assertEquals(200, Sql.number(own, "SELECT max(x) FROM t"));
    }
  }

  @Test
  void closingTheVfsLeavesConnectionsOfJdbcWithWhatTheyHave() throws SQLException {
    MemoryDataSource source = MemoryDataSource.of(vfs, "a");
    try (Connection jdbc = source.getConnection()) {
      execute(jdbc, "CREATE TABLE t AS SELECT 1 AS x");
      vfs.close();
      assertEquals(1, number(jdbc, "SELECT x FROM t"));
      execute(jdbc, "UPDATE t SET x = 2");
      assertEquals(2, number(jdbc, "SELECT x FROM t"));
      SQLException e = assertThrows(SQLException.class, source::getConnection);
      assertTrue(e.getMessage().contains(vfs.name()) && e.getMessage().contains("closed"), e.getMessage());
      assertThrows(SQLException.class, () -> DriverManager.getConnection(source.url()).close());
      assertThrows(IllegalStateException.class, () -> vfs.jdbcUrl("a"));
    }
  }

  @Test
  void settingsOfTheSource() throws SQLException {
    Properties defaults = new Properties();
    defaults.setProperty("foreign_keys", "true");
    Properties properties = new Properties(defaults);
    properties.setProperty("busy_timeout", "17");
    MemoryDataSource source = MemoryDataSource.of(vfs, "a", properties);
    properties.setProperty("busy_timeout", "18");
    try (Connection jdbc = source.getConnection("nobody", "")) {
      assertEquals(1, number(jdbc, "PRAGMA foreign_keys"));
      assertEquals(17, number(jdbc, "PRAGMA busy_timeout"));
    }
    try (Connection jdbc = MemoryDataSource.of(vfs, "a").getConnection()) {
      assertEquals(5000, number(jdbc, "PRAGMA busy_timeout"));
    }
    assertSame(vfs, source.vfs());
    assertEquals("a", source.database());
    assertTrue(source.isWrapperFor(DataSource.class));
    assertSame(source, source.unwrap(MemoryDataSource.class));
    assertFalse(source.isWrapperFor(Connection.class));
    assertThrows(SQLException.class, () -> source.unwrap(Connection.class));
  }

  @Test
  void anExclusiveLockIsAnsweredWithNormal() throws SQLException {
    try (Connection jdbc = MemoryDataSource.of(vfs, "a").getConnection()) {
      assertEquals("normal", text(jdbc, "PRAGMA locking_mode = EXCLUSIVE"));
    }
  }

  @Test
  void aNameOfAnotherVfsThereIsTaken() {
    vfs.jdbcUrl("a"); // loaded by now
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> MemoryVfs.builder().name("unix-dotfile").build());
    assertTrue(e.getMessage().contains("unix-dotfile"), e.getMessage());
  }

  @Test
  void manyConnectionsAndVfsesComeAndGo() throws Exception {
    vfs.jdbcUrl("a");
    Crew crew = new Crew();
    for (int i = 0; i < 3; i++) {
      crew.start("crew " + i, () -> {
        for (int n = 0; n < 200; n++) {
          try (MemoryVfs own = MemoryVfs.create(); Connection jdbc = MemoryDataSource.of(own, "a").getConnection()) {
            execute(jdbc, "CREATE TABLE t(x)");
          }
        }
      });
    }
    crew.join();
    assertEquals(List.of(), vfs.databases());
  }
}
