/* Last stage: what no single key can tell. Cycles, host ports and addresses taken twice, addresses
 * outside their subnet, services with nothing to boot. No engine comes after that would find them.
 */
#pragma once

#include "base/vec.h"
#include "compose/model.h"
#include "compose/node.h"

/* The top level of the merged files, before what nobody uses goes. */
void validate_top(const struct node *tree, struct diagnostics *diagnostics);

/* What a service has that most have not: only those who have it are looked at again for it. */
enum {
    TRAIT_NAME = 1 << 0,         /* container_name */
    TRAIT_NETWORK_MODE = 1 << 1, /* it publishes no ports */
    TRAIT_CONTEXTS = 1 << 2,     /* build.additional_contexts */
    TRAIT_ENDPOINTS = 1 << 3,    /* addresses, MACs, aliases */
};

struct validation {
    struct diagnostics *diagnostics;
    VEC(unsigned char) traits; /* per service, in the model's order */
};

/* A service as soon as it is built, the model's last so far: a large project does not fit the
 * processor's caches. */
void validate_add(struct validation *validation, const struct model *model,
                  const struct node_pair *pair, const struct model_service *service);
/* The rest, when all were added; ends the validation. */
void validate_model(struct validation *validation, const struct model *model);

/* --- parts of validate_add() -------------------------------------------------------------------
 */

/* Names of instances, and keys that exclude each other; */
void validate_service(const struct model *model, const struct node *node,
                      const struct model_service *service, struct diagnostics *diagnostics);
/* numbers: memory, CPUs, ulimits, replicas; */
void validate_service_limits(const struct model *model, const struct node *node,
                             const struct model_service *service, struct diagnostics *diagnostics);
/* builds and mounts. */
void validate_service_storage(const struct model *model, const struct node *node,
                              const struct model_service *service, struct diagnostics *diagnostics);

/* --- parts of validate_model() -----------------------------------------------------------------
 */

/* Names that are taken twice, and what services wait for; */
void validate_services(const struct validation *validation, const struct model *model);
/* host ports; */
void validate_ports(const struct validation *validation, const struct model *model);
/* subnets and addresses; */
void validate_networks(const struct validation *validation, const struct model *model);
/* aliases and MACs; */
void validate_endpoints(const struct validation *validation, const struct model *model);
/* volumes, configs and secrets of the top level. */
void validate_storage(const struct model *model, struct diagnostics *diagnostics);
