package io.github.sqlitememvfs;

import static io.github.sqlitememvfs.jdbc.Jdbc.execute;
import static io.github.sqlitememvfs.jdbc.Jdbc.number;
import static io.github.sqlitememvfs.jdbc.Jdbc.text;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Properties;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sqlite.SQLiteConnection;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/**
 * The code of docs/migrating.md, of which each piece is a region here ({@code docs.DocsTest} compares them), beside the
 * code that it replaces.
 */
class MigrationTest {

  private static final byte[] SHOP = OtherSqlite.database("CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT)",
      "INSERT INTO item(name) VALUES ('A book'), ('A pen')");

  private final MemoryVfs vfs = MemoryVfs.create();

  @AfterEach
  void close() {
    vfs.close();
  }

  private static long items(Connection connection) throws SQLException {
    return number(connection, "SELECT count(*) FROM item");
  }

  private static SQLiteErrorCode codeOf(Connection connection, String sql) {
    return assertThrows(SQLiteException.class, () -> execute(connection, sql)).getResultCode();
  }

  /** A connection without a busy timeout: what it must wait for is an error at once. */
  private Connection impatient(String database) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("busy_timeout", "0");
    return MemoryDataSource.of(vfs, database, properties).getConnection();
  }

  // ---- :memory: ----

  @Test
  void memory() throws SQLException {
    // tag::memory-before[]
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite::memory:");
        Statement statement = connection.createStatement()) {
      statement.executeUpdate("CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT)");
      statement.executeUpdate("INSERT INTO item(name) VALUES ('A book')");
    } // and the database is gone
    // end::memory-before[]
    // tag::memory-jdbc[]
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("shop"));
        Statement statement = connection.createStatement()) {
      statement.executeUpdate("CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT)");
      statement.executeUpdate("INSERT INTO item(name) VALUES ('A book')");
    } // and the database is there until vfs.delete("shop") or vfs.close()
    // end::memory-jdbc[]
    // tag::memory-own[]
    try (SqliteConnection shop = vfs.open("shop")) {
      shop.execute("CREATE TABLE IF NOT EXISTS item(id INTEGER PRIMARY KEY, name TEXT)");
      shop.execute("INSERT INTO item(name) VALUES (?)", "A pen");
    }
    // end::memory-own[]
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("shop"))) {
      assertEquals(2, items(connection));
    }
    vfs.delete("shop");
    assertEquals(List.of(), vfs.databases());
  }

  // ---- shared by several connections ----

  @Test
  void sharedCache() throws SQLException {
    // tag::shared-before[]
    String url = "jdbc:sqlite:file:shop?mode=memory&cache=shared";
    try (Connection keeper = DriverManager.getConnection(url)) { // as long as one is open, the database lives
      // end::shared-before[]
      execute(keeper, "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO item(name) VALUES ('A book')");
      try (Connection reader = DriverManager.getConnection(url);
          Statement statement = reader.createStatement();
          ResultSet rows = statement.executeQuery("SELECT * FROM item")) {
        assertTrue(rows.next()); // still reading
        assertEquals(SQLiteErrorCode.SQLITE_LOCKED, primary(codeOf(keeper, "DELETE FROM item")));
      }
      // tag::shared-before[]
    }
    // end::shared-before[]
    // tag::shared-after[]
    DataSource source = MemoryDataSource.of(vfs, "shop"); // any number of connections, in a pool or not
    // end::shared-after[]
    try (Connection writer = source.getConnection(); Connection reader = source.getConnection()) {
      execute(writer, "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO item(name) VALUES ('A book'), ('A pen')");
      try (Statement statement = reader.createStatement(); ResultSet rows = statement.executeQuery("SELECT * FROM item")) {
        assertTrue(rows.next()); // still reading
        execute(writer, "DELETE FROM item");
        assertTrue(rows.next()); // of the version that it began with
      }
      assertEquals(0, items(reader));
    }
  }

  private static SQLiteErrorCode primary(SQLiteErrorCode code) {
    return SQLiteErrorCode.getErrorCode(code.code & 0xff);
  }

  @Test
  void memdb() throws SQLException {
    // tag::memdb-before[]
    String url = "jdbc:sqlite:file:/shop?vfs=memdb";
    // end::memdb-before[]
    try (Connection first = DriverManager.getConnection(url); Connection second = DriverManager.getConnection(url)) {
      execute(first, "PRAGMA busy_timeout = 0", "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO item(name) VALUES ('A book')");
      execute(second, "PRAGMA busy_timeout = 0");
      try (Statement statement = second.createStatement(); ResultSet rows = statement.executeQuery("SELECT * FROM item")) {
        assertTrue(rows.next());
        assertEquals(SQLiteErrorCode.SQLITE_BUSY, codeOf(first, "DELETE FROM item")); // a reader stops the writer's commit
      }
      execute(first, "BEGIN IMMEDIATE");
      assertThrows(SQLException.class, () -> items(second)); // and a writer all readers
      execute(first, "ROLLBACK");
    }
    // tag::memdb-after[]
    String newUrl = vfs.jdbcUrl("shop");
    // end::memdb-after[]
    try (Connection first = DriverManager.getConnection(newUrl); Connection second = DriverManager.getConnection(newUrl)) {
      execute(first, "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT)", "BEGIN IMMEDIATE", "INSERT INTO item(name) VALUES ('A book')");
      assertEquals(0, items(second));
      execute(first, "COMMIT");
      assertEquals(1, items(second));
    }
  }

  // ---- bytes ----

  @Test
  void serialize() throws SQLException, IOException {
    InputStream in = new ByteArrayInputStream(SHOP);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    // tag::bytes-before[]
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite::memory:")) {
      SQLiteConnection sqlite = connection.unwrap(SQLiteConnection.class);
      sqlite.deserialize("main", in.readAllBytes()); // all of it on the Java heap, and again in SQLite's memory
      try (Statement statement = connection.createStatement()) {
        statement.executeUpdate("DELETE FROM item WHERE id = 1");
      }
      out.write(sqlite.serialize("main")); // and again
    }
    // end::bytes-before[]
    byte[] before = out.toByteArray();
    in = new ByteArrayInputStream(SHOP);
    out.reset();
    // tag::bytes-after[]
    vfs.deserialize("shop", in);
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("shop"));
        Statement statement = connection.createStatement()) {
      statement.executeUpdate("DELETE FROM item WHERE id = 1");
    }
    vfs.serialize("shop", out);
    // end::bytes-after[]
    assertEquals(OtherSqlite.rows(before, "SELECT * FROM item"), OtherSqlite.rows(out.toByteArray(), "SELECT * FROM item"));
  }

  /** Its serialize can read our databases; its deserialize takes the connection away from them. */
  @Test
  void serializeOfTheConnectionItself() throws SQLException {
    vfs.deserialize("shop", List.of(SHOP));
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("shop"))) {
      SQLiteConnection sqlite = connection.unwrap(SQLiteConnection.class);
      assertArrayEquals(SHOP, sqlite.serialize("main"));
      sqlite.deserialize("main", OtherSqlite.database("CREATE TABLE other(y)"));
      assertEquals(0, number(connection, "SELECT count(*) FROM other"));
    }
    assertArrayEquals(SHOP, Sql.bytes(vfs, "shop"));
  }

  // ---- files ----

  @Test
  void backup(@TempDir Path folder) throws SQLException, IOException {
    Path from = Files.write(folder.resolve("from.db"), SHOP), to = folder.resolve("to.db");
    // tag::backup-before[]
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite::memory:");
        Statement statement = connection.createStatement()) {
      statement.executeUpdate("restore from " + from);
      statement.executeUpdate("DELETE FROM item WHERE id = 1");
      statement.executeUpdate("backup to " + to);
    }
    // end::backup-before[]
    byte[] before = Files.readAllBytes(to);
    // tag::backup-after[]
    try (FileChannel in = FileChannel.open(from, READ)) {
      vfs.deserialize("shop", in);
    }
    try (SqliteConnection shop = vfs.open("shop")) {
      shop.execute("DELETE FROM item WHERE id = 1");
    }
    try (FileChannel out = FileChannel.open(to, CREATE, WRITE, TRUNCATE_EXISTING)) {
      vfs.serialize("shop", out);
    }
    // end::backup-after[]
    assertEquals(OtherSqlite.rows(before, "SELECT * FROM item"), OtherSqlite.rows(Files.readAllBytes(to), "SELECT * FROM item"));
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("shop"))) { // as before
      execute(connection, "restore from " + from);
      assertEquals(2, items(connection));
      execute(connection, "DELETE FROM item", "backup to " + to, "ATTACH 'file:" + from + "?vfs=unix' AS file",
          "INSERT INTO item SELECT * FROM file.item WHERE id = 2");
    }
    assertEquals(List.of(), OtherSqlite.rows(Files.readAllBytes(to), "SELECT * FROM item"));
    try (SqliteConnection shop = vfs.open("shop")) {
      assertEquals(1, Sql.number(shop, "SELECT count(*) FROM item"));
    }
  }

  /** As over a file: by sqlite-jdbc over our databases it once did nothing and said nothing. */
  @ParameterizedTest
  @ValueSource(ints = {512, 1024, 4096, 8192, 65536})
  void restoreWithPagesOfAnotherSize(int pageSize, @TempDir Path folder) throws SQLException, IOException {
    byte[] other = OtherSqlite.database("PRAGMA page_size = " + pageSize, "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO item(name) VALUES ('An atlas'), (hex(zeroblob(100000))), ('A globe')");
    Path from = Files.write(folder.resolve("from.db"), other);
    vfs.deserialize("shop", List.of(SHOP));
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("shop")); SqliteConnection ours = vfs.open("shop")) {
      assertEquals("memory", text(connection, "PRAGMA journal_mode"));
      assertEquals(2, items(connection));
      execute(connection, "restore from " + from);
      assertEquals(3, items(connection));
      assertEquals(pageSize, number(connection, "PRAGMA page_size"));
      assertEquals(3, Sql.number(ours, "SELECT count(*) FROM item"));
      execute(connection, "PRAGMA page_size = 2048", "VACUUM");
      assertEquals(2048, number(connection, "PRAGMA page_size"));
      assertEquals(3, Sql.number(ours, "SELECT count(*) FROM item"));
      ours.execute("PRAGMA page_size = 16384; VACUUM; INSERT INTO item(name) VALUES ('A map')");
      assertEquals(4, items(connection));
      assertEquals("ok", text(connection, "PRAGMA integrity_check"));
    }
    byte[] out = Sql.bytes(vfs, "shop");
    assertEquals(16384, ByteBuffer.wrap(out).getShort(16));
    assertEquals(4, OtherSqlite.rows(out, "SELECT id FROM item").size());
  }

  @Test
  void fileInMemory(@TempDir Path memory) throws SQLException, IOException {
    InputStream in = new ByteArrayInputStream(SHOP);
    // tag::shm-before[]
    Path file = Files.createTempFile(memory, "shop", ".db"); // in /dev/shm
    try {
      try (OutputStream out = Files.newOutputStream(file)) {
        in.transferTo(out);
      }
      try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file)) {
        query(connection);
      }
    } finally {
      Files.delete(file); // unless the process is killed
    }
    // end::shm-before[]
    in = new ByteArrayInputStream(SHOP);
    // tag::shm-after[]
    vfs.deserialize("shop", in);
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("shop"))) {
      query(connection);
    }
    // end::shm-after[]
  }

  private static void query(Connection connection) throws SQLException {
    assertEquals(2, items(connection));
  }

  // ---- what differs ----

  @Test
  void writers() throws SQLException {
    vfs.deserialize("shop", List.of(SHOP));
    try (Connection first = impatient("shop"); Connection second = impatient("shop")) {
      execute(first, "BEGIN IMMEDIATE");
      assertEquals(SQLiteErrorCode.SQLITE_BUSY, codeOf(second, "DELETE FROM item"));
      execute(first, "ROLLBACK", "BEGIN");
      assertEquals(2, items(first));
      execute(second, "DELETE FROM item WHERE id = 1");
      assertEquals(SQLiteErrorCode.SQLITE_BUSY_SNAPSHOT, codeOf(first, "DELETE FROM item"));
      execute(first, "ROLLBACK", "DELETE FROM item");
    }
  }

  @Test
  void pragmas() throws SQLException {
    vfs.deserialize("shop", List.of(SHOP));
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("shop"))) {
      assertEquals(3000, number(connection, "PRAGMA busy_timeout"));
      assertEquals("memory", text(connection, "PRAGMA journal_mode"));
      assertEquals("memory", text(connection, "PRAGMA journal_mode = WAL"));
      assertEquals(4096, number(connection, "PRAGMA page_size"));
      execute(connection, "PRAGMA page_size = 8192", "VACUUM");
      assertEquals(8192, number(connection, "PRAGMA page_size"));
    }
  }

  /** SQLite puts a large temporary table into a file of the connection's VFS. */
  @Test
  void temporaryTables() throws SQLException, IOException {
    String[] fill = {"PRAGMA temp.cache_size = 10",
        "CREATE TEMP TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30) SELECT zeroblob(100000) AS bytes FROM n"};
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite::memory:")) {
      execute(connection, fill);
      assertEquals(Files.exists(OPEN_FILES), temporaryFileIsOpen());
    }
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("shop"))) {
      execute(connection, fill);
      assertFalse(temporaryFileIsOpen());
      assertEquals(3_000_000, number(connection, "SELECT sum(length(bytes)) FROM t"));
      assertEquals(0, vfs.stats().bytesInUse(), () -> vfs.stats().toString()); // what is temporary does not count
    }
  }

  private static final Path OPEN_FILES = Path.of("/proc/self/fd"); // on Linux

  private static boolean temporaryFileIsOpen() throws IOException {
    File[] files = OPEN_FILES.toFile().listFiles();
    for (File file : files == null ? new File[0] : files) {
      try {
        if (Files.readSymbolicLink(file.toPath()).toString().contains("/etilqs_")) { // SQLite's name for them
          return true;
        }
      } catch (NoSuchFileException e) {
        continue; // closed meanwhile
      }
    }
    return false;
  }

  /** Hardening is of our own connections. */
  @Test
  void hardening() throws SQLException {
    vfs.deserialize("shop", List.of(SHOP));
    String damage = "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE item(id INTEGER PRIMARY KEY, name)'";
    try (SqliteConnection own = vfs.open("shop")) {
      assertThrows(SqliteException.class, () -> own.execute(damage));
    }
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("shop"))) {
      execute(connection, damage.split("; "));
      assertEquals("CREATE TABLE item(id INTEGER PRIMARY KEY, name)", text(connection, "SELECT sql FROM sqlite_schema"));
    }
  }

  /** The same database afterwards, whether or not somebody has it open. */
  @Test
  void lifetime() throws SQLException {
    String url = "jdbc:sqlite:file:gone?mode=memory&cache=shared";
    try (Connection connection = DriverManager.getConnection(url)) {
      execute(connection, "CREATE TABLE item(id)");
    }
    try (Connection connection = DriverManager.getConnection(url)) {
      assertThrows(SQLException.class, () -> items(connection));
    }
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("stays"))) {
      execute(connection, "CREATE TABLE item(id)");
    }
    try (Connection connection = DriverManager.getConnection(vfs.jdbcUrl("stays"))) {
      assertEquals(0, items(connection));
      vfs.delete("stays");
      assertEquals(0, items(connection)); // what is open stays whole
    }
    assertEquals(List.of(), vfs.databases());
  }
}
