/* This library, and others, as files that are loaded into the process. */
#ifndef MV_LIBRARY_H
#define MV_LIBRARY_H

#include <stdbool.h>

#ifdef _WIN32
#define MV_EXPORT __declspec(dllexport)
#else
#define MV_EXPORT __attribute__((visibility("default")))
#endif

/* The library that this address lies in is never unloaded. Does nothing if that is the program itself, or cannot be had. */
void mv_keep_library(const void *address);

/* From now on mv_library_path works without the file that this library was loaded from, which may be deleted. False if that cannot be had. */
bool mv_library_outlives_file(void);

/* Writes a path by which this very library, not a copy, can be loaded once more. False if there is none. */
bool mv_library_path(char *to, int room);

#endif
