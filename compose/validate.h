/* Last stage: what no single key can tell. Cycles, host ports and addresses taken twice, addresses
 * outside their subnet, services with nothing to boot. No engine comes after that would find them.
 */
#pragma once

#include "compose/model.h"
#include "compose/node.h"

/* The top level of the merged files, before what nobody uses goes. */
void validate_top(const struct node *tree, struct diagnostics *diagnostics);
void validate_model(const struct model *model, struct diagnostics *diagnostics);
/* Parts of it, of one service, whose node of the tree is `node`: its instances' names (those of
 * earlier services are in `names`) and keys that exclude each other; */
void validate_service(const struct model *model, const struct node *node,
                      const struct model_service *service, struct node *names,
                      struct diagnostics *diagnostics);
/* numbers: memory, CPUs, ulimits, replicas; */
void validate_service_limits(const struct model *model, const struct node *node,
                             const struct model_service *service, struct diagnostics *diagnostics);
/* builds and mounts. */
void validate_service_storage(const struct model *model, const struct node *node,
                              const struct model_service *service, struct diagnostics *diagnostics);
/* Of all: host ports; */
void validate_ports(const struct model *model, struct diagnostics *diagnostics);
/* subnets and addresses; */
void validate_networks(const struct model *model, struct diagnostics *diagnostics);
/* aliases and MACs; */
void validate_endpoints(const struct model *model, struct diagnostics *diagnostics);
/* volumes, configs and secrets of the top level. */
void validate_storage(const struct model *model, struct diagnostics *diagnostics);
