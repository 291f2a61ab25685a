package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleDescriptor.Requires.Modifier;
import java.lang.module.ModuleFinder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The jar as a module: for programs on the module path, and for images that jlink makes. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class ModuleIT {
  private static final String MODULE = "io.github.sqlitememvfs";
  private static final String JAR = System.getProperty("jar");

  /** Since this version a JVM can deny, and not only complain. */
  private static final boolean CAN_DENY = Runtime.version().feature() >= 24;

  @TempDir static Path folder;

  @BeforeAll
  static void compile() throws Exception {
    compile("app", "module app { requires io.github.sqlitememvfs; }", """
        package app;
        import io.github.sqlitememvfs.*;
        public class Main {
          public static void main(String[] args) {
            try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection c = vfs.open("d")) {
              c.execute("CREATE TABLE t(x)");
              c.execute("INSERT INTO t VALUES (?)", 42);
              try (SqliteStatement s = c.query("SELECT x FROM t")) {
                s.step();
                System.out.println(vfs.getClass().getModule() + " " + s.getLong(0));
              }
            }
            System.out.println(ModuleLayer.boot().modules().stream().map(Module::getName).sorted().toList());
          }
        }
        """);
    compile("app.jdbc", "module app.jdbc { requires io.github.sqlitememvfs; requires java.sql; requires org.xerial.sqlitejdbc; }", """
        package app.jdbc;
        import io.github.sqlitememvfs.*;
        import java.sql.*;
        public class Main {
          public static void main(String[] args) throws Exception {
            try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection c = vfs.open("d");
                Connection jdbc = MemoryDataSource.of(vfs, "d").getConnection(); Statement statement = jdbc.createStatement()) {
              c.execute("CREATE TABLE t AS SELECT 42 AS x");
              try (ResultSet rows = statement.executeQuery("SELECT x FROM t")) {
                rows.next();
                System.out.println(vfs.getClass().getModule() + " " + rows.getInt(1));
              }
            }
          }
        }
        """);
  }

  /** With JDBC by java.sql alone: sqlite-jdbc is wherever it is. */
  @BeforeAll
  static void compileSql() throws Exception {
    compile("app.sql", "module app.sql { requires io.github.sqlitememvfs; requires java.sql; }", """
        package app.sql;
        import io.github.sqlitememvfs.*;
        import java.sql.*;
        public class Main {
          public static void main(String[] args) throws Exception {
            for (int i = 0; i < 2; i++) {
              try (MemoryVfs vfs = MemoryVfs.create(); Connection jdbc = DriverManager.getConnection(vfs.jdbcUrl("d"))) {
                System.out.println(jdbc.isClosed() ? "closed" : "works");
              } catch (IllegalStateException e) {
                System.out.println(e);
              }
            }
          }
        }
        """);
  }

  private static void compile(String module, String moduleInfo, String main) throws Exception {
    Path source = folder.resolve("src").resolve(module);
    Path mainFile = source.resolve(module.replace('.', '/')).resolve("Main.java");
    Path classes = Files.createDirectories(folder.resolve("modules").resolve(module));
    Files.createDirectories(mainFile.getParent());
    Files.writeString(source.resolve("module-info.java"), moduleInfo);
    Files.writeString(mainFile, main);
    tool("javac", "--module-path", modulePath(), "-Xlint:all", "-Werror", "-d", classes.toString(),
        source.resolve("module-info.java").toString(), mainFile.toString());
  }

  @Test
  void exportsAllItsPackagesAndRequiresNothing() {
    ModuleDescriptor module = ModuleFinder.of(Path.of(JAR)).find(MODULE).orElseThrow().descriptor();
    assertFalse(module.isAutomatic());
    assertEquals(module.packages(), module.exports().stream().map(ModuleDescriptor.Exports::source).collect(Collectors.toSet()));
    assertTrue(module.exports().stream().noneMatch(ModuleDescriptor.Exports::isQualified));
    assertEquals(Set.of(), module.opens());
    Set<String> required = module.requires().stream().filter(r -> !r.modifiers().contains(Modifier.STATIC)).map(ModuleDescriptor.Requires::name)
        .collect(Collectors.toSet());
    assertEquals(Set.of("java.base"), required);
  }

  @Test
  void runsOnTheModulePath() throws Exception {
    List<String> out = run(0, javaCommand(System.getProperty("java.home")), permission(MODULE), "--module-path", modulePath(), "-m", "app/app.Main");
    assertEquals("module " + MODULE + " 42", out.get(0));
    assertEquals(2, out.size(), "no warning: " + out);
  }

  @Test
  void runsJdbcOnTheModulePath() throws Exception {
    List<String> out = run(0, javaCommand(System.getProperty("java.home")), permission(MODULE + ",org.xerial.sqlitejdbc"), "--module-path",
        modulePath(), "-m", "app.jdbc/app.jdbc.Main");
    assertEquals(List.of("module " + MODULE + " 42"), out);
  }

  /** No module reads the class path by itself. */
  @Test
  void runsJdbcOfTheClassPath() throws Exception {
    assertEquals(List.of("works", "works"), runSql(permission(MODULE + ",ALL-UNNAMED"), "-cp", jdbcJar()));
    if (CAN_DENY) {
      List<String> out = runSql(permission(MODULE), "-cp", jdbcJar());
      assertEquals(2, out.size(), out::toString);
      for (String line : out) { // the second time, too
        assertTrue(line.startsWith("java.lang.IllegalStateException: sqlite-jdbc has not got its own native library ("), line);
        assertTrue(line.endsWith("start java with --enable-native-access=ALL-UNNAMED"), line);
      }
    }
  }

  @Test
  void tellsThatSqliteJdbcIsMissing() throws Exception {
    String message = "java.lang.IllegalStateException: sqlite-jdbc is missing: add the dependency org.xerial:sqlite-jdbc;"
        + " if it is on the module path, also start java with --add-modules org.xerial.sqlitejdbc";
    assertEquals(List.of(message, message), runSql(permission(MODULE)));
  }

  private static List<String> runSql(List<String> permission, String... options) throws Exception {
    List<String> all = new ArrayList<>(permission);
    all.addAll(List.of(options));
    String modules = String.join(File.pathSeparator, JAR, folder.resolve("modules").resolve("app.sql").toString());
    return run(0, javaCommand(System.getProperty("java.home")), all, "--module-path", modules, "-m", "app.sql/app.sql.Main");
  }

  /** That the permission which the other tests give is the one that it takes. */
  @Test
  void isToldOfWithoutThePermission() throws Exception {
    List<String> options = CAN_DENY ? List.of("--illegal-native-access=deny") : List.of();
    List<String> out = run(CAN_DENY ? 1 : 0, javaCommand(System.getProperty("java.home")), options, "--module-path", modulePath(), "-m", "app/app.Main");
    String remedy = "native access is denied: start java with --enable-native-access=" + MODULE;
    assertEquals(CAN_DENY, String.join("\n", out).contains(remedy), out::toString);
    assertNotEquals(CAN_DENY, out.contains("module " + MODULE + " 42"), out::toString);
  }

  /** Nor is java.sql there, which some of the classes name. */
  @Test
  void runsInAnImageWithJavaBaseAlone() throws Exception {
    Path image = folder.resolve("image");
    tool("jlink", "--module-path", modulePath(), "--add-modules", "app", "--strip-java-debug-attributes", "--no-header-files", "--no-man-pages",
        "--output", image.toString());
    List<String> out = run(0, javaCommand(image.toString()), permission(MODULE), "-m", "app/app.Main");
    assertEquals(List.of("module " + MODULE + " 42", "[app, " + MODULE + ", java.base]"), out);
  }

  private static List<String> permission(String modules) {
    List<String> options = new ArrayList<>(List.of("--enable-native-access=" + modules));
    if (CAN_DENY) {
      options.add("--illegal-native-access=deny");
    }
    return options;
  }

  private static String modulePath() {
    return String.join(File.pathSeparator, JAR, jdbcJar(), folder.resolve("modules").toString());
  }

  private static String jdbcJar() {
    return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator)).filter(p -> p.contains("sqlite-jdbc"))
        .findFirst().orElseThrow();
  }

  private static String javaCommand(String home) {
    return home + File.separator + "bin" + File.separator + "java";
  }

  private static void tool(String name, String... args) {
    StringWriter out = new StringWriter();
    PrintWriter writer = new PrintWriter(out, true);
    int code = ToolProvider.findFirst(name).orElseThrow(() -> new AssertionError("this JDK has no " + name)).run(writer, writer, args);
    assertEquals(0, code, () -> name + ": " + out);
  }

  /** What it printed, line by line; errors, too. */
  private static List<String> run(int code, String java, List<String> options, String... args) throws Exception {
    List<String> command = new ArrayList<>(List.of(java));
    command.addAll(options);
    command.addAll(Arrays.asList(args));
    Path file = Files.createTempFile(folder, "out", null);
    Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(file.toFile()).start();
    int ended = process.waitFor();
    List<String> lines = Files.readAllLines(file);
    assertEquals(code, ended, () -> String.join("\n", lines));
    return lines;
  }
}
