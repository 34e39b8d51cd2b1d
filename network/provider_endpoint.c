/* The provider of kind "endpoint": rows in `endpoints`, a tap each while a VM holds it. See
 * network.h for the shapes and internal.h for the way of a change. */
#include "network/internal.h"

#include "base/str.h"
#include "network/ipam.h"
#include "network/link.h"

#include <errno.h>

struct wish {
    const char *instance, *service, *project, *network, *interface;
    int64_t position, gw_priority;
    struct ip_address address[IP_FAMILY_COUNT]; /* {0}: chosen */
    uint8_t mac[6];
    bool tap;
};

static int parse_address(const cJSON *spec, const char *key, enum ip_family family,
                         struct wish *wish, struct error *err)
{
    const char *text = json_string(spec, key, NULL);
    struct ip_address *address = &wish->address[family];
    if (!text || (ip_address_parse(text, address) == 0 && ip_family_of(address) == family))
        return 0;
    return error_set(err, EINVAL, "'%s' on network '%s': '%s' is not an IPv%d address",
                     wish->instance, wish->network, text, family == IP_V6 ? 6 : 4);
}

static int parse_mac(const cJSON *spec, struct wish *wish, struct error *err)
{
    const char *text = json_string(spec, "mac_address", NULL);
    desired_mac(wish->instance, wish->network, wish->mac);
    if (!text || (ip_mac_parse(text, wish->mac) == 0 && !(wish->mac[0] & 1)))
        return 0;
    return error_set(err, EINVAL,
                     "'%s' on network '%s': '%s' is not the MAC address of one machine: write it "
                     "like 02:42:ac:11:65:43",
                     wish->instance, wish->network, text);
}

/* Specs of earlier versions say "eth0" and no position. */
static int64_t position_of(const cJSON *spec, const char *interface)
{
    uint32_t number = 0;
    const char *digits = str_after_prefix(interface, "eth");
    if (digits)
        str_to_u32(digits, &number);
    return json_int(spec, "position", number);
}

static int read_wish(const cJSON *spec, struct wish *ret_wish, struct error *err)
{
    *ret_wish = (struct wish){
        .instance = json_string(spec, "instance", ""),
        .service = json_string(spec, "service", ""),
        .project = json_string(spec, "project", ""),
        .network = json_string(spec, "network", ""),
        .interface = json_string(spec, "interface", "eth0"),
        .gw_priority = json_int(spec, "gw_priority", 0),
        .tap = json_bool(spec, "tap", false),
    };
    ret_wish->position = position_of(spec, ret_wish->interface);
    int r = parse_address(spec, "ipv4_address", IP_V4, ret_wish, err);
    if (r == 0)
        r = parse_address(spec, "ipv6_address", IP_V6, ret_wish, err);
    return r < 0 ? r : parse_mac(spec, ret_wish, err);
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
        *planned = network->planned_endpoints.items[--network->planned_endpoints.count];
    }
}

static bool is_neighbour(const struct planned_endpoint *other, const struct operation *operation,
                         const struct wish *wish)
{
    return streq(other->network, wish->network) && streq(other->project, wish->project) &&
           !streq(other->name, operation->name);
}

static int check_against_plan(struct network *network, const struct operation *operation,
                              const struct wish *wish, struct error *err)
{
    char text[IP_TEXT_SIZE];
    for (size_t i = 0; i < network->planned_endpoints.count; i++) {
        const struct planned_endpoint *other = &network->planned_endpoints.items[i];
        if (!is_neighbour(other, operation, wish))
            continue;
        for (enum ip_family family = IP_V4; family < IP_FAMILY_COUNT; family++)
            if (ip_address_is_set(&wish->address[family]) &&
                ip_address_compare(&other->address[family], &wish->address[family]) == 0)
                return error_set(err, EADDRINUSE, "'%s': the address '%s' is already taken by '%s'",
                                 operation->name, ip_address_format(&wish->address[family], text),
                                 other->name);
        if (memcmp(other->mac, wish->mac, sizeof(wish->mac)) == 0)
            return error_set(err, EADDRINUSE, "'%s': the MAC address '%s' is already that of '%s'",
                             operation->name, ip_mac_format(wish->mac, text), other->name);
    }
    return 0;
}

static int check_mac(struct network *network, const char *name, const struct wish *wish,
                     struct error *err)
{
    char text[IP_MAC_TEXT_SIZE];
    _cleanup_free_ char *owner = tables_find_mac(network->store, wish->network, wish->mac);
    if (!owner || streq(owner, name))
        return 0;
    return error_set(err, EADDRINUSE, "'%s': the MAC address '%s' is already that of '%s'", name,
                     ip_mac_format(wish->mac, text), owner);
}

static int check_addresses(struct network *network, const char *name, const struct wish *wish,
                           const struct network_row *row, struct error *err)
{
    _cleanup_(network_settings_done) struct network_settings settings = {0};
    int r = network_row_settings(row, &settings, err);
    for (enum ip_family family = IP_V4; r == 0 && family < IP_FAMILY_COUNT; family++)
        if (ip_address_is_set(&wish->address[family]))
            r = ipam_check_address(network->store, name, row, &settings, &wish->address[family],
                                   err);
    return r < 0 ? r : check_mac(network, name, wish, err);
}

/* Where the network is not there yet, ENSURE looks again. */
static int check_one(struct network *network, const struct operation *operation,
                     const struct wish *wish, struct error *err)
{
    int r = check_against_plan(network, operation, wish, err);
    if (r < 0)
        return r;
    _cleanup_(network_row_done) struct network_row row = {0};
    r = tables_find_network(network->store, wish->network, &row, err);
    return r <= 0 ? r : check_addresses(network, operation->name, wish, &row, err);
}

static void plan_endpoint(struct network *network, const struct operation *operation,
                          const struct wish *wish)
{
    struct planned_endpoint planned = {.project = xstrdup(operation->project),
                                       .name = xstrdup(operation->name),
                                       .instance = xstrdup(wish->instance),
                                       .network = xstrdup(wish->network),
                                       .position = wish->position,
                                       .gw_priority = wish->gw_priority};
    memcpy(planned.address, wish->address, sizeof(planned.address));
    memcpy(planned.mac, wish->mac, sizeof(planned.mac));
    vec_add(&network->planned_endpoints, planned);
}

static int check(void *self, struct operation *const *operations, size_t count, struct error *err)
{
    struct network *network = self;
    int r = count > 0 ? link_check_privileges(err) : 0;
    if (r == 0 && count > 0)
        planned_forget_endpoints(network, operations[0]->project);
    for (size_t i = 0; r == 0 && i < count; i++) {
        struct wish wish;
        r = read_wish(operations[i]->spec, &wish, err);
        if (r == 0)
            r = check_one(network, operations[i], &wish, err);
        if (r == 0)
            plan_endpoint(network, operations[i], &wish);
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

struct sisters {
    struct network *network;
    const struct wish *wish;
    bool any_better;
};

static void compare_sister(struct sisters *sisters, const char *network, int64_t gw_priority,
                           int64_t position)
{
    const struct wish *wish = sisters->wish;
    bool is_before = gw_priority > wish->gw_priority ||
                     (gw_priority == wish->gw_priority && position < wish->position);
    if (is_before && !streq(network, wish->network) &&
        !network_is_internal(sisters->network, network))
        sisters->any_better = true;
}

static void look_at_sister(const struct endpoint_row *row, void *userdata)
{
    compare_sister(userdata, row->network, row->gw_priority, row->position);
}

/* An instance has one default route: by the NIC with the highest gw_priority, the first of several,
 * whose network is not internal. The sisters may have no rows yet; then the plan knows them. */
static bool has_default_route(struct network *network, const struct wish *wish)
{
    if (network_is_internal(network, wish->network))
        return false;
    struct sisters sisters = {.network = network, .wish = wish};
    tables_each_endpoint(network->store, wish->instance, look_at_sister, &sisters);
    for (size_t i = 0; i < network->planned_endpoints.count; i++) {
        const struct planned_endpoint *other = &network->planned_endpoints.items[i];
        if (streq(other->instance, wish->instance))
            compare_sister(&sisters, other->network, other->gw_priority, other->position);
    }
    return !sisters.any_better;
}

/* --- ensure --------------------------------------------------------------------------------- */

/* The row's `resolver`; links borrow from json. */
struct resolver_view {
    cJSON *json;
    char **servers;
    VEC(struct dns_link) links;
};

static void read_resolver(const struct endpoint_row *row, struct resolver_view *ret_view)
{
    *ret_view = (struct resolver_view){0};
    json_parse(row->resolver, strlen(row->resolver), &ret_view->json, NULL);
    ret_view->servers = json_strv(json_array(ret_view->json, "dns"));
    const cJSON *link;
    cJSON_ArrayForEach(link, json_array(ret_view->json, "links"))
        vec_add(&ret_view->links, (struct dns_link){.alias = json_string(link, "alias", ""),
                                                    .target = json_string(link, "target", "")});
}

static void resolver_view_done(struct resolver_view *view)
{
    cJSON_Delete(view->json);
    strv_free(view->servers);
    vec_done(&view->links);
}

/* NULL for none. */
static const char *text_of(const struct ip_address *address, char buffer[IP_TEXT_SIZE])
{
    return ip_address_is_set(address) ? ip_address_format(address, buffer) : NULL;
}

void endpoint_tell_dns(struct network *network, const struct endpoint_row *row)
{
    char address[IP_TEXT_SIZE], address6[IP_TEXT_SIZE];
    cJSON *aliases = NULL;
    json_parse(row->aliases, strlen(row->aliases), &aliases, NULL);
    _cleanup_strv_ char **names = json_strv(aliases);
    cJSON_Delete(aliases);
    struct resolver_view view;
    read_resolver(row, &view);
    const struct dns_endpoint endpoint = {
        .network = row->network,
        .instance = row->instance,
        .service = row->service,
        .project = row->project,
        .address = text_of(&row->address[IP_V4], address),
        .address6 = text_of(&row->address[IP_V6], address6),
        .names = (const char *const *)names,
        .servers = (const char *const *)view.servers,
        .links = view.links.items,
        .link_count = view.links.count,
    };
    dns_set_endpoint(network->dns, &endpoint);
    resolver_view_done(&view);
}

static cJSON *make_result(const struct change *change, const struct endpoint_row *row,
                          const struct network_row *network)
{
    static const char *const keys[IP_FAMILY_COUNT][3] = {{"address", "prefix", "gateway"},
                                                         {"address6", "prefix6", "gateway6"}};
    char text[IP_TEXT_SIZE];
    cJSON *result = cJSON_CreateObject(), *link_local = NULL;
    json_set_string(result, "network", row->network);
    json_set_string(result, "interface", row->interface);
    json_set_string(result, "mac", ip_mac_format(row->mac, text));
    for (enum ip_family family = IP_V4; family < IP_FAMILY_COUNT; family++) {
        if (!ip_address_is_set(&row->address[family]))
            continue;
        json_set_string(result, keys[family][0], ip_address_format(&row->address[family], text));
        json_set_int(result, keys[family][1], network->subnet[family].prefix);
        if (row->default_route)
            json_set_string(result, keys[family][2],
                            ip_address_format(&network->gateway[family], text));
    }
    const struct ip_address *dns =
        &network->gateway[ip_address_is_set(&row->address[IP_V4]) ? IP_V4 : IP_V6];
    json_set_string(result, "dns", ip_address_format(dns, text));
    if (json_parse(row->link_local, strlen(row->link_local), &link_local, NULL) == 0)
        json_set(result, "link_local", link_local);
    json_set_int(result, "mtu", change->tap.mtu);
    if (change->tap_fd >= 0) {
        json_set_string(result, "tap", change->tap.name);
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

static bool is_planned_for_another(const struct ip_address *address, void *userdata)
{
    const struct sisters *search = userdata;
    for (size_t i = 0; i < search->network->planned_endpoints.count; i++) {
        const struct planned_endpoint *other = &search->network->planned_endpoints.items[i];
        if (ip_address_compare(&other->address[ip_family_of(address)], address) == 0 &&
            streq(other->network, search->wish->network) &&
            streq(other->project, search->wish->project) &&
            !streq(other->instance, search->wish->instance))
            return true;
    }
    return false;
}

/* The address the file asks for, the one the endpoint has, or a chosen one. */
static int find_address(struct network *network, const char *name, const struct wish *wish,
                        const struct ipam_request *request, const struct ip_address *had,
                        struct ip_address *ret_address, struct error *err)
{
    const struct ip_address *wanted = &wish->address[request->family];
    *ret_address = ip_address_is_set(wanted) ? *wanted : *had;
    if (ip_address_is_set(ret_address))
        return ipam_check_address(network->store, name, request->network, request->settings,
                                  ret_address, err);
    if (!ip_subnet_is_set(&request->network->subnet[request->family]))
        return 0;
    return ipam_choose_address(network->store, request, ret_address, err);
}

static int find_addresses(struct network *network, const struct wish *wish,
                          const struct network_row *its_network,
                          const struct network_settings *settings, const struct endpoint_row *there,
                          struct endpoint_row *row, struct error *err)
{
    struct sisters search = {.network = network, .wish = wish};
    struct ipam_request request = {.instance = wish->instance,
                                   .network = its_network,
                                   .settings = settings,
                                   .is_reserved = is_planned_for_another,
                                   .userdata = &search};
    int r = 0;
    for (enum ip_family family = IP_V4; r == 0 && family < IP_FAMILY_COUNT; family++) {
        request.family = family;
        r = find_address(network, row->name, wish, &request, &there->address[family],
                         &row->address[family], err);
    }
    return r;
}

static int write_intent(struct store *store, void *userdata, struct error *err)
{
    return tables_write_endpoint(store, userdata, err);
}

/* An array of the spec as text. Owned by the caller. */
static char *array_text(const cJSON *spec, const char *key)
{
    const cJSON *array = json_array(spec, key);
    return array ? json_print(array) : xstrdup("[]");
}

/* What the spec says of names, for the row. Owned by the caller. */
static char *resolver_text(const cJSON *spec)
{
    static const char *const members[] = {"dns", "links"};
    _cleanup_json_ cJSON *resolver = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_SIZE(members); i++)
        if (json_array(spec, members[i]))
            json_set(resolver, members[i], cJSON_Duplicate(json_array(spec, members[i]), true));
    return json_print(resolver);
}

/* Writes the row and gives the tap's and the bridge's names to the change. */
static int record(struct change *change, const struct wish *wish,
                  const struct network_row *its_network, struct error *err)
{
    struct network *network = change->network;
    const char *name = change->operation->name;
    _cleanup_(endpoint_row_done) struct endpoint_row there = {0}, written = {0};
    _cleanup_(network_settings_done) struct network_settings settings = {0};
    int found = tables_find_endpoint(network->store, name, &there, err);
    int r = found < 0 ? found : network_row_settings(its_network, &settings, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *aliases = array_text(change->operation->spec, "aliases");
    _cleanup_free_ char *link_local = array_text(change->operation->spec, "link_local_ips");
    _cleanup_free_ char *resolver = resolver_text(change->operation->spec);
    struct endpoint_row row = {
        .name = (char *)(uintptr_t)name,
        .instance = (char *)(uintptr_t)wish->instance,
        .service = (char *)(uintptr_t)wish->service,
        .project = (char *)(uintptr_t)wish->project,
        .network = (char *)(uintptr_t)wish->network,
        .interface = (char *)(uintptr_t)wish->interface,
        .aliases = aliases,
        .link_local = link_local,
        .resolver = resolver,
        .position = wish->position,
        .gw_priority = wish->gw_priority,
        .default_route = has_default_route(network, wish),
        .host_gateway = json_bool(change->operation->spec, "host_gateway", false),
    };
    memcpy(row.mac, wish->mac, sizeof(row.mac));
    if ((r = check_mac(network, name, wish, err)) == 0)
        r = find_addresses(network, wish, its_network, &settings, &there, &row, err);
    if (r == 0)
        r = tables_commit(network->store, write_intent, &row, err);
    if (r == 0)
        r = tables_find_endpoint(network->store, name, &written, err);
    if (r < 0)
        return r;
    change->made = found == 0 || !there.ready;
    change->tap = (struct desired_tap){.mtu = settings.mtu, .isolated = settings.isolated};
    tables_bridge_name(network->root_id, its_network, &settings, change->tap.bridge);
    if (wish->tap)
        desired_tap_name(network->root_id, written.number, change->tap.name);
    return 0;
}

static int start_ensure(struct network *network, struct operation *operation, struct error *err)
{
    struct wish wish;
    _cleanup_(network_row_done) struct network_row its_network = {0};
    int r = read_wish(operation->spec, &wish, err);
    if (r < 0)
        return r;
    r = tables_find_network(network->store, wish.network, &its_network, err);
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
