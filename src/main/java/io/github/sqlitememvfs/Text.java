package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;

/** Converts text to UTF-8 and back, without a loss, and quotes it for messages. */
final class Text {
  private Text() {}

  /** Returns the UTF-8 of a text, or throws if a surrogate has no pair. what: how the message calls the text. */
  static byte[] encode(String text, String what, String remedy) {
    check(text, what, remedy);
    return text.getBytes(UTF_8);
  }

  /** Throws unless UTF-8 can hold the text. */
  static void check(String text, String what, String remedy) {
    int lone = loneSurrogate(text);
    if (lone >= 0) {
      throw new IllegalArgumentException(what + " has a lone surrogate at index " + lone + " ("
          + String.format("U+%04X", (int) text.charAt(lone)) + "), which UTF-8 cannot hold; " + remedy);
    }
  }

  /** Returns the UTF-8 of SQL, or throws if it has a NUL or a lone surrogate. */
  static byte[] encodeSql(String sql) {
    int nul = sql.indexOf('\0');
    if (nul >= 0) {
      throw new IllegalArgumentException("SQL has a NUL at index " + nul + ", where SQLite would end it;"
          + " bind the text as a parameter, or write char(0)");
    }
    return encode(sql, "SQL", "bind the bytes with bindBlob, or write CAST(x'...' AS TEXT)");
  }

  /** Returns the text of bytes that should be UTF-8. What is not becomes U+FFFD. */
  static String decode(byte[] utf8) {
    return new String(utf8, UTF_8);
  }

  /** Does the same for a part of an array. */
  static String decode(byte[] utf8, int start, int end) {
    return new String(utf8, start, end - start, UTF_8);
  }

  /** Returns how many chars the text of a part of an array has. */
  static int chars(byte[] utf8, int start, int end) {
    return decode(utf8, start, end).length();
  }

  /** Returns a name in quotes for a message, with control characters and lone surrogates escaped. */
  static String quote(String name) {
    StringBuilder quoted = new StringBuilder(name.length() + 2).append('"');
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (c == '"' || c == '\\') {
        quoted.append('\\').append(c);
      } else if (Character.isISOControl(c) || loneSurrogateAt(name, i)) {
        quoted.append(String.format("\\u%04x", (int) c));
      } else {
        quoted.append(c);
      }
    }
    return quoted.append('"').toString();
  }

  private static int loneSurrogate(String text) {
    for (int i = 0, n = text.length(); i < n; i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        if (loneSurrogateAt(text, i)) {
          return i;
        }
        i++;
      }
    }
    return -1;
  }

  /** Whether the char there is a surrogate without its other half. */
  private static boolean loneSurrogateAt(String text, int i) {
    char c = text.charAt(i);
    if (Character.isHighSurrogate(c)) {
      return i + 1 == text.length() || !Character.isLowSurrogate(text.charAt(i + 1));
    }
    return Character.isLowSurrogate(c) && (i == 0 || !Character.isHighSurrogate(text.charAt(i - 1)));
  }
}
