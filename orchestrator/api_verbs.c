/* Verbs with a model, /vmstead/projects/{name}/{up,pull,build}: bodies to options, and a job for
 * each, whose stream is the answer (api_jobs.c). What they have in common with `run` is in
 * api_internal.h. */
#include "base/alloc.h"
#include "base/str.h"
#include "compose/compose.h"
#include "orchestrator/api_internal.h"
#include "orchestrator/api_options.h"

#include <assert.h>
#include <errno.h>

#define TABLE(rows)                                                                                \
    {                                                                                              \
        rows, ARRAY_SIZE(rows)                                                                     \
    }

/* --- bodies ---------------------------------------------------------------------------------- */

struct model *api_read_model(const struct api_call *call, const cJSON *value, struct error *err)
{
    if (!value) {
        error_set(err, EINVAL, "the request's body has no object 'model'");
        return NULL;
    }
    _cleanup_free_ char *text = json_print(value);
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_(model_freep) struct model *model = NULL;
    diagnostics_set_purpose(diagnostics, PURPOSE_RUN);
    if (compose_deserialize(text, strlen(text), diagnostics, &model, err) < 0) {
        _cleanup_strbuf_ struct strbuf problems = {0};
        diagnostics_print(diagnostics, NULL, &problems);
        if (problems.length > 0)
            error_set(err, EINVAL, "the model is not valid: %s", problems.data);
        return NULL;
    }
    if (!streq(model->name, call->name)) {
        error_set(err, EINVAL, "the model is of project '%s', the request for '%s'", model->name,
                  call->name);
        return NULL;
    }
    return TAKE_PTR(model);
}

static const struct api_option body_rows[] = {
    {"model", API_OBJECT, offsetof(struct api_verb_body, model), NULL},
    {"service", API_STRING, offsetof(struct api_verb_body, service), NULL},
    {"services", API_STRINGS, offsetof(struct api_verb_body, services), NULL},
    {"options", API_OBJECT, offsetof(struct api_verb_body, options), NULL},
};
static const struct api_option_table body_table = {body_rows, ARRAY_SIZE(body_rows), NULL};

bool api_read_verb_body(const struct api_call *call, const struct api_option_table *table,
                        void *values, struct api_verb_body *ret_body)
{
    _cleanup_error_ struct error err = {0};
    *ret_body = (struct api_verb_body){.json = api_read_body(call->request)};
    if (!ret_body->json)
        return false;
    if (api_options_read(&body_table, ret_body->json, ret_body, &err) < 0 ||
        api_options_read(table, ret_body->options, values, &err) < 0) {
        api_respond_failure(call->request, &err);
        return false;
    }
    return true;
}

void api_verb_body_done(struct api_verb_body *body)
{
    model_free(body->parsed);
    api_options_done(&body_table, body);
    cJSON_Delete(body->json);
}

/* --- up --------------------------------------------------------------------------------------- */

static const char *const recreate_names[] = {
    [RECREATE_DIVERGED] = "diverged", [RECREATE_FORCE] = "force", [RECREATE_NEVER] = "never", NULL};
static_assert(ARRAY_SIZE(recreate_names) == RECREATE_POLICY_COUNT + 1, "a name for each");
const char *const api_build_names[] = {
    [BUILD_MISSING] = "missing", [BUILD_ALWAYS] = "always", [BUILD_NEVER] = "never", NULL};
static_assert(ARRAY_SIZE(api_build_names) == BUILD_POLICY_COUNT + 1, "a name for each");
/* PULL_BUILD is a service's own policy alone. */
const char *const api_pull_names[] = {[PULL_DEFAULT] = "default",
                                      [PULL_ALWAYS] = "always",
                                      [PULL_MISSING] = "missing",
                                      [PULL_NEVER] = "never",
                                      NULL};
static_assert(ARRAY_SIZE(api_pull_names) == PULL_BUILD + 1, "a name for each");
static const char *const changed_volumes_names[] = {[CHANGED_VOLUMES_ASK] = "ask",
                                                    [CHANGED_VOLUMES_KEEP] = "keep",
                                                    [CHANGED_VOLUMES_RECREATE] = "recreate",
                                                    NULL};

struct up_request {
    struct up_options options;
    const cJSON *scale;
    struct scale *scales;
    char **files;
};
#define UP(member) offsetof(struct up_request, options.member)
static const struct api_option up_rows[] = {
    {"scale", API_OBJECT, offsetof(struct up_request, scale), NULL},
    {"files", API_STRINGS, offsetof(struct up_request, files), NULL},
    {"recreate", API_CHOICE, UP(recreate), recreate_names},
    {"recreate_deps", API_BOOL, UP(recreate_dependencies), NULL},
    {"no_deps", API_BOOL, UP(no_deps), NULL},
    {"no_start", API_BOOL, UP(no_start), NULL},
    {"remove_orphans", API_BOOL, UP(remove_orphans), NULL},
    {"renew_anon_volumes", API_BOOL, UP(renew_anonymous), NULL},
    {"wait", API_BOOL, UP(wait), NULL},
    {"wait_timeout_ms", API_INT, UP(wait_timeout_ms), NULL},
    {"timeout_ms", API_INT, UP(timeout_ms), NULL},
    {"build", API_CHOICE, UP(build), api_build_names},
    {"pull", API_CHOICE, UP(pull), api_pull_names},
    {"changed_volumes", API_CHOICE, UP(changed_volumes), changed_volumes_names},
    {"dry_run", API_BOOL, UP(dry_run), NULL},
};
static const struct api_option_table up_table = {up_rows, ARRAY_SIZE(up_rows), NULL};

/* The names stay the body's. */
static int read_scale(struct up_request *up, struct error *err)
{
    up->scales = xcalloc((size_t)cJSON_GetArraySize(up->scale) + 1, sizeof(*up->scales));
    const cJSON *item;
    cJSON_ArrayForEach(item, up->scale)
    {
        if (!cJSON_IsNumber(item) || item->valuedouble < 0)
            return error_set(err, EINVAL, "option 'scale': '%s' needs a number of instances",
                             item->string);
        up->scales[up->options.scale_count++] =
            (struct scale){item->string, (int64_t)item->valuedouble};
    }
    up->options.scales = up->scales;
    return 0;
}

static void up_done(struct up_request *up)
{
    api_options_done(&up_table, up);
    free(up->scales);
}

static void start_up(const struct api_call *call, struct up_request *up, struct api_verb_body *body)
{
    _cleanup_error_ struct error err = {0};
    if (read_scale(up, &err) < 0 || !(body->parsed = api_read_model(call, body->model, &err))) {
        api_respond_failure(call->request, &err);
        return;
    }
    up->options.services = body->services;
    up->options.files = up->files;
    struct api_job *job = api_job_new(call->api);
    struct job *handle = NULL;
    int code = orchestrator_up(call->api->options.orchestrator, TAKE_PTR(body->parsed),
                               &up->options, &api_job_callbacks, job, &handle, &err);
    api_job_stream(job, code, handle, call->request, &err);
}

void api_project_up(const struct api_call *call)
{
    _cleanup_(up_done) struct up_request up = {.options = {.timeout_ms = -1}};
    _cleanup_(api_verb_body_done) struct api_verb_body body;
    if (api_read_verb_body(call, &up_table, &up, &body))
        start_up(call, &up, &body);
}

/* --- pull, build ----------------------------------------------------------------------------- */

struct image_request {
    struct image_options options;
    char **args;
};
#define IMAGE(member) offsetof(struct image_request, options.member)
static const struct api_option pull_rows[] = {
    {"policy", API_CHOICE, IMAGE(pull), api_pull_names},
    {"ignore_buildable", API_BOOL, IMAGE(ignore_buildable), NULL},
    {"include_deps", API_BOOL, IMAGE(dependencies), NULL},
};
static const struct api_option build_rows[] = {
    {"no_cache", API_BOOL, IMAGE(no_cache), NULL},
    {"pull", API_BOOL, IMAGE(pull_base), NULL},
    {"args", API_STRINGS, offsetof(struct image_request, args), NULL},
    {"with_dependencies", API_BOOL, IMAGE(dependencies), NULL},
};
static const struct api_option_table pull_table = {pull_rows, ARRAY_SIZE(pull_rows), NULL};
static const struct api_option_table build_table = {build_rows, ARRAY_SIZE(build_rows), NULL};

typedef int image_fn(struct orchestrator *orchestrator, struct model *model,
                     const struct image_options *options, const struct job_callbacks *callbacks,
                     void *userdata, struct job **ret_job, struct error *err);

static void start_image(const struct api_call *call, image_fn *start, struct image_request *image,
                        struct api_verb_body *body)
{
    _cleanup_error_ struct error err = {0};
    body->parsed = api_read_model(call, body->model, &err);
    if (!body->parsed) {
        api_respond_failure(call->request, &err);
        return;
    }
    image->options.services = body->services;
    image->options.args = image->args;
    struct api_job *job = api_job_new(call->api);
    struct job *handle = NULL;
    int code = start(call->api->options.orchestrator, TAKE_PTR(body->parsed), &image->options,
                     &api_job_callbacks, job, &handle, &err);
    api_job_stream(job, code, handle, call->request, &err);
}

static void serve_image(const struct api_call *call, const struct api_option_table *table,
                        image_fn *start)
{
    struct image_request image = {0};
    _cleanup_(api_verb_body_done) struct api_verb_body body;
    if (api_read_verb_body(call, table, &image, &body))
        start_image(call, start, &image, &body);
    api_options_done(table, &image);
}

void api_project_pull(const struct api_call *call)
{
    serve_image(call, &pull_table, orchestrator_pull);
}

void api_project_build(const struct api_call *call)
{
    serve_image(call, &build_table, orchestrator_build);
}
