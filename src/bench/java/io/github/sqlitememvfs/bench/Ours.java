package io.github.sqlitememvfs.bench;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteStatement;

/** This library. */
final class Ours extends Peer {
  static final String NAME = "sqlite-memory-vfs";

  private MemoryVfs vfs;
  private SqliteConnection connection;

  Ours() {
    super(NAME);
  }

  @Override
  void create() {
    close();
    vfs = MemoryVfs.create();
    connection = vfs.open("bench");
    connection.execute(Rows.CREATE);
  }

  @Override
  void insert(long from, long to) {
    insert(connection, from, to);
  }

  static void insert(SqliteConnection connection, long from, long to) {
    connection.transaction(
        c -> {
          try (SqliteStatement insert = c.prepare(Rows.INSERT)) {
            int waiting = 0;
            for (long id = from; id < to; id++) {
              bind(insert, id);
              insert.addBatch();
              if (++waiting == Rows.BATCH) {
                insert.executeBatch();
                waiting = 0;
              }
            }
            insert.executeBatch();
          }
        });
  }

  @Override
  void insertAutocommit(long from, long to) {
    try (SqliteStatement insert = connection.prepare(Rows.INSERT)) {
      for (long id = from; id < to; id++) {
        bind(insert, id);
        insert.step();
        insert.reset();
      }
    }
  }

  private static void bind(SqliteStatement insert, long id) {
    insert.bindLong(1, id);
    insert.bindText(2, Rows.name(id));
    insert.bindDouble(3, Rows.value(id));
    insert.bindBlob(4, Rows.payload(id));
  }

  @Override
  long scan4() {
    try (SqliteStatement scan = connection.prepare(Rows.SCAN4)) {
      long sum = 0;
      while (scan.step()) {
        sum += Rows.sum(scan.getLong(0), scan.getText(1), scan.getDouble(2), scan.getBlob(3));
      }
      return sum;
    }
  }

  @Override
  long scan2() {
    return scan2(connection);
  }

  static long scan2(SqliteConnection connection) {
    try (SqliteStatement scan = connection.prepare(Rows.SCAN2)) {
      long sum = 0;
      while (scan.step()) {
        sum += Rows.sum(scan.getLong(0), scan.getDouble(1));
      }
      return sum;
    }
  }

  @Override
  long lookup(long rows, long count) {
    return lookup(connection, rows, count);
  }

  static long lookup(SqliteConnection connection, long rows, long count) {
    try (SqliteStatement lookup = connection.prepare(Rows.LOOKUP)) {
      long sum = 0;
      for (long i = 0; i < count; i++) {
        lookup.bindLong(1, Rows.key(i, rows));
        lookup.step();
        sum += Rows.sum(lookup.getLong(0), lookup.getText(1), lookup.getDouble(2), lookup.getBlob(3));
        lookup.reset();
      }
      return sum;
    }
  }

  @Override
  long execute(String sql) {
    try (SqliteStatement statement = connection.prepare(sql)) {
      long rows = 0;
      while (statement.step()) {
        rows++;
      }
      return rows;
    }
  }

  @Override
  long content() {
    try (SqliteStatement content = connection.query(Rows.CONTENT)) {
      content.step();
      return content.getLong(0);
    }
  }

  @Override
  public void close() {
    if (vfs != null) {
      vfs.close();
      vfs = null;
    }
  }
}
