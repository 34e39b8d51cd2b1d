/* What network/'s own files share: the object, the queue of changes, and the rules of both. Nobody
 * outside the folder includes this.
 *
 * An operation becomes a change. Its provider writes the intent to the tables and queues it; the
 * queue takes everything that waits, copies the rows as struct desired, and makes the host like
 * that in the thread pool, one run at a time; back on the loop each change's `finish` writes the
 * outcome and the operation is done. When the host refuses, the changes of that run are undone
 * (their rows go), and one more run takes back what the first had made. So the host is always a
 * function of the rows, and a crash at any point is healed by the next run. */
#pragma once

#include "network/dns.h"
#include "network/network.h"
#include "network/publish.h"
#include "network/repair.h"
#include "network/tables.h"

struct change;

struct change_steps {
    /* The host is as the rows say: write the outcome, make the result. */
    int (*finish)(struct change *change, cJSON **ret_result, struct error *err);
    /* The host refused: delete the rows this change has made. NULL: nothing to take back. */
    void (*undo)(struct change *change);
};

enum change_phase {
    CHANGE_WAITING,  /* queued; the next run takes it */
    CHANGE_APPLYING, /* in a run */
    CHANGE_UNDOING,  /* in a run that takes it back; ends with its error */
    CHANGE_PHASE_COUNT
};

struct change {
    struct network *network;
    struct operation *operation;
    const struct change_steps *steps;
    enum change_phase phase;
    bool made;              /* the intent is ours to delete */
    struct desired_tap tap; /* of endpoints: to open within the run */
    int tap_fd;
    struct error error;
    struct change *next;
};

/* What the last check() of a plan said about operations that have not started yet: an endpoint must
 * know of its sisters (default route) and of addresses others asked for. In memory only. */
struct planned_network {
    char *project, *name;
    bool internal;
};
struct planned_endpoint {
    char *project, *name, *instance, *network;
    int64_t position, gw_priority;
    struct ip_address address[IP_FAMILY_COUNT]; /* {0}: any */
    uint8_t mac[6];
};

struct network {
    uv_loop_t *loop;
    char root_id[8];
    struct store *store;
    struct dns *dns;
    struct publish *publish;
    struct provider providers[3];
    VEC(struct planned_network) planned_networks;
    VEC(struct planned_endpoint) planned_endpoints;
    struct change *first, **last; /* waiting */
    struct run *run;              /* in the thread pool, or NULL */
    char **obstacles;             /* of other firewalls, as the last run has seen them */
    struct repair *repair;
    struct desired applied; /* what the last run has made of the host */
};

/* Takes over the operation: it ends by operation_done(). */
struct change *change_new(struct network *network, struct operation *operation,
                          const struct change_steps *steps);
void change_queue(struct change *change);
/* A run without changes, when repair.h wants one. */
void change_queue_repair(struct network *network);
/* The relay does what is its (publish.h), as the last run has left it. */
void change_carry_ports(struct network *network);
/* Runs the whole thing once, at once, on this thread (adoption). */
int change_apply_now(struct network *network, struct error *err);
/* What links of the rows belong to: the boot and the network namespace. Owned by the caller. */
char *change_current_scope(void);

struct provider network_provider(struct network *network);
struct provider endpoint_provider(struct network *network);
struct provider ports_provider(struct network *network);

/* The dns view of an endpoint row. */
void endpoint_tell_dns(struct network *network, const struct endpoint_row *row);
int network_tell_dns(struct network *network, const struct network_row *row, struct error *err);
void planned_forget_networks(struct network *network, const char *project);
void planned_forget_endpoints(struct network *network, const char *project);
