package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.fail;

import org.junit.jupiter.api.Assumptions;

/** Programs that some tests need beside the JDK and the C compiler. */
final class Needs {
  private Needs() {}

  /**
   * A program is not there. Its tests are skipped, so that the build works without it, unless the system property {@code
   * tests.all} is set, as in CI: then they fail.
   */
  static <T> T missing(String program, Object why) {
    String message = "this test needs " + program + " (apt-get install " + program + "): " + why;
    return System.getProperty("tests.all") == null ? Assumptions.abort(message) : fail(message);
  }
}
