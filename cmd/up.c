/* `vmstead up`: the model goes to the daemon, whose job makes the host look like it. */
#include "cmd/up.h"

#include "base/alloc.h"
#include "base/vec.h"
#include "cmd/daemon_member.h"
#include "cmd/daemon_start.h"
#include "cmd/plan.h"
#include "cmd/project.h"
#include "cmd/prompt.h"
#include "cmd/up_options.h"

#include <errno.h>

static const struct option_row rows[] = {
    {"abort-on-container-exit", 0, OPTION_FLAG, offsetof(struct up_values, abort_on_exit), NULL,
     NULL, 0, 0, "Stop all as soon as one has ended; the exit status is that one's"},
    {"abort-on-container-failure", 0, OPTION_FLAG, offsetof(struct up_values, abort_on_failure),
     NULL, NULL, 0, 0, "Stop all as soon as one has failed; the exit status is that one's"},
    UP_ROW_ALWAYS_RECREATE_DEPS(struct up_values),
    {"attach", 0, OPTION_LIST, offsetof(struct up_values, attach), "SERVICE", NULL, 0, 0,
     "Show the logs of this service only; may be given more than once"},
    {"attach-dependencies", 0, OPTION_FLAG, offsetof(struct up_values, attach_dependencies), NULL,
     NULL, 0, 0, "Show the logs of what the services named depend on, too"},
    UP_ROW_BUILD(struct up_values),
    {"detach", 'd', OPTION_FLAG, offsetof(struct up_values, detach), NULL, NULL, 0, 0,
     "Leave the services running in the background"},
    {"dry-run", 0, OPTION_FLAG, UP_CHOICE(struct up_values, dry_run), NULL, NULL, 0, 0,
     "Change nothing, show what would change"},
    {"exit-code-from", 0, OPTION_STRING, offsetof(struct up_values, exit_code_from), "SERVICE",
     NULL, 0, 0, "Like --abort-on-container-exit, with the exit status of this service"},
    UP_ROW_FORCE_RECREATE(struct up_values),
    {"no-attach", 0, OPTION_LIST, offsetof(struct up_values, no_attach), "SERVICE", NULL, 0, 0,
     "Do not show the logs of this service; may be given more than once"},
    UP_ROW_NO_BUILD(struct up_values),
    {"no-color", 0, OPTION_FLAG, offsetof(struct up_values, no_color), NULL, NULL, 0, 0,
     "Never colour logs"},
    UP_ROW_NO_DEPS(struct up_values),
    {"no-log-prefix", 0, OPTION_FLAG, offsetof(struct up_values, no_log_prefix), NULL, NULL, 0, 0,
     "Do not put the service before each line of log"},
    UP_ROW_NO_RECREATE(struct up_values),
    {"no-start", 0, OPTION_FLAG, UP_CHOICE(struct up_values, no_start), NULL, NULL, 0, 0,
     "Create, but start nothing"},
    UP_ROW_PULL(struct up_values),
    {"quiet-pull", 0, OPTION_FLAG, offsetof(struct up_values, quiet_pull), NULL, NULL, 0, 0,
     "Show no progress of images"},
    UP_ROW_REMOVE_ORPHANS(struct up_values),
    UP_ROW_RENEW(struct up_values),
    UP_ROW_SCALE(struct up_values),
    UP_ROW_TIMEOUT(struct up_values),
    {"timestamps", 0, OPTION_FLAG, offsetof(struct up_values, timestamps), NULL, NULL, 0, 0,
     "Show when each line of log was written"},
    {"wait", 0, OPTION_FLAG, UP_CHOICE(struct up_values, wait), NULL, NULL, 0, 0,
     "Come back when all run or are healthy; implies --detach"},
    {"wait-timeout", 0, OPTION_NUMBER, UP_CHOICE(struct up_values, wait_timeout_s), "SECONDS", "0",
     0, 604800, "How long to wait at most; 0: for ever"},
    {"yes", 'y', OPTION_FLAG, offsetof(struct up_values, yes), NULL, NULL, 0, 0,
     "Recreate volumes that are not as the file describes them, without asking"},
};

static bool stays_attached(const struct up_values *values)
{
    return !values->detach && !values->choices.wait && !values->choices.no_start;
}

/* Options that only make sense where logs are followed. */
static int check_attached(const struct up_values *values, struct error *err)
{
    const struct {
        bool given;
        const char *name;
    } attached[] = {
        {values->abort_on_exit, "--abort-on-container-exit"},
        {values->abort_on_failure, "--abort-on-container-failure"},
        {values->exit_code_from != NULL, "--exit-code-from"},
        {values->attach != NULL, "--attach"},
        {values->attach_dependencies, "--attach-dependencies"},
    };
    const char *other = values->detach         ? "--detach"
                        : values->choices.wait ? "--wait"
                                               : "--no-start";
    for (size_t i = 0; !stays_attached(values) && i < ARRAY_SIZE(attached); i++)
        if (attached[i].given)
            return error_set(err, EINVAL, "%s and %s are incompatible", attached[i].name, other);
    if (values->abort_on_failure && (values->abort_on_exit || values->exit_code_from))
        return error_set(err, EINVAL,
                         "--abort-on-container-failure is incompatible with "
                         "--abort-on-container-exit and --exit-code-from");
    if (values->attach && values->attach_dependencies)
        return error_set(err, EINVAL, "--attach and --attach-dependencies are incompatible");
    return 0;
}

static int check_services(const struct invocation *invocation, const struct model *model,
                          struct error *err)
{
    const struct up_values *values = invocation->values;
    char *const from[] = {(char *)values->exit_code_from, NULL};
    int r = project_check_services(model, invocation->operands, invocation->operand_count, err);
    if (r == 0)
        r = project_check_services(model, from, values->exit_code_from ? 1 : 0, err);
    if (r == 0)
        r = project_check_services(model, values->attach, strv_length(values->attach), err);
    if (r == 0)
        r = project_check_services(model, values->no_attach, strv_length(values->no_attach), err);
    if (r == 0 && model->service_count == 0) /* the reference's words */
        r = error_set(err, ENOENT, "no service selected: the Compose files describe none");
    return r;
}

/* One go, and where the daemon asks about volumes a second one with the answer. */
static int bring_up(const struct invocation *invocation, struct client *client,
                    const struct model *model, struct up_choices choices, struct error *err)
{
    bool detach = !stays_attached(invocation->values) || choices.wait;
    for (;;) {
        bool has_asked = false;
        _cleanup_free_ char *body = NULL;
        int r = up_request_print(&choices, model, invocation->operands, invocation->operand_count,
                                 &body, err);
        if (r == 0 && choices.dry_run)
            return plan_run(invocation, client, model->name, body, err);
        if (r == 0)
            r = up_run(invocation, client, model, body, detach, &has_asked, err);
        if (!has_asked || choices.changed_volumes)
            return r;
        error_done(err);
        choices.changed_volumes =
            prompt_yes("Recreate them, and lose what they hold?") ? "recreate" : "keep";
    }
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct up_values *values = invocation->values;
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    struct up_choices choices = values->choices;
    choices.wait = choices.wait || choices.wait_timeout_s;
    choices.changed_volumes = values->yes ? "recreate" : NULL;
    int r = check_attached(values, err);
    if (r == 0)
        r = daemon_member_check(invocation, err);
    if (r == 0)
        r = project_load_services(invocation->global, invocation->operands, &model, err);
    if (r == 0)
        r = check_services(invocation, model, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_START, &client, err);
    return r != 0 ? r : bring_up(invocation, client, model, choices, err);
}

const struct command command_up = {
    .name = "up",
    .arguments = "[SERVICE...]",
    .summary = "Create and start the services, each in a virtual machine of its own",
    .details =
        "Makes networks and volumes, fetches or builds images, and starts virtual machines in\n"
        "the order of depends_on; with SERVICE only those named and what they depend on. What\n"
        "already runs as the file says is left alone; what the file changed is recreated, with\n"
        "its volumes and address.\n\n"
        "Without --detach the services' logs follow, until all services have ended for good or\n"
        "Ctrl-C stops them in reverse order; a second Ctrl-C kills them. The exit status is\n"
        "then 130.",
    .examples = "  vmstead up -d --wait\n"
                "  vmstead -f compose.yaml -f dev.yaml up web\n"
                "  vmstead up --scale api=3 -d\n"
                "  vmstead up --exit-code-from tests",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct up_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
