/* `vmstead volume rm` */
#include "base/alloc.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/output.h"

#include <errno.h>

#define TIMEOUT_MS 60000

struct volume_rm_values {
    bool force;
};

static const struct option_row rows[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct volume_rm_values, force), NULL, NULL, 0, 0,
     "Say nothing of those that are not there"},
};

static int remove_volume(struct client *client, const char *name, bool force, struct error *err)
{
    if (!client)
        return force ? 0 : error_set(err, ENOENT, "no such volume: %s", name);
    _cleanup_free_ char *escaped = client_escape(name);
    _cleanup_free_ char *path = xasprintf("/volumes/%s%s", escaped, force ? "?force=1" : "");
    _cleanup_free_ char *line = xasprintf("%s\n", name);
    int r = client_call(client, "DELETE", path, NULL, TIMEOUT_MS, NULL, err);
    return r < 0 ? r : output_write(line, strlen(line), err);
}

/* One that cannot be removed does not keep the others from it. */
static int run(const struct invocation *invocation, struct error *err)
{
    const struct volume_rm_values *values = invocation->values;
    _cleanup_(client_freep) struct client *client = NULL;
    int result = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    if (result < 0)
        return result;
    for (size_t i = 0; i < invocation->operand_count; i++) {
        _cleanup_error_ struct error own = {0};
        int r = remove_volume(client, invocation->operands[i], values->force, &own);
        if (r < 0 && result < 0)
            output_error(error_text(&own));
        else if (r < 0)
            result = error_move(err, &own);
    }
    return result;
}

const struct command command_volume_rm = {
    .name = "volume rm",
    .arguments = "NAME...",
    .summary = "Remove volumes, with their data",
    .details =
        "A volume that a virtual machine mounts, running or not, is not removed: the message\n"
        "names who does. Prints what was removed.",
    .examples = "  vmstead volume rm shop_data",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct volume_rm_values),
    .operand_minimum = 1,
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
