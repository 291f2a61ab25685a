package io.github.sqlitememvfs.cli;

/** Ends the command with an exit code and one line for the user, who needs no stack trace. */
final class CliException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** All went well. */
  static final int OK = 0;
  /** SQLite refused a statement or the database. */
  static final int SQL = 1;
  /** The command line is wrong; picocli's own code for it. */
  static final int USAGE = 2;
  /** A file, a stream or a URL could not be read or written. */
  static final int IO = 3;
  /** Something that was not foreseen: EX_SOFTWARE of sysexits.h. */
  static final int FAULT = 70;
  /** The user stopped it: 128 + SIGINT, as a shell reports it. */
  static final int INTERRUPTED = 130;
  /** The reader of standard output went away: 128 + SIGPIPE, as a shell reports it. */
  static final int BROKEN_PIPE = 141;

  private final int exitCode;

  CliException(int exitCode, String message, Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
  }

  CliException(int exitCode, String message) {
    this(exitCode, message, null);
  }

  int exitCode() {
    return exitCode;
  }
}
