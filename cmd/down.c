/* `vmstead down`: one job in the daemon. The store alone knows what there is: with -p no file is
 * needed. */
#include "base/alloc.h"
#include "cmd/daemon_start.h"
#include "cmd/job_command.h"
#include "cmd/output.h"
#include "cmd/project.h"
#include "compose/compose.h"

struct down_values {
    bool volumes, remove_orphans;
    const char *rmi;
    int64_t timeout_ms;
};

static const struct option_row rows[] = {
    {"remove-orphans", 0, OPTION_FLAG, offsetof(struct down_values, remove_orphans), NULL, NULL, 0,
     0, "Remove the virtual machines of services that the file has no more, too"},
    {"rmi", 0, OPTION_CHOICE, offsetof(struct down_values, rmi), "all|local", NULL, 0, 0,
     "Remove images, too: all that the services use, or only those built here without a name "
     "of their own"},
    {"timeout", 't', OPTION_GRACE, offsetof(struct down_values, timeout_ms), "SECONDS", NULL, 0, 0,
     "Grace before a service is killed, instead of its own"},
    {"volumes", 'v', OPTION_FLAG, offsetof(struct down_values, volumes), NULL, NULL, 0, 0,
     "Remove the volumes of the file and anonymous ones, with their data; not external ones"},
};

static char *print_body(const struct invocation *invocation, const struct model *model)
{
    const struct down_values *values = invocation->values;
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    json_set_int(body, "timeout_ms", values->timeout_ms);
    json_set_bool(body, "volumes", values->volumes);
    json_set_bool(body, "remove_orphans", values->remove_orphans);
    json_set_string(body, "remove_images", values->rmi);
    cJSON *services = cJSON_AddArrayToObject(body, "services");
    for (size_t i = 0; i < invocation->operand_count; i++)
        cJSON_AddItemToArray(services, cJSON_CreateString(invocation->operands[i]));
    if (model) {
        _cleanup_free_ char *text = compose_serialize(model);
        json_set(body, "model", cJSON_CreateRaw(text));
    }
    return json_print(body);
}

static int run_job(const struct invocation *invocation, struct client *client, const char *project,
                   const struct model *model, struct error *err)
{
    static const struct job_command command = {.verb = "down", .title = "Running"};
    _cleanup_free_ char *body = print_body(invocation, model);
    bool had_steps = false;
    int r = job_command_run(invocation, client, project, &command, body, &had_steps, err);
    if (r == 0 && !had_steps) {
        _cleanup_free_ char *text =
            xasprintf("no resource found to remove for project '%s'", project);
        output_warning(text);
    }
    return r;
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_free_ char *project = NULL;
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    int r = project_find(invocation->global, &project, &model, err);
    if (r == 0)
        r = project_check_services(model, invocation->operands, invocation->operand_count, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_START, &client, err);
    return r < 0 ? r : run_job(invocation, client, project, model, err);
}

const struct command command_down = {
    .name = "down",
    .arguments = "[SERVICE...]",
    .summary = "Stop and remove virtual machines and networks",
    .details =
        "Services stop in reverse order of their dependencies, each with its grace. Their\n"
        "disks, addresses, published ports and the project's networks are removed. Named\n"
        "volumes stay without -v, and images without --rmi. A project whose files are gone is\n"
        "named with -p.",
    .examples = "  vmstead down\n"
                "  vmstead down -v --rmi local\n"
                "  vmstead -p shop down -t 2",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct down_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
