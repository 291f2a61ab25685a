package io.github.sqlitememvfs.jdbc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.OtherSqlite;
import io.github.sqlitememvfs.Sql;
import io.github.sqlitememvfs.SqliteConnection;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.core.io.ByteArrayResource;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.core.namedparam.NamedParameterJdbcTemplate;
import org.springframework.jdbc.core.namedparam.SqlParameterSourceUtils;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.jdbc.core.simple.SimpleJdbcInsert;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.init.ResourceDatabasePopulator;
import org.springframework.jdbc.support.GeneratedKeyHolder;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionTemplate;

/** Spring's JdbcTemplate and its transactions on a database in memory. */
class JdbcTemplateTest {

  private static final String SCHEMA = """
      CREATE TABLE account(id INTEGER PRIMARY KEY, owner TEXT NOT NULL UNIQUE, balance INTEGER NOT NULL CHECK (balance >= 0));
      INSERT INTO account(owner, balance) VALUES ('Ada', 100), ('Zoë', 100);
      """;

  private MemoryVfs vfs;
  private DataSource source;
  private JdbcTemplate bank;
  private TransactionTemplate transaction;
  private SqliteConnection ours;

  @BeforeEach
  void makeBank() {
    vfs = MemoryVfs.create();
    source = MemoryDataSource.of(vfs, "bank");
    new ResourceDatabasePopulator(new ByteArrayResource(SCHEMA.getBytes(java.nio.charset.StandardCharsets.UTF_8))).execute(source);
    bank = new JdbcTemplate(source);
    transaction = new TransactionTemplate(new DataSourceTransactionManager(source));
    ours = vfs.open("bank");
  }

  @AfterEach
  void close() {
    vfs.close();
  }

  private void transfer(String from, String to, int amount) {
    bank.update("UPDATE account SET balance = balance + ? WHERE owner = ?", amount, to);
    bank.update("UPDATE account SET balance = balance - ? WHERE owner = ?", amount, from);
  }

  private List<List<Object>> balances() {
    return Sql.rows(ours, "SELECT owner, balance FROM account ORDER BY id");
  }

  @Test
  void transactionIsSeenWhenItIsCommitted() {
    transaction.executeWithoutResult(status -> {
      transfer("Ada", "Zoë", 30);
      assertEquals(130, bank.queryForObject("SELECT balance FROM account WHERE owner = 'Zoë'", Integer.class));
      assertEquals(List.of(List.of("Ada", 100L), List.of("Zoë", 100L)), balances());
    });
    assertEquals(List.of(List.of("Ada", 70L), List.of("Zoë", 130L)), balances());
    byte[] bytes = Sql.bytes(vfs, "bank");
    OtherSqlite.assertWhole(bytes);
    assertEquals(List.of(List.of("Ada", 70), List.of("Zoë", 130)), OtherSqlite.rows(bytes, "SELECT owner, balance FROM account ORDER BY id"));
  }

  @Test
  void exceptionRollsBack() {
    assertThrows(DataAccessException.class, () -> transaction.executeWithoutResult(status -> transfer("Ada", "Zoë", 101)));
    transaction.executeWithoutResult(status -> {
      transfer("Ada", "Zoë", 1);
      status.setRollbackOnly();
    });
    assertEquals(List.of(List.of("Ada", 100L), List.of("Zoë", 100L)), balances());
    ours.execute("UPDATE account SET balance = balance + 1"); // nobody is left as the writer
  }

  @Test
  void nestedTransactionsAreSavepoints() {
    TransactionTemplate nested = new TransactionTemplate(transaction.getTransactionManager());
    nested.setPropagationBehavior(TransactionDefinition.PROPAGATION_NESTED);
    transaction.executeWithoutResult(outer -> {
      transfer("Ada", "Zoë", 10);
      assertThrows(DataAccessException.class, () -> nested.executeWithoutResult(inner -> transfer("Ada", "Zoë", 91)));
      transfer("Zoë", "Ada", 3);
    });
    assertEquals(List.of(List.of("Ada", 93L), List.of("Zoë", 107L)), balances());
  }

  /** A suspended transaction keeps its connection and version; what another one commits meanwhile it does not see. */
  @Test
  void suspendedTransactionKeepsItsVersion() {
    TransactionTemplate other = new TransactionTemplate(transaction.getTransactionManager());
    other.setPropagationBehavior(TransactionDefinition.PROPAGATION_REQUIRES_NEW);
    transaction.executeWithoutResult(outer -> {
      assertEquals(100, bank.queryForObject("SELECT balance FROM account WHERE owner = 'Ada'", Integer.class));
      other.executeWithoutResult(inner -> transfer("Ada", "Zoë", 10));
      assertEquals(100, bank.queryForObject("SELECT balance FROM account WHERE owner = 'Ada'", Integer.class));
    });
    assertEquals(90, bank.queryForObject("SELECT balance FROM account WHERE owner = 'Ada'", Integer.class));
  }

  @Test
  void insertsWithGeneratedKeys() {
    Number id = new SimpleJdbcInsert(source).withTableName("account").usingColumns("owner", "balance").usingGeneratedKeyColumns("id")
        .executeAndReturnKey(Map.of("owner", "Bob", "balance", 5));
    assertEquals(3, id.intValue());
    GeneratedKeyHolder key = new GeneratedKeyHolder();
    JdbcClient.create(source).sql("INSERT INTO account(owner, balance) VALUES (:owner, :balance)")
        .param("owner", "Eve").param("balance", 7).update(key);
    assertEquals(4, key.getKey().intValue());
    int[] counts = new NamedParameterJdbcTemplate(source).batchUpdate("INSERT INTO account(owner, balance) VALUES (:owner, :balance)",
        SqlParameterSourceUtils.createBatch(IntStream.range(0, 100).mapToObj(i -> Map.of("owner", "owner " + i, "balance", i)).toList()));
    assertEquals(100, IntStream.of(counts).sum());
    assertEquals(104, Sql.number(ours, "SELECT max(id) FROM account"));
  }
}
