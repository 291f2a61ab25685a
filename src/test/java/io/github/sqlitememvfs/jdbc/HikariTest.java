package io.github.sqlitememvfs.jdbc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.github.sqlitememvfs.Crew;
import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.OtherSqlite;
import io.github.sqlitememvfs.Sql;
import io.github.sqlitememvfs.SqliteConnection;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A HikariCP pool over a database in memory, beside connections of our own API. */
class HikariTest {

  private static final int ACCOUNTS = 50;
  private static final int TOTAL = ACCOUNTS * 100;
  private static final String PATIENCE = "3600000";

  private MemoryVfs vfs;

  @BeforeEach
  void makeBank() {
    vfs = MemoryVfs.builder().busyTimeout(Long.parseLong(PATIENCE)).build();
    try (SqliteConnection c = vfs.open("bank")) {
      c.execute("CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, padding BLOB)");
      c.execute("CREATE TABLE transfer(id INTEGER PRIMARY KEY, teller TEXT NOT NULL)");
      c.execute("CREATE TABLE bank AS SELECT 0 AS transfers");
      c.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
          + "INSERT INTO account SELECT i, 100, zeroblob(300) FROM n", ACCOUNTS);
    }
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  private HikariDataSource pool(int connections, Properties settings) {
    HikariConfig config = new HikariConfig();
    config.setDataSource(MemoryDataSource.of(vfs, "bank", settings));
    config.setMaximumPoolSize(connections);
    config.setConnectionTimeout(Long.parseLong(PATIENCE));
    return new HikariDataSource(config);
  }

  private static Properties patient() {
    Properties settings = new Properties();
    settings.setProperty("busy_timeout", PATIENCE);
    return settings;
  }

  /** One transaction, one version: its statements agree, and none sees half a transfer. Returns how many transfers there were. */
  private static long look(HikariDataSource pool) throws SQLException {
    try (Connection c = pool.getConnection()) {
      c.setAutoCommit(false);
      long transfers = Jdbc.number(c, "SELECT transfers FROM bank");
      assertEquals(TOTAL, Jdbc.number(c, "SELECT sum(balance) FROM account"));
      assertEquals(transfers, Jdbc.number(c, "SELECT count(*) FROM transfer"));
      c.commit();
      return transfers;
    }
  }

  @Test
  void manyThreadsReadWhileBothApisWrite() throws Exception {
    int readers = 8;
    int transfers = 300;
    try (HikariDataSource pool = pool(readers + 1, patient())) {
      Crew crew = new Crew();
      for (int i = 0; i < readers; i++) {
        crew.start("JDBC reader " + i, () -> {
          long last = 0;
          do {
            long now = look(pool);
            assertTrue(now >= last, "a reader went back in time");
            last = now;
          } while (crew.working());
        });
      }
      crew.start("our reader", () -> {
        try (SqliteConnection c = vfs.open("bank")) {
          do {
            assertEquals(TOTAL, Sql.number(c, "SELECT sum(balance) FROM account"));
          } while (crew.working());
        }
      });
      Crew writers = new Crew();
      writers.start("JDBC writer", () -> {
        for (int i = 0; i < transfers && crew.working(); i++) {
          try (Connection c = pool.getConnection()) {
            c.setAutoCommit(false); // the transaction begins as a writing one, with its first statement
            Jdbc.update(c, "UPDATE account SET balance = balance - 7 WHERE id = ?", 1 + i % ACCOUNTS);
            Jdbc.update(c, "INSERT INTO transfer(teller) VALUES (?)", "JDBC");
            Jdbc.update(c, "UPDATE bank SET transfers = transfers + 1");
            Jdbc.update(c, "UPDATE account SET balance = balance + 7 WHERE id = ?", 1 + (i + 1) % ACCOUNTS);
            if (i % 10 == 9) {
              c.rollback();
            } else {
              c.commit();
            }
          }
        }
      });
      writers.start("our writer", () -> {
        try (SqliteConnection c = vfs.open("bank")) {
          for (int i = 0; i < transfers && crew.working(); i++) {
            int from = 1 + i % ACCOUNTS;
            c.transaction(t -> {
              t.execute("UPDATE account SET balance = balance + 5 WHERE id = ?", from);
              t.execute("INSERT INTO transfer(teller) VALUES (?)", "ours");
              t.execute("UPDATE bank SET transfers = transfers + 1");
              t.execute("UPDATE account SET balance = balance - 5 WHERE id = ?", ACCOUNTS + 1 - from);
            });
          }
        }
      });
      try {
        writers.join();
      } finally {
        crew.stop();
        crew.join();
      }
      assertEquals(transfers - transfers / 10 + transfers, look(pool));
      assertEquals(0, pool.getHikariPoolMXBean().getActiveConnections());
    }
    byte[] bytes = Sql.bytes(vfs, "bank");
    OtherSqlite.assertWhole(bytes);
    assertEquals(List.of(List.of("JDBC", transfers - transfers / 10), List.of("ours", transfers)),
        OtherSqlite.rows(bytes, "SELECT teller, count(*) FROM transfer GROUP BY teller ORDER BY teller"));
    assertEquals(List.of(List.of(TOTAL)), OtherSqlite.rows(bytes, "SELECT sum(balance) FROM account"));
  }

  @Test
  void pooledConnectionsSeeContentThatReplacesTheOld() throws Exception {
    int connections = 3;
    try (HikariDataSource pool = pool(connections, patient())) {
      List<Connection> all = new ArrayList<>();
      for (int i = 0; i < connections; i++) {
        Connection c = pool.getConnection();
        assertEquals(ACCOUNTS, Jdbc.number(c, "SELECT count(*) FROM account")); // so each has a cache, and knows the schema
        all.add(c);
      }
      for (Connection c : all) {
        c.close();
      }
      vfs.deserialize("bank", List.of(OtherSqlite.database("CREATE TABLE news(headline TEXT)", "INSERT INTO news VALUES ('moved')")));
      all.clear();
      for (int i = 0; i < connections; i++) {
        Connection c = pool.getConnection();
        assertEquals("moved", Jdbc.value(c, "SELECT headline FROM news"));
        assertThrows(SQLException.class, () -> Jdbc.value(c, "SELECT count(*) FROM account"));
        all.add(c);
      }
      for (Connection c : all) {
        c.close();
      }
      assertEquals(connections, pool.getHikariPoolMXBean().getTotalConnections());
    }
  }

  /** What a connection was left with is not there for the next who is lent it. */
  @Test
  void returnedConnectionsAreRolledBack() throws Exception {
    try (HikariDataSource pool = pool(1, patient())) {
      try (Connection c = pool.getConnection()) {
        c.setAutoCommit(false);
        Jdbc.update(c, "DELETE FROM account");
      }
      try (SqliteConnection c = vfs.open("bank")) { // the writer's place is free
        c.execute("INSERT INTO transfer(teller) VALUES ('ours')");
        assertEquals(ACCOUNTS, Sql.number(c, "SELECT count(*) FROM account"));
      }
      try (Connection c = pool.getConnection()) {
        assertTrue(c.getAutoCommit());
        assertTrue(c.isValid(1));
        assertEquals(ACCOUNTS, Jdbc.number(c, "SELECT count(*) FROM account"));
      }
    }
  }

  @Test
  void closedPoolLetsGoOfEveryVersion() throws Exception {
    try (HikariDataSource pool = pool(4, patient())) {
      for (int i = 0; i < 20; i++) {
        look(pool);
        try (Connection c = pool.getConnection()) {
          Jdbc.update(c, "UPDATE account SET balance = balance + 0");
        }
      }
    }
    assertEquals(1, vfs.stats("bank").versions());
    assertTrue(vfs.delete("bank"));
    assertEquals(0, vfs.stats().bytesInUse());
    assertFalse(vfs.exists("bank"));
  }
}
