package io.github.sqlitememvfs;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.channels.Channel;
import java.nio.channels.IllegalBlockingModeException;
import java.nio.channels.SelectableChannel;
import java.nio.channels.WritableByteChannel;

/** Writes versions to streams and channels, and holds what reading and writing have in common. */
final class Transfer {
  /** Size of a buffer that bytes are copied through: few calls, and it still fits into the processor's cache. */
  static final int BUFFER_BYTES = 256 * 1024;

  /**
   * Size of that buffer for a stream of unknown length, until it has given {@link #SMALL_BYTES}: a small load spends
   * more on a new array than on calls.
   */
  static final int SMALL_BUFFER_BYTES = 64 * 1024;

  static final int SMALL_BYTES = 1024 * 1024;

  /** Fewest bytes of the store's memory in one piece that a channel reads or writes in place. */
  static final int MIN_DIRECT_BYTES = 32 * 1024;

  /** Most bytes of it that a channel is given at once. */
  static final int MAX_DIRECT_BYTES = 4 * 1024 * 1024;

  /** Most calls in a row in which a channel may move nothing. */
  private static final int MAX_EMPTY = 1000;

  private Transfer() {}

  /** Counts how often in a row a channel moved nothing, and throws if that is too often. */
  static final class StallCheck {
    private int empty;

    void moved(int n, Channel channel) throws IOException {
      if (n > 0) {
        empty = 0;
      } else if (++empty > MAX_EMPTY) {
        throw new IOException("channel " + channel.getClass().getName() + " moved no byte in " + MAX_EMPTY
            + " calls; is it in non-blocking mode?");
      } else {
        Thread.yield();
      }
    }
  }

  /** Refuses a channel in non-blocking mode, as the JDK's own streams over channels do. */
  static void checkBlocking(Channel channel) {
    if (channel instanceof SelectableChannel && !((SelectableChannel) channel).isBlocking()) {
      throw new IllegalBlockingModeException();
    }
  }

  /**
   * Whether the channel's class comes with the platform. Such a channel does not keep a buffer, while another could use
   * it after its memory was freed. The class loader alone is no proof: proxies and agents can have the platform's.
   */
  static boolean isOfPlatform(Channel channel) {
    Class<?> type = channel.getClass();
    boolean named = type.getName().startsWith("sun.nio.ch.") || type.getName().startsWith("java.nio.");
    return named && type.getClassLoader() == Object.class.getClassLoader() && !Proxy.isProxyClass(type);
  }

  /** Writes the whole version to a stream. Throws if the pin is closed, also half-way. */
  static void write(PinHandle pin, OutputStream out) throws IOException {
    write(pin, 0, pin.size(), out);
  }

  /** Writes the version's bytes between two offsets, which it must have, to a stream. */
  static void write(PinHandle pin, long from, long end, OutputStream out) throws IOException {
    byte[] buffer = new byte[(int) Math.min(BUFFER_BYTES, Math.max(1, end - from))];
    pin.checkOpen();
    long offset = from;
    for (int n; offset < end; offset += n) {
      n = pin.read(offset, buffer, 0, (int) Math.min(buffer.length, end - offset));
      out.write(buffer, 0, n);
    }
  }

  /**
   * Writes the whole version to a channel. Throws if the pin is closed, also half-way. How many bytes the channel has
   * taken is seen at the buffer's position, whatever it returns.
   */
  static void write(PinHandle pin, WritableByteChannel out) throws IOException {
    checkBlocking(out);
    pin.checkOpen();
    boolean direct = isOfPlatform(out);
    ByteBuffer buffer = null;
    StallCheck stalls = new StallCheck();
    long offset = 0;
    while (offset < pin.size()) {
      long version = pin.acquire(); // keeps the block's memory while the channel reads it
      try {
        ByteBuffer bytes = direct ? Native.versionSpan(version, offset, MIN_DIRECT_BYTES, MAX_DIRECT_BYTES) : null;
        if (bytes != null) {
          bytes = bytes.asReadOnlyBuffer();
        } else {
          if (buffer == null) {
            buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
          }
          buffer.clear();
          buffer.limit(Native.versionReadDirect(version, offset, buffer, 0, BUFFER_BYTES));
          bytes = direct ? buffer : buffer.asReadOnlyBuffer();
        }
        while (bytes.hasRemaining()) {
          int before = bytes.position();
          out.write(bytes);
          int n = bytes.position() - before;
          if (n < 0) {
            throw new IOException("channel " + out.getClass().getName() + " moved the buffer's position back");
          }
          offset += n;
          stalls.moved(n, out);
        }
      } finally {
        pin.release();
      }
    }
  }
}
