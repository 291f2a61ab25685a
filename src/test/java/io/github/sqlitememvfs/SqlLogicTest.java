package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.net.JarURLConnection;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.jar.JarFile;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * SQLite's sqllogictest: millions of queries, to whose results several database engines agreed. Every build runs a sample of the
 * files; {@code -Dsqllogictest=all} runs them all, and {@code -Dsqllogictest=index/view} those whose path has that in it.
 */
class SqlLogicTest {

  private static final String RUN = System.getProperty("sqllogictest", "sample");
  private static final int SAMPLE_EVERY = 8;
  private static final int[] BLOCK_SIZES = {0, 512, 65536};
  private static final int FAILURES_SHOWN = 20;

  /** A record that fails, what its failure says, and why it cannot pass. One that passes after all, or otherwise fails, is a failure. */
  private record Known(String file, int line, String actual, String reason) {
  }

  private static final String NOT_WRITTEN = "the script has the query without the result, and a comment that this is to be done: sum() of 1<<63, 1<<63 and -1"
      + " throws 'integer overflow', as documented, and total() gives a value";
  private static final String CUT_OFF = "the file is cut off within its last record, before the result";

  private static final List<Known> KNOWN = List.of(
      new Known("test/evidence/slt_lang_aggfunc.test", 479, "integer overflow (SQLITE_ERROR, 1)", NOT_WRITTEN),
      new Known("test/evidence/slt_lang_aggfunc.test", 483, "integer overflow (SQLITE_ERROR, 1)", NOT_WRITTEN),
      new Known("test/evidence/slt_lang_aggfunc.test", 490, "[-18446744073709551616.000]", NOT_WRITTEN),
      new Known("test/evidence/slt_lang_aggfunc.test", 494, "[-9223372036854775808.000]", NOT_WRITTEN),
      new Known("test/index/commute/10/slt_good_10.test", 26511, "actual   0 values", CUT_OFF));

  private static int files;
  private static int statements;
  private static int queries;
  private static int skipped;
  private static int settings;
  private static int known;
  private static int failures;

  @AfterAll
  static void tell() {
    System.out.println("SqlLogicTest, " + RUN + ": " + files + " files, " + (statements + queries + skipped + settings) + " records: "
        + statements + " statements, " + queries + " queries, " + skipped + " skipped since they are for other engines, " + settings
        + " settings; " + failures + " failures, " + known + " known ones");
  }

  // ---- which files

  /** All, in the order of their paths. */
  private static List<String> corpus() throws IOException {
    List<String> paths = new ArrayList<>();
    JarURLConnection folder = (JarURLConnection) SqlLogicTest.class.getResource("/test/evidence").openConnection();
    folder.setUseCaches(false);
    try (JarFile jar = folder.getJarFile()) {
      jar.stream().map(entry -> entry.getName()).filter(name -> name.startsWith("test/") && name.endsWith(".test")).forEach(paths::add);
    }
    Collections.sort(paths);
    return paths;
  }

  /** All of the folders test and test/evidence, and of each other folder the first file and every so many after it. */
  private static List<String> sample(List<String> corpus) {
    Map<String, Integer> inFolder = new HashMap<>();
    List<String> sample = new ArrayList<>();
    for (String path : corpus) {
      String folder = path.substring(0, path.lastIndexOf('/'));
      int index = inFolder.merge(folder, 1, Integer::sum) - 1;
      if (folder.equals("test") || folder.equals("test/evidence") || index % SAMPLE_EVERY == 0) {
        sample.add(path);
      }
    }
    return sample;
  }

  static List<Object[]> files() throws IOException {
    List<String> corpus = corpus();
    List<String> chosen = switch (RUN) {
      case "all" -> corpus;
      case "sample" -> sample(corpus);
      default -> corpus.stream().filter(path -> path.contains(RUN)).toList();
    };
    assertFalse(chosen.isEmpty(), "no path of a file has this in it: -Dsqllogictest=" + RUN);
    return chosen.stream().map(path -> new Object[] {path, BLOCK_SIZES[corpus.indexOf(path) % BLOCK_SIZES.length]}).toList();
  }

  @Test
  void theCorpusIsAllThere() throws IOException {
    List<String> corpus = corpus();
    assertEquals(622, corpus.size());
    for (Known record : KNOWN) {
      assertTrue(corpus.contains(record.file), record.file);
    }
  }

  // ---- one file on a fresh database

  @ParameterizedTest(name = "{0}, block size {1}")
  @MethodSource("files")
  void resultsAreThoseOfTheCorpus(String path, int blockSize) throws IOException {
    try (MemoryVfs vfs = MemoryVfs.builder().blockSize(blockSize).build()) {
      try (BufferedReader in = new BufferedReader(new InputStreamReader(SqlLogicTest.class.getResourceAsStream("/" + path), UTF_8));
          SqliteConnection connection = vfs.open("test")) {
        assertRecords(path, new SqlLogicRunner(connection, new SqlLogicScript(path, in)));
        Sql.assertWhole(connection);
      }
      assertComesBack(vfs, "test");
      vfs.databases().forEach(vfs::delete);
      Stats stats = vfs.stats();
      assertEquals(List.of(0L, 0L, 0L, 0L, 0L), List.of(stats.bytesInUse(), stats.blocks(), stats.versions(), stats.pins(), stats.forks()), stats.toString());
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(path + ", block size " + blockSize + ": " + e.getMessage(), e);
    }
  }

  private static void assertRecords(String path, SqlLogicRunner runner) throws IOException {
    runner.run();
    List<String> wrong = compareWithKnown(path, runner.failures);
    files++;
    statements += runner.statements;
    queries += runner.queries;
    skipped += runner.skipped;
    settings += runner.settings;
    failures += wrong.size();
    if (!wrong.isEmpty()) {
      fail(wrong.size() + " records fail\n" + String.join("\n", wrong.subList(0, Math.min(wrong.size(), FAILURES_SHOWN))));
    }
  }

  private static void assertComesBack(MemoryVfs vfs, String database) throws IOException {
    byte[] bytes = Sql.bytes(vfs, database);
    assertEquals(vfs.size(database), bytes.length);
    vfs.deserialize("copy", new ByteArrayInputStream(bytes));
    assertArrayEquals(bytes, Sql.bytes(vfs, "copy"));
    Sql.assertWhole(vfs, "copy");
  }

  /** Failures that are not known, or known otherwise, and known ones that did not come. */
  private static List<String> compareWithKnown(String path, SortedMap<Integer, String> failed) {
    List<String> wrong = new ArrayList<>();
    SortedMap<Integer, String> others = new TreeMap<>(failed);
    for (Known record : KNOWN) {
      if (record.file.equals(path)) {
        String failure = others.get(record.line);
        if (failure != null && failure.contains(record.actual)) {
          others.remove(record.line);
          known++;
        } else if (failure == null) {
          wrong.add(path + ":" + record.line + ": did not fail, but is known to: " + record.reason);
        }
      }
    }
    others.forEach((line, failure) -> wrong.add(path + ":" + line + ": " + failure));
    return wrong;
  }

  // ---- the runner itself

  @ParameterizedTest
  @CsvSource({"1.25, 1.250", "0.0005, 0.001", "0.0625, 0.062", "0.1875, 0.188", "2.0005, 2.001", "1e22, 10000000000000000000000.000", "-0.0001, -0.000",
      "-0.0, -0.000", "0.0, 0.000", "Infinity, inf", "-Infinity, -inf", "0.1, 0.100", "-2.5, -2.500"})
  void floatingPointNumbersAreRenderedAsByC(double value, String expected) {
    assertEquals(expected, SqlLogicRunner.real(value));
  }

  @Test
  void textIsRenderedInPrintableAscii() {
    assertEquals("(empty)", SqlLogicRunner.text(""));
    assertEquals(" a~@@@@@@@", SqlLogicRunner.text(" a~\n\u007f\u00e9\u20ac"));
  }

  private static SqlLogicRunner run(String... lines) throws IOException {
    try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection connection = vfs.open("test")) {
      SqlLogicRunner runner = new SqlLogicRunner(connection, new SqlLogicScript("a script", new BufferedReader(new StringReader(String.join("\n", lines)))));
      runner.run();
      return runner;
    }
  }

  @Test
  void rightResultsPass() throws IOException {
    SqlLogicRunner runner = run("# a comment", "hash-threshold 8", "",
        "statement ok", "CREATE TABLE t(a, b, c)", "", "", "statement ok", "INSERT INTO t VALUES (10, 2.5, NULL), (9, '', x'41'),", "(-1, 'x y', 'Z'); ", "",
        "query ITT nosort", "SELECT * FROM t", "----", "10", "2.5", "NULL", "9", "(empty)", "A", "-1", "x y", "Z", "",
        "query ITT rowsort first # as text: - before 1 before 9", "SELECT * FROM t", "----", "-1", "x y", "Z", "10", "2.5", "NULL", "9", "(empty)", "A", "",
        "query ITT valuesort", "SELECT * FROM t", "----", "(empty)", "-1", "10", "2.5", "9", "A", "NULL", "Z", "x y", "",
        "query I rowsort", "SELECT a FROM t", "----", "3 values hashing to 196be8440ba8e15c71a387e4a6612776", "",
        "query RI", "SELECT 0.0625, '12abc'", "----", "0.062", "12", "",
        "query I nosort same", "SELECT 1", "----", "1", "", "query I nosort same", "SELECT 2 - 1", "----", "1", "",
        "query I", "SELECT a FROM t WHERE a = 0", "----", "",
        "statement error", "INSERT INTO u VALUES (1)", "",
        "skipif sqlite", "statement ok", "no SQL", "", "onlyif mysql # comment", "query I", "no SQL", "----", "1", "",
        "onlyif sqlite", "skipif mysql", "statement ok", "DELETE FROM t", "",
        "skipif sqlite", "halt", "", "onlyif sqlite", "halt", "", "statement ok", "no SQL");
    assertEquals(Map.of(), runner.failures);
    assertEquals(List.of(4, 8, 3, 2), List.of(runner.statements, runner.queries, runner.skipped, runner.settings));
  }

  @Test
  void wrongResultsFail() throws IOException {
    String[][] records = {
        {"statement ok", "no SQL"},
        {"statement error", "SELECT 1"},
        {"query I", "no SQL", "----"},
        {"query I", "SELECT 1", "----", "2"},
        {"query I", "SELECT 1", "----", "1", "1"},
        {"query I", "SELECT 1", "----"},
        {"query I", "SELECT 1, 2", "----", "1", "2"},
        {"query II", "SELECT 1", "----", "1"},
        {"query T", "SELECT NULL", "----", "(empty)"},
        {"query I", "VALUES (2), (1)", "----", "1", "2"},
        {"query I", "SELECT 1", "----", "1 values hashing to b026324c6904b2a9cb4b88d6d61c81d0"},
        {"query I", "SELECT 1", "----", "2 values hashing to b026324c6904b2a9cb4b88d6d61c81d1"},
        {"query I", "SELECT a", "----", "1"},
        {"query I nosort x", "SELECT 2", "----", "2"}, // after one labelled x that gave 1
        {"query I", "SELECT 1"}}; // cut off
    for (String[] record : records) {
      List<String> lines = new ArrayList<>(List.of("query I nosort x", "SELECT 1", "----", "1 values hashing to b026324c6904b2a9cb4b88d6d61c81d1", ""));
      lines.addAll(List.of(record));
      SqlLogicRunner runner = run(lines.toArray(new String[0]));
      assertEquals(List.of(6), List.copyOf(runner.failures.keySet()), String.join("\n", record));
    }
  }

  @Test
  void whatTheFormatDoesNotKnowIsAnError() {
    String[][] scripts = {
        {"insert", "SELECT 1"}, {"statement", "SELECT 1"}, {"statement maybe", "SELECT 1"}, {"statement ok"},
        {"query", "SELECT 1", "----"}, {"query X", "SELECT 1", "----"}, {"query I anysort", "SELECT 1", "----"},
        {"query I", "----"}, {"query I", "SELECT 1", "", "----"}, {"skipif sqlite", "", "statement ok", "SELECT 1"},
        {"skipif", "statement ok", "SELECT 1"}, {"hash-threshold"}, {"halt now"}};
    for (String[] script : scripts) {
      AssertionError e = assertThrows(AssertionError.class, () -> run(script), String.join("\n", script));
      assertTrue(e.getMessage().startsWith("a script:"), e.getMessage());
    }
  }
}
