/* JSON of compose/print.h. */
#include "compose/number.h"
#include "compose/print.h"
#include "compose/scalar.h"

#include <stdlib.h>

struct printer {
    const struct print_options *options;
    struct strbuf *out;
};

static int compare_names(const void *left, const void *right)
{
    const struct node_pair *const *a = left, *const *b = right;
    return strcmp((*a)->key, (*b)->key);
}

static int compare_ranks(const void *left, const void *right)
{
    const struct node_pair *const *a = left, *const *b = right;
    if ((*a)->rank != (*b)->rank)
        return (*a)->rank < (*b)->rank ? -1 : 1;
    return strcmp((*a)->key, (*b)->key);
}

/* What Go escapes, and what a reader of YAML would refuse; the latter Go lets through. */
static bool is_escaped(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == '<' || code == '>' ||
           code == '&' || code == 0x2028 || code == 0x2029 || code == 0xfeff ||
           (code >= 0xfffe && code <= 0xffff);
}

static void add_string(struct strbuf *out, const char *text)
{
    static const char letters[] = "\b\f\n\r\t\"\\", names[] = "bfnrt\"\\";
    strbuf_add_char(out, '"');
    while (*text) {
        uint32_t code = 0;
        size_t length = print_decode(text, &code);
        const char *letter = code < 0x80 ? strchr(letters, (int)code) : NULL;
        if (letter)
            strbuf_addf(out, "\\%c", names[letter - letters]);
        else if (is_escaped(code))
            strbuf_addf(out, "\\u%04x", code);
        else
            strbuf_add(out, text, length);
        text += length;
    }
    strbuf_add_char(out, '"');
}

static void add_number(struct strbuf *out, const struct node *node)
{
    char buffer[NUMBER_SIZE];
    node_format_number(node, NUMBER_JSON, buffer);
    bool is_finite = buffer[0] != 'N' && buffer[1] != 'I'; /* JSON has no infinity */
    strbuf_add_str(out, is_finite ? buffer : "null");
}

static void add_break(struct printer *printer, size_t indent)
{
    if (printer->options->is_compact)
        return;
    strbuf_add_char(printer->out, '\n');
    print_blanks(printer->out, indent);
}

static void add(struct printer *printer, const struct node *node, size_t indent);

/* In the reference's services, networks... keys that begin with x- have no place in JSON. Those of
 * free mappings (labels) have rank 0. */
static bool is_left_out(const struct printer *printer, const struct node_pair *pair, size_t indent)
{
    return printer->options->no_extensions && indent > 0 && pair->rank > 0 &&
           str_after_prefix(pair->key, "x-") && !streq(pair->key, "x-vmstead");
}

static void add_map(struct printer *printer, const struct node *node, size_t indent)
{
    bool by_name = indent == 0 || printer->options->by_name; /* so is the reference's top level */
    const struct node_pair **pairs = print_sorted(node, !printer->options->sort ? NULL
                                                        : by_name               ? compare_names
                                                                                : compare_ranks);
    bool is_empty = true;
    strbuf_add_char(printer->out, '{');
    for (size_t i = 0; i < node->count; i++) {
        if (is_left_out(printer, pairs[i], indent))
            continue;
        strbuf_add_str(printer->out, is_empty ? "" : ",");
        is_empty = false;
        add_break(printer, indent + 2);
        add_string(printer->out, pairs[i]->key);
        strbuf_add_str(printer->out, printer->options->is_compact ? ":" : ": ");
        add(printer, pairs[i]->value, indent + 2);
    }
    if (!is_empty)
        add_break(printer, indent);
    strbuf_add_char(printer->out, '}');
    free(pairs);
}

static void add_list(struct printer *printer, const struct node *node, size_t indent)
{
    strbuf_add_char(printer->out, '[');
    for (size_t i = 0; i < node->count; i++) {
        strbuf_add_str(printer->out, i > 0 ? "," : "");
        add_break(printer, indent + 2);
        add(printer, node->items[i], indent + 2);
    }
    if (node->count > 0)
        add_break(printer, indent);
    strbuf_add_char(printer->out, ']');
}

static void add(struct printer *printer, const struct node *node, size_t indent)
{
    switch (node->kind) {
    case NODE_BOOL:
        strbuf_add_str(printer->out, node->boolean ? "true" : "false");
        break;
    case NODE_INT:
    case NODE_FLOAT:
        add_number(printer->out, node);
        break;
    case NODE_TIME:
    case NODE_STRING: {
        _cleanup_free_ char *text = print_text(printer->options, node);
        add_string(printer->out, text);
        break;
    }
    case NODE_LIST:
        add_list(printer, node, indent);
        break;
    case NODE_MAP:
        add_map(printer, node, indent);
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
    add(&printer, tree, 0);
}
