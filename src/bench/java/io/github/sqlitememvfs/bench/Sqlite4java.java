package io.github.sqlitememvfs.bench;

import com.almworks.sqlite4java.SQLite;
import com.almworks.sqlite4java.SQLiteConnection;
import com.almworks.sqlite4java.SQLiteException;
import com.almworks.sqlite4java.SQLiteStatement;
import java.io.File;
import java.util.logging.Level;
import java.util.logging.Logger;

/** A thin wrapper, with SQLite 3.8.7 of 2014 in it. */
final class Sqlite4java extends Peer {
  private static final Logger LOGGER = Logger.getLogger("com.almworks.sqlite4java"); // kept, or its level would be forgotten

  private static boolean loaded;

  private SQLiteConnection connection;

  Sqlite4java() {
    super("sqlite4java :memory:");
  }

  /** Why it cannot be had here, or null. Its native library is a file of its own beside the jar. */
  static String missing() {
    if (loaded) {
      return null;
    }
    String library = System.getProperty("bench.sqlite4java", "");
    if (!new File(library).isFile() || !System.getProperty("os.arch").equals("amd64")) {
      return "its native library is for Linux x86-64";
    }
    LOGGER.setLevel(Level.WARNING);
    SQLite.setLibraryPath(new File(library).getParent());
    try {
      SQLite.loadLibrary();
      loaded = true;
      return null;
    } catch (SQLiteException e) {
      return String.valueOf(e.getMessage());
    }
  }

  @Override
  void create() throws SQLiteException {
    close();
    connection = new SQLiteConnection().open();
    connection.exec(Rows.CREATE);
  }

  @Override
  void insert(long from, long to) throws SQLiteException {
    connection.exec("BEGIN");
    insertAutocommit(from, to); // it has no batches
    connection.exec("COMMIT");
  }

  @Override
  void insertAutocommit(long from, long to) throws SQLiteException {
    SQLiteStatement insert = connection.prepare(Rows.INSERT);
    for (long id = from; id < to; id++) {
      insert.bind(1, id);
      insert.bind(2, Rows.name(id));
      insert.bind(3, Rows.value(id));
      insert.bind(4, Rows.payload(id));
      insert.step();
      insert.reset(false);
    }
    insert.dispose();
  }

  @Override
  long scan4() throws SQLiteException {
    SQLiteStatement scan = connection.prepare(Rows.SCAN4);
    long sum = 0;
    while (scan.step()) {
      sum += Rows.sum(scan.columnLong(0), scan.columnString(1), scan.columnDouble(2), scan.columnBlob(3));
    }
    scan.dispose();
    return sum;
  }

  @Override
  long scan2() throws SQLiteException {
    SQLiteStatement scan = connection.prepare(Rows.SCAN2);
    long sum = 0;
    while (scan.step()) {
      sum += Rows.sum(scan.columnLong(0), scan.columnDouble(1));
    }
    scan.dispose();
    return sum;
  }

  @Override
  long lookup(long rows, long count) throws SQLiteException {
    SQLiteStatement lookup = connection.prepare(Rows.LOOKUP);
    long sum = 0;
    for (long i = 0; i < count; i++) {
      lookup.bind(1, Rows.key(i, rows));
      lookup.step();
      sum += Rows.sum(lookup.columnLong(0), lookup.columnString(1), lookup.columnDouble(2), lookup.columnBlob(3));
      lookup.reset(false);
    }
    lookup.dispose();
    return sum;
  }

  @Override
  long execute(String sql) throws SQLiteException {
    SQLiteStatement statement = connection.prepare(sql, false);
    long rows = 0;
    while (statement.step()) {
      rows++;
    }
    statement.dispose();
    return rows;
  }

  @Override
  long content() throws SQLiteException {
    SQLiteStatement content = connection.prepare(Rows.CONTENT);
    content.step();
    long sum = content.columnLong(0);
    content.dispose();
    return sum;
  }

  @Override
  public void close() {
    if (connection != null) {
      connection.dispose();
      connection = null;
    }
  }
}
