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
 * The native side of one connection, and of its statements.
 *
 * <p><b>Lock.</b> One lock for the connection and all its statements, held during each call, never while code of the
 * user runs. All calls go {@code enter(); try { ... } finally { exit(); }}. A transaction's body does not hold the
 * lock; instead its thread is the {@link #owner}, and {@link #enter} makes other threads wait until it is done. So
 * whoever must close the connection has only to wait for the call that is running, not for a body, which might wait
 * for him.
 *
 * <p><b>Order of locks.</b> This lock, then the monitor of the {@link StoreHandle}. {@link #interruptMonitor} is
 * innermost.
 *
 * <p><b>Forgotten objects.</b> It never refers to {@link SqliteConnection} or {@link SqliteStatement}. When one of
 * these was forgotten, the clean-up thread leaves a note ({@link #pending}) and does what it asks for if nobody holds
 * the lock; otherwise the holder does it, since it looks for a note after letting go of the lock.
 */
final class ConnectionHandle {
  private static final int MAX_WAIT_MILLIS = 100;

  /**
   * Several times what taking the lock and letting go of it need: compiled frames of {@link #needStack} are smaller than
   * those of the interpreter.
   */
  private static final int FRAMES_NEEDED = 20;

  /**
   * For what ends something: a close, or a transaction. {@link #commit} and {@link #rollback} are called where {@link
   * #begin} was, and must not fail before they have left the body. So they do not look, and what they need is asked for
   * at the begin.
   */
  private static final int FRAMES_NEEDED_TO_END = 100;

  final StoreHandle store;
  final String database;
  final boolean readOnly;

  /** What statements may take, in microseconds, if there is a timer; {@link Long#MAX_VALUE}: as long as they want. */
  final long statementMicros;

  /** What ends statements that take longer, or whose thread is interrupted; zero: nothing does. */
  final long timer;

  /** Null: the thread's interrupt ends nothing that runs. */
  final ThreadInterrupts threadInterrupts;

  /** Bytes that a value may have, as far as OpenOptions say. */
  final int longest;

  /** What {@link Native} has to tell; under the lock. */
  final int[] out = new int[4];

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition free = lock.newCondition();

  /** The sqlite3; zero: closed. Under the lock. */
  private long address;

  /** The thread in whose transaction body the connection is, and how many bodies deep. Under the lock. */
  private Thread owner;

  private int depth;

  /** All statements that are not finalized. Under the lock. */
  private StatementHandle statements;

  /** BEGIN, COMMIT and their like, by their SQL: three for each level of savepoints that there was. Under the lock. */
  private final Map<String, StatementHandle> own = new HashMap<>();

  /** {@link Native#rowsHeld}. Under the lock, until it is closed. */
  private final ByteBuffer rowsHeld;

  /** How often something was run that may change what others are reading. Under the lock. */
  private long writes;

  /** Held while the connection is interrupted, and when it goes. */
  final Object interruptMonitor = new Object();

  /** The same as address. Under interruptMonitor. */
  private long interruptible;

  /** How often it was interrupted. Written under interruptMonitor. */
  private volatile int interrupts;

  /** The same when the call that runs began. Under the lock. */
  private int interruptsBefore;

  /** The thread that waits for another writer. Written under the lock. */
  private volatile Thread waiting;

  /** How long the statement that runs has waited for another writer. Under the lock. */
  private long waitedNanos;

  /** How that ended; null: it has not waited. Under the lock. */
  private WriteLockWait lastWait;

  /** Made beforehand: nothing may fail once there is a waiter. */
  private final LongSupplier takeWaiter = () -> Native.takeWaiter(address());

  private final BooleanSupplier interrupted = () -> interrupts != interruptsBefore;

  private final ConcurrentLinkedQueue<StatementHandle> forgottenStatements = new ConcurrentLinkedQueue<>();
  private volatile boolean forgotten;
  private volatile boolean pending;

  /** It is being closed, and no further call begins. */
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
   * Takes the lock, once no other thread is in a transaction body. Throws if closed, or if the thread was interrupted and would have to wait.
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

  /** The same for what cleans up, and so has to work in an interrupted thread, too: it waits, whatever the status is. */
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
    resetWaits(); // an error now has nothing to do with how an earlier call waited
  }

  /**
   * Calls itself so often. A StackOverflowError comes here, before the lock is taken, rather than in {@link #exit}, which
   * then could not let go of it: the connection would be locked for ever.
   */
  private static int needStack(int frames) {
    return frames == 0 ? 0 : needStack(frames - 1) + 1;
  }

  /**
   * Throws a StackOverflowError unless there is enough of the stack to close something: else it stays open, and can
   * be closed from elsewhere.
   */
  static void needStackToClose() {
    needStack(FRAMES_NEEDED_TO_END);
  }

  /** After an Error, such as an OutOfMemoryError while it waited, with the lock or without. */
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

  /** Keeps the thread's status. */
  private SqliteException interruptedException() {
    Thread.currentThread().interrupt();
    return SqliteException.of(SqliteCodes.INTERRUPT,
        "interrupted: the thread was, while another one used the connection to database " + Text.quote(database) + " of " + store.name);
  }

  /** Lets go of the lock. */
  void exit() {
    lock.unlock();
    if (pending) {
      closeForgotten();
    }
  }

  IllegalStateException closedException() {
    return new IllegalStateException("connection to database " + Text.quote(database) + " of " + store.name + " is closed");
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

  /** Begins a transaction, or a savepoint inside one. What rolls it back is prepared first: that seldom needs memory then. */
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

  /** Ends the body's transaction or savepoint; rolls it back if that fails. */
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

  /** Rolls the body's transaction or savepoint back, because of that. */
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

  /**
   * Rolls back. After an interrupt everything fails, this too, for as long as a statement is on a row: then those are
   * ended. What still cannot be done alone is done with more: the whole transaction, or the whole connection, goes.
   */
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

  /** Rolls back while nobody can interrupt, and after what was interrupted. False: an error, which is added. */
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

  /** Under the lock, closed or not: undoes what {@link #begin} did for the body. */
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

  /** The sqlite3. */
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
        + " has ended before its body: SQLite rolled it back because of an error, or the body executed COMMIT or ROLLBACK");
  }

  int interrupts() {
    return interrupts;
  }

  long writes() {
    return writes;
  }

  /** Something is run that may change what others are reading. */
  void countWrite() {
    writes++;
  }

  /** One of the statements is no longer on rows that are held. */
  void releaseRows() {
    rowsHeld.putInt(0, rowsHeld.getInt(0) - 1);
  }

  /** Runs a statement's batch in a transaction, or in a savepoint if one is open. Returns how many rows it changed. */
  long runBatch(StatementHandle statement) {
    checkBody();
    if (statement.parameters.rows() == 0) {
      return 0;
    }
    statement.fetchLongValues(); // long values of the row that is being bound, which stays
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

  /** Something is run that has not waited yet. */
  void resetWaits() {
    waitedNanos = 0;
    lastWait = null;
  }

  /**
   * After {@link Native#WAIT}: waits until it is the statement's turn to write. OK: it is. Else the statement is over, with that code.
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
        return SqliteCodes.BUSY; // which SQLite has said already
      default:
        return Native.interruptWaiting(statement);
    }
  }

  /** That statement, zero for one that is compiled first, is run next and has so much time. If there is a timer. */
  void startTimer(long statement, long micros) {
    Native.startTimer(timer, statement, micros);
  }

  /** What SQLite does next has to be done, such as a commit by the end of a statement that is on a row. */
  void stopTimer() {
    if (timer != 0) {
      Native.startTimer(timer, 0, Long.MAX_VALUE);
    }
  }

  /** Microseconds that the timer has left; only if there is a timer. */
  long timeLeft() {
    return Native.timeLeft(timer);
  }

  /** Runs one of the library's own statements. */
  void run(String sql) {
    prepareOwn(sql).runToEnd();
  }

  private StatementHandle prepareOwn(String sql) {
    StatementHandle statement = own.get(sql);
    if (statement == null) {
      statement = prepare(sql, sql.getBytes(US_ASCII));
      own.put(sql, statement);
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

  /** Finalizes a statement, if that was not done before. Returns the code of {@link StatementHandle#close}. */
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
   * The exception for a code that SQLite returned just now; utf8 is the SQL if it was given to SQLite just now, else
   * null.
   */
  SqliteException error(int code, String sql, byte[] utf8) {
    return error(code, sql, utf8, 0, utf8 == null ? 0 : utf8.length, 1);
  }

  /** The same; if sql is null, it is the part of utf8 from start to end, the statement of that number in a script. */
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
      message = "the statement took longer than its timeout of " + TimeUnit.MICROSECONDS.toMillis(statementMicros) + " ms";
    } else if (code == SqliteCodes.INTERRUPT && lastWait == WriteLockWait.CANCELLED) {
      message += (interrupts == interruptsBefore ? ": the thread was," : "") + " while it waited for the connection that is writing the database";
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

  /** Interrupts what is running, without waiting for it. False if closed. */
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

  /** Under the monitor, for who interrupts what is running in another way. False if closed. */
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

  /** Closes a statement as soon as other threads let it. */
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

  /** Waits for other threads' calls and transaction bodies, and closes. */
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
    closing = true; // else whoever was interrupted may come back before closeNow
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
    own.clear();
    forgottenStatements.clear();
    free.signalAll();
    store.remove(this);
  }

  // ---- forgotten objects; by the clean-up thread ----

  /** The {@link SqliteConnection} was forgotten. */
  void forget() {
    forgotten = true;
    pending = true;
    closeForgotten();
  }

  /** The {@link SqliteStatement} was forgotten. */
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
