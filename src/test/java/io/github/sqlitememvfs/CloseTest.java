package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Every public method of a closed object throws an IllegalStateException, whichever way it was closed. */
class CloseTest {

  /** What may still be asked of a closed object: they only say which object it is, or that it is closed. */
  private static final Map<Class<?>, Set<String>> ANSWERED = Map.of(
      MemoryVfs.class, Set.of("name", "isClosed"),
      Snapshot.class, Set.of("database"),
      SqliteConnection.class, Set.of("database", "vfs", "isClosed"),
      SqliteStatement.class, Set.of("sql", "connection"));

  /** An object in use, and what it hangs on. */
  private static final class Fixture {
    final MemoryVfs vfs = MemoryVfs.create();
    final SqliteConnection connection = vfs.open("test");
    final SqliteStatement statement;
    final Snapshot snapshot;

    Fixture() {
      connection.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)");
      statement = connection.prepare("SELECT x FROM t WHERE x < ? OR :a");
      statement.bindAll(100, true);
      assertTrue(statement.step());
      snapshot = vfs.snapshot("test");
    }

    Object object(Class<?> type) {
      return type == MemoryVfs.class ? vfs : type == SqliteConnection.class ? connection : type == SqliteStatement.class ? statement : snapshot;
    }
  }

  interface Way {
    void close(Fixture fixture) throws Exception;
  }

  private static Map<String, Way> waysToClose(Class<?> type) {
    Map<String, Way> ways = new LinkedHashMap<>();
    ways.put("itself", f -> ((AutoCloseable) f.object(type)).close());
    if (type == SqliteStatement.class) {
      ways.put("its connection", f -> f.connection.close());
    }
    ways.put("its VFS", f -> f.vfs.close());
    ways.put("twice", f -> {
      ((AutoCloseable) f.object(type)).close();
      f.vfs.close();
      ((AutoCloseable) f.object(type)).close();
    });
    return ways;
  }

  @TestFactory
  Stream<DynamicTest> everyMethodOfAClosedObject() {
    List<DynamicTest> tests = new ArrayList<>();
    for (Class<?> type : List.of(MemoryVfs.class, Snapshot.class, SqliteConnection.class, SqliteStatement.class)) {
      List<Method> methods = Arrays.stream(type.getDeclaredMethods())
          .filter(m -> Modifier.isPublic(m.getModifiers()) && !Modifier.isStatic(m.getModifiers()) && !m.isSynthetic())
          .filter(m -> !Set.of("close", "toString", "hashCode", "equals").contains(m.getName()))
          .toList();
      waysToClose(type).forEach((name, way) -> tests.add(dynamicTest(type.getSimpleName() + " closed by " + name, () -> {
        Fixture fixture = new Fixture();
        for (Method method : methods) {
          // Each must work before, or at least fail in another way: else the test shows nothing.
          Fixture open = new Fixture();
          Throwable before = call(open, type, method);
          open.vfs.close();
          assertTrue(!(before instanceof IllegalStateException) || method.getName().matches("bind.*|clearBindings|addBatch|executeBatch"), method + ": " + before);
        }
        way.close(fixture);
        int refused = 0;
        for (Method method : methods) {
          Throwable thrown = call(fixture, type, method);
          if (ANSWERED.get(type).contains(method.getName())) {
            assertEquals(null, thrown, method.toString());
          } else {
            assertInstanceOf(IllegalStateException.class, thrown, method.toString());
            assertTrue(thrown.getMessage().contains("closed"), thrown.getMessage());
            refused++;
          }
        }
        assertTrue(refused > 5, "methods tried: " + refused);
        assertNotNull(fixture.object(type).toString());
        ((AutoCloseable) fixture.object(type)).close();
        fixture.vfs.close();
      })));
    }
    return tests.stream();
  }

  private static Throwable call(Fixture fixture, Class<?> type, Method method) throws IllegalAccessException {
    Object[] args = Arrays.stream(method.getParameterTypes()).map(p -> argument(p, method)).toArray();
    try {
      Object result = method.invoke(fixture.object(type), args);
      if (result instanceof InputStream stream) {
        stream.read();
      }
      return null;
    } catch (InvocationTargetException e) {
      return e.getCause();
    } catch (IOException | RuntimeException e) {
      return e;
    }
  }

  private static Object argument(Class<?> type, Method method) {
    if (type == int.class) {
      return method.getName().startsWith("bind") ? 1 : 0;
    } else if (type == long.class) {
      return 1L;
    } else if (type == double.class) {
      return 1.0;
    } else if (type == boolean.class) {
      return true;
    } else if (type == byte[].class) {
      return new byte[] {1};
    } else if (type == Object[].class) {
      return method.getName().equals("bindAll") ? new Object[] {1, 2} : new Object[0];
    } else if (type == String.class) {
      return method.getName().startsWith("bind") ? "a" : method.getName().matches("execute|prepare|query") ? "SELECT 1"
          : method.getDeclaringClass() == Snapshot.class ? "fork" : "test";
    } else if (type == Object.class) {
      return 1;
    } else if (type == OpenOptions.class) {
      return OpenOptions.defaults();
    } else if (type == InputStream.class) {
      return new ByteArrayInputStream(new byte[0]);
    } else if (type == ReadableByteChannel.class) {
      return Channels.newChannel(new ByteArrayInputStream(new byte[0]));
    } else if (type == Iterable.class) {
      return List.of();
    } else if (type == OutputStream.class) {
      return new ByteArrayOutputStream();
    } else if (type == WritableByteChannel.class) {
      return Channels.newChannel(new ByteArrayOutputStream());
    } else if (type == TransactionBody.class) {
      return (TransactionBody<RuntimeException>) c -> { };
    } else if (type == TransactionWork.class) {
      return (TransactionWork<String, RuntimeException>) c -> "";
    }
    throw new AssertionError("no argument of " + type + " for " + method);
  }

  // ---- streams and channels

  @Test
  void aClosedStreamIsAnIoException() throws IOException {
    Fixture fixture = new Fixture();
    for (InputStream stream : List.of(fixture.vfs.serialize("test"), fixture.snapshot.newInputStream())) {
      assertEquals('S', stream.read());
      stream.close();
      stream.close();
      assertThrows(IOException.class, stream::read);
      assertThrows(IOException.class, () -> stream.read(new byte[10]));
      assertThrows(IOException.class, () -> stream.skip(1));
      assertThrows(IOException.class, stream::available);
      assertThrows(IOException.class, () -> stream.transferTo(OutputStream.nullOutputStream()));
    }
    fixture.vfs.close();
  }

  @Test
  void aClosedChannelIsAClosedChannelException() throws IOException {
    Fixture fixture = new Fixture();
    SeekableByteChannel channel = fixture.snapshot.newByteChannel();
    assertTrue(channel.isOpen());
    channel.close();
    channel.close();
    assertTrue(!channel.isOpen());
    assertThrows(ClosedChannelException.class, () -> channel.read(ByteBuffer.allocate(1)));
    assertThrows(ClosedChannelException.class, () -> channel.write(ByteBuffer.allocate(1)));
    assertThrows(ClosedChannelException.class, channel::position);
    assertThrows(ClosedChannelException.class, () -> channel.position(0));
    assertThrows(ClosedChannelException.class, channel::size);
    assertThrows(ClosedChannelException.class, () -> channel.truncate(0));
    fixture.vfs.close();
  }

  @Test
  void streamsAndChannelsOfAClosedSnapshot() throws IOException {
    Fixture fixture = new Fixture();
    InputStream stream = fixture.snapshot.newInputStream();
    SeekableByteChannel channel = fixture.snapshot.newByteChannel();
    assertEquals('S', stream.read());
    fixture.snapshot.close();
    IllegalStateException e = assertThrows(IllegalStateException.class, stream::read);
    assertTrue(e.getMessage().contains("closed"), e.getMessage());
    assertThrows(IllegalStateException.class, () -> stream.read(new byte[10]));
    assertThrows(IllegalStateException.class, () -> channel.read(ByteBuffer.allocate(1)));
    assertThrows(IllegalStateException.class, channel::size);
    stream.close();
    channel.close();
    fixture.vfs.close();
  }

  @Test
  void aStreamOfSerializeOutlivesItsConnectionsButNotItsVfs() throws IOException {
    Fixture fixture = new Fixture();
    InputStream stream = fixture.vfs.serialize("test");
    fixture.connection.close();
    fixture.snapshot.close();
    fixture.vfs.delete("test");
    assertEquals('S', stream.read());
    fixture.vfs.close();
    assertThrows(IllegalStateException.class, stream::read);
    stream.close();
  }

  // ---- close while others are at work: no crash, and a clean exception

  @Test
  void closeOfAConnectionWhileThreadsUseIt() throws Exception {
    for (int round = 0; round < 30; round++) {
      Fixture fixture = new Fixture();
      CountDownLatch started = new CountDownLatch(3);
      Crew crew = new Crew();
      for (int i = 0; i < 3; i++) {
        crew.start("user " + i, () -> {
          assertThrows(IllegalStateException.class, () -> {
            for (int turn = 0;; turn++) {
              try (SqliteStatement s = fixture.connection.query("SELECT x, randomblob(100) FROM t")) {
                while (s.step()) {
                  s.getBlob(1);
                }
              }
              fixture.connection.inTransaction();
              if (turn == 1) {
                started.countDown();
              }
            }
          });
        });
      }
      started.await();
      fixture.connection.close();
      crew.join();
      fixture.vfs.close();
    }
  }

  @Test
  void closeOfASnapshotWhileThreadsReadIt() throws Exception {
    for (int round = 0; round < 30; round++) {
      Fixture fixture = new Fixture();
      fixture.connection.execute("INSERT INTO t VALUES (randomblob(500000))");
      Snapshot snapshot = fixture.vfs.snapshot("test");
      CountDownLatch started = new CountDownLatch(3);
      Crew crew = new Crew();
      for (int i = 0; i < 3; i++) {
        crew.start("reader " + i, () -> {
          assertThrows(IllegalStateException.class, () -> {
            for (int turn = 0;; turn++) {
              snapshot.newInputStream().readAllBytes();
              snapshot.writeTo(OutputStream.nullOutputStream());
              if (turn == 1) {
                started.countDown();
              }
            }
          });
        });
      }
      started.await();
      snapshot.close();
      fixture.snapshot.close();
      crew.join();
      fixture.statement.close();
      assertEquals(0, fixture.vfs.stats().pins());
      fixture.vfs.close();
    }
  }

  @Test
  void closeOfTheVfsWhileDatabasesAreReadInAndWrittenOut() throws Exception {
    for (int round = 0; round < 20; round++) {
      Fixture fixture = new Fixture();
      fixture.connection.execute("INSERT INTO t VALUES (randomblob(500000))");
      byte[] bytes = Sql.bytes(fixture.vfs, "test");
      CountDownLatch started = new CountDownLatch(2);
      Crew crew = new Crew();
      crew.start("in", () -> assertThrows(IllegalStateException.class, () -> {
        for (int turn = 0;; turn++) {
          fixture.vfs.deserialize("in", Sql.chunks(bytes, 10_000));
          if (turn == 1) {
            started.countDown();
          }
        }
      }));
      crew.start("out", () -> assertThrows(IllegalStateException.class, () -> {
        for (int turn = 0;; turn++) {
          fixture.vfs.serialize("test").readAllBytes();
          fixture.vfs.serialize("test", OutputStream.nullOutputStream());
          if (turn == 1) {
            started.countDown();
          }
        }
      }));
      started.await();
      fixture.vfs.close();
      crew.join();
    }
  }
}
