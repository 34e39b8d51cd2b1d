/* See image_dockerfile.h. */
#include "runtime/image_dockerfile.h"

#include "base/alloc.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

struct parser {
    struct image_dockerfile *result;
    const char *text, *at;
    char escape;
    const cJSON *given; /* the build's args */
    cJSON *globals;     /* ARGs before the first FROM */
    char **stages;      /* names, "" for those without */
    char **heredocs;    /* delimiters that this instruction announced */
};

struct token {
    const char *start;
    size_t length;
};

/* --- words ---------------------------------------------------------------------------------- */

static const char *line_end(const char *at)
{
    return at + strcspn(at, "\n");
}

/* The escape character as the last of a line joins the next one to it. Returns the next line, NULL
 * where this is no such place. */
static const char *after_continuation(const struct parser *parser, const char *at)
{
    if (*at != parser->escape)
        return NULL;
    const char *end = at + 1 + strspn(at + 1, " \t\r");
    return *end == '\n' ? end + 1 : NULL;
}

/* Comments and empty lines may stand between the joined lines. */
static const char *skip_comments(const char *at)
{
    for (;;) {
        const char *start = at + strspn(at, " \t\r");
        if (*start != '#' && *start != '\n')
            return at;
        at = line_end(start);
        at += *at == '\n';
    }
}

/* The next word of the instruction; false at its end, with the parser behind the newline. */
static bool next_token(struct parser *parser, struct token *ret_token)
{
    const char *next;
    for (;;) {
        parser->at += strspn(parser->at, " \t\r");
        next = after_continuation(parser, parser->at);
        if (!next)
            break;
        parser->at = skip_comments(next);
    }
    if (!*parser->at || *parser->at == '\n') {
        parser->at += *parser->at == '\n';
        return false;
    }
    ret_token->start = parser->at;
    while (*parser->at && !strchr(" \t\r\n", *parser->at) &&
           !after_continuation(parser, parser->at))
        parser->at++;
    ret_token->length = (size_t)(parser->at - ret_token->start);
    return true;
}

static bool token_is(const struct token *token, const char *word)
{
    return token->length == strlen(word) && strncasecmp(token->start, word, token->length) == 0;
}

static char *token_text(const struct token *token)
{
    return xstrndup(token->start ? token->start : "", token->length);
}

/* --- variables ------------------------------------------------------------------------------ */

static void expand(const struct parser *parser, const char *text, size_t length,
                   struct strbuf *out);

/* What stands in "${...}": NAME, NAME:-word, NAME-word, NAME:+word, NAME+word. */
static void expand_braces(const struct parser *parser, const char *text, size_t length,
                          struct strbuf *out)
{
    size_t end = 0;
    while (end < length && (isalnum((unsigned char)text[end]) || text[end] == '_'))
        end++;
    _cleanup_free_ char *name = xstrndup(text, end);
    const char *value = json_string(parser->globals, name, NULL);
    bool colon = end < length && text[end] == ':';
    end += colon;
    char operator= end<length ? text[end] : '\0';
    bool usable = value && (!colon || *value);
    if (operator== '-' ? !usable : operator== '+' && usable)
        expand(parser, text + end + 1, length - end - 1, out);
    else if (operator!= '+' && value)
        strbuf_add_str(out, value);
}

static void expand(const struct parser *parser, const char *text, size_t length, struct strbuf *out)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '$' || i + 1 == length) {
            strbuf_add_char(out, text[i]);
            continue;
        }
        bool braces = text[i + 1] == '{';
        size_t start = i + 1 + braces, end = start;
        for (int depth = 1; end < length; end++) {
            depth += text[end] == '{';
            depth -= text[end] == '}';
            if (braces ? depth == 0 : !isalnum((unsigned char)text[end]) && text[end] != '_')
                break;
        }
        expand_braces(parser, text + start, end - start, out);
        i = braces ? end : end - 1;
    }
}

static char *expand_token(const struct parser *parser, const struct token *token)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    size_t quoted = token->length >= 2 && (*token->start == '"' || *token->start == '\'');
    expand(parser, token->start + quoted, token->length - 2 * quoted, &out);
    return xstrdup(strbuf_text(&out));
}

/* --- instructions --------------------------------------------------------------------------- */

static bool is_stage(const struct parser *parser, const char *name)
{
    for (size_t i = 0; parser->stages && parser->stages[i]; i++)
        if (*name && strcasecmp(parser->stages[i], name) == 0)
            return true;
    return false;
}

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

static void add_base(struct parser *parser, const struct token *token, char *name)
{
    if (!*name || streq(name, "scratch") || is_stage(parser, name)) {
        free(name);
        return;
    }
    vec_add(&parser->result->bases,
            (struct image_base){.name = name,
                                .start = (size_t)(token->start - parser->text),
                                .length = token->length});
}

static int refuse(const struct parser *parser, const char *at, const char *why, struct error *err)
{
    int line = 1;
    for (const char *c = parser->text; c < at; c++)
        line += *c == '\n';
    return error_set(err, EINVAL, "its Dockerfile, line %d: %s", line, why);
}

static void read_arg(struct parser *parser)
{
    struct token token;
    while (next_token(parser, &token)) {
        const char *equals = memchr(token.start, '=', token.length);
        size_t length = equals ? (size_t)(equals - token.start) : token.length;
        _cleanup_free_ char *name = xstrndup(token.start, length);
        const char *given = json_string(parser->given, name, NULL);
        if (given) {
            json_set_string(parser->globals, name, given);
        } else if (equals) {
            struct token value = {equals + 1, token.length - length - 1};
            _cleanup_free_ char *text = expand_token(parser, &value);
            json_set_string(parser->globals, name, text);
        }
    }
}

static int read_from(struct parser *parser, const char *start, struct error *err)
{
    struct token token, image = {0}, stage = {0};
    bool as = false;
    while (next_token(parser, &token)) {
        if (!image.start && token.length > 2 && strncmp(token.start, "--", 2) == 0)
            continue;
        if (!image.start)
            image = token;
        else if (as)
            stage = token;
        as = !as && token_is(&token, "AS");
    }
    if (!image.start)
        return refuse(parser, start, "FROM names no image", err);
    char *name = expand_token(parser, &image);
    if (!*name) {
        free(name);
        return refuse(parser, start, "FROM names a variable that is not set; give it in 'args'",
                      err);
    }
    add_base(parser, &image, name);
    strv_add(&parser->stages, token_text(&stage));
    return 0;
}

/* The value of "from=" in a token "--from=VALUE" or "--mount=type=bind,from=VALUE,...". */
static bool find_from(const struct token *token, struct token *ret_value)
{
    _cleanup_free_ char *text = token_text(token);
    const char *value = str_after_prefix(text, "--from=");
    if (!value && str_after_prefix(text, "--mount=")) {
        const char *found = strstr(text, ",from=");
        value = found ? found + strlen(",from=") : str_after_prefix(text, "--mount=from=");
    }
    if (!value)
        return false;
    ret_value->start = token->start + (value - text);
    ret_value->length = strcspn(value, ",");
    return true;
}

/* "<<EOF", "<<-EOF", "<<'EOF'": the lines up to EOF belong to the instruction. */
static void note_heredoc(struct parser *parser, const struct token *token)
{
    if (token->length < 3 || strncmp(token->start, "<<", 2) != 0)
        return;
    size_t skip = 2 + strspn(token->start + 2, "-\"'");
    size_t length = 0;
    while (skip + length < token->length && !strchr("\"'", token->start[skip + length]))
        length++;
    if (length && (isalpha((unsigned char)token->start[skip]) || token->start[skip] == '_'))
        strv_add(&parser->heredocs, xstrndup(token->start + skip, length));
}

static void skip_heredocs(struct parser *parser)
{
    for (size_t i = 0; parser->heredocs && parser->heredocs[i]; i++) {
        parser->result->has_heredoc = true;
        for (bool ended = false; *parser->at && !ended;) {
            const char *start = parser->at + strspn(parser->at, "\t"), *end = line_end(start);
            _cleanup_free_ char *line = xstrndup(start, (size_t)(end - start));
            line[strcspn(line, "\r")] = '\0';
            ended = streq(line, parser->heredocs[i]);
            parser->at = end + (*end == '\n');
        }
    }
    strv_free(TAKE_PTR(parser->heredocs));
}

/* COPY, ADD, RUN: flags first. Numbers are stages by their order; variables cannot stand here. */
static void read_flags(struct parser *parser)
{
    struct token token, value;
    for (bool flags = true; next_token(parser, &token);) {
        flags = flags && token.length > 2 && strncmp(token.start, "--", 2) == 0;
        if (flags && find_from(&token, &value)) {
            char *name = token_text(&value);
            if (is_number(name) || strchr(name, '$'))
                free(name);
            else
                add_base(parser, &value, name);
        }
        note_heredoc(parser, &token);
    }
    skip_heredocs(parser);
}

static int read_instruction(struct parser *parser, struct error *err)
{
    struct token keyword, rest;
    const char *start = parser->at;
    if (!next_token(parser, &keyword))
        return 0;
    if (token_is(&keyword, "FROM"))
        return read_from(parser, start, err);
    if (token_is(&keyword, "ARG") && !parser->stages) {
        read_arg(parser);
    } else if (token_is(&keyword, "COPY") || token_is(&keyword, "ADD") ||
               token_is(&keyword, "RUN")) {
        read_flags(parser);
    } else {
        while (next_token(parser, &rest))
            ;
    }
    return 0;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* "# escape=`" among the comments at the very top. */
static char find_escape(const char *text)
{
    for (; *text == '#'; text = line_end(text), text += *text == '\n') {
        const char *word = text + 1 + strspn(text + 1, " \t");
        if (strncasecmp(word, "escape", 6) != 0)
            continue;
        word += 6 + strspn(word + 6, " \t");
        if (*word == '=')
            return word[1 + strspn(word + 1, " \t")] == '`' ? '`' : '\\';
    }
    return '\\';
}

static int check_target(const struct parser *parser, const char *target, struct error *err)
{
    if (!target || is_stage(parser, target) ||
        (is_number(target) && strtoul(target, NULL, 10) < strv_length(parser->stages)))
        return 0;
    _cleanup_strbuf_ struct strbuf names = {0};
    for (size_t i = 0; parser->stages[i]; i++)
        if (*parser->stages[i])
            strbuf_addf(&names, "%s'%s'", names.length ? ", " : "", parser->stages[i]);
    return error_set(err, EINVAL, "its Dockerfile has no stage '%s' (target); it has %s", target,
                     names.length ? names.data : "none with a name");
}

/* What is set without an ARG's value; here everything is for this platform. */
static cJSON *new_globals(void)
{
    static const char *const names[] = {"TARGETPLATFORM", "TARGETOS", "TARGETARCH",
                                        "BUILDPLATFORM",  "BUILDOS",  "BUILDARCH"};
    static const char *const values[] = {"linux/amd64", "linux", "amd64"};
    cJSON *globals = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        json_set_string(globals, names[i], values[i % ARRAY_SIZE(values)]);
    return globals;
}

int image_dockerfile_parse(const char *text, const cJSON *args, const char *target,
                           struct image_dockerfile *ret_dockerfile, struct error *err)
{
    struct image_dockerfile dockerfile = {.text = xstrdup(text)};
    const char *bom = str_after_prefix(dockerfile.text, "\xef\xbb\xbf");
    struct parser parser = {.result = &dockerfile,
                            .text = dockerfile.text,
                            .at = bom ? bom : dockerfile.text,
                            .given = args,
                            .globals = new_globals()};
    parser.escape = find_escape(parser.at);
    int r = 0;
    while (r == 0 && *(parser.at = skip_comments(parser.at)))
        r = read_instruction(&parser, err);
    if (r == 0 && !parser.stages)
        r = error_set(err, EINVAL, "its Dockerfile has no FROM");
    if (r == 0)
        r = check_target(&parser, target, err);
    cJSON_Delete(parser.globals);
    strv_free(parser.stages);
    strv_free(parser.heredocs);
    if (r < 0)
        image_dockerfile_done(&dockerfile);
    else
        *ret_dockerfile = dockerfile;
    return r;
}

void image_dockerfile_done(struct image_dockerfile *dockerfile)
{
    for (size_t i = 0; i < dockerfile->bases.count; i++)
        free(dockerfile->bases.items[i].name);
    vec_done(&dockerfile->bases);
    free(dockerfile->text);
    *dockerfile = (struct image_dockerfile){0};
}

char *image_dockerfile_rewrite(const struct image_dockerfile *dockerfile, const char *const *names)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    size_t at = 0;
    for (size_t i = 0; i < dockerfile->bases.count; i++) {
        const struct image_base *base = &dockerfile->bases.items[i];
        if (!names[i])
            continue;
        strbuf_add(&text, dockerfile->text + at, base->start - at);
        strbuf_add_str(&text, names[i]);
        at = base->start + base->length;
    }
    strbuf_add_str(&text, dockerfile->text + at);
    return xstrdup(strbuf_text(&text));
}
