package io.github.sqlitememvfs.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs JUnit on test classes in this JVM, from its start to its end, as an IDE does. */
public final class TestRun {
  private final AtomicInteger passed = new AtomicInteger();
  private final Map<String, Throwable> failures = new ConcurrentHashMap<>(); // by the legacy names: "test(SqliteConnection)", of a class its name

  private TestRun() {
  }

  public static TestRun of(Class<?>... classes) {
    return configured(Map.of(), classes);
  }

  static TestRun configured(Map<String, String> parameters, Class<?>... classes) {
    TestRun run = new TestRun();
    LauncherFactory.create().execute(LauncherDiscoveryRequestBuilder.request()
        .selectors(Stream.of(classes).map(c -> selectClass(c)).toList())
        .configurationParameter("junit.jupiter.execution.timeout.mode", "disabled") // the test around it has one
        .configurationParameters(parameters).build(), new TestExecutionListener() {
          @Override
          public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            if (result.getStatus() != Status.SUCCESSFUL) {
              run.failures.put(test.getLegacyReportingName(), result.getThrowable().orElseThrow());
            } else if (test.isTest()) {
              run.passed.incrementAndGet();
            }
          }
        });
    return run;
  }

  public void assertPassed(int tests) {
    for (Map.Entry<String, Throwable> failure : failures.entrySet()) {
      throw new AssertionError(failure.getKey() + " failed: " + failure.getValue(), failure.getValue());
    }
    assertEquals(tests, passed.get(), "tests that passed");
  }

  int passed() {
    return passed.get();
  }

  Map<String, Throwable> failures() {
    return failures;
  }

  Throwable failure(String test) {
    Throwable failure = failures.get(test);
    assertNotNull(failure, () -> test + " should have failed; what did: " + failures);
    return failure;
  }
}
