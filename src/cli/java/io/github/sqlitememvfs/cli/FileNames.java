package io.github.sqlitememvfs.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of files on the command line: paths, and file URLs.
 *
 * <p>A file URL is read as SQLite reads it (https://sqlite.org/uri.html). {@code file:in.db} is relative.
 * {@code file:///in.db}, {@code file://localhost/in.db} and {@code file:/in.db} are absolute. {@code %20} stands for a
 * space. A query or a fragment is an error, since it would have no effect.
 */
final class FileNames {
  private static final Pattern OTHER_URL = Pattern.compile("(?!(?i:file:))([A-Za-z][A-Za-z0-9+.-]+)://.*|(jdbc):.*",
      Pattern.DOTALL);
  private static final List<String> STANDARD_INPUT = List.of("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0");
  private static final List<String> STANDARD_OUTPUT = List.of("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1");

  private FileNames() {}

  /** {@code -} for whatever names the standard input, else the name as it is; null stays null. */
  static String input(String name) {
    return name != null && STANDARD_INPUT.contains(name) ? "-" : name;
  }

  /** {@code -} for whatever names the standard output, else the name as it is; null stays null. */
  static String output(String name) {
    return name != null && STANDARD_OUTPUT.contains(name) ? "-" : name;
  }

  static boolean isHttp(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.startsWith("http:") || lower.startsWith("https:");
  }

  /** The file of that name. The IOException says why there can be none. */
  static Path path(String name) throws IOException {
    if (name.isEmpty()) {
      throw new IOException("the name is empty");
    }
    String file = name.regionMatches(true, 0, "file:", 0, 5) ? ofUrl(name.substring(5)) : name;
    if (file.endsWith("/") || file.endsWith(FileSystems.getDefault().getSeparator())) {
      throw new IOException("it is a directory");
    }
    Path path = toPath(file);
    Matcher url = OTHER_URL.matcher(name);
    if (url.matches() && !Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      String scheme = url.group(1) != null ? url.group(1) : url.group(2);
      throw new IOException(scheme.matches("(?i)https?") ? "only -i can be an http or https URL"
          : "URLs of the scheme " + scheme + " are not supported; a file name, file:, http: and https: are");
    }
    return path;
  }

  private static Path toPath(String name) throws IOException {
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      String encoding = System.getProperty("sun.jnu.encoding");
      boolean foreign = !"UTF-8".equalsIgnoreCase(encoding) && name.chars().anyMatch(c -> c > 127);
      throw new IOException("it cannot be a file name: " + e.getReason() + (foreign
          ? " (file names are encoded as " + encoding + " here; LC_ALL=C.UTF-8 usually helps)" : ""), e);
    }
  }

  /** The path of a file URL, without its {@code file:}. */
  private static String ofUrl(String url) throws IOException {
    int mark = indexOfAny(url, "?#");
    if (mark >= 0) {
      throw new IOException("not a file URL that can be used: nothing may follow the path, and " + url.substring(mark)
          + " does (write %" + String.format("%02X", (int) url.charAt(mark)) + " where the file's name has a "
          + url.charAt(mark) + ")");
    }
    String path = url;
    if (url.startsWith("//")) {
      int end = url.indexOf('/', 2);
      String host = url.substring(2, end < 0 ? url.length() : end);
      if (!host.isEmpty() && !host.equalsIgnoreCase("localhost")) {
        throw new IOException("a file URL cannot name another host, and this one names " + host
            + "; an absolute path is file:///path, a relative one file:path");
      }
      path = end < 0 ? "" : url.substring(end);
    }
    path = decode(path);
    if (path.isEmpty()) {
      throw new IOException("the file URL has no path");
    }
    boolean drive = path.matches("/[A-Za-z]:.*") && FileSystems.getDefault().getSeparator().equals("\\");
    return drive ? path.substring(1) : path;
  }

  private static int indexOfAny(String text, String chars) {
    for (int i = 0; i < text.length(); i++) {
      if (chars.indexOf(text.charAt(i)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  /** The text with each {@code %HH} as the byte that it stands for. */
  private static String decode(String text) throws IOException {
    if (text.indexOf('%') < 0) {
      return text;
    }
    byte[] from = text.getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream to = new ByteArrayOutputStream(from.length);
    for (int i = 0; i < from.length; i++) {
      if (from[i] != '%') {
        to.write(from[i]);
        continue;
      }
      int high = i + 2 < from.length ? Character.digit(from[i + 1], 16) : -1;
      int low = i + 2 < from.length ? Character.digit(from[i + 2], 16) : -1;
      if (high < 0 || low < 0) {
        throw new IOException("not a valid file URL: two hexadecimal digits must follow each % (write %25 where the "
            + "file's name has a %)");
      }
      to.write(high << 4 | low);
      i += 2;
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(to.toByteArray())).toString();
    } catch (CharacterCodingException e) {
      throw new IOException("not a valid file URL: what its escapes stand for is not UTF-8", e);
    }
  }
}
