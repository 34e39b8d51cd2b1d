/* See dns_names.h. Networks and their endpoints are few (tens): lists and linear walks. */
#include "network/dns_names.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

struct endpoint {
    char *network, *instance;
    struct in_addr address;
    char **names; /* lower case */
    bool running;
};

struct network_view {
    char *name;
    struct in_addr gateway;
    uint32_t subnet, mask; /* host byte order */
    bool forwards;
};

struct dns_names {
    VEC(struct network_view) networks;
    VEC(struct endpoint) endpoints;
};

static char *lower_case(const char *text)
{
    char *copy = xstrdup(text);
    for (char *p = copy; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return copy;
}

struct dns_names *dns_names_new(void)
{
    return new0(struct dns_names);
}

static void endpoint_done(struct endpoint *endpoint)
{
    free(endpoint->network);
    free(endpoint->instance);
    strv_free(endpoint->names);
}

static void remove_endpoint_at(struct dns_names *names, size_t index)
{
    endpoint_done(&names->endpoints.items[index]);
    names->endpoints.items[index] = names->endpoints.items[--names->endpoints.count];
}

void dns_names_free(struct dns_names *names)
{
    if (!names)
        return;
    for (size_t i = 0; i < names->endpoints.count; i++)
        endpoint_done(&names->endpoints.items[i]);
    for (size_t i = 0; i < names->networks.count; i++)
        free(names->networks.items[i].name);
    vec_done(&names->endpoints);
    vec_done(&names->networks);
    free(names);
}

static struct network_view *find_network(const struct dns_names *names, const char *network)
{
    for (size_t i = 0; i < names->networks.count; i++)
        if (streq(names->networks.items[i].name, network))
            return &names->networks.items[i];
    return NULL;
}

static int parse_subnet(const char *text, uint32_t *ret_subnet, uint32_t *ret_mask)
{
    char address[INET_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    struct in_addr parsed;
    uint16_t prefix;
    if (!slash || (size_t)(slash - text) >= sizeof(address))
        return -EINVAL;
    snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
    if (inet_pton(AF_INET, address, &parsed) != 1 || str_to_u16(slash + 1, &prefix) < 0 ||
        prefix > 32)
        return -EINVAL;
    *ret_mask = prefix ? UINT32_MAX << (32 - prefix) : 0;
    *ret_subnet = ntohl(parsed.s_addr) & *ret_mask;
    return 0;
}

int dns_names_add_network(struct dns_names *names, const char *network, struct in_addr gateway,
                          const char *subnet, struct error *err)
{
    struct network_view view = {.gateway = gateway, .forwards = true};
    if (parse_subnet(subnet, &view.subnet, &view.mask) < 0)
        return error_set(err, EINVAL, "'%s' is not an IPv4 subnet", subnet);
    struct network_view *known = find_network(names, network);
    if (known) {
        view.name = known->name;
        view.forwards = known->forwards;
        *known = view;
        return 0;
    }
    view.name = xstrdup(network);
    vec_add(&names->networks, view);
    return 0;
}

void dns_names_remove_network(struct dns_names *names, const char *network)
{
    struct network_view *view = find_network(names, network);
    if (!view)
        return;
    for (size_t i = names->endpoints.count; i-- > 0;)
        if (streq(names->endpoints.items[i].network, network))
            remove_endpoint_at(names, i);
    free(view->name);
    *view = names->networks.items[--names->networks.count];
}

void dns_names_set_forwarding(struct dns_names *names, const char *network, bool forwards)
{
    struct network_view *view = find_network(names, network);
    if (view)
        view->forwards = forwards;
}

void dns_names_set_endpoint(struct dns_names *names, const struct dns_endpoint *endpoint)
{
    struct endpoint added = {0};
    if (!find_network(names, endpoint->network) ||
        inet_pton(AF_INET, endpoint->address, &added.address) != 1)
        return;
    dns_names_remove_endpoint(names, endpoint->network, endpoint->instance);
    added.network = xstrdup(endpoint->network);
    added.instance = xstrdup(endpoint->instance);
    for (size_t i = 0; endpoint->names && endpoint->names[i]; i++)
        strv_add(&added.names, lower_case(endpoint->names[i]));
    vec_add(&names->endpoints, added);
}

void dns_names_remove_endpoint(struct dns_names *names, const char *network, const char *instance)
{
    for (size_t i = names->endpoints.count; i-- > 0;) {
        const struct endpoint *endpoint = &names->endpoints.items[i];
        if (streq(endpoint->network, network) && streq(endpoint->instance, instance))
            remove_endpoint_at(names, i);
    }
}

void dns_names_set_running(struct dns_names *names, const char *instance, bool running)
{
    for (size_t i = 0; i < names->endpoints.count; i++)
        if (streq(names->endpoints.items[i].instance, instance))
            names->endpoints.items[i].running = running;
}

bool dns_names_is_gateway(const struct dns_names *names, struct in_addr address)
{
    for (size_t i = 0; i < names->networks.count; i++)
        if (names->networks.items[i].gateway.s_addr == address.s_addr)
            return true;
    return false;
}

/* The instance that has this address on any network, or NULL: somebody who is not a guest. */
static const char *instance_at(const struct dns_names *names, struct in_addr address)
{
    for (size_t i = 0; i < names->endpoints.count; i++)
        if (names->endpoints.items[i].address.s_addr == address.s_addr)
            return names->endpoints.items[i].instance;
    return NULL;
}

/* The networks an asker sees: those it has an endpoint on, or for somebody who is not a guest the
 * one that was asked. */
static bool sees(const struct dns_names *names, const char *asking_instance,
                 const struct dns_asker *asker, const char *network)
{
    if (!asking_instance)
        return streq(network, asker->network);
    for (size_t i = 0; i < names->endpoints.count; i++) {
        const struct endpoint *endpoint = &names->endpoints.items[i];
        if (streq(endpoint->instance, asking_instance) && streq(endpoint->network, network))
            return true;
    }
    return false;
}

static enum dns_verdict beyond_us(const struct dns_names *names, const char *asking_instance,
                                  const struct dns_asker *asker)
{
    for (size_t i = 0; i < names->networks.count; i++) {
        const struct network_view *view = &names->networks.items[i];
        if (view->forwards && sees(names, asking_instance, asker, view->name))
            return DNS_FORWARD;
    }
    return DNS_REFUSE;
}

/* "4.3.2.1.in-addr.arpa" (RFC 1035 section 3.5). */
static bool parse_reverse(const char *name, struct in_addr *ret_address)
{
    unsigned char bytes[4];
    int used = 0;
    if (sscanf(name, "%hhu.%hhu.%hhu.%hhu.in-addr.arpa%n", &bytes[3], &bytes[2], &bytes[1],
               &bytes[0], &used) != 4 ||
        used == 0 || name[used])
        return false;
    memcpy(ret_address, bytes, sizeof(bytes));
    return true;
}

static enum dns_verdict lookup_reverse(const struct dns_names *names, const char *asking_instance,
                                       const struct dns_asker *asker, struct in_addr address,
                                       struct dns_answer *answer)
{
    for (size_t i = 0; i < names->endpoints.count; i++) {
        const struct endpoint *endpoint = &names->endpoints.items[i];
        if (endpoint->address.s_addr != address.s_addr ||
            !sees(names, asking_instance, asker, endpoint->network))
            continue;
        answer->instance = endpoint->running ? endpoint->instance : NULL;
        return endpoint->running ? DNS_OURS : DNS_ABSENT;
    }
    for (size_t i = 0; i < names->networks.count; i++) {
        const struct network_view *view = &names->networks.items[i];
        if ((ntohl(address.s_addr) & view->mask) == view->subnet)
            return DNS_ABSENT; /* nobody else can know it */
    }
    return beyond_us(names, asking_instance, asker);
}

enum dns_verdict dns_names_lookup(const struct dns_names *names, const struct dns_asker *asker,
                                  const char *name, struct dns_answer *ret_answer)
{
    *ret_answer = (struct dns_answer){0};
    const char *asking_instance = instance_at(names, asker->address);
    _cleanup_free_ char *wanted = lower_case(name);
    size_t length = strlen(wanted);
    if (length && wanted[length - 1] == '.')
        wanted[length - 1] = '\0';

    struct in_addr reversed;
    if (parse_reverse(wanted, &reversed))
        return lookup_reverse(names, asking_instance, asker, reversed, ret_answer);

    bool known = false;
    for (size_t i = 0; i < names->endpoints.count; i++) {
        const struct endpoint *endpoint = &names->endpoints.items[i];
        if (!strv_contains(endpoint->names, wanted) ||
            !sees(names, asking_instance, asker, endpoint->network))
            continue;
        known = true;
        if (endpoint->running && ret_answer->address_count < DNS_MAX_ADDRESSES)
            ret_answer->addresses[ret_answer->address_count++] = endpoint->address;
    }
    return known ? DNS_OURS : beyond_us(names, asking_instance, asker);
}
