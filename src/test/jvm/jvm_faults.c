/*
 * Refuses memory to the library in a JVM: for OutOfMemoryTest, which starts a JVM with this preloaded.
 *
 * malloc, calloc, realloc and mmap are counted when they are called from the library's code, and the JVM's functions that make arrays and
 * buffers when they are called at all, by the one thread that has armed it. The Nth fails, or the Nth and all after it.
 * What the library has and has not given back is known by its address, whoever frees it.
 *
 * Linux with the GNU C library only. Natives of JvmFaults.java.
 */
#define _GNU_SOURCE
#include <jni.h>
#include <jvmti.h>
#include <link.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t n);
extern void *__libc_realloc(void *p, size_t n);
extern void __libc_free(void *p);

static __thread bool armed __attribute__((tls_model("initial-exec")));
static bool persistent;           /* these four: the armed thread only */
static int64_t first, seen, refused;

static uintptr_t code_start, code_end; /* of the library; 0: not loaded yet */
static jniNativeInterface *jvm;        /* the JVM's own functions */

static bool refuse(void) {
    if (!armed) return false;
    seen++;
    bool out = persistent ? seen >= first : seen == first;
    refused += out;
    return out;
}

/* ---- what the library has ------------------------------------------------------------------------------- */

#define SLOTS (1u << 20) /* far more than it ever has */

static void *volatile slots[SLOTS]; /* by hash, the next ones if that is taken; GONE: look further */
static atomic_flag busy = ATOMIC_FLAG_INIT;
static atomic_long live, mapped;
#define GONE ((void *)1)

static void lock(void) {
    while (atomic_flag_test_and_set(&busy)) sched_yield();
}

static unsigned slot_of(const void *p) {
    return (unsigned)(((uintptr_t)p >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 44) & (SLOTS - 1);
}

static void enter(void *p) {
    lock();
    unsigned i = slot_of(p);
    while (slots[i] && slots[i] != GONE) i = (i + 1) & (SLOTS - 1);
    slots[i] = p;
    atomic_flag_clear(&busy);
    atomic_fetch_add(&live, 1);
}

static bool leave(void *p) {
    if (!p || !code_start || !atomic_load(&live)) return false;
    lock();
    unsigned i = slot_of(p);
    while (slots[i] && slots[i] != p) i = (i + 1) & (SLOTS - 1);
    bool found = slots[i] == p;
    if (found) slots[i] = slots[(i + 1) & (SLOTS - 1)] ? GONE : NULL;
    atomic_flag_clear(&busy);
    if (found) atomic_fetch_sub(&live, 1);
    return found;
}

static bool ours(const void *caller) {
    return (uintptr_t)caller - code_start < code_end - code_start;
}

#define CALLED_BY_LIBRARY ours(__builtin_return_address(0))

/* ---- in place of the C library's ---------------------------------------------------------------------- */

EXPORT void *malloc(size_t n) {
    bool mine = CALLED_BY_LIBRARY;
    if (mine && refuse()) return NULL;
    void *p = __libc_malloc(n);
    if (mine && p) enter(p);
    return p;
}

EXPORT void *calloc(size_t count, size_t n) {
    bool mine = CALLED_BY_LIBRARY;
    if (mine && refuse()) return NULL;
    void *p = __libc_calloc(count, n);
    if (mine && p) enter(p);
    return p;
}

EXPORT void *realloc(void *old, size_t n) {
    bool mine = CALLED_BY_LIBRARY;
    if (mine && refuse()) return NULL;
    bool was = leave(old); /* before the address can be another's */
    void *p = __libc_realloc(old, n);
    if (p ? mine || was : was) enter(p ? p : old);
    return p;
}

EXPORT void free(void *p) {
    leave(p);
    __libc_free(p);
}

EXPORT void *mmap(void *at, size_t n, int protection, int flags, int file, off_t offset) {
    bool mine = CALLED_BY_LIBRARY;
    if (mine && refuse()) return MAP_FAILED;
    void *p = (void *)syscall(SYS_mmap, at, n, protection, flags, file, offset);
    if (mine && p != MAP_FAILED) atomic_fetch_add(&mapped, (long)n);
    return p;
}

EXPORT int munmap(void *at, size_t n) {
    if (CALLED_BY_LIBRARY) atomic_fetch_sub(&mapped, (long)n);
    return (int)syscall(SYS_munmap, at, n);
}

/* ---- in place of the JVM's ------------------------------------------------------------------------------ */

static bool refuse_object(JNIEnv *env) {
    if (!refuse()) return false;
    armed = false;
    jclass error = jvm->FindClass(env, "java/lang/OutOfMemoryError");
    if (error) jvm->ThrowNew(env, error, "refused");
    jvm->DeleteLocalRef(env, error);
    armed = true;
    return true;
}

static jbyteArray JNICALL new_byte_array(JNIEnv *env, jsize n) {
    return refuse_object(env) ? NULL : jvm->NewByteArray(env, n);
}

static jobject JNICALL new_direct_buffer(JNIEnv *env, void *at, jlong n) {
    return refuse_object(env) ? NULL : jvm->NewDirectByteBuffer(env, at, n);
}

/* ---- natives ---------------------------------------------------------------------------------------- */

static int find_library(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size, (void)arg;
    const char *slash = strrchr(info->dlpi_name, '/'), *file = slash ? slash + 1 : info->dlpi_name;
    if (strncmp(file, "sqlitememvfs-", 13) && strncmp(file, "libsqlitememvfs", 15)) return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        code_start = info->dlpi_addr + part->p_vaddr;
        code_end = code_start + part->p_memsz;
        return 1;
    }
    return 0;
}

/* The library has been loaded. Returns whether it was found. */
EXPORT JNIEXPORT jboolean JNICALL Java_io_github_sqlitememvfs_JvmFaults_install(JNIEnv *env, jclass c) {
    (void)c;
    JavaVM *vm;
    jvmtiEnv *jvmti;
    jniNativeInterface *changed;
    dl_iterate_phdr(find_library, NULL);
    if (!code_start || (*env)->GetJavaVM(env, &vm)) return false;
    if ((*vm)->GetEnv(vm, (void **)&jvmti, JVMTI_VERSION_1_1)) return false;
    if ((*jvmti)->GetJNIFunctionTable(jvmti, &jvm) || (*jvmti)->GetJNIFunctionTable(jvmti, &changed)) return false;
    changed->NewByteArray = new_byte_array;
    changed->NewDirectByteBuffer = new_direct_buffer;
    return (*jvmti)->SetJNIFunctionTable(jvmti, changed) == JVMTI_ERROR_NONE;
}

EXPORT JNIEXPORT void JNICALL Java_io_github_sqlitememvfs_JvmFaults_arm(JNIEnv *env, jclass c, jlong at, jboolean all_after) {
    (void)env, (void)c;
    first = at;
    persistent = all_after;
    seen = refused = 0;
    armed = true;
}

/* How many were refused. */
EXPORT JNIEXPORT jlong JNICALL Java_io_github_sqlitememvfs_JvmFaults_disarm(JNIEnv *env, jclass c) {
    (void)env, (void)c;
    armed = false;
    return refused;
}

EXPORT JNIEXPORT jlong JNICALL Java_io_github_sqlitememvfs_JvmFaults_live(JNIEnv *env, jclass c) {
    (void)env, (void)c;
    return atomic_load(&live);
}

EXPORT JNIEXPORT jlong JNICALL Java_io_github_sqlitememvfs_JvmFaults_mapped(JNIEnv *env, jclass c) {
    (void)env, (void)c;
    return atomic_load(&mapped);
}
