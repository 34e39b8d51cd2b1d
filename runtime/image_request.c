/* See image_request.h.
 *
 *   LOOKUP -> LOCK -> PREPARE
 *     -> an image reference: INSPECT -> COMPARE -> COPY -> LAYOUT -> CONFIG -> UNPACK
 *     -> a bootstrap:        SOURCES -> BOOTSTRAP -> FILES -> RUN ... -> LEAVE
 *     -> a build (with BASES before LOCK), for each base that buildah lacks EXTRACT -> TAR -> PACK
 *        -> IMPORT, then     READY -> BUILD -> BUILT -> BUILD_CONFIG
 *     -> EROFS -> INSTALL -> CLEANUP -> DONE
 *
 * Whatever finds the image in the cache goes straight to CLEANUP, and so does every failure and
 * every cancel. A phase is a job in the thread pool, a program, or the wait for a lock. When it
 * ends, image_request_advance() chooses the next one. While a job runs, the loop's side does no
 * more than note that the request was cancelled. */
#include "runtime/image_request_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/image_cache.h"

#include <assert.h>
#include <errno.h>

static const char *const phase_names[] = {
    "lookup",  "bases",  "lock",    "prepare",   "inspect", "compare", "copy",         "layout",
    "config",  "unpack", "sources", "bootstrap", "files",   "run",     "leave",        "extract",
    "tar",     "pack",   "import",  "ready",     "build",   "built",   "build config", "erofs",
    "install", "sweep",  "prune",   "cleanup",   "done"};
static_assert(ARRAY_SIZE(phase_names) == PHASE_COUNT, "a name for each phase");

enum { LOCK_TIMEOUT_MS = 2 * 3600 * 1000 }; /* somebody else may be fetching a large image */

const char *image_phase_name(enum image_phase phase)
{
    return phase_names[phase];
}

void image_request_report(struct image_request *request, const char *text, int64_t current,
                          int64_t total, const char *unit)
{
    if (request->list && request->callbacks.on_progress)
        request->callbacks.on_progress(request->userdata, text, current, total, unit);
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
        image_request_report(request, "waiting for its turn", 0, 0, "");
    }
    if (r == 1)
        return;
    uv_timer_stop(timer);
    image_request_advance(request);
}

static void start_locking(struct image_request *request)
{
    request->lock_deadline_ms = clock_monotonic_ms() + LOCK_TIMEOUT_MS;
    uv_timer_start(&request->timer, poll_locks, 0, IMAGE_TICK_MS);
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
        image_request_report(request, text, 0, 0, "");
    }
    request->waits_for = builder;
    if (builder)
        return;
    uv_timer_stop(timer);
    image_request_advance(request);
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
        return request->making.result ? PHASE_CLEANUP
               : request->making.build
                   ? image_step_missing_base(&request->making) ? PHASE_EXTRACT : PHASE_READY
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
    case PHASE_LEAVE:
        return PHASE_EROFS;
    case PHASE_FILES:
    case PHASE_RUN:
        return image_step_next_command(&request->making) ? PHASE_RUN : PHASE_LEAVE;
    case PHASE_SOURCES:
        return PHASE_BOOTSTRAP;
    case PHASE_BOOTSTRAP:
        return PHASE_FILES;
    case PHASE_EXTRACT:
        return PHASE_TAR;
    case PHASE_TAR:
        return PHASE_PACK;
    case PHASE_PACK:
        return PHASE_IMPORT;
    case PHASE_IMPORT:
        return PHASE_READY;
    case PHASE_READY:
        return image_step_missing_base(&request->making) ? PHASE_EXTRACT : PHASE_BUILD;
    case PHASE_BUILD:
        return PHASE_BUILT;
    case PHASE_BUILT:
        return request->making.result ? PHASE_CLEANUP : PHASE_BUILD_CONFIG;
    case PHASE_BUILD_CONFIG:
        return PHASE_EROFS;
    case PHASE_EROFS:
        return PHASE_INSTALL;
    case PHASE_INSTALL:
        return request->making.prunes ? PHASE_SWEEP : PHASE_CLEANUP;
    case PHASE_SWEEP:
        return PHASE_PRUNE;
    case PHASE_PRUNE:
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
    log_debug("image '%s': %s -> %s", request->making.name, image_phase_name(request->phase),
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
    image_request_report(request, text, 0, 0, "");
}

void image_request_advance(struct image_request *request)
{
    tell_damage(request);
    set_phase(request, next_phase(request));
    if (request->phase == PHASE_DONE)
        uv_close((uv_handle_t *)&request->timer, request_closed);
    else if (request->phase == PHASE_LOCK)
        start_locking(request);
    else if (request->phase == PHASE_BASES)
        uv_timer_start(&request->timer, poll_bases, 0, IMAGE_TICK_MS);
    else if (image_phase_start(request) < 0)
        image_request_advance(request); /* its error is set: to CLEANUP */
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
    image_phase_start(request); /* PHASE_LOOKUP, a job */
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
