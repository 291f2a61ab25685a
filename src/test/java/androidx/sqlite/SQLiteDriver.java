package androidx.sqlite;

/**
 * Declares what the interface of this name in androidx.sqlite 2.6 declares, so that MemoryVfsDriver compiles and is
 * tested without that library.
 */
public interface SQLiteDriver {
  SQLiteConnection open(String fileName);

  default boolean hasConnectionPool() {
    return false;
  }
}
