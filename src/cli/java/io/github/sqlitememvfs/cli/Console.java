package io.github.sqlitememvfs.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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

  private final Path inFile;
  private final Path outFile;

  Console(InputStream in, OutputStream out, OutputStream err, BooleanSupplier outIsTerminal, BooleanSupplier errIsTerminal) {
    this(in, out, err, outIsTerminal, errIsTerminal, null, null);
  }

  private Console(InputStream in, OutputStream out, OutputStream err, BooleanSupplier outIsTerminal, BooleanSupplier errIsTerminal,
      Path inFile, Path outFile) {
    this.in = in;
    this.out = new Sink("standard output", out);
    this.err = new PrintStream(err, true, StandardCharsets.UTF_8);
    this.outIsTerminal = outIsTerminal;
    this.errIsTerminal = errIsTerminal;
    this.inFile = inFile;
    this.outFile = outFile;
  }

  /** Those of the process. Asking for a terminal starts a short process, so it is done only when the answer matters. */
  static Console ofProcess() {
    return new Console(
        new FileInputStream(FileDescriptor.in),
        new FileOutputStream(FileDescriptor.out),
        new FileOutputStream(FileDescriptor.err),
        () -> isTerminal(SystemStream.Output),
        () -> isTerminal(SystemStream.Error),
        descriptor(0),
        descriptor(1));
  }

  private static Path descriptor(int number) {
    Path path = Path.of("/dev/fd/" + number);
    return Files.exists(path) ? path : null;
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

  /** What standard input was redirected from, as a link of the system to it; null if that cannot be told. */
  Path inFile() {
    return inFile;
  }

  /** The regular file that standard input reads from its first byte on; null if it is none, or that cannot be told. */
  Path inWholeFile() throws IOException {
    if (inFile == null || !Files.isRegularFile(inFile) || !(in instanceof FileInputStream)
        || ((FileInputStream) in).getChannel().position() != 0) {
      return null;
    }
    Path file = AtomicFile.followLinks(inFile);
    return Files.exists(file) && Files.isSameFile(file, inFile) ? file : null; // not if it was deleted since
  }

  /** What standard output was redirected to, in the same way. */
  Path outFile() {
    return outFile;
  }

  boolean outIsTerminal() {
    return outIsTerminal.getAsBoolean();
  }

  boolean errIsTerminal() {
    return errIsTerminal.getAsBoolean();
  }
}
