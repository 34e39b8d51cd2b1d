/* `vmstead network inspect` */
#include "cmd/resource.h"

static int run(const struct invocation *invocation, struct error *err)
{
    return resource_inspect(invocation, &resource_network, err);
}

const struct command command_network_inspect = {
    .name = "network inspect",
    .arguments = "NAME...",
    .summary = "Show all about networks, as JSON",
    .details =
        "Subnets, options, labels, who is on it with which addresses, and how many addresses\n"
        "are taken and left. NAME may be the beginning of an ID.",
    .examples = "  vmstead network inspect shop_default",
    .operand_minimum = 1,
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
