/* `vmstead wait`: until services end. */
#include "base/alloc.h"
#include "base/vec.h"
#include "cmd/interrupt.h"
#include "cmd/job_command.h"
#include "cmd/output.h"

#include <errno.h>

struct wait_values {
    bool down_project;
};

static const struct option_row rows[] = {
    {"down-project", 0, OPTION_FLAG, offsetof(struct wait_values, down_project), NULL, NULL, 0, 0,
     "Bring the project down as soon as one has ended"},
};

struct waiting;

/* One instance that is waited for. */
struct waited {
    struct waiting *waiting;
    char *id;
    struct client_request *request;
    struct strbuf answer;
};

struct waiting {
    VEC(struct waited *) items;
    size_t open;
    bool interrupted;
    int64_t status; /* of the one that ended last, as the reference has it */
    struct error failure;
};

static void on_data(void *userdata, const char *data, size_t length)
{
    strbuf_add(&((struct waited *)userdata)->answer, data, length);
}

static void on_end(void *userdata, const struct error *err)
{
    struct waited *waited = userdata;
    struct waiting *waiting = waited->waiting;
    _cleanup_json_ cJSON *answer = NULL;
    waited->request = NULL;
    waiting->open--;
    if (err->code) {
        error_copy(&waiting->failure, err);
        return;
    }
    if (json_parse(strbuf_text(&waited->answer), waited->answer.length, &answer,
                   &waiting->failure) < 0)
        return;
    waiting->status = json_int(answer, "StatusCode", 0);
    _cleanup_free_ char *line = xasprintf("container \"%s\" exited with status code %lld\n",
                                          waited->id, (long long)waiting->status);
    (void)output_write(line, strlen(line), &waiting->failure);
}

static void on_interrupt(void *userdata, unsigned count)
{
    (void)count;
    ((struct waiting *)userdata)->interrupted = true;
}

static int start(struct waiting *waiting, struct client *client, const cJSON *instance,
                 struct error *err)
{
    static const struct client_handlers handlers = {on_data, on_end};
    struct waited *waited = new0(struct waited);
    waited->waiting = waiting;
    waited->id = xstrdup(json_string(instance, "Id", ""));
    vec_add(&waiting->items, waited);
    _cleanup_free_ char *path = xasprintf("/containers/%s/wait", waited->id);
    int r = client_start(client, "POST", path, NULL, &handlers, waited, &waited->request, err);
    if (r == 0)
        waiting->open++;
    return r;
}

/* Until all have ended; until: how many may still be open. */
static int pump(struct waiting *waiting, struct client *client, size_t until, struct error *err)
{
    struct interrupt interrupt;
    interrupt_init(&interrupt, client_loop(client), on_interrupt, waiting);
    while (waiting->open > until && !waiting->interrupted && !waiting->failure.code)
        uv_run(client_loop(client), UV_RUN_ONCE);
    interrupt_done(&interrupt);
    uv_run(client_loop(client), UV_RUN_NOWAIT);
    if (waiting->failure.code)
        return error_move(err, &waiting->failure);
    return waiting->interrupted ? INTERRUPT_EXIT_STATUS : (int)waiting->status;
}

static void waiting_done(struct waiting *waiting)
{
    for (size_t i = 0; i < waiting->items.count; i++) {
        client_request_cancel(waiting->items.items[i]->request);
        strbuf_done(&waiting->items.items[i]->answer);
        free(waiting->items.items[i]->id);
        free(waiting->items.items[i]);
    }
    vec_done(&waiting->items);
    error_done(&waiting->failure);
}

static int bring_down(const struct invocation *invocation, const struct targets *targets,
                      struct error *err)
{
    static const struct job_command command = {.verb = "down", .title = "Running"};
    return job_command_run(invocation, targets->client, targets->items[0].project, &command, "{}",
                           NULL, err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct wait_values *values = invocation->values;
    _cleanup_targets_ struct targets targets = {0};
    _cleanup_json_ cJSON *instances = NULL;
    struct waiting waiting = {0};
    int r = target_find(invocation, invocation->operands, invocation->operand_count, &targets, err);
    if (r == 0)
        r = targets_instances(&targets, TARGET_ONEOFFS, &instances, err);
    if (r < 0)
        return r;
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (r == 0)
            r = start(&waiting, targets.client, instance, err);
    }
    if (r == 0 && waiting.open == 0)
        r = error_set(err, ENOENT, "nothing to wait for: no virtual machine of '%s' runs",
                      targets.items[0].project);
    if (r == 0)
        r = pump(&waiting, targets.client, values->down_project ? waiting.open - 1 : 0, err);
    waiting_done(&waiting);
    if (r >= 0 && r != INTERRUPT_EXIT_STATUS && values->down_project) {
        int down = bring_down(invocation, &targets, err);
        r = down != 0 ? down : r;
    }
    return r;
}

const struct command command_wait = {
    .name = "wait",
    .arguments = "SERVICE...",
    .summary = "Wait until services end",
    .details =
        "Says of each virtual machine how its service ended; the exit status is that of the one\n"
        "that ended last. A service that its policy restarts has not ended.",
    .examples = "  vmstead wait migrate\n"
                "  vmstead wait --down-project tests",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct wait_values),
    .operand_minimum = 1,
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
