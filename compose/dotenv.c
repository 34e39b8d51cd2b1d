/* See compose/dotenv.h. Feeds interpolation (.env, compose/load.c) and services (env_file,
 * compose/complete.c). */
#include "compose/dotenv.h"

#include "compose/interpolate.h"

#include <ctype.h>
#include <errno.h>

struct dotenv {
    struct arena *arena;
    struct diagnostics *diagnostics;
    unsigned file;
    const char *text, *line_start;
    unsigned line;
    struct variables *variables; /* outer first, then what was read */
    struct interpolation *interpolation;
    struct node *map;
};

static struct position position_at(const struct dotenv *dotenv, const char *place)
{
    return (struct position){.file = dotenv->file,
                             .line = dotenv->line,
                             .column = (unsigned)(place - dotenv->line_start) + 1};
}

static int fail(struct dotenv *dotenv, const char *place, const char *hint, const char *problem)
{
    diagnostics_add(dotenv->diagnostics, SEVERITY_ERROR, position_at(dotenv, place), hint, "%s",
                    problem);
    return -EINVAL;
}

static void next_line(struct dotenv *dotenv)
{
    dotenv->text += strcspn(dotenv->text, "\n");
    if (*dotenv->text == '\n')
        dotenv->text++;
    dotenv->line++;
    dotenv->line_start = dotenv->text;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t\r\v\f");
}

static int expand(struct dotenv *dotenv, const char *place, const char *raw, const char **ret_value)
{
    size_t offset = 0;
    const char *problem = NULL;
    _cleanup_strbuf_ struct strbuf out = {0};
    int r = interpolate_text(dotenv->interpolation, raw, &out, &offset, &problem);
    if (r < 0)
        return fail(dotenv, place, "a literal $ stands in '...'", problem);
    *ret_value = arena_strndup(dotenv->arena, strbuf_text(&out), out.length);
    return 0;
}

/* --- values ---------------------------------------------------------------------------------- */

/* What "\x" in double quotes means; a `$` stays escaped for the expansion. */
static void add_escape(struct strbuf *out, char c)
{
    static const char letters[] = "abfnrtv\"\\";
    static const char values[] = "\a\b\f\n\r\t\v\"\\";
    const char *letter = strchr(letters, c);
    if (c == '$') {
        strbuf_add_str(out, "$$");
    } else if (letter) {
        strbuf_add_char(out, values[letter - letters]);
    } else {
        strbuf_add_char(out, '\\');
        strbuf_add_char(out, c);
    }
}

/* text points to the quote; moves behind the closing one, over lines where need be. */
static int read_quoted(struct dotenv *dotenv, const char **text, const char **ret_value)
{
    const char *start = *text, *c = start + 1;
    char quote = *start;
    struct position position = position_at(dotenv, start);
    _cleanup_strbuf_ struct strbuf raw = {0};
    for (; *c && *c != quote; c++) {
        if (*c == '\n') {
            dotenv->line++;
            dotenv->line_start = c + 1;
        }
        if (*c == '\\' && c[1] && quote == '"')
            add_escape(&raw, *++c);
        else
            strbuf_add_char(&raw, *c);
    }
    if (*c == '\0') {
        diagnostics_add(dotenv->diagnostics, SEVERITY_ERROR, position, NULL,
                        "the quote that begins here is not closed");
        return -EINVAL;
    }
    *text = c + 1;
    if (quote == '"')
        return expand(dotenv, start < dotenv->line_start ? c : start, strbuf_text(&raw), ret_value);
    *ret_value = arena_strndup(dotenv->arena, strbuf_text(&raw), raw.length);
    return 0;
}

/* To the end of the line or to " #". */
static int read_plain(struct dotenv *dotenv, const char **text, const char **ret_value)
{
    const char *start = *text;
    size_t length = strcspn(start, "\n");
    for (size_t i = 0; i < length; i++)
        if (start[i] == '#' && (i == 0 || isspace((unsigned char)start[i - 1])))
            length = i;
    while (length > 0 && isspace((unsigned char)start[length - 1]))
        length--;
    *text = start + length;
    return expand(dotenv, start, arena_strndup(dotenv->arena, start, length), ret_value);
}

static int read_value(struct dotenv *dotenv, const char *name, const char *text)
{
    const char *value = NULL;
    struct position position = position_at(dotenv, text);
    int r = *text == '\'' || *text == '"' ? read_quoted(dotenv, &text, &value)
                                          : read_plain(dotenv, &text, &value);
    dotenv->text = text;
    if (r < 0)
        return r;
    text = skip_blanks(text);
    if (*text && *text != '\n' && *text != '#') /* the reference drops it without a word */
        diagnostics_add(dotenv->diagnostics, SEVERITY_WARNING, position_at(dotenv, text),
                        "quote the whole value", "the text behind the quoted value is left out");
    node_put(dotenv->arena, dotenv->map, name, position,
             node_new_string(dotenv->arena, value, position));
    variables_set(dotenv->variables, name, value);
    return 0;
}

/* --- lines ----------------------------------------------------------------------------------- */

static size_t name_length(const char *text)
{
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || (text[length] && strchr("_.-[]", text[length])))
        length++;
    return length;
}

static int read_line(struct dotenv *dotenv)
{
    const char *text = skip_blanks(dotenv->text);
    if (*text == '\0' || *text == '\n' || *text == '#')
        return 0;
    if (strncmp(text, "export", 6) == 0 && (text[6] == ' ' || text[6] == '\t'))
        text = skip_blanks(text + 6);
    size_t length = name_length(text);
    const char *behind = skip_blanks(text + length);
    if (length == 0 || (*behind && !strchr("=:\n", *behind)))
        return fail(dotenv, length == 0 ? text : text + length, "a line is KEY=VALUE",
                    "unexpected character in the name of a variable");
    const char *name = arena_strndup(dotenv->arena, text, length);
    if (*behind == '=' || *behind == ':')
        return read_value(dotenv, name, skip_blanks(behind + 1));
    const char *value = variables_get(dotenv->variables, name);
    if (value) {
        struct position position = position_at(dotenv, text);
        node_put(dotenv->arena, dotenv->map, name, position,
                 node_new_string(dotenv->arena, value, position));
    }
    return 0;
}

int dotenv_read(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                const char *text, const struct variables *outer, struct node *map)
{
    struct variables *variables = variables_new(arena, outer);
    for (size_t i = 0; i < map->count; i++)
        variables_set(variables, map->pairs[i].key, map->pairs[i].value->text);
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    struct dotenv dotenv = {.arena = arena,
                            .diagnostics = diagnostics,
                            .file = file,
                            .text = text,
                            .line_start = text,
                            .line = 1,
                            .variables = variables,
                            .interpolation = interpolation_new(arena, diagnostics, variables),
                            .map = map};
    int result = 0;
    for (; *dotenv.text; next_line(&dotenv))
        if (read_line(&dotenv) < 0)
            result = -EINVAL;
    return result;
}

void dotenv_read_raw(struct arena *arena, const char *text, unsigned file, struct node *map)
{
    struct position position = {.file = file, .line = 1, .column = 1};
    for (; *text; position.line++) {
        size_t length = strcspn(text, "\n"), shown = length;
        const char *equals = memchr(text, '=', length);
        if (shown > 0 && text[shown - 1] == '\r')
            shown--;
        if (equals && equals > text && *text != '#')
            node_put(arena, map, arena_strndup(arena, text, (size_t)(equals - text)), position,
                     node_new_string(
                         arena,
                         arena_strndup(arena, equals + 1, shown - (size_t)(equals + 1 - text)),
                         position));
        text += length + (text[length] == '\n');
    }
}
