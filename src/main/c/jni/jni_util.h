/*
 * What the JNI files share. These files convert between Java's types and C's, and call; they hold no logic.
 *
 * Handles are addresses as jlong. Java sees to it that they are alive, and that connections and statements are used
 * by one thread at a time. Names and SQL come as byte arrays of UTF-8. Results are codes, from which Java
 * makes exceptions; the only exceptions that come from here are the JVM's own, for want of memory.
 *
 * Ranges of arrays and buffers were checked in Java. They are checked here once more: a range that does not fit is cut.
 */
#ifndef MV_JNI_UTIL_H
#define MV_JNI_UTIL_H

#include <jni.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MV_HANDLE(p) ((jlong)(intptr_t)(p))
#define MV_POINTER(type, handle) ((type *)(intptr_t)(handle))

/* The natives of one file, for RegisterNatives. */
typedef struct mv_natives {
    const JNINativeMethod *methods;
    jint count;
} mv_natives;

extern const mv_natives mv_store_natives, mv_connection_natives, mv_statement_natives, mv_wait_natives;

/* For jni_wait.c, when the library is loaded. False: with an exception. */
bool mv_wait_init(JNIEnv *env, JavaVM *vm);

#define MV_NATIVE_AS(name, function, signature) { (char *)#name, (char *)(signature), (void *)(function) }
#define MV_NATIVE(name, signature) MV_NATIVE_AS(name, name, signature)

/* A copy of a byte array with a NUL behind it; short ones need no memory. */
typedef struct mv_text {
    char *bytes; /* NULL: no memory */
    jsize n;
    char space[1024];
} mv_text;

void mv_text_get(JNIEnv *env, jbyteArray array, mv_text *text);
void mv_text_free(mv_text *text);

/* A new array with these bytes, or NULL with an OutOfMemoryError. */
jbyteArray mv_new_bytes(JNIEnv *env, const void *bytes, size_t n);

/* Sets an element of an array that has it. */
void mv_set_int(JNIEnv *env, jintArray array, jsize index, jint value);
void mv_set_long(JNIEnv *env, jlongArray array, jsize index, jlong value);

/* Cuts a range to an array's length; false if nothing of it is left. */
bool mv_array_range(JNIEnv *env, jarray array, jint start, jint *n);

/* Address of an index in a direct buffer, the range cut to its capacity; NULL if it is not direct or nothing is left. */
void *mv_buffer_range(JNIEnv *env, jobject buffer, jint start, jint *n);

#endif
