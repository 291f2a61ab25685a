/**
 * Fresh databases for tests: an extension of JUnit Jupiter, which must be on the class path then. {@link
 * io.github.sqlitememvfs.junit.FreshDatabase} has an example.
 */
package io.github.sqlitememvfs.junit;
