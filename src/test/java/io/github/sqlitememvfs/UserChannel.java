package io.github.sqlitememvfs;

import java.nio.channels.Channel;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;

/** A channel that is not the platform's; who is given it must not close it. */
abstract class UserChannel implements Channel {

  abstract static class Source extends UserChannel implements ReadableByteChannel {
  }

  abstract static class Sink extends UserChannel implements WritableByteChannel {
  }

  @Override
  public boolean isOpen() {
    return true;
  }

  @Override
  public void close() {
    throw new AssertionError("not theirs to close");
  }
}
