package io.github.sqlitememvfs;

/** Refuses memory to the native library, for the calling thread: natives of src/test/jvm/jvm_faults.c, which must be preloaded. */
final class JvmFaults {
  private JvmFaults() {}

  /** After the library was loaded. False if it was not found. */
  static native boolean install();

  /** Has the next allocation of that number, from 1, fail, and, if allAfter, all after it. */
  static native void arm(long at, boolean allAfter);

  /** Returns how many were refused. */
  static native long disarm();

  /** How many allocations of the library were not freed yet. */
  static native long live();

  /** Bytes that the library has mapped for blocks. */
  static native long mapped();
}
