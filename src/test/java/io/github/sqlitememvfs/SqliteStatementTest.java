package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Parameters, rows and columns. Text is in {@link TextTest}, use after close in {@link CloseTest}. */
class SqliteStatementTest {

  private static final int RANGE = 25;

  private final MemoryVfs vfs = MemoryVfs.create();
  private final SqliteConnection connection = vfs.open("test");

  @AfterEach
  void close() {
    connection.close();
    vfs.close();
  }

  private SqliteStatement row(String sql, Object... args) {
    SqliteStatement statement = connection.query(sql, args);
    assertTrue(statement.step());
    return statement;
  }

  // ---- numbers

  @ParameterizedTest
  @ValueSource(longs = {0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, 8388607, 8388608, Integer.MAX_VALUE, Integer.MIN_VALUE,
      1L << 31, (1L << 32) - 1, 1L << 47, (1L << 53) + 1, -(1L << 53) - 1, Long.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE - 1})
  void longsAreExact(long value) {
    try (SqliteStatement s = connection.prepare("SELECT ?1, typeof(?1), CAST(?1 AS TEXT)")) {
      s.bindLong(1, value);
      assertTrue(s.step());
      assertEquals(value, s.getLong(0));
      assertEquals((int) value, s.getInt(0));
      assertEquals(value, s.getObject(0));
      assertEquals("integer", s.getText(1));
      assertEquals(Long.toString(value), s.getText(2));
      assertEquals(Long.toString(value), s.getText(0));
      assertEquals((double) value, s.getDouble(0));
      assertEquals(SqliteStatement.SQLITE_DATA_INTEGER, s.getColumnType(0));
    }
    connection.execute("CREATE TABLE n(v)");
    connection.execute("INSERT INTO n VALUES (?)", value);
    assertEquals(value, Sql.number(connection, "SELECT v FROM n"));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, -1, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void intsAreExact(int value) {
    try (SqliteStatement s = connection.prepare("SELECT :v")) {
      s.bindInt(1, value);
      assertTrue(s.step());
      assertEquals(value, s.getInt(0));
      assertEquals(value, s.getLong(0));
      s.reset();
      s.bindInt("v", value);
      assertTrue(s.step());
      assertEquals(value, s.getInt(0));
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.0, 1.5, -1.5, 0.1, 1e-300, 1e300, Double.MAX_VALUE, -Double.MAX_VALUE, Double.MIN_VALUE, Double.MIN_NORMAL,
      Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 9007199254740993.0, Math.PI})
  void doublesAreExact(double value) {
    try (SqliteStatement s = connection.prepare("SELECT ?, typeof(?1)")) {
      s.bindDouble(1, value);
      assertTrue(s.step());
      assertEquals(Double.doubleToRawLongBits(value), Double.doubleToRawLongBits(s.getDouble(0)));
      assertEquals(value, s.getObject(0));
      assertEquals(SqliteStatement.SQLITE_DATA_FLOAT, s.getColumnType(0));
      assertEquals("real", s.getText(1));
    }
    connection.execute("CREATE TABLE n(v)");
    connection.execute("INSERT INTO n VALUES (?)", value);
    assertEquals(value, Sql.value(connection, "SELECT v FROM n"));
  }

  @Test
  void notANumberIsNullAsInSqlite() {
    try (SqliteStatement s = row("SELECT ?", Double.NaN)) {
      assertTrue(s.isNull(0));
      assertNull(s.getObject(0));
      assertEquals(0.0, s.getDouble(0));
    }
  }

  @Test
  void booleansAreZeroAndOne() {
    try (SqliteStatement s = connection.prepare("SELECT ?, :b, typeof(?1)")) {
      s.bindBoolean(1, true);
      s.bindBoolean("b", false);
      assertTrue(s.step());
      assertTrue(s.getBoolean(0));
      assertFalse(s.getBoolean(1));
      assertEquals(1, s.getLong(0));
      assertEquals(0, s.getLong(1));
      assertEquals("integer", s.getText(2));
    }
    try (SqliteStatement s = row("SELECT 2, -1, 0.9, 1.1, 'x', '1', NULL, x'31'")) {
      assertEquals(List.of(true, true, false, true, false, true, false, true),
          Stream.of(0, 1, 2, 3, 4, 5, 6, 7).map(s::getBoolean).toList());
    }
  }

  @Test
  void sqliteConvertsBetweenTypes() {
    try (SqliteStatement s = row("SELECT '12 apples', 3.99, x'3437', NULL, 'none', 9e99, -9e99, 42, 1e100, x'ff', '1e3'")) {
      assertEquals(12, s.getLong(0));
      assertEquals(12.0, s.getDouble(0));
      assertEquals(3, s.getLong(1));
      assertEquals("3.99", s.getText(1));
      assertArrayEquals(new byte[] {'3', '.', '9', '9'}, s.getBlob(1));
      assertEquals(3.99, s.getDouble(1));
      assertEquals(47, s.getLong(2));
      assertEquals("47", s.getText(2));
      assertEquals(0, s.getLong(3));
      assertEquals(0.0, s.getDouble(3));
      assertEquals(0, s.getLong(4));
      assertEquals(Long.MAX_VALUE, s.getLong(5));
      assertEquals(Long.MIN_VALUE, s.getLong(6));
      assertEquals("42", s.getText(7));
      assertArrayEquals(new byte[] {'4', '2'}, s.getBlob(7));
      assertEquals(42.0, s.getDouble(7));
      assertEquals(1e100, s.getDouble(8));
      assertArrayEquals(new byte[] {(byte) 0xff}, s.getBlob(9));
      assertEquals(1000.0, s.getDouble(10));
      // Asking for another type does not change what the column is.
      assertEquals(List.of(3, 2, 4, 5, 3, 2, 2, 1, 2, 4, 3),
          java.util.stream.IntStream.range(0, 11).map(s::getColumnType).boxed().toList());
      assertEquals(42L, s.getObject(7));
      assertEquals(3.99, s.getObject(1));
      assertEquals("12 apples", s.getObject(0));
    }
  }

  // ---- blobs and NULL

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 1023, 1024, 1025, 4095, 4096, 4097, 70_000, 5_000_000})
  void blobsAndTextsOfAllLengths(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (i * 31);
    }
    String text = "abcdefghij".repeat(length / 10 + 1).substring(0, length);
    connection.execute("CREATE TABLE b(v, t)");
    connection.execute("INSERT INTO b VALUES (?, ?)", bytes, text);
    try (SqliteStatement s = row("SELECT v, t, v IS NULL, length(v), length(t), typeof(v), typeof(t) FROM b")) {
      assertArrayEquals(bytes, s.getBlob(0));
      assertArrayEquals(bytes, (byte[]) s.getObject(0));
      assertEquals(text, s.getText(1));
      assertEquals(text, s.getObject(1));
      assertEquals(0, s.getLong(2));
      assertEquals(length, s.getLong(3));
      assertEquals(length, s.getLong(4));
      assertEquals("blob", s.getText(5));
      assertEquals("text", s.getText(6));
      assertEquals(SqliteStatement.SQLITE_DATA_BLOB, s.getColumnType(0));
      assertEquals(SqliteStatement.SQLITE_DATA_TEXT, s.getColumnType(1));
      assertFalse(s.isNull(0));
      assertFalse(s.isNull(1));
    }
  }

  @Test
  void manyWideColumnsInOneRow() {
    Object[] args = new Object[300];
    for (int i = 0; i < args.length; i++) {
      args[i] = i % 3 == 0 ? (Object) ("text " + i).repeat(i) : i % 3 == 1 ? (Object) (long) i : new byte[i * 10];
    }
    String sql = "SELECT " + String.join(", ", Collections.nCopies(args.length, "?"));
    try (SqliteStatement s = row(sql, args)) {
      assertEquals(300, s.getColumnCount());
      for (int round = 0; round < 2; round++) {
        for (int i = args.length - 1; i >= 0; i--) {
          if (args[i] instanceof byte[] bytes) {
            assertArrayEquals(bytes, s.getBlob(i));
          } else {
            assertEquals(args[i], s.getObject(i));
          }
        }
      }
    }
  }

  @Test
  void nullIsNeitherEmptyNorZero() {
    connection.execute("CREATE TABLE n(v)");
    for (Object value : new Object[] {null, "", new byte[0], 0L}) {
      connection.execute("INSERT INTO n VALUES (?)", value);
    }
    try (SqliteStatement s = connection.prepare("SELECT v, typeof(v) FROM n ORDER BY rowid")) {
      assertTrue(s.step());
      assertTrue(s.isNull(0));
      assertNull(s.getText(0));
      assertNull(s.getBlob(0));
      assertNull(s.getObject(0));
      assertEquals(0, s.getLong(0));
      assertEquals(0, s.getInt(0));
      assertFalse(s.getBoolean(0));
      assertEquals(SqliteStatement.SQLITE_DATA_NULL, s.getColumnType(0));
      assertEquals("null", s.getText(1));
      assertTrue(s.step());
      assertFalse(s.isNull(0));
      assertEquals("", s.getText(0));
      assertArrayEquals(new byte[0], s.getBlob(0));
      assertEquals("text", s.getText(1));
      assertTrue(s.step());
      assertFalse(s.isNull(0));
      assertArrayEquals(new byte[0], s.getBlob(0));
      assertEquals("", s.getText(0));
      assertEquals("blob", s.getText(1));
      assertTrue(s.step());
      assertEquals("integer", s.getText(1));
      assertFalse(s.step());
    }
  }

  // ---- bind of objects

  @Test
  void objectsAreBoundByTheirClass() {
    ByteBuffer slice = ByteBuffer.wrap(new byte[] {9, 1, 2, 3, 9}, 1, 3).slice();
    ByteBuffer direct = ByteBuffer.allocateDirect(5).put(new byte[] {9, 1, 2, 3, 9});
    direct.position(1).limit(4);
    ByteBuffer readOnly = ByteBuffer.wrap(new byte[] {9, 1, 2, 3, 9}, 1, 3).asReadOnlyBuffer();
    Object[][] cases = {
        {null, "null"}, {true, "1"}, {false, "0"}, {(byte) -7, "-7"}, {(short) 300, "300"}, {70_000, "70000"}, {1L << 40, "1099511627776"},
        {1.5f, "1.5"}, {0.25, "0.25"}, {new BigInteger("9223372036854775807"), "9223372036854775807"},
        {new BigInteger("-9223372036854775808"), "-9223372036854775808"}, {"text", "'text'"},
        {new StringBuilder("builder"), "'builder'"}, {new byte[] {1, 2, 3}, "X'010203'"}, {slice, "X'010203'"}, {direct, "X'010203'"},
        {readOnly, "X'010203'"}, {ByteBuffer.allocate(0), "X''"}, {ByteBuffer.allocateDirect(0), "X''"}};
    for (Object[] pair : cases) {
      assertEquals(pair[1], Sql.text(connection, "SELECT quote(?)", pair[0]).replace("NULL", "null"));
      try (SqliteStatement s = connection.prepare("SELECT quote(:v)")) {
        s.bind("v", pair[0]);
        assertTrue(s.step());
        assertEquals(pair[1], s.getText(0).replace("NULL", "null"));
      }
    }
    assertEquals(List.of(3, 3, 3), Stream.of(slice, direct, readOnly).map(ByteBuffer::remaining).toList(), "buffers are not consumed");
  }

  @ParameterizedTest
  @MethodSource("unboundable")
  void otherObjectsAreRefusedByName(Object value) {
    try (SqliteStatement s = connection.prepare("SELECT ?")) {
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> s.bind(1, value));
      assertTrue(e.getMessage().contains(value.getClass().getSimpleName()), e.getMessage());
      assertThrows(IllegalArgumentException.class, () -> s.bindAll(value));
    }
    assertThrows(IllegalArgumentException.class, () -> connection.execute("SELECT ?", value));
    assertThrows(IllegalArgumentException.class, () -> connection.query("SELECT ?", value));
  }

  static Stream<Object> unboundable() {
    return Stream.of(new Date(0), BigDecimal.ONE, BigInteger.ONE.shiftLeft(63), BigInteger.ONE.shiftLeft(63).negate().subtract(BigInteger.ONE),
        'c', List.of(1), new int[] {1}, Thread.State.NEW);
  }

  @Test
  void nullWhereAValueIsMeantIsRefused() {
    try (SqliteStatement s = connection.prepare("SELECT :v")) {
      List<Executable> calls = List.of(() -> s.bindText(1, null), () -> s.bindBlob(1, null), () -> s.bindText("v", null),
          () -> s.bindBlob("v", null), () -> s.bindNull(null), () -> s.bindLong(null, 1), () -> connection.prepare(null),
          () -> connection.execute((String) null), () -> connection.query(null));
      for (int i = 0; i < calls.size(); i++) {
        assertThrows(NullPointerException.class, calls.get(i), "call " + i);
      }
    }
  }

  // ---- indexes and names

  @Test
  void parametersCountFromOneAndColumnsFromZero() {
    try (SqliteStatement s = connection.prepare("SELECT ?, ?, ?")) {
      assertEquals(3, s.parameterCount());
      s.bindAll("a", "b", "c");
      assertTrue(s.step());
      assertEquals(List.of("a", "b", "c"), List.of(s.getText(0), s.getText(1), s.getText(2)));
    }
  }

  @Test
  void parametersHaveNames() {
    try (SqliteStatement s = connection.prepare("SELECT ?, :a, @b, $c::d(é), ?7, :a")) {
      assertEquals(7, s.parameterCount());
      List<String> names = new ArrayList<>();
      for (int i = 1; i <= s.parameterCount(); i++) {
        names.add(s.parameterName(i));
      }
      assertEquals(Arrays.asList(null, ":a", "@b", "$c::d(é)", null, null, "?7"), names);
      assertThrows(SqliteException.class, () -> s.parameterName(0));
      assertEquals("there is no parameter 8: the statement has 1 to 7 (SQLITE_RANGE, 25)",
          assertThrows(SqliteException.class, () -> s.parameterName(8)).getMessage());
      s.close();
      assertThrows(IllegalStateException.class, () -> s.parameterName(1));
    }
  }

  @Test
  void indexesOutOfRangeAreRefused() {
    try (SqliteStatement s = connection.prepare("SELECT ?1, ?2")) {
      for (int index : new int[] {0, -1, 3, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        List<Executable> binds = List.of(() -> s.bindNull(index), () -> s.bindLong(index, 1), () -> s.bindInt(index, 1),
            () -> s.bindDouble(index, 1), () -> s.bindText(index, "x"), () -> s.bindBlob(index, new byte[1]),
            () -> s.bindBoolean(index, true), () -> s.bind(index, "x"), () -> s.bind(index, ByteBuffer.allocateDirect(1)));
        for (Executable bind : binds) {
          assertRange(bind, index);
        }
      }
      assertTrue(s.step());
      for (int column : new int[] {-1, 2, 3, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        List<Executable> gets = List.of(() -> s.getLong(column), () -> s.getInt(column), () -> s.getDouble(column), () -> s.getText(column),
            () -> s.getBlob(column), () -> s.getBoolean(column), () -> s.isNull(column), () -> s.getColumnType(column),
            () -> s.getObject(column), () -> s.getColumnName(column));
        for (Executable get : gets) {
          assertRange(get, column);
        }
      }
      assertTrue(s.isNull(0));
    }
  }

  private static void assertRange(Executable call, int index) {
    SqliteException e = assertThrows(SqliteException.class, call);
    assertEquals(RANGE, e.code());
    assertTrue(e.getMessage().contains("" + index), e.getMessage());
  }

  @Test
  void namesWithAndWithoutPrefix() {
    try (SqliteStatement s = connection.prepare("SELECT :a, @b, $c, :ü😀, :a")) {
      assertEquals(4, s.parameterCount());
      s.bindText(":a", "1");
      s.bindText("@b", "2");
      s.bindText("$c", "3");
      s.bindText(":ü😀", "4");
      assertEquals(List.of("1", "2", "3", "4", "1"), row(s));
      s.reset();
      s.bindText("a", "5");
      s.bindText("b", "6");
      s.bindText("c", "7");
      s.bindText("ü😀", "8");
      assertEquals(List.of("5", "6", "7", "8", "5"), row(s));
      s.reset();
      s.bind("a", 1);
      s.bindLong("b", 2);
      s.bindNull("c");
      s.bindBlob("ü😀", new byte[] {'x'});
      assertEquals(Arrays.asList("1", "2", null, "x", "1"), row(s));
      s.reset();
      s.bindDouble("a", 0.5);
      s.bindBoolean("b", true);
      assertEquals(Arrays.asList("0.5", "1", null, "x", "0.5"), row(s));
    }
    try (SqliteStatement s = connection.prepare("SELECT ?7, ?")) {
      assertEquals(8, s.parameterCount());
      s.bindText("?7", "seven");
      s.bindText(8, "eight");
      assertEquals(List.of("seven", "eight"), row(s));
    }
  }

  private static List<String> row(SqliteStatement s) {
    assertTrue(s.step());
    String[] values = new String[s.getColumnCount()];
    for (int i = 0; i < values.length; i++) {
      values[i] = s.getText(i);
    }
    return Arrays.asList(values);
  }

  @Test
  void unknownNamesAreRefusedAndNamed() {
    try (SqliteStatement s = connection.prepare("SELECT :known, ?")) {
      List<Consumer<String>> binds = List.of(s::bindNull, n -> s.bindLong(n, 1), n -> s.bindInt(n, 1), n -> s.bindDouble(n, 1),
          n -> s.bindText(n, ""), n -> s.bindBlob(n, new byte[0]), n -> s.bindBoolean(n, true), n -> s.bind(n, 1));
      for (String name : List.of("unknown", ":unknown", "@known", "Known", "", " known", "known ", "nown")) {
        for (Consumer<String> bind : binds) {
          SqliteException e = assertThrows(SqliteException.class, () -> bind.accept(name));
          assertEquals(RANGE, e.code());
          assertTrue(e.getMessage().contains(name), e.getMessage());
          assertTrue(e.getMessage().contains(":known"), e.getMessage());
        }
      }
    }
  }

  @Test
  void bindAllTakesExactlyAsManyAsThereAre() {
    try (SqliteStatement s = connection.prepare("SELECT ?, ?")) {
      assertThrows(IllegalArgumentException.class, () -> s.bindAll());
      assertThrows(IllegalArgumentException.class, () -> s.bindAll(1));
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> s.bindAll(1, 2, 3));
      assertTrue(e.getMessage().contains("2") && e.getMessage().contains("3"), e.getMessage());
      s.bindAll(1, null);
      assertTrue(s.step());
    }
    assertThrows(IllegalArgumentException.class, () -> connection.execute("SELECT 1", 1));
    assertThrows(IllegalArgumentException.class, () -> connection.query("SELECT ?"));
  }

  @Test
  void bytesThatAreNotAskedForAreNotMade() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return; // not Linux: nothing to measure with
    }
    // Of a constant SQLite itself would make the bytes.
    try (SqliteStatement s = connection.prepare("SELECT zeroblob(400000000 + 0 * random()), 1")) {
      long before = residentKilobytes(status);
      assertTrue(s.step());
      assertEquals(1, s.getLong(1));
      long more = residentKilobytes(status) - before;
      assertTrue(more < 200_000, more + " kB");
    }
  }

  private static long residentKilobytes(Path status) throws IOException {
    String line = Files.readAllLines(status).stream().filter(l -> l.startsWith("VmRSS:")).findFirst().orElseThrow();
    return Long.parseLong(line.replaceAll("[^0-9]", ""));
  }

  @Test
  void columnsHaveNames() {
    try (SqliteStatement s = connection.prepare("SELECT 1 AS a, 2 AS \"b c\", 3 AS \"ü😀\", 4 AS a")) {
      assertEquals(4, s.getColumnCount());
      assertEquals(List.of("a", "b c", "ü😀", "a"), s.getColumnNames());
      assertEquals("ü😀", s.getColumnName(2));
      assertThrows(UnsupportedOperationException.class, () -> s.getColumnNames().set(0, "x"));
      assertTrue(s.step());
      assertEquals("b c", s.getColumnName(1));
    }
    try (SqliteStatement s = connection.prepare("CREATE TABLE t(x)")) {
      assertEquals(0, s.getColumnCount());
      assertEquals(List.of(), s.getColumnNames());
      assertFalse(s.step());
    }
  }

  // ---- life

  @Test
  void columnsNeedARow() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    try (SqliteStatement s = connection.prepare("SELECT x FROM t")) {
      assertNoRow(s);
      assertTrue(s.step());
      assertEquals(1, s.getLong(0));
      assertFalse(s.step());
      assertNoRow(s);
      s.reset();
      assertNoRow(s);
      assertTrue(s.step());
      s.reset();
      assertNoRow(s);
    }
  }

  private static void assertNoRow(SqliteStatement s) {
    List<Executable> gets = List.of(() -> s.getLong(0), () -> s.getInt(0), () -> s.getDouble(0), () -> s.getText(0), () -> s.getBlob(0),
        () -> s.getBoolean(0), () -> s.isNull(0), () -> s.getColumnType(0), () -> s.getObject(0), () -> s.getLong(99));
    for (int i = 0; i < gets.size(); i++) {
      assertThrows(IllegalStateException.class, gets.get(i), "get " + i);
    }
  }

  @Test
  void resetKeepsBindingsAndClearBindingsForgetsThem() {
    try (SqliteStatement s = connection.prepare("SELECT ?, ?")) {
      s.bindAll("a", "b");
      assertEquals(List.of("a", "b"), row(s));
      s.reset();
      s.bindText(2, "c");
      assertEquals(List.of("a", "c"), row(s));
      s.reset();
      s.clearBindings();
      assertEquals(Arrays.asList(null, null), row(s));
    }
  }

  @Test
  void aStatementCanBeRunAgainAfterItsEnd() {
    connection.execute("CREATE TABLE t(x)");
    try (SqliteStatement insert = connection.prepare("INSERT INTO t VALUES (?)")) {
      for (int i = 1; i <= 3; i++) {
        insert.bindLong(1, i);
        assertFalse(insert.step());
        insert.reset();
      }
      insert.bindLong(1, 4);
      assertFalse(insert.step());
      insert.bindLong(1, 5);
      assertFalse(insert.step());
    }
    try (SqliteStatement s = connection.prepare("SELECT x FROM t ORDER BY x")) {
      for (int round = 0; round < 3; round++) {
        for (long i = 1; i <= 5; i++) {
          assertTrue(s.step());
          assertEquals(i, s.getLong(0));
        }
        assertFalse(s.step());
      }
    }
  }

  @Test
  void bindingOnARowIsRefused() {
    try (SqliteStatement s = connection.prepare("SELECT ? UNION ALL SELECT 2")) {
      s.bindLong(1, 1);
      assertTrue(s.step());
      assertThrows(IllegalStateException.class, () -> s.bindLong(1, 5));
      assertThrows(IllegalStateException.class, s::clearBindings);
      assertEquals(1, s.getLong(0));
      assertTrue(s.step());
      assertEquals(2, s.getLong(0));
    }
  }

  @Test
  void aStatementThatFailedCanBeRunAgain() {
    connection.execute("CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES (1)");
    try (SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?)")) {
      s.bindLong(1, 1);
      assertThrows(SqliteConstraintException.class, s::step);
      s.reset();
      s.bindLong(1, 2);
      assertFalse(s.step());
    }
    assertEquals(2, Sql.number(connection, "SELECT count(*) FROM t"));
  }

  @Test
  void anArrayMayBeChangedAfterItWasBound() {
    byte[] bytes = {1, 2, 3};
    ByteBuffer direct = ByteBuffer.allocateDirect(3).put(bytes).flip();
    try (SqliteStatement s = connection.prepare("SELECT ?, ?")) {
      s.bindBlob(1, bytes);
      s.bind(2, direct);
      bytes[0] = 99;
      direct.put(0, (byte) 99);
      assertTrue(s.step());
      assertArrayEquals(new byte[] {1, 2, 3}, s.getBlob(0));
      assertArrayEquals(new byte[] {1, 2, 3}, s.getBlob(1));
    }
  }

  @Test
  void aPreparedStatementSurvivesAChangeOfTheSchema() {
    connection.execute("CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 2)");
    try (SqliteStatement s = connection.prepare("SELECT * FROM t")) {
      assertEquals(List.of("1", "2"), row(s));
      s.reset();
      connection.execute("ALTER TABLE t ADD COLUMN c DEFAULT 3");
      assertEquals(List.of("1", "2", "3"), row(s));
      s.reset();
      connection.execute("ALTER TABLE t DROP COLUMN a");
      assertEquals(List.of("2", "3"), row(s));
      assertEquals(List.of("b", "c"), s.getColumnNames());
    }
  }

  @Test
  void manyStatementsAtOnce() {
    connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2), (3)");
    SqliteStatement[] all = new SqliteStatement[200];
    for (int i = 0; i < all.length; i++) {
      all[i] = connection.query("SELECT x * ? FROM t ORDER BY x", i);
    }
    for (int row = 1; row <= 3; row++) {
      for (int i = 0; i < all.length; i++) {
        assertTrue(all[i].step());
        assertEquals((long) row * i, all[i].getLong(0));
      }
    }
    for (int i = 0; i < all.length; i += 2) {
      all[i].close();
    }
    for (int i = 1; i < all.length; i += 2) {
      assertFalse(all[i].step());
      all[i].close();
    }
  }

  @Test
  void itKnowsItsSqlAndConnection() {
    SqliteStatement s = connection.prepare("SELECT 'ü😀' -- comment");
    assertEquals("SELECT 'ü😀' -- comment", s.sql());
    assertSame(connection, s.connection());
    assertInstanceOf(String.class, s.toString());
    s.close();
    s.close();
    assertEquals("SELECT 'ü😀' -- comment", s.sql());
  }

  @Test
  void exactlyOneStatementIsPrepared() {
    for (String sql : List.of("SELECT 1", "SELECT 1;", " SELECT 1 ; ", "SELECT 1; -- more", "SELECT 1;;;", "/* a */ SELECT 1 /* b */; /* c */",
        "\n\t;SELECT 1")) {
      try (SqliteStatement s = connection.prepare(sql)) {
        assertTrue(s.step(), sql);
      }
      assertEquals(0, connection.execute(sql, new Object[0]));
    }
    for (String sql : List.of("", " ", ";", "-- nothing", "/* nothing", "SELECT 1; SELECT 2", "SELECT 1; x", "SELECT 1;;SELECT 2;")) {
      assertThrows(IllegalArgumentException.class, () -> connection.prepare(sql), sql);
      assertThrows(IllegalArgumentException.class, () -> connection.query(sql), sql);
      assertThrows(IllegalArgumentException.class, () -> connection.execute(sql, new Object[0]), sql);
    }
  }

  // ---- parameters that SQLite has, or has not

  @Test
  void parametersAreGivenAgainIfTheStatementWasNotRun() {
    try (SqliteStatement s = connection.prepare("SELECT ?")) {
      s.bindLong(1, 1);
      assertTrue(s.step());
      s.reset();
      s.bindLong(1, 2);
      assertThrows(IllegalStateException.class, () -> connection.transaction(c -> {
        c.execute("COMMIT");
        s.step();
      }));
      assertTrue(s.step());
      assertEquals(2, s.getLong(0));
    }
  }

  /** SQLite was given it when it was bound, and other values when the batch was run. */
  @Test
  void aLongValueStaysBoundWhenABatchIsRun() {
    connection.execute("CREATE TABLE t(a, b)");
    String longText = "é".repeat(Parameters.LONG_VALUE);
    byte[] longBlob = new byte[2 * Parameters.LONG_VALUE];
    Arrays.fill(longBlob, (byte) 7);
    try (SqliteStatement s = connection.prepare("INSERT INTO t VALUES (?, ?)")) {
      s.bindText(1, "short");
      s.bindText(2, "x".repeat(Parameters.CHUNK));
      s.addBatch();
      s.bindText(1, longText);
      s.bindBlob(2, longBlob);
      assertEquals(1, s.executeBatch());
      s.addBatch();
      assertEquals(1, s.executeBatch());
      s.step();
    }
    try (SqliteStatement s = connection.query("SELECT a, b FROM t ORDER BY rowid")) {
      assertTrue(s.step());
      assertEquals("short", s.getText(0));
      for (int i = 0; i < 2; i++) {
        assertTrue(s.step());
        assertEquals(longText, s.getText(0));
        assertArrayEquals(longBlob, s.getBlob(1));
      }
      assertFalse(s.step());
    }
  }

  /** SQLite keeps its code until something else runs. */
  @Test
  void whatAnotherStatementHadNoMemoryForIsNotThoughtToBeThisRows() {
    try (SqliteConnection c = vfs.open("test", OpenOptions.defaults().limit(SqliteLimit.VDBE_OP, 100)); SqliteStatement s = c.query("SELECT '12.5', '7', x''")) {
      assertTrue(s.step());
      SqliteException e = assertThrows(SqliteException.class, () -> c.execute("SELECT 1" + " + random()".repeat(200)));
      assertEquals(SqliteCodes.NOMEM, e.code());
      assertEquals(12.5, s.getDouble(0));
      assertEquals(7, s.getLong(1));
      assertEquals("", s.getText(2));
      assertFalse(s.step());
    }
  }
}
