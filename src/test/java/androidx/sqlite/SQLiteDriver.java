package androidx.sqlite;

/** The shape of the interface of this name in androidx.sqlite 2.6, for MemoryVfsDriver to be compiled and tested without it. */
public interface SQLiteDriver {
  SQLiteConnection open(String fileName);

  default boolean hasConnectionPool() {
    return false;
  }
}
