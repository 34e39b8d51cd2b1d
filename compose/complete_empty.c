/* The part of compose/complete.h about what says nothing: `tty: false`, `dns: []`, `user: ""`. The
 * reference's model cannot tell it from what is not there, and does not print it. Done at last: a
 * later file's `tty: false` had to win before. */
#include "base/str.h"
#include "compose/complete.h"

/* Where the type's canonical form is a text, that of nothing. */
static bool is_zero_text(const struct schema_type *type, const char *text)
{
    if (type == &type_bytes || type == &type_bytes_text || type == &type_limit ||
        type == &type_whole_limit)
        text = streq(text, "0") ? "" : text;
    if (type == &type_duration)
        text = streq(text, "0s") ? "" : text;
    return text[0] == '\0';
}

bool complete_says_nothing(const struct schema_key *key, const struct node *value)
{
    bool is_object = key->object && key->type->merge != MERGE_MAP;
    switch (value->kind) {
    case NODE_BOOL:
        return !value->boolean;
    case NODE_INT:
        return value->integer == 0;
    case NODE_FLOAT:
        return value->number == 0;
    case NODE_STRING:
        return is_zero_text(key->type, value->text);
    case NODE_LIST:
        return value->count == 0;
    case NODE_MAP: /* `healthcheck: {}` is there; of what is shown anyway nobody can tell */
        return value->count == 0 && (!is_object || key->shown);
    case NODE_TIME:
    case NODE_NULL:
    case NODE_BAD:
    case NODE_KIND_COUNT:
        break;
    }
    return false;
}

static void drop_from(const struct schema_object *rows, struct node *map, void *data)
{
    (void)data;
    for (size_t i = map->count; i-- > 0;) {
        const struct schema_key *key = schema_row(rows, &map->pairs[i]);
        if (key && !key->keeps_zero && !key->hides_zero &&
            complete_says_nothing(key, map->pairs[i].value))
            node_remove(map, key->name);
    }
}

void complete_drop_empty(const struct schema_object *rows, struct node *map)
{
    schema_walk(rows, map, drop_from, NULL);
}

static void forget_from(const struct schema_object *rows, struct node *map, void *data)
{
    (void)data;
    for (size_t i = map->count; i-- > 0;) {
        const struct schema_key *key = schema_row(rows, &map->pairs[i]);
        if (key && (key->is_forgotten || (key->shown && !key->keeps_zero &&
                                          complete_says_nothing(key, map->pairs[i].value))))
            node_remove(map, key->name);
    }
}

void complete_forget(const struct schema_object *rows, struct node *map)
{
    schema_walk(rows, map, forget_from, NULL);
}

/* --- all but the services --------------------------------------------------------------------- */

static void each_part(struct node *tree,
                      void (*visit)(const struct schema_object *rows, struct node *map))
{
    for (size_t i = 0; i < tree->count; i++) {
        const struct schema_key *key = schema_row(&schema_root, &tree->pairs[i]);
        struct node *section = tree->pairs[i].value;
        if (!key || !key->object || section->kind != NODE_MAP || streq(key->name, "services"))
            continue;
        if (!schema_has_entries(key))
            visit(key->object, section);
        for (size_t j = 0; schema_has_entries(key) && j < section->count; j++)
            if (section->pairs[j].value->kind == NODE_MAP)
                visit(key->object, section->pairs[j].value);
    }
}

void complete_drop_empty_rest(struct node *tree)
{
    each_part(tree, complete_drop_empty);
    drop_from(&schema_root, tree, NULL);
}

void complete_forget_rest(struct node *tree)
{
    each_part(tree, complete_forget);
    forget_from(&schema_root, tree, NULL);
}
