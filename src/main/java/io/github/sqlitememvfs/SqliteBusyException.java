package io.github.sqlitememvfs;

/**
 * Says that a lock is in the way. Another connection held the write lock for longer than the busy timeout ({@code
 * SQLITE_BUSY}), or has written since this transaction first read ({@code SQLITE_BUSY_SNAPSHOT}), or the same
 * connection is using a table ({@code SQLITE_LOCKED}).
 *
 * <p>After {@code SQLITE_BUSY_SNAPSHOT} waiting does not help: roll back and start the transaction anew.
 */
public final class SqliteBusyException extends SqliteException {
  private static final long serialVersionUID = 1L;

  SqliteBusyException(int extendedCode, String message, String sql, int errorOffset) {
    super(extendedCode, message, sql, errorOffset);
  }
}
