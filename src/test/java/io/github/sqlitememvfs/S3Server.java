package io.github.sqlitememvfs;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * S3Proxy in a JVM of its own, which the build put into a folder together with all that it needs. It checks signatures, and
 * keeps its objects in files.
 */
final class S3Server implements AutoCloseable {

  static final String USER = "local";
  static final String SECRET = "not a secret";

  private static final Pattern STARTED = Pattern.compile("Started .*ServerConnector.*\\{127\\.0\\.0\\.1:(\\d+)}");

  private final Path objects;
  private final Process process;
  private final InetSocketAddress address;

  S3Server() throws IOException {
    Path folder = Path.of(Objects.requireNonNull(System.getProperty("s3.server.folder"), "s3.server.folder: Maven's build sets it"));
    objects = Files.createTempDirectory(folder, "objects");
    Path settings = Files.write(folder.resolve("s3proxy.properties"), List.of(
        "s3proxy.endpoint=http://127.0.0.1:0",
        "s3proxy.authorization=aws-v4",
        "s3proxy.identity=" + USER,
        "s3proxy.credential=" + SECRET,
        "s3proxy.ignore-unknown-headers=true",
        "jclouds.provider=filesystem",
        "jclouds.filesystem.basedir=" + objects,
        "jclouds.identity=none",
        "jclouds.credential=none"));
    process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx128m", "-XX:+UseSerialGC",
        "-jar", folder.resolve("s3proxy.jar").toString(), "--properties", settings.toString()).redirectErrorStream(true).start();
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly)); // if nobody closes it
    BufferedReader output = process.inputReader();
    address = new InetSocketAddress("127.0.0.1", port(output));
    Thread rest = new Thread(() -> output.lines().filter(l -> l.matches("\\[s3proxy] [WE] .*")).forEach(System.out::println), "output of S3Proxy");
    rest.setDaemon(true);
    rest.start();
  }

  private static int port(BufferedReader output) throws IOException {
    StringBuilder log = new StringBuilder();
    for (String line; (line = output.readLine()) != null;) {
      Matcher started = STARTED.matcher(line);
      if (started.find()) {
        return Integer.parseInt(started.group(1));
      }
      log.append(line).append('\n');
    }
    throw new IOException("S3Proxy did not start:\n" + log);
  }

  InetSocketAddress address() {
    return address;
  }

  @Override
  public void close() throws IOException, InterruptedException {
    process.destroyForcibly().waitFor();
    try (Stream<Path> files = Files.walk(objects)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).collect(Collectors.toList())) {
        Files.delete(file);
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }
}
