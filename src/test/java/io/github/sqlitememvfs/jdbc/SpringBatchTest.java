package io.github.sqlitememvfs.jdbc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sqlitememvfs.MemoryDataSource;
import io.github.sqlitememvfs.MemoryVfs;
import io.github.sqlitememvfs.OtherSqlite;
import io.github.sqlitememvfs.Sql;
import io.github.sqlitememvfs.SqliteConnection;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.infrastructure.item.support.ListItemReader;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.transaction.PlatformTransactionManager;

/** A Spring Boot application keeps the tables of Spring Batch and of a job in a database in memory. */
class SpringBatchTest {
  private static MemoryVfs vfs;

  @AfterEach
  void close() {
    vfs.close();
  }

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  static class Application {
    @Bean
    MemoryVfs vfs() {
      vfs = MemoryVfs.create();
      return vfs;
    }

    // tag::spring-data-source[]
    @Bean
    DataSource dataSource(MemoryVfs vfs) {
      Properties properties = new Properties();
      properties.setProperty("transaction_mode", "IMMEDIATE"); // transactions that read and then write
      return MemoryDataSource.of(vfs, "shop", properties);
    }
    // end::spring-data-source[]

    /** Two steps, the second with several threads, each of whose chunks reads and writes in a transaction. */
    @Bean
    Job job(JobRepository jobs, PlatformTransactionManager transactions, DataSource source) {
      JdbcTemplate jdbc = new JdbcTemplate(source);
      return new JobBuilder("fill", jobs)
          .start(new StepBuilder("schema", jobs).tasklet((contribution, context) -> {
            jdbc.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, n INTEGER)");
            return null;
          }, transactions).build())
          .next(new StepBuilder("items", jobs).<Integer, Integer>chunk(10).transactionManager(transactions)
              .reader(new ListItemReader<>(IntStream.range(0, 200).boxed().toList()))
              .writer(chunk -> {
                for (Integer i : chunk) {
                  Integer before = jdbc.queryForObject("SELECT count(*) FROM item WHERE id = ?", Integer.class, i);
                  jdbc.update("INSERT INTO item VALUES (?, ?)", i, before);
                }
              })
              .taskExecutor(new SimpleAsyncTaskExecutor("item-"))
              .build())
          .build();
    }
  }

  private static ConfigurableApplicationContext start(String... properties) {
    SpringApplication application = new SpringApplication(Application.class);
    application.setAdditionalProfiles("test");
    application.setRegisterShutdownHook(false);
    return application.run(Arrays.stream(properties).map(p -> "--" + p).toArray(String[]::new));
  }

  @Test
  void aJobRunsAndItsRecordsAreInTheDatabase() {
    // "always": Spring Boot makes the tables by itself only in databases that it knows for embedded ones
    try (ConfigurableApplicationContext application = start("spring.batch.jdbc.initialize-schema=always",
        "spring.main.banner-mode=off"); SqliteConnection ours = application.getBean(MemoryVfs.class).open("shop")) {
      assertEquals(List.of(List.of("fill", "COMPLETED")), Sql.rows(ours,
          "SELECT i.JOB_NAME, e.STATUS FROM BATCH_JOB_EXECUTION e JOIN BATCH_JOB_INSTANCE i USING (JOB_INSTANCE_ID)"));
      assertEquals(List.of(List.of("schema", "COMPLETED"), List.of("items", "COMPLETED")),
          Sql.rows(ours, "SELECT STEP_NAME, STATUS FROM BATCH_STEP_EXECUTION ORDER BY STEP_EXECUTION_ID"));
      assertEquals(List.of(List.of(200L, 0L)), Sql.rows(ours, "SELECT count(*), sum(n) FROM item"));
      OtherSqlite.assertWhole(Sql.bytes(application.getBean(MemoryVfs.class), "shop"));
    }
  }

  @Test
  void withoutInitializeSchemaTheTablesAreMissing() {
    Exception e = assertThrows(Exception.class, () -> start("spring.main.banner-mode=off").close());
    Throwable cause = e;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    assertTrue(cause.getMessage().contains("no such table: BATCH_JOB_INSTANCE"), cause.toString());
  }
}
