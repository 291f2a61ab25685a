package io.github.sqlitememvfs.jdbc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.OtherSqlite;
import io.github.sqlitememvfs.Sql;
import io.github.sqlitememvfs.SqliteConnection;
import jakarta.persistence.CascadeType;
import jakarta.persistence.Entity;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.GenerationType;
import jakarta.persistence.Id;
import jakarta.persistence.ManyToOne;
import jakarta.persistence.OneToMany;
import jakarta.persistence.PersistenceException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import org.hibernate.Session;
import org.hibernate.SessionFactory;
import org.hibernate.cfg.Configuration;
import org.hibernate.cfg.JdbcSettings;
import org.hibernate.cfg.MappingSettings;
import org.hibernate.cfg.SchemaToolingSettings;
import org.hibernate.community.dialect.SQLiteDialect;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Hibernate with its community SQLite dialect creates its schema in memory, and stores objects there. */
class HibernateTest {

  /** An author has books. */
  @Entity(name = "Author")
  public static class Author {
    @Id
    @GeneratedValue(strategy = GenerationType.IDENTITY)
    Long id;
    String name;
    LocalDate born;
    @OneToMany(mappedBy = "author", cascade = CascadeType.ALL, orphanRemoval = true)
    List<Book> books = new ArrayList<>();

    protected Author() {
    }

    Author(String name, LocalDate born, String... titles) {
      this.name = name;
      this.born = born;
      for (String title : titles) {
        books.add(new Book(this, title));
      }
    }
  }

  /** A book is of an author. */
  @Entity(name = "Book")
  public static class Book {
    @Id
    @GeneratedValue(strategy = GenerationType.IDENTITY)
    Long id;
    @ManyToOne(optional = false)
    Author author;
    String title;
    byte[] text = new byte[100];

    protected Book() {
    }

    Book(Author author, String title) {
      this.author = author;
      this.title = title;
    }
  }

  private MemoryVfs vfs;

  @BeforeAll
  static void logToNobody() {
    System.setProperty("org.jboss.logging.provider", "slf4j");
  }

  @BeforeEach
  void start() {
    vfs = MemoryVfs.create();
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  private SessionFactory sessions(String database, String schema) {
    Configuration configuration = new Configuration().addAnnotatedClass(Author.class).addAnnotatedClass(Book.class);
    configuration.getProperties().put(JdbcSettings.JAKARTA_NON_JTA_DATASOURCE, MemoryDataSource.of(vfs, database));
    configuration.getProperties().put(JdbcSettings.DIALECT, SQLiteDialect.class.getName());
    configuration.getProperties().put(MappingSettings.XML_MAPPING_ENABLED, false); // it takes a second to look for it
    configuration.getProperties().put(SchemaToolingSettings.HBM2DDL_AUTO, schema);
    return configuration.buildSessionFactory();
  }

  private static Author found(Session session, String name) {
    return session.createSelectionQuery("FROM Author WHERE name = :name", Author.class).setParameter("name", name).getSingleResultOrNull();
  }

  @Test
  void makesSchemaPersistsAndQueries() {
    try (SessionFactory sessions = sessions("library", "create")) {
      Author lem = new Author("Stanisław Lem", LocalDate.of(1921, 9, 12), "Solaris", "Eden");
      Author kafka = new Author("Franz Kafka", LocalDate.of(1883, 7, 3), "Das Schloß");
      sessions.inTransaction(session -> {
        session.persist(lem);
        session.persist(kafka);
      });
      assertNotNull(lem.id);
      assertEquals(lem.id + 1, kafka.id);
      sessions.inTransaction(session -> {
        assertEquals(List.of("Stanisław Lem 2", "Franz Kafka 1"), session.createSelectionQuery(
            "SELECT a.name || ' ' || cast(count(b) AS String) FROM Author a JOIN a.books b GROUP BY a ORDER BY count(b) DESC", String.class).list());
        Author young = session.createSelectionQuery("FROM Author ORDER BY born DESC", Author.class).setMaxResults(1).getSingleResult();
        assertEquals("Stanisław Lem", young.name);
        young.books.removeIf(book -> book.title.equals("Eden"));
        young.books.add(new Book(young, "Cyberiada"));
      });
      assertThrows(IllegalStateException.class, () -> sessions.inTransaction(session -> {
        session.persist(new Author("Nobody", null, "Nothing"));
        session.flush();
        throw new IllegalStateException("no");
      }));
    }
    byte[] bytes = Sql.bytes(vfs, "library");
    OtherSqlite.assertWhole(bytes);
    assertEquals(List.of(List.of("Franz Kafka", "Das Schloß"), List.of("Stanisław Lem", "Cyberiada"), List.of("Stanisław Lem", "Solaris")),
        OtherSqlite.rows(bytes, "SELECT name, title FROM Book JOIN Author ON Author.id = author_id ORDER BY name, title"));
  }

  /**
   * What it made is there after a round trip through bytes; nothing is made anew. (Hibernate's validation refuses the
   * ids that its own dialect makes.)
   */
  @Test
  void opensWhatWasSerialized() {
    try (SessionFactory sessions = sessions("library", "create")) {
      sessions.inTransaction(session -> session.persist(new Author("Lem", LocalDate.of(1921, 9, 12), "Solaris")));
    }
    vfs.deserialize("copy", List.of(Sql.bytes(vfs, "library")));
    try (SessionFactory sessions = sessions("copy", "none")) {
      sessions.inTransaction(session -> {
        Author lem = found(session, "Lem");
        assertEquals(LocalDate.of(1921, 9, 12), lem.born);
        session.remove(lem);
      });
      sessions.inTransaction(session -> assertEquals(0, session.createSelectionQuery("SELECT count(*) FROM Book", Long.class).getSingleResult()));
    }
    try (SqliteConnection original = vfs.open("library")) {
      assertEquals("Solaris", Sql.text(original, "SELECT title FROM Book"));
    }
  }

  /**
   * Whoever read before our API wrote must not write over it, and is told; the next transaction sees what was written.
   */
  @Test
  void refusesToWriteOverWhatOurApiWroteMeanwhile() {
    try (SessionFactory sessions = sessions("library", "create"); SqliteConnection ours = vfs.open("library")) {
      sessions.inTransaction(session -> session.persist(new Author("Lem", null)));
      PersistenceException e = assertThrows(PersistenceException.class, () -> sessions.inTransaction(session -> {
        Author stale = found(session, "Lem");
        ours.execute("UPDATE Author SET name = 'Kafka'");
        stale.name = "Other";
      }));
      assertTrue(e.toString().contains("SQLITE_BUSY_SNAPSHOT"), e.toString());
      sessions.inTransaction(session -> {
        assertNull(found(session, "Lem"));
        found(session, "Kafka").name = "Franz Kafka";
      });
      assertEquals("Franz Kafka", Sql.text(ours, "SELECT name FROM Author"));
    }
  }
}
