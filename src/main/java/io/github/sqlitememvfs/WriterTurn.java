package io.github.sqlitememvfs;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * Waiting for the write lock of a database, in the queue that all its writers share.
 *
 * <p>The thread parks here, in Java: one that sleeps in native code would keep its carrier, if it is a virtual thread, from all other
 * virtual threads, and perhaps from the very writer that it waits for. Whoever lets go of the lock unparks it, from C (jni_wait.c).
 */
enum WriterTurn {
  /**
   * The lock is promised to the caller for some milliseconds, in which no other writer gets it. The caller tries again at
   * once; if it does not, it has to give the promise up by ending what waited (its statement, or its {@link Load}).
   */
  COME,

  /** The busy timeout is over. */
  TIMED_OUT,

  /** The thread was interrupted, or the caller's condition came true. */
  CANCELLED;

  /**
   * Waits.
   *
   * @param waiters gives the {@code mv_waiter}, which ends here whatever is thrown; zero: there is nothing to wait
   *     for any more
   * @param blocker for thread dumps
   * @param cancelled what ends it early; whoever makes it true unparks the thread
   * @throws SqliteException {@code SQLITE_NOMEM}
   */
  static WriterTurn await(LongSupplier waiters, Object blocker, BooleanSupplier cancelled) {
    Thread self = Thread.currentThread();
    boolean comes = false;
    long waiter = 0;
    try {
      waiter = waiters.getAsLong();
      if (waiter == 0) {
        return COME;
      }
      if (!Native.waiterStart(waiter, self)) {
        throw SqliteException.of(SqliteCodes.NOMEM, "no memory to wait for another writer");
      }
      while (true) {
        long micros = Native.waiterLook(waiter);
        if (micros < 0) {
          comes = true;
          return COME;
        }
        if (self.isInterrupted() || cancelled.getAsBoolean()) {
          return CANCELLED;
        }
        if (micros == 0) {
          return TIMED_OUT;
        }
        LockSupport.parkNanos(blocker, micros * 1000);
      }
    } finally {
      if (waiter != 0) {
        Native.waiterEnd(waiter, comes);
      }
    }
  }
}
