/* See image_request_internal.h: how each phase is carried out. A job runs in the thread pool, a
 * program as a child; both end in image_request_advance(). */
#include "runtime/image_request_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/image_failure.h"

enum {
    PROGRESS_MS = 250,                 /* looks at how much was fetched */
    QUERY_TIMEOUT_MS = 2 * 60 * 1000,  /* a registry or apt is asked something */
    WORK_TIMEOUT_MS = 2 * 3600 * 1000, /* fetching, unpacking, installing */
    OUTPUT_LIMIT = 4 << 20,
};

/* --- the table of phases -------------------------------------------------------------------- */

/* A job, or a program: `argv` and, where its output matters, `read`. */
static const struct {
    const char *text; /* progress; NULL: too short to tell */
    int (*job)(struct image_making *making);
    int (*argv)(struct image_making *making, char ***ret_argv);
    int (*read)(struct image_making *making, const struct spawn_result *result);
    uint64_t timeout_ms;
} phases[PHASE_COUNT] = {
    [PHASE_LOOKUP] = {.job = image_step_lookup},
    [PHASE_PREPARE] = {.job = image_step_prepare},
    [PHASE_INSPECT] = {"looking up", NULL, image_step_inspect, image_step_read_inspection,
                       QUERY_TIMEOUT_MS},
    [PHASE_COMPARE] = {.job = image_step_compare},
    [PHASE_COPY] = {"fetching", NULL, image_step_copy, NULL, WORK_TIMEOUT_MS},
    [PHASE_LAYOUT] = {.job = image_step_layout},
    [PHASE_CONFIG] = {NULL, NULL, image_step_config, image_step_read_config, QUERY_TIMEOUT_MS},
    [PHASE_UNPACK] = {"unpacking", NULL, image_step_unpack, NULL, WORK_TIMEOUT_MS},
    [PHASE_SOURCES] = {NULL, NULL, image_step_sources, image_step_read_sources, QUERY_TIMEOUT_MS},
    [PHASE_BOOTSTRAP] = {"installing packages", NULL, image_step_bootstrap, NULL, WORK_TIMEOUT_MS},
    [PHASE_FILES] = {.job = image_step_files},
    [PHASE_RUN] = {NULL, NULL, image_step_run, image_step_has_run, WORK_TIMEOUT_MS},
    [PHASE_LEAVE] = {.job = image_step_leave},
    [PHASE_EXTRACT] = {"unpacking the base", NULL, image_step_extract, NULL, WORK_TIMEOUT_MS},
    [PHASE_TAR] = {NULL, NULL, image_step_tar, NULL, WORK_TIMEOUT_MS},
    [PHASE_PACK] = {.job = image_step_pack},
    [PHASE_IMPORT] = {NULL, NULL, image_step_import, NULL, WORK_TIMEOUT_MS},
    [PHASE_READY] = {.job = image_step_ready},
    [PHASE_BUILD] = {"building", NULL, image_step_build, NULL, WORK_TIMEOUT_MS},
    [PHASE_BUILT] = {.job = image_step_built},
    [PHASE_BUILD_CONFIG] = {NULL, NULL, image_step_build_config, image_step_read_build_config,
                            QUERY_TIMEOUT_MS},
    [PHASE_EROFS] = {"making the file system", NULL, image_step_erofs, NULL, WORK_TIMEOUT_MS},
    [PHASE_INSTALL] = {"checking image", .job = image_step_install},
    [PHASE_SWEEP] = {"clearing the build cache", NULL, image_step_sweep, NULL, WORK_TIMEOUT_MS},
    [PHASE_PRUNE] = {NULL, NULL, image_step_prune, NULL, WORK_TIMEOUT_MS},
    [PHASE_CLEANUP] = {.job = image_step_cleanup},
};

/* --- running a phase ------------------------------------------------------------------------ */

static struct image_request *request_of_work(uv_work_t *work)
{
    return work->data;
}

static void run_job(uv_work_t *work)
{
    struct image_request *request = request_of_work(work);
    phases[request->phase].job(&request->making);
}

static void job_done(uv_work_t *work, int status)
{
    (void)status;
    image_request_advance(request_of_work(work));
}

static void start_job(struct image_request *request)
{
    request->work.data = request;
    uv_queue_work(request->loop, &request->work, run_job, job_done);
}

static void show_fetched(uv_timer_t *timer)
{
    struct image_request *request = timer->data;
    image_request_report(request, "fetching", image_oci_fetched_bytes(request->making.folder),
                         request->making.facts.bytes, "B");
}

/* What people wrote runs in these: its output is worth showing. */
static bool is_talkative(enum image_phase phase)
{
    return phase == PHASE_BUILD || phase == PHASE_RUN;
}

static void worker_said(void *userdata, const char *line)
{
    struct image_request *request = userdata;
    const struct image_build *build = request->making.build;
    _cleanup_free_ char *readable = build ? image_build_translate(build, line) : xstrdup(line);
    const char *text = image_output_add(&request->output, readable, clock_monotonic_ms());
    if (text)
        image_request_report(request, text, 0, 0, "");
}

static void program_said(void *userdata, const char *line)
{
    struct image_request *request = userdata;
    if (is_talkative(request->phase))
        worker_said(userdata, line);
    if (request->phase != PHASE_BOOTSTRAP)
        return;
    const char *text = image_bootstrap_progress(line);
    if (text)
        image_request_report(request, text, 0, 0, "");
    /* The cause comes first, long before the end of stderr. */
    if (str_after_prefix(line, "E: ") && strv_length(request->error_lines) < 16)
        strv_add(&request->error_lines, xstrdup(line));
}

static void explain_build(struct image_request *request, const struct spawn_result *result)
{
    _cleanup_free_ char *errors = image_build_translate(request->making.build, result->errors);
    image_output_explain_build(&request->output, request->making.name, errors,
                               &request->making.err);
    if (image_build_has_heredoc(request->making.build) && strstr(errors, "Unknown instruction")) {
        _cleanup_free_ char *text = xstrdup(error_text(&request->making.err));
        error_set(&request->making.err, EINVAL,
                  "%s; the Dockerfile has here-documents, which this buildah does not know: write "
                  "them as 'RUN ... && \\' lines or as files",
                  text);
    }
}

static void explain_failure(struct image_request *request, const struct spawn_result *result)
{
    _cleanup_free_ char *lines =
        request->error_lines ? strv_join(request->error_lines, "\n") : xstrdup(result->errors);
    _cleanup_free_ char *essence = image_failure_essence(lines);
    if (result->timed_out)
        error_set(&request->making.err, ETIMEDOUT, "image '%s': '%s' did not end in time",
                  request->making.name, image_phase_name(request->phase));
    else if (request->phase == PHASE_BUILD)
        explain_build(request, result);
    else if (request->phase == PHASE_RUN)
        image_output_explain_command(&request->output, request->making.name,
                                     image_step_next_command(&request->making), result->exit_status,
                                     result->term_signal, &request->making.err);
    else
        image_failure_explain(request->making.name, request->making.reference.registry, essence,
                              &request->making.err);
}

/* The image is there by then. */
static bool is_optional(enum image_phase phase)
{
    return phase == PHASE_SWEEP || phase == PHASE_PRUNE;
}

static void program_done(void *userdata, const struct spawn_result *result)
{
    struct image_request *request = userdata;
    request->spawn = NULL;
    uv_timer_stop(&request->timer);
    if (result->exit_status != 0 && is_optional(request->phase))
        log_warning("image '%s': %s: %s", request->making.name, image_phase_name(request->phase),
                    result->errors);
    else if (result->exit_status != 0 && !request->cancelled)
        explain_failure(request, result);
    else if (result->exit_status == 0 && phases[request->phase].read)
        phases[request->phase].read(&request->making, result);
    image_request_advance(request);
}

static void tell_command(struct image_request *request)
{
    const struct image_making *making = &request->making;
    const char *text = image_output_begin(&request->output, making->command + 1,
                                          strv_length(image_bootstrap_commands(making->bootstrap)),
                                          image_step_next_command(making));
    image_request_report(request, text, 0, 0, "");
}

/* 0, or the reason is in request->making.err. */
static int start_program(struct image_request *request)
{
    _cleanup_strv_ char **argv = NULL;
    int r = phases[request->phase].argv(&request->making, &argv);
    if (r < 0)
        return r;
    if (request->phase == PHASE_RUN)
        tell_command(request);
    /* Large temporary files belong where the image will be, not in /tmp. The epoch, in the year
     * 2100, makes mkfs.erofs give the same bytes for the same tree and clamps no file's time:
     * Python's compiled modules are valid only with their sources' true times. */
    _cleanup_strv_ char **environment = NULL;
    strv_add(&environment, xstrdup("LC_ALL=C.UTF-8"));
    strv_add(&environment, xasprintf("TMPDIR=%s", request->making.folder));
    if (request->phase == PHASE_EROFS)
        strv_add(&environment, xstrdup("SOURCE_DATE_EPOCH=4102444800"));
    if (request->phase == PHASE_BUILD)
        image_step_add_build_environment(&request->making, &environment);
    struct spawn_options options = {
        .argv = (const char *const *)argv,
        .environment = (const char *const *)environment,
        .working_directory = request->making.folder,
        .timeout_ms = phases[request->phase].timeout_ms,
        .output_limit = OUTPUT_LIMIT,
        .on_output_line = is_talkative(request->phase) ? worker_said : NULL,
        .on_error_line = program_said,
        .on_done = program_done,
        .userdata = request,
    };
    r = spawn_start(request->loop, &options, &request->spawn, &request->making.err);
    if (r == 0 && request->phase == PHASE_COPY)
        uv_timer_start(&request->timer, show_fetched, PROGRESS_MS, PROGRESS_MS);
    return r;
}

int image_phase_start(struct image_request *request)
{
    if (phases[request->phase].text)
        image_request_report(request, phases[request->phase].text, 0, 0, "");
    if (!phases[request->phase].job)
        return start_program(request);
    start_job(request);
    return 0;
}
