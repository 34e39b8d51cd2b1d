/* `vmstead volume inspect` */
#include "cmd/resource.h"

static int run(const struct invocation *invocation, struct error *err)
{
    return resource_inspect(invocation, &resource_volume, err);
}

const struct command command_volume_inspect = {
    .name = "volume inspect",
    .arguments = "NAME...",
    .summary = "Show all about volumes, as JSON",
    .details = "Where the data is on the host, the labels, and how many virtual machines mount it.",
    .examples = "  vmstead volume inspect shop_data",
    .operand_minimum = 1,
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
