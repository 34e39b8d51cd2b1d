/* The texts of files by places. See compose/diagnostics.h. */
#include "compose/diagnostics_list.h"

#include <string.h>

bool diagnostics_is_inside(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

size_t diagnostics_character(const char *text, size_t length)
{
    size_t i = 1;
    while (i < length && diagnostics_is_inside(text[i]))
        i++;
    return i;
}

/* Behind the end of the line that text stands in; NULL: it is the last. */
static const char *next_line(const char *text, const char *end)
{
    const char *found = memchr(text, '\n', (size_t)(end - text));
    return found ? found + 1 : NULL;
}

static void find_lines(struct source *source)
{
    const char *line = source->text, *end = line + source->length;
    for (size_t i = 0; line; i++, line = next_line(line, end))
        if (i % SOURCE_LINE_STEP == 0)
            vec_add(&source->lines, (size_t)(line - source->text));
}

const char *diagnostics_line(struct source *source, size_t line, size_t *ret_length)
{
    if (source->lines.count == 0)
        find_lines(source);
    size_t step = line > 0 ? (line - 1) / SOURCE_LINE_STEP : source->lines.count;
    if (step >= source->lines.count)
        return NULL;
    const char *start = source->text + source->lines.items[step];
    const char *end = source->text + source->length;
    for (size_t i = step * SOURCE_LINE_STEP + 1; i < line && start; i++)
        start = next_line(start, end);
    if (!start)
        return NULL;
    const char *next = next_line(start, end);
    end = next ? next - 1 : end;
    if (end > start && end[-1] == '\r')
        end--;
    *ret_length = (size_t)(end - start);
    return start;
}

size_t diagnostics_column(struct source *source, struct position position, const char *line,
                          size_t length)
{
    bool goes_on = source->last_line == position.line && source->last_column <= position.column;
    size_t column = goes_on ? source->last_column : 1;
    size_t offset = goes_on ? source->last_offset : 0;
    for (; column < position.column && offset < length; column++)
        offset += diagnostics_character(line + offset, length - offset);
    source->last_line = position.line;
    source->last_column = column;
    source->last_offset = offset;
    return offset;
}

const char *diagnostics_text(const struct diagnostics *diagnostics, struct position position,
                             size_t *ret_length)
{
    struct source *source = diagnostics_source(diagnostics, position);
    size_t length = 0;
    const char *line = source ? diagnostics_line(source, position.line, &length) : NULL;
    if (!line || position.column == 0)
        return NULL;
    const char *text = line + diagnostics_column(source, position, line, length);
    *ret_length = (size_t)(source->text + source->length - text);
    return text;
}
