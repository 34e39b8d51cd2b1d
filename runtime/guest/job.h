/* What the agent does for one of the host's streams: an exec (task.c), an attachment
 * (attachment.c), a probe (probe.c), a list of processes (top.c), a look at
 * the network (inspect.c), a copy (sender.c, receiver.c).
 * Each embeds a struct job as its first member, and frees itself when it sends its last message.
 *
 * Owned by struct agent, in a list, from job_open() to job_close(). */
#pragma once

#include "runtime/guest/link.h"

#include <sys/types.h>

struct agent;
struct job;

struct job_type {
    void (*take)(struct job *job, const struct message *message); /* may free the job */
    /* True where the pid was the job's; may free it. NULL: it has no process. */
    bool (*reap)(struct job *job, pid_t pid, int status);
    /* Nobody listens any more: closes and frees it. kill: the host's whole session is gone, or the
     * service: what it runs must end now. */
    void (*end)(struct job *job, bool kill);
};

struct job {
    struct job *next;
    struct agent *agent;
    const struct job_type *type;
    uint32_t stream;
    uint32_t consumed; /* bytes taken from the host since the last CREDIT */
};

/* Adds it to the agent's list. */
void job_open(struct job *job, struct agent *agent, const struct job_type *type, uint32_t stream);
/* Takes it out of the list: frees nothing, sends nothing. */
void job_close(struct job *job);
void job_send(struct job *job, enum message_type type, const void *data, size_t length);
/* So much of what the host sent is taken: CREDIT where it is worth a message, or at once. */
void job_give_credit(struct job *job, size_t length, bool at_once);

/* A message of a stream; one that is unknown (it has just ended) is ignored. */
void job_take_message(struct agent *agent, const struct message *message);
bool job_reap(struct agent *agent, pid_t pid, int status);
/* Ends all: the host that had asked for them is gone. */
void job_end_all(struct agent *agent);
