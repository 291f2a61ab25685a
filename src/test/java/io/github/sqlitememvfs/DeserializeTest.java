package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.IllegalBlockingModeException;
import java.nio.channels.Pipe;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Reading databases in: from all kinds of sources, what is refused, and what open connections see. */
class DeserializeTest {

  private static final byte[] DATABASE = OtherSqlite.database(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, x BLOB)",
      "CREATE INDEX t_x ON t(x)",
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO t SELECT i, randomblob(i * 50) FROM n");

  private final MemoryVfs vfs = MemoryVfs.builder().busyTimeout(0).build();

  @AfterEach
  void close() {
    assertEquals(0, vfs.stats().pins(), "pins");
    vfs.databases().forEach(vfs::delete);
    assertEquals(0, vfs.stats().bytesInUse(), "bytes in use");
    vfs.close();
  }

  private void assertIsIn(String database) {
    assertArrayEquals(DATABASE, Sql.bytes(vfs, database));
    try (SqliteConnection connection = vfs.open(database)) {
      assertEquals(100, Sql.number(connection, "SELECT count(*) FROM t"));
      Sql.assertWhole(connection);
    }
  }

  // ---- sources

  /** Gives as many bytes as a random number says, sometimes none, and says that nothing is available. */
  private static final class OddStream extends FilterInputStream {
    private final Random random;

    OddStream(byte[] bytes, Random random) {
      super(new ByteArrayInputStream(bytes));
      this.random = random;
    }

    @Override
    public int read(byte[] to, int start, int n) throws IOException {
      return n == 0 ? 0 : super.read(to, start, 1 + random.nextInt(Math.min(n, random.nextBoolean() ? 7 : 5000)));
    }

    @Override
    public int available() {
      return 0;
    }
  }

  @Test
  void streamsOfOddReadSizes() throws IOException {
    Random random = Seed.random("DeserializeTest");
    for (int round = 0; round < 20; round++) {
      vfs.deserialize("a", new OddStream(DATABASE, random));
      assertIsIn("a");
    }
  }

  @Test
  void streamsThatReturnNoBytesNow() throws IOException {
    vfs.deserialize("a", new FilterInputStream(new ByteArrayInputStream(DATABASE)) {
      private int turn;

      @Override
      public int read(byte[] to, int start, int n) throws IOException {
        return turn++ % 3 == 0 ? 0 : super.read(to, start, Math.min(n, 1000));
      }
    });
    assertIsIn("a");
  }

  /**
   * Gives a stream at most that many bytes at a time, and returns the length of the longest array it was asked to fill.
   */
  private int longestArray(byte[] bytes, int most) throws IOException {
    int[] longest = {0};
    vfs.deserialize("a", new FilterInputStream(new ByteArrayInputStream(bytes)) {
      @Override
      public int read(byte[] to, int start, int n) throws IOException {
        longest[0] = Math.max(longest[0], n);
        return super.read(to, start, Math.min(n, most));
      }
    });
    assertArrayEquals(bytes, Sql.bytes(vfs, "a"));
    return longest[0];
  }

  @Test
  void theArrayIsLargeOnlyForStreamsThatFillIt() throws IOException {
    byte[] large = OtherSqlite.database("CREATE TABLE t(x)", "INSERT INTO t VALUES(randomblob(3000000))");
    assertEquals(Transfer.SMALL_BUFFER_BYTES, longestArray(DATABASE, Integer.MAX_VALUE));
    assertEquals(Transfer.BUFFER_BYTES, longestArray(large, Integer.MAX_VALUE));
    assertEquals(Transfer.SMALL_BUFFER_BYTES, longestArray(large, 5000));
    assertEquals(Transfer.SMALL_BUFFER_BYTES, longestArray(large, 1));
  }

  @Test
  void aStreamIsReadToItsEndAndNotClosed() throws IOException {
    boolean[] closed = {false};
    InputStream in = new FilterInputStream(new SequenceInputStream(new ByteArrayInputStream(DATABASE, 0, 10),
        new ByteArrayInputStream(DATABASE, 10, DATABASE.length - 10))) {
      @Override
      public void close() {
        closed[0] = true;
      }
    };
    vfs.deserialize("a", in);
    assertEquals(-1, in.read());
    assertFalse(closed[0]);
    assertIsIn("a");
  }

  @Test
  void filesAsStreamAndAsChannel(@TempDir Path folder) throws IOException {
    Path file = Files.write(folder.resolve("a.db"), DATABASE);
    try (InputStream in = Files.newInputStream(file)) {
      vfs.deserialize("files", in);
    }
    assertIsIn("files");
    try (FileInputStream in = new FileInputStream(file.toFile())) {
      vfs.deserialize("stream", in);
      assertEquals(-1, in.read());
    }
    assertIsIn("stream");
    try (FileChannel in = FileChannel.open(file)) {
      vfs.deserialize("channel", in);
      assertEquals(DATABASE.length, in.position());
      assertTrue(in.isOpen());
    }
    assertIsIn("channel");
    // From where the source stands, not from its start.
    Path later = Files.write(folder.resolve("later.db"), concat(new byte[123], DATABASE));
    try (FileChannel in = FileChannel.open(later)) {
      in.position(123);
      vfs.deserialize("later channel", in);
    }
    assertIsIn("later channel");
    try (FileInputStream in = new FileInputStream(later.toFile())) {
      in.readNBytes(123);
      vfs.deserialize("later stream", in);
    }
    assertIsIn("later stream");
    // A subclass may give other bytes than its file.
    try (FileInputStream in = new FileInputStream(later.toFile()) {
      private final InputStream other = new ByteArrayInputStream(DATABASE);

      @Override
      public int read() {
        throw new AssertionError();
      }

      @Override
      public int read(byte[] to, int start, int n) throws IOException {
        return other.read(to, start, n);
      }
    }) {
      vfs.deserialize("subclass", in);
    }
    assertIsIn("subclass");
  }

  private static byte[] concat(byte[] a, byte[] b) {
    byte[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  @Test
  void sockets() throws Exception {
    try (ServerSocketChannel server = ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        SocketChannel client = SocketChannel.open(server.getLocalAddress());
        SocketChannel accepted = server.accept()) {
      Crew crew = new Crew();
      crew.start("sender", () -> {
        for (byte[] chunk : Sql.chunks(DATABASE, 777)) {
          ByteBuffer buffer = ByteBuffer.wrap(chunk);
          while (buffer.hasRemaining()) {
            client.write(buffer);
          }
        }
        client.shutdownOutput();
      });
      vfs.deserialize("a", accepted);
      crew.join();
      assertIsIn("a");
    }
  }

  @Test
  void pipes() throws Exception {
    Pipe pipe = Pipe.open();
    Crew crew = new Crew();
    crew.start("sender", () -> {
      try (var sink = pipe.sink()) {
        ByteBuffer buffer = ByteBuffer.wrap(DATABASE);
        while (buffer.hasRemaining()) {
          sink.write(buffer);
        }
      }
    });
    vfs.deserialize("a", pipe.source());
    crew.join();
    pipe.source().close();
    assertIsIn("a");
  }

  @Test
  void nonBlockingChannelsAreRefused() throws IOException {
    Pipe pipe = Pipe.open();
    pipe.source().configureBlocking(false);
    assertThrows(IllegalBlockingModeException.class, () -> vfs.deserialize("a", pipe.source()));
    pipe.source().close();
    pipe.sink().close();
    assertFalse(vfs.exists("a"));
  }

  /** A channel of the user's own: reads in odd sizes, now and then nothing. */
  private static final class OddChannel extends UserChannel.Source {
    private final ByteBuffer bytes = ByteBuffer.wrap(DATABASE);
    private final Random random = Seed.random("DeserializeTest");

    @Override
    public int read(ByteBuffer to) {
      if (!bytes.hasRemaining()) {
        return -1;
      }
      int n = Math.min(Math.min(to.remaining(), bytes.remaining()), random.nextInt(3000));
      to.put(bytes.duplicate().limit(bytes.position() + n));
      bytes.position(bytes.position() + n);
      return n;
    }
  }

  @Test
  void channelsOfTheUser() throws IOException {
    vfs.deserialize("a", new OddChannel());
    assertIsIn("a");
    vfs.deserialize("b", Channels.newChannel(new ByteArrayInputStream(DATABASE)));
    assertIsIn("b");
  }

  /** Puts all it has, in parts, and returns another number. */
  private static final class LyingChannel extends UserChannel.Source {
    private final ByteBuffer bytes = ByteBuffer.wrap(DATABASE);
    private final int lie;

    LyingChannel(int lie) {
      this.lie = lie;
    }

    @Override
    public int read(ByteBuffer to) {
      if (!bytes.hasRemaining()) {
        return -1;
      }
      int n = Math.min(Math.min(to.remaining(), bytes.remaining()), 1000);
      to.put(bytes.duplicate().limit(bytes.position() + n));
      bytes.position(bytes.position() + n);
      return lie;
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 1024, 1_000_000_000})
  void whatCountsIsWhatAChannelPutNotWhatItReturns(int lie) throws IOException {
    vfs.deserialize("a", new LyingChannel(lie));
    assertIsIn("a");
  }

  /** A proxy has the platform's class loader, but it gives the buffer to anybody. */
  @Test
  void aBufferThatAProxyKeptIsNoWindowOnTheDatabase() throws IOException {
    List<ByteBuffer> kept = new ArrayList<>();
    ReadableByteChannel odd = new OddChannel();
    ReadableByteChannel proxy = (ReadableByteChannel) Proxy.newProxyInstance(null, new Class<?>[] {ReadableByteChannel.class}, (p, method, args) -> {
      if (method.getName().equals("read")) {
        kept.add(((ByteBuffer) args[0]).duplicate());
      }
      return method.invoke(odd, args);
    });
    vfs.deserialize("a", proxy);
    for (ByteBuffer buffer : kept) {
      for (int i = 0; i < buffer.limit(); i++) {
        buffer.put(i, (byte) 1);
      }
    }
    assertIsIn("a");
  }

  @Test
  void anInterruptedThreadReadsAFilesStreamAndItStaysOpen(@TempDir Path folder) throws IOException {
    Path file = Files.write(folder.resolve("a.db"), DATABASE);
    try (FileInputStream in = new FileInputStream(file.toFile())) {
      Thread.currentThread().interrupt();
      try {
        vfs.deserialize("a", in);
      } finally {
        assertTrue(Thread.interrupted());
      }
      assertEquals(-1, in.read());
    }
    assertIsIn("a");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 99, 100, 101, 511, 512, 4095, 4096, 4097, 1_000_000})
  void iterablesOfChunks(int chunkSize) {
    vfs.deserialize("a", Sql.chunks(DATABASE, chunkSize));
    assertIsIn("a");
  }

  @Test
  void iterablesOfRandomChunks() {
    Random random = Seed.random("DeserializeTest");
    for (int round = 0; round < 20; round++) {
      vfs.deserialize("a", () -> new Iterator<>() {
        private int at;

        @Override
        public boolean hasNext() {
          return at < DATABASE.length;
        }

        @Override
        public byte[] next() {
          int n = random.nextInt(4) == 0 ? 0 : Math.min(DATABASE.length - at, random.nextInt(random.nextInt(20_000) + 1));
          byte[] chunk = Arrays.copyOfRange(DATABASE, at, at + n);
          at += n;
          return chunk;
        }
      });
      assertIsIn("a");
    }
  }

  @Test
  void anEmptySourceMakesAnEmptyDatabase() throws IOException {
    vfs.deserialize("a", List.of());
    vfs.deserialize("b", List.of(new byte[0], new byte[0]));
    vfs.deserialize("c", InputStream.nullInputStream());
    vfs.deserialize("d", Channels.newChannel(InputStream.nullInputStream()));
    for (String name : List.of("a", "b", "c", "d")) {
      assertTrue(vfs.exists(name));
      assertEquals(0, vfs.size(name));
      assertEquals(0, Sql.bytes(vfs, name).length);
      try (SqliteConnection connection = vfs.open(name)) {
        connection.execute("CREATE TABLE t(x)");
      }
    }
    vfs.deserialize("full", List.of(DATABASE));
    vfs.deserialize("full", List.of());
    try (SqliteConnection connection = vfs.open("full")) {
      assertEquals(0, Sql.number(connection, "SELECT count(*) FROM sqlite_schema"));
    }
  }

  // ---- sources that fail

  private void assertOldStays(Throwable expected, Executable deserialize) {
    vfs.deserialize("old", List.of(DATABASE));
    long version = vfs.stats("old").version();
    long bytes = vfs.stats().bytesInUse();
    assertSame(expected, assertThrows(Throwable.class, deserialize));
    assertIsIn("old");
    assertEquals(version, vfs.stats("old").version());
    assertEquals(bytes, vfs.stats().bytesInUse());
    assertEquals(List.of("old"), vfs.databases());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 50, 100, 5000, 100_000})
  void whatTheSourceThrowsComesThroughAndTheOldContentStays(int after) {
    IOException io = new IOException("connection reset");
    InputStream failing = new SequenceInputStream(new ByteArrayInputStream(DATABASE, 0, after), new InputStream() {
      @Override
      public int read() throws IOException {
        throw io;
      }
    });
    assertOldStays(io, () -> vfs.deserialize("old", failing));

    assertOldStays(io, () -> vfs.deserialize("old", new UserChannel.Source() {
      private int given;

      @Override
      public int read(ByteBuffer to) throws IOException {
        if (given >= after) {
          throw io;
        }
        int n = Math.min(to.remaining(), after - given);
        to.put(DATABASE, given, n);
        given += n;
        return n;
      }
    }));

    Error error = new Error("of the iterator");
    assertOldStays(error, () -> vfs.deserialize("old", () -> {
      Iterator<byte[]> chunks = Sql.chunks(Arrays.copyOf(DATABASE, after), 1000).iterator();
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return true;
        }

        @Override
        public byte[] next() {
          if (!chunks.hasNext()) {
            throw error;
          }
          return chunks.next();
        }
      };
    }));
  }

  @Test
  void aNullChunkIsRefused() {
    vfs.deserialize("old", List.of(DATABASE));
    assertThrows(NullPointerException.class, () -> vfs.deserialize("old", Arrays.asList(DATABASE, null)));
    assertIsIn("old");
  }

  @Test
  void aStreamThatLiesAboutItsBytesIsRefused() {
    vfs.deserialize("old", List.of(DATABASE));
    assertThrows(Exception.class, () -> vfs.deserialize("old", new InputStream() {
      @Override
      public int read() {
        return 'S';
      }

      @Override
      public int read(byte[] to, int start, int n) {
        return n + 1;
      }
    }));
    assertIsIn("old");
  }

  // ---- bytes that are no database

  private SqliteCorruptException refused(byte[] bytes) {
    vfs.deserialize("old", List.of(DATABASE));
    SqliteCorruptException first = null;
    for (int chunkSize : new int[] {1000, bytes.length + 1, 7}) {
      SqliteCorruptException e = assertThrows(SqliteCorruptException.class, () -> vfs.deserialize("old", Sql.chunks(bytes, chunkSize)));
      assertTrue(e.getMessage().contains("old"), e.getMessage());
      first = first == null ? e : first;
      assertEquals(first.getMessage(), e.getMessage());
      assertThrows(SqliteCorruptException.class, () -> vfs.deserialize("old", new ByteArrayInputStream(bytes)));
      assertThrows(SqliteCorruptException.class, () -> vfs.deserialize("new", Sql.chunks(bytes, chunkSize)));
      assertIsIn("old");
      assertEquals(List.of("old"), vfs.databases());
    }
    return first;
  }

  private static void assertSays(SqliteException e, Object... parts) {
    for (Object part : parts) {
      assertTrue(e.getMessage().contains(part.toString()), () -> part + " in: " + e.getMessage());
    }
  }

  @Test
  void otherMagic() {
    byte[] bytes = DATABASE.clone();
    bytes[15] = ' ';
    SqliteCorruptException e = refused(bytes);
    assertEquals(26, e.code());
    assertSays(e, "SQLite format 3", "0 to 15", "20");
    refused(new byte[4096]);
    refused("<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>There is nothing here, which is no database</body></html>"
        .getBytes());
    byte[] gzip = DATABASE.clone();
    gzip[0] = 0x1f;
    gzip[1] = (byte) 0x8b;
    assertSays(refused(gzip), "1f8b");
  }

  @Test
  void otherMagicIsFoundAtTheHeaderAndNotAtTheEnd() {
    int[] taken = {0};
    assertThrows(SqliteCorruptException.class, () -> vfs.deserialize("a", () -> new Iterator<>() {
      @Override
      public boolean hasNext() {
        return true;
      }

      @Override
      public byte[] next() {
        taken[0]++;
        return new byte[50];
      }
    }));
    assertTrue(taken[0] <= 3, "chunks taken: " + taken[0]);
  }

  @ParameterizedTest
  @CsvSource({"0, 0, 0", "0, 2, 2", "1, 0, 256", "3, 0, 768", "3, 232, 1000", "16, 1, 4097", "128, 1, 32769", "255, 255, 65535"})
  void impossiblePageSizes(int byte16, int byte17, int pageSize) {
    byte[] bytes = DATABASE.clone();
    bytes[16] = (byte) byte16;
    bytes[17] = (byte) byte17;
    SqliteCorruptException e = refused(bytes);
    assertEquals(26, e.code());
    assertSays(e, "page size", "16", " " + pageSize + ",");
  }

  @Test
  void fewerBytesThanTheHeaderSays() {
    SqliteCorruptException e = refused(Arrays.copyOf(DATABASE, DATABASE.length - 4096));
    assertSays(e, "truncated", DATABASE.length - 4096, DATABASE.length / 4096 + " pages", DATABASE.length, "28");
    refused(Arrays.copyOf(DATABASE, DATABASE.length - 1));
    refused(Arrays.copyOf(DATABASE, 4096));
    refused(Arrays.copyOf(DATABASE, 100));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 17, 99})
  void lessThanAHeader(int length) {
    assertSays(refused(Arrays.copyOf(DATABASE, length)), length + " bytes", "header");
  }

  @Test
  void wholePagesTooManyAreIgnoredAsSqliteDoes() {
    byte[] bytes = Arrays.copyOf(DATABASE, DATABASE.length + 2 * 4096);
    vfs.deserialize("a", List.of(bytes));
    try (SqliteConnection connection = vfs.open("a")) {
      assertEquals(100, Sql.number(connection, "SELECT count(*) FROM t"));
      connection.execute("INSERT INTO t(x) VALUES (randomblob(20000))");
      Sql.assertWhole(connection);
    }
    OtherSqlite.assertWhole(Sql.bytes(vfs, "a"));
  }

  @Test
  void aPageCountThatIsNotValidIsIgnoredAsSqliteDoes() {
    byte[] bytes = DATABASE.clone();
    Arrays.fill(bytes, 28, 32, (byte) 0xff);
    Arrays.fill(bytes, 92, 96, (byte) 0x77);
    vfs.deserialize("a", List.of(bytes));
    assertArrayEquals(bytes, Sql.bytes(vfs, "a"));
    Sql.assertWhole(vfs, "a");
    bytes = DATABASE.clone();
    Arrays.fill(bytes, 28, 32, (byte) 0);
    vfs.deserialize("a", List.of(bytes));
    Sql.assertWhole(vfs, "a");
  }

  // ---- WAL

  private static byte[] walDatabase() throws Exception {
    Path file = Files.createTempFile("wal", ".db");
    try {
      try (var connection = DriverManager.getConnection("jdbc:sqlite:" + file); var statement = connection.createStatement()) {
        statement.execute("PRAGMA journal_mode = WAL");
        statement.execute("CREATE TABLE t(x)");
        statement.execute("INSERT INTO t VALUES (1), (2)");
      } // the last one to close checkpoints and removes the WAL
      return Files.readAllBytes(file);
    } finally {
      Files.delete(file);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 18, 19, 100, 4096, 1_000_000})
  void walModeBecomesRollbackModeAndNothingElseChanges(int chunkSize) throws Exception {
    byte[] bytes = walDatabase();
    assertEquals(2, bytes[18]);
    assertEquals(2, bytes[19]);
    byte[] expected = bytes.clone();
    expected[18] = 1;
    expected[19] = 1;
    vfs.deserialize("a", Sql.chunks(bytes, chunkSize));
    assertArrayEquals(expected, Sql.bytes(vfs, "a"));
    assertEquals(2, bytes[18], "the source is not changed");
    try (SqliteConnection connection = vfs.open("a")) {
      assertEquals(2, Sql.number(connection, "SELECT count(*) FROM t"));
      connection.execute("INSERT INTO t VALUES (3)");
      assertNotEquals("wal", Sql.text(connection, "PRAGMA journal_mode"));
      Sql.assertWhole(connection);
    }
    OtherSqlite.assertWhole(Sql.bytes(vfs, "a"));
    vfs.deserialize("stream", new ByteArrayInputStream(bytes));
    assertArrayEquals(expected, Sql.bytes(vfs, "stream"));
  }

  // ---- connections that are open

  private static byte[] table(String name, int rows) {
    return OtherSqlite.database("CREATE TABLE " + name + "(x)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + rows + ") INSERT INTO " + name
            + " SELECT randomblob(100) FROM n");
  }

  @Test
  void readersInATransactionKeepWhatTheySee() {
    vfs.deserialize("a", List.of(table("old", 500)));
    try (SqliteConnection reader = vfs.open("a"); SqliteConnection other = vfs.open("a")) {
      reader.execute("BEGIN; PRAGMA cache_size = 2");
      assertEquals(500, Sql.number(reader, "SELECT count(*) FROM old"));
      assertEquals(500, Sql.number(other, "SELECT count(*) FROM old"));
      vfs.deserialize("a", List.of(table("new", 7)));
      assertEquals(500, Sql.number(reader, "SELECT count(*) FROM old"));
      Sql.assertWhole(reader);
      assertEquals(7, Sql.number(other, "SELECT count(*) FROM new"));
      assertThrows(SqliteException.class, () -> other.execute("SELECT * FROM old"));
      SqliteBusyException e = assertThrows(SqliteBusyException.class, () -> reader.execute("DELETE FROM old"));
      assertEquals(517, e.extendedCode());
      reader.execute("COMMIT");
      assertEquals(7, Sql.number(reader, "SELECT count(*) FROM new"));
      reader.execute("INSERT INTO new VALUES (1)");
      assertEquals(8, Sql.number(other, "SELECT count(*) FROM new"));
      Sql.assertWhole(other);
    }
  }

  @Test
  void aStatementThatWasPreparedBeforeIsPreparedAnew() {
    vfs.deserialize("a", List.of(table("t", 5)));
    try (SqliteConnection connection = vfs.open("a"); SqliteStatement s = connection.prepare("SELECT count(*) FROM t")) {
      assertTrue(s.step());
      assertEquals(5, s.getLong(0));
      s.reset();
      vfs.deserialize("a", List.of(OtherSqlite.database("CREATE TABLE other(x)", "CREATE TABLE t(y, z)", "INSERT INTO t VALUES (1, 2)")));
      assertTrue(s.step());
      assertEquals(1, s.getLong(0));
      s.reset();
      vfs.deserialize("a", List.of(table("u", 5)));
      assertThrows(SqliteException.class, s::step);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"INSERT INTO t VALUES (1)", "INSERT INTO t SELECT 1", "SELECT y FROM t", "SELECT * FROM t, only_new", "CREATE TABLE only_old(x)",
      "CREATE INDEX i ON t(y)", "DROP TABLE only_new", "ALTER TABLE t DROP COLUMN y", "UPDATE t SET y = 1", "CREATE VIEW v AS SELECT y FROM t"})
  void theFirstStatementIsCompiledForTheNewContent(String sql) {
    byte[] old = OtherSqlite.database("CREATE TABLE t(id INTEGER PRIMARY KEY, x)", "CREATE TABLE only_old(a)", "CREATE INDEX i ON t(x)");
    byte[] replacement = OtherSqlite.database("CREATE TABLE t(y)", "CREATE TABLE only_new(a)");
    if (sql.contains("DROP COLUMN")) {
      replacement = OtherSqlite.database("CREATE TABLE t(y, z)");
    }
    for (boolean inTransaction : new boolean[] {false, true}) {
      vfs.deserialize("a", List.of(old));
      try (SqliteConnection connection = vfs.open("a")) {
        assertEquals(0, Sql.number(connection, "SELECT count(x) FROM t"));
        vfs.deserialize("a", List.of(replacement));
        if (inTransaction) {
          connection.execute("BEGIN IMMEDIATE");
        }
        connection.execute(sql, new Object[0]);
        if (inTransaction) {
          connection.execute("COMMIT");
        }
        Sql.assertWhole(connection);
      }
    }
  }

  /** Two files whose change counter and schema cookie are the same, but whose schema and pages are not. */
  @Test
  void theSameChangeCounterAndSchemaCookieDoNotHideTheNewContent() {
    byte[] first = OtherSqlite.database("CREATE TABLE a(x)", "INSERT INTO a VALUES ('first')", "CREATE TABLE b(y)");
    byte[] second = OtherSqlite.database("CREATE TABLE b(x, z)", "INSERT INTO b VALUES ('second', 2)", "CREATE TABLE a(y)");
    assertArrayEquals(Arrays.copyOfRange(first, 24, 48), Arrays.copyOfRange(second, 24, 48), "bytes 24 to 47 of both headers");
    assertEquals(first.length, second.length);
    vfs.deserialize("a", List.of(first));
    try (SqliteConnection connection = vfs.open("a"); SqliteStatement s = connection.prepare("SELECT * FROM b")) {
      for (int round = 0; round < 5; round++) {
        assertEquals(List.of(List.of("first")), Sql.rows(connection, "SELECT * FROM a"));
        assertEquals(List.of(), Sql.rows(connection, "SELECT * FROM b"));
        assertFalse(s.step());
        assertEquals(1, s.getColumnCount());
        vfs.deserialize("a", List.of(second));
        assertTrue(s.step());
        assertEquals(2, s.getColumnCount());
        assertEquals("second", s.getText(0));
        s.reset();
        assertEquals(List.of(), Sql.rows(connection, "SELECT y FROM a"));
        assertEquals(List.of(List.of("second", 2L)), Sql.rows(connection, "SELECT x, z FROM b"));
        vfs.deserialize("a", List.of(first));
      }
    }
  }

  @Test
  void theSameHeaderAfterAWriteOfTheConnectionDoesNotHideTheNewContent() {
    byte[] first = OtherSqlite.database("CREATE TABLE a(x)");
    byte[] second = OtherSqlite.database("CREATE TABLE a(x)", "INSERT INTO a VALUES ('second')");
    vfs.deserialize("a", List.of(first));
    try (SqliteConnection connection = vfs.open("a")) {
      connection.execute("INSERT INTO a VALUES ('own')");
      assertArrayEquals(Arrays.copyOfRange(second, 24, 28), Arrays.copyOfRange(Sql.bytes(vfs, "a"), 24, 28), "change counters");
      vfs.deserialize("a", List.of(second));
      assertEquals("second", Sql.text(connection, "SELECT x FROM a"));
      connection.execute("UPDATE a SET x = 'third'");
      Sql.assertWhole(vfs, "a");
    }
  }

  @ParameterizedTest
  @CsvSource({"512, 65536", "65536, 512", "4096, 1024", "1024, 8192"})
  void anotherPageSize(int from, int to) {
    for (int blockSize : new int[] {0, 512, 4096, 65536}) {
      try (MemoryVfs own = MemoryVfs.builder().blockSize(blockSize).build()) {
        own.deserialize("a", List.of(OtherSqlite.database("PRAGMA page_size = " + from, "CREATE TABLE t(x)", "INSERT INTO t VALUES (randomblob(200000))")));
        try (SqliteConnection connection = own.open("a"); Snapshot snapshot = own.snapshot("a")) {
          assertEquals(from, Sql.number(connection, "PRAGMA page_size"));
          assertEquals(200_000, Sql.number(connection, "SELECT length(x) FROM t"));
          byte[] bytes = OtherSqlite.database("PRAGMA page_size = " + to, "CREATE TABLE t(x)", "INSERT INTO t VALUES (randomblob(300000))");
          own.deserialize("a", List.of(bytes));
          assertEquals(300_000, Sql.number(connection, "SELECT length(x) FROM t"));
          assertEquals(to, Sql.number(connection, "PRAGMA page_size"));
          connection.execute("INSERT INTO t SELECT x FROM t");
          Sql.assertWhole(connection);
          snapshot.fork("old");
          Sql.assertWhole(own, "old");
        }
      }
    }
  }

  // ---- a writer is at work

  @Test
  void whileAWriteTransactionIsOpenItIsBusyAfterTheTimeout() {
    vfs.deserialize("a", List.of(table("t", 5)));
    try (SqliteConnection writer = vfs.open("a")) {
      writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
      SqliteBusyException e = assertThrows(SqliteBusyException.class, () -> vfs.deserialize("a", List.of(DATABASE)));
      assertEquals(5, e.code());
      assertSays(e, "\"a\"", "SQLITE_BUSY");
      assertThrows(SqliteBusyException.class, () -> vfs.deserialize("a", new ByteArrayInputStream(DATABASE)));
      writer.execute("COMMIT");
      assertEquals(6, Sql.number(writer, "SELECT count(*) FROM t"));
    }
    vfs.deserialize("a", List.of(DATABASE));
    assertIsIn("a");
  }

  @Test
  void withinTheTimeoutItWaitsForTheWriter() throws Exception {
    try (MemoryVfs patient = MemoryVfs.builder().busyTimeout(3_600_000).build(); SqliteConnection writer = patient.open("a")) {
      for (int round = 0; round < 20; round++) {
        patient.deserialize("a", List.of(table("t", 5)));
        writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
        CountDownLatch read = new CountDownLatch(1);
        Crew crew = new Crew();
        crew.start("deserialize", () -> {
          read.countDown();
          patient.deserialize("a", List.of(DATABASE));
        });
        read.await();
        writer.execute("INSERT INTO t VALUES (2); COMMIT");
        crew.join();
        assertArrayEquals(DATABASE, Sql.bytes(patient, "a"));
        assertEquals(100, Sql.number(writer, "SELECT count(*) FROM t"));
      }
    }
  }

  @Test
  void aWriterOnlyKeepsItsOwnDatabase() {
    try (SqliteConnection writer = vfs.open("a")) {
      writer.execute("BEGIN IMMEDIATE; CREATE TABLE t(x)");
      vfs.deserialize("b", List.of(DATABASE));
      assertIsIn("b");
      writer.execute("ROLLBACK");
    }
  }

  // ---- round trip

  @Test
  void roundTripsAreByteIdentical() {
    Random random = Seed.random("DeserializeTest");
    for (int pageSize = 512; pageSize <= 65536; pageSize *= 2) {
      byte[] bytes = OtherSqlite.database("PRAGMA page_size = " + pageSize, "PRAGMA auto_vacuum = " + random.nextInt(3),
          "PRAGMA encoding = '" + (random.nextBoolean() ? "UTF-16be" : "UTF-8") + "'", "PRAGMA application_id = 123456", "PRAGMA user_version = -7",
          "CREATE TABLE t(x)", "INSERT INTO t VALUES (randomblob(" + random.nextInt(300_000) + "))", "CREATE VIRTUAL TABLE f USING fts5(a)",
          "INSERT INTO f VALUES ('some text')", "DELETE FROM t");
      vfs.deserialize("a", List.of(bytes));
      assertArrayEquals(bytes, Sql.bytes(vfs, "a"));
      try (SqliteConnection connection = vfs.open("a")) {
        assertEquals(1, Sql.number(connection, "SELECT count(*) FROM f WHERE f MATCH 'text'"));
        assertEquals(-7, Sql.number(connection, "PRAGMA user_version"));
        Sql.assertWhole(connection);
      }
      assertArrayEquals(bytes, Sql.bytes(vfs, "a"), "reading changes nothing");
    }
  }
}
