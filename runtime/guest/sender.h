/* A copy out of the guest: walks a tree and sends it entry by entry, as far as there is credit.
 * Made by COPY_OUT_START, gone after COPY_DONE. */
#pragma once

#include "runtime/guest/job.h"

void sender_start(struct agent *agent, const struct message *message);
