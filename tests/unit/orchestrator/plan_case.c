/* See plan_case.h. */
#include "plan_case.h"

#include "../unit.h"

#include "base/str.h"
#include "stack.h"

#include <errno.h>

struct state_of {
    char *instance;
    enum vm_state state;
};

struct plan_case {
    struct store *store;
    char *project;
    enum vm_state state; /* of all that states does not name */
    VEC(struct state_of) states;
    struct strbuf out;
};

struct options { /* of one command, with what they point to */
    struct up_options up;
    struct down_options down;
    struct act_options act;
    struct plan_oneoff oneoff;
    char **services, **instances;
    VEC(struct scale) scales;
};

static void read_scale(struct options *options, char *text)
{
    char *name = strsep(&text, "=");
    vec_add(&options->scales, (struct scale){name, atoll(text)});
}

static bool read_flag(struct options *options, const char *word)
{
    const struct {
        const char *name;
        bool *flags[3];
    } flags[] = {
        {"deps", {&options->up.recreate_dependencies}},
        {"no_deps", {&options->up.no_deps, &options->act.no_deps}},
        {"no_start", {&options->up.no_start}},
        {"remove_orphans", {&options->up.remove_orphans, &options->down.remove_orphans}},
        {"renew", {&options->up.renew_anonymous}},
        {"wait", {&options->up.wait, &options->act.wait}},
        {"volumes", {&options->down.volumes, &options->act.volumes}},
        {"stop", {&options->act.stop}},
        {"force", {&options->act.force}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        if (!streq(flags[i].name, word))
            continue;
        for (size_t j = 0; j < 3 && flags[i].flags[j]; j++)
            *flags[i].flags[j] = true;
        return true;
    }
    return false;
}

static void read_option(struct options *options, char *word)
{
    const char *value;
    if (streq(word, "force"))
        options->up.recreate = RECREATE_FORCE;
    if (streq(word, "never"))
        options->up.recreate = RECREATE_NEVER;
    else if (read_flag(options, word))
        return;
    else if ((value = str_after_prefix(word, "scale=")))
        read_scale(options, (char *)value);
    else if ((value = str_after_prefix(word, "wait="))) {
        options->up.wait = true;
        options->up.wait_timeout_ms = atoll(value);
    } else if ((value = str_after_prefix(word, "timeout=")))
        options->up.timeout_ms = options->down.timeout_ms = options->act.timeout_ms = atoll(value);
    else if ((value = str_after_prefix(word, "volumes=")))
        options->up.changed_volumes =
            streq(value, "keep") ? CHANGED_VOLUMES_KEEP : CHANGED_VOLUMES_RECREATE;
    else if ((value = str_after_prefix(word, "images=")))
        options->down.remove_images = streq(value, "all") ? REMOVE_IMAGES_ALL : REMOVE_IMAGES_LOCAL;
    else if ((value = str_after_prefix(word, "run=")))
        options->oneoff.name = value;
    else if ((value = str_after_prefix(word, "/")))
        strv_add(&options->instances, xstrdup(value));
    else
        strv_add(&options->services, xstrdup(word));
}

static void read_options(struct options *options, char *words)
{
    char *word;
    *options = (struct options){0};
    options->up.timeout_ms = options->down.timeout_ms = options->act.timeout_ms = -1;
    while ((word = strsep(&words, " ")))
        if (*word)
            read_option(options, word);
    options->up.services = options->down.services = options->services;
    options->up.scales = options->scales.items;
    options->up.scale_count = options->scales.count;
    options->act.selection = (struct selection){options->services, options->instances};
    if (options->oneoff.name)
        options->oneoff.service = options->services[0];
}

static void options_done(struct options *options)
{
    strv_free(options->services);
    strv_free(options->instances);
    vec_done(&options->scales);
}

static struct observed *observe(const struct plan_case *of)
{
    struct observed *observed = stack_observe(of->store, of->project, of->state);
    for (size_t i = 0; i < of->states.count; i++)
        for (size_t j = 0; j < observed->instances.count; j++)
            if (streq(observed->instances.items[j].name, of->states.items[i].instance))
                observed->instances.items[j].state = of->states.items[i].state;
    return observed;
}

/* An error is a result as well. */
static void print_outcome(struct plan_case *of, int result, struct plan *plan,
                          const struct error *err)
{
    if (result < 0)
        strbuf_addf(&of->out, "error: %s\n", error_text(err));
    else
        plan_print(plan, &of->out);
    if (result == 0)
        stack_check_order(plan);
}

static void run_up(struct plan_case *of, char *words, bool is_before)
{
    const char *file = strsep(&words, " ");
    _cleanup_(options_done) struct options options;
    read_options(&options, words);
    _cleanup_(specs_freep) struct specs *specs = stack_specs(file);
    _cleanup_json_ cJSON *images = stack_images(specs, "");
    const struct plan_oneoff *oneoff = options.oneoff.name ? &options.oneoff : NULL;
    struct plan_up_options how = {&options.up, oneoff, images, stack_new_id};
    free(of->project);
    of->project = xstrdup(specs->project);
    _cleanup_error_ struct error err = {0};
    _cleanup_(observed_freep) struct observed *observed = observe(of);
    _cleanup_(plan_freep) struct plan *image_plan = NULL, *plan = NULL;
    int r = plan_images(specs, &how, &image_plan, &err);
    if (r == 0 && !is_before) {
        strbuf_add_str(&of->out, "images:\n");
        plan_print(image_plan, &of->out);
    }
    if (r == 0)
        r = plan_up(specs, observed, &how, &plan, &err);
    if (!is_before) {
        strbuf_add_str(&of->out, "changes:\n");
        print_outcome(of, r, plan, &err);
        return;
    }
    assert_ok(r, &err);
    stack_apply(of->store, specs, plan);
}

static void run_act(struct plan_case *of, char *words)
{
    static const char *const verbs[ACT_VERB_COUNT] = {"start", "stop",  "restart", "kill",
                                                      "rm",    "pause", "unpause"};
    const char *verb = strsep(&words, " ");
    _cleanup_(options_done) struct options options;
    read_options(&options, words);
    enum act_verb chosen = 0;
    while (!streq(verbs[chosen], verb))
        chosen++;
    _cleanup_error_ struct error err = {0};
    _cleanup_(observed_freep) struct observed *observed = observe(of);
    _cleanup_(plan_freep) struct plan *plan = NULL;
    int r = plan_act(observed, chosen, &options.act, &plan, &err);
    strbuf_addf(&of->out, "%s:\n", verb);
    print_outcome(of, r, plan, &err);
}

static void run_down(struct plan_case *of, char *words)
{
    _cleanup_(options_done) struct options options;
    read_options(&options, words);
    _cleanup_error_ struct error err = {0};
    _cleanup_(observed_freep) struct observed *observed = observe(of);
    _cleanup_(plan_freep) struct plan *plan = NULL;
    int r = plan_down(observed, &options.down, &plan, &err);
    strbuf_add_str(&of->out, "down:\n");
    print_outcome(of, r, plan, &err);
}

static void set_state(struct plan_case *of, char *words)
{
    const char *name = strsep(&words, " ");
    enum vm_state state = 0;
    while (!streq(vm_state_name(state), name))
        state++;
    if (words)
        vec_add(&of->states, (struct state_of){xstrdup(words), state});
    else
        of->state = state;
}

static void run_line(struct plan_case *of, char *line)
{
    const char *command = strsep(&line, " ");
    if (streq(command, "before"))
        run_up(of, line, true);
    else if (streq(command, "up"))
        run_up(of, line, false);
    else if (streq(command, "state"))
        set_state(of, line);
    else if (streq(command, "act"))
        run_act(of, line);
    else if (streq(command, "down"))
        run_down(of, line);
    else if (*command && *command != '#')
        fail_msg("no such command: %s", command);
}

char *plan_case_run(const char *script)
{
    struct plan_case of = {.store = stack_store(), .state = VM_RUNNING};
    _cleanup_free_ char *text = xstrdup(script);
    char *rest = text, *line;
    stack_reset_ids();
    while ((line = strsep(&rest, "\n")))
        run_line(&of, line);
    store_close(of.store);
    free(of.project);
    for (size_t i = 0; i < of.states.count; i++)
        free(of.states.items[i].instance);
    vec_done(&of.states);
    return strbuf_take(&of.out);
}
