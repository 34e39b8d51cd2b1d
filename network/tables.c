/* See tables.h. */
#include "network/tables.h"

#include "base/str.h"

#include <errno.h>
#include <stdlib.h>

static const char *const scripts[] = {
    "CREATE TABLE networks ("
    "  name TEXT PRIMARY KEY, project TEXT NOT NULL, key TEXT NOT NULL,"
    "  number INTEGER NOT NULL UNIQUE, internal INTEGER NOT NULL,"
    "  subnet TEXT NOT NULL, gateway TEXT NOT NULL, state TEXT NOT NULL) STRICT;"
    "CREATE TABLE endpoints ("
    "  name TEXT PRIMARY KEY, instance TEXT NOT NULL, service TEXT NOT NULL,"
    "  project TEXT NOT NULL, network TEXT NOT NULL REFERENCES networks (name),"
    "  interface TEXT NOT NULL, aliases TEXT NOT NULL, number INTEGER NOT NULL UNIQUE,"
    "  address TEXT NOT NULL, default_route INTEGER NOT NULL, state TEXT NOT NULL,"
    "  UNIQUE (network, address)) STRICT;"
    "CREATE TABLE published_ports ("
    "  host_ip TEXT NOT NULL, protocol TEXT NOT NULL, published INTEGER NOT NULL,"
    "  target INTEGER NOT NULL, instance TEXT NOT NULL, project TEXT NOT NULL,"
    "  state TEXT NOT NULL, PRIMARY KEY (host_ip, protocol, published)) STRICT;"
    "CREATE INDEX published_ports_of_instance ON published_ports (instance);"
    "CREATE TABLE saved_settings (position INTEGER PRIMARY KEY, path TEXT NOT NULL,"
    "  value TEXT NOT NULL) STRICT;"
    "CREATE TABLE settings_scope (scope TEXT NOT NULL) STRICT;",
};

const struct store_schema *tables_schema(void)
{
    static const struct store_schema schema = {"network", scripts, ARRAY_SIZE(scripts)};
    return &schema;
}

int tables_commit(struct store *store, tables_write_fn *write, void *userdata, struct error *err)
{
    int r = store_begin(store, err);
    if (r < 0)
        return r;
    r = write(store, userdata, err);
    if (r < 0)
        store_rollback(store);
    else if ((r = store_commit(store, err)) == 0)
        store_fault_point();
    return r;
}

/* --- networks ------------------------------------------------------------------------------- */

#define NETWORK_COLUMNS "name, project, key, number, internal, subnet, gateway, state"

void network_row_done(struct network_row *row)
{
    free(row->name);
    free(row->project);
    free(row->key);
}

static char *column(sqlite3_stmt *query, int index)
{
    return xstrdup(store_column_text(query, index));
}

static void read_network(sqlite3_stmt *query, struct network_row *row)
{
    *row = (struct network_row){
        .name = column(query, 0),
        .project = column(query, 1),
        .key = column(query, 2),
        .number = sqlite3_column_int64(query, 3),
        .internal = sqlite3_column_int(query, 4) != 0,
        .ready = streq(store_column_text(query, 7), "ready"),
        .removing = streq(store_column_text(query, 7), "removing"),
    };
    subnet_parse(store_column_text(query, 5), &row->subnet);
    subnet_parse_address(store_column_text(query, 6), &row->gateway);
}

int tables_find_network(struct store *store, const char *name, struct network_row *ret_row,
                        struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *query = store_query(
        store, err, "SELECT " NETWORK_COLUMNS " FROM networks WHERE name = ?", "s", name);
    int r = query ? store_step(store, query, err) : -EIO;
    if (r > 0)
        read_network(query, ret_row);
    return r;
}

int tables_write_network(struct store *store, struct network_row *row, struct error *err)
{
    char subnet[SUBNET_TEXT_SIZE], gateway[SUBNET_TEXT_SIZE];
    return store_execute(
        store, err,
        "INSERT INTO networks (name, project, key, number, internal, subnet, gateway, state) "
        "VALUES (?1, ?2, ?3, (SELECT min(n) FROM (SELECT 0 AS n UNION ALL SELECT number + 1 FROM "
        "networks) WHERE n NOT IN (SELECT number FROM networks)), ?4, ?5, ?6, 'making') "
        "ON CONFLICT (name) DO UPDATE SET state = 'making', project = ?2, key = ?3, internal = ?4",
        "sssiss", row->name, row->project, row->key, (int64_t)row->internal,
        subnet_format(row->subnet, subnet), subnet_format_address(row->gateway, gateway));
}

int tables_set_network_state(struct store *store, const char *name, const char *state,
                             struct error *err)
{
    return store_execute(store, err, "UPDATE networks SET state = ?2 WHERE name = ?1", "ss", name,
                         state);
}

int tables_delete_network(struct store *store, const char *name, struct error *err)
{
    return store_execute(store, err, "DELETE FROM networks WHERE name = ?", "s", name);
}

char *tables_list_endpoints(struct store *store, const char *network)
{
    _cleanup_statement_ sqlite3_stmt *query = store_query(
        store, NULL, "SELECT instance FROM endpoints WHERE network = ? ORDER BY instance", "s",
        network);
    _cleanup_strbuf_ struct strbuf names = {0};
    while (query && store_step(store, query, NULL) > 0)
        strbuf_addf(&names, "%s'%s'", names.length > 0 ? ", " : "", store_column_text(query, 0));
    return names.length > 0 ? strbuf_take(&names) : NULL;
}

char *tables_find_overlap(struct store *store, const char *name, struct subnet subnet,
                          struct subnet *ret_other)
{
    _cleanup_statement_ sqlite3_stmt *query =
        store_query(store, NULL,
                    "SELECT name, subnet FROM networks WHERE name != ? ORDER BY number", "s", name);
    while (query && store_step(store, query, NULL) > 0) {
        if (subnet_parse(store_column_text(query, 1), ret_other) == 0 &&
            subnet_overlaps(subnet, *ret_other))
            return column(query, 0);
    }
    return NULL;
}

void tables_each_network(struct store *store,
                         void (*visit)(const struct network_row *row, void *userdata),
                         void *userdata)
{
    _cleanup_statement_ sqlite3_stmt *query = store_query(
        store, NULL,
        "SELECT " NETWORK_COLUMNS " FROM networks WHERE state != 'removing' ORDER BY number", "");
    while (query && store_step(store, query, NULL) > 0) {
        _cleanup_(network_row_done) struct network_row row;
        read_network(query, &row);
        visit(&row, userdata);
    }
}

/* --- endpoints ------------------------------------------------------------------------------ */

#define ENDPOINT_COLUMNS                                                                           \
    "name, instance, service, project, network, interface, aliases, number, address, "             \
    "default_route, state"

void endpoint_row_done(struct endpoint_row *row)
{
    free(row->name);
    free(row->instance);
    free(row->service);
    free(row->project);
    free(row->network);
    free(row->interface);
    free(row->aliases);
}

static void read_endpoint(sqlite3_stmt *query, struct endpoint_row *row)
{
    *row = (struct endpoint_row){
        .name = column(query, 0),
        .instance = column(query, 1),
        .service = column(query, 2),
        .project = column(query, 3),
        .network = column(query, 4),
        .interface = column(query, 5),
        .aliases = column(query, 6),
        .number = sqlite3_column_int64(query, 7),
        .default_route = sqlite3_column_int(query, 9) != 0,
        .ready = streq(store_column_text(query, 10), "ready"),
        .removing = streq(store_column_text(query, 10), "removing"),
    };
    subnet_parse_address(store_column_text(query, 8), &row->address);
}

int tables_find_endpoint(struct store *store, const char *name, struct endpoint_row *ret_row,
                         struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *query = store_query(
        store, err, "SELECT " ENDPOINT_COLUMNS " FROM endpoints WHERE name = ?", "s", name);
    int r = query ? store_step(store, query, err) : -EIO;
    if (r > 0)
        read_endpoint(query, ret_row);
    return r;
}

int tables_write_endpoint(struct store *store, struct endpoint_row *row, struct error *err)
{
    char address[SUBNET_TEXT_SIZE];
    return store_execute(
        store, err,
        "INSERT INTO endpoints (" ENDPOINT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "
        "(SELECT min(n) FROM (SELECT 0 AS n UNION ALL SELECT number + 1 FROM endpoints) "
        "WHERE n NOT IN (SELECT number FROM endpoints)), ?8, ?9, 'making') "
        "ON CONFLICT (name) DO UPDATE SET state = 'making', service = ?3, project = ?4, "
        "interface = ?6, aliases = ?7, address = ?8, default_route = ?9",
        "ssssssssi", row->name, row->instance, row->service, row->project, row->network,
        row->interface, row->aliases, subnet_format_address(row->address, address),
        (int64_t)row->default_route);
}

int tables_set_endpoint_state(struct store *store, const char *name, const char *state,
                              struct error *err)
{
    return store_execute(store, err, "UPDATE endpoints SET state = ?2 WHERE name = ?1", "ss", name,
                         state);
}

int tables_delete_endpoint(struct store *store, const char *name, struct error *err)
{
    return store_execute(store, err, "DELETE FROM endpoints WHERE name = ?", "s", name);
}

char *tables_find_address(struct store *store, const char *network, uint32_t address)
{
    char text[SUBNET_TEXT_SIZE];
    _cleanup_statement_ sqlite3_stmt *query =
        store_query(store, NULL, "SELECT name FROM endpoints WHERE network = ? AND address = ?",
                    "ss", network, subnet_format_address(address, text));
    return query && store_step(store, query, NULL) > 0 ? column(query, 0) : NULL;
}

void tables_each_endpoint(struct store *store, const char *instance,
                          void (*visit)(const struct endpoint_row *row, void *userdata),
                          void *userdata)
{
    _cleanup_statement_ sqlite3_stmt *query = store_query(
        store, NULL,
        "SELECT " ENDPOINT_COLUMNS " FROM endpoints WHERE (?1 IS NULL OR instance = ?1) AND "
        "state != 'removing' ORDER BY instance, length(interface), interface",
        "s", instance);
    while (query && store_step(store, query, NULL) > 0) {
        _cleanup_(endpoint_row_done) struct endpoint_row row;
        read_endpoint(query, &row);
        visit(&row, userdata);
    }
}

/* --- published ports ------------------------------------------------------------------------ */

void port_row_done(struct port_row *row)
{
    free(row->instance);
    free(row->project);
}

int tables_write_port(struct store *store, const struct port_row *row, struct error *err)
{
    char address[SUBNET_TEXT_SIZE];
    return store_execute(
        store, err,
        "INSERT OR REPLACE INTO published_ports (host_ip, protocol, published, target, instance, "
        "project, state) VALUES (?, ?, ?, ?, ?, ?, 'making')",
        "ssiiss", subnet_format_address(row->host_ip, address), row->udp ? "udp" : "tcp",
        (int64_t)row->published, (int64_t)row->target, row->instance, row->project);
}

int tables_set_ports_state(struct store *store, const char *instance, const char *state,
                           struct error *err)
{
    return store_execute(store, err, "UPDATE published_ports SET state = ?2 WHERE instance = ?1",
                         "ss", instance, state);
}

int tables_delete_ports(struct store *store, const char *instance, struct error *err)
{
    return store_execute(store, err, "DELETE FROM published_ports WHERE instance = ?", "s",
                         instance);
}

void tables_each_port(struct store *store, const char *instance,
                      void (*visit)(const struct port_row *row, void *userdata), void *userdata)
{
    _cleanup_statement_ sqlite3_stmt *query = store_query(
        store, NULL,
        "SELECT instance, project, host_ip, published, target, protocol FROM published_ports "
        "WHERE (?1 IS NULL OR instance = ?1) AND state != 'removing' "
        "ORDER BY instance, target, protocol, published",
        "s", instance);
    while (query && store_step(store, query, NULL) > 0) {
        _cleanup_(port_row_done) struct port_row row = {
            .instance = column(query, 0),
            .project = column(query, 1),
            .published = (uint16_t)sqlite3_column_int(query, 3),
            .target = (uint16_t)sqlite3_column_int(query, 4),
            .udp = streq(store_column_text(query, 5), "udp"),
        };
        subnet_parse_address(store_column_text(query, 2), &row.host_ip);
        visit(&row, userdata);
    }
}

static int delete_removing(struct store *store, void *userdata, struct error *err)
{
    (void)userdata;
    int r = store_execute(store, err, "DELETE FROM published_ports WHERE state = 'removing'", "");
    if (r == 0)
        r = store_execute(store, err, "DELETE FROM endpoints WHERE state = 'removing'", "");
    if (r == 0)
        r = store_execute(store, err,
                          "DELETE FROM networks WHERE state = 'removing' AND name NOT IN "
                          "(SELECT network FROM endpoints)",
                          "");
    return r;
}

int tables_delete_removing(struct store *store, struct error *err)
{
    return tables_commit(store, delete_removing, NULL, err);
}
