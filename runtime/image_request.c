/* See image_request.h.
 *
 *   LOOKUP -> (cached) CLEANUP
 *          -> LOCK -> PREPARE -> INSPECT -> COMPARE -> COPY -> LAYOUT -> UNPACK  -> EROFS -> INSTALL
 *                             -> SOURCES -> BOOTSTRAP -> FILES -----------------> EROFS
 *   ... -> CLEANUP -> DONE, which is where every failure and every cancel lead to as well.
 *
 * A phase is a job in the thread pool, a program, or the wait for a lock. When it ends,
 * request_advance() chooses the next one. A job sees its request alone: while it runs, the loop's side
 * does no more than note that the request was cancelled. */
#include "runtime/image_request.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/spawn.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/image_bootstrap.h"
#include "runtime/image_cache.h"
#include "runtime/image_failure.h"
#include "runtime/image_oci.h"

#include <assert.h>
#include <errno.h>

enum image_phase {
    PHASE_LOOKUP,    /* is it cached and whole? */
    PHASE_LOCK,      /* one maker per image, one mmdebstrap at all */
    PHASE_PREPARE,   /* look again; clear what dead makers left; a private folder */
    PHASE_INSPECT,   /* skopeo inspect: the platform, before anything is fetched */
    PHASE_COMPARE,   /* pull: always, and the registry still has what is cached? */
    PHASE_COPY,      /* skopeo copy */
    PHASE_LAYOUT,    /* the id and the configuration; cached under another name? */
    PHASE_UNPACK,    /* umoci unpack */
    PHASE_SOURCES,   /* apt-get indextargets */
    PHASE_BOOTSTRAP, /* mmdebstrap */
    PHASE_FILES,     /* bootstrap's files */
    PHASE_EROFS,     /* mkfs.erofs */
    PHASE_INSTALL,   /* hash, rename, reference */
    PHASE_CLEANUP,   /* the folder and the locks go */
    PHASE_DONE,
    PHASE_COUNT
};

static const char *const phase_names[] = {"lookup", "lock",   "prepare", "inspect", "compare",
                                          "copy",   "layout", "unpack",  "sources", "bootstrap",
                                          "files",  "erofs",  "install", "cleanup", "done"};
static_assert(ARRAY_SIZE(phase_names) == PHASE_COUNT, "a name for each phase");

enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER };

enum {
    TICK_MS = 50,                      /* looks at a lock */
    PROGRESS_MS = 250,                 /* looks at how much was fetched */
    LOCK_TIMEOUT_MS = 2 * 3600 * 1000, /* somebody else may be fetching a large image */
    QUERY_TIMEOUT_MS = 2 * 60 * 1000,  /* a registry or apt is asked something */
    WORK_TIMEOUT_MS = 2 * 3600 * 1000, /* fetching, unpacking, installing */
    OUTPUT_LIMIT = 4 << 20,
};

struct image_request {
    uv_loop_t *loop;
    char *images, *name;
    struct image_callbacks callbacks;
    void *userdata;
    struct image_request_list *list;
    struct image_request *next;

    enum pull_policy pull;
    struct image_reference reference; /* one of the two is set */
    struct image_bootstrap *bootstrap;

    enum image_phase phase;
    bool cancelled;
    uv_work_t work;
    uv_timer_t timer;
    struct spawn *spawn;
    uint64_t lock_deadline_ms;
    bool told_waiting;

    char key[HASH_HEX_SIZE];
    char *fingerprint; /* the source's state: a local source's, or the registry's digest */
    char *damage;      /* what is wrong with the copy that was cached */
    bool told_damage;
    int lock, bootstrap_lock;
    char *folder; /* private, below CACHE/images/tmp */
    struct image_oci_facts facts;
    char *targets; /* apt-get's index targets */
    cJSON *image;  /* "id", "architecture", "config" */
    cJSON *result;
    char **error_lines; /* mmdebstrap's "E: ..." lines */
    struct error err;
};

static void request_advance(struct image_request *request);

static void report(struct image_request *request, const char *text, int64_t current, int64_t total,
                   const char *unit)
{
    if (request->list && request->callbacks.on_progress)
        request->callbacks.on_progress(request->userdata, text, current, total, unit);
}

/* --- jobs (in the thread pool) -------------------------------------------------------------- */

static int compute_key(struct image_request *request)
{
    if (request->bootstrap)
        return image_bootstrap_key(request->bootstrap, request->key, &request->err);
    hash_sha256_hex(request->reference.source, strlen(request->reference.source), request->key);
    free(request->fingerprint);
    return image_oci_fingerprint(request->name, &request->reference, &request->fingerprint,
                                 &request->err);
}

static void find_cached(struct image_request *request)
{
    free(request->damage);
    image_cache_find(request->images, request->key, request->fingerprint, &request->result,
                     &request->damage);
}

/* A bootstrap is what its description says: there is nothing newer to look for. */
static bool must_ask_registry(const struct image_request *request)
{
    return request->pull == PULL_ALWAYS && request->reference.registry;
}

static int job_lookup(struct image_request *request)
{
    int r = compute_key(request);
    if (r < 0 || must_ask_registry(request))
        return r;
    find_cached(request);
    if (!request->result && request->pull == PULL_NEVER)
        return error_set(&request->err, ENOENT,
                         "image '%s' is not in the cache%s%s%s and may not be fetched; get it with "
                         "'vmstead pull', or leave out 'pull_policy: never'",
                         request->name, request->damage ? " (damaged: " : "",
                         request->damage ? request->damage : "", request->damage ? ")" : "");
    return 0;
}

static int job_prepare(struct image_request *request)
{
    static const char *const for_oci[] = {"skopeo", "umoci", "mkfs.erofs", NULL};
    static const char *const for_bootstrap[] = {"apt-get", "mmdebstrap", "mkfs.erofs", NULL};
    image_cache_sweep(request->images, request->key);
    if (!must_ask_registry(request))
        find_cached(request);
    if (request->result)
        return 0;
    if (request->bootstrap && geteuid() != 0)
        return error_set(&request->err, EPERM,
                         "image '%s' can be built by root only: mmdebstrap makes device nodes and "
                         "files of many owners; run 'vmstead pull' as root",
                         request->name);
    int r =
        image_failure_check_programs(request->name, request->bootstrap ? "build" : "fetch",
                                     request->bootstrap ? for_bootstrap : for_oci, &request->err);
    return r < 0 ? r
                 : image_cache_make_folder(request->images, request->key, &request->folder,
                                           &request->err);
}

static int job_compare(struct image_request *request)
{
    if (request->reference.registry) {
        free(request->fingerprint);
        request->fingerprint = xstrdup(request->facts.digest);
    }
    if (must_ask_registry(request) && *request->fingerprint)
        find_cached(request);
    return 0;
}

static const char *reference_text(const struct image_request *request)
{
    return request->bootstrap ? image_bootstrap_suite(request->bootstrap)
                              : request->reference.source;
}

static int write_ref(struct image_request *request)
{
    return image_cache_write_ref(request->images, request->key, reference_text(request),
                                 request->fingerprint ? request->fingerprint : "",
                                 json_string(request->result, "id", ""), &request->err);
}

static int job_layout(struct image_request *request)
{
    int r = image_oci_read_layout(request->name, request->folder, &request->image, &request->err);
    if (r < 0)
        return r;
    free(request->damage);
    image_cache_find_id(request->images, json_string(request->image, "id", ""), &request->result,
                        &request->damage);
    return request->result ? write_ref(request) : 0;
}

static int job_files(struct image_request *request)
{
    _cleanup_free_ char *rootfs = xasprintf("%s/rootfs", request->folder);
    request->image = image_bootstrap_image();
    return image_bootstrap_write_files(request->bootstrap, rootfs, &request->err);
}

static int job_install(struct image_request *request)
{
    int r = image_cache_install(request->images, request->folder, request->image, &request->result,
                                &request->err);
    return r < 0 ? r : write_ref(request);
}

static int job_cleanup(struct image_request *request)
{
    if (request->folder)
        fs_remove_tree(request->folder, NULL);
    closep(&request->bootstrap_lock);
    closep(&request->lock);
    request->lock = request->bootstrap_lock = -1;
    return 0;
}

/* --- programs ------------------------------------------------------------------------------- */

static int parse_inspection(struct image_request *request, const struct spawn_result *result)
{
    return image_oci_read_inspection(request->name, result->output, result->output_length,
                                     &request->facts, &request->err);
}

static int keep_targets(struct image_request *request, const struct spawn_result *result)
{
    request->targets = xstrndup(result->output, result->output_length);
    return 0;
}

static int inspect_argv(struct image_request *request, char ***argv)
{
    *argv = image_oci_inspect_argv(&request->reference);
    return 0;
}

static int copy_argv(struct image_request *request, char ***argv)
{
    *argv = image_oci_copy_argv(&request->reference);
    return 0;
}

static int unpack_argv(struct image_request *request, char ***argv)
{
    (void)request;
    *argv = image_oci_unpack_argv();
    return 0;
}

static int sources_argv(struct image_request *request, char ***argv)
{
    (void)request;
    *argv = strv_copy(image_bootstrap_targets_argv);
    return 0;
}

/* VERSION_CODENAME=bookworm, quoted or not; "" where there is none. */
static char *host_codename(void)
{
    _cleanup_free_ char *text = NULL;
    if (fs_read_file("/etc/os-release", 65536, &text, NULL, NULL) < 0)
        return xstrdup("");
    const char *value = strstr(text, "\nVERSION_CODENAME=");
    if (!value)
        return xstrdup("");
    value += strlen("\nVERSION_CODENAME=");
    value += strspn(value, "\"'");
    return xstrndup(value, strcspn(value, "\"'\n"));
}

static int bootstrap_argv(struct image_request *request, char ***argv)
{
    _cleanup_free_ char *codename = host_codename();
    return image_bootstrap_argv(request->bootstrap, request->targets, codename, argv,
                                &request->err);
}

static int erofs_argv(struct image_request *request, char ***argv)
{
    /* Without privileges files are ours in the bundle, and were root's in the image. */
    static const char *const as_root[] = {
        "mkfs.erofs",   "--quiet", "-zlz4", "-U", "00000000-0000-0000-0000-000000000000",
        "rootfs.erofs", NULL};
    *argv = strv_copy(as_root);
    if (geteuid() != 0) {
        strv_add(argv, xstrdup("--all-root"));
        strv_add(argv, xstrdup("-x-1"));
    }
    strv_add(argv, xstrdup(request->bootstrap ? "rootfs" : "bundle/rootfs"));
    return 0;
}

/* --- the table of phases -------------------------------------------------------------------- */

/* A job, or a program: `argv` and, where its output matters, `read`. */
static const struct {
    const char *text; /* progress; NULL: too short to tell */
    int (*job)(struct image_request *request);
    int (*argv)(struct image_request *request, char ***argv);
    int (*read)(struct image_request *request, const struct spawn_result *result);
    uint64_t timeout_ms;
} phases[PHASE_COUNT] = {
    [PHASE_LOOKUP] = {.job = job_lookup},
    [PHASE_PREPARE] = {.job = job_prepare},
    [PHASE_INSPECT] = {"looking up", NULL, inspect_argv, parse_inspection, QUERY_TIMEOUT_MS},
    [PHASE_COMPARE] = {.job = job_compare},
    [PHASE_COPY] = {"fetching", NULL, copy_argv, NULL, WORK_TIMEOUT_MS},
    [PHASE_LAYOUT] = {.job = job_layout},
    [PHASE_UNPACK] = {"unpacking", NULL, unpack_argv, NULL, WORK_TIMEOUT_MS},
    [PHASE_SOURCES] = {NULL, NULL, sources_argv, keep_targets, QUERY_TIMEOUT_MS},
    [PHASE_BOOTSTRAP] = {"installing packages", NULL, bootstrap_argv, NULL, WORK_TIMEOUT_MS},
    [PHASE_FILES] = {.job = job_files},
    [PHASE_EROFS] = {"building image", NULL, erofs_argv, NULL, WORK_TIMEOUT_MS},
    [PHASE_INSTALL] = {"checking image", .job = job_install},
    [PHASE_CLEANUP] = {.job = job_cleanup},
};

/* --- running a phase ------------------------------------------------------------------------ */

static struct image_request *request_of_work(uv_work_t *work)
{
    return work->data;
}

static void run_job(uv_work_t *work)
{
    struct image_request *request = request_of_work(work);
    phases[request->phase].job(request);
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
    report(request, "fetching", image_oci_fetched_bytes(request->folder), request->facts.bytes,
           "B");
}

static void program_said(void *userdata, const char *line)
{
    struct image_request *request = userdata;
    if (request->phase != PHASE_BOOTSTRAP)
        return;
    const char *text = image_bootstrap_progress(line);
    if (text)
        report(request, text, 0, 0, "");
    /* The cause comes first, long before the end of stderr. */
    if (str_after_prefix(line, "E: ") && strv_length(request->error_lines) < 16)
        strv_add(&request->error_lines, xstrdup(line));
}

static void explain_failure(struct image_request *request, const struct spawn_result *result)
{
    _cleanup_free_ char *lines =
        request->error_lines ? strv_join(request->error_lines, "\n") : xstrdup(result->errors);
    _cleanup_free_ char *essence = image_failure_essence(lines);
    if (result->timed_out)
        error_set(&request->err, ETIMEDOUT, "image '%s': '%s' did not end in time", request->name,
                  phase_names[request->phase]);
    else
        image_failure_explain(request->name, request->reference.registry, essence, &request->err);
}

static void program_done(void *userdata, const struct spawn_result *result)
{
    struct image_request *request = userdata;
    request->spawn = NULL;
    uv_timer_stop(&request->timer);
    if (request->cancelled)
        ;
    else if (result->exit_status != 0)
        explain_failure(request, result);
    else if (phases[request->phase].read)
        phases[request->phase].read(request, result);
    request_advance(request);
}

/* 0, or the reason is in request->err. */
static int start_program(struct image_request *request)
{
    _cleanup_strv_ char **argv = NULL;
    int r = phases[request->phase].argv(request, &argv);
    if (r < 0)
        return r;
    /* Large temporary files belong where the image will be, not in /tmp. The epoch, in the year 2100,
     * makes mkfs.erofs give the same bytes for the same tree and clamps no file's time: Python's
     * compiled modules are valid only with their sources' true times. */
    _cleanup_free_ char *tmpdir = xasprintf("TMPDIR=%s", request->folder);
    const char *const environment[] = {
        "LC_ALL=C.UTF-8", request->phase == PHASE_BOOTSTRAP ? "LC_ALL=C.UTF-8" : tmpdir,
        request->phase == PHASE_EROFS ? "SOURCE_DATE_EPOCH=4102444800" : NULL, NULL};
    struct spawn_options options = {
        .argv = (const char *const *)argv,
        .environment = environment,
        .working_directory = request->folder,
        .timeout_ms = phases[request->phase].timeout_ms,
        .output_limit = OUTPUT_LIMIT,
        .on_error_line = program_said,
        .on_done = program_done,
        .userdata = request,
    };
    r = spawn_start(request->loop, &options, &request->spawn, &request->err);
    if (r == 0 && request->phase == PHASE_COPY)
        uv_timer_start(&request->timer, show_fetched, PROGRESS_MS, PROGRESS_MS);
    return r;
}

/* --- locks ---------------------------------------------------------------------------------- */

/* 0: held, 1: somebody else has it, < 0: the reason is in request->err. */
static int try_lock(struct image_request *request, const char *key, int *lock)
{
    if (*lock >= 0)
        return 0;
    _cleanup_free_ char *path = image_cache_lock_path(request->images, key);
    _cleanup_error_ struct error err = {0};
    int r = fs_lock_file(path, 0, lock, &err);
    return r == -EWOULDBLOCK ? 1 : r < 0 ? error_move(&request->err, &err) : 0;
}

static int try_locks(struct image_request *request)
{
    int r = try_lock(request, request->key, &request->lock);
    if (r == 0 && request->bootstrap)
        r = try_lock(request, "bootstrap", &request->bootstrap_lock);
    if (r == 1 && clock_monotonic_ms() > request->lock_deadline_ms)
        r = error_set(&request->err, ETIMEDOUT,
                      "image '%s': another vmstead has been making it for too long", request->name);
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

/* --- the end -------------------------------------------------------------------------------- */

static void unlink_request(struct image_request *request)
{
    if (!request->list)
        return;
    struct image_request **place = &request->list->first;
    while (*place != request)
        place = &(*place)->next;
    *place = request->next;
    request->list = NULL;
}

static void free_request(struct image_request *request)
{
    closep(&request->lock);
    closep(&request->bootstrap_lock);
    image_reference_done(&request->reference);
    image_bootstrap_free(request->bootstrap);
    strv_free(request->error_lines);
    cJSON_Delete(request->image);
    cJSON_Delete(request->result);
    error_done(&request->err);
    free(request->images);
    free(request->name);
    free(request->fingerprint);
    free(request->damage);
    free(request->folder);
    free(request->targets);
    free(request);
}

static void request_closed(uv_handle_t *handle)
{
    struct image_request *request = handle->data;
    bool listening = request->list != NULL;
    unlink_request(request);
    if (request->cancelled && !request->result)
        error_set(&request->err, ECANCELED, "image '%s': cancelled", request->name);
    else if (request->err.code && request->damage)
        error_prefix(&request->err, "the cached copy of image '%s' is damaged (%s)", request->name,
                     request->damage);
    if (request->err.code) {
        cJSON_Delete(request->result);
        request->result = NULL;
    }
    if (listening)
        request->callbacks.on_done(request->userdata, TAKE_PTR(request->result), &request->err);
    free_request(request);
}

/* --- advancing ------------------------------------------------------------------------------ */

static enum image_phase next_phase(const struct image_request *request)
{
    if (request->phase < PHASE_CLEANUP && (request->cancelled || request->err.code))
        return PHASE_CLEANUP;
    switch (request->phase) {
    case PHASE_LOOKUP:
        return request->result ? PHASE_CLEANUP : PHASE_LOCK;
    case PHASE_LOCK:
        return PHASE_PREPARE;
    case PHASE_PREPARE:
        return request->result ? PHASE_CLEANUP : request->bootstrap ? PHASE_SOURCES : PHASE_INSPECT;
    case PHASE_INSPECT:
        return PHASE_COMPARE;
    case PHASE_COMPARE:
        return request->result ? PHASE_CLEANUP : PHASE_COPY;
    case PHASE_COPY:
        return PHASE_LAYOUT;
    case PHASE_LAYOUT:
        return request->result ? PHASE_CLEANUP : PHASE_UNPACK;
    case PHASE_UNPACK:
    case PHASE_FILES:
        return PHASE_EROFS;
    case PHASE_SOURCES:
        return PHASE_BOOTSTRAP;
    case PHASE_BOOTSTRAP:
        return PHASE_FILES;
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
    log_debug("image '%s': %s -> %s", request->name, phase_names[request->phase],
              phase_names[phase]);
    request->phase = phase;
}

/* Said once, and before the work that follows from it. */
static void tell_damage(struct image_request *request)
{
    if (!request->damage || request->told_damage || request->result || request->err.code)
        return;
    request->told_damage = true;
    _cleanup_free_ char *text =
        xasprintf("the cached copy is damaged (%s): making it again", request->damage);
    log_warning("image '%s': %s", request->name, text);
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
    else if (phases[request->phase].job)
        start_job(request);
    else if (start_program(request) < 0)
        request_advance(request); /* with its error set this leads to CLEANUP */
}

/* --- the front ------------------------------------------------------------------------------ */

static int parse_spec(struct image_request *request, const cJSON *spec, struct error *err)
{
    static const char *const policies[] = {
        [PULL_MISSING] = "missing", [PULL_ALWAYS] = "always", [PULL_NEVER] = "never"};
    const char *pull = json_string(spec, "pull", "missing");
    size_t policy = 0;
    while (policy < ARRAY_SIZE(policies) && !streq(policies[policy], pull))
        policy++;
    if (policy == ARRAY_SIZE(policies))
        return error_set(err, EINVAL, "image '%s': '%s' is not a pull policy", request->name, pull);
    request->pull = (enum pull_policy)policy;
    const cJSON *bootstrap = json_object(spec, "bootstrap");
    int r = bootstrap
                ? image_bootstrap_parse(bootstrap, &request->bootstrap, err)
                : image_reference_parse(json_string(spec, "image", ""), &request->reference, err);
    return r < 0 && bootstrap ? error_prefix(err, "image '%s'", request->name) : r;
}

int image_request_new(uv_loop_t *loop, const char *images, const char *name, const cJSON *spec,
                      const struct image_callbacks *callbacks, void *userdata,
                      struct image_request_list *list, struct image_request **ret_request,
                      struct error *err)
{
    struct image_request *request = new0(struct image_request);
    request->name = xstrdup(name);
    request->lock = request->bootstrap_lock = -1;
    int r = parse_spec(request, spec, err);
    if (r < 0) {
        free_request(request);
        return r;
    }
    request->loop = loop;
    request->images = xstrdup(images);
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
