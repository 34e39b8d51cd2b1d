/* `vmstead volume create` */
#include "base/alloc.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/output.h"
#include "cmd/resource.h"

#include <errno.h>

#define TIMEOUT_MS 30000

struct volume_create_values {
    char **labels;
};

static const struct option_row rows[] = {
    {"label", 0, OPTION_LIST, offsetof(struct volume_create_values, labels), "NAME=VALUE", NULL, 0,
     0, "Set a label; may be given more than once"},
};

static char *print_body(const struct invocation *invocation)
{
    const struct volume_create_values *values = invocation->values;
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    if (invocation->operand_count)
        json_set_string(body, "Name", invocation->operands[0]);
    json_set(body, "Labels", resource_pairs(values->labels));
    return json_print(body);
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *volume = NULL;
    _cleanup_free_ char *body = print_body(invocation);
    int r = daemon_open(invocation, DAEMON_START, &client, err);
    if (r == 0)
        r = client_call(client, "POST", "/volumes/create", body, TIMEOUT_MS, &volume, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *line = xasprintf("%s\n", json_string(volume, "Name", ""));
    return output_write(line, strlen(line), err);
}

const struct command command_volume_create = {
    .name = "volume create",
    .arguments = "[NAME]",
    .summary = "Make a volume",
    .details =
        "Prints its name: a volume that is there already is left as it is. Services mount it\n"
        "with 'external: true'. Without NAME it gets one.",
    .examples = "  vmstead volume create shop-data",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct volume_create_values),
    .operand_maximum = 1,
    .run = run,
};
