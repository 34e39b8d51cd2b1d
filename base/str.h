/* Strings: a growing buffer, NULL-terminated string vectors, small predicates and strict parsers.
 */
#pragma once

#include "base/cleanup.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Here and below the first characters tell most texts apart, without a call. */
static inline bool streq(const char *a, const char *b)
{
    return *a == *b && strcmp(a, b) == 0;
}

/* Also true for two NULLs. */
static inline bool streq_null(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* What follows the prefix, or NULL where text does not start with it. */
__attribute__((nonnull)) static inline const char *str_after_prefix(const char *text,
                                                                    const char *prefix)
{
    size_t length = strlen(prefix);
    bool begins = length == 0 || (*text == *prefix && strncmp(text, prefix, length) == 0);
    return begins ? text + length : NULL;
}
bool str_ends_with(const char *text, const char *suffix);

/* Whether the bytes are text in UTF-8 (RFC 3629); NULs are. */
bool str_is_utf8(const char *data, size_t length);

/* Bytes of anybody's as text that may stand in JSON and on a terminal: what is no UTF-8 (RFC 3629)
 * becomes '?', a control character but newline and tab a blank. Owned by the caller. */
char *str_clean(const char *data, size_t length);

/* Writes a number in decimal, at most STR_U64_SIZE characters and no NUL; returns what is behind
 * it. For where printf() would take longer than all the rest. */
#define STR_U64_SIZE 20
char *str_put_u64(char *at, uint64_t value);

/* Whole-string decimal numbers: no sign, no blanks, no trailing text. 0, -EINVAL or -ERANGE. */
int str_to_u64(const char *text, uint64_t *ret_value);
int str_to_u32(const char *text, uint32_t *ret_value);
int str_to_u16(const char *text, uint16_t *ret_value);

/* A growing buffer; data is NUL-terminated once anything was added, and may hold NULs as bytes.
 * Zero-initialise. */
struct strbuf {
    char *data;
    size_t length;
    size_t capacity;
};

void strbuf_add(struct strbuf *buffer, const void *data, size_t length);
void strbuf_add_str(struct strbuf *buffer, const char *text);
void strbuf_add_char(struct strbuf *buffer, char character);
void strbuf_addf(struct strbuf *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes room for `extra` more bytes and returns where they go; add to length what was written. */
char *strbuf_reserve(struct strbuf *buffer, size_t extra);
/* Removes the first `length` bytes. */
void strbuf_drop_front(struct strbuf *buffer, size_t length);
/* The text, never NULL, still owned by the buffer. */
const char *strbuf_text(const struct strbuf *buffer);
/* Moves the text out (never NULL); the buffer is empty afterwards. */
char *strbuf_take(struct strbuf *buffer);
void strbuf_clear(struct strbuf *buffer);
void strbuf_done(struct strbuf *buffer);
#define _cleanup_strbuf_ _cleanup_(strbuf_done)

/* NULL-terminated vectors of owned strings; a NULL vector is an empty one. */
size_t strv_length(char *const *vector);
char **strv_copy(const char *const *vector);
/* Takes item; may move the vector. */
void strv_add(char ***vector, char *item);
bool strv_contains(char *const *vector, const char *item);
char *strv_join(char *const *vector, const char *separator);
void strv_free(char **vector);
DEFINE_FREEP(char **, strv_free)
#define _cleanup_strv_ _cleanup_(strv_freep)

/* Damerau-Levenshtein: insertions, deletions, substitutions, and swaps of neighbours. */
size_t str_distance(const char *a, const char *b);
/* The candidate nearest to text by that distance; where none is close enough (distance <= 1 +
 * length/4) to be a typing mistake, the first that text begins, or that begins it; NULL: none. */
const char *str_nearest(const char *text, const char *const *candidates, size_t count);
