/* See str.h. */
#include "base/str.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

bool str_ends_with(const char *text, const char *suffix)
{
    size_t text_length = strlen(text), suffix_length = strlen(suffix);
    return text_length >= suffix_length && streq(text + text_length - suffix_length, suffix);
}

static int to_unsigned(const char *text, uint64_t limit, uint64_t *ret_value)
{
    if (!*text)
        return -EINVAL;
    uint64_t value = 0;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9')
            return -EINVAL;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return -ERANGE;
    }
    if (value > limit)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

/* Of the sequence that begins here; 0: it is none. RFC 3629, section 4. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    size_t length = at[0] < 0x80                    ? 1
                    : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                    : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
                    : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                    : 0;
    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool is_overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool is_no_character = (at[0] == 0xed && at[1] >= 0xa0) || (at[0] == 0xf4 && at[1] >= 0x90);
    return is_overlong || is_no_character ? 0 : length;
}

bool str_is_utf8(const char *data, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)data;
    for (size_t at = 0, step; at < length; at += step) {
        step = utf8_length(bytes + at, length - at);
        if (step == 0)
            return false;
    }
    return true;
}

char *str_clean(const char *data, size_t length)
{
    struct strbuf text = {0};
    const unsigned char *bytes = (const unsigned char *)data;
    for (size_t at = 0, step; at < length; at += step) {
        size_t valid = utf8_length(bytes + at, length - at);
        step = valid ? valid : 1;
        bool is_control =
            (bytes[at] < 0x20 && bytes[at] != '\n' && bytes[at] != '\t') || bytes[at] == 0x7f;
        if (is_control || !valid)
            strbuf_add_char(&text, valid ? ' ' : '?');
        else
            strbuf_add(&text, bytes + at, step);
    }
    return strbuf_take(&text);
}

char *str_put_u64(char *at, uint64_t value)
{
    char digits[STR_U64_SIZE];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

int str_to_u64(const char *text, uint64_t *ret_value)
{
    return to_unsigned(text, UINT64_MAX, ret_value);
}

int str_to_u32(const char *text, uint32_t *ret_value)
{
    uint64_t value;
    int r = to_unsigned(text, UINT32_MAX, &value);
    if (r == 0)
        *ret_value = (uint32_t)value;
    return r;
}

int str_to_u16(const char *text, uint16_t *ret_value)
{
    uint64_t value;
    int r = to_unsigned(text, UINT16_MAX, &value);
    if (r == 0)
        *ret_value = (uint16_t)value;
    return r;
}

char *strbuf_reserve(struct strbuf *buffer, size_t extra)
{
    size_t needed = buffer->length + extra + 1;
    if (needed > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity * 2 : 64;
        if (capacity < needed)
            capacity = needed;
        buffer->data = xreallocarray(buffer->data, capacity, 1);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

void strbuf_add(struct strbuf *buffer, const void *data, size_t length)
{
    char *end = strbuf_reserve(buffer, length);
    if (length)
        memcpy(end, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

void strbuf_add_str(struct strbuf *buffer, const char *text)
{
    strbuf_add(buffer, text, strlen(text));
}

void strbuf_add_char(struct strbuf *buffer, char character)
{
    strbuf_add(buffer, &character, 1);
}

void strbuf_addf(struct strbuf *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *text = xvasprintf(format, args);
    va_end(args);
    strbuf_add_str(buffer, text);
}

void strbuf_drop_front(struct strbuf *buffer, size_t length)
{
    if (!length)
        return;
    buffer->length -= length;
    memmove(buffer->data, buffer->data + length, buffer->length);
    buffer->data[buffer->length] = '\0';
}

const char *strbuf_text(const struct strbuf *buffer)
{
    return buffer->length ? buffer->data : "";
}

char *strbuf_take(struct strbuf *buffer)
{
    strbuf_add(buffer, "", 0);
    char *text = buffer->data;
    *buffer = (struct strbuf){0};
    return text;
}

void strbuf_clear(struct strbuf *buffer)
{
    buffer->length = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

void strbuf_done(struct strbuf *buffer)
{
    free(buffer->data);
    *buffer = (struct strbuf){0};
}

size_t strv_length(char *const *vector)
{
    size_t length = 0;
    while (vector && vector[length])
        length++;
    return length;
}

char **strv_copy(const char *const *vector)
{
    char **copy = NULL;
    for (size_t i = 0; vector && vector[i]; i++)
        strv_add(&copy, xstrdup(vector[i]));
    return copy;
}

void strv_add(char ***vector, char *item)
{
    size_t length = strv_length(*vector);
    *vector = xreallocarray(*vector, length + 2, sizeof(char *));
    (*vector)[length] = item;
    (*vector)[length + 1] = NULL;
}

bool strv_contains(char *const *vector, const char *item)
{
    for (size_t i = 0; vector && vector[i]; i++)
        if (streq(vector[i], item))
            return true;
    return false;
}

char *strv_join(char *const *vector, const char *separator)
{
    _cleanup_strbuf_ struct strbuf joined = {0};
    for (size_t i = 0; vector && vector[i]; i++) {
        if (i)
            strbuf_add_str(&joined, separator);
        strbuf_add_str(&joined, vector[i]);
    }
    return strbuf_take(&joined);
}

void strv_free(char **vector)
{
    for (size_t i = 0; vector && vector[i]; i++)
        free(vector[i]);
    free(vector);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment over three rows: insertions, deletions, substitutions, and swaps of
 * neighbours cost one each. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t width = b_length + 1;
    _cleanup_free_ size_t *rows = xcalloc(3 * width, sizeof(size_t));
    size_t *before = rows, *previous = rows + width, *current = rows + 2 * width;
    for (size_t j = 0; j < width; j++)
        previous[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        current[0] = i;
        for (size_t j = 1; j < width; j++) {
            size_t best = smaller(previous[j], current[j - 1]) + 1;
            best = smaller(best, previous[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = smaller(best, before[j - 2] + 1);
            current[j] = best;
        }
        size_t *oldest = before;
        before = previous;
        previous = current;
        current = oldest;
    }
    return previous[b_length];
}

size_t str_distance(const char *a, const char *b)
{
    return edit_distance(a, strlen(a), b, strlen(b));
}

/* One is the other's beginning, and enough of it to be recognised. */
static bool is_beginning(const char *a, const char *b)
{
    size_t length = smaller(strlen(a), strlen(b));
    return length >= 3 && strncmp(a, b, length) == 0;
}

const char *str_nearest(const char *text, const char *const *candidates, size_t count)
{
    size_t length = strlen(text);
    if (length > 256)
        return NULL;
    size_t best = 1 + length / 4;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(text, length, candidates[i], strlen(candidates[i]));
        if (distance < best || (distance == best && !nearest)) {
            best = distance;
            nearest = candidates[i];
        }
    }
    for (size_t i = 0; i < count && !nearest; i++)
        if (is_beginning(text, candidates[i]))
            nearest = candidates[i];
    return nearest;
}
