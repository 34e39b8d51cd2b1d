/* `vmstead volume ls` */
#include "cmd/command.h"
#include "cmd/output.h"
#include "cmd/resource.h"
#include "cmd/volume_list.h"

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

static int run(const struct invocation *invocation, struct error *err)
{
    static const char *const known[] = {"name", "label", "dangling", NULL};
    const struct volume_ls_values *values = invocation->values;
    _cleanup_json_ cJSON *filters = NULL, *answer = NULL;
    _cleanup_strbuf_ struct strbuf out = {0};
    int r = resource_filters(values->filters, known,
                             "name=TEXT, label=NAME[=VALUE] or dangling=true", &filters, err);
    if (r == 0)
        r = resource_list(invocation, &resource_volume, filters, &answer, err);
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
