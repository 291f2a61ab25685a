package io.github.sqlitememvfs.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads 4096, 64k, 512M or 2G, in steps of 1024 as java -Xmx does. */
final class SizeConverter implements ITypeConverter<Long> {
  private static final Pattern SIZE = Pattern.compile("([0-9]{1,18})([kmgt]?)");

  @Override
  public Long convert(String value) {
    Matcher size = SIZE.matcher(value.toLowerCase(Locale.ROOT));
    if (!size.matches()) {
      throw new TypeConversionException("'" + value + "' is not a size such as 4096, 64k, 512M or 2G");
    }
    int steps = size.group(2).isEmpty() ? 0 : "kmgt".indexOf(size.group(2)) + 1;
    try {
      return Math.multiplyExact(Long.parseLong(size.group(1)), 1L << (10 * steps));
    } catch (ArithmeticException e) {
      throw new TypeConversionException("'" + value + "' is more than fits in 64 bits");
    }
  }
}
