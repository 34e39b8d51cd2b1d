/* The help page of one command, made from its row. */
#include "cmd/command.h"

#define HELP_WIDTH 80

void command_describe(const struct command *command, struct strbuf *out)
{
    strbuf_addf(out, "Usage:  vmstead %s%s%s%s\n\n%s\n", command->name,
                command->options.count ? " [OPTIONS]" : "", *command->arguments ? " " : "",
                command->arguments, command->summary);
    if (command->options.count) {
        strbuf_add_str(out, "\nOptions:\n");
        options_describe(&command->options, HELP_WIDTH, out);
    }
    if (command->subcommands)
        strbuf_add_str(out, "\nCommands:\n");
    for (size_t i = 0; command->subcommands && command->subcommands[i]; i++)
        strbuf_addf(out, "  %-16s %s\n", command->subcommands[i]->name,
                    command->subcommands[i]->summary);
    strbuf_addf(out, "\n%s\n", command->details);
    if (command->examples)
        strbuf_addf(out, "\nExamples:\n%s\n", command->examples);
}
