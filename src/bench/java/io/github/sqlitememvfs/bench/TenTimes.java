package io.github.sqlitememvfs.bench;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteStatement;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;

/** Lookups and commits in a database, and in one with ten times the rows. */
final class TenTimes {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final int NEAR = 10_000;

  private TenTimes() {}

  static void run(Settings settings, Report report) throws Exception {
    if (!settings.runs("size")) {
      return;
    }
    long[] rows = {settings.rows, settings.rows * 10};
    long lookups = settings.lookups / 2;
    long commits = settings.rows / 100;
    int works = 3;
    double[][] ours = new double[works][settings.rounds];
    double[][] c = new double[works][settings.rounds];
    try (MemoryVfs vfs = MemoryVfs.create(); Limit small = Limit.memory(); Limit large = Limit.memory()) {
      SqliteConnection[] connections = {vfs.open("small"), vfs.open("large")};
      Limit[] limits = {small, large};
      for (int i = 0; i < 2; i++) {
        connections[i].execute(Rows.CREATE);
        Ours.insert(connections[i], 0, rows[i]);
        limits[i].create();
        limits[i].insert(0, rows[i]);
      }
      for (int round = -settings.warmUps; round < settings.rounds; round++) {
        double[][] oursTook = new double[works][2];
        double[][] cTook = new double[works][2];
        for (int i = 0; i < 2; i++) {
          int which = Math.floorMod(i + round, 2);
          long n = rows[which];
          SqliteConnection connection = connections[which];
          oursTook[0][which] = time(() -> Ours.lookup(connection, n, lookups));
          oursTook[1][which] = time(() -> Ours.lookup(connection, NEAR, lookups));
          oursTook[2][which] = time(() -> commits(connection, n, commits));
          cTook[0][which] = limits[which].work("lookup " + n + " " + lookups).cpuNanos();
          cTook[1][which] = limits[which].work("lookup " + NEAR + " " + lookups).cpuNanos();
          cTook[2][which] = limits[which].work("commits " + n + " " + commits).cpuNanos();
        }
        for (int work = 0; work < works && round >= 0; work++) {
          ours[work][round] = oursTook[work][1] / oursTook[work][0];
          c[work][round] = cTook[work][1] / cTook[work][0];
        }
      }
    }
    report.section("Ten times the rows");
    report.text(
        String.format(
            "%,d rows, and %,d: how many times the CPU time that the same work takes. `:memory:` in C shows what is the engine's: ten times the rows are another level of"
                + " SQLite's tree now and then, and the processor's caches hold less of them.",
            rows[0], rows[1]));
    String[] names = {"Lookups, anywhere", "Lookups among " + NEAR + " neighbours", "Commits of 10 updates, anywhere"};
    List<String> table = new ArrayList<>();
    for (int work = 0; work < works; work++) {
      Spread found = Spread.of(ours[work]);
      Spread limit = Spread.of(c[work]);
      table.add(names[work] + " | " + found + " | " + limit);
      report.target(
          names[work] + ", ten times the rows", "at most 1.15 x", found.middle() + " x (C :memory: " + limit.middle() + " x)", found.range(), found.median() <= 1.15);
    }
    report.table("Ten times the rows | " + Ours.NAME + " | C :memory:", table);
  }

  private static void commits(SqliteConnection connection, long rows, long count) {
    try (SqliteStatement begin = connection.prepare("BEGIN IMMEDIATE");
        SqliteStatement commit = connection.prepare("COMMIT");
        SqliteStatement update = connection.prepare(Rows.UPDATE)) {
      for (long i = 0; i < count; i++) {
        begin.step();
        begin.reset();
        for (int k = 0; k < Rows.UPDATES; k++) {
          update.bindDouble(1, 1);
          update.bindLong(2, Rows.key(i * Rows.UPDATES + k, rows));
          update.step();
          update.reset();
        }
        commit.step();
        commit.reset();
      }
    }
  }

  private static double time(Runnable work) {
    long cpu = THREADS.getCurrentThreadCpuTime();
    work.run();
    return THREADS.getCurrentThreadCpuTime() - cpu;
  }
}
