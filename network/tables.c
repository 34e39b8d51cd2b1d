/* See tables.h. */
#include "network/tables.h"

#include "base/clock.h"
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
    /* IPv6, addresses of one's own choice, and what was asked for; addresses that were given back
     * are remembered. */
    "ALTER TABLE networks ADD COLUMN spec TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE networks ADD COLUMN subnet6 TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE networks ADD COLUMN gateway6 TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE endpoints_new ("
    "  name TEXT PRIMARY KEY, instance TEXT NOT NULL, service TEXT NOT NULL,"
    "  project TEXT NOT NULL, network TEXT NOT NULL REFERENCES networks (name),"
    "  interface TEXT NOT NULL, aliases TEXT NOT NULL, number INTEGER NOT NULL UNIQUE,"
    "  address TEXT, address6 TEXT, mac TEXT, link_local TEXT NOT NULL, position INTEGER NOT NULL,"
    "  gw_priority INTEGER NOT NULL, default_route INTEGER NOT NULL, state TEXT NOT NULL,"
    "  UNIQUE (network, address), UNIQUE (network, address6), UNIQUE (network, mac)) STRICT;"
    "INSERT INTO endpoints_new SELECT name, instance, service, project, network, interface,"
    "  aliases, number, address, NULL, NULL, '[]', CAST(substr(interface, 4) AS INTEGER), 0,"
    "  default_route, state FROM endpoints;"
    "DROP TABLE endpoints;"
    "ALTER TABLE endpoints_new RENAME TO endpoints;"
    "CREATE INDEX endpoints_of_instance ON endpoints (instance);"
    "UPDATE published_ports SET host_ip = '' WHERE host_ip = '0.0.0.0';"
    "CREATE TABLE old_subnets (network TEXT PRIMARY KEY, subnet TEXT NOT NULL,"
    "  subnet6 TEXT NOT NULL) STRICT;"
    "CREATE TABLE old_addresses (network TEXT NOT NULL, instance TEXT NOT NULL, address TEXT,"
    "  address6 TEXT, PRIMARY KEY (network, instance)) STRICT;"
    "CREATE INDEX old_addresses_by_address ON old_addresses (network, address);",
    "ALTER TABLE networks ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0;",
    /* Who may speak to the host itself. */
    "ALTER TABLE endpoints ADD COLUMN host_gateway INTEGER NOT NULL DEFAULT 0;",
    /* Links, and nameservers of its own. */
    "ALTER TABLE endpoints ADD COLUMN resolver TEXT NOT NULL DEFAULT '{}';",
};

/* How many are remembered of what was removed; the oldest go first. */
#define OLD_LIMIT "4096"

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

#define NETWORK_COLUMNS                                                                            \
    "name, project, key, number, internal, subnet, gateway, subnet6, gateway6, spec, state, "      \
    "created_ms"

void network_row_done(struct network_row *row)
{
    free(row->name);
    free(row->project);
    free(row->key);
    free(row->spec);
}

static char *column(sqlite3_stmt *query, int index)
{
    return xstrdup(store_column_text(query, index));
}

/* {0} where there is none. */
static struct ip_address address_column(sqlite3_stmt *query, int index)
{
    struct ip_address address = {0};
    ip_address_parse(store_column_text(query, index), &address);
    return address;
}

static struct ip_subnet subnet_column(sqlite3_stmt *query, int index)
{
    struct ip_subnet subnet = {0};
    ip_subnet_parse(store_column_text(query, index), &subnet);
    return subnet;
}

/* "" for none. */
static const char *subnet_text(const struct ip_subnet *subnet, char buffer[IP_SUBNET_TEXT_SIZE])
{
    return ip_subnet_is_set(subnet) ? ip_subnet_format(subnet, buffer) : "";
}

static const char *address_text(const struct ip_address *address, char buffer[IP_TEXT_SIZE])
{
    return ip_address_is_set(address) ? ip_address_format(address, buffer) : "";
}

static void read_network(sqlite3_stmt *query, struct network_row *row)
{
    *row = (struct network_row){
        .name = column(query, 0),
        .project = column(query, 1),
        .key = column(query, 2),
        .number = sqlite3_column_int64(query, 3),
        .internal = sqlite3_column_int(query, 4) != 0,
        .subnet = {[IP_V4] = subnet_column(query, 5), [IP_V6] = subnet_column(query, 7)},
        .gateway = {[IP_V4] = address_column(query, 6), [IP_V6] = address_column(query, 8)},
        .spec = column(query, 9),
        .ready = streq(store_column_text(query, 10), "ready"),
        .removing = streq(store_column_text(query, 10), "removing"),
        .created_ms = sqlite3_column_int64(query, 11),
    };
}

int network_row_settings(const struct network_row *row, struct network_settings *ret_settings,
                         struct error *err)
{
    _cleanup_json_ cJSON *spec = NULL;
    if (*row->spec)
        json_parse(row->spec, strlen(row->spec), &spec, NULL);
    if (!spec) {
        spec = cJSON_CreateObject();
        json_set_bool(spec, "internal", row->internal);
    }
    return network_settings_parse(row->name, spec, ret_settings, err);
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
    char subnet[IP_SUBNET_TEXT_SIZE], gateway[IP_TEXT_SIZE];
    char subnet6[IP_SUBNET_TEXT_SIZE], gateway6[IP_TEXT_SIZE];
    return store_execute(
        store, err,
        "INSERT INTO networks (name, project, key, number, internal, subnet, gateway, subnet6, "
        "gateway6, spec, created_ms, state) "
        "VALUES (?1, ?2, ?3, (SELECT min(n) FROM (SELECT 0 AS n UNION ALL SELECT number + 1 FROM "
        "networks) WHERE n NOT IN (SELECT number FROM networks)), ?4, ?5, ?6, ?7, ?8, ?9, "
        "?10, 'making') "
        "ON CONFLICT (name) DO UPDATE SET state = 'making', project = ?2, key = ?3, internal = ?4, "
        "spec = ?9",
        "sssisssssi", row->name, row->project, row->key, (int64_t)row->internal,
        subnet_text(&row->subnet[IP_V4], subnet), address_text(&row->gateway[IP_V4], gateway),
        subnet_text(&row->subnet[IP_V6], subnet6), address_text(&row->gateway[IP_V6], gateway6),
        row->spec, clock_realtime_ms());
}

int tables_set_network_state(struct store *store, const char *name, const char *state,
                             struct error *err)
{
    return store_execute(store, err, "UPDATE networks SET state = ?2 WHERE name = ?1", "ss", name,
                         state);
}

int tables_delete_network(struct store *store, const char *name, struct error *err)
{
    int r = store_execute(store, err,
                          "INSERT OR REPLACE INTO old_subnets SELECT name, subnet, subnet6 FROM "
                          "networks WHERE name = ?",
                          "s", name);
    if (r == 0)
        r = store_execute(store, err,
                          "DELETE FROM old_subnets WHERE rowid <= (SELECT max(rowid) FROM "
                          "old_subnets) - " OLD_LIMIT,
                          "");
    return r < 0 ? r : store_execute(store, err, "DELETE FROM networks WHERE name = ?", "s", name);
}

void tables_find_old_subnets(struct store *store, const char *name,
                             struct ip_subnet ret_subnets[IP_FAMILY_COUNT])
{
    _cleanup_statement_ sqlite3_stmt *query = store_query(
        store, NULL, "SELECT subnet, subnet6 FROM old_subnets WHERE network = ?", "s", name);
    ret_subnets[IP_V4] = ret_subnets[IP_V6] = (struct ip_subnet){0};
    if (query && store_step(store, query, NULL) > 0) {
        ret_subnets[IP_V4] = subnet_column(query, 0);
        ret_subnets[IP_V6] = subnet_column(query, 1);
    }
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

char *tables_find_overlap(struct store *store, const char *name, const struct ip_subnet *subnet,
                          struct ip_subnet *ret_other)
{
    _cleanup_statement_ sqlite3_stmt *query = store_query(
        store, NULL, "SELECT name, subnet, subnet6 FROM networks WHERE name != ? ORDER BY number",
        "s", name);
    while (query && store_step(store, query, NULL) > 0) {
        *ret_other = subnet_column(query, ip_family_of(&subnet->address) == IP_V6 ? 2 : 1);
        if (ip_subnet_is_set(ret_other) && ip_subnet_overlaps(subnet, ret_other))
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
    "name, instance, service, project, network, interface, aliases, number, address, address6, "   \
    "mac, link_local, resolver, position, gw_priority, default_route, state, host_gateway"

void endpoint_row_done(struct endpoint_row *row)
{
    free(row->name);
    free(row->instance);
    free(row->service);
    free(row->project);
    free(row->network);
    free(row->interface);
    free(row->aliases);
    free(row->link_local);
    free(row->resolver);
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
        .address = {[IP_V4] = address_column(query, 8), [IP_V6] = address_column(query, 9)},
        .link_local = column(query, 11),
        .resolver = column(query, 12),
        .position = sqlite3_column_int64(query, 13),
        .gw_priority = sqlite3_column_int64(query, 14),
        .default_route = sqlite3_column_int(query, 15) != 0,
        .ready = streq(store_column_text(query, 16), "ready"),
        .removing = streq(store_column_text(query, 16), "removing"),
        .host_gateway = sqlite3_column_int(query, 17) != 0,
    };
    if (ip_mac_parse(store_column_text(query, 10), row->mac) < 0)
        desired_mac(row->instance, row->network, row->mac); /* of an earlier version */
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

/* NULL for none: two of them are no conflict. */
static const char *address_or_null(const struct ip_address *address, char buffer[IP_TEXT_SIZE])
{
    return ip_address_is_set(address) ? ip_address_format(address, buffer) : NULL;
}

int tables_write_endpoint(struct store *store, struct endpoint_row *row, struct error *err)
{
    char address[IP_TEXT_SIZE], address6[IP_TEXT_SIZE], mac[IP_MAC_TEXT_SIZE];
    return store_execute(
        store, err,
        "INSERT INTO endpoints (" ENDPOINT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "
        "(SELECT min(n) FROM (SELECT 0 AS n UNION ALL SELECT number + 1 FROM endpoints) "
        "WHERE n NOT IN (SELECT number FROM endpoints)), ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
        "?15, 'making', ?16) "
        "ON CONFLICT (name) DO UPDATE SET state = 'making', service = ?3, project = ?4, "
        "interface = ?6, aliases = ?7, address = ?8, address6 = ?9, mac = ?10, link_local = ?11, "
        "resolver = ?12, position = ?13, gw_priority = ?14, default_route = ?15, "
        "host_gateway = ?16",
        "ssssssssssssiiii", row->name, row->instance, row->service, row->project, row->network,
        row->interface, row->aliases, address_or_null(&row->address[IP_V4], address),
        address_or_null(&row->address[IP_V6], address6), ip_mac_format(row->mac, mac),
        row->link_local, row->resolver, row->position, row->gw_priority,
        (int64_t)row->default_route, (int64_t)row->host_gateway);
}

int tables_set_endpoint_state(struct store *store, const char *name, const char *state,
                              struct error *err)
{
    return store_execute(store, err, "UPDATE endpoints SET state = ?2 WHERE name = ?1", "ss", name,
                         state);
}

int tables_delete_endpoint(struct store *store, const char *name, struct error *err)
{
    int r = store_execute(store, err,
                          "INSERT OR REPLACE INTO old_addresses SELECT network, instance, address, "
                          "address6 FROM endpoints WHERE name = ?",
                          "s", name);
    if (r == 0)
        r = store_execute(store, err,
                          "DELETE FROM old_addresses WHERE rowid <= (SELECT max(rowid) FROM "
                          "old_addresses) - " OLD_LIMIT,
                          "");
    return r < 0 ? r : store_execute(store, err, "DELETE FROM endpoints WHERE name = ?", "s", name);
}

/* The first column of the first row, owned by the caller; NULL for none. */
static char *find_text(struct store *store, const char *sql, const char *network, const char *value)
{
    _cleanup_statement_ sqlite3_stmt *query = store_query(store, NULL, sql, "ss", network, value);
    return query && store_step(store, query, NULL) > 0 ? column(query, 0) : NULL;
}

char *tables_find_address(struct store *store, const char *network,
                          const struct ip_address *address)
{
    static const char *const sql[IP_FAMILY_COUNT] = {
        [IP_V4] = "SELECT name FROM endpoints WHERE network = ? AND address = ?",
        [IP_V6] = "SELECT name FROM endpoints WHERE network = ? AND address6 = ?",
    };
    char text[IP_TEXT_SIZE];
    return find_text(store, sql[ip_family_of(address)], network, ip_address_format(address, text));
}

char *tables_find_mac(struct store *store, const char *network, const uint8_t mac[6])
{
    char text[IP_MAC_TEXT_SIZE];
    return find_text(store, "SELECT name FROM endpoints WHERE network = ? AND mac = ?", network,
                     ip_mac_format(mac, text));
}

struct ip_address tables_find_old_address(struct store *store, const char *network,
                                          const char *instance, enum ip_family family)
{
    static const char *const sql[IP_FAMILY_COUNT] = {
        [IP_V4] = "SELECT address FROM old_addresses WHERE network = ? AND instance = ?",
        [IP_V6] = "SELECT address6 FROM old_addresses WHERE network = ? AND instance = ?",
    };
    _cleanup_free_ char *text = find_text(store, sql[family], network, instance);
    struct ip_address address = {0};
    if (text)
        ip_address_parse(text, &address);
    return address;
}

char *tables_find_old_owner(struct store *store, const char *network,
                            const struct ip_address *address)
{
    static const char *const sql[IP_FAMILY_COUNT] = {
        [IP_V4] = "SELECT instance FROM old_addresses WHERE network = ? AND address = ?",
        [IP_V6] = "SELECT instance FROM old_addresses WHERE network = ? AND address6 = ?",
    };
    char text[IP_TEXT_SIZE];
    return find_text(store, sql[ip_family_of(address)], network, ip_address_format(address, text));
}

void tables_each_endpoint(struct store *store, const char *instance,
                          void (*visit)(const struct endpoint_row *row, void *userdata),
                          void *userdata)
{
    _cleanup_statement_ sqlite3_stmt *query = store_query(
        store, NULL,
        "SELECT " ENDPOINT_COLUMNS " FROM endpoints WHERE (?1 IS NULL OR instance = ?1) AND "
        "state != 'removing' ORDER BY instance, position",
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
    char address[IP_TEXT_SIZE];
    return store_execute(
        store, err,
        "INSERT OR REPLACE INTO published_ports (host_ip, protocol, published, target, instance, "
        "project, state) VALUES (?, ?, ?, ?, ?, ?, 'making')",
        "ssiiss", address_text(&row->host_ip, address), row->udp ? "udp" : "tcp",
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
            .host_ip = address_column(query, 2),
            .udp = streq(store_column_text(query, 5), "udp"),
        };
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
