/* `vmstead unpause` */
#include "cmd/job_command.h"

static int run(const struct invocation *invocation, struct error *err)
{
    static const struct job_command command = {.verb = "unpause", .title = "Unpausing"};
    cJSON *options = cJSON_CreateObject();
    return job_command_run_operands(invocation, &command, options, err);
}

const struct command command_unpause = {
    .name = "unpause",
    .arguments = "[SERVICE...]",
    .summary = "Let frozen services go on",
    .details = "The counterpart of 'pause'.",
    .examples = "  vmstead unpause web",
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
