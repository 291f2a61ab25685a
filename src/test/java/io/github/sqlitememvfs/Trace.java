package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;

/** Records what a JVM of its own does to files, between two marks that its program sets. */
final class Trace {

  static final String BEGIN = "no-disk-begin";
  static final String END = "no-disk-end";

  private static final Pattern WRITES = Pattern.compile("O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE|\\b(creat|rename\\w*|unlink\\w*|mkdir\\w*|truncate|link\\w*|symlink\\w*)\\(");

  /** Calls that would touch a disk. */
  final List<String> writes;

  /** Standard output and error. */
  final String output;

  private Trace(List<String> writes, String output) {
    this.writes = writes;
    this.output = output;
  }

  /** For the program: an attempt to open a file that is not there shows in the trace. */
  static void mark(String name) {
    try (FileInputStream in = new FileInputStream(name)) {
      throw new AssertionError("there is a file " + name + ": " + in);
    } catch (IOException expected) {
      System.out.println(name);
    }
  }

  /** Runs the class's main in a JVM with these options. Files of the trace's own are put into the folder. */
  static Trace of(Path folder, List<String> options, Class<?> program, String... args) throws Exception {
    Path calls = folder.resolve("trace.txt");
    checkStrace(folder);
    // With a filter in the kernel, calls that are not asked for cost nothing.
    List<String> command = new ArrayList<>(List.of("strace", "-f", "--seccomp-bpf", "-qq", "-o", calls.toString(), "-e",
        "trace=openat,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,truncate,link,linkat,symlink,symlinkat",
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:-UsePerfData", "-XX:+UseSerialGC"));
    for (String name : System.getProperties().stringPropertyNames()) {
      if (name.startsWith("io.github.sqlitememvfs.")) {
        command.add("-D" + name + "=" + System.getProperty(name));
      }
    }
    command.addAll(options);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), program.getName()));
    command.addAll(List.of(args));
    Path log = folder.resolve("log.txt");
    int exit = run(log, command);
    assertEquals(0, exit, () -> read(log));
    return new Trace(writes(Files.readAllLines(calls)), read(log));
  }

  private static List<String> writes(List<String> trace) {
    List<String> found = new ArrayList<>();
    boolean between = false;
    int marks = 0;
    for (String line : trace) {
      if (line.contains("\"" + BEGIN + "\"") || line.contains("\"" + END + "\"")) {
        between = line.contains(BEGIN);
        marks++;
      } else if (between && WRITES.matcher(line).find()) {
        found.add(line);
      }
    }
    assertEquals(2, marks, "marks in the trace");
    return found;
  }

  /** Where the kernel forbids tracing the test is skipped. */
  private static void checkStrace(Path folder) throws Exception {
    Path log = folder.resolve("probe.txt");
    int exit;
    try {
      exit = run(log, List.of("strace", "-f", "-o", folder.resolve("probe-trace.txt").toString(), "true"));
    } catch (IOException e) {
      Needs.missing("strace", e.getMessage());
      return;
    }
    Assumptions.assumeTrue(exit == 0 || !read(log).matches("(?s).*(not permitted|PTRACE_|Permission denied).*"),
        () -> "the kernel does not permit to trace: " + read(log));
    assertEquals(0, exit, () -> read(log));
  }

  private static int run(Path log, List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true)
        .redirectOutput(log.toFile()).redirectInput(new File("/dev/null")).start();
    return process.waitFor();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.toString();
    }
  }
}
