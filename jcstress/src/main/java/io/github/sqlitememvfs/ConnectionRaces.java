package io.github.sqlitememvfs;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/** The end of a connection, or of a statement, against its use by another thread. */
public class ConnectionRaces {

  private ConnectionRaces() {
  }

  private abstract static class ConnectionRace extends Racing.OnVfs {
    final SqliteConnection c = vfs.open("d");
    final SqliteStatement s = c.prepare("SELECT x, y FROM t");

    @Override
    String left() {
      c.close();
      return super.left();
    }
  }

  private abstract static class OnRowRace extends ConnectionRace {
    OnRowRace() {
      s.step();
    }
  }

  /** A write. */
  @JCStressTest
  @State
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "executed, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before")
  public static class CloseAgainstExecute extends ConnectionRace {
    @Actor public void close() { ends(c::close); }
    @Actor public void write() { uses(() -> c.execute("UPDATE t SET y = 0 WHERE x = 1")); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A new statement, which the connection closes if its owner does not. */
  @JCStressTest
  @State
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "prepared and run, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  public static class CloseAgainstPrepare extends ConnectionRace {
    @Actor public void close() { ends(c::close); }
    @Actor public void prepare() {
      uses(() -> {
        SqliteStatement other = c.prepare("SELECT x FROM t");
        return other.step() ? other.getLong(0) : -1;
      });
    }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** Rows of a statement that the connection closes. */
  @JCStressTest
  @State
  @Outcome(id = "3", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  public static class CloseAgainstStep extends ConnectionRace {
    @Actor public void close() { ends(c::close); }
    @Actor public void read() {
      uses(() -> {
        long sum = 0;
        while (s.step()) {
          sum += s.getLong(0);
        }
        return sum;
      });
    }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A transaction, whose body close waits for. */
  @JCStressTest
  @State
  @Outcome(id = "2", expect = ACCEPTABLE, desc = "committed, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before")
  public static class CloseAgainstTransaction extends ConnectionRace {
    @Actor public void close() { ends(c::close); }
    @Actor public void write() {
      uses(() -> c.transactionWithResult(
          x -> x.execute("UPDATE t SET y = 0 WHERE x = 1") + x.execute("DELETE FROM t WHERE x = 2")));
    }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** Two threads that close the connection. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "closed once")
  public static class CloseAgainstClose extends ConnectionRace {
    @Actor public void close() { ends(c::close); }
    @Actor public void closeToo() { endsToo(c::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** An interrupt of a connection that is being closed. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "interrupted before")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before")
  public static class CloseAgainstInterrupt extends ConnectionRace {
    @Actor public void close() { ends(c::close); }
    @Actor public void interrupt() { endsToo(c::interrupt); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** Rows of a statement that is closed alone. */
  @JCStressTest
  @State
  @Outcome(id = "3", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  public static class StatementCloseAgainstStep extends ConnectionRace {
    @Actor public void close() { ends(s::close); }
    @Actor public void read() {
      uses(() -> {
        long sum = 0;
        while (s.step()) {
          sum += s.getLong(0);
        }
        return sum;
      });
    }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A getter. The text is long, so that SQLite still has it. */
  @JCStressTest
  @State
  @Outcome(id = "6000", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before")
  public static class StatementCloseAgainstGet extends OnRowRace {
    @Actor public void close() { ends(s::close); }
    @Actor public void read() { uses(() -> s.getText(1).length()); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** Two threads that close a statement. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "closed once")
  public static class StatementCloseAgainstClose extends OnRowRace {
    @Actor public void close() { ends(s::close); }
    @Actor public void closeToo() { endsToo(s::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A statement that its owner and its connection close. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "closed once")
  public static class StatementCloseAgainstConnectionClose extends OnRowRace {
    @Actor public void close() { ends(s::close); }
    @Actor public void closeToo() { endsToo(c::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }
}
