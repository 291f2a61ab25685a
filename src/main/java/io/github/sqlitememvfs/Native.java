package io.github.sqlitememvfs;

import java.nio.ByteBuffer;

/**
 * Declares all native methods. They take and return only primitives, arrays and buffers, and have no logic: they return
 * SQLite's codes as numbers, and the callers make exceptions of them.
 *
 * <p>A handle is the address of a C object; zero is none. Callers must keep a handle alive for as long as a call uses
 * it. Callers must use a connection and its statements in one thread at a time; only {@link #interrupt} and {@link
 * #interruptThread} may come from another.
 *
 * <p>Names and SQL are UTF-8 in arrays of exactly their length. A method that is given an {@code int[] out} or {@code
 * long[] out} sets its elements as the comment says.
 *
 * <p>{@link NativeLibrary#load} must have been called before any of these.
 *
 * <p>Its C half: src/main/c/jni/jni_store.c, jni_load.c, jni_wait.c, jni_connection.c and jni_statement.c.
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

  /** Code of {@link #prepare}: the SQL holds no statement. */
  static final int NO_STATEMENT = -1;

  /** Code of {@link #prepare}: the SQL holds more than one statement. */
  static final int MORE_STATEMENTS = -2;

  /** Code of {@link #execute}: nothing was run, since the body's transaction has ended. */
  static final int BODY_ENDED = -3;

  /** Code of {@link #execute}: the statement has parameters, and was not run. */
  static final int PARAMETERS = -4;

  /**
   * Code of {@link #fetch}, {@link #batch} and {@link #execute}: the statement has to wait for the write lock. It has
   * changed nothing yet. After the wait, the same method goes on with it.
   */
  static final int WAIT = -6;

  /** Length of the state array of {@link #execute}. */
  static final int SCRIPT_STATE = 3;

  /** Index in that array of the statement that waits. */
  static final int SCRIPT_WAITING = 1;

  /** Length of the state array of {@link #batch}. */
  static final int BATCH_STATE = 6;

  // ---- rows and parameters in arrays: rows.h ----

  /** Bytes before the types of a row: its length and its number of columns. */
  static final int ROWS_HEAD = 8;

  /** Type of a parameter that keeps the value that SQLite has been given. */
  static final int ROWS_LEAVE = 0;

  /** Length of a text or blob whose bytes are not in the array: SQLite has them. */
  static final int ROWS_ELSEWHERE = -1;

  /** Code of {@link #fetch} and {@link #batch}: nothing was run, since the body's transaction has ended. */
  static final int ROWS_BODY_ENDED = -3;

  /** Code of {@link #fetch}: SQLite stands on a row that did not fit into the array. */
  static final int ROWS_PENDING = -5;

  /** Flag of {@link #fetch}: start the statement, with the given parameters; null: with those that it has. */
  static final int FETCH_START = 1;

  /** Flag: begin with the row that SQLite stands on. */
  static final int FETCH_PENDING = 2;

  /** Flag: run nothing unless a transaction is open. */
  static final int FETCH_IN_BODY = 4;

  /** Flag: run the statement to its end if that comes behind the rows, or if it changes something. */
  static final int FETCH_AHEAD = 8;

  /** Flag: the call before has returned WAIT. */
  static final int FETCH_WAITED = 16;

  /** In the result: the connection holds the version of the rows, since SQLite has ended its reading. */
  static final int FETCH_HELD = 0x10000;

  /** In the result: the first row does not fit. It needs as many bytes as the result gives for the number of rows. */
  static final int FETCH_NO_ROOM = 0x20000;

  private Native() {}

  // ---- the library itself: library.h ----

  /** Whether {@link #libraryPath} still works when the file that the library was loaded from is deleted. */
  static native boolean libraryOutlivesFile();

  /** Returns a path by which a second SQLite can load this very library. Empty: there is none. */
  static native byte[] libraryPath();

  // ---- store: mv_store_*, mv_vfs_* ----

  static native byte[] sqliteVersion();

  /** Returns a new store. Zero: no memory. */
  static native long storeNew(int blockSize, long maxBytes);

  static native void storeClose(long store);

  static native void storeRelease(long store);

  /** Registers a store with SQLite. out[0]: SQLite's code. Returns zero unless that is OK. */
  static native long vfsRegister(long store, byte[] name, int[] out);

  static native void vfsUnregister(long vfs);

  /** Returns MV_OK, MV_NOTFOUND or MV_CLOSED. */
  static native int exists(long store, byte[] database);

  static native int delete(long store, byte[] database);

  /** Returns the names of all databases, each followed by a NUL. Null: no memory. */
  static native byte[] names(long store);

  /** Returns the first names, at most so many, without sorting all. out[0]: how many there are. Null: no memory. */
  static native byte[] firstNames(long store, int most, int[] out);

  static native int fork(long store, long version, byte[] newName);

  /** Sets out to bytes, reserved bytes, limit, blocks, versions, pins, forks, databases. */
  static native void storeStats(long store, long[] out);

  /** Returns the size of the newest version; negative: minus an mv_result. */
  static native long databaseSize(long store, byte[] database);

  /**
   * Sets out as {@link #storeStats} does, then size, version and block size. exact: leases that nobody uses are ended
   * first, so that what only they keep does not count. If not exact, it counts, unless a call just before has ended
   * them.
   */
  static native int databaseStats(long store, byte[] database, boolean exact, long[] out);

  // ---- version: mv_version_*; by any number of threads at once ----

  /** Pins the newest version. out[0]: the mv_result. Returns zero unless that is MV_OK. */
  static native long pin(long store, byte[] database, int[] out);

  static native void versionRelease(long version);

  static native long versionSize(long version);

  static native long versionNumber(long version);

  /** Copies up to n bytes to an array, and returns how many there were. */
  static native int versionRead(long version, long offset, byte[] to, int start, int n);

  /** Copies to a direct buffer, from an index on. */
  static native int versionReadDirect(long version, long offset, ByteBuffer to, int start, int n);

  /**
   * Returns min to max bytes at an offset, as a buffer on the store's memory; null if fewer than min lie in one piece.
   * The buffer is valid while the version is pinned.
   */
  static native ByteBuffer versionSpan(long version, long offset, int min, int max);

  // ---- load: mv_load_*; by one thread at a time ----

  /** Begins a load. out[0]: the mv_result. Returns zero unless that is MV_OK. */
  static native long loadBegin(long store, byte[] database, int[] out);

  /**
   * Returns the store's memory for the next min to max bytes; null if less than min lies in one piece or out[0], the
   * mv_result, is not MV_OK.
   */
  static native ByteBuffer loadSpace(long load, int min, int max, int[] out);

  /** Takes over n bytes that were put into the buffer of {@link #loadSpace}. */
  static native int loadFilled(long load, int n);

  static native int loadWrite(long load, byte[] from, int start, int n);

  static native int loadWriteDirect(long load, ByteBuffer from, int start, int n);

  /** Notes that the bytes of the database have ended, and those of its write-ahead log come. */
  static native int loadWal(long load);

  /** Returns how many frames were taken from the log. */
  static native long loadFrames(long load);

  static native int loadFinish(long load);

  static native byte[] loadMessage(long load);

  /** Makes the load the newest version. Frees the load if the result is MV_OK. */
  static native int publish(long store, byte[] database, long load, long micros);

  /**
   * Returns a waiter for the write lock that {@link #publish} needs, for so many microseconds at most. Zero: none, and
   * out[0] is the mv_result.
   */
  static native long loadWaiter(long store, byte[] database, long load, long micros, int[] out);

  static native void loadDrop(long load);

  // ---- waiters for the write lock: mv_waiter_*; see WriteLockWait ----

  /**
   * Puts a waiter into the queue. The thread that wakes it unparks the given one. Returns false if there is no memory.
   */
  static native boolean waiterStart(long waiter, Thread thread);

  /**
   * Returns for how many microseconds to park at most; 0: the busy timeout is over; negative: the write lock is
   * reserved for the waiter.
   */
  static native long waiterLook(long waiter);

  /** Frees a waiter. keep: its reservation, if it has one, stays, since the caller takes the write lock next. */
  static native void waiterEnd(long waiter, boolean keep);

  // ---- connection ----

  /** Opens a connection, and returns SQLite's code. out[0]: the connection; it may be there also if that is not OK. */
  static native int open(byte[] uri, byte[] vfs, int flags, long[] out);

  /** Closes a connection, whose statements must have been finalized. */
  static native int closeConnection(long connection);

  static native void interrupt(long connection);

  /** Sets the busy timeout in milliseconds, and returns SQLite's code. */
  static native int busyTimeout(long connection, int millis);

  /** Returns the busy timeout in milliseconds, also one that {@code PRAGMA busy_timeout} has set. */
  static native int getBusyTimeout(long connection);

  /** Returns the waiter of the connection after WAIT. The caller owns it from then on. */
  static native long takeWaiter(long connection);

  /** Prepares a connection for content that may be hostile. Before the first statement. */
  static native void harden(long connection);

  /** Has a connection refuse strings in double quotes. */
  static native void refuseDoubleQuotedStrings(long connection);

  /** Sets a limit ({@link SqliteLimit#id}); a negative value changes nothing. */
  static native void limit(long connection, int id, int value);

  /** Returns a new timer ({@code mv_timer}), which lives as long as the connection. Zero: no memory. */
  static native long newTimer(long connection);

  /**
   * Starts a timer for the statement that runs next: it fails with INTERRUPT after so many microseconds. statement:
   * zero for one that is compiled.
   */
  static native void startTimer(long timer, long statement, long micros);

  /** Whether the timer has ended what ran since it was started. */
  static native boolean timerExpired(long timer);

  /** Returns the microseconds that are left. */
  static native long timeLeft(long timer);

  /** Has what runs end after so many looks of the timer: its thread was interrupted before. Negative: it was not. */
  static native void setLooksLeft(long timer, int looks);

  static native int looksLeft(long timer);

  /** Ends what runs, as {@link #interrupt} does, and also what is just about to run. */
  static native void interruptThread(long timer);

  static native long changes(long connection);

  static native long totalChanges(long connection);

  static native long lastInsertRowId(long connection);

  static native boolean autocommit(long connection);

  /**
   * Returns the message, in UTF-8, for a code that the last call for this connection returned. out[0]: the extended
   * code; out[1]: byte offset of the error in the SQL, or -1; out[2]: 1 if the code is SQLITE_FULL because of the
   * store's limit of bytes, else 0.
   */
  static native byte[] errorMessage(long connection, int code, int[] out);

  /**
   * Runs all statements of a script. inBody: only while a transaction is open. If timer is not zero, each statement has
   * micros microseconds. out[0], out[1]: start and end of the statement that failed, or waits; out[2]: its number, from
   * 1. state begins with zeros; state[0]: how many rows were changed. Returns SQLite's code, BODY_ENDED, PARAMETERS or
   * WAIT. After WAIT, the same call with the same arrays goes on. If state[SCRIPT_WAITING] is not zero, that statement
   * waits, and must be finalized if the call is not made again.
   */
  static native int execute(
      long connection, byte[] sql, boolean inBody, long timer, long micros, int[] out, long[] state);

  /**
   * Returns a buffer on an int of the connection ({@code mv_engine_rows_held}), valid until that is closed. It counts
   * the statements that are on rows of a version whose reading SQLite has ended: the connection holds the version while
   * it is not zero.
   */
  static native ByteBuffer rowsHeld(long connection);

  /**
   * Prepares a statement. out[0]: SQLite's code, NO_STATEMENT or MORE_STATEMENTS. Returns zero unless that is OK. Then
   * out[1] is the number of parameters, out[2] that of columns, out[3] 1 if the statement changes nothing.
   */
  static native long prepare(long connection, byte[] sql, int[] out);

  // ---- statement: indexes as SQLite has them, from 1 for parameters and from 0 for columns ----

  /** Finalizes a statement. Returns SQLite's code: if the statement was running, whether its changes were kept. */
  static native int finalizeStatement(long statement);

  /** Resets a statement. Returns SQLite's code as {@link #finalizeStatement} does. */
  static native int reset(long statement);

  /**
   * Runs a statement ({@code mv_rows_fetch}) to its next rows, at most so many. At its start it gets the parameters, of
   * which the array has size bytes. Without an array for rows, they are dropped, and the statement is run to its end.
   *
   * <p>Low 16 bits of the result: ROW, DONE, ROWS_PENDING, ROWS_BODY_ENDED, WAIT or an error; then FETCH_HELD and
   * FETCH_NO_ROOM. Upper 32 bits: how many rows are in the array; without an array, how many rows were changed.
   */
  static native long fetch(long statement, int flags, byte[] parameters, int size, int most, byte[] rows);

  /** Ends a statement after WAIT, as {@link #interrupt} ends one that runs. Returns INTERRUPT. */
  static native int interruptWaiting(long statement);

  /**
   * Runs a statement for each row of parameters ({@code mv_rows_batch}). state begins with zeros; state[0]: how often
   * the statement was run without an error; state[1]: how many rows that changed. Returns OK, ROWS_BODY_ENDED, an error
   * or WAIT, after which the same call with the same arrays goes on.
   */
  static native int batch(long statement, boolean inBody, byte[][] parameters, int[] sizes, long timer, long micros,
      long[] state);

  static native int bindText(long statement, int index, byte[] utf8);

  static native int bindBlob(long statement, int index, byte[] from, int start, int n);

  static native int bindBlobDirect(long statement, int index, ByteBuffer from, int start, int n);

  /** Returns a copy of the value that one of these three has bound. Null: no memory. */
  static native byte[] bound(long statement, int index);

  /** Returns null if the parameter has no name. */
  static native byte[] parameterName(long statement, int index);

  static native int columnCount(long statement);

  /** Returns null if there is no memory. */
  static native byte[] columnName(long statement, int column);

  /** Sets out[0] to NOMEM if converting a text or blob found no memory; else it stays. */
  static native long columnLong(long statement, int column, int[] out);

  /** Sets out[0] as {@link #columnLong} does. */
  static native double columnDouble(long statement, int column, int[] out);

  /** Copies up to n bytes of a text or blob, and returns how many it has. Sets out[0] as {@link #columnLong} does. */
  static native int columnBytes(long statement, int column, byte[] to, int start, int n, int[] out);

  /** Returns null for NULL, or if there was an error, which out[0] is. */
  static native byte[] columnText(long statement, int column, int[] out);

  /** Returns null as {@link #columnText} does. */
  static native byte[] columnBlob(long statement, int column, int[] out);

  /** Returns the number that SQLite reads from the bytes, at most 1024, of a text or blob. */
  static native long bytesToLong(long connection, int type, byte[] bytes, int start, int n);

  static native double bytesToDouble(long connection, int type, byte[] bytes, int start, int n);

  /** Returns the text of a number as SQLite writes it. */
  static native byte[] doubleToText(long connection, double value);
}
