package io.github.sqlitememvfs.junit;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.Snapshot;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Keeps the content that forks are made from, and the {@link MemoryVfs} that has them; or why the content could not be
 * made.
 *
 * <p>JUnit closes what is put into one of its stores: before 5.13 a {@code CloseableResource}, which later versions
 * deprecate, and from then on an {@code AutoCloseable}. Every version closes an object that is both, once.
 */
@SuppressWarnings("deprecation")
final class Template implements ExtensionContext.Store.CloseableResource, AutoCloseable {
  /** The name of its database while it is made. */
  private static final String NAME = "template";

  /** Why the content could not be made; null if it was. */
  final Throwable failure;

  private final MemoryVfs vfs;

  /** The content, whose database is deleted, so that no test can change it. Null if it could not be made. */
  private final Snapshot content;

  private final AtomicLong forks = new AtomicLong();

  private Template(MemoryVfs vfs, Snapshot content, Throwable failure) {
    this.vfs = vfs;
    this.content = content;
    this.failure = failure;
  }

  static Template make(TemplateSource source, Class<?> test) {
    MemoryVfs vfs = MemoryVfs.create();
    Snapshot content = null;
    Throwable failure = null;
    try {
      vfs.open(NAME).close(); // so that it is there, whatever the source does
      source.fill(vfs, NAME, test);
      content = vfs.snapshot(NAME);
      vfs.delete(NAME);
    } catch (Exception | AssertionError | LinkageError e) { // no OutOfMemoryError: the next test may have the memory
      failure = e;
    } finally {
      if (content == null) {
        vfs.close();
      }
    }
    return new Template(vfs, content, failure);
  }

  /** Whether a test has closed the {@link MemoryVfs}, which is not its own. */
  boolean isClosed() {
    return vfs.isClosed();
  }

  /** Makes a fork of another fork, or, if that is null, of the template. */
  Fork fork(Fork origin) {
    String name = "test-" + forks.incrementAndGet();
    if (origin == null) {
      content.fork(name);
    } else {
      vfs.fork(origin.name, name);
    }
    return new Fork(vfs, name);
  }

  @Override
  public void close() {
    vfs.close();
  }
}
