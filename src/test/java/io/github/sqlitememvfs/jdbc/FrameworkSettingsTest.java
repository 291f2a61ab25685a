package io.github.sqlitememvfs.jdbc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/** sqlite-jdbc answers the calls that frameworks make as docs/migrating.md says. */
class FrameworkSettingsTest {
  private final MemoryVfs vfs = MemoryVfs.create();

  @AfterEach
  void close() {
    vfs.close();
  }

  private Connection connect(String... properties) throws SQLException {
    Properties all = new Properties();
    for (String property : properties) {
      String[] parts = property.split("=");
      all.setProperty(parts[0], parts[1]);
    }
    return MemoryDataSource.of(vfs, "a", all).getConnection();
  }

  /** What a JVM runs in which sqlite-jdbc does not know the library yet. */
  public static final class UrlByHand {
    private UrlByHand() {}

    public static void main(String[] args) throws SQLException {
      String url = "jdbc:sqlite:file:shop?vfs=app";
      try (MemoryVfs app = MemoryVfs.builder().name("app").build()) {
        SQLException e = assertThrows(SQLException.class, () -> DriverManager.getConnection(url));
        assertTrue(e.getMessage().contains("no such vfs: app"), e.getMessage());
        app.jdbcUrl("any");
        try (Connection connection = DriverManager.getConnection(url)) {
          Jdbc.execute(connection, "CREATE TABLE t(x)");
        }
        assertTrue(app.exists("shop"));
      }
      System.out.println("works");
    }
  }

  @Test
  void aUrlByHandIsKnownAfterTheFirstCallOfJdbcUrl() throws Exception {
    Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), UrlByHand.class.getName())
        .redirectErrorStream(true).start();
    try {
      assertEquals("works", new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).trim());
      assertEquals(0, process.waitFor());
    } finally {
      process.destroyForcibly();
    }
  }

  /** As Micronaut does for each transaction that only reads. */
  private static int readOnlyTransaction(Connection connection) throws SQLException {
    connection.setReadOnly(true);
    connection.setAutoCommit(false);
    int rows = (int) Jdbc.number(connection, "SELECT count(*) FROM t");
    connection.commit();
    connection.setAutoCommit(true);
    connection.setReadOnly(false);
    return rows;
  }

  @Test
  void aConnectionThatIsOpenBecomesReadOnlyIfItIsAllowed() throws SQLException {
    try (Connection connection = connect()) {
      Jdbc.execute(connection, "CREATE TABLE t(x)");
      SQLException e = assertThrows(SQLException.class, () -> readOnlyTransaction(connection));
      assertTrue(e.getMessage().startsWith("Cannot change read-only flag after establishing a connection."),
          e.getMessage());
    }
    try (Connection connection = connect("jdbc.explicit_readonly=true")) {
      assertEquals(0, readOnlyTransaction(connection));
      SQLiteException e = assertThrows(SQLiteException.class, () ->
          Jdbc.execute(connection, "INSERT INTO t VALUES (1)"));
      assertEquals(SQLiteErrorCode.SQLITE_READONLY, e.getResultCode()); // it stays read-only
    }
  }

  /**
   * A transaction that reads first and then writes gets SQLITE_BUSY_SNAPSHOT if another has written meanwhile; not so
   * one that begins as a writer.
   */
  @Test
  void transactionsThatReadAndThenWriteBeginAsWriters() throws SQLException {
    try (Connection first = connect(); Connection second = connect()) {
      Jdbc.execute(first, "CREATE TABLE t(x)");
      first.setAutoCommit(false);
      assertEquals(0, Jdbc.number(first, "SELECT count(*) FROM t"));
      Jdbc.execute(second, "INSERT INTO t VALUES (1)");
      SQLiteException e = assertThrows(SQLiteException.class, () -> Jdbc.execute(first, "INSERT INTO t VALUES (2)"));
      assertEquals(SQLiteErrorCode.SQLITE_BUSY_SNAPSHOT, e.getResultCode());
      first.rollback();
    }
    try (Connection first = connect("transaction_mode=IMMEDIATE"); Connection second = connect("busy_timeout=0")) {
      first.setAutoCommit(false);
      assertEquals(1, Jdbc.number(first, "SELECT count(*) FROM t"));
      SQLiteException e = assertThrows(SQLiteException.class, () -> Jdbc.execute(second, "INSERT INTO t VALUES (1)"));
      assertEquals(SQLiteErrorCode.SQLITE_BUSY, e.getResultCode());
      Jdbc.execute(first, "INSERT INTO t VALUES (2)");
      first.setAutoCommit(true); // commits; commit() would begin the next transaction at once
      Jdbc.execute(second, "INSERT INTO t VALUES (3)");
      assertEquals(3, Jdbc.number(second, "SELECT count(*) FROM t"));
    }
  }
}
