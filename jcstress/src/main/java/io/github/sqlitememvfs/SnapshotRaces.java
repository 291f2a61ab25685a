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
import org.openjdk.jcstress.infra.results.L_Result;

/** The end of a snapshot, or of a stream, against its use by another thread. */
public class SnapshotRaces {

  private SnapshotRaces() {
  }

  private abstract static class SnapshotRace extends Racing.OnVfs {
    final Snapshot snapshot = vfs.snapshot("d");
  }

  private abstract static class StreamRace extends Racing.OnVfs {
    final InputStream stream = vfs.serialize("d");
  }

  /** A stream of the snapshot. */
  @JCStressTest
  @State
  @Outcome(id = "whole", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  public static class CloseAgainstStream extends SnapshotRace {
    @Actor public void close() { ends(snapshot::close); }
    @Actor public void read() { uses(() -> whole(snapshot.newInputStream().readAllBytes().length)); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A channel of the snapshot. */
  @JCStressTest
  @State
  @Outcome(id = "5000", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before")
  public static class CloseAgainstChannel extends SnapshotRace {
    @Actor public void close() { ends(snapshot::close); }
    @Actor public void read() { uses(() -> snapshot.newByteChannel().read(ByteBuffer.allocateDirect(5000))); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** All of the snapshot, to a stream. */
  @JCStressTest
  @State
  @Outcome(id = "whole", expect = ACCEPTABLE, desc = "written, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  public static class CloseAgainstWrite extends SnapshotRace {
    @Actor public void close() { ends(snapshot::close); }
    @Actor public void write() {
      uses(() -> {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        snapshot.writeTo(out);
        return whole(out.size());
      });
    }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** The size of the snapshot. */
  @JCStressTest
  @State
  @Outcome(id = "whole", expect = ACCEPTABLE, desc = "asked, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before")
  public static class CloseAgainstSize extends SnapshotRace {
    @Actor public void close() { ends(snapshot::close); }
    @Actor public void ask() { uses(() -> whole(snapshot.size())); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A fork, which is complete or not there. */
  @JCStressTest
  @State
  @Outcome(id = "forked", expect = ACCEPTABLE, desc = "forked, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before")
  public static class CloseAgainstFork extends SnapshotRace {
    @Override
    String left() {
      if (vfs.exists("f")) {
        try (SqliteConnection c = vfs.open("f")) {
          c.execute("DELETE FROM t");
        }
        vfs.delete("f");
      }
      return super.left();
    }

    @Actor public void close() { ends(snapshot::close); }
    @Actor public void fork() {
      uses(() -> {
        snapshot.fork("f");
        return "forked";
      });
    }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** Two threads that close the snapshot. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "closed once")
  public static class CloseAgainstClose extends SnapshotRace {
    @Actor public void close() { ends(snapshot::close); }
    @Actor public void closeToo() { endsToo(snapshot::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A stream with a pin of its own, which it also releases at its end. */
  @JCStressTest
  @State
  @Outcome(id = "whole", expect = ACCEPTABLE, desc = "read, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  public static class StreamCloseAgainstRead extends StreamRace {
    @Actor public void close() { ends(stream::close); }
    @Actor public void read() { uses(() -> whole(stream.readAllBytes().length)); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** Two threads that close such a stream. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "closed once")
  public static class StreamCloseAgainstClose extends StreamRace {
    @Actor public void close() { ends(stream::close); }
    @Actor public void closeToo() { endsToo(stream::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }
}
