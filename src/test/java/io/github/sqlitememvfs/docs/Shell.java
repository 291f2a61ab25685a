package io.github.sqlitememvfs.docs;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Runs shell code as a reader would, in a folder with a database in.db. It runs the command by its classes, since its
 * jar is made after the tests.
 */
final class Shell {

  // Functions go before programs. Maven's calls are noted, as one line each.
  private static final String PRELUDE = """
      set -eu
      java() {
        if [ "$1" != -jar ] || [ "${2##*/}" != "$DOCS_JAR" ]; then
          echo "no $DOCS_JAR: java $*" >&2
          exit 2
        fi
        shift 2
        "$DOCS_JAVA" -XX:TieredStopAtLevel=1 -cp "$DOCS_CLASSPATH" io.github.sqlitememvfs.cli.Main "$@"
      }
      mvn() {
        echo "$*" >> "$DOCS_MAVEN"
      }
      """;

  private Shell() {
  }

  static List<String> problemsOf(String script, Pom pom, Path folder) throws IOException, InterruptedException {
    Path maven = folder.resolve("maven-calls"), messages = folder.resolve("messages");
    Files.deleteIfExists(maven);
    ProcessBuilder builder = new ProcessBuilder("sh", "-c", PRELUDE + script).directory(folder.toFile());
    builder.environment().putAll(Map.of(
        "DOCS_JAR", "sqlite-memory-vfs-" + pom.version + "-cli.jar",
        "DOCS_JAVA", Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "DOCS_CLASSPATH", System.getProperty("java.class.path") + File.pathSeparator + System.getProperty("surefire.test.class.path", ""),
        "DOCS_MAVEN", maven.toString()));
    Process process = builder.redirectError(messages.toFile()).redirectOutput(folder.resolve("output").toFile()).start();
    try {
      process.getOutputStream().close(); // nobody types
      if (!process.waitFor(2, TimeUnit.MINUTES)) {
        return List.of("hangs");
      }
    } finally {
      process.destroyForcibly();
    }
    List<String> problems = new ArrayList<>();
    if (process.exitValue() != 0) {
      problems.add("exit code " + process.exitValue() + ": " + Files.readString(messages).strip());
    }
    if (Files.exists(maven)) {
      for (String call : Files.readAllLines(maven)) {
        problems.addAll(pom.problemsOf(List.of(call.split(" "))));
      }
    }
    return problems;
  }
}
