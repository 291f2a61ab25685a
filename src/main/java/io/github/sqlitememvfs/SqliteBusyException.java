package io.github.sqlitememvfs;

/**
 * Another writer held the database for longer than the busy timeout, or wrote it since this transaction first read it
 * ({@code SQLITE_BUSY}, {@code SQLITE_BUSY_SNAPSHOT}), or a table is in use by the same connection
 * ({@code SQLITE_LOCKED}).
 *
 * <p>After {@code SQLITE_BUSY_SNAPSHOT} waiting does not help: roll back and start the transaction anew.
 */
public final class SqliteBusyException extends SqliteException {
  private static final long serialVersionUID = 1L;

  SqliteBusyException(int extendedCode, String message, String sql, int errorOffset) {
    super(extendedCode, message, sql, errorOffset);
  }
}
