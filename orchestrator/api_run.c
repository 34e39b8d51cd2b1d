/* POST /vmstead/projects/{name}/run: a one-off instance of a service. */
#include "base/alloc.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"
#include "orchestrator/run_model.h"

#include <errno.h>

struct run_request {
    struct run_options options;
    struct run_overlay overlay;
    char **files;
};
#define RUN(member) offsetof(struct run_request, options.member)
#define OVERLAY(member) offsetof(struct run_request, overlay.member)
static const struct api_option rows[] = {
    {"argv", API_STRINGS, OVERLAY(argv), NULL},
    {"entrypoint", API_STRINGS, OVERLAY(entrypoint), NULL},
    {"environment", API_STRINGS, OVERLAY(environment), NULL},
    {"user", API_STRING, OVERLAY(user), NULL},
    {"working_dir", API_STRING, OVERLAY(working_dir), NULL},
    {"ports", API_STRINGS, OVERLAY(ports), NULL},
    {"service_ports", API_BOOL, OVERLAY(service_ports), NULL},
    {"mounts", API_STRINGS, OVERLAY(mounts), NULL},
    {"tty", API_BOOL, OVERLAY(tty), NULL},
    {"stdin", API_BOOL, OVERLAY(stdin_open), NULL},
    {"name", API_STRING, RUN(name), NULL},
    {"no_deps", API_BOOL, RUN(no_deps), NULL},
    {"standalone", API_BOOL, RUN(standalone), NULL},
    {"remove", API_BOOL, RUN(remove), NULL},
    {"detach", API_BOOL, RUN(detach), NULL},
    {"build", API_CHOICE, RUN(build), api_build_names},
    {"pull", API_CHOICE, RUN(pull), api_pull_names},
    {"files", API_STRINGS, offsetof(struct run_request, files), NULL},
};
static const struct api_option_table table = {rows, ARRAY_SIZE(rows), NULL};

static void start_run(const struct api_call *call, struct run_request *run,
                      struct api_verb_body *body)
{
    _cleanup_error_ struct error err = {0};
    if (!body->service) {
        http_respond_error(call->request, 400, EINVAL, "the request's body has no 'service'");
        return;
    }
    if (run_model_apply(body->model, body->service, &run->overlay, &err) < 0 ||
        !(body->parsed = api_read_model(call, body->model, &err))) {
        api_respond_failure(call->request, &err);
        return;
    }
    run->options.service = body->service;
    run->options.files = run->files;
    struct api_job *job = api_job_new(call->api);
    struct job *handle = NULL;
    int code = orchestrator_run(call->api->options.orchestrator, TAKE_PTR(body->parsed),
                                &run->options, &api_job_callbacks, job, &handle, &err);
    api_job_stream(job, code, handle, call->request, &err);
}

void api_project_run(const struct api_call *call)
{
    struct run_request run = {0};
    _cleanup_(api_verb_body_done) struct api_verb_body body;
    if (api_read_verb_body(call, &table, &run, &body))
        start_run(call, &run, &body);
    api_options_done(&table, &run);
}
