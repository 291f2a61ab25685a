package io.github.sqlitememvfs;

import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.spi.AbstractInterruptibleChannel;

/**
 * Ends what a connection runs when the thread that runs it is interrupted ({@link OpenOptions#interruptible}).
 *
 * <p>{@link Thread#interrupt} informs nobody but interruptible channels: it closes the channel in which its thread
 * blocks. So each native call that may take long is made within such a channel ({@link Call}), which does no I/O. A
 * channel that was closed is not used again.
 *
 * <p>All methods are called under the connection's lock, but for {@link Call#implCloseChannel}: that runs in the thread
 * that interrupts. It may come late (since JDK 23), when the call has ended and another one runs. Then it does nothing.
 *
 * <p>Its C half: the timer ({@code mv_timer}) of src/main/c/engine, by src/main/c/jni/jni_connection.c.
 *
 * <p><b>Order of locks.</b> {@link Thread#interrupt} may hold a lock of the thread that it interrupts, which {@link
 * #begin} and {@link #end} take, too; then comes the connection's {@link ConnectionHandle#interruptMonitor}. So whoever
 * holds the monitor neither begins nor ends a call.
 */
final class ThreadInterrupts {
  /**
   * Looks of the timer that a thread may still run which was interrupted before its call began. The timer looks once in
   * a thousand of SQLite's instructions.
   */
  static final int LOOKS = 100;

  private static final int NOT_INTERRUPTED = -1;

  private final ConnectionHandle connection;

  /** A channel that is open and not in use; or null. */
  private Call spare;

  /** The channel of the call that runs; or null. Becomes null under the monitor. */
  private volatile Call running;

  /** Looks that the call has left if its thread was interrupted before. */
  private int looksLeft;

  /** Whether the timer knows of an interrupt. Written under the monitor, or by the call's own thread. */
  private volatile boolean timerInformed;

  /** Whether an interrupt has reached the last call. */
  private boolean reached;

  /** Whether calls that begin cannot be interrupted. */
  private boolean paused;

  ThreadInterrupts(ConnectionHandle connection) {
    this.connection = connection;
  }

  /** The channel that a native call is made within. */
  private final class Call extends AbstractInterruptibleChannel {
    private Thread thread;

    void enter() {
      thread = Thread.currentThread();
      begin(); // closes it at once if the thread is interrupted
    }

    /** Ends the call. Returns false if the channel was, or is about to be, closed. */
    boolean leave() {
      thread = null;
      try {
        end(true);
      } catch (AsynchronousCloseException e) { // the call itself returns how it ended
        return false;
      }
      return isOpen();
    }

    @Override
    protected void implCloseChannel() {
      if (Thread.currentThread() == thread) {
        timerInformed = true;
        Native.setLooksLeft(connection.timer, looksLeft);
        return;
      }
      synchronized (connection.interruptMonitor) {
        if (running == this && connection.countInterrupt()) {
          timerInformed = true;
          Native.interruptThread(connection.timer);
        }
      }
    }
  }

  /**
   * Notes that a native call of this thread begins. {@link #end} has to follow, also when this throws. looks: how many
   * the call has if the thread is interrupted already.
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

  /** Notes that the call has ended. */
  void end() {
    Call call = running;
    if (call == null) { // paused, or there was no memory for it
      return;
    }
    boolean open = call.leave();
    synchronized (connection.interruptMonitor) { // a thread that has found the call running is done with it then
      running = null;
    }
    if (open) {
      spare = call;
    }
    if (timerInformed) {
      timerInformed = false;
      reached = true;
      looksLeft = Math.max(0, Native.looksLeft(connection.timer));
      Native.setLooksLeft(connection.timer, NOT_INTERRUPTED);
    }
  }

  /** Sets whether calls that begin from now on cannot be interrupted. */
  void pause(boolean value) {
    paused = value;
  }

  /** Whether the last call, or its thread before the call, was interrupted. */
  boolean reached() {
    return reached;
  }

  /** Returns the looks that the last call has left. */
  int looksLeft() {
    return looksLeft;
  }
}
