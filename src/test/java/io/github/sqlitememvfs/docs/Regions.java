package io.github.sqlitememvfs.docs;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The parts of the tests' sources between {@code tag::NAME[]} and {@code end::NAME[]}, each in a comment of its own line. A tag that comes again
 * in the same file adds to its region, after an empty line.
 */
final class Regions {

  private static final Pattern COMMENT = Pattern.compile("(\\s*)(?://|#|--|/\\*|<!--) *(tag|end)::(.*)");
  private static final Pattern NAME = Pattern.compile("([a-z0-9-]+)\\[\\] *(?:\\*/|-->)?");

  /** Code by name: without the indent of its tag, nor the {@code static} that a nested class needs. */
  final Map<String, String> code = new TreeMap<>();
  final List<String> problems = new ArrayList<>();
  private final Map<String, Path> files = new HashMap<>();
  private final List<String> tests = new ArrayList<>();

  static Regions below(Path folder) throws IOException {
    Regions regions = new Regions();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        try {
          regions.add(file, Files.readAllLines(file));
        } catch (MalformedInputException e) {
          continue; // no text
        }
      }
    }
    return regions;
  }

  /** Whether a test takes the block of that name from the page. */
  boolean takes(Path page, String name) {
    String path = '"' + page.toString().replace('\\', '/') + '"', argument = "(\"" + name + "\")";
    return tests.stream().anyMatch(test -> test.contains(path) && test.contains(argument));
  }

  void add(Path file, List<String> lines) {
    if (file.toString().endsWith("Test.java")) {
      tests.add(String.join("\n", lines));
    }
    Map<String, List<String>> here = new TreeMap<>();
    String open = null, indent = "";
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i), place = file + ":" + (i + 1) + ": ";
      Matcher comment = COMMENT.matcher(line);
      if (!comment.matches()) {
        if (open != null) {
          here.get(open).add(line.startsWith(indent) ? line.substring(indent.length()) : line.strip());
        }
        continue;
      }
      Matcher name = NAME.matcher(comment.group(3));
      if (!name.matches()) {
        problems.add(place + "no name of a region: " + line.strip());
      } else if (comment.group(2).equals("tag")) {
        if (open != null) {
          problems.add(place + "the region " + open + " is still open");
        }
        open = name.group(1);
        Path other = files.put(open, file);
        if (other != null && !other.equals(file)) {
          problems.add(place + "the region " + open + " is also in " + other);
        }
        List<String> text = here.computeIfAbsent(open, tag -> new ArrayList<>());
        if (!text.isEmpty()) {
          text.add("");
        }
        indent = comment.group(1);
      } else {
        if (!name.group(1).equals(open)) {
          problems.add(place + "the region " + name.group(1) + " is not open");
        }
        open = null;
      }
    }
    if (open != null) {
      problems.add(file + ": the region " + open + " has no end");
    }
    here.forEach((name, text) -> code.put(name, String.join("\n", text).replace("public static class", "public class").strip()));
  }
}
