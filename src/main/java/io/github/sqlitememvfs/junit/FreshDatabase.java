package io.github.sqlitememvfs.junit;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import java.lang.reflect.Constructor;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import javax.sql.DataSource;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives each test a database as if it had just been made: an extension of JUnit Jupiter, 5.10 or later. It makes a
 * template once, when the first test wants it. Each test gets a fork of the template, which costs the same whatever the
 * size.
 *
 * <pre>{@code
 * class ShopTest {
 *   @RegisterExtension
 *   static final FreshDatabase database = FreshDatabase.fromScript("/shop.sql");
 *
 *   @BeforeEach
 *   void fill(SqliteConnection shop) {
 *     shop.execute("INSERT INTO item(name, stock) VALUES ('tea', 3)");
 *   }
 *
 *   @Test
 *   void sells(SqliteConnection shop) { // the one of fill
 *     assertEquals(1, shop.execute("UPDATE item SET stock = stock - 1 WHERE name = 'tea'"));
 *   }
 *
 *   @Test
 *   void reports(DataSource shop) { // for what speaks JDBC
 *     assertEquals("tea: 3", new Report(shop).text());
 *   }
 *
 *   @Test
 *   void saves(MemoryVfs vfs, @Fresh String shop) throws IOException { // all else
 *     vfs.serialize(shop, out);
 *   }
 * }
 * }</pre>
 *
 * <p><b>Parameters</b> of test methods, {@code @BeforeEach} and {@code @AfterEach}, all of the same fork within a test:
 * <ul>
 * <li>{@link SqliteConnection}: a connection, the same one each time. It is closed after the test; what was not
 *     committed is rolled back;
 * <li>{@link DataSource}: gives JDBC connections, which the test closes. It is a {@link
 *     io.github.sqlitememvfs.MemoryDataSource}, and so needs sqlite-jdbc, as the next does;
 * <li>{@link Connection}: a JDBC connection, the same one each time, which is closed after the test;
 * <li>{@link MemoryVfs}: where the fork lives, beside those of other tests. It is not the test's to close;
 * <li>{@link Fresh @Fresh} {@link String}: the name of the fork there. After the test it is deleted.
 * </ul>
 *
 * <p>The connections have default settings. A {@code PRAGMA foreign_keys = ON} in a script does not change them: it
 * sets the connection that makes the template, and not the database. For other settings, open connections by the {@code
 * MemoryVfs} and the name: {@code MemoryDataSource.of(vfs, shop, properties)}, for example.
 *
 * <p><b>A class as a whole.</b> In {@code @BeforeAll} and {@code @AfterAll} the parameters are of a fork of the class.
 * Its tests, and the classes nested in it, then get forks of that one, with what {@code @BeforeAll} committed to it. A
 * constructor gets none, since JUnit does not tell for which test it is, unless this parameter of JUnit is set: {@code
 * junit.jupiter.extensions.testinstantiation.extensioncontextscope.default=test_method}.
 *
 * <p><b>Several</b> of these have names, and a parameter says which one it belongs to:
 *
 * <pre>{@code
 * @RegisterExtension
 * static final FreshDatabase shop = FreshDatabase.fromScript("/shop.sql");
 *
 * @RegisterExtension
 * static final FreshDatabase stock = FreshDatabase.fromDatabase("/stock.db").named("stock");
 *
 * @Test
 * void moves(SqliteConnection shop, @Fresh("stock") SqliteConnection stock) {
 * }
 * }</pre>
 *
 * <p><b>Sharing.</b> Each object of this class has a template of its own, which is kept until the end of the test run.
 * For several test classes, hold the object in a superclass, or in an interface that they implement. The field is
 * static.
 *
 * <p><b>Threads.</b> Tests may run in parallel, on one template too.
 *
 * <p><b>Errors.</b> If the template cannot be made, each test that wants it fails with the reason; making it is tried
 * only once. {@link #toString} names it in messages.
 */
public final class FreshDatabase implements BeforeAllCallback, ParameterResolver {
  /**
   * Makes the content of a template.
   *
   * @param <T> what it is made with
   */
  @FunctionalInterface
  public interface Builder<T> {
    /**
     * Makes it.
     *
     * @param database the template, still empty
     * @throws Exception whatever goes wrong; each test that wants the database fails with it
     */
    void build(T database) throws Exception;
  }

  /** JUnit's store of all registered objects of this class, by their names. */
  private static final Namespace REGISTERED = Namespace.create(FreshDatabase.class);

  private final TemplateSource source;
  private final String name;
  private final Namespace own = Namespace.create(FreshDatabase.class, this);

  private FreshDatabase(TemplateSource source, String name) {
    this.source = source;
    this.name = name;
  }

  // ---- creation ----

  /**
   * Returns an extension whose template an SQL script makes.
   *
   * @param resource the script, in UTF-8, on the class path of the tests; {@code shop.sql} and {@code /shop.sql} are
   *     the same
   * @return a new extension without a name
   */
  public static FreshDatabase fromScript(String resource) {
    return new FreshDatabase(TemplateSource.script(resource), "");
  }

  /**
   * Returns an extension whose template is an SQLite database file.
   *
   * @param resource the file, on the class path of the tests; {@code shop.db} and {@code /shop.db} are the same
   * @return a new extension without a name
   */
  public static FreshDatabase fromDatabase(String resource) {
    return new FreshDatabase(TemplateSource.database(resource), "");
  }

  /**
   * Returns an extension whose template is the bytes of an SQLite database file.
   *
   * @param database the bytes, which are not copied before the first test wants them
   * @return a new extension without a name
   */
  public static FreshDatabase fromBytes(byte[] database) {
    return new FreshDatabase(TemplateSource.bytes(database), "");
  }

  /**
   * Returns an extension whose template a method makes.
   *
   * <pre>{@code
   * FreshDatabase.builtBy(shop -> shop.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, name, stock)"));
   * }</pre>
   *
   * @param builder gets a connection to the template, which is closed afterwards
   * @return a new extension without a name
   */
  public static FreshDatabase builtBy(Builder<SqliteConnection> builder) {
    return new FreshDatabase(TemplateSource.builder(builder), "");
  }

  /**
   * Returns an extension whose template a method makes through JDBC: Flyway, Liquibase, Hibernate and the like. Needs
   * sqlite-jdbc.
   *
   * <pre>{@code
   * FreshDatabase.builtByJdbc(shop -> Flyway.configure().dataSource(shop).load().migrate());
   * }</pre>
   *
   * @param builder gets a source of connections to the template, which it closes
   * @return a new extension without a name
   */
  public static FreshDatabase builtByJdbc(Builder<DataSource> builder) {
    return new FreshDatabase(TemplateSource.jdbcBuilder(builder), "");
  }

  /**
   * Returns an extension with the same source and a name. It is for parameters that have {@link Fresh @Fresh} with that
   * name, and only for those.
   *
   * @param name the name, which no other one of the test class, or of those around it, has
   * @return a new extension, with a template of its own
   * @throws IllegalArgumentException if the name is empty
   */
  public FreshDatabase named(String name) {
    if (name.isEmpty()) {
      throw new IllegalArgumentException("name of a FreshDatabase is empty, which is the one without a name");
    }
    return new FreshDatabase(source, name);
  }

  // ---- what JUnit calls ----

  /**
   * Called by JUnit.
   *
   * @throws ExtensionConfigurationException if another one of that name is registered
   */
  @Override
  public void beforeAll(ExtensionContext context) {
    ExtensionContext.Store registered = context.getStore(REGISTERED);
    FreshDatabase other = registered.get(name, FreshDatabase.class);
    if (other != null && other != this) {
      throw new ExtensionConfigurationException(context.getRequiredTestClass().getName() + " has two FreshDatabases "
          + (name.isEmpty() ? "without a name" : "with the name \"" + name + "\"")
          + ", and a parameter could be of either: " + other + " and " + this
          + "; give one of them a name by named(\"...\"), and its parameters @Fresh(\"...\")");
    }
    registered.put(name, this);
  }

  /** Called by JUnit. */
  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    Optional<Fresh> fresh = parameter.findAnnotation(Fresh.class);
    if (fresh.isPresent()) { // of any type: resolveParameter says which types are supported
      return fresh.get().value().equals(name);
    }
    return name.isEmpty() && isConnection(parameter.getParameter().getType());
  }

  /**
   * Called by JUnit.
   *
   * @throws ParameterResolutionException if the template cannot be made, or the parameter cannot be one of it
   */
  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    if (!isConnection(type) && type != String.class) {
      throw new ParameterResolutionException(this + " cannot be of type " + type.getName() + "; what it can be is "
          + "SqliteConnection, javax.sql.DataSource, java.sql.Connection, MemoryVfs, and String for the database's"
          + " name");
    }
    if (parameter.getDeclaringExecutable() instanceof Constructor && !context.getTestMethod().isPresent()) {
      throw new ParameterResolutionException(this + " has no database for a constructor, since JUnit does not tell for "
          + "which test it is; take it as a parameter of a @BeforeEach or @Test method");
    }
    if (context.getStore(REGISTERED).get(name) != this) {
      throw new ParameterResolutionException(
          this + " is not in a static field, and so would be made anew for each test; make its field static");
    }
    Fork fork = fork(context);
    try {
      return type == SqliteConnection.class ? fork.connection()
          : type == DataSource.class ? fork.dataSource()
          : type == Connection.class ? fork.jdbcConnection()
          : type == MemoryVfs.class ? fork.vfs
          : fork.name;
    } catch (SQLException e) {
      throw new ParameterResolutionException(this + " cannot be connected to: " + e.getMessage(), e);
    }
  }

  /** Whether a parameter of that type wants a database even if it does not say so. */
  private static boolean isConnection(Class<?> type) {
    return type == SqliteConnection.class || type == DataSource.class || type == Connection.class
        || type == MemoryVfs.class;
  }

  @Override
  public String toString() {
    return "FreshDatabase[" + (name.isEmpty() ? "" : "\"" + name + "\", ") + source + "]";
  }

  /** Returns the fork of a test or of a class. Only one thread at a time runs what has the same context. */
  private Fork fork(ExtensionContext context) {
    ExtensionContext.Store store = context.getStore(own);
    Fork fork = store.get(context.getUniqueId(), Fork.class);
    if (fork == null) {
      fork = template(context).fork(origin(context));
      store.put(context.getUniqueId(), fork);
    }
    return fork;
  }

  /** Returns the fork of the nearest class around that has a database of its own; null if none has. */
  private Fork origin(ExtensionContext context) {
    Fork fork = null;
    for (Optional<ExtensionContext> c = context.getParent(); fork == null && c.isPresent(); c = c.get().getParent()) {
      fork = c.get().getStore(own).get(c.get().getUniqueId(), Fork.class);
    }
    return fork;
  }

  /** Returns the template, and makes it first if it is not there; other tests wait for that. */
  private synchronized Template template(ExtensionContext context) {
    ExtensionContext.Store store = context.getRoot().getStore(own); // closed at the end of the run
    Template template = store.get(Template.class, Template.class);
    if (template == null) {
      template = Template.make(source, context.getRequiredTestClass());
      store.put(Template.class, template);
    }
    if (template.failure != null) {
      throw new ParameterResolutionException(
          this + " cannot be made: " + template.failure.getMessage(), template.failure);
    }
    if (template.isClosed()) {
      throw new ParameterResolutionException(this + " is gone: a test has closed its MemoryVfs, which all of them"
          + " share, and which is closed at the end of the run");
    }
    return template;
  }
}
