package io.github.sqlitememvfs.bench;

/** What one round of a work took: the CPU time of the thread that did it, and the time on the wall; and the sum of what it read. */
record Figure(long cpuNanos, long wallNanos, long sum) {}
