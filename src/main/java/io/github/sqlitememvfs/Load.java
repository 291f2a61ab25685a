package io.github.sqlitememvfs;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.concurrent.TimeUnit;

/**
 * Reads the new content of a database in, beside the old content. {@link #publish} makes it the newest version.
 * Whatever goes wrong before leaves the old content as it is.
 *
 * <p>Used by the one thread that made it, which has acquired the store.
 *
 * <p>Its C half: src/main/c/store/load.c, by src/main/c/jni/jni_store.c.
 */
final class Load implements AutoCloseable {
  private final StoreHandle handle;
  private final long store;
  private final String database;
  private final byte[] name;
  private final int[] out = new int[1];

  /** The mv_load; zero: published or dropped. */
  private long address;

  /** store: acquired from the handle for as long as this is used. */
  Load(StoreHandle handle, long store, String database, byte[] name) {
    this.handle = handle;
    this.store = store;
    this.database = database;
    this.name = name;
    this.address = Native.loadBegin(store, name, out);
    check(out[0]);
  }

  /** Reads a stream to its end. */
  void readFrom(InputStream in) throws IOException {
    byte[] buffer = new byte[Transfer.SMALL_BUFFER_BYTES];
    long total = 0;
    while (true) {
      int n = in.read(buffer, 0, buffer.length);
      if (n == 0) { // against the contract, but seen: read() must wait
        int b = in.read();
        buffer[0] = (byte) b;
        n = b < 0 ? -1 : 1;
      }
      if (n < 0) {
        return;
      }
      if (n > buffer.length) {
        throw new IOException(in.getClass().getName() + ".read returned " + n + " for an array of " + buffer.length);
      }
      write(buffer, n);
      total += n;
      if (total >= Transfer.SMALL_BYTES && n == buffer.length && n < Transfer.BUFFER_BYTES) {
        buffer = new byte[Transfer.BUFFER_BYTES]; // the stream fills what it is given
      }
    }
  }

  /**
   * Reads a channel to its end. How many bytes the channel has put is seen at the buffer's position, whatever it
   * returns.
   */
  void readFrom(ReadableByteChannel in) throws IOException {
    Transfer.checkBlocking(in);
    boolean direct = Transfer.isOfPlatform(in);
    ByteBuffer buffer = null;
    Transfer.StallCheck stalls = new Transfer.StallCheck();
    while (true) {
      handle.checkOpen();
      // The channel reads straight into the block's memory, if enough lies in one piece and it cannot keep the buffer.
      ByteBuffer space = direct ? space() : null;
      if (space != null) {
        boolean ended = in.read(space) < 0;
        check(Native.loadFilled(address, space.position()));
        if (ended) {
          return;
        }
        stalls.moved(space.position(), in);
      } else {
        if (buffer == null) {
          buffer = ByteBuffer.allocateDirect(Transfer.BUFFER_BYTES);
        }
        buffer.clear();
        boolean ended = in.read(buffer) < 0;
        check(Native.loadWriteDirect(address, buffer, 0, buffer.position()));
        if (ended) {
          return;
        }
        stalls.moved(buffer.position(), in);
      }
    }
  }

  /** Reads all chunks. */
  void readFrom(Iterable<byte[]> chunks) {
    for (byte[] chunk : chunks) {
      write(chunk, chunk.length);
    }
  }

  private void write(byte[] from, int n) {
    handle.checkOpen();
    check(Native.loadWrite(address, from, 0, n));
  }

  private ByteBuffer space() {
    ByteBuffer space = Native.loadSpace(address, Transfer.MIN_DIRECT_BYTES, Transfer.MAX_DIRECT_BYTES, out);
    check(out[0]);
    return space;
  }

  /** Notes that the database has ended, and its write-ahead log is read next. */
  void beginWal() {
    check(Native.loadWal(address));
  }

  /**
   * Makes what was read the newest version of the database. Waits for the write lock for that long at the most. Returns
   * the number of frames that were taken from the write-ahead log.
   */
  long publish(long busyTimeoutMillis) {
    check(Native.loadFinish(address));
    long frames = Native.loadFrames(address);
    long start = System.nanoTime();
    long most = TimeUnit.MILLISECONDS.toMicros(Math.min(busyTimeoutMillis, Integer.MAX_VALUE));
    int result;
    while ((result = Native.publish(store, name, address, 0)) == Native.MV_BUSY) {
      long waited = TimeUnit.NANOSECONDS.toMicros(System.nanoTime() - start);
      if (waited >= most || awaitWriteLock(most - waited) == WriteLockWait.TIMED_OUT) {
        throw busy(most);
      }
    }
    check(result);
    address = 0;
    return frames;
  }

  private WriteLockWait awaitWriteLock(long micros) {
    WriteLockWait wait = handle.awaitWriteLock(() -> newWaiter(micros), this);
    if (wait == WriteLockWait.CANCELLED) {
      handle.checkOpen();
      throw SqliteException.of(SqliteCodes.INTERRUPT,
          "interrupted: the thread was, while it waited for the connection that is writing database "
              + Text.quote(database) + " of " + handle.name + "; the database keeps its content");
    }
    return wait;
  }

  /** Returns a new mv_waiter; zero if the database was deleted, so that there is nothing to wait for. */
  private long newWaiter(long micros) {
    long waiter = Native.loadWaiter(store, name, address, micros, out);
    if (waiter == 0 && out[0] != Native.MV_NOTFOUND) {
      check(out[0]);
    }
    return waiter;
  }

  private SqliteException busy(long micros) {
    return SqliteException.of(SqliteCodes.BUSY, "database " + Text.quote(database) + " of " + handle.name
        + " is being written by another connection, "
        + (micros == 0 ? "and the busy timeout is 0"
            : "and still was after the busy timeout of " + micros / 1000 + " ms") + "; it keeps its content");
  }

  private void check(int result) {
    switch (result) {
      case Native.MV_OK:
        return;
      case Native.MV_NOTADB:
        throw SqliteException.of(SqliteCodes.NOTADB, message());
      case Native.MV_TRUNCATED:
        throw SqliteException.of(SqliteCodes.CORRUPT, message());
      default:
        throw handle.error(store, result, database);
    }
  }

  private String message() {
    return "cannot load database " + Text.quote(database) + ": " + Text.decode(Native.loadMessage(address));
  }

  /** Drops what was read, unless it was published. */
  @Override
  public void close() {
    if (address != 0) {
      Native.loadDrop(address);
      address = 0;
    }
  }
}
