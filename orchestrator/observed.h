/* What is there of one project, as far as the store and the providers tell: the other input of a
 * plan. Plain data; filled by state_observe() and, for the VMs' states, by the orchestrator. Found
 * by name through indexes: projects have hundreds of things, and plans look all of them up. */
#pragma once

#include "base/json.h"
#include "base/strmap.h"
#include "base/vec.h"
#include "compose/model.h"
#include "runtime/runtime.h"

struct observed_resource {
    char *kind, *name;
    char *hash; /* of the spec it was made from; "": half made or half removed, nobody knows */
    cJSON *spec;
    const char *instance; /* into spec; "": belongs to none (networks, volumes) */
    const char *network;  /* into spec, endpoints only; else "" */
    size_t next;          /* the next of the same instance, or STRMAP_NONE */
};

struct observed_instance {
    char *name, *id, *service, *image, *image_id;
    cJSON *image_result; /* of its image's operation; NULL: not known (the first schema) */
    int64_t number;
    bool oneoff;
    bool missing; /* the runtime knows no such VM; state says nothing then */
    enum vm_state state;
    bool restarting; /* its policy is about to start it again */
};

struct observed_dependency {
    char *service;
    enum model_condition condition;
    bool required, restart;
};
struct observed_service {
    char *name;
    VEC(struct observed_dependency) depends_on;
};

struct observed {
    char *project;
    bool standalone; /* one instance outside any project, which has both names */
    char *salt;      /* of digests; "": the project is new */
    VEC(struct observed_resource) resources; /* in the order they were made */
    VEC(struct observed_instance) instances; /* in the order they were made */
    VEC(struct observed_service) services;
    char **foreign_volumes; /* mounted by instances of other projects */
    struct strmap resource_index, instance_index, service_index;
    struct strmap first_of, last_of; /* instance -> resource */
};

struct observed *observed_new(const char *project);
void observed_free(struct observed *observed);
DEFINE_FREEP(struct observed *, observed_free)
/* Takes spec. */
void observed_add_resource(struct observed *observed, const char *kind, const char *name,
                           const char *hash, cJSON *spec);
/* These take what the struct owns. */
void observed_add_instance(struct observed *observed, struct observed_instance instance);
void observed_add_service(struct observed *observed, struct observed_service service);
/* NULL where there is none. */
const struct observed_resource *observed_find_resource(const struct observed *observed,
                                                       const char *kind, const char *name);
const struct observed_instance *observed_find_instance(const struct observed *observed,
                                                       const char *name);
const struct observed_service *observed_find_service(const struct observed *observed,
                                                     const char *name);
/* An instance's resources in turn; NULL after the last. */
const struct observed_resource *observed_first_of(const struct observed *observed,
                                                  const char *instance);
const struct observed_resource *observed_next_of(const struct observed *observed,
                                                 const struct observed_resource *resource);
/* Something of it is or may be in the host's memory: a stop is due before anything else. */
bool observed_may_run(const struct observed_instance *instance);
