/*
 * Waiting for another writer in Java: mv_waiter of store.h for Java. See jni_util.h. Its Java half: WriteLockWait.java.
 *
 * A waiter is woken by LockSupport.unpark of its thread, which is platform or virtual. Whoever has released the write lock calls it: a
 * thread of the JVM in any of
 * its native calls, also one of another library (sqlite-jdbc), or one that the JVM does not know, as that of another language. That class is the
 * JVM's own and is never unloaded, so that keeping it keeps nothing else.
 */
#include "jni/jni_util.h"
#include "store/store.h"

#define WAITER(handle) MV_POINTER(mv_waiter, handle)

/* Fixed by mv_wait_init. */
static JavaVM *jvm;
static jclass lock_support;
static jmethodID unpark_method;

bool mv_wait_init(JNIEnv *env, JavaVM *vm) {
    jclass found = (*env)->FindClass(env, "java/util/concurrent/locks/LockSupport");
    if (!found) return false;
    unpark_method = (*env)->GetStaticMethodID(env, found, "unpark", "(Ljava/lang/Thread;)V");
    if (unpark_method) lock_support = (*env)->NewGlobalRef(env, found);
    (*env)->DeleteLocalRef(env, found);
    jvm = vm;
    return lock_support != NULL;
}

/* The calling thread's environment; it may have to be attached to the JVM for it. NULL: the JVM has ended, or has no memory for it. */
static JNIEnv *enter_jvm(bool *attached) {
    void *env = NULL;
    *attached = false;
    if ((*jvm)->GetEnv(jvm, &env, JNI_VERSION_1_6) == JNI_OK) return env;
    *attached = (*jvm)->AttachCurrentThreadAsDaemon(jvm, (void *)&env, NULL) == JNI_OK; /* Android's header has another type for it */
    return *attached ? env : NULL;
}

static void leave_jvm(bool attached) {
    if (attached) (*jvm)->DetachCurrentThread(jvm);
}

/* Wakes a thread. If that fails, as without memory or stack, it looks by itself soon (mv_waiter_look). */
static void unpark(void *thread) {
    bool attached;
    JNIEnv *env = enter_jvm(&attached);
    if (!env) return;
    jthrowable pending = (*env)->ExceptionOccurred(env); /* another library may call SQLite before it throws what it has */
    if (pending) (*env)->ExceptionClear(env);
    (*env)->CallStaticVoidMethod(env, lock_support, unpark_method, (jobject)thread);
    if ((*env)->ExceptionCheck(env)) (*env)->ExceptionClear(env);
    if (pending) {
        (*env)->Throw(env, pending);
        (*env)->DeleteLocalRef(env, pending);
    }
    leave_jvm(attached);
}

static void forget(void *thread) {
    bool attached;
    JNIEnv *env = enter_jvm(&attached);
    if (!env) return;
    (*env)->DeleteGlobalRef(env, (jobject)thread); /* allowed while an exception is pending */
    leave_jvm(attached);
}

static jboolean waiterStart(JNIEnv *env, jclass c, jlong waiter, jobject thread) {
    (void)c;
    jobject reference = (*env)->NewGlobalRef(env, thread);
    if (!reference) return JNI_FALSE;
    mv_waiter_start(WAITER(waiter), unpark, forget, reference);
    return JNI_TRUE;
}

static jlong waiterLook(JNIEnv *env, jclass c, jlong waiter) {
    (void)env, (void)c;
    int64_t usec;
    return mv_waiter_look(WAITER(waiter), &usec) ? -1 : usec;
}

static void waiterEnd(JNIEnv *env, jclass c, jlong waiter, jboolean keep) {
    (void)env, (void)c;
    mv_waiter_end(WAITER(waiter), keep);
}

/* ---- table ----------------------------------------------------------------------------------------- */

static const JNINativeMethod methods[] = {
    MV_NATIVE(waiterStart, "(JLjava/lang/Thread;)Z"),
    MV_NATIVE(waiterLook, "(J)J"),
    MV_NATIVE(waiterEnd, "(JZ)V"),
};

const mv_natives mv_wait_natives = { methods, sizeof methods / sizeof *methods };
