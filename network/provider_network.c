/* The provider of kind "network": rows in `networks`, a bridge each. See network.h for the shapes
 * and internal.h for the way of a change. */
#include "network/internal.h"

#include "base/str.h"
#include "network/firewall.h"
#include "network/ipam.h"
#include "network/link.h"

#include <errno.h>

struct wish {
    const char *project, *key, *subnet, *gateway;
    bool internal, external;
};

static struct wish read_wish(const cJSON *spec)
{
    return (struct wish){
        .project = json_string(spec, "project", ""),
        .key = json_string(spec, "key", ""),
        .subnet = json_string(spec, "subnet", NULL),
        .gateway = json_string(spec, "gateway", NULL),
        .internal = json_bool(spec, "internal", false),
        .external = json_bool(spec, "external", false),
    };
}

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

static struct wish read_operation(const struct operation *operation)
{
    struct wish wish = read_wish(operation->spec);
    if (is_host_wide(operation->name)) {
        wish.project = wish.key = "";
        wish.external = false;
    }
    return wish;
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

/* Two projects that give a network the same name would remove it under each other's feet. */
static int check_owner(const struct network_row *row, const struct wish *wish, struct error *err)
{
    if (!*row->project || row->removing || streq(row->project, wish->project))
        return 0;
    return error_set(err, EEXIST,
                     "the network '%s' belongs to project '%s': declare it external to use it too, "
                     "or choose another name",
                     row->name, row->project);
}

static int check_one(struct network *network, const struct operation *operation, struct error *err)
{
    struct wish wish = read_operation(operation);
    if (wish.external)
        return check_external(network, operation->name, err);
    _cleanup_(network_row_done) struct network_row row = {0};
    int found = tables_find_network(network->store, operation->name, &row, err);
    if (found < 0 || (found > 0 && check_owner(&row, &wish, err) < 0))
        return found < 0 ? found : -EEXIST;
    if (!wish.subnet)
        return 0;
    struct subnet subnet;
    uint32_t gateway;
    int r = ipam_parse_subnet(operation->name, wish.subnet, wish.gateway, &subnet, &gateway, err);
    return r < 0
               ? r
               : ipam_check_subnet(network->store, network->root_id, operation->name, subnet, err);
}

/* Two networks of one plan; both were parsed before. */
static int check_pair(const struct operation *a, const struct operation *b, struct error *err)
{
    struct wish first = read_wish(a->spec), second = read_wish(b->spec);
    struct subnet x, y;
    if (!first.subnet || !second.subnet || first.external || second.external ||
        subnet_parse(first.subnet, &x) < 0 || subnet_parse(second.subnet, &y) < 0 ||
        !subnet_overlaps(x, y))
        return 0;
    return error_set(err, EADDRINUSE,
                     "the subnet '%s' of network '%s' overlaps network '%s' (%s): choose another "
                     "subnet for one of them",
                     second.subnet, b->name, a->name, first.subnet);
}

static int check(void *self, struct operation *const *operations, size_t count, struct error *err)
{
    struct network *network = self;
    int r = count > 0 ? link_check_privileges(err) : 0;
    if (r == 0 && count > 0)
        r = firewall_probe(err);
    if (r == 0 && count > 0)
        planned_forget_networks(network, operations[0]->project);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = check_one(network, operations[i], err);
        for (size_t k = 0; r == 0 && k < i; k++)
            r = check_pair(operations[k], operations[i], err);
        vec_add(&network->planned_networks,
                (struct planned_network){.project = xstrdup(operations[i]->project),
                                         .name = xstrdup(operations[i]->name),
                                         .internal = read_wish(operations[i]->spec).internal});
    }
    return r;
}

/* --- ensure --------------------------------------------------------------------------------- */

int network_tell_dns(struct network *network, const struct network_row *row, struct error *err)
{
    char gateway[SUBNET_TEXT_SIZE], subnet[SUBNET_TEXT_SIZE];
    const struct dns_network view = {
        .name = row->name,
        .gateways = (const char *const[]){subnet_format_address(row->gateway, gateway), NULL},
        .subnets = (const char *const[]){subnet_format(row->subnet, subnet), NULL},
        .isolated = row->internal,
    };
    return dns_add_network(network->dns, &view, err);
}

static cJSON *make_result(struct network *network, const struct network_row *row)
{
    char bridge[IFNAMSIZ], subnet[SUBNET_TEXT_SIZE], gateway[SUBNET_TEXT_SIZE];
    desired_bridge_name(network->root_id, row->number, bridge);
    cJSON *result = cJSON_CreateObject();
    json_set_string(result, "bridge", bridge);
    json_set_string(result, "subnet", subnet_format(row->subnet, subnet));
    json_set_string(result, "gateway", subnet_format_address(row->gateway, gateway));
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
    if ((r = network_tell_dns(network, &row, err)) < 0 ||
        (r = tables_commit(network->store, write_ready, (void *)(uintptr_t)name, err)) < 0)
        return r;
    *ret_result = make_result(network, &row);
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

/* What a row must have to be taken over; the rest of it is only text. */
static bool fits(const struct network_row *row, const struct wish *wish, struct subnet subnet,
                 uint32_t gateway)
{
    return row->internal == wish->internal &&
           (!wish->subnet || (row->subnet.address == subnet.address &&
                              row->subnet.prefix == subnet.prefix && row->gateway == gateway));
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

static int choose_subnet(struct network *network, const char *name, const struct wish *wish,
                         struct network_row *row, struct error *err)
{
    int r =
        wish->subnet
            ? ipam_parse_subnet(name, wish->subnet, wish->gateway, &row->subnet, &row->gateway, err)
            : ipam_choose_subnet(network->store, network->root_id, name, &row->subnet, err);
    if (r == 0 && !wish->subnet)
        row->gateway = row->subnet.address + 1;
    return r < 0 || !wish->subnet
               ? r
               : ipam_check_subnet(network->store, network->root_id, name, row->subnet, err);
}

/* Decides about a row that is there: taken over (its subnet is copied), replaced, or in the way. */
static int meet_row(struct network *network, const struct network_row *there,
                    const struct wish *wish, struct intent *intent, struct error *err)
{
    if (fits(there, wish, intent->row.subnet, intent->row.gateway)) {
        intent->row.subnet = there->subnet;
        intent->row.gateway = there->gateway;
        return 0;
    }
    _cleanup_free_ char *users = tables_list_endpoints(network->store, there->name);
    if (users)
        return error_set(err, EBUSY,
                         "the network '%s' exists with other settings and is used by %s: take "
                         "those down first",
                         there->name, users);
    intent->replace = true;
    return 0;
}

static int start_ensure(struct network *network, struct operation *operation, struct error *err)
{
    struct wish wish = read_operation(operation);
    _cleanup_(network_row_done) struct network_row there = {0};
    struct intent intent = {.network = network,
                            .row = {.name = (char *)(uintptr_t)operation->name,
                                    .project = (char *)(uintptr_t)wish.project,
                                    .key = (char *)(uintptr_t)wish.key,
                                    .internal = wish.internal}};
    int found = tables_find_network(network->store, operation->name, &there, err);
    if (found < 0)
        return found;
    int r = found > 0 ? check_owner(&there, &wish, err) : 0;
    if (r == 0 && (found == 0 || wish.subnet))
        r = choose_subnet(network, operation->name, &wish, &intent.row, err);
    if (r == 0 && found > 0)
        r = meet_row(network, &there, &wish, &intent, err);
    if (r == 0 && intent.replace)
        r = choose_subnet(network, operation->name, &wish, &intent.row, err);
    bool adopted = found > 0 && there.ready && !intent.replace;
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
    bool stays = is_host_wide(name) ? users != NULL : foreign || read_operation(operation).external;
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
    case OPERATION_ENSURE:
        if (read_operation(operation).external) {
            int r = check_external(self, operation->name, err);
            if (r < 0)
                return r;
            change_queue(change_new(self, operation, &ensure_steps));
            return 0;
        }
        return start_ensure(self, operation, err);
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
