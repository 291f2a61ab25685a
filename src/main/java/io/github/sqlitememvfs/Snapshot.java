package io.github.sqlitememvfs;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;

/**
 * A snapshot: keeps one committed version of a database, which never changes. Taking one costs the same for 1 MB and
 * for 10 GB: nothing is copied. A snapshot neither waits for writers nor makes them wait.
 *
 * <p><b>Memory.</b> A snapshot keeps the blocks that later commits have replaced, if no older snapshot keeps them
 * already. So an old snapshot of a database that is written a lot costs up to its own size.
 *
 * <p><b>Threads.</b> Any number of threads may use a snapshot, each with a stream or channel of its own.
 *
 * <p><b>Closing.</b> The caller closes a snapshot, or its {@link MemoryVfs} does, which it keeps alive. It stays whole
 * when its database is replaced or deleted. A snapshot that is forgotten, together with its streams and channels, is
 * closed after the garbage collector found it.
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

  /** {@return the name of the database whose version this is; after close, too} */
  public String database() {
    return database;
  }

  /** {@return the size in bytes: how many its streams give} */
  public long size() {
    pin.checkOpen();
    return pin.size();
  }

  /** {@return the number of the version, which rises with every commit of the database} */
  public long version() {
    pin.checkOpen();
    return pin.number();
  }

  /**
   * Returns a new stream of the bytes, from the start. It can be marked and reset without limit. A closed stream throws
   * an {@link IOException} as streams do.
   *
   * @return the stream; not closing it costs nothing
   */
  public InputStream newInputStream() {
    InputStream stream = PinInputStream.shared(pin, this, 0, pin.size());
    Cleanup.keepAlive(this);
    return stream;
  }

  /**
   * Returns a new stream of a range of the bytes, such as a part of an upload. Costs the same wherever the range lies.
   * The stream is otherwise as that of {@link #newInputStream()}; without a mark, reset goes to the first byte of the
   * range.
   *
   * @param offset of the first byte
   * @param length number of bytes
   * @return the stream; not closing it costs nothing
   * @throws IndexOutOfBoundsException if the snapshot does not have all these bytes
   */
  public InputStream newInputStream(long offset, long length) {
    if (offset < 0 || length < 0 || length > pin.size() - offset) {
      throw new IndexOutOfBoundsException(
          "offset " + offset + ", length " + length + ", snapshot of " + pin.size() + " bytes");
    }
    InputStream stream = PinInputStream.shared(pin, this, offset, length);
    Cleanup.keepAlive(this);
    return stream;
  }

  /**
   * Returns a new channel that reads the bytes, at position 0. A position beyond the end is allowed. Writing throws a
   * {@link java.nio.channels.NonWritableChannelException}, a closed channel a {@link
   * java.nio.channels.ClosedChannelException} as channels do.
   *
   * @return the channel; not closing it costs nothing
   */
  public SeekableByteChannel newByteChannel() {
    SeekableByteChannel channel = new PinChannel(pin, this);
    Cleanup.keepAlive(this);
    return channel;
  }

  /**
   * Writes all bytes to a stream, which stays open and is not flushed.
   *
   * @param out where the bytes go
   * @throws IOException if the stream throws it
   * @throws IllegalStateException if the snapshot is closed, also half-way
   */
  public void writeTo(OutputStream out) throws IOException {
    Transfer.write(pin, out);
    Cleanup.keepAlive(this);
  }

  /**
   * Writes all bytes to a channel, at its current position. The channel stays open, unless the thread is interrupted:
   * that closes the platform's channels, with a {@link java.nio.channels.ClosedByInterruptException}. To those, such as
   * files and sockets, the bytes go without a copy through the Java heap.
   *
   * @param out where the bytes go, in blocking mode
   * @throws IOException if the channel throws it
   * @throws java.nio.channels.IllegalBlockingModeException if the channel is in non-blocking mode
   * @throws IllegalStateException if the snapshot is closed, also half-way
   */
  public void writeTo(WritableByteChannel out) throws IOException {
    Transfer.write(pin, out);
    Cleanup.keepAlive(this);
  }

  /**
   * Creates a database of this version in the same {@link MemoryVfs}. Costs the same whatever the size: both share
   * blocks until one of them changes them. The fork stays when the snapshot is closed and when the origin is deleted.
   *
   * @param newName name of the new database
   * @throws IllegalArgumentException if there is a database of that name, or a database cannot have it
   * @throws SqliteException {@code SQLITE_NOMEM}
   */
  public void fork(String newName) {
    vfs.fork(pin, newName);
    Cleanup.keepAlive(this);
  }

  /**
   * Releases the version. Does not wait: a read that is under way in another thread ends well. Does nothing if the
   * snapshot is closed already.
   */
  @Override
  public void close() {
    cleanup.cancel();
    pin.close();
  }

  @Override
  public String toString() {
    return "Snapshot[version " + pin.number() + " of database " + Text.quote(database) + " of " + vfs.name() + ", "
        + pin.size() + " bytes]";
  }
}
