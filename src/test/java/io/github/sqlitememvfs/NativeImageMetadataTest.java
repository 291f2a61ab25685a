package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The metadata for GraalVM lists all that C code looks up in Java and that Java looks up by name, and nothing else.
 */
class NativeImageMetadataTest {
  private static final String FILE = "/META-INF/native-image/io.github.sqlitememvfs/sqlite-memory-vfs/reachability-metadata.json";

  /** JNI's functions that look something up. */
  private static final Pattern LOOKUP = Pattern.compile(
      "(?<function>FindClass|Get(?:Static)?(?:Method|Field)ID|ThrowNew|DefineClass|FromReflected\\w+|NewObject\\w*)\\(env(?:, *\\w+)?, *(?<names>[^)]*)\\)");

  private static final Pattern LITERAL = Pattern.compile("\"([^\"]*)\"");

  /** Of Java's own. */
  private static final Pattern REFLECTION = Pattern.compile(
      "Class\\.forName|\\.loadClass\\(|\\.getDeclared\\w+\\(|\\.get(?:Method|Field|Constructor)s?\\(|ServiceLoader|MethodHandles|ResourceBundle"
          + "|Proxy\\.newProxyInstance|ObjectInputStream");

  /**
   * Of Java's own: {@code Class.forName("name")} and {@code getMethod("name"...)}, also as {@code
   * Class.class.getMethod}.
   */
  private static final Pattern PLAIN_REFLECTION = Pattern.compile(
      "(?:Class\\.forName|(?:\\b(?<type>Class)\\.class)?\\.getMethod)\\(\"(?<name>[^\"]*)\"");

  private static JsonNode metadata;

  @BeforeAll
  static void read() throws IOException {
    metadata = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build()
        .readTree(NativeImageMetadataTest.class.getResource(FILE));
  }

  /** The keys of version 1.2.0 of GraalVM's schema, as far as they are used here. */
  @Test
  void hasTheFormThatGraalVmReads() {
    assertTrue(Set.of("comment", "reflection", "resources").containsAll(keys(metadata)), keys(metadata)::toString);
    for (JsonNode type : metadata.path("reflection")) {
      assertTrue(Set.of("type", "jniAccessible", "methods", "fields").containsAll(keys(type)), type::toString);
      assertTrue(type.path("type").isTextual(), type::toString);
    }
    for (JsonNode resource : metadata.path("resources")) {
      assertTrue(Set.of("module", "glob").containsAll(keys(resource)), resource::toString);
      assertTrue(resource.path("glob").isTextual(), resource::toString);
    }
  }

  private static Set<String> keys(JsonNode node) {
    Set<String> keys = new TreeSet<>();
    node.fieldNames().forEachRemaining(keys::add);
    return keys;
  }

  @Test
  void tellsWhatIsLookedUp() throws Exception {
    Set<String> lookedUp = javaLookUps();
    Set<String> nativeTypes = new TreeSet<>();
    for (Path file : files("src/main/c", "glob:**.{c,h}")) {
      Matcher matcher = LOOKUP.matcher(Files.readString(file));
      while (matcher.find()) {
        List<String> names = LITERAL.matcher(matcher.group("names")).results().map(r -> r.group(1)).toList();
        switch (matcher.group("function")) {
          case "FindClass" -> nativeTypes.add(names.get(0).replace('/', '.'));
          case "GetMethodID", "GetStaticMethodID", "GetFieldID", "GetStaticFieldID" -> lookedUp.add(names.get(0));
          default -> throw new AssertionError(file + ": what does the metadata have to say of " + matcher.group() + "?");
        }
      }
    }
    assertFalse(nativeTypes.isEmpty(), "nothing was found in src/main/c");
    lookedUp.addAll(nativeTypes);
    Set<String> told = new TreeSet<>();
    for (JsonNode type : metadata.path("reflection")) {
      told.add(type.path("type").asText());
      assertEquals(nativeTypes.contains(type.path("type").asText()), type.path("jniAccessible").asBoolean(), type::toString);
      Class.forName(type.path("type").asText(), false, getClass().getClassLoader());
      type.path("methods").forEach(method -> told.add(method.path("name").asText()));
      type.path("fields").forEach(field -> told.add(field.path("name").asText()));
    }
    assertEquals(lookedUp, told);
  }

  /** Types and methods that Java looks up by name. Only forms are allowed whose names can be read here. */
  private static Set<String> javaLookUps() throws IOException {
    Set<String> names = new TreeSet<>();
    for (Path file : files("src/main/java", "glob:**.java")) {
      String source = Files.readString(file);
      Matcher matcher = PLAIN_REFLECTION.matcher(source);
      while (matcher.find()) {
        names.add(matcher.group("name"));
        if (matcher.group("type") != null) {
          names.add("java.lang." + matcher.group("type"));
        }
      }
      Matcher other = REFLECTION.matcher(matcher.replaceAll(""));
      assertFalse(other.find(), () -> file + ": does the metadata tell of " + other.group() + "?");
    }
    return names;
  }

  @Test
  void tellsOfTheNativeLibraries() throws IOException {
    for (String platform : NativeLibrary.platforms()) {
      Path name = Path.of("META-INF/native", platform, System.mapLibraryName("sqlitememvfs"));
      for (String module : List.of("", "io.github.sqlitememvfs")) {
        assertTrue(StreamSupport.stream(metadata.path("resources").spliterator(), false)
            .anyMatch(r -> r.path("module").asText().equals(module)
                && FileSystems.getDefault().getPathMatcher("glob:" + r.path("glob").asText()).matches(name)), () -> name + " in module '" + module + "'");
      }
    }
  }

  private static List<Path> files(String folder, String glob) throws IOException {
    try (Stream<Path> files = Files.walk(Path.of(folder))) {
      return files.filter(FileSystems.getDefault().getPathMatcher(glob)::matches).sorted().collect(Collectors.toCollection(ArrayList::new));
    }
  }
}
