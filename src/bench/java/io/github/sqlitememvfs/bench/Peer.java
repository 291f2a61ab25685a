package io.github.sqlitememvfs.bench;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/**
 * One way to keep table t in memory. Each subclass holds all that its database needs to do the works, written as its own documentation has it for
 * speed: statements are prepared once, columns are read by index.
 */
abstract class Peer implements AutoCloseable {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  final String name;
  /** Of the table, if a work filled it; -1 otherwise. */
  private long rows = -1;

  Peer(String name) {
    this.name = name;
  }

  /** A new database with an empty table; the one before is gone. */
  abstract void create() throws Exception;

  /** Rows of these ids, in batches, in one transaction. */
  abstract void insert(long from, long to) throws Exception;

  abstract void insertAutocommit(long from, long to) throws Exception;

  abstract long scan4() throws Exception;

  abstract long scan2() throws Exception;

  abstract long lookup(long rows, long count) throws Exception;

  /** {@link Rows#CONTENT}. */
  abstract long content() throws Exception;

  /** Runs any statement to its end, and returns how many rows it had. */
  abstract long execute(String sql) throws Exception;

  /** The same; the sum of the figure is how many rows it had. */
  Figure measure(String sql) throws Exception {
    long wall = System.nanoTime();
    long cpu = THREADS.getCurrentThreadCpuTime();
    long rows = execute(sql);
    cpu = THREADS.getCurrentThreadCpuTime() - cpu;
    return new Figure(cpu, System.nanoTime() - wall, rows);
  }

  boolean does(Work work) {
    return true;
  }

  /** One round. What it needs is made before the clock is read; what it left or read is checked after that. */
  final Figure run(Work work, long rows, long count) throws Exception {
    if (work.writes()) {
      create();
      this.rows = -1;
    } else if (this.rows != rows) {
      create();
      insert(0, rows);
      this.rows = rows;
    }
    Figure figure = measure(work, rows, count);
    if (work.writes()) {
      long expected = work == Work.INSERT ? rows : count;
      check(work, content(), Rows.content(expected));
      this.rows = expected;
    } else {
      check(work, figure.sum(), Rows.expected(work, rows, count));
    }
    return figure;
  }

  private void check(Work work, long sum, long expected) {
    if (sum != expected) {
      throw new IllegalStateException(name + " did not do the work '" + work.title + "': its sum is " + sum + " instead of " + expected);
    }
  }

  Figure measure(Work work, long rows, long count) throws Exception {
    long wall = System.nanoTime();
    long cpu = THREADS.getCurrentThreadCpuTime();
    long sum = 0;
    switch (work) {
      case INSERT:
        insert(0, rows);
        break;
      case AUTOCOMMIT:
        insertAutocommit(0, count);
        break;
      case SCAN4:
        sum = scan4();
        break;
      case SCAN2:
        sum = scan2();
        break;
      case LOOKUP:
        sum = lookup(rows, count);
        break;
    }
    cpu = THREADS.getCurrentThreadCpuTime() - cpu;
    return new Figure(cpu, System.nanoTime() - wall, sum);
  }

  @Override
  public abstract void close() throws Exception;

  @Override
  public String toString() {
    return name;
  }
}
