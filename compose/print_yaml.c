/* YAML of compose/print.h: what go-yaml's emitter makes of the same tree, character by character,
 * but where a reader would not get back what was written. */
#include "base/alloc.h"
#include "compose/characters.h"
#include "compose/number.h"
#include "compose/print.h"
#include "compose/scalar.h"

#include <ctype.h>
#include <stdlib.h>

#define KEY_LENGTH 128 /* bytes of a key that stand before a ':'; a longer one is behind a '?' */

struct printer {
    const struct print_options *options;
    struct strbuf *out;
    size_t step; /* of indentation */
};

/* --- the order of keys ------------------------------------------------------------------------ */

/* A byte of a longer character counts as a letter. */
static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return isdigit((unsigned char)c);
}

/* The digits from text on as a number, wherever they began. */
static uint64_t read_digits(const char *text, bool is_inside, size_t *ret_count)
{
    uint64_t number = is_inside ? 1 : 0;
    size_t i = 0;
    for (; is_digit(text[i]); i++)
        number = number * 10 + (uint64_t)(text[i] - '0');
    *ret_count = i;
    return number;
}

/* Two keys that differ from a and b on; what is before is the same. */
static int compare_rest(const char *key, const char *a, const char *b)
{
    bool behind_digit = a > key && is_digit(a[-1]);
    if (is_letter(*a) && is_letter(*b))
        return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
    if (is_letter(*a) || is_letter(*b))
        return is_letter(*a) == behind_digit ? -1 : 1;
    const char *before = a;
    bool is_inside = false; /* of a number that has begun, zeros count */
    while ((*a == '0' || *b == '0') && before > key && is_digit(before[-1]))
        is_inside |= *--before != '0';
    size_t a_count = 0, b_count = 0;
    int64_t a_number = (int64_t)read_digits(a, is_inside, &a_count); /* Go's run over as well */
    int64_t b_number = (int64_t)read_digits(b, is_inside, &b_count);
    if (a_number != b_number)
        return a_number < b_number ? -1 : 1;
    if (a_count != b_count)
        return a_count < b_count ? -1 : 1;
    return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

/* Numbers inside of names count as such: web2 before web10. */
static int compare_names(const void *left, const void *right)
{
    const struct node_pair *const *a = left, *const *b = right;
    size_t same = 0;
    while ((*a)->key[same] && (*a)->key[same] == (*b)->key[same])
        same++;
    if (!(*a)->key[same] || !(*b)->key[same])
        return (*b)->key[same] ? -1 : (*a)->key[same] ? 1 : 0;
    return compare_rest((*a)->key, (*a)->key + same, (*b)->key + same);
}

static int compare_ranks(const void *left, const void *right)
{
    const struct node_pair *const *a = left, *const *b = right;
    if ((*a)->rank != (*b)->rank)
        return (*a)->rank < (*b)->rank ? -1 : 1;
    return compare_names(left, right);
}

/* --- scalars ---------------------------------------------------------------------------------- */

/* How a text can be written. */
struct text_traits {
    bool multiline; /* holds a line feed */
    bool plain;     /* without quotes */
    bool single;    /* in single quotes */
    bool block;     /* below `|` */
};

/* What may stand as it is, as go-yaml has it (nothing beyond the 16 bits), without what libyaml
 * takes for a line's end. */
static bool is_printable(uint32_t code)
{
    return code == '\n' || (code >= 0x20 && code < 0x7f) ||
           (code >= 0xa0 && code < 0xfffe && code != 0x2028 && code != 0x2029 && code != 0xfeff);
}

static bool is_blank_or_end(char c)
{
    return c == ' ' || c == '\t' || c == '\0';
}

/* A character that would mean something else without quotes. */
static bool is_indicator(const char *text, const char *c)
{
    if (c == text)
        return strchr("#,[]{}&*!|>'\"%@`", *c) || (strchr("?:-", *c) && is_blank_or_end(c[1]));
    return (*c == ':' && is_blank_or_end(c[1])) ||
           (*c == '#' && (is_blank_or_end(c[-1]) || c[-1] == '\n'));
}

static bool is_blank_or_break(char c)
{
    return c == ' ' || c == '\n';
}

static struct text_traits examine(const char *text)
{
    struct text_traits traits = {.plain = true, .single = true, .block = *text};
    size_t length = strlen(text);
    if (strncmp(text, "---", 3) == 0 || strncmp(text, "...", 3) == 0)
        traits.plain = false;
    if (length == 0 || is_blank_or_break(text[0]) || is_blank_or_break(text[length - 1]))
        traits.plain = false;
    if (length > 0 && text[length - 1] == ' ')
        traits.block = false;
    for (const char *c = text; *c;) {
        uint32_t code = 0;
        size_t width = characters_decode(c, &code);
        bool is_invalid = code == 0xfffd && width == 1; /* a path may hold anything */
        bool is_special = is_invalid || (code != '\t' && !is_printable(code));
        bool blank_before_break = c[0] == ' ' && c[1] == '\n'; /* an editor would lose it */
        bool blank_behind_break = c[0] == '\n' && c[1] == ' ';
        traits.multiline |= *c == '\n';
        traits.plain &= !is_indicator(text, c);
        traits.single &= !is_special && *c != '\t' && !blank_before_break && !blank_behind_break;
        traits.block &= !is_special && !blank_before_break;
        c += width;
    }
    traits.plain &= traits.single && !traits.multiline;
    return traits;
}

static void add_double_quoted(struct strbuf *out, const char *text)
{
    static const char letters[] = "\a\b\t\n\v\f\r\033\"\\", names[] = "abtnvfre\"\\";
    strbuf_add_char(out, '"');
    while (*text) {
        uint32_t code = 0;
        size_t length = characters_decode(text, &code);
        const char *letter = code < 0x80 ? strchr(letters, (int)code) : NULL;
        if (letter)
            strbuf_addf(out, "\\%c", names[letter - letters]);
        else if (code == 0x85)
            strbuf_add_str(out, "\\N");
        else if (is_printable(code))
            characters_add(out, code);
        else
            strbuf_addf(out,
                        code < 0x100     ? "\\x%02X"
                        : code < 0x10000 ? "\\u%04X"
                                         : "\\U%08X",
                        code);
        text += length;
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

/* `|`, with the indentation where the text does not show it, and the sign that says how many line
 * feeds end the text. */
static void add_block(struct printer *printer, const char *text, size_t indent)
{
    struct strbuf *out = printer->out;
    size_t length = strlen(text);
    bool ends_with_break = text[length - 1] == '\n';
    bool keeps_more = ends_with_break && (length == 1 || text[length - 2] == '\n');
    strbuf_add_char(out, '|');
    if (is_blank_or_break(text[0]))
        strbuf_addf(out, "%zu", printer->step);
    strbuf_add_str(out, keeps_more ? "+" : ends_with_break ? "" : "-");
    while (*text) {
        size_t line = strcspn(text, "\n");
        strbuf_add_char(out, '\n');
        if (line > 0) {
            print_blanks(out, indent);
            strbuf_add(out, text, line);
        }
        text += line;
        if (*text == '\n')
            text++;
    }
}

static void add_string(struct printer *printer, const char *text, size_t indent)
{
    struct strbuf *out = printer->out;
    struct text_traits traits = examine(text);
    if (traits.multiline && traits.block)
        add_block(printer, text, indent);
    else if (traits.multiline || scalar_needs_quotes(text) || (!traits.plain && !traits.single))
        add_double_quoted(out, text);
    else if (!traits.plain)
        add_single_quoted(out, text);
    else
        strbuf_add_str(out, text);
}

static void add_number(struct strbuf *out, const struct node *node)
{
    char buffer[NUMBER_SIZE];
    node_format_number(node, NUMBER_PLAIN, buffer);
    if (buffer[0] == 'N')
        strbuf_add_str(out, ".nan");
    else if (buffer[1] == 'I')
        strbuf_add_str(out, buffer[0] == '-' ? "-.inf" : ".inf");
    else
        strbuf_add_str(out, buffer);
}

/* --- collections ------------------------------------------------------------------------------ */

static bool is_collection(const struct node *node)
{
    return (node->kind == NODE_MAP || node->kind == NODE_LIST) && node->count > 0;
}

static void add_collection(struct printer *printer, const struct node *node, size_t indent,
                           bool first_inline);

/* What stands behind "key:" or "-" on the same line. */
static void add_scalar(struct printer *printer, const struct node *node, size_t indent)
{
    switch (node->kind) {
    case NODE_BOOL:
        strbuf_add_str(printer->out, node->boolean ? "true" : "false");
        break;
    case NODE_INT:
    case NODE_FLOAT:
        add_number(printer->out, node);
        break;
    case NODE_STRING: {
        _cleanup_free_ char *text = print_text(printer->options, node);
        add_string(printer, text, indent);
        break;
    }
    case NODE_TIME:
        strbuf_add_str(printer->out, node->text);
        break;
    case NODE_LIST:
        strbuf_add_str(printer->out, "[]");
        break;
    case NODE_MAP:
        strbuf_add_str(printer->out, "{}");
        break;
    case NODE_NULL:
    case NODE_BAD:
    case NODE_KIND_COUNT:
        strbuf_add_str(printer->out, "null");
        break;
    }
}

/* The rest of a line, and what is below. */
static void add_value(struct printer *printer, const struct node *value, size_t indent)
{
    strbuf_add_char(printer->out, ' ');
    if (is_collection(value)) {
        add_collection(printer, value, indent, true);
        return;
    }
    add_scalar(printer, value, indent);
    strbuf_add_char(printer->out, '\n');
}

/* "key:"; a key that is long or has more than one line is "? key" and a ":" on a line of its own.
 */
static void add_pair(struct printer *printer, const struct node_pair *pair, size_t indent)
{
    bool is_simple = strlen(pair->key) <= KEY_LENGTH && !strpbrk(pair->key, "\n\r");
    if (!is_simple)
        strbuf_add_str(printer->out, "? ");
    add_string(printer, pair->key, indent + printer->step);
    if (!is_simple) {
        strbuf_add_char(printer->out, '\n');
        print_blanks(printer->out, indent);
    }
    strbuf_add_char(printer->out, ':');
    if (is_simple && is_collection(pair->value)) {
        strbuf_add_char(printer->out, '\n');
        add_collection(printer, pair->value, indent + printer->step, false);
    } else {
        add_value(printer, pair->value, indent + printer->step);
    }
}

static void add_map(struct printer *printer, const struct node *node, size_t indent,
                    bool first_inline)
{
    const struct print_options *options = printer->options;
    const struct node_pair **pairs = print_sorted(node, !options->sort     ? NULL
                                                        : options->by_name ? compare_names
                                                                           : compare_ranks);
    for (size_t i = 0; i < node->count; i++) {
        if (i > 0 || !first_inline)
            print_blanks(printer->out, indent);
        add_pair(printer, pairs[i], indent);
    }
    free(pairs);
}

static void add_list(struct printer *printer, const struct node *node, size_t indent,
                     bool first_inline)
{
    for (size_t i = 0; i < node->count; i++) {
        if (i > 0 || !first_inline)
            print_blanks(printer->out, indent);
        strbuf_add_char(printer->out, '-');
        add_value(printer, node->items[i], indent + 2);
    }
}

/* first_inline: the first line's indentation stands there already (behind "- "). */
static void add_collection(struct printer *printer, const struct node *node, size_t indent,
                           bool first_inline)
{
    if (node->kind == NODE_MAP)
        add_map(printer, node, indent, first_inline);
    else
        add_list(printer, node, indent, first_inline);
}

void print_yaml(const struct node *tree, const struct print_options *options, struct strbuf *out)
{
    struct printer printer = {
        .options = options, .out = out, .step = options->indent ? options->indent : 2};
    if (is_collection(tree))
        add_collection(&printer, tree, 0, false);
    else
        strbuf_add_str(out, "{}\n");
}
