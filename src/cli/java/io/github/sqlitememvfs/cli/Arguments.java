package io.github.sqlitememvfs.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;

/**
 * The command line as UTF-8, whatever the locale.
 *
 * <p>In the C locale, which most containers have, the JVM turns each byte over 127 of its arguments into a replacement
 * character. In other locales it does so to bytes that are not UTF-8. {@code INSERT ... 'é'} would then store something
 * else and say nothing. On Linux the process can still read the bytes.
 */
final class Arguments {
  private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

  private Arguments() {}

  /** Throws a {@link CliException} if an argument is not UTF-8. */
  static String[] exact(String[] args) {
    boolean sound = "UTF-8".equalsIgnoreCase(System.getProperty("sun.jnu.encoding"))
        && Arrays.stream(args).noneMatch(arg -> arg.indexOf('\uFFFD') >= 0);
    if (args.length == 0 || sound) {
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
      if (restored[i] != null && isAscii(restored[i]) && !restored[i].equals(args[i])) {
        return args; // not the same list
      }
    }
    int wrong = Arrays.asList(restored).indexOf(null);
    if (wrong >= 0) {
      throw new CliException(CliException.USAGE, "argument " + (wrong + 1) + " is not UTF-8: " + args[wrong]);
    }
    return restored;
  }

  /**
   * Keeps SQL that begins with a comment from being taken for an option. An argument is such SQL if it begins with
   * {@code --}, if a space or a further line follows, and if no option has that name. It gets a space before it.
   */
  static String[] commentsAreSql(String[] args, CommandSpec spec) {
    return Arrays.stream(args)
        .map(arg -> arg.matches("(?s)--(\\s.*|.*\\R.*\\S.*)") && spec.findOption(arg.split("[=\\s]", 2)[0]) == null
            ? " " + arg : arg)
        .toArray(String[]::new);
  }

  private static boolean isAscii(String s) {
    return s.chars().allMatch(c -> c < 128);
  }
}
