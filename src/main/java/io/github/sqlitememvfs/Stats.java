package io.github.sqlitememvfs;

import java.util.Map;

/**
 * What a {@link MemoryVfs} holds, at the moment of the call that returned this. Immutable.
 *
 * <p>Databases that were deleted, but that a connection or a snapshot still uses, are counted in all but
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
   * Memory taken by blocks and their tables: of all versions that are kept, of transactions that are not yet
   * committed and of databases that are being read in. It is what {@link #maxBytes} limits.
   *
   * @return bytes
   */
  public long bytesInUse() {
    return bytesInUse;
  }

  /**
   * Memory taken from the system for blocks, used or not.
   *
   * @return bytes
   */
  public long bytesReserved() {
    return bytesReserved;
  }

  /**
   * The limit of {@link #bytesInUse}.
   *
   * @return bytes, or 0 if there is none
   */
  public long maxBytes() {
    return maxBytes;
  }

  /**
   * Blocks in use.
   *
   * @return their number
   */
  public long blocks() {
    return blocks;
  }

  /**
   * Versions that are kept in memory, the newest of each database included.
   *
   * @return their number
   */
  public long versions() {
    return versions;
  }

  /**
   * References to versions: by connections that read, snapshots, streams and forks.
   *
   * @return their number
   */
  public long pins() {
    return pins;
  }

  /**
   * Forks that still hold on to the version that they were made of.
   *
   * @return their number
   */
  public long forks() {
    return forks;
  }

  /**
   * Databases that have a name.
   *
   * @return their number
   */
  public int databases() {
    return databases;
  }

  /**
   * The same for each database that has a name. Taken one after the other: with writers at work, the numbers need not
   * add up to those of the whole.
   *
   * @return an unmodifiable map by name, in the order of {@link MemoryVfs#databases}
   */
  public Map<String, DatabaseStats> perDatabase() {
    return perDatabase;
  }

  @Override
  public String toString() {
    return "Stats[bytesInUse=" + bytesInUse + ", bytesReserved=" + bytesReserved + ", maxBytes=" + maxBytes + ", blocks="
        + blocks + ", versions=" + versions + ", pins=" + pins + ", forks=" + forks + ", databases=" + databases
        + ", perDatabase=" + perDatabase + "]";
  }
}
