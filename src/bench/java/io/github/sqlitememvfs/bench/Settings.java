package io.github.sqlitememvfs.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Set;

/** What is run, from system properties, which {@link Bench} explains. */
final class Settings {
  /** Small sizes and one round: shows that everything works; the figures mean little. */
  final boolean quick = Boolean.getBoolean("bench.quick");
  final Set<String> only = words("bench.only");
  final int warmUps = Integer.getInteger("bench.warmups", quick ? 0 : 2);
  final int rounds = Integer.getInteger("bench.rounds", quick ? 1 : 5);
  /** Of table t. */
  final long rows = Long.getLong("bench.rows", quick ? 30_000 : 1_000_000);
  final long lookups = rows / 2;
  final long autocommits = rows / 5;
  /** Of the database that streams carry. */
  final long streamBytes = (quick ? 20L : 500L) * 1_000_000;
  /** Of the database that grows. */
  final long growthBytes = growthBytes(quick);
  /** What each phase of the concurrent works takes. */
  final double seconds = quick ? 0.2 : 1.0;
  final Path out;
  final Path temporary;

  Settings() throws IOException {
    boolean whole = !quick && only.isEmpty();
    String out = System.getProperty("bench.out", "");
    Path target = Path.of(System.getProperty("bench.target", "target/bench"));
    this.out = !out.isEmpty() ? Path.of(out) : whole ? Path.of("docs") : target;
    Path shm = Path.of("/dev/shm");
    String temporary = System.getProperty("bench.tmp", "");
    this.temporary =
        !temporary.isEmpty() ? Path.of(temporary) : Files.isWritable(shm) ? shm : target;
    Files.createDirectories(this.out);
    Files.createDirectories(this.temporary);
  }

  /** Whether a work is to be run. */
  boolean runs(String work) {
    return only.isEmpty() || only.contains(work);
  }

  private static Set<String> words(String property) {
    Set<String> words = new LinkedHashSet<>(Arrays.asList(System.getProperty(property, "").split("[, ]+")));
    words.remove("");
    return words;
  }

  private static long growthBytes(boolean quick) {
    if (quick) {
      return 200_000_000L;
    }
    // The same grows in C, one after the other; and the machine has other work.
    return Machine.availableBytes() > 10_000_000_000L ? 4_000_000_000L : 1_000_000_000L;
  }
}
