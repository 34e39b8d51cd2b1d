/* Somebody on the host who is attached to the service's main process: gets what its terminal shows,
 * and writes to its stdin. Made by ATTACH_START, gone after EXEC_EXIT (the service's output has
 * ended) or ABANDON. */
#pragma once

#include "runtime/guest/job.h"

void attachment_start(struct agent *agent, const struct message *message);
/* How many bytes of the terminal's output all of them have credit for: who reads nothing holds the
 * service up, as a terminal does. Without a host nobody is waited for. */
size_t attachment_room(const struct agent *agent);
void attachment_show_all(struct agent *agent, const void *data, size_t length);
/* The service's stdin takes more. */
void attachment_write_all(struct agent *agent);
/* The service has ended, and its output, too. */
void attachment_end_all(struct agent *agent, int exit_code);
