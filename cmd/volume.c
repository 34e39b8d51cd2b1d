/* `vmstead volume`: a family of commands. */
#include "cmd/command.h"

static const struct command *const subcommands[] = {
    &command_volume_create, &command_volume_inspect, &command_volume_ls,
    &command_volume_prune,  &command_volume_rm,      NULL,
};

const struct command command_volume = {
    .name = "volume",
    .arguments = "COMMAND",
    .summary = "Make, list and remove volumes",
    .details = "Volumes of all projects and of none; 'vmstead volumes' lists those of one project.",
    .subcommands = subcommands,
};
