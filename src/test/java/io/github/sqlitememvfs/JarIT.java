package io.github.sqlitememvfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.DataInputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPath;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

/** The content of the jar, for Java 8 and for newer versions, and of the pom that users depend on. */
class JarIT {
  private static final Path JAR = Path.of(System.getProperty("jar"));
  private static final int JAVA_8 = 52;

  @Test
  void onlyTheModuleIsNewerThanJava8() throws Exception {
    try (JarFile jar = new JarFile(JAR.toFile())) {
      Attributes manifest = jar.getManifest().getMainAttributes();
      assertEquals("true", manifest.getValue("Multi-Release"));
      assertNull(manifest.getValue("Automatic-Module-Name"));
      Set<String> newer = new TreeSet<>();
      for (JarEntry entry : jar.stream().filter(e -> e.getName().endsWith(".class")).toList()) {
        try (DataInputStream in = new DataInputStream(jar.getInputStream(entry))) {
          in.readInt();
          in.readUnsignedShort();
          int version = in.readUnsignedShort();
          assertEquals(version > JAVA_8, entry.getName().startsWith("META-INF/versions/"), entry.getName());
          if (version > JAVA_8) {
            newer.add(entry.getName());
          }
        }
      }
      assertEquals(Set.of("META-INF/versions/9/module-info.class"), newer);
    }
  }

  @Test
  void hasNothingOfOthersInIt() throws Exception {
    try (JarFile jar = new JarFile(JAR.toFile())) {
      List<String> strange = jar.stream().map(JarEntry::getName)
          .filter(n -> !n.matches("io/(github/(sqlitememvfs/.*)?)?|META-INF/((MANIFEST.MF|LICENSE)|(maven|native|native-image|sbom|versions|proguard)/.*)?"))
          .toList();
      assertEquals(List.of(), strange);
    }
  }

  @Test
  void whoDependsOnItGetsNothingElse() throws Exception {
    Document pom = pom();
    assertTrue(nodes(pom, "/project/dependencies/dependency").getLength() > 0);
    NodeList reaching = nodes(pom, "/project/dependencies/dependency[not(scope = 'test' or scope = 'provided' or optional = 'true')]/artifactId");
    assertEquals(0, reaching.getLength(), () -> reaching.item(0).getTextContent());
  }

  /** What Maven Central wants to be told. */
  @Test
  void thePomSaysWhatMavenCentralAsksFor() throws Exception {
    Document pom = pom();
    for (String path : List.of("name", "description", "url", "licenses/license/name", "licenses/license/url", "developers/developer/name",
        "developers/developer/organization", "developers/developer/organizationUrl", "scm/connection", "scm/developerConnection", "scm/url")) {
      NodeList found = nodes(pom, "/project/" + path);
      assertEquals(1, found.getLength(), path);
      assertFalse(found.item(0).getTextContent().isBlank(), path);
    }
    String base = JAR.getFileName().toString().replace(".jar", "");
    for (String other : List.of("-sources.jar", "-javadoc.jar")) {
      assertTrue(Files.size(JAR.resolveSibling(base + other)) > 10_000, other);
    }
  }

  private static Document pom() throws Exception {
    try (JarFile jar = new JarFile(JAR.toFile());
        InputStream in = jar.getInputStream(jar.getEntry("META-INF/maven/io.github.sqlitememvfs/sqlite-memory-vfs/pom.xml"))) {
      return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(in);
    }
  }

  private static NodeList nodes(Document pom, String path) throws Exception {
    XPath xpath = XPathFactory.newInstance().newXPath();
    return (NodeList) xpath.evaluate(path, pom, XPathConstants.NODESET);
  }
}
