package io.github.sqlitememvfs;

/** SQLite's result codes and their symbolic names. */
final class SqliteCodes {
  static final int OK = 0;
  static final int ERROR = 1;
  static final int BUSY = 5;
  static final int LOCKED = 6;
  static final int NOMEM = 7;
  static final int INTERRUPT = 9;
  static final int CORRUPT = 11;
  static final int FULL = 13;
  static final int CANTOPEN = 14;
  static final int TOOBIG = 18;
  static final int CONSTRAINT = 19;
  static final int MISUSE = 21;
  static final int RANGE = 25;
  static final int NOTADB = 26;
  static final int ROW = 100;
  static final int DONE = 101;

  /**
   * Names by primary code, after sqlite3.h: its own, then those of its extended codes by number, from 1. An empty name
   * is a number not in use.
   */
  private static final String[] NAMES = {
    "OK",
    "ERROR,MISSING_COLLSEQ,RETRY,SNAPSHOT,RESERVESIZE,KEY,UNABLE",
    "INTERNAL",
    "PERM",
    "ABORT,,ROLLBACK",
    "BUSY,RECOVERY,SNAPSHOT,TIMEOUT",
    "LOCKED,SHAREDCACHE,VTAB",
    "NOMEM",
    "READONLY,RECOVERY,CANTLOCK,ROLLBACK,DBMOVED,CANTINIT,DIRECTORY",
    "INTERRUPT",
    "IOERR,READ,SHORT_READ,WRITE,FSYNC,DIR_FSYNC,TRUNCATE,FSTAT,UNLOCK,RDLOCK,DELETE,BLOCKED,NOMEM"
        + ",ACCESS,CHECKRESERVEDLOCK,LOCK,CLOSE,DIR_CLOSE,SHMOPEN,SHMSIZE,SHMLOCK,SHMMAP,SEEK,DELETE_NOENT"
        + ",MMAP,GETTEMPPATH,CONVPATH,VNODE,AUTH,BEGIN_ATOMIC,COMMIT_ATOMIC,ROLLBACK_ATOMIC,DATA,CORRUPTFS"
        + ",IN_PAGE,BADKEY,CODEC",
    "CORRUPT,VTAB,SEQUENCE,INDEX",
    "NOTFOUND",
    "FULL",
    "CANTOPEN,NOTEMPDIR,ISDIR,FULLPATH,CONVPATH,DIRTYWAL,SYMLINK",
    "PROTOCOL",
    "EMPTY",
    "SCHEMA",
    "TOOBIG",
    "CONSTRAINT,CHECK,COMMITHOOK,FOREIGNKEY,FUNCTION,NOTNULL,PRIMARYKEY,TRIGGER,UNIQUE,VTAB,ROWID"
        + ",PINNED,DATATYPE",
    "MISMATCH",
    "MISUSE",
    "NOLFS",
    "AUTH,USER",
    "FORMAT",
    "RANGE",
    "NOTADB",
    "NOTICE,RECOVER_WAL,RECOVER_ROLLBACK,RBU",
    "WARNING,AUTOINDEX",
  };

  private SqliteCodes() {}

  /** Returns the symbolic name of a code; for an extended code that is not known, that of its primary code. */
  static String name(int code) {
    int primary = code & 0xff;
    if (code < 0 || primary >= NAMES.length) {
      return primary == ROW ? "SQLITE_ROW" : primary == DONE ? "SQLITE_DONE" : "unknown code";
    }
    String[] names = NAMES[primary].split(",");
    int extended = code >> 8;
    boolean known = extended > 0 && extended < names.length && !names[extended].isEmpty();
    return "SQLITE_" + names[0] + (known ? "_" + names[extended] : "");
  }
}
