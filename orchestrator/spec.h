/* model -> specs: what network/ and runtime/ are asked for, as the JSON their headers document,
 * with the hashes by which a change is noticed. Pure.
 *
 * What belongs to the project as a whole (networks, volumes, images) is there after specs_build().
 * An instance is rendered when a plan knows its number and its image: spec_vm.c and spec_mounts.c
 * do it. An instance that is to be as it was made comes from the store instead
 * (spec_instance_recorded). */
#pragma once

#include "base/hash.h"
#include "base/json.h"
#include "base/strmap.h"
#include "base/vec.h"
#include "compose/model.h"
#include "orchestrator/graph.h"
#include "orchestrator/observed.h"

struct spec_network {
    const char *name; /* full name */
    cJSON *spec;
    char hash[HASH_HEX_SIZE];
};

struct spec_volume {
    const char *name;
    bool is_shared; /* by the file, whoever uses it */
    cJSON *spec;    /* without "shared", which the plan knows */
    char hash[HASH_HEX_SIZE];
};

struct spec_service {
    const struct model_service *model;
    const char *name;
    char *image; /* the image operation's name */
    cJSON *image_spec;
};

struct specs {
    struct model *model;
    const char *project;
    char salt[HASH_HEX_SIZE];      /* of digests of secret values; the caller's to set, else "" */
    struct spec_network *networks; /* as in the model, and the following too */
    struct spec_volume *volumes;
    struct spec_service *services;
    size_t network_count, volume_count, service_count;
    struct strmap service_index, network_index, volume_index; /* by name */
    struct graph *dependencies;                               /* over services */
    size_t *order;                                            /* services, dependencies first */
};

/* Takes model, in any case. -EINVAL for a dependency cycle, named whole. */
int specs_build(struct model *model, struct specs **ret_specs, struct error *err);
void specs_free(struct specs *specs);
DEFINE_FREEP(struct specs *, specs_free)
/* SIZE_MAX where there is none; NULL. */
size_t specs_find_service(const struct specs *specs, const char *name);
const struct spec_network *specs_find_network(const struct specs *specs, const char *name);
const struct spec_volume *specs_find_volume(const struct specs *specs, const char *name);
/* index: a service. -EINVAL where what it has is only there once (a host port, an address) and it
 * is to have several. */
int specs_check_replicas(const struct specs *specs, size_t index, int64_t replicas,
                         struct error *err);
/* -EINVAL where a config or secret of the service comes from a variable that the caller had not
 * set. */
int specs_check_values(const struct specs *specs, size_t index, struct error *err);

/* --- images (spec_image.c) -------------------------------------------------------------------- */

/* The spec as the model has it: missing ones are built or pulled. */
cJSON *spec_image_build(const struct model *model, const struct model_service *service);
/* The image operation's name. Owned by the caller. */
char *spec_image_name(const struct model *model, const struct model_service *service);

/* --- instances -------------------------------------------------------------------------------- */

struct spec_endpoint {
    char *name; /* INSTANCE/NETWORK */
    char *network;
    cJSON *spec;
    char hash[HASH_HEX_SIZE]; /* of the spec without "tap" */
};

struct spec_instance {
    char *name, *service;
    int64_t number;
    struct spec_endpoint *endpoints; /* eth0 first */
    size_t endpoint_count;
    cJSON *ports; /* NULL: publishes none */
    char ports_hash[HASH_HEX_SIZE];
    cJSON *vm;      /* without "id" */
    char **volumes; /* names, each once */
};

struct spec_rendering {
    size_t service;
    const char *name; /* NULL: PROJECT-SERVICE-NUMBER */
    int64_t number;
    bool oneoff, auto_remove, detached;
    const cJSON *image;    /* its operation's result; NULL: not known yet */
    const cJSON *previous; /* the VM's spec that this one replaces: its anonymous volumes go on;
                              NULL: there is none, or they are not wanted */
    char *(*new_id)(char *hex);
};
struct spec_instance *spec_render(const struct specs *specs, const struct spec_rendering *how);
/* As it was made, from the store. NULL where the store knows no VM of that name. */
struct spec_instance *spec_instance_recorded(const struct observed *observed, const char *name);
void spec_instance_free(struct spec_instance *instance);
DEFINE_FREEP(struct spec_instance *, spec_instance_free)

/* [{"service","condition","required","restart"}...]. Owned by the caller. */
cJSON *spec_dependencies(const struct specs *specs, size_t index);

/* Sets "mounts", "files" and the instance's volumes. */
void spec_render_mounts(const struct specs *specs, const struct spec_rendering *how,
                        struct spec_instance *instance);
/* Where a value that is not to be written down stands in the vault: "secrets/KEY", "configs/KEY".
 * Owned by the caller. */
char *spec_vault_key(const char *kind, const struct model_source *source);
/* The value itself: what the caller's environment or the file held; NULL where it is a file on the
 * host. */
const char *spec_source_value(const struct model_source *source);
/* 64 hex digits: nobody but its instance speaks of it. */
bool spec_is_anonymous(const char *volume);
/* Of the instance made from this VM's spec. Owned by the caller. */
char **spec_volumes_of(const cJSON *vm_spec);
cJSON *spec_anonymous_volume(const char *project);

/* "started", "healthy", "completed". */
const char *spec_condition_name(enum model_condition condition);
/* What it does not know is CONDITION_STARTED. */
enum model_condition spec_condition_parse(const char *name);

/* --- hashes and what differs (spec_hash.c) ---------------------------------------------------- */

/* SHA-256 of the JSON text; returns hex. */
char *spec_hash_json(const cJSON *value, char *hex);
/* An instance's config hash: its VM, endpoints and ports, and the image it resolved to. What only
 * orders it among others (depends_on) and the names of anonymous volumes do not count. */
char *spec_hash_instance(const struct spec_instance *instance, const char *image_id, char *hex);
/* What differs between the wish and what was made, for people: "image, environment". Owned by the
 * caller. */
char *spec_describe_changes(const struct spec_instance *wanted, const char *image_id,
                            const struct observed *observed,
                            const struct observed_instance *instance);
/* What the guest will run, for people: "nginx -g 'daemon off;'". image_config: the "config" of the
 * image's result, may be NULL. Owned by the caller. */
char *spec_command_text(const cJSON *vm_spec, const cJSON *image_config);
