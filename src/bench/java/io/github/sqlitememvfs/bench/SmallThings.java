package io.github.sqlitememvfs.bench;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteStatement;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Single calls of this library, for JMH. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class SmallThings {
  private static final int ROWS = 10_000;

  private MemoryVfs vfs;
  private SqliteConnection connection;
  private SqliteStatement lookup;
  private SqliteStatement row;
  private SqliteStatement insert;
  private SqliteConnection other;
  private long next;

  /** A database with rows, and statements on it. */
  @Setup
  public void open() {
    vfs = MemoryVfs.create();
    connection = vfs.open("bench");
    connection.execute(Rows.CREATE);
    Ours.insert(connection, 0, ROWS);
    lookup = connection.prepare(Rows.LOOKUP);
    row = vfs.open("bench").query(Rows.LOOKUP, 7);
    row.step();
    other = vfs.open("other");
    other.execute(Rows.CREATE);
    insert = other.prepare("INSERT INTO t(value) VALUES (?)");
  }

  @TearDown
  public void close() {
    vfs.close();
  }

  @Benchmark
  public void bindLong() {
    lookup.bindLong(1, next++);
  }

  @Benchmark
  public void bindText() {
    lookup.bindText(1, Rows.name(next++));
  }

  @Benchmark
  public long getLong() {
    return row.getLong(0);
  }

  @Benchmark
  public String getText() {
    return row.getText(1);
  }

  @Benchmark
  public long lookup() {
    lookup.bindLong(1, next++ % ROWS);
    lookup.step();
    long sum = Rows.sum(lookup.getLong(0), lookup.getText(1), lookup.getDouble(2), lookup.getBlob(3));
    lookup.reset();
    return sum;
  }

  @Benchmark
  public void insertInTransactionOfItsOwn() {
    insert.bindDouble(1, next++);
    insert.step();
    insert.reset();
  }

  @Benchmark
  public void prepareAndClose() {
    connection.prepare(Rows.LOOKUP).close();
  }

  @Benchmark
  public void openAndCloseConnection() {
    vfs.open("bench").close();
  }

  @Benchmark
  public void snapshotAndClose() {
    vfs.snapshot("bench").close();
  }

  @Benchmark
  public void forkAndDelete() {
    vfs.fork("bench", "fork");
    vfs.delete("fork");
  }
}
