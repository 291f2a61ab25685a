/* What bytes look like that are no SQLite database, for the message that refuses them. */
#ifndef MV_LOOKS_H
#define MV_LOOKS_H

#include <stddef.h>

/*
 * The first bytes of what was given for a database, as many of them as there are at hand; some hundred tell more than a few.
 * Returns what they look like and what to do, such as "gzip data: decompress it first"; NULL if they look like nothing known.
 * The text is a constant.
 */
const char *mv_looks_like(const void *bytes, size_t n);

#endif
