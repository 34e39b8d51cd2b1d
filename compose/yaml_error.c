/* See compose/yaml_error.h. */
#include "compose/yaml_error.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <stdio.h>
#include <string.h>

/* The decoder tells an offset in bytes only. */
static struct position position_of_offset(unsigned file, const char *text, size_t length,
                                          size_t offset)
{
    struct position position = {.file = file, .line = 1, .column = 1};
    for (size_t i = 0; i < offset && i < length; i++) {
        if (text[i] == '\n') {
            position.line++;
            position.column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            position.column++;
        }
    }
    return position;
}

/* A byte order mark, or the NULs that half of all bytes are in English text. */
static bool is_utf16(const char *text, size_t length)
{
    if (length >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return true;
    return length >= 4 && (!text[0] != !text[1]) && (!text[2] != !text[3]);
}

static void report_encoding(const yaml_parser_t *parser, struct diagnostics *diagnostics,
                            unsigned file, const char *text, size_t length)
{
    size_t offset = is_utf16(text, length) ? 0 : parser->problem_offset;
    struct position position = position_of_offset(file, text, length, offset);
    if (is_utf16(text, length))
        diagnostics_add(diagnostics, SEVERITY_ERROR, position, "save the file as UTF-8",
                        "the file is UTF-16, not UTF-8");
    else if (parser->problem && strstr(parser->problem, "control characters"))
        diagnostics_add(diagnostics, SEVERITY_ERROR, position,
                        "leave it out, or write it as an escape in double quotes",
                        "the character U+%04X is not allowed", (unsigned)parser->problem_value);
    else
        diagnostics_add(diagnostics, SEVERITY_ERROR, position, "save the file as UTF-8",
                        "not valid UTF-8 text: %s", parser->problem);
}

/* --- what stands there ----------------------------------------------------------------------- */

/* The text libyaml stumbled over, and the problem's place in it. */
struct trouble {
    const yaml_parser_t *parser;
    const struct yaml_quotes *quotes;
    struct diagnostics *diagnostics;
    unsigned file;
    const char *text;
    size_t length;
};

/* A line without its end; "" where there is none. */
static char *copy_line(const struct trouble *trouble, size_t line)
{
    const char *start = trouble->text, *end = trouble->text + trouble->length;
    for (; line > 0 && start < end; line--) {
        const char *feed = memchr(start, '\n', (size_t)(end - start));
        start = feed ? feed + 1 : end;
    }
    const char *feed = memchr(start, '\n', (size_t)(end - start));
    size_t length = (size_t)((feed ? feed : end) - start);
    while (length > 0 && start[length - 1] == '\r')
        length--;
    return xstrndup(start, length);
}

/* What stands at a mark, to the end of its line; owned by the caller. */
static char *copy_from(const struct trouble *trouble, const yaml_mark_t *mark)
{
    _cleanup_free_ char *line = copy_line(trouble, mark->line);
    const char *at = line;
    for (size_t i = 0; i < mark->column && *at; i++)
        do
            at++;
        while (((unsigned char)*at & 0xc0) == 0x80);
    return xstrdup(at);
}

static bool is_last_line(const struct trouble *trouble, size_t line)
{
    size_t feeds = 0;
    for (size_t i = 0; i < trouble->length; i++)
        feeds += trouble->text[i] == '\n';
    return line >= feeds;
}

/* The last line before this one that is neither blank nor a comment; 0: there is none. */
static size_t line_before(const struct trouble *trouble, size_t line)
{
    while (line-- > 0) {
        _cleanup_free_ char *text = copy_line(trouble, line);
        const char *first = text + strspn(text, " \t");
        if (*first && *first != '#')
            return line + 1;
    }
    return 0;
}

static void report(const struct trouble *trouble, const yaml_mark_t *mark, const char *hint,
                   const char *message)
{
    struct position position = {.file = trouble->file,
                                .line = (unsigned)mark->line + 1,
                                .column = (unsigned)mark->column + 1};
    diagnostics_add(trouble->diagnostics, SEVERITY_ERROR, position, hint, "not valid YAML: %s",
                    message);
}

/* --- what people do -------------------------------------------------------------------------- */

/* Lines that are no YAML at all. */
static const char *foreign_hint(const char *text)
{
    if (str_after_prefix(text, "<<<<<<<") || str_after_prefix(text, "=======") ||
        str_after_prefix(text, ">>>>>>>"))
        return "this is what git writes where a merge has failed: resolve it";
    if (str_after_prefix(text, "```"))
        return "this line is Markdown: remove it";
    return streq(text, "--") ? "did you mean '---'?" : NULL;
}

/* `restart:always`, `-item`: a word that is no key. */
static void report_no_colon(const struct trouble *trouble)
{
    const yaml_mark_t *mark = &trouble->parser->context_mark;
    _cleanup_free_ char *text = copy_from(trouble, mark), *hint = NULL;
    const char *foreign = foreign_hint(text);
    char *colon = strchr(text, ':');
    if (!foreign && colon && colon[1] && !strchr("/\\", colon[1])) {
        *colon = '\0';
        hint = xasprintf("write '%s: %s', with a blank behind the ':'", text, colon + 1);
    }
    report(trouble, mark, foreign ? foreign : hint, "expected a ':' behind this key");
}

/* A second ':' in a line, or a line that hangs below one that is complete. */
static void report_second_colon(const struct trouble *trouble)
{
    const yaml_mark_t *mark = &trouble->parser->problem_mark;
    _cleanup_free_ char *line = copy_line(trouble, mark->line), *hint = NULL;
    const char *first = strstr(line, ": "), *dash = line + strspn(line, " ");
    size_t before = line_before(trouble, mark->line);
    _cleanup_free_ char *above = before > 0 ? copy_line(trouble, before - 1) : xstrdup("");
    if (first && (size_t)(first - line) < mark->column)
        hint = xstrdup("quote the value: it holds ': '");
    else if (before > 0 && !strchr(above, ':') && *dash != '-')
        hint = xasprintf("is there a ':' missing at the end of line %zu?", before);
    else if (before > 0)
        hint = xasprintf("line %zu has a value: nothing can be indented below it", before);
    report(trouble, mark, hint, "there cannot be a ':' here");
}

/* Behind a value there is more in its line. */
static void report_rest(const struct trouble *trouble)
{
    const yaml_mark_t *mark = &trouble->parser->problem_mark;
    _cleanup_free_ char *line = copy_line(trouble, mark->line), *hint = NULL;
    if (trouble->quotes->is_there && trouble->quotes->end.line == mark->line)
        hint = xasprintf("is there a quote missing? One begins in line %zu and ends here",
                         trouble->quotes->start.line + 1);
    else if (mark->column > 0 && mark->column <= strlen(line) && line[mark->column - 1] == '\'')
        hint = xstrdup("within single quotes a ' is written ''");
    else if (strpbrk(line, "\"'"))
        hint = xstrdup("put all of the value in quotes");
    report(trouble, mark, hint, "there is something behind the value");
}

/* The block goes on otherwise than it began. */
static void report_other_line(const struct trouble *trouble, bool in_list)
{
    const yaml_mark_t *mark = &trouble->parser->problem_mark;
    const yaml_mark_t *start = &trouble->parser->context_mark;
    _cleanup_free_ char *line = copy_line(trouble, mark->line), *hint = NULL;
    size_t indent = strspn(line, " ");
    bool is_item = line[indent] == '-' && line[indent + 1] == ' ';
    if (indent < mark->column) {
        report_rest(trouble);
        return;
    }
    if (mark->column == start->column && is_item != in_list)
        hint = xasprintf(in_list ? "line %zu begins a list: write '- ' before it"
                                 : "line %zu begins a mapping: write KEY: VALUE",
                         start->line + 1);
    else
        hint = xasprintf("it belongs to what begins in line %zu, column %zu: indent it like that",
                         start->line + 1, start->column + 1);
    report(trouble, mark, hint, in_list ? "expected a '- ' here" : "expected a key here");
}

static void report_bad_start(const struct trouble *trouble)
{
    const yaml_mark_t *mark = &trouble->parser->problem_mark;
    _cleanup_free_ char *text = copy_from(trouble, mark);
    char message[64];
    if (text[0] == '\t') {
        report(trouble, mark, "indent with blanks", "a tab cannot indent a line");
        return;
    }
    const char *foreign = foreign_hint(text);
    snprintf(message, sizeof(message), "a value cannot begin with '%c'", text[0]);
    report(trouble, mark, foreign ? foreign : "put it in quotes", message);
}

static void report_open_bracket(const struct trouble *trouble, char close)
{
    const yaml_mark_t *start = &trouble->parser->context_mark;
    const yaml_mark_t *mark = &trouble->parser->problem_mark;
    char open = close == ']' ? '[' : '{', text[64];
    _cleanup_free_ char *rest = copy_from(trouble, mark);
    _cleanup_free_ char *hint = xasprintf("the '%c' in line %zu, column %zu is open", open,
                                          start->line + 1, start->column + 1);
    bool is_end = rest[0] == '\0' && is_last_line(trouble, mark->line);
    snprintf(text, sizeof(text),
             is_end ? "this '%c' is never closed" : "expected a ',' or a '%c' here",
             is_end ? open : close);
    report(trouble, is_end ? start : mark, is_end ? NULL : hint, text);
}

/* --- all of libyaml's words ------------------------------------------------------------------ */

/* What needs no look at the text. */
static const struct words {
    const char *problem, *context; /* parts of libyaml's; context NULL: any */
    const char *message, *hint;
    bool is_context; /* the place is where it began */
} all_words[] = {
    {"unexpected end of stream", "quoted scalar", "this quote is never closed", NULL, true},
    {"unexpected document indicator", "quoted scalar", "this quote is never closed", NULL, true},
    {"unknown escape character", NULL, "this is no escape of double quotes",
     "write \\\\ for a backslash, or single quotes", false},
    {"hexdecimal number", NULL, "this is no escape of double quotes",
     "write \\\\ for a backslash, or single quotes", false},
    {"tab character", NULL, "a tab cannot indent a line", "indent with blanks", false},
    {"did not find expected alphabetic", "alias", "a value cannot begin with '*'",
     "put it in quotes: a '*' is for aliases", true},
    {"did not find expected alphabetic", "anchor", "a value cannot begin with '&'",
     "put it in quotes: a '&' is for anchors", true},
    {"did not find expected document start", NULL, "there is something behind the end",
     "is there a bracket too many, or a line indented less than the first?", false},
    {"expected <document start>", NULL, "there is something behind the end",
     "is there a bracket too many, or a line indented less than the first?", false},
    {"expected node content", NULL, "expected a value here", NULL, false},
    {"block sequence entries are not allowed", NULL, "a list cannot begin here",
     "write each '- ' in a line of its own, below the key", false},
    {"unexpected ':'", NULL, "there cannot be a ':' here",
     "write a blank behind the ':', or quotes around a value that ends with one", false},
    {"expected comment or line break", "block scalar", "there is something behind '|' or '>'",
     "the text begins in the next line; quote a value that begins with '|' or '>'", false},
    {"undefined tag handle", NULL, "a value cannot begin with '!'",
     "put it in quotes: a '!' is for tags", true},
};

static bool has(const char *text, const char *part)
{
    return text && strstr(text, part);
}

static bool report_known(const struct trouble *trouble)
{
    const yaml_parser_t *parser = trouble->parser;
    for (size_t i = 0; i < ARRAY_SIZE(all_words); i++) {
        const struct words *words = &all_words[i];
        if (!has(parser->problem, words->problem) ||
            (words->context && !has(parser->context, words->context)))
            continue;
        report(trouble, words->is_context ? &parser->context_mark : &parser->problem_mark,
               words->hint, words->message);
        return true;
    }
    return false;
}

void yaml_report(const yaml_parser_t *parser, const struct yaml_quotes *quotes,
                 struct diagnostics *diagnostics, unsigned file, const char *text, size_t length)
{
    const struct trouble trouble = {parser, quotes, diagnostics, file, text, length};
    const char *problem = parser->problem ? parser->problem : "out of memory";
    if (parser->error == YAML_READER_ERROR)
        report_encoding(parser, diagnostics, file, text, length);
    else if (has(problem, "could not find expected ':'"))
        report_no_colon(&trouble);
    else if (has(problem, "mapping values are not allowed"))
        report_second_colon(&trouble);
    else if (has(problem, "cannot start any token"))
        report_bad_start(&trouble);
    else if (has(problem, "expected key"))
        report_other_line(&trouble, false);
    else if (has(problem, "expected '-' indicator"))
        report_other_line(&trouble, true);
    else if (has(problem, "expected ',' or ']'"))
        report_open_bracket(&trouble, ']');
    else if (has(problem, "expected ',' or '}'"))
        report_open_bracket(&trouble, '}');
    else if (!report_known(&trouble))
        report(&trouble, &parser->problem_mark, parser->context, problem);
}
