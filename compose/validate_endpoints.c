/* The part of compose/validate.h about what services are in their networks: aliases and MACs.
 * Docker's engine takes all of this, and it is hardly ever meant: warnings. */
#include "compose/validate.h"

#include "base/alloc.h"
#include "base/ip.h"
#include "base/str.h"
#include "base/vec.h"
#include "compose/model_build.h"
#include "compose/parse.h"

#include <stdlib.h>

/* An interface with a fixed MAC. */
struct mac_claim {
    size_t network;
    unsigned char mac[6];
    const struct model_service *service;
    struct position position;
    size_t order;
};

struct check {
    const struct model *model;
    struct diagnostics *diagnostics;
    VEC(struct mac_claim) macs;
};

/* --- aliases --------------------------------------------------------------------------------- */

/* An alias that is another service's name leads to both, by turns. */
static void check_alias(const struct check *check, const struct model_service *service,
                        const char *network, const struct node *alias)
{
    const struct node *services = node_get(check->model->tree, "services");
    const struct node_pair *other = node_find(services, alias->text);
    if (!parse_is_host_name(alias->text))
        diagnostics_add(check->diagnostics, SEVERITY_WARNING, alias->position,
                        "use letters, digits and '-', 63 at most between two dots",
                        "the alias '%s' of service '%s' is no name that DNS can ask for",
                        alias->text, service->name);
    else if (other && !streq(other->key, service->name) &&
             node_find(node_get(other->value, "networks"), network))
        diagnostics_add(check->diagnostics, SEVERITY_WARNING, alias->position, NULL,
                        "the alias '%s' of service '%s' is also the name of a service in network "
                        "'%s': the name leads to both",
                        alias->text, service->name, network);
}

/* --- MACs ------------------------------------------------------------------------------------ */

static void collect_mac(struct check *check, const struct model_service *service, size_t network,
                        const struct node *value)
{
    struct mac_claim claim = {.network = network, .service = service, .order = check->macs.count};
    if (!node_is(value, NODE_STRING) || ip_mac_parse(value->text, claim.mac) < 0)
        return;
    claim.position = value->position;
    if (service->replicas > 1)
        diagnostics_add(check->diagnostics, SEVERITY_WARNING, value->position, NULL,
                        "service '%s' has %lld replicas, which share the MAC address '%s'",
                        service->name, (long long)service->replicas, value->text);
    if (service->replicas > 0)
        vec_add(&check->macs, claim);
}

static int compare_macs(const void *left, const void *right)
{
    const struct mac_claim *a = left, *b = right;
    if (a->network != b->network)
        return a->network < b->network ? -1 : 1;
    int result = memcmp(a->mac, b->mac, sizeof(a->mac));
    return result ? result : a->order < b->order ? -1 : a->order > b->order;
}

static void check_macs(const struct check *check)
{
    const struct mac_claim *claims = check->macs.items;
    if (check->macs.count > 0)
        qsort(check->macs.items, check->macs.count, sizeof(*claims), compare_macs);
    for (size_t i = 1; i < check->macs.count; i++) {
        const struct mac_claim *first = &claims[i - 1], *second = &claims[i];
        if (first->network != second->network ||
            memcmp(first->mac, second->mac, sizeof(first->mac)) != 0)
            continue;
        _cleanup_free_ char *hint =
            diagnostics_other_place(check->diagnostics, second->position, first->position);
        diagnostics_add(check->diagnostics, SEVERITY_WARNING, second->position, hint,
                        "the MAC address of service '%s' in network '%s' is also that of service "
                        "'%s'",
                        second->service->name, check->model->networks[second->network].key,
                        first->service->name);
    }
}

/* A MAC beside the networks is that of the first. */
static void check_service(struct check *check, size_t i)
{
    const struct model_service *service = &check->model->services[i];
    const struct node *node = node_get(check->model->tree, "services")->pairs[i].value;
    for (size_t j = 0; j < service->attachment_count; j++) {
        size_t network = service->attachments[j].network;
        const char *key = check->model->networks[network].key;
        const struct node *entry = node_get(node_get(node, "networks"), key);
        const struct node *aliases = node_get(entry, "aliases");
        const struct node *mac = node_get(entry, "mac_address");
        for (size_t k = 0; node_is(aliases, NODE_LIST) && k < aliases->count; k++)
            check_alias(check, service, key, aliases->items[k]);
        collect_mac(check, service, network, mac || j > 0 ? mac : node_get(node, "mac_address"));
    }
}

void validate_endpoints(const struct validation *validation, const struct model *model)
{
    struct check check = {.model = model, .diagnostics = validation->diagnostics};
    for (size_t i = 0; i < model->service_count; i++)
        if (validation->traits.items[i] & TRAIT_ENDPOINTS)
            check_service(&check, i);
    check_macs(&check);
    vec_done(&check.macs);
}
