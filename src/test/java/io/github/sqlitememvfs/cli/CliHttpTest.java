package io.github.sqlitememvfs.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** -i with http URLs: every fault of a URL or a server is a message and exit code 3. */
@Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CliHttpTest {
  @TempDir
  private Path folder;

  private HttpServer server;
  private String host;
  private byte[] database;

  @BeforeEach
  void startServer() throws IOException {
    Path db = folder.resolve("in.db");
    Command.run("-o", db, "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2)").prints("");
    database = Files.readAllBytes(db);
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    host = server.getAddress().getAddress().getHostAddress() + ":" + server.getAddress().getPort();
    server.createContext("/", exchange -> {
      String uri = exchange.getRequestURI().toString();
      if (uri.equals("/in.db") || uri.equals("/a%20b%C3%A9?q=%7Bx%7D&y=%20")) {
        exchange.sendResponseHeaders(200, database.length);
        exchange.getResponseBody().write(database);
      } else if (uri.startsWith("/to/")) {
        exchange.getResponseHeaders().add("Location", uri.substring(4));
        exchange.sendResponseHeaders(307, -1);
      } else {
        exchange.sendResponseHeaders(uri.equals("/302") ? 302 : 404, -1);
      }
      exchange.close();
    });
    server.start();
  }

  @AfterEach
  void stopServer() {
    server.stop(0);
  }

  private static Command count(String url) {
    return Command.run("-i", url, "SELECT count(*) AS n FROM t");
  }

  @Test
  void urlsAreTakenAsBrowsersTakeThem() {
    count("HTTP://" + host + "/in.db#fragment").prints("n\n2\n");
    count("http://" + host + "/a bé?q={x}&y= ").prints("n\n2\n");
    count("http://" + host + "/to//in.db").prints("n\n2\n");
    count("http://" + host + "/to/http://" + host + "/to//in.db").prints("n\n2\n");
  }

  @Test
  void aHostMayHaveUnderscores() throws Exception {
    Path hosts = Files.writeString(folder.resolve("hosts"), server.getAddress().getAddress().getHostAddress()
        + " db_1\n");
    String url = "http://db_1:" + server.getAddress().getPort() + "/to/http://db_1:" + server.getAddress().getPort()
        + "/in.db";
    Command.runProcess(new ProcessBuilder(Command.line(List.of("-Djdk.net.hosts.file=" + hosts), "-i", url,
        "SELECT count(*) AS n FROM t")))
        .prints("n\n2\n");
    Command.runProcess(new ProcessBuilder(Command.line(List.of("-Djdk.net.hosts.file=" + hosts), "-i", "http://a_b/x",
        "SELECT 1")))
        .fails(3, "cannot read http://a_b/x: unknown host a_b");
  }

  @Test
  void urlsThatAreNone() {
    String[][] cases = {
        {"http:///x", "not a valid URL: it names no host"},
        {"http://", "not a valid URL: it names no host"},
        {"http:x", "not a valid URL: http:// or https:// and a host must begin it"},
        {"https:/x/y", "not a valid URL: http:// or https:// and a host must begin it"},
        {"http://127.0.0.1:99999/x", "not a valid URL: the port 99999 is not one from 1 to 65535"},
        {"http://127.0.0.1:0/x", "not a valid URL: the port 0 is not one from 1 to 65535"},
        {"http://127.0.0.1:999999999999/x", "not a valid URL: the port 999999999999 is not one from 1 to 65535"},
        {"http://127.0.0.1:x/x", "not a valid URL: 127.0.0.1:x is no host with a port"},
        {"http://[", "not a valid URL: [ is no host with a port"},
        {"http://a b/x", "not a valid URL: a b is no name of a host"},
        {"http://a\u0000b/x", "not a valid URL: a b is no name of a host"},
        {"http://me:secret@127.0.0.1/x",
            "a URL with a user is not supported; download it with another program, and give it as -i -"},
    };
    for (String[] c : cases) {
      count(c[0]).fails(3, "cannot read " + Failures.oneLine(c[0]) + ": " + c[1]);
    }
    count("http://[::1").failsWith(3, "is no host with a port");
    count("http://[1:2:3]/x").failsWith(3, "cannot read http://[1:2:3]/x: ");
  }

  @Test
  void serversThatHaveNoDatabase() {
    String url = "http://" + host;
    count(url + "/none").fails(3, "cannot read " + url + "/none: HTTP status 404");
    count(url + "/302").fails(3, "cannot read " + url + "/302: HTTP status 302");
    count(url + "/to/ftp://x/y").fails(3, "cannot read " + url
        + "/to/ftp://x/y: it redirects to ftp://x/y: not a valid URL: http:// or "
        + "https:// and a host must begin it");
    count(url + "/to/http://x:99999/").failsWith(3, "it redirects to http://x:99999/: not a valid URL: the port 99999");
    String endless = "/to/".repeat(25);
    count(url + endless).fails(3, "cannot read " + url + endless + ": more than 20 redirects");
    server.stop(0);
    count(url + "/in.db").fails(3, "cannot read " + url + "/in.db: Connection refused");
  }

  @Test
  void answersThatBreakOff() throws IOException {
    String head = "HTTP/1.1 200 OK\r\n";
    String size = head + "Content-Length: " + database.length + "\r\n\r\n";
    String whole = new String(database, ISO_8859_1);
    answer("", "Unexpected end of file from server");
    answer("hello\r\n\r\n", "the server's answer is not HTTP");
    answer(size, "it ends after 0 of 8192 bytes"); // and is no empty database
    answer(size + whole.substring(0, 4096), "it ends after 4096 of 8192 bytes");
    answer(head + "Transfer-Encoding: chunked\r\n\r\n1000\r\n" + whole.substring(0, 4096) + "\r\n", "Premature EOF");
  }

  private void answer(String answer, String message) throws IOException {
    try (ServerSocket listening = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      Thread thread = new Thread(() -> {
        for (int i = 0; i < 2; i++) { // the client tries once more if nothing comes
          try (Socket socket = listening.accept()) {
            readHead(socket);
            socket.getOutputStream().write(answer.getBytes(ISO_8859_1));
          } catch (IOException e) {
            return; // closed
          }
        }
      });
      thread.start();
      String url = "http://" + listening.getInetAddress().getHostAddress() + ":" + listening.getLocalPort() + "/x";
      count(url).fails(3, "cannot read " + url + ": " + message);
    }
  }

  private static void readHead(Socket socket) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int b = socket.getInputStream().read();
      if (b < 0) {
        return;
      }
      head.append((char) b);
    }
  }

  @Test
  void aServerThatSaysNothing() throws IOException {
    try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) { // the system accepts for it
      String url = "http://" + silent.getInetAddress().getHostAddress() + ":" + silent.getLocalPort() + "/x";
      IOException e = assertThrows(IOException.class, () -> new Http(30_000, 100).open(url));
      assertEquals("no answer within 100 ms", e.getMessage());
    }
    try (ServerSocket slow = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      String url = "http://" + slow.getInetAddress().getHostAddress() + ":" + slow.getLocalPort() + "/x";
      Thread thread = new Thread(() -> {
        try (Socket socket = slow.accept()) {
          readHead(socket);
          socket.getOutputStream().write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".getBytes(ISO_8859_1));
          socket.getInputStream().read(); // until the client goes
        } catch (IOException e) {
          return; // the same
        }
      });
      thread.start();
      try (Source source = new Http(30_000, 1_000).open(url)) {
        assertEquals("abc", new String(source.readNBytes(3), ISO_8859_1));
        IOException e = assertThrows(IOException.class, source::read);
        assertEquals("nothing more came after 3 bytes", e.getMessage());
      }
    }
  }
}
