package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** README.md's Java code is that of {@link TutorialTest}, which runs: each block is a tagged region, and each region a block. */
class ReadmeTest {

  private static final Pattern BLOCK = Pattern.compile("^```java\\R(.*?)^```", Pattern.MULTILINE | Pattern.DOTALL);
  private static final Pattern MARK = Pattern.compile("\\s*// (tag|end)::([a-z-]+)\\[\\]");

  @Test
  void everyJavaBlockIsARegionOfTheTutorial() throws IOException {
    List<String> blocks = new ArrayList<>();
    Matcher matcher = BLOCK.matcher(Files.readString(Path.of("README.md")));
    while (matcher.find()) {
      blocks.add(matcher.group(1).replace("\r", "").strip());
    }
    assertFalse(blocks.isEmpty(), "README.md has no java block");
    Map<String, String> regions = regions();
    for (String block : blocks) {
      String region = regions.entrySet().stream().filter(e -> e.getValue().equals(block)).map(Map.Entry::getKey).findFirst().orElse(null);
      if (region == null) {
        // The most similar one, so that the message shows the lines that differ.
        assertEquals(mostSimilar(block, regions), block, "a java block of README.md is no region of TutorialTest");
      }
    }
    assertEquals(new TreeSet<>(regions.values()), new TreeSet<>(blocks), "regions of TutorialTest and java blocks of README.md");
  }

  private static String mostSimilar(String block, Map<String, String> regions) {
    List<String> lines = block.lines().map(String::strip).toList();
    String best = "";
    double most = -1;
    for (String region : regions.values()) {
      List<String> others = region.lines().map(String::strip).toList();
      double same = (double) others.stream().filter(lines::contains).count() / Math.max(lines.size(), others.size());
      if (same > most) {
        most = same;
        best = region;
      }
    }
    return best;
  }

  /** Text of each region by its tag, without its indent and without the {@code static} of a nested class; a tag that comes again adds to it. */
  static Map<String, String> regions() throws IOException {
    Map<String, List<String>> regions = new LinkedHashMap<>();
    List<String> open = null;
    String indent = "";
    for (String line : Files.readAllLines(Path.of("src/test/java/io/github/sqlitememvfs/TutorialTest.java"))) {
      Matcher mark = MARK.matcher(line);
      if (!mark.matches()) {
        if (open != null) {
          open.add(line.startsWith(indent) ? line.substring(indent.length()) : line.strip());
        }
      } else if (mark.group(1).equals("tag")) {
        open = regions.computeIfAbsent(mark.group(2), tag -> new ArrayList<>());
        if (!open.isEmpty()) {
          open.add("");
        }
        indent = line.substring(0, line.indexOf("//"));
      } else {
        open = null;
      }
    }
    assertFalse(regions.isEmpty(), "TutorialTest has no region");
    return regions.entrySet().stream().collect(Collectors.toMap(Map.Entry::getKey,
        e -> String.join("\n", e.getValue()).replace("public static class", "public class").strip(), (a, b) -> a, LinkedHashMap::new));
  }
}
