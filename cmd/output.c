/* Terminal detection, text on stdout and stderr, and tables; see output.h. */
#include "cmd/output.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/vec.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool output_is_terminal(int fd)
{
    const char *terminal = getenv("TERM");
    return isatty(fd) && terminal && *terminal && !streq(terminal, "dumb");
}

bool output_has_color(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    return output_is_terminal(fd) && !(no_color && *no_color);
}

struct output_size output_get_size(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
        return (struct output_size){.rows = 24, .columns = 80};
    return (struct output_size){.rows = size.ws_row, .columns = size.ws_col};
}

static void say(const char *label, const char *color, const char *text)
{
    if (output_has_color(STDERR_FILENO))
        fprintf(stderr, "%s%s:%s %s\n", color, label, OUTPUT_RESET, text);
    else
        fprintf(stderr, "%s: %s\n", label, text);
}

void output_error(const char *text)
{
    say("error", "\033[31m", text);
}

void output_warning(const char *text)
{
    say("warning", "\033[33m", text);
}

void output_note(const char *text)
{
    fprintf(stderr, "%s\n", text);
}

int output_fail(int code, struct error *err)
{
    if (code == EPIPE)
        return OUTPUT_CLOSED_STATUS;
    return error_set(err, code, "cannot write output: %s", strerror(code));
}

int output_write(const char *text, size_t length, struct error *err)
{
    int r = fs_write_all(STDOUT_FILENO, text, length);
    return r < 0 ? output_fail(-r, err) : 0;
}

static bool starts_character(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t output_text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += starts_character(*text);
    return width;
}

char *output_truncate(const char *text, size_t width)
{
    if (output_text_width(text) <= width)
        return xstrdup(text);
    if (width == 0)
        return xstrdup("");
    const char *end = text;
    for (size_t column = 0; *end; end++)
        if (starts_character(*end) && ++column == width)
            break;
    return xasprintf("%.*s…", (int)(end - text), text);
}

#define COLUMN_MINIMUM 10
#define COLUMN_GAP 3

struct table {
    size_t columns, minimum, gap;
    VEC(char *) cells; /* row by row, headings first */
};

struct table *table_new_shaped(size_t columns, const char *const *headings, size_t minimum,
                               size_t gap)
{
    struct table *table = new0(struct table);
    table->columns = columns;
    table->minimum = minimum;
    table->gap = gap;
    table_add_row(table, headings);
    return table;
}

struct table *table_new(size_t columns, const char *const *headings)
{
    return table_new_shaped(columns, headings, COLUMN_MINIMUM, COLUMN_GAP);
}

void table_free(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->cells.count; i++)
        free(table->cells.items[i]);
    vec_done(&table->cells);
    free(table);
}

void table_add_row(struct table *table, const char *const *cells)
{
    for (size_t i = 0; i < table->columns; i++)
        vec_add(&table->cells, xstrdup(cells[i]));
}

static size_t column_width(const struct table *table, size_t column)
{
    size_t width = table->minimum;
    for (size_t i = column; i < table->cells.count; i += table->columns) {
        size_t needed = output_text_width(table->cells.items[i]) + table->gap;
        if (needed > width)
            width = needed;
    }
    return width;
}

void table_print(const struct table *table, struct strbuf *out)
{
    assert(table->columns > 0);
    _cleanup_free_ size_t *widths = xcalloc(table->columns, sizeof(size_t));
    for (size_t i = 0; i < table->columns; i++)
        widths[i] = column_width(table, i);
    for (size_t i = 0; i < table->cells.count; i++) {
        const char *cell = table->cells.items[i];
        size_t column = i % table->columns;
        strbuf_add_str(out, cell);
        if (column + 1 == table->columns) {
            strbuf_add_char(out, '\n');
            continue;
        }
        for (size_t width = output_text_width(cell); width < widths[column]; width++)
            strbuf_add_char(out, ' ');
    }
}
