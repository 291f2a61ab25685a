package io.github.sqlitememvfs.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/** A writer and readers of one database: what each does alone, and what is left of it when they work at once. */
final class Concurrency {
  static final String PICTURE = "benchmarks-concurrency.svg";
  private static final int MANY = 16;

  /** What a phase gave. Rates are per second; times in milliseconds. */
  private record Phase(double commits, double scans, long errors, double worstScan, double worstCommit) {}

  /** Of one peer, a value for each round. */
  private static final class Rounds {
    final List<Phase> writerAlone = new ArrayList<>();
    final List<Phase> readerAlone = new ArrayList<>();
    final List<Phase> both = new ArrayList<>();
    final List<Phase> many = new ArrayList<>();
  }

  private interface Get {
    double of(Phase phase);
  }

  private Concurrency() {}

  static void run(Settings settings, Report report) throws Exception {
    if (!settings.runs("concurrency")) {
      return;
    }
    Map<String, Rounds> found = new LinkedHashMap<>();
    List<Shared> peers = new ArrayList<>();
    try {
      peers.add(Shared.ours());
      peers.add(Shared.jdbcOnOurs());
      peers.add(Shared.wal(settings.temporary.resolve("sqlite-memory-vfs-bench-" + ProcessHandle.current().pid() + "-wal.db")));
      peers.add(Shared.h2());
      peers.add(Shared.memdb());
      peers.add(Shared.sharedCache());
      peers.forEach(peer -> found.put(peer.name, new Rounds()));
      for (int round = -1; round < settings.rounds; round++) {
        double seconds = round < 0 ? settings.seconds / 4 : settings.seconds;
        for (int i = 0; i < peers.size(); i++) {
          Shared peer = peers.get(Math.floorMod(i + round, peers.size()));
          Rounds rounds = round < 0 ? new Rounds() : found.get(peer.name);
          rounds.writerAlone.add(phase(peer, true, 0, seconds));
          rounds.readerAlone.add(phase(peer, false, 1, seconds));
          rounds.both.add(phase(peer, true, 1, seconds));
          rounds.many.add(phase(peer, true, MANY, seconds));
        }
      }
    } finally {
      for (Shared peer : peers) {
        peer.close();
      }
    }
    report(settings, report, found);
  }

  private static void report(Settings settings, Report report, Map<String, Rounds> found) {
    int cores = Runtime.getRuntime().availableProcessors();
    report.section("A writer and readers at once");
    report.text(
        String.format(
            Locale.ROOT,
            "A writer makes transactions of %d updates, a reader reads all %d rows (2 numbers of each), both without a pause; in %d rounds each works %.1f s alone, then both"
                + " together. Every scan must find the same sum, whatever is written. Rates a second, medians; worst times and errors are those of all rounds together.",
            Rows.UPDATES, Shared.ROWS, settings.rounds, settings.seconds));
    List<String> rows = new ArrayList<>();
    List<String> manyRows = new ArrayList<>();
    List<Chart.Bar> writers = Chart.list();
    List<Chart.Bar> readers = Chart.list();
    for (Map.Entry<String, Rounds> entry : found.entrySet()) {
      String name = entry.getKey();
      Rounds r = entry.getValue();
      boolean ours = name.equals(Ours.NAME);
      String shown = ours ? "**" + name + "**" : name;
      double commitsAlone = median(r.writerAlone, Phase::commits);
      double scansAlone = median(r.readerAlone, Phase::scans);
      double commits = median(r.both, Phase::commits);
      double scans = median(r.both, Phase::scans);
      Spread writerKeeps = ratio(r.both, r.writerAlone, Phase::commits);
      Spread readerKeeps = ratio(r.both, r.readerAlone, Phase::scans);
      long errors = r.both.stream().mapToLong(Phase::errors).sum();
      double worstScan = r.both.stream().mapToDouble(Phase::worstScan).max().orElse(0);
      double worstCommit = r.both.stream().mapToDouble(Phase::worstCommit).max().orElse(0);
      rows.add(
          String.format(
              "%s | %s, %s (%s) | %s, %s (%s) | %s | %s | %,d",
              shown,
              rate(commitsAlone),
              rate(commits),
              percent(writerKeeps),
              rate(scansAlone),
              rate(scans),
              percent(readerKeeps),
              Spread.number(worstScan),
              Spread.number(worstCommit),
              errors));
      writers.add(
          new Chart.Bar(name, commits, commitsAlone, rate(commits) + ", " + percentOnly(writerKeeps) + errors(errors), ours));
      readers.add(new Chart.Bar(name, scans, scansAlone, rate(scans) + ", " + percentOnly(readerKeeps), ours));

      Spread manyKeeps = ratio(r.many, r.writerAlone, Phase::commits);
      double share = Math.min(1, (double) cores / (MANY + 1));
      long manyErrors = r.many.stream().mapToLong(Phase::errors).sum();
      manyRows.add(
          String.format(
              "%s | %s | %s | %s | %s | %,d",
              shown,
              rate(median(r.many, Phase::commits)),
              Spread.number(manyKeeps.median() / share),
              rate(median(r.many, Phase::scans)),
              Spread.number(r.many.stream().mapToDouble(Phase::worstScan).max().orElse(0)),
              manyErrors));
      if (ours) {
        report.target("Writer, while a reader reads", "at least 80 % of its lone rate", percentOnly(writerKeeps), percentRange(writerKeeps), writerKeeps.median() >= 0.8);
        report.target("Reader, while a writer writes", "at least 80 % of its lone rate", percentOnly(readerKeeps), percentRange(readerKeeps), readerKeeps.median() >= 0.8);
        report.target(
            "Both: errors, worst scan",
            "none, below 10 ms",
            errors + ", " + Spread.number(worstScan) + " ms",
            "",
            errors == 0 && worstScan < 10);
        report.target(
            MANY + " readers and a writer on " + cores + " cores",
            "the writer has its share",
            Spread.number(manyKeeps.median() / share) + " x an equal share",
            Spread.number(manyKeeps.min() / share) + " to " + Spread.number(manyKeeps.max() / share),
            manyErrors == 0 && manyKeeps.median() >= 0.8 * share);
        report.headline(
            4,
            "**A writer and a reader at once** keep **"
                + percentOnly(writerKeeps)
                + " and "
                + percentOnly(readerKeeps)
                + "** of what each does alone, with "
                + (errors == 0 ? "no error" : errors + " errors")
                + "; the worst scan took "
                + Spread.number(worstScan)
                + " ms.");
      }
    }
    report.table(
        "One writer, one reader | transactions a second: alone, at once (kept) | scans a second: alone, at once (kept) | worst scan, ms | worst transaction, ms | errors",
        rows);
    report.text(
        String.format(
            Locale.ROOT,
            "The same with %d readers on %d cores. An equal share is %d/%d of the lone rate.",
            MANY, cores, Math.min(cores, MANY + 1), MANY + 1));
    report.table("One writer, " + MANY + " readers | transactions a second | of an equal share | scans a second, all together | worst scan, ms | errors", manyRows);
    report.picture(
        PICTURE,
        "A writer and a reader at once",
        Chart.bars(
            "A writer and a reader of one database at once",
            "Longer is better. Pale: what each does alone; full: at once, and how much of the lone rate that is.",
            List.of(new Chart.Group("Writer: transactions of 10 updates a second", writers), new Chart.Group("Reader: scans of 1000 rows a second", readers)),
            0,
            0,
            ""));
  }

  private static String errors(long errors) {
    return errors == 0 ? "" : String.format(", %,d errors", errors);
  }

  private static double median(List<Phase> phases, Get get) {
    return Spread.of(phases.stream().mapToDouble(get::of).toArray()).median();
  }

  private static Spread ratio(List<Phase> some, List<Phase> others, Get get) {
    double[] ratios = new double[some.size()];
    for (int i = 0; i < ratios.length; i++) {
      ratios[i] = get.of(some.get(i)) / get.of(others.get(i));
    }
    return Spread.of(ratios);
  }

  private static String rate(double rate) {
    return String.format(Locale.ROOT, rate < 100 ? "%.1f" : "%,.0f", rate);
  }

  private static String percentOnly(Spread spread) {
    return String.format(Locale.ROOT, spread.median() < 0.01 ? "%.1f %%" : "%.0f %%", spread.median() * 100);
  }

  private static String percentRange(Spread spread) {
    return String.format(Locale.ROOT, "%.0f to %.0f %%", spread.min() * 100, spread.max() * 100);
  }

  private static String percent(Spread spread) {
    return percentOnly(spread) + ", " + percentRange(spread);
  }

  /** A thread, and what it did. */
  private static final class Worker extends Thread {
    private final Shared.Session session;
    private final boolean writes;
    private final double seconds;
    private final CountDownLatch start;
    private long done;
    private long errors;
    private double took;
    private double worst;
    private Throwable failure;

    Worker(Shared.Session session, boolean writes, double seconds, CountDownLatch start) {
      this.session = session;
      this.writes = writes;
      this.seconds = seconds;
      this.start = start;
    }

    @Override
    public void run() {
      try {
        start.await();
        long begin = System.nanoTime();
        long end = begin + (long) (seconds * 1e9);
        double sum = Shared.sum();
        for (long now = begin, n = 0; now < end; n++) {
          try {
            if (writes) {
              session.transfer(n);
            } else if (session.scan() != sum) {
              throw new AssertionError("a scan saw half of a transaction");
            }
            done++;
          } catch (Exception e) { // busy or locked
            errors++;
            session.rollback();
          }
          long then = System.nanoTime();
          worst = Math.max(worst, (then - now) / 1e6);
          now = then;
        }
        took = (System.nanoTime() - begin) / 1e9;
      } catch (Throwable e) {
        failure = e;
      }
    }
  }

  private static Phase phase(Shared peer, boolean writes, int readers, double seconds) throws Exception {
    CountDownLatch start = new CountDownLatch(1);
    List<Worker> workers = new ArrayList<>();
    if (writes) {
      workers.add(new Worker(peer.session(), true, seconds, start));
    }
    for (int i = 0; i < readers; i++) {
      workers.add(new Worker(peer.session(), false, seconds, start));
    }
    workers.forEach(Thread::start);
    start.countDown();
    double commits = 0;
    double scans = 0;
    double worstScan = 0;
    double worstCommit = 0;
    long errors = 0;
    for (Worker worker : workers) {
      worker.join();
      worker.session.close();
      if (worker.failure != null) {
        throw new IllegalStateException(peer.name + ": " + worker.failure.getMessage(), worker.failure);
      }
      errors += worker.errors;
      if (worker.writes) {
        commits = worker.done / worker.took;
        worstCommit = worker.worst;
      } else {
        scans += worker.done / worker.took;
        worstScan = Math.max(worstScan, worker.worst);
      }
    }
    return new Phase(commits, scans, errors, worstScan, worstCommit);
  }
}
