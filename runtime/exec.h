/* An exec as the host sees it, between runtime.h's functions and the channel: private to runtime/.
 * A stream of the channel with its credits; its process is a task in the guest (guest/task.h). */
#pragma once

#include "runtime/channel.h"
#include "runtime/guest/link.h"

/* Opens a stream and queues EXEC_START. list is the channel's; stream ids are never used twice. */
struct exec *exec_new(struct exec **list, struct link *link, void (*on_queued)(void *userdata),
                      void *on_queued_userdata, uint32_t stream, const struct exec_options *options,
                      const struct exec_callbacks *callbacks, void *userdata);
/* A message of this stream; frees exec with EXEC_EXIT, or where the guest breaks the rules. May
 * call back, and the callback may free exec and even the channel: nothing is touched after that. */
void exec_take_message(struct exec *exec, const struct message *message);
struct exec *exec_find(struct exec *list, uint32_t stream);
/* The VM or the channel went away: on_exit with err for each of them. */
void exec_fail_all(struct exec **list, const struct error *err);
