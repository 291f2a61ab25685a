package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SnapshotTest {

  private final MemoryVfs vfs = MemoryVfs.create();
  private final SqliteConnection connection = vfs.open("test");

  @BeforeEach
  void fill() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(300000))");
  }

  @AfterEach
  void close() {
    connection.close();
    vfs.close();
  }

  @Test
  void keepsItsVersionWhateverHappens() throws IOException {
    byte[] bytes = Sql.bytes(vfs, "test");
    try (Snapshot snapshot = vfs.snapshot("test")) {
      assertEquals("test", snapshot.database());
      assertEquals(bytes.length, snapshot.size());
      assertEquals(vfs.stats("test").version(), snapshot.version());
      assertArrayEquals(bytes, snapshot.newInputStream().readAllBytes());
      connection.execute("UPDATE t SET x = randomblob(400000)");
      assertArrayEquals(bytes, snapshot.newInputStream().readAllBytes());
      connection.execute("DELETE FROM t; VACUUM");
      assertArrayEquals(bytes, snapshot.newInputStream().readAllBytes());
      vfs.deserialize("test", java.util.List.of());
      assertArrayEquals(bytes, snapshot.newInputStream().readAllBytes());
      vfs.delete("test");
      connection.close();
      assertArrayEquals(bytes, snapshot.newInputStream().readAllBytes());
      assertEquals(bytes.length, snapshot.size());
    }
    assertEquals(0, vfs.stats().bytesInUse());
  }

  @Test
  void versionsRise() {
    try (Snapshot first = vfs.snapshot("test"); Snapshot same = vfs.snapshot("test")) {
      assertEquals(first.version(), same.version());
      connection.execute("INSERT INTO t VALUES (1)");
      try (Snapshot second = vfs.snapshot("test")) {
        assertTrue(second.version() > first.version());
        vfs.deserialize("test", java.util.List.of(Sql.bytes(vfs, "test")));
        try (Snapshot third = vfs.snapshot("test")) {
          assertTrue(third.version() > second.version());
        }
      }
    }
  }

  @Test
  void seesNothingThatIsNotCommitted() throws IOException {
    byte[] bytes = Sql.bytes(vfs, "test");
    connection.execute("PRAGMA cache_size = 1; BEGIN; UPDATE t SET x = zeroblob(200000); DELETE FROM t");
    try (Snapshot snapshot = vfs.snapshot("test")) {
      assertArrayEquals(bytes, snapshot.newInputStream().readAllBytes());
      connection.execute("COMMIT");
      assertArrayEquals(bytes, snapshot.newInputStream().readAllBytes());
    }
  }

  @Test
  void streamsCanBeOpenedAsOftenAsWanted() throws IOException {
    byte[] bytes = Sql.bytes(vfs, "test");
    try (Snapshot snapshot = vfs.snapshot("test")) {
      InputStream failed = snapshot.newInputStream();
      failed.readNBytes(1000);
      try (InputStream retry = snapshot.newInputStream()) {
        assertArrayEquals(bytes, retry.readAllBytes());
        assertEquals(-1, retry.read());
        assertEquals(-1, retry.read(new byte[10]));
      }
      assertArrayEquals(Arrays.copyOfRange(bytes, 1000, bytes.length), failed.readAllBytes());
    }
  }

  @Test
  void streamsReadSkipMarkAndTransfer() throws IOException {
    byte[] bytes = Sql.bytes(vfs, "test");
    try (Snapshot snapshot = vfs.snapshot("test"); InputStream in = snapshot.newInputStream()) {
      assertEquals(bytes.length, in.available());
      assertEquals(0, in.read(new byte[0]));
      assertEquals(bytes[0] & 0xff, in.read());
      byte[] buffer = new byte[100];
      assertEquals(50, in.read(buffer, 25, 50));
      assertArrayEquals(Arrays.copyOfRange(bytes, 1, 51), Arrays.copyOfRange(buffer, 25, 75));
      assertEquals(0, buffer[24]);
      assertEquals(0, buffer[75]);
      assertEquals(10_000, in.skip(10_000));
      assertEquals(0, in.skip(0));
      assertEquals(0, in.skip(-5));
      assertEquals(bytes[10_051] & 0xff, in.read());
      assertTrue(in.markSupported());
      in.mark(1);
      byte[] rest = in.readAllBytes();
      assertArrayEquals(Arrays.copyOfRange(bytes, 10_052, bytes.length), rest);
      in.reset();
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      assertEquals(rest.length, in.transferTo(out));
      assertArrayEquals(rest, out.toByteArray());
      assertEquals(0, in.skip(10));
      assertEquals(0, in.available());
      for (int[] range : new int[][] {{-1, 1}, {0, -1}, {0, 101}, {100, 1}, {Integer.MAX_VALUE, 1}, {1, Integer.MAX_VALUE}}) {
        assertThrows(IndexOutOfBoundsException.class, () -> in.read(buffer, range[0], range[1]));
      }
      assertThrows(NullPointerException.class, () -> in.read(null, 0, 1));
    }
  }

  @Test
  void streamsOfARange() throws IOException {
    byte[] bytes = Sql.bytes(vfs, "test");
    Random random = Seed.random("SnapshotTest");
    try (Snapshot snapshot = vfs.snapshot("test")) {
      for (int round = 0; round < 500; round++) {
        int start = random.nextInt(bytes.length + 1);
        int n = round % 10 == 0 ? bytes.length - start : Math.min(random.nextInt(20_000), bytes.length - start);
        byte[] range = Arrays.copyOfRange(bytes, start, start + n);
        InputStream in = snapshot.newInputStream(start, n);
        assertEquals(n, in.available());
        byte[] some = in.readNBytes(n / 3);
        assertArrayEquals(Arrays.copyOf(range, n / 3), some);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertEquals(n - n / 3, in.transferTo(out));
        assertArrayEquals(Arrays.copyOfRange(range, n / 3, n), out.toByteArray());
        assertEquals(-1, in.read());
        assertEquals(-1, in.read(new byte[10]));
        in.reset(); // to its own start
        assertEquals(n / 2, in.skip(n / 2));
        assertEquals(n - n / 2, in.skip(Long.MAX_VALUE));
        assertEquals(0, in.available());
        in.reset();
        assertArrayEquals(range, in.readAllBytes());
      }
      assertArrayEquals(bytes, snapshot.newInputStream(0, bytes.length).readAllBytes());
      long size = bytes.length;
      for (long[] range : new long[][] {{-1, 1}, {0, -1}, {0, size + 1}, {size, 1}, {size + 1, 0}, {1, Long.MAX_VALUE}, {Long.MAX_VALUE, 1}}) {
        IndexOutOfBoundsException e = assertThrows(IndexOutOfBoundsException.class, () -> snapshot.newInputStream(range[0], range[1]));
        assertEquals("offset " + range[0] + ", length " + range[1] + ", snapshot of " + size + " bytes", e.getMessage());
      }
    }
  }

  @Test
  void channelsSeek() throws IOException {
    byte[] bytes = Sql.bytes(vfs, "test");
    Random random = Seed.random("SnapshotTest");
    try (Snapshot snapshot = vfs.snapshot("test"); SeekableByteChannel channel = snapshot.newByteChannel()) {
      assertEquals(bytes.length, channel.size());
      assertEquals(0, channel.position());
      for (int round = 0; round < 2000; round++) {
        int at = random.nextInt(bytes.length + 1);
        int n = random.nextInt(round % 10 == 0 ? 50_000 : 100);
        ByteBuffer buffer = random.nextBoolean() ? ByteBuffer.allocate(n + 7) : ByteBuffer.allocateDirect(n + 7);
        buffer.position(3).limit(3 + n);
        assertSame(channel, channel.position(at));
        int read = channel.read(buffer);
        if (n > 0 && at == bytes.length) {
          assertEquals(-1, read);
        } else if (n > 0) {
          assertTrue(read > 0);
          assertEquals(3 + read, buffer.position());
          assertEquals(at + read, channel.position());
          byte[] got = new byte[read];
          buffer.flip().position(3).get(got);
          assertArrayEquals(Arrays.copyOfRange(bytes, at, at + read), got);
        }
      }
      channel.position(bytes.length + 1000L);
      assertEquals(bytes.length + 1000L, channel.position());
      assertEquals(-1, channel.read(ByteBuffer.allocate(1)));
      channel.position(Long.MAX_VALUE);
      assertEquals(-1, channel.read(ByteBuffer.allocate(1)));
      assertThrows(IllegalArgumentException.class, () -> channel.position(-1));
      channel.position(0);
      ByteBuffer all = ByteBuffer.allocate(bytes.length + 1);
      while (channel.read(all) >= 0) {
        assertTrue(all.hasRemaining());
      }
      assertArrayEquals(bytes, Arrays.copyOf(all.array(), all.position()));
      assertThrows(NonWritableChannelException.class, () -> channel.write(ByteBuffer.allocate(1)));
      assertThrows(NonWritableChannelException.class, () -> channel.truncate(0));
      assertThrows(IllegalArgumentException.class, () -> channel.position(0).read(ByteBuffer.allocate(1).asReadOnlyBuffer()));
    }
  }

  @Test
  void writesToStreamsAndChannels() throws IOException {
    byte[] bytes = Sql.bytes(vfs, "test");
    try (Snapshot snapshot = vfs.snapshot("test")) {
      for (int round = 0; round < 2; round++) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        snapshot.writeTo(out);
        assertArrayEquals(bytes, out.toByteArray());
        out.reset();
        snapshot.writeTo(Channels.newChannel(out));
        assertArrayEquals(bytes, out.toByteArray());
      }
    }
  }

  @Test
  void whatASinkThrowsComesThrough() {
    IOException full = new IOException("disk full");
    try (Snapshot snapshot = vfs.snapshot("test")) {
      assertSame(full, assertThrows(IOException.class, () -> snapshot.writeTo(new OutputStream() {
        @Override
        public void write(int b) throws IOException {
          throw full;
        }
      })));
      assertEquals(connection.vfs().size("test"), snapshot.size());
    }
  }

  @Test
  void forksItsVersion() {
    byte[] bytes = Sql.bytes(vfs, "test");
    try (Snapshot snapshot = vfs.snapshot("test")) {
      connection.execute("DELETE FROM t");
      snapshot.fork("fork");
      assertArrayEquals(bytes, Sql.bytes(vfs, "fork"));
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> snapshot.fork("fork"));
      assertTrue(e.getMessage().contains("fork"), e.getMessage());
      assertThrows(IllegalArgumentException.class, () -> snapshot.fork("test"));
    }
    try (SqliteConnection fork = vfs.open("fork")) {
      assertEquals(1, Sql.number(fork, "SELECT count(*) FROM t"));
      fork.execute("INSERT INTO t VALUES (2)");
      Sql.assertWhole(fork);
    }
    assertEquals(0, Sql.number(connection, "SELECT count(*) FROM t"));
  }

  @Test
  void ofAnEmptyDatabase() throws IOException {
    vfs.open("empty").close();
    try (Snapshot snapshot = vfs.snapshot("empty")) {
      assertEquals(0, snapshot.size());
      assertEquals(-1, snapshot.newInputStream().read());
      assertEquals(-1, snapshot.newByteChannel().read(ByteBuffer.allocate(1)));
      snapshot.fork("fork");
    }
    assertEquals(0, vfs.size("fork"));
  }

  @Test
  void manyThreadsReadOne() throws Exception {
    byte[] bytes = Sql.bytes(vfs, "test");
    try (Snapshot snapshot = vfs.snapshot("test")) {
      Crew crew = new Crew();
      for (int i = 0; i < 4; i++) {
        int own = i;
        crew.start("reader " + i, () -> {
          for (int turn = 0; turn < 10; turn++) {
            assertArrayEquals(bytes, snapshot.newInputStream().readAllBytes());
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            snapshot.writeTo(Channels.newChannel(out));
            assertArrayEquals(bytes, out.toByteArray());
            snapshot.fork("fork " + own + " " + turn);
            assertTrue(vfs.delete("fork " + own + " " + turn));
          }
        });
      }
      for (int i = 0; i < 50; i++) {
        connection.execute("UPDATE t SET x = randomblob(300000)");
      }
      crew.join();
    }
    assertEquals(0, vfs.stats().pins());
  }
}
