/* See library.h. */
#ifndef _WIN32
#define _GNU_SOURCE /* dladdr, RTLD_* */
#endif

#include "extension/library.h"

#include <stdio.h>
#include <string.h>

#ifdef _WIN32

#include <windows.h>

static HMODULE module_of(const void *address, DWORD flags) {
    HMODULE module = NULL;
    GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | flags, (LPCSTR)address, &module);
    return module;
}

void mv_keep_library(const void *address) {
    module_of(address, GET_MODULE_HANDLE_EX_FLAG_PIN);
}

bool mv_library_outlives_file(void) {
    return false; /* nobody can delete it */
}

bool mv_library_path(char *to, int room) {
    WCHAR path[MAX_PATH];
    DWORD n = GetModuleFileNameW(module_of(&mv_library_path, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT), path, MAX_PATH);
    return n > 0 && n < MAX_PATH && WideCharToMultiByte(CP_UTF8, 0, path, -1, to, room, NULL, NULL) > 0;
}

#else

#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

static _Atomic int file = -1; /* kept open for good */

static const char *file_of(const void *address) {
    Dl_info info;
    return dladdr(address, &info) && info.dli_fname ? info.dli_fname : NULL;
}

void mv_keep_library(const void *address) {
    const char *path = file_of(address);
    if (path) dlopen(path, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

/* Another class loader has another copy of this library, which goes with it. */
__attribute__((destructor)) static void close_file(void) {
    if (file >= 0) close(file);
}

#define BY_FILE "/proc/self/fd/%d"

/* dlopen knows a library by its inode, which an open file keeps; if it does, and the system shows open files. */
bool mv_library_outlives_file(void) {
#ifdef __linux__
    const char *path = file_of(&file);
    if (file < 0 && path) {
        char by_file[sizeof BY_FILE + 10];
        int opened = open(path, O_RDONLY | O_CLOEXEC);
        snprintf(by_file, sizeof by_file, BY_FILE, opened);
        void *found = opened < 0 ? NULL : dlopen(by_file, RTLD_LAZY | RTLD_NOLOAD);
        if (found) {
            dlclose(found);
            file = opened;
        } else if (opened >= 0) {
            close(opened);
        }
    }
#endif
    return file >= 0;
}

bool mv_library_path(char *to, int room) {
    const char *path = file_of(&file);
    int n = file >= 0 ? snprintf(to, (size_t)room, BY_FILE, file) : path ? snprintf(to, (size_t)room, "%s", path) : -1;
    return n >= 0 && n < room;
}

#endif
