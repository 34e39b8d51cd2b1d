/* model -> specs: what network/ and runtime/ are asked for, as the JSON their headers document,
 * with the hashes by which a change is noticed. Pure; the first step of every up. */
#pragma once

#include "base/hash.h"
#include "base/json.h"
#include "base/vec.h"
#include "compose/model.h"
#include "orchestrator/graph.h"

struct spec_network {
    char *name; /* full name */
    cJSON *spec;
    char hash[HASH_HEX_SIZE];
};

struct spec_endpoint {
    char *name; /* INSTANCE/NETWORK */
    char *network;
    size_t network_index;
    cJSON *spec;
    char hash[HASH_HEX_SIZE]; /* of the spec without "tap" */
};

struct spec_service {
    char *name;
    char *instance; /* PROJECT-SERVICE-1 */
    char *image;    /* the image operation's name */
    cJSON *image_spec;
    struct spec_endpoint *endpoints; /* eth0 first */
    size_t endpoint_count;
    cJSON *ports; /* NULL: publishes none */
    char ports_hash[HASH_HEX_SIZE];
    cJSON *vm;          /* without "id" */
    bool *restart_with; /* per service: restarted when that one is recreated */
    char **depends_on;  /* names */
};

struct specs {
    char *project;
    struct spec_network *networks;
    size_t network_count;
    struct spec_service *services; /* in the model's order */
    size_t service_count;
    struct graph *dependencies; /* over services */
    size_t *order;              /* services, dependencies first */
};

/* -EINVAL for a dependency cycle, named whole. */
int specs_build(const struct model *model, struct specs **ret_specs, struct error *err);
void specs_free(struct specs *specs);
DEFINE_FREEP(struct specs *, specs_free)
/* SIZE_MAX where there is none. */
size_t specs_find_service(const struct specs *specs, const char *name);

/* The service's config hash: its VM, endpoints and ports, and the image it resolved to. */
char *spec_hash_service(const struct spec_service *service, const char *image_id, char *hex);
/* What the guest will run, for people: "nginx -g 'daemon off;'". image_config: the "config" of the
 * image's result, may be NULL. Owned by the caller. */
char *spec_command_text(const cJSON *vm_spec, const cJSON *image_config);
