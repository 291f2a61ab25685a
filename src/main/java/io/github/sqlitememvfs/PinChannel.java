package io.github.sqlitememvfs;

import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;

/** A channel that reads the version of a {@link Snapshot}, and refuses writes. */
final class PinChannel implements SeekableByteChannel {
  private final PinHandle pin;

  /** Stays reachable, and so open, while this object is. */
  private final Snapshot parent;

  /** Under the monitor. */
  private long position;

  /** Under the monitor. */
  private boolean closed;

  PinChannel(PinHandle pin, Snapshot parent) {
    this.pin = pin;
    this.parent = parent;
    pin.checkOpen();
  }

  @Override
  public synchronized int read(ByteBuffer to) throws ClosedChannelException {
    checkOpen();
    if (to.isReadOnly()) {
      throw new IllegalArgumentException("the buffer is read-only");
    }
    if (position >= pin.size()) {
      return -1;
    }
    int n = to.hasRemaining() ? pin.read(position, to) : 0;
    position += n;
    Cleanup.keepAlive(parent);
    return n;
  }

  @Override
  public synchronized int write(ByteBuffer from) throws ClosedChannelException {
    checkOpen();
    throw new NonWritableChannelException();
  }

  @Override
  public synchronized long position() throws ClosedChannelException {
    checkOpen();
    return position;
  }

  @Override
  public synchronized SeekableByteChannel position(long newPosition) throws ClosedChannelException {
    checkOpen();
    if (newPosition < 0) {
      throw new IllegalArgumentException("position is negative: " + newPosition);
    }
    position = newPosition;
    return this;
  }

  @Override
  public synchronized long size() throws ClosedChannelException {
    checkOpen();
    return pin.size();
  }

  @Override
  public synchronized SeekableByteChannel truncate(long size) throws ClosedChannelException {
    checkOpen();
    throw new NonWritableChannelException();
  }

  @Override
  public synchronized boolean isOpen() {
    return !closed;
  }

  @Override
  public synchronized void close() {
    closed = true;
  }

  private void checkOpen() throws ClosedChannelException {
    if (closed) {
      throw new ClosedChannelException();
    }
    pin.checkOpen();
  }
}
