/* Growing arrays of plain values: a pointer, a count, a capacity, and one macro to add.
 *
 *     struct { struct port *items; size_t count, capacity; } ports = {0};
 *     vec_add(&ports, (struct port){...});
 */
#pragma once

#include "base/alloc.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count, capacity;                                                                    \
    }

/* Appends a value; pointers to earlier items may become stale. */
#define vec_add(vec, ...)                                                                          \
    do {                                                                                           \
        __typeof__(vec) vec_ = (vec);                                                              \
        if (vec_->count == vec_->capacity) {                                                       \
            vec_->capacity = vec_->capacity ? vec_->capacity * 2 : 8;                              \
            vec_->items = xreallocarray(vec_->items, vec_->capacity, sizeof(*vec_->items));        \
        }                                                                                          \
        vec_->items[vec_->count++] = (__VA_ARGS__);                                                \
    } while (0)

/* Frees the array, not what its items own. */
#define vec_done(vec)                                                                              \
    do {                                                                                           \
        free((vec)->items);                                                                        \
        (vec)->items = NULL;                                                                       \
        (vec)->count = (vec)->capacity = 0;                                                        \
    } while (0)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
