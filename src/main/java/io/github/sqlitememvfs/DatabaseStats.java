package io.github.sqlitememvfs;

/**
 * What one database holds, at the moment of the call that returned this. Immutable.
 *
 * <p>Blocks that a fork shares with its origin are counted in the origin, not in the fork.
 */
public final class DatabaseStats {
  private final long size;
  private final long version;
  private final int blockSize;
  private final long bytesInUse;
  private final long blocks;
  private final long versions;
  private final long pins;
  private final long forks;

  /** Takes the array that {@link Native#databaseStats} fills. */
  DatabaseStats(long[] values) {
    bytesInUse = values[0];
    blocks = values[3];
    versions = values[4];
    pins = values[5];
    forks = values[6];
    size = values[8];
    version = values[9];
    blockSize = (int) values[10];
  }

  /**
   * Size of the newest version: what serializing it gives.
   *
   * @return bytes
   */
  public long size() {
    return size;
  }

  /**
   * Number of the newest version. It rises with every commit.
   *
   * @return the number
   */
  public long version() {
    return version;
  }

  /**
   * Size of the blocks that the database is made of.
   *
   * @return bytes, or 0 for an empty database that takes the page size of its first commit
   */
  public int blockSize() {
    return blockSize;
  }

  /**
   * Memory taken by blocks and their tables: of all versions that are kept, and of a transaction that is not yet
   * committed.
   *
   * @return bytes
   */
  public long bytesInUse() {
    return bytesInUse;
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
   * Versions that are kept in memory, the newest included.
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
   * Forks made of versions of it that still hold on to that version.
   *
   * @return their number
   */
  public long forks() {
    return forks;
  }

  @Override
  public String toString() {
    return "DatabaseStats[size=" + size + ", version=" + version + ", blockSize=" + blockSize + ", bytesInUse=" + bytesInUse
        + ", blocks=" + blocks + ", versions=" + versions + ", pins=" + pins + ", forks=" + forks + "]";
  }
}
