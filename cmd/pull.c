/* `vmstead pull`: fills the image cache on this command's own loop. No daemon: it works before
 * networks are made, outside the namespace where VMs will run, and as an ordinary user for that
 * user's own cache. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/paths.h"
#include "base/vec.h"
#include "cmd/command.h"
#include "cmd/interrupt.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "cmd/project.h"
#include "compose/model.h"
#include "orchestrator/spec.h"
#include "runtime/image_store.h"

#include <errno.h>

struct pull_values {
    bool quiet, ignore_buildable, ignore_failures, include_deps;
    const char *policy;
};

static const struct option_row rows[] = {
    {"ignore-buildable", 0, OPTION_FLAG, offsetof(struct pull_values, ignore_buildable), NULL, NULL,
     0, 0, "Leave out what can be built"},
    {"ignore-pull-failures", 0, OPTION_FLAG, offsetof(struct pull_values, ignore_failures), NULL,
     NULL, 0, 0, "Succeed with what can be fetched"},
    {"include-deps", 0, OPTION_FLAG, offsetof(struct pull_values, include_deps), NULL, NULL, 0, 0,
     "Also fetch for what the services named depend on"},
    {"policy", 0, OPTION_CHOICE, offsetof(struct pull_values, policy), "missing|always", "always",
     0, 0, "Ask the registry even for what is cached, or not; packages are never installed twice"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct pull_values, quiet), NULL, NULL, 0, 0,
     "Show no progress"},
};

struct pull;

/* One image on its way. */
struct pull_image {
    struct pull *pull;
    const char *name; /* the specs' */
    const cJSON *spec;
    struct image_request *request; /* NULL: not started, or done */
    uint64_t started_ms;
    bool may_fail; /* it can be built, or --ignore-pull-failures */
};

struct pull {
    struct progress *progress;
    VEC(struct pull_image *) images;
    size_t open;         /* how many are not done */
    struct error result; /* the first failure */
    bool interrupted;
};

static void report(const struct pull_image *image, const char *state, const char *text,
                   int64_t current, int64_t total, const char *unit)
{
    uint64_t now_ms = clock_monotonic_ms();
    _cleanup_json_ cJSON *event = cJSON_CreateObject();
    json_set_string(event, "type", "step");
    json_set_string(event, "kind", "image");
    json_set_string(event, "name", image->name);
    json_set_string(event, "verb", "ensure");
    json_set_string(event, "state", state);
    json_set_string(event, "text", text);
    json_set_int(event, "elapsed_ms", (int64_t)(now_ms - image->started_ms));
    json_set_int(event, "current", current);
    json_set_int(event, "total", total);
    json_set_string(event, "unit", unit);
    progress_event(image->pull->progress, event, now_ms);
}

static void on_progress(void *userdata, const char *text, int64_t current, int64_t total,
                        const char *unit)
{
    report(userdata, "working", text, current, total, unit);
}

static void on_done(void *userdata, cJSON *result, struct error *err)
{
    struct pull_image *image = userdata;
    struct pull *pull = image->pull;
    image->request = NULL;
    pull->open--;
    bool failed = err && err->code;
    const char *success = json_string(image->spec, "image", NULL) ? "Pulled" : "Ready";
    report(image, failed ? "error" : "done", failed ? "Error" : success, 0, 0, NULL);
    if (failed && image->may_fail)
        output_warning(error_text(err));
    else if (failed && !pull->result.code)
        error_move(&pull->result, err);
    cJSON_Delete(result);
}

static void cancel_all(struct pull *pull)
{
    for (size_t i = 0; i < pull->images.count; i++)
        if (pull->images.items[i]->request)
            image_request_cancel(pull->images.items[i]->request);
}

static void on_interrupt(void *userdata, unsigned count)
{
    (void)count;
    struct pull *pull = userdata;
    pull->interrupted = true;
    cancel_all(pull);
}

static void on_tick(uv_timer_t *timer)
{
    struct pull *pull = timer->data;
    progress_tick(pull->progress, clock_monotonic_ms());
}

static bool has_image(const struct pull *pull, const char *name)
{
    for (size_t i = 0; i < pull->images.count; i++)
        if (streq(pull->images.items[i]->name, name))
            return true;
    return false;
}

static void choose_service(const struct pull_values *values, const struct specs *specs,
                           const char *name, char ***chosen)
{
    if (strv_contains(*chosen, name))
        return;
    strv_add(chosen, xstrdup(name));
    const struct spec_service *service = &specs->services[specs_find_service(specs, name)];
    for (size_t i = 0; values->include_deps && i < service->model->dependency_count; i++) {
        size_t other = service->model->dependencies[i].service;
        choose_service(values, specs, specs->services[other].name, chosen);
    }
}

static void add_image(struct pull *pull, const struct pull_values *values,
                      struct spec_service *service)
{
    bool buildable = json_object(service->image_spec, "build") != NULL;
    bool named = json_string(service->image_spec, "image", NULL) != NULL;
    if (has_image(pull, service->image) || (buildable && (values->ignore_buildable || !named)))
        return;
    json_set(service->image_spec, "build", NULL); /* this command only fetches */
    if (named)
        json_set_string(service->image_spec, "pull", values->policy);
    struct pull_image *image = new0(struct pull_image);
    image->pull = pull;
    image->name = service->image;
    image->spec = service->image_spec;
    image->may_fail = buildable || values->ignore_failures;
    vec_add(&pull->images, image);
}

/* The images of the chosen services, each once. */
static void choose_images(struct pull *pull, const struct invocation *invocation,
                          const struct specs *specs)
{
    _cleanup_strv_ char **chosen = NULL;
    for (size_t i = 0; i < invocation->operand_count; i++)
        choose_service(invocation->values, specs, invocation->operands[i], &chosen);
    for (size_t i = 0; i < specs->service_count; i++)
        if (!chosen || strv_contains(chosen, specs->services[i].name))
            add_image(pull, invocation->values, &specs->services[i]);
}

static void start_images(struct pull *pull, struct image_store *store)
{
    static const struct image_callbacks callbacks = {on_progress, on_done};
    for (size_t i = 0; i < pull->images.count; i++) {
        struct pull_image *image = pull->images.items[i];
        _cleanup_error_ struct error err = {0};
        image->started_ms = clock_monotonic_ms();
        pull->open++;
        if (image_store_ensure(store, image->name, image->spec, &callbacks, image, &image->request,
                               &err) < 0)
            on_done(image, NULL, &err);
    }
}

static void run_loop(struct pull *pull, uv_loop_t *loop)
{
    struct interrupt interrupt;
    uv_timer_t timer;
    uv_timer_init(loop, &timer);
    timer.data = pull;
    uv_timer_start(&timer, on_tick, PROGRESS_TICK_MS, PROGRESS_TICK_MS);
    interrupt_init(&interrupt, loop, on_interrupt, pull);
    while (pull->open)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    interrupt_done(&interrupt);
    uv_run(loop, UV_RUN_NOWAIT);
}

static int pull_images(struct pull *pull, const struct paths *paths, struct error *err)
{
    uv_loop_t loop;
    struct image_store *store;
    int r = uv_loop_init(&loop);
    if (r < 0)
        return error_set(err, -r, "cannot make an event loop: %s", uv_strerror(r));
    r = image_store_new(&loop, paths, &store, err);
    if (r == 0) {
        start_images(pull, store);
        run_loop(pull, &loop);
        image_store_free(store);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    if (r < 0)
        return r;
    if (pull->interrupted)
        return INTERRUPT_EXIT_STATUS;
    return pull->result.code ? error_move(err, &pull->result) : 0;
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct pull_values *values = invocation->values;
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(specs_freep) struct specs *specs = NULL;
    _cleanup_(paths_done) struct paths paths = {0};
    int r = project_load_services(invocation->global, invocation->operands, &model, err);
    if (r == 0)
        r = project_check_services(model, invocation->operands, invocation->operand_count, err);
    if (r == 0)
        r = specs_build(TAKE_PTR(model), &specs, err);
    if (r == 0)
        r = paths_init(&paths, err);
    if (r != 0)
        return r;
    struct pull pull = {.progress = progress_new(
                            values->quiet ? "quiet" : invocation->global->progress, "Pulling")};
    choose_images(&pull, invocation, specs);
    r = pull_images(&pull, &paths, err);
    progress_free(pull.progress);
    for (size_t i = 0; i < pull.images.count; i++)
        free(pull.images.items[i]);
    vec_done(&pull.images);
    error_done(&pull.result);
    return r;
}

const struct command command_pull = {
    .name = "pull",
    .arguments = "[SERVICE...]",
    .summary = "Fetch or build the services' images",
    .details =
        "Fills the image cache, so that a later 'up' needs no network. An image is fetched from "
        "its\n"
        "registry (with the logins of docker and podman), an oci: folder or a docker-archive:\n"
        "file; x-vmstead.bootstrap is built from distribution packages, which needs root. Starts\n"
        "no daemon and no virtual machine.",
    .examples = "  vmstead pull\n"
                "  vmstead pull --policy missing web",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct pull_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
