package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * The machinery of one {@link SqliteConnection}: its sqlite3, its lock, its transactions and its statements.
 *
 * <p><b>Lock.</b> The connection and all its statements share one lock. It is held during each call, never while code
 * of the user runs. All calls go {@code enter(); try { ... } finally { exit(); }}. The body of a transaction does not
 * hold the lock. Instead its thread is the {@link #owner}, and {@link #enter} makes other threads wait until the body
 * is done. So a thread that closes the {@link MemoryVfs} waits only for the call that is running, not for a body,
 * which might wait for that very thread.
 *
 * <p><b>Order of locks.</b> This lock, then the monitor of the {@link StoreHandle}. {@link #interruptMonitor} is
 * innermost.
 *
 * <p><b>Forgotten objects.</b> This object never refers to {@link SqliteConnection} or {@link SqliteStatement}. When
 * one of these was forgotten, the clean-up thread sets {@link #pending}, and closes what was forgotten if nobody holds
 * the lock. Otherwise the holder of the lock does it, since it looks at {@link #pending} after it has released the
 * lock.
 *
 * <p>Its C half: src/main/c/jni/jni_connection.c.
 */
final class ConnectionHandle {
  /** Most milliseconds between two interrupts of a call that does not end. */
  private static final int MAX_WAIT_MILLIS = 100;

  /**
   * Frames of stack that a call must have: several times what taking and releasing the lock needs, since compiled
   * frames of {@link #needStack} are smaller than those of the interpreter.
   */
  private static final int FRAMES_NEEDED = 20;

  /**
   * Frames of stack that a close or a transaction must have. {@link #commit} and {@link #rollback} must not fail before
   * they have left the body, so they do not check. They are called at the same depth as {@link #begin}, which checks
   * for them.
   */
  private static final int FRAMES_NEEDED_TO_END = 100;

  final StoreHandle store;
  final String database;
  final boolean readOnly;

  /** Microseconds that a statement may run, if there is a timer; {@link Long#MAX_VALUE}: without end. */
  final long statementMicros;

  /** The mv_timer, which ends statements that run longer or whose thread is interrupted; zero: there is none. */
  final long timer;

  /** Null: an interrupt of the thread does not end what runs. */
  final ThreadInterrupts threadInterrupts;

  /** Bytes that a value may have, by {@link SqliteLimit#LENGTH} of the options. */
  final int longest;

  /** The array that native methods set. Under the lock. */
  final int[] out = new int[4];

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition free = lock.newCondition();

  /** The sqlite3; zero: closed. Under the lock. */
  private long address;

  /** The thread in whose transaction body the connection is, and how many bodies deep. Under the lock. */
  private Thread owner;

  private int depth;

  /** First of the statements that are not finalized, linked by {@link StatementHandle#next}. Under the lock. */
  private StatementHandle statements;

  /**
   * The library's own statements by their SQL: BEGIN, COMMIT and their like, three for each level of savepoints that
   * there was. Under the lock.
   */
  private final Map<String, StatementHandle> ownStatements = new HashMap<>();

  /** The int of {@link Native#rowsHeld}. Under the lock, until the connection is closed. */
  private final ByteBuffer rowsHeld;

  /** How often a statement was run that may change what others are reading. Under the lock. */
  private long writes;

  /** Held while the connection is interrupted, and while {@link #interruptible} becomes zero. */
  final Object interruptMonitor = new Object();

  /** The sqlite3 for {@link #interrupt}; zero: closed. Under interruptMonitor. */
  private long interruptible;

  /** How often the connection was interrupted. Written under interruptMonitor. */
  private volatile int interrupts;

  /** Value of {@link #interrupts} when the call that runs began. Under the lock. */
  private int interruptsBefore;

  /** The thread that waits for the write lock. Written under the lock. */
  private volatile Thread waiting;

  /** How long the statement that runs has waited for the write lock. Under the lock. */
  private long waitedNanos;

  /** How its last wait ended; null: it has not waited. Under the lock. */
  private WriteLockWait lastWait;

  /** Made beforehand, since nothing may fail once there is a waiter. */
  private final LongSupplier takeWaiter = () -> Native.takeWaiter(address());

  private final BooleanSupplier interrupted = () -> interrupts != interruptsBefore;

  private final ConcurrentLinkedQueue<StatementHandle> forgottenStatements = new ConcurrentLinkedQueue<>();

  /** Whether the {@link SqliteConnection} was forgotten. */
  private volatile boolean forgotten;

  /** Whether there is something forgotten to close. */
  private volatile boolean pending;

  /** Whether the connection is being closed, so that no further call begins. */
  private volatile boolean closing;

  ConnectionHandle(StoreHandle store, String database, OpenOptions options, long address, long timer) {
    this.store = store;
    this.database = database;
    this.readOnly = options.isReadOnly();
    long millis = options.getStatementTimeout();
    this.statementMicros = millis == OpenOptions.NO_TIMEOUT ? Long.MAX_VALUE : TimeUnit.MILLISECONDS.toMicros(millis);
    this.timer = timer;
    this.threadInterrupts = options.isInterruptible() ? new ThreadInterrupts(this) : null;
    int limit = options.getLimit(SqliteLimit.LENGTH);
    this.longest = limit == OpenOptions.LIMIT_OF_SQLITE ? Integer.MAX_VALUE : limit;
    this.rowsHeld = Native.rowsHeld(address).order(ByteOrder.nativeOrder());
    this.address = address;
    this.interruptible = address;
  }

  // ---- lock ----

  /**
   * Takes the lock, once no other thread is in a transaction body. Throws if the connection is closed, or if the thread
   * is interrupted while it waits or before it would have to.
   */
  void enter() {
    needStack(FRAMES_NEEDED);
    int held = lock.getHoldCount();
    try {
      if (!lock.tryLock()) {
        try {
          lock.lockInterruptibly();
        } catch (InterruptedException e) {
          throw interruptedException();
        }
      }
      if (address == 0 || closing || (owner != null && owner != Thread.currentThread())) {
        enterSlowly();
      }
      entered();
    } catch (Error e) {
      unlockTo(held);
      throw e;
    }
  }

  /** Does the same for a clean-up, which has to work in an interrupted thread, too: an interrupt does not end it. */
  void enterUninterruptibly() {
    needStack(FRAMES_NEEDED);
    int held = lock.getHoldCount();
    try {
      lock.lock();
      while (address != 0 && !closing && owner != null && owner != Thread.currentThread()) {
        free.awaitUninterruptibly();
      }
      if (address == 0 || closing) {
        lock.unlock();
        throw closedException();
      }
      entered();
    } catch (Error e) {
      unlockTo(held);
      throw e;
    }
  }

  private void entered() {
    interruptsBefore = interrupts;
    resetWaits(); // a message of this call must not tell how an earlier call waited
  }

  /**
   * Throws a StackOverflowError unless there are so many frames of stack: it calls itself so often. The error comes
   * here, before the lock is taken. In {@link #exit} it would leave the connection locked for ever.
   */
  private static int needStack(int frames) {
    return frames == 0 ? 0 : needStack(frames - 1) + 1;
  }

  /**
   * Throws a StackOverflowError unless there is enough stack to close an object. The object then stays open, and can be
   * closed by a caller with more stack.
   */
  static void needStackToClose() {
    needStack(FRAMES_NEEDED_TO_END);
  }

  /** Releases the lock after an Error, such as an OutOfMemoryError in a wait, whether this thread took it or not. */
  private void unlockTo(int held) {
    while (lock.getHoldCount() > held) {
      lock.unlock();
    }
  }

  private void enterSlowly() {
    try {
      while (address != 0 && !closing && owner != null && owner != Thread.currentThread()) {
        free.await();
      }
    } catch (InterruptedException e) {
      exit();
      throw interruptedException();
    }
    if (address == 0 || closing) {
      lock.unlock();
      throw closedException();
    }
  }

  /** Returns the exception for a thread that was interrupted, and keeps it interrupted. */
  private SqliteException interruptedException() {
    Thread.currentThread().interrupt();
    return SqliteException.of(SqliteCodes.INTERRUPT, "interrupted: the thread was, while another one used the"
        + " connection to database " + Text.quote(database) + " of " + store.name);
  }

  /** Releases the lock. */
  void exit() {
    lock.unlock();
    if (pending) {
      closeForgotten();
    }
  }

  IllegalStateException closedException() {
    return new IllegalStateException(
        "connection to database " + Text.quote(database) + " of " + store.name + " is closed");
  }

  // ---- transactions; without the lock ----

  /**
   * Begins a transaction, or a savepoint inside one, whose body the calling thread will run. Returns the savepoint's
   * name, or null.
   */
  String begin() {
    needStack(FRAMES_NEEDED_TO_END);
    enter();
    try {
      checkBody();
      String savepoint = beginLocked();
      owner = Thread.currentThread();
      depth++;
      return savepoint;
    } finally {
      exit();
    }
  }

  /**
   * Begins a transaction, or a savepoint inside one. First it prepares the statement that rolls back: once there, that
   * seldom needs memory.
   */
  private String beginLocked() {
    if (!inTransaction()) {
      prepareOwn("ROLLBACK");
      run(readOnly ? "BEGIN" : "BEGIN IMMEDIATE");
      return null;
    }
    String savepoint = "sqlitememvfs_" + (depth + 1);
    prepareOwn("ROLLBACK TO " + savepoint);
    prepareOwn("RELEASE " + savepoint);
    run("SAVEPOINT " + savepoint);
    return savepoint;
  }

  /** Commits the body's transaction or savepoint; rolls it back if that fails. */
  void commit(String savepoint) {
    lock.lock();
    try {
      leaveBody();
      if (address == 0 || closing) {
        throw new IllegalStateException("connection to database " + Text.quote(database) + " of " + store.name
            + " was closed during the transaction, which was rolled back");
      }
      if (!inTransaction()) {
        throw bodyEndedException();
      }
      commitLocked(savepoint);
    } finally {
      exit();
    }
  }

  private void commitLocked(String savepoint) {
    try {
      run(savepoint == null ? "COMMIT" : "RELEASE " + savepoint);
    } catch (RuntimeException | Error e) {
      rollbackLocked(savepoint, e);
      throw e;
    }
  }

  /** Rolls the body's transaction or savepoint back. Errors of that are added to the cause as suppressed. */
  void rollback(String savepoint, Throwable cause) {
    lock.lock();
    try {
      leaveBody();
      if (address != 0) {
        rollbackLocked(savepoint, cause);
      }
    } finally {
      exit();
    }
  }

  /** Rolls back, without being ended by an interrupt of the thread. */
  private void rollbackLocked(String savepoint, Throwable cause) {
    if (threadInterrupts == null) {
      rollBack(savepoint, cause);
      return;
    }
    threadInterrupts.pause(true);
    try {
      rollBack(savepoint, cause);
    } finally {
      threadInterrupts.pause(false);
    }
  }

  /**
   * Rolls back. After an interrupt all that SQLite runs fails for as long as a statement is on a row, this too: then
   * those statements are ended. If a savepoint cannot be rolled back even so, the whole transaction is; if that cannot
   * be, the connection is closed.
   */
  private void rollBack(String savepoint, Throwable cause) {
    if (!inTransaction()) { // SQLite, or the body, has ended it
      return;
    }
    try {
      runRollback(savepoint);
      return;
    } catch (RuntimeException | Error e) {
      if (tryWithoutInterrupt(savepoint, cause) || (savepoint != null && tryWithoutInterrupt(null, cause))) {
        return;
      }
    }
    if (inTransaction()) {
      closeLocked();
    }
  }

  private void runRollback(String savepoint) {
    if (savepoint == null) {
      run("ROLLBACK");
    } else {
      run("ROLLBACK TO " + savepoint);
      run("RELEASE " + savepoint);
    }
  }

  /**
   * Rolls back after the statements on a row were ended, and while nobody can interrupt. Returns false after an error,
   * which is added to the cause.
   */
  private boolean tryWithoutInterrupt(String savepoint, Throwable cause) {
    synchronized (interruptMonitor) {
      for (StatementHandle s = statements; s != null; s = s.next) {
        s.interrupt();
      }
      try {
        runRollback(savepoint);
        return true;
      } catch (RuntimeException | Error e) {
        if (e != cause) {
          cause.addSuppressed(e);
        }
        return false;
      }
    }
  }

  /** Undoes what {@link #begin} did for the body. Under the lock, closed or not. */
  private void leaveBody() {
    if (--depth == 0) {
      owner = null;
      free.signalAll();
      if (forgotten) {
        pending = true;
      }
    }
  }

  // ---- under the lock ----

  /** Returns the sqlite3. */
  long address() {
    return address;
  }

  /** Whether a transaction is open. */
  boolean inTransaction() {
    return !Native.autocommit(address);
  }

  /** Whether the calling thread is in a transaction body. */
  boolean inBody() {
    return depth > 0;
  }

  /** Throws if the calling thread is in a transaction body whose transaction has ended. */
  private void checkBody() {
    if (inBody() && !inTransaction()) {
      throw bodyEndedException();
    }
  }

  IllegalStateException bodyEndedException() {
    return new IllegalStateException("the transaction on database " + Text.quote(database) + " of " + store.name
        + " has ended before its body: SQLite rolled it back because of an error, or the body executed COMMIT or"
        + " ROLLBACK");
  }

  int interrupts() {
    return interrupts;
  }

  long writes() {
    return writes;
  }

  /** Notes that a statement is run that may change what others are reading. */
  void countWrite() {
    writes++;
  }

  /** Notes that a statement is no longer on rows whose version is held. */
  void releaseRows() {
    rowsHeld.putInt(0, rowsHeld.getInt(0) - 1);
  }

  /** Runs a statement's batch in a transaction, or in a savepoint if one is open. Returns how many rows it changed. */
  long runBatch(StatementHandle statement) {
    checkBody();
    if (statement.parameters.rows() == 0) {
      return 0;
    }
    statement.fetchLongValues(); // of the row that is being bound, which stays
    String savepoint = beginLocked();
    long[] results = new long[Native.BATCH_STATE];
    long rows;
    try {
      rows = statement.runBatch(results);
    } catch (RuntimeException | Error e) {
      rollbackLocked(savepoint, e);
      if (e instanceof SqliteException) {
        ((SqliteException) e).setBatchIndex(results[0]);
      }
      throw e;
    }
    commitLocked(savepoint);
    return rows;
  }

  /** Runs a script, and returns how many rows it changed. */
  long execute(byte[] script) {
    writes++;
    out[0] = 0;
    out[1] = script.length;
    out[2] = 1;
    long[] state = new long[Native.SCRIPT_STATE];
    int code;
    try {
      code = runScript(script, state);
      while (code == Native.WAIT) {
        int start = out[0];
        code = awaitWriteLock(state[Native.SCRIPT_WAITING]);
        if (code != SqliteCodes.OK) {
          throw error(code, null, script, start, out[1], out[2]);
        }
        long waited = waitedNanos;
        code = runScript(script, state);
        waitedNanos = code == SqliteCodes.OK || out[0] != start ? 0 : waited;
      }
    } finally {
      if (state[Native.SCRIPT_WAITING] != 0) { // it waits no more
        Native.finalizeStatement(state[Native.SCRIPT_WAITING]);
      }
    }
    if (code == Native.BODY_ENDED) {
      throw bodyEndedException();
    }
    if (code == Native.PARAMETERS) {
      throw new IllegalArgumentException(new ScriptPlace(script, out[0], out[1], out[2])
          + " has parameters, and a script has no values for them: execute it alone, with its values");
    }
    if (code != SqliteCodes.OK) {
      throw error(code, null, script, out[0], out[1], out[2]);
    }
    return state[0];
  }

  private int runScript(byte[] script, long[] state) {
    resetWaits();
    if (threadInterrupts == null) {
      return Native.execute(address, script, inBody(), timer, statementMicros, out, state);
    }
    try {
      threadInterrupts.begin(ThreadInterrupts.LOOKS);
      return Native.execute(address, script, inBody(), timer, statementMicros, out, state);
    } finally {
      threadInterrupts.end();
    }
  }

  /** Notes that a statement begins, which has not waited yet. */
  void resetWaits() {
    waitedNanos = 0;
    lastWait = null;
  }

  /**
   * Waits for the write lock after {@link Native#WAIT}. Returns OK if it is reserved for the statement; else the
   * statement is over, with the code that is returned.
   */
  int awaitWriteLock(long statement) {
    long start = System.nanoTime();
    try {
      waiting = Thread.currentThread();
      lastWait = WriteLockWait.await(takeWaiter, this, interrupted);
    } finally {
      waiting = null;
      waitedNanos += System.nanoTime() - start;
    }
    switch (lastWait) {
      case RESERVED:
        return SqliteCodes.OK;
      case TIMED_OUT:
        return SqliteCodes.BUSY; // SQLite has this code already, from before the wait
      default:
        return Native.interruptWaiting(statement);
    }
  }

  /**
   * Starts the timer, which must be there, for the statement that runs next; zero: for one that is compiled. micros:
   * how long that may take.
   */
  void startTimer(long statement, long micros) {
    Native.startTimer(timer, statement, micros);
  }

  /** Stops the timer, if there is one: what SQLite does next, such as a commit at a statement's end, must be done. */
  void stopTimer() {
    if (timer != 0) {
      Native.startTimer(timer, 0, Long.MAX_VALUE);
    }
  }

  /** Returns the microseconds that the timer, which must be there, has left. */
  long timeLeft() {
    return Native.timeLeft(timer);
  }

  /** Runs one of the library's own statements to its end. */
  void run(String sql) {
    prepareOwn(sql).runToEnd();
  }

  private StatementHandle prepareOwn(String sql) {
    StatementHandle statement = ownStatements.get(sql);
    if (statement == null) {
      statement = prepare(sql, sql.getBytes(US_ASCII));
      ownStatements.put(sql, statement);
    }
    return statement;
  }

  /** Prepares exactly one statement. */
  StatementHandle prepare(String sql, byte[] utf8) {
    long statement = timer == 0 ? Native.prepare(address, utf8, out) : prepareTimed(utf8);
    int code = out[0];
    if (code == Native.NO_STATEMENT) {
      throw new IllegalArgumentException("there is no statement in: " + sql);
    }
    if (code == Native.MORE_STATEMENTS) {
      throw new IllegalArgumentException("there is more than one statement; execute(script) runs them all: " + sql);
    }
    if (code != SqliteCodes.OK) {
      throw error(code, sql, utf8);
    }
    StatementHandle handle;
    try {
      handle = new StatementHandle(this, sql, statement, out[1], out[2], out[3] != 0);
    } catch (Throwable e) { // no memory for it
      Native.finalizeStatement(statement);
      throw e;
    }
    handle.next = statements;
    if (statements != null) {
      statements.previous = handle;
    }
    statements = handle;
    return handle;
  }

  private long prepareTimed(byte[] utf8) {
    startTimer(0, statementMicros);
    if (threadInterrupts == null) {
      return Native.prepare(address, utf8, out);
    }
    try {
      threadInterrupts.begin(ThreadInterrupts.LOOKS);
      return Native.prepare(address, utf8, out);
    } finally {
      threadInterrupts.end();
    }
  }

  /** Finalizes a statement if that was not done before. Returns what {@link StatementHandle#close} returns. */
  int finalizeStatement(StatementHandle statement) {
    if (statement.address == 0) {
      return SqliteCodes.OK;
    }
    int code = statement.close();
    if (statement.previous != null) {
      statement.previous.next = statement.next;
    } else {
      statements = statement.next;
    }
    if (statement.next != null) {
      statement.next.previous = statement.previous;
    }
    return code;
  }

  /**
   * Returns the exception for a code that SQLite returned just now. utf8: the SQL if it was given to SQLite just now,
   * else null.
   */
  SqliteException error(int code, String sql, byte[] utf8) {
    return error(code, sql, utf8, 0, utf8 == null ? 0 : utf8.length, 1);
  }

  /** Does the same. If sql is null, the SQL is statement number {@code number} of a script: utf8 from start to end. */
  private SqliteException error(int code, String sql, byte[] utf8, int start, int end, int number) {
    String message = Text.decode(Native.errorMessage(address, code, out));
    int extended = out[0];
    int primary = extended & 0xff;
    if (primary == SqliteCodes.FULL) {
      message = out[2] != 0 ? store.limitReached()
          : message + ": PRAGMA max_page_count is reached, or the largest rowid of a table is taken";
    } else if (primary == SqliteCodes.BUSY || primary == SqliteCodes.LOCKED || primary == SqliteCodes.ERROR) {
      message = LockMessages.complete(extended, message, lastWait == WriteLockWait.TIMED_OUT ? waitedNanos : 0,
          Native.getBusyTimeout(address), statements);
    }
    if (code == SqliteCodes.INTERRUPT && timer != 0 && Native.timerExpired(timer)) {
      message = "the statement took longer than its timeout of " + TimeUnit.MICROSECONDS.toMillis(statementMicros)
          + " ms";
    } else if (code == SqliteCodes.INTERRUPT && lastWait == WriteLockWait.CANCELLED) {
      message += (interrupts == interruptsBefore ? ": the thread was," : "")
          + " while it waited for the connection that is writing the database";
    } else if (code == SqliteCodes.INTERRUPT && threadInterrupts != null && threadInterrupts.reached()) {
      message += ": the thread was";
    }
    int offset = out[1];
    String statement = sql;
    int first = start;
    if (sql == null && utf8 != null) {
      while (first < end && (utf8[first] <= ' ' && utf8[first] >= 0)) {
        first++;
      }
      statement = new String(utf8, first, end - first, UTF_8);
    }
    int index = -1;
    if (utf8 != null && offset >= first - start && offset <= end - start) {
      index = Text.chars(utf8, first, start + offset);
    }
    if (sql == null && utf8 != null && end > first && (number > 1 || !isBlank(utf8, end))) {
      message += " [" + new ScriptPlace(utf8, first, end, number).at(index) + "]";
    }
    return SqliteException.of(extended, message, statement, index);
  }

  private static boolean isBlank(byte[] utf8, int start) {
    int i = start;
    while (i < utf8.length && (utf8[i] >= 0 && utf8[i] <= ' ' || utf8[i] == ';')) {
      i++;
    }
    return i == utf8.length;
  }

  // ---- from any thread, without the lock ----

  /** Interrupts what is running, without waiting for it. Returns false if the connection is closed. */
  boolean interrupt() {
    synchronized (interruptMonitor) {
      if (!countInterrupt()) {
        return false;
      }
      Native.interrupt(interruptible);
    }
    LockSupport.unpark(waiting);
    return true;
  }

  /**
   * Counts an interrupt, for a caller that then ends what runs. Under the monitor. Returns false if the connection is
   * closed.
   */
  boolean countInterrupt() {
    if (interruptible == 0) {
      return false;
    }
    interrupts++;
    return true;
  }

  boolean isClosed() {
    synchronized (interruptMonitor) {
      return interruptible == 0;
    }
  }

  // ---- close ----

  /** Waits for other threads' calls and transaction bodies, and closes a statement. */
  void close(StatementHandle statement) {
    needStackToClose();
    lock.lock();
    try {
      while (statement.address != 0 && owner != null && owner != Thread.currentThread()) {
        free.awaitUninterruptibly();
      }
      resetWaits();
      int code = finalizeStatement(statement);
      if (code != SqliteCodes.OK) {
        throw error(code, statement.sql, null);
      }
    } finally {
      exit();
    }
  }

  /** Waits for other threads' calls and transaction bodies, and closes the connection. */
  void close() {
    needStackToClose();
    lock.lock();
    try {
      while (address != 0 && owner != null && owner != Thread.currentThread()) {
        free.awaitUninterruptibly();
      }
      closeLocked();
    } finally {
      exit();
    }
  }

  /** Refuses calls from now on and interrupts the one that is running, or closes if there is none. */
  void closeSoon() {
    closing = true; // else the thread that is interrupted may make the next call before closeNow
    interrupt();
    if (lock.tryLock()) {
      try {
        closeLocked();
      } finally {
        exit();
      }
    }
  }

  /**
   * Closes after {@link #closeSoon}: interrupts the call that is still running, and waits for its end.
   *
   * <p>An interrupt that comes just before SQLite begins to run a statement has no effect, hence the repetition.
   */
  void closeNow() {
    boolean interrupted = false;
    int wait = 1;
    while (true) {
      interrupt();
      try {
        if (lock.tryLock(wait, TimeUnit.MILLISECONDS)) {
          break;
        }
        wait = Math.min(wait * 2, MAX_WAIT_MILLIS);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    try {
      closeLocked();
    } finally {
      exit();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void closeLocked() {
    if (address == 0) {
      return;
    }
    synchronized (interruptMonitor) {
      interruptible = 0;
    }
    while (statements != null) {
      finalizeStatement(statements);
    }
    Native.closeConnection(address);
    address = 0;
    ownStatements.clear();
    forgottenStatements.clear();
    free.signalAll();
    store.remove(this);
  }

  // ---- forgotten objects; by the clean-up thread ----

  /** Closes the connection, whose {@link SqliteConnection} was forgotten, now or when its lock is released. */
  void forget() {
    forgotten = true;
    pending = true;
    closeForgotten();
  }

  /** Finalizes a statement, whose {@link SqliteStatement} was forgotten, now or when the lock is released. */
  void forget(StatementHandle statement) {
    forgottenStatements.add(statement);
    pending = true;
    closeForgotten();
  }

  private void closeForgotten() {
    while (pending && lock.tryLock()) {
      try {
        pending = false;
        for (StatementHandle statement; (statement = forgottenStatements.poll()) != null; ) {
          finalizeStatement(statement);
        }
        if (forgotten && owner == null) {
          closeLocked();
        }
      } finally {
        lock.unlock();
      }
    }
  }
}
