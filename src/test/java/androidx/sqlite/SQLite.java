package androidx.sqlite;

/** See {@link SQLiteDriver}: what Java has of the functions of androidx.sqlite. */
public final class SQLite {
  private SQLite() {
  }

  /** Always throws a {@link SQLiteException}, whose message has the code and the text. */
  public static Void throwSQLiteException(int code, String message) {
    throw new SQLiteException("Error code: " + code + ", message: " + message);
  }
}
