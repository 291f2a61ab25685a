package io.github.sqlitememvfs.junit;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.Snapshot;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * What forks are made of, and where they live; or why it could not be made.
 *
 * <p>What is put into one of JUnit's stores is closed with it: a {@code CloseableResource} by JUnit before 5.13, which
 * later ones deprecate, and an {@code AutoCloseable} from then on. What is both is closed once, by all.
 */
@SuppressWarnings("deprecation")
final class Template implements ExtensionContext.Store.CloseableResource, AutoCloseable {
  /** The name of its database while it is made. */
  private static final String NAME = "template";

  /** Null if it was made. */
  final Throwable failure;

  private final MemoryVfs vfs;

  /** What the source made. Its database is deleted, so that no test can change it. Null if it was not made. */
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
    } catch (Exception | AssertionError | LinkageError e) { // no other errors: what the JVM is short of, the next test may have
      failure = e;
    } finally {
      if (content == null) {
        vfs.close();
      }
    }
    return new Template(vfs, content, failure);
  }

  /** Whether a test has closed what is not its own. */
  boolean isClosed() {
    return vfs.isClosed();
  }

  /** A fork of another fork, or, without one, of the template. */
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
