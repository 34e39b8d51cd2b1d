/* `vmstead pause` */
#include "cmd/job_command.h"

static int run(const struct invocation *invocation, struct error *err)
{
    static const struct job_command command = {.verb = "pause", .title = "Pausing"};
    cJSON *options = cJSON_CreateObject();
    return job_command_run_operands(invocation, &command, options, err);
}

const struct command command_pause = {
    .name = "pause",
    .arguments = "[SERVICE...]",
    .summary = "Freeze services",
    .details = "Their virtual machines stand still, memory and connections kept, until 'unpause'.",
    .examples = "  vmstead pause web",
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
