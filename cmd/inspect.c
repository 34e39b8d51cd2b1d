/* `vmstead inspect`: all that is known of instances and volumes, as Docker shapes it. */
#include "base/alloc.h"
#include "cmd/daemon_start.h"
#include "cmd/json_indent.h"
#include "cmd/output.h"
#include "cmd/target.h"

#include <errno.h>

#define TIMEOUT_MS 30000

static int get(struct client *client, const char *format_before, const char *name,
               const char *after, cJSON **ret_object, struct error *err)
{
    _cleanup_free_ char *escaped = client_escape(name);
    _cleanup_free_ char *path = xasprintf("%s%s%s", format_before, escaped, after);
    return client_call(client, "GET", path, NULL, TIMEOUT_MS, ret_object, err);
}

/* An instance by name or ID, else a volume by its name. */
static int find(struct client *client, const char *name, cJSON *objects, struct error *err)
{
    cJSON *object = NULL;
    int r = client ? get(client, "/containers/", name, "/json", &object, err) : -ENOENT;
    if (r == -ENOENT && client)
        r = get(client, "/volumes/", name, "", &object, err);
    if (r == -ENOENT)
        return error_set(err, ENOENT, "no such virtual machine or volume: %s", name);
    if (r == 0 && object)
        cJSON_AddItemToArray(objects, object);
    return r;
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *objects = cJSON_CreateArray();
    _cleanup_strbuf_ struct strbuf out = {0};
    int r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    int failed = 0;
    for (size_t i = 0; r == 0 && i < invocation->operand_count; i++) {
        failed = find(client, invocation->operands[i], objects, err);
        if (failed < 0)
            break;
    }
    if (r < 0)
        return r;
    json_indent(objects, &out);
    r = output_write(strbuf_text(&out), out.length, failed < 0 ? NULL : err);
    return failed < 0 ? failed : r;
}

const struct command command_inspect = {
    .name = "inspect",
    .arguments = "NAME...",
    .summary = "Show all about virtual machines and volumes, as JSON",
    .details =
        "NAME is a virtual machine's name or ID, or a volume's name, of any project. State\n"
        "tells how a service ended: its exit code, whether the guest ran out of memory, its\n"
        "health checks' last results.",
    .examples = "  vmstead inspect shop-web-1\n"
                "  vmstead inspect shop-db-1 | jq .[0].State.Health",
    .operand_minimum = 1,
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
