package io.github.sqlitememvfs;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;

/**
 * One committed version of a database, kept. Making one costs the same for 1 MB and for 10 GB: nothing is copied. It
 * never changes, and neither waits for writers nor makes them wait.
 *
 * <p>Kept memory: the blocks that were replaced since, and that only this snapshot, or older ones, can still see. So
 * an old snapshot of a database that is written a lot costs up to its own size.
 *
 * <p><b>Threads.</b> Any number of threads may use a snapshot, each with a stream or channel of its own.
 *
 * <p><b>Closing.</b> By {@link #close}, or with the {@link MemoryVfs}, which it keeps alive. It stays whole when its
 * database is replaced or deleted. A snapshot that is forgotten, together with its streams and channels, is closed
 * after the garbage collector found it.
 *
 * <p><b>Errors.</b> All methods but {@code close}, {@code database} and {@code toString} throw an {@link
 * IllegalStateException} if the snapshot is closed; so do its streams and channels.
 */
public final class Snapshot implements AutoCloseable {
  private final MemoryVfs vfs;
  private final String database;
  private final PinHandle pin;
  private final Cleanup cleanup;

  /** Takes over the pin. */
  Snapshot(MemoryVfs vfs, String database, PinHandle pin) {
    this.vfs = vfs;
    this.database = database;
    this.pin = pin;
    this.cleanup = Cleanup.register(this, pin::close);
  }

  /**
   * Name of the database that it was made of. It may be asked for after close too.
   *
   * @return the name
   */
  public String database() {
    return database;
  }

  /**
   * Size: how many bytes its streams give.
   *
   * @return bytes
   * @throws IllegalStateException if the snapshot is closed
   */
  public long size() {
    pin.checkOpen();
    return pin.size();
  }

  /**
   * Number of the version. It rises with every commit, and differs between any two versions of the database.
   *
   * @return the number
   * @throws IllegalStateException if the snapshot is closed
   */
  public long version() {
    pin.checkOpen();
    return pin.number();
  }

  /**
   * A new stream of the bytes, from the start. It can be marked and reset without limit. Once closed, it throws an
   * {@link IOException} as streams do.
   *
   * @return the stream; not closing it costs nothing
   * @throws IllegalStateException if the snapshot is closed
   */
  public InputStream newInputStream() {
    InputStream stream = PinInputStream.shared(pin, this, 0, pin.size());
    Cleanup.keepAlive(this);
    return stream;
  }

  /**
   * A new stream of some of the bytes: a part of an upload in parts, or what was asked for by range. Costs the same
   * wherever the part lies. Otherwise as {@link #newInputStream()}; to reset without a mark goes to the first of them.
   *
   * @param offset of the first byte
   * @param length number of bytes
   * @return the stream; not closing it costs nothing
   * @throws IndexOutOfBoundsException if the snapshot does not have all these bytes
   * @throws IllegalStateException if the snapshot is closed
   */
  public InputStream newInputStream(long offset, long length) {
    if (offset < 0 || length < 0 || length > pin.size() - offset) {
      throw new IndexOutOfBoundsException("offset " + offset + ", length " + length + ", snapshot of " + pin.size() + " bytes");
    }
    InputStream stream = PinInputStream.shared(pin, this, offset, length);
    Cleanup.keepAlive(this);
    return stream;
  }

  /**
   * A new channel to read the bytes, at position 0. Writing is a {@link
   * java.nio.channels.NonWritableChannelException}; a position beyond the end is fine. Once closed, it throws a
   * {@link java.nio.channels.ClosedChannelException} as channels do.
   *
   * @return the channel; not closing it costs nothing
   * @throws IllegalStateException if the snapshot is closed
   */
  public SeekableByteChannel newByteChannel() {
    SeekableByteChannel channel = new PinChannel(pin, this);
    Cleanup.keepAlive(this);
    return channel;
  }

  /**
   * Writes all bytes to a stream, which stays open and is not flushed.
   *
   * @param out where to
   * @throws IOException if the stream throws it
   * @throws IllegalStateException if the snapshot is closed, also half-way
   */
  public void writeTo(OutputStream out) throws IOException {
    Transfer.write(pin, out);
    Cleanup.keepAlive(this);
  }

  /**
   * Writes all bytes to a channel, at its current position; it stays open, unless the thread is interrupted: that
   * closes the platform's channels, with a {@link java.nio.channels.ClosedByInterruptException}. To those, such as
   * files and sockets, the bytes go without a copy through the Java heap.
   *
   * @param out where to, in blocking mode
   * @throws IOException if the channel throws it
   * @throws java.nio.channels.IllegalBlockingModeException if the channel is in non-blocking mode
   * @throws IllegalStateException if the snapshot is closed, also half-way
   */
  public void writeTo(WritableByteChannel out) throws IOException {
    Transfer.write(pin, out);
    Cleanup.keepAlive(this);
  }

  /**
   * Makes a new database with this content in the same {@link MemoryVfs}. Costs the same whatever the size: blocks
   * are shared until either changes them. The fork stays when the snapshot is closed and when the origin is deleted.
   *
   * @param newName name of the new database
   * @throws IllegalArgumentException if there is a database of that name, or it cannot be one
   * @throws SqliteException {@code SQLITE_NOMEM}
   * @throws IllegalStateException if the snapshot is closed
   */
  public void fork(String newName) {
    vfs.fork(pin, newName);
    Cleanup.keepAlive(this);
  }

  /**
   * Lets go of the version. Does not wait: a read that is under way in another thread ends well. Does nothing if
   * closed already.
   */
  @Override
  public void close() {
    cleanup.cancel();
    pin.close();
  }

  @Override
  public String toString() {
    return "Snapshot[version " + pin.number() + " of database " + Text.quote(database) + " of " + vfs.name() + ", " + pin.size()
        + " bytes]";
  }
}
