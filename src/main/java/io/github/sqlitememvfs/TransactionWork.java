package io.github.sqlitememvfs;

/**
 * The body of a transaction with a result: does work inside it.
 *
 * @param <T> the type of the result
 * @param <E> what the work may throw; for none, the compiler takes {@link RuntimeException}
 * @see SqliteConnection#transactionWithResult
 */
@FunctionalInterface
public interface TransactionWork<T, E extends Exception> {
  /**
   * Does the work. Whatever it throws rolls the transaction back.
   *
   * @param connection the connection whose transaction it is
   * @return the result, which may be null
   * @throws E if the work failed
   */
  T run(SqliteConnection connection) throws E;
}
