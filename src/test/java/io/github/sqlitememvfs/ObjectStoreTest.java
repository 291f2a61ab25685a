package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;

/**
 * Databases go to object stores and back: with AWS SDK for Java against S3Proxy, and with java.net.http against a web server. A proxy
 * in front of both breaks connections. That of S3 speaks TLS: the SDK signs, and sums up, uploads otherwise without it.
 */
class ObjectStoreTest {

  static final String BUCKET = "backup";
  private static final String TYPE = "application/vnd.sqlite3";

  /** Longer than what the two ends and the kernel hold back of a connection. */
  private static final int SIZE = 20_000_000;

  @TempDir
  private static Path folder;

  private static S3Server s3Server;
  private static FaultyProxy s3Proxy;
  private static S3Client s3;
  private static HttpStore httpStore;
  private static FaultyProxy httpProxy;
  private static HttpClient http;

  private final MemoryVfs vfs = MemoryVfs.create();
  private SqliteConnection shop;

  /** The client as users have it but for where the store is, whom it trusts, and who it is. */
  static S3Client s3(URI endpoint, Path certificate) {
    return S3Client.builder().endpointOverride(endpoint).forcePathStyle(true).region(Region.US_EAST_1)
        .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create(S3Server.USER, S3Server.SECRET)))
        .httpClientBuilder(UrlConnectionHttpClient.builder().tlsTrustManagersProvider(() -> TestTls.trust(certificate))).build();
  }

  private static Path certificate() {
    return folder.resolve("certificate.p12");
  }

  private static URI uri(FaultyProxy proxy) {
    return proxy.endpoint().resolve("/shop.db");
  }

  @BeforeAll
  static void start() throws Exception {
    TestTls.create(certificate());
    s3Server = new S3Server();
    s3Proxy = new FaultyProxy(s3Server.address(), TestTls.server(certificate()));
    s3 = s3(s3Proxy.endpoint(), certificate());
    s3.createBucket(r -> r.bucket(BUCKET));
    httpStore = new HttpStore(folder);
    httpProxy = new FaultyProxy(httpStore.address(), null);
    http = HttpClient.newHttpClient();
  }

  @AfterAll
  static void stop() throws Exception {
    try (S3Server a = s3Server; FaultyProxy b = s3Proxy; S3Client c = s3; HttpStore d = httpStore; FaultyProxy e = httpProxy) {
      http = null;
    }
  }

  @BeforeEach
  void open() {
    shop = vfs.open("shop");
    shop.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, data BLOB)");
    shop.execute("INSERT INTO item VALUES (1, randomblob(1000))");
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  private void grow() {
    shop.execute("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i * 4000 < ?) INSERT INTO item SELECT i, randomblob(4000) FROM n", SIZE);
    assertTrue(vfs.size("shop") > SIZE);
  }

  private static byte[] s3Bytes(String key) {
    return s3.getObjectAsBytes(r -> r.bucket(BUCKET).key(key)).asByteArray();
  }

  private static byte[] httpBytes() throws Exception {
    return http.send(HttpRequest.newBuilder(uri(httpProxy)).build(), BodyHandlers.ofByteArray()).body();
  }

  // ---- as README.md has it ----

  @Test
  void s3DownAndUp() {
    byte[] stored = OtherSqlite.database("CREATE TABLE item(name)", "INSERT INTO item VALUES ('stored')");
    s3.putObject(r -> r.bucket(BUCKET).key("shop.db"), RequestBody.fromBytes(stored));
    ObjectStoreTutorial.s3(vfs, s3);
    assertEquals("stored", Sql.text(shop, "SELECT name FROM item"));
    shop.execute("INSERT INTO item VALUES ('new')");
    byte[] changed = Sql.bytes(vfs, "shop");
    try (Snapshot snapshot = vfs.snapshot("shop")) {
      s3.putObject(r -> r.bucket(BUCKET).key("shop.db"), RequestBody.fromContentProvider(snapshot::newInputStream, snapshot.size(), TYPE));
    }
    vfs.delete("shop");
    ObjectStoreTutorial.s3(vfs, s3);
    assertArrayEquals(changed, Sql.bytes(vfs, "shop"));
    assertArrayEquals(changed, s3Bytes("shop.db"));
    assertEquals(TYPE, s3.headObject(r -> r.bucket(BUCKET).key("shop.db")).contentType());
    OtherSqlite.assertWhole(s3Bytes("shop.db"));
  }

  @Test
  void httpUpAndDown() throws Exception {
    byte[] bytes = Sql.bytes(vfs, "shop");
    ObjectStoreTutorial.httpUpload(vfs, http, uri(httpProxy));
    assertArrayEquals(bytes, httpBytes());
    shop.execute("DELETE FROM item");
    ObjectStoreTutorial.httpDownload(vfs, http, uri(httpProxy));
    assertEquals(1, Sql.number(shop, "SELECT count(*) FROM item"));
    assertArrayEquals(bytes, Sql.bytes(vfs, "shop"));
  }

  // ---- uploads that fail ----

  private interface Upload {
    void run(Snapshot snapshot, AtomicInteger streams) throws Exception;
  }

  /** Runs an upload while a writer commits; returns the bytes that should be there then. */
  private byte[] uploadWhileWriting(Upload upload) throws Exception {
    grow();
    byte[] bytes = Sql.bytes(vfs, "shop");
    try (Snapshot snapshot = vfs.snapshot("shop")) {
      Crew crew = new Crew();
      AtomicInteger streams = new AtomicInteger();
      crew.start("writer", () -> {
        try (SqliteConnection c = vfs.open("shop")) {
          while (crew.working()) {
            c.execute("UPDATE item SET data = randomblob(4000) WHERE id = 1 + abs(random() % 4000)");
            Thread.sleep(1);
          }
        }
      });
      while (crew.working() && vfs.stats("shop").version() == snapshot.version()) {
        Thread.onSpinWait();
      }
      upload.run(snapshot, streams);
      crew.stop();
      crew.join();
      assertFalse(java.util.Arrays.equals(bytes, Sql.bytes(vfs, "shop")));
      Sql.assertWhole(shop);
      return bytes;
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void s3MakesAFailedUploadAgain(boolean reset) throws Exception {
    int before = s3Proxy.faults();
    byte[] bytes = uploadWhileWriting((snapshot, streams) -> {
      if (reset) {
        s3Proxy.resetRequestAfter(SIZE / 2);
      } else {
        s3Proxy.loseNextResponse();
      }
      s3.putObject(r -> r.bucket(BUCKET).key("again.db"), RequestBody.fromContentProvider(() -> {
        streams.incrementAndGet();
        return snapshot.newInputStream();
      }, snapshot.size(), TYPE));
      assertEquals(2, streams.get(), "streams: one for each attempt");
    });
    assertEquals(before + 1, s3Proxy.faults());
    assertArrayEquals(bytes, s3Bytes("again.db"));
  }

  @Test
  void s3MakesAFailedPartAgain() throws Exception {
    int before = s3Proxy.faults();
    byte[] bytes = uploadWhileWriting((snapshot, streams) -> {
      s3Proxy.resetRequestAfter(18_000_000); // in the second part
      ObjectStoreTutorial.s3InParts(snapshot, s3, BUCKET, "parts.db");
    });
    assertEquals(before + 1, s3Proxy.faults());
    assertArrayEquals(bytes, s3Bytes("parts.db"));
    assertEquals(List.of(), s3.listMultipartUploads(r -> r.bucket(BUCKET)).uploads());
  }

  @Test
  void anHttpRequestCanBeSentAgain() throws Exception {
    int before = httpProxy.faults();
    byte[] bytes = uploadWhileWriting((snapshot, streams) -> {
      HttpRequest put = HttpRequest.newBuilder(uri(httpProxy)).PUT(BodyPublishers.fromPublisher(BodyPublishers.ofInputStream(() -> {
        streams.incrementAndGet();
        return snapshot.newInputStream();
      }), snapshot.size())).build();
      httpProxy.resetRequestAfter(SIZE / 2);
      assertThrows(IOException.class, () -> http.send(put, BodyHandlers.discarding()));
      assertEquals(204, http.send(put, BodyHandlers.discarding()).statusCode());
      assertEquals(2, streams.get(), "streams: one for each attempt");
    });
    assertEquals(before + 1, httpProxy.faults());
    assertArrayEquals(bytes, httpBytes());
  }

  // ---- downloads that fail ----

  @Test
  void aDownloadFromS3ThatEndsTooEarlyLeavesTheOldContent() throws Exception {
    grow();
    byte[] stored = Sql.bytes(vfs, "shop");
    try (Snapshot snapshot = vfs.snapshot("shop")) {
      ObjectStoreTutorial.s3InParts(snapshot, s3, BUCKET, "shop.db");
    }
    vfs.delete("shop");
    shop.close();
    open();
    byte[] old = Sql.bytes(vfs, "shop");
    long inUse = vfs.stats().bytesInUse();

    s3Proxy.cutResponseAfter(SIZE / 2);
    try (InputStream in = s3.getObject(r -> r.bucket(BUCKET).key("shop.db"))) {
      assertEndsTooEarly(assertThrows(Exception.class, () -> vfs.deserialize("shop", in)), stored);
    }
    assertArrayEquals(old, Sql.bytes(vfs, "shop"));
    assertEquals(inUse, vfs.stats().bytesInUse());

    s3Proxy.cutResponseAfter(SIZE / 2);
    assertEndsTooEarly(assertThrows(SdkClientException.class, () -> ObjectStoreTutorial.s3(vfs, s3)), stored);
    assertArrayEquals(old, Sql.bytes(vfs, "shop"));
    assertArrayEquals(stored, s3Bytes("shop.db"));

    ObjectStoreTutorial.s3(vfs, s3);
    assertArrayEquals(stored, Sql.bytes(vfs, "shop"));
    Sql.assertWhole(shop);
  }

  /** The HTTP client of JDK 17 takes what came for all of it, and the library finds it truncated; a later one says so itself. */
  private static void assertEndsTooEarly(Exception thrown, byte[] whole) {
    Throwable e = thrown;
    while (e.getCause() != null) { // the SDK wraps it
      e = e.getCause();
    }
    if (e instanceof IOException) {
      assertEquals("Premature EOF", e.getMessage());
    } else {
      assertInstanceOf(SqliteCorruptException.class, e);
      assertTrue(e.getMessage().contains("truncated") && e.getMessage().contains("" + whole.length), e.getMessage());
    }
  }

  @Test
  void whatS3DoesNotHaveLeavesTheOldContent() {
    byte[] old = Sql.bytes(vfs, "shop");
    s3.deleteObject(r -> r.bucket(BUCKET).key("shop.db"));
    assertThrows(NoSuchKeyException.class, () -> ObjectStoreTutorial.s3(vfs, s3));
    assertArrayEquals(old, Sql.bytes(vfs, "shop"));
  }

  @Test
  void anHttpDownloadThatEndsTooEarlyLeavesTheOldContent() throws Exception {
    byte[] old = Sql.bytes(vfs, "shop");
    grow();
    ObjectStoreTutorial.httpUpload(vfs, http, uri(httpProxy));
    byte[] stored = Sql.bytes(vfs, "shop");
    vfs.deserialize("shop", List.of(old));
    httpProxy.cutResponseAfter(SIZE / 2);
    IOException e = assertThrows(IOException.class, () -> ObjectStoreTutorial.httpDownload(vfs, http, uri(httpProxy)));
    assertTrue(e.toString().contains("" + stored.length) || e.getCause().toString().contains("" + stored.length), e.toString());
    assertArrayEquals(old, Sql.bytes(vfs, "shop"));
    ObjectStoreTutorial.httpDownload(vfs, http, uri(httpProxy));
    assertArrayEquals(stored, Sql.bytes(vfs, "shop"));
  }

  @Test
  void anHttpErrorLeavesTheOldContent() {
    byte[] old = Sql.bytes(vfs, "shop");
    IOException e = assertThrows(IOException.class, () -> ObjectStoreTutorial.httpDownload(vfs, http, httpProxy.endpoint().resolve("/none.db")));
    assertTrue(e.getMessage().contains("404"), e.getMessage());
    httpProxy.loseNextResponse();
    e = assertThrows(IOException.class, () -> ObjectStoreTutorial.httpDownload(vfs, http, uri(httpProxy)), "whose body is empty");
    assertTrue(e.getMessage().contains("503"), e.getMessage());
    assertArrayEquals(old, Sql.bytes(vfs, "shop"));
  }

  @Test
  void anHttpErrorEndsAnUpload() {
    IOException e = assertThrows(IOException.class, () -> ObjectStoreTutorial.httpUpload(vfs, http, httpProxy.endpoint().resolve("/none/shop.db")));
    assertTrue(e.getMessage().contains("409"), e.getMessage());
  }

  // ---- large ones ----

  /**
   * A database of {@code -Dobject.store.database=1100m}, or whatever size is given, and of 128m in every build, is made, goes to both
   * stores and comes back in a JVM whose heap is a fraction of it ({@code -Dobject.store.heap=64m}; 32m), and nothing touches a disk.
   */
  @Test
  @EnabledOnOs(OS.LINUX)
  void aLargeOneNeedsNeitherHeapNorDisk(@TempDir Path trace) throws Exception {
    long size = BigDatabaseTest.parse(System.getProperty("object.store.database", "128m"));
    String heap = System.getProperty("object.store.heap", "32m");
    long start = System.nanoTime();
    Trace done = Trace.of(trace, List.of("-Xmx" + heap), ObjectStoreWork.class, s3Proxy.endpoint().toString(),
        certificate().toString(), httpProxy.endpoint().resolve("/big.db").toString(), "" + size);
    System.out.println(done.output + (System.nanoTime() - start) / 1_000_000 + " ms");
    assertEquals(List.of(), done.writes, "calls that would touch a disk");
  }
}
