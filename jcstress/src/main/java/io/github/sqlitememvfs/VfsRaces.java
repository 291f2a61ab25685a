package io.github.sqlitememvfs;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/** The end of a MemoryVfs, with all that is open of it, against its use by another thread. */
public class VfsRaces {

  private VfsRaces() {
  }

  private abstract static class VfsRace extends Racing.OnVfs {
    /** After close, another can have the name. */
    @Override
    String left() {
      try (MemoryVfs other = MemoryVfs.builder().name(vfs.name()).build()) {
        return other.databases().isEmpty() ? "" : ", databases left";
      } catch (IllegalArgumentException e) {
        return ", name taken";
      }
    }
  }

  /** A new connection. */
  @JCStressTest
  @State
  @Outcome(id = "2", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @Outcome(id = "interrupted", expect = ACCEPTABLE, desc = "its query was running")
  public static class CloseAgainstOpen extends VfsRace {
    @Actor public void close() { ends(vfs::close); }
    @Actor public void open() {
      uses(() -> {
        SqliteConnection other = vfs.open("d");
        try (SqliteStatement s = other.query("SELECT count(*) FROM t")) {
          return s.step() ? s.getLong(0) : -1;
        }
      });
    }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** New content. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  public static class CloseAgainstDeserialize extends VfsRace {
    @Actor public void close() { ends(vfs::close); }
    @Actor public void load() { endsToo(() -> vfs.deserialize("e", vfs.serializeChunks("d"))); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A new pin. */
  @JCStressTest
  @State
  @Outcome(id = "whole", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  public static class CloseAgainstSnapshot extends VfsRace {
    @Actor public void close() { ends(vfs::close); }
    @Actor public void pin() { uses(() -> whole(vfs.snapshot("d").size())); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A stream. */
  @JCStressTest
  @State
  @Outcome(id = "whole", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  public static class CloseAgainstSerialize extends VfsRace {
    @Actor public void close() { ends(vfs::close); }
    @Actor public void read() { uses(() -> whole(vfs.serialize("d").readAllBytes().length)); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A fork. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  public static class CloseAgainstFork extends VfsRace {
    @Actor public void close() { ends(vfs::close); }
    @Actor public void fork() { endsToo(() -> vfs.fork("d", "f")); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** Statistics and names. */
  @JCStressTest
  @State
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "done, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or on the way")
  @Outcome(id = "pins", expect = ACCEPTABLE, desc = "on the way, pins were closed already")
  @Outcome(id = "0", expect = ACCEPTABLE, desc = "on the way, databases were gone already")
  public static class CloseAgainstStats extends VfsRace {
    @Actor public void close() { ends(vfs::close); }
    @Actor public void ask() { uses(() -> vfs.stats().pins() < 1 ? "pins" : vfs.databases().size()); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** Two threads that close the MemoryVfs. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "closed once")
  public static class CloseAgainstClose extends VfsRace {
    @Actor public void close() { ends(vfs::close); }
    @Actor public void closeToo() { endsToo(vfs::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A connection that both close. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "closed once")
  public static class CloseAgainstConnectionClose extends VfsRace {
    private final SqliteConnection c = vfs.open("d");

    @Actor public void close() { ends(vfs::close); }
    @Actor public void closeToo() { endsToo(c::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A snapshot that both close. */
  @JCStressTest
  @State
  @Outcome(id = "done", expect = ACCEPTABLE, desc = "closed once")
  public static class CloseAgainstSnapshotClose extends VfsRace {
    private final Snapshot snapshot = vfs.snapshot("d");

    @Actor public void close() { ends(vfs::close); }
    @Actor public void closeToo() { endsToo(snapshot::close); }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }

  /** A transaction, which is rolled back if it is not done. */
  @JCStressTest
  @State
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "committed, then closed")
  @Outcome(id = "closed", expect = ACCEPTABLE, desc = "closed before, or in its midst")
  @Outcome(id = "interrupted", expect = ACCEPTABLE, desc = "its statement was running")
  public static class CloseAgainstTransaction extends VfsRace {
    private final SqliteConnection c = vfs.open("d");

    @Actor public void close() { ends(vfs::close); }
    @Actor public void write() {
      uses(() -> c.transactionWithResult(x -> x.execute("UPDATE t SET y = 0 WHERE x = 1")));
    }
    @Arbiter public void after(L_Result r) { r.r1 = outcome(); }
  }
}
