package io.github.sqlitememvfs;

import static io.github.sqlitememvfs.Racing.CLOSED;
import static io.github.sqlitememvfs.Racing.outcome;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/** What the clean-up thread does for a forgotten object, against the thread that still closes or uses its native side. */
public class CleanupRaces {

  private CleanupRaces() {
  }

  /** The clean-up action of a snapshot is its close. */
  @JCStressTest
  @Outcome(id = "done, done, pins left: 0", expect = ACCEPTABLE, desc = "freed once")
  @State
  public static class PinForgottenAgainstClose extends Handles {
    private final PinHandle pin = pin();

    @Actor
    public void one(LLL_Result r) {
      r.r1 = outcome(() -> {
        pin.close();
        return "done";
      });
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        pin.close();
        return "done";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** A read that is under way keeps the pin. */
  @JCStressTest
  @Outcome(id = "done, 100, pins left: 0", expect = ACCEPTABLE, desc = "read, then freed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "freed before")
  @State
  public static class PinForgottenAgainstRead extends Handles {
    private final PinHandle pin = pin();

    @Actor
    public void one(LLL_Result r) {
      r.r1 = outcome(() -> {
        pin.close();
        return "done";
      });
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> pin.read(0, new byte[100], 0, 100));
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** The reference is found by the clean-up thread while its object is closed: the action runs once or never. */
  @JCStressTest
  @Outcome(id = "once, done, pins left: 0", expect = ACCEPTABLE, desc = "found before, and run already")
  @Outcome(id = "not yet or never, done, pins left: 0", expect = ACCEPTABLE, desc = "cancelled, or found and not run yet")
  @State
  public static class EnqueuedAgainstCancel extends Handles {
    private final AtomicInteger runs = new AtomicInteger();
    private final PinHandle pin = pin();
    private final Cleanup cleanup = Cleanup.register(this, () -> {
      runs.incrementAndGet();
      pin.close();
    });

    @Actor
    public void one(LLL_Result r) {
      r.r1 = String.valueOf(cleanup.enqueue());
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        cleanup.cancel();
        pin.close();
        return "done";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
      r.r1 = runs.get() == 0 ? "not yet or never" : runs.get() == 1 ? "once" : "too often";
    }
  }

  /** Two that close. */
  @JCStressTest
  @Outcome(id = "never, done, pins left: 0", expect = ACCEPTABLE, desc = "freed once")
  @State
  public static class CancelAgainstCancel extends Handles {
    private final AtomicInteger runs = new AtomicInteger();
    private final PinHandle pin = pin();
    private final Cleanup cleanup = Cleanup.register(this, runs::incrementAndGet);

    @Actor
    public void one(LLL_Result r) {
      r.r1 = outcome(() -> {
        cleanup.cancel();
        pin.close();
        return "done";
      });
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        cleanup.cancel();
        pin.close();
        return "done";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
      r.r1 = runs.get() == 0 ? "never" : "run";
    }
  }

  /** A connection that was closed by hand just before. */
  @JCStressTest
  @Outcome(id = "done, done, pins left: 0", expect = ACCEPTABLE, desc = "closed once")
  @State
  public static class ConnectionForgottenAgainstClose extends Handles {
    private final ConnectionHandle c = open(store);

    @Actor
    public void one(LLL_Result r) {
      r.r1 = outcome(() -> {
        c.forget();
        return "done";
      });
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        c.close();
        return "done";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      c.close();
      r.r3 = pinsLeft();
    }
  }

  /** A call that is under way: its thread closes the connection behind it. */
  @JCStressTest
  @Outcome(id = "done, 1, pins left: 0", expect = ACCEPTABLE, desc = "executed, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before")
  @State
  public static class ConnectionForgottenAgainstExecute extends Handles {
    private final ConnectionHandle c = open(store);

    @Actor
    public void one(LLL_Result r) {
      r.r1 = outcome(() -> {
        c.forget();
        return "done";
      });
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> execute(c));
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = (c.isClosed() ? "" : "left open, ") + pinsLeft();
    }
  }

  /** A statement that was closed by hand just before. */
  @JCStressTest
  @Outcome(id = "done, done, pins left: 0", expect = ACCEPTABLE, desc = "finalized once")
  @State
  public static class StatementForgottenAgainstClose extends Handles {
    private final ConnectionHandle c = open(store);
    private final StatementHandle s = statement(c);

    @Actor
    public void one(LLL_Result r) {
      r.r1 = outcome(() -> {
        c.forget(s);
        return "done";
      });
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        c.close(s);
        return "done";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      String open = s.address == 0 ? "" : "left open, ";
      c.close();
      r.r3 = open + pinsLeft();
    }
  }

  /** A statement that goes with its connection. */
  @JCStressTest
  @Outcome(id = "done, done, pins left: 0", expect = ACCEPTABLE, desc = "finalized once")
  @State
  public static class StatementForgottenAgainstConnectionClose extends Handles {
    private final ConnectionHandle c = open(store);
    private final StatementHandle s = statement(c);

    @Actor
    public void one(LLL_Result r) {
      r.r1 = outcome(() -> {
        c.forget(s);
        return "done";
      });
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        c.close();
        return "done";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      String open = s.address == 0 ? "" : "left open, ";
      r.r3 = open + pinsLeft();
    }
  }

  /** A call of its connection: its thread finalizes the statement behind it. */
  @JCStressTest
  @Outcome(id = "done, 1, pins left: 0", expect = ACCEPTABLE, desc = "executed")
  @State
  public static class StatementForgottenAgainstExecute extends Handles {
    private final ConnectionHandle c = open(store);
    private final StatementHandle s = statement(c);

    @Actor
    public void one(LLL_Result r) {
      r.r1 = outcome(() -> {
        c.forget(s);
        return "done";
      });
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> execute(c));
    }

    @Arbiter
    public void after(LLL_Result r) {
      String open = s.address == 0 ? "" : "left open, ";
      c.close();
      r.r3 = open + pinsLeft();
    }
  }

  /** A forgotten MemoryVfs is closed with the last pin, by whichever comes later. */
  @JCStressTest
  @Outcome(id = "done, done, closed", expect = ACCEPTABLE, desc = "closed once")
  @State
  public static class VfsForgottenAgainstLastPin {
    private final StoreHandle store = store();
    private final PinHandle last = pin(store);

    @Actor
    public void one(LLL_Result r) {
      r.r1 = outcome(() -> {
        store.forget();
        return "done";
      });
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        last.close();
        return "done";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = store.isClosed() && pinIsRefused(store) ? "closed" : "left open";
    }
  }

  /** Closed by hand just before. */
  @JCStressTest
  @Outcome(id = "done, done, closed", expect = ACCEPTABLE, desc = "closed once")
  @State
  public static class VfsForgottenAgainstClose {
    private final StoreHandle store = store();

    @Actor
    public void one(LLL_Result r) {
      r.r1 = outcome(() -> {
        store.forget();
        return "done";
      });
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        store.close();
        return "done";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = store.isClosed() && pinIsRefused(store) ? "closed" : "left open";
    }
  }

  private static final AtomicLong COUNT = new AtomicLong();
  private static final byte[] NAME = "d".getBytes(US_ASCII);
  private static final int CREATE = 0x2 | 0x4 | 0x40; // SQLITE_OPEN_READWRITE, _CREATE, _URI

  static {
    MemoryVfs.sqliteVersion(); // loads the native library
  }

  private static StoreHandle store() {
    return StoreHandle.create("race-" + COUNT.incrementAndGet(), 0, 0);
  }

  private static ConnectionHandle open(StoreHandle store) {
    return store.open("d", "file:d".getBytes(US_ASCII), CREATE, OpenOptions.defaults(), 0);
  }

  private static PinHandle pin(StoreHandle store) {
    open(store).close();
    return store.pin("d", NAME, "pin");
  }

  private static boolean pinIsRefused(StoreHandle store) {
    return CLOSED.equals(outcome(() -> store.pin("d", NAME, "pin")));
  }

  /** The native side of everything, without the objects that would close it; and a pin that nobody in the race may free. */
  abstract static class Handles {
    final StoreHandle store = store();
    private final PinHandle bystander;

    Handles() {
      ConnectionHandle c = open(store);
      c.run("CREATE TABLE t(x, y)");
      c.run("INSERT INTO t VALUES (1, 'one'), (2, 'two')");
      c.close();
      bystander = pin();
    }

    final PinHandle pin() {
      return store.pin("d", NAME, "pin");
    }

    static StatementHandle statement(ConnectionHandle c) {
      c.enter();
      try {
        String sql = "SELECT x FROM t";
        StatementHandle s = c.prepare(sql, sql.getBytes(US_ASCII));
        s.step();
        return s;
      } finally {
        c.exit();
      }
    }

    static long execute(ConnectionHandle c) {
      c.enter();
      try {
        return c.execute("UPDATE t SET y = 0 WHERE x = 1".getBytes(US_ASCII));
      } finally {
        c.exit();
      }
    }

    final String pinsLeft() {
      long[] stats = new long[Native.DATABASE_STATS];
      long address = store.acquire();
      Native.databaseStats(address, NAME, true, stats);
      store.release();
      bystander.close();
      store.close();
      return "pins left: " + (new DatabaseStats(stats).pins() - 1);
    }
  }
}
