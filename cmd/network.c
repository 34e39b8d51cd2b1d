/* `vmstead network`: a family of commands. */
#include "cmd/command.h"

static const struct command *const subcommands[] = {
    &command_network_create, &command_network_inspect, &command_network_ls,
    &command_network_prune,  &command_network_rm,      NULL,
};

const struct command command_network = {
    .name = "network",
    .arguments = "COMMAND",
    .summary = "Make, list and remove networks",
    .details = "Networks of all projects and of none. Services join one that was made here with\n"
               "'external: true'.",
    .subcommands = subcommands,
};
