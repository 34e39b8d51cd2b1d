/* `vmstead create`: `up` that starts nothing. */
#include "base/alloc.h"
#include "cmd/daemon_start.h"
#include "cmd/job_command.h"
#include "cmd/project.h"
#include "cmd/up_options.h"

struct create_values {
    struct up_choices choices;
    bool quiet_pull, yes;
};

static const struct option_row rows[] = {
    UP_ROW_BUILD(struct create_values),
    UP_ROW_FORCE_RECREATE(struct create_values),
    UP_ROW_NO_BUILD(struct create_values),
    UP_ROW_NO_RECREATE(struct create_values),
    UP_ROW_PULL(struct create_values),
    {"quiet-pull", 0, OPTION_FLAG, offsetof(struct create_values, quiet_pull), NULL, NULL, 0, 0,
     "Show no progress of images"},
    UP_ROW_REMOVE_ORPHANS(struct create_values),
    UP_ROW_SCALE(struct create_values),
    {"yes", 'y', OPTION_FLAG, offsetof(struct create_values, yes), NULL, NULL, 0, 0,
     "Recreate volumes that are not as the file describes them, without asking"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct create_values *values = invocation->values;
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_free_ char *body = NULL;
    struct up_choices choices = values->choices;
    choices.no_start = true;
    choices.timeout_ms = -1;
    choices.changed_volumes = values->yes ? "recreate" : NULL;
    int r = project_load_services(invocation->global, invocation->operands, &model, err);
    if (r == 0)
        r = project_check_services(model, invocation->operands, invocation->operand_count, err);
    if (r == 0)
        r = up_request_print(&choices, model, invocation->operands, invocation->operand_count,
                             &body, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_START, &client, err);
    if (r != 0)
        return r;
    const struct job_command command = {
        .verb = "up", .title = "Creating", .quiet_images = values->quiet_pull};
    return job_command_run(invocation, client, model->name, &command, body, NULL, err);
}

const struct command command_create = {
    .name = "create",
    .arguments = "[SERVICE...]",
    .summary = "Create the services' virtual machines without starting them",
    .details =
        "Networks, volumes, images and disks are made ready; 'start' or 'up' starts what was\n"
        "created.",
    .examples = "  vmstead create\n"
                "  vmstead create --force-recreate web",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct create_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
