/* A map from strings, or any bytes, to numbers, mostly places in an array. Keys are copied.
 * Zero-initialise. */
#pragma once

#include "base/cleanup.h"

#include <stddef.h>
#include <stdint.h>

#define STRMAP_NONE SIZE_MAX

struct strmap {
    struct strmap_slot *slots;
    size_t count, capacity; /* a power of two, or 0 */
};

/* Replaces an earlier value; value is not STRMAP_NONE. */
void strmap_set(struct strmap *map, const char *key, size_t value);
/* STRMAP_NONE where there is no such key. */
size_t strmap_get(const struct strmap *map, const char *key);
/* The same for keys that may hold NULs. */
void strmap_set_bytes(struct strmap *map, const void *key, size_t length, size_t value);
size_t strmap_get_bytes(const struct strmap *map, const void *key, size_t length);
void strmap_done(struct strmap *map);
#define _cleanup_strmap_ _cleanup_(strmap_done)
