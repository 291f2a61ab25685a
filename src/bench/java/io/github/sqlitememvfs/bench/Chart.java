package io.github.sqlitememvfs.bench;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Pictures as SVG, for pages with a light or a dark ground. What is ours has a colour of its own; everything is also said in figures. */
final class Chart {
  /** pale: a second value that is drawn behind the bar, or 0. */
  record Bar(String name, double value, double pale, String text, boolean ours) {
    Bar(String name, double value, String text, boolean ours) {
      this(name, value, 0, text, ours);
    }
  }

  record Group(String title, List<Bar> bars) {}

  record Line(String name, double[] values, boolean ours) {}

  private static final int WIDTH = 900;
  private static final int LEFT = 244;
  private static final int RIGHT = 216;
  private static final int BAR = 20;
  private static final int LABEL = 18; // height of a line of text
  private static final double CHARACTER = 8; // its width, at most

  private final StringBuilder svg = new StringBuilder();

  private Chart(String title, String explanation, int height) {
    line("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"%s\">",
        WIDTH, height, WIDTH, height, escape(title));
    svg.append(
        """
        <style>
        text { font: 14px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
        text { stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; paint-order: stroke }
        .title { font-size: 18px; font-weight: 600 }
        .group { font-weight: 600 }
        .quiet { fill: #59636e; font-size: 13px }
        .name { text-anchor: end }
        .ours { fill: #0969da } .other { fill: #8c959f } .pale { opacity: .3 }
        text.ours { font-weight: 600 }
        path.ours { fill: none; stroke: #0969da; stroke-width: 3 } path.other { fill: none; stroke: #8c959f; stroke-width: 2 }
        .rule { stroke: #1f2328; stroke-width: 1; stroke-dasharray: 3 3 } .grid { stroke: #8c959f; stroke-width: 1; opacity: .3 }
        .cut, .ground { fill: #ffffff }
        @media (prefers-color-scheme: dark) {
          text { fill: #e6edf3; stroke: #0d1117 } .quiet { fill: #9198a1 } .ours { fill: #4493f8 } .other { fill: #7d8590 }
          path.ours { stroke: #4493f8 } path.other { stroke: #7d8590 } .rule { stroke: #e6edf3 } .cut, .ground { fill: #0d1117 }
        }
        </style>
        """);
    line("<rect class=\"ground\" width=\"%d\" height=\"%d\" rx=\"8\"/>", WIDTH, height); // readable on any page
    line("<text class=\"title\" x=\"16\" y=\"30\">%s</text>", escape(title));
    int y = 52;
    for (String part : explanation.split("\n")) {
      line("<text class=\"quiet\" x=\"16\" y=\"%d\">%s</text>", y, escape(part));
      y += 18;
    }
  }

  /**
   * Horizontal bars in groups, all on one scale up to cap if shared, where a bar that is longer is cut; else each group on its own scale.
   * rule: where a dashed line stands with its name, or 0.
   */
  static String bars(String title, String explanation, List<Group> groups, double cap, double rule, String ruleName) {
    int top = 52 + 18 * explanation.split("\n").length + (rule > 0 ? 18 : 0);
    int height = top;
    for (Group group : groups) {
      height += 30 + BAR * group.bars.size() + 12;
    }
    Chart chart = new Chart(title, explanation, height + 4);
    int y = top;
    int room = WIDTH - LEFT - RIGHT;
    for (Group group : groups) {
      double full = cap;
      if (full == 0) {
        for (Bar bar : group.bars) {
          full = Math.max(full, Math.max(bar.value, bar.pale));
        }
      }
      chart.line("<text class=\"group\" x=\"16\" y=\"%d\">%s</text>", y + 18, escape(group.title));
      y += 28;
      if (rule > 0) { // below the labels
        double x = LEFT + room * rule / full;
        chart.line("<line class=\"rule\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x, x, y - 4, y + BAR * group.bars.size());
      }
      for (Bar bar : group.bars) {
        chart.bar(bar, y, full, room);
        y += BAR;
      }
      y += 14;
    }
    if (rule > 0) {
      chart.line("<text class=\"quiet\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>", LEFT + room * rule / cap, top - 2, escape(ruleName));
    }
    return chart.end();
  }

  private void bar(Bar bar, int y, double full, int room) {
    String kind = bar.ours ? "ours" : "other";
    double width = Math.max(1.5, room * Math.min(bar.value, full) / full);
    double end = LEFT + width;
    line("<text class=\"name%s\" x=\"%d\" y=\"%d\">%s</text>", bar.ours ? " ours" : "", LEFT - 10, y + 14, escape(bar.name));
    if (bar.pale > 0) {
      double pale = Math.max(1.5, room * Math.min(bar.pale, full) / full);
      line("<rect class=\"%s pale\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", kind, LEFT, y + 2, pale, BAR - 5);
      end = Math.max(end, LEFT + pale);
    }
    line("<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", kind, LEFT, y + 2, width, BAR - 5);
    if (bar.value > full) {
      double x = LEFT + width - 18;
      line("<path class=\"cut\" d=\"M%.1f %d l6 0 l-6 %d l-6 0 z\"/>", x, y, BAR, BAR);
    }
    line("<text%s x=\"%.1f\" y=\"%d\">%s</text>", bar.ours ? " class=\"ours\"" : "", end + 8, y + 14, escape(bar.text));
  }

  /** Lines over steps of the same width; xOf names the end of the axis. */
  static String lines(String title, String explanation, List<Line> lines, double xEnd, String xUnit, String yUnit) {
    int top = 52 + 18 * explanation.split("\n").length + 16;
    int height = 260;
    Chart chart = new Chart(title, explanation, top + height + 48);
    int left = 64;
    int room = WIDTH - left - 230;
    double highest = 0;
    int steps = 0;
    for (Line line : lines) {
      for (double value : line.values) {
        highest = Math.max(highest, value);
      }
      steps = Math.max(steps, line.values.length);
    }
    double tick = tick(highest);
    double full = Math.ceil(highest / tick) * tick;
    for (double value = 0; value <= full + tick / 2; value += tick) {
      double y = top + height * (1 - value / full);
      chart.line("<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", left, left + room, y, y);
      chart.line("<text class=\"quiet\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\">%s</text>", left - 8, y + 4, plain(value));
    }
    chart.line("<text class=\"quiet\" x=\"16\" y=\"%d\">%s</text>", top - 8, escape(yUnit));
    double xTick = tick(xEnd);
    for (double x = 0; x <= xEnd + xTick / 100; x += xTick) {
      chart.line("<text class=\"quiet\" text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">%s</text>", left + room * x / xEnd, top + height + 20, plain(x));
    }
    chart.line("<text class=\"quiet\" x=\"%d\" y=\"%d\">%s</text>", left + room + 20, top + height + 20, escape(xUnit));
    List<double[]> labels = new ArrayList<>();
    StringBuilder names = new StringBuilder(); // above all lines
    for (Line line : lines) {
      StringBuilder path = new StringBuilder();
      double x = left;
      double y = top;
      for (int i = 0; i < line.values.length; i++) {
        x = left + room * (i + 1.0) / steps;
        y = top + height * (1 - line.values[i] / full);
        path.append(String.format(Locale.ROOT, "%s%.1f %.1f", i == 0 ? "M" : " L", x, y));
      }
      chart.line("<path class=\"%s\" d=\"%s\"/>", line.ours ? "ours" : "other", path);
      double[] label = free(labels, x + 8, y + 5, line.name.length() * CHARACTER);
      names.append(String.format(Locale.ROOT, "<text%s x=\"%.1f\" y=\"%.1f\">%s</text>%n", line.ours ? " class=\"ours\"" : "", label[0], label[1],
          escape(line.name)));
    }
    chart.svg.append(names);
    return chart.end();
  }

  /** The place for a label that is nearest to the one wanted and where none of the others is, which it then joins: x, y of its base line, width. */
  private static double[] free(List<double[]> labels, double x, double y, double width) {
    for (int step = 0; ; step++) {
      double[] label = {x, y + (step % 2 == 0 ? -1 : 1) * (step + 1) / 2 * 2, width}; // 0, 2, -2, 4, ...
      if (labels.stream().noneMatch(other -> overlap(other, label))) {
        labels.add(label);
        return label;
      }
    }
  }

  private static boolean overlap(double[] a, double[] b) {
    return a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && Math.abs(a[1] - b[1]) < LABEL;
  }

  /** A round step of which five or so make the whole. */
  private static double tick(double whole) {
    double power = Math.pow(10, Math.floor(Math.log10(whole / 4)));
    for (double factor : new double[] {1, 2, 5, 10}) {
      if (whole / (power * factor) <= 5.5) {
        return power * factor;
      }
    }
    return power * 10;
  }

  private static String plain(double tick) {
    return new BigDecimal(tick).round(new MathContext(6)).stripTrailingZeros().toPlainString();
  }

  private String end() {
    svg.append("</svg>\n");
    return svg.toString();
  }

  private void line(String format, Object... args) {
    svg.append(String.format(Locale.ROOT, format, args)).append('\n');
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
  }

  /** The bars of what is not missing. */
  static List<Bar> list() {
    return new ArrayList<>();
  }
}
