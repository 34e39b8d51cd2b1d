/* The rest of tables.h: the rows as struct desired, and the saved settings of the host. */
#include "network/tables.h"

#include "base/str.h"

#include <errno.h>

struct desired_reader {
    struct desired *desired;
    struct store *store;
};

static void add_network(const struct network_row *row, void *userdata)
{
    struct desired *desired = ((struct desired_reader *)userdata)->desired;
    struct desired_network network = {
        .name = xstrdup(row->name),
        .project = xstrdup(row->project),
        .subnet = row->subnet,
        .gateway = row->gateway,
        .internal = row->internal,
    };
    desired_bridge_name(desired->root_id, row->number, network.bridge);
    vec_add(&desired->networks, network);
}

static void add_endpoint(const struct endpoint_row *row, void *userdata)
{
    struct desired *desired = ((struct desired_reader *)userdata)->desired;
    struct desired_endpoint endpoint = {.name = xstrdup(row->name), .address = row->address};
    desired_tap_name(desired->root_id, row->number, endpoint.tap);
    desired_mac(row->instance, row->network, endpoint.mac);
    vec_add(&desired->endpoints, endpoint);
}

/* The instance's endpoint with the default route: only from there an answer comes back. */
static uint32_t find_target_address(struct store *store, const char *instance)
{
    _cleanup_statement_ sqlite3_stmt *query =
        store_query(store, NULL,
                    "SELECT address FROM endpoints WHERE instance = ? AND default_route "
                    "AND state != 'removing' ORDER BY length(interface), interface",
                    "s", instance);
    uint32_t address = 0;
    if (query && store_step(store, query, NULL) > 0)
        subnet_parse_address(store_column_text(query, 0), &address);
    return address;
}

static void add_port(const struct port_row *row, void *userdata)
{
    struct desired_reader *reader = userdata;
    uint32_t address = find_target_address(reader->store, row->instance);
    if (address == 0)
        return;
    vec_add(&reader->desired->ports, (struct desired_port){
                                         .project = xstrdup(row->project),
                                         .instance = xstrdup(row->instance),
                                         .host_ip = row->host_ip,
                                         .published = row->published,
                                         .udp = row->udp,
                                         .address = address,
                                         .target = row->target,
                                     });
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
    struct desired_reader reader = {.desired = ret_desired, .store = store};
    tables_each_network(store, add_network, &reader);
    tables_each_endpoint(store, NULL, add_endpoint, &reader);
    tables_each_port(store, NULL, add_port, &reader);
    return 0;
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
