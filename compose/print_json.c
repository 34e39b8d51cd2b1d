/* JSON of compose/print.h. */
#include "compose/characters.h"
#include "compose/complete.h"
#include "compose/number.h"
#include "compose/print.h"
#include "compose/scalar.h"

#include <stdlib.h>

struct printer {
    const struct print_options *options;
    struct strbuf *out;
    size_t step; /* of indentation */
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

/* How much of the text, from its beginning, stands for itself. */
static size_t plain_length(const char *text)
{
    size_t length = 0;
    while (text[length] >= 0x20 && text[length] < 0x7f && !strchr("\"\\<>&", text[length]))
        length++;
    return length;
}

static void add_string(struct strbuf *out, const char *text)
{
    static const char letters[] = "\b\f\n\r\t\"\\", names[] = "bfnrt\"\\";
    strbuf_add_char(out, '"');
    for (;;) {
        size_t plain = plain_length(text);
        strbuf_add(out, text, plain);
        text += plain;
        if (!*text)
            break;
        uint32_t code = 0;
        size_t length = characters_decode(text, &code);
        const char *letter = code < 0x80 ? strchr(letters, (int)code) : NULL;
        if (letter)
            strbuf_addf(out, "\\%c", names[letter - letters]);
        else if (is_escaped(code))
            strbuf_addf(out, "\\u%04x", code);
        else
            characters_add(out, code); /* a path may hold anything */
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

static void add_break(struct printer *printer, size_t depth)
{
    if (printer->options->is_compact)
        return;
    strbuf_add_char(printer->out, '\n');
    print_blanks(printer->out, depth * printer->step);
}

static void add(struct printer *printer, const struct node *node, size_t depth);

static void add_map(struct printer *printer, const struct node *node, size_t depth)
{
    bool by_name = printer->options->by_name || (depth == 0 && printer->options->top_by_name);
    const struct node_pair **pairs = print_sorted(node, !printer->options->sort ? NULL
                                                        : by_name               ? compare_names
                                                                                : compare_ranks);
    strbuf_add_char(printer->out, '{');
    for (size_t i = 0; i < node->count; i++) {
        strbuf_add_str(printer->out, i > 0 ? "," : "");
        add_break(printer, depth + 1);
        add_string(printer->out, pairs[i]->key);
        strbuf_add_str(printer->out, printer->options->is_compact ? ":" : ": ");
        add(printer, pairs[i]->value, depth + 1);
    }
    if (node->count > 0)
        add_break(printer, depth);
    strbuf_add_char(printer->out, '}');
    free(pairs);
}

static void add_list(struct printer *printer, const struct node *node, size_t depth)
{
    strbuf_add_char(printer->out, '[');
    for (size_t i = 0; i < node->count; i++) {
        strbuf_add_str(printer->out, i > 0 ? "," : "");
        add_break(printer, depth + 1);
        add(printer, node->items[i], depth + 1);
    }
    if (node->count > 0)
        add_break(printer, depth);
    strbuf_add_char(printer->out, ']');
}

static void add(struct printer *printer, const struct node *node, size_t depth)
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
        add_list(printer, node, depth);
        break;
    case NODE_MAP:
        add_map(printer, node, depth);
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
    struct printer printer = {
        .options = options, .out = out, .step = options->indent ? options->indent : 2};
    add(&printer, tree, 0);
}

/* --- what the reference's JSON has ------------------------------------------------------------ */

static struct node *shown_value(struct arena *arena, const char *text, struct position position)
{
    if (streq(text, "{}"))
        return node_new(arena, NODE_MAP, position);
    if (streq(text, "null"))
        return node_new(arena, NODE_NULL, position);
    if (streq(text, "0"))
        return node_new_int(arena, 0, position);
    return node_new_string(arena, text, position);
}

/* Puts what the reference shows where it is not there. */
static void show_missing(const struct schema_object *rows, struct node *map, struct arena *arena,
                         schema_visit_fn *visit)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct schema_key *key = &rows->keys[i];
        if (!key->shown || node_find(map, key->name))
            continue;
        struct node *value = shown_value(arena, key->shown, map->position);
        if (value->kind == NODE_MAP)
            schema_walk(key->object, value, visit, arena);
        node_put_ranked(arena, map,
                        &(struct node_pair){.key = key->name, .rank = (unsigned)i, .value = value});
    }
}

/* A number of these is a string there. */
static bool is_text(const struct schema_type *type)
{
    return type == &type_limit || type == &type_whole_limit;
}

/* Below the top level there are no extensions. */
static void follow_reference(const struct schema_object *rows, struct node *map, void *arena)
{
    show_missing(rows, map, arena, follow_reference);
    for (size_t i = map->count; i-- > 0;) {
        struct node_pair pair = map->pairs[i];
        const struct schema_key *key = schema_row(rows, &pair);
        if (!key && rows != &schema_root)
            node_remove(map, pair.key);
        if (!key)
            continue;
        if (is_text(key->type) && pair.value->kind == NODE_INT)
            pair.value =
                node_new_string(arena, node_scalar_text(arena, pair.value), pair.value->position);
        map->pairs[i].value = pair.value;
        if (key->is_hidden || (key->hides_zero && complete_says_nothing(key, pair.value)))
            node_remove(map, pair.key);
        if (key->json_name) {
            node_remove(map, pair.key);
            pair.key = key->json_name;
            pair.hash = 0;
            node_put_ranked(arena, map, &pair);
        }
    }
}

void print_prepare_json(struct arena *arena, const struct schema_object *rows, struct node *tree)
{
    schema_walk(rows, tree, follow_reference, arena);
}
