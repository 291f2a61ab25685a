package io.github.sqlitememvfs.cli;

import io.github.sqlitememvfs.SqliteConnection;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Ctrl-C and its like: the running SQL is interrupted, files that are not complete are removed, and the JVM ends with its own exit code for
 * the signal. The shutdown hook waits a moment so that the command ends in order.
 */
final class Interruption {
  private static final long PATIENCE_SECONDS = 3;

  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile SqliteConnection running;
  private volatile boolean raised;

  void install() {
    Runtime.getRuntime().addShutdownHook(new Thread(this::raise, "interruption"));
  }

  private void raise() {
    if (ended.getCount() == 0) {
      return; // an ordinary end
    }
    raised = true;
    SqliteConnection connection = running;
    if (connection != null) {
      connection.interrupt();
    }
    AtomicFile.abandonAll();
    if (connection != null) {
      try {
        ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** From now on that connection is what has to be interrupted; null: nothing. */
  void watch(SqliteConnection connection) {
    running = connection;
    check();
  }

  /** Between two statements there is nothing that SQLite could interrupt. */
  void check() {
    if (raised) {
      throw new CliException(CliException.INTERRUPTED, "interrupted");
    }
  }

  boolean raised() {
    return raised;
  }

  void ended() {
    ended.countDown();
  }
}
