package io.github.sqlitememvfs;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A web server that takes in files by PUT, of a length known beforehand, and gives them out by GET. */
final class HttpStore implements AutoCloseable {

  private final Path folder;
  private final HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
  private final ExecutorService threads = Executors.newCachedThreadPool();

  HttpStore(Path folder) throws IOException {
    this.folder = folder;
    server.createContext("/", this::answer);
    server.setExecutor(threads);
    server.start();
  }

  InetSocketAddress address() {
    return server.getAddress();
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      Path file = folder.resolve(exchange.getRequestURI().getPath().substring(1));
      if (exchange.getRequestMethod().equals("PUT") && !Files.isDirectory(file.getParent())) {
        exchange.sendResponseHeaders(409, -1); // as WebDAV has it
      } else if (exchange.getRequestMethod().equals("PUT")) {
        String length = exchange.getRequestHeaders().getFirst("Content-Length");
        if (length == null) {
          exchange.sendResponseHeaders(411, -1);
          return;
        }
        Path part = Files.createTempFile(folder, "part", null);
        Files.copy(exchange.getRequestBody(), part, StandardCopyOption.REPLACE_EXISTING);
        if (Files.size(part) != Long.parseLong(length)) {
          throw new IOException("body of " + Files.size(part) + " bytes, not of " + length);
        }
        Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
        exchange.sendResponseHeaders(204, -1);
      } else if (Files.exists(file)) {
        exchange.sendResponseHeaders(200, Files.size(file));
        Files.copy(file, exchange.getResponseBody());
      } else {
        byte[] page = "<html><body>There is no such thing here.</body></html>".getBytes(StandardCharsets.US_ASCII);
        exchange.sendResponseHeaders(404, page.length);
        exchange.getResponseBody().write(page);
      }
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdown();
  }
}
