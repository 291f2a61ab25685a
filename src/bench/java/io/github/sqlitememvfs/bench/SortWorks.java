package io.github.sqlitememvfs.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What sorts, or gathers, all rows of a table that stand in no order: by all peers in turn. */
final class SortWorks {
  /** In the order in which they run: each leaves the database as it was. */
  private enum Sort {
    INDEX("CREATE INDEX", "CREATE INDEX s_name ON s(name)"),
    ORDER("ORDER BY", "SELECT id FROM s ORDER BY name"),
    GROUP("GROUP BY", "SELECT count(*) FROM s GROUP BY name"),
    DISTINCT("DISTINCT", "SELECT DISTINCT name FROM s"),
    VACUUM("VACUUM", "VACUUM");

    final String title;
    final String sql;

    Sort(String title, String sql) {
      this.title = title;
      this.sql = sql;
    }

    boolean hasRows() {
      return this != INDEX && this != VACUUM;
    }
  }

  /** Names of 20 characters, all different: 99999999977 is a prime number. */
  private static final String FILL =
      "CREATE TABLE s AS SELECT id, 'customer' || (100000000000 + id * 2654435761 % 99999999977) AS name, value FROM t";

  private static final int MOST_ROUNDS = 3;

  private SortWorks() {}

  static void run(Settings settings, Report report) throws Exception {
    if (!settings.runs("sorting")) {
      return;
    }
    int rounds = Math.min(MOST_ROUNDS, settings.rounds);
    int warmUps = Math.min(1, settings.warmUps);
    List<Peer> limits = List.of(Limit.stockMemory(), Limit.stockMemdb(), Jdbc.sqlite(), Jdbc.memdb());
    List<Peer> peers = new ArrayList<>(List.of(new Ours(), Jdbc.onOurs()));
    peers.addAll(limits);
    if (Sqlite4java.missing() == null) {
      peers.add(new Sqlite4java());
    }
    Peer h2 = Jdbc.h2();
    peers.addAll(List.of(h2, Limit.memory(), Limit.ours()));
    Map<Sort, Map<Peer, List<Figure>>> figures = new LinkedHashMap<>();
    try {
      for (Peer peer : peers) {
        peer.create();
        peer.insert(0, settings.rows);
        peer.execute(FILL);
        peer.execute("DROP TABLE t");
      }
      for (Sort sort : Sort.values()) {
        Map<Peer, List<Figure>> found = new LinkedHashMap<>();
        peers.forEach(peer -> found.put(peer, new ArrayList<>()));
        if (sort == Sort.VACUUM) {
          found.remove(h2); // has none
        }
        List<Peer> turns = new ArrayList<>(found.keySet());
        for (int round = -warmUps; round < rounds; round++) {
          for (int i = 0; i < turns.size(); i++) {
            Peer peer = turns.get(Math.floorMod(i + round, turns.size()));
            Figure figure = peer.measure(sort.sql);
            if (sort.hasRows() && figure.sum() != settings.rows) {
              throw new IllegalStateException(peer + ": " + sort.sql + " had " + figure.sum() + " rows");
            }
            if (sort == Sort.INDEX) {
              peer.execute("DROP INDEX s_name");
            }
            if (round >= 0) {
              found.get(peer).add(figure);
            }
          }
        }
        figures.put(sort, found);
      }
    } finally {
      for (Peer peer : peers) {
        peer.close();
      }
    }
    report(settings, report, rounds, limits, figures);
  }

  private static void report(Settings settings, Report report, int rounds, List<Peer> limits, Map<Sort, Map<Peer, List<Figure>>> figures) {
    report.section("Sorting");
    report.text(
        String.format(
            "Table `s(id, name TEXT, value REAL)` of %,d rows with different names of 20 characters in no order; the index is on `name`, which the queries sort, group or"
                + " make distinct. CPU seconds of the calling thread; medians of %d rounds, and lowest to highest. The aim is beside the fastest of these: %s.",
            settings.rows, rounds, String.join("; ", limits.stream().map(Peer::toString).toList())));
    for (Map.Entry<Sort, Map<Peer, List<Figure>>> entry : figures.entrySet()) {
      Sort sort = entry.getKey();
      Map<Peer, List<Figure>> found = entry.getValue();
      Peer ours = found.keySet().iterator().next();
      Peer best = limits.get(0);
      for (Peer limit : limits) {
        best = median(found.get(limit)) < median(found.get(best)) ? limit : best;
      }
      List<String> rows = new ArrayList<>();
      for (Map.Entry<Peer, List<Figure>> peer : found.entrySet()) {
        String name = peer.getKey() == ours ? "**" + ours + "**" : peer.getKey().toString();
        rows.add(
            name
                + " | "
                + Spread.of(peer.getValue().stream().mapToDouble(f -> f.cpuNanos() / 1e9).toArray())
                + " | "
                + Spread.of(peer.getValue().stream().mapToDouble(f -> f.wallNanos() / 1e9).toArray()).middle()
                + " | "
                + ratio(peer.getValue(), found.get(best)).middle());
      }
      report.table(sort.title + " | CPU, s | on the wall | times the fastest of those", rows);
      Spread ratio = ratio(found.get(ours), found.get(best));
      report.target(
          String.format("%s, %,d rows", sort.title, settings.rows),
          "at most 1.05 x the fastest",
          ratio.middle() + " x " + best,
          ratio.range(),
          ratio.median() <= 1.05);
    }
  }

  private static double median(List<Figure> figures) {
    return Spread.of(figures.stream().mapToDouble(Figure::cpuNanos).toArray()).median();
  }

  private static Spread ratio(List<Figure> some, List<Figure> others) {
    double[] ratios = new double[some.size()];
    for (int i = 0; i < ratios.length; i++) {
      ratios[i] = (double) some.get(i).cpuNanos() / others.get(i).cpuNanos();
    }
    return Spread.of(ratios);
  }
}
