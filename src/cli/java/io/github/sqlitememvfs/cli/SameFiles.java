package io.github.sqlitememvfs.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.Locale;

/** Whether two names are of one file: by other ways, links, or case where the file system does not tell it. */
final class SameFiles {
  private SameFiles() {}

  /**
   * Whether they are; neither needs to exist. False if that cannot be found out. Two names of the null device are not
   * the same, since nothing is lost there.
   */
  static boolean same(Path a, Path b) {
    try {
      if (Files.exists(a) && Files.exists(b)) {
        return Files.isSameFile(a, b) && !isNull(a);
      }
      Path first = AtomicFile.followLinks(a);
      Path second = AtomicFile.followLinks(b);
      Path folder = first.getParent();
      if (!Files.isSameFile(folder, second.getParent())) {
        return false;
      }
      String one = first.getFileName().toString();
      String other = second.getFileName().toString();
      return one.equals(other) || folded(one).equals(folded(other)) && ignoresCase(folder);
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean isNull(Path path) {
    String name = path.toString();
    return name.equals("/dev/null") || name.equalsIgnoreCase("nul");
  }

  private static String folded(String name) {
    return Normalizer.normalize(name, Normalizer.Form.NFC).toUpperCase(Locale.ROOT).toLowerCase(Locale.ROOT);
  }

  /** Tries it. */
  private static boolean ignoresCase(Path folder) throws IOException {
    Path file = Files.createTempFile(folder, ".sqlite-memory-vfs-", ".tmp");
    try {
      return Files.exists(folder.resolve(file.getFileName().toString().toUpperCase(Locale.ROOT)));
    } finally {
      Files.delete(file);
    }
  }
}
