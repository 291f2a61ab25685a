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

  /** Set under the monitor of the class; read without it first. */
  private static volatile boolean loaded;

  private JdbcHost() {}

  /** Loads it unless that was done. Throws an IllegalStateException if that fails, and tries anew the next time. */
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
    // In Java 8, DriverManager loads all drivers, and a driver that is loaded registers there. Here it comes first, so
    // that no two threads initialize both classes in opposite orders.
    DriverManager.getLoginTimeout();
    readSqliteJdbc();
    String path = Text.decode(Native.libraryPath());
    try {
      loadExtension(path);
    } catch (SQLException | RuntimeException | UnsatisfiedLinkError e) { // the last if its own library was not loaded
      String message = e instanceof UnsatisfiedLinkError || isDenied(e)
          ? "sqlite-jdbc has not got its own native library (" + e.getMessage() + "); if native access is denied, start"
              + " java with --enable-native-access=" + NativeLibrary.module(JDBC.class)
          : "sqlite-jdbc cannot load the native library from " + path + ": " + e.getMessage();
      throw new IllegalStateException(message, e);
    }
    loaded = true;
  }

  /**
   * Lets this library's module, if it is one, read sqlite-jdbc. That may be a module of its own, or lie on the class
   * path, which no module reads by itself.
   */
  private static void readSqliteJdbc() {
    Class<?> driver;
    try {
      driver = Class.forName("org.sqlite.JDBC");
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException("sqlite-jdbc is missing: add the dependency org.xerial:sqlite-jdbc; if it is on"
          + " the module path, also start java with --add-modules org.xerial.sqlitejdbc", e);
    }
    try {
      Object from = Class.class.getMethod("getModule").invoke(driver); // since Java 9
      Object own = Class.class.getMethod("getModule").invoke(JdbcHost.class);
      Class.forName("java.lang.Module").getMethod("addReads", from.getClass()).invoke(own, from);
    } catch (ReflectiveOperationException e) {
      return; // Java 8 or Android, where there are no modules
    }
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

  /** Opens a connection of sqlite-jdbc. */
  static Connection connect(String url, Properties properties) throws SQLException {
    Driver driver = new JDBC(); // its other methods differ from version to version
    return driver.connect(url, properties);
  }

  private static boolean isDenied(Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (NativeLibrary.isIllegalCaller(cause)) {
        return true;
      }
    }
    return false;
  }
}
