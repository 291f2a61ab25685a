package io.github.sqlitememvfs.bench;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteStatement;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.sqlite.SQLiteConnection;

/** Ways to make a stream's bytes a database in memory that answers queries, and to stream it out again. */
final class Carriers {
  /** What is done once, and how many bytes or rows that gave: the same for all. */
  interface Carrier {
    long carry() throws Exception;
  }

  static final String[] IN = {
    Ours.NAME, Ours.NAME + ", channel", Jdbc.ON_OURS, "sqlite-jdbc, readAllBytes", "sqlite-jdbc, file copied"
  };
  static final String[] OUT = {Ours.NAME, Ours.NAME + ", channel", "sqlite-jdbc, serialize"};

  private static final String COUNT = "SELECT count(*) FROM t WHERE id < 1000";

  private Carriers() {}

  /** Rows that the query finds after the bytes are in. */
  static long in(String name, Path file) throws Exception {
    if (name.equals(IN[0])) {
      try (MemoryVfs vfs = MemoryVfs.create(); InputStream in = Files.newInputStream(file)) {
        vfs.deserialize("bench", in);
        return count(vfs);
      }
    } else if (name.equals(IN[1])) {
      try (MemoryVfs vfs = MemoryVfs.create(); FileChannel in = FileChannel.open(file)) {
        vfs.deserialize("bench", in);
        return count(vfs);
      }
    } else if (name.equals(IN[2])) {
      try (MemoryVfs vfs = MemoryVfs.create(); InputStream in = Files.newInputStream(file)) {
        vfs.deserialize("bench", in);
        try (Connection connection = MemoryDataSource.of(vfs, "bench").getConnection()) {
          return count(connection);
        }
      }
    } else if (name.equals(IN[3])) {
      try (Connection connection = DriverManager.getConnection("jdbc:sqlite::memory:"); InputStream in = Files.newInputStream(file)) {
        ((SQLiteConnection) connection).deserialize("main", in.readAllBytes());
        return count(connection);
      }
    } else {
      Path copy = file.resolveSibling(file.getFileName() + ".copy");
      try (InputStream in = Files.newInputStream(file)) {
        Files.copy(in, copy, StandardCopyOption.REPLACE_EXISTING);
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + copy)) {
          return count(connection);
        }
      } finally {
        Files.deleteIfExists(copy);
      }
    }
  }

  /** A database of the file's content, and what writes it to a stream that only counts. */
  static Carrier out(String name, Path file, AutoCloseable[] toClose) throws Exception {
    if (name.startsWith(Ours.NAME)) {
      MemoryVfs vfs = MemoryVfs.create();
      toClose[0] = vfs;
      try (FileChannel in = FileChannel.open(file)) {
        vfs.deserialize("bench", in);
      }
      return name.equals(OUT[0])
          ? () -> {
            CountingStream out = new CountingStream();
            vfs.serialize("bench", out);
            return out.bytes;
          }
          : () -> {
            CountingChannel out = new CountingChannel();
            vfs.serialize("bench", out);
            return out.bytes;
          };
    }
    Connection connection = DriverManager.getConnection("jdbc:sqlite::memory:");
    toClose[0] = connection;
    try (Statement statement = connection.createStatement()) {
      statement.executeUpdate("restore from " + file);
    }
    return () -> {
      CountingStream out = new CountingStream();
      out.write(((SQLiteConnection) connection).serialize("main"));
      return out.bytes;
    };
  }

  private static long count(MemoryVfs vfs) {
    try (SqliteConnection connection = vfs.open("bench"); SqliteStatement count = connection.query(COUNT)) {
      count.step();
      return count.getLong(0);
    }
  }

  private static long count(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet count = statement.executeQuery(COUNT)) {
      count.next();
      return count.getLong(1);
    }
  }

  private static final class CountingStream extends OutputStream {
    long bytes;

    @Override
    public void write(int b) {
      bytes++;
    }

    @Override
    public void write(byte[] b, int offset, int length) {
      bytes += length;
    }
  }

  private static final class CountingChannel implements WritableByteChannel {
    long bytes;

    @Override
    public int write(ByteBuffer source) {
      int n = source.remaining();
      source.position(source.limit());
      bytes += n;
      return n;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }

  /** In a new process: args are in or out, the way, the file. Prints milliseconds, and megabytes: the peak, and how much more it is than before. */
  public static void main(String[] args) throws Exception {
    AutoCloseable[] toClose = new AutoCloseable[1];
    Path file = Path.of(args[2]);
    Carrier carrier = args[0].equals("in") ? () -> in(args[1], file) : out(args[1], file, toClose);
    System.gc();
    long before = Machine.megabytes("VmRSS");
    try {
      Machine.resetPeak();
    } catch (IOException e) {
      // The peak is then that of the whole life.
    }
    long from = System.nanoTime();
    carrier.carry();
    double millis = (System.nanoTime() - from) / 1e6;
    long peak = Machine.megabytes("VmHWM");
    System.out.println("RESULT " + millis + " " + peak + " " + (peak - before));
    if (toClose[0] != null) {
      toClose[0].close();
    }
  }
}
