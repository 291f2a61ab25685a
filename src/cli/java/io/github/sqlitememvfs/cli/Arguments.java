package io.github.sqlitememvfs.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The command line as UTF-8, whatever the locale.
 *
 * <p>In the C locale, that of most containers, the JVM turns each byte over 127 of its arguments into a replacement character:
 * {@code INSERT … 'é'} would store something else and say nothing. Linux still has the bytes.
 */
final class Arguments {
  private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

  private Arguments() {}

  static String[] exact(String[] args) {
    if (args.length == 0 || "UTF-8".equalsIgnoreCase(System.getProperty("sun.jnu.encoding"))) {
      return args;
    }
    try {
      return restore(args, Files.readAllBytes(COMMAND_LINE));
    } catch (IOException e) {
      return args; // not Linux: what the JVM made of them is all there is
    }
  }

  /** The last arguments of the command line if they fit those that the JVM gave; else those. */
  static String[] restore(String[] args, byte[] commandLine) {
    List<String> all = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < commandLine.length; i++) {
      if (commandLine[i] == 0) {
        try {
          ByteBuffer bytes = ByteBuffer.wrap(commandLine, start, i - start);
          all.add(StandardCharsets.UTF_8.newDecoder().decode(bytes).toString());
        } catch (CharacterCodingException e) {
          all.add(null);
        }
        start = i + 1;
      }
    }
    if (all.size() < args.length) {
      return args;
    }
    String[] restored = all.subList(all.size() - args.length, all.size()).toArray(new String[0]);
    for (int i = 0; i < args.length; i++) {
      if (restored[i] == null) {
        restored[i] = args[i];
      } else if (isAscii(restored[i]) && !restored[i].equals(args[i])) {
        return args; // not the same list
      }
    }
    return restored;
  }

  private static boolean isAscii(String s) {
    return s.chars().allMatch(c -> c < 128);
  }
}
