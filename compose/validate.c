/* See compose/validate.h. Every check is at most n log n: a hostile file gets no more time. */
#include "compose/validate.h"

#include "base/alloc.h"
#include "base/str.h"
#include "compose/model_build.h"
#include "compose/parse.h"

#include <stdlib.h>

/* --- services -------------------------------------------------------------------------------- */

static void check_images(const struct model *model, struct diagnostics *diagnostics)
{
    const struct node *services = node_get(model->tree, "services");
    for (size_t i = 0; i < model->service_count; i++) {
        const struct model_service *service = &model->services[i];
        const struct node *node = services->pairs[i].value;
        if (node->kind != NODE_MAP || node_find(node, "image") || node_find(node, "build"))
            continue; /* what is there but wrong was reported */
        if (node_find(node, "provider")) {
            diagnostics_add(diagnostics, SEVERITY_ENGINE, service->position, NULL,
                            "service '%s' is run by a provider, which is not supported yet",
                            service->name);
            continue;
        }
        const struct node_pair *ours = node_find(node, "x-vmstead");
        if (!ours)
            diagnostics_add(
                diagnostics, SEVERITY_ERROR, service->position,
                "name an 'image', a 'build', or packages in 'x-vmstead: {bootstrap: ...}'",
                "service '%s' has no image", service->name);
        else if (ours->value->kind == NODE_MAP && !node_find(ours->value, "bootstrap"))
            diagnostics_add(diagnostics, SEVERITY_ERROR, ours->position, NULL,
                            "service '%s' has neither an image, a build nor a bootstrap",
                            service->name);
    }
}

/* additional_contexts: {NAME: "service:OTHER"} is the image of another service. */
static void check_contexts(const struct model *model, struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < model->service_count; i++) {
        const struct model_build *build = model->services[i].build;
        for (size_t j = 0; build && j < build->context_count; j++) {
            const char *name = str_after_prefix(build->contexts[j].value, "service:");
            const struct model_service *other = name ? model_find_service(model, name) : NULL;
            if (name && (!other || (!other->image && !other->build)))
                diagnostics_add(diagnostics, SEVERITY_ERROR, build->position, NULL,
                                "the build of service '%s' needs the image of service '%s', which "
                                "%s",
                                model->services[i].name, name,
                                other ? "has neither an image nor a build" : "does not exist");
        }
    }
}

static void check_bootstraps(const struct model *model, struct diagnostics *diagnostics)
{
    const struct node *services = node_get(model->tree, "services");
    for (size_t i = 0; i < model->service_count; i++) {
        const struct node *ours = node_get(services->pairs[i].value, "x-vmstead");
        const struct node_pair *bootstrap = node_find(ours, "bootstrap");
        if (bootstrap && bootstrap->value->kind == NODE_MAP &&
            !node_find(bootstrap->value, "suite"))
            diagnostics_add(diagnostics, SEVERITY_ERROR, bootstrap->position,
                            "add 'suite: bookworm'", "the bootstrap of service '%s' has no 'suite'",
                            model->services[i].name);
    }
}

/* --- dependency cycles ----------------------------------------------------------------------- */

enum visit { VISIT_NEW, VISIT_OPEN, VISIT_DONE };

struct walk {
    const struct model *model;
    struct diagnostics *diagnostics;
    enum visit *visits; /* per service */
    size_t *path;       /* open services, outermost first */
    size_t *next;       /* per service: the dependency to look at next */
    size_t depth;
    size_t cycles; /* reported so far: a hostile file has millions */
};

#define CYCLE_LIMIT 20

static void report_cycle(struct walk *walk, const struct model_dependency *dependency)
{
    if (walk->cycles++ >= CYCLE_LIMIT)
        return;
    _cleanup_strbuf_ struct strbuf names = {0};
    size_t first = 0;
    while (walk->path[first] != dependency->service)
        first++;
    for (size_t i = first; i < walk->depth; i++) {
        strbuf_add_str(&names, walk->model->services[walk->path[i]].name);
        strbuf_add_str(&names, " -> ");
    }
    strbuf_add_str(&names, walk->model->services[dependency->service].name);
    diagnostics_add(walk->diagnostics, SEVERITY_ERROR, dependency->position, NULL,
                    "dependency cycle: %s", strbuf_text(&names));
}

static void step(struct walk *walk)
{
    size_t at = walk->path[walk->depth - 1];
    const struct model_service *service = &walk->model->services[at];
    if (walk->next[at] == service->dependency_count) {
        walk->visits[at] = VISIT_DONE;
        walk->depth--;
        return;
    }
    const struct model_dependency *dependency = &service->dependencies[walk->next[at]++];
    switch (walk->visits[dependency->service]) {
    case VISIT_NEW:
        walk->visits[dependency->service] = VISIT_OPEN;
        walk->path[walk->depth++] = dependency->service;
        break;
    case VISIT_OPEN:
        report_cycle(walk, dependency);
        break;
    case VISIT_DONE:
        break;
    }
}

static void check_cycles(const struct model *model, struct diagnostics *diagnostics)
{
    size_t count = model->service_count;
    struct walk walk = {.model = model,
                        .diagnostics = diagnostics,
                        .visits = xcalloc(count + 1, sizeof(enum visit)),
                        .path = xcalloc(count + 1, sizeof(size_t)),
                        .next = xcalloc(count + 1, sizeof(size_t))};
    for (size_t i = 0; i < count; i++) {
        if (walk.visits[i] != VISIT_NEW)
            continue;
        walk.visits[i] = VISIT_OPEN;
        walk.path[walk.depth++] = i;
        while (walk.depth > 0)
            step(&walk);
    }
    free(walk.visits);
    free(walk.path);
    free(walk.next);
}

/* --- things taken twice ---------------------------------------------------------------------- */

/* One host port or address and who wants it. */
struct claim {
    const char *host_ip;
    unsigned family; /* of host_ip: 0 all addresses, 4, 6 */
    bool wildcard;
    bool udp;
    uint16_t port;
    size_t network;   /* of an address */
    uint32_t address; /* of an address */
    const struct model_service *service;
    struct position position;
    size_t order;
};

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Equal ports side by side, claims of all addresses first. */
static int compare_port_claims(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    int result = compare_numbers(a->udp, b->udp);
    if (result == 0)
        result = compare_numbers(a->port, b->port);
    if (result == 0)
        result = compare_numbers(b->wildcard, a->wildcard);
    if (result == 0)
        result = compare_numbers(a->family, b->family);
    if (result == 0)
        result = strcmp(a->host_ip, b->host_ip);
    return result ? result : compare_numbers(a->order, b->order);
}

static bool is_same_port(const struct claim *a, const struct claim *b)
{
    return a->udp == b->udp && a->port == b->port;
}

static bool is_overlapping(const struct claim *a, const struct claim *b)
{
    if (a->family != b->family && a->family != 0 && b->family != 0)
        return false;
    return a->wildcard || b->wildcard || streq(a->host_ip, b->host_ip);
}

/* The later one in the file is wrong; the earlier is named. */
static void report_port(const struct claim *a, const struct claim *b,
                        struct diagnostics *diagnostics)
{
    const struct claim *first = a->order < b->order ? a : b;
    const struct claim *second = first == a ? b : a;
    _cleanup_free_ char *hint =
        first->position.line == 0 ? NULL
                                  : xasprintf("the other one is in line %u", first->position.line);
    diagnostics_add(diagnostics, SEVERITY_ENGINE, second->position, hint,
                    "host port %s%s%u/%s of service '%s' is already published by service '%s'",
                    second->host_ip, second->host_ip[0] ? ":" : "", second->port,
                    second->udp ? "udp" : "tcp", second->service->name, first->service->name);
}

/* Within a group of one port, each claim is held against the wildcards in front and its neighbour.
 */
static void report_port_group(const struct claim *claims, size_t count,
                              struct diagnostics *diagnostics)
{
    for (size_t i = 1; i < count; i++) {
        size_t fronts = 0;
        bool found = false;
        for (; !found && fronts < i && fronts < 3 && claims[fronts].wildcard; fronts++)
            if (is_overlapping(&claims[fronts], &claims[i])) {
                report_port(&claims[fronts], &claims[i], diagnostics);
                found = true;
            }
        if (!found && is_overlapping(&claims[i - 1], &claims[i]))
            report_port(&claims[i - 1], &claims[i], diagnostics);
    }
}

static struct claim port_claim(const struct model_service *service, const struct model_port *port,
                               size_t order)
{
    bool is_v6 = strchr(port->host_ip, ':') != NULL;
    return (struct claim){
        .host_ip = port->host_ip,
        .family = port->host_ip[0] == '\0' ? 0
                  : is_v6                  ? 6
                                           : 4,
        .wildcard = port->host_ip[0] == '\0' || streq(port->host_ip, "0.0.0.0") ||
                    streq(port->host_ip, "::"),
        .udp = port->udp,
        .port = port->published,
        .service = service,
        .position = port->position,
        .order = order,
    };
}

static void check_ports(const struct model *model, struct diagnostics *diagnostics)
{
    size_t total = 0, count = 0;
    for (size_t i = 0; i < model->service_count; i++)
        total += model->services[i].port_count;
    struct claim *claims = xcalloc(total + 1, sizeof(*claims));
    for (size_t i = 0; i < model->service_count; i++) {
        const struct model_service *service = &model->services[i];
        for (size_t j = 0; j < service->port_count; j++) {
            const struct model_port *port = &service->ports[j];
            if (port->published != 0 && port->published == port->published_last) {
                claims[count] = port_claim(service, port, count);
                count++;
            }
        }
    }
    qsort(claims, count, sizeof(*claims), compare_port_claims);
    for (size_t start = 0, end = 0; start < count; start = end) {
        while (end < count && is_same_port(&claims[start], &claims[end]))
            end++;
        report_port_group(&claims[start], end - start, diagnostics);
    }
    free(claims);
}

/* --- networks -------------------------------------------------------------------------------- */

/* The place of a network's ipam.config entry's key, for messages. */
static struct position config_position(const struct model *model, size_t network, const char *key)
{
    const struct node *networks = node_get(model->tree, "networks");
    const struct node *configs =
        node_get(node_get(networks->pairs[network].value, "ipam"), "config");
    const struct node *config = configs && configs->count > 0 ? configs->items[0] : NULL;
    const struct node *value = node_get(config, key);
    return value ? value->position : model->networks[network].position;
}

static bool is_host_address(const struct subnet *subnet, uint32_t address)
{
    uint32_t host = address & ~subnet_mask(subnet);
    return (address & subnet_mask(subnet)) == subnet->address && host != 0 &&
           host != ~subnet_mask(subnet);
}

static void check_gateway(const struct model *model, size_t i, struct diagnostics *diagnostics)
{
    const struct model_network *network = &model->networks[i];
    struct subnet subnet;
    uint32_t gateway = 0;
    if (!network->gateway)
        return;
    if (!network->subnet) {
        diagnostics_add(diagnostics, SEVERITY_ENGINE, config_position(model, i, "gateway"),
                        "add 'subnet:' beside it", "network '%s' has a gateway but no subnet",
                        network->key);
    } else if (parse_subnet(network->subnet, &subnet) == 0 &&
               parse_ipv4(network->gateway, &gateway) == 0 && !is_host_address(&subnet, gateway)) {
        diagnostics_add(diagnostics, SEVERITY_ENGINE, config_position(model, i, "gateway"), NULL,
                        "gateway '%s' of network '%s' is no host address of its subnet '%s'",
                        network->gateway, network->key, network->subnet);
    }
}

struct subnet_claim {
    struct subnet subnet;
    size_t network;
};

static int compare_subnets(const void *left, const void *right)
{
    const struct subnet_claim *a = left, *b = right;
    int result = compare_numbers(a->subnet.address, b->subnet.address);
    if (result == 0)
        result = compare_numbers(a->subnet.prefix, b->subnet.prefix);
    return result ? result : compare_numbers(a->network, b->network);
}

static void report_overlap(const struct model *model, size_t a, size_t b,
                           struct diagnostics *diagnostics)
{
    size_t first = a < b ? a : b, second = a < b ? b : a;
    diagnostics_add(diagnostics, SEVERITY_ENGINE, config_position(model, second, "subnet"), NULL,
                    "subnet '%s' of network '%s' overlaps '%s' of network '%s'",
                    model->networks[second].subnet, model->networks[second].key,
                    model->networks[first].subnet, model->networks[first].key);
}

static void check_subnets(const struct model *model, struct diagnostics *diagnostics)
{
    size_t count = 0;
    struct subnet_claim *claims = xcalloc(model->network_count + 1, sizeof(*claims));
    for (size_t i = 0; i < model->network_count; i++)
        if (model->networks[i].subnet && !model->networks[i].external &&
            parse_subnet(model->networks[i].subnet, &claims[count].subnet) == 0)
            claims[count++].network = i;
    qsort(claims, count, sizeof(*claims), compare_subnets);
    size_t widest = 0; /* the one that reaches furthest so far */
    for (size_t i = 1; i < count; i++) {
        const struct subnet *before = &claims[widest].subnet;
        if ((claims[i].subnet.address & subnet_mask(before)) == before->address)
            report_overlap(model, claims[widest].network, claims[i].network, diagnostics);
        else
            widest = i;
    }
    free(claims);
}

/* An external network has no keys of its own but its name. */
static void check_external(const struct model *model, struct diagnostics *diagnostics)
{
    const struct node *networks = node_get(model->tree, "networks");
    for (size_t i = 0; i < model->network_count; i++) {
        const struct node *node = networks->pairs[i].value;
        const struct node *ipam = node_get(node, "ipam");
        bool described = node_find(node, "internal") || (ipam && ipam->count > 0);
        if (model->networks[i].external && described)
            diagnostics_add(diagnostics, SEVERITY_ERROR, model->networks[i].position,
                            "remove 'ipam' and 'internal', or 'external'",
                            "network '%s' is external: it cannot be described here",
                            model->networks[i].key);
    }
}

/* --- fixed addresses ------------------------------------------------------------------------- */

static struct position address_position(const struct model *model, size_t service,
                                        const struct model_attachment *attachment)
{
    const struct node *services = node_get(model->tree, "services");
    const struct node *networks = node_get(services->pairs[service].value, "networks");
    const struct node *value =
        node_get(node_get(networks, model->networks[attachment->network].key), "ipv4_address");
    return value ? value->position : attachment->position;
}

/* False where one was written and is wrong, which was reported. */
static bool lacks_subnet(const struct model *model, size_t network)
{
    const struct node *networks = node_get(model->tree, "networks");
    const struct node *node = networks->pairs[network].value;
    const struct node_pair *ipam = node_find(node, "ipam");
    if (node->kind != NODE_MAP || (ipam && ipam->value->kind == NODE_BAD))
        return false;
    const struct node_pair *configs = ipam ? node_find(ipam->value, "config") : NULL;
    if (!configs)
        return true;
    if (configs->value->kind != NODE_LIST || configs->value->count == 0)
        return configs->value->kind == NODE_LIST;
    return !node_find(configs->value->items[0], "subnet");
}

/* Whether the address can be one; says why not. */
static bool check_address(const struct model *model, const struct claim *claim, const char *text,
                          struct diagnostics *diagnostics)
{
    const struct model_network *network = &model->networks[claim->network];
    struct subnet subnet;
    uint32_t gateway = 0;
    if (network->external)
        return true;
    if (!network->subnet && !lacks_subnet(model, claim->network))
        return false;
    if (!network->subnet) {
        diagnostics_add(diagnostics, SEVERITY_ENGINE, claim->position,
                        "give the network 'ipam: {config: [{subnet: ...}]}'",
                        "address '%s' of service '%s': network '%s' has no subnet of its own", text,
                        claim->service->name, network->key);
        return false;
    }
    if (parse_subnet(network->subnet, &subnet) < 0 || (subnet.address & ~subnet_mask(&subnet)))
        return false; /* reported */
    if (!is_host_address(&subnet, claim->address)) {
        diagnostics_add(diagnostics, SEVERITY_ENGINE, claim->position, NULL,
                        "address '%s' of service '%s' is no host address of subnet '%s' of network "
                        "'%s'",
                        text, claim->service->name, network->subnet, network->key);
        return false;
    }
    bool given = network->gateway && parse_ipv4(network->gateway, &gateway) == 0;
    if (claim->address == (given ? gateway : subnet.address + 1)) {
        diagnostics_add(diagnostics, SEVERITY_ENGINE, claim->position, NULL,
                        "address '%s' of service '%s' is the gateway of network '%s'", text,
                        claim->service->name, network->key);
        return false;
    }
    return true;
}

static int compare_address_claims(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    int result = compare_numbers(a->network, b->network);
    if (result == 0)
        result = compare_numbers(a->address, b->address);
    return result ? result : compare_numbers(a->order, b->order);
}

static void report_twice(const struct model *model, const struct claim *first,
                         const struct claim *second, struct diagnostics *diagnostics)
{
    char text[INET_ADDRSTRLEN];
    diagnostics_add(diagnostics, SEVERITY_ENGINE, second->position, NULL,
                    "address '%s' of service '%s' in network '%s' is already that of service '%s'",
                    format_ipv4(second->address, text), second->service->name,
                    model->networks[second->network].key, first->service->name);
}

static size_t collect_addresses(const struct model *model, size_t i, struct claim *claims,
                                size_t count, struct diagnostics *diagnostics)
{
    const struct model_service *service = &model->services[i];
    for (size_t j = 0; j < service->attachment_count; j++) {
        const struct model_attachment *attachment = &service->attachments[j];
        if (!attachment->ipv4_address)
            continue;
        struct claim claim = {.network = attachment->network,
                              .service = service,
                              .position = address_position(model, i, attachment),
                              .order = count};
        if (parse_ipv4(attachment->ipv4_address, &claim.address) == 0 &&
            check_address(model, &claim, attachment->ipv4_address, diagnostics))
            claims[count++] = claim;
    }
    return count;
}

static void check_addresses(const struct model *model, struct diagnostics *diagnostics)
{
    size_t total = 0, count = 0;
    for (size_t i = 0; i < model->service_count; i++)
        total += model->services[i].attachment_count;
    struct claim *claims = xcalloc(total + 1, sizeof(*claims));
    for (size_t i = 0; i < model->service_count; i++)
        count = collect_addresses(model, i, claims, count, diagnostics);
    qsort(claims, count, sizeof(*claims), compare_address_claims);
    for (size_t i = 1; i < count; i++)
        if (claims[i].network == claims[i - 1].network &&
            claims[i].address == claims[i - 1].address)
            report_twice(model, &claims[i - 1], &claims[i], diagnostics);
    free(claims);
}

void validate_model(const struct model *model, struct diagnostics *diagnostics)
{
    check_images(model, diagnostics);
    check_contexts(model, diagnostics);
    check_bootstraps(model, diagnostics);
    validate_services(model, diagnostics);
    check_cycles(model, diagnostics);
    check_ports(model, diagnostics);
    for (size_t i = 0; i < model->network_count; i++)
        check_gateway(model, i, diagnostics);
    check_subnets(model, diagnostics);
    check_external(model, diagnostics);
    check_addresses(model, diagnostics);
    validate_storage(model, diagnostics);
}
