package io.github.sqlitememvfs;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Waiting for the write lock of a database, in the queue that all its writers share.
 *
 * <p>The thread parks here, in Java: one that sleeps in native code would keep its carrier, if it is a virtual thread, from all other
 * virtual threads, and perhaps from the very writer that it waits for. Whoever lets go of the lock unparks it, from C (jni_wait.c).
 */
enum WriterTurn {
  /** The lock is promised to the caller for some milliseconds: it tries again. */
  COME,

  /** The busy timeout is over. */
  TIMED_OUT,

  /** The thread was interrupted, or the caller's condition came true. */
  CANCELLED;

  /**
   * Waits.
   *
   * @param waiter the {@code mv_waiter}, which is consumed
   * @param blocker for thread dumps
   * @param cancelled what ends it early; whoever makes it true unparks the thread
   * @throws SqliteException {@code SQLITE_NOMEM}
   */
  static WriterTurn await(long waiter, Object blocker, BooleanSupplier cancelled) {
    Thread self = Thread.currentThread();
    boolean comes = false;
    try {
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
      Native.waiterEnd(waiter, comes);
    }
  }
}
