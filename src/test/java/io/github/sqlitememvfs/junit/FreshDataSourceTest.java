package io.github.sqlitememvfs.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The parameters of {@link FreshDatabase} that are for JDBC. */
class FreshDataSourceTest {

  private static int count(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet result = statement.executeQuery("SELECT count(*) FROM item")) {
      return result.getInt(1);
    }
  }

  private static void insert(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.executeUpdate("INSERT INTO item(name, stock) VALUES ('more', 1)");
    }
  }

  @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
  static class Jdbc {
    static Connection previous;

    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromScript("/shop.sql");

    private Connection given;

    @BeforeEach
    void fill(Connection shop) throws SQLException {
      assertEquals(3, count(shop));
      insert(shop);
      given = shop;
    }

    @Test
    @Order(1)
    void allParametersAreOfTheSame(DataSource source, Connection shop, SqliteConnection ours) throws SQLException {
      assertSame(given, shop);
      ours.execute("INSERT INTO item(name, stock) VALUES ('more', 1)");
      try (Connection other = source.getConnection()) {
        assertNotSame(shop, other);
        insert(other);
        assertEquals(6, count(other));
      }
      assertEquals(6, count(shop));
      previous = shop;
    }

    @Test
    @Order(2)
    void theConnectionBeforeIsClosed(Connection shop, MemoryVfs vfs, @Fresh String name) throws SQLException {
      assertTrue(previous.isClosed());
      assertNotSame(previous, shop);
      assertEquals(List.of(name), vfs.databases());
      shop.setAutoCommit(false);
      insert(shop);
      previous = shop;
    }
  }

  @Test
  void jdbc() throws SQLException {
    TestRun.of(Jdbc.class).assertPassed(2);
    assertTrue(Jdbc.previous.isClosed());
  }

  static class Migrated {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.builtByJdbc(source -> {
      try (Connection shop = source.getConnection(); Statement statement = shop.createStatement()) {
        statement.executeUpdate("CREATE TABLE item(name, stock)");
        insert(shop);
      }
    });

    @Test
    void test(DataSource source) throws SQLException {
      try (Connection shop = source.getConnection()) {
        assertEquals(1, count(shop));
      }
    }
  }

  static class MigratedByNobody {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.builtByJdbc(source -> { });

    @Test
    void test(SqliteConnection shop) {
      shop.execute("CREATE TABLE item(name, stock)");
    }
  }

  @Test
  void aTemplateMadeThroughJdbc() {
    TestRun.of(Migrated.class, MigratedByNobody.class).assertPassed(2);
  }
}
