package io.github.sqlitememvfs.cli;

import java.io.IOException;
import java.io.Reader;
import java.util.Locale;

/**
 * Cuts SQL text into statements while it is read, so that a dump of any length needs memory for one statement only.
 *
 * <p>A statement ends at a semicolon outside of quotes and comments; that of CREATE TRIGGER ends at {@code ; END ;}, the rule that
 * sqlite3_complete() documents. Comments and space before a statement are no part of it.
 */
final class SqlScript {
  private enum State { START, EXPLAIN, CREATE, PLAIN, TRIGGER, TRIGGER_SEMICOLON, TRIGGER_END }

  private static final int END = -1;
  private static final int NONE = -2;

  private final String name;
  private final Reader in;
  private int ahead = NONE;
  private int line = 1;
  private int column = 1;
  private int startLine;
  private int startColumn;
  private long number;
  private StringBuilder text;

  SqlScript(String name, Reader in) {
    this.name = name;
    this.in = in;
  }

  /** The next statement, without its semicolon if it is the last and has none; null at the end. */
  String next() throws IOException {
    number++;
    text = new StringBuilder();
    State state = State.START;
    for (int c; (c = peek()) != END; ) {
      if (isSpace(c) || c == '\uFEFF' && state == State.START) {
        take(state);
      } else if (c == '-' || c == '/') {
        boolean first = state == State.START;
        if (first) {
          markStart();
        }
        take(State.PLAIN);
        if (c == '-' && peek() == '-') {
          skipTo('\n');
        } else if (c == '/' && peek() == '*') {
          take(State.PLAIN);
          do {
            skipTo('*');
          } while (peek() != '/' && peek() != END);
          take(State.PLAIN);
        } else {
          state = after(state, "");
          continue;
        }
        if (first) {
          text.setLength(0);
        }
      } else if (c == ';') {
        take(state);
        switch (state) {
          case START: break; // an empty statement
          case TRIGGER:
          case TRIGGER_SEMICOLON: state = State.TRIGGER_SEMICOLON; break;
          default: return text.toString();
        }
      } else {
        if (state == State.START) {
          markStart();
        }
        state = after(state, token(c));
      }
    }
    return text.length() == 0 ? null : text.toString();
  }

  /** Where the character of that index in the last statement is, for a message; -1 for the statement itself. */
  String place(int index) {
    int l = startLine;
    int c = startColumn;
    for (int i = 0; i < index && i < text.length(); i++) {
      char ch = text.charAt(i);
      if (ch == '\n') {
        l++;
        c = 1;
      } else if (!Character.isLowSurrogate(ch)) {
        c++;
      }
    }
    return name + ", line " + l + (index >= 0 ? ", column " + c : "");
  }

  /** Which statement the last one is, from 1. */
  long number() {
    return number;
  }

  private static State after(State state, String word) {
    switch (state) {
      case START:
      case EXPLAIN:
        if (word.equals("create")) {
          return State.CREATE;
        }
        return state == State.EXPLAIN || word.equals("explain") ? State.EXPLAIN : State.PLAIN;
      case CREATE:
        if (word.equals("trigger")) {
          return State.TRIGGER;
        }
        return word.equals("temp") || word.equals("temporary") ? State.CREATE : State.PLAIN;
      case TRIGGER_SEMICOLON:
        return word.equals("end") ? State.TRIGGER_END : State.TRIGGER;
      case TRIGGER_END:
        return State.TRIGGER;
      default:
        return state;
    }
  }

  /** Takes one token and returns it in lower case if it is a word, else "". */
  private String token(int c) throws IOException {
    if (c == '\'' || c == '"' || c == '`' || c == '[') {
      take(State.PLAIN);
      skipTo(c == '[' ? ']' : c);
      return "";
    }
    int start = text.length();
    if (!isWord(c)) {
      take(State.PLAIN);
      return "";
    }
    while (isWord(peek())) {
      take(State.PLAIN);
    }
    return text.length() - start > 9 ? "" : text.substring(start).toLowerCase(Locale.ROOT);
  }

  private static boolean isWord(int c) {
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 128;
  }

  private static boolean isSpace(int c) {
    return c == ' ' || c >= '\t' && c <= '\r';
  }

  private void markStart() {
    startLine = line;
    startColumn = column;
  }

  private void skipTo(int end) throws IOException {
    for (int c; (c = peek()) != END; ) {
      take(State.PLAIN);
      if (c == end) {
        return;
      }
    }
  }

  private int peek() throws IOException {
    if (ahead == NONE) {
      ahead = in.read();
    }
    return ahead;
  }

  /** Takes the character that peek() gave; before a statement begins it is dropped. */
  private void take(State state) throws IOException {
    int c = peek();
    if (c == END) {
      return;
    }
    ahead = NONE;
    if (c == '\n') {
      line++;
      column = 1;
    } else if (!Character.isLowSurrogate((char) c)) {
      column++;
    }
    if (state != State.START) {
      text.append((char) c);
    }
  }
}
