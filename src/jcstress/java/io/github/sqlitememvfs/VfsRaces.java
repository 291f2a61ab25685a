package io.github.sqlitememvfs;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/** The end of a MemoryVfs, with all that is open of it, against its use by another thread. */
public class VfsRaces {

  private VfsRaces() {
  }

  /** A new connection. */
  @JCStressTest
  @Outcome(id = "done, 2, name free", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "done, closed, name free", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @Outcome(id = "done, interrupted, name free", expect = ACCEPTABLE, desc = "its query was running")
  @State
  public static class CloseAgainstOpen extends Racing {
    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(vfs);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        SqliteConnection c = vfs.open("d");
        try (SqliteStatement s = c.query("SELECT count(*) FROM t")) {
          return s.step() ? s.getLong(0) : -1;
        }
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = "name " + (nameIsFree() ? "free" : "taken");
    }
  }

  /** New content. */
  @JCStressTest
  @Outcome(id = "done, loaded, name free", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "done, closed, name free", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @State
  public static class CloseAgainstDeserialize extends Racing {
    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(vfs);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        vfs.deserialize("e", vfs.serializeChunks("d"));
        return "loaded";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = "name " + (nameIsFree() ? "free" : "taken");
    }
  }

  /** A new pin. */
  @JCStressTest
  @Outcome(id = "done, whole, name free", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "done, closed, name free", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @State
  public static class CloseAgainstSnapshot extends Racing {
    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(vfs);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> vfs.snapshot("d").size() == size ? "whole" : "part");
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = "name " + (nameIsFree() ? "free" : "taken");
    }
  }

  /** A stream. */
  @JCStressTest
  @Outcome(id = "done, whole, name free", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "done, closed, name free", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @State
  public static class CloseAgainstSerialize extends Racing {
    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(vfs);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> vfs.serialize("d").readAllBytes().length == size ? "whole" : "part");
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = "name " + (nameIsFree() ? "free" : "taken");
    }
  }

  /** A fork. */
  @JCStressTest
  @Outcome(id = "done, forked, name free", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "done, closed, name free", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @State
  public static class CloseAgainstFork extends Racing {
    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(vfs);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        vfs.fork("d", "f");
        return "forked";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = "name " + (nameIsFree() ? "free" : "taken");
    }
  }

  /** What it says of itself. */
  @JCStressTest
  @Outcome(id = "done, 1, name free", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "done, closed, name free", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @Outcome(id = "done, pins, name free", expect = ACCEPTABLE, desc = "on the way, pins were closed already")
  @Outcome(id = "done, 0, name free", expect = ACCEPTABLE, desc = "on the way, names were forgotten already")
  @State
  public static class CloseAgainstStats extends Racing {
    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(vfs);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> vfs.stats().pins() < 1 ? "pins" : vfs.databases().size());
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = "name " + (nameIsFree() ? "free" : "taken");
    }
  }

  /** Two that close. */
  @JCStressTest
  @Outcome(id = "done, done, name free", expect = ACCEPTABLE, desc = "closed once")
  @State
  public static class CloseAgainstClose extends Racing {
    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(vfs);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = close(vfs);
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = "name " + (nameIsFree() ? "free" : "taken");
    }
  }

  /** A connection that both close. */
  @JCStressTest
  @Outcome(id = "done, done, name free", expect = ACCEPTABLE, desc = "closed once")
  @State
  public static class CloseAgainstConnectionClose extends Racing {
    private final SqliteConnection c = vfs.open("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(vfs);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = close(c);
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = "name " + (nameIsFree() ? "free" : "taken");
    }
  }

  /** A snapshot that both close. */
  @JCStressTest
  @Outcome(id = "done, done, name free", expect = ACCEPTABLE, desc = "closed once")
  @State
  public static class CloseAgainstSnapshotClose extends Racing {
    private final Snapshot snapshot = vfs.snapshot("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(vfs);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = close(snapshot);
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = "name " + (nameIsFree() ? "free" : "taken");
    }
  }

  /** A transaction, which is rolled back if it is not done. */
  @JCStressTest
  @Outcome(id = "done, 1, name free", expect = ACCEPTABLE, desc = "committed, then closed")
  @Outcome(id = "done, closed, name free", expect = ACCEPTABLE, desc = "closed before, or in its midst")
  @Outcome(id = "done, interrupted, name free", expect = ACCEPTABLE, desc = "its statement was running")
  @State
  public static class CloseAgainstTransaction extends Racing {
    private final SqliteConnection c = vfs.open("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(vfs);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> c.transactionWithResult(x -> x.execute("UPDATE t SET y = 0 WHERE x = 1")));
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = "name " + (nameIsFree() ? "free" : "taken");
    }
  }
}
