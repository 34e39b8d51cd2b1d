/* Attachments in the guest, see attachment.h. */
#include "runtime/guest/attachment.h"

#include "base/alloc.h"
#include "runtime/guest/agent.h"
#include "runtime/guest/wire.h"

#include <errno.h>
#include <stdlib.h>

struct attachment {
    struct job job; /* first */
    bool gets_output, input_ended;
    size_t credit;            /* output bytes that may be sent */
    struct strbuf input_data; /* on its way to the service */
};

static void attachment_take(struct job *job, const struct message *message);

static void attachment_free(struct attachment *attachment)
{
    job_close(&attachment->job);
    strbuf_done(&attachment->input_data);
    free(attachment);
}

static void attachment_abandon(struct job *job, bool kill)
{
    (void)kill;
    attachment_free((struct attachment *)job);
}

static const struct job_type attachment_type = {.take = attachment_take, .end = attachment_abandon};

/* --- output --------------------------------------------------------------------------------- */

size_t attachment_room(const struct agent *agent)
{
    size_t room = SIZE_MAX;
    if (!agent->link.up || agent->host_is_away)
        return room;
    for (struct job *job = agent->jobs; job; job = job->next) {
        struct attachment *attachment = (struct attachment *)job;
        if (job->type == &attachment_type && attachment->gets_output && attachment->credit < room)
            room = attachment->credit;
    }
    return room;
}

static void attachment_show(struct attachment *attachment, const void *data, size_t length)
{
    if (!attachment->gets_output || length > attachment->credit)
        return;
    attachment->credit -= length;
    if (length)
        job_send(&attachment->job, MESSAGE_EXEC_STDOUT, data, length);
}

void attachment_show_all(struct agent *agent, const void *data, size_t length)
{
    for (struct job *job = agent->jobs; job; job = job->next)
        if (job->type == &attachment_type)
            attachment_show((struct attachment *)job, data, length);
}

void attachment_end_all(struct agent *agent, int exit_code)
{
    uint8_t code[4];
    wire_store_u32(code, (uint32_t)exit_code);
    for (struct job *job = agent->jobs, *next; job; job = next) {
        next = job->next;
        if (job->type != &attachment_type)
            continue;
        job_send(job, MESSAGE_EXEC_EXIT, code, sizeof(code));
        attachment_free((struct attachment *)job);
    }
}

/* --- input ---------------------------------------------------------------------------------- */

static void attachment_write(struct attachment *attachment)
{
    struct service *service = &attachment->job.agent->service;
    struct strbuf *data = &attachment->input_data;
    while (data->length) {
        ssize_t length = service_write_input(service, data->data, data->length);
        if (length < 0)
            return;
        strbuf_drop_front(data, (size_t)length);
        job_give_credit(&attachment->job, (size_t)length, !data->length);
    }
    if (attachment->input_ended)
        service_end_input(service);
    attachment->input_ended = false;
}

void attachment_write_all(struct agent *agent)
{
    for (struct job *job = agent->jobs; job; job = job->next)
        if (job->type == &attachment_type)
            attachment_write((struct attachment *)job);
}

/* --- messages ------------------------------------------------------------------------------- */

static void attachment_take(struct job *job, const struct message *message)
{
    struct attachment *attachment = (struct attachment *)job;
    struct wire_reader reader = wire_read(message->data, message->length);
    if (message->type == MESSAGE_EXEC_STDIN) {
        strbuf_add(&attachment->input_data, message->data, message->length);
        attachment_write(attachment);
    } else if (message->type == MESSAGE_EXEC_EOF) {
        attachment->input_ended = true;
        attachment_write(attachment);
    } else if (message->type == MESSAGE_EXEC_RESIZE) {
        uint16_t rows = wire_get_u16(&reader), columns = wire_get_u16(&reader);
        if (!reader.bad)
            service_resize(&job->agent->service, rows, columns);
    } else if (message->type == MESSAGE_CREDIT) {
        attachment->credit += wire_get_u32(&reader);
    }
}

void attachment_start(struct agent *agent, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length), field;
    const struct strbuf *said = &agent->service.said;
    uint16_t tag;
    bool replay = false;
    struct attachment *attachment = new0(struct attachment);
    attachment->credit = STREAM_WINDOW;
    job_open(&attachment->job, agent, &attachment_type, message->stream);
    while (wire_get_field(&reader, &tag, &field)) {
        attachment->gets_output = attachment->gets_output || tag == ATTACH_OUTPUT;
        replay = replay || tag == ATTACH_REPLAY;
    }
    if (replay) {
        size_t length = said->length < SERVICE_REPLAY_BYTES ? said->length : SERVICE_REPLAY_BYTES;
        attachment_show(attachment, said->data + (said->length - length), length);
    }
}
