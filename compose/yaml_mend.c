/* See compose/yaml_mend.h. */
#include "compose/yaml_mend.h"

#define SHIFT_LIMIT 1000                     /* each place is asked for all of them */
#define WORK_LIMIT ((size_t)4 * 1024 * 1024) /* a place at a time, a large text would take long */

void yaml_mended_done(struct yaml_mended *mended)
{
    strbuf_done(&mended->text);
    vec_done(&mended->shifts);
}

/* The offset of a mark; the line ends are libyaml's. */
static size_t offset_of(const char *text, size_t length, const yaml_mark_t *mark)
{
    size_t i = 0;
    for (size_t line = 0; line < mark->line && i < length; i++) {
        bool is_wide =
            strncmp(text + i, "\xe2\x80\xa8", 3) == 0 || strncmp(text + i, "\xe2\x80\xa9", 3) == 0;
        bool is_next = strncmp(text + i, "\xc2\x85", 2) == 0;
        line += text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n') || is_wide || is_next;
        i += is_wide ? 2 : is_next;
    }
    for (size_t column = 0; column < mark->column && i < length; column++)
        do
            i++;
        while (i < length && ((unsigned char)text[i] & 0xc0) == 0x80);
    return i;
}

static void add_shift(struct yaml_mended *mended, size_t line, size_t column, int by)
{
    vec_add(&mended->shifts, ((struct yaml_shift){line, column, by}));
}

/* Leaves the backslashes out, from the one at mark to the end of the quotes. */
static void mend_escapes(struct yaml_mended *mended, const yaml_mark_t *mark, const char *text,
                         size_t offset, struct strbuf *out)
{
    size_t line = mark->line, column = mark->column;
    for (; text[offset] && text[offset] != '"'; offset++) {
        if (text[offset] == '\\' && text[offset + 1] == '\'') {
            add_shift(mended, line, column, 1);
            continue;
        }
        bool is_escape = text[offset] == '\\' && text[offset + 1] && text[offset + 1] != '\n';
        strbuf_add(out, text + offset, is_escape ? 2 : 1);
        offset += is_escape;
        column += is_escape + (((unsigned char)text[offset] & 0xc0) != 0x80);
        if (text[offset] == '\n') {
            line++;
            column = 0;
        }
    }
    strbuf_add_str(out, text + offset);
}

/* Puts quotes around the text from its start to the colon at mark. */
static void mend_colon(struct yaml_mended *mended, const yaml_mark_t *start, const char *text,
                       size_t from, size_t to, struct strbuf *out)
{
    size_t column = start->column + 1;
    add_shift(mended, start->line, column, -1);
    strbuf_add_char(out, '\'');
    for (; from <= to; from++) {
        column += ((unsigned char)text[from] & 0xc0) != 0x80;
        strbuf_add_char(out, text[from]);
        if (text[from] != '\'')
            continue;
        strbuf_add_char(out, '\'');
        add_shift(mended, start->line, ++column, -1);
    }
    strbuf_add_char(out, '\'');
    add_shift(mended, start->line, column + 1, -1);
    strbuf_add_str(out, text + from);
}

bool yaml_mend(struct yaml_mended *mended, const yaml_parser_t *parser, const char *text,
               size_t length)
{
    const yaml_mark_t *mark = &parser->problem_mark, *start = &parser->context_mark;
    bool is_escape = parser->problem && strstr(parser->problem, "unknown escape character");
    bool is_colon = parser->problem && strstr(parser->problem, "unexpected ':'");
    if ((!is_escape && !is_colon) || mended->shifts.count > SHIFT_LIMIT ||
        (mended->work += length) > WORK_LIMIT)
        return false;
    size_t offset = offset_of(text, length, mark);
    size_t from = is_colon ? offset_of(text, length, start) : offset;
    if (is_escape ? strncmp(text + offset, "\\'", 2) != 0
                  : text[offset] != ':' || start->line != mark->line || text[offset + 1] == '?')
        return false;
    struct strbuf out = {0};
    strbuf_add(&out, text, from);
    if (is_escape)
        mend_escapes(mended, mark, text, offset, &out);
    else
        mend_colon(mended, start, text, from, offset, &out);
    strbuf_done(&mended->text);
    mended->text = out;
    return true;
}

size_t yaml_mended_column(const struct yaml_mended *mended, const yaml_mark_t *mark)
{
    size_t column = mark->column;
    for (size_t i = 0; i < mended->shifts.count; i++) {
        const struct yaml_shift *shift = &mended->shifts.items[i];
        if (shift->line == mark->line && shift->column <= mark->column)
            column += (size_t)shift->by; /* by -1 as well: it wraps around */
    }
    return column;
}
