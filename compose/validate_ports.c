/* The part of compose/validate.h about host ports: taken twice, or too few for all replicas. */
#include "compose/validate.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "compose/model_build.h"

#include <stdlib.h>

/* One host port and who wants it. */
struct claim {
    const char *host_ip;
    unsigned family; /* of host_ip: 0 all addresses, 4, 6 */
    bool wildcard;
    bool udp;
    uint16_t port;
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
        diagnostics_other_place(diagnostics, second->position, first->position);
    diagnostics_add(
        diagnostics, SEVERITY_ENGINE, second->position, hint,
        second->family == 6
            ? "host port [%s]%s%u/%s of service '%s' is already published by service '%s'"
            : "host port %s%s%u/%s of service '%s' is already published by service '%s'",
        second->host_ip, second->host_ip[0] ? ":" : "", second->port, second->udp ? "udp" : "tcp",
        second->service->name, first->service->name);
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

/* Ranges are left out: where there is another port, one that is taken is no problem. */
static size_t collect_claims(const struct model_service *service, struct claim *claims,
                             size_t count)
{
    for (size_t j = 0; j < service->port_count; j++) {
        const struct model_port *port = &service->ports[j];
        if (port->published == 0 || port->published != port->published_last)
            continue;
        claims[count] = port_claim(service, port, count);
        count++;
    }
    return count;
}

static void check_twice(const struct validation *validation, const struct model *model)
{
    size_t total = 0, count = 0;
    for (size_t i = 0; i < model->service_count; i++)
        total += model->services[i].port_count;
    struct claim *claims = xcalloc(total + 1, sizeof(*claims));
    for (size_t i = 0; i < model->service_count; i++)
        if (model->services[i].replicas > 0 &&
            !(validation->traits.items[i] & TRAIT_NETWORK_MODE)) /* else it publishes nothing */
            count = collect_claims(&model->services[i], claims, count);
    qsort(claims, count, sizeof(*claims), compare_port_claims);
    for (size_t start = 0, end = 0; start < count; start = end) {
        while (end < count && is_same_port(&claims[start], &claims[end]))
            end++;
        report_port_group(&claims[start], end - start, validation->diagnostics);
    }
    free(claims);
}

/* --- ranges ---------------------------------------------------------------------------------- */

#define PORTS 65536

/* A range of one service, whose VMs take a port of it each; a single port is one as well. */
struct range {
    uint16_t first, last;
    size_t count;
    const struct model_service *service;
    struct position position;
};

static int compare_ranges(const void *left, const void *right)
{
    const struct range *a = left, *b = right;
    if (a->last != b->last)
        return a->last < b->last ? -1 : 1;
    return a->first == b->first ? 0 : a->first > b->first ? -1 : 1; /* the narrower one */
}

/* The first port from `port` on that nobody has; next: of each port, where to look on. */
static unsigned find_free(uint32_t *next, unsigned port)
{
    while (next[port] != port)
        port = next[port] = next[next[port]];
    return port;
}

/* Those that end first choose first, the lowest port that is free: where that leaves nothing for
 * one, nothing would. */
static void check_choice(struct range *ranges, size_t count, struct diagnostics *diagnostics)
{
    _cleanup_free_ uint32_t *next = xcalloc(PORTS + 1, sizeof(*next));
    for (uint32_t i = 0; i <= PORTS; i++)
        next[i] = i;
    qsort(ranges, count, sizeof(*ranges), compare_ranges);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < ranges[i].count; j++) {
            unsigned port = find_free(next, ranges[i].first);
            if (port <= ranges[i].last) {
                next[port] = port + 1;
                continue;
            }
            if (ranges[i].first < ranges[i].last)
                diagnostics_add(diagnostics, SEVERITY_ENGINE, ranges[i].position, NULL,
                                "no host port of %u-%u is left for service '%s': others publish "
                                "them",
                                ranges[i].first, ranges[i].last, ranges[i].service->name);
            break;
        }
}

/* On all addresses and of one protocol; others hardly ever have ranges. */
static void check_ranges(const struct model *model, bool udp, struct diagnostics *diagnostics)
{
    VEC(struct range) ranges = {0};
    bool has_range = false;
    for (size_t i = 0; i < model->service_count; i++) {
        const struct model_service *service = &model->services[i];
        for (size_t j = 0; j < service->port_count; j++) {
            const struct model_port *port = &service->ports[j];
            size_t size = (size_t)(port->published_last - port->published) + 1;
            if (!port->published || port->host_ip[0] || port->udp != udp ||
                service->replicas <= 0 || size < (size_t)service->replicas)
                continue;
            has_range = has_range || size > 1;
            vec_add(&ranges, (struct range){port->published, port->published_last,
                                            (size_t)service->replicas, service, port->position});
        }
    }
    if (has_range)
        check_choice(ranges.items, ranges.count, diagnostics);
    vec_done(&ranges);
}

/* Each of the service's VMs needs a port of its own. */
static void check_replicas(const struct model_service *service, struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < service->port_count; i++) {
        const struct model_port *port = &service->ports[i];
        if (port->published && port->published_last - port->published + 1 < service->replicas)
            diagnostics_add(diagnostics, SEVERITY_ENGINE, port->position,
                            "publish a range, as large as the number of replicas",
                            "service '%s' has %lld replicas, but not as many host ports",
                            service->name, (long long)service->replicas);
    }
}

void validate_ports(const struct validation *validation, const struct model *model)
{
    check_twice(validation, model);
    check_ranges(model, false, validation->diagnostics);
    check_ranges(model, true, validation->diagnostics);
    for (size_t i = 0; i < model->service_count; i++)
        check_replicas(&model->services[i], validation->diagnostics);
}
