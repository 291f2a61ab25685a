package io.github.sqlitememvfs.bench;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.lang.reflect.Field;
import java.lang.reflect.Method;

/**
 * What the machine takes to give memory: a virtual machine's host takes back what the guest has not used for a while, and gives it again more slowly than the
 * guest's system does. Memory that was touched and freed a moment ago costs what the system takes for it.
 */
final class Touch {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final Object unsafe; // sun.misc.Unsafe, which gives memory back at once; javac has no way to let it pass
  private final Method allocate;
  private final Method set;
  private final Method free;

  Touch() throws ReflectiveOperationException {
    Class<?> type = Class.forName("sun.misc.Unsafe");
    Field field = type.getDeclaredField("theUnsafe");
    field.setAccessible(true);
    unsafe = field.get(null);
    allocate = type.getMethod("allocateMemory", long.class);
    set = type.getMethod("setMemory", long.class, long.class, byte.class);
    free = type.getMethod("freeMemory", long.class);
  }

  /** Takes so much memory from the system, writes to it, and gives it back. Returns nanoseconds of CPU time. */
  long touch(long bytes) throws ReflectiveOperationException {
    long cpu = THREADS.getCurrentThreadCpuTime();
    long memory = (long) allocate.invoke(unsafe, bytes);
    set.invoke(unsafe, memory, bytes, (byte) 1);
    cpu = THREADS.getCurrentThreadCpuTime() - cpu;
    free.invoke(unsafe, memory);
    return cpu;
  }
}
