package io.github.sqlitememvfs;

/**
 * How a connection is opened. Immutable: each setter returns a changed copy.
 *
 * <pre>{@code
 * vfs.open("shop", OpenOptions.defaults().readOnly(true));
 * }</pre>
 */
public final class OpenOptions {
  /** The value of {@link #getBusyTimeout} that stands for the setting of the {@link MemoryVfs}. */
  public static final long BUSY_TIMEOUT_OF_VFS = -1;

  private static final OpenOptions DEFAULTS = new OpenOptions(false, false, BUSY_TIMEOUT_OF_VFS);

  private final boolean readOnly;
  private final boolean mustExist;
  private final long busyTimeout;

  private OpenOptions(boolean readOnly, boolean mustExist, long busyTimeout) {
    this.readOnly = readOnly;
    this.mustExist = mustExist;
    this.busyTimeout = busyTimeout;
  }

  /**
   * The defaults: reading and writing, a database that is not there is made, busy timeout of the {@link MemoryVfs}.
   *
   * @return the defaults
   */
  public static OpenOptions defaults() {
    return DEFAULTS;
  }

  /**
   * Whether the connection may only read. A read-only connection never makes a database: it must be there.
   *
   * @param value true to refuse writes with {@code SQLITE_READONLY}
   * @return a copy with that setting
   */
  public OpenOptions readOnly(boolean value) {
    return new OpenOptions(value, mustExist, busyTimeout);
  }

  /**
   * Whether opening a database that is not there is an error instead of making an empty one.
   *
   * @param value true to refuse with {@code SQLITE_CANTOPEN}
   * @return a copy with that setting
   */
  public OpenOptions mustExist(boolean value) {
    return new OpenOptions(readOnly, value, busyTimeout);
  }

  /**
   * How long a statement of the connection waits for another writer before it fails with a {@link
   * SqliteBusyException}.
   *
   * @param millis milliseconds; 0 not to wait
   * @return a copy with that setting
   * @throws IllegalArgumentException if it is negative
   */
  public OpenOptions busyTimeout(long millis) {
    return new OpenOptions(readOnly, mustExist, checkTimeout(millis));
  }

  /**
   * Whether the connection may only read.
   *
   * @return true if so
   */
  public boolean isReadOnly() {
    return readOnly;
  }

  /**
   * Whether the database must be there.
   *
   * @return true if so; a read-only connection needs it in any case
   */
  public boolean isMustExist() {
    return mustExist;
  }

  /**
   * How long statements wait for another writer.
   *
   * @return milliseconds, or {@link #BUSY_TIMEOUT_OF_VFS}
   */
  public long getBusyTimeout() {
    return busyTimeout;
  }

  @Override
  public String toString() {
    return "OpenOptions[readOnly=" + readOnly + ", mustExist=" + mustExist + ", busyTimeout="
        + (busyTimeout == BUSY_TIMEOUT_OF_VFS ? "of the VFS" : busyTimeout + " ms") + "]";
  }

  static long checkTimeout(long millis) {
    if (millis < 0) {
      throw new IllegalArgumentException("busy timeout is negative: " + millis + " ms");
    }
    return millis;
  }
}
