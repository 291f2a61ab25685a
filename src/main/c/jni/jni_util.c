/* See jni_util.h. */
#include "jni/jni_util.h"

#include "sqlite3.h"

void mv_text_get(JNIEnv *env, jbyteArray array, mv_text *text) {
    text->n = (*env)->GetArrayLength(env, array);
    text->bytes = text->space;
    if ((size_t)text->n >= sizeof text->space) text->bytes = sqlite3_malloc64((sqlite3_uint64)text->n + 1);
    if (!text->bytes) return;
    (*env)->GetByteArrayRegion(env, array, 0, text->n, (jbyte *)text->bytes);
    text->bytes[text->n] = 0;
}

void mv_text_free(mv_text *text) {
    if (text->bytes != text->space) sqlite3_free(text->bytes);
}

jbyteArray mv_new_bytes(JNIEnv *env, const void *bytes, size_t n) {
    jbyteArray array = (*env)->NewByteArray(env, (jsize)n);
    if (array && n) (*env)->SetByteArrayRegion(env, array, 0, (jsize)n, bytes);
    return array;
}

void mv_set_int(JNIEnv *env, jintArray array, jsize index, jint value) {
    (*env)->SetIntArrayRegion(env, array, index, 1, &value);
}

void mv_set_long(JNIEnv *env, jlongArray array, jsize index, jlong value) {
    (*env)->SetLongArrayRegion(env, array, index, 1, &value);
}

static bool cut(jlong length, jint start, jint *n) {
    if (start < 0 || start > length || *n <= 0) return false;
    if (*n > length - start) *n = (jint)(length - start);
    return *n > 0;
}

bool mv_array_range(JNIEnv *env, jarray array, jint start, jint *n) {
    return cut((*env)->GetArrayLength(env, array), start, n);
}

void *mv_buffer_range(JNIEnv *env, jobject buffer, jint start, jint *n) {
    char *address = (*env)->GetDirectBufferAddress(env, buffer);
    if (!address || !cut((*env)->GetDirectBufferCapacity(env, buffer), start, n)) return NULL;
    return address + start;
}
