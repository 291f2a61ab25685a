package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
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
 * <p>It looks in this order:
 * <ol>
 * <li>The file that a system property names; then it tries no other.
 * <li>{@link System#loadLibrary} on Android, or if a system property says so; then it tries no other.
 * <li>The library in the jar.
 * <li>{@code System.loadLibrary} as the last resort.
 * </ol>
 *
 * <p>The library in the jar is extracted to a new file that only this user can read. On Linux the file is deleted as
 * soon as it is loaded, since sqlite-jdbc can load the library again without the file; elsewhere it is deleted at the
 * JVM's end. A missing folder is created, and deleted together with the file unless another JVM uses it, too. Each
 * class loader extracts a file of its own, so several of them can have the library in one JVM.
 */
final class NativeLibrary {
  static final String PATH_PROPERTY = "io.github.sqlitememvfs.library";
  static final String SYSTEM_PROPERTY = "io.github.sqlitememvfs.useSystemLibrary";
  static final String FOLDER_PROPERTY = "io.github.sqlitememvfs.tmpdir";

  private static final String NAME = "sqlitememvfs";
  private static final String PREFIX = NAME + "-";
  private static final long STALE_MILLIS = 3_600_000;
  private static final int MOST_ATTEMPTS = 100;

  /** Set under the monitor of the class; read without it first. */
  private static volatile boolean loaded;

  /** The message that all calls fail with; null: none has failed. Under the monitor of the class. */
  private static String failure;

  private NativeLibrary() {}

  /** Loads the library unless that was done. If that has failed, it throws the same error each time. */
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

  /** Tries all places, and adds to the list what failed, and why. */
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
    } catch (LinkageError | RuntimeException e) {
      tried.add(what + ": " + reason(e));
      return false;
    }
  }

  private static boolean trySystem(List<String> tried) {
    try {
      System.loadLibrary(NAME);
      return true;
    } catch (LinkageError | RuntimeException e) {
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
    List<Path> made = new ArrayList<>(); // the folders that are created here, then the file
    boolean needed = false;
    try {
      Path path = Paths.get(folder).toAbsolutePath();
      deleteStale(path);
      Path file = createFile(path, made);
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
    } catch (RuntimeException e) {
      tried.add(what + ": " + reason(e));
      return false;
    } finally {
      if (needed) {
        for (Path each : made) { // the last of them is deleted first
          each.toFile().deleteOnExit(); // does not succeed on Windows: see deleteStale
        }
      } else {
        delete(made);
      }
    }
  }

  /**
   * Creates a new file in the folder, and the folder if it is missing, and adds to the list what it has created.
   * Another JVM that has created the same folder may delete it meanwhile, so this tries again. Once the file is there,
   * the other JVM cannot.
   */
  private static Path createFile(Path folder, List<Path> made) throws IOException {
    for (int attempt = 1; ; attempt++) {
      try {
        createFolder(folder, made);
        Path file = Files.createTempFile(folder, PREFIX, suffix());
        made.add(file);
        return file;
      } catch (NoSuchFileException e) {
        delete(made);
        made.clear();
        if (attempt == MOST_ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  private static void createFolder(Path folder, List<Path> made) throws IOException {
    if (Files.isDirectory(folder)) {
      return;
    }
    if (folder.getParent() != null) {
      createFolder(folder.getParent(), made);
    }
    try {
      Files.createDirectory(folder);
      made.add(folder);
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(folder)) {
        throw new NotDirectoryException(folder.toString());
      }
    }
  }

  /** Writes into the file, which is there: its permissions let nobody else write or read it. */
  static void copy(InputStream in, Path file) throws IOException {
    try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.WRITE)) {
      byte[] buffer = new byte[Transfer.BUFFER_BYTES];
      for (int n; (n = in.read(buffer)) >= 0; ) {
        out.write(buffer, 0, n);
      }
    }
  }

  /** Deletes the paths, the last one first. A folder that another JVM uses as well is not empty, and stays. */
  private static void delete(List<Path> made) {
    for (int i = made.size() - 1; i >= 0; i--) {
      try {
        Files.deleteIfExists(made.get(i));
      } catch (IOException e) {
        made.get(i).toFile().deleteOnExit();
      }
    }
  }

  /**
   * Deletes files that earlier runs could not delete, on Windows. A library in use cannot be deleted there. A new file
   * may not be loaded yet, so only old ones are deleted.
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

  /** Returns what went wrong, and what to do about it where that is known. */
  private static String reason(Throwable e) {
    if (isIllegalCaller(e)) {
      return "native access is denied: start java with --enable-native-access=" + module(NativeLibrary.class);
    }
    if (e instanceof NotDirectoryException) {
      return e.getMessage() + " is a file, not a folder";
    }
    if (e instanceof AccessDeniedException) {
      return "permission denied: " + e.getMessage();
    }
    if (e instanceof FileSystemException && ((FileSystemException) e).getReason() != null) {
      return e.getMessage(); // the file and the reason
    }
    return e instanceof UnsatisfiedLinkError && e.getMessage() != null ? e.getMessage() : e.toString();
  }

  /** Whether the exception says that the JVM denies native access (Java 24 and later). */
  static boolean isIllegalCaller(Throwable e) {
    return e.getClass().getName().equals("java.lang.IllegalCallerException"); // since Java 9
  }

  /** Returns the module of a class, as options of the java command name it. */
  static String module(Class<?> of) {
    try {
      Object module = Class.class.getMethod("getModule").invoke(of); // since Java 9
      Object name = Class.forName("java.lang.Module").getMethod("getName").invoke(module);
      return name == null ? "ALL-UNNAMED" : name.toString();
    } catch (ReflectiveOperationException e) {
      return "ALL-UNNAMED";
    }
  }

  // ---- platform ----

  private static boolean isAndroid() {
    return "Dalvik".equals(System.getProperty("java.vm.name"))
        || System.getProperty("java.vendor", "").contains("Android");
  }

  /** Returns the names of folders in the jar for this system and processor, the likeliest first. */
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
    // A glibc system may have musl's loader, too. This process has loaded one of the two.
    try (Stream<String> maps = Files.lines(Paths.get("/proc/self/maps"), ISO_8859_1)) {
      return maps.anyMatch(line -> line.contains("ld-musl-"));
    } catch (IOException | RuntimeException e) {
      return true;
    }
  }
}
