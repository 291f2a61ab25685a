package io.github.sqlitememvfs.cli;

import java.io.IOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** Says in words what the JDK's I/O exceptions say by their class. */
final class Failures {
  private Failures() {}

  /** Why it failed, without the name of the file. */
  static String reason(Throwable e) {
    if (e instanceof NoSuchFileException) {
      return "no such file or directory";
    }
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof NotDirectoryException) {
      return "not a directory";
    }
    if (e instanceof FileSystemException && ((FileSystemException) e).getReason() != null) {
      return ((FileSystemException) e).getReason();
    }
    if (e instanceof UnknownHostException) {
      return "unknown host " + oneLine(String.valueOf(e.getMessage()));
    }
    if (e.getMessage() != null && !e.getMessage().isEmpty()) {
      return oneLine(e.getMessage());
    }
    return e instanceof ConnectException ? "connection refused" : e.getClass().getSimpleName();
  }

  /** The text with line breaks and other control characters as spaces: an error is one line. */
  static String oneLine(String text) {
    return text.replaceAll("[\\p{Cntrl}\\u2028\\u2029]+", " ").trim();
  }

  static CliException cannotRead(String what, IOException e) {
    return new CliException(CliException.IO, "cannot read " + what + ": " + reason(e), e);
  }

  static CliException cannotWrite(String what, IOException e) {
    return new CliException(CliException.IO, "cannot write " + what + ": " + reason(e), e);
  }
}
