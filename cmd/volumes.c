/* `vmstead volumes`: the project's volumes. */
#include "base/alloc.h"
#include "cmd/output.h"
#include "cmd/target.h"
#include "cmd/volume_list.h"

#define TIMEOUT_MS 30000

struct volumes_values {
    bool quiet;
    const char *format;
};

static const struct option_row rows[] = {
    {"format", 0, OPTION_CHOICE, offsetof(struct volumes_values, format), "table|json", "table", 0,
     0, "Output format; json is one object a line"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct volumes_values, quiet), NULL, NULL, 0, 0,
     "Only print names"},
};

static char *print_path(const char *project)
{
    _cleanup_json_ cJSON *filters = cJSON_CreateObject();
    _cleanup_free_ char *label = xasprintf("com.docker.compose.project=%s", project);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(filters, "label"), cJSON_CreateString(label));
    _cleanup_free_ char *text = json_print(filters);
    _cleanup_free_ char *escaped = client_escape(text);
    return xasprintf("/volumes?filters=%s", escaped);
}

static bool is_mounted(const cJSON *instances, const char *volume)
{
    const cJSON *instance, *mount;
    cJSON_ArrayForEach(instance, instances)
    {
        cJSON_ArrayForEach(mount, json_array(instance, "Mounts"))
        {
            if (streq(json_string(mount, "Name", ""), volume))
                return true;
        }
    }
    return false;
}

/* With services named: only what they mount. */
static int keep_mounted(const struct targets *targets, cJSON *volumes, struct error *err)
{
    _cleanup_json_ cJSON *instances = NULL;
    int r = targets_instances(targets, TARGET_ALL | TARGET_ONEOFFS, &instances, err);
    for (cJSON *volume = volumes ? volumes->child : NULL, *next; r == 0 && volume; volume = next) {
        next = volume->next;
        if (!is_mounted(instances, json_string(volume, "Name", "")))
            cJSON_Delete(cJSON_DetachItemViaPointer(volumes, volume));
    }
    return r;
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct volumes_values *values = invocation->values;
    _cleanup_targets_ struct targets targets = {0};
    _cleanup_json_ cJSON *answer = NULL;
    _cleanup_strbuf_ struct strbuf out = {0};
    int r = target_find(invocation, invocation->operands, invocation->operand_count, &targets, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *path = print_path(targets.items[0].project);
    if (targets.client)
        r = client_call(targets.client, "GET", path, NULL, TIMEOUT_MS, &answer, err);
    cJSON *volumes = json_array(answer, "Volumes");
    if (r == 0 && invocation->operand_count)
        r = keep_mounted(&targets, volumes, err);
    if (r < 0)
        return r;
    volume_list_print(volumes, values->format, values->quiet, &out);
    return output_write(strbuf_text(&out), out.length, err);
}

const struct command command_volumes = {
    .name = "volumes",
    .arguments = "[SERVICE...]",
    .summary = "List the project's volumes",
    .details =
        "With SERVICE only those that these mount. 'vmstead volume ls' lists the volumes of all\n"
        "projects.",
    .examples = "  vmstead volumes\n"
                "  vmstead volumes -q db",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct volumes_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
