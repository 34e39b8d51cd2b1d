/* `vmstead config`: Compose files -> the canonical form on stdout. Pure reading: no daemon. */
#include "cmd/command.h"
#include "cmd/output.h"
#include "cmd/project.h"
#include "compose/compose.h"

struct config_values {
    const char *format;
    bool quiet;
};

static const struct option_row rows[] = {
    {"format", 0, OPTION_CHOICE, offsetof(struct config_values, format), "yaml|json", "yaml", 0, 0,
     "Output format"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct config_values, quiet), NULL, NULL, 0, 0,
     "Only check, print nothing"},
};

static int run(const struct invocation *invocation, struct error *err)
{
    const struct config_values *values = invocation->values;
    _cleanup_(model_freep) struct model *model = NULL;
    int r = project_load(invocation->global, &model, err);
    if (r < 0 || values->quiet)
        return r;
    _cleanup_free_ char *text =
        compose_print(model, streq(values->format, "json") ? COMPOSE_JSON : COMPOSE_YAML);
    return output_write(text, strlen(text), err);
}

const struct command command_config = {
    .name = "config",
    .arguments = "",
    .summary = "Check the Compose files and show what they say, in canonical form",
    .details =
        "Reads the files as every command does (overlays merged, variables filled in, short\n"
        "forms written out) and prints the result. Every problem found is reported on\n"
        "standard error with file, line and column; the exit status is then 1. Needs no\n"
        "daemon and no privileges.",
    .examples = "  vmstead config                       # is my file right?\n"
                "  vmstead -f compose.yaml -f prod.yaml config --format json",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct config_values),
    .run = run,
};
