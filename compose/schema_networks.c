/* The types of networks: how a service joins them, and how they are described. */
#include "base/ip.h"
#include "base/str.h"
#include "compose/schema_types.h"

static const char *const drivers[] = {"bridge", "", NULL};
FREE_WORD_TYPE(network_driver, "`bridge`", drivers);

static const char *const ipam_drivers[] = {"default", "", NULL};
FREE_WORD_TYPE(ipam_driver, "`default`", ipam_drivers);

/* notes.c tells which of them do what they say. */
static struct node *parse_network_mode(struct schema *schema, const struct schema_key *key,
                                       struct node *node)
{
    return schema_parse_string(schema, key, node);
}
const struct schema_type type_network_mode = {"`none`; or any text, with a warning",
                                              parse_network_mode, MERGE_REPLACE, false};

static struct node *fill_attachment(struct schema *schema, const struct schema_key *key,
                                    const struct node *item)
{
    (void)key;
    return node_new(schema->arena, NODE_NULL, item->position);
}

static struct node *parse_service_networks(struct schema *schema, const struct schema_key *key,
                                           struct node *node)
{
    if (node->kind == NODE_LIST)
        return schema_parse_names(schema, key, node, fill_attachment);
    if (node->kind != NODE_MAP)
        return schema_wrong_kind(schema, node, "a list of names or a mapping");
    return schema_parse_entries(schema, key, node);
}
const struct schema_type type_service_networks = {"list of names, or mapping",
                                                  parse_service_networks, MERGE_MAP, false};

/* --- networks -------------------------------------------------------------------------------- */

/* size: 4, 16, or 0 for both. What stands there is the engine's to refuse. */
static struct node *check_address(struct schema *schema, struct node *node, unsigned size)
{
    struct ip_address address;
    if (!node || node->text[0] == '\0')
        return node;
    bool is_address = ip_address_parse(node->text, &address) == 0;
    const char *hint = is_address && size == 4    ? "write it as 'ipv6_address'"
                       : is_address && size == 16 ? "write it as 'ipv4_address'"
                                                  : NULL;
    if (!is_address || (size && address.size != size))
        schema_engine(schema, node, hint, "must be an %s address, not '%s'",
                      size == 4    ? "IPv4"
                      : size == 16 ? "IPv6"
                                   : "IP",
                      node->text);
    return node;
}

static struct node *parse_ipv4_type(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    return check_address(schema, schema_parse_string(schema, key, node), 4);
}
const struct schema_type type_ipv4 = {"IPv4 address", parse_ipv4_type, MERGE_REPLACE, false};

static struct node *parse_ipv6_type(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    return check_address(schema, schema_parse_string(schema, key, node), 16);
}
const struct schema_type type_ipv6 = {"IPv6 address", parse_ipv6_type, MERGE_REPLACE, false};

static struct node *parse_address_type(struct schema *schema, const struct schema_key *key,
                                       struct node *node)
{
    return check_address(schema, schema_parse_string(schema, key, node), 0);
}
const struct schema_type type_address = {"IP address", parse_address_type, MERGE_REPLACE, false};

static struct node *parse_addresses(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    node = schema_parse_strings(schema, key, node);
    for (size_t i = 0; node && i < node->count; i++) {
        size_t depth = schema_enter_item(schema, i);
        check_address(schema, node->items[i], 0);
        schema_leave(schema, depth);
    }
    return node;
}
const struct schema_type type_addresses = {"list of IP addresses", parse_addresses, MERGE_APPEND,
                                           false};

static struct node *parse_named_addresses(struct schema *schema, const struct schema_key *key,
                                          struct node *node)
{
    node = type_string_map.parse(schema, key, node);
    for (size_t i = 0; node && i < node->count; i++) {
        size_t depth = schema_enter(schema, node->pairs[i].key);
        if (node->pairs[i].value->kind == NODE_STRING)
            check_address(schema, node->pairs[i].value, 0);
        schema_leave(schema, depth);
    }
    return node;
}
const struct schema_type type_named_addresses = {"mapping of names to IP addresses",
                                                 parse_named_addresses, MERGE_MAP, false};

#define SUBNET_PREFIX_LEAST 8 /* of IPv4: network/ipam.c has the same bounds */
#define SUBNET_PREFIX_MOST 30

static struct node *check_subnet(struct schema *schema, struct node *node, bool is_range)
{
    struct ip_subnet subnet;
    char address[IP_TEXT_SIZE];
    if (!node)
        return NULL;
    if (ip_subnet_parse(node->text, &subnet) < 0) {
        schema_engine(schema, node, "write it as ADDRESS/PREFIX, like 10.1.2.0/24",
                      "must be a subnet, not '%s'", node->text);
        return node;
    }
    struct ip_address first = ip_subnet_first(&subnet);
    if (ip_subnet_has_host_bits(&subnet))
        schema_engine(schema, node,
                      arena_printf(schema->arena, "did you mean '%s/%u'?",
                                   ip_address_format(&first, address), subnet.prefix),
                      "'%s' has host bits set", node->text);
    else if (!is_range && subnet.address.size == 4 &&
             (subnet.prefix < SUBNET_PREFIX_LEAST || subnet.prefix > SUBNET_PREFIX_MOST))
        schema_engine(schema, node, "use a prefix from 8 to 30", "'%s' is too %s for a network",
                      node->text, subnet.prefix < SUBNET_PREFIX_LEAST ? "large" : "small");
    return node;
}

static struct node *parse_subnet_type(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    return check_subnet(schema, schema_parse_string(schema, key, node), false);
}
const struct schema_type type_subnet = {"subnet", parse_subnet_type, MERGE_REPLACE, false};

static struct node *parse_ip_range(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    return check_subnet(schema, schema_parse_string(schema, key, node), true);
}
const struct schema_type type_ip_range = {"part of the subnet", parse_ip_range, MERGE_REPLACE,
                                          false};

const struct schema_type type_ipam_config = {"list of mappings, one of IPv4", schema_parse_list,
                                             MERGE_SUBNETS, false};

/* A group's address, or none at all, is no interface's. */
static bool is_mac(const char *text)
{
    static const unsigned char none[6];
    unsigned char mac[6];
    return ip_mac_parse(text, mac) == 0 && !(mac[0] & 1) && memcmp(mac, none, sizeof(mac)) != 0;
}

static struct node *parse_mac(struct schema *schema, const struct schema_key *key,
                              struct node *node)
{
    unsigned char mac[6];
    node = schema_parse_string(schema, key, node);
    if (node && node->text[0] && !is_mac(node->text))
        schema_engine(schema, node, "write it like 02:42:ac:11:65:43", "must be %s, not '%s'",
                      ip_mac_parse(node->text, mac) < 0 ? "a MAC address"
                                                        : "the MAC address of one machine",
                      node->text);
    return node;
}
const struct schema_type type_mac = {"MAC address", parse_mac, MERGE_REPLACE, false};

static const char *const multicast_words[] = {"flood", "querier", NULL};
WORD_TYPE(multicast, "`flood` or `querier`", multicast_words, NULL);

/* As the kernel has it (net/core/dev.c, dev_valid_name). */
static bool is_link_name(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length < 16 && !streq(text, ".") && !streq(text, "..") &&
           !streq(text, "lo") && !text[strcspn(text, "/: \t\r\n\v\f")];
}

static struct node *parse_interface_name(struct schema *schema, const struct schema_key *key,
                                         struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (node && node->text[0] && !is_link_name(node->text))
        schema_engine(schema, node, "use at most 15 characters, without spaces, '/' and ':'",
                      "must be the name of an interface, not '%s'", node->text);
    return node;
}
const struct schema_type type_interface_name = {"name of an interface", parse_interface_name,
                                                MERGE_REPLACE, false};
