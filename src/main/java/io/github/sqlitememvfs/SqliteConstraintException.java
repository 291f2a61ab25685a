package io.github.sqlitememvfs;

/** Says that a constraint was violated ({@code SQLITE_CONSTRAINT}); {@link #extendedCode} tells its kind. */
public final class SqliteConstraintException extends SqliteException {
  private static final long serialVersionUID = 1L;

  SqliteConstraintException(int extendedCode, String message, String sql, int errorOffset) {
    super(extendedCode, message, sql, errorOffset);
  }
}
