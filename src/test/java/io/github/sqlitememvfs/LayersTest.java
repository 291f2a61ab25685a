package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The layers of the C sources: what each folder of src/main/c may include, and that no two files call each other both
 * ways. docs/design.md, "Layers", says what each folder is.
 */
class LayersTest {
  private static final Path SOURCES = Path.of("src/main/c");

  /** The folders and headers that a folder may include, beside the C library's and the system's. */
  private static final Map<String, Set<String>> MAY_INCLUDE = Map.of(
      "store", Set.of("store"),
      "vfs", Set.of("vfs", "store", "sqlite3.h", "sqlite3ext.h"),
      "engine", Set.of("engine", "vfs", "store", "sqlite3.h", "sqlite3.c"),
      "extension", Set.of("extension", "vfs", "store", "sqlite3ext.h"),
      "jni", Set.of("jni", "extension", "engine", "vfs", "store", "sqlite3.h", "jni.h"));

  private static final Set<String> SYSTEM_FOLDERS = Set.of("", "sys", "sanitizer");

  /** All of SQLite that store/ may use, by this one header. */
  private static final String ALLOCATOR_HEADER = "store/memory.h";
  private static final Set<String> ALLOCATOR = Set.of("sqlite3_malloc64", "sqlite3_realloc64", "sqlite3_free");

  private static final Pattern INCLUDE = Pattern.compile("(?m)^#\\s*include [<\"]([^>\"]+)[>\"]");
  private static final Pattern SQLITE_NAME = Pattern.compile("\\b(?:sqlite3|SQLITE)_?\\w+");
  private static final Pattern DEFINITION = Pattern.compile("(?m)^(?!static|typedef)\\w[\\w *]*?\\b(mv_\\w+)\\([^;{]*\\) \\{");
  private static final Pattern CALL = Pattern.compile("\\b(mv_\\w+)\\b(?=\\()");

  @Test
  void aFolderIncludesWhatItMay() throws IOException {
    List<String> faults = new ArrayList<>();
    for (Map.Entry<String, String> file : sources().entrySet()) {
      for (String included : all(INCLUDE, file.getValue())) {
        if (!mayInclude(file.getKey(), included)) {
          faults.add(file.getKey() + " includes " + included);
        }
      }
    }
    assertEquals(List.of(), faults);
  }

  private static boolean mayInclude(String file, String included) {
    if (file.equals(ALLOCATOR_HEADER) && included.equals("sqlite3.h")) {
      return true;
    }
    String folder = folder(included);
    boolean ofTheSystem = SYSTEM_FOLDERS.contains(folder) && !included.startsWith("sqlite3") && !included.equals("jni.h");
    return ofTheSystem || MAY_INCLUDE.get(folder(file)).contains(folder.isEmpty() ? included : folder);
  }

  @Test
  void theStoreUsesNothingOfSqliteButItsAllocator() throws IOException {
    List<String> faults = new ArrayList<>();
    for (Map.Entry<String, String> file : sources().entrySet()) {
      for (String name : folder(file.getKey()).equals("store") ? all(SQLITE_NAME, code(file.getValue())) : List.<String>of()) {
        if (!ALLOCATOR.contains(name)) {
          faults.add(file.getKey() + " uses " + name);
        }
      }
    }
    assertEquals(List.of(), faults);
  }

  /** A header counts as its file. Parts of sqlite.c are files like others. */
  @Test
  void noTwoFilesCallEachOtherBothWays() throws IOException {
    Map<String, String> sources = sources();
    Map<String, String> definedIn = new HashMap<>();
    sources.forEach((file, text) -> {
      if (file.endsWith(".c")) {
        all(DEFINITION, code(text)).forEach(name -> definedIn.put(name, file));
      }
    });
    assertTrue(definedIn.size() > 150, "only these functions were found: " + definedIn.keySet());
    Map<String, Map<String, Set<String>>> calls = new TreeMap<>();
    sources.forEach((file, text) -> {
      for (String name : file.endsWith(".c") ? all(CALL, code(text)) : List.<String>of()) {
        String other = definedIn.get(name);
        if (other != null && !other.equals(file)) {
          calls.computeIfAbsent(file, f -> new TreeMap<>()).computeIfAbsent(other, f -> new TreeSet<>()).add(name);
        }
      }
    });
    List<String> faults = new ArrayList<>();
    calls.forEach((file, others) -> others.forEach((other, names) -> {
      Set<String> back = calls.getOrDefault(other, Map.of()).getOrDefault(file, Set.of());
      if (!back.isEmpty() && file.compareTo(other) < 0 && folder(file).equals(folder(other))) {
        faults.add(file + " calls " + other + ": " + names + ", which calls it: " + back);
      }
    }));
    assertEquals(List.of(), faults);
  }

  /** By path below src/main/c. */
  private static Map<String, String> sources() throws IOException {
    Map<String, String> sources = new TreeMap<>();
    try (Stream<Path> files = Files.walk(SOURCES)) {
      for (Path file : (Iterable<Path>) files.filter(f -> f.toString().matches(".*\\.[ch]"))::iterator) {
        String name = SOURCES.relativize(file).toString().replace('\\', '/');
        assertTrue(MAY_INCLUDE.containsKey(folder(name)), name + " is in no layer's folder");
        sources.put(name, new String(Files.readAllBytes(file), UTF_8));
      }
    }
    assertTrue(sources.size() > 60, "only these files were found: " + sources.keySet());
    return sources;
  }

  /** The first folder of a path; empty if there is none. */
  private static String folder(String path) {
    return path.contains("/") ? path.substring(0, path.indexOf('/')) : "";
  }

  /** Without comments, strings and includes. */
  private static String code(String text) {
    return text.replaceAll("(?s)/\\*.*?\\*/|\"(?:\\\\.|[^\"\\\\])*\"|(?m:^#\\s*include [^\n]*)", " ");
  }

  private static List<String> all(Pattern pattern, String text) {
    List<String> found = new ArrayList<>();
    for (Matcher m = pattern.matcher(text); m.find();) {
      found.add(m.group(m.groupCount()));
    }
    return found;
  }
}
