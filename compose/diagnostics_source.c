/* The texts of files by places. See compose/diagnostics.h. */
#include "compose/diagnostics_list.h"

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

static void find_lines(struct source *source)
{
    vec_add(&source->lines, 0);
    for (size_t i = 0; i < source->length; i++)
        if (source->text[i] == '\n')
            vec_add(&source->lines, i + 1);
}

const char *diagnostics_line(struct source *source, size_t line, size_t *ret_length)
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
