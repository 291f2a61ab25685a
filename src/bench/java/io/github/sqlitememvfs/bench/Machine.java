package io.github.sqlitememvfs.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;

/** Where it is measured. */
final class Machine {
  private Machine() {}

  static String describe() {
    return field("/proc/cpuinfo", "model name", System.getProperty("os.arch"))
        + ", "
        + Runtime.getRuntime().availableProcessors()
        + " cores, "
        + String.format("%.0f", kilobytes("/proc/meminfo", "MemTotal") / 1048576.0)
        + " GB of memory; "
        + System.getProperty("os.name")
        + " "
        + System.getProperty("os.version")
        + "; "
        + System.getProperty("java.vm.name")
        + " "
        + System.getProperty("java.version")
        + "; "
        + LocalDate.now();
  }

  static long availableBytes() {
    return kilobytes("/proc/meminfo", "MemAvailable") * 1024;
  }

  /** VmRSS or VmHWM of this process, its peak. */
  static long megabytes(String field) {
    return kilobytes("/proc/self/status", field) / 1024;
  }

  /** How much of this process's memory is in pages of 2 MB, in percent. */
  static long percentHuge() {
    return 100 * kilobytes("/proc/self/smaps_rollup", "AnonHugePages") / Math.max(1, kilobytes("/proc/self/smaps_rollup", "Rss"));
  }

  /** The peak begins anew with what is in memory now. */
  static void resetPeak() throws IOException {
    Files.writeString(Path.of("/proc/self/clear_refs"), "5");
  }

  private static long kilobytes(String file, String name) {
    return Long.parseLong(field(file, name, "0").replaceAll("[^0-9]", ""));
  }

  private static String field(String file, String name, String otherwise) {
    try {
      List<String> lines = Files.readAllLines(Path.of(file));
      for (String line : lines) {
        if (line.startsWith(name)) {
          return line.substring(line.indexOf(':') + 1).trim();
        }
      }
    } catch (IOException e) {
      // Not Linux.
    }
    return otherwise;
  }
}
