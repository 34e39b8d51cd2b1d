/* testdata/stacks' day in tests of whole commands: a stack with all there is, several instances,
 * conditions, volumes of every kind, configs and secrets. */
#pragma once

#include "job_host.h"

#define DAY "day/compose.yaml"

/* volumes: data, uploads, one anonymous for each api; a network; ports of two; 6 instances */
enum { VOLUMES = 4, THINGS = VOLUMES + 1 + 6 + 2 + 6 };

/* `down -v` */
int day_down(struct host *host);
/* `up --no-deps --scale SERVICE=REPLICAS SERVICE` */
int day_scale(struct host *host, const char *service, int64_t replicas);
/* state: of a VM, or "gone". */
void day_assert_state(const struct host *host, const char *instance, const char *state);
/* Everything is there and runs. */
void day_assert_complete(const struct host *host);
/* entry: of the fake world's log. */
bool day_was_done(const struct host *host, const char *entry);
/* The volume that an instance has at a place. Owned by the caller. */
char *day_volume_at(const struct host *host, const char *instance, const char *target);
