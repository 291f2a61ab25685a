package io.github.sqlitememvfs.cli;

import de.siegmar.fastcsv.writer.CsvWriter;
import de.siegmar.fastcsv.writer.LineDelimiter;
import de.siegmar.fastcsv.writer.QuoteStrategies;
import java.io.IOException;
import java.io.Writer;
import java.util.Arrays;
import java.util.List;

/** RFC 4180 with LF at the end of lines. NULL is nothing, the empty text is "". */
final class CsvRows implements RowWriter {
  private final CsvWriter csv;
  private final boolean header;

  CsvRows(Writer out, boolean header) {
    this.csv = CsvWriter.builder()
        .lineDelimiter(LineDelimiter.LF)
        .quoteStrategy(QuoteStrategies.EMPTY)
        .build(out);
    this.header = header;
  }

  @Override
  public void begin(List<String> columns) {
    if (header) {
      csv.writeRecord(columns);
    }
  }

  @Override
  public void row(Object[] values) {
    csv.writeRecord(Arrays.stream(values).map(Values::text).toArray(String[]::new));
  }

  @Override
  public void end() throws IOException {
    csv.flush();
  }
}
