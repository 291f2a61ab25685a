package io.github.sqlitememvfs;

import java.util.concurrent.TimeUnit;

/**
 * Completes the messages of {@code SQLITE_BUSY} and {@code SQLITE_LOCKED}: behind SQLite's own words they say who is in
 * the way, and what helps.
 */
final class LockMessages {
  private static final int BUSY_SNAPSHOT = 517;
  private static final String LOCKED = "database is locked";
  private static final String IN_PROGRESS = "SQL statements in progress";

  /** Most characters of a statement that a message shows. */
  private static final int MOST_SQL = 100;

  private LockMessages() {}

  /**
   * Returns the message of an error that a connection got just now.
   *
   * @param code SQLite's extended code
   * @param message SQLite's words
   * @param waitedNanos how long the statement has waited for the write lock
   * @param timeoutMillis the connection's busy timeout
   * @param statements all statements of the connection, linked by {@link StatementHandle#next}
   */
  static String complete(int code, String message, long waitedNanos, int timeoutMillis, StatementHandle statements) {
    if ((code & 0xff) == SqliteCodes.LOCKED || message.endsWith(IN_PROGRESS)) {
      return message + inProgress(statements);
    }
    if (!message.equals(LOCKED)) {
      return message;
    }
    if (code == BUSY_SNAPSHOT) {
      return message + ": another connection has committed since this transaction, or a statement that is still on a"
          + " row, first read the database, so that it reads an older version and cannot write. Roll back, reset open"
          + " statements, and begin again with BEGIN IMMEDIATE or transaction(...), which keep other writers out from"
          + " the start";
    }
    if (code != SqliteCodes.BUSY) {
      return message;
    }
    if (waitedNanos > 0) {
      return message + ": another connection is writing it, and still was after "
          + TimeUnit.NANOSECONDS.toMillis(waitedNanos) + " ms. The busy timeout is " + timeoutMillis + " ms";
    }
    if (timeoutMillis <= 0) {
      return message
          + ": another connection is writing it, and the busy timeout is 0 ms, so that this one does not wait";
    }
    return message + ": another connection is writing it, and this transaction, or a statement that is still on a row,"
        + " has read it before: to wait would be in vain, since what it reads will be an older version. Begin with"
        + " BEGIN IMMEDIATE or transaction(...) where a transaction writes after it has read";
  }

  private static String inProgress(StatementHandle statements) {
    String first = null;
    int others = 0;
    for (StatementHandle s = statements; s != null; s = s.next) {
      if (s.isOnRow()) {
        others += first == null ? 0 : 1;
        first = first == null ? s.sql : first;
      }
    }
    if (first == null) {
      return "";
    }
    String shown = first.length() > MOST_SQL ? first.substring(0, MOST_SQL) + "..." : first;
    return ": this connection's statement " + Text.quote(shown) + " is on a row"
        + (others == 0 ? "" : others == 1 ? ", and so is one more" : ", and so are " + others + " more")
        + "; reset or close it first";
  }
}
