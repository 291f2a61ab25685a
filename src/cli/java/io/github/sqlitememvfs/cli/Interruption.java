package io.github.sqlitememvfs.cli;

import io.github.sqlitememvfs.SqliteConnection;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Ctrl-C and its like: the running SQL is interrupted, files that are not complete are removed, and the JVM ends with its own exit
 * code for the signal. The shutdown hook waits a moment so that the command ends in order.
 */
final class Interruption {
  private static final long PATIENCE_SECONDS = 3;

  private final CountDownLatch ended = new CountDownLatch(1);
  private final List<AtomicFile> files = new ArrayList<>(); // under this
  private SqliteConnection running; // under this
  private boolean raised; // under this

  void install() {
    Runtime.getRuntime().addShutdownHook(new Thread(this::shutDown, "interruption"));
  }

  private void shutDown() {
    if (ended.getCount() == 0) {
      return; // an ordinary end
    }
    if (raise()) {
      try {
        ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Stops what runs, for good. True if SQL was running, whose thread will notice; one that waits for input will not. */
  boolean raise() {
    SqliteConnection connection;
    List<AtomicFile> open;
    synchronized (this) {
      raised = true;
      connection = running;
      open = List.copyOf(files);
    }
    if (connection != null) {
      connection.interrupt();
    }
    for (AtomicFile file : open) {
      try {
        file.close();
      } catch (IOException e) {
        // the process ends; there is nobody to tell
      }
    }
    return connection != null;
  }

  /** A file that is removed at the signal if it is not committed by then. */
  synchronized AtomicFile create(Path path) throws IOException {
    check();
    AtomicFile file = AtomicFile.create(path);
    files.add(file);
    return file;
  }

  /** From now on that connection is what has to be interrupted. */
  synchronized void begin(SqliteConnection connection) {
    check();
    running = connection;
  }

  /** It runs no statement any more: while the next one is read, or typed, there is nothing to interrupt. */
  synchronized void end() {
    running = null;
  }

  private void check() {
    if (raised) {
      throw new CliException(CliException.INTERRUPTED, "interrupted");
    }
  }

  synchronized boolean raised() {
    return raised;
  }

  void ended() {
    ended.countDown();
  }
}
