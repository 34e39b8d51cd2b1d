/* Allocation that does not fail: out of memory ends the process with a line on stderr (a daemon
 * whose VMs outlive it recovers by adoption; half-handled allocation failures would not). */
#pragma once

#include <stdarg.h>
#include <stddef.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* count * size is checked for overflow. */
void *xreallocarray(void *pointer, size_t count, size_t size) __attribute__((returns_nonnull));
/* NULL in, NULL out. */
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length) __attribute__((returns_nonnull));
void *xmemdup(const void *data, size_t size) __attribute__((returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
char *xvasprintf(const char *format, va_list args)
    __attribute__((format(printf, 1, 0), returns_nonnull));

#define new0(type) ((type *)xcalloc(1, sizeof(type)))
