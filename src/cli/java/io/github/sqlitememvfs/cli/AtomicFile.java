package io.github.sqlitememvfs.cli;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.UUID;

/**
 * A file that is there whole or not at all: written beside its target, forced to disk, renamed over it by {@link #commit}. Closed
 * without commit it leaves what was there before. A target that is no regular file (a pipe, a device) is written directly.
 *
 * <p>One thread writes and commits. Another may close it at any time, when the process is told to stop: the writer fails then.
 */
final class AtomicFile implements AutoCloseable {
  private static final String PREFIX = ".sqlite-memory-vfs-";
  private static final String SUFFIX = ".tmp";

  private final Path target;
  private final Path temporary; // null: direct
  private final FileChannel channel;
  private boolean done; // under this

  private AtomicFile(Path target, Path temporary, FileChannel channel) {
    this.target = target;
    this.temporary = temporary;
    this.channel = channel;
  }

  /** Fails if the file surely cannot be written, so that nobody waits for a result that is lost. */
  static void check(Path path) throws IOException {
    if (isStream(path)) {
      if (!Files.isWritable(path)) {
        throw new AccessDeniedException(path.toString());
      }
      return;
    }
    Path target = followLinks(path);
    Path folder = folder(target);
    if (!Files.exists(folder)) {
      throw new NoSuchFileException(folder.toString());
    }
    if (!Files.isDirectory(folder)) {
      throw new NotDirectoryException(folder.toString());
    }
    try {
      BasicFileAttributes there = Files.readAttributes(target, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      if (there.isDirectory()) {
        throw new IOException("it is a directory");
      }
      if (!Files.isWritable(target)) { // renaming over it would succeed
        throw new AccessDeniedException(target.toString());
      }
    } catch (NoSuchFileException e) {
      // it will be made
    }
    Files.delete(Files.createTempFile(folder, PREFIX, SUFFIX)); // no other question is answered right by every file system
  }

  static AtomicFile create(Path path) throws IOException {
    check(path);
    if (isStream(path)) {
      // Appended, so that /dev/stderr does not overwrite what a log file has already.
      return new AtomicFile(path, null, FileChannel.open(path, StandardOpenOption.WRITE, StandardOpenOption.APPEND));
    }
    Path target = followLinks(path);
    Path temporary = folder(target).resolve(PREFIX + UUID.randomUUID() + SUFFIX);
    FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    AtomicFile file = new AtomicFile(target, temporary, channel);
    if (Files.exists(target)) {
      try {
        Files.setPosixFilePermissions(temporary, Files.getPosixFilePermissions(target));
      } catch (UnsupportedOperationException e) {
        // a file system without them
      } catch (IOException e) {
        file.close();
        throw e;
      }
    }
    return file;
  }

  FileChannel channel() {
    return channel;
  }

  /** Makes what was written the content of the target. */
  synchronized void commit() throws IOException {
    if (done) {
      throw new IOException("stopped");
    }
    if (temporary == null) {
      channel.close();
    } else {
      channel.force(true);
      channel.close();
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      forceFolder();
    }
    done = true;
  }

  @Override
  public synchronized void close() throws IOException {
    if (!done) {
      done = true;
      channel.close();
      if (temporary != null) {
        Files.deleteIfExists(temporary);
      }
    }
  }

  /** Makes the rename itself last. Not every system lets a folder be opened; the content is safe without. */
  private void forceFolder() {
    try (FileChannel folder = FileChannel.open(folder(target), StandardOpenOption.READ)) {
      folder.force(true);
    } catch (IOException e) {
      // as above
    }
  }

  /** A pipe or a device, or /dev/stdout and the like, which may be a regular file that another program has open. */
  private static boolean isStream(Path path) {
    Path absolute = path.toAbsolutePath();
    return Files.exists(path) && !Files.isDirectory(path)
        && (!Files.isRegularFile(path) || absolute.startsWith("/dev") && !absolute.startsWith("/dev/shm")
            || absolute.startsWith("/proc"));
  }

  private static Path folder(Path target) {
    return target.toAbsolutePath().getParent();
  }

  /** What a chain of symbolic links ends at, there or not: the links stay. */
  static Path followLinks(Path path) throws IOException {
    Path target = path.toAbsolutePath();
    for (int i = 0; i < 40 && Files.isSymbolicLink(target); i++) {
      target = target.resolveSibling(Files.readSymbolicLink(target));
    }
    if (target.getFileName() == null) {
      throw new IOException("it is a directory");
    }
    return target;
  }
}
