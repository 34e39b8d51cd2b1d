/* The types of `ports`: `[[IP:][PUBLISHED:]]TARGET[/PROTOCOL]` with ranges, or a mapping.
 * Canonical: a list of mappings with one target each. */
#include "base/vec.h"
#include "compose/parse.h"
#include "compose/schema_types.h"

#define PORT_LIMIT 32768 /* made from ranges, per file */

#define PORT_HINT "use [[IP:]HOST:]CONTAINER[/PROTOCOL]"

/* A short form taken apart; strings of its own. */
struct short_port {
    const char *ip, *published, *target, *protocol;
    const char *ignored; /* what the reference does not look at: behind a second '/' or '-' */
};

/* The long form's: the reference keeps any text as it is written. */
static struct node *parse_protocol(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    (void)key;
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a string");
    if (strcasecmp(node->text, "sctp") == 0)
        schema_engine(schema, node, NULL, "'sctp' is not supported yet");
    else if (strcasecmp(node->text, "tcp") != 0 && strcasecmp(node->text, "udp") != 0)
        schema_engine(schema, node, "use tcp or udp", "has an unknown protocol '%s'", node->text);
    return node;
}
const struct schema_type type_protocol = {"`tcp` or `udp`", parse_protocol, MERGE_REPLACE, false};

static struct node *parse_port_mode(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    (void)key;
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a string");
    if (!streq(node->text, "ingress") && !streq(node->text, "host"))
        schema_engine(schema, node, NULL, "must be 'ingress' or 'host', not '%s'", node->text);
    return node;
}
const struct schema_type type_port_mode = {"`ingress` or `host`", parse_port_mode, MERGE_REPLACE,
                                           false};

static struct node *parse_host_ip(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    (void)key;
    uint32_t address = 0;
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "an IP address");
    if (parse_ipv4(node->text, &address) == 0 || parse_is_ipv6(node->text))
        return node;
    return schema_error(schema, node, NULL, "must be an IP address, not '%s'", node->text);
}
const struct schema_type type_host_ip = {"IP address", parse_host_ip, MERGE_REPLACE, false};

static struct node *parse_target(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    if (node->kind != NODE_INT && node->kind != NODE_FLOAT && node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a port number");
    const struct node *written = node;
    node = schema_parse_whole(schema, key, node);
    if (node && (node->integer < 0 || node->integer > UINT32_MAX))
        return schema_error(schema, written, NULL, "must be a port from 1 to 65535, not '%s'",
                            written->text);
    if (node && (node->integer == 0 || node->integer > UINT16_MAX))
        schema_engine(schema, written, NULL, "must be a port from 1 to 65535, not '%s'",
                      written->text);
    return node;
}
const struct schema_type type_target = {"port number", parse_target, MERGE_REPLACE, false};

/* A number stays one: to the reference it is another port than the same as a text. */
static struct node *parse_published(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    (void)key;
    struct port_range range;
    if (node->kind != NODE_INT && node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a port or a range of ports");
    const char *text = node_scalar_text(schema->arena, node);
    if (text[0] && parse_port_range(text, true, &range) < 0)
        schema_engine(schema, node, NULL,
                      "must be a port from 0 to 65535 or a range like 8000-8010, not '%s'", text);
    return node;
}
const struct schema_type type_published = {"port, or range of ports", parse_published,
                                           MERGE_REPLACE, false};

/* --- the short form -------------------------------------------------------------------------- */

/* Ends text at the second of two signs, and returns what stood behind it. */
static const char *cut_second(char *text, char sign)
{
    char *first = strchr(text, sign);
    char *second = first ? strchr(first + 1, sign) : NULL;
    if (!second)
        return NULL;
    *second = '\0';
    return second + 1;
}

/* Cuts text at its colons and the slash, from the right. */
static struct short_port split_short(struct arena *arena, const char *text)
{
    struct short_port port = {.ip = "", .published = ""};
    char *copy = arena_strdup(arena, text);
    port.ignored = cut_second(copy, '/');
    char *slash = strchr(copy, '/');
    if (slash)
        *slash = '\0';
    port.protocol = slash && slash[1] ? slash + 1 : "tcp";
    char *colon = strrchr(copy, ':'), *target = colon ? colon + 1 : copy;
    const char *ignored = cut_second(target, '-');
    port.ignored = ignored ? ignored : port.ignored;
    port.target = target;
    if (!colon)
        return port;
    *colon = '\0';
    colon = strrchr(copy, ':');
    char *published = colon ? colon + 1 : copy;
    ignored = cut_second(published, '-');
    port.ignored = ignored ? ignored : port.ignored;
    port.published = published;
    if (!colon)
        return port;
    *colon = '\0';
    size_t length = strlen(copy);
    bool bracketed = length > 1 && copy[0] == '[' && copy[length - 1] == ']';
    port.ip = bracketed ? arena_strndup(arena, copy + 1, length - 2) : copy;
    return port;
}

static bool check_protocol(struct schema *schema, const struct node *node, struct short_port *port)
{
    static const char *const protocols[] = {"tcp", "udp", "sctp"};
    for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
        if (strcasecmp(port->protocol, protocols[i]) == 0) {
            port->protocol = protocols[i];
            if (streq(protocols[i], "sctp"))
                schema_engine(schema, node, NULL, "'sctp' is not supported yet");
            return true;
        }
    schema_error(schema, node, "use tcp or udp", "has an unknown protocol '%s'", port->protocol);
    return false;
}

static bool check_address(struct schema *schema, const struct node *node,
                          const struct short_port *port)
{
    uint32_t address = 0;
    bool has_brackets = strchr(node->text, '[') != NULL;
    if (port->ip[0] == '\0' || parse_ipv4(port->ip, &address) == 0 ||
        (parse_is_ipv6(port->ip) && has_brackets))
        return true;
    schema_error(schema, node, PORT_HINT, "has an invalid port '%s': '%s' is no address%s",
                 node->text, port->ip, parse_is_ipv6(port->ip) ? " (put it in brackets)" : "");
    return false;
}

static bool check_ranges(struct schema *schema, const struct node *node,
                         const struct short_port *port, struct port_range *target,
                         struct port_range *published)
{
    if (parse_port_range(port->target, false, target) < 0) {
        schema_error(schema, node, PORT_HINT,
                     "has an invalid port '%s': '%s' is no port from 1 to 65535", node->text,
                     port->target);
        return false;
    }
    *published = (struct port_range){0};
    if (port->published[0] && parse_port_range(port->published, true, published) < 0) {
        schema_error(schema, node, PORT_HINT,
                     "has an invalid port '%s': '%s' is no port from 1 to 65535", node->text,
                     port->published);
        return false;
    }
    bool pairwise = target->last - target->first == published->last - published->first;
    if (port->published[0] && target->first != target->last && !pairwise) {
        schema_error(schema, node, NULL, "has an invalid port '%s': the ranges differ in length",
                     node->text);
        return false;
    }
    return true;
}

static void add_port(struct schema *schema, const struct schema_key *key, struct node *list,
                     const struct node *node, const struct short_port *port, uint16_t target,
                     const char *published)
{
    struct arena *arena = schema->arena;
    struct node *entry = node_new(arena, NODE_MAP, node->position);
    node_reserve(arena, entry, 5);
    schema_put(schema, key->object, entry, "mode",
               node_new_string(arena, "ingress", node->position));
    if (port->ip[0])
        schema_put(schema, key->object, entry, "host_ip",
                   node_new_string(arena, port->ip, node->position));
    schema_put(schema, key->object, entry, "target", node_new_int(arena, target, node->position));
    if (published[0])
        schema_put(schema, key->object, entry, "published",
                   node_new_string(arena, published, node->position));
    schema_put(schema, key->object, entry, "protocol",
               node_new_string(arena, port->protocol, node->position));
    node_append(arena, list, entry);
}

/* The host's side of the i-th of the targets: one port, or all of a range to choose from. */
static const char *published_text(struct arena *arena, const struct short_port *port,
                                  const struct port_range *target,
                                  const struct port_range *published, unsigned i)
{
    if (port->published[0] == '\0')
        return "";
    if (target->first != target->last || published->first == published->last)
        return arena_u64(arena, published->first + i);
    return arena_printf(arena, "%u-%u", published->first, published->last);
}

static void parse_short(struct schema *schema, const struct schema_key *key, struct node *list,
                        const struct node *node)
{
    struct short_port port = split_short(schema->arena, node->text);
    struct port_range target, published;
    if (!check_protocol(schema, node, &port) || !check_address(schema, node, &port) ||
        !check_ranges(schema, node, &port, &target, &published))
        return;
    if (port.ignored)
        schema_engine(schema, node, PORT_HINT, "has '%s' in '%s' that nothing looks at",
                      port.ignored, node->text);
    schema->port_count += (size_t)(target.last - target.first) + 1;
    if (schema->port_count > PORT_LIMIT) {
        schema_error(schema, node, NULL, "makes more than %d ports of this file", PORT_LIMIT);
        return;
    }
    for (unsigned i = 0; i <= (unsigned)(target.last - target.first); i++)
        add_port(schema, key, list, node, &port, (uint16_t)(target.first + i),
                 published_text(schema->arena, &port, &target, &published, i));
}

/* --- the long form --------------------------------------------------------------------------- */

static void put_default(struct schema *schema, const struct schema_key *key, struct node *entry,
                        const char *name, const char *value)
{
    if (!node_find(entry, name))
        schema_put(schema, key->object, entry, name,
                   node_new_string(schema->arena, value, entry->position));
}

static void parse_long(struct schema *schema, const struct schema_key *key, struct node *list,
                       struct node *node)
{
    struct node *entry = schema_report_split(schema, key->object, node)
                             ? NULL
                             : schema_parse_object(schema, key->object, node);
    if (!entry)
        return;
    if (!node_find(entry, "target")) {
        schema_error(schema, node, "add 'target: PORT', the one in the VM", "needs a 'target'");
        return;
    }
    put_default(schema, key, entry, "mode", "ingress");
    put_default(schema, key, entry, "protocol", "tcp");
    if (streq(node_get_string(entry, "published", "x"), ""))
        node_remove(entry, "published");
    if (node_get(entry, "target"))
        node_append(schema->arena, list, entry);
}

static struct node *parse_ports(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    if (node->kind != NODE_LIST)
        return schema_wrong_kind(schema, node, "a list");
    struct node *result = node_new(schema->arena, NODE_LIST, node->position);
    for (size_t i = 0; i < node->count; i++) {
        struct node *item = node->items[i];
        size_t depth = schema_enter_item(schema, i);
        if (item->kind == NODE_MAP)
            parse_long(schema, key, result, item);
        else if (item->kind == NODE_STRING || item->kind == NODE_INT)
            parse_short(schema, key, result,
                        item->kind == NODE_STRING
                            ? item
                            : node_new_string(schema->arena, node_scalar_text(schema->arena, item),
                                              item->position));
        else if (item->kind != NODE_BAD)
            schema_wrong_kind(schema, item, "a port");
        schema_leave(schema, depth);
    }
    return result;
}
const struct schema_type type_ports = {"list of `[[IP:]HOST:]CONTAINER[/PROTOCOL]` and mappings",
                                       parse_ports, MERGE_APPEND, false};
