package io.github.sqlitememvfs.cli;

import java.io.Writer;

/** How rows are printed. */
enum Format {
  TABLE {
    @Override
    RowWriter to(Writer out, boolean header) {
      return new TableWriter(out, header);
    }
  },
  CSV {
    @Override
    RowWriter to(Writer out, boolean header) {
      return new CsvRows(out, header);
    }
  },
  JSON {
    @Override
    RowWriter to(Writer out, boolean header) {
      return new JsonLines(out);
    }
  };

  abstract RowWriter to(Writer out, boolean header);
}
