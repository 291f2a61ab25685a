package com.example;

// tag::android-driver[]
import androidx.sqlite.SQLite;
import androidx.sqlite.SQLiteConnection;
import androidx.sqlite.SQLiteDriver;
import androidx.sqlite.SQLiteStatement;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteException;
import io.github.sqlitememvfs.SqliteStatement;
import java.util.concurrent.atomic.AtomicLong;

/** Opens the databases of a MemoryVfs, which stays the caller's to close. */
public final class MemoryVfsDriver implements SQLiteDriver {
  private static final AtomicLong PRIVATE = new AtomicLong();

  private final MemoryVfs vfs;

  public MemoryVfsDriver(MemoryVfs vfs) {
    this.vfs = vfs;
  }

  @Override
  public SQLiteConnection open(String fileName) {
    boolean isPrivate = fileName.equals(":memory:"); // which Room asks for by inMemoryDatabaseBuilder
    try {
      return new Connection(vfs.open(isPrivate ? "private " + PRIVATE.incrementAndGet() : fileName), isPrivate);
    } catch (SqliteException e) {
      throw translated(e);
    }
  }

  /** Room looks for androidx.sqlite's exception: an upsert, for example, updates where it finds "unique" or 2067 in it. */
  private static RuntimeException translated(SqliteException e) {
    SQLite.throwSQLiteException(e.extendedCode(), e.getMessage());
    return e; // it has thrown
  }

  private static final class Connection implements SQLiteConnection {
    private final SqliteConnection db;
    private final boolean isPrivate;

    Connection(SqliteConnection db, boolean isPrivate) {
      this.db = db;
      this.isPrivate = isPrivate;
    }

    @Override
    public boolean inTransaction() {
      return db.inTransaction();
    }

    @Override
    public SQLiteStatement prepare(String sql) {
      try {
        return new Statement(db.prepare(sql));
      } catch (SqliteException e) {
        throw translated(e);
      }
    }

    @Override
    public void close() {
      boolean delete = isPrivate && !db.isClosed() && !db.vfs().isClosed();
      db.close();
      if (delete) {
        db.vfs().delete(db.database());
      }
    }
  }

  private static final class Statement implements SQLiteStatement {
    private final SqliteStatement statement;

    Statement(SqliteStatement statement) {
      this.statement = statement;
    }

    @Override
    public void bindBlob(int index, byte[] value) {
      statement.bindBlob(index, value);
    }

    @Override
    public void bindDouble(int index, double value) {
      statement.bindDouble(index, value);
    }

    @Override
    public void bindLong(int index, long value) {
      statement.bindLong(index, value);
    }

    @Override
    public void bindText(int index, String value) {
      statement.bindText(index, value);
    }

    @Override
    public void bindNull(int index) {
      statement.bindNull(index);
    }

    @Override
    public byte[] getBlob(int index) {
      return statement.getBlob(index);
    }

    @Override
    public double getDouble(int index) {
      return statement.getDouble(index);
    }

    @Override
    public long getLong(int index) {
      return statement.getLong(index);
    }

    @Override
    public String getText(int index) {
      return statement.getText(index);
    }

    @Override
    public boolean isNull(int index) {
      return statement.isNull(index);
    }

    @Override
    public int getColumnCount() {
      return statement.getColumnCount();
    }

    @Override
    public String getColumnName(int index) {
      return statement.getColumnName(index);
    }

    @Override
    public int getColumnType(int index) {
      return statement.getColumnType(index);
    }

    @Override
    public boolean step() {
      try {
        return statement.step();
      } catch (SqliteException e) {
        throw translated(e);
      }
    }

    @Override
    public void reset() {
      statement.reset();
    }

    @Override
    public void clearBindings() {
      statement.clearBindings();
    }

    @Override
    public void close() {
      statement.close();
    }
  }
}
// end::android-driver[]
