/* See compose/notes.h. A walk along the table's rows collects what there is to say; what is the
 * same of many services is said once. */
#include "compose/notes.h"

#include "base/str.h"
#include "base/vec.h"
#include "compose/schema_table.h"
#include "compose/value_path.h"

#define NAMES_SHOWN 20

/* One thing to say, and of whom. */
struct note {
    enum severity severity;
    const char *path;         /* of the first: "services.web.cap_add" */
    const char *label;        /* below a service: "cap_add" */
    const char *section;      /* "services" */
    const char *text;         /* "has no effect: ..." */
    struct position position; /* of the first */
    struct node *names;       /* services, networks... */
    size_t count;
};

struct notes {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct value_path path;      /* of the value at hand */
    const char *section, *entry; /* "services", "web" */
    VEC(struct note) list;       /* in the tree's order */
    struct node *index;          /* "LABEL TEXT" -> place in the list */
    struct node *meaningless;    /* labels of keys that mean nothing */
    struct position first;       /* of these */
};

static void walk_object(struct notes *notes, const struct schema_object *object,
                        const struct node *map);

/* --- what to say ----------------------------------------------------------------------------- */

/* "services.NAME.deploy" and "mode" -> "deploy.mode"; other sections keep their name. */
static const char *label_of(const struct notes *notes, const struct schema_object *object,
                            const char *key)
{
    const char *rest = strstr(object->title, ".NAME");
    if (!rest)
        return key;
    rest += strlen(".NAME");
    return *rest ? arena_printf(notes->arena, "%s.%s", rest + 1, key) : key;
}

static void add_note(struct notes *notes, enum severity severity, const char *label,
                     struct position position, const char *text)
{
    const char *name = arena_printf(notes->arena, "%s %s %s", notes->section, label, text);
    struct node *place = node_get(notes->index, name);
    if (!place) {
        place = node_new_int(notes->arena, (int64_t)notes->list.count, position);
        node_put(notes->arena, notes->index, name, position, place);
        vec_add(&notes->list,
                (struct note){.severity = severity,
                              .path = arena_strdup(notes->arena, value_path_text(&notes->path)),
                              .label = label,
                              .section = notes->section,
                              .text = text,
                              .position = position,
                              .names = node_new(notes->arena, NODE_MAP, position)});
    }
    struct note *note = &notes->list.items[place->integer];
    node_put(notes->arena, note->names, notes->entry, position,
             node_new(notes->arena, NODE_NULL, position));
    note->count++;
}

/* What stands below a cluster's or a build's key is named with it: "networks.labels". */
static void add_meaningless(struct notes *notes, const char *label, struct position position)
{
    if (!streq(notes->section, "services"))
        label = arena_printf(notes->arena, "%s.%s", notes->section, label);
    if (notes->meaningless->count == 0)
        notes->first = position;
    if (!node_find(notes->meaningless, label))
        node_put(notes->arena, notes->meaningless, label, position,
                 node_new(notes->arena, NODE_NULL, position));
}

/* `volumes_from: []` can be had without. So can `privileged: false`. */
static bool asks_for_nothing(const struct schema_key *key, const struct node *value)
{
    bool empty = (value->kind == NODE_LIST || value->kind == NODE_MAP) && value->count == 0;
    return empty || value->kind == NODE_NULL || value->kind == NODE_BAD ||
           (value->kind == NODE_BOOL && value->boolean == streq(key->name, "enable_ipv4")) ||
           (value->kind == NODE_STRING && value->text[0] == '\0');
}

/* Of a key that works, but not with this value. */
static const char *value_note(const struct notes *notes, const struct schema_key *key,
                              const struct node *value)
{
    bool may_be_other = key->type == &type_network_mode || key->type == &type_logging_driver ||
                        key->type == &type_pull_policy;
    if (!may_be_other || value->kind != NODE_STRING)
        return NULL;
    if (key->type == &type_network_mode && value->text[0] && !streq(value->text, "none"))
        return arena_printf(notes->arena,
                            "is '%s', which is not supported yet: the VM has no network",
                            value->text);
    if (key->type == &type_logging_driver && !schema_is_log_driver(value->text))
        return arena_printf(
            notes->arena, "is '%s', which is not supported yet: the log is kept here", value->text);
    if (key->type == &type_pull_policy && schema_is_later_pull_policy(value->text))
        return arena_printf(notes->arena,
                            "is '%s', which is not supported yet: the image is fetched where it is "
                            "missing",
                            value->text);
    return NULL;
}

/* --- the walk -------------------------------------------------------------------------------- */

/* Below a key that works: the keys of its object, or of each of its entries or items. */
static void walk_value(struct notes *notes, const struct schema_key *key, const struct node *value)
{
    bool is_section = notes->section[0] == '\0';
    if (!key->object)
        return;
    bool is_many = value->kind == NODE_LIST ||
                   (key->type->merge == MERGE_MAP && key->type != &type_logging_options);
    if (!is_many) {
        walk_object(notes, key->object, value);
        return;
    }
    notes->section = is_section ? key->name : notes->section;
    for (size_t i = 0; i < value->count; i++) {
        bool is_map = value->kind == NODE_MAP;
        size_t depth = is_map ? value_path_enter(&notes->path, value->pairs[i].key)
                              : value_path_enter_item(&notes->path, i);
        if (is_section)
            notes->entry = is_map ? value->pairs[i].key : "";
        walk_object(notes, key->object, is_map ? value->pairs[i].value : value->items[i]);
        value_path_leave(&notes->path, depth);
    }
    notes->section = is_section ? "" : notes->section;
}

static void walk_pair(struct notes *notes, const struct schema_object *object,
                      const struct schema_key *key, const struct node_pair *pair)
{
    const char *text = NULL;
    if (key->class != KEY_WORKS && asks_for_nothing(key, pair->value))
        return;
    switch (key->class) {
    case KEY_WORKS:
        text = value_note(notes, key, pair->value);
        if (text)
            add_note(notes, SEVERITY_LATER, label_of(notes, object, key->name),
                     pair->value->position, text);
        walk_value(notes, key, pair->value);
        break;
    case KEY_LATER:
        add_note(notes, SEVERITY_LATER, label_of(notes, object, key->name), pair->position,
                 "is not supported yet, and left out");
        break;
    case KEY_INSTEAD:
        add_note(notes, SEVERITY_INSTEAD, label_of(notes, object, key->name), pair->position,
                 arena_printf(notes->arena, "has no effect: %s", key->help));
        break;
    case KEY_NOTHING:
        add_meaningless(notes, label_of(notes, object, key->name), pair->position);
        break;
    case KEY_OBSOLETE:
    case KEY_CLASS_COUNT:
        break;
    }
}

/* Options of a log driver that is not there are no news beside it. */
static bool is_foreign_option(const struct schema_object *object, const struct node *map,
                              const char *key)
{
    return object == &schema_logging && streq(key, "options") &&
           !schema_is_log_driver(node_get_string(map, "driver", ""));
}

static void walk_member(struct notes *notes, const struct schema_object *object,
                        const struct node *map, const struct node_pair *pair)
{
    const struct schema_key *key = schema_row(object, pair);
    size_t depth = value_path_enter(&notes->path, pair->key);
    if (key && !is_foreign_option(object, map, pair->key))
        walk_pair(notes, object, key, pair);
    else if (!key && object == &schema_logging_options)
        add_note(notes, SEVERITY_INSTEAD, label_of(notes, object, pair->key), pair->position,
                 "has no effect: only 'max-size' and 'max-file' are known");
    value_path_leave(&notes->path, depth);
}

static void walk_object(struct notes *notes, const struct schema_object *object,
                        const struct node *map)
{
    for (size_t i = 0; map->kind == NODE_MAP && i < map->count; i++)
        walk_member(notes, object, map, &map->pairs[i]);
}

/* --- saying it ------------------------------------------------------------------------------- */

/* "'a', 'b' and 3 more" */
static void add_names(struct strbuf *out, const struct node *names, size_t limit)
{
    size_t shown = names->count > limit ? limit : names->count;
    for (size_t i = 0; i < shown; i++)
        strbuf_addf(out, "%s'%s'",
                    i == 0                                    ? ""
                    : i + 1 == shown && shown == names->count ? " and "
                                                              : ", ",
                    names->pairs[i].key);
    if (shown < names->count)
        strbuf_addf(out, " and %zu more", (size_t)names->count - shown);
}

static void say(struct diagnostics *diagnostics, const struct note *note)
{
    _cleanup_strbuf_ struct strbuf subject = {0};
    if (note->count == 1) {
        strbuf_addf(&subject, "'%s'", note->path);
    } else {
        size_t one = note->names->count == 1; /* "service", "services" */
        strbuf_addf(&subject, "'%s' of %.*s ", note->label, (int)(strlen(note->section) - one),
                    note->section);
        add_names(&subject, note->names, NAMES_SHOWN);
    }
    diagnostics_add(diagnostics, note->severity, note->position, NULL, "%s %s",
                    strbuf_text(&subject), note->text);
}

struct notes *notes_new(struct arena *arena, struct diagnostics *diagnostics)
{
    struct notes *notes = arena_new0(arena, struct notes);
    *notes = (struct notes){.arena = arena,
                            .diagnostics = diagnostics,
                            .section = "",
                            .entry = "",
                            .index = node_new(arena, NODE_MAP, (struct position){0}),
                            .meaningless = node_new(arena, NODE_MAP, (struct position){0})};
    return notes;
}

void notes_add_service(struct notes *notes, const struct node_pair *service)
{
    size_t depth = value_path_enter(&notes->path, "services");
    value_path_enter(&notes->path, service->key);
    notes->section = "services";
    notes->entry = service->key;
    walk_object(notes, &schema_service, service->value);
    notes->section = "";
    value_path_leave(&notes->path, depth);
}

void notes_add_rest(struct notes *notes, const struct node *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        if (!streq(tree->pairs[i].key, "services"))
            walk_member(notes, &schema_root, tree, &tree->pairs[i]);
}

void notes_say(struct notes *notes)
{
    _cleanup_strbuf_ struct strbuf names = {0};
    for (size_t i = 0; i < notes->list.count; i++)
        say(notes->diagnostics, &notes->list.items[i]);
    add_names(&names, notes->meaningless, SIZE_MAX);
    if (notes->meaningless->count > 0)
        diagnostics_add(notes->diagnostics, SEVERITY_INSTEAD, notes->first, NULL,
                        "%s mean%s nothing to a VM", strbuf_text(&names),
                        notes->meaningless->count == 1 ? "s" : "");
    vec_done(&notes->list);
    value_path_done(&notes->path);
}
