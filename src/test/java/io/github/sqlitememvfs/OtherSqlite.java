package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes and reads temporary files by another SQLite, that of sqlite-jdbc: the databases that we read, and those that we
 * make.
 */
public final class OtherSqlite {

  private OtherSqlite() {
  }

  public interface Use<T> {
    T with(Statement statement) throws SQLException;
  }

  /** The bytes of a new database file on which these statements were run. */
  public static byte[] database(String... statements) {
    return onFile(new byte[0], statement -> {
      for (String sql : statements) {
        statement.execute(sql);
      }
      return null;
    }).file;
  }

  /** All rows of a query on a database of these bytes; values as JDBC gives them. */
  public static List<List<Object>> rows(byte[] database, String sql) {
    return onFile(database, statement -> {
      List<List<Object>> rows = new ArrayList<>();
      try (ResultSet result = statement.executeQuery(sql)) {
        while (result.next()) {
          List<Object> row = new ArrayList<>();
          for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) {
            row.add(result.getObject(i));
          }
          rows.add(row);
        }
      }
      return rows;
    }).value;
  }

  public static void assertWhole(byte[] database) {
    assertEquals(List.of(List.of("ok")), rows(database, "PRAGMA integrity_check"));
  }

  public static final class Result<T> {
    public final T value;
    public final byte[] file;

    Result(T value, byte[] file) {
      this.value = value;
      this.file = file;
    }
  }

  /** Runs something on a file of these bytes, and returns what the file is afterwards. */
  public static <T> Result<T> onFile(byte[] database, Use<T> use) {
    try {
      Path folder = Files.createTempDirectory("other-sqlite");
      try {
        Path file = Files.write(folder.resolve("test.db"), database);
        T value;
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
            Statement statement = connection.createStatement()) {
          value = use.with(statement);
        }
        return new Result<>(value, Files.readAllBytes(file));
      } finally {
        try (var left = Files.list(folder)) {
          for (Path file : left.toList()) {
            Files.delete(file);
          }
        }
        Files.delete(folder);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (SQLException e) {
      throw new AssertionError("the other SQLite: " + e.getMessage(), e);
    }
  }
}
