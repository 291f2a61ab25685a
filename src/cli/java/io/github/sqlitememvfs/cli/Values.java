package io.github.sqlitememvfs.cli;

import com.fasterxml.jackson.core.io.NumberOutput;
import java.util.HexFormat;

/** SQLite's values as text. */
final class Values {
  private static final HexFormat HEX = HexFormat.of().withUpperCase();

  private Values() {}

  /** NULL is null; a number reads back as the same number; a blob is SQL's literal for it. */
  static String text(Object value) {
    if (value instanceof Double) {
      return text((double) value);
    }
    if (value instanceof byte[]) {
      return "X'" + HEX.formatHex((byte[]) value) + "'";
    }
    return value == null ? null : value.toString();
  }

  /** The shortest text that reads back as the same number (Double.toString is that only from Java 19 on). */
  private static String text(double value) {
    if (Double.isInfinite(value)) {
      return value > 0 ? "Inf" : "-Inf";
    }
    return NumberOutput.toString(value, true);
  }
}
