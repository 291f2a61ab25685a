package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Corrupt databases, made by changing bytes at random. Using one may throw a {@link SqliteException}; the JVM must not
 * crash, and nothing may leak. {@code hostile_test.c} tries far more of them, faster. -Dhostile.count=N sets how many
 * are tried here, -Dtest.seed=N which.
 */
class HostileBytesTest {

  private static final int PAGE = 1024;

  /**
   * What hostile content may lead to: ERROR, ABORT, LOCKED, NOMEM, READONLY, INTERRUPT, CORRUPT, FULL, CANTOPEN,
   * SCHEMA, TOOBIG, CONSTRAINT, MISMATCH, NOTADB.
   */
  private static final List<Integer> WORLDLY = List.of(1, 4, 6, 7, 8, 9, 11, 13, 14, 17, 18, 19, 20, 26);

  private static final OpenOptions BOUNDED = OpenOptions.defaults().statementTimeout(5000).limit(SqliteLimit.LENGTH, 2_000_000);

  private final MemoryVfs vfs = MemoryVfs.builder().maxBytes(32 << 20).build();

  @AfterEach
  void nothingIsLeft() {
    for (String name : vfs.databases()) {
      vfs.delete(name);
    }
    assertEquals(0, vfs.stats().bytesInUse(), "bytes in use");
    assertEquals(0, vfs.stats().pins(), "pins");
    vfs.close();
  }

  // ---- by chance ----

  private static final String[] SCRIPTS = {
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b REAL CHECK (b < 1e9), c BLOB, d AS (a || b) STORED);"
        + "CREATE INDEX t_a ON t(a, b DESC); CREATE INDEX t_e ON t(lower(a)) WHERE b > 5;"
        + "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) INSERT INTO t(a, b, c) SELECT 'name ' || i, i, zeroblob(i % 90) FROM n;"
        + "INSERT INTO t(a, c) VALUES ('big', randomblob(20000)); CREATE VIEW v AS SELECT a, count(*) AS n FROM t GROUP BY a",
    "CREATE TABLE w(k TEXT, n INT, v, PRIMARY KEY (k, n)) WITHOUT ROWID;"
        + "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO w SELECT 'k' || i % 7, i, i / 3.0 FROM n;"
        + "CREATE TABLE log(x); CREATE TRIGGER w_d AFTER DELETE ON w BEGIN INSERT INTO log VALUES (old.k); END; DELETE FROM w WHERE n % 3 = 0; ANALYZE",
    "CREATE VIRTUAL TABLE ft USING fts5(x, y); CREATE VIRTUAL TABLE f4 USING fts4(x); CREATE VIRTUAL TABLE rt USING rtree(id, x0, x1);"
        + "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT INTO ft SELECT 'some words ' || i, i FROM n;"
        + "INSERT INTO f4 SELECT x FROM ft; INSERT INTO rt SELECT rowid, rowid, rowid + 2 FROM ft",
  };

  private byte[] made(int number) {
    try (SqliteConnection c = vfs.open("made")) {
      c.execute("PRAGMA page_size = " + (512 << number % 8) + "; PRAGMA auto_vacuum = " + number / 2 % 3 + "; PRAGMA encoding = '"
          + (number % 5 == 4 ? "UTF-16le" : "UTF-8") + "'");
      c.execute("BEGIN; " + SCRIPTS[number % SCRIPTS.length] + "; COMMIT");
    }
    byte[] bytes = Sql.bytes(vfs, "made");
    vfs.delete("made");
    return bytes;
  }

  @Test
  void mutatedDatabasesGiveErrorsOnly() {
    Random random = Seed.random("HostileBytesTest");
    int count = Integer.getInteger("hostile.count", 120);
    int corrupt = 0;
    int refused = 0;
    List<byte[]> originals = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      originals.add(made(i));
    }
    for (int i = 0; i < count; i++) {
      byte[] bytes = mutated(originals.get(random.nextInt(originals.size())).clone(), random);
      try {
        vfs.deserialize("h", new ByteArrayInputStream(bytes));
      } catch (SqliteCorruptException e) {
        refused++;
        continue;
      } catch (IOException e) {
        throw new AssertionError(e);
      }
      corrupt += use(random) ? 1 : 0;
      byte[] after = Sql.bytes(vfs, "h");
      assertEquals(vfs.size("h"), after.length);
      vfs.delete("h");
      assertEquals(0, vfs.stats().bytesInUse(), "bytes in use");
    }
    if (count >= 100) {
      assertTrue(refused > 0 && corrupt > count / 4, refused + " refused and " + corrupt + " corrupt of " + count);
    }
  }

  private static byte[] mutated(byte[] bytes, Random random) {
    int page = 512;
    while (page < 65536 && page != (bytes[16] & 255) << 8) {
      page *= 2;
    }
    ByteBuffer b = ByteBuffer.wrap(bytes);
    for (int i = 1 + random.nextInt(6); i > 0; i--) {
      int start = random.nextInt(bytes.length / page) * page;
      int header = start == 0 ? 100 : start;
      int edge = new int[] {0, 1, -1, Integer.MAX_VALUE, bytes.length / page, bytes.length / page + 1, page - 1, random.nextInt()}[random.nextInt(8)];
      switch (random.nextInt(8)) {
        case 0: b.putInt(16 + 4 * random.nextInt(14), edge); break;
        case 1: b.putShort(header + 1 + 2 * random.nextInt(3), (short) edge); break;
        case 2: b.putInt(header + 8, edge); break;
        case 3: b.putShort(header + 8 + 2 * random.nextInt(20), (short) edge); break;
        case 4: b.putInt(start, edge); break;
        case 5: bytes[header] = new byte[] {0, 2, 5, 10, 13}[random.nextInt(5)]; break;
        case 6: System.arraycopy(bytes, random.nextInt(bytes.length / page) * page, bytes, start, page); break;
        default: bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
    }
    return random.nextInt(15) == 0 ? Arrays.copyOf(bytes, random.nextInt(bytes.length)) : bytes;
  }

  /** Whether it was found to be corrupt. */
  private boolean use(Random random) {
    boolean[] corrupt = new boolean[1];
    OpenOptions options = random.nextInt(4) == 0 ? BOUNDED.hardened(false) : BOUNDED;
    try (SqliteConnection c = vfs.open("h", options)) {
      List<String> names = new ArrayList<>();
      attempt(corrupt, () -> Sql.rows(c, "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").forEach(row -> names.add(String.valueOf(row.get(0)))));
      List<String> statements = new ArrayList<>(List.of("PRAGMA integrity_check(5)", "SELECT * FROM ft WHERE ft MATCH 'words'", "SELECT * FROM f4 WHERE f4 MATCH 'wor*'",
          "SELECT * FROM rt WHERE x0 < 9", "BEGIN"));
      for (String name : names) {
        String quoted = "\"" + name.replace("\"", "\"\"").replace("\0", "") + "\"";
        statements.addAll(List.of("SELECT * FROM " + quoted, "INSERT INTO " + quoted + " DEFAULT VALUES", "DELETE FROM " + quoted + " WHERE rowid % 2",
            "INSERT INTO " + quoted + " SELECT * FROM " + quoted + " LIMIT 20"));
      }
      statements.addAll(List.of(random.nextBoolean() ? "COMMIT" : "ROLLBACK", "CREATE TABLE fresh AS SELECT * FROM sqlite_schema", "REINDEX", "ANALYZE",
          "PRAGMA incremental_vacuum", "VACUUM", "PRAGMA integrity_check(5)"));
      for (String sql : statements) {
        attempt(corrupt, () -> Sql.rows(c, sql));
      }
    }
    return corrupt[0];
  }

  private static void attempt(boolean[] corrupt, Runnable work) {
    try {
      work.run();
    } catch (SqliteException e) {
      assertTrue(WORLDLY.contains(e.code()), () -> e.sql() + ": " + e.getMessage());
      corrupt[0] |= e instanceof SqliteCorruptException;
    } catch (IllegalArgumentException e) {
      assertTrue(e.getMessage().contains("lone surrogate") || e.getMessage().contains("NUL"), e.getMessage());
    }
  }

  // ---- one by one ----

  /** Table t on page 2 with root and leaves, index on a, a value with overflow pages, and a freelist. */
  private byte[] base() {
    try (SqliteConnection c = vfs.open("base")) {
      c.execute("PRAGMA page_size = " + PAGE + "; CREATE TABLE t(a, b); CREATE TABLE big(x); CREATE TABLE gone(x); CREATE INDEX t_a ON t(a);"
          + "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO t SELECT i, 'value ' || i FROM n;"
          + "INSERT INTO big VALUES (zeroblob(5000)); INSERT INTO gone VALUES (zeroblob(9000)); DELETE FROM gone");
    }
    byte[] bytes = Sql.bytes(vfs, "base");
    vfs.delete("base");
    return bytes;
  }

  private SqliteConnection changed(Consumer<ByteBuffer> change) {
    byte[] bytes = base();
    change.accept(ByteBuffer.wrap(bytes));
    vfs.deserialize("h", List.of(bytes));
    return vfs.open("h", BOUNDED);
  }

  private static int at(int page) {
    return (page - 1) * PAGE;
  }

  private static void assertFails(String message, SqliteConnection c, String sql) {
    SqliteException e = assertThrows(SqliteException.class, () -> c.execute(sql), sql);
    assertEquals(message, e.getMessage(), sql);
  }

  private static final String MALFORMED = "database disk image is malformed (SQLITE_CORRUPT, 11)";

  private static String integrity(SqliteConnection c) {
    return Sql.text(c, "PRAGMA integrity_check(1)");
  }

  @Test
  void theBaseIsWhole() {
    try (SqliteConnection c = changed(b -> {})) {
      assertEquals("ok", integrity(c));
      assertEquals(100, Sql.number(c, "SELECT count(*) FROM t"));
      assertTrue(Sql.number(c, "PRAGMA freelist_count") > 3);
      assertEquals(2, Sql.number(c, "SELECT rootpage FROM sqlite_schema WHERE name = 't'"));
    }
  }

  @Test
  void aTreeThatLeadsBackToItself() {
    try (SqliteConnection c = changed(b -> b.putInt(at(2) + 8, 2))) { // the right child
      assertEquals("*** in database main ***\nTree 2 page 2 cell 0: 2nd reference to page 2", integrity(c));
      assertFails(MALFORMED, c, "SELECT count(*), max(b) FROM t NOT INDEXED");
      assertFails(MALFORMED, c, "INSERT INTO t VALUES (1, 2)");
    }
  }

  @Test
  void anOverflowChainThatLeadsBackToItself() {
    int[] first = new int[1];
    try (SqliteConnection c = changed(b -> {
      for (int page = 3; first[0] == 0; page++) { // an overflow page of zeros leads to the next page
        if (b.getInt(at(page)) == page + 1 && b.get(at(page) + 500) == 0) {
          first[0] = page;
        }
      }
      b.putInt(at(first[0]), first[0]);
    })) {
      assertTrue(integrity(c).contains("2nd reference to page " + first[0]), integrity(c));
      assertEquals(5000, Sql.number(c, "SELECT length(x) FROM big")); // as many pages as the length asks for
      assertEquals(5000, Sql.number(c, "SELECT length(hex(x)) / 2 FROM big"));
    }
  }

  @Test
  void aFreelistThatLeadsBackToItself() {
    try (SqliteConnection c = changed(b -> b.putInt(at(b.getInt(32)), b.getInt(32)))) {
      assertTrue(integrity(c).startsWith("*** in database main ***\nFreelist: "), integrity(c));
      c.execute("INSERT INTO big VALUES (zeroblob(90000))"); // comes to an end
      assertEquals(90_000, Sql.number(c, "SELECT max(length(x)) FROM big"));
    }
  }

  @Test
  void aFreelistThatHoldsATable() {
    try (SqliteConnection c = changed(b -> b.putInt(at(b.getInt(32)) + 8, 2))) {
      assertTrue(integrity(c).contains("2nd reference to page 2"), integrity(c));
    }
  }

  @Test
  void moreCellsThanAPageHolds() {
    try (SqliteConnection c = changed(b -> b.putShort(at(2) + 3, (short) 0xffff))) {
      assertFails(MALFORMED, c, "SELECT count(b) FROM t NOT INDEXED");
    }
  }

  /** What the hardening is for: SQLite finds it on the way in only if asked to. */
  @Test
  void aCellThatReachesBeyondItsPage() {
    Consumer<ByteBuffer> change = b -> {
      for (int page = 3; ; page++) {
        if (b.get(at(page)) == 13 && b.getShort(at(page) + 3) > 5) { // a leaf of t
          b.putShort(at(page) + 8 + 2 * 3, (short) (PAGE - 3));
          return;
        }
      }
    };
    try (SqliteConnection c = changed(change)) {
      assertFails(MALFORMED, c, "SELECT count(*), max(b) FROM t NOT INDEXED");
    }
    try (SqliteConnection trusting = vfs.open("h", BOUNDED.hardened(false))) {
      assertEquals(100, Sql.number(trusting, "SELECT count(*) FROM t NOT INDEXED"));
    }
  }

  @Test
  void aPageCountThatIsTooHigh() {
    byte[] bytes = base();
    ByteBuffer.wrap(bytes).putInt(28, Integer.MAX_VALUE);
    SqliteCorruptException e = assertThrows(SqliteCorruptException.class, () -> vfs.deserialize("h", List.of(bytes)));
    assertTrue(e.getMessage().contains("2147483647 pages of 1024 bytes"), e.getMessage());
    assertFalse(vfs.exists("h"));
  }

  /** Then SQLite goes by what the header says, and the rest is not there. */
  @Test
  void aPageCountThatIsTooLow() {
    try (SqliteConnection c = changed(b -> b.putInt(28, 3))) {
      for (String sql : List.of("SELECT count(b) FROM t NOT INDEXED", "INSERT INTO t VALUES (1, 2)", "PRAGMA integrity_check")) {
        assertFails("malformed database schema (gone) - invalid rootpage (SQLITE_CORRUPT, 11)", c, sql);
      }
    }
  }

  @Test
  void allOfAPageReserved() {
    try (SqliteConnection c = changed(b -> b.put(20, (byte) 255))) {
      assertFails(MALFORMED, c, "PRAGMA integrity_check");
      assertFails(MALFORMED, c, "SELECT x FROM big");
    }
  }

  @Test
  void anEncodingThatThereIsNot() {
    try (SqliteConnection c = changed(b -> b.putInt(56, 3))) { // big endian: the schema's text is no SQL then
      assertThrows(SqliteCorruptException.class, () -> c.execute("SELECT * FROM t"));
    }
  }

  @Test
  void aSchemaFormatThatThereIsNot() {
    try (SqliteConnection c = changed(b -> b.putInt(44, 5))) {
      assertFails("unsupported file format (SQLITE_ERROR, 1)", c, "SELECT * FROM t");
    }
  }

  @Test
  void aVersionThatMayOnlyBeRead() {
    try (SqliteConnection c = changed(b -> b.put(18, (byte) 3))) {
      assertEquals("ok", integrity(c));
      assertFails("attempt to write a readonly database (SQLITE_READONLY, 8)", c, "INSERT INTO t VALUES (1, 2)");
    }
    assertThrows(SqliteCorruptException.class, () -> changed(b -> b.put(19, (byte) 3)));
  }

  private SqliteConnection withSchema(String script) {
    try (SqliteConnection c = vfs.open("made", OpenOptions.defaults().hardened(false))) {
      c.execute(script);
    }
    byte[] bytes = Sql.bytes(vfs, "made");
    vfs.delete("made");
    vfs.deserialize("h", List.of(bytes));
    return vfs.open("h", BOUNDED);
  }

  @Test
  void aSchemaThatIsNoSql() {
    try (SqliteConnection c = withSchema("CREATE TABLE t(x); CREATE TABLE u(x); PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'CREATE TABLE t(x' WHERE name = 't'")) {
      assertFails("malformed database schema (t) - incomplete input (SQLITE_CORRUPT, 11)", c, "SELECT * FROM u");
    }
  }

  @Test
  void aTableWhoseRootIsTheSchema() {
    try (SqliteConnection c = withSchema("CREATE TABLE t(x); PRAGMA writable_schema = 1; UPDATE sqlite_schema SET rootpage = 1")) {
      assertFails("malformed database schema (t) (SQLITE_CORRUPT, 11)", c, "DELETE FROM t");
    }
  }

  @Test
  void anIndexWhoseRootIsATable() {
    try (SqliteConnection c = withSchema("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2); CREATE INDEX i ON t(x); PRAGMA writable_schema = 1; "
        + "UPDATE sqlite_schema SET rootpage = 2")) {
      assertThrows(SqliteCorruptException.class, () -> c.execute("SELECT * FROM t WHERE x = 1"));
      assertThrows(SqliteCorruptException.class, () -> c.execute("INSERT INTO t VALUES (3)"));
    }
  }

  @Test
  void viewsAndTriggersCannotDoWhatIsUnsafe() {
    try (SqliteConnection c = withSchema("CREATE TABLE t(x); CREATE VIEW v AS SELECT * FROM dbstat; CREATE VIRTUAL TABLE f USING fts5(x);"
        + "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT fts5(new.x); END; CREATE VIEW p AS SELECT * FROM pragma_table_list")) {
      assertFails("unsafe use of virtual table \"dbstat\" (SQLITE_ERROR, 1)", c, "SELECT * FROM v");
      assertFails("unsafe use of fts5() (SQLITE_ERROR, 1)", c, "INSERT INTO t VALUES (1)");
      assertFails("unsafe use of virtual table \"pragma_table_list\" (SQLITE_ERROR, 1)", c, "SELECT * FROM p");
      c.execute("SELECT * FROM dbstat; SELECT * FROM pragma_table_list"); // in SQL of one's own
    }
    try (SqliteConnection trusting = vfs.open("h", BOUNDED.hardened(false))) {
      trusting.execute("SELECT * FROM p");
    }
  }

  @Test
  void sqlCannotDamageAHardenedDatabase() {
    try (SqliteConnection c = withSchema("CREATE TABLE t(x); CREATE VIRTUAL TABLE f USING fts5(x)")) {
      assertEquals("memory", Sql.text(c, "PRAGMA journal_mode = OFF"));
      c.execute("PRAGMA writable_schema = 1");
      assertFails("table sqlite_master may not be modified (SQLITE_ERROR, 1)", c, "DELETE FROM sqlite_schema");
      assertFails("table f_data may not be modified (SQLITE_ERROR, 1)", c, "DELETE FROM f_data");
      assertFails("table f_data may not be dropped (SQLITE_ERROR, 1)", c, "DROP TABLE f_data");
      c.execute("INSERT INTO f VALUES ('words'); VACUUM; ALTER TABLE f RENAME TO g; DROP TABLE g");
    }
    try (SqliteConnection trusting = vfs.open("h", OpenOptions.defaults().hardened(false))) {
      assertEquals("off", Sql.text(trusting, "PRAGMA journal_mode = OFF"));
      trusting.execute("PRAGMA writable_schema = 1; DELETE FROM sqlite_schema");
    }
  }

  @Test
  void aViewWithoutEnd() {
    try (SqliteConnection c = withSchema("CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0");
        SqliteConnection impatient = vfs.open("h", BOUNDED.statementTimeout(20))) {
      assertFails("the statement took longer than its timeout of 20 ms (SQLITE_INTERRUPT, 9)", impatient, "SELECT * FROM v");
    }
  }

  /** The largest root page, by which SQLite places the next one. */
  @Test
  void anAutoVacuumDatabaseWithRootsFarAway() {
    byte[] bytes;
    try (SqliteConnection c = vfs.open("made")) {
      c.execute("PRAGMA auto_vacuum = 1; CREATE TABLE t(x)");
    }
    bytes = Sql.bytes(vfs, "made");
    ByteBuffer.wrap(bytes).putInt(52, 100_000_000);
    vfs.deserialize("h", List.of(bytes));
    try (SqliteConnection c = vfs.open("h", BOUNDED)) {
      SqliteException e = assertThrows(SqliteException.class, () -> c.execute("CREATE TABLE u(x)"));
      assertTrue(e.code() == 11 || e.code() == 13, e.getMessage());
      assertEquals(bytes.length, vfs.size("h"));
    }
  }

  @Test
  void aPointerMapThatIsWrong() {
    byte[] bytes;
    try (SqliteConnection c = vfs.open("made")) {
      c.execute("PRAGMA page_size = " + PAGE + "; PRAGMA auto_vacuum = 2; CREATE TABLE t(x); CREATE TABLE u(x); INSERT INTO t VALUES (zeroblob(9000)); INSERT INTO u VALUES (zeroblob(9000)); DELETE FROM t");
    }
    bytes = Sql.bytes(vfs, "made");
    Arrays.fill(bytes, at(2), at(2) + 5 * 20, (byte) 3);
    vfs.deserialize("h", List.of(bytes));
    try (SqliteConnection c = vfs.open("h", BOUNDED)) {
      assertFalse(integrity(c).equals("ok"));
      assertFails(MALFORMED, c, "PRAGMA incremental_vacuum");
    }
  }

  @Test
  void textThatIsNoUtf8() {
    byte[] bytes = base();
    byte[] text = "value 50".getBytes(StandardCharsets.US_ASCII);
    for (int i = 0; i < bytes.length - text.length; i++) {
      if (Arrays.equals(text, Arrays.copyOfRange(bytes, i, i + text.length))) {
        bytes[i] = (byte) 0xff;
      }
    }
    vfs.deserialize("h", List.of(bytes));
    try (SqliteConnection c = vfs.open("h", BOUNDED)) {
      assertEquals("\ufffdalue 50", Sql.text(c, "SELECT b FROM t WHERE a = 50"));
    }
  }
}
