package io.github.sqlitememvfs;

import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.spi.AbstractInterruptibleChannel;

/**
 * Ends what a connection runs when the thread that runs it is interrupted ({@link OpenOptions#interruptible}).
 *
 * <p>{@link Thread#interrupt} tells nobody but interruptible channels: it closes the one in which its thread is. So
 * each native call that may take long is such a channel ({@link Call}). One that was closed is not used again.
 *
 * <p>Used under the connection's lock, but for {@link Call#implCloseChannel}: that runs in the thread that interrupts.
 * It may come late (since JDK 23), when the call has ended and another one runs, and then does nothing.
 *
 * <p><b>Order of locks.</b> {@link Thread#interrupt} may hold a lock of the thread that it interrupts, which {@link
 * #begin} and {@link #end} take, too; then comes the connection's {@link ConnectionHandle#interruptMonitor}. So whoever
 * holds the monitor neither begins nor ends a call.
 */
final class ThreadInterrupts {
  /** What a thread that came interrupted may still do: a look is a thousand of SQLite's instructions. */
  static final int LOOKS = 100;

  private static final int NOT_INTERRUPTED = -1;

  private final ConnectionHandle connection;

  /** A channel that is open, and in which no call is; or null. */
  private Call spare;

  /** The call that runs; or null. Becomes null under the monitor. */
  private volatile Call running;

  /** Looks that are left to the call if its thread came interrupted. */
  private int looksLeft;

  /** Whether the timer was told of an interrupt. Written under the monitor, or by the call's own thread. */
  private volatile boolean told;

  private boolean reached;
  private boolean paused;

  ThreadInterrupts(ConnectionHandle connection) {
    this.connection = connection;
  }

  private final class Call extends AbstractInterruptibleChannel {
    private Thread thread;

    void enter() {
      thread = Thread.currentThread();
      begin(); // closes it at once if the thread is interrupted
    }

    /** False: it was, or is about to be, closed. */
    boolean leave() {
      thread = null;
      try {
        end(true);
      } catch (AsynchronousCloseException e) { // what came of the call is its own to say
        return false;
      }
      return isOpen();
    }

    @Override
    protected void implCloseChannel() {
      if (Thread.currentThread() == thread) {
        told = true;
        Native.setLooksLeft(connection.timer, looksLeft);
        return;
      }
      synchronized (connection.interruptMonitor) {
        if (running == this && connection.countInterrupt()) {
          told = true;
          Native.interruptThread(connection.timer);
        }
      }
    }
  }

  /**
   * A native call of this thread begins. {@link #end} has to follow, also when this throws. looks: if the thread comes
   * interrupted.
   */
  void begin(int looks) {
    reached = false;
    if (paused) {
      return;
    }
    looksLeft = looks;
    Call call = spare != null ? spare : new Call();
    spare = null;
    running = call;
    call.enter();
  }

  /** It has ended. */
  void end() {
    Call call = running;
    if (call == null) { // paused, or there was no memory for it
      return;
    }
    boolean open = call.leave();
    synchronized (connection.interruptMonitor) { // whoever has found it running is done
      running = null;
    }
    if (open) {
      spare = call;
    }
    if (told) {
      told = false;
      reached = true;
      looksLeft = Math.max(0, Native.looksLeft(connection.timer));
      Native.setLooksLeft(connection.timer, NOT_INTERRUPTED);
    }
  }

  /** Calls that begin from now on cannot be interrupted; or can again. */
  void pause(boolean value) {
    paused = value;
  }

  /** Whether the call that has ended last was interrupted, or its thread came so. */
  boolean reached() {
    return reached;
  }

  /** Looks that this call has left over. */
  int looksLeft() {
    return looksLeft;
  }
}
