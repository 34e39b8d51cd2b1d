/* See inspect.h. */
#include "runtime/guest/inspect.h"

#include "base/alloc.h"
#include "runtime/guest/agent.h"
#include "runtime/guest/net_facts.h"
#include "runtime/guest/question.h"
#include "runtime/guest/wire.h"

#include <stdlib.h>

struct asked {
    struct inspect *inspect;
    enum fact_kind kind;
    char *text; /* an address to ping, or a name */
    struct question *question;
};

struct inspect {
    struct job job; /* first */
    struct asked asked[INSPECT_QUESTIONS_MAX];
    size_t count, open;
};

static void inspect_free(struct inspect *inspect)
{
    job_close(&inspect->job);
    for (size_t i = 0; i < inspect->count; i++) {
        question_free(inspect->asked[i].question);
        free(inspect->asked[i].text);
    }
    free(inspect);
}

static void put_text(struct strbuf *row, enum fact_tag tag, const char *text)
{
    if (text)
        wire_put_text(row, tag, text);
}

static void send_fact(void *userdata, const struct net_fact *fact)
{
    struct inspect *inspect = userdata;
    _cleanup_strbuf_ struct strbuf row = {0};
    wire_put_field_u32(&row, FACT_KIND, fact->kind);
    put_text(&row, FACT_NAME, fact->name);
    put_text(&row, FACT_TEXT, fact->address);
    put_text(&row, FACT_MAC, fact->mac);
    put_text(&row, FACT_FAILURE, fact->failure);
    wire_put_field_u32(&row, FACT_PREFIX, fact->prefix);
    wire_put_field_u32(&row, FACT_PORT, fact->port);
    wire_put_field_u64(&row, FACT_ELAPSED_US, fact->elapsed_us);
    if (fact->up)
        wire_put_field(&row, FACT_UP, "", 0);
    if (fact->udp)
        wire_put_field(&row, FACT_UDP, "", 0);
    job_send(&inspect->job, MESSAGE_INSPECT_FACT, row.data, row.length);
}

static void finish_when_all_are_answered(struct inspect *inspect)
{
    if (inspect->open)
        return;
    job_send(&inspect->job, MESSAGE_INSPECT_END, NULL, 0);
    inspect_free(inspect);
}

static void on_answer(void *userdata, const struct question_answer *answer)
{
    struct asked *asked = userdata;
    send_fact(asked->inspect, &(struct net_fact){.kind = asked->kind,
                                                 .name = asked->text,
                                                 .address = answer->address,
                                                 .failure = answer->failure,
                                                 .elapsed_us = answer->elapsed_us});
    question_free(asked->question);
    asked->question = NULL;
    asked->inspect->open--;
    finish_when_all_are_answered(asked->inspect);
}

static void inspect_take(struct job *job, const struct message *message)
{
    (void)job;
    (void)message;
}

static void inspect_end(struct job *job, bool kill)
{
    (void)kill;
    inspect_free((struct inspect *)job);
}

static void ask(struct inspect *inspect, enum fact_kind kind, char *text)
{
    struct loop *loop = &inspect->job.agent->loop;
    struct asked *asked = &inspect->asked[inspect->count++];
    *asked = (struct asked){.inspect = inspect, .kind = kind, .text = text};
    asked->question = kind == FACT_PING ? question_ping(loop, text, on_answer, asked)
                                        : question_resolve(loop, text, on_answer, asked);
    inspect->open++;
}

void inspect_start(struct agent *agent, const struct message *message)
{
    static const struct job_type type = {.take = inspect_take, .end = inspect_end};
    struct inspect *inspect = new0(struct inspect);
    struct wire_reader reader = wire_read(message->data, message->length), field;
    uint16_t tag;
    job_open(&inspect->job, agent, &type, message->stream);
    net_facts_each(send_fact, inspect);
    while (wire_get_field(&reader, &tag, &field)) {
        char *text = wire_get_text(&field);
        if (text && inspect->count < INSPECT_QUESTIONS_MAX &&
            (tag == INSPECT_PING || tag == INSPECT_NAME))
            ask(inspect, tag == INSPECT_PING ? FACT_PING : FACT_RESOLVED, text);
        else
            free(text);
    }
    finish_when_all_are_answered(inspect);
}
