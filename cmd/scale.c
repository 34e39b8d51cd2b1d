/* `vmstead scale`: `up` of the services named, with other numbers. */
#include "base/alloc.h"
#include "cmd/daemon_start.h"
#include "cmd/job_command.h"
#include "cmd/project.h"
#include "cmd/up_options.h"

struct scale_values {
    struct up_choices choices;
};

static const struct option_row rows[] = {
    UP_ROW_NO_DEPS(struct scale_values),
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct scale_values *values = invocation->values;
    static const struct job_command command = {.verb = "up", .title = "Scaling"};
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_strv_ char **scale = NULL, **services = NULL;
    _cleanup_free_ char *body = NULL;
    struct up_choices choices = values->choices;
    for (size_t i = 0; i < invocation->operand_count; i++) {
        const char *operand = invocation->operands[i];
        strv_add(&scale, xstrdup(operand));
        strv_add(&services, xstrndup(operand, strcspn(operand, "=")));
    }
    choices.scale = scale;
    choices.timeout_ms = -1;
    int r = project_load(invocation->global, &model, err);
    if (r == 0)
        r = up_request_print(&choices, model, services, strv_length(services), &body, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_START, &client, err);
    return r != 0 ? r : job_command_run(invocation, client, model->name, &command, body, NULL, err);
}

const struct command command_scale = {
    .name = "scale",
    .arguments = "SERVICE=N...",
    .summary = "Change how many virtual machines services have",
    .details = "New ones get the next free numbers; of too many the highest numbers go first.\n"
               "Otherwise it is an 'up -d' of the services named.",
    .examples = "  vmstead scale api=3\n"
                "  vmstead scale api=1 worker=0",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct scale_values),
    .operand_minimum = 1,
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
