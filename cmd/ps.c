/* `vmstead ps`: instances -> a table or JSON lines, in the columns of Compose and the addresses. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "cmd/output.h"
#include "cmd/ps_row.h"
#include "cmd/target.h"

#include <errno.h>

struct ps_values {
    bool all, quiet, no_trunc, services, orphans;
    const char *format;
    char **filters, **states;
};

static const struct option_row rows[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct ps_values, all), NULL, NULL, 0, 0,
     "Show stopped ones and those of run, too"},
    {"filter", 0, OPTION_LIST, offsetof(struct ps_values, filters), "status=STATE", NULL, 0, 0,
     "Only those in this state"},
    {"format", 0, OPTION_CHOICE, offsetof(struct ps_values, format), "table|json", "table", 0, 0,
     "Output format; json is one object a line"},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct ps_values, no_trunc), NULL, NULL, 0, 0,
     "Do not shorten commands"},
    {"orphans", 0, OPTION_FLAG, offsetof(struct ps_values, orphans), NULL, "true", 0, 0,
     "Show those of services that the file has no more; --orphans=false does not"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct ps_values, quiet), NULL, NULL, 0, 0,
     "Only print IDs"},
    {"services", 0, OPTION_FLAG, offsetof(struct ps_values, services), NULL, NULL, 0, 0,
     "Only print the names of services"},
    {"status", 0, OPTION_LIST, offsetof(struct ps_values, states), "STATE", NULL, 0, 0,
     "Only those in this state: paused, restarting, removing, running, dead, created or "
     "exited; may be given more than once"},
};

static const char *const known_states[] = {"paused", "restarting", "removing", "running",
                                           "dead",   "created",    "exited"};

static int add_state(char ***states, const char *state, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(known_states); i++)
        if (streq(state, known_states[i])) {
            strv_add(states, xstrdup(state));
            return 0;
        }
    return error_set(err, EINVAL,
                     "unknown state '%s': use paused, restarting, removing, running, dead, created "
                     "or exited",
                     state);
}

/* --status and --filter status= say the same. */
static int read_states(const struct ps_values *values, char ***ret_states, struct error *err)
{
    _cleanup_strv_ char **states = NULL;
    int r = 0;
    for (size_t i = 0; r == 0 && values->states && values->states[i]; i++)
        r = add_state(&states, values->states[i], err);
    for (size_t i = 0; r == 0 && values->filters && values->filters[i]; i++) {
        const char *state = str_after_prefix(values->filters[i], "status=");
        r = state ? add_state(&states, state, err)
                  : error_set(err, EINVAL, "unknown filter '%s': use status=STATE",
                              values->filters[i]);
    }
    *ret_states = TAKE_PTR(states);
    return r;
}

static bool is_shown(const struct ps_values *values, const struct model *model, char *const *states,
                     const cJSON *instance)
{
    const char *service = json_string(instance, "Service", "");
    if (states && !strv_contains(states, json_string(instance, "State", "")))
        return false;
    return values->orphans || !model || model_find_service(model, service);
}

static void drop_others(const struct ps_values *values, const struct model *model,
                        char *const *states, cJSON *instances)
{
    for (cJSON *instance = instances ? instances->child : NULL, *next; instance; instance = next) {
        next = instance->next;
        if (!is_shown(values, model, states, instance))
            cJSON_Delete(cJSON_DetachItemViaPointer(instances, instance));
    }
}

static void print_table(const struct ps_values *values, const cJSON *instances, struct strbuf *out)
{
    _cleanup_(table_freep) struct table *table = ps_table_new();
    int64_t now_ms = clock_realtime_ms();
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
        ps_table_add(table, instance, !values->no_trunc, now_ms);
    table_print(table, out);
}

static void print_lines(const struct ps_values *values, const cJSON *instances, struct strbuf *out)
{
    int64_t now_ms = clock_realtime_ms();
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (values->quiet) {
            strbuf_addf(out, "%s\n", json_string(instance, "Id", ""));
            continue;
        }
        _cleanup_json_ cJSON *line = ps_row_json(instance, now_ms);
        _cleanup_free_ char *text = json_print(line);
        strbuf_addf(out, "%s\n", text);
    }
}

/* Each once. */
static void print_services(const cJSON *instances, struct strbuf *out)
{
    _cleanup_strv_ char **services = NULL;
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        const char *service = json_string(instance, "Service", "");
        if (strv_contains(services, service))
            continue;
        strv_add(&services, xstrdup(service));
        strbuf_addf(out, "%s\n", service);
    }
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct ps_values *values = invocation->values;
    _cleanup_targets_ struct targets targets = {0};
    _cleanup_strv_ char **states = NULL;
    _cleanup_json_ cJSON *instances = NULL;
    int r = read_states(values, &states, err);
    if (r == 0)
        r = target_find(invocation, invocation->operands, invocation->operand_count, &targets, err);
    unsigned scope = values->all || states ? TARGET_ALL : TARGET_RUNNING;
    if (r == 0)
        r = targets_instances(&targets, scope | TARGET_ONEOFFS, &instances, err);
    if (r < 0)
        return r;
    drop_others(values, targets.model, states, instances);
    _cleanup_strbuf_ struct strbuf out = {0};
    if (values->services)
        print_services(instances, &out);
    else if (values->quiet || streq(values->format, "json"))
        print_lines(values, instances, &out);
    else
        print_table(values, instances, &out);
    return output_write(strbuf_text(&out), out.length, err);
}

const struct command command_ps = {
    .name = "ps",
    .arguments = "[SERVICE...]",
    .summary = "List the project's virtual machines",
    .details =
        "Shows those that run; with --all also those that have ended, and how: the service's\n"
        "exit code, a virtual machine that died, or memory that ran out. IP is the address on\n"
        "each network, eth0 first.",
    .examples = "  vmstead ps -a\n"
                "  vmstead ps --status exited --services\n"
                "  vmstead ps --format json | jq -r '.Name + \" \" + .IP'",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct ps_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
