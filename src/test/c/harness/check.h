/*
 * Assertions and a list of named tests, for programs without any library of their own.
 *
 * A failed CHECK is printed with its place, its values and the context, and the test goes on; a failed REQUIRE, without which
 * nothing more can be said, ends the program. All may be called from any thread. The last line of a
 * program is 'N passed, N failed', counted in tests, and its exit code is 0 if none failed.
 *
 *     static void sums(void) { CHECK_EQ(1 + 1, 2); }
 *     int main(int argc, char **argv) { check_start(argc, argv); RUN(sums); return check_end(); }
 *
 * Words on the command line choose the tests whose names hold one of them; --list prints the names.
 */
#ifndef MV_CHECK_H
#define MV_CHECK_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __MINGW_PRINTF_FORMAT /* which of Windows' two printfs is meant */
#define CHECK_PRINTF __MINGW_PRINTF_FORMAT
#else
#define CHECK_PRINTF printf
#endif

#define CHECK_MAX_PRINTED 20 /* failures of one test; more are only counted */

static atomic_int check_failures; /* of the running test */
static const char *check_test = "";
static int check_passed, check_failed;
static int check_argc; /* the words that choose tests */
static char **check_argv;
static bool check_listing;
static _Thread_local char check_about[256]; /* what the thread is at: sizes, modes, the seed */

/* Says what the calling thread is at, for the failures to come. */
__attribute__((format(CHECK_PRINTF, 1, 2), unused)) static void check_context(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(check_about, sizeof check_about, format, args);
    va_end(args);
}

__attribute__((format(CHECK_PRINTF, 3, 4))) static void check_fail(const char *file, int line, const char *format, ...) {
    if (atomic_fetch_add(&check_failures, 1) < CHECK_MAX_PRINTED) {
        char text[1024];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        const char *gap = check_about[0] ? " (" : "", *end = check_about[0] ? ")" : "";
        printf("%s:%d: %s: %s%s%s%s\n", file, line, check_test, text, gap, check_about, end);
        fflush(stdout);
    }
}

/* Ends the running test. */
static void check_finish_test(void) {
    int failures = atomic_load(&check_failures);
    if (failures > CHECK_MAX_PRINTED)
        printf("%s: %d more failures\n", check_test, failures - CHECK_MAX_PRINTED);
    if (failures)
        check_failed++;
    else
        check_passed++;
}

static int check_end(void) {
    if (!check_listing)
        printf("%d passed, %d failed\n", check_passed, check_failed);
    fflush(stdout);
    return check_failed ? 1 : 0;
}

/* Leaves out of a failed REQUIRE: nothing is freed, other threads are not waited for. A fuzzer is told by a signal. */
__attribute__((noreturn, unused)) static void check_give_up(void) {
    check_finish_test();
    check_end();
#ifdef MV_FUZZER
    abort();
#endif
    _Exit(1);
}

__attribute__((unused)) static void check_start(int argc, char **argv) {
    check_argc = argc - 1;
    check_argv = argv + 1;
    check_listing = argc == 2 && !strcmp(argv[1], "--list");
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

/* True if a word of the command line is part of the name, or, unless it is only run on demand, if there are no words. */
static bool check_chosen(const char *name, bool on_demand) {
    for (int i = 0; i < check_argc; i++)
        if (strstr(name, check_argv[i]))
            return true;
    return check_argc == 0 && !on_demand;
}

__attribute__((unused)) static void check_run(const char *name, void (*body)(void), bool on_demand) {
    if (check_listing) {
        printf("%s%s\n", name, on_demand ? " (on demand)" : "");
        return;
    }
    if (!check_chosen(name, on_demand))
        return;
    check_test = name;
    check_about[0] = 0;
    atomic_store(&check_failures, 0);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    body();
    clock_gettime(CLOCK_MONOTONIC, &to);
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    check_finish_test();
    printf("%-6s %s (%.2f s)\n", atomic_load(&check_failures) ? "FAILED" : "ok", name, seconds);
}

#define RUN(test) check_run(#test, test, false)
#define RUN_ON_DEMAND(test) check_run(#test, test, true)

#define CHECK(condition) ((condition) ? (void)0 : check_fail(__FILE__, __LINE__, "not so: %s", #condition))
#define REQUIRE(condition) \
    ((condition) ? (void)0 : (check_fail(__FILE__, __LINE__, "not so: %s", #condition), check_give_up()))
#define CHECK_EQ(actual, expected) check_eq(__FILE__, __LINE__, #actual, (int64_t)(actual), (int64_t)(expected))
#define REQUIRE_EQ(actual, expected) (CHECK_EQ(actual, expected) ? (void)0 : check_give_up())
#define CHECK_STR(actual, expected) check_str(__FILE__, __LINE__, #actual, (actual), (expected))
#define CHECK_MEM(actual, expected, n) check_mem(__FILE__, __LINE__, #actual, (actual), (expected), (n))

__attribute__((unused)) static bool check_eq(const char *file, int line, const char *what, int64_t actual, int64_t expected) {
    if (actual != expected)
        check_fail(file, line, "%s is %" PRId64 ", not %" PRId64, what, actual, expected);
    return actual == expected;
}

__attribute__((unused)) static bool check_str(const char *file, int line, const char *what, const char *actual, const char *expected) {
    bool same = actual && !strcmp(actual, expected);
    if (!same)
        check_fail(file, line, "%s is '%.300s', not '%.300s'", what, actual ? actual : "(null)", expected);
    return same;
}

__attribute__((unused)) static bool check_mem(const char *file, int line, const char *what, const void *actual, const void *expected, size_t n) {
    if (n == 0 || !memcmp(actual, expected, n))
        return true;
    const uint8_t *a = actual, *e = expected;
    size_t i = 0;
    while (a[i] == e[i])
        i++;
    check_fail(file, line, "%s: byte %zu of %zu is %02x, not %02x", what, i, n, a[i], e[i]);
    return false;
}

/* Random numbers that follow from their seed (splitmix64). */
__attribute__((unused)) static uint64_t check_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#endif
