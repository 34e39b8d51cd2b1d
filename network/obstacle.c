/* See obstacle.h. */
#include "network/obstacle.h"

#include "base/fs.h"
#include "base/str.h"
#include "network/firewall.h"

#include <stdio.h>

/* A chain that is asked about every IPv4 packet of its hook. */
static bool hooks_into(const cJSON *chain, const char *hook)
{
    const char *family = json_string(chain, "family", "");
    return streq(json_string(chain, "hook", ""), hook) &&
           (streq(family, "ip") || streq(family, "inet"));
}

static bool is_firewalld(const cJSON *chain)
{
    return streq(json_string(chain, "table", ""), "firewalld");
}

/* By policy; firewalld accepts by policy and ends its filtering chains with a reject. */
static bool drops(const cJSON *chain)
{
    return streq(json_string(chain, "policy", ""), "drop") ||
           (is_firewalld(chain) && str_after_prefix(json_string(chain, "name", ""), "filter_"));
}

static bool table_has_chain(const cJSON *chains, const cJSON *of, const char *prefix)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, chains)
    {
        const cJSON *chain = json_object(item, "chain");
        if (streq(json_string(chain, "table", ""), json_string(of, "table", "")) &&
            streq(json_string(chain, "family", ""), json_string(of, "family", "")) &&
            str_after_prefix(json_string(chain, "name", ""), prefix))
            return true;
    }
    return false;
}

static const char *find_owner(const cJSON *chains, const cJSON *chain)
{
    if (is_firewalld(chain))
        return "firewalld";
    if (table_has_chain(chains, chain, "ufw-"))
        return "ufw";
    return table_has_chain(chains, chain, "DOCKER") ? "Docker" : NULL;
}

/* Somebody has told that firewall about the bridges of this root. */
static bool knows_us(const cJSON *chain, const char *root_id)
{
    _cleanup_free_ char *command = xasprintf("list table %s %s", json_string(chain, "family", ""),
                                             json_string(chain, "table", ""));
    _cleanup_free_ char *bridges = xasprintf("\"vs%s-br", root_id);
    _cleanup_json_ cJSON *items = firewall_list(command);
    _cleanup_free_ char *text = items ? json_print(items) : NULL;
    return text && strstr(text, bridges);
}

static char *make_remedy(const struct obstacle *obstacle, const char *root_id)
{
    const char *owner = obstacle->owner ? obstacle->owner : "";
    if (streq(owner, "firewalld"))
        return xasprintf("firewall-cmd --permanent --zone=trusted --add-interface=vs%s-br+ && "
                         "firewall-cmd --reload",
                         root_id);
    if (streq(owner, "ufw") && obstacle->forwarded)
        return xasprintf("ufw route allow in on vs%s-br+ && ufw route allow out on vs%s-br+",
                         root_id, root_id);
    if (streq(owner, "ufw"))
        return xasprintf("ufw allow in on vs%s-br+ to any port 53", root_id);
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_addf(&text, "nft insert rule %s iifname '\"vs%s-br*\"' accept", obstacle->chain,
                root_id);
    if (obstacle->forwarded)
        strbuf_addf(&text, " && nft insert rule %s oifname '\"vs%s-br*\"' accept", obstacle->chain,
                    root_id);
    return strbuf_take(&text);
}

static void tell(const cJSON *chains, const cJSON *chain, const char *root_id,
                 void (*visit)(const struct obstacle *obstacle, void *userdata), void *userdata)
{
    _cleanup_free_ char *name =
        xasprintf("%s %s %s", json_string(chain, "family", ""), json_string(chain, "table", ""),
                  json_string(chain, "name", ""));
    struct obstacle obstacle = {.chain = name,
                                .owner = find_owner(chains, chain),
                                .forwarded = hooks_into(chain, "forward")};
    _cleanup_free_ char *remedy = make_remedy(&obstacle, root_id);
    obstacle.remedy = remedy;
    visit(&obstacle, userdata);
}

void obstacle_each(const char *root_id,
                   void (*visit)(const struct obstacle *obstacle, void *userdata), void *userdata)
{
    bool opened = firewall_has_docker_chain();
    _cleanup_json_ cJSON *chains = firewall_list("list chains");
    const cJSON *item;
    cJSON_ArrayForEach(item, chains)
    {
        const cJSON *chain = json_object(item, "chain");
        bool forwarded = hooks_into(chain, "forward");
        bool dockers = opened && streq(json_string(chain, "family", ""), "ip") &&
                       streq(json_string(chain, "table", ""), "filter");
        if (!(forwarded && !dockers) && !hooks_into(chain, "input"))
            continue;
        if (drops(chain) && !knows_us(chain, root_id))
            tell(chains, chain, root_id, visit, userdata);
    }
}

static void describe(const struct obstacle *obstacle, void *userdata)
{
    char ***list = userdata;
    strv_add(list,
             xasprintf("the firewall's chain '%s'%s%s%s drops %s by policy, unless it accepts "
                       "them elsewhere: %s",
                       obstacle->chain, obstacle->owner ? " (" : "",
                       obstacle->owner ? obstacle->owner : "", obstacle->owner ? ")" : "",
                       obstacle->forwarded
                           ? "forwarded packets, those of the VMs too"
                           : "packets to this host, the VMs' questions to its DNS too",
                       obstacle->remedy));
}

char **obstacle_describe_all(const char *root_id)
{
    char **list = NULL;
    obstacle_each(root_id, describe, &list);
    return list;
}

bool obstacle_has_legacy_iptables(void)
{
    _cleanup_free_ char *tables = NULL;
    return fs_read_file("/proc/net/ip_tables_names", 4096, &tables, NULL, NULL) == 0 &&
           strstr(tables, "filter");
}
