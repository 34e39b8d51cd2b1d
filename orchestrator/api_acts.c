/* Verbs that need no model,
 * /vmstead/projects/{name}/{start,stop,restart,kill,rm,pause,unpause,down}: bodies to options, and
 * a job for each, whose stream is the answer (api_jobs.c). */
#include "base/alloc.h"
#include "base/signal_name.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"

#include <assert.h>
#include <errno.h>

/* --- down ------------------------------------------------------------------------------------- */

static const char *const remove_images_names[] = {[REMOVE_IMAGES_NONE] = "none",
                                                  [REMOVE_IMAGES_LOCAL] = "local",
                                                  [REMOVE_IMAGES_ALL] = "all",
                                                  NULL};

struct down_request {
    struct down_options options;
    const cJSON *model;
    char **services;
};
#define DOWN(member) offsetof(struct down_request, options.member)
static const struct api_option down_rows[] = {
    {"services", API_STRINGS, offsetof(struct down_request, services), NULL},
    {"model", API_OBJECT, offsetof(struct down_request, model), NULL},
    {"timeout_ms", API_INT, DOWN(timeout_ms), NULL},
    {"kill", API_BOOL, DOWN(kill), NULL},
    {"volumes", API_BOOL, DOWN(volumes), NULL},
    {"remove_images", API_CHOICE, DOWN(remove_images), remove_images_names},
    {"remove_orphans", API_BOOL, DOWN(remove_orphans), NULL},
};
static const struct api_option_table down_table = {down_rows, ARRAY_SIZE(down_rows), NULL};

/* NULL where no model is given: then nobody is an orphan. */
static char **service_names(const struct model *model)
{
    char **names = xcalloc(model->service_count + 1, sizeof(*names));
    for (size_t i = 0; i < model->service_count; i++)
        names[i] = xstrdup(model->services[i].name);
    return names;
}

/* 0 with *ret_names NULL where the body has no model. */
static int read_known_services(const struct api_call *call, const cJSON *value, char ***ret_names,
                               struct error *err)
{
    if (!value)
        return 0;
    _cleanup_(model_freep) struct model *model = api_read_model(call, value, err);
    if (!model)
        return -EINVAL;
    *ret_names = service_names(model);
    return 0;
}

static void start_down(const struct api_call *call, struct down_request *down, const cJSON *body)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_strv_ char **known = NULL;
    if (api_options_read(&down_table, body, down, &err) < 0 ||
        read_known_services(call, down->model, &known, &err) < 0) {
        api_respond_failure(call->request, &err);
        return;
    }
    down->options.services = down->services;
    down->options.known_services = known;
    struct api_job *job = api_job_new(call->api);
    struct job *handle = NULL;
    int code = orchestrator_down(call->api->options.orchestrator, call->name, &down->options,
                                 &api_job_callbacks, job, &handle, &err);
    api_job_stream(job, code, handle, call->request, &err);
}

void api_project_down(const struct api_call *call)
{
    struct down_request down = {.options = {.timeout_ms = -1}};
    _cleanup_json_ cJSON *body = api_read_body(call->request);
    if (body)
        start_down(call, &down, body);
    api_options_done(&down_table, &down);
}

/* --- start, stop, restart, kill, rm, pause, unpause ------------------------------------------- */

struct act_request {
    struct act_options options;
    const char *signal;
    char **services, **instances;
};
#define ACT(member) offsetof(struct act_request, options.member)
static const struct api_option selection_rows[] = {
    {"services", API_STRINGS, offsetof(struct act_request, services), NULL},
    {"instances", API_STRINGS, offsetof(struct act_request, instances), NULL},
};
static const struct api_option_table selection_table = {selection_rows, ARRAY_SIZE(selection_rows),
                                                        NULL};
static const struct api_option start_rows[] = {
    {"no_deps", API_BOOL, ACT(no_deps), NULL},
    {"wait", API_BOOL, ACT(wait), NULL},
    {"wait_timeout_ms", API_INT, ACT(wait_timeout_ms), NULL},
};
static const struct api_option stop_rows[] = {
    {"timeout_ms", API_INT, ACT(timeout_ms), NULL},
    {"kill", API_BOOL, ACT(kill), NULL},
};
static const struct api_option restart_rows[] = {
    {"timeout_ms", API_INT, ACT(timeout_ms), NULL},
    {"kill", API_BOOL, ACT(kill), NULL},
    {"no_deps", API_BOOL, ACT(no_deps), NULL},
    {"wait", API_BOOL, ACT(wait), NULL},
    {"wait_timeout_ms", API_INT, ACT(wait_timeout_ms), NULL},
};
static const struct api_option kill_rows[] = {
    {"signal", API_STRING, offsetof(struct act_request, signal), NULL},
};
static const struct api_option remove_rows[] = {
    {"force", API_BOOL, ACT(force), NULL},
    {"stop", API_BOOL, ACT(stop), NULL},
    {"volumes", API_BOOL, ACT(volumes), NULL},
    {"timeout_ms", API_INT, ACT(timeout_ms), NULL},
};

#define TABLE(rows)                                                                                \
    {                                                                                              \
        rows, ARRAY_SIZE(rows), &selection_table                                                   \
    }
static const struct api_option_table act_tables[] = {
    [ACT_START] = TABLE(start_rows),
    [ACT_STOP] = TABLE(stop_rows),
    [ACT_RESTART] = TABLE(restart_rows),
    [ACT_KILL] = TABLE(kill_rows),
    [ACT_REMOVE] = TABLE(remove_rows),
    [ACT_PAUSE] = {NULL, 0, &selection_table},
    [ACT_UNPAUSE] = {NULL, 0, &selection_table},
};
static_assert(ARRAY_SIZE(act_tables) == ACT_VERB_COUNT, "a table for each verb");

static int read_signal(struct act_request *act, struct error *err)
{
    act->options.signal_number = act->signal ? signal_from_name(act->signal) : 0;
    if (act->signal && act->options.signal_number == 0)
        return error_set(err, EINVAL, "invalid signal: %s", act->signal);
    return 0;
}

static void start_act(const struct api_call *call, enum act_verb verb, struct act_request *act,
                      const cJSON *body)
{
    _cleanup_error_ struct error err = {0};
    if (api_options_read(&act_tables[verb], body, act, &err) < 0 || read_signal(act, &err) < 0) {
        api_respond_failure(call->request, &err);
        return;
    }
    act->options.selection =
        (struct selection){.services = act->services, .instances = act->instances};
    struct api_job *job = api_job_new(call->api);
    struct job *handle = NULL;
    int code = orchestrator_act(call->api->options.orchestrator, call->name, verb, &act->options,
                                &api_job_callbacks, job, &handle, &err);
    api_job_stream(job, code, handle, call->request, &err);
}

static void serve_act(const struct api_call *call, enum act_verb verb)
{
    struct act_request act = {.options = {.timeout_ms = -1}};
    _cleanup_json_ cJSON *body = api_read_body(call->request);
    if (body)
        start_act(call, verb, &act, body);
    api_options_done(&act_tables[verb], &act);
}

void api_project_start(const struct api_call *call)
{
    serve_act(call, ACT_START);
}

void api_project_stop(const struct api_call *call)
{
    serve_act(call, ACT_STOP);
}

void api_project_restart(const struct api_call *call)
{
    serve_act(call, ACT_RESTART);
}

void api_project_kill(const struct api_call *call)
{
    serve_act(call, ACT_KILL);
}

void api_project_remove(const struct api_call *call)
{
    serve_act(call, ACT_REMOVE);
}

void api_project_pause(const struct api_call *call)
{
    serve_act(call, ACT_PAUSE);
}

void api_project_unpause(const struct api_call *call)
{
    serve_act(call, ACT_UNPAUSE);
}
