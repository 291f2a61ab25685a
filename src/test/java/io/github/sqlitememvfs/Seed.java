package io.github.sqlitememvfs;

import java.util.Random;

/** Makes random numbers for tests. It prints the seed, which {@code -Dtest.seed=…} sets for another run. */
final class Seed {

  private Seed() {
  }

  static Random random(String test) {
    long seed = Long.getLong("test.seed", System.nanoTime());
    System.out.println(test + ": -Dtest.seed=" + seed);
    return new Random(seed);
  }
}
