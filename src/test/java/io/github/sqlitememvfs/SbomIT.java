package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.jar.JarFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The bill of materials in the jar lists what is in the jar. (The build itself checks the form of CycloneDX, when it
 * writes the list.)
 */
class SbomIT {
  private static final Path SQLITE = Path.of(System.getProperty("sqlite.amalgamation.dir"), "sqlite3.c");

  private static String text;
  private static JsonNode bom;

  @BeforeAll
  static void read() throws Exception {
    try (JarFile jar = new JarFile(System.getProperty("jar"));
        InputStream in = jar.getInputStream(jar.getEntry("META-INF/sbom/sqlite-memory-vfs.cdx.json"))) {
      text = new String(in.readAllBytes());
      bom = new ObjectMapper().readTree(text);
    }
  }

  @Test
  void isOfThisLibrary() {
    assertEquals("CycloneDX", bom.path("bomFormat").asText());
    JsonNode library = bom.path("metadata").path("component");
    assertEquals("io.github.sqlitememvfs", library.path("group").asText());
    assertEquals("sqlite-memory-vfs", library.path("name").asText());
    assertEquals("Apache-2.0", library.path("licenses").path(0).path("license").path("id").asText());
  }

  /** What Maven knows of is optional, so that SQLite is all that is there for certain. */
  @Test
  void sqliteIsAllThatIsRequired() throws Exception {
    List<JsonNode> required = new ArrayList<>();
    for (JsonNode component : bom.path("components")) {
      if (!component.path("scope").asText().equals("optional")) {
        required.add(component);
      }
    }
    assertEquals(1, required.size(), required::toString);
    JsonNode sqlite = required.get(0);
    String version = MemoryVfs.sqliteVersion(); // of the native library that is in use
    assertEquals("sqlite", sqlite.path("name").asText());
    assertEquals(version, sqlite.path("version").asText());
    assertEquals("pkg:generic/sqlite@" + version, sqlite.path("purl").asText());
    assertTrue(sqlite.path("cpe").asText().startsWith("cpe:2.3:a:sqlite:sqlite:" + version + ":"));
    assertEquals("blessing", sqlite.path("licenses").path(0).path("license").path("id").asText());
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(SQLITE));
    assertEquals(HexFormat.of().formatHex(digest), sqlite.path("hashes").path(0).path("content").asText());
    assertEquals(sourceId(), sqlite.path("properties").path(0).path("value").asText());
    assertTrue(dependencies().contains(sqlite.path("bom-ref").asText()));
  }

  private static String sourceId() {
    try (MemoryVfs vfs = MemoryVfs.create(); SqliteConnection c = vfs.open("d"); SqliteStatement s = c.query("SELECT sqlite_source_id()")) {
      s.step();
      return s.getText(0);
    }
  }

  private static List<String> dependencies() {
    String library = bom.path("metadata").path("component").path("bom-ref").asText();
    List<String> refs = new ArrayList<>();
    for (JsonNode dependency : bom.path("dependencies")) {
      if (dependency.path("ref").asText().equals(library)) {
        dependency.path("dependsOn").forEach(ref -> refs.add(ref.asText()));
      }
    }
    return refs;
  }

  @Test
  void saysNothingOfTheMachineOrTheHour() {
    assertFalse(bom.path("metadata").has("timestamp"));
    assertFalse(text.contains(Path.of("").toAbsolutePath().toString()));
    assertFalse(text.contains(System.getProperty("user.home")));
  }
}
