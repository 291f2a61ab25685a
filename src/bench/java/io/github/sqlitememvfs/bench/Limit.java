package io.github.sqlitememvfs.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** The C program of src/bench/c/limit.c, in a process of its own that works when it is told to, and measures itself. */
final class Limit extends Peer {
  private final String vfs;
  private final Process process;
  private final Writer commands;
  private final BufferedReader answers;

  /** vfs: memory, memdb or ours. */
  private Limit(String name, String vfs, Path program) throws IOException {
    super(name);
    this.vfs = vfs;
    process = new ProcessBuilder(program.toString()).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    commands = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
    answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
  }

  static Limit memory() throws IOException {
    return new Limit("C :memory:", "memory", program());
  }

  static Limit memdb() throws IOException {
    return new Limit("C memdb", "memdb", program());
  }

  static Limit ours() throws IOException {
    return new Limit("C, this library's VFS", "ours", program());
  }

  /** With SQLite as it comes, without any option. */
  static Limit stockMemory() throws IOException {
    return new Limit("C :memory:, stock SQLite", "memory", stockProgram());
  }

  static Limit stockMemdb() throws IOException {
    return new Limit("C memdb, stock SQLite", "memdb", stockProgram());
  }

  static Path program() {
    return Path.of(System.getProperty("bench.limit"));
  }

  private static Path stockProgram() {
    return Path.of(System.getProperty("bench.limit.stock"));
  }

  /** The words of the answer. */
  String[] tell(String command) {
    try {
      commands.write(command + "\n");
      commands.flush();
      String answer = answers.readLine();
      if (answer == null || !answer.startsWith("OK")) {
        throw new IllegalStateException("the C program failed at '" + command + "': " + answer);
      }
      return answer.substring(2).trim().split(" ");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Figure work(String command) {
    String[] words = tell(command);
    return new Figure(Long.parseLong(words[0]), Long.parseLong(words[1]), Long.parseLong(words[2]));
  }

  @Override
  void create() {
    tell("create " + vfs);
  }

  @Override
  Figure measure(Work work, long rows, long count) {
    switch (work) {
      case INSERT:
        return work("insert 0 " + rows);
      case AUTOCOMMIT:
        return work("autocommit 0 " + count);
      case LOOKUP:
        return work("lookup " + rows + " " + count);
      default:
        return work(work.id);
    }
  }

  @Override
  void insert(long from, long to) {
    work("insert " + from + " " + to);
  }

  @Override
  void insertAutocommit(long from, long to) {
    work("autocommit " + from + " " + to);
  }

  @Override
  long scan4() {
    return work("scan4").sum();
  }

  @Override
  long scan2() {
    return work("scan2").sum();
  }

  @Override
  long lookup(long rows, long count) {
    return work("lookup " + rows + " " + count).sum();
  }

  @Override
  Figure measure(String sql) {
    return work("sql " + sql);
  }

  @Override
  long execute(String sql) {
    return measure(sql).sum();
  }

  @Override
  long content() {
    return work("content").sum();
  }

  @Override
  public void close() throws IOException {
    commands.close(); // it ends with its input
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      process.destroy();
    }
  }
}
