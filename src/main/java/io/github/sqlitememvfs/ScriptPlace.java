package io.github.sqlitememvfs;

/**
 * Describes where in a script an error is, for messages: {@code statement 3 of the script, line 5, column 6: INSERT
 * INTO t VALUES (?, ?)}.
 *
 * <p>The text has {@code ?} for each literal, since messages get into logs, and data should not. Text in double quotes
 * may be a string, too, and becomes {@code "?"}.
 */
final class ScriptPlace {
  /** Most characters of the statement. */
  private static final int LONGEST = 80;

  private final byte[] script;
  private final int start;
  private final String statement;
  private final int number;

  /** The statement stands in the script (UTF-8) from start to end, and has that number, from 1. */
  ScriptPlace(byte[] script, int start, int end, int number) {
    this.script = script;
    this.start = start;
    this.statement = Text.decode(script, start, end);
    this.number = number;
  }

  /** Returns the text for a place in the statement. index: of a char; -1: the statement as a whole. */
  String at(int index) {
    String before = Text.decode(script, 0, start) + statement.substring(0, Math.max(0, index));
    int line = 1;
    int lineStart = 0;
    for (int i = before.indexOf('\n'); i >= 0; i = before.indexOf('\n', i + 1)) {
      line++;
      lineStart = i + 1;
    }
    int column = 1 + before.codePointCount(lineStart, before.length());
    return "statement " + number + " of the script, line " + line + ", column " + column + ": " + masked(statement);
  }

  @Override
  public String toString() {
    return at(-1);
  }

  /** Returns how the SQL begins, in one line, without comments, and with ? for literals. */
  static String masked(String sql) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < sql.length(); ) {
      int next = end(sql, i);
      char c = sql.charAt(i);
      boolean blob = next > i + 1 && (c == 'x' || c == 'X') && sql.charAt(i + 1) == '\'';
      if ((c == '\'' || c == '"') && i > 0 && sql.charAt(i - 1) == c) {
        i = next; // the rest of a literal with '' in it, or of a name with ""
        continue;
      }
      if (c == '\'' || blob || c >= '0' && c <= '9' || c == '.' && next > i + 1) {
        text.append('?');
      } else if (c == '"') { // a name, or a string: only SQLite knows
        text.append("\"?\"");
      } else if (c <= ' ' || sql.startsWith("--", i) || sql.startsWith("/*", i)) {
        if (text.length() > 0 && text.charAt(text.length() - 1) != ' ') {
          text.append(' ');
        }
      } else {
        text.append(sql, i, next);
      }
      i = next;
      if (text.length() > LONGEST) {
        int cut = Character.isLowSurrogate(text.charAt(LONGEST)) ? LONGEST - 1 : LONGEST;
        return text.substring(0, cut) + "...";
      }
    }
    return text.toString().trim();
  }

  /** Returns the end of the token that begins at i: a literal, a name, a comment, or one other character. */
  private static int end(String sql, int i) {
    char c = sql.charAt(i);
    if (sql.startsWith("--", i)) {
      return behind(sql, "\n", i + 2);
    }
    if (sql.startsWith("/*", i)) {
      return behind(sql, "*/", i + 2);
    }
    if (c == '\'' || c == '"' || c == '`' || c == '[') {
      return behind(sql, c == '[' ? "]" : String.valueOf(c), i + 1);
    }
    if ((c == 'x' || c == 'X') && sql.startsWith("'", i + 1)) {
      return behind(sql, "'", i + 2);
    }
    boolean number = c >= '0' && c <= '9' || c == '.' && i + 1 < sql.length() && sql.charAt(i + 1) >= '0'
        && sql.charAt(i + 1) <= '9';
    if (!number && !isWord(c)) {
      return i + 1;
    }
    int end = i + 1;
    while (end < sql.length() && (isWord(sql.charAt(end)) || number && (sql.charAt(end) == '.'
        || (sql.charAt(end) == '+' || sql.charAt(end) == '-')
            && (sql.charAt(end - 1) == 'e' || sql.charAt(end - 1) == 'E')))) {
      end++;
    }
    return end;
  }

  private static int behind(String sql, String close, int from) {
    int at = sql.indexOf(close, from);
    return at < 0 ? sql.length() : at + close.length();
  }

  private static boolean isWord(char c) {
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 128;
  }
}
