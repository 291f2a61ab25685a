package io.github.sqlitememvfs.bench;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The middle of the rounds, and the lowest and the highest. */
record Spread(double median, double min, double max) {
  static Spread of(List<Double> values) {
    return of(values.stream().mapToDouble(Double::doubleValue).toArray());
  }

  static Spread of(double... values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    double median = n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    return new Spread(median, sorted[0], sorted[n - 1]);
  }

  Spread times(double factor) {
    return new Spread(median * factor, min * factor, max * factor);
  }

  /** Three digits or so, as one would write it. */
  static String number(double value) {
    double size = Math.abs(value);
    String format = size >= 100 ? "%,.0f" : size >= 10 ? "%.1f" : size >= 0.095 || value == 0 ? "%.2f" : "%.3f";
    return String.format(Locale.ROOT, format, value);
  }

  String middle() {
    return number(median);
  }

  String range() {
    return number(min) + " to " + number(max);
  }

  @Override
  public String toString() {
    return middle() + " (" + range() + ")";
  }
}
