/* See settings.h. */
#include "network/settings.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>

#define MTU_DEFAULT 1500
#define MTU_LEAST 68      /* RFC 791 */
#define MTU_LEAST_V6 1280 /* RFC 8200 section 5 */
#define MTU_MOST 65535

static const char *const driver_names[] = {
    [DRIVER_BRIDGE] = "bridge", [DRIVER_MACVLAN] = "macvlan"};
static_assert(ARRAY_SIZE(driver_names) == DRIVER_COUNT, "a name for each driver");
static const char *const multicast_names[] = {
    [MULTICAST_FLOOD] = "flood", [MULTICAST_QUERIER] = "querier"};
static_assert(ARRAY_SIZE(multicast_names) == MULTICAST_COUNT, "a name for each way");

const char *network_driver_name(enum network_driver driver)
{
    return driver_names[driver];
}

void network_settings_done(struct network_settings *settings)
{
    vec_done(&settings->reserved);
}

/* --- addresses -------------------------------------------------------------------------------- */

static int family_number(enum ip_family family)
{
    return family == IP_V6 ? 6 : 4;
}

static int parse_subnet(const char *name, const char *text, enum ip_family family,
                        struct ip_subnet *ret_subnet, struct error *err)
{
    if (ip_subnet_parse(text, ret_subnet) < 0 || ip_family_of(&ret_subnet->address) != family ||
        ip_subnet_has_host_bits(ret_subnet))
        return error_set(err, EINVAL,
                         "network '%s': '%s' is not an IPv%d subnet: write it like %s, with no bit "
                         "set behind the prefix",
                         name, text, family_number(family),
                         family == IP_V6 ? "fd00:1:2:3::/64" : "10.1.2.0/24");
    unsigned least = family == IP_V6 ? 16 : 8, most = family == IP_V6 ? 126 : 30;
    if (ret_subnet->prefix < least || ret_subnet->prefix > most)
        return error_set(err, EINVAL,
                         "network '%s': the subnet '%s' must have a prefix between /%u and /%u",
                         name, text, least, most);
    return 0;
}

static int parse_gateway(const char *name, const char *text, const char *subnet_text,
                         struct network_pool *pool, struct error *err)
{
    pool->gateway = ip_address_next(ip_subnet_first(&pool->subnet));
    if (text && (ip_address_parse(text, &pool->gateway) < 0 ||
                 !ip_subnet_has_host(&pool->subnet, &pool->gateway)))
        return error_set(err, EINVAL,
                         "network '%s': the gateway '%s' is not an address within its subnet '%s'",
                         name, text, subnet_text);
    return 0;
}

static int parse_range(const char *name, const char *text, const char *subnet_text,
                       struct network_pool *pool, struct error *err)
{
    if (!text)
        return 0;
    if (ip_subnet_parse(text, &pool->range) < 0 || ip_subnet_has_host_bits(&pool->range) ||
        pool->range.prefix < pool->subnet.prefix ||
        !ip_subnet_contains(&pool->subnet, &pool->range.address))
        return error_set(err, EINVAL,
                         "network '%s': the 'ip_range' '%s' is not within its subnet '%s'", name,
                         text, subnet_text);
    return 0;
}

static int parse_pool(const char *name, const cJSON *spec, enum ip_family family,
                      struct network_pool *pool, struct error *err)
{
    static const char *const keys[IP_FAMILY_COUNT][3] = {
        [IP_V4] = {"subnet", "gateway", "ip_range"},
        [IP_V6] = {"subnet6", "gateway6", "ip_range6"},
    };
    const char *subnet = json_string(spec, keys[family][0], NULL);
    const char *gateway = json_string(spec, keys[family][1], NULL);
    const char *range = json_string(spec, keys[family][2], NULL);
    if (!subnet && (gateway || range))
        return error_set(err, EINVAL, "network '%s': '%s' needs a subnet beside it", name,
                         gateway ? gateway : range);
    if (!subnet)
        return 0;
    int r = parse_subnet(name, subnet, family, &pool->subnet, err);
    if (r == 0)
        r = parse_gateway(name, gateway, subnet, pool, err);
    return r < 0 ? r : parse_range(name, range, subnet, pool, err);
}

static int parse_reserved(const char *name, const cJSON *spec, struct network_settings *settings,
                          struct error *err)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, json_object(spec, "aux_addresses"))
    {
        struct ip_address address;
        const char *text = cJSON_IsString(item) ? item->valuestring : "";
        if (ip_address_parse(text, &address) < 0 ||
            !ip_subnet_has_host(&settings->pools[ip_family_of(&address)].subnet, &address))
            return error_set(err, EINVAL,
                             "network '%s': the auxiliary address '%s' ('%s') is in none of its "
                             "subnets",
                             name, item->string, text);
        vec_add(&settings->reserved, address);
    }
    return 0;
}

/* --- options ---------------------------------------------------------------------------------- */

static bool is_link_name(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length >= IFNAMSIZ || streq(text, ".") || streq(text, ".."))
        return false;
    for (; *text; text++) /* (net/core/dev.c, dev_valid_name) and no quote for the ruleset */
        if (*text <= ' ' || *text > '~' || *text == '/' || *text == ':' || *text == '"')
            return false;
    return true;
}

static int parse_link(const char *name, const cJSON *options, const char *key, char *ret_link,
                      struct error *err)
{
    const char *text = json_string(options, key, NULL);
    if (!text)
        return 0;
    if (!is_link_name(text))
        return error_set(
            err, EINVAL,
            "network '%s': '%s' ('%s') is no name of a link: at most 15 characters, no "
            "spaces, '/' or ':'",
            name, text, key);
    memcpy(ret_link, text, strlen(text) + 1);
    return 0;
}

static int parse_mtu(const char *name, const cJSON *options, struct network_settings *settings,
                     struct error *err)
{
    const char *text = json_string(options, "com.docker.network.driver.mtu", NULL);
    unsigned least = settings->has_family[IP_V6] ? MTU_LEAST_V6 : MTU_LEAST;
    settings->mtu = MTU_DEFAULT;
    if (text &&
        (str_to_u32(text, &settings->mtu) < 0 || settings->mtu < least || settings->mtu > MTU_MOST))
        return error_set(err, EINVAL, "network '%s': the MTU '%s' is not between %u and %u", name,
                         text, least, MTU_MOST);
    return 0;
}

/* Go's strconv.ParseBool, which Docker's drivers read their options with. */
static int parse_switch(const char *name, const cJSON *options, const char *key, bool *switch_,
                        struct error *err)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True", NULL};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False", NULL};
    const char *text = json_string(options, key, NULL);
    if (!text)
        return 0;
    for (size_t i = 0; yes[i]; i++)
        if (streq(text, yes[i]) || streq(text, no[i])) {
            *switch_ = streq(text, yes[i]);
            return 0;
        }
    return error_set(err, EINVAL, "network '%s': the option '%s' is 'true' or 'false', not '%s'",
                     name, key, text);
}

static int parse_options(const char *name, const cJSON *options, struct network_settings *settings,
                         struct error *err)
{
    bool icc = !settings->isolated;
    int r = parse_link(name, options, "com.docker.network.bridge.name", settings->bridge, err);
    if (r == 0)
        r = parse_link(name, options, "parent", settings->parent, err);
    if (r == 0)
        r = parse_mtu(name, options, settings, err);
    if (r == 0)
        r = parse_switch(name, options, "com.docker.network.bridge.enable_icc", &icc, err);
    if (r == 0)
        r = parse_switch(name, options, "com.docker.network.bridge.enable_ip_masquerade",
                         &settings->masquerade, err);
    settings->isolated = !icc;
    return r;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int parse_word(const char *name, const char *what, const char *text,
                      const char *const *words, size_t count, unsigned *ret_word, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (streq(text, words[i])) {
            *ret_word = (unsigned)i;
            return 0;
        }
    return error_set(err, EINVAL, "network '%s': there is no %s '%s': use '%s' or '%s'", name, what,
                     text, words[0], words[1]);
}

static int parse_all(const char *name, const cJSON *spec, struct network_settings *settings,
                     struct error *err)
{
    unsigned driver = DRIVER_BRIDGE, multicast = MULTICAST_FLOOD;
    int r = parse_word(name, "driver", json_string(spec, "driver", "bridge"), driver_names,
                       DRIVER_COUNT, &driver, err);
    if (r == 0)
        r = parse_word(name, "way for multicast", json_string(spec, "multicast", "flood"),
                       multicast_names, MULTICAST_COUNT, &multicast, err);
    if (r < 0)
        return r;
    settings->driver = driver;
    settings->multicast = multicast;
    for (enum ip_family family = IP_V4; r == 0 && family < IP_FAMILY_COUNT; family++)
        r = parse_pool(name, spec, family, &settings->pools[family], err);
    settings->has_family[IP_V4] = json_bool(spec, "ipv4", true);
    settings->has_family[IP_V6] =
        json_bool(spec, "ipv6", ip_subnet_is_set(&settings->pools[IP_V6].subnet));
    if (r == 0)
        r = parse_reserved(name, spec, settings, err);
    return r < 0 ? r : parse_options(name, json_object(spec, "options"), settings, err);
}

int network_settings_parse(const char *name, const cJSON *spec, struct network_settings *ret,
                           struct error *err)
{
    *ret = (struct network_settings){
        .internal = json_bool(spec, "internal", false),
        .external = json_bool(spec, "external", false),
        .isolated = json_bool(spec, "isolated", false),
        .masquerade = true,
    };
    int r = parse_all(name, spec, ret, err);
    if (r < 0)
        network_settings_done(ret);
    return r;
}

char *network_settings_text(const cJSON *spec)
{
    static const char *const members[] = {
        "driver",  "internal", "ipv4",      "ipv6",          "subnet",  "gateway",  "ip_range",
        "subnet6", "gateway6", "ip_range6", "aux_addresses", "options", "isolated", "multicast"};
    _cleanup_json_ cJSON *part = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        const cJSON *member = cJSON_GetObjectItemCaseSensitive(spec, members[i]);
        if (member)
            json_set(part, members[i], cJSON_Duplicate(member, true));
    }
    return json_print(part);
}
