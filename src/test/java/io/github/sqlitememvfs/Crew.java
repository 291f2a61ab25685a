package io.github.sqlitememvfs;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Runs the threads of one test. They must check {@link #working}: the first failure of any of them stops the others,
 * and {@link #join} throws it.
 */
public final class Crew {

  public interface Job {
    void run() throws Throwable;
  }

  private final List<Thread> threads = new ArrayList<>();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final AtomicBoolean stopped = new AtomicBoolean();

  public Thread start(String name, Job job) {
    Thread thread = new Thread(() -> {
      try {
        job.run();
      } catch (Throwable e) {
        failure.compareAndSet(null, new AssertionError("thread " + name + ": " + e, e));
        stopped.set(true);
      }
    }, name);
    thread.setDaemon(true);
    threads.add(thread);
    thread.start();
    return thread;
  }

  /** False once somebody failed or said {@link #stop}. */
  public boolean working() {
    return !stopped.get();
  }

  public void stop() {
    stopped.set(true);
  }

  /** Waits for all threads. */
  public void join() throws InterruptedException {
    for (Thread thread : threads) {
      thread.join();
    }
    rethrow();
  }

  public void rethrow() {
    Throwable e = failure.get();
    if (e != null) {
      throw (AssertionError) e;
    }
  }

  /** Returns when that thread waits for something, or has ended. */
  public static void awaitWaiting(Thread thread) {
    for (;;) {
      switch (thread.getState()) {
        case BLOCKED, WAITING, TIMED_WAITING, TERMINATED:
          return;
        default:
          Thread.onSpinWait();
      }
    }
  }
}
