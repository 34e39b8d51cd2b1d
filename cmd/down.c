/* `vmstead down`: one job in the daemon. The store alone knows what there is: with -p no file is
 * needed. */
#include "base/alloc.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/interrupt.h"
#include "cmd/output.h"
#include "cmd/project.h"
#include "cmd/remote_job.h"
#include "compose/model.h"

#include <errno.h>

struct down_values {
    int64_t timeout_s;
};

static const struct option_row rows[] = {
    {"timeout", 't', OPTION_NUMBER, offsetof(struct down_values, timeout_s), "SECONDS", "10", 0,
     86400, "Grace before services are killed"},
};

struct down {
    struct remote_job *job;
    bool ended, interrupted;
    struct error result;
};

static void on_job_end(void *userdata, const struct error *err)
{
    struct down *down = userdata;
    down->ended = true;
    if (err->code)
        error_copy(&down->result, err);
}

static void on_interrupt(void *userdata, unsigned count)
{
    (void)count;
    struct down *down = userdata;
    down->interrupted = true;
    remote_job_cancel(down->job);
}

static char *print_body(const struct invocation *invocation)
{
    const struct down_values *values = invocation->values;
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    json_set_int(body, "timeout_ms", values->timeout_s * 1000);
    cJSON *services = cJSON_CreateArray();
    for (size_t i = 0; i < invocation->operand_count; i++)
        cJSON_AddItemToArray(services, cJSON_CreateString(invocation->operands[i]));
    json_set(body, "services", services);
    return json_print(body);
}

static int run_job(const struct invocation *invocation, struct client *client, const char *project,
                   struct error *err)
{
    _cleanup_(progress_freep) struct progress *progress =
        progress_new(invocation->global->progress, "Running");
    _cleanup_free_ char *path = remote_job_path(project, "down");
    _cleanup_free_ char *body = print_body(invocation);
    struct down down = {0};
    int r = remote_job_start(client, path, body, progress, on_job_end, &down, &down.job, err);
    if (r < 0)
        return r;
    struct interrupt interrupt;
    interrupt_init(&interrupt, client_loop(client), on_interrupt, &down);
    while (!down.ended)
        uv_run(client_loop(client), UV_RUN_ONCE);
    interrupt_done(&interrupt);
    uv_run(client_loop(client), UV_RUN_NOWAIT);
    bool had_steps = remote_job_had_steps(down.job);
    remote_job_free(down.job);
    if (down.interrupted && down.result.code == ECANCELED) {
        error_done(&down.result);
        return INTERRUPT_EXIT_STATUS;
    }
    if (down.result.code)
        return error_move(err, &down.result);
    if (!had_steps) {
        _cleanup_free_ char *text =
            xasprintf("no resource found to remove for project '%s'", project);
        output_warning(text);
    }
    return 0;
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_free_ char *project = NULL;
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    int r = project_find(invocation->global, &project, &model, err);
    if (r == 0)
        r = project_check_services(model, invocation->operands, invocation->operand_count, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_START, &client, err);
    return r < 0 ? r : run_job(invocation, client, project, err);
}

const struct command command_down = {
    .name = "down",
    .arguments = "[SERVICE...]",
    .summary = "Stop and remove virtual machines and networks",
    .details =
        "Services stop in reverse order of their dependencies, each with 10 seconds of grace. "
        "Their\n"
        "disks, addresses, published ports and the project's networks are removed; cached images\n"
        "stay. A project whose files are gone is named with -p.",
    .examples = "  vmstead down\n"
                "  vmstead -p shop down -t 2",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct down_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
