/* See dns_resolved.h. */
#include "network/dns_resolved.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "network/dns_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>
#include <systemd/sd-bus.h>

#define CALL_TIMEOUT_US (2 * 1000 * 1000)
#define ZONES_MAX 128 /* of one subnet: /17 to /24, /25 to /32 and so on take no more */

struct job {
    STAILQ_ENTRY(job) next;
    struct dns_resolved *resolved;
    uv_work_t work;
    int link;
    char **gateways, **domains; /* NULL: forget the link */
    char *error;                /* NULL: done, or nobody there */
};

struct dns_resolved {
    uv_loop_t *loop;
    STAILQ_HEAD(, job) jobs; /* the first one is being done */
    bool closing;
};

/* --- the domains ---------------------------------------------------------------------------- */

/* The reverse name of the address's first `labels` labels, of `width` bits each. */
static char *format_zone(const struct in6_addr *address, unsigned labels, unsigned width)
{
    struct strbuf zone = {0};
    for (unsigned i = labels; i-- > 0;) {
        if (width == 8)
            strbuf_addf(&zone, "%u.", address->s6_addr[12 + i]);
        else
            strbuf_addf(&zone, "%x.", address->s6_addr[i / 2] >> (i % 2 ? 0 : 4) & 0xf);
    }
    strbuf_add_str(&zone, width == 8 ? "in-addr.arpa" : "ip6.arpa");
    return strbuf_take(&zone);
}

/* The address with `value` in the label that the prefix ends in. */
static struct in6_addr with_label(struct in6_addr address, unsigned label, unsigned width,
                                  unsigned value)
{
    if (width == 8)
        address.s6_addr[12 + label] = (uint8_t)(address.s6_addr[12 + label] + value);
    else
        address.s6_addr[label / 2] =
            (uint8_t)(address.s6_addr[label / 2] + (label % 2 ? value : value << 4));
    return address;
}

static void add_zones(const char *subnet, char ***domains)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    uint16_t prefix;
    const char *slash = strchr(subnet, '/');
    if (!slash || (size_t)(slash - subnet) >= sizeof(text) || str_to_u16(slash + 1, &prefix) < 0)
        return;
    snprintf(text, sizeof(text), "%.*s", (int)(slash - subnet), subnet);
    if (!dns_address_from_text(text, &address) || prefix == 0)
        return;
    unsigned width = IN6_IS_ADDR_V4MAPPED(&address) ? 8 : 4;
    unsigned labels = (prefix + width - 1) / width;
    unsigned count = 1U << (labels * width - prefix);
    for (unsigned i = 0; i < count && i < ZONES_MAX; i++) {
        const struct in6_addr first = with_label(address, labels - 1, width, i);
        strv_add(domains, format_zone(&first, labels, width));
    }
}

char **dns_resolved_domains(const struct dns_network *network)
{
    char **domains = NULL;
    strv_add(&domains, xstrdup(DNS_HOST_DOMAIN));
    if (network->project && *network->project)
        strv_add(&domains, xasprintf("%s." DNS_HOST_DOMAIN, network->project));
    for (const char *const *subnet = network->subnets; *subnet; subnet++)
        add_zones(*subnet, &domains);
    return domains;
}

/* --- on the bus, in the thread pool ---------------------------------------------------------- */

/* Each of these begins a message; the rest is appended by who calls. */
static int new_call(sd_bus *bus, const char *method, int link, sd_bus_message **ret_message)
{
    int r = sd_bus_message_new_method_call(bus, ret_message, "org.freedesktop.resolve1",
                                           "/org/freedesktop/resolve1",
                                           "org.freedesktop.resolve1.Manager", method);
    if (r >= 0) /* whoever does not want it to run is not to get it from us */
        r = sd_bus_message_set_auto_start(*ret_message, 0);
    return r < 0 ? r : sd_bus_message_append(*ret_message, "i", link);
}

static int append_gateways(sd_bus_message *message, char *const *gateways)
{
    int r = sd_bus_message_open_container(message, 'a', "(iay)");
    for (; r >= 0 && *gateways; gateways++) {
        struct in6_addr address;
        if (!dns_address_from_text(*gateways, &address))
            continue;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&address);
        r = sd_bus_message_open_container(message, 'r', "iay");
        if (r >= 0)
            r = sd_bus_message_append(message, "i", mapped ? AF_INET : AF_INET6);
        if (r >= 0)
            r = sd_bus_message_append_array(message, 'y', address.s6_addr + (mapped ? 12 : 0),
                                            mapped ? 4 : 16);
        if (r >= 0)
            r = sd_bus_message_close_container(message);
    }
    return r < 0 ? r : sd_bus_message_close_container(message);
}

/* Routing domains: they choose the link and are not appended to names. */
static int append_domains(sd_bus_message *message, char *const *domains)
{
    int r = sd_bus_message_open_container(message, 'a', "(sb)");
    for (; r >= 0 && *domains; domains++)
        r = sd_bus_message_append(message, "(sb)", *domains, 1);
    return r < 0 ? r : sd_bus_message_close_container(message);
}

enum call { SET_DNS, SET_DOMAINS, NO_DEFAULT_ROUTE, NO_DNSSEC, NO_TLS, REVERT };
static const char *const methods[] = {
    [SET_DNS] = "SetLinkDNS",
    [SET_DOMAINS] = "SetLinkDomains",
    [NO_DEFAULT_ROUTE] = "SetLinkDefaultRoute",
    [NO_DNSSEC] = "SetLinkDNSSEC", /* nobody has signed these names */
    [NO_TLS] = "SetLinkDNSOverTLS",
    [REVERT] = "RevertLink",
};

static int append_arguments(sd_bus_message *message, enum call call, const struct job *job)
{
    switch (call) {
    case SET_DNS:
        return append_gateways(message, job->gateways);
    case SET_DOMAINS:
        return append_domains(message, job->domains);
    case NO_DEFAULT_ROUTE:
        return sd_bus_message_append(message, "b", 0);
    case NO_DNSSEC:
    case NO_TLS:
        return sd_bus_message_append(message, "s", "no");
    case REVERT:
        break;
    }
    return 0;
}

static int call_resolved(sd_bus *bus, enum call call, const struct job *job, sd_bus_error *error)
{
    sd_bus_message *message = NULL;
    int r = new_call(bus, methods[call], job->link, &message);
    if (r >= 0)
        r = append_arguments(message, call, job);
    if (r >= 0)
        r = sd_bus_call(bus, message, CALL_TIMEOUT_US, error, NULL);
    sd_bus_message_unref(message);
    return r;
}

/* No resolved, or the link is gone already. */
static bool is_nothing(const sd_bus_error *error)
{
    static const char *const names[] = {SD_BUS_ERROR_SERVICE_UNKNOWN,
                                        SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                                        "org.freedesktop.resolve1.NoSuchLink"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (sd_bus_error_has_name(error, names[i]))
            return true;
    return false;
}

static void do_job(uv_work_t *work)
{
    struct job *job = work->data;
    sd_bus *bus = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    if (sd_bus_open_system(&bus) < 0)
        return; /* no bus: no resolved */
    enum call first = job->gateways ? SET_DNS : REVERT, last = job->gateways ? NO_TLS : REVERT;
    for (enum call call = first; call <= last && !sd_bus_error_is_set(&error); call++) {
        int r = call_resolved(bus, call, job, &error);
        if (r < 0 && !is_nothing(&error)) {
            job->error =
                xasprintf("%s: %s", methods[call], error.message ? error.message : strerror(-r));
            break;
        }
    }
    sd_bus_error_free(&error);
    sd_bus_flush_close_unref(bus);
}

/* --- one after the other --------------------------------------------------------------------- */

static void on_job_done(uv_work_t *work, int status);

static void job_free(struct job *job)
{
    strv_free(job->gateways);
    strv_free(job->domains);
    free(job->error);
    free(job);
}

static void start_next(struct dns_resolved *resolved)
{
    struct job *job = STAILQ_FIRST(&resolved->jobs);
    if (job)
        uv_queue_work(resolved->loop, &job->work, do_job, on_job_done);
    else if (resolved->closing)
        free(resolved);
}

static void on_job_done(uv_work_t *work, int status)
{
    struct job *job = work->data;
    struct dns_resolved *resolved = job->resolved;
    (void)status;
    if (job->error)
        log_warning("dns: systemd-resolved does not take the names of the VMs for link %d: %s",
                    job->link, job->error);
    STAILQ_REMOVE_HEAD(&resolved->jobs, next);
    job_free(job);
    start_next(resolved);
}

static void add_job(struct dns_resolved *resolved, int link, char **gateways, char **domains)
{
    struct job *job = new0(struct job);
    job->resolved = resolved;
    job->work.data = job;
    job->link = link;
    job->gateways = gateways;
    job->domains = domains;
    bool idle = STAILQ_EMPTY(&resolved->jobs);
    STAILQ_INSERT_TAIL(&resolved->jobs, job, next);
    if (idle)
        start_next(resolved);
}

void dns_resolved_tell(struct dns_resolved *resolved, const struct dns_network *network, int link)
{
    add_job(resolved, link, strv_copy(network->gateways), dns_resolved_domains(network));
}

void dns_resolved_forget(struct dns_resolved *resolved, int link)
{
    add_job(resolved, link, NULL, NULL);
}

struct dns_resolved *dns_resolved_new(uv_loop_t *loop)
{
    struct dns_resolved *resolved = new0(struct dns_resolved);
    resolved->loop = loop;
    STAILQ_INIT(&resolved->jobs);
    return resolved;
}

/* The first job is being done; its end frees us. */
void dns_resolved_free(struct dns_resolved *resolved)
{
    if (!resolved)
        return;
    struct job *first = STAILQ_FIRST(&resolved->jobs);
    resolved->closing = true;
    if (!first) {
        free(resolved);
        return;
    }
    struct job *waiting = STAILQ_NEXT(first, next);
    STAILQ_INIT(&resolved->jobs);
    STAILQ_INSERT_HEAD(&resolved->jobs, first, next);
    for (struct job *after; waiting; waiting = after) {
        after = STAILQ_NEXT(waiting, next);
        job_free(waiting);
    }
}
