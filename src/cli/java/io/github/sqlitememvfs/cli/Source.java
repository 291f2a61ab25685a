package io.github.sqlitememvfs.cli;

import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where bytes come from: a file, standard input or a URL. Counts what is read. */
final class Source extends FilterInputStream {
  private static final int CONNECT_MILLIS = 30_000;
  private static final int SILENCE_MILLIS = 120_000;

  private final long size;
  private final boolean exact;
  private volatile long count; // written by the reading thread only
  private Path file; // null: it is none

  /** size: bytes expected, or -1. exact: fewer are an error. */
  Source(InputStream in, long size, boolean exact) {
    super(in);
    this.size = size;
    this.exact = exact && size >= 0;
  }

  static Source open(String name, Console console) throws IOException {
    if (name.equals("-")) {
      Source source = new Source(console.in(), -1, false);
      source.file = console.inWholeFile();
      return source;
    }
    if (FileNames.isHttp(name)) {
      return new Http(CONNECT_MILLIS, SILENCE_MILLIS).open(name);
    }
    Path path = FileNames.path(name);
    if (Files.isDirectory(path)) {
      throw new IOException("it is a directory");
    }
    // A pipe or a device has no size that means anything.
    boolean regular = Files.isRegularFile(path);
    Source source = new Source(Files.newInputStream(path), regular ? Files.size(path) : -1, false);
    source.file = regular ? path : null;
    return source;
  }

  /** The file that it is, or null. */
  Path file() {
    return file;
  }

  /** Bytes in all, or -1 if that is not known. */
  long size() {
    return size;
  }

  /** Bytes read so far; any thread may ask. */
  long count() {
    return count;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] b, int off, int len) throws IOException {
    int n;
    try {
      n = in.read(b, off, len);
    } catch (SocketTimeoutException e) {
      throw new IOException("nothing more came after " + count + " bytes", e);
    }
    if (n > 0) {
      count += n;
    } else if (n < 0 && exact && count < size) { // a connection that broke looks like an end to HttpURLConnection
      throw new EOFException("it ends after " + count + " of " + size + " bytes");
    }
    return n;
  }

  @Override
  public boolean markSupported() {
    return false;
  }
}
