/* One question to dns_names.h: what the asker sees, and whom of it the name means. Nothing here
 * allocates. */
#include "network/dns_names_internal.h"

#include <stdio.h>
#include <string.h>

#define MAX_NETWORKS 64 /* that one asker sees; a VM has no room for so many NICs */

enum asker_kind { GUEST, NEIGHBOUR, HOST, STRANGER };

struct sight {
    enum asker_kind kind;
    size_t endpoint; /* a guest's */
    uint32_t networks[MAX_NETWORKS];
    size_t network_count;
};

static void see_networks_of_guest(const struct dns_names *names, size_t endpoint,
                                  struct sight *sight)
{
    size_t i = endpoint;
    do {
        sight->networks[sight->network_count++] = names->endpoints.items[i].network;
        i = names->index.sisters.items[i];
    } while (i != endpoint && sight->network_count < MAX_NETWORKS);
}

static enum asker_kind kind_of_unknown(const struct dns_names *names, const struct dns_asker *asker)
{
    if (dns_names_is_host(names, &asker->address))
        return HOST;
    const struct dns_view *view = dns_names_view(names, asker->network);
    bool near = view && (dns_view_contains(view, &asker->address) ||
                         IN6_IS_ADDR_LINKLOCAL(&asker->address));
    return near ? NEIGHBOUR : STRANGER;
}

static void look_around(const struct dns_names *names, const struct dns_asker *asker,
                        struct sight *sight)
{
    sight->network_count = 0;
    size_t endpoint = dns_index_endpoint_at(names, &asker->address);
    if (endpoint != DNS_NOBODY) {
        sight->kind = GUEST;
        sight->endpoint = endpoint;
        see_networks_of_guest(names, endpoint, sight);
        return;
    }
    sight->kind = kind_of_unknown(names, asker);
    if (asker->network)
        sight->networks[sight->network_count++] = asker->network;
}

static bool sees(const struct sight *sight, uint32_t network)
{
    for (size_t i = 0; i < sight->network_count; i++)
        if (sight->networks[i] == network)
            return true;
    return false;
}

static enum dns_verdict beyond_us(const struct dns_names *names, const struct sight *sight)
{
    if (sight->network_count == 0)
        return DNS_REFUSE; /* the host's door */
    for (size_t i = 0; i < sight->network_count; i++) {
        const struct dns_view *view = dns_names_view(names, sight->networks[i]);
        if (view && view->forwards)
            return DNS_FORWARD;
    }
    return DNS_ISOLATED;
}

/* --- addresses to names --------------------------------------------------------------------- */

static enum dns_verdict lookup_reverse(const struct dns_names *names, const struct sight *sight,
                                       const struct in6_addr *address, unsigned type,
                                       struct dns_answer *answer)
{
    size_t i = dns_index_endpoint_at(names, address);
    const struct dns_member *endpoint = i == DNS_NOBODY ? NULL : &names->endpoints.items[i];
    if (endpoint && endpoint->presence != INSTANCE_GONE &&
        (sight->kind == HOST || sees(sight, endpoint->network))) {
        char text[DNS_NAME_MAX + 1];
        int length = snprintf(text, sizeof(text), "%s%s", endpoint->instance,
                              sight->kind == HOST ? "." DNS_HOST_DOMAIN : "");
        if ((type == DNS_TYPE_PTR || type == DNS_TYPE_ANY) && length < (int)sizeof(text) &&
            !dns_name_from_text(text, &answer->pointer))
            answer->pointer.length = 0;
        return DNS_OURS;
    }
    /* Nobody else can know it. */
    return dns_names_owns_address(names, address) ? DNS_ABSENT : beyond_us(names, sight);
}

/* --- names to addresses --------------------------------------------------------------------- */

struct entries {
    struct dns_entry *items[MAX_NETWORKS];
    size_t count;
    size_t serving, starting; /* in all of them */
};

static void add_entry(struct dns_names *names, uint32_t network, const struct dns_name *name,
                      struct entries *entries)
{
    struct dns_entry *entry = dns_index_entry(names, network, name);
    if (!entry)
        return;
    entries->items[entries->count++] = entry;
    entries->serving += entry->serving;
    entries->starting += entry->starting;
}

/* The n-th of those who are named, counted through all entries. */
static const struct dns_member *member_at(const struct dns_names *names,
                                          const struct entries *entries, size_t n)
{
    for (size_t i = 0; i < entries->count; i++) {
        const struct dns_entry *entry = entries->items[i];
        size_t count = entries->serving ? entry->serving : entry->starting;
        if (n < count) /* where nobody serves, those who start come first */
            return &names->endpoints.items[names->index.members.items[entry->first + n]];
        n -= count;
    }
    return NULL;
}

static void add_address(const struct dns_member *member, bool ipv6, struct dns_answer *answer)
{
    if (ipv6 && member->has_ipv6)
        answer->ipv6[answer->ipv6_count++] = member->ipv6;
    if (!ipv6 && member->has_ipv4)
        memcpy(&answer->ipv4[answer->ipv4_count++], member->ipv4.s6_addr + 12, 4);
}

/* The turn is each family's own: libc asks for both, one after the other. */
static void add_addresses(const struct dns_names *names, struct entries *entries, bool ipv6,
                          struct dns_answer *answer)
{
    size_t total = entries->serving ? entries->serving : entries->starting;
    if (total == 0)
        return;
    size_t start = entries->items[0]->turn[ipv6]++ % total;
    const size_t *count = ipv6 ? &answer->ipv6_count : &answer->ipv4_count;
    for (size_t i = 0; i < total && *count < DNS_MAX_ADDRESSES; i++)
        add_address(member_at(names, entries, (start + i) % total), ipv6, answer);
}

static bool is_same_name(const struct dns_name *a, const struct dns_name *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* What a guest means by the name. */
static const struct dns_name *follow_link(const struct dns_names *names, const struct sight *sight,
                                          const struct dns_name *name)
{
    if (sight->kind != GUEST)
        return name;
    const struct dns_member *member = &names->endpoints.items[sight->endpoint];
    for (size_t i = 0; i < member->links.count; i++)
        if (is_same_name(&member->links.items[i].alias, name))
            return &member->links.items[i].target;
    return name;
}

const struct dns_servers *dns_names_servers(struct dns_names *names, const struct in6_addr *asker)
{
    dns_index_refresh(names);
    size_t endpoint = dns_index_endpoint_at(names, asker);
    if (endpoint == DNS_NOBODY || names->endpoints.items[endpoint].servers.count == 0)
        return NULL;
    return &names->endpoints.items[endpoint].servers;
}

enum dns_verdict dns_names_lookup(struct dns_names *names, const struct dns_asker *asker,
                                  const struct dns_name *name, unsigned type,
                                  struct dns_answer *ret_answer)
{
    struct sight sight;
    struct in6_addr address;
    ret_answer->ipv4_count = ret_answer->ipv6_count = 0;
    ret_answer->pointer.length = 0;
    dns_index_refresh(names);
    look_around(names, asker, &sight);
    if (sight.kind == STRANGER)
        return DNS_REFUSE;
    name = follow_link(names, &sight, name);
    if (dns_name_to_address(name, &address))
        return lookup_reverse(names, &sight, &address, type, ret_answer);

    struct entries entries = {.count = 0};
    bool is_host_name = dns_name_is_within(name, "\2" DNS_HOST_DOMAIN);
    if (is_host_name && sight.kind == HOST)
        add_entry(names, 0, name, &entries);
    else
        for (size_t i = 0; i < sight.network_count; i++)
            add_entry(names, sight.networks[i], name, &entries);
    if (type == DNS_TYPE_A || type == DNS_TYPE_ANY)
        add_addresses(names, &entries, false, ret_answer);
    if (type == DNS_TYPE_AAAA || type == DNS_TYPE_ANY)
        add_addresses(names, &entries, true, ret_answer);
    bool is_domain = name->length == sizeof("\2" DNS_HOST_DOMAIN) - 1; /* there, and empty */
    if (entries.count || (is_host_name && is_domain))
        return DNS_OURS;
    return is_host_name ? DNS_ABSENT : beyond_us(names, &sight);
}
