/* Memory of one load: nodes, their strings and the model live in an arena and go together when the
 * model does. compose/ only. Nothing is freed singly. */
#pragma once

#include "base/cleanup.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Only for the functions below, which are inline: a large file makes half a million allocations. */
struct arena {
    char *next, *end; /* what is free of the block at hand; never NULL */
    struct arena_block *blocks;
    size_t next_size;
};

struct arena *arena_new(void);
void arena_free(struct arena *arena);
DEFINE_FREEP(struct arena *, arena_free)

/* From a new block, where the one at hand has no room. */
void *arena_alloc_block(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));

/* Zeroed, aligned for pointers and numbers. */
__attribute__((malloc, returns_nonnull)) static inline void *arena_alloc(struct arena *arena,
                                                                         size_t size)
{
    size_t left = (size_t)(arena->end - arena->next);
    size_t skipped = -(uintptr_t)arena->next & (sizeof(void *) - 1);
    if (size > left || skipped > left - size)
        return arena_alloc_block(arena, size);
    char *start = arena->next + skipped;
    arena->next = start + size;
    return start;
}

/* count * size is checked for overflow. */
void *arena_array(struct arena *arena, size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));

__attribute__((returns_nonnull)) static inline char *arena_strndup(struct arena *arena,
                                                                   const char *text, size_t length)
{
    char *copy = arena->next;
    if (length < (size_t)(arena->end - copy)) /* texts need no alignment */
        arena->next += length + 1;
    else
        copy = arena_alloc_block(arena, length + 1);
    return memcpy(copy, text, length); /* what is behind it is zero */
}

__attribute__((returns_nonnull)) static inline char *arena_strdup(struct arena *arena,
                                                                  const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

/* A number in decimal. */
char *arena_u64(struct arena *arena, uint64_t value) __attribute__((returns_nonnull));
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

#define arena_new0(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
