/* What all jobs share, see job.h. */
#include "runtime/guest/job.h"

#include "runtime/guest/agent.h"
#include "runtime/guest/wire.h"

/* Bytes taken before they are given back as credit. */
#define CREDIT_STEP (64u << 10)

void job_open(struct job *job, struct agent *agent, const struct job_type *type, uint32_t stream)
{
    *job = (struct job){.next = agent->jobs, .agent = agent, .type = type, .stream = stream};
    agent->jobs = job;
    agent->job_count++;
}

void job_close(struct job *job)
{
    struct agent *agent = job->agent;
    for (struct job **link = &agent->jobs; *link; link = &(*link)->next) {
        if (*link != job)
            continue;
        *link = job->next;
        agent->job_count--;
        return;
    }
}

void job_send(struct job *job, enum message_type type, const void *data, size_t length)
{
    link_send(&job->agent->link, type, job->stream, data, length);
}

void job_give_credit(struct job *job, size_t length, bool at_once)
{
    job->consumed += (uint32_t)length;
    if (!job->consumed || (!at_once && job->consumed < CREDIT_STEP))
        return;
    uint8_t credit[4];
    wire_store_u32(credit, job->consumed);
    job_send(job, MESSAGE_CREDIT, credit, sizeof(credit));
    job->consumed = 0;
}

void job_take_message(struct agent *agent, const struct message *message)
{
    struct job *job = agent->jobs;
    while (job && job->stream != message->stream)
        job = job->next;
    if (!job)
        return;
    if (message->type == MESSAGE_ABANDON)
        job->type->end(job, false);
    else
        job->type->take(job, message);
}

bool job_reap(struct agent *agent, pid_t pid, int status)
{
    for (struct job *job = agent->jobs, *next; job; job = next) {
        next = job->next;
        if (job->type->reap && job->type->reap(job, pid, status))
            return true;
    }
    return false;
}

void job_end_all(struct agent *agent)
{
    while (agent->jobs)
        agent->jobs->type->end(agent->jobs, true);
}
