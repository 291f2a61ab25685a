package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class OpenOptionsTest {

  private static final int READONLY = 8;

  private final MemoryVfs vfs = MemoryVfs.builder().busyTimeout(0).build();

  @AfterEach
  void close() {
    vfs.close();
  }

  @Test
  void defaultsReadWriteAndMake() {
    OpenOptions options = OpenOptions.defaults();
    assertFalse(options.isReadOnly());
    assertFalse(options.isMustExist());
    assertEquals(OpenOptions.BUSY_TIMEOUT_OF_VFS, options.getBusyTimeout());
    assertTrue(options.isHardened());
    assertEquals(OpenOptions.NO_TIMEOUT, options.getStatementTimeout());
    for (SqliteLimit limit : SqliteLimit.values()) {
      assertEquals(OpenOptions.LIMIT_OF_SQLITE, options.getLimit(limit));
    }
  }

  @Test
  void everyNewSetterReturnsAChangedCopyToo() {
    OpenOptions options = OpenOptions.defaults();
    OpenOptions all = options.readOnly(true).hardened(false).doubleQuotedStrings(false).statementTimeout(9).interruptible(true).limit(SqliteLimit.COLUMN, 5)
        .limit(SqliteLimit.LENGTH, 100).mustExist(true).busyTimeout(3);
    assertFalse(all.isHardened());
    assertTrue(all.isInterruptible());
    assertFalse(options.isInterruptible());
    assertFalse(all.isDoubleQuotedStrings());
    assertEquals(9, all.getStatementTimeout());
    assertEquals(5, all.getLimit(SqliteLimit.COLUMN));
    assertEquals(100, all.getLimit(SqliteLimit.LENGTH));
    assertEquals(OpenOptions.LIMIT_OF_SQLITE, all.getLimit(SqliteLimit.SCHEMA));
    assertEquals(0, all.limit(SqliteLimit.COLUMN, 0).getLimit(SqliteLimit.COLUMN));
    assertEquals(5, all.getLimit(SqliteLimit.COLUMN));
    assertEquals(OpenOptions.LIMIT_OF_SQLITE, options.getLimit(SqliteLimit.COLUMN));
    assertTrue(options.isHardened());
    assertTrue(options.isDoubleQuotedStrings());
    assertEquals("OpenOptions[readOnly=true, mustExist=true, busyTimeout=3 ms, hardened=false, doubleQuotedStrings=false, statementTimeout=9 ms, interruptible=true, LENGTH=100, COLUMN=5]",
        all.toString());
  }

  @Test
  void negativeLimitsAreRefused() {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> OpenOptions.defaults().limit(SqliteLimit.COLUMN, -1));
    assertTrue(e.getMessage().contains("COLUMN") && e.getMessage().contains("-1"), e.getMessage());
    e = assertThrows(IllegalArgumentException.class, () -> OpenOptions.defaults().statementTimeout(-7));
    assertTrue(e.getMessage().contains("-7"), e.getMessage());
    assertThrows(NullPointerException.class, () -> OpenOptions.defaults().limit(null, 1));
  }

  @Test
  void everySetterReturnsAChangedCopy() {
    OpenOptions options = OpenOptions.defaults();
    OpenOptions all = options.readOnly(true).mustExist(true).busyTimeout(7);
    assertTrue(all.isReadOnly());
    assertTrue(all.isMustExist());
    assertEquals(7, all.getBusyTimeout());
    assertFalse(options.isReadOnly());
    assertFalse(options.isMustExist());
    assertEquals(OpenOptions.BUSY_TIMEOUT_OF_VFS, options.getBusyTimeout());
    assertFalse(all.readOnly(false).isReadOnly());
    assertTrue(all.readOnly(false).isMustExist());
    assertTrue(all.toString().contains("readOnly=true"), all.toString());
  }

  @Test
  void negativeTimeoutsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> OpenOptions.defaults().busyTimeout(-1));
    assertThrows(IllegalArgumentException.class, () -> OpenOptions.defaults().busyTimeout(Long.MIN_VALUE));
  }

  @Test
  void readOnlyConnectionsReadAndFollowButDoNotWrite() {
    try (SqliteConnection writer = vfs.open("a")) {
      writer.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
      try (SqliteConnection reader = vfs.open("a", OpenOptions.defaults().readOnly(true))) {
        assertEquals(1, Sql.number(reader, "SELECT count(*) FROM t"));
        for (String sql : new String[] {"INSERT INTO t VALUES (2)", "DROP TABLE t", "CREATE TABLE u(x)", "VACUUM",
            "PRAGMA user_version = 3"}) {
          SqliteException e = assertThrows(SqliteException.class, () -> reader.execute(sql));
          assertEquals(READONLY, e.code(), sql);
        }
        writer.execute("INSERT INTO t VALUES (2)");
        assertEquals(2, Sql.number(reader, "SELECT count(*) FROM t"));
        // A read-only transaction sees one version, and needs no writer's slot.
        writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (3)");
        reader.transaction(c -> assertEquals(2, Sql.number(c, "SELECT count(*) FROM t")));
        writer.execute("COMMIT");
        reader.execute("CREATE TEMP TABLE own(x); INSERT INTO own SELECT x FROM t");
        assertEquals(3, Sql.number(reader, "SELECT count(*) FROM own"));
      }
    }
  }

  @Test
  void mustExistOpensWhatIsThere() {
    OpenOptions mustExist = OpenOptions.defaults().mustExist(true);
    assertThrows(SqliteException.class, () -> vfs.open("a", mustExist));
    assertFalse(vfs.exists("a"));
    vfs.open("a").close();
    try (SqliteConnection connection = vfs.open("a", mustExist)) {
      connection.execute("CREATE TABLE t(x)");
    }
    assertThrows(SqliteException.class, () -> vfs.open("b", OpenOptions.defaults().readOnly(true)));
    assertFalse(vfs.exists("b"));
  }

  @Test
  void anEmptyDatabaseCanBeOpenedReadOnly() {
    vfs.open("a").close();
    try (SqliteConnection connection = vfs.open("a", OpenOptions.defaults().readOnly(true))) {
      assertEquals(0, Sql.number(connection, "SELECT count(*) FROM sqlite_schema"));
    }
  }

  @Test
  void theBusyTimeoutIsThatOfTheVfsUnlessGiven() {
    try (SqliteConnection ofVfs = vfs.open("a");
        SqliteConnection own = vfs.open("a", OpenOptions.defaults().busyTimeout(12_345))) {
      assertEquals(0, Sql.number(ofVfs, "PRAGMA busy_timeout"));
      assertEquals(12_345, Sql.number(own, "PRAGMA busy_timeout"));
    }
    try (MemoryVfs patient = MemoryVfs.create(); SqliteConnection connection = patient.open("a")) {
      assertEquals(5000, Sql.number(connection, "PRAGMA busy_timeout"));
    }
  }

  /** SQLite takes 0 for no limit there, and then has none for its recursions. */
  @Test
  void aLimitOfNoCompoundsIsALimit() {
    try (SqliteConnection c = vfs.open("a", OpenOptions.defaults().limit(SqliteLimit.COMPOUND_SELECT, 0))) {
      assertEquals(1, Sql.number(c, "SELECT 1"));
      SqliteException e = assertThrows(SqliteException.class, () -> c.execute("SELECT 1 UNION SELECT 2"));
      assertTrue(e.getMessage().contains("too many terms in compound SELECT"), e.getMessage());
    }
  }
}
