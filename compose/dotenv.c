/* See compose/dotenv.h. Feeds interpolation (.env, compose/load.c) and services (env_file,
 * compose/complete.c). */
#include "compose/dotenv.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "compose/characters.h"
#include "compose/interpolate.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>

struct dotenv {
    struct arena *arena;
    struct diagnostics *diagnostics;
    const char *text; /* what is left */
    struct position position;
    struct variables *variables;
    struct interpolation *interpolation;
};

/* --- places ----------------------------------------------------------------------------------- */

static struct position position_behind(struct position position, const char *from, const char *to)
{
    for (; from < to; from++) {
        if (*from == '\n') {
            position.line++;
            position.column = 1;
        } else if (((unsigned char)*from & 0xc0) != 0x80) {
            position.column++;
        }
    }
    return position;
}

static struct position position_at(const struct dotenv *dotenv, const char *place)
{
    return position_behind(dotenv->position, dotenv->text, place);
}

static void advance(struct dotenv *dotenv, const char *place)
{
    dotenv->position = position_at(dotenv, place);
    dotenv->text = place;
}

#define fail(dotenv, place, hint, ...)                                                             \
    (diagnostics_add((dotenv)->diagnostics, SEVERITY_ERROR, position_at(dotenv, place), hint,      \
                     __VA_ARGS__),                                                                 \
     -EINVAL)

/* --- characters ------------------------------------------------------------------------------- */

/* Of what a line may be indented with and a value stand behind; 0: this is none. */
static size_t blank_length(const char *text)
{
    if (*text && strchr("\t\v\f\r ", *text))
        return 1;
    return strncmp(text, "\xc2\x85", 2) == 0 || strncmp(text, "\xc2\xa0", 2) == 0 ? 2 : 0;
}

static const char *skip_blanks(const char *text)
{
    for (size_t length; (length = blank_length(text)) > 0;)
        text += length;
    return text;
}

static const char *skip_spaces(const char *text)
{
    for (size_t length; (length = characters_space(text)) > 0;)
        text += length;
    return text;
}

/* The end of start...end without the space there. */
static const char *trim_spaces(const char *start, const char *end)
{
    while (end > start) {
        const char *last = end - 1;
        while (last > start && ((unsigned char)*last & 0xc0) == 0x80)
            last--;
        if (last + characters_space(last) != end)
            break;
        end = last;
    }
    return end;
}

/* Bytes of the character where it may stand in a name, else 0. */
static size_t name_character(const char *text)
{
    if (isascii((unsigned char)*text))
        return isalnum((unsigned char)*text) || (*text && strchr("_.-[]", *text)) ? 1 : 0;
    return characters_letter(text);
}

/* --- values ----------------------------------------------------------------------------------- */

/* A value that is expanded, and a place in it. */
struct written {
    struct dotenv *dotenv;
    const char *start; /* where it was written, */
    bool is_quoted;    /* with quotes where they make a difference */
    size_t offset;     /* in the text that is expanded */
    const char *source;
    struct position position;
};

/* Behind so many `$` of the source; a `$` that the text escapes is a `\$` there. */
static const char *skip_dollars(const char *source, size_t count)
{
    for (; *source; source++) {
        size_t here = source[0] == '\\' && source[1] == '$' ? 2 : source[0] == '$';
        if (here > count)
            break;
        count -= here;
        source += here == 2;
    }
    return source;
}

/* The place of the `$` at an offset. */
static struct position position_in(const struct interpolate_text *text, size_t offset)
{
    struct written *written = text->data;
    if (!written->source || offset < written->offset) {
        written->offset = 0;
        written->source = written->start;
        written->position = position_at(written->dotenv, written->start);
    }
    size_t dollars = 0;
    for (size_t i = written->offset; i < offset; i++)
        dollars += text->text[i] == '$';
    const char *source = written->is_quoted ? skip_dollars(written->source, dollars)
                                            : written->source + (offset - written->offset);
    written->position = position_behind(written->position, written->source, source);
    written->offset = offset;
    written->source = source;
    return written->position;
}

static void warn_unset(const struct interpolate_text *text, const char *name, size_t offset)
{
    const struct written *written = text->data;
    interpolate_warn_unset(written->dotenv->diagnostics, name, position_in(text, offset));
}

static int expand(struct dotenv *dotenv, const char *source, const char *raw, bool is_quoted,
                  const char **ret_value)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    struct written written = {.dotenv = dotenv, .start = source, .is_quoted = is_quoted};
    struct interpolate_text text = {.text = raw, .on_unset = warn_unset, .data = &written};
    int r = interpolate_text(dotenv->interpolation, &text, &out);
    if (r < 0) {
        diagnostics_add(dotenv->diagnostics, SEVERITY_ERROR, position_in(&text, text.offset),
                        "a literal $ stands in '...'", "%s", text.problem);
        return r;
    }
    *ret_value = arena_strndup(dotenv->arena, strbuf_text(&out), out.length);
    return 0;
}

/* "\0" and three digits of an octal number, as far as they are there and make a byte. Returns how
 * many characters behind the backslash that took. */
static size_t add_octal(struct strbuf *out, const char *text)
{
    size_t digits = 0;
    unsigned value = 0;
    bool is_octal = true;
    for (; digits < 3 && isdigit((unsigned char)text[digits + 1]); digits++) {
        value = value * 8 + (unsigned)(text[digits + 1] - '0');
        is_octal = is_octal && text[digits + 1] < '8';
    }
    if (digits == 3 && is_octal && value > 0 && value < 256) {
        characters_add(out, value);
    } else { /* the reference drops the zero all the same */
        strbuf_add_char(out, '\\');
        strbuf_add(out, text + 1, digits);
    }
    return digits + 1;
}

/* What "\x" in double quotes means, text at the x; a `$` stays escaped for the expansion. Returns
 * how many characters that took. */
static size_t add_escape(struct strbuf *out, const char *text)
{
    static const char letters[] = "abfnrtv\"\\";
    static const char values[] = "\a\b\f\n\r\t\v\"\\";
    const char *letter = strchr(letters, *text);
    if (*text == '0')
        return add_octal(out, text);
    if (*text == '$') {
        strbuf_add_str(out, "$$");
    } else if (letter) {
        strbuf_add_char(out, values[letter - letters]);
    } else {
        strbuf_add_char(out, '\\');
        strbuf_add_char(out, *text);
    }
    return 1;
}

/* text points to the quote; moves behind the closing one, over lines where need be. */
static int read_quoted(struct dotenv *dotenv, const char **text, const char **ret_value)
{
    const char *start = *text, *c = start + 1;
    char quote = *start;
    _cleanup_strbuf_ struct strbuf raw = {0};
    while (*c && *c != quote) {
        if (c[0] == '\\' && c[1] && quote == '"') {
            c += 1 + add_escape(&raw, c + 1);
        } else if (c[0] == '\\' && c[1]) {
            if (c[1] != quote)
                strbuf_add_char(&raw, '\\');
            strbuf_add_char(&raw, c[1]);
            c += 2;
        } else {
            strbuf_add_char(&raw, *c++);
        }
    }
    if (*c == '\0')
        return fail(dotenv, start, NULL, "the quote that begins here is not closed");
    *text = c + 1;
    if (quote == '"')
        return expand(dotenv, start, strbuf_text(&raw), true, ret_value);
    *ret_value = arena_strndup(dotenv->arena, strbuf_text(&raw), raw.length);
    return 0;
}

/* To the end of the line or to " #". */
static int read_plain(struct dotenv *dotenv, const char **text, const char **ret_value)
{
    const char *start = *text, *end = start + strcspn(start, "\n");
    const char *comment = memmem(start, (size_t)(end - start), " #", 2);
    *text = end;
    end = trim_spaces(start, comment ? comment : end);
    size_t length = (size_t)(end - start);
    if (!memchr(start, '$', length)) {
        *ret_value = arena_strndup(dotenv->arena, start, length);
        return 0;
    }
    _cleanup_free_ char *raw = xstrndup(start, length);
    return expand(dotenv, start, raw, false, ret_value);
}

static int read_value(struct dotenv *dotenv, const char *name, const char *text)
{
    const char *value = NULL;
    advance(dotenv, text);
    struct position position = dotenv->position;
    bool is_quoted = *text == '\'' || *text == '"';
    int r = is_quoted ? read_quoted(dotenv, &text, &value) : read_plain(dotenv, &text, &value);
    advance(dotenv, text);
    if (r < 0)
        return r;
    text = skip_blanks(text);
    if (*text && *text != '\n' && *text != '#')
        diagnostics_add(dotenv->diagnostics, SEVERITY_WARNING, position_at(dotenv, text),
                        "quote the whole value",
                        "what stands behind the quoted value is taken for another variable");
    variables_put(dotenv->variables, name, value, position);
    return 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

static const char *skip_export(const char *text)
{
    bool is_export = strncmp(text, "export", 6) == 0 && text[6] && strchr(" \t\n\f\r", text[6]);
    return is_export ? skip_blanks(text + 6) : text;
}

/* Moves behind the name and the blanks around it. */
static int read_name(struct dotenv *dotenv, const char **text, char **ret_name)
{
    const char *start = skip_export(*text), *end = start, *c = start;
    const char *blank = NULL; /* within the name */
    while (*c && *c != '=' && *c != ':' && *c != '\n') {
        size_t length = name_character(c);
        if (length > 0 && c > end && !blank)
            blank = end;
        if (length == 0 && blank_length(c) == 0)
            return fail(dotenv, c, "a line is KEY=VALUE",
                        "unexpected character in the name of a variable");
        c += length ? length : blank_length(c);
        end = length ? c : end;
    }
    if (blank)
        return fail(dotenv, blank, "a line is KEY=VALUE",
                    "the name of a variable must not hold a blank");
    if (end == start && *c && *c != '\n')
        return fail(dotenv, c, "a line is KEY=VALUE", "there is no name before the '%c'", *c);
    *text = c;
    *ret_name = arena_strndup(dotenv->arena, start, (size_t)(end - start));
    return 0;
}

static int read_statement(struct dotenv *dotenv)
{
    char *name = NULL;
    const char *text = dotenv->text;
    int r = read_name(dotenv, &text, &name);
    if (r < 0)
        return r;
    if (*text == '=' || *text == ':')
        return read_value(dotenv, name, skip_blanks(text + 1));
    const char *value = variables_get(dotenv->variables, name);
    if (value)
        variables_put(dotenv->variables, name, value, dotenv->position);
    advance(dotenv, text);
    return 0;
}

static int read_statements(struct dotenv *dotenv)
{
    int result = 0;
    for (;;) {
        advance(dotenv, skip_spaces(dotenv->text));
        if (*dotenv->text == '\0')
            return result;
        int r = *dotenv->text == '#' ? 0 : read_statement(dotenv);
        if (r < 0)
            result = r;
        if (r < 0 || *dotenv->text == '#')
            advance(dotenv, dotenv->text + strcspn(dotenv->text, "\n"));
    }
}

/* --- files ------------------------------------------------------------------------------------ */

/* The text without a byte order mark and, in the place of what is no UTF-8, with what Go has for
 * that. NULL where there is a NUL. */
static const char *clean_text(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                              const char *text, size_t length)
{
    struct position start = {.file = file, .line = 1, .column = 1};
    const char *nul = memchr(text, '\0', length);
    if (nul) {
        struct dotenv at = {.text = text, .position = start};
        diagnostics_add(diagnostics, SEVERITY_ERROR, position_at(&at, nul), NULL,
                        "a NUL character cannot stand in a file of variables");
        return NULL;
    }
    if (!str_is_utf8(text, length)) {
        diagnostics_add(diagnostics, SEVERITY_WARNING, start, "save the file as UTF-8",
                        "the file is not UTF-8; what is none becomes U+FFFD");
        text = characters_clean(arena, text);
    }
    return strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
}

int dotenv_read(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                const char *text, size_t length, struct variables *variables)
{
    text = clean_text(arena, diagnostics, file, text, length);
    if (!text)
        return -EINVAL;
    struct dotenv dotenv = {.arena = arena,
                            .diagnostics = diagnostics,
                            .text = text,
                            .position = {.file = file, .line = 1, .column = 1},
                            .variables = variables,
                            .interpolation = interpolation_new(arena, diagnostics, variables)};
    return read_statements(&dotenv);
}

/* dotenv->text is the line without the blanks it begins with. */
static int read_raw_line(struct dotenv *dotenv, size_t length)
{
    const char *line = dotenv->text, *equals = memchr(line, '=', length);
    char *name = arena_strndup(dotenv->arena, line, equals ? (size_t)(equals - line) : length);
    const char *value = NULL;
    if (name[0] == '\0')
        return fail(dotenv, line, "a line is KEY=VALUE", "there is no name before the '='");
    if (strpbrk(name, " \t"))
        return fail(dotenv, line + strcspn(name, " \t"), "a line is KEY=VALUE",
                    "the name of a variable must not hold a blank");
    if (equals)
        value = arena_strndup(dotenv->arena, equals + 1, length - (size_t)(equals + 1 - line));
    else
        value = variables_get(dotenv->variables, name);
    if (value)
        variables_put(dotenv->variables, name, value, dotenv->position);
    return 0;
}

int dotenv_read_raw(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                    const char *text, size_t length, struct variables *variables)
{
    struct dotenv dotenv = {.arena = arena,
                            .diagnostics = diagnostics,
                            .text = clean_text(arena, diagnostics, file, text, length),
                            .position = {.file = file, .line = 1, .column = 1},
                            .variables = variables};
    int result = dotenv.text ? 0 : -EINVAL;
    while (dotenv.text && *dotenv.text) {
        advance(&dotenv, skip_spaces(dotenv.text));
        size_t line = strcspn(dotenv.text, "\n"), shown = line;
        if (shown > 0 && dotenv.text[shown - 1] == '\r')
            shown--;
        if (shown > 0 && *dotenv.text != '#' && read_raw_line(&dotenv, shown) < 0)
            result = -EINVAL;
        advance(&dotenv, dotenv.text + line);
    }
    return result;
}

int dotenv_read_file(struct arena *arena, struct diagnostics *diagnostics, struct dotenv_file *file,
                     struct variables *variables)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    int r = fs_read_file(file->path, DOTENV_SIZE_LIMIT, &text, &length, &err);
    if (r < 0)
        return r;
    file->size = length;
    unsigned number = diagnostics_add_file(diagnostics, file->name, text, length);
    if (file->is_raw)
        dotenv_read_raw(arena, diagnostics, number, text, length, variables);
    else
        dotenv_read(arena, diagnostics, number, text, length, variables);
    return 0;
}

const char *dotenv_problem(int error)
{
    static_assert(DOTENV_SIZE_LIMIT == 1024 * 1024, "as the text says");
    return error == -EFBIG ? "it is larger than 1 MiB" : strerror(-error);
}
