package io.github.sqlitememvfs.junit;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import javax.sql.DataSource;

/**
 * Makes the content of a template, from a script, a file, bytes or a method. {@link #toString} names it in messages.
 */
abstract class TemplateSource {
  private static final int MAX_SQL_IN_MESSAGE = 300;

  private final String description;

  private TemplateSource(String description) {
    this.description = description;
  }

  /**
   * Fills an empty database.
   *
   * @param test a class whose loader knows the resources
   */
  abstract void fill(MemoryVfs vfs, String database, Class<?> test) throws Exception;

  @Override
  public String toString() {
    return description;
  }

  static TemplateSource script(String resource) {
    String path = absolute(resource);
    return new TemplateSource("script " + path) {
      @Override
      void fill(MemoryVfs vfs, String database, Class<?> test) throws Exception {
        String script = text(path, test);
        connected(vfs, database, connection -> execute(connection, script));
      }
    };
  }

  static TemplateSource database(String resource) {
    String path = absolute(resource);
    return new TemplateSource("database " + path) {
      @Override
      void fill(MemoryVfs vfs, String database, Class<?> test) throws IOException {
        try (InputStream in = open(path, test)) {
          vfs.deserialize(database, in);
        }
      }
    };
  }

  static TemplateSource bytes(byte[] bytes) {
    return new TemplateSource("database of " + bytes.length + " bytes") {
      @Override
      void fill(MemoryVfs vfs, String database, Class<?> test) throws IOException {
        vfs.deserialize(database, new ByteArrayInputStream(bytes));
      }
    };
  }

  static TemplateSource builder(FreshDatabase.Builder<SqliteConnection> builder) {
    return new TemplateSource(methodOf(builder)) {
      @Override
      void fill(MemoryVfs vfs, String database, Class<?> test) throws Exception {
        connected(vfs, database, builder);
      }
    };
  }

  static TemplateSource jdbcBuilder(FreshDatabase.Builder<DataSource> builder) {
    return new TemplateSource(methodOf(builder)) {
      @Override
      void fill(MemoryVfs vfs, String database, Class<?> test) throws Exception {
        builder.build(MemoryDataSource.of(vfs, database));
      }
    };
  }

  /** Describes a method by the class that it stands in: more cannot be told of a lambda or a method reference. */
  private static String methodOf(Object builder) {
    String type = builder.getClass().getName();
    int lambda = type.indexOf("$$Lambda");
    return "built by " + (lambda < 0 ? type : type.substring(0, lambda));
  }

  private static void connected(MemoryVfs vfs, String database, FreshDatabase.Builder<SqliteConnection> builder)
      throws Exception {
    try (SqliteConnection connection = vfs.open(database)) {
      builder.build(connection);
      if (connection.inTransaction()) {
        throw new IllegalStateException("it leaves a transaction open, whose changes would be lost; COMMIT it");
      }
    }
  }

  private static void execute(SqliteConnection connection, String script) {
    try {
      connection.execute(script);
    } catch (SqliteException e) {
      throw new IllegalArgumentException(e.getMessage() + ", in: " + start(e.sql()), e);
    }
  }

  private static String start(String sql) {
    return sql.length() <= MAX_SQL_IN_MESSAGE ? sql : sql.substring(0, MAX_SQL_IN_MESSAGE) + "...";
  }

  // ---- resources ----

  private static String absolute(String resource) {
    return resource.startsWith("/") ? resource : "/" + resource;
  }

  private static InputStream open(String path, Class<?> test) throws IOException {
    InputStream in = test.getResourceAsStream(path);
    if (in == null) {
      throw new FileNotFoundException("there is no such resource on the class path of " + test.getName());
    }
    return in;
  }

  private static String text(String path, Class<?> test) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (InputStream in = open(path, test)) {
      byte[] buffer = new byte[8192];
      for (int n; (n = in.read(buffer)) >= 0; ) {
        bytes.write(buffer, 0, n);
      }
    }
    try {
      return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes.toByteArray())).toString();
    } catch (CharacterCodingException e) {
      throw new IOException("it is not UTF-8; convert it", e);
    }
  }
}
