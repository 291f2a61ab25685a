package io.github.sqlitememvfs;

/**
 * Says that the limit of bytes of the {@link MemoryVfs}, or of {@code PRAGMA max_page_count}, is reached ({@code
 * SQLITE_FULL}).
 */
public final class SqliteFullException extends SqliteException {
  private static final long serialVersionUID = 1L;

  SqliteFullException(int extendedCode, String message, String sql, int errorOffset) {
    super(extendedCode, message, sql, errorOffset);
  }
}
