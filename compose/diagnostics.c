/* See compose/diagnostics.h. Filled by every stage of compose/, printed once at the end. */
#include "compose/diagnostics.h"

#include "base/alloc.h"
#include "base/vec.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN_WIDTH 160  /* characters of a line that are shown at most */
#define SHOWN_BEFORE 100 /* of these, how many stand before the caret in a longer line */
#define COUNT_LIMIT 1000 /* what a hostile file can make us say */

/* SEVERITY_COUNT: nothing. */
static const enum severity meanings[PURPOSE_COUNT][SEVERITY_COUNT] = {
    [PURPOSE_FIND] = {SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_COUNT, SEVERITY_COUNT,
                      SEVERITY_COUNT},
    [PURPOSE_SHOW] = {SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_WARNING, SEVERITY_COUNT,
                      SEVERITY_WARNING},
    [PURPOSE_RUN] = {SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_ERROR, SEVERITY_WARNING,
                     SEVERITY_WARNING},
};

struct source {
    char *name;
    char *text;
    size_t length;
    VEC(size_t) lines; /* offsets of line starts, found when the first line is asked for */
};

struct diagnostic {
    enum severity severity;
    struct position position;
    char *message;
    char *hint;
    size_t order;
    bool is_held;
};

struct diagnostics {
    VEC(struct source *) sources;
    VEC(struct diagnostic) entries;
    size_t counts[2];
    enum purpose purpose;
    bool is_holding;
    size_t held; /* entries that are held back */
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
    /* not a string: a binary file holds NULs */
    return diagnostics_take_file(diagnostics, name, xmemdup(text, length), length);
}

static struct source *source_of(const struct diagnostics *diagnostics, struct position position)
{
    return position.file ? diagnostics->sources.items[position.file - 1] : NULL;
}

const char *diagnostics_file_name(const struct diagnostics *diagnostics, struct position position)
{
    const struct source *source = source_of(diagnostics, position);
    return source ? source->name : NULL;
}

/* An anchor's value is looked at wherever an alias repeats it. */
static bool is_repeated(const struct diagnostics *diagnostics, const struct diagnostic *entry)
{
    for (size_t i = diagnostics->entries.count; i-- > 0;) {
        const struct diagnostic *other = &diagnostics->entries.items[i];
        if (other->position.file == entry->position.file &&
            other->position.line == entry->position.line &&
            other->position.column == entry->position.column &&
            streq(other->message, entry->message))
            return true;
    }
    return false;
}

void diagnostics_add(struct diagnostics *diagnostics, enum severity severity,
                     struct position position, const char *hint, const char *format, ...)
{
    bool is_held = diagnostics->is_holding && severity >= SEVERITY_ENGINE;
    severity = meanings[diagnostics->purpose][severity];
    if (severity == SEVERITY_COUNT)
        return;
    diagnostics->counts[severity]++;
    if (diagnostics_is_full(diagnostics))
        return;
    va_list args;
    va_start(args, format);
    struct diagnostic entry = {.severity = severity,
                               .position = position,
                               .message = xvasprintf(format, args),
                               .hint = xstrdup(hint),
                               .order = diagnostics->entries.count,
                               .is_held = is_held};
    va_end(args);
    if (!is_repeated(diagnostics, &entry)) {
        vec_add(&diagnostics->entries, entry);
        diagnostics->held += is_held;
        return;
    }
    diagnostics->counts[severity]--;
    free(entry.message);
    free(entry.hint);
}

bool diagnostics_is_full(const struct diagnostics *diagnostics)
{
    return diagnostics->entries.count >= COUNT_LIMIT;
}

size_t diagnostics_count(const struct diagnostics *diagnostics, enum severity severity)
{
    return diagnostics->counts[severity];
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

/* --- printing ------------------------------------------------------------------------------- */

/* What has no file comes last. */
static size_t source_rank(struct position position)
{
    return position.file ? position.file : DIAGNOSTICS_FILE_LIMIT + 1;
}

static int compare_sizes(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_entries(const void *left, const void *right)
{
    const struct diagnostic *a = left, *b = right;
    int result = compare_sizes(source_rank(a->position), source_rank(b->position));
    if (result == 0)
        result = compare_sizes(a->position.line, b->position.line);
    if (result == 0)
        result = compare_sizes(a->position.column, b->position.column);
    return result ? result : compare_sizes(a->order, b->order);
}

static void find_lines(struct source *source)
{
    vec_add(&source->lines, 0);
    for (size_t i = 0; i < source->length; i++)
        if (source->text[i] == '\n')
            vec_add(&source->lines, i + 1);
}

/* The line without its end, or NULL where the file has no such line. */
static const char *source_line(struct source *source, unsigned line, size_t *ret_length)
{
    if (source->lines.count == 0)
        find_lines(source);
    if (line == 0 || line > source->lines.count)
        return NULL;
    size_t start = source->lines.items[line - 1];
    size_t end = line < source->lines.count ? source->lines.items[line] - 1 : source->length;
    if (end > start && source->text[end - 1] == '\r')
        end--;
    *ret_length = end - start;
    return source->text + start;
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Bytes of the first `characters` characters. */
static size_t character_offset(const char *text, size_t length, size_t characters)
{
    size_t i = 0;
    while (i < length && characters > 0) {
        i++;
        while (i < length && is_continuation(text[i]))
            i++;
        characters--;
    }
    return i;
}

const char *diagnostics_text(const struct diagnostics *diagnostics, struct position position,
                             size_t *ret_length)
{
    struct source *source = source_of(diagnostics, position);
    size_t length = 0;
    const char *line = source ? source_line(source, position.line, &length) : NULL;
    if (!line || position.column == 0)
        return NULL;
    const char *text = line + character_offset(line, length, position.column - 1);
    *ret_length = (size_t)(source->text + source->length - text);
    return text;
}

/* Control characters (but tabs) would move the terminal's cursor. */
static void add_visible(struct strbuf *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        strbuf_add_char(out, (c < 0x20 && c != '\t') || c == 0x7f ? '?' : text[i]);
    }
}

static void add_caret_blanks(struct strbuf *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_continuation(text[i]))
            strbuf_add_char(out, text[i] == '\t' ? '\t' : ' ');
}

static void print_source(const struct diagnostics *diagnostics, struct position position,
                         bool color, struct strbuf *out)
{
    struct source *source = source_of(diagnostics, position);
    size_t length = 0;
    const char *text = source ? source_line(source, position.line, &length) : NULL;
    if (!text)
        return;
    size_t column = position.column > 0 ? position.column - 1 : 0;
    size_t first = column > SHOWN_BEFORE ? column - SHOWN_BEFORE : 0;
    size_t skipped = character_offset(text, length, first);
    text += skipped;
    length -= skipped;
    size_t shown = character_offset(text, length, SHOWN_WIDTH);
    strbuf_addf(out, "%9u | ", position.line);
    add_visible(out, text, shown);
    strbuf_add_str(out, "\n          | ");
    add_caret_blanks(out, text, character_offset(text, shown, column - first));
    strbuf_add_str(out, color ? "\033[1;32m^\033[0m\n" : "^\n");
}

static void print_head(const struct diagnostics *diagnostics, const struct diagnostic *entry,
                       bool color, struct strbuf *out)
{
    const struct position *position = &entry->position;
    bool is_error = entry->severity == SEVERITY_ERROR;
    const char *file = diagnostics_file_name(diagnostics, *position);
    if (file) {
        strbuf_addf(out, "%s%s:", color ? "\033[1m" : "", file);
        if (position->line > 0)
            strbuf_addf(out, "%u:%u:", position->line, position->column);
        strbuf_addf(out, "%s ", color ? "\033[0m" : "");
    }
    if (color)
        strbuf_add_str(out, is_error ? "\033[1;31m" : "\033[1;33m");
    strbuf_addf(out, "%s:%s ", is_error ? "error" : "warning", color ? "\033[0m" : "");
    add_visible(out, entry->message, strlen(entry->message));
    strbuf_add_char(out, '\n');
}

/* In the order to print; freed by the caller. */
static struct diagnostic *sorted_entries(const struct diagnostics *diagnostics)
{
    size_t count = diagnostics->entries.count;
    struct diagnostic *sorted = xcalloc(count + 1, sizeof(*sorted));
    if (count > 0)
        memcpy(sorted, diagnostics->entries.items, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare_entries);
    return sorted;
}

static void add_json_text(struct strbuf *out, const char *key, const char *text)
{
    strbuf_addf(out, ",\"%s\":\"", key);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            strbuf_addf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            strbuf_addf(out, "\\u%04x", (unsigned)(unsigned char)*text);
        else
            strbuf_add_char(out, *text);
    strbuf_add_char(out, '"');
}

void diagnostics_print_json(const struct diagnostics *diagnostics, struct strbuf *out)
{
    _cleanup_free_ struct diagnostic *sorted = sorted_entries(diagnostics);
    for (size_t i = 0; i < diagnostics->entries.count; i++) {
        const struct diagnostic *entry = &sorted[i];
        strbuf_addf(out, "{\"severity\":\"%s\"",
                    entry->severity == SEVERITY_ERROR ? "error" : "warning");
        const char *file = diagnostics_file_name(diagnostics, entry->position);
        if (file)
            add_json_text(out, "file", file);
        if (entry->position.line > 0)
            strbuf_addf(out, ",\"line\":%u,\"column\":%u", entry->position.line,
                        entry->position.column);
        add_json_text(out, "message", entry->message);
        if (entry->hint)
            add_json_text(out, "hint", entry->hint);
        strbuf_add_str(out, "}\n");
    }
}

void diagnostics_print(const struct diagnostics *diagnostics, bool color, struct strbuf *out)
{
    size_t count = diagnostics->entries.count;
    struct diagnostic *sorted = sorted_entries(diagnostics);
    for (size_t i = 0; i < count; i++) {
        print_head(diagnostics, &sorted[i], color, out);
        if (sorted[i].position.line > 0)
            print_source(diagnostics, sorted[i].position, color, out);
        if (sorted[i].hint)
            strbuf_addf(out, "hint: %s\n", sorted[i].hint);
    }
    free(sorted);
    size_t total = diagnostics->counts[SEVERITY_ERROR] + diagnostics->counts[SEVERITY_WARNING];
    if (total > count)
        strbuf_addf(out, "(%zu more)\n", total - count);
}
