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
 * A place in memory where SQLite databases live: a virtual file system, for SQLite, that never touches a disk. Nor can
 * SQL: SQLite's own, such as {@code unix}, are not there to be named in {@code ATTACH} or {@code VACUUM INTO}.
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
 * <p><b>Databases</b> have names: any text but {@code ""} and {@code ":memory:"}, which mean something else to
 * SQLite, without NUL and lone surrogates, and of at most 1024 bytes of UTF-8. Names are compared exactly, and have
 * no structure: {@code "../x"} and {@code "a?b"} are names like others. Any other name is an {@link
 * IllegalArgumentException}. In SQL, {@code ATTACH} wants a {@code file:} URI, in which special characters are
 * written as {@code %} and two hexadecimal digits.
 *
 * <p><b>Versions.</b> A database is a chain of immutable versions, and each commit makes the next one. Reading,
 * serializing, snapshots and forks use one committed version, without waiting and without holding anybody up. A
 * version costs memory for what differs from its neighbours, and goes when nobody uses it any more.
 *
 * <p><b>Threads.</b> Any number of threads may use a {@code MemoryVfs}.
 *
 * <p><b>Closing.</b> By {@link #close}, which also closes all that was opened from it. Until then it costs the memory
 * of its databases. Connections, snapshots and streams keep it alive; when it is forgotten with all of them, it is
 * closed after the garbage collector found it.
 *
 * <p><b>Errors.</b> All methods but {@code close}, {@code name} and {@code isClosed} throw an {@link
 * IllegalStateException} if it is closed. A database that must be there but is not is a {@link SqliteException} with
 * code {@code SQLITE_CANTOPEN} (14), which names those that there are.
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

  /** More than any SQLite takes, which is then its maximum. */
  private static final long JDBC_MMAP_SIZE = 1L << 46;

  private static final Pattern VFS_NAME = Pattern.compile("[A-Za-z0-9_.-]{1,64}");

  /** Five random digits, since a second class loader has a class of its own, and one sqlite-jdbc may know both. */
  private static final String NAME_PREFIX =
      "memory-" + Long.toString(ThreadLocalRandom.current().nextLong(36L * 36 * 36 * 36, 36L * 36 * 36 * 36 * 36), 36) + "-";

  private static final AtomicLong COUNTER = new AtomicLong();

  private final StoreHandle handle;
  private final long busyTimeout;
  private final Cleanup cleanup;

  private MemoryVfs(StoreHandle handle, long busyTimeout) {
    this.handle = handle;
    this.busyTimeout = busyTimeout;
    this.cleanup = Cleanup.register(this, handle::forget);
  }

  // ---- making one ----

  /**
   * Makes one with a unique name and without a limit.
   *
   * @return a new one without databases
   * @throws UnsatisfiedLinkError if the native library cannot be loaded; it names everything that was tried
   * @throws SqliteException {@code SQLITE_NOMEM}
   */
  public static MemoryVfs create() {
    return builder().build();
  }

  /**
   * Settings for a new one.
   *
   * @return a builder with the defaults
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Version of the SQLite that is built in.
   *
   * @return for example {@code 3.54.1}
   * @throws UnsatisfiedLinkError if the native library cannot be loaded; it names everything that was tried
   */
  public static String sqliteVersion() {
    NativeLibrary.load();
    return Text.decode(Native.sqliteVersion());
  }

  /** Settings for a new {@link MemoryVfs}. For one thread. */
  public static final class Builder {
    private String name;
    private int blockSize;
    private long maxBytes;
    private long busyTimeout = DEFAULT_BUSY_TIMEOUT;

    private Builder() {}

    /**
     * The name under which SQLite knows it, for {@code ATTACH 'file:other?vfs=NAME'}. Without it, a unique one is
     * made.
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
     * Size of the blocks that databases are made of: the unit in which versions share memory. By default it is the
     * page size of each database, which suits nearly always.
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
     * Limit of the memory that all databases together may use, old versions included, and of the size of each. What
     * would go beyond fails with a {@link SqliteFullException}, and its transaction is rolled back. What SQLite takes
     * besides does not count: temporary tables, sorts, caches, {@code ATTACH ':memory:'}.
     *
     * <p>A size can be larger than the memory: pages that were never written take none. In a corrupt database these can
     * be any number, which only such a limit bounds.
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
     * How long {@link MemoryVfs#deserialize(String, InputStream) deserialize}, and the statements of connections that
     * do not say otherwise, wait for another writer before they fail with a {@link SqliteBusyException}.
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
     * Makes a {@link MemoryVfs} with these settings. The caller closes it.
     *
     * @return a new one without databases
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
        } while (handle == null); // somebody gave that name to one of his own
      }
      try {
        return new MemoryVfs(handle, busyTimeout);
      } catch (Throwable e) { // no memory for it
        handle.close();
        throw e;
      }
    }
  }

  /**
   * The name under which SQLite knows it. It may be asked for after close too.
   *
   * @return the name, as it was given or made
   */
  public String name() {
    return handle.name;
  }

  // ---- connections ----

  /**
   * Opens a connection for reading and writing. If there is no such database, an empty one is made. The caller closes
   * it.
   *
   * @param database its name
   * @return a new connection
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws SqliteException if SQLite cannot open it
   * @throws IllegalStateException if this is closed
   */
  public SqliteConnection open(String database) {
    return open(database, OpenOptions.defaults());
  }

  /**
   * Opens a connection. The caller closes it.
   *
   * @param database its name
   * @param options whether it may write, must be there, and how long statements wait
   * @return a new connection
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database and the options do not let it be
   *     made
   * @throws IllegalStateException if this is closed
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

  /** The name as a URI, every byte that could mean something in one encoded. */
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

  // ---- JDBC ----

  /**
   * URL by which sqlite-jdbc (org.xerial:sqlite-jdbc, an optional dependency) opens a database: {@code
   * jdbc:sqlite:file:shop?vfs=NAME&resizable=1&mmap_size=...}. {@link MemoryDataSource} is the same as a {@link
   * javax.sql.DataSource}. The first call loads this library into sqlite-jdbc's SQLite, which then knows every {@code
   * MemoryVfs}, also those that are made later.
   *
   * <p>Connections of both SQLites may be open at the same time, in any number and in any threads: they see the same
   * versions and wait for the same writer. If there is no such database, the first connection makes it. What {@link
   * OpenOptions} say does not hold for those of sqlite-jdbc, hardening included: they have its own settings. {@code
   * mmap_size} in the URL lets it read pages in place, up to 2 GB of each database. {@code resizable} lets it change
   * the page size, by VACUUM and by {@code restore from} a file with pages of another size. To content that is replaced
   * by one with another text encoding (UTF-16, UTF-8), connections of sqlite-jdbc that are open give an error: open
   * them anew.
   *
   * <p>The URL keeps nothing alive: it is good until this is closed, or forgotten. Connections that are open then go
   * on with what they have, and are the caller's to close.
   *
   * @param database its name
   * @return the URL, to which {@code &name=value} can be added for sqlite-jdbc's settings and SQLite's pragmas
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws IllegalStateException if this is closed, or sqlite-jdbc is not there, or cannot load the library or its own
   */
  public String jdbcUrl(String database) {
    byte[] utf8 = utf8(database);
    handle.checkOpen();
    try {
      JdbcHost.load();
    } catch (NoClassDefFoundError e) {
      throw new IllegalStateException("JDBC is not all there, " + e.getMessage() + " is missing: on the module path start"
          + " java with --add-modules java.sql; sqlite-jdbc needs its own dependencies", e);
    }
    return "jdbc:sqlite:" + uri(utf8) + "?vfs=" + name() + "&resizable=1&mmap_size=" + JDBC_MMAP_SIZE;
  }

  /** Milliseconds. */
  long busyTimeout() {
    return busyTimeout;
  }

  // ---- bytes in ----

  /**
   * Makes what a stream gives the content of a database: the bytes of an SQLite database file. If there is no such
   * database, it is made; if there is, its content is replaced at once when the stream has ended. Connections that
   * are open see the new content in their next transaction, and go on seeing the old one in a transaction that is
   * open.
   *
   * <p>A database in WAL mode becomes one in rollback mode. Its newest transactions may stand in its {@code -wal} file
   * only: {@link #deserialize(String, InputStream, InputStream)} takes that, too. Every other byte of the database
   * stays. Bytes behind the last page that its header tells of are no part of it; SQLite does not read them, and they
   * are dropped. (Where the header does not tell, as in files of SQLite before 3.7, all of the file counts, and a last
   * page that is not whole ends in zeros.) An empty stream makes an empty database.
   *
   * <p>Then it waits, parked, for a transaction that is writing the database. {@link Thread#interrupt} ends that with {@code SQLITE_INTERRUPT} (9); reading
   * is interrupted or not as the stream has it.
   *
   * <p>The stream is read to its end and stays open. Whatever goes wrong, the old content stays. The stream of a file
   * is read like any other; its channel would save a copy through the Java heap.
   *
   * @param database its name
   * @param in where the bytes come from
   * @throws IOException if the stream throws it
   * @throws SqliteCorruptException if the bytes are no SQLite database, or not all of one; the message says what is
   *     wrong and where
   * @throws SqliteBusyException if a transaction was writing the database for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws IllegalStateException if this is closed, also half-way
   */
  public void deserialize(String database, InputStream in) throws IOException {
    require(in, "in");
    this.<IOException>load(database, load -> load.readFrom(in));
  }

  /**
   * The same, from a channel. From a channel of the platform, such as a file's or a socket's, the bytes go without a
   * copy through the Java heap. It is read from its current position to its end and stays open, unless the thread is
   * interrupted: that closes the platform's channels, with a {@link java.nio.channels.ClosedByInterruptException}.
   *
   * @param database its name
   * @param in where the bytes come from, in blocking mode
   * @throws IOException if the channel throws it
   * @throws java.nio.channels.IllegalBlockingModeException if the channel is in non-blocking mode
   * @throws SqliteCorruptException if the bytes are no SQLite database, or not all of one; the message says what is
   *     wrong and where
   * @throws SqliteBusyException if a transaction was writing the database for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws IllegalStateException if this is closed, also half-way
   */
  public void deserialize(String database, ReadableByteChannel in) throws IOException {
    require(in, "in");
    this.<IOException>load(database, load -> load.readFrom(in));
  }

  /**
   * The same, from arrays of any length, empty ones too. They are copied one after the other.
   *
   * @param database its name
   * @param chunks where the bytes come from; what its iterator throws is passed on
   * @throws SqliteCorruptException if the bytes are no SQLite database, or not all of one; the message says what is
   *     wrong and where
   * @throws SqliteBusyException if a transaction was writing the database for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws IllegalStateException if this is closed, also half-way
   */
  public void deserialize(String database, Iterable<byte[]> chunks) {
    require(chunks, "chunks");
    this.<RuntimeException>load(database, load -> load.readFrom(chunks));
  }

  /**
   * The same for a database in WAL mode whose newest transactions stand in its write-ahead log, the {@code -wal} file
   * beside it: they are there until a checkpoint, which SQLite makes when the last connection is closed. The log is
   * read as SQLite reads it after a crash: up to its last transaction that is complete and whose checksums are right.
   * It may be empty, and it is not read if the database is.
   *
   * <p>Both files must be of one moment. Nobody may write the database or make a checkpoint while they are read.
   *
   * <p>A {@code -journal} file is something else: it holds what a transaction has overwritten that did not end. While
   * there is one that is not empty, the database is not complete without it. Opening the database with SQLite, as by
   * {@code sqlite3 FILE .schema}, rolls that transaction back.
   *
   * @param database its name
   * @param in where the bytes of the database come from
   * @param wal where those of the log come from; read when the first has ended
   * @return frames (changed pages) that were taken from the log: 0 if it has no complete transaction
   * @throws IOException if one of the streams throws it
   * @throws SqliteCorruptException if the bytes are no SQLite database, or not all of one, or the log is none of that
   *     database; the message says what is wrong and where
   * @throws SqliteBusyException if a transaction was writing the database for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws IllegalStateException if this is closed, also half-way
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
   * The same, from channels.
   *
   * @param database its name
   * @param in where the bytes of the database come from, in blocking mode
   * @param wal where those of the log come from, in blocking mode; read when the first has ended
   * @return frames (changed pages) that were taken from the log: 0 if it has no complete transaction
   * @throws IOException if one of the channels throws it
   * @throws java.nio.channels.IllegalBlockingModeException if a channel is in non-blocking mode
   * @throws SqliteCorruptException if the bytes are no SQLite database, or not all of one, or the log is none of that
   *     database; the message says what is wrong and where
   * @throws SqliteBusyException if a transaction was writing the database for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws IllegalStateException if this is closed, also half-way
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
   * The same, from arrays of any length.
   *
   * @param database its name
   * @param chunks where the bytes of the database come from; what its iterator throws is passed on
   * @param wal where those of the log come from; read when the first has ended
   * @return frames (changed pages) that were taken from the log: 0 if it has no complete transaction
   * @throws SqliteCorruptException if the bytes are no SQLite database, or not all of one, or the log is none of that
   *     database; the message says what is wrong and where
   * @throws SqliteBusyException if a transaction was writing the database for longer than the busy timeout
   * @throws SqliteFullException if the limit of bytes is reached
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws IllegalStateException if this is closed, also half-way
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

  // ---- bytes out ----

  /**
   * The newest committed version of a database as a stream. Writers go on meanwhile, and are not seen.
   *
   * <p>The stream keeps the version in memory until its end is reached, it is closed, or it is forgotten. It can be
   * marked and reset without limit; once marked, it keeps the version beyond its end too. Once closed, it throws an
   * {@link IOException} as streams do; once this is closed, an {@link IllegalStateException}.
   *
   * @param database its name
   * @return a stream, which the caller closes or reads to its end
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   * @throws IllegalStateException if this is closed
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
   * meanwhile, and are not seen. The stream of a file is written like any other; its channel would save a copy through
   * the Java heap.
   *
   * @param database its name
   * @param out where to
   * @throws IOException if the stream throws it
   * @throws IllegalArgumentException if a database cannot have that name
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
   * Writes the newest committed version of a database to a channel, at its current position; it stays open, unless the
   * thread is interrupted: that closes the platform's channels, with a {@link
   * java.nio.channels.ClosedByInterruptException}. To those, such as files and sockets, the bytes go without a copy
   * through the Java heap.
   *
   * @param database its name
   * @param out where to, in blocking mode
   * @throws IOException if the channel throws it
   * @throws java.nio.channels.IllegalBlockingModeException if the channel is in non-blocking mode
   * @throws IllegalArgumentException if a database cannot have that name
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
   * The version of a database that is the newest now, as arrays. Every iterator gives the same bytes, from the start.
   *
   * <p>The version is kept in memory until the garbage collector finds what is returned, and its iterators,
   * forgotten, or this is closed: the end of an iterator gives nothing back, since another one may follow. {@link
   * #serialize(String)} gives it back at the end of the stream, and a {@link #snapshot} when it is closed.
   *
   * @param database its name
   * @return the chunks: new arrays, none of them empty, none for an empty database
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   * @throws IllegalStateException if this is closed; the iterators throw it too
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
   * Keeps the newest committed version of a database. The caller closes it.
   *
   * @param database its name
   * @return a snapshot of it
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   * @throws IllegalStateException if this is closed
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
   * Makes a new database with the newest committed content of another. Costs the same whatever the size: blocks are
   * shared until either changes them.
   *
   * @param database name of the origin
   * @param newName name of the new database
   * @throws IllegalArgumentException if there is a database of the new name, or a database cannot have one of the
   *     names
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such origin; {@code SQLITE_NOMEM}
   * @throws IllegalStateException if this is closed
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

  // ---- names and numbers ----

  /**
   * Whether there is a database of that name.
   *
   * @param database the name
   * @return true if so
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws IllegalStateException if this is closed
   */
  public boolean exists(String database) {
    return found(database, false);
  }

  /**
   * Deletes a database. The name is free at once; connections, snapshots and streams that use it keep what they have,
   * and its memory goes with the last of them.
   *
   * @param database its name
   * @return false if there was none
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws IllegalStateException if this is closed
   */
  public boolean delete(String database) {
    return found(database, true);
  }

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

  /**
   * Names of all databases.
   *
   * @return an unmodifiable list, in the order of their UTF-8 bytes
   * @throws IllegalStateException if this is closed
   */
  public List<String> databases() {
    long store = acquire();
    try {
      return Collections.unmodifiableList(handle.databases(store));
    } finally {
      release();
    }
  }

  /**
   * Size of the newest committed version of a database: how many bytes serializing it gives.
   *
   * @param database its name
   * @return bytes; 0 if nothing was ever committed
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   * @throws IllegalStateException if this is closed
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

  /**
   * What all databases together, and each of them, hold now.
   *
   * @return the numbers
   * @throws IllegalStateException if this is closed
   */
  public Stats stats() {
    long store = acquire();
    try {
      Map<String, DatabaseStats> perDatabase = new LinkedHashMap<>();
      long[] values = new long[Native.DATABASE_STATS];
      boolean exact = true; // for all of them: else it would take time by the square of their number
      for (String database : handle.databases(store)) {
        int result = Native.databaseStats(store, utf8(database), exact, values);
        exact = false;
        if (result == Native.MV_OK) {
          perDatabase.put(database, new DatabaseStats(values));
        } else if (result != Native.MV_NOTFOUND) { // which is one that was deleted meanwhile
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
   * What one database holds now.
   *
   * @param database its name
   * @return the numbers
   * @throws IllegalArgumentException if a database cannot have that name
   * @throws SqliteException {@code SQLITE_CANTOPEN} if there is no such database
   * @throws IllegalStateException if this is closed
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

  /**
   * Whether it was closed.
   *
   * @return true if so
   */
  public boolean isClosed() {
    return handle.isClosed();
  }

  /**
   * Closes it and all that was opened from it: what connections are running is interrupted and rolled back, their
   * statements are closed, snapshots and streams end. Returns when the calls that connections were running have
   * ended. May be called inside a transaction's work, too. What another thread is reading in or writing out fails
   * soon after. Does nothing if it is closed already.
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

  // ---- helpers ----

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

  /** UTF-8 of a database's name. */
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
