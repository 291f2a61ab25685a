package io.github.sqlitememvfs;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.util.List;

/** What two threads race for: a {@link MemoryVfs} of their own, with one database, and a pin that nobody in the race may free. */
abstract class Racing {
  static final String CLOSED = "closed";
  static final String INTERRUPTED = "interrupted";

  private static final byte[] BYTES = bytes();

  final MemoryVfs vfs = MemoryVfs.create();
  final long size = BYTES.length;
  private final Snapshot bystander;

  Racing() {
    vfs.deserialize("d", List.of(BYTES));
    bystander = vfs.snapshot("d");
  }

  /** The number of pins that the race has left. Minus one: somebody else's was freed. */
  final String pinsLeft() {
    try (vfs) {
      return "pins left: " + (vfs.stats("d").pins() - 1) + (bystander.size() == BYTES.length ? "" : " and wrong ones");
    }
  }

  /** Whether, after close, another can have the name. */
  final boolean nameIsFree() {
    try (MemoryVfs other = MemoryVfs.builder().name(vfs.name()).build()) {
      return other.databases().isEmpty();
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  interface Use {
    Object run() throws Exception;
  }

  /** What it gave, or that something was closed or interrupted. All other exceptions are none of the outcomes. */
  static String outcome(Use use) {
    try {
      return String.valueOf(use.run());
    } catch (ClosedChannelException e) {
      return CLOSED;
    } catch (IllegalStateException | IOException e) {
      if (e.getMessage().contains("closed")) {
        return CLOSED;
      }
      throw new AssertionError(e);
    } catch (SqliteException e) {
      if (e.code() == 9) {
        return INTERRUPTED;
      }
      throw e;
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  static String close(AutoCloseable object) {
    return outcome(() -> {
      object.close();
      return "done";
    });
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
