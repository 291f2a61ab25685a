package io.github.sqlitememvfs;

/** A constraint was violated ({@code SQLITE_CONSTRAINT}); {@link #extendedCode} says which kind. */
public final class SqliteConstraintException extends SqliteException {
  private static final long serialVersionUID = 1L;

  SqliteConstraintException(int extendedCode, String message, String sql, int errorOffset) {
    super(extendedCode, message, sql, errorOffset);
  }
}
