package io.github.sqlitememvfs.bench;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.Snapshot;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteStatement;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A database that grows to gigabytes by insertion; then what snapshots and forks of it cost. */
final class Growth {
  static final String PICTURE = "benchmarks-growth.svg";
  private static final int PAYLOAD = 1000;
  /** What such a row takes in a database, roughly: three to a page of 4 KiB. */
  private static final int ROW_BYTES = 1365;
  private static final int STEPS = 20;
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private Growth() {}

  /** Rows with a payload of 1000 bytes, a transaction for each thousand. */
  static void insert(SqliteConnection connection, long from, long to) {
    byte[] payload = new byte[PAYLOAD];
    try (SqliteStatement insert = connection.prepare(Rows.INSERT)) {
      for (long id = from; id < to; id++) {
        insert.bindLong(1, id);
        insert.bindText(2, Rows.name(id));
        insert.bindDouble(3, Rows.value(id));
        insert.bindBlob(4, payload);
        insert.addBatch();
        if ((id - from) % Rows.BATCH == Rows.BATCH - 1 || id == to - 1) {
          insert.executeBatch(); // in a transaction
        }
      }
    }
  }

  static void run(Settings settings, Report report) throws Exception {
    if (!settings.runs("growth")) {
      return;
    }
    long rowsInStep = settings.growthBytes / ROW_BYTES / STEPS;
    String size = gigabytes(settings.growthBytes) + " GB";
    report.section("Growth, snapshots and forks");
    report.text(
        String.format(
            "A database grows to %s by inserting rows with payloads of %d bytes, a transaction for each thousand; CPU time a row in each of %d steps, ours the median of"
                + " %d times. The aim compares the slowest step from 100 MB on with the fastest.%n%nA virtual machine's host takes memory back that the guest has not used"
                + " for a while, and gives it again slowly. So before each step as much memory as it needs is taken from the system, touched and given back, in the same"
                + " process, C's too: what that took stands in the last row, and the others find the memory ready.",
            size, PAYLOAD, STEPS, settings.quick ? 1 : 3));
    try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection connection = vfs.open("warm")) { // compiles what the first step would
      connection.execute(Rows.CREATE);
      insert(connection, 0, 20_000);
    }
    int passes = settings.quick ? 1 : 3;
    double[][] all = new double[passes][];
    double[][] touching = new double[passes][STEPS];
    double[] ratios = new double[passes];
    for (int pass = 0; pass < passes - 1; pass++) {
      try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection connection = vfs.open("big")) {
        all[pass] = grow(connection, rowsInStep, touching[pass]);
        ratios[pass] = slowest(all[pass], settings);
      }
    }
    try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection connection = vfs.open("big")) {
      all[passes - 1] = grow(connection, rowsInStep, touching[passes - 1]);
      ratios[passes - 1] = slowest(all[passes - 1], settings);
      long huge = Machine.percentHuge();
      double[] ours = medians(all);
      double[] touched = medians(touching);
      List<String> rows = new ArrayList<>();
      rows.add(row("**" + Ours.NAME + "**", ours, settings));
      List<Chart.Line> lines = new ArrayList<>();
      lines.add(new Chart.Line(Ours.NAME, ours, true));
      snapshots(settings, report, vfs);
      c("C :memory:", Limit.memory(), rowsInStep, rows, lines, settings);
      c("C memdb", Limit.memdb(), rowsInStep, rows, lines, settings);
      rows.add(row("Touching as much memory", touched, settings));
      lines.add(new Chart.Line("touching as much memory", touched, false));
      report.table("Growth to " + size + " | us a row: first step | last step | slowest / fastest beyond 100 MB", rows);
      report.text(
          "At the end "
              + huge
              + " % of this process's memory was in pages of 2 MB. Where the system has none left to give, touching new memory costs several times as much.");
      double ratio = slowest(ours, settings);
      report.target("Growth to " + size, "a row within 1.3 x throughout", Spread.number(ratio) + " x", Spread.of(ratios).range(), ratio <= 1.3);
      report.picture(
          PICTURE,
          "Time a row while a database grows",
          Chart.lines(
              "What a row costs while a database grows to " + size,
              "CPU time of an INSERT of 1 KB, in transactions of 1000, into memory that was touched before. Flat is good.\n"
                  + "memdb is full at 1 GB unless told otherwise. Touching is what the machine took to give the memory.",
              lines,
              settings.growthBytes / 1e9,
              "GB",
              "us a row"));
    }
  }

  private static double[] medians(double[][] passes) {
    double[] medians = new double[STEPS];
    for (int step = 0; step < STEPS; step++) {
      double[] values = new double[passes.length];
      for (int pass = 0; pass < passes.length; pass++) {
        values[pass] = passes[pass][step];
      }
      medians[step] = Spread.of(values).median();
    }
    return medians;
  }

  /** CPU microseconds a row in each step; touching: what it took to touch as much memory just before. */
  private static double[] grow(SqliteConnection connection, long rowsInStep, double[] touching) throws ReflectiveOperationException {
    Touch touch = new Touch();
    connection.execute(Rows.CREATE);
    double[] steps = new double[STEPS];
    for (int step = 0; step < STEPS; step++) {
      touching[step] = touch.touch(rowsInStep * ROW_BYTES) / 1e3 / rowsInStep;
      long cpu = THREADS.getCurrentThreadCpuTime();
      insert(connection, step * rowsInStep, (step + 1) * rowsInStep);
      steps[step] = (THREADS.getCurrentThreadCpuTime() - cpu) / 1e3 / rowsInStep;
    }
    return steps;
  }

  private static String gigabytes(long bytes) {
    return String.format(Locale.ROOT, bytes % 1_000_000_000 == 0 ? "%.0f" : "%.1f", bytes / 1e9);
  }

  private static String row(String name, double[] steps, Settings settings) {
    return name + " | " + Spread.number(steps[0]) + " | " + Spread.number(steps[steps.length - 1]) + " | " + Spread.number(slowest(steps, settings));
  }

  /** Of the steps that end beyond 100 MB. */
  private static double slowest(double[] steps, Settings settings) {
    int from = (int) Math.min(steps.length - 1, 100_000_000L / (settings.growthBytes / STEPS));
    double[] beyond = new double[steps.length - from];
    System.arraycopy(steps, from, beyond, 0, beyond.length);
    Spread spread = Spread.of(beyond);
    return spread.max() / spread.min();
  }

  private static void c(String name, Limit limit, long rowsInStep, List<String> rows, List<Chart.Line> lines, Settings settings) throws Exception {
    try (limit) {
      limit.create();
      String[] words = limit.tell("grow " + rowsInStep + " " + STEPS + " " + ROW_BYTES);
      boolean full = words[words.length - 1].equals("full");
      double[] steps = new double[full ? words.length - 1 : words.length];
      for (int i = 0; i < steps.length; i++) {
        steps[i] = Long.parseLong(words[i]) / 1e3;
      }
      lines.add(new Chart.Line(full ? name + ": full" : name, steps, false));
      rows.add(row(full ? name + ", full after " + steps.length + " of " + STEPS + " steps" : name, steps, settings));
    }
  }

  /** Of a database of 1 MB and of the big one, in turn. */
  private static void snapshots(Settings settings, Report report, MemoryVfs vfs) {
    try (SqliteConnection small = vfs.open("small")) {
      small.execute(Rows.CREATE);
      insert(small, 0, 700);
    }
    int count = settings.quick ? 200 : 1000;
    int rounds = 2 * settings.rounds + 3;
    String[] databases = {"small", "big"};
    double[][] snapshot = new double[2][rounds];
    double[][] fork = new double[2][rounds];
    for (int round = -3; round < rounds; round++) {
      for (int i = 0; i < 2; i++) {
        int which = (i + round + 4) % 2;
        Snapshot[] kept = new Snapshot[count];
        long from = System.nanoTime();
        for (int k = 0; k < count; k++) {
          kept[k] = vfs.snapshot(databases[which]);
        }
        double snapshotTook = (System.nanoTime() - from) / 1e3 / count;
        for (Snapshot s : kept) {
          s.close();
        }
        String[] names = new String[count];
        for (int k = 0; k < count; k++) {
          names[k] = "fork-" + k;
        }
        from = System.nanoTime();
        for (String name : names) {
          vfs.fork(databases[which], name);
        }
        double forkTook = (System.nanoTime() - from) / 1e3 / count;
        for (String name : names) {
          vfs.delete(name);
        }
        if (round >= 0) {
          snapshot[which][round] = snapshotTook;
          fork[which][round] = forkTook;
        }
      }
    }
    String big = gigabytes(settings.growthBytes) + " GB";
    List<String> rows = new ArrayList<>();
    rows.add("Snapshot | " + Spread.of(snapshot[0]) + " | " + Spread.of(snapshot[1]));
    rows.add("Fork | " + Spread.of(fork[0]) + " | " + Spread.of(fork[1]));
    report.table("us on the wall, mean of " + count + " in a row | of 1 MB | of " + big, rows);
    target(report, "Snapshot", snapshot, big);
    target(report, "Fork", fork, big);
    report.headline(
        5,
        String.format(
            "**A snapshot takes %s us and a fork %s us** of a database of %s, and %s and %s us of one of 1 MB.",
            Spread.of(snapshot[1]).middle(),
            Spread.of(fork[1]).middle(),
            big,
            Spread.of(snapshot[0]).middle(),
            Spread.of(fork[0]).middle()));
  }

  private static void target(Report report, String what, double[][] times, String big) {
    Spread small = Spread.of(times[0]);
    Spread large = Spread.of(times[1]);
    report.target(
        what + " of 1 MB and " + big,
        "below 10 us, the same",
        small.middle() + " us and " + large.middle() + " us",
        small.range() + " and " + large.range(),
        small.median() < 10 && large.median() < 10 && large.min() <= small.max() * 1.1);
  }
}
