package io.github.sqlitememvfs.bench;

/**
 * Measures this library beside others and beside a C program, and writes docs/benchmarks.md and its pictures.
 *
 * <p>{@code mvn -B -P bench test} runs all of it. System properties:
 *
 * <ul>
 *   <li>{@code bench.quick}: small sizes and one round, to see that everything works
 *   <li>{@code bench.only}: works to run, separated by commas: insert, scan4, scan2, lookup, autocommit, sorting, streams, concurrency, growth, size,
 *       instructions, small
 *   <li>{@code bench.rounds}, {@code bench.warmups}: how often everybody has a turn, and how often before that without being counted
 *   <li>{@code bench.rows}: of table t
 *   <li>{@code bench.out}: where to write; docs if all was run at full size, else target/bench
 *   <li>{@code bench.tmp}: where the large file is put that streams read; /dev/shm if there is one
 * </ul>
 */
final class Bench {
  static final String METHOD =
      """
      ## How it is measured

      - All in one run. In each round everybody has one turn, in an order that moves on with the rounds; a ratio is taken between two turns of the same round, and the median of the
        ratios stands in the tables. So a machine whose speed drifts does so for all.
      - The peers in Java live in one JVM and are warmed up; the C program is a process of its own that works when it is told to and measures itself. It is
        `src/bench/c/limit.c`, linked with the very objects that the library is made of: the same SQLite, the same options, the same compiler. It prepares statements once, binds without
        copying and reads every byte. *Stock SQLite* is the same program with SQLite as it comes, compiled without any option: what this library's options cost would be in both
        figures of a comparison with the first alone.
      - CPU time is that of the calling thread, in user and kernel mode. What the garbage collector and other threads of the JVM take is not in it, which favours whoever makes more garbage
        (H2 most of all).
      - Everybody uses what its documentation recommends for speed: batches in one transaction, prepared statements, columns by index. sqlite-jdbc asks for the generated key after each
        INSERT unless told not to: both are shown where it matters. H2 gives the result of a query again as long as nothing has changed; here it is told to run it
        (`OPTIMIZE_REUSE_RESULTS=0`).
      - After each turn the sum of what was read, or what is in the table, is compared with what it must be. A wrong sum ends the run.
      - sqlite4java has the SQLite of 2014 in it, whose SQL is slower for reasons that have nothing to do with Java.

      ## What is not reached, and why

      - **Transactions of one row.** Under callgrind (`commit_bench only autocommit ours 1`, and `memory`, and `memdb`)
        a row takes 11,300 instructions, 8,000 on `:memory:`, and 13,900 on memdb. The VFS takes 4,400 of them:
        2,600 write two pages (1,100 of these make a new block for each, and new nodes above), 800 commit, 600 take and
        give up locks, and 400 note the changed page in the journal. On `:memory:` SQLite copies it into one of its own.
        Less would take a page cache of our own (`sqlite3_pcache_methods2`) that gives SQLite the blocks themselves,
        so that no page is copied.
      - **Ten times the size, keys anywhere**: that is the processor's cache. `:memory:` grows as much or more.
      - **Growth**: what new memory costs is the machine's to say. The chart shows what touching as much took in the same
        run; where our rows become slow they cost about as much as that.
      - **A writer and a reader at once**, above all the worst scan: two threads on the two processors of a virtual machine that has others beside it; the spread says how little one run of this means.

      ## Largest database

      | | From bytes | By growth |
      |---|---|---|
      | **sqlite-memory-vfs** | memory | memory (or `maxBytes`) |
      | sqlite-jdbc `:memory:` | 2 GB: `deserialize` takes an array, `serialize` gives one | memory, but beyond 2 GB it cannot be serialized |
      | sqlite-jdbc memdb | 1 GB by default | 1 GB by default |
      | H2 | - | the Java heap |

      ## Caveats

      - Wall times and rates say what this machine does, on the day that is named above; ratios carry over better, and instruction counts best. Two cores that are shared with other work are
        little: what runs beside the two threads of a concurrent work takes from them.
      - Every database fits in memory and was just written: caches of the processor are as warm as they get.
      """;

  static final String AGAIN =
      """

      ## Again

      ```sh
      mvn -B -P bench test                                    # all of it; writes this page
      mvn -B -P bench test -Dbench.quick                      # everything, small and once: shows that it works
      mvn -B -P bench test -Dbench.only=scan4,lookup          # some works at full size
      ```

      It wants what the build wants, and `valgrind` for the instruction counts, which are left out without it. Works are `insert`, `scan4`, `scan2`, `lookup`, `autocommit`, `sorting`, `streams`,
      `concurrency`, `growth`, `size`, `instructions` and `small`. `-Dbench.rounds` and `-Dbench.rows` change how much is done. What is not the whole at full size is written to `target/bench` instead, or
      wherever `-Dbench.out` says.
      """;

  private Bench() {}

  /** Takes no arguments. */
  public static void main(String[] args) throws Exception {
    long from = System.nanoTime();
    Settings settings = new Settings();
    Report report = new Report();
    System.out.println(Machine.describe());
    RowWorks.run(settings, report);
    SortWorks.run(settings, report);
    Streams.run(settings, report);
    Concurrency.run(settings, report);
    Growth.run(settings, report);
    TenTimes.run(settings, report);
    Instructions.run(settings, report);
    Small.run(settings, report);
    double minutes = (System.nanoTime() - from) / 60e9;
    report.write(settings, minutes);
    System.out.printf("It took %.1f minutes.%n", minutes);
  }
}
