package io.github.sqlitememvfs.cli;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.IDN;
import java.net.MalformedURLException;
import java.net.SocketTimeoutException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * GET of an http or https URL.
 *
 * <p>It uses HttpURLConnection and not java.net.http.HttpClient. The latter wants a {@link java.net.URI} with a host,
 * and that class finds none in {@code http://db_1/x}; underscores are usual in the names of container networks.
 */
final class Http {
  private static final int MOST_REDIRECTS = 20;
  private static final Pattern URL_PARTS = Pattern.compile("(https?)://([^/?#]*)([^#]*)(#.*)?",
      Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
  private static final Pattern AUTHORITY = Pattern.compile(
      "(?:(.*)@)?(\\[[0-9A-Fa-f:.]+(?:%[^\\]]*)?\\]|[^:@\\[\\]]*)(?::([0-9]*))?", Pattern.DOTALL);
  private static final Pattern HOST = Pattern.compile("[A-Za-z0-9._~-]+");

  private final int connectMillis;
  private final int silenceMillis;

  /** silenceMillis: how long a server may send nothing before that is an error. */
  Http(int connectMillis, int silenceMillis) {
    this.connectMillis = connectMillis;
    this.silenceMillis = silenceMillis;
  }

  /** What is there, after redirects. The IOException says why there is nothing. */
  Source open(String name) throws IOException {
    URL url = parse(name);
    for (int redirects = 0; ; redirects++) {
      HttpURLConnection connection = (HttpURLConnection) url.openConnection();
      connection.setInstanceFollowRedirects(false); // it does not go from http to https
      connection.setConnectTimeout(connectMillis);
      connection.setReadTimeout(silenceMillis);
      connection.setRequestProperty("Accept", "*/*");
      connection.setUseCaches(false);
      int status = status(connection);
      if (status == HttpURLConnection.HTTP_OK) {
        return new Source(connection.getInputStream(), connection.getContentLengthLong(), true);
      }
      String location = connection.getHeaderField("Location");
      connection.disconnect();
      if (status == -1) {
        throw new IOException("the server's answer is not HTTP");
      }
      if (location == null || !isRedirect(status)) {
        throw new IOException("HTTP status " + status);
      }
      if (redirects == MOST_REDIRECTS) {
        throw new IOException("more than " + MOST_REDIRECTS + " redirects");
      }
      url = redirected(url, location);
    }
  }

  private int status(HttpURLConnection connection) throws IOException {
    try {
      return connection.getResponseCode();
    } catch (SocketTimeoutException e) {
      boolean connecting = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT).startsWith("connect");
      int millis = connecting ? connectMillis : silenceMillis;
      throw new IOException((connecting ? "no connection within " : "no answer within ") + seconds(millis), e);
    }
  }

  /** For a message. */
  static String seconds(int millis) {
    return millis % 1000 == 0 ? millis / 1000 + " s" : millis + " ms";
  }

  private static boolean isRedirect(int status) {
    return status >= 301 && status <= 303 || status == 307 || status == 308;
  }

  private static URL redirected(URL from, String location) throws IOException {
    URL to;
    try {
      to = parse(new URL(from, location).toString());
    } catch (IOException e) {
      throw new IOException("it redirects to " + location + ": " + e.getMessage(), e);
    }
    if (from.getProtocol().equals("https") && !to.getProtocol().equals("https")) {
      throw new IOException("it redirects to " + location + ", which is not encrypted; give that URL itself if that "
          + "is right");
    }
    return to;
  }

  /** The URL with all that the protocol does not allow escaped, as browsers do it. */
  static URL parse(String name) throws IOException {
    Matcher parts = URL_PARTS.matcher(name);
    if (!parts.matches()) {
      throw new IOException("not a valid URL: http:// or https:// and a host must begin it");
    }
    Matcher authority = AUTHORITY.matcher(parts.group(2));
    if (!authority.matches()) {
      throw new IOException("not a valid URL: " + parts.group(2) + " is no host with a port");
    }
    if (authority.group(1) != null) {
      throw new IOException("a URL with a user is not supported; download it with another program, and give it as "
          + "-i -");
    }
    String scheme = parts.group(1).toLowerCase(Locale.ROOT);
    String port = authority.group(3);
    String file = escape(parts.group(3));
    try {
      return new URL(scheme, host(authority.group(2)), port == null || port.isEmpty() ? -1 : port(port),
          file.startsWith("/") ? file : "/" + file);
    } catch (MalformedURLException e) {
      throw new IOException("not a valid URL: " + e.getMessage(), e);
    }
  }

  private static String host(String host) throws IOException {
    if (host.isEmpty()) {
      throw new IOException("not a valid URL: it names no host");
    }
    if (host.startsWith("[")) {
      return host;
    }
    try {
      String ascii = IDN.toASCII(host);
      if (HOST.matcher(ascii).matches()) {
        return ascii;
      }
    } catch (IllegalArgumentException e) {
      // as below
    }
    throw new IOException("not a valid URL: " + host + " is no name of a host");
  }

  private static int port(String digits) throws IOException {
    int port = digits.length() > 5 ? -1 : Integer.parseInt(digits);
    if (port < 1 || port > 65535) {
      throw new IOException("not a valid URL: the port " + digits + " is not one from 1 to 65535");
    }
    return port;
  }

  /** Path and query, with UTF-8 in escapes. Escapes that are there already stay. */
  private static String escape(String file) {
    StringBuilder escaped = new StringBuilder(file.length());
    for (byte b : file.getBytes(StandardCharsets.UTF_8)) {
      if (b > ' ' && b < 0x7F && "\"<>\\^`{|}".indexOf(b) < 0) {
        escaped.append((char) b);
      } else {
        escaped.append(String.format("%%%02X", b));
      }
    }
    return escaped.toString();
  }
}
