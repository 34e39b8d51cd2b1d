/* See compose/yaml_mend.h. */
#include "compose/yaml_mend.h"

#define SHIFT_LIMIT 1000                     /* each place is asked for all of them */
#define WORK_LIMIT ((size_t)4 * 1024 * 1024) /* a place at a time, a large text would take long */

void yaml_mended_done(struct yaml_mended *mended)
{
    strbuf_done(&mended->text);
    vec_done(&mended->shifts);
}

struct original {
    const char *text;
    size_t length;
};

static bool stands(const struct original *original, size_t offset, const char *text)
{
    size_t length = strlen(text);
    return length <= original->length - offset &&
           memcmp(original->text + offset, text, length) == 0;
}

/* Bytes of the line end at an offset, as libyaml sees it; 0: there is none. */
static size_t break_length(const struct original *original, size_t offset)
{
    static const char *const breaks[] = {"\r\n",     "\n",           "\r",
                                         "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    for (size_t i = 0; i < ARRAY_SIZE(breaks); i++)
        if (stands(original, offset, breaks[i]))
            return strlen(breaks[i]);
    return 0;
}

static size_t next_character(const struct original *original, size_t offset)
{
    do
        offset++;
    while (offset < original->length && ((unsigned char)original->text[offset] & 0xc0) == 0x80);
    return offset;
}

static size_t offset_of(const struct original *original, const yaml_mark_t *mark)
{
    size_t i = 0;
    for (size_t line = 0; line < mark->line && i < original->length;) {
        size_t length = break_length(original, i);
        line += length > 0;
        i += length > 0 ? length : 1;
    }
    for (size_t column = 0; column < mark->column && i < original->length; column++)
        i = next_character(original, i);
    return i;
}

static void add_shift(struct yaml_mended *mended, size_t line, size_t column, int by)
{
    vec_add(&mended->shifts, ((struct yaml_shift){line, column, by}));
}

/* Leaves the backslashes out, from the one at mark to the end of the quotes. */
static void mend_escapes(struct yaml_mended *mended, const yaml_mark_t *mark,
                         const struct original *original, size_t offset, struct strbuf *out)
{
    size_t line = mark->line, column = mark->column;
    while (offset < original->length && original->text[offset] != '"') {
        size_t length = break_length(original, offset), end = offset + length;
        if (stands(original, offset, "\\'")) {
            add_shift(mended, line, column, 1);
            offset++;
            continue;
        }
        if (length > 0) {
            line++;
            column = 0;
        } else {
            bool is_escape = original->text[offset] == '\\' && offset + 1 < original->length &&
                             break_length(original, offset + 1) == 0;
            end = next_character(original, offset + is_escape);
            column += is_escape ? 2 : 1;
        }
        strbuf_add(out, original->text + offset, end - offset);
        offset = end;
    }
    strbuf_add(out, original->text + offset, original->length - offset);
}

/* Puts quotes around the text from its start to the colon at its end. */
static void mend_colon(struct yaml_mended *mended, const yaml_mark_t *start,
                       const struct original *original, size_t from, size_t to, struct strbuf *out)
{
    size_t column = start->column + 1;
    add_shift(mended, start->line, column, -1);
    strbuf_add_char(out, '\'');
    for (size_t next; from <= to; from = next) {
        next = next_character(original, from);
        column++;
        strbuf_add(out, original->text + from, next - from);
        if (original->text[from] != '\'')
            continue;
        strbuf_add_char(out, '\'');
        add_shift(mended, start->line, ++column, -1);
    }
    strbuf_add_char(out, '\'');
    add_shift(mended, start->line, column + 1, -1);
    strbuf_add(out, original->text + from, original->length - from);
}

bool yaml_mend(struct yaml_mended *mended, const yaml_parser_t *parser, const char *text,
               size_t length)
{
    const struct original original = {text, length};
    const yaml_mark_t *mark = &parser->problem_mark, *start = &parser->context_mark;
    bool is_escape = parser->problem && strstr(parser->problem, "unknown escape character");
    bool is_colon = parser->problem && strstr(parser->problem, "unexpected ':'");
    if ((!is_escape && !is_colon) || mended->shifts.count > SHIFT_LIMIT ||
        (mended->work += length) > WORK_LIMIT)
        return false;
    size_t offset = offset_of(&original, mark);
    bool is_known = is_escape ? stands(&original, offset, "\\'")
                              : stands(&original, offset, ":") && start->line == mark->line &&
                                    !stands(&original, offset, ":?");
    if (!is_known)
        return false;
    struct strbuf out = {0};
    size_t from = is_colon ? offset_of(&original, start) : offset;
    strbuf_add(&out, text, from);
    if (is_escape)
        mend_escapes(mended, mark, &original, offset, &out);
    else
        mend_colon(mended, start, &original, from, offset, &out);
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
