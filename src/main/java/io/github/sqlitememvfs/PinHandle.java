package io.github.sqlitememvfs;

import java.nio.ByteBuffer;

/**
 * A pin: keeps one version of a database and reads its bytes, for a {@link Snapshot} or a stream with its own pin.
 *
 * <p>Any number of threads may read. Each read counts as a user. {@link #close} does not wait for them; after it, the
 * last user releases the version. All mutable fields are under the monitor.
 *
 * <p>Its C half: src/main/c/jni/jni_store.c, on the versions of src/main/c/store/version.c.
 */
final class PinHandle {
  final StoreHandle store;
  private final String what;
  private final long address;
  private final long size;
  private final long number;
  private int users;
  private boolean closed;

  /** Takes over the pin of an mv_version. what: how messages call the object whose pin it is. */
  PinHandle(StoreHandle store, String what, long address) {
    this.store = store;
    this.what = what;
    this.address = address;
    this.size = Native.versionSize(address);
    this.number = Native.versionNumber(address);
  }

  /** Returns the size of the version in bytes; after close, too. */
  long size() {
    return size;
  }

  /** Returns the number of the version; after close, too. */
  long number() {
    return number;
  }

  /** Returns the mv_version, which lives until {@link #release}. Throws if closed. */
  synchronized long acquire() {
    checkOpen();
    users++;
    return address;
  }

  void release() {
    boolean last;
    synchronized (this) {
      last = --users == 0 && closed;
    }
    if (last) {
      free();
    }
  }

  synchronized void checkOpen() {
    if (closed) {
      throw new IllegalStateException(what + " is closed");
    }
  }

  /** Refuses further reads, and releases the version if none is under way. Never waits. */
  void close() {
    boolean last;
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      last = users == 0;
    }
    if (last) {
      free();
    }
  }

  private void free() {
    Native.versionRelease(address);
    store.remove(this);
  }

  /** Copies up to n bytes, and returns how many there were. Throws if closed. */
  int read(long offset, byte[] to, int start, int n) {
    long version = acquire();
    try {
      return Native.versionRead(version, offset, to, start, n);
    } finally {
      release();
    }
  }

  /**
   * Copies as many bytes as there is room for, moves the position, and returns how many there were. Throws if closed.
   */
  int read(long offset, ByteBuffer to) {
    int start = to.position();
    int n;
    if (to.hasArray()) {
      n = read(offset, to.array(), to.arrayOffset() + start, to.remaining());
    } else {
      long version = acquire();
      try {
        n = Native.versionReadDirect(version, offset, to, start, to.remaining());
      } finally {
        release();
        Cleanup.keepAlive(to);
      }
    }
    to.position(start + n);
    return n;
  }
}
