package io.github.sqlitememvfs.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.util.MinimalPrettyPrinter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * One JSON object per row and line. Integers keep all their digits. An infinite number is 9e999, which parsers read as infinite, as
 * sqlite3 prints it. A blob is {"$base64": true, "encoded": "…"}, as sqlite-utils writes and reads it.
 */
final class JsonLines implements RowWriter {
  private final JsonGenerator json;
  private String[] names;

  JsonLines(Writer out) {
    try {
      json = JsonFactory.builder()
          .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
          .disable(StreamWriteFeature.AUTO_CLOSE_TARGET)
          .build()
          .createGenerator(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    json.setPrettyPrinter(new MinimalPrettyPrinter(""));
  }

  @Override
  public void begin(List<String> columns) {
    names = unique(columns);
  }

  /** An object has one value for a name: a second column "a" is "a:1", as SQLite itself renames it in a subquery. */
  static String[] unique(List<String> columns) {
    Set<String> seen = new LinkedHashSet<>();
    for (String column : columns) {
      String name = column;
      for (int i = 1; !seen.add(name); i++) {
        name = column + ":" + i;
      }
    }
    return seen.toArray(new String[0]);
  }

  @Override
  public void row(Object[] values) throws IOException {
    json.writeStartObject();
    for (int i = 0; i < values.length; i++) {
      json.writeFieldName(names[i]);
      write(values[i]);
    }
    json.writeEndObject();
    json.writeRaw('\n');
  }

  private void write(Object value) throws IOException {
    if (value == null) {
      json.writeNull();
    } else if (value instanceof Long) {
      json.writeNumber((long) value);
    } else if (value instanceof Double && Double.isInfinite((double) value)) {
      json.writeNumber((double) value > 0 ? "9e999" : "-9e999");
    } else if (value instanceof Double) {
      json.writeNumber((double) value);
    } else if (value instanceof byte[]) {
      json.writeStartObject();
      json.writeBooleanField("$base64", true);
      json.writeBinaryField("encoded", (byte[]) value);
      json.writeEndObject();
    } else {
      json.writeString((String) value);
    }
  }

  @Override
  public void end() throws IOException {
    json.flush();
  }
}
