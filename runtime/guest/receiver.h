/* A copy into the guest: makes what the entries say below one folder. Made by COPY_IN_START, gone
 * after COPY_DONE. Nothing is made outside of the folder: every path is opened beneath it, with
 * openat2(2). */
#pragma once

#include "runtime/guest/job.h"

void receiver_start(struct agent *agent, const struct message *message);
