package io.github.sqlitememvfs.junit;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The database of one test or one class, with the connections that it has asked for. JUnit closes it, as {@link
 * Template} says.
 */
@SuppressWarnings("deprecation")
final class Fork implements ExtensionContext.Store.CloseableResource, AutoCloseable {
  final MemoryVfs vfs;
  final String name;

  private SqliteConnection connection;
  private Connection jdbcConnection;

  Fork(MemoryVfs vfs, String name) {
    this.vfs = vfs;
    this.name = name;
  }

  SqliteConnection connection() {
    if (connection == null) {
      connection = vfs.open(name);
    }
    return connection;
  }

  DataSource dataSource() {
    return MemoryDataSource.of(vfs, name);
  }

  Connection jdbcConnection() throws SQLException {
    if (jdbcConnection == null) {
      jdbcConnection = dataSource().getConnection();
    }
    return jdbcConnection;
  }

  @Override
  public void close() throws SQLException {
    try {
      if (connection != null && !connection.isClosed()) {
        connection.interrupt(); // ends what a thread runs that the test has left behind
        connection.close();
      }
    } finally {
      try {
        if (jdbcConnection != null) {
          jdbcConnection.close();
        }
      } finally {
        if (!vfs.isClosed()) { // a test may have closed it: FreshDatabase tells the next tests
          vfs.delete(name);
        }
      }
    }
  }
}
