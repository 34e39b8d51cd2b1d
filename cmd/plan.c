/* `vmstead plan`: what `up` would change in the world, as a diff. */
#include "cmd/plan.h"

#include "base/alloc.h"
#include "cmd/daemon_start.h"
#include "cmd/job_command.h"
#include "cmd/output.h"
#include "cmd/plan_view.h"
#include "cmd/project.h"
#include "cmd/up_options.h"

#include <unistd.h>

struct plan_values {
    struct up_choices choices;
    const char *format;
};

static const struct option_row rows[] = {
    UP_ROW_ALWAYS_RECREATE_DEPS(struct plan_values),
    UP_ROW_BUILD(struct plan_values),
    UP_ROW_FORCE_RECREATE(struct plan_values),
    {"format", 0, OPTION_CHOICE, offsetof(struct plan_values, format), "diff|json", "diff", 0, 0,
     "Output format; json is one object a line"},
    UP_ROW_NO_DEPS(struct plan_values),
    UP_ROW_NO_RECREATE(struct plan_values),
    UP_ROW_PULL(struct plan_values),
    UP_ROW_REMOVE_ORPHANS(struct plan_values),
    UP_ROW_RENEW(struct plan_values),
    UP_ROW_SCALE(struct plan_values),
};

struct plan_output {
    struct plan_view *view; /* NULL: JSON lines */
    struct strbuf lines;
};

static void on_event(void *userdata, const cJSON *event)
{
    struct plan_output *output = userdata;
    if (output->view) {
        plan_view_add(output->view, event);
        return;
    }
    _cleanup_free_ char *line = json_print(event);
    strbuf_addf(&output->lines, "%s\n", line);
}

static int show(const struct invocation *invocation, struct client *client, const char *project,
                const char *body, struct plan_output *output, struct error *err)
{
    const struct job_command command = {
        .verb = "up", .title = "Planning", .on_event = on_event, .userdata = output};
    int r = job_command_run(invocation, client, project, &command, body, NULL, err);
    if (r != 0)
        return r;
    if (output->view)
        plan_view_print(output->view, &output->lines);
    return output_write(strbuf_text(&output->lines), output->lines.length, err);
}

int plan_run(const struct invocation *invocation, struct client *client, const char *project,
             const char *body, struct error *err)
{
    _cleanup_(plan_view_freep) struct plan_view *view =
        plan_view_new(output_has_color(STDOUT_FILENO));
    struct plan_output output = {.view = view};
    int r = show(invocation, client, project, body, &output, err);
    strbuf_done(&output.lines);
    return r;
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct plan_values *values = invocation->values;
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_free_ char *body = NULL;
    struct up_choices choices = values->choices;
    choices.dry_run = true;
    choices.timeout_ms = -1;
    int r = project_load_services(invocation->global, invocation->operands, &model, err);
    if (r == 0)
        r = project_check_services(model, invocation->operands, invocation->operand_count, err);
    if (r == 0)
        r = up_request_print(&choices, model, invocation->operands, invocation->operand_count,
                             &body, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_START, &client, err);
    if (r != 0)
        return r;
    if (streq(values->format, "diff"))
        return plan_run(invocation, client, model->name, body, err);
    struct plan_output output = {0};
    r = show(invocation, client, model->name, body, &output, err);
    strbuf_done(&output.lines);
    return r;
}

const struct command command_plan = {
    .name = "plan",
    .arguments = "[SERVICE...]",
    .summary = "Show what up would change, and change nothing",
    .details =
        "Compares the file with the world as 'up' does and prints a diff: '+' comes, '-' goes,\n"
        "'~' changes, with what is different and why. 'up --dry-run' is the same.",
    .examples = "  vmstead plan\n"
                "  vmstead plan --scale api=3",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct plan_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
