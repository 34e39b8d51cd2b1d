/* The part of compose/yaml.h about anchors and aliases, and about `!reset` and `!override`, which
 * an alias brings along. */
#include "compose/yaml_reader.h"

#include "base/str.h"
#include "compose/reset.h"

/* --- tags ------------------------------------------------------------------------------------- */

const char *reader_short_tag(const char *tag)
{
    const char *core = str_after_prefix(tag, "tag:yaml.org,2002:");
    return core ? core : streq(tag, "!") ? NULL : tag;
}

/* The keys that lead to the node at hand; false in a list: earlier files have no such item. What
 * stands below `<<` belongs to the mapping around it. path may be NULL. */
static bool walk_path(const struct reader *reader, struct node *path, size_t *ret_length)
{
    bool is_merged = false;
    *ret_length = 0;
    for (size_t i = 0; i < reader->depth; i++) {
        const struct level *level = &reader->levels[i];
        bool is_list = level->node->kind == NODE_LIST;
        if ((is_list && !is_merged) || (!is_list && !level->key))
            return false;
        is_merged = is_list || level->key_rank == RANK_MERGE;
        *ret_length += !is_merged;
        if (path && !is_merged)
            node_append(reader->arena, path,
                        node_new_string(reader->arena, level->key, level->key_position));
    }
    return true;
}

static struct node *current_path(const struct reader *reader)
{
    size_t length = 0;
    if (!walk_path(reader, NULL, &length))
        return NULL;
    struct node *path = node_new(reader->arena, NODE_LIST, (struct position){0});
    walk_path(reader, path, &length);
    return path;
}

static void note(struct reader *reader, struct node *path, enum yaml_tag tag,
                 struct position position)
{
    if (path->count > 0)
        reset_add(reader->arena, reader->resets, path, position);
    if (tag == YAML_TAG_OVERRIDE)
        vec_add(&reader->overrides, path);
}

static void note_here(struct reader *reader, enum yaml_tag tag, struct position position)
{
    struct node *path = current_path(reader);
    if (path)
        note(reader, path, tag, position);
    else
        diagnostics_add(reader->diagnostics, SEVERITY_WARNING, position,
                        "tag the key above the list",
                        "'%s' in a list takes nothing away from earlier files",
                        tag == YAML_TAG_RESET ? "!reset" : "!override");
}

enum yaml_tag reader_note_tag(struct reader *reader, const char *name, struct position position)
{
    enum yaml_tag kind = streq(name, "!reset")      ? YAML_TAG_RESET
                         : streq(name, "!override") ? YAML_TAG_OVERRIDE
                                                    : YAML_TAG_OTHER;
    if (kind != YAML_TAG_OTHER)
        note_here(reader, kind, position);
    return kind;
}

/* --- anchors ---------------------------------------------------------------------------------- */

size_t reader_add_anchor(struct reader *reader, const yaml_char_t *name, enum yaml_tag tag)
{
    struct position nowhere = {0};
    size_t length = 0;
    bool is_path = walk_path(reader, NULL, &length);
    vec_add(&reader->anchors, ((struct anchor){.tag = tag,
                                               .path_length = is_path ? length : 0,
                                               .first_override = reader->overrides.count}));
    size_t number = reader->anchors.count;
    node_put(reader->arena, reader->anchor_names, arena_strdup(reader->arena, (const char *)name),
             nowhere, node_new_int(reader->arena, (int64_t)number, nowhere));
    return number;
}

void reader_end_anchor(struct reader *reader, size_t anchor, struct node *value)
{
    struct anchor *complete = &reader->anchors.items[anchor - 1];
    complete->value = value;
    complete->overrides = reader->overrides.count - complete->first_override;
}

/* --- aliases ---------------------------------------------------------------------------------- */

/* What is overridden below the anchor is so below the alias. */
static void bring_overrides(struct reader *reader, const struct anchor *anchor,
                            struct position position)
{
    const struct node *here = anchor->overrides > 0 ? current_path(reader) : NULL;
    for (size_t i = 0; here && i < anchor->overrides; i++) {
        const struct node *path = reader->overrides.items[anchor->first_override + i];
        struct node *copy = node_new(reader->arena, NODE_LIST, position);
        for (size_t j = 0; j < here->count; j++)
            node_append(reader->arena, copy, here->items[j]);
        for (size_t j = anchor->path_length; j < path->count; j++)
            node_append(reader->arena, copy, path->items[j]);
        note(reader, copy, YAML_TAG_OVERRIDE, position);
    }
}

static void report_copy(struct reader *reader, const char *name, struct position position)
{
    if (reader->alias_nodes > YAML_ALIAS_LIMIT)
        fail_at(reader, position, NULL, "aliases make more than %d values of this file",
                YAML_ALIAS_LIMIT);
    else if (reader->alias_text > YAML_SIZE_LIMIT)
        fail_at(reader, position, NULL, "aliases make more than %zu MiB of text of this file",
                YAML_SIZE_LIMIT / (1024 * 1024));
    else
        fail_at(reader, position, NULL, "alias '*%s' nests deeper than %d levels", name,
                YAML_DEPTH_LIMIT);
}

/* What follows is read for its own problems only. */
static void report_unknown(struct reader *reader, const char *name, struct position position)
{
    const struct level *level = reader->depth > 0 ? &reader->levels[reader->depth - 1] : NULL;
    bool is_key = level && level->node->kind == NODE_MAP && !level->key;
    const char *nearest = node_nearest_key(reader->anchor_names, name);
    const char *hint = nearest ? arena_printf(reader->arena, "did you mean '*%s'?", nearest)
                               : "put it in quotes, if it is no alias";
    complain_at(reader, position, hint, "alias '*%s' has no anchor '&%s' before it", name, name);
    reader->is_broken = true;
    struct node *node = node_new(reader->arena, is_key ? NODE_STRING : NODE_BAD, position);
    if (is_key)
        node->text = arena_printf(reader->arena, "*%s", name);
    reader_place(reader, node);
}

void reader_take_alias(struct reader *reader, const yaml_event_t *event)
{
    struct position position = reader_position(reader, &event->start_mark);
    const char *name = (const char *)event->data.alias.anchor;
    const struct node_pair *pair = node_find(reader->anchor_names, name);
    if (!pair) {
        report_unknown(reader, name, position);
        return;
    }
    struct anchor anchor = reader->anchors.items[pair->value->integer - 1];
    if (!anchor.value) {
        fail_at(reader, position, NULL, "anchor '%s' contains itself", name);
        return;
    }
    struct node *copy = node_copy(reader->arena, anchor.value, YAML_DEPTH_LIMIT - reader->depth + 1,
                                  YAML_ALIAS_LIMIT, &reader->alias_nodes);
    reader->alias_text += copy ? node_text_size(copy) : 0;
    if (!copy || reader->alias_text > YAML_SIZE_LIMIT) {
        report_copy(reader, name, position);
        return;
    }
    if (anchor.tag != YAML_TAG_OTHER)
        note_here(reader, anchor.tag, position);
    bring_overrides(reader, &anchor, position);
    if (anchor.tag == YAML_TAG_RESET && reader->depth > 0)
        reader_leave_out(reader, copy);
    else
        reader_place(reader, copy);
}
