/* `vmstead build`: the images of services with a build section, by a job in the daemon. */
#include "base/alloc.h"
#include "cmd/daemon_start.h"
#include "cmd/environment.h"
#include "cmd/job_command.h"
#include "cmd/project.h"
#include "compose/compose.h"

#include <errno.h>

struct build_values {
    bool no_cache, pull, quiet, with_dependencies;
    char **args;
};

static const struct option_row rows[] = {
    {"build-arg", 0, OPTION_LIST, offsetof(struct build_values, args), "NAME=VALUE", NULL, 0, 0,
     "Set a build argument over the file's (NAME alone: with our value)"},
    {"no-cache", 0, OPTION_FLAG, offsetof(struct build_values, no_cache), NULL, NULL, 0, 0,
     "Run all steps again"},
    {"pull", 0, OPTION_FLAG, offsetof(struct build_values, pull), NULL, NULL, 0, 0,
     "Ask the registries for newer base images"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct build_values, quiet), NULL, NULL, 0, 0,
     "Show no progress"},
    {"with-dependencies", 0, OPTION_FLAG, offsetof(struct build_values, with_dependencies), NULL,
     NULL, 0, 0, "Build what the services named depend on, too"},
};

static char *print_body(const struct invocation *invocation, const struct model *model)
{
    const struct build_values *values = invocation->values;
    _cleanup_free_ char *model_text = compose_serialize(model);
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    json_set(body, "model", cJSON_CreateRaw(model_text));
    cJSON *services = cJSON_AddArrayToObject(body, "services");
    for (size_t i = 0; i < invocation->operand_count; i++)
        cJSON_AddItemToArray(services, cJSON_CreateString(invocation->operands[i]));
    cJSON *options = cJSON_AddObjectToObject(body, "options");
    json_set_bool(options, "no_cache", values->no_cache);
    json_set_bool(options, "pull", values->pull);
    json_set_bool(options, "with_dependencies", values->with_dependencies);
    json_set(options, "args", environment_print(values->args));
    return json_print(body);
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct build_values *values = invocation->values;
    const struct job_command command = {
        .verb = "build", .title = "Building", .quiet = values->quiet};
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    int r = project_load(invocation->global, &model, err);
    if (r == 0)
        r = project_check_services(model, invocation->operands, invocation->operand_count, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_START, &client, err);
    if (r != 0)
        return r;
    _cleanup_free_ char *body = print_body(invocation, model);
    return job_command_run(invocation, client, model->name, &command, body, NULL, err);
}

const struct command command_build = {
    .name = "build",
    .arguments = "[SERVICE...]",
    .summary = "Build images from Dockerfiles",
    .details =
        "Builds what has a build section, with buildah and no daemon of its own; an unchanged\n"
        "context builds nothing. 'image:' names the result. Steps run as root of the build,\n"
        "with the host's network.",
    .examples = "  vmstead build\n"
                "  vmstead build --no-cache --build-arg VERSION=2 api",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct build_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
