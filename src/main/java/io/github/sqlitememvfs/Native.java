package io.github.sqlitememvfs;

import java.nio.ByteBuffer;

/**
 * All native methods. They take and give primitives, arrays and buffers only, and hold no logic: codes come back as
 * numbers, and the callers make exceptions of them.
 *
 * <p>Handles are addresses; zero is none. Callers see to it that a handle is alive for as long as a call uses it, and
 * that connections and statements are used by one thread at a time; {@link #interrupt} is the exception.
 *
 * <p>Names and SQL are UTF-8 in arrays of exactly their length. Where an {@code int[] out} or {@code long[] out} is
 * given, its elements are set as each method says.
 *
 * <p>{@link NativeLibrary#load} must have been called before any of these.
 */
final class Native {
  /** Results of the store's functions: {@code mv_result} of store.h. */
  static final int MV_OK = 0;

  static final int MV_NOMEM = 1;
  static final int MV_FULL = 2;
  static final int MV_BUSY = 3;
  static final int MV_STALE = 4;
  static final int MV_NOTFOUND = 5;
  static final int MV_EXISTS = 6;
  static final int MV_CLOSED = 7;
  static final int MV_NOTADB = 8;
  static final int MV_TRUNCATED = 9;

  /** Length of the array that {@link #databaseStats} fills; {@link #storeStats} fills the first eight. */
  static final int DATABASE_STATS = 11;

  /** {@link #prepare}: the SQL holds no statement. */
  static final int NO_STATEMENT = -1;

  /** {@link #prepare}: the SQL holds more than one statement. */
  static final int MORE_STATEMENTS = -2;

  /** {@link #execute}, {@link #step}: nothing was run, since the body's transaction has ended. */
  static final int BODY_ENDED = -3;

  /** {@link #execute}: the statement has parameters, and was not run. */
  static final int PARAMETERS = -4;

  /**
   * A row as {@link #step} leaves it in memory, in native byte order: an int with the number of columns (negative if
   * the memory was too small for {@code ROW_COLUMN} bytes for each), then from {@code ROW_HEADER} on for each column
   * an int with its type, an int with the length of its bytes ({@code ROW_ELSEWHERE} if they are not here), and eight
   * bytes with the long, the double, or the offset of the bytes from the start of the memory.
   */
  static final int ROW_HEADER = 16;

  static final int ROW_COLUMN = 16;
  static final int ROW_ELSEWHERE = -1;

  /** Texts and blobs up to this length are put into the row's memory, as far as it goes. */
  static final int ROW_MAX_VALUE = 1024;

  private Native() {}

  // ---- store: mv_store_*, mv_vfs_* ----

  static native byte[] sqliteVersion();

  /** Zero: no memory. */
  static native long storeNew(int blockSize, long maxBytes);

  static native void storeClose(long store);

  static native void storeRelease(long store);

  /** out[0]: SQLite's code. Zero unless that is OK. */
  static native long vfsRegister(long store, byte[] name, int[] out);

  static native void vfsUnregister(long vfs);

  /** MV_OK or MV_NOTFOUND, or MV_CLOSED. */
  static native int exists(long store, byte[] database);

  static native int delete(long store, byte[] database);

  /** Each name followed by a NUL. Null: no memory. */
  static native byte[] names(long store);

  static native int fork(long store, long version, byte[] newName);

  /** out: bytes, reserved, limit, blocks, versions, pins, forks, databases. */
  static native void storeStats(long store, long[] out);

  /** out: the same, then size, version and block size. */
  static native int databaseStats(long store, byte[] database, long[] out);

  // ---- version: mv_version_*; by any number of threads at once ----

  /** out[0]: the result. Zero unless that is MV_OK. */
  static native long pin(long store, byte[] database, int[] out);

  static native void versionRelease(long version);

  static native long versionSize(long version);

  static native long versionNumber(long version);

  /** Copies up to n bytes, and returns how many there were. */
  static native int versionRead(long version, long offset, byte[] to, int start, int n);

  /** The same, to a direct buffer at an index. */
  static native int versionReadDirect(long version, long offset, ByteBuffer to, int start, int n);

  /** The bytes at an offset, from min to max of them; null if fewer than min lie together. Valid while pinned. */
  static native ByteBuffer versionSpan(long version, long offset, int min, int max);

  // ---- load: mv_load_*; by one thread at a time ----

  /** out[0]: the result. Zero unless that is MV_OK. */
  static native long loadBegin(long store, byte[] database, int[] out);

  /**
   * Memory for the next bytes, from min to max of them; null if less than min lies together or out[0] is not MV_OK.
   */
  static native ByteBuffer loadSpace(long load, int min, int max, int[] out);

  /** Takes over n bytes that were put into what {@link #loadSpace} gave. */
  static native int loadFilled(long load, int n);

  static native int loadWrite(long load, byte[] from, int start, int n);

  static native int loadWriteDirect(long load, ByteBuffer from, int start, int n);

  static native int loadFinish(long load);

  static native byte[] loadMessage(long load);

  /** Consumes the load if the result is MV_OK. */
  static native int publish(long store, byte[] database, long load, long micros);

  static native void loadDrop(long load);

  // ---- connection ----

  /** out[0]: the connection; it may be there, with an error message, though the code that is returned is not OK. */
  static native int open(byte[] uri, byte[] vfs, int flags, long[] out);

  /** The connection's statements must have been finalized. */
  static native int closeConnection(long connection);

  static native void interrupt(long connection);

  static native int busyTimeout(long connection, int millis);

  /** For content that may be hostile; before the first statement. */
  static native void harden(long connection);

  /** Sets a limit ({@link SqliteLimit#id}); a negative value changes nothing. */
  static native void limit(long connection, int id, int value);

  /** A timer that lives as long as the connection; zero: no memory. */
  static native long newTimer(long connection);

  /** What runs from now on fails with INTERRUPT once so many microseconds have passed. */
  static native void startTimer(long timer, long micros);

  /** Whether it has ended something since it was started. */
  static native boolean timerExpired(long timer);

  /** Microseconds that are left since it was started, by the same thread; negative: it has expired. */
  static native long timeLeft(long timer);

  static native long changes(long connection);

  static native long totalChanges(long connection);

  static native long lastInsertRowId(long connection);

  static native boolean autocommit(long connection);

  /**
   * The message, in UTF-8, for a code that the last call for this connection returned.
   * out[0]: the extended code; out[1]: byte offset of the error in the SQL, or -1.
   */
  static native byte[] errorMessage(long connection, int code, int[] out);

  /**
   * Runs all statements; inBody: as long as a transaction is open. out[0], out[1]: start and end of the statement that
   * failed; changed[0]: rows that those before it changed. If timer is not zero, each statement has that many
   * microseconds. SQLite's code, BODY_ENDED or PARAMETERS.
   */
  static native int execute(
      long connection, byte[] sql, boolean inBody, long timer, long micros, int[] out, long[] changed);

  /** out[0]: SQLite's code, NO_STATEMENT or MORE_STATEMENTS. Zero unless that is OK. */
  static native long prepare(long connection, byte[] sql, int[] out);

  // ---- statement: indexes as SQLite has them, from 1 for parameters and from 0 for columns ----

  static native void finalizeStatement(long statement);

  /** Address of a direct buffer. */
  static native long address(ByteBuffer buffer);

  /**
   * ROW, DONE or an error; inBody: BODY_ENDED if no transaction is open. For ROW, the row is left in memory of that
   * capacity if the address is not zero.
   */
  static native int step(long statement, boolean inBody, long row, int capacity);

  /** Leaves the current row in memory once more. */
  static native void row(long statement, long row, int capacity);

  static native void reset(long statement);

  static native void clearBindings(long statement);

  static native int bindNull(long statement, int index);

  static native int bindLong(long statement, int index, long value);

  static native int bindDouble(long statement, int index, double value);

  static native int bindText(long statement, int index, byte[] utf8);

  static native int bindBlob(long statement, int index, byte[] from, int start, int n);

  static native int bindBlobDirect(long statement, int index, ByteBuffer from, int start, int n);

  static native int parameterCount(long statement);

  /** Null: the parameter has none. */
  static native byte[] parameterName(long statement, int index);

  static native int columnCount(long statement);

  /** Null: no memory. */
  static native byte[] columnName(long statement, int column);

  /** out[0]: NOMEM if converting a text or blob found no memory; else as it was. */
  static native long columnLong(long statement, int column, int[] out);

  /** out[0]: the same. */
  static native double columnDouble(long statement, int column, int[] out);

  /** Null: NULL, or out[0] is not OK. */
  static native byte[] columnText(long statement, int column, int[] out);

  /** Null: NULL, or out[0] is not OK. */
  static native byte[] columnBlob(long statement, int column, int[] out);
}
