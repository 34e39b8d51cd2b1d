/* The processes of the guest, read from /proc: MESSAGE_TOP_START's answer. Kernel threads and the
 * agent are left out. */
#pragma once

#include "runtime/guest/job.h"

/* Answers at once; no job stays. */
void top_start(struct agent *agent, const struct message *message);
