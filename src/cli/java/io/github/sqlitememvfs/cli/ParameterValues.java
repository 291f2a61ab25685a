package io.github.sqlitememvfs.cli;

import io.github.sqlitememvfs.SqliteStatement;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The values of --param: texts, by the name of a parameter without the character that begins it, or by its number.
 *
 * <p>Each value is a text whatever it looks like, so that 007 stays 007. SQLite makes a number of it where the SQL
 * stores it in a column of numbers, or compares it with one.
 */
final class ParameterValues {
  private final Map<String, String> values = new HashMap<>();

  /** Each is NAME=VALUE. The IllegalArgumentException is for the user. */
  ParameterValues(List<String> assignments) {
    for (String assignment : assignments) {
      int equals = assignment.indexOf('=');
      String name = equals < 0 ? "" : key(assignment.substring(0, equals));
      if (name.isEmpty()) {
        throw new IllegalArgumentException("--param wants NAME=VALUE, such as id=7 for :id, or 1=7 for the first ?, "
            + "but is " + assignment);
      }
      if (values.putIfAbsent(name, assignment.substring(equals + 1)) != null) {
        throw new IllegalArgumentException("--param has two values for " + name);
      }
    }
  }

  /** Gives each parameter of the statement its value. The IllegalArgumentException names one that has none. */
  void bind(SqliteStatement statement) {
    for (int i = 1; i <= statement.parameterCount(); i++) {
      String name = statement.parameterName(i);
      String key = name == null ? Integer.toString(i) : key(name);
      String value = values.get(key);
      if (value == null) {
        throw new IllegalArgumentException("the parameter " + (name == null ? "?" + i : name)
            + " has no value; --param " + key
            + "=VALUE gives it one");
      }
      statement.bindText(i, value);
    }
  }

  private static String key(String name) {
    return !name.isEmpty() && ":@$?".indexOf(name.charAt(0)) >= 0 ? name.substring(1) : name;
  }
}
