package io.github.sqlitememvfs.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs the JMH benchmarks. */
final class Small {
  private Small() {}

  static void run(Settings settings, Report report) throws Exception {
    if (!settings.runs("small")) {
      return;
    }
    TimeValue time = TimeValue.milliseconds(settings.quick ? 30 : 400);
    Map<String, String[]> table = new LinkedHashMap<>();
    for (RunResult found :
        new Runner(
                new OptionsBuilder()
                    .include("\\.SmallThings(OfSqliteJdbc)?\\.")
                    .forks(settings.quick ? 0 : 1)
                    .warmupIterations(settings.quick ? 1 : 3)
                    .warmupTime(time)
                    .measurementIterations(settings.quick ? 1 : 5)
                    .measurementTime(time)
                    .shouldFailOnError(true)
                    .verbosity(VerboseMode.SILENT)
                    .build())
            .run()) {
      String[] name = found.getParams().getBenchmark().split("\\.");
      Result<?> result = found.getPrimaryResult();
      Spread spread = new Spread(result.getScore(), result.getStatistics().getMin(), result.getStatistics().getMax());
      String database = found.getParams().getParam("database");
      int column = database == null ? 0 : database.equals(Ours.NAME) ? 1 : 2;
      table.computeIfAbsent(name[name.length - 1], n -> new String[] {"", "-", "-"})[column] = spread.toString();
    }
    report.section("Small things");
    report.text(
        "By JMH: nanoseconds on the wall for a call or two, mean and range of the iterations. A lookup is bind, step, four columns and reset; inserts are transactions of one"
            + " row.");
    List<String> rows = new ArrayList<>();
    table.forEach((name, values) -> rows.add(words(name) + " | " + values[0] + " | " + values[1] + " | " + values[2]));
    report.table("ns | " + Ours.NAME + " | " + Jdbc.ON_OURS + " | sqlite-jdbc, a named memdb", rows);
  }

  /** snapshotAndClose: snapshot and close; names of methods stay. */
  private static String words(String name) {
    if (name.startsWith("bind") || name.startsWith("get")) {
      return "`" + name + "`";
    }
    return name.replaceAll("([A-Z])", " $1").toLowerCase(java.util.Locale.ROOT);
  }
}
