/* Memory of one load: nodes, their strings and the model live in an arena and go together when the
 * model does. compose/ only. Nothing is freed singly. */
#pragma once

#include "base/cleanup.h"

#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena);
DEFINE_FREEP(struct arena *, arena_free)

/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
/* count * size is checked for overflow. */
void *arena_array(struct arena *arena, size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));
char *arena_strdup(struct arena *arena, const char *text) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *arena, const char *text, size_t length)
    __attribute__((returns_nonnull));
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));

#define arena_new0(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
