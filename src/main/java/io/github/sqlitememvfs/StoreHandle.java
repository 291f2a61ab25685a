package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongSupplier;

/**
 * The machinery of one {@link MemoryVfs}: the store, its registration with SQLite, its open connections and pins.
 *
 * <p>Calls that use the store count as users ({@link #acquire}, {@link #release}). After {@link #close}, the last user
 * frees the store. Connections and pins hold it on their own, in C.
 *
 * <p><b>Order of locks.</b> {@link #opening}, the lock of a {@link ConnectionHandle}, this object's monitor. The
 * monitor is held for a few instructions only.
 *
 * <p><b>Forgotten objects.</b> This object never refers to the {@link MemoryVfs}. When the garbage collector finds that
 * forgotten, all objects that refer to it are forgotten, too. The store is closed after the last of these.
 *
 * <p>Its C half: src/main/c/jni/jni_store.c.
 */
final class StoreHandle {
  /** Most names that a message lists. */
  private static final int MAX_LISTED = 20;

  final String name;
  final long maxBytes;

  private final long address;
  private final long vfs;

  /** Read lock: held while a connection is opened. Write lock: taken before the VFS is unregistered. */
  private final ReentrantReadWriteLock opening = new ReentrantReadWriteLock();

  /** Changed under the monitor. */
  private volatile boolean closed;

  /** Number of calls under way, and one more until the store is closed. Under the monitor. */
  private int users = 1;

  /** Whether the {@link MemoryVfs} was forgotten. Under the monitor. */
  private boolean forgotten;

  /** Threads that wait for the write lock of a database. {@link #close} wakes them. */
  private final Set<Thread> waiting = ConcurrentHashMap.newKeySet();

  /** Open connections and pins. Both under the monitor. */
  private final Set<ConnectionHandle> connections = new HashSet<>();
  private final Set<PinHandle> pins = new HashSet<>();

  private StoreHandle(String name, long maxBytes, long address, long vfs) {
    this.name = name;
    this.maxBytes = maxBytes;
    this.address = address;
    this.vfs = vfs;
  }

  /** Makes a store and registers it under that name. Returns null if the name is taken. */
  static StoreHandle create(String name, int blockSize, long maxBytes) {
    byte[] ascii = name.getBytes(US_ASCII);
    int[] out = new int[1];
    long store = Native.storeNew(blockSize, maxBytes);
    if (store == 0) {
      throw SqliteException.of(SqliteCodes.NOMEM, "no memory for a MemoryVfs");
    }
    long vfs = Native.vfsRegister(store, ascii, out);
    if (vfs != 0) {
      try {
        return new StoreHandle(name, maxBytes, store, vfs);
      } catch (Throwable e) { // no memory for it
        Native.vfsUnregister(vfs);
        Native.storeRelease(store);
        throw e;
      }
    }
    Native.storeRelease(store);
    if (out[0] == SqliteCodes.MISUSE) {
      return null;
    }
    throw SqliteException.of(out[0], "SQLite cannot register a VFS");
  }

  // ---- users ----

  /** Returns the mv_store, which lives until {@link #release}. Throws if closed. */
  synchronized long acquire() {
    checkOpen();
    users++;
    return address;
  }

  void release() {
    boolean last;
    synchronized (this) {
      last = --users == 0;
    }
    if (last) {
      Native.storeRelease(address);
    }
    closeIfForgotten();
  }

  void checkOpen() {
    if (closed) {
      throw closedException();
    }
  }

  private IllegalStateException closedException() {
    return new IllegalStateException("MemoryVfs " + name + " is closed");
  }

  boolean isClosed() {
    return closed;
  }

  /** Waits for the write lock of a database; {@link #close} ends the wait, too. */
  WriteLockWait awaitWriteLock(LongSupplier waiters, Object blocker) {
    Thread self = Thread.currentThread();
    try {
      waiting.add(self);
      return WriteLockWait.await(waiters, blocker, () -> closed);
    } finally {
      waiting.remove(self);
    }
  }

  // ---- what is open ----

  /** Opens a connection, with SQLite's flags and a busy timeout in milliseconds. */
  ConnectionHandle open(String database, byte[] uri, int flags, OpenOptions options, int busyTimeout) {
    long[] out = new long[1];
    opening.readLock().lock();
    try {
      checkOpen();
      int code = Native.open(uri, name.getBytes(US_ASCII), flags, out);
      long connection = out[0];
      if (code == SqliteCodes.OK) {
        code = Native.busyTimeout(connection, busyTimeout);
      }
      if (code != SqliteCodes.OK) {
        int[] details = new int[3];
        String message = Text.decode(Native.errorMessage(connection, code, details));
        throw SqliteException.of(details[0],
            "cannot open database " + Text.quote(database) + " of " + name + ": " + message);
      }
      ConnectionHandle handle =
          new ConnectionHandle(this, database, options, connection, configure(connection, options));
      synchronized (this) {
        connections.add(handle);
      }
      return handle;
    } catch (Throwable e) { // an error of SQLite, or no memory for the object
      if (out[0] != 0) {
        Native.closeConnection(out[0]);
      }
      throw e;
    } finally {
      opening.readLock().unlock();
    }
  }

  /** Applies the options to a connection that has run nothing yet. Returns its timer, or zero. */
  private static long configure(long connection, OpenOptions options) {
    if (options.isHardened()) {
      Native.harden(connection);
    }
    if (!options.isDoubleQuotedStrings()) {
      Native.refuseDoubleQuotedStrings(connection);
    }
    for (SqliteLimit limit : SqliteLimit.VALUES) {
      int value = options.getLimit(limit);
      if (value != OpenOptions.LIMIT_OF_SQLITE) {
        // Only there SQLite takes 0 for no limit at all; 1 allows no UNION.
        boolean noUnion = limit == SqliteLimit.COMPOUND_SELECT && value == 0;
        Native.limit(connection, limit.id, noUnion ? 1 : value);
      }
    }
    if (options.getStatementTimeout() == OpenOptions.NO_TIMEOUT && !options.isInterruptible()) {
      return 0;
    }
    long timer = Native.newTimer(connection);
    if (timer == 0) {
      throw SqliteException.of(SqliteCodes.NOMEM, "no memory for a connection");
    }
    return timer;
  }

  /** Pins the newest version of a database. what: how messages call the object whose pin it is. */
  PinHandle pin(String database, byte[] utf8, String what) {
    long store = acquire();
    try {
      int[] out = new int[1];
      long version = Native.pin(store, utf8, out);
      if (version == 0) {
        throw error(store, out[0], database);
      }
      try {
        PinHandle pin = new PinHandle(this, what, version);
        synchronized (this) {
          checkOpen();
          pins.add(pin);
        }
        return pin;
      } catch (Throwable e) { // closed, or no memory for it
        Native.versionRelease(version);
        throw e;
      }
    } finally {
      release();
    }
  }

  void remove(ConnectionHandle connection) {
    synchronized (this) {
      connections.remove(connection);
    }
    closeIfForgotten();
  }

  void remove(PinHandle pin) {
    synchronized (this) {
      pins.remove(pin);
    }
    closeIfForgotten();
  }

  // ---- close ----

  /** Closes connections and pins. Returns when the calls that connections were running have ended. */
  void close() {
    ConnectionHandle.needStackToClose();
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    waiting.forEach(LockSupport::unpark);
    opening.writeLock().lock(); // until what was being opened is in the set
    opening.writeLock().unlock();
    List<ConnectionHandle> openConnections;
    List<PinHandle> openPins;
    synchronized (this) {
      openConnections = new ArrayList<>(connections);
      openPins = new ArrayList<>(pins);
    }
    Native.storeClose(address);
    List<Runnable> steps = new ArrayList<>();
    for (ConnectionHandle connection : openConnections) { // all, before one is waited for: it may wait for another
      steps.add(connection::closeSoon);
    }
    for (ConnectionHandle connection : openConnections) {
      steps.add(connection::closeNow);
    }
    for (PinHandle pin : openPins) {
      steps.add(pin::close);
    }
    steps.add(() -> Native.vfsUnregister(vfs));
    steps.add(this::release);
    runAll(steps);
  }

  /** Runs all steps, whatever one throws (where little stack or heap is left), then throws what was thrown first. */
  private static void runAll(List<Runnable> steps) {
    Throwable failure = null;
    for (Runnable step : steps) {
      try {
        step.run();
      } catch (RuntimeException | Error e) {
        failure = failure == null ? e : failure;
      }
    }
    if (failure instanceof Error) {
      throw (Error) failure;
    }
    if (failure != null) {
      throw (RuntimeException) failure;
    }
  }

  /** Closes the store, whose {@link MemoryVfs} was forgotten, once nothing is open of it. */
  void forget() {
    synchronized (this) {
      forgotten = true;
    }
    closeIfForgotten();
  }

  private void closeIfForgotten() {
    synchronized (this) {
      if (!forgotten || closed || users > 1 || !connections.isEmpty() || !pins.isEmpty()) {
        return;
      }
    }
    close();
  }

  // ---- errors ----

  /** Returns the exception for a result of the store other than MV_OK. The store must be acquired. */
  RuntimeException error(long store, int result, String database) {
    switch (result) {
      case Native.MV_NOMEM:
        return SqliteException.of(SqliteCodes.NOMEM, "no memory for database " + Text.quote(database) + " of " + name);
      case Native.MV_FULL:
        return SqliteException.of(SqliteCodes.FULL, "database " + Text.quote(database) + ": " + limitReached());
      case Native.MV_NOTFOUND:
        return SqliteException.of(SqliteCodes.CANTOPEN, "there is no database " + Text.quote(database) + " in " + name
            + ", " + listed(store));
      case Native.MV_EXISTS:
        return new IllegalArgumentException("there is a database " + Text.quote(database) + " in " + name + " already");
      case Native.MV_CLOSED:
        return closedException();
      default:
        return new IllegalStateException("result " + result + " of the store for database " + Text.quote(database));
    }
  }

  /** Returns the message for the limit of bytes. The store must be acquired, or a connection to it be open. */
  String limitReached() {
    long[] stats = new long[Native.DATABASE_STATS];
    Native.storeStats(address, stats);
    return "the limit of " + maxBytes + " bytes of MemoryVfs " + name + " (maxBytes) is reached, " + stats[0]
        + " are in use now: delete what is not needed, close statements, snapshots and streams that keep old versions,"
        + " or set a higher limit";
  }

  /** Returns the names of all databases. The store must be acquired. */
  List<String> databases(long store) {
    return split(Native.names(store));
  }

  private static List<String> split(byte[] all) {
    if (all == null) {
      throw SqliteException.of(SqliteCodes.NOMEM, "no memory for the names of databases");
    }
    List<String> names = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < all.length; i++) {
      if (all[i] == 0) {
        names.add(Text.decode(all, start, i));
        start = i + 1;
      }
    }
    return names;
  }

  /** Returns the text that a message lists databases with. The store must be acquired. */
  private static String listed(long store) {
    int[] count = new int[1];
    List<String> names = split(Native.firstNames(store, MAX_LISTED, count));
    if (names.isEmpty()) {
      return "which has none";
    }
    StringBuilder list = new StringBuilder("which has ");
    for (int i = 0; i < names.size(); i++) {
      list.append(i == 0 ? "" : ", ").append(Text.quote(names.get(i)));
    }
    if (count[0] > names.size()) {
      list.append(" and ").append(count[0] - names.size()).append(" more");
    }
    return list.toString();
  }
}
