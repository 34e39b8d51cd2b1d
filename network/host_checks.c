/* What `vmstead doctor` looks at for networks; network.h has the table's door. */
#include "network/host_checks.h"

#include "base/str.h"
#include "network/firewall.h"
#include "network/ipam.h"
#include "network/link.h"
#include "network/network.h"
#include "network/obstacle.h"
#include "network/sysctl.h"

#include <errno.h>
#include <stdio.h>

#define ROOT_REMEDY "run vmstead as root: sudo vmstead ..."
#define NAMED_MAX 4 /* routes in one line */

static void look_at_privileges(const struct paths *paths, struct finding *finding)
{
    (void)paths;
    _cleanup_error_ struct error err = {0};
    if (!link_has_net_admin())
        finding_set(finding, CHECK_ERROR, xstrdup(ROOT_REMEDY),
                    "user %u, without CAP_NET_ADMIN: no network can be made", geteuid());
    else if (link_check_privileges(&err) < 0)
        finding_set(finding, CHECK_ERROR,
                    xstrdup("modprobe tun; or pass the device '/dev/net/tun' "
                            "into this container"),
                    "%s", error_text(&err));
    else
        finding_set(finding, CHECK_OK, NULL, "user %u with CAP_NET_ADMIN, '/dev/net/tun' opens",
                    geteuid());
}

static void look_at_nftables(const struct paths *paths, struct finding *finding)
{
    _cleanup_error_ struct error err = {0};
    if (!link_has_net_admin())
        finding_set(finding, CHECK_SKIPPED, NULL, "only root may ask");
    else if (firewall_probe(&err) < 0)
        finding_set(finding, CHECK_ERROR, xstrdup("modprobe nf_tables"), "%s", error_text(&err));
    else
        finding_set(finding, CHECK_OK, NULL, "answers%s",
                    firewall_exists(paths->root_id) ? "; our rules are there" : "");
}

/* --- firewalls of others ---------------------------------------------------------------------- */

struct obstacles {
    struct strbuf chains, remedies;
    bool forwarded;
};

static void add_obstacle(const struct obstacle *obstacle, void *userdata)
{
    struct obstacles *found = userdata;
    found->forwarded = found->forwarded || obstacle->forwarded;
    strbuf_addf(&found->chains, "%s'%s'", found->chains.length ? ", " : "", obstacle->chain);
    if (obstacle->owner)
        strbuf_addf(&found->chains, " of %s", obstacle->owner);
    strbuf_addf(&found->chains, " drops %s",
                obstacle->forwarded ? "what the VMs send and get" : "their questions to our DNS");
    strbuf_addf(&found->remedies, "%s%s", found->remedies.length ? " && " : "", obstacle->remedy);
}

static void look_at_firewalls(const struct paths *paths, struct finding *finding)
{
    struct obstacles found = {0};
    if (!link_has_net_admin()) {
        finding_set(finding, CHECK_SKIPPED, NULL, "only root may read rules");
        return;
    }
    obstacle_each(paths->root_id, add_obstacle, &found);
    if (found.chains.length)
        finding_set(finding, found.forwarded ? CHECK_ERROR : CHECK_WARNING,
                    strbuf_take(&found.remedies), "unless a rule of its own accepts it: %s",
                    strbuf_text(&found.chains));
    else if (obstacle_has_legacy_iptables())
        finding_set(finding, CHECK_WARNING, xstrdup("iptables-legacy -S FORWARD"),
                    "somebody filters with the older iptables, whose rules cannot be read here: "
                    "its FORWARD must not drop");
    else if (firewall_has_docker_chain())
        finding_set(finding, CHECK_OK, NULL,
                    "Docker's FORWARD lets VMs through: while there are any, two rules of ours are "
                    "in its DOCKER-USER");
    else
        finding_set(finding, CHECK_OK, NULL, "nobody's chain drops forwarded packets");
    strbuf_done(&found.chains);
    strbuf_done(&found.remedies);
}

/* --- the kernel's settings ----------------------------------------------------------------------
 */

static void look_at_forwarding(const struct paths *paths, struct finding *finding)
{
    _cleanup_free_ char *value = sysctl_read("ipv4/ip_forward");
    bool is_on = value && streq(value, "1");
    if (is_on)
        finding_set(finding, CHECK_OK, NULL, "net.ipv4.ip_forward is 1");
    else if (link_exists(paths->root_id))
        finding_set(finding, CHECK_ERROR, xstrdup("sysctl -w net.ipv4.ip_forward=1"),
                    "net.ipv4.ip_forward is %s: published ports and the VMs' way out are dead",
                    value ? value : "unknown");
    else
        finding_set(finding, CHECK_OK, NULL,
                    "net.ipv4.ip_forward is %s; `up` switches it on for as long as there are "
                    "networks ('vmstead setup' for good)",
                    value ? value : "unknown");
}

static void look_at_bridged_frames(const struct paths *paths, struct finding *finding)
{
    _cleanup_free_ char *value = sysctl_read("bridge/bridge-nf-call-iptables");
    if (!value)
        finding_set(finding, CHECK_OK, NULL, "br_netfilter is not loaded");
    else if (!streq(value, "1"))
        finding_set(finding, CHECK_OK, NULL, "net.bridge.bridge-nf-call-iptables is 0");
    else if (link_exists(paths->root_id))
        finding_set(finding, CHECK_ERROR, xstrdup("sysctl -w net.bridge.bridge-nf-call-iptables=0"),
                    "net.bridge.bridge-nf-call-iptables is 1: a VM cannot reach published ports of "
                    "its own network, and firewalls of others cut VMs of one network off");
    else
        finding_set(finding, CHECK_OK, NULL,
                    "net.bridge.bridge-nf-call-iptables is 1; `up` makes it 0 for as long as there "
                    "are networks");
}

/* --- subnets ------------------------------------------------------------------------------------
 */

static void name_routes(const struct link_routes *routes, const struct ip_subnet *subnet,
                        bool single, struct strbuf *names)
{
    size_t count = 0;
    char text[IP_SUBNET_TEXT_SIZE];
    for (size_t i = 0; i < routes->count; i++) {
        const struct link_route *route = &routes->items[i];
        if ((!single && route->destination.prefix == 32) ||
            !ip_subnet_overlaps(subnet, &route->destination))
            continue;
        if (count++ < NAMED_MAX)
            strbuf_addf(names, "%s%s on '%s'", names->length ? ", " : "",
                        ip_subnet_format(&route->destination, text), route->link);
    }
    if (count > NAMED_MAX)
        strbuf_addf(names, " and %zu more", count - NAMED_MAX);
}

/* The kernel's own routes of single addresses only where there is nothing larger to say. */
static void name_overlaps(const struct link_routes *routes, struct ip_subnet subnet,
                          struct strbuf *names)
{
    name_routes(routes, &subnet, false, names);
    if (!names->length)
        name_routes(routes, &subnet, true, names);
}

static bool is_free(const struct link_routes *routes, const struct ip_subnet *subnet)
{
    for (size_t i = 0; i < routes->count; i++)
        if (ip_subnet_overlaps(subnet, &routes->items[i].destination))
            return false;
    return true;
}

static bool has_free_part(const struct link_routes *routes)
{
    struct ip_subnet part = IPAM_POOL;
    unsigned parts = 1u << (IPAM_POOL_PART - part.prefix);
    part.prefix = IPAM_POOL_PART;
    for (unsigned i = 0; i < parts; i++) {
        if (is_free(routes, &part))
            return true;
        part.address = ip_address_add(part.address, UINT64_C(1) << (32 - IPAM_POOL_PART));
    }
    return false;
}

static void look_at_subnets(const struct paths *paths, struct finding *finding)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_strbuf_ struct strbuf pool = {0}, single = {0};
    _cleanup_(link_routes_done) struct link_routes routes = {0};
    char pool_text[IP_SUBNET_TEXT_SIZE], single_text[IP_SUBNET_TEXT_SIZE];
    ip_subnet_format(&IPAM_POOL, pool_text);
    ip_subnet_format(&IPAM_DEFAULT_SUBNET, single_text);
    int r = link_list_routes(paths->root_id, &routes, &err);
    name_overlaps(&routes, IPAM_POOL, &pool);
    name_overlaps(&routes, IPAM_DEFAULT_SUBNET, &single);
    if (r < 0)
        finding_set(finding, CHECK_WARNING, NULL, "%s", error_text(&err));
    else if (pool.length && !has_free_part(&routes))
        finding_set(finding, CHECK_ERROR,
                    xstrdup("give each network a subnet: `ipam: {config: [{subnet: ...}]}`"),
                    "no subnet of %s is left, it overlaps %s", pool_text, strbuf_text(&pool));
    else if (single.length)
        finding_set(finding, CHECK_WARNING,
                    xstrdup("`vmstead run IMAGE` needs that subnet: take "
                            "the route away, or work with a Compose file"),
                    "the network 'bridge' (%s) overlaps %s", single_text, strbuf_text(&single));
    else if (pool.length)
        finding_set(finding, CHECK_OK, NULL, "networks get what is left of %s beside %s", pool_text,
                    strbuf_text(&pool));
    else
        finding_set(finding, CHECK_OK, NULL, "no route overlaps %s and %s", single_text, pool_text);
}

/* --- the table ----------------------------------------------------------------------------------
 */

static const struct check checks[] = {
    {"privileges", look_at_privileges}, {"kernel", look_at_kernel},
    {"nftables", look_at_nftables},     {"firewalls", look_at_firewalls},
    {"forwarding", look_at_forwarding}, {"br_netfilter", look_at_bridged_frames},
    {"subnets", look_at_subnets},       {"resolvers", look_at_resolvers},
    {"dns-port", look_at_dns_port},
};

const struct check *network_host_checks(size_t *ret_count)
{
    *ret_count = ARRAY_SIZE(checks);
    return checks;
}
