package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * sqlite-jdbc, on a disk, and our connections, in memory, run the same statements on the same file. They must give the
 * same rows or the same error. docs/compatibility.md lists every difference.
 */
class CompatibilityTest {

  private static final Path DOCS = Path.of("docs", "compatibility.md");

  @TempDir
  Path folder;

  // ---- the two engines ----

  /** Runs one statement. Its rows as text, or the error's primary code. */
  private interface Engine {
    String run(String sql);
  }

  private static String text(Object value) {
    return value instanceof byte[] bytes ? "x'" + HexFormat.of().formatHex(bytes) + "'"
        : value instanceof Number number && !(value instanceof Double) ? Long.toString(number.longValue()) : String.valueOf(value);
  }

  private static Engine jdbc(Connection connection) {
    return sql -> {
      try (Statement statement = connection.createStatement()) {
        List<String> rows = new ArrayList<>();
        if (statement.execute(sql)) {
          ResultSet result = statement.getResultSet();
          int columns = result.getMetaData().getColumnCount();
          while (result.next()) {
            List<String> row = new ArrayList<>();
            for (int i = 1; i <= columns; i++) {
              row.add(text(result.getObject(i)));
            }
            rows.add(row.toString());
          }
        }
        return rows.toString();
      } catch (SQLException e) {
        return "error " + (e.getErrorCode() & 0xff);
      }
    };
  }

  private static Engine own(SqliteConnection connection) {
    return sql -> {
      try (SqliteStatement statement = connection.prepare(sql)) {
        List<String> rows = new ArrayList<>();
        while (statement.step()) {
          List<String> row = new ArrayList<>();
          for (int i = 0; i < statement.getColumnCount(); i++) {
            row.add(text(statement.getObject(i)));
          }
          rows.add(row.toString());
        }
        return rows.toString();
      } catch (SqliteException e) {
        return "error " + e.code();
      }
    };
  }

  private interface Work {
    void run(Engine jdbc, Engine own) throws Exception;
  }

  /** sqlite-jdbc sets lower limits than those it is compiled with, unless it is told. */
  private static final String HIGHEST_LIMITS = "?limit_column=32767&limit_attached=125&limit_length=2147483647";

  /** Makes a file by sqlite-jdbc, loads it, and has both work on it. */
  private void onBoth(List<String> schema, OpenOptions options, String properties, Work work) throws Exception {
    Path file = Files.createTempFile(folder, "both", ".db");
    String url = "jdbc:sqlite:" + file + properties;
    try (Connection maker = DriverManager.getConnection(url); Statement statement = maker.createStatement()) {
      for (String sql : schema) {
        statement.execute(sql);
      }
    }
    try (MemoryVfs vfs = MemoryVfs.create(); InputStream in = Files.newInputStream(file)) {
      vfs.deserialize("both", in);
      try (Connection connection = DriverManager.getConnection(url); SqliteConnection own = vfs.open("both", options)) {
        work.run(jdbc(connection), own(own));
      }
    }
  }

  // ---- what is the same ----

  /** A schema, and statements that have the same result. */
  private record Same(String name, List<String> schema, List<String> statements) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Same same(String name, List<String> schema, String... statements) {
    return new Same(name, schema, List.of(statements));
  }

  private static String columns(int n) {
    return IntStream.range(0, n).mapToObj(i -> "c" + i).collect(Collectors.joining(", "));
  }

  private static String json(int depth) {
    return "'" + "[".repeat(depth) + "]".repeat(depth) + "'";
  }

  /** Strings in double quotes at every place of a schema that SQLite accepts them at. */
  private static final List<String> QUOTED = List.of(
      "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT CHECK (name <> \"nothing\"), kind DEFAULT \"drink\", label AS (\"I-\" || id))",
      "CREATE TABLE log(what)",
      "CREATE VIEW label AS SELECT \"I-\" || id AS l, datetime(\"2026-11-30\") AS d FROM item WHERE kind = \"drink\"",
      "CREATE TRIGGER noted AFTER INSERT ON item WHEN new.name <> \"silent\" BEGIN INSERT INTO log VALUES (\"new item\"); END",
      "CREATE INDEX by_label ON item(\"I-\" || name)",
      "CREATE INDEX part ON item(name) WHERE kind = \"drink\"",
      "INSERT INTO item(name) VALUES (\"tea\")");

  static Stream<Same> same() {
    return Stream.of(
        same("double quotes", QUOTED, "SELECT * FROM label", "INSERT INTO item(name) VALUES ('pen')", "SELECT * FROM log",
            "INSERT INTO item(name) VALUES ('nothing')", "INSERT INTO item(name) VALUES (\"silent\")", "SELECT count(*) FROM item WHERE kind = \"drink\"",
            "SELECT id, label FROM item WHERE \"I-\" || name = 'I-tea'", "PRAGMA integrity_check", "VACUUM", "SELECT * FROM label", "REINDEX", "ANALYZE",
            "ALTER TABLE item RENAME COLUMN name TO title", "ALTER TABLE log RENAME TO book", "ALTER TABLE item ADD COLUMN more DEFAULT \"x\"",
            "ALTER TABLE book ADD COLUMN unused", "ALTER TABLE book DROP COLUMN unused", "INSERT INTO item(title) VALUES ('ink')", "SELECT * FROM book",
            "SELECT sql FROM sqlite_schema", "SELECT * FROM item", "SELECT \"no such column\"", "CREATE VIEW v AS SELECT \"made now\" AS x", "SELECT x FROM v",
            "CREATE INDEX i ON item(\"no such column\")", "CREATE TABLE u(x CHECK (x <> \"a\"))", "INSERT INTO u VALUES ('a')", "VACUUM", "PRAGMA integrity_check"),
        same("LIKE and GLOB on blobs", List.of("CREATE TABLE item(name)", "CREATE INDEX i ON item(name COLLATE NOCASE)",
            "INSERT INTO item VALUES ('tea'), (x'746561'), (x'00ff'), (7), (NULL)"), "SELECT count(*) FROM item WHERE name LIKE 't%'",
            "SELECT count(*) FROM item WHERE name GLOB 't*'", "SELECT x'746561' LIKE 'TEA', x'746561' LIKE x'74%', 'tea' LIKE x'746561'",
            "PRAGMA case_sensitive_like = 1", "SELECT count(*) FROM item WHERE name LIKE 't%'", "SELECT name FROM item WHERE name LIKE '7%'"),
        same("variables", List.of(), "SELECT ?250000", "SELECT ?250001", "SELECT count(*) FROM (SELECT 1 WHERE 1 IN (1" + ", ?".repeat(249_999) + "))"),
        same("columns", List.of("CREATE TABLE wide(" + columns(2500) + ")", "INSERT INTO wide(c0, c2499) VALUES ('first', 'last')"), "SELECT c0, c2499 FROM wide",
            "SELECT * FROM wide", "CREATE TABLE widest(" + columns(32_767) + ")", "INSERT INTO widest(c0, c32766) VALUES (1, 2)", "SELECT * FROM widest",
            "UPDATE widest SET c7 = c0 + c32766", "SELECT c7 FROM widest", "CREATE INDEX w ON widest(" + columns(100) + ")", "PRAGMA integrity_check",
            "CREATE TABLE too_wide(" + columns(32_768) + ")", "SELECT 1" + ", 1".repeat(32_766), "SELECT 1" + ", 1".repeat(32_767),
            "SELECT 1 GROUP BY 1" + ", 1".repeat(2000), "VACUUM", "SELECT c0, c2499 FROM wide"),
        same("UPDATE and DELETE with LIMIT", List.of("CREATE TABLE t(x)", "INSERT INTO t VALUES (3), (1), (2), (5), (4)"),
            "UPDATE t SET x = x + 10 ORDER BY x LIMIT 2 OFFSET 1", "SELECT x FROM t", "DELETE FROM t WHERE x > 1 ORDER BY x DESC LIMIT 1 RETURNING x",
            "DELETE FROM t LIMIT 1", "SELECT x FROM t", "UPDATE t SET x = 0 LIMIT 0", "SELECT sum(x) FROM t"),
        same("JSON's depth", List.of("CREATE TABLE t(j)", "INSERT INTO t VALUES (" + json(999) + "), (" + json(1000) + "), (" + json(1001) + ")"),
            "SELECT json_valid(j) FROM t", "SELECT json(" + json(1001) + ")", "SELECT length(json(" + json(1000) + "))", "SELECT json_patch(" + json(999) + ", '{}')"),
        same("lengths", List.of(), "SELECT length(zeroblob(2147483647))", "SELECT length(zeroblob(2147483648))", "SELECT length(hex(zeroblob(1000000)))",
            "SELECT length(printf('%.*c', 100000000, 'x'))"),
        same("depths and numbers", List.of("CREATE TABLE n(x)", "CREATE TRIGGER r AFTER INSERT ON n WHEN new.x < 2000 BEGIN INSERT INTO n VALUES (new.x + 1); END"),
            "SELECT 1" + " + 1".repeat(998), "SELECT 1" + " + 1".repeat(1000), "SELECT 1" + " UNION ALL SELECT 1".repeat(499), "SELECT 1" + " UNION ALL SELECT 1".repeat(500),
            "SELECT 'a' LIKE '" + "a".repeat(50_000) + "'", "SELECT 'a' LIKE '" + "a".repeat(50_001) + "'", "SELECT max(1" + ", 2".repeat(99) + ")",
            "SELECT " + "(".repeat(500) + "1" + ")".repeat(500), "PRAGMA recursive_triggers = 1", "INSERT INTO n VALUES (1)", "SELECT count(*) FROM n",
            "INSERT INTO n VALUES (1500)", "SELECT count(*) FROM n"),
        same("attached databases", List.of(), Stream.concat(IntStream.range(0, 126).mapToObj(i -> "ATTACH '' AS a" + i), Stream.of("SELECT count(*) FROM pragma_database_list"))
            .toArray(String[]::new)),
        same("default_cache_size", List.of("PRAGMA default_cache_size = 500", "CREATE TABLE t(x)"), "PRAGMA default_cache_size", "PRAGMA default_cache_size = 300",
            "PRAGMA default_cache_size", "PRAGMA cache_size", "PRAGMA integrity_check"),
        same("full text indexes", List.of("CREATE VIRTUAL TABLE f3 USING fts3(body)", "CREATE VIRTUAL TABLE f4 USING fts4(body, tokenize=unicode61)",
            "CREATE VIRTUAL TABLE f5 USING fts5(body, tokenize='porter')", "INSERT INTO f3 VALUES ('green tea'), ('black tea'), ('coffee')",
            "INSERT INTO f4 SELECT * FROM f3", "INSERT INTO f5 SELECT * FROM f3", "CREATE VIEW v AS SELECT body FROM f5 WHERE f5 MATCH 'tea'",
            "CREATE VIEW v4 AS SELECT body FROM f4 WHERE body MATCH 'tea'"), "SELECT body FROM v",
            "SELECT body FROM v4", "SELECT rowid FROM f3 WHERE f3 MATCH 'tea NOT black'", "SELECT snippet(f4), offsets(f4), hex(matchinfo(f4)) FROM f4 WHERE f4 MATCH '(green OR coffee)'",
            "SELECT highlight(f5, 0, '<', '>'), bm25(f5) FROM f5 WHERE f5 MATCH 'teas'", "INSERT INTO f5(f5) VALUES ('integrity-check')", "SELECT fts3_tokenizer('simple')", "SELECT bm25(f5) FROM f5",
            "SELECT 'a' MATCH 'b'", "VACUUM", "SELECT body FROM v"),
        same("R*Trees and other modules", List.of("CREATE VIRTUAL TABLE r USING rtree(id, a, b)", "INSERT INTO r VALUES (1, 0, 5), (2, 7, 9)", "CREATE TABLE t(x)",
            "WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < 500) INSERT INTO t SELECT x % 7 FROM i", "CREATE INDEX i ON t(x)", "ANALYZE"),
            "SELECT id FROM r WHERE a < 3", "SELECT name, count(*) FROM dbstat GROUP BY name ORDER BY name", "SELECT value FROM json_each('[1,2]')", "SELECT * FROM sqlite_stat1 ORDER BY 1, 2",
            "SELECT count(*) FROM sqlite_stat4", "SELECT median(x), percentile(x, 90), sum(x) FROM t", "SELECT round(sin(1), 12), ceil(1.5), log(100), pi()",
            "SELECT value FROM generate_series(1, 3)", "SELECT rtreecheck('r')"),
        same("types", List.of("CREATE TABLE s(i INTEGER, t TEXT, b BLOB, r REAL, a ANY) STRICT", "CREATE TABLE w(k PRIMARY KEY, v) WITHOUT ROWID"),
            "INSERT INTO s VALUES (1, 'x', x'00', 1.5, '7')", "INSERT INTO s(i) VALUES ('no')", "SELECT * FROM s", "INSERT INTO w VALUES (1, 2) ON CONFLICT DO UPDATE SET v = 3 RETURNING *",
            "SELECT 9223372036854775807 + 1", "SELECT sum(x) FROM (SELECT 9223372036854775807 AS x UNION ALL SELECT 1)", "SELECT 1e999, -1e999, 0.1 + 0.2, 1.0",
            "SELECT CAST('12abc' AS INTEGER), '10' = 10, x'31' = '1', 1 / 0", "SELECT typeof(NULL), typeof(x''), quote(x'ff')", "SELECT unicode('ä'), upper('ä'), 'Ä' LIKE 'ä'"),
        same("UTF-16", List.of("PRAGMA encoding = 'UTF-16be'", "CREATE TABLE t(x)", "INSERT INTO t VALUES ('tea'), (x'00740065'), (x'7465')"), "SELECT x, hex(x) FROM t WHERE x LIKE 't%'",
            "SELECT hex(x), length(x), CAST(x AS TEXT) FROM t", "PRAGMA encoding"));
  }

  @ParameterizedTest
  @MethodSource("same")
  void hasTheSameResult(Same same) throws Exception {
    for (boolean hardened : new boolean[] {true, false}) {
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      Thread thread = new Thread(null, () -> {
        try {
          onBoth(same.schema, OpenOptions.defaults().hardened(hardened), HIGHEST_LIMITS, (jdbc, own) -> same.statements.forEach(sql ->
              assertEquals(jdbc.run(sql), own.run(sql), () -> (hardened ? "hardened: " : "not hardened: ") + sql.substring(0, Math.min(sql.length(), 200)))));
        } catch (Throwable e) {
          thrown.set(e);
        }
      }, "ample stack", 16 << 20); // sqlite-jdbc looks at none, and what fits is LimitsTest's
      thread.start();
      thread.join();
      assertNull(thrown.get());
    }
  }

  /** The sqlite3 shell of Debian has it, and sqlite-jdbc has not. */
  @Test
  void soundexIsThere() {
    try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection connection = vfs.open("a")) {
      assertEquals("R163", Sql.text(connection, "SELECT soundex('Robert')"));
    }
  }

  // ---- strictness ----

  @Test
  void stringsInDoubleQuotesCanBeRefused() throws Exception {
    OpenOptions strict = OpenOptions.defaults().doubleQuotedStrings(false);
    onBoth(QUOTED, strict, "", (jdbc, own) -> {
      for (String sql : List.of("SELECT * FROM label", "INSERT INTO item(name) VALUES ('pen')", "SELECT count(*) FROM item WHERE kind = \"drink\"",
          "SELECT \"no such column\"", "CREATE INDEX i ON item(\"no such column\")",
          "CREATE TABLE u(x CHECK (x <> \"a\"))")) {
        assertEquals("error 1", own.run(sql), sql);
        assertNotEquals("error 1", jdbc.run(sql), sql);
      }
      assertEquals("[[1, tea]]", own.run("SELECT \"id\", \"name\" FROM \"item\""));
    });
  }

  // ---- what differs ----

  /** A statement whose result may differ, and what the docs call it. */
  private record Result(String key, String sql) {}

  /** Rows of a list of the connection's own, one key for each. */
  private static Set<String> keys(Engine engine, String kind, String sql) {
    String rows = engine.run(sql);
    assertTrue(rows.startsWith("[["), rows);
    return Stream.of(rows.substring(2, rows.length() - 2).split("\\], \\[")).map(name -> kind + " " + name).collect(Collectors.toCollection(TreeSet::new));
  }

  private static Set<String> differences(Engine jdbc, Engine own, List<Result> results) {
    Set<String> found = new TreeSet<>();
    for (String[] list : new String[][] {{"function", "SELECT DISTINCT name FROM pragma_function_list"}, {"module", "SELECT DISTINCT name FROM pragma_module_list WHERE name NOT GLOB 'pragma_*' AND name NOT IN ('json_each', 'json_tree')"},
        {"collation", "SELECT DISTINCT name FROM pragma_collation_list"}, {"PRAGMA", "SELECT DISTINCT name FROM pragma_pragma_list"}}) {
      Set<String> ours = keys(own, list[0], list[1]);
      Set<String> theirs = keys(jdbc, list[0], list[1]);
      Stream.concat(ours.stream(), theirs.stream()).filter(key -> !ours.contains(key) || !theirs.contains(key)).forEach(found::add);
    }
    for (String name : keys(own, "PRAGMA", "SELECT DISTINCT name FROM pragma_pragma_list")) {
      if (!jdbc.run(name).equals(own.run(name))) {
        found.add(name);
      }
    }
    for (int i = 1; i <= 10; i++) {
      String attach = "ATTACH '' AS a" + i;
      assertEquals(jdbc.run(attach), own.run(attach));
    }
    for (Result result : results) {
      if (!jdbc.run(result.sql).equals(own.run(result.sql))) {
        found.add(result.key);
      }
    }
    return found;
  }

  /** Beside names and pragmas: statements that both have, with other results. */
  private static final List<Result> STATEMENTS = List.of(new Result("max() of 128 values", "SELECT max(1" + ", 2".repeat(127) + ")"),
      new Result("PRAGMA threads", "PRAGMA threads = 4"),
      new Result("VACUUM INTO", "VACUUM INTO '/no such folder/x.db'"), new Result("SELECT of 2001 columns", "SELECT 1" + ", 1".repeat(2000)),
      new Result("zeroblob(1000000001)", "SELECT length(zeroblob(1000000001))"), new Result("the 11th ATTACH", "ATTACH '' AS a11"), new Result("ATTACH of a file", "ATTACH '/no such folder/x.db' AS other"));

  /** What a hardened connection refuses. */
  private static final List<Result> HARDENED = List.of(
      new Result("highlight() in a view", "SELECT * FROM highlighted"), new Result("bm25() in a view", "SELECT * FROM ranked"), new Result("snippet() in a view", "SELECT * FROM cut"),
      new Result("offsets() in a view", "SELECT * FROM placed"), new Result("matchinfo() in a view", "SELECT * FROM informed"),
      new Result("pragma_table_info in a view", "SELECT count(*) FROM described"), new Result("fts5vocab in a view", "SELECT count(*) FROM words"), new Result("fts4aux in a view", "SELECT count(*) FROM words4"),
      new Result("dbstat in a view", "SELECT count(*) FROM room"), new Result("ALTER TABLE that looks through such a view", "ALTER TABLE plain RENAME TO simple"),
      new Result("PRAGMA writable_schema = 1", "UPDATE sqlite_schema SET name = name WHERE 0"), new Result("writing a shadow table", "DELETE FROM f5_data WHERE 0"),
      new Result("PRAGMA schema_version = N", "SELECT schema_version FROM pragma_schema_version"), new Result("PRAGMA journal_mode = OFF", "PRAGMA journal_mode = OFF"));

  private static final List<String> HARDENED_SCHEMA = List.of("CREATE TABLE plain(x)", "CREATE VIRTUAL TABLE f5 USING fts5(body)", "INSERT INTO f5 VALUES ('tea')", "CREATE VIRTUAL TABLE f4 USING fts4(body)",
      "INSERT INTO f4 VALUES ('tea')", "CREATE VIRTUAL TABLE vocabulary USING fts5vocab(f5, row)", "CREATE VIRTUAL TABLE aux4 USING fts4aux(f4)",
      "CREATE VIEW highlighted AS SELECT highlight(f5, 0, '<', '>') FROM f5 WHERE f5 MATCH 'tea'", "CREATE VIEW ranked AS SELECT round(bm25(f5), 3) FROM f5 WHERE f5 MATCH 'tea'",
      "CREATE VIEW cut AS SELECT snippet(f4) FROM f4 WHERE f4 MATCH 'tea'", "CREATE VIEW placed AS SELECT offsets(f4) FROM f4 WHERE f4 MATCH 'tea'",
      "CREATE VIEW informed AS SELECT hex(matchinfo(f4)) FROM f4 WHERE f4 MATCH 'tea'", "CREATE VIEW described AS SELECT name FROM pragma_table_info('plain')",
      "CREATE VIEW words AS SELECT * FROM vocabulary", "CREATE VIEW words4 AS SELECT * FROM aux4");

  @Test
  void whatDiffersStandsInTheDocs() throws Exception {
    onBoth(List.of("CREATE TABLE t(x)"), OpenOptions.defaults().hardened(false), "", (jdbc, own) -> assertEquals(documented("What differs"), differences(jdbc, own, STATEMENTS)));
  }

  @Test
  void whatAHardenedConnectionRefusesStandsInTheDocs() throws Exception {
    Set<String> trusting = new TreeSet<>();
    onBoth(HARDENED_SCHEMA, OpenOptions.defaults().hardened(false), "", (jdbc, own) -> {
      trusting.addAll(differences(jdbc, own, List.of()));
      trusting.addAll(hardened(jdbc, own));
    });
    onBoth(HARDENED_SCHEMA, OpenOptions.defaults(), "", (jdbc, own) -> {
      Set<String> found = differences(jdbc, own, List.of());
      found.addAll(hardened(jdbc, own));
      found.removeAll(trusting);
      assertEquals(documented("What a hardened connection refuses"), found);
    });
  }

  private static Set<String> hardened(Engine jdbc, Engine own) {
    for (Engine engine : List.of(jdbc, own)) {
      engine.run("PRAGMA schema_version = 4711");
      engine.run("PRAGMA writable_schema = 1");
    }
    return HARDENED.stream().filter(result -> !jdbc.run(result.sql).equals(own.run(result.sql))).map(Result::key).collect(Collectors.toCollection(TreeSet::new));
  }

  /** What stands in code in the first column of a section's table. */
  private static Set<String> documented(String section) throws IOException {
    String page = Files.readString(DOCS, UTF_8);
    int start = page.indexOf("## " + section + "\n");
    assertTrue(start >= 0, section);
    int end = page.indexOf("\n## ", start);
    Set<String> found = new TreeSet<>();
    page.substring(start, end < 0 ? page.length() : end).lines().filter(line -> line.startsWith("| ")).skip(1).forEach(line -> {
      Matcher code = Pattern.compile("`([^`]+)`").matcher(line.split("\\|")[1]);
      while (code.find()) {
        assertTrue(found.add(code.group(1)), () -> "twice: " + code.group(1));
      }
    });
    return found;
  }
}
