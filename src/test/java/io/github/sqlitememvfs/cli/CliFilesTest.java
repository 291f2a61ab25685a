package io.github.sqlitememvfs.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The files of a command line: what names them, and that none is written that is also another one. */
@Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CliFilesTest {
  @TempDir
  private Path folder;

  private Path db;

  @BeforeEach
  void writeDatabase() {
    db = folder.resolve("a b%é.db");
    Command.run("-o", db, "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2)").prints("");
  }

  private Path file(String name) {
    return folder.resolve(name);
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }

  // ---- names -------------------------------------------------------------------------------------

  @Test
  void fileUrlsAreReadAsSqliteReadsThem() throws IOException {
    String escaped = folder.toUri().getRawPath() + "a%20b%25%c3%A9.db";
    for (String url : List.of(db.toUri().toString(), "file:" + escaped, "FILE://" + escaped, "file://localhost"
        + escaped,
        "file:" + Path.of("").toAbsolutePath().relativize(db).toString().replace("%", "%25"))) {
      Command.run("-i", url, "SELECT count(*) AS n FROM t").prints("n\n2\n");
    }
    String out = file("out.db").toUri().toString();
    Command.run("-i", db, "-o", out, "--results", file("r.csv").toUri(), "SELECT a FROM t").prints("");
    assertEquals("a\n1\n2\n", Files.readString(file("r.csv")));
    assertTrue(Files.exists(file("out.db")));
    Files.writeString(file("s.sql"), "SELECT 7 AS a");
    Command.run("-f", file("s.sql").toUri()).prints("a\n7\n");
  }

  @Test
  void fileUrlsThatAreNoFile() {
    Command.run("-i", "file://host/x", "SELECT 1").fails(3, "cannot read file://host/x: a file URL cannot name "
        + "another host, and this one "
        + "names host; an absolute path is file:///path, a relative one file:path");
    Command.run("-i", "file:/x.db?y", "SELECT 1").fails(3, "cannot read file:/x.db?y: not a file URL that can be "
        + "used: nothing may "
        + "follow the path, and ?y does (write %3F where the file's name has a ?)");
    Command.run("-i", "file:/x.db#y", "SELECT 1").failsWith(3, "write %23");
    Command.run("-i", "file:", "SELECT 1").fails(3, "cannot read file:: the file URL has no path");
    Command.run("-i", "file://localhost", "SELECT 1").failsWith(3, "the file URL has no path");
    Command.run("-i", "file:%zz", "SELECT 1").failsWith(3, "two hexadecimal digits must follow each %");
    Command.run("-i", "file:x%4", "SELECT 1").failsWith(3, "two hexadecimal digits must follow each %");
    Command.run("-i", "file:%ff", "SELECT 1").failsWith(3, "is not UTF-8");
    Command.run("-o", "file:%00", "SELECT 1").failsWith(3, "it cannot be a file name");
    Command.run("demo", "file:x?y").failsWith(3, "cannot write file:x?y: ");
  }

  @Test
  void otherNamesThatAreNoFile() {
    for (String option : new String[] {"-i", "-o", "--results", "-f"}) {
      String what = option.equals("-i") || option.equals("-f") ? "cannot read " : "cannot write ";
      Command.run(option, "", "SELECT 1").fails(3, what + ": the name is empty");
      Command.run(option, folder + "/", "SELECT 1").failsWith(3, what + folder + "/: it is a directory");
      Command.run(option, "ftp://x/y", "SELECT 1").fails(3, what
          + "ftp://x/y: URLs of the scheme ftp are not supported; a file name, file:, http: and https: are");
    }
    Command.run("-i", "jdbc:sqlite:x.db", "SELECT 1").failsWith(3, "URLs of the scheme jdbc are not supported");
    Command.run("-o", "https://x/y", "SELECT 1").fails(3, "cannot write https://x/y: only -i can be an http or "
        + "https URL");
    Command.run("-o", file("x".repeat(300)), "SELECT 1").failsWith(3, "ame too long");
  }

  @ParameterizedTest
  @ValueSource(strings = {"-o", "--results"})
  void aFullDiskIsNoSuccess(String option) {
    assumeTrue(Files.exists(Path.of("/dev/full")));
    Command.run("-i", db, option, "/dev/full", "SELECT * FROM t").fails(3,
        "cannot write /dev/full: No space left on device");
  }

  @Test
  void aFileThatMustNotBeWrittenIsNotReplaced() throws IOException {
    assumeTrue(Files.getFileStore(folder).supportsFileAttributeView("posix"));
    Path locked = Files.writeString(file("locked.db"), "old");
    assertTrue(locked.toFile().setWritable(false));
    Command run = Command.run("-o", locked, "SELECT 1 AS a");
    if (Files.isWritable(locked)) { // by root, whom nothing keeps from it
      run.prints("a\n1\n");
    } else {
      run.fails(3, "cannot write " + locked + ": permission denied");
      assertEquals("old", Files.readString(locked));
    }
  }

  // ---- the same file twice -------------------------------------------------------------------------

  @Test
  void oneFileIsNoPlaceForTwoOutputs() throws IOException {
    Files.createSymbolicLink(file("link"), Path.of("out"));
    Files.createSymbolicLink(file("here"), folder);
    List<String> before = names();
    String out = file("out").toString();
    for (String same : List.of(out, folder + "/./out", file("here") + "/out", file("link").toString(),
        file("out").toUri().toString(),
        folder + "/here/../" + folder.getFileName() + "/out")) {
      Command.run("-o", out, "--results", same, "SELECT 1").fails(2, "-o and --results are the same");
      Command.run("-o", same, "--results", out, "SELECT 1").fails(2, "-o and --results are the same");
    }
    assertEquals(before, names());
    Files.writeString(file("out"), "old");
    Files.createLink(file("hard"), file("out"));
    Command.run("-o", out, "--results", file("hard"), "SELECT 1").fails(2, "-o and --results are the same");
    assertEquals("old", Files.readString(file("out")));

    Command.run("-o", out, "--results", file("OUT"), "SELECT 1 AS a"); // two files, or one where case is ignored
    assertEquals("old".equals(Files.readString(file("out"))), Files.exists(file("Out")));
  }

  @Test
  void twoNamesOfTheNullDeviceAreFine() {
    assumeTrue(Files.exists(Path.of("/dev/null")));
    Command.run("-o", "/dev/null", "--results", "/dev/null", "SELECT 1").prints("");
  }

  @Test
  void rowsReplaceNoInput() throws IOException {
    byte[] before = Files.readAllBytes(db);
    Path script = Files.writeString(file("s.sql"), "SELECT 1");
    Files.createSymbolicLink(file("link"), db);
    Command.run("-i", db, "--results", file("link"), "SELECT * FROM t").fails(2,
        "--results is the file that -i reads, which the rows would replace");
    Command.run("-i", db.toUri(), "--results", db, "SELECT * FROM t").fails(2,
        "--results is the file that -i reads, which the rows would replace");
    Command.run("-f", script, "--results", script).fails(2, "--results is the script " + script
        + " itself, which would be lost");
    Command.run("-f", script, "-o", folder + "/./s.sql").fails(2, "-o is the script " + script
        + " itself, which would be lost");
    assertArrayEquals(before, Files.readAllBytes(db));
    assertEquals("SELECT 1", Files.readString(script));
  }

  @Test
  void standardOutputHasManyNames() {
    assumeTrue(Files.exists(Path.of("/dev/fd/1")));
    for (String name : List.of("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")) {
      Command.run("-o", name, "--results", "-", "SELECT 1").fails(2, "-o and --results are the same");
      Command.run("--results", name, "SELECT 1 AS a").prints("a\n1\n");
      assertTrue(Command.run("-o", name, "CREATE TABLE t(a); SELECT 1").out().startsWith("SQLite format 3\0"));
    }
    Command.run("-i", "/dev/stdin", "-f", "/dev/fd/0").fails(2, "standard input can be read only once");
  }

  @Test
  void standardOutputIsAFileToo() throws Exception {
    assumeTrue(Files.exists(Path.of("/dev/fd/1")));
    Path out = file("out");
    ProcessBuilder same = new ProcessBuilder(Command.line(List.of(), "-i", db, "-o", out, "SELECT * FROM t"));
    Command.runProcess(same.redirectOutput(out.toFile())).fails(2,
        "-o is the file that standard output goes to, where the rows would be lost");
    byte[] before = Files.readAllBytes(db);
    ProcessBuilder append = new ProcessBuilder(Command.line(List.of(), "-i", db, "SELECT * FROM t"));
    Command.runProcess(append.redirectOutput(ProcessBuilder.Redirect.appendTo(db.toFile())))
        .fails(2, "standard output goes to the file that -i reads, which the rows would replace");
    assertArrayEquals(before, Files.readAllBytes(db));
    ProcessBuilder inPlace = new ProcessBuilder(Command.line(List.of(), "-i", "-", "-o", db, "DELETE FROM t"));
    inPlace.redirectInput(db.toFile());
    Process process = inPlace.start();
    assertEquals("", new String(process.getErrorStream().readAllBytes(), UTF_8));
    assertEquals(0, process.waitFor());
    Command.run("-i", db, "SELECT count(*) AS n FROM t").prints("n\n0\n");
  }

  // ---- a database in the place of a script -----------------------------------------------------------

  @Test
  void aDatabaseIsNoScript() throws IOException {
    Command.run("-f", db).fails(1, db + " is a SQLite database, not a script; -i reads a database");
    Files.writeString(file("short"), "SELECT 1 AS a");
    Command.run("-f", file("short")).prints("a\n1\n");
    Files.writeString(file("empty"), "");
    Command.run("-f", file("empty")).prints("");
  }

  @Test
  void sqlMakesNoFiles() {
    Path x = file("x.db");
    Command.run("-i", db, "VACUUM INTO '" + x + "'").fails(1,
        "SQL argument, line 1: VACUUM INTO made a database named " + x
        + " in the memory of this program, not a file: SQL reaches no files here. -o " + x
            + " writes the database to a file");
    Command.run("-i", db, "/* */ vacuum INTO 'copy'").failsWith(1, "VACUUM INTO made a database named copy");
    for (String name : List.of(x.toString(), "x.db", "x.SQLite", "dir\\x")) {
      Command.run("ATTACH '" + name + "' AS x").failsWith(1, "ATTACH made an empty database named " + name
          + " in the memory");
    }
    Command.run("ATTACH 'pom.xml' AS x") // a file that is there
        .failsWith(1, "ATTACH made an empty database named pom.xml in the memory");
    Command.run("ATTACH 'other' AS o; CREATE TABLE o.t(a); INSERT INTO o.t VALUES (1); SELECT a FROM o.t; VACUUM "
        + "INTO 'other'")
        .failsWith(1, "output file already exists");
    Command.run("ATTACH 'other' AS o; CREATE TABLE o.t(a); ATTACH ':memory:' AS p; SELECT count(*) AS n FROM "
        + "o.t").prints("n\n0\n");
    assertFalse(Files.exists(x));
  }
}
