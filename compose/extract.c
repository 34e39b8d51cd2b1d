/* See compose/extract.h. */
#include "compose/extract.h"

#include "compose/interpolate.h"

#include <ctype.h>
#include <string.h>

#define NESTING_LIMIT 32

struct extraction {
    struct arena *arena;
    struct node *map;
};

static void extract_text(const struct extraction *extraction, const char *text, const char *end,
                         unsigned depth);

static size_t name_length(const char *text, const char *end)
{
    size_t length = 0;
    if (text < end && (*text == '_' || isalpha((unsigned char)*text)))
        while (text + length < end && (text[length] == '_' || isalnum((unsigned char)text[length])))
            length++;
    return length;
}

static void put_text(const struct extraction *extraction, struct node *entry, const char *key,
                     const char *text, size_t length)
{
    if (node_get_string(entry, key, "")[0] == '\0')
        node_put(extraction->arena, entry, key, entry->position,
                 node_new_string(extraction->arena, arena_strndup(extraction->arena, text, length),
                                 entry->position));
}

/* What stands behind the name: an operator and a word. */
static void add(const struct extraction *extraction, const char *name, const char *rest,
                const char *end)
{
    struct arena *arena = extraction->arena;
    struct node *entry = node_get(extraction->map, name);
    if (!entry) {
        entry = node_new(arena, NODE_MAP, (struct position){0});
        node_put(arena, extraction->map, name, entry->position, entry);
        node_put(arena, entry, "name", entry->position,
                 node_new_string(arena, name, entry->position));
        node_put(arena, entry, "required", entry->position,
                 node_new_bool(arena, false, entry->position));
    }
    rest += rest < end && *rest == ':';
    if (rest >= end)
        rest = end;
    char action = rest < end ? *rest++ : '\0';
    put_text(extraction, entry, "default", rest, action == '-' ? (size_t)(end - rest) : 0);
    put_text(extraction, entry, "alternate", rest, action == '+' ? (size_t)(end - rest) : 0);
    if (action == '?')
        node_get(entry, "required")->boolean = true;
}

/* `?word` or `:?word`: what is said where the variable is missing. */
static bool is_message(const char *rest, const char *end)
{
    rest += rest < end && *rest == ':';
    return rest < end && *rest == '?';
}

/* text stands behind a `$`; returns where to go on. */
static const char *extract_one(const struct extraction *extraction, const char *text,
                               const char *end, unsigned depth)
{
    bool braced = text < end && *text == '{';
    const char *name = text + braced;
    const char *close =
        braced ? interpolate_closing_brace(name, end) : name + name_length(name, end);
    if (!close) /* interpolation says so */
        return end;
    size_t length = name_length(name, close);
    if (length == 0)
        return text + (text < end && *text == '$' ? 1 : 0);
    add(extraction, arena_strndup(extraction->arena, name, length), name + length,
        braced ? close : name + length);
    if (braced && !is_message(name + length, close)) /* the reference does not look into it */
        extract_text(extraction, name + length, close, depth + 1);
    return close + braced;
}

static void extract_text(const struct extraction *extraction, const char *text, const char *end,
                         unsigned depth)
{
    while (depth < NESTING_LIMIT && text < end) {
        text = memchr(text, '$', (size_t)(end - text));
        if (!text)
            return;
        text = extract_one(extraction, text + 1, end, depth);
    }
}

static void extract_node(const struct extraction *extraction, const struct node *node)
{
    if (node->kind == NODE_STRING)
        extract_text(extraction, node->text, node->text + strlen(node->text), 0);
    for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
        extract_node(extraction, node->items[i]);
    for (size_t i = 0; node->kind == NODE_MAP && i < node->count; i++)
        extract_node(extraction, node->pairs[i].value);
}

void extract_variables(struct arena *arena, const struct node *tree, struct node *map)
{
    struct extraction extraction = {arena, map};
    extract_node(&extraction, tree);
}
