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

  /** {@link #execute}: nothing was run, since the body's transaction has ended. */
  static final int BODY_ENDED = -3;

  /** {@link #execute}: the statement has parameters, and was not run. */
  static final int PARAMETERS = -4;

  /**
   * {@link #fetch}, {@link #batch}, {@link #execute}: it has to wait for another writer, has changed nothing yet, and can
   * be called again.
   */
  static final int WAIT = -6;

  /** Length of the array for {@link #execute}. */
  static final int SCRIPT_STATE = 3;

  /** Index of the statement that waits in it. */
  static final int SCRIPT_WAITING = 1;

  /** Length of the array for {@link #batch}. */
  static final int BATCH_STATE = 6;

  // ---- rows.h ----

  static final int ROWS_HEAD = 8;
  static final int ROWS_LEAVE = 0;
  static final int ROWS_ELSEWHERE = -1;
  static final int ROWS_BODY_ENDED = -3;
  static final int ROWS_PENDING = -5;

  /** {@link #fetch}: start it, with the parameters that are given, or null for those that it has. */
  static final int FETCH_START = 1;

  /** Begin with the row that the statement is on. */
  static final int FETCH_PENDING = 2;

  /** Run nothing unless a transaction is open. */
  static final int FETCH_IN_BODY = 4;

  /** Run it to its end if that comes behind the rows, or if it changes something. */
  static final int FETCH_AHEAD = 8;

  /** The call before gave WAIT. */
  static final int FETCH_WAITED = 16;

  /** In the result: the rows are held. */
  static final int FETCH_HELD = 0x10000;

  /** In the result: there is not enough memory for the first row, and as much as the number of rows says is needed. */
  static final int FETCH_NO_ROOM = 0x20000;

  private Native() {}

  // ---- the library itself: library.h ----

  /** Whether {@link #libraryPath} goes on to work when the file that the library was loaded from is deleted. */
  static native boolean libraryOutlivesFile();

  /** A path by which a second SQLite can load this very library. Empty: there is none. */
  static native byte[] libraryPath();

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

  /** The first of them, as many at most, without sorting all. out[0]: how many there are. Null: no memory. */
  static native byte[] firstNames(long store, int most, int[] out);

  static native int fork(long store, long version, byte[] newName);

  /** out: bytes, reserved, limit, blocks, versions, pins, forks, databases. */
  static native void storeStats(long store, long[] out);

  /** Bytes of the newest version; negative: minus a result. */
  static native long databaseSize(long store, byte[] database);

  /**
   * out: the same, then size, version and block size. exact: without what leases keep for nobody; else that may be counted, if it was not taken back by a
   * call just before.
   */
  static native int databaseStats(long store, byte[] database, boolean exact, long[] out);

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

  /** The database's bytes have ended; those of its write-ahead log come. */
  static native int loadWal(long load);

  /** Frames that were taken from the log. */
  static native long loadFrames(long load);

  static native int loadFinish(long load);

  static native byte[] loadMessage(long load);

  /** Consumes the load if the result is MV_OK. */
  static native int publish(long store, byte[] database, long load, long micros);

  /**
   * A waiter for the writer that is in the way of {@link #publish}, for so many microseconds at most. Zero: none, and
   * out[0] is the result.
   */
  static native long loadWaiter(long store, byte[] database, long load, long micros, int[] out);

  static native void loadDrop(long load);

  // ---- waiters: mv_waiter_*; see WriteLockWait ----

  /** Puts it into the queue; whoever has to wake it unparks that thread. False: no memory. */
  static native boolean waiterStart(long waiter, Thread thread);

  /** Negative: it is its turn. Else for how many microseconds to park at most; 0: its time is over. */
  static native long waiterLook(long waiter);

  /** Frees it. keep: the lock, if it is promised, is taken next. */
  static native void waiterEnd(long waiter, boolean keep);

  // ---- connection ----

  /** out[0]: the connection; it may be there, with an error message, though the code that is returned is not OK. */
  static native int open(byte[] uri, byte[] vfs, int flags, long[] out);

  /** The connection's statements must have been finalized. */
  static native int closeConnection(long connection);

  static native void interrupt(long connection);

  static native int busyTimeout(long connection, int millis);

  /** Milliseconds; also what {@code PRAGMA busy_timeout} has set. */
  static native int getBusyTimeout(long connection);

  /** After WAIT: what to wait with, the caller's from now on. */
  static native long takeWaiter(long connection);

  /** For content that may be hostile; before the first statement. */
  static native void harden(long connection);

  /** A name in double quotes that names no column is an error, and no string. */
  static native void refuseDoubleQuotedStrings(long connection);

  /** Sets a limit ({@link SqliteLimit#id}); a negative value changes nothing. */
  static native void limit(long connection, int id, int value);

  /** A timer ({@code mv_timer}) that lives as long as the connection; zero: no memory. */
  static native long newTimer(long connection);

  /**
   * What the connection runs from now on, that statement, fails with INTERRUPT after so many microseconds. statement:
   * zero for what is compiled first.
   */
  static native void startTimer(long timer, long statement, long micros);

  /** Whether that has happened since it was started. */
  static native boolean timerExpired(long timer);

  /** Microseconds that are left. */
  static native long timeLeft(long timer);

  /** What runs ends after so many looks of the timer, since its thread came interrupted; negative: it did not. */
  static native void setLooksLeft(long timer, int looks);

  static native int looksLeft(long timer);

  /** Ends what runs, as {@link #interrupt}, and also what is just about to run. */
  static native void interruptThread(long timer);

  static native long changes(long connection);

  static native long totalChanges(long connection);

  static native long lastInsertRowId(long connection);

  static native boolean autocommit(long connection);

  /**
   * The message, in UTF-8, for a code that the last call for this connection returned.
   * out[0]: the extended code; out[1]: byte offset of the error in the SQL, or -1; out[2]: 1 if the code is SQLITE_FULL because of the store's
   * limit of bytes, else 0.
   */
  static native byte[] errorMessage(long connection, int code, int[] out);

  /**
   * Runs all statements; inBody: as long as a transaction is open. out[0], out[1]: start and end of the statement that
   * failed, or waits; out[2]: its number, from 1 on. state begins with zeros; state[0]: rows that were changed. If timer is not zero, each statement has that many
   * microseconds. SQLite's code, BODY_ENDED, PARAMETERS, or WAIT: then the same call with the same arrays
   * goes on. If state[SCRIPT_WAITING] is not zero, that statement waits, and must be finalized if the call is not made
   * again.
   */
  static native int execute(
      long connection, byte[] sql, boolean inBody, long timer, long micros, int[] out, long[] state);

  /** How many statements of the connection are on rows that are held ({@code mv_engine_rows_held}): an int, until it is closed. */
  static native ByteBuffer rowsHeld(long connection);

  /**
   * out[0]: SQLite's code, NO_STATEMENT or MORE_STATEMENTS. Zero unless that is OK; then out: that, parameters, columns, and whether it changes nothing.
   */
  static native long prepare(long connection, byte[] sql, int[] out);

  // ---- statement: indexes as SQLite has them, from 1 for parameters and from 0 for columns ----

  /** SQLite's code: if it was running, whether that could be ended in order. */
  static native int finalizeStatement(long statement);

  /** The same. */
  static native int reset(long statement);

  /**
   * Runs a statement on ({@code mv_rows_fetch}), from the beginning with these parameters of that size. The low 16 bits: ROW, DONE, ROWS_PENDING,
   * ROWS_BODY_ENDED, WAIT or an error; then FETCH_HELD and FETCH_NO_ROOM; the upper 32: how many rows were left in the array. Without an array rows are dropped, it
   * is run to its end, and the upper 32 bits say how many rows it changed.
   */
  static native long fetch(long statement, int how, byte[] parameters, int size, int most, byte[] rows);

  /** Ends a statement after WAIT, as {@link #interrupt} ends one that runs: INTERRUPT. */
  static native int interruptWaiting(long statement);

  /**
   * Runs a statement for each of the parameters ({@code mv_rows_batch}). state begins with zeros; state[0], state[1]: how often it was run without an error,
   * and how many rows that changed. OK, ROWS_BODY_ENDED, WAIT (the same call with the same arrays goes on) or an error.
   */
  static native int batch(long statement, boolean inBody, byte[][] parameters, int[] sizes, long timer, long micros, long[] state);

  static native int bindText(long statement, int index, byte[] utf8);

  static native int bindBlob(long statement, int index, byte[] from, int start, int n);

  static native int bindBlobDirect(long statement, int index, ByteBuffer from, int start, int n);

  /** A copy of what one of these three has bound. Null: no memory. */
  static native byte[] bound(long statement, int index);

  /** Null: the parameter has none. */
  static native byte[] parameterName(long statement, int index);

  static native int columnCount(long statement);

  /** Null: no memory. */
  static native byte[] columnName(long statement, int column);

  /** out[0]: NOMEM if converting a text or blob found no memory; else as it was. */
  static native long columnLong(long statement, int column, int[] out);

  /** out[0]: the same. */
  static native double columnDouble(long statement, int column, int[] out);

  /** Copies up to n of a text's or blob's bytes, and returns how many it has. out[0]: the same. */
  static native int columnBytes(long statement, int column, byte[] to, int start, int n, int[] out);

  /** Null: NULL, or out[0] is not OK. */
  static native byte[] columnText(long statement, int column, int[] out);

  /** Null: NULL, or out[0] is not OK. */
  static native byte[] columnBlob(long statement, int column, int[] out);

  /** Bytes of a value of that type as a number, as SQLite reads them; at most 1024 of them. */
  static native long bytesToLong(long connection, int type, byte[] bytes, int start, int n);

  static native double bytesToDouble(long connection, int type, byte[] bytes, int start, int n);

  /** A number as SQLite writes it. */
  static native byte[] doubleToText(long connection, double value);
}
