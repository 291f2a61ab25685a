package io.github.sqlitememvfs;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/**
 * {@link Thread#interrupt} against what its thread does on a connection that is {@linkplain OpenOptions#interruptible
 * interruptible}.
 */
public class InterruptRaces {

  private InterruptRaces() {
  }

  /** One thread works, the other interrupts it. The outcome also says whether the first row was changed. */
  private abstract static class Interrupting extends Racing.OnVfs {
    final SqliteConnection c = vfs.open("d", OpenOptions.defaults().interruptible(true).busyTimeout(1_000_000));
    private volatile Thread worker;
    private volatile boolean sent;

    final void interruptWorker() {
      while (worker == null) {
        Thread.onSpinWait();
      }
      worker.interrupt();
      sent = true;
    }

    final void work(Use part) {
      worker = Thread.currentThread();
      uses(() -> {
        String result = result(part);
        while (!sent) {
          Thread.onSpinWait();
        }
        return result + (Thread.interrupted() ? ", kept" : ", lost"); // the thread goes on to other tests
      });
    }

    @Override
    String left() {
      c.close();
      String row;
      try (SqliteConnection other = vfs.open("d"); SqliteStatement s = other.query("SELECT y FROM t WHERE x = 1")) {
        s.step();
        row = s.getText(0).equals("0") ? ", changed" : ", as before";
      }
      return row + super.left();
    }
  }

  /** A short write. It is done or it is not. */
  @JCStressTest
  @State
  @Outcome(id = "1, kept, changed", expect = ACCEPTABLE, desc = "executed")
  @Outcome(id = "interrupted, kept, as before", expect = ACCEPTABLE, desc = "interrupted")
  public static class InterruptAgainstExecute extends Interrupting {
    @Actor public void interrupt() { ends(this::interruptWorker); }
    @Actor public void work() { work(() -> c.execute("UPDATE t SET y = 0 WHERE x = ?", 1)); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A write that never ends, whenever the interrupt comes. */
  @JCStressTest
  @State
  @Outcome(id = "interrupted, kept, as before", expect = ACCEPTABLE, desc = "interrupted")
  public static class InterruptAgainstEndless extends Interrupting {
    @Actor public void interrupt() { ends(this::interruptWorker); }
    @Actor public void work() {
      work(() -> c.execute("UPDATE t SET y = (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
          + " SELECT i FROM n WHERE i < 0)"));
    }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A writer that gets the write lock at the same time. */
  @JCStressTest
  @State
  @Outcome(id = "1, kept, changed", expect = ACCEPTABLE, desc = "executed when it got the write lock")
  @Outcome(id = "interrupted, kept, as before", expect = ACCEPTABLE, desc = "interrupted")
  public static class InterruptAgainstWait extends Interrupting {
    private final SqliteConnection writer = vfs.open("d");

    public InterruptAgainstWait() {
      writer.execute("BEGIN IMMEDIATE; UPDATE t SET y = 2 WHERE x = 2");
    }

    @Override
    String left() {
      c.close();
      writer.execute("DELETE FROM t WHERE x = 3"); // nobody holds the write lock
      writer.close();
      return super.left();
    }

    @Actor public void interrupt() {
      ends(() -> {
        interruptWorker();
        writer.execute("COMMIT");
      });
    }
    @Actor public void work() { work(() -> c.execute("UPDATE t SET y = 0 WHERE x = 1")); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A connection that is closed at the same time. */
  @JCStressTest
  @State
  @Outcome(id = "1, kept, changed", expect = ACCEPTABLE, desc = "executed")
  @Outcome(id = "interrupted, kept, as before", expect = ACCEPTABLE, desc = "interrupted")
  @Outcome(id = "closed, kept, as before", expect = ACCEPTABLE, desc = "closed before")
  public static class InterruptAgainstClose extends Interrupting {
    @Actor public void interrupt() {
      ends(() -> {
        interruptWorker();
        c.close();
      });
    }
    @Actor public void work() { work(() -> c.execute("UPDATE t SET y = 0 WHERE x = ?", 1)); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A transaction. */
  @JCStressTest
  @State
  @Outcome(id = "2, kept, changed", expect = ACCEPTABLE, desc = "committed")
  @Outcome(id = "interrupted, kept, as before", expect = ACCEPTABLE, desc = "rolled back")
  public static class InterruptAgainstTransaction extends Interrupting {
    @Actor public void interrupt() { ends(this::interruptWorker); }
    @Actor public void work() {
      work(() -> c.transactionWithResult(
          x -> x.execute("UPDATE t SET y = 0 WHERE x = 1") + x.execute("DELETE FROM t WHERE x = 2")));
    }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }
}
