/* What a guest says of its network (runtime.h's facts) against what it should be (network.h's
 * path): the hops inside the VM, for `vmstead doctor SERVICE`. Pure. */
#pragma once

#include "base/check.h"
#include "runtime/runtime.h"

struct path_target {
    uint16_t port; /* in the guest */
    bool udp;
};

struct path_judgement {
    const char *service, *name; /* the name was resolved: the service's own */
    bool unhealthy;             /* then DNS does not name it */
    const struct path_target *targets;
    size_t target_count;
};

/* Appends a finding a hop (address, route, gateway, dns, listener) until one is an error; false
 * then. */
bool path_judge(const cJSON *path, const struct path_judgement *judgement,
                const struct guest_fact *facts, size_t count, cJSON *findings);
