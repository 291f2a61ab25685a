package io.github.sqlitememvfs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** How the native library is found. Each way needs a JVM, or at least a class loader, in which it is not loaded yet. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class NativeLibraryTest {
  @TempDir Path folder;

  /** What the child JVMs run. */
  public static final class Main {
    private Main() {}

    public static void main(String[] args) {
      for (int i = 0; i < 2; i++) { // an error must be the same the second time
        try (MemoryVfs vfs = MemoryVfs.create()) {
          System.out.println("works with " + MemoryVfs.sqliteVersion());
        } catch (UnsatisfiedLinkError e) {
          System.out.println(e.getMessage());
        }
      }
    }
  }

  @Test
  void extractsToTheFolderOfTheProperty() throws Exception {
    Path named = Files.createDirectory(folder.resolve("named"));
    assertWorks(run("-D" + NativeLibrary.FOLDER_PROPERTY + "=" + named));
    try (Stream<Path> left = Files.list(named)) {
      assertEquals(0, left.count(), "the file is deleted once it is loaded");
    }
  }

  @Test
  void aMissingFolderIsMadeAndDeletedAgain() throws Exception {
    for (String property : new String[] {NativeLibrary.FOLDER_PROPERTY, "java.io.tmpdir"}) {
      assertWorks(run("-D" + property + "=" + folder.resolve("made/on demand")));
      assertEquals(List.of(), list(folder));
    }
  }

  /** Each deletes the folders that it has made, which another one may be about to use. */
  @Test
  void manyMayMakeTheSameFolder() throws Exception {
    Path missing = folder.resolve("made/on demand");
    List<Process> processes = new ArrayList<>();
    try {
      for (int i = 0; i < 8; i++) {
        processes.add(start("-D" + NativeLibrary.FOLDER_PROPERTY + "=" + missing));
      }
      for (Process process : processes) {
        assertWorks(outputOf(process));
      }
    } finally {
      processes.forEach(Process::destroyForcibly);
    }
    try (Stream<Path> files = Files.walk(folder)) { // a folder may be left, if one has ended while another used it
      assertEquals(List.of(), files.filter(Files::isRegularFile).toList());
    }
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  @Test
  void aFileInPlaceOfTheFolderIsNamed() throws Exception {
    Path file = Files.createFile(folder.resolve("file"));
    for (Path wrong : List.of(file, file.resolve("below"))) {
      String out = run("-D" + NativeLibrary.FOLDER_PROPERTY + "=" + wrong);
      assertFailsTwice(out);
      assertTrue(out.contains(" extracted to " + wrong + ": " + file + " is a file, not a folder"), out);
    }
  }

  /** A folder that takes no files, by whatever name the system has for it. */
  @Test
  void aFolderThatTakesNoFilesIsNamed() throws Exception {
    Path proc = Path.of("/proc/self");
    String out = run("-D" + NativeLibrary.FOLDER_PROPERTY + "=" + proc);
    assertFailsTwice(out);
    assertTrue(out.contains(" extracted to " + proc + ": "), out);
    assertTrue(out.contains("To extract it to another folder: -D" + NativeLibrary.FOLDER_PROPERTY + "=/a/folder"), out);
  }

  @Test
  void deniedNativeAccessIsToldWithItsRemedy() throws Exception {
    if (Runtime.version().feature() < 24) {
      return; // no Java before can deny it
    }
    String out = run("--illegal-native-access=deny");
    assertFailsTwice(out);
    assertTrue(out.contains("native access is denied: start java with --enable-native-access=ALL-UNNAMED"), out);
  }

  /** A new file in its place would have the permissions of any new file. */
  @Test
  void extractsIntoTheFileThatOnlyTheUserCanUse() throws Exception {
    Path file = Files.createTempFile(folder, "a", ".so");
    Object before = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
    byte[] bytes = new byte[300_000];
    Arrays.fill(bytes, (byte) 7);
    NativeLibrary.copy(new ByteArrayInputStream(bytes), file);
    assertArrayEquals(bytes, Files.readAllBytes(file));
    assertEquals(before, Files.readAttributes(file, BasicFileAttributes.class).fileKey());
    if (Files.getFileStore(file).supportsFileAttributeView("posix")) {
      assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    }
  }

  @Test
  void loadsTheFileOfTheProperty() throws Exception {
    Path file = folder.resolve("any name.so");
    try (InputStream in = resource()) {
      Files.copy(in, file);
    }
    String out = run("-D" + NativeLibrary.PATH_PROPERTY + "=" + file);
    assertWorks(out);
    assertTrue(Files.exists(file), "it is the user's");
  }

  @Test
  void loadsFromTheLibraryPathIfToldTo() throws Exception {
    try (InputStream in = resource()) {
      Files.copy(in, folder.resolve(System.mapLibraryName("sqlitememvfs")));
    }
    assertWorks(run("-D" + NativeLibrary.SYSTEM_PROPERTY + "=true", "-Djava.library.path=" + folder));
  }

  @Test
  void theFileOfThePropertyIsTheOnlyOneTried() throws Exception {
    Path missing = folder.resolve("missing.so");
    String out = run("-D" + NativeLibrary.PATH_PROPERTY + "=" + missing);
    assertFailsTwice(out);
    assertTrue(out.contains(NativeLibrary.PATH_PROPERTY + "=" + missing), out);
    assertFalse(out.contains("META-INF"), out);
  }

  @Test
  void theErrorNamesAllThatWasTriedAndWhatToDo() throws Exception {
    Path file = Files.createFile(folder.resolve("no folder"));
    String out = run("-D" + NativeLibrary.FOLDER_PROPERTY + "=" + file);
    assertFailsTwice(out);
    for (String platform : NativeLibrary.platforms()) {
      assertTrue(out.contains("META-INF/native/" + platform + "/"), out);
    }
    assertTrue(out.contains("-D" + NativeLibrary.FOLDER_PROPERTY), out);
    assertTrue(out.contains("System.loadLibrary(\"sqlitememvfs\")"), out);
    assertTrue(out.contains(System.getProperty("os.arch")), out);
  }

  @Test
  void aLibraryThatCannotBeLoadedIsToldWithItsReason() throws Exception {
    Path broken = Files.write(folder.resolve("broken.so"), "no library".getBytes(UTF_8));
    String out = run("-D" + NativeLibrary.PATH_PROPERTY + "=" + broken);
    assertFailsTwice(out);
    assertTrue(out.contains(broken + ": "), out);
  }

  @Test
  void twoClassLoadersEachHaveTheirOwn() throws Exception {
    WeakReference<ClassLoader> first;
    WeakReference<ClassLoader> second;
    MemoryVfs.sqliteVersion();
    long before = openLibraries();
    try (MemoryVfs vfs = MemoryVfs.builder().name("same-name").build()) {
      first = useThroughNewLoader(); // under the same name: an SQLite of its own
      second = useThroughNewLoader();
      assertEquals(List.of(), vfs.databases());
    }
    // Neither is kept for good: the clean-up thread ends when there is nothing to watch.
    while (first.get() != null || second.get() != null || openLibraries() > before) {
      System.gc();
      Thread.sleep(20);
    }
  }

  /** Files of libraries that were deleted and are kept open: see {@link Native#libraryOutlivesFile}. */
  private static long openLibraries() throws IOException {
    long open = 0;
    try (DirectoryStream<Path> files = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path file : files) {
        if (Files.isSymbolicLink(file) && Files.readSymbolicLink(file).toString().contains("sqlitememvfs")) {
          open++;
        }
      }
    } catch (NoSuchFileException e) {
      return open; // closed meanwhile, or another system
    }
    return open;
  }

  @Test
  void oneSqliteJdbcKnowsThoseOfSeveralClassLoaders() throws Exception {
    List<AutoCloseable> open = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      ClassLoader loader = newLoader(getClass().getClassLoader(), "org.sqlite.");
      AutoCloseable vfs = (AutoCloseable) loader.loadClass(MemoryVfs.class.getName()).getMethod("create").invoke(null);
      String url = (String) vfs.getClass().getMethod("jdbcUrl", String.class).invoke(vfs, "d");
      try (Connection jdbc = DriverManager.getConnection(url); Statement statement = jdbc.createStatement()) {
        statement.execute("CREATE TABLE t(x)");
      }
      assertEquals(List.of("d"), vfs.getClass().getMethod("databases").invoke(vfs));
      open.add(vfs);
    }
    for (AutoCloseable vfs : open) {
      vfs.close();
    }
  }

  /** A loader with classes of its own, but for those of that package. */
  private static ClassLoader newLoader(ClassLoader shared, String prefix) throws IOException {
    List<URL> urls = new ArrayList<>();
    for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
      urls.add(new File(path).toURI().toURL());
    }
    return new URLClassLoader(urls.toArray(new URL[0]), ClassLoader.getPlatformClassLoader()) {
      @Override
      protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        return name.startsWith(prefix) ? shared.loadClass(name) : super.loadClass(name, resolve);
      }
    };
  }

  /** Does a little work with classes of a new loader, and leaves all open but the VFS. */
  private static WeakReference<ClassLoader> useThroughNewLoader() throws Exception {
    ClassLoader loader = newLoader(null, "\0");
    Class<?> vfsClass = loader.loadClass(MemoryVfs.class.getName());
    assertNotSame(MemoryVfs.class, vfsClass);
    Object builder = vfsClass.getMethod("builder").invoke(null);
    builder.getClass().getMethod("name", String.class).invoke(builder, "same-name");
    AutoCloseable vfs = (AutoCloseable) builder.getClass().getMethod("build").invoke(builder);
    Object connection = vfsClass.getMethod("open", String.class).invoke(vfs, "d");
    connection.getClass().getMethod("execute", String.class).invoke(connection, "CREATE TABLE t(x)");
    assertEquals(List.of("d"), vfsClass.getMethod("databases").invoke(vfs));
    vfs.close();
    return new WeakReference<>(loader);
  }

  @Test
  void codesHaveTheirNames() {
    assertEquals("SQLITE_CONSTRAINT_UNIQUE", SqliteCodes.name(2067));
    assertEquals("SQLITE_BUSY_SNAPSHOT", SqliteCodes.name(517));
    assertEquals("SQLITE_IOERR_SHORT_READ", SqliteCodes.name(522));
    assertEquals("SQLITE_ABORT_ROLLBACK", SqliteCodes.name(516));
    assertEquals("SQLITE_NOTADB", SqliteCodes.name(26));
    assertEquals("SQLITE_FULL", SqliteCodes.name(13 | 99 << 8));
    assertEquals("unknown code", SqliteCodes.name(77));
  }

  private static InputStream resource() throws IOException {
    for (String platform : NativeLibrary.platforms()) {
      InputStream in = NativeLibrary.class.getResourceAsStream(
          "/META-INF/native/" + platform + "/" + System.mapLibraryName("sqlitememvfs"));
      if (in != null) {
        return in;
      }
    }
    throw new IOException("no native library for " + NativeLibrary.platforms());
  }

  private static void assertWorks(String out) {
    assertTrue(out.startsWith("works with 3."), out);
  }

  private static void assertFailsTwice(String out) {
    String half = out.substring(0, out.length() / 2);
    assertTrue(half.startsWith("cannot load the native library"), out);
    assertEquals(half + half, out);
  }

  private static String run(String... options) throws Exception {
    Process process = start(options);
    try {
      return outputOf(process);
    } finally {
      process.destroyForcibly();
    }
  }

  private static Process start(String... options) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("java.home") + File.separator + "bin" + File.separator + "java");
    command.addAll(Arrays.asList(options));
    command.addAll(Arrays.asList("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
  }

  private static String outputOf(Process process) throws Exception {
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    process.waitFor();
    return out;
  }
}
