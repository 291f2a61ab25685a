/* Mutex, condition variable and monotonic clock: POSIX threads, or Windows' slim locks. None of these can fail once made. */
#ifndef MV_SYNC_H
#define MV_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#ifdef _WIN32

#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#undef near /* names like others */
#undef far

typedef SRWLOCK mv_mutex;
typedef CONDITION_VARIABLE mv_cond;

static inline void mv_mutex_init(mv_mutex *m) { InitializeSRWLock(m); }
static inline void mv_mutex_destroy(mv_mutex *m) { (void)m; }
static inline void mv_lock(mv_mutex *m) { AcquireSRWLockExclusive(m); }
static inline void mv_unlock(mv_mutex *m) { ReleaseSRWLockExclusive(m); }
static inline void mv_cond_init(mv_cond *c) { InitializeConditionVariable(c); }
static inline void mv_cond_destroy(mv_cond *c) { (void)c; }
static inline void mv_signal(mv_cond *c) { WakeConditionVariable(c); }

static inline int64_t mv_now_usec(void) {
    LARGE_INTEGER ticks, rate;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&rate);
    return ticks.QuadPart / rate.QuadPart * 1000000 + ticks.QuadPart % rate.QuadPart * 1000000 / rate.QuadPart;
}

static inline void mv_yield(void) { SwitchToThread(); }

/* Waits for a signal until the clock of mv_now_usec shows `until`; may wake earlier for no reason. */
static inline void mv_wait_until(mv_cond *c, mv_mutex *m, int64_t until) {
    int64_t usec = until - mv_now_usec();
    DWORD ms = usec <= 0 ? 0 : usec > 1000000000 ? 1000000 : (DWORD)((usec + 999) / 1000);
    SleepConditionVariableSRW(c, m, ms, 0);
}

#else

#include <pthread.h>
#include <sched.h>
#include <time.h>

typedef pthread_mutex_t mv_mutex;
typedef pthread_cond_t mv_cond;

static inline void mv_mutex_init(mv_mutex *m) { pthread_mutex_init(m, NULL); }
static inline void mv_mutex_destroy(mv_mutex *m) { pthread_mutex_destroy(m); }
static inline void mv_lock(mv_mutex *m) { pthread_mutex_lock(m); }
static inline void mv_unlock(mv_mutex *m) { pthread_mutex_unlock(m); }
static inline void mv_cond_destroy(mv_cond *c) { pthread_cond_destroy(c); }
static inline void mv_signal(mv_cond *c) { pthread_cond_signal(c); }
static inline void mv_yield(void) { sched_yield(); }

static inline int64_t mv_now_usec(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline void mv_cond_init(mv_cond *c) {
#ifdef __APPLE__
    pthread_cond_init(c, NULL); /* its clock cannot be chosen: mv_wait_until waits for a time span there */
#else
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attributes);
    pthread_condattr_destroy(&attributes);
#endif
}

/* Waits for a signal until the clock of mv_now_usec shows `until`; may wake earlier for no reason. */
static inline void mv_wait_until(mv_cond *c, mv_mutex *m, int64_t until) {
#ifdef __APPLE__
    int64_t usec = until - mv_now_usec();
    if (usec > 0) {
        struct timespec span = {.tv_sec = usec / 1000000, .tv_nsec = usec % 1000000 * 1000};
        pthread_cond_timedwait_relative_np(c, m, &span);
    }
#else
    struct timespec when = {.tv_sec = until / 1000000, .tv_nsec = until % 1000000 * 1000};
    pthread_cond_timedwait(c, m, &when);
#endif
}

#endif

/* The clock's time in so many microseconds, 0 if negative and a century at the most. */
static inline int64_t mv_deadline(int64_t usec) {
    const int64_t century = INT64_C(100) * 366 * 86400 * 1000000;
    return mv_now_usec() + (usec < 0 ? 0 : usec > century ? century : usec);
}

#endif
