/* The part of compose/validate.h about networks: their subnets, and the addresses of services in
 * them. The rules are those of Docker's engine (moby: ValidateIPAM, the default IPAM driver), which
 * Docker Compose leaves them to. */
#include "compose/validate.h"

#include "base/alloc.h"
#include "base/ip.h"
#include "base/str.h"
#include "base/vec.h"
#include "compose/model_build.h"

#include <stdlib.h>

/* One entry of a network's ipam.config that has a subnet; what is wrong with its form was reported
 * by its type. */
struct pool {
    size_t network;
    struct ip_subnet subnet;
    const struct node *config;
};

/* An address and whose it is. */
struct claim {
    size_t network;
    struct ip_address address;
    const char *service; /* NULL: the network's own */
    const char *name;    /* of one of aux_addresses; NULL: the gateway, or a service */
    struct position position;
    size_t order;
};

struct check {
    const struct model *model;
    struct diagnostics *diagnostics;
    VEC(struct pool) pools; /* in the model's order of networks */
    size_t *first_pool;     /* per network, and one behind the last */
    VEC(struct claim) claims;
};

static const struct node *network_node(const struct model *model, size_t network)
{
    return node_get(model->tree, "networks")->pairs[network].value;
}

static const char *key_of(const struct check *check, size_t network)
{
    return check->model->networks[network].key;
}

static const char *subnet_text(const struct pool *pool)
{
    return node_get_string(pool->config, "subnet", "");
}

/* A number that compares as `left - right` would. */
static int compare_sizes(size_t left, size_t right)
{
    return left < right ? -1 : left > right;
}

/* --- pools ----------------------------------------------------------------------------------- */

static void add_claim(struct check *check, struct claim claim)
{
    claim.order = check->claims.count;
    vec_add(&check->claims, claim);
}

/* An address of the network itself; name NULL: its gateway. */
static void check_own_address(struct check *check, const struct pool *pool, const char *name,
                              const struct node *value)
{
    struct ip_address address;
    _cleanup_free_ char *what =
        name ? xasprintf("auxiliary address '%s'", name) : xstrdup("gateway");
    if (!value || value->kind != NODE_STRING || ip_address_parse(value->text, &address) < 0)
        return;
    if (ip_subnet_has_host(&pool->subnet, &address))
        add_claim(check, (struct claim){.network = pool->network,
                                        .address = address,
                                        .name = name,
                                        .position = value->position});
    else
        diagnostics_add(check->diagnostics, SEVERITY_ENGINE, value->position, NULL,
                        "%s '%s' of network '%s' is no host address of its subnet '%s'", what,
                        value->text, key_of(check, pool->network), subnet_text(pool));
}

static void check_range(const struct check *check, const struct pool *pool)
{
    const struct node *value = node_get(pool->config, "ip_range");
    struct ip_subnet range;
    if (!value || value->kind != NODE_STRING || ip_subnet_parse(value->text, &range) < 0)
        return;
    struct ip_address first = ip_subnet_first(&range);
    if (range.prefix < pool->subnet.prefix || !ip_subnet_contains(&pool->subnet, &first))
        diagnostics_add(check->diagnostics, SEVERITY_ENGINE, value->position, NULL,
                        "'ip_range' '%s' of network '%s' is not within its subnet '%s'",
                        value->text, key_of(check, pool->network), subnet_text(pool));
}

static void check_pool(struct check *check, const struct pool *pool)
{
    const struct node *aux = node_get(pool->config, "aux_addresses");
    const struct node *gateway = node_get(pool->config, "gateway");
    struct ip_address first = ip_subnet_first(&pool->subnet);
    check_range(check, pool);
    check_own_address(check, pool, NULL, gateway);
    if (!gateway && pool->subnet.prefix < pool->subnet.address.size * 8)
        add_claim(check,
                  (struct claim){.network = pool->network, .address = ip_address_next(first)});
    for (size_t i = 0; node_is(aux, NODE_MAP) && i < aux->count; i++)
        check_own_address(check, pool, aux->pairs[i].key, aux->pairs[i].value);
}

/* Keys that say nothing without a subnet. */
static void check_no_subnet(const struct check *check, size_t network, const struct node *config)
{
    static const char *const keys[] = {"gateway", "ip_range", "aux_addresses"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct node_pair *pair = node_find(config, keys[i]);
        if (pair && pair->value->kind != NODE_BAD)
            diagnostics_add(check->diagnostics, SEVERITY_ENGINE, pair->position,
                            "add 'subnet:' beside it", "network '%s' has '%s' but no subnet",
                            key_of(check, network), keys[i]);
    }
}

static void collect_pools(struct check *check, size_t network)
{
    const struct node *configs =
        node_get(node_get(network_node(check->model, network), "ipam"), "config");
    bool seen[2] = {false, false}; /* a pool of IPv4, of IPv6 */
    for (size_t i = 0; node_is(configs, NODE_LIST) && i < configs->count; i++) {
        struct pool pool = {.network = network, .config = configs->items[i]};
        const struct node *subnet = node_get(pool.config, "subnet");
        if (pool.config->kind == NODE_MAP && !node_find(pool.config, "subnet"))
            check_no_subnet(check, network, pool.config);
        if (!subnet || ip_subnet_parse(subnet_text(&pool), &pool.subnet) < 0)
            continue;
        bool *is_second = &seen[pool.subnet.address.size == 16];
        if (*is_second)
            diagnostics_add(check->diagnostics, SEVERITY_ENGINE, subnet->position,
                            "make two networks of it",
                            "network '%s' has more than one subnet of IPv%d: a bridge takes one",
                            key_of(check, network), pool.subnet.address.size == 16 ? 6 : 4);
        *is_second = true;
        if (ip_subnet_has_host_bits(&pool.subnet))
            continue;
        vec_add(&check->pools, pool);
        check_pool(check, &pool);
    }
}

static int compare_pools(const void *left, const void *right)
{
    const struct pool *a = *(const struct pool *const *)left,
                      *b = *(const struct pool *const *)right;
    int result = ip_address_compare(&a->subnet.address, &b->subnet.address);
    if (result == 0)
        result = compare_sizes(a->subnet.prefix, b->subnet.prefix);
    return result ? result : a < b ? -1 : a > b;
}

static void report_overlap(const struct check *check, const struct pool *a, const struct pool *b)
{
    const struct pool *first = a < b ? a : b, *second = a < b ? b : a;
    struct position here = node_get(second->config, "subnet")->position;
    _cleanup_free_ char *hint = diagnostics_other_place(
        check->diagnostics, here, node_get(first->config, "subnet")->position);
    diagnostics_add(check->diagnostics, SEVERITY_ENGINE, here, hint,
                    "subnet '%s' of network '%s' overlaps '%s' of network '%s'",
                    subnet_text(second), key_of(check, second->network), subnet_text(first),
                    key_of(check, first->network));
}

/* In the order of their beginnings each one can only overlap the one that reaches furthest. */
static void check_overlaps(const struct check *check)
{
    size_t count = check->pools.count;
    _cleanup_free_ const struct pool **sorted = xcalloc(count + 1, sizeof(*sorted));
    for (size_t i = 0; i < count; i++)
        sorted[i] = &check->pools.items[i];
    qsort(sorted, count, sizeof(*sorted), compare_pools);
    for (size_t i = 1, widest = 0; i < count; i++) {
        if (ip_subnet_contains(&sorted[widest]->subnet, &sorted[i]->subnet.address))
            report_overlap(check, sorted[widest], sorted[i]);
        else
            widest = i;
    }
}

/* --- addresses of services ------------------------------------------------------------------- */

/* The network's pool of a family; NULL: none. */
static const struct pool *find_pool(const struct check *check, size_t network, unsigned size)
{
    const struct pool *pools = check->pools.items;
    for (size_t i = check->first_pool[network]; pools && i < check->first_pool[network + 1]; i++)
        if (pools[i].subnet.address.size == size)
            return &pools[i];
    return NULL;
}

/* False where one was written and is wrong, which was reported. */
static bool lacks_subnet(const struct check *check, size_t network, unsigned size)
{
    const struct node *node = network_node(check->model, network);
    const struct node_pair *ipam = node_find(node, "ipam");
    const struct node *configs = ipam ? node_get(ipam->value, "config") : NULL;
    if (node->kind != NODE_MAP || (ipam && ipam->value->kind != NODE_MAP) ||
        (ipam && !configs && node_find(ipam->value, "config")))
        return false;
    for (size_t i = 0; configs && i < configs->count; i++) {
        const char *text = node_get_string(configs->items[i], "subnet", "");
        struct ip_subnet subnet;
        if (node_find(configs->items[i], "subnet") &&
            (ip_subnet_parse(text, &subnet) < 0 || subnet.address.size == size))
            return false;
    }
    return true;
}

/* Whether the address can be one; says why not. */
static bool check_address(const struct check *check, const struct claim *claim, const char *text)
{
    const struct model_network *network = &check->model->networks[claim->network];
    const struct pool *pool = find_pool(check, claim->network, claim->address.size);
    int version = claim->address.size == 16 ? 6 : 4;
    if (network->external)
        return true;
    if (!pool && lacks_subnet(check, claim->network, claim->address.size))
        diagnostics_add(check->diagnostics, SEVERITY_ENGINE, claim->position,
                        "give the network 'ipam: {config: [{subnet: ...}]}'",
                        "address '%s' of service '%s': network '%s' has no subnet of its own for "
                        "IPv%d",
                        text, claim->service, network->key, version);
    if (!pool)
        return false;
    if (ip_subnet_has_host(&pool->subnet, &claim->address))
        return true;
    diagnostics_add(check->diagnostics, SEVERITY_ENGINE, claim->position, NULL,
                    "address '%s' of service '%s' is no host address of subnet '%s' of network "
                    "'%s'",
                    text, claim->service, subnet_text(pool), network->key);
    return false;
}

static void collect_address(struct check *check, const struct model_service *service,
                            size_t network, const struct node *value, unsigned size)
{
    struct claim claim = {.network = network, .service = service->name};
    if (!value || value->kind != NODE_STRING || ip_address_parse(value->text, &claim.address) < 0 ||
        claim.address.size != size)
        return;
    claim.position = value->position;
    if (service->replicas > 1)
        diagnostics_add(check->diagnostics, SEVERITY_ENGINE, value->position, NULL,
                        "service '%s' has %lld replicas, which cannot share the address '%s'",
                        service->name, (long long)service->replicas, value->text);
    if (check_address(check, &claim, value->text) && service->replicas > 0)
        add_claim(check, claim);
}

static void collect_addresses(struct check *check, size_t i)
{
    const struct model_service *service = &check->model->services[i];
    const struct node *services = node_get(check->model->tree, "services");
    const struct node *networks = node_get(services->pairs[i].value, "networks");
    for (size_t j = 0; j < service->attachment_count; j++) {
        size_t network = service->attachments[j].network;
        const struct node *node = node_get(networks, key_of(check, network));
        collect_address(check, service, network, node_get(node, "ipv4_address"), 4);
        collect_address(check, service, network, node_get(node, "ipv6_address"), 16);
    }
}

static int compare_claims(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    int result = compare_sizes(a->network, b->network);
    if (result == 0)
        result = ip_address_compare(&a->address, &b->address);
    return result ? result : compare_sizes(a->order, b->order);
}

static void report_twice(const struct check *check, const struct claim *first,
                         const struct claim *second)
{
    char text[IP_TEXT_SIZE];
    const char *network = key_of(check, second->network);
    _cleanup_free_ char *hint =
        diagnostics_other_place(check->diagnostics, second->position, first->position);
    _cleanup_free_ char *what =
        second->service ? xasprintf("address '%s' of service '%s'",
                                    ip_address_format(&second->address, text), second->service)
                        : xasprintf("auxiliary address '%s' ('%s')", second->name,
                                    ip_address_format(&second->address, text));
    _cleanup_free_ char *whose =
        first->service ? xasprintf("already that of service '%s'", first->service)
        : first->name  ? xasprintf("kept free as '%s' of its 'aux_addresses'", first->name)
                       : xstrdup("its gateway");
    diagnostics_add(check->diagnostics, SEVERITY_ENGINE, second->position, hint,
                    "%s in network '%s' is %s", what, network, whose);
}

static void check_twice(const struct check *check)
{
    const struct claim *claims = check->claims.items;
    size_t count = check->claims.count;
    if (count > 0)
        qsort(check->claims.items, count, sizeof(*claims), compare_claims);
    for (size_t i = 1; i < count; i++)
        if (claims[i].network == claims[i - 1].network &&
            ip_address_compare(&claims[i].address, &claims[i - 1].address) == 0)
            report_twice(check, &claims[i - 1], &claims[i]);
}

/* --- external networks ------------------------------------------------------------------------ */

/* An external network has no keys of its own but its name: the others are passed over. */
static void check_external(const struct check *check, size_t network)
{
    static const char *const keys[] = {"driver",      "driver_opts", "enable_ipv4",
                                       "enable_ipv6", "internal",    "ipam"};
    const struct node *node = network_node(check->model, network);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct node_pair *pair = node_find(node, keys[i]);
        bool is_empty = pair && pair->value->kind == NODE_MAP && pair->value->count == 0;
        if (pair && !is_empty)
            diagnostics_add(
                check->diagnostics, SEVERITY_WARNING, pair->position, "remove it, or 'external'",
                "network '%s' is external: '%s' is not looked at", key_of(check, network), keys[i]);
    }
}

void validate_networks(const struct validation *validation, const struct model *model)
{
    struct check check = {.model = model, .diagnostics = validation->diagnostics};
    check.first_pool = xcalloc(model->network_count + 1, sizeof(size_t));
    for (size_t i = 0; i < model->network_count; i++) {
        check.first_pool[i] = check.pools.count;
        if (model->networks[i].external)
            check_external(&check, i);
        else
            collect_pools(&check, i);
    }
    check.first_pool[model->network_count] = check.pools.count;
    check_overlaps(&check);
    for (size_t i = 0; i < model->service_count; i++)
        if (validation->traits.items[i] & TRAIT_ENDPOINTS)
            collect_addresses(&check, i);
    check_twice(&check);
    vec_done(&check.pools);
    vec_done(&check.claims);
    free(check.first_pool);
}
