package io.github.sqlitememvfs;

import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.SQLNonTransientConnectionException;
import java.util.Objects;
import java.util.Properties;
import java.util.logging.Logger;
import javax.sql.DataSource;

/**
 * A source of JDBC connections to a database of a {@link MemoryVfs}. sqlite-jdbc (org.xerial:sqlite-jdbc, an optional
 * dependency) makes them: see {@link MemoryVfs#jdbcUrl}.
 *
 * <p>Each {@link #getConnection} opens a new connection, which the caller closes; a pool such as HikariCP can be put in
 * front. The connections read pages in place. They wait for the write lock as long as the {@code MemoryVfs} says,
 * unless the property {@code busy_timeout} says otherwise.
 *
 * <p>A transaction that first reads and then writes gets {@code SQLITE_BUSY_SNAPSHOT} from SQLite if another one has
 * written in between. The property {@code transaction_mode=IMMEDIATE} has each transaction take the write lock at its
 * begin. While auto-commit is off, sqlite-jdbc begins a transaction as soon as another has ended, and so keeps all
 * other writers out until auto-commit is on again or the connection is closed.
 *
 * <p>A writer waits for the write lock within sqlite-jdbc, in native code: a virtual thread keeps its carrier
 * meanwhile, and {@link Thread#interrupt} does not end the wait. Where virtual threads write, let them wait before
 * that, for the only connection of a pool, or use {@link SqliteConnection}.
 *
 * <p>Any number of threads may use a source. There is nothing to close. A source keeps its {@code MemoryVfs} alive;
 * once that is closed, {@code getConnection} fails with an {@link SQLException}.
 */
public final class MemoryDataSource implements DataSource {
  private static final String BUSY_TIMEOUT = "busy_timeout";

  private final MemoryVfs vfs;
  private final String database;
  private final String url;
  private final Properties properties;
  private volatile PrintWriter logWriter;
  private volatile int loginTimeout;

  private MemoryDataSource(MemoryVfs vfs, String database, Properties properties) {
    this.vfs = vfs;
    this.database = database;
    this.url = vfs.jdbcUrl(database);
    this.properties = properties;
    if (!properties.containsKey(BUSY_TIMEOUT)) {
      properties.setProperty(BUSY_TIMEOUT, Long.toString(Math.min(vfs.busyTimeout(), Integer.MAX_VALUE)));
    }
  }

  /**
   * Returns a source of connections to a database. If there is no such database, the first connection creates it.
   *
   * @param vfs the {@code MemoryVfs} that has the database
   * @param database its name
   * @return a source of connections
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws IllegalStateException if the {@code MemoryVfs} is closed, or sqlite-jdbc is not there or cannot load the
   *     library
   */
  public static MemoryDataSource of(MemoryVfs vfs, String database) {
    return new MemoryDataSource(vfs, database, new Properties());
  }

  /**
   * Returns a source of connections to a database, with settings.
   *
   * @param vfs the {@code MemoryVfs} that has the database
   * @param database its name
   * @param properties settings of sqlite-jdbc, among them SQLite's pragmas: {@code foreign_keys=true}, for example.
   *     They are copied
   * @return a source of connections
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws IllegalStateException if the {@code MemoryVfs} is closed, or sqlite-jdbc is not there or cannot load the
   *     library
   */
  public static MemoryDataSource of(MemoryVfs vfs, String database, Properties properties) {
    Properties copy = new Properties();
    for (String name : properties.stringPropertyNames()) { // also those that are defaults of others
      copy.setProperty(name, properties.getProperty(name));
    }
    return new MemoryDataSource(vfs, database, copy);
  }

  /**
   * Opens a connection. The caller closes it.
   *
   * @return a new connection of sqlite-jdbc
   * @throws SQLException if the {@link MemoryVfs} is closed, or SQLite's error
   */
  @Override
  public Connection getConnection() throws SQLException {
    if (vfs.isClosed()) {
      throw new SQLNonTransientConnectionException("MemoryVfs " + vfs.name() + " is closed");
    }
    Properties own = new Properties();
    own.putAll(properties); // sqlite-jdbc writes into what it gets
    return JdbcHost.connect(url, own);
  }

  /**
   * Opens a connection. The caller closes it.
   *
   * @param user is not used: SQLite has no users
   * @param password is not used
   * @return a new connection of sqlite-jdbc
   * @throws SQLException if the {@link MemoryVfs} is closed, or SQLite's error
   */
  @Override
  public Connection getConnection(String user, String password) throws SQLException {
    return getConnection();
  }

  /** {@return the {@code MemoryVfs} that has the database} */
  public MemoryVfs vfs() {
    return vfs;
  }

  /** {@return the name of the database} */
  public String database() {
    return database;
  }

  /** {@return the URL of the connections, that of {@link MemoryVfs#jdbcUrl}} */
  public String url() {
    return url;
  }

  @Override
  public PrintWriter getLogWriter() {
    return logWriter;
  }

  /** Keeps a log writer, to which nothing is written. */
  @Override
  public void setLogWriter(PrintWriter out) {
    logWriter = out;
  }

  @Override
  public int getLoginTimeout() {
    return loginTimeout;
  }

  /** Keeps a timeout, which has no effect: opening a connection does not wait. */
  @Override
  public void setLoginTimeout(int seconds) {
    loginTimeout = seconds;
  }

  @Override
  public Logger getParentLogger() throws SQLFeatureNotSupportedException {
    throw new SQLFeatureNotSupportedException("nothing is logged");
  }

  @Override
  public <T> T unwrap(Class<T> type) throws SQLException {
    if (!isWrapperFor(type)) {
      throw new SQLException("this is a " + getClass().getName() + ", not a " + type.getName());
    }
    return type.cast(this);
  }

  @Override
  public boolean isWrapperFor(Class<?> type) {
    return Objects.requireNonNull(type).isInstance(this);
  }

  @Override
  public String toString() {
    return "MemoryDataSource[" + url + "]";
  }
}
