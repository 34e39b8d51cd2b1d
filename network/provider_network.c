/* The provider of kind "network": rows in `networks`, a bridge each. See network.h for the shapes
 * and internal.h for the way of a change. */
#include "network/internal.h"

#include "base/str.h"
#include "network/firewall.h"
#include "network/ipam.h"
#include "network/link.h"

#include <errno.h>

struct wish {
    const char *project, *key;
    struct network_settings settings;
};

static void wish_done(struct wish *wish)
{
    network_settings_done(&wish->settings);
}
#define _cleanup_wish_ _cleanup_(wish_done)

/* --- check ---------------------------------------------------------------------------------- */

void planned_forget_networks(struct network *network, const char *project)
{
    for (size_t i = network->planned_networks.count; i-- > 0;) {
        struct planned_network *planned = &network->planned_networks.items[i];
        if (project && !streq(planned->project, project))
            continue;
        free(planned->project);
        free(planned->name);
        *planned = network->planned_networks.items[--network->planned_networks.count];
    }
}

/* Of no project: there as long as anybody is on it, whatever they call it in their files. */
static bool is_host_wide(const char *name)
{
    return streq(name, IPAM_DEFAULT_NETWORK);
}

static int read_wish(const struct operation *operation, struct wish *ret_wish, struct error *err)
{
    bool host_wide = is_host_wide(operation->name);
    *ret_wish = (struct wish){
        .project = host_wide ? "" : json_string(operation->spec, "project", ""),
        .key = host_wide ? "" : json_string(operation->spec, "key", ""),
    };
    int r = network_settings_parse(operation->name, operation->spec, &ret_wish->settings, err);
    if (host_wide)
        ret_wish->settings.external = false;
    return r;
}

static int check_external(struct network *network, const char *name, struct error *err)
{
    _cleanup_(network_row_done) struct network_row row = {0};
    int r = tables_find_network(network->store, name, &row, err);
    if (r != 0)
        return r < 0 ? r : 0;
    return error_set(err, ENOENT,
                     "the network '%s' is external and does not exist: bring the project up that "
                     "owns it, or take 'external' away",
                     name);
}

/* Two projects that give a network the same name would remove it under each other's feet; one that
 * was made by hand is nobody's to remove. */
static int check_owner(const struct network_row *row, const struct wish *wish, struct error *err)
{
    if (row->removing || is_host_wide(row->name) || streq(row->project, wish->project))
        return 0;
    if (!*row->project)
        return error_set(err, EEXIST,
                         "the network '%s' was not made for project '%s': declare it external to "
                         "use it, or choose another name",
                         row->name, wish->project);
    return error_set(err, EEXIST,
                     "the network '%s' belongs to project '%s': declare it external to use it too, "
                     "or choose another name",
                     row->name, row->project);
}

/* The subnets that were asked for. */
static int check_subnets(struct network *network, const char *name,
                         const struct network_settings *settings, struct error *err)
{
    int r = 0;
    for (enum ip_family family = IP_V4; r == 0 && family < IP_FAMILY_COUNT; family++)
        if (ip_subnet_is_set(&settings->pools[family].subnet))
            r = ipam_check_subnet(network->store, network->root_id, name,
                                  &settings->pools[family].subnet, err);
    return r;
}

static int check_one(struct network *network, const struct operation *operation,
                     const struct wish *wish, struct error *err)
{
    if (wish->settings.external)
        return check_external(network, operation->name, err);
    _cleanup_(network_row_done) struct network_row row = {0};
    int found = tables_find_network(network->store, operation->name, &row, err);
    if (found < 0 || (found > 0 && check_owner(&row, wish, err) < 0))
        return found < 0 ? found : -EEXIST;
    return check_subnets(network, operation->name, &wish->settings, err);
}

/* Two networks of one plan. */
static int check_pair(const char *first, const struct network_settings *a, const char *second,
                      const struct network_settings *b, struct error *err)
{
    for (enum ip_family family = IP_V4; family < IP_FAMILY_COUNT; family++) {
        const struct ip_subnet *x = &a->pools[family].subnet, *y = &b->pools[family].subnet;
        char text[IP_SUBNET_TEXT_SIZE], other[IP_SUBNET_TEXT_SIZE];
        if (a->external || b->external || !ip_subnet_is_set(x) || !ip_subnet_is_set(y) ||
            !ip_subnet_overlaps(x, y))
            continue;
        return error_set(err, EADDRINUSE,
                         "the subnet '%s' of network '%s' overlaps network '%s' (%s): choose "
                         "another subnet for one of them",
                         ip_subnet_format(y, text), second, first, ip_subnet_format(x, other));
    }
    return 0;
}

static int check_all(struct network *network, struct operation *const *operations,
                     struct wish *wishes, size_t count, struct error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = read_wish(operations[i], &wishes[i], err);
        if (r == 0)
            r = check_one(network, operations[i], &wishes[i], err);
        for (size_t k = 0; r == 0 && k < i; k++)
            r = check_pair(operations[k]->name, &wishes[k].settings, operations[i]->name,
                           &wishes[i].settings, err);
        vec_add(&network->planned_networks,
                (struct planned_network){.project = xstrdup(operations[i]->project),
                                         .name = xstrdup(operations[i]->name),
                                         .internal = wishes[i].settings.internal});
    }
    return r;
}

static int check(void *self, struct operation *const *operations, size_t count, struct error *err)
{
    struct network *network = self;
    int r = count > 0 ? link_check_privileges(err) : 0;
    if (r == 0 && count > 0)
        r = firewall_probe(err);
    if (r < 0 || count == 0)
        return r;
    planned_forget_networks(network, operations[0]->project);
    struct wish *wishes = xcalloc(count, sizeof(*wishes));
    r = check_all(network, operations, wishes, count, err);
    for (size_t i = 0; i < count; i++)
        wish_done(&wishes[i]);
    free(wishes);
    return r;
}

/* --- ensure --------------------------------------------------------------------------------- */

int network_tell_dns(struct network *network, const struct network_row *row, struct error *err)
{
    char gateways[IP_FAMILY_COUNT][IP_TEXT_SIZE], subnets[IP_FAMILY_COUNT][IP_SUBNET_TEXT_SIZE];
    const char *gateway_list[IP_FAMILY_COUNT + 1] = {NULL};
    const char *subnet_list[IP_FAMILY_COUNT + 1] = {NULL};
    _cleanup_(network_settings_done) struct network_settings settings = {0};
    char bridge[IFNAMSIZ];
    size_t count = 0;
    int r = network_row_settings(row, &settings, err);
    if (r < 0)
        return r;
    tables_bridge_name(network->root_id, row, &settings, bridge);
    for (enum ip_family family = IP_V4; family < IP_FAMILY_COUNT; family++) {
        if (!ip_subnet_is_set(&row->subnet[family]))
            continue;
        gateway_list[count] = ip_address_format(&row->gateway[family], gateways[family]);
        subnet_list[count++] = ip_subnet_format(&row->subnet[family], subnets[family]);
    }
    const struct dns_network view = {.name = row->name,
                                     .project = row->project,
                                     .link = bridge,
                                     .gateways = gateway_list,
                                     .subnets = subnet_list,
                                     .isolated = row->internal};
    return dns_add_network(network->dns, &view, err);
}

static cJSON *make_result(struct network *network, const struct network_row *row,
                          const struct network_settings *settings)
{
    static const char *const keys[IP_FAMILY_COUNT][2] = {{"subnet", "gateway"},
                                                         {"subnet6", "gateway6"}};
    char bridge[IFNAMSIZ], subnet[IP_SUBNET_TEXT_SIZE], gateway[IP_TEXT_SIZE];
    tables_bridge_name(network->root_id, row, settings, bridge);
    cJSON *result = cJSON_CreateObject();
    json_set_string(result, "bridge", bridge);
    for (enum ip_family family = IP_V4; family < IP_FAMILY_COUNT; family++) {
        if (!ip_subnet_is_set(&row->subnet[family]))
            continue;
        json_set_string(result, keys[family][0], ip_subnet_format(&row->subnet[family], subnet));
        json_set_string(result, keys[family][1], ip_address_format(&row->gateway[family], gateway));
    }
    return result;
}

static int write_ready(struct store *store, void *userdata, struct error *err)
{
    return tables_set_network_state(store, userdata, "ready", err);
}

static int finish_ensure(struct change *change, cJSON **ret_result, struct error *err)
{
    struct network *network = change->network;
    const char *name = change->operation->name;
    _cleanup_(network_row_done) struct network_row row = {0};
    int r = tables_find_network(network->store, name, &row, err);
    if (r <= 0)
        return r < 0 ? r : error_set(err, ENOENT, "the network '%s' was removed meanwhile", name);
    _cleanup_(network_settings_done) struct network_settings settings = {0};
    if ((r = network_row_settings(&row, &settings, err)) < 0 ||
        (r = network_tell_dns(network, &row, err)) < 0 ||
        (r = tables_commit(network->store, write_ready, (void *)(uintptr_t)name, err)) < 0)
        return r;
    *ret_result = make_result(network, &row, &settings);
    return 0;
}

static int write_deletion(struct store *store, void *userdata, struct error *err)
{
    return tables_delete_network(store, userdata, err);
}

static void undo_ensure(struct change *change)
{
    dns_remove_network(change->network->dns, change->operation->name);
    tables_commit(change->network->store, write_deletion,
                  (void *)(uintptr_t)change->operation->name, NULL);
}

static const struct change_steps ensure_steps = {.finish = finish_ensure, .undo = undo_ensure};

/* What a row of an earlier version must have, which does not say what was asked for. */
static bool old_row_fits(const struct network_row *row, const struct network_settings *settings)
{
    const struct network_pool *pool = &settings->pools[IP_V4];
    if (row->internal != settings->internal || settings->has_family[IP_V6])
        return false;
    return !ip_subnet_is_set(&pool->subnet) ||
           (ip_address_compare(&row->subnet[IP_V4].address, &pool->subnet.address) == 0 &&
            row->subnet[IP_V4].prefix == pool->subnet.prefix &&
            ip_address_compare(&row->gateway[IP_V4], &pool->gateway) == 0);
}

/* Whether it can be taken over as it is. */
static bool fits(const struct network_row *row, const cJSON *spec,
                 const struct network_settings *settings)
{
    _cleanup_json_ cJSON *there = NULL;
    if (!*row->spec || json_parse(row->spec, strlen(row->spec), &there, NULL) < 0)
        return old_row_fits(row, settings);
    _cleanup_free_ char *had = network_settings_text(there), *wanted = network_settings_text(spec);
    return streq(had, wanted);
}

struct intent {
    struct network *network;
    struct network_row row;
    bool replace; /* a row that does not fit and that nobody uses */
};

static int write_intent(struct store *store, void *userdata, struct error *err)
{
    struct intent *intent = userdata;
    int r = intent->replace ? tables_delete_network(store, intent->row.name, err) : 0;
    return r < 0 ? r : tables_write_network(store, &intent->row, err);
}

static int choose_subnets(struct network *network, const struct network_settings *settings,
                          struct network_row *row, struct error *err)
{
    int r = check_subnets(network, row->name, settings, err);
    for (enum ip_family family = IP_V4; r == 0 && family < IP_FAMILY_COUNT; family++) {
        const struct network_pool *pool = &settings->pools[family];
        if (!settings->has_family[family])
            continue;
        row->subnet[family] = pool->subnet;
        row->gateway[family] = pool->gateway;
        if (ip_subnet_is_set(&pool->subnet))
            continue;
        r = ipam_choose_subnet(network->store, network->root_id, row->name, family,
                               &row->subnet[family], err);
        row->gateway[family] = ip_address_next(row->subnet[family].address);
    }
    return r;
}

/* A row that does not fit gives way where nobody uses it. */
static int check_replaceable(struct network *network, const char *name, struct error *err)
{
    _cleanup_free_ char *users = tables_list_endpoints(network->store, name);
    return users ? error_set(err, EBUSY,
                             "the network '%s' exists with other settings and is used by %s: take "
                             "those down first",
                             name, users)
                 : 0;
}

/* Decides about the row: made, taken over or replaced; *ret_adopted: it stays as it is. */
static int prepare_intent(struct network *network, const struct operation *operation,
                          const struct wish *wish, struct intent *intent, bool *ret_adopted,
                          struct error *err)
{
    _cleanup_(network_row_done) struct network_row there = {0};
    int found = tables_find_network(network->store, operation->name, &there, err);
    int r = found > 0 ? check_owner(&there, wish, err) : found;
    if (r < 0)
        return r;
    bool fitting = found > 0 && fits(&there, operation->spec, &wish->settings);
    *ret_adopted = fitting && there.ready;
    if (fitting) {
        memcpy(intent->row.subnet, there.subnet, sizeof(there.subnet));
        memcpy(intent->row.gateway, there.gateway, sizeof(there.gateway));
        return 0;
    }
    intent->replace = found > 0;
    r = found > 0 ? check_replaceable(network, operation->name, err) : 0;
    return r < 0 ? r : choose_subnets(network, &wish->settings, &intent->row, err);
}

static int start_ensure(struct network *network, struct operation *operation,
                        const struct wish *wish, struct error *err)
{
    _cleanup_free_ char *spec = json_print(operation->spec);
    struct intent intent = {.network = network,
                            .row = {.name = (char *)(uintptr_t)operation->name,
                                    .project = (char *)(uintptr_t)wish->project,
                                    .key = (char *)(uintptr_t)wish->key,
                                    .spec = spec,
                                    .internal = wish->settings.internal}};
    bool adopted = false;
    int r = prepare_intent(network, operation, wish, &intent, &adopted, err);
    if (r == 0 && !adopted)
        r = tables_commit(network->store, write_intent, &intent, err);
    if (r < 0)
        return r;
    struct change *change = change_new(network, operation, &ensure_steps);
    change->made = !adopted;
    change_queue(change);
    return 0;
}

/* --- remove --------------------------------------------------------------------------------- */

static int write_removing(struct store *store, void *userdata, struct error *err)
{
    return tables_set_network_state(store, userdata, "removing", err);
}

static int finish_remove(struct change *change, cJSON **ret_result, struct error *err)
{
    (void)ret_result;
    return tables_commit(change->network->store, write_deletion,
                         (void *)(uintptr_t)change->operation->name, err);
}

static const struct change_steps remove_steps = {.finish = finish_remove};

static int start_remove(struct network *network, struct operation *operation, struct error *err)
{
    const char *name = operation->name;
    _cleanup_(network_row_done) struct network_row row = {0};
    int r = tables_find_network(network->store, name, &row, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *users = tables_list_endpoints(network->store, name);
    bool foreign = r > 0 && *operation->project && !streq(row.project, operation->project);
    bool stays = is_host_wide(name) ? users != NULL
                                    : foreign || json_bool(operation->spec, "external", false);
    if (r == 0 || stays) {
        operation_done(operation, NULL, &(struct error){0});
        return 0;
    }
    if (users)
        return error_set(err, EBUSY, "the network '%s' is still used by %s", name, users);
    /* Before the bridge goes: the server's sockets are bound to its address. */
    dns_remove_network(network->dns, name);
    r = tables_commit(network->store, write_removing, (void *)(uintptr_t)name, err);
    if (r < 0)
        return r;
    change_queue(change_new(network, operation, &remove_steps));
    return 0;
}

static int start(void *self, struct operation *operation, struct error *err)
{
    switch (operation->verb) {
    case OPERATION_ENSURE: {
        _cleanup_wish_ struct wish wish = {0};
        int r = read_wish(operation, &wish, err);
        if (r < 0)
            return r;
        if (!wish.settings.external)
            return start_ensure(self, operation, &wish, err);
        r = check_external(self, operation->name, err);
        if (r == 0)
            change_queue(change_new(self, operation, &ensure_steps));
        return r;
    }
    case OPERATION_REMOVE:
        return start_remove(self, operation, err);
    case OPERATION_START:
    case OPERATION_STOP:
    case OPERATION_WAIT:
    case OPERATION_PAUSE:
    case OPERATION_UNPAUSE:
    case OPERATION_KILL:
    case OPERATION_VERB_COUNT:
        break;
    }
    return error_set(err, EOPNOTSUPP, "a network cannot be %sed",
                     operation_verb_name(operation->verb));
}

struct provider network_provider(struct network *network)
{
    return (struct provider){.kind = "network", .check = check, .start = start, .self = network};
}
