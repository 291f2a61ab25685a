package com.example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import androidx.sqlite.SQLiteConnection;
import androidx.sqlite.SQLiteDriver;
import androidx.sqlite.SQLiteException;
import androidx.sqlite.SQLiteStatement;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteStatement;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The adapter of docs/android.md does with our statements what androidx.sqlite's interfaces ask for. */
class MemoryVfsDriverTest {
  private final MemoryVfs vfs = MemoryVfs.create();
  private final SQLiteDriver driver = new MemoryVfsDriver(vfs);
  private SQLiteConnection db;

  @BeforeEach
  void open() {
    db = driver.open("/data/user/0/app/databases/shop.db");
    run("CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL, picture BLOB)");
  }

  @AfterEach
  void close() {
    db.close();
    vfs.close();
  }

  private void run(String sql) {
    try (SQLiteStatement statement = db.prepare(sql)) {
      assertFalse(statement.step());
    }
  }

  private void insert(SQLiteStatement insert, long id, String name) {
    insert.bindLong(1, id);
    insert.bindText(2, name);
    insert.bindDouble(3, id / 2.0);
    insert.bindBlob(4, new byte[] {(byte) id, 2});
    assertFalse(insert.step());
    insert.reset();
  }

  @Test
  void valuesComeBackWithTheirTypes() {
    try (SQLiteStatement insert = db.prepare("INSERT INTO item VALUES (?, ?, ?, ?)")) {
      insert(insert, 1, "one");
      insert(insert, 2, "two");
      insert.clearBindings();
      insert.bindInt(1, 3);
      assertFalse(insert.step());
    }
    try (SQLiteStatement query = db.prepare("SELECT * FROM item ORDER BY id")) {
      assertEquals(4, query.getColumnCount());
      assertEquals(List.of("id", "name", "price", "picture"), query.getColumnNames());
      assertTrue(query.step());
      assertEquals(1, query.getInt(0));
      assertEquals("one", query.getText(1));
      assertEquals(0.5f, query.getFloat(2));
      assertArrayEquals(new byte[] {1, 2}, query.getBlob(3));
      assertTrue(query.getBoolean(0));
      int[] types = {1, 3, 2, 4}; // androidx.sqlite's SQLITE_DATA_INTEGER, TEXT, FLOAT and BLOB
      for (int i = 0; i < types.length; i++) {
        assertEquals(types[i], query.getColumnType(i));
      }
      assertTrue(query.step());
      assertEquals(2, query.getLong(0));
      assertTrue(query.step());
      assertTrue(query.isNull(1));
      assertEquals(5, query.getColumnType(1)); // SQLITE_DATA_NULL
      assertFalse(query.step());
      query.reset();
      assertTrue(query.step());
      assertEquals(1, query.getLong(0));
    }
  }

  @Test
  void bindingsOutliveAReset() {
    try (SQLiteStatement insert = db.prepare("INSERT INTO item(name, price) VALUES (?, ?)")) {
      insert.bindText(1, "kept");
      insert.bindFloat(2, 1.5f);
      for (int i = 0; i < 2; i++) {
        assertFalse(insert.step());
        insert.reset();
      }
    }
    try (SQLiteStatement count = db.prepare("SELECT count(*), sum(price) FROM item WHERE name = 'kept'")) {
      assertTrue(count.step());
      assertEquals(2, count.getLong(0));
      assertEquals(3.0, count.getDouble(1));
    }
  }

  @Test
  void transactionsAreSqlAndOthersSeeWhatWasCommitted() {
    assertFalse(db.inTransaction());
    run("BEGIN IMMEDIATE TRANSACTION");
    assertTrue(db.inTransaction());
    run("INSERT INTO item(name) VALUES ('a')");
    run("END TRANSACTION");
    assertFalse(db.inTransaction());
    try (SQLiteConnection other = driver.open("/data/user/0/app/databases/shop.db"); SQLiteStatement count = other.prepare("SELECT count(*) FROM item")) {
      assertTrue(count.step());
      assertEquals(1, count.getLong(0));
    }
    try (SqliteConnection ours = vfs.open("/data/user/0/app/databases/shop.db"); SqliteStatement count = ours.query("SELECT count(*) FROM item")) {
      assertTrue(count.step());
      assertEquals(1, count.getLong(0));
    }
  }

  /** What Room's upsert does: it inserts, and updates if the message of androidx.sqlite's exception says so. */
  @Test
  void aUniqueConstraintIsToldAsRoomExpects() {
    run("CREATE UNIQUE INDEX item_name ON item(name)");
    run("INSERT INTO item(name, price) VALUES ('tea', 1)");
    try (SQLiteStatement insert = db.prepare("INSERT INTO item(name) VALUES ('tea')")) {
      SQLiteException e = assertThrows(SQLiteException.class, insert::step);
      assertTrue(e.getMessage().contains("UNIQUE") && e.getMessage().contains("2067"), e.getMessage());
      assertTrue(e.getMessage().startsWith("Error code: 2067, message: "), e.getMessage());
    }
    run("UPDATE item SET price = 2 WHERE name = 'tea'");
    assertThrows(SQLiteException.class, () -> db.prepare("SELECT nope"));
  }

  /** What Room's inMemoryDatabaseBuilder opens. */
  @Test
  void aPrivateDatabaseGoesWithItsConnection() {
    try (SQLiteConnection one = driver.open(":memory:"); SQLiteConnection two = driver.open(":memory:")) {
      for (SQLiteConnection each : List.of(one, two)) {
        try (SQLiteStatement create = each.prepare("CREATE TABLE t(x)")) {
          assertFalse(create.step());
        }
      }
      assertEquals(3, vfs.databases().size());
    }
    assertEquals(List.of("/data/user/0/app/databases/shop.db"), vfs.databases());
    SQLiteConnection late = driver.open(":memory:");
    vfs.close();
    late.close();
  }

  @Test
  void whatIsClosedSaysSo() {
    SQLiteStatement statement = db.prepare("SELECT 1");
    statement.close();
    statement.close();
    assertThrows(IllegalStateException.class, statement::step);
    db.close();
    assertThrows(IllegalStateException.class, () -> db.prepare("SELECT 1"));
  }
}
