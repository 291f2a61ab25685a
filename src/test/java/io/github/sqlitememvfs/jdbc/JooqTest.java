package io.github.sqlitememvfs.jdbc;

import static org.jooq.impl.DSL.constraint;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.max;
import static org.jooq.impl.DSL.name;
import static org.jooq.impl.DSL.rowNumber;
import static org.jooq.impl.DSL.table;
import static org.jooq.impl.SQLDataType.BLOB;
import static org.jooq.impl.SQLDataType.CLOB;
import static org.jooq.impl.SQLDataType.INTEGER;
import static org.jooq.impl.SQLDataType.NUMERIC;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.OtherSqlite;
import io.github.sqlitememvfs.Sql;
import io.github.sqlitememvfs.SqliteConnection;
import java.math.BigDecimal;
import java.util.List;
import java.util.stream.IntStream;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.SQLDialect;
import org.jooq.Table;
import org.jooq.exception.IntegrityConstraintViolationException;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** jOOQ creates tables in memory, fills them and queries them. */
class JooqTest {

  private static final Table<Record> KIND = table(name("kind"));
  private static final Field<Integer> KIND_ID = field(name("kind", "id"), INTEGER.identity(true));
  private static final Field<String> KIND_NAME = field(name("kind", "name"), CLOB.notNull());
  private static final Table<Record> ITEM = table(name("item"));
  private static final Field<Integer> ITEM_ID = field(name("item", "id"), INTEGER.identity(true));
  private static final Field<Integer> ITEM_KIND = field(name("item", "kind"), INTEGER.notNull());
  private static final Field<String> ITEM_NAME = field(name("item", "name"), CLOB.notNull());
  private static final Field<BigDecimal> ITEM_PRICE = field(name("item", "price"), NUMERIC(10, 2));
  private static final Field<byte[]> ITEM_PICTURE = field(name("item", "picture"), BLOB);

  private MemoryVfs vfs;
  private DSLContext shop;

  @BeforeEach
  void makeTables() {
    System.setProperty("org.jooq.no-logo", "true");
    System.setProperty("org.jooq.no-tips", "true");
    vfs = MemoryVfs.create();
    shop = DSL.using(MemoryDataSource.of(vfs, "shop"), SQLDialect.SQLITE);
    shop.createTable(KIND).column(KIND_ID).column(KIND_NAME)
        .constraints(constraint("kind_name").unique(name("name"))).execute();
    shop.createTable(ITEM).column(ITEM_ID).column(ITEM_KIND).column(ITEM_NAME).column(ITEM_PRICE).column(ITEM_PICTURE)
        .constraints(constraint("item_of_kind").foreignKey(name("kind")).references(name("kind"), name("id"))).execute();
    shop.createIndex(name("item_price")).on(ITEM, field(name("price"))).execute();
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  private int addKind(String name) {
    return shop.insertInto(KIND, KIND_NAME).values(name).returningResult(KIND_ID).fetchOne(KIND_ID);
  }

  private void addItems(int kind, int n) {
    shop.batch(IntStream.range(0, n).mapToObj(i ->
        shop.insertInto(ITEM, ITEM_KIND, ITEM_NAME, ITEM_PRICE).values(kind, "item " + i, BigDecimal.valueOf(150 + i, 2))).toList()).execute();
  }

  @Test
  void createsInsertsAndAsks() {
    int book = addKind("book");
    int tea = addKind("tea");
    assertNotEquals(book, tea);
    addItems(book, 40);
    addItems(tea, 2);
    byte[] picture = {0, 1, (byte) 0xff};
    assertEquals(1, shop.update(ITEM).set(ITEM_PICTURE, picture).where(ITEM_NAME.eq("item 1"), ITEM_KIND.eq(tea)).execute());

    List<? extends Record> dearest = shop.select(DSL.asterisk()).from(
        shop.select(KIND_NAME.as("kind"), ITEM_NAME.as("item"), ITEM_PRICE.as("price"),
                rowNumber().over().partitionBy(KIND_ID).orderBy(ITEM_PRICE.desc()).as("place"))
            .from(ITEM).join(KIND).on(KIND_ID.eq(ITEM_KIND)).asTable("ranked"))
        .where(field(name("place"), INTEGER).eq(1)).orderBy(field(name("kind"))).fetch();
    assertEquals(List.of("book item 39 1.89", "tea item 1 1.51"),
        dearest.stream().map(r -> r.get("kind") + " " + r.get("item") + " " + r.get("price", BigDecimal.class)).toList());

    byte[] bytes = Sql.bytes(vfs, "shop");
    OtherSqlite.assertWhole(bytes);
    assertEquals(List.of(List.of("book", 40), List.of("tea", 2)),
        OtherSqlite.rows(bytes, "SELECT kind.name, count(*) FROM item JOIN kind ON kind.id = item.kind GROUP BY 1 ORDER BY 1"));
    assertEquals(List.of(List.of("0001FF")), OtherSqlite.rows(bytes, "SELECT hex(picture) FROM item WHERE picture IS NOT NULL"));
  }

  @Test
  void upsertsAndRefusesDuplicates() {
    int book = addKind("book");
    assertEquals(1, shop.insertInto(KIND, KIND_NAME).values("book").onConflict(field(name("name"))).doUpdate()
        .set(field(name("name"), CLOB), DSL.upper(DSL.excluded(field(name("name"), CLOB)))).execute());
    assertEquals("BOOK", shop.select(KIND_NAME).from(KIND).where(KIND_ID.eq(book)).fetchOne().value1());
    assertEquals(0, shop.insertInto(KIND, KIND_NAME).values("BOOK").onConflictDoNothing().execute());
    assertThrows(IntegrityConstraintViolationException.class, () -> addKind("BOOK"));
    assertEquals(1, shop.fetchCount(KIND));
  }

  /** Transactions within each other are savepoints; our own API sees what was committed, when it was. */
  @Test
  void transactionsNest() {
    try (SqliteConnection ours = vfs.open("shop")) {
      shop.transaction(outer -> {
        outer.dsl().insertInto(KIND, KIND_NAME).values("kept").execute();
        assertThrows(IllegalStateException.class, () -> outer.dsl().transaction(inner -> {
          inner.dsl().insertInto(KIND, KIND_NAME).values("taken back").execute();
          throw new IllegalStateException("no");
        }));
        assertEquals(0, Sql.number(ours, "SELECT count(*) FROM kind"));
      });
      assertEquals("kept", Sql.text(ours, "SELECT name FROM kind"));
      assertThrows(IllegalStateException.class, () -> shop.transaction(t -> {
        t.dsl().deleteFrom(KIND).execute();
        throw new IllegalStateException("no");
      }));
      assertEquals("kept", Sql.text(ours, "SELECT name FROM kind"));
    }
  }

  @Test
  void migratesATableThatOurOwnApiReads() {
    int book = addKind("book");
    addItems(book, 3);
    shop.alterTable(ITEM).addColumn(field(name("stock"), INTEGER.defaultValue(7))).execute();
    shop.alterTable(KIND).renameTo(name("sort")).execute();
    try (SqliteConnection ours = vfs.open("shop")) {
      assertEquals(List.of(List.of("book", 21L)), Sql.rows(ours, "SELECT sort.name, sum(stock) FROM item JOIN sort ON sort.id = item.kind"));
      ours.execute("UPDATE item SET stock = 100 WHERE name = 'item 2'");
    }
    assertEquals(100, shop.select(max(field(name("stock"), INTEGER))).from(ITEM).fetchOne().value1());
  }

  @Test
  void findsTheTablesInTheSchema() {
    Table<?> item = shop.meta().getTables("item").get(0);
    assertEquals(List.of("id", "kind", "name", "price", "picture"), item.fieldStream().map(Field::getName).toList());
    assertEquals("id", item.getPrimaryKey().getFields().get(0).getName());
    assertEquals("kind", item.getReferences().get(0).getKey().getTable().getName());
    assertNull(shop.select(max(ITEM_PRICE)).from(ITEM).fetchOne().value1());
    assertEquals(0, shop.select(count()).from(KIND).fetchOne().value1());
  }
}
