/* `vmstead start` */
#include "cmd/job_command.h"

struct start_values {
    bool wait;
    int64_t wait_timeout_s;
};

static const struct option_row rows[] = {
    {"wait", 0, OPTION_FLAG, offsetof(struct start_values, wait), NULL, NULL, 0, 0,
     "Come back when all run or are healthy"},
    {"wait-timeout", 0, OPTION_NUMBER, offsetof(struct start_values, wait_timeout_s), "SECONDS",
     "0", 0, 604800, "How long to wait at most; 0: for ever"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct start_values *values = invocation->values;
    static const struct job_command command = {.verb = "start", .title = "Starting"};
    cJSON *options = cJSON_CreateObject();
    json_set_bool(options, "wait", values->wait || values->wait_timeout_s);
    json_set_int(options, "wait_timeout_ms", values->wait_timeout_s * 1000);
    return job_command_run_operands(invocation, &command, options, err);
}

const struct command command_start = {
    .name = "start",
    .arguments = "[SERVICE...]",
    .summary = "Start virtual machines that were stopped",
    .details =
        "Starts what is there and does not run, as it was created, in the order of depends_on:\n"
        "what changed in the file since then counts at the next 'up'. SERVICE may be a virtual\n"
        "machine's name or ID as well.",
    .examples = "  vmstead start\n"
                "  vmstead start web",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct start_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
