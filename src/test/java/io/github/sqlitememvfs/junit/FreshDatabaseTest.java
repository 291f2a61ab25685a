package io.github.sqlitememvfs.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteCorruptException;
import io.github.sqlitememvfs.SqliteException;
import io.github.sqlitememvfs.SqliteStatement;
import io.github.sqlitememvfs.Stats;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@link TestRun} runs the static classes here, which use {@link FreshDatabase}. {@link JUnitVersionsTest} runs all of
 * it once more, with other versions of JUnit.
 */
class FreshDatabaseTest {

  private static final Map<String, String> PARALLEL = Map.of(
      "junit.jupiter.execution.parallel.enabled", "true",
      "junit.jupiter.execution.parallel.mode.default", "concurrent",
      "junit.jupiter.execution.parallel.config.executor-service", "FORK_JOIN_POOL",
      "junit.jupiter.execution.parallel.config.strategy", "fixed",
      "junit.jupiter.execution.parallel.config.fixed.parallelism", "4");

  private static long count(SqliteConnection connection) {
    try (SqliteStatement count = connection.query("SELECT count(*) FROM item")) {
      assertTrue(count.step());
      return count.getLong(0);
    }
  }

  private static void insert(SqliteConnection connection) {
    connection.execute("INSERT INTO item(name, stock) VALUES ('more', 1)");
  }

  // ---- what a test gets ----

  @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
  static class Shop {
    static final AtomicInteger BUILT = new AtomicInteger();
    static MemoryVfs vfs;
    static SqliteConnection previous;

    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.builtBy(shop -> {
      BUILT.incrementAndGet();
      shop.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, name, stock)");
      insert(shop);
    });

    private SqliteConnection given;

    @BeforeEach
    void sell(SqliteConnection shop) {
      assertEquals(1, count(shop));
      insert(shop);
      given = shop;
    }

    @Test
    @Order(1)
    void allOfATestIsTheSame(SqliteConnection shop, MemoryVfs vfs, @Fresh String name, SqliteConnection again) {
      assertSame(given, shop);
      assertSame(given, again);
      assertSame(shop.vfs(), vfs);
      assertEquals(shop.database(), name);
      assertEquals(2, count(shop));
      assertEquals(List.of(name), vfs.databases());
      try (SqliteConnection other = vfs.open(name)) {
        assertEquals(2, count(other));
      }
      Shop.vfs = vfs;
      previous = shop;
    }

    @Test
    @Order(2)
    void theTestBeforeIsGone(SqliteConnection shop) {
      assertTrue(previous.isClosed());
      assertNotSame(previous, shop);
      assertEquals(List.of(shop.database()), vfs.databases());
      shop.execute("BEGIN; DELETE FROM item");
      previous = shop;
      fail("a test that fails");
    }

    @Test
    @Order(3)
    void aFailedOneToo(SqliteConnection shop) {
      theTestBeforeWasClosed(shop);
      shop.close();
    }

    @Test
    @Order(4)
    void oneThatClosedItItself(SqliteConnection shop) {
      theTestBeforeWasClosed(shop);
    }

    private static void theTestBeforeWasClosed(SqliteConnection shop) {
      assertTrue(previous.isClosed());
      assertEquals(List.of(shop.database()), vfs.databases());
      previous = shop;
    }

    @AfterEach
    void andAfter(SqliteConnection shop) {
      assertSame(given, shop);
    }
  }

  @Test
  void eachTestHasAForkWhichGoesWithIt() {
    for (int run = 1; run <= 2; run++) {
      TestRun result = TestRun.of(Shop.class);
      assertEquals("a test that fails", result.failure("theTestBeforeIsGone(SqliteConnection)").getMessage());
      assertEquals(1, result.failures().size(), () -> "" + result.failures());
      assertEquals(3, result.passed());
      assertEquals(run, Shop.BUILT.get(), "once for each run");
      assertTrue(Shop.previous.isClosed());
      assertTrue(Shop.vfs.isClosed(), "the template goes at the end of the run");
    }
  }

  /** As a test that runs into a timeout does. */
  static class LeavesAThread {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromScript("/shop.sql");

    static final CompletableFuture<Throwable> THROWN = new CompletableFuture<>();

    @Test
    void test(SqliteConnection connection, MemoryVfs vfs) {
      assertEquals(3, count(connection)); // the schema is known then: nothing but the statement itself reads
      long pins = vfs.stats().pins();
      new Thread(() -> {
        try {
          // Some ten seconds: what is not interrupted ends without an exception.
          connection.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000000) SELECT max(i) FROM n, item");
          THROWN.complete(new AssertionError("nobody ended it"));
        } catch (Throwable e) {
          THROWN.complete(e);
        }
      }).start();
      while (vfs.stats().pins() == pins) { // it does not read yet
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void aThreadThatATestLeavesBehindDoesNotHoldUpTheNext() throws Exception {
    TestRun.of(LeavesAThread.class).assertPassed(1);
    Throwable thrown = LeavesAThread.THROWN.get();
    assertTrue(thrown instanceof SqliteException, () -> "" + thrown);
    assertEquals(9, ((SqliteException) thrown).code(), "SQLITE_INTERRUPT");
  }

  // ---- where templates come from ----

  static class FromScript {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromScript("shop.sql");

    @Test
    void test(SqliteConnection shop) {
      assertEquals(3, count(shop));
      assertEquals(1, shop.execute("DELETE FROM item WHERE name = 'item 3'"), "its trigger");
    }
  }

  private static byte[] file() {
    try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection made = vfs.open("made")) {
      made.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, name, stock)");
      insert(made);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      vfs.serialize("made", out);
      return out.toByteArray();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  static class FromDatabase {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromDatabase("/fresh/made.db");

    @Test
    void test(SqliteConnection shop) {
      assertEquals(1, count(shop));
    }
  }

  static class FromBytes {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromBytes(file());

    @Test
    void test(SqliteConnection shop) {
      assertEquals(1, count(shop));
    }
  }

  @Test
  void templatesFromScriptsFilesAndBytes() throws Exception {
    Files.write(Path.of(FreshDatabaseTest.class.getResource("/fresh").toURI()).resolve("made.db"), file());
    TestRun.of(FromScript.class, FromDatabase.class, FromBytes.class).assertPassed(3);
  }

  // ---- classes ----

  static class WholeClass {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromScript("/shop.sql");

    static SqliteConnection all;

    @BeforeAll
    static void fill(SqliteConnection shop) {
      all = shop;
      insert(shop);
      assertEquals(4, count(shop));
    }

    @RepeatedTest(2)
    void outer(SqliteConnection shop) {
      assertFalse(all.isClosed());
      assertNotSame(all, shop);
      assertEquals(4, count(shop));
      insert(shop);
    }

    @Nested
    class Inner {
      @BeforeAll
      static void fill(SqliteConnection shop) {
        assertNotSame(all, shop);
        insert(shop);
        assertEquals(5, count(shop));
      }

      @RepeatedTest(2)
      void inner(SqliteConnection shop) {
        assertEquals(5, count(shop));
        insert(shop);
      }
    }

    @Nested
    class Plain {
      @BeforeEach
      void more(SqliteConnection shop) {
        insert(shop);
      }

      @RepeatedTest(2)
      void plain(SqliteConnection shop) {
        assertEquals(5, count(shop));
        insert(shop);
      }
    }

    @AfterAll
    static void check(SqliteConnection shop) {
      assertSame(all, shop);
      assertEquals(4, count(shop), "as it was left");
    }
  }

  @Test
  void aClassHasAForkOfItsOwnWhichItsTestsAndInnerClassesAreForksOf() {
    TestRun.of(WholeClass.class).assertPassed(6);
    assertTrue(WholeClass.all.isClosed());
    TestRun.configured(PARALLEL, WholeClass.class).assertPassed(6);
  }

  @TestInstance(Lifecycle.PER_CLASS)
  static class OneInstance {
    @RegisterExtension
    final FreshDatabase notStatic = FreshDatabase.fromScript("/shop.sql").named("other"); // as long as the class, here

    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromScript("/shop.sql");

    private SqliteConnection all;

    @BeforeAll
    void fill(SqliteConnection shop) {
      all = shop;
      insert(shop);
    }

    @RepeatedTest(3)
    void test(SqliteConnection shop) {
      assertNotSame(all, shop);
      assertEquals(4, count(shop));
      insert(shop);
    }

    @RepeatedTest(3)
    void other(@Fresh("other") SqliteConnection shop) {
      assertEquals(3, count(shop));
      insert(shop);
    }
  }

  @Test
  void anInstanceForTheClass() {
    TestRun.of(OneInstance.class).assertPassed(6);
    TestRun.configured(PARALLEL, OneInstance.class).assertPassed(6);
  }

  static class Parameterized {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromScript("/shop.sql");

    @ParameterizedTest
    @ValueSource(strings = {"milk", "sugar"})
    void test(String name, SqliteConnection shop, @Fresh String database) {
      shop.execute("INSERT INTO item(name, stock) VALUES (?, 1)", name);
      assertEquals(4, count(shop));
      assertEquals(shop.database(), database);
    }
  }

  @Test
  void parameterizedTests() {
    TestRun.of(Parameterized.class).assertPassed(2);
  }

  // ---- several, shared, parallel ----

  @Retention(RetentionPolicy.RUNTIME)
  @Fresh("stock")
  @interface OfStock { }

  static class Several {
    @RegisterExtension
    static final FreshDatabase shop = FreshDatabase.fromScript("/shop.sql");

    @RegisterExtension
    static final FreshDatabase stock = FreshDatabase.builtBy(s -> s.execute("CREATE TABLE item(x)")).named("stock");

    @RepeatedTest(2)
    void test(SqliteConnection shop, @Fresh("stock") SqliteConnection stock, @OfStock SqliteConnection same) {
      assertEquals(3, count(shop));
      assertEquals(0, count(stock));
      assertSame(stock, same);
      shop.execute("ATTACH 'file:" + stock.database() + "?vfs=" + stock.vfs().name() + "' AS stock;"
          + "INSERT INTO stock.item SELECT name FROM item");
      assertEquals(3, count(stock));
    }
  }

  @Test
  void several() {
    TestRun.of(Several.class).assertPassed(2);
  }

  interface Shared {
    AtomicInteger BUILT = new AtomicInteger();
    Set<MemoryVfs> VFS = ConcurrentHashMap.newKeySet();

    @RegisterExtension
    FreshDatabase DATABASE = FreshDatabase.builtBy(shop -> {
      BUILT.incrementAndGet();
      shop.execute("CREATE TABLE item(x)");
    });

    @RepeatedTest(5)
    default void test(SqliteConnection shop, MemoryVfs vfs) {
      VFS.add(vfs);
      assertEquals(0, count(shop));
      shop.execute("INSERT INTO item VALUES (1)");
    }
  }

  static class One implements Shared { }

  static class Two implements Shared { }

  @Test
  void classesShareATemplate() {
    TestRun.configured(PARALLEL, One.class, Two.class).assertPassed(10);
    assertEquals(1, Shared.BUILT.get());
    assertEquals(1, Shared.VFS.size());
  }

  static class Parallel {
    static final int TESTS = 1000;
    static final AtomicInteger BUILT = new AtomicInteger();
    static final CyclicBarrier BOTH = new CyclicBarrier(2);
    static Stats before;

    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.builtBy(shop -> {
      BUILT.incrementAndGet();
      shop.execute("CREATE TABLE item(n INTEGER, padding)");
      shop.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
          + "INSERT INTO item SELECT -i, zeroblob(1000) FROM n");
    });

    @BeforeAll
    static void begin(MemoryVfs vfs) {
      before = vfs.stats();
    }

    @BeforeEach
    void insert(SqliteConnection shop, RepetitionInfo test) throws Exception {
      if (test.getCurrentRepetition() <= 2) {
        BOTH.await(); // they are parallel indeed
      }
      shop.execute("INSERT INTO item(n) VALUES (?)", test.getCurrentRepetition());
    }

    @RepeatedTest(TESTS)
    void test(SqliteConnection shop, RepetitionInfo test) {
      assertEquals(101, count(shop));
      shop.execute("UPDATE item SET n = n + ?", test.getCurrentRepetition());
      try (SqliteStatement sum = shop.query("SELECT sum(n) FROM item")) {
        sum.step();
        assertEquals(-5050 + 102L * test.getCurrentRepetition(), sum.getLong(0));
      }
    }

    @AfterAll
    static void end(MemoryVfs vfs, @Fresh String own) {
      Stats after = vfs.stats();
      assertEquals(List.of(own), vfs.databases());
      assertEquals(before.bytesInUse(), after.bytesInUse());
      assertEquals(before.versions(), after.versions());
      assertEquals(before.pins(), after.pins());
      assertEquals(before.forks(), after.forks());
    }
  }

  @Test
  void aThousandInParallel() {
    TestRun.configured(PARALLEL, Parallel.class).assertPassed(Parallel.TESTS);
    assertEquals(1, Parallel.BUILT.get());
  }

  static class SlowTemplate {
    static final AtomicInteger BUILT = new AtomicInteger();
    static final CyclicBarrier ALL = new CyclicBarrier(3);

    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.builtBy(shop -> {
      BUILT.incrementAndGet();
      Thread.sleep(100); // time enough for the others to want it, too
      shop.execute("CREATE TABLE item(x)");
    });

    @BeforeEach
    void together() throws Exception {
      ALL.await();
    }

    @RepeatedTest(3)
    void test(SqliteConnection shop) {
      assertEquals(0, count(shop));
    }
  }

  @Test
  void aTemplateThatThreeWantAtOnceIsMadeOnce() {
    TestRun.configured(PARALLEL, SlowTemplate.class).assertPassed(3);
    assertEquals(1, SlowTemplate.BUILT.get());
  }

  // ---- errors ----

  static class BrokenScript {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromScript("/fresh/broken.sql");

    @Test
    void test(SqliteConnection shop) {
      fail();
    }
  }

  @Test
  void anErrorInTheScriptIsToldWithItsPlace() {
    Throwable failure = TestRun.of(BrokenScript.class).failure("test(SqliteConnection)");
    assertEquals("FreshDatabase[script /fresh/broken.sql] cannot be made: no such column: prize [statement 3 of the script,"
        + " line 6, column 10: INSERT INTO item(name) SELECT prize FROM item;] (SQLITE_ERROR, 1), in: INSERT INTO item(name)\n  SELECT prize FROM item;", failure.getMessage());
    assertTrue(failure.getCause().getCause() instanceof SqliteException);
  }

  static class BrokenBuilder {
    static final AtomicInteger CALLS = new AtomicInteger();

    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.builtBy(shop -> {
      CALLS.incrementAndGet();
      throw new IOException("no such server");
    });

    @Test
    void test(SqliteConnection shop) {
      fail();
    }

    @Test
    void other(SqliteConnection shop) {
      fail();
    }

    @Test
    void withoutDatabase() {
    }
  }

  @Test
  void aTemplateThatCannotBeMadeIsTriedOnce() {
    TestRun run = TestRun.of(BrokenBuilder.class);
    for (String test : List.of("test", "other")) {
      Throwable failure = run.failure(test + "(SqliteConnection)");
      assertEquals("FreshDatabase[built by " + BrokenBuilder.class.getName() + "] cannot be made: no such server", failure.getMessage());
      assertTrue(failure.getCause() instanceof IOException);
    }
    assertEquals(1, run.passed());
    assertEquals(1, BrokenBuilder.CALLS.get());
  }

  static class Unusable {
    @RegisterExtension
    static final FreshDatabase missing = FreshDatabase.fromScript("fresh/missing.sql").named("missing");

    @RegisterExtension
    static final FreshDatabase latin1 = FreshDatabase.fromScript("fresh/latin-1.sql").named("latin-1");

    @RegisterExtension
    static final FreshDatabase unfinished = FreshDatabase.fromScript("fresh/unfinished.sql").named("unfinished");

    @RegisterExtension
    static final FreshDatabase text = FreshDatabase.fromDatabase("shop.sql").named("text");

    @Test
    void missing(@Fresh("missing") SqliteConnection shop) { }

    @Test
    void latin1(@Fresh("latin-1") SqliteConnection shop) { }

    @Test
    void unfinished(@Fresh("unfinished") SqliteConnection shop) { }

    @Test
    void text(@Fresh("text") SqliteConnection shop) { }

    @Test
    void type(@Fresh("text") int shop) { }

    @Test
    void misspelt(@Fresh("txet") SqliteConnection shop) { }

    @Test
    void unnamed(SqliteConnection shop) { }
  }

  @Test
  void whatCannotBeUsedSaysWhy() {
    TestRun run = TestRun.of(Unusable.class);
    assertEquals(0, run.passed());
    Throwable missing = run.failure("missing(SqliteConnection)");
    assertEquals("FreshDatabase[\"missing\", script /fresh/missing.sql] cannot be made: there is no such resource on the class path of "
        + Unusable.class.getName(), missing.getMessage());
    assertTrue(missing.getCause() instanceof FileNotFoundException);
    assertEquals("FreshDatabase[\"latin-1\", script /fresh/latin-1.sql] cannot be made: it is not UTF-8; convert it",
        run.failure("latin1(SqliteConnection)").getMessage());
    assertEquals("FreshDatabase[\"unfinished\", script /fresh/unfinished.sql] cannot be made:"
        + " it leaves a transaction open, whose changes would be lost; COMMIT it", run.failure("unfinished(SqliteConnection)").getMessage());
    Throwable text = run.failure("text(SqliteConnection)");
    assertTrue(text.getMessage().startsWith("FreshDatabase[\"text\", database /shop.sql] cannot be made: "), text.getMessage());
    assertTrue(text.getCause() instanceof SqliteCorruptException);
    assertEquals("FreshDatabase[\"text\", database /shop.sql] cannot be of type int; what it can be is SqliteConnection,"
        + " javax.sql.DataSource, java.sql.Connection, MemoryVfs, and String for the database's name", run.failure("type(int)").getMessage());
    for (String test : List.of("misspelt", "unnamed")) {
      String message = run.failure(test + "(SqliteConnection)").getMessage();
      assertTrue(message.startsWith("No ParameterResolver registered for parameter"), message);
    }
  }

  static class TwoWithoutNames {
    @RegisterExtension
    static final FreshDatabase one = FreshDatabase.fromScript("/shop.sql");

    @RegisterExtension
    static final FreshDatabase two = FreshDatabase.fromBytes(new byte[0]);

    @Test
    void test(SqliteConnection shop) { }
  }

  @Test
  void twoOfTheSameName() {
    Throwable failure = TestRun.of(TwoWithoutNames.class).failure(TwoWithoutNames.class.getName());
    assertTrue(failure instanceof ExtensionConfigurationException);
    assertEquals(TwoWithoutNames.class.getName() + " has two FreshDatabases without a name, and a parameter could be of either:"
        + " FreshDatabase[script /shop.sql] and FreshDatabase[database of 0 bytes];"
        + " give one of them a name by named(\"...\"), and its parameters @Fresh(\"...\")", failure.getMessage());
    assertThrows(IllegalArgumentException.class, () -> TwoWithoutNames.one.named(""));
  }

  static class NotStatic {
    @RegisterExtension
    final FreshDatabase database = FreshDatabase.fromScript("/shop.sql");

    @Test
    void test(SqliteConnection shop) { }
  }

  @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
  static class Destructive {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromScript("/shop.sql");

    @Test
    @Order(1)
    void deletes(MemoryVfs vfs) {
      vfs.databases().forEach(vfs::delete);
      vfs.open("template").close();
    }

    @Test
    @Order(2)
    void doesNotMind(SqliteConnection shop) {
      assertEquals(3, count(shop));
    }

    @Test
    @Order(3)
    void closes(MemoryVfs vfs, SqliteConnection shop) {
      vfs.close();
    }

    @Test
    @Order(4)
    void cannotGoOn(SqliteConnection shop) { }
  }

  @Test
  void whatATestDestroys() {
    TestRun run = TestRun.of(Destructive.class);
    assertEquals("FreshDatabase[script /shop.sql] is gone: a test has closed its MemoryVfs, which all of them share,"
        + " and which is closed at the end of the run", run.failure("cannotGoOn(SqliteConnection)").getMessage());
    assertEquals(3, run.passed());
  }

  static class InConstructor {
    @RegisterExtension
    static final FreshDatabase database = FreshDatabase.fromScript("/shop.sql");

    InConstructor(SqliteConnection shop) { }

    @Test
    void test() { }
  }

  @Test
  void wrongPlaces() {
    TestRun run = TestRun.of(NotStatic.class, InConstructor.class);
    assertEquals("FreshDatabase[script /shop.sql] is not in a static field, and so would be made anew for each test;"
        + " make its field static", run.failure("test(SqliteConnection)").getMessage());
    assertEquals("FreshDatabase[script /shop.sql] has no database for a constructor, since JUnit does not tell for which test it is;"
        + " take it as a parameter of a @BeforeEach or @Test method", run.failure("test()").getMessage());
  }
}
