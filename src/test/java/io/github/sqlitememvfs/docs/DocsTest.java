package io.github.sqlitememvfs.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xml.sax.SAXException;

/**
 * The code in the pages (README.md, its neighbours and docs/*.md) works, and their links lead somewhere. Before a block of code may stand a comment with the
 * name of a region ({@link Regions}) of the tests: {@code <!-- round-trip -->}. The block is then that region, to the letter. Or no region has that name, and
 * a test takes the block from the page and runs it: its source has the page's path, and the name as an argument, {@code block("name")}. A block without a
 * name depends on its language:
 *
 * <ul>
 * <li>{@code java}, {@code c}, {@code python}, {@code kotlin}, {@code groovy} and {@code cmake} must have one;
 * <li>{@code sh} is run by {@link Shell}, Maven's part being looked at only;
 * <li>{@code sql} is run on a database with the README's table {@code item};
 * <li>{@code xml}: its dependencies must be those of the pom;
 * <li>{@code text} is not code.
 * </ul>
 *
 * What cannot be run where the tests are says so, and why: {@code <!-- not run: needs the NDK -->}. Not so Java, C, Python and SQL.
 */
class DocsTest {

  private static final String NOT_RUN = "not run: ";
  private static final Set<String> REGIONS_ONLY = Set.of("java", "c", "python", "kotlin", "groovy", "cmake");
  private static final Set<String> ALWAYS_RUN = Set.of("java", "c", "python", "sql");
  private static final Pattern PATH = Pattern.compile("(?:src|docs)/[\\w/.*-]+");

  @TempDir
  private static Path folder;

  private static MemoryVfs vfs;
  private static Pom pom;

  @BeforeAll
  static void makeDatabase() throws IOException {
    pom = new Pom(Path.of("pom.xml"), Path.of("jcstress/pom.xml"));
    vfs = MemoryVfs.create();
    try (SqliteConnection shop = vfs.open("shop"); OutputStream out = new FileOutputStream(folder.resolve("in.db").toFile())) {
      shop.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, kind TEXT, name TEXT, price REAL, stock INTEGER);"
          + "INSERT INTO item(kind, name, price, stock) VALUES ('book', 'A book', 20, 3), ('pen', 'A pen', 2, 100)");
      vfs.serialize("shop", out);
    }
  }

  @AfterAll
  static void close() {
    vfs.close();
  }

  private static List<Page> pages() throws IOException {
    List<Page> pages = new ArrayList<>();
    for (String top : List.of("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")) {
      pages.add(Page.of(Path.of(top)));
    }
    try (Stream<Path> files = Files.walk(Path.of("docs"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".md")).sorted().toList()) {
        pages.add(Page.of(file));
      }
    }
    return pages;
  }

  private static String none(List<String> problems) {
    return problems.isEmpty() ? "" : String.join("\n", problems) + "\n";
  }

  private static List<String> problemsOf(Page.Block block, Regions regions) throws IOException, InterruptedException {
    if (block.marker() != null && block.marker().startsWith(NOT_RUN)) {
      boolean run = ALWAYS_RUN.contains(block.language()) || block.marker().length() == NOT_RUN.length();
      return run ? List.of("must be run, or say why it is not") : List.of();
    }
    if (block.marker() != null) {
      String region = regions.code.get(block.marker());
      return region == null && regions.takes(block.page(), block.marker()) ? List.of()
          : region == null ? List.of("no test has a region " + block.marker() + ", or takes the block by that name")
          : region.equals(block.code()) ? List.of() : List.of("differs from the region " + block.marker() + ", which is\n" + region);
    }
    if (REGIONS_ONLY.contains(block.language())) {
      return List.of("no comment before it names the region of a test that it is");
    }
    switch (block.language()) {
      case "sh":
        return Shell.problemsOf(block.code(), pom, folder);
      case "sql":
        vfs.fork("shop", "tried");
        try (SqliteConnection tried = vfs.open("tried")) {
          tried.execute(block.code());
          return List.of();
        } catch (SqliteException e) {
          return List.of(e.getMessage());
        } finally {
          vfs.delete("tried");
        }
      case "xml":
        return pom.problemsOf(block.code());
      case "text":
        return List.of();
      default:
        return List.of("no language that this test knows: '" + block.language() + "'");
    }
  }

  @Test
  void allCodeIsRun() throws IOException, InterruptedException {
    Regions regions = Regions.below(Path.of("src/test"));
    List<String> problems = new ArrayList<>(regions.problems);
    Set<String> shown = new TreeSet<>();
    for (Page page : pages()) {
      for (Page.Block block : page.blocks) {
        shown.add(String.valueOf(block.marker()));
        for (String problem : problemsOf(block, regions)) {
          problems.add(block.place() + ": " + problem);
        }
      }
    }
    for (String name : regions.code.keySet()) {
      if (!shown.contains(name)) {
        problems.add("no page shows the region " + name);
      }
    }
    assertEquals("", none(problems));
  }

  /** Commands of Maven within a sentence, and paths, which may have an asterisk. */
  @Test
  void commandsAndPathsInTheTextAreRight() throws IOException {
    List<String> problems = new ArrayList<>();
    for (Page page : pages()) {
      for (String span : page.spans) {
        if (span.startsWith("mvn ")) {
          pom.problemsOf(List.of(span.substring(4).split(" "))).forEach(p -> problems.add(page.file + ": `" + span + "`: " + p));
        } else if (PATH.matcher(span).matches() && !exists(span)) {
          problems.add(page.file + ": there is no " + span);
        }
      }
    }
    assertEquals("", none(problems));
  }

  private static boolean exists(String path) throws IOException {
    PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + path);
    try (Stream<Path> files = Files.walk(Path.of(path.substring(0, path.indexOf('/'))))) {
      return files.anyMatch(matcher::matches);
    }
  }

  @Test
  void linksLeadSomewhere() throws IOException {
    List<String> problems = new ArrayList<>();
    for (Page page : pages()) {
      for (String link : page.links) {
        if (link.matches("[a-z]+:.*")) {
          continue; // elsewhere
        }
        String[] parts = link.split("#", 2);
        Path file = parts[0].isEmpty() ? page.file : page.file.resolveSibling(parts[0]).normalize();
        if (!Files.exists(file)) {
          problems.add(page.file + ": there is no " + file);
        } else if (parts.length == 2 && !Page.of(file).anchors.contains(parts[1])) {
          problems.add(page.file + ": " + file + " has no heading #" + parts[1]);
        }
      }
    }
    assertEquals("", none(problems));
  }

  private static final int LINE = 120;

  /** Lines of prose that are too long. Tables, code, pictures, and a word that cannot be split may be longer. */
  private static List<String> longLines(Path file, List<String> lines) {
    List<String> problems = new ArrayList<>();
    boolean code = false;
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      code ^= line.strip().startsWith("```");
      boolean mayBeLong = code || line.startsWith("|") || line.startsWith("![") || !line.strip().contains(" ");
      if (!mayBeLong && line.length() > LINE) {
        problems.add(file + ":" + (i + 1) + ": " + line.length() + " characters");
      }
    }
    return problems;
  }

  @Test
  void linesAreShort() throws IOException {
    List<String> problems = new ArrayList<>();
    for (Page page : pages()) {
      problems.addAll(longLines(page.file, Files.readAllLines(page.file)));
    }
    assertEquals("", none(problems));
  }

  @Test
  void longLinesAreFound() {
    String words = "word ".repeat(30);
    Path file = Path.of("A.md");
    List<String> found = List.of(file + ":1: 150 characters");
    assertEquals(found, longLines(file, List.of(words)));
    assertEquals(found, longLines(file, List.of(words, "```text", words, "```", "| " + words + "|", "![" + words + "](a.svg)")));
    assertEquals(List.of(file + ":3: 150 characters"), longLines(file, List.of("```text", "```", words)));
    assertEquals(List.of(), longLines(file, List.of("word ".repeat(24).strip(), "x".repeat(150))));
  }

  /** A picture that is no XML is not shown; one whose text does not change its colour cannot be read on a dark page. */
  @Test
  void picturesAreForLightAndDark() throws IOException, SAXException {
    try (Stream<Path> files = Files.list(Path.of("docs"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".svg")).toList()) {
        String svg = Files.readString(file);
        assertEquals("svg", Pom.parse(svg).getDocumentElement().getTagName(), file.toString());
        assertTrue(svg.contains("prefers-color-scheme: dark"), file.toString());
      }
    }
  }

  /** What this test is for: code that would not work is not overlooked. */
  @Test
  void badCodeIsFound() throws IOException, InterruptedException {
    Regions regions = new Regions();
    regions.add(Path.of("A.java"), List.of("  // tag::one[]", "  int a;", "    b();", "  // end::one[]"));
    regions.add(Path.of("BTest.java"), List.of("run(block(\"A.md\", \"two\"));", "run(block(\"three\"));"));
    assertEquals("", none(regions.problems));
    String[][] cases = { // Markdown, and what is said of it
        {"<!-- one -->\n```java\nint a;\n  b();\n```", ""},
        {"```java\nint a;\n  b();\n```", "no comment before it names"},
        {"text\n\n    int a;", "no language"},
        {"- a\n\n  ```java\n  int a;\n  ```", "no comment before it names"},
        {"<!-- one -->\n```java\nint a;\n```", "differs from the region one"},
        {"<!-- two -->\n```java\nint a;\n```", "no test has a region two"},
        {"<!-- three -->\n```java\nint a;\n```", ""},
        {"<!-- not run: no time -->\n```java\nint a;\n```", "must be run"},
        {"<!-- not run: needs Windows -->\n```sh\nfalse\n```", ""},
        {"```sh\nfalse\n```", "exit code 1"},
        {"```sh\njava -jar sqlite-memory-vfs-0.9-cli.jar\n```", "exit code 2"},
        {"```sh\nmvn -B -P nonsense verify\n```", "no profile nonsense"},
        {"```sh\nmvn -f no.xml verify\n```", "there is no no.xml"},
        {"```sh\nmvn verify -Dtest=NoTest\n```", "no test NoTest"},
        {"```sh\nmvn verify -Dno.such.property\n```", "nobody asks"},
        {"```sql\nSELECT weight FROM item\n```", "no such column"},
        {"```sql\nDELETE FROM item\n```", ""},
        {"```xml\n<a>\n```", "no XML"},
        {"```xml\n<dependency><groupId>g</groupId><artifactId>a</artifactId><version>1</version></dependency>\n```", "pom.xml has no g:a:1"},
        {"```\nmake\n```", "no language"},
    };
    for (String[] expected : cases) {
      List<String> problems = problemsOf(new Page(Path.of("A.md"), expected[0]).blocks.get(0), regions);
      assertEquals(expected[1].isEmpty() ? 0 : 1, problems.size(), expected[0] + "\n" + problems);
      assertTrue(none(problems).contains(expected[1]), expected[0] + "\n" + problems);
    }
    regions.add(Path.of("B.java"), List.of("// tag::one[]", "// tag::Two[]", "// end::three[]"));
    assertEquals(3, regions.problems.size(), regions.problems::toString);
  }
}
