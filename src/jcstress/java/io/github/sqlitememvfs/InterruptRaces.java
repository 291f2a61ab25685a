package io.github.sqlitememvfs;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/**
 * {@link Thread#interrupt} against what its thread does on a connection that is {@linkplain OpenOptions#interruptible
 * interruptible}.
 */
public class InterruptRaces {

  private InterruptRaces() {
  }

  /** The second actor works, the first interrupts it. */
  private abstract static class Interrupting extends Racing {
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

    final void work(LLL_Result r, Use use) {
      worker = Thread.currentThread();
      r.r1 = outcome(use);
      while (!sent) {
        Thread.onSpinWait();
      }
      r.r2 = Thread.interrupted() ? "kept" : "lost"; // and the thread goes on to other tests
    }

    /** Whether the first row was changed, and what is left. */
    final String left() {
      String changed;
      try (SqliteConnection other = vfs.open("d"); SqliteStatement s = other.query("SELECT y FROM t WHERE x = 1")) {
        s.step();
        changed = s.getText(0).equals("0") ? "changed, " : "as before, ";
      }
      return changed + pinsLeft();
    }
  }

  /** A short write. It is done or it is not. */
  @JCStressTest
  @Outcome(id = "1, kept, changed, pins left: 0", expect = ACCEPTABLE, desc = "executed")
  @Outcome(id = "interrupted, kept, as before, pins left: 0", expect = ACCEPTABLE, desc = "interrupted")
  @State
  public static class InterruptAgainstExecute extends Interrupting {
    @Actor
    public void one() {
      interruptWorker();
    }

    @Actor
    public void two(LLL_Result r) {
      work(r, () -> c.execute("UPDATE t SET y = 0 WHERE x = ?", 1));
    }

    @Arbiter
    public void after(LLL_Result r) {
      c.close();
      r.r3 = left();
    }
  }

  /** A write that never ends, whenever the interrupt comes. */
  @JCStressTest
  @Outcome(id = "interrupted, kept, as before, pins left: 0", expect = ACCEPTABLE, desc = "interrupted")
  @State
  public static class InterruptAgainstEndless extends Interrupting {
    @Actor
    public void one() {
      interruptWorker();
    }

    @Actor
    public void two(LLL_Result r) {
      work(r, () -> c.execute("UPDATE t SET y = (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0)"));
    }

    @Arbiter
    public void after(LLL_Result r) {
      c.close();
      r.r3 = left();
    }
  }

  /** A writer whose turn comes at the same time. */
  @JCStressTest
  @Outcome(id = "1, kept, changed, pins left: 0", expect = ACCEPTABLE, desc = "executed when its turn came")
  @Outcome(id = "interrupted, kept, as before, pins left: 0", expect = ACCEPTABLE, desc = "interrupted")
  @State
  public static class InterruptAgainstWait extends Interrupting {
    private final SqliteConnection writer = vfs.open("d");

    public InterruptAgainstWait() {
      writer.execute("BEGIN IMMEDIATE; UPDATE t SET y = 2 WHERE x = 2");
    }

    @Actor
    public void one() {
      interruptWorker();
      writer.execute("COMMIT");
    }

    @Actor
    public void two(LLL_Result r) {
      work(r, () -> c.execute("UPDATE t SET y = 0 WHERE x = 1"));
    }

    @Arbiter
    public void after(LLL_Result r) {
      c.close();
      writer.execute("DELETE FROM t WHERE x = 3"); // nobody holds the lock
      writer.close();
      r.r3 = left();
    }
  }

  /** The connection goes at the same time. */
  @JCStressTest
  @Outcome(id = "1, kept, changed, pins left: 0", expect = ACCEPTABLE, desc = "executed")
  @Outcome(id = "interrupted, kept, as before, pins left: 0", expect = ACCEPTABLE, desc = "interrupted")
  @Outcome(id = "closed, kept, as before, pins left: 0", expect = ACCEPTABLE, desc = "closed before")
  @State
  public static class InterruptAgainstClose extends Interrupting {
    @Actor
    public void one() {
      interruptWorker();
      c.close();
    }

    @Actor
    public void two(LLL_Result r) {
      work(r, () -> c.execute("UPDATE t SET y = 0 WHERE x = ?", 1));
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = left();
    }
  }

  /** A transaction. */
  @JCStressTest
  @Outcome(id = "2, kept, changed, pins left: 0", expect = ACCEPTABLE, desc = "committed")
  @Outcome(id = "interrupted, kept, as before, pins left: 0", expect = ACCEPTABLE, desc = "rolled back")
  @State
  public static class InterruptAgainstTransaction extends Interrupting {
    @Actor
    public void one() {
      interruptWorker();
    }

    @Actor
    public void two(LLL_Result r) {
      work(r, () -> c.transactionWithResult(x -> x.execute("UPDATE t SET y = 0 WHERE x = 1") + x.execute("DELETE FROM t WHERE x = 2")));
    }

    @Arbiter
    public void after(LLL_Result r) {
      c.close();
      r.r3 = left();
    }
  }
}
