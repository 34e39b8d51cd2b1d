/* `vmstead top`: the processes in the services' virtual machines. */
#include "base/alloc.h"
#include "base/vec.h"
#include "cmd/output.h"
#include "cmd/target.h"

#define TIMEOUT_MS 30000
#define COLUMN_MINIMUM 4
#define COLUMN_GAP 2

/* The rows of all instances under the first one's titles, which are the agent's. */
struct top {
    struct table *table;
    char **titles;
};

static void begin_table(struct top *top, const cJSON *answer)
{
    top->titles = json_strv(json_array(answer, "Titles"));
    size_t count = strv_length(top->titles);
    _cleanup_free_ const char **headings = xcalloc(count + 2, sizeof(char *));
    headings[0] = "SERVICE";
    headings[1] = "#";
    for (size_t i = 0; i < count; i++)
        headings[i + 2] = top->titles[i];
    top->table = table_new_shaped(count + 2, headings, COLUMN_MINIMUM, COLUMN_GAP);
}

static void add_process(struct top *top, const cJSON *instance, const cJSON *process)
{
    size_t count = strv_length(top->titles);
    _cleanup_free_ const char **cells = xcalloc(count + 2, sizeof(char *));
    _cleanup_free_ char *number = xasprintf("%lld", (long long)json_int(instance, "Number", 1));
    cells[0] = json_string(instance, "Service", "");
    cells[1] = number;
    for (size_t i = 0; i < count; i++) {
        const cJSON *cell = cJSON_GetArrayItem(process, (int)i);
        cells[i + 2] = cJSON_IsString(cell) ? cell->valuestring : "-";
    }
    table_add_row(top->table, cells);
}

static int add_instance(struct top *top, struct client *client, const cJSON *instance,
                        struct error *err)
{
    _cleanup_free_ char *name = client_escape(json_string(instance, "Name", ""));
    _cleanup_free_ char *path = xasprintf("/containers/%s/top", name);
    _cleanup_json_ cJSON *answer = NULL;
    int r = client_call(client, "GET", path, NULL, TIMEOUT_MS, &answer, err);
    if (r < 0)
        return r;
    if (!top->table)
        begin_table(top, answer);
    const cJSON *process;
    cJSON_ArrayForEach(process, json_array(answer, "Processes"))
        add_process(top, instance, process);
    return 0;
}

static int print(struct top *top, struct client *client, const cJSON *instances, struct error *err)
{
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        bool runs = streq(json_string(instance, "State", ""), "running");
        int r = runs ? add_instance(top, client, instance, err) : 0;
        if (r < 0)
            return r;
    }
    if (!top->table)
        return 0;
    _cleanup_strbuf_ struct strbuf out = {0};
    table_print(top->table, &out);
    return output_write(strbuf_text(&out), out.length, err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_targets_ struct targets targets = {0};
    _cleanup_json_ cJSON *instances = NULL;
    int r = target_find(invocation, invocation->operands, invocation->operand_count, &targets, err);
    if (r == 0)
        r = targets_instances(&targets, TARGET_ONEOFFS, &instances, err);
    if (r < 0)
        return r;
    struct top top = {0};
    r = print(&top, targets.client, instances, err);
    table_free(top.table);
    strv_free(top.titles);
    return r;
}

const struct command command_top = {
    .name = "top",
    .arguments = "[SERVICE...]",
    .summary = "Show the processes of the services",
    .details =
        "What runs in each virtual machine, as its agent sees it. No program in the guest is\n"
        "needed.",
    .examples = "  vmstead top\n"
                "  vmstead top web",
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
