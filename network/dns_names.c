/* See dns_names.h. What is known; dns_index.c makes tables of it, dns_lookup.c asks them. */
#include "network/dns_names_internal.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

struct dns_names *dns_names_new(void)
{
    return new0(struct dns_names);
}

static void network_done(struct dns_view *view)
{
    free(view->name);
    vec_done(&view->gateways);
    vec_done(&view->subnets);
}

static void endpoint_done(struct dns_member *endpoint)
{
    vec_done(&endpoint->links);
    free(endpoint->instance);
    free(endpoint->service);
    free(endpoint->project);
    strv_free(endpoint->names);
}

void dns_names_free(struct dns_names *names)
{
    if (!names)
        return;
    dns_index_done(&names->index);
    for (size_t i = 0; i < names->endpoints.count; i++)
        endpoint_done(&names->endpoints.items[i]);
    for (size_t i = 0; i < names->networks.count; i++)
        network_done(&names->networks.items[i]);
    vec_done(&names->endpoints);
    vec_done(&names->networks);
    free(names);
}

/* --- networks ------------------------------------------------------------------------------- */

static struct dns_view *find_network(const struct dns_names *names, const char *network)
{
    for (size_t i = 0; i < names->networks.count; i++)
        if (streq(names->networks.items[i].name, network))
            return &names->networks.items[i];
    return NULL;
}

const struct dns_view *dns_names_view(const struct dns_names *names, uint32_t number)
{
    for (size_t i = 0; i < names->networks.count; i++)
        if (names->networks.items[i].number == number)
            return &names->networks.items[i];
    return NULL;
}

static bool parse_subnet(const char *text, struct dns_subnet *ret_subnet)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    uint16_t prefix;
    if (!slash || (size_t)(slash - text) >= sizeof(address) || str_to_u16(slash + 1, &prefix) < 0)
        return false;
    snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
    if (!dns_address_from_text(address, &ret_subnet->address))
        return false;
    ret_subnet->prefix = prefix + (strchr(address, ':') ? 0U : 96U);
    return ret_subnet->prefix <= 128;
}

bool dns_subnet_contains(const struct dns_subnet *subnet, const struct in6_addr *address)
{
    size_t bytes = subnet->prefix / 8;
    unsigned bits = subnet->prefix % 8;
    if (memcmp(subnet->address.s6_addr, address->s6_addr, bytes) != 0)
        return false;
    return bits == 0 ||
           (subnet->address.s6_addr[bytes] ^ address->s6_addr[bytes]) >> (8 - bits) == 0;
}

static int read_network(const struct dns_network *network, struct dns_view *view, struct error *err)
{
    for (const char *const *text = network->gateways; *text; text++) {
        struct in6_addr address;
        if (!dns_address_from_text(*text, &address))
            return error_set(err, EINVAL, "network '%s': '%s' is not an address", network->name,
                             *text);
        vec_add(&view->gateways, address);
    }
    for (const char *const *text = network->subnets; *text; text++) {
        struct dns_subnet subnet;
        if (!parse_subnet(*text, &subnet))
            return error_set(err, EINVAL, "network '%s': '%s' is not a subnet", network->name,
                             *text);
        vec_add(&view->subnets, subnet);
    }
    return 0;
}

int dns_names_add_network(struct dns_names *names, const struct dns_network *network,
                          uint32_t *ret_number, struct error *err)
{
    struct dns_view view = {.forwards = !network->isolated};
    int r = read_network(network, &view, err);
    if (r < 0) {
        network_done(&view);
        return r;
    }
    struct dns_view *known = find_network(names, network->name);
    view.number = known ? known->number : ++names->last_number;
    view.name = xstrdup(network->name);
    if (known) {
        network_done(known);
        *known = view;
    } else {
        vec_add(&names->networks, view);
    }
    *ret_number = view.number;
    return 0;
}

static void remove_endpoint_at(struct dns_names *names, size_t index)
{
    endpoint_done(&names->endpoints.items[index]);
    names->endpoints.items[index] = names->endpoints.items[--names->endpoints.count];
    names->index.valid = false;
}

void dns_names_remove_network(struct dns_names *names, const char *network)
{
    struct dns_view *view = find_network(names, network);
    if (!view)
        return;
    for (size_t i = names->endpoints.count; i-- > 0;)
        if (names->endpoints.items[i].network == view->number)
            remove_endpoint_at(names, i);
    network_done(view);
    *view = names->networks.items[--names->networks.count];
}

/* --- endpoints ------------------------------------------------------------------------------ */

static void add_name(struct dns_member *endpoint, const char *text)
{
    struct dns_name name;
    if (*text && dns_name_from_text(text, &name) && name.length &&
        !strv_contains(endpoint->names, (const char *)name.bytes))
        strv_add(&endpoint->names, xstrdup((const char *)name.bytes));
}

static void add_host_name(struct dns_member *endpoint, const char *first, const char *second)
{
    if (!*first)
        return;
    _cleanup_free_ char *text =
        xasprintf("%s%s%s." DNS_HOST_DOMAIN, first, *second ? "." : "", second);
    add_name(endpoint, text);
}

static void add_names(struct dns_member *endpoint, const char *const *aliases)
{
    add_name(endpoint, endpoint->service);
    add_name(endpoint, endpoint->instance);
    for (; aliases && *aliases; aliases++)
        add_name(endpoint, *aliases);
    add_host_name(endpoint, endpoint->instance, "");
    add_host_name(endpoint, endpoint->project, "");
    if (*endpoint->project)
        add_host_name(endpoint, endpoint->service, endpoint->project);
}

static void add_own(struct dns_member *member, const struct dns_endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->link_count; i++) {
        struct dns_member_link link;
        if (dns_name_from_text(endpoint->links[i].alias, &link.alias) &&
            dns_name_from_text(endpoint->links[i].target, &link.target))
            vec_add(&member->links, link);
    }
    for (const char *const *server = endpoint->servers; server && *server; server++)
        dns_servers_add(&member->servers, *server);
}

static enum instance_presence presence_of(const struct dns_names *names, const char *instance)
{
    for (size_t i = 0; i < names->endpoints.count; i++)
        if (streq(names->endpoints.items[i].instance, instance))
            return names->endpoints.items[i].presence;
    return INSTANCE_GONE;
}

void dns_names_set_endpoint(struct dns_names *names, const struct dns_endpoint *endpoint)
{
    const struct dns_view *view = find_network(names, endpoint->network);
    struct dns_member added = {0};
    if (endpoint->address && dns_address_from_text(endpoint->address, &added.ipv4))
        added.has_ipv4 = IN6_IS_ADDR_V4MAPPED(&added.ipv4);
    if (endpoint->address6 && dns_address_from_text(endpoint->address6, &added.ipv6))
        added.has_ipv6 = !IN6_IS_ADDR_V4MAPPED(&added.ipv6);
    if (!view || (!added.has_ipv4 && !added.has_ipv6))
        return;
    added.network = view->number;
    added.instance = xstrdup(endpoint->instance);
    added.service = xstrdup(endpoint->service ? endpoint->service : "");
    added.project = xstrdup(endpoint->project ? endpoint->project : "");
    added.presence = presence_of(names, endpoint->instance);
    add_names(&added, endpoint->names);
    add_own(&added, endpoint);
    dns_names_remove_endpoint(names, endpoint->network, endpoint->instance);
    vec_add(&names->endpoints, added);
    names->index.valid = false;
}

void dns_names_remove_endpoint(struct dns_names *names, const char *network, const char *instance)
{
    const struct dns_view *view = find_network(names, network);
    for (size_t i = names->endpoints.count; view && i-- > 0;) {
        const struct dns_member *endpoint = &names->endpoints.items[i];
        if (endpoint->network == view->number && streq(endpoint->instance, instance))
            remove_endpoint_at(names, i);
    }
}

void dns_names_set_presence(struct dns_names *names, const char *instance,
                            enum instance_presence presence)
{
    for (size_t i = 0; i < names->endpoints.count; i++) {
        struct dns_member *endpoint = &names->endpoints.items[i];
        if (!streq(endpoint->instance, instance) || endpoint->presence == presence)
            continue;
        endpoint->presence = presence;
        names->index.valid = false;
    }
}

/* --- what is known -------------------------------------------------------------------------- */

static cJSON *describe_host_names(const struct dns_member *endpoint)
{
    cJSON *array = cJSON_CreateArray();
    for (char **wire = endpoint->names; wire && *wire; wire++) {
        char text[DNS_NAME_MAX + 1];
        struct dns_name name = {.length = strlen(*wire)};
        memcpy(name.bytes, *wire, name.length);
        if (dns_is_host_name(*wire))
            cJSON_AddItemToArray(array, cJSON_CreateString(dns_name_format(&name, text)));
    }
    return array;
}

static void describe_address(const struct dns_member *endpoint, const struct in6_addr *address,
                             cJSON *array)
{
    char text[INET6_ADDRSTRLEN];
    cJSON *object = cJSON_CreateObject();
    json_set_string(object, "project", endpoint->project);
    json_set_string(object, "service", endpoint->service);
    json_set_string(object, "instance", endpoint->instance);
    json_set_string(object, "address", dns_address_format(address, text));
    json_set(object, "names", describe_host_names(endpoint));
    cJSON_AddItemToArray(array, object);
}

cJSON *dns_names_describe(const struct dns_names *names)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < names->endpoints.count; i++) {
        const struct dns_member *endpoint = &names->endpoints.items[i];
        if (endpoint->presence == INSTANCE_GONE)
            continue;
        if (endpoint->has_ipv4)
            describe_address(endpoint, &endpoint->ipv4, array);
        if (endpoint->has_ipv6)
            describe_address(endpoint, &endpoint->ipv6, array);
    }
    return array;
}

/* --- addresses ------------------------------------------------------------------------------ */

bool dns_names_is_gateway(const struct dns_names *names, const struct in6_addr *address)
{
    for (size_t i = 0; i < names->networks.count; i++) {
        const struct dns_view *view = &names->networks.items[i];
        for (size_t k = 0; k < view->gateways.count; k++)
            if (IN6_ARE_ADDR_EQUAL(&view->gateways.items[k], address))
                return true;
    }
    return false;
}

bool dns_view_contains(const struct dns_view *view, const struct in6_addr *address)
{
    for (size_t i = 0; i < view->subnets.count; i++)
        if (dns_subnet_contains(&view->subnets.items[i], address))
            return true;
    return false;
}

bool dns_names_owns_address(const struct dns_names *names, const struct in6_addr *address)
{
    for (size_t i = 0; i < names->networks.count; i++)
        if (dns_view_contains(&names->networks.items[i], address))
            return true;
    return false;
}

bool dns_names_is_host(const struct dns_names *names, const struct in6_addr *address)
{
    bool loopback = IN6_IS_ADDR_LOOPBACK(address) ||
                    (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
    return loopback || dns_names_is_gateway(names, address);
}
