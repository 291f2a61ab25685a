package io.github.sqlitememvfs;

/**
 * Says that SQLite reported an error, or the library one with a code of SQLite. The codes are those of <a
 * href="https://www.sqlite.org/rescode.html">Result and Error Codes</a> in SQLite's documentation.
 *
 * <p>The message is SQLite's, followed by the symbolic name and number of the extended code, for example {@code UNIQUE
 * constraint failed: t.a (SQLITE_CONSTRAINT_UNIQUE, 2067)}. The message does not have the SQL, which may hold data that
 * should not be in a log; {@link #sql} has it. If a statement of a script fails, the message tells which one: its
 * number, its line and column, and how it begins, with {@code ?} for each text, blob and number. (Where another
 * statement of the connection is in the way, as of a {@code DROP TABLE}, the message shows the first 100 characters of
 * that one.)
 *
 * <p>The subclasses are for errors that programs branch on: {@link SqliteBusyException}, {@link
 * SqliteConstraintException}, {@link SqliteFullException}, {@link SqliteCorruptException}. If the system refuses
 * memory, a plain {@code SqliteException} with code {@code SQLITE_NOMEM} (7) is thrown; if the JVM does, an {@link
 * OutOfMemoryError}. Any method that needs memory may throw either. The call that throws has then committed nothing,
 * and nothing else is lost.
 */
public class SqliteException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The extended code. */
  private final int extendedCode;

  /** The SQL, or null. */
  private final String sql;

  /** Index into the SQL, or -1. */
  private final int errorOffset;

  /** Row of the batch, or -1. */
  private long batchIndex = -1;

  SqliteException(int extendedCode, String message, String sql, int errorOffset) {
    super(message + " (" + SqliteCodes.name(extendedCode) + ", " + extendedCode + ")");
    this.extendedCode = extendedCode;
    this.sql = sql;
    this.errorOffset = errorOffset;
  }

  /** Returns the exception for a code, by the one table from codes to classes. */
  static SqliteException of(int extendedCode, String message, String sql, int errorOffset) {
    switch (extendedCode & 0xff) {
      case SqliteCodes.BUSY:
      case SqliteCodes.LOCKED:
        return new SqliteBusyException(extendedCode, message, sql, errorOffset);
      case SqliteCodes.CONSTRAINT:
        return new SqliteConstraintException(extendedCode, message, sql, errorOffset);
      case SqliteCodes.FULL:
        return new SqliteFullException(extendedCode, message, sql, errorOffset);
      case SqliteCodes.CORRUPT:
      case SqliteCodes.NOTADB:
        return new SqliteCorruptException(extendedCode, message, sql, errorOffset);
      default:
        return new SqliteException(extendedCode, message, sql, errorOffset);
    }
  }

  /** Returns the exception for a code that no SQL led to. */
  static SqliteException of(int extendedCode, String message) {
    return of(extendedCode, message, null, -1);
  }

  /**
   * Returns the primary result code, such as 19 for {@code SQLITE_CONSTRAINT}.
   *
   * @return the code, the low 8 bits of the extended one
   */
  public final int code() {
    return extendedCode & 0xff;
  }

  /**
   * Returns the extended result code, such as 2067 for {@code SQLITE_CONSTRAINT_UNIQUE}.
   *
   * @return the code; the same as {@link #code} if SQLite had nothing to add
   */
  public final int extendedCode() {
    return extendedCode;
  }

  /**
   * Returns the SQL of the statement that failed; of a script, that of this statement alone.
   *
   * @return the SQL, or null if no SQL led to the error
   */
  public final String sql() {
    return sql;
  }

  /**
   * Returns where in the SQL the error is.
   *
   * @return index of a {@code char} in {@link #sql}, or -1 if it is not known
   */
  public final int errorOffset() {
    return errorOffset;
  }

  /**
   * Returns which row of a batch failed.
   *
   * @return its index, from 0, in the order of {@link SqliteStatement#addBatch}; -1 if it was not a row of a batch
   */
  public final long batchIndex() {
    return batchIndex;
  }

  void setBatchIndex(long index) {
    batchIndex = index;
  }

  /** {@return what went wrong and where, as the class description says; of an error in a batch, with the row} */
  @Override
  public String getMessage() {
    String message = super.getMessage();
    return batchIndex < 0 ? message : message + ", in row " + batchIndex + " of the batch (the first is 0)";
  }
}
