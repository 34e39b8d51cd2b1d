/* The guest's network as it is now, for `vmstead doctor SERVICE`: what the kernel knows
 * (net_facts.h), then pings and names that the host wants tried (question.h). Made by
 * INSPECT_START, gone after INSPECT_END. */
#pragma once

#include "runtime/guest/job.h"

void inspect_start(struct agent *agent, const struct message *message);
