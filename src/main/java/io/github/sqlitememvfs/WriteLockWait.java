package io.github.sqlitememvfs;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * Waits for the write lock of a database, in the queue that all its writers share; the constants say how a wait ended.
 *
 * <p>The thread parks in Java. A virtual thread that slept in native code would keep its carrier from all other
 * virtual threads, and perhaps from the very one that holds the write lock. The thread that releases the write lock
 * unparks it, from C.
 *
 * <p>Its C half: src/main/c/jni/jni_wait.c, on the queue of src/main/c/store/writer.c.
 */
enum WriteLockWait {
  /**
   * The write lock is reserved for the caller for some milliseconds, in which no other writer gets it. The caller tries
   * again at once. If it does not, it must end what waited (its statement, or its {@link Load}), which gives the
   * reservation up.
   */
  RESERVED,

  /** The busy timeout is over. */
  TIMED_OUT,

  /** The thread was interrupted, or the caller's condition came true. */
  CANCELLED;

  /**
   * Waits, and returns how that ended.
   *
   * @param waiters makes the {@code mv_waiter}, which is freed here whatever is thrown; zero: there is nothing to wait
   *     for any more
   * @param blocker object that thread dumps show as what the thread waits for
   * @param cancelled condition that ends the wait early; whoever makes it true unparks the thread
   * @throws SqliteException {@code SQLITE_NOMEM}
   */
  static WriteLockWait await(LongSupplier waiters, Object blocker, BooleanSupplier cancelled) {
    Thread self = Thread.currentThread();
    boolean reserved = false;
    long waiter = 0;
    try {
      waiter = waiters.getAsLong();
      if (waiter == 0) {
        return RESERVED;
      }
      if (!Native.waiterStart(waiter, self)) {
        throw SqliteException.of(SqliteCodes.NOMEM, "no memory to wait for another writer");
      }
      while (true) {
        long micros = Native.waiterLook(waiter);
        if (micros < 0) {
          reserved = true;
          return RESERVED;
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
        Native.waiterEnd(waiter, reserved);
      }
    }
  }
}
