package io.github.sqlitememvfs.jdbc;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** Short forms of what the tests do with a JDBC connection. */
public final class Jdbc {

  private Jdbc() {
  }

  public static void execute(Connection connection, String... statements) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      for (String sql : statements) {
        statement.execute(sql);
      }
    }
  }

  public static int update(Connection connection, String sql, Object... args) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      bind(statement, args);
      return statement.executeUpdate();
    }
  }

  public static List<List<Object>> rows(Connection connection, String sql, Object... args) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      bind(statement, args);
      try (ResultSet result = statement.executeQuery()) {
        List<List<Object>> rows = new ArrayList<>();
        while (result.next()) {
          List<Object> row = new ArrayList<>();
          for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) {
            row.add(result.getObject(i));
          }
          rows.add(row);
        }
        return rows;
      }
    }
  }

  /** The only column of the only row. */
  public static Object value(Connection connection, String sql, Object... args) throws SQLException {
    List<List<Object>> rows = rows(connection, sql, args);
    assertEquals(1, rows.size(), () -> "rows of " + sql);
    assertEquals(1, rows.get(0).size(), () -> "columns of " + sql);
    return rows.get(0).get(0);
  }

  public static long number(Connection connection, String sql, Object... args) throws SQLException {
    return ((Number) value(connection, sql, args)).longValue();
  }

  public static String text(Connection connection, String sql) throws SQLException {
    return value(connection, sql).toString();
  }

  public static void assertWhole(Connection connection) throws SQLException {
    assertEquals("ok", value(connection, "PRAGMA integrity_check"));
  }

  private static void bind(PreparedStatement statement, Object... args) throws SQLException {
    for (int i = 0; i < args.length; i++) {
      statement.setObject(i + 1, args[i]);
    }
  }
}
