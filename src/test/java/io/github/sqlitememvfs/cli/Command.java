package io.github.sqlitememvfs.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** One run of the command: its exit code and what it printed. */
record Command(int code, String out, String err) {
  /** In this JVM, with nothing on standard input and no terminal. */
  static Command run(Object... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Console console = new Console(new ByteArrayInputStream(new byte[0]), out, err, () -> false, () -> false);
    String[] texts = Arrays.stream(args).map(Object::toString).toArray(String[]::new);
    int code = Main.run(console, new Interruption(), texts);
    return new Command(code, out.toString(UTF_8), err.toString(UTF_8).replace("\r\n", "\n"));
  }

  /** What starts it in a process of its own, with these options of the JVM. */
  static List<String> line(List<String> options, Object... args) {
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.add("--enable-native-access=ALL-UNNAMED");
    line.addAll(options);
    line.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    for (Object arg : args) {
      line.add(arg.toString());
    }
    return line;
  }

  /** In a process of its own that ends soon, and prints less than a pipe holds. */
  static Command runProcess(ProcessBuilder builder) throws IOException, InterruptedException {
    Process process = builder.start();
    try {
      process.getOutputStream().close();
      String out = new String(process.getInputStream().readAllBytes(), UTF_8);
      String err = new String(process.getErrorStream().readAllBytes(), UTF_8);
      return new Command(process.waitFor(), out, err);
    } finally {
      process.destroyForcibly();
    }
  }

  /** It went well and said nothing but this. */
  void prints(String expected) {
    assertEquals("", err);
    assertEquals(expected, out);
    assertEquals(0, code);
  }

  /** One line on standard error, with the name of the command. A wrong command line has a second one, about --help. */
  void fails(int expectedCode, String expectedMessage) {
    String help = expectedCode == CliException.USAGE ? "Try 'sqlite-memory-vfs --help'.\n" : "";
    assertEquals("sqlite-memory-vfs: " + expectedMessage + "\n" + help, err);
    assertEquals(expectedCode, code);
  }

  /** The same, with a message that has this in it. */
  void failsWith(int expectedCode, String part) {
    assertEquals(expectedCode, code, err);
    assertTrue(err.startsWith("sqlite-memory-vfs: ") && err.contains(part), err);
    assertEquals(expectedCode == CliException.USAGE ? 2 : 1, err.lines().count(), err);
    assertFalse(err.contains("\tat "), err);
  }
}
