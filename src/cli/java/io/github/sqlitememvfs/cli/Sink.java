package io.github.sqlitememvfs.cli;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Locale;

/**
 * A stream to write to that counts, and whose failures are {@link CliException}s with its name: also through libraries that hide an
 * IOException. A reader that went away is told from a real fault.
 */
final class Sink extends FilterOutputStream {
  private final String name;
  private volatile long count; // written by the writing thread only

  Sink(String name, OutputStream out) {
    super(out);
    this.name = name;
  }

  /** Bytes written so far; any thread may ask. */
  long count() {
    return count;
  }

  @Override
  public void write(int b) {
    attempt(() -> out.write(b));
    count++;
  }

  @Override
  public void write(byte[] b, int off, int len) {
    attempt(() -> out.write(b, off, len));
    count += len;
  }

  @Override
  public void flush() {
    attempt(out::flush);
  }

  /** Whoever made the stream below closes it. */
  @Override
  public void close() {
    flush();
  }

  private void attempt(Action action) {
    try {
      action.run();
    } catch (IOException e) {
      // The JDK has no class for it, only the system's message: "Broken pipe", "The pipe is being closed".
      boolean pipe = Failures.reason(e).toLowerCase(Locale.ROOT).contains("pipe");
      CliException failure = Failures.cannotWrite(name, e);
      throw pipe ? new CliException(CliException.BROKEN_PIPE, failure.getMessage(), e) : failure;
    }
  }

  private interface Action {
    void run() throws IOException;
  }
}
