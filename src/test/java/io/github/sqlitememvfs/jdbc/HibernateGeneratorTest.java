package io.github.sqlitememvfs.jdbc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.Sql;
import io.github.sqlitememvfs.SqliteConnection;
import jakarta.persistence.Entity;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.GenerationType;
import jakarta.persistence.Id;
import jakarta.persistence.PersistenceException;
import jakarta.persistence.TableGenerator;
import java.util.Properties;
import org.hibernate.SessionFactory;
import org.hibernate.cfg.Configuration;
import org.hibernate.cfg.JdbcSettings;
import org.hibernate.cfg.MappingSettings;
import org.hibernate.cfg.SchemaToolingSettings;
import org.hibernate.community.dialect.SQLiteDialect;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Generators of Hibernate that keep their numbers in a table: TABLE, and on SQLite, which has no sequences, SEQUENCE
 * and AUTO. They take numbers in a transaction of their own, on a second connection, which cannot write while the first
 * one holds the write lock.
 */
class HibernateGeneratorTest {
  private final MemoryVfs vfs = MemoryVfs.create();

  @BeforeAll
  static void logToNobody() {
    System.setProperty("org.jboss.logging.provider", "slf4j");
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  @Entity(name = "Numbered")
  static class Numbered {
    @Id
    @GeneratedValue(strategy = GenerationType.TABLE, generator = "numbers")
    @TableGenerator(name = "numbers", allocationSize = 1)
    Long id;
  }

  @Entity(name = "Auto")
  static class Auto {
    @Id
    @GeneratedValue
    Long id;
  }

  @Entity(name = "Identified")
  static class Identified {
    @Id
    @GeneratedValue(strategy = GenerationType.IDENTITY)
    Long id;
  }

  private SessionFactory sessions(String... settings) {
    Properties properties = new Properties();
    properties.setProperty("busy_timeout", "50");
    for (String setting : settings) {
      properties.setProperty(setting.split("=")[0], setting.split("=")[1]);
    }
    Configuration configuration = new Configuration().addAnnotatedClass(Numbered.class).addAnnotatedClass(Auto.class)
        .addAnnotatedClass(Identified.class);
    configuration.getProperties().put(JdbcSettings.JAKARTA_NON_JTA_DATASOURCE,
        MemoryDataSource.of(vfs, "a", properties));
    configuration.getProperties().put(JdbcSettings.DIALECT, SQLiteDialect.class.getName());
    configuration.getProperties().put(MappingSettings.XML_MAPPING_ENABLED, false); // it takes a second to look for it
    configuration.getProperties().put(SchemaToolingSettings.HBM2DDL_AUTO, "create");
    return configuration.buildSessionFactory();
  }

  private static void assertBusy(PersistenceException e) {
    assertTrue(e.toString().contains("SQLITE_BUSY"), e.toString());
  }

  @Test
  void aNumberOfATableIsTakenBeforeTheTransactionWrites() {
    try (SessionFactory sessions = sessions()) {
      sessions.inTransaction(session -> {
        session.persist(new Numbered());
        session.persist(new Auto());
      });
      assertBusy(assertThrows(PersistenceException.class, () -> sessions.inTransaction(session -> {
        session.persist(new Numbered());
        session.flush(); // now it writes
        session.persist(new Numbered());
      })));
      sessions.inTransaction(session -> session.persist(new Numbered()));
    }
  }

  @Test
  void orIsRefusedIfTheTransactionBeganAsAWriter() {
    try (SessionFactory sessions = sessions("transaction_mode=IMMEDIATE")) {
      assertBusy(assertThrows(PersistenceException.class, () ->
          sessions.inTransaction(session -> session.persist(new Numbered()))));
      assertBusy(assertThrows(PersistenceException.class, () ->
          sessions.inTransaction(session -> session.persist(new Auto()))));
    }
  }

  @Test
  void identitiesNeedNoSecondConnection() {
    try (SessionFactory sessions = sessions("transaction_mode=IMMEDIATE"); SqliteConnection ours = vfs.open("a")) {
      sessions.inTransaction(session -> {
        session.persist(new Identified());
        session.flush();
        session.persist(new Identified());
      });
      assertEquals(2, Sql.number(ours, "SELECT count(*) FROM Identified"));
    }
  }
}
