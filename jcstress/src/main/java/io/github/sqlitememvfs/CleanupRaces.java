package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/** What the clean-up thread does for a forgotten object, against the thread that still closes or uses its handle. */
public class CleanupRaces {

  private static final AtomicLong COUNT = new AtomicLong();
  private static final byte[] NAME = "d".getBytes(US_ASCII);
  private static final int CREATE = 0x2 | 0x4 | 0x40; // SQLITE_OPEN_READWRITE, _CREATE, _URI

  static {
    MemoryVfs.sqliteVersion(); // loads the native library
  }

  private CleanupRaces() {
  }

  /** The handles of a MemoryVfs with one database, without the public objects that would close them. */
  private abstract static class Handles extends Racing {
    final StoreHandle store = StoreHandle.create("race-" + COUNT.incrementAndGet(), 0, 0);

    final ConnectionHandle open() {
      return store.open("d", "file:d".getBytes(US_ASCII), CREATE, OpenOptions.defaults(), 0);
    }

    final PinHandle pin() {
      return store.pin("d", NAME, "pin");
    }
  }

  /** A pin, and another one that the race must not release. */
  private abstract static class PinRace extends Handles {
    private final PinHandle bystander;
    final PinHandle pin;

    PinRace() {
      ConnectionHandle maker = open();
      maker.run("CREATE TABLE t(x, y)");
      maker.run("INSERT INTO t VALUES (1, 'one'), (2, 'two')");
      maker.close();
      bystander = pin();
      pin = pin();
    }

    @Override
    String left() {
      long[] stats = new long[Native.DATABASE_STATS];
      long address = store.acquire();
      Native.databaseStats(address, NAME, true, stats);
      store.release();
      bystander.close();
      store.close();
      long pins = new DatabaseStats(stats).pins() - 1;
      return pins == 0 ? "" : ", pins left: " + pins;
    }
  }

  /** A reference that the clean-up thread may find while another thread cancels it. */
  private abstract static class CleanupRace extends PinRace {
    final AtomicInteger runs = new AtomicInteger();
    final Cleanup cleanup = Cleanup.register(this, () -> {
      runs.incrementAndGet();
      pin.close();
    });

    final void cancel() {
      cleanup.cancel();
      pin.close();
    }
  }

  /** A connection, and a statement of it on a row. */
  private abstract static class ConnectionRace extends PinRace {
    final ConnectionHandle c = open();
    final StatementHandle s = statement(c);

    ConnectionRace() {
      pin.close();
    }

    private static StatementHandle statement(ConnectionHandle c) {
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

    final long update() {
      c.enter();
      try {
        return c.execute("UPDATE t SET y = 0 WHERE x = 1".getBytes(US_ASCII));
      } finally {
        c.exit();
      }
    }

    /** What the race should have closed is closed without this. */
    @Override
    String left() {
      String open = s.address == 0 ? "" : ", the statement is left open";
      c.close();
      return open + super.left();
    }
  }

  /** A MemoryVfs that is forgotten. */
  private abstract static class VfsRace extends Handles {
    final PinHandle last;

    VfsRace() {
      open().close();
      last = pin();
    }

    @Override
    String left() {
      return store.isClosed() && CLOSED.equals(result(this::pin)) ? "" : ", left open";
    }
  }

  /** The clean-up action of a snapshot is its close. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "freed once")
  public static class PinForgottenAgainstClose extends PinRace {
    @Actor public void forget() { ends(pin::close); }
    @Actor public void close() { endsToo(pin::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A read that is under way keeps the pin. */
  @JCStressTest
  @State
  @Outcome(id = "100", expect = ACCEPTABLE, desc = "read, then freed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "freed before")
  public static class PinForgottenAgainstRead extends PinRace {
    @Actor public void forget() { ends(pin::close); }
    @Actor public void read() { uses(() -> pin.read(0, new byte[100], 0, 100)); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** The clean-up thread finds the reference while its object is closed. The action runs once or never. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "run once, not yet, or never")
  public static class EnqueuedAgainstCancel extends CleanupRace {
    @Override
    String left() {
      return (runs.get() <= 1 ? "" : ", runs: " + runs) + super.left();
    }

    @Actor public void enqueue() { ends(cleanup::enqueue); }
    @Actor public void close() { endsToo(this::cancel); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** Two threads that close the object. The action never runs. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "freed once")
  public static class CancelAgainstCancel extends CleanupRace {
    @Override
    String left() {
      return (runs.get() == 0 ? "" : ", runs: " + runs) + super.left();
    }

    @Actor public void close() { ends(this::cancel); }
    @Actor public void closeToo() { endsToo(this::cancel); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A connection that was closed by hand just before. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "closed once")
  public static class ConnectionForgottenAgainstClose extends ConnectionRace {
    @Actor public void forget() { ends(c::forget); }
    @Actor public void close() { endsToo(c::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A call that is under way. Its thread closes the connection behind it. */
  @JCStressTest
  @State
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "executed, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before")
  public static class ConnectionForgottenAgainstExecute extends ConnectionRace {
    @Override
    String left() {
      return (c.isClosed() ? "" : ", the connection is left open") + super.left();
    }

    @Actor public void forget() { ends(c::forget); }
    @Actor public void write() { uses(this::update); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A statement that was closed by hand just before. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "finalized once")
  public static class StatementForgottenAgainstClose extends ConnectionRace {
    @Actor public void forget() { ends(() -> c.forget(s)); }
    @Actor public void close() { endsToo(() -> c.close(s)); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A statement that is closed with its connection. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "finalized once")
  public static class StatementForgottenAgainstConnectionClose extends ConnectionRace {
    @Actor public void forget() { ends(() -> c.forget(s)); }
    @Actor public void close() { endsToo(c::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A call of its connection, whose thread finalizes the statement behind it. */
  @JCStressTest
  @State
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "executed")
  public static class StatementForgottenAgainstExecute extends ConnectionRace {
    @Actor public void forget() { ends(() -> c.forget(s)); }
    @Actor public void write() { uses(this::update); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A forgotten MemoryVfs is closed with the last pin, by whichever thread comes later. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "closed once")
  public static class VfsForgottenAgainstLastPin extends VfsRace {
    @Actor public void forget() { ends(store::forget); }
    @Actor public void close() { endsToo(last::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A forgotten MemoryVfs that was closed by hand just before. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "closed once")
  public static class VfsForgottenAgainstClose extends VfsRace {
    public VfsForgottenAgainstClose() {
      last.close();
    }

    @Actor public void forget() { ends(store::forget); }
    @Actor public void close() { endsToo(store::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }
}
