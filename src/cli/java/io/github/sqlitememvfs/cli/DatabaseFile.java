package io.github.sqlitememvfs.cli;

import io.github.sqlitememvfs.MemoryVfs;
import java.io.File;
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
    Path named = named(file);
    Path wal = beside(named, "-wal");
    Path journal = beside(named, "-journal");
    if (Files.size(file) > 0 && isHot(journal)) {
      throw new IOException("a transaction on it did not end, or is going on: there is " + journal
          + "; to roll it back, open it once with SQLite, as by: sqlite3 " + file + " .schema");
    }
    if (!hasContent(wal)) {
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

  /**
   * Fails if a database that is written to this file would be lost: SQLite would play a log or a journal of the old
   * database back over it when it opens the file. The file need not exist.
   */
  static void checkTarget(Path file) throws IOException {
    Path named = named(file);
    Path wal = beside(named, "-wal");
    if (hasContent(wal)) {
      throw leftOver(wal, "write-ahead log", "take it into its database first, as by: sqlite3 " + named
          + " \"PRAGMA wal_checkpoint(TRUNCATE)\"");
    }
    Path journal = beside(named, "-journal");
    if (isHot(journal)) {
      throw leftOver(journal, "journal of a transaction that did not end", "roll it back first, as by: sqlite3 "
          + named + " .schema");
    }
  }

  private static IOException leftOver(Path file, String what, String remedy) {
    return new IOException("there is " + file + ", a " + what + ", which SQLite would play back over the new database; "
        + remedy + ", or delete it if its database is gone");
  }

  /** The file that SQLite puts its other files beside. It follows symbolic links first, but not on Windows. */
  private static Path named(Path file) throws IOException {
    return Files.isSymbolicLink(file) && File.separatorChar == '/' ? AtomicFile.followLinks(file) : file;
  }

  private static boolean hasContent(Path wal) throws IOException {
    return Files.isRegularFile(wal) && Files.size(wal) > 0;
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
