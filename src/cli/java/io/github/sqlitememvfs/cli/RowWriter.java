package io.github.sqlitememvfs.cli;

import java.io.IOException;
import java.util.List;

/** Prints results, one after the other: begin, rows, end. A value is a Long, a Double, a String, a byte[] or null. */
interface RowWriter {
  void begin(List<String> columns) throws IOException;

  void row(Object[] values) throws IOException;

  /** Ends one result; what was printed reaches the stream. */
  void end() throws IOException;
}
