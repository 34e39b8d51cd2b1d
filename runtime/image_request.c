/* See image_request.h.
 *
 *   LOOKUP -> LOCK -> PREPARE
 *     -> an image reference: INSPECT -> COMPARE -> COPY -> LAYOUT -> CONFIG -> UNPACK
 *     -> a bootstrap:        SOURCES -> BOOTSTRAP -> FILES
 *     -> a build:            BUILD -> BUILT -> BUILD_CONFIG      (and BASES before LOCK)
 *     -> EROFS -> INSTALL -> CLEANUP -> DONE
 *
 * Whatever finds the image in the cache goes straight to CLEANUP, and so does every failure and
 * every cancel. A phase is a job in the thread pool, a program, or the wait for a lock. When it
 * ends, request_advance() chooses the next one. While a job runs, the loop's side does no more than
 * note that the request was cancelled. */
#include "runtime/image_request.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/spawn.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/image_cache.h"
#include "runtime/image_failure.h"
#include "runtime/image_output.h"
#include "runtime/image_steps.h"

#include <assert.h>
#include <errno.h>

enum image_phase {
    PHASE_LOOKUP,       /* is it cached and whole? */
    PHASE_BASES,        /* what it builds on is perhaps being built */
    PHASE_LOCK,         /* one maker per image, one mmdebstrap at all */
    PHASE_PREPARE,      /* look again; clear what dead makers left; a private folder */
    PHASE_INSPECT,      /* skopeo inspect: the platform, before anything is fetched */
    PHASE_COMPARE,      /* pull: always, and the registry still has what is cached? */
    PHASE_COPY,         /* skopeo copy */
    PHASE_LAYOUT,       /* the id and the configuration; cached under another name? */
    PHASE_CONFIG,       /* skopeo inspect: what OCI's format does not have */
    PHASE_UNPACK,       /* umoci unpack */
    PHASE_SOURCES,      /* apt-get indextargets */
    PHASE_BOOTSTRAP,    /* mmdebstrap */
    PHASE_FILES,        /* bootstrap's files */
    PHASE_BUILD,        /* buildah build */
    PHASE_BUILT,        /* its id; is that image there already? */
    PHASE_BUILD_CONFIG, /* buildah inspect */
    PHASE_EROFS,        /* mkfs.erofs */
    PHASE_INSTALL,      /* hash, rename, reference */
    PHASE_CLEANUP,      /* the folder and the locks go */
    PHASE_DONE,
    PHASE_COUNT
};

static const char *const phase_names[] = {
    "lookup", "bases",        "lock",   "prepare", "inspect",   "compare", "copy",
    "layout", "config",       "unpack", "sources", "bootstrap", "files",   "build",
    "built",  "build config", "erofs",  "install", "cleanup",   "done"};
static_assert(ARRAY_SIZE(phase_names) == PHASE_COUNT, "a name for each phase");

enum {
    TICK_MS = 50,                      /* looks at a lock */
    PROGRESS_MS = 250,                 /* looks at how much was fetched */
    LOCK_TIMEOUT_MS = 2 * 3600 * 1000, /* somebody else may be fetching a large image */
    QUERY_TIMEOUT_MS = 2 * 60 * 1000,  /* a registry or apt is asked something */
    WORK_TIMEOUT_MS = 2 * 3600 * 1000, /* fetching, unpacking, installing */
    OUTPUT_LIMIT = 4 << 20,
};

struct image_request {
    struct image_making making;
    uv_loop_t *loop;
    struct image_callbacks callbacks;
    void *userdata;
    struct image_request_list *list; /* NULL: nobody listens any more */
    struct image_request *next;

    enum image_phase phase;
    bool cancelled;
    uv_work_t work;
    uv_timer_t timer;
    struct spawn *spawn;
    uint64_t lock_deadline_ms;
    bool told_waiting, told_damage;
    struct image_request *waits_for; /* it builds a base of this one */
    char **error_lines;              /* mmdebstrap's "E: ..." lines */
    struct image_output output;
};

static void request_advance(struct image_request *request);

static void report(struct image_request *request, const char *text, int64_t current, int64_t total,
                   const char *unit)
{
    if (request->list && request->callbacks.on_progress)
        request->callbacks.on_progress(request->userdata, text, current, total, unit);
}

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
    [PHASE_BUILD] = {"building", NULL, image_step_build, NULL, WORK_TIMEOUT_MS},
    [PHASE_BUILT] = {.job = image_step_built},
    [PHASE_BUILD_CONFIG] = {NULL, NULL, image_step_build_config, image_step_read_build_config,
                            QUERY_TIMEOUT_MS},
    [PHASE_EROFS] = {"making the file system", NULL, image_step_erofs, NULL, WORK_TIMEOUT_MS},
    [PHASE_INSTALL] = {"checking image", .job = image_step_install},
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
    request_advance(request_of_work(work));
}

static void start_job(struct image_request *request)
{
    request->work.data = request;
    uv_queue_work(request->loop, &request->work, run_job, job_done);
}

static void show_fetched(uv_timer_t *timer)
{
    struct image_request *request = timer->data;
    report(request, "fetching", image_oci_fetched_bytes(request->making.folder),
           request->making.facts.bytes, "B");
}

static void build_said(void *userdata, const char *line)
{
    struct image_request *request = userdata;
    _cleanup_free_ char *readable = image_build_translate(request->making.build, line);
    const char *text = image_output_add(&request->output, readable, clock_monotonic_ms());
    if (text)
        report(request, text, 0, 0, "");
}

static void program_said(void *userdata, const char *line)
{
    struct image_request *request = userdata;
    if (request->phase == PHASE_BUILD)
        build_said(userdata, line);
    if (request->phase != PHASE_BOOTSTRAP)
        return;
    const char *text = image_bootstrap_progress(line);
    if (text)
        report(request, text, 0, 0, "");
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
                  request->making.name, phase_names[request->phase]);
    else if (request->phase == PHASE_BUILD)
        explain_build(request, result);
    else
        image_failure_explain(request->making.name, request->making.reference.registry, essence,
                              &request->making.err);
}

static void program_done(void *userdata, const struct spawn_result *result)
{
    struct image_request *request = userdata;
    request->spawn = NULL;
    uv_timer_stop(&request->timer);
    if (result->exit_status != 0 && !request->cancelled)
        explain_failure(request, result);
    else if (result->exit_status == 0 && phases[request->phase].read)
        phases[request->phase].read(&request->making, result);
    request_advance(request);
}

/* 0, or the reason is in request->making.err. */
static int start_program(struct image_request *request)
{
    _cleanup_strv_ char **argv = NULL;
    int r = phases[request->phase].argv(&request->making, &argv);
    if (r < 0)
        return r;
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
        .on_output_line = request->phase == PHASE_BUILD ? build_said : NULL,
        .on_error_line = program_said,
        .on_done = program_done,
        .userdata = request,
    };
    r = spawn_start(request->loop, &options, &request->spawn, &request->making.err);
    if (r == 0 && request->phase == PHASE_COPY)
        uv_timer_start(&request->timer, show_fetched, PROGRESS_MS, PROGRESS_MS);
    return r;
}

/* --- locks ---------------------------------------------------------------------------------- */

/* 0: held, 1: somebody else has it, < 0: the reason is in request->making.err. Builds share
 * buildah's store, but for the one that empties it. */
static int try_lock(struct image_request *request, const char *key, bool shared, int *lock)
{
    if (*lock >= 0)
        return 0;
    _cleanup_free_ char *path = image_cache_lock_path(request->making.images, key);
    _cleanup_error_ struct error err = {0};
    int r = shared ? fs_lock_file_shared(path, lock, &err) : fs_lock_file(path, 0, lock, &err);
    return r == -EWOULDBLOCK ? 1 : r < 0 ? error_move(&request->making.err, &err) : 0;
}

static int try_locks(struct image_request *request)
{
    struct image_making *making = &request->making;
    int r = try_lock(request, making->key, false, &making->lock);
    if (r == 0 && making->bootstrap)
        r = try_lock(request, "bootstrap", false, &making->tool_lock);
    if (r == 0 && making->build)
        r = try_lock(request, "buildah", true, &making->tool_lock);
    if (r == 1 && clock_monotonic_ms() > request->lock_deadline_ms)
        r = error_set(&making->err, ETIMEDOUT,
                      "image '%s': another vmstead has been making it for too long", making->name);
    return r;
}

static void poll_locks(uv_timer_t *timer)
{
    struct image_request *request = timer->data;
    int r = request->cancelled ? 0 : try_locks(request);
    if (r == 1 && !request->told_waiting) {
        request->told_waiting = true;
        report(request, "waiting for its turn", 0, 0, "");
    }
    if (r == 1)
        return;
    uv_timer_stop(timer);
    request_advance(request);
}

static void start_locking(struct image_request *request)
{
    request->lock_deadline_ms = clock_monotonic_ms() + LOCK_TIMEOUT_MS;
    uv_timer_start(&request->timer, poll_locks, 0, TICK_MS);
}

/* --- bases ---------------------------------------------------------------------------------- */

static bool builds(const struct image_request *request, const struct image_request *base)
{
    if (!base->making.build || base == request || base->phase >= PHASE_CLEANUP)
        return false;
    char *const *names = image_build_names(base->making.build);
    for (size_t i = 0; names[i]; i++)
        if (image_build_needs(request->making.build, names[i]))
            return true;
    return false;
}

/* Does `other` wait for `request`, perhaps through others? Then both would wait for ever. */
static bool waits_for(const struct image_request *other, const struct image_request *request)
{
    while (other && other != request)
        other = other->waits_for;
    return other != NULL;
}

/* Another request that is building a base of this one; in a circle the last one goes ahead with
 * what is there. */
static struct image_request *find_builder(struct image_request *request)
{
    for (struct image_request *other = request->list ? request->list->first : NULL; other;
         other = other->next)
        if (builds(request, other) && !waits_for(other, request))
            return other;
    return NULL;
}

static void poll_bases(uv_timer_t *timer)
{
    struct image_request *request = timer->data;
    struct image_request *builder = request->cancelled ? NULL : find_builder(request);
    if (builder && builder != request->waits_for) {
        _cleanup_free_ char *text =
            xasprintf("waiting for image '%s' to be built", builder->making.name);
        report(request, text, 0, 0, "");
    }
    request->waits_for = builder;
    if (builder)
        return;
    uv_timer_stop(timer);
    request_advance(request);
}

/* --- the end -------------------------------------------------------------------------------- */

static void unlink_request(struct image_request *request)
{
    if (!request->list)
        return;
    struct image_request **place = &request->list->first;
    while (*place != request)
        place = &(*place)->next;
    *place = request->next;
    for (struct image_request *other = request->list->first; other; other = other->next)
        if (other->waits_for == request)
            other->waits_for = NULL;
    request->list = NULL;
}

static void free_request(struct image_request *request)
{
    image_making_done(&request->making);
    strv_free(request->error_lines);
    image_output_done(&request->output);
    free(request);
}

static void request_closed(uv_handle_t *handle)
{
    struct image_request *request = handle->data;
    bool listening = request->list != NULL;
    unlink_request(request);
    if (request->cancelled && !request->making.result)
        error_set(&request->making.err, ECANCELED, "image '%s': cancelled", request->making.name);
    else if (request->making.err.code && request->making.damage)
        error_prefix(&request->making.err, "the cached copy of image '%s' is damaged (%s)",
                     request->making.name, request->making.damage);
    if (request->making.err.code) {
        cJSON_Delete(request->making.result);
        request->making.result = NULL;
    }
    if (listening)
        request->callbacks.on_done(request->userdata, TAKE_PTR(request->making.result),
                                   &request->making.err);
    free_request(request);
}

/* --- advancing ------------------------------------------------------------------------------ */

static enum image_phase next_phase(const struct image_request *request)
{
    if (request->phase < PHASE_CLEANUP && (request->cancelled || request->making.err.code))
        return PHASE_CLEANUP;
    switch (request->phase) {
    case PHASE_LOOKUP:
        return request->making.result  ? PHASE_CLEANUP
               : request->making.build ? PHASE_BASES
                                       : PHASE_LOCK;
    case PHASE_BASES:
        return PHASE_LOCK;
    case PHASE_LOCK:
        return PHASE_PREPARE;
    case PHASE_PREPARE:
        return request->making.result      ? PHASE_CLEANUP
               : request->making.build     ? PHASE_BUILD
               : request->making.bootstrap ? PHASE_SOURCES
                                           : PHASE_INSPECT;
    case PHASE_INSPECT:
        return PHASE_COMPARE;
    case PHASE_COMPARE:
        return request->making.result ? PHASE_CLEANUP : PHASE_COPY;
    case PHASE_COPY:
        return PHASE_LAYOUT;
    case PHASE_LAYOUT:
        return request->making.result                      ? PHASE_CLEANUP
               : image_step_needs_config(&request->making) ? PHASE_CONFIG
                                                           : PHASE_UNPACK;
    case PHASE_CONFIG:
        return PHASE_UNPACK;
    case PHASE_UNPACK:
    case PHASE_FILES:
        return PHASE_EROFS;
    case PHASE_SOURCES:
        return PHASE_BOOTSTRAP;
    case PHASE_BOOTSTRAP:
        return PHASE_FILES;
    case PHASE_BUILD:
        return PHASE_BUILT;
    case PHASE_BUILT:
        return request->making.result ? PHASE_CLEANUP : PHASE_BUILD_CONFIG;
    case PHASE_BUILD_CONFIG:
        return PHASE_EROFS;
    case PHASE_EROFS:
        return PHASE_INSTALL;
    case PHASE_INSTALL:
        return PHASE_CLEANUP;
    case PHASE_CLEANUP:
    case PHASE_DONE:
    case PHASE_COUNT:
        break;
    }
    return PHASE_DONE;
}

static void set_phase(struct image_request *request, enum image_phase phase)
{
    assert(request->phase < PHASE_COUNT && phase < PHASE_COUNT);
    log_debug("image '%s': %s -> %s", request->making.name, phase_names[request->phase],
              phase_names[phase]);
    request->phase = phase;
}

/* Said once, and before the work that follows from it. */
static void tell_damage(struct image_request *request)
{
    if (!request->making.damage || request->told_damage || request->making.result ||
        request->making.err.code)
        return;
    request->told_damage = true;
    _cleanup_free_ char *text =
        xasprintf("the cached copy is damaged (%s): making it again", request->making.damage);
    log_warning("image '%s': %s", request->making.name, text);
    report(request, text, 0, 0, "");
}

static void request_advance(struct image_request *request)
{
    tell_damage(request);
    set_phase(request, next_phase(request));
    if (phases[request->phase].text)
        report(request, phases[request->phase].text, 0, 0, "");
    if (request->phase == PHASE_DONE)
        uv_close((uv_handle_t *)&request->timer, request_closed);
    else if (request->phase == PHASE_LOCK)
        start_locking(request);
    else if (request->phase == PHASE_BASES)
        uv_timer_start(&request->timer, poll_bases, 0, TICK_MS);
    else if (phases[request->phase].job)
        start_job(request);
    else if (start_program(request) < 0)
        request_advance(request); /* its error is set: to CLEANUP */
}

/* --- the front ------------------------------------------------------------------------------ */

static int parse_spec(struct image_request *request, const cJSON *spec, struct error *err)
{
    static const char *const policies[] = {[IMAGE_PULL_MISSING] = "missing",
                                           [IMAGE_PULL_ALWAYS] = "always",
                                           [IMAGE_PULL_NEVER] = "never"};
    const char *pull = json_string(spec, "pull", "missing");
    size_t policy = 0;
    while (policy < ARRAY_SIZE(policies) && !streq(policies[policy], pull))
        policy++;
    if (policy == ARRAY_SIZE(policies))
        return error_set(err, EINVAL, "image '%s': '%s' is not a pull policy", request->making.name,
                         pull);
    request->making.pull = (enum image_pull)policy;
    const cJSON *bootstrap = json_object(spec, "bootstrap");
    const cJSON *build = json_object(spec, "build");
    if (!bootstrap && !build)
        return image_reference_parse(json_string(spec, "image", ""), &request->making.reference,
                                     err);
    int r = build ? image_build_parse(spec, &request->making.build, err)
                  : image_bootstrap_parse(bootstrap, &request->making.bootstrap, err);
    return r < 0 ? error_prefix(err, "image '%s'", request->making.name) : r;
}

int image_request_new(uv_loop_t *loop, const char *images, const char *name, const cJSON *spec,
                      const struct image_callbacks *callbacks, void *userdata,
                      struct image_request_list *list, struct image_request **ret_request,
                      struct error *err)
{
    struct image_request *request = new0(struct image_request);
    request->making.name = xstrdup(name);
    request->making.lock = request->making.tool_lock = -1;
    int r = parse_spec(request, spec, err);
    if (r < 0) {
        free_request(request);
        return r;
    }
    request->loop = loop;
    request->making.images = xstrdup(images);
    request->callbacks = *callbacks;
    request->userdata = userdata;
    request->list = list;
    request->next = list->first;
    list->first = request;
    uv_timer_init(loop, &request->timer);
    request->timer.data = request;
    start_job(request); /* PHASE_LOOKUP */
    *ret_request = request;
    return 0;
}

void image_request_cancel(struct image_request *request)
{
    request->cancelled = true;
    if (request->spawn)
        spawn_cancel(request->spawn);
}

void image_request_abandon_all(struct image_request_list *list)
{
    while (list->first) {
        struct image_request *request = list->first;
        unlink_request(request);
        image_request_cancel(request);
    }
}
