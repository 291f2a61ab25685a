package io.github.sqlitememvfs.cli;

import io.github.sqlitememvfs.MemoryVfs;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * A database file with what SQLite may have left beside it: a write-ahead log ({@code -wal}), which holds its newest
 * transactions, or a rollback journal ({@code -journal}) of a transaction that did not end.
 */
final class DatabaseFile {
  /** What a rollback journal that is to be played back begins with: https://sqlite.org/fileformat2.html#the_rollback_journal. */
  private static final byte[] JOURNAL_MAGIC = {(byte) 0xd9, (byte) 0xd5, 0x05, (byte) 0xf9, 0x20, (byte) 0xa1, 0x63, (byte) 0xd7};

  private DatabaseFile() {}

  /** Loads it; in: its bytes; say: is told what was taken in beside it. */
  static void load(MemoryVfs vfs, String database, Path file, InputStream in, Consumer<String> say) throws IOException {
    Path wal = beside(file, "-wal");
    Path journal = beside(file, "-journal");
    if (Files.size(file) > 0 && isHot(journal)) {
      throw new IOException("a transaction on it did not end, or is going on: there is " + journal
          + "; to roll it back, open it once with SQLite, as by: sqlite3 " + file + " .schema");
    }
    if (!Files.isRegularFile(wal) || Files.size(wal) == 0) {
      vfs.deserialize(database, in);
      return;
    }
    List<FileTime> before = times(file, wal);
    long frames;
    try (InputStream log = Files.newInputStream(wal)) {
      frames = vfs.deserialize(database, in, log);
    }
    if (!before.equals(times(file, wal))) {
      throw new IOException("it was written while it was read, and its -wal file may belong to another moment; stop whoever writes it, or take a copy by: sqlite3 "
          + file + " \"VACUUM INTO 'copy.db'\"");
    }
    say.accept("sqlite-memory-vfs: " + file + ": took " + (frames == 1 ? "1 page" : frames + " pages") + " from its write-ahead log " + wal);
  }

  private static Path beside(Path file, String suffix) {
    return file.resolveSibling(file.getFileName() + suffix);
  }

  /** As SQLite sees it; one that was finished is empty, or its head was overwritten with zeros. */
  private static boolean isHot(Path journal) throws IOException {
    if (!Files.isRegularFile(journal)) {
      return false;
    }
    try (InputStream in = Files.newInputStream(journal)) {
      return Arrays.equals(in.readNBytes(JOURNAL_MAGIC.length), JOURNAL_MAGIC);
    }
  }

  private static List<FileTime> times(Path... files) throws IOException {
    List<FileTime> times = new ArrayList<>();
    for (Path file : files) {
      times.add(Files.isRegularFile(file) ? Files.getLastModifiedTime(file) : FileTime.fromMillis(-1));
    }
    return times;
  }
}
