package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Finds and loads the native library, once.
 *
 * <p>In this order: the file that a system property names, and no other; where the platform packages libraries, or a
 * property says so, {@link System#loadLibrary}, and no other; the library in the jar, extracted to a new file that
 * only this user can read, and that is deleted as soon as it is loaded if another SQLite can load it once more
 * without that (on Linux), else at the JVM's end; {@code System.loadLibrary} as the last resort. Since each class loader extracts a file of its own, several can have the library in one JVM.
 */
final class NativeLibrary {
  static final String PATH_PROPERTY = "io.github.sqlitememvfs.library";
  static final String SYSTEM_PROPERTY = "io.github.sqlitememvfs.useSystemLibrary";
  static final String FOLDER_PROPERTY = "io.github.sqlitememvfs.tmpdir";

  private static final String NAME = "sqlitememvfs";
  private static final String PREFIX = NAME + "-";
  private static final long STALE_MILLIS = 3_600_000;

  /** All under the monitor of the class; read without it first. */
  private static volatile boolean loaded;

  private static String failure;

  private NativeLibrary() {}

  /** Loads the library if that was not done. Throws the same error each time if it cannot be. */
  static void load() {
    if (!loaded) {
      loadOnce();
    }
  }

  private static synchronized void loadOnce() {
    if (loaded) {
      return;
    }
    if (failure == null) {
      List<String> tried = new ArrayList<>();
      if (tryAll(tried)) {
        loaded = true;
        return;
      }
      StringBuilder message = new StringBuilder("cannot load the native library of sqlite-memory-vfs for "
          + System.getProperty("os.name") + " " + System.getProperty("os.arch") + " (" + String.join(", ", platforms())
          + "). Tried:");
      for (String attempt : tried) {
        message.append("\n- ").append(attempt);
      }
      failure = message.toString();
    }
    throw new UnsatisfiedLinkError(failure);
  }

  /** Adds to the list what failed, and why. */
  private static boolean tryAll(List<String> tried) {
    String file = System.getProperty(PATH_PROPERTY);
    if (file != null) {
      return tryFile(file, "system property " + PATH_PROPERTY + "=" + file, tried);
    }
    if (isAndroid() || Boolean.getBoolean(SYSTEM_PROPERTY)) {
      return trySystem(tried);
    }
    for (String platform : platforms()) {
      if (tryResource("/META-INF/native/" + platform + "/" + System.mapLibraryName(NAME), tried)) {
        return true;
      }
    }
    return trySystem(tried);
  }

  private static boolean tryFile(String file, String what, List<String> tried) {
    try {
      System.load(file);
      return true;
    } catch (LinkageError e) {
      tried.add(what + ": " + reason(e));
      return false;
    }
  }

  private static boolean trySystem(List<String> tried) {
    try {
      System.loadLibrary(NAME);
      return true;
    } catch (LinkageError e) {
      tried.add("System.loadLibrary(\"" + NAME + "\"): " + reason(e));
      return false;
    }
  }

  private static boolean tryResource(String resource, List<String> tried) {
    try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
      if (in == null) {
        tried.add(resource + ": not in the jar");
        return false;
      }
      return tryExtracted(resource, in, tried);
    } catch (IOException e) {
      tried.add(resource + ": " + reason(e));
      return false;
    }
  }

  private static boolean tryExtracted(String resource, InputStream in, List<String> tried) {
    String folder = System.getProperty(FOLDER_PROPERTY, System.getProperty("java.io.tmpdir"));
    String what = resource + " extracted to " + folder;
    Path file = null;
    boolean needed = false;
    try {
      Path path = Paths.get(folder).toAbsolutePath();
      Files.createDirectories(path);
      deleteStale(path);
      file = Files.createTempFile(path, PREFIX, suffix());
      copy(in, file);
      what = resource + " extracted to " + file;
      System.load(file.toString());
      needed = !Native.libraryOutlivesFile();
      return true;
    } catch (LinkageError e) {
      tried.add(what + ": " + reason(e) + "\n  If that folder is mounted noexec, name another one:"
          + " -D" + FOLDER_PROPERTY + "=/a/folder");
      return false;
    } catch (IOException | InvalidPathException | SecurityException e) {
      tried.add(what + ": " + reason(e) + "\n  To extract it to another folder: -D" + FOLDER_PROPERTY + "=/a/folder");
      return false;
    } finally {
      if (needed) {
        file.toFile().deleteOnExit(); // does not succeed on Windows: see deleteStale
      } else {
        delete(file);
      }
    }
  }

  /** Writes into the file that is there, whose permissions let nobody else write or read it. */
  static void copy(InputStream in, Path file) throws IOException {
    try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.WRITE)) {
      byte[] buffer = new byte[Transfer.BUFFER_BYTES];
      for (int n; (n = in.read(buffer)) >= 0; ) {
        out.write(buffer, 0, n);
      }
    }
  }

  private static void delete(Path file) {
    if (file == null) {
      return;
    }
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      file.toFile().deleteOnExit();
    }
  }

  /**
   * Deletes what earlier runs could not. A library that is still in use cannot be deleted, and a new one may not be
   * loaded yet.
   */
  private static void deleteStale(Path folder) {
    if (!os().equals("windows")) {
      return;
    }
    long newest = System.currentTimeMillis() - STALE_MILLIS;
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, PREFIX + "*" + suffix())) {
      for (Path file : files) {
        try {
          if (Files.getLastModifiedTime(file).toMillis() < newest) {
            Files.deleteIfExists(file);
          }
        } catch (IOException e) {
          continue; // in use
        }
      }
    } catch (IOException | RuntimeException e) {
      return; // it is only a matter of tidiness
    }
  }

  private static String suffix() {
    String file = System.mapLibraryName(NAME);
    return file.substring(file.lastIndexOf('.'));
  }

  private static String reason(Throwable e) {
    return e.getMessage() != null ? e instanceof UnsatisfiedLinkError ? e.getMessage() : e.toString() : e.toString();
  }

  // ---- platform ----

  private static boolean isAndroid() {
    return "Dalvik".equals(System.getProperty("java.vm.name"))
        || System.getProperty("java.vendor", "").contains("Android");
  }

  /** Names of the folders in the jar, the likeliest first: the system and the processor. */
  static List<String> platforms() {
    String arch = arch();
    List<String> platforms = new ArrayList<>();
    if (os().equals("linux")) { // a library for one C library may not load with the other
      boolean musl = isMusl();
      platforms.add((musl ? "linux-musl-" : "linux-") + arch);
      platforms.add((musl ? "linux-" : "linux-musl-") + arch);
    } else {
      platforms.add(os() + "-" + arch);
    }
    return platforms;
  }

  private static String os() {
    String name = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    if (name.startsWith("windows")) {
      return "windows";
    }
    if (name.startsWith("mac") || name.startsWith("darwin")) {
      return "macos";
    }
    return name.replaceAll("[^a-z0-9]+", "");
  }

  private static String arch() {
    String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    if (arch.equals("amd64") || arch.equals("x64") || arch.equals("x86_64")) {
      return "x86_64";
    }
    if (arch.equals("arm64") || arch.equals("aarch64")) {
      return "aarch64";
    }
    if (arch.equals("x86") || arch.matches("i[3-6]86")) {
      return "x86";
    }
    if (arch.startsWith("arm")) {
      return "arm";
    }
    return arch.replaceAll("[^a-z0-9_]+", "");
  }

  private static boolean isMusl() {
    try (DirectoryStream<Path> loaders = Files.newDirectoryStream(Paths.get("/lib"), "ld-musl-*")) {
      if (!loaders.iterator().hasNext()) {
        return false;
      }
    } catch (IOException | RuntimeException e) {
      return false;
    }
    // The folder of a glibc system may have it too. This process has loaded one of the two.
    try (Stream<String> maps = Files.lines(Paths.get("/proc/self/maps"), ISO_8859_1)) {
      return maps.anyMatch(line -> line.contains("ld-musl-"));
    } catch (IOException | RuntimeException e) {
      return true;
    }
  }
}
