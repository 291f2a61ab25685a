package io.github.sqlitememvfs;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Names of a statement's parameters. Made and used under the connection's lock. */
final class ParameterNames {
  private static final String PREFIXES = ":@$";

  private final StatementHandle statement;

  /** Index by name, with and without prefix. */
  private final Map<String, Integer> indexes = new HashMap<>();

  ParameterNames(StatementHandle statement) {
    this.statement = statement;
    for (int i = 1; i <= statement.parameters.count; i++) {
      String name = name(statement, i);
      if (name != null) {
        indexes.put(name, i);
      }
    }
    for (int p = 0; p < PREFIXES.length(); p++) { // a name without prefix is that of the first parameter that has it
      for (String name : new ArrayList<>(indexes.keySet())) {
        if (name.charAt(0) == PREFIXES.charAt(p)) {
          indexes.putIfAbsent(name.substring(1), indexes.get(name));
        }
      }
    }
  }

  /** Returns the name of a parameter, counted from 1, with its prefix; null for a plain {@code ?}. */
  static String name(StatementHandle statement, int index) {
    byte[] utf8 = Native.parameterName(statement.address, index);
    return utf8 == null ? null : Text.decode(utf8);
  }

  /** Returns the index, from 1, of the parameter of that name. */
  int index(String name) {
    Integer index = indexes.get(name);
    if (index == null) {
      throw SqliteException.of(SqliteCodes.RANGE, "there is no parameter " + Text.quote(name)
          + ": the statement has " + (indexes.isEmpty() ? "none with a name" : all()), statement.sql, -1);
    }
    return index;
  }

  private String all() {
    List<String> names = new ArrayList<>();
    for (int i = 1; i <= statement.parameters.count; i++) {
      String name = name(statement, i);
      if (name != null) {
        names.add(name);
      }
    }
    return String.join(", ", names);
  }
}
