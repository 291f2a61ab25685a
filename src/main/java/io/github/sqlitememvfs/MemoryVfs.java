package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;

/**
 * A virtual file system that holds SQLite databases in memory. Nothing touches a disk: SQLite is built without file
 * systems of its own, such as {@code unix}, so that {@code ATTACH} and {@code VACUUM INTO} cannot name one either.
 *
 * <pre>{@code
 * try (MemoryVfs vfs = MemoryVfs.create()) {
 *   vfs.deserialize("shop", inputStream);
 *   try (SqliteConnection c = vfs.open("shop")) {
 *     c.execute("INSERT INTO orders(item) VALUES (?)", "tea");
 *   }
 *   vfs.serialize("shop", outputStream);
 * }
 * }</pre>
 *
 * <p><b>Databases</b> have names. A name has 1 to 1024 bytes of UTF-8, no NUL and no lone surrogate. {@code ":memory:"}
 * is none: it means a private database to SQLite. Names are compared exactly, and have no structure: {@code "../x"} and
 * {@code "a?b"} are names like others. In SQL, {@code ATTACH} wants a {@code file:} URI, in which special characters
 * are written as {@code %} and two hexadecimal digits.
 *
 * <p><b>Versions.</b> A database is a chain of immutable versions, and each commit makes the next one. Reading,
 * serializing, snapshots and forks use one committed version. They do not wait, and nobody waits for them. A version
 * costs memory for the blocks that differ from its neighbours. It is freed when nobody uses it any more.
 *
 * <p><b>Threads.</b> Any number of threads may use a {@code MemoryVfs}.
 *
 * <p><b>Closing.</b> The caller closes it by {@link #close}, which also closes all that was opened from it. Until then
 * its databases stay in memory. Connections, snapshots and streams keep it alive; when it is forgotten with all of
 * them, it is closed after the garbage collector found it.
 *
 * <p><b>Errors.</b> All methods but {@code close}, {@code name} and {@code isClosed} throw an {@link
 * IllegalStateException} if the {@code MemoryVfs} is closed. All methods that take the name of a database throw an
 * {@link IllegalArgumentException} if a database cannot have that name. If a database must be there but is not, they
 * throw a {@link SqliteException} with code {@code SQLITE_CANTOPEN} (14), which lists the databases that there are.
 */
public final class MemoryVfs implements AutoCloseable {
  private static final int SQLITE_OPEN_READONLY = 0x1;
  private static final int SQLITE_OPEN_READWRITE = 0x2;
  private static final int SQLITE_OPEN_CREATE = 0x4;
  private static final int SQLITE_OPEN_URI = 0x40;
  private static final int SQLITE_OPEN_NOMUTEX = 0x8000; // ConnectionHandle has a lock of its own
  private static final int SQLITE_OPEN_EXRESCODE = 0x2000000;

  private static final int MAX_NAME_BYTES = 1024;
  private static final int MIN_BLOCK = 512;
  private static final int MAX_BLOCK = 65536;
  private static final long DEFAULT_BUSY_TIMEOUT = 5000;

  /** A value of mmap_size above the maximum of any SQLite, which then takes its maximum. */
  private static final long JDBC_MMAP_SIZE = 1L << 46;

  private static final Pattern VFS_NAME = Pattern.compile("[A-Za-z0-9_.-]{1,64}");

  /**
   * Prefix of the names that are made: five random digits to the base of 36. A second class loader has a class of its
   * own, and one sqlite-jdbc may know the names of both.
   */
  private static final String NAME_PREFIX = "memory-"
      + Long.toString(ThreadLocalRandom.current().nextLong(36L * 36 * 36 * 36, 36L * 36 * 36 * 36 * 36), 36) + "-";

  private static final AtomicLong COUNTER = new AtomicLong();

  private final StoreHandle handle;
  private final long busyTimeout;
  private final Cleanup cleanup;

  private MemoryVfs(StoreHandle handle, long busyTimeout) {
    this.handle = handle;
    this.busyTimeout = busyTimeout;
    this.cleanup = Cleanup.register(this, handle::forget);
  }

  // ---- creation ----

  /**
   * Creates a {@code MemoryVfs} with a unique name and without a limit of bytes. The caller closes it.
   *
   * @return a new one, without databases
   * @throws UnsatisfiedLinkError if the native library cannot be loaded; it names everything that was tried
   * @throws SqliteException {@code SQLITE_NOMEM}
   */
  public static MemoryVfs create() {
    return builder().build();
  }

  /** {@return a builder for a new {@code MemoryVfs}, with the default settings} */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * {@return the version of the SQLite that is built in, such as {@code 3.54.1}}
   *
   * @throws UnsatisfiedLinkError if the native library cannot be loaded; it names everything that was tried
   */
  public static String sqliteVersion() {
    NativeLibrary.load();
    return Text.decode(Native.sqliteVersion());
  }

  /** Builds a {@link MemoryVfs} with settings. Used by one thread. */
  public static final class Builder {
    private String name;
    private int blockSize;
    private long maxBytes;
    private long busyTimeout = DEFAULT_BUSY_TIMEOUT;

    private Builder() {}

    /**
     * Sets the name under which SQLite knows the {@code MemoryVfs}, for {@code ATTACH 'file:other?vfs=NAME'}. Without
     * this setting, a unique name is made.
     *
     * @param name 1 to 64 of the characters A-Z, a-z, 0-9, underscore, dot and hyphen
     * @return this
     * @throws IllegalArgumentException if it is another text
     */
    public Builder name(String name) {
      if (!VFS_NAME.matcher(name).matches()) {
        throw new IllegalArgumentException("name of a MemoryVfs must be 1 to 64 of A-Z a-z 0-9 _ . - but is "
            + Text.quote(name));
      }
      this.name = name;
      return this;
    }

    /**
     * Sets the size of the blocks that databases are made of, the unit in which versions share memory. By default it is
     * the page size of each database, which suits nearly always.
     *
     * @param bytes a power of two from 512 to 65536, or 0 for the default
     * @return this
     * @throws IllegalArgumentException if it is another number
     */
    public Builder blockSize(int bytes) {
      if (bytes != 0 && (bytes < MIN_BLOCK || bytes > MAX_BLOCK || Integer.bitCount(bytes) != 1)) {
        throw new IllegalArgumentException("block size must be a power of two from " + MIN_BLOCK + " to " + MAX_BLOCK
            + " bytes, or 0 for the page size, but is " + bytes);
      }
      this.blockSize = bytes;
      return this;
    }

    /**
     * Limits the memory that all databases together may use, old versions included, and the size of each database. A
     * write beyond it fails with a {@link SqliteFullException}, and its transaction is rolled back. Memory that SQLite
     * takes besides does not count: temporary tables, sorts, caches, {@code ATTACH ':memory:'}.
     *
     * <p>The size of a database can be larger than its memory: pages that were never written take none. A corrupt
     * database can claim any number of them, which only this limit bounds.
     *
     * @param bytes the limit, or 0 for none (the default)
     * @return this
     * @throws IllegalArgumentException if it is negative
     */
    public Builder maxBytes(long bytes) {
      if (bytes < 0) {
        throw new IllegalArgumentException("limit of bytes is negative: " + bytes);
      }
      this.maxBytes = bytes;
      return this;
    }

    /**
     * Sets how long {@link MemoryVfs#deserialize(String, InputStream) deserialize} and statements wait for the write
     * lock before they fail with a {@link SqliteBusyException}. {@link OpenOptions#busyTimeout} sets it for one
     * connection.
     *
     * @param millis milliseconds; 0 not to wait; 5000 is the default
     * @return this
     * @throws IllegalArgumentException if it is negative
     */
    public Builder busyTimeout(long millis) {
      this.busyTimeout = OpenOptions.checkTimeout(millis);
      return this;
    }

    /**
     * Creates a {@link MemoryVfs} with these settings. The caller closes it.
     *
     * @return a new one, without databases
     * @throws IllegalArgumentException if the name is taken
     * @throws UnsatisfiedLinkError if the native library cannot be loaded; it names everything that was tried
     * @throws SqliteException {@code SQLITE_NOMEM}
     */
    public MemoryVfs build() {
      NativeLibrary.load();
      StoreHandle handle;
      if (name != null) {
        handle = StoreHandle.create(name, blockSize, maxBytes);
        if (handle == null) {
          throw new IllegalArgumentException("there is a VFS " + Text.quote(name) + " already");
        }
      } else {
        do {
          handle = StoreHandle.create(NAME_PREFIX + COUNTER.incrementAndGet(), blockSize, maxBytes);
        } while (handle == null); // null: a program gave that name to one of its own
      }
      try {
        return new MemoryVfs(handle, busyTimeout);
      } catch (Throwable e) { // no memory for it
        handle.close();
        throw e;
      }
    }
  }

  /** {@return the name under which SQLite knows it, as it was given or made; after close, too} */
  public String name() {
    return handle.name;
  }

  // ---- connections ----

  /**
   * Opens a connection for reading and writing. If there is no such database, an empty one is created. The caller
   * closes the connection.
   *
   * @param database its name
   * @return a new connection
   * @throws SqliteException if SQLite cannot open it
   */
  public SqliteConnection open(String database) {
    return open(database, OpenOptions.defaults());
  }

  /**
   * Opens a connection with options. The caller closes it.
   *
   * @param database its name
   * @param options say whether the connection may write, whether the database must be there, and how long statements
   *     wait
   * @return a new connection
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database and the options do not let it be
   *     created
   */
  public SqliteConnection open(String database, OpenOptions options) {
    byte[] utf8 = utf8(database);
    boolean readOnly = options.isReadOnly();
    boolean create = !readOnly && !options.isMustExist();
    int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        | (readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | (create ? SQLITE_OPEN_CREATE : 0);
    long timeout = options.getBusyTimeout() == OpenOptions.BUSY_TIMEOUT_OF_VFS ? busyTimeout : options.getBusyTimeout();
    if (!create) {
      checkExists(database, utf8);
    }
    ConnectionHandle connection =
        handle.open(database, uri(utf8).getBytes(US_ASCII), flags, options, (int) Math.min(timeout, Integer.MAX_VALUE));
    try {
      return new SqliteConnection(this, connection);
    } catch (Throwable e) { // no memory for it
      connection.close();
      throw e;
    }
  }

  // ---- JDBC ----

  /**
   * Returns the URL by which sqlite-jdbc (org.xerial:sqlite-jdbc, an optional dependency) opens a database: {@code
   * jdbc:sqlite:file:shop?vfs=NAME&resizable=1&mmap_size=...}. {@link MemoryDataSource} gives the same connections as a
   * {@link javax.sql.DataSource}. The first call loads this library into sqlite-jdbc's SQLite, which then knows every
   * {@code MemoryVfs}, also those that are created later.
   *
   * <p>Connections of both SQLites may be open at the same time, in any number and in any threads: they see the same
   * versions and wait for the same write lock. If there is no such database, the first connection creates it. {@link
   * OpenOptions}, hardening included, do not hold for connections of sqlite-jdbc, which have its own settings. {@code
   * mmap_size} in the URL lets sqlite-jdbc read pages in place, up to 2 GB of each database. {@code resizable} lets it
   * change the page size, by VACUUM and by {@code restore from} a file with pages of another size. If the content is
   * replaced by one with another text encoding (UTF-16, UTF-8), open connections of sqlite-jdbc give an error: open
   * them anew.
   *
   * <p>The URL keeps nothing alive. It is valid until this is closed, or forgotten. Connections that are open then go
   * on with the version that they have. The caller closes them.
   *
   * @param database its name
   * @return the URL, to which {@code &name=value} can be added for sqlite-jdbc's settings and SQLite's pragmas
   * @throws IllegalStateException if sqlite-jdbc is not there, or cannot load this library or its own
   */
  public String jdbcUrl(String database) {
    byte[] utf8 = utf8(database);
    handle.checkOpen();
    try {
      JdbcHost.load();
    } catch (NoClassDefFoundError e) {
      throw new IllegalStateException("JDBC is not all there, " + e.getMessage() + " is missing: on the module path"
          + " start java with --add-modules java.sql; sqlite-jdbc needs its own dependencies", e);
    }
    return "jdbc:sqlite:" + uri(utf8) + "?vfs=" + name() + "&resizable=1&mmap_size=" + JDBC_MMAP_SIZE;
  }

  // ---- bytes in ----

  /**
   * Reads the bytes of an SQLite database file from a stream, and makes them the content of a database.
   *
   * <p>If there is no such database, it is created. If there is, its content is replaced when the stream has ended, by
   * one commit: connections see the new content in their next transaction, and the old one in a transaction that is
   * open. Whatever goes wrong, the old content stays. The stream is read to its end and stays open.
   *
   * <p>A database in WAL mode becomes one in rollback mode. Its newest transactions may stand in its {@code -wal} file
   * only: {@link #deserialize(String, InputStream, InputStream)} takes that, too. Every other byte of the database
   * stays. Bytes behind the last page that the header tells of are no part of the database; SQLite does not read them,
   * and they are dropped. (Where the header does not tell, as in files of SQLite before 3.7, the whole file counts, and
   * a last page that is not whole ends in zeros.) An empty stream makes an empty database.
   *
   * <p>When the stream has ended, the call waits for the write lock, up to the {@linkplain Builder#busyTimeout busy
   * timeout}, parked. {@link Thread#interrupt} ends that wait with {@code SQLITE_INTERRUPT} (9). Whether it ends the
   * reading is up to the stream.
   *
   * @param database its name
   * @param in where the bytes come from; the stream of a file is copied through the Java heap, its channel is not
   * @throws IOException if the stream throws it
   * @throws SqliteCorruptException if the bytes are no SQLite database, or not all of one; the message says what is
   *     wrong and where
   * @throws SqliteBusyException if another connection held the write lock for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalStateException if this is closed, also half-way
   */
  public void deserialize(String database, InputStream in) throws IOException {
    require(in, "in");
    this.<IOException>load(database, load -> load.readFrom(in));
  }

  /**
   * Reads a database from a channel, with the effects and errors of {@link #deserialize(String, InputStream)}. The
   * bytes of a platform's channel, such as a file's or a socket's, are not copied through the Java heap. The channel is
   * read from its current position to its end and stays open, unless the thread is interrupted: that closes the
   * platform's channels, with a {@link java.nio.channels.ClosedByInterruptException}.
   *
   * @param database its name
   * @param in where the bytes come from, in blocking mode
   * @throws IOException if the channel throws it
   * @throws java.nio.channels.IllegalBlockingModeException if the channel is in non-blocking mode
   */
  public void deserialize(String database, ReadableByteChannel in) throws IOException {
    require(in, "in");
    this.<IOException>load(database, load -> load.readFrom(in));
  }

  /**
   * Reads a database from arrays, with the effects and errors of {@link #deserialize(String, InputStream)}. The arrays
   * may have any length, also 0, and are copied one after the other.
   *
   * @param database its name
   * @param chunks where the bytes come from; an exception of its iterator is passed on
   */
  public void deserialize(String database, Iterable<byte[]> chunks) {
    require(chunks, "chunks");
    this.<RuntimeException>load(database, load -> load.readFrom(chunks));
  }

  /**
   * Reads a database in WAL mode together with its write-ahead log, the {@code -wal} file beside it, with the effects
   * and errors of {@link #deserialize(String, InputStream)}. The newest transactions stand in the log until a
   * checkpoint, which SQLite makes when the last connection is closed. The log is read as SQLite reads it after a
   * crash: up to the last transaction that is complete and whose checksums are right. The log may be empty; it is not
   * read if the database is empty.
   *
   * <p>Both files must be of one moment. Nobody may write the database or make a checkpoint while they are read.
   *
   * <p>A {@code -journal} file is something else. It holds what an unfinished transaction has overwritten. While there
   * is one that is not empty, the database is not complete without it. Opening the database with SQLite, as by {@code
   * sqlite3 FILE .schema}, rolls that transaction back.
   *
   * @param database its name
   * @param in where the bytes of the database come from
   * @param wal where those of the log come from; read when the database has ended
   * @return number of frames (changed pages) that were taken from the log; 0 if it has no complete transaction
   * @throws IOException if one of the streams throws it
   * @throws SqliteCorruptException if the bytes are no SQLite database, or not all of one, or the log is none of that
   *     database; the message says what is wrong and where
   */
  public long deserialize(String database, InputStream in, InputStream wal) throws IOException {
    require(in, "in");
    require(wal, "wal");
    return this.<IOException>load(database, load -> {
      load.readFrom(in);
      load.beginWal();
      load.readFrom(wal);
    });
  }

  /**
   * Reads a database and its write-ahead log from channels, with the effects and errors of {@link #deserialize(String,
   * InputStream, InputStream)} and {@link #deserialize(String, ReadableByteChannel)}.
   *
   * @param database its name
   * @param in where the bytes of the database come from, in blocking mode
   * @param wal where those of the log come from, in blocking mode; read when the database has ended
   * @return number of frames (changed pages) that were taken from the log; 0 if it has no complete transaction
   * @throws IOException if one of the channels throws it
   */
  public long deserialize(String database, ReadableByteChannel in, ReadableByteChannel wal) throws IOException {
    require(in, "in");
    require(wal, "wal");
    return this.<IOException>load(database, load -> {
      load.readFrom(in);
      load.beginWal();
      load.readFrom(wal);
    });
  }

  /**
   * Reads a database and its write-ahead log from arrays, with the effects and errors of {@link #deserialize(String,
   * InputStream, InputStream)} and {@link #deserialize(String, Iterable)}.
   *
   * @param database its name
   * @param chunks where the bytes of the database come from; an exception of its iterator is passed on
   * @param wal where those of the log come from; read when the database has ended
   * @return number of frames (changed pages) that were taken from the log; 0 if it has no complete transaction
   */
  public long deserialize(String database, Iterable<byte[]> chunks, Iterable<byte[]> wal) {
    require(chunks, "chunks");
    require(wal, "wal");
    return this.<RuntimeException>load(database, load -> {
      load.readFrom(chunks);
      load.beginWal();
      load.readFrom(wal);
    });
  }

  // ---- bytes out ----

  /**
   * Returns the newest committed version of a database as a stream. Writers go on meanwhile; the stream does not show
   * what they commit.
   *
   * <p>The stream keeps the version in memory until its end is reached, it is closed, or it is forgotten. It can be
   * marked and reset without limit; once marked, it keeps the version beyond its end, too. A closed stream throws an
   * {@link IOException} as streams do; once this is closed, it throws an {@link IllegalStateException}.
   *
   * @param database its name
   * @return a stream, which the caller closes or reads to its end
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   */
  public InputStream serialize(String database) {
    PinHandle pin = pin(database, "MemoryVfs " + name());
    try {
      return PinInputStream.owning(pin, this);
    } catch (Throwable e) { // no memory for it
      pin.close();
      throw e;
    }
  }

  /**
   * Writes the newest committed version of a database to a stream, which stays open and is not flushed. Writers go on
   * meanwhile; the stream does not get what they commit.
   *
   * @param database its name
   * @param out where the bytes go; the stream of a file gets them through the Java heap, its channel does not
   * @throws IOException if the stream throws it
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   * @throws IllegalStateException if this is closed, also half-way
   */
  public void serialize(String database, OutputStream out) throws IOException {
    require(out, "out");
    PinHandle pin = pin(database, "MemoryVfs " + name());
    try {
      Transfer.write(pin, out);
    } finally {
      pin.close();
      Cleanup.keepAlive(this);
    }
  }

  /**
   * Writes the newest committed version of a database to a channel, at its current position. The channel stays open,
   * unless the thread is interrupted: that closes the platform's channels, with a {@link
   * java.nio.channels.ClosedByInterruptException}. To those, such as files and sockets, the bytes go without a copy
   * through the Java heap.
   *
   * @param database its name
   * @param out where the bytes go, in blocking mode
   * @throws IOException if the channel throws it
   * @throws java.nio.channels.IllegalBlockingModeException if the channel is in non-blocking mode
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   * @throws IllegalStateException if this is closed, also half-way
   */
  public void serialize(String database, WritableByteChannel out) throws IOException {
    require(out, "out");
    PinHandle pin = pin(database, "MemoryVfs " + name());
    try {
      Transfer.write(pin, out);
    } finally {
      pin.close();
      Cleanup.keepAlive(this);
    }
  }

  /**
   * Returns the newest committed version of a database as arrays. Every iterator gives the same bytes, from the start.
   *
   * <p>The version stays in memory until the garbage collector finds the returned object and its iterators forgotten,
   * or this is closed. The end of an iterator does not release it, since another one may follow. The stream of {@link
   * #serialize(String)} releases the version at its end, a {@link #snapshot} when it is closed.
   *
   * @param database its name
   * @return the chunks: new arrays, none of them empty, none for an empty database
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   * @throws IllegalStateException if this is closed; the iterators throw it, too
   */
  public Iterable<byte[]> serializeChunks(String database) {
    PinHandle pin = pin(database, "MemoryVfs " + name());
    try {
      return new PinChunks(pin, this);
    } catch (Throwable e) { // no memory for it
      pin.close();
      throw e;
    }
  }

  // ---- versions ----

  /**
   * Takes a snapshot, which keeps the newest committed version of a database. The caller closes it.
   *
   * @param database its name
   * @return the snapshot
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   */
  public Snapshot snapshot(String database) {
    PinHandle pin = pin(database, "snapshot of database " + Text.quote(database) + " of " + name());
    try {
      return new Snapshot(this, database, pin);
    } catch (Throwable e) { // no memory for it
      pin.close();
      throw e;
    }
  }

  /**
   * Creates a database from the newest committed version of another. Costs the same whatever the size: both share
   * blocks until one of them changes them.
   *
   * @param database name of the origin
   * @param newName name of the new database
   * @throws IllegalArgumentException if there is a database of the new name, or a database cannot have one of the names
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such origin; {@code SQLITE_NOMEM}
   */
  public void fork(String database, String newName) {
    utf8(newName);
    PinHandle pin = pin(database, "MemoryVfs " + name());
    try {
      fork(pin, newName);
    } finally {
      pin.close();
    }
  }

  // ---- names and numbers ----

  /**
   * {@return whether there is a database of that name}
   *
   * @param database the name
   */
  public boolean exists(String database) {
    return found(database, false);
  }

  /**
   * Deletes a database. The name is free at once. Connections, snapshots and streams that use the database go on; the
   * last of them frees its memory.
   *
   * @param database its name
   * @return false if there was none
   */
  public boolean delete(String database) {
    return found(database, true);
  }

  /** {@return the names of all databases, as an unmodifiable list, in the order of their UTF-8 bytes} */
  public List<String> databases() {
    long store = acquire();
    try {
      return Collections.unmodifiableList(handle.databases(store));
    } finally {
      release();
    }
  }

  /**
   * Returns the size of the newest committed version of a database: how many bytes serializing it gives.
   *
   * @param database its name
   * @return bytes; 0 if nothing was ever committed
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   */
  public long size(String database) {
    byte[] utf8 = utf8(database);
    long store = acquire();
    try {
      long size = Native.databaseSize(store, utf8);
      if (size < 0) {
        throw handle.error(store, (int) -size, database);
      }
      return size;
    } finally {
      release();
    }
  }

  /** {@return how much memory, how many versions and pins all databases together, and each of them, hold now} */
  public Stats stats() {
    long store = acquire();
    try {
      Map<String, DatabaseStats> perDatabase = new LinkedHashMap<>();
      long[] values = new long[Native.DATABASE_STATS];
      boolean exact = true; // the first call counts exactly for all: else time would grow by the square of their number
      for (String database : handle.databases(store)) {
        int result = Native.databaseStats(store, utf8(database), exact, values);
        exact = false;
        if (result == Native.MV_OK) {
          perDatabase.put(database, new DatabaseStats(values));
        } else if (result != Native.MV_NOTFOUND) { // that one was deleted meanwhile
          throw handle.error(store, result, database);
        }
      }
      Native.storeStats(store, values);
      return new Stats(values, Collections.unmodifiableMap(perDatabase));
    } finally {
      release();
    }
  }

  /**
   * {@return how much memory, how many versions and pins one database holds now}
   *
   * @param database its name
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   */
  public DatabaseStats stats(String database) {
    byte[] utf8 = utf8(database);
    long store = acquire();
    try {
      long[] values = new long[Native.DATABASE_STATS];
      int result = Native.databaseStats(store, utf8, true, values);
      if (result != Native.MV_OK) {
        throw handle.error(store, result, database);
      }
      return new DatabaseStats(values);
    } finally {
      release();
    }
  }

  // ---- close ----

  /** {@return whether this is closed} */
  public boolean isClosed() {
    return handle.isClosed();
  }

  /**
   * Closes this and all that was opened from it. It interrupts and rolls back what connections are running, closes
   * their statements, and ends snapshots and streams. It returns when the calls that connections were running have
   * ended. It may be called inside the body of a transaction, too. A database that another thread reads in or writes
   * out fails soon after. Does nothing if this is closed already.
   */
  @Override
  public void close() {
    try {
      handle.close();
    } finally {
      if (handle.isClosed()) { // else it can still be forgotten
        cleanup.cancel();
      }
    }
  }

  @Override
  public String toString() {
    return "MemoryVfs[" + name() + (isClosed() ? ", closed]" : "]");
  }

  // ---- for other classes of the library ----

  /** Returns milliseconds. */
  long busyTimeout() {
    return busyTimeout;
  }

  /** Creates a database from a pinned version. */
  void fork(PinHandle pin, String newName) {
    byte[] utf8 = utf8(newName);
    long version = pin.acquire();
    try {
      long store = acquire();
      try {
        int result = Native.fork(store, version, utf8);
        if (result != Native.MV_OK) {
          throw handle.error(store, result, newName);
        }
      } finally {
        release();
      }
    } finally {
      pin.release();
    }
  }

  // ---- machinery ----

  private void checkExists(String database, byte[] utf8) {
    long store = acquire();
    try {
      int result = Native.exists(store, utf8);
      if (result != Native.MV_OK) {
        throw handle.error(store, result, database);
      }
    } finally {
      release();
    }
  }

  /** Returns the name as a URI, with each byte encoded that could have a meaning there. */
  private static String uri(byte[] utf8) {
    StringBuilder uri = new StringBuilder("file:");
    for (byte b : utf8) {
      boolean plain = b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || "_.~-".indexOf(b) >= 0;
      if (plain) {
        uri.append((char) b);
      } else {
        uri.append('%').append(Character.forDigit((b >> 4) & 0xf, 16)).append(Character.forDigit(b & 0xf, 16));
      }
    }
    return uri.toString();
  }

  /** Whether there is, or was before it was deleted here, a database of that name. */
  private boolean found(String database, boolean delete) {
    byte[] utf8 = utf8(database);
    long store = acquire();
    try {
      int result = delete ? Native.delete(store, utf8) : Native.exists(store, utf8);
      if (result != Native.MV_OK && result != Native.MV_NOTFOUND) {
        throw handle.error(store, result, database);
      }
      return result == Native.MV_OK;
    } finally {
      release();
    }
  }

  private interface Source<E extends Exception> {
    void read(Load load) throws E;
  }

  private <E extends Exception> long load(String database, Source<E> source) throws E {
    byte[] utf8 = utf8(database);
    long store = acquire();
    try (Load load = new Load(handle, store, database, utf8)) {
      source.read(load);
      return load.publish(busyTimeout);
    } finally {
      release();
    }
  }

  private long acquire() {
    return handle.acquire();
  }

  private void release() {
    handle.release();
    Cleanup.keepAlive(this);
  }

  private PinHandle pin(String database, String what) {
    PinHandle pin = handle.pin(database, utf8(database), what);
    Cleanup.keepAlive(this);
    return pin;
  }

  /** Returns the UTF-8 of a database's name, or throws if a database cannot have it. */
  private static byte[] utf8(String database) {
    if (database.isEmpty()) {
      throw new IllegalArgumentException("name of a database is empty, which means a temporary one to SQLite");
    }
    if (database.equals(":memory:")) {
      throw new IllegalArgumentException("name of a database is \":memory:\", which means a private one to SQLite");
    }
    int nul = database.indexOf('\0');
    if (nul >= 0) {
      throw new IllegalArgumentException("name of a database has a NUL at index " + nul + ": " + Text.quote(database));
    }
    byte[] utf8 = Text.encode(database, "name of a database, " + Text.quote(database) + ",", "give it another name");
    if (utf8.length > MAX_NAME_BYTES) {
      throw new IllegalArgumentException("name of a database has " + utf8.length + " bytes of UTF-8, and "
          + MAX_NAME_BYTES + " are the most: " + Text.quote(database));
    }
    return utf8;
  }

  private static void require(Object object, String name) {
    if (object == null) {
      throw new NullPointerException(name);
    }
  }
}
