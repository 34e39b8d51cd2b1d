/* `vmstead ps`: instances -> a table or JSON lines, in the columns of Compose and the addresses. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/instances.h"
#include "cmd/output.h"
#include "cmd/project.h"
#include "cmd/ps_row.h"
#include "compose/model.h"

struct ps_values {
    bool all, quiet, no_trunc;
    const char *format;
};

static const struct option_row rows[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct ps_values, all), NULL, NULL, 0, 0,
     "Show stopped ones too"},
    {"format", 0, OPTION_CHOICE, offsetof(struct ps_values, format), "table|json", "table", 0, 0,
     "Output format; json is one object a line"},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct ps_values, no_trunc), NULL, NULL, 0, 0,
     "Do not shorten commands"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct ps_values, quiet), NULL, NULL, 0, 0,
     "Only print IDs"},
};

static void print_table(const struct invocation *invocation, const cJSON *instances,
                        struct strbuf *out)
{
    const struct ps_values *values = invocation->values;
    _cleanup_(table_freep) struct table *table = ps_table_new();
    int64_t now_ms = clock_realtime_ms();
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (instance_is_of(instance, invocation->operands, invocation->operand_count))
            ps_table_add(table, instance, !values->no_trunc, now_ms);
    }
    table_print(table, out);
}

static void print_lines(const struct invocation *invocation, const cJSON *instances,
                        struct strbuf *out)
{
    const struct ps_values *values = invocation->values;
    int64_t now_ms = clock_realtime_ms();
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (!instance_is_of(instance, invocation->operands, invocation->operand_count))
            continue;
        if (values->quiet) {
            strbuf_addf(out, "%s\n", json_string(instance, "Id", ""));
            continue;
        }
        _cleanup_json_ cJSON *line = ps_row_json(instance, now_ms);
        _cleanup_free_ char *text = json_print(line);
        strbuf_addf(out, "%s\n", text);
    }
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct ps_values *values = invocation->values;
    _cleanup_free_ char *project = NULL;
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *instances = NULL;
    int r = project_find(invocation->global, &project, &model, err);
    if (r == 0)
        r = project_check_services(model, invocation->operands, invocation->operand_count, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    if (r == 0 && client)
        r = instances_get(client, project, values->all, &instances, err);
    if (r < 0)
        return r;
    _cleanup_strbuf_ struct strbuf out = {0};
    if (values->quiet || streq(values->format, "json"))
        print_lines(invocation, instances, &out);
    else
        print_table(invocation, instances, &out);
    return output_write(strbuf_text(&out), out.length, err);
}

const struct command command_ps = {
    .name = "ps",
    .arguments = "[SERVICE...]",
    .summary = "List the project's virtual machines",
    .details =
        "Shows those that run; with --all also those that have ended, and how. IP is the address\n"
        "on each network, eth0 first.",
    .examples = "  vmstead ps -a\n"
                "  vmstead ps --format json | jq -r '.Name + \" \" + .IP'",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct ps_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
