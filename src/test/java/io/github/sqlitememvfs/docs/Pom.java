package io.github.sqlitememvfs.docs;

import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/** pom.xml with the poms of the modules beside it, and what a page may say of them: commands, and dependencies. */
final class Pom {

  private static final Set<String> PHASES = Set.of("clean", "initialize", "generate-sources", "compile", "process-classes", "test-compile",
      "process-test-classes", "test", "package", "verify", "install");

  private final Set<String> profiles = new TreeSet<>();
  private final Set<String> artifacts = new TreeSet<>(); // group:artifact:version
  private final Map<String, String> properties = new TreeMap<>();
  private String text;
  final String version;

  Pom(Path file, Path... modules) throws IOException {
    text = Files.readString(file);
    Document document;
    try {
      document = parse(text);
    } catch (SAXException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
    Element project = document.getDocumentElement();
    version = child(project, "version");
    for (Element all : elements(document, "properties")) {
      for (Node node = all.getFirstChild(); node != null; node = node.getNextSibling()) {
        properties.putIfAbsent("${" + node.getNodeName() + "}", node.getTextContent().strip()); // the project's own come first
      }
    }
    artifacts.add(artifact(project));
    for (Element dependency : elements(document, "dependency")) {
      artifacts.add(artifact(dependency));
    }
    for (Element profile : elements(document, "profile")) {
      profiles.add(child(profile, "id"));
    }
    for (Path module : modules) { // their profiles and properties; users depend on none of them
      Pom other = new Pom(module);
      profiles.addAll(other.profiles);
      text += other.text;
    }
  }

  static Document parse(String xml) throws SAXException {
    try {
      var builder = DocumentBuilderFactory.newInstance().newDocumentBuilder();
      builder.setErrorHandler(null); // throws, and prints nothing
      return builder.parse(new InputSource(new StringReader(xml)));
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException(e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<Element> elements(Document document, String name) {
    NodeList nodes = document.getElementsByTagName(name);
    List<Element> elements = new ArrayList<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      elements.add((Element) nodes.item(i));
    }
    return elements;
  }

  private static String child(Element parent, String name) {
    for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
      if (node.getNodeName().equals(name)) {
        return node.getTextContent().strip();
      }
    }
    return "";
  }

  private String artifact(Element element) {
    String itsVersion = child(element, "version");
    return child(element, "groupId") + ":" + child(element, "artifactId") + ":" + properties.getOrDefault(itsVersion, itsVersion);
  }

  /** What is wrong with a piece of XML: each dependency in it must be this project, or one that it is built with, in that version. */
  List<String> problemsOf(String xml) {
    Document document;
    try {
      document = parse("<page>" + xml + "</page>");
    } catch (SAXException e) {
      return List.of("no XML: " + e.getMessage());
    }
    return elements(document, "dependency").stream().map(this::artifact).filter(a -> !artifacts.contains(a))
        .map(a -> "pom.xml has no " + a).toList();
  }

  /** What is wrong with the arguments of a call of Maven. */
  List<String> problemsOf(List<String> arguments) throws IOException {
    List<String> problems = new ArrayList<>();
    for (int i = 0; i < arguments.size(); i++) {
      String argument = arguments.get(i);
      if (argument.startsWith("-P")) {
        for (String profile : (argument.equals("-P") ? arguments.get(++i) : argument.substring(2)).split(",")) {
          if (!profiles.contains(profile)) {
            problems.add("pom.xml has no profile " + profile);
          }
        }
      } else if (argument.startsWith("-D")) {
        String[] property = argument.substring(2).split("=", 2);
        if (property[0].equals("test")) {
          for (String test : property[1].split("[,+]")) {
            if (!hasTest(test)) {
              problems.add("there is no test " + test);
            }
          }
        } else if (!knows(property[0])) {
          problems.add("nobody asks for the property " + property[0]);
        }
      } else if (argument.equals("-f") || argument.equals("-pl")) {
        if (!Files.exists(Path.of(arguments.get(++i)))) {
          problems.add("there is no " + arguments.get(i));
        }
      } else if (argument.startsWith("-") ? !Set.of("-B", "-q", "-am").contains(argument) : !PHASES.contains(argument) && !argument.matches("[a-z-]+:[a-z-]+")) {
        problems.add("unknown to this test: mvn " + argument);
      }
    }
    return problems;
  }

  private static boolean hasTest(String name) throws IOException {
    try (Stream<Path> files = Files.walk(Path.of("src/test/java"))) {
      return files.anyMatch(file -> file.endsWith(name + ".java"));
    }
  }

  /** Whether the pom, or a source, asks for it. */
  private boolean knows(String property) throws IOException {
    if (text.contains("${" + property + "}") || text.contains("<name>!" + property + "</name>")) {
      return true;
    }
    String quoted = '"' + property + '"';
    try (Stream<Path> files = Files.walk(Path.of("src"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".java")).toList()) {
        if (Files.readString(file).contains(quoted)) {
          return true;
        }
      }
    }
    return false;
  }
}
