/**
 * Gives each test a fresh database, by an extension of JUnit Jupiter. JUnit must be on the class path then. {@link
 * io.github.sqlitememvfs.junit.FreshDatabase} has an example.
 */
package io.github.sqlitememvfs.junit;
