package io.github.sqlitememvfs;

import java.util.Iterator;
import java.util.NoSuchElementException;

/** The bytes of a pinned version as arrays. Owns the pin, until it is forgotten together with its iterators. */
final class PinChunks implements Iterable<byte[]> {
  private static final int CHUNK_BYTES = 256 * 1024;

  private final PinHandle pin;

  /** Stays reachable, and so open, while this object is. */
  private final MemoryVfs vfs;

  /** Takes over the pin. */
  PinChunks(PinHandle pin, MemoryVfs vfs) {
    this.pin = pin;
    this.vfs = vfs;
    Cleanup.register(this, pin::close);
  }

  @Override
  public Iterator<byte[]> iterator() {
    pin.checkOpen();
    return new Iterator<byte[]>() {
      private long offset;

      @Override
      public boolean hasNext() {
        return offset < pin.size();
      }

      @Override
      public byte[] next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        byte[] chunk = new byte[(int) Math.min(CHUNK_BYTES, pin.size() - offset)];
        offset += pin.read(offset, chunk, 0, chunk.length);
        Cleanup.keepAlive(PinChunks.this);
        return chunk;
      }
    };
  }

  @Override
  public String toString() {
    return "chunks of " + pin.size() + " bytes of " + vfs.name();
  }
}
