package io.github.sqlitememvfs.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.function.BooleanSupplier;
import org.jline.terminal.impl.exec.ExecTerminalProvider;
import org.jline.terminal.spi.SystemStream;

/**
 * The three standard streams as bytes, and whether a person looks at them. Tests give their own.
 *
 * <p>What fails on {@code out} is not hidden, as {@link System#out} would do: a full disk must not look like success.
 */
final class Console {
  private final InputStream in;
  private final Sink out;
  private final PrintStream err;
  private final BooleanSupplier outIsTerminal;
  private final BooleanSupplier errIsTerminal;

  Console(InputStream in, OutputStream out, OutputStream err, BooleanSupplier outIsTerminal, BooleanSupplier errIsTerminal) {
    this.in = in;
    this.out = new Sink("standard output", out);
    this.err = new PrintStream(err, true, StandardCharsets.UTF_8);
    this.outIsTerminal = outIsTerminal;
    this.errIsTerminal = errIsTerminal;
  }

  /** Those of the process. Asking for a terminal starts a short process, so it is done only when the answer matters. */
  static Console ofProcess() {
    return new Console(
        new FileInputStream(FileDescriptor.in),
        new FileOutputStream(FileDescriptor.out),
        new FileOutputStream(FileDescriptor.err),
        () -> isTerminal(SystemStream.Output),
        () -> isTerminal(SystemStream.Error));
  }

  private static boolean isTerminal(SystemStream stream) {
    if (System.getProperty("os.name").startsWith("Windows")) {
      return System.console() != null;
    }
    return new ExecTerminalProvider().isSystemStream(stream);
  }

  InputStream in() {
    return in;
  }

  Sink out() {
    return out;
  }

  PrintStream err() {
    return err;
  }

  boolean outIsTerminal() {
    return outIsTerminal.getAsBoolean();
  }

  boolean errIsTerminal() {
    return errIsTerminal.getAsBoolean();
  }
}
