package io.github.sqlitememvfs;

/**
 * Says that a database is malformed or cut off ({@code SQLITE_CORRUPT}), or that the bytes are no SQLite database at
 * all ({@code SQLITE_NOTADB}).
 */
public final class SqliteCorruptException extends SqliteException {
  private static final long serialVersionUID = 1L;

  SqliteCorruptException(int extendedCode, String message, String sql, int errorOffset) {
    super(extendedCode, message, sql, errorOffset);
  }
}
