/* See compose/diagnostics.h. Filled by every stage of compose/, printed once at the end. */
#include "compose/diagnostics_list.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

/* What a hostile file can make us say: of each severity, and in all. */
#define COUNT_LIMIT 1000
#define FORMATTED_LIMIT ((size_t)512 * 1024)
/* A longer message, of a long value, loses its middle. */
#define MESSAGE_SIZE 800
#define MESSAGE_TAIL 200

/* SEVERITY_COUNT: nothing. */
static const enum severity meanings[PURPOSE_COUNT][SEVERITY_COUNT] = {
    [PURPOSE_FIND] = {SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_COUNT, SEVERITY_COUNT,
                      SEVERITY_COUNT},
    [PURPOSE_SHOW] = {SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_WARNING, SEVERITY_COUNT,
                      SEVERITY_WARNING},
    [PURPOSE_RUN] = {SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_ERROR, SEVERITY_WARNING,
                     SEVERITY_WARNING},
};

struct diagnostics *diagnostics_new(void)
{
    return new0(struct diagnostics);
}

void diagnostics_set_purpose(struct diagnostics *diagnostics, enum purpose purpose)
{
    diagnostics->purpose = purpose;
}

void diagnostics_free(struct diagnostics *diagnostics)
{
    if (!diagnostics)
        return;
    for (size_t i = 0; i < diagnostics->sources.count; i++) {
        struct source *source = diagnostics->sources.items[i];
        free(source->name);
        free(source->text);
        vec_done(&source->lines);
        free(source);
    }
    vec_done(&diagnostics->sources);
    for (size_t i = 0; i < diagnostics->entries.count; i++) {
        free(diagnostics->entries.items[i].message);
        free(diagnostics->entries.items[i].hint);
    }
    vec_done(&diagnostics->entries);
    free(diagnostics);
}

unsigned diagnostics_take_file(struct diagnostics *diagnostics, const char *name, char *text,
                               size_t length)
{
    struct source *source = new0(struct source);
    source->name = xstrdup(name);
    source->text = text;
    source->length = length;
    vec_add(&diagnostics->sources, source);
    size_t count = diagnostics->sources.count;
    return count <= DIAGNOSTICS_FILE_LIMIT ? (unsigned)count : 0;
}

unsigned diagnostics_add_file(struct diagnostics *diagnostics, const char *name, const char *text,
                              size_t length)
{
    for (size_t i = 0; i < diagnostics->sources.count && i < DIAGNOSTICS_FILE_LIMIT; i++) {
        const struct source *source = diagnostics->sources.items[i];
        if (source->length == length && streq(source->name, name) &&
            memcmp(source->text, text, length) == 0)
            return (unsigned)i + 1;
    }
    /* not a string: a binary file holds NULs */
    return diagnostics_take_file(diagnostics, name, xmemdup(text, length), length);
}

struct source *diagnostics_source(const struct diagnostics *diagnostics, struct position position)
{
    return position.file ? diagnostics->sources.items[position.file - 1] : NULL;
}

const char *diagnostics_file_name(const struct diagnostics *diagnostics, struct position position)
{
    const struct source *source = diagnostics_source(diagnostics, position);
    return source ? source->name : NULL;
}

static bool is_same_place(struct position a, struct position b)
{
    return a.file == b.file && a.line == b.line && a.column == b.column;
}

/* An anchor's value is looked at wherever an alias repeats it, a service wherever another extends
 * it: what is wrong with it is wrong once. */
static bool is_repeated(const struct diagnostics *diagnostics, const struct diagnostic *entry,
                        bool anywhere)
{
    for (size_t i = diagnostics->entries.count; i-- > 0;) {
        const struct diagnostic *other = &diagnostics->entries.items[i];
        bool is_here = is_same_place(other->position, entry->position);
        bool is_kind = entry->position.line > 0 && entry->kind && other->kind == entry->kind;
        if ((anywhere || is_here) && streq(other->message, entry->message))
            return true;
        if (is_here && is_kind)
            return true;
    }
    return false;
}

/* Keeps the beginning and the end of a text, whole characters. */
static void cut_middle(char *text, size_t length)
{
    size_t head = MESSAGE_SIZE - MESSAGE_TAIL - 5, tail = length - MESSAGE_TAIL;
    while (head > 0 && diagnostics_is_inside(text[head]))
        head--;
    while (diagnostics_is_inside(text[tail]))
        tail++;
    memset(text + head, '.', 5);
    text[head] = text[head + 4] = ' ';
    memmove(text + head + 5, text + tail, length - tail + 1);
}

__attribute__((format(printf, 2, 0))) static char *format_message(struct diagnostics *diagnostics,
                                                                  const char *format, va_list args)
{
    _cleanup_free_ char *message = xvasprintf(format, args);
    size_t length = strlen(message);
    diagnostics->formatted += length;
    if (length < MESSAGE_SIZE)
        return TAKE_PTR(message);
    cut_middle(message, length);
    return xstrdup(message);
}

static bool is_full(const struct diagnostics *diagnostics, enum severity severity)
{
    return diagnostics->kept[severity] >= COUNT_LIMIT || diagnostics->formatted >= FORMATTED_LIMIT;
}

__attribute__((format(printf, 5, 0))) static void add(struct diagnostics *diagnostics,
                                                      struct diagnostic entry, const char *hint,
                                                      bool once, const char *format, va_list args)
{
    entry.is_held = diagnostics->is_holding && entry.severity >= SEVERITY_ENGINE;
    entry.severity = meanings[diagnostics->purpose][entry.severity];
    if (entry.severity == SEVERITY_COUNT)
        return;
    diagnostics->counts[entry.severity]++;
    if (is_full(diagnostics, entry.severity))
        return;
    entry.message = format_message(diagnostics, format, args);
    entry.order = diagnostics->entries.count;
    if (!is_repeated(diagnostics, &entry, once)) {
        entry.hint = xstrdup(hint);
        vec_add(&diagnostics->entries, entry);
        diagnostics->kept[entry.severity]++;
        diagnostics->held += entry.is_held;
        return;
    }
    diagnostics->counts[entry.severity]--;
    free(entry.message);
}

void diagnostics_add(struct diagnostics *diagnostics, enum severity severity,
                     struct position position, const char *hint, const char *format, ...)
{
    bool is_bare = str_after_prefix(format, "%s"); /* says anything */
    struct diagnostic entry = {
        .severity = severity, .position = position, .kind = is_bare ? NULL : format};
    va_list args;
    va_start(args, format);
    add(diagnostics, entry, hint, false, format, args);
    va_end(args);
}

void diagnostics_add_kind(struct diagnostics *diagnostics, enum severity severity,
                          struct position position, const char *hint, const char *kind,
                          const char *format, ...)
{
    struct diagnostic entry = {.severity = severity, .position = position, .kind = kind};
    va_list args;
    va_start(args, format);
    add(diagnostics, entry, hint, false, format, args);
    va_end(args);
}

void diagnostics_add_once(struct diagnostics *diagnostics, enum severity severity,
                          struct position position, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(diagnostics, (struct diagnostic){.severity = severity, .position = position}, NULL, true,
        format, args);
    va_end(args);
}

bool diagnostics_is_full(const struct diagnostics *diagnostics)
{
    return is_full(diagnostics, SEVERITY_ERROR);
}

size_t diagnostics_count(const struct diagnostics *diagnostics, enum severity severity)
{
    return diagnostics->counts[severity];
}

/* --- hints ---------------------------------------------------------------------------------- */

char *diagnostics_other_place(const struct diagnostics *diagnostics, struct position here,
                              struct position other)
{
    if (other.line == 0)
        return NULL;
    if (other.file == here.file)
        return xasprintf("the other one is in line %u", (unsigned)other.line);
    return xasprintf("the other one is in %s, line %u", diagnostics_file_name(diagnostics, other),
                     (unsigned)other.line);
}

char *diagnostics_keep_one(const struct diagnostics *diagnostics, struct position here,
                           struct position other)
{
    bool is_seen = other.file == here.file && other.line == here.line;
    _cleanup_free_ char *place = is_seen ? NULL : diagnostics_other_place(diagnostics, here, other);
    return xasprintf("keep one of them%s%s", place ? "; " : "", place ? place : "");
}

/* --- held back ------------------------------------------------------------------------------ */

void diagnostics_hold(struct diagnostics *diagnostics)
{
    diagnostics->is_holding = true;
}

bool diagnostics_has_held(const struct diagnostics *diagnostics)
{
    return diagnostics->held > 0;
}

static int compare_positions(const void *left, const void *right)
{
    const struct position *a = left, *b = right;
    if (a->file != b->file) /* any order does */
        return (uintptr_t)a->file < (uintptr_t)b->file ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->column < b->column ? -1 : a->column > b->column;
}

void diagnostics_release(struct diagnostics *diagnostics, struct position *places, size_t count)
{
    size_t kept = 0;
    if (count > 0)
        qsort(places, count, sizeof(*places), compare_positions);
    for (size_t i = 0; i < diagnostics->entries.count; i++) {
        struct diagnostic entry = diagnostics->entries.items[i];
        if (entry.is_held && (count == 0 || !bsearch(&entry.position, places, count,
                                                     sizeof(*places), compare_positions))) {
            diagnostics->counts[entry.severity]--;
            diagnostics->kept[entry.severity]--;
            free(entry.message);
            free(entry.hint);
            continue;
        }
        entry.is_held = false;
        diagnostics->entries.items[kept++] = entry;
    }
    diagnostics->entries.count = kept;
    diagnostics->is_holding = false;
    diagnostics->held = 0;
}
