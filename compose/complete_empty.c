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

/* Whether a pair goes. */
typedef bool goes_fn(const struct schema_key *key, const struct node *value);

struct removal {
    goes_fn *goes;
    bool leaves_services;
};

/* What stands below first: it may leave nothing. */
static void remove_from(const struct schema_object *rows, struct node *map, void *data)
{
    const struct removal *removal = data;
    size_t kept = 0;
    for (size_t i = 0; i < map->count; i++) {
        const struct node_pair *pair = &map->pairs[i];
        const struct schema_key *key = schema_row(rows, pair);
        bool is_left = !key || (removal->leaves_services && key->type == &type_services);
        if (!is_left && key->object)
            schema_each(key, pair->value, remove_from, data);
        if (key && removal->goes(key, pair->value))
            continue;
        if (kept < i)
            map->pairs[kept] = *pair;
        kept++;
    }
    node_shrink(map, kept);
}

static bool is_empty(const struct schema_key *key, const struct node *value)
{
    return !key->keeps_zero && !key->hides_zero && complete_says_nothing(key, value);
}

void complete_drop_empty(const struct schema_object *rows, struct node *map)
{
    remove_from(rows, map, &(struct removal){.goes = is_empty});
}

static bool is_forgotten(const struct schema_key *key, const struct node *value)
{
    return key->is_forgotten ||
           (key->shown && !key->keeps_zero && complete_says_nothing(key, value));
}

void complete_forget(const struct schema_object *rows, struct node *map)
{
    remove_from(rows, map, &(struct removal){.goes = is_forgotten});
}

/* --- all but the services --------------------------------------------------------------------- */

void complete_drop_empty_rest(struct node *tree)
{
    remove_from(&schema_root, tree, &(struct removal){.goes = is_empty, .leaves_services = true});
}

void complete_forget_rest(struct node *tree)
{
    remove_from(&schema_root, tree,
                &(struct removal){.goes = is_forgotten, .leaves_services = true});
}
