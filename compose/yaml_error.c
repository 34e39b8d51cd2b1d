/* See compose/yaml_error.h. */
#include "compose/yaml_error.h"

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
    else if (strstr(parser->problem, "control characters"))
        diagnostics_add(diagnostics, SEVERITY_ERROR, position,
                        "leave it out, or write it as an escape in double quotes",
                        "the character U+%04X is not allowed", (unsigned)parser->problem_value);
    else
        diagnostics_add(diagnostics, SEVERITY_ERROR, position, "save the file as UTF-8",
                        "not valid UTF-8 text: %s", parser->problem);
}

static const char *hint_of(const char *problem, bool has_tab)
{
    if (strstr(problem, "cannot start any token") && has_tab)
        return "indent with blanks, not with tabs; quote values that begin with % @ or `";
    if (strstr(problem, "mapping values are not allowed"))
        return "quote a value that holds ': ', and check the indentation";
    if (strstr(problem, "unexpected ':'"))
        return "write a blank behind the ':', or quotes around a value that ends with one";
    return NULL;
}

void yaml_report(const yaml_parser_t *parser, struct diagnostics *diagnostics, unsigned file,
                 const char *text, size_t length)
{
    if (parser->error == YAML_READER_ERROR) {
        report_encoding(parser, diagnostics, file, text, length);
        return;
    }
    const yaml_mark_t *mark = &parser->problem_mark;
    const char *problem = parser->problem ? parser->problem : "out of memory";
    const char *context = parser->context;
    struct position position = {
        .file = file, .line = (unsigned)mark->line + 1, .column = (unsigned)mark->column + 1};
    diagnostics_add(diagnostics, SEVERITY_ERROR, position,
                    hint_of(problem, memchr(text, '\t', length) != NULL), "not valid YAML: %s%s%s",
                    problem, context ? " " : "", context ? context : "");
}
