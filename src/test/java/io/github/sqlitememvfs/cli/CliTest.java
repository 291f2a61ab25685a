package io.github.sqlitememvfs.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.StringReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command as a user meets it: arguments and bytes in, bytes, messages and exit codes out. A hang is a failure. */
@Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CliTest {
  @TempDir
  private Path folder;

  /** A database that another SQLite wrote, in WAL mode: one table t(a) with 1, 2, 3. */
  private Path db;

  private boolean outIsTerminal;

  private final List<Process> processes = new ArrayList<>();

  @AfterEach
  void endProcesses() {
    processes.forEach(Process::destroyForcibly);
  }

  @BeforeEach
  void writeDatabase() throws SQLException {
    db = folder.resolve("in.db");
    jdbc(db, "PRAGMA journal_mode = WAL", "CREATE TABLE t(a)", "INSERT INTO t VALUES (1), (2), (3)");
  }

  private record Run(int code, byte[] bytes, String err) {
    String out() {
      return new String(bytes, UTF_8);
    }

    /** It went well and said nothing but this. */
    void prints(String expected) {
      assertEquals("", err);
      assertEquals(expected, out());
      assertEquals(0, code);
    }

    /** One line on standard error, with the name of the command. */
    void fails(int expectedCode, String expectedMessage) {
      assertEquals("sqlite-memory-vfs: " + expectedMessage + "\n", err);
      assertEquals(expectedCode, code);
    }

    void failsWith(int expectedCode, String part) {
      assertEquals(expectedCode, code, err);
      assertTrue(err.contains(part), err);
      assertEquals(expectedCode == 2 ? 2 : 1, err.lines().count(), err);
    }
  }

  private Run run(String... args) {
    return run(new byte[0], args);
  }

  private Run run(byte[] in, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Run run = run(in, out, args);
    return new Run(run.code, out.toByteArray(), run.err);
  }

  private Run run(byte[] in, OutputStream out, String... args) {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Console console = new Console(new ByteArrayInputStream(in), out, err, () -> outIsTerminal, () -> false);
    int code = Main.run(console, new Interruption(), args);
    return new Run(code, null, err.toString(UTF_8).replace("\r\n", "\n"));
  }

  private static List<String> jdbc(Path file, String... sql) throws SQLException {
    List<String> rows = new ArrayList<>();
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement()) {
      for (String s : sql) {
        if (statement.execute(s)) {
          try (ResultSet set = statement.getResultSet()) {
            while (set.next()) {
              rows.add(set.getString(1));
            }
          }
        }
      }
    }
    return rows;
  }

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private String path(String name) {
    return folder.resolve(name).toString();
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }

  // ---- formats -----------------------------------------------------------------------------------

  private static final String ZOO = "SELECT NULL AS n, '' AS empty, 9223372036854775807 AS big, -0.5 AS half, 0.1 + 0.2 AS sum, 1e300 AS e, "
      + "9e999 AS inf, x'00fF' AS blob, 'a,\"b\"' || char(10) || 'ü😀' AS text, 'x' || char(0) || 'y' AS nul";

  @Test
  void csvIsExact() {
    run("--format", "csv", ZOO).prints("n,empty,big,half,sum,e,inf,blob,text,nul\n"
        + ",\"\",9223372036854775807,-0.5,0.30000000000000004,1.0E300,Inf,X'00FF',\"a,\"\"b\"\"\nü😀\",x\0y\n");
  }

  @Test
  void jsonIsExact() {
    run("--format", "json", ZOO).prints("{\"n\":null,\"empty\":\"\",\"big\":9223372036854775807,\"half\":-0.5,"
        + "\"sum\":0.30000000000000004,\"e\":1.0E300,\"inf\":9e999,\"blob\":{\"$base64\":true,\"encoded\":\"AP8=\"},"
        + "\"text\":\"a,\\\"b\\\"\\nü😀\",\"nul\":\"x\\u0000y\"}\n");
  }

  @Test
  void jsonKeepsColumnsOfTheSameName() {
    run("--format", "JSON", "SELECT 1 AS a, 2 AS a, 3 AS \"a:1\", 4 AS a; SELECT 5 AS a")
        .prints("{\"a\":1,\"a:1\":2,\"a:1:1\":3,\"a:2\":4}\n{\"a\":5}\n");
  }

  @Test
  void tableIsAligned() {
    run("--format", "table", "SELECT 'ab' AS name, 1 AS n, 'z' AS last UNION ALL SELECT NULL, 1000, '' UNION ALL SELECT x'01', NULL, 'yy'")
        .prints(" name  |    n | last\n"
            + "-------+------+------\n"
            + " ab    |    1 | z\n"
            + " NULL  | 1000 | \n"
            + " X'01' | NULL | yy\n");
  }

  @Test
  void tableKnowsHowWideCharactersAre() {
    run("--format", "table", "SELECT column1 AS t, 1 AS n FROM (VALUES ('日本'), ('e' || char(0x301)), ('😀'), ('👩‍👩‍👧'), ('🇩🇪'), ('ｱ'))")
        .prints(" t    | n\n"
            + "------+---\n"
            + " 日本 | 1\n"
            + " e\u0301    | 1\n"
            + " 😀   | 1\n"
            + " 👩‍👩‍👧   | 1\n"
            + " 🇩🇪   | 1\n"
            + " ｱ    | 1\n");
  }

  @Test
  void tableObeysNoControlCharacter() {
    run("--format", "table", "--no-header", "SELECT char(27) || '[2J' || char(10, 0, 127, 0x9b, 0x202e), 1")
        .prints(" ␛[2J␊␀␡\\u009B\\u202E | 1\n");
  }

  @Test
  void tableHeaderStandsAloneWithoutRows() {
    run("--format", "table", "SELECT 1 AS a WHERE 0; SELECT 2 AS b").prints(" a\n---\n\n b\n---\n 2\n");
  }

  @Test
  void tableIsForTerminalsAndCsvForOthers() {
    run("SELECT 1 AS a").prints("a\n1\n");
    outIsTerminal = true;
    run("SELECT 1 AS a").prints(" a\n---\n 1\n");
  }

  @ParameterizedTest
  @CsvSource({"csv,'1\n2\n'", "json,'{\"a\":1}\n{\"a\":2}\n'", "table,' 1\n 2\n'"})
  void noHeader(String format, String expected) {
    run("--format", format, "--no-header", "SELECT 1 AS a UNION ALL SELECT 2").prints(expected);
  }

  @Test
  void doublesReadBackAsTheSameNumber() {
    for (double d : new double[] {1e23, 2e-3, 5e-324, 1.7976931348623157e308, 123456789.123456789, -0.1, 9007199254740993.0, 1e15}) {
      assertEquals(d, Double.parseDouble(Values.text(d)));
    }
  }

  // ---- streaming -----------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"csv", "json", "table"})
  void rowsArePrintedAsTheyComeAndABrokenPipeIsQuiet(String format) {
    String endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c";
    ByteArrayOutputStream seen = new ByteArrayOutputStream();
    OutputStream head = new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        if (seen.size() >= 100_000) {
          throw new IOException("Broken pipe");
        }
        seen.write(b);
      }
    };
    Run run = run(new byte[0], head, "--format", format, endless);
    assertEquals("", run.err());
    assertEquals(141, run.code());
    assertTrue(seen.toString(UTF_8).lines().anyMatch(line -> line.replaceAll("[^0-9]", "").equals("5000")));
  }

  @Test
  void aFullDiskIsNoSuccess() {
    OutputStream full = new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        throw new IOException("No space left on device");
      }
    };
    for (String[] args : new String[][] {{"SELECT 1"}, {"--version"}, {"--help"}, {"-i", db.toString(), "-o", "-"}}) {
      run(new byte[0], full, args).fails(3, "cannot write standard output: No space left on device");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"csv", "json", "table"})
  void rowsBeforeAnErrorAreShown(String format) {
    Run run = run("--format", format, "SELECT abs(column1) AS a FROM (VALUES (-7), (-9223372036854775807 - 1))");
    run.fails(1, "SQL argument, line 1: integer overflow (SQLITE_ERROR, 1)");
    assertTrue(run.out().contains("7"), run.out());
  }

  // ---- scripts -------------------------------------------------------------------------------------

  private static List<String> cut(String sql) throws IOException {
    SqlScript script = new SqlScript("x", new StringReader(sql));
    List<String> all = new ArrayList<>();
    for (String s; (s = script.next()) != null; ) {
      all.add(s);
    }
    return all;
  }

  @Test
  void scriptsAreCutWhereStatementsEnd() throws IOException {
    assertEquals(List.of(), cut(""));
    assertEquals(List.of(), cut(" ;; -- a;b\n /* ; */ ;\uFEFF"));
    assertEquals(List.of("a;", "b"), cut("\uFEFFa;b"));
    assertEquals(List.of("SELECT ';''\"', \"a;b\", `c;d`, [e;f] -- ;\n, 1/2/*;*/-3;", "x;"),
        cut("SELECT ';''\"', \"a;b\", `c;d`, [e;f] -- ;\n, 1/2/*;*/-3; x;"));
    assertEquals(List.of("- 1;", "/ 2;"), cut("- 1; / 2;"));
    assertEquals(List.of("SELECT 1;"), cut("/***/ /*/ ; */ SELECT 1;"));
    assertEquals(List.of("SELECT 'open; "), cut("SELECT 'open; "));
    assertEquals(List.of("SELECT 1 /* open; "), cut("SELECT 1 /* open; "));
    assertEquals(List.of("SELECT '\0;';", "\u2003;"), cut("SELECT '\0;';\u2003;"));
  }

  @Test
  void aTriggerIsOneStatement() throws IOException {
    String trigger = "CREATE TEMP TRIGGER r AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM \"end\"; /* x */ END;";
    assertEquals(List.of(trigger, "SELECT 1;"), cut(trigger + " SELECT 1;"));
    assertEquals(List.of("EXPLAIN QUERY PLAN " + trigger, "y"), cut("EXPLAIN QUERY PLAN " + trigger + "y"));
    assertEquals(List.of("CREATE TABLE trigger_log(a);", "END;"), cut("CREATE TABLE trigger_log(a);END;"));
    run("CREATE TABLE t(a); CREATE TRIGGER r AFTER INSERT ON t WHEN new.a < 3 BEGIN INSERT INTO t VALUES (9); SELECT 1; END; "
        + "PRAGMA recursive_triggers = 0; INSERT INTO t VALUES (1); SELECT * FROM t").prints("a\n1\n9\n");
  }

  @Test
  void scriptsRunInOrderAndBeforeArguments() throws IOException {
    Path one = file("1.sql", "CREATE TABLE t(a);\nINSERT INTO t VALUES ('one');");
    Path two = file("2.sql", "INSERT INTO t VALUES ('two')");
    run("INSERT INTO t VALUES ('four');".getBytes(UTF_8), "-f", one.toString(), "SELECT a FROM t", "-f", two.toString(), "-f", "-")
        .prints("a\none\ntwo\nfour\n");
  }

  @Test
  void anErrorSaysWhere() throws IOException {
    Path script = file("s.sql", "-- ü\nSELECT 1;\n\n  SELECT '😀',\n     nope;");
    Run run = run("-f", script.toString());
    run.fails(1, script + ", line 5, column 6: no such column: nope (SQLITE_ERROR, 1); statement 2 is SELECT '😀',      nope;");
    assertEquals("1\n1\n", run.out());
    run("SELECT 1", "SELECT '😀', nope").fails(1, "SQL argument 2, line 1, column 13: no such column: nope (SQLITE_ERROR, 1)");
    run("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES (1), (1)")
        .fails(1, "SQL argument, line 1: UNIQUE constraint failed: t.a (SQLITE_CONSTRAINT_UNIQUE, 2067); "
            + "statement 2 is INSERT INTO t VALUES (1), (1)");
  }

  @Test
  void scriptsAreUtf8OrRefused() throws IOException {
    Path latin = folder.resolve("latin.sql");
    Files.write(latin, "SELECT 'ü'".getBytes(ISO_8859_1));
    run("-f", latin.toString()).fails(3, "cannot read " + latin + ": it is not UTF-8 text");
    run("-f", path("none.sql")).fails(3, "cannot read " + path("none.sql") + ": no such file or directory");
  }

  @Test
  void argumentsAreUtf8InAnyLocale() {
    byte[] commandLine = "java\0-jar\0x.jar\0-o\0ü.db\0SELECT 'é'\0".getBytes(UTF_8);
    assertArrayEquals(new String[] {"-o", "ü.db", "SELECT 'é'"},
        Arguments.restore(new String[] {"-o", "??.db", "SELECT '\uFFFD\uFFFD'"}, commandLine));
    String[] others = {"-o", "other", "SELECT"};
    assertArrayEquals(others, Arguments.restore(others, "java\0a\0b\0c\0".getBytes(UTF_8)));
    assertArrayEquals(others, Arguments.restore(others, new byte[0]));
  }

  // ---- databases in and out --------------------------------------------------------------------------

  @Test
  void fileToFile() throws Exception {
    run("-i", db.toString(), "-o", path("out.db"), "INSERT INTO t VALUES (4); SELECT sum(a) AS s FROM t").prints("s\n10\n");
    assertEquals(List.of("4", "ok"), jdbc(folder.resolve("out.db"), "SELECT count(*) FROM t", "PRAGMA integrity_check"));
    assertEquals(List.of("3"), jdbc(db, "SELECT count(*) FROM t"));
  }

  @Test
  void inPlace() throws Exception {
    run("-i", db.toString(), "-o", db.toString(), "DELETE FROM t WHERE a = 1").prints("");
    assertEquals(List.of("2", "3"), jdbc(db, "SELECT a FROM t"));
  }

  @Test
  void streamToStreamPrintsNothingElse() throws Exception {
    byte[] in = Files.readAllBytes(db);
    Run run = run(in, "-i", "-", "-o", "-", "SELECT * FROM t");
    assertEquals("", run.err());
    in[18] = 1; // the journal mode: WAL means a file beside it
    in[19] = 1;
    assertArrayEquals(in, run.bytes());

    run = run(in, "-i", "-", "-o", "-", "--results", path("r.csv"), "UPDATE t SET a = a * 2; SELECT * FROM t");
    assertEquals("a\n2\n4\n6\n", Files.readString(folder.resolve("r.csv")));
    Files.write(folder.resolve("out.db"), run.bytes());
    assertEquals(List.of("12"), jdbc(folder.resolve("out.db"), "SELECT sum(a) FROM t"));
  }

  @Test
  void copyWithoutSql() throws Exception {
    run("-i", db.toUri().toString(), "-o", path("copy.db")).prints("");
    assertEquals(-1, Arrays.mismatch(Files.readAllBytes(folder.resolve("copy.db")), run(Files.readAllBytes(db), "-i", "-", "-o", "-").bytes()));
  }

  @Test
  void blockSizeQuotaAndReadOnly() {
    run("--block-size", "64k", "--max-bytes", "1g", "-i", db.toString(), "SELECT count(*) AS n FROM t").prints("n\n3\n");
    run("--max-bytes", "1M", "CREATE TABLE t AS SELECT zeroblob(2000000) AS a").failsWith(1, "(SQLITE_FULL, 13)");
    run("--read-only", "-i", db.toString(), "DELETE FROM t").failsWith(1, "(SQLITE_READONLY, 8)");
  }

  @Test
  void anOpenTransactionIsNotLostSilently() {
    run("-o", path("new.db"), "BEGIN; CREATE TABLE t(a)").fails(1, "a transaction is still open, COMMIT is missing: nothing was saved");
    assertFalse(Files.exists(folder.resolve("new.db")));
  }

  // ---- URLs --------------------------------------------------------------------------------------------

  @Test
  void urls() throws Exception {
    byte[] bytes = Files.readAllBytes(db);
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/in.db", exchange -> {
      exchange.sendResponseHeaders(200, bytes.length);
      exchange.getResponseBody().write(bytes);
      exchange.close();
    });
    server.createContext("/moved", exchange -> {
      exchange.getResponseHeaders().add("Location", "/in.db");
      exchange.sendResponseHeaders(302, -1);
      exchange.close();
    });
    server.createContext("/cut", exchange -> {
      exchange.sendResponseHeaders(200, bytes.length);
      exchange.getResponseBody().write(bytes, 0, 4096);
      exchange.getResponseBody().flush();
      exchange.close();
    });
    server.start();
    try {
      String url = "http://" + server.getAddress().getAddress().getHostAddress() + ":" + server.getAddress().getPort();
      run("-i", url + "/in.db", "SELECT count(*) AS n FROM t").prints("n\n3\n");
      run("-i", url + "/moved", "SELECT count(*) AS n FROM t").prints("n\n3\n");
      run("-i", url + "/none", "SELECT 1").fails(3, "cannot read " + url + "/none: HTTP status 404");
      run("-i", url + "/cut", "SELECT 1").failsWith(3, "cannot read " + url + "/cut: ");
    } finally {
      server.stop(0);
    }
    run("-i", "http://[", "SELECT 1").fails(3, "cannot read http://[: not a valid URL: [ is no host with a port");
  }

  // ---- errors ------------------------------------------------------------------------------------------

  @Test
  void usageErrors() {
    run().failsWith(2, "nothing to do");
    run("-i", db.toString()).failsWith(2, "nothing to do");
    run("--nope").failsWith(2, "Unknown option: '--nope'");
    run("--format", "xml", "SELECT 1").failsWith(2, "xml");
    run("--block-size", "1000", "SELECT 1").failsWith(2, "--block-size is not a power of two");
    run("--max-bytes", "10X", "SELECT 1").failsWith(2, "'10X' is not a size");
    run("--max-bytes", "99999999999T", "SELECT 1").failsWith(2, "more than fits in 64 bits");
    run("--read-only", "SELECT 1").failsWith(2, "--read-only needs -i");
    run("-i", "-", "-f", "-").failsWith(2, "standard input can be read only once");
    run("-o", "-", "--results", "-", "SELECT 1").failsWith(2, "-o and --results are the same");
    outIsTerminal = true;
    run("-o", "-", "SELECT 1").failsWith(2, "standard output is a terminal");
  }

  @Test
  void unreadableDatabases() throws IOException {
    run("-i", path("none.db"), "SELECT 1").fails(3, "cannot read " + path("none.db") + ": no such file or directory");
    run("-i", folder.toString(), "SELECT 1").fails(3, "cannot read " + folder + ": it is a directory");
    run("-i", file("text", "this is no database, whatever its name may say").toString(), "SELECT 1").failsWith(1, "(SQLITE_NOTADB, 26)");
    run("-i", file("short", "SQLite").toString(), "SELECT 1").failsWith(1, path("short") + ": ");
  }

  @Test
  void aFileInPlaceOfSqlIsExplained() {
    run(db.toString()).failsWith(1, "it is a file; -i reads a database, -f a script");
  }

  @Test
  void unwritableTargetsFailBeforeAnythingRuns() {
    String endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
    run("-o", path("none/out.db"), endless).fails(3, "cannot write " + path("none/out.db") + ": no such file or directory");
    run("-o", folder.toString(), endless).fails(3, "cannot write " + folder + ": it is a directory");
    run("-o", db + "/out.db", endless).fails(3, "cannot write " + db + "/out.db: not a directory");
    run("--results", folder.toString(), endless).fails(3, "cannot write " + folder + ": it is a directory");
  }

  @Test
  void helpAndVersion() {
    Run help = run("--help");
    assertEquals(0, help.code());
    assertTrue(help.out().startsWith("Usage: sqlite-memory-vfs "), help.out());
    assertTrue(help.out().contains("Exit codes:") && help.out().contains("-i, --input=SOURCE"), help.out());
    Run version = run("--version");
    assertEquals(0, version.code());
    assertTrue(version.out().matches("sqlite-memory-vfs \\S.* \\(SQLite 3\\.[0-9.]+, Java \\S+\\)\n"), version.out());
    assertEquals(help.err() + version.err(), "");
  }

  // ---- files whole or not at all -----------------------------------------------------------------------

  @Test
  void afterAnErrorTheOldFilesAreThere() throws IOException {
    file("out.db", "old database");
    file("r.csv", "old results");
    List<String> before = names();
    run("-i", db.toString(), "-o", path("out.db"), "--results", path("r.csv"), "SELECT a FROM t; SELECT nope").failsWith(1, "nope");
    assertEquals("old database", Files.readString(folder.resolve("out.db")));
    assertEquals("old results", Files.readString(folder.resolve("r.csv")));
    assertEquals(before, names());
  }

  @Test
  void aFileIsReplacedAtCommitOnly() throws IOException {
    Path target = file("target", "old");
    Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rw-r-----"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("target"));
    List<String> before = names();

    try (AtomicFile file = AtomicFile.create(link)) {
      file.channel().write(ByteBuffer.wrap("lost".getBytes(UTF_8)));
      assertEquals("old", Files.readString(target));
    }
    assertEquals("old", Files.readString(target));
    assertEquals(before, names());

    try (AtomicFile file = AtomicFile.create(link)) {
      file.channel().write(ByteBuffer.wrap("new".getBytes(UTF_8)));
      file.commit();
    }
    assertEquals("new", Files.readString(target));
    assertEquals("rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(target)));
    assertTrue(Files.isSymbolicLink(link));
    assertEquals(before, names());

    AtomicFile file = AtomicFile.create(target);
    file.close();
    assertThrows(IOException.class, file::commit);
    assertEquals("new", Files.readString(target));
  }

  @Test
  void anInterruptionStopsTheSqlAndRemovesItsFiles() throws Exception {
    file("out.db", "old");
    Interruption interruption = new Interruption();
    CompletableFuture<Void> started = new CompletableFuture<>();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    OutputStream out = new OutputStream() {
      @Override
      public void write(int b) {
        started.complete(null); // a statement has filled a buffer and goes on
      }
    };
    Console console = new Console(new ByteArrayInputStream(new byte[0]), out, err, () -> false, () -> false);
    CompletableFuture<Integer> code = CompletableFuture.supplyAsync(() -> Main.run(console, interruption, "-o", path("out.db"),
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"));
    started.join();
    assertTrue(interruption.raise());
    assertEquals(130, code.join());
    assertEquals("", err.toString(UTF_8));
    assertEquals("old", Files.readString(folder.resolve("out.db")));
    assertEquals(List.of("in.db", "out.db"), names());
  }

  @Test
  void anInterruptedSaveLeavesTheOldFile() throws IOException {
    Path target = file("target", "old");
    Interruption interruption = new Interruption();
    try (AtomicFile file = interruption.create(target)) {
      file.channel().write(ByteBuffer.wrap("half".getBytes(UTF_8)));
      assertFalse(interruption.raise());
      assertThrows(IOException.class, () -> file.channel().write(ByteBuffer.wrap("rest".getBytes(UTF_8))));
      assertThrows(IOException.class, file::commit);
    }
    assertThrows(CliException.class, () -> interruption.create(target));
    assertEquals("old", Files.readString(target));
    assertEquals(List.of("in.db", "target"), names());
  }

  // ---- progress ----------------------------------------------------------------------------------------

  @Test
  void progressLines() {
    assertEquals("999 bytes, 999 bytes/s", Progress.line(999, -1, 1_000_000_000));
    assertEquals("1.5 MB of 3.0 MB (50 %), 750.0 kB/s", Progress.line(1_500_000, 3_000_000, 2_000_000_000));
    assertEquals("1.0 GB", Progress.size(999_999_999));
    assertEquals("9.2 EB", Progress.size(Long.MAX_VALUE));
  }

  @Test
  void progressIsForTerminalsThatWait() throws Exception {
    ByteArrayOutputStream shown = new ByteArrayOutputStream();
    for (boolean terminal : new boolean[] {false, true}) {
      for (boolean quiet : new boolean[] {true, false}) {
        CompletableFuture<Void> asked = new CompletableFuture<>();
        Console console = new Console(null, shown, shown, () -> false, () -> {
          asked.complete(null);
          return terminal;
        });
        try (Progress progress = Progress.start(console, quiet, "Loading", 200, () -> 100)) {
          if (!quiet) {
            asked.join(); // after the delay
          }
          while (!quiet && terminal && shown.size() == 0) {
            Thread.sleep(10);
          }
        }
        String text = shown.toString(UTF_8);
        assertEquals(!quiet && terminal, text.startsWith("\r\u001b[KLoading 100 bytes of 200 bytes (50 %), "), text);
        assertEquals(!quiet && terminal, text.endsWith("/s\r\u001b[K"), text);
        assertEquals(quiet || !terminal, text.isEmpty(), text);
      }
    }
  }

  // ---- in a process of its own ---------------------------------------------------------------------------

  private Process start(String... args) throws IOException {
    List<String> command = new ArrayList<>(List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--enable-native-access=ALL-UNNAMED", // the jar has it in its manifest
        "-cp", System.getProperty("java.class.path"),
        Main.class.getName()));
    command.addAll(List.of(args));
    Process process = new ProcessBuilder(command).start();
    processes.add(process);
    return process;
  }

  @Test
  void aPipeOfProcesses() throws Exception {
    Process process = start("-i", "-", "-o", "-", "VACUUM; INSERT INTO t VALUES (char(233, 0x1F600))");
    CompletableFuture<String> err = CompletableFuture.supplyAsync(() -> {
      try {
        return new String(process.getErrorStream().readAllBytes(), UTF_8);
      } catch (IOException e) {
        return e.toString();
      }
    });
    try (OutputStream in = process.getOutputStream()) {
      Files.copy(db, in);
    }
    byte[] bytes = process.getInputStream().readAllBytes();
    assertEquals(0, process.waitFor(), err::join);
    Files.write(folder.resolve("out.db"), bytes);
    assertEquals(List.of("1", "2", "3", "é😀", "ok"), jdbc(folder.resolve("out.db"), "SELECT a FROM t", "PRAGMA integrity_check"));
  }

  @Test
  void aReaderThatLeavesEndsTheProcessQuietly() throws Exception {
    Process process = start("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c");
    try (BufferedReader out = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
      assertEquals("x", out.readLine());
    }
    String err = new String(process.getErrorStream().readAllBytes(), UTF_8);
    assertEquals(141, process.waitFor(), err);
    assertEquals("", err);
  }

  @Test
  void aSignalInterruptsTheSqlAndLeavesNoPartOfAFile() throws Exception {
    file("out.db", "old");
    Process process = start("-i", db.toString(), "-o", path("out.db"),
        "SELECT 'running'; WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c");
    BufferedReader out = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8));
    assertEquals("'running'", out.readLine());
    assertEquals("running", out.readLine());
    List<String> before = names();
    process.toHandle().destroy(); // SIGTERM
    assertEquals(143, process.waitFor());
    assertEquals("", new String(process.getErrorStream().readAllBytes(), UTF_8));
    assertEquals("old", Files.readString(folder.resolve("out.db")));
    assertEquals(before, names());
  }

  @Test
  void aSignalRemovesTheResultsOfUnfinishedSql() throws Exception {
    Process process = start("--results", path("r.csv"),
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c");
    List<String> before = List.of("in.db");
    while (names().equals(before) && process.isAlive()) {
      Thread.sleep(10);
    }
    assertNotEquals(before, names(), "it writes beside the target");
    process.toHandle().destroy();
    assertEquals(143, process.waitFor());
    assertEquals(before, names());
  }

  // ---- demo --------------------------------------------------------------------------------------------

  @Test
  void demoBuildsSavesLoadsAndAsks() throws Exception {
    Path unicode = folder.resolve("unicode.db");
    Run run = run("demo", unicode.toString());
    assertEquals("", run.err());
    assertEquals(0, run.code());
    assertTrue(run.out().contains("integrity_check says ok"), run.out());
    assertTrue(run.out().contains("\n 🐱   | U+1F431 | CAT FACE "), run.out());
    assertTrue(run.out().contains("\n HAN "), run.out());
    long named = 0;
    for (int code = 0; code <= Character.MAX_CODE_POINT; code++) {
      int type = Character.getType(code);
      named += Character.getName(code) == null || type == Character.SURROGATE || type == Character.PRIVATE_USE ? 0 : 1;
    }
    assertEquals(List.of("ok", Long.toString(named), "LATIN SMALL LETTER E WITH ACUTE", "Ll", "LATIN"),
        jdbc(unicode, "PRAGMA integrity_check", "SELECT count(*) FROM character", "SELECT name FROM character WHERE char = 'é'",
            "SELECT category FROM character WHERE code = 233", "SELECT script FROM character WHERE code = 233"));
  }

  // ---- what SQLite leaves beside a file ----

  @Test
  void aWriteAheadLogBesideTheFileIsTakenIn() throws Exception {
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + db); Statement statement = connection.createStatement()) {
      statement.execute("INSERT INTO t VALUES (4)");
      Run run = run("-i", db.toString(), "SELECT count(*) FROM t");
      assertEquals("count(*)\n4\n", run.out());
      assertEquals(0, run.code);
      assertEquals("sqlite-memory-vfs: " + db + ": took 1 page from its write-ahead log " + db + "-wal\n", run.err);
      run("-q", "-i", db.toString(), "SELECT count(*) FROM t").prints("count(*)\n4\n");
    }
    Files.write(Path.of(db + "-wal"), new byte[0]);
    run("-i", db.toString(), "SELECT count(*) FROM t").prints("count(*)\n4\n");
    Files.writeString(Path.of(db + "-wal"), "no log at all");
    run("-i", db.toString(), "SELECT count(*) FROM t").failsWith(1, "not a write-ahead log");
  }

  @Test
  void aHotJournalIsRefusedWithTheRemedy() throws Exception {
    Path journal = Path.of(db + "-journal");
    jdbc(db, "PRAGMA journal_mode = DELETE");
    Path copy = folder.resolve("hot.db");
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + db); Statement statement = connection.createStatement()) {
      statement.execute("PRAGMA cache_size = 1");
      statement.execute("PRAGMA cache_spill = 1");
      statement.execute("BEGIN");
      statement.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t SELECT zeroblob(1000) FROM n");
      statement.execute("UPDATE t SET a = 7"); // what is overwritten stands in the journal only
      assertTrue(Files.exists(journal));
      Files.copy(db, copy);
      Files.copy(journal, Path.of(copy + "-journal"));
      statement.execute("ROLLBACK");
    }
    Run run = run("-i", copy.toString(), "SELECT count(*) FROM t");
    assertEquals(3, run.code, run.err);
    assertTrue(run.err.contains(copy + "-journal; to roll it back, open it once with SQLite, as by: sqlite3 " + copy + " .schema"), run.err);
    assertEquals(List.of("3"), jdbc(copy, "SELECT count(*) FROM t")); // the remedy
    run("-i", copy.toString(), "SELECT count(*) FROM t").prints("count(*)\n3\n");
    Files.write(Path.of(copy + "-journal"), new byte[5000]); // as after a commit with journal_mode = PERSIST
    run("-i", copy.toString(), "SELECT count(*) FROM t").prints("count(*)\n3\n");
  }

  @Test
  void theLogOfTheFileThatALinkLeadsToIsTakenIn() throws Exception {
    Files.createDirectory(folder.resolve("links"));
    Path link = Files.createSymbolicLink(folder.resolve("links/link.db"), Path.of("../in.db"));
    Path second = Files.createSymbolicLink(folder.resolve("second.db"), link);
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + db);
        Statement statement = connection.createStatement()) {
      statement.execute("INSERT INTO t VALUES (4)");
      for (Path name : List.of(link, second)) {
        run("-q", "-i", name.toString(), "SELECT count(*) FROM t").prints("count(*)\n4\n");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"-", "/dev/stdin"})
  void theLogOfTheFileThatStandardInputComesFromIsTakenIn(String name) throws Exception {
    assumeTrue(Files.isSymbolicLink(Path.of("/proc/self/fd/0"))); // elsewhere a process cannot tell what it reads
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + db);
        Statement statement = connection.createStatement()) {
      statement.execute("INSERT INTO t VALUES (4)");
      ProcessBuilder query = new ProcessBuilder(Command.line(List.of(), "-i", name, "SELECT count(*) FROM t"));
      Command run = Command.runProcess(query.redirectInput(db.toFile()));
      assertEquals("count(*)\n4\n", run.out());
      assertTrue(run.err().contains("from its write-ahead log " + db.toRealPath() + "-wal\n"), run.err());
    }
  }

  /** SQLite would play them back over the new database: without a word the result would be gone. */
  @Test
  void nothingIsWrittenBesideALeftOverLog() throws Exception {
    Path old = folder.resolve("old.db");
    Path gone = folder.resolve("gone.db");
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + db);
        Statement statement = connection.createStatement()) {
      statement.execute("INSERT INTO t VALUES (4)");
      Files.copy(db, old); // as a process leaves them that was killed
      Files.copy(Path.of(db + "-wal"), Path.of(old + "-wal"));
      Files.copy(Path.of(db + "-wal"), Path.of(gone + "-wal"));
    }
    Path link = Files.createSymbolicLink(folder.resolve("link.db"), Path.of("old.db"));
    byte[] before = Files.readAllBytes(old);
    String remedy = "; take it into its database first, as by: sqlite3 ";
    for (Path input : List.of(old, link, db)) {
      for (Path output : List.of(old, link)) {
        run("-q", "-i", input.toString(), "-o", output.toString(), "DELETE FROM t").fails(3, "cannot write " + output
            + ": there is " + old + "-wal, a write-ahead log, which SQLite would play back over the new database"
            + remedy + old + " \"PRAGMA wal_checkpoint(TRUNCATE)\", or delete it if its database is gone");
      }
    }
    run("-o", gone.toString(), "CREATE TABLE u(b)").failsWith(3, "there is " + gone + "-wal");
    run("demo", gone.toString()).failsWith(3, "there is " + gone + "-wal");
    assertArrayEquals(before, Files.readAllBytes(old));
    assertFalse(Files.exists(gone));

    jdbc(old, "PRAGMA wal_checkpoint(TRUNCATE)"); // the remedies
    Files.delete(Path.of(gone + "-wal"));
    run("-i", old.toString(), "-o", link.toString(), "INSERT INTO t VALUES (5)").prints("");
    run("-o", gone.toString(), "CREATE TABLE u(b); INSERT INTO u VALUES (1)").prints("");
    assertEquals(List.of("5"), jdbc(old, "SELECT count(*) FROM t"));
    assertEquals(List.of("1"), jdbc(gone, "SELECT count(*) FROM u"));
  }

  @Test
  void standardOutputIsNoFileBesideALeftOverLog() throws Exception {
    assumeTrue(Files.isSymbolicLink(Path.of("/proc/self/fd/1")));
    Path out = folder.resolve("out.db");
    Files.writeString(Path.of(out + "-wal"), "a log");
    ProcessBuilder save = new ProcessBuilder(Command.line(List.of(), "-o", "-", "CREATE TABLE u(b)"));
    Command.runProcess(save.redirectOutput(out.toFile())).failsWith(3, "cannot write standard output: there is "
        + out.toRealPath() + "-wal");
    assertEquals(0, Files.size(out));
  }

  @Test
  void nothingIsWrittenBesideAHotJournal() throws Exception {
    Path journal = Path.of(db + "-journal");
    byte[] head = {(byte) 0xd9, (byte) 0xd5, 5, (byte) 0xf9, 0x20, (byte) 0xa1, 0x63, (byte) 0xd7, 0};
    Files.write(journal, head);
    byte[] before = Files.readAllBytes(db);
    run("-o", db.toString(), "CREATE TABLE u(b)").fails(3, "cannot write " + db + ": there is " + journal
        + ", a journal of a transaction that did not end, which SQLite would play back over the new database; roll it "
        + "back first, as by: sqlite3 " + db + " .schema, or delete it if its database is gone");
    assertArrayEquals(before, Files.readAllBytes(db));
    Files.write(journal, new byte[5000]); // as after a commit with journal_mode = PERSIST
    run("-o", db.toString(), "CREATE TABLE u(b)").prints("");
  }
}
