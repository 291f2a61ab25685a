package io.github.sqlitememvfs.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The extension behaves alike in all versions of JUnit, but for the differences that are listed here. */
class JUnitVersionsTest {

  static class InConstructor {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromScript("/shop.sql");

    private final SqliteConnection shop;

    InConstructor(SqliteConnection shop) {
      this.shop = shop;
    }

    @RepeatedTest(2)
    void test(SqliteConnection same) {
      assertSame(shop, same);
      assertEquals(3, shop.execute("DELETE FROM item"));
    }
  }

  /** JUnit 5.12 and later can be told to say for which test a constructor is called. */
  @Test
  void aConstructorThatIsOfATest() {
    TestRun.configured(Map.of("junit.jupiter.extensions.testinstantiation.extensioncontextscope.default", "test_method"), InConstructor.class)
        .assertPassed(2);
  }

  /**
   * {@link FreshDatabaseTest} in a JVM with JUnit 5.10 and without sqlite-jdbc, since no parameter of it is for JDBC.
   */
  @Test
  void theOldest() throws Exception {
    List<String> classPath = new ArrayList<>();
    for (Class<?> c : List.of(MemoryVfs.class, JUnitVersionsTest.class)) {
      classPath.add(Path.of(c.getProtectionDomain().getCodeSource().getLocation().toURI()).toString());
    }
    try (var jars = Files.list(Path.of(System.getProperty("junit.oldest.folder")))) {
      jars.map(Path::toString).forEach(classPath::add);
    }
    assertEquals(3, classPath.size(), () -> "" + classPath);
    Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:TieredStopAtLevel=1", "-cp", String.join(File.pathSeparator, classPath), "org.junit.platform.console.ConsoleLauncher", "execute",
        "--disable-banner", "--details=tree", "--select-class", FreshDatabaseTest.class.getName()).redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), out);
    assertTrue(out.matches("(?s).*\\[ *1\\d tests successful +\\].*\\[ *0 tests failed +\\].*"), out);
  }
}
