package io.github.sqlitememvfs;

// tag::round-trip[]
import io.github.sqlitememvfs.*;
import java.io.*;
import java.nio.file.*;
// end::round-trip[]
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.sqlitememvfs.junit.FreshDatabase;
import io.github.sqlitememvfs.junit.TestRun;
import java.net.URL;
import java.nio.channels.FileChannel;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * How the library is meant to be used. The regions between {@code tag::} and {@code end::} are README.md's Java code;
 * {@code docs.DocsTest} compares them. So they are written for Java 8, and as one would write them elsewhere.
 */
class TutorialTest {

  private static final byte[] SHOP = OtherSqlite.database(
      "CREATE TABLE item(id INTEGER PRIMARY KEY, kind TEXT, name TEXT, price REAL, stock INTEGER)",
      "INSERT INTO item(kind, name, price, stock) VALUES ('book', 'A book', 20.0, 3), ('book', 'Another book', 30.0, 1), ('pen', 'A pen', 2.0, 100)",
      "CREATE TABLE orders(item INTEGER REFERENCES item, amount INTEGER)");

  // tag::round-trip[]
  public static class Sale {
    public static void main(String[] args) throws IOException {
      try (MemoryVfs vfs = MemoryVfs.create()) {
        try (InputStream in = new FileInputStream(args[0])) {
          vfs.deserialize("shop", in);
        }
        try (SqliteConnection shop = vfs.open("shop")) {
          long changed = shop.execute("UPDATE item SET price = price * ? WHERE kind = ?", 0.5, "book");
          System.out.println(changed + " prices changed, " + vfs.size("shop") + " bytes");
        }
        try (OutputStream out = Files.newOutputStream(Paths.get(args[1]))) {
          vfs.serialize("shop", out);
        }
      }
    }
  }
  // end::round-trip[]

  private final MemoryVfs vfs = MemoryVfs.create();
  private SqliteConnection shop;

  @BeforeEach
  void open() {
    vfs.deserialize("shop", List.of(SHOP));
    shop = vfs.open("shop");
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  @Test
  void roundTrip(@TempDir Path folder) throws IOException {
    Path in = Files.write(folder.resolve("in.db"), SHOP);
    Path out = folder.resolve("out.db");
    Sale.main(new String[] {in.toString(), out.toString()});
    byte[] written = Files.readAllBytes(out);
    OtherSqlite.assertWhole(written);
    assertEquals(List.of(List.of(10.0), List.of(15.0), List.of(2.0)), OtherSqlite.rows(written, "SELECT price FROM item ORDER BY id"));
  }

  @Test
  void fromStream(@TempDir Path folder) throws IOException {
    URL url = Files.write(folder.resolve("catalog.db"), SHOP).toUri().toURL();
    // tag::from-stream[]
    try (InputStream in = url.openStream()) {
      vfs.deserialize("catalog", in);
    }
    // end::from-stream[]
    assertArrayEquals(SHOP, Sql.bytes(vfs, "catalog"));
  }

  @Test
  void query() {
    PrintStream console = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true));
    try {
      // tag::query[]
      try (SqliteStatement item = shop.query("SELECT id, name, price FROM item WHERE kind = ? AND price < ?", "book", 25)) {
        while (item.step()) {
          System.out.println(item.getLong(0) + " " + item.getText(1) + " " + item.getDouble(2));
        }
      }
      // end::query[]
    } finally {
      System.setOut(console);
    }
    assertEquals("1 A book 20.0", printed.toString().trim());
  }

  private void sell(long item, long amount) {
    // tag::transaction[]
    shop.transaction(t -> {
      long sold = t.execute("UPDATE item SET stock = stock - ?1 WHERE id = ?2 AND stock >= ?1", amount, item);
      if (sold == 0) {
        throw new IllegalStateException("out of stock"); // whatever is thrown rolls back, and is thrown on
      }
      t.execute("INSERT INTO orders VALUES (?, ?)", item, amount);
    });
    // end::transaction[]
  }

  @Test
  void transaction() {
    sell(1, 2);
    assertThrows(IllegalStateException.class, () -> sell(1, 2));
    assertEquals(1, Sql.number(shop, "SELECT stock FROM item WHERE id = 1"));
    assertEquals(1, Sql.number(shop, "SELECT count(*) FROM orders"));
  }

  private void insert(List<Item> items) {
    // tag::batch[]
    try (SqliteStatement insert = shop.prepare("INSERT INTO item(kind, name, price) VALUES (?, ?, ?)")) {
      insert.bindText(1, "book");
      for (Item item : items) {
        insert.bindText(2, item.name);
        insert.bindDouble(3, item.price);
        insert.addBatch(); // what is bound stays bound: all are books
      }
      insert.executeBatch(); // one call for all rows, in a transaction; an error names the row, and undoes all
    }
    // end::batch[]
  }

  private static final class Item {
    final String name;
    final double price;

    Item(String name, double price) {
      this.name = name;
      this.price = price;
    }
  }

  @Test
  void batch() {
    insert(List.of(new Item("One", 1), new Item("Two", 2)));
    assertEquals(1 + 2, Sql.number(shop, "SELECT CAST(sum(price) AS INTEGER) FROM item WHERE kind = 'book' AND name IN ('One', 'Two')"));
  }

  /** An object store whose first upload fails half-way. */
  private static final class Store {
    private int attempts;
    private byte[] uploaded;

    void upload(String key, InputStream in, long size) throws IOException {
      byte[] bytes = in.readNBytes(attempts++ == 0 ? 1000 : Integer.MAX_VALUE);
      if (bytes.length < size) {
        throw new IOException("connection reset");
      }
      uploaded = bytes;
    }
  }

  @Test
  void snapshot() throws IOException {
    Store store = new Store();
    // tag::snapshot[]
    try (Snapshot snapshot = vfs.snapshot("shop")) { // costs the same for 1 MB and for 10 GB; writers go on
      for (int attempt = 1; ; attempt++) {
        try (InputStream in = snapshot.newInputStream()) { // always the same bytes
          store.upload("shop-" + snapshot.version() + ".db", in, snapshot.size());
          break;
        } catch (IOException e) {
          if (attempt == 3) {
            throw e;
          }
        }
      }
    }
    // end::snapshot[]
    assertEquals(2, store.attempts);
    assertArrayEquals(SHOP, store.uploaded);
  }

  @Test
  void forkPerTest() {
    for (String test : List.of("first", "second")) {
      // tag::fork[]
      vfs.fork("shop", test); // each test has the fixture to itself; only what it changes takes memory
      try (SqliteConnection own = vfs.open(test)) {
        own.execute("DELETE FROM item");
      }
      vfs.delete(test);
      // end::fork[]
      assertEquals(3, Sql.number(shop, "SELECT count(*) FROM item"));
    }
    assertEquals(List.of("shop"), vfs.databases());
  }

  // tag::fresh-database[]
  public static class ShopTest {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromScript("/shop.sql"); // once for all tests

    @Test
    void sells(SqliteConnection shop) { // a fork for this test, which goes with it
      assertEquals(1, shop.execute("UPDATE item SET stock = stock - 1 WHERE name = 'tea'"));
    }

    @Test
    void reports(DataSource shop) throws SQLException { // the same, through JDBC
      assertEquals("tea: 3", new Report(shop).of("tea"));
    }
  }
  // end::fresh-database[]

  private static final class Report {
    private final DataSource shop;

    Report(DataSource shop) {
      this.shop = shop;
    }

    String of(String name) throws SQLException {
      try (Connection connection = shop.getConnection();
          PreparedStatement stock = connection.prepareStatement("SELECT name || ': ' || stock FROM item WHERE name = ?")) {
        stock.setString(1, name);
        try (ResultSet row = stock.executeQuery()) {
          return row.getString(1);
        }
      }
    }
  }

  @Test
  void freshDatabase() {
    TestRun.of(ShopTest.class).assertPassed(2);
  }

  @Test
  void jdbc() throws SQLException {
    // tag::jdbc[]
    DataSource source = MemoryDataSource.of(vfs, "shop"); // or DriverManager.getConnection(vfs.jdbcUrl("shop"))
    try (Connection jdbc = source.getConnection(); Statement statement = jdbc.createStatement()) {
      statement.executeUpdate("UPDATE item SET price = price + 1");
    }
    // end::jdbc[]
    assertEquals(55, Sql.number(shop, "SELECT CAST(sum(price) AS INTEGER) FROM item"));
  }

  @Test
  void streamOut(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("backup.db");
    // tag::stream-out[]
    try (FileChannel out = FileChannel.open(file, CREATE, WRITE, TRUNCATE_EXISTING)) {
      vfs.serialize("shop", out); // files and sockets: without a copy through the Java heap
    }
    // end::stream-out[]
    assertArrayEquals(SHOP, Files.readAllBytes(file));
  }
}
