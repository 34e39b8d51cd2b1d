/* The part of compose/complete.h about services that another key than depends_on names. */
#include "base/str.h"
#include "compose/complete.h"

#include <string.h>

struct implied {
    const struct completion *completion;
    struct node *service;
};

static void add_dependency(const struct implied *implied, const char *name,
                           struct position position, bool restart)
{
    struct arena *arena = implied->completion->arena;
    struct node *dependencies = node_get(implied->service, "depends_on");
    if (node_find(dependencies, name) ||
        (!dependencies && node_find(implied->service, "depends_on")))
        return; /* written, or wrong */
    if (!dependencies) {
        dependencies = node_new(arena, NODE_MAP, position);
        complete_put(implied->completion, &schema_service, implied->service, "depends_on",
                     dependencies);
    }
    struct node *entry = node_new(arena, NODE_MAP, position);
    complete_put(implied->completion, &schema_dependency, entry, "condition",
                 node_new_string(arena, "service_started", position));
    complete_put(implied->completion, &schema_dependency, entry, "required",
                 node_new_bool(arena, true, position));
    if (restart)
        complete_put(implied->completion, &schema_dependency, entry, "restart",
                     node_new_bool(arena, true, position));
    node_put(arena, dependencies, name, position, entry);
}

/* The text up to the first colon. */
static const char *first_part(const struct implied *implied, const char *text)
{
    return arena_strndup(implied->completion->arena, text, strcspn(text, ":"));
}

/* SERVICE or SERVICE:ALIAS; the reference takes anything else for a name as a whole. */
static const char *linked_service(const struct implied *implied, const char *text)
{
    const char *colon = strchr(text, ':');
    return colon && !strchr(colon + 1, ':') ? first_part(implied, text) : text;
}

/* Always so, but where nothing was interpolated. */
static bool is_texts(const struct node *list)
{
    if (!node_is(list, NODE_LIST))
        return false;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->kind != NODE_STRING)
            return false;
    return true;
}

void complete_implied_dependencies(const struct completion *completion, struct node *service)
{
    static const char *const spaces[] = {"network_mode", "ipc", "pid", "uts", "cgroup"};
    struct implied implied = {completion, service};
    const struct node *links = node_get(service, "links");
    const struct node *volumes = node_get(service, "volumes_from");
    for (size_t i = 0; is_texts(links) && i < links->count; i++)
        add_dependency(&implied, linked_service(&implied, links->items[i]->text),
                       links->items[i]->position, true);
    for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
        const struct node *value = node_get(service, spaces[i]);
        const char *name =
            node_is(value, NODE_STRING) ? str_after_prefix(value->text, "service:") : NULL;
        if (name)
            add_dependency(&implied, name, value->position, true);
    }
    for (size_t i = 0; is_texts(volumes) && i < volumes->count; i++)
        if (!str_after_prefix(volumes->items[i]->text, "container:"))
            add_dependency(&implied, first_part(&implied, volumes->items[i]->text),
                           volumes->items[i]->position, false);
}
