/* `vmstead config`: Compose files -> the canonical form on stdout. Pure reading: no daemon. */
#include "base/alloc.h"
#include "base/fs.h"
#include "base/vec.h"
#include "cmd/command.h"
#include "cmd/config_digests.h"
#include "cmd/output.h"
#include "cmd/project.h"
#include "compose/compose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

struct config_values {
    const char *format, *output, *hash;
    bool quiet;
    bool services, volumes, networks, models, images, profiles, variables, environment;
    bool resolve_image_digests, lock_image_digests;
    bool no_interpolate, no_normalize, no_path_resolution, no_consistency, no_env_resolution;
};

#define FLAG(name, letter, member, help)                                                           \
    {                                                                                              \
        name, letter, OPTION_FLAG, offsetof(struct config_values, member), NULL, NULL, 0, 0, help  \
    }

static const struct option_row rows[] = {
    FLAG("environment", 0, environment, "List the variables that values are filled in from"),
    {"format", 0, OPTION_CHOICE, offsetof(struct config_values, format), "yaml|json", NULL, 0, 0,
     "Output format, of problems too (default: yaml; --variables: a table)"},
    {"hash", 0, OPTION_STRING, offsetof(struct config_values, hash), "SERVICE,...", NULL, 0, 0,
     "List services, '*' is all, each with a hash that changes where it needs a new VM"},
    FLAG("images", 0, images, "List the images, one a service"),
    FLAG("lock-image-digests", 0, lock_image_digests,
         "Only the images, by digest: a file to lay over yours; asks their registries"),
    FLAG("models", 0, models, "List the models that services ask for"),
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
    FLAG("resolve-image-digests", 0, resolve_image_digests,
         "Images by digest; asks their registries"),
    FLAG("services", 0, services, "List the services"),
    FLAG("variables", 0, variables, "List the variables that the files name"),
    FLAG("volumes", 0, volumes, "List the volumes in use"),
};

static bool wants_json(const struct config_values *values)
{
    return values->format && streq(values->format, "json");
}

static bool has_hash(const struct config_values *values)
{
    return values->hash && values->hash[0];
}

/* What is listed instead of the whole; COMPOSE_LIST_COUNT: the whole, hashes or variables. Where
 * several are asked for, the reference's order decides. */
static enum compose_list wanted_list(const struct config_values *values)
{
    const struct {
        bool is_on;
        enum compose_list what;
    } lists[] = {
        {values->services, COMPOSE_SERVICES},       {values->volumes, COMPOSE_VOLUMES},
        {values->networks, COMPOSE_NETWORKS},       {values->models, COMPOSE_MODELS},
        {has_hash(values), COMPOSE_LIST_COUNT},     {values->profiles, COMPOSE_PROFILES},
        {values->images, COMPOSE_IMAGES},           {values->variables, COMPOSE_LIST_COUNT},
        {values->environment, COMPOSE_ENVIRONMENT},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        if (lists[i].is_on)
            return lists[i].what;
    return COMPOSE_LIST_COUNT;
}

static int load(const struct invocation *invocation, enum compose_list list,
                struct model **ret_model, struct error *err)
{
    const struct config_values *values = invocation->values;
    bool whole = list == COMPOSE_LIST_COUNT && !has_hash(values);
    bool is_named =
        whole || list == COMPOSE_IMAGES || list == COMPOSE_PROFILES || list == COMPOSE_ENVIRONMENT;
    struct compose_options options = {
        .services = is_named && !values->variables ? invocation->operands : NULL,
        .only_services = whole || list == COMPOSE_IMAGES,
        .no_interpolate = values->no_interpolate || values->variables,
        .keep_all =
            (values->no_interpolate || values->variables) && (whole || list == COMPOSE_SERVICES),
        .no_normalize = values->no_normalize,
        .no_path_resolution = values->no_path_resolution,
        .no_consistency = values->no_consistency,
        .no_env_resolution = values->no_env_resolution,
    };
    int r = project_show(invocation->global, &options, wants_json(values), ret_model, err);
    if (r < 0 || !options.services)
        return r;
    return project_check_services(*ret_model, options.services, strv_length(options.services), err);
}

static int list_hashes(const struct model *model, const char *wanted, char **ret_text,
                       struct error *err)
{
    _cleanup_strv_ char **names = NULL;
    _cleanup_free_ char *copy = xstrdup(wanted);
    char *rest = streq(wanted, "*") ? NULL : copy;
    for (char *name; (name = strsep(&rest, ","));)
        strv_add(&names, xstrdup(name));
    int r = project_check_services(model, names, strv_length(names), err);
    if (r == 0)
        *ret_text = compose_list_hashes(model, names);
    return r;
}

/* The whole, or of it only the images, by their digests. */
static int print_pinned(const struct config_values *values, struct model *model,
                        enum compose_format format, char **ret_text, struct error *err)
{
    if (values->no_interpolate)
        return error_set(err, EINVAL,
                         "digests are looked up by the images' full names: leave "
                         "--no-interpolate out");
    int r = config_pin_images(model, err);
    if (r == 0)
        *ret_text = values->lock_image_digests ? compose_print_images(model, format)
                                               : compose_print(model, format);
    return r;
}

static int render(const struct config_values *values, enum compose_list list, struct model *model,
                  char **ret_text, struct error *err)
{
    enum compose_format format = wants_json(values) ? COMPOSE_JSON : COMPOSE_YAML;
    if (list != COMPOSE_LIST_COUNT)
        *ret_text = compose_list(model, list);
    else if (has_hash(values))
        return list_hashes(model, values->hash, ret_text, err);
    else if (values->quiet)
        *ret_text = NULL; /* the whole takes as long to write as to read */
    else if (values->variables)
        *ret_text = compose_list_variables(model, values->format ? format : COMPOSE_TABLE);
    else if (values->resolve_image_digests || values->lock_image_digests)
        return print_pinned(values, model, format, ret_text, err);
    else
        *ret_text = compose_print(model, format);
    return 0;
}

/* Not beside the file and renamed: it may be a device, a pipe or a link. */
static int write_file(const char *path, const char *text, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int r = fd < 0 ? -errno : fs_write_all(fd, text, strlen(text));
    return r < 0 ? error_set(err, -r, "cannot write '%s': %s", path, strerror(-r)) : 0;
}

static int write_text(const struct config_values *values, const char *text, struct error *err)
{
    return values->output ? write_file(values->output, text, err)
                          : output_write(text, strlen(text), err);
}

/* What else went wrong than what stands in the files, in the form of that. */
static void print_json_error(struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    if (!err->code)
        return;
    diagnostics_print_json_error(error_text(err), &text);
    fputs(strbuf_text(&text), stderr);
    error_done(err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct config_values *values = invocation->values;
    enum compose_list list = wanted_list(values);
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_free_ char *text = NULL;
    int r = load(invocation, list, &model, err);
    if (r == 0)
        r = render(values, list, model, &text, err);
    if (r == 0 && !values->quiet)
        r = write_text(values, text, err);
    if (r < 0 && wants_json(values))
        print_json_error(err);
    return r;
}

const struct command command_config = {
    .name = "config",
    .arguments = "[SERVICE...]",
    .summary = "Check the Compose files and show what they say, in canonical form",
    .details =
        "Reads the files as every command does (overlays merged, variables filled in, short\n"
        "forms written out) and prints the result, or of it only the services named and what\n"
        "they depend on. Every problem found is reported on standard error with file, line and\n"
        "column (with --format json as JSON, one a line); the exit status is then 1. Needs no\n"
        "daemon and no privileges.",
    .examples = "  vmstead config                       # is my file right?\n"
                "  vmstead -f compose.yaml -f prod.yaml config --format json\n"
                "  vmstead config --variables           # what can I set?\n"
                "  vmstead config --hash '*'            # what changed, service by service?",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct config_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
