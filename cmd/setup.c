/* `vmstead setup`: prepares a host for the daemon; setup_steps.h says what for. */
#include "cmd/command.h"
#include "cmd/output.h"
#include "cmd/setup_steps.h"

#include <errno.h>
#include <unistd.h>

enum { STATE_WIDTH = 8, NAME_WIDTH = 22 };

struct setup_values {
    bool dry_run;
};

static const struct option_row rows[] = {
    {"dry-run", 0, OPTION_FLAG, offsetof(struct setup_values, dry_run), NULL, NULL, 0, 0,
     "Only print what would be done, as a shell script"},
};

/* A comment for each step, and what it takes. */
static void format_script(const struct setup_step *step, struct strbuf *out)
{
    static const char *const states[] = {
        [SETUP_THERE] = "there", [SETUP_NEEDED] = "to do", [SETUP_SKIPPED] = "skipped"};
    strbuf_addf(out, "# %s: %s: %s\n", step->name, states[step->state], step->reason);
    for (size_t i = 0; i < step->actions.count; i++) {
        setup_action_format(&step->actions.items[i], out);
        strbuf_add_char(out, '\n');
    }
}

static int print_script(const struct setup_steps *steps, struct error *err)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    for (size_t i = 0; i < steps->list.count; i++)
        format_script(&steps->list.items[i], &out);
    return output_write(strbuf_text(&out), out.length, err);
}

static int print_line(const char *state, const char *name, const char *text, struct error *err)
{
    _cleanup_strbuf_ struct strbuf line = {0};
    strbuf_addf(&line, "%-*s %-*s %s\n", STATE_WIDTH, state, NAME_WIDTH, name, text);
    return output_write(line.data, line.length, err);
}

static int carry_out(const struct setup_step *step, struct error *err)
{
    _cleanup_strbuf_ struct strbuf done = {0};
    for (size_t i = 0; i < step->actions.count; i++) {
        int r = setup_action_run(&step->actions.items[i], err);
        if (r < 0)
            return error_prefix(err, "%s", step->name);
        strbuf_add_str(&done, i ? "; " : "");
        setup_action_describe(&step->actions.items[i], &done);
    }
    strbuf_addf(&done, " (%s)", step->reason);
    return print_line("done", step->name, strbuf_text(&done), err);
}

static int run_step(const struct setup_step *step, struct error *err)
{
    switch (step->state) {
    case SETUP_THERE:
        return print_line("there", step->name, step->reason, err);
    case SETUP_SKIPPED:
        return print_line("skipped", step->name, step->reason, err);
    case SETUP_NEEDED:
        break;
    }
    return carry_out(step, err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct setup_values *values = invocation->values;
    struct setup_steps steps = {0};
    int r = geteuid() == 0 ? 0
                           : error_set(err, EPERM,
                                       "'setup' needs root, to change this host: use 'sudo vmstead "
                                       "setup%s'",
                                       values->dry_run ? " --dry-run" : "");
    if (r < 0)
        return r;
    setup_look(&steps);
    if (values->dry_run)
        r = print_script(&steps, err);
    for (size_t i = 0; r == 0 && !values->dry_run && i < steps.list.count; i++)
        r = run_step(&steps.list.items[i], err);
    setup_steps_done(&steps);
    return r;
}

const struct command command_setup = {
    .name = "setup",
    .arguments = "",
    .summary = "Prepare this host: a group, forwarding, and the daemon under systemd",
    .details =
        "Makes the group 'vmstead', switches forwarding on for good, and installs and enables\n"
        "units for systemd, where the host was booted with it. What is there already is left\n"
        "alone: a second run changes nothing.\n\n"
        "Members of the group may use the daemon without sudo. The daemon runs as root and does\n"
        "what they say (mounts any folder of the host, for one), so they are as powerful as\n"
        "root; nobody is put into the group by this command.\n\n"
        "With --dry-run it prints the commands instead, a script that does the same.",
    .examples = "  sudo vmstead setup --dry-run\n"
                "  sudo vmstead setup && sudo usermod -aG vmstead \"$USER\"",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct setup_values),
    .run = run,
};
