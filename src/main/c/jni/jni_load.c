/*
 * The library's life in the JVM. All natives are registered when it is loaded, so that none is looked up by name and
 * none need be exported, and a library that does not fit the classes fails at once. Of Java only the JVM's own
 * LockSupport is kept (jni_wait.c), which is never unloaded. So there is nothing to undo in a JNI_OnUnload, and there is
 * none. Its Java half: NativeLibrary.java.
 */
#include "jni/jni_util.h"

#include "extension/extension.h"
#include "extension/library.h"
#include "vfs/no_disk.h"
#include "sqlite3.h"

#include <string.h>

static jboolean libraryOutlivesFile(JNIEnv *env, jclass c) {
    (void)env, (void)c;
    return mv_library_outlives_file();
}

static jbyteArray libraryPath(JNIEnv *env, jclass c) {
    (void)c;
    char path[4096];
    if (!mv_library_path(path, sizeof path)) path[0] = 0;
    return mv_new_bytes(env, path, strlen(path));
}

static const JNINativeMethod methods[] = {
    MV_NATIVE(libraryOutlivesFile, "()Z"),
    MV_NATIVE(libraryPath, "()[B"),
};

static const mv_natives library_natives = { methods, sizeof methods / sizeof *methods };

static bool register_all(JNIEnv *env, jclass native) {
    const mv_natives *all[] = { &library_natives, &mv_store_natives, &mv_connection_natives, &mv_statement_natives, &mv_wait_natives };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if ((*env)->RegisterNatives(env, native, all[i]->methods, all[i]->count)) return false;
    }
    return true;
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved) {
    (void)reserved;
    void *env_pointer = NULL;
    if ((*vm)->GetEnv(vm, &env_pointer, JNI_VERSION_1_6) != JNI_OK) return JNI_ERR;
    JNIEnv *env = env_pointer;
    if (mv_no_disk() != SQLITE_OK) return JNI_ERR; /* starts SQLite */
    mv_extension_no_default();
    jclass native = (*env)->FindClass(env, "io/github/sqlitememvfs/Native");
    if (!native) return JNI_ERR; /* with its exception */
    bool registered = register_all(env, native) && mv_wait_init(env, vm);
    (*env)->DeleteLocalRef(env, native);
    return registered ? JNI_VERSION_1_6 : JNI_ERR;
}
