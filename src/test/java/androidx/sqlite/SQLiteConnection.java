package androidx.sqlite;

/** See {@link SQLiteDriver}. */
public interface SQLiteConnection extends AutoCloseable {
  boolean inTransaction();

  SQLiteStatement prepare(String sql);

  @Override
  void close();
}
