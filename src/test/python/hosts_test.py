"""Python's sqlite3 as a host of the library: hosts_test.py LIBRARY. Needs a sqlite3 that can load extensions, 3.40 or later."""
import ctypes
import os
import shutil
import sqlite3
import sys
import threading
import unittest

LIBRARY = os.path.abspath(sys.argv.pop(1))
names = iter(range(1_000_000))


def load(connection):
    connection.enable_load_extension(True)
    connection.load_extension(LIBRARY)
    return connection


def connect(name, **options):
    return sqlite3.connect(f"file:{name}?vfs=memvfs", uri=True, **options)


def rows(connection, sql, *parameters):
    return connection.execute(sql, parameters).fetchall()


def value(connection, sql, *parameters):
    return rows(connection, sql, *parameters)[0][0]


class HostsTest(unittest.TestCase):
    def setUp(self):
        self.tool = load(sqlite3.connect(":memory:", isolation_level=None))
        self.addCleanup(self.tool.close)
        self.name = f"db-{next(names)}"

    def tearDown(self):
        for (name,) in rows(self.tool, "SELECT name FROM memvfs_list"):
            self.tool.execute("SELECT memvfs_delete(?)", (name,))

    def open(self, name=None, **options):
        connection = connect(name or self.name, **options)
        self.addCleanup(connection.close)
        return connection

    def fill(self, count):
        connection = self.open(isolation_level=None)
        connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x)")
        connection.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO t SELECT i, hex(randomblob(20)) FROM n", (count,))
        return connection

    def fails(self, error, message, sql, *parameters):
        with self.assertRaisesRegex(error, message):
            self.tool.execute(sql, parameters).fetchall()

    def test_a_database_outlives_its_connections(self):
        connect(self.name).execute("CREATE TABLE t AS SELECT 7 AS x").connection.close()
        self.assertEqual(value(self.open(), "SELECT x FROM t"), 7)

    def test_each_connection_can_load_it(self):
        for _ in range(3):
            connection = load(sqlite3.connect(":memory:"))
            load(connection)
            connection.execute("SELECT load_extension(?)", (LIBRARY,)).fetchall()
            self.assertEqual(rows(connection, "SELECT name FROM memvfs_list"), [])
            connection.close()

    def test_another_sqlite_of_the_process(self):
        """A copy of the system's library is another one to the system."""
        with open("/proc/self/maps") as maps:
            path = next(line.split()[-1] for line in maps if "libsqlite3.so" in line)
        shutil.copy(path, "another.so")
        another = ctypes.CDLL(os.path.abspath("another.so"))
        os.remove("another.so")
        db, other, error = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_char_p()
        self.assertEqual(another.sqlite3_open(b":memory:", ctypes.byref(db)), 0)
        self.assertEqual(another.sqlite3_enable_load_extension(db, 1), 0)
        self.assertEqual(another.sqlite3_load_extension(db, LIBRARY.encode(), None, ctypes.byref(error)), 0, error.value)
        self.assertEqual(another.sqlite3_open_v2(self.name.encode(), ctypes.byref(other), 6, b"memvfs"), 0)
        self.assertEqual(another.sqlite3_exec(other, b"CREATE TABLE t AS SELECT 5 AS x", None, None, None), 0)
        mine = self.open(isolation_level=None)
        self.assertEqual(value(mine, "SELECT x FROM t"), 5)
        mine.execute("BEGIN IMMEDIATE")
        self.assertEqual(another.sqlite3_exec(other, b"DELETE FROM t", None, None, None), sqlite3.SQLITE_BUSY)
        mine.execute("ROLLBACK")
        self.assertEqual(another.sqlite3_exec(db, f"SELECT memvfs_fork('{self.name}', 'by another')".encode(), None, None, None), 0)
        self.assertEqual(value(self.open("by another"), "SELECT x FROM t"), 5)
        self.assertEqual(another.sqlite3_close(other), 0)
        self.assertEqual(another.sqlite3_close(db), 0)

    def test_readers_do_not_wait_and_keep_their_version(self):
        writer, reader = self.fill(1000), self.open(isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM t WHERE id > 10")
        reader.execute("BEGIN")
        self.assertEqual(value(reader, "SELECT count(*) FROM t"), 1000)
        writer.execute("COMMIT")
        self.assertEqual(value(reader, "SELECT count(*) FROM t"), 1000)
        reader.execute("COMMIT")
        self.assertEqual(value(reader, "SELECT count(*) FROM t"), 10)

    def test_threads(self):
        """Writers move amounts between rows; readers always see the same sum."""
        setup = self.open(isolation_level=None)
        setup.execute("CREATE TABLE account(id INTEGER PRIMARY KEY, amount)")
        setup.executemany("INSERT INTO account VALUES (?, 100)", [(i,) for i in range(500)])
        done, wrong, reads = threading.Event(), [], [0, 0]

        def write(seed):
            try:
                connection = connect(self.name, isolation_level=None, timeout=60)
                for i in range(150):
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute("UPDATE account SET amount = amount - 1 WHERE id = ?", ((seed + 7 * i) % 500,))
                    connection.execute("UPDATE account SET amount = amount + 1 WHERE id = ?", ((seed + 11 * i) % 500,))
                    connection.execute("ROLLBACK" if i % 5 == 0 else "UPDATE account SET amount = amount + 0")
                    if i % 5:
                        connection.execute("COMMIT")
                connection.close()
            except Exception as e:
                wrong.append(e)

        def read(i):
            try:
                connection = connect(self.name, isolation_level=None, timeout=0)
                if i:
                    connection.execute("PRAGMA mmap_size = 1000000000").fetchall()
                while not done.is_set() or not reads[i]:
                    if value(connection, "SELECT sum(amount) FROM account") != 50_000:
                        wrong.append("sum")
                    reads[i] += 1
                connection.close()
            except Exception as e:
                wrong.append(e)

        writers = [threading.Thread(target=write, args=(i,)) for i in range(3)]
        readers = [threading.Thread(target=read, args=(i,)) for i in range(2)]
        for thread in writers + readers:
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        for thread in readers:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(value(setup, "PRAGMA integrity_check"), "ok")
        self.assertEqual(value(setup, "SELECT sum(amount) FROM account"), 50_000)

    def test_a_second_writer_is_busy(self):
        first, second = self.fill(10), self.open(isolation_level=None, timeout=0.05)
        first.execute("BEGIN IMMEDIATE")
        with self.assertRaisesRegex(sqlite3.OperationalError, "locked"):
            second.execute("INSERT INTO t VALUES (11, 1)")
        first.execute("COMMIT")
        second.execute("INSERT INTO t VALUES (11, 1)")

    def test_backup_in_both_directions(self):
        disk = sqlite3.connect("backup.db")
        disk.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)")
        memory = self.open()
        disk.backup(memory)
        self.assertEqual(rows(memory, "SELECT x FROM t"), [(1,), (2,)])
        memory.execute("INSERT INTO t VALUES (3)")
        memory.commit()
        memory.backup(disk, pages=1)
        self.assertEqual(rows(disk, "SELECT x FROM t"), [(1,), (2,), (3,)])
        self.assertEqual(value(disk, "PRAGMA integrity_check"), "ok")
        disk.close()
        for name in os.listdir():
            os.remove(name)

    def test_serialize_and_deserialize(self):
        memory = self.fill(1000)
        content = value(self.tool, "SELECT memvfs_serialize(?)", self.name)
        self.assertEqual(content, memory.serialize())
        plain = sqlite3.connect(":memory:")
        plain.deserialize(content)
        self.assertEqual(list(plain.iterdump()), list(memory.iterdump()))
        self.assertEqual(len(content), value(self.tool, "SELECT size FROM memvfs_list WHERE name = ?", self.name))
        reader = self.open(isolation_level=None)
        reader.execute("BEGIN")
        self.assertEqual(value(reader, "SELECT count(*) FROM t"), 1000)
        plain.execute("DELETE FROM t")
        plain.execute("CREATE TABLE other(x)")
        plain.commit()
        self.assertIsNone(value(self.tool, "SELECT memvfs_deserialize(?, ?, 'memvfs')", self.name, plain.serialize()))
        self.assertEqual(value(reader, "SELECT count(*) FROM t"), 1000, "an open transaction goes on")
        reader.execute("COMMIT")
        self.assertEqual(value(reader, "SELECT count(*) FROM t"), 0)
        self.assertEqual(rows(memory, "SELECT * FROM other"), [])
        plain.close()

    def test_fork_and_delete(self):
        memory = self.fill(100)
        self.tool.execute("SELECT memvfs_fork(?, 'fork')", (self.name,)).fetchall()
        fork = self.open("fork", isolation_level=None)
        fork.execute("DELETE FROM t")
        self.assertEqual(value(memory, "SELECT count(*) FROM t"), 100)
        self.assertEqual([r[0] for r in rows(self.tool, "SELECT name FROM memvfs_list('memvfs')")], sorted([self.name, "fork"]))
        self.assertEqual(value(self.tool, "SELECT memvfs_delete('fork')"), 1)
        self.assertEqual(value(self.tool, "SELECT memvfs_delete('fork')"), 0)
        self.assertEqual(value(fork, "SELECT count(*) FROM t"), 0, "who has it open keeps it")

    def test_functions_refuse(self):
        memory = self.fill(10)
        operational, general = sqlite3.OperationalError, sqlite3.DatabaseError
        self.fails(operational, "no such database: nix", "SELECT memvfs_serialize('nix')")
        self.fails(operational, "no such database: nix", "SELECT memvfs_fork('nix', 'x')")
        self.fails(operational, f"there is a database {self.name} already", "SELECT memvfs_fork(?1, ?1)", self.name)
        self.fails(operational, "no such VFS of sqlite-memory-vfs: unix", "SELECT memvfs_delete('x', 'unix')")
        self.fails(operational, "no such VFS of sqlite-memory-vfs: nix", "SELECT * FROM memvfs_list('nix')")
        for name in ("", ":memory:", "a\0b", "x" * 1025):
            self.fails(operational, "a name is 1 to 1024 bytes", "SELECT memvfs_delete(?)", name)
        self.fails(operational, "the name of a database is NULL", "SELECT memvfs_delete(NULL)")
        self.fails(operational, "the name of a VFS is NULL", "SELECT memvfs_delete('x', NULL)")
        self.fails(general, "not a blob", "SELECT memvfs_deserialize('x', 'text')")
        self.fails(general, "not an SQLite database: bytes 0 to 15", "SELECT memvfs_deserialize('x', zeroblob(5000))")
        self.fails(general, "truncated SQLite database: it ends after 5000 bytes", "SELECT memvfs_deserialize(?1, substr(memvfs_serialize(?1), 1, 5000))", self.name)
        self.fails(general, "truncated|not an", "SELECT memvfs_deserialize('x', x'53')")
        self.tool.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 8000)
        self.fails(general, "has 8192 bytes, but a blob can have 8000 here: copy it with VACUUM INTO", "SELECT memvfs_serialize(?)", self.name)
        self.tool.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
        content = value(self.tool, "SELECT memvfs_serialize(?)", self.name)
        memory.execute("BEGIN IMMEDIATE")
        self.tool.execute("PRAGMA busy_timeout = 20").fetchall()
        self.fails(operational, f"database {self.name} is being written", "SELECT memvfs_deserialize(?, ?)", self.name, content)
        memory.execute("ROLLBACK")
        self.tool.execute("SELECT memvfs_deserialize(?, ?)", (self.name, content)).fetchall()
        for sql in ("memvfs_delete('x')", "* FROM memvfs_list"):
            self.tool.execute(f"CREATE VIEW v AS SELECT {sql}")
            self.fails(operational, "unsafe use of", "SELECT * FROM v")
            self.tool.execute("DROP VIEW v")
        self.assertEqual([r[0] for r in rows(self.tool, "SELECT name FROM memvfs_list")], [self.name], "what failed has made none")

    def test_deserialize_waits_for_a_writer(self):
        memory = self.fill(10)
        content = value(self.tool, "SELECT memvfs_serialize(?)", self.name)
        memory.execute("BEGIN IMMEDIATE")
        memory.execute("DELETE FROM t")
        begun, failures = threading.Event(), []

        def deserialize():
            try:
                connection = load(sqlite3.connect(":memory:", timeout=60))
                begun.set()
                connection.execute("SELECT memvfs_deserialize(?, ?)", (self.name, content)).fetchall()
                connection.close()
            except Exception as e:
                failures.append(e)

        thread = threading.Thread(target=deserialize)
        thread.start()
        begun.wait()
        thread.join(0.1)
        self.assertTrue(thread.is_alive())
        memory.execute("INSERT INTO t VALUES (77, 1)")
        memory.execute("COMMIT")
        thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(value(memory, "SELECT count(*) FROM t"), 10)

    def test_a_transaction_over_a_file_and_memory(self):
        self.fill(10)
        disk = sqlite3.connect("file:both.db", uri=True, isolation_level=None)
        disk.execute("CREATE TABLE t(id, x)")
        disk.execute(f"ATTACH 'file:{self.name}?vfs=memvfs' AS m")
        for end in ("ROLLBACK", "COMMIT"):
            disk.execute("BEGIN")
            disk.execute("INSERT INTO main.t SELECT * FROM m.t")
            disk.execute("DELETE FROM m.t")
            disk.execute(end)
            left = 10 if end == "ROLLBACK" else 0
            self.assertEqual((value(disk, "SELECT count(*) FROM m.t"), value(disk, "SELECT count(*) FROM main.t")), (left, 10 - left))
        self.assertEqual(rows(disk, "PRAGMA integrity_check"), [("ok",)])
        disk.close()
        self.assertEqual(os.listdir(), ["both.db"])
        os.remove("both.db")

    def test_nothing_is_on_disk(self):
        memory = self.open(isolation_level=None)
        for mode in ("DELETE", "TRUNCATE", "PERSIST", "MEMORY", "WAL"):
            memory.execute(f"PRAGMA journal_mode = {mode}").fetchall()
            memory.execute("PRAGMA cache_size = 5")
            memory.execute("PRAGMA temp_store = FILE")
            memory.execute("BEGIN")
            memory.execute("CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i, hex(randomblob(200)) AS x FROM n")
            memory.execute("CREATE TEMP TABLE tt AS SELECT * FROM t ORDER BY x")
            files = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
            self.assertEqual([f for f in files if f.startswith(os.getcwd()) or "etilqs" in f], [])
            memory.execute("COMMIT")
            memory.execute("DROP TABLE t")
            memory.execute("DROP TABLE temp.tt")
            memory.execute("VACUUM")
        self.assertEqual(os.listdir(), [])

    def test_blocks_of_text_as_sql(self):
        memory = self.fill(100)
        copy = self.open("copy")
        copy.executescript("".join(memory.iterdump()))
        self.assertEqual(rows(copy, "SELECT * FROM t"), rows(memory, "SELECT * FROM t"))


if __name__ == "__main__":
    unittest.main()
