/* Networks, how services join them, and what a VM is told of names: the part of
 * compose/model_build.h that reads the keys of schema_networks.c. */
#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "compose/model_builder.h"

#include <stdlib.h>

/* --- a service's ------------------------------------------------------------------------------ */

static void build_joined(const struct builder *builder, const struct node *node,
                         struct model_service *service)
{
    service->attachments = builder_array(builder, struct model_attachment, node);
    for (size_t i = 0; i < builder_count(node); i++) {
        const struct node_pair *pair = &node->pairs[i];
        size_t network = 0;
        if (!builder_find(builder->network_index, pair->key, &network))
            continue; /* reported when the tree was completed */
        service->attachments[service->attachment_count++] = (struct model_attachment){
            .network = network,
            .aliases = builder_strings(builder, node_get(pair->value, "aliases")),
            .ipv4_address = builder_member(pair->value, "ipv4_address"),
            .ipv6_address = builder_member(pair->value, "ipv6_address"),
            .mac_address = builder_member(pair->value, "mac_address"),
            .interface_name = builder_member(pair->value, "interface_name"),
            .link_local_ips = builder_strings(builder, node_get(pair->value, "link_local_ips")),
            .priority = node_get_int(pair->value, "priority", 0),
            .gw_priority = node_get_int(pair->value, "gw_priority", 0),
            .position = pair->position,
        };
    }
}

struct ordered_attachment {
    struct model_attachment attachment;
    size_t order; /* in the file */
};

static int compare_attachments(const void *left, const void *right)
{
    const struct ordered_attachment *a = left, *b = right;
    if (a->attachment.priority != b->attachment.priority)
        return a->attachment.priority > b->attachment.priority ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static bool is_sorted(const struct model_service *service)
{
    for (size_t i = 1; i < service->attachment_count; i++)
        if (service->attachments[i].priority > service->attachments[i - 1].priority)
            return false;
    return true;
}

/* Highest priority first, then as in the file, which most are: few give a priority. */
static void sort_attachments(struct model_service *service)
{
    size_t count = service->attachment_count;
    if (is_sorted(service))
        return;
    struct ordered_attachment *sorted = xcalloc(count, sizeof(*sorted));
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct ordered_attachment){service->attachments[i], i};
    qsort(sorted, count, sizeof(*sorted), compare_attachments);
    for (size_t i = 0; i < count; i++)
        service->attachments[i] = sorted[i].attachment;
    free(sorted);
}

/* "HOST=ADDRESS", the canonical form; IPv6 may stand in brackets. */
static struct model_host split_host(const struct builder *builder, const char *text)
{
    const char *equals = strchr(text, '=');
    const char *address = equals ? equals + 1 : "";
    size_t length = strlen(address);
    if (address[0] == '[' && address[length - 1] == ']')
        address = arena_strndup(builder->arena, address + 1, length - 2);
    return (struct model_host){
        .name = arena_strndup(builder->arena, text, equals ? (size_t)(equals - text) : 0),
        .address = address};
}

static void build_hosts(const struct builder *builder, const struct node *list,
                        struct model_service *service)
{
    service->hosts = builder_array(builder, struct model_host, list);
    for (size_t i = 0; i < builder_count(list); i++)
        service->hosts[service->host_count++] = split_host(builder, list->items[i]->text);
}

/* "TARGET[:ALIAS]" */
static void build_links(const struct builder *builder, const struct node *list,
                        struct model_service *service)
{
    for (size_t i = 0; i < builder_count(list); i++) {
        const char *text = list->items[i]->text, *colon = strchr(text, ':');
        service->links[service->link_count++] = (struct model_link){
            .target = colon ? arena_strndup(builder->arena, text, (size_t)(colon - text)) : text,
            .alias = colon ? colon + 1 : text,
        };
    }
}

/* A text or a list of them. */
static char **build_texts(const struct builder *builder, const struct node *node)
{
    if (!node_is(node, NODE_STRING))
        return builder_strings(builder, node_is(node, NODE_LIST) ? node : NULL);
    char **vector = arena_array(builder->arena, 2, sizeof(char *));
    vector[0] = (char *)(uintptr_t)node->text;
    return vector;
}

void model_build_attachments(const struct builder *builder, const struct node *node,
                             struct model_service *service)
{
    const struct node *links = node_get(node, "links");
    const struct node *external = node_get(node, "external_links");
    build_joined(builder, node_get(node, "networks"), service);
    sort_attachments(service);
    const char *mac = builder_member(node, "mac_address"); /* of its first one */
    if (mac && service->attachment_count > 0 && !service->attachments[0].mac_address)
        service->attachments[0].mac_address = mac;
    service->domainname = builder_member(node, "domainname");
    service->dns = build_texts(builder, node_get(node, "dns"));
    service->dns_search = build_texts(builder, node_get(node, "dns_search"));
    service->dns_options = build_texts(builder, node_get(node, "dns_opt"));
    service->sysctls =
        builder_variables(builder, node_get(node, "sysctls"), &service->sysctl_count);
    build_hosts(builder, node_get(node, "extra_hosts"), service);
    service->links = arena_array(builder->arena, builder_count(links) + builder_count(external),
                                 sizeof(*service->links));
    build_links(builder, links, service);
    build_links(builder, external, service);
}

/* --- the networks ----------------------------------------------------------------------------- */

/* Of each family the first entry; one that says of neither is of IPv4. */
static void build_pool(const struct node *config, struct model_network *network)
{
    const char *subnet = builder_member(config, "subnet");
    const char *gateway = builder_member(config, "gateway");
    bool six = strchr(subnet ? subnet : gateway ? gateway : "", ':') != NULL;
    struct model_pool *pool = &network->pools[six ? IP_V6 : IP_V4];
    if (pool->subnet || pool->gateway)
        return; /* validate_networks.c says so */
    *pool = (struct model_pool){
        .subnet = subnet, .gateway = gateway, .range = builder_member(config, "ip_range")};
    network->ipv6 = network->ipv6 || (six && subnet);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const struct model_variable *)left)->name,
                  ((const struct model_variable *)right)->name);
}

static void build_aux_addresses(const struct builder *builder, const struct node *configs,
                                struct model_network *network)
{
    size_t count = 0;
    for (size_t i = 0; i < builder_count(configs); i++)
        count += builder_count(node_get(configs->items[i], "aux_addresses"));
    network->aux_addresses =
        arena_array(builder->arena, count + 1, sizeof(*network->aux_addresses));
    for (size_t i = 0; i < builder_count(configs); i++) {
        const struct node *aux = node_get(configs->items[i], "aux_addresses");
        for (size_t j = 0; j < builder_count(aux); j++)
            network->aux_addresses[network->aux_address_count++] = (struct model_variable){
                aux->pairs[j].key,
                node_is(aux->pairs[j].value, NODE_STRING) ? aux->pairs[j].value->text : ""};
    }
    qsort(network->aux_addresses, network->aux_address_count, sizeof(*network->aux_addresses),
          compare_names);
}

/* NULL: bridge, which everything is where nobody says otherwise. */
static const char *chosen_driver(const struct node *node)
{
    const char *driver = node_get_string(node, "driver", "");
    return *driver && !streq(driver, "bridge") ? driver : NULL;
}

static void build_network(const struct builder *builder, const struct node_pair *pair,
                          struct model_network *network)
{
    const struct node *node = pair->value, *ours = node_get(node, "x-vmstead");
    const struct node *configs = node_get(node_get(node, "ipam"), "config");
    *network = (struct model_network){
        .key = pair->key,
        .name = node_get_string(node, "name", pair->key),
        .internal = node_get_bool(node, "internal", false),
        .external = node_get_bool(node, "external", false),
        .attachable = node_get_bool(node, "attachable", false),
        .ipv4 = node_get_bool(node, "enable_ipv4", true),
        .ipv6 = node_get_bool(node, "enable_ipv6", false),
        .driver = chosen_driver(node),
        .isolated = node_get_bool(ours, "isolated", false),
        .multicast = builder_member(ours, "multicast"),
        .position = pair->position,
    };
    for (size_t i = 0; i < builder_count(configs); i++)
        build_pool(configs->items[i], network);
    build_aux_addresses(builder, configs, network);
    network->options =
        builder_variables(builder, node_get(node, "driver_opts"), &network->option_count);
    network->labels = builder_variables(builder, node_get(node, "labels"), &network->label_count);
}

void model_build_networks(const struct builder *builder)
{
    struct model *model = builder->model;
    model->networks = builder_array(builder, struct model_network, builder->networks);
    for (; model->network_count < builder_count(builder->networks); model->network_count++)
        build_network(builder, &builder->networks->pairs[model->network_count],
                      &model->networks[model->network_count]);
}
