/* network/'s tables in the store: networks, endpoints (this is the IPAM), published ports, and the
 * host's settings as they were. Loop thread only.
 *
 * A row's state says what is known of the host: 'making' (intent), 'ready' (outcome), 'removing'.
 * Every change of state is a transaction of its own followed by a fault point. */
#pragma once

#include "base/json.h"
#include "base/store.h"
#include "network/desired.h"
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
    int64_t number;
    bool internal;
    struct subnet subnet;
    uint32_t gateway;
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
char *tables_find_overlap(struct store *store, const char *name, struct subnet subnet,
                          struct subnet *ret_other);

struct endpoint_row {
    char *name, *instance, *service, *project, *network, *interface;
    char *aliases; /* a JSON array */
    int64_t number;
    uint32_t address;
    bool default_route;
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
char *tables_find_address(struct store *store, const char *network, uint32_t address);
/* Calls visit for every endpoint that is not being removed (instance NULL: all), by interface. */
void tables_each_endpoint(struct store *store, const char *instance,
                          void (*visit)(const struct endpoint_row *row, void *userdata),
                          void *userdata);
void tables_each_network(struct store *store,
                         void (*visit)(const struct network_row *row, void *userdata),
                         void *userdata);

struct port_row {
    char *instance, *project;
    uint32_t host_ip;
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
