package io.github.sqlitememvfs.bench;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Rows in and out of one table, by all peers in turn. */
final class RowWorks {
  static final String PICTURE = "benchmarks-rows.svg";
  /** Up to how many times C's time a bar is drawn. */
  private static final double CAP = 8;

  private final Settings settings;
  private final Report report;
  private final Map<Work, Map<String, Spread>> ratios = new EnumMap<>(Work.class);
  private final Map<Work, Map<String, Spread>> times = new EnumMap<>(Work.class);

  private RowWorks(Settings settings, Report report) {
    this.settings = settings;
    this.report = report;
  }

  static void run(Settings settings, Report report) throws Exception {
    List<Work> works = new ArrayList<>();
    for (Work work : Work.values()) {
      if (settings.runs(work.id)) {
        works.add(work);
      }
    }
    if (!works.isEmpty()) {
      new RowWorks(settings, report).run(works);
    }
  }

  private void run(List<Work> works) throws Exception {
    Limit c = Limit.memory();
    List<Peer> peers = new ArrayList<>(List.of(c, new Ours(), Jdbc.onOurs(), Jdbc.sqlite(), Jdbc.sqliteWithoutKeys(), Jdbc.memdb()));
    String missing = Sqlite4java.missing();
    if (missing == null) {
      peers.add(new Sqlite4java());
    } else {
      report.missing("sqlite4java: " + missing);
    }
    peers.add(Jdbc.h2());
    peers.add(Limit.memdb());
    peers.add(Limit.ours());
    peers.add(Limit.stockMemory());
    try {
      report.section("Rows in and out");
      report.text(
          String.format(
              "Table `t(id INTEGER PRIMARY KEY, name TEXT, value REAL, payload BLOB)` with names of %d characters and payloads of %d bytes: %,d rows, %,d lookups in"
                  + " random order, %,d inserts of their own. CPU time of the calling thread; medians of %d rounds, and lowest to highest.",
              Rows.NAME, Rows.PAYLOAD, settings.rows, settings.lookups, settings.autocommits, settings.rounds));
      for (Work work : works) {
        measure(work, peers, c);
      }
    } finally {
      for (Peer peer : peers) {
        peer.close();
      }
    }
    for (Work work : works) {
      targets(work);
    }
    report.picture(PICTURE, "CPU time beside a C program's", picture(works));
    headlines();
  }

  private void measure(Work work, List<Peer> all, Peer c) throws Exception {
    List<Peer> peers = new ArrayList<>(all);
    peers.removeIf(peer -> !peer.does(work));
    Map<Peer, List<Figure>> figures = new LinkedHashMap<>();
    peers.forEach(peer -> figures.put(peer, new ArrayList<>()));
    for (int round = -settings.warmUps; round < settings.rounds; round++) {
      for (int i = 0; i < peers.size(); i++) {
        Peer peer = peers.get(Math.floorMod(i + round, peers.size()));
        Figure figure = peer.run(work, settings.rows, settings.lookups > 0 && work == Work.LOOKUP ? settings.lookups : settings.autocommits);
        if (round >= 0) {
          figures.get(peer).add(figure);
        }
      }
    }
    long count = work == Work.LOOKUP ? settings.lookups : work == Work.AUTOCOMMIT ? settings.autocommits : settings.rows;
    List<String> rows = new ArrayList<>();
    Map<String, Spread> ratiosOf = new LinkedHashMap<>();
    Map<String, Spread> timesOf = new LinkedHashMap<>();
    for (Peer peer : peers) {
      List<Double> ratio = new ArrayList<>();
      List<Double> time = new ArrayList<>();
      List<Double> wall = new ArrayList<>();
      for (int round = 0; round < settings.rounds; round++) {
        Figure figure = figures.get(peer).get(round);
        ratio.add((double) figure.cpuNanos() / figures.get(c).get(round).cpuNanos());
        time.add(figure.cpuNanos() / 1e3 / count);
        wall.add(figure.wallNanos() / 1e3 / count);
      }
      ratiosOf.put(peer.name, Spread.of(ratio));
      timesOf.put(peer.name, Spread.of(time));
      String name = peer instanceof Ours ? "**" + peer + "**" : peer.name;
      rows.add(name + " | " + Spread.of(time) + " | " + Spread.of(wall).middle() + " | " + Spread.of(ratio));
    }
    ratios.put(work, ratiosOf);
    times.put(work, timesOf);
    report.table(work.title + " | CPU, us a row | on the wall | times C", rows);
  }

  private void targets(Work work) {
    Spread ours = ratios.get(work).get(Ours.NAME);
    switch (work) {
      case INSERT:
        atMost(work, ours, 1.25);
        break;
      case LOOKUP:
        atMost(work, ours, 1.25);
        break;
      case AUTOCOMMIT:
        atMost(work, ours, 2);
        Spread memdb = ratios.get(work).get("C memdb");
        report.target(work.title, "below C on memdb", Spread.number(ours.median() / memdb.median()) + " x", "", ours.median() < memdb.median());
        break;
      default:
        atMost(work, ours, 1.6);
        Spread h2 = ratios.get(work).get("H2 in memory");
        report.target(work.title, "below H2", Spread.number(ours.median() / h2.median()) + " x", "", ours.median() < h2.median());
        break;
    }
  }

  private void atMost(Work work, Spread ours, double limit) {
    report.target(work.title, "at most " + limit + " x C", ours.middle() + " x", ours.range(), ours.median() <= limit);
  }

  private void headlines() {
    if (ratios.containsKey(Work.INSERT)) {
      report.headline(1, "**Rows in**: a million rows take " + beside(Work.INSERT) + ".");
    }
    if (ratios.containsKey(Work.SCAN4) && ratios.containsKey(Work.LOOKUP)) {
      report.headline(2, "**Rows out**: a scan of four columns takes " + beside(Work.SCAN4) + "; a lookup by key " + beside(Work.LOOKUP) + ".");
    }
  }

  private String beside(Work work) {
    Map<String, Spread> found = ratios.get(work);
    return "**"
        + found.get(Ours.NAME).middle()
        + " times** what a C program takes with the same engine (sqlite-jdbc "
        + found.get("sqlite-jdbc :memory:").middle()
        + ", H2 "
        + found.get("H2 in memory").middle()
        + ")";
  }

  private String picture(List<Work> works) {
    List<Chart.Group> groups = new ArrayList<>();
    for (Work work : works) {
      List<Chart.Bar> bars = new ArrayList<>();
      ratios.get(work).forEach(
          (peer, ratio) -> {
            if (!peer.startsWith("C") && !peer.contains("memdb")) { // C is the rule, and memdb as slow as :memory:
              String text = ratio.middle() + "   (" + times.get(work).get(peer).middle() + " us)";
              bars.add(new Chart.Bar(peer, ratio.median(), text, peer.equals(Ours.NAME)));
            }
          });
      groups.add(new Chart.Group(work.title, bars));
    }
    return Chart.bars(
        "CPU time beside a C program's on the same engine",
        "Shorter is better; 1 is what C takes on :memory:, the limit for anything that runs SQLite.\n"
            + "Medians of interleaved rounds; in brackets, microseconds a row. A longer bar than "
            + (int) CAP
            + " is cut.",
        groups,
        CAP,
        1,
        "C");
  }
}
