/* network/'s tables in the store: networks, endpoints (this is the IPAM), published ports, and the
 * host's settings as they were. Loop thread only.
 *
 * A row's state says what is known of the host: 'making' (intent), 'ready' (outcome), 'removing'.
 * Every change of state is a transaction of its own followed by a fault point. */
#pragma once

#include "base/json.h"
#include "base/store.h"
#include "network/desired.h"
#include "network/settings.h"
#include "network/sysctl.h"

const struct store_schema *tables_schema(void);

/* Begins, runs `write`, commits; then the fault point. */
typedef int tables_write_fn(struct store *store, void *userdata, struct error *err);
int tables_commit(struct store *store, tables_write_fn *write, void *userdata, struct error *err);

/* All rows that are not being removed, as the host should have them. A port goes to the endpoint
 * that has its instance's default route. */
int tables_read_desired(struct store *store, const char *root_id, struct desired *ret_desired,
                        struct error *err);

struct network_row {
    char *name, *project, *key;
    char *spec; /* as it was asked for, JSON; "" of a row of an earlier version */
    int64_t number;
    int64_t created_ms; /* since 1970 */
    bool internal;
    struct ip_subnet subnet[IP_FAMILY_COUNT]; /* {0}: none of this family */
    struct ip_address gateway[IP_FAMILY_COUNT];
    bool ready, removing; /* neither: making */
};
void network_row_done(struct network_row *row);
/* 1, 0 where there is none, or -errno. */
int tables_find_network(struct store *store, const char *name, struct network_row *ret_row,
                        struct error *err);
/* Inserts (choosing the number) or, where the row exists, takes it over as 'making'. */
int tables_write_network(struct store *store, struct network_row *row, struct error *err);
/* "ready" or "removing". */
int tables_set_network_state(struct store *store, const char *name, const char *state,
                             struct error *err);
int tables_delete_network(struct store *store, const char *name, struct error *err);
/* The names of a network's endpoints that are not being removed, comma-separated; NULL for none. */
char *tables_list_endpoints(struct store *store, const char *network);
/* The first other network that overlaps, its name owned by the caller; NULL for none. */
char *tables_find_overlap(struct store *store, const char *name, const struct ip_subnet *subnet,
                          struct ip_subnet *ret_other);
/* What the network had when it was last removed; {0}: never, or forgotten. */
void tables_find_old_subnets(struct store *store, const char *name,
                             struct ip_subnet ret_subnets[IP_FAMILY_COUNT]);
/* What the spec asks for. */
int network_row_settings(const struct network_row *row, struct network_settings *ret_settings,
                         struct error *err);
/* The name its driver_opts give, or a chosen one. */
void tables_bridge_name(const char *root_id, const struct network_row *row,
                        const struct network_settings *settings, char name[IFNAMSIZ]);

struct endpoint_row {
    char *name, *instance, *service, *project, *network, *interface;
    char *aliases;    /* a JSON array */
    char *link_local; /* a JSON array of further addresses */
    char *resolver;   /* {"dns":[...],"links":[{"alias","target"}...]} */
    int64_t number;
    int64_t position;    /* among the instance's NICs, from 0 */
    int64_t gw_priority; /* the highest's gateways are the default routes */
    struct ip_address address[IP_FAMILY_COUNT];
    uint8_t mac[6];
    bool default_route;
    bool host_gateway; /* reaches what listens on the host */
    bool ready, removing;
};
void endpoint_row_done(struct endpoint_row *row);
int tables_find_endpoint(struct store *store, const char *name, struct endpoint_row *ret_row,
                         struct error *err);
int tables_write_endpoint(struct store *store, struct endpoint_row *row, struct error *err);
int tables_set_endpoint_state(struct store *store, const char *name, const char *state,
                              struct error *err);
int tables_delete_endpoint(struct store *store, const char *name, struct error *err);
/* Who has this address on the network: the endpoint's name, owned by the caller; NULL for none. */
char *tables_find_address(struct store *store, const char *network,
                          const struct ip_address *address);
char *tables_find_mac(struct store *store, const char *network, const uint8_t mac[6]);
/* The address of an endpoint that was removed, kept for it until somebody else takes it: {0} where
 * it has none, and whose an address is (owned by the caller, NULL: nobody's). */
struct ip_address tables_find_old_address(struct store *store, const char *network,
                                          const char *instance, enum ip_family family);
char *tables_find_old_owner(struct store *store, const char *network,
                            const struct ip_address *address);
/* Calls visit for every endpoint that is not being removed (instance NULL: all), in the order
 * of the instances' NICs. */
void tables_each_endpoint(struct store *store, const char *instance,
                          void (*visit)(const struct endpoint_row *row, void *userdata),
                          void *userdata);
void tables_each_network(struct store *store,
                         void (*visit)(const struct network_row *row, void *userdata),
                         void *userdata);

struct port_row {
    char *instance, *project;
    struct ip_address host_ip; /* {0}: all of the host's, of both families */
    uint16_t published, target;
    uint16_t published_last; /* a wish only: the first free one from published to here */
    bool udp;
};
void port_row_done(struct port_row *row);
int tables_write_port(struct store *store, const struct port_row *row, struct error *err);
int tables_set_ports_state(struct store *store, const char *instance, const char *state,
                           struct error *err);
int tables_delete_ports(struct store *store, const char *instance, struct error *err);
void tables_each_port(struct store *store, const char *instance,
                      void (*visit)(const struct port_row *row, void *userdata), void *userdata);

/* Rows that a crash left in 'removing'. */
int tables_delete_removing(struct store *store, struct error *err);

/* The boot and the network namespace that the saved settings and the rows' links belong to. */
char *tables_read_scope(struct store *store);
int tables_save_settings(struct store *store, const char *scope, const struct sysctl_list *list,
                         struct error *err);
int tables_read_settings(struct store *store, struct sysctl_list *ret_list, struct error *err);
int tables_forget_settings(struct store *store, struct error *err);
