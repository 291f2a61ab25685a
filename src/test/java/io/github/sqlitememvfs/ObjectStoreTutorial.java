package io.github.sqlitememvfs;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;

/** How databases go to object stores and back. The regions are README.md's code; {@link ObjectStoreTest} runs it. */
final class ObjectStoreTutorial {

  private ObjectStoreTutorial() {
  }

  static void s3(MemoryVfs vfs, S3Client s3) {
    // tag::object-store[]
    s3.getObject(r -> r.bucket("backup").key("shop.db"), (response, in) -> { vfs.deserialize("shop", in); return response; });
    try (Snapshot snapshot = vfs.snapshot("shop")) { // writers go on; an attempt that failed is made again, from a new stream
      s3.putObject(r -> r.bucket("backup").key("shop.db"),
          RequestBody.fromContentProvider(snapshot::newInputStream, snapshot.size(), "application/vnd.sqlite3"));
    }
    // end::object-store[]
  }

  static void s3InParts(Snapshot snapshot, S3Client s3, String bucket, String key) {
    // tag::object-store-parts[]
    String upload = s3.createMultipartUpload(r -> r.bucket(bucket).key(key)).uploadId();
    try {
      List<CompletedPart> parts = new ArrayList<>();
      for (long at = 0, part = 16_000_000; at < snapshot.size(); at += part) {
        long start = at;
        long length = Math.min(part, snapshot.size() - at);
        int number = parts.size() + 1;
        String tag = s3.uploadPart(r -> r.bucket(bucket).key(key).uploadId(upload).partNumber(number),
            RequestBody.fromContentProvider(() -> snapshot.newInputStream(start, length), length, "application/octet-stream")).eTag();
        parts.add(CompletedPart.builder().partNumber(number).eTag(tag).build());
      }
      s3.completeMultipartUpload(r -> r.bucket(bucket).key(key).uploadId(upload).multipartUpload(m -> m.parts(parts)));
    } catch (RuntimeException e) {
      s3.abortMultipartUpload(r -> r.bucket(bucket).key(key).uploadId(upload));
      throw e;
    }
    // end::object-store-parts[]
  }

  static void httpDownload(MemoryVfs vfs, HttpClient http, URI uri) throws IOException, InterruptedException {
    // tag::http-download[]
    HttpResponse<InputStream> response = http.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofInputStream());
    try (InputStream in = response.body()) {
      if (response.statusCode() != 200) { // what comes with it may be empty, and so a database
        throw new IOException(response.toString());
      }
      vfs.deserialize("shop", in);
    }
    // end::http-download[]
  }

  static void httpUpload(MemoryVfs vfs, HttpClient http, URI uri) throws IOException, InterruptedException {
    // tag::http-upload[]
    try (Snapshot snapshot = vfs.snapshot("shop")) {
      BodyPublisher body = BodyPublishers.fromPublisher(BodyPublishers.ofInputStream(snapshot::newInputStream), snapshot.size());
      HttpRequest put = HttpRequest.newBuilder(uri).PUT(body).build(); // can be sent again: each time from a new stream
      HttpResponse<Void> response = http.send(put, BodyHandlers.discarding());
      if (response.statusCode() >= 300) {
        throw new IOException(response.toString());
      }
    }
    // end::http-upload[]
  }
}
