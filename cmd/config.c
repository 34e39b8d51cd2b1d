/* `vmstead config`: Compose files -> the canonical form on stdout. Pure reading: no daemon. */
#include "base/fs.h"
#include "cmd/command.h"
#include "cmd/output.h"
#include "cmd/project.h"
#include "compose/compose.h"

#include <errno.h>

struct config_values {
    const char *format, *output, *hash;
    bool quiet;
    bool services, volumes, networks, models, images, profiles, variables, environment;
    bool no_interpolate, no_normalize, no_path_resolution, no_consistency, no_env_resolution;
};

#define FLAG(name, letter, member, help)                                                           \
    {                                                                                              \
        name, letter, OPTION_FLAG, offsetof(struct config_values, member), NULL, NULL, 0, 0, help  \
    }

static const struct option_row rows[] = {
    FLAG("environment", 0, environment, "List the variables that values are filled in from"),
    {"format", 0, OPTION_CHOICE, offsetof(struct config_values, format), "yaml|json", "yaml", 0, 0,
     "Output format; json gives the problems found as JSON as well, one a line"},
    {"hash", 0, OPTION_STRING, offsetof(struct config_values, hash), "SERVICE", NULL, 0, 0,
     "List services with a hash of what they say; '*' is all"},
    FLAG("images", 0, images, "List the images"),
    FLAG("models", 0, models, "List the models"),
    FLAG("networks", 0, networks, "List the networks in use"),
    FLAG("no-consistency", 0, no_consistency, "Do not check what keys say of each other"),
    FLAG("no-env-resolution", 0, no_env_resolution, "Do not read env_file and label_file"),
    FLAG("no-interpolate", 0, no_interpolate, "Do not fill variables in"),
    FLAG("no-normalize", 0, no_normalize, "Do not fill in default networks and names"),
    FLAG("no-path-resolution", 0, no_path_resolution, "Leave relative paths as they are"),
    {"output", 'o', OPTION_STRING, offsetof(struct config_values, output), "FILE", NULL, 0, 0,
     "Write to a file instead of standard output"},
    FLAG("profiles", 0, profiles, "List the profiles"),
    FLAG("quiet", 'q', quiet, "Only check, print nothing"),
    FLAG("services", 0, services, "List the services"),
    FLAG("variables", 0, variables, "List the variables that the files name"),
    FLAG("volumes", 0, volumes, "List the volumes in use"),
};

/* What is listed instead of the whole; COMPOSE_LIST_COUNT: the whole. */
static enum compose_list wanted_list(const struct config_values *values)
{
    const struct {
        bool is_on;
        enum compose_list what;
    } lists[] = {
        {values->services, COMPOSE_SERVICES},
        {values->volumes, COMPOSE_VOLUMES},
        {values->networks, COMPOSE_NETWORKS},
        {values->models, COMPOSE_MODELS},
        {values->hash, COMPOSE_HASHES},
        {values->profiles, COMPOSE_PROFILES},
        {values->images, COMPOSE_IMAGES},
        {values->variables, COMPOSE_VARIABLES},
        {values->environment, COMPOSE_ENVIRONMENT},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (lists[i].is_on)
            return lists[i].what;
    return COMPOSE_LIST_COUNT;
}

static int load(const struct invocation *invocation, enum compose_list list,
                struct model **ret_model, struct error *err)
{
    const struct config_values *values = invocation->values;
    char *named[] = {(char *)values->hash, NULL};
    bool all = values->hash && streq(values->hash, "*");
    bool is_selected = list == COMPOSE_LIST_COUNT || list == COMPOSE_IMAGES;
    struct compose_options options = {
        .services = values->hash  ? (all ? NULL : named)
                    : is_selected ? invocation->operands
                                  : NULL,
        .only_services = is_selected,
        .no_interpolate = values->no_interpolate || values->variables,
        .no_normalize = values->no_normalize,
        .no_path_resolution = values->no_path_resolution,
        .no_consistency = values->no_consistency || values->variables,
        .no_env_resolution = values->no_env_resolution,
    };
    int r =
        project_show(invocation->global, &options, streq(values->format, "json"), ret_model, err);
    if (r < 0 || !options.services || values->no_interpolate)
        return r;
    return project_check_services(*ret_model, options.services, strv_length(options.services), err);
}

static int write_text(const struct config_values *values, const char *text, struct error *err)
{
    if (values->output)
        return fs_write_file_atomic(values->output, text, strlen(text), 0644, err);
    return output_write(text, strlen(text), err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct config_values *values = invocation->values;
    enum compose_list list = wanted_list(values);
    _cleanup_(model_freep) struct model *model = NULL;
    int r = load(invocation, list, &model, err);
    if (r < 0 || values->quiet)
        return r;
    const char *service = values->hash && !streq(values->hash, "*") ? values->hash : NULL;
    _cleanup_free_ char *text =
        list == COMPOSE_LIST_COUNT
            ? compose_print(model, streq(values->format, "json") ? COMPOSE_JSON : COMPOSE_YAML)
            : compose_list(model, list, service);
    return write_text(values, text, err);
}

const struct command command_config = {
    .name = "config",
    .arguments = "[SERVICE...]",
    .summary = "Check the Compose files and show what they say, in canonical form",
    .details =
        "Reads the files as every command does (overlays merged, variables filled in, short\n"
        "forms written out) and prints the result, or of it only the services named and what\n"
        "they depend on. Every problem found is reported on standard error with file, line and\n"
        "column; the exit status is then 1. Needs no daemon and no privileges.",
    .examples = "  vmstead config                       # is my file right?\n"
                "  vmstead -f compose.yaml -f prod.yaml config --format json\n"
                "  vmstead config --variables           # what can I set?",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct config_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
