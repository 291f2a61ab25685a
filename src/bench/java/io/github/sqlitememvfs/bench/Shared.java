package io.github.sqlitememvfs.bench;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteStatement;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;

/** A database in memory that several connections share: 1000 rows of table t. */
abstract class Shared implements AutoCloseable {
  static final int ROWS = 1000;
  static final int BUSY_MILLIS = 5000;

  /** Belongs to one thread. */
  interface Session extends AutoCloseable {
    /** A transaction of 10 updates, which leaves the sum of all values as it is. */
    void transfer(long first) throws Exception;

    /** Reads all rows. Returns the sum of their values. */
    double scan() throws Exception;

    /** After an error. */
    void rollback();

    @Override
    void close() throws Exception;
  }

  final String name;

  Shared(String name) {
    this.name = name;
  }

  abstract Session session() throws Exception;

  static double sum() {
    double sum = 0;
    for (long id = 0; id < ROWS; id++) {
      sum += Rows.value(id);
    }
    return sum;
  }

  private static double change(int k) {
    return k % 2 == 0 ? 1 : -1;
  }

  private static long id(long first, int k) {
    return Rows.key(first * Rows.UPDATES + k, ROWS);
  }

  static Shared ours() {
    MemoryVfs vfs = MemoryVfs.builder().busyTimeout(BUSY_MILLIS).build();
    try (SqliteConnection connection = vfs.open("bench")) {
      connection.execute(Rows.CREATE);
      Ours.insert(connection, 0, ROWS);
    }
    return new Shared(Ours.NAME) {
      @Override
      Session session() {
        return new OursSession(vfs.open("bench"));
      }

      @Override
      public void close() {
        vfs.close();
      }
    };
  }

  private static final class OursSession implements Session {
    private final SqliteConnection connection;
    private final SqliteStatement update;
    private final SqliteStatement scan;

    OursSession(SqliteConnection connection) {
      this.connection = connection;
      update = connection.prepare(Rows.UPDATE);
      scan = connection.prepare(Rows.SCAN2);
    }

    @Override
    public void transfer(long first) {
      connection.transaction(
          c -> {
            for (int k = 0; k < Rows.UPDATES; k++) {
              update.bindDouble(1, change(k));
              update.bindLong(2, id(first, k));
              update.step();
              update.reset();
            }
          });
    }

    @Override
    public double scan() {
      double sum = 0;
      while (scan.step()) {
        sum += scan.getDouble(1);
      }
      scan.reset();
      return sum;
    }

    @Override
    public void rollback() {
      update.reset(); // the transaction has rolled back itself
      scan.reset();
    }

    @Override
    public void close() {
      connection.close();
    }
  }

  static Shared memdb() throws SQLException {
    return jdbc("sqlite-jdbc memdb", "jdbc:sqlite:file:/shared?vfs=memdb", new Properties(), null);
  }

  static Shared sharedCache() throws SQLException {
    return jdbc("sqlite-jdbc shared cache", "jdbc:sqlite:file:shared?mode=memory&cache=shared", new Properties(), null);
  }

  static Shared wal(Path file) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("journal_mode", "WAL");
    properties.setProperty("synchronous", "OFF");
    return jdbc("sqlite-jdbc WAL in /dev/shm", "jdbc:sqlite:" + file, properties, deletion(file));
  }

  static Shared h2() throws SQLException {
    return jdbc("H2 in memory", "jdbc:h2:mem:shared;" + Jdbc.H2_OPTIONS + ";LOCK_TIMEOUT=" + BUSY_MILLIS, new Properties(), null);
  }

  static Shared jdbcOnOurs() throws SQLException {
    MemoryVfs vfs = MemoryVfs.create();
    return jdbc(Jdbc.ON_OURS, vfs.jdbcUrl("bench"), new Properties(), vfs::close);
  }

  private static AutoCloseable deletion(Path file) {
    return () -> {
      for (String suffix : new String[] {"", "-wal", "-shm"}) {
        Files.deleteIfExists(Path.of(file + suffix));
      }
    };
  }

  /** last: is closed after all connections. */
  private static Shared jdbc(String name, String url, Properties properties, AutoCloseable last) throws SQLException {
    if (url.startsWith("jdbc:sqlite:")) {
      properties.setProperty("busy_timeout", Integer.toString(BUSY_MILLIS));
      properties.setProperty("transaction_mode", "IMMEDIATE");
    }
    Connection first = DriverManager.getConnection(url, properties); // keeps the database
    Jdbc.create(first);
    Jdbc.insert(first, 0, ROWS);
    return new Shared(name) {
      @Override
      Session session() throws SQLException {
        return new JdbcSession(DriverManager.getConnection(url, properties));
      }

      @Override
      public void close() throws Exception {
        first.close();
        if (last != null) {
          last.close();
        }
      }
    };
  }

  private static final class JdbcSession implements Session {
    private final Connection connection;
    private final PreparedStatement update;
    private final PreparedStatement scan;

    JdbcSession(Connection connection) throws SQLException {
      this.connection = connection;
      update = connection.prepareStatement(Rows.UPDATE);
      scan = connection.prepareStatement(Rows.SCAN2);
    }

    @Override
    public void transfer(long first) throws SQLException {
      if (connection.getAutoCommit()) {
        connection.setAutoCommit(false); // this session only writes
      }
      for (int k = 0; k < Rows.UPDATES; k++) {
        update.setDouble(1, change(k));
        update.setLong(2, id(first, k));
        update.executeUpdate();
      }
      connection.commit();
    }

    @Override
    public double scan() throws SQLException {
      double sum = 0;
      try (ResultSet row = scan.executeQuery()) {
        while (row.next()) {
          sum += row.getDouble(2);
        }
      }
      return sum;
    }

    @Override
    public void rollback() {
      try {
        if (!connection.getAutoCommit()) {
          connection.rollback();
        }
      } catch (SQLException e) {
        // Then there is nothing to roll back.
      }
    }

    @Override
    public void close() throws SQLException {
      connection.close();
    }
  }
}
