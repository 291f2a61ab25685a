package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;

/**
 * A database of {@code -Dbig.database=5g}, or whatever size is given: more than 2 GB and more than 4 GB are other cases
 * than less. Memory for one and a half of it must be free. Every build runs the same with 48m.
 */
class BigDatabaseTest {

  private static final long SIZE = parse(System.getProperty("big.database", "48m"));

  static long parse(String size) {
    int unit = "kmg".indexOf(Character.toLowerCase(size.charAt(size.length() - 1)));
    return unit < 0 ? Long.parseLong(size) : Long.parseLong(size.substring(0, size.length() - 1)) << (10 * (unit + 1));
  }

  /** A stream that only counts and sums up. */
  private static final class Sum extends OutputStream {
    final CRC32 crc = new CRC32();
    long bytes;

    @Override
    public void write(int b) {
      throw new AssertionError("one by one");
    }

    @Override
    public void write(byte[] from, int start, int n) {
      crc.update(from, start, n);
      bytes += n;
    }

    @Override
    public String toString() {
      return bytes + " bytes, CRC-32 " + Long.toHexString(crc.getValue());
    }
  }

  @Test
  void theGeneratorMakesADatabaseThatAnotherSqliteReads() throws IOException {
    BigDatabase small = new BigDatabase(3_000_000);
    byte[] bytes = small.newInputStream().readAllBytes();
    assertEquals(small.size(), bytes.length);
    OtherSqlite.assertWhole(bytes);
    assertEquals(List.of(List.of((int) small.rows, (int) small.rows, BigDatabase.DATA_SIZE)),
        OtherSqlite.rows(bytes, "SELECT count(*), max(id), min(length(data)) FROM t"));
    byte[] data = (byte[]) OtherSqlite.rows(bytes, "SELECT data FROM t WHERE id = 500").get(0).get(0);
    assertArrayEquals(BigDatabase.data(500), data);
  }

  @Test
  void inQueryWriteSnapshotAndOut() throws IOException {
    BigDatabase big = new BigDatabase(SIZE);
    Random random = Seed.random("BigDatabaseTest");
    Sum expected = new Sum();
    big.newInputStream().transferTo(expected);
    assertEquals(big.size(), expected.bytes);
    try (MemoryVfs vfs = MemoryVfs.create()) {
      vfs.deserialize("big", big.newInputStream());
      assertEquals(big.size(), vfs.size("big"));
      Sum out = new Sum();
      vfs.serialize("big", out);
      assertEquals(expected.toString(), out.toString());

      try (SqliteConnection connection = vfs.open("big"); Snapshot snapshot = vfs.snapshot("big")) {
        assertEquals(big.pages(), Sql.number(connection, "PRAGMA page_count"));
        assertEquals(big.rows, Sql.number(connection, "SELECT count(*) FROM t"));
        for (int i = 0; i < 2000; i++) {
          assertRow(connection, 1 + (long) (random.nextDouble() * big.rows));
        }
        assertRow(connection, big.rows);

        // Writes at both ends and all over, beyond whatever limit there may be.
        connection.transaction(c -> {
          c.execute("UPDATE t SET data = 'first' WHERE id = 1");
          c.execute("UPDATE t SET data = 'last' WHERE id = ?", big.rows);
          c.execute("UPDATE t SET data = zeroblob(4000) WHERE id % 1000 = 999");
          for (int i = 1; i <= 2000; i++) {
            c.execute("INSERT INTO t VALUES (?, ?)", big.rows + i, BigDatabase.data(i));
          }
        });
        assertTrue(vfs.size("big") > big.size() + 2000L * BigDatabase.DATA_SIZE);
        connection.execute("BEGIN; DELETE FROM t WHERE id > ?1; ROLLBACK".replace("?1", "" + big.rows / 2));
        assertEquals(big.rows + 2000, Sql.number(connection, "SELECT max(id) FROM t"));
        assertEquals("last", Sql.text(connection, "SELECT data FROM t WHERE id = ?", big.rows));
        assertEquals(List.of(List.of("ok")), Sql.rows(connection, "PRAGMA quick_check"));

        // The snapshot is what it was: by stream, by channel at both ends, and as a fork.
        Sum kept = new Sum();
        snapshot.writeTo(kept);
        assertEquals(expected.toString(), kept.toString());
        assertChannel(snapshot, big);
        snapshot.fork("fork");
      }
      try (SqliteConnection fork = vfs.open("fork")) {
        assertRow(fork, 1);
        assertRow(fork, big.rows);
        assertEquals(big.rows, Sql.number(fork, "SELECT max(id) FROM t"));
      }

      // Out in chunks and in again, as it is now.
      Sum changed = new Sum();
      vfs.serialize("big", changed);
      assertEquals(vfs.size("big"), changed.bytes);
      vfs.delete("fork");
      long size = vfs.size("big");
      Sum chunks = new Sum();
      for (byte[] chunk : vfs.serializeChunks("big")) {
        chunks.write(chunk, 0, chunk.length);
      }
      assertEquals(changed.toString(), chunks.toString());
      try (InputStream in = vfs.serialize("big")) {
        assertEquals(size - 100, in.skip(size - 100));
        assertEquals(100, in.readAllBytes().length);
      }
      vfs.delete("big");
    }
  }

  private static void assertRow(SqliteConnection connection, long id) {
    try (SqliteStatement s = connection.query("SELECT data FROM t WHERE id = ?", id)) {
      assertTrue(s.step());
      assertArrayEquals(BigDatabase.data(id), s.getBlob(0));
    }
  }

  private static void assertChannel(Snapshot snapshot, BigDatabase big) throws IOException {
    try (SeekableByteChannel channel = snapshot.newByteChannel()) {
      assertEquals(big.size(), channel.size());
      ByteBuffer magic = ByteBuffer.allocate(15);
      channel.read(magic);
      assertEquals("SQLite format 3", new String(magic.array(), java.nio.charset.StandardCharsets.US_ASCII));
      ByteBuffer end = ByteBuffer.allocateDirect(BigDatabase.DATA_SIZE);
      channel.position(big.size() - BigDatabase.DATA_SIZE);
      while (end.hasRemaining() && channel.read(end) >= 0) {
        assertTrue(channel.position() <= big.size());
      }
      assertEquals(ByteBuffer.wrap(BigDatabase.data(big.rows)), end.flip());
      assertEquals(-1, channel.read(ByteBuffer.allocate(1)));
    }
  }
}
