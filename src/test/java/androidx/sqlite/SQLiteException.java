package androidx.sqlite;

/** See {@link SQLiteDriver}. On Android the name stands for android.database.SQLException. */
public final class SQLiteException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  SQLiteException(String message) {
    super(message);
  }
}
