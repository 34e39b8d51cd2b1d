/* See compose/print.h. The layout of both formats is that of Docker Compose's `config`: YAML as
 * go-yaml writes it, JSON as Go's encoding/json with an indent of two. */
#include "compose/print.h"

#include "base/alloc.h"
#include "compose/scalar.h"
#include "compose/schema.h"

#include <ctype.h>
#include <stdlib.h>

struct printer {
    const struct print_options *options;
    struct strbuf *out;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct node_pair *const *a = left, *const *b = right;
    if ((*a)->rank != (*b)->rank)
        return (*a)->rank < (*b)->rank ? -1 : 1;
    return strcmp((*a)->key, (*b)->key);
}

static int compare_named(const void *left, const void *right)
{
    const struct node_pair *const *a = left, *const *b = right;
    return strcmp((*a)->key, (*b)->key);
}

/* The pairs in the order to print; freed by the caller. */
static const struct node_pair **ordered_pairs(const struct printer *printer, const struct node *map,
                                              bool by_name)
{
    const struct node_pair **pairs = xcalloc(map->count + 1, sizeof(*pairs));
    for (size_t i = 0; i < map->count; i++)
        pairs[i] = &map->pairs[i];
    if (printer->options->sort)
        qsort(pairs, map->count, sizeof(*pairs), by_name ? compare_named : compare_ranked);
    return pairs;
}

static void add_blanks(struct strbuf *out, size_t count)
{
    while (count-- > 0)
        strbuf_add_char(out, ' ');
}

/* The string as its reader will have to see it. */
static char *printed_text(const struct printer *printer, const struct node *node)
{
    struct strbuf out = {0};
    for (const char *text = node->text; *text; text++) {
        if (*text == '$' && printer->options->escape_dollars && !node->is_escaped)
            strbuf_add_char(&out, '$');
        strbuf_add_char(&out, *text);
    }
    return strbuf_take(&out);
}

static void add_number(struct printer *printer, const struct node *node, bool yaml)
{
    char buffer[NODE_NUMBER_SIZE];
    if (node->kind == NODE_INT) {
        strbuf_addf(printer->out, "%lld", (long long)node->integer);
        return;
    }
    node_format_double(node->number, buffer);
    bool finite = isdigit((unsigned char)buffer[0]) || isdigit((unsigned char)buffer[1]);
    if (!finite && yaml)
        strbuf_add_str(printer->out, buffer[0] == 'N'   ? ".nan"
                                     : buffer[0] == '-' ? "-.inf"
                                                        : "+.inf");
    else
        strbuf_add_str(printer->out, finite ? buffer : "null"); /* JSON has no infinity */
}

/* Decodes one character of UTF-8 (which the reader has checked) and returns its length. */
static size_t decode(const unsigned char *c, uint32_t *ret_code)
{
    size_t length = *c < 0x80 ? 1 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;
    uint32_t code = length == 1 ? *c : *c & (0x7fU >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (c[i] & 0x3fU);
    *ret_code = code;
    return length;
}

/* What may stand in YAML as it is (YAML 1.2, 5.1). Not so a byte order mark, nor the characters
 * that libyaml takes for the end of a line. */
static bool is_printable(uint32_t code)
{
    if (code == 0x2028 || code == 0x2029 || code == 0xfeff)
        return false;
    return code == '\n' || (code >= 0x20 && code < 0x7f) || (code >= 0xa0 && code < 0xfffe) ||
           code >= 0x10000;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void add_json_string(struct strbuf *out, const char *text)
{
    strbuf_add_char(out, '"');
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        static const char letters[] = "\b\f\n\r\t\"\\";
        static const char names[] = "bfnrt\"\\";
        uint32_t code = 0;
        size_t length = decode(c, &code);
        const char *letter = code < 0x80 ? strchr(letters, (int)code) : NULL;
        if (letter)
            strbuf_addf(out, "\\%c", names[letter - letters]);
        else if (!is_printable(code) || (code < 0x80 && strchr("<>&", (int)code))) /* as Go */
            strbuf_addf(out, "\\u%04x", code);
        else
            strbuf_add(out, c, length);
        c += length;
    }
    strbuf_add_char(out, '"');
}

static void add_json(struct printer *printer, const struct node *node, size_t indent, bool by_name);

static void add_json_map(struct printer *printer, const struct node *node, size_t indent,
                         bool by_name)
{
    const struct node_pair **pairs = ordered_pairs(printer, node, by_name);
    strbuf_add_char(printer->out, '{');
    for (size_t i = 0; i < node->count; i++) {
        strbuf_add_str(printer->out, i > 0 ? ",\n" : "\n");
        add_blanks(printer->out, indent + 2);
        add_json_string(printer->out, pairs[i]->key);
        strbuf_add_str(printer->out, ": ");
        add_json(printer, pairs[i]->value, indent + 2, false);
    }
    if (node->count > 0) {
        strbuf_add_char(printer->out, '\n');
        add_blanks(printer->out, indent);
    }
    strbuf_add_char(printer->out, '}');
    free(pairs);
}

static void add_json_list(struct printer *printer, const struct node *node, size_t indent)
{
    strbuf_add_char(printer->out, '[');
    for (size_t i = 0; i < node->count; i++) {
        strbuf_add_str(printer->out, i > 0 ? ",\n" : "\n");
        add_blanks(printer->out, indent + 2);
        add_json(printer, node->items[i], indent + 2, false);
    }
    if (node->count > 0) {
        strbuf_add_char(printer->out, '\n');
        add_blanks(printer->out, indent);
    }
    strbuf_add_char(printer->out, ']');
}

static void add_json(struct printer *printer, const struct node *node, size_t indent, bool by_name)
{
    switch (node->kind) {
    case NODE_BOOL:
        strbuf_add_str(printer->out, node->boolean ? "true" : "false");
        break;
    case NODE_INT:
    case NODE_FLOAT:
        add_number(printer, node, false);
        break;
    case NODE_TIME:
    case NODE_STRING: {
        _cleanup_free_ char *text = printed_text(printer, node);
        add_json_string(printer->out, text);
        break;
    }
    case NODE_LIST:
        add_json_list(printer, node, indent);
        break;
    case NODE_MAP:
        add_json_map(printer, node, indent, by_name);
        break;
    case NODE_NULL:
    case NODE_BAD:
    case NODE_KIND_COUNT:
        strbuf_add_str(printer->out, "null");
        break;
    }
}

void print_json(const struct node *tree, const struct print_options *options, struct strbuf *out)
{
    struct printer printer = {.options = options, .out = out};
    add_json(&printer, tree, 0, true); /* the reference sorts its top level by name here */
}

/* --- YAML scalars ---------------------------------------------------------------------------- */

/* What stops a text from being written plain or in single quotes. */
struct text_traits {
    bool special;       /* needs escapes */
    bool multiline;     /* holds a line feed */
    bool plain_allowed; /* means itself without quotes */
    bool block_allowed; /* can stand below `|` */
};

static bool is_break_or_end(char c)
{
    return c == '\0' || c == '\n' || c == ' ';
}

/* A character that cannot stand there in a plain scalar (outside of flow collections). */
static bool breaks_plain(const char *text, const char *c)
{
    if (c == text && strchr("#,[]{}&*!|>'\"%@`", *c))
        return true;
    if (c == text && strchr("-?:", *c) && is_break_or_end(c[1]))
        return true;
    if (c > text && *c == ':' && is_break_or_end(c[1]))
        return true;
    return c > text && *c == '#' && (c[-1] == ' ' || c[-1] == '\n');
}

static struct text_traits examine(const char *text)
{
    size_t length = strlen(text);
    struct text_traits traits = {.plain_allowed = length > 0, .block_allowed = length > 0};
    for (const char *c = text; *c; c++) {
        uint32_t code = 0;
        if (((unsigned char)*c & 0xc0) != 0x80) {
            decode((const unsigned char *)c, &code);
            traits.special = traits.special || !is_printable(code);
        }
        if (*c == '\n')
            traits.multiline = true;
        if (breaks_plain(text, c))
            traits.plain_allowed = false;
        if (*c == ' ' && c[1] == '\n') /* blanks before a break would be lost to an editor */
            traits.block_allowed = false;
    }
    if (length > 0 && (text[0] == ' ' || text[length - 1] == ' ')) {
        traits.plain_allowed = false;
        traits.block_allowed = traits.block_allowed && text[length - 1] != ' ' && text[0] != ' ';
    }
    if (strncmp(text, "---", 3) == 0 || strncmp(text, "...", 3) == 0)
        traits.plain_allowed = false;
    if (text[0] == '\n' || traits.special)
        traits.block_allowed = false;
    if (traits.multiline || traits.special)
        traits.plain_allowed = false;
    return traits;
}

static void add_double_quoted(struct strbuf *out, const char *text)
{
    strbuf_add_char(out, '"');
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        static const char letters[] = "\a\b\t\n\v\f\r\033\"\\";
        static const char names[] = "abtnvfre\"\\";
        uint32_t code = 0;
        size_t length = decode(c, &code);
        const char *letter = code < 0x80 ? strchr(letters, (int)code) : NULL;
        if (letter)
            strbuf_addf(out, "\\%c", names[letter - letters]);
        else if (is_printable(code))
            strbuf_add(out, c, length);
        else
            strbuf_addf(out, code < 0x100 ? "\\x%02X" : "\\u%04X", code);
        c += length;
    }
    strbuf_add_char(out, '"');
}

static void add_single_quoted(struct strbuf *out, const char *text)
{
    strbuf_add_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            strbuf_add_char(out, '\'');
        strbuf_add_char(out, *text);
    }
    strbuf_add_char(out, '\'');
}

/* `|`, with the sign that says how many line feeds end the text. */
static void add_block(struct strbuf *out, const char *text, size_t indent)
{
    size_t length = strlen(text);
    bool ends_with_break = text[length - 1] == '\n';
    bool keeps_more = ends_with_break && length > 1 && text[length - 2] == '\n';
    strbuf_add_str(out, keeps_more ? "|+" : ends_with_break ? "|" : "|-");
    while (*text) {
        size_t line = strcspn(text, "\n");
        strbuf_add_char(out, '\n');
        if (line > 0) {
            add_blanks(out, indent);
            strbuf_add(out, text, line);
        }
        text += line;
        if (*text == '\n')
            text++;
    }
}

static void add_yaml_string(struct strbuf *out, const char *text, size_t indent)
{
    struct text_traits traits = examine(text);
    if (traits.multiline && traits.block_allowed)
        add_block(out, text, indent);
    else if (traits.special || traits.multiline || scalar_needs_quotes(text))
        add_double_quoted(out, text);
    else if (!traits.plain_allowed)
        add_single_quoted(out, text);
    else
        strbuf_add_str(out, text);
}

/* --- YAML collections ------------------------------------------------------------------------ */

static bool is_empty_collection(const struct node *node)
{
    return (node->kind == NODE_MAP || node->kind == NODE_LIST) && node->count == 0;
}

static bool is_collection(const struct node *node)
{
    return (node->kind == NODE_MAP || node->kind == NODE_LIST) && node->count > 0;
}

static void add_yaml(struct printer *printer, const struct node *node, size_t indent,
                     bool first_inline);

/* What stands behind "key:" or "-" on the same line. */
static void add_yaml_scalar(struct printer *printer, const struct node *node, size_t indent)
{
    if (is_empty_collection(node)) {
        strbuf_add_str(printer->out, node->kind == NODE_MAP ? "{}" : "[]");
        return;
    }
    switch (node->kind) {
    case NODE_BOOL:
        strbuf_add_str(printer->out, node->boolean ? "true" : "false");
        break;
    case NODE_INT:
    case NODE_FLOAT:
        add_number(printer, node, true);
        break;
    case NODE_STRING: {
        _cleanup_free_ char *text = printed_text(printer, node);
        add_yaml_string(printer->out, text, indent);
        break;
    }
    case NODE_TIME:
        strbuf_add_str(printer->out, node->text);
        break;
    case NODE_NULL:
    case NODE_LIST:
    case NODE_MAP:
    case NODE_BAD:
    case NODE_KIND_COUNT:
        strbuf_add_str(printer->out, "null");
        break;
    }
}

/* first_inline: the first line's indentation stands there already (behind "- "). */
static void add_yaml_map(struct printer *printer, const struct node *node, size_t indent,
                         bool first_inline)
{
    const struct node_pair **pairs = ordered_pairs(printer, node, false);
    for (size_t i = 0; i < node->count; i++) {
        const struct node *value = pairs[i]->value;
        if (i > 0 || !first_inline)
            add_blanks(printer->out, indent);
        add_yaml_string(printer->out, pairs[i]->key, indent + 2);
        strbuf_add_char(printer->out, ':');
        if (is_collection(value)) {
            strbuf_add_char(printer->out, '\n');
            add_yaml(printer, value, indent + 2, false);
            continue;
        }
        strbuf_add_char(printer->out, ' ');
        add_yaml_scalar(printer, value, indent + 2);
        strbuf_add_char(printer->out, '\n');
    }
    free(pairs);
}

static void add_yaml_list(struct printer *printer, const struct node *node, size_t indent,
                          bool first_inline)
{
    for (size_t i = 0; i < node->count; i++) {
        if (i > 0 || !first_inline)
            add_blanks(printer->out, indent);
        strbuf_add_str(printer->out, "- ");
        if (is_collection(node->items[i])) {
            add_yaml(printer, node->items[i], indent + 2, true);
            continue;
        }
        add_yaml_scalar(printer, node->items[i], indent + 2);
        strbuf_add_char(printer->out, '\n');
    }
}

static void add_yaml(struct printer *printer, const struct node *node, size_t indent,
                     bool first_inline)
{
    if (node->kind == NODE_MAP)
        add_yaml_map(printer, node, indent, first_inline);
    else
        add_yaml_list(printer, node, indent, first_inline);
}

void print_yaml(const struct node *tree, const struct print_options *options, struct strbuf *out)
{
    struct printer printer = {.options = options, .out = out};
    if (is_collection(tree))
        add_yaml(&printer, tree, 0, false);
    else
        strbuf_add_str(out, "{}\n");
}
