/* `vmstead kill` */
#include "cmd/job_command.h"

struct kill_values {
    const char *signal;
};

static const struct option_row rows[] = {
    {"signal", 's', OPTION_STRING, offsetof(struct kill_values, signal), "SIGNAL", "SIGKILL", 0, 0,
     "Which one: a name, with or without SIG, or a number"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct kill_values *values = invocation->values;
    static const struct job_command command = {.verb = "kill", .title = "Killing"};
    cJSON *options = cJSON_CreateObject();
    json_set_string(options, "signal", values->signal);
    return job_command_run_operands(invocation, &command, options, err);
}

const struct command command_kill = {
    .name = "kill",
    .arguments = "[SERVICE...]",
    .summary = "Send a signal to services",
    .details =
        "The signal goes to the service's main process at once, without grace. What was killed\n"
        "by hand is not restarted by its policy.",
    .examples = "  vmstead kill\n"
                "  vmstead kill -s HUP web",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct kill_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
