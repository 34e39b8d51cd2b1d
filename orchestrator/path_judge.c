/* See path_judge.h. */
#include "orchestrator/path_judge.h"

#include "base/str.h"
#include "base/vec.h"

#include <strings.h>

struct guest {
    const struct path_judgement *judgement;
    const struct guest_fact *facts;
    size_t count;
};

static const struct guest_fact *find_fact(const struct guest *guest, enum guest_fact_kind kind,
                                          const char *name, const char *text)
{
    for (size_t i = 0; i < guest->count; i++) {
        const struct guest_fact *fact = &guest->facts[i];
        if (fact->kind == kind && (!name || streq(fact->name, name)) &&
            (!text || streq(fact->text, text)))
            return fact;
    }
    return NULL;
}

static char *restart_remedy(const struct guest *guest)
{
    return xasprintf("vmstead restart %s", guest->judgement->service);
}

/* --- address ---------------------------------------------------------------------------------- */

static const struct guest_fact *find_nic(const struct guest *guest, const char *mac)
{
    for (size_t i = 0; i < guest->count; i++)
        if (guest->facts[i].kind == GUEST_INTERFACE && guest->facts[i].mac &&
            strcasecmp(guest->facts[i].mac, mac) == 0)
            return &guest->facts[i];
    return NULL;
}

/* "169.254.3.4/16, fe80::1/64", or "no address"; owned by the caller. */
static char *list_addresses(const struct guest *guest, const char *nic)
{
    struct strbuf text = {0};
    for (size_t i = 0; i < guest->count; i++)
        if (guest->facts[i].kind == GUEST_ADDRESS && streq(guest->facts[i].name, nic))
            strbuf_addf(&text, "%s%s/%u", text.length ? ", " : "", guest->facts[i].text,
                        guest->facts[i].prefix);
    if (!text.length)
        strbuf_add_str(&text, "no address");
    return strbuf_take(&text);
}

/* NULL: it has those that it should have. */
static const char *find_missing(const struct guest *guest, const cJSON *endpoint, const char *nic)
{
    static const char *const keys[] = {"address", "address6"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *address = json_string(endpoint, keys[i], NULL);
        if (address && !find_fact(guest, GUEST_ADDRESS, nic, address))
            return address;
    }
    return NULL;
}

static bool judge_address(const struct guest *guest, const cJSON *endpoint, cJSON *findings)
{
    const char *mac = json_string(endpoint, "mac", ""),
               *name = json_string(endpoint, "interface", "");
    const struct guest_fact *nic = find_nic(guest, mac);
    const char *missing = nic ? find_missing(guest, endpoint, nic->name) : NULL;
    _cleanup_free_ char *have = nic ? list_addresses(guest, nic->name) : NULL;
    _cleanup_finding_ struct finding finding = {0};
    if (!nic)
        finding_set(&finding, CHECK_ERROR, restart_remedy(guest),
                    "the VM has no NIC with the MAC %s, which should be '%s'", mac, name);
    else if (!streq(nic->name, name))
        finding_set(&finding, CHECK_ERROR, restart_remedy(guest),
                    "the NIC with the MAC %s is called '%s', not '%s'", mac, nic->name, name);
    else if (!nic->up)
        finding_set(&finding, CHECK_ERROR, restart_remedy(guest), "'%s' in the VM is down", name);
    else if (missing)
        finding_set(&finding, CHECK_ERROR, restart_remedy(guest),
                    "'%s' in the VM does not have %s: it has %s", name, missing, have);
    else
        finding_set(&finding, CHECK_OK, NULL, "'%s' in the VM is up and has %s", name, have);
    return finding_add(findings, "address", &finding);
}

/* --- route, gateway --------------------------------------------------------------------------- */

static bool judge_route(const struct guest *guest, const cJSON *endpoint, cJSON *findings)
{
    const char *gateway = json_string(endpoint, "gateway", "");
    const char *name = json_string(endpoint, "interface", "");
    _cleanup_finding_ struct finding finding = {0};
    const struct guest_fact *route = find_fact(guest, GUEST_ROUTE, NULL, NULL);
    if (find_fact(guest, GUEST_ROUTE, name, gateway))
        finding_set(&finding, CHECK_OK, NULL, "the default route is by %s on '%s'", gateway, name);
    else if (route)
        finding_set(&finding, CHECK_ERROR, restart_remedy(guest),
                    "the default route is by %s on '%s', not by %s on '%s'", route->text,
                    route->name, gateway, name);
    else
        finding_set(&finding, CHECK_ERROR, restart_remedy(guest),
                    "the VM has no default route; it should be by %s on '%s'", gateway, name);
    return finding_add(findings, "route", &finding);
}

static bool judge_ping(const struct guest *guest, const char *gateway, cJSON *findings)
{
    const struct guest_fact *ping = find_fact(guest, GUEST_PING, gateway, NULL);
    _cleanup_finding_ struct finding finding = {0};
    if (!ping || ping->failure)
        finding_set(&finding, CHECK_ERROR,
                    xasprintf("vmstead exec %s nft list ruleset   # a firewall inside? else: "
                              "vmstead restart %s",
                              guest->judgement->service, guest->judgement->service),
                    "from inside, the gateway %s does not answer a ping: %s", gateway,
                    ping ? ping->failure : "it was not asked");
    else
        finding_set(&finding, CHECK_OK, NULL,
                    "from inside, the gateway %s answers a ping (%.1f ms)", gateway,
                    (double)ping->elapsed_us / 1000);
    return finding_add(findings, "gateway", &finding);
}

static bool judge_gateways(const struct guest *guest, const cJSON *endpoint, cJSON *findings)
{
    static const char *const keys[] = {"gateway", "gateway6"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *gateway = json_string(endpoint, keys[i], NULL);
        if (gateway && !judge_ping(guest, gateway, findings))
            return false;
    }
    return true;
}

/* --- DNS -------------------------------------------------------------------------------------- */

static bool is_ours(const cJSON *path, const char *server)
{
    const cJSON *endpoint;
    cJSON_ArrayForEach(endpoint, json_array(path, "endpoints"))
    {
        if (streq(json_string(endpoint, "gateway", ""), server) ||
            streq(json_string(endpoint, "gateway6", ""), server))
            return true;
    }
    return false;
}

static bool judge_dns(const struct guest *guest, const cJSON *path, cJSON *findings)
{
    const char *name = guest->judgement->name;
    const struct guest_fact *server = find_fact(guest, GUEST_NAMESERVER, NULL, NULL);
    const struct guest_fact *answer = find_fact(guest, GUEST_RESOLVED, name, NULL);
    _cleanup_finding_ struct finding finding = {0};
    if (!server)
        finding_set(&finding, CHECK_ERROR, restart_remedy(guest),
                    "'/etc/resolv.conf' in the VM names no nameserver");
    else if (answer && !answer->failure)
        finding_set(&finding, CHECK_OK, NULL, "%s says '%s' is %s (%.1f ms)", server->text, name,
                    answer->text, (double)answer->elapsed_us / 1000);
    else if (!is_ours(path, server->text))
        finding_set(&finding, CHECK_WARNING, NULL,
                    "the VM asks %s, none of its gateways, which does not know '%s'", server->text,
                    name);
    else if (guest->judgement->unhealthy)
        finding_set(&finding, CHECK_WARNING, NULL, "%s does not name '%s': none of it is healthy",
                    server->text, name);
    else
        finding_set(&finding, CHECK_ERROR,
                    xstrdup("vmstead doctor   # dns-port; then look into "
                            "the daemon's log"),
                    "asked from inside for '%s', %s: %s", name, server->text,
                    answer ? answer->failure : "it was not asked");
    return finding_add(findings, "dns", &finding);
}

/* --- who listens --------------------------------------------------------------------------------
 */

static bool is_loopback(const char *address)
{
    return str_after_prefix(address, "127.") || streq(address, "::1") ||
           str_after_prefix(address, "::ffff:127.");
}

static bool is_reachable(const cJSON *path, const char *address)
{
    const cJSON *endpoint;
    if (streq(address, "0.0.0.0") || streq(address, "::"))
        return true;
    const char *plain = str_after_prefix(address, "::ffff:");
    plain = plain ? plain : address;
    cJSON_ArrayForEach(endpoint, json_array(path, "endpoints"))
    {
        if (streq(json_string(endpoint, "address", ""), plain) ||
            streq(json_string(endpoint, "address6", ""), plain))
            return true;
    }
    return false;
}

/* "0.0.0.0:8080, 127.0.0.1:25" of that protocol, each once; "" for none. Owned by the caller. */
static char *list_listeners(const struct guest *guest, bool udp)
{
    struct strbuf text = {0};
    for (size_t i = 0; i < guest->count; i++) {
        const struct guest_fact *fact = &guest->facts[i];
        if (fact->kind != GUEST_LISTENER || fact->udp != udp)
            continue;
        bool six = strchr(fact->text, ':') != NULL;
        _cleanup_free_ char *one =
            xasprintf("%s%s%s:%u", six ? "[" : "", fact->text, six ? "]" : "", fact->port);
        if (!strstr(strbuf_text(&text), one) && text.length < 200)
            strbuf_addf(&text, "%s%s", text.length ? ", " : "", one);
    }
    return strbuf_take(&text);
}

static void judge_no_listener(const struct guest *guest, const struct path_target *target,
                              struct finding *finding)
{
    _cleanup_free_ char *others = list_listeners(guest, target->udp);
    finding_set(finding, CHECK_ERROR,
                xasprintf("have the service listen on %u, or name the port that it listens on in "
                          "`ports:`; vmstead logs %s",
                          target->port, guest->judgement->service),
                "nothing in the VM listens on %s port %u; %s%s", target->udp ? "udp" : "tcp",
                target->port, *others ? "somebody does on " : "nor on any other", others);
}

static bool judge_listener(const struct guest *guest, const cJSON *path,
                           const struct path_target *target, cJSON *findings)
{
    const struct guest_fact *good = NULL, *bad = NULL;
    const char *protocol = target->udp ? "udp" : "tcp";
    _cleanup_finding_ struct finding finding = {0};
    for (size_t i = 0; i < guest->count; i++) {
        const struct guest_fact *fact = &guest->facts[i];
        if (fact->kind != GUEST_LISTENER || fact->port != target->port || fact->udp != target->udp)
            continue;
        if (is_reachable(path, fact->text))
            good = fact;
        else
            bad = fact;
    }
    if (good)
        finding_set(&finding, CHECK_OK, NULL, "the VM listens on %s port %u (%s)", protocol,
                    target->port, good->text);
    else if (bad && is_loopback(bad->text))
        finding_set(&finding, CHECK_ERROR,
                    xstrdup("have the service listen on 0.0.0.0: its host, bind or listen setting"),
                    "the VM listens on %s port %u of %s only: nobody outside of it can connect",
                    protocol, target->port, bad->text);
    else if (bad)
        finding_set(&finding, CHECK_ERROR,
                    xstrdup("have the service listen on 0.0.0.0: its host, bind or listen setting"),
                    "the VM listens on %s port %u of %s only, none of its networks' addresses",
                    protocol, target->port, bad->text);
    else
        judge_no_listener(guest, target, &finding);
    return finding_add(findings, "listener", &finding);
}

/* Nothing is asked for and nothing published: good to know all the same. */
static void tell_listeners(const struct guest *guest, cJSON *findings)
{
    _cleanup_finding_ struct finding finding = {0};
    _cleanup_free_ char *tcp = list_listeners(guest, false), *udp = list_listeners(guest, true);
    finding_set(&finding, CHECK_OK, NULL,
                "no port is published; the VM listens on tcp %s and udp %s", *tcp ? tcp : "none",
                *udp ? udp : "none");
    finding_add(findings, "listener", &finding);
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static bool judge_networks(const struct guest *guest, const cJSON *path, cJSON *findings)
{
    const cJSON *endpoint, *endpoints = json_array(path, "endpoints");
    cJSON_ArrayForEach(endpoint, endpoints)
    {
        if (!judge_address(guest, endpoint, findings))
            return false;
    }
    cJSON_ArrayForEach(endpoint, endpoints)
    {
        if (json_bool(endpoint, "default_route", false) && !judge_route(guest, endpoint, findings))
            return false;
    }
    cJSON_ArrayForEach(endpoint, endpoints)
    {
        if (!judge_gateways(guest, endpoint, findings))
            return false;
    }
    return !endpoints || !endpoints->child || judge_dns(guest, path, findings);
}

bool path_judge(const cJSON *path, const struct path_judgement *judgement,
                const struct guest_fact *facts, size_t count, cJSON *findings)
{
    const struct guest guest = {.judgement = judgement, .facts = facts, .count = count};
    if (!judge_networks(&guest, path, findings))
        return false;
    for (size_t i = 0; i < judgement->target_count; i++)
        if (!judge_listener(&guest, path, &judgement->targets[i], findings))
            return false;
    if (!judgement->target_count)
        tell_listeners(&guest, findings);
    return true;
}
