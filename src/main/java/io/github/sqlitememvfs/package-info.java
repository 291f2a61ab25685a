/**
 * Keeps SQLite databases in memory, as immutable versions, and runs SQL on them.
 *
 * <p>Everything starts with {@link io.github.sqlitememvfs.MemoryVfs}, which holds databases: it reads them in from
 * streams, opens connections to them, and writes them out to streams.
 * {@link io.github.sqlitememvfs.SqliteConnection} and {@link io.github.sqlitememvfs.SqliteStatement} run SQL;
 * {@link io.github.sqlitememvfs.Snapshot} keeps one version of a database.
 *
 * <p><b>Nulls.</b> No parameter, result or field is null unless its own documentation says so. Methods throw a {@link
 * java.lang.NullPointerException} for a null where none is allowed.
 *
 * <p><b>Closed objects.</b> Every {@code close()} may be called more than once, from any thread. Closing an object also
 * closes all that it opened. Every other method of a closed object throws an {@link java.lang.IllegalStateException},
 * also when another thread closes it meanwhile. An object that is forgotten is closed some time after the garbage
 * collector found it: nothing leaks, but its memory is kept until then.
 *
 * <p><b>Errors.</b> Errors of SQLite are thrown as an unchecked {@link io.github.sqlitememvfs.SqliteException}. If the
 * native library cannot be loaded, the first call that needs it throws an {@link java.lang.UnsatisfiedLinkError} that
 * names everything that was tried.
 *
 * <p><b>System properties</b>, read once, when the native library is first needed:
 * <ul>
 * <li>{@code io.github.sqlitememvfs.library}: absolute path of the native library to load;
 * <li>{@code io.github.sqlitememvfs.useSystemLibrary}: {@code true} to load it by {@link
 *     java.lang.System#loadLibrary} from {@code java.library.path} (as is always done on Android);
 * <li>{@code io.github.sqlitememvfs.tmpdir}: folder to which the library in the jar is extracted before it is loaded,
 *     instead of {@code java.io.tmpdir}; it must not be mounted noexec.
 * </ul>
 */
package io.github.sqlitememvfs;
