package io.github.sqlitememvfs.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What becomes docs/benchmarks.md, and is printed as it comes in. */
final class Report {
  private final Map<Integer, String> headlines = new TreeMap<>();
  private final List<String> targets = new ArrayList<>();
  private final Map<String, StringBuilder> sections = new LinkedHashMap<>();
  private final Map<String, String> pictures = new LinkedHashMap<>();
  private final List<String> missing = new ArrayList<>();
  private final long start = System.nanoTime();
  private String section;

  /** One of the few lines that matter; the lower the place, the further up. */
  void headline(int place, String text) {
    headlines.put(place, text);
    System.out.println(text);
  }

  /** What was aimed at, and what came out. */
  void target(String work, String aim, String found, String spread, boolean met) {
    targets.add("| " + work + " | " + aim + " | " + found + " | " + spread + " | " + (met ? "met" : "**not met**") + " |");
    System.out.println("target: " + work + ": " + aim + ": " + found + " (" + spread + "): " + (met ? "met" : "NOT MET"));
  }

  /** What was left out, and why. */
  void missing(String what) {
    missing.add(what);
    System.out.println("left out: " + what);
  }

  void section(String title) {
    section = title;
    sections.computeIfAbsent(title, t -> new StringBuilder());
    System.out.printf("%n== %s (after %.0f s)%n", title, (System.nanoTime() - start) / 1e9);
  }

  void text(String text) {
    System.out.println(text);
    sections.get(section).append(wrapped(text, "")).append("\n\n");
  }

  /** Paragraphs, with lines of at most 118 characters where words allow it. Lines after the first of a paragraph are indented. */
  private static String wrapped(String text, String indent) {
    StringBuilder all = new StringBuilder();
    for (String line : text.split("\\R", -1)) {
      all.append(all.length() == 0 ? "" : "\n");
      int column = 0;
      for (String word : line.split(" ")) {
        if (column > 0 && column + 1 + word.length() > 118) {
          all.append('\n').append(indent);
          column = indent.length();
        } else if (column > 0) {
          all.append(' ');
          column++;
        }
        all.append(word);
        column += word.length();
      }
    }
    return all.toString();
  }

  void table(String head, List<String> rows) {
    StringBuilder table = sections.get(section);
    table.append("| ").append(head).append(" |\n|");
    for (int i = head.split("\\|", -1).length; i > 0; i--) {
      table.append("---|");
    }
    table.append('\n');
    System.out.println(head);
    for (String row : rows) {
      table.append("| ").append(row).append(" |\n");
      System.out.println(row);
    }
    table.append('\n');
  }

  void picture(String file, String title, String svg) {
    pictures.put(file, svg);
    sections.get(section).append("![").append(title).append("](").append(file).append(")\n\n");
  }

  void write(Settings settings, double minutes) throws IOException {
    Path out = settings.out;
    StringBuilder page = new StringBuilder("# Benchmarks\n\n");
    if (settings.quick) {
      page.append("**A quick run, which shows that everything works. Its figures mean little.**\n\n");
    }
    if (pictures.containsKey(RowWorks.PICTURE)) {
      page.append("![CPU time beside a C program's](").append(RowWorks.PICTURE).append(")\n\n");
    }
    headlines.values().forEach(line -> page.append(wrapped("- " + line, "  ")).append('\n'));
    String measured = String.format("Measured on %s. One command makes this page, with all its figures and pictures, in %.0f minutes:",
        Machine.describe(), Math.max(1, minutes));
    page.append('\n').append(wrapped(measured, "")).append("\n\n");
    page.append("```sh\nmvn -B -P bench test\n```\n\n");
    page.append("## Targets\n\n");
    page.append("C is a C program on the same engine with `:memory:`, in the same run: the limit for anything that runs it.\n\n");
    page.append("| Work | Aim | Found | Spread | |\n|---|---|---|---|---|\n");
    targets.forEach(target -> page.append(target).append('\n'));
    page.append('\n');
    sections.forEach((title, text) -> page.append("## ").append(title).append("\n\n").append(text));
    page.append(Bench.METHOD);
    for (String what : missing) {
      page.append("- Left out: ").append(what).append(".\n");
    }
    page.append(Bench.AGAIN);
    Path file = out.resolve("benchmarks.md");
    Files.writeString(file, page.toString(), StandardCharsets.UTF_8);
    for (Map.Entry<String, String> picture : pictures.entrySet()) {
      Files.writeString(out.resolve(picture.getKey()), picture.getValue(), StandardCharsets.UTF_8);
    }
    System.out.println();
    System.out.println("Written: " + file);
  }
}
