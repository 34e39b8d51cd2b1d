/* The types of what is mounted and put into a VM: volumes, tmpfs, configs and secrets.
 * Canonical: lists of mappings in the long form, but for tmpfs, which has only a short one. */
#include "base/vec.h"
#include "compose/mount_text.h"
#include "compose/parse.h"
#include "compose/schema_types.h"

#include <ctype.h>
#include <errno.h>

static const char *drive_hint(const char *path)
{
    return mount_text_is_drive(path) && path[0] != '\\'
               ? "one letter before ':' is a drive to Docker Compose: use a longer name"
               : NULL;
}

/* --- paths ----------------------------------------------------------------------------------- */

static bool has_part(const char *path, const char *part)
{
    size_t length = strlen(part);
    while (path) {
        if (strncmp(path, part, length) == 0 && (path[length] == '/' || path[length] == '\0'))
            return true;
        path = strchr(path, '/');
        path = path ? path + 1 : NULL;
    }
    return false;
}

/* The mount point in the VM, without doubled slashes, `.` and one at the end. hint: for one that is
 * not absolute. */
static const char *mount_target(struct schema *schema, const struct node *node, const char *text,
                                const char *hint)
{
    const char *clean = path_clean(schema->arena, "/", text);
    bool is_above = text[0] == '.' && text[1] == '.';
    if (text[0] != '/') {
        clean = is_above ? text : clean[1] ? clean + 1 : "."; /* as Go's path.Clean() */
        schema_engine(schema, node, drive_hint(text) ? drive_hint(text) : hint,
                      "must have an absolute path in the VM, not '%s'", text);
    } else if (streq(clean, "/")) {
        schema_engine(schema, node, NULL, "cannot be mounted over '/'");
    }
    return clean;
}

static struct node *parse_subpath(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (node && (node->text[0] == '/' || has_part(node->text, "..")))
        schema_engine(schema, node, NULL, "must be a path inside, without '..', not '%s'",
                      node->text);
    return node;
}
const struct schema_type type_subpath = {"relative path", parse_subpath, MERGE_REPLACE, false};

/* --- volumes of a service -------------------------------------------------------------------- */

static const char *const mount_types[] = {"volume", "bind", "tmpfs", NULL};
static const char *const later_mount_types[] = {"image", "npipe", "cluster", NULL};
WORD_TYPE(mount_type, "`volume`, `bind` or `tmpfs`", mount_types, later_mount_types);

static const char *const selinux_labels[] = {"z", "Z", NULL};
WORD_TYPE(selinux, "`z` or `Z`", selinux_labels, NULL);

static const char *const propagations[] = {"",       "rprivate", "private", "rshared",
                                           "shared", "rslave",   "slave",   NULL};
FREE_WORD_TYPE(propagation, "`rprivate`, `rslave`, `rshared`...", propagations);

static const char *const recursions[] = {"enabled", "disabled", "writable", "readonly", NULL};
WORD_TYPE(recursive, "`enabled`, `disabled`, `writable` or `readonly`", recursions, NULL);

static struct node *parse_mount_mode(struct schema *schema, const struct schema_key *key,
                                     struct node *node)
{
    (void)key;
    if (node->kind != NODE_INT)
        return schema_wrong_kind(schema, node, "an octal number");
    if (node->integer < 0)
        return schema_error(schema, node, "write it in octal, like 0755",
                            "must be a mode from 0 to 07777, not %lld", (long long)node->integer);
    if (node->integer > 07777)
        schema_engine(schema, node, "write it in octal, like 0755",
                      "must be a mode from 0 to 07777, not %lld", (long long)node->integer);
    return node;
}
const struct schema_type type_mount_mode = {"octal number", parse_mount_mode, MERGE_REPLACE, false};

/* "volume: {}" and "bind: {create_host_path: true}" show the short form, as the reference does. */
static struct node *expand_mount(struct schema *schema, const struct schema_object *rows,
                                 const struct node *item, const struct mount_text *mount)
{
    struct arena *arena = schema->arena;
    struct position position = item->position;
    bool bind = mount->source && mount_text_is_path(mount->source);
    struct node *entry = node_new(arena, NODE_MAP, position);
    node_reserve(arena, entry, 4u + mount->read_only);
    struct node *details = node_new(arena, NODE_MAP, position);
    node_reserve(arena, details, bind);
    struct node *volume = node_new(arena, NODE_MAP, position);
    const struct schema_object *bind_rows = schema_find(rows, "bind")->object;
    schema_put(schema, rows, entry, "type",
               node_new_string(arena, bind ? "bind" : "volume", position));
    if (mount->source)
        schema_put(schema, rows, entry, "source", node_new_string(arena, mount->source, position));
    schema_put(schema, rows, entry, "target", node_new_string(arena, mount->target, position));
    if (mount->read_only)
        schema_put(schema, rows, entry, "read_only", node_new_bool(arena, true, position));
    if (mount->selinux)
        schema_put(schema, bind_rows, details, "selinux",
                   node_new_string(arena, mount->selinux, position));
    if (mount->propagation)
        schema_put(schema, bind_rows, details, "propagation",
                   node_new_string(arena, mount->propagation, position));
    if (bind) {
        schema_put(schema, bind_rows, details, "create_host_path",
                   node_new_bool(arena, true, position));
    }
    if (details->count > 0)
        schema_put(schema, rows, entry, "bind", details);
    if (mount->nocopy)
        schema_put(schema, schema_find(rows, "volume")->object, volume, "nocopy",
                   node_new_bool(arena, true, position));
    if ((!bind && strlen(item->text) > 2) || mount->nocopy) /* the reference's own quirk */
        schema_put(schema, rows, entry, "volume", volume);
    return entry;
}

static const char *option_hint(struct arena *arena, const char *option)
{
    static const char *const options[] = {"ro",      "rw",     "nocopy",   "rprivate",
                                          "rshared", "rslave", "private",  "shared",
                                          "slave",   "cached", "delegated"};
    const char *nearest = str_nearest(option, options, ARRAY_SIZE(options));
    return nearest ? arena_printf(arena, "did you mean '%s'?", nearest) : NULL;
}

static struct node *parse_short_mount(struct schema *schema, const struct schema_key *key,
                                      struct node *item)
{
    struct mount_text mount;
    const char *problem = mount_text_parse(schema->arena, item->text, &mount);
    if (problem)
        return schema_error(schema, item, "use [SOURCE:]TARGET[:ro]", "%s: '%s'", problem,
                            item->text);
    if (mount.unknown)
        diagnostics_add(schema->diagnostics, SEVERITY_WARNING, item->position,
                        option_hint(schema->arena, mount.unknown),
                        "'%s' has an option without effect: '%s'", schema_path(schema),
                        mount.unknown);
    return expand_mount(schema, key->object, item, &mount);
}

/* What only one type can have. False: reported, and it goes. */
static bool check_details(struct schema *schema, const struct node *entry, const char *type)
{
    const char *source = node_get_string(entry, "source", NULL);
    bool is_bind = streq(type, "bind");
    if (is_bind && source && mount_text_is_drive(source))
        schema_engine(schema, entry, drive_hint(source), "must have a path of this host, not '%s'",
                      source);
    else if (streq(type, "tmpfs") && source && *source)
        schema_engine(schema, entry, NULL, "of type tmpfs cannot have a 'source'");
    else if (is_bind && !source)
        return schema_error(schema, entry, "add 'source:', a path of the host",
                            "of type bind needs a 'source'");
    else if (streq(type, "volume") && source && mount_text_is_path(source))
        return schema_error(schema, entry, "use 'type: bind' for a folder of the host",
                            "of type volume must name a volume, not '%s'", source);
    return true;
}

static struct node *check_mount(struct schema *schema, const struct schema_key *key,
                                struct node *entry)
{
    const char *type = node_get_string(entry, "type", NULL);
    const struct node *target = node_get(entry, "target");
    if (!type || !target) {
        if (!node_find(entry, "type"))
            return schema_error(schema, entry, "add 'type: bind', 'volume' or 'tmpfs'",
                                "needs a 'type'");
        return node_find(entry, "target")
                   ? NULL
                   : schema_error(schema, entry, "add 'target:', a path in the VM",
                                  "needs a 'target'");
    }
    if (!check_details(schema, entry, type))
        return NULL;
    const char *hint =
        node_find(entry, "source")
            ? "begin it with '/'"
            : arena_printf(schema->arena, "write '%s:/PATH', or begin it with '/'", target->text);
    const char *clean = mount_target(schema, target, target->text, hint);
    if (clean != target->text)
        schema_put(schema, key->object, entry, "target",
                   node_new_string(schema->arena, clean, target->position));
    return entry;
}

static struct node *parse_mount(struct schema *schema, const struct schema_key *key,
                                struct node *item)
{
    if (item->kind == NODE_STRING)
        item = parse_short_mount(schema, key, item);
    else if (item->kind == NODE_MAP)
        item = schema_report_split(schema, key->object, item)
                   ? NULL
                   : schema_parse_object(schema, key->object, item);
    else
        return schema_wrong_kind(schema, item, "a string or a mapping");
    return item ? check_mount(schema, key, item) : NULL;
}

/* Within one file too the later one of a target counts; it is hardly meant. */
static void warn_of_double(struct schema *schema, struct node *seen, struct node *entry)
{
    const char *target = node_get_string(entry, "target", "");
    if (node_find(seen, target))
        diagnostics_add(schema->diagnostics, SEVERITY_WARNING, entry->position, NULL,
                        "'%s' replaces an earlier entry with the target '%s'", schema_path(schema),
                        target);
    node_put(schema->arena, seen, target, entry->position, entry);
}

static struct node *parse_mounts(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    if (node->kind != NODE_LIST)
        return schema_wrong_kind(schema, node, "a list");
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    struct node *seen = node_new(schema->arena, NODE_MAP, node->position);
    for (size_t i = 0; i < node->count; i++) {
        size_t depth = schema_enter_item(schema, i);
        struct node *entry =
            node->items[i]->kind == NODE_BAD ? NULL : parse_mount(schema, key, node->items[i]);
        if (entry) {
            warn_of_double(schema, seen, entry);
            node_append(schema->arena, result, entry);
        }
        schema_leave(schema, depth);
    }
    return result;
}
const struct schema_type type_mounts = {"list of `[SOURCE:]TARGET[:ro]` and mappings", parse_mounts,
                                        MERGE_APPEND, false};

/* --- tmpfs ----------------------------------------------------------------------------------- */

static void check_tmpfs(struct schema *schema, const struct node *item)
{
    struct tmpfs_text tmpfs;
    const char *problem = tmpfs_text_parse(schema->arena, item->text, &tmpfs);
    if (problem)
        schema_engine(schema, item, "use PATH[:size=64m,mode=0755]", "%s: '%s'", problem,
                      item->text);
    else
        mount_target(schema, item, tmpfs.target, "begin it with '/'");
    if (!problem && tmpfs.ignored)
        diagnostics_add(schema->diagnostics, SEVERITY_WARNING, item->position, NULL,
                        "'%s' has an option without effect: '%s'", schema_path(schema),
                        tmpfs.ignored);
}

static struct node *parse_tmpfs(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    struct node *list = node;
    if (node->kind == NODE_STRING) {
        list = node_new(schema->arena, NODE_LIST, node->position);
        node_append(schema->arena, list, node);
    }
    if (list->kind != NODE_LIST)
        return schema_wrong_kind(schema, node, "a string or a list of strings");
    list = schema_parse_strings(schema, key, list);
    for (size_t i = 0; i < list->count; i++) {
        size_t depth = schema_enter_item(schema, i);
        check_tmpfs(schema, list->items[i]);
        schema_leave(schema, depth);
    }
    return list;
}
const struct schema_type type_tmpfs = {"`PATH[:size=...,mode=...]`, or list of such", parse_tmpfs,
                                       MERGE_APPEND, false};

/* --- top level ------------------------------------------------------------------------------- */

static const char *const volume_drivers[] = {"local", "", NULL};
FREE_WORD_TYPE(volume_driver, "`local`", volume_drivers);

/* It becomes part of a path: Docker's rule for names of volumes. */
static struct node *parse_volume_name(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    node = schema_parse_string(schema, key, node);
    if (node && (strchr("_.-", node->text[0]) || node->text[strspn(node->text, allowed)]))
        schema_engine(schema, node, "use letters, digits, '.', '_' and '-'",
                      "must be the name of a volume, not '%s'", node->text);
    return node;
}
const struct schema_type type_volume_name = {"name of a volume", parse_volume_name, MERGE_REPLACE,
                                             false};

/* --- configs and secrets of a service -------------------------------------------------------- */

/* Canonical: octal digits behind a 0. Numbers of YAML mean what they say: 400 is 0620. */
static struct node *parse_octal(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    (void)key;
    int64_t mode = 0;
    if (!node_is_scalar(node) || node->kind == NODE_BOOL)
        return schema_wrong_kind(schema, node, "an octal number");
    if (node->kind == NODE_INT)
        mode = node->integer;
    else if (node->kind == NODE_FLOAT || parse_octal_digits(node->text, INT64_MAX, &mode) < 0)
        return schema_error(schema, node, "write it in octal, like 0440",
                            "must be a file mode, not '%s'", node_scalar_text(schema->arena, node));
    if (mode < 0)
        return schema_error(schema, node, "write it in octal, like 0440",
                            "must be a file mode, not '%lld'", (long long)mode);
    if (mode > 07777)
        schema_engine(schema, node, "write it in octal, like 0440", "must be a file mode, not '%s'",
                      node_scalar_text(schema->arena, node));
    return node_new_string(schema->arena, arena_printf(schema->arena, "0%llo", (long long)mode),
                           node->position);
}
const struct schema_type type_octal = {"octal number", parse_octal, MERGE_REPLACE, false};

static struct node *check_file_ref(struct schema *schema, const struct schema_key *key,
                                   struct node *entry)
{
    const char *source = node_get_string(entry, "source", NULL);
    const char *target = node_get_string(entry, "target", "");
    if (!source || !*source)
        return node_get(entry, "source") || !node_find(entry, "source")
                   ? schema_error(schema, entry, "add 'source: NAME'", "needs a 'source'")
                   : NULL; /* reported */
    if (has_part(target, "..") || str_ends_with(target, "/"))
        schema_engine(schema, node_get(entry, "target"), NULL,
                      "must have the path of a file in 'target', not '%s'", target);
    bool in_build = str_after_prefix(schema_path(schema), "services.") &&
                    strstr(schema_path(schema), ".build.secrets[");
    if (streq(key->name, "secrets") && !in_build &&
        !node_find(entry, "target")) /* as the reference shows it */
        schema_put(schema, key->object, entry, "target",
                   node_new_string(schema->arena,
                                   arena_printf(schema->arena, "/run/secrets/%s", source),
                                   entry->position));
    return entry;
}

static struct node *parse_file_ref(struct schema *schema, const struct schema_key *key,
                                   struct node *item)
{
    struct node *entry = node_new(schema->arena, NODE_MAP, item->position);
    if (item->kind == NODE_MAP)
        entry = schema_parse_object(schema, key->object, item);
    else if (item->kind == NODE_STRING)
        schema_put(schema, key->object, entry, "source", item);
    else
        return schema_wrong_kind(schema, item, "a name or a mapping");
    return check_file_ref(schema, key, entry);
}

static struct node *parse_file_refs(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    return schema_parse_items(schema, key, node, parse_file_ref);
}
const struct schema_type type_file_refs = {"list of names and mappings", parse_file_refs,
                                           MERGE_APPEND, false};
/* Docker Compose leaves what a build names twice. */
const struct schema_type type_build_secrets = {"list of names and mappings", parse_file_refs,
                                               MERGE_CONCAT, false};
