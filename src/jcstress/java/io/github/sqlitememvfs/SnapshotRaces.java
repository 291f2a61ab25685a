package io.github.sqlitememvfs;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.ByteBuffer;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/** The end of a snapshot, or of a stream, against its use by another thread. */
public class SnapshotRaces {

  private SnapshotRaces() {
  }

  /** A stream of it. */
  @JCStressTest
  @Outcome(id = "done, whole, pins left: 0", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @State
  public static class CloseAgainstStream extends Racing {
    private final Snapshot snapshot = vfs.snapshot("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(snapshot);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> snapshot.newInputStream().readAllBytes().length == size ? "whole" : "part");
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** A channel of it. */
  @JCStressTest
  @Outcome(id = "done, 5000, pins left: 0", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before")
  @State
  public static class CloseAgainstChannel extends Racing {
    private final Snapshot snapshot = vfs.snapshot("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(snapshot);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> snapshot.newByteChannel().read(ByteBuffer.allocateDirect(5000)));
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** All of it. */
  @JCStressTest
  @Outcome(id = "done, whole, pins left: 0", expect = ACCEPTABLE, desc = "written, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @State
  public static class CloseAgainstWrite extends Racing {
    private final Snapshot snapshot = vfs.snapshot("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(snapshot);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        snapshot.writeTo(out);
        return out.size() == size ? "whole" : "part";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** What it says of itself. */
  @JCStressTest
  @Outcome(id = "done, whole, pins left: 0", expect = ACCEPTABLE, desc = "asked, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before")
  @State
  public static class CloseAgainstSize extends Racing {
    private final Snapshot snapshot = vfs.snapshot("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(snapshot);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> snapshot.size() == size ? "whole" : "part");
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** A fork, which is complete or not there. */
  @JCStressTest
  @Outcome(id = "done, forked, pins left: 0", expect = ACCEPTABLE, desc = "forked, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before")
  @State
  public static class CloseAgainstFork extends Racing {
    private final Snapshot snapshot = vfs.snapshot("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(snapshot);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> {
        snapshot.fork("f");
        return "forked";
      });
    }

    @Arbiter
    public void after(LLL_Result r) {
      if (vfs.exists("f")) {
        try (SqliteConnection c = vfs.open("f")) {
          c.execute("DELETE FROM t");
        }
        vfs.delete("f");
      }
      r.r3 = pinsLeft();
    }
  }

  /** Two that close. */
  @JCStressTest
  @Outcome(id = "done, done, pins left: 0", expect = ACCEPTABLE, desc = "closed once")
  @State
  public static class CloseAgainstClose extends Racing {
    private final Snapshot snapshot = vfs.snapshot("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(snapshot);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = close(snapshot);
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** A stream with a pin of its own, which also goes at its end. */
  @JCStressTest
  @Outcome(id = "done, whole, pins left: 0", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "done, closed, pins left: 0", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @State
  public static class StreamCloseAgainstRead extends Racing {
    private final InputStream stream = vfs.serialize("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(stream);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = outcome(() -> stream.readAllBytes().length == size ? "whole" : "part");
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }

  /** Two that close such a stream. */
  @JCStressTest
  @Outcome(id = "done, done, pins left: 0", expect = ACCEPTABLE, desc = "closed once")
  @State
  public static class StreamCloseAgainstClose extends Racing {
    private final InputStream stream = vfs.serialize("d");

    @Actor
    public void one(LLL_Result r) {
      r.r1 = close(stream);
    }

    @Actor
    public void two(LLL_Result r) {
      r.r2 = close(stream);
    }

    @Arbiter
    public void after(LLL_Result r) {
      r.r3 = pinsLeft();
    }
  }
}
