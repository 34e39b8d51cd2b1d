/* Do the host's resolvers answer, and is port 53 of our gateways free for us? See host_checks.h. */
#include "network/host_checks.h"

#include "base/clock.h"
#include "base/ip.h"
#include "base/str.h"
#include "network/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <sys/socket.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define NAMESERVERS_MAX 3 /* resolv.conf(5): MAXNS */
#define DNS_PORT 53

/* --- resolvers -------------------------------------------------------------------------------- */

/* Any answer will do, a refusal too: somebody is there. A second at most. */
static bool answers(ldns_rdf *server, unsigned *ret_ms)
{
    ldns_resolver *resolver = ldns_resolver_new();
    ldns_rdf *root = ldns_dname_new_frm_str(".");
    ldns_pkt *answer = NULL;
    uint64_t start_ms = clock_monotonic_ms();
    ldns_resolver_push_nameserver(resolver, server);
    ldns_resolver_set_timeout(resolver, (struct timeval){.tv_sec = 1});
    ldns_resolver_set_retry(resolver, 1);
    ldns_resolver_set_recursive(resolver, true);
    ldns_status status =
        ldns_resolver_send(&answer, resolver, root, LDNS_RR_TYPE_NS, LDNS_RR_CLASS_IN, LDNS_RD);
    bool there = status == LDNS_STATUS_OK && answer;
    *ret_ms = (unsigned)(clock_monotonic_ms() - start_ms);
    ldns_pkt_free(answer);
    ldns_rdf_deep_free(root);
    ldns_resolver_deep_free(resolver);
    return there;
}

struct servers {
    struct strbuf good, silent;
    size_t good_count, silent_count;
};

static void ask(struct servers *servers, ldns_rdf *server)
{
    _cleanup_free_ char *text = ldns_rdf2str(server);
    unsigned ms;
    if (answers(server, &ms))
        strbuf_addf(&servers->good, "%s'%s' (%u ms)", servers->good_count++ ? ", " : "", text, ms);
    else
        strbuf_addf(&servers->silent, "%s'%s'", servers->silent_count++ ? ", " : "", text);
}

static void judge_servers(const struct servers *servers, struct finding *finding)
{
    if (!servers->good_count && !servers->silent_count)
        finding_set(finding, CHECK_WARNING,
                    xstrdup("write 'nameserver ADDRESS' into '" RESOLV_CONF "'"),
                    "'" RESOLV_CONF "' names no nameserver: VMs find each other, but no name "
                    "outside");
    else if (!servers->good_count)
        finding_set(finding, CHECK_WARNING,
                    xstrdup("put a nameserver that answers into '" RESOLV_CONF "'"),
                    "no answer within a second from %s: VMs find each other, but no name outside",
                    strbuf_text(&servers->silent));
    else if (servers->silent_count)
        finding_set(finding, CHECK_WARNING,
                    xasprintf("take %s out of '" RESOLV_CONF "'", strbuf_text(&servers->silent)),
                    "%s answer; no answer within a second from %s", strbuf_text(&servers->good),
                    strbuf_text(&servers->silent));
    else
        finding_set(finding, CHECK_OK, NULL, "%s of '" RESOLV_CONF "' answer",
                    strbuf_text(&servers->good));
}

/* A resolver on the loopback is fine: it is the daemon, on the host, that asks it. */
void look_at_resolvers(const struct paths *paths, struct finding *finding)
{
    (void)paths;
    struct servers servers = {0};
    ldns_resolver *file = NULL;
    if (ldns_resolver_new_frm_file(&file, RESOLV_CONF) == LDNS_STATUS_OK) {
        size_t count = ldns_resolver_nameserver_count(file);
        for (size_t i = 0; i < count && i < NAMESERVERS_MAX; i++)
            ask(&servers, ldns_resolver_nameservers(file)[i]);
    }
    ldns_resolver_deep_free(file);
    judge_servers(&servers, finding);
    strbuf_done(&servers.good);
    strbuf_done(&servers.silent);
}

/* --- port 53 ---------------------------------------------------------------------------------- */

/* Whether somebody else could bind: an errno, or 0. */
static int try_to_bind(const struct ip_address *address, bool udp)
{
    struct sockaddr_storage name;
    socklen_t length = ip_address_to_socket(address, DNS_PORT, &name);
    _cleanup_close_ int fd = socket(address->size == 16 ? AF_INET6 : AF_INET,
                                    (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0)
        return errno;
    if (!udp) /* as who listens would, over connections in TIME_WAIT */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)&name, length) < 0)
        return errno;
    return !udp && listen(fd, 1) < 0 ? errno : 0;
}

static void refuse_holder(const struct ip_address *address, bool everywhere, bool udp,
                          struct finding *finding)
{
    char text[IP_TEXT_SIZE];
    _cleanup_free_ char *owner = publish_find_owner(address, DNS_PORT, udp);
    finding_set(finding, CHECK_ERROR,
                xstrdup("have it listen on addresses of its own (dnsmasq: 'bind-dynamic' and "
                        "'except-interface=vs*'; named: 'listen-on'), or stop it"),
                "port 53/%s of %s is held by %s: VMs get no DNS there", udp ? "udp" : "tcp",
                everywhere ? "all addresses" : ip_address_format(address, text),
                owner ? owner : "a program that cannot be seen");
}

/* An address that nobody binds by itself: who holds its port holds that of all addresses. */
static const struct ip_address unused_loopback = {.size = 4, .bytes = {127, 255, 41, 53}};

static bool refuse_wildcard(struct finding *finding)
{
    for (int udp = 0; udp < 2; udp++) {
        if (try_to_bind(&unused_loopback, udp) != EADDRINUSE)
            continue;
        refuse_holder(&unused_loopback, true, udp, finding);
        return true;
    }
    return false;
}

static bool is_held_by_daemon(const struct ip_address *address, bool udp)
{
    _cleanup_free_ char *owner = publish_find_owner(address, DNS_PORT, udp);
    return owner && strstr(owner, "'vmstead-daemon'");
}

/* Gateways of bridges that are there; returns how many. */
static size_t look_at_gateways(const char *root_id, struct finding *finding)
{
    _cleanup_free_ char *prefix = xasprintf("vs%s-br", root_id);
    struct ifaddrs *addresses = NULL;
    size_t count = 0;
    if (getifaddrs(&addresses) < 0)
        return 0;
    for (struct ifaddrs *entry = addresses; entry; entry = entry->ifa_next) {
        struct ip_address address = {0};
        if (entry->ifa_addr && str_after_prefix(entry->ifa_name, prefix))
            address = ip_address_from_socket(entry->ifa_addr);
        if (!ip_address_is_set(&address))
            continue;
        count++;
        for (int udp = 0; udp < 2; udp++)
            if (try_to_bind(&address, udp) == EADDRINUSE && !is_held_by_daemon(&address, udp))
                refuse_holder(&address, false, udp, finding);
    }
    freeifaddrs(addresses);
    return count;
}

void look_at_dns_port(const struct paths *paths, struct finding *finding)
{
    if (try_to_bind(&unused_loopback, true) == EACCES) {
        finding_set(finding, CHECK_SKIPPED, NULL, "only root may try ports below 1024");
        return;
    }
    if (refuse_wildcard(finding))
        return;
    size_t gateways = look_at_gateways(paths->root_id, finding);
    if (!finding->evidence)
        finding_set(finding, CHECK_OK, NULL,
                    "port 53 is ours to have on the gateways (%zu there now)", gateways);
}
