package io.github.sqlitememvfs;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/**
 * A stream of the bytes of a pinned version, or of a range of them. It owns the pin and closes it, or the pin is that
 * of a {@link Snapshot}.
 *
 * <p>{@link #mark} and {@link #reset} work without limit. A stream that owns its pin closes it at the end of the
 * stream, unless it is marked.
 */
final class PinInputStream extends InputStream {
  private static final int ONE = 1;

  private final PinHandle pin;

  /** Stays reachable, and so open, while this object is. */
  private final Object parent;

  /** Closes the pin if this object owns it and is forgotten; null if it does not own it. */
  private final Cleanup cleanup;

  /** Where the range ends in the version. */
  private final long end;

  /** All mutable fields are under the monitor. */
  private final byte[] one = new byte[ONE];

  private long position;
  private long mark;
  private boolean marked;
  private boolean ended;
  private boolean closed;

  private PinInputStream(PinHandle pin, Object parent, boolean own, long offset, long length) {
    this.pin = pin;
    this.parent = parent;
    this.end = offset + length;
    this.position = offset;
    this.mark = offset;
    this.cleanup = own ? Cleanup.register(this, pin::close) : null;
  }

  /** Makes a stream on a pin that another object closes. The range must lie within the version. */
  static PinInputStream shared(PinHandle pin, Object parent, long offset, long length) {
    pin.checkOpen();
    return new PinInputStream(pin, parent, false, offset, length);
  }

  /** Makes a stream that owns the pin. */
  static PinInputStream owning(PinHandle pin, Object parent) {
    return new PinInputStream(pin, parent, true, 0, pin.size());
  }

  @Override
  public synchronized int read() throws IOException {
    return read(one, 0, ONE) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public synchronized int read(byte[] to, int start, int n) throws IOException {
    if (start < 0 || n < 0 || n > to.length - start) {
      throw new IndexOutOfBoundsException("start " + start + ", length " + n + ", array of " + to.length);
    }
    checkOpen();
    if (n == 0) {
      return 0;
    }
    int got = ended ? 0 : pin.read(position, to, start, (int) Math.min(n, end - position));
    position += got;
    if (got == 0) {
      end();
    }
    Cleanup.keepAlive(parent);
    Cleanup.keepAlive(this);
    return got == 0 ? -1 : got;
  }

  @Override
  public synchronized long skip(long n) throws IOException {
    checkOpen();
    long skipped = Math.max(0, Math.min(n, end - position));
    position += skipped;
    return skipped;
  }

  @Override
  public synchronized int available() throws IOException {
    checkOpen();
    return (int) Math.min(end - position, Integer.MAX_VALUE);
  }

  @Override
  public boolean markSupported() {
    return true;
  }

  @Override
  public synchronized void mark(int limit) {
    mark = position;
    marked = true;
  }

  /** Goes back to the mark, or else to the start. */
  @Override
  public synchronized void reset() throws IOException {
    checkOpen();
    if (ended) {
      throw new IOException("the stream was read to its end, without a mark, and has given its data back");
    }
    position = mark;
  }

  /** Overrides Java 9's method. */
  public synchronized long transferTo(OutputStream out) throws IOException {
    checkOpen();
    long start = position;
    if (!ended) {
      Transfer.write(pin, position, end, out);
      position = end;
      end();
    }
    Cleanup.keepAlive(this);
    return position - start;
  }

  @Override
  public synchronized void close() {
    closed = true;
    closePin();
  }

  private void checkOpen() throws IOException {
    if (closed) {
      throw new IOException("stream is closed");
    }
    if (!ended) {
      pin.checkOpen();
    }
  }

  private void end() {
    if (cleanup != null && !marked) {
      ended = true;
      closePin();
    }
  }

  private void closePin() {
    if (cleanup != null) {
      cleanup.cancel();
      pin.close();
    }
  }
}
