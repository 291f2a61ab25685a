package io.github.sqlitememvfs.cli;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteStatement;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.lang.Character.UnicodeBlock;
import java.lang.Character.UnicodeScript;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** The library's main job on real data, with nothing but its public API: build in memory, save, load from bytes, query. */
@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    usageHelpAutoWidth = true,
    description = {
      "Builds a database of all characters of Unicode that have a name, saves it, loads it from its bytes and queries it.",
      "The data is the JDK's own: nothing is downloaded."
    })
final class Demo implements Callable<Integer> {
  private static final String BUILT = "unicode";
  private static final String LOADED = "unicode, loaded";

  private static final String CATS =
      "SELECT char, format('U+%04X', code) AS code, name, block\n"
          + "FROM character WHERE code IN (SELECT rowid FROM names('cat face'))";

  private static final String SCRIPTS =
      "SELECT script, count(*) AS characters, count(DISTINCT block) AS blocks\n"
          + "FROM character GROUP BY script ORDER BY characters DESC LIMIT 5";

  /** Unicode's abbreviations, indexed by {@link Character#getType(int)}; 17 is not used. */
  private static final String[] CATEGORIES =
      ("Cn Lu Ll Lt Lm Lo Mn Me Mc Nd Nl No Zs Zl Zp Cc Cf - Co Cs Pd Ps Pe Pc Po Sm Sc Sk So Pi Pf").split(" ");

  @Parameters(paramLabel = "FILE", arity = "0..1", defaultValue = "unicode.db",
      description = "Where to save the database (${DEFAULT-VALUE}).")
  private String target;

  @ParentCommand
  private Main main;

  private Writer out;
  private long last = System.nanoTime();

  @Override
  public Integer call() throws IOException {
    out = new OutputStreamWriter(main.console().out(), StandardCharsets.UTF_8);
    Path file = file();

    try (MemoryVfs vfs = MemoryVfs.create()) {
      long rows;
      try (SqliteConnection connection = vfs.open(BUILT)) {
        rows = connection.transactionWithResult(Demo::fill);
      }
      say("Built in memory: %,d characters of Unicode, as Java %s knows them, and an index of their names",
          rows, System.getProperty("java.version"));

      try (AtomicFile saved = main.interruption().create(file)) {
        vfs.serialize(BUILT, saved.channel());
        saved.commit();
      }
      say("Saved to %s: %,d bytes", target, Files.size(file));

      try (InputStream bytes = Files.newInputStream(file)) {
        vfs.deserialize(LOADED, bytes);
      }
      say("Loaded from these bytes into a second database in memory");

      try (SqliteConnection connection = vfs.open(LOADED)) {
        try (SqliteStatement check = connection.query("PRAGMA integrity_check")) {
          check.step();
          say("Checked: integrity_check says %s", check.getText(0));
        }
        show(connection, CATS);
        show(connection, SCRIPTS);
      }
    }
    out.write("\nAsk more: java -jar " + jar() + " -i " + target + " \"SELECT * FROM character LIMIT 5\"\n");
    out.flush();
    return CliException.OK;
  }

  private Path file() {
    try {
      Path file = FileNames.path(target);
      AtomicFile.check(file);
      DatabaseFile.checkTarget(file);
      return file;
    } catch (IOException e) {
      throw Failures.cannotWrite(target, e);
    }
  }

  private static long fill(SqliteConnection connection) {
    connection.execute(
        "CREATE TABLE character(code INTEGER PRIMARY KEY, char TEXT, name TEXT, block TEXT, script TEXT, category TEXT);"
            + "CREATE VIRTUAL TABLE names USING fts5(name, content = 'character', content_rowid = 'code');");
    long rows = 0;
    try (SqliteStatement insert = connection.prepare("INSERT INTO character VALUES (?, ?, ?, ?, ?, ?)")) {
      for (int code = 0; code <= Character.MAX_CODE_POINT; code++) {
        int type = Character.getType(code);
        if (type == Character.UNASSIGNED || type == Character.SURROGATE || type == Character.PRIVATE_USE) {
          continue; // nothing there, half of a character, no name of its own
        }
        insert.bindLong(1, code);
        insert.bindText(2, Character.toString(code));
        insert.bindText(3, Character.getName(code));
        insert.bindText(4, title(UnicodeBlock.of(code)));
        insert.bindText(5, title(UnicodeScript.of(code)));
        insert.bindText(6, CATEGORIES[type]);
        insert.step();
        insert.reset();
        rows++;
      }
    }
    connection.execute("INSERT INTO names(names) VALUES ('rebuild')");
    return rows;
  }

  /** CJK_UNIFIED_IDEOGRAPHS as a text for people. */
  private static String title(Object constant) {
    return constant == null ? null : constant.toString().replace('_', ' ');
  }

  private void show(SqliteConnection connection, String sql) throws IOException {
    try (SqliteStatement rows = connection.query(sql)) {
      out.write("\n" + sql + ";\n\n");
      SqlRunner.print(rows, new TableWriter(out, true));
    }
  }

  /** A line with the time since the last one. */
  private void say(String text, Object... args) throws IOException {
    long now = System.nanoTime();
    out.write(String.format(Locale.ROOT, text + " (%.2f s)%n", append(args, (now - last) / 1e9)));
    out.flush();
    last = now;
  }

  private static Object[] append(Object[] array, Object more) {
    Object[] longer = Arrays.copyOf(array, array.length + 1);
    longer[array.length] = more;
    return longer;
  }

  private static String jar() {
    try {
      Path path = Path.of(Demo.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      Path here = Path.of("").toAbsolutePath();
      return path.startsWith(here) ? here.relativize(path).toString() : path.toString();
    } catch (URISyntaxException e) {
      return "sqlite-memory-vfs-cli.jar";
    }
  }
}
