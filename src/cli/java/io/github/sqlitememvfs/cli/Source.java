package io.github.sqlitememvfs.cli;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;

/** Where bytes come from: a file, standard input or a URL. Counts what is read. */
final class Source extends FilterInputStream {
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(30);

  private final long size;
  private volatile long count; // written by the reading thread only

  private Source(InputStream in, long size) {
    super(in);
    this.size = size;
  }

  static Source open(String name, Console console) throws IOException {
    if (name.equals("-")) {
      return new Source(console.in(), -1);
    }
    String lower = name.toLowerCase(Locale.ROOT);
    if (lower.startsWith("http://") || lower.startsWith("https://")) {
      return openHttp(name);
    }
    Path path = lower.startsWith("file:") ? Path.of(uri(name)) : Failures.path(name);
    if (Files.isDirectory(path)) {
      throw new IOException("it is a directory");
    }
    // A pipe or a device has no size that means anything.
    return new Source(Files.newInputStream(path), Files.isRegularFile(path) ? Files.size(path) : -1);
  }

  private static Source openHttp(String name) throws IOException {
    HttpClient client = HttpClient.newBuilder()
        .followRedirects(HttpClient.Redirect.NORMAL)
        .connectTimeout(CONNECT_TIMEOUT)
        .build();
    try {
      HttpResponse<InputStream> response =
          client.send(HttpRequest.newBuilder(uri(name)).build(), HttpResponse.BodyHandlers.ofInputStream());
      if (response.statusCode() != 200) {
        response.body().close();
        throw new IOException("HTTP status " + response.statusCode());
      }
      return new Source(response.body(), response.headers().firstValueAsLong("Content-Length").orElse(-1));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private static URI uri(String name) throws IOException {
    try {
      return URI.create(name);
    } catch (IllegalArgumentException e) {
      throw new IOException("not a valid URL", e);
    }
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
    int b = in.read();
    if (b >= 0) {
      count++;
    }
    return b;
  }

  @Override
  public int read(byte[] b, int off, int len) throws IOException {
    int n = in.read(b, off, len);
    if (n > 0) {
      count += n;
    }
    return n;
  }

  @Override
  public boolean markSupported() {
    return false;
  }
}
