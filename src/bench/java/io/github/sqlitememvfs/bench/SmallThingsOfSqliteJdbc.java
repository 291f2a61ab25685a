package io.github.sqlitememvfs.bench;

import io.github.sqlitememvfs.MemoryVfs;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The same of sqlite-jdbc: what there is of them. On a named memdb, and on databases of this library. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class SmallThingsOfSqliteJdbc {
  private static final int ROWS = 10_000;

  /** What the databases are of. */
  @Param({"memdb", Ours.NAME})
  public String database;

  private MemoryVfs vfs;
  private Connection connection;
  private PreparedStatement lookup;
  private ResultSet row;
  private PreparedStatement insert;
  private Connection other;
  private long next;

  /** A database with rows, and statements on it. */
  @Setup
  public void open() throws SQLException {
    vfs = MemoryVfs.create();
    connection = connect("small");
    Jdbc.create(connection);
    Jdbc.insert(connection, 0, ROWS);
    lookup = connection.prepareStatement(Rows.LOOKUP);
    PreparedStatement one = connection.prepareStatement(Rows.LOOKUP);
    one.setLong(1, 7);
    row = one.executeQuery();
    row.next();
    other = connect("other");
    try (Statement create = other.createStatement()) {
      create.execute(Rows.CREATE);
    }
    insert = other.prepareStatement("INSERT INTO t(value) VALUES (?)");
  }

  @TearDown
  public void close() throws SQLException {
    connection.close();
    other.close();
    vfs.close();
  }

  private Connection connect(String name) throws SQLException {
    return DriverManager.getConnection(database.equals("memdb") ? "jdbc:sqlite:file:/" + name + "?vfs=memdb" : vfs.jdbcUrl(name));
  }

  @Benchmark
  public void bindLong() throws SQLException {
    lookup.setLong(1, next++);
  }

  @Benchmark
  public void bindText() throws SQLException {
    lookup.setString(1, Rows.name(next++));
  }

  @Benchmark
  public long getLong() throws SQLException {
    return row.getLong(1);
  }

  @Benchmark
  public String getText() throws SQLException {
    return row.getString(2);
  }

  @Benchmark
  public long lookup() throws SQLException {
    lookup.setLong(1, next++ % ROWS);
    try (ResultSet found = lookup.executeQuery()) {
      found.next();
      return Rows.sum(found.getLong(1), found.getString(2), found.getDouble(3), found.getBytes(4));
    }
  }

  @Benchmark
  public void insertInTransactionOfItsOwn() throws SQLException {
    insert.setDouble(1, next++);
    insert.executeUpdate();
  }

  @Benchmark
  public void prepareAndClose() throws SQLException {
    connection.prepareStatement(Rows.LOOKUP).close();
  }

  @Benchmark
  public void openAndCloseConnection() throws SQLException {
    connect("small").close();
  }
}
