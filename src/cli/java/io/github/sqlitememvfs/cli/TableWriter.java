package io.github.sqlitememvfs.cli;

import java.io.IOException;
import java.io.Writer;
import java.util.ArrayList;
import java.util.List;
import org.jline.utils.WCWidth;

/**
 * Aligned columns for a person. The first rows decide how wide the columns are, so that a result of any length is printed as it comes;
 * what is wider sticks out, nothing is cut. Characters that would move the cursor or turn the text around are shown, not obeyed.
 */
final class TableWriter implements RowWriter {
  /** So many rows, or so many characters, are held back to measure them. */
  private static final int WINDOW_ROWS = 1000;
  private static final int WINDOW_CHARS = 1 << 20;
  /** One long text must not push the next column out of sight for all rows. */
  private static final int MAX_WIDTH = 80;

  private final Writer out;
  private final boolean header;
  private boolean first = true;
  private String[] names;
  private List<String[]> window; // null once it is printed
  private int windowChars;
  private int[] widths;
  private boolean[] numbers; // the column has numbers
  private boolean[] others; // it has text or blobs

  TableWriter(Writer out, boolean header) {
    this.out = out;
    this.header = header;
  }

  @Override
  public void begin(List<String> columns) throws IOException {
    if (!first) {
      out.write('\n');
    }
    first = false;
    names = columns.stream().map(TableWriter::visible).toArray(String[]::new);
    window = new ArrayList<>();
    windowChars = 0;
    numbers = new boolean[names.length];
    others = new boolean[names.length];
  }

  @Override
  public void row(Object[] values) throws IOException {
    String[] cells = new String[values.length];
    for (int i = 0; i < cells.length; i++) {
      cells[i] = values[i] == null ? "NULL" : visible(Values.text(values[i]));
      windowChars += cells[i].length();
      if (window != null) {
        numbers[i] |= values[i] instanceof Number;
        others[i] |= values[i] != null && !(values[i] instanceof Number);
      }
    }
    if (window == null) {
      print(cells);
      return;
    }
    window.add(cells);
    if (window.size() >= WINDOW_ROWS || windowChars >= WINDOW_CHARS) {
      printWindow();
    }
  }

  @Override
  public void end() throws IOException {
    if (window != null) {
      printWindow();
    }
    out.flush();
  }

  private void printWindow() throws IOException {
    widths = new int[names.length];
    for (int i = 0; i < names.length; i++) {
      int widest = header ? width(names[i]) : 0;
      for (String[] row : window) {
        widest = Math.max(widest, width(row[i]));
      }
      widths[i] = Math.min(widest, MAX_WIDTH);
    }
    if (header) {
      print(names);
      for (int i = 0; i < names.length; i++) {
        out.write(i == 0 ? "-" : "+-");
        out.write("-".repeat(widths[i] + 1));
      }
      out.write('\n');
    }
    for (String[] row : window) {
      print(row);
    }
    window = null;
  }

  private void print(String[] cells) throws IOException {
    for (int i = 0; i < cells.length; i++) {
      String space = " ".repeat(Math.max(0, widths[i] - width(cells[i])));
      boolean last = i == cells.length - 1;
      out.write(i == 0 ? " " : "| ");
      if (numbers[i] && !others[i]) {
        out.write(space + cells[i] + (last ? "" : " "));
      } else {
        out.write(cells[i] + (last ? "" : space + " "));
      }
    }
    out.write('\n');
  }

  /** Columns of a terminal that the text takes: 2 for a wide character, 0 for a combining one, 2 for a joined emoji. */
  static int width(String text) {
    int width = 0;
    for (int i = 0; i < text.length(); ) {
      char c = text.charAt(i);
      if (c < 127 && (i + 1 == text.length() || text.charAt(i + 1) < 127)) {
        width++;
        i++;
      } else {
        width += Math.max(0, WCWidth.wcwidthForGraphemeCluster(text, i));
        i += Math.max(1, WCWidth.charCountForGraphemeCluster(text, i));
      }
    }
    return width;
  }

  /** Control characters as Unicode's pictures of them, those without a picture and bidirectional ones as \\u escapes. */
  static String visible(String text) {
    StringBuilder shown = null;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean hidden = c < ' ' || c >= 0x7F && c <= 0x9F
          || c == 0x200E || c == 0x200F || c >= 0x2028 && c <= 0x202E || c >= 0x2066 && c <= 0x2069;
      if (hidden && shown == null) {
        shown = new StringBuilder(text.length() + 16).append(text, 0, i);
      }
      if (shown != null) {
        if (!hidden) {
          shown.append(c);
        } else if (c < ' ' || c == 0x7F) {
          shown.append((char) (c == 0x7F ? 0x2421 : 0x2400 + c));
        } else {
          shown.append(String.format("\\u%04X", (int) c));
        }
      }
    }
    return shown == null ? text : shown.toString();
  }
}
