package io.github.sqlitememvfs;

import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ThreadFactory;

/**
 * Closes forgotten objects after the garbage collector has found them, by an action that was registered for each.
 *
 * <p>One daemon thread waits for them. It runs only while there are objects to watch, and ends {@value
 * #LINGER_MILLIS} ms after the last one was closed, so that it does not keep this class's loader alive for good.
 *
 * <p>An action must not refer to its object, must not throw and must not wait for a call of the user to end: it leaves
 * the work to that call's thread instead, as {@link ConnectionHandle} does.
 */
final class Cleanup extends PhantomReference<Object> {
  private static final long LINGER_MILLIS = 3_000;

  private static final ReferenceQueue<Object> QUEUE = new ReferenceQueue<>();

  /** Keeps the references themselves reachable. Its own monitor guards it, and {@link #thread}. */
  private static final Set<Cleanup> WATCHED = new HashSet<>();

  private static Thread thread;

  /** Makes the thread. Tests replace it by a factory whose threads do not start. */
  static ThreadFactory threads = task -> new Thread(null, task, "sqlite-memory-vfs cleanup");

  /** Always null, which the compiler must not know: see {@link #keepAlive}. */
  private static volatile Object nothing;

  private final Runnable action;

  private Cleanup(Object object, Runnable action) {
    super(object, QUEUE);
    this.action = action;
  }

  /**
   * Registers an action that runs after the object was forgotten, unless {@link #cancel} is called before. Throws if
   * there is no memory or thread for it; a later call may succeed.
   */
  static Cleanup register(Object object, Runnable action) {
    Cleanup cleanup = new Cleanup(object, action);
    synchronized (WATCHED) {
      if (thread == null) {
        Thread starting = threads.newThread(Cleanup::run);
        starting.setDaemon(true);
        starting.setContextClassLoader(null);
        starting.start();
        thread = starting;
      }
      WATCHED.add(cleanup);
    }
    return cleanup;
  }

  /** Cancels the action, for an object that was closed. */
  void cancel() {
    synchronized (WATCHED) {
      if (WATCHED.remove(this)) {
        clear();
        if (WATCHED.isEmpty()) {
          enqueue(); // wakes the thread, which then lingers
        }
      }
    }
  }

  /**
   * Keeps an object reachable up to here, as Java 9's {@code Reference.reachabilityFence} does. Without it an object
   * may be found forgotten, and closed, while the last call for it is under way.
   */
  static void keepAlive(Object object) {
    if (object == nothing) {
      throw new NullPointerException();
    }
  }

  private static void run() {
    while (true) {
      boolean idle;
      synchronized (WATCHED) {
        idle = WATCHED.isEmpty();
      }
      Cleanup cleanup;
      try {
        cleanup = (Cleanup) (idle ? QUEUE.remove(LINGER_MILLIS) : QUEUE.remove());
      } catch (InterruptedException e) {
        continue; // nobody has a reason to interrupt it: this is no request to end
      }
      synchronized (WATCHED) {
        if (cleanup == null) {
          if (WATCHED.isEmpty()) {
            thread = null;
            return;
          }
          continue;
        }
        if (!WATCHED.remove(cleanup)) {
          continue;
        }
      }
      try {
        cleanup.action.run();
      } catch (Throwable e) { // such as an OutOfMemoryError: the other objects are still to be closed
        Thread.UncaughtExceptionHandler handler = Thread.currentThread().getUncaughtExceptionHandler();
        handler.uncaughtException(Thread.currentThread(), e);
      }
    }
  }
}
