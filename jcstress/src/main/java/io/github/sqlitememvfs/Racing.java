package io.github.sqlitememvfs;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.util.List;

/**
 * Harness of a race: one thread ends something ({@link #ends}) while another one uses it ({@link #uses}). Afterwards
 * {@link #outcome} is what the second thread got, and nothing else if the first one succeeded and nothing is left over.
 * jcstress wants the annotated methods in each race itself, so that they cannot be here.
 */
abstract class Racing {
  static final String DONE = "done";
  static final String CLOSED = "closed";
  static final String INTERRUPTED = "interrupted";

  private String end = "not ended";
  private String use = "not used";

  interface End {
    void run() throws Exception;
  }

  interface Use {
    Object run() throws Exception;
  }

  /** The first thread's part. */
  final void ends(End part) {
    end = result(() -> {
      part.run();
      return DONE;
    });
  }

  /** The second thread's part. */
  final void uses(Use part) {
    use = result(part);
  }

  /** The second thread's part if it ends the same thing. */
  final void endsToo(End part) {
    uses(() -> {
      part.run();
      return DONE;
    });
  }

  /** What the second thread got, and all that is wrong after both parts. */
  final String outcome() {
    return use + (end.equals(DONE) ? "" : ", the end: " + end) + left();
  }

  /** Returns what is left over but should not be, after a comma; empty if nothing is. */
  abstract String left();

  /**
   * Runs a part, and returns what it gave, or that something was closed or interrupted. Any other exception fails the
   * race.
   */
  static String result(Use part) {
    try {
      return String.valueOf(part.run());
    } catch (ClosedChannelException e) {
      return CLOSED;
    } catch (IllegalStateException | IOException e) {
      if (e.getMessage().contains("closed")) {
        return CLOSED;
      }
      throw new AssertionError(e);
    } catch (SqliteException e) {
      if (e.code() == SqliteCodes.INTERRUPT) {
        return INTERRUPTED;
      }
      throw e;
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /** A race on a {@link MemoryVfs} with one database, and a pin of it that the race must not release. */
  abstract static class OnVfs extends Racing {
    private static final byte[] BYTES = bytes();

    final MemoryVfs vfs = MemoryVfs.create();
    private final Snapshot bystander;

    OnVfs() {
      vfs.deserialize("d", List.of(BYTES));
      bystander = vfs.snapshot("d");
    }

    static String whole(long size) {
      return size == BYTES.length ? "whole" : "part";
    }

    @Override
    String left() {
      try (vfs) {
        long pins = vfs.stats("d").pins() - 1;
        return (pins == 0 ? "" : ", pins left: " + pins)
            + (bystander.size() == BYTES.length ? "" : ", the bystander's pin was released");
      }
    }

    private static byte[] bytes() {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      try (MemoryVfs maker = MemoryVfs.create(); SqliteConnection c = maker.open("d")) {
        c.execute("CREATE TABLE t(x, y); INSERT INTO t VALUES (1, hex(zeroblob(3000))), (2, 'two')");
        maker.serialize("d", out);
      } catch (IOException e) {
        throw new AssertionError(e);
      }
      return out.toByteArray();
    }
  }
}
