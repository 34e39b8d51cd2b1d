/* `vmstead volume inspect` */
#include "base/alloc.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/json_indent.h"
#include "cmd/output.h"

#include <errno.h>

#define TIMEOUT_MS 30000

static int find(struct client *client, const char *name, cJSON *volumes, struct error *err)
{
    if (!client)
        return error_set(err, ENOENT, "no such volume: %s", name);
    _cleanup_free_ char *escaped = client_escape(name);
    _cleanup_free_ char *path = xasprintf("/volumes/%s", escaped);
    cJSON *volume = NULL;
    int r = client_call(client, "GET", path, NULL, TIMEOUT_MS, &volume, err);
    if (r == 0 && volume)
        cJSON_AddItemToArray(volumes, volume);
    return r;
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *volumes = cJSON_CreateArray();
    _cleanup_strbuf_ struct strbuf out = {0};
    int r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    for (size_t i = 0; r == 0 && i < invocation->operand_count; i++)
        r = find(client, invocation->operands[i], volumes, err);
    if (r < 0)
        return r;
    json_indent(volumes, &out);
    return output_write(strbuf_text(&out), out.length, err);
}

const struct command command_volume_inspect = {
    .name = "volume inspect",
    .arguments = "NAME...",
    .summary = "Show all about volumes, as JSON",
    .details = "Where the data is on the host, the labels, and how many virtual machines mount it.",
    .examples = "  vmstead volume inspect shop_data",
    .operand_minimum = 1,
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
