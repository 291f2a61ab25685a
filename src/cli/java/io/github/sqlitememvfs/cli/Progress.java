package io.github.sqlitememvfs.cli;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * One line on a terminal's standard error while a load or a save takes long: bytes, share, rate. It appears after half a second, is
 * drawn by a thread of its own and is gone when closed. If standard error is no terminal, nothing is printed.
 */
final class Progress implements AutoCloseable {
  private static final long DELAY_MILLIS = 500;
  private static final long PERIOD_MILLIS = 200;
  private static final String CLEAR = "\r\u001b[K";

  private final Thread thread; // null: quiet

  private Progress(Thread thread) {
    this.thread = thread;
  }

  /** Starts to watch. total: bytes expected, or -1. done: bytes so far, asked by another thread. */
  static Progress start(Console console, boolean quiet, String what, long total, LongSupplier done) {
    if (quiet) {
      return new Progress(null);
    }
    Thread thread = new Thread(() -> draw(console, what, total, done), "progress");
    thread.setDaemon(true);
    thread.start();
    return new Progress(thread);
  }

  private static void draw(Console console, String what, long total, LongSupplier done) {
    PrintStream err = console.err();
    boolean drawn = false;
    try {
      long start = System.nanoTime();
      Thread.sleep(DELAY_MILLIS);
      if (!console.errIsTerminal()) {
        return;
      }
      while (true) {
        err.print(CLEAR + what + " " + line(done.getAsLong(), total, System.nanoTime() - start));
        drawn = true;
        Thread.sleep(PERIOD_MILLIS);
      }
    } catch (InterruptedException e) {
      if (drawn) {
        err.print(CLEAR);
      }
    }
  }

  /** Such as "1.2 GB of 4.0 GB (30 %), 800 MB/s". */
  static String line(long done, long total, long nanos) {
    StringBuilder line = new StringBuilder(size(done));
    if (total > 0) {
      line.append(" of ").append(size(total)).append(" (").append(Math.min(100, (int) (100.0 * done / total))).append(" %)");
    }
    return line.append(", ").append(size((long) (done * 1e9 / Math.max(1, nanos)))).append("/s").toString();
  }

  /** Bytes in the largest unit that leaves a number of at least 1, in steps of 1000. */
  static String size(long bytes) {
    if (bytes < 1000) {
      return bytes + " bytes";
    }
    double number = bytes;
    int unit = -1;
    while (number >= 999.95) {
      number /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f %cB", number, "kMGTPE".charAt(unit));
  }

  @Override
  public void close() {
    if (thread == null) {
      return;
    }
    thread.interrupt();
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
