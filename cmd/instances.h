/* What the daemon knows of a project's instances, as docs/api.md shapes it. */
#pragma once

#include "cmd/client.h"

/* The array of GET .../instances, by name, as Compose lists them; owned by the caller. all: not
 * only those that run. */
int instances_get(struct client *client, const char *project, bool all, cJSON **ret_instances,
                  struct error *err);
/* "web-1": the instance's name without its project. */
const char *instance_label(const cJSON *instance);
/* True where services is empty or names the instance's. */
bool instance_is_of(const cJSON *instance, char *const *services, size_t count);
/* The place of the instance's service among all services of the list in alphabetical order: what
 * its colour is chosen by, so that it is the same in every command. */
size_t instance_color_index(const cJSON *instances, const cJSON *instance);
