/* `vmstead stop` */
#include "cmd/job_command.h"

struct stop_values {
    int64_t timeout_ms;
};

static const struct option_row rows[] = {
    {"timeout", 't', OPTION_GRACE, offsetof(struct stop_values, timeout_ms), "SECONDS", NULL, 0, 0,
     "Grace before a service is killed, instead of its own"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct stop_values *values = invocation->values;
    static const struct job_command command = {.verb = "stop", .title = "Stopping"};
    cJSON *options = cJSON_CreateObject();
    json_set_int(options, "timeout_ms", values->timeout_ms);
    return job_command_run_operands(invocation, &command, options, err);
}

const struct command command_stop = {
    .name = "stop",
    .arguments = "[SERVICE...]",
    .summary = "Stop services, keeping their virtual machines",
    .details =
        "Services stop in reverse order of their dependencies: the stop signal, then after the\n"
        "grace SIGKILL. Disks, addresses and volumes stay; 'start' goes on with them. What was\n"
        "stopped by hand is not restarted by its policy. SERVICE may be a virtual machine's\n"
        "name or ID as well, in any folder.",
    .examples = "  vmstead stop web\n"
                "  vmstead stop -t 2 shop-web-2",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct stop_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
