package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryVfsTest {

  private static final int CANTOPEN = 14;

  private final MemoryVfs vfs = MemoryVfs.create();

  @AfterEach
  void close() {
    vfs.close();
  }

  private void make(String database) {
    try (SqliteConnection connection = vfs.open(database)) {
      connection.execute("CREATE TABLE t(name TEXT)");
      connection.execute("INSERT INTO t VALUES (?)", database);
    }
  }

  private static String madeAs(MemoryVfs vfs, String database) {
    try (SqliteConnection connection = vfs.open(database, OpenOptions.defaults().mustExist(true))) {
      return Sql.text(connection, "SELECT name FROM t");
    }
  }

  // ---- the builder

  @Test
  void everyVfsHasANameOfItsOwn() {
    try (MemoryVfs a = MemoryVfs.create(); MemoryVfs b = MemoryVfs.builder().build()) {
      assertTrue(a.name().matches("memory-[0-9a-z]{5}-\\d+"), a.name());
      assertTrue(b.name().matches("memory-[0-9a-z]{5}-\\d+"), b.name());
      assertNotEquals(a.name(), b.name());
    }
  }

  @Test
  void nameCanBeGivenAndIsFreeAgainAfterClose() {
    String name = "MemoryVfsTest_1.2-x";
    for (int i = 0; i < 3; i++) {
      try (MemoryVfs named = MemoryVfs.builder().name(name).build()) {
        assertEquals(name, named.name());
        try (SqliteConnection connection = named.open("x")) {
          connection.execute("CREATE TABLE t(a)");
        }
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> MemoryVfs.builder().name(name).build());
        assertTrue(e.getMessage().contains(name), e.getMessage());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "a b", "a&b", "a%41", "ü", "a/b", "a?b", "a=b", "a\0b"})
  void namesThatWouldNotFitAUriAreRefused(String name) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> MemoryVfs.builder().name(name).build());
    assertTrue(e.getMessage().contains("A-Z"), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = "none")
  void theNamesOfSqlitesOwnVfsesAreRefused(String name) {
    assertThrows(RuntimeException.class, () -> MemoryVfs.builder().name(name).build());
  }

  @ParameterizedTest
  @ValueSource(ints = {-512, -1, 1, 256, 511, 513, 1000, 3072, 65535, 131072, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void blockSizesOtherThanPowersOfTwoFrom512To65536AreRefused(int blockSize) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class,
        () -> MemoryVfs.builder().blockSize(blockSize).build());
    assertTrue(e.getMessage().contains("" + blockSize), e.getMessage());
  }

  @Test
  void negativeLimitsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> MemoryVfs.builder().maxBytes(-1).build());
    assertThrows(IllegalArgumentException.class, () -> MemoryVfs.builder().busyTimeout(-1).build());
  }

  @Test
  void nullIsRefused() {
    List<Executable> calls = List.of(
        () -> MemoryVfs.builder().name(null).build(),
        () -> vfs.open(null),
        () -> vfs.open("a", null),
        () -> vfs.exists(null),
        () -> vfs.delete(null),
        () -> vfs.size(null),
        () -> vfs.snapshot(null),
        () -> vfs.stats(null),
        () -> vfs.serialize(null),
        () -> vfs.serializeChunks(null),
        () -> vfs.fork((String) null, "b"),
        () -> vfs.fork("a", null),
        () -> vfs.deserialize("a", (java.io.InputStream) null),
        () -> vfs.deserialize("a", (java.nio.channels.ReadableByteChannel) null),
        () -> vfs.deserialize("a", (Iterable<byte[]>) null),
        () -> vfs.serialize("a", (java.io.OutputStream) null),
        () -> vfs.serialize("a", (java.nio.channels.WritableByteChannel) null));
    for (int i = 0; i < calls.size(); i++) {
      assertThrows(NullPointerException.class, calls.get(i), "call " + i);
    }
  }

  // ---- databases

  @Test
  void openingMakesAnEmptyDatabase() {
    assertFalse(vfs.exists("a"));
    assertEquals(List.of(), vfs.databases());
    try (SqliteConnection connection = vfs.open("a")) {
      assertEquals("a", connection.database());
      assertEquals(vfs, connection.vfs());
      assertTrue(vfs.exists("a"));
      assertEquals(0, vfs.size("a"));
      assertEquals(0, Sql.number(connection, "SELECT count(*) FROM sqlite_schema"));
    }
    assertTrue(vfs.exists("a"));
    assertEquals(List.of("a"), vfs.databases());
  }

  @Test
  void sizeIsThatOfTheNewestCommit() {
    try (SqliteConnection connection = vfs.open("a")) {
      connection.execute("PRAGMA page_size = 1024; CREATE TABLE t(x)");
      assertEquals(2048, vfs.size("a"));
      connection.execute("BEGIN; INSERT INTO t VALUES (zeroblob(100000))");
      assertEquals(2048, vfs.size("a"));
      connection.execute("COMMIT");
      assertEquals(1024 * Sql.number(connection, "PRAGMA page_count"), vfs.size("a"));
    }
  }

  @Test
  void deleteTellsWhetherThereWasOne() {
    make("a");
    make("b");
    assertTrue(vfs.delete("a"));
    assertFalse(vfs.delete("a"));
    assertFalse(vfs.delete("never"));
    assertFalse(vfs.exists("a"));
    assertEquals(List.of("b"), vfs.databases());
    try (SqliteConnection connection = vfs.open("a")) {
      assertEquals(0, Sql.number(connection, "SELECT count(*) FROM sqlite_schema"));
    }
  }

  @Test
  void eachVfsIsANamespaceOfItsOwn() {
    make("a");
    try (MemoryVfs other = MemoryVfs.create()) {
      assertFalse(other.exists("a"));
      try (SqliteConnection connection = other.open("a")) {
        connection.execute("CREATE TABLE t(name); INSERT INTO t VALUES ('other')");
      }
      assertEquals("a", madeAs(vfs, "a"));
      assertEquals("other", madeAs(other, "a"));
      other.delete("a");
      assertTrue(vfs.exists("a"));
    }
    assertEquals("a", madeAs(vfs, "a"));
  }

  /** Each of them is a name in some file system or another, an escape, an option of SQLite's, or nearly another of them. */
  static final List<String> ODD_NAMES = List.of(
      "a", "A", "a ", " a", " ", ".", "..", "../x", "/", "//", "/a", "/a/b.db", "C:\\temp\\a.db", "\\\\server\\share",
      "a/../b", "a//b", "./a", "~", "$HOME", "-", "--", "*", "a?b", "a?vfs=unix", "a?mode=ro", "a#b", "%", "%41", "%00", "a%2Fb",
      "file:x", "file:x?mode=memory", "file::memory:", "FILE:x", "file://localhost/x", ":memory", "memory:", "::memory:", ":MEMORY:",
      "x", "x-journal", "x-wal", "x-shm", "x-journal-journal", "x-mj12345678", "main", "temp", "null", "NULL",
      "'", "\"", "`", "a'b\"c", "a;b", "a&b=c", "a\tb", "a\nb", "a\r\nb", "\u0001", "\u007f",
      "é", "e\u0301", "ü/%41 😀", "日本語", "\u202eevil", "\ufeff", "\ufffd", "\uffff", "\ud83d\ude00", "ß", "ı", "I", "i",
      "x".repeat(1023), "x".repeat(1024), "ü".repeat(512), "😀".repeat(256));

  @ParameterizedTest
  @MethodSource("oddNames")
  void anyTextIsAName(String name) {
    assertFalse(vfs.exists(name));
    make(name);
    assertTrue(vfs.exists(name));
    assertEquals(List.of(name), vfs.databases());
    assertEquals(name, madeAs(vfs, name));
    try (SqliteConnection readOnly = vfs.open(name, OpenOptions.defaults().readOnly(true))) {
      assertEquals(name, readOnly.database());
      assertThrows(SqliteException.class, () -> readOnly.execute("DELETE FROM t"));
    }
    byte[] bytes = Sql.bytes(vfs, name);
    assertEquals(vfs.size(name), bytes.length);
    try (Snapshot snapshot = vfs.snapshot(name)) {
      assertEquals(name, snapshot.database());
    }
    assertEquals(bytes.length, vfs.stats(name).size());
    vfs.fork(name, "fork");
    assertEquals(name, madeAs(vfs, "fork"));
    assertTrue(vfs.delete(name));
    vfs.deserialize(name, List.of(bytes));
    assertEquals(name, madeAs(vfs, name));
    vfs.delete("fork");
    assertTrue(vfs.delete(name));
    assertEquals(List.of(), vfs.databases());
  }

  static Stream<String> oddNames() {
    return ODD_NAMES.stream();
  }

  @Test
  void namesAreComparedExactlyAndListedInBytewiseOrder() {
    ODD_NAMES.forEach(this::make);
    ODD_NAMES.forEach(name -> assertEquals(name, madeAs(vfs, name)));
    List<String> sorted = new ArrayList<>(ODD_NAMES);
    // The order of UTF-8 bytes is that of code points.
    sorted.sort(Comparator.comparing(name -> name.codePoints().toArray(), java.util.Arrays::compare));
    assertEquals(sorted, vfs.databases());
    assertEquals(sorted, new ArrayList<>(vfs.stats().perDatabase().keySet()));
    for (String name : ODD_NAMES) {
      assertTrue(vfs.delete(name), name);
      sorted.remove(name);
      assertEquals(sorted, vfs.databases());
    }
  }

  static Stream<String> badNames() {
    return Stream.of("", ":memory:", "a\0b", "\0", "\ud83d", "a\ude00b", "\ude00\ud83d", "x".repeat(1025), "ü".repeat(513),
        "😀".repeat(256) + "x");
  }

  @ParameterizedTest
  @MethodSource("badNames")
  void whatIsNoNameIsRefusedEverywhere(String name) {
    make("good");
    byte[] bytes = Sql.bytes(vfs, "good");
    List<Executable> calls = List.of(
        () -> vfs.open(name),
        () -> vfs.open(name, OpenOptions.defaults()),
        () -> vfs.deserialize(name, List.of(bytes)),
        () -> vfs.deserialize(name, new ByteArrayInputStream(bytes)),
        () -> vfs.deserialize(name, Channels.newChannel(new ByteArrayInputStream(bytes))),
        () -> vfs.serialize(name),
        () -> vfs.serialize(name, new ByteArrayOutputStream()),
        () -> vfs.serialize(name, Channels.newChannel(new ByteArrayOutputStream())),
        () -> vfs.serializeChunks(name),
        () -> vfs.exists(name),
        () -> vfs.delete(name),
        () -> vfs.size(name),
        () -> vfs.snapshot(name),
        () -> vfs.fork(name, "b"),
        () -> vfs.fork("good", name),
        () -> vfs.stats(name),
        () -> {
          try (Snapshot snapshot = vfs.snapshot("good")) {
            snapshot.fork(name);
          }
        });
    for (int i = 0; i < calls.size(); i++) {
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class, calls.get(i), "call " + i);
      if (name.equals(":memory:")) {
        assertTrue(e.getMessage().contains(name), e.getMessage());
      }
    }
    assertEquals(List.of("good"), vfs.databases());
  }

  static Stream<Function<MemoryVfs, Executable>> callsThatNeedADatabase() {
    return Stream.of(
        vfs -> () -> vfs.serialize("missing").read(),
        vfs -> () -> vfs.serialize("missing", new ByteArrayOutputStream()),
        vfs -> () -> vfs.serialize("missing", Channels.newChannel(new ByteArrayOutputStream())),
        vfs -> () -> vfs.serializeChunks("missing"),
        vfs -> () -> vfs.snapshot("missing"),
        vfs -> () -> vfs.size("missing"),
        vfs -> () -> vfs.fork("missing", "new"),
        vfs -> () -> vfs.stats("missing"),
        vfs -> () -> vfs.open("missing", OpenOptions.defaults().mustExist(true)),
        vfs -> () -> vfs.open("missing", OpenOptions.defaults().readOnly(true)));
  }

  @ParameterizedTest
  @MethodSource("callsThatNeedADatabase")
  void aDatabaseThatIsNotThereIsNamedTogetherWithThoseThatAre(Function<MemoryVfs, Executable> call) {
    make("shop");
    make("stock 😀");
    SqliteException e = assertThrows(SqliteException.class, call.apply(vfs));
    assertEquals(CANTOPEN, e.code());
    for (String part : List.of("missing", vfs.name(), "shop", "stock 😀", "SQLITE_CANTOPEN")) {
      assertTrue(e.getMessage().contains(part), () -> part + " in " + e.getMessage());
    }
    assertEquals(List.of("shop", "stock 😀"), vfs.databases());
  }

  @ParameterizedTest
  @MethodSource("callsThatNeedADatabase")
  void aDatabaseThatIsNotThereIsNamedWhereThereIsNone(Function<MemoryVfs, Executable> call) {
    SqliteException e = assertThrows(SqliteException.class, call.apply(vfs));
    assertEquals(CANTOPEN, e.code());
    assertTrue(e.getMessage().contains("missing"), e.getMessage());
    assertEquals(List.of(), vfs.databases());
  }

  // ---- close

  @Test
  void closeMayBeCalledAgain() {
    vfs.close();
    vfs.close();
    assertThrows(IllegalStateException.class, vfs::databases);
  }

  @Test
  void closeClosesAllThatCameFromIt() throws Exception {
    make("a");
    SqliteConnection connection = vfs.open("a");
    SqliteStatement statement = connection.query("SELECT name FROM t");
    assertTrue(statement.step());
    SqliteConnection writer = vfs.open("a");
    writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES ('not committed')");
    Snapshot snapshot = vfs.snapshot("a");
    java.io.InputStream stream = vfs.serialize("a");
    java.io.InputStream snapshotStream = snapshot.newInputStream();
    java.nio.channels.SeekableByteChannel channel = snapshot.newByteChannel();
    Iterable<byte[]> chunks = vfs.serializeChunks("a");
    java.util.Iterator<byte[]> iterator = chunks.iterator();
    vfs.close();
    List<Executable> calls = List.of(
        () -> connection.execute("SELECT 1"),
        () -> statement.step(),
        () -> statement.getText(0),
        () -> writer.execute("COMMIT"),
        () -> snapshot.newInputStream(),
        () -> stream.read(),
        () -> snapshotStream.read(),
        () -> channel.read(java.nio.ByteBuffer.allocate(1)),
        () -> iterator.next(),
        () -> chunks.iterator().next());
    for (int i = 0; i < calls.size(); i++) {
      assertThrows(IllegalStateException.class, calls.get(i), "call " + i);
    }
    statement.close();
    connection.close();
    writer.close();
    snapshot.close();
    stream.close();
    snapshotStream.close();
    channel.close();
  }

  /** Of another thread: gets to the second row of a statement that never has one, and says so before. */
  private interface Endless {
    void run(SqliteConnection connection, SqliteStatement statement, Runnable running);
  }

  /** Closes, again and again, while another thread is in that, and so many connections are idle, which take a while to close. */
  private static void closeWhile(int rounds, int idle, Endless endless) throws Exception {
    for (int round = 0; round < rounds; round++) {
      MemoryVfs shared = MemoryVfs.create();
      for (int i = 0; i < idle; i++) {
        shared.open("a").execute("SELECT 1");
      }
      CountDownLatch running = new CountDownLatch(1);
      Crew crew = new Crew();
      crew.start("endless", () -> {
        SqliteConnection connection = shared.open("a");
        endless.run(connection, connection.prepare(Sql.ONE_ROW_THEN_ENDLESS), running::countDown);
      });
      running.await();
      shared.close();
      crew.join();
    }
  }

  /** Between its interrupt and the end of close the other thread may come back: it must be refused. */
  @Test
  void closeInterruptsAStatementOfAnotherThread() throws Exception {
    closeWhile(100, 0, (connection, statement, running) -> {
      assertTrue(statement.step());
      running.run();
      RuntimeException e = assertThrows(RuntimeException.class, statement::step);
      assertTrue(e instanceof IllegalStateException || ((SqliteException) e).code() == 9, e.toString());
      assertThrows(IllegalStateException.class, statement::step);
      assertThrows(IllegalStateException.class, () -> connection.execute("SELECT 1"));
    });
  }

  /** Also before the turn of its connection, where that is not the last to close. */
  @Test
  void closeInterruptsAStatementBesideManyConnections() throws Exception {
    closeWhile(20, 50, (connection, statement, running) -> {
      assertTrue(statement.step());
      running.run();
      assertThrows(RuntimeException.class, statement::step);
      assertThrows(IllegalStateException.class, statement::step);
    });
  }

  /** A body that takes the interrupt for nothing may come to its end. */
  @Test
  void closeDoesNotLetATransactionCommitThatItHasInterrupted() throws Exception {
    closeWhile(50, 50, (connection, statement, running) ->
        assertThrows(IllegalStateException.class, () -> connection.transaction(t -> {
          t.execute("CREATE TABLE t(x)");
          assertTrue(statement.step());
          running.run();
          assertThrows(RuntimeException.class, statement::step);
        })));
  }

  @Test
  void closeEndsAWaitForAnotherWriter() throws Exception {
    MemoryVfs patient = MemoryVfs.builder().busyTimeout(3_600_000).build();
    SqliteConnection writer = patient.open("a");
    writer.execute("BEGIN IMMEDIATE; CREATE TABLE t(x)");
    CountDownLatch running = new CountDownLatch(1);
    Crew crew = new Crew();
    crew.start("second writer", () -> {
      SqliteConnection second = patient.open("a");
      running.countDown();
      assertThrows(RuntimeException.class, () -> {
        for (;;) {
          second.execute("CREATE TABLE IF NOT EXISTS u(x); DROP TABLE u");
        }
      });
    });
    running.await();
    patient.close();
    crew.join();
  }

  @Test
  void manyThreadsMayUseAndCloseItAtOnce() throws Exception {
    for (int round = 0; round < 20; round++) {
      MemoryVfs shared = MemoryVfs.create();
      Crew crew = new Crew();
      CountDownLatch busy = new CountDownLatch(3);
      for (int i = 0; i < 3; i++) {
        String own = "own " + i;
        crew.start(own, () -> {
          try {
            for (int turn = 0;; turn++) {
              try (SqliteConnection connection = shared.open(own)) {
                connection.execute("CREATE TABLE IF NOT EXISTS t(x); INSERT INTO t VALUES (1)");
                Sql.number(connection, "SELECT count(*) FROM t");
              }
              shared.deserialize("copy of " + own, shared.serializeChunks(own));
              shared.databases();
              shared.stats();
              if (turn == 2) {
                busy.countDown();
              }
            }
          } catch (IllegalStateException closed) {
            // The end that all of them come to.
          } catch (SqliteException interrupted) {
            assertEquals(9, interrupted.code(), interrupted.toString());
          } finally {
            busy.countDown();
          }
        });
      }
      busy.await();
      shared.close();
      crew.join();
    }
  }

  @Test
  void aThousandSmallDatabasesShareMemory() {
    for (int i = 0; i < 1000; i++) {
      make("database " + i);
    }
    Stats stats = vfs.stats();
    assertEquals(1000, stats.databases());
    // Two pages of 4096 each, and their tables.
    assertTrue(stats.bytesInUse() < 1000 * 16_384, stats.toString());
    assertTrue(stats.bytesReserved() < 1000 * 32_768, stats.toString());
    for (String name : vfs.databases()) {
      vfs.delete(name);
    }
    assertEquals(0, vfs.stats().bytesInUse());
  }

  @Test
  void toStringSaysWhichItIs() {
    assertTrue(vfs.toString().contains(vfs.name()), vfs.toString());
    vfs.close();
    assertTrue(vfs.toString().contains(vfs.name()), vfs.toString());
  }

  @Test
  void theSameBytesComeOutWhateverTheBlockSize() {
    make("a");
    byte[] bytes = Sql.bytes(vfs, "a");
    try (MemoryVfs other = MemoryVfs.builder().blockSize(512).build()) {
      other.deserialize("a", List.of(bytes));
      assertArrayEquals(bytes, Sql.bytes(other, "a"));
      assertDoesNotThrow(() -> Sql.assertWhole(other, "a"));
    }
  }
}
