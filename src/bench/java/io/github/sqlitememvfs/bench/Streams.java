package io.github.sqlitememvfs.bench;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A large database in and out by streams, on the wall; and how much memory a process of its own needs for it at most. */
final class Streams {
  static final String PICTURE = "benchmarks-streams.svg";

  private final Settings settings;
  private final Report report;
  private final Path file;
  private final String size;

  private Streams(Settings settings, Report report) {
    this.settings = settings;
    this.report = report;
    file = settings.temporary.resolve("sqlite-memory-vfs-bench-" + ProcessHandle.current().pid() + ".db");
    size = settings.streamBytes / 1_000_000 + " MB";
  }

  static void run(Settings settings, Report report) throws Exception {
    if (!settings.runs("streams")) {
      return;
    }
    Streams streams = new Streams(settings, report);
    try {
      streams.run();
    } finally {
      Files.deleteIfExists(streams.file);
    }
  }

  private void run() throws Exception {
    try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection connection = vfs.open("bench")) {
      connection.execute(Rows.CREATE);
      long rows = 0;
      while (vfs.size("bench") < settings.streamBytes) {
        Growth.insert(connection, rows, rows + 10_000);
        rows += 10_000;
      }
      try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
        vfs.serialize("bench", out);
      }
    }
    report.section("A database of " + size + " in and out");
    report.text(
        "From a stream of a file in the page cache until the first query is answered, and to a stream that only counts. Time on the wall, medians of "
            + settings.rounds
            + " rounds, and lowest to highest. Before each load that is measured stands one that is not, whose memory it takes: what the first in a process takes is in the last column. `C` is, in, a program that reads the file and copies it to memory that was touched before; out, one `memcpy` of"
            + " it. Memory is that of a new process that does it once: its highest, and how much more that is than before; the copied file, in `/dev/shm`, is counted in.");
    Map<String, Spread> in = new LinkedHashMap<>();
    Map<String, Spread> out = new LinkedHashMap<>();
    Map<String, long[]> inMemory = new LinkedHashMap<>();
    Map<String, long[]> outMemory = new LinkedHashMap<>();
    Spread inRatio;
    Spread outRatio;
    try (Limit c = Limit.memory()) {
      c.tell("warm " + Files.size(file));
      inRatio = measure("in", Carriers.IN, c, in, inMemory);
      outRatio = measure("out", Carriers.OUT, c, out, outMemory);
    }
    report.target("Stream of " + size + " in", "at most 2 x read and copy", inRatio.middle() + " x", inRatio.range(), inRatio.median() <= 2);
    report.target(size + " out to a stream", "at most 2 x memcpy", outRatio.middle() + " x", outRatio.range(), outRatio.median() <= 2);
    String jdbc = Carriers.IN[3];
    report.headline(
        3,
        String.format(
            "**Streams**: %s are a database that answers queries after **%s ms**, with %,d MB of memory at most in that process (sqlite-jdbc %s ms, %,d MB), and out"
                + " again in **%s ms** (sqlite-jdbc %s ms and %,d MB more).",
            size,
            in.get(Ours.NAME).middle(),
            inMemory.get(Ours.NAME)[0],
            in.get(jdbc).middle(),
            inMemory.get(jdbc)[0],
            out.get(Ours.NAME).middle(),
            out.get(Carriers.OUT[2]).middle(),
            outMemory.get(Carriers.OUT[2])[1]));
    report.picture(
        PICTURE,
        "Time and memory of streams",
        Chart.bars(
            "A database of " + size + " in and out by streams",
            "Shorter is better. Time on the wall, medians; memory of a new process, at its highest, the copied file included.",
            List.of(
                group("In: ms until the first query is answered", in),
                memory("In: MB of memory of the whole process", inMemory, 0),
                group("Out: ms to a stream that counts", out),
                memory("Out: MB of memory beyond what the database takes", outMemory, 1)),
            0,
            0,
            ""));
  }

  private static Chart.Group group(String title, Map<String, Spread> times) {
    List<Chart.Bar> bars = Chart.list();
    times.forEach((name, time) -> bars.add(new Chart.Bar(name, time.median(), time.middle() + " ms", name.startsWith(Ours.NAME))));
    return new Chart.Group(title, bars);
  }

  private static Chart.Group memory(String title, Map<String, long[]> memory, int which) {
    List<Chart.Bar> bars = Chart.list();
    memory.forEach(
        (name, m) -> bars.add(new Chart.Bar(name, m[which], String.format("%,d MB", m[which]), name.startsWith(Ours.NAME))));
    return new Chart.Group(title, bars);
  }

  /** Of all ways, C included, and the memory of each. Returns our ratio to C, of the first way. */
  private Spread measure(String direction, String[] ways, Limit c, Map<String, Spread> times, Map<String, long[]> memory) throws Exception {
    boolean in = direction.equals("in");
    String limit = in ? "C, read and copy" : "C, memcpy";
    int n = ways.length;
    double[][] millis = new double[n + 1][settings.rounds];
    long bytes = Files.size(file);
    for (int round = -settings.warmUps; round < settings.rounds; round++) {
      for (int i = 0; i <= n; i++) {
        int way = Math.floorMod(i + round, n + 1);
        double took;
        if (way == n) {
          Figure figure = c.work(in ? "read " + file : "copy");
          check(limit, figure.sum(), bytes);
          took = figure.wallNanos() / 1e6;
        } else {
          took = once(direction, ways[way], bytes);
        }
        if (round >= 0) {
          millis[way][round] = took;
        }
      }
    }
    List<String> rows = new ArrayList<>();
    Spread ours = null;
    for (int way = 0; way <= n; way++) {
      String name = way == n ? limit : ways[way];
      double[] ratio = new double[settings.rounds];
      for (int round = 0; round < settings.rounds; round++) {
        ratio[round] = millis[way][round] / millis[n][round];
      }
      if (way == 0) {
        ours = Spread.of(ratio);
      }
      times.put(name, Spread.of(millis[way]));
      String memories = "";
      if (way < n) {
        double[] fresh = fresh(direction, name);
        if (name.equals(Carriers.IN[4])) { // its copy is not in the process, and in memory nevertheless
          fresh[1] += bytes / 1e6;
          fresh[2] += bytes / 1e6;
        }
        memory.put(name, new long[] {(long) fresh[1], (long) fresh[2]});
        memories = String.format("%,.0f (+ %,.0f) | %s", fresh[1], fresh[2], Spread.number(fresh[0]));
      } else {
        memories = " | ";
      }
      rows.add((name.startsWith(Ours.NAME) ? "**" + name + "**" : name) + " | " + times.get(name) + " | " + Spread.of(ratio) + " | " + memories);
    }
    report.table(size + " " + direction + " | ms | times C | MB at most in a new process (more than before) | ms there, the first time", rows);
    return ours;
  }

  private double once(String direction, String way, long bytes) throws Exception {
    AutoCloseable[] toClose = new AutoCloseable[1];
    if (direction.equals("in")) {
      check(way, Carriers.in(way, file), 1000); // the memory that it gives back is what the next one takes: how the host hands out memory is not measured
      long from = System.nanoTime();
      long rows = Carriers.in(way, file);
      double took = (System.nanoTime() - from) / 1e6;
      check(way, rows, 1000);
      return took;
    }
    try {
      Carriers.Carrier carrier = Carriers.out(way, file, toClose);
      long from = System.nanoTime();
      long written = carrier.carry();
      double took = (System.nanoTime() - from) / 1e6;
      check(way, written, bytes);
      return took;
    } finally {
      toClose[0].close();
    }
  }

  private static void check(String way, long found, long expected) {
    if (found != expected) {
      throw new IllegalStateException(way + " gave " + found + " instead of " + expected);
    }
  }

  private double[] fresh(String direction, String way) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Carriers.class.getName(),
                direction,
                way,
                file.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String output = new String(process.getInputStream().readAllBytes());
    for (String line : output.split("\n")) {
      if (line.startsWith("RESULT ")) {
        String[] words = line.split(" ");
        return new double[] {Double.parseDouble(words[1]), Double.parseDouble(words[2]), Double.parseDouble(words[3])};
      }
    }
    throw new IllegalStateException("a new process for '" + way + "' ended with " + process.waitFor() + ": " + output);
  }
}
