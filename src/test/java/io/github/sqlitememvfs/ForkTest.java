package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ForkTest {

  private final MemoryVfs vfs = MemoryVfs.create();

  @BeforeEach
  void fill() {
    try (SqliteConnection connection = vfs.open("origin")) {
      connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x);"
          + "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO t(x) SELECT randomblob(2000) FROM n");
    }
  }

  @AfterEach
  void close() {
    vfs.databases().forEach(vfs::delete);
    assertEquals(0, vfs.stats().bytesInUse());
    vfs.close();
  }

  @Test
  void hasTheSameContentAndGoesItsOwnWay() {
    byte[] origin = Sql.bytes(vfs, "origin");
    vfs.fork("origin", "fork");
    assertEquals(List.of("fork", "origin"), vfs.databases());
    assertArrayEquals(origin, Sql.bytes(vfs, "fork"));
    try (SqliteConnection fork = vfs.open("fork"); SqliteConnection connection = vfs.open("origin")) {
      fork.execute("UPDATE t SET x = 'fork' WHERE id = 1");
      connection.execute("UPDATE t SET x = 'origin' WHERE id = 1");
      assertEquals("fork", Sql.text(fork, "SELECT x FROM t WHERE id = 1"));
      assertEquals("origin", Sql.text(connection, "SELECT x FROM t WHERE id = 1"));
      // Writers of the two do not know of each other.
      fork.execute("BEGIN IMMEDIATE; DELETE FROM t");
      connection.execute("BEGIN IMMEDIATE; DELETE FROM t WHERE id > 100; COMMIT");
      fork.execute("COMMIT");
      assertEquals(100, Sql.number(connection, "SELECT count(*) FROM t"));
      assertEquals(0, Sql.number(fork, "SELECT count(*) FROM t"));
      Sql.assertWhole(fork);
      Sql.assertWhole(connection);
    }
  }

  @Test
  void isOfTheLastCommit() {
    try (SqliteConnection connection = vfs.open("origin")) {
      connection.execute("BEGIN; DELETE FROM t");
      vfs.fork("origin", "fork");
      connection.execute("COMMIT");
    }
    try (SqliteConnection fork = vfs.open("fork")) {
      assertEquals(300, Sql.number(fork, "SELECT count(*) FROM t"));
    }
  }

  @Test
  void outlivesItsOrigin() {
    vfs.fork("origin", "fork");
    vfs.delete("origin");
    Sql.assertWhole(vfs, "fork");
    vfs.fork("fork", "fork of fork");
    vfs.delete("fork");
    try (SqliteConnection fork = vfs.open("fork of fork")) {
      assertEquals(300, Sql.number(fork, "SELECT count(*) FROM t"));
      fork.execute("UPDATE t SET x = randomblob(2100)");
      Sql.assertWhole(fork);
    }
    vfs.fork("fork of fork", "origin");
    Sql.assertWhole(vfs, "origin");
  }

  @Test
  void aNameThatIsTakenIsRefusedByName() {
    vfs.fork("origin", "fork");
    for (String name : List.of("fork", "origin")) {
      IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> vfs.fork("origin", name));
      assertTrue(e.getMessage().contains(name), e.getMessage());
    }
    assertEquals(1, vfs.stats().forks());
  }

  @Test
  void ofAnEmptyDatabase() {
    vfs.open("empty").close();
    vfs.fork("empty", "fork");
    try (SqliteConnection fork = vfs.open("fork")) {
      fork.execute("PRAGMA page_size = 512; CREATE TABLE t(x)");
      assertEquals(0, vfs.size("empty"));
      Sql.assertWhole(fork);
    }
  }

  @Test
  void canBeReplacedAndVacuumed() {
    vfs.fork("origin", "fork");
    try (SqliteConnection fork = vfs.open("fork")) {
      fork.execute("DELETE FROM t WHERE id > 10; VACUUM");
      Sql.assertWhole(fork);
      vfs.deserialize("fork", List.of(OtherSqlite.database("CREATE TABLE other(x)", "INSERT INTO other VALUES (1)")));
      assertEquals(1, Sql.number(fork, "SELECT x FROM other"));
      assertEquals(0, vfs.stats("origin").forks() & ~1, "the fork may keep its origin's pin or not");
    }
    Sql.assertWhole(vfs, "origin");
  }

  @Test
  void aLongChain() {
    for (int i = 0; i < 200; i++) {
      String from = i == 0 ? "origin" : "fork " + (i - 1);
      vfs.fork(from, "fork " + i);
      vfs.delete(from);
      try (SqliteConnection fork = vfs.open("fork " + i)) {
        fork.execute("UPDATE t SET x = ? WHERE id = ?", "fork " + i, i + 1);
      }
    }
    try (SqliteConnection fork = vfs.open("fork 199")) {
      assertEquals(200, Sql.number(fork, "SELECT count(*) FROM t WHERE x = 'fork ' || (id - 1)"));
      Sql.assertWhole(fork);
    }
  }

  /** Random forks, writes, snapshots and deletes, against a model in Java. */
  @ParameterizedTest
  @ValueSource(ints = {0, 512, 65536})
  void aRandomTree(int blockSize) {
    Random random = Seed.random("ForkTest");
    try (MemoryVfs own = MemoryVfs.builder().blockSize(blockSize).build()) {
      Map<String, Map<Long, Long>> model = new LinkedHashMap<>();
      Map<Snapshot, Map<Long, Long>> snapshots = new LinkedHashMap<>();
      try (SqliteConnection connection = own.open("0")) {
        connection.execute("CREATE TABLE t(k INTEGER PRIMARY KEY, v, padding)");
      }
      model.put("0", new LinkedHashMap<>());
      int names = 1;
      for (int step = 0; step < 400; step++) {
        List<String> all = new ArrayList<>(model.keySet());
        String name = all.get(random.nextInt(all.size()));
        switch (random.nextInt(10)) {
          case 0 -> {
            String fork = "" + names++;
            own.fork(name, fork);
            model.put(fork, new LinkedHashMap<>(model.get(name)));
          }
          case 1 -> {
            if (all.size() > 1) {
              own.delete(name);
              model.remove(name);
            }
          }
          case 2 -> snapshots.put(own.snapshot(name), new LinkedHashMap<>(model.get(name)));
          case 3 -> {
            if (!snapshots.isEmpty()) {
              Snapshot snapshot = new ArrayList<>(snapshots.keySet()).get(random.nextInt(snapshots.size()));
              String fork = "" + names++;
              snapshot.fork(fork);
              snapshot.close();
              model.put(fork, snapshots.remove(snapshot));
            }
          }
          default -> {
            Map<Long, Long> rows = model.get(name);
            Map<Long, Long> changed = new LinkedHashMap<>(rows);
            boolean commit = random.nextInt(4) > 0;
            try (SqliteConnection connection = own.open(name)) {
              connection.execute("BEGIN");
              for (int i = random.nextInt(20); i >= 0; i--) {
                long key = random.nextInt(200);
                if (random.nextInt(3) == 0) {
                  connection.execute("DELETE FROM t WHERE k = ?", key);
                  changed.remove(key);
                } else {
                  long value = random.nextLong();
                  connection.execute("REPLACE INTO t VALUES (?, ?, zeroblob(?))", key, value, random.nextInt(1500));
                  changed.put(key, value);
                }
              }
              connection.execute(commit ? "COMMIT" : "ROLLBACK");
              if (random.nextInt(20) == 0) {
                connection.execute("VACUUM");
              }
            }
            if (commit) {
              model.put(name, changed);
            }
          }
        }
        if (step % 20 == 19) {
          model.forEach((database, rows) -> assertHolds(own, database, rows));
        }
      }
      snapshots.forEach((snapshot, rows) -> {
        snapshot.fork("check");
        assertHolds(own, "check", rows);
        own.delete("check");
        snapshot.close();
      });
      model.forEach((database, rows) -> assertHolds(own, database, rows));
      model.keySet().forEach(own::delete);
      assertEquals(0, own.stats().bytesInUse());
      assertEquals(0, own.stats().versions());
      assertEquals(0, own.stats().pins());
    }
  }

  private static void assertHolds(MemoryVfs vfs, String database, Map<Long, Long> rows) {
    try (SqliteConnection connection = vfs.open(database)) {
      Map<Object, Object> found = new LinkedHashMap<>();
      Sql.rows(connection, "SELECT k, v FROM t").forEach(row -> found.put(row.get(0), row.get(1)));
      assertEquals(rows, found, database);
      Sql.assertWhole(connection);
    }
  }
}
