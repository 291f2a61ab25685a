package io.github.sqlitememvfs;

import java.util.Random;

/** The source of chance in tests: its seed is printed, and can be given again by {@code -Dtest.seed=…}. */
final class Seed {

  private Seed() {
  }

  static Random random(String test) {
    long seed = Long.getLong("test.seed", System.nanoTime());
    System.out.println(test + ": -Dtest.seed=" + seed);
    return new Random(seed);
  }
}
