/* The rest of tables.h: the rows as struct desired, and the saved settings of the host. */
#include "network/tables.h"

#include "base/str.h"

#include <errno.h>

struct desired_reader {
    struct desired *desired;
    struct store *store;
    struct error *err; /* the first problem */
    int result;
};

static void add_network(const struct network_row *row, void *userdata)
{
    struct desired_reader *reader = userdata;
    _cleanup_(network_settings_done) struct network_settings settings = {0};
    int r = network_row_settings(row, &settings, reader->result == 0 ? reader->err : NULL);
    if (r < 0) {
        reader->result = reader->result < 0 ? reader->result : r;
        return;
    }
    struct desired_network network = {
        .name = xstrdup(row->name),
        .project = xstrdup(row->project),
        .internal = settings.internal,
        .isolated = settings.isolated,
        .masquerade = settings.masquerade,
        .multicast = settings.multicast,
        .mtu = settings.mtu,
    };
    memcpy(network.subnet, row->subnet, sizeof(network.subnet));
    memcpy(network.gateway, row->gateway, sizeof(network.gateway));
    tables_bridge_name(reader->desired->root_id, row, &settings, network.bridge);
    vec_add(&reader->desired->networks, network);
}

static void add_link_local(const char *text, struct desired_endpoint *endpoint)
{
    _cleanup_json_ cJSON *list = NULL;
    json_parse(text, strlen(text), &list, NULL);
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        struct ip_address address;
        if (cJSON_IsString(item) && ip_address_parse(item->valuestring, &address) == 0)
            vec_add(&endpoint->link_local, address);
    }
}

static struct desired_tap tap_of(const struct desired *desired, const struct endpoint_row *row)
{
    struct desired_tap tap = {0};
    desired_tap_name(desired->root_id, row->number, tap.name);
    for (size_t i = 0; i < desired->networks.count; i++) {
        const struct desired_network *network = &desired->networks.items[i];
        if (!streq(network->name, row->network))
            continue;
        memcpy(tap.bridge, network->bridge, sizeof(tap.bridge));
        tap.mtu = network->mtu;
        tap.isolated = network->isolated;
    }
    return tap;
}

static void add_endpoint(const struct endpoint_row *row, void *userdata)
{
    struct desired *desired = ((struct desired_reader *)userdata)->desired;
    struct desired_endpoint endpoint = {
        .name = xstrdup(row->name), .tap = tap_of(desired, row), .host_gateway = row->host_gateway};
    memcpy(endpoint.mac, row->mac, sizeof(endpoint.mac));
    memcpy(endpoint.address, row->address, sizeof(endpoint.address));
    add_link_local(row->link_local, &endpoint);
    vec_add(&desired->endpoints, endpoint);
}

struct target_search {
    const char *root_id;
    struct desired_port *port;
    bool found;
};

/* The instance's endpoint with the default route: only from there an answer comes back. */
static void look_for_target(const struct endpoint_row *row, void *userdata)
{
    struct target_search *search = userdata;
    if (search->found || !row->default_route)
        return;
    memcpy(search->port->address, row->address, sizeof(row->address));
    desired_tap_name(search->root_id, row->number, search->port->tap);
    search->found = true;
}

static void add_port(const struct port_row *row, void *userdata)
{
    struct desired_reader *reader = userdata;
    struct desired_port port = {
        .host_ip = row->host_ip,
        .published = row->published,
        .udp = row->udp,
        .target = row->target,
    };
    struct target_search search = {.root_id = reader->desired->root_id, .port = &port};
    tables_each_endpoint(reader->store, row->instance, look_for_target, &search);
    if (!search.found)
        return;
    port.project = xstrdup(row->project);
    port.instance = xstrdup(row->instance);
    vec_add(&reader->desired->ports, port);
}

int tables_read_desired(struct store *store, const char *root_id, struct desired *ret_desired,
                        struct error *err)
{
    /* A look at the schema first: the readers below have no way to report a broken database. */
    _cleanup_statement_ sqlite3_stmt *probe =
        store_query(store, err, "SELECT count(*) FROM networks", "");
    if (!probe || store_step(store, probe, err) < 0)
        return -EIO;
    *ret_desired = (struct desired){0};
    memcpy(ret_desired->root_id, root_id, strnlen(root_id, sizeof(ret_desired->root_id) - 1));
    struct desired_reader reader = {.desired = ret_desired, .store = store, .err = err};
    tables_each_network(store, add_network, &reader);
    tables_each_endpoint(store, NULL, add_endpoint, &reader);
    tables_each_port(store, NULL, add_port, &reader);
    if (reader.result < 0)
        desired_done(ret_desired);
    return reader.result;
}

void tables_bridge_name(const char *root_id, const struct network_row *row,
                        const struct network_settings *settings, char name[IFNAMSIZ])
{
    if (settings->bridge[0])
        memcpy(name, settings->bridge, IFNAMSIZ);
    else
        desired_bridge_name(root_id, row->number, name);
}

char *tables_read_scope(struct store *store)
{
    _cleanup_statement_ sqlite3_stmt *query =
        store_query(store, NULL, "SELECT scope FROM settings_scope", "");
    return xstrdup(query && store_step(store, query, NULL) > 0 ? store_column_text(query, 0) : "");
}

int tables_forget_settings(struct store *store, struct error *err)
{
    int r = store_execute(store, err, "DELETE FROM saved_settings", "");
    return r < 0 ? r : store_execute(store, err, "DELETE FROM settings_scope", "");
}

int tables_save_settings(struct store *store, const char *scope, const struct sysctl_list *list,
                         struct error *err)
{
    int r = tables_forget_settings(store, err);
    if (r == 0)
        r = store_execute(store, err, "INSERT INTO settings_scope (scope) VALUES (?)", "s", scope);
    for (size_t i = 0; r == 0 && i < list->count; i++)
        r = store_execute(store, err,
                          "INSERT INTO saved_settings (position, path, value) VALUES (?, ?, ?)",
                          "iss", (int64_t)i, list->items[i].path, list->items[i].value);
    return r;
}

int tables_read_settings(struct store *store, struct sysctl_list *ret_list, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *query =
        store_query(store, err, "SELECT path, value FROM saved_settings ORDER BY position", "");
    if (!query)
        return -EIO;
    *ret_list = (struct sysctl_list){0};
    int r;
    while ((r = store_step(store, query, err)) > 0)
        vec_add(ret_list, (struct sysctl_value){.path = xstrdup(store_column_text(query, 0)),
                                                .value = xstrdup(store_column_text(query, 1))});
    return r;
}
