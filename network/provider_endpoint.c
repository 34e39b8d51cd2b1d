/* The provider of kind "endpoint": rows in `endpoints`, a tap each while a VM holds it. See
 * network.h for the shapes and internal.h for the way of a change. */
#include "network/internal.h"

#include "base/str.h"
#include "network/ipam.h"
#include "network/link.h"

#include <errno.h>

#define MTU 1500

struct wish {
    const char *instance, *service, *project, *network, *interface, *address;
    bool tap;
};

static struct wish read_wish(const cJSON *spec)
{
    return (struct wish){
        .instance = json_string(spec, "instance", ""),
        .service = json_string(spec, "service", ""),
        .project = json_string(spec, "project", ""),
        .network = json_string(spec, "network", ""),
        .interface = json_string(spec, "interface", "eth0"),
        .address = json_string(spec, "ipv4_address", NULL),
        .tap = json_bool(spec, "tap", false),
    };
}

static int parse_address(const struct wish *wish, uint32_t *ret_address, struct error *err)
{
    *ret_address = 0;
    if (!wish->address || subnet_parse_address(wish->address, ret_address) == 0)
        return 0;
    return error_set(err, EINVAL, "'%s' on network '%s': '%s' is not an IPv4 address",
                     wish->instance, wish->network, wish->address);
}

/* eth9 before eth10. */
static int compare_interfaces(const char *a, const char *b)
{
    size_t x = strlen(a), y = strlen(b);
    return x != y ? (x < y ? -1 : 1) : strcmp(a, b);
}

/* --- check ---------------------------------------------------------------------------------- */

void planned_forget_endpoints(struct network *network, const char *project)
{
    for (size_t i = network->planned_endpoints.count; i-- > 0;) {
        struct planned_endpoint *planned = &network->planned_endpoints.items[i];
        if (project && !streq(planned->project, project))
            continue;
        free(planned->project);
        free(planned->name);
        free(planned->instance);
        free(planned->network);
        free(planned->interface);
        *planned = network->planned_endpoints.items[--network->planned_endpoints.count];
    }
}

static int check_against_plan(struct network *network, const struct operation *operation,
                              const struct wish *wish, uint32_t address, struct error *err)
{
    for (size_t i = 0; i < network->planned_endpoints.count; i++) {
        const struct planned_endpoint *other = &network->planned_endpoints.items[i];
        if (other->address == address && streq(other->network, wish->network) &&
            streq(other->project, wish->project) && !streq(other->name, operation->name))
            return error_set(err, EADDRINUSE, "'%s': the address '%s' is already taken by '%s'",
                             operation->name, wish->address, other->name);
    }
    return 0;
}

/* Where the network is not there yet, ENSURE looks again. */
static int check_one(struct network *network, const struct operation *operation,
                     uint32_t *ret_address, struct error *err)
{
    struct wish wish = read_wish(operation->spec);
    int r = parse_address(&wish, ret_address, err);
    if (r < 0 || *ret_address == 0)
        return r;
    if ((r = check_against_plan(network, operation, &wish, *ret_address, err)) < 0)
        return r;
    _cleanup_(network_row_done) struct network_row row = {0};
    r = tables_find_network(network->store, wish.network, &row, err);
    return r <= 0 ? r
                  : ipam_check_address(network->store, operation->name, wish.network, row.subnet,
                                       row.gateway, *ret_address, err);
}

static int check(void *self, struct operation *const *operations, size_t count, struct error *err)
{
    struct network *network = self;
    int r = count > 0 ? link_check_privileges(err) : 0;
    if (r == 0 && count > 0)
        planned_forget_endpoints(network, operations[0]->project);
    for (size_t i = 0; r == 0 && i < count; i++) {
        struct wish wish = read_wish(operations[i]->spec);
        uint32_t address = 0;
        r = check_one(network, operations[i], &address, err);
        vec_add(&network->planned_endpoints,
                (struct planned_endpoint){.project = xstrdup(operations[i]->project),
                                          .name = xstrdup(operations[i]->name),
                                          .instance = xstrdup(wish.instance),
                                          .network = xstrdup(wish.network),
                                          .interface = xstrdup(wish.interface),
                                          .address = address});
    }
    return r;
}

/* --- default route -------------------------------------------------------------------------- */

static bool network_is_internal(struct network *network, const char *name)
{
    _cleanup_(network_row_done) struct network_row row = {0};
    if (tables_find_network(network->store, name, &row, NULL) > 0)
        return row.internal;
    for (size_t i = 0; i < network->planned_networks.count; i++)
        if (streq(network->planned_networks.items[i].name, name))
            return network->planned_networks.items[i].internal;
    return false;
}

struct earlier {
    struct network *network;
    const struct wish *wish;
    bool found; /* a NIC before this one that leads out */
};

static void look_at_sister(const struct endpoint_row *row, void *userdata)
{
    struct earlier *earlier = userdata;
    if (compare_interfaces(row->interface, earlier->wish->interface) < 0 && row->default_route)
        earlier->found = true;
}

/* An instance has one default route: by the first NIC whose network is not internal. The sisters
 * may have no rows yet; then the plan knows them. */
static bool has_default_route(struct network *network, const struct wish *wish)
{
    if (network_is_internal(network, wish->network))
        return false;
    struct earlier earlier = {.network = network, .wish = wish};
    tables_each_endpoint(network->store, wish->instance, look_at_sister, &earlier);
    for (size_t i = 0; i < network->planned_endpoints.count; i++) {
        const struct planned_endpoint *other = &network->planned_endpoints.items[i];
        if (streq(other->instance, wish->instance) &&
            compare_interfaces(other->interface, wish->interface) < 0 &&
            !network_is_internal(network, other->network))
            earlier.found = true;
    }
    return !earlier.found;
}

/* --- ensure --------------------------------------------------------------------------------- */

void endpoint_tell_dns(struct network *network, const struct endpoint_row *row)
{
    char address[SUBNET_TEXT_SIZE];
    cJSON *aliases = NULL;
    json_parse(row->aliases, strlen(row->aliases), &aliases, NULL);
    _cleanup_strv_ char **names = json_strv(aliases);
    cJSON_Delete(aliases);
    const struct dns_endpoint endpoint = {
        .network = row->network,
        .instance = row->instance,
        .service = row->service,
        .project = row->project,
        .address = subnet_format_address(row->address, address),
        .names = (const char *const *)names,
    };
    dns_set_endpoint(network->dns, &endpoint);
}

static cJSON *make_result(const struct change *change, const struct endpoint_row *row,
                          const struct network_row *network)
{
    uint8_t mac[6];
    char text[SUBNET_TEXT_SIZE], mac_text[MAC_TEXT_SIZE];
    desired_mac(row->instance, row->network, mac);
    cJSON *result = cJSON_CreateObject();
    json_set_string(result, "network", row->network);
    json_set_string(result, "interface", row->interface);
    json_set_string(result, "mac", desired_format_mac(mac, mac_text));
    json_set_string(result, "address", subnet_format_address(row->address, text));
    json_set_int(result, "prefix", network->subnet.prefix);
    subnet_format_address(network->gateway, text);
    if (row->default_route)
        json_set_string(result, "gateway", text);
    json_set_string(result, "dns", text);
    json_set_int(result, "mtu", MTU);
    if (change->tap_fd >= 0) {
        json_set_string(result, "tap", change->tap);
        json_set(result, "fds", cJSON_CreateIntArray(&change->tap_fd, 1));
    }
    return result;
}

static int write_ready(struct store *store, void *userdata, struct error *err)
{
    return tables_set_endpoint_state(store, userdata, "ready", err);
}

static int finish_ensure(struct change *change, cJSON **ret_result, struct error *err)
{
    struct network *network = change->network;
    const char *name = change->operation->name;
    _cleanup_(endpoint_row_done) struct endpoint_row row = {0};
    _cleanup_(network_row_done) struct network_row its_network = {0};
    int r = tables_find_endpoint(network->store, name, &row, err);
    if (r > 0)
        r = tables_find_network(network->store, row.network, &its_network, err);
    if (r <= 0)
        return r < 0 ? r : error_set(err, ENOENT, "'%s' was removed meanwhile", name);
    /* After a reboot the bridge was built again by this very run. */
    if ((r = network_tell_dns(network, &its_network, err)) < 0 ||
        (r = tables_commit(network->store, write_ready, (void *)(uintptr_t)name, err)) < 0)
        return r;
    endpoint_tell_dns(network, &row);
    *ret_result = make_result(change, &row, &its_network);
    return 0;
}

static int write_deletion(struct store *store, void *userdata, struct error *err)
{
    return tables_delete_endpoint(store, userdata, err);
}

static void undo_ensure(struct change *change)
{
    tables_commit(change->network->store, write_deletion,
                  (void *)(uintptr_t)change->operation->name, NULL);
}

static const struct change_steps ensure_steps = {.finish = finish_ensure, .undo = undo_ensure};

static bool is_planned_for_another(uint32_t address, void *userdata)
{
    const struct earlier *search = userdata;
    for (size_t i = 0; i < search->network->planned_endpoints.count; i++) {
        const struct planned_endpoint *other = &search->network->planned_endpoints.items[i];
        if (other->address == address && streq(other->network, search->wish->network) &&
            streq(other->project, search->wish->project) &&
            !streq(other->instance, search->wish->instance))
            return true;
    }
    return false;
}

/* The address the file asks for, the one the endpoint has, or a chosen one. */
static int find_address(struct network *network, const char *name, const struct wish *wish,
                        const struct network_row *its_network, uint32_t had, uint32_t *ret_address,
                        struct error *err)
{
    uint32_t wanted;
    int r = parse_address(wish, &wanted, err);
    if (r < 0)
        return r;
    *ret_address = wanted ? wanted : had;
    if (*ret_address)
        return ipam_check_address(network->store, name, wish->network, its_network->subnet,
                                  its_network->gateway, *ret_address, err);
    struct earlier search = {.network = network, .wish = wish};
    return ipam_choose_address(network->store, wish->instance, wish->network, its_network->subnet,
                               its_network->gateway, is_planned_for_another, &search, ret_address,
                               err);
}

static int write_intent(struct store *store, void *userdata, struct error *err)
{
    return tables_write_endpoint(store, userdata, err);
}

/* Writes the row and gives the tap's and the bridge's names to the change. */
static int record(struct change *change, const struct wish *wish,
                  const struct network_row *its_network, struct error *err)
{
    struct network *network = change->network;
    const char *name = change->operation->name;
    _cleanup_(endpoint_row_done) struct endpoint_row there = {0}, written = {0};
    int found = tables_find_endpoint(network->store, name, &there, err);
    if (found < 0)
        return found;
    cJSON *aliases = json_array(change->operation->spec, "aliases");
    _cleanup_free_ char *alias_text = aliases ? json_print(aliases) : xstrdup("[]");
    struct endpoint_row row = {
        .name = (char *)(uintptr_t)name,
        .instance = (char *)(uintptr_t)wish->instance,
        .service = (char *)(uintptr_t)wish->service,
        .project = (char *)(uintptr_t)wish->project,
        .network = (char *)(uintptr_t)wish->network,
        .interface = (char *)(uintptr_t)wish->interface,
        .aliases = alias_text,
        .default_route = has_default_route(network, wish),
    };
    int r = find_address(network, name, wish, its_network, found > 0 ? there.address : 0,
                         &row.address, err);
    if (r == 0)
        r = tables_commit(network->store, write_intent, &row, err);
    if (r == 0)
        r = tables_find_endpoint(network->store, name, &written, err);
    if (r < 0)
        return r;
    change->made = found == 0 || !there.ready;
    desired_bridge_name(network->root_id, its_network->number, change->bridge);
    if (wish->tap)
        desired_tap_name(network->root_id, written.number, change->tap);
    return 0;
}

static int start_ensure(struct network *network, struct operation *operation, struct error *err)
{
    struct wish wish = read_wish(operation->spec);
    _cleanup_(network_row_done) struct network_row its_network = {0};
    int r = tables_find_network(network->store, wish.network, &its_network, err);
    if (r == 0)
        return error_set(err, ENOENT, "'%s': there is no network '%s'", operation->name,
                         wish.network);
    if (r < 0)
        return r;
    struct change *change = change_new(network, operation, &ensure_steps);
    if ((r = record(change, &wish, &its_network, err)) < 0) {
        free(change);
        return r;
    }
    change_queue(change);
    return 0;
}

/* --- remove --------------------------------------------------------------------------------- */

static int write_removing(struct store *store, void *userdata, struct error *err)
{
    return tables_set_endpoint_state(store, userdata, "removing", err);
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
    _cleanup_(endpoint_row_done) struct endpoint_row row = {0};
    int r = tables_find_endpoint(network->store, operation->name, &row, err);
    if (r < 0)
        return r;
    if (r == 0) {
        operation_done(operation, NULL, &(struct error){0});
        return 0;
    }
    dns_remove_endpoint(network->dns, row.network, row.instance);
    r = tables_commit(network->store, write_removing, row.name, err);
    if (r < 0)
        return r;
    change_queue(change_new(network, operation, &remove_steps));
    return 0;
}

static int start(void *self, struct operation *operation, struct error *err)
{
    switch (operation->verb) {
    case OPERATION_ENSURE:
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
    return error_set(err, EOPNOTSUPP, "an endpoint cannot be %sed",
                     operation_verb_name(operation->verb));
}

struct provider endpoint_provider(struct network *network)
{
    return (struct provider){.kind = "endpoint", .check = check, .start = start, .self = network};
}
