import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.cyclonedx.Version;
import org.cyclonedx.exception.ParseException;
import org.cyclonedx.generators.BomGeneratorFactory;
import org.cyclonedx.model.Bom;
import org.cyclonedx.model.Component;
import org.cyclonedx.model.Dependency;
import org.cyclonedx.model.ExternalReference;
import org.cyclonedx.model.Hash;
import org.cyclonedx.model.License;
import org.cyclonedx.model.LicenseChoice;
import org.cyclonedx.model.Property;
import org.cyclonedx.parsers.JsonParser;
import org.cyclonedx.util.BomUtils;

/**
 * Adds SQLite to a bill of materials, which has only what Maven knows of: SQLite is compiled into the library. All that is said of it is read from the
 * source that was compiled.
 *
 * <p>Run by the build: {@code java AddSqlite.java BOM FOLDER_OF_SQLITE FOLDER_OF_PROJECT}.
 */
class AddSqlite {
  private static final Version VERSION = Version.VERSION_16;
  private static final String PURL = "pkg:generic/sqlite@";
  private static final String PACKAGE = "node_modules/better-sqlite3";

  public static void main(String[] args) throws Exception {
    File file = new File(args[0]);
    Path folder = Path.of(args[1]).toAbsolutePath();
    Path project = Path.of(args[2]).toAbsolutePath();
    if (Files.readString(file.toPath()).contains("\"" + PURL)) {
      return; // of an earlier build: no new one is made offline
    }
    Bom bom = new JsonParser().parse(file);
    bom.getMetadata().setTimestamp(null); // the parser sets it to now; without it, two builds give the same
    Component sqlite = sqlite(folder);
    if (folder.startsWith(project.resolve(PACKAGE))) {
      sqlite.addExternalReference(npmPackage(project));
    }
    bom.addComponent(sqlite);
    bom.addDependency(new Dependency(sqlite.getBomRef()));
    String library = bom.getMetadata().getComponent().getBomRef();
    Dependency ours = bom.getDependencies().stream().filter(d -> d.getRef().equals(library)).findFirst().orElseThrow();
    ours.addDependency(new Dependency(sqlite.getBomRef()));
    Files.writeString(file.toPath(), BomGeneratorFactory.createJson(VERSION, bom).toJsonString());
    List<ParseException> errors = new JsonParser().validate(file, VERSION);
    if (!errors.isEmpty()) {
      throw new IOException(file + " is no valid CycloneDX " + VERSION.getVersionString() + ": " + errors);
    }
  }

  private static Component sqlite(Path folder) throws Exception {
    String header = Files.readString(folder.resolve("sqlite3.h"), StandardCharsets.UTF_8);
    String version = defined("SQLITE_VERSION", header);
    Component sqlite = new Component();
    sqlite.setType(Component.Type.LIBRARY);
    sqlite.setName("sqlite");
    sqlite.setVersion(version);
    sqlite.setDescription("SQLite's amalgamation, compiled into the native library");
    sqlite.setScope(Component.Scope.REQUIRED);
    sqlite.setPurl(PURL + version);
    sqlite.setBomRef(sqlite.getPurl());
    sqlite.setCpe("cpe:2.3:a:sqlite:sqlite:" + version + ":*:*:*:*:*:*:*");
    License license = new License();
    license.setId("blessing"); // how SPDX calls SQLite's dedication to the public domain
    LicenseChoice licenses = new LicenseChoice();
    licenses.addLicense(license);
    sqlite.setLicenses(licenses);
    for (Hash hash : BomUtils.calculateHashes(folder.resolve("sqlite3.c").toFile(), VERSION)) {
      if (hash.getAlgorithm().equals(Hash.Algorithm.SHA_256.getSpec())) {
        sqlite.addHash(hash);
      }
    }
    sqlite.addExternalReference(reference(ExternalReference.Type.WEBSITE, "https://sqlite.org"));
    Property source = new Property();
    source.setName("sqlite:sourceId");
    source.setValue(defined("SQLITE_SOURCE_ID", header));
    sqlite.addProperty(source);
    return sqlite;
  }

  private static String defined(String name, String header) throws IOException {
    Matcher matcher = Pattern.compile("^#define " + name + " +\"(.+)\"", Pattern.MULTILINE).matcher(header);
    if (!matcher.find()) {
      throw new IOException("sqlite3.h defines no " + name);
    }
    return matcher.group(1);
  }

  /** Where the source was taken from, and the hash that package-lock.json pins. */
  private static ExternalReference npmPackage(Path project) throws IOException {
    JsonNode locked = new ObjectMapper().readTree(project.resolve("package-lock.json").toFile()).path("packages").path(PACKAGE);
    String integrity = locked.path("integrity").asText();
    if (!integrity.startsWith("sha512-")) {
      throw new IOException("package-lock.json has no SHA-512 of " + PACKAGE);
    }
    ExternalReference reference = reference(ExternalReference.Type.SOURCE_DISTRIBUTION, "pkg:npm/better-sqlite3@" + locked.path("version").asText());
    reference.setComment("deps/sqlite3 of this package");
    byte[] digest = Base64.getDecoder().decode(integrity.substring("sha512-".length()));
    reference.addHash(new Hash(Hash.Algorithm.SHA_512, HexFormat.of().formatHex(digest)));
    return reference;
  }

  private static ExternalReference reference(ExternalReference.Type type, String url) {
    ExternalReference reference = new ExternalReference();
    reference.setType(type);
    reference.setUrl(url);
    return reference;
  }
}
