package io.github.sqlitememvfs.cli;

import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.OpenOptions;
import io.github.sqlitememvfs.SqliteConnection;
import io.github.sqlitememvfs.SqliteException;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The command: reads a database into memory, runs SQL on it, prints the results, writes it where it is wanted. */
@Command(
    name = Main.NAME,
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    subcommands = Demo.class,
    sortOptions = false,
    usageHelpAutoWidth = true,
    description = {
      "Runs SQL on a SQLite database in memory.",
      "The database is read from a file, a stream or a URL, or starts empty. Nothing is written to a disk but what -o and "
          + "--results name, and that appears there whole or not at all."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:all went well",
      "1:SQLite refused a statement or the database",
      "2:the command line is wrong",
      "3:a file, a stream or a URL could not be read or written",
      "70:a fault of this program",
      "130:interrupted (Ctrl-C)",
      "141:the reader of standard output went away"
    },
    footerHeading = "%nExamples (" + Main.NAME + " stands for java -jar and this jar):%n",
    footer = {
      "  " + Main.NAME + " -i app.db \"SELECT * FROM users LIMIT 5\"",
      "  cat in.db | " + Main.NAME + " -i - -o - VACUUM > out.db",
      "  " + Main.NAME + " -f schema.sql -f data.sql -o new.db",
      "  " + Main.NAME + " -i https://example.org/app.db --format json \"SELECT 1\""
    })
final class Main implements Callable<Integer> {
  static final String NAME = "sqlite-memory-vfs";

  /** The name of the one database in the memory of this process. */
  private static final String DATABASE = "main";

  /** A system property: true to see where an exception came from that nobody had foreseen. */
  private static final String TRACE_PROPERTY = "io.github.sqlitememvfs.cli.trace";

  private static final int BUFFER = 1 << 16;

  @Option(names = {"-i", "--input"}, paramLabel = "SOURCE",
      description = "Read the database from a file, an http(s) or file URL, or - for standard input. Without it the database starts "
          + "empty.")
  private String input;

  @Option(names = {"-o", "--output"}, paramLabel = "TARGET",
      description = "When all SQL has succeeded, write the database to a file, or - for standard output. With - the rows of queries are "
          + "not printed, unless --results says where to.")
  private String output;

  @Option(names = {"-f", "--file"}, paramLabel = "SCRIPT",
      description = "Run the SQL in this UTF-8 file, or - for standard input. May be given several times. Scripts run before SQL "
          + "arguments.")
  private List<String> scripts = new ArrayList<>();

  @Option(names = "--results", paramLabel = "FILE",
      description = "Write the rows of queries to a file instead of standard output.")
  private String results;

  @Option(names = "--format", paramLabel = "FORMAT",
      description = "How to print rows: table (the default on a terminal), csv (the default elsewhere: NULL is nothing, the empty text "
          + "is \"\"), or json (one object a line; a blob is {\"$base64\": true, \"encoded\": ...}). In table and csv a blob is "
          + "X'hex'.")
  private Format format;

  @Option(names = "--no-header", description = "Leave out the line of column names of table and csv.")
  private boolean noHeader;

  @Option(names = "--read-only", description = "Let no statement change the database.")
  private boolean readOnly;

  @Option(names = "--max-bytes", paramLabel = "SIZE", converter = SizeConverter.class,
      description = "Memory that the database may take, such as 512M: what needs more fails with SQLITE_FULL.")
  private long maxBytes;

  @Option(names = "--block-size", paramLabel = "SIZE", converter = SizeConverter.class,
      description = "Size of a block of memory, a power of two from 512 to 64k. Without it the page size of the database.")
  private long blockSize;

  @Option(names = {"-p", "--param"}, paramLabel = "NAME=VALUE",
      description = "The value of a parameter of the SQL: id=7 for :id, @id or $id, 1=7 for the first ?. It is a "
          + "text, of which a column "
          + "of numbers makes a number, as CAST(:id AS INTEGER) does. May be given several times. A parameter without a "
          + "value is an error.")
  private List<String> parameters = new ArrayList<>();

  @Option(names = {"-q", "--quiet"}, description = "No progress on standard error. (There is none either if that is no terminal.)")
  private boolean quiet;

  @Parameters(paramLabel = "SQL", description = "One or more statements, separated by semicolons. May be given several times.")
  private List<String> statements = new ArrayList<>();

  @Spec
  private CommandSpec spec;

  private ParameterValues values;
  private final Console console;
  private final Interruption interruption;

  Main(Console console, Interruption interruption) {
    this.console = console;
    this.interruption = interruption;
  }

  public static void main(String[] args) {
    Interruption interruption = new Interruption();
    interruption.install();
    Console console = Console.ofProcess();
    int code;
    try {
      code = run(console, interruption, Arguments.exact(args));
    } catch (CliException e) {
      code = report(e, console, interruption);
    }
    interruption.ended();
    System.exit(code);
  }

  /** The whole command but for the process: returns the exit code. */
  static int run(Console console, Interruption interruption, String... args) {
    CommandLine command = new CommandLine(new Main(console, interruption));
    StringWriter help = new StringWriter(); // and version: picocli would take a failure to print them for its own
    command.setOut(new PrintWriter(help));
    command.setErr(new PrintWriter(console.err(), true));
    command.setExpandAtFiles(false);
    command.setCaseInsensitiveEnumValuesAllowed(true);
    command.setParameterExceptionHandler((e, arguments) -> {
      CommandSpec at = e.getCommandLine().getCommandSpec();
      console.err().println(NAME + ": " + Failures.oneLine(e.getMessage()));
      console.err().println("Try '" + at.qualifiedName() + " --help'.");
      return CliException.USAGE;
    });
    command.setExecutionExceptionHandler((e, c, result) -> report(e, console, interruption));
    try {
      int code = command.execute(Arguments.commentsAreSql(args, command.getCommandSpec()));
      console.out().write(help.toString().getBytes(StandardCharsets.UTF_8));
      return code;
    } catch (IOException | RuntimeException | Error e) {
      return report(e, console, interruption);
    }
  }

  private static int report(Throwable e, Console console, Interruption interruption) {
    int code;
    String message = String.valueOf(e.getMessage());
    if (interruption.raised()) {
      return CliException.INTERRUPTED;
    } else if (e instanceof CliException) {
      code = ((CliException) e).exitCode();
    } else if (e instanceof SqliteException) {
      code = CliException.SQL;
    } else if (e instanceof IOException || e instanceof LinkageError) {
      code = CliException.IO;
    } else if (e instanceof OutOfMemoryError) {
      code = CliException.SQL;
      message = "out of memory: " + message + " (java -Xmx2g -jar gives more to long values and statements)";
    } else {
      code = CliException.FAULT;
      message = "this is a fault of the program, please report it: " + e;
      if (Boolean.getBoolean(TRACE_PROPERTY)) {
        e.printStackTrace(console.err());
      }
    }
    if (code != CliException.BROKEN_PIPE) {
      console.err().println(NAME + ": " + Failures.oneLine(message));
    }
    return code;
  }

  Console console() {
    return console;
  }

  Interruption interruption() {
    return interruption;
  }

  @Override
  public Integer call() throws IOException {
    checkOptions();
    try (MemoryVfs vfs = newVfs()) {
      if (input != null) {
        load(vfs);
      }
      try (AtomicFile file = results == null || results.equals("-") ? null : create(results);
          Writer rows = rows(file);
          SqliteConnection connection = vfs.open(DATABASE, OpenOptions.defaults().readOnly(readOnly))) {
        SqlRunner sql =
            new SqlRunner(vfs, connection, values, rows == null ? null : format().to(rows, !noHeader), console,
                interruption);
        scripts.forEach(sql::runFile);
        sql.runArguments(statements);
        if (output != null) {
          if (connection.inTransaction()) {
            throw new CliException(CliException.SQL, "a transaction is still open, COMMIT is missing: nothing was saved");
          }
          save(vfs);
        }
        if (file != null) {
          rows.flush();
          file.commit();
        }
      }
    }
    return CliException.OK;
  }

  // ---- options ------------------------------------------------------------------------------------

  private void checkOptions() {
    boolean hasSql = !scripts.isEmpty() || !statements.isEmpty();
    if (!hasSql && (input == null || output == null)) {
      throw usage("nothing to do: give SQL, or -f SCRIPT, or both -i and -o to copy");
    }
    input = FileNames.input(input);
    output = FileNames.output(output);
    results = FileNames.output(results);
    scripts.replaceAll(FileNames::input);
    if (scripts.stream().filter("-"::equals).count() + ("-".equals(input) ? 1 : 0) > 1) {
      throw usage("standard input can be read only once");
    }
    if (readOnly && input == null) {
      throw usage("--read-only needs -i");
    }
    if (blockSize != 0 && (blockSize < 512 || blockSize > 65536 || Long.bitCount(blockSize) != 1)) {
      throw usage("--block-size is not a power of two from 512 to 65536: " + blockSize);
    }
    try {
      values = new ParameterValues(parameters);
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
    if ("-".equals(output) && console.outIsTerminal()) {
      throw usage("standard output is a terminal: the database would be printed on it");
    }
    checkFiles();
  }

  /** A file that is written must not be another one of the command too, unless -o replaces the database that -i read. */
  private void checkFiles() {
    Path database = output == null ? null : writable(output);
    Path rows = results == null ? output == null || !output.equals("-") ? console.outFile() : null : writable(results);
    if (output != null && (output.equals("-") && output.equals(results) || same(database, rows))) {
      throw usage(results == null ? "-o is the file that standard output goes to, where the rows would be lost"
          : "-o and --results are the same");
    }
    if (input != null) {
      Path in = input.equals("-") ? console.inFile() : readable(input);
      if (rows != null && same(in, rows) && Files.isRegularFile(rows)) {
        throw usage((results == null ? "standard output goes to" : "--results is")
            + " the file that -i reads, which the rows would replace");
      }
    }
    for (String script : scripts) {
      Path in = script.equals("-") ? console.inFile() : readable(script);
      if (same(in, database) || same(in, rows) && Files.isRegularFile(rows)) {
        throw usage((same(in, database) ? "-o" : results == null ? "standard output" : "--results")
            + " is the script " + script
            + " itself, which would be lost");
      }
    }
    if (database != null) {
      checkTarget(database);
    }
  }

  /** Before any SQL runs, so that nobody waits for a result that is lost. */
  private void checkTarget(Path database) {
    try {
      DatabaseFile.checkTarget(database);
    } catch (IOException e) {
      throw Failures.cannotWrite(output.equals("-") ? "standard output" : output, e);
    }
  }

  private static boolean same(Path a, Path b) {
    return a != null && b != null && SameFiles.same(a, b);
  }

  /** The file of that name if it can be written; null for an URL. */
  private Path writable(String name) {
    if (name.equals("-")) {
      return console.outFile();
    }
    try {
      Path path = FileNames.path(name);
      AtomicFile.check(path);
      return path;
    } catch (IOException e) {
      throw Failures.cannotWrite(name, e);
    }
  }

  /** The file of that name; null if it is none. */
  private static Path readable(String name) {
    if (FileNames.isHttp(name)) {
      return null;
    }
    try {
      return FileNames.path(name);
    } catch (IOException e) {
      throw Failures.cannotRead(name, e);
    }
  }

  private ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  private MemoryVfs newVfs() {
    return MemoryVfs.builder().blockSize((int) blockSize).maxBytes(maxBytes).build();
  }

  private Format format() {
    if (format != null) {
      return format;
    }
    boolean toTerminal = (results == null || results.equals("-")) && console.outIsTerminal();
    return toTerminal ? Format.TABLE : Format.CSV;
  }

  // ---- bytes in and out ---------------------------------------------------------------------------

  private void load(MemoryVfs vfs) {
    String name = input.equals("-") ? "standard input" : input;
    try (Source in = Source.open(input, console);
        Progress progress = Progress.start(console, quiet, "Loading", in.size(), in::count)) {
      Path file = in.file();
      if (file != null) {
        DatabaseFile.load(vfs, DATABASE, file, in, quiet ? message -> {} : console.err()::println);
      } else {
        vfs.deserialize(DATABASE, in);
      }
    } catch (IOException e) {
      throw Failures.cannotRead(name, e);
    } catch (SqliteException e) {
      throw new CliException(CliException.SQL, name + ": " + e.getMessage(), e);
    }
  }

  private void save(MemoryVfs vfs) {
    long size = vfs.size(DATABASE);
    if (output.equals("-")) {
      Sink out = console.out();
      try (Progress progress = Progress.start(console, quiet, "Saving", size, out::count)) {
        vfs.serialize(DATABASE, out);
        out.flush();
      } catch (IOException e) {
        throw Failures.cannotWrite("standard output", e);
      }
      return;
    }
    try (AtomicFile file = create(output);
        Progress progress = Progress.start(console, quiet, "Saving", size, () -> position(file.channel()))) {
      vfs.serialize(DATABASE, file.channel());
      DatabaseFile.checkTarget(FileNames.path(output)); // again: somebody may have opened the old database meanwhile
      file.commit();
    } catch (IOException e) {
      throw Failures.cannotWrite(output, e);
    }
  }

  private AtomicFile create(String name) {
    try {
      return interruption.create(FileNames.path(name));
    } catch (IOException e) {
      throw Failures.cannotWrite(name, e);
    }
  }

  private static long position(FileChannel channel) {
    try {
      return channel.position();
    } catch (IOException e) {
      return 0; // closed by now
    }
  }

  /** Where rows go, or null if nowhere. */
  private Writer rows(AtomicFile file) {
    if (file == null && "-".equals(output)) {
      return null;
    }
    Sink sink = file == null ? console.out() : new Sink(results, Channels.newOutputStream(file.channel()));
    return new BufferedWriter(new OutputStreamWriter(sink, StandardCharsets.UTF_8), BUFFER);
  }

  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {
        NAME + " " + (version == null ? "(not packaged)" : version) + " (SQLite " + MemoryVfs.sqliteVersion() + ", Java "
            + System.getProperty("java.version") + ")"
      };
    }
  }
}
