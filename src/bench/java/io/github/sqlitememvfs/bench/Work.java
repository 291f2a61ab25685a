package io.github.sqlitememvfs.bench;

/** What is done with the rows of one table, by everybody. */
enum Work {
  INSERT("insert", "Insert, batches of 1000 in one transaction"),
  SCAN4("scan4", "Scan, 4 columns"),
  SCAN2("scan2", "Scan, 2 numbers"),
  LOOKUP("lookup", "Look up by key, 4 columns"),
  AUTOCOMMIT("autocommit", "Insert, each row a transaction");

  final String id;
  final String title;

  Work(String id, String title) {
    this.id = id;
    this.title = title;
  }

  boolean writes() {
    return this == INSERT || this == AUTOCOMMIT;
  }
}
