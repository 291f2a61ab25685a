package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The library in programs that have no JVM. What docs/hosts.md shows is run as it stands there. */
@EnabledOnOs(OS.LINUX)
class HostsTest {
  private static final String LIBRARY = "libsqlitememvfs.so";
  private static final Pattern BLOCK = Pattern.compile("^<!-- ([a-z-]+) -->\\R```([a-z]+)\\R(.*?)^```", Pattern.MULTILINE | Pattern.DOTALL);

  /** Where the programs run, with the library and shop.db beside them. */
  @TempDir Path folder;

  @BeforeEach
  void setUp() throws IOException {
    Files.copy(library(), folder.resolve(LIBRARY));
    Files.write(folder.resolve("shop.db"), OtherSqlite.database("CREATE TABLE item(name, kind, price)",
        "INSERT INTO item VALUES ('atlas', 'book', 40), ('novel', 'book', 10), ('pencil', 'pen', 2)"));
  }

  private static Path library() {
    for (String platform : NativeLibrary.platforms()) {
      URL url = HostsTest.class.getResource("/META-INF/native/" + platform + "/" + LIBRARY);
      if (url != null) {
        return Path.of(url.getPath());
      }
    }
    return fail("no library in the classes for " + NativeLibrary.platforms());
  }

  private static String block(String name) throws IOException {
    Matcher matcher = BLOCK.matcher(Files.readString(Path.of("docs/hosts.md")));
    while (matcher.find()) {
      if (matcher.group(1).equals(name)) {
        return matcher.group(3);
      }
    }
    return fail("docs/hosts.md has no block " + name);
  }

  private String run(String... command) throws Exception {
    return feed("", command);
  }

  /** What it prints, standard error included; it must succeed. */
  private String feed(String input, String... command) throws Exception {
    Result result = tryRun(input, command);
    assertEquals(0, result.exit, () -> String.join(" ", command) + ":\n" + result.output);
    return result.output;
  }

  private static final class Result {
    final int exit;
    final String output;

    Result(int exit, String output) {
      this.exit = exit;
      this.output = output;
    }
  }

  private Result tryRun(String input, String... command) throws Exception {
    return tryRun(folder, input, command);
  }

  private static Result tryRun(Path folder, String input, String... command) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
    builder.environment().put("HOME", folder.toString()); // no .sqliterc
    Process process;
    try {
      process = builder.start();
    } catch (IOException e) {
      return Needs.missing(command[0], e.getMessage());
    }
    try (OutputStream in = process.getOutputStream()) {
      in.write(input.getBytes("UTF-8"));
    } catch (IOException e) {
      // it has ended without reading: what it says counts
    }
    String output = new String(process.getInputStream().readAllBytes(), "UTF-8");
    return new Result(process.waitFor(), output);
  }

  private String shell(String... lines) throws Exception {
    return feed(String.join("\n", lines) + "\n", "sqlite3", "-batch");
  }

  /** A python3 whose sqlite3 can load extensions; not every build can. */
  private static String python() throws Exception {
    List<String> tried = new ArrayList<>();
    Stream<String> path = Arrays.stream(System.getenv("PATH").split(File.pathSeparator));
    for (String candidate : Stream.concat(Stream.of("/usr/bin"), path).map(f -> f + "/python3").distinct().collect(Collectors.toList())) {
      if (Files.isExecutable(Path.of(candidate))) {
        Result result = tryRun(Path.of("."), "", candidate, "-c", "import sqlite3; sqlite3.connect(':memory:').enable_load_extension(True)");
        if (result.exit == 0) {
          return candidate;
        }
        tried.add(candidate + ": " + result.output);
      }
    }
    return Needs.missing("python3", "with an sqlite3 that can load extensions; tried: " + tried);
  }

  private List<List<Object>> items(String file) throws IOException {
    byte[] database = Files.readAllBytes(folder.resolve(file));
    OtherSqlite.assertWhole(database);
    return OtherSqlite.rows(database, "SELECT name, price FROM item ORDER BY name");
  }

  @Test
  void theDocumentedUnzip() throws Exception {
    run("unzip", "-v");
    Files.delete(folder.resolve(LIBRARY));
    String command = block("unzip");
    Matcher names = Pattern.compile("unzip -j (\\S+\\.jar) (META-INF/native/\\S+/lib\\S+)").matcher(command);
    assertTrue(names.find(), command);
    Path library = library();
    String entry = "META-INF/native/" + library.getParent().getFileName() + "/" + library.getFileName();
    try (ZipOutputStream jar = new ZipOutputStream(Files.newOutputStream(folder.resolve(names.group(1))))) {
      jar.putNextEntry(new ZipEntry(entry));
      Files.copy(library, jar);
    }
    run("sh", "-c", command.replace(names.group(2), entry)); // the page names one platform, this may be another
    assertEquals(-1, Files.mismatch(library, folder.resolve(LIBRARY)));
  }

  @Test
  void theDocumentedShellSession() throws Exception {
    run("sqlite3", "-version"); // where it is not, this says what to install, which the shell does not
    long size = Files.size(folder.resolve("shop.db"));
    assertEquals("\nbefore|" + size + "\nshop|" + size + "\n", run("sh", "-e", "-c", block("shell")));
    assertEquals(List.of(List.of("atlas", 20.0), List.of("novel", 5.0)), items("sale.db"));
    assertEquals(3, items("shop.db").size());
  }

  @Test
  void theDocumentedPython() throws Exception {
    Files.writeString(folder.resolve("shop.py"), block("python"));
    assertEquals("52\n27.0\nSQLite format 3\n", run(python(), "shop.py"));
    assertEquals(List.of(List.of("atlas", 20.0), List.of("novel", 5.0), List.of("pencil", 2)), items("sale.db"));
  }

  @Test
  void theDocumentedCProgram() throws Exception {
    Files.writeString(folder.resolve("shop.c"), block("c"));
    String compile = block("cc").strip();
    assertEquals("cc shop.c -lsqlite3 -o shop", compile);
    Path amalgamation = Path.of(System.getProperty("sqlite.amalgamation.dir")).toAbsolutePath();
    // The header is that of this build, and the library needs no package for developers.
    String strict = "-Wall -Wextra -Werror -I '" + amalgamation + "'";
    for (String compiler : List.of("gcc", "g++ -x c++")) {
      run(compiler.substring(0, 3), "--version");
      run("sh", "-c", compile.replace("cc ", compiler + " " + strict + " ").replace("-lsqlite3", (compiler.contains("++") ? "-x none " : "") + "-l:libsqlite3.so.0"));
      Files.deleteIfExists(folder.resolve("sale.db"));
      assertEquals("42\n21\n", run("./shop"));
      assertEquals(List.of(List.of("atlas", 20), List.of("pen", 1)), items("sale.db"));
    }
  }

  /** Every block of the page has a name, and is one of those that are run. */
  @Test
  void allBlocksAreRun() throws Exception {
    String page = Files.readString(Path.of("docs/hosts.md"));
    TreeSet<String> names = new TreeSet<>();
    BLOCK.matcher(page).results().forEach(m -> names.add(m.group(1)));
    assertEquals(new TreeSet<>(List.of("unzip", "shell", "python", "c", "cc")), names);
    assertEquals(names.size() * 2L, page.lines().filter(line -> line.startsWith("```")).count());
  }

  @Test
  void python3() throws Exception {
    Path empty = Files.createDirectory(folder.resolve("empty"));
    String test = Path.of("src/test/python/hosts_test.py").toAbsolutePath().toString();
    Result result = tryRun(empty, "", python(), test, folder.resolve(LIBRARY).toString());
    assertTrue(result.exit == 0 && Pattern.compile("Ran [1-9][0-9]* tests").matcher(result.output).find(), result.output);
    assertEquals(0, empty.toFile().list().length);
  }

  @Test
  void theShellOpensDatabases() throws Exception {
    assertEquals("0\n1\nmemory\nok\n", shell(".load ./libsqlitememvfs", ".open 'file:x?vfs=memvfs'", "SELECT count(*) FROM sqlite_schema;", "CREATE TABLE t AS SELECT 1 AS x;",
        ".open 'file:y?vfs=memvfs'", ".open 'file:x?vfs=memvfs'", "SELECT x FROM t;", "PRAGMA journal_mode;", "PRAGMA integrity_check;"));
    assertEquals(List.of(LIBRARY, "shop.db"), Arrays.stream(folder.toFile().list()).sorted().collect(Collectors.toList()));
  }

  @Test
  void theShellLoadsItOnceMore() throws Exception {
    assertEquals("\n1\nx|0\n", shell(".load ./libsqlitememvfs", ".load ./libsqlitememvfs", "SELECT load_extension('./libsqlitememvfs');", ".open 'file:x?vfs=memvfs'",
        ".load ./libsqlitememvfs", "SELECT 1;", "SELECT * FROM memvfs_list;"));
  }

  /** A copy is another library, whose VFS would take the other's place. */
  @Test
  void aCopyOfTheLibraryIsRefused() throws Exception {
    Files.copy(library(), folder.resolve("copy.so"));
    String output = tryRun(String.join("\n", ".load ./libsqlitememvfs", ".load ./copy.so sqlite3_sqlitememvfs_init", "ATTACH 'file:x?vfs=memvfs' AS x;",
        "CREATE TABLE x.t(a);", "SELECT count(*) FROM memvfs_list;", ""), "sqlite3", "-batch").output;
    assertTrue(output.contains("another VFS named memvfs"), output);
    assertTrue(output.endsWith("\n1\n"), output);
  }
}
