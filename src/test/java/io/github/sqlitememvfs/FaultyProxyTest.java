package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class FaultyProxyTest {

  private static void send(Socket to, String text) throws IOException {
    to.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
  }

  private static String receive(Socket from, int length) throws IOException {
    return new String(from.getInputStream().readNBytes(length), StandardCharsets.US_ASCII);
  }

  /** A page that comes after its status line, when the client has told the proxy of the next fault. */
  @Test
  void theRestOfAnOlderResponseIsNotTheNextOne() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        FaultyProxy proxy = new FaultyProxy((InetSocketAddress) server.getLocalSocketAddress(), null);
        Socket older = new Socket("127.0.0.1", proxy.endpoint().getPort());
        Socket olderAtServer = server.accept();
        Socket newer = new Socket("127.0.0.1", proxy.endpoint().getPort());
        Socket newerAtServer = server.accept()) {
      send(older, "GET");
      assertEquals("GET", receive(olderAtServer, 3));
      send(olderAtServer, "404");
      assertEquals("404", receive(older, 3));
      proxy.loseNextResponse();
      send(olderAtServer, "page");
      assertEquals("page", receive(older, 4));
      send(newer, "GET");
      assertEquals("GET", receive(newerAtServer, 3));
      send(olderAtServer, "more");
      assertEquals("more", receive(older, 4));
      assertEquals(0, proxy.faults());
      send(newerAtServer, "200");
      assertEquals("HTTP/1.1 503", receive(newer, 12));
      assertEquals(1, proxy.faults());
    }
  }
}
