package io.github.sqlitememvfs.bench;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** Anything with a JDBC driver: sqlite-jdbc, also on databases of this library, and H2. */
final class Jdbc extends Peer {
  /** sqlite-jdbc on databases of this library: what a connection pool and Spring get. */
  static final String ON_OURS = "sqlite-jdbc on this library";


  /** By default H2 keeps the result of a query and gives it again as long as nothing has changed, without doing any work. */
  static final String H2_OPTIONS = "NON_KEYWORDS=VALUE;OPTIMIZE_REUSE_RESULTS=0";

  private final String url; // null: a database of this library
  private final boolean onlyAutocommit;
  private MemoryVfs vfs;
  private Connection connection;

  private Jdbc(String name, String url, boolean onlyAutocommit) {
    super(name);
    this.url = url;
    this.onlyAutocommit = onlyAutocommit;
  }

  static Jdbc sqlite() {
    return new Jdbc("sqlite-jdbc :memory:", "jdbc:sqlite::memory:", false);
  }

  /** By default each INSERT is followed by a query for the key. */
  static Jdbc sqliteWithoutKeys() {
    return new Jdbc("sqlite-jdbc, no generated keys", "jdbc:sqlite::memory:?jdbc.get_generated_keys=false", true);
  }

  /** SQLite's own way to share a database in memory between connections. */
  static Jdbc memdb() {
    return new Jdbc("sqlite-jdbc memdb", "jdbc:sqlite:file:/bench?vfs=memdb", false);
  }

  static Jdbc onOurs() {
    return new Jdbc(ON_OURS, null, false);
  }

  static Jdbc h2() {
    return new Jdbc("H2 in memory", "jdbc:h2:mem:bench;" + H2_OPTIONS, false);
  }

  @Override
  boolean does(Work work) {
    return !onlyAutocommit || work == Work.AUTOCOMMIT;
  }

  @Override
  void create() throws SQLException {
    close();
    if (url != null) {
      connection = DriverManager.getConnection(url); // the last connection's close drops the database
    } else {
      vfs = MemoryVfs.create();
      connection = MemoryDataSource.of(vfs, "bench").getConnection();
    }
    create(connection);
  }

  static void create(Connection connection) throws SQLException {
    boolean h2 = connection.getMetaData().getDatabaseProductName().equals("H2");
    try (Statement statement = connection.createStatement()) {
      statement.execute(
          h2 ? "CREATE TABLE t(id BIGINT PRIMARY KEY, name VARCHAR, value DOUBLE PRECISION, payload VARBINARY)" : Rows.CREATE);
    }
  }

  @Override
  void insert(long from, long to) throws SQLException {
    insert(connection, from, to);
  }

  static void insert(Connection connection, long from, long to) throws SQLException {
    connection.setAutoCommit(false);
    try (PreparedStatement insert = connection.prepareStatement(Rows.INSERT)) {
      int waiting = 0;
      for (long id = from; id < to; id++) {
        bind(insert, id);
        insert.addBatch();
        if (++waiting == Rows.BATCH) {
          insert.executeBatch();
          waiting = 0;
        }
      }
      if (waiting > 0) {
        insert.executeBatch();
      }
      connection.commit();
    } finally {
      connection.setAutoCommit(true);
    }
  }

  @Override
  void insertAutocommit(long from, long to) throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement(Rows.INSERT)) {
      for (long id = from; id < to; id++) {
        bind(insert, id);
        insert.executeUpdate();
      }
    }
  }

  private static void bind(PreparedStatement insert, long id) throws SQLException {
    insert.setLong(1, id);
    insert.setString(2, Rows.name(id));
    insert.setDouble(3, Rows.value(id));
    insert.setBytes(4, Rows.payload(id));
  }

  @Override
  long scan4() throws SQLException {
    try (PreparedStatement scan = connection.prepareStatement(Rows.SCAN4); ResultSet row = scan.executeQuery()) {
      long sum = 0;
      while (row.next()) {
        sum += Rows.sum(row.getLong(1), row.getString(2), row.getDouble(3), row.getBytes(4));
      }
      return sum;
    }
  }

  @Override
  long scan2() throws SQLException {
    try (PreparedStatement scan = connection.prepareStatement(Rows.SCAN2); ResultSet row = scan.executeQuery()) {
      long sum = 0;
      while (row.next()) {
        sum += Rows.sum(row.getLong(1), row.getDouble(2));
      }
      return sum;
    }
  }

  @Override
  long lookup(long rows, long count) throws SQLException {
    try (PreparedStatement lookup = connection.prepareStatement(Rows.LOOKUP)) {
      long sum = 0;
      for (long i = 0; i < count; i++) {
        lookup.setLong(1, Rows.key(i, rows));
        try (ResultSet row = lookup.executeQuery()) {
          row.next();
          sum += Rows.sum(row.getLong(1), row.getString(2), row.getDouble(3), row.getBytes(4));
        }
      }
      return sum;
    }
  }

  @Override
  long execute(String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      long rows = 0;
      if (statement.execute(sql)) {
        try (ResultSet row = statement.getResultSet()) {
          while (row.next()) {
            rows++;
          }
        }
      }
      return rows;
    }
  }

  @Override
  long content() throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(Rows.CONTENT)) {
      row.next();
      return row.getLong(1);
    }
  }

  @Override
  public void close() throws SQLException {
    if (connection != null) {
      connection.close();
      connection = null;
    }
    if (vfs != null) {
      vfs.close();
      vfs = null;
    }
  }
}
