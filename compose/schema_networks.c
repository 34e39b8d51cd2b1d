/* The types of networks: how a service joins them, and how they are described. */
#include "compose/parse.h"
#include "compose/schema_types.h"

static const char *const drivers[] = {"bridge", "", NULL};
FREE_WORD_TYPE(network_driver, "`bridge`", drivers);

static const char *const ipam_drivers[] = {"default", "", NULL};
FREE_WORD_TYPE(ipam_driver, "`default`", ipam_drivers);

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
    return schema_parse_entries(schema, key, node, true);
}
const struct schema_type type_service_networks = {"list of names, or mapping",
                                                  parse_service_networks, MERGE_MAP, false};

/* --- networks -------------------------------------------------------------------------------- */

static struct node *parse_ipv4_type(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    uint32_t address = 0;
    node = schema_parse_string(schema, key, node);
    if (!node || parse_ipv4(node->text, &address) == 0)
        return node;
    if (node->text[0] == '\0')
        return node;
    if (parse_is_ipv6(node->text))
        schema_engine(schema, node, NULL, "'%s': IPv6 is not supported yet", node->text);
    else
        schema_engine(schema, node, NULL, "must be an IPv4 address, not '%s'", node->text);
    return node;
}
const struct schema_type type_ipv4 = {"IPv4 address", parse_ipv4_type, MERGE_REPLACE, false};

static struct node *parse_subnet_type(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    struct subnet subnet;
    char address[INET_ADDRSTRLEN];
    node = schema_parse_string(schema, key, node);
    if (!node)
        return NULL;
    if (parse_subnet(node->text, &subnet) < 0) {
        if (strchr(node->text, ':') && strchr(node->text, '/'))
            schema_engine(schema, node, NULL, "'%s': IPv6 is not supported yet", node->text);
        else
            schema_engine(schema, node, "write it as ADDRESS/PREFIX, like 10.1.2.0/24",
                          "must be an IPv4 subnet, not '%s'", node->text);
    } else if (subnet.address & ~subnet_mask(&subnet)) {
        format_ipv4(subnet.address & subnet_mask(&subnet), address);
        schema_engine(schema, node,
                      arena_printf(schema->arena, "did you mean '%s/%u'?", address, subnet.prefix),
                      "'%s' has host bits set", node->text);
    } else if (subnet.prefix < 8 || subnet.prefix > 29) {
        schema_engine(schema, node, "use a prefix from 8 to 29", "'%s' is too %s for a network",
                      node->text, subnet.prefix < 8 ? "large" : "small");
    }
    return node;
}
const struct schema_type type_subnet = {"IPv4 subnet", parse_subnet_type, MERGE_REPLACE, false};

static struct node *parse_ipam_config(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    struct node *result = schema_parse_list(schema, key, node);
    if (result && result->count > 1)
        schema_engine(schema, node->items[1], NULL,
                      "holds more than one subnet, which is not supported yet");
    return result;
}
const struct schema_type type_ipam_config = {"list of one mapping", parse_ipam_config,
                                             MERGE_SUBNETS, false};

static struct node *parse_mac(struct schema *schema, const struct schema_key *key,
                              struct node *node)
{
    node = schema_parse_string(schema, key, node);
    if (node && node->text[0] && !parse_is_mac(node->text))
        schema_engine(schema, node, "write it like 02:42:ac:11:65:43",
                      "must be a MAC address, not '%s'", node->text);
    return node;
}
const struct schema_type type_mac = {"MAC address", parse_mac, MERGE_REPLACE, false};
