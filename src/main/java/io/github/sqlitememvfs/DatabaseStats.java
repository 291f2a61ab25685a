package io.github.sqlitememvfs;

/**
 * Statistics of one database at the moment of the call that returned this: its memory, versions and pins. Immutable.
 *
 * <p>Blocks that a fork shares with its origin count for the origin, not for the fork.
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

  /** {@return the size of the newest version in bytes: how many serializing it gives} */
  public long size() {
    return size;
  }

  /** {@return the number of the newest version, which rises with every commit} */
  public long version() {
    return version;
  }

  /** {@return the size of a block in bytes; 0 for an empty database that takes the page size of its first commit} */
  public int blockSize() {
    return blockSize;
  }

  /**
   * {@return the bytes of memory that blocks and their tables take} They are those of all versions that are kept, and
   * of a write transaction that is not yet committed.
   */
  public long bytesInUse() {
    return bytesInUse;
  }

  /** {@return how many blocks are in use} */
  public long blocks() {
    return blocks;
  }

  /** {@return how many versions are kept in memory, the newest included} */
  public long versions() {
    return versions;
  }

  /**
   * {@return how many pins there are: references to versions by connections that read, snapshots, streams and forks}
   */
  public long pins() {
    return pins;
  }

  /** {@return how many forks of this database's versions still hold the version that they were made of} */
  public long forks() {
    return forks;
  }

  @Override
  public String toString() {
    return "DatabaseStats[size=" + size + ", version=" + version + ", blockSize=" + blockSize + ", bytesInUse="
        + bytesInUse + ", blocks=" + blocks + ", versions=" + versions + ", pins=" + pins + ", forks=" + forks + "]";
  }
}
