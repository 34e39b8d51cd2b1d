/* The runtime on its own as a command: one operation, one exec or one look per run, so that a
 * script can do with real VMs what the engine does. Each run is a daemon that comes, adopts what
 * the one before it has left, and goes.
 *
 *   vm_driver ensure|start|stop|remove KIND NAME SPEC [INPUTS]   prints the result
 *   vm_driver exec INSTANCE COMMAND...                           its output, its exit code
 *   vm_driver volumes                                            runtime_describe_volumes()
 *   vm_driver create-volume NAME | remove-volume NAME
 *   vm_driver status INSTANCE                                    state and exit code
 *   vm_driver run SECONDS                                        a daemon that stays that long
 *
 * Several operations in one run, at once: separated by an argument "--". */
#include "runtime/runtime.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define OPERATION_TIMEOUT_MS 150000

struct driver {
    uv_loop_t loop;
    struct paths paths;
    struct store *store;
    struct runtime *runtime;
};

struct outcome {
    struct operation operation;
    cJSON *spec, *inputs;
    bool *failed;
    int *left;
};

static void on_event(void *userdata, const struct vm_status *status)
{
    (void)userdata, (void)status;
}

static void on_wake(uv_timer_t *timer)
{
    (void)timer;
}

/* True where *flag got 0 in time. */
static bool run_until_zero(struct driver *driver, const int *left, uint64_t timeout_ms)
{
    uv_timer_t wake;
    uv_timer_init(&driver->loop, &wake);
    uv_timer_start(&wake, on_wake, 20, 20);
    uint64_t deadline = clock_monotonic_ms() + timeout_ms;
    while (*left > 0 && clock_monotonic_ms() < deadline)
        uv_run(&driver->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&wake, NULL);
    uv_run(&driver->loop, UV_RUN_NOWAIT);
    return *left == 0;
}

/* --- operations ------------------------------------------------------------------------------- */

static void on_done(struct operation *operation, cJSON *result, struct error *err)
{
    struct outcome *outcome = operation->engine_data;
    _cleanup_free_ char *text = result ? json_print(result) : xstrdup("{}");
    if (err->code) {
        *outcome->failed = true;
        fprintf(stderr, "%s: %s\n", operation->name, error_text(err));
    } else {
        puts(text);
    }
    error_done(err);
    cJSON_Delete(result);
    (*outcome->left)--;
}

static const struct operation_listener listener = {.done = on_done};

static const struct provider *find_provider(struct driver *driver, const char *kind)
{
    size_t count;
    const struct provider *providers = runtime_providers(driver->runtime, &count);
    for (size_t i = 0; i < count; i++)
        if (streq(providers[i].kind, kind))
            return &providers[i];
    return NULL;
}

static int parse_verb(const char *name)
{
    for (int verb = 0; verb < OPERATION_VERB_COUNT; verb++)
        if (streq(operation_verb_name((enum operation_verb)verb), name))
            return verb;
    return -1;
}

static cJSON *parse_json(const char *text)
{
    cJSON *json = NULL;
    if (json_parse(text, strlen(text), &json, NULL) < 0)
        fprintf(stderr, "no JSON: %s\n", text);
    return json ? json : cJSON_CreateObject();
}

static int begin(struct driver *driver, char **argv, int count, struct outcome *outcome,
                 struct error *err)
{
    int verb = count >= 4 ? parse_verb(argv[0]) : -1;
    const struct provider *provider = verb < 0 ? NULL : find_provider(driver, argv[1]);
    if (!provider)
        return error_set(err, 22, "usage: see the beginning of vm_driver.c");
    outcome->spec = parse_json(argv[3]);
    outcome->inputs = parse_json(count > 4 ? argv[4] : "{}");
    outcome->operation = (struct operation){.project = "test",
                                            .kind = argv[1],
                                            .name = argv[2],
                                            .verb = (enum operation_verb)verb,
                                            .spec = outcome->spec,
                                            .inputs = outcome->inputs,
                                            .listener = &listener,
                                            .engine_data = outcome};
    struct operation *all[] = {&outcome->operation};
    int r = 0;
    if (provider->check && (verb == OPERATION_ENSURE || verb == OPERATION_START))
        r = provider->check(provider->self, all, 1, err);
    return r < 0 ? r : provider->start(provider->self, &outcome->operation, err);
}

static int operate(struct driver *driver, char **argv)
{
    struct outcome outcomes[16] = {0};
    bool failed = false;
    int left = 0;
    size_t used = 0;
    for (char **next = argv; *next && used < 16;) {
        int count = 0;
        while (next[count] && !streq(next[count], "--"))
            count++;
        struct outcome *outcome = &outcomes[used++];
        outcome->failed = &failed;
        outcome->left = &left;
        _cleanup_error_ struct error err = {0};
        left++;
        if (begin(driver, next, count, outcome, &err) < 0) {
            fprintf(stderr, "%s\n", error_text(&err));
            failed = true;
            left--;
        }
        next += count + (next[count] != NULL);
    }
    if (!run_until_zero(driver, &left, OPERATION_TIMEOUT_MS)) {
        fprintf(stderr, "not within %d s\n", OPERATION_TIMEOUT_MS / 1000);
        failed = true;
    }
    for (size_t i = 0; i < used; i++) {
        cJSON_Delete(outcomes[i].spec);
        cJSON_Delete(outcomes[i].inputs);
    }
    return failed;
}

/* --- exec ------------------------------------------------------------------------------------- */

struct run {
    struct exec *exec;
    int left, exit_code;
};

static void on_output(void *userdata, enum exec_stream stream, const void *data, size_t length)
{
    struct run *run = userdata;
    fwrite(data, 1, length, stream == EXEC_STDOUT ? stdout : stderr);
    runtime_exec_consumed(run->exec, length);
}

static void on_writable(void *userdata, size_t window)
{
    (void)userdata, (void)window;
}

static void on_exit_code(void *userdata, int exit_code, const struct error *err)
{
    struct run *run = userdata;
    if (err)
        fprintf(stderr, "exec: %s\n", error_text(err));
    run->exit_code = err ? 255 : exit_code;
    run->left = 0;
}

static int exec_in_guest(struct driver *driver, const char *instance, char **argv)
{
    static const struct exec_callbacks callbacks = {on_output, on_writable, on_exit_code};
    struct run run = {.left = 1};
    _cleanup_error_ struct error err = {0};
    struct exec_options options = {.argv = (const char *const *)argv};
    if (runtime_exec_start(driver->runtime, instance, &options, &callbacks, &run, &run.exec, &err) <
        0) {
        fprintf(stderr, "exec: %s\n", error_text(&err));
        return 255;
    }
    return run_until_zero(driver, &run.left, OPERATION_TIMEOUT_MS) ? run.exit_code : 255;
}

/* --- the rest --------------------------------------------------------------------------------- */

static int report(int result, struct error *err)
{
    if (result < 0)
        fprintf(stderr, "%s\n", error_text(err));
    return result < 0;
}

static int show_volumes(struct driver *driver)
{
    _cleanup_json_ cJSON *volumes = runtime_describe_volumes(driver->runtime);
    _cleanup_free_ char *text = json_print(volumes);
    puts(text);
    return 0;
}

static int show_status(struct driver *driver, const char *instance)
{
    struct vm_status status;
    if (runtime_vm_status(driver->runtime, instance, &status) < 0)
        return 1;
    printf("%s %d\n", vm_state_name(status.state), status.exit_code);
    return 0;
}

static int stay(struct driver *driver, const char *seconds)
{
    int one = 1;
    run_until_zero(driver, &one, (uint64_t)(atof(seconds) * 1000));
    return 0;
}

static int dispatch(struct driver *driver, int count, char **argv)
{
    _cleanup_error_ struct error err = {0};
    if (count >= 4 && streq(argv[1], "exec"))
        return exec_in_guest(driver, argv[2], argv + 3);
    if (count == 2 && streq(argv[1], "volumes"))
        return show_volumes(driver);
    if (count == 3 && streq(argv[1], "status"))
        return show_status(driver, argv[2]);
    if (count == 3 && streq(argv[1], "run"))
        return stay(driver, argv[2]);
    if (count == 3 && streq(argv[1], "create-volume"))
        return report(runtime_volume_create(driver->runtime, argv[2], NULL, NULL, &err), &err);
    if (count == 3 && streq(argv[1], "remove-volume"))
        return report(runtime_volume_remove(driver->runtime, argv[2], &err), &err);
    return operate(driver, argv + 1);
}

static int open_driver(struct driver *driver, struct error *err)
{
    uv_loop_init(&driver->loop);
    int r = paths_init(&driver->paths, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *database = xasprintf("%s/vmstead.db", driver->paths.state);
    r = store_open(database, &driver->store, err);
    if (r == 0)
        r = runtime_new(&driver->loop, &driver->paths, driver->store, on_event, driver,
                        &driver->runtime, err);
    return r == 0 ? runtime_adopt(driver->runtime, err) : r;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    struct driver driver = {0};
    _cleanup_error_ struct error err = {0};
    log_set_level_from_environment();
    if (open_driver(&driver, &err) < 0) {
        fprintf(stderr, "%s\n", error_text(&err));
        return 2;
    }
    int code = dispatch(&driver, argc, argv);
    fflush(stdout);
    runtime_free(driver.runtime);
    int none = 1;
    run_until_zero(&driver, &none, 50);
    store_close(driver.store);
    paths_done(&driver.paths);
    return code;
}
