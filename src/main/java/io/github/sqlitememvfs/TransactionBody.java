package io.github.sqlitememvfs;

/**
 * The body of a transaction: does work inside it.
 *
 * @param <E> what the work may throw; for none, the compiler takes {@link RuntimeException}
 * @see SqliteConnection#transaction
 */
@FunctionalInterface
public interface TransactionBody<E extends Exception> {
  /**
   * Does the work. Whatever it throws rolls the transaction back.
   *
   * @param connection the connection whose transaction it is
   * @throws E if the work failed
   */
  void run(SqliteConnection connection) throws E;
}
