/* `vmstead restart` */
#include "cmd/job_command.h"

struct restart_values {
    bool no_deps;
    int64_t timeout_ms;
};

static const struct option_row rows[] = {
    {"no-deps", 0, OPTION_FLAG, offsetof(struct restart_values, no_deps), NULL, NULL, 0, 0,
     "Leave alone what depends on them"},
    {"timeout", 't', OPTION_GRACE, offsetof(struct restart_values, timeout_ms), "SECONDS", NULL, 0,
     0, "Grace before a service is killed, instead of its own"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct restart_values *values = invocation->values;
    static const struct job_command command = {.verb = "restart", .title = "Restarting"};
    cJSON *options = cJSON_CreateObject();
    json_set_bool(options, "no_deps", values->no_deps);
    json_set_int(options, "timeout_ms", values->timeout_ms);
    return job_command_run_operands(invocation, &command, options, err);
}

const struct command command_restart = {
    .name = "restart",
    .arguments = "[SERVICE...]",
    .summary = "Restart services",
    .details =
        "Stops and starts them in the order of their dependencies, and with them what depends\n"
        "on them by 'restart: true'. The file is not looked at: 'up' applies changes.",
    .examples = "  vmstead restart\n"
                "  vmstead restart -t 1 web",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct restart_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
