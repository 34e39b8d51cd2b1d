/* `vmstead network rm` */
#include "cmd/resource.h"

struct network_rm_values {
    bool force;
};

static const struct option_row rows[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct network_rm_values, force), NULL, NULL, 0, 0,
     "Say nothing of those that are not there"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct network_rm_values *values = invocation->values;
    return resource_remove(invocation, &resource_network, values->force, err);
}

const struct command command_network_rm = {
    .name = "network rm",
    .arguments = "NAME...",
    .summary = "Remove networks",
    .details =
        "A network that a virtual machine is on, running or not, is not removed: the message\n"
        "names who is. Prints what was removed.",
    .examples = "  vmstead network rm backbone",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct network_rm_values),
    .operand_minimum = 1,
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
