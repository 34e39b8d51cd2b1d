/* The HTTP API (docs/api.md): requests -> orchestrator, runtime, network -> JSON and streams in
 * Docker's shapes. One file per resource, one table of routes (api.c). Owns jobs' and execs'
 * registries and the clients' streams; decides nothing about VMs. */
#pragma once

#include "network/network.h"
#include "orchestrator/orchestrator.h"

#include <uv.h>

struct api;

struct api_options {
    uv_loop_t *loop;
    struct orchestrator *orchestrator;
    struct runtime *runtime;
    struct network *network;
    const struct paths *paths;
    int listen_fd;
    bool systemd;                    /* the socket is systemd's */
    gid_t group;                     /* whose members are served; 0: none's */
    int64_t idle_seconds;            /* for GET /vmstead/daemon */
    void (*on_stop)(void *userdata); /* a client wants the daemon to leave; its answer has left */
    void (*on_shutdown)(void *userdata); /* the VMs, too */
    void (*on_activity)(void *userdata); /* a request or a job has ended */
    void *userdata;
};

int api_new(const struct api_options *options, struct api **ret_api, struct error *err);
/* Ends all streams; jobs go on, execs lose their clients. Close the loop's handles by running it.
 */
void api_free(struct api *api);
/* No connection is open. */
bool api_is_quiet(const struct api *api);
/* What GET /vmstead/daemon answers and RUN/daemon.json holds. Owned by the caller. */
cJSON *api_describe_daemon(const struct api *api);
/* The inode number of our network namespace (namespaces(7)); 0 where /proc does not say. */
uint64_t api_network_namespace(void);
