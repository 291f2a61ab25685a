package io.github.sqlitememvfs.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Instructions of the C layer, counted by callgrind: they repeat where times do not. */
final class Instructions {
  private static final String[] VFSES = {"memory", "memdb", "ours"};
  private static final List<String> ENGINE_BOUND = List.of("aggregate", "join", "join_at_random", "sort", "index", "by_index", "update", "delete");

  private Instructions() {}

  static void run(Settings settings, Report report) throws Exception {
    if (!settings.runs("instructions")) {
      return;
    }
    try {
      new ProcessBuilder("valgrind", "--version").redirectErrorStream(true).start().waitFor();
    } catch (IOException e) {
      report.missing("instruction counts, for there is no valgrind (`apt-get install valgrind`, or the like)");
      return;
    }
    long rows = settings.quick ? 2_000 : 30_000;
    List<String> works = new ArrayList<>();
    List<List<Long>> counts = new ArrayList<>();
    for (String vfs : VFSES) {
      counts.add(count(settings, vfs, rows, works));
    }
    report.section("Instructions of the C layer");
    report.text(
        String.format(
            "Counted by callgrind in src/bench/c/limit.c, with %,d rows; the same binary, and so the same SQLite, for all three. They repeat to the last digits.",
            rows));
    List<String> table = new ArrayList<>();
    double worst = 0;
    String worstWork = "";
    double sumOurs = 0;
    double sumMemory = 0;
    for (int i = 0; i < works.size(); i++) {
      double memory = counts.get(0).get(i);
      double memdb = counts.get(1).get(i);
      double ours = counts.get(2).get(i);
      table.add(
          String.format("%s | %,.2f | %s | **%s**", works.get(i).replace('_', ' '), memory / 1e6, ratio(memdb / memory), ratio(ours / memory)));
      if (ENGINE_BOUND.contains(works.get(i))) {
        sumOurs += ours;
        sumMemory += memory;
        if (ours / memory > worst) {
          worst = ours / memory;
          worstWork = works.get(i).replace('_', ' ');
        }
      }
    }
    report.table("Work | million instructions on :memory: | memdb | " + Ours.NAME, table);
    String aim = "at most 1.05 x :memory:";
    report.target("Engine-bound SQL, instructions of all works", aim, ratio(sumOurs / sumMemory) + " x", "", sumOurs / sumMemory <= 1.05);
    report.target("The same, of the worst work", aim, ratio(worst) + " x (" + worstWork + ")", "", worst <= 1.05);
  }

  private static String ratio(double value) {
    return String.format("%.3f", value);
  }

  /** Instructions of each work, in order; names goes along. */
  private static List<Long> count(Settings settings, String vfs, long rows, List<String> works) throws Exception {
    Path directory = Files.createTempDirectory("sqlite-memory-vfs-bench");
    try {
      Path out = directory.resolve("out");
      Process process =
          new ProcessBuilder(
                  "valgrind",
                  "--quiet",
                  "--tool=callgrind",
                  "--collect-atstart=no",
                  "--toggle-collect=measured",
                  "--dump-after=measured",
                  "--callgrind-out-file=" + out,
                  Limit.program().toString(),
                  "instructions",
                  vfs,
                  Long.toString(rows))
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      String printed = new String(process.getInputStream().readAllBytes());
      if (process.waitFor() != 0) {
        throw new IllegalStateException("callgrind ended with " + process.exitValue());
      }
      works.clear();
      works.addAll(List.of(printed.strip().split("\n")));
      List<Long> counts = new ArrayList<>();
      for (int i = 1; i <= works.size(); i++) {
        String dump = Files.readString(out.resolveSibling("out." + i));
        int at = dump.lastIndexOf("totals: ");
        counts.add(Long.parseLong(dump.substring(at + 8).strip().split("\\s")[0]));
      }
      return counts;
    } finally {
      try (Stream<Path> files = Files.list(directory)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(directory);
    }
  }
}
