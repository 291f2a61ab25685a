/**
 * SQLite databases kept in memory.
 *
 * <p>It needs nothing but {@code java.base}; what is {@code static} here is for those who use the classes that name it. Loading the native library is
 * what {@code --enable-native-access=io.github.sqlitememvfs} permits.
 */
module io.github.sqlitememvfs {
  requires static java.sql;
  requires static org.xerial.sqlitejdbc;
  requires static org.junit.jupiter.api;

  exports io.github.sqlitememvfs;
  exports io.github.sqlitememvfs.junit;
}
