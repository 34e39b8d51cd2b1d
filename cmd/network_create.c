/* `vmstead network create` */
#include "base/alloc.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/output.h"
#include "cmd/resource.h"

#include <errno.h>

#define TIMEOUT_MS 60000

struct network_create_values {
    char **subnets, **gateways, **ranges, **reserved, **options, **labels;
    const char *driver;
    bool internal, ipv6, attachable;
};

static const struct option_row rows[] = {
    {"attachable", 0, OPTION_FLAG, offsetof(struct network_create_values, attachable), NULL, NULL,
     0, 0, "Always so: others may join"},
    {"aux-address", 0, OPTION_LIST, offsetof(struct network_create_values, reserved),
     "NAME=ADDRESS", NULL, 0, 0, "Address that nobody gets; may be given more than once"},
    {"driver", 'd', OPTION_STRING, offsetof(struct network_create_values, driver), "DRIVER",
     "bridge", 0, 0, "How it is made"},
    {"gateway", 0, OPTION_LIST, offsetof(struct network_create_values, gateways), "ADDRESS", NULL,
     0, 0, "The host's address, one per subnet (default: the first)"},
    {"internal", 0, OPTION_FLAG, offsetof(struct network_create_values, internal), NULL, NULL, 0, 0,
     "No way out"},
    {"ip-range", 0, OPTION_LIST, offsetof(struct network_create_values, ranges), "SUBNET", NULL, 0,
     0, "Part of the subnet that addresses are chosen from"},
    {"ipv6", 0, OPTION_FLAG, offsetof(struct network_create_values, ipv6), NULL, NULL, 0, 0,
     "IPv6 as well; a subnet is chosen where none is given"},
    {"label", 0, OPTION_LIST, offsetof(struct network_create_values, labels), "NAME=VALUE", NULL, 0,
     0, "Set a label; may be given more than once"},
    {"opt", 'o', OPTION_LIST, offsetof(struct network_create_values, options), "NAME=VALUE", NULL,
     0, 0, "Option of the driver; may be given more than once"},
    {"subnet", 0, OPTION_LIST, offsetof(struct network_create_values, subnets), "SUBNET", NULL, 0,
     0, "Its addresses (default: chosen); one of IPv4, one of IPv6"},
};

static bool is_ipv6(const char *text)
{
    return strchr(text, ':') != NULL;
}

/* The entry of the text's family. */
static cJSON *find_pool(cJSON *pools, const char *text)
{
    cJSON *pool;
    cJSON_ArrayForEach(pool, pools) if (is_ipv6(json_string(pool, "Subnet", "")) ==
                                        is_ipv6(text)) return pool;
    return NULL;
}

/* Docker's rule: what belongs to a subnet needs one. */
static int add_to_pools(cJSON *pools, char *const *texts, const char *key, const char *option,
                        struct error *err)
{
    for (; texts && *texts; texts++) {
        cJSON *pool = find_pool(pools, *texts);
        if (!pool)
            return error_set(err, EINVAL, "'%s %s' needs a subnet beside it: add '--subnet'",
                             option, *texts);
        if (json_string(pool, key, NULL))
            return error_set(err, EINVAL, "'%s' is given twice for the subnet '%s'", option,
                             json_string(pool, "Subnet", ""));
        json_set_string(pool, key, *texts);
    }
    return 0;
}

static int add_reserved(cJSON *pools, char *const *texts, struct error *err)
{
    for (; texts && *texts; texts++) {
        const char *equals = strchr(*texts, '=');
        cJSON *pool = equals ? find_pool(pools, equals + 1) : NULL;
        if (!pool)
            return error_set(err, EINVAL,
                             equals ? "'--aux-address %s' needs a subnet beside it: add '--subnet'"
                                    : "invalid '--aux-address %s': use NAME=ADDRESS",
                             *texts);
        _cleanup_free_ char *name = xstrndup(*texts, (size_t)(equals - *texts));
        if (!json_object(pool, "AuxiliaryAddresses"))
            cJSON_AddObjectToObject(pool, "AuxiliaryAddresses");
        json_set_string(json_object(pool, "AuxiliaryAddresses"), name, equals + 1);
    }
    return 0;
}

static int make_pools(const struct network_create_values *values, cJSON *pools, struct error *err)
{
    for (size_t i = 0; values->subnets && values->subnets[i]; i++) {
        if (find_pool(pools, values->subnets[i]))
            return error_set(err, EINVAL,
                             "a network has one subnet of IPv%d: make two networks of it",
                             is_ipv6(values->subnets[i]) ? 6 : 4);
        cJSON *pool = cJSON_CreateObject();
        json_set_string(pool, "Subnet", values->subnets[i]);
        cJSON_AddItemToArray(pools, pool);
    }
    int r = add_to_pools(pools, values->gateways, "Gateway", "--gateway", err);
    if (r == 0)
        r = add_to_pools(pools, values->ranges, "IPRange", "--ip-range", err);
    return r < 0 ? r : add_reserved(pools, values->reserved, err);
}

static int make_body(const struct invocation *invocation, cJSON *body, struct error *err)
{
    const struct network_create_values *values = invocation->values;
    json_set_string(body, "Name", invocation->operands[0]);
    json_set_string(body, "Driver", values->driver);
    json_set_bool(body, "Internal", values->internal);
    json_set_bool(body, "Attachable", values->attachable);
    json_set_bool(body, "EnableIPv6", values->ipv6);
    json_set(body, "Options", resource_pairs(values->options));
    json_set(body, "Labels", resource_pairs(values->labels));
    cJSON *ipam = cJSON_AddObjectToObject(body, "IPAM");
    return make_pools(values, cJSON_AddArrayToObject(ipam, "Config"), err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *body = cJSON_CreateObject(), *network = NULL;
    int r = make_body(invocation, body, err);
    _cleanup_free_ char *text = json_print(body);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_START, &client, err);
    if (r == 0)
        r = client_call(client, "POST", "/networks/create", text, TIMEOUT_MS, &network, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *line = xasprintf("%s\n", json_string(network, "Id", ""));
    return output_write(line, strlen(line), err);
}

const struct command command_network_create = {
    .name = "network create",
    .arguments = "NAME",
    .summary = "Make a network",
    .details =
        "Prints its ID. Services join it with 'external: true'; it stays until it is removed.",
    .examples = "  vmstead network create backbone\n"
                "  vmstead network create --subnet 10.20.0.0/16 --subnet fd20::/64 --internal lab",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct network_create_values),
    .operand_minimum = 1,
    .operand_maximum = 1,
    .run = run,
};
