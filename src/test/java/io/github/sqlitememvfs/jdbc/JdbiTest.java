package io.github.sqlitememvfs.jdbc;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.OtherSqlite;
import io.github.sqlitememvfs.Sql;
import io.github.sqlitememvfs.SqliteConnection;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.sqlobject.SqlObjectPlugin;
import org.jdbi.v3.sqlobject.config.RegisterConstructorMapper;
import org.jdbi.v3.sqlobject.customizer.Bind;
import org.jdbi.v3.sqlobject.customizer.BindMethods;
import org.jdbi.v3.sqlobject.statement.GetGeneratedKeys;
import org.jdbi.v3.sqlobject.statement.SqlBatch;
import org.jdbi.v3.sqlobject.statement.SqlQuery;
import org.jdbi.v3.sqlobject.statement.SqlUpdate;
import org.jdbi.v3.sqlobject.transaction.Transaction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** JDBI, by SQL objects and by handles, on a database in memory. */
class JdbiTest {

  /** A row of item. */
  public record Item(long id, String name, double price) {
  }

  /** What the shop does, as a JDBI SQL object. */
  @RegisterConstructorMapper(Item.class)
  public interface Items {

    @SqlUpdate("CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL NOT NULL CHECK (price >= 0))")
    void create();

    @SqlUpdate("INSERT INTO item(name, price) VALUES (:name, :price)")
    @GetGeneratedKeys
    long add(@Bind("name") String name, @Bind("price") double price);

    @SqlBatch("INSERT INTO item(id, name, price) VALUES (:id, :name, :price)")
    int[] add(@BindMethods List<Item> items);

    @SqlQuery("SELECT * FROM item WHERE name = :name")
    Optional<Item> find(@Bind("name") String name);

    @SqlQuery("SELECT * FROM item WHERE price < :below ORDER BY id")
    List<Item> cheap(@Bind("below") double below);

    @SqlUpdate("UPDATE item SET price = price + :by WHERE name = :name")
    int raise(@Bind("name") String name, @Bind("by") double by);

    @Transaction
    default void move(String from, String to, double amount) {
      raise(to, amount);
      raise(from, -amount);
    }
  }

  private MemoryVfs vfs;
  private Jdbi jdbi;

  @BeforeEach
  void makeTable() {
    vfs = MemoryVfs.create();
    jdbi = Jdbi.create(MemoryDataSource.of(vfs, "shop")).installPlugin(new SqlObjectPlugin());
    jdbi.useExtension(Items.class, Items::create);
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  @Test
  void insertsWithGeneratedKeysAndFinds() {
    long tea = jdbi.withExtension(Items.class, items -> items.add("tea ☕", 2.5));
    assertArrayEquals(new int[] {1, 1, 1}, jdbi.withExtension(Items.class, items -> items.add(
        IntStream.rangeClosed(1, 3).mapToObj(i -> new Item(tea + i, "book " + i, 10 * i)).toList())));
    assertEquals(Optional.of(new Item(tea, "tea ☕", 2.5)), jdbi.withExtension(Items.class, items -> items.find("tea ☕")));
    assertEquals(List.of("tea ☕", "book 1"), jdbi.withExtension(Items.class, items -> items.cheap(20)).stream().map(Item::name).toList());

    byte[] bytes = Sql.bytes(vfs, "shop");
    OtherSqlite.assertWhole(bytes);
    assertEquals(List.of(List.of(4, 62.5)), OtherSqlite.rows(bytes, "SELECT count(*), sum(price) FROM item"));
  }

  @Test
  void failedTransactionLeavesNothing() {
    jdbi.useExtension(Items.class, items -> {
      items.add("a", 5);
      items.add("b", 5);
      assertThrows(RuntimeException.class, () -> items.move("a", "b", 6)); // b is raised before the check stops a
      items.move("a", "b", 2);
    });
    try (SqliteConnection ours = vfs.open("shop")) {
      assertEquals(List.of(List.of("a", 3.0), List.of("b", 7.0)), Sql.rows(ours, "SELECT name, price FROM item ORDER BY name"));
    }
  }

  /** A stream of rows is of one version, however long it takes and whatever is committed meanwhile. */
  @Test
  void streamsRowsOfOneVersionWhileOurApiChangesThem() {
    int n = 20_000;
    jdbi.useHandle(handle -> {
      handle.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
          + "INSERT INTO item SELECT i, 'item ' || i, i FROM n", n);
    });
    try (Handle handle = jdbi.open(); Stream<String> names = handle.createQuery("SELECT name FROM item ORDER BY id").mapTo(String.class).stream()) {
      Iterator<String> each = names.iterator();
      int expected = 1;
      while (each.hasNext()) {
        assertEquals("item " + expected, each.next());
        if (expected == 100) {
          try (SqliteConnection ours = vfs.open("shop")) {
            ours.execute("UPDATE item SET name = 'another ' || id");
            ours.execute("DELETE FROM item WHERE id <> 7");
          }
        }
        expected++;
      }
      assertEquals(n + 1, expected);
    }
    assertEquals(List.of("another 7"), jdbi.withHandle(handle -> handle.createQuery("SELECT name FROM item").mapTo(String.class).list()));
  }

  @Test
  void savepointsRollBackAPart() {
    jdbi.useTransaction(handle -> {
      handle.execute("INSERT INTO item(name, price) VALUES ('kept', 1)");
      handle.savepoint("here");
      handle.execute("DELETE FROM item");
      handle.rollbackToSavepoint("here");
    });
    assertEquals(List.of("kept"), jdbi.withHandle(handle -> handle.createQuery("SELECT name FROM item").mapTo(String.class).list()));
  }
}
