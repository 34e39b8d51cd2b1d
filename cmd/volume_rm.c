/* `vmstead volume rm` */
#include "cmd/resource.h"

struct volume_rm_values {
    bool force;
};

static const struct option_row rows[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct volume_rm_values, force), NULL, NULL, 0, 0,
     "Say nothing of those that are not there"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct volume_rm_values *values = invocation->values;
    return resource_remove(invocation, &resource_volume, values->force, err);
}

const struct command command_volume_rm = {
    .name = "volume rm",
    .arguments = "NAME...",
    .summary = "Remove volumes, with their data",
    .details =
        "A volume that a virtual machine mounts, running or not, is not removed: the message\n"
        "names who does. Prints what was removed.",
    .examples = "  vmstead volume rm shop_data",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct volume_rm_values),
    .operand_minimum = 1,
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
