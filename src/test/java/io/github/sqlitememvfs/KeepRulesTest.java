package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A program that ProGuard has shrunk, optimized and renamed together with the library works with the keep rules in the
 * jar, and fails without them.
 */
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class KeepRulesTest {

  private static final Path RULES = Path.of("src/main/resources/META-INF/proguard/sqlite-memory-vfs.pro");

  @TempDir
  private static Path folder;

  private static Path classesOfJava;

  /** What is shrunk. It uses a few of the native methods; the library looks for all of them. */
  public static final class Program {
    private Program() {}

    public static void main(String[] args) throws IOException {
      try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection db = vfs.open("a")) {
        db.execute("CREATE TABLE t(x)");
        db.execute("INSERT INTO t VALUES (?), (?)", 40, 2);
        try (SqliteStatement sum = db.query("SELECT sum(x) FROM t")) {
          sum.step();
          System.out.println("the sum is " + sum.getLong(0));
        }
      }
    }
  }

  /** The packages that the library uses, of this JVM. */
  @BeforeAll
  static void findJava() throws IOException {
    classesOfJava = folder.resolve("java.jar");
    FileSystem runtime = FileSystems.getFileSystem(URI.create("jrt:/"));
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(classesOfJava))) {
      zip.setLevel(0);
      for (String root : List.of("java.base/java", "java.logging/java", "java.sql/java", "java.sql/javax")) {
        Path module = runtime.getPath("/modules", root.substring(0, root.indexOf('/')));
        try (Stream<Path> files = Files.walk(runtime.getPath("/modules", root))) {
          for (Path file : files.filter(f -> f.toString().endsWith(".class")).toList()) {
            zip.putNextEntry(new ZipEntry(module.relativize(file).toString()));
            zip.write(Files.readAllBytes(file));
          }
        }
      }
    }
  }

  @Test
  void withTheRulesOfTheJarItWorks() throws Exception {
    Path jar = shrink("with", "-include " + quoted(RULES));
    assertEquals("the sum is 42\n", run(jar).replace("\r", ""));
    try (FileSystem zip = FileSystems.newFileSystem(jar)) {
      assertTrue(Files.exists(zip.getPath("io/github/sqlitememvfs/Native.class")));
      assertTrue(Files.notExists(zip.getPath("io/github/sqlitememvfs/MemoryVfs.class")), "it was renamed: this test shows something");
    }
  }

  @Test
  void withoutThemTheLibraryDoesNotFindItsMethods() throws Exception {
    String out = run(shrink("without", "-dontwarn org.sqlite.**,org.junit.**"));
    assertTrue(out.contains("NoClassDefFoundError") || out.contains("NoSuchMethodError") || out.contains("ClassNotFoundException"), out);
  }

  private static Path shrink(String name, String rules) throws IOException, InterruptedException {
    Path jar = folder.resolve(name + ".jar"), configuration = folder.resolve(name + ".pro");
    Files.write(configuration, List.of(
        "-injars " + quoted(Path.of("target/classes")) + "(!META-INF/versions/**,!module-info.class)",
        "-injars " + quoted(Path.of("target/test-classes")) + "(io/github/sqlitememvfs/KeepRulesTest*.class)",
        "-outjars " + quoted(jar),
        "-libraryjars " + quoted(classesOfJava),
        "-dontnote",
        "-dontwarn " + KeepRulesTest.class.getName() + ",org.junit.jupiter.**",
        "-keep class " + Program.class.getName() + " { public static void main(java.lang.String[]); }",
        rules), UTF_8);
    String tool = System.getProperty("proguard.classpath");
    assertTrue(tool != null, "run by Maven, which names ProGuard's class path");
    String out = java(name, "-cp", tool, "proguard.ProGuard", "@" + configuration);
    assertTrue(Files.exists(jar), out);
    return jar;
  }

  private static String quoted(Path path) {
    return "'" + path.toAbsolutePath() + "'";
  }

  private static String run(Path jar) throws IOException, InterruptedException {
    return java("run", "--enable-native-access=ALL-UNNAMED", "-cp", jar.toString(), Program.class.getName());
  }

  private static String java(String name, String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + File.separator + "bin" + File.separator + "java", "-Xmx512m"));
    command.addAll(List.of(arguments));
    Path out = folder.resolve(name + ".out");
    Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out.toFile()).start();
    assertTrue(process.waitFor(250, TimeUnit.SECONDS));
    return Files.readString(out);
  }
}
