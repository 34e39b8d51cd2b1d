/* The tables of dns_names_internal.h: names and addresses to endpoints. */
#include "network/dns_names_internal.h"

#include "base/str.h"

void dns_index_done(struct dns_index *index)
{
    strmap_done(&index->by_name);
    strmap_done(&index->by_address);
    vec_done(&index->entries);
    vec_done(&index->members);
    vec_done(&index->sisters);
    *index = (struct dns_index){0};
}

/* The key of by_name; its length. */
static size_t make_key(uint32_t network, const void *name, size_t length,
                       uint8_t key[sizeof(uint32_t) + DNS_NAME_MAX])
{
    memcpy(key, &network, sizeof(network));
    memcpy(key + sizeof(network), name, length);
    return sizeof(network) + length;
}

/* Who stands behind which entry, before it is sorted. */
struct pair {
    size_t entry, endpoint;
};
struct pairs {
    struct pair *items;
    size_t count, capacity;
};

static void add_pair(struct dns_index *index, uint32_t network, const char *name, size_t endpoint,
                     struct pairs *pairs)
{
    uint8_t key[sizeof(uint32_t) + DNS_NAME_MAX];
    size_t length = make_key(network, name, strlen(name), key);
    size_t entry = strmap_get_bytes(&index->by_name, key, length);
    if (entry == STRMAP_NONE) {
        entry = index->entries.count;
        vec_add(&index->entries, (struct dns_entry){0});
        strmap_set_bytes(&index->by_name, key, length, entry);
    }
    vec_add(pairs, (struct pair){entry, endpoint});
}

bool dns_is_host_name(const char *text)
{
    static const char domain[] = "\2" DNS_HOST_DOMAIN;
    size_t length = strlen(text);
    return length > sizeof(domain) - 1 &&
           memcmp(text + length - (sizeof(domain) - 1), domain, sizeof(domain) - 1) == 0;
}

static void add_endpoint(struct dns_names *names, size_t i, struct pairs *pairs)
{
    struct dns_index *index = &names->index;
    const struct dns_member *endpoint = &names->endpoints.items[i];
    for (char **name = endpoint->names; name && *name; name++) {
        add_pair(index, endpoint->network, *name, i, pairs);
        if (dns_is_host_name(*name))
            add_pair(index, 0, *name, i, pairs);
    }
    if (endpoint->has_ipv4)
        strmap_set_bytes(&index->by_address, &endpoint->ipv4, sizeof(endpoint->ipv4), i);
    if (endpoint->has_ipv6)
        strmap_set_bytes(&index->by_address, &endpoint->ipv6, sizeof(endpoint->ipv6), i);
}

/* Counting sort by entry and presence; who is gone has no place. */
static void sort_members(struct dns_names *names, const struct pairs *pairs)
{
    struct dns_index *index = &names->index;
    for (size_t i = 0; i < pairs->count; i++) {
        struct dns_entry *entry = &index->entries.items[pairs->items[i].entry];
        enum instance_presence presence = names->endpoints.items[pairs->items[i].endpoint].presence;
        entry->serving += presence == INSTANCE_SERVING;
        entry->starting += presence == INSTANCE_STARTING;
    }
    size_t total = 0;
    for (size_t i = 0; i < index->entries.count; i++) {
        struct dns_entry *entry = &index->entries.items[i];
        entry->first = total;
        total += entry->serving + entry->starting;
        entry->serving = entry->starting = 0;
    }
    index->members.items = xreallocarray(index->members.items, total + 1, sizeof(size_t));
    index->members.count = index->members.capacity = total;
    for (int round = 0; round < 2; round++) {
        enum instance_presence wanted = round == 0 ? INSTANCE_SERVING : INSTANCE_STARTING;
        for (size_t i = 0; i < pairs->count; i++) {
            struct dns_entry *entry = &index->entries.items[pairs->items[i].entry];
            if (names->endpoints.items[pairs->items[i].endpoint].presence != wanted)
                continue;
            index->members.items[entry->first + entry->serving + entry->starting] =
                pairs->items[i].endpoint;
            entry->serving += round == 0;
            entry->starting += round == 1;
        }
    }
}

static void link_sisters(struct dns_names *names)
{
    _cleanup_strmap_ struct strmap by_instance = {0};
    struct dns_index *index = &names->index;
    for (size_t i = 0; i < names->endpoints.count; i++) {
        const char *instance = names->endpoints.items[i].instance;
        size_t sister = strmap_get(&by_instance, instance);
        vec_add(&index->sisters, i);
        if (sister == STRMAP_NONE) {
            strmap_set(&by_instance, instance, i);
        } else {
            index->sisters.items[i] = index->sisters.items[sister];
            index->sisters.items[sister] = i;
        }
    }
}

void dns_index_refresh(struct dns_names *names)
{
    if (names->index.valid)
        return;
    dns_index_done(&names->index);
    struct pairs pairs = {0};
    for (size_t i = 0; i < names->endpoints.count; i++)
        add_endpoint(names, i, &pairs);
    sort_members(names, &pairs);
    link_sisters(names);
    vec_done(&pairs);
    names->index.valid = true;
}

struct dns_entry *dns_index_entry(struct dns_names *names, uint32_t network,
                                  const struct dns_name *name)
{
    uint8_t key[sizeof(uint32_t) + DNS_NAME_MAX];
    size_t length = make_key(network, name->bytes, name->length, key);
    size_t entry = strmap_get_bytes(&names->index.by_name, key, length);
    return entry == STRMAP_NONE ? NULL : &names->index.entries.items[entry];
}

size_t dns_index_endpoint_at(const struct dns_names *names, const struct in6_addr *address)
{
    size_t endpoint = strmap_get_bytes(&names->index.by_address, address, sizeof(*address));
    return endpoint == STRMAP_NONE ? DNS_NOBODY : endpoint;
}
