package io.github.sqlitememvfs.jdbc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.OtherSqlite;
import io.github.sqlitememvfs.Sql;
import io.github.sqlitememvfs.SqliteConnection;
import java.util.List;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.output.MigrateResult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Flyway migrates databases in memory, by the scripts in this package's resources. */
class FlywayTest {

  private static final String SHOP = "classpath:io/github/sqlitememvfs/jdbc/shop";
  private static final String BROKEN = "classpath:io/github/sqlitememvfs/jdbc/broken";
  private static final List<List<Object>> CHEAP = List.of(List.of("first book", 2.5, "book"), List.of("first tea", 2.5, "tea"));

  private MemoryVfs vfs;

  @BeforeEach
  void start() {
    vfs = MemoryVfs.create();
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  private Flyway flyway(String database, String... locations) {
    return Flyway.configure().dataSource(MemoryDataSource.of(vfs, database)).locations(locations).load();
  }

  @Test
  void migratesOnce() {
    Flyway flyway = flyway("shop", SHOP);
    MigrateResult first = flyway.migrate();
    assertEquals(3, first.migrationsExecuted, first.getException() + "");
    assertEquals("2", first.targetSchemaVersion);
    assertEquals(0, flyway.migrate().migrationsExecuted);
    assertTrue(flyway.validateWithResult().validationSuccessful);

    try (SqliteConnection ours = vfs.open("shop")) {
      assertEquals(CHEAP, Sql.rows(ours, "SELECT * FROM cheap ORDER BY name"));
      ours.execute("UPDATE item SET price = 12 WHERE name = 'first tea'");
      assertEquals(List.of(List.of("first tea (12.0)", 2.5)), Sql.rows(ours, "SELECT name, price_was.price FROM price_was JOIN item ON item.id = price_was.item"));
    }
    byte[] bytes = Sql.bytes(vfs, "shop");
    OtherSqlite.assertWhole(bytes);
    assertEquals(List.of(List.of("1", 1), List.of("2", 1)),
        OtherSqlite.rows(bytes, "SELECT version, success FROM flyway_schema_history WHERE version IS NOT NULL ORDER BY version"));
  }

  @Test
  void failedMigrationIsRolledBack() {
    flyway("shop", SHOP).migrate();
    long version = version("shop");
    FlywayException e = assertThrows(FlywayException.class, () -> flyway("shop", SHOP, BROKEN).migrate());
    assertTrue(e.getMessage().contains("no_such_table"), e.getMessage());
    assertEquals("2", flyway("shop", SHOP).info().current().getVersion().getVersion());
    try (SqliteConnection ours = vfs.open("shop")) {
      assertEquals(CHEAP, Sql.rows(ours, "SELECT * FROM cheap ORDER BY name"));
      assertEquals(0, Sql.number(ours, "SELECT count(*) FROM price_was"));
      Sql.assertWhole(ours);
    }
    assertEquals(version, version("shop"));
  }

  private long version(String database) {
    try (var snapshot = vfs.snapshot(database)) {
      return snapshot.version();
    }
  }

  /** Bytes that were migrated need no migration where they are loaded, nor does a fork; what is older does. */
  @Test
  void takesOverWhereItWasLeft() {
    Flyway.configure().dataSource(MemoryDataSource.of(vfs, "shop")).locations(SHOP).target("1").load().migrate();
    byte[] bytes = Sql.bytes(vfs, "shop");
    assertEquals(1, flyway("shop", SHOP).migrate().migrationsExecuted);
    vfs.fork("shop", "fork");
    assertEquals(0, flyway("fork", SHOP).migrate().migrationsExecuted);
    vfs.deserialize("older", List.of(bytes));
    assertEquals(1, flyway("older", SHOP).migrate().migrationsExecuted);
    try (SqliteConnection ours = vfs.open("older")) {
      assertEquals(CHEAP, Sql.rows(ours, "SELECT * FROM cheap ORDER BY name"));
    }
  }

  @Test
  void cleansOneDatabaseOnly() {
    flyway("shop", SHOP).migrate();
    vfs.fork("shop", "fork");
    Flyway.configure().dataSource(MemoryDataSource.of(vfs, "fork")).locations(SHOP).cleanDisabled(false).load().clean();
    try (SqliteConnection fork = vfs.open("fork"); SqliteConnection shop = vfs.open("shop")) {
      assertEquals(List.of(), Sql.rows(fork, "SELECT name FROM sqlite_schema"));
      assertEquals(CHEAP, Sql.rows(shop, "SELECT * FROM cheap ORDER BY name"));
    }
    assertEquals(3, flyway("fork", SHOP).migrate().migrationsExecuted);
  }
}
