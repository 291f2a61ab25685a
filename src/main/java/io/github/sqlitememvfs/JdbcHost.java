package io.github.sqlitememvfs;

import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Properties;
import org.sqlite.JDBC;

/** Loads this library into the SQLite of sqlite-jdbc, once. */
final class JdbcHost {
  private static final String ENTRY_POINT = "sqlite3_sqlitememvfs_init";

  /** Under the monitor of the class; read without it first. */
  private static volatile boolean loaded;

  private JdbcHost() {}

  /** Does so if that was not done. Throws an IllegalStateException if it cannot be, and tries anew the next time. */
  static void load() {
    if (!loaded) {
      loadOnce();
    }
  }

  private static synchronized void loadOnce() {
    if (loaded) {
      return;
    }
    NativeLibrary.load();
    DriverManager.getLoginTimeout(); // Java 8's class loads all drivers, and they register there: two threads must not begin at both ends
    String path = Text.decode(Native.libraryPath());
    try {
      loadExtension(path);
    } catch (NoClassDefFoundError e) {
      throw new IllegalStateException("sqlite-jdbc is not on the class path: add the dependency org.xerial:sqlite-jdbc", e);
    } catch (SQLException e) {
      throw new IllegalStateException("sqlite-jdbc cannot load the native library from " + path + ": " + e.getMessage(), e);
    }
    loaded = true;
  }

  private static void loadExtension(String path) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("enable_load_extension", "true");
    try (Connection connection = connect("jdbc:sqlite::memory:", properties);
        PreparedStatement load = connection.prepareStatement("SELECT load_extension(?, ?)")) {
      load.setString(1, path);
      load.setString(2, ENTRY_POINT);
      load.executeQuery().close();
    }
  }

  /** A new connection of sqlite-jdbc. */
  static Connection connect(String url, Properties properties) throws SQLException {
    Driver driver = new JDBC(); // its other methods differ from version to version
    return driver.connect(url, properties);
  }
}
