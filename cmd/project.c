/* Compose files named by the options -> model; see project.h. */
#include "cmd/project.h"

#include "base/alloc.h"
#include "cmd/output.h"
#include "compose/compose.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

extern char **environ;

static void print_diagnostics(const struct diagnostics *diagnostics, bool json)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    struct diagnostics_look look = {.color = output_has_color(STDERR_FILENO)};
    if (isatty(STDERR_FILENO))
        look.width = output_get_size(STDERR_FILENO).columns;
    if (json)
        diagnostics_print_json(diagnostics, &text);
    else
        diagnostics_print(diagnostics, &look, &text);
    fputs(strbuf_text(&text), stderr);
}

/* options has what the command adds to the global ones. */
static int load(const struct global_options *global, struct compose_options *options,
                enum purpose purpose, bool json, struct model **ret_model, struct error *err)
{
    _cleanup_free_ char *working_directory = getcwd(NULL, 0);
    if (!working_directory)
        return error_set(err, errno, "cannot find the current folder: %s", strerror(errno));
    options->files = global->files;
    options->project_name = global->project_name;
    options->project_directory = global->project_directory;
    options->working_directory = working_directory;
    options->environment = environ;
    options->env_files = global->env_files;
    options->profiles = global->profiles;
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    diagnostics_set_purpose(diagnostics, purpose);
    int r = compose_load(options, diagnostics, ret_model, err);
    print_diagnostics(diagnostics, json);
    return r;
}

int project_show(const struct global_options *global, struct compose_options *options, bool json,
                 struct model **ret_model, struct error *err)
{
    return load(global, options, PURPOSE_SHOW, json, ret_model, err);
}

int project_load_services(const struct global_options *global, char *const *services,
                          struct model **ret_model, struct error *err)
{
    struct compose_options options = {.services = services};
    return load(global, &options, PURPOSE_RUN, false, ret_model, err);
}

int project_load(const struct global_options *global, struct model **ret_model, struct error *err)
{
    return project_load_services(global, NULL, ret_model, err);
}

int project_find(const struct global_options *global, char **ret_name, struct model **ret_model,
                 struct error *err)
{
    if (ret_model)
        *ret_model = NULL;
    if (global->project_name && !global->files) {
        *ret_name = xstrdup(global->project_name);
        return 0;
    }
    _cleanup_(model_freep) struct model *model = NULL;
    struct compose_options options = {0};
    int r = load(global, &options, PURPOSE_FIND, false, &model, err);
    const char *from_environment = getenv("COMPOSE_PROJECT_NAME");
    if (r < 0 && (!from_environment || !*from_environment))
        return r;
    error_done(err);
    *ret_name = xstrdup(r < 0 ? from_environment : model->name);
    if (ret_model)
        *ret_model = TAKE_PTR(model);
    return 0;
}

int project_check_services(const struct model *model, char *const *services, size_t count,
                           struct error *err)
{
    for (size_t i = 0; model && i < count; i++)
        if (!model_has_service(model, services[i]))
            return error_set(err, ENOENT, "no such service: %s%s", services[i],
                             strv_contains(model->disabled, services[i])
                                 ? ": none of its profiles is enabled, add --profile"
                                 : "");
    return 0;
}

int project_need_root(const struct invocation *invocation, struct error *err)
{
    if (geteuid() == 0)
        return 0;
    return error_set(
        err, EPERM,
        "'%s' needs root, to make networks and virtual machines or to reach those that "
        "run: use 'sudo vmstead %s ...'",
        invocation->command->name, invocation->command->name);
}
