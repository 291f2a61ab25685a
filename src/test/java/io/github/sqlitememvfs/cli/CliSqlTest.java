package io.github.sqlitememvfs.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** SQL on the command line: parameters, comments, where an error is, and Ctrl-C while it is typed. */
@Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CliSqlTest {
  @TempDir
  private Path folder;

  // ---- parameters --------------------------------------------------------------------------------

  @Test
  void aParameterWithoutAValueIsNoNull() {
    Command.run("CREATE TABLE t(a); INSERT INTO t VALUES (?); SELECT * FROM t")
        .fails(1, "SQL argument, line 1: the parameter ?1 has no value; --param 1=VALUE gives it one");
    Command.run("-p", "a=1", "SELECT :a,\n@b").fails(1, "SQL argument, line 1: the parameter @b has no value; "
        + "--param b=VALUE gives it one");
    Command.run("SELECT ?12").fails(1, "SQL argument, line 1: the parameter ?1 has no value; --param 1=VALUE gives "
        + "it one");
    Command run = Command.run("EXPLAIN QUERY PLAN SELECT * FROM sqlite_schema WHERE name = ?"); // runs nothing
    assertEquals(0, run.code(), run.err());
  }

  @Test
  void parametersAreTexts() {
    Command.run("--param", "id=2", "-p", "name=x'=?;", "-p", "1=007",
            "CREATE TABLE t(id INTEGER, name); INSERT INTO t VALUES ($id, @name);"
                + "SELECT typeof(id), id, name FROM t WHERE id = :id; SELECT typeof(?), ?1, ? AS a", "-p", "2=")
        .prints("typeof(id),id,name\ninteger,2,x'=?;\ntypeof(?),?1,a\ntext,007,\"\"\n");
    Command.run("-p", ":id=3", "SELECT CAST(@id AS INTEGER) + 1 AS n LIMIT :id").prints("n\n4\n");
  }

  @Test
  void parametersThatAreNone() {
    Command.run("-p", "id", "SELECT 1").fails(2, "--param wants NAME=VALUE, such as id=7 for :id, or 1=7 for the "
        + "first ?, but is id");
    Command.run("-p", "=1", "SELECT 1").failsWith(2, "--param wants NAME=VALUE");
    Command.run("-p", "id=1", "-p", ":id=2", "SELECT 1").fails(2, "--param has two values for id");
  }

  // ---- arguments -----------------------------------------------------------------------------------

  @Test
  void sqlMayBeginWithAComment() throws IOException {
    Command.run("--find\nSELECT 1 AS a").prints("a\n1\n");
    Command.run("-- find\r\nSELECT 1 AS a").prints("a\n1\n");
    Command.run("-- nothing but a comment").prints("");
    Command.run("--\n\nSELECT nope").fails(1, "SQL argument, line 3, column 8: no such column: nope (SQLITE_ERROR, 1)");
    Command.run("--nope").fails(2, "Unknown option: '--nope'");
    Path odd = folder.resolve("a\nb");
    Command.run("--results=" + odd, "SELECT 1 AS a").prints("");
    assertEquals("a\n1\n", Files.readString(odd));
  }

  @Test
  void argumentsThatAreNotUtf8AreRefused() {
    byte[] commandLine = "java\0Main\0SELECT 'é'\0-o\0ü\0".getBytes(ISO_8859_1);
    CliException e = assertThrows(CliException.class,
        () -> Arguments.restore(new String[] {"SELECT '\uFFFD'", "-o", "\uFFFD"}, commandLine));
    assertEquals("argument 1 is not UTF-8: SELECT '\uFFFD'", e.getMessage());
    assertEquals(CliException.USAGE, e.exitCode());
    String[] sound = {"SELECT '\uFFFD'"};
    assertArrayEquals(sound, Arguments.restore(sound, "java\0Main\0SELECT '\uFFFD'\0".getBytes(UTF_8)));
  }

  // ---- where an error is ---------------------------------------------------------------------------

  @Test
  void anErrorNamesTheStatement() throws IOException {
    Path script = Files.writeString(folder.resolve("s.sql"), "SELECT 1;\n\n-- two\nINSERT INTO nope\n  VALUES (1);");
    Command.run("-f", script).fails(1, script + ", line 4: no such table: nope (SQLITE_ERROR, 1); "
        + "statement 2 is INSERT INTO nope   VALUES (1);");
    Command.run("SELECT 1; SELECT '" + "x".repeat(300) + "', nope").failsWith(1,
        ": no such column: nope (SQLITE_ERROR, 1); statement 2 is SELECT 'xxx");
  }

  // ---- Ctrl-C --------------------------------------------------------------------------------------

  @Test
  void nothingIsInterruptedWhileAScriptIsTyped() throws Exception {
    CountDownLatch asked = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    InputStream typed = new InputStream() {
      private final byte[] text = "SELECT 1 AS a;\n".getBytes(UTF_8);
      private int at;

      @Override
      public int read() throws IOException {
        throw new IOException("read in parts");
      }

      @Override
      public int read(byte[] b, int off, int len) throws IOException {
        if (at == 0) {
          System.arraycopy(text, 0, b, off, at = text.length);
          return at;
        }
        asked.countDown();
        try {
          end.await();
        } catch (InterruptedException e) {
          throw new IOException(e);
        }
        return -1;
      }
    };
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Console console = new Console(typed, out, OutputStream.nullOutputStream(), () -> false, () -> false);
    Interruption interruption = new Interruption();
    CompletableFuture<Integer> code = CompletableFuture.supplyAsync(() -> Main.run(console, interruption, "-f", "-"));
    asked.await();
    assertEquals("a\n1\n", out.toString(UTF_8)); // its rows do not wait for the next line
    assertFalse(interruption.raise()); // so the JVM does not wait for SQL to end
    end.countDown();
    assertEquals(0, code.join()); // there was no more SQL
  }
}
