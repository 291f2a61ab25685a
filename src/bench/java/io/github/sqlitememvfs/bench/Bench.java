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

      - Everything is measured in one run. In each round every library has one turn, in an order that changes with the rounds. A
        ratio is taken between two turns of the same round, and the tables show the median of the ratios. A machine whose speed
        drifts therefore drifts for all.
      - The Java libraries run in one JVM and are warmed up. The C program is a process of its own that works on command and
        measures itself. It is `src/bench/c/limit.c`, linked with the objects that the library is made of: the same SQLite, the
        same options, the same compiler. It prepares statements once, binds without copying and reads every byte. *Stock SQLite*
        is the same program with SQLite as it comes, compiled without any option: it shows what this library's options cost.
      - CPU time is that of the calling thread, in user and kernel mode. It does not contain the time of the garbage collector
        and of other threads of the JVM. That favours libraries that make more garbage (H2 most of all).
      - Each library is used as its documentation recommends for speed: batches in one transaction, prepared statements, columns
        by index. sqlite-jdbc asks for the generated key after each INSERT unless told not to: both are shown where it matters.
        H2 repeats the result of a query as long as nothing has changed; here it is told to run the query
        (`OPTIMIZE_REUSE_RESULTS=0`).
      - After each turn the sum of what was read, or of what is in the table, is compared with the expected one. A wrong sum ends
        the run.
      - sqlite4java contains the SQLite of 2014, whose SQL is slower for reasons that have nothing to do with Java.

      ## What is not reached, and why

      - **Transactions of one row.** Under callgrind (`commit_bench only autocommit ours 1`, and `memory`, and `memdb`) a row
        takes 11,300 instructions, 8,000 on `:memory:`, and 13,900 on memdb. The VFS takes 4,400 of them: 2,600 write two pages
        (1,100 of these make a new block for each, and new nodes above), 800 commit, 600 take and release locks, and 400 record
        the changed page in the journal. On `:memory:` SQLite copies the page into one of its own. A page cache of our own
        (`sqlite3_pcache_methods2`) could need fewer instructions: it would give SQLite the blocks themselves, so that no page is
        copied.
      - **Ten times the size, keys anywhere.** The processor's cache is the limit. `:memory:` grows as much or more.
      - **Growth.** The machine decides what new memory costs. The chart shows what touching as much memory took in the same run.
        Where our rows become slow, they cost about as much as that.
      - **A writer and a reader at once**, above all the worst scan. Two threads use the two processors of a virtual machine that
        shares its host. The spread shows how little one run of this means.

      ## Largest database

      | | From bytes | By growth |
      |---|---|---|
      | **sqlite-memory-vfs** | memory | memory (or `maxBytes`) |
      | sqlite-jdbc `:memory:` | 2 GB: `deserialize` takes an array, `serialize` gives one | memory, but beyond 2 GB it cannot be serialized |
      | sqlite-jdbc memdb | 1 GB by default | 1 GB by default |
      | H2 | - | the Java heap |

      ## Caveats

      - Times and rates are those of this machine, on the day that is named above. Ratios carry over better, and instruction
        counts best. The two cores are shared with other work, which takes time from the two threads of a concurrent test.
      - Every database fits in memory and was just written: the processor's caches are as warm as they get.
      """;

  static final String AGAIN =
      """

      ## Again

      ```sh
      mvn -B -P bench test                                    # all of it; writes this page
      mvn -B -P bench test -Dbench.quick                      # everything, small and once: shows that it works
      mvn -B -P bench test -Dbench.only=scan4,lookup          # some works at full size
      ```

      It needs what the build needs, and `valgrind` for the instruction counts, which are left out without it. Works are
      `insert`, `scan4`, `scan2`, `lookup`, `autocommit`, `sorting`, `streams`, `concurrency`, `growth`, `size`, `instructions`
      and `small`. `-Dbench.rounds` and `-Dbench.rows` change how much is done. Unless all works run at full size, the page is
      written to `target/bench`, or to the folder that `-Dbench.out` names.
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
