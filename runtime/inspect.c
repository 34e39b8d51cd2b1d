/* A look at a guest's network on the host: runtime.h's functions on struct inspection. The facts
 * are the agent's (guest/inspect.h). */
#include "runtime/channel.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/deadline.h"
#include "runtime/guest/wire.h"
#include "runtime/stream.h"

#include <errno.h>

#define DEADLINE_MS 8000 /* the guest's questions take a second */
/* More than a guest has use for: it must not fill the daemon's memory. */
#define FACTS_MAX 1024

struct inspection {
    struct stream stream; /* first */
    struct deadline *deadline;
    VEC(struct guest_fact) facts;
    void (*on_done)(void *userdata, const struct guest_fact *facts, size_t count,
                    const struct error *err);
    void *userdata;
};

static void inspection_free(struct inspection *inspection)
{
    for (size_t i = 0; i < inspection->facts.count; i++) {
        struct guest_fact *fact = &inspection->facts.items[i];
        free(fact->name);
        free(fact->text);
        free(fact->mac);
        free(fact->failure);
    }
    vec_done(&inspection->facts);
    deadline_free(inspection->deadline);
    free(inspection);
}

static void inspection_fail(struct stream *stream, const struct error *err)
{
    struct inspection *inspection = (struct inspection *)stream;
    inspection->on_done(inspection->userdata, NULL, 0, err);
    inspection_free(inspection);
}

static void on_deadline(void *userdata)
{
    struct inspection *inspection = userdata;
    _cleanup_error_ struct error err = {0};
    error_set(&err, ETIMEDOUT, "the guest's agent does not answer");
    stream_abandon(&inspection->stream);
    inspection_fail(&inspection->stream, &err);
}

/* Text for people; the first one counts. */
static void set_text(char **member, struct wire_reader *field)
{
    if (!*member)
        *member = str_clean((const char *)field->data, field->left);
}

static void take_field(struct guest_fact *fact, uint16_t tag, struct wire_reader *field)
{
    switch ((enum fact_tag)tag) {
    case FACT_KIND:
        fact->kind = (enum guest_fact_kind)wire_get_u32(field);
        break;
    case FACT_NAME:
        set_text(&fact->name, field);
        break;
    case FACT_TEXT:
        set_text(&fact->text, field);
        break;
    case FACT_MAC:
        set_text(&fact->mac, field);
        break;
    case FACT_FAILURE:
        set_text(&fact->failure, field);
        break;
    case FACT_PREFIX:
        fact->prefix = wire_get_u32(field);
        break;
    case FACT_PORT:
        fact->port = wire_get_u32(field);
        break;
    case FACT_ELAPSED_US:
        fact->elapsed_us = wire_get_u64(field);
        break;
    case FACT_UP:
        fact->up = true;
        break;
    case FACT_UDP:
        fact->udp = true;
        break;
    }
}

static void take_fact(struct inspection *inspection, const struct message *message)
{
    struct guest_fact fact = {0};
    struct wire_reader reader = wire_read(message->data, message->length), field;
    uint16_t tag;
    if (inspection->facts.count == FACTS_MAX)
        return stream_break(&inspection->stream, "it claims to know too much of its network");
    while (wire_get_field(&reader, &tag, &field))
        take_field(&fact, tag, &field);
    fact.name = fact.name ? fact.name : xstrdup("");
    fact.text = fact.text ? fact.text : xstrdup("");
    vec_add(&inspection->facts, fact);
}

static void inspection_take(struct stream *stream, const struct message *message)
{
    struct inspection *inspection = (struct inspection *)stream;
    if (message->type == MESSAGE_INSPECT_FACT)
        return take_fact(inspection, message);
    if (message->type != MESSAGE_INSPECT_END)
        return;
    stream_close(stream);
    inspection->on_done(inspection->userdata, inspection->facts.items, inspection->facts.count,
                        NULL);
    inspection_free(inspection);
}

static void put_texts(struct strbuf *request, enum inspect_tag tag, const char *const *texts)
{
    for (; texts && *texts; texts++)
        wire_put_text(request, tag, *texts);
}

int channel_inspect_start(struct channel *channel, const struct inspect_options *options,
                          void (*on_done)(void *userdata, const struct guest_fact *facts,
                                          size_t count, const struct error *err),
                          void *userdata, struct inspection **ret_inspection, struct error *err)
{
    static const struct stream_type type = {.take = inspection_take, .fail = inspection_fail};
    _cleanup_strbuf_ struct strbuf request = {0};
    struct inspection *inspection = new0(struct inspection);
    inspection->on_done = on_done;
    inspection->userdata = userdata;
    put_texts(&request, INSPECT_PING, options->pings);
    put_texts(&request, INSPECT_NAME, options->names);
    int r = channel_open_stream(channel, &inspection->stream, &type, MESSAGE_INSPECT_START,
                                &request, err);
    if (r < 0) {
        free(inspection);
        return r;
    }
    inspection->deadline = deadline_new(channel_loop(channel), on_deadline, inspection);
    deadline_set(inspection->deadline, DEADLINE_MS);
    *ret_inspection = inspection;
    return 0;
}

void runtime_inspect_abandon(struct inspection *inspection)
{
    stream_abandon(&inspection->stream);
    inspection_free(inspection);
}
