/* `vmstead rm`: removes what has ended; with --stop, what runs too. */
#include "base/alloc.h"
#include "cmd/instances.h"
#include "cmd/job_command.h"
#include "cmd/output.h"
#include "cmd/prompt.h"

struct rm_values {
    bool force, stop, volumes;
};

static const struct option_row rows[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct rm_values, force), NULL, NULL, 0, 0, "Do not ask"},
    {"stop", 's', OPTION_FLAG, offsetof(struct rm_values, stop), NULL, NULL, 0, 0,
     "Stop those that run first"},
    {"volumes", 'v', OPTION_FLAG, offsetof(struct rm_values, volumes), NULL, NULL, 0, 0,
     "Remove their anonymous volumes too"},
};

static bool has_ended(const cJSON *instance)
{
    const char *state = json_string(instance, "State", "");
    return streq(state, "exited") || streq(state, "created");
}

/* "shop-web-1, shop-db-1": who will be removed, "" for nobody. */
static char *list_names(const cJSON *instances, bool all)
{
    struct strbuf names = {0};
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (all || has_ended(instance))
            strbuf_addf(&names, "%s%s", names.length ? ", " : "",
                        json_string(instance, "Name", ""));
    }
    return strbuf_take(&names);
}

/* The reference's words. */
static bool confirm(const char *names)
{
    _cleanup_free_ char *question = xasprintf("Going to remove %s", names);
    output_note(question);
    return prompt_yes("Are you sure?");
}

static int stop(const struct invocation *invocation, const struct targets *targets,
                struct error *err)
{
    static const struct job_command command = {.verb = "stop", .title = "Stopping"};
    _cleanup_json_ cJSON *options = cJSON_CreateObject();
    return job_command_run_targets(invocation, targets, &command, options, err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    static const struct job_command command = {.verb = "rm", .title = "Removing"};
    const struct rm_values *values = invocation->values;
    _cleanup_targets_ struct targets targets = {0};
    _cleanup_json_ cJSON *instances = NULL, *options = cJSON_CreateObject();
    int r = target_find(invocation, invocation->operands, invocation->operand_count, &targets, err);
    if (r == 0)
        r = targets_instances(&targets, TARGET_ALL, &instances, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *names = list_names(instances, values->stop);
    if (!*names) {
        output_note("No stopped containers");
        return 0;
    }
    if (!values->force && !confirm(names))
        return 0;
    if (values->stop)
        r = stop(invocation, &targets, err);
    json_set_bool(options, "volumes", values->volumes);
    return r != 0 ? r : job_command_run_targets(invocation, &targets, &command, options, err);
}

const struct command command_rm = {
    .name = "rm",
    .arguments = "[SERVICE...]",
    .summary = "Remove virtual machines that have ended",
    .details =
        "Their disks, addresses and published ports are given back; named volumes stay, and so\n"
        "do anonymous ones without -v. SERVICE may be a virtual machine's name or ID as well.",
    .examples = "  vmstead rm -f\n"
                "  vmstead rm -fsv web",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct rm_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
