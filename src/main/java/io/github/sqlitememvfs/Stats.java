package io.github.sqlitememvfs;

import java.util.Map;

/**
 * Statistics of a {@link MemoryVfs} at the moment of the call that returned this: memory, versions and pins. Immutable.
 *
 * <p>Databases that were deleted, but that a connection or a snapshot still uses, count in all but
 * {@link #databases} and {@link #perDatabase}.
 */
public final class Stats {
  private final long bytesInUse;
  private final long bytesReserved;
  private final long maxBytes;
  private final long blocks;
  private final long versions;
  private final long pins;
  private final long forks;
  private final int databases;
  private final Map<String, DatabaseStats> perDatabase;

  /** Takes the array that {@link Native#storeStats} fills, and an unmodifiable map. */
  Stats(long[] values, Map<String, DatabaseStats> perDatabase) {
    bytesInUse = values[0];
    bytesReserved = values[1];
    maxBytes = values[2];
    blocks = values[3];
    versions = values[4];
    pins = values[5];
    forks = values[6];
    databases = (int) values[7];
    this.perDatabase = perDatabase;
  }

  /**
   * {@return the bytes of memory that blocks and their tables take} They are those of all versions that are kept, of
   * write transactions that are not yet committed and of databases that are being read in. {@link #maxBytes} limits
   * them.
   */
  public long bytesInUse() {
    return bytesInUse;
  }

  /** {@return the bytes of memory taken from the system for blocks, used or not} */
  public long bytesReserved() {
    return bytesReserved;
  }

  /** {@return the limit of {@link #bytesInUse} in bytes; 0 if there is none} */
  public long maxBytes() {
    return maxBytes;
  }

  /** {@return how many blocks are in use} */
  public long blocks() {
    return blocks;
  }

  /** {@return how many versions are kept in memory, the newest of each database included} */
  public long versions() {
    return versions;
  }

  /**
   * {@return how many pins there are: references to versions by connections that read, snapshots, streams and forks}
   */
  public long pins() {
    return pins;
  }

  /** {@return how many forks still hold the version that they were made of} */
  public long forks() {
    return forks;
  }

  /** {@return how many databases have a name} */
  public int databases() {
    return databases;
  }

  /**
   * Returns the statistics of each database that has a name. They are taken one after the other: while others write,
   * the numbers need not add up to those of the whole.
   *
   * @return an unmodifiable map by name, in the order of {@link MemoryVfs#databases}
   */
  public Map<String, DatabaseStats> perDatabase() {
    return perDatabase;
  }

  @Override
  public String toString() {
    return "Stats[bytesInUse=" + bytesInUse + ", bytesReserved=" + bytesReserved + ", maxBytes=" + maxBytes
        + ", blocks=" + blocks + ", versions=" + versions + ", pins=" + pins + ", forks=" + forks
        + ", databases=" + databases + ", perDatabase=" + perDatabase + "]";
  }
}
