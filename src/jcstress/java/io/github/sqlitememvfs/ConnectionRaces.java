package io.github.sqlitememvfs;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/** The end of a connection, or of a statement, against its use by another thread. */
public class ConnectionRaces {

  private ConnectionRaces() {
  }

  /** A write. */
  @JCStressTest
  @Outcome(id = "done, 1, pins left: 0", expect = ACCEPTABLE, desc = "executed, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before")
  @State
  public static class CloseAgainstExecute extends Racing {
    private final SqliteConnection c = vfs.open("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(c);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> c.execute("UPDATE t SET y = 0 WHERE x = 1"));
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** A new statement, which the connection closes if its owner has no time for that. */
  @JCStressTest
  @Outcome(id = "done, 1, pins left: 0", expect = ACCEPTABLE, desc = "prepared and run, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @State
  public static class CloseAgainstPrepare extends Racing {
    private final SqliteConnection c = vfs.open("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(c);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        SqliteStatement s = c.prepare("SELECT x FROM t");
        return s.step() ? s.getLong(0) : -1;
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** Rows of a statement that the connection closes. */
  @JCStressTest
  @Outcome(id = "done, 3, pins left: 0", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @State
  public static class CloseAgainstStep extends Racing {
    private final SqliteConnection c = vfs.open("d");
    private final SqliteStatement s = c.prepare("SELECT x FROM t");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(c);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        long sum = 0;
        while (s.step()) {
          sum += s.getLong(0);
        }
        return sum;
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** A transaction, whose body close waits for. */
  @JCStressTest
  @Outcome(id = "done, 2, pins left: 0", expect = ACCEPTABLE, desc = "committed, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before")
  @State
  public static class CloseAgainstTransaction extends Racing {
    private final SqliteConnection c = vfs.open("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(c);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> c.transactionWithResult(x -> x.execute("UPDATE t SET y = 0 WHERE x = 1") + x.execute("DELETE FROM t WHERE x = 2")));
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** Two that close. */
  @JCStressTest
  @Outcome(id = "done, done, pins left: 0", expect = ACCEPTABLE, desc = "closed once")
  @State
  public static class CloseAgainstClose extends Racing {
    private final SqliteConnection c = vfs.open("d");
    private final SqliteStatement s = c.prepare("SELECT x FROM t");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(c);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = close(c);
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** An interrupt of what is just going. */
  @JCStressTest
  @Outcome(id = "done, sent, pins left: 0", expect = ACCEPTABLE, desc = "interrupted before")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before")
  @State
  public static class CloseAgainstInterrupt extends Racing {
    private final SqliteConnection c = vfs.open("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(c);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        c.interrupt();
        return "sent";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** One statement, while its connection stays open. */
  @JCStressTest
  @Outcome(id = "done, 3, pins left: 0", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @State
  public static class StatementCloseAgainstStep extends Racing {
    private final SqliteConnection c = vfs.open("d");
    private final SqliteStatement s = c.prepare("SELECT x FROM t");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(s);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        long sum = 0;
        while (s.step()) {
          sum += s.getLong(0);
        }
        return sum;
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      c.close();
      r.r3 = pinsLeft();
    }
  }

  /** The getters of a row; a long text is fetched from SQLite's own memory. */
  @JCStressTest
  @Outcome(id = "done, 6000, pins left: 0", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before")
  @State
  public static class StatementCloseAgainstGet extends Racing {
    private final SqliteConnection c = vfs.open("d");
    private final SqliteStatement s = onRow(c);

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(s);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> s.getText(1).length());
    }

    @Arbiter
    public void after(LLL_Result r) {
      c.close();
      r.r3 = pinsLeft();
    }
  }

  /** Two that close a statement. */
  @JCStressTest
  @Outcome(id = "done, done, pins left: 0", expect = ACCEPTABLE, desc = "closed once")
  @State
  public static class StatementCloseAgainstClose extends Racing {
    private final SqliteConnection c = vfs.open("d");
    private final SqliteStatement s = onRow(c);

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(s);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = close(s);
    }

    @Arbiter
    public void after(LLL_Result r) {
      c.close();
      r.r3 = pinsLeft();
    }
  }

  /** A statement that is closed by its owner and by its connection. */
  @JCStressTest
  @Outcome(id = "done, done, pins left: 0", expect = ACCEPTABLE, desc = "closed once")
  @State
  public static class StatementCloseAgainstConnectionClose extends Racing {
    private final SqliteConnection c = vfs.open("d");
    private final SqliteStatement s = onRow(c);

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(s);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = close(c);
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  private static SqliteStatement onRow(SqliteConnection c) {
    SqliteStatement s = c.prepare("SELECT x, y FROM t");
    s.step();
    return s;
  }
}
