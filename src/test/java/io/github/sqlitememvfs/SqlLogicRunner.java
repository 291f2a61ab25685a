package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.sqlitememvfs.SqlLogicScript.Entry;
import io.github.sqlitememvfs.SqlLogicScript.Expected;
import io.github.sqlitememvfs.SqlLogicScript.Sort;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Runs a script of sqllogictest on a connection, and compares results as the format says: rendered, then sorted by their
 * bytes, then value by value or by number and MD5. Stricter than the format's own program in one thing: values that the
 * script does not have are a failure, too.
 */
final class SqlLogicRunner {

  private static final int VALUES_SHOWN = 50;

  private final SqliteConnection connection;
  private final SqlLogicScript script;

  /** MD5 of the results of each label. */
  private final Map<String, String> hashes = new HashMap<>();

  /** What was wrong, by line. */
  final SortedMap<Integer, String> failures = new TreeMap<>();

  int statements;
  int queries;

  /** Records that are for other engines. */
  int skipped;

  /** Records hash-threshold and halt. */
  int settings;

  SqlLogicRunner(SqliteConnection connection, SqlLogicScript script) {
    this.connection = connection;
    this.script = script;
  }

  void run() throws IOException {
    for (Entry entry; (entry = script.next()) != null; ) {
      if (!entry.forUs()) {
        skipped++;
        continue;
      }
      String failure = null;
      switch (entry.kind()) {
        case STATEMENT -> {
          statements++;
          failure = statement(entry);
        }
        case QUERY -> {
          queries++;
          failure = query(entry);
        }
        case HASH_THRESHOLD -> settings++; // is for the making of scripts: a finished one shows where it has a hash
        case HALT -> {
          settings++;
          return;
        }
      }
      if (failure != null) {
        failures.put(entry.line(), entry.sql() + "\n  " + failure);
      }
    }
  }

  /** What was wrong, or null. */
  private String statement(Entry entry) {
    try {
      connection.execute(entry.sql());
      return entry.error() ? "expected an error, and there was none" : null;
    } catch (SqliteException e) {
      return entry.error() ? null : "expected success\n  actual   " + e;
    } catch (RuntimeException e) { // not SQLite's
      return "expected " + (entry.error() ? "an error of SQLite" : "success") + "\n  actual   " + e;
    }
  }

  /** What was wrong, or null. */
  private String query(Entry entry) {
    List<String> values;
    try (SqliteStatement statement = connection.prepare(entry.sql())) {
      int columns = statement.getColumnCount();
      if (columns != entry.types().length()) {
        return "expected " + entry.types().length() + " columns\n  actual   " + columns;
      }
      values = values(statement, entry.types(), entry.sort());
    } catch (RuntimeException e) {
      return "expected " + entry.expected() + "\n  actual   " + e;
    }
    Expected expected = entry.expected();
    if (expected == null) {
      return "expected what the script, cut off, does not say\n  actual   " + shown(values);
    }
    if (expected.values() != null ? !expected.values().equals(values)
        : expected.count() != values.size() || !expected.hash().equals(hash(values))) {
      return "expected " + expected + "\n  actual   " + shown(values);
    }
    if (entry.label() != null) {
      String hash = hash(values);
      if (!hash.equals(hashes.computeIfAbsent(entry.label(), label -> hash))) {
        return "expected what the first query labelled " + entry.label() + " gave\n  actual   " + shown(values);
      }
    }
    return null;
  }

  private static String shown(List<String> values) {
    return values.size() + " values hashing to " + hash(values) + ": "
        + (values.size() <= VALUES_SHOWN ? values : values.subList(0, VALUES_SHOWN) + " and so on");
  }

  /** All values, rendered and sorted. */
  private static List<String> values(SqliteStatement statement, String types, Sort sort) {
    List<String[]> rows = new ArrayList<>();
    while (statement.step()) {
      String[] row = new String[types.length()];
      for (int i = 0; i < row.length; i++) {
        row[i] = value(statement, i, types.charAt(i));
      }
      rows.add(row);
    }
    if (sort == Sort.ROWSORT) {
      rows.sort(Arrays::compare); // of ASCII alone: the order of its bytes
    }
    List<String> values = new ArrayList<>(rows.size() * types.length());
    for (String[] row : rows) {
      Collections.addAll(values, row);
    }
    if (sort == Sort.VALUESORT) {
      Collections.sort(values);
    }
    return values;
  }

  private static String value(SqliteStatement statement, int column, char type) {
    if (statement.isNull(column)) {
      return "NULL";
    }
    return switch (type) {
      case 'I' -> Long.toString(statement.getLong(column));
      case 'R' -> real(statement.getDouble(column));
      default -> text(statement.getText(column));
    };
  }

  /** What C's printf("%.3f") makes of it: the exact value rounded, a half to even, and the sign of a zero kept. */
  static String real(double value) {
    String sign = Math.copySign(1, value) < 0 ? "-" : "";
    return sign + (Double.isInfinite(value) ? "inf"
        : new BigDecimal(Math.abs(value)).setScale(3, RoundingMode.HALF_EVEN).toPlainString());
  }

  /** Each byte that is not a printable ASCII character becomes @. */
  static String text(String value) {
    if (value.isEmpty()) {
      return "(empty)";
    }
    byte[] bytes = value.getBytes(UTF_8);
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] < ' ' || bytes[i] > '~') {
        bytes[i] = '@';
      }
    }
    return new String(bytes, US_ASCII);
  }

  private static String hash(List<String> values) {
    try {
      MessageDigest md5 = MessageDigest.getInstance("MD5");
      for (String value : values) {
        md5.update((value + "\n").getBytes(US_ASCII));
      }
      return HexFormat.of().formatHex(md5.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
