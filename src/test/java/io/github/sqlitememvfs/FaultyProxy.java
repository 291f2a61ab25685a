package io.github.sqlitememvfs;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ConcurrentLinkedDeque;
import javax.net.ServerSocketFactory;
import javax.net.ssl.SSLContext;

/**
 * Stands between one HTTP client and a server, passes bytes on in both directions, and breaks the connection, once each
 * time it is told to. It can speak TLS with the client; with the server it does not.
 */
final class FaultyProxy implements AutoCloseable {

  private static final byte[] UNAVAILABLE = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

  private enum Kind {
    NONE, RESET_REQUEST, LOSE_RESPONSE, CUT_RESPONSE
  }

  private final InetSocketAddress server;
  private final ServerSocket listener;
  private final String scheme;
  private final ConcurrentLinkedDeque<Socket> open = new ConcurrentLinkedDeque<>();

  /** All four under the monitor. */
  private Kind next = Kind.NONE;

  private long after;
  private int faults;

  /** The connection with the first request since it was told: what is still on its way in others belongs to requests before. */
  private Socket asked;

  /** tls: null for none. */
  FaultyProxy(InetSocketAddress server, SSLContext tls) throws IOException {
    this.server = server;
    this.scheme = tls == null ? "http" : "https";
    ServerSocketFactory sockets = tls == null ? ServerSocketFactory.getDefault() : tls.getServerSocketFactory();
    this.listener = sockets.createServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
    start("proxy", () -> {
      while (true) {
        Socket client = listener.accept();
        Socket behind = new Socket();
        open.add(client);
        open.add(behind);
        behind.connect(server);
        start("to server", () -> pass(client, behind, client));
        start("to client", () -> pass(behind, client, client));
      }
    });
  }

  URI endpoint() {
    return URI.create(scheme + "://127.0.0.1:" + listener.getLocalPort());
  }

  /** Both ends see a connection reset when so many bytes have gone to the server. */
  void resetRequestAfter(long bytes) {
    arm(Kind.RESET_REQUEST, bytes);
  }

  /** The server gets the next request and answers it; the client is told 503. */
  void loseNextResponse() {
    arm(Kind.LOSE_RESPONSE, 0);
  }

  /** The connection ends as if all were well when so many bytes have gone to the client. */
  void cutResponseAfter(long bytes) {
    arm(Kind.CUT_RESPONSE, bytes);
  }

  private synchronized void arm(Kind kind, long bytes) {
    next = kind;
    after = bytes;
    asked = null;
  }

  /** How often it broke something. */
  synchronized int faults() {
    return faults;
  }

  /** What is to be done to these bytes, and counts them. */
  private synchronized Kind fault(byte[] bytes, int n, Socket client, boolean request) {
    Kind kind = next;
    if (request && asked == null) {
      asked = client;
    }
    if (kind == Kind.NONE || request != (kind == Kind.RESET_REQUEST) || !request && asked != client) {
      return Kind.NONE;
    }
    if (kind == Kind.LOSE_RESPONSE && new String(bytes, 0, n, StandardCharsets.US_ASCII).startsWith("HTTP/1.1 100")) {
      return Kind.NONE;
    }
    after -= n;
    if (after > 0) {
      return Kind.NONE;
    }
    next = Kind.NONE;
    faults++;
    return kind;
  }

  private void pass(Socket from, Socket to, Socket client) throws IOException {
    byte[] buffer = new byte[64 * 1024];
    try (from; to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int n; (n = in.read(buffer)) >= 0;) {
        switch (fault(buffer, n, client, from == client)) {
          case NONE -> out.write(buffer, 0, n);
          case RESET_REQUEST -> {
            from.setSoLinger(true, 0);
            to.setSoLinger(true, 0);
            return;
          }
          case LOSE_RESPONSE -> {
            out.write(UNAVAILABLE);
            return;
          }
          case CUT_RESPONSE -> {
            out.write(buffer, 0, n / 2);
            return;
          }
        }
      }
    }
  }

  private interface Job {
    void run() throws IOException;
  }

  /** That a connection breaks is no failure of a test here. */
  private static void start(String name, Job job) {
    Thread thread = new Thread(() -> {
      try {
        job.run();
      } catch (IOException broken) {
        // both sockets are closed by now
      }
    }, name);
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Socket socket : open) {
      socket.close();
    }
  }

  @Override
  public String toString() {
    return "proxy of " + server;
  }
}
