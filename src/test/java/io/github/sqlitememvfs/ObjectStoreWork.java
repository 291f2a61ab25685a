package io.github.sqlitememvfs;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32C;
import java.util.zip.CheckedOutputStream;
import software.amazon.awssdk.services.s3.S3Client;

/**
 * What {@link ObjectStoreTest} does with a large database in a JVM of its own, with a small heap: makes it, sends it to both stores
 * while a writer goes on, gets it back from both, and compares.
 */
final class ObjectStoreWork {

  private static final int ROW = 4000;
  private static final int ROWS = 1000;

  private ObjectStoreWork() {
  }

  /** Arguments: where S3 is, its certificate, where to PUT and GET, bytes. */
  public static void main(String[] args) throws Exception {
    URI endpoint = URI.create(args[0]);
    Path certificate = Path.of(args[1]);
    URI uri = URI.create(args[2]);
    long bytes = Long.parseLong(args[3]);
    try (MemoryVfs vfs = MemoryVfs.create(); S3Client s3 = ObjectStoreTest.s3(endpoint, certificate); SqliteConnection big = vfs.open("big")) {
      Trace.mark(Trace.BEGIN);
      big.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)");
      while (vfs.size("big") < bytes) {
        big.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO t(data) SELECT randomblob(?) FROM n", ROWS, ROW);
      }
      HttpClient http = HttpClient.newHttpClient();
      try (Snapshot snapshot = vfs.snapshot("big")) {
        long sum = sum(snapshot);
        Crew crew = new Crew();
        crew.start("writer", () -> {
          try (SqliteConnection c = vfs.open("big")) {
            while (crew.working()) {
              c.execute("UPDATE t SET data = randomblob(?) WHERE id = 1 + abs(random() % ?)", ROW, ROWS);
              Thread.sleep(1);
            }
          }
        });
        while (crew.working() && vfs.stats("big").version() == snapshot.version()) {
          Thread.onSpinWait();
        }
        ObjectStoreTutorial.s3InParts(snapshot, s3, ObjectStoreTest.BUCKET, "big.db");
        HttpResponse<Void> put = http.send(HttpRequest.newBuilder(uri)
            .PUT(BodyPublishers.fromPublisher(BodyPublishers.ofInputStream(snapshot::newInputStream), snapshot.size())).build(), BodyHandlers.discarding());
        check(put.statusCode() == 204, "PUT: " + put);
        crew.stop();
        crew.join();
        try (InputStream in = s3.getObject(r -> r.bucket(ObjectStoreTest.BUCKET).key("big.db"))) {
          vfs.deserialize("copy", in);
        }
        checkCopy(vfs, snapshot, sum);
        try (InputStream in = http.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofInputStream()).body()) {
          vfs.deserialize("copy", in);
        }
        checkCopy(vfs, snapshot, sum);
      }
      Trace.mark(Trace.END);
      System.out.println(vfs.size("big") + " bytes up and down, heap of " + (Runtime.getRuntime().maxMemory() >> 20) + " MB at the most, in memory at the most "
          + status("VmHWM"));
    }
  }

  /** Then empties it, so that the next cannot be taken for it. */
  private static void checkCopy(MemoryVfs vfs, Snapshot of, long sum) throws IOException {
    try (Snapshot copy = vfs.snapshot("copy")) {
      check(copy.size() == of.size() && sum(copy) == sum, "the copy has other bytes");
    }
    Sql.assertWhole(vfs, "copy");
    check(vfs.delete("copy"), "there is no copy");
  }

  private static long sum(Snapshot snapshot) throws IOException {
    CheckedOutputStream sum = new CheckedOutputStream(OutputStream.nullOutputStream(), new CRC32C());
    snapshot.writeTo(sum);
    return sum.getChecksum().getValue();
  }

  private static void check(boolean condition, String message) {
    if (!condition) {
      throw new AssertionError(message);
    }
  }

  private static String status(String name) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream().filter(l -> l.startsWith(name)).findFirst().orElseThrow();
  }
}
