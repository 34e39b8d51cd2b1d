/* `vmstead network prune` */
#include "base/alloc.h"
#include "base/str.h"
#include "cmd/daemon_start.h"
#include "cmd/output.h"
#include "cmd/prompt.h"
#include "cmd/resource.h"

#define TIMEOUT_MS 600000

struct network_prune_values {
    bool force;
    char **filters;
};

static const struct option_row rows[] = {
    {"filter", 0, OPTION_LIST, offsetof(struct network_prune_values, filters), "KEY=VALUE", NULL, 0,
     0, "Only these: label=NAME[=VALUE]"},
    {"force", 'f', OPTION_FLAG, offsetof(struct network_prune_values, force), NULL, NULL, 0, 0,
     "Do not ask"},
};

static bool confirm(const struct network_prune_values *values)
{
    if (values->force)
        return true;
    output_note("WARNING! This will remove all networks that no virtual machine is on.");
    return prompt_yes("Are you sure you want to continue?");
}

static int print(const cJSON *answer, struct error *err)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    const cJSON *name;
    cJSON_ArrayForEach(name, json_array(answer, "NetworksDeleted"))
    {
        if (cJSON_IsString(name))
            strbuf_addf(&out, "%s%s\n", out.length ? "" : "Deleted Networks:\n", name->valuestring);
    }
    return output_write(strbuf_text(&out), out.length, err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    static const char *const known[] = {"label", NULL};
    const struct network_prune_values *values = invocation->values;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *filters = NULL, *answer = NULL;
    int r = resource_filters(values->filters, known, "label=NAME[=VALUE]", &filters, err);
    if (r < 0 || !confirm(values))
        return r;
    _cleanup_free_ char *text = json_print(filters), *escaped = client_escape(text);
    _cleanup_free_ char *path = xasprintf("/networks/prune?filters=%s", escaped);
    r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    if (r == 0 && client)
        r = client_call(client, "POST", path, NULL, TIMEOUT_MS, &answer, err);
    return r < 0 ? r : print(answer, err);
}

const struct command command_network_prune = {
    .name = "network prune",
    .arguments = "",
    .summary = "Remove networks that nobody is on",
    .details = "Those of virtual machines that are stopped are in use.",
    .examples = "  vmstead network prune -f",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct network_prune_values),
    .run = run,
};
