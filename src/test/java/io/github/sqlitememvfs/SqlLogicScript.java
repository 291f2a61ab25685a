package io.github.sqlitememvfs;

import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads a script of sqllogictest, record by record. Records are separated by blank lines; lines that begin with # are
 * comments. Whatever the format does not know is an error: nothing is passed over in silence.
 */
final class SqlLogicScript {

  private static final String ENGINE = "sqlite";
  private static final Pattern HASH = Pattern.compile("(\\d+) values hashing to ([0-9a-f]{32})");

  enum Kind { STATEMENT, QUERY, HASH_THRESHOLD, HALT }

  enum Sort { NOSORT, ROWSORT, VALUESORT }

  /**
   * One record. Line is that of its first line but conditions and comments. Types, sort, label and expected are of queries
   * alone; label may be null, and so may expected, if the script breaks off before it.
   */
  record Entry(Kind kind, int line, boolean forUs, String sql, boolean error, String types, Sort sort, String label,
      Expected expected) {
  }

  /** What a query must give: all values, or (values is null) how many, and the MD5 of them. */
  record Expected(List<String> values, int count, String hash) {

    private static Expected of(List<String> lines) {
      Matcher matcher = lines.size() == 1 ? HASH.matcher(lines.get(0)) : null;
      return matcher != null && matcher.matches()
          ? new Expected(null, Integer.parseInt(matcher.group(1)), matcher.group(2))
          : new Expected(List.copyOf(lines), lines.size(), null);
    }

    @Override
    public String toString() {
      return values == null ? count + " values hashing to " + hash : values.toString();
    }
  }

  private final String name;
  private final BufferedReader in;
  private int line;
  private boolean ended;

  SqlLogicScript(String name, BufferedReader in) {
    this.name = name;
    this.in = in;
  }

  /** The next record, or null at the end. */
  Entry next() throws IOException {
    boolean forUs = true;
    boolean conditional = false;
    for (String text; (text = read()) != null; ) {
      if (text.isBlank()) {
        if (conditional) {
          throw malformed("a condition without a record", text);
        }
        continue;
      }
      if (text.charAt(0) == '#') {
        continue;
      }
      String[] words = withoutComment(text).trim().split("\\s+");
      switch (words[0]) {
        case "skipif", "onlyif" -> {
          check(words.length == 2, text);
          forUs &= words[1].equals(ENGINE) == words[0].equals("onlyif");
          conditional = true;
        }
        case "statement" -> {
          check(words.length == 2 && (words[1].equals("ok") || words[1].equals("error")), text);
          int first = line;
          return new Entry(Kind.STATEMENT, first, forUs, sql(false), words[1].equals("error"), null, null, null, null);
        }
        case "query" -> {
          check(words.length >= 2 && words.length <= 4 && words[1].matches("[TIR]+"), text);
          int first = line;
          String sql = sql(true);
          return new Entry(Kind.QUERY, first, forUs, sql, false, words[1], words.length < 3 ? Sort.NOSORT : sort(words[2]),
              words.length < 4 ? null : words[3], ended ? null : Expected.of(linesToBlank()));
        }
        case "hash-threshold" -> {
          check(words.length == 2 && words[1].matches("\\d+"), text);
          return setting(Kind.HASH_THRESHOLD, forUs);
        }
        case "halt" -> {
          check(words.length == 1, text);
          return setting(Kind.HALT, forUs);
        }
        default -> throw malformed("no such record", text);
      }
    }
    return null;
  }

  private Entry setting(Kind kind, boolean forUs) {
    return new Entry(kind, line, forUs, null, false, null, null, null, null);
  }

  private static String withoutComment(String text) {
    int comment = text.indexOf('#');
    return comment < 0 ? text : text.substring(0, comment);
  }

  private Sort sort(String word) {
    return switch (word) {
      case "nosort" -> Sort.NOSORT;
      case "rowsort" -> Sort.ROWSORT;
      case "valuesort" -> Sort.VALUESORT;
      default -> throw malformed("no such order", word);
    };
  }

  /** SQL up to the line ---- of a query, or to the blank line after a statement. */
  private String sql(boolean query) throws IOException {
    StringBuilder sql = new StringBuilder();
    String text;
    while ((text = read()) != null && !text.isBlank() && !(query && text.equals("----"))) {
      sql.append(sql.isEmpty() ? "" : "\n").append(text);
    }
    if (sql.isEmpty() || (query && text != null && text.isBlank())) {
      throw malformed("a record without SQL or, if it is a query, ----", text);
    }
    return sql.toString();
  }

  private List<String> linesToBlank() throws IOException {
    List<String> lines = new ArrayList<>();
    for (String text; (text = read()) != null && !text.isEmpty(); ) {
      lines.add(text);
    }
    return lines;
  }

  private String read() throws IOException {
    line++;
    String text = in.readLine();
    ended = text == null;
    return text;
  }

  private void check(boolean wellFormed, String text) {
    if (!wellFormed) {
      throw malformed("words too many, too few, or unknown", text);
    }
  }

  private AssertionError malformed(String what, String text) {
    return new AssertionError(name + ":" + line + ": " + what + ": " + text);
  }
}
