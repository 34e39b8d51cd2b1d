/* `vmstead volume prune` */
#include "base/alloc.h"
#include "cmd/bytes.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/output.h"
#include "cmd/prompt.h"

#define TIMEOUT_MS 600000

struct volume_prune_values {
    bool all, force;
};

static const struct option_row rows[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct volume_prune_values, all), NULL, NULL, 0, 0,
     "Named ones, too, not only anonymous ones"},
    {"force", 'f', OPTION_FLAG, offsetof(struct volume_prune_values, force), NULL, NULL, 0, 0,
     "Do not ask"},
};

static bool confirm(const struct volume_prune_values *values)
{
    if (values->force)
        return true;
    _cleanup_free_ char *text =
        xasprintf("WARNING! This will remove %s volumes that no virtual machine mounts.",
                  values->all ? "all" : "anonymous");
    output_note(text);
    return prompt_yes("Are you sure you want to continue?");
}

static int print(const cJSON *answer, struct error *err)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    const cJSON *name;
    cJSON_ArrayForEach(name, json_array(answer, "VolumesDeleted"))
    {
        if (cJSON_IsString(name))
            strbuf_addf(&out, "%s%s\n", out.length ? "" : "Deleted Volumes:\n", name->valuestring);
    }
    strbuf_addf(&out, "%sTotal reclaimed space: ", out.length ? "\n" : "");
    bytes_add_docker(json_int(answer, "SpaceReclaimed", 0), &out);
    strbuf_add_char(&out, '\n');
    return output_write(strbuf_text(&out), out.length, err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct volume_prune_values *values = invocation->values;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *answer = NULL;
    if (!confirm(values))
        return 0;
    _cleanup_free_ char *filters = client_escape(values->all ? "{\"all\":[\"true\"]}" : "{}");
    _cleanup_free_ char *path = xasprintf("/volumes/prune?filters=%s", filters);
    int r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    if (r == 0 && client)
        r = client_call(client, "POST", path, NULL, TIMEOUT_MS, &answer, err);
    return r < 0 ? r : print(answer, err);
}

const struct command command_volume_prune = {
    .name = "volume prune",
    .arguments = "",
    .summary = "Remove volumes that nobody mounts",
    .details =
        "Anonymous ones that their virtual machines have left behind; with --all the named as\n"
        "well. Volumes of a virtual machine that is stopped are in use.",
    .examples = "  vmstead volume prune -f\n"
                "  vmstead volume prune -a",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct volume_prune_values),
    .run = run,
};
