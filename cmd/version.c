/* `vmstead version` */
#include "base/version.h"
#include "cmd/command.h"

#include <stdio.h>

struct version_values {
    const char *format;
    bool is_short;
};

static const struct option_row rows[] = {
    {"format", 'f', OPTION_CHOICE, offsetof(struct version_values, format), "pretty|json", NULL, 0,
     0, "Output format"},
    {"short", 0, OPTION_FLAG, offsetof(struct version_values, is_short), NULL, NULL, 0, 0,
     "Only the number"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    (void)err;
    const struct version_values *values = invocation->values;
    if (values && values->is_short)
        puts(vmstead_version);
    else if (values && values->format && streq(values->format, "json"))
        printf("{\"version\":\"%s\"}\n", vmstead_version);
    else
        printf("vmstead version %s\n", vmstead_version);
    return 0;
}

const struct command command_version = {
    .name = "version",
    .arguments = "",
    .summary = "Show the version",
    .details = "Needs no daemon and no privileges.",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct version_values),
    .run = run,
};
