/* `vmstead up`: the model goes to the daemon, whose job makes the host look like it. */
#include "cmd/up.h"

#include "base/alloc.h"
#include "cmd/daemon_start.h"
#include "cmd/project.h"
#include "compose/compose.h"

#include <errno.h>

static const struct option_row rows[] = {
    {"detach", 'd', OPTION_FLAG, offsetof(struct up_values, detach), NULL, NULL, 0, 0,
     "Leave the services running in the background"},
    {"no-color", 0, OPTION_FLAG, offsetof(struct up_values, no_color), NULL, NULL, 0, 0,
     "Never colour logs"},
    {"no-log-prefix", 0, OPTION_FLAG, offsetof(struct up_values, no_log_prefix), NULL, NULL, 0, 0,
     "Do not put the service before each line of log"},
    {"timeout", 't', OPTION_NUMBER, offsetof(struct up_values, timeout_s), "SECONDS", "10", 0,
     86400, "Grace on Ctrl-C before services are killed"},
    {"timestamps", 0, OPTION_FLAG, offsetof(struct up_values, timestamps), NULL, NULL, 0, 0,
     "Show when each line of log was written"},
};

/* {"model": ..., "services": [...]}; the model is JSON already. */
static char *print_body(const struct invocation *invocation, const struct model *model)
{
    _cleanup_free_ char *model_text = compose_serialize(model);
    _cleanup_json_ cJSON *services = cJSON_CreateArray();
    for (size_t i = 0; i < invocation->operand_count; i++)
        cJSON_AddItemToArray(services, cJSON_CreateString(invocation->operands[i]));
    _cleanup_free_ char *services_text = json_print(services);
    return xasprintf("{\"model\":%s,\"services\":%s}", model_text, services_text);
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    int r = project_need_root(invocation, err);
    if (r == 0)
        r = project_load(invocation->global, &model, err);
    if (r == 0)
        r = project_check_services(model, invocation->operands, invocation->operand_count, err);
    if (r == 0 && model->service_count == 0) /* the reference's words */
        r = error_set(err, ENOENT, "no service selected: the Compose files describe none");
    if (r == 0)
        r = daemon_open(invocation, DAEMON_START, &client, err);
    if (r != 0)
        return r;
    _cleanup_free_ char *body = print_body(invocation, model);
    return up_run(invocation, client, model->name, body, err);
}

const struct command command_up = {
    .name = "up",
    .arguments = "[SERVICE...]",
    .summary = "Create and start the services, each in a virtual machine of its own",
    .details =
        "Makes networks, fetches or builds images, and starts virtual machines in the order of\n"
        "depends_on; with SERVICE only those named and what they depend on. What already runs\n"
        "as the file says is left alone; what the file changed is recreated.\n\n"
        "Without --detach the services' logs follow, until all services have exited or Ctrl-C\n"
        "stops them in reverse order; a second Ctrl-C kills them. The exit status is then 130.",
    .examples = "  vmstead up -d\n"
                "  vmstead -f compose.yaml -f dev.yaml up web",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct up_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
