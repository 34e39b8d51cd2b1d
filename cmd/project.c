/* Compose files named by the options -> model; see project.h. */
#include "cmd/project.h"

#include "base/alloc.h"
#include "cmd/output.h"
#include "compose/compose.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

extern char **environ;

/* COMPOSE_FILE=a.yaml:b.yaml, or with the separator that COMPOSE_PATH_SEPARATOR names. */
static char **files_from_environment(void)
{
    const char *list = getenv("COMPOSE_FILE");
    const char *separator = getenv("COMPOSE_PATH_SEPARATOR");
    if (!separator || !*separator)
        separator = ":";
    char **files = NULL;
    while (list && *list) {
        const char *end = strstr(list, separator);
        strv_add(&files, end ? xstrndup(list, (size_t)(end - list)) : xstrdup(list));
        list = end ? end + strlen(separator) : NULL;
    }
    return files;
}

static void print_diagnostics(const struct diagnostics *diagnostics)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    diagnostics_print(diagnostics, output_has_color(STDERR_FILENO), &text);
    fputs(strbuf_text(&text), stderr);
}

int project_load_services(const struct global_options *global, char *const *services,
                          struct model **ret_model, struct error *err)
{
    _cleanup_strv_ char **from_environment = global->files ? NULL : files_from_environment();
    _cleanup_free_ char *working_directory = getcwd(NULL, 0);
    if (!working_directory)
        return error_set(err, errno, "cannot find the current folder: %s", strerror(errno));
    struct compose_options options = {.files = global->files ? global->files : from_environment,
                                      .project_name = global->project_name,
                                      .project_directory = global->project_directory,
                                      .working_directory = working_directory,
                                      .environment = environ,
                                      .profiles = global->profiles,
                                      .services = services};
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    int r = compose_load(&options, diagnostics, ret_model, err);
    print_diagnostics(diagnostics);
    return r;
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
    int r = project_load(global, &model, err);
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
        if (!model_find_service(model, services[i]))
            return error_set(err, ENOENT, "no such service: %s", services[i]);
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
