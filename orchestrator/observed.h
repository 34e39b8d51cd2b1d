/* What is there of one project, as far as the store and the providers tell: the other input of a
 * plan. Plain data; filled by state_observe() and, for the VMs' states, by the orchestrator. */
#pragma once

#include "base/json.h"
#include "base/vec.h"
#include "runtime/runtime.h"

struct observed_resource {
    char *kind, *name;
    char *hash; /* of the spec it was made from; "": half made or half removed, nobody knows */
    cJSON *spec;
    const char *instance; /* into spec; "": belongs to none (networks) */
    const char *network;  /* into spec, endpoints only; else "" */
};

struct observed_instance {
    char *name, *id, *service, *image_id;
    bool missing; /* the runtime knows no such VM; state says nothing then */
    enum vm_state state;
};

struct observed_service {
    char *name;
    char **depends_on;
};

struct observed {
    char *project;
    VEC(struct observed_resource) resources; /* in the order they were made */
    VEC(struct observed_instance) instances; /* in the order they were made */
    VEC(struct observed_service) services;
};

struct observed *observed_new(const char *project);
void observed_free(struct observed *observed);
DEFINE_FREEP(struct observed *, observed_free)
/* Takes spec. */
void observed_add_resource(struct observed *observed, const char *kind, const char *name,
                           const char *hash, cJSON *spec);
/* NULL where there is none. */
const struct observed_resource *observed_find_resource(const struct observed *observed,
                                                       const char *kind, const char *name);
const struct observed_instance *observed_find_instance(const struct observed *observed,
                                                       const char *name);
const struct observed_service *observed_find_service(const struct observed *observed,
                                                     const char *name);
