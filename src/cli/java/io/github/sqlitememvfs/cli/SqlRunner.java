package io.github.sqlitememvfs.cli;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteException;
import io.github.sqlitememvfs.SqliteStatement;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.StringReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/** Runs scripts and SQL arguments, statement by statement, and prints their rows. An error says where it is. */
final class SqlRunner {
  private static final int BUFFER = 1 << 16;
  private static final byte[] DATABASE_MAGIC = "SQLite format 3\0".getBytes(StandardCharsets.US_ASCII);
  private static final Pattern LIKE_A_FILE = Pattern.compile(".*[/\\\\].*|.*\\.(db|db3|s3db|sqlite|sqlite3)",
      Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
  private static final int LONGEST_SQL = 200; // in a message

  private final MemoryVfs vfs;
  private final SqliteConnection connection;
  private final ParameterValues values;
  private final RowWriter rows; // null: rows are dropped
  private final Console console;
  private final Interruption interruption;

  SqlRunner(MemoryVfs vfs, SqliteConnection connection, ParameterValues values, RowWriter rows, Console console,
      Interruption interruption) {
    this.vfs = vfs;
    this.connection = connection;
    this.values = values;
    this.rows = rows;
    this.console = console;
    this.interruption = interruption;
  }

  /** Runs a UTF-8 file, or - for standard input. */
  void runFile(String script) {
    String name = script.equals("-") ? "standard input" : script;
    try (InputStream in = new BufferedInputStream(script.equals("-") ? console.in()
        : Files.newInputStream(FileNames.path(script)), BUFFER)) {
      if (isDatabase(in)) {
        throw new CliException(CliException.SQL, name + " is a SQLite database, not a script; -i reads a database");
      }
      Reader text = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8.newDecoder()), BUFFER);
      run(new SqlScript(name, text), true);
    } catch (CharacterCodingException e) {
      throw new CliException(CliException.IO, "cannot read " + name + ": it is not UTF-8 text", e);
    } catch (IOException e) {
      throw Failures.cannotRead(name, e);
    }
  }

  /** Looks at what comes with the first read, and waits for no more: a person may be typing it. */
  private static boolean isDatabase(InputStream in) throws IOException {
    byte[] start = new byte[DATABASE_MAGIC.length];
    in.mark(start.length);
    in.read(start);
    in.reset();
    return Arrays.equals(start, DATABASE_MAGIC);
  }

  /** Runs arguments of the command line. */
  void runArguments(List<String> arguments) {
    for (int i = 0; i < arguments.size(); i++) {
      String name = arguments.size() == 1 ? "SQL argument" : "SQL argument " + (i + 1);
      try {
        run(new SqlScript(name, new StringReader(arguments.get(i))), false);
      } catch (IOException e) {
        throw new AssertionError("a text in memory", e);
      } catch (CliException e) {
        if (e.getCause() instanceof SqliteException && new File(arguments.get(i)).isFile()) {
          throw new CliException(e.exitCode(), e.getMessage() + ": it is a file; -i reads a database, -f a script", e);
        }
        throw e;
      }
    }
  }

  /** tellFirst: whether the message for an error in the first statement, too, has its text. */
  private void run(SqlScript script, boolean tellFirst) throws IOException {
    for (String sql; (sql = script.next()) != null; ) { // may wait for a person: nothing to interrupt then
      interruption.begin(connection);
      try {
        run(sql);
      } catch (SqliteException e) {
        String text = sql.length() > LONGEST_SQL ? sql.substring(0, LONGEST_SQL) + "..." : sql;
        String where = script.number() == 1 && !tellFirst ? "" : "; statement " + script.number() + " is " + text;
        throw new CliException(CliException.SQL, script.place(e.errorOffset()) + ": " + e.getMessage() + where, e);
      } catch (IllegalArgumentException e) { // a NUL, or a parameter without a value
        throw new CliException(CliException.SQL, script.place(-1) + ": " + e.getMessage(), e);
      } finally {
        interruption.end();
      }
    }
  }

  private void run(String sql) throws IOException {
    boolean vacuums = beginsWith(sql, "vacuum");
    boolean attaches = beginsWith(sql, "attach");
    List<String> before = vacuums || attaches ? vfs.databases() : null;
    try (SqliteStatement statement = connection.prepare(sql)) {
      if (!beginsWith(sql, "explain")) { // it runs nothing
        values.bind(statement);
      }
      print(statement, rows);
    }
    if (before == null) {
      return;
    }
    for (String database : vfs.databases()) {
      if (before.contains(database)) {
        continue;
      }
      if (vacuums) {
        throw new IllegalArgumentException("VACUUM INTO made a database named " + database
            + " in the memory of this program, not a file: SQL reaches no files here. -o " + database
                + " writes the database to a file");
      }
      if (LIKE_A_FILE.matcher(database).matches() || new File(database).exists()) {
        throw new IllegalArgumentException("ATTACH made an empty database named " + database
            + " in the memory of this program, and did not open a file: SQL reaches no files here. -i reads a "
                + "database from a file, -o"
            + " writes it to one; another database in memory has a name without a slash or an ending such as .db");
      }
    }
  }

  private static boolean beginsWith(String sql, String word) {
    int n = word.length();
    return sql.regionMatches(true, 0, word, 0, n) && (sql.length() == n || !Character.isLetterOrDigit(sql.charAt(n)));
  }

  /** Steps to the end; the rows, if there can be any, are printed one by one. */
  static void print(SqliteStatement statement, RowWriter rows) throws IOException {
    int columns = statement.getColumnCount();
    if (columns == 0 || rows == null) {
      while (statement.step()) {
        // rows that nobody wants
      }
      return;
    }
    rows.begin(statement.getColumnNames());
    try {
      Object[] values = new Object[columns];
      while (statement.step()) {
        for (int i = 0; i < columns; i++) {
          values[i] = statement.getObject(i);
        }
        rows.row(values);
      }
    } finally {
      rows.end(); // an error in row 100 does not hide 99 rows
    }
  }
}
