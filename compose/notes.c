/* See compose/notes.h. */
#include "compose/notes.h"

#include "base/str.h"
#include "compose/schema.h"

struct notes {
    struct diagnostics *diagnostics;
    struct strbuf path;        /* of the value at hand */
    struct strbuf meaningless; /* names of keys that mean nothing */
    struct node *seen;         /* of these, each once */
    struct arena *arena;
    struct position first; /* of these */
};

static void walk_object(struct notes *notes, const struct schema_object *object,
                        const struct node *map);

/* `volumes_from: []` can be had without. So can `privileged: false`. */
static bool asks_for_nothing(const struct node *value)
{
    bool empty = (value->kind == NODE_LIST || value->kind == NODE_MAP) && value->count == 0;
    return empty || value->kind == NODE_NULL || value->kind == NODE_BAD ||
           (value->kind == NODE_BOOL && !value->boolean) ||
           (value->kind == NODE_STRING && value->text[0] == '\0');
}

static void note_meaningless(struct notes *notes, const struct node_pair *pair)
{
    if (node_find(notes->seen, pair->key))
        return;
    if (notes->seen->count == 0)
        notes->first = pair->position;
    strbuf_addf(&notes->meaningless, "%s'%s'", notes->seen->count ? ", " : "", pair->key);
    node_put(notes->arena, notes->seen, pair->key, pair->position, pair->value);
}

/* Below a key that works: the keys of its object, or of each of its entries or items. */
static void walk_value(struct notes *notes, const struct schema_key *key, const struct node *value)
{
    size_t length = notes->path.length;
    if (!key->object)
        return;
    if (value->kind == NODE_LIST || key->type->merge == MERGE_MAP) {
        for (size_t i = 0; i < value->count; i++) {
            if (value->kind == NODE_MAP) {
                strbuf_add_char(&notes->path, '.');
                strbuf_add_str(&notes->path, value->pairs[i].key);
            } else {
                strbuf_addf(&notes->path, "[%zu]", i);
            }
            walk_object(notes, key->object,
                        value->kind == NODE_MAP ? value->pairs[i].value : value->items[i]);
            notes->path.length = length;
            notes->path.data[length] = '\0';
        }
        return;
    }
    walk_object(notes, key->object, value);
}

static void walk_pair(struct notes *notes, const struct schema_key *key,
                      const struct node_pair *pair)
{
    const char *path = strbuf_text(&notes->path);
    if (asks_for_nothing(pair->value) && key->class != KEY_WORKS)
        return;
    switch (key->class) {
    case KEY_WORKS:
        walk_value(notes, key, pair->value);
        break;
    case KEY_LATER:
        diagnostics_add(notes->diagnostics, SEVERITY_LATER, pair->position, NULL,
                        "'%s' is not supported yet, and left out", path);
        break;
    case KEY_INSTEAD:
        diagnostics_add(notes->diagnostics, SEVERITY_INSTEAD, pair->position, NULL,
                        "'%s' has no effect: %s", path, key->help);
        break;
    case KEY_NOTHING:
        note_meaningless(notes, pair);
        break;
    case KEY_OBSOLETE:
    case KEY_CLASS_COUNT:
        break;
    }
}

static void walk_object(struct notes *notes, const struct schema_object *object,
                        const struct node *map)
{
    size_t length = notes->path.length;
    for (size_t i = 0; map->kind == NODE_MAP && i < map->count; i++) {
        const struct node_pair *pair = &map->pairs[i];
        const struct schema_key *key = schema_find(object, pair->key);
        if (!key)
            continue;
        if (length)
            strbuf_add_char(&notes->path, '.');
        strbuf_add_str(&notes->path, pair->key);
        walk_pair(notes, key, pair);
        notes->path.length = length;
        notes->path.data[length] = '\0';
    }
}

void notes_add(struct arena *arena, struct diagnostics *diagnostics, const struct node *tree)
{
    struct notes notes = {.diagnostics = diagnostics,
                          .arena = arena,
                          .seen = node_new(arena, NODE_MAP, tree->position)};
    walk_object(&notes, &schema_root, tree);
    if (notes.seen->count > 0)
        diagnostics_add(diagnostics, SEVERITY_INSTEAD, notes.first, NULL,
                        notes.seen->count == 1 ? "%s means nothing to a VM"
                                               : "%s mean nothing to a VM",
                        notes.meaningless.data);
    strbuf_done(&notes.path);
    strbuf_done(&notes.meaningless);
}
