/* How problems look: as text for people, as JSON for programs. See compose/diagnostics.h. */
#include "compose/diagnostics_list.h"

#include "base/alloc.h"

#include <stdlib.h>

#define MARGIN 12       /* columns before a line of source: its number */
#define SHOWN_WIDTH 160 /* columns of it where there is no terminal */
#define SHOWN_LEAST 20
#define TAB_WIDTH 8
#define CUT "..."

/* --- order ------------------------------------------------------------------------------------ */

/* What has no file comes last. */
static size_t source_rank(struct position position)
{
    return position.file ? position.file : DIAGNOSTICS_FILE_LIMIT + 1;
}

static int compare_sizes(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_places(const struct diagnostic *a, const struct diagnostic *b)
{
    int result = compare_sizes(source_rank(a->position), source_rank(b->position));
    if (result == 0)
        result = compare_sizes(a->position.line, b->position.line);
    return result ? result : compare_sizes(a->position.column, b->position.column);
}

static int compare_entries(const void *left, const void *right)
{
    const struct diagnostic *a = left, *b = right;
    int result = compare_places(a, b);
    return result ? result : compare_sizes(a->order, b->order);
}

/* In the order to print, none twice; freed by the caller. */
static struct diagnostic *sorted_entries(const struct diagnostics *diagnostics, size_t *ret_count)
{
    size_t count = diagnostics->entries.count, kept = 0;
    struct diagnostic *sorted = xcalloc(count + 1, sizeof(*sorted));
    if (count > 0)
        memcpy(sorted, diagnostics->entries.items, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), compare_entries);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || compare_places(&sorted[i], &sorted[kept - 1]) != 0 ||
            !streq(sorted[i].message, sorted[kept - 1].message))
            sorted[kept++] = sorted[i];
    *ret_count = kept;
    return sorted;
}

/* What is only counted. */
static size_t count_more(const struct diagnostics *diagnostics, enum severity severity)
{
    return diagnostics->counts[severity] - diagnostics->kept[severity];
}

/* --- characters ------------------------------------------------------------------------------- */

/* 0 for what is no UTF-8. */
static uint32_t decode(const char *text, size_t length)
{
    uint32_t code = (unsigned char)text[0];
    if (!str_is_utf8(text, length))
        return 0;
    if (length > 1)
        code &= 0x7fU >> length;
    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3fU);
    return code;
}

struct range {
    uint32_t first, last;
};

static bool is_within(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

/* What moves the cursor, hides, or turns the line around. */
static bool is_control(uint32_t code)
{
    static const struct range ranges[] = {{0, 0x08},        {0x0a, 0x1f},     {0x7f, 0x9f},
                                          {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2069},
                                          {0xfeff, 0xfeff}};
    return is_within(code, ranges, ARRAY_SIZE(ranges));
}

/* Unicode's wide and full-width characters (UAX 11), by blocks. */
static bool is_wide(uint32_t code)
{
    static const struct range ranges[] = {
        {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
        {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
        {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    return code >= 0x1100 && is_within(code, ranges, ARRAY_SIZE(ranges));
}

static bool is_combining(uint32_t code)
{
    static const struct range ranges[] = {{0x0300, 0x036f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};
    return code >= 0x0300 && is_within(code, ranges, ARRAY_SIZE(ranges));
}

static size_t character_width(const char *text, size_t length)
{
    uint32_t code = decode(text, length);
    if (code == '\t')
        return TAB_WIDTH;
    return is_control(code) ? 1 : is_wide(code) ? 2 : is_combining(code) ? 0 : 1;
}

static void add_visible(struct strbuf *out, const char *text, size_t length)
{
    for (size_t i = 0, step; i < length; i += step) {
        step = diagnostics_character(text + i, length - i);
        if (is_control(decode(text + i, step)))
            strbuf_add_char(out, '?');
        else
            strbuf_add(out, text + i, step);
    }
}

/* Blanks of the same width. */
static void add_blanks(struct strbuf *out, const char *text, size_t length)
{
    for (size_t i = 0, step; i < length; i += step) {
        step = diagnostics_character(text + i, length - i);
        if (text[i] == '\t')
            strbuf_add_char(out, '\t');
        for (size_t j = text[i] == '\t' ? 0 : character_width(text + i, step); j > 0; j--)
            strbuf_add_char(out, ' ');
    }
}

/* --- a line of source ------------------------------------------------------------------------- */

/* Where to begin for no more than `width` columns to stand before the offset. */
static size_t go_back(const char *text, size_t offset, size_t width)
{
    while (offset > 0) {
        size_t start = offset - 1;
        while (start > 0 && diagnostics_is_inside(text[start]))
            start--;
        size_t step = character_width(text + start, offset - start);
        if (step > width)
            break;
        width -= step;
        offset = start;
    }
    return offset;
}

/* The end of what fits into `width` columns. */
static size_t go_on(const char *text, size_t offset, size_t length, size_t width)
{
    while (offset < length) {
        size_t step = diagnostics_character(text + offset, length - offset);
        size_t columns = character_width(text + offset, step);
        if (columns > width)
            break;
        width -= columns;
        offset += step;
    }
    return offset;
}

static void print_source(const struct diagnostics *diagnostics, struct position position,
                         const struct diagnostics_look *look, struct strbuf *out)
{
    struct source *source = diagnostics_source(diagnostics, position);
    size_t length = 0, width = SHOWN_WIDTH;
    const char *text = source ? diagnostics_line(source, position.line, &length) : NULL;
    if (!text)
        return;
    if (look->width > 0)
        width = look->width > MARGIN + SHOWN_LEAST ? look->width - MARGIN : SHOWN_LEAST;
    size_t caret = diagnostics_column(source, position, text, length);
    size_t start = go_back(text, caret, width / 2);
    if (go_on(text, 0, length, width) == length)
        start = 0;
    size_t room = width - (start > 0 ? strlen(CUT) : 0);
    size_t end = go_on(text, start, length, room);
    if (end < length)
        end = go_on(text, start, length, room - strlen(CUT));
    strbuf_addf(out, "%9u | %s", (unsigned)position.line, start > 0 ? CUT : "");
    add_visible(out, text + start, end - start);
    strbuf_addf(out, "%s\n          | %s", end < length ? CUT : "", start > 0 ? "   " : "");
    add_blanks(out, text + start, caret - start);
    strbuf_add_str(out, look->color ? "\033[1;32m^\033[0m\n" : "^\n");
}

/* --- the whole -------------------------------------------------------------------------------- */

static const char *label(enum severity severity)
{
    return severity == SEVERITY_ERROR ? "error" : "warning";
}

static void print_head(const struct diagnostics *diagnostics, const struct diagnostic *entry,
                       bool color, struct strbuf *out)
{
    const struct position *position = &entry->position;
    const char *file = diagnostics_file_name(diagnostics, *position);
    if (file) {
        strbuf_add_str(out, color ? "\033[1m" : "");
        add_visible(out, file, strlen(file));
        strbuf_add_char(out, ':');
        if (position->line > 0)
            strbuf_addf(out, "%u:%u:", position->line, position->column);
        strbuf_addf(out, "%s ", color ? "\033[0m" : "");
    }
    if (color)
        strbuf_add_str(out, entry->severity == SEVERITY_ERROR ? "\033[1;31m" : "\033[1;33m");
    strbuf_addf(out, "%s:%s ", label(entry->severity), color ? "\033[0m" : "");
    add_visible(out, entry->message, strlen(entry->message));
    strbuf_add_char(out, '\n');
}

void diagnostics_print(const struct diagnostics *diagnostics, const struct diagnostics_look *look,
                       struct strbuf *out)
{
    static const struct diagnostics_look plain = {0};
    size_t count = 0;
    _cleanup_free_ struct diagnostic *sorted = sorted_entries(diagnostics, &count);
    look = look ? look : &plain;
    for (size_t i = 0; i < count; i++) {
        print_head(diagnostics, &sorted[i], look->color, out);
        if (sorted[i].position.line > 0)
            print_source(diagnostics, sorted[i].position, look, out);
        if (!sorted[i].hint)
            continue;
        strbuf_add_str(out, "hint: ");
        add_visible(out, sorted[i].hint, strlen(sorted[i].hint));
        strbuf_add_char(out, '\n');
    }
    for (enum severity severity = SEVERITY_ERROR; severity <= SEVERITY_WARNING; severity++)
        if (count_more(diagnostics, severity) > 0)
            strbuf_addf(out, "(%zu more %s%s)\n", count_more(diagnostics, severity),
                        label(severity), count_more(diagnostics, severity) > 1 ? "s" : "");
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void add_json_text(struct strbuf *out, const char *key, const char *text)
{
    _cleanup_free_ char *clean = str_clean(text, strlen(text));
    strbuf_addf(out, ",\"%s\":\"", key);
    for (const char *c = str_is_utf8(text, strlen(text)) ? text : clean; *c; c++)
        if (*c == '"' || *c == '\\')
            strbuf_addf(out, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            strbuf_addf(out, "\\u%04x", (unsigned)(unsigned char)*c);
        else
            strbuf_add_char(out, *c);
    strbuf_add_char(out, '"');
}

static void add_json_head(enum severity severity, struct strbuf *out)
{
    strbuf_addf(out, "{\"severity\":\"%s\"", label(severity));
}

static void print_json_entry(const struct diagnostics *diagnostics, const struct diagnostic *entry,
                             struct strbuf *out)
{
    const char *file = diagnostics_file_name(diagnostics, entry->position);
    add_json_head(entry->severity, out);
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

void diagnostics_print_json(const struct diagnostics *diagnostics, struct strbuf *out)
{
    size_t count = 0;
    _cleanup_free_ struct diagnostic *sorted = sorted_entries(diagnostics, &count);
    for (size_t i = 0; i < count; i++)
        print_json_entry(diagnostics, &sorted[i], out);
    for (enum severity severity = SEVERITY_ERROR; severity <= SEVERITY_WARNING; severity++)
        if (count_more(diagnostics, severity) > 0) {
            add_json_head(severity, out);
            strbuf_addf(out, ",\"message\":\"%zu more %s%s\"}\n", count_more(diagnostics, severity),
                        label(severity), count_more(diagnostics, severity) > 1 ? "s" : "");
        }
}

void diagnostics_print_json_error(const char *message, struct strbuf *out)
{
    add_json_head(SEVERITY_ERROR, out);
    add_json_text(out, "message", message);
    strbuf_add_str(out, "}\n");
}
