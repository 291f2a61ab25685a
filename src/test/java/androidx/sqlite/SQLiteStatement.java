package androidx.sqlite;

import java.util.ArrayList;
import java.util.List;

/** See {@link SQLiteDriver}. Parameters count from 1, columns from 0. */
public interface SQLiteStatement extends AutoCloseable {
  void bindBlob(int index, byte[] value);

  void bindDouble(int index, double value);

  void bindLong(int index, long value);

  void bindText(int index, String value);

  void bindNull(int index);

  byte[] getBlob(int index);

  double getDouble(int index);

  long getLong(int index);

  String getText(int index);

  boolean isNull(int index);

  int getColumnCount();

  String getColumnName(int index);

  int getColumnType(int index);

  boolean step();

  void reset();

  void clearBindings();

  @Override
  void close();

  default void bindFloat(int index, float value) {
    bindDouble(index, value);
  }

  default void bindInt(int index, int value) {
    bindLong(index, value);
  }

  default void bindBoolean(int index, boolean value) {
    bindLong(index, value ? 1 : 0);
  }

  default float getFloat(int index) {
    return (float) getDouble(index);
  }

  default int getInt(int index) {
    return (int) getLong(index);
  }

  default boolean getBoolean(int index) {
    return getLong(index) != 0;
  }

  default List<String> getColumnNames() {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < getColumnCount(); i++) {
      names.add(getColumnName(i));
    }
    return names;
  }
}
