/* `vmstead volume ls` */
#include "base/alloc.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/output.h"
#include "cmd/volume_list.h"

#include <errno.h>

#define TIMEOUT_MS 30000

struct volume_ls_values {
    bool quiet;
    const char *format;
    char **filters;
};

static const struct option_row rows[] = {
    {"filter", 'f', OPTION_LIST, offsetof(struct volume_ls_values, filters), "KEY=VALUE", NULL, 0,
     0, "Only these: name=TEXT, label=NAME[=VALUE], dangling=true (nobody mounts it)"},
    {"format", 0, OPTION_CHOICE, offsetof(struct volume_ls_values, format), "table|json", "table",
     0, 0, "Output format; json is one object a line"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct volume_ls_values, quiet), NULL, NULL, 0, 0,
     "Only print names"},
};

/* {"name":["x"],"label":["a=b"]} */
static int add_filter(cJSON *filters, const char *text, struct error *err)
{
    const char *equals = strchr(text, '=');
    _cleanup_free_ char *key = xstrndup(text, strcspn(text, "="));
    if (!equals || (!streq(key, "name") && !streq(key, "label") && !streq(key, "dangling")))
        return error_set(err, EINVAL,
                         "invalid filter '%s': use name=TEXT, label=NAME[=VALUE] or dangling=true",
                         text);
    if (!json_array(filters, key))
        cJSON_AddArrayToObject(filters, key);
    cJSON_AddItemToArray(json_array(filters, key), cJSON_CreateString(equals + 1));
    return 0;
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct volume_ls_values *values = invocation->values;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *filters = cJSON_CreateObject(), *answer = NULL;
    _cleanup_strbuf_ struct strbuf out = {0};
    int r = 0;
    for (size_t i = 0; r == 0 && values->filters && values->filters[i]; i++)
        r = add_filter(filters, values->filters[i], err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    _cleanup_free_ char *text = json_print(filters);
    _cleanup_free_ char *escaped = client_escape(text);
    _cleanup_free_ char *path = xasprintf("/volumes?filters=%s", escaped);
    if (r == 0 && client)
        r = client_call(client, "GET", path, NULL, TIMEOUT_MS, &answer, err);
    if (r < 0)
        return r;
    volume_list_print(json_array(answer, "Volumes"), values->format, values->quiet, &out);
    return output_write(strbuf_text(&out), out.length, err);
}

const struct command command_volume_ls = {
    .name = "volume ls",
    .arguments = "",
    .summary = "List volumes",
    .details = "Those of all projects, and those that 'volume create' made.",
    .examples = "  vmstead volume ls\n"
                "  vmstead volume ls -q --filter dangling=true",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct volume_ls_values),
    .run = run,
};
