package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.IllegalBlockingModeException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.Pipe;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Writing databases out: to all kinds of sinks, while others read and write. */
class SerializeTest {

  private final MemoryVfs vfs = MemoryVfs.builder().busyTimeout(0).build();
  private final SqliteConnection connection = vfs.open("a");
  private byte[] bytes;

  @BeforeEach
  void fill() throws IOException {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(1500000))");
    bytes = vfs.serialize("a").readAllBytes();
    assertEquals(vfs.size("a"), bytes.length);
    OtherSqlite.assertWhole(bytes);
  }

  @AfterEach
  void close() {
    connection.close();
    vfs.close();
  }

  // ---- sinks

  @Test
  void outputStreams() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    boolean[] closed = {false};
    vfs.serialize("a", new FilterOutputStream(out) {
      @Override
      public void write(byte[] from, int start, int n) throws IOException {
        out.write(from, start, n);
      }

      @Override
      public void close() {
        closed[0] = true;
      }
    });
    assertArrayEquals(bytes, out.toByteArray());
    assertFalse(closed[0]);
  }

  @Test
  void filesAsStreamAndAsChannel(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("a.db");
    byte[] before = {'b', 'e', 'f', 'o', 'r', 'e'};
    byte[] expected = Arrays.copyOf(before, before.length + bytes.length);
    System.arraycopy(bytes, 0, expected, before.length, bytes.length);
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write(before);
      vfs.serialize("a", out);
    }
    assertArrayEquals(expected, Files.readAllBytes(file));
    try (FileOutputStream out = new FileOutputStream(file.toFile())) {
      out.write(before);
      vfs.serialize("a", out);
      out.write('!');
    }
    assertArrayEquals(expected, Arrays.copyOf(Files.readAllBytes(file), expected.length));
    assertEquals(expected.length + 1, Files.size(file));
    try (FileChannel out = FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
      out.write(ByteBuffer.wrap(before));
      vfs.serialize("a", out);
      assertEquals(expected.length, out.position());
      assertTrue(out.isOpen());
    }
    assertArrayEquals(expected, Files.readAllBytes(file));
    try (FileChannel readOnly = FileChannel.open(file)) {
      assertThrows(NonWritableChannelException.class, () -> vfs.serialize("a", readOnly));
    }
    // A subclass may send its bytes elsewhere.
    ByteArrayOutputStream elsewhere = new ByteArrayOutputStream();
    try (FileOutputStream out = new FileOutputStream(file.toFile()) {
      @Override
      public void write(int b) {
        elsewhere.write(b);
      }

      @Override
      public void write(byte[] from, int start, int n) {
        elsewhere.write(from, start, n);
      }
    }) {
      vfs.serialize("a", out);
    }
    assertArrayEquals(bytes, elsewhere.toByteArray());
    assertEquals(0, Files.size(file));
  }

  @Test
  void sockets() throws Exception {
    try (ServerSocketChannel server = ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        SocketChannel client = SocketChannel.open(server.getLocalAddress());
        SocketChannel accepted = server.accept()) {
      ByteArrayOutputStream received = new ByteArrayOutputStream();
      Crew crew = new Crew();
      crew.start("receiver", () -> {
        ByteBuffer buffer = ByteBuffer.allocate(10_000);
        while (accepted.read(buffer.clear()) >= 0) {
          received.write(buffer.array(), 0, buffer.position());
        }
      });
      vfs.serialize("a", client);
      client.shutdownOutput();
      crew.join();
      assertArrayEquals(bytes, received.toByteArray());
    }
  }

  @Test
  void aSinkThatGoesAwayIsAnIoException() throws Exception {
    Pipe pipe = Pipe.open();
    pipe.source().close();
    assertThrows(IOException.class, () -> vfs.serialize("a", pipe.sink()));
    pipe.sink().close();
  }

  @Test
  void nonBlockingChannelsAreRefused() throws IOException {
    Pipe pipe = Pipe.open();
    pipe.sink().configureBlocking(false);
    assertThrows(IllegalBlockingModeException.class, () -> vfs.serialize("a", pipe.sink()));
    pipe.sink().close();
    pipe.source().close();
  }

  /** A channel of the user's own: takes odd sizes, now and then nothing. */
  private static final class OddChannel extends UserChannel.Sink {
    final ByteArrayOutputStream taken = new ByteArrayOutputStream();
    final Random random = Seed.random("SerializeTest");

    @Override
    public int write(ByteBuffer from) {
      int n = Math.min(from.remaining(), random.nextInt(random.nextBoolean() ? 10 : 20_000));
      byte[] part = new byte[n];
      from.get(part);
      taken.write(part, 0, n);
      return n;
    }
  }

  @Test
  void channelsOfTheUserThatTakeAPart() throws IOException {
    OddChannel odd = new OddChannel();
    vfs.serialize("a", odd);
    assertArrayEquals(bytes, odd.taken.toByteArray());
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    vfs.serialize("a", Channels.newChannel(out));
    assertArrayEquals(bytes, out.toByteArray());
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 5, 1_000_000_000})
  @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void whatCountsIsWhatAChannelTookNotWhatItReturns(int lie) throws IOException {
    ByteArrayOutputStream taken = new ByteArrayOutputStream();
    vfs.serialize("a", new UserChannel.Sink() {
      @Override
      public int write(ByteBuffer from) {
        byte[] part = new byte[Math.min(from.remaining(), 10_000)];
        from.get(part);
        taken.write(part, 0, part.length);
        assertTrue(taken.size() <= bytes.length, "written more than once");
        return lie;
      }
    });
    assertArrayEquals(bytes, taken.toByteArray());
  }

  @Test
  void aChannelThatGoesBackIsRefused() {
    assertThrows(IOException.class, () -> vfs.serialize("a", new UserChannel.Sink() {
      private boolean second;

      @Override
      public int write(ByteBuffer from) {
        from.position(second ? 0 : 10_000);
        second = true;
        return 0;
      }
    }));
  }

  @Test
  void anInterruptedThreadWritesAFilesStreamAndItStaysOpen(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("a.db");
    try (FileOutputStream out = new FileOutputStream(file.toFile())) {
      Thread.currentThread().interrupt();
      try (Snapshot snapshot = vfs.snapshot("a")) {
        vfs.serialize("a", out);
        snapshot.writeTo(out);
      } finally {
        assertTrue(Thread.interrupted());
      }
      out.write(1);
    }
    assertEquals(2 * bytes.length + 1, Files.size(file));
    assertArrayEquals(bytes, Arrays.copyOf(Files.readAllBytes(file), bytes.length));
  }

  @Test
  void aChannelOfTheUserCannotChangeTheDatabase() throws IOException {
    vfs.serialize("a", new UserChannel.Sink() {
      @Override
      public int write(ByteBuffer from) {
        int n = from.remaining();
        if (!from.isReadOnly()) {
          for (int i = from.position(); i < from.limit(); i++) {
            from.put(i, (byte) 0);
          }
        }
        from.position(from.limit());
        return n;
      }
    });
    assertArrayEquals(bytes, Sql.bytes(vfs, "a"));
    Sql.assertWhole(vfs, "a");
  }

  @Test
  void aBufferThatAChannelKeptIsNoWindowOnTheDatabase() throws IOException {
    ByteBuffer[] kept = new ByteBuffer[1];
    vfs.serialize("a", new UserChannel.Sink() {
      @Override
      public int write(ByteBuffer from) {
        if (kept[0] == null) {
          kept[0] = from.duplicate();
        }
        int n = from.remaining();
        from.position(from.limit());
        return n;
      }
    });
    connection.execute("UPDATE t SET x = zeroblob(1500000); VACUUM");
    vfs.delete("a");
    connection.close();
    // Reading freed memory would crash, or show what is none of the reader's business.
    int sum = 0;
    while (kept[0].hasRemaining()) {
      sum += kept[0].get();
    }
    assertTrue(sum != Integer.MIN_VALUE);
  }

  @Test
  void whatASinkThrowsComesThroughAndNothingStaysPinned() {
    IOException full = new IOException("disk full");
    OutputStream failing = new OutputStream() {
      private int left = 100_000;

      @Override
      public void write(int b) throws IOException {
        if (--left < 0) {
          throw full;
        }
      }
    };
    assertSame(full, assertThrows(IOException.class, () -> vfs.serialize("a", failing)));
    RuntimeException broken = new RuntimeException("broken channel");
    assertSame(broken, assertThrows(RuntimeException.class, () -> vfs.serialize("a", new UserChannel.Sink() {
      @Override
      public int write(ByteBuffer from) {
        throw broken;
      }
    })));
    assertEquals(0, vfs.stats().pins());
  }

  // ---- streams and chunks

  @Test
  void aStreamReadsOneVersion() throws IOException {
    try (InputStream in = vfs.serialize("a")) {
      byte[] start = in.readNBytes(10_000);
      connection.execute("UPDATE t SET x = randomblob(1500000)");
      connection.execute("DELETE FROM t; VACUUM");
      vfs.delete("a");
      assertArrayEquals(Arrays.copyOf(bytes, 10_000), start);
      assertArrayEquals(Arrays.copyOfRange(bytes, 10_000, bytes.length), in.readAllBytes());
      assertEquals(-1, in.read());
      assertEquals(-1, in.read(new byte[1]));
    }
  }

  @Test
  void chunksAreNotEmptyAndAllOfOneVersion() {
    Iterable<byte[]> chunks = vfs.serializeChunks("a");
    connection.execute("UPDATE t SET x = randomblob(2000000)");
    for (int round = 0; round < 2; round++) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      byte[] last = null;
      for (byte[] chunk : chunks) {
        assertTrue(chunk.length > 0);
        assertNotSame(last, chunk);
        out.writeBytes(chunk);
        last = chunk;
        Arrays.fill(chunk, (byte) 0); // it is the caller's now
      }
      assertArrayEquals(bytes, out.toByteArray());
    }
    Iterator<byte[]> first = chunks.iterator();
    Iterator<byte[]> second = chunks.iterator();
    assertArrayEquals(first.next(), second.next());
    while (first.hasNext()) {
      first.next();
    }
    assertThrows(NoSuchElementException.class, first::next);
    assertThrows(UnsupportedOperationException.class, second::remove);
    assertTrue(second.hasNext());
  }

  @Test
  void chunksGoIntoAnotherDatabase() {
    vfs.deserialize("b", vfs.serializeChunks("a"));
    assertArrayEquals(bytes, Sql.bytes(vfs, "b"));
  }

  @Test
  void anEmptyDatabaseGivesNothing() throws IOException {
    vfs.open("empty").close();
    assertEquals(-1, vfs.serialize("empty").read());
    assertEquals(0, Sql.bytes(vfs, "empty").length);
    assertFalse(vfs.serializeChunks("empty").iterator().hasNext());
  }

  // ---- nobody is disturbed

  @Test
  void onlyWhatIsCommittedComesOut() {
    connection.execute("BEGIN IMMEDIATE; PRAGMA cache_size = 1; UPDATE t SET x = zeroblob(2000000)");
    assertArrayEquals(bytes, Sql.bytes(vfs, "a"));
    connection.execute("COMMIT");
    assertFalse(Arrays.equals(bytes, Sql.bytes(vfs, "a")));
    OtherSqlite.assertWhole(Sql.bytes(vfs, "a"));
  }

  @Test
  void writersAndReadersGoOnHalfWay() throws IOException {
    int[] turn = {0};
    vfs.serialize("a", new OutputStream() {
      @Override
      public void write(int b) {
        throw new AssertionError("one by one");
      }

      @Override
      public void write(byte[] from, int start, int n) {
        connection.execute("INSERT INTO t VALUES (?)", turn[0]++);
        try (SqliteConnection other = vfs.open("a")) {
          assertEquals(turn[0] + 1, Sql.number(other, "SELECT count(*) FROM t"));
          other.execute("UPDATE t SET x = zeroblob(10) WHERE length(x) = 1500000");
        }
        assertArrayEquals(Arrays.copyOfRange(bytes, at, at + n), Arrays.copyOfRange(from, start, start + n));
        at += n;
      }

      private int at;
    });
    assertTrue(turn[0] > 0);
    assertEquals(List.of(List.of(turn[0] + 1L)), Sql.rows(connection, "SELECT count(*) FROM t"));
  }

  @Test
  void theSinkMayReplaceOrDeleteTheDatabase() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    vfs.serialize("a", new OutputStream() {
      @Override
      public void write(int b) {
        out.write(b);
      }

      @Override
      public void write(byte[] from, int start, int n) {
        out.write(from, start, n);
        vfs.deserialize("a", List.of());
        vfs.delete("a");
      }
    });
    assertArrayEquals(bytes, out.toByteArray());
  }

  @Test
  void theSinkMayCloseTheVfs() {
    assertThrows(IllegalStateException.class, () -> vfs.serialize("a", new OutputStream() {
      @Override
      public void write(int b) {
        vfs.close();
      }

      @Override
      public void write(byte[] from, int start, int n) {
        vfs.close();
      }
    }));
  }
}
